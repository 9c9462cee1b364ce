//! SARIF 2.1.0, which GitHub code scanning and many editors show.
//!
//! A rule is a flaw, a result is a flaw in a package at one place: GitHub shows a result's first location alone. A
//! fingerprint is made of flaw, package and place without the version, so that an alert stays the same one from run to
//! run. `automationDetails` names the artifact without tag and digest, so that the images of one repository do not
//! replace each other. What could not be read or decided are notifications of the run, and notices about policy,
//! waivers and VEX those of its configuration; what the distribution clears, the verdict and the database stand in the
//! run's properties.
//!
//! A result's level is what the gate said: an `error` fails it, a `warning` is warned of. One on which no rule held has
//! the level of its severity, of which `error` is left to those that fail; where no rule was asked, severities alone
//! decide. What rules, waivers and VEX statements suppress are results with `suppressions`: that tells a reader more than
//! their absence, which GitHub would take for a fix. With a baseline, results are `new` or `unchanged`.
//!
//! A colon in a path is escaped: GitHub refuses a report whose paths look like addresses of another scheme. It takes
//! 25,000 results a run.
//!
//! Source: OASIS SARIF 2.1.0; GitHub, "SARIF support for code scanning".

mod rule;

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::Write;

use plimsoll_model::{ArtifactKind, Newness, Outcome, Package, Scan, Severity, Suppressed};
use serde_json::{Value, json};

use crate::Error;
use crate::facts;
use crate::format::{Report, ReportFormat, write_document};
use crate::judgement::{self, Judged, Numbers};
use crate::terminal::printable;
use rule::rules;

/// The format's entry.
pub(crate) const FORMAT: ReportFormat = ReportFormat {
    name: "sarif",
    extension: "sarif",
    media_type: "application/sarif+json",
    summary: "SARIF 2.1.0, for GitHub code scanning and editors",
    needs_instant: false,
    needs_context: false,
    shows_findings: true,
    write,
};

/// Name of the base that all paths are relative to.
const BASE: &str = "ROOT";

fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let scan = report.scan;
    let (rules, rule_of) = rules(scan);
    let mut run = json!({
        "tool": { "driver": {
            "name": "plimsoll",
            "fullName": "Plimsoll container image scanner",
            "informationUri": "https://github.com/plimsoll-scan/plimsoll",
            "version": report.tool_version,
            "rules": rules,
        } },
        "automationDetails": { "id": category(scan) },
        "invocations": [invocation(scan, report.optional_instant("SARIF")?)],
        "originalUriBaseIds": { BASE: { "description": { "text": base_description(scan) } } },
        "results": results(scan, &rule_of),
        "columnKind": "unicodeCodePoints",
        "properties": properties(scan),
    });
    if scan.inventory.artifact.kind == ArtifactKind::ContainerImage {
        run["properties"]["imageName"] = json!(scan.inventory.artifact.name);
        run["properties"]["repoTags"] = json!(scan.inventory.artifact.repo_tags);
        run["properties"]["repoDigests"] = json!(scan.inventory.artifact.repo_digests);
    }
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    });
    write_document("SARIF", &document, out)
}

/// The category of the alerts, which ends in `/`: the part behind it would be the run.
fn category(scan: &Scan) -> String {
    let artifact = &scan.inventory.artifact;
    let name = match artifact.kind {
        ArtifactKind::ContainerImage => repository(&artifact.name),
        ArtifactKind::Filesystem | ArtifactKind::Sbom => &artifact.name,
    };
    let name = facts::uri_path(name);
    if name.is_empty() { "plimsoll/".to_owned() } else { format!("plimsoll/{name}/") }
}

/// The reference without tag and digest.
pub(crate) fn repository(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or(reference);
    match name.rfind(':') {
        Some(colon) if name.rfind('/').is_none_or(|slash| slash < colon) => &name[..colon],
        _ => name,
    }
}

fn base_description(scan: &Scan) -> String {
    let name = printable(&scan.inventory.artifact.name);
    match scan.inventory.artifact.kind {
        ArtifactKind::ContainerImage => format!("the root of the file system of image {name}"),
        ArtifactKind::Filesystem => format!("the scanned folder {name}"),
        ArtifactKind::Sbom => format!("the root of what SBOM {name} describes"),
    }
}

/// How the scan went: gaps and what is undetermined are notifications.
fn invocation(scan: &Scan, created: Option<&str>) -> Value {
    let mut notifications: Vec<Value> = facts::gaps(scan)
        .map(|gap| {
            let mut notification = json!({
                "level": "warning",
                "descriptor": { "id": "gap" },
                "message": { "text": message(&format!("could not be read or matched: {}", facts::gap_line(gap))) },
            });
            if !gap.path.is_empty() {
                notification["locations"] = json!([location(&gap.path, "")]);
            }
            notification
        })
        .collect();
    for item in &scan.undetermined {
        let package = scan.inventory.packages.get(item.package);
        let (name, version) = package.map_or(("", ""), |package| (&package.name, &package.version));
        notifications.push(json!({
            "level": "warning",
            "descriptor": { "id": "undetermined" },
            "message": { "text": message(&format!(
                "whether {} ({}) holds for {name} {version} could not be decided: {}", item.id, item.advisory, item.reason
            )) },
        }));
    }
    let mut invocation = json!({ "executionSuccessful": true, "toolExecutionNotifications": notifications });
    if !scan.notices.is_empty() {
        let notices = scan.notices.iter().map(|notice| {
            json!({
                "level": if judgement::is_warning(notice.kind) { "warning" } else { "note" },
                "descriptor": { "id": notice.kind.as_str() },
                "message": { "text": message(&judgement::notice_line(notice)) },
            })
        });
        invocation["toolConfigurationNotifications"] = notices.collect();
    }
    if let Some(created) = created {
        invocation["endTimeUtc"] = json!(created);
    }
    invocation
}

fn properties(scan: &Scan) -> Value {
    let not_affected: Vec<Value> = scan
        .not_affected
        .iter()
        .map(|not| {
            let package = scan.inventory.packages.get(not.package);
            json!({
                "id": not.id,
                "advisory": not.advisory,
                "package": package.map_or("", |package| &package.name),
                "version": package.map_or("", |package| &package.version),
                "reason": not.reason,
            })
        })
        .collect();
    let mut own = json!({
        "verdict": scan.decision.verdict,
        "rules": scan.decision.rules,
        "databaseDigest": scan.database.digest,
        "ignoredUnfixed": scan.decision.ignored_unfixed.total(),
        "notAffected": not_affected,
    });
    if let Some(baseline) = &scan.baseline {
        own["baseline"] = json!({
            "name": baseline.name,
            "manifestDigest": baseline.manifest_digest,
            "databaseDigest": baseline.database_digest,
            "gone": baseline.gone.total(),
        });
    }
    json!({ "plimsoll": own })
}

/// The level of a severity: a rule's.
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Negligible | Severity::Unknown => "note",
    }
}

/// The level of a result.
fn level_of(scan: &Scan, judged: &Judged<'_>) -> &'static str {
    match judged.outcome() {
        _ if judged.suppressed.is_some() => "note",
        Outcome::Failed => "error",
        Outcome::Warned => "warning",
        Outcome::Passed => match level(facts::severity(judged.finding)) {
            "error" if !scan.decision.rules.is_empty() => "warning",
            level => level,
        },
    }
}

fn results(scan: &Scan, rule_of: &HashMap<&str, usize>) -> Vec<Value> {
    let mut numbers = Numbers::of(scan, facts::fingerprint);
    let mut results = Vec::new();
    for judged in judgement::counted(scan).chain(judgement::suppressed(scan)) {
        let finding = judged.finding;
        let mut places = BTreeSet::new();
        for &index in &finding.packages {
            let Some(package) = scan.inventory.packages.get(index) else { continue };
            if !places.insert(facts::place(package)) {
                continue;
            }
            let fingerprint = facts::fingerprint(finding, package);
            let number = numbers.take(&fingerprint, index);
            let rule = rule_of[finding.id.as_str()];
            results.push(result(scan, &judged, package, rule, &fingerprint, number));
        }
    }
    results
}

fn result(
    scan: &Scan,
    judged: &Judged<'_>,
    package: &Package,
    rule_index: usize,
    fingerprint: &str,
    number: usize,
) -> Value {
    let finding = judged.finding;
    let title = facts::title(finding, &package.name);
    let mut text = format!("{} {}: {title}. ", package.name, package.version);
    let _ = write!(text, "Fix: {}.", facts::solution(finding, &package.name));
    if let Some(words) = judged.words() {
        let _ = write!(text, " {words}.");
    }
    if let Some(words) = judgement::new_words(finding) {
        let _ = write!(text, " New: {words}.");
    }
    let mut result = json!({
        "ruleId": finding.id,
        "ruleIndex": rule_index,
        "level": level_of(scan, judged),
        "message": { "text": message(&text) },
        "locations": [place_of(scan, package)],
        "partialFingerprints": {
            "primaryLocationLineHash": format!("{}:{number}", &fingerprint[..16]),
            "plimsoll/v1": format!("{fingerprint}:{number}"),
        },
        "properties": result_properties(scan, judged, package),
    });
    // A reader that meets one result with suppressions expects to see them, though empty, in all.
    if !scan.suppressed.is_empty() {
        result["suppressions"] = judged.suppressed.map(suppression).into_iter().collect();
    }
    match finding.new {
        Some(Newness::Added | Newness::Learnt) => result["baselineState"] = json!("new"),
        Some(Newness::Known) => result["baselineState"] = json!("unchanged"),
        None => {}
    }
    result
}

fn result_properties(scan: &Scan, judged: &Judged<'_>, package: &Package) -> Value {
    let finding = judged.finding;
    let mut properties = json!({
        "severity": facts::severity(finding).as_str(),
        "risk": f64::from(finding.risk) / 10.0,
        "fixState": facts::fix_word(&finding.fix),
        "purl": package.purl(scan.inventory.os.as_ref()).to_string(),
        "outcome": judged.outcome_word(),
        "failedRules": judged.failed_rule().into_iter().collect::<Vec<_>>(),
    });
    if let Some(ruling) = judged.ruling.filter(|ruling| ruling.outcome == Outcome::Warned) {
        properties["warnedBy"] = json!(ruling.rule);
    }
    if let Some(due) = judged.due() {
        properties["due"] = json!(due);
    }
    if !judged.notes().is_empty() {
        properties["notes"] = json!(judged.notes());
    }
    if let Some(new) = finding.new {
        properties["new"] = json!(new.as_str());
    }
    if let Some(inherited) = scan.inventory.is_inherited(package) {
        properties["inherited"] = json!(inherited);
    }
    if let Some(layer) = package.introduced_in.as_ref().or(package.layer.as_ref()) {
        properties["layerDiffId"] = json!(layer.diff_id);
    }
    properties
}

/// Who says that a result does not count. All of it is written outside of what was scanned.
///
/// Source: SARIF 2.1.0, section 3.35.
fn suppression(suppressed: &Suppressed) -> Value {
    let mut properties = json!({
        "kind": suppressed.kind.as_str(),
        "by": suppressed.by,
        "reason": suppressed.reason,
        "origin": suppressed.origin,
    });
    if let Some(until) = &suppressed.until {
        properties["until"] = json!(until);
    }
    json!({
        "kind": "external",
        "status": "accepted",
        "justification": printable(&suppressed.words()),
        "properties": properties,
    })
}

/// Where the package is: its file, or the artifact's name where no file is known.
fn place_of(scan: &Scan, package: &Package) -> Value {
    let place = facts::place(package);
    let name = format!("{} {}", package.name, package.version);
    if place.is_empty() {
        location(&scan.inventory.artifact.name, &name)
    } else {
        location(&package.path, &name)
    }
}

fn location(path: &str, what: &str) -> Value {
    let uri = facts::uri_path(path);
    let uri = if uri.is_empty() { "unknown".to_owned() } else { uri };
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri, "uriBaseId": BASE },
            "region": { "startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1 },
        },
    });
    if !what.is_empty() {
        location["message"] = json!({ "text": message(&format!("{path}: {what}")) });
    }
    location
}

/// A foreign text as SARIF's plain message: braces are doubled, and what would begin a link is escaped.
///
/// Source: SARIF 2.1.0, sections 3.11.5 and 3.11.6.
fn message(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '{' | '}' => out.extend([c, c]),
            '[' | ']' | '\\' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
#[path = "sarif_tests.rs"]
mod tests;
