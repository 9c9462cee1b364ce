//! Components of a CycloneDX document.

use plimsoll_model::{Inventory, Package, PackageKind, Purl};
use serde::Serialize;

use crate::targets::family;
use crate::version_parts::split;

#[derive(Default, Serialize)]
pub(super) struct Component<'a> {
    #[serde(rename = "bom-ref")]
    pub(super) reference: String,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) supplier: Option<Supplier<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) group: &'a str,
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) version: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) licenses: Vec<License<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) properties: Vec<Property>,
}

#[derive(Serialize)]
pub(super) struct Supplier<'a> {
    name: &'a str,
}

#[derive(Serialize)]
pub(super) struct License<'a> {
    license: LicenseName<'a>,
}

#[derive(Serialize)]
struct LicenseName<'a> {
    name: &'a str,
}

#[derive(Serialize)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) value: String,
}

/// An empty list of properties.
pub(super) fn properties() -> Properties {
    Properties(Vec::new())
}

/// Properties as they are collected.
pub(super) struct Properties(pub(super) Vec<Property>);

impl Properties {
    /// One more; an empty value adds none.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.0.push(Property { name: name.to_owned(), value: value.to_owned() });
        }
    }
}

/// The package URL with what Syft and Grype want to find in it: `upstream`, the source package, and `rpmmod`.
pub(super) fn purl(inventory: &Inventory, package: &Package) -> Purl {
    let purl = package.purl(inventory.os.as_ref());
    if !package.kind.is_os() {
        return purl;
    }
    let upstream = match &package.source {
        None => String::new(),
        Some(source) if package.kind == PackageKind::Rpm => source_rpm(&source.name, &source.version),
        Some(source) if source.version == package.version => source.name.clone(),
        Some(source) => format!("{}@{}", source.name, source.version),
    };
    purl.with("upstream", &upstream).with("rpmmod", package.module.as_deref().unwrap_or(""))
}

/// `openssl-3.0.7-24.el9.src.rpm`: RPM names the source by its file, without the epoch.
fn source_rpm(name: &str, version: &str) -> String {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    format!("{name}-{version}.src.rpm")
}

pub(super) fn of_package<'a>(
    inventory: &'a Inventory,
    package: &'a Package,
    reference: String,
) -> Component<'a> {
    let (group, name) = match package.kind {
        PackageKind::Maven => package.name.split_once(':').unwrap_or(("", &package.name)),
        PackageKind::Npm => package.name.rsplit_once('/').unwrap_or(("", &package.name)),
        _ => ("", package.name.as_str()),
    };
    let licenses = package.licenses.iter().map(|name| License { license: LicenseName { name } }).collect();
    Component {
        reference,
        kind: "library",
        supplier: package.vendor.as_deref().map(|name| Supplier { name }),
        group,
        name,
        version: &package.version,
        licenses,
        purl: Some(purl(inventory, package).to_string()),
        properties: properties_of(inventory, package),
    }
}

fn properties_of(inventory: &Inventory, package: &Package) -> Vec<Property> {
    let mut list = properties();
    let layer = package.introduced_in.as_ref().or(package.layer.as_ref());
    let report_type = match (package.kind.is_os(), &inventory.os) {
        (true, Some(os)) => family(os),
        (true, None) => package.kind.purl_type(),
        (false, _) => package.kind.report_type(),
    };
    if !package.kind.is_os() {
        let inner = package.inner_path.as_ref().map_or(String::new(), |inner| format!("/{inner}"));
        list.add("aquasecurity:trivy:FilePath", &format!("{}{inner}", package.path));
    }
    list.add("aquasecurity:trivy:LayerDiffID", layer.map_or("", |layer| &layer.diff_id));
    list.add("aquasecurity:trivy:Modularitylabel", package.module.as_deref().unwrap_or(""));
    list.add("aquasecurity:trivy:PkgID", &format!("{}@{}", package.name, package.version));
    list.add("aquasecurity:trivy:PkgType", report_type);
    if package.kind.is_os() {
        let (name, version) = package.source_or_self();
        let parts = split(package.kind, version);
        list.add("aquasecurity:trivy:SrcName", name);
        list.add("aquasecurity:trivy:SrcVersion", parts.version);
        list.add("aquasecurity:trivy:SrcRelease", parts.release);
        if parts.epoch != 0 {
            list.add("aquasecurity:trivy:SrcEpoch", &parts.epoch.to_string());
        }
    }
    list.add("syft:package:type", syft_type(package.kind));
    list.add("syft:location:0:path", &absolute(&package.path));
    list.add("syft:location:0:layerID", package.layer.as_ref().map_or("", |layer| &layer.diff_id));
    syft_metadata(package, &mut list);
    own(package, &mut list);
    list.0
}

fn absolute(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("/{path}") }
}

/// What Syft keeps of a package database's entry, under the names it reads back.
fn syft_metadata(package: &Package, list: &mut Properties) {
    let source = package.source.as_ref();
    let name = source.map_or("", |source| &source.name);
    let version = source.map_or("", |source| &source.version);
    match package.kind {
        PackageKind::Deb => {
            list.add("syft:package:metadataType", "dpkg-db-entry");
            list.add("syft:metadata:source", name);
            list.add("syft:metadata:sourceVersion", if version == package.version { "" } else { version });
        }
        PackageKind::Alpm => {
            list.add("syft:package:metadataType", "alpm-db-entry");
            list.add("syft:metadata:basepackage", name);
        }
        PackageKind::Apk => {
            list.add("syft:package:metadataType", "apk-db-entry");
            list.add("syft:metadata:originPackage", name);
        }
        PackageKind::Rpm => {
            list.add("syft:package:metadataType", "rpm-db-entry");
            if source.is_some() {
                list.add("syft:metadata:sourceRpm", &source_rpm(name, version));
            }
            if let Some((epoch, _)) = package.version.split_once(':') {
                list.add("syft:metadata:epoch", epoch);
            }
            list.add("syft:metadata:modularityLabel", package.module.as_deref().unwrap_or(""));
        }
        _ => {}
    }
}

/// What nobody else has a name for.
fn own(package: &Package, list: &mut Properties) {
    list.add("plimsoll:cataloger", &package.cataloger);
    list.add("plimsoll:path", &package.path);
    list.add("plimsoll:inner_path", package.inner_path.as_deref().unwrap_or(""));
    for (name, layer) in [("layer", &package.layer), ("introduced_in", &package.introduced_in)] {
        if let Some(layer) = layer {
            list.add(&format!("plimsoll:{name}:index"), &layer.index.to_string());
            list.add(&format!("plimsoll:{name}:diff_id"), &layer.diff_id);
        }
    }
    if let Some(owner) = &package.owner {
        list.add("plimsoll:owner:type", owner.kind.purl_type());
        list.add("plimsoll:owner:name", &owner.name);
        list.add("plimsoll:owner:version", &owner.version);
    }
    list.add("plimsoll:direct", package.direct.map_or("", |direct| if direct { "true" } else { "false" }));
    list.add("plimsoll:architecture", package.architecture.as_deref().unwrap_or(""));
}

/// Syft's name of the kind.
fn syft_type(kind: PackageKind) -> &'static str {
    match kind {
        PackageKind::Alpm => "alpm",
        PackageKind::Apk => "apk",
        PackageKind::Bitnami => "bitnami",
        PackageKind::Cargo => "rust-crate",
        PackageKind::Composer => "php-composer",
        PackageKind::Deb => "deb",
        PackageKind::Gem => "gem",
        PackageKind::Golang => "go-module",
        PackageKind::Hex => "hex",
        PackageKind::Maven => "java-archive",
        PackageKind::Npm => "npm",
        PackageKind::NuGet => "dotnet",
        PackageKind::Pub => "dart-pub",
        PackageKind::PyPi => "python",
        PackageKind::Rpm => "rpm",
        PackageKind::Swift => "swift",
    }
}
