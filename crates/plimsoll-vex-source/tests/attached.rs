//! Documents that are attached to an image, in a registry on loopback.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use base64::Engine as _;
use jiff::Timestamp;
use plimsoll_attest::{Envelope, PrivateKey, VerifyingKey};
use plimsoll_model::{Artifact, Inventory};
use plimsoll_oci::Options;
use plimsoll_testkit::hasty_requests;
use plimsoll_testkit::image::ImageBuilder;
use plimsoll_testkit::registry::{Fault, Registry};
use plimsoll_vex_source::{Error, Found, Looking, Place, Source, find};

const OPENVEX: &str = "application/vnd.openvex+json";
const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

struct Setting {
    registry: Registry,
    image: String,
    inventory: Inventory,
}

impl Setting {
    fn new() -> Self {
        let registry = Registry::start();
        let image = registry.put_image("team/app", "1", &ImageBuilder::new().build());
        let name = format!("{}/team/app", registry.host());
        let artifact = Artifact {
            name: format!("{name}:1"),
            manifest_digest: image.clone(),
            repo_digests: vec![format!("{name}@{image}")],
            ..Artifact::default()
        };
        Self { registry, image, inventory: Inventory { artifact, ..Inventory::default() } }
    }

    fn attach(&self, kind: &str, text: &str) -> String {
        self.registry.attach("team/app", &self.image, kind, kind, text.as_bytes())
    }

    fn find(&self, keys: &[VerifyingKey]) -> Result<Found, Error> {
        let options = Options { http: hasty_requests(), ..Options::default() };
        let looking = Looking {
            keys,
            reach: &options,
            cache_folder: None,
            temporary_folder: std::path::Path::new("/nowhere"),
            now: Timestamp::UNIX_EPOCH,
            offline: true,
        };
        let mut found = Found::default();
        find(&[Source::Attached], &self.inventory, &looking, &mut found)?;
        Ok(found)
    }

    /// The IDs of the documents that are taken, sorted, and the notices.
    #[track_caller]
    fn taken(&self, keys: &[VerifyingKey]) -> (Vec<String>, Vec<String>) {
        let found = self.find(keys).unwrap();
        assert!(found.documents.iter().all(|found| found.place == Place::Attached));
        let mut ids: Vec<String> = found.documents.into_iter().map(|found| found.document.id).collect();
        ids.sort();
        let host = self.registry.host();
        let notices = found.notices.into_iter().map(|notice| notice.text.replace(&host, "HOST"));
        (ids, notices.collect())
    }
}

fn document(id: &str) -> String {
    format!(
        r#"{{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "{id}", "author": "acme", "timestamp": "2025-01-01T00:00:00Z",
            "version": 1, "statements": [{{"vulnerability": {{"name": "CVE-1"}}, "products": [{{"@id": "pkg:npm/a"}}],
            "status": "fixed"}}]}}"#
    )
}

fn statement(image: &str, predicate_type: &str, predicate: &str) -> String {
    let hex = image.split_once(':').unwrap().1;
    format!(
        r#"{{"_type": "https://in-toto.io/Statement/v1", "subject": [{{"name": "app", "digest": {{"sha256": "{hex}"}}}}],
            "predicateType": "{predicate_type}", "predicate": {predicate}}}"#
    )
}

fn signed(key: &PrivateKey, payload: &str) -> String {
    signed_as(key, IN_TOTO, payload)
}

fn signed_as(key: &PrivateKey, kind: &str, payload: &str) -> String {
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let envelope = Envelope {
        payload_type: kind.to_owned(),
        payload: payload.as_bytes().to_vec(),
        signatures: Vec::new(),
    };
    let signature = base64(&key.sign(&envelope.signed_bytes()));
    let payload = base64(payload.as_bytes());
    format!(
        r#"{{"payloadType": "{kind}", "payload": "{payload}", "signatures": [{{"sig": "{signature}"}}]}}"#
    )
}

const UNCHECKED: &str = "1 attached document is counted, and nobody's signature was checked: `--vex-key FILE` says whom to believe";

#[test]
fn every_form_is_read() {
    let key = PrivateKey::generate().unwrap();
    let openvex = "https://openvex.dev/ns/v0.2.0";
    for (kind, text) in [
        (OPENVEX, "bare"),
        ("application/vex+json", "bare"),
        (IN_TOTO, "statement"),
        (DSSE, "envelope"),
        (BUNDLE, "bundle"),
        // What lists leave out, or what older tools write there.
        ("", "of no type"),
    ] {
        let setting = Setting::new();
        let inner = statement(&setting.image, openvex, &document("a"));
        let text = match text {
            "statement" => inner,
            "envelope" => signed(&key, &inner),
            "bundle" => format!(r#"{{"mediaType": "{BUNDLE}", "dsseEnvelope": {}}}"#, signed(&key, &inner)),
            _ => document("a"),
        };
        let media_type = if kind.is_empty() { OPENVEX } else { kind };
        setting.registry.attach("team/app", &setting.image, kind, media_type, text.as_bytes());
        let expected = (vec!["a".to_owned()], vec![UNCHECKED.to_owned()]);
        assert_eq!(setting.taken(&[]), expected, "{kind}");
        setting.registry.without_referrers("team/app", &setting.image);
        assert_eq!(setting.taken(&[]), expected, "{kind}");
    }
    let setting = Setting::new();
    assert_eq!(setting.taken(&[]), (Vec::new(), Vec::new()));
}

#[test]
fn with_a_key_only_what_it_has_signed_is_taken() {
    let (ours, theirs) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let keys = [VerifyingKey::from(ours.public())];
    let setting = Setting::new();
    let inner = |id| statement(&setting.image, "https://openvex.dev/ns/v0.2.0", &document(id));
    setting.attach(OPENVEX, &document("unsigned"));
    setting.attach(DSSE, &signed(&ours, &inner("ours")));
    setting.attach(DSSE, &signed(&theirs, &inner("theirs")));
    // Of a signature of something else nothing is told.
    setting
        .attach(DSSE, &signed(&theirs, &statement(&setting.image, "https://slsa.dev/provenance/v1", "{}")));
    let (ids, mut notices) = setting.taken(&keys);
    notices.sort();
    assert_eq!(ids, ["ours"]);
    let expected = |what| format!("is not taken: expected a signature by {}, found {what}", keys[0]);
    assert_eq!(
        notices,
        [expected("a signature by another key, or of other bytes"), expected("no signature")]
    );
    assert_eq!(setting.taken(&[]).0, ["ours", "theirs", "unsigned"]);
}

#[test]
fn what_speaks_of_another_image_is_not_taken() {
    let setting = Setting::new();
    let other = format!("sha256:{}", "0".repeat(64));
    setting.attach(IN_TOTO, &statement(&other, "https://openvex.dev/ns/v0.2.0", &document("a")));
    let (ids, notices) = setting.taken(&[]);
    assert!(ids.is_empty());
    let expected =
        format!("is not taken: expected a statement on `{}`, found one on `{other}`", setting.image);
    assert_eq!(notices, [expected]);
}

#[test]
fn a_signature_holds_for_the_image_that_it_is_about() {
    let key = PrivateKey::generate().unwrap();
    let keys = [VerifyingKey::from(key.public())];
    let setting = Setting::new();
    let other = format!("sha256:{}", "0".repeat(64));
    let openvex = "https://openvex.dev/ns/v0.2.0";
    setting.attach(DSSE, &signed(&key, &statement(&other, openvex, &document("of another"))));
    // Marks before it hide no statement.
    let marked = format!("\u{feff}{}", statement(&other, openvex, &document("of another, marked")));
    setting.attach(DSSE, &signed(&key, &marked));
    setting.registry.attach(
        "team/app",
        &setting.image,
        OPENVEX,
        DSSE,
        signed(&key, &document("bare")).as_bytes(),
    );
    let (ids, mut notices) = setting.taken(&keys);
    notices.sort();
    assert!(ids.is_empty());
    let expected =
        |found: &str| format!("is not taken: expected a statement on `{}`, found {found}", setting.image);
    let of_other = expected(&format!("one on `{other}`"));
    assert_eq!(
        notices,
        [expected("a signed document that is bound to no image"), of_other.clone(), of_other]
    );
    // A field that stands twice could be read in two ways.
    let setting = Setting::new();
    let twice = statement(&setting.image, openvex, &document("a")).replacen('{', r#"{"subject": [], "#, 1);
    setting.attach(IN_TOTO, &twice);
    assert!(setting.taken(&[]).1[0].contains("expected JSON"));
}

#[test]
fn a_signature_of_bytes_of_another_type_is_none_of_a_statement() {
    let key = PrivateKey::generate().unwrap();
    for (kind, is_taken) in
        [(IN_TOTO, true), ("application/vnd.in-toto.vex+json", true), ("text/plain", false), ("", false)]
    {
        let setting = Setting::new();
        let inner = statement(&setting.image, "https://openvex.dev/ns/v0.2.0", &document("a"));
        let text = signed_as(&key, kind, &inner);
        setting.registry.attach("team/app", &setting.image, DSSE, DSSE, text.as_bytes());
        let (taken, notices) = setting.taken(&[VerifyingKey::from(key.public())]);
        assert_eq!(taken.len(), usize::from(is_taken), "{kind}");
        assert_eq!(notices.len(), usize::from(!is_taken), "{kind}: {notices:?}");
    }
}

#[test]
fn what_is_something_else_is_passed_over() {
    let setting = Setting::new();
    for (kind, text) in [
        (
            "application/vnd.cyclonedx+json",
            r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}"#,
        ),
        ("application/vnd.cyclonedx+json", r#"{"bomFormat": "CycloneDX", "specVersion": "9"}"#),
        ("application/spdx+json", "{"),
        (IN_TOTO, &statement(&setting.image, "https://slsa.dev/provenance/v1", "{}")),
        ("application/vnd.example.thing", "{"),
    ] {
        setting.attach(kind, text);
    }
    assert_eq!(setting.taken(&[]), (Vec::new(), Vec::new()));
}

#[test]
fn cosigns_tag_and_the_builders_index_are_looked_into() {
    let key = PrivateKey::generate().unwrap();
    let mut setting = Setting::new();
    let (image, host) = (setting.image.clone(), setting.registry.host());
    let openvex = "https://openvex.dev/ns/v0.2.0";
    let manifest = |media_type: &str, annotation: &str, text: &str| {
        let config = setting.registry.put_blob("team/app", b"{}");
        let blob = setting.registry.put_blob("team/app", text.as_bytes());
        format!(
            r#"{{"schemaVersion": 2, "mediaType": "{MANIFEST}",
                "config": {{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "{config}", "size": 2}},
                "layers": [{{"mediaType": "{media_type}", "digest": "{blob}", "size": {},
                    "annotations": {{"{annotation}": "{openvex}"}}}}]}}"#,
            text.len()
        )
    };
    let tag = format!("{}.att", image.replace(':', "-"));
    let text = signed(&key, &statement(&image, openvex, &document("cosign")));
    let text = manifest(DSSE, "predicateType", &text);
    setting.registry.put_manifest("team/app", &tag, MANIFEST, text.as_bytes());
    let text = statement(&image, openvex, &document("buildkit"));
    let text = manifest(IN_TOTO, "in-toto.io/predicate-type", &text);
    let digest = setting.registry.put_manifest("team/app", "", MANIFEST, text.as_bytes());
    let index = format!(
        r#"{{"schemaVersion": 2, "mediaType": "{INDEX}", "manifests": [{{"mediaType": "{MANIFEST}", "digest": "{digest}",
            "size": {}, "annotations": {{"vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": "{image}"}}}}]}}"#,
        text.len()
    );
    let index = setting.registry.put_manifest("team/app", "all", INDEX, index.as_bytes());
    setting.inventory.artifact.repo_digests.push(format!("{host}/team/app@{index}"));
    assert_eq!(setting.taken(&[]).0, ["buildkit", "cosign"]);
    assert_eq!(setting.taken(&[VerifyingKey::from(key.public())]).0, ["cosign"]);
}

#[test]
fn what_is_broken_is_an_error() {
    for text in ["{", "", r#"{"@context": "https://openvex.dev/ns/v0.2.0"}"#] {
        let setting = Setting::new();
        setting.attach(OPENVEX, text);
        let error = setting.find(&[]).unwrap_err();
        assert!(matches!(error, Error::Attached(_)) && !error.is_usage(), "{text}: {error}");
        assert!(error.to_string().starts_with("cannot read VEX document"), "{error}");
    }
    // A statement says by itself what it is.
    let setting = Setting::new();
    setting.attach(IN_TOTO, &statement(&setting.image, "https://openvex.dev/ns/v0.2.0", "{}"));
    assert!(matches!(setting.find(&[]), Err(Error::Attached(_))));
    let setting = Setting::new();
    let digest = setting.attach(OPENVEX, &document("a"));
    setting.registry.fail_next(&digest, Fault::Corrupt);
    assert!(matches!(setting.find(&[]), Err(Error::Registry { .. })));
    setting.registry.fail_next("/blobs/", Fault::Corrupt);
    assert!(matches!(setting.find(&[]), Err(Error::Registry { .. })));
    setting.registry.fail_next("/referrers/", Fault::Status(401, Vec::new()));
    assert!(matches!(setting.find(&[]), Err(Error::Registry { .. })));
}

#[test]
fn a_folder_has_nothing_beside_it() {
    let mut setting = Setting::new();
    setting.inventory.artifact.repo_digests.clear();
    let error = setting.find(&[]).unwrap_err();
    assert!(matches!(error, Error::NoRegistry { .. }) && error.is_usage() && error.hint().is_some());
}
