//! `Results[].Packages[]`, and the parts that vulnerabilities share with it.

use plimsoll_model::{Inventory, Layer, Owner, Package};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::facts::relationship;
use crate::version_parts::{VersionParts, split};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct JsonPackage<'a> {
    #[serde(rename = "ID")]
    id: String,
    name: &'a str,
    identifier: Identifier,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    release: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    epoch: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    arch: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    src_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    src_version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    src_release: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    src_epoch: u32,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    licenses: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    maintainer: Option<&'a str>,
    #[serde(rename = "Modularitylabel", skip_serializing_if = "Option::is_none")]
    module: Option<&'a str>,
    /// Trivy's words: `direct`, `indirect`.
    #[serde(skip_serializing_if = "Option::is_none")]
    relationship: Option<&'static str>,
    layer: JsonLayer<'a>,
    #[serde(skip_serializing_if = "String::is_empty")]
    file_path: String,
    plimsoll: OwnPackage<'a>,
}

/// What Trivy's package has no place for.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OwnPackage<'a> {
    /// Its number among the report's packages, by which other places of the report name it.
    index: usize,
    cataloger: &'a str,
    /// The file that says so; for an OS package the package database.
    #[serde(skip_serializing_if = "str::is_empty")]
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    inner_path: Option<&'a str>,
    /// The source package, where it is another than the package itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<JsonSource<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<OwnLayer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    introduced_in: Option<OwnLayer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<JsonOwner<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JsonSource<'a> {
    name: &'a str,
    version: &'a str,
}

#[derive(Serialize)]
pub(super) struct Identifier {
    #[serde(rename = "PURL")]
    pub(super) purl: String,
    /// Ties a vulnerability to its package within one report: 16 hex digits.
    #[serde(rename = "UID")]
    uid: String,
}

/// Always there, as Trivy's is: without a layer an empty object.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct JsonLayer<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    digest: &'a str,
    #[serde(rename = "DiffID", skip_serializing_if = "str::is_empty")]
    diff_id: &'a str,
}

/// A layer with its place in the image.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OwnLayer<'a> {
    /// 0 is the base.
    index: usize,
    #[serde(rename = "DiffID")]
    diff_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct JsonOwner<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
}

pub(super) fn package<'a>(inventory: &'a Inventory, index: usize, package: &'a Package) -> JsonPackage<'a> {
    let none = VersionParts { epoch: 0, version: "", release: "" };
    let (version, source, source_name) = if package.kind.is_os() {
        let (name, version) = package.source_or_self();
        (split(package.kind, &package.version), split(package.kind, version), name)
    } else {
        (VersionParts { version: &package.version, ..none }, none, "")
    };
    JsonPackage {
        id: id(package),
        name: &package.name,
        identifier: identifier(inventory, package),
        version: version.version,
        release: version.release,
        epoch: version.epoch,
        arch: package.architecture.as_deref(),
        src_name: source_name,
        src_version: source.version,
        src_release: source.release,
        src_epoch: source.epoch,
        licenses: &package.licenses,
        maintainer: package.vendor.as_deref(),
        module: package.module.as_deref(),
        relationship: package.direct.map(relationship),
        layer: layer(inventory, package),
        file_path: if package.kind.is_os() { String::new() } else { file_path(package) },
        plimsoll: OwnPackage {
            index,
            cataloger: &package.cataloger,
            path: &package.path,
            inner_path: package.inner_path.as_deref(),
            source: package
                .source
                .as_ref()
                .map(|source| JsonSource { name: &source.name, version: &source.version }),
            layer: package.layer.as_ref().map(own_layer),
            introduced_in: package.introduced_in.as_ref().map(own_layer),
            owner: package.owner.as_ref().map(owner),
        },
    }
}

/// `name@version`.
pub(super) fn id(package: &Package) -> String {
    format!("{}@{}", package.name, package.version)
}

/// The file, and the path inside it behind a `/` as Trivy writes archives in archives.
pub(super) fn file_path(package: &Package) -> String {
    match &package.inner_path {
        Some(inner) => format!("{}/{inner}", package.path),
        None => package.path.clone(),
    }
}

pub(super) fn identifier(inventory: &Inventory, package: &Package) -> Identifier {
    let purl = package.purl(inventory.os.as_ref()).to_string();
    let mut hash = Sha256::new();
    for part in [purl.as_str(), &package.path, package.inner_path.as_deref().unwrap_or("")] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let bytes = hash.finalize();
    let number = bytes.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    Identifier { purl, uid: format!("{number:016x}") }
}

pub(super) fn layer<'a>(inventory: &'a Inventory, package: &'a Package) -> JsonLayer<'a> {
    // Trivy names the layer that a package came with, which for a package database is not the layer that last wrote
    // the file.
    let Some(layer) = package.introduced_in.as_ref().or(package.layer.as_ref()) else {
        return JsonLayer::default();
    };
    let info = inventory.artifact.layers.iter().find(|info| info.diff_id == layer.diff_id);
    JsonLayer { digest: info.map_or("", |info| &info.digest), diff_id: &layer.diff_id }
}

pub(super) fn own_layer(layer: &Layer) -> OwnLayer<'_> {
    OwnLayer { index: layer.index, diff_id: &layer.diff_id }
}

pub(super) fn owner(owner: &Owner) -> JsonOwner<'_> {
    JsonOwner { kind: owner.kind.purl_type(), name: &owner.name, version: &owner.version }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
