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

use std::io::{self, BufRead, Read};

use crate::path::normalize;

/// Length of a tar block in bytes.
const BLOCK: usize = 512;
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

/// Records of one pax header; an empty value counts as none.
#[derive(Clone, Debug, Default)]
struct PaxRecords {
    path: Vec<u8>,
    link: Vec<u8>,
    size: Option<u64>,
    sparse_name: Vec<u8>,
    sparse_major: Vec<u8>,
    sparse_minor: Vec<u8>,
    has_sparse_map: bool,
}

impl PaxRecords {
    /// Whether the content is one of GNU's sparse formats 0.0, 0.1 and 1.0.
    fn is_sparse(&self) -> bool {
        match (self.sparse_major.as_slice(), self.sparse_minor.as_slice()) {
            (b"0", b"0" | b"1") | (b"1", b"0") => true,
            (b"", b"") => self.has_sparse_map,
            _ => false,
        }
    }
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
            let kind = header[156];
            let size = self.number(&header[124..136], "a size")?;
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
        header: &[u8; BLOCK],
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
        let raw_path =
            first_that_says([sparse_name, long_name, pax.path]).unwrap_or_else(|| ustar_path(header));
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
        let raw_link =
            first_that_says([long_link, pax.link]).unwrap_or_else(|| until_nul(&header[157..257]).to_vec());
        let raw_link = String::from_utf8_lossy(&raw_link);
        let link = match kind {
            EntryKind::HardLink => match normalize(&raw_link) {
                Some(link) => link,
                None => return Ok(TarItem::Escape(format!("{path} -> {raw_link}"))),
            },
            EntryKind::Symlink => raw_link.into_owned(),
            _ => String::new(),
        };
        let mode = u32::try_from(self.number(&header[100..108], "a mode").unwrap_or(0) & 0o7777).unwrap_or(0);
        Ok(TarItem::Entry(TarEntry { path, kind, link, size, mode, sparse }))
    }

    /// The header block at the current place; `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<[u8; BLOCK]>, TarError> {
        let mut block = [0_u8; BLOCK];
        let length = self.fill(&mut block)?;
        if length == 0 {
            return Ok(None);
        }
        if length < BLOCK {
            return Err(TarError::Truncated { offset: self.offset, expected: "a header of 512 bytes" });
        }
        if block.iter().all(|&byte| byte == 0) {
            // One zero block ends the archive for every reader of the field; what follows is padding.
            return Ok(None);
        }
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(i, &b)| if (148..156).contains(&i) { 32 } else { u64::from(b) })
            .sum();
        // Some old writers summed signed bytes.
        let signed: i64 = block
            .iter()
            .enumerate()
            .map(|(i, &b)| if (148..156).contains(&i) { 32 } else { i64::from(b.cast_signed()) })
            .sum();
        let expected = octal(&block[148..156]);
        if expected != Some(sum) && expected.map(u64::cast_signed) != Some(signed) {
            return Err(TarError::Header {
                offset: self.offset - BLOCK as u64,
                expected: "a tar header with its checksum",
                found: if expected.is_none() {
                    "bytes without a checksum".to_owned()
                } else {
                    "a wrong checksum".to_owned()
                },
            });
        }
        Ok(Some(block))
    }

    fn number(&self, field: &[u8], expected: &'static str) -> Result<u64, TarError> {
        let value = if field[0] & 0x80 == 0 { octal(field) } else { base_256(field) };
        value.ok_or_else(|| TarError::Header {
            offset: self.offset,
            expected,
            found: format!("`{}`", String::from_utf8_lossy(until_nul(field)).escape_debug()),
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
    fn skip_sparse_headers(&mut self, header: &[u8; BLOCK]) -> Result<(), TarError> {
        let mut more = header[482] != 0;
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

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or(bytes)
}

/// The first text that is not empty.
fn first_that_says<const COUNT: usize>(texts: [Vec<u8>; COUNT]) -> Option<Vec<u8>> {
    texts.into_iter().find(|text| !text.is_empty())
}

/// Bytes from the end of a content to the next block.
fn padding(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

/// A field of blanks and zero bytes alone is 0: writers leave fields empty that say nothing.
fn octal(field: &[u8]) -> Option<u64> {
    let mut value: u64 = 0;
    for byte in field.iter().copied().skip_while(|&byte| byte == b' ' || byte == 0) {
        match byte {
            b'0'..=b'7' => value = value.checked_mul(8)?.checked_add(u64::from(byte - b'0'))?,
            b' ' | 0 => break,
            _ => return None,
        }
    }
    Some(value)
}

fn base_256(field: &[u8]) -> Option<u64> {
    // The first bit marks the form, the second is the sign: no size is negative.
    if field[0] & 0x40 != 0 {
        return None;
    }
    field.iter().enumerate().try_fold(0_u64, |value, (index, &byte)| {
        let byte = if index == 0 { byte & 0x3f } else { byte };
        value.checked_mul(256)?.checked_add(u64::from(byte))
    })
}

fn ustar_path(header: &[u8; BLOCK]) -> Vec<u8> {
    let name = until_nul(&header[0..100]);
    let prefix = until_nul(match &header[257..263] {
        // Schilling's form has times where the end of ustar's prefix is.
        b"ustar\0" if &header[508..512] == b"tar\0" => &header[345..476],
        b"ustar\0" => &header[345..500],
        // Go before 1.8 wrote a prefix over the times of GNU's form; what is no time is still read as that.
        b"ustar " if &header[263..265] == b" \0" && !has_gnu_times(header) => {
            Some(&header[345..500]).filter(|prefix| until_nul(prefix).is_ascii()).unwrap_or_default()
        }
        _ => &[],
    });
    if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
}

/// Whether both times of a GNU header are numbers, or not set.
fn has_gnu_times(header: &[u8; BLOCK]) -> bool {
    let is_number = |field: &[u8]| {
        if field[0] & 0x80 == 0 {
            let padding = |byte: &u8| matches!(byte, b' ' | 0);
            let start = field.iter().position(|byte| !padding(byte)).unwrap_or(field.len());
            let end = field.iter().rposition(|byte| !padding(byte)).map_or(start, |last| last + 1);
            let digits = until_nul(&field[start..end]);
            return digits.iter().all(|digit| matches!(digit, b'0'..=b'7'));
        }
        // Two's complement that must fit into 64 bits: the bytes before the last eight say nothing but the sign.
        let sign = if field[0] & 0x40 == 0 { 0 } else { 0xff };
        let value = field
            .iter()
            .enumerate()
            .map(|(at, byte)| if at == 0 { (byte ^ sign) & 0x7f } else { byte ^ sign });
        value.take(field.len() - 8).all(|byte| byte == 0) && (field[field.len() - 8] ^ sign) & 0x80 == 0
    };
    [&header[345..357], &header[357..369]].iter().all(|field| field[0] == 0 || is_number(field))
}

/// Reads `length key=value\n` records. Unknown keys are passed over; of a key that stands twice the last value counts.
fn parse_pax(mut bytes: &[u8]) -> Result<PaxRecords, String> {
    let mut out = PaxRecords::default();
    while !bytes.is_empty() && bytes[0] != 0 {
        let blank = bytes.iter().take(20).position(|&byte| byte == b' ').ok_or("no length")?;
        let length: usize = std::str::from_utf8(&bytes[..blank])
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or("a length that is no number")?;
        let record = bytes.get(blank + 1..length).ok_or("a length beyond the header")?;
        let record = record.strip_suffix(b"\n").ok_or("a record without a line end")?;
        let equals = record.iter().position(|&byte| byte == b'=').ok_or("a record without `=`")?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        match key {
            b"path" => out.path = value.to_vec(),
            b"linkpath" => out.link = value.to_vec(),
            b"size" if value.is_empty() => out.size = None,
            b"size" => {
                let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                out.size = Some(size.ok_or("a size that is no number")?);
            }
            b"GNU.sparse.name" => out.sparse_name = value.to_vec(),
            b"GNU.sparse.major" => out.sparse_major = value.to_vec(),
            b"GNU.sparse.minor" => out.sparse_minor = value.to_vec(),
            b"GNU.sparse.map" => out.has_sparse_map = !value.is_empty(),
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => out.has_sparse_map = true,
            _ => {}
        }
        bytes = &bytes[length..];
    }
    Ok(out)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read what they wrote themselves, behind `take`")]
mod tests {
    use super::*;

    fn walk(bytes: &[u8]) -> Result<Vec<(String, EntryKind, Vec<u8>)>, String> {
        let mut reader = TarReader::new(bytes);
        let mut out = Vec::new();
        loop {
            match reader.next_entry().map_err(|error| error.to_string())? {
                None => return Ok(out),
                Some(TarItem::Escape(path)) => {
                    out.push((format!("escape {path}"), EntryKind::Other, Vec::new()));
                }
                Some(TarItem::Entry(entry)) => {
                    let mut content = Vec::new();
                    (&mut reader)
                        .take(1 << 20)
                        .read_to_end(&mut content)
                        .map_err(|error| error.to_string())?;
                    let link =
                        if entry.link.is_empty() { String::new() } else { format!(" -> {}", entry.link) };
                    out.push((entry.path + &link, entry.kind, content));
                }
            }
        }
    }

    fn sample() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut add = |path: &str, kind: tar::EntryType, link: &str, content: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(content.len() as u64);
            header.set_mode(0o755);
            if link.is_empty() {
                builder.append_data(&mut header, path, content).unwrap();
            } else {
                builder.append_link(&mut header, path, link).unwrap();
            }
        };
        add("./etc/", tar::EntryType::Directory, "", b"");
        add("./etc/hello", tar::EntryType::Regular, "", b"hello");
        add(&format!("{}/name", "long/".repeat(60)), tar::EntryType::Regular, "", &[7; 600]);
        add("etc/link", tar::EntryType::Symlink, "../usr/x", b"");
        add("etc/hard", tar::EntryType::Link, "etc/hello", b"");
        builder.into_inner().unwrap()
    }

    #[test]
    fn what_a_tar_writer_wrote_is_read() {
        let entries = walk(&sample()).unwrap();
        let names: Vec<&str> = entries.iter().map(|(name, _, _)| name.as_str()).collect();
        let long = format!("{}name", "long/".repeat(60));
        assert_eq!(names, ["etc", "etc/hello", &long, "etc/link -> ../usr/x", "etc/hard -> etc/hello"]);
        assert_eq!(entries[1].2, b"hello");
        assert_eq!(entries[2].2.len(), 600);
    }

    #[test]
    fn every_cut_is_an_error_or_a_shorter_archive_and_never_a_panic() {
        let bytes = sample();
        let all = walk(&bytes).unwrap().len();
        for length in 0..bytes.len() {
            if let Ok(entries) = walk(&bytes[..length]) {
                assert!(length % BLOCK == 0 || entries.len() == all, "cut at {length}");
            }
        }
    }

    #[test]
    fn a_path_that_leaves_the_root_is_told_apart() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        header.as_old_mut().name[..12].copy_from_slice(b"../../passwd");
        header.set_cksum();
        builder.append(&header, &[][..]).unwrap();
        let bytes = builder.into_inner().unwrap();
        assert_eq!(walk(&bytes).unwrap()[0].0, "escape ../../passwd");
    }

    #[test]
    fn pax_records_override_the_header() {
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_pax_extensions([("path", "usr/ümlaut".as_bytes()), ("size", b"3")]).unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_path("short").unwrap();
        header.set_size(3);
        header.set_cksum();
        builder.append(&header, &b"abc"[..]).unwrap();
        let entries = walk(&builder.into_inner().unwrap()).unwrap();
        assert_eq!((entries[0].0.as_str(), entries[0].2.as_slice()), ("usr/ümlaut", &b"abc"[..]));
    }

    /// A header of 512 bytes: name, kind, the size field as it is written, and more changes.
    fn block(name: &str, kind: u8, size: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[100..107].copy_from_slice(b"0000644");
        block[124..124 + size.len()].copy_from_slice(size);
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        change(&mut block);
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        block
    }

    fn plain(name: &str, content: &[u8]) -> Vec<u8> {
        let mut bytes = block(name, b'0', format!("{:011o}", content.len()).as_bytes(), |_| {});
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    /// An extension header of this kind.
    fn extension(kind: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = plain("extension", content);
        bytes[156] = kind;
        let sum: u32 =
            (0..BLOCK).map(|at| if (148..156).contains(&at) { 32 } else { u32::from(bytes[at]) }).sum();
        bytes[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        bytes
    }

    fn names(parts: &[Vec<u8>]) -> Vec<String> {
        walk(&parts.concat()).unwrap().into_iter().map(|(name, _, _)| name).collect()
    }

    #[test]
    fn a_size_that_no_stream_has_is_refused_and_does_not_wrap_around() {
        for size in ["18446744073709551615", "9223372036854775808"] {
            let record = format!("{} size={size}\n", size.len() + 9);
            let error = walk(&[extension(b'x', record.as_bytes()), plain("x", b"")].concat()).unwrap_err();
            assert!(error.contains(&format!("expected a size below 2^62, found {size}")), "{error}");
        }
    }

    #[test]
    fn a_global_header_names_nothing() {
        let global = extension(b'g', b"10 path=x\n");
        assert_eq!(names(&[global.clone(), plain("a", b"1"), plain("b", b"")]), ["a", "b"]);
        // It stands between an extension header and what that would have spoken of.
        assert_eq!(names(&[extension(b'L', b"long\0"), global, plain("a", b"")]), ["a"]);
    }

    #[test]
    fn the_last_extension_header_counts_and_gnus_own_goes_first() {
        let pax = |text: &[u8]| extension(b'x', text);
        let long = || extension(b'L', b"long\0");
        for (parts, expected) in [
            (vec![pax(b"10 path=x\n")], "x"),
            (vec![pax(b"10 path=x\n"), pax(b"11 other=y\n")], "a"),
            (vec![long(), pax(b"10 path=x\n")], "long"),
            (vec![pax(b"10 path=x\n"), long()], "long"),
            (vec![pax(b"8 path=\n")], "a"),
            (vec![extension(b'L', b"\0")], "a"),
            (vec![pax(b"8 size=\n")], "a"),
            (vec![pax(b"21 GNU.sparse.name=x\n")], "a"),
            (vec![pax(b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n21 GNU.sparse.name=x\n")], "x"),
            (vec![pax(b"22 GNU.sparse.major=9\n21 GNU.sparse.name=x\n")], "a"),
        ] {
            let parts = [parts, vec![plain("a", b"")]].concat();
            assert_eq!(names(&parts), [expected], "{:?}", String::from_utf8_lossy(&parts[0][BLOCK..]));
        }
    }

    #[test]
    fn a_size_written_for_what_has_no_content_hides_nothing() {
        for kind in *b"123456" {
            let first = block("first", kind, b"00000001000", |_| {});
            assert_eq!(names(&[first, plain("second", b"")])[1..], ["second"], "{}", char::from(kind));
        }
        let old_folder = block("folder/", 0, b"00000001000", |_| {});
        assert_eq!(names(&[old_folder, plain("second", b"")]), ["folder", "second"]);
        let larger = extension(b'x', b"13 size=1024\n");
        let link = block("hard", b'1', b"", |block| block[157..160].copy_from_slice(b"abc"));
        assert_eq!(names(&[larger, link, plain("second", b"")]), ["hard -> abc", "second"]);
    }

    #[test]
    fn the_prefix_stands_where_each_form_has_it() {
        let name = |change: fn(&mut [u8])| names(&[block("name", b'0', b"", change)]).remove(0);
        let long = |block: &mut [u8]| block[345..485].fill(b'p');
        assert_eq!(name(|block| block[345..348].copy_from_slice(b"dir")), "dir/name");
        assert_eq!(name(long), format!("{}/name", "p".repeat(140)));
        let star = name(|block| {
            block[345..485].fill(b'p');
            block[508..512].copy_from_slice(b"tar\0");
        });
        assert_eq!(star, format!("{}/name", "p".repeat(131)));
        let gnu = |prefix: &'static [u8]| {
            names(&[block("name", b'0', b"", |block| {
                block[257..265].copy_from_slice(b"ustar  \0");
                block[345..345 + prefix.len()].copy_from_slice(prefix);
            })])
            .remove(0)
        };
        for (prefix, expected) in [
            (&b"14370123456\x0014370123456"[..], "name"),
            (b"\x80\0\0\0\0\0\0\0\0\0\0\x01", "name"),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "name"),
            (b"var/lib", "var/lib/name"),
            (b"7/7", "7/7/name"),
            (b"7\0\0\0\0\0\0\0\0\0\0\0\x80\x01", "7/name"),
            (b"v\xc3\xa4r", "name"),
        ] {
            assert_eq!(gnu(prefix), expected, "{prefix:?}");
        }
    }

    #[test]
    fn records_of_the_new_sparse_form_do_not_name_the_old() {
        let records = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n21 GNU.sparse.name=x\n";
        let old = block("old", b'S', b"", |_| {});
        assert_eq!(names(&[extension(b'x', records), old]), ["old"]);
    }

    #[test]
    fn an_endless_sparse_map_is_refused() {
        let mut bytes = block("s", b'S', b"", |block| block[482] = 1);
        let mut more = vec![0; BLOCK];
        more[504] = 1;
        bytes.extend(more.repeat(3000));
        assert!(walk(&bytes).unwrap_err().contains("expected a sparse map of at most 1 MiB"));
    }

    #[test]
    fn a_size_field_of_blanks_is_none() {
        assert_eq!(names(&[block("a", b'5', b"           ", |_| {}), plain("b", b"")]), ["a", "b"]);
    }

    #[test]
    fn an_endless_extension_header_is_refused() {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(10 << 30);
        header.set_cksum();
        let error = walk(header.as_bytes()).unwrap_err();
        assert!(error.contains("at most 1 MiB, found 10737418240 bytes"), "{error}");
    }
}
