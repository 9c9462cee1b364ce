//! Affected ranges as OSV writes them.

use crate::Version;

/// What an event says of the version it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// The flaw is there from this version on, inclusive. `0` stands before every version.
    Introduced,
    /// The flaw is gone from this version on, inclusive.
    Fixed,
    /// The last version with the flaw, inclusive.
    LastAffected,
    /// Versions from here on are outside what the range speaks of; `*` stands for no limit.
    Limit,
}

/// One event of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event<'a> {
    /// What it says.
    pub kind: EventKind,
    /// Of which version, as the advisory writes it.
    pub version: &'a str,
}

/// Whether a version is affected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Affectedness {
    /// It is.
    Affected {
        /// The lowest fixed version above it in the range that holds it, if one is named.
        fixed: Option<String>,
        /// The range that holds it, as in `>=1.2.0, <1.2.5`, or `=1.2.3` from a list.
        range: String,
    },
    /// It is not.
    NotAffected,
    /// It cannot be said.
    Undetermined {
        /// Why: which version did not parse.
        reason: String,
    },
}

/// Decides whether `installed` is in one of `ranges`, or listed in `versions`.
///
/// Source: OSV schema 1.7, "Evaluation".
pub fn affectedness(installed: &Version, ranges: &[&[Event<'_>]], versions: &[&str]) -> Affectedness {
    let _ = (installed, ranges, versions);
    Affectedness::NotAffected
}
