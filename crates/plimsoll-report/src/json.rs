//! The JSON report: a superset of Trivy's, `SchemaVersion` 2.
//!
//! Where Trivy has a field, name, type and meaning are Trivy's, so that what reads its reports reads these. What Trivy
//! lacks stands under one key of ours a level, `Plimsoll`. Three differences are meant:
//!
//! - There is no `CreatedAt` and no `ReportID`: the same image, database and configuration give the same bytes.
//! - A flaw of one package in one version is one entry, wherever the package stands; Trivy lists it once a file.
//!   `PkgPath` and `Layer` are those of the first place, `Plimsoll.Places` has all.
//! - Trivy's readers know five severities. `NEGLIGIBLE` is therefore `LOW` in `Severity`; the exact word is in
//!   `Plimsoll.Severity`.
//!
//! Source: Trivy 0.6x, the Go types `Report`, `Result`, `DetectedVulnerability`, `Package`, and trivy-db's
//! `Vulnerability`.

mod advice;
mod modified;
mod own;
mod package;
mod vulnerability;

pub(crate) use vulnerability::primary_url;

use std::collections::BTreeMap;
use std::io::Write;

use plimsoll_model::{ArtifactKind, Inventory, LayerInfo, Scan, Severity};
use serde::Serialize;

use crate::facts::failed_rules;
use crate::format::{ReportFormat, write_document};
use crate::targets::{self, Target, family};
use crate::{Error, VERSION};
use own::{JsonGap, OwnReport};
use vulnerability::Said;

/// `SchemaVersion` of Trivy's report.
pub(crate) const SCHEMA_VERSION: u32 = 2;

/// The format's entry.
pub(crate) const FORMAT: ReportFormat = ReportFormat {
    name: "json",
    extension: "json",
    media_type: "application/json",
    summary: "JSON with everything, a superset of Trivy's report",
    needs_instant: false,
    needs_context: false,
    shows_findings: true,
    write: |given, out| write_document("JSON", &report(given.scan, given.tool_version), out),
};

/// Writes the JSON report, pretty-printed with two blanks, with a line break at the end.
///
/// # Errors
/// [`Error::Write`] where the output takes no more.
pub fn write_json(scan: &Scan, out: &mut dyn Write) -> Result<(), Error> {
    write_document("JSON", &report(scan, VERSION), out)
}

/// The report as a value, for documents that hold it.
pub(crate) fn value(scan: &Scan, version: &str) -> serde_json::Result<serde_json::Value> {
    serde_json::to_value(report(scan, version))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Report<'a> {
    schema_version: u32,
    artifact_name: &'a str,
    artifact_type: &'static str,
    metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    results: Vec<TargetResult<'a>>,
    plimsoll: OwnReport<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "is_zero")]
    size: u64,
    #[serde(rename = "OS", skip_serializing_if = "Option::is_none")]
    os: Option<Os<'a>>,
    #[serde(rename = "ImageID", skip_serializing_if = "str::is_empty")]
    image_id: &'a str,
    #[serde(rename = "DiffIDs", skip_serializing_if = "Vec::is_empty")]
    diff_ids: Vec<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    repo_tags: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    repo_digests: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    image_config: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    layers: Vec<MetadataLayer<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Os<'a> {
    family: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MetadataLayer<'a> {
    #[serde(skip_serializing_if = "is_zero")]
    size: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    digest: &'a str,
    #[serde(rename = "DiffID")]
    diff_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    created_by: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TargetResult<'a> {
    target: String,
    class: &'static str,
    #[serde(rename = "Type")]
    kind: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    packages: Vec<package::JsonPackage<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vulnerabilities: Vec<vulnerability::JsonVulnerability<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    experimental_modified_findings: Vec<modified::ModifiedFinding<'a>>,
}

fn report<'a>(scan: &'a Scan, version: &'a str) -> Report<'a> {
    let inventory = &scan.inventory;
    let (image_config, config_gap) = image_config(&inventory.artifact.config);
    let mut plimsoll = own::own(scan, version);
    let failed_rules = failed_rules(scan);
    plimsoll.gaps.extend(config_gap);
    Report {
        schema_version: SCHEMA_VERSION,
        artifact_name: &inventory.artifact.name,
        artifact_type: artifact_type(inventory),
        metadata: metadata(inventory, image_config),
        results: targets::of_scan(scan)
            .into_iter()
            .map(|target| result(scan, &failed_rules, target))
            .collect(),
        plimsoll,
    }
}

/// The rules that each finding failed, by its index.
type FailedRules<'a> = BTreeMap<usize, Vec<&'a str>>;

fn result<'a>(scan: &'a Scan, failed_rules: &FailedRules<'a>, target: Target) -> TargetResult<'a> {
    let is_os = target.is_os;
    TargetResult {
        class: if is_os { "os-pkgs" } else { "lang-pkgs" },
        packages: target
            .packages
            .iter()
            .filter_map(|&index| {
                Some(package::package(&scan.inventory, index, scan.inventory.packages.get(index)?))
            })
            .collect(),
        vulnerabilities: target
            .findings
            .iter()
            .filter_map(|&index| {
                let said = Said {
                    index,
                    failed_rules: failed_rules.get(&index).cloned().unwrap_or_default(),
                    ruling: scan.decision.ruling(index),
                };
                vulnerability::vulnerability(scan, scan.findings.get(index)?, said)
            })
            .collect(),
        experimental_modified_findings: modified::of_target(scan, &target.packages),
        target: target.name,
        kind: target.report_type,
    }
}

fn artifact_type(inventory: &Inventory) -> &'static str {
    match inventory.artifact.kind {
        ArtifactKind::ContainerImage => "container_image",
        ArtifactKind::Filesystem => "filesystem",
        ArtifactKind::Sbom if inventory.packages.iter().any(|package| package.cataloger == "spdx") => "spdx",
        ArtifactKind::Sbom => "cyclonedx",
    }
}

fn image_config(text: &str) -> (Option<serde_json::Value>, Option<JsonGap<'static>>) {
    if text.is_empty() {
        return (None, None);
    }
    if let Ok(value) = serde_json::from_str(text) {
        return (Some(value), None);
    }
    let gap = JsonGap::of_report("expected the image config to be JSON, found another text: it is left out");
    (None, Some(gap))
}

fn metadata(inventory: &Inventory, image_config: Option<serde_json::Value>) -> Metadata<'_> {
    let artifact = &inventory.artifact;
    Metadata {
        size: artifact.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.size_bytes)),
        os: inventory.os.as_ref().map(|os| Os { family: family(os), name: &os.version_id }),
        image_id: &artifact.config_digest,
        diff_ids: artifact.layers.iter().map(|layer| layer.diff_id.as_str()).collect(),
        repo_tags: &artifact.repo_tags,
        repo_digests: &artifact.repo_digests,
        image_config,
        layers: artifact
            .layers
            .iter()
            .map(|LayerInfo { diff_id, digest, size_bytes, created_by }| MetadataLayer {
                size: *size_bytes,
                digest,
                diff_id,
                created_by,
            })
            .collect(),
    }
}

/// The severity under one of the five words that Trivy's readers know.
fn trivy_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Negligible => Severity::Low.as_str(),
        other => other.as_str(),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;
    use plimsoll_model::FixState;
    use serde_json::Value;

    use super::*;
    use crate::sample;

    fn json(scan: &Scan) -> Value {
        let mut out = Vec::new();
        write_json(scan, &mut out).unwrap();
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn golden_report() {
        let text = serde_json::to_string_pretty(&report(&sample::scan(), "VERSION")).unwrap();
        expect_file!["../testdata/golden/report.json"].assert_eq(&(text + "\n"));
    }

    #[test]
    fn a_reader_of_trivys_report_finds_its_way() {
        let report = json(&sample::scan());
        assert_eq!(report["SchemaVersion"], 2);
        assert_eq!(report["ArtifactType"], "container_image");
        assert_eq!(report["Metadata"]["OS"]["Family"], "debian");
        assert_eq!(report["Results"][0]["Class"], "os-pkgs");
        let flaws = report["Results"][0]["Vulnerabilities"].as_array().unwrap();
        assert_eq!(flaws[0]["VulnerabilityID"], "CVE-2022-1292");
        assert_eq!(flaws[0]["Status"], "fixed");
        assert_eq!(flaws[0]["Layer"]["DiffID"], sample::digest('1'));
        assert_eq!(flaws[2]["Severity"], "LOW");
        assert_eq!(flaws[2]["Plimsoll"]["Severity"], "NEGLIGIBLE");
        assert_eq!(flaws[2]["Status"], "will_not_fix");
        assert!(flaws[2].get("FixedVersion").is_none());
        for result in report["Results"].as_array().unwrap() {
            for flaw in result["Vulnerabilities"].as_array().into_iter().flatten() {
                let severity = flaw["Severity"].as_str().unwrap();
                assert!(["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"].contains(&severity));
            }
        }
    }

    #[test]
    fn what_is_known_of_packages_and_fixes_is_said_and_nothing_else() {
        let mut scan = sample::scan();
        scan.inventory.packages[8].direct = Some(true);
        scan.inventory.packages[9].direct = Some(false);
        scan.findings[0].fixed_since = "2022-05-15T00:00:00Z".to_owned();
        let report = json(&scan);
        let results = report["Results"].as_array().unwrap();
        let said: Vec<&Value> = results
            .iter()
            .flat_map(|result| result["Packages"].as_array().into_iter().flatten())
            .filter_map(|package| package.get("Relationship"))
            .collect();
        assert_eq!(said, ["direct", "indirect"]);
        let since: Vec<&Value> = results
            .iter()
            .flat_map(|result| result["Vulnerabilities"].as_array().into_iter().flatten())
            .filter_map(|flaw| flaw["Plimsoll"].get("FixedSince"))
            .collect();
        assert_eq!(since, ["2022-05-15T00:00:00Z"]);
    }

    #[test]
    fn what_trivy_lacks_stands_under_a_key_of_its_own() {
        let mut scan = sample::scan();
        let report = json(&scan);
        let log4j = &report["Results"][3]["Vulnerabilities"][0]["Plimsoll"];
        assert_eq!(log4j["Risk"], 100.0);
        assert_eq!(log4j["EPSS"], serde_json::json!({ "Probability": 0.97565, "Percentile": 0.9999 }));
        assert_eq!(log4j["KnownExploited"]["DueDate"], "2021-12-24");
        assert_eq!(log4j["KnownExploited"]["Ransomware"], true);
        assert!(log4j.get("Malicious").is_none());
        let evil = &report["Results"][4]["Vulnerabilities"][1];
        assert_eq!(evil["Plimsoll"]["Malicious"], true);
        assert_eq!(evil["Plimsoll"]["SeverityFrom"], serde_json::json!({ "Kind": "malicious" }));
        assert_eq!(report["Plimsoll"]["Database"]["UpdatedAt"], "2023-11-08T06:00:00Z");
        scan.database.updated.clear();
        assert!(json(&scan)["Plimsoll"]["Database"].get("UpdatedAt").is_none());
    }

    #[test]
    fn what_a_distribution_clears_is_told_as_trivy_tells_it() {
        let mut scan = sample::scan();
        let report = json(&scan);
        let removed = &report["Results"][0]["ExperimentalModifiedFindings"][0];
        assert_eq!(removed["Type"], "vulnerability");
        assert_eq!(removed["Status"], "not_affected");
        assert_eq!(removed["Finding"]["PkgName"], "bash");
        assert_eq!(report["Plimsoll"]["NotAffected"][0]["Reason"], removed["Statement"]);
        scan.not_affected[0].package = 999;
        assert_eq!(json(&scan)["Plimsoll"]["NotAffected"][0]["PkgName"], "");
    }

    #[test]
    fn states_of_fixes_have_trivys_names() {
        let mut scan = sample::scan();
        for (fix, status) in [
            (FixState::Fixed("1".to_owned()), "fixed"),
            (FixState::NotFixed, "affected"),
            (FixState::WillNotFix, "will_not_fix"),
            (FixState::FixDeferred, "fix_deferred"),
            (FixState::UnderInvestigation, "under_investigation"),
            (FixState::EndOfLife, "end_of_life"),
        ] {
            scan.findings[0].fix = fix;
            assert_eq!(json(&scan)["Results"][0]["Vulnerabilities"][0]["Status"], status);
        }
    }

    #[test]
    fn every_finding_is_listed_once_with_all_its_places() {
        let scan = sample::scan();
        let report = json(&scan);
        let flaws: Vec<&Value> = report["Results"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|result| result["Vulnerabilities"].as_array().into_iter().flatten())
            .collect();
        assert_eq!(flaws.len(), scan.findings.len());
        let http2 = flaws.iter().find(|flaw| flaw["VulnerabilityID"] == "CVE-2023-39325").unwrap();
        assert_eq!(http2["Plimsoll"]["Paths"], serde_json::json!(["usr/bin/agent", "usr/bin/app"]));
        assert_eq!(http2["PkgPath"], "usr/bin/agent");
    }

    #[test]
    fn lists_that_are_empty_are_left_out_as_trivy_does() {
        let mut scan = sample::scan();
        scan.findings.clear();
        scan.decision.rulings.clear();
        assert!(json(&scan)["Results"][0].get("Vulnerabilities").is_none());
        scan.inventory = Inventory::default();
        scan.undetermined.clear();
        let empty = json(&scan);
        assert!(empty.get("Results").is_none());
        assert_eq!(empty["Plimsoll"]["Packages"], 0);
    }

    #[test]
    fn a_config_that_is_no_json_is_a_gap() {
        let mut scan = sample::scan();
        scan.inventory.artifact.config = "{".to_owned();
        let report = json(&scan);
        assert!(report["Metadata"].get("ImageConfig").is_none());
        let gaps = report["Plimsoll"]["Gaps"].as_array().unwrap();
        assert_eq!(gaps.last().unwrap()["Reporter"], "report");
    }

    #[test]
    fn an_index_out_of_place_does_not_panic() {
        let mut scan = sample::scan();
        scan.findings[0].packages = vec![999];
        scan.undetermined[0].package = 999;
        scan.decision.rulings.push(scan.decision.rulings[0].clone());
        json(&scan);
    }
}
