//! The manifest of a repository: where its archive lies, and how often it is made anew.

use std::collections::BTreeMap;
use std::time::Duration;

use plimsoll_archive::normalize;
use serde::Deserialize;

use crate::Error;
use crate::open::clip;

/// The most bytes of a manifest.
pub(super) const MAX_MANIFEST_BYTES: u64 = 1 << 20;
/// The version of the specification that is read. Before 1.0 each may break the one before it.
const SPEC_VERSION: &str = "0.1";
/// The most addresses of an archive that are tried.
const MAX_LOCATIONS: usize = 16;
/// How often a repository is asked that does not say.
const DEFAULT_INTERVAL: Duration = Duration::from_hours(24);
/// How often it is asked at most, and at least.
const INTERVALS: (Duration, Duration) = (Duration::from_hours(1), Duration::from_hours(24 * 30));

/// What of it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Addresses of the archive, the first that answers is taken. May be relative to the manifest's.
    pub(super) locations: Vec<Location>,
    /// How long an archive is taken for new.
    pub(super) interval: Duration,
}

/// An address of the archive, and the folder in it that is the repository's root; empty for the archive's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) url: String,
    pub(super) subfolder: String,
}

#[derive(Deserialize)]
struct Raw {
    versions: Versions,
}

/// A list in the manifests there are, a map from `v0` in the first text of the specification.
#[derive(Deserialize)]
#[serde(untagged)]
enum Versions {
    List(Vec<Version>),
    Map(BTreeMap<String, Version>),
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "spec_version")]
    specification: String,
    #[serde(default)]
    locations: Vec<RawLocation>,
    #[serde(default)]
    update_interval: String,
}

#[derive(Deserialize)]
struct RawLocation {
    url: String,
}

impl Manifest {
    pub(super) fn parse(bytes: &[u8], url: &str) -> Result<Self, Error> {
        let bad = |expected: &str, found: String| Error::Repository {
            url: url.to_owned(),
            expected: expected.to_owned(),
            found,
        };
        // A list would be read as the fields in their order.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            let found =
                if bytes.trim_ascii_start().starts_with(b"<") { "a web page" } else { "something else" };
            return Err(bad("a manifest (JSON)", found.to_owned()));
        }
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| {
            bad(
                "a manifest with `versions`, each with `spec_version` and `locations`",
                clip(&error.to_string()),
            )
        })?;
        let versions: Vec<Version> = match raw.versions {
            Versions::List(list) => list,
            Versions::Map(map) => map.into_values().collect(),
        };
        let known: Vec<String> = versions.iter().map(|version| clip(&version.specification)).collect();
        let version = versions
            .into_iter()
            .find(|version| version.specification.trim_start_matches('v') == SPEC_VERSION)
            .ok_or_else(|| {
                let found = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                bad("version 0.1 of the specification", found)
            })?;
        if version.locations.is_empty() || version.locations.len() > MAX_LOCATIONS {
            return Err(bad("one to 16 `locations`", version.locations.len().to_string()));
        }
        let (least, most) = INTERVALS;
        let interval = duration(&version.update_interval).unwrap_or(DEFAULT_INTERVAL).clamp(least, most);
        let locations = version.locations.into_iter().map(|location| Location::of(&location.url)).collect();
        Ok(Self { locations, interval })
    }
}

impl Location {
    /// `https://vex.example/main.tar.gz//vex-main`: behind a second `//` stands a folder of the archive.
    fn of(url: &str) -> Self {
        let start = url.find("://").map_or(0, |at| at + 3);
        match url[start..].find("//") {
            Some(at) => {
                let (url, subfolder) = (&url[..start + at], &url[start + at + 2..]);
                let subfolder = subfolder.split('?').next().unwrap_or_default();
                Self { url: url.to_owned(), subfolder: subfolder.trim_matches('/').to_owned() }
            }
            None => Self { url: url.to_owned(), subfolder: String::new() },
        }
    }
}

/// A path in the archive, below a folder of it; `None` where it leads out of that folder.
pub(super) fn inside(folder: &str, path: &str) -> Option<String> {
    // An absolute path is one of the archive, not of this machine; it is taken as it stands below the folder.
    let path = normalize(path).filter(|path| !path.is_empty())?;
    let folder = normalize(folder)?;
    Some(if folder.is_empty() { path } else { format!("{folder}/{path}") })
}

/// Go's form of a span of time, of whole hours, minutes and seconds: `24h`, `1h30m`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds: u64 = 0;
    for (unit, factor) in [('h', 3600), ('m', 60), ('s', 1)] {
        if let Some((number, behind)) = rest.split_once(unit) {
            seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
            rest = behind;
        }
    }
    (rest.is_empty() && !text.is_empty()).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: &str = r#"{"spec_version": "0.1", "locations": [{"url": "https://vex.example/main.tar.gz//vex-main"}],
        "update_interval": "4h"}"#;

    #[test]
    fn both_forms_are_read() {
        let version = VERSION.replace("\"0.1\"", "\"v0.1\"");
        for versions in [format!("[{VERSION}]"), format!("{{\"v0\": {version}}}")] {
            let text = format!(r#"{{"name": "a", "description": "b", "versions": {versions}}}"#);
            let found = Manifest::parse(text.as_bytes(), "u").unwrap();
            assert_eq!(found.locations[0].url, "https://vex.example/main.tar.gz");
            assert_eq!(found.locations[0].subfolder, "vex-main");
            assert_eq!(found.interval, Duration::from_hours(4));
        }
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        for text in [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"versions": 1}"#,
            r#"{"versions": []}"#,
            r#"{"versions": [{"spec_version": "1.0", "locations": [{"url": "x"}]}]}"#,
            r#"{"versions": [{"spec_version": "0.1", "locations": []}]}"#,
            r#"{"versions": [{"spec_version": "0.1", "locations": [1]}]}"#,
            &format!("{{\"versions\": {}", "[".repeat(100_000)),
        ] {
            let error = Manifest::parse(text.as_bytes(), "u").unwrap_err().to_string();
            assert!(error.starts_with("cannot read VEX repository `u`: expected "), "{error}");
        }
    }

    #[test]
    fn spans_of_time_are_those_of_go() {
        for (text, expected) in [
            ("24h", Some(86_400)),
            ("1h30m", Some(5400)),
            ("90s", Some(90)),
            ("", None),
            ("1d", None),
            ("99999999999999999999h", None),
            ("18446744073709551615h", None),
        ] {
            assert_eq!(duration(text), expected.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn paths_stay_in_the_archive() {
        for (folder, path, expected) in [
            ("", "index.json", Some("index.json")),
            ("vex-main", "pkg/a/vex.json", Some("vex-main/pkg/a/vex.json")),
            ("vex-main", "../index.json", None),
            ("..", "index.json", None),
            ("", "a/../../b", None),
            ("", "/etc/passwd", Some("etc/passwd")),
            ("", "", None),
        ] {
            assert_eq!(inside(folder, path).as_deref(), expected, "{folder} {path}");
        }
    }
}
