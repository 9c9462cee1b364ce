//! Waivers: a finding is excused, by somebody, for a reason, until a day.
//!
//! ```toml
//! [[waivers]]
//! id = "CVE-2021-44228"            # or `ids = […]`; an alias will do
//! purl = "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.*"
//! image = "registry.example/shop/*"
//! path = "app/lib/**"
//! owner = "shop-team@example.org"
//! reason = "compensating-control"
//! expires = 2026-03-31             # holds until the end of this day, UTC
//! remark = "JNDI look-ups are switched off by configuration"
//! ```
//!
//! Everything that a waiver names must hold. Where a package stands at several places, each must be excused. A
//! malicious package is excused by a waiver of ours alone, whose reason is `false-positive`.
//!
//! The ignore files of other scanners are read as they are: [`Waivers::trivyignore`], [`Waivers::trivyignore_yaml`],
//! [`Waivers::grype_yaml`], [`Waivers::osv_scanner_toml`]. They know no owner, and some no expiry; what of them
//! cannot be honoured stands in [`Waivers::notes`].

mod apply;
mod grype;
mod osv_scanner;
mod own;
mod scope;
mod trivy;
mod trivy_yaml;
mod yaml;

use jiff::Timestamp;
use plimsoll_model::{Finding, Suppressed, SuppressionKind};

pub use apply::WaiverOutcome;
pub(crate) use scope::Scope;

use crate::input::InputError;
use crate::subject::day_of;

/// Days before its end within which a waiver is told to expire soon.
pub const SOON_DAYS: i64 = 14;

/// Why a finding is excused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The risk is known, and borne.
    AcceptedRisk,
    /// The flaw cannot be reached here.
    NotAffected,
    /// A fix is on its way.
    FixPending,
    /// The scanner is wrong.
    FalsePositive,
    /// Something else stands in the flaw's way.
    CompensatingControl,
}

impl Reason {
    /// All.
    pub const ALL: [Self; 5] = [
        Self::AcceptedRisk,
        Self::NotAffected,
        Self::FixPending,
        Self::FalsePositive,
        Self::CompensatingControl,
    ];

    /// The word in a file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AcceptedRisk => "accepted-risk",
            Self::NotAffected => "not-affected",
            Self::FixPending => "fix-pending",
            Self::FalsePositive => "false-positive",
            Self::CompensatingControl => "compensating-control",
        }
    }
}

/// One waiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// Where it was written: `plimsoll.toml:12`.
    pub origin: String,
    /// What it excuses, in words: `CVE-2021-44228 in pkg:deb/debian/openssl`.
    pub covers: String,
    /// Who answers for it; empty in files of other scanners.
    pub owner: String,
    /// Why; `None` in files of other scanners.
    pub reason: Option<Reason>,
    /// A remark; may be empty.
    pub remark: String,
    /// The first instant at which it holds no more; `None` only in files of other scanners.
    pub ends: Option<Timestamp>,
    pub(crate) scope: Scope,
}

impl Waiver {
    pub(crate) fn suppress(&self, finding: Finding) -> Suppressed {
        Suppressed {
            finding,
            kind: SuppressionKind::Waiver,
            by: self.owner.clone(),
            reason: self.reason.map(|reason| reason.as_str().to_owned()).unwrap_or_default(),
            remark: self.remark.clone(),
            until: self.last_day(),
            origin: self.origin.clone(),
        }
    }

    /// The last day on which it holds, UTC; `None` where it has no end.
    pub fn last_day(&self) -> Option<String> {
        let ends = self.ends?;
        let last = Timestamp::from_nanosecond(ends.as_nanosecond() - 1).unwrap_or(ends);
        Some(day_of(last))
    }

    /// Whether its end is past.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.ends.is_some_and(|ends| now >= ends)
    }
}

/// Waivers of one or several files, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waivers {
    list: Vec<Waiver>,
    notes: Vec<String>,
}

impl Waivers {
    /// Reads the `[[waivers]]` of a file. `alone`: it holds nothing but those and a policy, so any other table is an
    /// error; else other tables are somebody else's, as in a settings file.
    ///
    /// # Errors
    /// [`InputError`], for an unknown field, a missing expiry, owner or reason, and a waiver that would excuse everything.
    pub fn from_toml(origin: &str, text: &str, alone: bool) -> Result<Self, InputError> {
        Ok(Self { list: own::read(origin, text, alone)?, notes: Vec::new() })
    }

    /// Reads Trivy's `.trivyignore`.
    ///
    /// # Errors
    /// [`InputError`] for an `exp:` that is no day.
    pub fn trivyignore(origin: &str, text: &str) -> Result<Self, InputError> {
        trivy::read(origin, text)
    }

    /// Reads Trivy's `.trivyignore.yaml`.
    ///
    /// # Errors
    /// [`InputError`] for what is no YAML, and for entries that are not of their form.
    pub fn trivyignore_yaml(origin: &str, text: &str) -> Result<Self, InputError> {
        trivy_yaml::read(origin, text)
    }

    /// Reads the `ignore` rules of Grype's `.grype.yaml`.
    ///
    /// # Errors
    /// As [`Waivers::trivyignore_yaml`].
    pub fn grype_yaml(origin: &str, text: &str) -> Result<Self, InputError> {
        grype::read(origin, text)
    }

    /// Reads the `IgnoredVulns` and `PackageOverrides` of OSV-Scanner's `osv-scanner.toml`.
    ///
    /// # Errors
    /// [`InputError`] for what is no TOML, and for entries that are not of their form.
    pub fn osv_scanner_toml(origin: &str, text: &str) -> Result<Self, InputError> {
        osv_scanner::read(origin, text)
    }

    /// Adds those of another file.
    pub fn extend(&mut self, other: Self) {
        self.list.extend(other.list);
        self.notes.extend(other.notes);
    }

    /// The waivers; indexes of an outcome are into this.
    pub fn list(&self) -> &[Waiver] {
        &self.list
    }

    /// What of the files cannot be honoured, with its place.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}
