//! Archives that can be read once: compressed files, and what an engine sends.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::{self, BufReader, Cursor, Read};
use std::rc::Rc;
use std::sync::Arc;

use plimsoll_archive::{CHUNK_BYTES, Decompressed, EntryKind, TarError, TarItem, TarReader, normalize};
use plimsoll_http::read_up_to;

use crate::archive::{Form, MAX_MEMBERS, has_short_names, link_target};
use crate::config::MAX_CONFIG_BYTES;
use crate::layout::{self, Files, MAX_INDEX_BYTES, blob_name};
use crate::{Error, ImageStream, Options, Progress, ResolvedImage, docker_manifest};

/// The most bytes of small members (manifests, configs) that are kept until the end of the stream.
const MAX_KEPT_BYTES: u64 = 128 << 20;
/// How many times larger than its stored bytes an archive may become, once it is larger than [`RATIO_FROM_BYTES`].
/// Gzip reaches 1,032 with nothing but zeros, zstd far more; real images stay under 50.
const MAX_RATIO: u64 = 300;
/// Decompressed bytes from which the ratio is looked at.
const RATIO_FROM_BYTES: u64 = 1 << 30;

/// An archive that is read once.
pub(crate) struct ArchiveStream {
    source: Box<dyn Read + Send>,
    form: Form,
    image: Option<String>,
    name: String,
    place: String,
    options: Options,
    expected: Option<ResolvedImage>,
}

impl ArchiveStream {
    pub(crate) fn new(
        source: Box<dyn Read + Send>,
        form: Form,
        image: Option<&str>,
        name: &str,
        place: &str,
        options: &Options,
    ) -> Self {
        Self {
            source,
            form,
            image: image.map(str::to_owned),
            name: name.to_owned(),
            place: place.to_owned(),
            options: options.clone(),
            expected: None,
        }
    }

    /// Tells what the image will be.
    pub(crate) fn expecting(mut self, expected: ResolvedImage) -> Self {
        self.expected = Some(expected);
        self
    }
}

/// What was kept of a stream.
struct Kept {
    files: HashMap<String, Arc<[u8]>>,
    links: HashMap<String, String>,
    /// Sizes of the members that were handed on.
    passed: HashMap<String, u64>,
    bytes: u64,
    place: String,
}

impl Kept {
    /// The name behind one link.
    fn name<'a>(&'a self, name: &'a str) -> &'a str {
        self.links.get(name).map_or(name, String::as_str)
    }

    fn keep(&mut self, name: String, bytes: Vec<u8>) -> Result<(), Error> {
        self.bytes += bytes.len() as u64;
        if self.bytes > MAX_KEPT_BYTES {
            return Err(self.too_much(format!("at most {MAX_KEPT_BYTES} bytes beside its layers")));
        }
        self.files.insert(name, bytes.into());
        self.check_members()
    }

    fn check_members(&self) -> Result<(), Error> {
        if self.files.len() + self.links.len() + self.passed.len() > MAX_MEMBERS {
            return Err(self.too_much(format!("at most {MAX_MEMBERS} members")));
        }
        Ok(())
    }

    fn too_much(&self, expected: String) -> Error {
        Error::Content { what: "archive", subject: self.place.clone(), expected, found: "more".to_owned() }
    }
}

impl Files for Kept {
    fn open(&self, name: &str) -> Result<(Box<dyn Read + Send>, u64), Error> {
        let bytes = self.files.get(self.name(name)).cloned().ok_or_else(|| Error::Content {
            what: "archive",
            subject: self.place.clone(),
            expected: format!("a file `{}` in it", crate::manifest::clip(name)),
            found: "none".to_owned(),
        })?;
        let size = bytes.len() as u64;
        Ok((Box::new(Cursor::new(bytes)), size))
    }

    fn place(&self) -> String {
        self.place.clone()
    }
}

impl ImageStream for ArchiveStream {
    fn expected(&self) -> Option<&ResolvedImage> {
        self.expected.as_ref()
    }

    /// What begins like JSON and is small is kept until the manifest, which comes last, says what it is; should it be
    /// a layer after all, it is handed on then.
    fn read(
        self: Box<Self>,
        sink: &mut dyn FnMut(&str, &mut dyn Read) -> io::Result<()>,
    ) -> io::Result<ResolvedImage> {
        let Self { source, form, image, name, place, options, .. } = *self;
        let bad = |error| match error {
            TarError::Io { source, .. } if is_ours(&source) => source,
            source => Error::Archive { place: place.clone(), source }.into_io(),
        };
        let stored = Rc::new(Cell::new(0));
        let counted =
            Counted { inner: source, progress: options.progress.clone(), bytes: Rc::clone(&stored) };
        let stream = Decompressed::new(counted).map_err(|source| bad(TarError::Io { offset: 0, source }))?;
        let stream = Unpacked { inner: stream, bytes: 0, stored, place: &place };
        let mut tar = TarReader::new(BufReader::with_capacity(CHUNK_BYTES, stream));
        let mut kept = Kept {
            files: HashMap::new(),
            links: HashMap::new(),
            passed: HashMap::new(),
            bytes: 0,
            place: place.clone(),
        };
        while let Some(item) = tar.next_entry().map_err(bad)? {
            let TarItem::Entry(entry) = item else { continue };
            if !has_short_names(&entry) {
                continue;
            }
            match entry.kind {
                EntryKind::File => {}
                EntryKind::Symlink | EntryKind::HardLink => {
                    if let Some(target) = link_target(&entry) {
                        kept.links.insert(entry.path, target);
                        kept.check_members().map_err(Error::into_io)?;
                    }
                    continue;
                }
                EntryKind::Directory | EntryKind::Other => continue,
            }
            let mut first = [0_u8; 1];
            let offset = tar.offset();
            let mut member = Member { inner: &mut tar, place: &place, offset };
            let peeked = read_some(&mut member, &mut first)?;
            let limit = if entry.path == "index.json" || entry.path == "manifest.json" {
                MAX_INDEX_BYTES
            } else {
                MAX_CONFIG_BYTES
            };
            if entry.size <= limit
                && (peeked == 0 || matches!(first[0], b'{' | b'[') || is_small_name(&entry.path))
            {
                let mut bytes = first[..peeked].to_vec();
                bytes.extend(read_up_to(member, limit)?);
                kept.keep(entry.path, bytes).map_err(Error::into_io)?;
            } else {
                let mut member = Cursor::new(&first[..peeked]).chain(member);
                sink(&entry.path, &mut member)?;
                kept.passed.insert(entry.path, entry.size);
                kept.check_members().map_err(Error::into_io)?;
            }
        }
        finish(&kept, form, image.as_deref(), &name, &options, sink)
    }
}

fn is_small_name(path: &str) -> bool {
    path == "repositories" || [".json", "/json", "/VERSION"].iter().any(|end| path.ends_with(end))
}

fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn finish(
    kept: &Kept,
    form: Form,
    image: Option<&str>,
    name: &str,
    options: &Options,
    sink: &mut dyn FnMut(&str, &mut dyn Read) -> io::Result<()>,
) -> io::Result<ResolvedImage> {
    let has = |name: &str| kept.files.contains_key(name);
    let docker = match form {
        Form::Docker => has("manifest.json") || !has("index.json"),
        Form::Layout => !has("index.json") && has("manifest.json"),
    };
    let (resolved, layers) = if docker {
        docker_image(kept, image, name, options)
    } else {
        layout::find(kept, image, name, options).map(|resolved| {
            let digests = resolved.layers.iter().filter_map(|layer| layer.digest.as_ref());
            let names = digests.map(|digest| blob_name(&digest.0)).collect();
            (resolved, names)
        })
    }
    .map_err(Error::into_io)?;
    for layer in layers {
        let layer = kept.name(&layer);
        if let Some(bytes) = kept.files.get(layer) {
            sink(layer, &mut &bytes[..])?;
        } else if !kept.passed.contains_key(layer) {
            let error = Error::Content {
                what: "archive",
                subject: kept.place.clone(),
                expected: format!("a layer `{}` in it", crate::manifest::clip(layer)),
                found: "none".to_owned(),
            };
            return Err(error.into_io());
        }
    }
    Ok(resolved)
}

fn docker_image(
    kept: &Kept,
    wanted: Option<&str>,
    name: &str,
    options: &Options,
) -> Result<(ResolvedImage, Vec<String>), Error> {
    let bytes = layout::read_file(kept, "manifest.json", MAX_INDEX_BYTES)?;
    let image = docker_manifest::pick(&bytes, wanted, &kept.place)?;
    let config = layout::read_file(kept, &normalized(&image.config), MAX_CONFIG_BYTES)?;
    let layers: Vec<String> = image.layers.iter().map(|layer| normalized(layer)).collect();
    let size = |layer: &String| {
        let layer = kept.name(layer);
        let of_kept = kept.files.get(layer).map(|bytes| bytes.len() as u64);
        of_kept.or_else(|| kept.passed.get(layer).copied()).unwrap_or(0)
    };
    let sizes: Vec<u64> = layers.iter().map(size).collect();
    let resolved = docker_manifest::resolve(&image, config, &sizes, name, options)?;
    Ok((resolved, layers))
}

/// The content of a member; its failures are errors of this crate.
struct Member<'a, R> {
    inner: &'a mut R,
    place: &'a str,
    offset: u64,
}

impl<R: Read> Read for Member<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|source| {
            if is_ours(&source) || source.kind() == io::ErrorKind::Interrupted {
                return source;
            }
            let source = TarError::Io { offset: self.offset, source };
            Error::Archive { place: self.place.to_owned(), source }.into_io()
        })
    }
}

/// A member's name as it is kept; one that leads out of the archive is not found.
fn normalized(name: &str) -> String {
    normalize(name).unwrap_or_else(|| name.to_owned())
}

/// Whether a reader's failure is an error of this crate, which says all there is to say.
fn is_ours(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Error>)
}

/// The decompressed archive, with an eye on its size.
struct Unpacked<'a, R: Read> {
    inner: Decompressed<R>,
    bytes: u64,
    stored: Rc<Cell<u64>>,
    place: &'a str,
}

impl<R: Read> Read for Unpacked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.bytes += length as u64;
        let stored = self.stored.get().max(1);
        if self.bytes > RATIO_FROM_BYTES && self.bytes / stored > MAX_RATIO {
            let error = Error::Content {
                what: "archive",
                subject: self.place.to_owned(),
                expected: format!("at most {MAX_RATIO} bytes out of each stored byte"),
                found: format!("{} out of {stored}", self.bytes),
            };
            return Err(error.into_io());
        }
        Ok(length)
    }
}

/// Tells of the stored bytes of a stream, all under the index 0: which layer they are of shows at its end.
struct Counted<R> {
    inner: R,
    progress: Option<Arc<dyn Progress>>,
    bytes: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.bytes.set(self.bytes.get() + length as u64);
        if let Some(progress) = &self.progress {
            progress.layer_bytes(0, length as u64);
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_unpacks_to_nothing_but_more_is_stopped() {
        let unpacked = |bytes: u64, stored: u64| {
            let inner = Decompressed::new(&b"archive"[..]).unwrap();
            let stored = Rc::new(Cell::new(stored));
            let mut unpacked = Unpacked { inner, bytes, stored, place: "x.tar.gz" };
            unpacked.read(&mut [0; 7]).map_err(|error| error.to_string())
        };
        assert_eq!(unpacked(0, 0), Ok(6));
        assert_eq!(unpacked(RATIO_FROM_BYTES, RATIO_FROM_BYTES / MAX_RATIO), Ok(6));
        assert_eq!(
            unpacked(RATIO_FROM_BYTES, 1 << 20).unwrap_err(),
            "cannot read archive of `x.tar.gz`: expected at most 300 bytes out of each stored byte, \
             found 1073741830 out of 1048576"
        );
    }

    #[test]
    fn members_without_end_are_an_error() {
        let mut kept = Kept {
            files: HashMap::new(),
            links: (0..MAX_MEMBERS).map(|number| (number.to_string(), String::new())).collect(),
            passed: HashMap::new(),
            bytes: 0,
            place: "x.tar.gz".to_owned(),
        };
        assert!(kept.check_members().is_ok());
        let error = kept.keep("c.json".to_owned(), Vec::new()).unwrap_err().to_string();
        assert!(error.ends_with("expected at most 200000 members, found more"), "{error}");
    }
}
