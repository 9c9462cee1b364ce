//! GitLab's container scanning report, which merge requests and the vulnerability report show.
//!
//! Gaps and what is undetermined are messages of the scan, and so are notices about policy, waivers and VEX. What rules,
//! waivers and VEX statements suppress is left out, since GitLab would show it as found, and told in messages. The
//! distribution's word that a flaw does not hold has no place in the format and is counted in a message.
//!
//! Source: GitLab security report schemas 15.0, `container-scanning-report-format.json`; GitLab, "Security scanner
//! integration".

use std::io::Write;

use plimsoll_cvss::CvssVersion;
use plimsoll_model::{ArtifactKind, Finding, Outcome, Package, RatingScale, Scan, Severity};
use serde_json::{Value, json};

use crate::Error;
use crate::facts;
use crate::format::{Report, ReportFormat, write_document};
use crate::json::primary_url;
use crate::judgement::{self, Judged, Numbers};
use crate::terminal::printable;

/// The format's entry.
pub(crate) const FORMAT: ReportFormat = ReportFormat {
    name: "gitlab",
    extension: "gl-container-scanning-report.json",
    media_type: "application/json",
    summary: "GitLab container scanning report (schema 15.0)",
    needs_instant: true,
    needs_context: false,
    shows_findings: true,
    write,
};

/// The version of the schema.
const SCHEMA_VERSION: &str = "15.0.7";

/// Longest name, in characters.
const MAX_NAME_CHARS: usize = 255;

/// Longest solution, in characters.
const MAX_SOLUTION_CHARS: usize = 7000;

/// Longest description, in characters; the schema has 1,048,576.
const MAX_DESCRIPTION_CHARS: usize = 100_000;

/// Suppressed findings that are named in messages; the others are counted.
const MAX_SUPPRESSED: usize = 50;

/// CVSS vectors of one vulnerability.
const MAX_VECTORS: usize = 10;

/// Longest CVSS vector, in bytes.
const MAX_VECTOR_BYTES: usize = 128;

fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), Error> {
    // GitLab's instants have no zone and are UTC.
    let instant = report.instant("GitLab")?.trim_end_matches('Z');
    let scan = report.scan;
    let tool = json!({
        "id": "plimsoll",
        "name": "Plimsoll",
        "url": "https://github.com/plimsoll-scan/plimsoll",
        "version": report.tool_version,
        "vendor": { "name": "Plimsoll" },
    });
    let document = json!({
        "version": SCHEMA_VERSION,
        "scan": {
            "analyzer": tool,
            "scanner": tool,
            "type": "container_scanning",
            "start_time": instant,
            "end_time": instant,
            "status": "success",
            "messages": messages(scan),
        },
        "vulnerabilities": vulnerabilities(scan),
        "remediations": [],
    });
    write_document("GitLab", &document, out)
}

fn messages(scan: &Scan) -> Vec<Value> {
    let message = |level: &str, text: &str| json!({ "level": level, "value": printable(text) });
    let mut messages: Vec<Value> =
        facts::gaps(scan).map(|gap| message("warn", &format!("gap: {}", facts::gap_line(gap)))).collect();
    for item in &scan.undetermined {
        let package = scan.inventory.packages.get(item.package);
        let (name, version) = package.map_or(("?", ""), |package| (&package.name, &package.version));
        let text = format!("undetermined: {} in {name} {version}: {}", item.id, item.reason);
        messages.push(message("warn", &text));
    }
    if !scan.not_affected.is_empty() {
        let text = format!("findings that the distribution clears: {}", scan.not_affected.len());
        messages.push(message("info", &text));
    }
    for notice in &scan.notices {
        let level = if judgement::is_warning(notice.kind) { "warn" } else { "info" };
        messages.push(message(level, &judgement::notice_line(notice)));
    }
    if let Some(number) = judgement::suppressed_number(scan) {
        messages.push(message("info", &format!("suppressed findings, which are left out: {number}")));
    }
    for suppressed in scan.suppressed.iter().take(MAX_SUPPRESSED) {
        messages.push(message("info", &judgement::suppressed_line(scan, suppressed)));
    }
    if let more @ 1.. = scan.suppressed.len().saturating_sub(MAX_SUPPRESSED) {
        messages.push(message("info", &format!("and {more} more suppressed findings")));
    }
    messages
}

fn vulnerabilities(scan: &Scan) -> Vec<Value> {
    let image = image(scan);
    let system = operating_system(scan);
    let key = |finding: &Finding, package: &Package| {
        facts::hash(&[&facts::fingerprint(finding, package), &package.version, &image])
    };
    let mut numbers = Numbers::of(scan, key);
    let mut all = Vec::new();
    for judged in judgement::counted(scan) {
        for &index in &judged.finding.packages {
            let Some(package) = scan.inventory.packages.get(index) else { continue };
            let key = key(judged.finding, package);
            let number = numbers.take(&key, index);
            let id = facts::uuid(&facts::hash(&[&key, &number.to_string()]));
            let mut location = json!({
                "dependency": {
                    "package": { "name": printable(&package.name) },
                    "version": printable(&package.version),
                },
                "operating_system": system,
                "image": image,
            });
            if let Some(direct) = package.direct {
                location["dependency"]["direct"] = json!(direct);
            }
            all.push(vulnerability(&judged, package, &id, &location));
        }
    }
    all
}

fn vulnerability(judged: &Judged<'_>, package: &Package, id: &str, location: &Value) -> Value {
    let finding = judged.finding;
    // GitLab's names are of the flaw, not of the package that has it.
    let title = if finding.title.is_empty() { &finding.id } else { &finding.title };
    let title = printable(title).into_owned();
    let description = if finding.description.is_empty() { &title } else { &finding.description };
    let solution = facts::solution(finding, &package.name);
    let mut value = json!({
        "id": id,
        "name": facts::at_most(&title, MAX_NAME_CHARS),
        "description": facts::at_most(description, MAX_DESCRIPTION_CHARS),
        "severity": severity(facts::severity(finding)),
        "solution": facts::at_most(&printable(&solution), MAX_SOLUTION_CHARS),
        "identifiers": identifiers(finding),
        "links": facts::links(finding).map(|url| json!({ "url": url })).collect::<Vec<_>>(),
        "location": location,
        "details": details(judged, package),
    });
    let vectors = vectors(finding);
    if !vectors.is_empty() {
        value["cvss_vectors"] = json!(vectors);
    }
    value
}

/// CVSS vectors of the versions that the schema knows, which are 2.0 and 3.x.
fn vectors(finding: &Finding) -> Vec<Value> {
    finding
        .ratings
        .iter()
        .filter_map(|rating| {
            let RatingScale::Cvss(vector) = &rating.scale else { return None };
            let known = match plimsoll_cvss::score(vector).ok()?.version {
                CvssVersion::V2_0 | CvssVersion::V3_0 | CvssVersion::V3_1 => vector.len() <= MAX_VECTOR_BYTES,
                CvssVersion::V4_0 => false,
            };
            known.then(|| json!({ "vendor": vendor(&rating.source), "vector": vector }))
        })
        .take(MAX_VECTORS)
        .collect()
}

fn vendor(source: &str) -> &str {
    if source.is_empty() { "unknown" } else { source }
}

/// What GitLab shows below a vulnerability.
fn details(judged: &Judged<'_>, package: &Package) -> Value {
    let finding = judged.finding;
    let text = |name: &str, value: &str| json!({ "type": "text", "name": name, "value": printable(value) });
    let mut details = json!({ "fix_state": text("Fix", facts::fix_word(&finding.fix)) });
    let place = facts::place(package);
    if !place.is_empty() {
        details["path"] = text("Path", &place);
    }
    if let Some(layer) = package.introduced_in.as_ref().or(package.layer.as_ref()) {
        details["layer"] = text("Layer", &layer.diff_id);
    }
    if let Some(entry) = &finding.kev {
        details["known_exploited"] = text("Known to be exploited since", &entry.date_added);
    }
    if let Some(epss) = finding.epss {
        details["epss"] = text("EPSS", &format!("{:.2}%", f64::from(epss.probability) / 1000.0));
    }
    if let Some(ruling) = judged.ruling {
        let words = judgement::rule_words(ruling);
        match ruling.outcome {
            Outcome::Failed => details["failed_rules"] = text("Fails the gate", &words),
            Outcome::Warned => details["warning"] = text("Warning", &words),
            Outcome::Passed => {}
        }
    }
    if let Some(words) = judgement::new_words(finding) {
        details["new"] = text("New since the baseline", words);
    }
    details
}

/// The first one is what GitLab knows the vulnerability by: the CVE.
fn identifiers(finding: &Finding) -> Vec<Value> {
    std::iter::once(&finding.id)
        .chain(&finding.aliases)
        .map(|id| {
            let kind = match id.split_once('-').map(|(prefix, _)| prefix) {
                Some("CVE") => "cve",
                Some("GHSA") => "ghsa",
                Some("RHSA") => "rhsa",
                Some("USN") => "usn",
                Some("ELSA") => "elsa",
                _ => "plimsoll",
            };
            let mut identifier = json!({
                "type": kind,
                "name": facts::at_most(&printable(id), MAX_NAME_CHARS),
                "value": facts::at_most(&printable(id), MAX_NAME_CHARS),
            });
            let url = primary_url(id);
            if !url.is_empty() {
                identifier["url"] = json!(url);
            }
            identifier
        })
        .collect()
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "Critical",
        Severity::High => "High",
        Severity::Medium => "Medium",
        Severity::Low => "Low",
        Severity::Negligible => "Info",
        Severity::Unknown => "Unknown",
    }
}

/// The image as the schema wants it, a name and a tag or digest.
fn image(scan: &Scan) -> String {
    let artifact = &scan.inventory.artifact;
    let name: String = printable(&artifact.name).into_owned();
    let has_tag = name.rsplit('/').next().is_some_and(|last| last.contains(':'));
    let name = if has_tag || artifact.kind != ArtifactKind::ContainerImage {
        name
    } else {
        format!("{name}:latest")
    };
    let name = name.trim_start_matches(':');
    let name = match (name.is_empty(), name.contains(':')) {
        (true, _) => "unknown:latest".to_owned(),
        (false, true) => name.to_owned(),
        (false, false) => format!("dir:{name}"),
    };
    facts::at_most(&name, MAX_NAME_CHARS)
}

fn operating_system(scan: &Scan) -> String {
    let Some(os) = &scan.inventory.os else { return "Unknown".to_owned() };
    let text = format!("{} {}", os.id, os.version_id);
    let text = facts::at_most(printable(text.trim()).trim(), MAX_NAME_CHARS);
    if text.is_empty() { "Unknown".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use expect_test::expect_file;

    use super::*;
    use crate::sample;

    fn text(scan: &Scan) -> String {
        sample::written(scan, write)
    }

    #[test]
    fn golden_report() {
        expect_file!["../testdata/golden/report.gitlab.json"].assert_eq(&text(&sample::scan()));
    }

    #[test]
    fn what_the_schema_asks_is_there() {
        let mut scan = sample::scan();
        scan.findings[0].packages = vec![1, 1];
        let report: Value = serde_json::from_str(&text(&scan)).unwrap();
        assert_eq!(report["scan"]["start_time"], "2023-11-08T12:00:00");
        let mut ids = BTreeSet::new();
        for vulnerability in report["vulnerabilities"].as_array().unwrap() {
            assert!(ids.insert(vulnerability["id"].as_str().unwrap().to_owned()), "{vulnerability}");
            assert!(!vulnerability["identifiers"].as_array().unwrap().is_empty());
            for field in ["operating_system", "image"] {
                assert!(!vulnerability["location"][field].as_str().unwrap().is_empty());
            }
        }
        assert_eq!(ids.len(), 12, "ten findings, two of them at two places");
        assert_eq!(report["scan"]["messages"].as_array().unwrap().len(), 5);
    }

    #[test]
    fn an_image_has_a_name_and_a_tag() {
        let mut scan = sample::scan();
        for (kind, name, image) in [
            (ArtifactKind::ContainerImage, "alpine", "alpine:latest"),
            (ArtifactKind::ContainerImage, "localhost:5000/app", "localhost:5000/app:latest"),
            (ArtifactKind::ContainerImage, "a/b:1@sha256:0", "a/b:1@sha256:0"),
            (ArtifactKind::Filesystem, ".", "dir:."),
            (ArtifactKind::Sbom, "", "unknown:latest"),
        ] {
            scan.inventory.artifact.kind = kind;
            name.clone_into(&mut scan.inventory.artifact.name);
            assert_eq!(super::image(&scan), image);
        }
    }
}
