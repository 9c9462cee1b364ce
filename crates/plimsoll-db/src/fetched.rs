//! Partitions that come from elsewhere as blocks: which blocks a store has, and files of blocks.

use std::collections::HashMap;

use plimsoll_model::Digest;

use crate::block::Frame;
use crate::builder::read_frame;
use crate::manifest::PartitionInfo;
use crate::{Database, Error, Store};

impl Store {
    /// Takes the blocks of a partition that was fetched, and writes its file.
    pub fn partition_writer(&self, name: &str) -> PartitionWriter {
        PartitionWriter { store: self.clone(), name: name.to_owned(), frames: Vec::new() }
    }

    /// The blocks of all partitions of the current generation, by digest: what need not be fetched again.
    pub fn known_blocks(&self) -> Result<KnownBlocks, Error> {
        let mut known = KnownBlocks::default();
        let Some(generation) = self.current()? else { return Ok(known) };
        for info in &generation.manifest().partitions {
            let Ok(database) = self.open_partition(info) else { continue };
            let place = known.databases.len();
            for (number, block) in database.stored_blocks().enumerate() {
                known.places.insert(block?.digest, (place, number));
            }
            known.databases.push(database);
        }
        Ok(known)
    }
}

/// The blocks of a partition that was fetched, one after the other.
#[derive(Debug)]
pub struct PartitionWriter {
    store: Store,
    name: String,
    frames: Vec<Frame<'static>>,
}

impl PartitionWriter {
    /// Takes the next block; gives the digest of what it unpacks to.
    ///
    /// # Errors
    /// [`Error::Block`] for what is none.
    pub fn push(&mut self, frame: &[u8]) -> Result<Digest, Error> {
        let frame = read_frame(&self.name, frame.to_vec())?;
        let digest = Digest::sha256(&frame.digest);
        self.frames.push(frame);
        Ok(digest)
    }

    /// Writes the file. What comes back is to be compared with what the manifest says.
    pub fn finish(self) -> Result<PartitionInfo, Error> {
        self.store.finish(&self.name, &self.frames)
    }
}

/// The blocks that a store has.
#[derive(Debug, Default)]
pub struct KnownBlocks {
    databases: Vec<Database>,
    places: HashMap<[u8; 32], (usize, usize)>,
}

impl KnownBlocks {
    /// Whether it has that one.
    pub fn contains(&self, digest: &Digest) -> bool {
        bytes_of(digest).is_some_and(|bytes| self.places.contains_key(&bytes))
    }

    /// The frame of that block.
    pub fn frame(&self, digest: &Digest) -> Option<&[u8]> {
        let (database, number) = self.places.get(&bytes_of(digest)?)?;
        self.databases.get(*database)?.stored_block(*number).ok().map(|block| block.frame)
    }
}

/// The 32 bytes of a SHA-256 digest.
fn bytes_of(digest: &Digest) -> Option<[u8; 32]> {
    let hex = digest.hex().as_bytes();
    if digest.algorithm() != "sha256" || hex.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}
