//! CycloneDX 1.6, JSON.
//!
//! What makes a package match is written three times: for [`crate::read_sbom`], under `plimsoll:` names; for Trivy,
//! under `aquasecurity:trivy:` names; for Syft and Grype, under `syft:` names and as `upstream` in the package URL. An
//! SBOM of an image then gives the findings that the image gives, whoever reads it.
//!
//! There is no `timestamp`, and `serialNumber` is made of the content: the same inventory gives the same bytes.
//!
//! Source: CycloneDX 1.6 JSON schema; Trivy's and Syft's documents for the property names.

mod component;
mod vulnerability;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;

use plimsoll_model::{Artifact, ArtifactKind, Inventory, OsRelease, Package, Purl, Verdict};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::format::{Report, ReportFormat};
use crate::judgement;
use crate::targets::family;
use crate::{Error, VERSION, safe_json};
use component::{Component, Property, properties};
pub(crate) use vulnerability::says_code_is_not_present;

/// Property of `metadata` that holds one gap as JSON.
pub(crate) const GAP_PROPERTY: &str = "plimsoll:gap";

/// `bom-ref` of the operating system.
const OS_REFERENCE: &str = "operating-system";

/// The format's entry.
pub(crate) const FORMAT: ReportFormat = ReportFormat {
    name: "cyclonedx",
    extension: "cdx.json",
    media_type: "application/vnd.cyclonedx+json; version=1.6",
    summary: "CycloneDX 1.6 SBOM: packages, without findings",
    needs_instant: false,
    needs_context: false,
    shows_findings: false,
    write: |report, out| write_bom(bom(&report.scan.inventory, report.tool_version), out),
};

/// The entry of the same document with vulnerabilities.
pub(crate) const VEX_FORMAT: ReportFormat = ReportFormat {
    name: "cyclonedx-vex",
    extension: "vex.cdx.json",
    media_type: "application/vnd.cyclonedx+json; version=1.6",
    summary: "CycloneDX 1.6 SBOM with vulnerabilities and their analysis",
    needs_instant: false,
    needs_context: false,
    shows_findings: true,
    write: write_vex,
};

/// Property of `metadata` that holds one gap of the matching as JSON. A reader of packages does not ask for it.
const MATCH_GAP_PROPERTY: &str = "plimsoll:match_gap";

/// Writes packages, vulnerabilities and what is known of each: not affected, or not decided yet.
fn write_vex(report: &Report<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let scan = report.scan;
    let mut bom = bom(&scan.inventory, report.tool_version);
    let references = references(&scan.inventory, &bom.metadata.component.reference);
    bom.vulnerabilities = vulnerability::all(scan, &references);
    bom.metadata.timestamp = report.optional_instant("CycloneDX")?;
    for gap in &scan.match_gaps {
        if let Ok(value) = serde_json::to_string(gap) {
            bom.metadata.properties.push(Property { name: MATCH_GAP_PROPERTY.to_owned(), value });
        }
    }
    let mut list = properties();
    list.add("plimsoll:database_digest", &scan.database.digest);
    list.add(
        "plimsoll:verdict",
        match scan.decision.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::Undecided => "undecided",
        },
    );
    for rule in &scan.decision.rules {
        list.add("plimsoll:rule", rule);
    }
    list.add("plimsoll:baseline", judgement::baseline_words(scan).as_deref().unwrap_or(""));
    for notice in &scan.notices {
        list.add("plimsoll:notice", &judgement::notice_line(notice));
    }
    bom.metadata.properties.extend(list.0);
    write_bom(bom, out)
}

fn write_bom(bom: Bom<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let fail = |source| Error::Write { format: "CycloneDX", source };
    let text = numbered(bom).map_err(|error| fail(error.into()))?;
    out.write_all(&text).map_err(fail)
}

/// Writes the packages, the distribution and the gaps of an inventory as CycloneDX 1.6, with a line break at the end.
///
/// # Errors
/// [`Error::Write`] where the output takes no more.
pub fn write_cyclonedx(inventory: &Inventory, out: &mut dyn Write) -> Result<(), Error> {
    write_bom(bom(inventory, VERSION), out)
}

/// The document as text, with its serial number.
fn numbered(mut bom: Bom<'_>) -> Result<Vec<u8>, serde_json::Error> {
    let serial = serial_number(serde_json::to_string(&bom)?.as_bytes());
    bom.serial_number = Some(serial);
    let mut text = Vec::new();
    safe_json::write(&mut text, &bom)?;
    text.push(b'\n');
    Ok(text)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bom<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    #[serde(rename = "bomFormat")]
    format: &'static str,
    spec_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial_number: Option<String>,
    version: u32,
    metadata: Metadata<'a>,
    components: Vec<Component<'a>>,
    dependencies: Vec<Dependency>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    compositions: Vec<Composition>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vulnerabilities: Vec<vulnerability::Vulnerability<'a>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<&'a str>,
    tools: Tools<'a>,
    component: Component<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Tools<'a> {
    components: Vec<Tool<'a>>,
}

#[derive(Serialize)]
struct Tool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
    version: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    depends_on: Vec<String>,
}

#[derive(Serialize)]
struct Composition {
    aggregate: &'static str,
    assemblies: Vec<String>,
}

fn bom<'a>(inventory: &'a Inventory, version: &'a str) -> Bom<'a> {
    let root = root(&inventory.artifact);
    let root_reference = root.reference.clone();
    let references = references(inventory, &root_reference);
    let mut components = Vec::with_capacity(inventory.packages.len() + 1);
    components.extend(inventory.os.as_ref().map(operating_system));
    for (package, reference) in inventory.packages.iter().zip(&references) {
        components.push(component::of_package(inventory, package, reference.clone()));
    }
    Bom {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        format: "CycloneDX",
        spec_version: "1.6",
        serial_number: None,
        version: 1,
        metadata: Metadata {
            timestamp: None,
            tools: Tools { components: vec![Tool { kind: "application", name: "plimsoll", version }] },
            component: root,
            properties: inventory
                .gaps
                .iter()
                .filter_map(|gap| serde_json::to_string(gap).ok())
                .map(|gap| Property { name: GAP_PROPERTY.to_owned(), value: gap })
                .collect(),
        },
        components,
        dependencies: dependencies(inventory, &root_reference, &references),
        compositions: if inventory.gaps.is_empty() {
            Vec::new()
        } else {
            vec![Composition { aggregate: "incomplete", assemblies: vec![root_reference] }]
        },
        vulnerabilities: Vec::new(),
    }
}

fn root(artifact: &Artifact) -> Component<'_> {
    let purl = oci_purl(artifact).map(|purl| purl.to_string());
    let mut list = properties();
    list.add("aquasecurity:trivy:ImageID", &artifact.config_digest);
    for name in &artifact.repo_digests {
        list.add("aquasecurity:trivy:RepoDigest", name);
    }
    for name in &artifact.repo_tags {
        list.add("aquasecurity:trivy:RepoTag", name);
    }
    for layer in &artifact.layers {
        list.add("aquasecurity:trivy:DiffID", &layer.diff_id);
    }
    if let Some(platform) = &artifact.platform {
        list.add("plimsoll:platform:os", &platform.os);
        list.add("plimsoll:platform:architecture", &platform.architecture);
        list.add("plimsoll:platform:variant", &platform.variant);
    }
    list.add("plimsoll:manifest_digest", &artifact.manifest_digest);
    Component {
        kind: match artifact.kind {
            ArtifactKind::ContainerImage => "container",
            ArtifactKind::Filesystem | ArtifactKind::Sbom => "application",
        },
        reference: purl.clone().unwrap_or_else(|| "root".to_owned()),
        name: &artifact.name,
        version: &artifact.manifest_digest,
        purl,
        properties: list.0,
        ..Component::default()
    }
}

/// `pkg:oci/app@sha256:…?arch=amd64&repository_url=registry.example/app`.
///
/// Source: package-url specification, `types/oci`.
pub(crate) fn oci_purl(artifact: &Artifact) -> Option<Purl> {
    let (repository, digest) = artifact.repo_digests.first()?.split_once('@')?;
    let name = repository.rsplit('/').next().filter(|name| !name.is_empty())?.to_lowercase();
    let architecture = artifact.platform.as_ref().map_or("", |platform| platform.architecture.as_str());
    Some(Purl::new("oci", "", &name, digest).with("repository_url", repository).with("arch", architecture))
}

fn operating_system(os: &OsRelease) -> Component<'_> {
    let mut list = properties();
    list.add("aquasecurity:trivy:Class", "os-pkgs");
    list.add("aquasecurity:trivy:Type", family(os));
    list.add("syft:distro:id", &os.id);
    for (index, like) in os.id_like.iter().enumerate() {
        list.add(&format!("syft:distro:idLike:{index}"), like);
    }
    list.add("syft:distro:prettyName", &os.pretty_name);
    list.add("syft:distro:versionCodename", &os.codename);
    list.add("syft:distro:versionID", &os.version_id);
    list.add("plimsoll:path", &os.path);
    Component {
        kind: "operating-system",
        reference: OS_REFERENCE.to_owned(),
        name: family(os),
        version: &os.version_id,
        properties: list.0,
        ..Component::default()
    }
}

/// What makes a package match, as names and values: SPDX has them as annotations.
pub(crate) fn package_properties(inventory: &Inventory, package: &Package) -> Vec<(String, String)> {
    pairs(component::of_package(inventory, package, String::new()))
}

/// The same of the operating system.
pub(crate) fn system_properties(os: &OsRelease) -> Vec<(String, String)> {
    pairs(operating_system(os))
}

/// The same of the artifact.
pub(crate) fn artifact_properties(artifact: &Artifact) -> Vec<(String, String)> {
    pairs(root(artifact))
}

fn pairs(component: Component<'_>) -> Vec<(String, String)> {
    component.properties.into_iter().map(|property| (property.name, property.value)).collect()
}

/// The package URL that other tools read the source package from.
pub(crate) fn package_purl(inventory: &Inventory, package: &Package) -> Purl {
    component::purl(inventory, package)
}

/// A `bom-ref` for each package: its package URL, with a hash of its place where several packages have the same.
fn references(inventory: &Inventory, root: &str) -> Vec<String> {
    let purls: Vec<String> =
        inventory.packages.iter().map(|package| component::purl(inventory, package).to_string()).collect();
    let mut used: BTreeMap<&str, usize> = BTreeMap::from([(root, 1), (OS_REFERENCE, 1)]);
    for purl in &purls {
        *used.entry(purl).or_default() += 1;
    }
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    purls
        .iter()
        .zip(&inventory.packages)
        .map(|(purl, package)| {
            if used[purl.as_str()] == 1 {
                return purl.clone();
            }
            let mut reference = format!("{purl}#{}", place_hash(package));
            let number = taken.entry(reference.clone()).or_default();
            *number += 1;
            if *number > 1 {
                let _ = write!(reference, "-{number}");
            }
            reference
        })
        .collect()
}

fn place_hash(package: &Package) -> String {
    let mut hash = Sha256::new();
    hash.update(package.path.as_bytes());
    hash.update([0]);
    hash.update(package.inner_path.as_deref().unwrap_or("").as_bytes());
    hex(&hash.finalize()[..8])
}

/// The image is made of the operating system and of what its package database does not list; the operating system of
/// the distribution's packages. What packages need of each other is not said.
fn dependencies(inventory: &Inventory, root: &str, references: &[String]) -> Vec<Dependency> {
    let of = |os: bool| {
        inventory
            .packages
            .iter()
            .zip(references)
            .filter(move |(package, _)| package.kind.is_os() == os)
            .map(|(_, reference)| reference.clone())
    };
    if inventory.os.is_none() {
        return vec![Dependency { reference: root.to_owned(), depends_on: references.to_vec() }];
    }
    let mut of_root = vec![OS_REFERENCE.to_owned()];
    of_root.extend(of(false));
    vec![
        Dependency { reference: root.to_owned(), depends_on: of_root },
        Dependency { reference: OS_REFERENCE.to_owned(), depends_on: of(true).collect() },
    ]
}

/// A UUID of version 8 (custom) from the hash of the document without it.
///
/// Source: RFC 9562, section 5.8.
fn serial_number(document: &[u8]) -> String {
    let hash = Sha256::digest(document);
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex(&bytes);
    format!("urn:uuid:{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use expect_test::expect_file;
    use serde_json::Value;

    use super::*;
    use crate::sample;

    fn document(inventory: &Inventory, version: &str) -> Result<Vec<u8>, serde_json::Error> {
        numbered(bom(inventory, version))
    }

    fn json(inventory: &Inventory) -> Value {
        serde_json::from_slice(&document(inventory, "VERSION").unwrap()).unwrap()
    }

    #[test]
    fn golden_document() {
        let text = String::from_utf8(document(&sample::inventory(), "VERSION").unwrap()).unwrap();
        expect_file!["../testdata/golden/sbom.cdx.json"].assert_eq(&text);
    }

    #[test]
    fn references_are_unique_and_every_dependency_is_there() {
        let mut inventory = sample::inventory();
        let twin = inventory.packages[0].clone();
        inventory.packages.insert(0, twin);
        let bom = json(&inventory);
        let mut references = BTreeSet::from([bom["metadata"]["component"]["bom-ref"].as_str().unwrap()]);
        for component in bom["components"].as_array().unwrap() {
            assert!(references.insert(component["bom-ref"].as_str().unwrap()), "{component}");
        }
        for dependency in bom["dependencies"].as_array().unwrap() {
            for reference in dependency["dependsOn"].as_array().unwrap() {
                assert!(references.contains(reference.as_str().unwrap()));
            }
        }
    }

    #[test]
    fn the_serial_number_is_a_function_of_the_content() {
        let one = json(&sample::inventory())["serialNumber"].clone();
        assert_eq!(json(&sample::inventory())["serialNumber"], one);
        let mut other = sample::inventory();
        other.packages.pop();
        assert_ne!(json(&other)["serialNumber"], one);
    }

    #[test]
    fn an_empty_inventory_is_a_document_too() {
        let bom = json(&Inventory::default());
        assert_eq!(bom["components"], serde_json::json!([]));
        assert_eq!(bom["metadata"]["component"]["bom-ref"], "root");
    }
}
