//! What can go wrong with a source as a whole, and with one record.

use std::io;
use std::path::PathBuf;

use plimsoll_archive::ZipError;

/// A source that cannot be read at all. A single bad record is no such error: it stands in the report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path that was given, or a file found below it, cannot be opened, listed or read.
    #[error("cannot read advisories from `{}`: expected a readable folder, zip or JSON file", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A path that was given is no kind of source.
    #[error("cannot read advisories from `{}`: expected a folder, or a file named *.zip, *.json or *.csv", path.display())]
    UnknownKind {
        /// The path.
        path: PathBuf,
    },
    /// A zip is damaged, its directory or an entry, or goes over the limits.
    #[error("cannot read zip `{}`: expected a whole zip file with records", path.display())]
    DamagedZip {
        /// The zip.
        path: PathBuf,
        /// What the reader says.
        source: Box<ZipError>,
    },
    /// A document that is one whole is not what its name promises.
    #[error("cannot read `{}`: expected {expected}, found {found}", path.display())]
    WrongContent {
        /// The file.
        path: PathBuf,
        /// What its name promises.
        expected: &'static str,
        /// What is in it.
        found: String,
    },
    /// There is more than the limits allow.
    #[error("cannot read advisories from `{}`: expected at most {limit} {unit}, found more", path.display())]
    TooMuch {
        /// The file or folder that went over the limit.
        path: PathBuf,
        /// The limit.
        limit: u64,
        /// Of what: `bytes`, `entries`.
        unit: &'static str,
    },
}

/// Bytes that are no record of the kind that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct InvalidRecord {
    /// What was expected.
    pub expected: &'static str,
    /// What was found, with its place in the text where that is known.
    pub found: String,
}

impl InvalidRecord {
    pub(crate) fn json(expected: &'static str, error: &serde_json::Error) -> Self {
        Self { expected, found: format!("JSON that says otherwise: {error}") }
    }
}
