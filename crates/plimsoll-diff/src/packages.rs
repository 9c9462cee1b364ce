//! What became of the packages from one scan to the next.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::{Inventory, Package, PackageKind};
use plimsoll_version::{Scheme, compare};

use crate::side::{Key, Side, key};

/// Packages by what became of them. Each is counted once in a version, wherever it stands; lists are sorted by kind
/// and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageChanges {
    /// Those of the older scan alone.
    pub gone: Vec<PackageEntry>,
    /// Those of the newer scan alone.
    pub added: Vec<PackageEntry>,
    /// Those whose versions have changed.
    pub changed: Vec<PackageChange>,
    /// How many are as they were, counted by version.
    pub unchanged: usize,
}

/// A package in its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageEntry {
    /// What it is.
    pub kind: PackageKind,
    /// Its name as its file spells it.
    pub name: String,
    /// Its versions, in their order.
    pub versions: Vec<String>,
}

/// A package some of whose versions are others now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageChange {
    /// What it is.
    pub kind: PackageKind,
    /// Its name as the newer scan spells it.
    pub name: String,
    /// The versions that are there no more, in their order; empty where one came beside those that stay.
    pub from: Vec<String>,
    /// The versions that have come, in their order; empty where one of several is gone.
    pub to: Vec<String>,
    /// Where it went.
    pub direction: Direction,
}

/// Where a package's version went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Every new version is higher than every old one.
    Up,
    /// Every new version is lower than every old one.
    Down,
    /// Neither, or the versions cannot be compared.
    Other,
}

impl Direction {
    /// The word: `up`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Other => "other",
        }
    }
}

pub(crate) fn changes(old: &Side<'_>, new: &Side<'_>, before: &Inventory, now: &Inventory) -> PackageChanges {
    let (old_names, new_names) = (names(before), names(now));
    let mut changes = PackageChanges::default();
    let keys: BTreeSet<&Key<'_>> = old.packages.keys().chain(new.packages.keys()).collect();
    let nothing = BTreeSet::new();
    for key in keys {
        let (was, is) =
            (old.packages.get(key).unwrap_or(&nothing), new.packages.get(key).unwrap_or(&nothing));
        let package = new_names.get(key).or(old_names.get(key)).expect("every key is of a package");
        let kind = package.kind;
        let from = sorted(kind, was.difference(is));
        let to = sorted(kind, is.difference(was));
        let comparable = new.comparable(package, old);
        if comparable {
            changes.unchanged += was.intersection(is).count();
        }
        let entry = |name: &Package, versions| PackageEntry { kind, name: name.name.clone(), versions };
        if !comparable || was.is_empty() || is.is_empty() {
            if let Some(package) = old_names.get(key) {
                changes.gone.push(entry(package, sorted(kind, was.iter())));
            }
            if let Some(package) = new_names.get(key) {
                changes.added.push(entry(package, sorted(kind, is.iter())));
            }
        } else if !from.is_empty() || !to.is_empty() {
            let direction = direction(kind, &from, &to);
            changes.changed.push(PackageChange { kind, name: package.name.clone(), from, to, direction });
        }
    }
    changes
}

/// A package for each key, for its spelling.
fn names(inventory: &Inventory) -> BTreeMap<Key<'_>, &Package> {
    let mut names = BTreeMap::new();
    for package in &inventory.packages {
        names.entry(key(package)).or_insert(package);
    }
    names
}

/// The scheme that orders versions of packages of a kind.
pub(crate) fn scheme(kind: PackageKind) -> Scheme {
    match kind {
        PackageKind::Alpm => Scheme::Alpm,
        PackageKind::Apk => Scheme::Apk,
        PackageKind::Deb => Scheme::Debian,
        PackageKind::Rpm => Scheme::Rpm,
        _ => kind.ecosystem().expect("every kind but the distributions' has one").scheme(),
    }
}

/// Versions in their order; those that cannot be compared by their texts.
fn sorted<'a>(kind: PackageKind, versions: impl Iterator<Item = &'a &'a str>) -> Vec<String> {
    let mut versions: Vec<&str> = versions.copied().collect();
    let scheme = scheme(kind);
    let (mut read, unread): (Vec<&str>, Vec<&str>) =
        versions.drain(..).partition(|version| compare(scheme, version, version).is_ok());
    read.sort_by(|a, b| compare(scheme, a, b).unwrap_or(Ordering::Equal).then_with(|| a.cmp(b)));
    read.into_iter().chain(unread).map(str::to_owned).collect()
}

fn direction(kind: PackageKind, from: &[String], to: &[String]) -> Direction {
    let scheme = scheme(kind);
    let all = |wanted: Ordering| {
        from.iter()
            .all(|from| to.iter().all(|to| compare(scheme, from, to).is_ok_and(|order| order == wanted)))
    };
    match (from.is_empty() || to.is_empty(), all(Ordering::Less), all(Ordering::Greater)) {
        (false, true, false) => Direction::Up,
        (false, false, true) => Direction::Down,
        _ => Direction::Other,
    }
}

#[cfg(test)]
mod tests {
    use crate::compare;
    use crate::testing::scan;

    /// `-a 1, +b 1, c 1>2 up, =3`.
    fn words(old: &str, new: &str) -> String {
        let (old, new) = (scan(old), scan(new));
        let changes = compare(&old, &new).packages;
        let mut words: Vec<String> = Vec::new();
        words
            .extend(changes.gone.iter().map(|entry| format!("-{} {}", entry.name, entry.versions.join(" "))));
        words.extend(
            changes.added.iter().map(|entry| format!("+{} {}", entry.name, entry.versions.join(" "))),
        );
        words.extend(changes.changed.iter().map(|change| {
            format!(
                "{} {}>{} {}",
                change.name,
                change.from.join(" "),
                change.to.join(" "),
                change.direction.as_str()
            )
        }));
        words.push(format!("={}", changes.unchanged));
        words.join(", ")
    }

    #[test]
    fn packages_are_gone_added_changed_or_as_they_were() {
        for (old, new, expected) in [
            ("", "", "=0"),
            ("deb a 1", "deb a 1", "=1"),
            ("deb a 1", "deb b 1", "-a 1, +b 1, =0"),
            ("deb a 1.9", "deb a 1.10", "a 1.9>1.10 up, =0"),
            ("deb a 1.10", "deb a 1.9", "a 1.10>1.9 down, =0"),
            ("deb a 1:1", "deb a 2", "a 1:1>2 down, =0"),
            ("npm a 1.0.0\nnpm a 2.0.0", "npm a 2.0.0", "a 1.0.0> other, =1"),
            ("npm a 1.0.0", "npm a 1.0.0\nnpm a 2.0.0", "a >2.0.0 other, =1"),
            ("npm a 1.0.0\nnpm a 9.0.0", "npm a 10.0.0\nnpm a 2.0.0", "a 1.0.0 9.0.0>2.0.0 10.0.0 other, =0"),
            ("npm a x", "npm a y", "a x>y other, =0"),
            ("npm a 1.0.0 @x\nnpm a 1.0.0 @y", "npm a 1.0.0 @z", "=1"),
            ("npm a 1.0.0", "pypi a 1.0.0", "-a 1.0.0, +a 1.0.0, =0"),
            ("pypi PyYAML 5", "pypi pyyaml 6", "pyyaml 5>6 up, =0"),
            ("os debian 12\ndeb a 1\nnpm b 1", "os ubuntu 24.04\ndeb a 1\nnpm b 1", "-a 1, +a 1, =1"),
        ] {
            assert_eq!(words(old, new), expected, "{old:?} to {new:?}");
        }
    }
}
