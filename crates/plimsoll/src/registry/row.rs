//! One image of a sweep, and what came of it.

use std::cmp::Reverse;
use std::path::PathBuf;

use plimsoll_model::{Digest, Platform, Scan, SeverityCounts, Verdict};
use serde_json::{Value, json};

use super::order::natural;
use crate::exit::Failure;
use crate::store::verdict_word;

/// An image, with all names it has in the registry.
#[derive(Clone, Debug)]
pub(super) struct Image {
    /// Repositories, each with the tags that lead to it there.
    pub(super) names: Vec<(String, Vec<String>)>,
    /// The digest of its manifest.
    pub(super) digest: Digest,
    /// Its platform, where it is one of several of an index.
    pub(super) platform: Option<Platform>,
}

/// What came of an image.
#[derive(Debug)]
pub(super) enum Outcome {
    Scanned(Judged),
    /// Why not.
    Failed(Failure),
}

/// What the scan of one image says, without its findings.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) word: &'static str,
    pub(super) counts: SeverityCounts,
    /// Places that could not be read, and flaws that could not be decided.
    pub(super) gaps: usize,
    pub(super) database_digest: String,
    /// Where its report is.
    pub(super) report: Option<PathBuf>,
    /// Why it is not stored.
    pub(super) unstored: Option<Failure>,
}

impl Judged {
    pub(super) fn of(scan: &Scan) -> Self {
        Self {
            verdict: scan.decision.verdict,
            word: verdict_word(scan),
            counts: scan.decision.counts,
            gaps: scan.inventory.gaps.len() + scan.match_gaps.len() + scan.undetermined.len(),
            database_digest: scan.database.digest.clone(),
            report: None,
            unstored: None,
        }
    }

    /// The worst has the least.
    fn rank(&self) -> impl Ord + use<> {
        let verdict = match self.verdict {
            Verdict::Failed => 0,
            Verdict::Undecided => 1,
            Verdict::Passed => 2,
        };
        let counts = &self.counts;
        let by_severity = [
            counts.critical,
            counts.high,
            counts.medium,
            counts.low,
            counts.negligible + counts.unknown,
            self.gaps,
        ];
        (verdict, Reverse(by_severity))
    }
}

impl Image {
    /// The name that it is scanned under: the first repository's first tag that is not `latest`.
    pub(super) fn name(&self) -> (&str, &str) {
        let (repository, tags) = self.names.first().expect("an image was found under some name");
        let tag = tags.iter().find(|tag| *tag != "latest").or(tags.first()).expect("and some tag");
        (repository, tag)
    }

    /// `team/app:1.2, latest`, a line for each repository.
    pub(super) fn lines(&self) -> Vec<String> {
        self.names.iter().map(|(repository, tags)| format!("{repository}:{}", tags.join(", "))).collect()
    }

    /// What it is scanned as, for errors: `team/app:1.2 linux/arm64`.
    pub(super) fn words(&self) -> String {
        let names = self.lines().join("; ");
        self.platform.as_ref().map_or(names.clone(), |platform| format!("{names} {platform}"))
    }

    fn names_json(&self) -> Vec<Value> {
        self.names.iter().map(|(repository, tags)| json!({"repository": repository, "tags": tags})).collect()
    }

    pub(super) fn json(&self, outcome: &Outcome) -> Value {
        let mut value = json!({
            "names": self.names_json(),
            "digest": self.digest,
            "platform": self.platform.as_ref().map(ToString::to_string),
        });
        match outcome {
            Outcome::Scanned(judged) => {
                let counts = &judged.counts;
                value["verdict"] = judged.word.into();
                value["counts"] = json!({
                    "critical": counts.critical, "high": counts.high, "medium": counts.medium, "low": counts.low,
                    "negligible": counts.negligible, "unknown": counts.unknown,
                });
                value["gaps"] = judged.gaps.into();
                value["database_digest"] = judged.database_digest.clone().into();
                value["report"] = judged.report.as_ref().map(|path| path.display().to_string()).into();
                value["unstored"] = judged.unstored.as_ref().map(reason).into();
            }
            Outcome::Failed(failure) => value["reason"] = reason(failure).into(),
        }
        value
    }
}

/// Why something failed, in one line.
pub(super) fn reason(failure: &Failure) -> String {
    let mut text = failure.error.to_string();
    for cause in failure.error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// The worst first; what could not be scanned last.
pub(super) fn sort(rows: &mut [(Image, Outcome)]) {
    rows.sort_by(|(a, one), (b, other)| {
        let by_name = || natural(&a.words(), &b.words()).then_with(|| a.digest.cmp(&b.digest));
        match (one, other) {
            (Outcome::Scanned(one), Outcome::Scanned(other)) => {
                one.rank().cmp(&other.rank()).then_with(by_name)
            }
            (Outcome::Scanned(_), Outcome::Failed(_)) => std::cmp::Ordering::Less,
            (Outcome::Failed(_), Outcome::Scanned(_)) => std::cmp::Ordering::Greater,
            (Outcome::Failed(_), Outcome::Failed(_)) => by_name(),
        }
    });
}
