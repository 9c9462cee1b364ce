//! Where each package of an inventory is looked up, and which of them nobody can judge.

use std::collections::BTreeMap;

use plimsoll_model::{AdvisoryLookup, Ecosystem, Gap, Inventory, Namespace, OsRelease, Package, PackageKind};

use crate::distro::{self, Names, NoRelease, Release};

/// Second home of Drupal's modules, beside `Packagist` itself.
///
/// Source: OSV schema 1.7, "Defined ecosystems", Packagist.
pub(crate) const DRUPAL_REPOSITORY: &str = "https://packages.drupal.org/8";

/// The namespaces that [`crate::evaluate`] would ask for this inventory, whether or not a database has them: those of
/// its distribution's release where it has packages of it, and those of its language packages; sorted.
pub fn needed(inventory: &Inventory) -> Vec<Namespace> {
    let release = inventory.os.as_ref().and_then(|os| distro::release(os).ok());
    let release = release.filter(|release| inventory.packages.iter().any(|p| p.kind == release.kind));
    let mut namespaces = release.map(|release| release.namespaces).unwrap_or_default();
    let apart = inventory.packages.iter().filter(|package| package.owner.is_none());
    for ecosystem in apart.filter_map(|package| package.kind.ecosystem()) {
        namespaces.extend(homes(ecosystem));
    }
    namespaces.sort();
    namespaces.dedup();
    namespaces
}

/// Where the packages of a language are looked up: in their ecosystem, Drupal's modules also in their repository.
fn homes(ecosystem: Ecosystem) -> Vec<Namespace> {
    let mut homes = vec![Namespace::whole(ecosystem)];
    if ecosystem == Ecosystem::Packagist {
        homes.push(Namespace::release(ecosystem, DRUPAL_REPOSITORY));
    }
    homes
}

/// One question to the database, with the version to compare.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Term {
    /// Index into [`Plan::places`].
    pub(crate) place: usize,
    /// Normalized.
    pub(crate) name: String,
    pub(crate) version: String,
    /// RPM modularity label.
    pub(crate) module: Option<String>,
}

pub(crate) struct Plan {
    /// Namespaces that the database covers, the ones that decide first.
    pub(crate) places: Vec<Vec<Namespace>>,
    /// What cannot be judged, sorted.
    pub(crate) gaps: Vec<Gap>,
    os: Option<Os>,
    languages: BTreeMap<Ecosystem, usize>,
}

struct Os {
    kind: PackageKind,
    names: Names,
    place: usize,
    /// For versions that Ubuntu Pro made: the same, Pro's records first.
    place_of_pro: Option<usize>,
}

impl Plan {
    pub(crate) fn new(inventory: &Inventory, database: &dyn AdvisoryLookup) -> Self {
        let mut plan = Self { places: Vec::new(), gaps: Vec::new(), os: None, languages: BTreeMap::new() };
        plan.plan_os(inventory, database);
        plan.plan_languages(inventory, database);
        plan.gaps.sort();
        plan.gaps.dedup();
        plan
    }

    /// The questions for one package, the one that decides first: where an advisory answers it, its answer to
    /// the later ones does not count. Empty where nobody speaks of it.
    pub(crate) fn terms(&self, package: &Package) -> Vec<Term> {
        if package.kind.is_os() {
            return self.os.as_ref().map(|os| os.terms(package)).unwrap_or_default();
        }
        // A file that an OS package installed is the distribution's to judge; a jar without a group has no name.
        if package.owner.is_some() || (package.kind == PackageKind::Maven && !package.name.contains(':')) {
            return Vec::new();
        }
        let Some(ecosystem) = package.kind.ecosystem() else { return Vec::new() };
        let Some(&place) = self.languages.get(&ecosystem) else { return Vec::new() };
        let name = ecosystem.normalize_name(&package.name).into_owned();
        vec![Term { place, name, version: package.version.clone(), module: None }]
    }

    fn plan_os(&mut self, inventory: &Inventory, database: &dyn AdvisoryLookup) {
        let mut counts: BTreeMap<PackageKind, usize> = BTreeMap::new();
        for package in inventory.packages.iter().filter(|package| package.kind.is_os()) {
            *counts.entry(package.kind).or_default() += 1;
        }
        let owned = inventory.packages.iter().filter(|p| !p.kind.is_os() && p.owner.is_some()).count();
        let total: usize = counts.values().sum();
        if total == 0 && owned == 0 {
            return;
        }
        let Some(os) = &inventory.os else {
            let why = "no distribution release was found, so no advisories can be chosen";
            return self.unjudged(why, total, owned);
        };
        let release = match distro::release(os) {
            Ok(release) => release,
            Err(why) => return self.unjudged(&no_release(os, why), total, owned),
        };
        let native = counts.get(&release.kind).copied().unwrap_or(0);
        for (kind, count) in counts.into_iter().filter(|(kind, _)| *kind != release.kind) {
            let why = format!("the advisories of {} speak of {} packages alone", described(os), release.kind);
            self.unjudged(&why, count, if native == 0 { owned_by(inventory, kind) } else { 0 });
        }
        self.plan_release(&release, native, owned, database);
    }

    fn plan_release(
        &mut self,
        release: &Release,
        native: usize,
        owned: usize,
        database: &dyn AdvisoryLookup,
    ) {
        let covered: Vec<Namespace> =
            release.namespaces.iter().filter(|namespace| database.covers(namespace)).cloned().collect();
        let first = &release.namespaces[0];
        if native > 0 && !covered.contains(first) {
            let why = format!("no advisories for `{first}` in the database");
            match covered.first() {
                None => self.unjudged(&why, native, owned),
                Some(other) => {
                    self.gap(format!("{why}: {} judged by `{other}` alone", packages_were(native)));
                }
            }
        }
        if let (Some(caveat), true) = (release.caveat, native > 0 && !covered.is_empty()) {
            self.gap(format!("{caveat}: {} judged so", packages_were(native)));
        }
        if covered.is_empty() {
            return;
        }
        let has_pro = first.ecosystem == Ecosystem::Ubuntu && covered.len() > 1;
        let place_of_pro = has_pro.then(|| self.place(covered.iter().rev().cloned().collect()));
        let place = self.place(covered);
        self.os = Some(Os { kind: release.kind, names: release.names, place, place_of_pro });
    }

    fn plan_languages(&mut self, inventory: &Inventory, database: &dyn AdvisoryLookup) {
        let mut counts: BTreeMap<Ecosystem, usize> = BTreeMap::new();
        for package in inventory.packages.iter().filter(|package| package.owner.is_none()) {
            if let Some(ecosystem) = package.kind.ecosystem() {
                *counts.entry(ecosystem).or_default() += 1;
            }
        }
        for (ecosystem, count) in counts {
            let whole = Namespace::whole(ecosystem);
            let mut covered = homes(ecosystem);
            covered.retain(|namespace| database.covers(namespace));
            if !covered.contains(&whole) {
                self.unjudged(&format!("no advisories for `{whole}` in the database"), count, 0);
            }
            if !covered.is_empty() {
                let place = self.place(covered);
                self.languages.insert(ecosystem, place);
            }
        }
    }

    fn place(&mut self, namespaces: Vec<Namespace>) -> usize {
        self.places.push(namespaces);
        self.places.len() - 1
    }

    fn unjudged(&mut self, why: &str, count: usize, owned: usize) {
        let owned = match owned {
            0 => String::new(),
            1 => ", nor was 1 language package that they installed".to_owned(),
            _ => format!(", nor were {owned} language packages that they installed"),
        };
        self.gap(format!("{why}: {} not judged{owned}", packages_were(count)));
    }

    fn gap(&mut self, reason: String) {
        self.gaps.push(crate::gap(reason));
    }
}

impl Os {
    fn terms(&self, package: &Package) -> Vec<Term> {
        if package.kind != self.kind {
            return Vec::new();
        }
        let term = |name: &str, version: &str| Term {
            place: self.place_of_pro.filter(|_| is_made_by_pro(version)).unwrap_or(self.place),
            name: name.to_owned(),
            version: version.to_owned(),
            module: package.module.clone(),
        };
        let (name, version) = package.source_or_self();
        let source = term(name, if version.is_empty() { &package.version } else { version });
        match self.names {
            Names::Source => vec![source],
            Names::BinaryThenSource if name == package.name => vec![term(name, &package.version)],
            Names::BinaryThenSource => vec![term(&package.name, &package.version), source],
        }
    }
}

/// Whether Ubuntu Pro's extended security maintenance built a version: `1.0.1f-1ubuntu2.27+esm1`.
pub(crate) fn is_made_by_pro(version: &str) -> bool {
    version.contains("esm")
}

/// Whether a namespace is of Ubuntu Pro, whose fixes need a subscription.
pub(crate) fn is_of_pro(namespace: &Namespace) -> bool {
    namespace.ecosystem == Ecosystem::Ubuntu && namespace.release.starts_with(distro::PRO)
}

fn owned_by(inventory: &Inventory, kind: PackageKind) -> usize {
    inventory.packages.iter().filter(|p| p.owner.as_ref().is_some_and(|owner| owner.kind == kind)).count()
}

fn no_release(os: &OsRelease, why: NoRelease) -> String {
    match why {
        NoRelease::UnknownDistribution => {
            format!("no source of advisories is known for {}", described(os))
        }
        NoRelease::UnknownRelease => format!(
            "cannot tell the release of `{}`: expected a number in VERSION_ID or a known code name, found `{}`",
            cut(&os.id),
            cut(&os.version_id)
        ),
    }
}

fn described(os: &OsRelease) -> String {
    if os.version_id.is_empty() {
        format!("`{}`", cut(&os.id))
    } else {
        format!("`{} {}`", cut(&os.id), cut(&os.version_id))
    }
}

/// Image bytes in a message, at most 100 characters of them.
fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}

fn packages_were(count: usize) -> String {
    if count == 1 { "1 package was".to_owned() } else { format!("{count} packages were") }
}
