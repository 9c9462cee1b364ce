//! `plimsoll summary`.

#![expect(clippy::disallowed_methods, reason = "tests read the small files that they wrote")]

mod support;

use plimsoll_testkit::registry::Registry;
use support::Stage;

#[test]
fn a_scan_is_counted_as_it_counted() {
    let stage = Stage::new("summary-scan");
    let image = support::image();
    let registry = Registry::start();
    support::push(&registry, &image, "app", "1");
    let name = format!("{}/app:1", registry.host());
    let run = stage.run(&[
        "scan",
        &name,
        "--db",
        "plimsoll.db",
        "--fail-on",
        "critical",
        "--output",
        "json=report.json",
    ]);
    assert_eq!(run.status, 1, "{run:?}");
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(stage.folder.join("report.json")).unwrap()).unwrap();
    let count = |word: &str| {
        report["Results"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|result| result["Vulnerabilities"].as_array().cloned().unwrap_or_default())
            .filter(|flaw| flaw["Severity"] == word)
            .count()
    };
    let run = stage.run(&["summary", "report.json", "--format", "shell"]);
    assert_eq!(run.status, 0, "{run:?}");
    for word in ["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"] {
        assert!(run.stdout.contains(&format!("PLIMSOLL_{word}={}\n", count(word))), "{word}: {run:?}");
    }
    assert!(count("CRITICAL") > 0);
    assert!(
        run.stdout.contains("PLIMSOLL_VERDICT=failed\n") && run.stdout.contains("PLIMSOLL_EXPLOITED=1\n"),
        "{run:?}"
    );
    let run = stage.run(&["summary", "report.json", "--fail-on", "critical"]);
    assert_eq!(run.status, 1);
    assert!(run.stdout.starts_with("REPORT") && run.stdout.contains(&name), "{run:?}");
}

#[test]
fn several_reports_are_put_together() {
    let stage = Stage::empty("summary-several");
    stage.write("old.json", br#"[{"Target": "a", "Vulnerabilities": [{"Severity": "HIGH"}, {"Severity": "LOW", "FixedVersion": "2"}]}]"#);
    stage.write("new.json", br#"{"SchemaVersion": 2, "ArtifactName": "app:2", "Results": [{"Target": "b", "Vulnerabilities": [{"Severity": "HIGH"}]}]}"#);
    let run = stage.run(&["summary", "old.json", "new.json"]);
    assert_eq!(
        run.stdout,
        "\
REPORT     VERDICT  TOTAL UNKN LOW MED HIGH CRIT FIXABLE EXPLOITED
old.json                2    0   1   0    1    0       1         0
app:2                   1    0   0   0    1    0       0         0
2 reports               3    0   1   0    2    0       1         0
"
    );
    assert_eq!(stage.run(&["summary", "old.json", "--fail-on", "critical"]).status, 0);
    assert_eq!(stage.run(&["summary", "old.json", "--fail-on", "medium"]).status, 1);
    let run = stage.run(&["summary", "old.json", "new.json", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(document["Counts"]["Severities"]["HIGH"], 2);
    // What S3 Select gives of the old report.
    let run = stage.run(&["-q", "select", "old.json", "SELECT * FROM S3Object"]);
    stage.write("out.json", run.stdout.as_bytes());
    let run = stage.run(&["summary", "out.json", "--format", "csv"]);
    assert!(run.stdout.ends_with("\nout.json,,,,2,0,1,0,1,0,1,0\n"), "{run:?}");
}

#[test]
fn what_is_no_report_is_refused() {
    let stage = Stage::empty("summary-wrong");
    stage.write("sbom.json", br#"{"bomFormat": "CycloneDX"}"#);
    stage.write("cut.json", br#"{"SchemaVersion": 2, "Results": [{"#);
    for (report, expected) in [
        ("missing.json", "cannot read `missing.json`"),
        ("sbom.json", "cannot read the report `sbom.json`: expected a JSON report"),
        ("cut.json", "EOF while parsing"),
    ] {
        let run = stage.run(&["summary", report]);
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.stderr.contains(expected) && run.stdout.is_empty(), "{run:?}");
    }
}
