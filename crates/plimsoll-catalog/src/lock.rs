//! Lock files: what a source tree says would be installed.
//!
//! Read only where there is nothing better, in source trees ([`Declared`](crate::Evidence::Declared)). What a lock file lists for
//! development, tests and other platforms is listed too: it runs on somebody's machine, and the file does not say whose.
//!
//! A package that comes from the ecosystem's registry, or a mirror of it, is listed with its version. One that comes
//! from elsewhere (a Git repository, an archive at some address, a folder) may be the registry's code under that
//! name and version, or not: it is listed without a version, which the matcher answers with *undetermined* where
//! there are advisories for the name, and with nothing where there are none. The tree's own packages are left out where the
//! file tells them from others.
//!
//! Whether the application names a package itself is said where the file says it ([`Package::direct`]); where it tells
//! only what packages need of each other, of those that nothing needs ([`Needed`]).

mod cargo;
mod composer;
mod gemfile;
mod go_mod;
mod gradle;
mod mix;
mod npm;
mod nuget;
mod pnpm;
mod pom;
mod pubspec;
mod python;
mod requirements;
mod swift;
#[cfg(test)]
pub(crate) mod testing;
mod yarn;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};

use plimsoll_model::{Package, PackageKind};

use crate::seam::{self, Catalog, excerpt};
use crate::tree::Tree;

pub(crate) use cargo::CargoLock;
pub(crate) use composer::{ComposerLock, needed_in_composer};
pub(crate) use gemfile::GemfileLock;
pub(crate) use go_mod::GoMod;
pub(crate) use gradle::GradleLock;
pub(crate) use mix::MixLock;
pub(crate) use npm::NpmLock;
pub(crate) use nuget::NuGetLock;
pub(crate) use pnpm::PnpmLock;
pub(crate) use pom::MavenPom;
pub(crate) use pubspec::PubspecLock;
pub(crate) use python::{PdmLock, PipfileLock, PoetryLock, PyLock, UvLock};
pub(crate) use requirements::PipRequirements;
pub(crate) use swift::SwiftResolved;
pub(crate) use yarn::YarnLock;

/// Largest lock file that is read by lines, in bytes.
const MAX_TEXT_BYTES: u64 = 32 << 20;

/// Longest name of a package that is listed, in bytes; registries allow 214 at most, Go modules and Swift addresses more.
const MAX_NAME_BYTES: usize = 1000;

/// Longest version that is listed, in bytes.
const MAX_VERSION_BYTES: usize = 500;

/// Licences kept of one package.
const MAX_LICENSES: usize = 20;

/// Folders of packages that others wrote: a lock file in there is theirs, and nothing of it is installed here.
const FOREIGN_FOLDERS: &[&str] = &["node_modules", "site-packages", "vendor"];

/// Whether the path is the tree's own file of this name.
fn is_own(entry: &seam::Entry<'_>, name: &str) -> bool {
    entry.file_name() == name && !is_foreign(entry.path)
}

fn is_foreign(path: &str) -> bool {
    path.split('/').any(|folder| FOREIGN_FOLDERS.contains(&folder))
}

/// The packages of one file, each name and version once.
struct Listing<'a> {
    kind: PackageKind,
    cataloger: &'static str,
    /// Whether the application itself names the packages that are added next, as [`Package::direct`].
    direct: Option<bool>,
    /// Names and versions, with the package's place in `out`; `None` for one that was not taken.
    listed: BTreeMap<(String, String), Option<usize>>,
    out: &'a mut Catalog,
}

impl<'a> Listing<'a> {
    fn new(kind: PackageKind, cataloger: &'static str, out: &'a mut Catalog) -> Self {
        Self { kind, cataloger, direct: None, listed: BTreeMap::new(), out }
    }

    /// Adds a package; with an empty version where it does not come from the registry.
    fn add(&mut self, name: &str, version: &str) {
        self.add_with(name, version, Vec::new());
    }

    fn add_with(&mut self, name: &str, version: &str, licenses: Vec<String>) {
        if name.is_empty() || name.len() > MAX_NAME_BYTES || version.len() > MAX_VERSION_BYTES {
            let found = format!("`{}` in `{}`", excerpt(version.as_bytes()), excerpt(name.as_bytes()));
            return self.gap(
                "",
                format!(
                    "expected a name of 1 to {MAX_NAME_BYTES} and a version of up to {MAX_VERSION_BYTES} bytes, found {found}"
                ),
            );
        }
        match self.listed.entry((name.to_owned(), version.to_owned())) {
            Entry::Occupied(known) => {
                if let Some(package) = known.get().and_then(|place| self.out.packages.get_mut(place)) {
                    package.direct = either_direct(package.direct, self.direct);
                }
            }
            Entry::Vacant(place) => {
                let mut package = Package::new(self.kind, name, version, self.cataloger);
                package.licenses = licenses;
                package.direct = self.direct;
                let next = self.out.packages.len();
                self.out.package(package);
                place.insert((self.out.packages.len() > next).then_some(next));
            }
        }
    }

    /// Adds a package of the registry, whose version is this value; a gap where that is none.
    fn add_at(&mut self, name: &str, version: &Tree) {
        match version.text() {
            Some(version) => self.add(name, version),
            None => self.no_version(name, version),
        }
    }

    fn no_version(&mut self, name: &str, version: &Tree) {
        let found = version.describe();
        self.gap(excerpt(name.as_bytes()), format!("expected a version, found {found}"));
    }

    fn gap(&mut self, place: impl Into<String>, reason: impl ToString) {
        self.out.gap(place, reason);
    }
}

/// [`Package::direct`] of a package that a file lists twice: named in one place is named.
pub(crate) fn either_direct(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        (None, _) | (_, None) => None,
    }
}

/// What the packages of a file need of each other, for files that do not say what the application names itself.
///
/// All that such a file lists was resolved from what the application names. So what nothing in it needs was named; of what
/// is needed, either may be true.
#[derive(Default)]
pub(crate) struct Needed(HashSet<String>);

impl Needed {
    /// A package needs this. That one is needed by itself, as for an extra of its own, says nothing.
    pub(crate) fn insert(&mut self, by: &str, name: impl Into<String>) {
        let name = name.into();
        if name != by {
            self.0.insert(name);
        }
    }

    /// [`Package::direct`] of the package.
    pub(crate) fn direct(&self, name: &str) -> Option<bool> {
        (!self.0.contains(name)).then_some(true)
    }
}

/// The place of a line, counted from 1.
fn line(number: usize) -> String {
    format!("line {number}")
}

/// Name and range of `name@range`, `@scope/name@range`; the name may start with an `@`.
fn at_first(text: &str) -> Option<(&str, &str)> {
    let at = text.get(1..)?.find('@')? + 1;
    Some((&text[..at], &text[at + 1..]))
}

/// Name and version of `name@version`, by the last `@`; `None` without one behind the name.
fn at_last(text: &str) -> Option<(&str, &str)> {
    text.rsplit_once('@').filter(|(name, _)| !name.is_empty())
}
