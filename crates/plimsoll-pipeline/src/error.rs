//! Why a pipeline cannot be run or resumed at all. An action that fails is no error.

use std::io;
use std::path::PathBuf;

/// Why an execution cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder of ours that cannot be made, read or removed.
    #[error("cannot {action} `{}`", path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// More than an artifact may hold.
    #[error("cannot copy `{}`: expected at most {limit} {unit}, found more", path.display())]
    Limit {
        /// What was copied.
        path: PathBuf,
        /// How much it may be.
        limit: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// A zip archive that cannot be unpacked.
    #[error("cannot unpack `{}`", path.display())]
    Zip {
        /// The archive.
        path: PathBuf,
        /// Why.
        source: plimsoll_archive::ZipError,
    },
    /// A state that is not one.
    #[error("cannot read the state of an execution `{}`: expected {expected}, found {found}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What such a file has.
        expected: String,
        /// What was there.
        found: String,
    },
    /// An execution that another process runs.
    #[error("cannot run execution `{id}` of pipeline `{pipeline}`: another process is running it")]
    Busy {
        /// The pipeline.
        pipeline: String,
        /// The execution.
        id: String,
    },
    /// No such execution.
    #[error("cannot resume pipeline `{pipeline}`: expected {expected} in `{}`, found {found}", folder.display())]
    NoExecution {
        /// The pipeline.
        pipeline: String,
        /// Where it was looked for.
        folder: PathBuf,
        /// What was looked for.
        expected: String,
        /// What was there.
        found: String,
    },
    /// A stage that cannot be begun with.
    #[error("cannot begin with stage `{stage}`: {reason}")]
    Stage {
        /// The stage.
        stage: String,
        /// What was expected and found.
        reason: String,
    },
}

impl Error {
    pub(crate) fn disk(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Disk { action, path, source }
    }

    /// What may help, if anything is known to.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Busy { .. } => Some("wait for it, or begin a new execution, without `--resume`"),
            Self::NoExecution { .. } => Some("name the folder of the executions with `--work DIR`"),
            _ => None,
        }
    }

    /// The error with its causes, on one line.
    pub(crate) fn whole(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let more = error.to_string();
            if !text.contains(&more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            cause = error.source();
        }
        text
    }
}
