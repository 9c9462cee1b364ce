//! What follows the findings: totals, what could not be decided or read, layers, the verdict.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plimsoll_model::{Finding, FixState, Gap, Layer, Scan, Verdict};

use super::paint::Style;
use super::{Page, by_severity, counted, total, verdict_word};
use crate::terminal::{cut, printable};

/// Undetermined advisories that are listed; the others are counted.
const MAX_UNDETERMINED: usize = 10;

/// Groups of gaps that are listed; the others are counted.
const MAX_GAP_GROUPS: usize = 10;

/// Columns of the words of the findings that usually fail a rule, `CRITICAL`.
const SEVERITY_COLUMNS: usize = 8;

/// Findings that are named under each failed rule.
const MAX_EXAMPLES: usize = 5;

pub(super) fn write(scan: &Scan, layers: &mut Vec<Layer>, exit_status: Option<u8>, page: &mut Page) {
    totals(scan, page);
    legend(scan, layers, page);
    undetermined(scan, page);
    gaps(scan, page);
    verdict(scan, page);
    if let Some(status) = exit_status {
        page.paragraph(Style::Plain, 0, &format!("exit status {status}: {}", meaning(status)));
    }
}

fn totals(scan: &Scan, page: &mut Page) {
    page.paragraph(Style::Bold, 0, &total(&scan.decision.counts));
    let dropped = &scan.decision.ignored_unfixed;
    if dropped.total() > 0 {
        let parts: Vec<String> = by_severity(dropped).map(|(word, n)| format!("{word}: {n}")).collect();
        let text = format!(
            "Not counted: {} without a fix, by --ignore-unfixed ({})",
            counted(dropped.total(), "finding"),
            parts.join(", ")
        );
        page.paragraph(Style::Plain, 0, &text);
    }
    let exploited = scan.findings.iter().filter_map(|finding| finding.kev.as_ref());
    let ransomware = exploited.clone().filter(|entry| entry.ransomware).count();
    let exploited = exploited.count();
    if exploited > 0 {
        let mut text = format!("KEV: {} that CISA lists as exploited", counted(exploited, "finding"));
        if ransomware > 0 {
            let _ = write!(text, " (by ransomware: {ransomware})");
        }
        page.paragraph(Style::Bad, 0, &text);
    }
    page.gap();
}

/// What the layers are that the findings were introduced in.
fn legend(scan: &Scan, layers: &mut Vec<Layer>, page: &mut Page) {
    layers.sort_by(|a, b| (a.index, &a.diff_id).cmp(&(b.index, &b.diff_id)));
    layers.dedup();
    if layers.is_empty() {
        return;
    }
    page.line(Style::Bold, "Layers");
    for layer in layers.iter() {
        let info = scan.inventory.artifact.layers.iter().find(|info| info.diff_id == layer.diff_id);
        let made_by = info.map_or("", |info| info.created_by.trim());
        let text = format!(
            "  {:>3}  {}  {}",
            layer.index,
            printable(&super::short(&layer.diff_id)),
            printable(made_by)
        );
        page.line(Style::Faint, text.trim_end());
    }
    page.gap();
}

fn undetermined(scan: &Scan, page: &mut Page) {
    if scan.undetermined.is_empty() {
        return;
    }
    let head = format!("Undetermined: {}", counted(scan.undetermined.len(), "advisory"));
    page.paragraph(Style::Warning, 0, &format!("{head} could not be decided"));
    for item in scan.undetermined.iter().take(MAX_UNDETERMINED) {
        let package = scan.inventory.packages.get(item.package);
        let package =
            package.map_or_else(String::new, |package| format!(" {} {}", package.name, package.version));
        page.paragraph(Style::Plain, 2, &printable(&format!("{}{package}: {}", item.id, item.reason)));
    }
    more(scan.undetermined.len(), MAX_UNDETERMINED, page);
    page.gap();
}

fn gaps(scan: &Scan, page: &mut Page) {
    let gaps: Vec<&Gap> = scan.inventory.gaps.iter().chain(&scan.match_gaps).collect();
    if gaps.is_empty() {
        return;
    }
    let mut groups: BTreeMap<(&str, &str), Vec<&Gap>> = BTreeMap::new();
    for gap in &gaps {
        groups.entry((&gap.reporter, &gap.reason)).or_default().push(gap);
    }
    page.paragraph(
        Style::Warning,
        0,
        &format!("Gaps: {} that could not be read or judged", counted(gaps.len(), "thing")),
    );
    for ((reporter, reason), group) in groups.iter().take(MAX_GAP_GROUPS) {
        let mut text = format!("{reporter}: {reason}");
        if let Some(first) = group.first().filter(|gap| !gap.path.is_empty()) {
            let _ = write!(text, " (`{}`", first.path);
            if !first.place.is_empty() {
                let _ = write!(text, " {}", first.place);
            }
            if group.len() > 1 {
                let _ = write!(text, " and {} more", group.len() - 1);
            }
            text.push(')');
        } else if group.len() > 1 {
            let _ = write!(text, " ({} times)", group.len());
        }
        page.paragraph(Style::Plain, 2, &printable(&text));
    }
    more(groups.len(), MAX_GAP_GROUPS, page);
    page.gap();
}

fn more(number: usize, shown: usize, page: &mut Page) {
    if number > shown {
        page.paragraph(Style::Faint, 2, &format!("and {} more (see --format json)", number - shown));
    }
}

fn verdict(scan: &Scan, page: &mut Page) {
    let decision = &scan.decision;
    let mut reasons: Vec<&str> = decision.failures.iter().map(|failure| failure.rule.as_str()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let note = match decision.verdict {
        Verdict::Failed => format!(
            "{} of {} failed",
            reasons.len(),
            counted(decision.rules.len().max(reasons.len()), "rule")
        ),
        Verdict::Undecided => "nothing failed, but not all could be read or compared".to_owned(),
        Verdict::Passed if decision.rules.is_empty() => "no rule was asked".to_owned(),
        Verdict::Passed => decision.rules.join("; "),
    };
    let style = match decision.verdict {
        Verdict::Passed => Style::Good,
        Verdict::Failed => Style::Bad,
        Verdict::Undecided => Style::Warning,
    };
    let text = format!("Verdict: {} ({})", verdict_word(decision.verdict), printable(&note));
    page.paragraph(style, 0, &text);
    for rule in reasons {
        failed_rule(scan, rule, page);
    }
}

fn failed_rule(scan: &Scan, rule: &str, page: &mut Page) {
    let failures = scan.decision.failures.iter().filter(|failure| failure.rule == rule);
    let mut findings: Vec<&Finding> =
        failures.filter_map(|failure| scan.findings.get(failure.finding)).collect();
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.severity.severity), finding.kev.is_none()));
    let text = format!("{}: {}", printable(rule), counted(findings.len(), "finding"));
    page.paragraph(Style::Plain, 2, &text);
    for finding in findings.iter().take(MAX_EXAMPLES) {
        let package = finding.packages.first().and_then(|&index| scan.inventory.packages.get(index));
        let package =
            package.map_or_else(String::new, |package| format!("{} {}", package.name, package.version));
        let fix = match &finding.fix {
            FixState::Fixed(version) => format!(", fixed in {version}"),
            FixState::NotFixed => ", no fix".to_owned(),
        };
        let severity = finding.severity.severity;
        let rest = format!("  {} in {package}{fix}", finding.id);
        let rest = printable(&rest);
        let rest = cut(&rest, page.columns.saturating_sub(4 + SEVERITY_COLUMNS)).into_owned();
        let severity = page.paint.with(Style::Of(severity), &format!("{severity:<SEVERITY_COLUMNS$}"));
        let _ = writeln!(page.text, "    {severity}{rest}");
    }
    if findings.len() > MAX_EXAMPLES {
        page.paragraph(Style::Faint, 4, &format!("and {} more above", findings.len() - MAX_EXAMPLES));
    }
}

/// What an exit status of `plimsoll scan` says.
fn meaning(status: u8) -> &'static str {
    match status {
        0 => "passed",
        1 => "the gate failed",
        2 => "usage or configuration",
        3 => "could not scan",
        4 => "undecided, which --strict does not let pass",
        5 => "advisory data missing or older than --max-age",
        _ => "unknown",
    }
}
