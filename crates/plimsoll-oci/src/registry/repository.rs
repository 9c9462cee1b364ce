//! A repository as a place for manifests and blobs of any kind.

use std::fmt;
use std::io::Read;

use plimsoll_http::{Method, Request, read_up_to};
use plimsoll_model::Digest;

use super::blob::{BlobReader, unwrap_io};
use super::client::{Client, Purpose};
use super::upload::{self, BlobContent};
use crate::manifest::{DOCKER_LIST, DOCKER_MANIFEST, MAX_MANIFEST_BYTES, OCI_INDEX, OCI_MANIFEST};
use crate::{Error, Options, Reference, verify};

/// A repository of a registry: manifests and blobs, whatever they are. It can be used by several threads at once.
///
/// What is read by a digest is verified. What is written is named by its digest, so that writing it twice does no harm.
pub struct Repository {
    client: Client,
}

/// A manifest as the registry gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteManifest {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The media type it was served with, lower case and without parameters.
    pub media_type: String,
    /// Its digest, compared with what was asked and with what the registry says.
    pub digest: Digest,
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Repository").field(&self.client.reference.to_string()).finish()
    }
}

impl Repository {
    /// The repository of a reference, to read from it. Nothing is asked yet.
    pub fn open(reference: &Reference, options: &Options) -> Self {
        Self { client: Client::new(reference, options, Purpose::Pull) }
    }

    /// As [`Repository::open`], to write to it as well.
    pub fn open_for_push(reference: &Reference, options: &Options) -> Self {
        Self { client: Client::new(reference, options, Purpose::Push) }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The reference it was opened by.
    pub fn reference(&self) -> &Reference {
        &self.client.reference
    }

    /// The manifest under a tag or a digest, of any media type; at most 4 MiB.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none; [`Error::Digest`] where it is another one.
    pub fn fetch_manifest(&self, wanted: &str) -> Result<RemoteManifest, Error> {
        let accept = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST, "*/*;q=0.5"].join(", ");
        let fetched = self.client.manifest_of(wanted, &accept)?;
        Ok(RemoteManifest { bytes: fetched.bytes, media_type: fetched.media_type, digest: fetched.digest })
    }

    /// As [`Repository::fetch_manifest`]; `None` where there is none.
    ///
    /// # Errors
    /// As of [`Repository::fetch_manifest`], save [`Error::NotFound`].
    pub fn find_manifest(&self, wanted: &str) -> Result<Option<RemoteManifest>, Error> {
        match self.fetch_manifest(wanted) {
            Ok(manifest) => Ok(Some(manifest)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The bytes of a blob, as they come. The end is only reported once their number and their digest were found
    /// right; broken connections are resumed inside. An [`std::io::Error`] of the reader holds an [`Error`].
    pub fn fetch_blob(&self, digest: &Digest, size_bytes: u64) -> impl Read + Send + '_ {
        BlobReader::new(&self.client, digest.clone(), size_bytes, Vec::new(), "blob")
    }

    /// A small blob, whole and verified.
    ///
    /// # Errors
    /// [`Error::Size`] where it has more than `max_bytes`; what reading it meets.
    pub fn read_blob(&self, digest: &Digest, size_bytes: u64, max_bytes: u64) -> Result<Vec<u8>, Error> {
        if size_bytes > max_bytes {
            return Err(Error::Size {
                what: "blob",
                digest: digest.to_string(),
                expected: max_bytes,
                found: format!("{size_bytes} bytes, which is more than is read"),
            });
        }
        // One byte more than there is: the end is asked for, and with it the digest compared.
        read_up_to(self.fetch_blob(digest, size_bytes), size_bytes + 1)
            .map_err(|error| unwrap_io(error, "blob"))
    }

    /// Whether the repository has a blob.
    ///
    /// # Errors
    /// Where the registry does not say so.
    pub fn blob_exists(&self, digest: &Digest) -> Result<bool, Error> {
        upload::exists(&self.client, digest)
    }

    /// Writes a blob, whose digest the registry verifies. Whether it is there already is not asked.
    ///
    /// # Errors
    /// [`Error::PushDenied`], [`Error::Push`]; what the connection meets, behind the last attempt.
    pub fn push_blob(&self, digest: &Digest, content: BlobContent<'_>) -> Result<(), Error> {
        upload::push_blob(&self.client, digest, content)
    }

    /// Has the registry take a blob from another of its repositories; `false` where it does not, and the blob is to be
    /// pushed.
    ///
    /// # Errors
    /// As of [`Repository::push_blob`].
    pub fn mount_blob(&self, digest: &Digest, from: &str) -> Result<bool, Error> {
        upload::mount_blob(&self.client, digest, from)
    }

    /// Writes a manifest under a tag or its digest, and gives its digest. All it names must have been written before.
    ///
    /// # Errors
    /// [`Error::PushDenied`], [`Error::Push`]; [`Error::Digest`] where the registry took it for another one.
    pub fn push_manifest(&self, wanted: &str, media_type: &str, bytes: &[u8]) -> Result<Digest, Error> {
        self.put_manifest(wanted, media_type, bytes).map(|(digest, _)| digest)
    }

    /// As [`Repository::push_manifest`]; and the manifest whose list of referrers the registry says it has put it on.
    pub(super) fn put_manifest(
        &self,
        wanted: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<(Digest, Option<String>), Error> {
        let digest = verify::sha256(bytes);
        let what = format!("manifest {digest}");
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(Error::Size {
                what: "manifest",
                digest: digest.to_string(),
                expected: MAX_MANIFEST_BYTES,
                found: format!("{} bytes, which is more than registries take", bytes.len()),
            });
        }
        if let Ok(named) = wanted.parse::<Digest>() {
            verify::check(bytes, &named, "manifest")?;
        }
        let request = Request::new(Method::Put).header("content-type", media_type).bytes(bytes);
        let mut response = self.client.ask(&format!("manifests/{wanted}"), request)?;
        // The specification says 201; some answer 200 or 202 where the manifest was there already.
        if !matches!(response.status, 200..=202) || response.is_web_page() {
            return Err(upload::refused(&self.client, &mut response, &what, "an answer with status 201"));
        }
        match response.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok()) {
            Some(found) if found != digest && found.algorithm() == digest.algorithm() => Err(Error::Digest {
                what: "manifest",
                expected: digest.to_string(),
                found: found.to_string(),
            }),
            // Source: OCI distribution-spec 1.1, "Pushing Manifests with Subject".
            _ => Ok((digest, response.header("oci-subject").map(str::to_owned))),
        }
    }
}
