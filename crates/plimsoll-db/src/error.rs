//! What can go wrong with a database as a whole.

use std::io;
use std::path::PathBuf;

use plimsoll_model::{Digest, LookupError};

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
    /// A store holds no generation yet.
    #[error("cannot open advisory database `{}`: expected a generation in it, found none", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A generation was asked for that the store does not hold.
    #[error("cannot open advisory database `{}`: expected a generation with digest `{digest}`, found {found}", path.display())]
    NoGeneration {
        /// The folder or file.
        path: PathBuf,
        /// What was asked for.
        digest: Digest,
        /// What is there.
        found: String,
    },
    /// A partition of a generation is missing or is another.
    #[error("cannot open partition `{partition}` of the advisory database: expected {expected} in `{}`, found {found}", path.display())]
    Partition {
        /// Its name: `Debian:12`.
        partition: String,
        /// Its file.
        path: PathBuf,
        /// What should be there.
        expected: String,
        /// What is.
        found: String,
    },
    /// A manifest is no manifest of a generation.
    #[error("cannot read manifest `{place}` of the advisory database: expected {expected}, found {found}")]
    Manifest {
        /// Its file, or where it came from.
        place: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A block of records, from wherever it came, cannot be used.
    #[error("cannot read a block of partition `{partition}`: {reason}")]
    Block {
        /// The partition it was to go into.
        partition: String,
        /// What was expected, and what was found.
        reason: String,
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
                "fetch one with `plimsoll db update`, or build one with `plimsoll db build --from FOLDER --output FILE` and name it with `--db FILE`",
            ),
            Self::NotADatabase { .. } => {
                Some("`--db` takes what `plimsoll db build --output` wrote, not the sources it is built from")
            }
            Self::OtherFormat { found, known, .. } if found > known => {
                Some("the file was written by a newer plimsoll: update this one, or build the database anew")
            }
            Self::OtherFormat { .. } => Some("build the database anew with this version"),
            Self::Damaged { .. } | Self::Manifest { .. } | Self::Block { .. } => {
                Some("fetch or build the database anew")
            }
            Self::Empty { .. } | Self::Partition { .. } => Some(
                "fill it with `plimsoll db update`, or with `plimsoll db import FILE` where there is no network",
            ),
            Self::NoGeneration { .. } => Some(
                "`plimsoll db info` names those that are kept; a scan with `--db-digest` keeps its own from being swept away",
            ),
            _ => None,
        }
    }

    pub(crate) fn damaged(path: &std::path::Path, error: LookupError) -> Self {
        Self::Damaged { path: path.to_owned(), reason: error.reason }
    }
}
