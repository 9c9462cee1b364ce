//! What the gate said of a scan, and of each finding in it.

use serde::{Deserialize, Serialize};

use crate::{Finding, Severity};

/// What the gate said, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// What was asked of it, as in `fail on HIGH or worse`; empty where nothing was.
    pub rules: Vec<String>,
    /// What it said of each finding: one for each of [`crate::Scan::findings`], in their order. What is missing at the
    /// end counts as [`Outcome::Passed`].
    pub rulings: Vec<Ruling>,
    /// Findings by severity, without those that were dropped.
    pub counts: SeverityCounts,
    /// Findings that were dropped because no fix exists (`--ignore-unfixed`), by severity.
    pub ignored_unfixed: SeverityCounts,
}

impl Decision {
    /// The findings that made it fail, as indexes into [`crate::Scan::findings`], with what was said of them.
    pub fn failures(&self) -> impl Iterator<Item = (usize, &Ruling)> {
        self.rulings.iter().enumerate().filter(|(_, ruling)| ruling.outcome == Outcome::Failed)
    }

    /// What was said of a finding, by its index.
    pub fn ruling(&self, finding: usize) -> Option<&Ruling> {
        self.rulings.get(finding)
    }
}

/// What was decided about one finding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// What came of it.
    pub outcome: Outcome,
    /// The rule that decided, one of [`Decision::rules`]; empty where none did.
    pub rule: String,
    /// Why, in the words of the rule; may be empty.
    pub reason: String,
    /// The day from which the rule fails or warns, where its window is still open: `2026-03-31`.
    pub due: Option<String>,
    /// What else is to be known: a rule that may not ignore it, a rule that hung on what nobody has said, what a VEX
    /// document says of it.
    pub notes: Vec<String>,
}

/// What came of a finding that counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// No rule held.
    #[default]
    Passed,
    /// A rule warns of it, or will fail it.
    Warned,
    /// A rule failed it.
    Failed,
}

impl Outcome {
    /// The word: `failed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Failed => "failed",
        }
    }
}

/// A finding that does not count, and who said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    /// The finding.
    pub finding: Finding,
    /// What sort of thing suppresses it.
    pub kind: SuppressionKind,
    /// Who: the rule's name, the waiver's owner, the VEX document's author. May be empty for ignore files of other
    /// scanners.
    pub by: String,
    /// Why, in a fixed word where there is one: `accepted-risk`, `not_affected: vulnerable_code_not_present`.
    pub reason: String,
    /// Why, in somebody's own words; may be empty.
    pub remark: String,
    /// The last day on which it holds, UTC: `2026-03-31`. `None` where it has no end.
    pub until: Option<String>,
    /// Where that was written: `plimsoll.toml:12`, `vex/app.json: statements[2]`.
    pub origin: String,
}

impl Suppressed {
    /// One line for people: `waived by shop-team@example.org as accepted-risk until 2026-03-31 (plimsoll.toml:12): …`.
    pub fn words(&self) -> String {
        let verb = match self.kind {
            SuppressionKind::Rule => "ignored",
            SuppressionKind::Waiver => "waived",
            SuppressionKind::Vex => "settled",
        };
        let mut words = vec![verb.to_owned()];
        words.extend(Some(format!("by {}", self.by)).filter(|_| !self.by.is_empty()));
        words.extend(Some(format!("as {}", self.reason)).filter(|_| !self.reason.is_empty()));
        words.extend(self.until.as_ref().map(|until| format!("until {until}")));
        words.extend(Some(format!("({})", self.origin)).filter(|_| !self.origin.is_empty()));
        let words = words.join(" ");
        if self.remark.is_empty() { words } else { format!("{words}: {}", self.remark) }
    }
}

/// What suppresses a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuppressionKind {
    /// A rule whose action is `ignore`.
    Rule,
    /// A waiver, or an entry of another scanner's ignore file.
    Waiver,
    /// A VEX statement.
    Vex,
}

impl SuppressionKind {
    /// The word: `waiver`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Waiver => "waiver",
            Self::Vex => "vex",
        }
    }
}

/// Something about policy, waivers, VEX or baseline that a person should look at. It decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// Where that was written: `plimsoll.toml:12`; may be empty.
    pub origin: String,
    /// What is to be known: `the waiver for CVE-2021-44228 ended on 2026-03-31`.
    pub text: String,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// A waiver whose end is past.
    WaiverExpired,
    /// A waiver that ends soon.
    WaiverExpiring,
    /// A waiver that excuses nothing that was found.
    WaiverUnused,
    /// A waiver without an end.
    WaiverEndless,
    /// What of an ignore file cannot be honoured.
    IgnoreFile,
    /// A rule that is never asked.
    RuleNeverAsked,
    /// A rule that cannot hold, since what it asks for was not given.
    RuleWithoutFacts,
    /// Two VEX statements that contradict each other.
    VexConflict,
    /// What is not valid in a VEX document.
    VexProblem,
    /// A VEX statement that matched nothing.
    VexUnused,
    /// Whose word a VEX document is was not checked, or the check failed.
    VexUnverified,
    /// There is no earlier scan to compare with.
    NoBaseline,
    /// The earlier scan is of something else, or says less than a comparison needs.
    BaselineDiffers,
    /// The decision is of another day than the scan.
    AsOf,
}

impl NoticeKind {
    /// Whether it is about VEX documents.
    pub fn is_of_vex(self) -> bool {
        matches!(self, Self::VexConflict | Self::VexProblem | Self::VexUnused | Self::VexUnverified)
    }

    /// The word: `waiver-expired`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WaiverExpired => "waiver-expired",
            Self::WaiverExpiring => "waiver-expiring",
            Self::WaiverUnused => "waiver-unused",
            Self::WaiverEndless => "waiver-endless",
            Self::IgnoreFile => "ignore-file",
            Self::RuleNeverAsked => "rule-never-asked",
            Self::RuleWithoutFacts => "rule-without-facts",
            Self::VexConflict => "vex-conflict",
            Self::VexProblem => "vex-problem",
            Self::VexUnused => "vex-unused",
            Self::VexUnverified => "vex-unverified",
            Self::NoBaseline => "no-baseline",
            Self::BaselineDiffers => "baseline-differs",
            Self::AsOf => "as-of",
        }
    }
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
