use std::fmt::Write as _;

use expect_test::{Expect, expect};
use plimsoll_model::{OsRelease, PackageKind, Severity, SeverityChoice, SeveritySource};

use super::*;
use crate::document::{Component, Format, Justification, Product, Statement};

const ONE: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

fn subject() -> Subject {
    Subject {
        digests: vec![ONE.to_owned()],
        references: vec!["registry.example/team/app:1.2".to_owned()],
        purls: Vec::new(),
        architecture: "amd64".to_owned(),
        os: Some(OsRelease {
            id: "debian".to_owned(),
            version_id: "12.13".to_owned(),
            ..OsRelease::default()
        }),
    }
}

fn packages() -> Vec<Package> {
    let at = |kind, name: &str, version: &str, path: &str, inner: Option<&str>| Package {
        path: path.to_owned(),
        inner_path: inner.map(str::to_owned),
        ..Package::new(kind, name, version, "test")
    };
    let jar = "WEB-INF/lib/log4j-core.jar";
    vec![
        at(PackageKind::Deb, "openssl", "3.0.12-1", "var/lib/dpkg/status", None),
        at(PackageKind::Maven, "acme:shop", "1.0", "srv/shop.war", None),
        at(PackageKind::Maven, "org.apache.logging.log4j:log4j-core", "2.14.1", "opt/log4j-core.jar", None),
        at(PackageKind::Maven, "org.apache.logging.log4j:log4j-core", "2.14.1", "srv/shop.war", Some(jar)),
        at(PackageKind::Npm, "left-pad", "1.0.0", "srv/node_modules/left-pad/package.json", None),
    ]
}

fn finding(id: &str, alias: &str, packages: &[usize]) -> Finding {
    Finding {
        aliases: Some(alias.to_owned()).filter(|alias| !alias.is_empty()).into_iter().collect(),
        severity: SeverityChoice { severity: Severity::High, source: SeveritySource::Nobody },
        ..Finding::new(id, packages.to_vec())
    }
}

fn findings() -> Vec<Finding> {
    vec![
        finding("CVE-2023-0286", "", &[0]),
        finding("CVE-2021-44228", "GHSA-jfh8-c2jp-5v3q", &[2, 3]),
        finding("CVE-2024-0001", "", &[4]),
    ]
}

/// Reads `name: product > subcomponent, product = status @ day` into a statement of one document.
fn statement(text: &str) -> Statement {
    let (name, rest) = text.split_once(": ").unwrap();
    let (products, status) = rest.split_once(" = ").unwrap();
    let (status, day) = status.split_once(" @ ").unwrap_or((status, "01"));
    let component = |text: &str| {
        let mut component = Component::default();
        component.add_name(text);
        assert!(component.is_identified(), "{text}");
        component
    };
    Statement {
        at: String::new(),
        vulnerability: vec![name.to_owned()],
        products: products
            .split(", ")
            .map(|product| {
                let mut parts = product.split(" > ").map(component);
                Product { component: parts.next().unwrap(), subcomponents: parts.collect() }
            })
            .collect(),
        status: match status {
            "not_affected" => Status::NotAffected {
                justification: Some(Justification::ComponentNotPresent),
                impact: String::new(),
            },
            "affected" => Status::Affected { action: String::new() },
            "fixed" => Status::Fixed,
            _ => Status::UnderInvestigation,
        },
        timestamp: format!("2025-01-{day}T00:00:00Z"),
    }
}

fn document(author: &str, id: &str, version: &str, statements: &[&str]) -> Document {
    Document {
        name: format!("{author}.json"),
        format: Format::OpenVex,
        id: id.to_owned(),
        author: author.to_owned(),
        timestamp: "2025-01-01T00:00:00Z".to_owned(),
        version: version.to_owned(),
        statements: statements.iter().map(|text| statement(text)).collect(),
        problems: Vec::new(),
    }
}

#[track_caller]
fn check_documents(documents: &[Document], expected: &Expect) {
    let (packages, findings) = (packages(), findings());
    let judged = judge(documents, &subject(), &packages, &findings);
    let mut out = String::new();
    let name = |index: StatementIndex| format!("{}.{}", index.document, index.statement);
    for ruling in &judged.rulings {
        let overruled: Vec<String> = ruling.overruled.iter().map(|&index| name(index)).collect();
        let all = &findings[ruling.finding].packages;
        writeln!(
            out,
            "{} at {:?}: {} by {}, {}{}{}",
            findings[ruling.finding].id,
            ruling.packages,
            ruling.status.word(),
            name(ruling.holds),
            ruling.because,
            if overruled.is_empty() { String::new() } else { format!(", not {}", overruled.join(" ")) },
            if judged.settles(ruling.finding, all) { ", settled" } else { "" },
        )
        .unwrap();
    }
    for conflict in &judged.conflicts {
        let others: Vec<String> = conflict.contradicts.iter().map(|&index| name(index)).collect();
        writeln!(out, "conflict: {} against {}", name(conflict.holds), others.join(" ")).unwrap();
    }
    for entry in &judged.uses {
        match &entry.nearest_miss {
            Some(miss) => writeln!(out, "{} matched nothing: {miss}", name(entry.statement)).unwrap(),
            None => assert!(entry.held + entry.overruled > 0),
        }
    }
    expected.assert_eq(&out);
}

#[track_caller]
fn check(statements: &[&str], expected: &Expect) {
    check_documents(&[document("acme", "1", "1", statements)], expected);
}

#[test]
fn an_image_as_a_product() {
    check(
        &[&format!("CVE-2021-44228: pkg:oci/app@{ONE} = not_affected")],
        &expect![[r"
        CVE-2021-44228 at [2, 3]: not_affected by 0.0, image `pkg:oci/app@sha256:1111111111111111111111111111111111111111111111111111111111111111`, settled
    "]],
    );
    check(
        &["cve-2021-44228: registry.example/team/app:1.2 = not_affected"],
        &expect![[r"
        CVE-2021-44228 at [2, 3]: not_affected by 0.0, image `registry.example/team/app:1.2`, settled
    "]],
    );
    check(
        &["GHSA-jfh8-c2jp-5v3q: pkg:oci/app > pkg:maven/org.apache.logging.log4j/log4j-core = fixed"],
        &expect![[r"
            CVE-2021-44228 at [2, 3]: fixed by 0.0, package `pkg:maven/org.apache.logging.log4j/log4j-core` in `pkg:oci/app`, settled
        "]],
    );
    check(
        &[&format!("CVE-2023-0286: {ONE} = affected")],
        &expect![[r"
        CVE-2023-0286 at [0]: affected by 0.0, image `sha256:1111111111111111111111111111111111111111111111111111111111111111`
    "]],
    );
}

#[test]
fn a_digest_decides_over_every_other_name() {
    let mut named = statement("CVE-2021-44228: pkg:oci/app = not_affected");
    named.products[0].component.digests.push(ONE.replace('1', "2"));
    let other = Document { statements: vec![named.clone()], ..document("acme", "1", "1", &[]) };
    check_documents(
        &[other],
        &expect![[r"
        0.0 matched nothing: the digest is `sha256:2222222222222222222222222222222222222222222222222222222222222222`, found `sha256:1111111111111111111111111111111111111111111111111111111111111111`
    "]],
    );
    named.products[0].component.digests.push(ONE.to_owned());
    let same = Document { statements: vec![named], ..document("acme", "1", "1", &[]) };
    check_documents(
        &[same],
        &expect![[r"
        CVE-2021-44228 at [2, 3]: not_affected by 0.0, image `pkg:oci/app`, settled
    "]],
    );
}

#[test]
fn what_names_another_image_is_no_package() {
    let mut statement = statement("CVE-2021-44228: pkg:oci/other = not_affected");
    let purls = &mut statement.products[0].component.purls;
    purls.push("pkg:maven/org.apache.logging.log4j/log4j-core".to_owned());
    let document = Document { statements: vec![statement], ..document("acme", "1", "1", &[]) };
    let judged = judge(&[document], &subject(), &packages(), &findings());
    assert!(judged.rulings.is_empty(), "{judged:?}");
    assert!(judged.uses[0].nearest_miss.is_some());
}

#[test]
fn a_package_as_a_product() {
    check(
        &["CVE-2023-0286: pkg:deb/debian/openssl?distro=debian-12 = not_affected"],
        &expect![[r"
        CVE-2023-0286 at [0]: not_affected by 0.0, package `pkg:deb/debian/openssl?distro=debian-12`, settled
    "]],
    );
    check(
        &["CVE-2021-44228: pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1 = not_affected"],
        &expect![[r"
            CVE-2021-44228 at [2, 3]: not_affected by 0.0, package `pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1`, settled
        "]],
    );
    check(
        &["CVE-2023-0286: cpe:/o:debian:debian_linux:12 > pkg:deb/debian/openssl = fixed"],
        &expect![[r"
        CVE-2023-0286 at [0]: fixed by 0.0, package `pkg:deb/debian/openssl` in `cpe:/o:debian:debian_linux:12`, settled
    "]],
    );
    check(
        &["CVE-2024-0001: cpe:/o:debian:debian_linux:12 = fixed"],
        &expect![[r"
        0.0 matched nothing: `cpe:/o:debian:debian_linux:12` is here, and no finding `CVE-2024-0001` is in what the statement names
    "]],
    );
}

#[test]
fn a_part_of_a_package_is_meant_there_alone() {
    check(
        &[
            "CVE-2021-44228: pkg:maven/acme/shop > pkg:maven/org.apache.logging.log4j/log4j-core = not_affected",
        ],
        &expect![[r"
            CVE-2021-44228 at [3]: not_affected by 0.0, package `pkg:maven/org.apache.logging.log4j/log4j-core` in `pkg:maven/acme/shop`
        "]],
    );
    check(
        &["CVE-2021-44228: pkg:maven/acme/shop = not_affected"],
        &expect![[r"
        CVE-2021-44228 at [3]: not_affected by 0.0, package `pkg:maven/acme/shop`
    "]],
    );
    check(
        &["CVE-2024-0001: pkg:maven/acme/shop > pkg:npm/left-pad = not_affected"],
        &expect![[r"
            0.0 matched nothing: the finding is in `pkg:npm/left-pad@1.0.0` at `srv/node_modules/left-pad/package.json`, which is not known to lie in `pkg:maven/acme/shop`
        "]],
    );
}

#[test]
fn what_matched_nothing_says_why() {
    check(
        &["CVE-2023-0286: pkg:deb/debian/openssl@3.0.11-1 = fixed"],
        &expect![[r"
        0.0 matched nothing: the purl is `pkg:deb/debian/openssl@3.0.11-1`, found version `3.0.12-1`
    "]],
    );
    check(
        &["CVE-2023-0286: pkg:deb/debian/openssl?arch=arm64 = fixed"],
        &expect![[r"
        0.0 matched nothing: the purl `pkg:deb/debian/openssl?arch=arm64` has the qualifier `arch=arm64`, found none
    "]],
    );
    check(
        &["CVE-2023-0286: pkg:deb/ubuntu/openssl = fixed"],
        &expect![[r"
        0.0 matched nothing: the package is `pkg:deb/ubuntu/openssl`, found `pkg:deb/debian/openssl`
    "]],
    );
    check(
        &["CVE-2023-0286: pkg:rpm/fedora/openssl = fixed"],
        &expect![[r"
            0.0 matched nothing: there is no package `pkg:rpm/fedora/openssl`
        "]],
    );
    check(
        &["CVE-2023-0286: pkg:npm/left-pad = fixed"],
        &expect![[r"
            0.0 matched nothing: the finding is in `pkg:deb/debian/openssl@3.0.12-1?distro=debian-12.13` at `var/lib/dpkg/status`, which is not known to lie in `pkg:npm/left-pad`
        "]],
    );
    check(
        &["CVE-2099-0001: pkg:npm/left-pad = fixed"],
        &expect![[r"
        0.0 matched nothing: `pkg:npm/left-pad@1.0.0` is here, and has no finding `CVE-2099-0001`
    "]],
    );
    check(
        &["CVE-2099-0001: pkg:npm/right-pad = fixed"],
        &expect![[r"
            0.0 matched nothing: nothing has a finding `CVE-2099-0001`, and there is no package `pkg:npm/right-pad`
        "]],
    );
    check(
        &["CVE-2099-0001: pkg:npm/left-pad@2.0.0 = fixed"],
        &expect![[r"
        0.0 matched nothing: the purl is `pkg:npm/left-pad@2.0.0`, found version `1.0.0`
    "]],
    );
    check(
        &["CVE-2099-0001: pkg:oci/app = fixed"],
        &expect![[r"
        0.0 matched nothing: `pkg:oci/app` is here, and has no finding `CVE-2099-0001`
    "]],
    );
    check(
        &["CVE-2099-0001: pkg:oci/app > pkg:npm/left-pad = fixed"],
        &expect![[r"
        0.0 matched nothing: `pkg:npm/left-pad@1.0.0` is here, and has no finding `CVE-2099-0001`
    "]],
    );
    check(
        &["CVE-2023-0286: pkg:oci/other = fixed"],
        &expect![[r"
        0.0 matched nothing: the image is `pkg:oci/other`, found `registry.example/team/app:1.2`
    "]],
    );
    check(
        &["CVE-2023-0286: registry.example/team/app:1.3 = fixed"],
        &expect![[r"
        0.0 matched nothing: the image is `registry.example/team/app:1.3`, found `registry.example/team/app:1.2`
    "]],
    );
    check(
        &[&format!("CVE-2023-0286: pkg:oci/app@{} = fixed", ONE.replace('1', "2"))],
        &expect![[r"
        0.0 matched nothing: the digest is `sha256:2222222222222222222222222222222222222222222222222222222222222222`, found `sha256:1111111111111111111111111111111111111111111111111111111111111111`
    "]],
    );
    check(
        &["CVE-2023-0286: pkg:oci/app > pkg:deb/debian/openssl@3.0.11-1 = fixed"],
        &expect![[r"
        0.0 matched nothing: the purl is `pkg:deb/debian/openssl@3.0.11-1`, found version `3.0.12-1`
    "]],
    );
    check(
        &["CVE-2023-0286: pkg:npm/right-pad, pkg:deb/debian/openssl@3.0.11-1, pkg:npm/up-pad = fixed"],
        &expect![[r"
            0.0 matched nothing: the purl is `pkg:deb/debian/openssl@3.0.11-1`, found version `3.0.12-1`
        "]],
    );
}

#[test]
fn a_part_that_has_other_findings_says_so() {
    check(
        &["CVE-2023-0286: pkg:oci/app > pkg:npm/left-pad = fixed"],
        &expect![[r"
        0.0 matched nothing: `pkg:oci/app` is here, and no finding `CVE-2023-0286` is in what the statement names
    "]],
    );
    check(
        &["CVE-2023-0286: pkg:oci/app > pkg:npm/right-pad = fixed"],
        &expect![[r"
        0.0 matched nothing: there is no package `pkg:npm/right-pad`
    "]],
    );
    check(
        &["CVE-2023-0286: pkg:oci/app > pkg:oci/app = fixed"],
        &expect![[r"
        0.0 matched nothing: the subcomponents of `pkg:oci/app` name no package
    "]],
    );
}

#[test]
fn places_of_a_finding_are_judged_one_by_one() {
    check(
        &[
            "CVE-2021-44228: pkg:maven/acme/shop > pkg:maven/org.apache.logging.log4j/log4j-core = affected @ 02",
            "CVE-2021-44228: pkg:oci/app = not_affected @ 01",
        ],
        &expect![[r"
            CVE-2021-44228 at [3]: affected by 0.0, package `pkg:maven/org.apache.logging.log4j/log4j-core` in `pkg:maven/acme/shop`, not 0.1
            CVE-2021-44228 at [2]: not_affected by 0.1, image `pkg:oci/app`
        "]],
    );
}

#[test]
fn contradictions_are_reported_and_the_cautious_side_holds() {
    let statement = "CVE-2023-0286: pkg:deb/debian/openssl = ";
    let not = format!("{statement}not_affected");
    let is = format!("{statement}affected");
    check_documents(
        &[document("a", "1", "1", &[&not]), document("b", "1", "1", &[&is])],
        &expect![[r"
        CVE-2023-0286 at [0]: affected by 1.0, package `pkg:deb/debian/openssl`, not 0.0
        conflict: 1.0 against 0.0
    "]],
    );
    check(
        &[&not, &format!("{is} @ 02")],
        &expect![[r"
        CVE-2023-0286 at [0]: affected by 0.1, package `pkg:deb/debian/openssl`, not 0.0
    "]],
    );
    check(
        &[&is, &format!("{not} @ 02")],
        &expect![[r"
        CVE-2023-0286 at [0]: not_affected by 0.1, package `pkg:deb/debian/openssl`, not 0.0, settled
    "]],
    );
    check(
        &[&is, &not],
        &expect![[r"
        CVE-2023-0286 at [0]: affected by 0.0, package `pkg:deb/debian/openssl`, not 0.1
        conflict: 0.0 against 0.1
    "]],
    );
    // What a later version of a document leaves out is no longer said.
    check_documents(
        &[document("a", "1", "2", &[]), document("a", "1", "1", &[&not])],
        &expect![[r"
        1.0 matched nothing: version 2 of the document, `a.json`, replaces this one
    "]],
    );
}

#[test]
fn a_folder_has_packages_too() {
    let document = document(
        "a",
        "1",
        "1",
        &["CVE-2023-0286: pkg:deb/openssl = fixed", "CVE-2024-0001: pkg:npm/left-pad = fixed"],
    );
    let judged = judge(&[document], &Subject::default(), &packages(), &findings());
    assert_eq!(judged.rulings.iter().map(|ruling| ruling.finding).collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn a_bill_of_materials_is_known_by_what_it_describes() {
    let subject = Subject { purls: vec!["pkg:npm/app@1.0.0".parse().unwrap()], ..Subject::default() };
    for (product, held) in
        [("pkg:npm/app", 1), ("pkg:npm/app@1.0.0", 1), ("pkg:npm/app@2.0.0", 0), ("pkg:npm/app?a=b", 0)]
    {
        let text = format!("CVE-2024-0001: {product} > pkg:npm/left-pad = fixed");
        let document = document("a", "1", "1", &[&text]);
        let judged = judge(&[document], &subject, &packages(), &findings());
        assert_eq!(judged.uses[0].held, held, "{product}");
    }
}

#[test]
fn the_digest_of_a_file_is_no_version() {
    let mut named = statement("CVE-2024-0001: pkg:npm/left-pad = fixed");
    named.products[0].component.digests.push(ONE.replace('1', "2"));
    let document = Document { statements: vec![named], ..document("a", "1", "1", &[]) };
    check_documents(
        &[document],
        &expect![[r"
        0.0 matched nothing: `pkg:npm/left-pad` is meant with the digest `sha256:2222222222222222222222222222222222222222222222222222222222222222`, which nothing here tells
    "]],
    );
}

#[test]
fn the_image_is_what_the_inventory_says() {
    let inventory = plimsoll_model::Inventory {
        artifact: plimsoll_model::Artifact {
            manifest_digest: ONE.to_owned(),
            repo_tags: vec!["app:1.2".to_owned()],
            repo_digests: vec![format!("app@{ONE}"), format!("app@{}", ONE.replace('1', "2"))],
            ..plimsoll_model::Artifact::default()
        },
        ..plimsoll_model::Inventory::default()
    };
    let subject = Subject::of(&inventory);
    assert_eq!(subject.digests, [ONE.to_owned(), ONE.replace('1', "2")]);
    assert_eq!(subject.references.len(), 3);
    assert!(Subject::of(&plimsoll_model::Inventory::default()).digests.is_empty());
}

#[test]
fn nothing_is_judged_by_nothing() {
    let judged = judge(&[], &Subject::default(), &[], &[]);
    assert_eq!(judged, Judged::default());
    assert!(!judged.settles(0, &[]));
    // An index that the findings' maker got wrong is no place.
    let odd = [finding("CVE-2023-0286", "", &[99])];
    let document = document("a", "1", "1", &["CVE-2023-0286: pkg:oci/app = fixed"]);
    assert_eq!(judge(&[document], &subject(), &packages(), &odd).rulings, []);
}
