//! The database as a folder: pinned, aged, offline, searched, compared, with what was left out.

mod support;

use plimsoll_testkit::registry::Registry;
use support::{Run, Stage, image, push};

/// A stage whose database is the folder `store`.
fn stage(name: &str) -> Stage {
    let stage = Stage::new(name);
    let built = stage.run(&["db", "build", "--from", "advisories", "--output", "store/"]);
    assert_eq!(built.status, 0, "{built:?}");
    stage.write("oci.tar", &image().oci_archive("1.2"));
    stage
}

fn scan(stage: &Stage, more: &[&str]) -> Run {
    let mut words = vec!["scan", "oci-archive:oci.tar", "--format", "json"];
    words.extend(more);
    stage.run(&words)
}

fn digest(stage: &Stage) -> String {
    let info = stage.run(&["db", "info", "--db", "store"]);
    assert_eq!(info.status, 0, "{info:?}");
    info.stdout.lines().find_map(|line| line.strip_prefix("digest: ")).expect("a digest").to_owned()
}

fn results(run: &Run) -> serde_json::Value {
    assert_eq!(run.status, 0, "{run:?}");
    let report: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
    report["Results"].clone()
}

#[test]
fn a_folder_of_partitions_gives_the_findings_of_one_file() {
    let stage = stage("store-or-file");
    let (file, folder) =
        (scan(&stage, &["--db", "plimsoll.db"]), scan(&stage, &["--db", "store", "--offline"]));
    assert_eq!(results(&file), results(&folder));
    assert!(folder.stdout.contains("CVE-2021-3711"), "{folder:?}");
}

#[test]
fn a_pinned_digest_gives_the_same_bytes_after_the_data_has_changed() {
    let stage = stage("pinned");
    let pin = digest(&stage);
    let before = scan(&stage, &["--db", "store", "--db-digest", &pin]);
    assert_eq!(before.status, 0, "{before:?}");
    stage.write(
        "advisories/DSA-9.json",
        br#"{"id": "DSA-9", "modified": "2024-02-02T00:00:00Z", "upstream": ["CVE-2024-9"], "affected": [{"package":
            {"ecosystem": "Debian:11", "name": "openssl"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}"#,
    );
    let built = stage.run(&["db", "build", "--from", "advisories", "--output", "store/"]);
    assert_eq!(built.status, 0, "{built:?}");
    assert_ne!(digest(&stage), pin);
    let now = scan(&stage, &["--db", "store", "--offline"]);
    assert!(now.stdout.contains("CVE-2024-9"), "{now:?}");
    let again = scan(&stage, &["--db", "store", "--db-digest", &pin]);
    assert_eq!(before.stdout, again.stdout);

    let unknown = format!("sha256:{}", "0".repeat(64));
    let run = scan(&stage, &["--db", "store", "--db-digest", &unknown]);
    assert_eq!(run.status, 5, "{run:?}");
    assert!(run.stderr.contains(&unknown), "{run:?}");
    assert_eq!(scan(&stage, &["--db", "store", "--db-digest", "sha256:7"]).status, 2);

    let diff = stage.run(&["db", "diff", &pin, "--db", "store"]);
    assert_eq!(diff.status, 0, "{diff:?}");
    assert!(diff.stdout.contains("+ Debian:11 DSA-9 (openssl)"), "{diff:?}");
}

#[test]
fn an_old_database_ends_with_its_own_status_where_that_is_asked() {
    let stage = stage("age");
    let run = scan(&stage, &["--db", "store", "--offline", "--max-age", "5d"]);
    assert_eq!((run.status, run.stdout.as_str()), (5, ""), "{run:?}");
    assert!(run.stderr.contains("at most 5 days") && run.stderr.contains("2024-01-02"), "{run:?}");
    let run = scan(&stage, &["--db", "store", "--offline", "--max-age", "5000w"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(scan(&stage, &["--db", "store", "--max-age", "soon"]).status, 2);
}

#[test]
fn without_a_network_what_is_missing_is_said_and_how_to_get_it() {
    let stage = stage("offline");
    let run = scan(&stage, &["--db", "nowhere", "--offline"]);
    assert_eq!(run.status, 5, "{run:?}");
    assert!(run.stderr.contains("db update") && run.stderr.contains("db import"), "{run:?}");

    // An ecosystem that the database lacks is a gap, and the rest is scanned.
    std::fs::remove_file(stage.folder.join("advisories/GHSA-acme.json")).expect("it is there");
    let built = stage.run(&["db", "build", "--from", "advisories", "--output", "less/"]);
    assert_eq!(built.status, 0, "{built:?}");
    let run = scan(&stage, &["--db", "less", "--offline"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("no advisories for `npm` in the database"), "{run:?}");
}

#[test]
fn what_is_lacking_is_fetched_once_and_a_failure_to_fetch_is_a_gap() {
    let stage = stage("fetched");
    std::fs::remove_file(stage.folder.join("advisories/GHSA-acme.json")).expect("it is there");
    let built = stage.run(&["db", "build", "--from", "advisories", "--output", "less/"]);
    assert_eq!(built.status, 0, "{built:?}");
    // Nobody listens there: a scan goes on all the same, says so, and has a gap.
    stage.write(
        "plimsoll.toml",
        b"[update]\nsources = [\"osv\"]\nmirrors = { osv = [\"http://127.0.0.1:9/\"] }\n",
    );
    let run = scan(&stage, &["--db", "less"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stderr.contains("npm") && run.stderr.contains("127.0.0.1:9"), "{run:?}");
    assert!(run.stdout.contains("no advisories for `npm` in the database"), "{run:?}");
}

#[test]
fn advisories_are_found_by_id_by_package_and_by_a_part_of_a_name() {
    let stage = stage("search");
    for (text, expected) in [
        ("CVE-2020-14343", "GHSA-8q59-q68h-6hv4"),
        ("pkg:pypi/PyYAML", "PyPI: pyyaml"),
        ("openssl", "Debian:11: openssl"),
        ("acm", "npm: @acme/old"),
        ("nothing-like-that", "nothing is known of `nothing-like-that`"),
    ] {
        let run = stage.run(&["db", "search", text, "--db", "store"]);
        assert_eq!(run.status, 0, "{run:?}");
        assert!(run.stdout.contains(expected), "{text}: {run:?}");
    }
}

#[test]
fn a_broken_record_costs_nothing_but_itself_and_is_listed() {
    let stage = stage("broken-record");
    stage.write("advisories/BROKEN-1.json", b"<!doctype html><title>Sign in</title>");
    let built = stage.run(&["db", "build", "--from", "advisories", "--output", "store/"]);
    assert_eq!(built.status, 0, "{built:?}");
    assert!(built.stderr.contains("BROKEN-1.json"), "{built:?}");
    let info = stage.run(&["db", "info", "--db", "store"]);
    assert!(info.stdout.contains("BROKEN-1.json"), "{info:?}");
    assert!(info.stdout.contains("osv"), "{info:?}");
}

#[test]
fn a_database_travels_through_a_file_and_a_registry() {
    let stage = stage("travels");
    assert_eq!(stage.run(&["db", "keygen", "--output", "db.key"]).status, 0);
    let run = stage.run(&["db", "export", "db.tar", "--key", "db.key", "--db", "store"]);
    assert_eq!(run.status, 0, "{run:?}");
    let run = stage.run(&["db", "import", "db.tar", "--db", "far"]);
    assert_eq!(run.status, 2, "whom to believe must be said: {run:?}");
    let run = stage.run(&["db", "import", "db.tar", "--public-key", "db.key.pub", "--db", "far"]);
    assert_eq!(run.status, 0, "{run:?}");
    let (here, there) =
        (scan(&stage, &["--db", "store", "--offline"]), scan(&stage, &["--db", "far", "--offline"]));
    assert_eq!(results(&here), results(&there));

    let registry = Registry::start();
    let reference = format!("oci://{}/security/db:latest", registry.host());
    let run = stage.run(&["db", "push", &reference, "--key", "db.key", "--db", "store"]);
    assert_eq!(run.status, 0, "{run:?}");
    let run = stage.run(&["db", "pull", &reference, "--public-key", "db.key.pub", "--db", "pulled"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(results(&here), results(&scan(&stage, &["--db", "pulled", "--offline"])));

    // Somebody else's key.
    assert_eq!(stage.run(&["db", "keygen", "--output", "other.key"]).status, 0);
    let run = stage.run(&["db", "pull", &reference, "--public-key", "other.key.pub", "--db", "refused"]);
    assert_eq!(run.status, 3, "{run:?}");
    assert_eq!(stage.run(&["db", "info", "--db", "refused"]).status, 5);
    // An image of this registry is no database.
    push(&registry, &image(), "team/app", "1");
    let run = stage.run(&[
        "db",
        "pull",
        &format!("oci://{}/team/app:1", registry.host()),
        "--unsigned",
        "--db",
        "refused",
    ]);
    assert_eq!(run.status, 3, "{run:?}");
}
