//! Digests, computed and compared.

use plimsoll_model::Digest;
use sha2::{Digest as _, Sha256, Sha512};

use crate::Error;

/// A digest in the making, of the algorithm of the one that is expected.
#[derive(Clone)]
pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha512(Box<Sha512>),
}

impl Hasher {
    pub(crate) fn like(expected: &Digest) -> Self {
        match expected.algorithm() {
            "sha512" => Self::Sha512(Box::default()),
            // `Digest` admits two algorithms only.
            _ => Self::Sha256(Sha256::new()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Digest {
        let (algorithm, bytes) = match self {
            Self::Sha256(hasher) => ("sha256", hasher.finalize().to_vec()),
            Self::Sha512(hasher) => ("sha512", hasher.finalize().to_vec()),
        };
        let mut text = format!("{algorithm}:");
        for byte in bytes {
            text.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
            text.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
        }
        text.parse().expect("an algorithm and the hex digits of its length are a digest")
    }
}

/// The SHA-256 digest of bytes that are at hand.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::Sha256(Sha256::new());
    hasher.update(bytes);
    hasher.finish()
}

/// Compares bytes with the digest they were asked by; `what` names them, as in `manifest`.
pub(crate) fn check(bytes: &[u8], expected: &Digest, what: &'static str) -> Result<(), Error> {
    let mut hasher = Hasher::like(expected);
    hasher.update(bytes);
    let found = hasher.finish();
    if found == *expected {
        Ok(())
    } else {
        Err(Error::Digest { what, expected: expected.to_string(), found: found.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_compared_in_their_own_algorithm() {
        let empty_256 = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let empty_512 = "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";
        assert_eq!(sha256(b"").as_str(), empty_256);
        for digest in [empty_256, empty_512] {
            assert!(check(b"", &digest.parse().unwrap(), "blob").is_ok());
            let error = check(b"x", &digest.parse().unwrap(), "blob").unwrap_err();
            assert!(error.to_string().contains(digest), "{error}");
        }
    }
}
