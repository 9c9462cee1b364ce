//! What goes wrong with tables.

/// Why tables cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] plimsoll_store::Error),
    /// A file of a table that is no Parquet file, or a damaged one.
    #[error("cannot read `{object}` as a file of the table `{table}`: expected Parquet")]
    Damaged {
        /// Its whole address.
        object: String,
        /// The table's name.
        table: &'static str,
        /// What is wrong with it.
        source: parquet::errors::ParquetError,
    },
    /// A Parquet file of other columns.
    #[error("cannot read `{object}` as a file of the table `{table}`: expected {expected}, found {found}")]
    Columns {
        /// Its whole address.
        object: String,
        /// The table's name.
        table: &'static str,
        /// The column and its type.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Rows that cannot be written as Parquet.
    #[error("cannot write rows of the table `{table}`")]
    Encode {
        /// The table's name.
        table: &'static str,
        /// Why not.
        source: parquet::errors::ParquetError,
    },
    /// Rows that cannot be sorted or filtered.
    #[error("cannot sort rows of the table `{table}`")]
    Sort {
        /// The table's name.
        table: &'static str,
        /// Why not.
        source: arrow_schema::ArrowError,
    },
    /// An entry of the log of compactions that is none.
    #[error("cannot read `{object}` as an entry of the log of compactions: expected {expected}")]
    Log {
        /// Its whole address.
        object: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Others change a partition all the time.
    #[error(
        "cannot {action} `{object}`: expected it to stay the same for a moment, found that others change it"
    )]
    Busy {
        /// What was tried.
        action: &'static str,
        /// On what.
        object: String,
    },
    /// An advisory database that cannot be read.
    #[error("cannot read the advisory database `{path}`")]
    Database {
        /// Its path.
        path: String,
        /// What is wrong with it.
        source: plimsoll_model::LookupError,
    },
    /// A report that cannot be read.
    #[error("cannot make rows of `{object}`")]
    Report {
        /// Its whole address.
        object: String,
        /// What is wrong with it.
        source: plimsoll_report::Error,
    },
}

impl Error {
    /// What a person may do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Damaged { .. } | Self::Columns { .. } => Some(
                "move it out of the folder; if it is one of ours, `plimsoll store reindex` makes all tables anew".to_owned(),
            ),
            Self::Busy { .. } => Some("try again later".to_owned()),
            Self::Log { .. }
            | Self::Encode { .. }
            | Self::Sort { .. }
            | Self::Database { .. }
            | Self::Report { .. } => None,
        }
    }
}

/// What this crate's functions return.
pub type Result<T> = std::result::Result<T, Error>;
