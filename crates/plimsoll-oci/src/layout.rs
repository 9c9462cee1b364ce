//! OCI image layouts, in a folder or in a tar file.
//!
//! Source: OCI image-spec 1.1.0, `image-layout.md`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plimsoll_http::read_up_to;
use plimsoll_model::Digest;

use crate::config::{self, Names, Stored};
use crate::local::{FileRange, Verified};
use crate::manifest::{self, Descriptor, Document, MAX_MANIFEST_BYTES, clip};
use crate::resolve::{Store, check_blob, resolve};
use crate::{Error, ImageSource, Options, Progress, Reference, ResolvedImage, Source, verify};

/// The most bytes of `index.json`.
pub(crate) const MAX_INDEX_BYTES: u64 = 16 << 20;
const REF_NAME: &str = "org.opencontainers.image.ref.name";
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// Where the files of a layout lie.
pub(crate) trait Files: Send + Sync {
    /// A file of it, and its size in bytes. `name` is one of the layout's own, or made from a digest.
    fn open(&self, name: &str) -> Result<(Box<dyn Read + Send>, u64), Error>;

    /// The layout, for errors.
    fn place(&self) -> String;
}

/// Where a blob lies in a layout. A digest holds letters, digits and its colon only, so the name cannot lead out.
pub(crate) fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

/// A layout in a folder.
pub(crate) struct Folder {
    root: PathBuf,
    real: PathBuf,
}

impl Folder {
    pub(crate) fn new(root: &Path) -> Result<Self, Error> {
        let real = root.canonicalize().map_err(|source| Error::File { path: root.to_owned(), source })?;
        Ok(Self { root: root.to_owned(), real })
    }
}

impl Files for Folder {
    /// Only regular files are opened, and only inside the folder, where links lead as well.
    fn open(&self, name: &str) -> Result<(Box<dyn Read + Send>, u64), Error> {
        let path = self.root.join(name);
        let failed = |source| Error::File { path: path.clone(), source };
        let real = path.canonicalize().map_err(failed)?;
        let unfit = |found: &str| Error::Content {
            what: "layout",
            subject: path.display().to_string(),
            expected: "a file inside the layout".to_owned(),
            found: found.to_owned(),
        };
        if !real.starts_with(&self.real) {
            return Err(unfit("a link that leads out of it"));
        }
        if !std::fs::metadata(&real).map_err(failed)?.is_file() {
            return Err(unfit("something that is no file"));
        }
        let file = File::open(&real).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        Ok((Box::new(FileRange::new(Arc::new(file), 0, size)), size))
    }

    fn place(&self) -> String {
        self.root.display().to_string()
    }
}

/// Reads a small file of a layout whole.
pub(crate) fn read_file(files: &dyn Files, name: &str, max_bytes: u64) -> Result<Vec<u8>, Error> {
    let (reader, size) = files.open(name)?;
    let failed = |source| Error::File { path: Path::new(&files.place()).join(name), source };
    if size > max_bytes {
        return Err(Error::Content {
            what: "file",
            subject: format!("{}/{}", files.place(), manifest::clip(name)),
            expected: format!("at most {max_bytes} bytes"),
            found: size.to_string(),
        });
    }
    read_up_to(reader, max_bytes).map_err(failed)
}

struct Blobs<'a>(&'a dyn Files);

impl Store for Blobs<'_> {
    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        self.blob(descriptor, MAX_MANIFEST_BYTES, "manifest")
    }

    fn blob(&self, descriptor: &Descriptor, max_bytes: u64, what: &'static str) -> Result<Vec<u8>, Error> {
        let bytes = read_file(self.0, &blob_name(&descriptor.digest), max_bytes)?;
        check_blob(&bytes, descriptor, what)?;
        Ok(bytes)
    }
}

/// Finds the image of a layout that is meant: by its name where one is given, then by the platform.
pub(crate) fn find(
    files: &dyn Files,
    image: Option<&str>,
    name: &str,
    options: &Options,
) -> Result<ResolvedImage, Error> {
    let place = files.place();
    let bytes = read_file(files, "index.json", MAX_INDEX_BYTES)?;
    let Document::Index(entries) = manifest::parse(&bytes, manifest::OCI_INDEX, &place)? else {
        return Err(Error::Content {
            what: "index",
            subject: place,
            expected: "an index in `index.json`".to_owned(),
            found: "an image manifest".to_owned(),
        });
    };
    let entries = pick(entries, image, &place)?;
    let store = Blobs(files);
    let asked = options.platform.as_ref();
    let repo_tags = entries.iter().flat_map(names).filter_map(|name| familiar(&name)).collect();
    let resolved = match entries.as_slice() {
        [only] => {
            let bytes = store.manifest(only)?;
            let document = manifest::parse(&bytes, &only.media_type, &place)?;
            resolve(&store, document, only.digest.clone(), asked, &place)?
        }
        _ => resolve(&store, Document::Index(entries), verify::sha256(&bytes), asked, &place)?,
    };
    let names = Names {
        name: name.to_owned(),
        manifest_digest: resolved.digest.to_string(),
        config_digest: resolved.manifest.config.digest.to_string(),
        repo_tags,
        repo_digests: Vec::new(),
    };
    let stored = resolved.manifest.layers.iter().map(Stored::from).collect();
    let image = config::image(names, resolved.config, stored)?;
    Ok(ResolvedImage { annotations: resolved.manifest.annotations, ..image })
}

/// The entries of one image: several only where they are the same image for several platforms.
fn pick(mut entries: Vec<Descriptor>, wanted: Option<&str>, place: &str) -> Result<Vec<Descriptor>, Error> {
    entries.retain(|entry| !entry.is_attestation() && entry.artifact_type.is_empty());
    let available = |entries: &[Descriptor]| {
        let mut shown: Vec<String> = entries
            .iter()
            .map(|entry| {
                names(entry).into_iter().next().map_or_else(|| entry.digest.to_string(), |name| clip(&name))
            })
            .collect();
        shown.sort();
        shown.dedup();
        shown
    };
    if let Some(wanted) = wanted {
        let all = available(&entries);
        entries.retain(|entry| is_named(entry, wanted));
        if entries.is_empty() {
            let place = place.to_owned();
            return Err(Error::Choice { place, wanted: Some(wanted.to_owned()), available: all });
        }
    }
    if entries.iter().skip(1).all(|entry| entry.digest == entries[0].digest) {
        // One image under several names. Its other names are told all the same.
        return Ok(merge(entries));
    }
    let name = |entry: &Descriptor| names(entry).into_iter().next();
    if wanted.is_none() && entries.iter().any(|entry| name(entry) != name(&entries[0])) {
        return Err(Error::Choice { place: place.to_owned(), wanted: None, available: available(&entries) });
    }
    Ok(entries)
}

fn merge(entries: Vec<Descriptor>) -> Vec<Descriptor> {
    let tags: Vec<String> = entries.iter().flat_map(names).collect();
    let mut entries = entries;
    entries.truncate(1);
    if let Some(entry) = entries.first_mut() {
        for (index, tag) in tags.into_iter().enumerate() {
            entry.annotations.insert(format!("{CONTAINERD_NAME}.{index}"), tag);
        }
    }
    entries
}

/// The names of an entry, the fullest first.
fn names(entry: &Descriptor) -> Vec<String> {
    let more = entry
        .annotations
        .iter()
        .filter(|(key, _)| key.strip_prefix(CONTAINERD_NAME).is_some_and(|rest| rest.starts_with('.')));
    [CONTAINERD_NAME, REF_NAME]
        .into_iter()
        .filter_map(|key| entry.annotations.get(key))
        .chain(more.map(|(_, name)| name))
        .cloned()
        .collect()
}

/// A name may be given whole, as the tag alone, or as the digest.
fn is_named(entry: &Descriptor, wanted: &str) -> bool {
    entry.digest.as_str() == wanted || names(entry).iter().any(|name| {
        name == wanted
            || name.rsplit_once(':').is_some_and(|(_, tag)| tag == wanted)
            || matches!((name.parse::<Reference>(), wanted.parse::<Reference>()), (Ok(a), Ok(b)) if a == b)
    })
}

/// `repository:tag` as the docker command prints it; a tag alone is none.
pub(crate) fn familiar(name: &str) -> Option<String> {
    if !name.contains(['/', ':']) {
        return None;
    }
    name.parse::<Reference>().ok()?.familiar_tag()
}

/// An image of a layout.
struct LayoutImage {
    files: Box<dyn Files>,
    image: ResolvedImage,
    progress: Option<Arc<dyn Progress>>,
}

/// Opens the image of a layout.
pub(crate) fn open(
    files: Box<dyn Files>,
    image: Option<&str>,
    name: &str,
    options: &Options,
) -> Result<Source, Error> {
    let image = find(files.as_ref(), image, name, options)?;
    Ok(Source::Layers(Box::new(LayoutImage { files, image, progress: options.progress.clone() })))
}

impl ImageSource for LayoutImage {
    fn image(&self) -> &ResolvedImage {
        &self.image
    }

    fn open_layer(&self, index: usize) -> io::Result<Box<dyn Read + Send + '_>> {
        let layer = self.image.layers.get(index).ok_or(io::ErrorKind::NotFound)?;
        let digest = layer.digest.clone().expect("every layer of a layout has a digest").0;
        let name = blob_name(&digest);
        let (reader, _) = self.files.open(&name).map_err(Error::into_io)?;
        let verified = Verified::new(reader, Some(digest), layer.size_bytes, &name);
        Ok(Box::new(verified.with_progress(self.progress.clone(), index)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(digit: &str, annotations: &[(&str, &str)]) -> Descriptor {
        Descriptor {
            media_type: manifest::OCI_MANIFEST.to_owned(),
            digest: format!("sha256:{}", digit.repeat(64)).parse().unwrap(),
            size: 1,
            platform: None,
            urls: Vec::new(),
            annotations: annotations
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            artifact_type: String::new(),
        }
    }

    fn picked(entries: Vec<Descriptor>, wanted: &str) -> Result<String, String> {
        let wanted = Some(wanted).filter(|wanted| !wanted.is_empty());
        pick(entries, wanted, "x.tar")
            .map(|entries| entries.iter().map(|entry| &entry.digest.hex()[..1]).collect::<Vec<_>>().concat())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn images_are_picked_by_name_tag_or_digest() {
        let two = vec![
            entry("a", &[(CONTAINERD_NAME, "docker.io/library/app:1"), (REF_NAME, "1")]),
            entry("b", &[(REF_NAME, "r.example/tool:2")]),
        ];
        for (wanted, expected) in [
            ("docker.io/library/app:1", Ok("a")),
            ("app:1", Ok("a")),
            ("1", Ok("a")),
            ("r.example/tool:2", Ok("b")),
            ("2", Ok("b")),
            (
                "3",
                Err(
                    "cannot choose an image of `x.tar`: expected `3`, found `docker.io/library/app:1`, `r.example/tool:2`",
                ),
            ),
            (
                "",
                Err(
                    "cannot choose an image of `x.tar`: expected only one, found `docker.io/library/app:1`, `r.example/tool:2`",
                ),
            ),
        ] {
            assert_eq!(
                picked(two.clone(), wanted),
                expected.map(str::to_owned).map_err(str::to_owned),
                "{wanted}"
            );
        }
        let digest = format!("sha256:{}", "b".repeat(64));
        assert_eq!(picked(two, &digest).unwrap(), "b");
    }

    #[test]
    fn one_image_under_several_names_is_one() {
        let same = vec![entry("a", &[(REF_NAME, "x/app:1")]), entry("a", &[(REF_NAME, "x/app:latest")])];
        let merged = pick(same, None, "x").unwrap();
        assert_eq!(merged.len(), 1);
        let mut tags: Vec<_> = names(&merged[0]).iter().filter_map(|name| familiar(name)).collect();
        tags.sort();
        tags.dedup();
        assert_eq!(tags, ["x/app:1", "x/app:latest"]);
    }

    #[test]
    fn nameless_entries_are_platforms() {
        assert_eq!(picked(vec![entry("a", &[]), entry("b", &[])], "").unwrap(), "ab");
        assert_eq!(picked(Vec::new(), "").unwrap(), "");
    }

    #[test]
    fn a_link_out_of_the_layout_is_not_followed() {
        let folder = std::env::temp_dir().join(format!("plimsoll-layout-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("l/blobs")).unwrap();
        std::fs::write(folder.join("secret"), b"s").unwrap();
        std::fs::write(folder.join("l/inside"), b"i").unwrap();
        std::os::unix::fs::symlink("../secret", folder.join("l/out")).unwrap();
        std::os::unix::fs::symlink("inside", folder.join("l/in")).unwrap();
        let layout = Folder::new(&folder.join("l")).unwrap();
        assert_eq!(read_file(&layout, "in", 10).unwrap(), b"i");
        let error = read_file(&layout, "in", 0).unwrap_err().to_string();
        assert!(error.ends_with("/l/in`: expected at most 0 bytes, found 1"), "{error}");
        for (name, expected) in [
            ("out", "leads out of it"),
            ("blobs", "no file"),
            ("../secret", "leads out of it"),
            ("gone", "cannot read"),
        ] {
            let error = read_file(&layout, name, 10).unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
