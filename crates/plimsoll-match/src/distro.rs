//! Which advisories speak of a distribution release: from `os-release` to OSV's namespaces.
//!
//! A derivative is never judged by its parent in silence: Raspbian, Kali or Linux Mint build some packages anew
//! under the parent's version numbers, so `ID_LIKE` is not read, and their packages become a gap.

use plimsoll_model::{Ecosystem, Namespace, OsRelease, PackageKind};

/// Where the packages of one distribution release are looked up, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Release {
    /// The one kind of package that its advisories speak of.
    pub(crate) kind: PackageKind,
    /// Never empty. Of several that one advisory names a package in, the first counts.
    pub(crate) namespaces: Vec<Namespace>,
    /// Whose names its advisories use.
    pub(crate) names: Names,
    /// What a reader must know of the choice.
    pub(crate) caveat: Option<&'static str>,
}

/// Whose names a distribution's advisories use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// Those of source packages.
    Source,
    /// Those of binary packages, or now the one and now the other: both are looked up, the binary package first.
    BinaryThenSource,
}

/// Why a release has no namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRelease {
    /// No source of advisories is known for the distribution.
    UnknownDistribution,
    /// The distribution is known, its release is not.
    UnknownRelease,
}

/// Code names under which Debian's testing and unstable images hide their release; they bear no `VERSION_ID`.
///
/// Source: Debian release notes and `debian-policy`, release names up to 14.
const DEBIAN_CODENAMES: &[(&str, &str)] = &[
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
];

/// The modules of SUSE Linux Enterprise 15 whose repositories serve base container images. The server product
/// itself holds few packages; an update names the module.
const SLE_15_MODULES: &[&str] = &[
    "Basesystem",
    "Server Applications",
    "Development Tools",
    "Python 3",
    "Web and Scripting",
    "Containers",
    "Desktop Applications",
    "Public Cloud",
    "Legacy",
];

/// What the releases of Ubuntu Pro's records begin with.
pub(crate) const PRO: &str = "Pro:";

const CENTOS_STREAM: &str = "CentOS Stream is judged by the advisories of Red Hat Enterprise Linux, whose builds \
                             may be numbered higher than Stream's with the same fix";

/// The namespaces that the advisories of a release are looked up in; empty for a distribution that Plimsoll knows
/// no advisories of, or whose release cannot be told.
///
/// `debian` `11.5` is `Debian:11`, `alpine` `3.18.4` `Alpine:v3.18`, `almalinux` `9.2` `AlmaLinux:9`.
///
/// Source: OSV schema 1.7, "Defined ecosystems", for the right side; `os-release(5)` for the left.
pub fn namespaces(os: &OsRelease) -> Vec<Namespace> {
    release(os).map(|release| release.namespaces).unwrap_or_default()
}

pub(crate) fn release(os: &OsRelease) -> Result<Release, NoRelease> {
    use Ecosystem as E;
    use Names::{BinaryThenSource, Source};
    use PackageKind::{Alpm, Apk, Deb, Rpm};

    let version = os.version_id.as_str();
    let one = |kind, names, ecosystem, release: Option<String>| {
        let release = release.filter(|release| !release.is_empty()).ok_or(NoRelease::UnknownRelease)?;
        Ok(Release { kind, namespaces: vec![Namespace::release(ecosystem, &release)], names, caveat: None })
    };
    let rolling = |kind, names, ecosystems: &[Ecosystem]| {
        let namespaces = ecosystems.iter().map(|&ecosystem| Namespace::whole(ecosystem)).collect();
        Ok(Release { kind, namespaces, names, caveat: None })
    };
    match os.id.as_str() {
        "debian" => one(Deb, Source, E::Debian, debian(os)),
        "ubuntu" => {
            let mut release = one(Deb, Source, E::Ubuntu, parts(version, 2))?;
            // Past standard support only Ubuntu Pro's records still speak of a release.
            let pro = format!("{PRO}{}", release.namespaces[0].release);
            release.namespaces.push(Namespace::release(E::Ubuntu, &pro));
            Ok(release)
        }
        "echo" => rolling(Deb, Source, &[E::Echo]),
        "alpine" => one(Apk, Source, E::Alpine, alpine(version)),
        "alpaquita" => one(Apk, Source, alpaquita_ecosystem(os), alpaquita(version)),
        id if id.starts_with("bellsoft") => one(Apk, Source, E::BellSoft, alpaquita(version)),
        "wolfi" => rolling(Apk, BinaryThenSource, &[E::Wolfi]),
        // Chainguard's images hold Wolfi's packages beside its own.
        "chainguard" => rolling(Apk, BinaryThenSource, &[E::Chainguard, E::Wolfi]),
        "minimos" => rolling(Apk, BinaryThenSource, &[E::MinimOs]),
        "almalinux" => one(Rpm, BinaryThenSource, E::AlmaLinux, parts(version, 1)),
        "rocky" => one(Rpm, BinaryThenSource, E::RockyLinux, parts(version, 1)),
        "rhel" | "redhat" | "centos" => {
            let mut release = one(Rpm, BinaryThenSource, E::RedHat, parts(version, 1))?;
            let stream = os.id == "centos" && os.pretty_name.contains("Stream");
            release.caveat = stream.then_some(CENTOS_STREAM);
            Ok(release)
        }
        "amzn" => one(Rpm, BinaryThenSource, E::AmazonLinux, amazon(version)),
        "ol" => one(Rpm, BinaryThenSource, E::OracleLinux, parts(version, 1)),
        // Arch Linux ARM and Manjaro build and release on their own.
        "arch" => rolling(Alpm, BinaryThenSource, &[E::ArchLinux]),
        "azurelinux" | "mariner" => one(Rpm, BinaryThenSource, E::AzureLinux, parts(version, 1)),
        "photon" => one(Rpm, BinaryThenSource, E::PhotonOs, parts(version, 2)),
        "mageia" => one(Rpm, BinaryThenSource, E::Mageia, parts(version, 1)),
        "openeuler" => one(Rpm, BinaryThenSource, E::OpenEuler, open_euler(os)),
        "opensuse-tumbleweed" | "opensuse-microos" => {
            one(Rpm, BinaryThenSource, E::OpenSuse, Some("Tumbleweed".to_owned()))
        }
        "opensuse-leap" | "opensuse" => one(Rpm, BinaryThenSource, E::OpenSuse, named("Leap", version)),
        "opensuse-leap-micro" => one(Rpm, BinaryThenSource, E::OpenSuse, named("Leap Micro", version)),
        "sle-micro" | "sle-micro-rancher" => {
            one(Rpm, BinaryThenSource, E::Suse, named("Linux Enterprise Micro", version))
        }
        "sl-micro" => one(Rpm, BinaryThenSource, E::Suse, named("Linux Micro", version)),
        "sles" | "sles_sap" | "sled" => suse(version),
        _ => Err(NoRelease::UnknownDistribution),
    }
}

/// The first `count` dotted numbers: `9` of `9.2`. `None` where the text does not begin with that many, or at
/// least one.
fn parts(version: &str, count: usize) -> Option<String> {
    let parts: Vec<&str> = version
        .split('.')
        .take(count)
        .take_while(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
        .collect();
    (!parts.is_empty()).then(|| parts.join("."))
}

fn named(product: &str, version: &str) -> Option<String> {
    parts(version, 2).map(|version| format!("{product} {version}"))
}

fn debian(os: &OsRelease) -> Option<String> {
    let major = parts(&os.version_id, 1);
    match major.as_deref() {
        // Until 6.0 the release had two numbers.
        Some("1" | "2" | "3" | "4" | "5" | "6") => {
            let release = parts(&os.version_id, 2)?;
            Some(if release.contains('.') { release } else { format!("{release}.0") })
        }
        Some(_) => major,
        None => {
            let release_of = |word: &str| DEBIAN_CODENAMES.iter().find(|(name, _)| *name == word);
            // `bookworm/sid` is what `debian_version` of the time between two releases says.
            [os.codename.as_str(), os.version_id.as_str()]
                .into_iter()
                .chain(os.pretty_name.split(' '))
                .find_map(|word| release_of(word.split('/').next().unwrap_or(word)))
                .map(|(_, release)| (*release).to_owned())
        }
    }
}

fn alpine(version: &str) -> Option<String> {
    // Edge numbers itself after the release to come: `3.20_alpha20240329`.
    if version == "edge" || version.contains("_alpha") {
        return Some("edge".to_owned());
    }
    let version = version.strip_prefix('v').unwrap_or(version);
    let version = version.split('_').next().unwrap_or(version);
    parts(version, 2).map(|release| format!("v{release}"))
}

fn alpaquita_ecosystem(os: &OsRelease) -> Ecosystem {
    if os.pretty_name.contains("Hardened") { Ecosystem::BellSoft } else { Ecosystem::Alpaquita }
}

fn alpaquita(version: &str) -> Option<String> {
    parts(version, 1).or_else(|| Some("stream".to_owned()))
}

/// `2` and `2023`. The first Amazon Linux numbered itself by the month, `2018.03`; its advisories have ended.
fn amazon(version: &str) -> Option<String> {
    parts(version, 1)
        .filter(|release| release == "2" || !version.contains('.') || version.starts_with("2023."))
}

/// `22.03-LTS-SP3`: the service pack stands in the pretty name alone, `openEuler 22.03 (LTS-SP3)`.
fn open_euler(os: &OsRelease) -> Option<String> {
    let version = parts(&os.version_id, 2)?;
    let pack = os.pretty_name.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    Some(match pack {
        Some((pack, _)) if !pack.is_empty() => format!("{version}-{pack}"),
        _ => version,
    })
}

fn suse(version: &str) -> Result<Release, NoRelease> {
    let numbers = parts(version, 2).ok_or(NoRelease::UnknownRelease)?;
    let (major, pack) = numbers.split_once('.').unwrap_or((&numbers, "0"));
    let old = major.parse::<u32>().is_ok_and(|major| major <= 15);
    let release = match (old, pack) {
        (true, "0") => major.to_owned(),
        (true, pack) => format!("{major} SP{pack}"),
        (false, _) => numbers.clone(),
    };
    Ok(Release {
        kind: PackageKind::Rpm,
        namespaces: of_suse(&release),
        names: Names::BinaryThenSource,
        caveat: None,
    })
}

/// The product that SUSE's releases are asked for first.
const SLE_SERVER: &str = "Linux Enterprise Server ";

/// Release `15 SP4` in its product, its modules, and its long-term support.
fn of_suse(release: &str) -> Vec<Namespace> {
    let mut names = vec![format!("{SLE_SERVER}{release}")];
    if release == "15" || release.starts_with("15 ") {
        names.extend(
            SLE_15_MODULES.iter().map(|module| format!("Linux Enterprise Module for {module} {release}")),
        );
    }
    names.push(format!("{SLE_SERVER}{release}-LTSS"));
    names.iter().map(|name| Namespace::release(Ecosystem::Suse, name)).collect()
}

/// The namespaces that a package of `first` is looked up in, in order.
pub(crate) fn asked_with(first: &Namespace) -> Vec<Namespace> {
    let ecosystem = first.ecosystem;
    let mut all = vec![first.clone()];
    match (ecosystem, first.release.as_str()) {
        (Ecosystem::Ubuntu, release) => all.push(match release.strip_prefix(PRO) {
            Some(release) => Namespace::release(ecosystem, release),
            None => Namespace::release(ecosystem, &format!("{PRO}{release}")),
        }),
        (Ecosystem::Chainguard, "") => all.push(Namespace::whole(Ecosystem::Wolfi)),
        (Ecosystem::Packagist, "") => all.push(Namespace::release(ecosystem, crate::plan::DRUPAL_REPOSITORY)),
        (Ecosystem::Suse, release) => {
            if let Some(release) = release.strip_prefix(SLE_SERVER)
                && !release.ends_with("-LTSS")
            {
                return of_suse(release);
            }
        }
        _ => {}
    }
    all
}

/// The namespaces of packages that are looked up in `namespace`, at the first place or a later one.
pub(crate) fn firsts(namespace: &Namespace) -> Vec<Namespace> {
    let ecosystem = namespace.ecosystem;
    match (ecosystem, namespace.release.as_str()) {
        (Ecosystem::Ubuntu, release) => match release.strip_prefix(PRO) {
            Some(release) => vec![namespace.clone(), Namespace::release(ecosystem, release)],
            None => vec![namespace.clone()],
        },
        (Ecosystem::Wolfi, "") => vec![namespace.clone(), Namespace::whole(Ecosystem::Chainguard)],
        (Ecosystem::Packagist, crate::plan::DRUPAL_REPOSITORY) => vec![Namespace::whole(ecosystem)],
        (Ecosystem::Suse, release) => {
            let of_module = SLE_15_MODULES.iter().find_map(|module| {
                release.strip_prefix("Linux Enterprise Module for ")?.strip_prefix(module)?.strip_prefix(' ')
            });
            let of_server = || release.strip_prefix(SLE_SERVER)?.strip_suffix("-LTSS");
            match of_module.or_else(of_server) {
                Some(release) => vec![Namespace::release(ecosystem, &format!("{SLE_SERVER}{release}"))],
                None => vec![namespace.clone()],
            }
        }
        _ => vec![namespace.clone()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(id: &str, version: &str) -> OsRelease {
        OsRelease { id: id.to_owned(), version_id: version.to_owned(), ..OsRelease::default() }
    }

    fn first(os: &OsRelease) -> String {
        match release(os) {
            Ok(release) => release.namespaces[0].to_string(),
            Err(why) => format!("{why:?}"),
        }
    }

    #[test]
    fn a_release_has_the_namespace_that_osv_gives_it() {
        for (id, version, namespace) in [
            ("debian", "11", "Debian:11"),
            ("debian", "11.5", "Debian:11"),
            ("debian", "9", "Debian:9"),
            ("debian", "6.0.10", "Debian:6.0"),
            ("debian", "3.1", "Debian:3.1"),
            ("debian", "trixie/sid", "Debian:13"),
            ("debian", "", "UnknownRelease"),
            ("ubuntu", "20.04", "Ubuntu:20.04"),
            ("ubuntu", "22.04.3", "Ubuntu:22.04"),
            ("alpine", "3.18.4", "Alpine:v3.18"),
            ("alpine", "3.9.0", "Alpine:v3.9"),
            ("alpine", "3.20_alpha20240329", "Alpine:edge"),
            ("alpine", "3.19.0_rc1", "Alpine:v3.19"),
            ("alpine", "edge", "Alpine:edge"),
            ("alpine", "", "UnknownRelease"),
            ("alpaquita", "23", "Alpaquita:23"),
            ("alpaquita", "stream", "Alpaquita:stream"),
            ("wolfi", "20230201", "Wolfi"),
            ("chainguard", "20230214", "Chainguard"),
            ("almalinux", "9.2", "AlmaLinux:9"),
            ("rocky", "9.3", "Rocky Linux:9"),
            ("rhel", "8.9", "Red Hat:8"),
            ("centos", "7", "Red Hat:7"),
            ("azurelinux", "3.0", "Azure Linux:3"),
            ("mariner", "2.0", "Azure Linux:2"),
            ("photon", "4.0", "Photon OS:4.0"),
            ("opensuse-leap", "15.5", "openSUSE:Leap 15.5"),
            ("opensuse-tumbleweed", "20240401", "openSUSE:Tumbleweed"),
            ("sles", "15.4", "SUSE:Linux Enterprise Server 15 SP4"),
            ("sles", "15", "SUSE:Linux Enterprise Server 15"),
            ("sles", "12.5", "SUSE:Linux Enterprise Server 12 SP5"),
            ("sles", "16.0", "SUSE:Linux Enterprise Server 16.0"),
            ("mageia", "9", "Mageia:9"),
            ("echo", "", "Echo"),
            ("minimos", "1", "MinimOS"),
            ("ol", "9.2", "Oracle Linux:9"),
            ("ol", "", "UnknownRelease"),
            ("amzn", "2", "Amazon Linux:2"),
            ("amzn", "2023", "Amazon Linux:2023"),
            ("amzn", "2023.6.20241010", "Amazon Linux:2023"),
            ("amzn", "2018.03", "UnknownRelease"),
            ("amzn", "2017.09", "UnknownRelease"),
            ("arch", "20240101.0.1", "Arch Linux"),
            ("arch", "", "Arch Linux"),
            ("archarm", "", "UnknownDistribution"),
            ("manjaro", "", "UnknownDistribution"),
            ("fedora", "39", "UnknownDistribution"),
            ("raspbian", "11", "UnknownDistribution"),
            ("", "", "UnknownDistribution"),
        ] {
            assert_eq!(first(&os(id, version)), namespace, "{id} {version}");
        }
    }

    #[test]
    fn an_unnumbered_debian_is_known_by_its_code_name() {
        let mut sid = os("debian", "");
        sid.codename = "trixie".to_owned();
        assert_eq!(first(&sid), "Debian:13");
        let mut sid = os("debian", "");
        sid.pretty_name = "Debian GNU/Linux forky/sid".to_owned();
        assert_eq!(first(&sid), "Debian:14");
    }

    #[test]
    fn the_service_pack_of_open_euler_stands_in_its_pretty_name() {
        let mut euler = os("openeuler", "22.03");
        assert_eq!(first(&euler), "openEuler:22.03");
        euler.pretty_name = "openEuler 22.03 (LTS-SP3)".to_owned();
        assert_eq!(first(&euler), "openEuler:22.03-LTS-SP3");
    }

    #[test]
    fn centos_stream_is_judged_with_a_caveat() {
        let mut stream = os("centos", "9");
        stream.pretty_name = "CentOS Stream 9".to_owned();
        assert!(release(&stream).unwrap().caveat.is_some());
        assert!(release(&os("centos", "8")).unwrap().caveat.is_none());
    }

    #[test]
    fn hostile_versions_name_no_release() {
        for version in ["..", "-1", "٣.١٨", "9e9", "\u{0}", &"9".repeat(5000)] {
            let _ = release(&os("alpine", version));
            let _ = release(&os("sles", version));
            let _ = release(&os("debian", version));
        }
    }
}
