//! Advisories without their packages, compressed in blocks so that a hit unpacks a few kilobytes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::thread;

use plimsoll_model::{Advisory, LookupError, Reference};

use crate::Error;
use crate::bytes::{Put, Reader, damaged};
use crate::strings::{u32_at, u64_at};

const PART: &str = "documents";
/// A block is closed when it has this many bytes, unpacked. A larger one packs better and unpacks slower.
const BLOCK_BYTES: usize = 16 * 1024;
/// Longest block that is unpacked, in bytes: a document may be as long as its record, 16 MiB, and somewhat more.
const MAX_BLOCK_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of unpacked blocks that are kept at most.
const MAX_CACHED_BYTES: usize = 8 * 1024 * 1024;
/// zstd's level. Of 85,000 records of 18 ecosystems, 9 makes a file 0.1% smaller and takes longer.
const LEVEL: i32 = 6;
/// Offset, first document, unpacked length.
const BLOCK_ENTRY_BYTES: usize = 16;

/// Both sections while they are built.
#[derive(Default)]
pub(crate) struct DocumentsBuilder {
    open: Vec<u8>,
    first: u32,
    count: u32,
    blocks: Vec<(u32, Vec<u8>)>,
}

impl DocumentsBuilder {
    /// Adds the next document.
    pub(crate) fn add(&mut self, advisory: &Advisory) -> Result<(), Error> {
        let mut document = Vec::new();
        encode(advisory, &mut document);
        if document.len() > MAX_BLOCK_BYTES / 2 {
            let (limit, found) = (MAX_BLOCK_BYTES as u64 / 2, document.len() as u64);
            return Err(Error::TooMuch { what: "bytes of one advisory", limit, found });
        }
        if !self.open.is_empty() && self.open.len() + document.len() > BLOCK_BYTES {
            self.close();
        }
        self.open.put_count(document.len());
        self.open.extend_from_slice(&document);
        self.count = self.count.checked_add(1).ok_or(Error::TooMuch {
            what: "advisories",
            limit: u64::from(u32::MAX),
            found: u64::from(u32::MAX) + 1,
        })?;
        Ok(())
    }

    fn close(&mut self) {
        self.blocks.push((self.first, std::mem::take(&mut self.open)));
        self.first = self.count;
    }

    /// The sections `blocks` and `documents`.
    pub(crate) fn finish(mut self) -> Result<(Vec<u8>, Vec<u8>), Error> {
        if !self.open.is_empty() {
            self.close();
        }
        let (mut index, mut packed) = (Vec::new(), Vec::new());
        for (frame, (first, block)) in compress(&self.blocks)?.into_iter().zip(&self.blocks) {
            index.extend_from_slice(&(packed.len() as u64).to_le_bytes());
            index.extend_from_slice(&first.to_le_bytes());
            let length = u32::try_from(block.len()).expect("at most 64 MiB by the check of each document");
            index.extend_from_slice(&length.to_le_bytes());
            packed.extend_from_slice(&frame);
        }
        Ok((index, packed))
    }
}

/// Compresses the blocks, in their order, on all cores.
fn compress(blocks: &[(u32, Vec<u8>)]) -> Result<Vec<Vec<u8>>, Error> {
    const MAX_THREADS: usize = 16;
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let share = blocks.len().div_ceil(threads).max(1);
    let compress_share = |share: &[(u32, Vec<u8>)]| {
        let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
        share.iter().map(|(_, block)| compressor.compress(block)).collect::<std::io::Result<Vec<_>>>()
    };
    let shares: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> =
            blocks.chunks(share).map(|share| scope.spawn(move || compress_share(share))).collect();
        running.into_iter().map(|thread| thread.join().expect("compressing does not panic")).collect()
    });
    let mut frames = Vec::with_capacity(blocks.len());
    for share in shares {
        frames.extend(share.map_err(|source| Error::Compress { source })?);
    }
    Ok(frames)
}

/// Blocks that were unpacked last. Documents stand in the order of their IDs, so one image's hits share blocks.
#[derive(Debug, Default)]
pub(crate) struct BlockCache(Mutex<CachedBlocks>);

#[derive(Debug, Default)]
struct CachedBlocks {
    blocks: HashMap<usize, Arc<[u8]>>,
    /// The oldest first.
    order: VecDeque<usize>,
    bytes: usize,
}

impl BlockCache {
    fn get(&self, block: usize) -> Option<Arc<[u8]>> {
        // A poisoned lock belongs to a panic elsewhere; without the cache everything works, only slower.
        self.0.lock().ok()?.blocks.get(&block).cloned()
    }

    fn keep(&self, block: usize, unpacked: &Arc<[u8]>) {
        let Ok(mut cached) = self.0.lock() else { return };
        if cached.blocks.insert(block, Arc::clone(unpacked)).is_some() {
            return;
        }
        cached.order.push_back(block);
        cached.bytes += unpacked.len();
        while cached.bytes > MAX_CACHED_BYTES {
            let Some(oldest) = cached.order.pop_front() else { return };
            cached.bytes -= cached.blocks.remove(&oldest).map_or(0, |gone| gone.len());
        }
    }
}

/// Both sections of an open file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Documents<'a> {
    pub(crate) index: &'a [u8],
    pub(crate) packed: &'a [u8],
}

impl Documents<'_> {
    /// The document of that number.
    pub(crate) fn get(self, number: u32, cache: &BlockCache) -> Result<Advisory, LookupError> {
        let count = self.index.len() / BLOCK_ENTRY_BYTES;
        let first = |block: usize| u32_at(self.index, BLOCK_ENTRY_BYTES * block + 8);
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low.midpoint(high);
            if first(middle).is_some_and(|first| first <= number) { low = middle + 1 } else { high = middle }
        }
        let unknown = || damaged(PART, &format!("an advisory of number {number}"));
        let block = low.checked_sub(1).ok_or_else(unknown)?;
        let before = number - first(block).ok_or_else(unknown)?;

        let unpacked = if let Some(unpacked) = cache.get(block) {
            unpacked
        } else {
            let unpacked: Arc<[u8]> = self.unpack(block)?.into();
            cache.keep(block, &unpacked);
            unpacked
        };
        let mut reader = Reader::new(&unpacked, PART);
        for _ in 0..before {
            reader.sized()?;
        }
        decode(Reader::new(reader.sized()?, PART))
    }

    fn unpack(self, block: usize) -> Result<Vec<u8>, LookupError> {
        let at = BLOCK_ENTRY_BYTES * block;
        let place = || {
            let start = usize::try_from(u64_at(self.index, at)?).ok()?;
            let end = match u64_at(self.index, at + BLOCK_ENTRY_BYTES) {
                Some(end) => usize::try_from(end).ok()?,
                None => self.packed.len(),
            };
            Some((self.packed.get(start..end)?, u32_at(self.index, at + 12)? as usize))
        };
        let (frame, length) = place().ok_or_else(|| damaged(PART, "a block inside of it"))?;
        if length > MAX_BLOCK_BYTES {
            return Err(damaged(PART, "a block of at most 64 MiB"));
        }
        let unpacked = zstd::bulk::decompress(frame, length).map_err(|_| damaged(PART, "a zstd frame"))?;
        if unpacked.len() == length { Ok(unpacked) } else { Err(damaged(PART, "a frame of its length")) }
    }
}

fn encode(advisory: &Advisory, out: &mut Vec<u8>) {
    out.put_text(&advisory.id);
    for list in [&advisory.aliases, &advisory.upstream, &advisory.related, &advisory.cwes] {
        out.put_count(list.len());
        for text in list {
            out.put_text(text);
        }
    }
    out.put_text(advisory.informational.as_deref().unwrap_or_default());
    out.put_text(&advisory.published);
    out.put_text(&advisory.modified);
    out.put_count(advisory.ratings.len());
    for rating in &advisory.ratings {
        out.put_rating(rating, Put::put_text);
    }
    out.put_count(advisory.references.len());
    for reference in &advisory.references {
        out.put_text(&reference.kind);
        out.put_text(&reference.url);
    }
    out.put_text(&advisory.summary);
    out.put_text(&advisory.details);
}

fn decode(mut reader: Reader<'_>) -> Result<Advisory, LookupError> {
    let mut advisory = Advisory { id: reader.text()?.to_owned(), ..Advisory::default() };
    for list in [&mut advisory.aliases, &mut advisory.upstream, &mut advisory.related, &mut advisory.cwes] {
        for _ in 0..reader.count()? {
            list.push(reader.text()?.to_owned());
        }
    }
    advisory.informational = Some(reader.text()?.to_owned()).filter(|text| !text.is_empty());
    reader.text()?.clone_into(&mut advisory.published);
    reader.text()?.clone_into(&mut advisory.modified);
    for _ in 0..reader.count()? {
        advisory.ratings.push(reader.rating(Reader::text)?);
    }
    for _ in 0..reader.count()? {
        let (kind, url) = (reader.text()?.to_owned(), reader.text()?.to_owned());
        advisory.references.push(Reference { kind, url });
    }
    reader.text()?.clone_into(&mut advisory.summary);
    reader.text()?.clone_into(&mut advisory.details);
    Ok(advisory)
}
