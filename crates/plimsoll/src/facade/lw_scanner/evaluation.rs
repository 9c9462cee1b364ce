//! The result that Lacework's inline scanner leaves in a file, as pipelines read it.
//!
//! Source: what public pipelines read of it; the shape of scanner 0.2.2 and later.

use std::collections::BTreeMap;

use plimsoll_model::{Finding, RatingScale, Scan};
use plimsoll_store::layout::hex_digest;
use serde_json::{Map, Value, json};

use super::super::lacework::rows::{ImageInfo, Row, SEVERITIES};
use super::super::words::Given;

/// Digits of the result's name.
const NAME_DIGITS: usize = 32;

/// The digest that names the image: its manifest's, else its config's.
pub(super) fn digest(scan: &Scan) -> &str {
    let artifact = &scan.inventory.artifact;
    let own =
        [&artifact.manifest_digest, &artifact.config_digest].into_iter().find(|digest| !digest.is_empty());
    own.map_or("", String::as_str)
}

/// The result's name: that of the image and of the database.
pub(super) fn name(scan: &Scan) -> String {
    let text = format!("{}\n{}", digest(scan), scan.database.digest);
    hex_digest(text.as_bytes())[..NAME_DIGITS].to_owned()
}

/// The whole.
pub(super) fn document(given: &Given, scan: &Scan, image: &ImageInfo, rows: &[Row], instant: &str) -> Value {
    let mut counts: Map<String, Value> = SEVERITIES
        .iter()
        .map(|severity| {
            let count = rows.iter().filter(|row| row.severity == *severity).count();
            (format!("{}_vulnerabilities", severity.to_lowercase()), count.into())
        })
        .collect();
    let fixable = rows.iter().filter(|row| row.is_fixable()).count();
    counts.insert("fixable_vulnerabilities".to_owned(), fixable.into());
    counts.insert("total_vulnerabilities".to_owned(), rows.len().into());
    counts.insert("total_exceptions".to_owned(), scan.suppressed.len().into());
    counts.insert("last_evaluation_time".to_owned(), instant.into());
    counts.insert("scan_status".to_owned(), "Success".into());
    counts.insert(
        "image".to_owned(),
        json!({
            "image_info": {
                "created_time": scan.inventory.artifact.created,
                "image_digest": image.digest,
                "image_id": image.id,
                "registry": image.registry,
                "repository": image.repo,
                "size": image.size,
                "tags": image.tags,
            },
            "image_layers": layers(scan, rows),
        }),
    );
    // What it does not have stands under a key of ours.
    let own = json!({
        "BuildID": given.text("build-id"),
        "BuildPlan": given.text("build-plan"),
        "Tags": given.list("tags"),
        "Database": scan.database.digest,
        "Verdict": crate::store::verdict_word(scan),
        "Undetermined": scan.undetermined.len(),
        "Gaps": scan.inventory.gaps.len() + scan.match_gaps.len(),
    });
    json!({ "cve": counts, "policy": Value::Null, "Plimsoll": own })
}

/// Layers with their packages; those without flaws have none.
fn layers(scan: &Scan, rows: &[Row]) -> Vec<Value> {
    let findings: BTreeMap<&str, &Finding> =
        scan.findings.iter().map(|finding| (finding.id.as_str(), finding)).collect();
    let packages = |hash: &str| {
        let mut packages: BTreeMap<(&str, &str, &str), Vec<Value>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.feature_props.layer == hash) {
            let key = &row.feature_key;
            let flaw = findings.get(row.vuln_id.as_str());
            packages
                .entry((&key.namespace, &key.name, &key.version))
                .or_default()
                .push(vulnerability(row, flaw.copied()));
        }
        let package = |((namespace, name, version), flaws): ((&str, &str, &str), Vec<Value>)| json!({ "name": name, "namespace": namespace, "version": version, "vulnerabilities": flaws });
        packages.into_iter().map(package).collect::<Vec<_>>()
    };
    let own = &scan.inventory.artifact.layers;
    let mut layers: Vec<Value> = own
        .iter()
        .map(|layer| {
            json!({ "hash": layer.diff_id, "created_by": layer.created_by, "packages": packages(&layer.diff_id) })
        })
        .collect();
    // Nothing may be lost that stands in no layer that is known.
    let elsewhere: Vec<&str> = rows
        .iter()
        .map(|row| row.feature_props.layer.as_str())
        .filter(|hash| own.iter().all(|layer| layer.diff_id != *hash))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    layers.extend(
        elsewhere
            .into_iter()
            .map(|hash| json!({ "hash": hash, "created_by": "", "packages": packages(hash) })),
    );
    layers
}

fn vulnerability(row: &Row, finding: Option<&Finding>) -> Value {
    let home = if row.vuln_id.starts_with("CVE-") {
        "https://nvd.nist.gov/vuln/detail/"
    } else {
        "https://osv.dev/vulnerability/"
    };
    let link = finding
        .and_then(|finding| finding.references.first())
        .map_or_else(|| format!("{home}{}", row.vuln_id), |reference| reference.url.clone());
    let description = finding.map_or("", |finding| {
        if finding.description.is_empty() { &finding.title } else { &finding.description }
    });
    json!({
        "name": row.vuln_id,
        "description": description,
        "severity": row.severity,
        "link": link,
        "fix_version": row.fix_info.fixed_version,
        "status": row.status,
        "metadata": finding.map_or(Value::Null, metadata),
    })
}

/// Vectors, the first of each version; `null` where there are none.
fn metadata(finding: &Finding) -> Value {
    let mut scores = Map::new();
    for rating in &finding.ratings {
        let RatingScale::Cvss(vector) = &rating.scale else { continue };
        let version = match vector.get(..6) {
            Some("CVSS:3") => "CVSSv3",
            Some("CVSS:4") => continue,
            _ => "CVSSv2",
        };
        let score = finding_score(vector);
        scores.entry(version).or_insert_with(|| json!({ "Score": score, "Vectors": vector }));
    }
    if scores.is_empty() { Value::Null } else { json!({ "NVD": scores }) }
}

/// The base score of a vector; 0 where it cannot be read, as there.
fn finding_score(vector: &str) -> f64 {
    plimsoll_cvss::score(vector).map_or(0.0, |scored| f64::from(scored.score.tenths()) / 10.0)
}
