//! Attestations through the command: signed, kept beside the image, verified; and all that is none.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests fail by panicking, and read the small files that they wrote"
)]

mod support;

use std::time::Duration;

use base64::Engine as _;
use plimsoll_attest::{Envelope, SigningKey};
use plimsoll_testkit::image::{BuiltImage, ImageBuilder, sha256};
use plimsoll_testkit::registry::{Fault, Registry};
use serde_json::{Value, json};
use support::{Run, Stage, image, push};

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The instant of every scan.
const EPOCH: (&str, &str) = ("SOURCE_DATE_EPOCH", "1760000000");
const INSTANT: &str = "2025-10-09T08:53:20Z";

/// An image in which nothing is wrong.
fn clean() -> BuiltImage {
    ImageBuilder::from_text(
        "\
//- layer
//- file etc/os-release
ID=debian
VERSION_ID=\"11\"
//- file var/lib/dpkg/status
Package: libssl1.1
Status: install ok installed
Architecture: amd64
Source: openssl
Version: 1.1.1k-1+deb11u1
",
    )
    .build()
}

struct Scene {
    stage: Stage,
    registry: Registry,
}

impl Scene {
    /// A registry with a clean image, `app:good`, and one that fails, `app:bad`; two pairs of keys.
    fn new(name: &str) -> Self {
        let stage = Stage::new(name);
        let registry = Registry::start();
        push(&registry, &clean(), "app", "good");
        push(&registry, &image(), "app", "bad");
        for key in ["ours.key", "theirs.key"] {
            assert_eq!(stage.run(&["db", "keygen", "--output", key]).status, 0);
        }
        Self { stage, registry }
    }

    fn name(&self, tag: &str) -> String {
        let mark = if tag.contains(':') { '@' } else { ':' };
        format!("{}/app{mark}{tag}", self.registry.host())
    }

    fn scan(&self, tag: &str, more: &[&str], variables: &[(&str, &str)]) -> Run {
        let name = self.name(tag);
        let arguments = ["scan", &name, "--db", "plimsoll.db", "--fail-on", "critical", "--no-cache"];
        self.stage.run_with(&[&arguments, more].concat(), variables)
    }

    /// Scans and attests with our key.
    #[track_caller]
    fn attest(&self, tag: &str, status: i32) -> Run {
        let run = self.scan(tag, &["--attest", "--sign-key", "ours.key"], &[EPOCH]);
        assert_eq!(run.status, status, "{run:?}");
        run
    }

    fn verify(&self, tag: &str, more: &[&str]) -> Run {
        let name = self.name(tag);
        self.stage.run(&[&["verify", &name, "--key", "ours.key.pub"], more].concat())
    }

    #[track_caller]
    fn refused(&self, tag: &str, more: &[&str], why: &str) {
        let run = self.verify(tag, more);
        assert_eq!(run.status, 1, "{run:?}");
        assert!(run.stdout.contains(why), "{run:?}");
    }

    /// The layers of the image of attestations of an image.
    fn layers(&self, digest: &str) -> Vec<Value> {
        let tag = format!("{}.att", digest.replace(':', "-"));
        let Some((_, bytes)) = self.registry.manifest("app", &tag) else { return Vec::new() };
        let manifest: Value = serde_json::from_slice(&bytes).unwrap();
        manifest["layers"].as_array().unwrap().clone()
    }

    /// The envelope of the one attestation of an image.
    fn envelope(&self, digest: &str) -> Value {
        let layers = self.layers(digest);
        assert_eq!(layers.len(), 1);
        let blob = self.registry.blob("app", layers[0]["digest"].as_str().unwrap()).unwrap();
        serde_json::from_slice(&blob).unwrap()
    }

    fn plant(&self, digest: &str, envelope: &Value) {
        let bytes = envelope.to_string();
        self.registry.attach(
            "app",
            digest,
            "application/vnd.in-toto+json",
            "application/vnd.dsse.envelope.v1+json",
            bytes.as_bytes(),
        );
    }
}

fn payload(envelope: &Value) -> Value {
    let payload = envelope["payload"].as_str().unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(payload).unwrap()).unwrap()
}

#[test]
fn a_scan_that_passed_is_attested_and_verified() {
    let scene = Scene::new("attest-pass");
    let digest = sha256(&clean().manifest);
    scene.refused("good", &[], "found   no attestation");
    let run = scene.scan(
        "good",
        &["--attest", "--sign-key", "ours.key"],
        &[EPOCH, ("CODEBUILD_BUILD_ID", "app:7"), ("CODEBUILD_BUILD_URL", "https://ci.example/7")],
    );
    assert_eq!(run.status, 0, "{run:?}");
    let told = format!("attested: passed {}/app\n  image  {digest}\n", scene.registry.host());
    assert!(run.stderr.contains(&told), "{run:?}");
    // The manifest that names the image as its subject, and the layer that cosign looks for.
    let statement = payload(&scene.envelope(&digest));
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], "https://cosign.sigstore.dev/attestation/vuln/v1");
    assert_eq!(statement["subject"][0]["digest"]["sha256"], digest[7..]);
    assert_eq!(statement["predicate"]["metadata"]["scanFinishedOn"], INSTANT);
    assert_eq!(statement["predicate"]["invocation"]["event_id"], "app:7");
    assert_eq!(statement["predicate"]["invocation"]["parameters"], json!(["--fail-on=critical"]));
    assert_eq!(statement["predicate"]["scanner"]["result"]["Plimsoll"]["Verdict"], "passed");
    let layer = &scene.layers(&digest)[0];
    assert_eq!(layer["mediaType"], "application/vnd.dsse.envelope.v1+json");
    assert_eq!(layer["annotations"]["dev.cosignproject.cosign/signature"], "");
    assert_eq!(layer["annotations"]["predicateType"], "https://cosign.sigstore.dev/attestation/vuln/v1");

    let run = scene.verify("good", &[]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.starts_with(&format!("passed: {}\n", scene.name("good"))), "{run:?}");
    assert!(run.stdout.contains("build   AWS CodeBuild app:7, https://ci.example/7\n"), "{run:?}");
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 80), "{run:?}");
    let by_digest = scene.verify(&digest, &["--format", "json"]);
    let read: Value = serde_json::from_str(&by_digest.stdout).unwrap();
    assert_eq!(read["passed"], true);
    assert_eq!(read["digest"], digest);
    let record = &read["standing"]["record"];
    assert_eq!(record["scanned_at"], INSTANT);
    assert_eq!(record["rules"], json!(["fail on CRITICAL"]));
    // What is pinned is compared.
    let (policy, database) =
        (record["policy_digest"].as_str().unwrap(), record["database_digest"].as_str().unwrap());
    let pinned = ["--policy-digest", policy, "--database-digest", database];
    assert_eq!(scene.verify("good", &pinned).status, 0);
    let other = format!("sha256:{}", "0".repeat(64));
    scene.refused("good", &["--policy-digest", &other], "expected the policy sha256:0000");
    scene.refused("good", &["--database-digest", &other], "expected the database sha256:0000");
    scene.refused("good", &["--max-age", "1d"], "too long ago");
    let theirs = scene.stage.run(&["verify", &scene.name("good"), "--key", "theirs.key.pub"]);
    assert_eq!(theirs.status, 1, "{theirs:?}");
    assert!(theirs.stdout.contains("a signature by another key, or of other bytes"), "{theirs:?}");
    let both = ["verify", &scene.name("good"), "--key", "theirs.key.pub,ours.key.pub"];
    assert_eq!(scene.stage.run(&both).status, 0);
}

#[test]
fn the_same_is_attested_once_and_others_keep_what_they_wrote() {
    let scene = Scene::new("attest-once");
    let digest = sha256(&clean().manifest);
    let tag = format!("{}.att", digest.replace(':', "-"));
    let theirs = scene.registry.put_blob("app", b"{}");
    let config = scene.registry.put_blob("app", b"{\"rootfs\":{}}");
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "annotations": {"theirs": "1"},
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 13},
        "layers": [{"mediaType": "application/json", "digest": theirs, "size": 2, "annotations": {"theirs": "2"}}],
    });
    scene.registry.put_manifest("app", &tag, OCI_MANIFEST, manifest.to_string().as_bytes());
    for _ in 0..2 {
        scene.attest("good", 0);
        let layers = scene.layers(&digest);
        assert_eq!(layers.len(), 2);
        assert_eq!(layers[0]["annotations"]["theirs"], "2");
    }
    let (_, bytes) = scene.registry.manifest("app", &tag).unwrap();
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(manifest["annotations"]["theirs"], "1");
    assert_eq!(scene.verify("good", &[]).status, 0);
    // What is dated in a time that has not come does not outdo what comes.
    let late = ("SOURCE_DATE_EPOCH", "4000000000");
    let run = scene.scan("bad", &["--attest", "--sign-key", "ours.key"], &[late]);
    assert_eq!(run.status, 1, "{run:?}");
    scene.refused("bad", &[], "which has not come yet");
    // Another instant is another statement.
    let later = ("SOURCE_DATE_EPOCH", "1760000100");
    let run = scene.scan("good", &["--attest", "--sign-key", "ours.key"], &[later]);
    assert_eq!((run.status, scene.layers(&digest).len()), (0, 3), "{run:?}");
}

#[test]
fn a_registry_without_a_list_of_referrers_has_them_under_a_tag() {
    let scene = Scene::new("attest-tag");
    let digest = sha256(&clean().manifest);
    scene.registry.older();
    let theirs = scene.registry.attach("app", &digest, "application/x", "application/x", b"theirs");
    scene.registry.without_referrers("app", &digest);
    scene.attest("good", 0);
    scene.attest("good", 0);
    let (media_type, bytes) = scene.registry.manifest("app", &digest.replace(':', "-")).unwrap();
    assert_eq!(media_type, OCI_INDEX);
    let index: Value = serde_json::from_slice(&bytes).unwrap();
    let entries = index["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "{index}");
    assert_eq!(entries[0]["digest"], theirs);
    assert_eq!(entries[1]["artifactType"], "application/vnd.in-toto+json");
    assert_eq!(scene.verify("good", &[]).status, 0);
    // With a list of its own the registry needs no tag.
    let scene = Scene::new("attest-list");
    scene.attest("good", 0);
    assert_eq!(scene.registry.manifest("app", &digest.replace(':', "-")), None);
}

#[test]
fn a_scan_that_failed_is_attested_and_does_not_verify() {
    let scene = Scene::new("attest-fail");
    let run = scene.attest("bad", 1);
    assert!(run.stderr.contains("attested: failed "), "{run:?}");
    scene.refused("bad", &[], "not passed: ");
    let run = scene.verify("bad", &["--format", "json"]);
    let read: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&read["passed"], &read["standing"]["standing"]), (&json!(false), &json!("failed")));
    assert_eq!(read["standing"]["record"]["counts"]["CRITICAL"], 1);
    // A gate that lets it pass, earlier: what is newer counts.
    let earlier = ("SOURCE_DATE_EPOCH", "1750000000");
    let name = scene.name("bad");
    let lenient = ["scan", &name, "--db", "plimsoll.db", "--fail-on-kev", "--ignore-unfixed"];
    let attest = ["--attest", "--sign-key", "ours.key", "--waivers", "waivers.toml"];
    scene.stage.write(
        "waivers.toml",
        b"[[waivers]]\nid = \"CVE-2021-3711\"\nreason = \"false-positive\"\nowner = \"team\"\nexpires = 2099-01-01\n",
    );
    let run = scene.stage.run_with(&[&lenient[..], &attest].concat(), &[earlier]);
    assert_eq!(run.status, 0, "{run:?}");
    scene.refused("bad", &[], "verdict failed");
    let later = ("SOURCE_DATE_EPOCH", "1770000000");
    assert_eq!(scene.stage.run_with(&[&lenient[..], &attest].concat(), &[later]).status, 0);
    assert_eq!(scene.verify("bad", &[]).status, 0);
}

#[test]
fn without_a_gate_nothing_passed() {
    let scene = Scene::new("attest-no-gate");
    let name = scene.name("good");
    let run = scene.stage.run(&["scan", &name, "--db", "plimsoll.db", "--attest", "--sign-key", "ours.key"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stderr.contains("note: no gate was asked"), "{run:?}");
    scene.refused("good", &[], "no gate was asked");
}

#[test]
fn what_was_changed_moved_or_signed_by_others_does_not_verify() {
    let digest = sha256(&clean().manifest);
    let other = sha256(&image().manifest);
    let base64 = base64::engine::general_purpose::STANDARD;
    // The statement about one image laid beside another one.
    let scene = Scene::new("attest-moved");
    scene.attest("good", 0);
    let good = scene.envelope(&digest);
    scene.plant(&other, &good);
    scene.refused("bad", &[], &format!("it speaks of `{digest}`"));
    // A payload that says more than was signed.
    let scene = Scene::new("attest-tampered");
    let mut changed = good.clone();
    let mut statement = payload(&good);
    statement["subject"][0]["digest"]["sha256"] = other[7..].into();
    changed["payload"] = base64.encode(statement.to_string()).into();
    scene.plant(&other, &changed);
    scene.refused("bad", &[], "a signature by another key, or of other bytes");
    // The same bytes as another type.
    let mut retyped = good.clone();
    retyped["payloadType"] = "application/json".into();
    scene.plant(&digest, &retyped);
    scene.refused("good", &[], "a signature by another key, or of other bytes");
    let mut unsigned = good.clone();
    unsigned["signatures"] = json!([]);
    scene.plant(&digest, &unsigned);
    scene.refused("good", &[], "no signature");
    scene.plant(&digest, &json!({"payload": "!", "payloadType": "x", "signatures": []}));
    scene.refused("good", &[], "expected a payload in base64");
    // None of it keeps the one that holds from being found.
    scene.attest("good", 0);
    assert_eq!(scene.verify("good", &[]).status, 0);
}

/// Statements that our key has signed, and that say something else, or say it in another way.
#[test]
fn what_a_trusted_key_says_is_read_for_what_it_is() {
    let scene = Scene::new("attest-said");
    let digest = sha256(&clean().manifest);
    let key = std::fs::read_to_string(scene.stage.folder.join("ours.key")).unwrap();
    let key = SigningKey::from_pem(&key, "ours.key", None).unwrap();
    let vuln = "https://cosign.sigstore.dev/attestation/vuln/v1";
    let signed = |kind: &str, predicate_type: &str, predicate: &Value| -> Value {
        let statement = json!({
            "_type": kind, "subject": [{"name": "app", "digest": {"sha256": digest[7..]}}],
            "predicateType": predicate_type, "predicate": predicate,
        });
        let payload = statement.to_string().into_bytes();
        let envelope = Envelope::sign("application/vnd.in-toto+json", payload, &key).unwrap();
        serde_json::from_slice(&envelope.to_json()).unwrap()
    };
    let said = |verdict: &str, time: &str| {
        json!({
            "scanner": {"version": "1", "db": {}, "result": {"Plimsoll": {"Verdict": verdict, "Rules": ["r"]}}},
            "metadata": {"scanFinishedOn": time},
        })
    };
    let (v1, older) = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1");
    // Provenance is not asked for, and not spoken of.
    scene.plant(&digest, &signed(v1, "https://slsa.dev/provenance/v1", &json!({})));
    scene.refused("good", &[], "no attestation that counts");
    let other = json!({"scanner": {"result": {"Results": []}}, "metadata": {"scanFinishedOn": INSTANT}});
    scene.plant(&digest, &signed(v1, vuln, &other));
    scene.refused("good", &[], "a scan by another tool, which judges nothing");
    scene.plant(&digest, &signed(v1, vuln, &said("passed", "yesterday")));
    scene.refused("good", &[], "expected the instant of its scan, found `yesterday`");
    scene.plant(&digest, &signed("https://in-toto.io/Statement/v9", vuln, &said("passed", INSTANT)));
    scene.refused("good", &[], "expected an in-toto statement of version 1 or 0.1");
    scene.plant(&digest, &signed(v1, vuln, &said("sails", INSTANT)));
    scene.refused("good", &[], "not passed: ");
    // As cosign writes them: of version 0.1, and in a bundle.
    scene.plant(&digest, &signed(older, vuln, &said("passed", "2025-10-09T08:53:21Z")));
    assert_eq!(scene.verify("good", &[]).status, 0);
    let failed = signed(older, vuln, &said("failed", "2025-10-09T08:53:22Z"));
    let bundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let bundled = json!({
        "mediaType": bundle, "verificationMaterial": {"publicKey": {"hint": ""}}, "dsseEnvelope": failed,
    });
    scene.registry.attach("app", &digest, bundle, bundle, bundled.to_string().as_bytes());
    scene.refused("good", &[], "verdict failed");
}

#[test]
fn an_index_passed_where_all_of_its_images_did() {
    let scene = Scene::new("attest-index");
    let arm = ImageBuilder::from_text("//- layer\n//- file etc/os-release\nID=debian\nVERSION_ID=\"11\"\n")
        .platform("arm64", "")
        .build();
    scene.registry.put_image("app", "", &arm);
    let entry = |image: &BuiltImage, architecture: &str| {
        json!({"mediaType": OCI_MANIFEST, "digest": sha256(&image.manifest), "size": image.manifest.len(),
               "platform": {"os": "linux", "architecture": architecture}})
    };
    let index = |entries: &[Value]| {
        json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).to_string()
    };
    let both = index(&[entry(&clean(), "amd64"), entry(&arm, "arm64")]);
    scene.registry.put_manifest("app", "multi", OCI_INDEX, both.as_bytes());
    let on = |platform: &str| {
        let more = ["--attest", "--sign-key", "ours.key", "--platform", platform];
        scene.scan("multi", &more, &[EPOCH])
    };
    assert_eq!(on("linux/amd64").status, 0);
    scene.refused("multi", &[], "for     linux/arm64");
    assert_eq!(scene.verify("multi", &["--platform", "linux/amd64"]).status, 0);
    scene.refused("multi", &["--platform", "linux/arm64"], "no attestation");
    assert_eq!(scene.verify("multi", &["--platform", "linux/s390x"]).status, 3);
    assert_eq!(on("linux/arm64").status, 0);
    let run = scene.verify("multi", &[]);
    assert_eq!(run.status, 0, "{run:?}");
    // Nothing was said of the index itself, which holds more than one.
    assert!(scene.layers(&sha256(both.as_bytes())).is_empty());
    // One image and what its builder attested are said as one.
    let statement = json!({"mediaType": OCI_MANIFEST, "digest": sha256(b"x"), "size": 1,
        "platform": {"os": "unknown", "architecture": "unknown"}});
    let alone = index(&[entry(&clean(), "amd64"), statement]);
    scene.registry.put_manifest("app", "alone", OCI_INDEX, alone.as_bytes());
    let later = ("SOURCE_DATE_EPOCH", "1760000100");
    let run = scene.scan("alone", &["--attest", "--sign-key", "ours.key"], &[later]);
    assert_eq!(run.status, 0, "{run:?}");
    let subjects = payload(&scene.envelope(&sha256(alone.as_bytes())))["subject"].clone();
    assert_eq!(subjects.as_array().map(Vec::len), Some(2), "{subjects}");
}

#[test]
fn keys_of_cosigns_kind_sign_and_what_cannot_be_signed_is_told_before_the_scan() {
    let scene = Scene::new("attest-keys");
    let digest = sha256(&clean().manifest);
    let usage = |more: &[&str], target: &str, why: &str| {
        let run = scene.stage.run(&[&["scan", target, "--db", "plimsoll.db"], more].concat());
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.stderr.contains(why), "{run:?}");
    };
    let good = scene.name("good");
    usage(&["--attest"], &good, "cannot attest without a key");
    usage(&["--attest", "--sign-key", "ours.key.pub"], &good, "found `BEGIN PUBLIC KEY`");
    usage(&["--attest", "--sign-key", "none"], &good, "cannot read key `none`");
    usage(&["--attest", "--sign-key", "ours.key"], "dir:advisories", "which has a digest");
    usage(&["--attest", "--sign-key", "ours.key"], "docker:app", "--attest-output FILE");
    usage(&["--attest", "--sign-key", "ours.key", "--as-of", "2025-01-01"], &good, "as of another day");
    let none = scene.stage.run(&["verify", &good]);
    assert_eq!(none.status, 2, "{none:?}");
    let missing = scene.stage.run(&["verify", &scene.name("gone"), "--key", "ours.key.pub"]);
    assert_eq!(missing.status, 3, "{missing:?}");
    assert_eq!(scene.layers(&digest).len(), 0);

    // A key that signs differently each time says the same once.
    scene.stage.write("p256.key", P256.as_bytes());
    scene.stage.write("p256.pub", P256_PUBLIC.as_bytes());
    for _ in 0..2 {
        let run = scene.scan("good", &["--attest", "--sign-key", "p256.key"], &[EPOCH]);
        assert_eq!(run.status, 0, "{run:?}");
        assert!(run.stderr.contains("can be read by others"), "{run:?}");
    }
    assert_eq!(scene.layers(&digest).len(), 1);
    let run = scene.stage.run(&["verify", &good, "--key", "p256.pub"]);
    assert_eq!(run.status, 0, "{run:?}");
}

#[test]
fn what_lies_in_no_registry_is_attested_into_a_file() {
    let scene = Scene::new("attest-file");
    image().write_oci_layout(&scene.stage.folder.join("layout"), "1.2").unwrap();
    let arguments = [
        "scan",
        "oci-dir:layout",
        "--db",
        "plimsoll.db",
        "--fail-on",
        "critical",
        "--sign-key",
        "ours.key",
        "--attest-output",
        "app.att.json",
    ];
    let run = scene.stage.run_with(&arguments, &[EPOCH]);
    assert_eq!(run.status, 1, "{run:?}");
    let envelope: Value =
        serde_json::from_slice(&std::fs::read(scene.stage.folder.join("app.att.json")).unwrap()).unwrap();
    assert_eq!(payload(&envelope)["subject"][0]["digest"]["sha256"], sha256(&image().manifest)[7..]);
}

#[test]
fn a_registry_that_takes_nothing_is_told_and_a_failing_verdict_goes_before() {
    let scene = Scene::new("attest-refused");
    for _ in 0..8 {
        scene.registry.fail_next("/blobs/uploads/", Fault::Status(403, Vec::new()));
    }
    let run = scene.scan("good", &["--attest", "--sign-key", "ours.key"], &[EPOCH]);
    assert_eq!(run.status, 6, "{run:?}");
    assert!(run.stderr.contains("cannot push"), "{run:?}");
    let run = scene.scan("bad", &["--attest", "--sign-key", "ours.key"], &[EPOCH]);
    assert_eq!(run.status, 1, "{run:?}");
}

#[test]
fn a_tag_that_is_written_once_keeps_nobody_from_attesting_again() {
    let scene = Scene::new("attest-immutable");
    // What is there is read twice, whether the same was said before and what to write; then it is written.
    scene.registry.fail_next(".att", Fault::Slow(Duration::ZERO));
    scene.registry.fail_next(".att", Fault::Slow(Duration::ZERO));
    scene.registry.fail_next(".att", Fault::Status(400, Vec::new()));
    let run = scene.attest("good", 0);
    assert!(run.stderr.contains("warning: not kept under cosign's tag: cannot push"), "{run:?}");
    assert!(scene.layers(&sha256(&clean().manifest)).is_empty());
    assert_eq!(scene.verify("good", &[]).status, 0);
}

/// Made for these tests with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`.
const P256: &str = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIUYLXYTnJCORW3Md\n+/GT6H4gxvd7w9eSB2sssA3ZYxuhRANCAARPV9BGgoS7rBV5h7hC1ygMPQqq940t\n7g8CC1OlLCIPWgKYCqhdr3jzf06fjC2M2/5+l3339dUV4d4VqujLBqAG\n-----END PRIVATE KEY-----\n";
const P256_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAET1fQRoKEu6wVeYe4QtcoDD0KqveN\nLe4PAgtTpSwiD1oCmAqoXa94839On4wtjNv+fpd99/XVFeHeFaroywagBg==\n-----END PUBLIC KEY-----\n";
