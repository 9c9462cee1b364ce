//! Where OSV records are published: OSV.dev's bucket, GitHub's advisory database, folders of one's own.
//!
//! Source: <https://google.github.io/osv.dev/data/>, "Data dumps"; <https://github.com/github/advisory-database>.

use std::fmt::Write as _;

use plimsoll_model::Ecosystem;
use serde_json::value::RawValue;

use crate::error::InvalidRecord;
use crate::osv::{Outcome, parse_record};
use crate::seam::{About, Feed, FeedFile, FeedKind, Sink, Source};
use crate::skip::Skip;

/// Name of the source of the bucket.
pub(crate) const NAME: &str = "osv";
/// Longest record, in bytes of JSON.
const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;
/// Longest list of records, in bytes of JSON.
const MAX_LIST_BYTES: u64 = 512 * 1024 * 1024;

/// The ecosystems that have a folder in the bucket.
const IN_BUCKET: &[Ecosystem] = &[
    Ecosystem::AlmaLinux,
    Ecosystem::Alpaquita,
    Ecosystem::Alpine,
    Ecosystem::AzureLinux,
    Ecosystem::BellSoft,
    Ecosystem::Bitnami,
    Ecosystem::Chainguard,
    Ecosystem::CratesIo,
    Ecosystem::Debian,
    Ecosystem::Echo,
    Ecosystem::Go,
    Ecosystem::Hex,
    Ecosystem::Mageia,
    Ecosystem::Maven,
    Ecosystem::MinimOs,
    Ecosystem::Npm,
    Ecosystem::NuGet,
    Ecosystem::OpenEuler,
    Ecosystem::OpenSuse,
    Ecosystem::Packagist,
    Ecosystem::Pub,
    Ecosystem::PyPi,
    Ecosystem::RedHat,
    Ecosystem::RockyLinux,
    Ecosystem::RubyGems,
    Ecosystem::Suse,
    Ecosystem::SwiftUrl,
    Ecosystem::Ubuntu,
    Ecosystem::Wolfi,
];

const ABOUT_OSV: About = About {
    name: NAME,
    title: "OSV.dev",
    home: "https://osv.dev/",
    licence: "that of each database in it: CC-BY-4.0, CC0-1.0, MIT, Apache-2.0, CC-BY-SA-4.0 and others",
    base: "https://osv-vulnerabilities.storage.googleapis.com/",
    brings: "The languages' advisories, malicious packages, and most distributions' fixes; seldom why there is no fix.",
    ecosystems: IN_BUCKET,
    by_default: true,
    max_file_bytes: MAX_LIST_BYTES,
};

const ABOUT_GHSA: About = About {
    name: "ghsa",
    title: "GitHub Advisory Database, checked out",
    home: "https://github.com/github/advisory-database",
    licence: "CC-BY-4.0",
    base: "",
    brings: "GitHub's reviewed advisories from a clone, hours before others have them; unreviewed ones are left out.",
    ecosystems: &[
        Ecosystem::CratesIo,
        Ecosystem::Go,
        Ecosystem::Hex,
        Ecosystem::Maven,
        Ecosystem::Npm,
        Ecosystem::NuGet,
        Ecosystem::Packagist,
        Ecosystem::Pub,
        Ecosystem::PyPi,
        Ecosystem::RubyGems,
        Ecosystem::SwiftUrl,
    ],
    by_default: true,
    max_file_bytes: MAX_RECORD_BYTES as u64,
};

/// The bucket, and whatever else is an OSV record: it claims every JSON file that no other source does.
pub(crate) struct Osv;

impl Source for Osv {
    fn about(&self) -> &'static About {
        &ABOUT_OSV
    }

    fn feeds(&self, ecosystems: Option<&[Ecosystem]>) -> Vec<Feed> {
        let is_wanted = |ecosystem: &Ecosystem| ecosystems.is_none_or(|wanted| wanted.contains(ecosystem));
        let feed = |ecosystem: &Ecosystem| Feed {
            source: NAME,
            path: format!("{}/all.zip", percent_encoded(ecosystem.name())),
            scope: ecosystem.name().to_owned(),
            kind: FeedKind::OsvEcosystem,
        };
        IN_BUCKET.iter().filter(|ecosystem| is_wanted(ecosystem)).map(feed).collect()
    }

    fn claims(&self, path: &str, _: &[u8]) -> bool {
        is_json(path)
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        if file.bytes.trim_ascii_start().first() != Some(&b'[') {
            return record(file.bytes, sink);
        }
        let list: Vec<&RawValue> = serde_json::from_slice(file.bytes)
            .map_err(|error| InvalidRecord::json("a list of OSV records", &error))?;
        for (index, item) in list.into_iter().enumerate() {
            if let Err(error) = record(item.get().as_bytes(), sink) {
                sink.fail(format!("{}: item {index}", file.path), error.to_string());
            }
        }
        Ok(())
    }
}

/// A clone of GitHub's database. Its records are OSV's; those under `unreviewed` name no package, and nobody vouches for
/// them.
pub(crate) struct Ghsa;

impl Source for Ghsa {
    fn about(&self) -> &'static About {
        &ABOUT_GHSA
    }

    fn feeds(&self, _: Option<&[Ecosystem]>) -> Vec<Feed> {
        Vec::new()
    }

    fn claims(&self, path: &str, _: &[u8]) -> bool {
        let mut parts = path.rsplit('/');
        let is_record = parts.next().is_some_and(|name| name.starts_with("GHSA-") && is_json(name));
        is_record && parts.any(|part| matches!(part, "github-reviewed" | "unreviewed"))
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        if file.path.split('/').any(|part| part == "unreviewed") {
            sink.skip(Skip::Unreviewed);
            return Ok(());
        }
        record(file.bytes, sink)
    }
}

/// Reads one record into the sink.
fn record(bytes: &[u8], sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
    if bytes.len() > MAX_RECORD_BYTES {
        let found = format!("{} bytes", bytes.len());
        return Err(InvalidRecord { expected: "a record of at most 16777216 bytes", found });
    }
    let parsed = parse_record(bytes)?;
    parsed.skipped.into_iter().for_each(|skip| sink.skip(skip));
    match parsed.outcome {
        Outcome::Advisory(advisory) => sink.advisory(*advisory),
        Outcome::Withdrawn { id, modified } => sink.withdrawn(id, modified),
        Outcome::Empty { id, modified } => sink.empty(id, modified),
    }
    Ok(())
}

fn is_json(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("json"))
}

/// A name as a segment of a path in an address.
///
/// Source: RFC 3986, 2.3, unreserved characters.
fn percent_encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a text takes all that is written to it");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::read;

    const RECORD: &str = r#"{"id": "GHSA-1", "modified": "2024-01-01T00:00:00Z",
        "affected": [{"package": {"ecosystem": "npm", "name": "a"}, "versions": ["1"]}]}"#;

    #[test]
    fn each_ecosystem_of_the_bucket_is_a_feed() {
        let wanted = [Ecosystem::AzureLinux, Ecosystem::AmazonLinux, Ecosystem::Npm];
        let feeds = Osv.feeds(Some(&wanted));
        let short: Vec<_> = feeds.iter().map(|feed| (feed.path.as_str(), feed.scope.as_str())).collect();
        assert_eq!(short, [("Azure%20Linux/all.zip", "Azure Linux"), ("npm/all.zip", "npm")]);
        assert!(feeds.iter().all(|feed| feed.kind == FeedKind::OsvEcosystem && feed.source == "osv"));
        assert_eq!(Osv.feeds(None).len(), IN_BUCKET.len());
        assert_eq!(Osv.feeds(Some(&[])), []);
    }

    /// An ecosystem that is new has to be put into the list, or here.
    #[test]
    fn what_the_bucket_lacks_is_known() {
        let lacks = Ecosystem::ALL.iter().filter(|ecosystem| !IN_BUCKET.contains(ecosystem));
        let lacks: Vec<&str> =
            lacks.map(|ecosystem| ecosystem.name()).filter(|name| *name != "Arch Linux").collect();
        assert_eq!(lacks, ["Amazon Linux", "Oracle Linux", "Photon OS"]);
    }

    #[test]
    fn a_clone_of_the_database_is_told_by_its_folders() {
        for (path, is_claimed) in [
            ("/db/advisories/github-reviewed/2024/01/GHSA-1/GHSA-1.json", true),
            ("advisories/unreviewed/2024/01/GHSA-1/GHSA-1.json", true),
            ("npm/all.zip/GHSA-1.json", false),
            ("github-reviewed/README.json", false),
            ("GHSA-github-reviewed", false),
        ] {
            assert_eq!(Ghsa.claims(path, b""), is_claimed, "{path}");
        }
        let (seen, report) = read(&Ghsa, "a/github-reviewed/GHSA-1.json", RECORD.as_bytes()).unwrap();
        assert_eq!((seen, report.usable), (vec!["ghsa GHSA-1".to_owned()], 1));
        let (seen, report) = read(&Ghsa, "a/unreviewed/GHSA-1.json", RECORD.as_bytes()).unwrap();
        assert_eq!((seen.len(), report.skipped[&Skip::Unreviewed]), (0, 1));
    }

    #[test]
    fn a_file_holds_a_record_or_a_list() {
        let list = format!("\n[{RECORD}, 3, {{\"id\": \"W-1\", \"withdrawn\": \"2024-01-01T00:00:00Z\"}}]");
        let (seen, report) = read(&Osv, "x/list.json", list.as_bytes()).unwrap();
        assert_eq!(seen, ["osv GHSA-1", "osv -W-1"]);
        assert_eq!((report.records, report.failed), (3, 1));
        assert_eq!(report.failures[0].place, "x/list.json: item 1");
        for json in ["", "[", "[{]", "3", "<html>"] {
            assert!(read(&Osv, "x.json", json.as_bytes()).is_err(), "{json}");
        }
        assert!(read(&Osv, "x.json", &vec![b' '; MAX_RECORD_BYTES + 1]).is_err());
    }

    #[test]
    fn a_malicious_package_is_kept() {
        let json = r#"{"id": "MAL-2024-1", "affected": [
            {"package": {"ecosystem": "npm", "name": "a"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
             "database_specific": {"cwes": [{"cweId": "CWE-506"}]}}],
            "database_specific": {"malicious-packages-origins": [{"source": "x", "sha256": "y"}]}}"#;
        let advisories = crate::testing::advisories(&Osv, "MAL-2024-1.json", json.as_bytes()).unwrap();
        assert!(advisories[0].is_malicious());
        assert_eq!(advisories[0].affected[0].ranges[0].events.len(), 1);
    }
}
