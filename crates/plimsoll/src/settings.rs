//! `plimsoll.toml`: what flags and variables do not say.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::args::{Age, Format, Level, Sse};
use crate::exit::{Exit, Failure};

/// The file that is looked for in the current folder.
const FILE: &str = "plimsoll.toml";
/// The largest settings file, in bytes.
const MAX_BYTES: u64 = 4 << 20;

/// Settings of a file. Every key is a flag's name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, as its flag is")]
pub(crate) struct Settings {
    pub(crate) db: Option<PathBuf>,
    pub(crate) format: Option<Format>,
    pub(crate) fail_on: Option<Level>,
    pub(crate) fail_on_kev: bool,
    pub(crate) ignore_unfixed: bool,
    pub(crate) no_ignore_files: bool,
    pub(crate) strict: bool,
    pub(crate) baseline: Option<String>,
    pub(crate) fail_on_new: bool,
    pub(crate) base: Option<String>,
    pub(crate) platform: Option<String>,
    pub(crate) cache_dir: Option<PathBuf>,
    pub(crate) no_cache: bool,
    pub(crate) insecure_http: Vec<String>,
    pub(crate) ca_cert: Vec<PathBuf>,
    pub(crate) threads: Option<u16>,
    pub(crate) offline: bool,
    pub(crate) max_age: Option<Age>,
    pub(crate) severity_order: Vec<String>,
    pub(crate) update: UpdateSettings,
    pub(crate) signing_key: Option<PathBuf>,
    pub(crate) public_key: Vec<PathBuf>,
    pub(crate) attest_key: Vec<PathBuf>,
    pub(crate) sign_key: Option<PathBuf>,
    pub(crate) vex: Vec<String>,
    pub(crate) vex_key: Vec<PathBuf>,
    pub(crate) store: Option<String>,
    pub(crate) s3_sse: Option<Sse>,
    pub(crate) s3_sse_kms_key: Option<String>,
    pub(crate) s3_tag: Vec<String>,
    pub(crate) s3_storage_class: Option<String>,
    /// The tables `[policy]` and `[[waivers]]`, which the gate reads from `text`: their errors name line and column.
    #[serde(rename = "policy")]
    _policy: IgnoredAny,
    #[serde(rename = "waivers")]
    _waivers: IgnoredAny,
    /// The file, as it was named; empty where there is none.
    #[serde(skip)]
    pub(crate) origin: String,
    /// Its text.
    #[serde(skip)]
    pub(crate) text: String,
}

/// Settings of `plimsoll db update`, and of what a scan fetches: the table `[update]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct UpdateSettings {
    /// Ecosystems that are fetched.
    pub(crate) ecosystems: Vec<String>,
    /// Sources that are taken instead of the default ones.
    pub(crate) sources: Vec<String>,
    /// Sources that are taken besides the default ones.
    pub(crate) with_sources: Vec<String>,
    /// Addresses by source, the first that answers is taken.
    pub(crate) mirrors: std::collections::BTreeMap<String, Vec<String>>,
}

impl Settings {
    /// Reads `file`, or `plimsoll.toml` in the current folder if there is one. Paths in it are taken from its folder.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, Failure> {
        let path = file.unwrap_or(Path::new(FILE));
        let opened = match File::open(path) {
            Ok(opened) => opened,
            // A link that leads nowhere is there: what was to be asked must not go by unasked.
            Err(error)
                if file.is_none()
                    && error.kind() == std::io::ErrorKind::NotFound
                    && path.symlink_metadata().is_err() =>
            {
                return Ok(Self::default());
            }
            Err(error) => {
                let what = format!("cannot read settings `{}`", path.display());
                return Err(Failure::new(Exit::Usage, anyhow::Error::new(error).context(what)));
            }
        };
        let mut text = String::new();
        let read = opened
            .take(MAX_BYTES + 1)
            .read_to_string(&mut text)
            .with_context(|| format!("cannot read settings `{}`", path.display()))
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        if read as u64 > MAX_BYTES {
            let path = path.display();
            let error =
                anyhow!("cannot read settings `{path}`: expected at most {MAX_BYTES} bytes, found more");
            return Err(Failure::new(Exit::Usage, error));
        }
        let mut settings = Self::parse(&text).map_err(|reason| {
            // The reason quotes the line, and a mirror's address may bear a password.
            let reason = plimsoll_http::without_credentials(&reason);
            Failure::new(Exit::Usage, anyhow!("cannot read settings `{}`: {reason}", path.display()))
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let paths = settings
            .db
            .iter_mut()
            .chain(&mut settings.cache_dir)
            .chain(&mut settings.ca_cert)
            .chain(&mut settings.signing_key)
            .chain(&mut settings.public_key)
            .chain(&mut settings.attest_key)
            .chain(&mut settings.sign_key)
            .chain(&mut settings.vex_key);
        for path in paths {
            *path = folder.join(&*path);
        }
        for source in &mut settings.vex {
            *source = crate::vex::in_folder(source, folder);
        }
        if let Some(store) = settings.store.as_mut().filter(|store| !store.contains("://")) {
            let place = folder.join(&*store);
            place.to_str().unwrap_or(store).to_owned().clone_into(store);
        }
        // What may be an image as well is a file where there is one.
        for name in settings.baseline.iter_mut().chain(&mut settings.base) {
            let file = folder.join(&*name);
            if let Some(text) = file.to_str().filter(|_| file.is_file()) {
                text.clone_into(name);
            }
        }
        settings.origin = path.display().to_string();
        settings.text = text;
        Ok(settings)
    }

    /// Certificates to trust besides the system's: those of the flag, else those of the file. Each must be there, so that a
    /// name that was mistyped is not found out by a connection that fails, or not at all.
    pub(crate) fn certificates(&self, flag: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
        let files = if flag.is_empty() { &self.ca_cert } else { flag };
        for file in files {
            File::open(file)
                .with_context(|| format!("cannot read certificates `{}`", file.display()))
                .map_err(|error| Failure::new(Exit::Usage, error))?;
        }
        Ok(files.to_vec())
    }

    fn parse(text: &str) -> Result<Self, String> {
        let settings: Self = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        match settings.threads {
            Some(threads @ (0 | 257..)) => Err(format!("expected `threads` from 1 to 256, found {threads}")),
            _ => Ok(settings),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_flags_and_an_unknown_one_is_an_error() {
        let settings = Settings::parse("fail-on = \"high\"\nignore-unfixed = true\nthreads = 3\n").unwrap();
        assert_eq!(
            (settings.fail_on, settings.ignore_unfixed, settings.threads),
            (Some(Level::High), true, Some(3))
        );
        let error = Settings::parse("fail_on = \"high\"\n").unwrap_err();
        assert!(error.contains("unknown field `fail_on`"), "{error}");
        assert!(Settings::parse("threads = 0").is_err());
        assert!(Settings::parse("fail-on = \"tragic\"").unwrap_err().contains("unknown variant `tragic`"));
    }
}
