//! What follows the findings: totals, layers, what is unclear, the verdict.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use plimsoll_model::{Finding, Layer, Newness, NoticeKind, Package, Scan, SeverityCounts, Verdict};

use super::groups::worse;
use super::header::day;
use super::label::made_by;
use super::paint::Style;
use super::{Page, advice, by_severity, counted, flaw, judged, short, total, unclear};
use crate::terminal::{cut, printable, width};

/// Columns of the words of the findings that usually fail a rule, `CRITICAL`.
const SEVERITY_COLUMNS: usize = 8;

/// Flaws that are named under each failed rule.
const MAX_EXAMPLES: usize = 5;

/// Least risk of a finding that is called pressing, in tenths.
const MIN_PRESSING_TENTHS: u16 = 100;

/// Packages that are named beside such a flaw.
const MAX_EXAMPLE_PACKAGES: usize = 2;

pub(super) fn write(scan: &Scan, layers: &mut Vec<Layer>, exit_status: Option<u8>, page: &mut Page) {
    totals(scan, page);
    pressing(scan, page);
    legend(scan, layers, page);
    unclear::write(scan, page);
    judged::notices(scan, page);
    database(scan, page);
    advice::write(scan, page);
    verdict(scan, page);
    if let Some(status) = exit_status {
        page.paragraph(Style::Plain, 0, &format!("exit status {status}: {}", meaning(status)));
    }
}

fn totals(scan: &Scan, page: &mut Page) {
    page.paragraph(Style::Bold, 0, &total(&scan.decision.counts));
    compared(scan, page);
    if !scan.findings.is_empty() {
        let flaws: BTreeSet<&str> = scan.findings.iter().map(|finding| finding.id.as_str()).collect();
        let packages: BTreeSet<usize> =
            scan.findings.iter().flat_map(|finding| finding.packages.iter().copied()).collect();
        let text = format!(
            "{} in {} of {}; findings with a fix: {}",
            counted(flaws.len(), "vulnerability"),
            packages.len(),
            counted(scan.inventory.packages.len(), "package"),
            fixable(scan.findings.iter()),
        );
        page.paragraph(Style::Plain, 0, &text);
    }
    let dropped = &scan.decision.ignored_unfixed;
    if dropped.total() > 0 {
        let text = format!(
            "Not counted: {} without a fix, by --ignore-unfixed ({})",
            counted(dropped.total(), "finding"),
            severities(dropped)
        );
        page.paragraph(Style::Plain, 0, &text);
    }
    judged::suppressed(scan, page);
    if !scan.not_affected.is_empty() {
        let text = format!(
            "Not affected: {}, by the distribution's own word (which: --format json)",
            counted(scan.not_affected.len(), "finding"),
        );
        page.paragraph(Style::Plain, 0, &text);
    }
    let malicious = scan.findings.iter().filter(|finding| finding.malicious).count();
    if malicious > 0 {
        let what =
            if malicious == 1 { "package that is itself the attack" } else { "packages that are attacks" };
        page.paragraph(Style::Bad, 0, &format!("MALICIOUS: {malicious} {what}"));
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

/// `Compared with last: 2 added by you (HIGH: 2), 1 learnt since (LOW: 1), 30 known; gone: 4`.
fn compared(scan: &Scan, page: &mut Page) {
    if let Some(baseline) = &scan.baseline {
        let counted = |newness: Newness, words: &str| {
            let mut counts = SeverityCounts::default();
            let findings = scan.findings.iter().filter(|finding| finding.new == Some(newness));
            findings.for_each(|finding| counts.add(finding.severity.severity));
            match (newness, counts.total()) {
                (Newness::Known, number) => format!("{number} {words}"),
                (_, 0) => format!("0 {words}"),
                (_, number) => format!("{number} {words} ({})", severities(&counts)),
            }
        };
        let text = format!(
            "Compared with {}: {}, {}, {}; gone: {}",
            printable(&baseline.name),
            counted(Newness::Added, "added by you"),
            counted(Newness::Learnt, "learnt since"),
            counted(Newness::Known, "known"),
            baseline.gone.total()
        );
        page.paragraph(Style::Bold, 0, &text);
    }
}

fn severities(counts: &SeverityCounts) -> String {
    by_severity(counts).map(|(word, number)| format!("{word}: {number}")).collect::<Vec<_>>().join(", ")
}

fn fixable<'a>(findings: impl Iterator<Item = &'a Finding>) -> usize {
    findings.filter(|finding| finding.fix.version().is_some()).count()
}

/// The findings of the highest risk, where anything is known of exploitation.
fn pressing(scan: &Scan, page: &mut Page) {
    let is_known = |finding: &&Finding| finding.malicious || finding.kev.is_some() || finding.epss.is_some();
    let mut findings: Vec<&Finding> =
        scan.findings.iter().filter(is_known).filter(|finding| finding.risk >= MIN_PRESSING_TENTHS).collect();
    findings.sort_by_key(|finding| (Reverse(finding.risk), worse(finding)));
    let examples = examples(scan, &findings);
    if examples.is_empty() {
        return;
    }
    page.line(Style::Bold, "Most pressing (risk 0 to 100, by severity and exploitation)");
    let ids = examples.iter().map(|example| width(&printable(&example.finding.id))).max().unwrap_or(0);
    for example in &examples {
        let finding = example.finding;
        let id = printable(&finding.id);
        let padding = " ".repeat(ids - width(&id));
        let marks = flaw::marks(finding);
        let marks = if marks.is_empty() { marks } else { format!("  {marks}") };
        let (whole, tenth) = (finding.risk / 10, finding.risk % 10);
        let text =
            format!("  {whole:>3}.{tenth}  {id}{padding}  {}", printable(&packages(&example.packages)));
        page.text.push_str(&cut(&text, page.columns.saturating_sub(width(&marks))));
        page.text.push_str(&page.paint.with(Style::Bad, &marks));
        page.text.push('\n');
    }
    page.gap();
}

/// How old the data is, at the end where the eye is.
fn database(scan: &Scan, page: &mut Page) {
    let database = &scan.database;
    if database.digest.is_empty() {
        return;
    }
    let updated = match day(&database.updated) {
        "" => "built from files".to_owned(),
        day => format!("updated {day}"),
    };
    let newest = match day(&database.newest_advisory) {
        "" => "without a date".to_owned(),
        day => format!("newest advisory {day}"),
    };
    page.paragraph(Style::Faint, 0, &printable(&format!("Database: {updated}, {newest}")));
    page.gap();
}

/// What the layers are that the packages with findings came with.
fn legend(scan: &Scan, layers: &mut Vec<Layer>, page: &mut Page) {
    layers.sort_by(|a, b| (a.index, &a.diff_id).cmp(&(b.index, &b.diff_id)));
    layers.dedup();
    if layers.is_empty() {
        return;
    }
    page.line(Style::Bold, "Layers with findings (0 is the base)");
    let digits = layers.last().map_or(1, |layer| layer.index.to_string().len());
    for layer in layers.iter() {
        let info = scan.inventory.artifact.layers.iter().find(|info| info.diff_id == layer.diff_id);
        let made_by = info.map_or_else(String::new, |info| made_by(&info.created_by));
        let diff_id = short(&layer.diff_id);
        let text = format!("  {:>digits$}  {}  {}", layer.index, printable(&diff_id), printable(&made_by));
        page.line(Style::Faint, text.trim_end());
    }
    page.gap();
}

fn verdict(scan: &Scan, page: &mut Page) {
    let decision = &scan.decision;
    let gaps = scan.inventory.gaps.len() + scan.match_gaps.len();
    let no_baseline = decision.verdict == Verdict::Undecided
        && scan.notices.iter().any(|notice| notice.kind == NoticeKind::NoBaseline);
    let unclear = unclear_counts(gaps, scan.undetermined.len(), no_baseline);
    let (style, text) = match decision.verdict {
        Verdict::Failed => (Style::Bad, "Verdict: FAILED".to_owned()),
        Verdict::Undecided => {
            (Style::Warning, format!("Verdict: UNDECIDED (nothing failed, still open: {unclear})"))
        }
        Verdict::Passed if decision.rules.is_empty() => {
            (Style::Good, "Verdict: PASSED (no rule was asked)".to_owned())
        }
        Verdict::Passed => (Style::Good, "Verdict: PASSED".to_owned()),
    };
    page.paragraph(style, 0, &printable(&text));
    if decision.verdict == Verdict::Passed && !decision.rules.is_empty() {
        let text = format!("asked: {}", decision.rules.join("; "));
        page.paragraph(Style::Plain, 2, &printable(&text));
    }
    if decision.verdict == Verdict::Passed && !unclear.is_empty() {
        let text = format!("{unclear} did not count; with --strict the verdict would be UNDECIDED");
        page.paragraph(Style::Warning, 2, &text);
    }
    let failed: BTreeSet<&str> = decision.failures().map(|(_, ruling)| ruling.rule.as_str()).collect();
    for rule in failed {
        failed_rule(scan, rule, page);
    }
    judged::warnings(scan, page);
}

/// `3 gaps and 1 undetermined`; empty where there are none.
fn unclear_counts(gaps: usize, undetermined: usize, no_baseline: bool) -> String {
    let gaps = (gaps > 0).then(|| counted(gaps, "gap"));
    let undetermined = (undetermined > 0).then(|| format!("{undetermined} undetermined"));
    let no_baseline = no_baseline.then(|| "no baseline yet".to_owned());
    [gaps, undetermined, no_baseline].into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

/// One flaw that failed a rule, in packages of one source or in one package.
struct Example<'a> {
    finding: &'a Finding,
    source: Option<(&'a str, &'a str)>,
    packages: Vec<&'a Package>,
    findings: usize,
}

fn failed_rule(scan: &Scan, rule: &str, page: &mut Page) {
    let failures = scan.decision.failures().filter(|(_, ruling)| ruling.rule == rule);
    let mut findings: Vec<&Finding> = failures.filter_map(|(index, _)| scan.findings.get(index)).collect();
    findings.sort_by_key(|finding| worse(finding));
    let fixable = fixable(findings.iter().copied());
    let text = format!("{}: {} (with a fix: {fixable})", printable(rule), counted(findings.len(), "finding"));
    page.paragraph(Style::Plain, 2, &text);

    let examples = examples(scan, &findings);
    let ids = examples.iter().map(|example| width(&printable(&example.finding.id))).max().unwrap_or(0);
    for example in &examples {
        let finding = example.finding;
        let severity = finding.severity.severity;
        let id = printable(&finding.id);
        let padding = " ".repeat(ids - width(&id));
        let fix = match flaw::no_fix(finding) {
            words if words.is_empty() || finding.malicious => String::new(),
            words => format!(", {words}"),
        };
        let marks = flaw::marks(finding);
        let marks = if marks.is_empty() { marks } else { format!("  {marks}") };
        let room =
            page.columns.saturating_sub(4 + SEVERITY_COLUMNS.max(width(severity.as_str())) + width(&marks));
        let rest = format!("  {id}{padding}  {}{fix}", printable(&packages(&example.packages)));
        page.text.push_str("    ");
        page.text.push_str(&page.paint.with(Style::Of(severity), &format!("{severity:<SEVERITY_COLUMNS$}")));
        page.text.push_str(&cut(&rest, room));
        page.text.push_str(&page.paint.with(Style::Bad, &marks));
        page.text.push('\n');
    }
    let shown: usize = examples.iter().map(|example| example.findings).sum();
    if findings.len() > shown {
        page.paragraph(Style::Faint, 4, &format!("and {} more above", findings.len() - shown));
    }
}

/// The first few flaws, the packages of one source taken together.
fn examples<'a>(scan: &'a Scan, findings: &[&'a Finding]) -> Vec<Example<'a>> {
    let mut examples: Vec<Example<'_>> = Vec::new();
    for &finding in findings {
        let package = finding.packages.first().and_then(|&index| scan.inventory.packages.get(index));
        let source = package.filter(|package| package.kind.is_os()).map(Package::source_or_self);
        let same = |example: &&mut Example<'_>| {
            source.is_some() && example.source == source && example.finding.id == finding.id
        };
        if let Some(example) = examples.iter_mut().find(same) {
            example.findings += 1;
            example.packages.extend(package);
        } else if examples.len() < MAX_EXAMPLES {
            examples.push(Example { finding, source, packages: package.into_iter().collect(), findings: 1 });
        }
    }
    examples
}

/// `libssl1.1, openssl 1.1.1n-0+deb11u3`.
fn packages(packages: &[&Package]) -> String {
    let Some(first) = packages.first() else { return "a package that is not in the inventory".to_owned() };
    let names: Vec<&str> =
        packages.iter().take(MAX_EXAMPLE_PACKAGES).map(|package| package.name.as_str()).collect();
    let more = match packages.len() {
        number if number > MAX_EXAMPLE_PACKAGES => format!(" and {} more", number - MAX_EXAMPLE_PACKAGES),
        _ => String::new(),
    };
    let one_version = packages.iter().all(|package| package.version == first.version);
    let version = if one_version { first.version.as_str() } else { "" };
    format!("{}{more} {version}", names.join(", ")).trim_end().to_owned()
}

/// What an exit status of `plimsoll scan` says.
fn meaning(status: u8) -> &'static str {
    match status {
        0 => "passed",
        1 => "the gate failed",
        2 => "usage or configuration",
        3 => "could not scan",
        4 => "undecided, which does not pass",
        5 => "advisory data missing or older than --max-age",
        _ => "unknown",
    }
}
