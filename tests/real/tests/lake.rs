//! The tables of a store, read by DuckDB, pyarrow and Spark: they agree with each other and with the reports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use plimsoll_real::{Plimsoll, Scratch, ask_lake};
use serde_json::{Value, json};

/// Reports of ours, and one of Trivy's.
const REPORTS: [&str; 2] = [
    "crates/plimsoll-report/testdata/golden/report.json",
    "crates/plimsoll-report/testdata/report/trivy.json",
];

/// When each report is said to be written: the day, and milliseconds.
const DAYS: [(&str, &str); 2] =
    [("2026-11-01T10:00:00Z", "2026-11-01"), ("2026-11-02T23:59:59Z", "2026-11-02")];

/// Milliseconds of the last of these.
const NEWEST: u64 = 1_793_663_999_000;

fn report(path: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    #[expect(clippy::disallowed_methods, reason = "a file of our own")]
    let bytes = fs::read(root.join(path)).expect(path);
    serde_json::from_slice(&bytes).expect(path)
}

/// Severities of what counts, as the reports have them. Trivy lists a flaw once for each file of a package, whose versions it
/// may write in two ways; here it is one. Packages of a kind that is not known are a gap.
fn severities(report: &Value) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for result in report["Results"].as_array().into_iter().flatten() {
        for found in result["Vulnerabilities"].as_array().into_iter().flatten() {
            let text = |key: &str| found[key].as_str().unwrap_or_default().trim_start_matches('v').to_owned();
            let flaw = ["VulnerabilityID", "PkgName", "InstalledVersion"].map(text);
            let exact = found["Plimsoll"]["Severity"].as_str().or(found["Severity"].as_str());
            if result["Type"] != "conan" && seen.insert((result["Type"].to_string(), flaw)) {
                *counts.entry(exact.expect("a severity").to_lowercase()).or_default() += 1;
            }
        }
    }
    counts
}

#[test]
fn three_readers_agree_with_each_other_and_with_the_reports() {
    let folder = Scratch::new();
    let store = folder.path("store");
    let place = store.to_str().expect("paths of tests are ASCII");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (path, (time, _)) in REPORTS.iter().zip(DAYS) {
        let file = root.join(path);
        let file = file.to_str().expect("paths of tests are ASCII");
        Plimsoll::bare(&["store", "add", file, "--time", time, "--store", place]).bytes();
    }
    // From the reports alone: whatever was appended.
    Plimsoll::bare(&["store", "reindex", "--store", place]).bytes();
    let before = ask_lake(&store);
    let of = |reader: &str| &before[reader];
    assert_eq!(of("duckdb"), of("pyarrow"));
    assert_eq!(of("duckdb"), of("spark"));

    let answers = of("duckdb");
    assert_eq!(answers["newest"], NEWEST);
    assert_eq!(answers["days"], json!(DAYS.map(|(_, day)| json!([day, 1]))));
    assert_eq!(answers["counts"]["scans"], 2);
    assert_eq!(answers["columns"]["scans"]["scanned_at"], "instant");
    assert_eq!(answers["columns"]["findings"]["cvss_score"], "double");
    assert_eq!(answers["columns"]["findings"]["date"], "text");
    let mut expected = severities(&report(REPORTS[0]));
    for (severity, count) in severities(&report(REPORTS[1])) {
        *expected.entry(severity).or_default() += count;
    }
    let expected: Vec<Value> =
        expected.into_iter().map(|(severity, count)| json!([severity, count])).collect();
    assert_eq!(answers["severities"], json!(expected));

    Plimsoll::bare(&["store", "compact", "--store", place]).bytes();
    assert_eq!(ask_lake(&store), before);
}
