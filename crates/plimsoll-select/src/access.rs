//! Objects that are read from any place in them, as Parquet must be.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;

/// Bytes that are read at a time where the object does not say otherwise.
const BLOCK_BYTES: usize = 1 << 20;
/// Bytes that are read at a time to find where a record begins.
const PIECE_BYTES: usize = 64 << 10;

/// An object that is read from any place in it: a file, bytes in memory, an object in a store by its ranges.
pub trait RandomAccess: Send + Sync {
    /// Bytes of the whole object.
    fn length_bytes(&self) -> u64;

    /// Fills the buffer with what stands from `offset` on; all of it lies within the object.
    ///
    /// # Errors
    ///
    /// What the disk or the network says. An object that became shorter is [`io::ErrorKind::UnexpectedEof`].
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Bytes that are best read at a time: more where each call is a request.
    fn block_bytes(&self) -> usize {
        BLOCK_BYTES
    }
}

/// A file as long as it was when it was opened.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    length_bytes: u64,
}

impl OpenFile {
    /// Asks the file how long it is.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn new(file: File) -> io::Result<OpenFile> {
        let length_bytes = file.metadata()?.len();
        Ok(OpenFile { file, length_bytes })
    }
}

impl RandomAccess for OpenFile {
    fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

impl RandomAccess for Vec<u8> {
    fn length_bytes(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let found = usize::try_from(offset).ok().and_then(|from| self.get(from..)?.get(..buffer.len()));
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// An object read from its first byte to its last, or from another on.
pub(crate) struct Sequential<'o> {
    object: &'o dyn RandomAccess,
    at: u64,
}

impl<'o> Sequential<'o> {
    pub(crate) fn new(object: &'o dyn RandomAccess) -> Sequential<'o> {
        Sequential::at(object, 0)
    }

    pub(crate) fn at(object: &'o dyn RandomAccess, at: u64) -> Sequential<'o> {
        Sequential { object, at }
    }
}

/// Where the first record begins that begins at `start` or behind it; the object's length where none does. Records end with
/// this byte.
pub(crate) fn record_from(object: &dyn RandomAccess, start: u64, delimiter: u8) -> io::Result<u64> {
    let Some(mut at) = start.checked_sub(1) else { return Ok(0) };
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        let left = object.length_bytes().saturating_sub(at);
        let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if length == 0 {
            return Ok(object.length_bytes());
        }
        object.read_at(at, &mut buffer[..length])?;
        if let Some(place) = memchr::memchr(delimiter, &buffer[..length]) {
            return Ok(at + place as u64 + 1);
        }
        at += length as u64;
    }
}

impl Read for Sequential<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.object.length_bytes().saturating_sub(self.at);
        let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if length > 0 {
            self.object.read_at(self.at, &mut buffer[..length])?;
        }
        self.at += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_from_end_to_end() {
        let bytes: Vec<u8> = (0..100).collect();
        let mut read = Vec::new();
        io::copy(&mut Sequential::new(&bytes), &mut read).unwrap();
        assert_eq!(read, bytes);
    }

    #[test]
    fn records_are_found_from_the_middle() {
        let text = b"ab\n\ncd\ne".to_vec();
        for (start, expected) in [(0, 0), (1, 3), (2, 3), (3, 3), (4, 4), (5, 7), (7, 7), (8, 8), (99, 8)] {
            assert_eq!(record_from(&text, start, b'\n').unwrap(), expected, "{start}");
        }
        let long = [vec![b'a'; 2 * PIECE_BYTES], b"\nb".to_vec()].concat();
        assert_eq!(record_from(&long, 1, b'\n').unwrap(), 2 * PIECE_BYTES as u64 + 1);
    }
}
