//! What a source of advisories is, and what it reads into.
//!
//! A source is a publisher's format: one file under `src/`, its tests at the foot, its fixtures under
//! `testdata/<name>/` with an `ORIGIN.md`, one line in [`crate::SOURCES`]. It names the feeds that are fetched for it,
//! tells its files from others when they lie in a folder, and reads one file at a time. It never fetches and never
//! touches the disk.

use plimsoll_model::{Advisory, Ecosystem, Epss, KevEntry, VulnerabilityScore};

use crate::error::InvalidRecord;
use crate::report::ReadReport;
use crate::skip::Skip;

/// A publisher's format.
pub trait Source: Sync {
    /// What is told of it in documents, in `db info` and in reports.
    fn about(&self) -> &'static About;

    /// What is fetched for these ecosystems; all that it has where `ecosystems` is `None`. Empty for a source that is
    /// only ever a folder.
    fn feeds(&self, ecosystems: Option<&[Ecosystem]>) -> Vec<Feed>;

    /// Whether a file is of this format, by its path (with `/`) and its first bytes, decompressed: at most
    /// [`MAX_HEAD_BYTES`] of them. Asked of files that a person gave in a folder, in the order of [`crate::SOURCES`]; the
    /// first that says yes reads it. Cheap.
    fn claims(&self, path: &str, head: &[u8]) -> bool;

    /// Reads a file, decompressed. A record that cannot be used is counted with [`Sink::fail`] or [`Sink::skip`], and
    /// the reading goes on.
    ///
    /// # Errors
    /// [`InvalidRecord`] for a file that is not of this format, or is cut short, as a whole. What was handed to the sink
    /// before is thrown away by the caller.
    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord>;

    /// The files that an index ([`FeedKind::Index`]) names.
    ///
    /// # Errors
    /// [`InvalidRecord`] for what is no such index.
    fn follow(&self, index: &Feed, bytes: &[u8]) -> Result<Vec<Feed>, InvalidRecord> {
        let (_, _) = (index, bytes);
        Ok(Vec::new())
    }
}

/// How many bytes [`Source::claims`] sees.
pub const MAX_HEAD_BYTES: usize = 4096;

/// What a source is.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Its name in settings, documents and [`Advisory::source`]: `debian-tracker`. Lower case, with `-`.
    pub name: &'static str,
    /// Whose it is and what, in a few words: `Debian security tracker`.
    pub title: &'static str,
    /// Its home, for people.
    pub home: &'static str,
    /// Licence of the data, as an SPDX identifier where there is one, else in words; what its terms ask.
    pub licence: &'static str,
    /// The address that paths of feeds are resolved against, with `/` at its end; empty for one that is a folder only.
    pub base: &'static str,
    /// What it brings that others do not, and what it cannot tell, in one sentence.
    pub brings: &'static str,
    /// Ecosystems that it speaks of; empty for one of flaws alone, or of all there are.
    pub ecosystems: &'static [Ecosystem],
    /// Whether `plimsoll db update` takes it unless it is told otherwise.
    pub by_default: bool,
    /// The most bytes of one file of it, decompressed.
    pub max_file_bytes: u64,
}

/// One thing to fetch.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Feed {
    /// Name of the source.
    pub source: &'static str,
    /// Path below the source's address, percent-encoded: `Azure%20Linux/all.zip`, `tracker/data/json`. One with `://`
    /// is an address of its own.
    pub path: String,
    /// What of the source it holds, so that a new copy replaces the old records of the same scope: an ecosystem's name
    /// (`Debian`), a release (`Amazon Linux:2023`), a year (`2024`); empty where the feed is the whole source.
    pub scope: String,
    /// How it is fetched.
    pub kind: FeedKind,
}

/// How a feed is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FeedKind {
    /// One file, fetched again when its entity tag or date has changed.
    File,
    /// An `<ecosystem>/all.zip` of the OSV bucket, beside which lie `modified_id.csv` and single records, so that of a
    /// few changed records only those are fetched.
    OsvEcosystem,
    /// An index that names further files, which [`Source::follow`] reads.
    Index,
}

/// One file of a source, decompressed.
#[derive(Clone, Copy, Debug)]
pub struct FeedFile<'a> {
    /// Where it came from, for messages and for telling apart: `PyPI/all.zip/PYSEC-1.json`, `updateinfo.xml`.
    pub path: &'a str,
    /// [`Feed::scope`] of the feed it was fetched as; empty for a file that a person gave, which then has to be told from
    /// path and content.
    pub scope: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// One thing that a source holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// An advisory.
    Advisory(Box<Advisory>),
    /// The mark of a record that counts no more: withdrawn, or without a package that can be looked up.
    Withdrawn {
        /// Name of the source.
        source: String,
        /// Its ID.
        id: String,
        /// Last changed, RFC 3339 UTC; empty where unknown.
        modified: String,
    },
    /// A known exploited vulnerability.
    Kev(KevEntry),
    /// A severity of a CVE by itself.
    Score(VulnerabilityScore),
    /// How probable the exploitation of a CVE is.
    Epss {
        /// The CVE.
        id: String,
        /// Its probability.
        epss: Epss,
    },
}

/// What a source reads into.
pub struct Sink<'a> {
    accept: &'a mut dyn FnMut(Document),
    report: &'a mut ReadReport,
    source: &'static str,
}

impl<'a> Sink<'a> {
    /// One for the source of that name.
    pub fn new(
        source: &'static str,
        report: &'a mut ReadReport,
        accept: &'a mut dyn FnMut(Document),
    ) -> Self {
        Self { accept, report, source }
    }

    /// An advisory, which becomes one of this source.
    pub fn advisory(&mut self, mut advisory: Advisory) {
        self.source.clone_into(&mut advisory.source);
        self.report.records += 1;
        self.report.usable += 1;
        (self.accept)(Document::Advisory(Box::new(advisory)));
    }

    /// A record that its source has taken back.
    pub fn withdrawn(&mut self, id: String, modified: String) {
        self.report.records += 1;
        self.report.withdrawn += 1;
        (self.accept)(Document::Withdrawn { source: self.source.to_owned(), id, modified });
    }

    /// A record of which nothing can be looked up: [`Self::skip`] has said why.
    pub fn empty(&mut self, id: String, modified: String) {
        self.report.records += 1;
        self.report.empty += 1;
        (self.accept)(Document::Withdrawn { source: self.source.to_owned(), id, modified });
    }

    /// A known exploited vulnerability.
    pub fn kev(&mut self, entry: KevEntry) {
        self.report.kev_entries += 1;
        (self.accept)(Document::Kev(entry));
    }

    /// A severity of a CVE by itself.
    pub fn score(&mut self, score: VulnerabilityScore) {
        self.report.scores += 1;
        (self.accept)(Document::Score(score));
    }

    /// How probable the exploitation of a CVE is.
    pub fn epss(&mut self, id: String, epss: Epss) {
        self.report.epss += 1;
        (self.accept)(Document::Epss { id, epss });
    }

    /// A part of a record that was left out on purpose.
    pub fn skip(&mut self, skip: Skip) {
        *self.report.skipped.entry(skip).or_default() += 1;
    }

    /// A record that could not be read: which (`updateinfo.xml: ALAS-2024-1`), what was expected, what was found.
    pub fn fail(&mut self, place: String, reason: String) {
        self.report.records += 1;
        self.report.fail(place, reason);
    }
}
