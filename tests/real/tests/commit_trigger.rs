//! Images that commits ask for, really built: by `buildah`, upon a Debian base, without a network; and pushed.

use std::fs;

use plimsoll_real::{Access, Plimsoll, Registry, Run, Sources, database_store, own_database};
use serde_json::Value;

/// Upon a Debian base, with a step that runs something.
const DOCKERFILE: &str = "FROM localhost/base:1\nCOPY note /note\nRUN cat /note > /built\n";

fn commit_run(sources: &Sources, words: &[&str]) -> Run {
    let mut call = Plimsoll::bare(&["pipeline", "run", "--source"])
        .arguments(&[&sources.path("source").display().to_string(), "--db"])
        .arguments(&[&own_database().path.display().to_string(), "--builder", "buildah", "--reports"])
        .arguments(&[&sources.path("out").display().to_string()])
        .arguments(words);
    for (name, value) in sources.variables() {
        call = call.variable(name, value);
    }
    call.run()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A pair of keys; the name of the private one's file.
fn keys(sources: &Sources) -> String {
    let key = sources.path("own.key").display().to_string();
    Plimsoll::bare(&["db", "keygen", "--output", &key]).bytes();
    key
}

/// A policy with a gate that nothing here fails.
fn policy(sources: &Sources) -> String {
    let file = sources.path("policy.toml");
    let rule =
        "[[policy.rules]]\nname = \"malware\"\nwhen = \"package == 'no such package'\"\naction = \"fail\"\n";
    fs::write(&file, rule).expect("the folder is ours");
    file.display().to_string()
}

#[test]
fn a_commit_is_built_scanned_pushed_and_scanned_where_it_is() {
    let sources = Sources::new();
    sources.file("docker/shop/Dockerfile", DOCKERFILE);
    sources.file("docker/shop/note", "of the commit\n");
    sources.file("docker/empty/Dockerfile", "FROM scratch\nCOPY only /\n");
    sources.file("docker/empty/only", "");
    let commit = sources.commit("Fixed yum for images ::shop:1 and `::empty`");
    let registry = Registry::empty(Access::Anyone);
    let address = registry.address().to_string();
    let key = keys(&sources);
    let words = ["--commit", "HEAD", "--registry", &address, "--push", "--attest", "--sign-key", &key];
    // A policy that fails nothing there is: what nobody asked does not count as passed.
    let run = commit_run(&sources, &[&words[..], &["--policy", &policy(&sources)]].concat());
    let stdout = text(&run.stdout);
    assert_eq!(run.status, Some(0), "{stdout}{}", run.stderr);
    assert!(stdout.contains("shop:1: passed; built from docker/shop with buildah\n"), "{stdout}");
    assert!(stdout.contains("empty:latest: passed; built"), "{stdout}");
    let digest = stdout
        .lines()
        .find_map(|line| line.strip_prefix(&format!("  pushed to {address}/shop:1@")))
        .unwrap_or_else(|| panic!("{stdout}"));

    let report = fs::File::open(sources.path("out/shop_1_results.json")).unwrap();
    let report: Value = serde_json::from_reader(report).unwrap();
    assert_eq!(report["ArtifactName"], "shop:1");
    let labels = &report["Metadata"]["ImageConfig"]["config"]["Labels"];
    assert_eq!(labels["org.opencontainers.image.revision"], commit.as_str(), "{labels}");
    let found = |report: &Value| {
        let results = report["Results"].as_array().cloned().unwrap_or_default();
        results.iter().map(|result| result["Vulnerabilities"].as_array().map_or(0, Vec::len)).sum::<usize>()
    };
    assert!(found(&report) > 0);
    // What was pushed is what was scanned.
    let pushed = Plimsoll::scan(&format!("{address}/shop@{digest}"), &own_database().path).json();
    assert_eq!(found(&pushed), found(&report));
    assert_eq!(stdout.matches("  attested there\n").count(), 2, "{stdout}");
    let public = format!("{key}.pub");
    Plimsoll::bare(&["verify", &format!("{address}/shop@{digest}"), "--key", &public]).bytes();

    // A build that fails beside one that does not.
    sources.file("docker/broken/Dockerfile", "FROM scratch\nCOPY missing /\n");
    sources.commit("::broken ::empty:2");
    let run = commit_run(&sources, &["--commit", "HEAD", "--registry", &address, "--push"]);
    let stdout = text(&run.stdout);
    assert_eq!(run.status, Some(3), "{stdout}{}", run.stderr);
    assert!(stdout.contains("broken:latest: not built\n"), "{stdout}");
    assert!(stdout.contains("empty:2: passed; built"), "{stdout}");
    // What has no Dockerfile is read where it was pushed.
    fs::remove_dir_all(sources.path("source/docker")).unwrap();
    sources.commit("::shop:1 ::gone");
    let run = commit_run(&sources, &["--commit", "HEAD", "--registry", &address]);
    let stdout = text(&run.stdout);
    assert_eq!(run.status, Some(3), "{stdout}{}", run.stderr);
    assert!(stdout.contains(&format!("shop:1: passed; taken from {address}\n")), "{stdout}");
}

#[test]
fn a_push_to_a_bare_repository_builds_and_answers_the_pusher() {
    let sources = Sources::new();
    sources.git(&["init", "--quiet", "--bare", "shop.git"]);
    let bare = sources.path("shop.git");
    let init = Plimsoll::bare(&["pipeline", "init", "--hook", &bare.display().to_string()])
        .variable("HOME", sources.path("home"));
    init.bytes();
    let db = format!("--db={}", own_database().path.display());
    for flag in [&*db, "--builder=buildah", "--fail-on=high"] {
        sources.git(&["-C", "shop.git", "config", "--add", "plimsoll.flag", flag]);
    }
    sources.file("docker/shop/Dockerfile", DOCKERFILE);
    sources.file("docker/shop/note", "pushed\n");
    sources.commit("One ::shop:1");
    sources.commit("Two, nothing");
    let said = sources.git(&[
        "-C",
        "source",
        "push",
        "../shop.git",
        "main",
        "main:refs/heads/x;$(touch${IFS}pwned)",
    ]);
    assert_eq!(said.matches("remote: commit ").count(), 1, "{said}");
    assert!(said.contains("remote: shop:1: failed the gate; built from docker/shop with buildah"), "{said}");
    assert!(bare.join("plimsoll/shop_1_results.json").is_file(), "{said}");
    assert!(!bare.join("pwned").exists() && !sources.path("source/pwned").exists());
}

#[test]
fn the_buildspec_that_init_writes_runs_to_its_end() {
    let sources = Sources::new();
    let registry = Registry::empty(Access::Anyone);
    let database = format!("oci://{}/plimsoll-db:latest", registry.address());
    let key = keys(&sources);
    let store = database_store().path.display().to_string();
    Plimsoll::bare(&["db", "push", &database, "--key", &key, "--db", &store]).bytes();
    let folder = sources.path("source").display().to_string();
    Plimsoll::bare(&["pipeline", "init", "--buildspec", "--output", &folder]).bytes();
    sources.file("docker/empty/Dockerfile", "FROM scratch\nCOPY only /\n");
    sources.file("docker/empty/only", "");
    sources.commit("::empty:1");
    let mut call = Plimsoll::bare(&["pipeline", "run", "--source", &folder]).arguments(&[
        "--env",
        &format!("PLIMSOLL_DATABASE={database}"),
        "--env",
        &format!("PLIMSOLL_PUBLIC_KEY={key}.pub"),
        "--env",
        &format!("REPORTS={}", sources.path("kept").display()),
        "--artifacts",
        &sources.path("out").display().to_string(),
    ]);
    for (name, value) in sources.variables_with_program() {
        call = call.variable(name, value);
    }
    let run = call.run();
    let stdout = text(&run.stdout);
    assert_eq!(run.status, Some(0), "{stdout}{}", run.stderr);
    assert!(stdout.contains("empty:1: passed; built from docker/empty with"), "{stdout}");
    assert!(sources.path("kept/empty_1_results.json").is_file());
    assert!(sources.path("out/primary/empty_1_results.json").is_file());
}
