//! Something attached to an image: as a manifest that names it as its subject, and as a layer of the image that is tagged
//! for it.
//!
//! Source: OCI distribution-spec 1.1, "Pushing Manifests with Subject" and "Referrers Tag Schema"; image-spec 1.1,
//! `manifest.md`, "Guidelines for Artifact Usage"; cosign, `specs/SIGNATURE_SPEC.md`, "Tag-based Discovery".

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use plimsoll_model::Digest;
use serde_json::{Value, json};

use super::referrers::digest_tag;
use super::repository::{RemoteManifest, Repository};
use super::upload::BlobContent;
use crate::manifest::{MAX_LAYERS, OCI_INDEX, OCI_MANIFEST, clip};
use crate::{Error, verify};

const EMPTY_CONFIG: &[u8] = b"{}";
const EMPTY_CONFIG_TYPE: &str = "application/vnd.oci.empty.v1+json";
const IMAGE_CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
/// The moment that stands where there is none.
const NO_MOMENT: &str = "0001-01-01T00:00:00Z";
/// How often a tag is written that somebody else writes at the same time.
const MAX_ATTEMPTS: u32 = 10;
/// The least that is waited before it is looked whether somebody did: registries know no writing under a condition.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// The most.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// What is attached: one blob, and what is said of it.
#[derive(Clone, Debug)]
pub struct Attachment<'a> {
    /// What it is, `application/vnd.in-toto+json`; lists of referrers say it, layers do not.
    pub artifact_type: &'a str,
    /// How the blob is written, `application/vnd.dsse.envelope.v1+json`.
    pub media_type: &'a str,
    /// The blob.
    pub bytes: &'a [u8],
    /// Annotations, of the manifest or of the layer.
    pub annotations: BTreeMap<String, String>,
}

/// What became of something that was to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The digest of the manifest that has it now.
    pub digest: Digest,
    /// Whether it was not there before.
    pub is_new: bool,
}

impl Repository {
    /// Attaches something to a manifest: it is listed among its referrers. Where the registry has no such list, the index
    /// that is tagged for it is written, and keeps its other entries. The same twice is attached once.
    ///
    /// # Errors
    /// As of [`Repository::push_blob`] and [`Repository::push_manifest`].
    pub fn attach(&self, subject: &RemoteManifest, attachment: &Attachment<'_>) -> Result<Appended, Error> {
        let blob = self.push_once(attachment.bytes)?;
        let config = self.push_once(EMPTY_CONFIG)?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": attachment.artifact_type,
            "config": {"mediaType": EMPTY_CONFIG_TYPE, "digest": config, "size": EMPTY_CONFIG.len(), "data": "e30="},
            "layers": [{"mediaType": attachment.media_type, "digest": blob, "size": attachment.bytes.len()}],
            "subject": {
                "mediaType": subject.media_type, "digest": subject.digest, "size": subject.bytes.len(),
            },
            "annotations": attachment.annotations,
        });
        let bytes = serde_json::to_vec(&manifest).expect("texts and numbers have a JSON form");
        let digest = verify::sha256(&bytes);
        let was_there = self.find_manifest(digest.as_str())?.is_some();
        let (digest, listed) = self.put_manifest(digest.as_str(), OCI_MANIFEST, &bytes)?;
        if listed.is_some_and(|listed| listed == subject.digest.as_str()) {
            return Ok(Appended { digest, is_new: !was_there });
        }
        let entry = json!({
            "mediaType": OCI_MANIFEST,
            "digest": digest,
            "size": bytes.len(),
            "artifactType": attachment.artifact_type,
            "annotations": attachment.annotations,
        });
        let is_new = self.list_by_tag(&digest_tag(&subject.digest), entry)?;
        Ok(Appended { digest, is_new })
    }

    /// Adds a layer to the image under a tag, behind those that are there; makes the image where there is none. The same
    /// layer twice is added once.
    ///
    /// # Errors
    /// As of [`Repository::push_blob`] and [`Repository::push_manifest`]; [`Error::Content`] where something else than an
    /// image manifest has the tag, or it has too many layers.
    pub fn append_layer(&self, tag: &str, attachment: &Attachment<'_>) -> Result<Appended, Error> {
        let blob = self.push_once(attachment.bytes)?;
        let layer = json!({
            "mediaType": attachment.media_type,
            "digest": blob,
            "size": attachment.bytes.len(),
            "annotations": attachment.annotations,
        });
        self.rewrite(tag, OCI_MANIFEST, "layers", MAX_LAYERS, &[layer])
    }

    /// Adds an entry to the index that stands for a list of referrers. Whether it was not there before.
    fn list_by_tag(&self, tag: &str, entry: Value) -> Result<bool, Error> {
        self.rewrite(tag, OCI_INDEX, "manifests", MAX_LAYERS, &[entry]).map(|appended| appended.is_new)
    }

    /// Adds entries, one at least, to the list of this name in the manifest under a tag, and looks whether they stay there.
    /// Those whose digest is listed are not added.
    pub(super) fn rewrite(
        &self,
        tag: &str,
        media_type: &str,
        list: &'static str,
        most: usize,
        entries: &[Value],
    ) -> Result<Appended, Error> {
        let subject = format!("{}/{}:{tag}", self.reference().registry(), self.reference().repository());
        let mut is_new = false;
        for attempt in 0..MAX_ATTEMPTS {
            let begun = Instant::now();
            let found = self.find_manifest(tag)?;
            let mut document = match &found {
                Some(found) => document(found, media_type, list, &subject)?,
                None => json!({"schemaVersion": 2, "mediaType": media_type, list: []}),
            };
            let held = document[list].as_array_mut().expect("it was read with a list, or made with one");
            let is_missing = |entry: &&Value| held.iter().all(|known| known["digest"] != entry["digest"]);
            let missing: Vec<Value> = entries.iter().filter(is_missing).cloned().collect();
            if missing.is_empty() {
                let digest = found.expect("what is listed is listed in something").digest;
                return Ok(Appended { digest, is_new });
            }
            if held.len() + missing.len() > most {
                return Err(Error::Content {
                    what: "manifest",
                    subject,
                    expected: match missing.len() {
                        1 => format!("room for one more of at most {most} entries"),
                        number => format!("room for {number} more of at most {most} entries"),
                    },
                    found: format!("{}", held.len()),
                });
            }
            let turn = missing[0]["digest"].as_str().and_then(|digest| digest.bytes().next_back());
            held.extend(missing);
            if list == "layers" {
                let config = config_of(held);
                let digest = self.push_once(&config)?;
                document["config"] =
                    json!({"mediaType": IMAGE_CONFIG_TYPE, "digest": digest, "size": config.len()});
            }
            let bytes = serde_json::to_vec(&document).expect("what was JSON is JSON");
            self.put_manifest(tag, media_type, &bytes)?;
            is_new = true;
            // Whoever read the tag before, and writes it now, does not know of the entry. He takes about as long as we did;
            // and those who lost one shall not meet again.
            let turn = u32::from(turn.unwrap_or_default() % 8);
            let wait = (begun.elapsed() * 2).max(LOOK_AGAIN) + LOOK_AGAIN * attempt * turn / 4;
            std::thread::sleep(wait.min(MAX_WAIT));
        }
        Err(Error::Content {
            what: "manifest",
            subject,
            expected: "what was written there".to_owned(),
            found: "something else each time: another program writes it as well".to_owned(),
        })
    }

    /// Writes a small blob that is not there.
    fn push_once(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = verify::sha256(bytes);
        if !self.blob_exists(&digest)? {
            self.push_blob(&digest, BlobContent::Bytes(bytes))?;
        }
        Ok(digest)
    }
}

/// The manifest under a tag, with all its fields, of which most are others'.
fn document(
    found: &RemoteManifest,
    media_type: &str,
    list: &'static str,
    subject: &str,
) -> Result<Value, Error> {
    let bad = |expected: &str, found: String| Error::Content {
        what: "manifest",
        subject: subject.to_owned(),
        expected: expected.to_owned(),
        found,
    };
    let document: Value =
        serde_json::from_slice(&found.bytes).map_err(|error| bad("JSON", clip(&error.to_string())))?;
    let stated = document["mediaType"].as_str().unwrap_or(&found.media_type);
    if stated != media_type {
        return Err(bad(&format!("`{media_type}`"), format!("`{}`", clip(stated))));
    }
    let has_digests = document[list]
        .as_array()
        .is_some_and(|entries| entries.iter().all(|entry| entry["digest"].is_string()));
    if has_digests { Ok(document) } else { Err(bad(&format!("`{list}` with digests"), "none".to_owned())) }
}

/// The config of an image whose layers are not packed: their digests are their diff IDs. Readers of images count them.
fn config_of(layers: &[Value]) -> Vec<u8> {
    let diff_ids: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
    let history: Vec<Value> = layers.iter().map(|_| json!({"created": NO_MOMENT})).collect();
    let config = json!({
        "architecture": "", "config": {}, "created": NO_MOMENT, "history": history, "os": "",
        "rootfs": {"diff_ids": diff_ids, "type": "layers"},
    });
    serde_json::to_vec(&config).expect("what was JSON is JSON")
}

/// Reads what a tag holds, for fuzzing.
pub(super) fn fuzz(bytes: &[u8]) {
    let found = RemoteManifest {
        bytes: bytes.to_vec(),
        media_type: OCI_MANIFEST.to_owned(),
        digest: verify::sha256(bytes),
    };
    if let Ok(read) = document(&found, OCI_MANIFEST, "layers", "fuzz") {
        let _ = config_of(read["layers"].as_array().map_or(&[][..], Vec::as_slice));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(media_type: &str, text: &str) -> RemoteManifest {
        RemoteManifest {
            bytes: text.as_bytes().to_vec(),
            media_type: media_type.to_owned(),
            digest: verify::sha256(text.as_bytes()),
        }
    }

    #[test]
    fn what_others_wrote_is_read_with_all_its_fields() {
        let text =
            r#"{"annotations":{"theirs":"1"},"layers":[{"digest":"sha256:aa","x":[1]}],"schemaVersion":2}"#;
        let read = document(&found(OCI_MANIFEST, text), OCI_MANIFEST, "layers", "r").unwrap();
        assert_eq!(read["layers"][0]["x"][0], 1);
        assert_eq!(read["annotations"]["theirs"], "1");
    }

    #[test]
    fn what_is_no_list_is_not_written_over() {
        for (media_type, text) in [
            (OCI_MANIFEST, ""),
            (OCI_MANIFEST, "<html>"),
            (OCI_MANIFEST, "[]"),
            (OCI_MANIFEST, "{}"),
            (OCI_MANIFEST, r#"{"layers":{}}"#),
            (OCI_MANIFEST, r#"{"layers":[{}]}"#),
            (OCI_INDEX, r#"{"layers":[]}"#),
            (OCI_MANIFEST, r#"{"mediaType":"application/vnd.oci.image.index.v1+json","layers":[]}"#),
        ] {
            let read = document(&found(media_type, text), OCI_MANIFEST, "layers", "r");
            assert!(read.is_err(), "{text}");
        }
    }

    #[test]
    fn a_config_counts_its_layers() {
        let config = config_of(&[json!({"digest": "sha256:aa"}), json!({"digest": "sha256:bb"})]);
        let config: Value = serde_json::from_slice(&config).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"], json!(["sha256:aa", "sha256:bb"]));
        assert_eq!(config["history"].as_array().map(Vec::len), Some(2));
    }
}
