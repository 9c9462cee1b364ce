//! What the matcher asks of an advisory database.

use crate::{Advisory, Affected, Epss, KevEntry, Namespace, Rating};

/// Read-only questions to an advisory database. The matcher knows the database by these alone.
pub trait AdvisoryLookup: Sync {
    /// Whether the database holds anything for this namespace: tells "no flaw known" from "nobody was asked".
    fn covers(&self, namespace: &Namespace) -> bool;

    /// Everything said of `name` (normalized) in `namespace`. Hot: once or twice a package.
    ///
    /// # Errors
    /// [`LookupError`] where the database is damaged.
    fn candidates(&self, namespace: &Namespace, name: &str) -> Result<Vec<Candidate>, LookupError>;

    /// The document behind a [`Candidate::advisory`], without its `affected`. Called for what matched only.
    ///
    /// # Errors
    /// [`LookupError`] where the database is damaged.
    fn advisory(&self, number: u32) -> Result<Advisory, LookupError>;

    /// The numbers of all advisories with this ID or alias: `CVE-2021-44228` gives those of each source.
    ///
    /// # Errors
    /// [`LookupError`] where the database is damaged.
    fn advisories_of(&self, id: &str) -> Result<Vec<u32>, LookupError>;

    /// Severities said of a CVE by itself, from tables of scores.
    ///
    /// # Errors
    /// [`LookupError`] where the database is damaged.
    fn scores(&self, cve: &str) -> Result<Vec<Rating>, LookupError>;

    /// Its entry in the catalogue of known exploited vulnerabilities.
    ///
    /// # Errors
    /// [`LookupError`] where the database is damaged.
    fn kev(&self, cve: &str) -> Result<Option<KevEntry>, LookupError>;

    /// How probable its exploitation is.
    ///
    /// # Errors
    /// [`LookupError`] where the database is damaged.
    fn epss(&self, cve: &str) -> Result<Option<Epss>, LookupError>;
}

/// One package of one advisory, found under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Number of the advisory in this database, for [`AdvisoryLookup::advisory`].
    pub advisory: u32,
    /// What it says of the package.
    pub affected: Affected,
}

/// A damaged database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the advisory database: {reason}")]
pub struct LookupError {
    /// Which part, what was expected, and what was found.
    pub reason: String,
}
