//! Documents in files and folders.

use std::path::Path;

use base64::Engine as _;
use plimsoll_attest::{Envelope, PrivateKey, VerifyingKey};
use plimsoll_testkit::Folder;
use plimsoll_vex_source::{Error, Found, Place, Source, find_files};

const DOCUMENT: &str = r#"{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "a", "author": "acme", "version": 1,
    "timestamp": "2025-01-01T00:00:00Z", "statements": [{"vulnerability": {"name": "CVE-1"},
    "products": [{"@id": "pkg:npm/a"}], "status": "fixed"}]}"#;

fn read(path: &Path, keys: &[VerifyingKey]) -> Result<Found, Error> {
    find_files(&[Source::Attached, Source::Path(path.to_owned())], keys)
}

#[test]
fn a_named_file_is_a_document_or_an_error() {
    let folder = Folder::new();
    let path = folder.write("a.json", DOCUMENT);
    let found = read(&path, &[]).unwrap();
    assert_eq!((found.documents.len(), found.documents[0].place), (1, Place::File));
    assert_eq!(found.documents[0].document.name, path.display().to_string());
    assert!(found.notices.is_empty());
    for text in ["", "{", "{}", "[]", "<html>", r#"{"spdxVersion": "SPDX-2.3"}"#] {
        let error = read(&folder.write("b.json", text), &[]).unwrap_err();
        assert!(matches!(error, Error::Document(_)) && error.is_usage(), "{text}: {error}");
    }
    let error = read(&folder.path().join("gone.json"), &[]).unwrap_err();
    assert!(matches!(error, Error::File { .. }) && error.is_usage());
}

#[test]
fn a_folder_is_read_to_its_depth() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path().join("sub/..data")).unwrap();
    std::fs::create_dir_all(folder.path().join("folder.json")).unwrap();
    folder.write("b.json", DOCUMENT);
    folder.write("sub/a.JSON", DOCUMENT);
    folder.write("sub/..data/a.json", DOCUMENT);
    folder.write("readme.txt", "no document");
    folder.write("package.json", r#"{"name": "app"}"#);
    folder.write("list.json", "[]");
    let found = read(folder.path(), &[]).unwrap();
    let short = |name: &str| name.rsplit('/').next().unwrap().to_owned();
    let names: Vec<String> = found.documents.iter().map(|found| short(&found.document.name)).collect();
    assert_eq!(names, ["b.json", "a.JSON"]);
    let notices: Vec<String> =
        found.notices.iter().map(|notice| format!("{}: {}", short(&notice.origin), notice.text)).collect();
    assert_eq!(
        notices,
        [
            "list.json: expected a VEX document, found a JSON list",
            "package.json: expected a VEX document, found JSON without the marks of one"
        ]
    );
    // What was to be a document, and is cut short, could have said anything.
    for text in ["", &DOCUMENT[..100], "<html>"] {
        folder.write("c.json", text);
        assert!(matches!(read(folder.path(), &[]), Err(Error::Document(_))), "{text}");
    }
}

#[test]
fn an_empty_folder_and_an_empty_document_are_told() {
    let folder = Folder::new();
    let found = read(folder.path(), &[]).unwrap();
    assert_eq!(found.notices[0].text, "expected VEX documents, found no file that ends in `.json`");
    let start = DOCUMENT.find("[{\"vuln").unwrap();
    let path = folder.write("a.json", format!("{}[]}}", &DOCUMENT[..start]));
    assert_eq!(read(&path, &[]).unwrap().notices[0].text, "holds no statement");
}

#[test]
fn a_signed_file_is_checked_where_there_is_a_key() {
    let (ours, theirs) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let envelope = Envelope {
        payload_type: "application/vnd.openvex+json".to_owned(),
        payload: DOCUMENT.as_bytes().to_vec(),
        signatures: Vec::new(),
    };
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let text = format!(
        r#"{{"payloadType": "{}", "payload": "{}", "signatures": [{{"sig": "{}"}}]}}"#,
        envelope.payload_type,
        base64(&envelope.payload),
        base64(&ours.sign(&envelope.signed_bytes()))
    );
    let folder = Folder::new();
    let path = folder.write("a.json", text);
    let found = read(&path, &[]).unwrap();
    assert!(found.documents.len() == 1 && found.notices[0].is_about_trust);
    let found = read(&path, &[VerifyingKey::from(ours.public())]).unwrap();
    assert!(found.documents.len() == 1 && found.notices.is_empty());
    let keys = [VerifyingKey::from(theirs.public())];
    assert!(matches!(read(&path, &keys), Err(Error::Untrusted { .. })));
    let found = read(folder.path(), &keys).unwrap();
    assert!(found.documents.is_empty() && found.notices[0].is_about_trust);
}
