//! What is in an image.

use serde::{Deserialize, Serialize};

use crate::{Gap, OsRelease, Package};

/// What was found in one image, folder or SBOM. Everything is in a fixed order: the same input gives an equal value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// What was scanned.
    pub artifact: Artifact,
    /// The distribution release, where one was found.
    pub os: Option<OsRelease>,
    /// The packages, sorted by kind, name, version, path and inner path.
    pub packages: Vec<Package>,
    /// What could not be read, sorted.
    pub gaps: Vec<Gap>,
    /// The image that this one was built from, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<BaseImage>,
}

impl Inventory {
    /// Whether a package comes from the base image; `None` where that or its layer is not known.
    pub fn is_inherited(&self, package: &Package) -> Option<bool> {
        let base = self.base.as_ref()?;
        let layer = package.introduced_in.as_ref().or(package.layer.as_ref())?;
        Some(layer.index < base.layers)
    }
}

/// The image that another was built from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseImage {
    /// Its name: `docker.io/library/debian:12`.
    pub name: String,
    /// Digest of its manifest; empty where unknown.
    pub digest: String,
    /// How many of the image's layers are its own, counted from the base up.
    pub layers: usize,
}

/// What was scanned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// What the person typed: `registry.example/app:1.2`.
    pub name: String,
    /// What sort of thing it is.
    pub kind: ArtifactKind,
    /// Digest of the manifest of the scanned platform; empty where the source has none (`docker-archive:`, `dir:`).
    pub manifest_digest: String,
    /// Digest of the image config (Docker's image ID); empty for `dir:` and `sbom:`.
    pub config_digest: String,
    /// `repository:tag` names the source knows the image by, sorted.
    pub repo_tags: Vec<String>,
    /// `repository@sha256:…` names, sorted.
    pub repo_digests: Vec<String>,
    /// The platform, where the config says it.
    pub platform: Option<Platform>,
    /// When the image was made, as the config says (RFC 3339); empty where it does not.
    pub created: String,
    /// Layers from the base up. Empty for `dir:` and `sbom:`.
    pub layers: Vec<LayerInfo>,
    /// The image config as it stands in the source, JSON; empty for `dir:` and `sbom:`.
    pub config: String,
}

/// What sort of thing was scanned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArtifactKind {
    /// A container image.
    #[default]
    ContainerImage,
    /// A folder.
    Filesystem,
    /// A bill of materials.
    Sbom,
}

/// One layer of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerInfo {
    /// Diff ID, `sha256:…`.
    pub diff_id: String,
    /// Digest in the registry, `sha256:…`; empty where the source has none.
    pub digest: String,
    /// Size as stored, in bytes; 0 where the source does not say.
    pub size_bytes: u64,
    /// The history entry that made it: `RUN apt-get install …`; empty where the config has none.
    pub created_by: String,
}

/// Operating system, architecture and variant: `linux/arm64/v8`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`, `arm64`: Go's names.
    pub architecture: String,
    /// `v8`; empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}
