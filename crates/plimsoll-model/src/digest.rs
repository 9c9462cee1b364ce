//! Digests, and the three things of an image that are named by one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A digest, written `algorithm:hex`, as in `sha256:4f1a…`. Algorithms: `sha256` (64 hex digits) and `sha512`
/// (128), lower case.
///
/// Source: OCI image-spec 1.1.0, `descriptor.md`, "Digests".
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// The SHA-256 digest with these 32 bytes.
    pub fn sha256(bytes: &[u8; 32]) -> Self {
        use fmt::Write as _;
        let mut text = String::with_capacity(71);
        text.push_str("sha256:");
        for byte in bytes {
            write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        }
        Self(text)
    }

    /// The whole text, `sha256:4f1a…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the colon: `sha256`.
    pub fn algorithm(&self) -> &str {
        self.0.split_once(':').expect("a digest has a colon: checked when it was made").0
    }

    /// The part after the colon.
    pub fn hex(&self) -> &str {
        self.0.split_once(':').expect("a digest has a colon: checked when it was made").1
    }
}

/// A text that is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot read digest `{text}`: expected `sha256:` and 64, or `sha512:` and 128, lower-case hex digits"
)]
pub struct InvalidDigest {
    /// The text, as given.
    pub text: String,
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let bad = || InvalidDigest { text: text.chars().take(200).collect() };
        let (algorithm, hex) = text.split_once(':').ok_or_else(bad)?;
        let length = match algorithm {
            "sha256" => 64,
            "sha512" => 128,
            _ => return Err(bad()),
        };
        let is_hex = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if hex.len() == length && is_hex { Ok(Self(text.to_owned())) } else { Err(bad()) }
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! named_by_digest {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub Digest);

        impl $name {
            /// The whole text, `sha256:4f1a…`.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl FromStr for $name {
            type Err = InvalidDigest;

            fn from_str(text: &str) -> Result<Self, InvalidDigest> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

named_by_digest! {
    /// Digest of a layer's *uncompressed* tar. The image config lists diff IDs from the base layer up.
    ///
    /// Not the digest the registry serves the layer under: that is of the compressed bytes, a [`LayerDigest`].
    ///
    /// Source: OCI image-spec 1.1.0, `config.md`, `rootfs.diff_ids`.
    DiffId
}

named_by_digest! {
    /// Digest of a layer as it is stored and served: of the compressed bytes where it is compressed.
    ///
    /// Source: OCI image-spec 1.1.0, `manifest.md`, `layers`.
    LayerDigest
}

named_by_digest! {
    /// Digest of a stack of layers, from the base up to one of them.
    ///
    /// Source: OCI image-spec 1.1.0, `config.md`, "Layer `ChainID`".
    ChainId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_an_algorithm_and_lower_case_hex_of_its_length() {
        let good = format!("sha256:{}", "0f".repeat(32));
        assert_eq!(good.parse::<Digest>().unwrap().hex(), "0f".repeat(32));
        for bad in
            ["", "sha256", "sha256:", "md5:00", &format!("sha256:{}", "0F".repeat(32)), "sha256:../../etc"]
        {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
