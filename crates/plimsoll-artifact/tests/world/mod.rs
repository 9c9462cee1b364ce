//! Stores with made-up advisories, and archives that are taken apart.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use plimsoll_advisory::Document;
use plimsoll_artifact::{Packing, Received, Taking};
use plimsoll_attest::{PrivateKey, Trust};
use plimsoll_db::{Generation, Store, Update};
use plimsoll_model::{Advisory, Affected, AffectedEvent, AffectedRange, EventKind, KevEntry, Namespace};

pub(crate) const CREATED: &str = "2026-01-02T03:04:05Z";

const PUBLISHED: &str = "2024-01-02T00:00:00Z";

/// A folder of its own for one test.
pub(crate) struct Folder(pub(crate) plimsoll_testkit::Folder);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(plimsoll_testkit::Folder::new())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn store(&self, name: &str) -> Store {
        Store::at(&self.path(name))
    }
}

/// Text that does not compress, the same each time.
fn noise(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = String::new();
    for _ in 0..120 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        write!(out, "{state:016x}").unwrap();
    }
    out
}

fn advisory(id: &str, namespaces: &[&str], modified: &str, text: String) -> Document {
    let events = [(EventKind::Introduced, "0"), (EventKind::Fixed, "1.2")]
        .map(|(kind, version)| AffectedEvent { kind, version: version.to_owned() });
    let affected = |namespace: &&str| Affected {
        ranges: vec![AffectedRange { events: events.to_vec() }],
        ..Affected::new(Namespace::parse(namespace).unwrap(), format!("package-{}", id.len()))
    };
    Document::Advisory(Box::new(Advisory {
        id: id.to_owned(),
        details: text,
        published: PUBLISHED.to_owned(),
        modified: modified.to_owned(),
        affected: namespaces.iter().map(affected).collect(),
        ..Advisory::default()
    }))
}

/// Publishes `count` advisories of each of two ecosystems, and one CVE.
pub(crate) fn fill(store: &Store, count: u64) -> Generation {
    let mut update = Update::new();
    let changes = update.replace("osv", "PyPI");
    for number in 0..count {
        changes.add(advisory(&format!("PYSEC-2024-{number}"), &["PyPI"], PUBLISHED, noise(number)));
    }
    let changes = update.replace("osv", "Debian");
    for number in 0..count {
        let id = format!("DSA-{number}-1");
        changes.add(advisory(&id, &["Debian:11", "Debian:12"], PUBLISHED, noise(number + 1_000_000)));
    }
    update.replace("kev", "").add(Document::Kev(KevEntry {
        id: "CVE-2024-1".to_owned(),
        date_added: "2024-01-02".to_owned(),
        due_date: String::new(),
        ransomware: false,
        name: "A flaw".to_owned(),
    }));
    store.publish(&update).unwrap()
}

/// Changes the text of one advisory of `PyPI`.
pub(crate) fn change(store: &Store, number: u64) -> Generation {
    let mut update = Update::new();
    let changes = update.patch("osv", "PyPI");
    let id = format!("PYSEC-2024-{number}");
    changes.add(advisory(&id, &["PyPI"], "2024-02-02T00:00:00Z", noise(number + 9_000_000)));
    store.publish(&update).unwrap()
}

pub(crate) fn packing(key: Option<&PrivateKey>) -> Packing<'_> {
    Packing { created: CREATED, key, progress: None }
}

pub(crate) fn taking(trust: &Trust) -> Taking<'_> {
    Taking { trust, wanted: None, not_before: None, progress: None }
}

/// What an error says, without the paths of this run.
pub(crate) fn show(folder: &Folder, result: Result<Received, plimsoll_artifact::Error>) -> String {
    let Err(error) = result else { return "taken".to_owned() };
    error.to_string().replace(&folder.0.path().display().to_string(), "FOLDER")
}

/// All files below a folder, without those that were never finished.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { out.push(path) }
        }
    }
    out.sort();
    out
}

/// The members of an archive.
pub(crate) fn unpack(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(fs::File::open(path).unwrap());
    let mut out = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        out.insert(entry.path().unwrap().display().to_string(), bytes);
    }
    out
}

/// An archive of these members.
pub(crate) fn pack(path: &Path, members: &BTreeMap<String, Vec<u8>>) {
    let mut builder = tar::Builder::new(fs::File::create(path).unwrap());
    for (name, bytes) in members {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    builder.finish().unwrap();
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    plimsoll_testkit::image::sha256(bytes)
}

/// Changes the artifact's manifest in an archive as text, and what names it by its digest, as one could who has no key.
pub(crate) fn forge(members: &mut BTreeMap<String, Vec<u8>>, change: impl Fn(String) -> String) {
    let index = String::from_utf8(members["index.json"].clone()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&index).unwrap();
    let digest = json["manifests"][0]["digest"].as_str().unwrap().to_owned();
    let size = json["manifests"][0]["size"].as_u64().unwrap();
    let old = members.remove(&format!("blobs/{}", digest.replace(':', "/"))).unwrap();
    let new = change(String::from_utf8(old).unwrap()).into_bytes();
    let new_digest = sha256(&new);
    let index = index
        .replace(&digest, &new_digest)
        .replace(&format!("\"size\":{size}"), &format!("\"size\":{}", new.len()));
    members.insert("index.json".to_owned(), index.into_bytes());
    members.insert(format!("blobs/{}", new_digest.replace(':', "/")), new);
}
