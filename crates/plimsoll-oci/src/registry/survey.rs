//! What lies under a tag, without its layers: image, index or artifact; platforms, sizes, when it was built.

use std::collections::BTreeMap;

use plimsoll_model::{Digest, Platform};
use serde::Deserialize;

use super::graph::{Node, gather};
use super::repository::Repository;
use crate::Error;
use crate::config::MAX_CONFIG_BYTES;
use crate::manifest::{self, Descriptor};
use crate::resolve::resolve;

/// What lies under a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Its digest.
    pub digest: Digest,
    /// What it is.
    pub kind: Kind,
    /// The images in it, in the order of the index; one for an image that is alone. Empty for an artifact.
    pub members: Vec<Member>,
    /// Size of all blobs of its images as they are stored, each counted once, in bytes.
    pub size_bytes: u64,
}

/// What lies under a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An image.
    Image,
    /// Images for several platforms.
    Index,
    /// Something else: a signature, a chart, of this type.
    Artifact(String),
}

/// One image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Digest of its manifest.
    pub digest: Digest,
    /// Its platform, where index or config say it.
    pub platform: Option<Platform>,
    /// When it was built, as its config says; `None` where it says nothing, or the beginning of 1970.
    pub created: Option<String>,
}

#[derive(Default, Deserialize)]
struct RawConfig {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
    created: Option<String>,
}

impl Repository {
    /// What lies under a tag or a digest. Manifests and configs are read, and no layers.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none; [`Error::Content`] for what is no manifest.
    pub fn survey(&self, wanted: &str) -> Result<Survey, Error> {
        let root = Node::fetch(self, wanted)?;
        let digest = root.digest.clone();
        let mut platforms = BTreeMap::new();
        let nodes = if root.is_index { gather(self, &digest)? } else { vec![root.clone()] };
        for entry in nodes.iter().flat_map(|node| &node.manifests) {
            platforms.entry(entry.digest.clone()).or_insert(entry);
        }
        let is_image = |node: &&Node| {
            let is_statement = platforms.get(&node.digest).is_some_and(|entry| entry.is_attestation());
            !node.is_index && !is_statement && node.is_image()
        };
        let images: Vec<&Node> = nodes.iter().filter(is_image).collect();
        let mut blobs = BTreeMap::new();
        let mut members = Vec::new();
        for node in &images {
            blobs.extend(node.blobs().map(|blob| (blob.digest.clone(), blob.size)));
            members.push(self.member(node, platforms.get(&node.digest).copied())?);
        }
        let kind = match (root.is_index, images.is_empty()) {
            (_, true) => Kind::Artifact(root.artifact_type),
            (true, false) => Kind::Index,
            (false, false) => Kind::Image,
        };
        let size_bytes = blobs.values().fold(0_u64, |sum, size| sum.saturating_add(*size));
        Ok(Survey { digest, kind, members, size_bytes })
    }

    /// The image for a platform: of an index the one in it, of an image itself.
    ///
    /// # Errors
    /// [`Error::PlatformMissing`] where there is none.
    pub fn image_for(&self, digest: &Digest, platform: &Platform) -> Result<Digest, Error> {
        let subject = format!("{}@{digest}", self.reference().repository());
        let root = self.fetch_manifest(digest.as_str())?;
        let document = manifest::parse(&root.bytes, &root.media_type, &subject)?;
        Ok(resolve(self.client(), document, root.digest, Some(platform), &subject)?.digest)
    }

    fn member(&self, node: &Node, entry: Option<&Descriptor>) -> Result<Member, Error> {
        let config = node.config.as_ref().expect("an image has a config");
        let bytes = self.read_blob(&config.digest, config.size, MAX_CONFIG_BYTES)?;
        // What is wrong with a config is told when the image is scanned.
        let raw: RawConfig = serde_json::from_slice(&bytes).unwrap_or_default();
        let of_config = (!raw.os.is_empty() || !raw.architecture.is_empty()).then(|| Platform {
            os: raw.os,
            architecture: raw.architecture,
            variant: raw.variant.unwrap_or_default(),
        });
        // Builds that give the same bytes each time bear the beginning of 1970, which is no time.
        let created = raw.created.filter(|time| !time.is_empty() && !time.starts_with("1970-01-01"));
        Ok(Member {
            digest: node.digest.clone(),
            platform: entry.and_then(|entry| entry.platform.clone()).or(of_config),
            created,
        })
    }
}
