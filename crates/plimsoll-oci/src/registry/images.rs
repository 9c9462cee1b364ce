//! The images that a digest means: itself, or those of an index.

use plimsoll_model::{DiffId, Digest, Platform};

use super::repository::Repository;
use crate::Error;
use crate::config::{self, MAX_CONFIG_BYTES};
use crate::manifest::{self, Document};
use crate::resolve::{self, Store};

/// An image of a repository, as its manifest has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteImage {
    /// The digest of its manifest.
    pub digest: Digest,
    /// Its platform, as the index says; `None` where there is no index, or it does not say.
    pub platform: Option<Platform>,
    /// The digest of its config, which names its layers as they are unpacked: an image that is packed anew has the same.
    pub config: Digest,
    config_bytes: u64,
}

impl Repository {
    /// The images behind a tag or a digest, in the order of their index: one where it is no index. Attestations that a
    /// builder laid into the index are none.
    ///
    /// # Errors
    /// What asking meets; [`Error::Content`] for what is neither image nor index.
    pub fn images(&self, wanted: &str) -> Result<(Digest, Vec<RemoteImage>), Error> {
        let client = self.client();
        let root = self.fetch_manifest(wanted)?;
        let name = format!("{}@{}", self.reference().repository(), root.digest);
        let image = |digest: Digest, platform, manifest: &manifest::Manifest| RemoteImage {
            digest,
            platform,
            config: manifest.config.digest.clone(),
            config_bytes: manifest.config.size,
        };
        let entries = match manifest::parse(&root.bytes, &root.media_type, &name)? {
            Document::Image(manifest) => {
                let found = image(root.digest.clone(), None, &manifest);
                return Ok((root.digest, vec![found]));
            }
            Document::Index(entries) => entries,
        };
        let mut images = Vec::new();
        for leaf in resolve::leaves(client, entries, &name)? {
            let bytes = Store::manifest(client, &leaf)?;
            let name = format!("{}@{}", self.reference().repository(), leaf.digest);
            match manifest::parse(&bytes, &leaf.media_type, &name)? {
                Document::Image(manifest) => images.push(image(leaf.digest, leaf.platform, &manifest)),
                Document::Index(_) => {
                    return Err(Error::Content {
                        what: "manifest",
                        subject: name,
                        expected: "an image manifest, as the index says".to_owned(),
                        found: "another index".to_owned(),
                    });
                }
            }
        }
        Ok((root.digest, images))
    }

    /// The diff IDs of an image, from the base layer up, as its config has them.
    ///
    /// # Errors
    /// What asking meets; [`Error::Content`] for a config that is none.
    pub fn diff_ids(&self, image: &RemoteImage) -> Result<Vec<DiffId>, Error> {
        let name = format!("{}@{}", self.reference().repository(), image.digest);
        let bytes = self.read_blob(&image.config, image.config_bytes, MAX_CONFIG_BYTES)?;
        Ok(config::parse(bytes, &name)?.diff_ids)
    }
}
