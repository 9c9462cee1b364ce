//! Writing to a registry on loopback that misbehaves as it is told.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and read what they made"
)]

use std::io::Read as _;

use plimsoll_model::Digest;
use plimsoll_oci::{BlobContent, Error, Options, Reference, Repository};
use plimsoll_testkit::image::sha256;
use plimsoll_testkit::registry::{Auth, Fault, Registry};
use plimsoll_testkit::{Folder, hasty_requests};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn options() -> Options {
    Options { http: hasty_requests(), ..Options::default() }
}

fn repository(registry: &Registry, options: &Options) -> Repository {
    let reference: Reference = format!("{}/team/db:1", registry.host()).parse().unwrap();
    Repository::open_for_push(&reference, options)
}

fn digest(bytes: &[u8]) -> Digest {
    sha256(bytes).parse().unwrap()
}

fn manifest(blob: &[u8]) -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","artifactType":"application/x","config":{{"mediaType":"application/x","digest":"{}","size":{}}},"layers":[]}}"#,
        sha256(blob),
        blob.len()
    )
}

/// An error without the port of this run.
fn show(registry: &Registry, error: &Error) -> String {
    error.to_string().replace(&registry.host(), "HOST")
}

/// Options with a user's password, in a file that lasts as long as the folder.
fn with_password(folder: &Folder, registry: &Registry) -> Options {
    // base64 of `user:pass`
    let text = format!(r#"{{"auths":{{"{}":{{"auth":"dXNlcjpwYXNz"}}}}}}"#, registry.host());
    Options { credential_files: vec![folder.write("config.json", text)], ..options() }
}

#[test]
fn what_is_pushed_is_there() {
    let registry = Registry::start();
    let repository = repository(&registry, &options());
    let bytes = b"config of an artifact";
    assert!(!repository.blob_exists(&digest(bytes)).unwrap());
    repository.push_blob(&digest(bytes), BlobContent::Bytes(bytes)).unwrap();
    assert!(repository.blob_exists(&digest(bytes)).unwrap());
    let text = manifest(bytes);
    let named = repository.push_manifest("1", MANIFEST, text.as_bytes()).unwrap();
    assert_eq!(named, digest(text.as_bytes()));
    // Under its digest as well, and once more.
    repository.push_manifest(named.as_str(), MANIFEST, text.as_bytes()).unwrap();
    for wanted in ["1", named.as_str()] {
        let fetched = repository.fetch_manifest(wanted).unwrap();
        assert_eq!((fetched.bytes, fetched.digest), (text.clone().into_bytes(), named.clone()), "{wanted}");
        assert_eq!(fetched.media_type, MANIFEST);
    }
    assert_eq!(repository.find_manifest("2").unwrap(), None);
    assert!(matches!(repository.fetch_manifest("2"), Err(Error::NotFound { .. })));
    let mut read = Vec::new();
    repository.fetch_blob(&digest(bytes), bytes.len() as u64).read_to_end(&mut read).unwrap();
    assert_eq!(read, bytes);
    assert_eq!(repository.read_blob(&digest(bytes), bytes.len() as u64, 100).unwrap(), bytes);
    assert!(matches!(repository.read_blob(&digest(bytes), bytes.len() as u64, 10), Err(Error::Size { .. })));
    assert!(matches!(repository.read_blob(&digest(bytes), 3, 10), Err(Error::Size { .. })));
}

#[test]
fn an_empty_blob_and_a_file_are_pushed() {
    let registry = Registry::start();
    let repository = repository(&registry, &options());
    repository.push_blob(&digest(b""), BlobContent::Bytes(b"")).unwrap();
    assert_eq!(registry.blob("team/db", digest(b"").as_str()).as_deref(), Some(&b""[..]));
    let bytes = vec![7; 3 << 20];
    let folder = Folder::new();
    let path = folder.write("blob", &bytes);
    repository.push_blob(&digest(&bytes), BlobContent::File(&path)).unwrap();
    assert_eq!(registry.blob("team/db", digest(&bytes).as_str()), Some(bytes));
}

#[test]
fn an_upload_that_breaks_is_begun_anew() {
    for fault in [
        Fault::Drop,
        Fault::Status(500, Vec::new()),
        Fault::Status(503, Vec::new()),
        Fault::Status(429, Vec::new()),
        Fault::Status(404, Vec::new()),
        Fault::Status(416, Vec::new()),
    ] {
        let registry = Registry::start();
        let repository = repository(&registry, &options());
        // The second request is the one with the bytes.
        registry.fail_next("/blobs/uploads/1", fault.clone());
        repository.push_blob(&digest(b"bytes"), BlobContent::Bytes(b"bytes")).unwrap();
        assert!(registry.blob("team/db", digest(b"bytes").as_str()).is_some(), "{fault:?}");
    }
    // And a beginning that fails.
    let registry = Registry::start();
    for _ in 0..3 {
        registry.fail_next("/blobs/uploads/", Fault::Status(502, Vec::new()));
    }
    let repository = repository(&registry, &options());
    repository.push_blob(&digest(b"bytes"), BlobContent::Bytes(b"bytes")).unwrap();
}

#[test]
fn a_blob_that_came_whole_is_not_sent_twice() {
    let registry = Registry::start();
    let repository = repository(&registry, &options());
    // It is there, and the answer is lost.
    registry.put_blob("team/db", b"bytes");
    registry.fail_next("/blobs/uploads/1", Fault::Drop);
    repository.push_blob(&digest(b"bytes"), BlobContent::Bytes(b"bytes")).unwrap();
    let sent = registry.requests().iter().filter(|request| request.method == "PUT").count();
    assert_eq!(sent, 1);
}

#[test]
fn a_blob_of_another_repository_is_mounted() {
    let registry = Registry::start();
    registry.put_blob("staging/db", b"shared");
    let repository = repository(&registry, &options());
    assert!(repository.mount_blob(&digest(b"shared"), "staging/db").unwrap());
    assert!(repository.blob_exists(&digest(b"shared")).unwrap());
    assert!(!repository.mount_blob(&digest(b"other"), "staging/db").unwrap());
}

#[test]
fn one_token_is_for_reading_and_writing() {
    let registry = Registry::start();
    let folder = Folder::new();
    registry.require(Auth::Bearer {
        user: Some(("user".into(), "pass".into())),
        identity: None,
        uses: 1_000,
    });
    let repository = repository(&registry, &with_password(&folder, &registry));
    assert!(!repository.blob_exists(&digest(b"bytes")).unwrap());
    repository.push_blob(&digest(b"bytes"), BlobContent::Bytes(b"bytes")).unwrap();
    repository.push_manifest("1", MANIFEST, manifest(b"bytes").as_bytes()).unwrap();
    let tokens = registry.requests().iter().filter(|request| request.path.starts_with("/token")).count();
    assert_eq!(tokens, 1);
}

#[test]
fn a_token_that_runs_out_is_renewed_in_the_middle() {
    let registry = Registry::start();
    registry.require(Auth::Bearer { user: None, identity: None, uses: 1 });
    let repository = repository(&registry, &options());
    for bytes in [b"one", b"two"] {
        assert!(!repository.blob_exists(&digest(bytes)).unwrap());
        repository.push_blob(&digest(bytes), BlobContent::Bytes(bytes)).unwrap();
    }
}

#[test]
fn several_threads_push_at_once() {
    let registry = Registry::start();
    registry.require(Auth::Bearer { user: None, identity: None, uses: 5 });
    let repository = repository(&registry, &options());
    std::thread::scope(|scope| {
        for number in 0..8_u8 {
            let repository = &repository;
            scope.spawn(move || {
                let bytes = [number; 1_000];
                repository.push_blob(&digest(&bytes), BlobContent::Bytes(&bytes)).unwrap();
            });
        }
    });
    for number in 0..8_u8 {
        assert!(registry.blob("team/db", digest(&[number; 1_000]).as_str()).is_some());
    }
}

#[test]
fn who_may_not_push_is_told_so() {
    let registry = Registry::start();
    registry.require(Auth::Bearer { user: None, identity: None, uses: 1_000 });
    registry.read_only();
    let open = repository(&registry, &options());
    assert!(!open.blob_exists(&digest(b"bytes")).unwrap());
    let error = open.push_blob(&digest(b"bytes"), BlobContent::Bytes(b"bytes")).unwrap_err();
    let text = show(&registry, &error);
    assert!(text.starts_with("cannot push blob sha256:"), "{text}");
    assert!(text.contains("to `HOST/team/db`: status 401 `UNAUTHORIZED:"), "{text}");
    assert!(text.ends_with("asked anonymously, since no credentials were found"), "{text}");
    assert!(error.hint().unwrap().contains("that may push"));

    let registry = Registry::start();
    let folder = Folder::new();
    let repository = repository(&registry, &with_password(&folder, &registry));
    registry.fail_next("/blobs/uploads/", Fault::Status(403, Vec::new()));
    let error = repository.push_blob(&digest(b"bytes"), BlobContent::Bytes(b"bytes")).unwrap_err();
    assert!(show(&registry, &error).contains("status 403, asked with the credentials of"), "{error}");
    assert!(error.hint().unwrap().contains("for reading only"));
}

#[test]
fn what_a_registry_does_not_take_is_told() {
    let registry = Registry::start();
    let repository = repository(&registry, &options());
    let error = repository.push_manifest("1", MANIFEST, manifest(b"absent").as_bytes()).unwrap_err();
    let text = show(&registry, &error);
    assert!(
        text.contains("expected an answer with status 201, found status 400 `MANIFEST_BLOB_UNKNOWN:"),
        "{text}"
    );
    // Other bytes than their digest says.
    let error = repository.push_blob(&digest(b"bytes"), BlobContent::Bytes(b"other")).unwrap_err();
    assert!(show(&registry, &error).contains("status 400 `DIGEST_INVALID"), "{error}");
    let error = repository.push_manifest(digest(b"x").as_str(), MANIFEST, b"{}").unwrap_err();
    assert!(matches!(error, Error::Digest { .. }));
    let error = repository.push_manifest("1", MANIFEST, &vec![b' '; 5 << 20]).unwrap_err();
    assert!(matches!(error, Error::Size { .. }), "{error}");
    // A login portal takes everything.
    registry.fail_next("/blobs/uploads/", Fault::WebPage);
    let error = repository.push_blob(&digest(b"bytes"), BlobContent::Bytes(b"bytes")).unwrap_err();
    assert!(matches!(error, Error::NotRegistry { .. }), "{error}");
    registry.fail_next("/blobs/uploads/1", Fault::WebPage);
    registry.fail_next("/blobs/uploads/2", Fault::WebPage);
    let error = repository.push_blob(&digest(b"bytes"), BlobContent::Bytes(b"bytes")).unwrap_err();
    assert!(matches!(error, Error::NotRegistry { .. }), "{error}");
}

#[test]
fn an_upload_goes_nowhere_it_should_not() {
    for (location, found) in [
        (
            "http://registry.example/upload",
            "expected an https address, found `http://registry.example/upload`",
        ),
        ("ftp://registry.example/upload", "expected an http address"),
        ("", "expected an address in `Location`"),
    ] {
        let registry = Registry::start();
        let headers = match location {
            "" => Vec::new(),
            location => vec![("Location".to_owned(), location.to_owned())],
        };
        registry.fail_next("/blobs/uploads/", Fault::Status(202, headers));
        let repository = repository(&registry, &options());
        let error = repository.push_blob(&digest(b"bytes"), BlobContent::Bytes(b"bytes")).unwrap_err();
        assert!(show(&registry, &error).contains(found), "{error}");
    }
    // To another host goes no password.
    let (registry, other) = (Registry::start(), Registry::start());
    let folder = Folder::new();
    registry.require(Auth::Basic { user: "user".into(), password: "pass".into() });
    let place = format!("http://{}/elsewhere", other.host());
    let repository = repository(&registry, &with_password(&folder, &registry));
    // The first request is refused, so that the second one bears the password.
    assert!(!repository.blob_exists(&digest(b"bytes")).unwrap());
    registry.fail_next("/blobs/uploads/", Fault::Status(202, vec![("Location".into(), place)]));
    // The place is unknown there, so that another one is asked for.
    repository.push_blob(&digest(b"bytes"), BlobContent::Bytes(b"bytes")).unwrap();
    let requests = other.requests();
    assert_eq!(requests[0].method, "PUT");
    assert!(requests[0].path.starts_with("/elsewhere?digest=sha256%3A"), "{}", requests[0].path);
    assert!(requests.iter().all(|request| request.authorization.is_none()));
}

#[test]
fn a_blob_that_is_sent_elsewhere_exists() {
    let (registry, other) = (Registry::start(), Registry::start());
    registry.put_blob("team/db", b"bytes");
    registry.redirect_blobs(&format!("http://{}", other.host()));
    let repository = repository(&registry, &options());
    assert!(repository.blob_exists(&digest(b"bytes")).unwrap());
    assert!(!repository.blob_exists(&digest(b"other")).unwrap());
}
