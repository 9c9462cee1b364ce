use expect_test::{Expect, expect};

use super::*;
use crate::testing::read_to_text;

const UPDATES: &str = include_str!("../testdata/rocky/updateinfo.xml");

fn check(scope: &str, text: &str, expected: &Expect) {
    expected.assert_eq(&read_to_text(&Rocky, "updateinfo.xml", scope, text.as_bytes()));
}

#[test]
fn a_module_is_kept_and_the_repository_is_told() {
    check(
        "Rocky Linux:9/AppStream",
        UPDATES,
        &expect![[r#"
            RLSA-2024:2853/AppStream upstream=CVE-2024-27983 summary="Important: nodejs:20 security update" details="Node.js is a platform for network applications." published="2024-06-14T13:59:21Z" modified="2024-06-14T14:00:44Z" rocky=HIGH
              ADVISORY https://errata.rockylinux.org/RLSA-2024:2853
              Rocky Linux:9 nodejs [>=0 <1:20.12.2-2.module+el9.4.0+22093+51b2c5a5] module=nodejs:20
              Rocky Linux:9 npm [>=0 <1:10.5.0-1.20.12.2.2.module+el9.4.0+22093+51b2c5a5] module=nodejs:20
            Withdrawn { source: "rocky", id: "RLBA-2024:1/AppStream", modified: "2024-06-14T13:59:21Z" }
            left out: 1 updates that are no security updates
        "#]],
    );
}

#[test]
fn a_file_without_scope_tells_its_release_by_itself() {
    let read = |scope| read_to_text(&Rocky, "updateinfo.xml", scope, UPDATES.as_bytes());
    // All but the repository of an update that has no packages to tell it by.
    let found = read("").replace("RLBA-2024:1\"", "RLBA-2024:1/AppStream\"");
    assert_eq!(found, read("Rocky Linux:9/AppStream"));
}

#[test]
fn releases_are_told_by_builds() {
    let release = |text| release_of(text).map(|namespace| namespace.to_string());
    assert_eq!(release("4.el9_2").as_deref(), Some("Rocky Linux:9"));
    assert_eq!(release("2.module+el8.9.0+1+a").as_deref(), Some("Rocky Linux:8"));
    assert_eq!(release("1.el10").as_deref(), Some("Rocky Linux:10"));
    for text in ["1.fc40", "1.elephant", "1.el", "1.el2023", ""] {
        assert_eq!(release(text), None, "{text}");
    }
}

#[test]
fn its_feeds_are_the_repositories() {
    let feeds = Rocky.feeds(None);
    assert_eq!(feeds.len(), 9);
    assert_eq!(feeds[0].path, "8/BaseOS/x86_64/os/repodata/repomd.xml");
    assert_eq!(feeds[0].scope, "Rocky Linux:8/BaseOS");

    let repomd = br#"<repomd><data type="updateinfo"><location href="repodata/u.xml.gz"/></data></repomd>"#;
    let found = Rocky.follow(&feeds[0], repomd).unwrap();
    assert_eq!(found[0].path, "8/BaseOS/x86_64/os/repodata/u.xml.gz");
    assert!(Rocky.follow(&feeds[0], b"<repomd/>").is_err());
    assert_eq!(Rocky.follow(&feeds[2], b"<repomd/>"), Ok(vec![]));
    assert!(Rocky.follow(&feeds[2], b"<html/>").is_err());
}

#[test]
fn files_are_told_by_name_and_ids() {
    assert!(Rocky.claims("updateinfo.xml", UPDATES.as_bytes()));
    assert!(!Rocky.claims("updateinfo.xml", b"<updates><update><id>ALAS2-2018-951</id>"));
    assert!(!Rocky.claims("errata.xml", UPDATES.as_bytes()));
}
