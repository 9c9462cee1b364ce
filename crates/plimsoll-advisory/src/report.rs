//! What a reading of sources came to.

use std::collections::BTreeMap;
use std::fmt;

use crate::osv::Skip;

/// Failures that are listed one by one; more are only counted.
pub const MAX_LISTED_FAILURES: usize = 1000;

/// What a reading of sources came to: how much was read, and what was left out, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// OSV records met, including doubles and those that failed.
    pub records: u64,
    /// Records that name a package that can be looked up, including doubles.
    pub usable: u64,
    /// Records that their source has taken back.
    pub withdrawn: u64,
    /// Records of which nothing can be looked up, see [`Self::skipped`].
    pub empty: u64,
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
    /// Files that were met in a folder or zip and are no source, and how often, by the end of their name.
    pub ignored_files: BTreeMap<String, u64>,
    /// Uncompressed bytes of all that was read.
    pub bytes: u64,
}

/// A record or row that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failure {
    /// The file, and what in it: `/data/PyPI/all.zip: PYSEC-1.json`.
    pub place: String,
    /// What was expected, and what was found.
    pub reason: String,
}

impl ReadReport {
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

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ecosystem(name) => write!(f, "packages of ecosystem `{name}`, which is not known"),
            Self::NoPackage => f.write_str("entries that name no package"),
            Self::NoVersions => f.write_str("packages without a range or version that can be compared"),
            Self::GitRange => f.write_str("ranges of commits"),
            Self::RangeType(kind) => write!(f, "ranges of type `{kind}`, which is not known"),
            Self::Event => f.write_str("events without a version"),
        }
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
        for (skip, count) in &self.skipped {
            writeln!(f, "left out: {count} {skip}")?;
        }
        for (kind, count) in &self.ignored_files {
            writeln!(f, "ignored: {count} files `{kind}`")?;
        }
        Ok(())
    }
}
