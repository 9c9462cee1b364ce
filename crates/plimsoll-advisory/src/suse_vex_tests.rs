use expect_test::{Expect, expect};

use super::*;
use crate::csaf::tests::shortened;
use crate::testing::{read_to_text, survives};

const PCRE: &[u8] = include_bytes!("../testdata/suse-vex/cve-2017-6004.json");
const XZ: &[u8] = include_bytes!("../testdata/suse-vex/cve-2022-1271.json");

fn check(bytes: &[u8], expected: &Expect) {
    expected.assert_eq(&read_to_text(&SuseVex, "cve-2023-1.json", "", bytes));
}

#[test]
fn where_support_was_prolonged_its_fix_counts() {
    check(
        PCRE,
        &expect![[r#"
        SUSE-CVE-2017-6004 upstream=CVE-2017-6004 cwes=CWE-125 details="The compile_bracket_matchingpath function of PCRE reads out of bounds for a crafted regular expression." published="2023-02-16T03:01:59Z" modified="2025-12-04T00:50:29Z" suse=MEDIUM suse=CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L
          WEB https://www.suse.com/security/cve/CVE-2017-6004
          ADVISORY https://lists.suse.com/pipermail/sle-security-updates/2021-November/009735.html
          WEB https://bugzilla.suse.com/1025709
          SUSE:Linux Enterprise Server 11 SP1-LTSS pcre [>=0]
          SUSE:Linux Enterprise Server 12 SP4 libjavascriptcoregtk-4_0-18 [>=0]
          SUSE:Linux Enterprise Server 12 SP4 libpcre2-8-0 [>=0] NotAffected
          SUSE:Linux Enterprise Server 12 SP4 pcre2 [>=0] WillNotFix note="no fix planned"
          SUSE:Linux Enterprise Server 12 SP4-LTSS libpcre1 [>=0 <8.45-8.7.1]
        left out: 1 SUSE's other products
    "#]],
    );
}

#[test]
fn leap_tumbleweed_and_two_versions_side_by_side() {
    check(
        XZ,
        &expect![[r#"
        SUSE-CVE-2022-1271 upstream=CVE-2022-1271 details="zgrep and xzgrep of GNU gzip and xz write to files whose names they are given." published="2023-02-16T03:44:48Z" modified="2025-11-05T00:44:51Z" suse=HIGH
          WEB https://www.suse.com/security/cve/CVE-2022-1271
          openSUSE:Leap 15.3 liblzma5 [>=0 <5.2.3-150000.4.7.1]
          openSUSE:Leap 15.3 xz [>=0 <5.2.3-150000.4.7.1]
          openSUSE:Leap 15.3 zgrep [>=0 <1.10-2]
          openSUSE:Tumbleweed gzip [>=0] UnderInvestigation
          openSUSE:Tumbleweed liblzma5 [>=0 <5.2.5-3.1]
          SUSE:Linux Enterprise Micro 5.2 liblzma5 [>=0 <5.2.3-150000.4.7.1]
          SUSE:Linux Enterprise Module for Basesystem 15 SP3 liblzma5 [>=0 <5.2.3-150000.4.7.1]
          SUSE:Linux Enterprise Server 15 SP3 liblzma5 [>=0 <5.2.3-150000.4.7.1]
          SUSE:Linux Enterprise Server 15 SP3 python-requests [>=0 <2.11.1-6.40.1 >=2.24.0-0 <2.24.0-8.20.1]
        left out: 1 entries that name no package
        left out: 1 SUSE's other products
    "#]],
    );
}

#[test]
fn a_rejected_cve_is_withdrawn() {
    let text = std::str::from_utf8(XZ).unwrap().replace("zgrep and xzgrep of", "** REJECT ** Do not use.");
    check(
        text.as_bytes(),
        &expect![[r#"
        Withdrawn { source: "suse-vex", id: "SUSE-CVE-2022-1271", modified: "2025-11-05T00:44:51Z" }
    "#]],
    );
    for (description, rejected) in [
        ("DO NOT USE THIS CANDIDATE NUMBER. ConsultIDs: none.", true),
        ("This CVE ID has been rejected or withdrawn by its CVE Numbering Authority.", true),
        ("** DISPUTED ** A flaw of which the maintainers say that it is none.", false),
        ("** UNSUPPORTED WHEN ASSIGNED **", false),
        ("", false),
    ] {
        assert_eq!(csaf::is_rejected(description), rejected, "{description}");
    }
}

#[test]
fn a_product_is_told_by_its_name() {
    for (name, expected) in [
        ("SUSE Linux Enterprise Server 15 SP5", Some("SUSE:Linux Enterprise Server 15 SP5")),
        ("SUSE Linux Enterprise Server 15", Some("SUSE:Linux Enterprise Server 15")),
        ("SUSE Linux Enterprise Server 15-LTSS", Some("SUSE:Linux Enterprise Server 15-LTSS")),
        ("SUSE Linux Enterprise Server 12 SP4-LTSS", Some("SUSE:Linux Enterprise Server 12 SP4-LTSS")),
        ("SUSE Linux Enterprise Server 11 SP1 LTSS", Some("SUSE:Linux Enterprise Server 11 SP1-LTSS")),
        ("SUSE Linux Enterprise Server 16.0", Some("SUSE:Linux Enterprise Server 16.0")),
        ("SUSE Linux Enterprise Server 12 SP5-LTSS Extended Security", None),
        ("SUSE Linux Enterprise Server 11 SP3-TERADATA", None),
        ("SUSE Linux Enterprise Server for Raspberry Pi 12 SP2", None),
        ("SUSE Linux Enterprise Server for SAP Applications 15 SP5", None),
        ("SUSE Linux Enterprise Desktop 15 SP5", None),
        (
            "SUSE Linux Enterprise Module for Basesystem 15 SP5",
            Some("SUSE:Linux Enterprise Module for Basesystem 15 SP5"),
        ),
        ("SUSE Linux Enterprise Micro 5.5", Some("SUSE:Linux Enterprise Micro 5.5")),
        ("SUSE Linux Micro 6.0", Some("SUSE:Linux Micro 6.0")),
        ("openSUSE Leap 15.5", Some("openSUSE:Leap 15.5")),
        ("openSUSE Leap Micro 5.5", Some("openSUSE:Leap Micro 5.5")),
        ("openSUSE Tumbleweed", Some("openSUSE:Tumbleweed")),
        ("openSUSE 13.2", None),
        ("Image SLES15-SP5-BYOS-Azure", None),
        ("SUSE Linux Enterprise Server ", None),
        ("SUSE Linux Enterprise Server  SP", None),
        ("", None),
    ] {
        assert_eq!(namespace(name).map(|namespace| namespace.to_string()).as_deref(), expected, "{name}");
    }
}

#[test]
fn feeds_are_those_of_either_ecosystem() {
    let feeds = SuseVex.feeds(Some(&[Ecosystem::OpenSuse]));
    assert_eq!((feeds[0].path.as_str(), feeds[0].kind), ("csaf-vex.tar.bz2", FeedKind::File));
    assert_eq!(SuseVex.feeds(None), feeds);
}

#[test]
fn damaged_documents_are_refused() {
    survives(&SuseVex, "csaf-vex/cve-2022-1271.json", "", shortened(XZ).as_bytes());
}
