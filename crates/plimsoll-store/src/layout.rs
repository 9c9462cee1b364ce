//! Where results lie in a store: keys made and read.
//!
//! ```text
//! reports/<registry>/<repository…>/<tag, or 12 digits of the digest, or _>/<time>-<scan_id>.json
//! inventories/sha256/<digest>.json
//! verdicts/<digest of the image>/<time>-<scan_id>.json
//! promotions/<digest of the image>/<time>-<id>.json
//! tables/…                                     of `plimsoll-tables`
//! ```

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

use crate::Subject;
use crate::retention::matches;

/// The folder of reports.
pub const REPORTS: &str = "reports";
/// The folder of inventories.
pub const INVENTORIES: &str = "inventories";
/// The folder of verdicts.
pub const VERDICTS: &str = "verdicts";
/// The folder of promotions.
pub const PROMOTIONS: &str = "promotions";
/// The folder of tables.
pub const TABLES: &str = "tables";
/// What stands where there is nothing to stand.
const NOTHING: &str = "_";
/// The longest part that is made of a name, in bytes; what is longer is cut and ends with its hash.
const MAX_PART_BYTES: usize = 128;
/// Hex digits of that hash.
const HASH_DIGITS: usize = 16;
/// Hex digits of a scan's ID.
const SCAN_ID_DIGITS: usize = 32;
/// Hex digits of an image's digest that stand for a tag.
const SHORT_DIGITS: usize = 12;
/// How an instant is written in keys: UTC, to the second; sorts as text.
const TIME: &str = "%Y%m%dT%H%M%SZ";

/// An instant as it stands in keys: `20261122T164404Z`.
pub fn time_text(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime(TIME).to_string()
}

/// The instant of such a text.
pub fn time_of(text: &str) -> Option<Timestamp> {
    let civil = jiff::civil::DateTime::strptime(TIME, text).ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The day of an instant, UTC: `2026-11-22`.
pub fn date_text(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).date().to_string()
}

/// SHA-256 of bytes, as hex digits.
pub fn hex_digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The ID of a scan, 32 hex digits: of its time, to the second, and of its report's digest (hex). The same report stored
/// again is the same scan.
pub fn scan_id(time: Timestamp, report_digest: &str) -> String {
    let mut id = hex_digest(format!("{}\0{report_digest}", time_text(time)).as_bytes());
    id.truncate(SCAN_ID_DIGITS);
    id
}

/// The key of a report.
pub fn report_key(subject: &Subject, time: Timestamp, scan_id: &str) -> String {
    format!("{}/{}-{scan_id}.json", report_folder(subject), time_text(time))
}

/// The folder of the reports of one image under one tag.
pub fn report_folder(subject: &Subject) -> String {
    let tag = match (&subject.tag, &subject.digest) {
        (Some(tag), _) => part(tag),
        (None, Some(digest)) => hex_of(digest).chars().take(SHORT_DIGITS).collect(),
        (None, None) => NOTHING.to_owned(),
    };
    format!("{REPORTS}/{}/{tag}", repository_folder(subject))
}

/// Registry and repository, or what stands for them: `registry.example=3a5000/team/app`.
fn repository_folder(subject: &Subject) -> String {
    let registry = subject.registry.as_deref().map_or_else(|| NOTHING.to_owned(), part);
    let repository = match &subject.repository {
        Some(repository) => repository.split('/').map(part).collect::<Vec<_>>().join("/"),
        None => part(&subject.name),
    };
    format!("{registry}/{repository}")
}

/// The key of an inventory, by its digest (`sha256:` or hex alone).
pub fn inventory_key(digest: &str) -> String {
    format!("{INVENTORIES}/sha256/{}.json", hex_of(digest))
}

/// The digest, hex, of an inventory's key.
pub fn inventory_of(key: &str) -> Option<&str> {
    key.strip_prefix("inventories/sha256/")?.strip_suffix(".json")
}

/// The key of a verdict, by the digest of the image.
pub fn verdict_key(image_digest: &str, time: Timestamp, scan_id: &str) -> String {
    format!("{VERDICTS}/{}/{}-{scan_id}.json", hex_of(image_digest), time_text(time))
}

/// The key of a promotion, by the digest of the image.
pub fn promotion_key(image_digest: &str, time: Timestamp, id: &str) -> String {
    format!("{PROMOTIONS}/{}/{}-{id}.json", hex_of(image_digest), time_text(time))
}

/// What the key of a report says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReportKey {
    /// The registry; `_` for what is no image.
    pub registry: String,
    /// The repository.
    pub repository: String,
    /// The tag, or the beginning of the digest, or `_`.
    pub tag: String,
    /// When it was scanned.
    pub time: Timestamp,
    /// Which scan.
    pub scan_id: String,
}

impl ReportKey {
    /// Reads a key; `None` for one that is not of a report.
    pub fn parse(key: &str) -> Option<Self> {
        let mut parts: Vec<&str> = key.strip_prefix("reports/")?.split('/').collect();
        let (time, scan_id) = scan_of(parts.pop()?)?;
        if parts.len() < 3 {
            return None;
        }
        let tag = name_of(parts.pop()?);
        let registry = name_of(parts.remove(0));
        let repository = parts.into_iter().map(name_of).collect::<Vec<_>>().join("/");
        Some(Self { registry, repository, tag, time, scan_id: scan_id.to_owned() })
    }

    /// Whether it is of a repository: its name, with or without its registry, fits a pattern with `*` and `?`.
    pub fn is_of(&self, pattern: &str) -> bool {
        matches(pattern, &self.image()) || matches(pattern, &self.repository)
    }

    /// Registry and repository: `registry.example/team/app`; without `_`, what was scanned.
    pub fn image(&self) -> String {
        if self.registry == NOTHING {
            self.repository.clone()
        } else {
            format!("{}/{}", self.registry, self.repository)
        }
    }
}

/// Time and ID of a scan, of a name `<time>-<scan_id>.json`.
pub fn scan_of(name: &str) -> Option<(Timestamp, &str)> {
    let (time, id) = name.strip_suffix(".json")?.split_once('-')?;
    let is_id = id.len() == SCAN_ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then_some(())?;
    Some((time_of(time)?, id))
}

/// A digest without its algorithm.
fn hex_of(digest: &str) -> String {
    part(digest.split_once(':').map_or(digest, |(_, hex)| hex))
}

/// A name as one part of a key: letters, digits, `.`, `-` and `_` stay, each other byte is `=` and two hex digits. No two
/// names give the same.
fn part(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    // These stand for nothing, for here and for above.
    let is_reserved = matches!(name, NOTHING | "." | "..");
    for byte in name.bytes() {
        if !is_reserved && (byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "={byte:02x}");
        }
    }
    if text.is_empty() {
        return NOTHING.to_owned();
    }
    if text.len() > MAX_PART_BYTES {
        let hash = hex_digest(name.as_bytes());
        text.truncate(MAX_PART_BYTES - HASH_DIGITS - 2);
        text.push_str("==");
        text.push_str(&hash[..HASH_DIGITS]);
    }
    text
}

/// The name of a part; one that was cut stays as it is.
fn name_of(part: &str) -> String {
    let decoded = || {
        let mut bytes = Vec::with_capacity(part.len());
        let mut rest = part.as_bytes();
        while let Some((&first, behind)) = rest.split_first() {
            rest = behind;
            if first == b'=' {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &rest[2..];
            } else {
                bytes.push(first);
            }
        }
        String::from_utf8(bytes).ok()
    };
    decoded().unwrap_or_else(|| part.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(registry: Option<&str>, repository: Option<&str>, tag: Option<&str>) -> Subject {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Subject {
            name: "dir:/srv/app".to_owned(),
            registry: owned(registry),
            repository: owned(repository),
            tag: owned(tag),
            digest: Some(format!("sha256:{}", "4f1a".repeat(16))),
            platform: None,
        }
    }

    #[test]
    fn keys_say_what_they_are_of() {
        let time: Timestamp = "2026-11-22T16:44:04.5Z".parse().unwrap();
        let id = scan_id(time, "abc");
        assert_eq!(id.len(), 32);
        assert_eq!(id, scan_id("2026-11-22T16:44:04Z".parse().unwrap(), "abc"));
        for (subject, folder, registry, repository, tag) in [
            (
                subject(Some("localhost:5000"), Some("team/app"), Some("1.2")),
                "reports/localhost=3a5000/team/app/1.2",
                "localhost:5000",
                "team/app",
                "1.2",
            ),
            (
                subject(Some("docker.io"), Some("library/app"), None),
                "reports/docker.io/library/app/4f1a4f1a4f1a",
                "docker.io",
                "library/app",
                "4f1a4f1a4f1a",
            ),
            (subject(None, None, Some("_")), "reports/_/dir=3a=2fsrv=2fapp/=5f", "_", "dir:/srv/app", "_"),
            (
                subject(Some("r"), Some("../../etc"), Some("..")),
                "reports/r/=2e=2e/=2e=2e/etc/=2e=2e",
                "r",
                "../../etc",
                "..",
            ),
        ] {
            let key = report_key(&subject, time, &id);
            assert_eq!(key, format!("{folder}/20261122T164404Z-{id}.json"));
            let read = ReportKey::parse(&key).unwrap();
            assert_eq!(
                (read.registry.as_str(), read.repository.as_str(), read.tag.as_str()),
                (registry, repository, tag)
            );
            assert_eq!((time_text(read.time), read.scan_id), ("20261122T164404Z".to_owned(), id.clone()));
            crate::key::check(&key, true).unwrap();
        }
        let digest = format!("sha256:{}", "ab".repeat(32));
        assert_eq!(inventory_of(&inventory_key(&digest)), Some("ab".repeat(32).as_str()));
        assert_eq!(
            verdict_key("sha256:../x", time, &id),
            format!("verdicts/..=2fx/20261122T164404Z-{id}.json")
        );
    }

    #[test]
    fn what_is_no_report_is_none() {
        for key in [
            "",
            "reports/",
            "reports/a/b/c/20261122T164404Z.json",
            "reports/a/b/20261122T164404Z-00000000000000000000000000000000.json",
            "reports/a/b/c/20261322T164404Z-00000000000000000000000000000000.json",
            "reports/a/b/c/20261122T164404Z-0000000000000000000000000000000g.json",
            "verdicts/a/b/c/20261122T164404Z-00000000000000000000000000000000.json",
        ] {
            assert_eq!(ReportKey::parse(key), None, "{key}");
        }
    }

    #[test]
    fn long_names_stay_different() {
        let (one, other) = ("x".repeat(400) + "1", "x".repeat(400) + "2");
        assert_ne!(part(&one), part(&other));
        assert!(part(&one).len() <= MAX_PART_BYTES && part(&"ü".repeat(300)).len() <= MAX_PART_BYTES);
    }
}
