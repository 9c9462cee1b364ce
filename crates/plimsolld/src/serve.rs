//! `plimsolld serve`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use plimsoll_s3::{Credential, Endpoint, Settings};
use plimsoll_store::{Location, Store};
use tokio::signal::unix::{SignalKind, signal};

use crate::environment;
use crate::failure::Failure;

/// Largest file of credentials, in bytes.
const MAX_CREDENTIALS_BYTES: u64 = 1 << 20;
const ACCESS_KEY: &str = "PLIMSOLL_S3_ACCESS_KEY";
const SECRET_KEY: &str = "PLIMSOLL_S3_SECRET_KEY";

/// What is served, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Keys: `PLIMSOLL_S3_ACCESS_KEY` and `PLIMSOLL_S3_SECRET_KEY`, or `--s3-credentials`. Without keys every program of this machine
may do everything, and only loopback addresses are served.

Exit status: 0 stopped, 2 wrong usage, 3 the address or the store cannot be used.")]
pub(crate) struct Arguments {
    /// Serve S3 on this address, as `127.0.0.1:9000`; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    s3: Option<String>,

    /// Serve the API on this address
    #[arg(long, value_name = "ADDRESS", hide = true)]
    listen: Option<String>,

    /// Where buckets are: a folder, or `s3://BUCKET/PREFIX`, `gs://…`, `az://…` [default: the data folder]
    #[arg(long, value_name = "PLACE", env = "PLIMSOLL_STORE")]
    store: Option<String>,

    /// Read keys from this file: `ACCESS_KEY SECRET_KEY [ro]`, one a line
    #[arg(long, value_name = "FILE")]
    s3_credentials: Option<PathBuf>,

    /// A name of this server: `BUCKET.NAME` is a bucket of it
    #[arg(long, value_name = "NAME")]
    s3_domain: Vec<String>,

    /// Refuse uploads to buckets that are not there
    #[arg(long)]
    no_create_buckets: bool,

    /// Connections at once
    #[arg(long, value_name = "COUNT", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,

    /// Statements of S3 Select at once
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    max_selects: u32,

    /// Do not write a line for each request
    #[arg(long, short)]
    quiet: bool,
}

/// Serves until a signal comes.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.listen.is_some() {
        return Err(Failure::usage(anyhow!("cannot serve the API: this version has none"))
            .hint("`--s3 ADDRESS` serves S3"));
    }
    let Some(address) = &arguments.s3 else {
        return Err(Failure::usage(anyhow!("cannot serve: expected `--s3 ADDRESS`, found nothing to serve"))
            .hint("`plimsolld serve --s3 127.0.0.1:9000 --store FOLDER`"));
    };
    let address = resolve(address)?;
    let mut settings = Settings::new(environment::now);
    settings.credentials = credentials(arguments.s3_credentials.as_deref())?;
    settings.domains = domains(&arguments.s3_domain)?;
    settings.create_buckets = !arguments.no_create_buckets;
    settings.connections = usize::try_from(arguments.max_connections).unwrap_or(usize::MAX);
    settings.selects = usize::try_from(arguments.max_selects).unwrap_or(usize::MAX);

    let location = match &arguments.store {
        Some(place) => Location::parse(place).map_err(Failure::usage)?,
        None => Location::Folder(environment::default_store().ok_or_else(|| {
            Failure::usage(anyhow!("cannot find the data folder: neither `XDG_DATA_HOME` nor `HOME` is set"))
                .hint("give a place with `--store`")
        })?),
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::unable)?;
    runtime.block_on(serve(&location, address, settings, arguments.quiet))?;
    // What reads a file for a client that is gone ends by itself.
    runtime.shutdown_background();
    Ok(())
}

async fn serve(
    location: &Location,
    address: SocketAddr,
    settings: Settings,
    quiet: bool,
) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::unable)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::unable)?;
    let store = Store::open(location).map_err(Failure::unable)?;
    let endpoint = Endpoint::bind(&store, address, settings).await.map_err(|error| match error {
        plimsoll_s3::Error::OpenToAll(_) => Failure::usage(error)
            .hint(format!("set `{ACCESS_KEY}` and `{SECRET_KEY}`, or give `--s3-credentials FILE`")),
        error @ plimsoll_s3::Error::Listen { .. } => Failure::unable(error),
    })?;
    if endpoint.is_open() {
        eprintln!(
            "warning: there are no keys: every program of this machine may read and write `{location}`"
        );
    }
    println!("listening on http://{}", endpoint.address());
    std::io::stdout().flush().map_err(Failure::unable)?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    endpoint.serve(stop, if quiet { |_| {} } else { |line| eprintln!("{line}") }).await;
    Ok(())
}

fn resolve(address: &str) -> Result<SocketAddr, Failure> {
    let bad = || {
        Failure::usage(anyhow!(
            "cannot listen on `{address}`: expected an address and a port, as `127.0.0.1:9000`"
        ))
    };
    address.to_socket_addrs().map_err(|_| bad())?.next().ok_or_else(bad)
}

/// Of the file, else of the environment.
fn credentials(file: Option<&Path>) -> Result<Vec<Credential>, Failure> {
    if let Some(path) = file {
        let found = read_credentials(path)?;
        if found.is_empty() {
            return Err(Failure::usage(anyhow!(
                "cannot use `{}`: expected keys, found none",
                path.display()
            )));
        }
        return Ok(found);
    }
    match (environment::variable(ACCESS_KEY), environment::variable(SECRET_KEY)) {
        (Some(access_key), Some(secret_key)) => {
            Ok(vec![Credential { access_key, secret_key, read_only: false }])
        }
        (None, None) => Ok(Vec::new()),
        (Some(_), None) => {
            Err(Failure::usage(anyhow!("cannot use `{ACCESS_KEY}`: `{SECRET_KEY}` is not set")))
        }
        (None, Some(_)) => {
            Err(Failure::usage(anyhow!("cannot use `{SECRET_KEY}`: `{ACCESS_KEY}` is not set")))
        }
    }
}

fn read_credentials(path: &Path) -> Result<Vec<Credential>, Failure> {
    let what = || format!("cannot read credentials `{}`", path.display());
    let file = std::fs::File::open(path).with_context(what).map_err(Failure::usage)?;
    let mode = file.metadata().with_context(what).map_err(Failure::usage)?.permissions().mode();
    if mode & 0o077 != 0 {
        let error =
            anyhow!("{}: expected a file for its owner alone, found mode {:03o}", what(), mode & 0o777);
        return Err(Failure::usage(error).hint(format!("chmod 600 {}", path.display())));
    }
    let mut text = String::new();
    let read = file.take(MAX_CREDENTIALS_BYTES + 1).read_to_string(&mut text);
    if read.with_context(what).map_err(Failure::usage)? as u64 > MAX_CREDENTIALS_BYTES {
        return Err(Failure::usage(anyhow!(
            "{}: expected {MAX_CREDENTIALS_BYTES} bytes at most, found more",
            what()
        )));
    }
    Credential::parse_lines(&text).with_context(what).map_err(Failure::usage)
}

fn domains(names: &[String]) -> Result<Vec<String>, Failure> {
    let is_name = |name: &str| {
        name.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
    };
    match names.iter().find(|name| !is_name(name)) {
        Some(name) => Err(Failure::usage(anyhow!(
            "cannot use `{name}` as a domain: expected a name as `s3.example`, without a port"
        ))),
        None => Ok(names.iter().map(|name| name.to_ascii_lowercase()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_names() {
        assert_eq!(domains(&["S3.Example".to_owned()]).unwrap(), ["s3.example"]);
        for name in ["", "a..b", "a:9000", "http://a", "a/b"] {
            assert!(domains(&[name.to_owned()]).is_err(), "{name}");
        }
    }

    #[test]
    fn addresses_have_a_port() {
        assert!(resolve("127.0.0.1:0").is_ok());
        assert!(resolve("127.0.0.1").is_err());
        assert!(resolve("nonsense").is_err());
    }
}
