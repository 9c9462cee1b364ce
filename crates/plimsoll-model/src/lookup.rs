//! What the matcher asks of an advisory database.

use crate::{Advisory, Affected, Epss, KevEntry, Namespace, Rating, Reference};

/// Read-only questions to an advisory database. The matcher knows the database by these alone.
pub trait AdvisoryLookup: Sync {
    /// Whether the database holds anything for this namespace: tells "no flaw known" from "nobody was asked".
    fn covers(&self, namespace: &Namespace) -> bool;

    /// Everything said of `name` (normalized) in `namespace`. Hot: once or twice a package.
    ///
    /// # Errors
    /// [`LookupError`] where the database is damaged.
    fn candidates(&self, namespace: &Namespace, name: &str) -> Result<Vec<Candidate>, LookupError>;

    /// The same for one version of the package: of affected versions that are listed one by one, those that
    /// [`plimsoll_version::surely_differ`] from it may be left out.
    ///
    /// # Errors
    /// [`LookupError`] where the database is damaged.
    fn candidates_for(
        &self,
        namespace: &Namespace,
        name: &str,
        _version: &str,
    ) -> Result<Vec<Candidate>, LookupError> {
        self.candidates(namespace, name)
    }

    /// The document behind a [`Candidate::advisory`], without its packages and without its texts. Called for what
    /// matched, and for what else bears its names.
    ///
    /// # Errors
    /// [`LookupError`] where the database is damaged.
    fn advisory(&self, number: u32) -> Result<Advisory, LookupError>;

    /// The texts of that document. Dearer than [`Self::advisory`]: texts lie compressed.
    ///
    /// # Errors
    /// [`LookupError`] where the database is damaged.
    fn texts(&self, number: u32) -> Result<Texts, LookupError>;

    /// Everything known under an ID, alias or CVE: of `CVE-2021-44228` the advisories of each source, what tables of
    /// scores say of it, and how it is exploited.
    ///
    /// # Errors
    /// [`LookupError`] where the database is damaged.
    fn known(&self, id: &str) -> Result<Known, LookupError>;

    /// The document with its texts.
    ///
    /// # Errors
    /// [`LookupError`] where the database is damaged.
    fn document(&self, number: u32) -> Result<Advisory, LookupError> {
        let Texts { summary, details, references } = self.texts(number)?;
        Ok(Advisory { summary, details, references, ..self.advisory(number)? })
    }
}

/// One package of one advisory, found under its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Number of the advisory in this database, for [`AdvisoryLookup::advisory`].
    pub advisory: u32,
    /// What it says of the package.
    pub affected: Affected,
}

/// The texts of an advisory: what people read, and what nothing is decided by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// See [`Advisory::summary`].
    pub summary: String,
    /// See [`Advisory::details`].
    pub details: String,
    /// See [`Advisory::references`].
    pub references: Vec<Reference>,
}

/// What is known under one ID.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The numbers of all advisories with this ID or alias, or that speak of it in a downstream's name.
    pub advisories: Vec<u32>,
    /// Severities said of a CVE by itself, from tables of scores.
    pub scores: Vec<Rating>,
    /// Its entry in the catalogue of known exploited vulnerabilities.
    pub kev: Option<KevEntry>,
    /// How probable its exploitation is.
    pub epss: Option<Epss>,
}

/// A damaged database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the advisory database: {reason}")]
pub struct LookupError {
    /// Which part, what was expected, and what was found.
    pub reason: String,
}
