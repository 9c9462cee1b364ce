//! An artifact in a registry.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use plimsoll_attest::{PrivateKey, SignatureImage, SignatureLayer, signature_tag};
use plimsoll_db::{Generation, Store};
use plimsoll_model::Digest;
use plimsoll_oci::{BlobContent, Options, Reference, RemoteManifest, Repository};

use crate::manifest::{ArtifactManifest, MANIFEST_MEDIA_TYPE};
use crate::package::{Package, Signature};
use crate::receive::{Received, Shelf, Taking, receive};
use crate::{Error, Packing, Progress};

/// The most chunks that are sent at once.
const THREADS: usize = 8;

/// What was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The digest of the artifact's manifest: what is signed, and what a pull can be pinned to.
    pub digest: Digest,
    /// The digest of the database.
    pub database: Digest,
    /// Chunks that were sent.
    pub sent_chunks: usize,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Chunks that the registry had.
    pub known_chunks: usize,
    /// Whether it is signed.
    pub signed: bool,
}

/// Writes a generation to a registry under a tag; only chunks that the registry lacks are sent. The tag is set last,
/// behind the signature, so that who reads it never finds an artifact without.
///
/// # Errors
/// Where a partition is not whole, or the registry does not take it.
pub fn push(
    generation: &Generation,
    reference: &Reference,
    packing: &Packing<'_>,
    options: &Options,
) -> Result<Pushed, Error> {
    let Some(tag) = reference.tag().filter(|_| reference.digest().is_none()) else {
        return Err(Error::NoTag { reference: reference.to_string() });
    };
    let package = Package::new(generation, packing.created)?;
    let repository = Repository::open_for_push(reference, options);
    if let Some(progress) = packing.progress {
        progress.total(package.size_bytes());
    }
    let there = known(&repository, tag)?;
    let (mut sent_chunks, mut sent_bytes) = send_chunks(&repository, &package, &there, packing.progress)?;
    push_small(&repository, &package.config_digest, &package.config)?;
    let by_digest =
        || repository.push_manifest(package.digest.as_str(), MANIFEST_MEDIA_TYPE, &package.manifest);
    match by_digest() {
        // Something that the tag's old artifact names was deleted: all are asked for.
        Err(plimsoll_oci::Error::Push { status: 400 | 404, .. }) if !there.is_empty() => {
            let (chunks, bytes) = send_chunks(&repository, &package, &BTreeSet::new(), None)?;
            (sent_chunks, sent_bytes) = (sent_chunks + chunks, sent_bytes + bytes);
            by_digest()?;
        }
        done => drop(done?),
    }
    if let Some(key) = packing.key {
        sign(&repository, &package.digest, key)?;
    }
    repository.push_manifest(tag, MANIFEST_MEDIA_TYPE, &package.manifest)?;
    Ok(Pushed {
        digest: package.digest.clone(),
        database: package.config_digest.clone(),
        sent_chunks,
        sent_bytes,
        known_chunks: package.chunks.len() - sent_chunks,
        signed: packing.key.is_some(),
    })
}

/// Takes an artifact from a registry into a store; only chunks that the store lacks are fetched.
///
/// # Errors
/// Where it is not there, not to be trusted, or not what it says. The store's generations are as they were.
pub fn pull(
    reference: &Reference,
    store: &Store,
    taking: &Taking<'_>,
    options: &Options,
) -> Result<Received, Error> {
    receive(&Remote(Repository::open(reference, options)), store, taking)
}

/// Sends the chunks that are not there, several at once; those in `there` are not asked for.
fn send_chunks(
    repository: &Repository,
    package: &Package,
    there: &BTreeSet<Digest>,
    progress: Option<&dyn Progress>,
) -> Result<(usize, u64), Error> {
    let blocks = package.blocks()?;
    let next = AtomicUsize::new(0);
    let sent: Mutex<(usize, u64)> = Mutex::default();
    let failure: Mutex<Option<Error>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..THREADS.min(package.chunks.len()) {
            scope.spawn(|| {
                while let Some(chunk) = package.chunks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let done = if there.contains(&chunk.digest) {
                        Ok(false)
                    } else {
                        push_missing(repository, &chunk.digest, || blocks.chunk(chunk))
                    };
                    match done {
                        Ok(was_sent) => {
                            let mut sent = sent.lock().expect("no holder of this lock panics");
                            *sent = (
                                sent.0 + usize::from(was_sent),
                                sent.1 + if was_sent { chunk.size } else { 0 },
                            );
                        }
                        Err(error) => {
                            next.store(package.chunks.len(), Ordering::Relaxed);
                            failure.lock().expect("no holder of this lock panics").get_or_insert(error);
                            break;
                        }
                    }
                    if let Some(progress) = progress {
                        progress.moved(chunk.size);
                    }
                }
            });
        }
    });
    match failure.into_inner().expect("no holder of this lock panics") {
        Some(error) => Err(error),
        None => Ok(sent.into_inner().expect("no holder of this lock panics")),
    }
}

/// The chunks of the artifact that has the tag now: a registry has what a manifest of it names. That saves most of the
/// questions; a tag that names something else saves none.
fn known(repository: &Repository, tag: &str) -> Result<BTreeSet<Digest>, Error> {
    let Some(found) = repository.find_manifest(tag)? else { return Ok(BTreeSet::new()) };
    let old = ArtifactManifest::parse(&found.bytes, tag).map(|manifest| manifest.chunks).unwrap_or_default();
    Ok(old.into_iter().map(|chunk| chunk.digest).collect())
}

fn push_small(repository: &Repository, digest: &Digest, bytes: &[u8]) -> Result<(), Error> {
    push_missing(repository, digest, || bytes.to_vec()).map(drop)
}

fn push_missing(
    repository: &Repository,
    digest: &Digest,
    bytes: impl Fn() -> Vec<u8>,
) -> Result<bool, Error> {
    if repository.blob_exists(digest)? {
        return Ok(false);
    }
    repository.push_blob(digest, BlobContent::Bytes(&bytes()))?;
    Ok(true)
}

/// Adds a signature to those that are there.
fn sign(repository: &Repository, digest: &Digest, key: &PrivateKey) -> Result<(), Error> {
    let reference = repository.reference();
    let tag = signature_tag(digest);
    let there: Vec<SignatureLayer> = match repository.find_manifest(&tag)? {
        Some(RemoteManifest { bytes, .. }) => SignatureImage::layers_of(&bytes, &reference.to_string())?,
        None => Vec::new(),
    };
    let name = format!("{}/{}", reference.registry(), reference.repository());
    let signature = Signature::new(&name, digest, key, there);
    push_small(repository, &signature.claim_digest, &signature.claim.payload)?;
    push_small(repository, &signature.image.config_digest, &signature.image.config)?;
    repository.push_manifest(&tag, MANIFEST_MEDIA_TYPE, &signature.image.manifest)?;
    Ok(())
}

struct Remote(Repository);

impl Shelf for Remote {
    fn place(&self) -> String {
        self.0.reference().to_string()
    }

    fn root(&self) -> Result<(Vec<u8>, Digest), Error> {
        let found = self.0.fetch_manifest(self.0.reference().wanted())?;
        Ok((found.bytes, found.digest))
    }

    fn signatures(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.find_manifest(&signature_tag(digest))?.map(|found| found.bytes))
    }

    fn blob(
        &self,
        digest: &Digest,
        size: u64,
        what: &'static str,
        named_by: &'static str,
    ) -> Result<Vec<u8>, Error> {
        match self.0.read_blob(digest, size, size) {
            Err(plimsoll_oci::Error::NotFound { .. }) => {
                Err(Error::Missing { what: format!("{what} {digest}"), place: self.place(), named_by })
            }
            bytes => Ok(bytes?),
        }
    }
}
