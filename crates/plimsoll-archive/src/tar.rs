//! A tar stream, walked once, with nothing held but the header at hand.
//!
//! Reads ustar, old V7, GNU (long names and links, base-256 numbers) and pax (`path`, `linkpath`, `size`, global
//! headers). It is written here and not taken from a crate because a layer's tar is hostile: extension headers are
//! bounded, paths are normalized without touching a disk, and what is skipped costs no allocation.
//!
//! Source: POSIX.1-2017, `pax`, "ustar Interchange Format" and "pax Header Block"; GNU tar manual, "Basic Tar Format".

use std::io::{self, BufRead, Read};

use crate::path::normalize;

/// Length of a tar block in bytes.
const BLOCK: usize = 512;
/// The most bytes that one extension header (pax record block, GNU long name) may have.
const MAX_EXTENSION_BYTES: u64 = 1 << 20;
/// The most extension headers in a row before a real entry.
const MAX_EXTENSIONS_IN_A_ROW: usize = 16;

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
    /// Size of the content in bytes, as stored in the archive.
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
    global: PaxRecords,
}

#[derive(Clone, Debug, Default)]
struct PaxRecords {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

impl<R: BufRead> TarReader<R> {
    /// A reader of this uncompressed stream.
    pub fn new(inner: R) -> Self {
        Self { inner, offset: 0, content_left: 0, padding: 0, global: PaxRecords::default() }
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
        let mut local = self.global.clone();
        for _ in 0..=MAX_EXTENSIONS_IN_A_ROW {
            let Some(header) = self.header()? else { return Ok(None) };
            let kind = header[156];
            let size = self.number(&header[124..136], "a size")?;
            match kind {
                b'x' | b'g' => {
                    let bytes = self.extension(size)?;
                    let target = if kind == b'g' { &mut self.global } else { &mut local };
                    parse_pax(&bytes, target).map_err(|found| TarError::Header {
                        offset: self.offset,
                        expected: "a pax record `length key=value`",
                        found,
                    })?;
                    if kind == b'g' {
                        let global = self.global.clone();
                        local = PaxRecords {
                            path: local.path.or(global.path),
                            link: local.link.or(global.link),
                            size: local.size.or(global.size),
                            sparse: local.sparse || global.sparse,
                        };
                    }
                }
                b'L' => local.path = Some(until_nul(&self.extension(size)?).to_vec()),
                b'K' => local.link = Some(until_nul(&self.extension(size)?).to_vec()),
                _ => return self.entry(&header, kind, size, &local).map(Some),
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
        pax: &PaxRecords,
    ) -> Result<TarItem, TarError> {
        let size = pax.size.unwrap_or(size);
        let gnu_sparse = kind == b'S';
        if gnu_sparse {
            self.skip_sparse_headers(header)?;
        }
        let raw_path = pax.path.clone().unwrap_or_else(|| ustar_path(header));
        let kind = match kind {
            // V7 archives mark a directory by the slash at its end alone.
            0 | b'0' | b'7' if raw_path.ends_with(b"/") && size == 0 => EntryKind::Directory,
            0 | b'0' | b'7' | b'S' => EntryKind::File,
            b'1' => EntryKind::HardLink,
            b'2' => EntryKind::Symlink,
            b'5' => EntryKind::Directory,
            _ => EntryKind::Other,
        };
        // Only files have content; some writers give the size of the target for links. A pax archive may store a
        // hard link's content once more, which is marked by a size, and is skipped all the same.
        let stored = if matches!(kind, EntryKind::Symlink | EntryKind::Directory) { 0 } else { size };
        let stored = if kind == EntryKind::HardLink && pax.size.is_none() { 0 } else { stored };
        self.content_left = stored;
        self.padding = (BLOCK as u64 - stored % BLOCK as u64) % BLOCK as u64;
        let path = String::from_utf8_lossy(&raw_path);
        let Some(path) = normalize(&path) else { return Ok(TarItem::Escape(path.into_owned())) };
        let raw_link = pax.link.clone().unwrap_or_else(|| until_nul(&header[157..257]).to_vec());
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
        Ok(TarItem::Entry(TarEntry { path, kind, link, size, mode, sparse: gnu_sparse || pax.sparse }))
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
        self.skip((BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64)?;
        Ok(bytes)
    }

    /// Old GNU sparse files have further header blocks with the rest of their map.
    fn skip_sparse_headers(&mut self, header: &[u8; BLOCK]) -> Result<(), TarError> {
        let mut more = header[482] != 0;
        while more {
            let mut block = [0_u8; BLOCK];
            if self.fill(&mut block)? < BLOCK {
                return Err(TarError::Truncated {
                    offset: self.offset,
                    expected: "the rest of a sparse map",
                });
            }
            more = block[504] != 0;
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

fn octal(field: &[u8]) -> Option<u64> {
    let mut value: u64 = 0;
    let mut digits = field.iter().copied().skip_while(|&byte| byte == b' ' || byte == 0).peekable();
    digits.peek()?;
    for byte in digits {
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
    let is_posix = &header[257..263] == b"ustar\0";
    let prefix = if is_posix { until_nul(&header[345..500]) } else { &[] };
    if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
}

/// Reads `length key=value\n` records. Unknown keys are passed over.
fn parse_pax(mut bytes: &[u8], out: &mut PaxRecords) -> Result<(), String> {
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
            b"path" | b"GNU.sparse.name" => out.path = Some(value.to_vec()),
            b"linkpath" => out.link = Some(value.to_vec()),
            b"size" => {
                let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                out.size = Some(size.ok_or("a size that is no number")?);
            }
            b"GNU.sparse.major" | b"GNU.sparse.map" => out.sparse = true,
            _ => {}
        }
        bytes = &bytes[length..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(bytes: &[u8]) -> Result<Vec<(String, EntryKind, Vec<u8>)>, String> {
        let mut reader = TarReader::new(bytes);
        let mut out = Vec::new();
        loop {
            match reader.next_entry().map_err(|error| error.to_string())? {
                None => return Ok(out),
                Some(TarItem::Escape(path)) => {
                    out.push((format!("escape {path}"), EntryKind::Other, Vec::new()))
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
