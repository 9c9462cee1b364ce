//! How signatures are kept beside what they speak of: a manifest, whose layers are the claims.
//!
//! Source: cosign, `specs/SIGNATURE_SPEC.md`, "Tag-based Discovery" and "OCI Image Manifest V1".

use std::collections::BTreeMap;

use plimsoll_model::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Error, MAX_CLAIM_BYTES, SignedClaim, key::clip};

/// The media type of a claim.
pub const CLAIM_MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The annotation of a claim's layer that holds its signature.
pub const SIGNATURE_ANNOTATION: &str = "dev.cosignproject.cosign/signature";
/// The most signatures of one manifest.
pub const MAX_SIGNATURES: usize = 100;

const MANIFEST_MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_MEDIA_TYPE: &str = "application/vnd.oci.image.config.v1+json";
/// The moment that stands where there is none: a signature says nothing of when it was made.
const NO_MOMENT: &str = "0001-01-01T00:00:00Z";

/// The tag under which the signatures of a manifest are found: `sha256-4f1a….sig`.
pub fn signature_tag(manifest: &Digest) -> String {
    format!("{}-{}.sig", manifest.algorithm(), manifest.hex())
}

/// One layer of a manifest of signatures, with all that stands there of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignatureLayer {
    /// [`CLAIM_MEDIA_TYPE`], for those that are read here.
    pub media_type: String,
    /// The digest of the claim's bytes.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
    /// [`SIGNATURE_ANNOTATION`], and what other tools add: certificates, entries of logs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl SignatureLayer {
    /// The layer of a claim.
    pub fn of(claim: &SignedClaim) -> Self {
        Self {
            media_type: CLAIM_MEDIA_TYPE.to_owned(),
            digest: sha256(&claim.payload),
            size: claim.payload.len() as u64,
            annotations: BTreeMap::from([(SIGNATURE_ANNOTATION.to_owned(), claim.signature.clone())]),
        }
    }

    /// The signature in base64; `None` where the layer is no claim of the form that is read here, or too large.
    pub fn signature(&self) -> Option<&str> {
        let readable = self.media_type == CLAIM_MEDIA_TYPE && self.size <= MAX_CLAIM_BYTES as u64;
        self.annotations.get(SIGNATURE_ANNOTATION).filter(|_| readable).map(String::as_str)
    }
}

/// A manifest of signatures and its config. The same layers give the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureImage {
    /// The config, JSON.
    pub config: Vec<u8>,
    /// Its digest.
    pub config_digest: Digest,
    /// The manifest, JSON.
    pub manifest: Vec<u8>,
    /// Its digest.
    pub digest: Digest,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u32,
    media_type: &'a str,
    config: SignatureLayer,
    layers: &'a [SignatureLayer],
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadManifest {
    schema_version: u64,
    #[serde(default)]
    media_type: Option<String>,
    layers: Vec<SignatureLayer>,
}

impl SignatureImage {
    /// Keeps these layers. Those that another signer wrote go before one's own.
    pub fn new(layers: &[SignatureLayer]) -> Self {
        let diff_ids: Vec<&str> = layers.iter().map(|layer| layer.digest.as_str()).collect();
        let config = serde_json::json!({
            "architecture": "", "config": {}, "created": NO_MOMENT,
            "history": layers.iter().map(|_| serde_json::json!({"created": NO_MOMENT})).collect::<Vec<_>>(),
            "os": "", "rootfs": {"diff_ids": diff_ids, "type": "layers"},
        });
        let config = serde_json::to_vec(&config).expect("texts have a JSON form");
        let config_digest = sha256(&config);
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST_MEDIA_TYPE,
            config: SignatureLayer {
                media_type: CONFIG_MEDIA_TYPE.to_owned(),
                digest: config_digest.clone(),
                size: config.len() as u64,
                annotations: BTreeMap::new(),
            },
            layers,
        };
        let manifest = serde_json::to_vec(&manifest).expect("texts have a JSON form");
        let digest = sha256(&manifest);
        Self { config, config_digest, manifest, digest }
    }

    /// The layers of a manifest of signatures. `subject` names what is signed in errors.
    ///
    /// # Errors
    /// [`Error::Signatures`].
    pub fn layers_of(manifest: &[u8], subject: &str) -> Result<Vec<SignatureLayer>, Error> {
        let bad = |expected: &'static str, found: String| Error::Signatures {
            subject: subject.to_owned(),
            expected,
            found,
        };
        if !manifest.trim_ascii_start().starts_with(b"{") {
            return Err(bad("an image manifest (JSON)", "something else".to_owned()));
        }
        let read: ReadManifest = serde_json::from_slice(manifest)
            .map_err(|error| bad("an image manifest with `layers`", error.to_string()))?;
        if read.schema_version != 2 {
            return Err(bad("`schemaVersion` 2", read.schema_version.to_string()));
        }
        if let Some(other) = read.media_type.filter(|found| found != MANIFEST_MEDIA_TYPE) {
            return Err(bad("an OCI image manifest", format!("`{}`", clip(&other))));
        }
        if read.layers.len() > MAX_SIGNATURES {
            return Err(bad("at most 100 signatures", read.layers.len().to_string()));
        }
        Ok(read.layers)
    }
}

fn sha256(bytes: &[u8]) -> Digest {
    Digest::sha256(&Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::Claim;

    fn claim() -> SignedClaim {
        let digest: Digest = format!("sha256:{}", "4f".repeat(32)).parse().unwrap();
        SignedClaim { payload: Claim::new("r.example/db", digest).payload(), signature: "c2ln".to_owned() }
    }

    #[test]
    fn a_manifest_of_signatures_is_what_cosign_reads() {
        let claim = claim();
        let image = SignatureImage::new(&[SignatureLayer::of(&claim)]);
        expect![[r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:CONFIG","size":CONFIG_SIZE},"layers":[{"mediaType":"application/vnd.dev.cosign.simplesigning.v1+json","digest":"sha256:CLAIM","size":CLAIM_SIZE,"annotations":{"dev.cosignproject.cosign/signature":"c2ln"}}]}"#]]
            .assert_eq(
                &std::str::from_utf8(&image.manifest)
                    .unwrap()
                    .replace(image.config_digest.as_str(), "sha256:CONFIG")
                    .replace(sha256(&claim.payload).as_str(), "sha256:CLAIM")
                    .replace(&format!("\"size\":{}}},\"layers", image.config.len()), "\"size\":CONFIG_SIZE},\"layers")
                    .replace(&format!("\"size\":{},\"ann", claim.payload.len()), "\"size\":CLAIM_SIZE,\"ann"),
            );
        let layers = SignatureImage::layers_of(&image.manifest, "r").unwrap();
        assert_eq!(layers, [SignatureLayer::of(&claim)]);
        assert_eq!(layers[0].signature(), Some("c2ln"));
        let digest: Digest = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
        assert_eq!(signature_tag(&digest), format!("sha256-{}.sig", "ab".repeat(32)));
    }

    #[test]
    fn what_others_wrote_of_a_layer_stays() {
        let mut layer = SignatureLayer::of(&claim());
        layer.annotations.insert("dev.sigstore.cosign/certificate".to_owned(), "PEM".to_owned());
        let image = SignatureImage::new(&[layer.clone(), SignatureLayer::of(&claim())]);
        let read = SignatureImage::layers_of(&image.manifest, "r").unwrap();
        assert_eq!(read, [layer, SignatureLayer::of(&claim())]);
    }

    #[test]
    fn what_is_no_manifest_of_signatures_is_refused() {
        let image = SignatureImage::new(&[SignatureLayer::of(&claim())]);
        let good = String::from_utf8(image.manifest).unwrap();
        let layer = serde_json::to_string(&SignatureLayer::of(&claim())).unwrap();
        for bad in [
            String::new(),
            "{}".to_owned(),
            "<html>".to_owned(),
            good[..good.len() - 2].to_owned(),
            good.replace("\"schemaVersion\":2", "\"schemaVersion\":1"),
            good.replace("oci.image.manifest", "oci.image.index"),
            good.replace("\"digest\":\"sha256:", "\"digest\":\"sha256:../"),
            good.replace(",\"annotations\"", "00000000000000000000,\"annotations\""),
            format!("{{\"schemaVersion\":2,\"layers\":[{}]}}", vec![layer; 101].join(",")),
            "{\"layers\":".repeat(10_000),
        ] {
            assert!(SignatureImage::layers_of(bad.as_bytes(), "r").is_err(), "{}", clip(&bad));
        }
        let mut other = SignatureLayer::of(&claim());
        other.media_type = "application/json".to_owned();
        assert_eq!(other.signature(), None);
        other.media_type = CLAIM_MEDIA_TYPE.to_owned();
        other.size = u64::MAX;
        assert_eq!(other.signature(), None);
    }
}
