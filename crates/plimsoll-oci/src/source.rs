//! An image that can be read, wherever it lies.

use std::collections::BTreeMap;
use std::io::{self, Read};

use plimsoll_model::{Artifact, DiffId, LayerDigest};

/// An opened image.
pub enum Source {
    /// Its layers can be read in any order, several at once: a registry, a layout, a tar archive in a file.
    Layers(Box<dyn ImageSource>),
    /// Its layers come one behind the other and once: an engine's socket, a compressed archive.
    Stream(Box<dyn ImageStream>),
}

/// What an image is, before its layers are read.
#[derive(Clone, Debug, Default)]
pub struct ResolvedImage {
    /// Names, digests, platform and config. Its `layers` are parallel to [`ResolvedImage::layers`].
    pub artifact: Artifact,
    /// The layers from the base up.
    pub layers: Vec<StoredLayer>,
    /// The annotations of its manifest; empty where the source has no manifest of that kind (engines,
    /// `docker-archive:`).
    pub annotations: BTreeMap<String, String>,
}

/// A layer as it is stored.
#[derive(Clone, Debug)]
pub struct StoredLayer {
    /// Digest of the uncompressed tar, as the (verified) config claims.
    pub diff_id: DiffId,
    /// Digest of the stored bytes, where the source has one.
    pub digest: Option<LayerDigest>,
    /// Media type, as in the manifest; empty where there is none. Readers sniff the compression all the same.
    pub media_type: String,
    /// Size of the stored bytes; 0 where unknown.
    pub size_bytes: u64,
    /// Addresses of a foreign (non-distributable) layer; those are only tried where the source lacks the blob.
    pub urls: Vec<String>,
}

/// An image whose layers can be read in any order, several at once.
pub trait ImageSource: Send + Sync {
    /// What it is.
    fn image(&self) -> &ResolvedImage;

    /// The stored bytes of a layer (compressed as they are stored).
    ///
    /// The reader verifies: where [`StoredLayer::digest`] is known, the end of the bytes is only reported (`Ok(0)`)
    /// once their digest was found right; else it fails with an [`io::Error`] that holds a `Error` of this crate.
    /// Transport failures are retried and resumed inside.
    ///
    /// # Errors
    /// As the reader's: the source of the [`io::Error`] is a `Error` of this crate.
    fn open_layer(&self, index: usize) -> io::Result<Box<dyn Read + Send + '_>>;
}

/// An image whose layers come one behind the other, once.
pub trait ImageStream: Send {
    /// What is known before the stream is read: an engine tells diff IDs, a compressed archive nothing.
    fn expected(&self) -> Option<&ResolvedImage>;

    /// Reads the stream to its end. Each member that may be a layer goes to `sink` with its name in the stream; the
    /// sink need not read it to its end. The sink keys what it makes by the diff ID that it computes itself, since
    /// the stream names its layers only at its end.
    ///
    /// # Errors
    /// The stream's, or the first of the sink.
    fn read(
        self: Box<Self>,
        sink: &mut dyn FnMut(&str, &mut dyn Read) -> io::Result<()>,
    ) -> io::Result<ResolvedImage>;
}
