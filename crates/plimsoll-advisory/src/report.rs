//! What a reading of sources came to.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::skip::Skip;

/// Failures that are listed one by one; more are only counted.
pub const MAX_LISTED_FAILURES: usize = 1000;
/// Kinds of ignored files that are told apart; more are counted together.
const MAX_IGNORED_KINDS: usize = 200;
/// Longest end of a file's name that is told, in bytes.
const MAX_EXTENSION_BYTES: usize = 16;

/// What a reading of several sources came to, each by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// By the source's name.
    pub sources: BTreeMap<&'static str, ReadReport>,
    /// What is of no source: files that nobody claims, archives that cannot be read.
    pub rest: ReadReport,
}

impl Readings {
    /// All of it in one.
    pub fn total(&self) -> ReadReport {
        let mut total = ReadReport::default();
        self.sources.values().chain([&self.rest]).for_each(|report| total.add(report));
        total
    }

    /// The report of a source, or of what is of none.
    pub(crate) fn of(&mut self, source: Option<&'static str>) -> &mut ReadReport {
        match source {
            Some(name) => self.sources.entry(name).or_default(),
            None => &mut self.rest,
        }
    }

    pub(crate) fn settle(&mut self) {
        self.sources.values_mut().chain([&mut self.rest]).for_each(ReadReport::settle);
    }
}

/// What a reading of sources came to: how much was read, and what was left out, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReadReport {
    /// Records met, including doubles and those that failed.
    pub records: u64,
    /// Records that name a package that can be looked up, including doubles.
    pub usable: u64,
    /// Records that their source has taken back.
    pub withdrawn: u64,
    /// Records of which nothing can be looked up, see [`Self::skipped`].
    pub empty: u64,
    /// Records that one archive holds again under the same ID. The newest counts.
    pub doubles: u64,
    /// Parts of records that were left out, and how often.
    pub skipped: BTreeMap<Skip, u64>,
    /// Records and rows that could not be read.
    pub failed: u64,
    /// The first of those, sorted by place: at most [`MAX_LISTED_FAILURES`].
    pub failures: Vec<Failure>,
    /// Entries of the catalogue of known exploited vulnerabilities.
    pub kev_entries: u64,
    /// Rows of score tables.
    pub scores: u64,
    /// CVEs with an EPSS score.
    pub epss: u64,
    /// Files that were met in a folder or archive and that no source claims, and how often, by the end of their name.
    pub ignored_files: BTreeMap<String, u64>,
    /// Uncompressed bytes of all that was read.
    pub bytes: u64,
}

/// A record or row that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Failure {
    /// The file, and what in it: `/data/PyPI/all.zip/PYSEC-1.json`, `updateinfo.xml: ALAS-2024-1`.
    pub place: String,
    /// What was expected, and what was found.
    pub reason: String,
}

impl ReadReport {
    /// Adds what another reading came to.
    pub fn add(&mut self, other: &Self) {
        self.add_unsettled(other);
        self.settle();
    }

    /// The same while reading goes on: sorts now and then only.
    pub(crate) fn add_unsettled(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.records, other.records),
            (&mut self.usable, other.usable),
            (&mut self.withdrawn, other.withdrawn),
            (&mut self.empty, other.empty),
            (&mut self.doubles, other.doubles),
            (&mut self.failed, other.failed),
            (&mut self.kev_entries, other.kev_entries),
            (&mut self.scores, other.scores),
            (&mut self.epss, other.epss),
            (&mut self.bytes, other.bytes),
        ] {
            *sum = sum.saturating_add(more);
        }
        for (skip, count) in &other.skipped {
            *self.skipped.entry(skip.clone()).or_default() += count;
        }
        for (kind, count) in &other.ignored_files {
            self.count_ignored(kind, *count);
        }
        self.failures.extend(other.failures.iter().cloned());
        if self.failures.len() >= 2 * MAX_LISTED_FAILURES {
            self.settle();
        }
    }

    /// Whether anything of use was read: a record, even one that was taken back, an entry, a score.
    pub fn is_fruitful(&self) -> bool {
        [self.usable, self.withdrawn, self.empty, self.kev_entries, self.scores, self.epss]
            .iter()
            .any(|&count| count > 0)
    }

    /// Counts a file that no source claims, by its name and where it lies (` in a zip`).
    pub(crate) fn ignore(&mut self, name: &str, place: &str) {
        let file = name.rsplit('/').next().unwrap_or(name);
        let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
        let is_plain = extension.len() <= MAX_EXTENSION_BYTES
            && extension.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        let extension = if is_plain { extension.to_ascii_lowercase() } else { "…".to_owned() };
        self.count_ignored(&format!("*.{extension}{place}"), 1);
    }

    pub(crate) fn count_ignored(&mut self, kind: &str, count: u64) {
        let is_known = self.ignored_files.contains_key(kind);
        let kind = if is_known || self.ignored_files.len() < MAX_IGNORED_KINDS { kind } else { "others" };
        *self.ignored_files.entry(kind.to_owned()).or_default() += count;
    }

    pub(crate) fn fail(&mut self, place: String, reason: String) {
        self.failed += 1;
        self.failures.push(Failure { place, reason });
        if self.failures.len() >= 2 * MAX_LISTED_FAILURES {
            self.settle();
        }
    }

    /// Brings the list of failures to its order and length, which do not depend on the order of reading.
    pub(crate) fn settle(&mut self) {
        self.failures.sort_unstable();
        self.failures.truncate(MAX_LISTED_FAILURES);
    }
}

/// Several lines for people, without the listed failures.
impl fmt::Display for ReadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "records: {} read, {} usable, {} withdrawn, {} empty, {} failed",
            self.records, self.usable, self.withdrawn, self.empty, self.failed
        )?;
        writeln!(f, "known exploited vulnerabilities: {}", self.kev_entries)?;
        writeln!(f, "scores: {}", self.scores)?;
        if self.epss > 0 {
            writeln!(f, "probabilities of exploitation: {}", self.epss)?;
        }
        if self.doubles > 0 {
            writeln!(f, "doubles: {}", self.doubles)?;
        }
        for (skip, count) in &self.skipped {
            writeln!(f, "left out: {count} {skip}")?;
        }
        for (kind, count) in &self.ignored_files {
            let files = if *count == 1 { "file" } else { "files" };
            writeln!(f, "ignored: {count} {files} `{kind}`")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_add_up() {
        let mut one = ReadReport { records: 2, usable: 1, bytes: 5, ..ReadReport::default() };
        one.fail("b".into(), "why".into());
        one.skipped.insert(Skip::Event, 1);
        one.ignore("notes.TXT", " in a zip");
        let mut two = ReadReport { records: 3, epss: 4, ..ReadReport::default() };
        two.fail("a".into(), "why".into());
        two.skipped.insert(Skip::Event, 2);
        two.ignore("x/more.txt", " in a zip");
        let mut readings = Readings::default();
        *readings.of(Some("osv")) = one;
        *readings.of(None) = two;
        let total = readings.total();
        assert_eq!((total.records, total.usable, total.failed, total.epss, total.bytes), (5, 1, 2, 4, 5));
        assert_eq!(total.skipped[&Skip::Event], 3);
        assert_eq!(total.ignored_files["*.txt in a zip"], 2);
        assert_eq!(total.failures.iter().map(|failure| failure.place.as_str()).collect::<String>(), "ab");
    }

    #[test]
    fn a_report_survives_json() {
        let mut report = ReadReport { records: 2, ..ReadReport::default() };
        report.fail("place".into(), "why".into());
        for skip in [Skip::Ecosystem("Plan 9".into()), Skip::NoPackage, Skip::Other("live patches".into())] {
            report.skipped.insert(skip, 1);
        }
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<ReadReport>(&json).unwrap(), report);
        assert_eq!(serde_json::from_str::<ReadReport>("{}").unwrap(), ReadReport::default());
    }

    #[test]
    fn names_of_ignored_files_fill_no_memory() {
        let mut report = ReadReport::default();
        for number in 0..1000 {
            report.ignore(&format!("a.x{number}"), "");
            report.ignore(&format!("a.{}", "y".repeat(1000)), "");
            report.ignore("a.\u{1b}[2J", "");
        }
        assert!(report.ignored_files.len() <= MAX_IGNORED_KINDS + 1);
        assert_eq!(report.ignored_files["*.…"], 2000);
        assert_eq!(report.ignored_files.values().sum::<u64>(), 3000);
    }
}
