//! A promotion in a store: which image went from where to where, when, and why it was let.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::layout::{promotion_key, scan_id};
use crate::{Error, Put, Store};

/// The version of [`Promotion`].
const SCHEMA_VERSION: u32 = 1;

/// An image that was copied because it had passed: the object under `promotions/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Promotion {
    /// Of this document: 1.
    pub schema_version: u32,
    /// When, RFC 3339, UTC, to the second.
    pub promoted_at: String,
    /// Who, as the caller says: a person, a build. May be empty.
    pub promoted_by: String,
    /// The build that promoted it; may be empty.
    pub build: String,
    /// Where it came from: `staging.example/app:1.2`.
    pub source: String,
    /// Where it went: `production.example/app:1.2`.
    pub destination: String,
    /// Its digest, there as here.
    pub digest: String,
    /// What the source led to: the index where one platform of it was taken, else the same.
    pub source_digest: String,
    /// All manifests that went: the index and its images, or the image alone.
    pub manifests: Vec<String>,
    /// What the tag led to before; empty where that was nothing, or the same.
    pub replaced: String,
    /// Why it was let.
    pub passed: Passed,
}

/// Who said that an image passed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Passed {
    /// Who: a key and where its statement lies, or a verdict in a store.
    pub said_by: String,
    /// Of which manifest.
    pub digest: String,
    /// When it was scanned, RFC 3339.
    pub scanned_at: String,
    /// The advisory database that was asked; may be empty.
    pub database_digest: String,
    /// The digest of the policy; may be empty.
    pub policy_digest: String,
    /// What was asked of the gate.
    pub rules: Vec<String>,
    /// The build that scanned it; may be empty.
    pub build: String,
}

impl Promotion {
    /// Writes it down, and gives its key. The same promotion in the same second is one.
    ///
    /// # Errors
    /// What the store says.
    pub async fn put(&self, store: &Store, time: Timestamp) -> Result<String, Error> {
        let second = Timestamp::from_second(time.as_second()).unwrap_or(time);
        let document =
            Self { schema_version: SCHEMA_VERSION, promoted_at: second.to_string(), ..self.clone() };
        let bytes = serde_json::to_vec_pretty(&document).unwrap_or_default();
        let id = scan_id(time, &crate::layout::hex_digest(&bytes));
        let key = promotion_key(&self.digest, time, &id);
        match store.put(&key, Bytes::from(bytes), Put::IfAbsent).await {
            Err(error) if !error.is_conflict() => Err(error),
            _ => Ok(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Location, Options};

    #[test]
    fn a_promotion_is_written_once() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let store =
                Store::open_with(&Location::parse("memory:///").unwrap(), &Options::default()).unwrap();
            let promotion = Promotion {
                digest: format!("sha256:{}", "4f".repeat(32)),
                source: "s.example/app:1".to_owned(),
                ..Promotion::default()
            };
            let time: Timestamp = "2026-11-22T16:44:04.5Z".parse().unwrap();
            let key = promotion.put(&store, time).await.unwrap();
            assert!(key.starts_with(&format!("promotions/{}/20261122T164404Z-", "4f".repeat(32))), "{key}");
            assert_eq!(promotion.put(&store, time).await.unwrap(), key);
            let read: Promotion = serde_json::from_slice(&store.get(&key, 1 << 20).await.unwrap()).unwrap();
            assert_eq!((read.promoted_at.as_str(), read.schema_version), ("2026-11-22T16:44:04Z", 1));
            assert_eq!(read.source, promotion.source);
        });
    }
}
