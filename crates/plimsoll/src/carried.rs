//! Where a database came from that was taken over whole: `carried.json` in its folder.

use std::fs::File;
use std::io::{ErrorKind, Read as _};

use plimsoll_db::Store;
use serde::{Deserialize, Serialize};

use crate::exit::{Exit, Failure};
use crate::output;

/// Name of the file.
const FILE: &str = "carried.json";
/// The most bytes of it.
const MAX_BYTES: u64 = 64 << 10;

/// Where it came from. Says nothing where nothing was taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Carried {
    /// When its publisher last compared it with the sources, RFC 3339 UTC.
    pub(crate) created: String,
    /// The file or reference.
    pub(crate) from: String,
    /// The key that it was signed with, as `sha256:…` of the public one; empty where nobody checked.
    pub(crate) signed_by: String,
}

impl Carried {
    /// What is known; nothing where nothing was taken over. `Err` says why the file cannot be read.
    pub(crate) fn read(store: &Store) -> Result<Self, String> {
        let path = store.path().join(FILE);
        let bad = |found: String| {
            let path = path.display();
            format!("cannot read `{path}`: expected where the database was taken from, found {found}")
        };
        let mut text = String::new();
        match File::open(&path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            read => read.map_err(|error| bad(error.to_string()))?,
        };
        serde_json::from_str(&text).map_err(|error| bad(format!("damaged JSON: {error}")))
    }

    /// Writes it down.
    pub(crate) fn write(&self, store: &Store) -> Result<(), Failure> {
        let text =
            serde_json::to_vec_pretty(self).map_err(|error| Failure::new(Exit::CouldNotScan, error))?;
        output::write(Some(&store.path().join(FILE)), &text)
    }
}
