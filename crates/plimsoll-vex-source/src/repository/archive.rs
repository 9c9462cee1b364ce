//! A repository's archive: tar, compressed or not, or zip. Nothing of it is unpacked to the disk.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};

use plimsoll_archive::{CHUNK_BYTES, Decompressed, EntryKind, TarItem, TarReader, Zip, ZipLimits, normalize};
use plimsoll_http::read_up_to;
use plimsoll_vex::MAX_DOCUMENT_BYTES;

use super::index::MAX_INDEX_BYTES;
use crate::Error;

/// The most bytes of an archive, unpacked.
const MAX_UNPACKED_BYTES: u64 = 16 << 30;
/// The most entries of an archive.
const MAX_ENTRIES: u64 = 2_000_000;
/// The most bytes of all files that are taken of it at once.
const MAX_TOTAL_BYTES: u64 = 512 << 20;
/// How a zip archive begins.
const ZIP_SIGNATURE: &[u8] = b"PK";

pub(super) struct Archive<'a> {
    file: File,
    is_zip: bool,
    name: &'a str,
    max_total_bytes: u64,
}

impl<'a> Archive<'a> {
    /// An archive in a file; `name` is its repository's.
    pub(super) fn new(mut file: File, name: &'a str) -> Result<Self, Error> {
        let failed =
            |source| Error::Zip { url: name.to_owned(), source: plimsoll_archive::ZipError::Io(source) };
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let head = read_up_to(&file, ZIP_SIGNATURE.len() as u64).map_err(failed)?;
        Ok(Self { file, is_zip: head == ZIP_SIGNATURE, name, max_total_bytes: MAX_TOTAL_BYTES })
    }

    /// Gives the files at these paths, in the archive's order. What lies twice at one path is given as it lies there
    /// last, as unpacking would have it.
    pub(super) fn read(
        &mut self,
        wanted: &BTreeSet<String>,
        deliver: &mut dyn FnMut(&str, Vec<u8>),
    ) -> Result<(), Error> {
        if wanted.is_empty() {
            return Ok(());
        }
        let mut last = std::collections::BTreeMap::new();
        let (place, limit, mut total) = (self.name.to_owned(), self.max_total_bytes, 0);
        let mut keep = |path: String, bytes: Vec<u8>| {
            total += bytes.len() as u64;
            last.insert(path, bytes);
            let unit = "bytes of documents for one image";
            if total > limit { Err(Error::TooMuch { place: place.clone(), limit, unit }) } else { Ok(()) }
        };
        if self.is_zip {
            self.read_zip(wanted, &mut keep)?;
        } else {
            self.read_tar(wanted, &mut keep)?;
        }
        for (path, bytes) in last {
            deliver(&path, bytes);
        }
        Ok(())
    }

    fn read_zip(
        &self,
        wanted: &BTreeSet<String>,
        keep: &mut dyn FnMut(String, Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let damaged = |source| Error::Zip { url: self.name.to_owned(), source };
        let limits =
            ZipLimits { entries: MAX_ENTRIES, total_bytes: MAX_UNPACKED_BYTES, ..ZipLimits::default() };
        let mut zip = Zip::open(&self.file, limits).map_err(damaged)?;
        let found: Vec<(usize, String)> = zip
            .entries()
            .iter()
            .enumerate()
            .filter(|(_, entry)| !entry.is_directory())
            .filter_map(|(index, entry)| Some((index, normalize(&entry.name)?)))
            .filter(|(_, path)| wanted.contains(path))
            .collect();
        for (index, path) in found {
            let limit = limit(&path);
            keep(path, zip.read(index, limit).map_err(damaged)?)?;
        }
        Ok(())
    }

    fn read_tar(
        &mut self,
        wanted: &BTreeSet<String>,
        keep: &mut dyn FnMut(String, Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let name = self.name;
        let damaged = |source| Error::Tar { url: name.to_owned(), source };
        let unreadable = |source| damaged(plimsoll_archive::TarError::Io { offset: 0, source });
        let too_much = |limit, unit| Error::TooMuch { place: name.to_owned(), limit, unit };
        self.file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
        let stream = Decompressed::new(&self.file).map_err(unreadable)?;
        let stream = stream.take(MAX_UNPACKED_BYTES);
        let mut tar = TarReader::new(BufReader::with_capacity(CHUNK_BYTES, stream));
        let mut entries = 0;
        while let Some(item) = tar.next_entry().map_err(damaged)? {
            entries += 1;
            if entries > MAX_ENTRIES {
                return Err(too_much(MAX_ENTRIES, "entries"));
            }
            // What leads out of the archive is nothing of it.
            let TarItem::Entry(entry) = item else { continue };
            if entry.kind != EntryKind::File || !wanted.contains(&entry.path) {
                continue;
            }
            let limit = limit(&entry.path);
            if entry.size > limit {
                return Err(too_much(limit, "bytes of a document"));
            }
            let bytes = read_up_to(&mut tar, limit).map_err(unreadable)?;
            keep(entry.path, bytes)?;
        }
        Ok(())
    }
}

/// The most bytes of the file at a path.
fn limit(path: &str) -> u64 {
    if path.ends_with("index.json") { MAX_INDEX_BYTES } else { MAX_DOCUMENT_BYTES as u64 }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use plimsoll_testkit::Folder;
    use plimsoll_testkit::image::{LayerBuilder, gzip};

    use super::*;

    #[test]
    fn all_that_is_taken_at_once_is_bounded() {
        let text = "x".repeat(1000);
        let layer = LayerBuilder::new().file("a.json", text.as_str()).file("b.json", text.as_str());
        let folder = Folder::new();
        let path = folder.path().join("archive");
        fs::write(&path, gzip(&layer.tar())).unwrap();
        let wanted = BTreeSet::from(["a.json".to_owned(), "b.json".to_owned()]);
        for (limit, is_taken) in [(2000, true), (1999, false)] {
            let mut archive = Archive::new(File::open(&path).unwrap(), "u").unwrap();
            archive.max_total_bytes = limit;
            let mut taken = 0;
            let read = archive.read(&wanted, &mut |_, _| taken += 1);
            assert_eq!((read.is_ok(), taken), (is_taken, if is_taken { 2 } else { 0 }), "{read:?}");
        }
    }
}
