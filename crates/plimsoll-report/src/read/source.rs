//! Source packages, in the forms that producers have for them.

use plimsoll_model::{Package, PackageKind, SourcePackage};

/// Syft's `upstream` qualifier: `openssl`, `openssl@1.1.1n-0`, or a file, `openssl-3.0.7-24.el9.src.rpm`.
pub(super) fn from_upstream(package: &Package, upstream: &str) -> Option<SourcePackage> {
    if package.kind == PackageKind::Rpm
        && let Some(source) = from_source_rpm(package, upstream)
    {
        return differing(package, source);
    }
    let (name, version) = upstream.rsplit_once('@').unwrap_or((upstream, &package.version));
    differing(package, SourcePackage { name: name.to_owned(), version: version.to_owned() })
}

/// RPM's `SOURCERPM`: the version and release of the file, with the epoch of the binary package, since the file name
/// has none.
pub(super) fn from_source_rpm(package: &Package, file: &str) -> Option<SourcePackage> {
    let stem = file.strip_suffix(".rpm")?;
    let stem = stem.strip_suffix(".src").or_else(|| stem.strip_suffix(".nosrc"))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    if name.is_empty() || version.is_empty() || release.is_empty() {
        return None;
    }
    let version = match package.version.split_once(':') {
        Some((epoch, _)) => format!("{epoch}:{version}-{release}"),
        None => format!("{version}-{release}"),
    };
    Some(SourcePackage { name: name.to_owned(), version })
}

/// Trivy's SPDX: `built package from: openssl 1.1.1n-0+deb11u3`.
pub(super) fn from_source_info(package: &Package, text: &str) -> Option<SourcePackage> {
    let rest = text.strip_prefix("built package from: ")?;
    let (name, version) = rest.trim().split_once(' ').unwrap_or((rest.trim(), &package.version));
    differing(package, SourcePackage { name: name.to_owned(), version: version.trim().to_owned() })
}

/// The source where it is another than the package itself: the model leaves it out otherwise.
pub(super) fn differing(package: &Package, source: SourcePackage) -> Option<SourcePackage> {
    let same = source.name == package.name && source.version == package.version;
    (!same && !source.name.is_empty()).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(kind: PackageKind, name: &str, version: &str, upstream: &str) -> Option<(String, String)> {
        let package = Package::new(kind, name, version, "test");
        from_upstream(&package, upstream).map(|source| (source.name, source.version))
    }

    #[test]
    fn upstream_is_a_name_a_name_and_version_or_a_file() {
        let pair = |name: &str, version: &str| Some((name.to_owned(), version.to_owned()));
        let deb = PackageKind::Deb;
        let rpm = PackageKind::Rpm;
        assert_eq!(source(deb, "libssl3", "3.0-1", "openssl"), pair("openssl", "3.0-1"));
        assert_eq!(source(deb, "libssl3", "3.0-1+b1", "openssl@3.0-1"), pair("openssl", "3.0-1"));
        assert_eq!(source(deb, "openssl", "3.0-1", "openssl"), None);
        assert_eq!(source(deb, "openssl", "3.0-1", ""), None);
        let file = "audit-3.0.7-104.el9.src.rpm";
        assert_eq!(source(rpm, "audit-libs", "3.0.7-104.el9", file), pair("audit", "3.0.7-104.el9"));
        assert_eq!(source(rpm, "audit-libs", "2:3.0.7-104.el9", file), pair("audit", "2:3.0.7-104.el9"));
        for odd in ["-1-1.src.rpm", ".src.rpm", "a.src.rpm", "a-1.src.rpm"] {
            assert_eq!(source(rpm, "x", "1-1", odd), pair(odd, "1-1"));
        }
    }

    #[test]
    fn trivys_sentence_is_read() {
        let package = Package::new(PackageKind::Deb, "libssl1.1", "1.1.1n-0+deb11u3", "test");
        let source = from_source_info(&package, "built package from: openssl 1.1.1n-0+deb11u3").unwrap();
        assert_eq!((source.name.as_str(), source.version.as_str()), ("openssl", "1.1.1n-0+deb11u3"));
        assert_eq!(from_source_info(&package, "acquired package info from DPKG DB: /x"), None);
    }
}
