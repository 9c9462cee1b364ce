//! How the program ends, and the errors that lead there.

use std::fmt;
use std::process::ExitCode;

use plimsoll_report::printable;

/// The status that the program ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Answered.
    Answered = 0,
    /// Usage, or SQL that is wrong or refused.
    Usage = 2,
    /// The store, the disk, the network or the cluster failed, or a report is none and `--strict` was given.
    Failed = 3,
    /// `--max-rows` cut the answer.
    Cut = 4,
    /// The result could not be uploaded.
    NotStored = 6,
    /// A limit on memory, disk or time was reached.
    Limit = 7,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        // The discriminants are the statuses.
        Self::from(exit as u8)
    }
}

/// An error with the status that it ends the program with, and perhaps a hint.
#[derive(Debug)]
pub struct Failure {
    /// The status.
    pub exit: Exit,
    /// What went wrong; its causes follow.
    pub error: anyhow::Error,
    /// What may help.
    pub hint: Option<String>,
}

impl Failure {
    /// An error that ends the program so.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into(), hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The error, its causes on one line each, and the hint, as they go to stderr; nothing in it steers the terminal.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = |f: &mut fmt::Formatter<'_>, text: &str| {
            for (at, line) in text.lines().enumerate() {
                write!(f, "{}{}", if at == 0 { "" } else { "\n" }, printable(line))?;
            }
            Ok(())
        };
        f.write_str("error: ")?;
        let mut above = self.error.to_string();
        lines(f, &above)?;
        for cause in self.error.chain().skip(1) {
            let text = cause.to_string();
            // Some libraries repeat the cause in their own text.
            if !above.contains(&text) {
                f.write_str("\n  because: ")?;
                lines(f, &text)?;
            }
            above = text;
        }
        if let Some(hint) = &self.hint {
            f.write_str("\nhint: ")?;
            lines(f, hint)?;
        }
        Ok(())
    }
}
