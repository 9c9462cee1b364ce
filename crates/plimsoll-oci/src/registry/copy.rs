//! An image copied from one repository to another, by its digest and with all that is attached to it.
//!
//! *Order*, so that nothing at the destination ever names what is not there: blobs; manifests behind those that they
//! name; what is attached; the tag. A copy that broke off is done again, and finds what is there already.
//!
//! Source: OCI distribution-spec 1.1, "Push", "Referrers Tag Schema"; sigstore/cosign, `specs/SIGNATURE_SPEC.md`, "Tag-based
//! discovery".

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use plimsoll_model::{Digest, Platform};
use serde_json::{Value, json};

use super::graph::{Node, gather};
use super::referrers::digest_tag;
use super::repository::{RemoteManifest, Repository};
use super::upload::BlobContent;
use crate::manifest::{Descriptor, MAX_LAYERS, OCI_INDEX, OCI_MANIFEST};
use crate::{Error, verify};

/// What stands behind the tag of a digest where cosign keeps signatures, attestations and bills of materials.
const COSIGN_SUFFIXES: [&str; 3] = ["sig", "att", "sbom"];
/// How far what is attached to what is attached is followed.
const MAX_REFERRER_DEPTH: usize = 4;
/// The most manifests that are attached to one image, at any depth.
const MAX_REFERRERS: usize = 2_000;

/// How an image is copied.
#[derive(Clone, Copy)]
pub struct CopyOptions<'a> {
    /// Of an index the image for this platform alone; `None`: all of it.
    pub platform: Option<&'a Platform>,
    /// The tag that the destination gives it at last.
    pub tag: Option<&'a str>,
    /// A tag of the source that must lead to the image still when all of it is there, before it gets its own.
    pub source_tag: Option<&'a str>,
    /// Blobs that are on their way at once, at least 1.
    pub jobs: usize,
    /// Whether what is attached to it goes with it.
    pub with_referrers: bool,
    /// Who is told.
    pub progress: Option<&'a dyn CopyProgress>,
}

/// Is told how far a copy has come. Called from several threads.
pub trait CopyProgress: Sync {
    /// So many blobs, of so many bytes together, more are to be there.
    fn planned(&self, blobs: usize, bytes: u64);
    /// A blob is there.
    fn done(&self, bytes: u64);
}

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Digest of what was copied: the index's, or the image's where a platform was chosen.
    pub digest: Option<Digest>,
    /// Digests of the images and other manifests in it, itself last.
    pub manifests: Vec<Digest>,
    /// Manifests that the destination had not, with what is attached.
    pub manifests_written: usize,
    /// Blobs that were sent.
    pub blobs_sent: usize,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Blobs that the registry took from its other repository.
    pub blobs_mounted: usize,
    /// Blobs that were there.
    pub blobs_present: usize,
    /// Manifests that are attached, and went with it.
    pub referrers: usize,
    /// What was left where it is, and why.
    pub left: Vec<Unmoved>,
    /// What the tag led to before, where that was another image.
    pub replaced: Option<Digest>,
}

/// Something that was left where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmoved {
    /// Its digest, or its tag.
    pub what: String,
    /// Why.
    pub reason: String,
}

/// Copies the image, or whatever it is, of this digest. Its bytes stay as they are, and so does its digest.
///
/// # Errors
/// What reading and writing meet; [`Error::Moved`] where `source_tag` leads elsewhere at the end;
/// [`Error::PlatformMissing`].
pub fn copy(
    from: &Repository,
    to: &Repository,
    digest: &Digest,
    options: &CopyOptions<'_>,
) -> Result<Copied, Error> {
    let root = match options.platform {
        Some(platform) => from.image_for(digest, platform)?,
        None => digest.clone(),
    };
    let nodes = gather(from, &root)?;
    let mut work = Work { from, to, asked: digest, options, copied: Copied::default() };
    work.copied.manifests = nodes.iter().map(|node| node.digest.clone()).collect();
    let top = nodes.last().expect("the manifest that was asked for is among those below it").clone();
    if !same_repository(from, to) {
        work.carry(&nodes)?;
        if options.with_referrers {
            work.carry_referrers(&nodes)?;
        }
    }
    work.tag(&top)?;
    work.copied.digest = Some(root);
    Ok(work.copied)
}

fn same_registry(from: &Repository, to: &Repository) -> bool {
    from.reference().registry_host() == to.reference().registry_host()
}

fn same_repository(from: &Repository, to: &Repository) -> bool {
    same_registry(from, to) && from.reference().repository() == to.reference().repository()
}

struct Work<'a> {
    from: &'a Repository,
    to: &'a Repository,
    /// What was to be copied, before a platform was chosen.
    asked: &'a Digest,
    options: &'a CopyOptions<'a>,
    copied: Copied,
}

/// What came of one blob.
enum Blob {
    Sent,
    Mounted,
    Present,
    /// A foreign layer that the source does not have.
    Foreign,
}

impl Work<'_> {
    /// Blobs, then manifests.
    fn carry(&mut self, nodes: &[Node]) -> Result<(), Error> {
        let mut blobs: BTreeMap<&Digest, &Descriptor> = BTreeMap::new();
        for blob in nodes.iter().flat_map(Node::blobs) {
            blobs.entry(&blob.digest).or_insert(blob);
        }
        let blobs: Vec<&Descriptor> = blobs.into_values().collect();
        if let Some(progress) = self.options.progress {
            let bytes = blobs.iter().fold(0_u64, |sum, blob| sum.saturating_add(blob.size));
            progress.planned(blobs.len(), bytes);
        }
        let done = in_parallel(self.options.jobs, &blobs, |blob| {
            let done = self.blob(blob)?;
            if let Some(progress) = self.options.progress {
                progress.done(blob.size);
            }
            Ok(done)
        })?;
        for (blob, done) in blobs.iter().zip(done) {
            match done {
                Blob::Sent => {
                    self.copied.blobs_sent += 1;
                    self.copied.bytes_sent = self.copied.bytes_sent.saturating_add(blob.size);
                }
                Blob::Mounted => self.copied.blobs_mounted += 1,
                Blob::Present => self.copied.blobs_present += 1,
                Blob::Foreign => self.copied.left.push(Unmoved {
                    what: blob.digest.to_string(),
                    reason:
                        "a foreign layer, which the registry does not have: it stays where its manifest says"
                            .to_owned(),
                }),
            }
        }
        for node in nodes {
            self.manifest(node)?;
        }
        Ok(())
    }

    fn blob(&self, blob: &Descriptor) -> Result<Blob, Error> {
        if self.to.blob_exists(&blob.digest)? {
            return Ok(Blob::Present);
        }
        // Who may not mount may still be allowed to push.
        if same_registry(self.from, self.to)
            && self.to.mount_blob(&blob.digest, self.from.reference().repository()).unwrap_or(false)
        {
            return Ok(Blob::Mounted);
        }
        if blob.is_foreign() && !self.from.blob_exists(&blob.digest)? {
            return Ok(Blob::Foreign);
        }
        let content = BlobContent::Blob { from: self.from, size_bytes: blob.size, urls: &[] };
        self.to.push_blob(&blob.digest, content)?;
        Ok(Blob::Sent)
    }

    fn manifest(&mut self, node: &Node) -> Result<(), Error> {
        if self.to.find_manifest(node.digest.as_str())?.is_none() {
            self.push(node.digest.as_str(), &node.media_type, &node.bytes, &node.digest)?;
            self.copied.manifests_written += 1;
        }
        Ok(())
    }

    /// Writes a manifest. Its digest may be of another algorithm than the one that is answered.
    fn push(&self, wanted: &str, media_type: &str, bytes: &[u8], digest: &Digest) -> Result<(), Error> {
        verify::check(bytes, digest, "manifest")?;
        self.to.push_manifest(wanted, media_type, bytes).map(|_| ())
    }

    /// What is attached to the manifests, and what is attached to that.
    fn carry_referrers(&mut self, nodes: &[Node]) -> Result<(), Error> {
        let mut subjects: Vec<Digest> = nodes.iter().map(|node| node.digest.clone()).collect();
        let mut seen: HashSet<Digest> = subjects.iter().cloned().collect();
        for _ in 0..MAX_REFERRER_DEPTH {
            let mut next = Vec::new();
            for subject in &subjects {
                next.extend(self.referrers_of(subject, &mut seen)?);
                next.extend(self.cosign_of(subject, &mut seen)?);
            }
            if next.is_empty() {
                return Ok(());
            }
            subjects = next;
        }
        for subject in subjects {
            if !self.from.referrers(&subject)?.is_empty() {
                self.copied.left.push(Unmoved {
                    what: subject.to_string(),
                    reason: format!("what is attached to it lies more than {MAX_REFERRER_DEPTH} deep"),
                });
            }
        }
        Ok(())
    }

    /// Those that name it as their subject. Gives those that are new.
    fn referrers_of(&mut self, subject: &Digest, seen: &mut HashSet<Digest>) -> Result<Vec<Digest>, Error> {
        let mut listed = Vec::new();
        let mut new = Vec::new();
        for attached in self.from.referrers(subject)? {
            let nodes = match gather(self.from, &attached.digest) {
                Ok(nodes) => nodes,
                // A list may be older than what it lists.
                Err(Error::NotFound { .. }) => {
                    self.copied.left.push(Unmoved {
                        what: attached.digest.to_string(),
                        reason: format!("listed as attached to {subject}, and not there"),
                    });
                    continue;
                }
                Err(error) => return Err(error),
            };
            if seen.insert(attached.digest.clone()) {
                self.count_referrer()?;
                self.carry(&nodes)?;
                new.push(attached.digest.clone());
            }
            let node = nodes.last().expect("the manifest itself is among those below it");
            listed.push(json!({
                "mediaType": node.media_type,
                "digest": node.digest.as_str(),
                "size": node.bytes.len(),
                "artifactType": if attached.artifact_type.is_empty() { &node.artifact_type } else { &attached.artifact_type },
                "annotations": node.annotations.clone().unwrap_or_else(|| json!(attached.annotations)),
            }));
        }
        self.list(subject, &listed)?;
        Ok(new)
    }

    fn count_referrer(&mut self) -> Result<(), Error> {
        self.copied.referrers += 1;
        if self.copied.referrers > MAX_REFERRERS {
            return Err(Error::Content {
                what: "list of referrers",
                subject: self.from.reference().to_string(),
                expected: format!("at most {MAX_REFERRERS} attached manifests"),
                found: "more".to_owned(),
            });
        }
        Ok(())
    }

    /// Sees to it that the destination lists these as attached. A registry that has a list of its own has it from the
    /// manifests; for another they stand in the index that is tagged for the subject, beside those that are there.
    fn list(&self, subject: &Digest, listed: &[Value]) -> Result<(), Error> {
        let there: HashSet<String> =
            self.to.referrers(subject)?.into_iter().map(|attached| attached.digest.to_string()).collect();
        let is_missing = |entry: &&Value| !there.contains(entry["digest"].as_str().unwrap_or_default());
        let missing: Vec<Value> = listed.iter().filter(is_missing).cloned().collect();
        if !missing.is_empty() {
            self.to.rewrite(&digest_tag(subject), OCI_INDEX, "manifests", MAX_LAYERS, &missing)?;
        }
        Ok(())
    }

    /// What cosign keeps under tags made of the digest. Gives the manifests that are new.
    fn cosign_of(&mut self, subject: &Digest, seen: &mut HashSet<Digest>) -> Result<Vec<Digest>, Error> {
        let mut new = Vec::new();
        for suffix in COSIGN_SUFFIXES {
            let tag = format!("{}.{suffix}", digest_tag(subject));
            let Some(held) = self.from.find_manifest(&tag)? else { continue };
            let nodes = gather(self.from, &held.digest)?;
            if seen.insert(held.digest.clone()) {
                self.count_referrer()?;
                new.push(held.digest.clone());
            }
            self.carry(&nodes)?;
            let top = nodes.last().expect("the manifest itself is among those below it");
            match self.to.find_manifest(&tag)? {
                Some(there) if there.digest == top.digest => {}
                None => self.push(&tag, &top.media_type, &top.bytes, &top.digest)?,
                // Both were signed: what is there stays, and the other's comes behind it.
                Some(_) => self.merge(&tag, &held)?,
            }
        }
        Ok(new)
    }

    /// Puts the layers of a signature behind those of the one that the destination has under the tag.
    fn merge(&mut self, tag: &str, held: &RemoteManifest) -> Result<(), Error> {
        let document: Value = serde_json::from_slice(&held.bytes).unwrap_or_default();
        let layers = document["layers"].as_array().map_or(&[][..], Vec::as_slice);
        if layers.is_empty() {
            return Ok(());
        }
        match self.to.rewrite(tag, OCI_MANIFEST, "layers", MAX_LAYERS, layers) {
            Ok(_) => Ok(()),
            Err(error @ Error::Content { .. }) => {
                self.copied.left.push(Unmoved { what: tag.to_owned(), reason: error.to_string() });
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn tag(&mut self, top: &Node) -> Result<(), Error> {
        if let Some(tag) = self.options.source_tag {
            let now = self.from.find_manifest(tag)?.map(|manifest| manifest.digest);
            let is_still = now.as_ref() == Some(self.asked);
            if !is_still {
                return Err(Error::Moved {
                    reference: format!(
                        "{}/{}:{tag}",
                        self.from.reference().registry(),
                        self.from.reference().repository()
                    ),
                    expected: self.asked.to_string(),
                    found: now.map_or_else(|| "nothing".to_owned(), |now| now.to_string()),
                });
            }
        }
        let Some(tag) = self.options.tag else { return Ok(()) };
        match self.to.find_manifest(tag)? {
            // A registry whose tags cannot be moved refuses to set one twice.
            Some(there) if there.digest == top.digest => {}
            there => {
                self.push(tag, &top.media_type, &top.bytes, &top.digest)?;
                self.copied.replaced = there.map(|there| there.digest);
            }
        }
        Ok(())
    }
}

/// Runs `work` for each item on up to `jobs` threads. The first failure in the order of the items is the one that is
/// reported; work that has not begun then is left out.
fn in_parallel<I: Sync, T: Send>(
    jobs: usize,
    items: &[I],
    work: impl Fn(&I) -> Result<T, Error> + Sync,
) -> Result<Vec<T>, Error> {
    let next = AtomicUsize::new(0);
    let has_failed = AtomicBool::new(false);
    let results: Vec<Mutex<Option<Result<T, Error>>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let run = || {
        while !has_failed.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return };
            let result = work(item);
            has_failed.fetch_or(result.is_err(), Ordering::Relaxed);
            *results[index].lock().expect("no thread panics while it holds the lock") = Some(result);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs.clamp(1, items.len().max(1)) {
            scope.spawn(run);
        }
        run();
    });
    let done = results
        .into_iter()
        .map(|result| result.into_inner().expect("no thread panics while it holds the lock"));
    // What was left out behind a failure is passed over: the failure is among the others.
    let done: Vec<T> = done.flatten().collect::<Result<_, _>>()?;
    Ok(done)
}
