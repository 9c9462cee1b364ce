//! Our S3 endpoint, judged by Amazon's own tools: the AWS CLI and boto3; and beside moto's.

#![expect(clippy::disallowed_methods, reason = "tests read the small files that they wrote")]

use std::fs;

use plimsoll_real::{Endpoint, Objects, Plimsoll, Scratch};
use serde_json::{Value, json};

#[test]
fn the_pipelines_commands_run_unchanged() {
    Endpoint::start(false).judge("cli");
}

#[test]
fn statements_are_answered_as_boto3_expects() {
    Endpoint::start(false).judge("select");
}

#[test]
fn signatures_are_checked() {
    Endpoint::start(true).judge("keys");
}

#[test]
fn of_two_writers_nothing_is_lost() {
    Endpoint::start(false).judge("writers");
}

#[test]
fn answers_are_those_of_another_server() {
    Endpoint::start(false).compare(&Objects::start(false).address());
}

#[test]
fn reports_go_into_it_and_are_counted() {
    let (endpoint, folder) = (Endpoint::start(true), Scratch::new());
    let findings: Vec<Value> = (0..3)
        .map(|number| {
            json!({
                "VulnerabilityID": format!("CVE-2020-{}", 10_000 + number), "PkgName": "openssl",
                "InstalledVersion": "1.1.1k-1", "Severity": "HIGH",
            })
        })
        .collect();
    let report = json!({
        "SchemaVersion": 2, "CreatedAt": "2025-01-02T03:04:05Z", "ArtifactName": "registry.example/team/app:1.2",
        "ArtifactType": "container_image", "Metadata": {"OS": {"Family": "debian", "Name": "11.1"}},
        "Results": [{"Target": "app", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": findings}],
    });
    let file = folder.path("report.json");
    fs::write(&file, report.to_string()).unwrap();
    let place = "json=s3://results/{repository}/{tag}_results.json";
    let convert = |secret: &str| {
        Plimsoll::bare(&["convert", file.to_str().unwrap(), "--output", place])
            .variable("AWS_ENDPOINT_URL", endpoint.address())
            .variable("AWS_ACCESS_KEY_ID", "ci")
            .variable("AWS_SECRET_ACCESS_KEY", secret)
            .run()
    };
    let run = convert("ci-secret");
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    // A plain file, for whoever reads the folder.
    let stored: Value =
        serde_json::from_slice(&fs::read(endpoint.stored("results/team/app/1.2_results.json")).unwrap())
            .unwrap();
    assert_eq!(stored["Results"][0]["Vulnerabilities"].as_array().map(Vec::len), Some(3));
    let run = convert("another");
    assert_eq!(run.status, Some(6), "{}", run.stderr);
    assert!(run.stderr.contains("SignatureDoesNotMatch"), "{}", run.stderr);
}
