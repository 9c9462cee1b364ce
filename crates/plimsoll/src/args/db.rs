//! The arguments of `plimsoll db`, and those by which others find the database.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::{TextOrJson, switch};

/// What is said of taking over a database.
const HELP_OF_TRUST: &str = "\
Say whom to believe: --public-key FILE, or --unsigned. What cannot be taken over
leaves the database as it is.";

#[derive(Debug, Args)]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    pub(crate) action: DbAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbAction {
    /// Fetch what has changed at the sources since last time.
    #[command(after_help = "\
What the database has is brought up to date. It begins empty: an ecosystem comes
with the first scan that needs it, or is named.

  plimsoll db update --ecosystem Debian,PyPI
  plimsoll db update
  plimsoll db update --mirror osv=https://mirror.example/osv/")]
    Update(UpdateArgs),
    /// Build a database from files: OSV records, and the documents of every other source.
    Build {
        /// A folder, or a file: zip, tar, JSON, XML or CSV, compressed or not. `plimsoll db sources` lists what is read.
        #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
        from: Vec<PathBuf>,
        /// Where the database goes: one file, or a folder of partitions where it is a folder or ends in `/`.
        #[arg(long, short, value_name = "PATH")]
        output: PathBuf,
    },
    /// Say what a database holds: dates, sources, counts, sizes, what is missing.
    Info {
        /// How the answer is written.
        #[arg(long, short, value_name = "FORMAT", default_value = "text")]
        format: TextOrJson,
        #[command(flatten)]
        db: DbPath,
    },
    /// List the sources of advisories that are read, with homes and licences.
    Sources,
    /// Check every byte of a database.
    Verify {
        #[command(flatten)]
        db: DbPath,
    },
    /// Find advisories by CVE or other ID, by package URL, or by a package's name.
    Search {
        /// `CVE-2021-44228`, `pkg:pypi/flask`, `openssl`.
        #[arg(value_name = "TEXT")]
        text: String,
        /// The most that is listed.
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// How it is written.
        #[arg(long, short, value_name = "FORMAT", default_value = "text")]
        format: TextOrJson,
        #[command(flatten)]
        db: DbPath,
    },
    /// Say what changed from one generation to another.
    Diff {
        /// The older: `sha256:…` of a generation that is kept, or another database folder.
        #[arg(value_name = "OLD")]
        old: String,
        /// The newer; the current generation by default.
        #[arg(value_name = "NEW")]
        new: Option<String>,
        /// The most changes that are listed; by default 200 for people, and all as JSON.
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
        /// How it is written.
        #[arg(long, short, value_name = "FORMAT", default_value = "text")]
        format: TextOrJson,
        #[command(flatten)]
        db: DbPath,
    },
    /// Write the whole database into one file, for places without a network.
    Export {
        /// The file: an OCI archive.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        key: SigningKey,
        #[command(flatten)]
        db: DbPath,
    },
    /// Take over a database from a file that `db export` wrote.
    #[command(after_help = HELP_OF_TRUST)]
    Import {
        /// The file, as `plimsoll db export` wrote it.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        trust: Trust,
        #[command(flatten)]
        db: DbPath,
    },
    /// Send the database to a registry, as an artefact.
    Push {
        /// `oci://registry.example/security/plimsoll-db:latest`.
        #[arg(value_name = "REFERENCE")]
        reference: String,
        #[command(flatten)]
        key: SigningKey,
        #[command(flatten)]
        registry: RegistryArgs,
        #[command(flatten)]
        db: DbPath,
    },
    /// Take over a database from a registry; only what has changed is fetched.
    #[command(after_help = HELP_OF_TRUST)]
    Pull {
        /// `oci://registry.example/security/plimsoll-db:latest`, or `…@sha256:…`.
        #[arg(value_name = "REFERENCE")]
        reference: String,
        #[command(flatten)]
        trust: Trust,
        #[command(flatten)]
        registry: RegistryArgs,
        #[command(flatten)]
        db: DbPath,
    },
    /// Make a pair of keys for signing databases and attestations, Ed25519 as PEM.
    Keygen {
        /// Where the private key goes; the public one goes beside it, with `.pub` behind its name.
        #[arg(long, short, value_name = "FILE", default_value = "plimsoll.key")]
        output: PathBuf,
    },
}

/// The database of a `db` call.
#[derive(Debug, Args)]
pub(crate) struct DbPath {
    /// The database: a folder, `~/.local/share/plimsoll` by default. Commands that only read take one file of
    /// `db build` as well.
    #[arg(long = "db", value_name = "PATH", env = "PLIMSOLL_DB")]
    pub(crate) path: Option<PathBuf>,
}

/// The database of a scan.
#[derive(Debug, Args)]
pub(crate) struct DatabaseArgs {
    /// The advisory database: a folder, or a file that `plimsoll db build --output` wrote.
    #[arg(long, value_name = "PATH", env = "PLIMSOLL_DB")]
    pub(crate) db: Option<PathBuf>,
    /// Use the generation of this digest, and no other.
    #[arg(long, value_name = "sha256:…", env = "PLIMSOLL_DB_DIGEST")]
    pub(crate) db_digest: Option<String>,
    /// Use no network for advisories, whatever is missing.
    #[arg(long, env = "PLIMSOLL_OFFLINE", value_parser = switch())]
    pub(crate) offline: bool,
}

/// What is fetched, from where.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// Fetch advisories of these ecosystems, as in `Debian,PyPI`, instead of those that the database has.
    #[arg(long = "ecosystem", value_name = "NAME", value_delimiter = ',')]
    pub(crate) ecosystems: Vec<String>,
    /// Fetch advisories of all ecosystems there are.
    #[arg(long, conflicts_with = "ecosystems")]
    pub(crate) all: bool,
    /// Take these sources alone, instead of the default ones: `osv`, `kev`, … `plimsoll db sources` lists them.
    #[arg(long = "source", value_name = "NAME", env = "PLIMSOLL_SOURCES", value_delimiter = ',')]
    pub(crate) sources: Vec<String>,
    /// Take these sources besides the default ones.
    #[arg(long = "with-source", value_name = "NAME", value_delimiter = ',', conflicts_with = "sources")]
    pub(crate) with_sources: Vec<String>,
    /// Fetch a source from this address instead of its own; of several for one source the first that answers counts.
    #[arg(
        long = "mirror",
        value_name = "SOURCE=URL",
        env = "PLIMSOLL_MIRRORS",
        // An address may bear a password, and help prints what a variable holds.
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub(crate) mirrors: Vec<String>,
    /// Fetch everything anew, changed or not, and take feeds that have shrunk to less than half.
    #[arg(long)]
    pub(crate) force: bool,
    /// Feeds that are fetched at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) parallel: u16,
    /// How often a request is tried again.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) retries: u32,
    /// PEM file with certificates to trust besides the system's.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_CA_CERT", value_delimiter = ',')]
    pub(crate) ca_cert: Vec<PathBuf>,
    /// Fail instead of using the network.
    #[arg(long, env = "PLIMSOLL_OFFLINE", value_parser = switch())]
    pub(crate) offline: bool,
    #[command(flatten)]
    pub(crate) db: DbPath,
}

/// How a registry is reached.
#[derive(Debug, Args)]
pub(crate) struct RegistryArgs {
    /// Registry that may be reached without TLS: `host`, `host:port`, or `*`. Loopback always may.
    #[arg(long, value_name = "REGISTRY", env = "PLIMSOLL_INSECURE_HTTP", value_delimiter = ',')]
    pub(crate) insecure_http: Vec<String>,
    /// PEM file with certificates to trust besides the system's.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_CA_CERT", value_delimiter = ',')]
    pub(crate) ca_cert: Vec<PathBuf>,
}

/// What a database is signed with.
#[derive(Debug, Args)]
pub(crate) struct SigningKey {
    /// Sign with this private key, Ed25519 as PEM; `plimsoll db keygen` makes one.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_SIGNING_KEY")]
    pub(crate) key: Option<PathBuf>,
}

/// Whose signature a database must bear.
#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// Take over only what the owner of this public key has signed; of several keys any will do.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_PUBLIC_KEY", value_delimiter = ',')]
    pub(crate) public_key: Vec<PathBuf>,
    /// Check no signature.
    #[arg(long, conflicts_with = "public_key")]
    pub(crate) unsigned: bool,
    /// Take over a database though it is older than the one that is there.
    #[arg(long)]
    pub(crate) allow_older: bool,
}
