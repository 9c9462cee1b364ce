//! What an explanation is made of: values, for a report to write down.

use plimsoll_model::{AffectedStatus, Finding, Gap, NotAffected, Rating, Severity, Undetermined};

/// Everything that is said of one flaw and the packages of an inventory, and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The flaw that was asked for, as given.
    pub id: String,
    /// What each document says of each package, also where it is "not affected"; in the order they are asked. Empty
    /// where none names a package.
    pub advisories: Vec<Explanation>,
    /// The findings it makes, with the severities they were chosen from.
    pub findings: Vec<(Finding, Vec<RatingExplained>)>,
    /// The order of trust, and the word of its step that gave each finding its severity; `None` where none did.
    pub severity_order: String,
    /// For each finding, the step of [`Self::severity_order`] that decided.
    pub severity_steps: Vec<Option<&'static str>>,
    /// Where a distribution says that the flaw does not hold for its package.
    pub not_affected: Vec<NotAffected>,
    /// What could not be decided.
    pub undetermined: Vec<Undetermined>,
    /// What could not be judged at all, of all packages.
    pub gaps: Vec<Gap>,
    /// What it comes to.
    pub outcome: Outcome,
}

/// What an explanation comes to, for all packages of the inventory taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A package is affected.
    Affected,
    /// None is, as far as the database knows.
    NotAffected,
    /// It cannot be said: a version that does not compare, or nobody was asked.
    Undetermined,
}

/// What one advisory that speaks of a flaw says of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Index into the inventory's packages.
    pub package: usize,
    /// The advisory.
    pub advisory: String,
    /// The source it was read from; empty where unknown.
    pub source: String,
    /// Where it was looked up: `Debian:11`.
    pub namespace: String,
    /// Under which name.
    pub name: String,
    /// The version that was compared.
    pub version: String,
    /// RPM modularity label of the package; empty where it has none.
    pub module: String,
    /// What it says of that name, entry by entry.
    pub entries: Vec<EntryExplained>,
    /// What that comes to.
    pub holds: Holds,
    /// Whether it counts: not where the same document has answered before, for the binary package or in a namespace that
    /// is asked first.
    pub counts: bool,
}

/// One entry of an advisory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryExplained {
    /// Whether it speaks of the package.
    pub speaks: Speaks,
    /// What the source says of the versions in the ranges.
    pub status: AffectedStatus,
    /// The source's remark.
    pub note: String,
    /// The module stream it speaks of.
    pub module: String,
    /// Its ranges.
    pub ranges: Vec<RangeExplained>,
    /// How many versions it lists one by one.
    pub listed: usize,
    /// The listed version that is the package's.
    pub listed_match: Option<String>,
}

/// Whether an entry speaks of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// It does.
    Yes,
    /// It speaks of another module stream.
    OtherStream,
    /// The same document has an entry for the package's very stream, which counts instead.
    LessSpecific,
}

/// One range of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeExplained {
    /// Its comparisons, in the order of the document.
    pub comparisons: Vec<Comparison>,
    /// Whether the version is in it; `Err` with the reason where that cannot be said.
    pub holds: Result<bool, String>,
    /// Whether it counts: an RPM document may name several builds of one fix, of which one decides.
    pub counts: bool,
}

/// One comparison of the package's version with a bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// `>=`, `<` or `<=`.
    pub operator: &'static str,
    /// The version it is compared with; `0` stands before every version.
    pub bound: String,
    /// Whether it is true; `Err` with the reason where the bound cannot be read.
    pub holds: Result<bool, String>,
}

/// What an advisory says of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    /// It is affected.
    Yes {
        /// The range that holds it.
        range: String,
        /// The fixed version that the advisory names.
        fixed: Option<String>,
    },
    /// It is not: no range holds it.
    No {
        /// The fixed versions and limits that the advisory names, in its order: what the version was held against.
        bounds: Vec<String>,
    },
    /// The distribution says that it is not, though others name it.
    NotAffected {
        /// Its reason; empty where it gives none.
        reason: String,
    },
    /// It speaks of another stream of the module that the package is of.
    OtherModuleStream,
    /// It cannot be said.
    Undetermined {
        /// Why.
        reason: String,
    },
}

/// One severity that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RatingExplained {
    /// What was said, and by whom.
    pub rating: Rating,
    /// The word it comes to; `None` for a vector that cannot be read.
    pub severity: Option<Severity>,
    /// Its base score in tenths, where it has one.
    pub score: Option<u8>,
    /// The document or table.
    pub origin: String,
    /// How near to the package it was said: `of the package`, `of the flaw`, `of an update`, `elsewhere`, `in a table`.
    pub near: &'static str,
    /// Whether it is the one that counts.
    pub used: bool,
}
