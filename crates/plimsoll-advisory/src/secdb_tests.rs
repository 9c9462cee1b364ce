use expect_test::{Expect, expect};

use super::*;
use crate::testing::{read_to_text, survives};

const MAIN: &[u8] = include_bytes!("../testdata/secdb/v3.20-main.json");
const OS: &[u8] = include_bytes!("../testdata/secdb/wolfi.json");

#[expect(clippy::needless_pass_by_value, reason = "so that a snapshot stands where it is checked")]
fn check(packages: &str, expected: Expect) {
    let json = format!(r#"{{"distroversion": "v3.20", "reponame": "main", "packages": {packages}}}"#);
    expected.assert_eq(&read_to_text(&ALPINE, "main.json", "", json.as_bytes()));
}

#[test]
fn a_repository_of_alpine_is_read() {
    let text = read_to_text(&ALPINE, "v3.20/main.json", "Alpine:v3.20/main", MAIN);
    expect![[r"
        ALPINE-CVE-2023-2000/v3.20/main aliases=XSA-500 upstream=CVE-2023-2000
          ADVISORY https://security.alpinelinux.org/vuln/CVE-2023-2000
          Alpine:v3.20 hull [>=0 <2.3.0-r2]
        ALPINE-CVE-2024-1000/v3.20/main upstream=CVE-2024-1000
          ADVISORY https://security.alpinelinux.org/vuln/CVE-2024-1000
          Alpine:v3.20 hull [>=0 <2.4.1-r0]
          Alpine:v3.20 keel [>=0 <1.0_rc2-r0]
        ALPINE-CVE-2024-1001/v3.20/main upstream=CVE-2024-1001
          ADVISORY https://security.alpinelinux.org/vuln/CVE-2024-1001
          Alpine:v3.20 hull [>=0 <2.4.1-r0]
        ALPINE-CVE-2024-3000/v3.20/main upstream=CVE-2024-3000
          ADVISORY https://security.alpinelinux.org/vuln/CVE-2024-3000
          Alpine:v3.20 hull [>=0] NotAffected
    "]]
    .assert_eq(&text);
}

#[test]
fn wolfi_has_one_file_and_no_releases() {
    let text = read_to_text(&WOLFI, "os/security.json", "Wolfi", OS);
    expect![[r"
        WOLFI-CGA-2222-3333-4444 upstream=CGA-2222-3333-4444
          Wolfi hull-2.4 [>=0 <2.4.1-r0]
        WOLFI-CVE-2024-1000 upstream=CVE-2024-1000
          Wolfi hull-2.4 [>=0 <2.4.1-r0]
        WOLFI-CVE-2024-3000 upstream=CVE-2024-3000
          Wolfi hull-2.4 [>=0] NotAffected
        WOLFI-GHSA-aaaa-bbbb-cccc upstream=GHSA-aaaa-bbbb-cccc
          Wolfi hull-2.4 [>=0] NotAffected
    "]]
    .assert_eq(&text);
}

#[test]
fn of_several_fixes_the_last_counts_and_a_fix_counts_more_than_never() {
    check(
        r#"[{"pkg": {"name": "hull", "secfixes": {
            "1.9-r0": ["CVE-2024-1000"], "1.10-r0": ["CVE-2024-1000"], "1.2-r0": ["CVE-2024-1000"],
            "0": ["CVE-2024-1000", "CVE-2024-2000"], "soon": ["CVE-2024-3000"], "1-r0": ["CVE-2024-3000"]}}}]"#,
        expect![[r"
            ALPINE-CVE-2024-1000/v3.20/main upstream=CVE-2024-1000
              ADVISORY https://security.alpinelinux.org/vuln/CVE-2024-1000
              Alpine:v3.20 hull [>=0 <1.10-r0]
            ALPINE-CVE-2024-2000/v3.20/main upstream=CVE-2024-2000
              ADVISORY https://security.alpinelinux.org/vuln/CVE-2024-2000
              Alpine:v3.20 hull [>=0] NotAffected
            ALPINE-CVE-2024-3000/v3.20/main upstream=CVE-2024-3000
              ADVISORY https://security.alpinelinux.org/vuln/CVE-2024-3000
              Alpine:v3.20 hull [>=0 <1-r0] [>=0 <soon]
        "]],
    );
}

#[test]
fn a_line_may_hold_several_ids_and_remarks() {
    for (line, expected) in [
        ("CVE-2024-1000", &["CVE-2024-1000"][..]),
        ("CVE-2017-2616 (+ regression fix)", &["CVE-2017-2616"]),
        ("CVE-2018-12896 XSA-270", &["CVE-2018-12896", "XSA-270"]),
        ("CVE-2024-1000,CVE-2024-2000; CVE-2024-1000", &["CVE-2024-1000", "CVE-2024-2000"]),
        ("CVE_2019-2426.", &["CVE-2019-2426"]),
        ("cve-2019-2426", &["CVE-2019-2426"]),
        ("VSV00001", &["VSV00001"]),
        ("GHSA-jfhx-cxjp-vvqq", &["GHSA-jfhx-cxjp-vvqq"]),
        ("ALPINE-13661 GNUTLS-SA-2017-3", &["ALPINE-13661", "GNUTLS-SA-2017-3"]),
        ("CVE-", &[]),
        ("several flaws", &[]),
        ("éé-2024", &[]),
        ("", &[]),
    ] {
        assert_eq!(ids(line), expected, "{line}");
    }
    check(
        r#"[{"pkg": {"name": "hull", "secfixes": {"1-r0": [
            "CVE-2024-1000 XSA-270 XSA-271", "CVE-2024-2000 CVE-2024-3000 XSA-300", "XSA-400 XSA-401"]}}}]"#,
        expect![[r"
            ALPINE-CVE-2024-1000/v3.20/main aliases=XSA-270,XSA-271 upstream=CVE-2024-1000
              ADVISORY https://security.alpinelinux.org/vuln/CVE-2024-1000
              Alpine:v3.20 hull [>=0 <1-r0]
            ALPINE-CVE-2024-2000/v3.20/main upstream=CVE-2024-2000 related=XSA-300
              ADVISORY https://security.alpinelinux.org/vuln/CVE-2024-2000
              Alpine:v3.20 hull [>=0 <1-r0]
            ALPINE-CVE-2024-3000/v3.20/main upstream=CVE-2024-3000 related=XSA-300
              ADVISORY https://security.alpinelinux.org/vuln/CVE-2024-3000
              Alpine:v3.20 hull [>=0 <1-r0]
            ALPINE-XSA-400/v3.20/main aliases=XSA-401 upstream=XSA-400
              Alpine:v3.20 hull [>=0 <1-r0]
        "]],
    );
}

#[test]
fn what_is_broken_is_told_and_the_rest_goes_on() {
    let good = r#"{"pkg": {"name": "keel", "secfixes": {"1-r0": ["CVE-2024-1000"]}}}"#;
    for broken in [
        "3",
        "null",
        "{}",
        r#"{"pkg": null}"#,
        r#"{"pkg": {"secfixes": {}}}"#,
        r#"{"pkg": {"name": "a b"}}"#,
        r#"{"pkg": {"name": "hull", "secfixes": []}}"#,
        r#"{"pkg": {"name": "hull", "secfixes": {"1-r0": "CVE-2024-1000"}}}"#,
        r#"{"pkg": {"name": "hull", "secfixes": {"1-r0": [3]}}}"#,
        r#"{"pkg": {"name": "hull", "secfixes": {"1 r0": ["CVE-2024-1000"]}}}"#,
        r#"{"pkg": {"name": "hull", "secfixes": {"1-r0": ["several flaws"]}}}"#,
    ] {
        let json =
            format!(r#"{{"distroversion": "edge", "reponame": "main", "packages": [{broken}, {good}]}}"#);
        let text = read_to_text(&ALPINE, "main.json", "", json.as_bytes());
        assert!(
            text.contains("failed: main.json: package 0 ") && text.contains("Alpine:edge keel [>=0 <1-r0]"),
            "{broken}: {text}"
        );
    }
    check(
        r#"[{"pkg": {"name": "hull", "secfixes": null}}, {"pkg": {"name": "keel", "secfixes": {"1-r0": null}}}]"#,
        expect![[""]],
    );
}

#[test]
fn a_file_is_of_the_release_that_was_asked_for_or_that_it_says_or_of_its_folder() {
    for (scope, path, said, expected) in [
        ("Alpine:v3.20/main", "main.json", ("v3.20", "main"), Some("v3.20/main")),
        ("Alpine:v3.19/main", "main.json", ("v3.20", "main"), None),
        ("Alpine:v3.20/main", "main.json", ("v3.20", "community"), None),
        ("Alpine:edge/main", "main.json", ("", ""), Some("edge/main")),
        ("Alpine:edge/main", "v3.20/main.json", ("rolling", "main"), Some("edge/main")),
        ("", "v3.19/main.json", ("v3.20", "community"), Some("v3.20/community")),
        ("", "secdb/v3.19/main.json.gz", ("", "main"), Some("v3.19/main")),
        ("", "v3.19/main.json", ("v3.20/main", "main"), Some("v3.19/main")),
        ("Alpine", "main.json", ("3.20", "main"), None),
        ("", "main.json", ("v3.20", ""), None),
        ("", "/main.json", ("", ""), None),
        ("", "", ("", ""), None),
    ] {
        let json = format!(
            r#"{{"distroversion": "{}", "reponame": "{}", "packages": [
                {{"pkg": {{"name": "hull", "secfixes": {{"1-r0": ["CVE-2024-1000"]}}}}}}]}}"#,
            said.0, said.1
        );
        let text = read_to_text(&ALPINE, path, scope, json.as_bytes());
        let start =
            expected.map_or("error: expected ".to_owned(), |part| format!("ALPINE-CVE-2024-1000/{part} "));
        assert!(text.starts_with(&start), "{scope} {path} {said:?}: {text}");
    }
}

#[test]
fn foreign_bytes_do_no_harm() {
    survives(&ALPINE, "v3.20/main.json", "Alpine:v3.20/main", MAIN);
    survives(&WOLFI, "os/security.json", "Wolfi", OS);
}

#[test]
fn each_file_is_claimed_by_one() {
    let chainguard = String::from_utf8_lossy(OS).replace("packages.wolfi.dev", "packages.cgr.dev");
    for (head, claimed) in [
        (MAIN, [true, false, false]),
        (OS, [false, true, false]),
        (chainguard.as_bytes(), [false, false, true]),
    ] {
        assert_eq!([&ALPINE, &WOLFI, &CHAINGUARD].map(|source| source.claims("a.json", head)), claimed);
    }
}

#[test]
fn alpine_has_a_feed_for_each_repository_of_each_release() {
    let feeds = ALPINE.feeds(Some(&[Ecosystem::Alpine]));
    assert_eq!(feeds.len(), 44);
    let feed = feeds.iter().find(|feed| feed.path == "v3.20/community.json").unwrap();
    assert_eq!(feed.scope, "Alpine:v3.20/community");
    assert_eq!(feeds.last().unwrap().scope, "Alpine:edge/community");
    assert_eq!(WOLFI.feeds(None)[0].path, "os/security.json");
    assert_eq!(CHAINGUARD.feeds(Some(&[Ecosystem::Wolfi])), []);
}
