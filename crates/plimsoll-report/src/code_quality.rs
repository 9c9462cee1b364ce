//! Issues as Code Climate's engines write them, and as GitLab's code quality report reads them.
//!
//! What could not be read or decided is an issue of severity `info`, and so is each notice about policy, waivers and VEX.
//! What rules, waivers and VEX statements suppress is left out, as an issue would count, and told in one of `info`.
//!
//! Source: Code Climate analyzer specification, "Issues"; GitLab, "Code Quality report format".

use std::collections::BTreeMap;
use std::io::Write;

use plimsoll_model::{Finding, Outcome, Package, Scan, Severity};
use serde_json::{Value, json};

use crate::Error;
use crate::facts;
use crate::format::{Report, ReportFormat, write_document};
use crate::judgement::{self, Judged, Numbers};
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
    let key = |finding: &Finding, package: &Package| {
        facts::hash(&[&facts::fingerprint(finding, package), "finding"])
    };
    let mut numbers = Numbers::of(scan, key);
    for judged in judgement::counted(scan) {
        let finding = judged.finding;
        for &index in &finding.packages {
            let Some(package) = scan.inventory.packages.get(index) else { continue };
            let text = description(&judged, package);
            let issue = issue(scan, &finding.id, &text, severity(finding), &facts::place(package));
            let key = key(finding, package);
            let number = numbers.take(&key, index);
            issues.push(with_fingerprint(issue, &key, number));
        }
    }
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let mut push = |issue: Value, parts: &[&str]| {
        let hash = facts::hash(parts);
        let number = taken.entry(hash.clone()).or_default();
        *number += 1;
        issues.push(with_fingerprint(issue, &hash, *number));
    };
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
    for notice in &scan.notices {
        let kind = notice.kind.as_str();
        let text = judgement::notice_line(notice);
        push(issue(scan, kind, &text, "info", ""), &["notice", kind, &notice.origin, &notice.text]);
    }
    if let Some(number) = judgement::suppressed_number(scan) {
        let text = format!("suppressed findings, which are left out: {number}");
        push(issue(scan, "suppressed", &text, "info", ""), &["suppressed"]);
    }
    issues
}

/// Issues of one fingerprint are one issue to GitLab.
fn with_fingerprint(mut issue: Value, hash: &str, number: usize) -> Value {
    let fingerprint = if number == 1 { hash.to_owned() } else { facts::hash(&[hash, &number.to_string()]) };
    issue["fingerprint"] = json!(&fingerprint[..32]);
    issue
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

fn description(judged: &Judged<'_>, package: &Package) -> String {
    let finding = judged.finding;
    let mut text = format!(
        "{} {}: {}: {}; {}",
        package.name,
        package.version,
        finding.id,
        facts::title(finding, &package.name),
        facts::solution(finding, &package.name)
    );
    if judged.outcome() != Outcome::Passed {
        text.extend(judged.words().iter().flat_map(|words| ["; ", words]));
    }
    if let Some(words) = judgement::new_words(finding) {
        text.extend(["; new: ", words]);
    }
    text
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
