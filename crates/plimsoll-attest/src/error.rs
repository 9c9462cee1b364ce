//! Why a key, a claim or a signature cannot be used.

use std::io;
use std::path::PathBuf;

/// Why a key, a claim or a signature cannot be used. [`Error::hint`] says what may help.
///
/// No text of it holds a part of a private key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system gives no random numbers.
    #[error("cannot make a key: expected random bytes of the system, found none")]
    Random {
        /// What the system says.
        source: io::Error,
    },
    /// A file of keys that cannot be read.
    #[error("cannot read key `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file of keys that cannot be written. It is never written over.
    #[error("cannot write key `{}`: expected a file that does not exist yet, in a folder that does", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A text that is no key of the kind that is read.
    #[error("cannot read key `{subject}`: expected {expected}, found {found}")]
    Key {
        /// The file.
        subject: String,
        /// What is read.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// Bytes that are no claim.
    #[error("cannot read a signed claim: expected {expected}, found {found}")]
    Claim {
        /// What a claim has.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// Bytes that are no manifest of signatures.
    #[error("cannot read the signatures of `{subject}`: expected {expected}, found {found}")]
    Signatures {
        /// What is signed.
        subject: String,
        /// What such a manifest has.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// Bytes that are a signed envelope, and cannot be read.
    #[error("cannot read the signed envelope `{subject}`: expected {expected}, found {found}")]
    Envelope {
        /// What the caller called it.
        subject: String,
        /// What an envelope has.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// Bytes that are no statement, or one of another kind.
    #[error("cannot read the statement `{subject}`: expected {expected}, found {found}")]
    Statement {
        /// What the caller called it.
        subject: String,
        /// What a statement has.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// No signature of a trusted key.
    #[error("cannot trust `{subject}`: expected a signature by {trusted} of `{digest}`, found {found}")]
    Untrusted {
        /// What is signed.
        subject: String,
        /// The digest of its manifest.
        digest: String,
        /// The keys that are trusted.
        trusted: String,
        /// What there is instead.
        found: String,
    },
}

impl Error {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Key { found, .. } if found == super::cosign_key::NO_PASSWORD => {
                Some("give its password in the variable COSIGN_PASSWORD")
            }
            Self::Key { found, .. } if found == super::key::ENCRYPTED => Some(
                "take its passphrase off with `openssl pkey -in KEY -out PLAIN`, and keep that file where the secrets of the build are kept",
            ),
            Self::Key { expected, .. } if expected.contains("private") && expected.contains("P-256") => Some(
                "`plimsoll db keygen` makes one, and so do `cosign generate-key-pair` and `openssl genpkey -algorithm ed25519`",
            ),
            Self::Key { expected, .. } if expected.contains("P-256") => {
                Some("`cosign generate-key-pair` makes such a pair, and `openssl genpkey -algorithm ed25519`")
            }
            Self::Key { .. } => Some(
                "make one with `openssl genpkey -algorithm ed25519`; its public half with `openssl pkey -pubout`",
            ),
            Self::Untrusted { found, .. } if found == super::trust::NONE => Some(
                "whoever publishes it has not signed it; sign it when it is pushed or exported, with `--key FILE`",
            ),
            Self::Untrusted { .. } => Some(
                "the public key may be of another publisher, or have been replaced by a newer one; nothing was changed here",
            ),
            _ => None,
        }
    }
}
