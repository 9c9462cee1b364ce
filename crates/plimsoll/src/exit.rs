//! Exit statuses, and the errors that lead to them.

use std::fmt;
use std::process::ExitCode;

use plimsoll_model::Verdict;

/// How the command ends. The numbers are fixed: scripts outside the project rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Passed, or no gate was asked.
    Passed = 0,
    /// The gate failed.
    GateFailed = 1,
    /// Usage or configuration.
    Usage = 2,
    /// The image, the registry or the disk failed.
    CouldNotScan = 3,
    /// Undecided, and `--strict`.
    Undecided = 4,
    /// Advisory data missing, damaged or too old.
    NoAdvisories = 5,
    /// All went well but that the report could not be stored or uploaded; it was kept in a local file.
    NotStored = 6,
}

impl Exit {
    /// How a scan of this verdict ends.
    pub(crate) fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Passed => Self::Passed,
            Verdict::Failed => Self::GateFailed,
            Verdict::Undecided => Self::Undecided,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        // The discriminants are the statuses.
        Self::from(exit as u8)
    }
}

/// An error with the status that it ends the command with, and perhaps a hint.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) error: anyhow::Error,
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The error, its causes on one line each, and the hint, as they go to stderr. Control characters that came from
/// outside do not reach the terminal.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", printable(&self.error.to_string()))?;
        let mut above = self.error.to_string();
        for cause in self.error.chain().skip(1) {
            let text = cause.to_string();
            // Some libraries repeat the cause in their own text.
            if !above.contains(&text) {
                write!(f, "\n  because: {}", printable(&text))?;
            }
            above = text;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {}", printable(hint))?;
        }
        Ok(())
    }
}

/// Text without control characters but line ends.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_printed_with_its_causes_and_hint_and_nothing_of_the_terminals_own() {
        let cause = anyhow::anyhow!("connection refused\x1b[31m");
        let failure =
            Failure::new(Exit::CouldNotScan, cause.context("cannot read manifest `a`")).hint("try again");
        assert_eq!(
            failure.to_string(),
            "error: cannot read manifest `a`\n  because: connection refused\u{fffd}[31m\nhint: try again"
        );
    }
}
