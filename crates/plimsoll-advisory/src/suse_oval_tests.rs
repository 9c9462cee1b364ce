use expect_test::{Expect, expect};

use super::*;
use crate::testing::{read_to_text, survives};

const SLES: &str = include_str!("../testdata/suse-oval/suse.linux.enterprise.server.15-affected.xml");

fn check(scope: &str, path: &str, text: &str, expected: &Expect) {
    expected.assert_eq(&read_to_text(&SuseOval, path, scope, text.as_bytes()));
}

#[test]
fn fixed_unfixed_and_unaffected_packages_are_kept_apart() {
    check(
        "suse.linux.enterprise.server.15",
        "x.xml",
        SLES,
        &expect![[r#"
            SUSE-CVE-2024-0727/suse.linux.enterprise.server.15 upstream=CVE-2024-0727 details="A malformed PKCS12 file may crash OpenSSL." published="2024-01-26T00:00:00Z" modified="2024-09-02T00:00:00Z" suse=MEDIUM suse=CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H nvd=CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:N/I:N/A:H
              ADVISORY https://www.suse.com/security/cve/CVE-2024-0727
              SUSE:Linux Enterprise Module for Basesystem 15 SP5 compat-openssl098 [>=0] NotAffected
              SUSE:Linux Enterprise Module for Basesystem 15 SP5 nodejs18 [>=0]
              SUSE:Linux Enterprise Module for Basesystem 15 SP5 openssl-3 [>=0 <3.0.8-150500.5.24.1]
              SUSE:Linux Enterprise Server 15 SP5 compat-openssl098 [>=0] NotAffected
              SUSE:Linux Enterprise Server 15 SP5 nodejs18 [>=0]
              SUSE:Linux Enterprise Server 15 SP5 openssl-3 [>=0 <3.0.8-150500.5.24.1]
            left out: 1 criteria that packages must not be there
            left out: 1 packages of one version alone
        "#]],
    );
}

#[test]
fn comments_serve_where_the_document_has_nothing_else() {
    let (start, _) = SLES.split_once("<tests>").unwrap();
    let text = format!("{start}</oval_definitions>");
    let read = |text: &str| {
        let path = "a/opensuse.leap.15.5-affected.xml.gz";
        let text = read_to_text(&SuseOval, path, "", text.as_bytes());
        let (advisory, left_out) = text.split_once("left out: ").unwrap();
        (advisory.to_owned(), left_out.to_owned())
    };
    let (advisory, left_out) = read(&text);
    assert_eq!(advisory, read(SLES).0);
    assert!(advisory.starts_with("SUSE-CVE-2024-0727/opensuse.leap.15.5 "), "{advisory}");
    assert_eq!(left_out, "1 criteria that are not understood\n");
}

#[test]
fn products_are_told_by_their_names() {
    for (comment, expected) in [
        ("SUSE Linux Enterprise Server 15 SP5 is installed", "SUSE:Linux Enterprise Server 15 SP5"),
        ("SUSE Linux Enterprise Server 15 SP1-LTSS is installed", "SUSE:Linux Enterprise Server 15 SP1-LTSS"),
        ("openSUSE Leap 15.5 is installed", "openSUSE:Leap 15.5"),
        ("openSUSE Tumbleweed is installed", "openSUSE:Tumbleweed"),
    ] {
        let Leaf::Product(namespace) = product(comment) else { panic!("{comment}") };
        assert_eq!(namespace.to_string(), expected);
    }
    for comment in ["SUSE is installed", "SUSE  is installed", "Debian 12 is installed", ""] {
        assert_eq!(product(comment), Leaf::OtherProduct, "{comment}");
    }
}

#[test]
fn definitions_of_another_kind_are_left_out() {
    let patch = SLES.replace("class=\"vulnerability\"", "class=\"patch\"");
    check(
        "s",
        "x.xml",
        &patch,
        &expect![[r"
        left out: 1 definitions that are not of one CVE
    "]],
    );
    let untitled = SLES.replace("<title>CVE-2024-0727</title>", "<title>SUSE-SU-2024:1</title>");
    check(
        "s",
        "x.xml",
        &untitled,
        &expect![[r"
        failed: x.xml: oval:org.opensuse.security:def:20240727: expected a CVE as title, found none
    "]],
    );
}

#[test]
fn what_is_no_oval_is_refused() {
    for text in ["", "<html></html>", "[]", "<oval_definitions><tests><x id='a'>"] {
        assert!(read_to_text(&SuseOval, "x", "", text.as_bytes()).starts_with("error: "), "{text}");
    }
    survives(&SuseOval, "x.xml", "", SLES.as_bytes());
}

#[test]
fn its_feeds_and_its_files() {
    assert!(
        SuseOval
            .feeds(None)
            .iter()
            .any(|feed| feed.path == "suse.linux.enterprise.server.15-affected.xml.gz")
    );
    assert!(
        SuseOval.feeds(Some(&[Ecosystem::OpenSuse])).iter().all(|feed| feed.path.starts_with("opensuse."))
    );
    assert!(SuseOval.claims("x.xml", &SLES.as_bytes()[..1000]));
    assert!(!SuseOval.claims("x.xml", b"<oval_definitions><definition id=\"oval:com.oracle.elsa:def:1\""));
    for (path, name) in [
        ("a/suse.linux.enterprise.server.15-affected.xml.gz", "suse.linux.enterprise.server.15"),
        ("opensuse.leap.15.5.xml", "opensuse.leap.15.5"),
        ("opensuse.tumbleweed-affected.xml.bz2", "opensuse.tumbleweed"),
        ("a b.xml", "file"),
        ("", "file"),
    ] {
        assert_eq!(stem(path), name, "{path}");
    }
}
