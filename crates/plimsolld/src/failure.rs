//! How the service ends when it does not end well.

use std::error::Error;
use std::process::ExitCode;

/// The command line, or what it names, cannot be.
const USAGE: u8 = 2;
/// The address or the store cannot be used.
const UNABLE: u8 = 3;

/// An error, its exit status, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: anyhow::Error,
    pub(crate) hint: Option<String>,
    status: u8,
}

impl Failure {
    /// What was asked for cannot be.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Failure {
        Failure { error: error.into(), hint: None, status: USAGE }
    }

    /// What was asked for did not work.
    pub(crate) fn unable(error: impl Into<anyhow::Error>) -> Failure {
        Failure { error: error.into(), hint: None, status: UNABLE }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Failure {
        Failure { hint: Some(hint.into()), ..self }
    }

    /// Tells it on the standard error, causes and all.
    pub(crate) fn report(&self) -> ExitCode {
        let mut text = self.error.to_string();
        let mut cause = self.error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = Error::source(error);
        }
        eprintln!("error: {text}");
        if let Some(hint) = &self.hint {
            eprintln!("hint: {hint}");
        }
        ExitCode::from(self.status)
    }
}
