//! CSV, for spreadsheets and databases: a line for each place of a finding, those that are suppressed among them, and for
//! each gap, undetermined or cleared one, and notice.
//!
//! A cell that a spreadsheet would take for a formula has an apostrophe before it.
//!
//! Source: RFC 4180; OWASP, "CSV Injection".

use std::borrow::Cow;
use std::io::Write;

use plimsoll_model::{Outcome, Package, Scan};

use crate::Error;
use crate::facts;
use crate::format::{Report, ReportFormat, write_text};
use crate::json::primary_url;
use crate::judgement::{self, Judged};
use crate::terminal::printable;

/// The format's entry.
pub(crate) const FORMAT: ReportFormat = ReportFormat {
    name: "csv",
    extension: "csv",
    media_type: "text/csv",
    summary: "CSV, one line for each place of a finding, for spreadsheets",
    needs_instant: false,
    needs_context: false,
    shows_findings: true,
    write,
};

/// The columns. New ones are added at the end.
const COLUMNS: &[&str] = &[
    "record",
    "artifact",
    "id",
    "aliases",
    "severity",
    "severity_source",
    "cvss_score",
    "epss",
    "known_exploited",
    "risk",
    "malicious",
    "type",
    "package",
    "version",
    "fix_state",
    "fixed_version",
    "path",
    "layer",
    "failed_rules",
    "title",
    "url",
    "reason",
    "purl",
    "outcome",
    "rule",
    "due",
    "new",
    "suppressed_by",
    "suppressed_until",
    "fixed_since",
    "direct",
    "inherited",
];

/// A line: its cells by column, empty where nothing is said.
#[derive(Default)]
struct Row<'a> {
    record: &'a str,
    id: &'a str,
    aliases: String,
    severity: &'a str,
    severity_source: &'a str,
    cvss_score: String,
    epss: String,
    known_exploited: &'a str,
    risk: String,
    malicious: &'a str,
    fix_state: &'a str,
    fixed_version: &'a str,
    path: String,
    failed_rules: String,
    title: &'a str,
    url: String,
    reason: String,
    outcome: &'a str,
    rule: &'a str,
    due: &'a str,
    new: &'a str,
    suppressed_by: &'a str,
    suppressed_until: &'a str,
    fixed_since: &'a str,
}

fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let scan = report.scan;
    let mut text = COLUMNS.join(",");
    text.push_str("\r\n");
    for judged in judgement::counted(scan).chain(judgement::suppressed(scan)) {
        for number in &judged.finding.packages {
            let package = scan.inventory.packages.get(*number);
            line(scan, package, &row(&judged, package), &mut text);
        }
    }
    for item in &scan.undetermined {
        let package = scan.inventory.packages.get(item.package);
        let path = package.map(facts::place).unwrap_or_default();
        let row =
            Row { record: "undetermined", id: &item.id, path, reason: item.reason.clone(), ..Row::default() };
        line(scan, package, &row, &mut text);
    }
    for not in &scan.not_affected {
        let package = scan.inventory.packages.get(not.package);
        let path = package.map(facts::place).unwrap_or_default();
        let row =
            Row { record: "not_affected", id: &not.id, path, reason: not.reason.clone(), ..Row::default() };
        line(scan, package, &row, &mut text);
    }
    for gap in facts::gaps(scan) {
        let reason = format!("{} ({})", gap.reason, gap.reporter);
        let path = format!("{} {}", gap.path, gap.place).trim().to_owned();
        line(scan, None, &Row { record: "gap", path, reason, ..Row::default() }, &mut text);
    }
    for notice in &scan.notices {
        let row = Row {
            record: "notice",
            id: notice.kind.as_str(),
            path: notice.origin.clone(),
            reason: notice.text.clone(),
            ..Row::default()
        };
        line(scan, None, &row, &mut text);
    }
    write_text("CSV", &text, out)
}

fn row<'a>(judged: &Judged<'a>, package: Option<&Package>) -> Row<'a> {
    let finding = judged.finding;
    let held = judged.ruling.filter(|ruling| ruling.outcome != Outcome::Passed);
    let reason = match (judged.suppressed, held) {
        (Some(suppressed), _) => suppressed.words(),
        (None, Some(ruling)) => ruling.reason.clone(),
        (None, None) => String::new(),
    };
    Row {
        record: if judged.suppressed.is_some() { "suppressed" } else { "finding" },
        id: &finding.id,
        aliases: finding.aliases.join(" "),
        severity: facts::severity(finding).as_str(),
        severity_source: facts::severity_source(finding).unwrap_or(""),
        cvss_score: facts::score_tenths(finding)
            .map_or_else(String::new, |score| format!("{}.{}", score / 10, score % 10)),
        epss: finding
            .epss
            .map_or_else(String::new, |epss| format!("{:.5}", f64::from(epss.probability) / 100_000.0)),
        known_exploited: if finding.kev.is_some() { "true" } else { "false" },
        risk: format!("{}.{}", finding.risk / 10, finding.risk % 10),
        malicious: if finding.malicious { "true" } else { "false" },
        fix_state: facts::fix_word(&finding.fix),
        fixed_version: finding.fix.version().unwrap_or(""),
        path: package.map(facts::place).unwrap_or_default(),
        failed_rules: judged.failed_rule().unwrap_or("").to_owned(),
        title: &finding.title,
        url: primary_url(&finding.id),
        reason,
        outcome: judged.outcome_word(),
        rule: held.map_or("", |ruling| &ruling.rule),
        due: judged.due().unwrap_or(""),
        new: finding.new.map_or("", plimsoll_model::Newness::as_str),
        suppressed_by: judged.suppressed.map_or("", |suppressed| suppressed.kind.as_str()),
        suppressed_until: judged.suppressed.and_then(|one| one.until.as_deref()).unwrap_or(""),
        fixed_since: &finding.fixed_since,
    }
}

fn line(scan: &Scan, package: Option<&Package>, row: &Row<'_>, text: &mut String) {
    let layer = package.and_then(|package| package.introduced_in.as_ref().or(package.layer.as_ref()));
    let purl =
        package.map_or_else(String::new, |package| package.purl(scan.inventory.os.as_ref()).to_string());
    let truth = |answer: Option<bool>| answer.map_or("", |is| if is { "true" } else { "false" });
    let cells: [&str; 32] = [
        row.record,
        &scan.inventory.artifact.name,
        row.id,
        &row.aliases,
        row.severity,
        row.severity_source,
        &row.cvss_score,
        &row.epss,
        row.known_exploited,
        &row.risk,
        row.malicious,
        package.map_or("", |package| package.kind.purl_type()),
        package.map_or("", |package| &package.name),
        package.map_or("", |package| &package.version),
        row.fix_state,
        row.fixed_version,
        &row.path,
        layer.map_or("", |layer| &layer.diff_id),
        &row.failed_rules,
        row.title,
        &row.url,
        &row.reason,
        &purl,
        row.outcome,
        row.rule,
        row.due,
        row.new,
        row.suppressed_by,
        row.suppressed_until,
        row.fixed_since,
        truth(package.and_then(|package| package.direct)),
        truth(package.and_then(|package| scan.inventory.is_inherited(package))),
    ];
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&escape(cell));
    }
    text.push_str("\r\n");
}

/// A cell: in quotes where it has to be, and never a formula.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    let text = printable(text);
    let text = if text.trim_start().starts_with(['=', '+', '-', '@', '|', '%']) {
        Cow::Owned(format!("'{text}"))
    } else {
        text
    };
    if text.contains(['"', ',', '\n', '\r', ';']) || text.starts_with(' ') || text.ends_with(' ') {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;
    use crate::sample;

    fn text(scan: &Scan) -> String {
        let mut out = Vec::new();
        write(&Report::new(scan), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn golden_report() {
        let text = text(&sample::scan());
        // The golden file is compared without RFC 4180's line ends.
        assert_eq!(text.matches("\r\n").count(), text.lines().count());
        expect_file!["../testdata/golden/report.csv"].assert_eq(&text.replace("\r\n", "\n"));
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (given, cell) in [
            ("openssl", "openssl"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("@babel/traverse", "'@babel/traverse"),
            (" +1", "' +1"),
            ("-1", "'-1"),
            ("\t=1", "' =1"),
        ] {
            assert_eq!(escape(given), cell);
        }
    }

    #[test]
    fn every_line_has_every_column() {
        let mut scan = sample::scan();
        for finding in &mut scan.findings {
            finding.title.clear();
        }
        scan.undetermined.clear();
        scan.not_affected.clear();
        scan.inventory.gaps.clear();
        scan.match_gaps.clear();
        for line in text(&scan).lines() {
            assert_eq!(line.matches(',').count(), COLUMNS.len() - 1, "{line}");
        }
    }
}
