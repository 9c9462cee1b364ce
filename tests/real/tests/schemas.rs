//! Every report, and every VEX document that is meant to be read, by its published schema.
//!
//! Of each format three reports: the two samples that the golden tests write, one of them judged by everything there is,
//! and one of the image, by a policy with rules that fail, warn and ignore, and waivers.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use plimsoll_real::{Plimsoll, Schema, Scratch, database, image, own_document};
use serde_json::{Value, json};

/// Where the golden reports lie.
const GOLDEN: &str = "crates/plimsoll-report/testdata/golden";

/// Where the VEX documents lie that are read in tests.
const VEX: &str = "crates/plimsoll-vex/testdata";

/// Rules that fail, warn now and later, and ignore; a waiver that ends soon, and one that has ended.
const POLICY: &str = r#"
[[policy.rules]]
name = "python"
when = 'kind == "pypi" && fixable'
action = "fail"
reason = "an update is at hand"

[[policy.rules]]
name = "java"
when = 'kind == "maven"'
action = "ignore"
reason = "another team's"

[[policy.rules]]
name = "system"
when = "os_package"
action = "fail"
after = "3000d"

[[policy.rules]]
name = "the rest"
when = "true"
action = "warn"
reason = "to be looked at"

[[waivers]]
id = "CVE-2021-44906"
owner = "shop-team@example.org"
reason = "compensating-control"
expires = 2025-01-10
remark = "arguments are fixed"

[[waivers]]
id = "CVE-2020-0001"
owner = "shop-team@example.org"
reason = "accepted-risk"
expires = 2024-06-30
"#;

/// The day on which the policy is asked.
const DAY: &str = "2025-01-01T00:00:00Z";

/// What the image is written in, all of it by one scan.
const FORMATS: &[&str] =
    &["sarif", "junit", "gitlab", "cyclonedx", "cyclonedx-vex", "spdx", "openvex", "asff", "json"];

/// The image, judged, in a format.
fn of_image(format: &str) -> Vec<u8> {
    static WRITTEN: OnceLock<PathBuf> = OnceLock::new();
    let folder = WRITTEN.get_or_init(|| {
        let folder = image().oci_dir().with_file_name("reports");
        fs::create_dir_all(&folder).expect("the image's folder is ours");
        let policy = folder.join("policy.toml");
        fs::write(&policy, POLICY).expect("the folder is ours");
        let target = format!("oci-dir:{}", image().oci_dir().display());
        let policy = policy.to_string_lossy().into_owned();
        let database = database().path.to_string_lossy().into_owned();
        let outputs: Vec<String> = FORMATS
            .iter()
            .flat_map(|format| ["--output".to_owned(), format!("{format}={}", folder.join(format).display())])
            .collect();
        let mut call = vec!["scan", &target, "--db", &database, "--policy", &policy, "--as-of", DAY];
        call.extend(["--aws-account", "123456789012", "--aws-region", "eu-central-1"]);
        call.extend(outputs.iter().map(String::as_str));
        let run = Plimsoll::bare(&call).variable("SOURCE_DATE_EPOCH", "1735689600").run();
        assert_eq!(run.status, Some(1), "`{}`: {}", run.call, run.stderr);
        folder
    });
    #[expect(clippy::disallowed_methods, reason = "a report that the scan has just written")]
    fs::read(folder.join(format)).expect("the scan wrote it")
}

fn assert_valid(schema: Schema, what: &str, document: &[u8]) {
    let violations = schema.violations(document);
    assert!(violations.is_empty(), "{what} violates {schema:?}:\n{violations}");
}

/// The golden reports of those endings, and that of the image.
fn check(schema: Schema, format: &str, endings: &[&str]) -> Vec<u8> {
    for ending in endings {
        assert_valid(schema, ending, &own_document(&format!("{GOLDEN}/{ending}")));
    }
    let report = of_image(format);
    assert_valid(schema, &format!("the image's {format}"), &report);
    report
}

fn json_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("reports are JSON")
}

/// The sample with something else in one place, which its schema must refuse there.
fn refused(schema: Schema, ending: &str, pointer: &str, value: Value) {
    let mut document = json_of(&own_document(&format!("{GOLDEN}/{ending}")));
    let place = document.pointer_mut(pointer).unwrap_or_else(|| panic!("{ending} has no {pointer}"));
    *place = value;
    let violations = schema.violations(document.to_string().as_bytes());
    assert!(!violations.is_empty(), "{schema:?} takes a wrong {pointer}");
}

#[test]
fn schema_sarif() {
    let report = json_of(&check(Schema::Sarif, "sarif", &["report.sarif", "judged.sarif"]));
    let results = report["runs"][0]["results"].as_array().unwrap();
    let with = |level: &str| results.iter().filter(|result| result["level"] == level).count();
    assert!(with("error") > 0, "the policy fails what is of Python");
    assert!(with("warning") > 0, "it warns of the rest");
    let suppressed =
        |kind: &str| results.iter().any(|result| result["suppressions"][0]["properties"]["kind"] == kind);
    assert!(suppressed("waiver") && suppressed("rule"), "it ignores Java, and one flaw is waived");
    refused(Schema::Sarif, "judged.sarif", "/runs/0/results/0/level", json!("fatal"));
    refused(Schema::Sarif, "judged.sarif", "/runs/0/results/0/suppressions", json!([{ "kind": "waiver" }]));
    refused(Schema::Sarif, "judged.sarif", "/runs/0/results/0/baselineState", json!("known"));
}

/// A buildspec with a gate that is switched off, a script from the network, and a line that no shell ends.
const BUILDSPEC: &str = "version: 0.2
phases:
  build:
    commands:
      - curl https://scanner.example/install.sh | sh
      - plimsoll scan app:1 --fail-on high || true
      - echo 'never ended
";

#[test]
fn schema_sarif_of_a_pipeline_that_is_checked() {
    let folder = Scratch::new();
    fs::write(folder.path("buildspec.yml"), BUILDSPEC).expect("the folder is ours");
    let file = folder.path("buildspec.yml").to_string_lossy().into_owned();
    let run = Plimsoll::bare(&["pipeline", "check", &file, "--format", "sarif"]).run();
    assert_eq!(run.status, Some(1), "`{}`: {}", run.call, run.stderr);
    assert_valid(Schema::Sarif, "what a check found", &run.stdout);
    let rules: Vec<String> = json_of(&run.stdout)["runs"][0]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["ruleId"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        rules.contains(&"gate-off".to_owned()) && rules.contains(&"piped-script".to_owned()),
        "{rules:?}"
    );
}

#[test]
fn schema_junit() {
    let report = check(Schema::Junit, "junit", &["report.junit.xml", "judged.junit.xml"]);
    let text = String::from_utf8(report).unwrap();
    for part in ["<failure ", "<skipped ", "Warning: "] {
        assert!(text.contains(part), "no `{part}` in the image's report");
    }
    let sample = String::from_utf8(own_document(&format!("{GOLDEN}/judged.junit.xml"))).unwrap();
    for (right, wrong) in [("<skipped ", "<skipped reason=\"x\" "), (" name=\"plimsoll.version\"", "")] {
        let broken = sample.replace(right, wrong);
        assert_ne!(broken, sample);
        assert!(!Schema::Junit.violations(broken.as_bytes()).is_empty(), "a wrong `{right}` is taken");
    }
}

#[test]
fn schema_gitlab() {
    let judged = "judged.gl-container-scanning-report.json";
    let report = json_of(&check(Schema::Gitlab, "gitlab", &["report.gitlab.json", judged]));
    assert!(!report["vulnerabilities"].as_array().unwrap().is_empty());
    refused(Schema::Gitlab, judged, "/vulnerabilities/0/severity", json!("CRITICAL"));
    refused(Schema::Gitlab, judged, "/scan/start_time", json!("2023-11-08T12:00:00Z"));
    refused(Schema::Gitlab, judged, "/vulnerabilities/0/identifiers", json!([]));
}

#[test]
fn schema_cyclonedx() {
    check(Schema::CycloneDx, "cyclonedx", &["sbom.cdx.json"]);
    let report =
        json_of(&check(Schema::CycloneDx, "cyclonedx-vex", &["report.vex.cdx.json", "judged.vex.cdx.json"]));
    let vulnerabilities = report["vulnerabilities"].as_array().unwrap();
    assert!(vulnerabilities.iter().any(|one| one["analysis"]["state"] == "exploitable"), "one is waived");
    refused(Schema::CycloneDx, "judged.vex.cdx.json", "/vulnerabilities/0/affects", json!([{ "ref": 1 }]));
    refused(Schema::CycloneDx, "judged.vex.cdx.json", "/vulnerabilities/8/analysis/state", json!("waived"));
}

#[test]
fn schema_spdx() {
    check(Schema::Spdx, "spdx", &["sbom.spdx.json"]);
    refused(Schema::Spdx, "sbom.spdx.json", "/packages/0/downloadLocation", json!(null));
}

#[test]
fn schema_openvex() {
    let report = json_of(&check(Schema::OpenVex, "openvex", &["report.openvex.json", "judged.openvex.json"]));
    assert!(report["statements"].as_array().unwrap().iter().any(|one| one["status"] == "affected"));
    refused(Schema::OpenVex, "judged.openvex.json", "/statements/0/status", json!("not_affected"));
    refused(Schema::OpenVex, "judged.openvex.json", "/timestamp", json!("yesterday"));
    refused(Schema::OpenVex, "judged.openvex.json", "/statements", json!([]));
}

#[test]
fn schema_asff() {
    let report = json_of(&check(Schema::Asff, "asff", &["report.asff.json", "judged.asff.json"]));
    assert_eq!(report["Findings"][0]["AwsAccountId"], "123456789012");
    refused(Schema::Asff, "judged.asff.json", "/Findings/0/RecordState", json!("SUPPRESSED"));
    refused(Schema::Asff, "judged.asff.json", "/Findings/0/Title", json!(" "));
    refused(Schema::Asff, "judged.asff.json", "/Findings/0/Severity", json!({ "Word": "HIGH" }));
}

#[test]
fn schema_of_vex_documents_that_are_read() {
    assert_valid(Schema::Csaf, "vendor.json", &own_document(&format!("{VEX}/csaf/vendor.json")));
    assert_valid(Schema::CycloneDx, "vex.json", &own_document(&format!("{VEX}/cyclonedx/vex.json")));
    let statement = json_of(&own_document(&format!("{VEX}/openvex/in-toto.json")));
    assert_valid(Schema::OpenVex, "in-toto.json", statement["predicate"].to_string().as_bytes());
    // Among its statements are some that are not valid on purpose.
    let app = Schema::OpenVex.violations(&own_document(&format!("{VEX}/openvex/app.json")));
    assert!(app.contains("$.statements[4]") && app.contains("$.statements[5]"), "{app}");
}

#[test]
fn schema_csaf_refuses() {
    let mut document = json_of(&own_document(&format!("{VEX}/csaf/vendor.json")));
    document["document"]["tracking"]["status"] = json!("done");
    assert!(Schema::Csaf.violations(document.to_string().as_bytes()).contains("status"));
}
