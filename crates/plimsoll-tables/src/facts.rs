//! A scan, and what rows of it must know besides: when it was, and under which names it is stored.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::OnceLock;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use plimsoll_model::{ArtifactKind, Inventory, Package, Scan};
use plimsoll_report::{StoredScan, Writer};
use plimsoll_store::Subject;
use sha2::{Digest as _, Sha256};

/// A scan as its rows are made from it.
#[derive(Clone, Debug)]
pub struct ScanFacts<'a> {
    /// What was found.
    pub scan: &'a Scan,
    /// Milliseconds of UTC since 1970.
    pub scanned_at: i64,
    /// 32 hex digits.
    pub scan_id: &'a str,
    /// The report's place in the store, or the file it was read from.
    pub report_key: &'a str,
    /// `plimsoll` or `trivy`.
    pub tool: &'a str,
    /// Its version; may be empty.
    pub tool_version: &'a str,
    digest: OnceLock<String>,
    names: OnceLock<Names>,
}

/// Of an image; empty where there is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) registry: String,
    pub(crate) repository: String,
    pub(crate) tag: String,
}

impl<'a> ScanFacts<'a> {
    /// A scan of our own.
    pub fn new(
        scan: &'a Scan,
        scanned_at: i64,
        scan_id: &'a str,
        report_key: &'a str,
        tool_version: &'a str,
    ) -> Self {
        Self {
            scan,
            scanned_at,
            scan_id,
            report_key,
            tool: "plimsoll",
            tool_version,
            digest: OnceLock::new(),
            names: OnceLock::new(),
        }
    }

    /// A scan that was read from a report.
    pub fn of_report(stored: &'a StoredScan, scanned_at: i64, scan_id: &'a str, report_key: &'a str) -> Self {
        let tool = match stored.writer {
            Writer::Plimsoll => "plimsoll",
            Writer::Trivy => "trivy",
        };
        Self { tool, ..Self::new(&stored.scan, scanned_at, scan_id, report_key, &stored.version) }
    }

    /// The same, where the digest of the inventory is known: else it is computed when a column asks for it.
    #[must_use]
    pub fn with_inventory_digest(mut self, digest: String) -> Self {
        self.digest = OnceLock::from(digest);
        self
    }

    /// Digest of [`inventory_document`], `sha256:…`.
    pub fn inventory_digest(&self) -> &str {
        self.digest.get_or_init(|| document_digest(&inventory_document(&self.scan.inventory)))
    }

    /// Digest of the manifest, else of the config, else of the inventory.
    pub fn image_digest(&self) -> &str {
        let artifact = &self.scan.inventory.artifact;
        [&artifact.manifest_digest, &artifact.config_digest]
            .into_iter()
            .find(|digest| !digest.is_empty())
            .map_or_else(|| self.inventory_digest(), String::as_str)
    }

    /// The day of the scan (UTC), `2026-11-22`: the partition that its rows stand in.
    pub fn day(&self) -> String {
        day(self.scanned_at)
    }

    /// Registry, repository and tag; of what is no image, none.
    pub(crate) fn names(&self) -> &Names {
        self.names.get_or_init(|| {
            let artifact = &self.scan.inventory.artifact;
            if artifact.kind != ArtifactKind::ContainerImage {
                return Names::default();
            }
            let Subject { registry, repository, tag, .. } = Subject::of(&artifact.name, &artifact.repo_tags);
            let text = Option::unwrap_or_default;
            Names { registry: text(registry), repository: text(repository), tag: text(tag) }
        })
    }
}

/// The inventory as it is stored under its digest: JSON, without blanks.
pub fn inventory_document(inventory: &Inventory) -> Vec<u8> {
    serde_json::to_vec(inventory).expect("an inventory has text keys only, and is written to memory")
}

/// SHA-256 of a document, `sha256:…`.
pub fn document_digest(document: &[u8]) -> String {
    hex("sha256:", &Sha256::digest(document))
}

/// `prefix` and the bytes in hex.
pub(crate) fn hex(prefix: &str, bytes: &[u8]) -> String {
    bytes.iter().fold(prefix.to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The day (UTC) of an instant in milliseconds: `2026-11-22`. What lies outside of the calendar is its first day.
pub fn day(milliseconds: i64) -> String {
    let instant = jiff::Timestamp::from_millisecond(milliseconds).unwrap_or(jiff::Timestamp::MIN);
    instant.to_zoned(TimeZone::UTC).date().to_string()
}

/// `20261122T164404Z`, as names of objects have it.
pub(crate) fn compact_time(milliseconds: i64) -> String {
    let instant = jiff::Timestamp::from_millisecond(milliseconds).unwrap_or(jiff::Timestamp::MIN);
    let time = instant.to_zoned(TimeZone::UTC).datetime();
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// Milliseconds of an RFC 3339 time, of one without a zone (UTC), or of a day. `None` for anything else.
pub fn instant(text: &str) -> Option<i64> {
    if text.is_empty() {
        return None;
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant.as_millisecond());
    }
    let time = match text.parse::<DateTime>() {
        Ok(time) => time,
        Err(_) => text.parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight()),
    };
    time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_millisecond())
}

/// The file, and the path inside it.
pub(crate) fn place(package: &Package) -> Cow<'_, str> {
    match &package.inner_path {
        Some(inner) => Cow::Owned(format!("{}/{inner}", package.path)),
        None => Cow::Borrowed(&package.path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_every_spelling_that_sources_have() {
        for (text, expected) in [
            ("2021-12-10T10:15:09Z", Some(1_639_131_309_000)),
            ("2021-12-10T10:15:09.143Z", Some(1_639_131_309_143)),
            ("2021-12-10T11:15:09+01:00", Some(1_639_131_309_000)),
            ("2021-12-10T10:15:09", Some(1_639_131_309_000)),
            ("2021-12-10", Some(1_639_094_400_000)),
            ("", None),
            ("yesterday", None),
            ("2021-13-10", None),
            ("99999999-01-01T00:00:00Z", None),
        ] {
            assert_eq!(instant(text), expected, "{text}");
        }
        assert_eq!(day(1_639_131_309_000), "2021-12-10");
        assert_eq!(compact_time(1_639_131_309_000), "20211210T101509Z");
        assert_eq!(day(-1), "1969-12-31");
        let _ = (day(i64::MIN), compact_time(i64::MAX));
    }
}
