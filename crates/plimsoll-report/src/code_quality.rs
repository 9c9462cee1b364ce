//! Issues as Code Climate's engines write them, and as GitLab's code quality report reads them.
//!
//! What could not be read or decided is an issue of severity `info`.
//!
//! Source: Code Climate analyzer specification, "Issues"; GitLab, "Code Quality report format".

use std::collections::BTreeMap;
use std::io::Write;

use plimsoll_model::{Finding, Package, Scan, Severity};
use serde_json::{Value, json};

use crate::Error;
use crate::facts;
use crate::format::{Report, ReportFormat, write_document};
use crate::terminal::printable;

/// The format's entry.
pub(crate) const FORMAT: ReportFormat = ReportFormat {
    name: "code-quality",
    extension: "gl-code-quality-report.json",
    media_type: "application/json",
    summary: "Code Climate issues, for GitLab's code quality report",
    needs_instant: false,
    needs_context: false,
    shows_findings: true,
    write,
};

fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), Error> {
    write_document("code quality", &issues(report.scan), out)
}

fn issues(scan: &Scan) -> Vec<Value> {
    let mut issues = Vec::new();
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let mut push = |mut issue: Value, parts: &[&str]| {
        // Issues of one fingerprint are one issue to GitLab.
        let hash = facts::hash(parts);
        let number = taken.entry(hash.clone()).or_default();
        *number += 1;
        let fingerprint = if *number == 1 { hash } else { facts::hash(&[&hash, &number.to_string()]) };
        issue["fingerprint"] = json!(&fingerprint[..32]);
        issues.push(issue);
    };
    for finding in &scan.findings {
        for package in facts::packages(scan, finding) {
            let place = facts::place(package);
            let issue = issue(scan, &finding.id, &description(finding, package), severity(finding), &place);
            push(issue, &[&facts::fingerprint(finding, package), "finding"]);
        }
    }
    for item in &scan.undetermined {
        let package = scan.inventory.packages.get(item.package);
        let (name, version) = package.map_or(("?", ""), |package| (&package.name, &package.version));
        let text = format!("{name} {version}: {} could not be decided: {}", item.id, item.reason);
        let place = package.map(facts::place).unwrap_or_default();
        push(issue(scan, "undetermined", &text, "info", &place), &["undetermined", &item.id, name, version]);
    }
    for gap in facts::gaps(scan) {
        let text = format!("could not be read: {}", facts::gap_line(gap));
        push(issue(scan, "gap", &text, "info", &gap.path), &["gap", &gap.path, &gap.place, &gap.reason]);
    }
    issues
}

fn issue(scan: &Scan, check: &str, description: &str, severity: &str, path: &str) -> Value {
    let path = if path.is_empty() { scan.inventory.artifact.name.as_str() } else { path };
    json!({
        "type": "issue",
        "engine_name": "plimsoll",
        "check_name": printable(check),
        "description": printable(description),
        "categories": ["Security"],
        "severity": severity,
        "location": { "path": printable(path), "lines": { "begin": 1, "end": 1 } },
    })
}

fn description(finding: &Finding, package: &Package) -> String {
    format!(
        "{} {}: {}: {}; {}",
        package.name,
        package.version,
        finding.id,
        facts::title(finding, &package.name),
        facts::solution(finding, &package.name)
    )
}

fn severity(finding: &Finding) -> &'static str {
    match facts::severity(finding) {
        Severity::Critical => "blocker",
        Severity::High => "critical",
        Severity::Medium => "major",
        Severity::Low => "minor",
        Severity::Negligible | Severity::Unknown => "info",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use expect_test::expect_file;

    use super::*;
    use crate::sample;

    #[test]
    fn golden_report() {
        let mut out = Vec::new();
        write(&Report::new(&sample::scan()), &mut out).unwrap();
        expect_file!["../testdata/golden/report.code-quality.json"]
            .assert_eq(&String::from_utf8(out).unwrap());
    }

    #[test]
    fn fingerprints_are_unique_and_do_not_know_the_version() {
        let mut scan = sample::scan();
        let twin = scan.findings[0].clone();
        scan.findings.insert(0, twin);
        let prints = |scan: &Scan| -> Vec<String> {
            issues(scan).iter().map(|issue| issue["fingerprint"].as_str().unwrap().to_owned()).collect()
        };
        let before = prints(&scan);
        assert_eq!(before.iter().collect::<BTreeSet<_>>().len(), before.len());
        scan.inventory.packages[1].version = "1.1.1n-0+deb11u3.1".to_owned();
        assert_eq!(prints(&scan), before);
    }
}
