//! Advisory sources: upstream documents to [`plimsoll_model::Advisory`], one file a source.
//!
//! A [`Source`] is one publisher's format; [`SOURCES`] are all of them. [`read`] finds their files in folders, archives
//! and single files, whatever they are packed with, and hands on what they hold; [`read_feed`] reads one that was fetched.
//!
//! Nothing is fetched here, nothing is decided: ranges are kept in the words of the source, in its order. What had
//! to be left out is counted in the [`ReadReport`], and what could not be read is listed there.
//!
//! ```
//! let record = br#"{"id": "GHSA-xxxx", "modified": "2024-01-02T03:04:05Z", "affected": [{
//!     "package": {"ecosystem": "PyPI", "name": "Flask"},
//!     "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.2.5"}]}]}]}"#;
//! let parsed = plimsoll_advisory::parse_record(record)?;
//! let plimsoll_advisory::Outcome::Advisory(advisory) = parsed.outcome else { panic!("it names a package") };
//! assert_eq!(advisory.affected[0].name, "flask");
//! # Ok::<(), plimsoll_advisory::InvalidRecord>(())
//! ```

mod amazon;
mod arch;
mod archive;
mod bounded_json;
mod criteria;
mod csaf;
mod cve_severity;
mod debian_tracker;
mod definitions;
mod entry;
mod epss;
mod errata;
mod erratum;
mod error;
mod input;
mod kev;
mod loose;
mod nvd;
mod oracle;
mod osv;
mod osv_source;
mod oval;
mod parallel;
mod photon;
mod photon_oval;
mod purl_text;
mod rating;
mod raw;
mod redhat_vex;
mod report;
mod repository;
mod rocky;
mod rpm_fixes;
mod seam;
mod secdb;
mod skip;
mod sources;
mod suse_oval;
mod suse_vex;
#[cfg(test)]
mod testing;
mod text;
mod unpack;
mod updateinfo;
mod vex;
mod vex_facts;
mod xml;

pub use cve_severity::parse_scores;
pub use error::{Error, InvalidRecord};
pub use input::{read, read_by_source, read_bytes, read_feed};
pub use kev::parse_kev;
pub use osv::{Outcome, ParsedRecord, parse_record};
pub use rating::database_of;
pub use report::{Failure, MAX_LISTED_FAILURES, ReadReport, Readings};
pub use seam::{About, Document, Feed, FeedFile, FeedKind, MAX_HEAD_BYTES, Sink, Source};
pub use skip::Skip;
pub use sources::{SOURCES, source, sources_table};
