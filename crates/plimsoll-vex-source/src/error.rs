//! Why documents could not be found.

use std::io;
use std::path::PathBuf;

use plimsoll_archive::{TarError, ZipError};

/// Why documents could not be found. [`Error::hint`] says what may help.
///
/// No text of it holds credentials or the query of an address.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A source that is none.
    #[error("cannot read VEX source `{text}`: expected {expected}, found {found}")]
    Source {
        /// What was given, without credentials.
        text: String,
        /// What it should have been.
        expected: &'static str,
        /// What it was.
        found: String,
    },
    /// A file or folder that cannot be read.
    #[error("cannot read VEX documents of `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The failure.
        source: io::Error,
    },
    /// More than is read.
    #[error("cannot read VEX documents of `{place}`: expected at most {limit} {unit}, found more")]
    TooMuch {
        /// Folder, image or repository.
        place: String,
        /// The limit, inclusive.
        limit: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// A document that cannot be read.
    #[error(transparent)]
    Document(#[from] plimsoll_vex::Error),
    /// A file that was named, and bears no signature that is believed.
    #[error("cannot use VEX document `{name}`: expected {expected}, found {found}")]
    Untrusted {
        /// The file.
        name: String,
        /// The keys that are believed.
        expected: String,
        /// What it has.
        found: String,
    },
    /// An envelope that cannot be read.
    #[error(transparent)]
    Envelope(#[from] plimsoll_attest::Error),
    /// An attached document, or its envelope, that cannot be read.
    #[error(transparent)]
    Attached(Box<Error>),
    /// A target to which nothing can be attached.
    #[error("cannot look for VEX documents beside `{name}`: expected an image of a registry, found {found}")]
    NoRegistry {
        /// What was scanned.
        name: String,
        /// What it is.
        found: &'static str,
    },
    /// The registry.
    #[error("cannot read what is attached to `{name}`")]
    Registry {
        /// The image.
        name: String,
        /// The failure.
        source: Box<plimsoll_oci::Error>,
    },
    /// A repository's host.
    #[error("cannot read VEX repository `{url}`")]
    Host {
        /// Its address.
        url: String,
        /// The failure.
        source: plimsoll_http::Error,
    },
    /// A repository that is none, or not of the form that is read.
    #[error("cannot read VEX repository `{url}`: expected {expected}, found {found}")]
    Repository {
        /// The address that was asked.
        url: String,
        /// What should have been there.
        expected: String,
        /// What was.
        found: String,
    },
    /// A repository's archive that is damaged.
    #[error("cannot read the archive of VEX repository `{url}`")]
    Tar {
        /// Its address.
        url: String,
        /// Where and why.
        source: TarError,
    },
    /// The same of a zip archive.
    #[error("cannot read the archive of VEX repository `{url}`")]
    Zip {
        /// Its address.
        url: String,
        /// Why.
        source: ZipError,
    },
    /// No network may be used, and it is needed.
    #[error("cannot read {what} without a network")]
    Offline {
        /// What was wanted.
        what: String,
    },
    /// The cache, or a temporary file.
    #[error("cannot keep VEX repository in `{}`", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// The failure.
        source: io::Error,
    },
}

impl Error {
    /// Whether the caller's own files or words are at fault, and not a registry, a host or a disk.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Source { .. }
            | Self::File { .. }
            | Self::Document(_)
            | Self::Untrusted { .. }
            | Self::Envelope(_)
            | Self::NoRegistry { .. }
            | Self::TooMuch { .. } => true,
            Self::Attached(_)
            | Self::Registry { .. }
            | Self::Host { .. }
            | Self::Repository { .. }
            | Self::Tar { .. }
            | Self::Zip { .. }
            | Self::Offline { .. }
            | Self::Cache { .. } => false,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Source { text, .. } if text == "repo" => {
                Some("name one, as in `--vex repo:https://github.com/aquasecurity/vexhub`")
            }
            Self::Registry { source, .. } => source.hint(),
            Self::Envelope(source) => source.hint(),
            Self::Attached(_) => {
                Some("whoever published it can replace it; without `--vex oci` it is not asked for")
            }
            Self::Offline { .. } => Some("a scan with a network keeps what it reads in the cache"),
            Self::NoRegistry { .. } => Some(
                "scan the image by its name in the registry, or name the documents' files with `--vex FILE`",
            ),
            _ => None,
        }
    }
}
