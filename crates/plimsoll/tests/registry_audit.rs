//! The audit of a registry of production: what passed, what failed, what nobody let pass, and what is only packed anew.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use plimsoll_testkit::image::{BuiltImage, ImageBuilder, Packing, sha256};
use plimsoll_testkit::registry::{Fault, Registry};
use serde_json::Value;
use support::{Run, Stage, image, push};

const RELEASE: &str = "\
//- layer
//- file etc/os-release
ID=debian
VERSION_ID=\"11\"
//- file srv/version
";

/// An image in which nothing is wrong, of some version.
fn clean(version: &str) -> ImageBuilder {
    ImageBuilder::from_text(&format!("{RELEASE}{version}\n"))
}

struct Scene {
    stage: Stage,
    staging: Registry,
    production: Registry,
}

impl Scene {
    fn new(name: &str) -> Self {
        let stage = Stage::new(name);
        assert_eq!(stage.run(&["db", "keygen", "--output", "ours.key"]).status, 0);
        Self { stage, staging: Registry::start(), production: Registry::start() }
    }

    #[track_caller]
    fn scan(&self, registry: &Registry, name: &str, status: i32, more: &[&str]) {
        let target = format!("{}/{name}", registry.host());
        let arguments = ["scan", &target, "--db", "plimsoll.db", "--fail-on", "critical", "--quiet"];
        let run = self.stage.run(&[&arguments, more].concat());
        assert_eq!(run.status, status, "{run:?}");
    }

    fn attest(&self, registry: &Registry, name: &str, status: i32) {
        self.scan(registry, name, status, &["--attest", "--sign-key", "ours.key"]);
    }

    fn audit(&self, more: &[&str]) -> Run {
        let (staging, production) = (self.staging.host(), self.production.host());
        let places = ["--staging", &staging, "--production", &production];
        self.stage.run(&[&["registry", "audit"], &places[..], more].concat())
    }

    /// `status repository:tags` of each row.
    #[track_caller]
    fn rows(&self, more: &[&str], status: i32) -> Vec<String> {
        let run = self.audit(&[more, &["--format", "json"]].concat());
        assert_eq!(run.status, status, "{run:?}");
        let document: Value = serde_json::from_str(&run.stdout).unwrap();
        let rows = document["images"].as_array().unwrap().iter();
        rows.map(|row| {
            let tags: Vec<&str> = row["tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let repository = row["repository"].as_str().unwrap();
            let repository = repository.replace(&self.production.host(), "prod");
            let repository = repository.replace(&self.staging.host(), "stage");
            format!("{} {repository}:{}", row["status"].as_str().unwrap(), tags.join(","))
        })
        .collect()
    }
}

fn put(registry: &Registry, image: &BuiltImage, name: &str) {
    let (repository, tag) = name.split_once(':').unwrap();
    push(registry, image, repository, tag);
}

const KEY: &[&str] = &["--key", "ours.key.pub"];

#[test]
fn every_way_into_production_is_told() {
    let scene = Scene::new("audit-ways");
    let (staging, production) = (&scene.staging, &scene.production);
    // Attested where it is; attested in staging, and copied without it; nobody's; failed.
    put(production, &clean("1").build(), "shop/app:1");
    scene.attest(production, "shop/app:1", 0);
    put(staging, &clean("2").build(), "app:2");
    scene.attest(staging, "app:2", 0);
    put(production, &clean("2").build(), "shop/app:2");
    put(production, &clean("3").build(), "shop/app:3");
    put(production, &clean("3").build(), "shop/app:latest");
    put(production, &image(), "shop/bad:1");
    scene.attest(production, "shop/bad:1", 1);
    // The same layers, packed in another way, and with other words in the config.
    put(production, &clean("2").packed(Packing::Plain).build(), "shop/app:2-plain");
    put(production, &clean("2").created("2026-01-01T00:00:00Z").build(), "shop/app:2-dated");
    assert_eq!(
        scene.rows(KEY, 1),
        [
            "failed prod/shop/bad:1",
            "bypassed prod/shop/app:3,latest",
            "same-content prod/shop/app:2-dated",
            "same-content prod/shop/app:2-plain",
            "passed prod/shop/app:1",
            "passed prod/shop/app:2",
        ]
    );
    let run = scene.audit(KEY);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("bypassed      127.0.0.1"), "{run:?}");
    assert!(run.stdout.contains("  no attestation\n"), "{run:?}");
    // The images of attestations are no images to run.
    assert!(
        run.stdout.contains("6 images in 2 repositories; 2 other things, which are no images\n"),
        "{run:?}"
    );
    assert!(run.stdout.ends_with("1 failed, 1 bypassed, 2 same-content, 2 passed\n"), "{run:?}");
    // Without staging nobody knows of what was said there.
    let production_host = production.host();
    let alone = ["registry", "audit", "--production", &production_host, "--key", "ours.key.pub"];
    let run = scene.stage.run(&alone);
    assert!(run.stdout.ends_with("1 failed, 4 bypassed, 1 passed\n"), "{run:?}");
    // A part of the registry.
    let part = format!("{production_host}/shop/bad");
    let run = scene.stage.run(&["registry", "audit", "--production", &part, "--key", "ours.key.pub"]);
    assert!(run.stdout.contains("1 image in 1 repository"), "{run:?}");
}

#[test]
fn what_is_promoted_brings_along_what_was_said_of_it() {
    let scene = Scene::new("audit-promoted");
    put(&scene.staging, &clean("1").build(), "app:1");
    let (from, to) =
        (format!("{}/app:1", scene.staging.host()), format!("{}/shop/app:1", scene.production.host()));
    let promote = ["promote", &from, &to, "--key", "ours.key.pub"];
    assert_eq!(scene.stage.run(&promote).status, 1);
    scene.attest(&scene.staging, "app:1", 0);
    let run = scene.stage.run(&promote);
    assert_eq!(run.status, 0, "{run:?}");
    // Of production alone it is known: the attestation lies there as well.
    let production = scene.production.host();
    let run = scene.stage.run(&["registry", "audit", "--production", &production, "--key", "ours.key.pub"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(scene.stage.run(&["verify", &to, "--key", "ours.key.pub"]).status, 0);
}

#[test]
fn same_content_counts_only_where_its_twin_passed() {
    let scene = Scene::new("audit-twins");
    let bad = ImageBuilder::from_text(support::IMAGE);
    put(&scene.staging, &bad.clone().build(), "bad:1");
    scene.attest(&scene.staging, "bad:1", 1);
    put(&scene.production, &bad.packed(Packing::Plain).build(), "bad:1");
    put(&scene.staging, &clean("1").build(), "app:1");
    put(&scene.production, &clean("1").packed(Packing::Plain).build(), "app:1");
    assert_eq!(scene.rows(KEY, 1), ["failed prod/bad:1", "bypassed prod/app:1"]);
    let run = scene.audit(KEY);
    assert!(run.stdout.contains("which nobody let pass either"), "{run:?}");
    assert!(run.stdout.contains("  which did not pass: failed on"), "{run:?}");
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 80), "{run:?}");
    scene.attest(&scene.staging, "app:1", 0);
    assert_eq!(scene.rows(KEY, 1), ["failed prod/bad:1", "same-content prod/app:1"]);
    // Alone it is no bypass, unless exactly the same is asked for.
    let production = format!("{}/app", scene.production.host());
    let staging = scene.staging.host();
    let asked =
        ["registry", "audit", "--staging", &staging, "--production", &production, "--key", "ours.key.pub"];
    assert_eq!(scene.stage.run(&asked).status, 0);
    assert_eq!(scene.stage.run(&[&asked[..], &["--exact"]].concat()).status, 1);
}

#[test]
fn a_stores_verdicts_count_as_well() {
    let scene = Scene::new("audit-store");
    put(&scene.staging, &clean("1").build(), "app:1");
    scene.scan(&scene.staging, "app:1", 0, &["--store", "store"]);
    put(&scene.production, &clean("1").build(), "app:1");
    put(&scene.production, &clean("1").packed(Packing::Plain).build(), "app:plain");
    put(&scene.production, &clean("2").build(), "app:2");
    // What was scanned before it was pushed is known by its config, which stays the same.
    scene.stage.write("app.tar", &clean("3").build().docker_archive("app:3"));
    let local =
        ["scan", "docker-archive:app.tar", "--db", "plimsoll.db", "--fail-on", "high", "--store", "store"];
    assert_eq!(scene.stage.run(&local).status, 0);
    put(&scene.production, &clean("3").build(), "app:3");
    let rows = scene.rows(&["--store", "store"], 1);
    assert_eq!(
        rows,
        ["bypassed prod/app:2", "same-content prod/app:plain", "passed prod/app:1", "passed prod/app:3"]
    );
    // Nobody whose word counts: nothing can be told.
    let run = scene.audit(&[]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("found nobody"), "{run:?}");
    let run = scene.audit(&["--store", "none"]);
    assert_eq!(run.status, 2, "{run:?}");
}

#[test]
fn nothing_hides_behind_the_tag_of_a_signature() {
    let scene = Scene::new("audit-hidden");
    put(&scene.staging, &clean("1").build(), "app:1");
    put(&scene.production, &clean("1").build(), "app:1");
    scene.attest(&scene.production, "app:1", 0);
    let hidden = format!("sha256-{}.sig", "0".repeat(64));
    push(&scene.production, &clean("2").build(), "app", &hidden);
    assert_eq!(scene.rows(KEY, 1), [format!("bypassed prod/app:{hidden}"), "passed prod/app:1".to_owned()]);
    // What patterns leave out is counted.
    let run = scene.audit(&[KEY, &["--exclude", "*.sig"]].concat());
    assert_eq!(run.status, 1, "{run:?}");
    let run = scene.audit(&[KEY, &["--exclude", "app:*.sig"]].concat());
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("; 1 tag left out\n"), "{run:?}");
}

#[test]
fn what_cannot_be_read_is_a_row() {
    let scene = Scene::new("audit-unreadable");
    put(&scene.production, &clean("1").build(), "app:1");
    scene.attest(&scene.production, "app:1", 0);
    scene.production.put_manifest("app", "odd", "text/html", b"<html>");
    let digest = sha256(&clean("1").build().manifest);
    assert_eq!(scene.rows(KEY, 3), ["unreadable prod/app:odd", "passed prod/app:1"]);
    // A registry that does not answer for one image leaves the others as they are.
    scene.production.fail_next("/tags/list", Fault::Status(403, Vec::new()));
    let rows = scene.rows(KEY, 3);
    assert_eq!(rows, ["unreadable prod/app:"], "{digest}");
    scene.production.fail_next("/_catalog", Fault::Status(403, Vec::new()));
    let run = scene.audit(KEY);
    assert_eq!(run.status, 3, "{run:?}");
    assert!(run.stderr.contains("cannot list the repositories"), "{run:?}");
}
