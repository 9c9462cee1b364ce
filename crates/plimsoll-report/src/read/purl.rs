//! Package URLs to packages and releases.

use plimsoll_model::{Ecosystem, OsRelease, Package, PackageKind, Purl};

use crate::targets::os_id;

/// The package a package URL names, as a cataloger would have made it; `None` for a type that has no
/// [`PackageKind`], as `generic`, `oci` or `github`.
///
/// Read: the epoch (a qualifier of RPM's and of Trivy's Debian URLs), `arch`, `rpmmod` and `modularitylabel`, and
/// `upstream` (Syft's source package). Maven's namespace becomes the group; Go's version gets its `v`.
///
/// Source: package-url specification, `types/`; Syft's and Trivy's documents for the qualifiers.
pub fn package_from_purl(purl: &Purl, cataloger: &str) -> Option<Package> {
    let kind = PackageKind::from_purl_type(&purl.kind)?;
    let qualifier = |key: &str| purl.qualifiers.get(key).map(String::as_str);
    let name = match kind {
        PackageKind::Maven if !purl.namespace.is_empty() => format!("{}:{}", purl.namespace, purl.name),
        PackageKind::Npm | PackageKind::Golang | PackageKind::Composer | PackageKind::Swift
            if !purl.namespace.is_empty() =>
        {
            format!("{}/{}", purl.namespace, purl.name)
        }
        _ => purl.name.clone(),
    };
    let version = match kind {
        PackageKind::Deb | PackageKind::Rpm => with_epoch(&purl.version, qualifier("epoch"), kind),
        PackageKind::Golang => go_version(&purl.version),
        _ => purl.version.clone(),
    };
    let mut package = Package::new(kind, name, version, cataloger);
    if kind.is_os() {
        package.architecture = qualifier("arch").map(str::to_owned);
        package.module = qualifier("rpmmod").or_else(|| qualifier("modularitylabel")).map(str::to_owned);
        if let Some(upstream) = qualifier("upstream") {
            package.source = super::source::from_upstream(&package, upstream);
        }
    }
    Some(package)
}

/// The version with its epoch in front; RPM leaves an epoch of 0 out.
fn with_epoch(version: &str, epoch: Option<&str>, kind: PackageKind) -> String {
    let version = match version.strip_prefix("0:") {
        Some(rest) if kind == PackageKind::Rpm => rest,
        _ => version,
    };
    match epoch {
        Some(epoch) if epoch != "0" && !epoch.is_empty() && !version.contains(':') => {
            format!("{epoch}:{version}")
        }
        _ => version.to_owned(),
    }
}

/// Go's versions begin with `v`; Syft leaves it out for the toolchain's library, or writes `go1.20.1`.
pub(super) fn go_version(version: &str) -> String {
    let bare = version.strip_prefix("go").unwrap_or(version);
    if bare.starts_with(|c: char| c.is_ascii_digit()) { format!("v{bare}") } else { version.to_owned() }
}

/// The distribution release that the package URL of an OS package speaks of.
///
/// Read: `distro=debian-11` (everybody), `distro=3.18.4` with the namespace (Trivy's Alpine URLs), and Docker Scout's
/// `os_name`, `os_version`, `os_distro`. A code name, as in `distro=debian-bookworm`, is no version and becomes
/// the code name. `None` for other packages, and where there is neither qualifier nor a namespace that names one.
pub fn os_from_purl(purl: &Purl) -> Option<OsRelease> {
    if !PackageKind::from_purl_type(&purl.kind)?.is_os() {
        return None;
    }
    let qualifier = |key: &str| purl.qualifiers.get(key).map_or("", String::as_str);
    let named = |id: &str, version: &str| {
        let id = os_id(&id.to_lowercase()).to_owned();
        let is_version = version.starts_with(|c: char| c.is_ascii_digit());
        OsRelease {
            id,
            version_id: if is_version { version.to_owned() } else { String::new() },
            codename: if is_version { String::new() } else { version.to_owned() },
            ..OsRelease::default()
        }
    };
    let distro = qualifier("distro");
    if !qualifier("os_name").is_empty() {
        let mut os = named(qualifier("os_name"), qualifier("os_version"));
        if os.codename.is_empty() {
            qualifier("os_distro").clone_into(&mut os.codename);
        }
        return Some(os);
    }
    if distro.starts_with(|c: char| c.is_ascii_digit()) {
        return (!purl.namespace.is_empty()).then(|| named(&purl.namespace, distro));
    }
    let split = distro
        .rmatch_indices('-')
        .map(|(at, _)| (&distro[..at], &distro[at + 1..]))
        .find(|(id, version)| version.starts_with(|c: char| c.is_ascii_digit()) || *id == purl.namespace);
    match split {
        Some((id, version)) if !id.is_empty() => Some(named(id, version)),
        _ if !distro.is_empty() => Some(named(distro, "")),
        _ => None,
    }
}

/// The name in the spelling of the component where that is the same name: package URLs lose letter case, and
/// Python's dots and underscores.
pub(super) fn prefer_spelling(package: &mut Package, group: &str, name: &str) {
    let candidates = match (package.kind, group) {
        (_, "") => [name.to_owned(), String::new()],
        (PackageKind::Maven, group) => [format!("{group}:{name}"), name.to_owned()],
        (_, group) => [format!("{group}/{name}"), name.to_owned()],
    };
    let same = |candidate: &str| match package.kind {
        PackageKind::PyPi => {
            Ecosystem::PyPi.normalize_name(candidate) == Ecosystem::PyPi.normalize_name(&package.name)
        }
        _ => candidate.to_lowercase() == package.name.to_lowercase(),
    };
    if let Some(candidate) = candidates.into_iter().find(|candidate| !candidate.is_empty() && same(candidate))
    {
        package.name = candidate;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(text: &str) -> Package {
        package_from_purl(&text.parse().unwrap(), "test").unwrap()
    }

    #[test]
    fn names_and_versions_are_the_catalogers() {
        for (purl, name, version) in [
            ("pkg:deb/debian/libc6@2.31-13?arch=amd64", "libc6", "2.31-13"),
            ("pkg:deb/debian/perl@5.32.1-4?epoch=1", "perl", "1:5.32.1-4"),
            ("pkg:deb/debian/perl@1:5.32.1-4?epoch=1", "perl", "1:5.32.1-4"),
            ("pkg:rpm/rhel/bind@9.11.4-1.el7?epoch=32", "bind", "32:9.11.4-1.el7"),
            ("pkg:rpm/rhel/bash@5.1-1.el9?epoch=0", "bash", "5.1-1.el9"),
            ("pkg:rpm/rhel/bash@0:5.1-1.el9", "bash", "5.1-1.el9"),
            ("pkg:maven/org.a.b/c@1", "org.a.b:c", "1"),
            ("pkg:maven/c@1", "c", "1"),
            ("pkg:npm/%40babel/core@7.0.0", "@babel/core", "7.0.0"),
            ("pkg:golang/github.com/gorilla/mux@v1.8.0", "github.com/gorilla/mux", "v1.8.0"),
            ("pkg:golang/stdlib@1.20.1", "stdlib", "v1.20.1"),
            ("pkg:golang/stdlib@go1.20.1", "stdlib", "v1.20.1"),
            ("pkg:golang/example.com/a@(devel)", "example.com/a", "(devel)"),
            ("pkg:composer/laravel/framework@v9.0", "laravel/framework", "v9.0"),
            ("pkg:pypi/pyyaml", "pyyaml", ""),
        ] {
            let package = package(purl);
            assert_eq!((package.name.as_str(), package.version.as_str()), (name, version), "{purl}");
        }
        for purl in ["pkg:generic/a@1", "pkg:oci/a@1", "pkg:github/a/b@1"] {
            assert_eq!(package_from_purl(&purl.parse().unwrap(), "test"), None);
        }
    }

    #[test]
    fn every_kind_comes_back_from_its_own_package_url() {
        for &kind in PackageKind::ALL {
            let name = match kind {
                PackageKind::Maven => "group:artifact",
                PackageKind::Golang | PackageKind::Swift => "example.com/owner/name",
                PackageKind::Composer => "owner/name",
                PackageKind::Npm => "@scope/name",
                _ => "name",
            };
            let version = if kind == PackageKind::Golang { "v1.2.3" } else { "1:1.2-3" };
            let package = Package::new(kind, name, version, "test");
            assert_eq!(package_from_purl(&package.purl(None), "test"), Some(package));
        }
    }

    #[test]
    fn the_release_is_read_from_each_producers_qualifiers() {
        for (purl, os) in [
            ("pkg:deb/debian/a@1?distro=debian-11", Some(("debian", "11", ""))),
            ("pkg:deb/debian/a@1?distro=debian-bookworm", Some(("debian", "", "bookworm"))),
            (
                "pkg:deb/debian/a@1?os_distro=bullseye&os_name=debian&os_version=11",
                Some(("debian", "11", "bullseye")),
            ),
            ("pkg:apk/alpine/a@1?distro=3.18.4", Some(("alpine", "3.18.4", ""))),
            ("pkg:apk/alpine/a@1?distro=alpine-3.18.4", Some(("alpine", "3.18.4", ""))),
            ("pkg:apk/wolfi/a@1?distro=wolfi-20230201", Some(("wolfi", "20230201", ""))),
            ("pkg:rpm/opensuse/a@1?distro=opensuse-leap-15.5", Some(("opensuse-leap", "15.5", ""))),
            ("pkg:rpm/alma/a@1?distro=alma-9.2", Some(("almalinux", "9.2", ""))),
            ("pkg:rpm/redhat/a@1?distro=redhat-9.2", Some(("rhel", "9.2", ""))),
            ("pkg:rpm/rhel/a@1?distro=rhel", Some(("rhel", "", ""))),
            ("pkg:deb/debian/a@1?distro=-", Some(("-", "", ""))),
            ("pkg:deb/debian/a@1", None),
            ("pkg:npm/a@1?distro=debian-11", None),
            ("pkg:generic/a@1?distro=debian-11", None),
        ] {
            let found = os_from_purl(&purl.parse().unwrap());
            let found =
                found.as_ref().map(|os| (os.id.as_str(), os.version_id.as_str(), os.codename.as_str()));
            assert_eq!(found, os, "{purl}");
        }
    }

    #[test]
    fn spelling_is_taken_from_the_component_where_it_is_the_same_name() {
        for (purl, group, name, expected) in [
            ("pkg:pypi/flask-sqlalchemy@1", "", "Flask_SQLAlchemy", "Flask_SQLAlchemy"),
            ("pkg:npm/jsonstream@1", "", "JSONStream", "JSONStream"),
            ("pkg:npm/%40babel/core@1", "@babel", "core", "@babel/core"),
            ("pkg:maven/org.a/B@1", "org.a", "B", "org.a:B"),
            (
                "pkg:golang/github.com/burntsushi/toml@v1",
                "",
                "github.com/BurntSushi/toml",
                "github.com/BurntSushi/toml",
            ),
            ("pkg:pypi/a@1", "", "b", "a"),
            ("pkg:pypi/a@1", "", "", "a"),
        ] {
            let mut package = package(purl);
            prefer_spelling(&mut package, group, name);
            assert_eq!(package.name, expected);
        }
    }
}
