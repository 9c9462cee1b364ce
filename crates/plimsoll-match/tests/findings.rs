//! How advisories become findings: identity, fixes, severities, gaps.

#![expect(clippy::needless_raw_string_hashes, reason = "as expect-test writes its snapshots")]

mod fake;

use expect_test::{Expect, expect};
use fake::{database, inventory, matched};
use plimsoll_match::{Holds, Options, Outcome, evaluate, explain};
use plimsoll_model::{Advisory, AdvisoryLookup, Candidate, Known, LookupError, Namespace, Texts};

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "a snapshot is written where it is called")]
fn check(os: &str, packages: &str, advisories: &str, expected: Expect) {
    expected.assert_eq(&matched(os, packages, advisories));
}

const OPENSSL: &str = "deb libssl1.1 1.1.1n-0+deb11u3 source=openssl";

#[test]
fn records_that_share_a_name_are_one_finding() {
    check(
        "",
        "pypi urllib3 1.26.4",
        "GHSA-q2q7-5pp4-w6pg | alias CVE-2021-33503 | in PyPI: urllib3 <1.26.5
         PYSEC-2021-108 | alias CVE-2021-33503 GHSA-q2q7-5pp4-w6pg | in PyPI: urllib3 <1.26.5
         PYSEC-2023-1 | alias GHSA-zzzz-zzzz-zzzz | in PyPI: urllib3 <1.26.17",
        expect![[r#"
            urllib3 1.26.4: CVE-2021-33503 fixed 1.26.5 by GHSA-q2q7-5pp4-w6pg PYSEC-2021-108 aka GHSA-q2q7-5pp4-w6pg PYSEC-2021-108
            urllib3 1.26.4: GHSA-zzzz-zzzz-zzzz fixed 1.26.17 by PYSEC-2023-1 aka PYSEC-2023-1
        "#]],
    );
}

#[test]
fn a_flaw_without_a_cve_gets_the_one_that_another_record_gives_it() {
    check(
        "",
        "golang example.org/a v1.0.0",
        "GO-2024-1 | alias GHSA-aaaa-aaaa-aaaa | in Go: example.org/a <1.0.1
         GHSA-aaaa-aaaa-aaaa | alias CVE-2024-7 | in npm: another *
         GO-2024-2 | alias GHSA-bbbb-bbbb-bbbb | in Go: example.org/a <1.0.2",
        expect![[r#"
            example.org/a v1.0.0: CVE-2024-7 fixed 1.0.1 by GO-2024-1 aka GHSA-aaaa-aaaa-aaaa GO-2024-1
            example.org/a v1.0.0: GHSA-bbbb-bbbb-bbbb fixed 1.0.2 by GO-2024-2 aka GO-2024-2
        "#]],
    );
}

#[test]
fn a_vendors_record_of_one_flaw_has_all_its_names() {
    check(
        "wolfi 20230201",
        "apk go-1.22 1.22.2-r0",
        "CGA-1111-1111-1111 | upstream CVE-2024-1 GHSA-aaaa-aaaa-aaaa | in Wolfi: go-1.22 <1.22.3-r0
         CGA-2222-2222-2222 | upstream GHSA-aaaa-aaaa-aaaa | in Wolfi: go-1.22 *",
        expect![[r#"
            go-1.22 1.22.2-r0: CVE-2024-1 fixed 1.22.3-r0 by CGA-1111-1111-1111 CGA-2222-2222-2222 aka GHSA-aaaa-aaaa-aaaa
        "#]],
    );
}

#[test]
fn a_collected_advisory_is_a_finding_for_each_flaw() {
    check(
        "debian 11",
        OPENSSL,
        "DSA-5343-1 | upstream CVE-2022-4304 CVE-2023-0215 CVE-2023-0286 | in Debian:11: openssl <1.1.1n-0+deb11u4",
        expect![[r#"
            libssl1.1 1.1.1n-0+deb11u3: CVE-2022-4304 fixed 1.1.1n-0+deb11u4 by DSA-5343-1
            libssl1.1 1.1.1n-0+deb11u3: CVE-2023-0215 fixed 1.1.1n-0+deb11u4 by DSA-5343-1
            libssl1.1 1.1.1n-0+deb11u3: CVE-2023-0286 fixed 1.1.1n-0+deb11u4 by DSA-5343-1
        "#]],
    );
}

#[test]
fn two_advisories_for_one_flaw_ask_for_the_later_fix() {
    check(
        "debian 11",
        OPENSSL,
        "DSA-1-1 | upstream CVE-2023-1 | in Debian:11: openssl <1.1.1n-0+deb11u4
         DSA-2-1 | upstream CVE-2023-1 CVE-2023-2 | in Debian:11: openssl <1.1.1n-0+deb11u5
         DSA-3-1 | upstream CVE-2023-3 | in Debian:11: openssl <1.1.1n-0+deb11u10
         DEBIAN-CVE-2023-3 | upstream CVE-2023-3 | in Debian:11: openssl *",
        expect![[r#"
            libssl1.1 1.1.1n-0+deb11u3: CVE-2023-1 fixed 1.1.1n-0+deb11u5 by DSA-1-1 DSA-2-1
            libssl1.1 1.1.1n-0+deb11u3: CVE-2023-2 fixed 1.1.1n-0+deb11u5 by DSA-2-1
            libssl1.1 1.1.1n-0+deb11u3: CVE-2023-3 fixed 1.1.1n-0+deb11u10 by DEBIAN-CVE-2023-3 DSA-3-1
        "#]],
    );
}

#[test]
fn a_fix_that_another_range_holds_hands_on() {
    check(
        "",
        "npm a 1.0.0",
        "GHSA-1 | in npm: a <1.5.0 >=1.4.0,<2.0.0
         GHSA-2 | in npm: a <=3.0.0",
        expect![[r#"
            a 1.0.0: GHSA-1 fixed 2.0.0 by GHSA-1
            a 1.0.0: GHSA-2 unfixed by GHSA-2
        "#]],
    );
}

#[test]
fn a_fix_that_another_record_lists_as_affected_is_none() {
    check(
        "",
        "pypi a 2.0",
        "GHSA-1 | alias CVE-2024-1 | in PyPI: a <2.5 >=3.0,<3.1
         PYSEC-1 | alias CVE-2024-1 | in PyPI: a =2.0 =2.5",
        expect![[r#"
            a 2.0: CVE-2024-1 fixed 3.1 by GHSA-1 PYSEC-1 aka GHSA-1 PYSEC-1
        "#]],
    );
}

#[test]
fn a_branch_without_a_fix_is_left_for_one_with_a_fix() {
    check(
        "",
        "composer a/b 4.1.0",
        "GHSA-1 | in Packagist: a/b >=4.0.0,<=4.1.31 >=5.0.0,<5.4.22
         GHSA-2 | in Packagist: a/b >=4.0.0,<4.1.5 >=4.1.5,<=4.1.9 >=5.5.0,<5.5.10 >=5.0.0,<5.4.1
         GHSA-3 | in Packagist: a/b >=4.0.0 >=5.0.0,<5.4.22
         GHSA-4 | in Packagist: a/b <3.0.1 >=4.0.0,<=4.1.31",
        expect![[r#"
            a/b 4.1.0: GHSA-1 fixed 5.4.22 by GHSA-1
            a/b 4.1.0: GHSA-2 fixed 5.4.1 by GHSA-2
            a/b 4.1.0: GHSA-3 unfixed by GHSA-3
            a/b 4.1.0: GHSA-4 unfixed by GHSA-4
        "#]],
    );
}

#[test]
fn an_advisory_that_names_no_flaw() {
    check(
        "almalinux 8.9",
        "rpm tar 1.30-5.el8",
        "ALBA-1 | in AlmaLinux:8: tar <1.30-6.el8
         ALBA-2 | related CVE-2023-1 | in AlmaLinux:8: tar <1.30-6.el8
         ALSA-3 | title Moderate: tar update | in AlmaLinux:8: tar <1.30-6.el8",
        expect![[r#"
            tar 1.30-5.el8: ALSA-3 fixed 1.30-6.el8 by ALSA-3
            tar 1.30-5.el8: CVE-2023-1 fixed 1.30-6.el8 by ALBA-2
        "#]],
    );
}

#[test]
fn what_a_distribution_installed_is_the_distributions_to_judge() {
    check(
        "debian 11",
        "deb python3-urllib3 1.26.5-1 source=python-urllib3
         pypi urllib3 1.26.4 owner=deb path=usr/lib/python3/a
         pypi urllib3 1.26.3 path=opt/app",
        "PYSEC-1 | alias CVE-2021-1 | in PyPI: urllib3 <1.26.5\ncovers Debian:11",
        expect![[r#"
            urllib3 1.26.3: CVE-2021-1 fixed 1.26.5 by PYSEC-1 aka PYSEC-1
        "#]],
    );
}

#[test]
fn the_same_package_in_several_places_is_one_finding() {
    check(
        "debian 11",
        "npm a 1.0.0 path=x/a
         npm a 1.0.0 path=y/a
         pypi A_b 1 path=x
         pypi a-b 1 path=y
         deb openssl 1.1.1n-0+deb11u3 arch=amd64
         deb openssl 1.1.1n-0+deb11u3 arch=i386",
        "GHSA-1 | in npm: a <1.0.1
         GHSA-2 | in PyPI: a-b <2
         DSA-1 | in Debian:11: openssl <1.1.1n-0+deb11u4",
        expect![[r#"
            openssl 1.1.1n-0+deb11u3: DSA-1 fixed 1.1.1n-0+deb11u4 by DSA-1 in 2 places
            a 1.0.0: GHSA-1 fixed 1.0.1 by GHSA-1 in 2 places
            A_b 1: GHSA-2 fixed 2 by GHSA-2 in 2 places
        "#]],
    );
}

#[test]
fn doubt_is_said_once_a_flaw_and_not_beside_a_finding() {
    check(
        "",
        "npm a -
         npm b 1.0.0",
        "GHSA-1 | alias CVE-2020-1 | in npm: a <1.0.1
         CVE-2020-1 | in npm: a <1.0.2
         GHSA-2 | alias CVE-2020-2 | in npm: b <banana
         CVE-2020-2 | in npm: b <1.0.2",
        expect![[r#"
            b 1.0.0: CVE-2020-2 fixed 1.0.2 by CVE-2020-2 aka GHSA-2
            a : CVE-2020-1? CVE-2020-1: no version
        "#]],
    );
}

#[test]
fn nobody_was_asked_is_a_gap() {
    check(
        "debian 12",
        "deb a 1\n deb b 1\n npm c 1.0.0",
        "covers Debian:11",
        expect![[r#"
        gap: no advisories for `Debian:12` in the database: 2 packages were not judged
        gap: no advisories for `npm` in the database: 1 package was not judged
    "#]],
    );
    check(
        "raspbian 11",
        "deb a 1",
        "covers Debian:11",
        expect![[r#"
        gap: no source of advisories is known for `raspbian 11`: 1 package was not judged
    "#]],
    );
    check(
        "fedora 39",
        "rpm a 1\n pypi p 1 owner=rpm",
        "covers PyPI",
        expect![[r#"
        gap: no source of advisories is known for `fedora 39`: 1 package was not judged, nor was 1 language package that they installed
    "#]],
    );
    check(
        "",
        "deb a 1",
        "covers Debian:11",
        expect![[r#"
        gap: no distribution release was found, so no advisories can be chosen: 1 package was not judged
    "#]],
    );
    check(
        "debian x",
        "deb a 1",
        "covers Debian:11",
        expect![[r#"
        gap: cannot tell the release of `debian`: expected a number in VERSION_ID or a known code name, found `x`: 1 package was not judged
    "#]],
    );
    check(
        "alpine 3.18.4",
        "deb a 1\n apk b 1-r0",
        "covers Alpine:v3.18",
        expect![[r#"
        gap: the advisories of `alpine 3.18.4` speak of apk packages alone: 1 package was not judged
    "#]],
    );
    check(
        "chainguard 20230214",
        "apk b 1-r0",
        "covers Wolfi",
        expect![[r#"
        gap: no advisories for `Chainguard` in the database: 1 package was judged by `Wolfi` alone
    "#]],
    );
    check(
        "debian 12",
        "npm c 1.0.0",
        "covers npm",
        expect![[r#"
        nothing
    "#]],
    );
}

#[test]
fn ubuntu_pro() {
    let both = "UBUNTU-CVE-2020-1 | upstream CVE-2020-1 | in Ubuntu:14.04:LTS: bash * | in Ubuntu:Pro:14.04:LTS: bash <4.3-7ubuntu1.8+esm1
                UBUNTU-CVE-2020-2 | upstream CVE-2020-2 | in Ubuntu:Pro:14.04:LTS: bash <4.3-7ubuntu1.8+esm2";
    check(
        "ubuntu 14.04",
        "deb bash 4.3-7ubuntu1.7",
        both,
        expect![[r#"
        bash 4.3-7ubuntu1.7: CVE-2020-1 unfixed by UBUNTU-CVE-2020-1
        bash 4.3-7ubuntu1.7: CVE-2020-2 unfixed by UBUNTU-CVE-2020-2
    "#]],
    );
    check(
        "ubuntu 14.04",
        "deb bash 4.3-7ubuntu1.8+esm1",
        both,
        expect![[r#"
        bash 4.3-7ubuntu1.8+esm1: CVE-2020-2 fixed 4.3-7ubuntu1.8+esm2 by UBUNTU-CVE-2020-2
    "#]],
    );
}

const NVD: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
const LOW: &str = "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N";
const V4: &str = "CVSS:4.0/AV:L/AC:H/AT:P/PR:H/UI:A/VC:L/VI:N/VA:N/SC:N/SI:N/SA:N";
const V2: &str = "AV:N/AC:L/Au:N/C:C/I:C/A:C";

#[test]
fn the_distributions_own_word_counts_first() {
    check(
        "ubuntu 20.04",
        "deb bash 5.0",
        &format!(
            "UBUNTU-CVE-2020-1 | upstream CVE-2020-1 | word ubuntu low | cvss ubuntu {NVD} | in Ubuntu:20.04:LTS: bash *"
        ),
        expect![[r#"
            bash 5.0: CVE-2020-1 LOW (ubuntu) unfixed by UBUNTU-CVE-2020-1
        "#]],
    );
    check(
        "debian 11",
        "deb bash 5.0",
        &format!(
            "DEBIAN-CVE-2020-1 | upstream CVE-2020-1 | in Debian:11: bash * word=debian=unimportant\nscore CVE-2020-1 nvd {NVD}"
        ),
        expect![[r#"
            bash 5.0: CVE-2020-1 NEGLIGIBLE (debian) unfixed by DEBIAN-CVE-2020-1
        "#]],
    );
}

#[test]
fn the_word_of_a_collected_advisory_is_of_each_flaw_its_vector_of_none() {
    check(
        "almalinux 9.1",
        "rpm bash 5.0-1.el9",
        &format!(
            "ALSA-1 | related CVE-2020-1 CVE-2020-2 | word almalinux high | cvss almalinux {LOW} | in AlmaLinux:9: bash <5.1-1.el9"
        ),
        expect![[r#"
            bash 5.0-1.el9: CVE-2020-1 HIGH (almalinux) fixed 5.1-1.el9 by ALSA-1
            bash 5.0-1.el9: CVE-2020-2 HIGH (almalinux) fixed 5.1-1.el9 by ALSA-1
        "#]],
    );
    check(
        "debian 11",
        "deb bash 5.0",
        &format!(
            "DSA-1 | upstream CVE-2020-1 CVE-2020-2 | cvss debian {LOW} | in Debian:11: bash *\nscore CVE-2020-1 nvd {NVD}"
        ),
        expect![[r#"
            bash 5.0: CVE-2020-1 CRITICAL (nvd 9.8) unfixed by DSA-1
            bash 5.0: CVE-2020-2 unfixed by DSA-1
        "#]],
    );
}

#[test]
fn vectors_before_the_words_of_other_databases() {
    let case =
        |record: &str, rest: &str| matched("", "npm a 1.0.0", &format!("{record} | in npm: a *\n{rest}"));
    let cases = [
        case(&format!("GHSA-1 | alias CVE-2020-1 | word ghsa high | cvss ghsa {LOW}"), ""),
        case(&format!("GHSA-1 | alias CVE-2020-1 | cvss ghsa {NVD} | cvss ghsa {V4}"), ""),
        case(&format!("GHSA-1 | alias CVE-2020-1 | cvss ghsa {V2}"), ""),
        case("GHSA-1 | alias CVE-2020-1 | word ghsa high", &format!("score CVE-2020-1 nvd {LOW}")),
        case("GHSA-1 | alias CVE-2020-1 | word ghsa unknown", &format!("score CVE-2020-1 nvd {LOW}")),
        case(
            "GHSA-1 | alias CVE-2020-1",
            &format!("PYSEC-1 | alias CVE-2020-1 | cvss pypa {NVD}\nscore CVE-2020-1 nvd {LOW}"),
        ),
        case(
            "GHSA-1 | alias CVE-2020-1",
            "PYSEC-1 | alias CVE-2020-1 | word pypa low\nscore CVE-2020-1 nvd 98",
        ),
        case(
            "GHSA-1 | alias CVE-2020-1",
            &format!("BIT-1 | alias CVE-2020-1 | word bitnami high\nscore CVE-2020-1 nvd {LOW}"),
        ),
        case("GHSA-1 | alias CVE-2020-1", "score CVE-2020-1 nvd 98"),
        case("GHSA-1 | alias CVE-2020-1", ""),
        case("GHSA-1 | alias CVE-2020-1 | cvss ghsa CVSS:3.1/AV:X", "score CVE-2020-1 nvd 40"),
    ];
    expect![[r#"
        a 1.0.0: CVE-2020-1 LOW (ghsa 1.8) unfixed by GHSA-1 aka GHSA-1
        a 1.0.0: CVE-2020-1 LOW (ghsa 1.0) unfixed by GHSA-1 aka GHSA-1
        a 1.0.0: CVE-2020-1 HIGH (ghsa 10.0) unfixed by GHSA-1 aka GHSA-1
        a 1.0.0: CVE-2020-1 LOW (nvd 1.8) unfixed by GHSA-1 aka GHSA-1
        a 1.0.0: CVE-2020-1 LOW (nvd 1.8) unfixed by GHSA-1 aka GHSA-1
        a 1.0.0: CVE-2020-1 LOW (nvd 1.8) unfixed by GHSA-1 aka GHSA-1 PYSEC-1
        a 1.0.0: CVE-2020-1 CRITICAL (nvd 9.8) unfixed by GHSA-1 aka GHSA-1 PYSEC-1
        a 1.0.0: CVE-2020-1 LOW (nvd 1.8) unfixed by GHSA-1 aka BIT-1 GHSA-1
        a 1.0.0: CVE-2020-1 CRITICAL (nvd 9.8) unfixed by GHSA-1 aka GHSA-1
        a 1.0.0: CVE-2020-1 unfixed by GHSA-1 aka GHSA-1
        a 1.0.0: CVE-2020-1 MEDIUM (nvd 4.0) unfixed by GHSA-1 aka GHSA-1
        gap: cannot read CVSS vector `CVSS:3.1/AV:X`: expected a value of `AV`, found `X` (given by `GHSA-1`)
    "#]]
    .assert_eq(&cases.concat());
}

#[test]
fn a_documents_vector_before_a_bare_score_of_the_package() {
    check(
        "",
        "npm a 1.0.0",
        &format!("GHSA-1 | cvss ghsa {LOW} | in npm: a * cvss=ghsa=98"),
        expect![[r#"
            a 1.0.0: GHSA-1 LOW (ghsa 1.8) unfixed by GHSA-1
        "#]],
    );
}

#[test]
fn exploited_flaws_and_notices() {
    check(
        "",
        "cargo a 1.0.0
         maven org.apache.logging.log4j:log4j-core 2.14.1",
        "GHSA-jfh8-c2jp-5v3q | alias CVE-2021-44228 | in Maven: org.apache.logging.log4j:log4j-core <2.15.0
         kev CVE-2021-44228 2021-12-10
         RUSTSEC-2020-1 | notice unmaintained | in crates.io: a *
         RUSTSEC-2020-2 | alias CVE-2020-2 | notice unsound | in crates.io: a *",
        expect![[r#"
            a 1.0.0: CVE-2020-2 unfixed by RUSTSEC-2020-2 aka RUSTSEC-2020-2
            a 1.0.0: RUSTSEC-2020-1 unfixed by RUSTSEC-2020-1 notice unmaintained
            org.apache.logging.log4j:log4j-core 2.14.1: CVE-2021-44228 fixed 2.15.0 by GHSA-jfh8-c2jp-5v3q aka GHSA-jfh8-c2jp-5v3q exploited
        "#]],
    );
}

#[test]
fn a_finding_tells_its_evidence_and_the_flaws_own_words() {
    let database = database(
        "DSA-1 | upstream CVE-2023-1 CVE-2023-2 | title openssl - update | published 2023-03-01T00:00:00Z \
             | in Debian:11: openssl <1.1.1n-0+deb11u4
         GHSA-1 | alias CVE-2023-1 | title Bad parsing | details It parses badly. | cwe CWE-79 CWE-20 \
             | published 2023-02-01T00:00:00Z | in npm: openssl *
         GO-1 | alias CVE-2023-1 CVE-2023-9 | title Two flaws in one",
    );
    let matches = evaluate(&inventory("debian 11", OPENSSL), &database, &Options::default()).unwrap();
    let [first, second] = &matches.findings[..] else { panic!("expected two findings") };
    expect![[r#"
        (
            [
                Evidence {
                    advisory: "DSA-1",
                    source: "",
                    namespace: "Debian:11",
                    name: "openssl",
                    version: "1.1.1n-0+deb11u3",
                    range: "<1.1.1n-0+deb11u4",
                    fixed: Some(
                        "1.1.1n-0+deb11u4",
                    ),
                    note: "",
                },
            ],
            "Bad parsing",
            "It parses badly.",
            "2023-02-01T00:00:00Z",
            [
                "CWE-20",
                "CWE-79",
            ],
            [
                "GHSA-1",
            ],
        )
    "#]]
    .assert_debug_eq(&(
        &first.evidence,
        &first.title,
        &first.description,
        &first.published,
        &first.cwes,
        &first.aliases,
    ));
    assert_eq!((second.title.as_str(), second.cwes.len()), ("openssl - update", 0));
}

#[test]
fn a_fix_is_as_old_as_the_first_erratum_that_brings_it() {
    let since = |records: &str| {
        let database = database(records);
        let matches = evaluate(&inventory("debian 11", OPENSSL), &database, &Options::default()).unwrap();
        let [finding] = &matches.findings[..] else { panic!("expected one finding of {records}") };
        finding.fixed_since.clone()
    };
    let described = "DEBIAN-CVE-2023-1 | upstream CVE-2023-1 | published 2022-01-01T00:00:00Z \
                     | in Debian:11: openssl <1.1.1n-0+deb11u4";
    let erratum = |id: &str, day: &str, fixed: &str| {
        format!("{id} | upstream CVE-2023-1 | published {day}T00:00:00Z | in Debian:11: openssl <{fixed}")
    };
    // What describes the flaw says nothing of the fix.
    assert_eq!(since(described), "");
    let later = erratum("DSA-2-1", "2023-03-02", "1.1.1n-0+deb11u4");
    assert_eq!(since(&format!("{described}\n{later}")), "2023-03-02T00:00:00Z");
    let earlier = erratum("DLA-1-1", "2023-02-01", "0:1.1.1n-0+deb11u4");
    assert_eq!(since(&format!("{described}\n{later}\n{earlier}")), "2023-02-01T00:00:00Z");
    // An update that mended the flaw in part is not the fix.
    let partly = erratum("DSA-1-1", "2023-01-01", "1.1.1n-0+deb11u3.1");
    assert_eq!(since(&format!("{later}\n{partly}")), "2023-03-02T00:00:00Z");
    // Without a day, without a fix, and a group that was opened before there was one.
    assert_eq!(since("DSA-1-1 | upstream CVE-2023-1 | in Debian:11: openssl <1.1.1n-0+deb11u4"), "");
    assert_eq!(
        since("DSA-1-1 | upstream CVE-2023-1 | published 2023-01-01T00:00:00Z | in Debian:11: openssl *"),
        ""
    );
    assert_eq!(since(&erratum("AVG-1", "2023-01-01", "1.1.1n-0+deb11u4")), "");
}

#[test]
fn an_explanation_tells_also_why_not() {
    let database = database(
        "DSA-1 | upstream CVE-2023-1 | in Debian:11: openssl <1.1.1n-0+deb11u3
         DSA-2 | upstream CVE-2023-2 | in Debian:11: openssl <1.1.1n-0+deb11u4",
    );
    let inventory = inventory("debian 11", OPENSSL);
    let explained = |id: &str| explain(&inventory, &database, id, &Options::default()).unwrap();
    let bounds = vec!["0".to_owned(), "1.1.1n-0+deb11u3".to_owned()];
    assert_eq!(explained("CVE-2023-1").advisories[0].holds, Holds::No { bounds });
    assert_eq!(explained("CVE-2023-1").outcome, Outcome::NotAffected);
    assert!(matches!(explained("CVE-2023-2").advisories[0].holds, Holds::Yes { .. }));
    assert_eq!(explained("CVE-2023-2").outcome, Outcome::Affected);
    assert_eq!(explained("DSA-2").advisories[0].advisory, "DSA-2");
    assert!(explained("CVE-2023-3").advisories.is_empty());
}

#[test]
fn the_order_of_the_database_does_not_matter() {
    let advisories = [
        "GHSA-1 | alias CVE-2020-1 | in npm: a <1.0.1",
        "CVE-2020-1 | title One | in npm: a <1.0.2",
        "GHSA-2 | alias CVE-2020-2 CVE-2020-1 | in npm: a <1.0.3",
        "x_RETIREJS-1 | alias GHSA-2 | in npm: a <1.0.4",
    ];
    let mut backwards = advisories;
    backwards.reverse();
    let forwards = matched("", "npm a 1.0.0", &advisories.join("\n"));
    assert_eq!(forwards, matched("", "npm a 1.0.0", &backwards.join("\n")));
    expect![[r#"
        a 1.0.0: CVE-2020-1 fixed 1.0.4 by CVE-2020-1 GHSA-1 GHSA-2 x_RETIREJS-1 aka CVE-2020-2 GHSA-1 GHSA-2 x_RETIREJS-1
    "#]].assert_eq(&forwards);
}

/// A database in which some names cannot be asked.
struct Damaged(fake::Fake);

impl AdvisoryLookup for Damaged {
    fn covers(&self, namespace: &Namespace) -> bool {
        self.0.covers(namespace)
    }

    fn candidates(&self, namespace: &Namespace, name: &str) -> Result<Vec<Candidate>, LookupError> {
        if name.ends_with('7') {
            return Err(LookupError { reason: name.to_owned() });
        }
        self.0.candidates(namespace, name)
    }

    fn advisory(&self, number: u32) -> Result<Advisory, LookupError> {
        self.0.advisory(number)
    }

    fn texts(&self, number: u32) -> Result<Texts, LookupError> {
        self.0.texts(number)
    }

    fn known(&self, id: &str) -> Result<Known, LookupError> {
        self.0.known(id)
    }
}

#[test]
fn of_several_errors_the_first_in_the_order_of_packages_is_told() {
    let packages: String = (100..300).fold(String::new(), |text, n| text + &format!("npm p{n} 1.0.0\n"));
    let inventory = inventory("-", &packages);
    for _ in 0..5 {
        let database = Damaged(database("covers npm"));
        let error = evaluate(&inventory, &database, &Options::default()).unwrap_err();
        assert_eq!(error.reason, "p107");
    }
}

#[test]
fn many_packages_are_judged_as_each_by_itself() {
    let records: String = (100..300).fold("covers npm\n".to_owned(), |text, n| {
        let flaw = n % 50;
        text + &format!(
            "GHSA-{n} | alias CVE-2024-{flaw} | cvss ghsa CVSS:3.1/{flaw} | in npm: p{n} <2.0.0\n"
        )
    });
    let database = database(&records);
    let lines: Vec<String> = (100..300).map(|n| format!("npm p{n} 1.0.0")).collect();
    let all = evaluate(&inventory("-", &lines.join("\n")), &database, &Options::default()).unwrap();
    let mut found: Vec<_> = all.findings.iter().map(|one| (one.id.clone(), one.advisories.clone())).collect();
    let mut expected = Vec::new();
    for line in &lines {
        let one = evaluate(&inventory("-", line), &database, &Options::default()).unwrap();
        assert!(one.gaps.iter().all(|gap| all.gaps.contains(gap)));
        expected.extend(one.findings.into_iter().map(|one| (one.id, one.advisories)));
    }
    found.sort();
    expected.sort();
    assert_eq!(found.len(), 200);
    assert_eq!(found, expected);
    for _ in 0..5 {
        let again = evaluate(&inventory("-", &lines.join("\n")), &database, &Options::default()).unwrap();
        assert_eq!(again.findings, all.findings);
        assert_eq!(again.gaps, all.gaps);
    }
}
