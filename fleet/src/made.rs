//! A small made store: four images of three teams, six scans in a month, and what two advisories say.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arrow_array::RecordBatch;
use datafusion::arrow::json::ReaderBuilder;
use datafusion::parquet::arrow::ArrowWriter;
use plimsoll_model::{
    Artifact, BaseImage, DatabaseInfo, Epss, Finding, FixState, Inventory, KevEntry, Layer, LayerInfo,
    OsRelease, Outcome, Package, PackageKind, Platform, Ruling, Scan, Severity, SeverityChoice,
    SeveritySource, SourcePackage, Suppressed, SuppressionKind, Verdict,
};
use plimsoll_store::{Location, Options, Store};
use plimsoll_tables::{ScanFacts, Table, append, file_key, instant};

/// A folder that is gone when it is dropped.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("plimsoll-fleet-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays is in the system's temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The text of a file that a test has made.
pub(crate) fn read(file: &Path) -> String {
    #[expect(clippy::disallowed_methods, reason = "a small file of the project's own")]
    fs::read_to_string(file).unwrap()
}

/// Advisories of the made database, as lines of JSON.
const ADVISORIES: &str = r#"
{"database_digest":"sha256:d1","advisory_id":"GHSA-jfh8-c2jp-5v3q","vulnerability_id":"CVE-2021-44228","source":"ghsa","namespace":"Maven","ecosystem":"Maven","advisory_name":"org.apache.logging.log4j:log4j-core","ranges":">=2.0,<2.15.0","status":"affected","published_in":"Maven","fixed_version":"2.15.0","severity":"critical","cvss_score":10.0,"is_exploited":true,"published_at":"2021-12-10T00:00:00Z","summary":"remote code execution"}
{"database_digest":"sha256:d1","advisory_id":"DSA-9000-1","vulnerability_id":"CVE-2026-0001","source":"debian","namespace":"Debian:12","ecosystem":"Debian","advisory_name":"openssl","ranges":">=0,<3.0.15-1~deb12u1","status":"affected","published_in":"Debian:12","fixed_version":"3.0.15-1~deb12u1","severity":"high","is_exploited":true,"published_at":"2026-11-18T00:00:00Z"}
{"database_digest":"sha256:d1","advisory_id":"PYSEC-2023-74","vulnerability_id":"CVE-2023-32681","source":"pypi","namespace":"PyPI","ecosystem":"PyPI","advisory_name":"requests","ranges":">=2.3.0,<2.31.0","status":"affected","published_in":"PyPI","fixed_version":"2.31.0","severity":"medium","is_exploited":false,"published_at":"2023-05-22T00:00:00Z"}
"#;

/// The scans: time, and what was found.
pub(crate) fn scans() -> Vec<(i64, Scan)> {
    let at = |text: &str| instant(text).unwrap();
    vec![
        (at("2026-11-01T06:00:00Z"), web("1.4", "2.14.1", "4.17.20", false)),
        (at("2026-11-01T07:00:00Z"), report()),
        (at("2026-11-08T06:00:00Z"), api(false)),
        (at("2026-11-15T06:00:00Z"), web("1.4", "2.14.1", "4.17.20", false)),
        (at("2026-11-22T06:00:00Z"), web("1.5", "2.17.1", "4.17.21", true)),
        (at("2026-11-22T07:00:00Z"), api(true)),
    ]
}

fn hex(seed: &str) -> String {
    plimsoll_tables::document_digest(seed.as_bytes())
}

/// An image of layers, the first of which may be its base.
fn image(name: &str, os: (&str, &str), base: Option<&str>, layers: &[(&str, u64)]) -> Scan {
    let layers = layers.iter().map(|(made_by, size)| LayerInfo {
        diff_id: hex(&format!("{name} {made_by}")),
        digest: hex(&format!("gz {name} {made_by}")),
        size_bytes: *size,
        created_by: (*made_by).to_owned(),
    });
    Scan {
        inventory: Inventory {
            artifact: Artifact {
                name: name.to_owned(),
                manifest_digest: hex(name),
                config_digest: hex(&format!("config {name}")),
                platform: Some(Platform {
                    os: "linux".into(),
                    architecture: "amd64".into(),
                    variant: String::new(),
                }),
                created: "2026-10-20T00:00:00Z".to_owned(),
                layers: layers.collect(),
                ..Artifact::default()
            },
            os: Some(OsRelease { id: os.0.to_owned(), version_id: os.1.to_owned(), ..OsRelease::default() }),
            base: base.map(|name| BaseImage { name: name.to_owned(), digest: hex(name), layers: 1 }),
            ..Inventory::default()
        },
        database: DatabaseInfo {
            digest: hex("database"),
            updated: "2026-11-01T00:00:00Z".to_owned(),
            newest_advisory: "2026-11-01T00:00:00Z".to_owned(),
            advisories: 3,
        },
        ..Scan::default()
    }
}

/// Adds a package of a layer; its place in the list.
fn add(scan: &mut Scan, kind: PackageKind, name: &str, version: &str, layer: usize, licence: &str) -> usize {
    let diff_id = scan.inventory.artifact.layers[layer].diff_id.clone();
    let layer = Some(Layer { diff_id, index: layer });
    let (cataloger, path) = match kind {
        PackageKind::Deb => ("dpkg", "var/lib/dpkg/status"),
        PackageKind::Apk => ("apk", "lib/apk/db/installed"),
        PackageKind::Maven => ("java-archive", "app/lib/log4j-core.jar"),
        PackageKind::Npm => ("node-package", "app/package-lock.json"),
        _ => ("python-distribution", "usr/lib/python3/METADATA"),
    };
    scan.inventory.packages.push(Package {
        source: (kind == PackageKind::Deb)
            .then(|| SourcePackage { name: name.to_owned(), version: version.to_owned() }),
        licenses: vec![licence.to_owned()],
        path: path.to_owned(),
        layer: layer.clone(),
        introduced_in: layer,
        direct: (kind == PackageKind::Npm).then_some(true),
        ..Package::new(kind, name, version, cataloger)
    });
    scan.inventory.packages.len() - 1
}

fn flaw(id: &str, package: usize, severity: Severity, fix: FixState, published: &str) -> Finding {
    Finding {
        severity: SeverityChoice { severity, source: SeveritySource::Word("vendor".to_owned()) },
        fix,
        published: format!("{published}T00:00:00Z"),
        title: format!("made-up title of {id}"),
        ..Finding::new(id, vec![package])
    }
}

fn exploited(finding: Finding, since: &str, probability: u32) -> Finding {
    Finding {
        kev: Some(KevEntry {
            id: finding.id.clone(),
            date_added: since.to_owned(),
            due_date: String::new(),
            ransomware: false,
            name: String::new(),
        }),
        epss: Some(Epss { probability, percentile: 99_000 }),
        risk: 900,
        ..finding
    }
}

/// What the gate says: what is critical, or exploited, fails.
fn judged(mut scan: Scan) -> Scan {
    let fails = |finding: &Finding| finding.kev.is_some() || finding.severity.severity == Severity::Critical;
    let rulings = scan.findings.iter().map(|finding| Ruling {
        outcome: if fails(finding) { Outcome::Failed } else { Outcome::Passed },
        rule: if fails(finding) { "grave".to_owned() } else { String::new() },
        ..Ruling::default()
    });
    scan.decision.rulings = rulings.collect();
    let failed = scan.findings.iter().any(fails);
    scan.decision.verdict = if failed { Verdict::Failed } else { Verdict::Passed };
    for finding in &scan.findings {
        scan.decision.counts.add(finding.severity.severity);
    }
    scan
}

fn fixed(version: &str) -> FixState {
    FixState::Fixed(version.to_owned())
}

fn openssl_flaws(scan: &mut Scan, openssl: usize, is_late: bool) {
    scan.findings.push(flaw("CVE-2023-5678", openssl, Severity::Medium, FixState::NotFixed, "2023-11-06"));
    if is_late {
        let new = flaw("CVE-2026-0001", openssl, Severity::High, fixed("3.0.15-1~deb12u1"), "2026-11-18");
        scan.findings.push(exploited(new, "2026-11-20", 61_000));
    }
}

fn web(tag: &str, log4j: &str, lodash: &str, is_late: bool) -> Scan {
    let name = format!("registry.example/shop/web:{tag}");
    let layers = [("ADD rootfs.tar", 48_000_000), ("COPY app /app", 12_000_000)];
    let mut scan = image(&name, ("debian", "12"), Some("registry.example/base/debian:12"), &layers);
    let openssl = add(&mut scan, PackageKind::Deb, "openssl", "3.0.11-1~deb12u2", 0, "Apache-2.0");
    let zlib = add(&mut scan, PackageKind::Deb, "zlib", "1:1.2.13.dfsg-1", 0, "Zlib");
    let log4j_core = "org.apache.logging.log4j:log4j-core";
    let log = add(&mut scan, PackageKind::Maven, log4j_core, log4j, 1, "Apache-2.0");
    let dash = add(&mut scan, PackageKind::Npm, "lodash", lodash, 1, "MIT");
    if log4j == "2.14.1" {
        let shell = flaw("CVE-2021-44228", log, Severity::Critical, fixed("2.15.0"), "2021-12-10");
        scan.findings.push(exploited(shell, "2021-12-10", 97_500));
        scan.findings.push(flaw("CVE-2021-44832", log, Severity::Medium, fixed("2.17.1"), "2021-12-28"));
    }
    if lodash == "4.17.20" {
        scan.findings.push(flaw("CVE-2021-23337", dash, Severity::High, fixed("4.17.21"), "2021-02-15"));
    }
    openssl_flaws(&mut scan, openssl, is_late);
    scan.suppressed.push(Suppressed {
        finding: flaw("CVE-2023-45853", zlib, Severity::Critical, FixState::WillNotFix, "2023-10-14"),
        kind: SuppressionKind::Waiver,
        by: "shop-team@example.org".to_owned(),
        reason: "accepted-risk".to_owned(),
        remark: "minizip is not built".to_owned(),
        until: Some("2026-12-01".to_owned()),
        origin: "plimsoll.toml:12".to_owned(),
    });
    judged(scan)
}

fn api(is_late: bool) -> Scan {
    let name = "registry.example/shop/api:2.0";
    let layers = [("ADD rootfs.tar", 48_000_000), ("RUN pip install", 30_000_000)];
    let mut scan = image(name, ("debian", "12"), Some("registry.example/base/debian:12"), &layers);
    let openssl = add(&mut scan, PackageKind::Deb, "openssl", "3.0.11-1~deb12u2", 0, "Apache-2.0");
    let requests = add(&mut scan, PackageKind::PyPi, "requests", "2.25.0", 1, "Apache-2.0");
    scan.findings.push(flaw("CVE-2023-32681", requests, Severity::Medium, fixed("2.31.0"), "2023-05-22"));
    openssl_flaws(&mut scan, openssl, is_late);
    judged(scan)
}

fn report() -> Scan {
    let layers = [("ADD alpine.tar", 3_000_000), ("COPY report.jar /app", 9_000_000)];
    let mut scan = image("registry.example/batch/report:7", ("alpine", "3.18"), None, &layers);
    add(&mut scan, PackageKind::Apk, "busybox", "1.36.1-r5", 0, "GPL-2.0-only");
    let log4j_core = "org.apache.logging.log4j:log4j-core";
    let log = add(&mut scan, PackageKind::Maven, log4j_core, "2.17.0", 1, "Apache-2.0");
    scan.findings.push(flaw("CVE-2021-44832", log, Severity::Medium, fixed("2.17.1"), "2021-12-28"));
    judged(scan)
}

/// Writes the store's tables; images, layers and packages once for each image.
pub(crate) fn store(folder: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = Store::open_with(&Location::Folder(folder.to_owned()), &Options::default()).unwrap();
    let mut seen = Vec::new();
    for (number, (time, scan)) in scans().iter().enumerate() {
        let (id, key) = (format!("{number:032x}"), format!("reports/{number}.json"));
        let facts = ScanFacts::new(scan, *time, &id, &key, "0.1.0");
        let is_new = !seen.contains(&scan.inventory.artifact.name);
        seen.push(scan.inventory.artifact.name.clone());
        runtime.block_on(append(&store, &facts, is_new)).unwrap();
    }
    let schema = Table::Advisories.schema();
    let reader = ReaderBuilder::new(Arc::clone(&schema)).build(ADVISORIES.trim_start().as_bytes()).unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let time = instant("2026-11-01T00:00:00Z").unwrap();
    let file = folder.join(file_key(Table::Advisories, "2026-11-01", time, &format!("{:032x}", 99)));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let mut writer = ArrowWriter::try_new(fs::File::create(file).unwrap(), schema, None).unwrap();
    for batch in &batches {
        writer.write(batch).unwrap();
    }
    writer.close().unwrap();
}

/// Writes the reports of the scans, as a store names them.
pub(crate) fn reports(folder: &Path) {
    for (number, (time, scan)) in scans().iter().enumerate() {
        let (day, hour) = (plimsoll_tables::day(*time).replace('-', ""), time / 3_600_000 % 24);
        let time = format!("{day}T{hour:02}0000Z");
        let mut file = fs::File::create(folder.join(format!("{time}-{number:032x}.json"))).unwrap();
        plimsoll_report::write_json(scan, &mut file).unwrap();
    }
}
