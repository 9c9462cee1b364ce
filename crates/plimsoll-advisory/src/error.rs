//! What can go wrong with a source as a whole, and with one record.

use std::io;
use std::path::{Path, PathBuf};

use plimsoll_archive::{TarError, ZipError};

/// A source that cannot be read at all. A single bad record is no such error: it stands in the report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path that was given, or a file found below it, cannot be opened, listed or read.
    #[error("cannot read advisories from `{}`: expected a readable file or folder", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file that was given is of no source's format.
    #[error("cannot read advisories from `{}`: expected a folder, a zip or tar, or a file of a known source", path.display())]
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
    /// A tar is damaged, or cannot be decompressed.
    #[error("cannot read tar `{}`: expected a whole tar file with records", path.display())]
    DamagedTar {
        /// The tar.
        path: PathBuf,
        /// What the reader says.
        source: Box<TarError>,
    },
    /// A document that is one whole is not what it promises.
    #[error("cannot read `{}`: expected {expected}, found {found}", path.display())]
    WrongContent {
        /// The file.
        path: PathBuf,
        /// What it promises.
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
    /// What was fetched as a feed is none, or not all of it.
    #[error("cannot read feed `{feed}` of source `{name}`")]
    Feed {
        /// Name of the source.
        name: &'static str,
        /// [`crate::Feed::path`].
        feed: String,
        /// What is wrong with the file.
        source: Box<Error>,
    },
}

impl Error {
    pub(crate) fn wrong_content(path: &Path, error: InvalidRecord) -> Self {
        Self::WrongContent { path: path.to_owned(), expected: error.expected, found: error.found }
    }

    /// Whether it is the content of a file that is wrong, and not the reading of it.
    pub(crate) fn is_of_content(&self) -> bool {
        match self {
            Self::Unreadable { .. } => false,
            Self::UnknownKind { .. }
            | Self::DamagedZip { .. }
            | Self::DamagedTar { .. }
            | Self::WrongContent { .. }
            | Self::TooMuch { .. }
            | Self::Feed { .. } => true,
        }
    }

    /// It and its causes, in one line.
    pub(crate) fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
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
