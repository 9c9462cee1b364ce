//! The database as a folder: pinned, aged, offline, searched, compared, with what was left out.

mod support;

use plimsoll_testkit::FileServer;
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
        ("cve-2021-3711", "known to be exploited"),
        ("CVE-2021-3712", "Debian:11/openssl: >=0 <1.1.1k-1+deb11u1"),
        ("nothing-like-that", "no advisory names `nothing-like-that`"),
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

#[test]
fn a_package_url_is_looked_for_where_it_is_at_home() {
    let stage = stage("search-purl");
    stage.write(
        "advisories/DSA-8.json",
        br#"{"id": "DSA-8", "modified": "2024-02-02T00:00:00Z", "affected": [{"package": {"ecosystem": "Debian:12",
            "name": "pyyaml"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}, {"package":
            {"ecosystem": "Debian:11", "name": "pyyaml"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}"#,
    );
    let built = stage.run(&["db", "build", "--from", "advisories", "--output", "store/"]);
    assert_eq!(built.status, 0, "{built:?}");
    for (text, homes) in [
        ("pyyaml", &["Debian:11", "Debian:12", "PyPI"][..]),
        ("pkg:pypi/pyyaml", &["PyPI"]),
        ("pkg:deb/debian/pyyaml", &["Debian:11", "Debian:12"]),
        ("pkg:deb/debian/pyyaml@1?distro=debian-12", &["Debian:12"]),
    ] {
        let found = json(&stage, &["db", "search", text, "--db", "store"]);
        let packages = found["Packages"].as_array().expect("a list");
        let found: Vec<_> = packages.iter().filter_map(|package| package["Namespace"].as_str()).collect();
        assert_eq!(found, homes, "{text}");
    }
}

/// What the command says as JSON.
fn json(stage: &Stage, words: &[&str]) -> serde_json::Value {
    let run = stage.run(&[words, &["--format", "json"]].concat());
    assert_eq!(run.status, 0, "{run:?}");
    serde_json::from_str(&run.stdout).expect("JSON")
}

#[test]
fn info_search_and_diff_are_there_for_programs() {
    let stage = stage("for-programs");
    let info = json(&stage, &["db", "info", "--db", "store"]);
    let pin = info["Digest"].as_str().expect("a digest").to_owned();
    assert_eq!(info["Advisories"], 4);
    assert_eq!(info["Generations"], serde_json::json!([pin]));
    assert!(info["Partitions"].as_array().expect("a list").iter().any(|p| p["Name"] == "Debian:11"));
    let file = json(&stage, &["db", "info", "--db", "plimsoll.db"]);
    assert_eq!(
        (&file["Advisories"], file["Namespaces"][0]["Name"].as_str()),
        (&info["Advisories"], Some("Debian:11"))
    );

    let found = json(&stage, &["db", "search", "CVE-2021-3711", "--db", "store"]);
    assert_eq!(found["KnownExploited"]["DateAdded"], "2022-01-01");
    let advisory = &found["Advisories"][0];
    assert_eq!(advisory["ID"], "DSA-1");
    assert_eq!(
        advisory["Affected"][0]["Ranges"],
        serde_json::json!([[{"Introduced": "0"}, {"Fixed": "1.1.1k-1+deb11u1"}]])
    );

    stage.write(
        "advisories/DSA-9.json",
        br#"{"id": "DSA-9", "modified": "2024-02-02T00:00:00Z", "affected": [{"package": {"ecosystem": "Debian:11",
            "name": "openssl"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}"#,
    );
    std::fs::remove_file(stage.folder.join("advisories/GHSA-acme.json")).expect("it is there");
    let built = stage.run(&["db", "build", "--from", "advisories", "--output", "store/"]);
    assert_eq!(built.status, 0, "{built:?}");
    let diff = json(&stage, &["db", "diff", &pin, "--db", "store"]);
    assert_eq!((&diff["From"], &diff["MoreChanges"]), (&serde_json::json!(pin), &serde_json::json!(0)));
    assert_eq!(
        diff["Changes"][0]["Packages"],
        serde_json::json!([{"Namespace": "Debian:11", "Name": "openssl"}])
    );
    assert_eq!(diff["Changes"][1]["Kind"], "removed");
    let short = stage.run(&["db", "diff", &pin, "--db", "store", "--limit", "1"]);
    assert!(short.stdout.contains("npm: 0 added, 1 removed"), "{short:?}");
    assert!(short.stdout.contains("1 more: raise --limit"), "{short:?}");
}

#[test]
fn that_there_is_no_database_is_said_alike_by_all_that_ask_it() {
    let stage = Stage::empty("none");
    std::fs::create_dir_all(stage.folder.join("empty")).expect("a folder");
    for words in [&["info"][..], &["verify"], &["search", "openssl"], &["export", "db.tar"]] {
        for db in ["empty", "nowhere"] {
            let run = stage.run(&[&["db"], words, &["--db", db]].concat());
            assert_eq!(run.status, 5, "{run:?}");
            assert!(run.stderr.contains(&format!("`{db}`")), "{run:?}");
            assert!(run.stderr.contains("hint: fetch one with `plimsoll db update`"), "{run:?}");
        }
    }
}

#[test]
fn a_first_scan_without_a_network_says_what_it_tried() {
    let stage = Stage::empty("first");
    stage.write("oci.tar", &image().oci_archive("1.2"));
    stage.write(
        "plimsoll.toml",
        b"[update]\nsources = [\"osv\"]\nmirrors = { osv = [\"http://127.0.0.1:9/\"] }\n",
    );
    let run = stage.run(&["scan", "oci-archive:oci.tar", "--db", "new"]);
    assert_eq!((run.status, run.stdout.as_str()), (5, ""), "{run:?}");
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert!(lines[0].starts_with("error: cannot open advisory database `new`"), "{run:?}");
    assert!(
        lines[1].starts_with("  because: cannot fetch osv Debian, osv PyPI, osv npm: cannot read"),
        "{run:?}"
    );
    assert!(run.stderr.contains("\nhint: fetch one with"), "{run:?}");
}

#[test]
fn a_mirror_of_the_command_line_goes_before_that_of_the_settings() {
    let stage = Stage::empty("mirrors");
    stage.write(
        "plimsoll.toml",
        b"[update]\nsources = [\"osv\"]\nmirrors = { osv = [\"http://127.0.0.1:9/settings/\"] }\n",
    );
    let update = |more: &[&str]| {
        let words = ["db", "update", "--db", "new", "--ecosystem", "npm", "--retries", "0"];
        stage.run(&[&words, more].concat())
    };
    let run = update(&["--mirror", "osv=http://127.0.0.1:9/flag/"]);
    assert_eq!(run.status, 5, "{run:?}");
    assert!(run.stderr.contains("/flag/") && !run.stderr.contains("/settings/"), "{run:?}");
    for wrong in ["osv", "osv=", "osv=ftp://mirror.example/", "nobody=http://mirror.example/"] {
        assert_eq!(update(&["--mirror", wrong]).status, 2, "{wrong}");
    }
    let run = update(&["--ca-cert", "nowhere.pem"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("cannot read certificates `nowhere.pem`"), "{run:?}");
}

#[test]
fn credentials_of_a_mirror_are_never_printed() {
    let stage = Stage::empty("mirror-secret");
    let update = |mirror: &str| {
        stage.run(&["db", "update", "--db", "new", "--source", "kev", "--retries", "0", "--mirror", mirror])
    };
    for (mirror, status) in [
        ("kev=http://user:hush@127.0.0.1:9/", 5),
        ("kev=http://user:hush%4@127.0.0.1:9/", 5),
        ("kev=ftp://user:hush@127.0.0.1/", 2),
        ("http://user:hush@127.0.0.1:9/", 2),
    ] {
        let run = update(mirror);
        assert_eq!(run.status, status, "{run:?}");
        assert!(!format!("{run:?}").contains("hush"), "{run:?}");
    }
    // As a text where a list is expected, and as no TOML at all: both errors would quote the line.
    for line in
        ["kev = \"https://user:hush@mirror.example/\"", "kev = [\"https://user:hush@mirror.example/\""]
    {
        stage.write("plimsoll.toml", format!("[update.mirrors]\n{line}\n").as_bytes());
        let run = stage.run(&["db", "update", "--db", "new"]);
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.stderr.contains("[redacted]@mirror.example") && !run.stderr.contains("hush"), "{run:?}");
    }
}

#[test]
fn an_older_database_is_taken_over_only_where_that_is_asked() {
    let stage = stage("older");
    assert_eq!(stage.run(&["db", "export", "old.tar", "--db", "store"]).status, 0);
    let import = |file: &str, more: &[&str]| {
        stage.run(&[&["db", "import", file, "--unsigned", "--db", "far"][..], more].concat())
    };
    assert_eq!(import("old.tar", &[]).status, 0);
    stage.write(
        "advisories/DSA-9.json",
        br#"{"id": "DSA-9", "modified": "2024-02-02T00:00:00Z", "upstream": ["CVE-2024-9"], "affected": [{"package":
            {"ecosystem": "Debian:11", "name": "openssl"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}"#,
    );
    assert_eq!(stage.run(&["db", "build", "--from", "advisories", "--output", "store/"]).status, 0);
    assert_eq!(stage.run(&["db", "export", "new.tar", "--db", "store"]).status, 0);
    assert_eq!(import("new.tar", &[]).status, 0);
    let info = || stage.run(&["db", "info", "--db", "far"]).stdout;
    assert!(info().contains("updated: 2024-02-02T00:00:00Z"), "{}", info());
    let run = import("old.tar", &[]);
    assert_eq!(run.status, 3, "{run:?}");
    assert!(
        run.stderr.contains("2024-02-02T00:00:00Z") && run.stderr.contains("2024-01-02T00:00:00Z"),
        "{run:?}"
    );
    assert!(run.stderr.contains("hint: to go back to it, say `--allow-older`"), "{run:?}");
    assert!(info().contains("updated: 2024-02-02T00:00:00Z"), "{}", info());
    assert_eq!(import("new.tar", &[]).status, 0, "the very same is not older");
    assert_eq!(import("old.tar", &["--allow-older"]).status, 0);
    assert!(info().contains("updated: 2024-01-02T00:00:00Z"), "{}", info());
}

#[test]
fn never_updated_is_told_from_what_cannot_be_read() {
    let stage = stage("never");
    let info = || {
        let run = stage.run(&["db", "info", "--db", "store"]);
        assert_eq!(run.status, 0, "{run:?}");
        run.stdout.lines().find(|line| line.starts_with("updated: ")).expect("a line").to_owned()
    };
    assert_eq!(info(), "updated: never as a whole; it was built from files");
    stage.write("store/feeds.json", b"<html>");
    assert!(
        info().starts_with("updated: not known: cannot read `store/feeds.json`: expected what is known"),
        "{}",
        info()
    );
    let json = stage.run(&["db", "info", "--db", "store", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json["UpdatedAt"], "");
    assert!(json["UpdateProblem"].as_str().is_some_and(|text| text.contains("feeds.json")), "{json}");
    let run = scan(&stage, &["--db", "store", "--offline"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stderr.contains("note: it is not known when the database was last updated"), "{run:?}");
    stage.write("store/feeds.json", b"{\"schema\": 1, \"feeds\": {}}");
    stage.write("store/carried.json", b"{");
    assert!(info().contains("not known: cannot read `store/carried.json`"), "{}", info());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "reads a small file that it had written")]
fn facts_of_flaws_that_an_update_missed_come_with_a_later_scan() {
    let stage = stage("facts");
    std::fs::remove_file(stage.folder.join("advisories/kev.json")).expect("it is there");
    assert_eq!(stage.run(&["db", "build", "--from", "advisories", "--output", "facts/"]).status, 0);
    let server = FileServer::start();
    let settings = format!(
        "[update]\nsources = [\"kev\", \"epss\"]\nmirrors = {{ kev = [\"{0}\"], epss = [\"{0}\"] }}\n",
        server.base()
    );
    stage.write("plimsoll.toml", settings.as_bytes());
    // What was built from files is left as it is.
    let run = scan(&stage, &["--db", "facts"]);
    assert_eq!((run.status, server.take_requests().len()), (0, 0), "{run:?}");
    server.put(
        "known_exploited_vulnerabilities.json",
        br#"{"title": "t", "catalogVersion": "1", "count": 1, "vulnerabilities": [{"cveID": "CVE-2021-3711",
            "vulnerabilityName": "x", "dateAdded": "2022-01-01", "dueDate": "2022-02-01"}]}"#,
    );
    let run = stage.run(&["db", "update", "--db", "facts", "--retries", "0"]);
    assert_eq!(run.status, 5, "{run:?}");
    assert!(run.stderr.contains("cannot update 1 of 2 feeds"), "{run:?}");
    let info = stage.run(&["db", "info", "--db", "facts"]).stdout;
    assert!(info.contains("missing: epss: tried "), "{info}");
    server.take_requests();
    let run = scan(&stage, &["--db", "facts"]);
    assert_eq!((run.status, run.stderr.as_str(), server.take_requests().len()), (0, "", 0), "{run:?}");

    // An hour later.
    let feeds = std::fs::read_to_string(stage.folder.join("facts/feeds.json")).expect("a file");
    let mut feeds: serde_json::Value = serde_json::from_str(&feeds).expect("JSON");
    for missed in feeds["missed"].as_object_mut().expect("those that were missed").values_mut() {
        missed["tried_at"] = "2024-01-01T00:00:00Z".into();
    }
    stage.write("facts/feeds.json", feeds.to_string().as_bytes());
    let run = scan(&stage, &["--db", "facts"]);
    assert_eq!((run.status, run.stderr.lines().count()), (0, 1), "{run:?}");
    assert!(run.stderr.starts_with("note: cannot fetch epss: cannot read `http://"), "{run:?}");
    assert_eq!(scan(&stage, &["--db", "facts"]).stderr, "");
    stage.write("facts/feeds.json", feeds.to_string().as_bytes());
    server.put(
        "epss_scores-current.csv.gz",
        b"#model_version:v2025.03.14,score_date:2026-01-02T00:00:00+0000\ncve,epss,percentile\nCVE-2021-3711,0.5,0.9\n",
    );
    let run = scan(&stage, &["--db", "facts"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{run:?}");
    assert!(run.stdout.contains("\"EPSS\""), "{run:?}");
    server.take_requests();
    scan(&stage, &["--db", "facts"]);
    assert_eq!(server.take_requests().len(), 0);
}

#[test]
fn help_fits_a_terminal() {
    let stage = Stage::empty("help");
    for words in [
        &["--help"][..],
        &["scan", "--help"],
        &["db", "--help"],
        &["db", "update", "--help"],
        &["db", "pull", "--help"],
        &["db", "import", "-h"],
        &["db", "info", "--help"],
        &["db", "diff", "-h"],
    ] {
        let run = stage.run(words);
        assert_eq!(run.status, 0, "{run:?}");
        assert!(run.stdout.lines().all(|line| line.chars().count() <= 80), "{run:?}");
    }
    assert!(stage.run(&["--help"]).stdout.starts_with("Scans container images"));
}

#[test]
fn an_update_takes_nothing_as_unchanged_where_files_are_gone() {
    let stage = stage("gone");
    stage.write(
        "plimsoll.toml",
        b"[update]\nsources = [\"osv\"]\nmirrors = { osv = [\"http://127.0.0.1:9/\"] }\n",
    );
    let partitions = std::fs::read_dir(stage.folder.join("store/partitions")).expect("a folder");
    for partition in partitions {
        std::fs::remove_file(partition.expect("an entry").path()).expect("it is there");
    }
    assert_eq!(stage.run(&["db", "info", "--db", "store"]).status, 5);
    let run = stage.run(&["db", "update", "--db", "store", "--retries", "0"]);
    assert_eq!(run.status, 5, "{run:?}");
    assert!(run.stderr.contains("everything is fetched anew"), "{run:?}");
}
