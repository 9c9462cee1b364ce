//! Things attached to images of the loopback registry, by several at once as well; and the images of an index.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::Digest;
use plimsoll_oci::{Attachment, Options, Reference, Repository, digest_tag};
use plimsoll_testkit::image::{BuiltImage, ImageBuilder, sha256};
use plimsoll_testkit::registry::{Auth, Registry};
use serde_json::{Value, json};

const KIND: &str = "application/vnd.in-toto+json";
const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn image(text: &str) -> BuiltImage {
    ImageBuilder::from_text(&format!("//- layer\n//- file a\n{text}\n")).build()
}

fn repository(registry: &Registry) -> Repository {
    let reference: Reference = format!("{}/app", registry.host()).parse().unwrap();
    Repository::open_for_push(&reference, &Options::default())
}

fn attachment(bytes: &[u8]) -> Attachment<'_> {
    let annotations = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    Attachment { artifact_type: KIND, media_type: ENVELOPE, bytes, annotations }
}

fn digests(registry: &Registry, tag: &str, list: &str) -> BTreeSet<String> {
    let (_, bytes) = registry.manifest("app", tag).unwrap();
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    let entries = manifest[list].as_array().unwrap().iter();
    entries.map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_attached_is_listed_with_and_without_a_list_of_referrers() {
    for is_old in [false, true] {
        let registry = Registry::start();
        registry.put_image("app", "1", &image("1"));
        if is_old {
            registry.older();
        }
        let repository = repository(&registry);
        let subject = repository.fetch_manifest("1").unwrap();
        let first = repository.attach(&subject, &attachment(b"one")).unwrap();
        assert!(first.is_new);
        let again = repository.attach(&subject, &attachment(b"one")).unwrap();
        assert_eq!((again.is_new, &again.digest), (false, &first.digest));
        let second = repository.attach(&subject, &attachment(b"two")).unwrap();
        let listed = repository.referrers(&subject.digest).unwrap();
        assert_eq!(listed.len(), 2, "{is_old}");
        for entry in &listed {
            assert_eq!(entry.artifact_type, KIND);
            assert_eq!(entry.annotations["k"], "v");
            assert!([&first.digest, &second.digest].contains(&&entry.digest));
            let artifact = repository.find_artifact(entry.digest.as_str()).unwrap().unwrap();
            assert_eq!(artifact.subject.as_ref(), Some(&subject.digest));
            assert_eq!(artifact.blobs[0].media_type, ENVELOPE);
        }
        assert_eq!(registry.manifest("app", &digest_tag(&subject.digest)).is_some(), is_old);
    }
}

/// Registries write under no condition: who writes looks again, and nobody's entry is lost.
#[test]
fn several_at_once_lose_nothing() {
    let registry = Registry::start();
    registry.put_image("app", "1", &image("1"));
    registry.older();
    let subject = repository(&registry).fetch_manifest("1").unwrap();
    let tag = format!("{}.att", digest_tag(&subject.digest));
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (registry, subject, tag) = (&registry, &subject, &tag);
            scope.spawn(move || {
                let repository = repository(registry);
                let bytes = format!("statement {number}");
                repository.attach(subject, &attachment(bytes.as_bytes())).unwrap();
                repository.append_layer(tag, &attachment(bytes.as_bytes())).unwrap();
            });
        }
    });
    assert_eq!(digests(&registry, &digest_tag(&subject.digest), "manifests").len(), 4);
    assert_eq!(digests(&registry, &tag, "layers").len(), 4);
    // Its config counts its layers, as readers of images want it.
    let (_, bytes) = registry.manifest("app", &tag).unwrap();
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    let config = registry.blob("app", manifest["config"]["digest"].as_str().unwrap()).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"].as_array().map(Vec::len), Some(4));
}

#[test]
fn what_stands_under_a_tag_and_is_no_list_stays() {
    let registry = Registry::start();
    registry.put_manifest("app", "odd", INDEX, br#"{"schemaVersion":2,"manifests":[]}"#);
    let error = repository(&registry).append_layer("odd", &attachment(b"one")).unwrap_err().to_string();
    assert!(error.contains("expected `application/vnd.oci.image.manifest.v1+json`"), "{error}");
    assert_eq!(registry.manifest("app", "odd").unwrap().1, br#"{"schemaVersion":2,"manifests":[]}"#);
    // A full one has no room, and keeps what it has.
    let layer = json!({"mediaType": ENVELOPE, "digest": registry.put_blob("app", b"x"), "size": 1});
    let config = registry.put_blob("app", b"{}");
    let full =
        json!({"schemaVersion": 2, "config": {"digest": config, "size": 2}, "layers": vec![layer; 1000]});
    registry.put_manifest("app", "full", MANIFEST, full.to_string().as_bytes());
    let error = repository(&registry).append_layer("full", &attachment(b"one")).unwrap_err().to_string();
    assert!(error.contains("room for one more of at most 1000 entries"), "{error}");
    // Who may not write is told so.
    let user = ("u".to_owned(), "p".to_owned());
    registry.require(Auth::Basic { user: user.0, password: user.1 });
    let error = repository(&registry).append_layer("new", &attachment(b"one")).unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
}

#[test]
fn the_images_of_an_index_are_those_to_run() {
    let registry = Registry::start();
    let (one, two) = (image("1"), image("2"));
    registry.put_image("app", "one", &one);
    registry.put_image("app", "", &two);
    let entry = |image: &BuiltImage, architecture: &str| {
        json!({"mediaType": MANIFEST, "digest": sha256(&image.manifest), "size": image.manifest.len(),
               "platform": {"os": "linux", "architecture": architecture}})
    };
    let statement = json!({"mediaType": MANIFEST, "digest": sha256(b"x"), "size": 1,
        "platform": {"os": "unknown", "architecture": "unknown"}});
    let entries = [entry(&one, "amd64"), statement, entry(&two, "arm64"), entry(&one, "amd64")];
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string();
    let index = registry.put_manifest("app", "multi", INDEX, index.as_bytes());
    let repository = repository(&registry);
    let (digest, images) = repository.images("multi").unwrap();
    assert_eq!(digest.as_str(), index);
    let found: Vec<String> =
        images.iter().map(|image| image.platform.as_ref().unwrap().to_string()).collect();
    assert_eq!(found, ["linux/amd64", "linux/arm64"]);
    assert_eq!(images[0].config.as_str(), sha256(&one.config));
    let diff_ids: Vec<Digest> =
        repository.diff_ids(&images[1]).unwrap().into_iter().map(|diff_id| diff_id.0).collect();
    assert_eq!(diff_ids.len(), 1);
    assert_eq!(diff_ids[0].as_str(), sha256(&two.layers[0].tar));
    let (digest, images) = repository.images("one").unwrap();
    assert_eq!((images.len(), &images[0].digest, &images[0].platform), (1, &digest, &None));
    registry.put_manifest("app", "page", "text/html", b"<html>");
    assert!(repository.images("page").is_err());
    assert!(matches!(repository.images("none"), Err(plimsoll_oci::Error::NotFound { .. })));
}
