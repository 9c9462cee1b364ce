//! Where a package is looked up, without a database: for tables that are joined with advisories.

use std::borrow::Cow;

use plimsoll_model::{Ecosystem, Inventory, Namespace, Package, PackageKind};
use plimsoll_version::Scheme;

use crate::distro::{self, Names, Release};
use crate::plan::{is_made_by_pro, is_of_pro};
use crate::rpm;

/// Under which namespace, name and version the packages of one inventory are looked up first.
///
/// A package may be asked for in several places; [`places`] says which further ones belong to the first. Where a
/// distribution's advisories name binary packages, the first name is the package's own, and [`Self::second`] that of its source.
#[derive(Clone, Debug)]
pub struct Asking {
    release: Option<Release>,
    /// The release's first namespace.
    namespace: String,
    /// The namespace of builds that Ubuntu Pro made.
    of_pro: Option<String>,
}

impl Asking {
    /// For the packages of this inventory.
    pub fn new(inventory: &Inventory) -> Self {
        let release = inventory.os.as_ref().and_then(|os| distro::release(os).ok());
        let namespaces = release.as_ref().map_or(&[][..], |release| &release.namespaces);
        let of_pro = namespaces.iter().find(|namespace| is_of_pro(namespace)).map(Namespace::to_string);
        let namespace = namespaces.first().map(Namespace::to_string).unwrap_or_default();
        Self { release, namespace, of_pro }
    }

    /// Who names the package and orders its versions; `None` where nobody is known to.
    pub fn ecosystem(&self, package: &Package) -> Option<Ecosystem> {
        if !package.kind.is_os() {
            return package.kind.ecosystem();
        }
        let release = self.release.as_ref().filter(|release| release.kind == package.kind)?;
        release.namespaces.first().map(|namespace| namespace.ecosystem)
    }

    /// The namespace that is asked first; `None` for a package that is not looked up: its distribution is not known, an OS
    /// package installed it, or it has no name.
    pub fn namespace(&self, package: &Package) -> Option<&str> {
        if package.kind.is_os() {
            self.release.as_ref().filter(|release| release.kind == package.kind)?;
            let of_pro = self.of_pro.as_deref().filter(|_| is_made_by_pro(self.compared(package)));
            return Some(of_pro.unwrap_or(&self.namespace));
        }
        if package.owner.is_some() || (package.kind == PackageKind::Maven && !package.name.contains(':')) {
            return None;
        }
        package.kind.ecosystem().map(Ecosystem::name)
    }

    /// The name there, normalized.
    pub fn name<'a>(&self, package: &'a Package) -> Option<Cow<'a, str>> {
        self.namespace(package)?;
        Some(match package.kind.ecosystem() {
            Some(ecosystem) => ecosystem.normalize_name(&package.name),
            None if self.asks_for_source() => Cow::Borrowed(package.source_or_self().0),
            None => Cow::Borrowed(&package.name),
        })
    }

    /// The version to compare, as [`crate::Ranges::affects`] takes it.
    pub fn version<'a>(&self, package: &'a Package) -> Option<Cow<'a, str>> {
        self.namespace(package)?;
        Some(with_stream(package, self.compared(package)))
    }

    /// The further name that its advisories may use, and the version to compare then: those of its source package. An
    /// advisory that speaks of the first name does not speak of this one.
    pub fn second<'a>(&self, package: &'a Package) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
        self.namespace(package).filter(|_| package.kind.is_os() && !self.asks_for_source())?;
        let source = package.source.as_ref().filter(|source| source.name != package.name)?;
        let version = if source.version.is_empty() { &package.version } else { &source.version };
        Some((Cow::Borrowed(&source.name), with_stream(package, version)))
    }

    fn compared<'a>(&self, package: &'a Package) -> &'a str {
        let (_, version) = package.source_or_self();
        if package.kind.is_os() && self.asks_for_source() && !version.is_empty() {
            version
        } else {
            &package.version
        }
    }

    fn asks_for_source(&self) -> bool {
        self.release.as_ref().is_some_and(|release| release.names == Names::Source)
    }
}

fn with_stream<'a>(package: &Package, version: &'a str) -> Cow<'a, str> {
    match package.module.as_deref().and_then(rpm::stream) {
        Some((module, stream)) => Cow::Owned(format!("{version} ({module}:{stream})")),
        None => Cow::Borrowed(version),
    }
}

/// Version and modularity label of what [`Asking::version`] gives.
pub(crate) fn with_label(ecosystem: Ecosystem, version: &str) -> (&str, Option<&str>) {
    let parts = version.strip_suffix(')').and_then(|rest| rest.rsplit_once(" ("));
    match parts {
        Some((version, label)) if ecosystem.scheme() == Scheme::Rpm => (version, Some(label)),
        _ => (version, None),
    }
}

/// For each namespace that a package may be looked up in first, all that it is looked up in, in order, where a database
/// has these namespaces. A package of Ubuntu 14.04 is judged by Pro's records too, and one of Chainguard's by Wolfi's.
pub fn places<'a>(namespaces: impl IntoIterator<Item = &'a Namespace>) -> Vec<Vec<Namespace>> {
    let mut known: Vec<&Namespace> = namespaces.into_iter().collect();
    known.sort();
    known.dedup();
    let mut firsts: Vec<Namespace> = known.iter().flat_map(|namespace| distro::firsts(namespace)).collect();
    firsts.sort();
    firsts.dedup();
    let place = |first: &Namespace| {
        let mut place = distro::asked_with(first);
        place.retain(|namespace| known.binary_search(&namespace).is_ok());
        // The first stays, though it may be empty: packages bear it.
        if place.first() != Some(first) {
            place.insert(0, first.clone());
        }
        place
    };
    firsts.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{OsRelease, Owner, SourcePackage};

    use super::*;

    fn inventory(id: &str, version: &str) -> Inventory {
        let os = OsRelease { id: id.to_owned(), version_id: version.to_owned(), ..OsRelease::default() };
        Inventory { os: Some(os), ..Inventory::default() }
    }

    fn asked(inventory: &Inventory, package: &Package) -> String {
        let asking = Asking::new(inventory);
        match (asking.namespace(package), asking.name(package), asking.version(package)) {
            (Some(namespace), Some(name), Some(version)) => format!("{namespace} {name} {version}"),
            _ => "nobody".to_owned(),
        }
    }

    #[test]
    fn a_package_is_asked_for_where_its_advisories_are() {
        let mut library = Package::new(PackageKind::Deb, "libssl3", "3.0.1-1+b1", "dpkg");
        library.source = Some(SourcePackage { name: "openssl".to_owned(), version: "3.0.1-1".to_owned() });
        assert_eq!(asked(&inventory("debian", "12"), &library), "Debian:12 openssl 3.0.1-1");
        assert_eq!(asked(&inventory("ubuntu", "22.04"), &library), "Ubuntu:22.04 openssl 3.0.1-1");
        assert_eq!(asked(&inventory("alpine", "3.18"), &library), "nobody");
        assert_eq!(asked(&Inventory::default(), &library), "nobody");
        library.source = Some(SourcePackage { name: "openssl".to_owned(), version: "3+esm1".to_owned() });
        assert_eq!(asked(&inventory("ubuntu", "22.04"), &library), "Ubuntu:Pro:22.04 openssl 3+esm1");

        let mut node = Package::new(PackageKind::Rpm, "npm", "1:8-1.module+el8", "rpm");
        node.module = Some("nodejs:18:8060020220523160029:ad008a3a".to_owned());
        node.source = Some(SourcePackage { name: "nodejs".to_owned(), version: "1:18-1".to_owned() });
        assert_eq!(asked(&inventory("rhel", "8.6"), &node), "Red Hat:8 npm 1:8-1.module+el8 (nodejs:18)");

        let mut python = Package::new(PackageKind::PyPi, "Py_YAML", "5.3", "python");
        assert_eq!(asked(&Inventory::default(), &python), "PyPI py-yaml 5.3");
        python.owner = Some(Owner { kind: PackageKind::Deb, name: "a".to_owned(), version: String::new() });
        assert_eq!(asked(&Inventory::default(), &python), "nobody");
        let jar = Package::new(PackageKind::Maven, "log4j-core", "2.14.1", "jar");
        assert_eq!(asked(&Inventory::default(), &jar), "nobody");
    }

    #[test]
    fn a_label_stands_behind_the_version_of_an_rpm_alone() {
        assert_eq!(with_label(Ecosystem::RedHat, "1-1.el8 (nodejs:18)"), ("1-1.el8", Some("nodejs:18")));
        assert_eq!(with_label(Ecosystem::RedHat, "1-1.el8"), ("1-1.el8", None));
        assert_eq!(with_label(Ecosystem::RedHat, ")"), (")", None));
        assert_eq!(with_label(Ecosystem::Npm, "1 (a)"), ("1 (a)", None));
    }

    #[test]
    fn places_hold_all_that_is_asked() {
        let parse = |text: &str| Namespace::parse(text).unwrap();
        let known = [
            "Debian:12",
            "Ubuntu:Pro:14.04",
            "Ubuntu:22.04",
            "Ubuntu:Pro:22.04",
            "Wolfi",
            "Packagist:https://packages.drupal.org/8",
            "SUSE:Linux Enterprise Module for Basesystem 15 SP4",
        ]
        .map(parse);
        let places: Vec<String> = places(&known)
            .iter()
            .map(|place| place.iter().map(Namespace::to_string).collect::<Vec<_>>().join(", "))
            .collect();
        assert_eq!(
            places,
            [
                "Chainguard, Wolfi",
                "Debian:12",
                "Packagist, Packagist:https://packages.drupal.org/8",
                "SUSE:Linux Enterprise Server 15 SP4, SUSE:Linux Enterprise Module for Basesystem 15 SP4",
                "Ubuntu:14.04, Ubuntu:Pro:14.04",
                "Ubuntu:22.04, Ubuntu:Pro:22.04",
                "Ubuntu:Pro:14.04",
                "Ubuntu:Pro:22.04, Ubuntu:22.04",
                "Wolfi",
            ]
        );
    }
}
