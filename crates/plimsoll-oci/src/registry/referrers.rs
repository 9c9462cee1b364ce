//! What is attached to an image: manifests that name it as their subject, and attestations that lie beside it in its
//! index.
//!
//! Source: OCI distribution-spec 1.1, "Listing Referrers", "Unavailable Referrers API" and "Referrers Tag Schema";
//! image-spec 1.1, `manifest.md`; BuildKit, "Image attestation storage".

use std::collections::BTreeMap;

use plimsoll_http::{Request, Response};
use plimsoll_model::Digest;
use serde::Deserialize;

use super::catalog::next_page;
use super::client::read_bounded;
use super::repository::Repository;
use crate::Error;
use crate::manifest::{
    self, DOCKER_LIST, Descriptor, Document, MAX_LAYERS, MAX_MANIFEST_BYTES, OCI_INDEX, OCI_MANIFEST, clip,
};

/// The most pages of a list of referrers.
const MAX_PAGES: usize = 50;
/// The most referrers of one manifest.
const MAX_REFERRERS: usize = 5_000;
/// The most characters of each part of a tag that stands for a digest.
const MAX_TAG_PARTS: (usize, usize) = (32, 64);
/// The annotation of an index's entry that says of which image it is an attestation.
const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

/// A manifest that is attached to another one, as a list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Its digest.
    pub digest: Digest,
    /// What it is, as the list says: `application/vnd.openvex+json`. May be empty.
    pub artifact_type: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

/// A manifest that is no image: some blobs, and what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its digest.
    pub digest: Digest,
    /// What it is, as itself says: its `artifactType`, else the media type of its config. May be empty.
    pub artifact_type: String,
    /// The manifest that it is attached to, as itself says.
    pub subject: Option<Digest>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// What it holds.
    pub blobs: Vec<ArtifactBlob>,
}

/// A blob of an [`Artifact`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactBlob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its media type.
    pub media_type: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawArtifact {
    artifact_type: Option<String>,
    config: Option<RawBlob>,
    #[serde(alias = "blobs")]
    layers: Option<Vec<RawBlob>>,
    subject: Option<RawBlob>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBlob {
    #[serde(default)]
    media_type: String,
    digest: String,
    #[serde(default)]
    size: u64,
    annotations: Option<BTreeMap<String, String>>,
}

impl Repository {
    /// The manifests that name this one as their subject, in the registry's order: from its list of referrers, or, where
    /// it has no such list, from the index that is tagged for it.
    ///
    /// # Errors
    /// What asking meets; [`Error::Content`] for a list that is none.
    pub fn referrers(&self, subject: &Digest) -> Result<Vec<Attached>, Error> {
        let client = self.client();
        let mut path = format!("/v2/{}/referrers/{subject}", client.reference.repository());
        let mut found = Vec::new();
        for page in 0..MAX_PAGES {
            let mut response = client.ask_path(&path, Request::get().header("accept", OCI_INDEX))?;
            if page == 0 && is_unavailable(&response) {
                return self.tagged_referrers(subject);
            }
            client.check_status(&mut response)?;
            let name = format!("{}@{subject}", client.reference);
            let next = next_page(client, &response, "list of referrers", &name)?;
            let media_type = response.media_type();
            let url = response.url.clone();
            let bytes = read_bounded(response.body, MAX_MANIFEST_BYTES, "list of referrers", &name, &url)?;
            found.extend(entries(&bytes, &media_type, &name)?.into_iter().map(attached));
            if found.len() > MAX_REFERRERS {
                break;
            }
            match next {
                Some(next) => path = next,
                None => return Ok(found),
            }
        }
        Err(Error::Content {
            what: "list of referrers",
            subject: format!("{}@{subject}", client.reference),
            expected: format!("at most {MAX_REFERRERS} on {MAX_PAGES} pages"),
            found: "more".to_owned(),
        })
    }

    fn tagged_referrers(&self, subject: &Digest) -> Result<Vec<Attached>, Error> {
        let tag = digest_tag(subject);
        match self.client().manifest_of(&tag, OCI_INDEX) {
            Ok(index) => {
                let name = format!("{}:{tag}", self.reference().repository());
                let entries = entries(&index.bytes, &index.media_type, &name)?;
                Ok(entries.into_iter().map(attached).collect())
            }
            Err(Error::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// The attestations of an image that its builder laid into the index of this digest; none where it is no index.
    ///
    /// # Errors
    /// What asking meets.
    pub fn attestations(&self, index: &Digest, image: &Digest) -> Result<Vec<Attached>, Error> {
        let fetched =
            self.client().manifest_of(index.as_str(), &[OCI_INDEX, DOCKER_LIST, OCI_MANIFEST].join(", "))?;
        let name = format!("{}@{index}", self.reference().repository());
        // Anything may have this digest; only an index holds attestations.
        let Ok(entries) = entries(&fetched.bytes, &fetched.media_type, &name) else { return Ok(Vec::new()) };
        let of_image = |entry: &Descriptor| {
            entry.is_attestation()
                && entry.annotations.get(REFERENCE_DIGEST).is_some_and(|of| of == image.as_str())
        };
        Ok(entries.into_iter().filter(of_image).map(attached).collect())
    }

    /// The artifact under a tag or a digest; `None` where there is none.
    ///
    /// # Errors
    /// What asking meets; [`Error::Content`] for what is no manifest of an artifact.
    pub fn find_artifact(&self, wanted: &str) -> Result<Option<Artifact>, Error> {
        let Some(manifest) = self.find_manifest(wanted)? else { return Ok(None) };
        let name = format!("{}@{}", self.reference().repository(), manifest.digest);
        artifact(&manifest.bytes, manifest.digest, &name).map(Some)
    }
}

/// The tag that stands for a digest: `sha256-4f1a…`.
pub fn digest_tag(digest: &Digest) -> String {
    let (algorithm, hex) = (digest.algorithm(), digest.hex());
    let (most_of_algorithm, most_of_hex) = MAX_TAG_PARTS;
    // Both are ASCII, as a digest is.
    format!("{}-{}", &algorithm[..algorithm.len().min(most_of_algorithm)], &hex[..hex.len().min(most_of_hex)])
}

/// Whether the registry has no list of referrers. One that has answers with an index, though it may be empty; those that
/// have not answer with whatever they answer to a path that they do not know.
fn is_unavailable(response: &Response) -> bool {
    match response.status {
        400 | 404 | 405 | 406 | 501 => true,
        200 => response.media_type() != OCI_INDEX,
        _ => false,
    }
}

fn entries(bytes: &[u8], media_type: &str, subject: &str) -> Result<Vec<Descriptor>, Error> {
    match manifest::parse(bytes, media_type, subject)? {
        Document::Index(entries) => Ok(entries),
        Document::Image(_) => Err(Error::Content {
            what: "list of referrers",
            subject: subject.to_owned(),
            expected: "an index".to_owned(),
            found: "an image manifest".to_owned(),
        }),
    }
}

fn attached(entry: Descriptor) -> Attached {
    Attached { digest: entry.digest, artifact_type: entry.artifact_type, annotations: entry.annotations }
}

/// Reads the manifest of an artifact; of no kind in particular.
pub(crate) fn artifact(bytes: &[u8], digest: Digest, subject: &str) -> Result<Artifact, Error> {
    let bad = |expected: &str, found: String| Error::Content {
        what: "manifest",
        subject: subject.to_owned(),
        expected: expected.to_owned(),
        found,
    };
    // A list would be read as the fields in their order.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(bad("the manifest of an artifact (JSON)", "something else".to_owned()));
    }
    let raw: RawArtifact = serde_json::from_slice(bytes)
        .map_err(|error| bad("the manifest of an artifact (JSON)", clip(&error.to_string())))?;
    let layers = raw.layers.ok_or_else(|| bad("a manifest with `layers`", "one without".to_owned()))?;
    if layers.len() > MAX_LAYERS {
        return Err(bad("at most 1,000 layers", layers.len().to_string()));
    }
    let read = |text: &str| {
        text.parse::<Digest>().map_err(|_| bad("a digest in every descriptor", format!("`{}`", clip(text))))
    };
    let blobs = layers.into_iter().map(|layer| {
        Ok(ArtifactBlob {
            digest: read(&layer.digest)?,
            size_bytes: layer.size,
            media_type: layer.media_type,
            annotations: layer.annotations.unwrap_or_default(),
        })
    });
    Ok(Artifact {
        blobs: blobs.collect::<Result<_, Error>>()?,
        subject: raw.subject.map(|subject| read(&subject.digest)).transpose()?,
        artifact_type: raw
            .artifact_type
            .filter(|kind| !kind.is_empty())
            .or(raw.config.map(|config| config.media_type))
            .unwrap_or_default(),
        annotations: raw.annotations.unwrap_or_default(),
        digest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(digit: &str) -> Digest {
        format!("sha256:{}", digit.repeat(64)).parse().unwrap()
    }

    fn read(text: &str) -> Result<Artifact, String> {
        artifact(text.as_bytes(), digest("a"), "r/app").map_err(|error| error.to_string())
    }

    #[test]
    fn a_digest_has_a_tag() {
        assert_eq!(digest_tag(&digest("a")), format!("sha256-{}", "a".repeat(64)));
        let long: Digest = format!("sha512:{}", "b".repeat(128)).parse().unwrap();
        assert_eq!(digest_tag(&long), format!("sha512-{}", "b".repeat(64)));
    }

    #[test]
    fn artifacts_of_all_forms() {
        let (b, c) = (digest("b"), digest("c"));
        let blob = format!(r#"{{"mediaType":"x/y","digest":"{b}","size":3}}"#);
        let subject = format!(r#"{{"mediaType":"m","digest":"{c}","size":1}}"#);
        let found = read(&format!(
            r#"{{"schemaVersion":2,"artifactType":"x/z","config":{blob},"layers":[{blob}],"subject":{subject}}}"#
        ))
        .unwrap();
        assert_eq!((found.artifact_type.as_str(), found.subject), ("x/z", Some(c)));
        assert_eq!((found.blobs[0].media_type.as_str(), found.blobs[0].size_bytes), ("x/y", 3));
        // Without a type of its own its config tells.
        let found = read(&format!(r#"{{"config":{blob},"layers":[]}}"#)).unwrap();
        assert_eq!((found.artifact_type.as_str(), found.subject), ("x/y", None));
        let found = read(&format!(r#"{{"blobs":[{blob}]}}"#)).unwrap();
        assert_eq!(found.blobs.len(), 1);
    }

    #[test]
    fn what_is_no_artifact_is_refused() {
        for text in [
            "",
            "[]",
            "<html>",
            "{}",
            r#"{"layers":{}}"#,
            r#"{"layers":[{"digest":"md5:1","size":1}]}"#,
            r#"{"layers":[{"digest":"x"}]}"#,
            r#"{"layers":[],"subject":{"digest":"../../x"}}"#,
            &format!(r#"{{"layers":{}"#, "[".repeat(100_000)),
        ] {
            assert!(read(text).is_err(), "{}", clip(text));
        }
        let many = vec![format!(r#"{{"digest":"{}","size":1}}"#, digest("b")); MAX_LAYERS + 1].join(",");
        assert!(read(&format!(r#"{{"layers":[{many}]}}"#)).unwrap_err().contains("1,000"));
    }
}
