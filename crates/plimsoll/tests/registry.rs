//! Whole registries: listed, and scanned.

#![expect(clippy::disallowed_methods, reason = "tests read the small files that they wrote")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;

use plimsoll_testkit::image::{BuiltImage, ImageBuilder};
use plimsoll_testkit::registry::{Fault, Registry};
use serde_json::{Value, json};
use support::{IMAGE, Run, Stage, image};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The base layer of [`IMAGE`], and something harmless on it.
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
//- layer
//- file srv/node_modules/fine/package.json
{\"name\": \"fine\", \"version\": \"1.0.0\"}
";
    ImageBuilder::from_text(text).platform(architecture, "").created("2025-03-01T00:00:00Z").build()
}

/// On the layers of [`IMAGE`] another one.
fn descendant() -> BuiltImage {
    let text = format!("{IMAGE}//- layer\n//- file srv/more\nmore\n");
    ImageBuilder::from_text(&text).created("2025-01-01T00:00:00Z").build()
}

/// A registry with: an image under three tags and in two repositories; one built on it; an index of two platforms; a
/// signature; a chart; an image whose layer is missing; a tag of nonsense.
fn filled() -> Registry {
    let registry = Registry::start();
    for (repository, tag) in [("team/app", "1.2"), ("team/app", "latest"), ("mirror/app", "1.2")] {
        registry.put_image(repository, tag, &image());
    }
    let digest = registry.put_image("team/child", "1.10", &descendant());
    registry.put_image("team/child", "1.9", &clean("amd64"));
    let entries: Vec<Value> = ["amd64", "arm64"]
        .iter()
        .map(|architecture| {
            let image = clean(architecture);
            let digest = registry.put_image("team/multi", "", &image);
            json!({"mediaType": MANIFEST, "digest": digest, "size": image.manifest.len(),
                "platform": {"os": "linux", "architecture": architecture}})
        })
        .collect();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string();
    registry.put_manifest("team/multi", "2", INDEX, index.as_bytes());
    let signature = registry.attach("team/child", &digest, "", "application/vnd.dev.cosign", b"signed");
    let (media_type, bytes) = registry.manifest("team/child", &signature).unwrap();
    registry.put_manifest("team/child", &format!("{}.sig", digest.replace(':', "-")), &media_type, &bytes);
    let config = registry.put_blob("charts/app", b"{}");
    let chart = json!({"schemaVersion": 2, "layers": [],
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": config, "size": 2}});
    registry.put_manifest("charts/app", "0.1", MANIFEST, chart.to_string().as_bytes());
    registry
}

fn stage(name: &str) -> Stage {
    Stage::new(name)
}

fn sweep(stage: &Stage, registry: &Registry, more: &[&str]) -> Run {
    let host = registry.host();
    stage.run(&[&["registry", "scan", &host, "--db", "plimsoll.db"], more].concat())
}

fn shown(registry: &Registry, text: &str) -> String {
    text.replace(&registry.host(), "HOST")
}

fn parsed(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

#[test]
fn a_registry_is_listed_one_row_a_digest() {
    let (stage, registry) = (Stage::empty("registry-list"), filled());
    registry.lists_on_page(1, true);
    let run = stage.run(&["registry", "list", &registry.host()]);
    assert_eq!(run.status, 0, "{run:?}");
    let table = shown(&registry, &run.stdout);
    let child = &descendant().digest()[7..19];
    assert!(table.contains(&format!("team/child  1.10         {child}")), "{table}");
    assert!(table.contains("1.2, latest") && table.contains("amd64, arm64"), "{table}");
    assert!(
        table.contains("no image: application/vnd.cncf.helm.config.v1+json") || table.contains("no image:"),
        "{table}"
    );
    assert!(table.contains("6 digests under 7 tags in 5 repositories of HOST"), "{table}");
    assert!(table.ends_with("left out: 1 tag of signatures and attestations\n"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");

    let run = stage.run(&["registry", "list", &registry.host(), "--format", "json"]);
    let list = parsed(&run);
    let of = |repository: &str| {
        let images = list["images"].as_array().unwrap();
        images.iter().filter(|image| image["repository"] == repository).collect::<Vec<_>>()
    };
    assert_eq!(of("team/app")[0]["tags"], json!(["1.2", "latest"]));
    assert_eq!(of("team/app")[0]["digest"], image().digest());
    assert_eq!(of("team/multi")[0]["kind"], "index");
    assert_eq!(of("team/multi")[0]["images"][1]["platform"], "linux/arm64");
    assert_eq!(of("charts/app")[0]["kind"], "artifact");
    // 1.9 goes before 1.10.
    assert_eq!(
        of("team/child").iter().map(|one| one["tags"][0].as_str().unwrap()).collect::<Vec<_>>(),
        ["1.9", "1.10"]
    );
}

#[test]
fn what_is_listed_can_be_chosen() {
    let (stage, registry) = (Stage::empty("registry-chosen"), filled());
    let host = registry.host();
    let names = |more: &[&str]| {
        let run = stage.run(&[&["registry", "list", &host, "--format", "json"], more].concat());
        assert_eq!(run.status, 0, "{run:?}");
        let list = parsed(&run);
        let images = list["images"].as_array().unwrap().iter();
        let of = |image: &Value| {
            format!("{}:{}", image["repository"].as_str().unwrap(), image["tags"][0].as_str().unwrap())
        };
        images.map(of).collect::<Vec<_>>()
    };
    assert_eq!(
        names(&["--include", "team/*", "--exclude", "*:latest,team/multi"]),
        ["team/app:1.2", "team/child:1.9", "team/child:1.10"]
    );
    // The newest was built last, whatever its tag says.
    assert_eq!(names(&["--include", "team/child", "--newest", "1"]), ["team/child:1.9"]);
    assert_eq!(names(&["--repository", "mirror/app"]), ["mirror/app:1.2"]);
    assert!(!registry.requests().last().unwrap().path.contains("_catalog"));
    let run = stage.run(&["registry", "list", &format!("{host}/mirror")]);
    assert!(run.stdout.contains("1 digest under 1 tag in 1 repository"), "{run:?}");
    // What fits nothing is a mistake.
    let run = stage.run(&["registry", "list", &host, "--include", "taem/*"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("expected some that fit what was asked for, found none"), "{run:?}");
    // A repository that was named and is not there is told.
    registry.fail_next("/v2/gone/tags", Fault::Status(404, Vec::new()));
    let run = stage.run(&["registry", "list", &host, "--repository", "gone,mirror/app"]);
    assert_eq!(run.status, 3, "{run:?}");
    assert!(run.stdout.contains("could not be read:\n  gone\n"), "{run:?}");
    assert!(run.stdout.contains("mirror/app"), "{run:?}");
}

#[test]
fn a_registry_that_lists_nothing_says_what_to_do() {
    let (stage, registry) = (Stage::empty("registry-closed"), filled());
    registry.refuse_catalog(401);
    let run = stage.run(&["registry", "list", &registry.host()]);
    assert_eq!(run.status, 3, "{run:?}");
    assert!(run.stderr.starts_with("error: cannot list the repositories of"), "{run:?}");
    assert!(run.stderr.contains("--repository"), "{run:?}");
    let run = stage.run(&["registry", "list", &format!("http://{}", registry.host())]);
    assert_eq!(run.status, 2, "{run:?}");
}

#[test]
fn a_sweep_scans_each_digest_once_and_each_layer_once() {
    let (stage, registry) = (stage("registry-scan"), filled());
    let run = sweep(&stage, &registry, &["--fail-on", "critical", "--jobs", "4", "--no-cache"]);
    assert_eq!(run.status, 1, "{run:?}");
    let table = shown(&registry, &run.stdout);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("IMAGE") && lines[0].ends_with("VERDICT"), "{table}");
    // The worst first; all names of a digest in its row.
    assert!(lines[1].starts_with("mirror/app:1.2") || lines[1].starts_with("team/child:1.10"), "{table}");
    assert!(lines[1].ends_with("failed") && table.contains("\nteam/app:1.2, latest\n"), "{table}");
    assert!(table.contains("team/multi:2") && table.contains("linux/arm64"), "{table}");
    assert!(table.contains("4 images of HOST scanned: 2 failed, 2 passed\n"), "{table}");
    assert!(
        table.contains("left out: 1 tag of signatures and attestations, 1 tag of what is no image"),
        "{table}"
    );
    assert!(table.ends_with("gate: fail on CRITICAL\nverdict: failed\n"), "{table}");
    assert!(table.contains("\ndatabase: "), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    // Four images share six layers, of which each came over the network once, though nothing is kept.
    let mut layers: Vec<String> = registry
        .requests()
        .iter()
        .filter(|request| request.method == "GET" && request.path.contains("/blobs/"))
        .map(|request| request.path.rsplit('/').next().unwrap().to_owned())
        .filter(|digest| {
            descendant().layers.iter().chain(&clean("amd64").layers).any(|layer| layer.digest == *digest)
        })
        .collect();
    layers.sort();
    let all = layers.len();
    layers.dedup();
    assert_eq!((all, layers.len()), (5, 5), "{layers:?}");
    assert!(!stage.folder.join("home/.cache/plimsoll/layers").exists());
}

#[test]
fn a_failing_image_is_a_row_and_stops_no_other() {
    let (stage, registry) = (stage("registry-failing"), filled());
    // A layer that is gone, a manifest that is none, one that the registry keeps back.
    let broken = ImageBuilder::from_text("//- layer\n//- file only/here\nx\n").build();
    registry.put_image("bad/layer", "1", &broken);
    registry.remove_blob("bad/layer", &broken.layers[0].digest);
    registry.put_manifest("bad/page", "1", "text/html", b"<html>no</html>");
    registry.put_manifest("bad/denied", "1", MANIFEST, &broken.manifest);
    registry.fail_next("/v2/bad/denied/manifests", Fault::Status(403, Vec::new()));
    let run = sweep(&stage, &registry, &["--format", "json"]);
    assert_eq!(run.status, 3, "{run:?}");
    let result = parsed(&run);
    assert_eq!(result["images"].as_array().unwrap().len(), 4);
    assert_eq!(result["not_scanned"][0]["names"][0]["repository"], "bad/layer");
    let reason = result["not_scanned"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(&broken.layers[0].digest), "{reason}");
    let unread: Vec<&str> =
        result["unread"].as_array().unwrap().iter().map(|one| one["what"].as_str().unwrap()).collect();
    assert_eq!(unread, ["bad/denied:1", "bad/page:1"]);
    assert_eq!((&result["verdict"], &result["exit_status"]), (&json!("incomplete"), &json!(3)));
    // For people; a failed gate goes before.
    registry.fail_next("/v2/bad/denied/manifests", Fault::Status(403, Vec::new()));
    let run = sweep(&stage, &registry, &["--fail-on", "critical"]);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("could not be scanned:\n  bad/denied:1\n"), "{run:?}");
    assert!(run.stdout.contains("  bad/layer:1\n"), "{run:?}");
    assert!(run.stdout.contains("2 failed, 2 passed; 3 could not be scanned"), "{run:?}");
}

#[test]
fn results_of_a_sweep_are_kept() {
    let (stage, registry) = (stage("registry-kept"), filled());
    let run = sweep(
        &stage,
        &registry,
        &[
            "--fail-on",
            "critical",
            "--store",
            "results",
            "--output-dir",
            "reports",
            "--format",
            "json",
            "--output",
            "all.json",
        ],
    );
    assert_eq!((run.status, run.stdout.as_str()), (1, ""), "{run:?}");
    let mut files: Vec<String> = fs::read_dir(stage.folder.join("reports"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files.len(), 4, "{files:?}");
    let own = format!("team_child_1.10_{}.json", &descendant().digest()[7..19]);
    assert!(files.contains(&own), "{files:?}");
    let report: Value =
        serde_json::from_slice(&fs::read(stage.folder.join("reports").join(&own)).unwrap()).unwrap();
    let name = format!("{}/team/child:1.10@{}", registry.host(), descendant().digest());
    assert_eq!(report["ArtifactName"], name);
    // The same findings as of a scan of the image alone.
    let alone =
        stage.run(&["scan", &name, "--db", "plimsoll.db", "--fail-on", "critical", "--format", "json"]);
    let alone = parsed(&alone);
    assert!(report == alone, "the report of the sweep is another");
    let listed = stage.run(&["store", "list", "--json", "--store", "results"]);
    assert_eq!(parsed(&listed).as_array().unwrap().len(), 4, "{listed:?}");
    let all: Value = serde_json::from_slice(&fs::read(stage.folder.join("all.json")).unwrap()).unwrap();
    assert_eq!(all["images"][0]["verdict"], "failed");
    assert_eq!(all["images"][1]["report"], format!("reports/{own}"));
}

#[test]
fn an_image_does_not_hide_under_the_tag_of_a_signature() {
    let (stage, registry) = (stage("registry-hidden"), Registry::start());
    let tag = format!("sha256-{}.sig", "ab".repeat(32));
    registry.put_image("team/app", &tag, &image());
    let run = sweep(&stage, &registry, &["--fail-on", "critical"]);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("1 failed") && !run.stdout.contains("left out"), "{run:?}");
}

#[test]
fn one_platform_is_scanned_where_it_was_asked_for() {
    let (stage, registry) = (stage("registry-platform"), filled());
    let run = sweep(&stage, &registry, &["--platform", "linux/arm64", "--include", "team/*"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("team/multi:2") && run.stdout.contains("1 passed"), "{run:?}");
    assert!(run.stdout.contains("images of other platforms"), "{run:?}");
}

#[test]
fn without_advisories_there_is_no_sweep() {
    let (stage, registry) = (Stage::empty("registry-no-database"), filled());
    let run = stage.run(&["registry", "scan", &registry.host(), "--db", "nowhere.db", "--offline"]);
    assert_eq!(run.status, 5, "{run:?}");
    assert!(registry.requests().is_empty());
    let run = sweep(&stage, &registry, &["--fail-on-new"]);
    assert_eq!(run.status, 2, "{run:?}");
    let empty = Registry::start();
    let stage = self::stage("registry-empty");
    let run = sweep(&stage, &empty, &[]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("0 images of"), "{run:?}");
}
