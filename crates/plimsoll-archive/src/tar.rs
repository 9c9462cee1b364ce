//! A tar stream, walked once, with nothing held but the header at hand.
//!
//! Reads ustar, old V7, GNU (long names and links, base-256 numbers) and pax (`path`, `linkpath`, `size`). It is
//! written here and not taken from a crate because a layer's tar is hostile: extension headers are bounded, paths are
//! normalized without touching a disk, and what is skipped costs no allocation.
//!
//! Where the formats leave room, an archive must mean here what it means to the container engines, or a layer could
//! show them other files than it shows us. They read with Go's `archive/tar`, which decides: global headers name
//! nothing, an extension header replaces the one before it, a GNU long name goes before a pax path, an empty record
//! changes nothing, and only regular files have content, whatever size is written for others.
//!
//! Source: POSIX.1-2017, `pax`, "ustar Interchange Format" and "pax Header Block"; GNU tar manual, "Basic Tar Format";
//! behaviour of Go 1.26, `archive/tar`.

mod header;
mod pax;

use std::io::{self, BufRead, Read};

use crate::path::normalize;
use header::{BLOCK, Header, until_nul};
use pax::{PaxRecords, parse_pax};

/// The most bytes that one extension header (pax record block, GNU long name) may have.
const MAX_EXTENSION_BYTES: u64 = 1 << 20;
/// The most extension headers in a row before a real entry.
const MAX_EXTENSIONS_IN_A_ROW: usize = 16;
/// The most bytes that an entry may say it has: what a signed offset can tell. No stream is that long.
const MAX_ENTRY_BYTES: u64 = 1 << 62;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// Another name of a file; [`TarEntry::link`] is its path from the root.
    HardLink,
    /// A symbolic link; [`TarEntry::link`] is its target as written.
    Symlink,
    /// A directory.
    Directory,
    /// A device, a FIFO: something without content.
    Other,
}

/// The header of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TarEntry {
    /// Path from the root, normalized: no leading `/`, no `.`, no empty segments. Empty for the root itself.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Hard links: path from the root, normalized. Symbolic links: the target, as written. Else empty.
    pub link: String,
    /// Size of the content in bytes, as stored in the archive; 0 for what has none, whatever its header says.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Whether the content is a sparse map instead of the file's bytes.
    pub sparse: bool,
}

/// Why a tar stream cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The stream failed, or its bytes could not be decompressed.
    #[error("cannot read the tar stream at byte {offset}")]
    Io {
        /// Bytes of the uncompressed stream before the failure.
        offset: u64,
        /// The failure.
        #[source]
        source: io::Error,
    },
    /// The stream ends inside an entry.
    #[error("cannot read the tar stream: expected {expected} at byte {offset}, found its end")]
    Truncated {
        /// Where, in bytes of the uncompressed stream.
        offset: u64,
        /// What should have been there.
        expected: &'static str,
    },
    /// A header is no header.
    #[error("cannot read the tar header at byte {offset}: expected {expected}, found {found}")]
    Header {
        /// Where, in bytes of the uncompressed stream.
        offset: u64,
        /// What should have been there.
        expected: &'static str,
        /// What was.
        found: String,
    },
}

/// What the walk of an entry gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TarItem {
    /// An entry whose content can be read now.
    Entry(TarEntry),
    /// An entry whose path leaves the root; it was passed over. Holds the path as written.
    Escape(String),
}

/// A tar stream at one of its entries. [`Read`] gives the content of that entry.
pub struct TarReader<R> {
    inner: R,
    offset: u64,
    content_left: u64,
    padding: u64,
}

/// What extension headers say of the entry behind them.
#[derive(Clone, Debug, Default)]
struct Extensions {
    pax: PaxRecords,
    /// GNU's own headers for long names.
    long_name: Vec<u8>,
    long_link: Vec<u8>,
}

impl<R: BufRead> TarReader<R> {
    /// A reader of this uncompressed stream.
    pub fn new(inner: R) -> Self {
        Self { inner, offset: 0, content_left: 0, padding: 0 }
    }

    /// Bytes of the uncompressed stream that were consumed.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The stream, behind what was consumed.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// The next entry; `None` at the end of the archive (two zero blocks, or the end of the stream at a block's edge).
    ///
    /// # Errors
    /// [`TarError`]: nothing more can be read.
    pub fn next_entry(&mut self) -> Result<Option<TarItem>, TarError> {
        self.skip(self.content_left + self.padding)?;
        self.content_left = 0;
        self.padding = 0;
        let mut extensions = Extensions::default();
        for _ in 0..=MAX_EXTENSIONS_IN_A_ROW {
            let Some(header) = self.header()? else { return Ok(None) };
            let kind = header.kind();
            let size = header.size().map_err(|found| TarError::Header {
                offset: self.offset,
                expected: "a size",
                found,
            })?;
            match kind {
                b'x' => {
                    let bytes = self.extension(size)?;
                    extensions.pax = parse_pax(&bytes).map_err(|found| TarError::Header {
                        offset: self.offset,
                        expected: "a pax record `length key=value`",
                        found,
                    })?;
                }
                b'g' => {
                    self.extension(size)?;
                    // To Go it is an entry of its own: what stood before it was said of it.
                    extensions = Extensions::default();
                }
                b'L' => extensions.long_name = until_nul(&self.extension(size)?).to_vec(),
                b'K' => extensions.long_link = until_nul(&self.extension(size)?).to_vec(),
                _ => return self.entry(&header, kind, size, extensions).map(Some),
            }
        }
        Err(TarError::Header {
            offset: self.offset,
            expected: "an entry behind its extension headers",
            found: format!("more than {MAX_EXTENSIONS_IN_A_ROW} extension headers"),
        })
    }

    fn entry(
        &mut self,
        header: &Header,
        kind: u8,
        size: u64,
        extensions: Extensions,
    ) -> Result<TarItem, TarError> {
        let Extensions { pax, long_name, long_link } = extensions;
        let size = pax.size.unwrap_or(size);
        let sparse = kind == b'S' || pax.is_sparse();
        if kind == b'S' {
            self.skip_sparse_headers(header)?;
        }
        // GNU's old form has no records of its own: those of the new one say nothing of it.
        let sparse_name = if kind != b'S' && pax.is_sparse() { pax.sparse_name } else { Vec::new() };
        let raw_path = first_that_says([sparse_name, long_name, pax.path]).unwrap_or_else(|| header.path());
        let has_slash = raw_path.ends_with(b"/");
        let (kind, has_content) = match kind {
            // V7 archives mark a directory by the slash at its end alone.
            0 if has_slash => (EntryKind::Directory, false),
            b'0' | b'7' if has_slash && size == 0 => (EntryKind::Directory, false),
            0 | b'0' | b'7' | b'S' => (EntryKind::File, true),
            b'1' => (EntryKind::HardLink, false),
            b'2' => (EntryKind::Symlink, false),
            b'5' => (EntryKind::Directory, false),
            b'3' | b'4' | b'6' => (EntryKind::Other, false),
            _ => (EntryKind::Other, true),
        };
        let size = if has_content { size } else { 0 };
        if size > MAX_ENTRY_BYTES {
            return Err(TarError::Header {
                offset: self.offset,
                expected: "a size below 2^62",
                found: size.to_string(),
            });
        }
        self.content_left = size;
        self.padding = padding(size);
        let path = String::from_utf8_lossy(&raw_path);
        let Some(path) = normalize(&path) else { return Ok(TarItem::Escape(path.into_owned())) };
        let raw_link = first_that_says([long_link, pax.link]).unwrap_or_else(|| header.link().to_vec());
        let raw_link = String::from_utf8_lossy(&raw_link);
        let link = match kind {
            EntryKind::HardLink => match normalize(&raw_link) {
                Some(link) => link,
                None => return Ok(TarItem::Escape(format!("{path} -> {raw_link}"))),
            },
            EntryKind::Symlink => raw_link.into_owned(),
            _ => String::new(),
        };
        Ok(TarItem::Entry(TarEntry { path, kind, link, size, mode: header.mode(), sparse }))
    }

    /// The header block at the current place; `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<Header>, TarError> {
        let mut block = [0_u8; BLOCK];
        let length = self.fill(&mut block)?;
        if length == 0 {
            return Ok(None);
        }
        if length < BLOCK {
            return Err(TarError::Truncated { offset: self.offset, expected: "a header of 512 bytes" });
        }
        // One zero block ends the archive for every reader of the field; what follows is padding.
        Header::of(&block).map_err(|found| TarError::Header {
            offset: self.offset - BLOCK as u64,
            expected: "a tar header with its checksum",
            found: found.to_owned(),
        })
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        if size > MAX_EXTENSION_BYTES {
            return Err(TarError::Header {
                offset: self.offset,
                expected: "an extension header of at most 1 MiB",
                found: format!("{size} bytes"),
            });
        }
        let mut bytes = vec![0; usize::try_from(size).expect("at most 1 MiB")];
        if self.fill(&mut bytes)? < bytes.len() {
            return Err(TarError::Truncated {
                offset: self.offset,
                expected: "the rest of an extension header",
            });
        }
        self.skip(padding(size))?;
        Ok(bytes)
    }

    /// Old GNU sparse files have further header blocks with the rest of their map.
    fn skip_sparse_headers(&mut self, header: &Header) -> Result<(), TarError> {
        let mut more = header.has_more_sparse_map();
        let mut left = MAX_EXTENSION_BYTES;
        while more {
            let mut block = [0_u8; BLOCK];
            if self.fill(&mut block)? < BLOCK {
                return Err(TarError::Truncated {
                    offset: self.offset,
                    expected: "the rest of a sparse map",
                });
            }
            more = block[504] != 0;
            left = left.checked_sub(BLOCK as u64).ok_or_else(|| TarError::Header {
                offset: self.offset,
                expected: "a sparse map of at most 1 MiB",
                found: "more".to_owned(),
            })?;
        }
        Ok(())
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, TarError> {
        let mut done = 0;
        while done < buffer.len() {
            match self.inner.read(&mut buffer[done..]) {
                Ok(0) => break,
                Ok(length) => {
                    done += length;
                    self.offset += length as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(TarError::Io { offset: self.offset, source }),
            }
        }
        Ok(done)
    }

    fn skip(&mut self, mut count: u64) -> Result<(), TarError> {
        while count > 0 {
            let available = match self.inner.fill_buf() {
                Ok(buffer) => buffer.len(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(TarError::Io { offset: self.offset, source }),
            };
            if available == 0 {
                return Err(TarError::Truncated { offset: self.offset, expected: "the rest of an entry" });
            }
            let step = usize::try_from(count).map_or(available, |count| count.min(available));
            self.inner.consume(step);
            self.offset += step as u64;
            count -= step as u64;
        }
        Ok(())
    }
}

impl<R: BufRead> Read for TarReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.content_left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if most == 0 {
            return Ok(0);
        }
        let length = self.inner.read(&mut buffer[..most])?;
        if length == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the tar stream ends inside a file"));
        }
        self.offset += length as u64;
        self.content_left -= length as u64;
        Ok(length)
    }
}

/// The first text that is not empty.
fn first_that_says<const COUNT: usize>(texts: [Vec<u8>; COUNT]) -> Option<Vec<u8>> {
    texts.into_iter().find(|text| !text.is_empty())
}

/// Bytes from the end of a content to the next block.
fn padding(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read what they wrote themselves, behind `take`")]
#[path = "tar_tests.rs"]
mod tests;
