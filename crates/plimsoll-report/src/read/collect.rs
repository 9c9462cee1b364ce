//! What both formats share: components to packages, the distribution release, gaps.

use std::collections::BTreeMap;

use plimsoll_model::{
    Artifact, ArtifactKind, Gap, Inventory, Layer, OsRelease, Owner, Package, PackageKind, Platform, Purl,
    SourcePackage,
};

use super::purl::{go_version, os_from_purl, package_from_purl, prefer_spelling};
use super::{shortened, source};
use crate::targets::os_id;
use crate::version_parts::join;

/// Prefix of Trivy's properties.
pub(super) const TRIVY: &str = "aquasecurity:trivy:";

/// A component of either format.
#[derive(Default)]
pub(super) struct Entry {
    /// `library`, `application`, `operating-system`; empty where the format does not say.
    pub(super) kind: String,
    pub(super) group: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) purl: String,
    pub(super) supplier: String,
    pub(super) licenses: Vec<String>,
    /// SPDX: where the information was taken from, a sentence.
    pub(super) source_info: String,
    /// A file it stands in, where the format has a place for it.
    pub(super) path: String,
    pub(super) properties: Properties,
}

/// Named values; of equal names the first counts.
#[derive(Default)]
pub(super) struct Properties(pub(super) Vec<(String, String)>);

impl Properties {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.find(|key| key == name)
    }

    fn trivy(&self, name: &str) -> Option<&str> {
        self.find(|key| key.strip_prefix(TRIVY) == Some(name))
    }

    fn find(&self, is_it: impl Fn(&str) -> bool) -> Option<&str> {
        let found = self.0.iter().find(|(key, value)| !value.is_empty() && is_it(key));
        found.map(|(_, value)| value.as_str())
    }
}

/// Why a component could not become a package.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    NoPurl { kind: String },
    BadPurl,
    UnknownType { purl_type: String },
    OtherRelease { release: String },
    NotAnObject,
    BadGap,
}

/// Collects components into an inventory.
pub(super) struct Collector {
    reporter: &'static str,
    artifact: Artifact,
    os: Option<OsRelease>,
    packages: Vec<Package>,
    gaps: Vec<Gap>,
    /// Releases that package URLs name: how often, and the first package.
    releases: BTreeMap<(String, String, String), (usize, String)>,
    /// How often each trouble was met, and its first component.
    troubles: BTreeMap<Trouble, (usize, String)>,
}

impl Collector {
    /// `reporter` is the format's name, as gaps and packages bear it.
    pub(super) fn new(reporter: &'static str, name: &str) -> Self {
        Self {
            reporter,
            artifact: Artifact { name: name.to_owned(), kind: ArtifactKind::Sbom, ..Artifact::default() },
            os: None,
            packages: Vec::new(),
            gaps: Vec::new(),
            releases: BTreeMap::new(),
            troubles: BTreeMap::new(),
        }
    }

    /// What the document is about.
    pub(super) fn root(&mut self, entry: &Entry) {
        let properties = &entry.properties;
        let text = |name: &str| properties.get(name).unwrap_or("").to_owned();
        let sorted = |name: &str| {
            let named = properties.0.iter().filter(|(key, _)| key == name);
            let mut all: Vec<String> = named.map(|(_, value)| value.clone()).collect();
            all.sort();
            all
        };
        self.artifact.repo_tags = sorted("aquasecurity:trivy:RepoTag");
        self.artifact.repo_digests = sorted("aquasecurity:trivy:RepoDigest");
        self.artifact.manifest_digest = text("plimsoll:manifest_digest");
        if self.artifact.manifest_digest.is_empty() && entry.version.starts_with("sha256:") {
            self.artifact.manifest_digest.clone_from(&entry.version);
        }
        if properties.get("plimsoll:platform:os").is_some() {
            self.artifact.platform = Some(Platform {
                os: text("plimsoll:platform:os"),
                architecture: text("plimsoll:platform:architecture"),
                variant: text("plimsoll:platform:variant"),
            });
        }
    }

    /// The distribution, where the document has a component for it. The first that names a version stays.
    pub(super) fn operating_system(&mut self, entry: &Entry) {
        let properties = &entry.properties;
        let text = |name: &str| properties.get(name).unwrap_or("").to_owned();
        let id = properties.get("syft:distro:id").unwrap_or(&entry.name).to_lowercase();
        let id = os_id(&id).to_owned();
        let version = properties.get("syft:distro:versionID").unwrap_or(&entry.version);
        let os = OsRelease {
            version_id: version_id(&id, version).to_owned(),
            id,
            id_like: (0..)
                .map_while(|index| properties.get(&format!("syft:distro:idLike:{index}")))
                .map(str::to_owned)
                .collect(),
            pretty_name: text("syft:distro:prettyName"),
            codename: text("syft:distro:versionCodename"),
            path: text("plimsoll:path"),
        };
        match &self.os {
            Some(first) if !first.version_id.is_empty() || os.version_id.is_empty() => {
                if (&first.id, &first.version_id) != (&os.id, &os.version_id) {
                    let release = format!("{} {}", os.id, os.version_id);
                    self.trouble(Trouble::OtherRelease { release }, &entry.name);
                }
            }
            _ => self.os = Some(os),
        }
    }

    /// Items of a list that are no objects.
    pub(super) fn odd(&mut self, number: usize) {
        if number > 0 {
            self.troubles.entry(Trouble::NotAnObject).or_default().0 += number;
        }
    }

    /// A gap as Plimsoll's own documents carry it.
    pub(super) fn carried_gap(&mut self, text: &str) {
        match serde_json::from_str(text) {
            Ok(gap) => self.gaps.push(gap),
            Err(_) => self.trouble(Trouble::BadGap, &shortened(text)),
        }
    }

    /// A component that should be a package.
    pub(super) fn component(&mut self, entry: Entry) {
        if entry.purl.is_empty() {
            let name = shortened(&entry.name);
            return self.trouble(Trouble::NoPurl { kind: shortened(&entry.kind) }, &name);
        }
        let Ok(purl) = entry.purl.parse::<Purl>() else {
            return self.trouble(Trouble::BadPurl, &shortened(&entry.purl));
        };
        let cataloger = entry.properties.get("plimsoll:cataloger");
        let foundby = cataloger.or_else(|| entry.properties.get("syft:package:foundBy"));
        let Some(mut package) = package_from_purl(&purl, foundby.unwrap_or(self.reporter)) else {
            let first = shortened(&entry.purl);
            return self.trouble(Trouble::UnknownType { purl_type: purl.kind }, &first);
        };
        if let Some(os) = os_from_purl(&purl) {
            let version = version_id(&os.id, &os.version_id).to_owned();
            let seen = self.releases.entry((os.id, version, os.codename)).or_default();
            seen.0 += 1;
            if seen.0 == 1 {
                seen.1.clone_from(&package.name);
            }
        }
        if cataloger.is_some() {
            package.name = own_name(package.kind, &entry);
            package.version.clone_from(&entry.version);
        } else {
            prefer_spelling(&mut package, &entry.group, &entry.name);
            if package.version.is_empty() {
                match package.kind {
                    PackageKind::Golang => package.version = go_version(&entry.version),
                    _ => package.version.clone_from(&entry.version),
                }
            }
        }
        complete(&mut package, entry);
        self.packages.push(package);
    }

    fn trouble(&mut self, trouble: Trouble, first: &str) {
        let seen = self.troubles.entry(trouble).or_default();
        seen.0 += 1;
        if seen.0 == 1 {
            first.clone_into(&mut seen.1);
        }
    }

    /// Everything in its order.
    pub(super) fn inventory(mut self) -> Inventory {
        self.settle_release();
        let reporter = self.reporter;
        for (trouble, (number, first)) in std::mem::take(&mut self.troubles) {
            let gap = Gap {
                path: String::new(),
                place: String::new(),
                diff_id: None,
                reporter: reporter.to_owned(),
                reason: reason(&trouble, number, &first),
            };
            self.gaps.push(gap);
        }
        self.gaps.sort();
        self.packages.sort_by(|a, b| key(a).cmp(&key(b)));
        self.packages.dedup();
        Inventory {
            artifact: self.artifact,
            os: self.os,
            packages: self.packages,
            gaps: self.gaps,
            base: None,
        }
    }

    /// The release of the document's own component, or the one that most package URLs name. What else they name is
    /// a gap: those packages are judged by a release that is not theirs.
    fn settle_release(&mut self) {
        let releases = std::mem::take(&mut self.releases);
        if self.os.is_none() {
            let mut most: Option<(usize, &(String, String, String))> = None;
            for (release, (number, _)) in &releases {
                if most.is_none_or(|(other, _)| *number > other) {
                    most = Some((*number, release));
                }
            }
            self.os = most.map(|(_, (id, version_id, codename))| OsRelease {
                id: id.clone(),
                version_id: version_id.clone(),
                codename: codename.clone(),
                ..OsRelease::default()
            });
        }
        let Some(os) = self.os.clone() else { return };
        for ((id, version, codename), (number, first)) in releases {
            // A rolling release has a word for its version, which a package URL's reader takes for a code name.
            let names_none = version.is_empty()
                && (codename.is_empty() || codename == os.codename || codename == os.version_id);
            let same = id == os.id && (names_none || same_release(&version, &os.version_id));
            if !same {
                let named = if version.is_empty() { codename } else { version };
                let release = format!("{id} {named}").trim_end().to_owned();
                let seen = self.troubles.entry(Trouble::OtherRelease { release }).or_default();
                seen.0 += number;
                seen.1 = first;
            }
        }
    }
}

/// `12` and `12.5` are one release, told with more or less care.
fn same_release(a: &str, b: &str) -> bool {
    let begins = |long: &str, short: &str| {
        !short.is_empty()
            && long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    a == b || begins(a, b) || begins(b, a)
}

/// `VERSION_ID` as os-release writes it. Trivy takes Debian's from another file, `11.6`, and Amazon's with its name,
/// `2 (Karoo)`.
fn version_id<'a>(id: &str, version: &'a str) -> &'a str {
    let version = version.split(' ').next().unwrap_or("");
    match id {
        "debian" => version.split('.').next().unwrap_or(""),
        _ => version,
    }
}

fn own_name(kind: PackageKind, entry: &Entry) -> String {
    match (kind, entry.group.as_str()) {
        (_, "") => entry.name.clone(),
        (PackageKind::Maven, group) => format!("{group}:{}", entry.name),
        (_, group) => format!("{group}/{}", entry.name),
    }
}

/// Everything that a package URL does not carry.
fn complete(package: &mut Package, entry: Entry) {
    let properties = &entry.properties;
    let text = |name: &str| properties.get(name).map(str::to_owned);
    if package.kind.is_os() {
        if let Some(source) = source_of(package, &entry) {
            package.source = source::differing(package, source);
        }
        let module =
            properties.trivy("Modularitylabel").or_else(|| properties.get("syft:metadata:modularityLabel"));
        package.module = module.map(str::to_owned).or(package.module.take());
    }
    package.architecture = text("plimsoll:architecture").or(package.architecture.take());
    package.path = path(&entry);
    package.inner_path = text("plimsoll:inner_path");
    package.layer = layer(properties, "layer");
    package.introduced_in = layer(properties, "introduced_in");
    package.owner = owner(properties);
    package.direct = properties.get("plimsoll:direct").and_then(|word| word.parse().ok());
    package.licenses = entry.licenses;
    package.vendor = (!entry.supplier.is_empty()).then_some(entry.supplier);
}

/// The source package that a property names, whether or not it differs from the package.
fn source_of(package: &Package, entry: &Entry) -> Option<SourcePackage> {
    let properties = &entry.properties;
    if let Some(name) = properties.trivy("SrcName") {
        let part = |name: &str| properties.trivy(name).unwrap_or("");
        let version = match part("SrcVersion") {
            "" => package.version.clone(),
            version => join(part("SrcEpoch").parse().unwrap_or(0), version, part("SrcRelease")),
        };
        return Some(SourcePackage { name: name.to_owned(), version });
    }
    let name = match package.kind {
        PackageKind::Deb => properties.get("syft:metadata:source"),
        PackageKind::Alpm => properties.get("syft:metadata:basepackage"),
        PackageKind::Apk => properties.get("syft:metadata:originPackage"),
        _ => None,
    };
    if let Some(name) = name {
        let version = properties.get("syft:metadata:sourceVersion").unwrap_or(&package.version);
        return Some(SourcePackage { name: name.to_owned(), version: version.to_owned() });
    }
    let file = properties.get("syft:metadata:sourceRpm");
    file.and_then(|file| source::from_source_rpm(package, file))
        .or_else(|| source::from_source_info(package, &entry.source_info))
}

/// The file, relative to the image's root.
fn path(entry: &Entry) -> String {
    let properties = &entry.properties;
    let known = properties
        .get("plimsoll:path")
        .or_else(|| properties.trivy("FilePath"))
        .or_else(|| properties.get("syft:location:0:path"));
    let path = match known {
        Some(path) => path,
        None if !entry.path.is_empty() => &entry.path,
        None => path_in_sentence(&entry.source_info),
    };
    let path = path.strip_prefix("./").unwrap_or(path);
    path.trim_start_matches('/').to_owned()
}

/// `package found in: usr/bin/app` (Trivy), `acquired package info from …: /var/lib/dpkg/status, /…` (Syft).
fn path_in_sentence(text: &str) -> &str {
    let is_one = text.starts_with("package found in:") || text.starts_with("acquired package info from");
    match text.split_once(": ") {
        Some((_, paths)) if is_one => paths.split(", ").next().unwrap_or("").trim(),
        _ => "",
    }
}

fn layer(properties: &Properties, name: &str) -> Option<Layer> {
    Some(Layer {
        index: properties.get(&format!("plimsoll:{name}:index"))?.parse().ok()?,
        diff_id: properties.get(&format!("plimsoll:{name}:diff_id"))?.to_owned(),
    })
}

fn owner(properties: &Properties) -> Option<Owner> {
    Some(Owner {
        kind: PackageKind::from_purl_type(properties.get("plimsoll:owner:type")?)?,
        name: properties.get("plimsoll:owner:name")?.to_owned(),
        version: properties.get("plimsoll:owner:version").unwrap_or("").to_owned(),
    })
}

fn reason(trouble: &Trouble, number: usize, first: &str) -> String {
    let components = if number == 1 { "1 component".to_owned() } else { format!("{number} components") };
    match trouble {
        Trouble::NoPurl { kind } if kind.is_empty() => {
            format!("expected a package URL, found {components} without, the first `{first}`: not judged")
        }
        Trouble::NoPurl { kind } => format!(
            "expected a package URL, found {components} of type `{kind}` without, the first `{first}`: not judged"
        ),
        Trouble::BadPurl => {
            format!(
                "expected a package URL, found {components} with another text, the first `{first}`: not judged"
            )
        }
        Trouble::UnknownType { purl_type } => format!(
            "expected a known type of package, found {components} of type `{purl_type}`, the first `{first}`: not judged"
        ),
        Trouble::OtherRelease { release } => format!(
            "expected one distribution release, found {components} of `{release}` too, the first `{first}`: judged \
             by the other release"
        ),
        Trouble::NotAnObject => {
            format!("expected objects in a list, found {number} of another type: left out")
        }
        Trouble::BadGap => {
            format!("expected a gap as JSON, found {number} of another form, the first `{first}`")
        }
    }
}

/// The order of an inventory's packages.
fn key(package: &Package) -> (PackageKind, &str, &str, &str, &Option<String>) {
    (package.kind, &package.name, &package.version, &package.path, &package.inner_path)
}
