//! Images that passed, copied from one registry to another.

#![expect(clippy::disallowed_methods, reason = "tests read the small files that they wrote")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;

use plimsoll_testkit::image::{BuiltImage, ImageBuilder};
use plimsoll_testkit::registry::Registry;
use serde_json::{Value, json};
use support::{Run, Stage, image};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn clean(architecture: &str) -> BuiltImage {
    let text = "\
//- layer
//- file etc/os-release
ID=debian
VERSION_ID=\"11\"
//- file var/lib/dpkg/status
Package: tool
Status: install ok installed
Architecture: amd64
Version: 1.0
";
    ImageBuilder::from_text(text).platform(architecture, "").build()
}

fn put_index(registry: &Registry) -> String {
    let entries: Vec<Value> = ["amd64", "arm64"]
        .iter()
        .map(|architecture| {
            let image = clean(architecture);
            let digest = registry.put_image("team/app", "", &image);
            json!({"mediaType": MANIFEST, "digest": digest, "size": image.manifest.len(),
                "platform": {"os": "linux", "architecture": architecture}})
        })
        .collect();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string();
    registry.put_manifest("team/app", "2", INDEX, index.as_bytes())
}

fn scan(stage: &Stage, target: &str, more: &[&str]) -> Run {
    let fixed = ["scan", target, "--db", "plimsoll.db", "--store", "results", "--fail-on", "critical"];
    stage.run(&[&fixed, more].concat())
}

fn promote(stage: &Stage, from: &str, to: &str, more: &[&str]) -> Run {
    stage.run(&[&["promote", from, to, "--store", "results"], more].concat())
}

/// The promotions that are written down.
fn promotions(stage: &Stage) -> Vec<Value> {
    let mut found = Vec::new();
    for digest in fs::read_dir(stage.folder.join("results/promotions")).into_iter().flatten().flatten() {
        for file in fs::read_dir(digest.path()).unwrap().flatten() {
            found.push(serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap());
        }
    }
    found
}

#[test]
fn an_image_that_passed_goes_with_its_digest() {
    let (stage, staging, production) = (Stage::new("promote-passed"), Registry::start(), Registry::start());
    let digest = staging.put_image("team/app", "1", &clean("amd64"));
    let sbom = staging.attach("team/app", &digest, "application/x-sbom", "text/x", b"bill");
    let source = format!("{}/team/app:1", staging.host());
    assert_eq!(scan(&stage, &source, &[]).status, 0);
    let destination = format!("{}/prod/app", production.host());

    let run = promote(&stage, &source, &destination, &["--dry-run"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.starts_with("would promote "), "{run:?}");
    assert!(production.requests().is_empty() && promotions(&stage).is_empty());

    let run = promote(&stage, &source, &destination, &["--by", "the build of Tuesday"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.starts_with(&format!("promoted {source}\n")), "{run:?}");
    assert!(run.stdout.contains("fail on CRITICAL"), "{run:?}");
    assert!(run.stdout.lines().count() >= 6, "{run:?}");
    // It keeps its tag where none was named, and its bytes.
    assert_eq!(production.manifest("prod/app", "1"), staging.manifest("team/app", "1"));
    assert!(production.manifest("prod/app", &sbom).is_some());
    let written = promotions(&stage);
    assert_eq!(written.len(), 1);
    assert_eq!(written[0]["digest"], digest);
    assert_eq!(written[0]["source"], source);
    assert_eq!(written[0]["destination"], format!("{destination}:1"));
    assert_eq!(written[0]["promoted_by"], "the build of Tuesday");
    assert_eq!(written[0]["passed"]["rules"], json!(["fail on CRITICAL"]));
    assert!(written[0]["passed"]["said_by"].as_str().unwrap().contains("verdicts/"), "{written:?}");

    // Once more nothing is sent; another image under the tag is told.
    let run = promote(&stage, &source, &destination, &["--format", "json"]);
    let again: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&again["promoted"], &again["copied"]["blobs_sent"]), (&json!(true), &json!(0)), "{run:?}");
    let other = staging.put_image("team/app", "1", &clean("arm64"));
    assert_eq!(scan(&stage, &source, &["--platform", "linux/arm64"]).status, 0);
    let run = promote(&stage, &source, &format!("{destination}:1"), &[]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains(&other) && run.stdout.contains(&format!("before  {digest}")), "{run:?}");
}

#[test]
fn an_image_that_did_not_pass_stays() {
    let (stage, staging, production) = (Stage::new("promote-failed"), Registry::start(), Registry::start());
    let digest = staging.put_image("team/app", "1", &image());
    let source = format!("{}/team/app:1", staging.host());
    let destination = format!("{}/prod/app:1", production.host());
    fs::create_dir_all(stage.folder.join("results")).unwrap();
    // Nobody has judged it.
    let run = promote(&stage, &source, &destination, &[]);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.starts_with(&format!("not promoted: {source}\n  digest  {digest}\n")), "{run:?}");
    assert!(run.stdout.contains("no verdict on"), "{run:?}");
    // It failed.
    assert_eq!(scan(&stage, &source, &[]).status, 1);
    let run = promote(&stage, &source, &destination, &["--format", "json"]);
    assert_eq!(run.status, 1, "{run:?}");
    let said: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&said["promoted"], &said["verdict"]), (&json!(false), &json!("failed")), "{run:?}");
    assert!(production.requests().is_empty() && promotions(&stage).is_empty());
}

#[test]
fn an_index_goes_when_all_its_platforms_passed() {
    let (stage, staging, production) = (Stage::new("promote-index"), Registry::start(), Registry::start());
    let index = put_index(&staging);
    let source = format!("{}/team/app:2", staging.host());
    let destination = format!("{}/prod/app:2", production.host());
    assert_eq!(scan(&stage, &source, &["--platform", "linux/amd64"]).status, 0);
    let run = promote(&stage, &source, &destination, &[]);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("linux/arm64"), "{run:?}");
    assert_eq!(scan(&stage, &source, &["--platform", "linux/arm64"]).status, 0);
    let run = promote(&stage, &source, &destination, &[]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(production.manifest("prod/app", "2"), staging.manifest("team/app", "2"));
    let written = promotions(&stage);
    assert_eq!(
        (written[0]["digest"].as_str(), written[0]["manifests"].as_array().unwrap().len()),
        (Some(index.as_str()), 3)
    );
    // One platform alone.
    let run = promote(
        &stage,
        &source,
        &format!("{}/prod/arm:2", production.host()),
        &["--platform", "linux/arm64"],
    );
    assert_eq!(run.status, 0, "{run:?}");
    let (_, bytes) = production.manifest("prod/arm", "2").unwrap();
    assert_eq!(bytes, clean("arm64").manifest);
}

#[test]
fn a_platform_is_judged_alone_where_it_goes_alone() {
    let (stage, staging, production) = (Stage::new("promote-platform"), Registry::start(), Registry::start());
    put_index(&staging);
    let source = format!("{}/team/app:2", staging.host());
    assert_eq!(scan(&stage, &source, &["--platform", "linux/amd64"]).status, 0);
    let destination = format!("{}/prod/app:2", production.host());
    let run = promote(&stage, &source, &destination, &["--platform", "linux/amd64"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(production.manifest("prod/app", "2").unwrap().1, clean("amd64").manifest);
    let run = promote(&stage, &source, &destination, &["--platform", "linux/arm64"]);
    assert_eq!(run.status, 1, "{run:?}");
}

#[test]
fn a_tag_and_a_digest_must_agree() {
    let (stage, staging, production) = (Stage::new("promote-moved"), Registry::start(), Registry::start());
    let judged = staging.put_image("team/app", "1", &clean("amd64"));
    let source = format!("{}/team/app:1@{judged}", staging.host());
    assert_eq!(scan(&stage, &source, &[]).status, 0);
    // Somebody pushes another image under the tag.
    let other = staging.put_image("team/app", "1", &image());
    let destination = format!("{}/prod/app:1", production.host());
    let run = promote(&stage, &source, &destination, &[]);
    assert_eq!(run.status, 3, "{run:?}");
    assert!(run.stderr.contains(&judged) && run.stderr.contains(&other), "{run:?}");
    assert!(production.requests().is_empty());
    // By its digest alone it goes.
    let run = promote(&stage, &format!("{}/team/app@{judged}", staging.host()), &destination, &[]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(production.manifest("prod/app", "1").unwrap().1, clean("amd64").manifest);
}

#[test]
fn what_cannot_be_meant_is_told_before_anything_is_asked() {
    let stage = Stage::new("promote-usage");
    fs::create_dir_all(stage.folder.join("results")).unwrap();
    let digest = format!("sha256:{}", "a".repeat(64));
    for (from, to, part) in [
        ("r.example/app:1", &format!("p.example/app@{digest}") as &str, "expected a tag, found a digest"),
        (&format!("r.example/app@{digest}"), "p.example/app", "expected a tag, found none at either end"),
        ("r.example/app:1", "r.example/app:1", "expected another place, found the same"),
        ("r.example/app:1", "r.example/app", "expected another place, found the same"),
        ("r.example/App:1", "p.example/app", "upper-case"),
    ] {
        let run = promote(&stage, from, to, &[]);
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.stderr.contains(part), "{run:?}");
    }
    let run = stage.run(&["promote", "r.example/app:1", "p.example/app:1"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("whose word counts"), "{run:?}");
}

#[test]
fn a_promotion_is_signed_where_the_image_went() {
    for has_list in [true, false] {
        let (stage, staging, production) =
            (Stage::new("promote-signed"), Registry::start(), Registry::start());
        if !has_list {
            production.without_referrers_list();
        }
        let digest = staging.put_image("team/app", "1", &clean("amd64"));
        let source = format!("{}/team/app:1", staging.host());
        let destination = format!("{}/prod/app:1", production.host());
        for name in ["gate", "promoter"] {
            assert_eq!(stage.run(&["db", "keygen", "--output", &format!("{name}.key")]).status, 0);
        }
        let attested = ["--attest", "--sign-key", "gate.key"];
        assert_eq!(scan(&stage, &source, &attested).status, 0);
        let run = stage.run(&[
            "promote",
            &source,
            &destination,
            "--key",
            "gate.key.pub",
            "--sign-key",
            "promoter.key",
        ]);
        assert_eq!(run.status, 0, "{run:?}");
        assert!(run.stdout.contains("  signed  sha256:") || run.stdout.contains("  signed  "), "{run:?}");
        assert!(run.stdout.contains("record  nowhere"), "{run:?}");
        // What the gate said went along, and what was said of the promotion does not count as it.
        let verify = |key: &str| stage.run(&["verify", &destination, "--key", key]);
        assert_eq!(verify("gate.key.pub").status, 0, "{:?}", verify("gate.key.pub"));
        assert_eq!(verify("promoter.key.pub").status, 1, "{:?}", verify("promoter.key.pub"));
        let (_, layers) =
            production.manifest("prod/app", &format!("{}.att", digest.replace(':', "-"))).unwrap();
        let layers: Value = serde_json::from_slice(&layers).unwrap();
        let types: Vec<&str> = layers["layers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|layer| layer["annotations"]["predicateType"].as_str().unwrap())
            .collect();
        assert_eq!(types.len(), 2, "{layers}");
        assert!(types[1].ends_with("/attestation/promotion/v1"), "{types:?}");
        // A key that is none is told before anything is asked.
        let asked = staging.requests().len();
        let run = stage.run(&["promote", &source, &destination, "--key", "gate.key.pub", "--attest"]);
        assert_eq!(run.status, 2, "{run:?}");
        assert_eq!(staging.requests().len(), asked);
    }
}
