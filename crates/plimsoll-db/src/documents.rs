//! Texts of documents by their number: a hit unpacks the texts of the block it stands in, and few hits share many.
//!
//! The section `blocks` has for each block: its offset in the section `documents` (u64), the number of its first
//! document (u32), its unpacked length (u32), its records (u32), nothing (u32), its digest (32 bytes).

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use plimsoll_model::{LookupError, Texts};

use crate::block::{BlockDigest, BlockTexts, Frame, PART};
use crate::bytes::damaged;
use crate::dictionary::Dictionary;
use crate::strings::{u32_at, u64_at};

/// Bytes of unpacked texts that are kept at most.
const MAX_CACHED_BYTES: usize = 64 * 1024 * 1024;
const BLOCK_ENTRY_BYTES: usize = 56;

/// The sections `blocks` and `documents`. `first` has the number of the first document of each frame.
pub(crate) fn sections(frames: &[Frame<'_>], first: &[u32]) -> (Vec<u8>, Vec<u8>) {
    let mut index = Vec::with_capacity(frames.len() * BLOCK_ENTRY_BYTES);
    let mut packed = Vec::with_capacity(frames.iter().map(|frame| frame.bytes.len()).sum());
    for (frame, first) in frames.iter().zip(first) {
        index.extend_from_slice(&(packed.len() as u64).to_le_bytes());
        index.extend_from_slice(&first.to_le_bytes());
        index.extend_from_slice(&frame.unpacked_bytes.to_le_bytes());
        index.extend_from_slice(&frame.records.to_le_bytes());
        index.extend_from_slice(&0_u32.to_le_bytes());
        index.extend_from_slice(&frame.digest);
        packed.extend_from_slice(&frame.bytes);
    }
    (index, packed)
}

/// Texts of blocks that were unpacked last. Documents stand in the order of their days, so one image's hits share blocks.
#[derive(Debug, Default)]
pub(crate) struct BlockCache(Mutex<CachedBlocks>);

#[derive(Debug, Default)]
struct CachedBlocks {
    blocks: HashMap<usize, Arc<BlockTexts>>,
    /// The oldest first.
    order: VecDeque<usize>,
    bytes: usize,
}

impl BlockCache {
    fn get(&self, block: usize) -> Option<Arc<BlockTexts>> {
        // A poisoned lock belongs to a panic elsewhere; without the cache everything works, only slower.
        self.0.lock().ok()?.blocks.get(&block).cloned()
    }

    fn keep(&self, block: usize, texts: &Arc<BlockTexts>) {
        let Ok(mut cached) = self.0.lock() else { return };
        if cached.blocks.insert(block, Arc::clone(texts)).is_some() {
            return;
        }
        cached.order.push_back(block);
        cached.bytes += texts.len();
        while cached.bytes > MAX_CACHED_BYTES {
            let Some(oldest) = cached.order.pop_front() else { return };
            cached.bytes -= cached.blocks.remove(&oldest).map_or(0, |gone| gone.len());
        }
    }
}

/// A block of an open file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredBlock<'a> {
    pub(crate) digest: BlockDigest,
    pub(crate) frame: &'a [u8],
    pub(crate) records: u32,
    pub(crate) unpacked_bytes: u32,
}

/// Both sections of an open file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Documents<'a> {
    pub(crate) index: &'a [u8],
    pub(crate) packed: &'a [u8],
}

impl<'a> Documents<'a> {
    pub(crate) fn blocks(self) -> usize {
        self.index.len() / BLOCK_ENTRY_BYTES
    }

    /// The block of that place.
    pub(crate) fn block(self, block: usize) -> Result<StoredBlock<'a>, LookupError> {
        let at = BLOCK_ENTRY_BYTES.saturating_mul(block);
        let read = || {
            let start = usize::try_from(u64_at(self.index, at)?).ok()?;
            let end = match u64_at(self.index, at + BLOCK_ENTRY_BYTES) {
                Some(end) => usize::try_from(end).ok()?,
                None => self.packed.len(),
            };
            let digest: BlockDigest = *self.index.get(at + 24..)?.first_chunk()?;
            let frame = self.packed.get(start..end)?;
            let (unpacked_bytes, records) = (u32_at(self.index, at + 12)?, u32_at(self.index, at + 16)?);
            Some(StoredBlock { digest, frame, records, unpacked_bytes })
        };
        read().ok_or_else(|| damaged(PART, "a block inside of it"))
    }

    /// The texts of the document of that number, which must have them here. `with_texts` counts of these numbers the
    /// documents that have.
    pub(crate) fn texts(
        self,
        number: u32,
        cache: &BlockCache,
        dictionary: &Dictionary,
        with_texts: impl Fn(Range<u32>) -> Result<usize, LookupError>,
    ) -> Result<Texts, LookupError> {
        let first = |block: usize| u32_at(self.index, BLOCK_ENTRY_BYTES * block + 8);
        let (mut low, mut high) = (0, self.blocks());
        while low < high {
            let middle = low.midpoint(high);
            if first(middle).is_some_and(|first| first <= number) { low = middle + 1 } else { high = middle }
        }
        let unknown = || damaged(PART, &format!("an advisory of number {number}"));
        let block = low.checked_sub(1).ok_or_else(unknown)?;
        let before = with_texts(first(block).ok_or_else(unknown)?..number)?;
        let texts = if let Some(texts) = cache.get(block) {
            texts
        } else {
            let texts = Arc::new(BlockTexts::unpack(self.block(block)?.frame, dictionary)?);
            cache.keep(block, &texts);
            texts
        };
        texts.get(before)
    }
}
