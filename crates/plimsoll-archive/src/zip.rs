//! Zip archives, read through their central directory, in memory and within limits.
//!
//! Source: PKWARE APPNOTE 6.3.10, sections 4.3 (layout), 4.4 (fields) and 4.5.3 (Zip64).

mod directory;
mod inflate;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead, BufReader, Read};

use flate2::{Crc, Decompress};

use crate::{ReadAt, ReadAtCursor};
use inflate::Inflating;

/// A local header up to its name, in bytes.
const LOCAL_HEADER_BYTES: usize = 30;
const LOCAL_SIGNATURE: u32 = 0x0403_4b50;

/// Deflate makes at most 1032 bytes of one: 258 bytes from two bits, rounded up.
const MAX_DEFLATE_RATIO: u64 = 1032;

/// Bytes that a growing buffer starts with at most, whatever an entry announces.
const FIRST_BUFFER_BYTES: u64 = 64 << 10;

/// What an archive may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZipLimits {
    /// Entries in the central directory.
    pub entries: u64,
    /// The central directory's size in bytes.
    pub directory_bytes: u64,
    /// The length of one name in bytes.
    pub name_bytes: u64,
    /// Uncompressed bytes of all the entries that are read, each counted every time.
    pub total_bytes: u64,
}

impl Default for ZipLimits {
    fn default() -> Self {
        Self { entries: 500_000, directory_bytes: 64 << 20, name_bytes: 4096, total_bytes: 1 << 30 }
    }
}

/// Why an archive, or one entry, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// The archive is no zip archive, or is damaged.
    #[error("cannot read zip archive: expected {expected}, found {found}")]
    Malformed {
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// It costs more than [`ZipLimits`] or the caller allow.
    #[error("cannot read zip archive: expected at most {limit} {unit}, found {found}")]
    Limit {
        /// What is counted: `entries`, `bytes of names`.
        unit: &'static str,
        /// The limit, inclusive.
        limit: u64,
        /// What was found; for uncompressed bytes, where reading stopped.
        found: u64,
    },
    /// One entry is damaged or of a kind that is not read; the others may be whole.
    #[error("cannot read zip entry `{name}`: expected {expected}, found {found}")]
    Entry {
        /// Its name.
        name: String,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// The medium failed.
    #[error("cannot read the bytes of a zip archive")]
    Io(#[from] io::Error),
}

impl ZipError {
    fn malformed(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Malformed { expected: expected.into(), found: found.into() }
    }
}

/// An entry of the central directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZipEntry {
    /// Its name, as in `META-INF/MANIFEST.MF`; bytes that are not UTF-8 become U+FFFD. Foreign text: it may hold
    /// `..` or a leading `/`.
    pub name: String,
    /// Uncompressed size in bytes, as announced.
    pub size: u64,
    /// Compressed size in bytes, as announced.
    pub compressed_size: u64,
    /// Type and permissions as Unix has them, where a Unix wrote the archive.
    pub unix_mode: Option<u16>,
    method: u16,
    flags: u16,
    crc: u32,
    /// Offset of the local header in the file.
    header_offset: u64,
    /// Where the next local header or the directory starts: this entry's bytes end there at the latest.
    end_bound: u64,
}

impl ZipEntry {
    /// Whether it is a folder.
    pub fn is_directory(&self) -> bool {
        self.name.ends_with('/')
    }
}

/// A zip archive. Nothing of it is ever written to disk.
///
/// ```
/// use plimsoll_archive::{Zip, ZipLimits};
/// let empty = [b"PK\x05\x06".as_slice(), &[0; 18]].concat();
/// let zip = Zip::open(&empty, ZipLimits::default())?;
/// assert!(zip.entries().is_empty());
/// # Ok::<(), plimsoll_archive::ZipError>(())
/// ```
pub struct Zip<'a> {
    bytes: &'a dyn ReadAt,
    entries: Vec<ZipEntry>,
    remaining: u64,
    limits: ZipLimits,
    /// One for all entries: some 48 KB that come and go between small results leave holes which nobody can use.
    decoder: Option<Decompress>,
}

impl<'a> Zip<'a> {
    /// Reads the central directory. Bytes before the archive, as executable jars have them, are passed over.
    ///
    /// # Errors
    /// [`ZipError::Malformed`], [`ZipError::Limit`] and [`ZipError::Io`]; an entry that is damaged shows when it
    /// is read.
    pub fn open(bytes: &'a dyn ReadAt, limits: ZipLimits) -> Result<Self, ZipError> {
        let entries = directory::read(bytes, &limits)?;
        Ok(Self { bytes, entries, remaining: limits.total_bytes, limits, decoder: None })
    }

    /// Its entries, in the order of the central directory.
    pub fn entries(&self) -> &[ZipEntry] {
        &self.entries
    }

    /// The bytes of the entry at `index`, uncompressed, with length and checksum verified.
    ///
    /// # Errors
    /// [`ZipError::Limit`] above `limit` bytes or when the archive's total is used up, [`ZipError::Entry`] for a
    /// damaged, encrypted or overlapping entry and for methods other than stored and deflate.
    ///
    /// # Panics
    /// If there is no entry `index`.
    pub fn read(&mut self, index: usize, limit: u64) -> Result<Vec<u8>, ZipError> {
        // Lent, so that the archive can be asked meanwhile.
        let mut decoder = self.decoder.take().unwrap_or_else(|| Decompress::new(false));
        let read = self.read_with(index, limit, &mut decoder);
        self.decoder = Some(decoder);
        read
    }

    fn read_with(&mut self, index: usize, limit: u64, decoder: &mut Decompress) -> Result<Vec<u8>, ZipError> {
        let entry = &self.entries[index];
        if entry.size > limit {
            return Err(ZipError::Limit { unit: "bytes in an entry", limit, found: entry.size });
        }
        if entry.size > self.remaining {
            let found = (self.limits.total_bytes - self.remaining).saturating_add(entry.size);
            let limit = self.limits.total_bytes;
            return Err(ZipError::Limit { unit: "uncompressed bytes", limit, found });
        }
        self.remaining -= entry.size;
        let data = self.data(entry)?;
        let plain = match (entry.method, data.as_slice()) {
            (0, _) if entry.compressed_size != entry.size => {
                let expected = format!("a stored entry of {} bytes", entry.size);
                return Err(self.damaged(entry, expected, format!("{} bytes", entry.compressed_size)));
            }
            (0, Some(slice)) => slice.to_vec(),
            (0, None) => exactly(&mut ReadAtCursor::new(&data), entry.size)?,
            (8, Some(slice)) => self.inflate(entry, slice, decoder)?,
            (8, None) => self.inflate(entry, BufReader::new(ReadAtCursor::new(&data)), decoder)?,
            (method, _) => {
                let found = format!("method {method}");
                return Err(self.damaged(entry, "compression method 0 or 8", found));
            }
        };
        if plain.len() as u64 != entry.size {
            let found = format!("{} bytes or another length", plain.len());
            return Err(self.damaged(entry, format!("{} uncompressed bytes", entry.size), found));
        }
        let mut crc = Crc::new();
        crc.update(&plain);
        if crc.sum() != entry.crc {
            let found = format!("{:08x}", crc.sum());
            return Err(self.damaged(entry, format!("checksum {:08x}", entry.crc), found));
        }
        Ok(plain)
    }

    /// The bytes of the entry at `index` where they lie in the archive uncompressed: a jar in a jar need not be
    /// copied. `None` where they are compressed. The checksum is not verified.
    ///
    /// # Errors
    /// [`ZipError::Entry`] for a damaged, encrypted or overlapping entry.
    ///
    /// # Panics
    /// If there is no entry `index`.
    pub fn stored(&self, index: usize) -> Result<Option<Window<'a>>, ZipError> {
        let entry = &self.entries[index];
        if entry.method != 0 || entry.compressed_size != entry.size {
            return Ok(None);
        }
        self.data(entry).map(Some)
    }

    /// Where the entry's bytes lie.
    fn data(&self, entry: &ZipEntry) -> Result<Window<'a>, ZipError> {
        if entry.flags & 1 != 0 {
            return Err(self.damaged(entry, "an entry in the clear", "an encrypted one"));
        }
        let mut header = [0; LOCAL_HEADER_BYTES];
        let inside = entry.header_offset < entry.end_bound;
        let length = if inside { self.bytes.read_at(&mut header, entry.header_offset)? } else { 0 };
        if length < header.len() || directory::u32_at(&header, 0) != Some(LOCAL_SIGNATURE) {
            let found = format!("other bytes at {}", entry.header_offset);
            return Err(self.damaged(entry, "a local header", found));
        }
        let name = directory::u16_at(&header, 26).map_or(0, u64::from);
        let extra = directory::u16_at(&header, 28).map_or(0, u64::from);
        let start = entry.header_offset + LOCAL_HEADER_BYTES as u64 + name + extra;
        let end = start.saturating_add(entry.compressed_size);
        if end > entry.end_bound {
            let expected = format!("its bytes to end at {} at the latest", entry.end_bound);
            return Err(self.damaged(entry, expected, format!("{end}: entries overlap, or it is cut short")));
        }
        Ok(Window { bytes: self.bytes, start, size: entry.compressed_size })
    }

    fn inflate(
        &self,
        entry: &ZipEntry,
        compressed: impl BufRead,
        decoder: &mut Decompress,
    ) -> Result<Vec<u8>, ZipError> {
        if entry.size / MAX_DEFLATE_RATIO > entry.compressed_size {
            let expected = format!("at most {MAX_DEFLATE_RATIO} bytes out of each compressed byte");
            let found = format!("{} out of {}", entry.size, entry.compressed_size);
            return Err(self.damaged(entry, expected, found));
        }
        // One byte more than announced, so that a longer stream is seen without being read.
        exactly(&mut Inflating::new(compressed, decoder).take(entry.size + 1), entry.size + 1)
            .map_err(|error| self.damaged(entry, "a deflate stream", format!("a damaged one ({error})")))
    }

    #[expect(clippy::unused_self, reason = "reads as the archive's word on its entry")]
    fn damaged(&self, entry: &ZipEntry, expected: impl Into<String>, found: impl Into<String>) -> ZipError {
        ZipError::Entry {
            name: entry.name.chars().take(300).collect(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}

/// Up to `size` bytes, fewer where the reader ends; the buffer grows with what comes, not with what is announced.
fn exactly(reader: &mut dyn Read, size: u64) -> io::Result<Vec<u8>> {
    let first = usize::try_from(size.min(FIRST_BUFFER_BYTES)).expect("64 KiB fit any memory");
    let mut out = vec![0; first];
    let mut filled = 0;
    loop {
        if filled == out.len() {
            let left = size - filled as u64;
            if left == 0 {
                break;
            }
            let more = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
            out.resize(filled + more, 0);
        }
        match reader.read(&mut out[filled..]) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    out.truncate(filled);
    Ok(out)
}

/// A part of other bytes.
#[derive(Clone, Copy)]
pub struct Window<'a> {
    bytes: &'a dyn ReadAt,
    start: u64,
    size: u64,
}

impl<'a> Window<'a> {
    /// The `size` bytes from `start` on, cut where `bytes` end.
    pub fn new(bytes: &'a dyn ReadAt, start: u64, size: u64) -> Self {
        let start = start.min(bytes.size());
        Self { bytes, start, size: size.min(bytes.size() - start) }
    }
}

impl ReadAt for Window<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = self.size.saturating_sub(offset);
        let length = usize::try_from(rest).unwrap_or(usize::MAX).min(buffer.len());
        if length == 0 {
            return Ok(0);
        }
        self.bytes.read_at(&mut buffer[..length], self.start + offset)
    }

    fn as_slice(&self) -> Option<&[u8]> {
        let start = usize::try_from(self.start).ok()?;
        let size = usize::try_from(self.size).ok()?;
        self.bytes.as_slice()?.get(start..start.checked_add(size)?)
    }
}
