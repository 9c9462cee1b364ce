//! A short summary in Markdown, for the step summary of a GitHub job or a comment on a merge request.
//!
//! The verdict, the numbers, what failed the gate and what to do, what is warned of, what could not be read or decided,
//! what does not count and who says so, and notices about that. What a list leaves out, it counts.
//!
//! Source: GitHub Flavored Markdown 0.29; GitHub, "Adding a job summary" (at most 1 MiB a step).

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write;

use plimsoll_model::{Newness, Outcome, Scan, Severity, Verdict};

use crate::Error;
use crate::facts;
use crate::format::{Report, ReportFormat, write_text};
use crate::json::primary_url;
use crate::judgement::{self, Judged};
use crate::terminal::printable;

/// The format's entry.
pub(crate) const FORMAT: ReportFormat = ReportFormat {
    name: "markdown",
    extension: "md",
    media_type: "text/markdown",
    summary: "short Markdown summary, for the step summary of a GitHub job",
    needs_instant: false,
    needs_context: false,
    shows_findings: true,
    write,
};

/// Findings that are listed.
const MAX_FINDINGS: usize = 50;

/// Gaps, undetermined ones, suppressed ones and notices that are listed, of each.
const MAX_UNCLEAR: usize = 20;

/// Actions that are listed.
const MAX_ACTIONS: usize = 50;

/// Lines of an action that are shown.
const MAX_LINES: usize = 200;

/// Longest of them, in characters.
const MAX_LINE_CHARS: usize = 1000;

/// Longest remark on an action, in characters.
const MAX_REMARK_CHARS: usize = 1000;

/// Longest text of a cell, in characters.
const MAX_CELL_CHARS: usize = 200;

fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let scan = report.scan;
    let mut text = String::new();
    headline(scan, &mut text);
    counts(scan, &mut text);
    rows(scan, Outcome::Failed, "What failed the gate", &mut text);
    rows(scan, Outcome::Warned, "Warnings", &mut text);
    advice(scan, &mut text);
    unclear(scan, &mut text);
    suppressed(scan, &mut text);
    notices(scan, &mut text);
    footer(report, &mut text);
    write_text("Markdown", &text, out)
}

fn headline(scan: &Scan, text: &mut String) {
    let decision = &scan.decision;
    let (sign, word) = match decision.verdict {
        Verdict::Passed => ("✅", "passed"),
        Verdict::Failed => ("❌", "failed"),
        Verdict::Undecided => ("⚠️", "undecided"),
    };
    let name = if scan.inventory.artifact.name.is_empty() { "scan" } else { &scan.inventory.artifact.name };
    let _ = writeln!(text, "## {sign} Plimsoll: {} {word}\n", cell(name));
    if decision.rules.is_empty() {
        text.push_str("No rule was asked.\n\n");
    } else {
        let rules: Vec<String> = decision.rules.iter().map(|rule| cell(rule)).collect();
        let _ = writeln!(text, "Asked: {}.\n", rules.join("; "));
    }
    if let Some(words) = judgement::baseline_words(scan) {
        let _ = writeln!(text, "{}.\n", cell(&words));
    }
}

fn counts(scan: &Scan, text: &mut String) {
    let counts = &scan.decision.counts;
    let fixable = |severity: Severity| {
        scan.findings
            .iter()
            .filter(|finding| facts::severity(finding) == severity && finding.fix.version().is_some())
            .count()
    };
    text.push_str("| Severity | Findings | With a fix |\n| --- | ---: | ---: |\n");
    for severity in Severity::WORST_FIRST {
        let number = counts.of(severity);
        if number > 0 {
            let _ = writeln!(text, "| {severity} | {number} | {} |", fixable(severity));
        }
    }
    let all = scan.findings.iter().filter(|finding| finding.fix.version().is_some()).count();
    let _ = writeln!(text, "| **all** | {} | {all} |\n", counts.total());
    let exploited = scan.findings.iter().filter(|finding| finding.kev.is_some()).count();
    let malicious = scan.findings.iter().filter(|finding| finding.malicious).count();
    for (number, words) in [
        (malicious, "in packages that are themselves the attack"),
        (exploited, "known to be exploited"),
        (scan.decision.ignored_unfixed.total(), "not counted, for want of a fix"),
        (scan.not_affected.len(), "cleared by the distribution's own word"),
    ] {
        if number > 0 {
            let _ = writeln!(text, "- {number} {words}");
        }
    }
    text.push('\n');
}

/// The findings of which that came, the worst first.
fn rows(scan: &Scan, outcome: Outcome, title: &str, text: &mut String) {
    let mut all: Vec<(usize, Judged<'_>)> =
        judgement::counted(scan).filter(|judged| judged.outcome() == outcome).enumerate().collect();
    if all.is_empty() {
        return;
    }
    let _ = writeln!(text, "### {title}\n");
    text.push_str("| Severity | Flaw | Package | Fix | Rule |\n| --- | --- | --- | --- | --- |\n");
    all.sort_by_key(|(index, judged)| {
        let finding = judged.finding;
        (std::cmp::Reverse(facts::severity(finding)), std::cmp::Reverse(finding.risk), *index)
    });
    for (_, judged) in all.iter().take(MAX_FINDINGS) {
        row(scan, judged, text);
    }
    more(all.len(), MAX_FINDINGS, text);
    text.push('\n');
}

fn row(scan: &Scan, judged: &Judged<'_>, text: &mut String) {
    let finding = judged.finding;
    let package = facts::packages(scan, finding).next();
    let (name, version) = package.map_or(("?", ""), |package| (&package.name, &package.version));
    let url = primary_url(&finding.id);
    let id = cell(&finding.id);
    let mut id = if url.is_empty() { id } else { format!("[{id}]({url})") };
    if finding.kev.is_some() {
        id.push_str(" **KEV**");
    }
    match finding.new {
        Some(Newness::Added) => id.push_str(" **NEW**"),
        Some(Newness::Learnt) => id.push_str(" **NEWLY KNOWN**"),
        Some(Newness::Known) | None => {}
    }
    let fix = match finding.fix.version() {
        Some(version) if !finding.malicious => cell(version),
        _ => cell(&facts::solution(finding, name)),
    };
    let package = format!("{} {}", cell(name), cell(version));
    let rule = judged.ruling.map(judgement::rule_words).unwrap_or_default();
    let severity = facts::severity(finding);
    let _ = writeln!(text, "| {severity} | {id} | {package} | {fix} | {} |", cell(&rule));
}

/// What does not count, folded away.
fn suppressed(scan: &Scan, text: &mut String) {
    let Some(number) = judgement::suppressed_number(scan) else { return };
    let _ = writeln!(text, "<details><summary>Suppressed: {number}</summary>\n");
    for suppressed in scan.suppressed.iter().take(MAX_UNCLEAR) {
        let _ = writeln!(text, "- {}", cell(&judgement::suppressed_line(scan, suppressed)));
    }
    more(scan.suppressed.len(), MAX_UNCLEAR, text);
    text.push_str("\n</details>\n\n");
}

fn notices(scan: &Scan, text: &mut String) {
    if scan.notices.is_empty() {
        return;
    }
    let _ = writeln!(text, "### To look at in policy, waivers and VEX: {}\n", scan.notices.len());
    for notice in scan.notices.iter().take(MAX_UNCLEAR) {
        let _ = writeln!(text, "- {}", cell(&judgement::notice_line(notice)));
    }
    more(scan.notices.len(), MAX_UNCLEAR, text);
    text.push('\n');
}

/// What to do, with lines to copy. Where nothing fails it is folded up.
fn advice(scan: &Scan, text: &mut String) {
    let advice = &scan.advice;
    let unfixable = if advice.for_gate { facts::unfixable(scan) } else { Vec::new() };
    if advice.actions.is_empty() && unfixable.is_empty() {
        return;
    }
    if advice.for_gate {
        text.push_str("### What to do\n\n");
    } else {
        text.push_str("<details><summary>What can be fixed</summary>\n\n");
    }
    for (number, action) in advice.actions.iter().take(MAX_ACTIONS).enumerate() {
        let _ = write!(text, "{}. **{}**", number + 1, cell(&action.title));
        if !action.path.is_empty() && !action.title.contains(&action.path) {
            let _ = write!(text, ", in {}", cell(&action.path));
        }
        let removes = facts::removes(scan, action);
        let removes = if removes.is_empty() { removes } else { format!(" ({removes})") };
        let _ = writeln!(text, "{removes}\n");
        code_block(&action.lines, text);
        if !action.remark.is_empty() {
            let _ = writeln!(text, "    {}\n", escape(&facts::at_most(&action.remark, MAX_REMARK_CHARS)));
        }
    }
    if advice.actions.len() > MAX_ACTIONS {
        let _ = writeln!(text, "and {} more\n", advice.actions.len() - MAX_ACTIONS);
    }
    for line in unfixable {
        let _ = writeln!(text, "- {line}");
    }
    text.push_str(if advice.for_gate { "\n" } else { "</details>\n\n" });
}

/// Lines as they are, but for what steers a terminal, between fences longer than any row of backticks in them.
fn code_block(lines: &[String], text: &mut String) {
    if lines.is_empty() {
        return;
    }
    let mut fence = "```".to_owned();
    while lines.iter().any(|line| line.contains(&fence)) {
        fence.push('`');
    }
    let _ = writeln!(text, "    {fence}");
    for line in lines.iter().take(MAX_LINES) {
        let _ = writeln!(text, "    {}", printable(&facts::at_most(line, MAX_LINE_CHARS)));
    }
    let _ = writeln!(text, "    {fence}");
    if lines.len() > MAX_LINES {
        let _ = writeln!(text, "    and {} more lines", lines.len() - MAX_LINES);
    }
    text.push('\n');
}

fn unclear(scan: &Scan, text: &mut String) {
    let gaps: Vec<String> = facts::gaps(scan).map(facts::gap_line).collect();
    let undetermined: Vec<String> = scan
        .undetermined
        .iter()
        .map(|item| {
            let package = scan.inventory.packages.get(item.package);
            let (name, version) = package.map_or(("?", ""), |package| (&package.name, &package.version));
            format!("{} in {name} {version}: {}", item.id, item.reason)
        })
        .collect();
    for (title, lines) in [("Could not be read", gaps), ("Could not be decided", undetermined)] {
        if lines.is_empty() {
            continue;
        }
        let _ = writeln!(text, "### {title}: {}\n", lines.len());
        for line in lines.iter().take(MAX_UNCLEAR) {
            let _ = writeln!(text, "- {}", cell(line));
        }
        more(lines.len(), MAX_UNCLEAR, text);
        text.push('\n');
    }
}

pub(crate) fn more(number: usize, shown: usize, text: &mut String) {
    if number > shown {
        let _ = writeln!(text, "\nand {} more", number - shown);
    }
}

fn footer(report: &Report<'_>, text: &mut String) {
    let scan = report.scan;
    let _ = write!(text, "{} packages", scan.inventory.packages.len());
    for (name, value) in [
        ("image", scan.inventory.artifact.manifest_digest.as_str()),
        ("database", &scan.database.digest),
        ("newest advisory", &scan.database.newest_advisory),
    ] {
        if !value.is_empty() {
            let _ = write!(text, " · {name} {}", cell(value));
        }
    }
    let _ = writeln!(text, " · Plimsoll {}", cell(report.tool_version));
}

pub(crate) fn cell(text: &str) -> String {
    escape(&facts::at_most(text, MAX_CELL_CHARS)).into_owned()
}

/// Foreign text as it stands, in one line: what Markdown or HTML would read as markup, a formula, a mention, an issue
/// or a bare address is escaped.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    let text = printable(text);
    if !text.chars().any(is_markup) && !text.contains("://") && !text.contains("www.") {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A backslash does not hinder GitHub's mentions and issues.
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            c if is_markup(c) => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    Cow::Owned(out.replace("://", "&#58;//").replace("www.", "www&#46;"))
}

fn is_markup(c: char) -> bool {
    matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&' | '@' | '$')
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;
    use crate::sample;

    fn text(scan: &Scan) -> String {
        let mut out = Vec::new();
        write(&Report { tool_version: "VERSION", ..Report::new(scan) }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn golden_report() {
        expect_file!["../testdata/golden/report.md"].assert_eq(&text(&sample::scan()));
    }

    #[test]
    fn nothing_foreign_is_markup() {
        for (given, written) in [
            ("openssl 1.1", "openssl 1.1"),
            ("a|b", "a\\|b"),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("[x](https://www.a.example)", "\\[x\\](https&#58;//www&#46;a.example)"),
            ("a:b $x$", "a:b \\$x\\$"),
            ("@team #1", "&#64;team &#35;1"),
            ("`a` *b* _c_", "\\`a\\` \\*b\\* \\_c\\_"),
            ("two\nlines\u{1b}[2J", "two lines\\\\u{1b}\\[2J"),
        ] {
            assert_eq!(escape(given), written);
        }
    }

    #[test]
    fn advice_has_lines_to_copy() {
        let mut scan = sample::judged();
        scan.advice.actions[1].lines.push("``` ends it \u{1b}[2J".to_owned());
        let written = text(&scan);
        let (_, section) = written.split_once("### What to do").unwrap();
        let (section, _) = section.split_once("###").unwrap();
        expect_test::expect![[r"


            1. **Upgrade 2 Debian packages** (removes 3 findings, the worst CRITICAL)

                ```
                apt-get update && apt-get install --only-upgrade libssl1.1 openssl
                ```

            2. **Upgrade 1 Java library**, in app/service.jar (removes 1 finding, CRITICAL)

                ````
                org.apache.logging.log4j:log4j-core:2.15.0
                ``` ends it \u{1b}[2J
                ````

                in the \`pom.xml\` that the archive is built from

            - no upgrade for 1 finding: no fixed version is known

        "]]
        .assert_eq(section);
        scan.advice.for_gate = false;
        assert!(text(&scan).contains("<details><summary>What can be fixed</summary>\n\n1. **Upgrade 2"));
        scan.advice = plimsoll_model::Advice::default();
        scan.suppressed.clear();
        assert!(!text(&scan).contains("What to do") && !text(&scan).contains("<details>"));
    }

    #[test]
    fn a_list_that_is_cut_says_by_how_much() {
        let mut scan = sample::scan();
        let gap = scan.inventory.gaps[0].clone();
        scan.inventory.gaps = vec![gap; MAX_UNCLEAR + 4];
        assert!(text(&scan).contains("\nand 5 more\n"), "one gap is the matching's");
    }
}
