//! One of two scans, with its packages and findings to be asked for by what they are known by.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_model::{Finding, Inventory, Package, PackageKind};

/// What a package is known by, whatever its version: its kind, and its name as its ecosystem compares names.
pub(crate) type Key<'a> = (PackageKind, Cow<'a, str>);

/// The key of a package.
pub(crate) fn key(package: &Package) -> Key<'_> {
    let name = match package.kind.ecosystem() {
        Some(ecosystem) => ecosystem.normalize_name(&package.name),
        None => Cow::Borrowed(package.name.as_str()),
    };
    (package.kind, name)
}

/// A finding with the package that it is in, the first of its places; `None` where the report that it was read from
/// names none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    pub(crate) finding: &'a Finding,
    pub(crate) package: Option<&'a Package>,
}

impl<'a> Found<'a> {
    pub(crate) fn of(finding: &'a Finding, inventory: &'a Inventory) -> Self {
        let package = finding.packages.first().and_then(|&index| inventory.packages.get(index));
        Self { finding, package }
    }
}

/// How a finding was found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// In the same version.
    SameVersion,
    /// In another version, which has replaced the one it was in.
    Replaced,
}

/// The packages and findings of one scan.
pub(crate) struct Side<'a> {
    /// The versions of each package.
    pub(crate) packages: BTreeMap<Key<'a>, BTreeSet<&'a str>>,
    findings: Vec<Found<'a>>,
    /// The findings of a package by each name of the flaw, and by the advisories that they rest on.
    by_name: HashMap<Key<'a>, HashMap<&'a str, Vec<usize>>>,
    by_advisory: HashMap<Key<'a>, HashMap<&'a str, Vec<usize>>>,
    /// The distribution, where it is known.
    distribution: Option<&'a str>,
}

impl<'a> Side<'a> {
    pub(crate) fn new(inventory: &'a Inventory, findings: impl Iterator<Item = &'a Finding>) -> Self {
        let mut packages: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for package in &inventory.packages {
            packages.entry(key(package)).or_default().insert(package.version.as_str());
        }
        let mut side = Self {
            packages,
            findings: Vec::new(),
            by_name: HashMap::new(),
            by_advisory: HashMap::new(),
            distribution: inventory.os.as_ref().map(|os| os.id.as_str()).filter(|id| !id.is_empty()),
        };
        for finding in findings {
            side.add(Found::of(finding, inventory));
        }
        side
    }

    fn add(&mut self, found: Found<'a>) {
        let index = self.findings.len();
        self.findings.push(found);
        let Some(package) = found.package else { return };
        let names = self.by_name.entry(key(package)).or_default();
        for name in names_of(found.finding) {
            names.entry(name).or_default().push(index);
        }
        let advisories = self.by_advisory.entry(key(package)).or_default();
        for advisory in &found.finding.advisories {
            advisories.entry(advisory).or_default().push(index);
        }
    }

    /// Whether this scan has the package in this version.
    pub(crate) fn has_package(&self, package: &Package, other: &Self) -> bool {
        self.comparable(package, other)
            && self
                .packages
                .get(&key(package))
                .is_some_and(|versions| versions.contains(package.version.as_str()))
    }

    /// Whether this scan has the package, in whatever version.
    pub(crate) fn has_other_version(&self, package: &Package, other: &Self) -> bool {
        self.comparable(package, other) && self.packages.contains_key(&key(package))
    }

    /// Whether a package of the other scan can be the same as one of this: the `openssl` of Debian is not Alpine's.
    pub(crate) fn comparable(&self, package: &Package, other: &Self) -> bool {
        match (self.distribution, other.distribution) {
            (Some(own), Some(others)) => !package.kind.is_os() || own == others,
            _ => true,
        }
    }

    /// The finding of this scan that is the same as one of the other, preferably in the same version.
    ///
    /// In another version it is the same if that version has replaced the one it was in: the one is in this scan alone,
    /// the other in the other alone.
    pub(crate) fn find(&self, wanted: Found<'_>, other: &Self) -> Option<(Found<'a>, Again)> {
        let package = wanted.package?;
        if !self.comparable(package, other) {
            return None;
        }
        let same = self.same_flaw(wanted, package);
        if let Some(found) = same.iter().find(|found| version(found) == package.version) {
            return Some((*found, Again::SameVersion));
        }
        if self.has_package(package, other) {
            return None;
        }
        let replaced =
            |found: &&Found<'_>| found.package.is_some_and(|package| !other.has_package(package, self));
        same.iter().find(replaced).map(|found| (*found, Again::Replaced))
    }

    /// The findings of the same flaw in a package of that key, in their order.
    fn same_flaw(&self, wanted: Found<'_>, package: &Package) -> Vec<Found<'a>> {
        let key = key(package);
        let (Some(by_name), Some(by_advisory)) = (self.by_name.get(&key), self.by_advisory.get(&key)) else {
            return Vec::new();
        };
        let mut same: Vec<usize> = Vec::new();
        for name in names_of(wanted.finding) {
            same.extend(by_name.get(name).into_iter().flatten());
        }
        // One that was known by its advisory alone, before the flaw had a name.
        same.extend(by_advisory.get(wanted.finding.id.as_str()).into_iter().flatten());
        for advisory in &wanted.finding.advisories {
            let known = by_name.get(advisory.as_str()).into_iter().flatten();
            same.extend(known.filter(|&&index| self.findings[index].finding.id == *advisory));
        }
        same.sort_unstable();
        same.dedup();
        same.into_iter().map(|index| self.findings[index]).collect()
    }
}

fn names_of(finding: &Finding) -> impl Iterator<Item = &str> {
    std::iter::once(finding.id.as_str()).chain(finding.aliases.iter().map(String::as_str))
}

fn version<'a>(found: &Found<'a>) -> &'a str {
    found.package.map_or("", |package| &package.version)
}
