//! Archives that can be read once: compressed files, and what an engine sends.

use std::collections::HashMap;
use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;

use plimsoll_archive::{CHUNK_BYTES, Decompressed, EntryKind, TarError, TarItem, TarReader, normalize};

use crate::archive::{Form, MAX_MEMBERS, link_target};
use crate::bounded::read_up_to;
use crate::config::MAX_CONFIG_BYTES;
use crate::layout::{self, Files, MAX_INDEX_BYTES, blob_name};
use crate::{Error, ImageStream, Options, Progress, ResolvedImage, docker_manifest};

/// The most bytes of small members (manifests, configs) that are kept until the end of the stream.
const MAX_KEPT_BYTES: u64 = 128 << 20;

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
        if self.bytes > MAX_KEPT_BYTES || self.members() >= MAX_MEMBERS {
            return Err(Error::Content {
                what: "archive",
                subject: self.place.clone(),
                expected: format!(
                    "at most {MAX_KEPT_BYTES} bytes beside its layers, in {MAX_MEMBERS} members"
                ),
                found: "more".to_owned(),
            });
        }
        self.files.insert(name, bytes.into());
        Ok(())
    }

    fn members(&self) -> usize {
        self.files.len() + self.links.len() + self.passed.len()
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
        let bad = |source| Error::Archive { place: place.clone(), source }.into_io();
        let counted = Counted { inner: source, progress: options.progress.clone() };
        let stream = Decompressed::new(counted).map_err(|source| {
            let ours = source.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Error>);
            if ours { source } else { bad(TarError::Io { offset: 0, source }) }
        })?;
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
            match entry.kind {
                EntryKind::File => {}
                EntryKind::Symlink | EntryKind::HardLink => {
                    if let Some(target) = link_target(&entry)
                        && kept.members() < MAX_MEMBERS
                    {
                        kept.links.insert(entry.path, target);
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
                if kept.members() < MAX_MEMBERS {
                    kept.passed.insert(entry.path, entry.size);
                }
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
            let ours = source.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Error>);
            if ours || source.kind() == io::ErrorKind::Interrupted {
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

/// Tells of the stored bytes of a stream, all under the index 0: which layer they are of shows at its end.
struct Counted<R> {
    inner: R,
    progress: Option<Arc<dyn Progress>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        if let Some(progress) = &self.progress {
            progress.layer_bytes(0, length as u64);
        }
        Ok(length)
    }
}
