//! Scans into our own S3 endpoint, and the store that they fill worked with through it.

#![expect(clippy::disallowed_methods, reason = "tests read the small files that they wrote")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use plimsoll_real::{Endpoint, Plimsoll, Run, Scratch};
use serde_json::Value;

const ADVISORY: &str = r#"{"id": "DSA-1", "modified": "2024-01-02T00:00:00Z", "upstream": ["CVE-2021-3711"],
    "affected": [{"package": {"ecosystem": "Debian:11", "name": "openssl"},
    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1.1k-1+deb11u1"}]}]}]}"#;
const PACKAGES: &str =
    "Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.1.1k-1\n";
const STORE: &str = "s3://results/lake";

/// A root file system with a flaw, and a database that knows it.
struct Target {
    folder: Scratch,
}

impl Target {
    fn new() -> Target {
        let folder = Scratch::new();
        let write = |name: &str, text: &str| {
            let path = folder.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("osv/DSA-1.json", ADVISORY);
        write("root/etc/os-release", "ID=debian\nVERSION_ID=\"11\"\n");
        write("root/var/lib/dpkg/status", PACKAGES);
        let target = Target { folder };
        Plimsoll::bare(&["db", "build", "--from", &target.path("osv"), "--output", &target.path("db")])
            .bytes();
        target
    }

    fn path(&self, name: &str) -> String {
        self.folder.path(name).to_str().unwrap().to_owned()
    }

    fn scan(&self) -> Plimsoll {
        let root = format!("dir:{}", self.path("root"));
        Plimsoll::bare(&["scan", &root, "--db", &self.path("db"), "--format", "json", "--quiet"])
    }
}

fn as_user(call: Plimsoll, endpoint: &Endpoint, user: &str) -> Plimsoll {
    call.variable("AWS_ENDPOINT_URL", endpoint.address())
        .variable("AWS_ACCESS_KEY_ID", user)
        .variable("AWS_SECRET_ACCESS_KEY", format!("{user}-secret"))
}

fn store(endpoint: &Endpoint, user: &str, words: &[&str]) -> Run {
    let call = Plimsoll::bare(&[&["store"], words].concat()).variable("PLIMSOLL_STORE", STORE);
    as_user(call, endpoint, user).run()
}

fn good(run: Run) -> Run {
    assert_eq!(run.status, Some(0), "`{}` failed:\n{}", run.call, run.stderr);
    run
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut left = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { left.push(path) } else { found.push(path) }
        }
    }
    found.sort_unstable();
    found
}

#[test]
fn a_scan_fills_a_store_that_is_listed_read_compacted_and_pruned() {
    let (endpoint, target) = (Endpoint::start(true), Target::new());
    let scan = || {
        let call =
            target.scan().arguments(&["--store", STORE, "--output", "json=s3://reports/team/app.json"]);
        good(as_user(call, &endpoint, "ci").run())
    };
    scan();
    let report = fs::read(endpoint.stored("reports/team/app.json")).unwrap();
    let read: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(read["Results"][0]["Vulnerabilities"][0]["VulnerabilityID"], "CVE-2021-3711", "{read}");
    // Reports have their keys by the second.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    scan();

    // Who may only read lists and reads.
    let listed = || -> Vec<Value> {
        serde_json::from_slice(&good(store(&endpoint, "viewer", &["list", "--json"])).stdout).unwrap()
    };
    let reports = listed();
    assert_eq!(reports.len(), 2, "{reports:?}");
    for report_of in &reports {
        let got = good(store(&endpoint, "viewer", &["get", report_of["key"].as_str().unwrap()]));
        assert_eq!(got.stdout, report);
    }
    let rows = |table: &str| files(&endpoint.stored(&format!("results/lake/tables/v1/{table}")));
    assert_eq!(rows("findings").len(), 2);

    let refused = store(&endpoint, "viewer", &["compact"]);
    assert_ne!(refused.status, Some(0), "{}", refused.stderr);
    assert!(refused.stderr.contains("AccessDenied"), "{}", refused.stderr);
    assert_eq!(rows("findings").len(), 2);
    good(store(&endpoint, "ci", &["compact"]));

    // What is old goes, and the newest stays.
    let dry = good(store(&endpoint, "ci", &["prune", "--keep-last", "1", "--dry-run", "--json"]));
    let dry: Value = serde_json::from_slice(&dry.stdout).unwrap();
    assert_eq!((&dry["reports"], &dry["dry_run"]), (&0.into(), &true.into()), "what is new stays: {dry}");
    for file in files(&endpoint.stored("results")) {
        let old = Command::new("touch").args(["-d", "2025-01-01"]).arg(&file).status().unwrap();
        assert!(old.success(), "{}", file.display());
    }
    let pruned = good(store(&endpoint, "ci", &["prune", "--keep-last", "1", "--json"]));
    let pruned: Value = serde_json::from_slice(&pruned.stdout).unwrap();
    assert_eq!(pruned["reports"], 1, "{pruned}");
    let left = listed();
    assert_eq!(left, reports[..1], "the newest is left");
    assert_eq!(files(&endpoint.stored("results/lake/reports")).len(), 1);
    let got = good(store(&endpoint, "viewer", &["get", left[0]["key"].as_str().unwrap()]));
    assert_eq!(got.stdout, report);
}

#[test]
fn who_may_only_read_stores_nothing_and_keeps_the_report() {
    let (endpoint, target) = (Endpoint::start(true), Target::new());
    let call = target.scan().arguments(&["--output", "json=s3://reports/app.json"]);
    let run = as_user(call, &endpoint, "viewer").run();
    assert_eq!(run.status, Some(6), "{}", run.stderr);
    assert!(
        run.stderr.contains("AccessDenied") && run.stderr.contains("the report was kept in `./app.json`"),
        "{}",
        run.stderr
    );
    let run = as_user(target.scan().arguments(&["--store", STORE]), &endpoint, "viewer").run();
    assert_eq!(run.status, Some(6), "{}", run.stderr);
    let left = files(&endpoint.stored(""));
    assert!(left.is_empty(), "{left:?}");
}
