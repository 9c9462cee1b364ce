//! What is signed: that a manifest with this digest is the signer's.
//!
//! Source: cosign, `specs/SIGNATURE_SPEC.md`, "Simple Signing"; containers/image, `containers-signature.5`, "JSON data
//! format".

use std::collections::BTreeMap;

use base64::Engine as _;
use plimsoll_model::Digest;
use serde::{Deserialize, Serialize};

use crate::{Error, PrivateKey, key::clip};

/// The most bytes of a claim.
pub const MAX_CLAIM_BYTES: usize = 64 << 10;
/// Says that a claim is one.
const TYPE: &str = "cosign container image signature";

/// What is signed: that a manifest with this digest is the signer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Where it was when it was signed, `registry.example/repository`. A reader does not rely on it: things are
    /// copied, and what they are says the digest.
    pub reference: String,
    /// The digest of the manifest.
    pub digest: Digest,
    /// What else the signer says.
    pub optional: BTreeMap<String, serde_json::Value>,
}

/// A claim's bytes, and a signature of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedClaim {
    /// The bytes that were signed, as they are.
    pub payload: Vec<u8>,
    /// The signature in base64.
    pub signature: String,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    critical: Critical,
    #[serde(default)]
    optional: Option<BTreeMap<String, serde_json::Value>>,
}

#[derive(Serialize, Deserialize)]
struct Critical {
    identity: Identity,
    image: Image,
    r#type: String,
}

#[derive(Serialize, Deserialize)]
struct Identity {
    #[serde(rename = "docker-reference")]
    reference: String,
}

#[derive(Serialize, Deserialize)]
struct Image {
    // The older spelling stands in the specification's own examples.
    #[serde(rename = "docker-manifest-digest", alias = "Docker-manifest-digest")]
    digest: String,
}

impl Claim {
    /// A claim that says no more than it must.
    pub fn new(reference: &str, digest: Digest) -> Self {
        Self { reference: reference.to_owned(), digest, optional: BTreeMap::new() }
    }

    /// The bytes that are signed: JSON without blanks, its fields in their order.
    pub fn payload(&self) -> Vec<u8> {
        let payload = Payload {
            critical: Critical {
                identity: Identity { reference: self.reference.clone() },
                image: Image { digest: self.digest.to_string() },
                r#type: TYPE.to_owned(),
            },
            optional: (!self.optional.is_empty()).then(|| self.optional.clone()),
        };
        serde_json::to_vec(&payload).expect("texts and maps of texts have a JSON form")
    }

    /// Signs the claim.
    pub fn sign(&self, key: &PrivateKey) -> SignedClaim {
        let payload = self.payload();
        let signature = base64::engine::general_purpose::STANDARD.encode(key.sign(&payload));
        SignedClaim { payload, signature }
    }

    /// Reads a claim. That it is signed must have been found before.
    ///
    /// # Errors
    /// [`Error::Claim`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |expected: &'static str, found: String| Error::Claim { expected, found };
        if bytes.len() > MAX_CLAIM_BYTES {
            return Err(bad("at most 64 KiB", format!("{} bytes", bytes.len())));
        }
        // A list would be read as the fields in their order.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(bad("a JSON object", "something else".to_owned()));
        }
        let payload: Payload = serde_json::from_slice(bytes)
            .map_err(|error| bad("`critical` with `identity`, `image` and `type`", error.to_string()))?;
        if payload.critical.r#type != TYPE {
            return Err(bad(
                "the type `cosign container image signature`",
                format!("`{}`", clip(&payload.critical.r#type)),
            ));
        }
        let digest = payload.critical.image.digest;
        let digest =
            digest.parse().map_err(|_| bad("a digest `sha256:…`", format!("`{}`", clip(&digest))))?;
        Ok(Self {
            reference: payload.critical.identity.reference,
            digest,
            optional: payload.optional.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn digest() -> Digest {
        format!("sha256:{}", "4f".repeat(32)).parse().unwrap()
    }

    #[test]
    fn a_claim_has_the_bytes_that_cosign_writes() {
        let claim = Claim::new("registry.example/db", digest());
        expect![[r#"{"critical":{"identity":{"docker-reference":"registry.example/db"},"image":{"docker-manifest-digest":"sha256:4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f"},"type":"cosign container image signature"},"optional":null}"#]]
            .assert_eq(std::str::from_utf8(&claim.payload()).unwrap());
        assert_eq!(Claim::parse(&claim.payload()).unwrap(), claim);
        let mut more = claim;
        more.optional.insert("creator".to_owned(), "plimsoll".into());
        assert_eq!(Claim::parse(&more.payload()).unwrap(), more);
        let old = String::from_utf8(more.payload()).unwrap().replace("docker-manifest", "Docker-manifest");
        assert_eq!(Claim::parse(old.as_bytes()).unwrap(), more);
    }

    #[test]
    fn what_is_no_claim_is_refused() {
        let good = String::from_utf8(Claim::new("r", digest()).payload()).unwrap();
        for bad in [
            String::new(),
            "{}".to_owned(),
            "<html></html>".to_owned(),
            good[..good.len() - 1].to_owned(),
            format!("{good}{good}"),
            good.replace("cosign container", "atomic container"),
            good.replace("sha256:4f", "md5:"),
            good.replace("\"type\":", "\"image\":{\"docker-manifest-digest\":\"sha256:00\"},\"type\":"),
            format!("[{good}]"),
            "[".repeat(100_000),
            format!("{{\"critical\":{}", "[".repeat(60_000)),
            " ".repeat(MAX_CLAIM_BYTES + 1),
        ] {
            assert!(Claim::parse(bad.as_bytes()).is_err(), "{}", clip(&bad));
        }
    }
}
