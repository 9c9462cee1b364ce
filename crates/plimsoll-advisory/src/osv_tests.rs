#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use plimsoll_model::{Advisory, EventKind, RatingScale};

use super::*;

/// The record in short: one line a fact, empty ones left out.
#[expect(clippy::needless_pass_by_value, reason = "a snapshot is written where it is checked")]
fn check(json: &str, expected: Expect) {
    let text = match parse_record(json.as_bytes()) {
        Err(error) => format!("error: {error}\n"),
        Ok(parsed) => {
            let mut text = match parsed.outcome {
                Outcome::Advisory(advisory) => render(&advisory),
                Outcome::Withdrawn { id, modified } => format!("withdrawn {id} {modified}\n"),
                Outcome::Empty { id, modified } => format!("empty {id} {modified}\n"),
            };
            for skip in parsed.skipped {
                writeln!(text, "skipped {skip:?}").unwrap();
            }
            text
        }
    };
    expected.assert_eq(&text);
}

fn render(advisory: &Advisory) -> String {
    let mut out = format!("{} {}\n", advisory.id, advisory.modified);
    let mut line = |key: &str, value: String| {
        if !value.is_empty() {
            writeln!(out, "{key}: {value}").unwrap();
        }
    };
    line("published", advisory.published.clone());
    line("aliases", advisory.aliases.join(" "));
    line("upstream", advisory.upstream.join(" "));
    line("related", advisory.related.join(" "));
    line("summary", advisory.summary.clone());
    line("details", advisory.details.escape_debug().to_string());
    line("cwes", advisory.cwes.join(" "));
    line("informational", advisory.informational.clone().unwrap_or_default());
    for reference in &advisory.references {
        line("reference", format!("{} {}", reference.kind, reference.url));
    }
    let rating = |rating: &Rating| match &rating.scale {
        RatingScale::Word(severity) => format!("{} {severity}", rating.source),
        RatingScale::Cvss(vector) => format!("{} {vector}", rating.source),
        RatingScale::Score(score) => format!("{} {score}/100", rating.source),
    };
    for given in &advisory.ratings {
        line("rating", rating(given));
    }
    for affected in &advisory.affected {
        let mut text = format!("{} {}", affected.namespace, affected.name);
        for range in &affected.ranges {
            text.push_str(" [");
            for event in &range.events {
                let mark = match event.kind {
                    EventKind::Introduced => ">=",
                    EventKind::Fixed => "<",
                    EventKind::LastAffected => "<=",
                    EventKind::Limit => "limit ",
                };
                write!(text, " {mark}{}", event.version).unwrap();
            }
            text.push_str(" ]");
        }
        if !affected.versions.is_empty() {
            write!(text, " = {}", affected.versions.join(", ")).unwrap();
        }
        for given in &affected.ratings {
            write!(text, " ({})", rating(given)).unwrap();
        }
        if affected.status != AffectedStatus::Affected {
            write!(text, " {:?}", affected.status).unwrap();
        }
        line("affected", text);
    }
    out
}

#[test]
fn a_usual_record() {
    check(
        r#"{"schema_version": "1.7.4", "id": "GHSA-aaaa-bbbb-cccc", "modified": "2024-05-06T07:08:09.5Z",
            "published": "2024-05-01T00:00:00Z", "aliases": ["CVE-2024-1", "CVE-2024-1", "GHSA-aaaa-bbbb-cccc"],
            "related": ["CVE-2024-2"], "summary": "One line", "details": "Two\nlines",
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
            "affected": [{"package": {"ecosystem": "PyPI", "name": "Flask_X", "purl": "pkg:pypi/flask-x"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.2.5"}]},
                           {"type": "GIT", "repo": "https://git.example/x", "events": [{"introduced": "0"}]}],
                "versions": ["1.0", "1.1"]}],
            "references": [{"type": "WEB", "url": "https://example.org/1"}, {"url": "https://example.org/2"}, {}],
            "database_specific": {"cwe_ids": ["CWE-80", "CWE-79", "CWE-80"], "severity": "MODERATE"},
            "credits": [{"name": "somebody"}]}"#,
        expect![[r#"
            GHSA-aaaa-bbbb-cccc 2024-05-06T07:08:09.5Z
            published: 2024-05-01T00:00:00Z
            aliases: CVE-2024-1
            related: CVE-2024-2
            summary: One line
            details: Two\nlines
            cwes: CWE-79 CWE-80
            reference: WEB https://example.org/1
            reference: WEB https://example.org/2
            rating: ghsa CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H
            rating: ghsa MEDIUM
            affected: PyPI flask-x [ >=0 <2.2.5 ] = 1.0, 1.1
            skipped GitRange
        "#]],
    );
}

#[test]
fn distributions_say_severity_in_their_own_ways() {
    check(
        r#"{"id": "ALSA-2022:1", "summary": "Important: thing security update", "related": ["CVE-2022-1"],
            "affected": [{"package": {"ecosystem": "AlmaLinux:8", "name": "thing"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1-2.el8"}]}]}]}"#,
        expect![[r#"
            ALSA-2022:1 
            related: CVE-2022-1
            summary: Important: thing security update
            rating: almalinux HIGH
            affected: AlmaLinux:8 thing [ >=0 <1-2.el8 ]
        "#]],
    );
    check(
        r#"{"id": "UBUNTU-CVE-2020-1", "upstream": ["CVE-2020-1"], "severity": [{"type": "Ubuntu", "score": "low"}],
            "affected": [{"package": {"ecosystem": "Ubuntu:Pro:14.04:LTS", "name": "bash"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
                "ecosystem_specific": {"binaries": [{"binary_name": "bash"}], "priority": "high"}}]}"#,
        expect![[r#"
            UBUNTU-CVE-2020-1 
            upstream: CVE-2020-1
            rating: ubuntu LOW
            affected: Ubuntu:Pro:14.04 bash [ >=0 ] (ubuntu HIGH)
        "#]],
    );
    check(
        r#"{"id": "DEBIAN-CVE-2020-1", "upstream": ["CVE-2020-1"],
            "affected": [
              {"package": {"ecosystem": "Debian:11", "name": "a"}, "versions": ["1"],
               "ecosystem_specific": {"urgency": "unimportant"}},
              {"package": {"ecosystem": "Debian:12", "name": "a"}, "versions": ["1"],
               "ecosystem_specific": {"urgency": "not yet assigned"}},
              {"package": {"ecosystem": "Debian:13", "name": "a"}, "versions": ["1"],
               "ecosystem_specific": {"urgency": "end-of-life"}}]}"#,
        expect![[r#"
            DEBIAN-CVE-2020-1 
            upstream: CVE-2020-1
            affected: Debian:11 a = 1 (debian NEGLIGIBLE)
            affected: Debian:12 a = 1
            affected: Debian:13 a = 1 EndOfLife
        "#]],
    );
    check(
        r#"{"id": "BIT-x-2020-1", "aliases": ["CVE-2020-1"], "database_specific": {"severity": "Critical", "cpes": ["c"]},
            "affected": [{"package": {"ecosystem": "Bitnami", "name": "x"},
                "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"}],
                "ranges": [{"type": "SEMVER", "events": [{"introduced": "1.0.0"}, {"last_affected": "1.2.0"}]}]}]}"#,
        expect![[r#"
            BIT-x-2020-1 
            aliases: CVE-2020-1
            rating: bitnami CRITICAL
            affected: Bitnami x [ >=1.0.0 <=1.2.0 ] (bitnami CVSS:3.1/AV:N)
        "#]],
    );
    check(
        r#"{"id": "GHSA-1", "affected": [{"package": {"ecosystem": "RubyGems", "name": "rack"},
                "database_specific": {"cvss_v3": "5.3", "cvss_v2": 5, "cvss_v4": "CVSS:4.0/AV:N", "source": "s"},
                "versions": ["1"]}]}"#,
        expect![[r#"
            GHSA-1 
            affected: RubyGems rack = 1 (ghsa 53/100) (ghsa CVSS:4.0/AV:N)
        "#]],
    );
}

#[test]
fn notices_are_told_from_flaws() {
    check(
        r#"{"id": "RUSTSEC-2016-1", "affected": [{"package": {"ecosystem": "crates.io", "name": "libusb"},
                "ranges": [{"type": "SEMVER", "events": [{"introduced": "0.0.0-0"}]}],
                "database_specific": {"categories": [], "cvss": null, "informational": "unmaintained"}}]}"#,
        expect![[r#"
            RUSTSEC-2016-1 
            informational: unmaintained
            affected: crates.io libusb [ >=0.0.0-0 ]
        "#]],
    );
    for (json, kind) in [
        (r#"{"id": "ALBA-2019:1", "related": [], "affected": [AFFECTED]}"#, Some("bugfix")),
        (r#"{"id": "ALEA-2019:1", "affected": [AFFECTED]}"#, Some("enhancement")),
        (r#"{"id": "ALBA-2019:1", "related": ["CVE-2019-1"], "affected": [AFFECTED]}"#, None),
        (r#"{"id": "ALSA-2019:1", "affected": [AFFECTED]}"#, None),
    ] {
        let affected = r#"{"package": {"ecosystem": "AlmaLinux:8", "name": "a"}, "versions": ["1"]}"#;
        let parsed = parse_record(json.replace("AFFECTED", affected).as_bytes()).expect(json);
        let Outcome::Advisory(advisory) = parsed.outcome else { panic!("{json}") };
        assert_eq!(advisory.informational.as_deref(), kind, "{json}");
    }
}

#[test]
fn fields_that_are_not_known_are_passed_over() {
    check(
        r#"{"id": "A-1", "credits": [{"name": 3}], "new_field": {"deep": [[{}]]}, "schema_version": 9, "affected": [{
            "package": {"ecosystem": "npm", "name": "a", "purl": 3, "new": true}, "custom_ranges": [{"type": "x"}],
            "ranges": [{"type": "SEMVER", "repo": 3, "database_specific": {"last_known_affected_version_range": "< 3"},
                        "custom": 1, "events": [{"fixed": "2"}, {"introduced": "3"}, {"introduced": "1"}]}]}]}"#,
        expect![[r#"
            A-1 
            affected: npm a [ <2 >=3 >=1 ]
        "#]],
    );
}

#[test]
fn odd_events_are_kept_in_the_order_of_the_document() {
    check(
        r#"{"id": "PYSEC-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "a"}, "ranges": [
              {"type": "ECOSYSTEM", "events": [{"fixed": "2"}, {"introduced": "0"}, {"last_affected": "1"},
                {"last_affected": "1.5"}, {"introduced": "3", "fixed": " 4 "}, {"limit": "*"}, {"fixed": null}, {},
                {"introduced": 5}]},
              {"type": "ECOSYSTEM", "events": []}, {"type": "ECOSYSTEM"}, {"type": "CALVER", "events": []}, {}]}]}"#,
        expect![[r#"
            PYSEC-1 
            affected: PyPI a [ <2 >=0 <=1 <=1.5 >=3 <4 limit * >=5 ]
            skipped Event
            skipped Event
            skipped RangeType("CALVER")
            skipped RangeType("")
        "#]],
    );
}

#[test]
fn what_cannot_be_looked_up_is_skipped_by_name() {
    check(
        r#"{"id": "OSV-1", "modified": "2024-05-06T07:08:09Z", "affected": [
              {"ranges": [{"type": "GIT", "events": []}]},
              {"package": null}, {"package": {"ecosystem": "PyPI", "name": ""}},
              {"package": {"ecosystem": "OSS-Fuzz", "name": "a"}, "versions": ["1"]},
              {"package": {"ecosystem": "Plan 9:4", "name": "a"}, "versions": ["1"]},
              {"package": {"ecosystem": "PyPI", "name": "a"}, "ranges": [{"type": "GIT", "events": []}]}]}"#,
        expect![[r#"
            empty OSV-1 2024-05-06T07:08:09Z
            skipped NoPackage
            skipped NoPackage
            skipped NoPackage
            skipped Ecosystem("OSS-Fuzz")
            skipped Ecosystem("Plan 9")
            skipped GitRange
            skipped NoVersions
        "#]],
    );
    check(r#"{"id": "OSV-1", "affected": null}"#, expect![["empty OSV-1 \n"]]);
}

#[test]
fn a_withdrawn_record_leaves_a_mark() {
    check(
        r#"{"id": "GO-1", "modified": "2024-05-06T07:08:09Z", "withdrawn": "2024-05-06T07:08:09Z", "affected": []}"#,
        expect![["withdrawn GO-1 2024-05-06T07:08:09Z\n"]],
    );
    check(
        r#"{"id": "GO-1", "withdrawn": null, "affected": [{"package": {"ecosystem": "Go", "name": "a"}, "versions": ["1"]}]}"#,
        expect![[r#"
            GO-1 
            affected: Go a = 1
        "#]],
    );
}

#[test]
fn what_is_no_record_is_refused() {
    check(
        "",
        expect![[
            "error: expected an OSV record, found JSON that says otherwise: EOF while parsing a value at line 1 column 0\n"
        ]],
    );
    check("{}", expect![["error: expected an `id` of 1 to 256 bytes without blanks, found none\n"]]);
    check(
        r#"{"id": "a b"}"#,
        expect![["error: expected an `id` of 1 to 256 bytes without blanks, found `a b`\n"]],
    );
    for json in ["[]", "3", r#"{"id": 3}"#, r#"{"id": "a", "affected": [3]}"#, r#"{"id": "a""#, "\u{feff}{}"]
    {
        assert!(parse_record(json.as_bytes()).is_err(), "{json}");
    }
    assert!(parse_record(&[0xff; 10]).is_err());
    assert!(parse_record(format!(r#"{{"id": "{}"}}"#, "x".repeat(257)).as_bytes()).is_err());
    let deep = format!(r#"{{"id": "a", "database_specific": {}"#, "[".repeat(100_000));
    assert!(parse_record(deep.as_bytes()).is_err(), "depth is limited");
}

#[test]
fn every_cut_of_a_record_is_an_error_and_no_panic() {
    let json = r#"{"id": "A-1", "severity": [{"type": "CVSS_V3", "score": 1e400}], "affected": [{"package":
        {"ecosystem": "npm", "name": "\u00e9"}, "versions": ["1"]}]}"#;
    for end in 0..json.len() {
        assert!(parse_record(&json.as_bytes()[..end]).is_err(), "{end}");
    }
}
