//! Where Trivy's words say that an image is, and with which credentials.

use std::io::Read as _;
use std::path::Path;

use super::super::reach::{Place, find};
use super::super::words::{Given, usage};
use super::What;
use crate::args::ReadingArgs;
use crate::exit::{Exit, Failure};
use crate::progress::Bars;
use crate::settings::Settings;

/// The most bytes of a password on stdin.
const MAX_PASSWORD_BYTES: u64 = 64 << 10;

/// Where it is.
pub(super) fn target(
    given: &Given,
    what: What,
    subject: &str,
    reading: &ReadingArgs,
    settings: &Settings,
    bars: &Bars,
) -> Result<String, Failure> {
    match what {
        What::Bill => Ok(format!("sbom:{subject}")),
        What::Folder if subject.contains("://") || subject.starts_with("git@") => {
            Err(usage(format!("cannot read `{subject}`: expected a folder, found an address"))
                .hint("clone the repository, and name its folder"))
        }
        What::Folder if Path::new(subject).is_file() => Ok(subject.to_owned()),
        What::Folder => Ok(format!("dir:{subject}")),
        What::Image if given.text("input").is_some() => {
            let is_path = subject.starts_with(['/', '.']);
            Ok(if is_path { subject.to_owned() } else { format!("./{subject}") })
        }
        _ => {
            let asked = given.list("image-src");
            let places: Vec<Place> = if asked.is_empty() {
                Place::ALL.iter().map(|(_, place)| *place).collect()
            } else {
                asked.iter().map(|word| place(word)).collect::<Result<_, _>>()?
            };
            find(subject, &places, reading, settings, bars)
        }
    }
}

fn place(word: &str) -> Result<Place, Failure> {
    Place::ALL.iter().find(|(name, _)| *name == word).map(|(_, place)| *place).ok_or_else(|| {
        let names: Vec<&str> = Place::ALL.iter().map(|(name, _)| *name).collect();
        usage(format!("cannot read `--image-src` of trivy: expected {}, found `{word}`", names.join(", ")))
    })
}

/// User and secret; a token has no user.
pub(super) fn credential(given: &Given) -> Result<Option<(Option<String>, String)>, Failure> {
    if let Some(token) = given.text("registry-token") {
        return Ok(Some((None, token.to_owned())));
    }
    let [user, ..] = given.list("username") else { return Ok(None) };
    let secret = match given.list("password") {
        [password, ..] => password.clone(),
        [] if given.is_on("password-stdin") => {
            let mut text = String::new();
            std::io::stdin().lock().take(MAX_PASSWORD_BYTES).read_to_string(&mut text).map_err(|error| {
                Failure::new(
                    Exit::Usage,
                    anyhow::Error::new(error).context("cannot read a password from stdin"),
                )
            })?;
            text.lines().next().unwrap_or_default().to_owned()
        }
        [] => {
            return Err(usage(
                "cannot take `--username` of trivy: expected a password, found none".to_owned(),
            )
            .hint("set TRIVY_PASSWORD"));
        }
    };
    Ok(Some((Some(user.clone()), secret)))
}

/// Lets the image's registry be asked without TLS.
pub(super) fn insecure(subject: &str, what: What, reading: &mut ReadingArgs, bars: &Bars) {
    if let Ok(reference) = subject.parse::<plimsoll_oci::Reference>()
        && what == What::Image
    {
        reading.insecure_http.push(reference.registry_host().to_owned());
        bars.note("note: trivy: `--insecure` lets the registry be without TLS; certificates are checked, see `--cacert`");
    }
}
