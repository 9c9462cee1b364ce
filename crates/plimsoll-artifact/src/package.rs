//! A generation, cut into what an artifact is made of.

use std::ops::Range;

use plimsoll_attest::{Claim, PrivateKey, SignatureImage, SignatureLayer, SignedClaim};
use plimsoll_db::{Block, Database, Generation};
use plimsoll_model::Digest;

use crate::Error;
use crate::chunk::{self, group};
use crate::manifest::{
    ArtifactManifest, Chunk, ChunkKind, MAX_CHUNKS, MAX_MANIFEST_BYTES, is_moment, sha256,
};

/// How an artifact is made.
#[derive(Clone, Copy, Default)]
pub struct Packing<'a> {
    /// When the database was last compared with its sources, RFC 3339. It is a part of the artifact.
    pub created: &'a str,
    /// Signs the artifact.
    pub key: Option<&'a PrivateKey>,
    /// Told of bytes as they are written.
    pub progress: Option<&'a dyn Progress>,
}

/// Told of bytes as they arrive or leave.
pub trait Progress: Sync {
    /// There are this many bytes to be moved; said once, before the first.
    fn total(&self, bytes: u64);

    /// This many more have been moved.
    fn moved(&self, bytes: u64);
}

/// A generation, cut into what an artifact is made of. Holds its partitions open; chunks are made when they are asked
/// for.
pub(crate) struct Package {
    databases: Vec<Database>,
    pub(crate) chunks: Vec<PlannedChunk>,
    /// The manifest of the generation.
    pub(crate) config: Vec<u8>,
    pub(crate) config_digest: Digest,
    /// The manifest of the artifact.
    pub(crate) manifest: Vec<u8>,
    pub(crate) digest: Digest,
}

/// A layer, and where its bytes are.
pub(crate) struct PlannedChunk {
    database: usize,
    /// Of its blocks; `None` for the dictionary.
    blocks: Option<Range<usize>>,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// The dictionaries and blocks of all partitions of a package.
pub(crate) struct Blocks<'a>(Vec<(&'a [u8], Vec<Block<'a>>)>);

impl Package {
    pub(crate) fn new(generation: &Generation, created: &str) -> Result<Self, Error> {
        if !is_moment(created) {
            return Err(Error::Unfit {
                expected: "the moment it was last compared with its sources".to_owned(),
                found: format!("`{created}`"),
            });
        }
        let infos = &generation.manifest().partitions;
        let databases =
            infos.iter().map(|info| generation.partition(&info.name)).collect::<Result<Vec<_>, _>>()?;
        let mut planned = Vec::new();
        let mut chunks = Vec::new();
        for (number, (database, info)) in databases.iter().zip(infos).enumerate() {
            // What is given to others, and may be signed, is looked at as a whole before.
            database.verify()?;
            let dictionary = database.dictionary_bytes();
            let blocks = blocks_of(database)?;
            let ranges = ranges(&blocks);
            let mut add = |bytes: &[u8], range: Option<(usize, Range<usize>)>| {
                let (digest, size) = (sha256(bytes), bytes.len() as u64);
                let (index, blocks) = range.clone().unwrap_or_default();
                chunks.push(Chunk {
                    kind: if range.is_some() { ChunkKind::Blocks } else { ChunkKind::Dictionary },
                    digest: digest.clone(),
                    size,
                    partition: info.name.clone(),
                    index: index as u64,
                    first_block: blocks.start as u64,
                    blocks: blocks.len() as u64,
                });
                planned.push(PlannedChunk {
                    database: number,
                    blocks: range.map(|(_, range)| range),
                    digest,
                    size,
                });
            };
            if !dictionary.is_empty() {
                add(dictionary, None);
            }
            for (index, range) in ranges.into_iter().enumerate() {
                add(&bytes_of(&blocks[range.clone()]), Some((index, range)));
            }
        }
        if planned.len() > MAX_CHUNKS {
            return Err(too_large(format!("{} layers", planned.len())));
        }
        let config = generation.manifest_bytes().to_vec();
        let config_digest = sha256(&config);
        let manifest = ArtifactManifest {
            config_digest: config_digest.clone(),
            config_size: config.len() as u64,
            chunks,
            created: created.to_owned(),
        };
        let manifest = manifest.to_bytes();
        if manifest.len() > MAX_MANIFEST_BYTES {
            return Err(too_large(format!("{} bytes", manifest.len())));
        }
        let digest = sha256(&manifest);
        Ok(Self { databases, chunks: planned, config, config_digest, manifest, digest })
    }

    pub(crate) fn blocks(&self) -> Result<Blocks<'_>, Error> {
        let of = |database| Ok((Database::dictionary_bytes(database), blocks_of(database)?));
        Ok(Blocks(self.databases.iter().map(of).collect::<Result<_, Error>>()?))
    }

    /// The bytes of all chunks together.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.size).sum()
    }
}

impl Blocks<'_> {
    pub(crate) fn chunk(&self, chunk: &PlannedChunk) -> Vec<u8> {
        let (dictionary, blocks) = &self.0[chunk.database];
        chunk.blocks.clone().map_or_else(|| dictionary.to_vec(), |range| bytes_of(&blocks[range]))
    }
}

pub(crate) fn blocks_of(database: &Database) -> Result<Vec<Block<'_>>, plimsoll_db::Error> {
    database.blocks().collect()
}

/// Which blocks make up a chunk each.
pub(crate) fn ranges(blocks: &[Block<'_>]) -> Vec<Range<usize>> {
    group(blocks.iter().map(|block| (chunk::hash(block.digest.hex()), block.frame.len())))
}

pub(crate) fn bytes_of(blocks: &[Block<'_>]) -> Vec<u8> {
    chunk::pack(blocks.iter().map(|block| block.frame))
}

fn too_large(found: String) -> Error {
    Error::Unfit { expected: "a manifest of at most 4 MiB and 50,000 layers".to_owned(), found }
}

/// A signature of an artifact, and the manifest of it and of those that are there already.
pub(crate) struct Signature {
    pub(crate) claim: SignedClaim,
    pub(crate) claim_digest: Digest,
    pub(crate) image: SignatureImage,
}

impl Signature {
    pub(crate) fn new(
        reference: &str,
        digest: &Digest,
        key: &PrivateKey,
        there: Vec<SignatureLayer>,
    ) -> Self {
        let claim = Claim::new(reference, digest.clone()).sign(key);
        let own = SignatureLayer::of(&claim);
        let claim_digest = own.digest.clone();
        let mut layers = there;
        // The same key signs the same bytes in the same way.
        if !layers.contains(&own) {
            layers.push(own);
        }
        Self { claim, claim_digest, image: SignatureImage::new(&layers) }
    }
}
