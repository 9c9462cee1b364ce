use std::collections::BTreeSet;
use std::io;

use expect_test::expect_file;
use plimsoll_model::{Gap, Undetermined};

use super::*;
use crate::sample;

/// The formats of packages, which have no place for what is found in them.
const PACKAGES_ONLY: &[&str] = &["cyclonedx", "spdx", "github-snapshot"];

/// Those that have no place for gaps, or for their number alone.
const WITHOUT_GAPS: &[&str] = &["openvex", "github-snapshot"];

/// A report with everything that any format may need.
fn full(scan: &Scan) -> Report<'_> {
    Report {
        created: Some("2023-11-08T12:00:00Z"),
        aws: Some(AwsAccount { account: "123456789012", region: "eu-central-1", product_arn: None }),
        github: Some(GithubCommit {
            sha: "0123456789abcdef0123456789abcdef01234567",
            reference: "refs/heads/main",
            job_id: "42",
            job_correlator: "build_image",
            job_url: None,
        }),
        ..Report::new(scan)
    }
}

fn written(format: &ReportFormat, scan: &Scan) -> String {
    let mut out = Vec::new();
    (format.write)(&full(scan), &mut out).unwrap_or_else(|error| panic!("{}: {error}", format.name));
    String::from_utf8(out).unwrap()
}

fn empty() -> Scan {
    Scan::default()
}

fn is_json(format: &ReportFormat) -> bool {
    !matches!(format.name, "table" | "html" | "markdown" | "junit" | "csv")
}

#[test]
fn names_are_unique_and_found_again() {
    let names: BTreeSet<&str> = FORMATS.iter().map(|format| format.name).collect();
    assert_eq!(names.len(), FORMATS.len());
    for format in FORMATS {
        assert_eq!(format_named(&format.name.to_uppercase()).unwrap().name, format.name);
        assert!(!format.extension.starts_with('.'));
        assert!(format.media_type.contains('/'));
        assert!(!format.summary.is_empty() && !format.summary.contains('\n'));
    }
    assert!(format_named("").is_none());
}

#[test]
fn formats_say_what_they_need_and_show() {
    let scan = sample::scan();
    for format in FORMATS {
        let fails = |report: Report<'_>| {
            let written = (format.write)(&report, &mut io::sink());
            assert!(
                !matches!(written, Err(ref error) if !matches!(error, Error::Missing { .. })),
                "{}",
                format.name
            );
            written.is_err()
        };
        assert_eq!(fails(Report { created: None, ..full(&scan) }), format.needs_instant, "{}", format.name);
        let without = Report { aws: None, github: None, ..full(&scan) };
        assert_eq!(fails(without), format.needs_context, "{}", format.name);
        assert_eq!(format.shows_findings, !PACKAGES_ONLY.contains(&format.name));
    }
}

#[test]
fn the_documents_name_every_format() {
    let page = include_str!("../../../docs/report-formats.md");
    let mut named: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect();
    let mut formats: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
    named.sort_unstable();
    formats.sort_unstable();
    assert_eq!(named, formats);
}

#[test]
fn an_empty_scan_is_a_report_too() {
    for format in FORMATS {
        let text = written(format, &empty());
        assert!(!text.is_empty(), "{}", format.name);
        if is_json(format) {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
    }
}

#[test]
fn the_same_scan_gives_the_same_bytes() {
    let scan = sample::scan();
    for format in FORMATS {
        assert_eq!(written(format, &scan), written(format, &scan), "{}", format.name);
    }
}

#[test]
fn every_report_is_readable_and_ends_its_last_line() {
    for format in FORMATS {
        let text = written(format, &sample::scan());
        assert!(text.ends_with('\n'), "{}", format.name);
        if is_json(format) {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
    }
}

#[test]
fn no_report_steers_a_terminal() {
    let mut scan = sample::scan();
    let hostile = "a\u{1b}[2J\u{9b}31m\u{202e}\u{0}\u{feff}\r\n=cmd|' /C calc'!A0<script>alert(1)</script>]]>&{0}[x](y)|";
    scan.inventory.artifact.name = hostile.to_owned();
    for package in &mut scan.inventory.packages {
        package.name.push_str(hostile);
        package.version.push_str(hostile);
        package.path.push_str(hostile);
        package.vendor = Some(hostile.to_owned());
        package.licenses = vec![hostile.to_owned()];
    }
    for finding in &mut scan.findings {
        finding.id.push_str(hostile);
        finding.title = hostile.to_owned();
        finding.description = hostile.to_owned();
        finding.references.push(plimsoll_model::Reference { kind: String::new(), url: hostile.to_owned() });
    }
    scan.inventory.gaps[0].reason = hostile.to_owned();
    scan.inventory.gaps[0].path = hostile.to_owned();
    scan.decision.rules[0] = hostile.to_owned();
    for format in FORMATS {
        let text = written(format, &scan);
        for c in text.chars() {
            let line_end = c == '\n' || (c == '\r' && format.name == "csv");
            assert!(line_end || !crate::terminal::is_unsafe(c), "{}: {:?}", format.name, c);
        }
        if !is_json(format) && !matches!(format.name, "table" | "csv") {
            // The page has one of its own.
            assert_eq!(
                text.matches("<script").count(),
                usize::from(format.name == "html"),
                "{}",
                format.name
            );
        }
        if is_json(format) {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
    }
}

#[test]
fn nothing_that_was_found_is_left_out() {
    let scan = sample::scan();
    for format in FORMATS.iter().filter(|format| !PACKAGES_ONLY.contains(&format.name)) {
        let text = written(format, &scan);
        for finding in &scan.findings {
            // The summary lists what fails the gate, the rest in numbers.
            let fails = scan.decision.failures().any(|(index, _)| scan.findings[index] == *finding);
            assert!(
                text.contains(&finding.id) || (format.name == "markdown" && !fails),
                "{} {}",
                format.name,
                finding.id
            );
        }
    }
}

#[test]
fn gaps_and_undetermined_are_told() {
    let mut scan = empty();
    scan.inventory.packages = sample::inventory().packages;
    scan.inventory.gaps = vec![Gap {
        path: "app/brokenfile".to_owned(),
        place: String::new(),
        diff_id: None,
        reporter: "java-archive".to_owned(),
        reason: "expected a zip archive".to_owned(),
    }];
    scan.undetermined = vec![Undetermined {
        id: "CVE-2022-41723".to_owned(),
        advisory: "GO-2023-1571".to_owned(),
        package: 6,
        reason: "expected a Go version".to_owned(),
    }];
    for format in FORMATS {
        let text = written(format, &scan);
        let gap = WITHOUT_GAPS.contains(&format.name) || text.contains("brokenfile");
        assert!(gap, "{}: no gap", format.name);
        let undetermined = PACKAGES_ONLY.contains(&format.name) || text.contains("CVE-2022-41723");
        assert!(undetermined, "{}: not undetermined", format.name);
    }
}

#[test]
fn an_index_out_of_place_does_not_panic() {
    let mut scan = sample::scan();
    scan.findings[0].packages = vec![999];
    scan.findings[1].packages = Vec::new();
    scan.undetermined[0].package = 999;
    scan.not_affected[0].package = 999;
    scan.decision.rulings.push(scan.decision.rulings[0].clone());
    for format in FORMATS {
        written(format, &scan);
    }
}

#[test]
fn an_output_that_takes_no_more_is_an_error() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("full"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let scan = sample::scan();
    for format in FORMATS {
        let error = (format.write)(&full(&scan), &mut Full).unwrap_err();
        assert!(matches!(error, Error::Write { .. }), "{}", format.name);
    }
}

#[test]
fn an_instant_has_one_form() {
    let scan = empty();
    for (text, good) in [
        ("2023-11-08T12:00:00Z", true),
        ("2023-11-08T12:00:00", false),
        ("2023-11-08T12:00:00+01", false),
        ("2023-13-08T12:00:00Z", false),
        ("2023-11-08T24:00:00Z", false),
        ("2023-11-08 12:00:00Z", false),
        ("2023-11-08T12:00:0éZ", false),
        ("yesterday", false),
        ("", false),
    ] {
        let report = Report { created: Some(text), ..Report::new(&scan) };
        assert_eq!(report.instant("x").is_ok(), good, "{text}");
    }
    let error = Report::new(&scan).instant("SPDX").unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot write the SPDX report: expected the instant of the scan, RFC 3339 in UTC, as in \
         `2026-01-31T12:00:00Z`, found none"
    );
}

/// The formats that show what was said of findings, and whose goldens of the judged sample stand here.
const JUDGED: &[&str] = &[
    "table",
    "markdown",
    "sarif",
    "junit",
    "gitlab",
    "code-quality",
    "cyclonedx-vex",
    "openvex",
    "csv",
    "asff",
];

fn judged_formats() -> impl Iterator<Item = &'static ReportFormat> {
    JUDGED.iter().map(|name| format_named(name).unwrap())
}

#[test]
fn golden_reports_of_a_judged_scan() {
    let scan = sample::judged();
    for format in judged_formats() {
        let mut out = Vec::new();
        (format.write)(&Report { tool_version: "VERSION", ..full(&scan) }, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap().replace("\r\n", "\n");
        expect_file![format!("../testdata/golden/judged.{}", format.extension)].assert_eq(&text);
    }
}

#[test]
fn a_scan_that_a_policy_judged_is_written_in_every_format() {
    let scan = sample::judged();
    assert_eq!(scan.decision.rulings.len(), scan.findings.len());
    let counted: usize = scan.decision.counts.total();
    assert_eq!(counted, scan.findings.len());
    for format in FORMATS {
        written(format, &scan);
    }
}

#[test]
fn what_does_not_count_is_told_and_by_whom() {
    let scan = sample::judged();
    for format in judged_formats() {
        let text = written(format, &scan).replace("&#64;", "@");
        for suppressed in &scan.suppressed {
            // Code Climate's issues all count: there is their number alone.
            let told = format.name == "code-quality"
                || (text.contains(&suppressed.finding.id) && text.contains(&suppressed.by));
            assert!(told, "{}: {}", format.name, suppressed.finding.id);
        }
        assert!(text.contains("2023-11-20") || format.name == "openvex", "{}: no due day", format.name);
    }
}

#[test]
fn notices_are_told() {
    let scan = sample::judged();
    for format in judged_formats().filter(|format| !matches!(format.name, "openvex" | "asff")) {
        let text = written(format, &scan).replace("\n  ", " ");
        for notice in &scan.notices {
            let words = notice.text.split(&['`', ':'][..]).next().unwrap();
            let words = words.split_whitespace().last().unwrap();
            assert!(text.contains(words), "{}: {words}", format.name);
        }
    }
}

#[test]
fn what_is_new_is_told() {
    let scan = sample::judged();
    let mut known = scan.clone();
    known.findings.iter_mut().for_each(|finding| finding.new = Some(plimsoll_model::Newness::Known));
    for format in judged_formats().filter(|format| format.name != "openvex") {
        assert_ne!(written(format, &scan), written(format, &known), "{}", format.name);
    }
}

/// The stable names that a format gives its findings.
fn prints(format: &str, scan: &Scan) -> BTreeSet<String> {
    let text = written(format_named(format).unwrap(), scan);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let (list, field) = match format {
        "sarif" => (&report["runs"][0]["results"], "/partialFingerprints/plimsoll~1v1"),
        "gitlab" => (&report["vulnerabilities"], "/id"),
        "code-quality" => (&report, "/fingerprint"),
        "asff" => (&report["Findings"], "/Id"),
        _ => panic!("{format} has no fingerprints"),
    };
    list.as_array().unwrap().iter().map(|one| one.pointer(field).unwrap().to_string()).collect()
}

#[test]
fn a_fingerprint_is_the_same_whether_a_finding_counts_or_not() {
    let judged = sample::judged();
    // The same findings, all of which count.
    let mut plain = judged.clone();
    plain.notices.clear();
    for suppressed in plain.suppressed.drain(..) {
        plain.findings.push(suppressed.finding);
    }
    for format in ["sarif", "asff"] {
        assert_eq!(prints(format, &judged), prints(format, &plain), "{format}");
    }
    for format in ["gitlab", "code-quality"] {
        let (few, all) = (prints(format, &judged), prints(format, &plain));
        // What is suppressed is left out, and nothing else changes; code quality has issues about that.
        let own = few.difference(&all).count();
        assert_eq!(own, if format == "code-quality" { 4 } else { 0 }, "{format}");
        assert_eq!(few.len() - own + judged.suppressed.len() + 1, all.len(), "one stands at two places");
    }
}

#[test]
fn hostile_words_about_findings_steer_nothing() {
    let mut scan = sample::judged();
    let hostile =
        "a\u{1b}[2J\u{9b}31m\u{202e}\u{0}\r\n=cmd|'<script>alert(1)</script>]]>&{0}[x](y)|</details>";
    for suppressed in &mut scan.suppressed {
        suppressed.by = hostile.to_owned();
        suppressed.reason = hostile.to_owned();
        suppressed.remark = hostile.to_owned();
        suppressed.origin = hostile.to_owned();
        suppressed.until = Some(hostile.to_owned());
    }
    for ruling in &mut scan.decision.rulings {
        ruling.rule = hostile.to_owned();
        ruling.reason = hostile.to_owned();
        ruling.due = Some(hostile.to_owned());
        ruling.notes = vec![hostile.to_owned()];
    }
    for notice in &mut scan.notices {
        notice.text = hostile.to_owned();
        notice.origin = hostile.to_owned();
    }
    scan.baseline.as_mut().unwrap().name = hostile.to_owned();
    for format in FORMATS {
        let text = written(format, &scan);
        for c in text.chars() {
            let line_end = c == '\n' || (c == '\r' && format.name == "csv");
            assert!(line_end || !crate::terminal::is_unsafe(c), "{}: {:?}", format.name, c);
        }
        if matches!(format.name, "markdown" | "junit") {
            assert!(!text.contains("<script"), "{}", format.name);
        }
        if is_json(format) {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
    }
}
