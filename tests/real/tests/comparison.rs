//! What is new, on two images that differ by one package, and with two databases that differ by one advisory.

use std::path::Path;

use plimsoll_real::{ADDED, LEARNT, Plimsoll, Run, Scratch, pair};
use serde_json::Value;

/// The finding of a flaw in a package.
fn finding<'r>(report: &'r Value, (id, package): (&str, &str)) -> &'r Value {
    let results = report["Results"].as_array().expect("a report has results");
    results
        .iter()
        .flat_map(|result| result["Vulnerabilities"].as_array().into_iter().flatten())
        .find(|finding| finding["VulnerabilityID"] == id && finding["PkgName"] == package)
        .unwrap_or_else(|| panic!("expected {id} in {package}, found none"))
}

/// How many findings are added, learnt and known.
fn newness(report: &Value) -> [usize; 3] {
    let results = report["Results"].as_array().expect("a report has results");
    let all = results.iter().flat_map(|result| result["Vulnerabilities"].as_array().into_iter().flatten());
    let all: Vec<&Value> = all.map(|finding| &finding["Plimsoll"]["New"]).collect();
    ["added", "learnt", "known"].map(|word| all.iter().filter(|new| **new == word).count())
}

fn scan(image: &Path, database: &Path, more: &[&str]) -> Run {
    Plimsoll::scan(&format!("oci-dir:{}", image.display()), database).without_cache().arguments(more).run()
}

fn json(run: &Run) -> Value {
    serde_json::from_slice(&run.stdout)
        .unwrap_or_else(|error| panic!("{}: {error}: {}", run.call, run.stderr))
}

/// A policy that fails on the one and warns on the other.
const POLICY: &str = r#"
[[policy.rules]]
name = "you added it"
when = "new_because == 'added'"
action = "fail"

[[policy.rules]]
name = "the world learnt it"
when = "new_because == 'learnt'"
action = "warn"
"#;

#[test]
fn one_package_was_added_and_one_advisory_was_learnt() {
    let pair = pair();
    let scratch = Scratch::new();
    let (stored, policy) = (scratch.path("before.json"), scratch.path("policy.toml"));
    std::fs::write(&policy, POLICY).expect("the folder is ours");
    let (stored, policy) = (stored.display().to_string(), policy.display().to_string());
    let first = scan(&pair.before(), &pair.older_database(), &["--output", &stored]);
    assert_eq!(first.status, Some(0), "{}", first.stderr);

    let compared = ["--baseline", &stored, "--policy", &policy];
    // The world learnt something of the same image: a warning.
    let learnt = scan(&pair.before(), &pair.newer_database(), &compared);
    assert_eq!(learnt.status, Some(0), "{}", learnt.stderr);
    let report = json(&learnt);
    assert_eq!(finding(&report, LEARNT)["Plimsoll"]["New"], "learnt");
    assert_eq!(finding(&report, LEARNT)["Plimsoll"]["Ruling"]["Outcome"], "warned");
    assert_eq!(newness(&report)[0], 0, "nothing was added");

    // A package was added: a failure, for each of its flaws and nothing else.
    let added = scan(&pair.after(), &pair.older_database(), &compared);
    assert_eq!(added.status, Some(1), "{}", added.stderr);
    let report = json(&added);
    assert_eq!(finding(&report, ADDED)["Plimsoll"]["New"], "added");
    assert_eq!(finding(&report, ADDED)["Plimsoll"]["Ruling"]["Rule"], "you added it");
    assert_eq!(newness(&report)[1], 0, "nothing was learnt");

    // Both at once are told apart.
    let both = scan(&pair.after(), &pair.newer_database(), &compared);
    assert_eq!(both.status, Some(1), "{}", both.stderr);
    let report = json(&both);
    assert_eq!(finding(&report, ADDED)["Plimsoll"]["New"], "added");
    assert_eq!(finding(&report, LEARNT)["Plimsoll"]["New"], "learnt");

    // Of the image itself nothing is new, whatever else it has.
    let same = scan(&pair.before(), &pair.older_database(), &["--baseline", &stored, "--fail-on-new"]);
    assert_eq!(same.status, Some(0), "{}", same.stderr);
    assert_eq!(newness(&json(&same))[..2], [0, 0]);
}

#[test]
fn an_image_is_the_baseline_and_the_base_of_another() {
    let pair = pair();
    let before = format!("oci-dir:{}", pair.before().display());
    let run = scan(&pair.after(), &pair.newer_database(), &["--baseline", &before, "--base", &before]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let report = json(&run);
    assert_eq!(finding(&report, ADDED)["Plimsoll"]["New"], "added");
    assert_eq!(finding(&report, LEARNT)["Plimsoll"]["New"], "known", "one database judges both");
    let back = format!("oci-dir:{}", pair.after().display());
    let run = scan(&pair.before(), &pair.newer_database(), &["--base", &back]);
    assert_eq!(run.status, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("is not built on it"), "{}", run.stderr);
}

#[test]
fn the_difference_of_two_images_is_one_package() {
    let pair = pair();
    let words = [
        "diff",
        &format!("oci-dir:{}", pair.before().display()),
        &format!("oci-dir:{}", pair.after().display()),
        "--format",
        "json",
        "--db",
    ];
    let database = pair.newer_database().display().to_string();
    let run = Plimsoll::bare(&[&words[..], &[&database]].concat()).run();
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let difference = json(&run);
    let names: Vec<&Value> = difference["Packages"]["Added"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|package| package["Type"] == "deb")
        .map(|package| &package["Name"])
        .collect();
    assert_eq!(names, [ADDED.1]);
    assert_eq!(difference["Packages"]["Gone"], serde_json::json!([]));
    assert_eq!(difference["Packages"]["Changed"], serde_json::json!([]));
    assert_eq!(difference["Layers"]["Gone"], 0);
    assert_eq!(difference["Findings"]["Learnt"], serde_json::json!([]));
    assert_eq!(difference["Findings"]["Gone"], serde_json::json!([]));
}
