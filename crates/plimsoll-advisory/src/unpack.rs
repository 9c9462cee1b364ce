//! Files as their publishers pack them: plain, gzip, zstd or bzip2, told by their first bytes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use plimsoll_archive::{CHUNK_BYTES, Decompressed};

use crate::error::{Error, InvalidRecord};
use crate::seam::MAX_HEAD_BYTES;
use crate::text::{excerpt, read_on};

/// Where `ustar` stands in a tar's first block.
const TAR_MAGIC_OFFSET: usize = 257;
/// Bytes of a file that are read at a time. Most files are small, so that more would be asked for in vain.
const FILE_CHUNK_BYTES: usize = 64 * 1024;
/// Ends of names that tell a compression, which are no part of the name of what is compressed.
const SUFFIXES: &[&str] = &[".gz", ".bz2", ".zst", ".xz"];

/// What a file is, once decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// A file of its own.
    Plain,
    /// A zip archive, not compressed besides.
    Zip,
    /// A tar archive.
    Tar,
}

/// A file that is decompressed as it is read, with its first bytes looked at.
pub(crate) struct Unpacked {
    /// The first bytes, decompressed: [`MAX_HEAD_BYTES`], or all there are.
    pub(crate) head: Vec<u8>,
    /// What lies behind the head.
    pub(crate) rest: Box<dyn BufRead + Send>,
    /// Whether it is compressed: an error in reading is then one of its content.
    pub(crate) is_packed: bool,
}

impl Unpacked {
    /// Opens a file and looks at it.
    ///
    /// # Errors
    /// [`Error::Unreadable`] where the system does not let it be read, [`Error::WrongContent`] where its first bytes
    /// cannot be decompressed.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
        let mut file = BufReader::with_capacity(FILE_CHUNK_BYTES, File::open(path).map_err(unreadable)?);
        let start = file.fill_buf().map_err(unreadable)?;
        let is_packed =
            !matches!(plimsoll_archive::Compression::sniff(start), Ok(plimsoll_archive::Compression::None));
        let wrong = |error: io::Error| {
            if is_packed { Error::wrong_content(path, damaged(&error)) } else { unreadable(error) }
        };
        let mut rest: Box<dyn BufRead + Send> = if start.starts_with(b"BZh") {
            // Streams behind the first are content too: that is how several processors compress.
            Box::new(BufReader::with_capacity(CHUNK_BYTES, bzip2::bufread::MultiBzDecoder::new(file)))
        } else if is_packed {
            let stream = Decompressed::new(file).map_err(wrong)?;
            Box::new(BufReader::with_capacity(CHUNK_BYTES, stream))
        } else {
            Box::new(file)
        };
        let mut head = Vec::new();
        read_on(&mut (&mut rest).take(MAX_HEAD_BYTES as u64), MAX_HEAD_BYTES as u64, &mut head)
            .map_err(wrong)?;
        Ok(Self { head, rest, is_packed })
    }

    /// All of it, from its beginning.
    pub(crate) fn into_stream(self) -> Box<dyn BufRead + Send> {
        Box::new(io::Cursor::new(self.head).chain(self.rest))
    }

    /// What it is.
    pub(crate) fn shape(&self) -> Shape {
        let magic = self.head.get(TAR_MAGIC_OFFSET..TAR_MAGIC_OFFSET + 5);
        match () {
            () if magic == Some(b"ustar") => Shape::Tar,
            // An empty zip has nothing but its end.
            () if !self.is_packed
                && (self.head.starts_with(b"PK\x03\x04") || self.head.starts_with(b"PK\x05\x06")) =>
            {
                Shape::Zip
            }
            () => Shape::Plain,
        }
    }
}

/// The name of what is in a compressed file: `updateinfo.xml.gz` holds `updateinfo.xml`.
pub(crate) fn bare(path: &str) -> &str {
    SUFFIXES.iter().find_map(|suffix| path.strip_suffix(suffix)).unwrap_or(path)
}

/// What to say of a compressed file that cannot be decompressed.
pub(crate) fn damaged(error: &io::Error) -> InvalidRecord {
    let expected = "a whole file, plain or in gzip, zstd or bzip2";
    InvalidRecord { expected, found: format!("one that cannot be read on: {error}") }
}

/// What to say of a page for people that came in the place of data.
pub(crate) fn page(head: &[u8]) -> Option<String> {
    let text = head.trim_ascii_start();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
    let starts = |start: &[u8]| text.len() >= start.len() && text[..start.len()].eq_ignore_ascii_case(start);
    (starts(b"<!doctype html") || starts(b"<html")).then(|| format!("an HTML page: `{}`", excerpt(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compression_is_no_part_of_a_name() {
        for (path, name) in [
            ("a/updateinfo.xml.gz", "a/updateinfo.xml"),
            ("x.tar.zst", "x.tar"),
            ("x.tar.bz2", "x.tar"),
            ("x.json", "x.json"),
            ("", ""),
        ] {
            assert_eq!(bare(path), name);
        }
    }

    #[test]
    fn pages_are_told_from_data() {
        assert!(page(b"\xef\xbb\xbf\n <!DOCTYPE HTML>").is_some());
        assert!(page(b"<html lang=\"en\">").unwrap().starts_with("an HTML page: `<html"));
        for data in [&b"{}"[..], b"<?xml version='1.0'?>", b"<updates>", b"", b"<"] {
            assert!(page(data).is_none());
        }
    }
}
