//! What is new: `--baseline`, `--fail-on-new`, `--base`, and `plimsoll diff`.

#![expect(clippy::disallowed_methods, reason = "tests read the small files that they wrote")]

mod support;

use std::fs;

use plimsoll_testkit::image::ImageBuilder;
use plimsoll_testkit::registry::Registry;
use support::{IMAGE, Run, Stage, push};

/// A layer with one package more, of which an advisory speaks.
const MORE: &str = "\
//- layer
//- file srv/node_modules/minimist/package.json
{\"name\": \"minimist\", \"version\": \"1.2.5\"}
";

/// Advisories of the package that the second image adds.
const MINIMIST: &[u8] =
    br#"{"id": "GHSA-xvch-5gv4-984h", "modified": "2024-01-01T00:00:00Z", "aliases": ["CVE-2021-44906"],
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
    "affected": [{"package": {"ecosystem": "npm", "name": "minimist"},
    "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.2.6"}]}]}]}"#;

/// An advisory that comes later, of a package that both images have.
const LATER: &[u8] = br#"{"id": "DSA-9", "modified": "2024-02-02T00:00:00Z", "upstream": ["CVE-2024-9"], "affected": [{"package":
    {"ecosystem": "Debian:11", "name": "openssl"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}"#;

/// Images `a` and `b`, which has one package more; databases `old.db` and `new.db`, which has one advisory more.
fn stage(name: &str) -> Stage {
    let stage = Stage::empty(name);
    stage.write_advisories();
    stage.write("advisories/GHSA-xvch-5gv4-984h.json", MINIMIST);
    build(&stage, "old.db");
    stage.write("advisories/DSA-9.json", LATER);
    build(&stage, "new.db");
    image(&stage, "a", IMAGE);
    image(&stage, "b", &format!("{IMAGE}{MORE}"));
    stage
}

fn build(stage: &Stage, database: &str) {
    let built = stage.run(&["db", "build", "--from", "advisories", "--output", database]);
    assert_eq!(built.status, 0, "{built:?}");
}

fn image(stage: &Stage, name: &str, text: &str) {
    ImageBuilder::from_text(text)
        .build()
        .write_oci_layout(&stage.folder.join(name), "1")
        .expect("a folder of ours");
}

fn scan(stage: &Stage, image: &str, database: &str, more: &[&str]) -> Run {
    let target = format!("oci-dir:{image}");
    stage.run(&[&["scan", &target, "--db", database], more].concat())
}

/// Stores a report of an image.
fn store(stage: &Stage, image: &str, database: &str, file: &str) {
    let run = scan(stage, image, database, &["--format", "json", "--output", file]);
    assert_eq!(run.status, 0, "{run:?}");
}

/// The line of the table that says what is new.
fn compared(run: &Run) -> &str {
    run.stdout.lines().find(|line| line.starts_with("Compared with")).unwrap_or_default()
}

#[test]
fn what_was_added_and_what_was_learnt_are_told_apart() {
    let stage = stage("told-apart");
    store(&stage, "a", "old.db", "a.json");
    for (image, database, baseline, status, line) in [
        (
            "a",
            "old.db",
            "a.json",
            0,
            "Compared with a.json: 0 added by you, 0 learnt since, 4 known; gone: 0",
        ),
        (
            "b",
            "old.db",
            "a.json",
            1,
            "Compared with a.json: 1 added by you (CRITICAL: 1), 0 learnt since, 4 known;",
        ),
        (
            "a",
            "new.db",
            "a.json",
            1,
            "Compared with a.json: 0 added by you, 1 learnt since (UNKNOWN: 1), 4 known;",
        ),
        (
            "b",
            "old.db",
            "oci-dir:a",
            1,
            "Compared with oci-dir:a: 1 added by you (CRITICAL: 1), 0 learnt since, 4 known;",
        ),
        // Both are scanned with the same database: what was learnt since is in both.
        (
            "a",
            "new.db",
            "oci-dir:a",
            0,
            "Compared with oci-dir:a: 0 added by you, 0 learnt since, 5 known; gone: 0",
        ),
        (
            "a",
            "old.db",
            "oci-dir:b",
            0,
            "Compared with oci-dir:b: 0 added by you, 0 learnt since, 4 known; gone: 1",
        ),
    ] {
        let run = scan(&stage, image, database, &["--baseline", baseline, "--fail-on-new"]);
        assert_eq!((run.status, compared(&run)), (status, line), "{run:?}");
        // Without the flag it only tells.
        assert_eq!(scan(&stage, image, database, &["--baseline", baseline]).status, 0);
    }
}

#[test]
fn a_policy_fails_what_was_added_and_warns_of_what_was_learnt() {
    let stage = stage("baseline-policy");
    store(&stage, "a", "old.db", "a.json");
    stage.write(
        "policy.toml",
        br#"
        [[policy.rules]]
        name = "yours"
        when = "new_because == 'added'"
        action = "fail"
        reason = "you added it"

        [[policy.rules]]
        name = "the world's"
        when = "new_because == 'learnt'"
        action = "warn"
        reason = "the world learnt it"
        "#,
    );
    let rulings = |image: &str, database: &str, status: i32| {
        let policy = ["--baseline", "a.json", "--policy", "policy.toml", "--format", "json"];
        let run = scan(&stage, image, database, &policy);
        assert_eq!(run.status, status, "{run:?}");
        let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
        let results = report["Results"].as_array().expect("results").clone();
        let flaws =
            results.iter().flat_map(|result| result["Vulnerabilities"].as_array().into_iter().flatten());
        let mut lines: Vec<String> = flaws
            .filter(|flaw| flaw["Plimsoll"]["New"] != "known")
            .map(|flaw| {
                let own = &flaw["Plimsoll"];
                let ruling = &own["Ruling"];
                format!(
                    "{} {} {} by {}",
                    flaw["VulnerabilityID"], own["New"], ruling["Outcome"], ruling["Rule"]
                )
                .replace('"', "")
            })
            .collect();
        lines.sort();
        lines
    };
    let learnt = "CVE-2024-9 learnt warned by the world's";
    let added = "CVE-2021-44906 added failed by yours";
    assert_eq!(rulings("a", "new.db", 0), [learnt]);
    assert_eq!(rulings("b", "old.db", 1), [added]);
    assert_eq!(rulings("b", "new.db", 1), [added, learnt]);
    assert!(rulings("a", "old.db", 0).is_empty());
}

#[test]
fn variables_and_settings_say_the_same_as_flags() {
    let stage = stage("baseline-settings");
    store(&stage, "a", "old.db", "a.json");
    let words = ["scan", "oci-dir:b", "--db", "old.db"];
    let variables = [("PLIMSOLL_BASELINE", "a.json"), ("PLIMSOLL_FAIL_ON_NEW", "true")];
    assert_eq!(stage.run_with(&words, &variables).status, 1);
    fs::create_dir_all(stage.folder.join("settings")).expect("a folder of ours");
    stage.write("settings/plimsoll.toml", b"baseline = \"base.json\"\nfail-on-new = true\n");
    fs::rename(stage.folder.join("a.json"), stage.folder.join("settings/base.json")).expect("files of ours");
    let run = stage.run(&[&words[..], &["--config", "settings/plimsoll.toml"]].concat());
    assert_eq!(run.status, 1, "a file is taken from the folder of the settings: {run:?}");
}

#[test]
fn the_last_scan_that_passed_is_kept_and_one_that_failed_is_not() {
    let stage = stage("last");
    let last = |image: &str, database: &str| {
        // The image goes by one name, whatever is in it.
        let _ = fs::remove_dir_all(stage.folder.join("app"));
        let from = stage.folder.join(image);
        let copied =
            std::process::Command::new("cp").arg("-r").arg(from).arg(stage.folder.join("app")).status();
        assert!(copied.expect("`cp` is there").success());
        scan(&stage, "app", database, &["--baseline", "last", "--fail-on-new"])
    };
    // What is decided as of another day is not kept.
    let shifted = ["--baseline", "last", "--as-of", "2020-01-01"];
    assert_eq!(scan(&stage, "a", "old.db", &shifted).status, 0);
    assert_eq!(kept(&stage).len(), 0);
    let first = last("a", "old.db");
    assert_eq!(
        (first.status, compared(&first)),
        (0, ""),
        "nothing is new where there is nothing to compare: {first:?}"
    );
    assert_eq!(kept(&stage).len(), 1);
    assert_eq!(last("a", "old.db").status, 0);
    // Failed, and failed again: the kept scan does not move.
    let before = kept(&stage);
    assert_eq!(last("b", "old.db").status, 1);
    assert_eq!(last("b", "old.db").status, 1);
    assert_eq!(kept(&stage), before);
    // Taken back, it passes; and what the world learns is new once more.
    assert_eq!(last("a", "old.db").status, 0);
    assert_eq!(last("a", "new.db").status, 1);
    assert_eq!(kept(&stage), before);
}

#[test]
fn a_name_of_its_own_and_a_platform_are_baselines_of_their_own() {
    let stage = stage("last-named");
    let run = |target: &str, baseline: &str| {
        scan(&stage, target, "old.db", &["--baseline", baseline, "--fail-on-new"])
    };
    assert_eq!(run("a", "last:main").status, 0);
    let other = run("b", "last:main");
    assert_eq!(other.status, 1, "another path, and the same name: {other:?}");
    assert_eq!(run("b", "last:branch").status, 0, "the first of another name");
    assert_eq!(run("b", "last").status, 0, "the first of this path");
    assert_eq!(kept(&stage).len(), 3);
}

/// The kept reports, by name.
fn kept(stage: &Stage) -> Vec<(String, Vec<u8>)> {
    let folder = stage.folder.join("home/.local/state/plimsoll/baselines");
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("a folder of ours").path())
        .map(|path| (path.display().to_string(), fs::read(&path).expect("a file of ours")))
        .collect();
    files.sort();
    files
}

#[test]
fn a_strict_gate_has_not_decided_where_there_is_no_baseline_yet() {
    let stage = stage("last-strict");
    let strict = || scan(&stage, "a", "old.db", &["--baseline", "last", "--strict", "--fail-on-new"]);
    let run = strict();
    assert_eq!(run.status, 4, "{run:?}");
    assert!(run.stdout.contains("no baseline yet"), "{run:?}");
    assert_eq!(strict().status, 4, "run again it does not pass");
    // Nor does its report, judged again.
    let stored =
        scan(&stage, "a", "old.db", &["--baseline", "last", "--strict", "-f", "json", "-o", "r.json"]);
    assert_eq!(stored.status, 4, "{stored:?}");
    assert_eq!(stage.run(&["policy", "test", "--strict", "r.json"]).status, 4);
    assert_eq!(scan(&stage, "a", "old.db", &["--baseline", "last"]).status, 0);
    assert_eq!(strict().status, 0);
}

#[test]
fn what_is_wrong_with_a_baseline_is_told_before_anything_is_scanned() {
    let stage = stage("baseline-wrong");
    store(&stage, "a", "old.db", "a.json");
    let whole = fs::read(stage.folder.join("a.json")).expect("a file of ours");
    stage.write("cut.json", &whole[..whole.len() / 2]);
    stage.write("empty.json", b"");
    stage.write("list.json", b"[]");
    stage.write("object.json", b"{}");
    stage.write("page.json", b"<!DOCTYPE html><html><body>Sign in</body></html>");
    stage.write("deep.json", "[".repeat(100_000).as_bytes());
    for baseline in [
        "cut.json",
        "empty.json",
        "list.json",
        "object.json",
        "page.json",
        "deep.json",
        "gone.json",
        "./gone",
    ] {
        let run = stage.run(&["scan", "oci-dir:nowhere", "--db", "old.db", "--baseline", baseline]);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{baseline}: {run:?}");
        assert!(run.stderr.contains(baseline), "{baseline}: {run:?}");
        let run = stage.run(&["diff", baseline, "a.json"]);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{baseline}: {run:?}");
    }
    let run = scan(&stage, "a", "old.db", &["--fail-on-new"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("--baseline last"), "{run:?}");
    // A baseline that is an image, and is not there.
    assert_eq!(scan(&stage, "a", "old.db", &["--baseline", "oci-dir:nowhere"]).status, 3);
}

#[test]
fn a_kept_scan_that_is_damaged_is_no_pass() {
    let stage = stage("last-damaged");
    let last = || scan(&stage, "a", "old.db", &["--baseline", "last", "--fail-on-new"]);
    assert_eq!(last().status, 0);
    let (path, bytes) = kept(&stage).remove(0);
    fs::write(&path, &bytes[..bytes.len() / 2]).expect("a file of ours");
    let run = last();
    assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{run:?}");
    assert!(run.stderr.contains("remove `"), "{run:?}");
    fs::remove_file(path).expect("a file of ours");
    assert_eq!(last().status, 0);
}

#[test]
fn where_nothing_can_be_kept_the_scan_is_an_error() {
    let stage = stage("last-nowhere");
    let words = ["scan", "oci-dir:a", "--db", "old.db", "--baseline", "last"];
    let run = stage.run_with(&words, &[("XDG_STATE_HOME", "/proc/nowhere")]);
    assert_eq!(run.status, 3, "{run:?}");
    assert!(run.stderr.contains("cannot keep this scan"), "{run:?}");
}

#[test]
fn a_base_tells_what_is_inherited() {
    let stage = stage("base");
    store(&stage, "a", "old.db", "a.json");
    image(&stage, "other", &format!("{MORE}{IMAGE}"));
    for (base, status, text) in [
        ("oci-dir:a", 0, ""),
        ("a.json", 0, ""),
        ("oci-dir:b", 0, ""),
        ("oci-dir:other", 2, "is not built on it"),
        ("oci-dir:nowhere", 3, "nowhere"),
        ("auto", 2, "org.opencontainers.image.base.name"),
    ] {
        let run = scan(&stage, "b", "old.db", &["--base", base]);
        assert_eq!(run.status, status, "{base}: {run:?}");
        assert!(run.stderr.contains(text), "{base}: {run:?}");
    }
    let run = scan(&stage, "a", "old.db", &["--base", "oci-dir:b"]);
    assert_eq!(run.status, 2, "an image is not built on what is built on it: {run:?}");
    assert!(run.stderr.contains("expected at least its 3 layers, found 2"), "{run:?}");
    fs::create_dir_all(stage.folder.join("folder")).expect("a folder of ours");
    assert_eq!(stage.run(&["scan", "dir:folder", "--db", "old.db", "--base", "a.json"]).status, 2);
}

#[test]
fn the_base_that_an_image_names_is_asked_for_where_that_is_wanted() {
    let stage = stage("base-auto");
    let registry = Registry::start();
    let base = ImageBuilder::from_text(IMAGE).build();
    push(&registry, &base, "base", "1");
    let label = format!("{}/base:1", registry.host());
    let settings = serde_json::json!({"Labels": {"org.opencontainers.image.base.name": label}});
    let built = ImageBuilder::from_text(&format!("{IMAGE}{MORE}")).settings(settings).build();
    built.write_oci_layout(&stage.folder.join("labelled"), "1").expect("a folder of ours");
    let run = scan(&stage, "labelled", "old.db", &["--base", "auto", "--format", "json"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains(&label), "{run:?}");
    // An annotation of the manifest says the same, with a digest, which a tag that has moved does not hinder.
    let built = ImageBuilder::from_text(&format!("{IMAGE}{MORE}")).build();
    let mut manifest: serde_json::Value = serde_json::from_slice(&built.manifest).expect("JSON");
    manifest["annotations"] = serde_json::json!({
        "org.opencontainers.image.base.name": format!("{}/base:moved", registry.host()),
        "org.opencontainers.image.base.digest": base.digest(),
    });
    push(&registry, &built, "app", "plain");
    let manifest = serde_json::to_vec(&manifest).expect("JSON");
    registry.put_manifest("app", "annotated", "application/vnd.oci.image.manifest.v1+json", &manifest);
    for (tag, status) in [("annotated", 0), ("plain", 2)] {
        let target = format!("{}/app:{tag}", registry.host());
        let run = stage.run(&["scan", &target, "--db", "old.db", "--base", "auto", "--format", "json"]);
        assert_eq!(run.status, status, "{run:?}");
        assert_eq!(run.stdout.contains(&base.digest()), status == 0, "{run:?}");
    }
    // Without the word nobody is asked.
    let before = registry.requests().len();
    assert_eq!(scan(&stage, "labelled", "old.db", &[]).status, 0);
    assert_eq!(registry.requests().len(), before);
    assert!(registry.requests().iter().all(|request| !request.path.contains("/blobs/sha256:") || {
        // Of the base its config is read, and no layer.
        base.layers.iter().all(|layer| !request.path.contains(&layer.digest))
    }));
}

#[test]
fn two_reports_or_images_stand_side_by_side() {
    let stage = stage("diff");
    store(&stage, "a", "old.db", "a.json");
    store(&stage, "b", "new.db", "b.json");
    let reports = stage.run(&["diff", "a.json", "b.json"]);
    assert_eq!((reports.status, reports.stderr.as_str()), (0, ""), "{reports:?}");
    for line in [
        "layers: 2 shared, 0 gone, 1 added",
        "Added: the package or its version is new (1 finding)",
        "Learnt: the package was there, the advisory was not (1 finding)",
        "  CRITICAL  CVE-2021-44906  minimist 1.2.5  fixed in 1.2.6",
        "  UNKNOWN   CVE-2024-9  libssl1.1 1.1.1k-1  no fix",
        "Packages: 1 added, 0 gone, 0 changed, 6 unchanged",
    ] {
        assert!(reports.stdout.lines().any(|found| found == line), "{line}: {}", reports.stdout);
    }
    // One side is scanned now, with the newer database.
    let mixed = stage.run(&["diff", "a.json", "oci-dir:b", "--db", "new.db", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&mixed.stdout).expect("JSON");
    assert_eq!(json["Findings"]["Added"][0]["VulnerabilityID"], "CVE-2021-44906");
    assert_eq!(json["Findings"]["Learnt"][0]["VulnerabilityID"], "CVE-2024-9");
    assert_eq!(json["Packages"]["Added"][0]["Name"], "minimist");
    let back = stage.run(&["diff", "b.json", "a.json", "--format", "markdown"]);
    assert!(back.stdout.contains("### Gone: 2"), "{back:?}");
    for (old, new, status) in [("a.json", "b.json", 1), ("b.json", "a.json", 0), ("a.json", "a.json", 0)] {
        assert_eq!(stage.run(&["diff", old, new, "--exit-code"]).status, status);
    }
    // No database is needed for reports, and one is for images.
    assert_eq!(stage.run(&["diff", "a.json", "oci-dir:b", "--offline"]).status, 5);
}
