//! What is wrong with a pipeline before it runs: gates that do not hold, secrets in the open, sources that nobody
//! pinned.
//!
//! [`template`] looks at a CloudFormation template and the buildspecs of its projects, [`buildspec`] at a buildspec
//! alone. Both return every [`Finding`] with its place, in the order of the files. Commands are read as a shell would
//! split them, not run; what a script does that they call is not seen.

mod buildspecs;
mod commands;
mod scanner;
mod secret;
mod shell;
mod templates;

pub use buildspecs::{Surroundings, buildspec};
pub use templates::template;

use crate::document::Place;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It does not run, or what it promises does not hold.
    Error,
    /// It runs, and something can go wrong unseen.
    Warning,
    /// Worth knowing.
    Note,
}

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub id: &'static str,
    /// How bad a finding of it is.
    pub level: Level,
    /// What it finds.
    pub summary: &'static str,
}

/// Every rule, by name.
pub const RULES: &[Rule] = &[
    Rule {
        id: "does-not-fit",
        level: Level::Error,
        summary: "stages, actions, artifacts or variables do not fit together",
    },
    Rule {
        id: "gate-never-fails",
        level: Level::Warning,
        summary: "a scan reports, but no finding makes it fail",
    },
    Rule { id: "gate-off", level: Level::Error, summary: "a scan's failure is thrown away" },
    Rule {
        id: "gate-status-lost",
        level: Level::Warning,
        summary: "a scan's exit status is replaced by another command's",
    },
    Rule {
        id: "latest-promoted",
        level: Level::Warning,
        summary: "an image is passed on by a tag that moves",
    },
    Rule { id: "missing-buildspec", level: Level::Error, summary: "a project's buildspec is not there" },
    Rule {
        id: "needless-privilege",
        level: Level::Warning,
        summary: "a build is privileged and runs no containers",
    },
    Rule {
        id: "no-target-image",
        level: Level::Error,
        summary: "a scan names no image, or a variable that nobody sets",
    },
    Rule {
        id: "piped-script",
        level: Level::Warning,
        summary: "a script is run as it comes from the network",
    },
    Rule { id: "plain-secret", level: Level::Error, summary: "a secret stands in the open" },
    Rule { id: "runs-elsewhere", level: Level::Note, summary: "an action runs on AWS alone" },
    Rule { id: "unknown-reference", level: Level::Error, summary: "a reference to what is not declared" },
    Rule {
        id: "unpinned-scanner",
        level: Level::Warning,
        summary: "a scanner is installed in whatever version is newest",
    },
    Rule { id: "unreadable", level: Level::Error, summary: "a file cannot be read" },
];

/// Something that a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name.
    pub rule: &'static str,
    /// How bad it is.
    pub level: Level,
    /// The file, as the caller names it.
    pub file: String,
    /// Where in the file.
    pub place: Place,
    /// What was found. Secrets are not repeated.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Finding {
    fn new(rule: &'static str, file: &str, place: Place, message: impl Into<String>) -> Self {
        let level = RULES.iter().find(|known| known.id == rule).expect("each rule is in the table").level;
        Self { rule, level, file: file.to_owned(), place, message: message.into(), hint: None }
    }

    fn hinted(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Sorts findings by file and place, each once.
fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|one, other| {
        (&one.file, one.place, one.rule, &one.message).cmp(&(
            &other.file,
            other.place,
            other.rule,
            &other.message,
        ))
    });
    findings.dedup();
    findings
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
