//! VEX documents through the command: from files, folders, registries and repositories; written and checked.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests fail by panicking, and read the small files that they wrote"
)]

mod support;

use plimsoll_model::Scan;
use plimsoll_report::read_scan;
use plimsoll_testkit::FileServer;
use plimsoll_testkit::image::{LayerBuilder, gzip};
use plimsoll_testkit::registry::Registry;
use serde_json::Value;
use support::{Run, Stage, image, push};

const YAML: &str = "CVE-2020-14343";

fn stage(name: &str) -> Stage {
    let stage = Stage::new(name);
    image().write_oci_layout(&stage.folder.join("layout"), "1.2").unwrap();
    stage
}

fn document(author: &str, statements: &[&str]) -> String {
    format!(
        r#"{{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://{author}.example/1", "author": "{author}",
            "version": 1, "timestamp": "2025-01-01T00:00:00Z", "statements": [{}]}}"#,
        statements.join(", ")
    )
}

fn statement(id: &str, product: &str, status: &str) -> String {
    let rest = match status {
        "not_affected" => r#", "justification": "vulnerable_code_not_in_execute_path""#,
        "affected" => r#", "action_statement": "Update.""#,
        _ => "",
    };
    format!(
        r#"{{"vulnerability": {{"name": "{id}"}}, "products": [{{"@id": "{product}"}}], "status": "{status}"{rest}}}"#
    )
}

/// A document that settles the flaw of `PyYAML`.
fn settling() -> String {
    document("acme", &[&statement(YAML, "pkg:pypi/pyyaml", "not_affected")])
}

fn scan(stage: &Stage, target: &str, more: &[&str]) -> Run {
    let arguments = ["scan", target, "--db", "plimsoll.db", "--format", "json", "--fail-on", "critical"];
    stage.run(&[&arguments, more].concat())
}

/// The IDs of the findings that count.
#[track_caller]
fn ids(run: &Run) -> Vec<String> {
    let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    let results = report["Results"].as_array().into_iter().flatten();
    let flaws = results.flat_map(|result| result["Vulnerabilities"].as_array().into_iter().flatten());
    let mut ids: Vec<String> =
        flaws.filter_map(|flaw| flaw["VulnerabilityID"].as_str()).map(str::to_owned).collect();
    ids.sort();
    ids
}

/// The whole scan, as its report holds it.
#[track_caller]
fn stored(run: &Run) -> Scan {
    read_scan(&mut run.stdout.as_bytes(), "report").unwrap_or_else(|error| panic!("{error}: {run:?}")).scan
}

/// `kind: text` of each notice about VEX.
#[track_caller]
fn notices(run: &Run) -> Vec<String> {
    let notices = stored(run).notices.into_iter();
    notices.map(|notice| format!("{}: {}", notice.kind.as_str(), notice.text)).collect()
}

#[track_caller]
fn assert_settled(run: &Run) {
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(ids(run), ["CVE-2021-3711", "CVE-2021-3712", "GHSA-acme"]);
}

#[track_caller]
fn assert_counts(run: &Run) {
    assert_eq!(run.status, 1, "{run:?}");
    assert!(ids(run).iter().any(|id| id == YAML));
}

#[test]
fn a_file_settles_a_finding() {
    let stage = stage("vex-file");
    assert_counts(&scan(&stage, "oci-dir:layout", &[]));
    stage.write("app.json", settling().as_bytes());
    let run = scan(&stage, "oci-dir:layout", &["--vex", "app.json"]);
    assert_settled(&run);
    let suppressed = stored(&run).suppressed;
    assert_eq!((suppressed.len(), suppressed[0].finding.id.as_str()), (1, YAML));
    assert_eq!(
        suppressed[0].words(),
        "settled by acme as not_affected: vulnerable_code_not_in_execute_path (app.json: statements[0])"
    );
    assert!(notices(&run).is_empty());
    // By its alias as well.
    let by_alias = document("acme", &[&statement("GHSA-8q59-q68h-6hv4", "pkg:pypi/pyyaml@5.3", "fixed")]);
    stage.write("alias.json", by_alias.as_bytes());
    assert_settled(&scan(&stage, "oci-dir:layout", &["--vex", "alias.json"]));
    // Of another version nothing is said.
    let other = document("acme", &[&statement(YAML, "pkg:pypi/pyyaml@5.2", "not_affected")]);
    stage.write("other.json", other.as_bytes());
    let run = scan(&stage, "oci-dir:layout", &["--vex", "other.json"]);
    assert_counts(&run);
    assert_eq!(
        notices(&run),
        [format!(
            "vex-unused: `{YAML}`, not_affected, matched nothing: the purl is `pkg:pypi/pyyaml@5.2`, found version `5.3`"
        )]
    );
}

#[test]
fn variables_and_settings_name_documents() {
    let stage = stage("vex-settings");
    std::fs::create_dir(stage.folder.join("conf")).unwrap();
    stage.write("conf/app.json", settling().as_bytes());
    let arguments =
        ["scan", "oci-dir:layout", "--db", "plimsoll.db", "--format", "json", "--fail-on", "critical"];
    assert_settled(&stage.run_with(&arguments, &[("PLIMSOLL_VEX", "conf/app.json")]));
    // A path of a settings file is taken from its folder.
    stage.write("conf/plimsoll.toml", b"vex = [\"app.json\"]\n");
    assert_settled(&scan(&stage, "oci-dir:layout", &["--config", "conf/plimsoll.toml"]));
    assert_settled(&scan(&stage, "oci-dir:layout", &["--config", "conf/plimsoll.toml", "--vex", "conf"]));
    stage.write("none.json", document("acme", &[]).as_bytes());
    let more = ["--config", "conf/plimsoll.toml", "--vex", "none.json"];
    assert_counts(&scan(&stage, "oci-dir:layout", &more));
}

#[test]
fn a_folder_is_read_and_the_more_cautious_of_two_authors_holds() {
    let stage = stage("vex-folder");
    std::fs::create_dir_all(stage.folder.join("vex/team")).unwrap();
    stage.write("vex/team/app.json", settling().as_bytes());
    stage.write("vex/package.json", b"{}");
    assert_settled(&scan(&stage, "oci-dir:layout", &["--vex", "vex"]));
    let other = document("other", &[&statement(YAML, "pkg:pypi/pyyaml", "affected")]);
    stage.write("vex/other.json", other.as_bytes());
    let run = scan(&stage, "oci-dir:layout", &["--vex", "vex"]);
    assert_counts(&run);
    let found = notices(&run);
    assert!(
        found[0].starts_with("vex-conflict: of `CVE-2020-14343` in `pkg:pypi/pyyaml@5.3` other says"),
        "{found:?}"
    );
    assert_eq!(found[1..], ["vex-problem: expected a VEX document, found JSON without the marks of one"]);
    let scan = stored(&run);
    let notes = scan.decision.rulings.iter().flat_map(|ruling| &ruling.notes);
    let notes: Vec<&String> = notes.filter(|note| note.starts_with("VEX")).collect();
    assert_eq!(notes, ["VEX says affected, by other (vex/other.json: statements[0]): Update."]);
}

#[test]
fn what_cannot_be_read_fails_the_call() {
    let stage = stage("vex-broken");
    std::fs::create_dir(stage.folder.join("vex")).unwrap();
    stage.write("vex/cut.json", &settling().as_bytes()[..200]);
    stage.write("status.json", document("acme", &[&statement(YAML, "pkg:pypi/pyyaml", "fine")]).as_bytes());
    stage.write("other.json", b"{\"name\": \"app\"}");
    stage.write("no.pub", b"no key");
    for (more, part) in [
        (&["--vex", "vex/cut.json"][..], "cannot read VEX document `vex/cut.json`: expected JSON"),
        (&["--vex", "vex"], "cannot read VEX document `vex/cut.json`: expected JSON"),
        (&["--vex", "status.json"], "at `statements[0].status`: expected `not_affected`"),
        (&["--vex", "other.json"], "expected OpenVEX, CSAF 2.0 or CycloneDX"),
        (&["--vex", "gone.json"], "cannot read VEX documents of `gone.json`"),
        (&["--vex", "repo"], "hint: name one, as in `--vex repo:https://"),
        (&["--vex", "repo:ftp://vex.example"], "cannot read VEX source `ftp://vex.example`"),
        (&["--vex", "oci"], "expected an image of a registry"),
        (&["--vex", "status.json", "--vex-key", "no.pub"], "Ed25519 or ECDSA over P-256"),
        (&["--vex-key", "no.pub"], "expected documents by --vex, found none"),
    ] {
        let run = scan(&stage, "oci-dir:layout", more);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{more:?}: {run:?}");
        assert!(run.stderr.starts_with("error: cannot ") && run.stderr.contains(part), "{more:?}: {run:?}");
    }
}

#[test]
fn what_is_attached_to_the_image_is_found() {
    let stage = Stage::new("vex-oci");
    let registry = Registry::start();
    let image = image();
    push(&registry, &image, "team/app", "1.2");
    let target = format!("{}/team/app:1.2", registry.host());
    let options = ["--vex", "oci"];
    assert_counts(&scan(&stage, &target, &options));
    let kind = "application/vnd.openvex+json";
    let digest = image.digest();
    let text = document("acme", &[&statement(YAML, &format!("pkg:oci/app@{digest}"), "not_affected")]);
    registry.attach("team/app", &digest, kind, kind, text.as_bytes());
    let run = scan(&stage, &target, &options);
    assert_settled(&run);
    assert!(notices(&run)[0].starts_with("vex-unverified: 1 attached document is counted"), "{run:?}");
    assert_settled(&scan(&stage, &target, &["--vex", "oci", "--offline"]));
    registry.without_referrers("team/app", &digest);
    assert_settled(&scan(&stage, &target, &options));
    // Nobody that is believed has signed it.
    assert_eq!(stage.run(&["db", "keygen", "--output", "vex.key"]).status, 0);
    let run = scan(&stage, &target, &["--vex", "oci", "--vex-key", "vex.key.pub"]);
    assert_counts(&run);
    assert!(
        notices(&run)[0].starts_with("vex-unverified: is not taken: expected a signature by key "),
        "{run:?}"
    );
    registry.attach("team/app", &digest, kind, kind, b"{");
    registry.without_referrers("team/app", &digest);
    let run = scan(&stage, &target, &options);
    assert!(run.status == 3 && run.stderr.contains("cannot read VEX document"), "{run:?}");
}

#[test]
fn a_repository_is_asked_once_and_kept() {
    let stage = stage("vex-repository");
    let server = FileServer::start();
    let base = server.base();
    let manifest = format!(
        r#"{{"name": "a", "description": "b", "versions": [{{"spec_version": "0.1", "update_interval": "24h",
            "locations": [{{"url": "{base}main.tar.gz//vex-main"}}]}}]}}"#
    );
    server.put(".well-known/vex-repository.json", manifest.as_bytes());
    let index = r#"{"updated_at": "2025-01-01T00:00:00Z", "packages": [
        {"id": "pkg:pypi/pyyaml", "location": "pkg/pypi/pyyaml/vex.json"},
        {"id": "pkg:pypi/other", "location": "pkg/pypi/other/vex.json"}]}"#;
    let archive = LayerBuilder::new()
        .file("vex-main/index.json", index)
        .file("vex-main/pkg/pypi/pyyaml/vex.json", settling())
        .file("vex-main/pkg/pypi/other/vex.json", "{");
    server.put("main.tar.gz", &gzip(&archive.tar()));
    let source = format!("repo:{base}");
    let offline = scan(&stage, "oci-dir:layout", &["--vex", &source, "--offline"]);
    assert_eq!(offline.status, 3, "{offline:?}");
    assert!(offline.stderr.contains("without a network"), "{offline:?}");
    assert_settled(&scan(&stage, "oci-dir:layout", &["--vex", &source]));
    assert_eq!(server.take_requests().len(), 2);
    assert_settled(&scan(&stage, "oci-dir:layout", &["--vex", &source]));
    assert_settled(&scan(&stage, "oci-dir:layout", &["--vex", &source, "--offline"]));
    assert_settled(&scan(&stage, "oci-dir:layout", &["--vex", base.as_str()]));
    assert!(server.take_requests().is_empty());
    assert_settled(&scan(&stage, "oci-dir:layout", &["--vex", &source, "--no-cache"]));
    assert_eq!(server.take_requests().len(), 2);
}

fn add(stage: &Stage, more: &[&str]) -> Run {
    let arguments = ["vex", "add", "--id", YAML, "--product", "pkg:pypi/pyyaml@5.3"];
    stage.run_with(&[&arguments, more].concat(), &[("SOURCE_DATE_EPOCH", "1767225600")])
}

#[test]
fn a_document_is_written_and_added_to_and_settles() {
    let stage = stage("vex-add");
    let not_affected = ["--status", "not_affected", "--justification", "vulnerable_code_not_in_execute_path"];
    let new = [&["--output", "app.json", "--author", "acme"], not_affected.as_slice()].concat();
    let run = add(&stage, &new);
    assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (0, "", ""));
    assert_settled(&scan(&stage, "oci-dir:layout", &["--vex", "app.json"]));
    let text = std::fs::read_to_string(stage.folder.join("app.json")).unwrap();
    let written: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(written["timestamp"], "2026-01-01T00:00:00Z");
    assert!(written["@id"].as_str().unwrap().starts_with("https://openvex.dev/docs/public/vex-"));
    // The same call gives the same bytes; without a file they go to stdout.
    let run = add(&stage, &new[2..]);
    assert_eq!((run.status, run.stdout), (0, text));
    // What its author says later holds.
    let later = ["--output", "app.json", "--status", "affected", "--action", "Update."];
    let arguments = ["vex", "add", "--id", YAML, "--product", "pkg:pypi/pyyaml"];
    let run = stage.run_with(&[&arguments[..], &later].concat(), &[("SOURCE_DATE_EPOCH", "1767312000")]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_counts(&scan(&stage, "oci-dir:layout", &["--vex", "app.json"]));
    let run = stage.run(&["vex", "check", "app.json"]);
    assert_eq!(run.status, 0, "{run:?}");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines[0].starts_with("app.json: OpenVEX, https://openvex.dev/docs/public/vex-"), "{lines:?}");
    assert!(lines[0].ends_with(", version 2, by acme, of 2026-01-01T00:00:00Z, 2 statements"), "{lines:?}");
    assert_eq!(
        &lines[1..],
        [
            format!(
                "  statements[0]: {YAML} not_affected on pkg:pypi/pyyaml@5.3 (vulnerable_code_not_in_execute_path)"
            ),
            format!("  statements[1]: {YAML} affected on pkg:pypi/pyyaml (Update.)"),
        ]
    );
}

#[test]
fn a_stored_report_tells_what_becomes_of_statements() {
    let stage = stage("vex-against");
    let all = ["not_affected", "fixed"].map(|status| statement(YAML, "pkg:pypi/pyyaml", status));
    let other = statement("CVE-1999-0001", "pkg:pypi/pyyaml", "fixed");
    stage.write("app.json", document("acme", &[&all[0], &all[1], &other]).as_bytes());
    for more in [&[][..], &["--vex", "app.json"]] {
        let run = scan(&stage, "oci-dir:layout", more);
        stage.write("report.json", run.stdout.as_bytes());
        let run = stage.run(&["vex", "check", "app.json", "--against", "report.json"]);
        assert_eq!(run.status, 0, "{run:?}");
        let became: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("    ")).collect();
        assert_eq!(
            became,
            [
                "    matches 1 finding, and another statement holds",
                "    holds for 1 finding",
                "    matches nothing: `pkg:pypi/pyyaml@5.3` is here, and has no finding `CVE-1999-0001`"
            ]
        );
    }
    assert_eq!(stage.run(&["vex", "check", "app.json", "--against", "app.json"]).status, 2);
    assert_eq!(stage.run(&["vex", "check", "app.json", "--against", "gone.json"]).status, 2);
}

#[test]
fn an_image_is_a_product_and_a_package_its_part() {
    let stage = Stage::new("vex-add-image");
    let registry = Registry::start();
    push(&registry, &image(), "team/app", "1.2");
    let name = format!("{}/team/app", registry.host());
    let add = |product: &str, part: &str, output: &str| {
        let run = stage.run(&[
            "vex",
            "add",
            "--output",
            output,
            "--author",
            "acme",
            "--id",
            YAML,
            "--product",
            product,
            "--subcomponent",
            part,
            "--status",
            "not_affected",
            "--impact",
            "YAML is only written.",
        ]);
        assert_eq!(run.status, 0, "{run:?}");
    };
    add(&name, "pkg:pypi/pyyaml", "all.json");
    add(&format!("{name}:1.2"), "pkg:pypi/pyyaml@5.3", "tag.json");
    add(&image().digest(), "pkg:pypi/pyyaml", "digest.json");
    add(&format!("{name}:1.3"), "pkg:pypi/pyyaml", "other.json");
    let target = format!("{name}:1.2");
    for file in ["all.json", "tag.json", "digest.json"] {
        assert_settled(&scan(&stage, &target, &["--vex", file]));
    }
    assert_counts(&scan(&stage, &target, &["--vex", "other.json"]));
}

#[test]
fn a_statement_that_would_not_be_valid_is_not_written() {
    let stage = Stage::empty("vex-add-refused");
    for (more, part) in [
        (&["--status", "not_affected"][..], "hint: say why with `--justification WORD` or `--impact TEXT`"),
        (&["--status", "not_affected", "--impact", " "], "expected a justification"),
        (&["--status", "affected"], "hint: say what to do with `--action TEXT`"),
        (&["--status", "fixed", "--action", "x"], "expected `--action` with `--status affected` only"),
        (
            &["--status", "fixed", "--justification", "component_not_present"],
            "expected `--justification` with `--status not_affected` only",
        ),
        (&["--status", "fixed", "--product", "no name"], "cannot read product `no name`"),
        (&["--status", "fixed", "--product", "pkg:npm"], "expected a package URL, found `pkg:npm`"),
        (&["--status", "fixed", "--subcomponent", "cpe:/a:x:y"], "found `cpe:/a:x:y`"),
    ] {
        let run = add(&stage, &[&["--author", "acme", "--output", "app.json"], more].concat());
        assert_eq!(run.status, 2, "{more:?}: {run:?}");
        assert!(run.stderr.contains(part), "{more:?}: {run:?}");
    }
    let run = add(&stage, &["--status", "fixed"]);
    assert!(run.status == 2 && run.stderr.contains("--author"), "{run:?}");
    assert_eq!(add(&stage, &["--author", "a", "--status", "fine"]).status, 2);
    assert_eq!(
        add(&stage, &["--author", "a", "--status", "not_affected", "--justification", "code_not_present"])
            .status,
        2
    );
    assert!(!stage.folder.join("app.json").exists());
    // What is there keeps its author, and is not written over where it is something else.
    assert_eq!(add(&stage, &["--author", "acme", "--output", "app.json", "--status", "fixed"]).status, 0);
    let run = add(&stage, &["--author", "other", "--output", "app.json", "--status", "fixed"]);
    assert!(run.status == 2 && run.stderr.contains("expected its author `acme`, found `other`"), "{run:?}");
    stage.write("other.json", b"{\"name\": \"app\"}");
    assert_eq!(add(&stage, &["--author", "acme", "--output", "other.json", "--status", "fixed"]).status, 2);
    assert_eq!(std::fs::read(stage.folder.join("other.json")).unwrap(), b"{\"name\": \"app\"}");
}

#[test]
fn check_reads_all_and_fails_for_one() {
    let stage = Stage::empty("vex-check");
    stage.write("good.json", settling().as_bytes());
    let odd =
        statement(YAML, "pkg:pypi/pyyaml", "affected").replace(r#", "action_statement": "Update.""#, "");
    stage.write("odd.json", document("ac\u{1b}me", &[&odd]).replace('\u{1b}', "\\u001b").as_bytes());
    stage.write("bad.json", b"{");
    let run = stage.run(&["vex", "check", "bad.json", "good.json", "odd.json"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stdout.contains("good.json: OpenVEX"), "{run:?}");
    assert!(
        run.stdout.contains(
            "  problem at `statements[0]`: expected an `action_statement` beside `affected`, found none; it counts all the \
             same\n"
        ),
        "{run:?}"
    );
    assert!(!run.stdout.contains('\u{1b}'));
    assert!(run.stderr.starts_with("error: cannot read VEX document `bad.json`"), "{run:?}");
}
