use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, RecordBatch};
use plimsoll_model::{
    ArtifactKind, Finding, FixState, Inventory, KevEntry, OsRelease, Package, PackageKind, Rating, Scan,
    SeverityChoice, SeveritySource, Suppressed, SuppressionKind,
};

use super::*;

fn text<'a>(batch: &'a RecordBatch, name: &str, row: usize) -> Option<&'a str> {
    let column = batch.column_by_name(name).unwrap().as_string::<i32>();
    column.is_valid(row).then(|| column.value(row))
}

fn long(batch: &RecordBatch, name: &str) -> i64 {
    batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().value(0)
}

fn scan() -> Scan {
    let mut scan = Scan::default();
    scan.inventory.os =
        Some(OsRelease { id: "debian".to_owned(), version_id: "12".to_owned(), ..OsRelease::default() });
    scan.inventory.artifact.name = "registry.example/team/app:1.2".to_owned();
    scan.inventory.artifact.manifest_digest = "sha256:aa".to_owned();
    scan.inventory.artifact.created = "2026-01-02T03:04:05Z".to_owned();
    scan.inventory.packages = vec![
        Package {
            path: "var/lib/dpkg/status".to_owned(),
            ..Package::new(PackageKind::Deb, "curl", "7.88.1-10", "dpkg")
        },
        Package {
            inner_path: Some("lib/a.jar".to_owned()),
            path: "app.jar".to_owned(),
            ..Package::new(PackageKind::Maven, "org.example:a", "1.0", "jar")
        },
    ];
    let mut finding = Finding::new("CVE-2023-1", vec![0]);
    finding.severity =
        SeverityChoice { severity: Severity::High, source: SeveritySource::Word("debian".to_owned()) };
    finding.ratings = vec![
        Rating { source: "a".to_owned(), scale: RatingScale::Score(98) },
        Rating {
            source: "b".to_owned(),
            scale: RatingScale::Cvss("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".to_owned()),
        },
    ];
    finding.fix = FixState::Fixed("7.88.1-10+deb12u1".to_owned());
    finding.kev = Some(KevEntry {
        id: "CVE-2023-1".to_owned(),
        date_added: "2023-02-03".to_owned(),
        due_date: String::new(),
        ransomware: false,
        name: String::new(),
    });
    scan.findings = vec![finding];
    scan.suppressed = vec![Suppressed {
        finding: Finding::new("CVE-2023-2", vec![1, 99]),
        kind: SuppressionKind::Waiver,
        by: "team".to_owned(),
        reason: "accepted-risk".to_owned(),
        remark: String::new(),
        until: Some("2026-12-31".to_owned()),
        origin: "plimsoll.toml:1".to_owned(),
    }];
    scan
}

fn facts(scan: &Scan) -> ScanFacts<'_> {
    ScanFacts::new(scan, 1_700_000_000_000, "0123", "reports/a.json", "1.0")
}

#[test]
fn every_column_of_every_table_is_built() {
    let scan = scan();
    let empty = Scan::default();
    for &table in Table::ALL {
        let all = Rows::new(table, None);
        assert_eq!(all.schema(), &table.schema());
        for scan in [&scan, &empty] {
            let all = rows(table, &facts(scan), None);
            for index in 0..table.columns().len() {
                let one = rows(table, &facts(scan), Some(&[index]));
                assert_eq!(one.column(0), all.column(index), "{} {index}", table.name());
            }
            assert_eq!(rows(table, &facts(scan), Some(&[])).num_rows(), all.num_rows());
        }
    }
}

#[test]
fn rows_say_what_the_scan_says() {
    let scan = scan();
    let facts = facts(&scan);
    let packages = rows(Table::Packages, &facts, None);
    assert_eq!(packages.num_rows(), 2);
    assert_eq!(text(&packages, "namespace", 0), Some("Debian:12"));
    assert_eq!(text(&packages, "namespace", 1), Some("Maven"));
    assert_eq!(text(&packages, "ecosystem", 0), Some("Debian"));
    assert_eq!(text(&packages, "repository", 0), Some("team/app"));
    assert_eq!(text(&packages, "path", 1), Some("app.jar/lib/a.jar"));
    assert_eq!(text(&packages, "licenses", 0), None);
    assert_eq!(text(&packages, "purl", 0), Some("pkg:deb/debian/curl@7.88.1-10?distro=debian-12"));

    let findings = rows(Table::Findings, &facts, None);
    assert_eq!(findings.num_rows(), 2);
    assert_eq!(text(&findings, "severity", 0), Some("high"));
    assert_eq!(text(&findings, "status", 0), Some("open"));
    assert_eq!(text(&findings, "status", 1), Some("waiver"));
    assert_eq!(text(&findings, "outcome", 0), Some("passed"));
    assert_eq!(text(&findings, "outcome", 1), None);
    assert_eq!(text(&findings, "due", 1), Some("2026-12-31"));
    assert_eq!(text(&findings, "exploited_since", 0), Some("2023-02-03"));
    let score = findings.column_by_name("cvss_score").unwrap().as_primitive::<Float64Type>();
    assert!((score.value(0) - 9.8).abs() < 1e-9 && score.is_null(1));
    assert!(text(&findings, "cvss_vector", 0).is_some());

    let scans = rows(Table::Scans, &facts, None);
    assert_eq!((long(&scans, "findings"), long(&scans, "high"), long(&scans, "suppressed")), (1, 1, 1));
    assert_eq!(text(&scans, "verdict", 0), Some("passed"));
    let images = rows(Table::Images, &facts, None);
    let created = images.column_by_name("created_at").unwrap().as_primitive::<TimestampMillisecondType>();
    assert_eq!(created.value(0), 1_767_323_045_000);
    assert_eq!(rows(Table::Waivers, &facts, None).num_rows(), 1);
}

#[test]
fn what_is_no_image_is_known_by_its_inventory() {
    let mut scan = Scan::default();
    scan.inventory.artifact.kind = ArtifactKind::Sbom;
    let facts = facts(&scan);
    assert_eq!(facts.image_digest(), facts.inventory_digest());
    assert!(facts.image_digest().starts_with("sha256:"));
    assert_ne!(facts.inventory_digest(), document_digest_of(&Inventory::default()));
    let known = facts.clone().with_inventory_digest("sha256:bb".to_owned());
    assert_eq!(known.inventory_digest(), "sha256:bb");
}

fn document_digest_of(inventory: &Inventory) -> String {
    crate::document_digest(&crate::inventory_document(inventory))
}

#[test]
fn a_batch_takes_many_scans_and_begins_anew() {
    let scan = scan();
    let mut rows = Rows::new(Table::Packages, None);
    rows.push(&facts(&scan));
    rows.push(&facts(&scan));
    assert_eq!(rows.count(), 4);
    assert!(rows.size_bytes() > 100);
    assert_eq!(rows.finish().num_rows(), 4);
    assert_eq!(rows.count(), 0);
    rows.push(&facts(&scan));
    assert_eq!(rows.finish().num_rows(), 2);
}
