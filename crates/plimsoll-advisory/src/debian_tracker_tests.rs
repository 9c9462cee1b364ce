use expect_test::{Expect, expect};

use super::*;
use crate::testing::{read_to_text, survives};

const FILE: &[u8] = include_bytes!("../testdata/debian-tracker/tracker.json");

#[expect(clippy::needless_pass_by_value, reason = "so that a snapshot stands where it is checked")]
fn check(json: &str, expected: Expect) {
    expected.assert_eq(&read_to_text(&DebianTracker, "json", "Debian", json.as_bytes()));
}

/// One package, one flaw, one release.
fn release(fields: &str) -> String {
    format!(r#"{{"hull": {{"CVE-2024-1000": {{"releases": {{"bookworm": {{{fields}}}}}}}}}}}"#)
}

#[test]
fn the_tracker_is_read() {
    check(
        std::str::from_utf8(FILE).unwrap(),
        expect![[r#"
        DEBIAN-CVE-2024-1000 upstream=CVE-2024-1000 details="A heap overflow in hull before 2.4 lets a crafted \"manifest\" sink the ship."
          ADVISORY https://security-tracker.debian.org/tracker/CVE-2024-1000
          REPORT https://bugs.debian.org/1060001
          REPORT https://bugs.debian.org/1060002
          Debian:11 hull [>=0] FixDeferred note="Minor issue; can be fixed in next update" debian=MEDIUM
          Debian:12 hull [>=0 <2.3-1+deb12u1] debian=MEDIUM
          Debian:13 hull [>=0 <2.4-1]
          Debian:14 hull [>=0 <2.4-1] debian=MEDIUM
          Debian:11 hull-legacy [>=0] NotAffected
          Debian:12 hull-legacy [>=0] EndOfLife note="Not supported in bookworm"
          Debian:14 hull-legacy [>=0] UnderInvestigation
        TEMP-0012345-ABCDEF details="stowaway in the lower deck"
          ADVISORY https://security-tracker.debian.org/tracker/TEMP-0012345-ABCDEF
          Debian:12 hull [>=0] debian=NEGLIGIBLE
        left out: 1 packages of ecosystem `Debian:atlantis`, which is not known
    "#]],
    );
}

#[test]
fn each_state_has_its_status() {
    for (fields, expected) in [
        (r#""status": "open", "urgency": "high""#, "[>=0] debian=HIGH"),
        (r#""status": "open", "urgency": "unimportant""#, "[>=0] debian=NEGLIGIBLE"),
        (r#""status": "open", "urgency": "low**""#, "[>=0] debian=LOW"),
        (r#""status": "open", "urgency": "not yet assigned""#, "[>=0]"),
        (r#""status": "open", "urgency": "end-of-life", "nodsa_reason": "ignored""#, "[>=0] EndOfLife"),
        (r#""status": "open", "nodsa": "Minor issue", "nodsa_reason": """#, "[>=0] note=\"Minor issue\""),
        (r#""status": "open", "nodsa": null, "nodsa_reason": null"#, "[>=0]"),
        (r#""status": "open", "nodsa_reason": "ignored""#, "[>=0] WillNotFix"),
        (r#""status": "open", "nodsa_reason": "postponed""#, "[>=0] FixDeferred"),
        (r#""status": "open", "fixed_version": "0""#, "[>=0]"),
        (r#""status": "open", "fixed_version": "1.2-3""#, "[>=0 <1.2-3]"),
        (r#""status": "resolved", "fixed_version": "1:1.2-3+deb12u1""#, "[>=0 <1:1.2-3+deb12u1]"),
        (r#""status": "resolved", "fixed_version": "0""#, "[>=0] NotAffected"),
        (
            r#""status": "resolved", "fixed_version": "0", "nodsa": "not built""#,
            "[>=0] NotAffected note=\"not built\"",
        ),
        (r#""status": "resolved", "fixed_version": "1-1", "nodsa": "Minor issue""#, "[>=0 <1-1]"),
        (r#""status": "undetermined""#, "[>=0] UnderInvestigation"),
    ] {
        let text = read_to_text(&DebianTracker, "json", "", release(fields).as_bytes());
        let found = text.lines().find_map(|line| line.strip_prefix("  Debian:12 hull "));
        assert_eq!(found, Some(expected), "{fields}: {text}");
    }
}

#[test]
fn unstable_speaks_for_testing_where_testing_has_no_word() {
    check(
        r#"{"hull": {"CVE-2024-1000": {"releases": {
            "forky": {"status": "resolved", "fixed_version": "2-1"},
            "sid": {"status": "resolved", "fixed_version": "3-1"}}}},
          "keel": {"CVE-2024-1000": {"releases": {"sid": {"status": "open"}}}}}"#,
        expect![[r"
            DEBIAN-CVE-2024-1000 upstream=CVE-2024-1000
              ADVISORY https://security-tracker.debian.org/tracker/CVE-2024-1000
              Debian:14 hull [>=0 <2-1]
              Debian:14 keel [>=0]
        "]],
    );
    check(
        r#"{"keel": {"CVE-2024-1000": {"releases": {"sid": {"status": "open"}}}}}"#,
        expect![[r#"
        Withdrawn { source: "debian-tracker", id: "DEBIAN-CVE-2024-1000", modified: "" }
        left out: 1 packages of ecosystem `Debian:sid`, which is not known
    "#]],
    );
}

#[test]
fn what_is_broken_is_told_and_the_rest_goes_on() {
    let good = r#""keel": {"CVE-2024-2000": {"releases": {"trixie": {"status": "open"}}}}"#;
    for broken in [
        r#""hull": 3"#,
        r#""": {}"#,
        r#""hull": {"CVE-2024-1000": []}"#,
        r#""hull": {"CVE 2024": {"releases": {"trixie": {"status": "open"}}}}"#,
        r#""hull": {"CVE-2024-1000": {"releases": {"trixie": {"status": 3}}}}"#,
        r#""hull": {"CVE-2024-1000": {"releases": {"trixie": {"status": "half"}}}}"#,
        r#""hull": {"CVE-2024-1000": {"releases": {"trixie": {}}}}"#,
    ] {
        let text = read_to_text(&DebianTracker, "json", "", format!("{{{broken}, {good}}}").as_bytes());
        assert!(text.contains("failed: json: ") && text.contains("Debian:13 keel [>=0]"), "{broken}: {text}");
    }
    check(
        &release(r#""status": "resolved""#),
        expect![[r#"
        Withdrawn { source: "debian-tracker", id: "DEBIAN-CVE-2024-1000", modified: "" }
        left out: 1 packages without a range or version that can be compared
    "#]],
    );
    check(
        &release(r#""status": "half""#),
        expect![[r#"
        Withdrawn { source: "debian-tracker", id: "DEBIAN-CVE-2024-1000", modified: "" }
        failed: json: hull CVE-2024-1000 bookworm: expected `open`, `resolved` or `undetermined`, found `half`
    "#]],
    );
    check(
        "{}",
        expect![[r"
        error: expected the tracker's object of source packages, found none
    "]],
    );
}

#[test]
fn foreign_bytes_do_no_harm() {
    survives(&DebianTracker, "tracker/data/json", "Debian", FILE);
}

#[test]
fn it_is_one_feed_and_its_file_is_known_by_its_content() {
    assert_eq!(DebianTracker.feeds(None), DebianTracker.feeds(Some(&[Ecosystem::Debian])));
    assert!(DebianTracker.claims("any.json", FILE));
    assert!(!DebianTracker.claims("any.json", br#"{"id": "CVE-2024-1000", "affected": []}"#));
}
