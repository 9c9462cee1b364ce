//! What the frames of a partition have in common, kept once: a dictionary of zstd, trained from its own blocks.
//!
//! The section `dictionary` is empty, or it is how many bytes the blocks had, unpacked, when it was trained (u64), and
//! the dictionary, which is empty where none is worth its bytes. A later generation keeps it, so that frames that did
//! not change can be taken as they are, until the partition is [more than twice or less than half](MAX_CHANGE) of what
//! it was. It is a step of the packing alone: no digest of content speaks of it.

use std::fmt;
use std::io;
use std::sync::OnceLock;

use plimsoll_model::LookupError;
use zstd::zstd_safe::{self, CCtx, CDict, DDict};

use crate::Error;
use crate::block::{FULL_BYTES, Sink};
use crate::bytes::damaged;
use crate::columns::{self, Columns};

const PART: &str = "dictionary";
/// Longest section, in bytes.
pub const MAX_DICTIONARY_BYTES: usize = SIZE_BYTES + MAX_TRAINED_BYTES;
/// Bytes of the number in front.
const SIZE_BYTES: usize = 8;
/// Longest dictionary, in bytes: what zstd's authors advise. A longer one gains little and is fetched as a whole.
const MAX_TRAINED_BYTES: usize = 110 * 1024;
/// A dictionary has one byte for so many of the blocks, unpacked.
const BLOCK_BYTES_A_BYTE: u64 = 64;
/// Shortest dictionary that is trained, in bytes.
const MIN_TRAINED_BYTES: usize = 1024;
/// A partition that grew or shrank by more than this factor gets a new dictionary.
const MAX_CHANGE: u64 = 2;
/// Blocks that a dictionary is trained from, in bytes, unpacked. From twice as many it is learnt no better.
const MAX_SAMPLE_BYTES: usize = 4 * 1024 * 1024;
/// A dictionary is trained from pieces of so many bytes: zstd wants many samples, and a small partition has few blocks.
const SAMPLE_BYTES: usize = 4 * 1024;
/// zstd's level. Of all that OSV publishes, 15 packs 4.5% better than 12, in half as much time again; 19 is as good.
const LEVEL: i32 = 15;

/// How long a dictionary should be for blocks of so many bytes, unpacked; 0 for none.
fn wanted_bytes(blocks_bytes: u64) -> usize {
    let wanted = usize::try_from(blocks_bytes / BLOCK_BYTES_A_BYTE).unwrap_or(usize::MAX);
    if wanted < MIN_TRAINED_BYTES { 0 } else { wanted.min(MAX_TRAINED_BYTES) }
}

/// A dictionary, made ready. Any number of threads may use it.
#[derive(Default)]
pub(crate) struct Dictionary {
    section: Vec<u8>,
    decoder: Option<DDict<'static>>,
    /// `None` where zstd unpacks with it, but does not pack with it: only one from elsewhere.
    encoder: OnceLock<Option<CDict<'static>>>,
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dictionary").field("bytes", &self.trained().len()).finish_non_exhaustive()
    }
}

impl Dictionary {
    /// Reads a section, from anywhere.
    pub(crate) fn read(section: &[u8]) -> Result<Self, LookupError> {
        if section.len() > MAX_DICTIONARY_BYTES {
            return Err(damaged(PART, "at most 110 KiB and 8 bytes"));
        }
        if !section.is_empty() && section.len() < SIZE_BYTES {
            return Err(damaged(PART, "a number of 8 bytes in front"));
        }
        let mut dictionary = Self { section: section.to_vec(), ..Self::default() };
        if !dictionary.trained().is_empty() {
            let decoder = DDict::try_create(dictionary.trained());
            dictionary.decoder = Some(decoder.ok_or_else(|| damaged(PART, "a dictionary of zstd"))?);
        }
        Ok(dictionary)
    }

    /// The section.
    pub(crate) fn section(&self) -> &[u8] {
        &self.section
    }

    fn trained(&self) -> &[u8] {
        self.section.get(SIZE_BYTES..).unwrap_or_default()
    }

    pub(crate) fn decoder(&self) -> Option<&DDict<'static>> {
        self.decoder.as_ref()
    }

    fn encoder(&self) -> Option<&CDict<'static>> {
        if self.trained().is_empty() {
            return None;
        }
        self.encoder.get_or_init(|| CDict::try_create(self.trained(), LEVEL)).as_ref()
    }

    /// Whether something can be packed with it, which of one from elsewhere is not certain.
    pub(crate) fn packs(&self) -> bool {
        self.trained().is_empty() || self.encoder().is_some()
    }

    /// Whether a partition whose blocks have so many bytes, unpacked, is to keep it.
    pub(crate) fn fits(&self, blocks_bytes: u64) -> bool {
        if self.trained().is_empty() && wanted_bytes(blocks_bytes) == 0 {
            return true;
        }
        let then = self.section.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        blocks_bytes / MAX_CHANGE <= then && then / MAX_CHANGE <= blocks_bytes
    }
}

/// Packs frames, one after the other, with one context.
pub(crate) struct Compressor<'a> {
    context: CCtx<'static>,
    encoder: Option<&'a CDict<'static>>,
}

impl<'a> Compressor<'a> {
    pub(crate) fn new(dictionary: &'a Dictionary) -> io::Result<Self> {
        let context = CCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
        let encoder = dictionary.encoder();
        if !dictionary.packs() {
            return Err(io::Error::other("a dictionary with which nothing can be packed"));
        }
        Ok(Self { context, encoder })
    }

    /// Appends a frame.
    pub(crate) fn append(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let mut frame = Vec::with_capacity(zstd_safe::compress_bound(bytes.len()));
        let done = match self.encoder {
            Some(encoder) => self.context.compress_using_cdict(&mut frame, bytes, encoder),
            None => self.context.compress(&mut frame, bytes, LEVEL),
        };
        done.map_err(|code| io::Error::other(zstd_safe::get_error_name(code)))?;
        out.extend_from_slice(&frame);
        Ok(())
    }
}

/// Blocks that a dictionary is trained from: of those that are given each first, second, fourth, …, so that they are of all
/// days. The same blocks give the same dictionary.
#[derive(Default)]
pub(crate) struct Samples {
    blocks_bytes: u64,
    /// Blocks that were given.
    count: u64,
    /// One of two to the power of this is kept.
    halvings: u32,
    kept: Vec<Vec<u8>>,
    kept_bytes: usize,
}

impl Sink for Samples {
    fn block(&mut self, block: Vec<u8>, _: u32) -> Result<(), Error> {
        self.blocks_bytes += block.len() as u64;
        let number = self.count;
        self.count += 1;
        if !number.is_multiple_of(1 << self.halvings) {
            return Ok(());
        }
        // A long record is a block of its own; its words would be all that is trained. Its place stays.
        let kept = if block.len() > 2 * FULL_BYTES { Vec::new() } else { block };
        self.kept_bytes += kept.len();
        self.kept.push(kept);
        while self.kept_bytes > MAX_SAMPLE_BYTES {
            self.halvings += 1;
            let mut is_odd = true;
            self.kept.retain(|_| {
                is_odd = !is_odd;
                !is_odd
            });
            self.kept_bytes = self.kept.iter().map(Vec::len).sum();
        }
        Ok(())
    }
}

impl Samples {
    /// A dictionary of these, which is empty where none is worth its bytes.
    pub(crate) fn train(self) -> Dictionary {
        let wanted = wanted_bytes(self.blocks_bytes);
        if wanted == 0 {
            return Dictionary::default();
        }
        let mut section = self.blocks_bytes.to_le_bytes().to_vec();
        {
            let (mut samples, mut lengths) = (Vec::with_capacity(self.kept_bytes), Vec::new());
            for block in &self.kept {
                // What does not go into columns is packed as it is, and is not worth a place.
                let Some(Columns { first, texts }) = columns::shred(block) else { continue };
                for part in first.chunks(SAMPLE_BYTES).chain(texts.chunks(SAMPLE_BYTES)) {
                    samples.extend_from_slice(part);
                    lengths.push(part.len());
                }
            }
            let mut trained = Vec::with_capacity(wanted);
            // What nothing can be learnt from is packed without.
            if zstd_safe::train_from_buffer(&mut trained, &samples, &lengths).is_ok() {
                section.extend_from_slice(&trained);
            }
        }
        let bare = Dictionary { section: section[..SIZE_BYTES].to_vec(), ..Dictionary::default() };
        Dictionary::read(&section).ok().filter(Dictionary::packs).unwrap_or(bare)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use plimsoll_model::{Advisory, Reference};

    use super::*;
    use crate::block::{BlockTexts, BlockWriter, Frame, Packer, unpack};
    use crate::record::{Key, encode_texts};

    fn bodies(count: usize) -> Vec<Vec<u8>> {
        let body = |number: usize| {
            let url = format!("https://e.example/{}/{:08x}", number % 7, number.wrapping_mul(2_654_435_761));
            encode_texts(&Advisory {
                id: format!("CVE-2024-{number:06}"),
                details: format!(
                    "A flaw in part {number} of a program that lets others read what they may not."
                ),
                references: vec![Reference { kind: "WEB".to_owned(), url }],
                ..Advisory::default()
            })
        };
        (0..count).map(body).collect()
    }

    fn write<S: Sink>(bodies: &[Vec<u8>], sink: S) -> S {
        let mut writer = BlockWriter::new(sink);
        for body in bodies {
            writer.add(&Key::read(body, "s", "").unwrap(), body).unwrap();
        }
        writer.finish().unwrap()
    }

    fn frames(bodies: &[Vec<u8>], dictionary: &Arc<Dictionary>) -> Vec<Frame<'static>> {
        write(bodies, Packer::new(Arc::clone(dictionary), HashMap::new())).finish().unwrap()
    }

    #[test]
    fn a_dictionary_makes_blocks_smaller_and_they_come_back() {
        let bodies = bodies(4_000);
        let dictionary = Arc::new(write(&bodies, Samples::default()).train());
        assert!(!dictionary.trained().is_empty() && dictionary.section().len() <= MAX_DICTIONARY_BYTES);
        let again = write(&bodies, Samples::default()).train();
        assert_eq!(dictionary.section(), again.section(), "the same blocks give the same dictionary");

        let none = Arc::new(Dictionary::default());
        let (with, without) = (frames(&bodies, &dictionary), frames(&bodies, &none));
        let size = |frames: &[Frame<'_>]| frames.iter().map(|frame| frame.bytes.len()).sum::<usize>();
        assert!(size(&with) < size(&without), "{} {}", size(&with), size(&without));
        let read = Dictionary::read(dictionary.section()).unwrap();
        for (with, without) in with.iter().zip(&without) {
            assert_eq!(with.digest, without.digest, "what is unpacked is the same");
            assert_eq!(unpack(&with.bytes, &read).unwrap(), unpack(&without.bytes, &none).unwrap());
            let fourth = |packed: &[u8], dictionary| BlockTexts::unpack(packed, dictionary)?.get(3);
            assert_eq!(fourth(&with.bytes, &read).unwrap(), fourth(&without.bytes, &none).unwrap());
            assert!(unpack(&with.bytes, &none).is_err(), "it needs its dictionary");
        }
    }

    #[test]
    fn a_dictionary_stays_until_twice_or_half() {
        let blocks = 1_000_000;
        let mut samples = write(&bodies(4_000), Samples::default());
        samples.blocks_bytes = blocks;
        let dictionary = samples.train();
        for (now, fits) in [
            (blocks, true),
            (2 * blocks, true),
            (2 * blocks + 2, false),
            (blocks / 2, true),
            (blocks / 2 - 1, false),
            (0, false),
        ] {
            assert_eq!(dictionary.fits(now), fits, "{now}");
        }
        let none = Dictionary::default();
        assert!(none.fits(0) && none.fits(1_000) && !none.fits(blocks));
        let small = write(&bodies(10), Samples::default()).train();
        assert_eq!(small.section(), b"", "nothing is kept of what is too small for one");
    }

    #[test]
    fn samples_are_of_all_blocks_and_bounded() {
        let mut samples = Samples::default();
        for number in 0..2_000_u32 {
            samples.block(number.to_le_bytes().repeat(8 * 1024), 1).unwrap();
        }
        samples.block(vec![0; 3 * FULL_BYTES], 1).unwrap();
        assert!(samples.kept_bytes <= MAX_SAMPLE_BYTES && samples.kept_bytes > MAX_SAMPLE_BYTES / 4);
        let numbers: Vec<u32> =
            samples.kept.iter().filter_map(|block| Some(u32::from_le_bytes(*block.first_chunk()?))).collect();
        let step = numbers[1];
        assert!(
            numbers.iter().zip((0..).step_by(step as usize)).all(|(one, two)| *one == two),
            "{numbers:?}"
        );
        assert!(*numbers.last().unwrap() > 1_900);
        // What is no block at all is not learnt from.
        assert!(samples.train().trained().is_empty());
    }

    #[test]
    fn foreign_dictionaries_are_refused_or_unpack_nothing_else() {
        assert!(Dictionary::read(&vec![0; MAX_DICTIONARY_BYTES + 1]).is_err());
        assert!(Dictionary::read(&[0; 7]).is_err());
        assert!(Dictionary::read(&[0; 8]).unwrap().decoder().is_none());
        // zstd takes any bytes as words of a dictionary, save those that begin as one of its own.
        assert!(Dictionary::read(b"12345678<html>not here</html>").unwrap().packs());
        let magic = [&[0; 8][..], &0xEC30_A437_u32.to_le_bytes(), b"<html>"].concat();
        assert!(Dictionary::read(&magic).is_err());

        let bodies = bodies(2_000);
        let dictionary = Arc::new(write(&bodies, Samples::default()).train());
        let good = frames(&bodies, &dictionary);
        let section = dictionary.section();
        for end in (0..section.len()).step_by(97) {
            let Ok(cut) = Dictionary::read(&section[..end]) else { continue };
            drop(unpack(&good[0].bytes, &cut));
        }
        for place in (SIZE_BYTES..section.len()).step_by(53) {
            let mut bytes = section.to_vec();
            bytes[place] ^= 0x55;
            let Ok(damaged) = Dictionary::read(&bytes) else { continue };
            drop(unpack(&good[0].bytes, &damaged));
            // A block that is packed with it comes back, if it can be packed.
            if damaged.packs() {
                let damaged = Arc::new(damaged);
                let packed = frames(&bodies[..100], &damaged);
                assert!(unpack(&packed[0].bytes, &damaged).is_ok());
            }
        }
    }
}
