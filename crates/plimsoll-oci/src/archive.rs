//! Tar files with images: what `docker save` and `podman save` write, and layouts.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use plimsoll_archive::{Compression, EntryKind, TarEntry, TarError, TarItem, TarReader, normalize};

use crate::docker_manifest::{self, DockerImage};
use crate::layout::{self, Files};
use crate::local::{FileRange, Verified};
use crate::stream::ArchiveStream;
use crate::{Error, ImageSource, Options, Progress, ResolvedImage, Source, config};

/// The most members of an archive that are kept in mind.
pub(crate) const MAX_MEMBERS: usize = 200_000;
/// Longest name of a member, and of what a link leads to, in bytes. What is longer is passed over.
pub(crate) const MAX_NAME_BYTES: usize = 4096;
/// The most links that are followed from a layer's name to its bytes.
const MAX_LINKS: usize = 8;
/// What is read ahead while headers are gathered.
const HEADER_BUFFER_BYTES: usize = 4 << 10;
const BLOCK_BYTES: u64 = 512;

/// A member of an archive.
#[derive(Clone, Debug)]
enum Member {
    File {
        offset: u64,
        size: u64,
    },
    /// To another member, by its path from the root.
    Link(String),
}

/// A tar file whose members can be read in any order.
#[derive(Clone)]
pub(crate) struct TarFile {
    file: Arc<File>,
    members: Arc<HashMap<String, Member>>,
    place: String,
}

impl TarFile {
    /// Gathers the members, stepping over their content. Of several members of one name the last counts, as it does
    /// when an archive is unpacked.
    pub(crate) fn new(file: File, place: &str) -> Result<Self, Error> {
        let bad = |source| Error::Archive { place: place.to_owned(), source };
        let length = file.metadata().map_err(|source| bad(TarError::Io { offset: 0, source }))?.len();
        let mut members = HashMap::new();
        let mut position = 0;
        while position < length {
            (&file)
                .seek(SeekFrom::Start(position))
                .map_err(|source| bad(TarError::Io { offset: position, source }))?;
            let mut tar = TarReader::new(BufReader::with_capacity(HEADER_BUFFER_BYTES, &file));
            let entry = match tar.next_entry().map_err(bad)? {
                None => break,
                Some(TarItem::Entry(entry)) => entry,
                // Its size is not told: it is read over.
                Some(TarItem::Escape(_)) => {
                    let Some(item) = next_that_stays(&mut tar).map_err(bad)? else { break };
                    item
                }
            };
            let offset = position + tar.offset();
            let size = entry.size;
            position = size
                .checked_next_multiple_of(BLOCK_BYTES)
                .and_then(|padded| offset.checked_add(padded))
                .filter(|_| offset.checked_add(size).is_some_and(|end| end <= length))
                .ok_or_else(|| bad(TarError::Truncated { offset, expected: "the rest of an entry" }))?;
            if members.len() >= MAX_MEMBERS {
                return Err(Error::Content {
                    what: "archive",
                    subject: place.to_owned(),
                    expected: format!("at most {MAX_MEMBERS} members"),
                    found: "more".to_owned(),
                });
            }
            if let Some(member) = member(&entry, offset) {
                members.insert(entry.path, member);
            }
        }
        Ok(Self { file: Arc::new(file), members: Arc::new(members), place: place.to_owned() })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Offset and size of a member, behind links.
    fn find(&self, name: &str) -> Option<(u64, u64)> {
        let mut name = normalize(name)?;
        for _ in 0..MAX_LINKS {
            match self.members.get(&name)? {
                Member::File { offset, size } => return Some((*offset, *size)),
                Member::Link(target) => name.clone_from(target),
            }
        }
        None
    }
}

fn next_that_stays<R: io::BufRead>(tar: &mut TarReader<R>) -> Result<Option<TarEntry>, TarError> {
    loop {
        match tar.next_entry()? {
            None => return Ok(None),
            Some(TarItem::Entry(entry)) => return Ok(Some(entry)),
            Some(TarItem::Escape(_)) => {}
        }
    }
}

fn member(entry: &TarEntry, offset: u64) -> Option<Member> {
    if !has_short_names(entry) {
        return None;
    }
    match entry.kind {
        EntryKind::File => Some(Member::File { offset, size: entry.size }),
        EntryKind::HardLink | EntryKind::Symlink => link_target(entry).map(Member::Link),
        EntryKind::Directory | EntryKind::Other => None,
    }
}

/// Whether the names of an entry are short enough to be kept in mind.
pub(crate) fn has_short_names(entry: &TarEntry) -> bool {
    entry.path.len() <= MAX_NAME_BYTES && entry.link.len() <= MAX_NAME_BYTES
}

/// Where a link leads, from the root of the archive; `None` where that is outside.
pub(crate) fn link_target(entry: &TarEntry) -> Option<String> {
    if entry.kind == EntryKind::HardLink {
        return Some(entry.link.clone());
    }
    if entry.link.starts_with('/') {
        return normalize(&entry.link);
    }
    let parent = entry.path.rfind('/').map_or("", |slash| &entry.path[..slash]);
    normalize(&format!("{parent}/{}", entry.link))
}

impl Files for TarFile {
    fn open(&self, name: &str) -> Result<(Box<dyn Read + Send>, u64), Error> {
        let (offset, size) = self.find(name).ok_or_else(|| Error::Content {
            what: "archive",
            subject: self.place.clone(),
            expected: format!("a file `{}` in it", crate::manifest::clip(name)),
            found: "none".to_owned(),
        })?;
        Ok((Box::new(FileRange::new(Arc::clone(&self.file), offset, size)), size))
    }

    fn place(&self) -> String {
        self.place.clone()
    }
}

/// Which of the two forms is looked for first; many archives have both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Docker,
    Layout,
}

/// Opens an archive: for reading in any order, or as a stream where it is compressed.
pub(crate) fn open(
    path: &Path,
    form: Form,
    image: Option<&str>,
    name: &str,
    options: &Options,
) -> Result<Source, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let place = path.display().to_string();
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(Error::Content {
            what: "archive",
            subject: place,
            expected: "a tar file".to_owned(),
            found: "a folder; for a layout write `oci-dir:`".to_owned(),
        });
    }
    let stream = |file: File| {
        Source::Stream(Box::new(ArchiveStream::new(Box::new(file), form, image, name, &place, options)))
    };
    // What has no end or no place, as `/dev/stdin`, can only be read once.
    if !metadata.is_file() {
        return Ok(stream(file));
    }
    let mut head = [0_u8; 6];
    let length = file.read(&mut head).map_err(failed)?;
    file.rewind().map_err(failed)?;
    match Compression::sniff(&head[..length]) {
        Ok(Compression::None) => {}
        Ok(Compression::Gzip | Compression::Zstd) => return Ok(stream(file)),
        Err(found) => {
            return Err(Error::Content {
                what: "archive",
                subject: place,
                expected: "a tar file, bare or compressed with gzip or zstd".to_owned(),
                found: found.to_owned(),
            });
        }
    }
    let tar = TarFile::new(file, &place)?;
    let (docker, layout) = (tar.has("manifest.json"), tar.has("index.json"));
    match form {
        Form::Docker if docker || !layout => open_docker(tar, image, name, options),
        Form::Layout if !layout && docker => open_docker(tar, image, name, options),
        _ => layout::open(Box::new(tar), image, name, options),
    }
}

/// An image that `docker save` wrote.
struct DockerArchive {
    tar: TarFile,
    image: ResolvedImage,
    /// Names of the layers' members.
    layers: Vec<String>,
    progress: Option<Arc<dyn Progress>>,
}

fn open_docker(tar: TarFile, wanted: Option<&str>, name: &str, options: &Options) -> Result<Source, Error> {
    if !tar.has("manifest.json") {
        let found = if tar.has("repositories") {
            "the form of Docker before 1.10; save the image anew"
        } else {
            "none"
        };
        return Err(Error::Content {
            what: "archive",
            subject: tar.place,
            expected: "a file `manifest.json` or `index.json` in it".to_owned(),
            found: found.to_owned(),
        });
    }
    let bytes = layout::read_file(&tar, "manifest.json", layout::MAX_INDEX_BYTES)?;
    let image = docker_manifest::pick(&bytes, wanted, &tar.place)?;
    let config_bytes = layout::read_file(&tar, &image.config, config::MAX_CONFIG_BYTES)?;
    let sizes = image
        .layers
        .iter()
        .map(|layer| tar.open(layer).map(|(_, size)| size))
        .collect::<Result<Vec<_>, _>>()?;
    let resolved = docker_manifest::resolve(&image, config_bytes, &sizes, name, options)?;
    let DockerImage { layers, .. } = image;
    let progress = options.progress.clone();
    Ok(Source::Layers(Box::new(DockerArchive { tar, image: resolved, layers, progress })))
}

impl ImageSource for DockerArchive {
    fn image(&self) -> &ResolvedImage {
        &self.image
    }

    fn open_layer(&self, index: usize) -> io::Result<Box<dyn Read + Send + '_>> {
        let (Some(layer), Some(name)) = (self.image.layers.get(index), self.layers.get(index)) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let (reader, size) = self.tar.open(name).map_err(Error::into_io)?;
        let digest = layer.digest.clone().map(|digest| digest.0);
        let verified = Verified::new(reader, digest, size, name);
        Ok(Box::new(verified.with_progress(self.progress.clone(), index)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_megabytes_are_passed_over() {
        let entry = |path: usize, link: usize| TarEntry {
            path: "p".repeat(path),
            kind: EntryKind::Symlink,
            link: "l".repeat(link),
            size: 0,
            mode: 0,
            sparse: false,
        };
        assert!(member(&entry(MAX_NAME_BYTES, MAX_NAME_BYTES), 0).is_some());
        assert!(member(&entry(MAX_NAME_BYTES + 1, 1), 0).is_none());
        assert!(member(&entry(1, MAX_NAME_BYTES + 1), 0).is_none());
    }

    #[test]
    fn links_stay_inside_the_archive() {
        let link = |path: &str, kind, link: &str| {
            let entry =
                TarEntry { path: path.into(), kind, link: link.into(), size: 0, mode: 0, sparse: false };
            link_target(&entry)
        };
        for (path, target, expected) in [
            ("b/layer.tar", "../a/layer.tar", Some("a/layer.tar")),
            ("b/layer.tar", "./x", Some("b/x")),
            ("b/layer.tar", "/a/layer.tar", Some("a/layer.tar")),
            ("b/layer.tar", "../../etc/passwd", None),
            ("layer.tar", "../x", None),
        ] {
            assert_eq!(link(path, EntryKind::Symlink, target).as_deref(), expected, "{path} -> {target}");
        }
        assert_eq!(link("b/c", EntryKind::HardLink, "a/c").as_deref(), Some("a/c"));
    }
}
