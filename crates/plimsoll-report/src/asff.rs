//! Findings for AWS Security Hub, as `BatchImportFindings` takes them: 100 a call at most.
//!
//! A finding is a flaw in a package of an image. Its ID has no version and no instant, so that a later import renews
//! it. What could not be read or decided is one more finding, of severity `INFORMATIONAL`.
//!
//! What rules, waivers and VEX statements suppress is `ARCHIVED`. It is not given the workflow status `SUPPRESSED`: Security
//! Hub updates such a finding no more, and an import cannot take that back, so that it would stay hidden when its waiver
//! has ended. An archived one that is imported as active is new again.
//!
//! Source: AWS Security Hub user guide, "AWS Security Finding Format", version 2018-10-08.

use std::io::Write;

use plimsoll_cvss::CvssVersion;
use plimsoll_model::{Finding, Outcome, Package, RatingScale, Scan, Severity};
use serde_json::{Value, json};

use crate::Error;
use crate::facts;
use crate::format::{AwsAccount, Report, ReportFormat, invalid, write_document};
use crate::json::primary_url;
use crate::judgement::{self, Judged, Numbers};
use crate::sarif::repository;
use crate::terminal::printable;

/// The format's entry.
pub(crate) const FORMAT: ReportFormat = ReportFormat {
    name: "asff",
    extension: "asff.json",
    media_type: "application/json",
    summary: "findings for AWS Security Hub",
    needs_instant: true,
    needs_context: true,
    shows_findings: true,
    write,
};

/// The format's name in errors.
const NAME: &str = "ASFF";

/// Longest title, in characters.
const MAX_TITLE_CHARS: usize = 256;

/// Longest description, in characters.
const MAX_DESCRIPTION_CHARS: usize = 1024;

/// Longest recommendation, in characters.
const MAX_RECOMMENDATION_CHARS: usize = 512;

/// Longest ID and other text, in characters.
const MAX_ID_CHARS: usize = 512;

/// Longest value of a product field, in characters; the format has 2048.
const MAX_FIELD_CHARS: usize = 1000;

/// Longest ID of a flaw within another ID, in characters.
const MAX_FLAW_CHARS: usize = 400;

/// Gaps that are named in the finding about them.
const MAX_GAPS: usize = 5;

/// Packages of one vulnerability.
const MAX_PACKAGES: usize = 100;

/// Links of one vulnerability.
const MAX_LINKS: usize = 20;

fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let instant = report.instant(NAME)?;
    let importer = Importer::checked(report.aws)?;
    let scan = report.scan;
    let repository = repository(&scan.inventory.artifact.name);
    let key = |finding: &Finding, package: Option<&Package>| {
        let (kind, name) =
            package.map_or(("none", "?"), |package| (package.kind.purl_type(), package.name.as_str()));
        facts::hash(&[repository, &finding.id, kind, name])
    };
    // Two versions of one package in an image are two findings, which Security Hub knows by their IDs alone.
    let mut numbers = Numbers::of_first(scan, |finding, package| key(finding, Some(package)));
    let mut findings: Vec<Value> = judgement::counted(scan)
        .chain(judgement::suppressed(scan))
        .map(|judged| {
            let finding = judged.finding;
            let first = finding.packages.first().copied().unwrap_or_default();
            let key = key(finding, facts::packages(scan, finding).next());
            let mut id = format!("{}/{key}", facts::at_most(&finding.id, MAX_FLAW_CHARS));
            if let number @ 2.. = numbers.take(&key, first) {
                id = format!("{id}-{number}");
            }
            of_finding(report, &importer, instant, &judged, &id)
        })
        .collect();
    findings.extend(unclear(report, &importer, instant));
    write_document(NAME, &json!({ "Findings": findings }), out)
}

/// The account that imports, after its parts have been looked at.
struct Importer<'a> {
    account: &'a str,
    region: &'a str,
    partition: &'static str,
    product_arn: String,
}

impl<'a> Importer<'a> {
    fn checked(given: Option<AwsAccount<'a>>) -> Result<Self, Error> {
        let expected = "an AWS account and its region";
        let AwsAccount { account, region, product_arn } =
            given.ok_or(Error::Missing { format: NAME, expected })?;
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid(NAME, "an AWS account of 12 digits", account));
        }
        let is_region = region.split('-').count() >= 3
            && region.split('-').all(|part| {
                !part.is_empty()
                    && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            });
        if !is_region {
            return Err(invalid(NAME, "an AWS region as `eu-central-1`", region));
        }
        let partition = if region.starts_with("cn-") {
            "aws-cn"
        } else if region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        };
        let product_arn = match product_arn {
            None => format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default"),
            Some(arn) => {
                let parts: Vec<&str> = arn.split(':').collect();
                let good = parts.len() == 6
                    && parts[0] == "arn"
                    && parts[2] == "securityhub"
                    && parts[5].starts_with("product/")
                    && !arn.contains(char::is_whitespace);
                if !good {
                    let expected =
                        "a product as `arn:aws:securityhub:REGION:ACCOUNT:product/COMPANY/PRODUCT`";
                    return Err(invalid(NAME, expected, arn));
                }
                arn.to_owned()
            }
        };
        Ok(Self { account, region, partition, product_arn })
    }
}

fn of_finding(
    report: &Report<'_>,
    importer: &Importer<'_>,
    instant: &str,
    judged: &Judged<'_>,
    id: &str,
) -> Value {
    let finding = judged.finding;
    let packages: Vec<&Package> = facts::packages(report.scan, finding).collect();
    let (name, version) =
        packages.first().map_or(("?", ""), |package| (package.name.as_str(), package.version.as_str()));
    let title = format!("{} in {name} {version}: {}", finding.id, facts::title(finding, name));
    let description = if finding.description.is_empty() {
        facts::title(finding, name)
    } else {
        finding.description.clone()
    };
    let mut value = base(report, importer, instant, id);
    value["GeneratorId"] =
        json!(format!("plimsoll/{}", facts::at_most(&printable(&finding.id), MAX_FLAW_CHARS)));
    value["Types"] = json!(["Software and Configuration Checks/Vulnerabilities/CVE"]);
    value["Title"] = json!(shown(&title, MAX_TITLE_CHARS));
    value["Description"] = json!(shown(&description, MAX_DESCRIPTION_CHARS));
    value["Severity"] = json!({
        "Label": label(facts::severity(finding)),
        "Original": facts::severity(finding).as_str(),
    });
    let mut recommendation =
        json!({ "Text": shown(&facts::solution(finding, name), MAX_RECOMMENDATION_CHARS) });
    let url = primary_url(&finding.id);
    if !url.is_empty() {
        recommendation["Url"] = json!(url);
    }
    value["Remediation"] = json!({ "Recommendation": recommendation });
    let fields = &mut value["ProductFields"];
    fields["plimsoll/FailedRules"] = json!(field(judged.failed_rule().unwrap_or("")));
    fields["plimsoll/FixState"] = json!(facts::fix_word(&finding.fix));
    fields["plimsoll/Outcome"] = json!(judged.outcome_word());
    if judged.outcome() == Outcome::Warned || judged.suppressed.is_some() {
        fields["plimsoll/Judgement"] = json!(field(&judged.words().unwrap_or_default()));
    }
    if let Some(due) = judged.due() {
        fields["plimsoll/Due"] = json!(field(due));
    }
    if let Some(new) = finding.new {
        fields["plimsoll/New"] = json!(new.as_str());
    }
    if judged.suppressed.is_some() {
        value["RecordState"] = json!("ARCHIVED");
    }
    value["Vulnerabilities"] = json!([vulnerability(finding, &packages)]);
    value
}

fn vulnerability(finding: &Finding, packages: &[&Package]) -> Value {
    let affected: Vec<Value> = packages
        .iter()
        .take(MAX_PACKAGES)
        .map(|package| {
            let mut value = json!({
                "Name": text(&package.name),
                "Version": text(&package.version),
                "PackageManager": package.kind.purl_type().to_uppercase(),
            });
            if let Some(architecture) = &package.architecture {
                value["Architecture"] = json!(text(architecture));
            }
            if let Some(version) = finding.fix.version() {
                value["FixedInVersion"] = json!(text(version));
            }
            let place = facts::place(package);
            if !place.is_empty() {
                value["FilePath"] = json!(text(&place));
            }
            if let Some(layer) = package.introduced_in.as_ref().or(package.layer.as_ref()) {
                value["SourceLayerHash"] = json!(layer.diff_id);
            }
            value
        })
        .collect();
    let mut value = json!({
        "Id": text(&finding.id),
        "VulnerablePackages": affected,
        "FixAvailable": if finding.fix.version().is_some() { "YES" } else { "NO" },
        "ExploitAvailable": if finding.kev.is_some() || finding.malicious { "YES" } else { "NO" },
    });
    let cvss: Vec<Value> = finding.ratings.iter().filter_map(|rating| {
        let RatingScale::Cvss(vector) = &rating.scale else { return None };
        let scored = plimsoll_cvss::score(vector).ok()?;
        let version = match scored.version {
            CvssVersion::V2_0 => "2.0",
            CvssVersion::V3_0 => "3.0",
            CvssVersion::V3_1 => "3.1",
            CvssVersion::V4_0 => "4.0",
        };
        let score = f64::from(scored.score.tenths()) / 10.0;
        Some(json!({ "Version": version, "BaseScore": score, "BaseVector": vector, "Source": text(&rating.source) }))
    }).collect();
    if !cvss.is_empty() {
        value["Cvss"] = json!(cvss);
    }
    if let Some(epss) = finding.epss {
        value["EpssScore"] = json!(f64::from(epss.probability) / 100_000.0);
    }
    if !finding.aliases.is_empty() {
        value["RelatedVulnerabilities"] =
            json!(finding.aliases.iter().map(|id| text(id)).collect::<Vec<_>>());
    }
    let links: Vec<&str> = facts::links(finding).take(MAX_LINKS).collect();
    if !links.is_empty() {
        value["ReferenceUrls"] = json!(links);
    }
    value
}

/// One finding about what could not be read or decided.
fn unclear(report: &Report<'_>, importer: &Importer<'_>, instant: &str) -> Option<Value> {
    let scan = report.scan;
    let gaps: Vec<String> = facts::gaps(scan).map(facts::gap_line).collect();
    let undetermined = scan.undetermined.iter().map(|item| format!("{}: {}", item.id, item.reason));
    let lines: Vec<String> = gaps.iter().cloned().chain(undetermined).collect();
    if lines.is_empty() {
        return None;
    }
    let mut description = lines.iter().take(MAX_GAPS).cloned().collect::<Vec<_>>().join("; ");
    if lines.len() > MAX_GAPS {
        description = format!("{description}; and {} more", lines.len() - MAX_GAPS);
    }
    let key = facts::hash(&[repository(&scan.inventory.artifact.name), "unclear"]);
    let mut value = base(report, importer, instant, &format!("unclear/{key}"));
    value["GeneratorId"] = json!("plimsoll/unclear");
    value["Types"] = json!(["Software and Configuration Checks"]);
    value["Title"] = json!(format!(
        "{} gaps and {} undetermined: the scan is not complete",
        gaps.len(),
        scan.undetermined.len()
    ));
    value["Description"] = json!(shown(&description, MAX_DESCRIPTION_CHARS));
    value["Severity"] = json!({ "Label": "INFORMATIONAL" });
    Some(value)
}

fn base(report: &Report<'_>, importer: &Importer<'_>, instant: &str, id: &str) -> Value {
    let scan = report.scan;
    let mut value = json!({
        "SchemaVersion": "2018-10-08",
        "Id": shown(id, MAX_ID_CHARS),
        "ProductArn": importer.product_arn,
        "AwsAccountId": importer.account,
        "Region": importer.region,
        "CreatedAt": instant,
        "UpdatedAt": instant,
        "ProductFields": {
            "plimsoll/Version": text(report.tool_version),
            "plimsoll/DatabaseDigest": text(&scan.database.digest),
        },
        "Resources": [resource(scan, importer)],
        "RecordState": "ACTIVE",
    });
    if !scan.inventory.artifact.manifest_digest.is_empty() {
        value["ProductFields"]["plimsoll/ManifestDigest"] = json!(scan.inventory.artifact.manifest_digest);
    }
    value
}

fn resource(scan: &Scan, importer: &Importer<'_>) -> Value {
    let artifact = &scan.inventory.artifact;
    let name = text(&artifact.name);
    let id = artifact.repo_digests.first().map_or_else(|| name.clone(), |digest| text(digest));
    let mut container = json!({ "ImageName": name });
    if !artifact.config_digest.is_empty() {
        container["ImageId"] = json!(artifact.config_digest);
    }
    json!({
        "Type": "Container",
        "Id": id,
        "Partition": importer.partition,
        "Region": importer.region,
        "Details": { "Container": container },
    })
}

fn label(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "CRITICAL",
        Severity::High => "HIGH",
        Severity::Medium => "MEDIUM",
        Severity::Low => "LOW",
        Severity::Negligible | Severity::Unknown => "INFORMATIONAL",
    }
}

/// A product field's value.
fn field(text: &str) -> String {
    shown(text, MAX_FIELD_CHARS)
}

/// A text that is not blank, as the format wants every text.
fn text(text: &str) -> String {
    shown(text, MAX_ID_CHARS)
}

fn shown(text: &str, length: usize) -> String {
    let text = facts::at_most(&printable(text), length);
    if text.trim().is_empty() { "-".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use expect_test::{expect, expect_file};

    use super::*;
    use crate::sample;

    const ACCOUNT: AwsAccount<'_> =
        AwsAccount { account: "123456789012", region: "eu-central-1", product_arn: None };

    fn text(scan: &Scan, aws: Option<AwsAccount<'_>>) -> Result<String, Error> {
        let mut out = Vec::new();
        let created = Some("2023-11-08T12:00:00Z");
        write(&Report { created, aws, tool_version: "VERSION", ..Report::new(scan) }, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn golden_report() {
        expect_file!["../testdata/golden/report.asff.json"]
            .assert_eq(&text(&sample::scan(), Some(ACCOUNT)).unwrap());
    }

    #[test]
    fn what_the_format_asks_is_there_and_short_enough() {
        let mut scan = sample::scan();
        scan.findings[0].title = "x".repeat(5000);
        scan.findings[1].description = "y".repeat(5000);
        let report: Value = serde_json::from_str(&text(&scan, Some(ACCOUNT)).unwrap()).unwrap();
        let findings = report["Findings"].as_array().unwrap();
        assert_eq!(findings.len(), scan.findings.len() + 1);
        for finding in findings {
            for field in
                ["Id", "ProductArn", "GeneratorId", "AwsAccountId", "Title", "Description", "CreatedAt"]
            {
                assert!(!finding[field].as_str().unwrap().trim().is_empty(), "{field}");
            }
            assert!(finding["Title"].as_str().unwrap().chars().count() <= MAX_TITLE_CHARS);
            assert!(finding["Description"].as_str().unwrap().chars().count() <= MAX_DESCRIPTION_CHARS);
        }
    }

    #[test]
    fn two_versions_of_a_package_are_two_findings() {
        let mut scan = sample::scan();
        let twin = scan.findings[0].clone();
        scan.findings.insert(0, twin);
        let report: Value = serde_json::from_str(&text(&scan, Some(ACCOUNT)).unwrap()).unwrap();
        let findings = report["Findings"].as_array().unwrap();
        assert_ne!(findings[0]["Id"], findings[1]["Id"]);
        assert!(findings[1]["Id"].as_str().unwrap().ends_with("-2"));
    }

    #[test]
    fn what_is_suppressed_is_archived_and_stays_open_to_updates() {
        let scan = sample::judged();
        let report: Value = serde_json::from_str(&text(&scan, Some(ACCOUNT)).unwrap()).unwrap();
        let findings = report["Findings"].as_array().unwrap();
        let archived = findings.iter().filter(|finding| finding["RecordState"] == "ARCHIVED");
        assert_eq!(archived.count(), scan.suppressed.len());
        assert!(findings.iter().all(|finding| finding.get("Workflow").is_none()));
    }

    #[test]
    fn what_is_missing_or_wrong_is_told() {
        let check = |aws: Option<AwsAccount<'_>>, expected: expect_test::Expect| {
            expected.assert_eq(&text(&sample::scan(), aws).unwrap_err().to_string());
        };
        check(
            None,
            expect!["cannot write the ASFF report: expected an AWS account and its region, found none"],
        );
        check(
            Some(AwsAccount { account: "12", ..ACCOUNT }),
            expect!["cannot write the ASFF report: expected an AWS account of 12 digits, found `12`"],
        );
        check(
            Some(AwsAccount { region: "Frankfurt", ..ACCOUNT }),
            expect![
                "cannot write the ASFF report: expected an AWS region as `eu-central-1`, found `Frankfurt`"
            ],
        );
        check(
            Some(AwsAccount { product_arn: Some("arn:aws:s3:::x"), ..ACCOUNT }),
            expect![
                "cannot write the ASFF report: expected a product as `arn:aws:securityhub:REGION:ACCOUNT:product/COMPANY/PRODUCT`, found `arn:aws:s3:::x`"
            ],
        );
    }

    #[test]
    fn the_partition_follows_from_the_region() {
        for (region, partition) in
            [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
        {
            assert_eq!(
                Importer::checked(Some(AwsAccount { region, ..ACCOUNT })).unwrap().partition,
                partition
            );
        }
    }
}
