//! `Results[].ExperimentalModifiedFindings[]`: findings that do not count, and who said so.
//!
//! Source: Trivy 0.5x, the Go type `ModifiedFinding`, written with `--show-suppressed`.

use plimsoll_model::{NotAffected, Scan, Severity, Suppressed, SuppressionKind};
use serde::Serialize;

use super::package::{Identifier, JsonLayer, id, identifier, layer};
use super::vulnerability::{JsonVulnerability, Said, primary_url, vulnerability};

/// A finding that somebody or something took out of the count.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ModifiedFinding<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    status: &'static str,
    statement: &'a str,
    source: &'a str,
    finding: Subject<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plimsoll: Option<OwnSuppression<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "most are findings, written one by one")]
enum Subject<'a> {
    /// A finding.
    Whole(JsonVulnerability<'a>),
    /// What a distribution clears, of which less is known.
    Cleared(ClearedFinding<'a>),
}

/// Who suppresses a finding, and why. Not there where the distribution itself clears its package.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OwnSuppression<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    by: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    remark: &'a str,
    /// The last day on which it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    origin: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ClearedFinding<'a> {
    #[serde(rename = "VulnerabilityID")]
    vulnerability_id: &'a str,
    #[serde(rename = "VendorIDs")]
    vendor_ids: &'a [String],
    #[serde(rename = "PkgID")]
    pkg_id: String,
    pkg_name: &'a str,
    pkg_identifier: Identifier,
    installed_version: &'a str,
    status: &'static str,
    layer: JsonLayer<'a>,
    #[serde(rename = "PrimaryURL")]
    primary_url: String,
    severity: &'static str,
}

/// Those of a target: what a rule, a waiver or a VEX statement suppresses, then what the distribution clears.
/// `packages` are the target's, sorted.
pub(super) fn of_target<'a>(scan: &'a Scan, packages: &[usize]) -> Vec<ModifiedFinding<'a>> {
    let here = |package: &usize| packages.binary_search(package).is_ok();
    let suppressed = scan
        .suppressed
        .iter()
        .enumerate()
        .filter(|(_, suppressed)| suppressed.finding.packages.first().is_some_and(here))
        .filter_map(|(index, item)| suppressed(scan, index, item));
    let cleared = scan.not_affected.iter().filter(|not| here(&not.package));
    suppressed.chain(cleared.filter_map(|not| not_affected(scan, not))).collect()
}

fn suppressed<'a>(scan: &'a Scan, index: usize, item: &'a Suppressed) -> Option<ModifiedFinding<'a>> {
    let said = Said { index, failed_rules: Vec::new(), ruling: None };
    Some(ModifiedFinding {
        kind: "vulnerability",
        status: status(item),
        statement: if item.remark.is_empty() { &item.reason } else { &item.remark },
        source: file(&item.origin),
        finding: Subject::Whole(vulnerability(scan, &item.finding, said)?),
        plimsoll: Some(OwnSuppression {
            kind: item.kind.as_str(),
            by: &item.by,
            reason: &item.reason,
            remark: &item.remark,
            until: item.until.as_deref(),
            origin: &item.origin,
        }),
    })
}

/// Trivy's word for what was done with it.
///
/// Source: Trivy, the Go constants `FindingStatus…`.
fn status(item: &Suppressed) -> &'static str {
    let word = item.reason.split(':').next().unwrap_or("");
    match item.kind {
        SuppressionKind::Rule | SuppressionKind::Waiver => "ignored",
        SuppressionKind::Vex => ["not_affected", "fixed", "under_investigation", "affected"]
            .into_iter()
            .find(|known| *known == word)
            .unwrap_or("not_affected"),
    }
}

/// The file of an origin: `plimsoll.toml` of `plimsoll.toml:12`, `vex/app.json` of `vex/app.json: statements[2]`.
fn file(origin: &str) -> &str {
    let file = origin.split_once(": ").map_or(origin, |(file, _)| file);
    match file.rsplit_once(':') {
        Some((file, line)) if !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()) => file,
        _ => file,
    }
}

/// The entry of a flaw that does not hold; `None` for one whose package is not in the inventory.
fn not_affected<'a>(scan: &'a Scan, not: &'a NotAffected) -> Option<ModifiedFinding<'a>> {
    let package = scan.inventory.packages.get(not.package)?;
    Some(ModifiedFinding {
        kind: "vulnerability",
        status: "not_affected",
        statement: &not.reason,
        source: &not.advisory,
        finding: Subject::Cleared(ClearedFinding {
            vulnerability_id: &not.id,
            vendor_ids: &not.overruled,
            pkg_id: id(package),
            pkg_name: &package.name,
            pkg_identifier: identifier(&scan.inventory, package),
            installed_version: &package.version,
            status: "not_affected",
            layer: layer(&scan.inventory, package),
            primary_url: primary_url(&not.id),
            severity: Severity::Unknown.as_str(),
        }),
        plimsoll: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_begins_with_a_file() {
        for (origin, name) in [
            ("plimsoll.toml:12", "plimsoll.toml"),
            ("vex/app.json: statements[2]", "vex/app.json"),
            ("C:/a/.trivyignore:3", "C:/a/.trivyignore"),
            ("registry.example/app@sha256:ab: statements[0]", "registry.example/app@sha256:ab"),
            (".trivyignore", ".trivyignore"),
            ("", ""),
        ] {
            assert_eq!(file(origin), name);
        }
    }
}
