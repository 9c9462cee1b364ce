//! Findings: a flaw in a package of an image.

use serde::{Deserialize, Serialize};

use crate::{Epss, KevEntry, Rating, Reference, Severity};

/// A flaw in a package, once, whatever number of advisories name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The CVE where there is one, else the name under which most tools know the flaw.
    pub id: String,
    /// The flaw's other names, sorted: `GHSA-…`, `PYSEC-…`.
    pub aliases: Vec<String>,
    /// The advisories that name this package, sorted: `DSA-5343-1`.
    pub advisories: Vec<String>,
    /// Indexes into the inventory's packages: every place the same package in the same version stands at.
    /// Never empty; sorted.
    pub packages: Vec<usize>,
    /// Whether a fix exists.
    pub fix: FixState,
    /// When that fix was published, RFC 3339 or a day: the earliest of the errata that bring it. Empty where there is
    /// no fix, or where no source says when it came.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fixed_since: String,
    /// The severity that counts, and why.
    pub severity: SeverityChoice,
    /// All severities that were said, in the order they were met.
    pub ratings: Vec<Rating>,
    /// One line for people; empty where no source has one.
    pub title: String,
    /// The description; empty where no source has one.
    pub description: String,
    /// First published, RFC 3339; empty where unknown.
    pub published: String,
    /// Last modified, RFC 3339; empty where unknown.
    pub modified: String,
    /// `CWE-79`, sorted.
    pub cwes: Vec<String>,
    /// Links, without repetition.
    pub references: Vec<Reference>,
    /// Its entry in the catalogue of known exploited vulnerabilities.
    pub kev: Option<KevEntry>,
    /// How probable its exploitation is, the highest of its CVEs.
    pub epss: Option<Epss>,
    /// How pressing it is, in tenths of a scale from 0 to 100; see `docs/severity.md`.
    pub risk: u16,
    /// Whether the package is itself the attack. Such a finding is always critical.
    pub malicious: bool,
    /// For a notice that is no flaw: `unmaintained`, `unsound`, `notice`.
    pub informational: Option<String>,
    /// What matched, advisory by advisory.
    pub evidence: Vec<Evidence>,
    /// Whether a baseline has it; `None` without a baseline.
    pub new: Option<Newness>,
}

impl Finding {
    /// A finding of which nothing is known but the flaw and where it is: no fix, no severity, no text.
    pub fn new(id: impl Into<String>, packages: Vec<usize>) -> Self {
        Self {
            id: id.into(),
            aliases: Vec::new(),
            advisories: Vec::new(),
            packages,
            fix: FixState::NotFixed,
            fixed_since: String::new(),
            severity: SeverityChoice { severity: Severity::Unknown, source: SeveritySource::Nobody },
            ratings: Vec::new(),
            title: String::new(),
            description: String::new(),
            published: String::new(),
            modified: String::new(),
            cwes: Vec::new(),
            references: Vec::new(),
            kev: None,
            epss: None,
            risk: 0,
            malicious: false,
            informational: None,
            evidence: Vec::new(),
            new: None,
        }
    }
}

/// Whether a baseline has a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Newness {
    /// It has not: the package or its version is new.
    Added,
    /// It has not: the package was there in this version, and the advisory came later.
    Learnt,
    /// It has.
    Known,
}

impl Newness {
    /// The word: `added`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Learnt => "learnt",
            Self::Known => "known",
        }
    }
}

/// Whether a fix exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FixState {
    /// Fixed in this version: the lowest that clears every advisory that names the flaw, or most of them.
    Fixed(String),
    /// No advisory names a fix.
    NotFixed,
    /// The distribution will not fix it.
    WillNotFix,
    /// The distribution has put a fix off.
    FixDeferred,
    /// The distribution has not judged it yet.
    UnderInvestigation,
    /// The release gets no fixes any more.
    EndOfLife,
}

impl FixState {
    /// The fixed version, if there is one.
    pub fn version(&self) -> Option<&str> {
        match self {
            Self::Fixed(version) => Some(version),
            Self::NotFixed
            | Self::WillNotFix
            | Self::FixDeferred
            | Self::UnderInvestigation
            | Self::EndOfLife => None,
        }
    }
}

/// Which severity counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeverityChoice {
    /// The word.
    pub severity: Severity,
    /// Where it was taken from.
    pub source: SeveritySource,
}

/// Where a severity was taken from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeveritySource {
    /// The word of the distribution or ecosystem's own database, named in lower case: `ubuntu`.
    Word(String),
    /// Computed from a CVSS vector.
    Cvss {
        /// Who gave the vector.
        source: String,
        /// The vector.
        vector: String,
        /// Its base score in tenths: 98 is 9.8.
        score: u8,
    },
    /// A CVSS base score without a vector.
    Score {
        /// Who gave it.
        source: String,
        /// In tenths.
        score: u8,
    },
    /// The package is itself the attack, which is critical whatever else is said.
    Malicious,
    /// Nobody has said.
    Nobody,
}

/// Why one advisory holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The advisory.
    pub advisory: String,
    /// The source it was read from, as in [`crate::Advisory::source`].
    #[serde(default)]
    pub source: String,
    /// Where it was looked up: `Debian:11`.
    pub namespace: String,
    /// Under which name: mostly the source package.
    pub name: String,
    /// The version that was compared.
    pub version: String,
    /// The range that holds it: `>=0, <1.1.1n-0+deb11u4`.
    pub range: String,
    /// The fixed version that this advisory names.
    pub fixed: Option<String>,
    /// Its remark on the package, as in [`crate::Affected::note`]; empty where it has none.
    #[serde(default)]
    pub note: String,
}

/// A flaw that advisories name for a package, and that the package's distribution says does not affect it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotAffected {
    /// The flaw, as in [`Finding::id`].
    pub id: String,
    /// The advisory that says so.
    pub advisory: String,
    /// Index into the inventory's packages, the first of those it holds for.
    pub package: usize,
    /// The distribution's reason, or that it gives none.
    pub reason: String,
    /// The advisories that were overruled, sorted.
    pub overruled: Vec<String>,
}

/// An advisory that may hold, and cannot be decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undetermined {
    /// The flaw, as in [`Finding::id`].
    pub id: String,
    /// The advisory.
    pub advisory: String,
    /// Index into the inventory's packages.
    pub package: usize,
    /// Why: which version did not parse.
    pub reason: String,
}
