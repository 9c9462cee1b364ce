//! What `plimsoll.toml` says of the store. The file's other keys are the command's.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

use crate::error::{Exit, Failure};

/// The file that is looked for in the current folder.
const FILE: &str = "plimsoll.toml";

/// The largest settings file, in bytes.
const MAX_BYTES: u64 = 4 << 20;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Settings {
    store: Option<String>,
}

/// The store that the settings name: an address, or a folder taken from the file's own.
///
/// # Errors
/// Where a file that was named cannot be read, or one that is there is no TOML.
pub(crate) fn store(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let path = file.unwrap_or(Path::new(FILE));
    let cannot = |error: anyhow::Error| {
        Failure::new(Exit::Usage, error.context(format!("cannot read settings `{}`", path.display())))
    };
    let opened = match File::open(path) {
        Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| cannot(error.into()))?,
    };
    let mut text = String::new();
    opened.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| cannot(error.into()))?;
    let settings: Settings = toml::from_str(&text).context("expected TOML").map_err(cannot)?;
    Ok(settings.store.map(|store| {
        if store.contains("://") {
            return store;
        }
        let folder: PathBuf = path.parent().unwrap_or(Path::new("")).join(store);
        folder.to_string_lossy().into_owned()
    }))
}
