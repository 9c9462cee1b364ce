//! Why an artifact could not be written or read.

use std::io;
use std::path::PathBuf;

use plimsoll_archive::TarError;

/// Why an artifact could not be written or read. [`Error::hint`] says what may help.
///
/// Whatever it is, the store's generations are as they were.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] plimsoll_db::Error),
    /// A key or a signature.
    #[error(transparent)]
    Attest(#[from] plimsoll_attest::Error),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] plimsoll_oci::Error),
    /// A file that cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file that cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// An archive that cannot be read.
    #[error("cannot read archive `{place}`")]
    Archive {
        /// Which.
        place: String,
        /// Where and why.
        #[source]
        source: TarError,
    },
    /// Something is there, and is not what it should be.
    #[error("cannot read {what} of `{place}`: expected {expected}, found {found}")]
    Content {
        /// What was read, as in `chunk sha256:4f1a…`.
        what: String,
        /// File or reference.
        place: String,
        /// What should have been there.
        expected: String,
        /// What was there.
        found: String,
    },
    /// A part is not there.
    #[error("cannot read {what} of `{place}`: expected it there, since {named_by} names it, found none")]
    Missing {
        /// What was looked for, as in `chunk sha256:4f1a…`.
        what: String,
        /// File or reference.
        place: String,
        /// What says that it is there.
        named_by: &'static str,
    },
    /// The partitions of the store make up no artifact.
    #[error("cannot write the database as an artifact: expected {expected}, found {found}")]
    Unfit {
        /// What an artifact has.
        expected: String,
        /// What there is.
        found: String,
    },
    /// It is older than what is here.
    #[error(
        "cannot take over `{place}`: expected a database at least as new as the one here, of {held}, found one of {found}"
    )]
    Older {
        /// File or reference.
        place: String,
        /// When what is here was last compared with its sources.
        held: String,
        /// When the other was.
        found: String,
    },
    /// A name that is asked for something it cannot be.
    #[error("cannot push to `{reference}`: expected a tag, found a digest")]
    NoTag {
        /// What was given.
        reference: String,
    },
}

impl Error {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Attest(error) => error.hint(),
            Self::Registry(error) => error.hint(),
            Self::Content { found, .. } if found == super::layout::COMPRESSED => {
                Some("unpack it first, as in `gzip -d`: what is in it is compressed already")
            }
            Self::Content { .. } | Self::Missing { .. } | Self::Archive { .. } => {
                Some("nothing was changed here; fetch it anew, or ask who published it")
            }
            Self::Older { .. } => Some("to go back to it, say `--allow-older`; nothing was changed here"),
            Self::NoTag { .. } => Some("name a tag, as in `oci://registry.example/db:latest`"),
            _ => None,
        }
    }
}
