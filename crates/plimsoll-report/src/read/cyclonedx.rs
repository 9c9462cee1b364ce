//! CycloneDX JSON, 1.2 to 1.7.
//!
//! Source: CycloneDX JSON schemas 1.2 to 1.6.

use plimsoll_model::{Inventory, PackageKind, Purl};
use serde::Deserialize;

use super::collect::{Collector, Entry, Properties};
use super::lenient::{Many, One, Text};
use crate::cyclonedx::GAP_PROPERTY;

/// Component types that are no packages: without a package URL they are not missed.
const NO_PACKAGES: &[&str] = &["file", "data", "cryptographic-asset"];

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Document {
    metadata: One<Metadata>,
    components: Many<Component>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    component: One<Component>,
    properties: Many<Property>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Component {
    #[serde(rename = "type")]
    kind: Text,
    group: Text,
    name: Text,
    version: Text,
    purl: Text,
    supplier: One<Named>,
    licenses: Many<LicenseChoice>,
    properties: Many<Property>,
    evidence: One<Evidence>,
    components: Many<Component>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    name: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LicenseChoice {
    license: One<License>,
    expression: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct License {
    id: Text,
    name: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Property {
    name: Text,
    value: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Evidence {
    occurrences: Many<Occurrence>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Occurrence {
    location: Text,
}

pub(super) fn inventory(document: Document, name: &str) -> Inventory {
    let mut collector = Collector::new("cyclonedx", name);
    let mut lists = vec![document.components];
    if let Some(metadata) = document.metadata.0 {
        for property in metadata.properties.items {
            if property.name.as_str() == GAP_PROPERTY {
                collector.carried_gap(property.value.as_str());
            }
        }
        if let Some(mut root) = metadata.component.0 {
            lists.push(std::mem::take(&mut root.components));
            let entry = entry(root);
            if entry.kind == "operating-system" {
                collector.operating_system(&entry);
            }
            collector.root(&entry);
            // A bill of a program or library has that as its root: it is a package as well. An image is none.
            let purl = entry.purl.parse::<Purl>();
            if purl.is_ok_and(|purl| PackageKind::from_purl_type(&purl.kind).is_some()) {
                collector.component(entry);
            }
        }
    }
    // Components hold components: a list of lists instead of recursion.
    while let Some(list) = lists.pop() {
        collector.odd(list.odd);
        for mut component in list.items {
            let nested = std::mem::take(&mut component.components);
            if !nested.items.is_empty() || nested.odd > 0 {
                lists.push(nested);
            }
            add(&mut collector, entry(component));
        }
    }
    collector.inventory()
}

fn add(collector: &mut Collector, entry: Entry) {
    if entry.kind == "operating-system" {
        collector.operating_system(&entry);
        return;
    }
    // Trivy has a component for each lock file or binary, which holds packages and is none.
    let groups = entry.kind == "application" && entry.properties.get("aquasecurity:trivy:Class").is_some();
    if entry.purl.is_empty() && (groups || NO_PACKAGES.contains(&entry.kind.as_str())) {
        return;
    }
    collector.component(entry);
}

fn entry(component: Component) -> Entry {
    let licenses = component.licenses.items.into_iter().filter_map(|choice| {
        let license = choice.license.0.unwrap_or_default();
        [license.id, license.name, choice.expression]
            .into_iter()
            .map(|text| text.0)
            .find(|text| !text.is_empty())
    });
    let occurrence = component.evidence.0.and_then(|evidence| evidence.occurrences.items.into_iter().next());
    Entry {
        kind: component.kind.0,
        group: component.group.0,
        name: component.name.0,
        version: component.version.0,
        purl: component.purl.0,
        supplier: component.supplier.0.unwrap_or_default().name.0,
        licenses: licenses.collect(),
        source_info: String::new(),
        path: occurrence.unwrap_or_default().location.0,
        properties: Properties(
            component
                .properties
                .items
                .into_iter()
                .map(|property| (property.name.0, property.value.0))
                .collect(),
        ),
    }
}
