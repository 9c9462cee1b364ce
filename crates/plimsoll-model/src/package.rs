//! Packages, as catalogers make them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Ecosystem, OsRelease, Purl};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident $purl:literal $trivy:literal $ecosystem:expr,)*) => {
        /// What kind of thing a package is: a package URL type.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum PackageKind {
            $($(#[$doc])* #[doc = concat!("`pkg:", $purl, "/…`.")] #[serde(rename = $purl)] $variant,)*
        }

        impl PackageKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The type in a package URL: `deb`, `golang`.
            pub fn purl_type(self) -> &'static str {
                match self { $(Self::$variant => $purl),* }
            }

            /// `Results[].Type` of Trivy's report for what is *installed* in an image; empty for OS packages,
            /// whose type there is the distribution's name.
            pub fn report_type(self) -> &'static str {
                match self { $(Self::$variant => $trivy),* }
            }

            /// The ecosystem whose advisories speak of it; `None` for OS packages, where the distribution decides.
            pub fn ecosystem(self) -> Option<Ecosystem> {
                match self { $(Self::$variant => $ecosystem),* }
            }
        }
    };
}

kinds! {
    /// Arch Linux's packages.
    Alpm "alpm" "" None,
    /// Alpine's and Wolfi's packages.
    Apk "apk" "" None,
    /// Bitnami's packages in their images.
    Bitnami "bitnami" "bitnami" Some(Ecosystem::Bitnami),
    /// Rust crates.
    Cargo "cargo" "rustbinary" Some(Ecosystem::CratesIo),
    /// PHP packages.
    Composer "composer" "composer-vendor" Some(Ecosystem::Packagist),
    /// Debian's and Ubuntu's packages.
    Deb "deb" "" None,
    /// Ruby gems.
    Gem "gem" "gemspec" Some(Ecosystem::RubyGems),
    /// Go modules.
    Golang "golang" "gobinary" Some(Ecosystem::Go),
    /// Erlang and Elixir packages.
    Hex "hex" "hex" Some(Ecosystem::Hex),
    /// Java artifacts; the name is `group:artifact`.
    Maven "maven" "jar" Some(Ecosystem::Maven),
    /// Node packages; the name bears its scope.
    Npm "npm" "node-pkg" Some(Ecosystem::Npm),
    /// .NET packages.
    NuGet "nuget" "dotnet-core" Some(Ecosystem::NuGet),
    /// Dart packages.
    Pub "pub" "pub" Some(Ecosystem::Pub),
    /// Python distributions.
    PyPi "pypi" "python-pkg" Some(Ecosystem::PyPi),
    /// RPM packages.
    Rpm "rpm" "" None,
    /// Swift packages.
    Swift "swift" "swift" Some(Ecosystem::SwiftUrl),
}

impl PackageKind {
    /// Whether it is a distribution's package.
    pub fn is_os(self) -> bool {
        matches!(self, Self::Alpm | Self::Apk | Self::Deb | Self::Rpm)
    }

    /// The kind of that package URL type.
    pub fn from_purl_type(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.purl_type() == text)
    }
}

impl fmt::Display for PackageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.purl_type())
    }
}

/// The source package a distribution's binary package was built from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourcePackage {
    /// Its name: `openssl` for the binary package `libssl3`.
    pub name: String,
    /// Its version, which may differ from the binary package's.
    pub version: String,
}

/// The layer that a file or a package came with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Layer {
    /// Its diff ID, `sha256:…`.
    pub diff_id: String,
    /// Its place in the image: 0 is the base.
    pub index: usize,
}

/// The OS package that installed a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner {
    /// `alpm`, `apk`, `deb` or `rpm`.
    pub kind: PackageKind,
    /// Its name.
    pub name: String,
    /// Its version; empty where the file list does not say.
    pub version: String,
}

/// One installed package, where one file says so.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Package {
    /// What it is.
    pub kind: PackageKind,
    /// Its name in the spelling of its file; Maven: `group:artifact` (or the artifact alone where the group is not
    /// known), npm: with its scope, Go: the module path, or `stdlib` for the toolchain's library.
    pub name: String,
    /// Its version as its scheme reads it, with everything that orders: Debian `epoch:upstream-revision`, RPM
    /// `epoch:version-release` (an epoch of 0 is left out), Arch the same, apk `version-rN`, Go with its `v`. Empty where the
    /// file names none.
    pub version: String,
    /// `amd64`, `x86_64`, `all`, `noarch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// OS packages: what it was built from. `None` where that is the package itself, under the same version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourcePackage>,
    /// Licences as the file names them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<String>,
    /// RPM modularity label: `nodejs:18:8060020220523160029:ad008a3a`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Who made or packaged it, as the file says: RPM `Vendor`, Debian `Maintainer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Whether the application names it itself; `Some(false)` where it came along because another package asks for
    /// it. `None` where the file does not say, as for every OS package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct: Option<bool>,
    /// Name of the cataloger that made it.
    pub cataloger: String,
    /// The file that says so, relative to the image's root: `var/lib/dpkg/status`, `app/lib.jar`. Empty in what a
    /// cataloger returns; the image's fold fills it in.
    #[serde(default)]
    pub path: String,
    /// Where inside that file, outermost first, for archives in archives: `BOOT-INF/lib/a.jar`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inner_path: Option<String>,
    /// The layer the file's present content came with. Filled in by the fold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
    /// The layer that first had this package in this version, without a break until the top. Filled in by the fold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introduced_in: Option<Layer>,
    /// The OS package that installed the file, where one did. Filled in by the fold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
}

impl Package {
    /// A package with nothing but what every package has.
    pub fn new(
        kind: PackageKind,
        name: impl Into<String>,
        version: impl Into<String>,
        cataloger: &str,
    ) -> Self {
        Self {
            kind,
            name: name.into(),
            version: version.into(),
            architecture: None,
            source: None,
            licenses: Vec::new(),
            module: None,
            vendor: None,
            direct: None,
            cataloger: cataloger.to_owned(),
            path: String::new(),
            inner_path: None,
            layer: None,
            introduced_in: None,
            owner: None,
        }
    }

    /// Name and version of the source package: its own where no other is named.
    pub fn source_or_self(&self) -> (&str, &str) {
        match &self.source {
            Some(source) => (&source.name, &source.version),
            None => (&self.name, &self.version),
        }
    }

    /// Its package URL. OS packages need the release they are installed in for namespace and `distro`.
    ///
    /// Source: package-url specification, `types/`.
    pub fn purl(&self, os: Option<&OsRelease>) -> Purl {
        let kind = self.kind.purl_type();
        match self.kind {
            PackageKind::Alpm | PackageKind::Apk | PackageKind::Deb => {
                let namespace = os.map_or("", |os| os.id.as_str());
                self.os_qualifiers(Purl::new(kind, namespace, &self.name, &self.version), os)
            }
            PackageKind::Rpm => {
                let namespace = os.map_or("", |os| os.id.as_str());
                let (epoch, version) = match self.version.split_once(':') {
                    Some((epoch, rest)) => (epoch, rest),
                    None => ("", self.version.as_str()),
                };
                self.os_qualifiers(Purl::new(kind, namespace, &self.name, version), os).with("epoch", epoch)
            }
            PackageKind::Maven => {
                let (group, artifact) = self.name.split_once(':').unwrap_or(("", &self.name));
                Purl::new(kind, group, artifact, &self.version)
            }
            PackageKind::PyPi => {
                Purl::new(kind, "", &Ecosystem::PyPi.normalize_name(&self.name), &self.version)
            }
            PackageKind::Npm | PackageKind::Golang | PackageKind::Composer | PackageKind::Swift => {
                let (namespace, name) = self.name.rsplit_once('/').unwrap_or(("", &self.name));
                Purl::new(kind, namespace, name, &self.version)
            }
            PackageKind::Bitnami
            | PackageKind::Cargo
            | PackageKind::Gem
            | PackageKind::Hex
            | PackageKind::NuGet
            | PackageKind::Pub => Purl::new(kind, "", &self.name, &self.version),
        }
    }

    fn os_qualifiers(&self, purl: Purl, os: Option<&OsRelease>) -> Purl {
        let distro = match os {
            Some(os) if !os.version_id.is_empty() => format!("{}-{}", os.id, os.version_id),
            Some(os) => os.id.clone(),
            None => String::new(),
        };
        purl.with("arch", self.architecture.as_deref().unwrap_or("")).with("distro", &distro)
    }
}
