//! Advisories: what one source says of one flaw, or of several.

use serde::{Deserialize, Serialize};

pub use plimsoll_version::EventKind;

use crate::{Namespace, Severity};

/// One source's document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advisory {
    /// Its name: `DSA-5343-1`, `GHSA-jfh8-c2jp-5v3q`, `CVE-2021-44228`.
    pub id: String,
    /// The source that it was read from, under the source's name: `osv`, `debian-tracker`. Two sources may give out
    /// documents of one ID; both are kept. Empty for a document that was made by hand.
    pub source: String,
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
    /// The packages it speaks of. Empty in what a look-up returns, and in documents that speak of a flaw alone, as
    /// those of NVD do.
    pub affected: Vec<Affected>,
}

impl Advisory {
    /// Whether it warns of a package that is itself the attack: OSV's `MAL-…`, by its ID or one of its aliases.
    ///
    /// Source: OSV schema 1.7, `id`, prefix `MAL-`, the malicious packages of the Open Source Security Foundation.
    pub fn is_malicious(&self) -> bool {
        std::iter::once(&self.id).chain(&self.aliases).any(|id| id.starts_with("MAL-"))
    }
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
    /// What the source says of the versions in the ranges.
    pub status: AffectedStatus,
    /// The source's remark on the status, one line of at most 200 bytes: `Minor issue`, `vulnerable code not present`.
    pub note: String,
    /// The module stream it speaks of, `nodejs:18`; empty where it speaks of no module.
    pub module: String,
}

impl Affected {
    /// A package without a range. `name` is normalized already.
    pub fn new(namespace: Namespace, name: String) -> Self {
        Self {
            namespace,
            name,
            ranges: Vec::new(),
            versions: Vec::new(),
            ratings: Vec::new(),
            status: AffectedStatus::Affected,
            note: String::new(),
            module: String::new(),
        }
    }
}

/// What a source says of a package's versions that are in the ranges of an [`Affected`].
///
/// Whether a fix exists is told by the ranges; these tell what is to be expected where none does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AffectedStatus {
    /// They are affected.
    #[default]
    Affected,
    /// They are, and the source will not fix them.
    WillNotFix,
    /// They are, and a fix was put off.
    FixDeferred,
    /// Nobody has judged them yet.
    UnderInvestigation,
    /// They are, and their release gets no fixes any more.
    EndOfLife,
    /// They are *not*: what other documents say of the flaw does not hold for them.
    NotAffected,
}

/// How probable it is that a CVE is exploited within 30 days.
///
/// Source: FIRST, Exploit Prediction Scoring System.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Epss {
    /// The probability in hundred-thousandths: 97565 is 0.97565.
    pub probability: u32,
    /// The share of CVEs that are no more probable, in hundred-thousandths.
    pub percentile: u32,
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
