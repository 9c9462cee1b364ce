//! JUnit XML, which AWS CodeBuild, Jenkins, GitLab and others show as test reports.
//!
//! A suite is a target, a test is a flaw in a package: it failed if it made the gate fail, else it passed and says in its
//! output what it is and what is warned of. What rules, waivers and VEX statements suppress are tests that were skipped. A
//! target without any of these is one test that passed, so that no reader meets a suite without tests. What could not be
//! read or decided is a test that was skipped, and an error where the verdict is *undecided*. Notices about policy, waivers
//! and VEX are the output of the first suite.
//!
//! CodeBuild keeps 500 tests of a report, the failed ones first.
//!
//! Source: Jenkins' `junit-10.xsd` (xunit plugin); AWS CodeBuild user guide, "Test reports".

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write;

use plimsoll_model::{Finding, Outcome, Ruling, Scan, Verdict};

use crate::Error;
use crate::facts;
use crate::format::{Report, ReportFormat, write_text};
use crate::json::primary_url;
use crate::judgement::{self, Judged};
use crate::targets::{self, Target};
use crate::xml::escape;

/// The format's entry.
pub(crate) const FORMAT: ReportFormat = ReportFormat {
    name: "junit",
    extension: "junit.xml",
    media_type: "application/xml",
    summary: "JUnit XML, for the test reports of AWS CodeBuild, Jenkins and GitLab",
    needs_instant: false,
    needs_context: false,
    shows_findings: true,
    write,
};

fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let scan = report.scan;
    let created = report.optional_instant("JUnit")?;
    let targets = targets::of_scan(scan);
    let mut suites: Vec<Suite> = targets.iter().map(|target| suite(scan, target)).collect();
    suites.extend(homeless(scan, &targets));
    suites.extend(unclear(scan));
    if suites.is_empty() {
        let mut suite = Suite::new(&scan.inventory.artifact.name);
        suite.test("no packages", "", None);
        suites.push(suite);
    }
    suites[0].notices = scan.notices.iter().map(judgement::notice_line).collect();
    let sum = |of: fn(&Suite) -> usize| suites.iter().map(of).sum::<usize>();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        text,
        "<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"0\">",
        escape(&format!("plimsoll {}", scan.inventory.artifact.name)),
        sum(|suite| suite.tests),
        sum(|suite| suite.failures),
        sum(|suite| suite.errors),
    );
    for suite in &suites {
        suite.write(report, created, &mut text);
    }
    text.push_str("</testsuites>\n");
    write_text("JUnit", &text, out)
}

/// A suite as it is put together.
struct Suite {
    name: String,
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    cases: String,
    notices: Vec<String>,
}

/// How a test ended that did not pass: the element, its message, its lines.
struct Ending<'a> {
    element: &'static str,
    kind: &'a str,
    message: String,
    lines: Vec<String>,
}

impl Suite {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            tests: 0,
            failures: 0,
            errors: 0,
            skipped: 0,
            cases: String::new(),
            notices: Vec::new(),
        }
    }

    fn test(&mut self, name: &str, note: &str, ending: Option<&Ending<'_>>) {
        self.tests += 1;
        let _ = write!(
            self.cases,
            "    <testcase classname=\"{}\" name=\"{}\" time=\"0\"",
            escape(&self.name),
            escape(name)
        );
        match ending {
            None if note.is_empty() => self.cases.push_str("/>\n"),
            None => {
                let _ = writeln!(
                    self.cases,
                    ">\n      <system-out>{}</system-out>\n    </testcase>",
                    escape(note)
                );
            }
            Some(ending) => {
                *match ending.element {
                    "failure" => &mut self.failures,
                    "error" => &mut self.errors,
                    _ => &mut self.skipped,
                } += 1;
                let element = ending.element;
                let _ = write!(self.cases, ">\n      <{element} message=\"{}\"", escape(&ending.message));
                if !ending.kind.is_empty() {
                    let _ = write!(self.cases, " type=\"{}\"", escape(ending.kind));
                }
                let _ = writeln!(self.cases, ">{}</{element}>\n    </testcase>", escape_lines(&ending.lines));
            }
        }
    }

    fn write(&self, report: &Report<'_>, created: Option<&str>, text: &mut String) {
        let _ = write!(
            text,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"0\"",
            escape(&self.name),
            self.tests,
            self.failures,
            self.errors,
            self.skipped
        );
        if let Some(created) = created {
            // The schema's instant has no zone.
            let _ = write!(text, " timestamp=\"{}\"", escape(created.trim_end_matches('Z')));
        }
        let _ = writeln!(text, ">\n    <properties>");
        let scan = report.scan;
        for (name, value) in [
            ("plimsoll.version", report.tool_version),
            ("plimsoll.artifact", &scan.inventory.artifact.name),
            ("plimsoll.manifest_digest", &scan.inventory.artifact.manifest_digest),
            ("plimsoll.database_digest", &scan.database.digest),
            ("plimsoll.baseline", judgement::baseline_words(scan).as_deref().unwrap_or("")),
        ] {
            if !value.is_empty() {
                let _ = writeln!(text, "      <property name=\"{name}\" value=\"{}\"/>", escape(value));
            }
        }
        let _ = write!(text, "    </properties>\n{}", self.cases);
        if !self.notices.is_empty() {
            let _ = writeln!(text, "    <system-out>{}</system-out>", escape_lines(&self.notices));
        }
        text.push_str("  </testsuite>\n");
    }
}

/// Texts as lines, each escaped by itself.
fn escape_lines(lines: &[String]) -> String {
    lines.iter().map(|line| escape(line)).collect::<Vec<_>>().join("\n")
}

fn suite(scan: &Scan, target: &Target) -> Suite {
    let mut suite = Suite::new(&target.name);
    let counted = target.findings.iter().filter_map(|&index| judgement::of_counted(scan, index));
    let suppressed = target.suppressed.iter().filter_map(|&index| judgement::of_suppressed(scan, index));
    for judged in counted.chain(suppressed) {
        test(scan, &judged, &mut suite);
    }
    if suite.tests == 0 {
        let packages = target.packages.len();
        suite.test(&format!("no findings; packages: {packages}"), "", None);
    }
    suite
}

/// Findings whose package is in no target, which the matcher does not make.
fn homeless(scan: &Scan, targets: &[Target]) -> Option<Suite> {
    let at_home = |of: fn(&Target) -> &[usize]| -> BTreeSet<usize> {
        targets.iter().flat_map(|target| of(target).iter().copied()).collect()
    };
    let (findings, suppressed) = (at_home(|target| &target.findings), at_home(|target| &target.suppressed));
    let counted = judgement::counted(scan).enumerate().filter(|(index, _)| !findings.contains(index));
    let others = judgement::suppressed(scan).enumerate().filter(|(index, _)| !suppressed.contains(index));
    let mut suite = Suite::new(&scan.inventory.artifact.name);
    for (_, judged) in counted.chain(others) {
        test(scan, &judged, &mut suite);
    }
    (suite.tests > 0).then_some(suite)
}

fn test(scan: &Scan, judged: &Judged<'_>, suite: &mut Suite) {
    let finding = judged.finding;
    let package = facts::packages(scan, finding).next();
    let (package, version) = package.map_or(("?", ""), |package| (&package.name, &package.version));
    let name = format!("{} in {package} {version}", finding.id);
    let name = name.trim_end();
    let severity = facts::severity(finding);
    let headline = format!("{severity}: {}", facts::title(finding, package));
    if let Some(suppressed) = judged.suppressed {
        let kind = suppressed.kind.as_str();
        let lines = vec![headline];
        let ending = Ending { element: "skipped", kind, message: suppressed.words(), lines };
        return suite.test(name, "", Some(&ending));
    }
    let new = judgement::new_words(finding).map(|words| format!("new: {words}"));
    if let Some(ruling) = judged.ruling.filter(|ruling| ruling.outcome == Outcome::Failed) {
        let mut lines = lines(scan, finding, package, ruling);
        lines.extend(new);
        let ending = Ending { element: "failure", kind: severity.as_str(), message: headline, lines };
        return suite.test(name, "", Some(&ending));
    }
    let mut note = format!("{headline}; {}", facts::solution(finding, package));
    for more in judged.words().into_iter().chain(new).chain(judged.notes().iter().cloned()) {
        let _ = write!(note, "; {more}");
    }
    suite.test(name, &note, None);
}

fn lines(scan: &Scan, finding: &Finding, package: &str, ruling: &Ruling) -> Vec<String> {
    let mut lines = vec![format!("rule: {}", judgement::rule_words(ruling))];
    lines.extend(ruling.notes.iter().map(|note| format!("note: {note}")));
    lines.push(format!("fix: {}", facts::solution(finding, package)));
    let mut places: Vec<String> = facts::packages(scan, finding).map(facts::place).collect();
    places.dedup();
    lines.extend(places.iter().filter(|place| !place.is_empty()).map(|place| format!("in: {place}")));
    if let Some(entry) = &finding.kev {
        lines.push(format!("known to be exploited since {}", entry.date_added));
    }
    let url = primary_url(&finding.id);
    if !url.is_empty() {
        lines.push(url);
    }
    lines
}

/// What could not be read or decided.
fn unclear(scan: &Scan) -> Option<Suite> {
    let element = if scan.decision.verdict == Verdict::Undecided { "error" } else { "skipped" };
    let mut suite = Suite::new("not read or not decided");
    for gap in facts::gaps(scan) {
        let line = facts::gap_line(gap);
        let ending = Ending { element, kind: "gap", message: line.clone(), lines: Vec::new() };
        suite.test(&format!("gap: {line}"), "", Some(&ending));
    }
    for item in &scan.undetermined {
        let package = scan.inventory.packages.get(item.package);
        let (name, version) = package.map_or(("?", ""), |package| (&package.name, &package.version));
        let ending =
            Ending { element, kind: "undetermined", message: item.reason.clone(), lines: Vec::new() };
        suite.test(&format!("undetermined: {} in {name} {version}", item.id), "", Some(&ending));
    }
    (suite.tests > 0).then_some(suite)
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;
    use crate::sample;

    fn xml(scan: &Scan) -> String {
        let mut out = Vec::new();
        let report = Report { tool_version: "VERSION", ..Report::new(scan) };
        write(&report, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn golden_report() {
        expect_file!["../testdata/golden/report.junit.xml"].assert_eq(&xml(&sample::scan()));
    }

    #[test]
    fn a_test_fails_where_the_gate_does() {
        let mut scan = sample::scan();
        let failures = scan.decision.failures().count();
        assert_eq!(xml(&scan).matches("<failure ").count(), failures);
        assert!(xml(&scan).contains(&format!(" failures=\"{failures}\" errors=\"0\"")));
        scan.decision.rulings.clear();
        assert!(!xml(&scan).contains("<failure "));
        assert_eq!(xml(&scan).matches("<system-out>").count(), scan.findings.len());
    }

    #[test]
    fn what_is_suppressed_is_skipped_and_what_is_warned_of_passes() {
        let scan = sample::judged();
        let text = xml(&scan);
        let suppressed = text.matches("type=\"rule\"").count()
            + text.matches("type=\"waiver\"").count()
            + text.matches("type=\"vex\"").count();
        assert_eq!(suppressed, scan.suppressed.len());
        assert_eq!(text.matches("Warning: soon").count(), 2);
        assert!(text.contains(" failures=\"4\""));
    }

    #[test]
    fn a_suppressed_finding_without_a_package_is_a_test_too() {
        let mut scan = sample::judged();
        scan.suppressed[0].finding.packages = vec![999];
        assert!(xml(&scan).contains("name=\"CVE-2007-6755 in ?\""));
    }

    #[test]
    fn it_is_well_formed_whatever_names_are() {
        let mut scan = sample::scan();
        let hostile = "]]><a b='\"'>&#0;\u{0}\u{8}\u{ffff}\u{fffe}\u{1b}-->";
        scan.inventory.artifact.name = hostile.to_owned();
        scan.findings[0].title = hostile.to_owned();
        scan.inventory.packages[1].name = hostile.to_owned();
        scan.decision.rulings[0].rule = hostile.to_owned();
        scan.inventory.gaps[0].reason = hostile.to_owned();
        let text = xml(&scan);
        let mut reader = quick_xml::Reader::from_str(&text);
        let mut depth = 0_i32;
        loop {
            match reader.read_event().unwrap() {
                quick_xml::events::Event::Start(_) => depth += 1,
                quick_xml::events::Event::End(_) => depth -= 1,
                quick_xml::events::Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(depth, 0);
        assert!(!text.contains(['\u{0}', '\u{8}', '\u{ffff}', '\u{fffe}', '\u{1b}']));
    }

    #[test]
    fn an_undecided_verdict_is_an_error() {
        let mut scan = sample::scan();
        scan.decision.rulings.clear();
        assert_eq!(xml(&scan).matches("<skipped ").count(), 4);
        scan.decision.verdict = Verdict::Undecided;
        assert_eq!(xml(&scan).matches("<error ").count(), 4);
    }

    #[test]
    fn a_finding_without_a_package_is_a_test_too() {
        let mut scan = sample::scan();
        scan.findings[0].packages = vec![999];
        assert!(xml(&scan).contains("name=\"CVE-2022-1292 in ?\""));
    }
}
