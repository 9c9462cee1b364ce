//! The JSON report as it is written, ours and Trivy's: every field may be missing.

use plimsoll_model::{Newness, NoticeKind, Outcome, Severity, SeverityCounts, SuppressionKind, Verdict};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::list::{fields, list};

macro_rules! objects {
    ($($(#[$meta:meta])* struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Default, Deserialize)]
            #[serde(default, rename_all = "PascalCase")]
            pub(super) struct $name { $($(#[$field_meta])* pub(super) $field: $type,)* }
        )*
    };
}

objects! {
    struct Document {
        artifact_name: String,
        artifact_type: String,
        metadata: Metadata,
        #[serde(deserialize_with = "list")]
        results: Vec<TargetResult>,
        trivy: Option<TrivyVersion>,
        plimsoll: Option<OwnReport>,
    }

    struct TrivyVersion {
        version: String,
    }

    struct Metadata {
        #[serde(rename = "OS")]
        os: Option<Os>,
        #[serde(rename = "ImageID")]
        image_id: String,
        #[serde(rename = "DiffIDs", deserialize_with = "list")]
        diff_ids: Vec<String>,
        #[serde(deserialize_with = "list")]
        repo_tags: Vec<String>,
        #[serde(deserialize_with = "list")]
        repo_digests: Vec<String>,
        image_config: Option<Box<RawValue>>,
        #[serde(deserialize_with = "list")]
        layers: Vec<MetadataLayer>,
    }

    struct Os {
        family: String,
        name: String,
    }

    struct MetadataLayer {
        size: u64,
        digest: String,
        #[serde(rename = "DiffID")]
        diff_id: String,
        created_by: String,
    }

    struct TargetResult {
        target: String,
        class: String,
        #[serde(rename = "Type")]
        kind: String,
        #[serde(deserialize_with = "list")]
        packages: Vec<JsonPackage>,
        #[serde(deserialize_with = "list")]
        vulnerabilities: Vec<Vulnerability>,
        #[serde(deserialize_with = "list")]
        experimental_modified_findings: Vec<ModifiedFinding>,
        #[serde(deserialize_with = "list")]
        misconfigurations: Vec<serde::de::IgnoredAny>,
        #[serde(deserialize_with = "list")]
        secrets: Vec<serde::de::IgnoredAny>,
        #[serde(deserialize_with = "list")]
        licenses: Vec<serde::de::IgnoredAny>,
    }

    struct JsonPackage {
        #[serde(rename = "ID")]
        id: String,
        name: String,
        identifier: Identifier,
        version: String,
        release: String,
        epoch: u32,
        arch: Option<String>,
        src_name: String,
        src_version: String,
        src_release: String,
        src_epoch: u32,
        #[serde(deserialize_with = "list")]
        licenses: Vec<String>,
        maintainer: Option<String>,
        #[serde(rename = "Modularitylabel")]
        module: Option<String>,
        relationship: Option<String>,
        layer: JsonLayer,
        file_path: String,
        plimsoll: Option<OwnPackage>,
    }

    struct Identifier {
        #[serde(rename = "PURL")]
        purl: String,
        #[serde(rename = "UID")]
        uid: String,
    }

    struct JsonLayer {
        #[serde(rename = "DiffID")]
        diff_id: String,
    }

    struct OwnPackage {
        index: Option<u64>,
        cataloger: String,
        path: String,
        inner_path: Option<String>,
        source: Option<JsonSource>,
        layer: Option<OwnLayer>,
        introduced_in: Option<OwnLayer>,
        owner: Option<JsonOwner>,
    }

    struct JsonSource {
        name: String,
        version: String,
    }

    struct OwnLayer {
        index: usize,
        #[serde(rename = "DiffID")]
        diff_id: String,
    }

    struct JsonOwner {
        #[serde(rename = "Type")]
        kind: String,
        name: String,
        version: String,
    }

    struct Vulnerability {
        #[serde(rename = "VulnerabilityID")]
        id: String,
        #[serde(rename = "VendorIDs", deserialize_with = "list")]
        vendor_ids: Vec<String>,
        #[serde(rename = "PkgID")]
        pkg_id: String,
        pkg_name: String,
        pkg_path: String,
        pkg_identifier: Identifier,
        installed_version: String,
        fixed_version: Option<String>,
        status: String,
        layer: JsonLayer,
        severity_source: String,
        title: String,
        description: String,
        severity: String,
        #[serde(rename = "CweIDs", deserialize_with = "list")]
        cwe_ids: Vec<String>,
        #[serde(deserialize_with = "fields")]
        vendor_severity: Vec<(String, u8)>,
        #[serde(rename = "CVSS", deserialize_with = "fields")]
        cvss: Vec<(String, Cvss)>,
        #[serde(deserialize_with = "list")]
        references: Vec<String>,
        published_date: String,
        last_modified_date: String,
        plimsoll: Option<OwnVulnerability>,
    }

    struct Cvss {
        #[serde(rename = "V2Vector")]
        v2_vector: String,
        #[serde(rename = "V3Vector")]
        v3_vector: String,
        #[serde(rename = "V40Vector")]
        v40_vector: String,
        #[serde(rename = "V2Score")]
        v2_score: Option<f64>,
        #[serde(rename = "V3Score")]
        v3_score: Option<f64>,
        #[serde(rename = "V40Score")]
        v40_score: Option<f64>,
    }

    struct OwnVulnerability {
        index: Option<u64>,
        severity: Severity,
        severity_from: SeverityFrom,
        #[serde(deserialize_with = "list")]
        aliases: Vec<String>,
        #[serde(deserialize_with = "list")]
        advisories: Vec<String>,
        risk: f64,
        #[serde(rename = "EPSS")]
        epss: Option<JsonEpss>,
        known_exploited: Option<KnownExploited>,
        malicious: bool,
        informational: Option<String>,
        fixed_since: String,
        new: Option<Newness>,
        ruling: Option<JsonRuling>,
        #[serde(deserialize_with = "list")]
        ratings: Vec<JsonRating>,
        #[serde(deserialize_with = "list")]
        reference_kinds: Vec<String>,
        #[serde(deserialize_with = "list")]
        places: Vec<Place>,
        #[serde(deserialize_with = "list")]
        evidence: Vec<JsonEvidence>,
    }

    struct SeverityFrom {
        kind: String,
        source: String,
        vector: String,
        score: f64,
    }

    struct JsonEpss {
        probability: f64,
        percentile: f64,
    }

    struct KnownExploited {
        #[serde(rename = "ID")]
        id: String,
        name: String,
        date_added: String,
        due_date: String,
        ransomware: bool,
    }

    struct JsonRuling {
        outcome: Outcome,
        rule: String,
        reason: String,
        due: Option<String>,
        #[serde(deserialize_with = "list")]
        notes: Vec<String>,
    }

    struct JsonRating {
        source: String,
        severity: Option<Severity>,
        vector: Option<String>,
        score: Option<f64>,
    }

    struct Place {
        index: Option<u64>,
    }

    struct JsonEvidence {
        advisory: String,
        source: String,
        namespace: String,
        name: String,
        version: String,
        range: String,
        fixed: Option<String>,
        note: String,
    }

    struct ModifiedFinding {
        #[serde(rename = "Type")]
        kind: String,
        status: String,
        statement: String,
        source: String,
        finding: Vulnerability,
        plimsoll: Option<OwnSuppression>,
    }

    struct OwnSuppression {
        kind: Option<SuppressionKind>,
        by: String,
        reason: String,
        remark: String,
        until: Option<String>,
        origin: String,
    }

    struct OwnReport {
        version: String,
        verdict: Verdict,
        #[serde(deserialize_with = "list")]
        rules: Vec<String>,
        counts: Counts,
        ignored_unfixed: Counts,
        #[serde(deserialize_with = "list")]
        undetermined: Vec<JsonUndetermined>,
        #[serde(deserialize_with = "list")]
        not_affected: Vec<JsonNotAffected>,
        #[serde(deserialize_with = "list")]
        gaps: Vec<JsonGap>,
        database: Database,
        manifest_digest: String,
        platform: Option<String>,
        created: String,
        base_image: Option<JsonBaseImage>,
        #[serde(rename = "OS")]
        os: Option<OwnOs>,
        baseline: Option<JsonBaseline>,
        #[serde(deserialize_with = "list")]
        notices: Vec<JsonNotice>,
        advice: Option<JsonAdvice>,
    }

    struct OwnOs {
        #[serde(rename = "ID")]
        id: String,
        #[serde(rename = "VersionID")]
        version_id: String,
        #[serde(rename = "IDLike", deserialize_with = "list")]
        id_like: Vec<String>,
        pretty_name: String,
        codename: String,
        path: String,
    }

    struct Database {
        digest: String,
        updated_at: String,
        newest_advisory: String,
        advisories: u64,
    }

    struct JsonUndetermined {
        #[serde(rename = "VulnerabilityID")]
        vulnerability_id: String,
        advisory: String,
        pkg_index: Option<u64>,
        reason: String,
    }

    struct JsonNotAffected {
        #[serde(rename = "VulnerabilityID")]
        vulnerability_id: String,
        advisory: String,
        pkg_index: Option<u64>,
        reason: String,
        #[serde(deserialize_with = "list")]
        overruled: Vec<String>,
    }

    struct JsonGap {
        reporter: String,
        reason: String,
        stage: String,
        path: String,
        place: String,
        #[serde(rename = "DiffID")]
        diff_id: Option<String>,
    }

    struct JsonBaseImage {
        name: String,
        digest: String,
        layers: usize,
    }

    struct JsonBaseline {
        name: String,
        manifest_digest: String,
        database_digest: String,
        gone: Counts,
    }

    struct JsonNotice {
        kind: Option<NoticeKind>,
        origin: String,
        text: String,
    }

    struct JsonAdvice {
        for_gate: bool,
        #[serde(deserialize_with = "list")]
        actions: Vec<JsonAction>,
        #[serde(deserialize_with = "list")]
        unfixable: Vec<NamedFinding>,
    }

    struct JsonAction {
        tool: String,
        title: String,
        path: String,
        #[serde(deserialize_with = "list")]
        lines: Vec<String>,
        #[serde(deserialize_with = "list")]
        upgrades: Vec<JsonUpgrade>,
        remark: String,
    }

    struct JsonUpgrade {
        name: String,
        from: String,
        to: String,
        #[serde(deserialize_with = "list")]
        packages: Vec<u64>,
        #[serde(deserialize_with = "list")]
        removes: Vec<NamedFinding>,
    }

    struct NamedFinding {
        index: Option<u64>,
    }
}

/// A number for each severity.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "UPPERCASE")]
pub(super) struct Counts {
    critical: usize,
    high: usize,
    medium: usize,
    low: usize,
    negligible: usize,
    unknown: usize,
}

impl From<Counts> for SeverityCounts {
    fn from(counts: Counts) -> Self {
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
