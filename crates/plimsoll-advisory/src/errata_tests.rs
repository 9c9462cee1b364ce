use expect_test::{Expect, expect};

use super::*;
use crate::testing::{read_to_text, survives};

const PATH: &str = "8/errata.full.json";
const ERRATA: &[u8] = include_bytes!("../testdata/errata/errata.full.json");

#[expect(clippy::needless_pass_by_value, reason = "so that a snapshot stands where it is checked")]
fn check(json: impl AsRef<[u8]>, expected: Expect) {
    expected.assert_eq(&read_to_text(&AlmaErrata, "errata.json", "", json.as_ref()));
}

#[test]
fn errata_are_read() {
    let text = read_to_text(&AlmaErrata, PATH, "AlmaLinux:8", ERRATA);
    expect![[r#"
        ALSA-2024:9001 upstream=CVE-2024-1000 summary="Important: hull:2.4 security update" details="The ship's hull.\n\nSecurity Fix(es):\n\n* hull: heap overflow (CVE-2024-1000)" published="2024-02-01T00:00:00Z" modified="2024-02-02T00:00:00Z" almalinux=HIGH
          WEB https://access.redhat.com/errata/RHSA-2024:9001
          WEB https://access.redhat.com/security/cve/CVE-2024-1000
          ADVISORY https://errata.almalinux.org/8/ALSA-2024-9001.html
          AlmaLinux:8 hull [>=0 <1:2.4.1-3.module_el8.9.0+3700+01234567] [>=0 <1:2.4.1-3.module_el8.9.0+3701+89abcdef] module=hull:2.4
          AlmaLinux:8 hull [>=0 <1:2.6.0-1.module_el8.9.0+3702+00000000] module=hull:2.6
          AlmaLinux:8 hull-selinux [>=0 <1.0-5.el8_9]
        ALBA-2024:9002 summary="keel bug fix update" published="2024-02-01T00:00:00Z" modified="2024-02-01T00:00:00Z" informational=bugfix
          AlmaLinux:8 keel [>=0 <3.0-2.el8]
    "#]].assert_eq(&text);
}

#[test]
fn the_release_stands_in_the_scope_the_folder_or_the_build() {
    let json = r#"{"data": [{"id": "ALSA-2024:1", "packages": [
        {"name": "hull", "epoch": "0", "version": "1", "release": "2.el9_4", "arch": "x86_64"}]}]}"#;
    for (scope, path, release) in [
        ("AlmaLinux:10", "errata.full.json", "10"),
        ("AlmaLinux", "errata.full.json", "9"),
        ("", "a/8/errata.full.json", "8"),
        ("", "old/errata.full.json", "9"),
    ] {
        let text = read_to_text(&AlmaErrata, path, scope, json.as_bytes());
        assert!(
            text.contains(&format!("  AlmaLinux:{release} hull [>=0 <1-2.el9_4]")),
            "{scope} {path}: {text}"
        );
    }
    for (release, expected) in [
        ("1.module_el8.6.0+2761+593e5e59", Some("8")),
        ("4.el9_2.alma.1", Some("9")),
        ("1.el10", Some("10")),
        ("1.fc40", None),
        ("el", None),
        ("1.el123", None),
    ] {
        let found = namespace_of_build(release).map(|namespace| namespace.release);
        assert_eq!(found.as_deref(), expected, "{release}");
    }
}

#[test]
fn what_is_broken_is_told_and_the_rest_goes_on() {
    check(
        r#"{"data": [3, [], {"id": "ALSA 1"}, {"id": "ALSA-2024:2", "packages": 3}, {"id": "ALSA-2024:3"},
            {"id": "ALSA-2024:4", "updated_date": "soon", "packages": [
                {"name": "", "version": "1", "release": "1.el9"}, {"name": "hull", "version": "", "release": "1.el9"},
                {"name": "hull", "version": "1", "release": "1"}, {"name": "keel", "version": "1", "release": "1.el9"}]}]}"#,
        expect![[r#"
            Withdrawn { source: "almalinux-errata", id: "ALSA-2024:3", modified: "" }
            ALSA-2024:4
              AlmaLinux:9 keel [>=0 <1-1.el9]
            left out: 1 entries that name no package
            failed: errata.json: erratum 0: expected an erratum with its `packages`, found JSON that says otherwise: invalid type: integer `3`, expected an object at line 1 column 1
            failed: errata.json: erratum 1: expected an erratum with its `packages`, found JSON that says otherwise: invalid type: sequence, expected an object at line 1 column 0
            failed: errata.json: erratum 2: expected an `id` of 1 to 256 bytes without blanks, found `ALSA 1`
            failed: errata.json: erratum 3: expected an erratum with its `packages`, found JSON that says otherwise: invalid type: integer `3`, expected a sequence at line 1 column 35
            failed: errata.json: ALSA-2024:4: expected a package with epoch, version and a release for AlmaLinux, found ` :1-1.el9`
            failed: errata.json: ALSA-2024:4: expected a package with epoch, version and a release for AlmaLinux, found `hull :-1.el9`
            failed: errata.json: ALSA-2024:4: expected a package with epoch, version and a release for AlmaLinux, found `hull :1-1`
        "#]],
    );
    check(
        r#"{"data": []}"#,
        expect![[r"
        error: expected errata as `data`, found none
    "]],
    );
    check(
        r#"{"data": null}"#,
        expect![[r"
        error: expected errata as `data`, found JSON that says otherwise: invalid type: null, expected a sequence at line 1 column 13
    "]],
    );
}

#[test]
fn streams_are_the_first_two_parts_of_a_label() {
    for (label, expected) in [
        ("mariadb:10.3:8050020220427075058:c5368500:x86_64", Some("mariadb:10.3")),
        ("mariadb:10.3", Some("mariadb:10.3")),
        ("mariadb", None),
        (":10.3", None),
        ("a b:1", None),
        ("mariadb::1", None),
    ] {
        assert_eq!(stream(label), expected, "{label}");
    }
}

#[test]
fn seconds_are_instants() {
    for (number, expected) in [
        (0.0, "1970-01-01T00:00:00Z"),
        (951_782_399.0, "2000-02-28T23:59:59Z"),
        (951_782_400.0, "2000-02-29T00:00:00Z"),
        (951_868_800.0, "2000-03-01T00:00:00Z"),
        (1_572_983_623.0, "2019-11-05T19:53:43Z"),
        (1_709_164_800.0, "2024-02-29T00:00:00Z"),
        (4_107_542_400.0, "2100-03-01T00:00:00Z"),
        (253_402_300_799.0, "9999-12-31T23:59:59Z"),
        (253_402_300_800.0, ""),
        (-1.0, ""),
        (f64::NAN, ""),
    ] {
        assert_eq!(Moment(Loose::Number(number)).instant(), expected, "{number}");
    }
    assert_eq!(Moment(Loose::Text("1572983623".to_owned())).instant(), "");
}

#[test]
fn foreign_bytes_do_no_harm() {
    survives(&AlmaErrata, PATH, "AlmaLinux:8", ERRATA);
}
