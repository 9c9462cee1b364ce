//! rpm headers, as the database stores them: an index of tags, and a store with their values.
//!
//! Two big-endian counts, of index entries and of store bytes; then the entries, 16 bytes each: tag, type, offset
//! into the store, count; then the store. The magic number of package files is left out.
//!
//! Source: rpm 4.18, `docs/manual/format.md`, "Header", and `tags.md`.

use crate::ReadError;

/// Most entries of an index, as rpm itself allows.
const MAX_ENTRIES: usize = 0xffff;

/// Largest store in bytes, as rpm itself allows.
const MAX_STORE_BYTES: usize = 256 << 20;

const ENTRY_BYTES: usize = 16;

/// The tags that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Tag {
    Name = 1000,
    Version = 1001,
    Release = 1002,
    Epoch = 1003,
    Vendor = 1011,
    License = 1014,
    Architecture = 1022,
    /// Whole paths, in packages of rpm 3.
    OldFileNames = 1027,
    SourceRpm = 1044,
    DirectoryIndexes = 1116,
    BaseNames = 1117,
    DirectoryNames = 1118,
    ModularityLabel = 5096,
}

const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const TRANSLATED_STRING: u32 = 9;

/// A header whose index lies within its bytes. Values are checked when they are asked for.
pub(super) struct Header<'a> {
    index: &'a [u8],
    store: &'a [u8],
}

struct IndexEntry {
    kind: u32,
    offset: usize,
    count: usize,
}

impl<'a> Header<'a> {
    /// Checks the counts.
    pub(super) fn parse(blob: &'a [u8]) -> Result<Self, ReadError> {
        let counts = u32_at(blob, 0).zip(u32_at(blob, 4));
        let (entries, store_bytes) =
            counts.ok_or_else(|| ReadError::malformed("an rpm header", format!("{} bytes", blob.len())))?;
        if entries == 0 || entries > MAX_ENTRIES || store_bytes > MAX_STORE_BYTES {
            let found = format!("{entries} and {store_bytes}");
            return Err(ReadError::malformed("an rpm header's counts of entries and bytes", found));
        }
        let store_start = 8 + entries * ENTRY_BYTES;
        let whole = store_start + store_bytes;
        let found = || format!("{} bytes", blob.len());
        let store = blob
            .get(store_start..whole)
            .ok_or_else(|| ReadError::malformed(format!("an rpm header of {whole} bytes"), found()))?;
        Ok(Self { index: &blob[8..store_start], store })
    }

    /// The tag's entry. Of two the last counts: what was added to a package's own header comes behind it.
    fn entry(&self, tag: Tag) -> Option<IndexEntry> {
        let entry =
            self.index.chunks_exact(ENTRY_BYTES).rfind(|entry| entry[..4] == (tag as u32).to_be_bytes())?;
        let kind = u32::from_be_bytes(*entry[4..].first_chunk()?);
        Some(IndexEntry { kind, offset: u32_at(entry, 8)?, count: u32_at(entry, 12)? })
    }

    /// A text, the first where the tag has several. `Ok(None)` where the tag is missing or empty.
    pub(super) fn text(&self, tag: Tag) -> Result<Option<&'a str>, String> {
        let Some(entry) = self.entry(tag) else { return Ok(None) };
        if entry.kind != STRING {
            // Anything else that holds texts will do.
            return Ok(self.texts(tag)?.into_iter().next().filter(|text| !text.is_empty()));
        }
        let bytes = self.store.get(entry.offset..).and_then(until_nul).ok_or_else(|| outside(tag))?;
        let text = std::str::from_utf8(bytes).map_err(|_| {
            format!("expected UTF-8 text under tag {tag:?}, found `{}`", crate::seam::excerpt(bytes))
        })?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// A list of texts; one that is not UTF-8 is empty, so that the others keep their places.
    pub(super) fn texts(&self, tag: Tag) -> Result<Vec<&'a str>, String> {
        let Some(entry) = self.entry(tag) else { return Ok(Vec::new()) };
        if !matches!(entry.kind, STRING | STRING_ARRAY | TRANSLATED_STRING) {
            return Err(format!("expected texts under tag {tag:?}, found type {}", entry.kind));
        }
        let mut rest = self.store.get(entry.offset..).ok_or_else(|| outside(tag))?;
        // Each text takes at least its closing zero byte.
        if entry.count > rest.len() {
            return Err(outside(tag));
        }
        let mut texts = Vec::with_capacity(entry.count);
        for _ in 0..entry.count {
            let bytes = until_nul(rest).ok_or_else(|| outside(tag))?;
            rest = &rest[bytes.len() + 1..];
            texts.push(std::str::from_utf8(bytes).unwrap_or_default());
        }
        Ok(texts)
    }

    /// A list of 32-bit numbers.
    pub(super) fn numbers(&self, tag: Tag) -> Result<Vec<u32>, String> {
        let Some(entry) = self.entry(tag) else { return Ok(Vec::new()) };
        if entry.kind != INT32 {
            return Err(format!("expected numbers under tag {tag:?}, found type {}", entry.kind));
        }
        let end = entry.count.checked_mul(4).and_then(|length| entry.offset.checked_add(length));
        let bytes = end.and_then(|end| self.store.get(entry.offset..end)).ok_or_else(|| outside(tag))?;
        Ok(bytes.chunks_exact(4).map(|n| u32::from_be_bytes([n[0], n[1], n[2], n[3]])).collect())
    }
}

fn outside(tag: Tag) -> String {
    format!("expected the value of tag {tag:?} inside the header's store, found its end outside")
}

fn until_nul(bytes: &[u8]) -> Option<&[u8]> {
    memchr::memchr(0, bytes).map(|length| &bytes[..length])
}

fn u32_at(bytes: &[u8], place: usize) -> Option<usize> {
    let chunk = bytes.get(place..)?.first_chunk()?;
    usize::try_from(u32::from_be_bytes(*chunk)).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Writes a header of entries: tag, type, count, value.
    pub(crate) fn header(entries: &[(Tag, u32, u32, &[u8])]) -> Vec<u8> {
        let (mut index, mut store) = (Vec::new(), Vec::new());
        for &(tag, kind, count, value) in entries {
            if kind == INT32 {
                store.resize(store.len().next_multiple_of(4), 0);
            }
            let offset = u32::try_from(store.len()).unwrap();
            for number in [tag as u32, kind, offset, count] {
                index.extend(number.to_be_bytes());
            }
            store.extend_from_slice(value);
        }
        let mut out = Vec::new();
        out.extend(u32::try_from(entries.len()).unwrap().to_be_bytes());
        out.extend(u32::try_from(store.len()).unwrap().to_be_bytes());
        out.extend(index);
        out.extend(store);
        out
    }

    #[test]
    fn values_are_read_by_their_tag() {
        let bytes = header(&[
            (Tag::Name, STRING, 1, b"harbour\0"),
            (Tag::Epoch, INT32, 1, &[0, 0, 0, 2]),
            (Tag::BaseNames, STRING_ARRAY, 3, b"a\0\0\xff\0"),
            (Tag::License, TRANSLATED_STRING, 2, b"MIT\0autre\0"),
            (Tag::Vendor, STRING, 1, b"old\0"),
            (Tag::Vendor, STRING, 1, b"new\0"),
        ]);
        let header = Header::parse(&bytes).unwrap();
        assert_eq!(header.text(Tag::Name), Ok(Some("harbour")));
        assert_eq!(header.numbers(Tag::Epoch), Ok(vec![2]));
        assert_eq!(header.texts(Tag::BaseNames), Ok(vec!["a", "", ""]));
        assert_eq!(header.text(Tag::License), Ok(Some("MIT")));
        assert_eq!(header.text(Tag::Vendor), Ok(Some("new")));
        assert_eq!(header.text(Tag::Version), Ok(None));
        assert_eq!(header.numbers(Tag::DirectoryIndexes), Ok(vec![]));
    }

    #[test]
    fn counts_that_do_not_fit_are_refused() {
        let bytes = header(&[(Tag::Name, STRING, 1, b"harbour\0"), (Tag::Epoch, INT32, 1, &[0, 0, 0, 2])]);
        for length in 0..bytes.len() {
            assert!(Header::parse(&bytes[..length]).is_err(), "{length}");
        }
        for counts in [[0; 8], [0xff; 8], [0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff], [0, 1, 0, 0, 0, 0, 0, 0]] {
            let mut bytes = bytes.clone();
            bytes[..8].copy_from_slice(&counts);
            assert!(Header::parse(&bytes).is_err(), "{counts:?}");
        }
    }

    #[test]
    fn values_outside_of_the_store_are_refused() {
        let unterminated = header(&[(Tag::Name, STRING, 1, b"harbour")]);
        assert!(Header::parse(&unterminated).unwrap().text(Tag::Name).is_err());
        let many =
            header(&[(Tag::BaseNames, STRING_ARRAY, u32::MAX, b"a\0"), (Tag::Epoch, INT32, u32::MAX, b"")]);
        let many = Header::parse(&many).unwrap();
        assert!(many.texts(Tag::BaseNames).is_err());
        assert!(many.numbers(Tag::Epoch).is_err());
        let kinds = header(&[(Tag::Name, INT32, 1, &[0; 4]), (Tag::Epoch, STRING, 1, b"1\0")]);
        let kinds = Header::parse(&kinds).unwrap();
        assert!(kinds.text(Tag::Name).is_err());
        assert!(kinds.numbers(Tag::Epoch).is_err());
        let foreign = header(&[(Tag::Name, STRING, 1, b"\xff\0")]);
        assert!(Header::parse(&foreign).unwrap().text(Tag::Name).is_err());
    }
}
