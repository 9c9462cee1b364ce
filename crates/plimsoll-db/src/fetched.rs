//! Partitions that come from elsewhere as blocks: which blocks a store has, and files of blocks.

use std::collections::HashMap;

use plimsoll_model::Digest;
use sha2::{Digest as _, Sha256};

use crate::block::Frame;
use crate::builder::{read_dictionary, read_frame};
use crate::dictionary::Dictionary;
use crate::manifest::PartitionInfo;
use crate::{Database, Error, Store};

impl Store {
    /// Takes the blocks of a partition that was fetched, and writes its file. `dictionary` is what they are packed with,
    /// see [`Database::dictionary_bytes`].
    ///
    /// # Errors
    /// [`Error::Block`] for a dictionary that is none.
    pub fn partition_writer(&self, name: &str, dictionary: &[u8]) -> Result<PartitionWriter, Error> {
        let dictionary = read_dictionary(name, dictionary)?;
        Ok(PartitionWriter {
            store: self.clone(),
            name: name.to_owned(),
            dictionary,
            frames: Vec::new(),
            unpacked_bytes: 0,
        })
    }

    /// The blocks of all partitions of the current generation, by digest and dictionary: what need not be fetched again.
    pub fn known_blocks(&self) -> Result<KnownBlocks, Error> {
        let mut known = KnownBlocks::default();
        let Some(generation) = self.current()? else { return Ok(known) };
        for info in &generation.manifest().partitions {
            let Ok(database) = self.open_partition(info) else { continue };
            let place = known.databases.len();
            let dictionary: [u8; 32] = Sha256::digest(database.dictionary_bytes()).into();
            for (number, block) in database.stored_blocks().enumerate() {
                known.places.insert((block?.digest, dictionary), (place, number));
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
    dictionary: Dictionary,
    frames: Vec<Frame<'static>>,
    unpacked_bytes: u64,
}

impl PartitionWriter {
    /// Takes the next block; gives the digest of what it unpacks to.
    ///
    /// # Errors
    /// [`Error::Block`] for what is none.
    pub fn push(&mut self, frame: &[u8]) -> Result<Digest, Error> {
        let frame = read_frame(&self.name, &self.dictionary, frame.to_vec())?;
        let digest = Digest::sha256(&frame.digest);
        self.unpacked_bytes += u64::from(frame.unpacked_bytes);
        self.frames.push(frame);
        Ok(digest)
    }

    /// Length of the blocks that it was given, unpacked, in bytes.
    pub fn unpacked_bytes(&self) -> u64 {
        self.unpacked_bytes
    }

    /// Writes the file. What comes back is to be compared with what the manifest says.
    pub fn finish(self) -> Result<PartitionInfo, Error> {
        self.store.finish(&self.name, &self.dictionary, &self.frames)
    }
}

/// The blocks that a store has.
#[derive(Debug, Default)]
pub struct KnownBlocks {
    databases: Vec<Database>,
    /// By the digest of the block and that of the dictionary it is packed with.
    places: HashMap<([u8; 32], [u8; 32]), (usize, usize)>,
}

impl KnownBlocks {
    /// Whether it has that block, packed with the dictionary whose [bytes](Database::dictionary_bytes) have that SHA-256.
    pub fn contains(&self, digest: &Digest, dictionary: &Digest) -> bool {
        self.frame(digest, dictionary).is_some()
    }

    /// That block, packed with that dictionary.
    pub fn frame(&self, digest: &Digest, dictionary: &Digest) -> Option<&[u8]> {
        let (database, number) = self.places.get(&(bytes_of(digest)?, bytes_of(dictionary)?))?;
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
