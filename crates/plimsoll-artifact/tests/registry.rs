//! Artifacts in a registry on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and read what they made"
)]

mod world;

use plimsoll_artifact::{ARTIFACT_TYPE, Packing, Taking, pull, push};
use plimsoll_attest::{Claim, PrivateKey, SignatureImage, Trust, Verified, signature_tag};
use plimsoll_model::Namespace;
use plimsoll_oci::{Options, Reference};
use plimsoll_testkit::hasty_requests;
use plimsoll_testkit::registry::{Auth, Fault, Registry};
use world::{CREATED, Folder, change, files, fill, packing, sha256, show, taking};

const REPOSITORY: &str = "team/database";

fn options() -> Options {
    Options { http: hasty_requests(), ..Options::default() }
}

fn reference(registry: &Registry, behind: &str) -> Reference {
    format!("{}/{REPOSITORY}{behind}", registry.host()).parse().unwrap()
}

fn uploads(registry: &Registry) -> usize {
    count(registry, "PUT", "/uploads/")
}

fn fetched(registry: &Registry) -> usize {
    count(registry, "GET", "/blobs/")
}

fn count(registry: &Registry, method: &str, part: &str) -> usize {
    let requests = registry.requests();
    requests.iter().filter(|request| request.method == method && request.path.contains(part)).count()
}

#[test]
fn what_is_pushed_is_pulled_and_little_of_it_twice() {
    let folder = Folder::new();
    let registry = Registry::start();
    let here = folder.store("here");
    let key = PrivateKey::generate().unwrap();
    let trust = Trust::keys(vec![key.public()]);
    let first = fill(&here, 1_000);
    let pushed = push(&first, &reference(&registry, ":latest"), &packing(Some(&key)), &options()).unwrap();
    assert_eq!((&pushed.database, pushed.known_chunks, pushed.signed), (first.digest(), 0, true));

    let there = folder.store("there");
    let received = pull(&reference(&registry, ":latest"), &there, &taking(&trust), &options()).unwrap();
    assert_eq!(received.generation.digest(), first.digest());
    assert_eq!((&received.digest, received.created.as_str()), (&pushed.digest, CREATED));
    assert_eq!(received.fetched_chunks, pushed.sent_chunks);
    assert!(matches!(received.verified, Verified::By { claim: Claim { ref reference, .. }, .. }
        if *reference == format!("{}/{REPOSITORY}", registry.host())));
    there.verify().unwrap();

    // The next day one advisory is another.
    let second = change(&here, 400);
    let before = uploads(&registry);
    let tomorrow = Packing { created: "2026-01-03T03:04:05Z", ..packing(Some(&key)) };
    let pushed_again = push(&second, &reference(&registry, ":latest"), &tomorrow, &options()).unwrap();
    assert!(pushed_again.sent_chunks <= 3, "{pushed_again:?}");
    // Those chunks, the config, and the claim with its config.
    assert_eq!(uploads(&registry) - before, pushed_again.sent_chunks + 3);
    let before = fetched(&registry);
    let received = pull(&reference(&registry, ":latest"), &there, &taking(&trust), &options()).unwrap();
    assert_eq!(received.generation.digest(), second.digest());
    assert_eq!(received.fetched_chunks, pushed_again.sent_chunks);
    assert!(received.known_chunks > 0);
    assert_eq!(fetched(&registry) - before, received.fetched_chunks + 2, "with the config and the claim");

    // The day after nothing is: only the manifests and the signature are sent.
    let third = Packing { created: "2026-01-04T03:04:05Z", ..packing(Some(&key)) };
    let pushed = push(&second, &reference(&registry, ":latest"), &third, &options()).unwrap();
    assert_eq!(pushed.sent_chunks, 0);
    let received = pull(&reference(&registry, ":latest"), &there, &taking(&trust), &options()).unwrap();
    assert!(received.unchanged);
    assert_eq!(received.created, "2026-01-04T03:04:05Z");
    // The first is still there under its digest.
    let by_digest = reference(&registry, &format!("@{}", pushed_again.digest));
    assert!(pull(&by_digest, &there, &taking(&trust), &options()).unwrap().unchanged);
}

#[test]
fn the_artifact_is_of_its_own_type_and_signed_as_cosign_does() {
    let folder = Folder::new();
    let registry = Registry::start();
    let generation = fill(&folder.store("here"), 5);
    let (key, second) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let name = reference(&registry, ":1");
    let pushed = push(&generation, &name, &packing(Some(&key)), &options()).unwrap();
    let (media_type, bytes) = registry.manifest(REPOSITORY, "1").unwrap();
    assert_eq!(media_type, "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(sha256(&bytes), pushed.digest.as_str());
    let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(json["artifactType"], ARTIFACT_TYPE);
    assert_eq!(json["config"]["digest"], generation.digest().as_str());
    let tag = signature_tag(&pushed.digest);
    let layers = |registry: &Registry| {
        let (_, bytes) = registry.manifest(REPOSITORY, &tag).unwrap();
        SignatureImage::layers_of(&bytes, "test").unwrap()
    };
    assert_eq!(layers(&registry).len(), 1);
    // The same key once more changes nothing; another one's signature stands beside.
    push(&generation, &name, &packing(Some(&key)), &options()).unwrap();
    assert_eq!(layers(&registry).len(), 1);
    push(&generation, &name, &packing(Some(&second)), &options()).unwrap();
    assert_eq!(layers(&registry).len(), 2);
    for key in [&key, &second] {
        let trust = Trust::keys(vec![key.public()]);
        pull(&name, &folder.store("there"), &taking(&trust), &options()).unwrap();
    }
    // The tag is set when the signature is there.
    let order: Vec<String> = registry
        .requests()
        .iter()
        .filter(|request| request.method == "PUT" && request.path.contains("/manifests/"))
        .map(|request| request.path.rsplit('/').next().unwrap().to_owned())
        .take(3)
        .collect();
    assert_eq!(order, [pushed.digest.as_str(), &tag, "1"]);
}

#[test]
fn what_was_tampered_with_is_refused() {
    let folder = Folder::new();
    let key = PrivateKey::generate().unwrap();
    let trust = Trust::keys(vec![key.public()]);
    let generation = fill(&folder.store("here"), 5);
    let refused =
        |change: &dyn Fn(&Registry, &serde_json::Value), key: Option<&PrivateKey>, trust: &Trust| {
            let registry = Registry::start();
            let name = reference(&registry, ":1");
            push(&generation, &name, &packing(key), &options()).unwrap();
            let (_, bytes) = registry.manifest(REPOSITORY, "1").unwrap();
            change(&registry, &serde_json::from_slice(&bytes).unwrap());
            let there = folder.store("there");
            let said = show(&folder, pull(&name, &there, &taking(trust), &options()));
            assert!(there.current().unwrap().is_none(), "{said}");
            assert!(files(&there.path().join("generations")).is_empty());
            said.replace(&registry.host(), "HOST")
        };
    let nothing: &dyn Fn(&Registry, &serde_json::Value) = &|_, _| {};
    let said = refused(nothing, None, &trust);
    assert!(
        said.starts_with("cannot trust `HOST/team/database:1`") && said.ends_with("no signature"),
        "{said}"
    );
    let other = PrivateKey::generate().unwrap();
    let said = refused(nothing, Some(&other), &trust);
    assert!(said.ends_with("found a signature by another key, or of other bytes"), "{said}");

    // A chunk, the config and the claim with other bytes of the same length.
    let digest = |json: &serde_json::Value| json["layers"][0]["digest"].as_str().unwrap().to_owned();
    let flip = |registry: &Registry, digest: &str| {
        let mut bytes = registry.blob(REPOSITORY, digest).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        registry.put_blob_as(REPOSITORY, digest, &bytes);
    };
    let said = refused(&|registry, json| flip(registry, &digest(json)), Some(&key), &trust);
    assert!(said.contains("expected bytes with that digest"), "{said}");
    let config = |json: &serde_json::Value| json["config"]["digest"].as_str().unwrap().to_owned();
    let said = refused(&|registry, json| flip(registry, &config(json)), Some(&key), &trust);
    assert!(said.contains("expected bytes with that digest"), "{said}");
    let said = refused(&|registry, json| registry.remove_blob(REPOSITORY, &digest(json)), Some(&key), &trust);
    assert!(said.contains("expected it there, since its manifest names it, found none"), "{said}");

    // The tag moved to an artifact that nobody signed.
    let change_manifest = |registry: &Registry, json: &serde_json::Value| {
        let mut json = json.clone();
        json["annotations"]["org.opencontainers.image.created"] = "2030-01-01T00:00:00Z".into();
        registry.put_manifest(
            REPOSITORY,
            "1",
            "application/vnd.oci.image.manifest.v1+json",
            json.to_string().as_bytes(),
        );
    };
    let said = refused(&change_manifest, Some(&key), &trust);
    assert!(said.ends_with("found no signature"), "{said}");
    // And the old signature copied to it.
    let copy_signature = |registry: &Registry, json: &serde_json::Value| {
        let (_, old) = registry.manifest(REPOSITORY, "1").unwrap();
        change_manifest(registry, json);
        let (_, new) = registry.manifest(REPOSITORY, "1").unwrap();
        let tag = |bytes: &[u8]| signature_tag(&sha256(bytes).parse().unwrap());
        let (media_type, signature) = registry.manifest(REPOSITORY, &tag(&old)).unwrap();
        registry.put_manifest(REPOSITORY, &tag(&new), &media_type, &signature);
    };
    let said = refused(&copy_signature, Some(&key), &trust);
    assert!(said.contains("found its signature of `sha256:"), "{said}");
    // An image under the tag.
    let image = |registry: &Registry, _: &serde_json::Value| {
        let text = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":2},"layers":[]}"#;
        registry.put_manifest(REPOSITORY, "1", "application/vnd.oci.image.manifest.v1+json", text.as_bytes());
    };
    let said = refused(&image, Some(&key), &Trust::anyone());
    assert!(
        said.ends_with("expected an artifact of type `application/vnd.plimsoll.database.v2`, found `application/vnd.oci.image.config.v1+json`"),
        "{said}"
    );
}

#[test]
fn only_what_is_wanted_is_fetched() {
    let folder = Folder::new();
    let registry = Registry::start();
    let generation = fill(&folder.store("here"), 300);
    let name = reference(&registry, ":1");
    let pushed = push(&generation, &name, &packing(None), &options()).unwrap();
    let trust = Trust::anyone();
    let wanted = [Namespace::parse("PyPI").unwrap()];
    let some = Taking { wanted: Some(&wanted), ..taking(&trust) };
    let there = folder.store("there");
    let received = pull(&name, &there, &some, &options()).unwrap();
    assert_eq!(received.partitions, 2, "PyPI and the known exploited ones");
    assert!(received.fetched_chunks < pushed.sent_chunks);
    assert!(received.generation.open(&wanted).is_ok());
    let received = pull(&name, &there, &taking(&trust), &options()).unwrap();
    assert_eq!((received.partitions, received.unchanged), (3, false));
    there.verify().unwrap();
}

#[test]
fn a_registry_that_stumbles_is_asked_again() {
    let folder = Folder::new();
    let registry = Registry::start();
    registry.require(Auth::Bearer { user: None, identity: None, uses: 40 });
    let generation = fill(&folder.store("here"), 300);
    let name = reference(&registry, ":1");
    for fault in [Fault::Drop, Fault::Status(503, Vec::new()), Fault::Status(500, Vec::new())] {
        registry.fail_next("/blobs/uploads/", fault);
    }
    push(&generation, &name, &packing(None), &options()).unwrap();
    registry.fail_next("/blobs/sha256", Fault::CutAfter(100));
    registry.fail_next("/manifests/", Fault::Status(502, Vec::new()));
    let there = folder.store("there");
    pull(&name, &there, &taking(&Trust::anyone()), &options()).unwrap();
    there.verify().unwrap();
}

#[test]
fn a_chunk_that_was_deleted_is_sent_anew() {
    let folder = Folder::new();
    let registry = Registry::start();
    let generation = fill(&folder.store("here"), 5);
    let name = reference(&registry, ":1");
    push(&generation, &name, &packing(None), &options()).unwrap();
    let (_, bytes) = registry.manifest(REPOSITORY, "1").unwrap();
    let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    registry.remove_blob(REPOSITORY, json["layers"][0]["digest"].as_str().unwrap());
    let pushed = push(&generation, &name, &packing(None), &options()).unwrap();
    assert_eq!(pushed.sent_chunks, 1);
    pull(&name, &folder.store("there"), &taking(&Trust::anyone()), &options()).unwrap();
}

#[test]
fn what_fails_leaves_the_store_and_the_tag_as_they_were() {
    let folder = Folder::new();
    let registry = Registry::start();
    let here = folder.store("here");
    let first = fill(&here, 300);
    let name = reference(&registry, ":1");
    let trust = Trust::anyone();
    push(&first, &name, &packing(None), &options()).unwrap();
    let there = folder.store("there");
    pull(&name, &there, &taking(&trust), &options()).unwrap();
    let tag = registry.manifest(REPOSITORY, "1");
    let second = change(&here, 7);
    registry.fail_next("/blobs/uploads/", Fault::Status(403, Vec::new()));
    let error = push(&second, &name, &packing(None), &options()).unwrap_err();
    assert!(error.to_string().starts_with("cannot push blob sha256:"), "{error}");
    assert_eq!(registry.manifest(REPOSITORY, "1"), tag);
    push(&second, &name, &packing(None), &options()).unwrap();
    registry.fail_next("/blobs/sha256", Fault::Status(403, Vec::new()));
    assert!(pull(&name, &there, &taking(&trust), &options()).is_err());
    assert_eq!(there.current().unwrap().unwrap().digest(), first.digest());
    there.verify().unwrap();
    let by_digest = reference(&registry, &format!("@sha256:{}", "0".repeat(64)));
    let error = push(&second, &by_digest, &packing(None), &options()).unwrap_err();
    assert!(error.to_string().ends_with("expected a tag, found a digest"), "{error}");
}
