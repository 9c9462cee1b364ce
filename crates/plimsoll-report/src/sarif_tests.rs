use expect_test::expect_file;
use plimsoll_model::Finding;

use super::rule::security_severity;
use super::*;
use crate::sample;

fn text(scan: &Scan) -> String {
    let mut out = Vec::new();
    write(&Report { tool_version: "VERSION", ..Report::new(scan) }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn run(scan: &Scan) -> Value {
    let document: Value = serde_json::from_str(&text(scan)).unwrap();
    document["runs"][0].clone()
}

#[test]
fn golden_report() {
    expect_file!["../testdata/golden/report.sarif"].assert_eq(&text(&sample::scan()));
}

#[test]
fn every_result_has_its_rule_and_a_fingerprint_of_its_own() {
    let mut scan = sample::scan();
    let twin = scan.findings[0].clone();
    scan.findings.insert(0, twin);
    let run = run(&scan);
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let mut prints = BTreeSet::new();
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let print = &result["partialFingerprints"]["primaryLocationLineHash"];
        assert!(prints.insert(print.as_str().unwrap().to_owned()), "{print}");
        let location = &result["locations"][0]["physicalLocation"];
        assert!(!location["artifactLocation"]["uri"].as_str().unwrap().is_empty());
        assert_eq!(location["region"]["startLine"], 1);
    }
    assert_eq!(prints.len(), 12, "eleven findings, one of them in two files");
}

#[test]
fn fingerprints_do_not_know_the_version_nor_what_else_is_found() {
    let prints = |scan: &Scan| -> BTreeSet<String> {
        let run = run(scan);
        let results = run["results"].as_array().unwrap();
        results.iter().map(|result| result["partialFingerprints"]["plimsoll/v1"].to_string()).collect()
    };
    let mut scan = sample::scan();
    let before = prints(&scan);
    scan.inventory.packages[1].version = "1.1.1n-0+deb11u3.1".to_owned();
    assert_eq!(prints(&scan), before);
    scan.findings.remove(0);
    assert!(prints(&scan).is_subset(&before));
}

#[test]
fn github_reads_the_severity_that_counts() {
    let mut scan = sample::scan();
    let score = |finding: &Finding| security_severity(finding);
    assert_eq!(score(&scan.findings[0]).as_deref(), Some("9.8"));
    assert_eq!(score(&scan.findings[1]).as_deref(), Some("8.0"), "a word has no score");
    assert_eq!(score(&scan.findings[6]), None, "nobody has said");
    assert_eq!(score(&scan.findings[7]).as_deref(), Some("9.5"), "malicious");
    // A score that another word was chosen for would be shown as a third one.
    scan.findings[0].severity.severity = Severity::Medium;
    assert_eq!(score(&scan.findings[0]).as_deref(), Some("5.5"));
}

#[test]
fn the_category_is_the_repository() {
    for (name, kind, category) in [
        ("registry.example/app:1.2", ArtifactKind::ContainerImage, "plimsoll/registry.example/app/"),
        ("localhost:5000/app", ArtifactKind::ContainerImage, "plimsoll/localhost%3A5000/app/"),
        ("app@sha256:00", ArtifactKind::ContainerImage, "plimsoll/app/"),
        ("../src", ArtifactKind::Filesystem, "plimsoll/src/"),
        (".", ArtifactKind::Filesystem, "plimsoll/"),
    ] {
        let mut scan = sample::scan();
        name.clone_into(&mut scan.inventory.artifact.name);
        scan.inventory.artifact.kind = kind;
        assert_eq!(super::category(&scan), category);
    }
}

#[test]
fn a_lock_file_is_a_location_in_the_source_tree() {
    let mut scan = sample::scan();
    scan.inventory.artifact.kind = ArtifactKind::Filesystem;
    scan.inventory.packages[10].path = "web/package-lock.json".to_owned();
    let run = run(&scan);
    let result = run["results"].as_array().unwrap().iter().find(|r| r["ruleId"] == "CVE-2021-44906").unwrap();
    assert_eq!(
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "web/package-lock.json"
    );
}

#[test]
fn foreign_text_makes_no_link_and_no_placeholder() {
    assert_eq!(message("a [b](c) {0} \\ \u{1b}"), "a \\[b\\](c) {{0}} \\\\ \\\\u{{1b}}");
}

#[test]
fn an_error_is_what_fails_the_gate() {
    let mut scan = sample::scan();
    let levels = |scan: &Scan| -> Vec<String> {
        let run = run(scan);
        let results = run["results"].as_array().unwrap().iter();
        results.map(|result| result["level"].as_str().unwrap().to_owned()).collect()
    };
    let count = |scan: &Scan, level: &str| levels(scan).iter().filter(|one| *one == level).count();
    assert_eq!(count(&scan, "error"), 8, "seven findings, one of them in two files");
    scan.decision.rulings.iter_mut().for_each(|ruling| ruling.outcome = Outcome::Warned);
    assert_eq!(count(&scan, "warning"), 11);
    scan.decision.rulings.clear();
    assert_eq!(count(&scan, "error"), 0);
    assert_eq!(count(&scan, "warning"), 9, "a severity is no error where a rule was asked");
    scan.decision.rules.clear();
    assert_eq!(count(&scan, "error"), 8);
}

#[test]
fn what_is_suppressed_is_a_result_that_says_so() {
    let scan = sample::judged();
    let run = run(&scan);
    let results = run["results"].as_array().unwrap();
    let suppressed = results.iter().filter(|result| result["suppressions"][0]["status"] == "accepted");
    assert_eq!(suppressed.count(), 4, "three findings, one of them in two files");
    assert!(results.iter().all(|result| result["suppressions"].is_array()));
    let states: BTreeSet<&str> =
        results.iter().map(|result| result["baselineState"].as_str().unwrap()).collect();
    assert_eq!(states, BTreeSet::from(["new", "unchanged"]));
}
