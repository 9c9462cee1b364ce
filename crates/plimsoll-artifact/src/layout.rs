//! An artifact in a file or a folder: an OCI image layout.
//!
//! A file is a tar archive of a layout. The same generation, moment and key give the same bytes.
//!
//! Source: OCI image-spec 1.1, `image-layout.md`; the annotations `kind` are those by which cosign finds signatures in a
//! layout.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use plimsoll_archive::{Compression, EntryKind, ReadAt as _, TarError, TarItem, TarReader};
use plimsoll_attest::signature_tag;
use plimsoll_db::{Generation, Store};
use plimsoll_model::Digest;
use serde::{Deserialize, Serialize};

use crate::manifest::{
    ARTIFACT_TYPE, ArtifactManifest, Descriptor, MANIFEST_MEDIA_TYPE, MAX_MANIFEST_BYTES, clip, sha256,
};
use crate::package::{Blocks, Package, Signature};
use crate::receive::{Received, Shelf, Taking, receive};
use crate::{Error, Packing};

/// What stands in a signature for a registry and a repository, where there are none.
const REFERENCE: &str = "plimsoll-database";
/// The name of the artifact in its layout.
const NAME: &str = "latest";
/// The most bytes of `index.json`.
const MAX_INDEX_BYTES: u64 = 4 << 20;
/// The most members of an archive.
const MAX_MEMBERS: usize = 200_000;
/// The most manifests of a layout.
const MAX_MANIFESTS: usize = 1_000;
/// How it is told that an archive is compressed as a whole.
pub(crate) const COMPRESSED: &str = "a compressed archive";

const INDEX_MEDIA_TYPE: &str = "application/vnd.oci.image.index.v1+json";
const REF_NAME: &str = "org.opencontainers.image.ref.name";
const KIND: &str = "kind";
const KIND_IMAGE: &str = "dev.cosignproject.cosign/image";
const KIND_SIGNATURES: &str = "dev.cosignproject.cosign/sigs";
const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The digest of the artifact's manifest: what is signed.
    pub digest: Digest,
    /// The digest of the database.
    pub database: Digest,
    /// The chunks.
    pub chunks: usize,
    /// Their bytes.
    pub size_bytes: u64,
    /// Whether it is signed.
    pub signed: bool,
}

/// Writes a generation to a file: the tar archive of an OCI layout, with the artifact and, where there is a key, its
/// signature. Another file of that name is replaced at the end, all at once.
///
/// # Errors
/// Where a partition is not whole, or the file cannot be written.
pub fn export(generation: &Generation, file: &Path, packing: &Packing<'_>) -> Result<Exported, Error> {
    let package = Package::new(generation, packing.created)?;
    let signature = packing.key.map(|key| Signature::new(REFERENCE, &package.digest, key, Vec::new()));
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = PathBuf::from(name);
    let blocks = package.blocks()?;
    let written = write(&package, &blocks, signature.as_ref(), &part, packing)
        .and_then(|()| std::fs::rename(&part, file));
    if let Err(source) = written {
        // The failure that matters is the one at hand.
        let _ = std::fs::remove_file(&part);
        return Err(Error::Write { path: file.to_owned(), source });
    }
    Ok(Exported {
        digest: package.digest.clone(),
        database: package.config_digest.clone(),
        chunks: package.chunks.len(),
        size_bytes: package.size_bytes(),
        signed: signature.is_some(),
    })
}

/// Takes an artifact from a file (the tar archive of an OCI layout) or a folder (a layout) into a store; partitions and
/// chunks that the store has are not read.
///
/// # Errors
/// Where it is not there, not to be trusted, or not what it says. The store's generations are as they were.
pub fn import(path: &Path, store: &Store, taking: &Taking<'_>) -> Result<Received, Error> {
    receive(&Layout::open(path)?, store, taking)
}

fn write(
    package: &Package,
    blocks: &Blocks<'_>,
    signature: Option<&Signature>,
    part: &Path,
    packing: &Packing<'_>,
) -> io::Result<()> {
    if let Some(progress) = packing.progress {
        progress.total(package.size_bytes());
    }
    let mut archive =
        Writer { tar: tar::Builder::new(BufWriter::new(fresh(part)?)), written: BTreeSet::new() };
    archive.file("oci-layout", LAYOUT)?;
    archive.file("index.json", &index(package, signature))?;
    archive.blob(&package.digest, &package.manifest)?;
    archive.blob(&package.config_digest, &package.config)?;
    if let Some(signature) = signature {
        archive.blob(&signature.image.digest, &signature.image.manifest)?;
        archive.blob(&signature.image.config_digest, &signature.image.config)?;
        archive.blob(&signature.claim_digest, &signature.claim.payload)?;
    }
    for chunk in &package.chunks {
        archive.blob(&chunk.digest, &blocks.chunk(chunk))?;
        if let Some(progress) = packing.progress {
            progress.moved(chunk.size);
        }
    }
    let mut file = archive.tar.into_inner()?;
    file.flush()?;
    file.get_ref().sync_all()
}

/// A file that was not there: a link of that name, in a folder where others write, would lead elsewhere.
fn fresh(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).open(path)
}

struct Writer {
    tar: tar::Builder<BufWriter<File>>,
    written: BTreeSet<String>,
}

impl Writer {
    fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(bytes.len() as u64);
        self.tar.append_data(&mut header, name, bytes)
    }

    /// Two chunks may have the same bytes, and so the same name.
    fn blob(&mut self, digest: &Digest, bytes: &[u8]) -> io::Result<()> {
        let name = blob_name(digest);
        if self.written.insert(name.clone()) { self.file(&name, bytes) } else { Ok(()) }
    }
}

/// Where a blob lies. A digest has letters and digits only, so that its name cannot lead out.
fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u64,
    #[serde(default)]
    media_type: String,
    manifests: Vec<Descriptor>,
}

fn index(package: &Package, signature: Option<&Signature>) -> Vec<u8> {
    let entry = |bytes: &[u8], artifact_type: &str, name: String, kind: &str| Descriptor {
        artifact_type: artifact_type.to_owned(),
        annotations: BTreeMap::from([(REF_NAME.to_owned(), name), (KIND.to_owned(), kind.to_owned())]),
        ..Descriptor::of(MANIFEST_MEDIA_TYPE, bytes)
    };
    let mut manifests = vec![entry(&package.manifest, ARTIFACT_TYPE, NAME.to_owned(), KIND_IMAGE)];
    manifests.extend(signature.map(|signature| {
        entry(&signature.image.manifest, "", signature_tag(&package.digest), KIND_SIGNATURES)
    }));
    let index = Index { schema_version: 2, media_type: INDEX_MEDIA_TYPE.to_owned(), manifests };
    serde_json::to_vec(&index).expect("texts and numbers have a JSON form")
}

/// A layout that is read.
pub(crate) struct Layout {
    files: Files,
    place: String,
}

enum Files {
    Folder(PathBuf),
    /// Offset and size of each member.
    Archive(File, BTreeMap<String, (u64, u64)>),
}

impl Layout {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let place = path.display().to_string();
        let failed = |source| Error::Read { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(failed)?.is_dir() {
            return Ok(Self { files: Files::Folder(path.to_owned()), place });
        }
        let file = File::open(path).map_err(failed)?;
        let mut head = [0; 16];
        let length = file.read_at(&mut head, 0).map_err(failed)?;
        if !matches!(Compression::sniff(&head[..length]), Ok(Compression::None)) {
            return Err(Error::Content {
                what: "archive".to_owned(),
                place,
                expected: "the tar archive of an OCI layout".to_owned(),
                found: COMPRESSED.to_owned(),
            });
        }
        let members = members(&file, &place)?;
        Ok(Self { files: Files::Archive(file, members), place })
    }

    /// A file of the layout, of at most `max_bytes`; `None` where there is none. `what` names it in errors.
    fn file(&self, name: &str, what: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, Error> {
        let too_long = |size: u64| Error::Content {
            what: what.to_owned(),
            place: self.place.clone(),
            expected: format!("at most {max_bytes} bytes"),
            found: format!("{size} bytes"),
        };
        match &self.files {
            Files::Folder(root) => {
                let path = root.join(name);
                let failed = |source| Error::Read { path: path.clone(), source };
                let metadata = match std::fs::metadata(&path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                    metadata => metadata.map_err(failed)?,
                };
                // Reading a device or a FIFO might not end.
                if !metadata.is_file() {
                    return Ok(None);
                }
                if metadata.len() > max_bytes {
                    return Err(too_long(metadata.len()));
                }
                let mut bytes = Vec::new();
                let mut file = File::open(&path).map_err(failed)?.take(max_bytes);
                io::copy(&mut file, &mut bytes).map_err(failed)?;
                Ok(Some(bytes))
            }
            Files::Archive(file, members) => {
                let Some(&(offset, size)) = members.get(name) else { return Ok(None) };
                if size > max_bytes {
                    return Err(too_long(size));
                }
                let failed = |source| Error::Read { path: PathBuf::from(&self.place), source };
                let length = usize::try_from(size).map_err(|_| too_long(size))?;
                let mut bytes = vec![0; length];
                let read = file.read_at(&mut bytes, offset).map_err(failed)?;
                bytes.truncate(read);
                Ok(Some(bytes))
            }
        }
    }

    fn index(&self) -> Result<Vec<Descriptor>, Error> {
        let bad = |found: String| Error::Content {
            what: "`index.json`".to_owned(),
            place: self.place.clone(),
            expected: "an index of an OCI layout".to_owned(),
            found,
        };
        let bytes = self
            .file("index.json", "`index.json`", MAX_INDEX_BYTES)?
            .ok_or_else(|| bad("none".to_owned()))?;
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(bad("something else".to_owned()));
        }
        let index: Index = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
        if index.manifests.len() > MAX_MANIFESTS {
            return Err(bad(format!("{} manifests", index.manifests.len())));
        }
        Ok(index.manifests)
    }

    fn manifest(&self, entry: &Descriptor) -> Result<Vec<u8>, Error> {
        if entry.size > MAX_MANIFEST_BYTES as u64 {
            return Err(Error::Content {
                what: format!("manifest {}", entry.digest),
                place: self.place.clone(),
                expected: "at most 4 MiB".to_owned(),
                found: format!("{} bytes", entry.size),
            });
        }
        self.blob(&entry.digest, entry.size, "manifest", "`index.json`")
    }
}

impl Shelf for Layout {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn root(&self) -> Result<(Vec<u8>, Digest), Error> {
        let mut found = Vec::new();
        let mut others = Vec::new();
        for entry in self.index()? {
            // Other tools write an index without the types of its artifacts.
            let may_be = entry.artifact_type == ARTIFACT_TYPE
                || (entry.artifact_type.is_empty() && entry.media_type == MANIFEST_MEDIA_TYPE);
            if !may_be {
                others.push(if entry.artifact_type.is_empty() {
                    entry.media_type
                } else {
                    entry.artifact_type
                });
                continue;
            }
            let bytes = self.manifest(&entry)?;
            let certain = entry.artifact_type == ARTIFACT_TYPE;
            if certain || ArtifactManifest::parse(&bytes, &self.place).is_ok() {
                found.push((bytes, entry.digest));
            } else {
                others.push(entry.media_type);
            }
        }
        let said = match (found.len(), others.first()) {
            (1, _) => return Ok(found.pop().expect("there is one")),
            (0, None) => "none".to_owned(),
            (0, Some(other)) => format!("`{}`", clip(other)),
            (count, _) => count.to_string(),
        };
        Err(Error::Content {
            what: "`index.json`".to_owned(),
            place: self.place.clone(),
            expected: format!("one artifact of type `{ARTIFACT_TYPE}`"),
            found: said,
        })
    }

    fn signatures(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        let tag = signature_tag(digest);
        let entry = self.index()?.into_iter().find(|entry| entry.annotations.get(REF_NAME) == Some(&tag));
        entry.map(|entry| self.manifest(&entry)).transpose()
    }

    fn blob(
        &self,
        digest: &Digest,
        size: u64,
        what: &'static str,
        named_by: &'static str,
    ) -> Result<Vec<u8>, Error> {
        let what = format!("{what} {digest}");
        let bytes = self.file(&blob_name(digest), &what, size)?.ok_or_else(|| Error::Missing {
            what: what.clone(),
            place: self.place.clone(),
            named_by,
        })?;
        let found = sha256(&bytes);
        if bytes.len() as u64 != size || found != *digest {
            return Err(Error::Content {
                what,
                place: self.place.clone(),
                expected: format!("{size} bytes with that digest"),
                found: format!("{} bytes with `{found}`", bytes.len()),
            });
        }
        Ok(bytes)
    }
}

/// Where the files of an archive are. Of several of one name the last counts, as it does when an archive is unpacked.
fn members(file: &File, place: &str) -> Result<BTreeMap<String, (u64, u64)>, Error> {
    let bad = |source: TarError| Error::Archive { place: place.to_owned(), source };
    let mut tar = TarReader::new(BufReader::with_capacity(256 << 10, file));
    let mut members = BTreeMap::new();
    let mut count = 0;
    while let Some(item) = tar.next_entry().map_err(bad)? {
        count += 1;
        if count > MAX_MEMBERS {
            return Err(Error::Content {
                what: "archive".to_owned(),
                place: place.to_owned(),
                expected: format!("at most {MAX_MEMBERS} members"),
                found: "more".to_owned(),
            });
        }
        let TarItem::Entry(entry) = item else { continue };
        if entry.kind == EntryKind::File && !entry.sparse && is_of_a_layout(&entry.path) {
            members.insert(entry.path, (tar.offset(), entry.size));
        }
    }
    Ok(members)
}

fn is_of_a_layout(path: &str) -> bool {
    path == "index.json" || path.strip_prefix("blobs/").is_some_and(|rest| rest.len() <= 140)
}
