//! Findings and packages grouped as Trivy's reports group them: the operating system, then one target a language, or
//! a file for what is linked into one.

use plimsoll_model::{Finding, Inventory, OsRelease, Package, PackageKind, Scan};

/// One entry of `Results[]`, one section of the table.
#[derive(Debug)]
pub(crate) struct Target {
    /// `registry.example/app:1.2 (debian 11)`, `Python`, `usr/bin/app`.
    pub(crate) name: String,
    /// Whether these are the distribution's packages.
    pub(crate) is_os: bool,
    /// `debian`, `python-pkg`, `gobinary`.
    pub(crate) report_type: String,
    /// For people: `Python`, `Go`; the distribution's name for OS packages.
    pub(crate) label: String,
    /// Indexes into the inventory's packages.
    pub(crate) packages: Vec<usize>,
    /// Indexes into the scan's findings.
    pub(crate) findings: Vec<usize>,
    /// Indexes into the scan's suppressed findings.
    pub(crate) suppressed: Vec<usize>,
}

/// The targets of a scan, the operating system first, then by kind and name.
///
/// A finding stands under the target of the first place its package is at, so that each is listed once.
pub(crate) fn of_scan(scan: &Scan) -> Vec<Target> {
    let (mut targets, of_package) = group(&scan.inventory);
    let target_of =
        |finding: &Finding| finding.packages.first().and_then(|&package| of_package.get(package)).copied();
    for (index, finding) in scan.findings.iter().enumerate() {
        if let Some(target) = target_of(finding) {
            targets[target].findings.push(index);
        }
    }
    for (index, suppressed) in scan.suppressed.iter().enumerate() {
        if let Some(target) = target_of(&suppressed.finding) {
            targets[target].suppressed.push(index);
        }
    }
    targets
}

fn group(inventory: &Inventory) -> (Vec<Target>, Vec<usize>) {
    let mut keys: Vec<(Option<PackageKind>, &str)> = inventory.packages.iter().map(key).collect();
    let of_packages = keys.clone();
    if inventory.os.is_some() {
        keys.push((None, ""));
    }
    keys.sort_unstable();
    keys.dedup();
    let mut targets: Vec<Target> = keys.iter().map(|&(kind, path)| target(inventory, kind, path)).collect();
    let mut of_package = Vec::with_capacity(of_packages.len());
    for (index, key) in of_packages.iter().enumerate() {
        let target = keys.binary_search(key).expect("every key of a package is in the list");
        if let Some(lock_type) = lock_type(&inventory.packages[index].cataloger) {
            lock_type.clone_into(&mut targets[target].report_type);
        }
        targets[target].packages.push(index);
        of_package.push(target);
    }
    (targets, of_package)
}

/// `None` for the operating system; the path only where each file is a target of its own.
fn key(package: &Package) -> (Option<PackageKind>, &str) {
    if package.kind.is_os() {
        (None, "")
    } else if aggregates(package.kind) && lock_type(&package.cataloger).is_none() {
        (Some(package.kind), "")
    } else {
        (Some(package.kind), &package.path)
    }
}

/// Kinds whose packages each have a file of their own: one target for all of them.
fn aggregates(kind: PackageKind) -> bool {
    matches!(kind, PackageKind::Gem | PackageKind::Maven | PackageKind::Npm | PackageKind::PyPi)
}

/// The types of what lock files list: the cataloger that reads them, the type, and the kind of their packages.
///
/// Source: Trivy, `LangType` constants of its analysis types.
const LOCK_TYPES: &[(&str, &str, PackageKind)] = &[
    ("npm-lock", "npm", PackageKind::Npm),
    ("yarn-lock", "yarn", PackageKind::Npm),
    ("pnpm-lock", "pnpm", PackageKind::Npm),
    ("pip-requirements", "pip", PackageKind::PyPi),
    ("pipfile-lock", "pipenv", PackageKind::PyPi),
    ("poetry-lock", "poetry", PackageKind::PyPi),
    ("uv-lock", "uv", PackageKind::PyPi),
    ("pdm-lock", "pdm", PackageKind::PyPi),
    ("pylock", "pylock", PackageKind::PyPi),
    ("cargo-lock", "cargo", PackageKind::Cargo),
    ("go-mod", "gomod", PackageKind::Golang),
    ("maven-pom", "pom", PackageKind::Maven),
    ("gradle-lock", "gradle", PackageKind::Maven),
    ("gemfile-lock", "bundler", PackageKind::Gem),
    ("composer-lock", "composer", PackageKind::Composer),
    ("nuget-lock", "nuget", PackageKind::NuGet),
    ("mix-lock", "hex", PackageKind::Hex),
    ("pubspec-lock", "pub", PackageKind::Pub),
    ("swift-resolved", "swift", PackageKind::Swift),
];

/// The type of what a lock file lists, by the cataloger that read it; `None` for what is installed.
fn lock_type(cataloger: &str) -> Option<&'static str> {
    LOCK_TYPES.iter().find(|(name, ..)| *name == cataloger).map(|(_, lock_type, _)| *lock_type)
}

/// The cataloger of a lock file, by its type: undoes [`lock_type`].
pub(crate) fn lock_cataloger(report_type: &str) -> Option<&'static str> {
    LOCK_TYPES.iter().find(|(_, lock_type, _)| *lock_type == report_type).map(|(cataloger, ..)| *cataloger)
}

/// The kind of the packages of a target, by its type, for packages without a package URL.
pub(crate) fn kind_of_report_type(report_type: &str, is_os: bool) -> Option<PackageKind> {
    if is_os {
        return Some(match report_type {
            "debian" | "ubuntu" => PackageKind::Deb,
            "alpine" | "chainguard" | "minimos" | "wolfi" => PackageKind::Apk,
            "arch" => PackageKind::Alpm,
            _ => PackageKind::Rpm,
        });
    }
    let lock = LOCK_TYPES.iter().find(|(_, lock_type, _)| *lock_type == report_type).map(|(.., kind)| *kind);
    let installed = PackageKind::ALL.iter().copied().find(|kind| kind.report_type() == report_type);
    lock.or(installed.filter(|kind| !kind.is_os()))
}

fn target(inventory: &Inventory, kind: Option<PackageKind>, path: &str) -> Target {
    let artifact = &inventory.artifact.name;
    let (name, report_type, label) = match (kind, &inventory.os) {
        (Some(kind), _) => {
            let label = label(kind);
            let name = if path.is_empty() { label } else { path };
            (name.to_owned(), kind.report_type().to_owned(), label.to_owned())
        }
        (None, Some(os)) => {
            let family = family(os);
            let release = format!("{family} {}", os.version_id);
            (format!("{artifact} ({})", release.trim_end()), family.to_owned(), family.to_owned())
        }
        (None, None) => {
            let kind = inventory.packages.iter().find(|package| package.kind.is_os());
            let kind = kind.map_or("", |package| package.kind.purl_type());
            (format!("{artifact} (unknown distribution)"), kind.to_owned(), kind.to_owned())
        }
    };
    Target {
        name,
        is_os: kind.is_none(),
        report_type,
        label,
        packages: Vec::new(),
        findings: Vec::new(),
        suppressed: Vec::new(),
    }
}

fn label(kind: PackageKind) -> &'static str {
    match kind {
        PackageKind::Alpm | PackageKind::Apk | PackageKind::Deb | PackageKind::Rpm => "OS packages",
        PackageKind::Bitnami => "Bitnami",
        PackageKind::Cargo => "Rust",
        PackageKind::Composer => "PHP",
        PackageKind::Gem => "Ruby",
        PackageKind::Golang => "Go",
        PackageKind::Hex => "Erlang and Elixir",
        PackageKind::Maven => "Java",
        PackageKind::Npm => "Node.js",
        PackageKind::NuGet => ".NET",
        PackageKind::Pub => "Dart",
        PackageKind::PyPi => "Python",
        PackageKind::Swift => "Swift",
    }
}

/// Trivy's names of the distributions whose `ID` in os-release is another.
const FAMILIES: &[(&str, &str)] = &[
    ("almalinux", "alma"),
    ("amzn", "amazon"),
    ("mariner", "cbl-mariner"),
    ("ol", "oracle"),
    ("rhel", "redhat"),
    ("sle-micro", "slem"),
    ("sl-micro", "slem"),
    ("fedora-coreos", "coreos"),
];

/// The distribution under Trivy's name: `alma` for `almalinux`, `redhat` for `rhel`.
///
/// Source: Trivy, `OSType` constants of its analysis types.
pub(crate) fn family(os: &OsRelease) -> &str {
    FAMILIES.iter().find(|(id, _)| *id == os.id).map_or(os.id.as_str(), |(_, family)| family)
}

/// The `ID` of os-release of a distribution under Trivy's name: undoes [`family`].
pub(crate) fn os_id(family: &str) -> &str {
    FAMILIES.iter().find(|(_, name)| *name == family).map_or(family, |(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_lock_file_is_a_target_of_its_own_type() {
        let mut inventory = Inventory::default();
        for (cataloger, path) in [
            ("npm-lock", "a/package-lock.json"),
            ("yarn-lock", "b/yarn.lock"),
            ("node-package", "node_modules/x/package.json"),
        ] {
            let mut package = Package::new(PackageKind::Npm, "x", "1.0.0", cataloger);
            package.path = path.to_owned();
            inventory.packages.push(package);
        }
        let (targets, _) = group(&inventory);
        let found: Vec<_> =
            targets.iter().map(|target| (target.name.as_str(), target.report_type.as_str())).collect();
        assert_eq!(found, [("Node.js", "node-pkg"), ("a/package-lock.json", "npm"), ("b/yarn.lock", "yarn")]);
    }

    #[test]
    fn the_operating_system_comes_first_and_binaries_stand_alone() {
        let targets = of_scan(&sample::scan());
        let names: Vec<_> =
            targets.iter().map(|t| (t.name.as_str(), t.report_type.as_str(), t.packages.len())).collect();
        assert_eq!(
            names,
            [
                ("registry.example/app:1.2 (debian 11)", "debian", 4),
                ("usr/bin/agent", "gobinary", 2),
                ("usr/bin/app", "gobinary", 1),
                ("Java", "jar", 1),
                ("Node.js", "node-pkg", 3),
                ("Python", "python-pkg", 2),
            ]
        );
        let listed: usize = targets.iter().map(|target| target.findings.len()).sum();
        assert_eq!(listed, sample::scan().findings.len());
    }

    #[test]
    fn an_operating_system_without_packages_is_a_target() {
        let mut scan = sample::scan();
        scan.inventory.packages.clear();
        scan.findings.clear();
        assert_eq!(of_scan(&scan).len(), 1);
        scan.inventory.os = None;
        assert!(of_scan(&scan).is_empty());
    }

    #[test]
    fn family_names_go_there_and_back() {
        for (id, name) in
            [("almalinux", "alma"), ("rhel", "redhat"), ("debian", "debian"), ("amzn", "amazon")]
        {
            let os = OsRelease { id: id.to_owned(), ..OsRelease::default() };
            assert_eq!(family(&os), name);
            assert_eq!(os_id(name), id);
        }
    }
}
