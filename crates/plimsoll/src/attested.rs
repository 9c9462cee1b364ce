//! Signed records of scans beside an image: looked for, verified, read; and kept there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use plimsoll_attest::{
    ENVELOPE_MEDIA_TYPE, Envelope, MAX_ENVELOPE_BYTES, STATEMENT_PAYLOAD_TYPE, ScanRecord, Statement,
    VerifyingKey, read_verifying_keys,
};
use plimsoll_model::Digest;
use plimsoll_oci::{Artifact, ArtifactBlob, Attached, Attachment, Error, Repository, digest_tag};
use sha2::{Digest as _, Sha256};

use crate::exit::{Exit, Failure};
use crate::progress::Bars;

/// What stands behind the tag of a digest for cosign's attestations.
const ATTESTATION_SUFFIX: &str = ".att";
/// Annotations that hold a predicate's type: cosign's of its two forms, `BuildKit`'s.
const PREDICATE_TYPES: [&str; 3] =
    ["predicateType", "dev.sigstore.bundle.predicateType", "in-toto.io/predicate-type"];
/// The annotation of a referrer that says what its statement is about.
const REFERRERS_PREDICATE: &str = PREDICATE_TYPES[2];
/// The annotation of a referrer that says when it was made.
const CREATED: &str = "org.opencontainers.image.created";
/// The most artifacts of an image that are read.
const MAX_ARTIFACTS: usize = 500;
/// The most bytes of all blobs that are read of them.
const MAX_TOTAL_BYTES: u64 = 1 << 30;

/// A record, and who has signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attested {
    pub(crate) record: ScanRecord,
    /// When it was scanned.
    pub(crate) scanned_at: jiff::Timestamp,
    /// The id of the key.
    pub(crate) signed_by: Digest,
    /// The manifest that holds it: `registry.example/app@sha256:…`.
    pub(crate) place: String,
    /// SHA-256 of the signed statement.
    pub(crate) payload: Digest,
    /// The envelope, and its size in bytes.
    blob: (Digest, u64),
}

impl Attested {
    /// The bytes of the envelope.
    pub(crate) fn read(&self, repository: &Repository) -> Result<Vec<u8>, Error> {
        repository.read_blob(&self.blob.0, self.blob.1, MAX_ENVELOPE_BYTES as u64)
    }
}

/// What was found beside an image.
#[derive(Clone, Debug, Default)]
pub(crate) struct Looked {
    /// Records that hold, newest first.
    pub(crate) records: Vec<Attested>,
    /// What was there as well, and why it does not count; sorted.
    pub(crate) refused: Vec<String>,
}

/// The public keys of these files.
pub(crate) fn read_keys(files: &[PathBuf]) -> Result<Vec<VerifyingKey>, Failure> {
    let mut keys = Vec::new();
    for file in files {
        keys.extend(read_verifying_keys(file).map_err(failure)?);
    }
    Ok(keys)
}

/// An error of keys and statements, with its hint.
pub(crate) fn failure(error: plimsoll_attest::Error) -> Failure {
    let hint = error.hint();
    let failure = Failure::new(Exit::Usage, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Looks for records about the manifest of this digest: among its referrers, and under the tag that cosign keeps its
/// attestations under.
///
/// What cannot be read, or is signed by nobody who counts, is told and does not count: whoever may push could put it there.
pub(crate) fn find(repository: &Repository, digest: &Digest, keys: &[VerifyingKey]) -> Result<Looked, Error> {
    let reference = repository.reference();
    let name = format!("{}/{}", reference.registry(), reference.repository());
    let mut search =
        Search { keys, digest, name, bytes: 0, seen: BTreeSet::new(), looked: Looked::default() };
    let mut artifacts = Vec::new();
    let listed = repository.referrers(digest)?;
    let most = MAX_ARTIFACTS;
    for entry in listed.iter().filter(|entry| may_hold(entry)).take(most) {
        match repository.find_artifact(entry.digest.as_str()) {
            Ok(Some(artifact)) => artifacts.push(artifact),
            Ok(None) => search.refuse(&entry.digest, "the registry lists it, and has it not"),
            Err(error @ (Error::Content { .. } | Error::Digest { .. })) => {
                search.refuse(&entry.digest, &error.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    if listed.len() > most {
        search.looked.refused.push(format!("of {} things attached only {most} were read", listed.len()));
    }
    let tag = format!("{}{ATTESTATION_SUFFIX}", digest_tag(digest));
    match repository.find_artifact(&tag) {
        Ok(artifact) => artifacts.extend(artifact),
        Err(error @ (Error::Content { .. } | Error::Digest { .. })) => {
            search.looked.refused.push(format!("{}:{tag}: {error}", search.name));
        }
        Err(error) => return Err(error),
    }
    for artifact in &artifacts {
        search.read(repository, artifact)?;
    }
    let mut looked = search.looked;
    looked.records.sort_by(|a, b| (b.scanned_at, &b.place).cmp(&(a.scanned_at, &a.place)));
    looked.refused.sort();
    looked.refused.dedup();
    Ok(looked)
}

/// Keeps a signed envelope beside the manifest of this digest: as a referrer, whose digest is given, and in cosign's layout.
pub(crate) fn keep(
    repository: &Repository,
    digest: &Digest,
    envelope: &[u8],
    predicate_type: &str,
    instant: &str,
    bars: &Bars,
) -> Result<Digest, Error> {
    let subject = repository.fetch_manifest(digest.as_str())?;
    let mut attachment = Attachment {
        artifact_type: STATEMENT_PAYLOAD_TYPE,
        media_type: ENVELOPE_MEDIA_TYPE,
        bytes: envelope,
        annotations: BTreeMap::from([
            (CREATED.to_owned(), instant.to_owned()),
            (REFERRERS_PREDICATE.to_owned(), predicate_type.to_owned()),
        ]),
    };
    let referrer = repository.attach(&subject, &attachment)?;
    // Source: cosign, `pkg/oci/static`: a signature of an attestation stands in its envelope.
    attachment.annotations = BTreeMap::from([
        ("dev.cosignproject.cosign/signature".to_owned(), String::new()),
        ("predicateType".to_owned(), predicate_type.to_owned()),
    ]);
    let tag = format!("{}{ATTESTATION_SUFFIX}", digest_tag(digest));
    match repository.append_layer(&tag, &attachment) {
        // A tag may be one that is written once. We find it among the referrers.
        Err(error @ Error::Push { .. }) => {
            bars.note(&format!("warning: not kept under cosign's tag: {error}"));
        }
        done => drop(done?),
    }
    Ok(referrer.digest)
}

struct Search<'a> {
    keys: &'a [VerifyingKey],
    digest: &'a Digest,
    name: String,
    bytes: u64,
    /// Blobs that were read: one attestation is found in two ways.
    seen: BTreeSet<Digest>,
    looked: Looked,
}

impl Search<'_> {
    fn refuse(&mut self, manifest: &Digest, why: &str) {
        self.looked.refused.push(format!("{}@{manifest}: {why}", self.name));
    }

    fn read(&mut self, repository: &Repository, artifact: &Artifact) -> Result<(), Error> {
        for blob in artifact.blobs.iter().filter(|blob| may_be(artifact, blob)) {
            if !self.seen.insert(blob.digest.clone()) {
                continue;
            }
            self.bytes = self.bytes.saturating_add(blob.size_bytes);
            if self.bytes > MAX_TOTAL_BYTES {
                self.refuse(&artifact.digest, "more than 1 GiB of attestations is not read");
                return Ok(());
            }
            let bytes = match repository.read_blob(&blob.digest, blob.size_bytes, MAX_ENVELOPE_BYTES as u64) {
                Ok(bytes) => bytes,
                Err(error @ (Error::Size { .. } | Error::Digest { .. } | Error::NotFound { .. })) => {
                    self.refuse(&artifact.digest, &error.to_string());
                    continue;
                }
                Err(error) => return Err(error),
            };
            match self.open(&bytes, blob, artifact) {
                Ok(Some(attested)) => self.looked.records.push(attested),
                Ok(None) => {}
                Err(why) => self.refuse(&artifact.digest, &why),
            }
        }
        Ok(())
    }

    /// The record of an envelope; `None` for what says something else. The signature is verified before anything of the
    /// payload is read.
    fn open(
        &self,
        bytes: &[u8],
        blob: &ArtifactBlob,
        artifact: &Artifact,
    ) -> Result<Option<Attested>, String> {
        let subject = blob.digest.as_str();
        let text = |error: plimsoll_attest::Error| error.to_string();
        let Some(envelope) = Envelope::find(bytes, subject).map_err(text)? else { return Ok(None) };
        let Some(key) = envelope.signed_by(self.keys) else {
            return Err(match envelope.signatures.len() {
                0 => "no signature".to_owned(),
                _ => "a signature by another key, or of other bytes".to_owned(),
            });
        };
        let statement = Statement::of(&envelope, subject).map_err(text)?;
        if !ScanRecord::is_predicate(&statement.predicate_type) {
            return Ok(None);
        }
        if !statement.speaks_of(self.digest) {
            let other = statement.subjects.iter().find_map(plimsoll_attest::StatementSubject::first_digest);
            return Err(format!("it speaks of `{}`", other.unwrap_or_else(|| "nothing".to_owned())));
        }
        let record = ScanRecord::parse(&envelope.payload, subject).map_err(text)?;
        let record = record.ok_or_else(|| "a scan by another tool, which judges nothing".to_owned())?;
        let scanned_at = record
            .scanned_at
            .parse()
            .map_err(|_| format!("expected the instant of its scan, found `{}`", record.scanned_at))?;
        Ok(Some(Attested {
            record,
            scanned_at,
            signed_by: key.id(),
            place: format!("{}@{}", self.name, artifact.digest),
            payload: Digest::sha256(&Sha256::digest(&envelope.payload).into()),
            blob: (blob.digest.clone(), blob.size_bytes),
        }))
    }
}

/// Whether an artifact may hold a record, as far as the list says.
fn may_hold(entry: &Attached) -> bool {
    match predicate(&entry.annotations) {
        Some(predicate) => ScanRecord::is_predicate(predicate),
        // Lists leave the type out, or give a config's that says nothing.
        None => {
            is_envelope(&entry.artifact_type)
                || matches!(
                    entry.artifact_type.as_str(),
                    "" | "application/vnd.oci.image.config.v1+json" | "application/vnd.oci.empty.v1+json"
                )
        }
    }
}

/// Whether a blob of an artifact may be a record.
fn may_be(artifact: &Artifact, blob: &ArtifactBlob) -> bool {
    match predicate(&blob.annotations).or(predicate(&artifact.annotations)) {
        Some(predicate) => ScanRecord::is_predicate(predicate),
        None => is_envelope(&artifact.artifact_type) || is_envelope(&blob.media_type),
    }
}

/// Whether a media type is that of a signed envelope.
fn is_envelope(kind: &str) -> bool {
    ["in-toto", "dsse", "sigstore.bundle"].iter().any(|part| kind.contains(part))
}

fn predicate(annotations: &BTreeMap<String, String>) -> Option<&str> {
    PREDICATE_TYPES.iter().find_map(|name| annotations.get(*name)).map(String::as_str)
}
