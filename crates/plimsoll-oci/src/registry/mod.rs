//! Images in a registry.

mod attach;
mod blob;
mod catalog;
mod challenge;
mod client;
mod copy;
mod graph;
mod images;
mod referrers;
mod repository;
mod survey;
mod through;
mod upload;

use std::io::{self, Read};
use std::sync::Arc;

pub use self::attach::{Appended, Attachment};
use self::blob::BlobReader;
pub use self::catalog::{ListedTag, Listing, ListingError, RegistryListing};
pub use self::copy::{Copied, CopyOptions, CopyProgress, Unmoved, copy};
pub use self::images::RemoteImage;
pub use self::referrers::{Artifact, ArtifactBlob, Attached, digest_tag};
pub use self::repository::{RemoteManifest, Repository};
pub use self::survey::{Kind, Member, Survey};
pub use self::upload::BlobContent;

use self::client::{Client, Purpose};
use crate::config::{self, Names, Stored};
use crate::resolve::resolve;
use crate::{Error, ImageSource, Options, Progress, Reference, ResolvedImage, Source, manifest};

/// An image of a registry.
struct RegistryImage {
    client: Client,
    image: ResolvedImage,
    progress: Option<Arc<dyn Progress>>,
}

/// Reads manifest and config of an image; the layers are fetched when they are read.
pub(crate) fn open(reference: &Reference, name: &str, options: &Options) -> Result<Source, Error> {
    let client = Client::new(reference, options, Purpose::Pull);
    let subject = reference.to_string();
    let root = client.manifest(reference.wanted())?;
    let document = manifest::parse(&root.bytes, &root.media_type, &subject)?;
    let root_digest = root.digest.to_string();
    let resolved = resolve(&client, document, root.digest, options.platform.as_ref(), &subject)?;
    let repository = reference.familiar_repository();
    let manifest_digest = resolved.digest.to_string();
    let names = Names {
        name: name.to_owned(),
        repo_tags: reference.familiar_tag().into_iter().collect(),
        // The image is known by its own digest and by that of the index it was chosen from.
        repo_digests: vec![format!("{repository}@{root_digest}"), format!("{repository}@{manifest_digest}")],
        config_digest: resolved.manifest.config.digest.to_string(),
        manifest_digest,
    };
    let stored = resolved.manifest.layers.iter().map(Stored::from).collect();
    let image = config::image(names, resolved.config, stored)?;
    let image = ResolvedImage { annotations: resolved.manifest.annotations, ..image };
    Ok(Source::Layers(Box::new(RegistryImage { client, image, progress: options.progress.clone() })))
}

impl ImageSource for RegistryImage {
    fn image(&self) -> &ResolvedImage {
        &self.image
    }

    fn open_layer(&self, index: usize) -> io::Result<Box<dyn Read + Send + '_>> {
        let layer = self.image.layers.get(index).ok_or(io::ErrorKind::NotFound)?;
        let digest = layer.digest.clone().expect("every layer of a registry has a digest").0;
        let reader = BlobReader::new(&self.client, digest, layer.size_bytes, layer.urls.clone(), "layer");
        Ok(Box::new(reader.with_progress(self.progress.clone(), index)))
    }
}

/// Reads the manifest of an artifact, for fuzzing.
pub(crate) fn fuzz_artifact(bytes: &[u8]) {
    let digest = crate::verify::sha256(bytes);
    let _ = referrers::artifact(bytes, digest, "fuzz");
    attach::fuzz(bytes);
    graph::fuzz(bytes);
    catalog::fuzz(bytes, &String::from_utf8_lossy(bytes));
}

/// Reads a challenge header, for fuzzing.
pub(crate) fn fuzz_challenge(text: &str) {
    challenge::parse(text);
    plimsoll_http::fuzz_parsers(text);
}
