//! Keys that verify what others have signed: Ed25519, and ECDSA over P-256, which cosign makes.
//!
//! Source: RFC 5480 (SPKI of elliptic curves); FIPS 186-5 (ECDSA).

use std::fmt;
use std::path::Path;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine as _;
use plimsoll_model::Digest;
use sha2::{Digest as _, Sha256};

use crate::key::{self, MAX_PUBLIC_KEYS, clip};
use crate::{Error, PublicKey, key_file};

/// The DER of an SPKI of P-256 up to its point, which is not compressed.
const P256_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The characters of a line of PEM: the 124 of such a key stand on two.
const PEM_LINE_CHARS: usize = 64;
/// The bytes of such a point.
const P256_POINT_BYTES: usize = 65;

const EXPECTED: &str = "a public key in PEM (SPKI, `BEGIN PUBLIC KEY`), Ed25519 or ECDSA over P-256";

/// A key that verifies envelopes. Prints its [`VerifyingKey::id`].
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Ed25519(PublicKey),
    /// The point, not compressed.
    P256(Vec<u8>),
}

impl VerifyingKey {
    /// Reads one key or several, one behind the other.
    ///
    /// # Errors
    /// [`Error::Key`] where there is none, where one of them is of another kind, or where there are too many.
    pub fn all_from_pem(text: &str, subject: &str) -> Result<Vec<Self>, Error> {
        let bad = |found: String| Error::Key { subject: subject.to_owned(), expected: EXPECTED, found };
        let mut keys = Vec::new();
        let mut rest = text;
        while let Some(label) = key::label(rest) {
            if keys.len() == MAX_PUBLIC_KEYS {
                return Err(bad(format!("more than {MAX_PUBLIC_KEYS}")));
            }
            if label.ends_with("PRIVATE KEY") {
                return Err(bad("a private key, which is not to be handed to those who verify".to_owned()));
            }
            if label != "PUBLIC KEY" {
                return Err(bad(format!("`BEGIN {}`", clip(label))));
            }
            let block = key::block(rest).ok_or_else(|| bad("one that is cut short".to_owned()))?;
            let kind = match p256_point(block) {
                Some(point) => Kind::P256(point),
                None => Kind::Ed25519(PublicKey::from_pem(block, subject).map_err(|error| match error {
                    Error::Key { found, .. } => bad(found),
                    error => error,
                })?),
            };
            keys.push(Self(kind));
            rest = &rest[rest.find(block).map_or(rest.len(), |at| at + block.len())..];
        }
        if keys.is_empty() { Err(bad(key::describe(text))) } else { Ok(keys) }
    }

    /// The key of a point that is not compressed.
    pub(crate) fn p256(point: Vec<u8>) -> Self {
        Self(Kind::P256(point))
    }

    /// The key as a file holds it.
    pub fn to_pem(&self) -> String {
        match &self.0 {
            Kind::Ed25519(key) => key.to_pem(),
            Kind::P256(point) => {
                let body = base64::engine::general_purpose::STANDARD.encode([P256_PREFIX, point].concat());
                let (first, second) = body.split_at(PEM_LINE_CHARS);
                format!("-----BEGIN PUBLIC KEY-----\n{first}\n{second}\n-----END PUBLIC KEY-----\n")
            }
        }
    }

    /// Names the key: the SHA-256 of its SPKI in DER, as `openssl pkey -pubin -outform DER | sha256sum` gives it.
    pub fn id(&self) -> Digest {
        match &self.0 {
            Kind::Ed25519(key) => key.id(),
            Kind::P256(point) => Digest::sha256(&Sha256::digest([P256_PREFIX, point].concat()).into()),
        }
    }

    /// Whether this is the key's signature of this message: Ed25519's 64 bytes, or ECDSA's DER, of its SHA-256.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Kind::Ed25519(key) => key.verifies(message, signature),
            Kind::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature).is_ok()
            }
        }
    }
}

/// Reads the keys of a file, of which any is to be trusted.
///
/// # Errors
/// [`Error::Read`] and [`Error::Key`].
pub fn read_verifying_keys(path: &Path) -> Result<Vec<VerifyingKey>, Error> {
    let (_, text) = key_file::read(path)?;
    VerifyingKey::all_from_pem(&text, &path.display().to_string())
}

/// The point of a P-256 key; `None` for every other one.
fn p256_point(block: &str) -> Option<Vec<u8>> {
    let body: String = block.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).ok()?;
    let point = der.strip_prefix(P256_PREFIX)?;
    // 4 stands before a point that is not compressed. Whether it lies on the curve is found when it verifies.
    (point.len() == P256_POINT_BYTES && point[0] == 4).then(|| point.to_vec())
}

impl From<PublicKey> for VerifyingKey {
    fn from(key: PublicKey) -> Self {
        Self(Kind::Ed25519(key))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}", self.id())
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

    use super::*;
    use crate::PrivateKey;

    fn pem(der: &[u8]) -> String {
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n", &body[..64], &body[64..])
    }

    #[test]
    fn both_kinds_verify_what_their_halves_sign() {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, made.as_ref()).unwrap();
        let ed25519 = PrivateKey::generate().unwrap();
        let text = pem(&[P256_PREFIX, pair.public_key().as_ref()].concat()) + &ed25519.public().to_pem();
        let keys = VerifyingKey::all_from_pem(&text, "a").unwrap();
        let signatures =
            [pair.sign(&random, b"message").unwrap().as_ref().to_vec(), ed25519.sign(b"message").to_vec()];
        for (place, key) in keys.iter().enumerate() {
            for (other, signature) in signatures.iter().enumerate() {
                assert_eq!(key.verifies(b"message", signature), place == other);
                assert!(!key.verifies(b"massage", signature));
                assert!(!key.verifies(b"message", &signature[1..]));
            }
            assert!(!key.verifies(b"message", b""));
        }
        assert_eq!(keys[1].id(), ed25519.public().id());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        // A point that is not on the curve is a key that verifies nothing.
        let nowhere = VerifyingKey::all_from_pem(&pem(&[P256_PREFIX, &[4], &[7; 64]].concat()), "a").unwrap();
        assert!(!nowhere[0].verifies(b"", &[0x30, 6, 2, 1, 1, 2, 1, 1]));
        let private = PrivateKey::generate().unwrap();
        for text in [
            String::new(),
            "<html>".to_owned(),
            private.to_pem().expose().to_owned(),
            pem(&[P256_PREFIX, &[3], &[7; 64]].concat()),
            pem(&[7; 91]),
            private.public().to_pem().replace("PUBLIC KEY", "CERTIFICATE"),
            private.public().to_pem().repeat(MAX_PUBLIC_KEYS + 1),
        ] {
            let error = VerifyingKey::all_from_pem(&text, "a").unwrap_err().to_string();
            assert!(error.contains("Ed25519 or ECDSA over P-256, found "), "{error}");
        }
    }
}
