//! The whole table, on the sample of all reports and on small scans of one idea each.

use expect_test::{expect, expect_file};
use plimsoll_model::{
    Decision, Finding, FixState, Gap, Inventory, Layer, LayerInfo, OsRelease, Outcome, Package, PackageKind,
    Ruling, Severity, SeverityChoice, SeverityCounts, SeveritySource, SourcePackage, Undetermined, Verdict,
};

use super::*;
use crate::sample::{self, digest};

fn table(scan: &Scan, width: usize, color: bool, exit_status: Option<u8>) -> String {
    let mut out = Vec::new();
    write_table(scan, &TableOptions { width, color, exit_status }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The table without its head and without what follows the last section.
fn sections(scan: &Scan, width: usize) -> String {
    let text = table(scan, width, false, None);
    let (_, body) = text.split_once("\n\n").unwrap();
    let (body, _) = body.rsplit_once("\nTotal: ").unwrap();
    body.to_owned()
}

fn deb(name: &str, version: &str, source: Option<(&str, &str)>, layer: usize) -> Package {
    let digit = char::from_digit(u32::try_from(layer).unwrap() + 1, 16).unwrap();
    Package {
        source: source.map(|(name, version)| SourcePackage { name: name.into(), version: version.into() }),
        introduced_in: Some(Layer { diff_id: digest(digit), index: layer }),
        ..Package::new(PackageKind::Deb, name, version, "dpkg")
    }
}

fn finding(package: usize, id: &str, severity: Severity, fixed: Option<&str>, title: &str) -> Finding {
    Finding {
        fix: fixed.map_or(FixState::NotFixed, |version| FixState::Fixed(version.to_owned())),
        severity: SeverityChoice { severity, source: SeveritySource::Nobody },
        title: title.to_owned(),
        ..Finding::new(id, vec![package])
    }
}

fn failed(rule: &str) -> Ruling {
    Ruling { outcome: Outcome::Failed, rule: rule.to_owned(), ..Ruling::default() }
}

fn scan(packages: Vec<Package>, findings: Vec<Finding>) -> Scan {
    let mut counts = SeverityCounts::default();
    for finding in &findings {
        counts.add(finding.severity.severity);
    }
    let mut inventory = Inventory { packages, ..Inventory::default() };
    inventory.artifact.name = "app.tar".to_owned();
    inventory.os =
        Some(OsRelease { id: "debian".to_owned(), version_id: "11".to_owned(), ..OsRelease::default() });
    Scan { inventory, findings, decision: Decision { counts, ..Decision::default() }, ..Scan::default() }
}

#[test]
fn golden_tables() {
    let scan = sample::scan();
    expect_file!["../../testdata/golden/table-80.txt"].assert_eq(&table(&scan, 80, false, Some(1)));
    expect_file!["../../testdata/golden/table-120.txt"].assert_eq(&table(&scan, 120, false, Some(1)));
    expect_file!["../../testdata/golden/table-80-color.txt"].assert_eq(&table(&scan, 80, true, Some(1)));
}

#[test]
fn what_ignore_unfixed_drops_is_told_once() {
    let mut scan = sample::judged();
    scan.suppressed.truncate(1);
    scan.suppressed[0].origin = "--ignore-unfixed".to_owned();
    let text = table(&scan, 80, false, None);
    assert!(text.contains("by --ignore-unfixed"));
    assert!(!text.contains("Suppressed:"));
}

#[test]
fn reasons_and_notices_are_bounded() {
    let mut scan = sample::judged();
    let (one, notice) = (scan.suppressed[1].clone(), scan.notices[0].clone());
    for number in 0..30 {
        let mut more = one.clone();
        more.finding.id = format!("CVE-2023-{number}");
        scan.suppressed.push(more.clone());
        more.by = format!("{number}@example.org");
        scan.suppressed.push(more);
        scan.notices.push(notice.clone());
    }
    let text = table(&scan, 200, false, None);
    for line in [
        "Suppressed: 63 (1 by rule, 61 waived, 1 by VEX)",
        "  and 23 more reasons (all: --format json)",
        "  and 21 more of waiver-expired (all: --format json)",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn no_line_is_wider_than_the_terminal_and_none_steers_it() {
    for scan in [sample::scan(), sample::judged()] {
        for width in [0, 40, 50, 60, 80, 100, 120, 200, 1000] {
            for line in table(&scan, width, false, Some(1)).lines() {
                let limit = width.clamp(MIN_COLUMNS, MAX_COLUMNS);
                assert!(terminal::width(line) <= limit, "{width}: {line}");
                assert!(!line.contains(char::is_control), "{line:?}");
            }
        }
    }
}

#[test]
fn hostile_names_of_distribution_packages_steer_nothing_either() {
    let evil = "e\u{1b}[2Jvil\u{202e}";
    let packages = vec![deb(evil, evil, Some((evil, "1")), 0), deb("f\u{7}", evil, Some((evil, "1")), 1)];
    let findings = vec![
        finding(0, evil, Severity::High, Some(evil), evil),
        finding(1, evil, Severity::High, Some(evil), evil),
    ];
    let mut scan = scan(packages, findings);
    scan.inventory.os =
        Some(OsRelease { id: evil.to_owned(), version_id: evil.to_owned(), ..OsRelease::default() });
    scan.inventory.artifact.repo_tags = vec![evil.to_owned()];
    scan.inventory.artifact.manifest_digest = evil.to_owned();
    scan.inventory.artifact.layers = vec![LayerInfo {
        diff_id: digest('1'),
        digest: String::new(),
        size_bytes: 0,
        created_by: evil.to_owned(),
    }];
    scan.inventory.gaps = vec![Gap {
        path: evil.to_owned(),
        place: evil.to_owned(),
        diff_id: None,
        reporter: evil.to_owned(),
        reason: evil.to_owned(),
    }];
    scan.undetermined = vec![Undetermined {
        id: evil.to_owned(),
        advisory: evil.to_owned(),
        package: 0,
        reason: evil.to_owned(),
    }];
    scan.database.digest = evil.to_owned();
    scan.database.newest_advisory = evil.to_owned();
    scan.decision.verdict = Verdict::Failed;
    scan.decision.rulings = vec![failed(evil)];
    for width in [40, 80, 120] {
        let text = table(&scan, width, false, Some(1));
        assert!(text.contains("e\\u{1b}[2Jvil\\u{202e}, f\\u{7}"), "{text}");
        assert!(!text.replace('\n', "").contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
        assert!(text.lines().all(|line| terminal::width(line) <= width), "{text}");
    }
}

#[test]
fn packages_of_one_source_with_the_same_flaws_share_a_heading() {
    let packages = vec![
        deb("curl", "7.74", None, 0),
        deb("libc-bin", "2.31", Some(("glibc", "2.31")), 0),
        deb("libc6", "2.31", Some(("glibc", "2.31")), 0),
        deb("libcurl4", "7.74", Some(("curl", "7.74")), 1),
        deb("libdevmapper1", "2:1.02", Some(("lvm2", "2.03")), 0),
    ];
    let findings = vec![
        finding(0, "CVE-2022-0001", Severity::High, Some("7.75"), "a"),
        finding(1, "CVE-2022-0002", Severity::Low, None, "b"),
        finding(2, "CVE-2022-0002", Severity::Low, None, "b"),
        finding(3, "CVE-2022-0001", Severity::High, Some("7.75"), "a"),
        finding(4, "CVE-2022-0003", Severity::Low, Some("2.04"), "c"),
    ];
    expect![[r"
        Debian 11
        Total: 5 (HIGH: 2, LOW: 3)
        in 3 rows: a row counts once for each package it stands under

        curl, libcurl4 7.74 (source curl)
          layer 0: curl
          layer 1: libcurl4
          HIGH      CVE-2022-0001  fixed in 7.75  a

        libc-bin, libc6 2.31 (source glibc), layer 0
          LOW       CVE-2022-0002  no fix         b

        libdevmapper1 2:1.02 (source lvm2 2.03), layer 0
          LOW       CVE-2022-0003  fixed in 2.04  c
    "]]
    .assert_eq(&sections(&scan(packages, findings), 80));
}

#[test]
fn what_differs_in_version_source_or_flaws_has_a_heading_of_its_own() {
    let packages = vec![
        deb("a", "1", Some(("s", "1")), 0),
        deb("b", "2", Some(("s", "1")), 0),
        deb("c", "1", Some(("t", "1")), 0),
        deb("d", "1", Some(("s", "1")), 0),
    ];
    let findings = vec![
        finding(0, "CVE-2022-0001", Severity::Low, None, ""),
        finding(1, "CVE-2022-0001", Severity::Low, None, ""),
        finding(2, "CVE-2022-0001", Severity::Low, None, ""),
        finding(3, "CVE-2022-0001", Severity::Low, None, ""),
        finding(3, "CVE-2022-0002", Severity::Low, None, ""),
    ];
    expect![[r"
        Debian 11
        Total: 5 (LOW: 5)

        a 1 (source s), layer 0
          LOW       CVE-2022-0001  no fix

        b 2 (source s 1), layer 0
          LOW       CVE-2022-0001  no fix

        c 1 (source t), layer 0
          LOW       CVE-2022-0001  no fix

        d 1 (source s), layer 0
          LOW       CVE-2022-0001  no fix
          LOW       CVE-2022-0002  no fix
    "]]
    .assert_eq(&sections(&scan(packages, findings), 80));
}

#[test]
fn a_title_is_said_once_and_a_missing_one_is_not_taken_for_it() {
    let title = "a collected advisory: fifteen flaws in transfers and in redirects";
    let packages = vec![deb("a", "1", None, 0), deb("b", "1", None, 0)];
    let findings = vec![
        finding(0, "CVE-2022-0001", Severity::Low, None, title),
        finding(0, "CVE-2022-0002", Severity::Low, None, title),
        finding(0, "CVE-2022-0003", Severity::Low, None, ""),
        finding(0, "CVE-2022-0004", Severity::Low, None, ""),
        finding(0, "CVE-2022-0005", Severity::Low, None, title),
        finding(1, "CVE-2022-0006", Severity::Low, None, title),
    ];
    let scan = scan(packages, findings);
    expect![[r"
        Debian 11
        Total: 6 (LOW: 6)

        a 1, layer 0
          LOW       CVE-2022-0001  no fix
                    a collected advisory: fifteen flaws in transfers and in redirects
          LOW       CVE-2022-0002  no fix
          LOW       CVE-2022-0003  no fix
                    (no title)
          LOW       CVE-2022-0004  no fix
          LOW       CVE-2022-0005  no fix
                    a collected advisory: fifteen flaws in transfers and in redirects

        b 1, layer 0
          LOW       CVE-2022-0006  no fix
                    a collected advisory: fifteen flaws in transfers and in redirects
    "]]
    .assert_eq(&sections(&scan, 80));
    expect![[r"
        Debian 11
        Total: 6 (LOW: 6)

        a 1, layer 0
          LOW       CVE-2022-0001  no fix  a collected advisory: fifteen flaws in transfers and in
                                           redirects
          LOW       CVE-2022-0002  no fix
          LOW       CVE-2022-0003  no fix  (no title)
          LOW       CVE-2022-0004  no fix
          LOW       CVE-2022-0005  no fix  a collected advisory: fifteen flaws in transfers and in
                                           redirects

        b 1, layer 0
          LOW       CVE-2022-0006  no fix  a collected advisory: fifteen flaws in transfers and in
                                           redirects
    "]]
    .assert_eq(&sections(&scan, 92));
}

/// Seen on a host with many Go programs: `bin/podman` had no finding in the summary, since all were listed under
/// `bin/buildah`, which holds the same packages.
#[test]
fn a_flaw_in_two_programs_counts_in_both_lines_of_the_summary() {
    let program = |path: &str| Package {
        path: path.to_owned(),
        ..Package::new(PackageKind::Golang, "stdlib", "v1.20.1", "go-binary")
    };
    let mut both = finding(0, "CVE-2023-0001", Severity::High, Some("1.20.2"), "");
    both.packages = vec![0, 1];
    let mut scan = scan(vec![program("bin/buildah"), program("bin/podman")], vec![both]);
    scan.inventory.os = None;
    expect![[r"
        Target           Packages  CRIT  HIGH   MED   LOW  NEGL  UNKN
        Go: bin/buildah         1     -     1     -     -     -     -
        Go: bin/podman          1     -     1     -     -     -     -
        What stands in several targets counts in each of them here, and once below.

        Go: bin/buildah
        Total: 1 (HIGH: 1)

        stdlib v1.20.1
          in bin/buildah
          in bin/podman
          HIGH      CVE-2023-0001  fixed in 1.20.2
    "]]
    .assert_eq(&sections(&scan, 80));
}

#[test]
fn targets_without_findings_are_counted_where_there_are_many() {
    let program = |number: usize| Package {
        path: format!("usr/local/lib/a-long-name-of-a-folder/programs/bin/tool-{number:03}"),
        ..Package::new(PackageKind::Golang, "example.com/tool", format!("v1.0.{number}"), "go-binary")
    };
    let findings =
        (0..45).map(|package| finding(package, "CVE-2023-0001", Severity::Low, None, "")).collect();
    let mut scan = scan((0..60).map(program).collect(), findings);
    scan.inventory.os = None;
    let text = table(&scan, 80, false, None);
    let summary: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("Target")).take(44).collect();
    assert_eq!(
        summary[1],
        "Go: …/programs/bin/tool-000                1     -     -     -     1     -     -"
    );
    assert_eq!(
        summary[40],
        "Go: …/programs/bin/tool-039                1     -     -     -     1     -     -"
    );
    assert_eq!(
        &summary[41..],
        ["and 5 more targets with findings", "and 15 more targets without findings", ""]
    );
}

#[test]
fn gaps_that_differ_in_a_name_are_one_kind_and_lists_are_bounded() {
    let gap = |reporter: &str, path: String, reason: String| Gap {
        path,
        place: String::new(),
        diff_id: None,
        reporter: reporter.to_owned(),
        reason,
    };
    let mut scan = scan(vec![deb("a", "", None, 0)], Vec::new());
    for number in 0..30 {
        let reason = format!("expected the `group` of `lib{number}`, found ` none");
        scan.inventory.gaps.push(gap("java-archive", format!("lib/{number:02}.jar"), reason));
    }
    scan.inventory.gaps.push(gap("dpkg", "var/status".into(), "expected `Version`, found none".into()));
    for number in 0..20 {
        let reason = format!("kind {number}");
        scan.inventory.gaps.push(gap("other", "x".into(), reason));
    }
    scan.match_gaps.push(gap("match", String::new(), "no advisories for `Hex` in the database".into()));
    for number in 0..8 {
        scan.undetermined.push(Undetermined {
            id: format!("CVE-2023-000{number}"),
            advisory: String::new(),
            package: 0,
            reason: "no version".to_owned(),
        });
    }
    scan.decision.verdict = Verdict::Passed;
    scan.decision.rules = vec!["fail on HIGH or worse".to_owned()];
    let text = table(&scan, 80, false, Some(0));
    let (_, text) = text.split_once("Total: 0\n\n").unwrap();
    expect![[r"
        Undetermined: 8 possible findings could not be decided
          a: no version
            CVE-2023-0000, CVE-2023-0001, CVE-2023-0002, CVE-2023-0003, CVE-2023-0004
            and 3 more
          (all of them: --format json)

        Gaps: 52 things that could not be read or judged
          match: no advisories for `Hex` in the database
          java-archive, 30 times: expected the `group` of `…`, found ` none
            in lib/00.jar
            in lib/01.jar and 28 more
          dpkg: expected `Version`, found none
            in var/status
          other: kind 0
            in x
          other: kind 1
            in x
          other: kind 10
            in x
          other: kind 11
            in x
          other: kind 12
            in x
          other: kind 13
            in x
          other: kind 14
            in x
          and 13 more kinds (all: --format json)

        Verdict: PASSED
          asked: fail on HIGH or worse
          52 gaps and 8 undetermined did not count; with --strict the verdict would be
            UNDECIDED
        exit status 0: passed
    "]]
    .assert_eq(text);
}

#[test]
fn strict_says_what_is_open() {
    let mut scan = sample::scan();
    scan.findings.clear();
    scan.decision = Decision {
        verdict: Verdict::Undecided,
        rules: vec!["undecided where something could not be read or compared".to_owned()],
        ..Decision::default()
    };
    let text = table(&scan, 80, false, Some(4));
    let (_, end) = text.split_once("Verdict: ").unwrap();
    expect![[r"
        UNDECIDED (nothing failed, still open: 3 gaps and 1 undetermined)
        exit status 4: undecided, which does not pass
    "]]
    .assert_eq(end);
}

#[test]
fn a_failed_rule_names_the_worst_with_packages_of_one_source_together() {
    let packages = vec![
        deb("e2fsprogs", "1.46", None, 0),
        deb("libss2", "1.46", Some(("e2fsprogs", "1.46")), 0),
        deb("logsave", "1.46", Some(("e2fsprogs", "1.46")), 0),
        deb("zlib1g", "1.2", Some(("zlib", "1.2")), 0),
    ];
    let mut findings = Vec::new();
    for package in 0..3 {
        findings.push(finding(package, "CVE-2022-1304", Severity::High, Some("1.47"), ""));
    }
    for number in 0..6 {
        findings.push(finding(3, &format!("CVE-2022-000{number}"), Severity::High, None, ""));
    }
    let mut scan = scan(packages, findings);
    let rule = "fail on HIGH or worse".to_owned();
    scan.decision.verdict = Verdict::Failed;
    scan.decision.rules = vec![rule.clone(), "ignore findings without a fix".to_owned()];
    scan.decision.rulings = vec![failed(&rule); 9];
    let text = table(&scan, 80, false, Some(1));
    let (_, end) = text.split_once("Verdict: ").unwrap();
    expect![[r"
        FAILED
          fail on HIGH or worse: 9 findings (with a fix: 3)
            HIGH      CVE-2022-1304  e2fsprogs, libss2 and 1 more 1.46
            HIGH      CVE-2022-0000  zlib1g 1.2, no fix
            HIGH      CVE-2022-0001  zlib1g 1.2, no fix
            HIGH      CVE-2022-0002  zlib1g 1.2, no fix
            HIGH      CVE-2022-0003  zlib1g 1.2, no fix
            and 2 more above
        exit status 1: the gate failed
    "]]
    .assert_eq(end);
}

#[test]
fn what_is_to_be_expected_of_a_fix_and_of_attackers() {
    let packages = vec![deb("a", "1", None, 0), deb("b", "1", None, 0)];
    let mut findings: Vec<Finding> = [
        FixState::NotFixed,
        FixState::WillNotFix,
        FixState::FixDeferred,
        FixState::UnderInvestigation,
        FixState::EndOfLife,
    ]
    .into_iter()
    .enumerate()
    .map(|(number, fix)| Finding {
        fix,
        ..finding(0, &format!("CVE-2024-{number}"), Severity::Low, None, "x")
    })
    .collect();
    let probability = |probability| Some(plimsoll_model::Epss { probability, percentile: 0 });
    findings[1].epss = probability(9_999);
    findings[2].epss = probability(10_000);
    findings[3].epss = probability(100_000);
    for finding in &mut findings {
        finding.risk = plimsoll_match::risk(finding);
    }
    findings.push(Finding {
        malicious: true,
        risk: 1000,
        ..finding(1, "MAL-1", Severity::Critical, Some("2"), "")
    });
    let text = table(&scan(packages, findings), 80, false, None);
    let (_, body) = text.split_once("packages\n").unwrap();
    expect![[r"
          no advisory database was asked

        MALICIOUS: b 1 is itself the attack (MAL-1)

        Debian 11
        Total: 6 (CRITICAL: 1, LOW: 5)

        b 1, layer 0
          CRITICAL  MAL-1       fixed in 2  MALICIOUS

        a 1, layer 0
          LOW       CVE-2024-3  not judged yet  EPSS 100%  x
          LOW       CVE-2024-1  will not fix
          LOW       CVE-2024-2  fix deferred  EPSS 10%
          LOW       CVE-2024-0  no fix
          LOW       CVE-2024-4  end of life

        Total: 6 (CRITICAL: 1, LOW: 5)
        6 vulnerabilities in 2 of 2 packages; findings with a fix: 1
        MALICIOUS: 1 package that is itself the attack

        Most pressing (risk 0 to 100, by severity and exploitation)
          100.0  MAL-1       b 1  MALICIOUS
           18.0  CVE-2024-3  a 1  EPSS 100%

        Layers with findings (0 is the base)
          0  sha256:111111111111

        Verdict: PASSED (no rule was asked)
    "]]
    .assert_eq(body);
}

#[test]
fn nothing_found_in_an_empty_image_is_a_warning() {
    let mut scan = sample::scan();
    scan.inventory = Inventory { artifact: scan.inventory.artifact, ..Inventory::default() };
    scan.findings.clear();
    scan.undetermined.clear();
    scan.match_gaps.clear();
    scan.not_affected.clear();
    scan.decision = Decision::default();
    expect![[r"
        registry.example/app:1.2
          linux/amd64, 0 packages, 3 layers
          digest sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
          database sha256:dddddddddddd, 4211 advisories, newest 2023-11-07

        warning: no package was found here, so nothing could be judged; that is not the
        same as clean

        Total: 0

        Database: updated 2023-11-08, newest advisory 2023-11-07

        Verdict: PASSED (no rule was asked)
    "]]
    .assert_eq(&table(&scan, 80, false, None));
}

#[test]
fn an_archive_is_named_with_its_image_and_its_configuration() {
    let mut scan = scan(vec![deb("a", "1", None, 0)], Vec::new());
    scan.inventory.artifact.config_digest = digest('c');
    scan.inventory.artifact.repo_tags = vec!["app:1".to_owned(), "app:latest".to_owned()];
    let text = table(&scan, 80, false, None);
    assert!(
        text.starts_with("app.tar (app:1 and 1 more name)\n  Debian 11, 1 package\n  config sha256:ccc"),
        "{text}"
    );
    scan.inventory.artifact.name = "docker:app:1".to_owned();
    assert!(table(&scan, 80, false, None).starts_with("docker:app:1\n"));
}

#[test]
fn an_index_out_of_place_does_not_panic() {
    let mut scan = sample::scan();
    scan.findings[0].packages = vec![999];
    scan.findings[1].packages.clear();
    scan.undetermined[0].package = 999;
    scan.decision.rulings.push(scan.decision.rulings[0].clone());
    table(&scan, 80, false, None);
}
