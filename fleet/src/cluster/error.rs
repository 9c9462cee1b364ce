//! What goes wrong with a cluster.

use datafusion::error::DataFusionError;

use crate::error::{Exit, Failure};

/// Why a query cannot be run on a cluster, or a part of one cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address that is none.
    #[error("cannot use `{address}` as {what}: expected {expected}, found {found}")]
    Address {
        /// What was given.
        address: String,
        /// What it is for.
        what: &'static str,
        /// What may be given.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// Others could reach it, and nobody said that they may.
    #[error(
        "cannot listen on `{address}`: expected an address of this machine alone, since whoever reaches it may run queries and read the stores"
    )]
    Open {
        /// Where it would listen.
        address: String,
    },
    /// Nothing answers.
    #[error("cannot reach the scheduler at `{url}`")]
    Unreachable {
        /// Its address.
        url: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Something answers that is no scheduler.
    #[error("cannot use `{url}`: expected a scheduler, found {found}")]
    Foreign {
        /// Its address.
        url: String,
        /// What answered.
        found: String,
    },
    /// A scheduler without executors.
    #[error("cannot run a query at `{url}`: expected at least one executor, found none")]
    NoExecutors {
        /// The scheduler's address.
        url: String,
    },
    /// Client and cluster are of different versions.
    #[error("cannot run a query of plimsoll-fleet {client} on a cluster of {cluster}")]
    Version {
        /// Who asks.
        client: String,
        /// Who was asked.
        cluster: String,
    },
    /// The cluster could not do it.
    #[error("cannot run the query on the cluster: {message}")]
    Failed {
        /// What it said.
        message: String,
    },
    /// The part of a cluster failed at its start or as it ran.
    #[error("cannot {action}")]
    Service {
        /// What was tried.
        action: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Open { .. } => {
                Some("there is no authentication: shut others out by the network, then say `--allow-anyone`")
            }
            Self::Unreachable { .. } => Some(
                "start one with `plimsoll scheduler`, and executors with `plimsoll executor --scheduler URL`",
            ),
            Self::NoExecutors { .. } => Some("start one with `plimsoll executor --scheduler URL`"),
            Self::Version { .. } => Some("install the same version on all machines"),
            Self::Address { .. } | Self::Foreign { .. } | Self::Failed { .. } | Self::Service { .. } => None,
        }
    }

    /// Whether it was asked wrongly; else something failed.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Address { .. } | Self::Open { .. })
    }

    /// The error of ours that stands behind one of `DataFusion`.
    pub fn behind(error: &DataFusionError) -> Option<&Self> {
        match error.find_root() {
            DataFusionError::External(inner) => inner.downcast_ref(),
            _ => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = if error.is_usage() { Exit::Usage } else { Exit::Failed };
        let hint = error.hint();
        let failure = Self::new(exit, error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}
