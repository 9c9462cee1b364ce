use expect_test::{Expect, expect};

use super::*;
use crate::testing::{read_to_text, survives};

const ELSA: &str = include_str!("../testdata/oracle/elsa.xml");

fn check(text: &str, expected: &Expect) {
    expected.assert_eq(&read_to_text(&Oracle, "elsa.xml", "", text.as_bytes()));
}

/// A document of one definition with these criteria.
fn document(criteria: &str) -> String {
    format!(
        r#"<oval_definitions><definitions><definition id="oval:com.oracle.elsa:def:1" class="patch">
        <metadata><title>ELSA-2024-1: x</title></metadata>{criteria}</definition></definitions></oval_definitions>"#
    )
}

#[test]
fn errata_are_read_with_their_modules_and_builds() {
    check(
        ELSA,
        &expect![[r#"
            ELSA-2023-0946 upstream=CVE-2022-4304,CVE-2023-0286 summary="openssl security and bug fix update (IMPORTANT)" details="[1:3.0.1-47.0.1]\n- Fixes a type confusion <CVE-2023-0286>" published="2023-02-28T00:00:00Z" modified="2023-02-28T00:00:00Z" oracle=HIGH
              ADVISORY https://linux.oracle.com/errata/ELSA-2023-0946.html
              Oracle Linux:9 openssl [>=0 <1:3.0.1-47.0.1.el9_1]
              Oracle Linux:9 openssl-libs [>=0 <1:3.0.1-47.0.1.el9_1]
            ELSA-2024-2779 upstream=CVE-2024-27982 summary="nodejs:18 security update (MODERATE)" published="2024-05-09T00:00:00Z" modified="2024-05-10T00:00:00Z" oracle=MEDIUM
              ADVISORY https://linux.oracle.com/errata/ELSA-2024-2779.html
              Oracle Linux:9 nodejs [>=0 <1:18.20.2-1.module+el9.3.0+90309+7d6f5a3b] module=nodejs:18
            ELSA-2024-12100 upstream=CVE-2023-4911 summary="glibc security update (IMPORTANT)" published="2024-01-25T00:00:00Z" modified="2024-01-25T00:00:00Z" oracle=HIGH
              Oracle Linux:9 glibc [>=0 <2.34-60.0.3.el9_2.7]
              Oracle Linux:9 glibc [>=0 <2:2.34-60.0.3.ksplice1.el9_2.7] note="of builds for ksplice alone"
              Oracle Linux:9 gnutls [>=0 <10:3.7.6-23.el9_3.3_fips] note="of builds for FIPS 140 alone"
            left out: 1 packages that an erratum names without a build
        "#]],
    );
}

#[test]
fn what_stands_behind_a_test_counts_more_than_its_comment() {
    let swapped = ELSA.replace("openssl is earlier than 1:3.0.1-47.0.1.el9_1", "bash is earlier than 0:1-1");
    let read = |text: &str| read_to_text(&Oracle, "x", "", text.as_bytes());
    assert_eq!(read(&swapped), read(ELSA));
}

#[test]
fn comments_serve_where_the_document_has_nothing_else() {
    let (start, _) = ELSA.split_once("<tests>").unwrap();
    let text = format!("{start}</oval_definitions>");
    check(
        &text,
        &expect![[r#"
            ELSA-2023-0946 upstream=CVE-2022-4304,CVE-2023-0286 summary="openssl security and bug fix update (IMPORTANT)" details="[1:3.0.1-47.0.1]\n- Fixes a type confusion <CVE-2023-0286>" published="2023-02-28T00:00:00Z" modified="2023-02-28T00:00:00Z" oracle=HIGH
              ADVISORY https://linux.oracle.com/errata/ELSA-2023-0946.html
              Oracle Linux:9 openssl [>=0 <1:3.0.1-47.0.1.el9_1]
            ELSA-2024-2779 upstream=CVE-2024-27982 summary="nodejs:18 security update (MODERATE)" published="2024-05-09T00:00:00Z" modified="2024-05-10T00:00:00Z" oracle=MEDIUM
              ADVISORY https://linux.oracle.com/errata/ELSA-2024-2779.html
              Oracle Linux:9 nodejs [>=0 <1:18.20.2-1.module+el9.3.0+90309+7d6f5a3b]
            ELSA-2024-12100 upstream=CVE-2023-4911 summary="glibc security update (IMPORTANT)" published="2024-01-25T00:00:00Z" modified="2024-01-25T00:00:00Z" oracle=HIGH
              Oracle Linux:9 glibc [>=0 <2.34-60.0.3.el9_2.7]
              Oracle Linux:9 glibc [>=0 <2:2.34-60.0.3.ksplice1.el9_2.7] note="of builds for ksplice alone"
              Oracle Linux:9 gnutls [>=0 <10:3.7.6-23.el9_3.3_fips] note="of builds for FIPS 140 alone"
            left out: 2 criteria that are not understood
            left out: 1 packages that an erratum names without a build
        "#]],
    );
}

#[test]
fn several_releases_in_one_erratum_are_kept_apart() {
    check(
        &document(
            r#"<criteria operator="OR">
            <criteria operator="AND"><criterion comment="Oracle Linux 7 is installed"/>
                <criterion comment="bash is earlier than 0:4.2.46-1.el7"/></criteria>
            <criteria operator="AND"><criterion comment="bash is earlier than 0:4.4.19-1.el8"/>
                <criterion comment="Oracle Linux 8 is installed"/></criteria></criteria>"#,
        ),
        &expect![[r#"
            ELSA-2024-1 summary="x"
              Oracle Linux:7 bash [>=0 <4.2.46-1.el7]
              Oracle Linux:8 bash [>=0 <4.4.19-1.el8]
        "#]],
    );
}

#[test]
fn criteria_that_are_not_understood_are_counted() {
    check(
        &document(
            r#"<criteria><criterion comment="Oracle Linux 9 is installed"/>
            <criterion comment="the moon is full"/>
            <criterion comment="bash is earlier than 0:5.1-1.el9" negate="true"/>
            <criteria negate="true"><criterion comment="tar is earlier than 0:5.1-1.el9"/></criteria>
            <criterion comment="a b is earlier than 0:1-1"/>
            <extend_definition definition_ref="missing"/>
            <criterion comment="sed is earlier than 0:4.8-1.el9"/></criteria>"#,
        ),
        &expect![[r#"
            ELSA-2024-1 summary="x"
              Oracle Linux:9 sed [>=0 <4.8-1.el9]
            left out: 2 criteria that are negated
            left out: 1 criteria that are not understood
            left out: 1 criteria that are of a missing definition
            left out: 1 packages without a range or version that can be compared
        "#]],
    );
    check(
        &document(r#"<criteria><criterion comment="sed is earlier than 0:4.8-1.el9"/></criteria>"#),
        &expect![[r#"
            Withdrawn { source: "oracle", id: "ELSA-2024-1", modified: "" }
            left out: 1 packages of no product
        "#]],
    );
    check(
        &document(""),
        &expect![[r#"
            Withdrawn { source: "oracle", id: "ELSA-2024-1", modified: "" }
        "#]],
    );
}

#[test]
fn definitions_that_extend_each_other_come_to_an_end() {
    let circle = document(
        r#"<criteria><criterion comment="Oracle Linux 9 is installed"/>
        <extend_definition definition_ref="oval:com.oracle.elsa:def:1"/></criteria>"#,
    );
    check(
        &circle,
        &expect![[r"
        failed: elsa.xml: ELSA-2024-1: expected criteria of packages, found definitions that extend each other more than 8 times
    "]],
    );
}

#[test]
fn a_definition_without_an_id_or_with_troubles_is_a_failure_of_its_own() {
    let text = document("").replace("ELSA-2024-1: x", "no ID here");
    check(
        &text,
        &expect![[r"
        failed: elsa.xml: oval:com.oracle.elsa:def:1: expected an `ELSA-…`, found none
    "]],
    );
    let huge = "x".repeat(70_000);
    let text = document(&format!(r#"<criteria><criterion comment="{huge}"/></criteria>"#));
    check(
        &text,
        &expect![[r"
        failed: elsa.xml: ELSA-2024-1: expected a definition, found a tag of 70020 bytes, at most 65536
    "]],
    );
    let text = document("<criteria/><criteria/>").replace("patch", "inventory");
    check(
        &text,
        &expect![[r"
        left out: 1 definitions that are no patches
    "]],
    );
}

#[test]
fn what_is_no_oval_is_refused() {
    for text in ["", "<html><body>login</body></html>", "{}", "<oval_definitions><definitions>", "BZh91AY"] {
        assert!(
            read_to_text(&Oracle, "x", "", text.as_bytes()).starts_with("error: expected OVAL definitions"),
            "{text}"
        );
    }
    survives(&Oracle, "elsa.xml", "", ELSA.as_bytes());
    check("<oval_definitions/>", &expect![[""]]);
}

#[test]
fn marks_of_builds_stand_in_the_release() {
    for (version, expected) in [
        ("2:2.34-60.0.3.ksplice1.el9_2.7", "of builds for ksplice alone"),
        ("10:3.7.6-23.el9_3.3_fips", "of builds for FIPS 140 alone"),
        ("1.1.1k-7.ksplice1.el8_fips", "of builds for ksplice and FIPS 140 alone"),
        ("1:3.0.1-47.0.1.el9_1", ""),
        ("1_fips-1", ""),
        ("1", ""),
    ] {
        assert_eq!(note(version), expected, "{version}");
    }
}

#[test]
fn modules_are_found_in_expressions() {
    let text = r"\nstream\s*=\s*2\.8\b[\w\W]*\nstate\s*=\s*(enabled|1|true)";
    assert_eq!(module(r"\[perl\-FCGI\][\w\W]*", text).as_deref(), Some("perl-FCGI:2.8"));
    assert_eq!(module(r"\[a\]", r"state=1|\nstream\s*=\s*ol8\b").as_deref(), Some("a:ol8"));
    for (pattern, text) in [("", ""), (r"\[a", text), (r"\[a b\]", text), (r"\[a\]", "stream = 1")] {
        assert_eq!(module(pattern, text), None, "{pattern}");
    }
}

#[test]
fn its_feed_and_its_files() {
    assert_eq!(Oracle.feeds(None)[0].path, "com.oracle.elsa-all.xml.bz2");
    assert!(Oracle.claims("com.oracle.elsa-ol9.xml", &ELSA.as_bytes()[..1000]));
    assert!(
        !Oracle.claims("x.xml", b"<oval_definitions><definition id=\"oval:org.opensuse.security:def:1\"")
    );
}
