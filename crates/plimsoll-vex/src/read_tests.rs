use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;
use crate::document::Status;

const APP: &str = include_str!("../testdata/openvex/app.json");
const OLD: &str = include_str!("../testdata/openvex/old.json");
const IN_TOTO: &str = include_str!("../testdata/openvex/in-toto.json");
const CSAF: &str = include_str!("../testdata/csaf/vendor.json");
const CYCLONEDX: &str = include_str!("../testdata/cyclonedx/vex.json");

/// A document as text, a line for each statement.
fn printed(document: &Document) -> String {
    let mut out = format!(
        "{} {} by {} version {} at {}\n",
        document.format, document.id, document.author, document.version, document.timestamp
    );
    for statement in &document.statements {
        let status = match &statement.status {
            Status::NotAffected { .. } | Status::Affected { .. } => {
                format!("{} ({})", statement.status.word(), statement.status.reason())
            }
            other => other.word().to_owned(),
        };
        let names = statement.vulnerability.join(" ");
        writeln!(out, "{} {names}: {status} at {}", statement.at, statement.timestamp).unwrap();
        for product in &statement.products {
            for (mark, component) in std::iter::once(("-", &product.component))
                .chain(product.subcomponents.iter().map(|c| ("  +", c)))
            {
                let Component { purls, digests, references, cpes, versions, .. } = component;
                let names = [purls, digests, references, cpes].map(|names| names.join(" ")).join(" ");
                let names = names.trim();
                let names = if names.is_empty() { "?" } else { names };
                let versions =
                    versions.as_ref().map_or(String::new(), |versions| format!(" versions {versions}"));
                writeln!(out, "  {mark} {names}{versions}").unwrap();
            }
        }
    }
    for problem in &document.problems {
        writeln!(out, "! {problem}").unwrap();
    }
    out
}

#[track_caller]
fn check(text: &str, expected: &Expect) {
    expected.assert_eq(&printed(&read(text.as_bytes(), "test.json").unwrap()));
}

#[track_caller]
fn refused(text: &str, expected: &Expect) {
    use std::error::Error as _;
    let error = read(text.as_bytes(), "test.json").unwrap_err();
    let source = error.source().map_or(String::new(), |source| format!(": {source}"));
    expected.assert_eq(&format!("{error}{source}"));
}

#[test]
fn openvex() {
    check(
        APP,
        &expect![[r"
        OpenVEX https://acme.example/vex/app-1 by security@acme.example version 3 at 2025-01-10T08:00:00Z
        statements[0] CVE-2021-44228 GHSA-jfh8-c2jp-5v3q: not_affected (vulnerable_code_not_in_execute_path: Messages are never looked up.) at 2025-01-11T08:00:00+02:00
          - pkg:oci/app@sha256%3A1111111111111111111111111111111111111111111111111111111111111111?repository_url=registry.example/team/app
            + pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1
            + pkg:maven/org.apache.logging.log4j/log4j-api
        statements[1] CVE-2023-0286: fixed at 2025-01-12T00:00:00Z
          - pkg:deb/debian/libssl3@3.0.11-1?arch=amd64 sha256:abcdef
        statements[2] CVE-2024-0001: affected (Set the limit.) at 2025-01-10T08:00:00Z
          - registry.example/team/app:1.2
        statements[3] CVE-2024-0002: under_investigation at 2025-01-10T08:00:00Z
          - pkg:npm/left-pad
        statements[5] CVE-2024-0004: affected () at 2025-01-10T08:00:00Z
          - ?
        ! `statements[4]`: expected a justification or an impact statement beside `not_affected`, found none; it is ignored
        ! `statements[5]`: expected a product with a package URL, a digest or an image's name, found none; it counts all the same
        ! `statements[5]`: expected an `action_statement` beside `affected`, found none; it counts all the same
    "]],
    );
}

#[test]
fn openvex_of_the_older_form() {
    check(
        OLD,
        &expect![[r"
        OpenVEX https://acme.example/vex/old by security@acme.example version 1 at 2023-01-10T08:00:00.123456789-06:00
        statements[0] CVE-2022-0001: not_affected (component_not_present) at 2023-01-10T08:00:00.123456789-06:00
          - pkg:oci/app
            + pkg:apk/wolfi/git@2.39.0-r1?arch=x86_64
          - pkg:oci/worker
            + pkg:apk/wolfi/git@2.39.0-r1?arch=x86_64
    "]],
    );
}

#[test]
fn openvex_in_an_attestation_takes_its_subject() {
    check(
        IN_TOTO,
        &expect![[r"
        OpenVEX https://acme.example/vex/attached by security@acme.example version 1 at 2025-01-10T08:00:00Z
        predicate.statements[0] CVE-2024-0005: fixed at 2025-01-10T08:00:00Z
          - sha256:1111111111111111111111111111111111111111111111111111111111111111
    "]],
    );
}

#[test]
fn csaf() {
    check(
        CSAF,
        &expect![[r"
            CSAF ACME-2025-1 by Acme Linux version 2.1.0 at 2025-02-01T00:00:00Z
            vulnerabilities[0].product_status.known_affected CVE-2023-0286 ACME-BUG-7: affected (Take shop 2.) at 2025-02-01T00:00:00Z
              - pkg:npm/shop versions vers:npm/>=1.0.0|<2.0.0
            vulnerabilities[0].product_status.known_not_affected CVE-2023-0286 ACME-BUG-7: not_affected (It speaks TLS to nobody.) at 2025-02-01T00:00:00Z
              - sha256:1111111111111111111111111111111111111111111111111111111111111111
            vulnerabilities[0].product_status.known_not_affected CVE-2023-0286 ACME-BUG-7: not_affected (vulnerable_code_not_present) at 2025-02-01T00:00:00Z
              - cpe:/o:redhat:enterprise_linux:8::baseos
                + pkg:rpm/redhat/openssl?arch=src
            vulnerabilities[1].product_status.fixed ACME-BUG-8: fixed at 2025-02-01T00:00:00Z
              - pkg:npm/shop@2.1.0
            vulnerabilities[1].product_status.under_investigation ACME-BUG-8: under_investigation at 2025-02-01T00:00:00Z
              - pkg:npm/shop versions vers:npm/>=1.0.0|<2.0.0
            ! `vulnerabilities[0].product_status.known_not_affected`: expected a justification or an impact statement beside `not_affected`, found none, for 1 product(s); it is ignored
        "]],
    );
}

#[test]
fn cyclonedx() {
    check(
        CYCLONEDX,
        &expect![[r"
        CycloneDX urn:uuid:11111111-2222-3333-4444-555555555555 by security@acme.example version 4 at 2025-01-10T08:00:00Z
        vulnerabilities[0] CVE-2021-44228 GHSA-jfh8-c2jp-5v3q: not_affected (code_not_reachable) at 2025-01-12T00:00:00Z
          - registry.example/team/app:1.2
            + pkg:maven/org.apache.logging.log4j/log4j-core versions vers:maven/>=2.0|<2.15.0
          - registry.example/team/app:1.2
            + pkg:maven/org.apache.logging.log4j/log4j-api@2.14.1
        vulnerabilities[0] CVE-2021-44228 GHSA-jfh8-c2jp-5v3q: affected () at 2025-01-12T00:00:00Z
          - registry.example/team/app:1.2
            + pkg:maven/org.apache.logging.log4j/log4j-core versions 2.15.0
        vulnerabilities[1] CVE-2024-0001: affected (update: Soon.) at 2025-01-10T08:00:00Z
          - registry.example/team/app:1.2
        vulnerabilities[2] CVE-2024-0002: under_investigation at 2025-01-10T08:00:00Z
          - registry.example/team/app:1.2
            + pkg:npm/left-pad@1.0.0
        vulnerabilities[3] CVE-2024-0003: fixed at 2025-01-10T08:00:00Z
          - registry.example/team/app:1.2
            + left-pad
        vulnerabilities[7] CVE-2024-0007: not_affected (false positive) at 2025-01-10T08:00:00Z
          - registry.example/team/app:1.2
        ! `vulnerabilities[0].affects[0].versions[1]`: expected `status` to be `unaffected`, since the analysis says not_affected, found none, which means `affected`; it counts all the same
        ! `vulnerabilities[4].analysis`: expected a justification or an impact statement beside `not_affected`, found none; it is ignored
        ! `vulnerabilities[5].analysis`: expected a `state`, one of `resolved`, `resolved_with_pedigree`, `exploitable`, `in_triage`, `false_positive` or `not_affected`, found none; it is ignored
    "]],
    );
}

#[test]
fn what_is_no_vex_is_refused() {
    let mut found = String::new();
    for text in [
        "",
        "<html><body>login</body></html>",
        "[]",
        "plain",
        "{}",
        "{",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.3"}"#,
        r#"{"spdxVersion":"SPDX-2.3"}"#,
        r#"{"document":{"csaf_version":"2.1"}}"#,
        r#"{"@context":"https://elsewhere.example"}"#,
        r#"{"payloadType":"application/vnd.in-toto+json","payload":"e30="}"#,
        r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","predicate":{}}"#,
    ] {
        writeln!(found, "{}", read(text.as_bytes(), "a").unwrap_err()).unwrap();
    }
    expect![[r"
        … nothing
        … XML or HTML
        … a JSON list
        … no JSON object
        … JSON without the marks of one
        cannot read VEX document `a`: expected JSON
        … CycloneDX 1.3
        … an SPDX document
        … CSAF 2.1
        … the `@context` `https://elsewhere.example`
        … a signed envelope, which must be opened first
        … an in-toto statement of `https://slsa.dev/provenance/v1`
    "]]
    .assert_eq(&found.replace(
        "cannot read VEX document `a`: expected OpenVEX, CSAF 2.0 or CycloneDX (1.4 to 1.7) in JSON, found ",
        "… ",
    ));
    let large = vec![b' '; MAX_DOCUMENT_BYTES + 1];
    assert!(matches!(read(&large, "a"), Err(Error::TooLarge { .. })));
}

#[test]
fn an_error_says_where_and_what() {
    refused(
        &APP.replace("\"fixed\"", "\"fixd\""),
        &expect![
            "cannot read VEX document `test.json`: at `statements[1].status`: expected `not_affected`, `affected`, `fixed` or `under_investigation`, found `fixd`"
        ],
    );
    refused(
        &APP.replace("\"version\": 3", "\"version\": -3"),
        &expect!["cannot read VEX document `test.json`: at `version`: expected a whole number, found `-3`"],
    );
    refused(
        &APP.replace("vulnerable_code_not_in_execute_path", "code_not_reachable"),
        &expect![
            "cannot read VEX document `test.json`: at `statements[0].justification`: expected `component_not_present`, `vulnerable_code_not_present`, `vulnerable_code_not_in_execute_path`, `vulnerable_code_cannot_be_controlled_by_adversary` or `inline_mitigations_already_exist`, found `code_not_reachable`"
        ],
    );
    refused(
        &APP.replace("2025-01-12T00:00:00Z", "yesterday"),
        &expect![
            "cannot read VEX document `test.json`: at `statements[1].last_updated`: expected an instant as RFC 3339 has it, such as `2025-01-31T12:00:00Z`, found `yesterday`"
        ],
    );
    refused(
        &APP.replace("pkg:npm/left-pad", "pkg:npm"),
        &expect![
            "cannot read VEX document `test.json`: at `statements[3].products[0].@id`: expected a package URL (expected a `/` behind the type), found `pkg:npm`"
        ],
    );
    refused(
        &APP.replace("{ \"name\": \"CVE-2023-0286\" }", "[7]"),
        &expect![
            "cannot read VEX document `test.json`: at `statements[1].vulnerability`: expected an object, found a list"
        ],
    );
    refused(
        &APP.replace("\"author\"", "\"autor\""),
        &expect![
            "cannot read VEX document `test.json`: at `author`: expected a text that is not empty, found none"
        ],
    );
    refused(
        &APP.replace("\"role\": \"Vendor\"", "\"author\": \"x\""),
        &expect![
            "cannot read VEX document `test.json`: expected JSON: expected each field once, found `author` twice at line 53 column 1"
        ],
    );
    refused(
        &CSAF.replace("csaf_vex", "csaf_base"),
        &expect![
            "cannot read VEX document `test.json`: at `document.category`: expected `csaf_vex` or `csaf_security_advisory`, found `csaf_base`"
        ],
    );
    refused(
        &CSAF.replace("\"RHEL-8:openssl\", \"image\"", "\"RHEL-8:openssl\", \"imag\""),
        &expect![
            "cannot read VEX document `test.json`: at `vulnerabilities[0].product_status.known_not_affected[1]`: expected a product ID of the product tree, found `imag`"
        ],
    );
    refused(
        &CSAF.replace("\"known_affected\"", "\"known_afected\""),
        &expect![
            "cannot read VEX document `test.json`: at `vulnerabilities[0].product_status`: expected lists that CSAF 2.0 knows instead of `known_afected`, found an object"
        ],
    );
    refused(
        &CSAF.replace("\"product_id\": \"image\"", "\"product_id\": \"shop-1\""),
        &expect![
            "cannot read VEX document `test.json`: at `product_tree.branches[1].branches[0].product.product_id`: expected a product ID that is given out once, found `shop-1`"
        ],
    );
    refused(
        &CSAF.replace("[\"shops\"]", "[\"shop\"]"),
        &expect![
            "cannot read VEX document `test.json`: at `vulnerabilities[0].remediations[0].group_ids[0]`: expected a product group of this document, found `shop`"
        ],
    );
    refused(
        &CYCLONEDX.replace("in_triage", "triage"),
        &expect![
            "cannot read VEX document `test.json`: at `vulnerabilities[2].analysis.state`: expected `resolved`, `resolved_with_pedigree`, `exploitable`, `in_triage`, `false_positive` or `not_affected`, found `triage`"
        ],
    );
    refused(
        &CYCLONEDX.replace("code_not_reachable", "because"),
        &expect![
            "cannot read VEX document `test.json`: at `vulnerabilities[0].analysis.justification`: expected a justification that CycloneDX knows, found `because`"
        ],
    );
    refused(
        &CYCLONEDX.replace("\"bom-ref\": \"log4j-api\"", "\"bom-ref\": \"log4j\""),
        &expect![
            "cannot read VEX document `test.json`: at `components[0].components[0].bom-ref`: expected a reference that is given out once, found `log4j`"
        ],
    );
}

#[test]
fn a_circle_of_relationships_is_an_error() {
    let text =
        CSAF.replace("\"product_reference\": \"openssl-src\"", "\"product_reference\": \"RHEL-8:openssl\"");
    let text = text.replace(
        "\"relates_to_product_reference\": \"RHEL-8\"",
        "\"relates_to_product_reference\": \"RHEL-8:openssl\"",
    );
    refused(
        &text,
        &expect![
            "cannot read VEX document `test.json`: at `vulnerabilities[0].product_status.known_not_affected[0]`: expected a product at most 16 relationships from its whole, found `RHEL-8:openssl`"
        ],
    );
}

#[test]
fn the_number_of_products_is_bounded() {
    let ids = "\"shop-1\",".repeat(crate::MAX_PRODUCTS);
    let text = CSAF.replace("\"known_affected\": [", &format!("\"known_affected\": [{ids}"));
    let error = read(text.as_bytes(), "a").unwrap_err().to_string();
    assert!(error.contains("expected at most 300000 products in a document"), "{error}");
}

/// Whatever is cut off or changed, the answer is a document or an error.
#[test]
fn damage_does_no_harm() {
    for text in [APP, OLD, IN_TOTO, CSAF, CYCLONEDX] {
        for end in (0..text.len()).step_by(7) {
            assert!(read(&text.as_bytes()[..end], "a").is_err());
        }
        for value in ["null", "[]", "{}", "1e99", "\"\"", "[[[]]]"] {
            // Each value in turn is another.
            for (at, _) in text.match_indices(": ").step_by(3) {
                let rest = &text[at + 2..];
                let end = rest.find(['\n', '}']).unwrap_or(rest.len());
                let tail = rest[end..].to_owned();
                let comma = if rest[..end].ends_with(',') { "," } else { "" };
                let _ = read(format!("{}: {value}{comma}{tail}", &text[..at]).as_bytes(), "a");
            }
        }
    }
}
