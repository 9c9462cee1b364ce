//! OpenVEX 0.2.0: what the scan knows of each flaw, as statements that other tools apply.
//!
//! Findings are `affected` with what to do, those that the distribution has not judged yet and undetermined ones
//! `under_investigation`, what the distribution clears `not_affected` with its reason. What a VEX statement or a waiver
//! says of a finding that does not count is said on: `not_affected`, `fixed`; a risk that somebody accepts, or a rule
//! ignores, is `affected` all the same. The product is the image, the package a sub-component; of what is no image the
//! package itself.
//!
//! The format has no place for gaps and notices. Its schema wants one statement at least: of a scan without any the list is
//! empty all the same, since a pipeline that stores the document must not fail for want of flaws, and OpenVEX's tools read
//! it.
//!
//! Source: OpenVEX specification 0.2.0.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;

use plimsoll_model::{FixState, Package, Scan, Suppressed};
use serde::Serialize;

use crate::Error;
use crate::cyclonedx::{oci_purl, says_code_is_not_present};
use crate::facts;
use crate::format::{Report, ReportFormat, write_document};
use crate::judgement::{self, Judged, Standing};

/// The format's entry.
pub(crate) const FORMAT: ReportFormat = ReportFormat {
    name: "openvex",
    extension: "openvex.json",
    media_type: "application/json",
    summary: "OpenVEX statements: affected, not affected, under investigation",
    needs_instant: true,
    needs_context: false,
    shows_findings: true,
    write,
};

/// The format's name in errors.
const NAME: &str = "OpenVEX";

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@id")]
    id: String,
    author: &'a str,
    role: &'static str,
    timestamp: &'a str,
    version: u32,
    tooling: String,
    statements: Vec<Statement<'a>>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are the specification's")]
struct Statement<'a> {
    vulnerability: Vulnerability<'a>,
    products: Vec<Product>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_notes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    justification: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    impact_statement: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action_statement: Option<String>,
}

#[derive(Serialize)]
struct Vulnerability<'a> {
    #[serde(rename = "@id", skip_serializing_if = "String::is_empty")]
    id: String,
    name: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    aliases: &'a [String],
}

#[derive(Serialize)]
struct Product {
    #[serde(rename = "@id")]
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifiers: Option<BTreeMap<&'static str, String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subcomponents: Vec<Component>,
}

#[derive(Serialize)]
struct Component {
    #[serde(rename = "@id")]
    id: String,
    identifiers: BTreeMap<&'static str, String>,
}

fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let timestamp = report.instant(NAME)?;
    let scan = report.scan;
    let statements = statements(scan);
    let content = serde_json::to_string(&statements)
        .map_err(|error| Error::Write { format: NAME, source: error.into() })?;
    let document = Document {
        context: "https://openvex.dev/ns/v0.2.0",
        id: format!("urn:uuid:{}", facts::uuid(&facts::hash(&[&content, timestamp, report.author]))),
        author: report.author,
        role: "Document Creator",
        timestamp,
        version: 1,
        tooling: format!("plimsoll/{}", report.tool_version),
        statements,
    };
    write_document(NAME, &document, out)
}

fn statements(scan: &Scan) -> Vec<Statement<'_>> {
    let mut statements: Vec<Statement<'_>> = judgement::counted(scan)
        .chain(judgement::suppressed(scan))
        .filter_map(|judged| of_finding(scan, &judged))
        .collect();
    for not in &scan.not_affected {
        let package = scan.inventory.packages.get(not.package);
        // The schema takes a justification or an impact statement, not both.
        let justified = says_code_is_not_present(&not.reason);
        statements.extend(package.map(|package| Statement {
            vulnerability: vulnerability(&not.id, &[]),
            products: products(scan, &[package]),
            status: "not_affected",
            status_notes: Some(if justified {
                format!("{}: {}", not.advisory, not.reason)
            } else {
                format!("by {}", not.advisory)
            }),
            justification: justified.then_some("vulnerable_code_not_present"),
            impact_statement: (!justified).then_some(Cow::Borrowed(not.reason.as_str())),
            action_statement: None,
        }));
    }
    for item in &scan.undetermined {
        let package = scan.inventory.packages.get(item.package);
        statements.extend(package.map(|package| Statement {
            vulnerability: vulnerability(&item.id, &[]),
            products: products(scan, &[package]),
            status: "under_investigation",
            status_notes: Some(item.reason.clone()),
            justification: None,
            impact_statement: None,
            action_statement: None,
        }));
    }
    statements
}

fn of_finding<'a>(scan: &'a Scan, judged: &Judged<'a>) -> Option<Statement<'a>> {
    let finding = judged.finding;
    let packages: Vec<&Package> = facts::packages(scan, finding).collect();
    let first = packages.first()?;
    let is_judged = finding.fix != FixState::UnderInvestigation;
    let statement = Statement {
        vulnerability: vulnerability(&finding.id, &finding.aliases),
        products: products(scan, &packages),
        status: if is_judged { "affected" } else { "under_investigation" },
        status_notes: (!finding.title.is_empty()).then(|| finding.title.clone()),
        justification: None,
        impact_statement: None,
        action_statement: is_judged.then(|| facts::solution(finding, &first.name)),
    };
    Some(match judged.suppressed {
        Some(suppressed) => settled(statement, suppressed),
        None => statement,
    })
}

/// The statement with what is said by whoever says that the finding does not count. The schema takes a justification or
/// an impact statement, not both.
fn settled<'a>(mut statement: Statement<'a>, suppressed: &Suppressed) -> Statement<'a> {
    let words = suppressed.words();
    let standing = Standing::of(suppressed);
    statement.status = match standing {
        Standing::Ignored => statement.status,
        Standing::NotAffected(_) | Standing::FalsePositive => "not_affected",
        Standing::Fixed => "fixed",
        Standing::Unclear => "under_investigation",
        Standing::Accepted | Standing::Mitigated | Standing::FixPending => "affected",
    };
    if statement.status != "affected" {
        statement.action_statement = None;
    }
    match standing {
        Standing::NotAffected(None) | Standing::FalsePositive => {
            statement.impact_statement = Some(Cow::Owned(words));
        }
        Standing::Accepted | Standing::Mitigated | Standing::FixPending => {
            statement.action_statement = Some(words);
        }
        Standing::NotAffected(Some(justification)) => {
            statement.justification = Some(justification.openvex());
            statement.status_notes = Some(words);
        }
        Standing::Fixed | Standing::Unclear | Standing::Ignored => statement.status_notes = Some(words),
    }
    statement
}

fn vulnerability<'a>(id: &'a str, aliases: &'a [String]) -> Vulnerability<'a> {
    Vulnerability { id: crate::json::primary_url(id), name: id, aliases }
}

/// The image with the packages in it, or, of what has no digest, the packages.
fn products(scan: &Scan, packages: &[&Package]) -> Vec<Product> {
    let mut purls: Vec<String> =
        packages.iter().map(|package| package.purl(scan.inventory.os.as_ref()).to_string()).collect();
    purls.sort();
    purls.dedup();
    let identifiers = |purl: &String| BTreeMap::from([("purl", purl.clone())]);
    match oci_purl(&scan.inventory.artifact) {
        Some(image) => {
            let image = image.to_string();
            vec![Product {
                identifiers: Some(identifiers(&image)),
                id: image,
                subcomponents: purls
                    .into_iter()
                    .map(|purl| Component { identifiers: identifiers(&purl), id: purl })
                    .collect(),
            }]
        }
        None => purls
            .into_iter()
            .map(|purl| Product {
                identifiers: Some(identifiers(&purl)),
                id: purl,
                subcomponents: Vec::new(),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;
    use plimsoll_model::SuppressionKind;
    use serde_json::Value;

    use super::*;
    use crate::sample;

    fn text(scan: &Scan) -> String {
        sample::written(scan, write)
    }

    #[test]
    fn golden_document() {
        expect_file!["../testdata/golden/report.openvex.json"].assert_eq(&text(&sample::scan()));
    }

    #[test]
    fn a_status_has_what_the_specification_asks_of_it() {
        let mut scan = sample::scan();
        let mut other = scan.not_affected[0].clone();
        other.reason = "only affects Windows".to_owned();
        scan.not_affected.push(other);
        scan.findings[3].fix = FixState::UnderInvestigation;
        let document: Value = serde_json::from_str(&text(&scan)).unwrap();
        for statement in document["statements"].as_array().unwrap() {
            let has = |field: &str| statement.get(field).is_some();
            assert_eq!(has("action_statement"), statement["status"] == "affected");
            let reasons = usize::from(has("impact_statement")) + usize::from(has("justification"));
            assert_eq!(reasons, usize::from(statement["status"] == "not_affected"));
            assert!(!statement["products"].as_array().unwrap().is_empty());
        }
        assert_eq!(document["statements"].as_array().unwrap().len(), scan.findings.len() + 3);
    }

    #[test]
    fn what_does_not_count_is_said_on() {
        let mut scan = sample::judged();
        for (kind, reason, status, field) in [
            (SuppressionKind::Waiver, "accepted-risk", "affected", "action_statement"),
            (SuppressionKind::Waiver, "compensating-control", "affected", "action_statement"),
            (SuppressionKind::Waiver, "not-affected", "not_affected", "impact_statement"),
            (SuppressionKind::Waiver, "false-positive", "not_affected", "impact_statement"),
            (SuppressionKind::Vex, "not_affected", "not_affected", "impact_statement"),
            (SuppressionKind::Vex, "not_affected: component_not_present", "not_affected", "justification"),
            (SuppressionKind::Vex, "not_affected: code_not_reachable", "not_affected", "justification"),
            (SuppressionKind::Vex, "fixed", "fixed", "status_notes"),
            (SuppressionKind::Rule, "", "affected", "action_statement"),
        ] {
            scan.suppressed[1].kind = kind;
            reason.clone_into(&mut scan.suppressed[1].reason);
            let document: Value = serde_json::from_str(&text(&scan)).unwrap();
            let statements = document["statements"].as_array().unwrap();
            let one = statements.iter().find(|one| one["vulnerability"]["name"] == "CVE-2023-39325").unwrap();
            assert_eq!(one["status"], status, "{reason}");
            assert!(one[field].is_string(), "{reason}: {one}");
            let said = ["action_statement", "impact_statement", "justification"];
            let said = said.iter().filter(|field| one[**field].is_string()).count();
            assert_eq!(said, usize::from(status != "fixed"), "{reason}: {one}");
        }
    }

    #[test]
    fn without_an_image_the_package_is_the_product() {
        let mut scan = sample::scan();
        scan.inventory.artifact.repo_digests.clear();
        let document: Value = serde_json::from_str(&text(&scan)).unwrap();
        let product = &document["statements"][0]["products"][0];
        assert_eq!(product["@id"], "pkg:deb/debian/libssl1.1@1.1.1n-0%2Bdeb11u3?arch=amd64&distro=debian-11");
        assert!(product.get("subcomponents").is_none());
    }
}
