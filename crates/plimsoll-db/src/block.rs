//! Blocks: whole records, compressed together, whose ends are decided by their content.
//!
//! Unpacked, a block is: a varint count of *origins*, each a source text and a scope text; a varint count of records;
//! for each the varint number of its origin, and its body with a varint length in front. A block's digest is the
//! SHA-256 of that, so that it does not depend on the compressor.
//!
//! Packed it is the length of its first frame (u32), that frame, and a second one where its records have texts: links,
//! summaries, details, which most who ask do not want to read. Both are zstd frames that say their size, packed with the
//! partition's [`Dictionary`]. They hold the same bytes in [`columns`]; what cannot be put in columns is one frame.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::thread;

use plimsoll_model::{Advisory, LookupError, Texts};
use sha2::{Digest as _, Sha256};
use zstd::zstd_safe::{self, DCtx};

use crate::Error;
use crate::bytes::{MAX_RESERVE, Put as _, Reader, damaged};
use crate::columns;
use crate::dictionary::{Compressor, Dictionary};
use crate::record::{Decoded, Head, Key, MAX_RECORD_BYTES, decode_document};

pub(crate) const PART: &str = "documents";
/// Longest block, in bytes, unpacked: one record may be that long.
pub const MAX_BLOCK_BYTES: usize = 64 * 1024 * 1024;
/// Longest block, in bytes, packed.
pub const MAX_FRAME_BYTES: usize = MAX_BLOCK_BYTES + 1024 * 1024;
/// A block ends nowhere before it has this many bytes, unpacked.
const MIN_BYTES: usize = 8 * 1024;
/// Behind that it ends after this many bytes on average. A longer one packs better, and costs more when a record of it
/// is asked for or changes.
const MEAN_BYTES: u64 = 24 * 1024;
/// A block ends before it has more bytes than this, unless one record does.
pub(crate) const FULL_BYTES: usize = 128 * 1024;
/// Bytes that say how long the first frame is.
const LENGTH_BYTES: usize = 4;
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
    /// What it unpacks to, where that was at hand.
    pub(crate) unpacked: Option<Arc<Vec<u8>>>,
}

/// Takes blocks, in their order.
pub(crate) trait Sink {
    /// The next block, unpacked, and how many records it has.
    fn block(&mut self, block: Vec<u8>, records: u32) -> Result<(), Error>;
}

/// Makes blocks of records that come in the order of their keys.
pub(crate) struct BlockWriter<S> {
    sink: S,
    origins: Vec<(String, String)>,
    records: Vec<u8>,
    count: u32,
}

impl<S: Sink> BlockWriter<S> {
    pub(crate) fn new(sink: S) -> Self {
        Self { sink, origins: Vec::new(), records: Vec::new(), count: 0 }
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
        self.sink.block(block, std::mem::take(&mut self.count))
    }

    /// The sink, which has all blocks.
    pub(crate) fn finish(mut self) -> Result<S, Error> {
        if self.count > 0 {
            self.close()?;
        }
        Ok(self.sink)
    }
}

/// Packs blocks with a dictionary.
pub(crate) struct Packer<'a> {
    dictionary: Arc<Dictionary>,
    reuse: HashMap<BlockDigest, &'a [u8]>,
    frames: Vec<Frame<'a>>,
    /// Places in `frames` that have no bytes yet, and what is to be compressed.
    waiting: Vec<(usize, Arc<Vec<u8>>)>,
    waiting_bytes: usize,
}

impl<'a> Packer<'a> {
    /// `reuse` has blocks that were packed before, with the same dictionary.
    pub(crate) fn new(dictionary: Arc<Dictionary>, reuse: HashMap<BlockDigest, &'a [u8]>) -> Self {
        Self { dictionary, reuse, frames: Vec::new(), waiting: Vec::new(), waiting_bytes: 0 }
    }

    fn compress(&mut self) -> Result<(), Error> {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let packed = compress(&waiting, &self.dictionary).map_err(|source| Error::Compress { source })?;
        for (place, frame) in packed {
            self.frames[place].bytes = Cow::Owned(frame);
        }
        Ok(())
    }

    /// All blocks, in their order.
    pub(crate) fn finish(mut self) -> Result<Vec<Frame<'a>>, Error> {
        self.compress()?;
        Ok(self.frames)
    }
}

impl Sink for Packer<'_> {
    fn block(&mut self, block: Vec<u8>, records: u32) -> Result<(), Error> {
        let unpacked_bytes = u32::try_from(block.len()).expect("at most 33 MiB by the check of each record");
        let digest: BlockDigest = Sha256::digest(&block).into();
        let known = self.reuse.get(&digest);
        let bytes = Cow::Borrowed(known.copied().unwrap_or_default());
        let block = Arc::new(block);
        if known.is_none() {
            self.waiting_bytes += block.len();
            self.waiting.push((self.frames.len(), Arc::clone(&block)));
        }
        self.frames.push(Frame { digest, bytes, records, unpacked_bytes, unpacked: Some(block) });
        if self.waiting_bytes > MAX_WAITING_BYTES { self.compress() } else { Ok(()) }
    }
}

/// Compresses blocks on all cores.
fn compress(blocks: &[(usize, Arc<Vec<u8>>)], dictionary: &Dictionary) -> io::Result<Vec<(usize, Vec<u8>)>> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let share = blocks.len().div_ceil(threads).max(1);
    let compress_share = |share: &[(usize, Arc<Vec<u8>>)]| {
        let mut compressor = Compressor::new(dictionary)?;
        let mut compress =
            |(place, block): &(usize, Arc<Vec<u8>>)| Ok((*place, pack(block, &mut compressor)?));
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

/// Packs a block.
fn pack(block: &[u8], compressor: &mut Compressor<'_>) -> io::Result<Vec<u8>> {
    let columns = columns::shred(block);
    let mut packed = vec![0; LENGTH_BYTES];
    compressor.append(columns.as_ref().map_or(block, |columns| &columns.first), &mut packed)?;
    let length = u32::try_from(packed.len() - LENGTH_BYTES).expect("64 MiB and a little at most");
    packed[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    if let Some(columns) = columns.filter(|columns| !columns.texts.is_empty()) {
        compressor.append(&columns.texts, &mut packed)?;
    }
    Ok(packed)
}

/// Both frames of a packed block, from anywhere, with the sizes that they say; the second may be empty.
fn frames(packed: &[u8]) -> Result<[(&[u8], usize); 2], LookupError> {
    if packed.len() > MAX_FRAME_BYTES {
        return Err(damaged(PART, "a packed block of at most 65 MiB"));
    }
    let split = packed.split_first_chunk::<LENGTH_BYTES>().and_then(|(length, frames)| {
        frames.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
    });
    let (first, texts) = split.ok_or_else(|| damaged(PART, "a frame of the length in front of it"))?;
    let first = (first, said_size(first)?);
    let texts = (texts, if texts.is_empty() { 0 } else { said_size(texts)? });
    if first.1 + texts.1 > MAX_BLOCK_BYTES {
        return Err(damaged(PART, "a block of at most 64 MiB"));
    }
    Ok([first, texts])
}

/// The size that one whole frame says, at most [`MAX_BLOCK_BYTES`].
fn said_size(frame: &[u8]) -> Result<usize, LookupError> {
    if !zstd_safe::find_frame_compressed_size(frame).is_ok_and(|length| length == frame.len()) {
        return Err(damaged(PART, "one whole zstd frame"));
    }
    let size = zstd_safe::get_frame_content_size(frame).ok().flatten();
    let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= MAX_BLOCK_BYTES);
    size.ok_or_else(|| damaged(PART, "a zstd frame that says its size, of at most 64 MiB"))
}

thread_local! {
    /// What zstd needs to unpack, once a thread.
    static CONTEXT: RefCell<Option<DCtx<'static>>> = const { RefCell::new(None) };
}

fn decompress((frame, size): (&[u8], usize), dictionary: &Dictionary) -> Result<Vec<u8>, LookupError> {
    let mut unpacked = Vec::with_capacity(size);
    let done = CONTEXT.with_borrow_mut(|context| {
        let context = match context {
            Some(context) => context,
            None => context.insert(DCtx::try_create()?),
        };
        match dictionary.decoder() {
            Some(decoder) => context.decompress_using_ddict(&mut unpacked, frame, decoder).ok(),
            None => context.decompress(&mut unpacked, frame).ok(),
        }
    });
    done.ok_or_else(|| damaged(PART, "a zstd frame"))?;
    if unpacked.len() == size { Ok(unpacked) } else { Err(damaged(PART, "a frame of its length")) }
}

/// Unpacks a block from anywhere, to at most [`MAX_BLOCK_BYTES`].
pub(crate) fn unpack(packed: &[u8], dictionary: &Dictionary) -> Result<Vec<u8>, LookupError> {
    let [first, texts] = frames(packed)?;
    let first = decompress(first, dictionary)?;
    let has_texts = !texts.0.is_empty();
    if first.first() != Some(&columns::MARK) {
        return if has_texts { Err(damaged(PART, "no second frame")) } else { Ok(first) };
    }
    let texts = if has_texts { decompress(texts, dictionary)? } else { Vec::new() };
    columns::join(&first, &texts)
}

/// The texts of a block, unpacked without the rest of it.
#[derive(Debug)]
pub(crate) struct BlockTexts {
    bytes: Vec<u8>,
    in_columns: bool,
}

impl BlockTexts {
    /// Unpacks those of a block from anywhere.
    pub(crate) fn unpack(packed: &[u8], dictionary: &Dictionary) -> Result<Self, LookupError> {
        let [first, texts] = frames(packed)?;
        if !texts.0.is_empty() {
            return Ok(Self { bytes: decompress(texts, dictionary)?, in_columns: true });
        }
        let bytes = decompress(first, dictionary)?;
        if bytes.first() == Some(&columns::MARK) {
            return Err(damaged(PART, "a frame of texts"));
        }
        Ok(Self { bytes, in_columns: false })
    }

    /// How many bytes they take.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The texts of a record. `record` counts from 0 the records of the block that have their texts there: advisories
    /// save those whose texts stand elsewhere, and texts.
    pub(crate) fn get(&self, record: usize) -> Result<Texts, LookupError> {
        if self.in_columns {
            return columns::texts(&self.bytes, record);
        }
        let mut left = record;
        for found in BlockReader::new(&self.bytes)? {
            let found = found?;
            if !Head::read(&mut Reader::new(found.body, PART))?.kind.is_document() {
                continue;
            }
            let Decoded { advisory, texts_elsewhere, .. } = decode_document(found.body, found.source)?;
            if texts_elsewhere {
                continue;
            }
            if left == 0 {
                let Advisory { summary, details, references, .. } = advisory;
                return Ok(Texts { summary, details, references });
            }
            left -= 1;
        }
        Err(damaged(PART, "as many records with texts"))
    }
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
    use plimsoll_model::{Epss, Reference};

    use super::*;

    fn texts_of(packed: &[u8], dictionary: &Dictionary, record: usize) -> Result<Texts, LookupError> {
        BlockTexts::unpack(packed, dictionary)?.get(record)
    }
    use crate::record::{encode_epss, encode_texts};

    fn blocks<'a>(bodies: &[Vec<u8>], reuse: HashMap<BlockDigest, &'a [u8]>, source: &str) -> Vec<Frame<'a>> {
        let mut writer = BlockWriter::new(Packer::new(Arc::default(), reuse));
        for body in bodies {
            writer.add(&Key::read(body, source, "").unwrap(), body).unwrap();
        }
        writer.finish().unwrap().finish().unwrap()
    }

    #[test]
    fn blocks_are_neither_short_nor_long() {
        let epss = |n: u32| encode_epss(&format!("CVE-2024-{n}"), Epss { probability: n, percentile: n });
        let bodies: Vec<Vec<u8>> = (10_000..90_000).map(epss).collect();
        let frames = blocks(&bodies, HashMap::new(), "s");
        let all_but_last = &frames[..frames.len() - 1];
        assert!(all_but_last.iter().all(|frame| (8_000..140_000).contains(&frame.unpacked_bytes)));
        let sum: u64 = frames.iter().map(|frame| u64::from(frame.unpacked_bytes)).sum();
        let mean = sum / frames.len() as u64;
        assert!((24_000..44_000).contains(&mean), "{mean}");
        assert_eq!(frames.iter().map(|frame| frame.records).sum::<u32>(), 80_000);
        let unpacked = unpack(&frames[0].bytes, &Dictionary::default()).unwrap();
        let records: Vec<_> = BlockReader::new(&unpacked).unwrap().map(Result::unwrap).collect();
        assert_eq!((records[0].body, records[0].source, records[0].scope), (&bodies[0][..], "s", ""));
    }

    #[test]
    fn a_long_record_is_a_block_of_its_own() {
        let texts = |id: &str, length: usize| {
            let details = "x".repeat(length);
            encode_texts(&plimsoll_model::Advisory { id: id.to_owned(), details, ..Default::default() })
        };
        let records = [texts("a", 100), texts("b", 1_000_000), texts("c", 100)];
        let frames = blocks(&records, HashMap::new(), "s");
        assert_eq!(frames.iter().map(|frame| frame.records).collect::<Vec<_>>(), [1, 1, 1]);
        let body = texts("d", MAX_RECORD_BYTES);
        let packer = Packer::new(Arc::default(), HashMap::new());
        let error = BlockWriter::new(packer).add(&Key::read(&body, "", "").unwrap(), &body);
        assert!(matches!(error, Err(Error::TooMuch { .. })));
    }

    #[test]
    fn a_frame_of_the_cache_is_taken_as_it_is() {
        let body = encode_epss("CVE-1", Epss { probability: 1, percentile: 2 });
        let body = std::slice::from_ref(&body);
        let mut frames = blocks(body, HashMap::new(), "s");
        let marked = b"as it was";
        let reuse = || HashMap::from([(frames[0].digest, &marked[..])]);
        assert_eq!(*blocks(body, reuse(), "s")[0].bytes, *marked);
        let other = blocks(body, reuse(), "other").remove(0).digest;
        assert_ne!(other, frames.remove(0).digest, "the source counts");
    }

    #[test]
    fn texts_are_a_frame_of_their_own() {
        let advisory = |id: &str, summary: &str| Advisory {
            id: id.to_owned(),
            summary: summary.to_owned(),
            details: "in detail".to_owned(),
            references: vec![Reference { kind: "WEB".to_owned(), url: format!("https://e.example/{id}") }],
            ..Advisory::default()
        };
        let none = Dictionary::default();
        let bodies = [encode_texts(&advisory("a", "one")), encode_texts(&advisory("b", "two"))];
        let packed = blocks(&bodies, HashMap::new(), "s").remove(0).bytes.into_owned();
        let [first, second] = frames(&packed).unwrap();
        assert!(first.1 > 0 && second.1 > 0);
        let two = texts_of(&packed, &none, 1).unwrap();
        assert_eq!((two.summary.as_str(), two.details.as_str()), ("two", "in detail"));
        assert_eq!(two.references, advisory("b", "two").references);
        assert!(texts_of(&packed, &none, 2).is_err());

        // Without the second frame, with another, or with a third, it is no block.
        let bare = &packed[..LENGTH_BYTES + first.0.len()];
        assert!(unpack(bare, &none).is_err() && texts_of(bare, &none, 0).is_err());
        let page = zstd::bulk::compress(b"<html>", 1).unwrap();
        for bad in [[bare, &page].concat(), [&packed[..], &page].concat(), [&packed[..], b"x"].concat()] {
            assert!(unpack(&bad, &none).is_err() && texts_of(&bad, &none, 0).is_err());
        }
        for end in 0..packed.len() {
            assert!(unpack(&packed[..end], &none).is_err() && texts_of(&packed[..end], &none, 0).is_err());
        }
        for place in 0..packed.len() {
            let mut bytes = packed.clone();
            bytes[place] ^= 0x41;
            drop((unpack(&bytes, &none), texts_of(&bytes, &none, 0)));
        }

        // A block that is not in columns has one frame, and its texts as well.
        let mut block = unpack(&packed, &none).unwrap();
        // One origin (`s` and no scope), two records, the first of the first origin; behind it the record's length.
        assert_eq!(block[..6], [1, 1, b's', 0, 2, 0]);
        assert!(block[6] < 0x80);
        // A number that is written longer than it needs is lost in columns.
        block[6] |= 0x80;
        block.insert(7, 0);
        let whole = pack(&block, &mut Compressor::new(&none).unwrap()).unwrap();
        assert_eq!(frames(&whole).unwrap()[1].1, 0);
        assert_eq!(unpack(&whole, &none).unwrap(), block);
        assert_eq!(texts_of(&whole, &none, 1).unwrap(), two);
        assert!(texts_of(&whole, &none, 2).is_err());
        // Facts have none.
        let fact = encode_epss("CVE-1", Epss { probability: 1, percentile: 2 });
        let packed = blocks(&[fact], HashMap::new(), "s").remove(0).bytes.into_owned();
        assert_eq!(frames(&packed).unwrap()[1].0, b"");
        assert!(unpack(&packed, &none).is_ok() && texts_of(&packed, &none, 0).is_err());
    }

    #[test]
    fn both_frames_together_are_bounded() {
        let half = zstd::bulk::compress(&vec![0; MAX_BLOCK_BYTES / 2 + 1], 1).unwrap();
        let length = u32::try_from(half.len()).unwrap().to_le_bytes();
        let bomb = [&length[..], &half, &half].concat();
        let none = Dictionary::default();
        assert!(unpack(&bomb, &none).unwrap_err().reason.contains("64 MiB"));
        assert!(texts_of(&bomb, &none, 0).unwrap_err().reason.contains("64 MiB"));
    }
}
