//! SPDX 2.3, JSON.
//!
//! The inventory. What makes a package match stands in annotations, under the names that the CycloneDX document has
//! for it, so that [`crate::read_sbom`] gives the same packages back. Gaps are annotations of the document.
//!
//! A licence that is no expression of known identifiers is a `LicenseRef-…` with its text.
//!
//! Source: SPDX specification 2.3 and its JSON schema.

#![expect(clippy::struct_field_names, reason = "the names are the specification's")]

mod license;

use std::collections::BTreeMap;
use std::io::Write;

use plimsoll_model::{ArtifactKind, Inventory, Package};
use serde::Serialize;

use crate::cyclonedx::{
    GAP_PROPERTY, artifact_properties, oci_purl, package_properties, package_purl, system_properties,
};
use crate::facts;
use crate::format::{Report, ReportFormat, checked_instant, write_document};
use crate::targets::family;
use crate::terminal::printable;
use crate::{Error, VERSION};
use license::{License, Licenses};

/// The format's entry.
pub(crate) const FORMAT: ReportFormat = ReportFormat {
    name: "spdx",
    extension: "spdx.json",
    media_type: "application/spdx+json",
    summary: "SPDX 2.3 SBOM: packages, without findings",
    needs_instant: true,
    needs_context: false,
    shows_findings: false,
    write,
};

/// The format's name in errors.
const NAME: &str = "SPDX";

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const ROOT: &str = "SPDXRef-Artifact";
const SYSTEM: &str = "SPDXRef-OperatingSystem";
const NONE: &str = "NOASSERTION";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: String,
    document_namespace: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    comment: String,
    creation_info: CreationInfo<'a>,
    packages: Vec<SpdxPackage<'a>>,
    relationships: Vec<Relationship>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    has_extracted_licensing_infos: Vec<License>,
}

#[derive(Serialize)]
struct CreationInfo<'a> {
    created: &'a str,
    creators: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpdxPackage<'a> {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    version_info: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    supplier: String,
    download_location: &'static str,
    files_analyzed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Checksum<'a>>,
    #[serde(skip_serializing_if = "String::is_empty")]
    source_info: String,
    license_concluded: &'static str,
    license_declared: String,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<ExternalReference>,
    primary_package_purpose: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum<'a> {
    algorithm: &'static str,
    checksum_value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalReference {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Annotation<'a> {
    annotation_date: &'a str,
    annotation_type: &'static str,
    annotator: String,
    comment: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: &'static str,
    relationship_type: &'static str,
    related_spdx_element: String,
}

fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), Error> {
    write_inventory(&report.scan.inventory, report.instant(NAME)?, report.tool_version, out)
}

/// Writes the packages, the distribution and the gaps of an inventory as SPDX 2.3, with a line break at the end.
/// `created`: the instant that the document must have, as in [`Report::created`].
///
/// # Errors
/// [`Error::Invalid`] for another form of instant, [`Error::Write`] where the output takes no more.
pub fn write_spdx(inventory: &Inventory, created: &str, out: &mut dyn Write) -> Result<(), Error> {
    write_inventory(inventory, checked_instant(NAME, created)?, VERSION, out)
}

fn write_inventory(
    inventory: &Inventory,
    created: &str,
    tool_version: &str,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let tool = format!("Tool: plimsoll-{}", printable(tool_version));
    let annotate = |properties: Vec<(String, String)>| -> Vec<Annotation<'_>> {
        properties
            .into_iter()
            .map(|(name, value)| Annotation {
                annotation_date: created,
                annotation_type: "OTHER",
                annotator: tool.clone(),
                comment: format!("{name}: {value}"),
            })
            .collect()
    };
    let mut licenses = Licenses::default();
    let mut packages = vec![root(inventory, &annotate)];
    let mut relationships = vec![Relationship {
        spdx_element_id: DOCUMENT,
        relationship_type: "DESCRIBES",
        related_spdx_element: ROOT.to_owned(),
    }];
    if let Some(os) = &inventory.os {
        packages.push(SpdxPackage {
            version_info: &os.version_id,
            annotations: annotate(system_properties(os)),
            ..package(SYSTEM.to_owned(), family(os), "OPERATING_SYSTEM")
        });
        relationships.push(contains(ROOT, SYSTEM.to_owned()));
    }
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for package in &inventory.packages {
        let id = identifier(inventory, package, &mut taken);
        let parent = if package.kind.is_os() && inventory.os.is_some() { SYSTEM } else { ROOT };
        relationships.push(contains(parent, id.clone()));
        packages.push(library(inventory, package, id, &mut licenses, &annotate));
    }
    let gaps = inventory.gaps.iter().filter_map(|gap| serde_json::to_string(gap).ok());
    let mut document = Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: DOCUMENT,
        name: name_of(inventory),
        document_namespace: String::new(),
        comment: if inventory.gaps.is_empty() {
            String::new()
        } else {
            format!("incomplete: {} could not be read, see the annotations", inventory.gaps.len())
        },
        creation_info: CreationInfo { created, creators: vec![tool.clone()] },
        packages,
        relationships,
        annotations: annotate(gaps.map(|gap| (GAP_PROPERTY.to_owned(), gap)).collect()),
        has_extracted_licensing_infos: licenses.all(),
    };
    let content = serde_json::to_string(&document)
        .map_err(|error| Error::Write { format: NAME, source: error.into() })?;
    document.document_namespace =
        format!("https://spdx.org/spdxdocs/plimsoll-{}", facts::uuid(&facts::hash(&[&content])));
    write_document(NAME, &document, out)
}

fn name_of(inventory: &Inventory) -> String {
    let name = &inventory.artifact.name;
    if name.is_empty() { "unnamed".to_owned() } else { printable(name).into_owned() }
}

fn contains(parent: &'static str, child: String) -> Relationship {
    Relationship { spdx_element_id: parent, relationship_type: "CONTAINS", related_spdx_element: child }
}

/// A package with nothing said of it.
fn package<'a>(id: String, name: &str, purpose: &'static str) -> SpdxPackage<'a> {
    SpdxPackage {
        id,
        // The schema wants a name.
        name: if name.is_empty() { "unnamed".to_owned() } else { name.to_owned() },
        version_info: "",
        supplier: String::new(),
        download_location: NONE,
        files_analyzed: false,
        checksums: Vec::new(),
        source_info: String::new(),
        license_concluded: NONE,
        license_declared: NONE.to_owned(),
        copyright_text: NONE,
        external_refs: Vec::new(),
        primary_package_purpose: purpose,
        annotations: Vec::new(),
    }
}

fn root<'a>(
    inventory: &'a Inventory,
    annotate: &dyn Fn(Vec<(String, String)>) -> Vec<Annotation<'a>>,
) -> SpdxPackage<'a> {
    let artifact = &inventory.artifact;
    let purpose = match artifact.kind {
        ArtifactKind::ContainerImage => "CONTAINER",
        ArtifactKind::Filesystem | ArtifactKind::Sbom => "APPLICATION",
    };
    let sha256 = artifact.manifest_digest.strip_prefix("sha256:");
    SpdxPackage {
        version_info: &artifact.manifest_digest,
        checksums: sha256
            .map(|value| Checksum { algorithm: "SHA256", checksum_value: value })
            .into_iter()
            .collect(),
        external_refs: oci_purl(artifact).map(|purl| purl_reference(purl.to_string())).into_iter().collect(),
        annotations: annotate(artifact_properties(artifact)),
        ..package(ROOT.to_owned(), &artifact.name, purpose)
    }
}

fn library<'a>(
    inventory: &'a Inventory,
    given: &'a Package,
    id: String,
    licenses: &mut Licenses,
    annotate: &dyn Fn(Vec<(String, String)>) -> Vec<Annotation<'a>>,
) -> SpdxPackage<'a> {
    let supplier = given.vendor.as_deref().map(printable).filter(|vendor| !vendor.trim().is_empty());
    SpdxPackage {
        version_info: &given.version,
        supplier: supplier
            .map_or_else(|| NONE.to_owned(), |vendor| format!("Organization: {}", vendor.trim())),
        source_info: given.source.as_ref().map_or_else(String::new, |source| {
            format!("built package from: {} {}", source.name, source.version)
        }),
        license_declared: licenses.expression(&given.licenses),
        external_refs: vec![purl_reference(package_purl(inventory, given).to_string())],
        annotations: annotate(package_properties(inventory, given)),
        ..package(id, &given.name, "LIBRARY")
    }
}

fn purl_reference(purl: String) -> ExternalReference {
    ExternalReference {
        reference_category: "PACKAGE-MANAGER",
        reference_type: "purl",
        reference_locator: purl,
    }
}

/// `SPDXRef-Package-deb-0123456789abcdef`: of package URL and place, numbered where several have both.
fn identifier(inventory: &Inventory, package: &Package, taken: &mut BTreeMap<String, usize>) -> String {
    let purl = package_purl(inventory, package).to_string();
    let inner = package.inner_path.as_deref().unwrap_or("");
    let hash = facts::hash(&[&purl, &package.path, inner]);
    let id = format!("SPDXRef-Package-{}-{}", package.kind.purl_type(), &hash[..16]);
    let number = taken.entry(id.clone()).or_default();
    *number += 1;
    if *number == 1 { id } else { format!("{id}-{number}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use expect_test::expect_file;
    use serde_json::Value;

    use super::*;
    use crate::sample;

    fn text(scan: &plimsoll_model::Scan) -> String {
        sample::written(scan, write)
    }

    #[test]
    fn golden_document() {
        expect_file!["../testdata/golden/sbom.spdx.json"].assert_eq(&text(&sample::scan()));
    }

    #[test]
    fn it_is_read_as_the_inventory_that_it_was_written_from() {
        let mut scan = sample::scan();
        scan.inventory.packages[8].direct = Some(true);
        scan.inventory.packages[9].direct = Some(false);
        let read = crate::read_sbom(&mut text(&scan).as_bytes(), "a").unwrap();
        let key = |package: &Package| {
            (
                package.kind,
                package.name.clone(),
                package.version.clone(),
                package.path.clone(),
                package.source.clone(),
                package.direct,
            )
        };
        let mut one: Vec<_> = read.packages.iter().map(key).collect();
        let mut other: Vec<_> = scan.inventory.packages.iter().map(key).collect();
        one.sort();
        other.sort();
        assert_eq!(one, other);
        assert_eq!(read.os.map(|os| os.id), scan.inventory.os.map(|os| os.id));
    }

    #[test]
    fn identifiers_are_unique_and_every_related_element_is_there() {
        let mut scan = sample::scan();
        let twin = scan.inventory.packages[0].clone();
        scan.inventory.packages.push(twin);
        let document: Value = serde_json::from_str(&text(&scan)).unwrap();
        let mut ids = BTreeSet::from(["SPDXRef-DOCUMENT"]);
        for package in document["packages"].as_array().unwrap() {
            assert!(ids.insert(package["SPDXID"].as_str().unwrap()), "{package}");
        }
        for relationship in document["relationships"].as_array().unwrap() {
            assert!(ids.contains(relationship["relatedSpdxElement"].as_str().unwrap()));
        }
    }
}
