//! What the sources say beyond ranges: states of fixes, what is not affected, modules, exploitation, malice.

#![expect(clippy::needless_raw_string_hashes, reason = "as expect-test writes its snapshots")]

mod fake;

use expect_test::{Expect, expect};
use fake::{database, inventory, matched};
use plimsoll_match::{Options, SeverityOrder, evaluate, needed};

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "a snapshot is written where it is called")]
fn check(os: &str, packages: &str, advisories: &str, expected: Expect) {
    expected.assert_eq(&matched(os, packages, advisories));
}

#[test]
fn where_no_fix_is_named_the_distribution_says_what_to_expect() {
    check(
        "debian 12",
        "deb a 1-1",
        "DEBIAN-CVE-2024-1 | in Debian:12: a * is=wont-fix note=Minor_issue
         DEBIAN-CVE-2024-2 | in Debian:12: a * is=deferred
         DEBIAN-CVE-2024-3 | in Debian:12: a * is=investigated
         DEBIAN-CVE-2024-4 | in Debian:12: a * is=end-of-life
         DEBIAN-CVE-2024-5 | in Debian:12: a *
         DEBIAN-CVE-2024-6 | in Debian:12: a <1-2 is=wont-fix
         DEBIAN-CVE-2024-7 | source osv | in Debian:12: a *
         DEBIAN-CVE-2024-7 | source debian-tracker | in Debian:12: a * is=investigated
         DSA-1 | upstream CVE-2024-7 | in Debian:12: a * is=deferred
         DEBIAN-CVE-2024-8 | in Debian:12: a <0-1 is=end-of-life | in Debian:12: a >=1-0 is=deferred",
        expect![[r#"
            a 1-1: CVE-2024-1 WillNotFix by DEBIAN-CVE-2024-1
            a 1-1: CVE-2024-2 FixDeferred by DEBIAN-CVE-2024-2
            a 1-1: CVE-2024-3 UnderInvestigation by DEBIAN-CVE-2024-3
            a 1-1: CVE-2024-4 EndOfLife by DEBIAN-CVE-2024-4
            a 1-1: CVE-2024-5 unfixed by DEBIAN-CVE-2024-5
            a 1-1: CVE-2024-6 fixed 1-2 by DEBIAN-CVE-2024-6
            a 1-1: CVE-2024-7 FixDeferred by DEBIAN-CVE-2024-7 DSA-1
            a 1-1: CVE-2024-8 FixDeferred by DEBIAN-CVE-2024-8
        "#]],
    );
    // Languages have no such states.
    check(
        "",
        "npm a 1.0.0",
        "GHSA-1 | in npm: a * is=wont-fix",
        expect![[r#"
        a 1.0.0: GHSA-1 unfixed by GHSA-1
    "#]],
    );
}

#[test]
fn two_sources_of_one_document_are_one_finding() {
    let matches = evaluate(
        &inventory("debian 12", "deb a 1-1"),
        &database(
            "DEBIAN-CVE-2024-1 | source osv | upstream CVE-2024-1 | in Debian:12: a <1-3
             DEBIAN-CVE-2024-1 | source debian-tracker | upstream CVE-2024-1 | in Debian:12: a <1-2",
        ),
        &Options::default(),
    )
    .unwrap();
    let [finding] = &matches.findings[..] else { panic!("expected one finding") };
    assert_eq!(finding.advisories, ["DEBIAN-CVE-2024-1"]);
    let sources: Vec<_> =
        finding.evidence.iter().map(|one| (one.source.as_str(), one.fixed.as_deref())).collect();
    assert_eq!(sources, [("debian-tracker", Some("1-2")), ("osv", Some("1-3"))]);
    assert_eq!(finding.fix.version(), Some("1-3"));
}

#[test]
fn a_distributions_own_not_affected_removes_a_finding_and_is_kept() {
    check(
        "debian 12",
        "deb a 1-1\n deb b 1-1",
        "DEBIAN-CVE-2024-1 | source osv | upstream CVE-2024-1 | in Debian:12: a *
         DEBIAN-CVE-2024-1 | source debian-tracker | upstream CVE-2024-1 | in Debian:12: a * is=not-affected note=vulnerable_code_not_present
         DSA-1 | upstream CVE-2024-2 CVE-2024-3 | in Debian:12: a <1-9
         DEBIAN-CVE-2024-2 | in Debian:12: a * is=not-affected
         DEBIAN-CVE-2024-4 | in Debian:12: a <1-1 is=not-affected | in Debian:12: a >=1-1
         DEBIAN-CVE-2024-5 | in Debian:12: a * is=not-affected
         DEBIAN-CVE-2024-6 | in Debian:11: a * is=not-affected
         DSA-2 | upstream CVE-2024-6 | in Debian:12: a *
         DSA-3 | upstream CVE-2024-1 | in Debian:12: b *
         DSA-4 | upstream CVE-2024-7 | in Debian:12: a <banana
         DEBIAN-CVE-2024-7 | in Debian:12: a * is=not-affected",
        expect![[r#"
            a 1-1: CVE-2024-3 fixed 1-9 by DSA-1
            a 1-1: CVE-2024-4 unfixed by DEBIAN-CVE-2024-4
            a 1-1: CVE-2024-6 unfixed by DSA-2
            b 1-1: CVE-2024-1 unfixed by DSA-3
            a 1-1: not CVE-2024-1 by DEBIAN-CVE-2024-1 over DEBIAN-CVE-2024-1: vulnerable code not present
            a 1-1: not CVE-2024-2 by DEBIAN-CVE-2024-2 over DSA-1: no reason is given
            a 1-1: not CVE-2024-7 by DEBIAN-CVE-2024-7 over DSA-4: no reason is given
        "#]],
    );
}

#[test]
fn in_one_document_the_narrower_range_is_meant() {
    check(
        "debian 12",
        "deb a 1-1",
        "DEBIAN-CVE-2024-1 | in Debian:12: a <1-2 | in Debian:12: a * is=not-affected
         DEBIAN-CVE-2024-2 | in Debian:12: a * | in Debian:12: a <1-2 is=not-affected
         DEBIAN-CVE-2024-3 | in Debian:12: a * | in Debian:12: a * is=not-affected
         DSA-2 | upstream CVE-2024-1 CVE-2024-2 CVE-2024-3 | in Debian:12: a <1-9",
        expect![[r#"
            a 1-1: CVE-2024-1 fixed 1-9 by DEBIAN-CVE-2024-1 DSA-2
            a 1-1: not CVE-2024-2 by DEBIAN-CVE-2024-2 over DEBIAN-CVE-2024-2 DSA-2: no reason is given
            a 1-1: not CVE-2024-3 by DEBIAN-CVE-2024-3 over DEBIAN-CVE-2024-3 DSA-2: no reason is given
        "#]],
    );
}

#[test]
fn nobody_else_can_say_not_affected() {
    // A language's database, another distribution's packages, a document that joins a flaw with another.
    check(
        "debian 12",
        "npm a 1.0.0\n deb a 1-1",
        "GHSA-1 | alias CVE-2024-1 | in npm: a *
         GHSA-2 | alias CVE-2024-1 | in npm: a * is=not-affected
         DEBIAN-CVE-2024-1 | in Debian:12: a * is=not-affected
         GO-1 | alias CVE-2024-2 CVE-2024-3 | in Debian:12: a *
         DEBIAN-CVE-2024-2 | in Debian:12: a * is=not-affected",
        expect![[r#"
            a 1-1: CVE-2024-2 unfixed by GO-1 aka CVE-2024-3 GO-1
            a 1.0.0: CVE-2024-1 unfixed by GHSA-1 aka GHSA-1 GHSA-2
        "#]],
    );
    check(
        "chainguard 20230214",
        "apk go-1.22 1.22.2-r0",
        "CGA-1 | upstream CVE-2024-1 | in Chainguard: go-1.22 <1.22.3-r0
         WOLFI-CVE-2024-1 | upstream CVE-2024-1 | in Wolfi: go-1.22 * is=not-affected
         CGA-2 | upstream CVE-2024-2 | in Wolfi: go-1.22 <1.22.3-r0
         WOLFI-CVE-2024-2 | upstream CVE-2024-2 | in Wolfi: go-1.22 * is=not-affected",
        expect![[r#"
            go-1.22 1.22.2-r0: CVE-2024-1 fixed 1.22.3-r0 by CGA-1
            go-1.22 1.22.2-r0: not CVE-2024-2 by WOLFI-CVE-2024-2 over CGA-2: no reason is given
        "#]],
    );
    // Pro's word is about Pro's builds.
    let pro = "UBUNTU-CVE-2024-1 | source osv | upstream CVE-2024-1 | in Ubuntu:14.04:LTS: bash *
               UBUNTU-CVE-2024-1 | source vex | upstream CVE-2024-1 | in Ubuntu:Pro:14.04:LTS: bash * is=not-affected";
    check(
        "ubuntu 14.04",
        "deb bash 4.3-7\n deb bash 4.3-7+esm1",
        pro,
        expect![[r#"
        bash 4.3-7: CVE-2024-1 unfixed by UBUNTU-CVE-2024-1
        bash 4.3-7+esm1: not CVE-2024-1 by UBUNTU-CVE-2024-1 over UBUNTU-CVE-2024-1: no reason is given
    "#]],
    );
}

#[test]
fn two_packages_that_differ_in_their_source_must_both_be_cleared() {
    check(
        "debian 12",
        "deb a 1-1 source=x path=p\n deb a 1-1 source=y path=q",
        "DSA-1 | upstream CVE-2024-1 | in Debian:12: x * | in Debian:12: y *
         DEBIAN-CVE-2024-1 | in Debian:12: x * is=not-affected",
        expect![[r#"
            a 1-1: CVE-2024-1 unfixed by DSA-1 in 2 places
        "#]],
    );
}

const NODE18: &str = "rpm npm 8.1-1.18.module+el8 module=nodejs:18:8060:ad008a3a";

#[test]
fn an_entry_of_a_module_stream_is_for_that_stream() {
    let vex = "REDHAT-CVE-2024-1 | upstream CVE-2024-1 | in Red Hat:8: npm <8.2-1.18.module+el8 module=nodejs:18 | in Red Hat:8: npm * is=wont-fix module=nodejs:16 | in Red Hat:8: npm *";
    check(
        "rhel 8.9",
        NODE18,
        vex,
        expect![[r#"
        npm 8.1-1.18.module+el8: CVE-2024-1 fixed 8.2-1.18.module+el8 by REDHAT-CVE-2024-1
    "#]],
    );
    check(
        "rhel 8.9",
        "rpm npm 8.1-1.16.module+el8 module=nodejs:16:8060:ad008a3a",
        vex,
        expect![[r#"
        npm 8.1-1.16.module+el8: CVE-2024-1 WillNotFix by REDHAT-CVE-2024-1
    "#]],
    );
    check(
        "rhel 8.9",
        "rpm npm 8.3-1.18.module+el8 module=nodejs:18:8060:ad008a3a",
        vex,
        expect![[r#"
        nothing
    "#]],
    );
    check(
        "rhel 8.9",
        "rpm npm 8.1-1.el8",
        vex,
        expect![[r#"
        npm 8.1-1.el8: CVE-2024-1 unfixed by REDHAT-CVE-2024-1
    "#]],
    );
    // A modular build without its label may be of any stream.
    check(
        "rhel 8.9",
        "rpm npm 8.1-1.18.module+el8",
        vex,
        expect![[r#"
        npm 8.1-1.18.module+el8: CVE-2024-1 fixed 8.2-1.18.module+el8 by REDHAT-CVE-2024-1
    "#]],
    );
}

#[test]
fn a_package_of_a_module_is_cleared_by_a_word_on_its_stream_alone() {
    let claim = "RHSA-1 | upstream CVE-2024-1 | in Red Hat:8: npm <8.2-1.18.module+el8\n";
    let denial = |module: &str| {
        format!(
            "{claim}REDHAT-CVE-2024-1 | upstream CVE-2024-1 | in Red Hat:8: npm * is=not-affected {module}"
        )
    };
    check(
        "rhel 8.9",
        NODE18,
        denial("module=nodejs:18").trim(),
        expect![[r#"
        npm 8.1-1.18.module+el8: not CVE-2024-1 by REDHAT-CVE-2024-1 over RHSA-1: no reason is given
    "#]],
    );
    check(
        "rhel 8.9",
        NODE18,
        denial("module=nodejs:16").trim(),
        expect![[r#"
        npm 8.1-1.18.module+el8: CVE-2024-1 fixed 8.2-1.18.module+el8 by RHSA-1
    "#]],
    );
    check(
        "rhel 8.9",
        NODE18,
        denial("").trim(),
        expect![[r#"
        npm 8.1-1.18.module+el8: CVE-2024-1 fixed 8.2-1.18.module+el8 by RHSA-1
    "#]],
    );
    // In one document the word on the stream counts, not the one on the bare name.
    let both = "REDHAT-CVE-2024-1 | upstream CVE-2024-1 | in Red Hat:8: npm * | in Red Hat:8: npm * is=not-affected module=nodejs:18";
    check(
        "rhel 8.9",
        NODE18,
        both,
        expect![[r#"
        nothing
    "#]],
    );
    let other = "REDHAT-CVE-2024-1 | upstream CVE-2024-1 | in Red Hat:8: npm * is=not-affected | in Red Hat:8: npm * module=nodejs:18";
    check(
        "rhel 8.9",
        NODE18,
        other,
        expect![[r#"
        npm 8.1-1.18.module+el8: CVE-2024-1 unfixed by REDHAT-CVE-2024-1
    "#]],
    );
}

#[test]
fn the_fix_of_the_own_minor_release_is_named_where_it_clears_as_much() {
    let vex = "REDHAT-CVE-2024-1 | upstream CVE-2024-1 \
               | in Red Hat:9: curl <7.76.1-23.el9_2.4 >=7.76.1-23.el9_3,<7.76.1-26.el9_3.2";
    for (installed, fixed) in [
        ("7.76.1-20.el9_3", "7.76.1-26.el9_3.2"),
        ("7.76.1-20.el9_2", "7.76.1-23.el9_2.4"),
        ("7.76.1-14.el9_0.5", "7.76.1-23.el9_2.4"),
        ("7.76.1-14.el9", "7.76.1-23.el9_2.4"),
    ] {
        let found = format!("curl {installed}: CVE-2024-1 fixed {fixed} by REDHAT-CVE-2024-1\n");
        assert_eq!(matched("rhel 9.3", &format!("rpm curl {installed}"), vex), found);
    }
    // Nothing is mended by an older build.
    let found = matched(
        "rhel 8.9",
        "rpm npm 18.20.0-1.el8_9",
        "REDHAT-CVE-2024-1 | upstream CVE-2024-1 \
         | in Red Hat:8: npm <18.19.1-1.el8_9 >=18.19.1-1.el8_10,<18.20.2-1.el8_6",
    );
    assert_eq!(found, "npm 18.20.0-1.el8_9: CVE-2024-1 fixed 18.20.2-1.el8_6 by REDHAT-CVE-2024-1\n");
    // One that leaves another document's range uncleared does not come first.
    let both = format!("{vex}\nRHSA-2 | upstream CVE-2024-1 | in Red Hat:9: curl <7.76.1-29.el9_4");
    let found = matched("rhel 9.3", "rpm curl 7.76.1-20.el9_3", &both);
    assert!(found.contains("fixed 7.76.1-29.el9_4"), "{found}");
}

#[test]
fn extended_support_and_marked_builds_are_apart() {
    check(
        "rhel 9.2",
        "rpm openssl 1:3.0.7-1.el9",
        "REDHAT-CVE-2024-1 | upstream CVE-2024-1 | in Red Hat:rhel_eus:9.2: openssl <1:3.0.7-18.el9_2
         REDHAT-CVE-2024-2 | upstream CVE-2024-2 | in Red Hat:9: openssl <1:3.0.7-27.el9",
        expect![[r#"
            openssl 1:3.0.7-1.el9: CVE-2024-2 fixed 1:3.0.7-27.el9 by REDHAT-CVE-2024-2
        "#]],
    );
    let elsa = "ELSA-1 | upstream CVE-2024-1 | in Oracle Linux:8: glibc <2.28-151.0.1.el8 <2.28-151.0.1.ksplice2.el8";
    check(
        "ol 8.9",
        "rpm glibc 2.28-151.0.1.el8",
        elsa,
        expect![[r#"
        nothing
    "#]],
    );
    check(
        "ol 8.9",
        "rpm glibc 2.28-151.0.1.ksplice1.el8",
        elsa,
        expect![[r#"
        glibc 2.28-151.0.1.ksplice1.el8: CVE-2024-1 fixed 2.28-151.0.1.ksplice2.el8 by ELSA-1
    "#]],
    );
    check(
        "ol 8.9",
        "rpm glibc 2.28-150.el8",
        elsa,
        expect![[r#"
        glibc 2.28-150.el8: CVE-2024-1 fixed 2.28-151.0.1.el8 by ELSA-1
    "#]],
    );
}

#[test]
fn a_document_that_has_a_number_in_each_of_two_namespaces_speaks_once() {
    // As a database that keeps each release by itself gives them out.
    check(
        "ubuntu 14.04",
        "deb bash 4.3-7ubuntu1.8+esm1\n deb zsh 1",
        "UBUNTU-CVE-2020-1 | source osv | upstream CVE-2020-1 | in Ubuntu:14.04:LTS: bash *
         UBUNTU-CVE-2020-1 | source osv | upstream CVE-2020-1 | in Ubuntu:Pro:14.04:LTS: bash <4.3-7ubuntu1.8+esm1",
        expect![[r#"
            nothing
        "#]],
    );
}

#[test]
fn a_malicious_package_is_critical_and_apart() {
    check(
        "",
        "npm evil 1.0.0\n npm evil 2.0.0",
        "MAL-2024-1 | alias GHSA-aaaa-aaaa-aaaa | in npm: evil =1.0.0
         GHSA-aaaa-aaaa-aaaa | word ghsa low | in npm: evil =1.0.0
         GHSA-bbbb-bbbb-bbbb | alias CVE-2024-1 | word ghsa critical | in npm: evil *",
        expect![[r#"
            evil 1.0.0: MAL-2024-1 MALICIOUS unfixed by GHSA-aaaa-aaaa-aaaa MAL-2024-1 aka GHSA-aaaa-aaaa-aaaa
            evil 1.0.0: CVE-2024-1 CRITICAL (ghsa) unfixed by GHSA-bbbb-bbbb-bbbb aka GHSA-bbbb-bbbb-bbbb
            evil 2.0.0: CVE-2024-1 CRITICAL (ghsa) unfixed by GHSA-bbbb-bbbb-bbbb aka GHSA-bbbb-bbbb-bbbb
        "#]],
    );
    let matches = evaluate(
        &inventory("", "npm evil 1.0.0"),
        &database("MAL-2024-1 | notice unmaintained | in npm: evil * word=ossf=low"),
        &Options::default(),
    )
    .unwrap();
    let finding = &matches.findings[0];
    assert!(finding.malicious && finding.informational.is_none());
    assert_eq!((finding.risk, finding.title.as_str()), (1000, "malicious code in `evil`"));
}

#[test]
fn exploitation_and_weaknesses_come_from_all_that_speak_of_the_flaw() {
    let matches = evaluate(
        &inventory("debian 12", "deb a 1-1"),
        &database(
            "DEBIAN-CVE-2024-1 | source osv | upstream CVE-2024-1 | cwe CWE-20 | in Debian:12: a *
             CVE-2024-1 | source nvd | cwe CWE-79 CWE-20 | details A flaw. | cvss nvd CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N
             GO-1 | alias CVE-2024-2 CVE-2024-3 | in Debian:12: a *
             kev CVE-2024-3 2024-01-01
             epss CVE-2024-1 43
             epss CVE-2024-2 100
             epss CVE-2024-3 97565",
        ),
        &Options::default(),
    )
    .unwrap();
    let [exploited, other] = &matches.findings[..] else { panic!("expected two findings") };
    let (exploited, other) = if exploited.kev.is_some() { (exploited, other) } else { (other, exploited) };
    assert_eq!(other.cwes, ["CWE-20", "CWE-79"]);
    assert_eq!((other.epss.unwrap().probability, other.risk), (43, 45));
    assert_eq!((exploited.epss.unwrap().probability, exploited.risk), (97565, 665));
}

#[test]
fn whose_severity_counts_is_configuration() {
    let nvd = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
    let low = "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N";
    let database = database(&format!(
        "DEBIAN-CVE-2024-1 | upstream CVE-2024-1 | in Debian:12: a * word=debian=low cvss=debian={nvd}
         GHSA-1 | alias CVE-2024-1 | word ghsa high
         CVE-2024-1 | source nvd | cvss nvd {nvd} | cvss cve {low}
         GHSA-2 | alias CVE-2024-2 | word ghsa high | in npm: b *
         RUSTSEC-1 | alias CVE-2024-2 | cvss rustsec {low} | in crates.io: b *
         score CVE-2024-1 redhat 40
         score CVE-2024-2 nvd 98"
    ));
    let inventory = inventory("debian 12", "deb a 1-1\n npm b 1.0.0\n cargo b 1.0.0");
    let severities = |order: &[&str]| {
        let options = Options { severity_order: SeverityOrder::parse(order).unwrap(), ..Options::default() };
        let matches = evaluate(&inventory, &database, &options).unwrap();
        let words: Vec<String> =
            matches.findings.iter().map(|finding| finding.severity.severity.to_string()).collect();
        // By kind of package: cargo, deb, npm.
        format!("{}: {}\n", order.join(" "), words.join(" "))
    };
    let orders = [
        severities(&[]),
        severities(&["distribution"]),
        severities(&["nvd"]),
        severities(&["cve"]),
        severities(&["ghsa"]),
        severities(&["matched"]),
        severities(&["redhat", "ghsa"]),
        severities(&["any"]),
    ];
    expect![[r#"
        : LOW LOW CRITICAL
        distribution: LOW LOW HIGH
        nvd: CRITICAL CRITICAL CRITICAL
        cve: LOW LOW HIGH
        ghsa: HIGH HIGH HIGH
        matched: LOW CRITICAL HIGH
        redhat ghsa: HIGH MEDIUM HIGH
        any: LOW CRITICAL HIGH
    "#]]
    .assert_eq(&orders.concat());
}

#[test]
fn needed_is_what_would_be_asked() {
    let names = |os: &str, packages: &str| {
        let namespaces = needed(&inventory(os, packages));
        namespaces.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    for (os, packages, needed) in [
        ("", "", ""),
        ("debian 12", "deb a 1", "Debian:12"),
        ("debian 12", "npm a 1\n npm b 1", "npm"),
        ("debian 12", "rpm a 1\n pypi p 1 owner=rpm", ""),
        ("ubuntu 22.04", "deb a 1\n pypi p 1", "PyPI, Ubuntu:22.04, Ubuntu:Pro:22.04"),
        ("chainguard 1", "apk a 1", "Chainguard, Wolfi"),
        ("", "composer a/b 1", "Packagist, Packagist:https://packages.drupal.org/8"),
        ("plan9 4", "deb a 1", ""),
        ("arch ", "alpm a 1-1", "Arch Linux"),
    ] {
        assert_eq!(names(os, packages), needed, "{os}: {packages}");
    }
}
