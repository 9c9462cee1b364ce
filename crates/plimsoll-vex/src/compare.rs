//! One name of a component against one package of the image, and how near it is.

use std::borrow::Cow;

use plimsoll_model::{OsRelease, Package, PackageKind, Purl};

use crate::json::short;
use crate::range;

/// How near a name came that did not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Closeness {
    /// Nothing of it was found.
    Nothing,
    /// Something of its kind was: an image with another digest.
    Kind,
    /// The same name, in another place.
    Name,
    /// The same package in another version, or from another build.
    Version,
    /// All but where it stands.
    Place,
}

/// A name that did not match, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Miss {
    pub(crate) closeness: Closeness,
    pub(crate) reason: String,
}

impl Miss {
    pub(crate) fn new(closeness: Closeness, reason: String) -> Self {
        Self { closeness, reason }
    }

    /// Becomes a nearer miss, where it is one.
    pub(crate) fn raise(&mut self, closeness: Closeness, reason: impl FnOnce() -> String) {
        if closeness > self.closeness {
            *self = Self::new(closeness, reason());
        }
    }

    /// The nearer of the two; the first, where they are equally near.
    pub(crate) fn nearer(self, other: Self) -> Self {
        if other.closeness > self.closeness { other } else { self }
    }
}

/// Whether the package is what the URL names. `versions`: what else is said of its version.
///
/// Type, namespace and name must be equal as the ecosystem has it. A version must be equal by its text; where there is
/// none, all versions are meant. A qualifier that the URL has must be equal; one that it has not does not matter. An
/// `arch` of `source` or `src` names the source package.
///
/// Two qualifiers are read by their meaning: `distro` may name the release less exactly (`debian-12` for `debian-12.13`)
/// or by its code name, and an `epoch` of 0 is none.
pub(crate) fn purl_names(
    purl: &Purl,
    versions: Option<&str>,
    package: &Package,
    os: Option<&OsRelease>,
) -> Result<(), Miss> {
    let is_source = package.kind.is_os()
        && purl.qualifiers.get("arch").is_some_and(|arch| matches!(arch.as_str(), "source" | "src"));
    let own: Cow<'_, Package> = if is_source {
        let (name, version) = package.source_or_self();
        Cow::Owned(Package {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: None,
            ..package.clone()
        })
    } else {
        Cow::Borrowed(package)
    };
    let found = own.purl(os);
    let miss = |closeness, reason| Err(Miss::new(closeness, reason));
    if !same_name(purl, &found, own.kind) {
        if let Some(source) = package.source.as_ref().filter(|source| source.name == purl.name && !is_source)
        {
            let reason = format!(
                "`{}` is the source of `{}`, which `arch=source` would name",
                short(&source.name),
                short(&package.name)
            );
            return miss(Closeness::Name, reason);
        }
        return miss(Closeness::Nothing, format!("there is no package `{}`", name_of(purl)));
    }
    if !same_namespace(purl, &found, own.kind) {
        return miss(
            Closeness::Name,
            format!("the package is `{}`, found `{}`", name_of(purl), name_of(&found)),
        );
    }
    if !purl.version.is_empty() && !same_version(&purl.version, &own, &found) {
        return miss(
            Closeness::Version,
            format!("the purl is `{}`, found version `{}`", short(&purl.to_string()), short(&own.version)),
        );
    }
    for versions in versions.into_iter().chain(purl.qualifiers.get("vers").map(String::as_str)) {
        version_allowed(versions, &own, &found)
            .map_err(|reason| Miss::new(Closeness::Version, format!("of `{}`, {reason}", name_of(purl))))?;
    }
    for (key, value) in &purl.qualifiers {
        let has = found.qualifiers.get(key).map(String::as_str);
        let is_equal = match key.as_str() {
            "arch" if is_source => true,
            "vers" => true,
            "distro" => same_distro(value, has, os),
            "epoch" if value == "0" => has.is_none_or(|has| has == "0"),
            _ => has == Some(value.as_str()),
        };
        if !is_equal {
            let has = has.map_or("none".to_owned(), |has| format!("`{}`", short(has)));
            return miss(
                Closeness::Version,
                format!(
                    "the purl `{}` has the qualifier `{key}={}`, found {has}",
                    short(&purl.to_string()),
                    short(value)
                ),
            );
        }
    }
    if !purl.subpath.is_empty() {
        return miss(
            Closeness::Version,
            format!("the purl `{}` names a part of the package only", short(&purl.to_string())),
        );
    }
    Ok(())
}

/// Whether a version, or a range `vers:…`, holds the package's version.
fn version_allowed(versions: &str, package: &Package, found: &Purl) -> Result<(), String> {
    let is_inside = if versions.starts_with("vers:") {
        range::contains(versions, &package.version)?
    } else if versions.contains(['<', '>', '|', '*', ' ']) {
        return Err(format!("the versions `{}` are no range of the form `vers:…`", short(versions)));
    } else {
        same_version(versions, package, found)
    };
    if is_inside {
        Ok(())
    } else {
        Err(format!("the versions are `{}`, found version `{}`", short(versions), short(&package.version)))
    }
}

fn name_of(purl: &Purl) -> String {
    short(&Purl::new(&purl.kind, &purl.namespace, &purl.name, "").to_string())
}

/// Letters' case as the registries ignore it, PEP 503's name of a Python distribution.
fn same_name(one: &Purl, two: &Purl, kind: PackageKind) -> bool {
    if one.kind != two.kind {
        return false;
    }
    match (kind.ecosystem(), kind) {
        (Some(ecosystem), _) => ecosystem.normalize_name(&one.name) == ecosystem.normalize_name(&two.name),
        (None, PackageKind::Rpm) => one.name == two.name,
        (None, _) => one.name.eq_ignore_ascii_case(&two.name),
    }
}

fn same_namespace(one: &Purl, two: &Purl, kind: PackageKind) -> bool {
    if kind.is_os() {
        distribution(&one.namespace) == distribution(&two.namespace)
    } else if matches!(kind, PackageKind::Composer) {
        one.namespace.eq_ignore_ascii_case(&two.namespace)
    } else {
        one.namespace == two.namespace
    }
}

/// Publishers name their distribution in package URLs otherwise than its `os-release` does.
fn distribution(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "rhel" => "redhat".to_owned(),
        "sles" | "sled" | "sles_sap" | "sle-micro" | "sle_hpc" | "sl-micro" => "suse".to_owned(),
        "opensuse-leap" | "opensuse-tumbleweed" => "opensuse".to_owned(),
        "amzn" => "amazon".to_owned(),
        "ol" | "oraclelinux" => "oracle".to_owned(),
        _ => name,
    }
}

fn same_version(wanted: &str, package: &Package, found: &Purl) -> bool {
    let bare = |text: &str| text.strip_prefix('v').map_or_else(|| text.to_owned(), str::to_owned);
    match package.kind {
        // With its epoch, or as the package URL has it: there the epoch is a qualifier.
        PackageKind::Rpm => {
            let wanted = wanted.strip_prefix("0:").unwrap_or(wanted);
            wanted == package.version || wanted == found.version
        }
        PackageKind::Deb => wanted.strip_prefix("0:").unwrap_or(wanted) == package.version,
        PackageKind::Golang => bare(wanted) == bare(&package.version),
        _ => wanted == package.version,
    }
}

fn same_distro(wanted: &str, found: Option<&str>, os: Option<&OsRelease>) -> bool {
    let wanted = wanted.to_ascii_lowercase();
    let is_codename = os.is_some_and(|os| {
        !os.codename.is_empty() && (wanted == os.codename || wanted == format!("{}-{}", os.id, os.codename))
    });
    let is_prefix = found.is_some_and(|found| {
        found.strip_prefix(wanted.as_str()).is_some_and(|rest| {
            // `debian-12` is a release; `debian` alone is none, and stands for all of them.
            rest.is_empty() || rest.starts_with('.') || (rest.starts_with('-') && !wanted.contains('-'))
        })
    });
    is_codename || is_prefix
}

/// Whether a CPE name is that of the distribution release: `cpe:/o:redhat:enterprise_linux:8::baseos`.
///
/// Source: NIST IR 7695, CPE 2.3 naming, URI and formatted-string bindings.
pub(crate) fn cpe_names(cpe: &str, os: Option<&OsRelease>) -> Result<(), Miss> {
    let rest = cpe.strip_prefix("cpe:2.3:").or_else(|| cpe.strip_prefix("cpe:/"));
    let mut parts = rest.unwrap_or_default().split(':');
    let mut part = || parts.next().unwrap_or_default();
    let (_, vendor, product, version) = (part(), part(), part(), part());
    let id = match (vendor, product) {
        ("redhat", "enterprise_linux") => "rhel",
        ("debian", "debian_linux") => "debian",
        ("canonical", "ubuntu_linux") => "ubuntu",
        ("alpinelinux", "alpine_linux") => "alpine",
        ("almalinux", "almalinux") => "almalinux",
        ("rocky" | "resf", "rocky" | "rocky_linux") => "rocky",
        ("oracle", "linux") => "ol",
        ("suse", "sles" | "linux_enterprise_server") => "sles",
        ("opensuse", "leap") => "opensuse-leap",
        ("amazon", "amazon_linux" | "linux") => "amzn",
        _ => {
            return Err(Miss::new(
                Closeness::Nothing,
                format!("`{}` names nothing that is known here", short(cpe)),
            ));
        }
    };
    let Some(os) = os.filter(|os| os.id == id) else {
        return Err(Miss::new(
            Closeness::Nothing,
            format!("the product is `{}`, and the distribution is another", short(cpe)),
        ));
    };
    let is_release = !version.is_empty()
        && (version == "*"
            || os
                .version_id
                .strip_prefix(version)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')));
    if is_release {
        Ok(())
    } else {
        Err(Miss::new(
            Closeness::Kind,
            format!("the product is `{}`, found release `{}`", short(cpe), short(&os.version_id)),
        ))
    }
}

/// Whether a package lies in another: as a file that the other installed, as an archive in its archive, or among the
/// `node_modules` of a Node package.
///
/// Two packages that one file lists, as a lock file or a Go program does, are not in one another.
pub(crate) fn lies_in(part: &Package, whole: &Package) -> bool {
    if let Some(owner) = &part.owner
        && owner.kind == whole.kind
        && owner.name == whole.name
        && (owner.version.is_empty() || owner.version == whole.version)
    {
        return true;
    }
    let in_archive = whole.kind == PackageKind::Maven
        && !whole.path.is_empty()
        && part.path == whole.path
        && match (&part.inner_path, &whole.inner_path) {
            (Some(_), None) => true,
            (Some(part), Some(whole)) => {
                part.strip_prefix(whole.as_str()).is_some_and(|rest| rest.starts_with('/'))
            }
            (None, _) => false,
        };
    let in_modules = whole.kind == PackageKind::Npm
        && part
            .path
            .strip_prefix(whole.path.strip_suffix("package.json").unwrap_or("\0"))
            .is_some_and(|rest| rest.starts_with("node_modules/"));
    in_archive || in_modules
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{Owner, SourcePackage};

    use super::*;

    fn debian() -> OsRelease {
        OsRelease {
            id: "debian".to_owned(),
            version_id: "12.13".to_owned(),
            codename: "bookworm".to_owned(),
            ..OsRelease::default()
        }
    }

    fn libssl() -> Package {
        Package {
            architecture: Some("amd64".to_owned()),
            source: Some(SourcePackage { name: "openssl".to_owned(), version: "3.0.12-1".to_owned() }),
            ..Package::new(PackageKind::Deb, "libssl3", "3.0.12-1", "dpkg")
        }
    }

    #[track_caller]
    fn check(package: &Package, purl: &str, expected: Result<(), &str>) {
        let found = purl_names(&purl.parse().unwrap(), None, package, Some(&debian()));
        assert_eq!(found.map_err(|miss| miss.reason), expected.map_err(str::to_owned), "{purl}");
    }

    #[test]
    fn a_distribution_package_is_known_by_url() {
        let package = libssl();
        for purl in [
            "pkg:deb/debian/libssl3",
            "pkg:deb/debian/libssl3@3.0.12-1",
            "pkg:deb/debian/libssl3?arch=amd64",
            "pkg:deb/debian/libssl3?distro=debian-12",
            "pkg:deb/debian/libssl3?distro=debian-12.13",
            "pkg:deb/debian/libssl3?distro=debian",
            "pkg:deb/debian/libssl3?distro=bookworm",
            "pkg:deb/debian/openssl?arch=source",
            "pkg:deb/debian/openssl@3.0.12-1?arch=source&distro=debian-12",
            "pkg:deb/debian/libssl3?vers=vers:deb/%3E%3D3.0.0%7C%3C3.1",
        ] {
            check(&package, purl, Ok(()));
        }
        check(
            &package,
            "pkg:deb/debian/libssl3@3.0.11-1",
            Err("the purl is `pkg:deb/debian/libssl3@3.0.11-1`, found version `3.0.12-1`"),
        );
        check(
            &package,
            "pkg:deb/debian/openssl",
            Err("`openssl` is the source of `libssl3`, which `arch=source` would name"),
        );
        check(&package, "pkg:deb/debian/zlib", Err("there is no package `pkg:deb/debian/zlib`"));
        check(
            &package,
            "pkg:deb/ubuntu/libssl3",
            Err("the package is `pkg:deb/ubuntu/libssl3`, found `pkg:deb/debian/libssl3`"),
        );
        for (purl, qualifier, found) in [
            ("pkg:deb/debian/libssl3?arch=arm64", "arch=arm64", "`amd64`"),
            ("pkg:deb/debian/libssl3?distro=debian-1", "distro=debian-1", "`debian-12.13`"),
            ("pkg:deb/debian/libssl3?distro=debian-12.1", "distro=debian-12.1", "`debian-12.13`"),
            ("pkg:deb/debian/libssl3?x=y", "x=y", "none"),
        ] {
            let reason = format!("the purl `{purl}` has the qualifier `{qualifier}`, found {found}");
            check(&package, purl, Err(&reason));
        }
        assert!(
            purl_names(&"pkg:deb/debian/libssl3?vers=vers:deb/%3C3".parse().unwrap(), None, &package, None)
                .is_err()
        );
    }

    #[test]
    fn names_and_versions_are_those_of_the_ecosystem() {
        for (kind, name, version, purl) in [
            (PackageKind::PyPi, "Flask_SQLAlchemy", "3.0", "pkg:pypi/flask-sqlalchemy@3.0"),
            (PackageKind::PyPi, "Flask_SQLAlchemy", "3.0", "pkg:pypi/Flask_SQLAlchemy"),
            (PackageKind::Npm, "@babel/core", "7.0.0", "pkg:npm/%40babel/core@7.0.0"),
            (PackageKind::Golang, "golang.org/x/net", "v0.1.0", "pkg:golang/golang.org/x/net@0.1.0"),
            (PackageKind::Golang, "stdlib", "v1.21.0", "pkg:golang/stdlib@1.21.0"),
            (PackageKind::Maven, "org.a:b", "1", "pkg:maven/org.a/b@1"),
            (PackageKind::NuGet, "Newtonsoft.Json", "1.0", "pkg:nuget/newtonsoft.json@1.0"),
        ] {
            check(&Package::new(kind, name, version, "test"), purl, Ok(()));
        }
        let rhel = OsRelease { id: "rhel".to_owned(), version_id: "8.9".to_owned(), ..OsRelease::default() };
        let package = Package::new(PackageKind::Rpm, "openssl", "1:1.1.1k-9.el8", "rpm");
        for (purl, expected) in [
            ("pkg:rpm/redhat/openssl@1.1.1k-9.el8?epoch=1", true),
            ("pkg:rpm/redhat/openssl@1:1.1.1k-9.el8", true),
            ("pkg:rpm/redhat/openssl@1.1.1k-9.el8?epoch=0", false),
            ("pkg:rpm/redhat/openssl@1.1.1k-9.el8?epoch=2", false),
            ("pkg:rpm/fedora/openssl", false),
        ] {
            assert_eq!(
                purl_names(&purl.parse().unwrap(), None, &package, Some(&rhel)).is_ok(),
                expected,
                "{purl}"
            );
        }
        for (cpe, expected) in [
            ("cpe:/o:redhat:enterprise_linux:8::baseos", true),
            ("cpe:/a:redhat:enterprise_linux:8::appstream", true),
            ("cpe:2.3:o:redhat:enterprise_linux:8.9:*:*:*:*:*:*:*", true),
            ("cpe:/o:redhat:enterprise_linux:9::baseos", false),
            ("cpe:/o:redhat:rhel_eus:8.6", false),
            ("cpe:/o:redhat:enterprise_linux", false),
            ("nonsense", false),
        ] {
            assert_eq!(cpe_names(cpe, Some(&rhel)).is_ok(), expected, "{cpe}");
        }
    }

    #[test]
    fn a_version_beside_the_url_counts() {
        let package = Package::new(PackageKind::Npm, "a", "1.5.0", "test");
        let purl: Purl = "pkg:npm/a".parse().unwrap();
        for (versions, expected) in [
            ("1.5.0", true),
            ("1.5", false),
            ("vers:npm/>=1.0.0|<2.0.0", true),
            ("vers:npm/<1.5.0", false),
            ("<= 2", false),
        ] {
            assert_eq!(purl_names(&purl, Some(versions), &package, None).is_ok(), expected, "{versions}");
        }
    }

    #[test]
    fn a_package_lies_in_another() {
        let at = |kind, name: &str, path: &str, inner: Option<&str>| Package {
            path: path.to_owned(),
            inner_path: inner.map(str::to_owned),
            ..Package::new(kind, name, "1", "test")
        };
        let war = at(PackageKind::Maven, "acme:shop", "srv/shop.war", None);
        let log4j = at(PackageKind::Maven, "log4j:log4j", "srv/shop.war", Some("WEB-INF/lib/log4j.jar"));
        let app = at(PackageKind::Npm, "app", "app/package.json", None);
        let lodash = at(PackageKind::Npm, "lodash", "app/node_modules/lodash/package.json", None);
        let lock = at(PackageKind::Npm, "lodash", "app/package-lock.json", None);
        let dpkg = at(PackageKind::Deb, "python3-foo", "var/lib/dpkg/status", None);
        let foo = Package {
            owner: Some(Owner { kind: PackageKind::Deb, name: "python3-foo".into(), version: "1".into() }),
            ..at(PackageKind::PyPi, "foo", "usr/lib/python3/foo.egg-info", None)
        };
        let net = at(PackageKind::Golang, "golang.org/x/net", "app", None);
        let main = at(PackageKind::Golang, "acme.example/app", "app", None);
        for (part, whole, expected) in [
            (&log4j, &war, true),
            (&war, &log4j, false),
            (&lodash, &app, true),
            (&app, &lodash, false),
            (&lock, &app, false),
            (&foo, &dpkg, true),
            (&dpkg, &foo, false),
            (&net, &main, false),
            (&dpkg, &dpkg, false),
        ] {
            assert_eq!(lies_in(part, whole), expected, "{} in {}", part.name, whole.name);
        }
    }
}
