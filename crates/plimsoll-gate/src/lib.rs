//! Findings to a verdict.
//!
//! [`judge`] takes a [`Policy`], [`Waivers`] and what a scan found, and says whether the image may sail, by which rule
//! not, and for each finding who decided. It is pure: it reads no file, no clock and no environment.
//!
//! - A policy is a list of rules, each a condition over what a finding knows ([`FIELDS`]) and what to do where it
//!   holds. The first that holds decides. It is checked when it is read: names, kinds, and the form of every text.
//! - The flags of the command are short names for rules ([`Flags`]); [`decide`] is a policy of flags alone. A finding
//!   fails a threshold if its severity is the level or worse. One whose severity nobody has said (`UNKNOWN`) is below
//!   every level, and a notice that is no flaw (`informational`) never fails by a flag; both are counted.
//! - A malicious package is critical, and no rule drops it: there is no fix to wait for.
//! - Where nothing failed, a strict policy is undecided as long as anything could not be read or compared.
//! - What is wrong with a policy or a waiver is an error with line and column ([`InputError`]), what goes wrong with a
//!   rule while it is asked an [`EvaluationError`]: the gate does not pass because its own input is broken.
//!
//! ```
//! use plimsoll_gate::{Flags, decide, threshold};
//! use plimsoll_model::Verdict;
//!
//! let flags = Flags { fail_on: Some(threshold("high")?), ..Flags::default() };
//! let decided = decide(&flags, Vec::new(), &[], &[]);
//! assert_eq!(decided.decision.verdict, Verdict::Passed);
//! assert_eq!(decided.decision.rules, ["fail on HIGH or worse"]);
//! # Ok::<(), plimsoll_gate::InvalidThreshold>(())
//! ```

mod input;
mod judge;
mod pattern;
mod policy;
mod subject;
mod waiver;

use jiff::Timestamp;
use plimsoll_model::{Finding, Gap, Severity, SeverityCounts, Undetermined};

pub use input::InputError;
pub use judge::{EvaluationError, Judged, Unclear, judge};
pub use policy::{
    Action, FIELDS, Field, FieldInfo, FieldKind, Flags, PRESETS, Policy, Preset, Rule, fields_table,
};
pub use subject::Context;
pub use waiver::{Reason, SOON_DAYS, Waiver, WaiverOutcome, Waivers};

/// A text that is no level to fail on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidThreshold {
    /// The text, as given, at most 100 characters of it.
    pub text: String,
}

impl std::fmt::Display for InvalidThreshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot fail on `{}`: expected critical, high, medium or low", self.text)
    }
}

impl std::error::Error for InvalidThreshold {}

/// Reads a level to fail on: `critical`, `high`, `medium` or `low`, in any case.
///
/// Other words are refused: below LOW, findings are not told apart well enough to fail on.
///
/// # Errors
/// [`InvalidThreshold`] for any other text.
pub fn threshold(text: &str) -> Result<Severity, InvalidThreshold> {
    [Severity::Critical, Severity::High, Severity::Medium, Severity::Low]
        .into_iter()
        .find(|level| level.as_str().eq_ignore_ascii_case(text))
        .ok_or_else(|| InvalidThreshold { text: text.chars().take(100).collect() })
}

/// Decides by flags alone. `gaps`: all of them, of reading and of matching.
pub fn decide<'a>(
    flags: &Flags,
    findings: Vec<Finding>,
    undetermined: &[Undetermined],
    gaps: impl IntoIterator<Item = &'a Gap>,
) -> Judged {
    // No flag asks for ages or packages.
    let context = Context { now: Timestamp::UNIX_EPOCH, inventory: None };
    let policy = Policy::default().with_flags(flags);
    judge(&policy, &Waivers::default(), findings, undetermined, gaps, &context)
        .expect("the conditions of flags compare, and compute nothing")
}

/// The findings by severity.
pub fn count(findings: &[Finding]) -> SeverityCounts {
    let mut counts = SeverityCounts::default();
    for finding in findings {
        counts.add(subject::severity_of(finding));
    }
    counts
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{FixState, SeverityChoice, SeveritySource};

    use plimsoll_model::Verdict;

    use super::*;

    /// `HIGH`, `HIGH fixed`, `LOW notice`, `LOW malicious`.
    fn finding(text: &str) -> Finding {
        let severity: Severity = text.split(' ').next().unwrap().parse().unwrap();
        Finding {
            fix: if text.contains("fixed") { FixState::Fixed("2".to_owned()) } else { FixState::NotFixed },
            severity: SeverityChoice { severity, source: SeveritySource::Nobody },
            malicious: text.contains("malicious"),
            informational: text.contains("notice").then(|| "unmaintained".to_owned()),
            ..Finding::new("CVE-2020-1", vec![0])
        }
    }

    fn policy(text: &str) -> Flags {
        Flags {
            fail_on: text.split(' ').find_map(|word| threshold(word).ok()),
            ignore_unfixed: text.contains("ignore-unfixed"),
            strict: text.contains("strict"),
            ..Flags::default()
        }
    }

    fn gap() -> Gap {
        Gap {
            path: "a.jar".to_owned(),
            place: String::new(),
            diff_id: None,
            reporter: "maven".to_owned(),
            reason: "expected a zip".to_owned(),
        }
    }

    #[test]
    fn a_verdict_follows_from_policy_and_findings() {
        use Verdict::{Failed, Passed, Undecided};
        for (rules, findings, gaps, verdict, failures) in [
            ("", vec![], 0, Passed, vec![]),
            ("", vec!["CRITICAL fixed"], 1, Passed, vec![]),
            ("high", vec![], 0, Passed, vec![]),
            ("high", vec!["MEDIUM", "LOW", "UNKNOWN"], 0, Passed, vec![]),
            ("high", vec!["HIGH"], 0, Failed, vec![0]),
            ("high", vec!["LOW", "CRITICAL", "HIGH"], 0, Failed, vec![1, 2]),
            ("HIGH", vec!["HIGH"], 0, Failed, vec![0]),
            ("critical", vec!["HIGH"], 0, Passed, vec![]),
            ("low", vec!["NEGLIGIBLE", "UNKNOWN"], 0, Passed, vec![]),
            ("low", vec!["LOW notice", "CRITICAL notice"], 0, Passed, vec![]),
            (
                "critical ignore-unfixed",
                vec!["UNKNOWN malicious", "LOW notice malicious"],
                0,
                Failed,
                vec![0, 1],
            ),
            ("", vec!["CRITICAL malicious"], 0, Passed, vec![]),
            ("high ignore-unfixed", vec!["CRITICAL"], 0, Passed, vec![]),
            ("high ignore-unfixed", vec!["CRITICAL", "LOW fixed", "HIGH fixed"], 0, Failed, vec![1]),
            ("high strict", vec!["LOW"], 0, Passed, vec![]),
            ("high strict", vec!["LOW"], 1, Undecided, vec![]),
            ("high strict", vec!["HIGH"], 1, Failed, vec![0]),
            ("high", vec!["LOW"], 1, Passed, vec![]),
            ("strict", vec![], 1, Undecided, vec![]),
        ] {
            let gaps: Vec<Gap> = (0..gaps).map(|_| gap()).collect();
            let all = findings.iter().map(|text| finding(text)).collect();
            let decided = decide(&policy(rules), all, &[], &gaps);
            assert_eq!(decided.decision.verdict, verdict, "{rules}: {findings:?}");
            let failed: Vec<usize> = decided.decision.failures().map(|(index, _)| index).collect();
            assert_eq!(failed, failures, "{rules}: {findings:?}");
            assert_eq!(decided.decision.counts, count(&decided.findings));
        }
    }

    #[test]
    fn what_is_dropped_is_counted() {
        let all = ["CRITICAL", "HIGH", "HIGH fixed"].map(finding).to_vec();
        let decided = decide(&policy("ignore-unfixed"), all, &[], &[]);
        assert_eq!(decided.findings.len(), 1);
        assert_eq!(decided.decision.counts, SeverityCounts { high: 1, ..SeverityCounts::default() });
        let ignored = SeverityCounts { critical: 1, high: 1, ..SeverityCounts::default() };
        assert_eq!(decided.decision.ignored_unfixed, ignored);
        assert_eq!(decided.decision.rules, ["ignore findings without a fix"]);
    }

    #[test]
    fn an_undetermined_advisory_leaves_a_strict_gate_undecided() {
        let undetermined = Undetermined {
            id: "CVE-2020-1".to_owned(),
            advisory: "GHSA-1".to_owned(),
            package: 0,
            reason: "no version".to_owned(),
        };
        let decided = decide(&policy("strict"), Vec::new(), &[undetermined], &[]);
        assert_eq!(decided.decision.verdict, Verdict::Undecided);
    }

    #[test]
    fn the_rules_are_told_in_words() {
        assert_eq!(
            policy("medium ignore-unfixed strict").rules(),
            [
                "fail on MEDIUM or worse",
                "ignore findings without a fix",
                "undecided where something could not be read or compared"
            ]
        );
        assert_eq!(policy("critical").rules(), ["fail on CRITICAL"]);
        assert_eq!(policy("").rules(), [""; 0]);
    }

    #[test]
    fn only_four_levels_can_be_failed_on() {
        for text in ["", "unknown", "negligible", "important", "high ", "9.8"] {
            let error = threshold(text).unwrap_err().to_string();
            assert_eq!(error, format!("cannot fail on `{text}`: expected critical, high, medium or low"));
        }
    }
}
