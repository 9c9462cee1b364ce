#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes its snapshots with them")]

use expect_test::{Expect, expect};

use super::*;
use crate::csaf::tests::shortened;
use crate::testing::{read_to_text, survives};

const CURL: &[u8] = include_bytes!("../testdata/redhat-vex/cve-2023-38545.json");
const NODE: &[u8] = include_bytes!("../testdata/redhat-vex/cve-2024-22019.json");
const GLIBC: &[u8] = include_bytes!("../testdata/redhat-vex/cve-2026-0861.json");

fn check(bytes: &[u8], expected: &Expect) {
    expected.assert_eq(&read_to_text(&RedHatVex, "2023/cve-2023-1.json", "", bytes));
}

#[test]
fn mainline_and_extended_streams_have_their_own_fixes() {
    check(
        CURL,
        &expect![[r#"
        REDHAT-CVE-2023-38545 upstream=CVE-2023-38545 cwes=CWE-119 summary="curl: a long host name overflows the heap in the SOCKS5 handshake" details="A host name that is longer than 255 bytes overflows a heap buffer of curl during the SOCKS5 handshake." published="2023-10-11T00:00:00Z" modified="2025-11-21T14:31:32Z" redhat=HIGH redhat=CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H
          ADVISORY https://access.redhat.com/security/cve/CVE-2023-38545
          ADVISORY https://access.redhat.com/errata/RHSA-2023:6745
          ADVISORY https://access.redhat.com/errata/RHSA-2023:5763
          WEB https://curl.se/docs/CVE-2023-38545.html
          Red Hat:8 curl [>=0] NotAffected note="vulnerable code not present"
          Red Hat:8 libcurl [>=0] NotAffected note="vulnerable code not present"
          Red Hat:9 curl [>=0 <7.76.1-23.el9_2.4 >=7.76.1-23.el9_3 <7.76.1-26.el9_3.2]
          Red Hat:9 libcurl [>=0 <7.76.1-23.el9_2.4 >=7.76.1-23.el9_3 <7.76.1-26.el9_3.2]
          Red Hat:rhel_eus:9.0 curl [>=0 <7.76.1-14.el9_0.9] redhat=MEDIUM
          Red Hat:rhel_eus:9.0 libcurl [>=0 <7.76.1-14.el9_0.9] redhat=MEDIUM
        left out: 2 Red Hat's products other than Enterprise Linux
    "#]],
    );
}

#[test]
fn modules_and_what_will_not_be_fixed_are_kept_apart() {
    check(
        NODE,
        &expect![[r#"
        REDHAT-CVE-2024-22019 upstream=CVE-2024-22019 cwes=CWE-404 summary="nodejs: chunk extensions without end exhaust the HTTP server" details="A chunk extension without end keeps the HTTP server of Node.js reading." published="2024-02-14T00:00:00Z" modified="2025-03-01T10:00:00.123000Z" redhat=HIGH redhat=CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H
          ADVISORY https://access.redhat.com/errata/RHSA-2024:1510
          Red Hat:10 nodejs24 [>=0] UnderInvestigation
          Red Hat:6 nodejs [>=0] EndOfLife note="Out of support scope"
          Red Hat:7 nodejs [>=0] WillNotFix note="Will not fix"
          Red Hat:8 nodejs [>=0] FixDeferred module=nodejs:16 note="Fix deferred"
          Red Hat:8 nodejs [>=0 <1:18.19.1-1.module+el8.8.0+21394+0dda2e54 >=1:18.19.1-1.module+el8.9 <1:18.19.1-1.module+el8.9.0+21387+21a5d1a4] module=nodejs:18
          Red Hat:8 nodejs [>=0] module=nodejs:20
          Red Hat:9 nodejs [>=0]
          Red Hat:9 nodejs20 [>=0] NotAffected
          Red Hat:rhel_eus:8.6 nodejs [>=0 <1:18.19.1-1.module+el8.6.0+21391+1cb17c54] module=nodejs:18
        left out: 1 entries that name no package
        left out: 3 parts of Red Hat Enterprise Linux that are no RPMs
    "#]],
    );
}

#[test]
fn the_feed_with_minor_releases_is_read_too() {
    check(
        GLIBC,
        &expect![[r#"
        REDHAT-CVE-2026-0861 upstream=CVE-2026-0861 cwes=CWE-190 summary="memalign: a size that wraps around corrupts the heap" published="2026-01-14T21:01:11.037000Z" modified="2026-02-27T12:07:46Z" redhat=MEDIUM redhat=CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H
          Red Hat:10 glibc [>=0]
          Red Hat:8 glibc [>=0] FixDeferred note="Deferred"
          Red Hat:9 glibc [>=0 <2.34-231.el9_7.10]
          Red Hat:rhel_aus:8.2 glibc [>=0] EndOfLife note="Out of support scope"
          Red Hat:rhel_eus:10.0 glibc [>=0]
          Red Hat:rhel_eus:9.6 glibc [>=0]
        left out: 1 Red Hat's products other than Enterprise Linux
    "#]],
    );
}

#[test]
fn a_stream_is_told_by_its_cpe() {
    for (cpe, expected) in [
        ("cpe:/o:redhat:enterprise_linux:9::baseos", Some("Red Hat:9")),
        ("cpe:/a:redhat:enterprise_linux:8::appstream", Some("Red Hat:8")),
        ("cpe:/o:redhat:enterprise_linux:6", Some("Red Hat:6")),
        ("cpe:/o:redhat:enterprise_linux:10.1", Some("Red Hat:10")),
        ("cpe:2.3:o:redhat:enterprise_linux:9:*:baseos:*:*:*:*:*", Some("Red Hat:9")),
        ("cpe:/o:redhat:rhel_eus:9.2::baseos", Some("Red Hat:rhel_eus:9.2")),
        ("cpe:/a:redhat:rhel_aus:8.4::appstream", Some("Red Hat:rhel_aus:8.4")),
        ("cpe:/a:redhat:rhel_e4s:9.0::appstream", Some("Red Hat:rhel_e4s:9.0")),
        ("cpe:/a:redhat:rhel_tus:8.6::appstream", Some("Red Hat:rhel_tus:8.6")),
        ("cpe:/o:redhat:rhel_els:7", Some("Red Hat:rhel_els:7")),
        ("cpe:/o:redhat:enterprise_linux_eus:10.0", Some("Red Hat:rhel_eus:10.0")),
        ("cpe:/a:redhat:enterprise_linux_nvidia:10::el10", None),
        ("cpe:/a:redhat:openshift:4.16::el9", None),
        ("cpe:/a:redhat:rhel_software_collections:3::el7", None),
        ("cpe:/o:centos:enterprise_linux:9", None),
        ("cpe:/o:redhat:enterprise_linux", None),
        ("cpe:/o:redhat:enterprise_linux:", None),
        ("cpe:/o:redhat:enterprise_linux:9x", None),
        ("cpe:/o:redhat:enterprise_linux:99999", None),
        ("cpe:/", None),
        ("", None),
    ] {
        assert_eq!(namespace(cpe).map(|namespace| namespace.to_string()).as_deref(), expected, "{cpe}");
    }
}

#[test]
fn a_build_is_told_by_its_id() {
    for (id, expected) in [
        ("curl-0:7.76.1-26.el9_3.2.x86_64", Some(("curl", "7.76.1-26.el9_3.2".to_owned()))),
        ("openssl-1:3.0.7-27.el9.src", Some(("openssl", "1:3.0.7-27.el9".to_owned()))),
        ("glibc-0:2.34-231.el9_7.10", Some(("glibc", "2.34-231.el9_7.10".to_owned()))),
        ("a-2:1-1.el8.noarch::nodejs:18", Some(("a", "2:1-1.el8".to_owned()))),
        ("nodejs:18/nodejs", None),
        ("nodejs:18:8090:ab", None),
        ("kernel.src", None),
        ("-:", None),
        ("", None),
    ] {
        let build = Build::split(id).map(|build| (build.name, build.version()));
        assert_eq!(build, expected, "{id}");
    }
}

#[test]
fn the_label_of_a_module_is_cut_behind_its_stream() {
    for (label, expected) in [
        ("nodejs:18:8090020240301110609:a75119d5", "nodejs:18"),
        ("ruby:2.6", "ruby:2.6"),
        ("rhel10", ""),
        (":", ""),
        (":18", ""),
        ("nodejs:", ""),
        ("nodejs::x", ""),
        ("", ""),
    ] {
        assert_eq!(stream(Cow::Borrowed(label)), expected, "{label}");
        assert_eq!(stream(Cow::Owned(label.to_owned())), expected, "{label}");
    }
}

#[test]
fn the_index_names_the_archive() {
    let index = &RedHatVex.feeds(None)[0];
    assert_eq!((index.path.as_str(), index.kind), ("archive_latest.txt", FeedKind::Index));
    let feeds = RedHatVex.follow(index, b"csaf_vex_2026-11-15.tar.zst\n").unwrap();
    assert_eq!((feeds[0].path.as_str(), feeds[0].kind), ("csaf_vex_2026-11-15.tar.zst", FeedKind::File));
    for bytes in [
        &b""[..],
        b"../../etc/passwd",
        b"http://elsewhere/a.tar.zst",
        b"a.zip",
        b".tar.zst",
        b"a.tar.zst\nb.tar.zst",
        b"<!DOCTYPE html>",
        b"\xff\xfe",
    ] {
        let error = RedHatVex.follow(index, bytes).unwrap_err().to_string();
        assert!(error.starts_with("expected the name of an archive"), "{error}");
    }
    let long = format!("{}.tar.zst", "a".repeat(MAX_ARCHIVE_NAME_BYTES));
    assert!(RedHatVex.follow(index, long.as_bytes()).is_err());
}

#[test]
fn damaged_documents_are_refused() {
    survives(&RedHatVex, "2026/cve-2026-0861.json", "", shortened(GLIBC).as_bytes());
}

#[test]
fn a_document_of_another_publisher_or_profile_is_not_claimed() {
    let text = std::str::from_utf8(GLIBC).unwrap();
    assert!(RedHatVex.claims("a.JSON", GLIBC));
    assert!(!RedHatVex.claims("a.json.asc", GLIBC));
    assert!(!RedHatVex.claims("a.json", text.replace("csaf_vex", "csaf_security_advisory").as_bytes()));
    assert!(
        !RedHatVex
            .claims("a.json", text.replace("https://www.redhat.com", "https://www.suse.com/").as_bytes())
    );
    let advisory = text.replace("csaf_vex", "csaf_security_advisory");
    check(
        advisory.as_bytes(),
        &expect![[r#"
        error: expected a CSAF document of category `csaf_vex`, found `csaf_security_advisory`
    "#]],
    );
}

#[test]
fn of_all_sources_this_one_takes_its_documents() {
    for (bytes, name) in [
        (CURL, "redhat-vex"),
        (NODE, "redhat-vex"),
        (GLIBC, "redhat-vex"),
        (include_bytes!("../testdata/suse-vex/cve-2017-6004.json"), "suse-vex"),
    ] {
        let head = &bytes[..bytes.len().min(crate::MAX_HEAD_BYTES)];
        let first = crate::SOURCES.iter().find(|source| source.claims("vex/cve-2024-1.json", head));
        assert_eq!(first.map(|source| source.about().name), Some(name));
    }
}

#[test]
fn a_document_without_a_flaw_or_a_cve_is_a_failure() {
    let of = |vulnerabilities: &str| {
        format!(r#"{{"document":{{"category":"csaf_vex"}},"vulnerabilities":{vulnerabilities}}}"#)
    };
    check(
        of("[]").as_bytes(),
        &expect![[r#"
        failed: 2023/cve-2023-1.json: expected a flaw in `vulnerabilities`, found none
    "#]],
    );
    check(
        of(r#"[{"cve":"RHBZ#1"}]"#).as_bytes(),
        &expect![[r#"
        failed: 2023/cve-2023-1.json: expected a flaw with a CVE, found one without
    "#]],
    );
    check(
        of(r#"[{"cve":"CVE-2024-1"}]"#).as_bytes(),
        &expect![[r#"
        Withdrawn { source: "redhat-vex", id: "REDHAT-CVE-2024-1", modified: "" }
    "#]],
    );
}

/// A document with this tree and these product IDs as fixed.
fn with_tree(tree: &str, fixed: &str) -> String {
    format!(
        r#"{{"document":{{"category":"csaf_vex","tracking":{{"id":"CVE-2024-1"}}}},"product_tree":{tree},
            "vulnerabilities":[{{"product_status":{{"fixed":[{fixed}]}}}}]}}"#
    )
}

#[test]
fn relationships_that_lead_nowhere_are_counted() {
    let relation = |id: &str, part: &str, whole: &str| {
        format!(
            r#"{{"full_product_name":{{"product_id":"{id}"}},"product_reference":"{part}","relates_to_product_reference":"{whole}"}}"#
        )
    };
    let relations = [
        relation("a", "x", "b"),
        relation("b", "x", "a"),
        relation("self", "x", "self"),
        relation("gone", "x", "nobody"),
        relation("odd", "x-0:-.src", "rhel"),
        relation("bare", "x", "rhel"),
        relation("slash", "../../x-0:1-1.src", "rhel"),
        relation("comma", "x-0:1,2-1.src", "rhel"),
    ];
    let tree = format!(
        r#"{{"branches":[{{"product":{{"product_id":"rhel","product_identification_helper":{{"cpe":"cpe:/o:redhat:enterprise_linux:9"}}}}}}],
            "relationships":[{}]}}"#,
        relations.join(",")
    );
    let fixed = r#""a","self","gone","unheard of","rhel","odd","bare","slash","comma","""#;
    check(
        with_tree(&tree, fixed).as_bytes(),
        &expect![[r#"
        Withdrawn { source: "redhat-vex", id: "REDHAT-CVE-2024-1", modified: "" }
        left out: 7 entries that name no package
        left out: 3 packages without a range or version that can be compared
    "#]],
    );
}

#[test]
fn branches_nested_without_end_are_refused() {
    let deep = r#"{"branches":["#.repeat(10_000);
    check(
        with_tree(&deep, "").as_bytes(),
        &expect![[r#"
        error: expected a CSAF document, found JSON that says otherwise: branches nested more than 24 deep at line 1 column 406
    "#]],
    );
    let closed = format!("{}{}", r#"{"branches":["#.repeat(30), "]}".repeat(30));
    check(
        with_tree(&closed, "").as_bytes(),
        &expect![[r#"
        error: expected a CSAF document, found JSON that says otherwise: branches nested more than 24 deep at line 1 column 406
    "#]],
    );
}

#[test]
fn a_million_products_are_refused_and_not_cut() {
    let products = r#"{"product":{"product_id":"x"}},"#.repeat(1_000_000);
    let tree = format!(r#"{{"branches":[{}]}}"#, products.trim_end_matches(','));
    check(
        with_tree(&tree, "").as_bytes(),
        &expect![[r#"
        error: expected a CSAF document, found JSON that says otherwise: invalid length 400001, expected a list of branches with at most 400000 products at line 1 column 12400126
    "#]],
    );
    let ids = r#""a","#.repeat(1_000_000);
    check(
        with_tree("{}", ids.trim_end_matches(',')).as_bytes(),
        &expect![[r#"
        error: expected a CSAF document, found JSON that says otherwise: invalid length 800001, expected a list of at most 800000 elements at line 2 column 3200063
    "#]],
    );
}

#[test]
fn a_byte_of_another_encoding_costs_a_letter_and_no_flaw() {
    let bytes: Vec<u8> = std::str::from_utf8(GLIBC)
        .unwrap()
        .split("wraps")
        .map(str::as_bytes)
        .collect::<Vec<_>>()
        .join(&b"\xe9"[..]);
    let text = read_to_text(&RedHatVex, "a.json", "", &bytes);
    assert!(text.contains("a size that \u{fffd} around"), "{text}");
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let bytes = [&b"\xef\xbb\xbf"[..], GLIBC].concat();
    assert!(read_to_text(&RedHatVex, "a.json", "", &bytes).starts_with("REDHAT-CVE-2026-0861"));
}
