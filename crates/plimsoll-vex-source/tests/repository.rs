//! A VEX repository on loopback: asked, kept, and asked again when it is old.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use plimsoll_model::{Artifact, Inventory, OsRelease, Package, PackageKind, SourcePackage};
use plimsoll_oci::Options;
use plimsoll_testkit::image::LayerBuilder;
use plimsoll_testkit::{FileServer, Folder, WebFault, hasty_requests};
use plimsoll_vex_source::{Error, Found, Looking, Place, find};

const MANIFEST: &str = ".well-known/vex-repository.json";
const ARCHIVE: &str = "main.tar.gz";

struct Setting {
    server: FileServer,
    folder: Folder,
    cached: bool,
}

fn document(id: &str) -> String {
    format!(
        r#"{{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "{id}", "author": "acme", "timestamp": "2025-01-01T00:00:00Z",
            "version": 1, "statements": [{{"vulnerability": {{"name": "CVE-1"}}, "products": [{{"@id": "pkg:npm/a"}}],
            "status": "fixed"}}]}}"#
    )
}

fn index(entries: &[(&str, &str)]) -> String {
    let entries = entries.iter().map(|(id, at)| format!(r#"{{"id": "{id}", "location": "{at}"}}"#));
    let entries = entries.collect::<Vec<_>>().join(", ");
    format!(r#"{{"updated_at": "2025-01-01T00:00:00Z", "packages": [{entries}]}}"#)
}

/// An archive of these documents, each under a package's URL.
fn archive(documents: &[(&str, &str)]) -> Vec<u8> {
    let entries: Vec<(String, String)> = documents
        .iter()
        .enumerate()
        .map(|(number, (id, _))| ((*id).to_owned(), format!("pkg/{number}/vex.json")))
        .collect();
    let listed: Vec<(&str, &str)> = entries.iter().map(|(id, at)| (id.as_str(), at.as_str())).collect();
    let mut layer = LayerBuilder::new().folder("vex-main").file("vex-main/index.json", index(&listed));
    for ((_, at), (_, text)) in entries.iter().zip(documents) {
        layer = layer.file(&format!("vex-main/{at}"), *text);
    }
    plimsoll_testkit::image::gzip(&layer.tar())
}

impl Setting {
    fn new(archive: &[u8]) -> Self {
        let setting = Self { server: FileServer::start(), folder: Folder::new(), cached: true };
        let location = format!("{}{ARCHIVE}//vex-main", setting.server.base());
        setting.put_manifest(&location);
        setting.server.put(ARCHIVE, archive);
        setting
    }

    fn put_manifest(&self, location: &str) {
        let text = format!(
            r#"{{"name": "a", "description": "b", "versions": [{{"spec_version": "0.1", "update_interval": "4h",
                "locations": [{{"url": "{location}"}}]}}]}}"#
        );
        self.server.put(MANIFEST, text.as_bytes());
    }

    fn find_at(&self, hours: i64, offline: bool) -> Result<Found, Error> {
        let options = Options { http: hasty_requests(), ..Options::default() };
        let looking = Looking {
            keys: &[],
            reach: &options,
            cache_folder: self.cached.then(|| self.folder.path()),
            temporary_folder: self.folder.path(),
            now: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours),
            offline,
        };
        let source = format!("repo:{}", self.server.base()).parse().unwrap();
        let mut found = Found::default();
        find(&[source], &inventory(), &looking, &mut found)?;
        Ok(found)
    }

    fn ids(&self, hours: i64) -> Vec<String> {
        let found = self.find_at(hours, false).unwrap();
        assert!(found.documents.iter().all(|found| found.place == Place::Repository));
        found.documents.into_iter().map(|found| found.document.id).collect()
    }

    /// `path status` of each request since the last time.
    fn asked(&self) -> Vec<String> {
        let requests = self.server.take_requests();
        requests.iter().map(|request| format!("{} {}", request.path, request.status)).collect()
    }
}

fn inventory() -> Inventory {
    let mut openssl = Package::new(PackageKind::Deb, "libssl3", "3.0.1", "dpkg");
    openssl.source = Some(SourcePackage { name: "openssl".to_owned(), version: "3.0.1".to_owned() });
    Inventory {
        artifact: Artifact {
            repo_tags: vec!["registry.example:5000/team/app:1".to_owned()],
            ..Artifact::default()
        },
        os: Some(OsRelease { id: "debian".to_owned(), version_id: "12".to_owned(), ..OsRelease::default() }),
        packages: vec![openssl, Package::new(PackageKind::Npm, "@acme/a", "1.0.0", "npm")],
        ..Inventory::default()
    }
}

#[test]
fn documents_of_what_is_there_are_read() {
    let documents = [
        ("pkg:deb/debian/libssl3", document("binary")),
        ("pkg:deb/debian/openssl", document("source")),
        ("pkg:npm/%40acme/a", document("language")),
        ("pkg:oci/app?repository_url=registry.example", document("image")),
        ("pkg:npm/a", "broken, and of something else".to_owned()),
        ("pkg:deb/ubuntu/openssl", document("other distribution")),
    ];
    let documents: Vec<(&str, &str)> = documents.iter().map(|(id, text)| (*id, text.as_str())).collect();
    let setting = Setting::new(&archive(&documents));
    assert_eq!(setting.ids(0), ["binary", "source", "language", "image"]);
}

#[test]
fn it_is_kept_and_asked_again_when_it_is_old() {
    let setting = Setting::new(&archive(&[("pkg:npm/%40acme/a", &document("one"))]));
    assert_eq!(setting.ids(0), ["one"]);
    let manifest = format!("/{MANIFEST} 200");
    assert_eq!(setting.asked(), [manifest.clone(), format!("/{ARCHIVE} 200")]);
    assert_eq!(setting.ids(3), ["one"]);
    assert!(setting.asked().is_empty());
    assert_eq!(setting.ids(5), ["one"]);
    assert_eq!(setting.asked(), [manifest.clone(), format!("/{ARCHIVE} 304")]);
    setting.server.put(ARCHIVE, &archive(&[("pkg:npm/%40acme/a", &document("two"))]));
    assert_eq!(setting.ids(8), ["one"]);
    assert_eq!(setting.ids(10), ["two"]);
    assert_eq!(setting.asked(), [manifest, format!("/{ARCHIVE} 200")]);
    // Nothing is left of the first, nor of what was on its way.
    let folder =
        std::fs::read_dir(setting.folder.path().join("vex")).unwrap().next().unwrap().unwrap().path();
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names.len(), 2, "{names:?}");
    // Whoever removed the archive finds it fetched again.
    let archive = names.iter().find(|name| Path::new(name).extension().is_some_and(|end| end == "archive"));
    std::fs::remove_file(folder.join(archive.unwrap())).unwrap();
    assert_eq!(setting.ids(10), ["two"]);
    std::fs::write(folder.join("state.json"), "{").unwrap();
    assert_eq!(setting.ids(10), ["two"]);
}

#[test]
fn without_a_network_what_is_kept_counts() {
    let setting = Setting::new(&archive(&[("pkg:npm/%40acme/a", &document("one"))]));
    let error = setting.find_at(0, true).unwrap_err();
    assert!(matches!(error, Error::Offline { .. }) && error.hint().is_some(), "{error}");
    assert!(setting.asked().is_empty());
    setting.ids(0);
    setting.asked();
    assert_eq!(setting.find_at(1000, true).unwrap().documents.len(), 1);
    assert!(setting.asked().is_empty());
}

#[test]
fn a_repository_that_is_away_leaves_what_is_kept() {
    let setting = Setting::new(&archive(&[("pkg:npm/%40acme/a", &document("one"))]));
    setting.ids(0);
    for fault in [WebFault::Status(404, Vec::new()), WebFault::WebPage] {
        setting.server.fail_next(MANIFEST, fault);
        let found = setting.find_at(10, false).unwrap();
        assert_eq!(found.documents.len(), 1);
        assert!(
            found.notes[0].ends_with("what is kept of it since 1970-01-01 was taken"),
            "{:?}",
            found.notes
        );
        assert!(found.notices.is_empty());
    }
    let mut setting = Setting::new(b"");
    setting.cached = false;
    setting.server.fail_next(MANIFEST, WebFault::Status(404, Vec::new()));
    let error = setting.find_at(0, false).unwrap_err();
    assert!(matches!(error, Error::Repository { .. }) && !error.is_usage(), "{error}");
}

#[test]
fn nothing_is_kept_where_nothing_may_be() {
    let mut setting = Setting::new(&archive(&[("pkg:npm/%40acme/a", &document("one"))]));
    setting.cached = false;
    assert_eq!(setting.ids(0), ["one"]);
    assert_eq!(std::fs::read_dir(setting.folder.path()).unwrap().count(), 0);
}

#[test]
fn a_download_that_broke_off_is_begun_again() {
    let setting = Setting::new(&archive(&[("pkg:npm/%40acme/a", &document("one"))]));
    setting.server.fail_next(ARCHIVE, WebFault::CutAfter(30));
    assert_eq!(setting.ids(0), ["one"]);
}

#[test]
fn what_cannot_be_read_in_it_is_told() {
    let index = index(&[
        ("pkg:npm/%40acme/a", "../../etc/passwd"),
        ("pkg:deb/debian/libssl3", "gone.json"),
        ("pkg:deb/debian/openssl", "broken.json"),
    ]);
    let layer = LayerBuilder::new()
        .file("vex-main/broken.json", "{")
        .file("etc/passwd", document("escaped"))
        .file("vex-main/index.json", index);
    let setting = Setting::new(&plimsoll_testkit::image::gzip(&layer.tar()));
    let found = setting.find_at(0, false).unwrap();
    assert!(found.documents.is_empty());
    let notices: Vec<&str> = found.notices.iter().map(|notice| notice.text.as_str()).collect();
    assert_eq!(notices.len(), 3, "{notices:?}");
    assert_eq!(
        notices[0],
        "expected the document of `pkg:npm/%40acme/a` inside its archive, found `../../etc/passwd`"
    );
    assert!(notices[1].starts_with("is not taken: cannot read VEX document"), "{}", notices[1]);
    assert_eq!(notices[2], "expected a document, as the repository's index says, found none");
}

#[test]
fn an_archive_that_is_none_is_an_error() {
    for bytes in [b"".as_slice(), b"BZh91AY", b"\x1f\x8b\x08garbage", b"PK\x03\x04 and no more", &[7; 2000]] {
        let setting = Setting::new(bytes);
        let error = setting.find_at(0, false).unwrap_err();
        assert!(!error.is_usage(), "{error}");
    }
    let setting = Setting::new(&archive(&[]));
    setting.put_manifest(&format!("{}{ARCHIVE}//../out", setting.server.base()));
    assert!(matches!(setting.find_at(0, false), Err(Error::Repository { .. })));
    // What cannot be read is not kept.
    setting.put_manifest(&format!("{}{ARCHIVE}//vex-main", setting.server.base()));
    assert!(setting.find_at(0, false).is_ok());
    let setting = Setting::new(&archive(&[]));
    setting.put_manifest("http://vex.example/main.tar.gz");
    let error = setting.find_at(0, false).unwrap_err().to_string();
    assert!(error.contains("expected an https address"), "{error}");
}
