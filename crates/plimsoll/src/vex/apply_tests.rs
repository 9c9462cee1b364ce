use plimsoll_model::{
    Decision, Package, PackageKind, Ruling as GateRuling, Severity, SeverityChoice, SeveritySource,
};
use plimsoll_vex::read;
use plimsoll_vex_source::{FoundDocument, Notice as FoundNotice};

use super::*;

fn finding(id: &str, packages: &[usize]) -> Finding {
    Finding {
        severity: SeverityChoice { severity: Severity::High, source: SeveritySource::Nobody },
        ..Finding::new(id, packages.to_vec())
    }
}

fn inventory() -> Inventory {
    let package = |path: &str, version: &str| {
        let mut package = Package::new(PackageKind::Npm, "left-pad", version, "npm");
        path.clone_into(&mut package.path);
        package
    };
    Inventory {
        packages: vec![package("a/package.json", "1.0.0"), package("b/package.json", "1.0.0")],
        ..Inventory::default()
    }
}

/// A document of statements, each as its fields behind vulnerability and product.
fn document(name: &str, author: &str, statements: &[(&str, &str, &str)]) -> FoundDocument {
    let statements: Vec<String> = statements
        .iter()
        .map(|(id, product, rest)| {
            format!(
                r#"{{"vulnerability": {{"name": "{id}"}}, "products": [{{"@id": "{product}"}}], {rest}}}"#
            )
        })
        .collect();
    let text = format!(
        r#"{{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "{name}", "author": "{author}", "version": 1,
            "timestamp": "2025-01-01T00:00:00Z", "statements": [{}]}}"#,
        statements.join(", ")
    );
    FoundDocument { document: read(text.as_bytes(), name).unwrap(), place: Place::File }
}

const PRODUCT: &str = "pkg:npm/left-pad@1.0.0";
const NOT_AFFECTED: &str = r#""status": "not_affected", "justification": "vulnerable_code_not_present",
    "impact_statement": "It is\nnot built in.""#;
const AFFECTED: &str = r#""status": "affected", "action_statement": "Update.""#;

fn found(documents: Vec<FoundDocument>) -> Found {
    Found { documents, ..Found::default() }
}

fn texts(said: &Said) -> Vec<String> {
    said.notices
        .iter()
        .map(|notice| format!("{} {}: {}", notice.kind.as_str(), notice.origin, notice.text))
        .collect()
}

#[test]
fn what_is_settled_does_not_count() {
    let mut findings = vec![finding("CVE-1", &[0, 1]), finding("CVE-2", &[0])];
    let documents = vec![document("a.json", "acme", &[("CVE-1", PRODUCT, NOT_AFFECTED)])];
    let said = apply(found(documents), &inventory(), &mut findings);
    assert_eq!(findings, [finding("CVE-2", &[0])]);
    let [suppressed] = said.suppressed.as_slice() else { panic!("{said:?}") };
    assert_eq!(
        suppressed.words(),
        "settled by acme as not_affected: vulnerable_code_not_present (a.json: statements[0]): It is\nnot built in."
    );
    assert_eq!(texts(&said), Vec::<String>::new());
}

#[test]
fn the_attack_itself_and_what_is_settled_in_part_count() {
    let mut malicious = finding("MAL-1", &[0]);
    malicious.malicious = true;
    let mut packages = inventory();
    packages.packages[1].version = "2.0.0".to_owned();
    let mut findings = vec![malicious, finding("CVE-1", &[0, 1]), finding("CVE-2", &[0])];
    let statements = [
        ("MAL-1", PRODUCT, NOT_AFFECTED),
        ("CVE-1", PRODUCT, r#""status": "fixed""#),
        ("CVE-2", PRODUCT, AFFECTED),
    ];
    let documents = vec![document("a.json", "acme", &statements)];
    let said = apply(found(documents), &packages, &mut findings);
    assert_eq!((findings.len(), said.suppressed.len()), (3, 0));
    let decision = Decision { rulings: vec![GateRuling::default(); 3], ..Decision::default() };
    let mut scan = Scan { findings, decision, ..Scan::default() };
    said.remark(&mut scan);
    let notes: Vec<&str> = scan.decision.rulings.iter().map(|ruling| ruling.notes[0].as_str()).collect();
    assert_eq!(
        notes,
        [
            "VEX says not_affected, by acme (a.json: statements[0]): vulnerable_code_not_present: It is\nnot built in.; \
             it counts all the same, since the package is itself the attack",
            "VEX says fixed at 1 of 2 places, by acme (a.json: statements[1])",
            "VEX says affected, by acme (a.json: statements[2]): Update.",
        ]
    );
}

#[test]
fn contradictions_are_told_and_the_more_cautious_holds() {
    let mut findings = vec![finding("CVE-1", &[0, 1])];
    let mut documents = vec![
        document("a.json", "acme", &[("CVE-1", PRODUCT, NOT_AFFECTED)]),
        document("b.json", "b", &[("CVE-1", PRODUCT, AFFECTED)]),
    ];
    // OpenVEX has an author always, other formats may not.
    documents[1].document.author.clear();
    let said = apply(found(documents), &inventory(), &mut findings);
    assert_eq!((findings.len(), said.suppressed.len()), (1, 0));
    assert_eq!(
        texts(&said),
        [
            "vex-conflict b.json: statements[0]: of `CVE-1` in `pkg:npm/left-pad@1.0.0` nobody in particular says affected \
          (b.json: statements[0]), which is the more cautious and holds; acme says not_affected (a.json: statements[0])"
        ]
    );
}

#[test]
fn what_matched_nothing_or_is_not_valid_is_told_but_not_of_a_repository() {
    let mut findings = vec![finding("CVE-1", &[0, 1])];
    let statements = [
        ("CVE-1", "pkg:npm/left-pad@1.0.1", NOT_AFFECTED),
        ("CVE-1", PRODUCT, r#""status": "not_affected""#),
    ];
    let mut documents = vec![document("a.json", "acme", &statements)];
    let mut with_notice = found(documents.clone());
    with_notice.notices.push(FoundNotice {
        is_about_trust: true,
        origin: "app".to_owned(),
        text: "not checked".to_owned(),
    });
    let said = apply(with_notice, &inventory(), &mut findings);
    assert_eq!(
        texts(&said),
        [
            "vex-unverified app: not checked",
            "vex-problem a.json: `statements[1]`: expected a justification or an impact statement beside `not_affected`, \
             found none; it is ignored",
            "vex-unused a.json: statements[0]: `CVE-1`, not_affected, matched nothing: the purl is \
             `pkg:npm/left-pad@1.0.1`, found version `1.0.0`",
        ]
    );
    documents[0].place = Place::Repository;
    assert_eq!(texts(&apply(found(documents), &inventory(), &mut findings)), Vec::<String>::new());
    assert_eq!(findings.len(), 1);
}

#[test]
fn of_many_that_matched_nothing_the_first_are_listed() {
    let statements = vec![("CVE-9", "pkg:npm/x", NOT_AFFECTED); MAX_UNUSED + 7];
    let documents = vec![document("a.json", "acme", &statements)];
    let said = apply(found(documents), &inventory(), &mut Vec::new());
    assert_eq!(said.notices.len(), MAX_UNUSED + 1);
    assert_eq!(said.notices[MAX_UNUSED].text, "7 more statements matched nothing");
}
