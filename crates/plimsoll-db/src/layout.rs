//! The header: what is where, and what it must hash to.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::block::BlockDigest;
use crate::strings::{u32_at, u64_at};

/// Version of the format that is written and read here.
pub const FORMAT: u32 = 4;

/// Name of the file, where only a folder is given.
pub const FILE_NAME: &str = "plimsoll.db";

/// Version of what stands in blocks.
pub(crate) const CONTENT_FORMAT: u32 = 1;
/// What the digest of a content begins with, so that it is that of nothing else.
const CONTENT_MARK: &[u8] = b"plimsoll partition\n";
pub(crate) const MAGIC: &[u8; 8] = b"PLIMSOLL";
/// Magic, format, number of sections, length of the file, digest of the content.
const START_BYTES: usize = 24 + DIGEST_BYTES;
/// Kind, reserved, offset, length, SHA-256.
const SECTION_BYTES: usize = 56;
const DIGEST_BYTES: usize = 32;
/// The length of [`Section::ALL`].
const SECTION_COUNT: u32 = 12;

/// The sections, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Name,
    Meta,
    Namespaces,
    Strings,
    Packages,
    PackageIndex,
    Dictionary,
    Blocks,
    Documents,
    Heads,
    Ids,
    Filter,
}

impl Section {
    pub(crate) const ALL: [Self; SECTION_COUNT as usize] = [
        Self::Name,
        Self::Meta,
        Self::Namespaces,
        Self::Strings,
        Self::Packages,
        Self::PackageIndex,
        Self::Dictionary,
        Self::Blocks,
        Self::Documents,
        Self::Heads,
        Self::Ids,
        Self::Filter,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Meta => "meta",
            Self::Namespaces => "namespaces",
            Self::Strings => "strings",
            Self::Packages => "packages",
            Self::PackageIndex => "package index",
            Self::Dictionary => "dictionary",
            Self::Blocks => "blocks",
            Self::Documents => "documents",
            Self::Heads => "heads",
            Self::Ids => "ids",
            Self::Filter => "filter",
        }
    }
}

/// Where a section lies, and its SHA-256.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) digest: [u8; DIGEST_BYTES],
}

/// A header that was checked: every place lies in the file.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) places: [Place; Section::ALL.len()],
    /// Digest of the content, see [`crate::Database::content_digest`].
    pub(crate) content: [u8; DIGEST_BYTES],
}

/// What is wrong with a header.
#[derive(Debug)]
pub(crate) enum BadHeader {
    Magic,
    Format(u32),
    Damaged(String),
}

/// The file that is meant: `path`, or [`FILE_NAME`] in it where it is a folder.
pub(crate) fn file_of(path: &Path) -> PathBuf {
    let is_folder = path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/");
    if is_folder { path.join(FILE_NAME) } else { path.to_owned() }
}

/// The digest of a partition's content: of its name and of what its blocks hold, in their order.
pub(crate) fn content_digest(
    name: &str,
    blocks: impl ExactSizeIterator<Item = BlockDigest>,
) -> [u8; DIGEST_BYTES] {
    let mut hasher = Sha256::new();
    hasher.update(CONTENT_MARK);
    hasher.update(CONTENT_FORMAT.to_le_bytes());
    hasher.update((name.len() as u64).to_le_bytes());
    hasher.update(name.as_bytes());
    hasher.update((blocks.len() as u64).to_le_bytes());
    blocks.for_each(|digest| hasher.update(digest));
    hasher.finalize().into()
}

/// The header for these sections, in the order of [`Section::ALL`].
pub(crate) fn header(content: &[u8; DIGEST_BYTES], sections: &[Vec<u8>; Section::ALL.len()]) -> Vec<u8> {
    let length = START_BYTES + SECTION_BYTES * sections.len() + DIGEST_BYTES;
    let whole = length + sections.iter().map(Vec::len).sum::<usize>();
    let mut out = Vec::with_capacity(length);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&SECTION_COUNT.to_le_bytes());
    out.extend_from_slice(&(whole as u64).to_le_bytes());
    out.extend_from_slice(content);
    let mut offset = length;
    for (kind, section) in (0_u32..).zip(sections) {
        out.extend_from_slice(&kind.to_le_bytes());
        out.extend_from_slice(&0_u32.to_le_bytes());
        out.extend_from_slice(&(offset as u64).to_le_bytes());
        out.extend_from_slice(&(section.len() as u64).to_le_bytes());
        out.extend_from_slice(&Sha256::digest(section));
        offset += section.len();
    }
    let digest = Sha256::digest(&out);
    out.extend_from_slice(&digest);
    out
}

/// Reads and checks the header of a file.
pub(crate) fn read_header(file: &[u8]) -> Result<Header, BadHeader> {
    if file.first_chunk() != Some(MAGIC) {
        return Err(BadHeader::Magic);
    }
    let short = || BadHeader::Damaged(format!("expected a header, found {} bytes", file.len()));
    let format = u32_at(file, 8).ok_or_else(short)?;
    if format != FORMAT {
        return Err(BadHeader::Format(format));
    }
    let count = u32_at(file, 12).ok_or_else(short)?;
    if count != SECTION_COUNT {
        let reason = format!("expected {SECTION_COUNT} sections, found {count}");
        return Err(BadHeader::Damaged(reason));
    }
    let whole = u64_at(file, 16).ok_or_else(short)?;
    if whole != file.len() as u64 {
        let reason = format!("expected {whole} bytes, found {}", file.len());
        return Err(BadHeader::Damaged(reason));
    }
    let signed = START_BYTES + SECTION_BYTES * Section::ALL.len();
    let digest: [u8; DIGEST_BYTES] =
        file.get(signed..).and_then(<[u8]>::first_chunk).copied().ok_or_else(short)?;
    if Sha256::digest(&file[..signed]).as_slice() != digest {
        return Err(BadHeader::Damaged("expected a header of the digest it names, found another".to_owned()));
    }
    let content = *file.get(24..).and_then(<[u8]>::first_chunk).ok_or_else(short)?;
    let mut places = [Place { start: 0, end: 0, digest: [0; DIGEST_BYTES] }; Section::ALL.len()];
    for (index, place) in places.iter_mut().enumerate() {
        let at = START_BYTES + SECTION_BYTES * index;
        let read = || {
            let start = usize::try_from(u64_at(file, at + 8)?).ok()?;
            let end = start.checked_add(usize::try_from(u64_at(file, at + 16)?).ok()?)?;
            let digest = *file.get(at + 24..)?.first_chunk()?;
            let in_place = u32_at(file, at)? as usize == index && end <= file.len();
            in_place.then_some(Place { start, end, digest })
        };
        *place = read().ok_or_else(|| {
            let name = Section::ALL[index].name();
            BadHeader::Damaged(format!(
                "expected section `{name}` inside of the file, found its end behind it"
            ))
        })?;
    }
    Ok(Header { places, content })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_where_the_sections_lie() {
        let sections: [Vec<u8>; Section::ALL.len()] = std::array::from_fn(|index| vec![7; index * 3]);
        let mut file = header(&[9; DIGEST_BYTES], &sections);
        file.extend(sections.iter().flatten());
        let read = read_header(&file).unwrap();
        assert_eq!(read.content, [9; DIGEST_BYTES]);
        for (section, place) in sections.iter().zip(read.places) {
            assert_eq!(&file[place.start..place.end], section);
            assert_eq!(place.digest, *Sha256::digest(section));
        }
        for end in 0..file.len() {
            assert!(read_header(&file[..end]).is_err(), "{end}");
        }
        let length = file.len() - sections.iter().map(Vec::len).sum::<usize>();
        for index in 0..length {
            let mut bytes = file.clone();
            bytes[index] ^= 1;
            assert!(read_header(&bytes).is_err(), "{index}");
        }
    }
}
