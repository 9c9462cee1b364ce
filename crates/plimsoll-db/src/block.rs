//! Blocks: whole records, compressed together, whose ends are decided by their content.
//!
//! Unpacked, a block is: a varint count of *origins*, each a source text and a scope text; a varint count of records;
//! for each the varint number of its origin, and its body with a varint length in front. A block's digest is the
//! SHA-256 of that, so that it does not depend on the compressor. Packed it is one zstd frame that says its size, of
//! these bytes or of the same in [`columns`].

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::thread;

use plimsoll_model::LookupError;
use sha2::{Digest as _, Sha256};
use zstd::zstd_safe;

use crate::Error;
use crate::bytes::{MAX_RESERVE, Put as _, Reader, damaged};
use crate::columns;
use crate::record::{Key, MAX_RECORD_BYTES};

pub(crate) const PART: &str = "documents";
/// Longest block, in bytes, unpacked: one record may be that long.
pub const MAX_BLOCK_BYTES: usize = 64 * 1024 * 1024;
/// Longest frame of a block, in bytes.
pub const MAX_FRAME_BYTES: usize = MAX_BLOCK_BYTES + 1024 * 1024;
/// A block ends nowhere before it has this many bytes, unpacked.
const MIN_BYTES: usize = 8 * 1024;
/// Behind that it ends after this many bytes on average. A longer one packs better, and costs more when a record of it
/// is asked for or changes.
const MEAN_BYTES: u64 = 24 * 1024;
/// A block ends before it has more bytes than this, unless one record does.
const FULL_BYTES: usize = 128 * 1024;
/// zstd's level. On a sample of blocks, 12 packs 3% better than 6, in three times the time.
const LEVEL: i32 = 12;
/// Bytes of blocks, unpacked, that wait to be compressed together, on all cores.
const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;
/// Threads that compress.
const MAX_THREADS: usize = 16;

/// SHA-256 of the unpacked bytes.
pub(crate) type BlockDigest = [u8; 32];

/// A block that is ready to be written.
#[derive(Clone, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) digest: BlockDigest,
    pub(crate) bytes: Cow<'a, [u8]>,
    pub(crate) records: u32,
    pub(crate) unpacked_bytes: u32,
}

/// Makes blocks of records that come in the order of their keys.
pub(crate) struct BlockWriter<'a> {
    reuse: HashMap<BlockDigest, &'a [u8]>,
    frames: Vec<Frame<'a>>,
    /// Places in `frames` that have no bytes yet, and what is to be compressed.
    waiting: Vec<(usize, Vec<u8>)>,
    waiting_bytes: usize,
    origins: Vec<(String, String)>,
    records: Vec<u8>,
    count: u32,
}

impl<'a> BlockWriter<'a> {
    /// `reuse` has frames of blocks that were compressed before.
    pub(crate) fn new(reuse: HashMap<BlockDigest, &'a [u8]>) -> Self {
        Self {
            reuse,
            frames: Vec::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            origins: Vec::new(),
            records: Vec::new(),
            count: 0,
        }
    }

    /// Adds the next record.
    pub(crate) fn add(&mut self, key: &Key<'_>, body: &[u8]) -> Result<(), Error> {
        if body.len() > MAX_RECORD_BYTES {
            let (limit, found) = (MAX_RECORD_BYTES as u64, body.len() as u64);
            return Err(Error::TooMuch { what: "bytes of one record", limit, found });
        }
        if self.count > 0 && self.records.len() + body.len() > FULL_BYTES {
            self.close()?;
        }
        let is_same = |(source, scope): &(String, String)| source == key.source && scope == key.scope;
        let origin = self.origins.iter().position(is_same).unwrap_or_else(|| {
            self.origins.push((key.source.to_owned(), key.scope.to_owned()));
            self.origins.len() - 1
        });
        self.records.put_count(origin);
        self.records.put_count(body.len());
        self.records.extend_from_slice(body);
        self.count += 1;
        // The longer a record, the more probable is an end behind it, so that blocks of all kinds are as long.
        let chance = (u64::MAX / MEAN_BYTES).saturating_mul(body.len() as u64);
        if self.records.len() >= MIN_BYTES && key.hash() < chance {
            self.close()?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        let mut block = Vec::with_capacity(self.records.len() + 64);
        block.put_count(self.origins.len());
        for (source, scope) in self.origins.drain(..) {
            block.put_text(&source);
            block.put_text(&scope);
        }
        block.put_varint(u64::from(self.count));
        block.append(&mut self.records);
        let unpacked_bytes = u32::try_from(block.len()).expect("at most 33 MiB by the check of each record");
        let digest: BlockDigest = Sha256::digest(&block).into();
        let records = std::mem::take(&mut self.count);
        let known = self.reuse.get(&digest);
        let bytes = Cow::Borrowed(known.copied().unwrap_or_default());
        if known.is_none() {
            self.waiting_bytes += block.len();
            self.waiting.push((self.frames.len(), block));
        }
        self.frames.push(Frame { digest, bytes, records, unpacked_bytes });
        if self.waiting_bytes > MAX_WAITING_BYTES { self.compress() } else { Ok(()) }
    }

    fn compress(&mut self) -> Result<(), Error> {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        for (place, frame) in compress(&waiting).map_err(|source| Error::Compress { source })? {
            self.frames[place].bytes = Cow::Owned(frame);
        }
        Ok(())
    }

    /// All blocks, in their order.
    pub(crate) fn finish(mut self) -> Result<Vec<Frame<'a>>, Error> {
        if self.count > 0 {
            self.close()?;
        }
        self.compress()?;
        Ok(self.frames)
    }
}

/// Compresses blocks on all cores.
fn compress(blocks: &[(usize, Vec<u8>)]) -> io::Result<Vec<(usize, Vec<u8>)>> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let share = blocks.len().div_ceil(threads).max(1);
    let compress_share = |share: &[(usize, Vec<u8>)]| {
        let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
        let mut compress = |(place, block): &(usize, Vec<u8>)| {
            let columns = columns::shred(block);
            Ok((*place, compressor.compress(columns.as_ref().unwrap_or(block))?))
        };
        share.iter().map(&mut compress).collect::<io::Result<Vec<_>>>()
    };
    if blocks.len() <= threads {
        return compress_share(blocks);
    }
    let shares: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> =
            blocks.chunks(share).map(|share| scope.spawn(move || compress_share(share))).collect();
        running.into_iter().map(|thread| thread.join().expect("compressing does not panic")).collect()
    });
    let mut frames = Vec::with_capacity(blocks.len());
    for share in shares {
        frames.extend(share?);
    }
    Ok(frames)
}

/// Unpacks a frame from anywhere: one zstd frame that names its size, of at most [`MAX_BLOCK_BYTES`].
pub(crate) fn unpack(frame: &[u8]) -> Result<Vec<u8>, LookupError> {
    if frame.len() > MAX_FRAME_BYTES {
        return Err(damaged(PART, "a frame of at most 65 MiB"));
    }
    if !zstd_safe::find_frame_compressed_size(frame).is_ok_and(|length| length == frame.len()) {
        return Err(damaged(PART, "one whole zstd frame"));
    }
    let size = zstd_safe::get_frame_content_size(frame).ok().flatten();
    let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= MAX_BLOCK_BYTES);
    let size = size.ok_or_else(|| damaged(PART, "a zstd frame that says its size, of at most 64 MiB"))?;
    let unpacked = zstd::bulk::decompress(frame, size).map_err(|_| damaged(PART, "a zstd frame"))?;
    if unpacked.len() != size {
        return Err(damaged(PART, "a frame of its length"));
    }
    if unpacked.first() == Some(&columns::MARK) { columns::join(&unpacked) } else { Ok(unpacked) }
}

/// The records of an unpacked block, one after the other.
pub(crate) struct BlockReader<'a> {
    origins: Vec<(&'a str, &'a str)>,
    left: usize,
    reader: Reader<'a>,
}

/// One record of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockRecord<'a> {
    pub(crate) source: &'a str,
    pub(crate) scope: &'a str,
    pub(crate) body: &'a [u8],
}

impl<'a> BlockReader<'a> {
    pub(crate) fn new(unpacked: &'a [u8]) -> Result<Self, LookupError> {
        let mut reader = Reader::new(unpacked, PART);
        let count = reader.count()?;
        let mut origins = Vec::with_capacity(count.min(MAX_RESERVE));
        for _ in 0..count {
            origins.push((reader.text()?, reader.text()?));
        }
        let left = reader.count()?;
        Ok(Self { origins, left, reader })
    }

    /// How many records are left.
    pub(crate) fn count_left(&self) -> usize {
        self.left
    }

    fn read(&mut self) -> Result<BlockRecord<'a>, LookupError> {
        let origin = self.reader.varint()?;
        let origin = usize::try_from(origin).ok().and_then(|origin| self.origins.get(origin));
        let &(source, scope) = origin.ok_or_else(|| self.reader.damaged("one of the block's origins"))?;
        Ok(BlockRecord { source, scope, body: self.reader.sized()? })
    }
}

impl<'a> Iterator for BlockReader<'a> {
    type Item = Result<BlockRecord<'a>, LookupError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let mut record = self.read();
        if record.is_ok() && self.left == 0 && !self.reader.is_empty() {
            record = Err(self.reader.damaged("nothing behind the last record"));
        }
        if record.is_err() {
            self.left = 0;
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::Epss;

    use super::*;
    use crate::record::{encode_epss, encode_texts};

    fn blocks(bodies: &[Vec<u8>]) -> Vec<Frame<'static>> {
        let mut writer = BlockWriter::new(HashMap::new());
        for body in bodies {
            writer.add(&Key::read(body, "s", "").unwrap(), body).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn blocks_are_neither_short_nor_long() {
        let epss = |n: u32| encode_epss(&format!("CVE-2024-{n}"), Epss { probability: n, percentile: n });
        let bodies: Vec<Vec<u8>> = (10_000..90_000).map(epss).collect();
        let frames = blocks(&bodies);
        let all_but_last = &frames[..frames.len() - 1];
        assert!(all_but_last.iter().all(|frame| (8_000..140_000).contains(&frame.unpacked_bytes)));
        let sum: u64 = frames.iter().map(|frame| u64::from(frame.unpacked_bytes)).sum();
        let mean = sum / frames.len() as u64;
        assert!((24_000..44_000).contains(&mean), "{mean}");
        assert_eq!(frames.iter().map(|frame| frame.records).sum::<u32>(), 80_000);
        let unpacked = unpack(&frames[0].bytes).unwrap();
        let records: Vec<_> = BlockReader::new(&unpacked).unwrap().map(Result::unwrap).collect();
        assert_eq!((records[0].body, records[0].source, records[0].scope), (&bodies[0][..], "s", ""));
    }

    #[test]
    fn a_long_record_is_a_block_of_its_own() {
        let texts = |id: &str, length: usize| {
            let details = "x".repeat(length);
            encode_texts(&plimsoll_model::Advisory { id: id.to_owned(), details, ..Default::default() })
        };
        let frames = blocks(&[texts("a", 100), texts("b", 1_000_000), texts("c", 100)]);
        assert_eq!(frames.iter().map(|frame| frame.records).collect::<Vec<_>>(), [1, 1, 1]);
        let body = texts("d", MAX_RECORD_BYTES);
        let error = BlockWriter::new(HashMap::new()).add(&Key::read(&body, "", "").unwrap(), &body);
        assert!(matches!(error, Err(Error::TooMuch { .. })));
    }

    #[test]
    fn a_frame_of_the_cache_is_taken_as_it_is() {
        let body = encode_epss("CVE-1", Epss { probability: 1, percentile: 2 });
        let mut frames = blocks(std::slice::from_ref(&body));
        let marked = b"as it was";
        let mut writer = BlockWriter::new(HashMap::from([(frames[0].digest, &marked[..])]));
        writer.add(&Key::read(&body, "s", "").unwrap(), &body).unwrap();
        assert_eq!(*writer.finish().unwrap()[0].bytes, *marked);
        let mut writer = BlockWriter::new(HashMap::from([(frames[0].digest, &marked[..])]));
        writer.add(&Key::read(&body, "other", "").unwrap(), &body).unwrap();
        assert_ne!(writer.finish().unwrap()[0].digest, frames.remove(0).digest, "the source counts");
    }
}
