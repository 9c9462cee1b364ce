//! What Trivy's report has no place for: the report's own `Plimsoll` object.

use plimsoll_model::{Baseline, DatabaseInfo, Gap, Notice, Scan, SeverityCounts, Verdict};
use serde::Serialize;

use super::advice::{JsonAdvice, advice};
use super::package::file_path;

/// What Trivy's report has no place for.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OwnReport<'a> {
    version: &'a str,
    verdict: Verdict,
    rules: &'a [String],
    failures: Vec<JsonFailure<'a>>,
    counts: Counts,
    ignored_unfixed: Counts,
    undetermined: Vec<JsonUndetermined<'a>>,
    not_affected: Vec<JsonNotAffected<'a>>,
    pub(super) gaps: Vec<JsonGap<'a>>,
    database: Database<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    manifest_digest: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    /// When the image was made.
    #[serde(skip_serializing_if = "str::is_empty")]
    created: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_image: Option<JsonBaseImage<'a>>,
    #[serde(rename = "OS", skip_serializing_if = "Option::is_none")]
    os: Option<OwnOs<'a>>,
    packages: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<JsonBaseline<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notices: Vec<JsonNotice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<JsonAdvice<'a>>,
}

/// The image that this one was built from.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JsonBaseImage<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    digest: &'a str,
    /// How many of the image's layers are its own.
    layers: usize,
}

/// What the findings were compared with.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JsonBaseline<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    manifest_digest: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    database_digest: &'a str,
    gone: Counts,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JsonNotice<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    origin: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OwnOs<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
    #[serde(rename = "VersionID")]
    version_id: &'a str,
    #[serde(rename = "IDLike", skip_serializing_if = "<[String]>::is_empty")]
    id_like: &'a [String],
    pretty_name: &'a str,
    codename: &'a str,
    path: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Database<'a> {
    digest: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    updated_at: &'a str,
    newest_advisory: &'a str,
    advisories: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JsonFailure<'a> {
    rule: &'a str,
    #[serde(rename = "VulnerabilityID")]
    vulnerability_id: &'a str,
    pkg_name: &'a str,
    installed_version: &'a str,
    severity: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JsonUndetermined<'a> {
    #[serde(rename = "VulnerabilityID")]
    vulnerability_id: &'a str,
    advisory: &'a str,
    pkg_name: &'a str,
    installed_version: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pkg_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pkg_index: Option<usize>,
    reason: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JsonNotAffected<'a> {
    #[serde(rename = "VulnerabilityID")]
    vulnerability_id: &'a str,
    advisory: &'a str,
    pkg_name: &'a str,
    installed_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pkg_index: Option<usize>,
    reason: &'a str,
    overruled: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct JsonGap<'a> {
    reporter: &'a str,
    reason: &'a str,
    /// `matching`; of reading where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    path: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    place: &'a str,
    #[serde(rename = "DiffID", skip_serializing_if = "Option::is_none")]
    diff_id: Option<&'a str>,
}

impl JsonGap<'static> {
    /// A gap of the report itself, which no scan holds.
    pub(super) fn of_report(reason: &'static str) -> Self {
        Self { reporter: "report", reason, stage: Some("report"), path: "", place: "", diff_id: None }
    }
}

/// A number for every severity, those of zero too, so that a reader needs no default.
#[derive(Serialize)]
#[serde(rename_all = "UPPERCASE")]
struct Counts {
    critical: usize,
    high: usize,
    medium: usize,
    low: usize,
    negligible: usize,
    unknown: usize,
}

impl From<SeverityCounts> for Counts {
    fn from(counts: SeverityCounts) -> Self {
        Self {
            critical: counts.critical,
            high: counts.high,
            medium: counts.medium,
            low: counts.low,
            negligible: counts.negligible,
            unknown: counts.unknown,
        }
    }
}

pub(super) fn own<'a>(scan: &'a Scan, version: &'a str) -> OwnReport<'a> {
    let DatabaseInfo { digest, updated, newest_advisory, advisories } = &scan.database;
    let artifact = &scan.inventory.artifact;
    let package = |index: usize| scan.inventory.packages.get(index);
    OwnReport {
        version,
        verdict: scan.decision.verdict,
        rules: &scan.decision.rules,
        failures: scan
            .decision
            .failures()
            .filter_map(|(index, ruling)| {
                let finding = scan.findings.get(index)?;
                let package = finding.packages.first().and_then(|&index| package(index))?;
                Some(JsonFailure {
                    rule: &ruling.rule,
                    vulnerability_id: &finding.id,
                    pkg_name: &package.name,
                    installed_version: &package.version,
                    severity: finding.severity.severity.as_str(),
                })
            })
            .collect(),
        counts: scan.decision.counts.into(),
        ignored_unfixed: scan.decision.ignored_unfixed.into(),
        undetermined: scan
            .undetermined
            .iter()
            .map(|item| JsonUndetermined {
                vulnerability_id: &item.id,
                advisory: &item.advisory,
                pkg_name: package(item.package).map_or("", |package| &package.name),
                installed_version: package(item.package).map_or("", |package| &package.version),
                pkg_path: package(item.package).map(file_path).unwrap_or_default(),
                pkg_index: package(item.package).map(|_| item.package),
                reason: &item.reason,
            })
            .collect(),
        not_affected: scan
            .not_affected
            .iter()
            .map(|not| JsonNotAffected {
                vulnerability_id: &not.id,
                advisory: &not.advisory,
                pkg_name: package(not.package).map_or("", |package| &package.name),
                installed_version: package(not.package).map_or("", |package| &package.version),
                pkg_index: package(not.package).map(|_| not.package),
                reason: &not.reason,
                overruled: &not.overruled,
            })
            .collect(),
        gaps: (scan.inventory.gaps.iter().map(|found| gap(found, None)))
            .chain(scan.match_gaps.iter().map(|found| gap(found, Some("matching"))))
            .collect(),
        database: Database { digest, updated_at: updated, newest_advisory, advisories: *advisories },
        manifest_digest: &artifact.manifest_digest,
        platform: artifact.platform.as_ref().map(ToString::to_string),
        created: &artifact.created,
        base_image: scan.inventory.base.as_ref().map(|base| JsonBaseImage {
            name: &base.name,
            digest: &base.digest,
            layers: base.layers,
        }),
        os: scan.inventory.os.as_ref().map(|os| OwnOs {
            id: &os.id,
            version_id: &os.version_id,
            id_like: &os.id_like,
            pretty_name: &os.pretty_name,
            codename: &os.codename,
            path: &os.path,
        }),
        packages: scan.inventory.packages.len(),
        baseline: scan.baseline.as_ref().map(baseline),
        notices: scan.notices.iter().map(notice).collect(),
        advice: advice(scan),
    }
}

fn gap<'a>(gap: &'a Gap, stage: Option<&'static str>) -> JsonGap<'a> {
    JsonGap {
        reporter: &gap.reporter,
        reason: &gap.reason,
        stage,
        path: &gap.path,
        place: &gap.place,
        diff_id: gap.diff_id.as_deref(),
    }
}

fn baseline(baseline: &Baseline) -> JsonBaseline<'_> {
    JsonBaseline {
        name: &baseline.name,
        manifest_digest: &baseline.manifest_digest,
        database_digest: &baseline.database_digest,
        gone: baseline.gone.into(),
    }
}

fn notice(notice: &Notice) -> JsonNotice<'_> {
    JsonNotice { kind: notice.kind.as_str(), origin: &notice.origin, text: &notice.text }
}
