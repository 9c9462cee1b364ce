//! The index of a repository: which document speaks of which package.

use plimsoll_model::Purl;
use serde::Deserialize;

use crate::Error;
use crate::open::clip;

/// The most bytes of an index.
pub(super) const MAX_INDEX_BYTES: u64 = 128 << 20;
/// The most packages of an index.
const MAX_PACKAGES: usize = 1_000_000;

/// The packages whose names could be read.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) entries: Vec<Entry>,
}

/// A package, and the path of its document below the repository's root.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: Purl,
    pub(super) location: String,
}

#[derive(Deserialize)]
struct Raw {
    packages: Vec<RawEntry>,
}

#[derive(Deserialize)]
struct RawEntry {
    id: String,
    location: String,
}

impl Index {
    /// Reads an index. A package whose ID is no package URL can be none of ours, and is passed over.
    pub(super) fn parse(bytes: &[u8], url: &str) -> Result<Self, Error> {
        let bad = |expected: &str, found: String| Error::Repository {
            url: url.to_owned(),
            expected: expected.to_owned(),
            found,
        };
        if bytes.is_empty() {
            return Err(bad("`index.json` in its archive", "none".to_owned()));
        }
        // A list would be read as the fields in their order.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(bad("an `index.json` of JSON", "something else".to_owned()));
        }
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| {
            bad("an `index.json` with `packages`, each with `id` and `location`", clip(&error.to_string()))
        })?;
        if raw.packages.len() > MAX_PACKAGES {
            return Err(bad("at most 1,000,000 packages in its index", raw.packages.len().to_string()));
        }
        let entries = raw
            .packages
            .into_iter()
            .filter_map(|package| Some(Entry { id: package.id.parse().ok()?, location: package.location }));
        Ok(Self { entries: entries.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_read_and_what_is_none_refused() {
        let text = r#"{"updated_at": "2025-01-01T00:00:00Z", "packages": [
            {"id": "pkg:npm/%40acme/app", "location": "pkg/npm/acme/vex.json", "format": "csaf"},
            {"id": "no purl", "location": "x.json"}]}"#;
        let index = Index::parse(text.as_bytes(), "u").unwrap();
        assert_eq!(index.entries.len(), 1);
        assert_eq!(index.entries[0].id.namespace, "@acme");
        for text in ["", "[]", "{}", "<html>", r#"{"packages": 1}"#, r#"{"packages": [{"id": "pkg:npm/a"}]}"#]
        {
            assert!(Index::parse(text.as_bytes(), "u").is_err(), "{text}");
        }
    }
}
