use expect_test::{Expect, expect};

use super::*;
use crate::testing::read_to_text;

const AL2: &str = include_str!("../testdata/amazon/updateinfo-al2.xml");
const AL2023: &str = include_str!("../testdata/amazon/updateinfo-al2023.xml");
const EXTRAS: &str = include_str!("../testdata/amazon/updateinfo-extras.xml");

fn check(scope: &str, text: &str, expected: &Expect) {
    expected.assert_eq(&read_to_text(&Amazon, "updateinfo.xml", scope, text.as_bytes()));
}

fn index(path: &str, scope: &str) -> Feed {
    Feed { source: "amazon", path: path.to_owned(), scope: scope.to_owned(), kind: FeedKind::Index }
}

fn follow(path: &str, scope: &str, text: &str) -> String {
    match Amazon.follow(&index(path, scope), text.as_bytes()) {
        Ok(feeds) => {
            let line = |feed: &Feed| format!("{:?} {} {}\n", feed.kind, feed.scope, feed.path);
            feeds.iter().map(line).collect::<Vec<_>>().concat()
        }
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn core_of_amazon_linux_2() {
    check(
        "Amazon Linux:2",
        AL2,
        &expect![[r#"
            ALAS2-2018-951 upstream=CVE-2017-8816,CVE-2018-1000007 summary="important priority package update for curl" details="Package updates are available that fix these flaws:\nCVE-2018-1000007: headers are sent to the wrong host" published="2018-02-20T19:28:00Z" modified="2018-02-21T23:09:00Z" amazon=HIGH
              Amazon Linux:2 curl [>=0 <7.55.1-9.amzn2.0.1]
              Amazon Linux:2 libcurl [>=0 <7.55.1-9.amzn2.0.1] [>=0 <7.55.1-9.amzn2.0.2]
            Withdrawn { source: "amazon", id: "ALAS2LIVEPATCH-2024-177", modified: "2024-04-10T22:18:00Z" }
            Withdrawn { source: "amazon", id: "ALAS2-2024-9001", modified: "2024-02-01T00:00:00Z" }
            left out: 1 live patches of the kernel
            left out: 1 updates that are no security updates
        "#]],
    );
}

#[test]
fn amazon_linux_2023() {
    check(
        "Amazon Linux:2023",
        AL2023,
        &expect![[r#"
            ALAS2023-2024-649 upstream=CVE-2024-6387 summary="Important priority package update for openssh" details="CVE-2024-6387: a race in the handler of a signal & its consequences" published="2024-07-01T20:41:00Z" modified="2024-07-02T23:22:00Z" amazon=HIGH
              ADVISORY https://alas.aws.amazon.com/AL2023/ALAS2023-2024-649.html
              Amazon Linux:2023 openssh-server [>=0 <8.7p1-8.amzn2023.0.11]
              Amazon Linux:2023 pam_ssh_agent_auth [>=0 <1:0.10.4-4.8.amzn2023.0.11]
        "#]],
    );
}

#[test]
fn an_extra_speaks_of_its_own_stream() {
    let (first, _) = EXTRAS.split_once("</update>").unwrap();
    check(
        "Amazon Linux:2/php8.0",
        &format!("{first}</update></updates>"),
        &expect![[r#"
            ALASPHP8.0-2023-007 upstream=CVE-2023-3824 summary="important priority package update for php" published="2023-09-25T22:46:00Z" modified="2023-09-27T20:52:00Z" amazon=HIGH
              Amazon Linux:2 php-cli [>=8.0 <8.0.30-1.amzn2] note="of the extra `php8.0`"
              Amazon Linux:2 php-pear [>=1:1 <1:1.10.13-1.amzn2] note="of the extra `php8.0`"
        "#]],
    );
}

#[test]
fn a_file_without_scope_tells_its_releases_by_itself() {
    check(
        "",
        EXTRAS,
        &expect![[r#"
            ALASPHP8.0-2023-007 upstream=CVE-2023-3824 summary="important priority package update for php" published="2023-09-25T22:46:00Z" modified="2023-09-27T20:52:00Z" amazon=HIGH
              Amazon Linux:2 php-cli [>=8.0 <8.0.30-1.amzn2] note="of the extra `php8.0`"
              Amazon Linux:2 php-pear [>=1:1 <1:1.10.13-1.amzn2] note="of the extra `php8.0`"
            ALAS2DOCKER-2026-108 upstream=CVE-2025-64329 summary="medium priority package update for containerd" published="2026-02-02T00:00:00Z" modified="2026-02-02T00:00:00Z" amazon=MEDIUM
              Amazon Linux:2 containerd [>=0 <2.1.5-1.amzn2.0.3] note="of the extra `docker`"
        "#]],
    );
    let older = AL2023.replace("amzn2023", "amzn1");
    check(
        "",
        &older,
        &expect![[r#"
            Withdrawn { source: "amazon", id: "ALAS2023-2024-649", modified: "2024-07-02T23:22:00Z" }
            left out: 3 packages of a release that is not known
        "#]],
    );
}

#[test]
fn files_are_told_by_name_and_ids() {
    assert!(Amazon.claims("a/0ab-updateinfo.xml.gz", AL2.as_bytes()));
    assert!(!Amazon.claims("a/primary.xml.gz", AL2.as_bytes()));
    assert!(!Amazon.claims("updateinfo/x.xml", AL2.as_bytes()));
    assert!(!Amazon.claims("updateinfo.xml", b"<updates><update><id>RLSA-2024:1</id>"));
    assert!(!Amazon.claims("updateinfo.xml", b""));
}

#[test]
fn topics_are_told_by_ids() {
    for (id, topic) in [
        ("ALAS2-2018-951", ""),
        ("ALAS-2018-951", ""),
        ("ALAS2023-2024-649", ""),
        ("ALASKERNEL-5.10-2022-004", "kernel-5.10"),
        ("ALAS2KERNEL-5.10-2022-004", "kernel-5.10"),
        ("ALASPHP8.0-2023-007", "php8.0"),
        ("ALAS2023LIVEPATCH-2024-001", "livepatch"),
        ("CVE-2024-1", ""),
        ("", ""),
    ] {
        assert_eq!(topic_of(id), topic, "{id}");
    }
}

#[test]
fn an_extra_begins_where_its_stream_does() {
    for (topic, version, fixed, from) in [
        ("", "7.55.1", "7.55.1-9", "0"),
        ("docker", "20.10.25", "20.10.25-1", "0"),
        ("kernel-5.10", "5.10.205", "5.10.205-1", "5.10"),
        ("kernel-5.10", "5.102.1", "5.102.1-1", "5"),
        ("php8.0", "8.0.30", "8.0.30-1", "8.0"),
        ("php8.0", "1.10.13", "1:1.10.13-1", "1:1"),
        ("postgresql14", "14.9", "1:14.9-1", "1:14"),
        ("lamp-mariadb10.2-php7.2", "10.2.38", "3:10.2.38-1", "3:10.2"),
        ("lamp-mariadb10.2-php7.2", "7.2.34", "7.2.34-1", "7.2"),
        ("ruby2.6", "r5", "r5-1", "0"),
        ("x...", "1", "1-1", "0"),
    ] {
        assert_eq!(introduced(topic, version, fixed), from, "{topic} {version}");
    }
}

#[test]
fn the_way_leads_from_mirrors_to_the_file() {
    let feeds = Amazon.feeds(None);
    let paths: Vec<&str> = feeds.iter().map(|feed| feed.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "2/core/latest/x86_64/mirror.list",
            "al2023/core/mirrors/latest/x86_64/mirror.list",
            "2/extras-catalog.json"
        ]
    );
    assert_eq!(Amazon.feeds(Some(&[Ecosystem::Debian, Ecosystem::AmazonLinux])), feeds);

    assert_eq!(
        follow(paths[0], "Amazon Linux:2", "https://cdn.amazonlinux.com/2/core/2.0/x86_64/abc\n"),
        "Index Amazon Linux:2 2/core/2.0/x86_64/abc/repodata/repomd.xml\n"
    );
    let repomd =
        r#"<repomd><data type="updateinfo"><location href="repodata/updateinfo.xml.gz"/></data></repomd>"#;
    assert_eq!(
        follow("2/core/2.0/x86_64/abc/repodata/repomd.xml", "Amazon Linux:2", repomd),
        "File Amazon Linux:2 2/core/2.0/x86_64/abc/repodata/updateinfo.xml.gz\n"
    );
}

#[test]
fn a_core_without_errata_is_an_error_a_topic_without_is_not() {
    let repomd = r#"<repomd><data type="primary"><location href="repodata/primary.xml.gz"/></data></repomd>"#;
    assert_eq!(
        follow("a/repodata/repomd.xml", "Amazon Linux:2", repomd),
        "error: expected a `repomd.xml` that names an `updateinfo`, found none"
    );
    assert_eq!(follow("a/repodata/repomd.xml", "Amazon Linux:2/vim", repomd), "");
}

#[test]
fn the_catalogue_names_the_topics() {
    let catalogue = r#"{"version": 1, "topics": [{"n": "php8.0", "inst": ["php-cli"]}, {"n": "docker"}, {"n": "docker"},
        {"n": "livepatch"}, {"n": "../../x"}, {"n": "a b"}, {"n": ""}, {"inst": []}]}"#;
    assert_eq!(
        follow("2/extras-catalog.json", "Amazon Linux:2/", catalogue),
        "Index Amazon Linux:2/docker 2/extras/docker/latest/x86_64/mirror.list\n\
         Index Amazon Linux:2/php8.0 2/extras/php8.0/latest/x86_64/mirror.list\n"
    );
    for text in ["", "{}", "[]", "<html>", r#"{"topics": [{"n": 3}]}"#, r#"{"topics": 3}"#] {
        assert!(follow("2/extras-catalog.json", "", text).starts_with("error: "), "{text}");
    }
    let many = format!(r#"{{"topics": [{}]}}"#, vec![r#"{"n": "a"}"#; 501].join(","));
    assert_eq!(
        follow("2/extras-catalog.json", "", &many),
        "error: expected the catalogue of extras, found 501 topics, at most 500 are followed"
    );
}

#[test]
fn one_bad_update_costs_no_other() {
    let good = r#"<update type="security"><id>ALAS2-1-1</id><pkglist><collection>
        <package name="a" version="1" release="1.amzn2" epoch="0" arch="x86_64"/></collection></pkglist></update>"#;
    let text = format!(
        r#"<updates><update type="security"><id>ALAS 2</id></update><update type="security"/>
        <update type="security"><id>ALAS2-0-1</id><pkglist><collection>
        <package name="a" version="" release="1.amzn2" epoch="0"/><package name="" version="1" release="1"/>
        <package name="a" version="1" release="1" epoch="zero"/></collection></pkglist></update>{good}</updates>"#
    );
    check(
        "Amazon Linux:2",
        &text,
        &expect![[r#"
            Withdrawn { source: "amazon", id: "ALAS2-0-1", modified: "" }
            ALAS2-1-1
              Amazon Linux:2 a [>=0 <1-1.amzn2]
            left out: 1 entries that name no package
            left out: 2 packages without a range or version that can be compared
            failed: updateinfo.xml: expected an `id` of 1 to 256 bytes without blanks
            failed: updateinfo.xml: expected an `id` of 1 to 256 bytes without blanks
        "#]],
    );
    check(
        "Amazon Linux:2",
        &text[..text.len() - 12],
        &expect![[r#"
            Withdrawn { source: "amazon", id: "ALAS2-0-1", modified: "" }
            left out: 1 entries that name no package
            left out: 2 packages without a range or version that can be compared
            failed: updateinfo.xml: expected an `id` of 1 to 256 bytes without blanks
            failed: updateinfo.xml: expected an `id` of 1 to 256 bytes without blanks
            error: expected an `updateinfo.xml`, found text that is not well-formed: syntax error: tag not closed: `>` not found before end of input, at byte 535
        "#]],
    );
}
