//! An object in blocks, as the reader of Parquet wants it, and a look at each page before it is unpacked.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::access::RandomAccess;
use crate::error::{Code, Place, SelectError};
use crate::footer;
use crate::limits::{MAX_LZ4_BYTES, MAX_PAGE_BYTES, TRUSTED_GZIP_BYTES};

/// Bytes that hold the header of a page, nearly always, and always but for statistics of very long texts.
const HEADER_BYTES: usize = 512;
const LONG_HEADER_BYTES: usize = 64 << 10;
/// Most bytes of blocks that are kept.
const KEPT_BYTES: usize = 64 << 20;

/// The object in blocks, of which the last ones are kept: columns are read side by side, each in small steps.
pub(crate) struct Blocks {
    object: Arc<dyn RandomAccess>,
    /// Blocks with their numbers, the one used last at the end.
    kept: Mutex<Vec<(u64, Bytes)>>,
    scanned: AtomicU64,
    /// What went wrong in reading, which is no fault of the object's bytes.
    failed: Mutex<Option<io::Error>>,
    /// What was refused before the reader of Parquet saw it.
    refused: Mutex<Option<SelectError>>,
    /// Where pages stand whose compression does not say how much comes out of them.
    unbounded: OnceLock<Vec<(Range<u64>, Unbounded)>>,
}

/// A compression that the reader of Parquet unpacks to the end, whatever the page says of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unbounded {
    Gzip,
    Lz4,
}

impl Blocks {
    pub(crate) fn new(object: Arc<dyn RandomAccess>) -> Blocks {
        Blocks {
            object,
            kept: Mutex::new(Vec::new()),
            scanned: AtomicU64::new(0),
            failed: Mutex::new(None),
            refused: Mutex::new(None),
            unbounded: OnceLock::new(),
        }
    }

    /// Bytes that were read of the object.
    pub(crate) fn scanned_bytes(&self) -> u64 {
        self.scanned.load(Ordering::Relaxed)
    }

    /// Why reading failed, if it did.
    pub(crate) fn take_failure(&self) -> Option<io::Error> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What was refused, if something was.
    pub(crate) fn take_refusal(&self) -> Option<SelectError> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Says once which pages are to be looked at before they are unpacked.
    pub(crate) fn watch(&self, unbounded: Vec<(Range<u64>, Unbounded)>) {
        self.unbounded.get_or_init(|| unbounded);
    }

    fn block(&self, number: u64) -> io::Result<Bytes> {
        let size = self.object.block_bytes().max(1);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = kept.iter().position(|(kept, _)| *kept == number) {
            let found = kept.remove(place);
            let block = found.1.clone();
            kept.push(found);
            return Ok(block);
        }
        let from = number * size as u64;
        let left = self.object.length_bytes().saturating_sub(from);
        let length = size.min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut bytes = vec![0; length];
        self.object.read_at(from, &mut bytes)?;
        self.scanned.fetch_add(length as u64, Ordering::Relaxed);
        let block = Bytes::from(bytes);
        if kept.len() >= (KEPT_BYTES / size).max(2) {
            kept.remove(0);
        }
        kept.push((number, block.clone()));
        Ok(block)
    }

    /// What stands from `offset` on, at most so many bytes, of one block.
    fn piece(&self, offset: u64, most: usize) -> io::Result<Bytes> {
        let size = self.object.block_bytes().max(1) as u64;
        let block = self.block(offset / size).map_err(|error| {
            let told = io::Error::new(error.kind(), error.to_string());
            *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            told
        })?;
        let from = usize::try_from(offset % size).unwrap_or(usize::MAX).min(block.len());
        Ok(block.slice(from..(from + most.min(block.len() - from))))
    }
}

impl Length for Blocks {
    fn len(&self) -> u64 {
        self.object.length_bytes()
    }
}

/// Reads on from a place in the blocks.
pub(crate) struct BlockReader {
    blocks: Arc<Blocks>,
    at: u64,
}

impl Read for BlockReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.blocks.len() {
            return Ok(0);
        }
        let piece = self.blocks.piece(self.at, buffer.len())?;
        buffer[..piece.len()].copy_from_slice(&piece);
        self.at += piece.len() as u64;
        Ok(piece.len())
    }
}

/// [`Blocks`] as the Parquet reader wants them.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<Blocks>);

impl Shared {
    fn reader(&self, at: u64) -> BlockReader {
        BlockReader { blocks: Arc::clone(&self.0), at }
    }

    /// Sees that a page unfolds to no more than it says, and that this is within the bounds.
    fn check_page(&self, start: u64) -> io::Result<Result<(), SelectError>> {
        let mut page = None;
        // Most headers are short; those with statistics of long texts are not.
        for length in [HEADER_BYTES, LONG_HEADER_BYTES] {
            let mut head = Vec::with_capacity(length);
            io::copy(&mut self.reader(start).take(length as u64), &mut head)?;
            page = footer::page(&head);
            if page.is_some() || head.len() < length {
                break;
            }
        }
        let Some(page) = page else { return Ok(Ok(())) };
        let refused = |code, message| {
            let place = Place::Input { offset: start, record: 1 };
            Ok(Err(SelectError::new(code, "cannot read Parquet", message).at(place)))
        };
        if page.unpacked > MAX_PAGE_BYTES {
            let message =
                format!("expected pages of at most {MAX_PAGE_BYTES} bytes, found one of {}", page.unpacked);
            return refused(Code::OverMaxParquetBlockSize, message);
        }
        let unbounded = self.0.unbounded.get().map_or(&[][..], Vec::as_slice);
        match unbounded.iter().find(|(range, _)| range.contains(&start)) {
            Some((_, Unbounded::Lz4)) if page.packed > MAX_LZ4_BYTES => {
                let message = format!(
                    "expected pages of at most {MAX_LZ4_BYTES} bytes in LZ4, found one of {}",
                    page.packed
                );
                refused(Code::OverMaxParquetBlockSize, message)
            }
            Some((_, Unbounded::Gzip)) if page.packed > TRUSTED_GZIP_BYTES => {
                let plain = page.plain.min(page.packed);
                let packed = self.reader(start + page.header + plain).take(page.packed - plain);
                let packed = io::BufReader::with_capacity(LONG_HEADER_BYTES, packed);
                let most = page.unpacked.saturating_sub(plain);
                let mut unpacked = flate2::bufread::MultiGzDecoder::new(packed).take(most + 1);
                // What is damaged is found where it is unpacked.
                if io::copy(&mut unpacked, &mut io::sink()).is_ok_and(|length| length > most) {
                    let message = format!("expected a page that unpacks to {most} bytes, found more");
                    return refused(Code::ParquetParsingError, message);
                }
                Ok(Ok(()))
            }
            _ => Ok(Ok(())),
        }
    }
}

impl Length for Shared {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Shared {
    type T = BlockReader;

    /// The reader of Parquet asks this way for each page's header.
    fn get_read(&self, start: u64) -> Result<BlockReader, ParquetError> {
        if let Err(error) = self.check_page(start)? {
            let said = ParquetError::General(error.to_string());
            *self.0.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            return Err(said);
        }
        Ok(self.reader(start))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let end = start.checked_add(length as u64).filter(|end| *end <= self.len());
        if end.is_none() {
            let message = format!("expected {length} bytes from byte {start}, found the end of the object");
            return Err(ParquetError::EOF(message));
        }
        let first = self.0.piece(start, length)?;
        if first.len() == length {
            return Ok(first);
        }
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(&first);
        while bytes.len() < length {
            let piece = self.0.piece(start + bytes.len() as u64, length - bytes.len())?;
            if piece.is_empty() {
                return Err(ParquetError::EOF("the object became shorter".to_owned()));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Bytes::from(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Small(Vec<u8>);

    impl RandomAccess for Small {
        fn length_bytes(&self) -> u64 {
            self.0.length_bytes()
        }

        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
            self.0.read_at(offset, buffer)
        }

        fn block_bytes(&self) -> usize {
            7
        }
    }

    #[test]
    fn bytes_are_put_together_from_blocks() {
        let bytes: Vec<u8> = (0..100).collect();
        let blocks = Shared(Arc::new(Blocks::new(Arc::new(Small(bytes.clone())))));
        for (start, length) in [(0, 100), (0, 7), (7, 7), (3, 50), (99, 1), (100, 0)] {
            let found = blocks.get_bytes(start, length).unwrap();
            assert_eq!(found, bytes[usize::try_from(start).unwrap()..][..length], "{start} {length}");
        }
        assert!(blocks.get_bytes(99, 2).is_err());
        assert!(blocks.get_bytes(u64::MAX, 2).is_err());
        let mut read = Vec::new();
        io::copy(&mut blocks.get_read(13).unwrap(), &mut read).unwrap();
        assert_eq!(read, bytes[13..]);
    }

    #[test]
    fn what_fails_in_reading_is_kept_apart() {
        struct Broken;
        impl RandomAccess for Broken {
            fn length_bytes(&self) -> u64 {
                100
            }
            fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<()> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
        let blocks = Shared(Arc::new(Blocks::new(Arc::new(Broken))));
        assert!(blocks.get_bytes(0, 1).is_err());
        assert_eq!(blocks.0.take_failure().unwrap().kind(), io::ErrorKind::ConnectionReset);
    }
}
