//! Advisory sources: upstream documents to [`plimsoll_model::Advisory`], one file a source.
//!
//! Read are OSV records ([`parse_record`]), CISA's catalogue of known exploited vulnerabilities ([`parse_kev`]) and
//! tables of CVE scores ([`parse_scores`]). [`read`] finds them in folders, zips and single files, in the layout of
//! the OSV bulk export, and hands them on one by one.
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

mod cve_severity;
mod error;
mod input;
mod kev;
mod loose;
mod osv;
mod rating;
mod report;
mod seam;
mod text;

pub use cve_severity::parse_scores;
pub use error::{Error, InvalidRecord};
pub use input::read;
pub use kev::parse_kev;
pub use osv::{Outcome, ParsedRecord, Skip, parse_record};
pub use rating::database_of;
pub use report::{Failure, MAX_LISTED_FAILURES, ReadReport};
pub use seam::{About, Document, Feed, FeedFile, FeedKind, MAX_HEAD_BYTES, Sink, Source};
