//! Whole registries, and images that go from one to another: with Debian's registry, and skopeo as the judge.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use plimsoll_real::{
    Access, CuttingProxy, Plimsoll, Registry, Run, Scratch, USER, database, docker_config, fetch_all,
    push_layout, raw_manifest,
};
use plimsoll_testkit::image::{BuiltImage, ImageBuilder, sha256};
use serde_json::{Value, json};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An image whose first layer is that of all of them.
fn image(architecture: &str, name: &str) -> BuiltImage {
    let text = format!(
        "//- layer\n//- file etc/os-release\nID=debian\nVERSION_ID=\"11\"\n//- file var/lib/dpkg/status\nPackage: tool\n\
         Status: install ok installed\nArchitecture: all\nVersion: 1.0\n//- layer\n//- file srv/{name}\n{architecture}\n"
    );
    ImageBuilder::from_text(&text).platform(architecture, "").build()
}

/// An OCI layout with an index of these images.
fn layout(folder: &Path, images: &[BuiltImage]) -> PathBuf {
    let mut entries = Vec::new();
    for image in images {
        image.write_oci_layout(folder, "alone").expect("a folder of ours");
        let config: Value = serde_json::from_slice(&image.config).expect("a config is JSON");
        entries.push(json!({"mediaType": MANIFEST, "digest": image.digest(), "size": image.manifest.len(),
            "platform": {"os": "linux", "architecture": config["architecture"]}}));
    }
    // Spaces that nobody would write again show whether the bytes stay.
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = format!(
        "{{ \"schemaVersion\" : 2, \"mediaType\":\"{media_type}\",\n\"manifests\":{}}}\n",
        Value::from(entries)
    );
    let digest = sha256(index.as_bytes());
    fs::write(folder.join("blobs/sha256").join(&digest[7..]), &index).expect("a folder of ours");
    let top = json!({"schemaVersion": 2, "manifests": [{"mediaType": media_type, "digest": digest, "size": index.len(),
        "annotations": {"org.opencontainers.image.ref.name": "all"}}]});
    fs::write(folder.join("index.json"), top.to_string()).expect("a folder of ours");
    folder.to_owned()
}

fn good(run: Run) -> Run {
    assert_eq!(run.status, Some(0), "`{}` failed:\n{}\n{}", run.call, text(&run), run.stderr);
    run
}

fn text(run: &Run) -> String {
    String::from_utf8_lossy(&run.stdout).into_owned()
}

/// A staging registry with an index of two platforms, both of which passed by the word of a store.
struct Stage {
    folder: Scratch,
    staging: Registry,
    index: Vec<u8>,
}

impl Stage {
    fn new() -> Self {
        let (folder, staging) = (Scratch::new(), Registry::empty(Access::Anyone));
        let images = [image("amd64", "app"), image("arm64", "app")];
        let layout = layout(&folder.path("layout"), &images);
        let name = format!("{}/team/app:1", staging.address());
        push_layout(&layout, "all", &name);
        let index = raw_manifest(&name, None);
        Self { folder, staging, index }
    }

    fn source(&self) -> String {
        format!("{}/team/app:1", self.staging.address())
    }

    fn store(&self) -> String {
        self.folder.path("results").display().to_string()
    }

    fn judge(&self) {
        for platform in ["linux/amd64", "linux/arm64"] {
            let gate = ["--platform", platform, "--fail-on", "critical", "--store", &self.store()];
            good(Plimsoll::scan(&self.source(), &database().path).without_cache().arguments(&gate).run());
        }
    }

    fn promote(&self, destination: &str) -> Plimsoll {
        Plimsoll::bare(&[
            "promote",
            &self.source(),
            destination,
            "--store",
            &self.store(),
            "--format",
            "json",
        ])
    }
}

#[test]
fn what_is_promoted_is_byte_for_byte_what_was_judged() {
    let stage = Stage::new();
    stage.judge();
    let production = Registry::empty(Access::Password);
    let address = production.address().to_string();
    let destination = format!("{address}/prod/app:1");
    let config = Scratch::new();
    // Without a password it is kept out, and says so.
    let run = stage.promote(&destination).run();
    assert_eq!(run.status, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("cannot push") || run.stderr.contains("cannot read"), "{}", run.stderr);
    let logged_in = || docker_config(&config, &address, USER.0, USER.1);
    let run = good(stage.promote(&destination).variable("DOCKER_CONFIG", logged_in()).run());
    let said: Value = serde_json::from_slice(&run.stdout).expect("it was asked for JSON");
    assert_eq!(said["digest"], sha256(&stage.index));
    assert_eq!(said["copied"]["manifests_written"], 3);
    assert_eq!(said["copied"]["blobs_sent"], 5, "two images share a layer");
    assert_eq!(raw_manifest(&destination, Some(USER)), stage.index);
    for image in [image("amd64", "app"), image("arm64", "app")] {
        let name = format!("{address}/prod/app@{}", image.digest());
        assert_eq!(raw_manifest(&name, Some(USER)), image.manifest);
    }
    fetch_all(&destination, Some(USER), &stage.folder.path("fetched"));

    // Once more there is nothing to send.
    let run = good(stage.promote(&destination).variable("DOCKER_CONFIG", logged_in()).run());
    let said: Value = serde_json::from_slice(&run.stdout).expect("it was asked for JSON");
    assert_eq!((&said["copied"]["blobs_sent"], &said["copied"]["manifests_written"]), (&json!(0), &json!(0)));
}

#[test]
fn within_one_registry_blobs_are_mounted() {
    let stage = Stage::new();
    stage.judge();
    let destination = format!("{}/prod/app:1", stage.staging.address());
    let run = good(stage.promote(&destination).run());
    let said: Value = serde_json::from_slice(&run.stdout).expect("it was asked for JSON");
    assert_eq!((&said["copied"]["blobs_sent"], &said["copied"]["blobs_mounted"]), (&json!(0), &json!(5)));
    assert_eq!(raw_manifest(&destination, None), stage.index);
    fetch_all(&destination, None, &stage.folder.path("fetched"));
}

#[test]
fn an_image_that_nobody_judged_stays() {
    let stage = Stage::new();
    fs::create_dir_all(stage.folder.path("results")).expect("a folder of ours");
    let production = Registry::empty(Access::Anyone);
    let run = stage.promote(&format!("{}/prod/app:1", production.address())).run();
    assert_eq!(run.status, Some(1), "{}", run.stderr);
    let list = Plimsoll::bare(&["registry", "list", &production.address().to_string()]).run();
    assert!(text(&good(list)).contains("0 digests under 0 tags in 0 repositories"));
}

#[test]
fn attestations_go_along_and_still_hold() {
    let stage = Stage::new();
    let key = stage.folder.path("gate.key").display().to_string();
    good(Plimsoll::bare(&["db", "keygen", "--output", &key]).run());
    let public = format!("{key}.pub");
    for platform in ["linux/amd64", "linux/arm64"] {
        let how = ["--platform", platform, "--fail-on", "critical", "--attest", "--sign-key", &key];
        good(Plimsoll::scan(&stage.source(), &database().path).without_cache().arguments(&how).run());
    }
    let production = Registry::empty(Access::Anyone);
    let destination = format!("{}/prod/app:1", production.address());
    good(Plimsoll::bare(&["promote", &stage.source(), &destination, "--key", &public]).run());
    drop(stage.staging);
    // Of what is there alone: this registry has no list of referrers, so tags stand for it.
    let verified = Plimsoll::bare(&["verify", &destination, "--key", &public]).run();
    assert_eq!(verified.status, Some(0), "{}\n{}", text(&verified), verified.stderr);
    let list = good(Plimsoll::bare(&["registry", "list", &production.address().to_string()]).run());
    assert!(text(&list).contains("1 digest under 1 tag in 1 repository"), "{}", text(&list));
    assert!(text(&list).contains("tags of signatures and attestations"), "{}", text(&list));
}

#[test]
fn a_sweep_reads_each_layer_once_and_a_damaged_image_stops_no_other() {
    let (folder, registry) = (Scratch::new(), Registry::empty(Access::Anyone));
    let names = ["one", "two", "three", "four", "five"];
    for name in names {
        let layout = folder.path(name);
        image("amd64", name).write_oci_layout(&layout, "1").expect("a folder of ours");
        push_layout(&layout, "1", &format!("{}/team/{name}:1", registry.address()));
        push_layout(&layout, "1", &format!("{}/team/{name}:again", registry.address()));
    }
    // Two repositories on a page, so that the list has three.
    let list = Plimsoll::bare(&["registry", "list", &registry.address().to_string()]).run();
    assert!(text(&good(list)).contains("5 digests under 10 tags in 5 repositories"));
    let proxy = CuttingProxy::start(registry.address(), 0, u64::MAX, || ());
    let place = proxy.address().to_string();
    let database = database().path.display().to_string();
    let sweep = |registry: &str, more: &[&str]| {
        let words = [
            "registry",
            "scan",
            registry,
            "--db",
            &database,
            "--format",
            "json",
            "--no-cache",
            "--jobs",
            "5",
        ];
        Plimsoll::bare(&words).arguments(more).run()
    };
    let run = good(sweep(&place, &["--fail-on", "critical"]));
    let result: Value = serde_json::from_slice(&run.stdout).expect("it was asked for JSON");
    assert_eq!(result["images"].as_array().map(Vec::len), Some(names.len()));
    assert_eq!(result["images"][0]["names"][0]["tags"], json!(["1", "again"]));
    let mut requests: BTreeMap<String, usize> = BTreeMap::new();
    for request in proxy.blob_requests() {
        *requests.entry(request.path.rsplit('/').next().unwrap_or_default().to_owned()).or_default() += 1;
    }
    for name in names {
        for layer in image("amd64", name).layers {
            assert_eq!(requests.get(&layer.digest), Some(&1), "{name}");
        }
    }
    registry.damage_largest_blob();
    let run = sweep(&registry.address().to_string(), &["--fail-on", "critical"]);
    assert_eq!(run.status, Some(3), "{}", run.stderr);
    let result: Value = serde_json::from_slice(&run.stdout).expect("it was asked for JSON");
    let count = |field: &str| result[field].as_array().map_or(0, Vec::len);
    assert!(count("not_scanned") + count("unread") > 0, "{result:#}");
    assert_eq!(result["verdict"], "incomplete");
}
