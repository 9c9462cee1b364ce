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
//!
//! ```
//! # use plimsoll_model::*;
//! # struct Empty;
//! # impl AdvisoryLookup for Empty {
//! #     fn covers(&self, _: &Namespace) -> bool { false }
//! #     fn candidates(&self, _: &Namespace, _: &str) -> Result<Vec<Candidate>, LookupError> { Ok(vec![]) }
//! #     fn advisory(&self, _: u32) -> Result<Advisory, LookupError> { Ok(Advisory::default()) }
//! #     fn advisories_of(&self, _: &str) -> Result<Vec<u32>, LookupError> { Ok(vec![]) }
//! #     fn scores(&self, _: &str) -> Result<Vec<Rating>, LookupError> { Ok(vec![]) }
//! #     fn epss(&self, _: &str) -> Result<Option<Epss>, LookupError> { Ok(None) }
//! #     fn kev(&self, _: &str) -> Result<Option<KevEntry>, LookupError> { Ok(None) }
//! # }
//! # let database = Empty;
//! let mut inventory = Inventory::default();
//! inventory.packages.push(Package::new(PackageKind::PyPi, "urllib3", "1.26.4", "python"));
//! let matches = plimsoll_match::evaluate(&inventory, &database)?;
//! assert_eq!(matches.gaps[0].reason, "no advisories for `PyPI` in the database: 1 package was not judged");
//! # Ok::<(), LookupError>(())
//! ```

mod distro;
mod explain;
mod finding;
mod fix;
mod flaw;
mod hit;
mod judge;
mod plan;
mod records;
mod rpm;
mod severity;
mod text;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use plimsoll_model::{
    AdvisoryLookup, Ecosystem, Finding, Gap, Inventory, LookupError, Package, PackageKind, Undetermined,
};

pub use distro::namespaces;
pub use explain::{Explanation, Holds, explain};

use flaw::{best_name, is_cve};
use hit::{Answers, Hit};
use plan::Plan;
use records::Records;

/// Name under which the matcher reports its gaps.
const REPORTER: &str = "match";

/// What matching found. Everything is in a fixed order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// Sorted by package (kind, name, version), worst severity first, then ID.
    pub findings: Vec<Finding>,
    /// What could not be decided, sorted by package, then ID: one entry a flaw and package version.
    pub undetermined: Vec<Undetermined>,
    /// Packages that nobody could judge, and ratings that could not be read; sorted.
    pub gaps: Vec<Gap>,
}

/// Finds the flaws of an inventory's packages.
///
/// # Errors
/// [`LookupError`] where the database is damaged.
pub fn evaluate(inventory: &Inventory, database: &dyn AdvisoryLookup) -> Result<Matches, LookupError> {
    let plan = Plan::new(inventory, database);
    let mut records = Records::new(database);
    let mut answers = Answers::new(database);
    let mut matches = Matches::default();
    let mut gaps: BTreeSet<Gap> = plan.gaps.iter().cloned().collect();
    for packages in groups(inventory) {
        let hits = hits(inventory, &packages, &plan, &mut answers, &mut records)?;
        if hits.is_empty() {
            continue;
        }
        for (names, of_flaw) in flaws(&hits, &mut records)? {
            let holding: Vec<&Hit> = of_flaw.iter().copied().filter(|hit| hit.range.is_ok()).collect();
            if holding.is_empty() {
                matches.undetermined.push(undetermined(&names, of_flaw[0], packages[0]));
            } else {
                let packages = packages.clone();
                matches.findings.push(finding::finding(&names, &holding, packages, &mut records, &mut gaps)?);
            }
        }
    }
    sort(&mut matches, inventory);
    matches.gaps = gaps.into_iter().collect();
    Ok(matches)
}

/// A package as it is judged: the same in every path and architecture.
type Key = (PackageKind, String, String);

/// Indexes of the packages that are the same, in the order of kind, normalized name and version.
fn groups(inventory: &Inventory) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for (index, package) in inventory.packages.iter().enumerate() {
        // What a distribution installed is judged apart from the same thing installed beside it.
        if package.kind.is_os() || package.owner.is_none() {
            groups.entry(key(package)).or_default().push(index);
        }
    }
    groups.into_values().collect()
}

fn key(package: &Package) -> Key {
    let name = match package.kind.ecosystem() {
        Some(ecosystem) => ecosystem.normalize_name(&package.name).into_owned(),
        None => package.name.clone(),
    };
    (package.kind, name, package.version.clone())
}

/// The records that hold or may hold for a group, sorted by advisory.
fn hits(
    inventory: &Inventory,
    packages: &[usize],
    plan: &Plan,
    answers: &mut Answers<'_>,
    records: &mut Records<'_>,
) -> Result<Vec<Rc<Hit>>, LookupError> {
    let mut hits: BTreeMap<u32, Rc<Hit>> = BTreeMap::new();
    let mut asked = BTreeSet::new();
    for &index in packages {
        let mut spoken: BTreeSet<u32> = BTreeSet::new();
        let terms = plan.terms(&inventory.packages[index]);
        if !asked.insert(terms.clone()) {
            continue;
        }
        for term in &terms {
            let answer = answers.answer(plan, term, records)?;
            for (number, hit) in &answer.hits {
                if !spoken.contains(number) {
                    hits.entry(*number).or_insert_with(|| Rc::clone(hit));
                }
            }
            if terms.len() > 1 {
                spoken.extend(&answer.spoken);
            }
        }
    }
    let mut hits: Vec<Rc<Hit>> = hits.into_values().collect();
    hits.sort_by(|a, b| a.record.advisory.id.cmp(&b.record.advisory.id));
    Ok(hits)
}

/// All names of a flaw, and the hits that name it.
type Flaw<'h> = (BTreeSet<String>, Vec<&'h Hit>);

/// The flaws that hits speak of, each once: all its names, and the hits that name it, sorted by advisory.
///
/// Two records speak of the same flaw if they share a name of it. A flaw that no record here gives a CVE gets the
/// one that other records of the database give it.
fn flaws<'h>(hits: &'h [Rc<Hit>], records: &mut Records<'_>) -> Result<Vec<Flaw<'h>>, LookupError> {
    let mut clusters: Vec<Option<(BTreeSet<String>, BTreeSet<usize>)>> = Vec::new();
    let mut cluster_of: HashMap<String, usize> = HashMap::new();
    for (index, hit) in hits.iter().enumerate() {
        for names in &hit.record.flaws.names {
            let mut names = names.clone();
            if !names.iter().any(|name| is_cve(name)) {
                names.extend(records.cve_of(&names)?);
            }
            let mut members = BTreeSet::from([index]);
            let met: BTreeSet<usize> =
                names.iter().filter_map(|name| cluster_of.get(name).copied()).collect();
            for old in met {
                if let Some((other_names, other_members)) = clusters[old].take() {
                    names.extend(other_names);
                    members.extend(other_members);
                }
            }
            for name in &names {
                cluster_of.insert(name.clone(), clusters.len());
            }
            clusters.push(Some((names, members)));
        }
    }
    let with_hits = |(names, members): (BTreeSet<String>, BTreeSet<usize>)| {
        (names, members.into_iter().map(|index| &*hits[index]).collect())
    };
    Ok(clusters.into_iter().flatten().map(with_hits).collect())
}

fn undetermined(names: &BTreeSet<String>, hit: &Hit, package: usize) -> Undetermined {
    Undetermined {
        id: best_name(names).cloned().unwrap_or_else(|| hit.record.advisory.id.clone()),
        advisory: hit.record.advisory.id.clone(),
        package,
        reason: hit.range.clone().err().unwrap_or_default(),
    }
}

fn sort(matches: &mut Matches, inventory: &Inventory) {
    let place = |index: usize| {
        let package = &inventory.packages[index];
        (package.kind, &package.name, &package.version, index)
    };
    matches.findings.sort_by(|a, b| {
        place(a.packages[0])
            .cmp(&place(b.packages[0]))
            .then_with(|| b.severity.severity.cmp(&a.severity.severity))
            .then_with(|| a.id.cmp(&b.id))
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
