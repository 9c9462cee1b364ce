//! The whole result of a scan, as reports are written from it.

use serde::{Deserialize, Serialize};

use crate::{Finding, Gap, Inventory, NotAffected, Severity, Undetermined};

/// Everything one scan found and decided. A function of image, database and configuration: it holds no clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// What is in the image.
    pub inventory: Inventory,
    /// The findings that count, sorted by package (kind, name, version), worst severity first, then ID. Those that
    /// the configuration drops (`--ignore-unfixed`) are not here, their number is in [`Decision`].
    pub findings: Vec<Finding>,
    /// What could not be decided, sorted.
    pub undetermined: Vec<Undetermined>,
    /// Flaws that a distribution says do not affect its package, though advisories name it; sorted.
    pub not_affected: Vec<NotAffected>,
    /// Gaps of the matching, as a distribution release without advisories. Those of reading stand in the inventory.
    pub match_gaps: Vec<Gap>,
    /// The database that was asked.
    pub database: DatabaseInfo,
    /// What the gate said.
    pub decision: Decision,
}

/// Which advisory database was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseInfo {
    /// Digest of its content, `sha256:…`.
    pub digest: String,
    /// When it was last compared with its sources, RFC 3339 UTC; empty for one that was built from files.
    pub updated: String,
    /// Newest `modified` of its advisories, RFC 3339: how fresh the data is, whenever the file was built.
    pub newest_advisory: String,
    /// Number of advisories.
    pub advisories: u64,
}

/// What the gate said, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// What was asked of it, as in `fail on HIGH or worse`; empty where nothing was.
    pub rules: Vec<String>,
    /// The findings that made it fail.
    pub failures: Vec<Failure>,
    /// Findings by severity, without those that were dropped.
    pub counts: SeverityCounts,
    /// Findings that were dropped because no fix exists (`--ignore-unfixed`), by severity.
    pub ignored_unfixed: SeverityCounts,
}

/// One reason for a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Index into [`Scan::findings`].
    pub finding: usize,
    /// The rule, one of [`Decision::rules`].
    pub rule: String,
}

/// May the image sail?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No rule was asked, or none failed.
    #[default]
    Passed,
    /// At least one finding failed a rule.
    Failed,
    /// Nothing failed, but not all could be read or compared, and the configuration is strict about that.
    Undecided,
}

/// A number for each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeverityCounts {
    /// CRITICAL.
    pub critical: usize,
    /// HIGH.
    pub high: usize,
    /// MEDIUM.
    pub medium: usize,
    /// LOW.
    pub low: usize,
    /// NEGLIGIBLE.
    pub negligible: usize,
    /// UNKNOWN.
    pub unknown: usize,
}

impl SeverityCounts {
    /// Counts one more.
    pub fn add(&mut self, severity: Severity) {
        *match severity {
            Severity::Critical => &mut self.critical,
            Severity::High => &mut self.high,
            Severity::Medium => &mut self.medium,
            Severity::Low => &mut self.low,
            Severity::Negligible => &mut self.negligible,
            Severity::Unknown => &mut self.unknown,
        } += 1;
    }

    /// The number of one severity.
    pub fn of(&self, severity: Severity) -> usize {
        match severity {
            Severity::Critical => self.critical,
            Severity::High => self.high,
            Severity::Medium => self.medium,
            Severity::Low => self.low,
            Severity::Negligible => self.negligible,
            Severity::Unknown => self.unknown,
        }
    }

    /// All of them.
    pub fn total(&self) -> usize {
        Severity::WORST_FIRST.iter().map(|&severity| self.of(severity)).sum()
    }
}
