//! Images copied between registries on loopback.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::Mutex;

use plimsoll_model::{Digest, Platform};
use plimsoll_oci::{Copied, CopyOptions, CopyProgress, Error, Kind, Options, Reference, Repository, copy};
use plimsoll_testkit::hasty_requests;
use plimsoll_testkit::image::{BuiltImage, ImageBuilder, sha256};
use plimsoll_testkit::registry::{Auth, Fault, Registry};
use serde_json::{Value, json};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn options() -> Options {
    Options { http: hasty_requests(), ..Options::default() }
}

fn place(registry: &Registry, repository: &str) -> Repository {
    let reference: Reference = format!("{}/{repository}:1", registry.host()).parse().unwrap();
    Repository::open_for_push(&reference, &options())
}

fn image(architecture: &str) -> BuiltImage {
    let text = format!("//- layer\n//- file base\nsame\n//- layer\n//- file own\n{architecture}\n");
    ImageBuilder::from_text(&text).platform(architecture, "").build()
}

const ALL: CopyOptions<'_> = CopyOptions {
    platform: None,
    tag: Some("2"),
    source_tag: None,
    jobs: 3,
    with_referrers: true,
    progress: None,
};

/// An index of two images, and a statement about the first, as BuildKit lays it beside them.
fn put_index(registry: &Registry) -> (Digest, Vec<Digest>) {
    let mut entries = Vec::new();
    for architecture in ["amd64", "arm64"] {
        let image = image(architecture);
        let digest = registry.put_image("team/app", "", &image);
        entries.push(json!({"mediaType": MANIFEST, "digest": digest, "size": image.manifest.len(),
            "platform": {"os": "linux", "architecture": architecture}}));
    }
    let statement = registry.put_blob("team/app", b"{\"statement\":1}");
    let config = registry.put_blob("team/app", b"{}");
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
        "layers": [{"mediaType": "application/vnd.in-toto+json", "digest": statement, "size": 15}]})
    .to_string();
    let digest = registry.put_manifest("team/app", "", MANIFEST, manifest.as_bytes());
    entries.push(json!({"mediaType": MANIFEST, "digest": digest, "size": manifest.len(),
        "platform": {"os": "unknown", "architecture": "unknown"}}));
    let digests = entries.iter().map(|entry| entry["digest"].as_str().unwrap().parse().unwrap()).collect();
    // Odd spacing: the bytes must stay as they are.
    let index = format!(
        "{{\"schemaVersion\": 2,  \"mediaType\":\"{INDEX}\",\n \"manifests\": {}}}",
        Value::from(entries)
    );
    (registry.put_manifest("team/app", "1", INDEX, index.as_bytes()).parse().unwrap(), digests)
}

#[test]
fn an_index_goes_whole_and_keeps_its_bytes() {
    let (from, to) = (Registry::start(), Registry::start());
    let (digest, members) = put_index(&from);
    let source = place(&from, "team/app");
    let copied = copy(&source, &place(&to, "prod/app"), &digest, &ALL).unwrap();
    assert_eq!(copied.digest.as_ref(), Some(&digest));
    assert_eq!(copied.manifests.last(), Some(&digest));
    assert_eq!((copied.manifests_written, copied.blobs_sent), (4, 7), "{copied:?}");
    assert_eq!(to.manifest("prod/app", "2"), from.manifest("team/app", "1"));
    for member in &members {
        assert_eq!(to.manifest("prod/app", member.as_str()), from.manifest("team/app", member.as_str()));
    }
    // The base layer of both is sent once.
    let base = image("amd64").layers[0].digest.clone();
    let puts = to
        .requests()
        .iter()
        .filter(|request| request.method == "PUT" && request.path.contains("uploads"))
        .count();
    assert_eq!(puts, 7);
    assert_eq!(to.blob("prod/app", &base), from.blob("team/app", &base));

    // Once more there is nothing to do, and nothing is sent.
    let before = to.requests().len();
    let again = copy(&source, &place(&to, "prod/app"), &digest, &ALL).unwrap();
    assert_eq!((again.manifests_written, again.blobs_sent, again.blobs_present), (0, 0, 7));
    assert!(to.requests()[before..].iter().all(|request| !matches!(request.method.as_str(), "PUT" | "POST")));

    let survey = place(&to, "prod/app").survey("2").unwrap();
    assert_eq!((survey.kind, survey.digest), (Kind::Index, digest));
    let platforms: Vec<String> =
        survey.members.iter().map(|member| member.platform.as_ref().unwrap().to_string()).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    assert_eq!(survey.members[0].created.as_deref(), Some("2024-01-02T03:04:05Z"));
}

#[test]
fn one_platform_goes_alone() {
    let (from, to) = (Registry::start(), Registry::start());
    let (digest, members) = put_index(&from);
    let platform =
        Platform { os: "linux".to_owned(), architecture: "arm64".to_owned(), variant: String::new() };
    let options = CopyOptions { platform: Some(&platform), source_tag: Some("1"), ..ALL };
    let copied = copy(&place(&from, "team/app"), &place(&to, "prod/app"), &digest, &options).unwrap();
    assert_eq!(copied.digest.as_ref(), Some(&members[1]));
    assert_eq!((copied.manifests_written, copied.blobs_sent), (1, 3));
    assert!(to.manifest("prod/app", digest.as_str()).is_none());
    let missing = Platform { architecture: "s390x".to_owned(), ..platform };
    let options = CopyOptions { platform: Some(&missing), ..ALL };
    let error = copy(&place(&from, "team/app"), &place(&to, "prod/app"), &digest, &options).unwrap_err();
    assert!(matches!(error, Error::PlatformMissing { .. }), "{error}");
}

#[test]
fn blobs_of_the_same_registry_are_mounted() {
    let registry = Registry::start();
    let (digest, _) = put_index(&registry);
    let copied = copy(&place(&registry, "team/app"), &place(&registry, "prod/app"), &digest, &ALL).unwrap();
    assert_eq!((copied.blobs_mounted, copied.blobs_sent), (7, 0));
    // Where that is not done they are sent.
    registry.without_mounts();
    let copied = copy(&place(&registry, "team/app"), &place(&registry, "prod/other"), &digest, &ALL).unwrap();
    assert_eq!((copied.blobs_mounted, copied.blobs_sent), (0, 7));
    // In the same repository there is nothing to do but to set the tag.
    let before = registry.requests().len();
    let copied = copy(&place(&registry, "team/app"), &place(&registry, "team/app"), &digest, &ALL).unwrap();
    assert_eq!(copied.blobs_present, 0);
    assert_eq!(registry.requests()[before..].iter().filter(|request| request.method == "PUT").count(), 1);
    assert_eq!(registry.manifest("team/app", "2"), registry.manifest("team/app", "1"));
}

#[test]
fn what_is_attached_goes_with_it() {
    for (from_lists, to_lists) in [(true, true), (true, false), (false, true), (false, false)] {
        let (from, to) = (Registry::start(), Registry::start());
        let (digest, members) = put_index(&from);
        let sbom = from.attach("team/app", members[0].as_str(), "application/x-sbom", "text/x", b"bill");
        let signature = from.attach("team/app", &sbom, "application/x-signature", "text/x", b"signed");
        let vex = from.attach("team/app", digest.as_str(), "application/x-vex", "text/x", b"vex");
        let tag = digest.as_str().replace(':', "-");
        let cosign = format!("{tag}.sig");
        let signed = from.attach("team/app", digest.as_str(), "", "application/vnd.dev.cosign", b"by tag");
        let (media_type, bytes) = from.manifest("team/app", &signed).unwrap();
        from.put_manifest("team/app", &cosign, &media_type, &bytes);
        if !from_lists {
            for subject in [members[0].as_str(), sbom.as_str(), digest.as_str()] {
                from.without_referrers("team/app", subject);
            }
        }
        if !to_lists {
            to.without_referrers_list();
            // Somebody attached something there before.
            to.put_manifest("prod/app", &tag, INDEX, br#"{"schemaVersion":2,"manifests":[{"mediaType":"m","digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":1}]}"#);
        }
        let destination = place(&to, "prod/app");
        let copied = copy(&place(&from, "team/app"), &destination, &digest, &ALL).unwrap();
        assert_eq!(copied.left, [], "{from_lists} {to_lists}");
        assert_eq!(copied.referrers, 4, "{from_lists} {to_lists}");
        let listed = |subject: &str| {
            let mut found: Vec<String> = destination
                .referrers(&subject.parse().unwrap())
                .unwrap()
                .into_iter()
                .map(|attached| attached.digest.to_string())
                .collect();
            found.sort();
            found
        };
        assert_eq!(listed(members[0].as_str()), std::slice::from_ref(&sbom));
        assert_eq!(listed(&sbom), [signature]);
        let of_index = listed(digest.as_str());
        assert!(of_index.contains(&vex) && of_index.contains(&signed), "{of_index:?}");
        assert_eq!(of_index.len(), if to_lists { 2 } else { 3 }, "{of_index:?}");
        assert_eq!(to.manifest("prod/app", &cosign), from.manifest("team/app", &cosign));
        // Once more nothing changes.
        let again = copy(&place(&from, "team/app"), &destination, &digest, &ALL).unwrap();
        assert_eq!((again.manifests_written, again.blobs_sent), (0, 0));
        assert_eq!(listed(digest.as_str()), of_index);
    }
}

#[test]
fn signatures_of_both_places_are_kept() {
    let (from, to) = (Registry::start(), Registry::start());
    let (digest, _) = put_index(&from);
    let tag = format!("{}.att", digest.as_str().replace(':', "-"));
    let statement = |registry: &Registry, repository: &str, text: &str| {
        let config = registry.put_blob(repository, b"{}");
        let layer = registry.put_blob(repository, text.as_bytes());
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
            "layers": [{"mediaType": "application/vnd.dsse.envelope.v1+json", "digest": layer, "size": text.len()}]});
        registry.put_manifest(repository, &tag, MANIFEST, manifest.to_string().as_bytes());
        layer
    };
    let of_source = statement(&from, "team/app", "of the source");
    let of_destination = statement(&to, "prod/app", "of the destination");
    copy(&place(&from, "team/app"), &place(&to, "prod/app"), &digest, &ALL).unwrap();
    let (_, merged) = to.manifest("prod/app", &tag).unwrap();
    let merged: Value = serde_json::from_slice(&merged).unwrap();
    let layers: Vec<&str> =
        merged["layers"].as_array().unwrap().iter().map(|layer| layer["digest"].as_str().unwrap()).collect();
    assert_eq!(layers, [of_destination.as_str(), of_source.as_str()]);
    assert_eq!(place(&to, "prod/app").survey(&tag).unwrap().members, []);
}

#[test]
fn a_blob_that_is_not_what_its_digest_says_is_never_there() {
    let (from, to) = (Registry::start(), Registry::start());
    let built = image("amd64");
    let digest: Digest = from.put_image("team/app", "1", &built).parse().unwrap();
    let layer = &built.layers[1].digest;
    let mut wrong = built.layers[1].blob.clone();
    *wrong.last_mut().unwrap() ^= 1;
    from.put_blob_as("team/app", layer, &wrong);
    let error = copy(&place(&from, "team/app"), &place(&to, "prod/app"), &digest, &ALL).unwrap_err();
    assert!(matches!(&error, Error::Digest { expected, .. } if expected == layer), "{error}");
    assert!(to.blob("prod/app", layer).is_none());
    assert!(to.manifest("prod/app", "2").is_none() && to.manifest("prod/app", digest.as_str()).is_none());
    // The image is whole again: what is there already is not sent twice.
    from.put_blob_as("team/app", layer, &built.layers[1].blob);
    let copied = copy(&place(&from, "team/app"), &place(&to, "prod/app"), &digest, &ALL).unwrap();
    assert!(copied.blobs_present >= 1 && copied.blobs_sent + copied.blobs_present == 3, "{copied:?}");
    assert_eq!(to.manifest("prod/app", "2").unwrap().1, built.manifest);
}

#[test]
fn a_missing_blob_and_a_missing_platform_are_told() {
    let (from, to) = (Registry::start(), Registry::start());
    let (digest, members) = put_index(&from);
    let layer = image("arm64").layers[1].digest.clone();
    from.remove_blob("team/app", &layer);
    let error = copy(&place(&from, "team/app"), &place(&to, "prod/app"), &digest, &ALL).unwrap_err();
    assert!(error.to_string().contains(&layer), "{error}");
    assert!(to.manifest("prod/app", "2").is_none());
    from.remove_manifest("team/app", members[1].as_str());
    let error = copy(&place(&from, "team/app"), &place(&to, "prod/app"), &digest, &ALL).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

#[test]
fn a_tag_that_moved_meanwhile_is_told_with_both_digests() {
    let (from, to) = (Registry::start(), Registry::start());
    let judged: Digest = from.put_image("team/app", "1", &image("amd64")).parse().unwrap();
    let other = from.put_image("team/app", "1", &image("arm64"));
    let options = CopyOptions { source_tag: Some("1"), ..ALL };
    let error = copy(&place(&from, "team/app"), &place(&to, "prod/app"), &judged, &options).unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error, Error::Moved { .. }) && text.contains(&other) && text.contains(judged.as_str()),
        "{text}"
    );
    assert!(to.manifest("prod/app", "2").is_none());
}

#[test]
fn foreign_layers_stay_where_they_are() {
    let (from, to) = (Registry::start(), Registry::start());
    let config = from.put_blob("team/app", b"{}");
    let foreign = sha256(b"far away");
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
        "layers": [{"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "digest": foreign, "size": 8,
            "urls": ["https://layers.example/far"]}]})
    .to_string();
    let digest: Digest = from.put_manifest("team/app", "1", MANIFEST, manifest.as_bytes()).parse().unwrap();
    let copied = copy(&place(&from, "team/app"), &place(&to, "prod/app"), &digest, &ALL).unwrap();
    assert_eq!((copied.blobs_sent, copied.left.len()), (1, 1));
    assert_eq!(copied.left[0].what, foreign);
    assert!(copied.left[0].reason.starts_with("a foreign layer"), "{:?}", copied.left);
    assert_eq!(to.manifest("prod/app", "2"), from.manifest("team/app", "1"));
    to.put_blob_as("prod/app", &foreign, b"far away");
    let copied = copy(&place(&from, "team/app"), &place(&to, "prod/app"), &digest, &ALL).unwrap();
    assert_eq!((copied.blobs_present, copied.left.len()), (2, 0));
}

#[test]
fn uploads_that_break_are_begun_anew_and_progress_is_told() {
    #[derive(Default)]
    struct Told(Mutex<(usize, u64, u64)>);
    impl CopyProgress for Told {
        fn planned(&self, blobs: usize, bytes: u64) {
            let mut told = self.0.lock().unwrap();
            told.0 += blobs;
            told.1 += bytes;
        }
        fn done(&self, bytes: u64) {
            self.0.lock().unwrap().2 += bytes;
        }
    }
    let (from, to) = (Registry::start(), Registry::start());
    let digest: Digest = from.put_image("team/app", "1", &image("amd64")).parse().unwrap();
    to.fail_next("/blobs/uploads/1", Fault::Drop);
    to.fail_next("/blobs/uploads/2", Fault::Status(503, Vec::new()));
    from.fail_next("/blobs/sha256", Fault::CutAfter(10));
    let told = Told::default();
    let options = CopyOptions { progress: Some(&told), jobs: 1, ..ALL };
    let copied: Copied = copy(&place(&from, "team/app"), &place(&to, "prod/app"), &digest, &options).unwrap();
    assert_eq!(copied.blobs_sent, 3);
    let told = *told.0.lock().unwrap();
    assert_eq!((told.0, told.1), (3, told.2));
    assert_eq!(copied.bytes_sent, told.2);
}

#[test]
fn tokens_are_fetched_for_both_places() {
    let (from, to) = (Registry::start(), Registry::start());
    let (digest, _) = put_index(&from);
    from.attach("team/app", digest.as_str(), "application/x-vex", "text/x", b"vex");
    for registry in [&from, &to] {
        // A token is good for a few requests, and another one for pushing.
        registry.require(Auth::Bearer { user: None, identity: None, uses: 7 });
    }
    let copied = copy(&place(&from, "team/app"), &place(&to, "prod/app"), &digest, &ALL).unwrap();
    assert_eq!((copied.blobs_sent, copied.referrers), (8, 1), "{copied:?}");
    assert_eq!(to.manifest("prod/app", "2"), from.manifest("team/app", "1"));
    let (from, read_only) = (Registry::start(), Registry::start());
    let (digest, _) = put_index(&from);
    read_only.require(Auth::Bearer { user: None, identity: None, uses: 100 });
    read_only.read_only();
    let error = copy(&place(&from, "team/app"), &place(&read_only, "prod/app"), &digest, &ALL).unwrap_err();
    assert!(matches!(error, Error::PushDenied { .. }), "{error}");
}
