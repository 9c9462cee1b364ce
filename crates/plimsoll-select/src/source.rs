//! The object's bytes: counted, decompressed, cut into chunks of whole records.

use std::cell::Cell;
use std::io::{self, BufReader, Read};

use crate::csv::Cutter;
use crate::error::{Code, Place, SelectError};
use crate::format::Compression;
use crate::limits::CHUNK_BYTES;

/// Bytes that are read of a compressed object at a time.
const COMPRESSED_BYTES: usize = 64 << 10;
/// Largest window of a zstd frame, as a power of two: 128 MiB, which is what the `zstd` command takes too.
const MAX_WINDOW_LOG: u32 = 27;

/// What the object itself answered, so that a decoder's own errors are told from it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct OfObject(io::Error);

/// Counts what is read.
pub(crate) struct Counted<'c, 'r> {
    pub(crate) inner: &'r mut dyn Read,
    pub(crate) bytes: &'c Cell<u64>,
}

impl Read for Counted<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, OfObject(error)),
        })?;
        self.bytes.set(self.bytes.get() + length as u64);
        Ok(length)
    }
}

/// A stream without its compression, with any number of members or frames.
///
/// # Errors
///
/// What the decoder says before it has read anything.
pub fn unpacked<'r>(reader: impl Read + 'r, compression: Compression) -> io::Result<Box<dyn Read + 'r>> {
    let buffered = |reader| BufReader::with_capacity(COMPRESSED_BYTES, reader);
    Ok(match compression {
        Compression::None => Box::new(reader),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered(reader))),
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(buffered(reader))),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(buffered(reader))?;
            decoder.window_log_max(MAX_WINDOW_LOG)?;
            Box::new(decoder)
        }
    })
}

/// The object without its compression.
pub(crate) fn decompressed<'c>(
    input: Counted<'c, 'c>,
    compression: Compression,
) -> Result<Box<dyn Read + 'c>, SelectError> {
    unpacked(input, compression).map_err(|error| unread(error, compression))
}

/// Reading failed: the disk's or the network's fault, or the compression's.
pub(crate) fn unread(error: io::Error, compression: Compression) -> SelectError {
    let name = match compression {
        Compression::Gzip => "gzip",
        Compression::Bzip2 => "bzip2",
        Compression::Zstd => "zstd",
        Compression::None => "",
    };
    let error = match error.downcast::<OfObject>() {
        Ok(OfObject(error)) => return of_object(error),
        Err(error) => error,
    };
    if name.is_empty() || error.raw_os_error().is_some() {
        return of_object(error);
    }
    SelectError::new(
        Code::TruncatedInput,
        "cannot decompress object",
        format!("expected a whole {name} stream"),
    )
    .caused_by(error)
    .hint("see whether the compression that the request names is the object's")
}

fn of_object(error: io::Error) -> SelectError {
    SelectError::new(Code::InternalError, "cannot read object", "reading failed").caused_by(error)
}

/// Fills the buffer from `filled` on, as far as there is input; whether the input has ended.
pub(crate) fn fill(
    input: &mut dyn Read,
    compression: Compression,
    buffer: &mut [u8],
    filled: &mut usize,
) -> Result<bool, SelectError> {
    while *filled < buffer.len() {
        match input.read(&mut buffer[*filled..]) {
            Ok(0) => return Ok(true),
            Ok(length) => *filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unread(error, compression)),
        }
    }
    Ok(false)
}

/// Whole records that stand together.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The first `length` bytes are the chunk's.
    pub(crate) buffer: Vec<u8>,
    pub(crate) length: usize,
    /// Bytes of whole records that were read of it already.
    pub(crate) from: usize,
    /// Where it begins in the object.
    pub(crate) offset: u64,
}

/// Cuts a stream into chunks.
pub(crate) struct Chunks<'s> {
    input: &'s mut dyn Read,
    compression: Compression,
    cutter: &'s Cutter,
    /// Most bytes of one record.
    record_bytes: usize,
    /// What was read behind the last whole record.
    carry: Vec<u8>,
    offset: u64,
    ended: bool,
}

impl<'s> Chunks<'s> {
    pub(crate) fn new(
        input: &'s mut dyn Read,
        compression: Compression,
        cutter: &'s Cutter,
        record_bytes: usize,
    ) -> Chunks<'s> {
        Chunks { input, compression, cutter, record_bytes, carry: Vec::new(), offset: 0, ended: false }
    }

    /// A stream that does not begin with the object.
    pub(crate) fn beginning_at(mut self, offset: u64) -> Chunks<'s> {
        self.offset = offset;
        self
    }

    /// The next chunk, in the buffer given if it is large enough; `None` at the end.
    pub(crate) fn next(&mut self, spare: Vec<u8>) -> Result<Option<Chunk>, SelectError> {
        if self.ended {
            return Ok(None);
        }
        let mut buffer = spare;
        let mut filled = self.carry.len();
        // Not as much as the buffer holds: where chunks end must not depend on which buffer comes back first.
        let mut wanted = filled + CHUNK_BYTES;
        if buffer.len() < wanted {
            buffer.resize(wanted, 0);
        }
        buffer[..filled].copy_from_slice(&self.carry);
        let length = loop {
            if fill(self.input, self.compression, &mut buffer[..wanted], &mut filled)? {
                self.ended = true;
                self.carry.clear();
                break filled;
            }
            if let Some(end) = self.cutter.last_end(&buffer[..filled]) {
                self.carry.clear();
                self.carry.extend_from_slice(&buffer[end..filled]);
                break end;
            }
            if filled > self.record_bytes.saturating_add(CHUNK_BYTES) {
                return Err(too_long(
                    self.record_bytes,
                    filled,
                    Place::Input { offset: self.offset, record: 1 },
                ));
            }
            wanted += wanted.min(self.record_bytes.saturating_add(CHUNK_BYTES));
            if buffer.len() < wanted {
                buffer.resize(wanted, 0);
            }
        };
        let offset = self.offset;
        self.offset += length as u64;
        Ok((length > 0).then_some(Chunk { buffer, length, from: 0, offset }))
    }
}

/// A record is longer than the limit.
pub(crate) fn too_long(limit_bytes: usize, found_bytes: usize, place: Place) -> SelectError {
    let message = format!("expected at most {limit_bytes} bytes, found {found_bytes} or more");
    SelectError::new(Code::OverMaxRecordSize, "cannot read record", message)
        .at(place)
        .hint("see whether the record delimiter that the request names is the object's")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Slow<'t>(&'t [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.0.len().min(self.1).min(buffer.len());
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    #[test]
    fn chunks_hold_whole_records_and_leave_nothing_out() {
        let text: String =
            (0..20_000).map(|number| ["record ", &number.to_string(), "\n"].concat()).collect::<String>()
                + "last";
        let cutter = Cutter::lines();
        let mut input = Slow(text.as_bytes(), 777);
        let mut chunks = Chunks::new(&mut input, Compression::None, &cutter, 100);
        let (mut read, mut spare, mut count) = (String::new(), Vec::new(), 0);
        while let Some(chunk) = chunks.next(spare).unwrap() {
            assert_eq!(chunk.offset, read.len() as u64);
            read.push_str(std::str::from_utf8(&chunk.buffer[..chunk.length]).unwrap());
            assert!(read.ends_with('\n') || read.ends_with("last"));
            spare = chunk.buffer;
            count += 1;
        }
        assert!(count > 1 && read == text);
    }

    #[test]
    fn a_record_without_end_is_refused() {
        let cutter = Cutter::lines();
        let mut input = io::repeat(b'a');
        let mut chunks = Chunks::new(&mut input, Compression::None, &cutter, 60 << 10);
        let error = chunks.next(Vec::new()).unwrap_err();
        assert_eq!(error.code(), Code::OverMaxRecordSize);
    }
}
