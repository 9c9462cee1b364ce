//! SPDX JSON, 2.2 and 2.3.
//!
//! Source: SPDX specification 2.3, sections 7 and 11; Trivy's and Syft's documents for annotations and `sourceInfo`.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::Inventory;
use serde::Deserialize;

use super::collect::{Collector, Entry, Properties, TRIVY};
use super::lenient::{Many, Text};

/// Words that stand for no licence.
const NO_LICENSE: &[&str] = &["", "NOASSERTION", "NONE"];

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Document {
    packages: Many<SpdxPackage>,
    files: Many<File>,
    relationships: Many<Relationship>,
    #[serde(rename = "documentDescribes")]
    describes: Option<Vec<Text>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SpdxPackage {
    #[serde(rename = "SPDXID")]
    id: Text,
    name: Text,
    version_info: Text,
    supplier: Text,
    source_info: Text,
    license_concluded: Text,
    license_declared: Text,
    primary_package_purpose: Text,
    external_refs: Many<ExternalReference>,
    annotations: Many<Annotation>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ExternalReference {
    reference_type: Text,
    reference_locator: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotation {
    comment: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct File {
    #[serde(rename = "SPDXID")]
    id: Text,
    #[serde(rename = "fileName")]
    name: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Relationship {
    #[serde(rename = "spdxElementId")]
    from: Text,
    #[serde(rename = "relationshipType")]
    kind: Text,
    #[serde(rename = "relatedSpdxElement")]
    to: Text,
}

pub(super) fn inventory(document: Document, name: &str) -> Inventory {
    let mut collector = Collector::new("spdx", name);
    let described = described(&document);
    let paths = paths(&document);
    collector.odd(document.packages.odd);
    for package in document.packages.items {
        let is_root = described.contains(package.id.as_str());
        let path = paths.get(package.id.as_str()).cloned().flatten().unwrap_or_default();
        let entry = entry(package, path);
        match entry.kind.as_str() {
            "operating-system" => collector.operating_system(&entry),
            _ if is_root && (entry.purl.is_empty() || entry.purl.starts_with("pkg:oci/")) => {
                collector.root(&entry);
            }
            // Trivy's packages for lock files and binaries, and files that stand as packages.
            "application" | "file" if entry.purl.is_empty() => {}
            _ => collector.component(entry),
        }
    }
    collector.inventory()
}

/// The elements that the document is about.
fn described(document: &Document) -> BTreeSet<String> {
    let named = document.describes.iter().flatten().map(|id| id.0.clone());
    let related = document.relationships.items.iter().filter(|relationship| {
        relationship.kind.as_str() == "DESCRIBES" && relationship.from.as_str() == "SPDXRef-DOCUMENT"
    });
    named.chain(related.map(|relationship| relationship.to.0.clone())).collect()
}

/// The file of each package that contains exactly one.
fn paths(document: &Document) -> BTreeMap<String, Option<String>> {
    let files: BTreeMap<&str, &str> =
        document.files.items.iter().map(|file| (file.id.as_str(), file.name.as_str())).collect();
    let mut paths: BTreeMap<String, Option<String>> = BTreeMap::new();
    for relationship in &document.relationships.items {
        if relationship.kind.as_str() != "CONTAINS" {
            continue;
        }
        if let Some(file) = files.get(relationship.to.as_str()) {
            let package = relationship.from.0.clone();
            paths.entry(package).and_modify(|path| *path = None).or_insert_with(|| Some((*file).to_owned()));
        }
    }
    paths
}

fn entry(package: SpdxPackage, path: String) -> Entry {
    let mut locators = package.external_refs.items.into_iter().filter(|reference| {
        reference.reference_type.as_str() == "purl"
            || reference.reference_locator.as_str().starts_with("pkg:")
    });
    let declared = [package.license_declared.0, package.license_concluded.0];
    let supplier = package.supplier.as_str();
    let supplier = supplier.strip_prefix("Organization: ").or_else(|| supplier.strip_prefix("Person: "));
    // Trivy's annotations are its properties, `PkgType: gobinary`, without the prefix they have in CycloneDX.
    let properties = package.annotations.items.iter().filter_map(|annotation| {
        let (name, value) = annotation.comment.as_str().split_once(": ")?;
        let name = if name.contains(':') { name.to_owned() } else { format!("{TRIVY}{name}") };
        Some((name, value.to_owned()))
    });
    Entry {
        // The specification writes `OPERATING-SYSTEM`, its JSON schema `OPERATING_SYSTEM`.
        kind: package.primary_package_purpose.0.to_lowercase().replace('_', "-"),
        group: String::new(),
        name: package.name.0,
        version: package.version_info.0,
        purl: locators.next().map(|reference| reference.reference_locator.0).unwrap_or_default(),
        supplier: supplier.unwrap_or("").to_owned(),
        licenses: declared
            .into_iter()
            .find(|text| !NO_LICENSE.contains(&text.as_str()))
            .into_iter()
            .collect(),
        source_info: package.source_info.0,
        path,
        properties: Properties(properties.collect()),
    }
}
