//! What is wrong with an image, a registry or a database, and how the command says so.

#![expect(clippy::disallowed_methods, reason = "tests read the small files that they wrote")]

mod support;

use plimsoll_testkit::image::{ImageBuilder, gzip};
use plimsoll_testkit::registry::{Auth, Fault, Registry};
use support::{Run, Stage, image, push};

fn scan(stage: &Stage, target: &str) -> Run {
    stage.run(&["scan", target, "--db", "plimsoll.db"])
}

/// One error, in the form of the house: what was tried, on what, what was expected, what was found.
fn assert_error(run: &Run, status: i32, parts: &[&str]) {
    assert_eq!(run.status, status, "{run:?}");
    assert!(run.stderr.starts_with("error: cannot "), "{}", run.stderr);
    assert_eq!(run.stderr.matches("error: ").count(), 1, "{}", run.stderr);
    for part in parts {
        assert!(run.stderr.contains(part), "expected `{part}` in:\n{}", run.stderr);
    }
    assert_eq!(run.stdout, "");
}

#[test]
fn an_unknown_reference() {
    let stage = Stage::new("unknown-reference");
    let registry = Registry::start();
    push(&registry, &image(), "app", "1");
    assert_error(&scan(&stage, &format!("{}/app:2", registry.host())), 3, &["app:2"]);
    assert_error(&scan(&stage, &format!("{}/other:1", registry.host())), 3, &["other:1"]);
}

#[test]
fn a_name_that_is_no_reference() {
    let stage = Stage::new("no-reference");
    for target in ["UPPER/Case", "a b", "", "registry.example/app:tag:tag", "app@sha256:zz"] {
        let run = scan(&stage, target);
        assert_eq!(run.status, 2, "{target}: {run:?}");
    }
}

#[test]
fn a_denied_login() {
    let stage = Stage::new("denied");
    let registry = Registry::start();
    push(&registry, &image(), "app", "1");
    registry.require(Auth::Basic { user: "alice".into(), password: "wonder".into() });
    let run = scan(&stage, &format!("{}/app:1", registry.host()));
    assert_error(&run, 3, &["hint: "]);
    assert!(!run.stderr.contains("wonder"));
}

#[test]
fn a_missing_platform() {
    let stage = Stage::new("platform");
    let registry = Registry::start();
    push(&registry, &image(), "app", "1");
    let target = format!("{}/app:1", registry.host());
    let run = stage.run(&["scan", &target, "--db", "plimsoll.db", "--platform", "linux/s390x"]);
    assert_error(&run, 3, &["linux/s390x", "linux/amd64"]);
    let run = stage.run(&["scan", &target, "--db", "plimsoll.db", "--platform", "nonsense"]);
    assert_eq!(run.status, 2, "{run:?}");
}

#[test]
fn a_blob_that_is_cut_off_for_good_and_one_that_is_not() {
    let stage = Stage::new("cut");
    let registry = Registry::start();
    let image = image();
    push(&registry, &image, "app", "1");
    let target = format!("{}/app:1", registry.host());
    registry.fail_next(&image.layers[0].digest, Fault::CutAfter(100));
    let once = scan(&stage, &target);
    assert_eq!(once.status, 0, "resumed: {once:?}");
}

#[test]
fn a_wrong_digest() {
    let stage = Stage::new("digest");
    let registry = Registry::start();
    let image = image();
    push(&registry, &image, "app", "1");
    let mut wrong = image.layers[1].blob.clone();
    let last = wrong.len() - 1;
    wrong[last] ^= 1;
    registry.put_blob_as("app", &image.layers[1].digest, &wrong);
    assert_error(&scan(&stage, &format!("{}/app:1", registry.host())), 3, &["expected", "found", "sha256:"]);
}

#[test]
fn a_layer_that_is_not_gzip_but_says_so_is_a_gap_and_the_rest_is_scanned() {
    let stage = Stage::new("damaged-layer");
    let mut image = image();
    // The blob's digest is right, its bytes are not what they should be.
    let cut = image.layers[0].blob.len() / 2;
    let blob = image.layers[0].blob[..cut].to_vec();
    let text = String::from_utf8(image.manifest.clone()).unwrap();
    let old = &image.layers[0];
    let text = text
        .replace(&old.digest, &plimsoll_testkit::image::sha256(&blob))
        .replace(&format!("\"size\":{}", old.blob.len()), &format!("\"size\":{cut}"));
    image.manifest = text.into_bytes();
    image.layers[0].digest = plimsoll_testkit::image::sha256(&blob);
    image.layers[0].blob = blob;
    image.write_oci_layout(&stage.folder.join("layout"), "1").unwrap();
    let run = scan(&stage, "oci-dir:layout");
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("the rest of the layer was not read"), "{}", run.stdout);
    assert!(run.stdout.contains("CVE-2020-14343"), "the layer above is scanned: {}", run.stdout);
    let strict = stage.run(&["scan", "oci-dir:layout", "--db", "plimsoll.db", "--strict"]);
    assert_eq!(strict.status, 4);
}

#[test]
fn a_status_file_that_is_cut_short_is_a_gap() {
    let stage = Stage::new("cut-status");
    let text = "//- layer\n//- file etc/os-release\nID=debian\nVERSION_ID=11\n//- file var/lib/dpkg/status\n\
                Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:1.2.11\n\nPackage: libssl1.1\nStatus: install ok inst";
    ImageBuilder::from_text(text).build().write_oci_layout(&stage.folder.join("layout"), "1").unwrap();
    let run = stage.run(&["scan", "oci-dir:layout", "--db", "plimsoll.db", "--format", "json"]);
    assert_eq!(run.status, 0, "{run:?}");
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let gaps = report["Plimsoll"]["Gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
}

#[test]
fn an_empty_image_says_that_it_is_empty() {
    let stage = Stage::new("empty");
    ImageBuilder::new().build().write_oci_layout(&stage.folder.join("layout"), "1").unwrap();
    let run = scan(&stage, "oci-dir:layout");
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.to_lowercase().contains("no package was found"), "{}", run.stdout);
}

#[test]
fn a_missing_or_damaged_database() {
    let stage = Stage::new("database");
    image().write_oci_layout(&stage.folder.join("layout"), "1").unwrap();
    let run = stage.run(&["scan", "oci-dir:layout", "--db", "nowhere.db", "--offline"]);
    assert_error(&run, 5, &["nowhere.db", "hint: "]);
    // No database is named, and none lies at the default place.
    assert_error(&stage.run(&["scan", "oci-dir:layout", "--offline"]), 5, &["hint: "]);
    let bytes = std::fs::read(stage.folder.join("plimsoll.db")).unwrap();
    stage.write("cut.db", &bytes[..bytes.len() / 2]);
    assert_error(&stage.run(&["scan", "oci-dir:layout", "--db", "cut.db"]), 5, &["cut.db"]);
    stage.write("other.db", b"SQLite format 3\0");
    assert_error(&stage.run(&["scan", "oci-dir:layout", "--db", "other.db"]), 5, &["other.db"]);
    stage.write("empty.db", b"");
    assert_error(&stage.run(&["scan", "oci-dir:layout", "--db", "empty.db"]), 5, &["empty.db"]);
    let mut damaged = bytes.clone();
    let middle = damaged.len() - 40;
    damaged[middle] ^= 0x55;
    stage.write("damaged.db", &damaged);
    assert_error(&stage.run(&["db", "verify", "--db", "damaged.db"]), 5, &["damaged.db"]);
    assert_eq!(stage.run(&["db", "verify", "--db", "plimsoll.db"]).status, 0);
}

#[test]
fn files_that_are_no_image() {
    let stage = Stage::new("no-image");
    stage.write("text", b"hello");
    stage.write("zeros", &[0; 4096]);
    stage.write("gzip.tar.gz", &gzip(b"not a tar"));
    std::fs::create_dir_all(stage.folder.join("folder")).unwrap();
    for target in [
        "docker-archive:text",
        "oci-archive:text",
        "docker-archive:missing",
        "oci-dir:folder",
        "oci-dir:missing",
        "docker-archive:zeros",
        "docker-archive:gzip.tar.gz",
        "dir:missing",
        "sbom:text",
        "sbom:missing",
    ] {
        assert_error(&scan(&stage, target), 3, &[]);
    }
}

#[test]
fn sources_that_cannot_be_read_do_not_make_a_database() {
    let stage = Stage::empty("bad-sources");
    stage.write("damaged.zip", b"PK\x03\x04 and nothing more");
    let run = stage.run(&["db", "build", "--from", "damaged.zip", "--output", "plimsoll.db"]);
    assert_error(&run, 3, &["damaged.zip"]);
    assert!(!stage.folder.join("plimsoll.db").exists());
    let run = stage.run(&["db", "build", "--from", "missing", "--output", "plimsoll.db"]);
    assert_error(&run, 3, &["missing"]);
    // One bad record among good ones is told, and the others are used.
    stage.write_advisories();
    stage.write("advisories/bad.json", b"{\"id\": 7");
    let run = stage.run(&["db", "build", "--from", "advisories", "--output", "plimsoll.db"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stderr.contains("bad.json"), "{}", run.stderr);
}

#[test]
fn a_database_build_that_fails_leaves_the_old_one() {
    let stage = Stage::new("keeps");
    let before = std::fs::read(stage.folder.join("plimsoll.db")).unwrap();
    stage.write("damaged.zip", b"PK\x03\x04");
    stage.run(&["db", "build", "--from", "damaged.zip", "--output", "plimsoll.db"]);
    assert_eq!(std::fs::read(stage.folder.join("plimsoll.db")).unwrap(), before);
}
