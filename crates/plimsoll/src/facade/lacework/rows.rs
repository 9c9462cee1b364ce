//! Rows of an assessment: one flaw of one package in one layer, in the words of Lacework's API, version 2.
//!
//! Source: the API's reference, `Vulnerabilities/Containers`; which fields the command line reads, by its behaviour.

use std::collections::BTreeSet;

use plimsoll_model::{Finding, FixState, Package, Scan, Severity};
use plimsoll_store::layout::hex_digest;
use serde::{Deserialize, Serialize};

/// The status of a row that counts.
const VULNERABLE: &str = "VULNERABLE";
/// Who found it, in rows of ours.
const FEED: &str = "plimsoll";

/// Severities, the worst first, as rows write them.
pub(in crate::facade) const SEVERITIES: [&str; 5] = ["Critical", "High", "Medium", "Low", "Info"];

/// A row. Fields stand in the order of their names, as the command line prints them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::facade) struct Row {
    pub(in crate::facade) eval_ctx: EvalCtx,
    pub(in crate::facade) eval_guid: String,
    pub(in crate::facade) feature_key: FeatureKey,
    pub(in crate::facade) feature_props: FeatureProps,
    pub(in crate::facade) fix_info: FixInfo,
    pub(in crate::facade) image_id: String,
    pub(in crate::facade) severity: String,
    pub(in crate::facade) start_time: String,
    pub(in crate::facade) status: String,
    pub(in crate::facade) vuln_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::facade) struct EvalCtx {
    pub(in crate::facade) image_info: ImageInfo,
    pub(in crate::facade) is_reeval: bool,
    pub(in crate::facade) scan_request_props: ScanRequest,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::facade) struct ImageInfo {
    /// Milliseconds since 1970.
    pub(in crate::facade) created_time: i64,
    pub(in crate::facade) digest: String,
    pub(in crate::facade) id: String,
    pub(in crate::facade) registry: String,
    pub(in crate::facade) repo: String,
    /// Bytes.
    pub(in crate::facade) size: u64,
    pub(in crate::facade) status: String,
    pub(in crate::facade) tags: Vec<String>,
    #[serde(rename = "type")]
    pub(in crate::facade) kind: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::facade) struct ScanRequest {
    #[serde(rename = "reqId")]
    pub(in crate::facade) request_id: String,
    pub(in crate::facade) scanner_version: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::facade) struct FeatureKey {
    pub(in crate::facade) name: String,
    pub(in crate::facade) namespace: String,
    pub(in crate::facade) version: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::facade) struct FeatureProps {
    pub(in crate::facade) feed: String,
    pub(in crate::facade) introduced_in: String,
    pub(in crate::facade) layer: String,
    pub(in crate::facade) src: String,
    pub(in crate::facade) version_format: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::facade) struct FixInfo {
    pub(in crate::facade) compare_result: i64,
    pub(in crate::facade) fix_available: i64,
    pub(in crate::facade) fixed_version: String,
}

impl Row {
    /// Whether it is a flaw; a package without one may have a row too.
    pub(in crate::facade) fn is_vulnerable(&self) -> bool {
        self.status == VULNERABLE
    }

    pub(in crate::facade) fn is_fixable(&self) -> bool {
        self.fix_info.fix_available == 1
    }

    /// Its severity's place in [`SEVERITIES`], from 1; 0 for another word.
    pub(in crate::facade) fn rank(&self) -> usize {
        SEVERITIES.iter().position(|word| word.eq_ignore_ascii_case(&self.severity)).map_or(0, |at| at + 1)
    }
}

/// What an image was asked for by.
#[derive(Clone, Copy, Debug)]
pub(in crate::facade) struct Asked<'a> {
    pub(in crate::facade) registry: &'a str,
    pub(in crate::facade) repository: &'a str,
    /// A tag, or a digest.
    pub(in crate::facade) tag: &'a str,
    /// When the call was made, RFC 3339.
    pub(in crate::facade) instant: &'a str,
}

/// What is printed of the image, whether it has flaws or not.
pub(in crate::facade) fn context(scan: &Scan, asked: &Asked<'_>) -> EvalCtx {
    let artifact = &scan.inventory.artifact;
    let created: Option<jiff::Timestamp> = artifact.created.parse().ok();
    let tags = if asked.tag.starts_with("sha256:") {
        artifact.repo_tags.iter().filter_map(|name| Some(name.rsplit_once(':')?.1.to_owned())).collect()
    } else {
        vec![asked.tag.to_owned()]
    };
    EvalCtx {
        image_info: ImageInfo {
            created_time: created.map_or(0, jiff::Timestamp::as_millisecond),
            digest: artifact.manifest_digest.clone(),
            id: artifact.config_digest.clone(),
            registry: asked.registry.to_owned(),
            repo: asked.repository.to_owned(),
            size: artifact.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.size_bytes)),
            status: "Success".to_owned(),
            tags,
            kind: "Docker".to_owned(),
        },
        is_reeval: false,
        scan_request_props: ScanRequest {
            request_id: request_id(scan),
            scanner_version: env!("CARGO_PKG_VERSION").to_owned(),
        },
    }
}

/// The name of an assessment: the same image and database have the same.
fn evaluation(scan: &Scan) -> String {
    let artifact = &scan.inventory.artifact;
    let parts = [&artifact.manifest_digest, &artifact.config_digest, &artifact.name, &scan.database.digest];
    hex_digest(parts.map(String::as_str).join("\n").as_bytes())[..32].to_owned()
}

/// The same in the form of a request's name.
fn request_id(scan: &Scan) -> String {
    let hex = evaluation(scan);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The rows of a scan, the worst first. Of a scan without findings there are none.
pub(in crate::facade) fn rows(scan: &Scan, asked: &Asked<'_>) -> Vec<Row> {
    let context = context(scan, asked);
    let guid = evaluation(scan);
    let mut rows = Vec::new();
    for finding in &scan.findings {
        let mut layers = BTreeSet::new();
        for package in finding.packages.iter().filter_map(|&index| scan.inventory.packages.get(index)) {
            let layer = package.introduced_in.as_ref().or(package.layer.as_ref());
            // The same package in the same layer is one row, however many files tell of it.
            if layers.insert((layer.map(|layer| layer.index), &package.name, &package.version)) {
                rows.push(row(scan, finding, package, &context, &guid, asked.instant));
            }
        }
    }
    rows.sort_by(|a, b| order(a).cmp(&order(b)));
    rows
}

fn order(row: &Row) -> (usize, &str, &str, &str) {
    let rank = if row.rank() == 0 { usize::MAX } else { row.rank() };
    (rank, &row.feature_key.name, &row.vuln_id, &row.feature_key.version)
}

fn row(
    scan: &Scan,
    finding: &Finding,
    package: &Package,
    context: &EvalCtx,
    guid: &str,
    instant: &str,
) -> Row {
    let layer = package.introduced_in.as_ref().or(package.layer.as_ref());
    let info = layer.and_then(|layer| scan.inventory.artifact.layers.get(layer.index));
    let fixed = match &finding.fix {
        FixState::Fixed(version) => version.clone(),
        _ => String::new(),
    };
    let namespace = match &scan.inventory.os {
        Some(os) if package.kind.is_os() => format!("{}:{}", os.id, os.version_id),
        _ => package.kind.purl_type().to_owned(),
    };
    Row {
        eval_ctx: context.clone(),
        eval_guid: guid.to_owned(),
        feature_key: FeatureKey { name: package.name.clone(), namespace, version: package.version.clone() },
        feature_props: FeatureProps {
            feed: FEED.to_owned(),
            introduced_in: info.map(|info| info.created_by.clone()).unwrap_or_default(),
            layer: layer.map(|layer| layer.diff_id.clone()).unwrap_or_default(),
            src: package.path.clone(),
            version_format: package.kind.purl_type().to_owned(),
        },
        fix_info: FixInfo {
            compare_result: 1,
            fix_available: i64::from(!fixed.is_empty()),
            fixed_version: fixed,
        },
        image_id: scan.inventory.artifact.config_digest.clone(),
        severity: word(finding.severity.severity).to_owned(),
        start_time: instant.to_owned(),
        status: VULNERABLE.to_owned(),
        vuln_id: finding.id.clone(),
    }
}

/// Five words, of which the last also stands for what nobody has rated.
pub(in crate::facade) fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "Critical",
        Severity::High => "High",
        Severity::Medium => "Medium",
        Severity::Low => "Low",
        Severity::Negligible | Severity::Unknown => "Info",
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{Inventory, Layer, LayerInfo, PackageKind};

    use super::*;

    fn scan() -> Scan {
        let mut inventory = Inventory::default();
        inventory.artifact.manifest_digest = "sha256:aa".to_owned();
        inventory.artifact.config_digest = "sha256:bb".to_owned();
        inventory.artifact.created = "2026-01-01T00:00:00Z".to_owned();
        for (index, line) in ["FROM base", "RUN install"].into_iter().enumerate() {
            inventory.artifact.layers.push(LayerInfo {
                diff_id: format!("sha256:{index}"),
                digest: String::new(),
                size_bytes: 1000,
                created_by: line.to_owned(),
            });
        }
        for (name, index) in [("openssl", 0), ("openssl", 1), ("openssl", 1), ("zlib", 1)] {
            let mut package = Package::new(PackageKind::Npm, name, "1", "test");
            package.layer = Some(Layer { diff_id: format!("sha256:{index}"), index });
            inventory.packages.push(package);
        }
        let mut first = Finding::new("CVE-1", vec![0, 1, 2]);
        first.severity.severity = Severity::Low;
        first.fix = FixState::Fixed("2".to_owned());
        let mut second = Finding::new("CVE-2", vec![3]);
        second.severity.severity = Severity::Critical;
        Scan { inventory, findings: vec![first, second], ..Scan::default() }
    }

    const ASKED: Asked<'_> =
        Asked { registry: "r", repository: "team/app", tag: "1", instant: "2026-01-02T00:00:00Z" };

    #[test]
    fn a_flaw_is_a_row_for_each_layer_that_has_the_package() {
        let rows = rows(&scan(), &ASKED);
        let lines: Vec<String> = rows
            .iter()
            .map(|row| {
                let (key, props) = (&row.feature_key, &row.feature_props);
                format!(
                    "{} {} {} {} {}",
                    row.severity,
                    row.vuln_id,
                    key.name,
                    props.introduced_in,
                    row.is_fixable()
                )
            })
            .collect();
        assert_eq!(
            lines,
            [
                "Critical CVE-2 zlib RUN install false",
                "Low CVE-1 openssl FROM base true",
                "Low CVE-1 openssl RUN install true"
            ]
        );
        let info = &rows[0].eval_ctx.image_info;
        assert_eq!(
            (info.size, info.created_time, info.tags.as_slice()),
            (2000, 1_767_225_600_000, &["1".to_owned()][..])
        );
    }

    #[test]
    fn keys_stand_in_the_order_of_their_names() {
        let text = serde_json::to_string(&rows(&scan(), &ASKED)[0]).unwrap();
        let keys = [
            "evalCtx",
            "evalGuid",
            "featureKey",
            "featureProps",
            "fixInfo",
            "imageId",
            "severity",
            "startTime",
            "status",
            "vulnId",
        ];
        let places: Vec<usize> = keys.iter().map(|key| text.rfind(&format!("\"{key}\"")).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
    }

    #[test]
    fn rows_of_a_server_are_read_with_what_they_lack() {
        let text =
            r#"{"vulnId": "CVE-1", "severity": "high", "status": "VULNERABLE", "fixInfo": null, "more": {}}"#;
        assert!(serde_json::from_str::<Row>(text).is_err());
        let text = r#"{"vulnId": "CVE-1", "severity": "high", "status": "VULNERABLE", "more": {}}"#;
        let row: Row = serde_json::from_str(text).unwrap();
        assert_eq!((row.rank(), row.is_vulnerable(), row.is_fixable()), (2, true, false));
    }

    #[test]
    fn requests_have_the_form_of_uuids() {
        let id = request_id(&scan());
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    }
}
