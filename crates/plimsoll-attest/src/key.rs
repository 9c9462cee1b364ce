//! Ed25519 keys, and their PEM.
//!
//! Source: RFC 8032 (Ed25519); RFC 8410 (its PKCS#8 and SPKI); RFC 7468 (PEM).

use std::fmt;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, KeypairBytes,
};
use ed25519_dalek::{SecretKey, Signer as _, SigningKey, VerifyingKey};
use plimsoll_model::Digest;
use sha2::{Digest as _, Sha256};

use crate::Error;

/// The bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;
/// The most public keys that are read from one text.
pub(crate) const MAX_PUBLIC_KEYS: usize = 64;
/// How a key is told that needs a passphrase.
pub(crate) const ENCRYPTED: &str = "an encrypted key";

const PRIVATE_EXPECTED: &str = "an Ed25519 private key in PEM (PKCS#8, `BEGIN PRIVATE KEY`)";
const PUBLIC_EXPECTED: &str = "an Ed25519 public key in PEM (SPKI, `BEGIN PUBLIC KEY`)";

/// A key that signs. Prints `[redacted]`; its bytes are overwritten when it is dropped.
pub struct PrivateKey(SigningKey);

/// The PEM of a private key. Prints `[redacted]`; overwritten when it is dropped.
pub struct PrivatePem(String);

impl PrivateKey {
    /// Makes a key from the system's random numbers.
    ///
    /// # Errors
    /// [`Error::Random`] where the system has none.
    pub fn generate() -> Result<Self, Error> {
        let mut seed = SecretKey::default();
        getrandom::fill(&mut seed).map_err(|error| Error::Random { source: error.into() })?;
        let key = SigningKey::from_bytes(&seed);
        wipe(&mut seed);
        Ok(Self(key))
    }

    /// Reads a key as `openssl genpkey -algorithm ed25519` writes it. `subject` names it in errors.
    ///
    /// # Errors
    /// [`Error::Key`] for what is encrypted, of another kind, or no key. Encrypted keys are not read: a passphrase
    /// that a build hands over lies where the key would.
    pub fn from_pem(text: &str, subject: &str) -> Result<Self, Error> {
        let bad =
            |found: String| Error::Key { subject: subject.to_owned(), expected: PRIVATE_EXPECTED, found };
        let label = label(text);
        match label {
            Some("PRIVATE KEY") => {}
            Some("ENCRYPTED PRIVATE KEY") => return Err(bad(ENCRYPTED.to_owned())),
            Some(label) if label.starts_with("ENCRYPTED ") => return Err(bad(ENCRYPTED.to_owned())),
            Some(label) => return Err(bad(format!("`BEGIN {}`", clip(label)))),
            None => return Err(bad(describe(text))),
        }
        SigningKey::from_pkcs8_pem(block(text).unwrap_or_default())
            .map(Self)
            // The decoder's own words may tell of positions in the key, and nothing that helps.
            .map_err(|_| bad("one that is cut short, of another algorithm, or damaged".to_owned()))
    }

    /// Reads the DER of a key's PKCS#8; `None` for every other one.
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        SigningKey::from_pkcs8_der(der).ok().map(Self)
    }

    /// The key as a file holds it: PKCS#8 version 1, without the public half, which older tools refuse.
    pub fn to_pem(&self) -> PrivatePem {
        let mut bytes = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        let pem = bytes.to_pkcs8_pem(LineEnding::LF).expect("32 bytes have a PKCS#8 form");
        wipe(&mut bytes.secret_key);
        PrivatePem(pem.to_string())
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message as it is (Ed25519, not its pre-hashed form). The same message gives the same signature.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl PrivatePem {
    /// The text, for the one place that writes it down.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivatePem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Drop for PrivatePem {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0).into_bytes();
        wipe(&mut bytes);
    }
}

/// A key that verifies. Prints its [`PublicKey::id`].
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads one key.
    ///
    /// # Errors
    /// [`Error::Key`] where there is none, or more than one.
    pub fn from_pem(text: &str, subject: &str) -> Result<Self, Error> {
        let mut keys = Self::all_from_pem(text, subject)?;
        match (keys.pop(), keys.len()) {
            (Some(key), 0) => Ok(key),
            (_, more) => Err(Error::Key {
                subject: subject.to_owned(),
                expected: "one public key",
                found: format!("{}", more + 1),
            }),
        }
    }

    /// Reads one key or several, one behind the other: an old and a new one, while the old one is replaced.
    ///
    /// # Errors
    /// [`Error::Key`] where there is none, where one of them is of another kind, or where there are too many.
    pub fn all_from_pem(text: &str, subject: &str) -> Result<Vec<Self>, Error> {
        let bad =
            |found: String| Error::Key { subject: subject.to_owned(), expected: PUBLIC_EXPECTED, found };
        let mut keys = Vec::new();
        let mut rest = text;
        while let Some(label) = label(rest) {
            if keys.len() == MAX_PUBLIC_KEYS {
                return Err(bad(format!("more than {MAX_PUBLIC_KEYS}")));
            }
            if label.ends_with("PRIVATE KEY") {
                return Err(bad("a private key, which is not to be handed to those who verify".to_owned()));
            }
            if label != "PUBLIC KEY" {
                return Err(bad(format!("`BEGIN {}`", clip(label))));
            }
            let block = block(rest).ok_or_else(|| bad("one that is cut short".to_owned()))?;
            let key = VerifyingKey::from_public_key_pem(block)
                .map_err(|_| bad("one that is cut short, of another algorithm, or damaged".to_owned()))?;
            // With such a key one signature is good for many messages.
            if key.is_weak() {
                return Err(bad("a weak key, whose signatures prove nothing".to_owned()));
            }
            keys.push(Self(key));
            rest = &rest[rest.find(block).map_or(rest.len(), |at| at + block.len())..];
        }
        if keys.is_empty() { Err(bad(describe(text))) } else { Ok(keys) }
    }

    /// The key as a file holds it.
    pub fn to_pem(&self) -> String {
        self.0.to_public_key_pem(LineEnding::LF).expect("32 bytes have an SPKI form")
    }

    /// Names the key: the SHA-256 of its SPKI in DER, as `openssl pkey -pubin -outform DER | sha256sum` gives it.
    pub fn id(&self) -> Digest {
        let der = self.0.to_public_key_der().expect("32 bytes have an SPKI form");
        Digest::sha256(&Sha256::digest(der.as_bytes()).into())
    }

    /// Whether this is the key's signature of this message. What is no signature at all is none of it.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else { return false };
        self.0.verify_strict(message, &signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}", self.id())
    }
}

/// Overwrites a secret. `black_box` keeps the writes, which nobody reads, from being left out.
pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    std::hint::black_box(bytes);
}

/// The label of the first block.
pub(crate) fn label(text: &str) -> Option<&str> {
    let start = text.find("-----BEGIN ")? + "-----BEGIN ".len();
    let line = text[start..].lines().next()?;
    line.trim_end().strip_suffix("-----")
}

/// The first block from its first line to its last, without what stands around it.
pub(crate) fn block(text: &str) -> Option<&str> {
    let start = text.find("-----BEGIN ")?;
    let end_line = start + text[start..].find("-----END ")?;
    let end = text[end_line..].find('\n').map_or(text.len(), |at| end_line + at + 1);
    Some(&text[start..end])
}

pub(crate) fn describe(text: &str) -> String {
    let text = text.trim_start();
    let what = if text.is_empty() {
        "nothing"
    } else if text.starts_with("untrusted comment:") {
        "a key of minisign or signify"
    } else if text.starts_with("ssh-") {
        "a key of SSH"
    } else {
        "text without `-----BEGIN`"
    };
    what.to_owned()
}

/// Foreign text, made short enough for an error and free of control characters.
pub(crate) fn clip(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// Source: RFC 8410, 10.3: a private key of version 1, and 10.1: a public key.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    /// The same private key, of version 2, with its public half.
    const PRIVATE_2: &str = "-----BEGIN PRIVATE KEY-----\nMHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\noB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\nZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PRIVATE KEY-----\n";

    #[test]
    fn the_keys_of_the_standard_are_read_and_written() {
        let private = PrivateKey::from_pem(PRIVATE, "rfc").unwrap();
        assert_eq!(private.to_pem().expose(), PRIVATE);
        assert_eq!(private.public().to_pem(), PUBLIC);
        assert_eq!(PublicKey::from_pem(PUBLIC, "rfc").unwrap(), private.public());
        let crlf = PRIVATE.replace('\n', "\r\n");
        assert_eq!(PrivateKey::from_pem(&crlf, "rfc").unwrap().public(), private.public());
        let around = format!("# ours\n{PRIVATE}\nmore\n");
        assert_eq!(PrivateKey::from_pem(&around, "rfc").unwrap().public(), private.public());
        let newer = PrivateKey::from_pem(PRIVATE_2, "rfc").map(|key| key.public());
        assert_eq!(newer.ok(), Some(private.public()));
    }

    /// Source: RFC 8032, 7.1, test 2.
    #[test]
    fn a_published_signature_is_made_and_verified() {
        let seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let key = PrivateKey(SigningKey::from_bytes(&seed.try_into().unwrap()));
        let signature = hex(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        );
        assert_eq!(key.sign(&[0x72]).as_slice(), signature);
        assert!(key.public().verifies(&[0x72], &signature));
        assert!(!key.public().verifies(&[0x73], &signature));
        assert!(!key.public().verifies(&[0x72], &signature[..63]));
        assert!(!key.public().verifies(&[0x72], b""));
        assert!(!PrivateKey::generate().unwrap().public().verifies(&[0x72], &signature));
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn no_print_shows_a_private_key() {
        let key = PrivateKey::generate().unwrap();
        assert_eq!(format!("{key} {key:?} {:?}", key.to_pem()), "[redacted] [redacted] [redacted]");
        assert!(key.public().to_string().starts_with("key sha256:"));
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads best at the many calls")]
    fn check_private(text: &str, expected: Expect) {
        expected
            .assert_eq(&PrivateKey::from_pem(text, "k").map_or_else(|e| e.to_string(), |_| "read".into()));
    }

    #[test]
    fn what_is_no_private_key_is_named() {
        check_private(
            "",
            expect![
                "cannot read key `k`: expected an Ed25519 private key in PEM (PKCS#8, `BEGIN PRIVATE KEY`), found nothing"
            ],
        );
        check_private(
            PUBLIC,
            expect![
                "cannot read key `k`: expected an Ed25519 private key in PEM (PKCS#8, `BEGIN PRIVATE KEY`), found `BEGIN PUBLIC KEY`"
            ],
        );
        check_private(
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
            expect![
                "cannot read key `k`: expected an Ed25519 private key in PEM (PKCS#8, `BEGIN PRIVATE KEY`), found an encrypted key"
            ],
        );
        check_private(
            "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n",
            expect![
                "cannot read key `k`: expected an Ed25519 private key in PEM (PKCS#8, `BEGIN PRIVATE KEY`), found an encrypted key"
            ],
        );
        check_private(
            "-----BEGIN OPENSSH PRIVATE KEY-----\n",
            expect![
                "cannot read key `k`: expected an Ed25519 private key in PEM (PKCS#8, `BEGIN PRIVATE KEY`), found `BEGIN OPENSSH PRIVATE KEY`"
            ],
        );
        check_private(
            "ssh-ed25519 AAAA",
            expect![
                "cannot read key `k`: expected an Ed25519 private key in PEM (PKCS#8, `BEGIN PRIVATE KEY`), found a key of SSH"
            ],
        );
        check_private(
            &PRIVATE[..60],
            expect![
                "cannot read key `k`: expected an Ed25519 private key in PEM (PKCS#8, `BEGIN PRIVATE KEY`), found one that is cut short, of another algorithm, or damaged"
            ],
        );
        check_private(
            &PRIVATE.replace("MC4C", "MC5C"),
            expect![
                "cannot read key `k`: expected an Ed25519 private key in PEM (PKCS#8, `BEGIN PRIVATE KEY`), found one that is cut short, of another algorithm, or damaged"
            ],
        );
        check_private(
            "-----BEGIN ",
            expect![
                "cannot read key `k`: expected an Ed25519 private key in PEM (PKCS#8, `BEGIN PRIVATE KEY`), found text without `-----BEGIN`"
            ],
        );
        let error = PrivateKey::from_pem("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "k").unwrap_err();
        assert!(error.hint().is_some_and(|hint| hint.contains("passphrase")));
    }

    #[test]
    fn several_public_keys_stand_in_one_file() {
        let other = PrivateKey::generate().unwrap().public();
        let text = format!("old\n{PUBLIC}\nnew\n{}{PUBLIC}", other.to_pem());
        let keys = PublicKey::all_from_pem(&text, "k").unwrap();
        assert_eq!((keys.len(), &keys[1]), (3, &other));
        assert!(
            PublicKey::from_pem(&text, "k")
                .unwrap_err()
                .to_string()
                .ends_with("expected one public key, found 3")
        );
        assert!(PublicKey::all_from_pem(PRIVATE, "k").unwrap_err().to_string().contains("a private key"));
        assert!(
            PublicKey::all_from_pem(&PUBLIC.repeat(65), "k")
                .unwrap_err()
                .to_string()
                .contains("more than 64")
        );
        assert!(PublicKey::all_from_pem(&PUBLIC[..50], "k").is_err());
        assert!(PublicKey::all_from_pem(&format!("{PUBLIC}-----BEGIN X-----\n"), "k").is_err());
        // The neutral element: one signature for every message.
        let mut weak = hex("302a300506032b6570032100");
        weak.push(1);
        weak.extend([0; 31]);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode(weak)
        });
        assert!(PublicKey::from_pem(&pem, "k").unwrap_err().to_string().contains("weak"));
    }
}
