//! Keys that sign envelopes: Ed25519, and ECDSA over P-256, as `openssl` and cosign make them.
//!
//! Source: RFC 5958 (PKCS#8); RFC 5915 (`BEGIN EC PRIVATE KEY`); FIPS 186-5 (ECDSA).

use std::fmt;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;

use crate::key::{clip, describe, label, wipe};
use crate::{Error, PrivateKey, VerifyingKey, cosign_key, key, key_file};

const EXPECTED: &str =
    "a private key in PEM, Ed25519 or ECDSA over P-256 (PKCS#8, SEC 1, or as cosign encrypts it)";

/// A key that signs envelopes. Prints `[redacted]`.
pub struct SigningKey(Kind);

enum Kind {
    Ed25519(Box<PrivateKey>),
    P256(Box<EcdsaKeyPair>),
}

/// A signing key, and what is to be said of the file it came from.
#[derive(Debug)]
pub struct SigningKeyFile {
    /// The key.
    pub key: SigningKey,
    /// A sentence for the user where others can read the file.
    pub warning: Option<String>,
}

/// Reads a signing key. `password` is for a key that cosign has encrypted.
///
/// # Errors
/// [`Error::Read`] and [`Error::Key`].
pub fn read_signing_key(path: &Path, password: Option<&str>) -> Result<SigningKeyFile, Error> {
    let (file, text) = key_file::read(path)?;
    let key = SigningKey::from_pem(&text, &path.display().to_string(), password);
    let mut bytes = text.into_bytes();
    wipe(&mut bytes);
    Ok(SigningKeyFile { key: key?, warning: key_file::exposed(&file, path) })
}

impl SigningKey {
    /// Reads a key. `subject` names it in errors.
    ///
    /// # Errors
    /// [`Error::Key`] for what is no such key, or is encrypted in another way, or with another password.
    pub fn from_pem(text: &str, subject: &str, password: Option<&str>) -> Result<Self, Error> {
        let bad = |found: &str| Error::Key {
            subject: subject.to_owned(),
            expected: EXPECTED,
            found: found.to_owned(),
        };
        // `openssl ecparam -genkey` writes the curve before the key.
        let text = match label(text) {
            Some("EC PARAMETERS") => {
                key::block(text).map_or(text, |block| &text[text.find(block).unwrap_or(0) + block.len()..])
            }
            _ => text,
        };
        let mut der = match label(text) {
            Some("PRIVATE KEY" | "EC PRIVATE KEY") => {
                key::block(text).and_then(body).ok_or_else(|| bad("one that is cut short or damaged"))?
            }
            Some("ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY") => {
                let sealed =
                    key::block(text).and_then(body).ok_or_else(|| bad("one that is cut short or damaged"))?;
                let password = password.ok_or_else(|| bad(cosign_key::NO_PASSWORD))?;
                cosign_key::open(&sealed, password).map_err(bad)?
            }
            Some(label) if label.starts_with("ENCRYPTED ") => return Err(bad(key::ENCRYPTED)),
            Some(label) => return Err(bad(&format!("`BEGIN {}`", clip(label)))),
            None => return Err(bad(&describe(text))),
        };
        let read = PrivateKey::from_der(&der).map(|key| Kind::Ed25519(Box::new(key))).or_else(|| {
            let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, &der).ok()?;
            Some(Kind::P256(Box::new(pair)))
        });
        wipe(&mut der);
        read.map(Self).ok_or_else(|| bad("one of another algorithm, or damaged"))
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> VerifyingKey {
        match &self.0 {
            Kind::Ed25519(key) => key.public().into(),
            Kind::P256(pair) => VerifyingKey::p256(pair.public_key().as_ref().to_vec()),
        }
    }

    /// Signs a message: Ed25519's 64 bytes, or ECDSA's DER, of its SHA-256. With Ed25519 the same message gives the same
    /// signature, with ECDSA another each time.
    ///
    /// # Errors
    /// [`Error::Random`] where ECDSA finds no random numbers.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        match &self.0 {
            Kind::Ed25519(key) => Ok(key.sign(message).to_vec()),
            Kind::P256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| Error::Random { source: std::io::Error::other("ECDSA has none") }),
        }
    }
}

impl From<PrivateKey> for SigningKey {
    fn from(key: PrivateKey) -> Self {
        Self(Kind::Ed25519(Box::new(key)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The bytes of a block.
fn body(block: &str) -> Option<Vec<u8>> {
    let mut text: String = block
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .flat_map(str::chars)
        .filter(|c| !c.is_whitespace())
        .collect();
    let decoded = base64::engine::general_purpose::STANDARD.decode(&text).ok();
    // Of the text nobody else has a copy.
    let mut bytes = std::mem::take(&mut text).into_bytes();
    wipe(&mut bytes);
    decoded
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Made for these tests with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`, and its other form with
    /// `openssl ec`.
    pub(crate) const P256: &str = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIUYLXYTnJCORW3Md\n+/GT6H4gxvd7w9eSB2sssA3ZYxuhRANCAARPV9BGgoS7rBV5h7hC1ygMPQqq940t\n7g8CC1OlLCIPWgKYCqhdr3jzf06fjC2M2/5+l3339dUV4d4VqujLBqAG\n-----END PRIVATE KEY-----\n";
    const SEC1: &str = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEICFGC12E5yQjkVtzHfvxk+h+IMb3e8PXkgdrLLAN2WMboAoGCCqGSM49\nAwEHoUQDQgAET1fQRoKEu6wVeYe4QtcoDD0KqveNLe4PAgtTpSwiD1oCmAqoXa94\n839On4wtjNv+fpd99/XVFeHeFaroywagBg==\n-----END EC PRIVATE KEY-----\n";
    const P384: &str = "-----BEGIN PRIVATE KEY-----\nMIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCXxM5dDeHCx9ncj13N\n/Bc7/TIIP/7vRhSnX8u5O4h+7ii9HDraSVqBgC1eDuzeJBKhZANiAAS78bq567t0\naaeE5kgaZSQuoUSOqWMWn+2mh+V4RvsTG1LKNXpcbII9uTy3a9Gbc66t8eVJ/DOZ\nZx/jZ1zn89iFqtfm5DPBPPYvbdCikpYcFoC6gtdpouUMwO4nDdSlr5A=\n-----END PRIVATE KEY-----\n";

    #[test]
    fn keys_of_both_kinds_sign() {
        let ed25519 = PrivateKey::generate().unwrap();
        let pem = ed25519.to_pem().expose().to_owned();
        for text in [pem.as_str(), P256, SEC1, &format!("# ours\n{P256}")] {
            let key = SigningKey::from_pem(text, "k", None).unwrap();
            let signature = key.sign(b"message").unwrap();
            assert!(key.public().verifies(b"message", &signature));
            assert!(!key.public().verifies(b"massage", &signature));
            assert_eq!(format!("{key:?}"), "[redacted]");
            let read = VerifyingKey::all_from_pem(&key.public().to_pem(), "k").unwrap();
            assert_eq!(read, [key.public()]);
        }
        let one = SigningKey::from_pem(P256, "k", None).unwrap().public();
        let other = SigningKey::from_pem(SEC1, "k", None).unwrap().public();
        assert_eq!(one, other);
    }

    #[test]
    fn what_is_no_signing_key_is_named() {
        let public = PrivateKey::generate().unwrap().public().to_pem();
        for (text, found) in [
            ("", "found nothing"),
            (public.as_str(), "found `BEGIN PUBLIC KEY`"),
            (P384, "found one of another algorithm, or damaged"),
            (&P256[..80], "found one that is cut short or damaged"),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "found an encrypted key"),
            ("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n", "found `BEGIN EC PARAMETERS`"),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "another algorithm"),
        ] {
            let error = SigningKey::from_pem(text, "k", None).unwrap_err().to_string();
            assert!(error.contains(found), "{error}");
        }
    }
}
