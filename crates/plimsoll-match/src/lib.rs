//! Packages and advisories to findings.
//!
//! [`evaluate`] takes an inventory and an advisory database and returns the findings, what could not be decided,
//! and which packages nobody could judge. It is pure: it reads no file, no clock and no environment, and the same
//! two inputs give the same value. It never takes "cannot be compared" or "nobody was asked" for "not affected",
//! never judges a derivative distribution by its parent's advisories, and never judges by upstream's advisories
//! what a distribution installed.
//!
//! - An OS package is looked up in its release ([`namespaces`]) under its source package's name and version; where
//!   the distribution's advisories name binary packages, under its own first.
//! - A language package is looked up in its ecosystem under its normalized name.
//! - One flaw in one package version is one [`Finding`], whatever number of advisories, paths and architectures.
//! - Where a distribution says that a flaw does not affect its package ([`plimsoll_model::AffectedStatus::NotAffected`]),
//!   that removes what other documents of the *same distribution* say of it, a named fix too: it is the judgement of
//!   whoever built the package. What was removed is kept in [`Matches::not_affected`]. Nobody else can remove a finding:
//!   not another distribution, not a language's database, and not a document that speaks of one of several flaws which
//!   the finding joins. For a package of a module it must be said of its very stream.
//! - A package that is itself the attack (`MAL-…`) is a critical finding of its own class.
//! - Whose severity counts is configuration: [`SeverityOrder`].
//!
//! ```
//! # use plimsoll_model::*;
//! # struct Empty;
//! # impl AdvisoryLookup for Empty {
//! #     fn covers(&self, _: &Namespace) -> bool { false }
//! #     fn candidates(&self, _: &Namespace, _: &str) -> Result<Vec<Candidate>, LookupError> { Ok(vec![]) }
//! #     fn advisory(&self, _: u32) -> Result<Advisory, LookupError> { Ok(Advisory::default()) }
//! #     fn texts(&self, _: u32) -> Result<Texts, LookupError> { Ok(Texts::default()) }
//! #     fn known(&self, _: &str) -> Result<Known, LookupError> { Ok(Known::default()) }
//! # }
//! # let database = Empty;
//! let mut inventory = Inventory::default();
//! inventory.packages.push(Package::new(PackageKind::PyPi, "urllib3", "1.26.4", "python"));
//! let matches = plimsoll_match::evaluate(&inventory, &database, &plimsoll_match::Options::default())?;
//! assert_eq!(matches.gaps[0].reason, "no advisories for `PyPI` in the database: 1 package was not judged");
//! # Ok::<(), LookupError>(())
//! ```

mod asking;
mod denials;
mod distro;
mod evaluation;
mod explain;
mod explained;
mod finding;
mod fix;
mod flaw;
mod hit;
mod judge;
mod plan;
mod ranges;
mod records;
mod risk;
mod rpm;
mod severity;
mod statements;
mod text;

use plimsoll_model::{
    AdvisoryLookup, Ecosystem, Finding, Gap, Inventory, LookupError, NotAffected, PackageKind, Undetermined,
};

pub use asking::{Asking, places};
pub use distro::namespaces;
pub use explain::explain;
pub use explained::{
    Comparison, EntryExplained, Explained, Explanation, Holds, Outcome, RangeExplained, RatingExplained,
    Speaks,
};
pub use plan::needed;
pub use ranges::{InvalidRanges, MAX_RANGES_BYTES, Ranges, is_affected};
pub use risk::{MAX_RISK_TENTHS, risk};
pub use severity::{InvalidSeverityOrder, SeverityOrder};
pub use statements::{Statement, Statements};

use evaluation::{Judged, judge_all};

/// Name under which the matcher reports its gaps.
const REPORTER: &str = "match";

/// Reason of a [`NotAffected`] whose document gives none.
const NO_REASON: &str = "no reason is given";

/// How matching is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whose severity is believed before whose.
    pub severity_order: SeverityOrder,
    /// Whether titles, descriptions and links of findings stay empty. Nothing is decided by them, and reading them is
    /// most of the time that matching takes.
    pub without_texts: bool,
}

/// What matching found. Everything is in a fixed order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// Sorted by package (kind, name, version), malicious ones first, then worst severity first, then ID.
    pub findings: Vec<Finding>,
    /// What could not be decided, sorted by package, then ID: one entry a flaw and package version.
    pub undetermined: Vec<Undetermined>,
    /// What a distribution says does not affect its package, though other documents of it name the package; sorted
    /// likewise.
    pub not_affected: Vec<NotAffected>,
    /// Packages that nobody could judge, and ratings that could not be read; sorted.
    pub gaps: Vec<Gap>,
}

/// Finds the flaws of an inventory's packages.
///
/// # Errors
/// [`LookupError`] where the database is damaged.
pub fn evaluate(
    inventory: &Inventory,
    database: &dyn AdvisoryLookup,
    options: &Options,
) -> Result<Matches, LookupError> {
    let mut matches = Matches::default();
    let (judged, gaps) = judge_all(inventory, database, options)?;
    for judged in judged {
        match judged {
            Judged::Affected(made) => matches.findings.push(made.finding),
            Judged::NotAffected(not) => matches.not_affected.push(not),
            Judged::Undetermined(doubt) => matches.undetermined.push(doubt),
        }
    }
    sort(&mut matches, inventory);
    matches.gaps = gaps.into_iter().collect();
    Ok(matches)
}

fn sort(matches: &mut Matches, inventory: &Inventory) {
    let place = |index: usize| {
        let package = &inventory.packages[index];
        (package.kind, &package.name, &package.version, index)
    };
    matches.findings.sort_by(|a, b| {
        place(a.packages[0])
            .cmp(&place(b.packages[0]))
            .then_with(|| b.malicious.cmp(&a.malicious))
            .then_with(|| b.severity.severity.cmp(&a.severity.severity))
            .then_with(|| a.id.cmp(&b.id))
    });
    matches.not_affected.sort_by(|a, b| {
        place(a.package).cmp(&place(b.package)).then_with(|| (&a.id, &a.advisory).cmp(&(&b.id, &b.advisory)))
    });
    matches.undetermined.sort_by(|a, b| {
        place(a.package)
            .cmp(&place(b.package))
            .then_with(|| a.id.cmp(&b.id))
            .then_with(|| a.advisory.cmp(&b.advisory))
    });
}

/// A gap of the matching.
fn gap(reason: String) -> Gap {
    Gap { path: String::new(), place: String::new(), diff_id: None, reporter: REPORTER.to_owned(), reason }
}

/// Whether an ecosystem is a distribution, whose word on its own packages comes first.
fn is_distribution(ecosystem: Ecosystem) -> bool {
    !PackageKind::ALL.iter().any(|kind| kind.ecosystem() == Some(ecosystem))
}
