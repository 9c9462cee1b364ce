//! Signed statements about a digest: keys, signatures, and whom to trust.
//!
//! A [`PrivateKey`] signs a [`Claim`], which names the digest of a manifest; [`SignatureImage`] is how a registry or a
//! layout keeps the signatures beside what they speak of. [`Trust`] says which keys are believed. Keys are Ed25519, in
//! the PEM files that `openssl genpkey -algorithm ed25519` writes; claims have the layout that cosign calls simple
//! signing, so that `cosign verify --key` and `openssl pkeyutl -verify -rawin` check them as well.
//!
//! An [`Envelope`] holds attestations: [`Statement`]s, which bind what they say to digests. A [`ScanRecord`] is what an
//! attestation of a scan says of the gate. A [`SigningKey`] signs envelopes and a [`VerifyingKey`] checks them; both may be
//! ECDSA over P-256 as well, which cosign makes.
//!
//! It fetches nothing, keeps no passphrases, asks no transparency log, and knows no other kind of key.
//!
//! ```
//! use plimsoll_attest::{Claim, PrivateKey, Trust, Verified};
//!
//! let key = PrivateKey::generate()?;
//! let digest = format!("sha256:{}", "4f".repeat(32)).parse().expect("a digest");
//! let signed = Claim::new("registry.example/db", digest).sign(&key);
//! let trust = Trust::keys(vec![key.public()]);
//! let digest = format!("sha256:{}", "4f".repeat(32)).parse().expect("a digest");
//! assert!(matches!(trust.check(&digest, "registry.example/db", &[signed])?, Verified::By { .. }));
//! # Ok::<(), plimsoll_attest::Error>(())
//! ```

mod claim;
mod cosign_key;
mod envelope;
mod error;
mod key;
mod key_file;
mod scan_record;
mod signature_image;
mod signing_key;
mod statement;
mod trust;
mod verifying_key;

pub use claim::{Claim, MAX_CLAIM_BYTES, SignedClaim};
pub use envelope::{ENVELOPE_MEDIA_TYPE, Envelope, MAX_ENVELOPE_BYTES};
pub use error::Error;
pub use key::{PrivateKey, PrivatePem, PublicKey, SIGNATURE_BYTES};
pub use key_file::{PrivateKeyFile, read_private_key, read_public_keys, write_key_pair};
pub use scan_record::{ScanRecord, VULN_PREDICATE_TYPE};
pub use signature_image::{
    CLAIM_MEDIA_TYPE, MAX_SIGNATURES, SIGNATURE_ANNOTATION, SignatureImage, SignatureLayer, signature_tag,
};
pub use signing_key::{SigningKey, SigningKeyFile, read_signing_key};
pub use statement::{STATEMENT_PAYLOAD_TYPE, Statement, StatementSubject};
pub use trust::{Trust, Verified};
pub use verifying_key::{VerifyingKey, read_verifying_keys};

/// Gives foreign bytes to every parser of this crate, for fuzzing: none may panic or take without end.
#[doc(hidden)]
pub fn fuzz_parsers(bytes: &[u8]) {
    let _ = Claim::parse(bytes);
    let _ = Envelope::find(bytes, "fuzz");
    let _ = SignatureImage::layers_of(bytes, "fuzz");
    let _ = Statement::parse(bytes, "fuzz");
    let _ = ScanRecord::parse(bytes, "fuzz");
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = PrivateKey::from_pem(text, "fuzz");
        let _ = PublicKey::all_from_pem(text, "fuzz");
        let _ = VerifyingKey::all_from_pem(text, "fuzz");
        let _ = SigningKey::from_pem(text, "fuzz", None);
    }
}
