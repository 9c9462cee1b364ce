//! What can go wrong with a database as a whole.

use std::io;
use std::path::PathBuf;

use plimsoll_model::LookupError;

/// A database that cannot be built, written, opened or verified.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not there, or may not be read.
    #[error("cannot open advisory database `{}`: expected a readable file", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is something else.
    #[error("cannot open advisory database `{}`: expected `PLIMSOLL` at its start, found {found}", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// Its first bytes.
        found: String,
    },
    /// The file was written by another version of this program.
    #[error("cannot open advisory database `{}`: expected format {known}, found format {found}", path.display())]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// The format it has.
        found: u32,
        /// The format that is read here.
        known: u32,
    },
    /// The file is cut short or changed.
    #[error("cannot read advisory database `{}`: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which part, what was expected, and what was found.
        reason: String,
    },
    /// The file cannot be written.
    #[error("cannot write advisory database `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is more to write than the format can hold.
    #[error("cannot build the advisory database: expected at most {limit} {what}, found {found}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// How much there is.
        found: u64,
    },
    /// Something that cannot happen while compressing in memory, short of a lack of it.
    #[error("cannot build the advisory database: compressing failed")]
    Compress {
        /// What the compressor says.
        source: io::Error,
    },
    /// A source cannot be read.
    #[error(transparent)]
    Source(#[from] plimsoll_advisory::Error),
}

impl Error {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Open { source, .. } if source.kind() == io::ErrorKind::NotFound => Some(
                "build one with `plimsoll db build --from FOLDER --output FILE`, and name it with `--db FILE`",
            ),
            Self::NotADatabase { .. } => {
                Some("`--db` takes what `plimsoll db build --output` wrote, not the sources it is built from")
            }
            Self::OtherFormat { found, known, .. } if found > known => {
                Some("the file was written by a newer plimsoll: update this one, or build the database anew")
            }
            Self::OtherFormat { .. } => Some("build the database anew with this version"),
            Self::Damaged { .. } => Some("fetch or build the database anew"),
            _ => None,
        }
    }

    pub(crate) fn damaged(path: &std::path::Path, error: LookupError) -> Self {
        Self::Damaged { path: path.to_owned(), reason: error.reason }
    }
}
