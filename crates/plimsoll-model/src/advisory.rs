//! Advisories: what one source says of one flaw, or of several.

use serde::{Deserialize, Serialize};

pub use plimsoll_version::EventKind;

use crate::{Namespace, Severity};

/// One source's document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advisory {
    /// Its name: `DSA-5343-1`, `GHSA-jfh8-c2jp-5v3q`, `CVE-2021-44228`.
    pub id: String,
    /// Other names of the same flaw.
    pub aliases: Vec<String>,
    /// Flaws that this document speaks of in a downstream's name: one, or several in a vendor's collected advisory.
    pub upstream: Vec<String>,
    /// Flaws and documents that are near it. AlmaLinux names here the CVEs that an erratum fixes.
    pub related: Vec<String>,
    /// One line for people.
    pub summary: String,
    /// The description, Markdown.
    pub details: String,
    /// First published, RFC 3339 UTC; empty where unknown.
    pub published: String,
    /// Last changed, RFC 3339 UTC.
    pub modified: String,
    /// Links.
    pub references: Vec<Reference>,
    /// Severities of the whole document.
    pub ratings: Vec<Rating>,
    /// `CWE-79`, …
    pub cwes: Vec<String>,
    /// For a notice that is no flaw: RustSec's `unmaintained`, `unsound`, `notice`.
    pub informational: Option<String>,
    /// The packages it speaks of. Empty in what a look-up returns.
    pub affected: Vec<Affected>,
}

/// A link of an advisory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// `ADVISORY`, `WEB`, `FIX`, …, as in the OSV schema.
    pub kind: String,
    /// The address.
    pub url: String,
}

/// One package of an advisory, in one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected {
    /// Where the name is at home.
    pub namespace: Namespace,
    /// The package, normalized with [`crate::Ecosystem::normalize_name`]. Distributions mostly name source packages.
    pub name: String,
    /// Affected ranges, of OSV's types ECOSYSTEM and SEMVER.
    pub ranges: Vec<AffectedRange>,
    /// Affected versions that are listed one by one.
    pub versions: Vec<String>,
    /// Severities said of this package alone.
    pub ratings: Vec<Rating>,
}

/// Affected versions as a list of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AffectedRange {
    /// The events, in the order of the document.
    pub events: Vec<AffectedEvent>,
}

/// One event, with its version owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AffectedEvent {
    /// What it says.
    pub kind: EventKind,
    /// Of which version.
    pub version: String,
}

/// A severity that somebody gave, in one of the scales there are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rating {
    /// Who gave it, in lower case: `debian`, `ubuntu`, `almalinux`, `ghsa`, `nvd`, `rustsec`, …
    pub source: String,
    /// What was given.
    pub scale: RatingScale,
}

/// The scales.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RatingScale {
    /// The source's own word.
    Word(Severity),
    /// A CVSS vector, as written: `CVSS:3.1/AV:N/…`, `CVSS:4.0/…`, `AV:N/AC:L/Au:N/…` (2.0).
    Cvss(String),
    /// A CVSS base score without a vector, in tenths: 98 is 9.8.
    Score(u8),
}

/// A severity of a CVE by itself, from a table of scores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VulnerabilityScore {
    /// `CVE-2021-44228`.
    pub id: String,
    /// What the table says.
    pub rating: Rating,
}

/// An entry of CISA's catalogue of known exploited vulnerabilities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KevEntry {
    /// `CVE-2021-44228`.
    pub id: String,
    /// Day it was added, `2021-12-10`.
    pub date_added: String,
    /// Day by which US agencies must have acted.
    pub due_date: String,
    /// Whether ransomware campaigns are known to use it.
    pub ransomware: bool,
    /// The catalogue's name of it.
    pub name: String,
}
