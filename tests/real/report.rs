//! Questions to the program's reports.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A report without what differs by nature between a registry, an archive, a layout and an engine: what the target is
/// called there, and how its manifest and layers are stored. Diff IDs, packages, findings and all else stay.
pub fn comparable(mut report: Value) -> Value {
    let name = report["ArtifactName"].as_str().expect("a report names its target").to_owned();
    remove(&mut report, "ArtifactName");
    let metadata = &mut report["Metadata"];
    for key in ["Size", "RepoTags", "RepoDigests"] {
        remove(metadata, key);
    }
    // Docker's archives and OCI's layouts each have their own form of the configuration.
    for key in ["ImageID", "ImageConfig"] {
        remove(metadata, key);
    }
    remove(&mut report["Plimsoll"], "ManifestDigest");
    drop_stored_form(&mut report);
    for result in report["Results"].as_array_mut().into_iter().flatten() {
        let target = result["Target"].as_str().unwrap_or("").replace(&name, "TARGET");
        result["Target"] = Value::String(target);
    }
    report
}

/// Removes digest and size of the stored, perhaps compressed, layer wherever its diff ID stands beside them.
fn drop_stored_form(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.contains_key("DiffID") {
                map.remove("Digest");
                map.remove("Size");
            }
            map.values_mut().for_each(drop_stored_form);
        }
        Value::Array(values) => values.iter_mut().for_each(drop_stored_form),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn remove(value: &mut Value, key: &str) {
    value.as_object_mut().expect("it is an object in every report").remove(key);
}

/// The findings of one `Type`: CVE, package and installed version.
pub fn findings(report: &Value, kind: &str) -> BTreeSet<(String, String, String)> {
    results(report, kind)
        .flat_map(|result| list(result, "Vulnerabilities"))
        .map(|finding| {
            (text(finding, "VulnerabilityID"), text(finding, "PkgName"), text(finding, "InstalledVersion"))
        })
        .collect()
}

/// The packages of one `Type`, whole.
pub fn packages<'a>(report: &'a Value, kind: &'a str) -> Vec<&'a Value> {
    results(report, kind).flat_map(|result| list(result, "Packages")).collect()
}

/// The package URLs in a CycloneDX bill, without qualifiers, by type: `npm` to `pkg:npm/lodash@4.17.15`.
pub fn purls(bill: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut purls: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for component in list(bill, "components") {
        if let Some(purl) = component["purl"].as_str() {
            let purl = purl.split(['?', '#']).next().expect("a split has a first part");
            let kind = purl.trim_start_matches("pkg:").split('/').next().expect("a split has a first part");
            purls.entry(kind.to_owned()).or_default().insert(purl.to_owned());
        }
    }
    purls
}

fn results<'a>(report: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    list(report, "Results").filter(move |result| result["Type"] == kind)
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value[key].as_array().into_iter().flatten()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or("").to_owned()
}
