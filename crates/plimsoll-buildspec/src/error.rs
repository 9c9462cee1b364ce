//! Why a buildspec cannot be read, or a build cannot be run.

use std::io;
use std::path::PathBuf;

use plimsoll_template::document::Place;

use crate::secrets::SecretError;

/// A text that is no buildspec: where, what was expected and what was found. [`SpecError::hint`] says what may help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read buildspec: {place}: {path}{reason}")]
pub struct SpecError {
    /// Where, in the file.
    pub place: Place,
    /// Where, in the document, as `` `phases/build`: ``. Empty for the document as a whole.
    path: String,
    /// What was expected, and what was found.
    pub reason: String,
    hint: Option<String>,
}

impl SpecError {
    pub(crate) fn new(place: Place, path: &str, reason: impl Into<String>) -> Self {
        let path = if path.is_empty() { String::new() } else { format!("`{path}`: ") };
        Self { place, path, reason: reason.into(), hint: None }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What may help, if anything is known to.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// Why a build could not be run at all. A command that fails is no error: see [`crate::BuildResult`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No buildspec where one was looked for.
    #[error("cannot find a buildspec in `{}`: expected {}", folder.display(), looked_for.join(" or "))]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// What was looked for, each in backticks.
        looked_for: Vec<String>,
    },
    /// A buildspec that cannot be read from disk.
    #[error("cannot read buildspec `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A buildspec, or a file of secrets, that is not the file it should be.
    #[error("cannot read `{}`: expected {expected}, found {found}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What such a file has.
        expected: String,
        /// What was there.
        found: String,
    },
    /// A buildspec whose text is wrong.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The workspace is no folder.
    #[error("cannot run a build in `{}`: expected a folder", path.display())]
    Workspace {
        /// What was given.
        path: PathBuf,
    },
    /// A user that commands cannot be run as.
    #[error("cannot run commands as user `{user}`: {reason}")]
    User {
        /// The name in `run-as`.
        user: String,
        /// Why.
        reason: String,
    },
    /// A shell that does not start.
    #[error("cannot start shell `{shell}`")]
    Shell {
        /// The program.
        shell: String,
        /// What the system says.
        source: io::Error,
    },
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
    /// The log cannot be written.
    #[error("cannot write the log of the build")]
    Log {
        /// What the system says.
        source: io::Error,
    },
    /// A parameter or a secret that was not given.
    #[error("cannot give variable `{variable}` its value")]
    Secret {
        /// The variable of the environment.
        variable: String,
        /// Why.
        source: SecretError,
    },
}

impl Error {
    pub(crate) fn disk(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Disk { action, path, source }
    }

    /// What may help, if anything is known to.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Missing { .. } => Some("name the file with `--buildspec FILE`"),
            Self::Spec(error) => error.hint(),
            Self::Secret { .. } => Some("give the value in a file of secrets, or log in to AWS"),
            Self::User { .. } => Some("run as root, or without `run-as`"),
            _ => None,
        }
    }
}
