//! The database through its public door: what is built is found, and damage is an error.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use plimsoll_advisory::Document;
use plimsoll_db::{Builder, Database, EVERYTHING, Error, FILE_NAME};
use plimsoll_model::{
    Advisory, AdvisoryLookup, Affected, AffectedEvent, AffectedRange, Epss, EventKind, KevEntry, Namespace,
    Rating, RatingScale, Reference, Severity, VulnerabilityScore,
};

/// A folder of its own for one test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("plimsoll-db-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("the folder for temporary files can be written");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn rating(source: &str, scale: RatingScale) -> Rating {
    Rating { source: source.to_owned(), scale }
}

/// `text` is events as in `>=0 <1.2 <=3`, ranges parted by `;`.
fn affected(namespace: &str, name: &str, text: &str) -> Affected {
    let event = |text: &str| {
        let marks = [
            (">=", EventKind::Introduced),
            ("<=", EventKind::LastAffected),
            ("<", EventKind::Fixed),
            ("limit:", EventKind::Limit),
        ];
        let (mark, kind) = marks.iter().find(|(mark, _)| text.starts_with(mark)).expect("one of the marks");
        AffectedEvent { kind: *kind, version: text[mark.len()..].to_owned() }
    };
    let range = |text: &str| AffectedRange { events: text.split_whitespace().map(event).collect() };
    let namespace = Namespace::parse(namespace).expect("a known ecosystem");
    Affected {
        ranges: text.split(';').filter(|range| !range.trim().is_empty()).map(range).collect(),
        ..Affected::new(namespace, name.to_owned())
    }
}

fn advisory(id: &str, affected: Vec<Affected>) -> Advisory {
    Advisory {
        id: id.to_owned(),
        modified: "2024-05-06T07:08:09Z".to_owned(),
        summary: format!("summary of {id}"),
        affected,
        ..Advisory::default()
    }
}

fn full() -> Advisory {
    let mut listed = affected("npm", "@scope/name", ">=0 <1.2 >=2 <=2.5; >=3 limit:*");
    listed.versions = vec!["1.0".to_owned(), "1.1".to_owned()];
    listed.ratings =
        vec![rating("ghsa", RatingScale::Score(98)), rating("ghsa", RatingScale::Cvss("AV:N".into()))];
    Advisory {
        aliases: vec!["CVE-2024-1".to_owned()],
        upstream: vec!["CVE-2024-2".to_owned()],
        related: vec!["CVE-2024-3".to_owned()],
        details: "Markdown *text*\n".repeat(2000),
        published: "2024-01-01T00:00:00Z".to_owned(),
        references: vec![Reference { kind: "WEB".into(), url: "https://example.org/".into() }],
        ratings: vec![rating("ghsa", RatingScale::Word(Severity::High))],
        cwes: vec!["CWE-79".to_owned()],
        informational: Some("unmaintained".to_owned()),
        ..advisory("GHSA-1", vec![listed])
    }
}

fn kev(id: &str) -> KevEntry {
    KevEntry {
        id: id.to_owned(),
        date_added: "2024-02-03".to_owned(),
        due_date: "2024-03-04".to_owned(),
        ransomware: true,
        name: "Bad Thing".to_owned(),
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.add(full());
    let mut erratum = advisory("ALSA-2024:1", vec![affected("AlmaLinux:8", "kernel", ">=0 <4.18")]);
    erratum.related = vec!["CVE-2024-1".to_owned(), "ALSA-2024:2".to_owned()];
    builder.add(erratum);
    let mut dsa = advisory(
        "DSA-1-1",
        vec![affected("Debian:11", "curl", ">=0 <7.74"), affected("Debian:10", "curl", ">=0 <7.64")],
    );
    dsa.upstream = vec!["CVE-2024-1".to_owned()];
    builder.add(dsa);
    for number in 0..50 {
        builder.add(advisory(
            &format!("PYSEC-{number}"),
            vec![affected("PyPI", "flask", &format!(">=0 <{number}"))],
        ));
    }
    builder.add_kev(kev("CVE-2024-1"));
    builder.add_kev(kev("CVE-2024-9"));
    builder.add_score(&VulnerabilityScore {
        id: "CVE-2024-1".into(),
        rating: rating("nvd", RatingScale::Cvss("CVSS:3.1/AV:N".into())),
    });
    builder.add_score(&VulnerabilityScore {
        id: "CVE-2024-1".into(),
        rating: rating("cve", RatingScale::Score(50)),
    });
    let epss = Epss { probability: 97_565, percentile: 100_000 };
    builder.add_document(Document::Epss { id: "CVE-2024-1".to_owned(), epss });
    builder
}

fn namespace(text: &str) -> Namespace {
    Namespace::parse(text).expect("a known ecosystem")
}

#[test]
fn what_is_added_is_found() {
    let database = Database::from_bytes(builder().to_bytes().unwrap()).unwrap();
    database.verify().unwrap();

    let found = database.candidates(&namespace("npm"), "@scope/name").unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!([found[0].affected.clone()], *full().affected);
    assert_eq!(database.document(found[0].advisory).unwrap(), Advisory { affected: vec![], ..full() });

    let flask = database.candidates(&namespace("PyPI"), "flask").unwrap();
    assert_eq!(flask.len(), 50);
    for candidate in &flask {
        let id = database.advisory(candidate.advisory).unwrap().id;
        assert_eq!(format!("PYSEC-{}", candidate.affected.ranges[0].events[1].version), id);
    }
    for (space, name) in
        [("PyPI", "Flask"), ("npm", "flask"), ("Debian:12", "curl"), ("Debian", "curl"), ("PyPI", "")]
    {
        assert_eq!(database.candidates(&namespace(space), name).unwrap(), [], "{space} {name}");
    }
    let curl = database.candidates(&namespace("Debian:10"), "curl").unwrap();
    assert_eq!(curl[0].affected, affected("Debian:10", "curl", ">=0 <7.64"));

    assert!(database.covers(&namespace("Debian:11")) && !database.covers(&namespace("Debian:12")));
    let expected = ["AlmaLinux:8", "Debian:10", "Debian:11", "PyPI", "npm"];
    let mut namespaces: Vec<String> = database.namespaces().map(ToString::to_string).collect();
    namespaces.sort();
    assert_eq!(namespaces, expected);
}

#[test]
fn a_flaw_is_found_under_each_of_its_names() {
    let database = Database::from_bytes(builder().to_bytes().unwrap()).unwrap();
    let ids = |name: &str| -> Vec<String> {
        let numbers = database.known(name).unwrap().advisories;
        numbers.into_iter().map(|number| database.advisory(number).unwrap().id).collect()
    };
    assert_eq!(ids("CVE-2024-1"), ["ALSA-2024:1", "DSA-1-1", "GHSA-1"]);
    assert_eq!(ids("CVE-2024-2"), ["GHSA-1"]);
    assert_eq!(ids("CVE-2024-3"), [""; 0], "`related` of GHSA is not the same flaw");
    assert_eq!(ids("PYSEC-7"), ["PYSEC-7"]);
    assert_eq!(ids("CVE-2024-9"), [""; 0]);
    assert_eq!(ids(""), [""; 0]);

    let scores = database.known("CVE-2024-1").unwrap().scores;
    assert_eq!(
        scores,
        [rating("cve", RatingScale::Score(50)), rating("nvd", RatingScale::Cvss("CVSS:3.1/AV:N".into()))]
    );
    assert_eq!(database.known("CVE-2024-9").unwrap().scores, []);
    assert_eq!(database.known("CVE-2024-1").unwrap().kev, Some(kev("CVE-2024-1")));
    assert_eq!(database.known("CVE-2024-2").unwrap().kev, None);
    assert_eq!(database.known("CVE-2024-1").unwrap().epss.map(|epss| epss.probability), Some(97_565));
    assert_eq!(database.known("CVE-2024-9").unwrap().epss, None);
    assert_eq!(database.known("CVE-2024-9").unwrap().kev, Some(kev("CVE-2024-9")));
}

#[test]
fn entries_decode_without_allocation() {
    let database = Database::from_bytes(builder().to_bytes().unwrap()).unwrap();
    let mut entries = database.entries(&namespace("npm"), "@scope/name").unwrap();
    assert_eq!(entries.count_left(), 1);
    let events = entries.next().unwrap().unwrap().events().unwrap();
    let events: Vec<_> =
        events.map(|e| e.map(|e| (e.range, e.event.kind, e.event.version)).unwrap()).collect();
    assert_eq!(
        events,
        [
            (0, EventKind::Introduced, "0"),
            (0, EventKind::Fixed, "1.2"),
            (0, EventKind::Introduced, "2"),
            (0, EventKind::LastAffected, "2.5"),
            (1, EventKind::Introduced, "3"),
            (1, EventKind::Limit, "*"),
        ]
    );
    let mut seen = Vec::new();
    database
        .each_package(|namespace, name, entries| {
            seen.push(format!("{namespace} {name} {}", entries.count()));
            true
        })
        .unwrap();
    assert_eq!(
        seen,
        [
            "AlmaLinux:8 kernel 1",
            "Debian:10 curl 1",
            "Debian:11 curl 1",
            "PyPI flask 50",
            "npm @scope/name 1"
        ]
    );
}

#[test]
fn the_file_says_what_it_holds() {
    let database = Database::from_bytes(builder().to_bytes().unwrap()).unwrap();
    let info = database.info().unwrap();
    expect_test::expect![[r#"
        advisories: 53 of 5 packages in 4 ecosystems, newest 2024-05-06T07:08:09Z
        known exploited vulnerabilities: 2, newest 2024-02-03
        scored: 1 CVEs
        with a probability of exploitation: 1 CVEs
          AlmaLinux: 1 advisories, 1 packages, newest 2024-05-06T07:08:09Z
          Debian: 1 advisories, 2 packages, newest 2024-05-06T07:08:09Z
          PyPI: 50 advisories, 1 packages, newest 2024-05-06T07:08:09Z
          npm: 1 advisories, 1 packages, newest 2024-05-06T07:08:09Z
    "#]]
    .assert_eq(&info.to_string());
    assert_eq!((info.entries, info.ids), (54, 56));
    assert_eq!(info.databases["almalinux"], 1);
    assert_eq!(info.namespaces["Debian:10"], 1);
    let short = database.database_info().unwrap();
    assert_eq!((short.advisories, short.newest_advisory.as_str()), (53, "2024-05-06T07:08:09Z"));
    assert!(short.digest.starts_with("sha256:") && short.digest.len() == 71);
}

#[test]
fn the_newest_record_counts_whatever_the_order() {
    let at = |modified: &str, name: &str| {
        let mut record = advisory("GHSA-1", vec![affected("npm", name, ">=0")]);
        record.modified = modified.to_owned();
        record
    };
    let records = [
        at("2024-01-01T00:00:00Z", "old"),
        at("2024-01-01T00:00:00.5Z", "new"),
        at("2024-01-01T00:00:00.5Z", "mew"),
        at("", "unknown"),
    ];
    let build = |order: &[usize], withdrawn: Option<&str>| {
        let mut builder = Builder::new();
        if let Some(modified) = withdrawn {
            builder.withdraw("", "GHSA-1", modified);
        }
        for &index in order {
            builder.add(records[index].clone());
        }
        builder.to_bytes().unwrap()
    };
    let expected = build(&[1], None);
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
        assert_eq!(build(&order, None), expected, "{order:?}");
        assert_eq!(build(&order, Some("2023-01-01T00:00:00Z")), expected, "withdrawn before");
        assert_eq!(build(&order, Some("2024-01-01T00:00:00.5Z")), build(&[], None), "withdrawn at last");
    }
}

#[test]
fn the_same_records_give_the_same_bytes() {
    let names: Vec<String> = (0..200).map(|n| format!("p{}", n % 37)).collect();
    let records: Vec<Advisory> = names
        .iter()
        .enumerate()
        .map(|(n, name)| {
            let mut record = advisory(
                &format!("GO-{n}"),
                vec![affected("Go", name, ">=0 <2"), affected("npm", "x", ">=0")],
            );
            record.aliases = vec![format!("CVE-{}", n % 50)];
            record.affected[0].versions = vec![format!("1.{n}"), "1.0".to_owned()];
            record
        })
        .collect();
    let build = |records: &mut dyn Iterator<Item = &Advisory>| {
        let mut builder = Builder::new();
        records.for_each(|record| builder.add(record.clone()));
        builder.to_bytes().unwrap()
    };
    let forward = build(&mut records.iter());
    assert_eq!(forward, build(&mut records.iter().rev()));
    assert_eq!(forward, build(&mut records.iter().chain(records.iter())));
    let database = Database::from_bytes(forward).unwrap();
    assert_eq!(database.candidates(&namespace("npm"), "x").unwrap().len(), 200);
}

#[test]
fn an_empty_database_answers_nothing() {
    let database = Database::from_bytes(Builder::new().to_bytes().unwrap()).unwrap();
    database.verify().unwrap();
    assert_eq!(database.candidates(&namespace("npm"), "x").unwrap(), []);
    assert!(database.known("CVE-1").unwrap().advisories.is_empty());
    assert!(database.advisory(0).is_err());
    assert_eq!(database.info().unwrap().advisories, 0);
}

/// Asks everything there is; what comes of it does not matter as long as it comes.
fn ask_everything(database: &Database) {
    for (space, name) in
        [("npm", "@scope/name"), ("PyPI", "flask"), ("Debian:10", "curl"), ("AlmaLinux:8", "kernel")]
    {
        let space = namespace(space);
        database.candidates(&space, name).ok();
        for entry in database.entries(&space, name).into_iter().flatten().flatten() {
            entry.events().into_iter().flatten().for_each(drop);
        }
    }
    for number in [0, 1, 2, 3, 30, 52, 53, u32::MAX] {
        database.document(number).ok();
    }
    for id in ["CVE-2024-1", "CVE-2024-2", "CVE-2024-9", "PYSEC-7"] {
        database.known(id).ok();
    }
    for block in database.blocks().flatten() {
        database.records(&block).ok();
    }
    database
        .each_package(|_, _, entries| {
            entries.for_each(drop);
            true
        })
        .ok();
    database.info().ok();
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let whole = builder().to_bytes().unwrap();
    for end in 0..whole.len() {
        assert!(Database::from_bytes(whole[..end].to_vec()).is_err(), "{end}");
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert!(Database::from_bytes(longer).is_err());
    for index in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[index] ^= [0x01, 0x80, 0xff][index % 3];
        if let Ok(database) = Database::from_bytes(bytes) {
            assert!(database.verify().is_err(), "byte {index}");
            ask_everything(&database);
        }
    }
}

#[test]
fn a_folder_becomes_a_store_and_all_else_a_file() {
    let folder = Folder::new();
    let file = folder.0.join(FILE_NAME);
    let report = builder().write(&file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().len(), report.size_bytes);
    for path in [&folder.0, &file] {
        let database = Database::open(path).unwrap();
        database.verify().unwrap();
        assert_eq!(database.digest().to_string(), report.digest);
        assert_eq!((database.path(), database.name()), (&*file, EVERYTHING));
        assert_eq!(plimsoll_db::open(path, None, None).unwrap().digest().to_string(), report.digest);
    }
    // Who has the old file open keeps it.
    let old = Database::open(&file).unwrap();
    Builder::new().write(&file).unwrap();
    assert_eq!(old.candidates(&namespace("PyPI"), "flask").unwrap().len(), 50);
    assert_eq!(Database::open(&file).unwrap().info().unwrap().advisories, 0);

    let named = folder.0.join("c/own.db");
    builder().write(&named).unwrap();
    assert!(Database::open(&named).is_ok());
    let left: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "no temporary file stays: {left:?}");

    let store = folder.0.join("a/b/");
    let report = builder().write(&store).unwrap();
    let snapshot = plimsoll_db::open(&store, None, None).unwrap();
    assert_eq!(snapshot.digest().to_string(), report.digest);
    assert_eq!(snapshot.candidates(&namespace("PyPI"), "flask").unwrap().len(), 50);
    assert_eq!(snapshot.known("CVE-2024-9").unwrap().kev, Some(kev("CVE-2024-9")));
    assert_eq!(snapshot.known("CVE-2024-1").unwrap().scores.len(), 2);
    assert_eq!((report.info.advisories, report.info.kev_entries, report.info.scored), (53, 2, 1));
    // A second build into it holds what it was given and nothing else.
    Builder::new().write(&store).unwrap();
    assert!(!plimsoll_db::open(&store, None, None).unwrap().covers(&namespace("PyPI")));
}

#[test]
fn what_is_no_database_is_told_by_name() {
    let folder = Folder::new();
    let path = folder.0.join("x.db");
    let error = Database::open(&path).unwrap_err();
    let shown = path.display();
    assert_eq!(
        error.to_string(),
        format!("cannot open advisory database `{shown}`: expected a readable file")
    );
    assert!(error.hint().unwrap().contains("plimsoll db build"));

    let whole = builder().to_bytes().unwrap();
    let mut newer = whole.clone();
    newer[8] = 9;
    for (bytes, expected) in [
        (
            &b""[..],
            "cannot open advisory database `PATH`: expected `PLIMSOLL` at its start, found an empty file",
        ),
        (
            b"PK\x03\x04....",
            r"cannot open advisory database `PATH`: expected `PLIMSOLL` at its start, found `PK\x03\x04....`",
        ),
        (&newer, "cannot open advisory database `PATH`: expected format 4, found format 9"),
        (&whole[..100], "cannot read advisory database `PATH`: expected SIZE bytes, found 100"),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = Database::open(&path).unwrap_err();
        let expected = expected.replace("PATH", &shown.to_string()).replace("SIZE", &whole.len().to_string());
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().is_some());
    }
    assert!(matches!(builder().write(&path.join("below")), Err(Error::Write { .. })));
}

#[test]
fn a_build_reads_its_sources() {
    let folder = Folder::new();
    let record = |id: &str, space: &str| {
        format!(
            r#"{{"id": "{id}", "affected": [{{"package": {{"ecosystem": "{space}", "name": "a"}}, "versions": ["1"]}}]}}"#
        )
    };
    fs::write(folder.0.join("1.json"), record("GHSA-1", "npm")).unwrap();
    fs::write(folder.0.join("2.json"), record("OSV-1", "Plan 9")).unwrap();
    fs::write(folder.0.join("3.json"), "{").unwrap();
    fs::write(folder.0.join("kev.json"), r#"{"vulnerabilities": [{"cveID": "CVE-1"}]}"#).unwrap();
    let build = |paths: &[PathBuf], name: &str| {
        let mut builder = Builder::new();
        builder.read(paths).unwrap();
        builder.write(&folder.0.join(name)).unwrap()
    };
    let report = build(std::slice::from_ref(&folder.0), "out/a.db");
    assert_eq!((report.info.advisories, report.read.failed, report.info.kev_entries), (1, 1, 1));
    let files: Vec<PathBuf> = ["kev.json", "2.json", "1.json", "2.json"].map(|n| folder.0.join(n)).into();
    assert_eq!(build(&files, "out/b.db").digest, report.digest, "the order of the paths is nothing");
    expect_test::expect![[r"
        records: 3 read, 1 failed
        advisories: 1 of 1 packages in 1 ecosystems, newest unknown
        known exploited vulnerabilities: 1, newest 
        scored: 0 CVEs
          npm: 1 advisories, 1 packages, newest 
        left out: 1 packages of ecosystem `Plan 9`, which is not known
        left out: 1 records and rows that cannot be read
        left out: 1 records without a package that can be looked up
    "]]
    .assert_eq(report.to_string().split_once("bytes\n").unwrap().1);
    assert!(matches!(Builder::new().read(&[folder.0.join("none")]), Err(Error::Source(_))));
}
