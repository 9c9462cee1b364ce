//! Documents that are attached to an image in its registry.
//!
//! Source: OCI distribution-spec 1.1, "Listing Referrers"; cosign, "Attestations" (`sha256-….att`, and Sigstore bundles as
//! referrers); BuildKit, "Image attestation storage"; OpenVEX, "Attesting OpenVEX Documents".

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_attest::MAX_ENVELOPE_BYTES;
use plimsoll_model::{Artifact as Image, ArtifactKind, Digest, Inventory};
use plimsoll_oci::{Artifact, ArtifactBlob, Attached, Reference, Repository, digest_tag};
use plimsoll_vex::Subject;

use crate::open::{Failed, Opened, Rules, is_vex, is_vex_predicate, open};
use crate::{Error, Found, Looking, Place};

/// The most repositories that an image's names are looked up in.
const MAX_REPOSITORIES: usize = 8;
/// The most artifacts of an image that are read.
const MAX_ARTIFACTS: usize = 500;
/// The most bytes of all blobs that are read of them.
const MAX_TOTAL_BYTES: u64 = 512 << 20;
/// Annotations that hold a predicate's type: BuildKit's, cosign's of its two forms.
const PREDICATE_TYPES: &[&str] =
    &["in-toto.io/predicate-type", "dev.sigstore.bundle.predicateType", "predicateType"];
/// What is found behind the tag of a digest for attestations of cosign.
const ATTESTATION_SUFFIX: &str = ".att";

/// Looks for documents beside an image: among its referrers, under the tag of its attestations, in its index.
pub(crate) fn find(inventory: &Inventory, looking: &Looking<'_>, found: &mut Found) -> Result<(), Error> {
    let image = &inventory.artifact;
    let places = places(image)?;
    let mut search = Search {
        looking,
        digests: Subject::of(inventory).digests,
        artifacts: 0,
        bytes: 0,
        seen: BTreeSet::new(),
        unchecked: 0,
        found,
    };
    for (name, (reference, digests)) in &places {
        let failed = |source| Error::Registry { name: name.clone(), source: Box::new(source) };
        let repository = Repository::open(reference, looking.reach);
        let mut attached: BTreeMap<Digest, Attached> = BTreeMap::new();
        let mut keep = |list: Vec<Attached>| {
            attached.extend(list.into_iter().map(|entry| (entry.digest.clone(), entry)));
        };
        let mut tags = Vec::new();
        for digest in digests {
            keep(repository.referrers(digest).map_err(failed)?);
            if let Ok(manifest) = image.manifest_digest.parse::<Digest>()
                && manifest != *digest
            {
                keep(repository.attestations(digest, &manifest).map_err(failed)?);
            }
            tags.push(format!("{}{ATTESTATION_SUFFIX}", digest_tag(digest)));
        }
        for (digest, entry) in attached {
            if !may_hold(&entry) {
                continue;
            }
            let artifact = repository.find_artifact(digest.as_str()).map_err(failed)?;
            let missing = || Error::Repository {
                url: name.clone(),
                expected: format!("`{digest}`, which the registry lists as attached"),
                found: "none".to_owned(),
            };
            let artifact = artifact.ok_or_else(missing)?;
            if let Some(subject) = &artifact.subject
                && !digests.contains(subject)
            {
                let text =
                    format!("is not taken: expected something attached to the image, found `{subject}`");
                search.found.notice(format!("{name}@{digest}"), text);
                continue;
            }
            search.read(&repository, name, &artifact)?;
        }
        for tag in tags {
            if let Some(artifact) = repository.find_artifact(&tag).map_err(failed)? {
                search.read(&repository, name, &artifact)?;
            }
        }
    }
    if search.unchecked > 0 {
        let (number, name) = (search.unchecked, image.name.clone());
        let text = format!(
            "{number} attached document{} counted, and nobody's signature was checked: `--vex-key FILE` says whom to \
             believe",
            if number == 1 { " is" } else { "s are" }
        );
        found.unverified(name, text);
    }
    Ok(())
}

/// The repositories that an image is in, with its digests there.
fn places(image: &Image) -> Result<BTreeMap<String, (Reference, Vec<Digest>)>, Error> {
    let mut places: BTreeMap<String, (Reference, Vec<Digest>)> = BTreeMap::new();
    for name in &image.repo_digests {
        let Ok(reference) = name.parse::<Reference>() else { continue };
        let Some(digest) = reference.digest().cloned() else { continue };
        let (_, digests) =
            places.entry(reference.familiar_repository()).or_insert_with(|| (reference.clone(), Vec::new()));
        if !digests.contains(&digest) {
            digests.push(digest);
        }
    }
    if places.is_empty() {
        let found = match image.kind {
            ArtifactKind::ContainerImage => "one without a name in any",
            ArtifactKind::Filesystem => "a folder",
            ArtifactKind::Sbom => "a bill of materials",
        };
        return Err(Error::NoRegistry { name: image.name.clone(), found });
    }
    if places.len() > MAX_REPOSITORIES {
        let place = image.name.clone();
        return Err(Error::TooMuch { place, limit: MAX_REPOSITORIES as u64, unit: "repositories" });
    }
    Ok(places)
}

struct Search<'a> {
    looking: &'a Looking<'a>,
    /// All digests of the image.
    digests: Vec<String>,
    artifacts: usize,
    bytes: u64,
    /// Blobs that were read: one attestation may be found in two ways.
    seen: BTreeSet<Digest>,
    /// Documents that were taken though no signature of theirs was checked.
    unchecked: usize,
    found: &'a mut Found,
}

impl Search<'_> {
    fn read(&mut self, repository: &Repository, name: &str, artifact: &Artifact) -> Result<(), Error> {
        self.artifacts += 1;
        let too_much = |limit, unit| Error::TooMuch { place: name.to_owned(), limit, unit };
        if self.artifacts > MAX_ARTIFACTS {
            return Err(too_much(MAX_ARTIFACTS as u64, "attached artifacts"));
        }
        for (index, blob) in artifact.blobs.iter().enumerate() {
            if !may_be(artifact, blob) || !self.seen.insert(blob.digest.clone()) {
                continue;
            }
            let number = if artifact.blobs.len() == 1 { String::new() } else { format!("#{}", index + 1) };
            let origin = format!("{name}@{}{number}", artifact.digest);
            let is_sure = is_for_sure(artifact, blob);
            if blob.size_bytes > MAX_ENVELOPE_BYTES as u64 {
                if is_sure {
                    return Err(too_much(MAX_ENVELOPE_BYTES as u64, "bytes of an attached document"));
                }
                continue;
            }
            self.bytes += blob.size_bytes;
            if self.bytes > MAX_TOTAL_BYTES {
                return Err(too_much(MAX_TOTAL_BYTES, "bytes of attached documents"));
            }
            let bytes = repository
                .read_blob(&blob.digest, blob.size_bytes, MAX_ENVELOPE_BYTES as u64)
                .map_err(|source| Error::Registry { name: origin.clone(), source: Box::new(source) })?;
            self.take(&bytes, origin, is_sure)?;
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8], origin: String, is_sure: bool) -> Result<(), Error> {
        let rules =
            Rules { keys: self.looking.keys, must_be_signed: true, image: Some(self.digests.as_slice()) };
        match open(bytes, &origin, &rules) {
            Ok(Opened::Document { document, is_verified, .. }) => {
                // A bill of materials that judges nothing.
                if document.statements.is_empty() && document.problems.is_empty() {
                    return Ok(());
                }
                self.unchecked += usize::from(!is_verified);
                self.found.take(*document, Place::Attached);
            }
            Ok(Opened::Refused { expected, found, is_sure: says_so }) => {
                if is_sure || says_so {
                    self.found
                        .unverified(origin, format!("is not taken: expected {expected}, found {found}"));
                }
            }
            Err(Failed { error, is_sure: says_so }) if is_sure || says_so => {
                return Err(Error::Attached(Box::new(error)));
            }
            // Something else, as most of what is attached to images.
            Ok(Opened::Other(_))
            | Err(Failed { error: Error::Document(plimsoll_vex::Error::UnknownFormat { .. }), .. }) => {}
            Err(Failed { error, .. }) => self.found.notice(origin, format!("is not taken: {error}")),
        }
        Ok(())
    }
}

/// Whether an artifact may hold a document, as far as the list says.
fn may_hold(entry: &Attached) -> bool {
    match predicate(&entry.annotations) {
        Some(predicate) => is_vex_predicate(predicate),
        // Lists leave the type out, or give a config's that says nothing.
        None => {
            is_envelope(&entry.artifact_type)
                || is_vex_predicate(&entry.artifact_type)
                || matches!(
                    entry.artifact_type.as_str(),
                    "" | "application/vnd.oci.image.config.v1+json" | "application/vnd.oci.empty.v1+json"
                )
        }
    }
}

/// Whether a blob of an artifact may be a document.
fn may_be(artifact: &Artifact, blob: &ArtifactBlob) -> bool {
    match predicate(&blob.annotations).or(predicate(&artifact.annotations)) {
        Some(predicate) => is_vex_predicate(predicate),
        None => [&artifact.artifact_type, &blob.media_type]
            .into_iter()
            .any(|kind| is_envelope(kind) || is_vex_predicate(kind)),
    }
}

/// Whether a media type is that of a statement or of a signed envelope.
fn is_envelope(kind: &str) -> bool {
    ["in-toto", "dsse", "sigstore.bundle"].iter().any(|part| kind.contains(part))
}

fn is_for_sure(artifact: &Artifact, blob: &ArtifactBlob) -> bool {
    let of_annotations = [&artifact.annotations, &blob.annotations].into_iter().find_map(predicate);
    [artifact.artifact_type.as_str(), blob.media_type.as_str()].into_iter().chain(of_annotations).any(is_vex)
}

fn predicate(annotations: &BTreeMap<String, String>) -> Option<&str> {
    PREDICATE_TYPES.iter().find_map(|name| annotations.get(*name)).map(String::as_str)
}
