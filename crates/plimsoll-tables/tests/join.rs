//! The join of `packages` with `advisories` finds what a scan finds.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use plimsoll_db::{Builder, Snapshot};
use plimsoll_match::{Options, evaluate};
use plimsoll_model::{
    Advisory, Affected, AffectedEvent, AffectedRange, AffectedStatus, Ecosystem, EventKind, Inventory,
    KevEntry, Namespace, OsRelease, Package, PackageKind, Rating, RatingScale, Scan, Severity, SourcePackage,
};
use plimsoll_store::{Location, Store};
use plimsoll_tables::{
    ScanFacts, Table, advisory_rows, append, is_affected, live_files, package_namespaces, rows,
    write_advisories,
};
use plimsoll_testkit::Folder;

/// A number that looks like any other, the same in each run.
fn mix(one: u64, two: u64) -> u64 {
    let mut x = one.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ two.wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 32)
}

fn namespaces() -> Vec<Namespace> {
    [
        "Debian:12",
        "Ubuntu:22.04",
        "Ubuntu:Pro:22.04",
        "Alpine:v3.18",
        "Red Hat:9",
        "Wolfi",
        "npm",
        "PyPI",
        "Maven",
        "Go",
    ]
    .map(|text| Namespace::parse(text).expect("a namespace"))
    .into()
}

fn version(ecosystem: Ecosystem, number: u64) -> String {
    let (major, minor) = (number / 4 % 3, number % 4);
    match ecosystem {
        Ecosystem::Debian | Ecosystem::Ubuntu | Ecosystem::RedHat => format!("{major}.{minor}-1"),
        Ecosystem::Alpine | Ecosystem::Wolfi => format!("{major}.{minor}-r0"),
        Ecosystem::Go => format!("v{major}.{minor}.0"),
        _ => format!("{major}.{minor}.0"),
    }
}

fn name(ecosystem: Ecosystem, number: u64) -> String {
    match ecosystem {
        Ecosystem::Maven => format!("org.example:name-{number}"),
        Ecosystem::Go => format!("example.org/name-{number}"),
        _ => format!("name-{number}"),
    }
}

/// What an advisory says of a name: a range, two, a list, or that it is not affected.
fn affected(namespace: &Namespace, name: String, seed: u64) -> Affected {
    let version = |number| version(namespace.ecosystem, number);
    let event = |kind, version: String| AffectedEvent { kind, version };
    let mut affected = Affected::new(namespace.clone(), name);
    let zero = || event(EventKind::Introduced, "0".to_owned());
    let at = |salt| mix(seed, salt) % 12;
    let ranges = match seed % 7 {
        0 | 1 => vec![vec![zero(), event(EventKind::Fixed, version(at(1)))]],
        2 => vec![vec![zero()]],
        3 => vec![vec![
            event(EventKind::Introduced, version(at(1))),
            event(EventKind::LastAffected, version(at(2))),
        ]],
        4 => vec![
            vec![zero(), event(EventKind::Fixed, version(at(1).min(3)))],
            vec![event(EventKind::Introduced, version(4)), event(EventKind::Fixed, version(at(2).max(5)))],
        ],
        5 => {
            affected.versions = vec![version(at(1)), version(at(2)), "one, two | <three".to_owned()];
            vec![]
        }
        _ => {
            affected.status = AffectedStatus::NotAffected;
            let narrow = vec![zero(), event(EventKind::Fixed, version(at(1)))];
            vec![if seed.is_multiple_of(2) { vec![zero()] } else { narrow }]
        }
    };
    affected.ranges = ranges.into_iter().map(|events| AffectedRange { events }).collect();
    affected
}

fn database(folder: &Folder) -> Snapshot {
    let mut builder = Builder::new();
    for (at, namespace) in (0..).zip(namespaces()) {
        for number in 0..60_u64 {
            let seed = mix(at, number);
            let cve = format!("CVE-2023-{}", 1000 + at * 100 + number / 2);
            let id = if number % 2 == 0 { cve.clone() } else { format!("X-{at}-{number}") };
            let mut advisory = Advisory {
                aliases: if number % 2 == 0 { Vec::new() } else { vec![cve] },
                id,
                source: format!("source-{}", number % 3),
                summary: format!("line {number}\nmore"),
                modified: "2024-01-02T03:04:05Z".to_owned(),
                ..Advisory::default()
            };
            advisory.ratings = vec![
                Rating { source: "a".to_owned(), scale: RatingScale::Word(Severity::High) },
                Rating { source: "b".to_owned(), scale: RatingScale::Score(75) },
            ];
            let name = name(namespace.ecosystem, seed % 9);
            advisory.affected.push(affected(&namespace, name, mix(seed, 7)));
            builder.add(advisory);
        }
    }
    builder.add_kev(KevEntry {
        id: "CVE-2023-1000".to_owned(),
        date_added: "2023-02-01".to_owned(),
        due_date: String::new(),
        ransomware: false,
        name: String::new(),
    });
    let path = folder.join("advisories.db");
    builder.write(&path).expect("a database is built");
    plimsoll_db::open(&path, None, None).expect("and opened")
}

fn inventory(id: &str, version_id: &str, kind: PackageKind, ecosystem: Ecosystem) -> Inventory {
    let mut packages = Vec::new();
    for number in 0..9 {
        for of_version in 0..12 {
            let version = version(ecosystem, of_version);
            let mut package = Package::new(kind, name(ecosystem, number), version.clone(), "test");
            if kind.is_os() && number % 3 == 0 {
                package.name = format!("lib-{}", package.name);
                package.source = Some(SourcePackage { name: name(ecosystem, number), version });
            }
            packages.push(package);
        }
        packages.push(Package::new(kind, name(ecosystem, number), "no version, | <1", "test"));
    }
    packages.sort_by(|a, b| (a.kind, &a.name, &a.version).cmp(&(b.kind, &b.name, &b.version)));
    let os = OsRelease { id: id.to_owned(), version_id: version_id.to_owned(), ..OsRelease::default() };
    Inventory { os: Some(os).filter(|os| !os.id.is_empty()), packages, ..Inventory::default() }
}

fn text<'a>(batch: &'a RecordBatch, name: &str, row: usize) -> Option<&'a str> {
    let column = batch.column_by_name(name).expect(name).as_string::<i32>();
    column.is_valid(row).then(|| column.value(row))
}

/// Flaw, ranges and advisory, under namespace and name.
type Advisories = BTreeMap<(String, String), Vec<(String, String, String)>>;

type Found = BTreeSet<(String, String, String)>;

#[test]
fn packages_joined_with_advisories_are_what_a_scan_finds() {
    let folder = Folder::new();
    let database = database(&folder);
    let mut advisories = Advisories::new();
    let mut count = 0;
    advisory_rows(&database, None, &mut |batch| {
        for row in 0..batch.num_rows() {
            let must = |name| text(batch, name, row).expect(name).to_owned();
            let place = (must("namespace"), must("advisory_name"));
            let said = (must("vulnerability_id"), must("ranges"), must("advisory_id"));
            advisories.entry(place).or_default().push(said);
            count += 1;
        }
        Ok(())
    })
    .expect("the database is whole");
    assert!(count > 500, "{count}");
    let mut findings = 0;
    for (id, version_id, kind, ecosystem) in [
        ("debian", "12", PackageKind::Deb, Ecosystem::Debian),
        ("ubuntu", "22.04", PackageKind::Deb, Ecosystem::Ubuntu),
        ("alpine", "3.18.4", PackageKind::Apk, Ecosystem::Alpine),
        ("rhel", "9.2", PackageKind::Rpm, Ecosystem::RedHat),
        ("wolfi", "20230201", PackageKind::Apk, Ecosystem::Wolfi),
        ("chainguard", "20230214", PackageKind::Apk, Ecosystem::Wolfi),
        ("", "", PackageKind::Npm, Ecosystem::Npm),
        ("", "", PackageKind::PyPi, Ecosystem::PyPi),
        ("", "", PackageKind::Maven, Ecosystem::Maven),
        ("", "", PackageKind::Golang, Ecosystem::Go),
    ] {
        let inventory = inventory(id, version_id, kind, ecosystem);
        let matches = evaluate(&inventory, &database, &Options::default()).expect("the database is whole");
        let mut scanned = Found::new();
        for finding in &matches.findings {
            for &index in &finding.packages {
                let package = &inventory.packages[index];
                scanned.insert((package.name.clone(), package.version.clone(), finding.id.clone()));
            }
        }
        let scan = Scan { inventory, ..Scan::default() };
        let facts = ScanFacts::new(&scan, 0, "", "", "");
        let packages = rows(Table::Packages, &facts, None);
        let mut joined = Found::new();
        for row in 0..packages.num_rows() {
            let cell = |name| text(&packages, name, row);
            let (Some(namespace), Some(ecosystem)) = (cell("namespace"), cell("ecosystem")) else { continue };
            let (name, version) = (cell("package_name").unwrap(), cell("package_version").unwrap());
            let mut spoken: BTreeSet<&str> = BTreeSet::new();
            for (name_there, version_there) in
                [("advisory_name", "advisory_version"), ("second_name", "second_version")]
            {
                let (Some(name_there), Some(version_there)) = (cell(name_there), cell(version_there)) else {
                    continue;
                };
                let said = advisories.get(&(namespace.to_owned(), name_there.to_owned()));
                let said: Vec<_> =
                    said.into_iter().flatten().filter(|(_, _, id)| !spoken.contains(id.as_str())).collect();
                for (flaw, ranges, id) in said {
                    spoken.insert(id);
                    if is_affected(ecosystem, version_there, ranges) == Some(true) {
                        joined.insert((name.to_owned(), version.to_owned(), flaw.clone()));
                    }
                }
            }
        }
        findings += scanned.len();
        assert_eq!(joined, scanned, "{id} {kind}");
    }
    assert!(findings > 1000, "{findings}");
}

#[test]
fn advisories_are_written_beside_packages_and_only_the_newest_count() {
    let folder = Folder::new();
    let database = database(&folder);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&Location::parse("memory:///").unwrap()).unwrap();
        let scan = Scan {
            inventory: inventory("debian", "12", PackageKind::Deb, Ecosystem::Debian),
            ..Scan::default()
        };
        append(&store, &ScanFacts::new(&scan, 0, &"0".repeat(32), "", ""), true).await.unwrap();
        let wanted = package_namespaces(&store).await.unwrap();
        assert_eq!(wanted, BTreeSet::from(["Debian:12".to_owned()]));
        let first = write_advisories(&store, &database, Some(&wanted), 1_700_000_000_000).await.unwrap();
        assert_eq!((first.files, first.deleted), (1, 0));
        let all = write_advisories(&store, &database, None, 1_700_000_001_000).await.unwrap();
        assert!(all.rows > first.rows);
        assert_eq!(all.deleted, 1);
        let live = live_files(&store, Table::Advisories).await.unwrap();
        assert_eq!(live.len(), all.files);
        let again = write_advisories(&store, &database, Some(&wanted), 1_700_100_000_000).await.unwrap();
        assert_eq!((again.rows, again.deleted), (first.rows, all.files));
        let live = live_files(&store, Table::Advisories).await.unwrap();
        let bytes = store.get(live[0].meta.location.as_ref(), 1 << 30).await.unwrap();
        let mut exploited = 0;
        for batch in plimsoll_tables::read_file(Table::Advisories, "a", bytes, None).unwrap() {
            let batch = batch.unwrap();
            assert_eq!(text(&batch, "severity", 0), Some("high"));
            assert!(text(&batch, "summary", 0).unwrap().starts_with("line "));
            assert!(!text(&batch, "summary", 0).unwrap().contains('\n'));
            let cvss = batch.column_by_name("cvss_score").unwrap().as_primitive::<Float64Type>();
            assert!((cvss.value(0) - 7.5).abs() < 1e-9);
            exploited += batch.column_by_name("is_exploited").unwrap().as_boolean().true_count();
        }
        assert_eq!(exploited, 2, "CVE-2023-1000 has two advisories");
    });
}
