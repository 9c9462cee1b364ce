//! What is written of a scan: several reports at once, stored reports converted, templates.

#![expect(clippy::disallowed_methods, reason = "tests read the small files that they wrote")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;

use plimsoll_report::FORMATS;
use serde_json::Value;
use support::{Run, Stage, image};

/// The variables of a job that knows everything that any format wants.
const JOB: &[(&str, &str)] = &[
    ("SOURCE_DATE_EPOCH", "1700000000"),
    ("PLIMSOLL_AWS_ACCOUNT", "123456789012"),
    ("AWS_DEFAULT_REGION", "eu-central-1"),
    ("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("GITHUB_REF", "refs/heads/main"),
    ("GITHUB_RUN_ID", "42"),
    ("GITHUB_JOB", "build"),
    ("GITHUB_SERVER_URL", "https://github.example"),
    ("GITHUB_REPOSITORY", "team/app"),
];

const TRIVY: &[u8] = br#"{"SchemaVersion": 2, "ArtifactName": "app:1", "ArtifactType": "container_image",
    "Metadata": {"OS": {"Family": "alpine", "Name": "3.18.4"}}, "Results": [
    {"Target": "app:1 (alpine 3.18.4)", "Class": "os-pkgs", "Type": "alpine", "Vulnerabilities": [
        {"VulnerabilityID": "CVE-2023-5363", "PkgName": "libssl3", "InstalledVersion": "3.1.3-r0", "FixedVersion": "3.1.4-r0",
         "Status": "fixed", "Severity": "HIGH"}]}]}"#;

fn stage(name: &str) -> Stage {
    let stage = Stage::new(name);
    image().write_oci_layout(&stage.folder.join("layout"), "1.2").unwrap();
    stage
}

fn scan(stage: &Stage, more: &[&str]) -> Run {
    stage.run_with(&[&["scan", "oci-dir:layout", "--db", "plimsoll.db"], more].concat(), JOB)
}

fn read(stage: &Stage, name: &str) -> String {
    fs::read_to_string(stage.folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_format_converted_is_the_one_that_was_scanned() {
    let stage = stage("convert");
    let mut outputs = vec!["--fail-on".to_owned(), "high".to_owned()];
    for format in FORMATS {
        outputs.extend(["--output".to_owned(), format!("{0}=scan.{0}", format.name)]);
    }
    let run = scan(&stage, &outputs.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((run.status, run.stdout.as_str()), (1, ""), "{run:?}");
    assert!(run.stderr.contains("the gate failed: 1 of 4 findings"), "{run:?}");
    for format in FORMATS {
        let run = stage.run_with(&["convert", "scan.json", "--format", format.name], JOB);
        assert_eq!(run.status, 0, "{run:?}");
        let mut before = read(&stage, &format!("scan.{}", format.name));
        if format.name == "table" {
            // A scan says what it ends with; converting ends with another status.
            before = before.split("exit status 1:").next().unwrap().trim_end().to_owned() + "\n";
        }
        assert!(run.stdout == before, "{}", format.name);
    }
}

#[test]
fn a_report_comes_from_stdin_or_a_file_and_trivys_is_read_too() {
    let stage = Stage::empty("convert_trivy");
    stage.write("trivy.json", TRIVY);
    let run = stage.run(&["convert", "trivy.json", "--format", "csv"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("CVE-2023-5363") && run.stdout.contains("3.1.4-r0"), "{run:?}");
    let run = stage.run(&["convert", "trivy.json", "--format", "json", "--output", "own.json"]);
    assert_eq!((run.status, run.stdout.as_str()), (0, ""), "{run:?}");
    let own: Value = serde_json::from_str(&read(&stage, "own.json")).unwrap();
    assert_eq!(own["Results"][0]["Vulnerabilities"][0]["VulnerabilityID"], "CVE-2023-5363");
    assert!(own["Plimsoll"]["Gaps"][0]["Reason"].as_str().unwrap().contains("--list-all-pkgs"));
    let run = stage.run(&["convert", "-", "--format", "json"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("cannot read report `stdin`"), "{run:?}");
}

#[test]
fn what_is_no_report_cannot_be_converted() {
    let stage = Stage::empty("convert_bad");
    stage.write("bad.json", br#"{"SchemaVersion": 2, "Results": [{"Target": 7}]}"#);
    let run = stage.run(&["convert", "bad.json"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("expected something else at `Results[0].Target`"), "{run:?}");
    assert!(run.stderr.contains("because: invalid type: integer `7`, expected a string"), "{run:?}");
    assert_eq!(stage.run(&["convert", "missing.json"]).status, 2);
    assert_eq!(stage.run(&["convert"]).status, 2);
}

#[test]
fn several_reports_are_written_at_once() {
    let stage = stage("several");
    let run = scan(&stage, &["--output", "json=a.json", "-o", "junit=a.xml", "--format", "table"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("CVE-2020-14343"), "{run:?}");
    assert!(read(&stage, "a.json").starts_with('{') && read(&stage, "a.xml").starts_with("<?xml"));
    let run = scan(&stage, &["--output", "sarif=-", "-o", "./x=y.csv", "-o", "csv=z.csv"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("\"$schema\""), "{run:?}");
    assert!(read(&stage, "x=y.csv").contains("CVE-2020-14343"));
    let run = scan(&stage, &["--output", "csv=z.csv"]);
    assert_eq!((run.status, run.stdout.as_str(), run.stderr.as_str()), (0, "", ""));
}

#[test]
fn what_a_link_leads_to_is_written_and_the_link_stays() {
    let stage = stage("links");
    stage.write("real.csv", b"x");
    std::os::unix::fs::symlink("real.csv", stage.folder.join("link.csv")).unwrap();
    // As `/dev/stdout` is one.
    std::os::unix::fs::symlink("/proc/self/fd/1", stage.folder.join("out")).unwrap();
    fs::create_dir(stage.folder.join("sub")).unwrap();
    let run = scan(&stage, &["-o", "csv=link.csv", "-o", "json=out"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.starts_with('{'), "{run:?}");
    assert!(read(&stage, "real.csv").contains("CVE-2020-14343"));
    for name in ["link.csv", "out"] {
        assert!(stage.folder.join(name).is_symlink(), "{name}");
    }
    for (one, two, part) in [
        ("csv=link.csv", "json=real.csv", "expected a file for each, found `real.csv` twice"),
        ("csv=a.csv", "json=sub/../a.csv", "expected a file for each, found `sub/../a.csv` twice"),
        ("csv=out", "json=-", "expected one at most for stdout, found `csv` and `json`"),
    ] {
        let run = scan(&stage, &["-o", one, "-o", two]);
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.stderr.contains(part), "{run:?}");
    }
    // Nothing is waited for behind a pipe that nobody writes to.
    let more = ["--id", "CVE-2020-0001", "--product", "pkg:npm/a", "--status", "fixed"];
    let run = stage.run(&[&["vex", "add", "--output", "out", "--author", "A"][..], &more].concat());
    assert!(run.status == 0 && run.stdout.starts_with('{'), "{run:?}");
    let run = stage.run(&[&["vex", "add", "--author", "A", "--alias", ""][..], &more].concat());
    assert!(run.status == 2 && run.stderr.contains("expected another name"), "{run:?}");
}

#[test]
fn one_that_cannot_be_written_does_not_keep_back_the_others() {
    let stage = stage("one_fails");
    let run = scan(&stage, &["-o", "csv=missing/a.csv", "-o", "sarif=b.sarif", "-o", "table=-"]);
    assert_eq!(run.status, 3, "{run:?}");
    assert!(run.stderr.contains("cannot write the result to `missing/a.csv`"), "{run:?}");
    assert!(read(&stage, "b.sarif").contains("$schema"));
    assert!(run.stdout.contains("CVE-2020-14343"), "{run:?}");
}

#[test]
fn what_cannot_be_meant_is_told_before_the_scan() {
    let stage = Stage::empty("cannot_be_meant");
    stage.write("bad.j2", b"one\n{% for %}");
    stage.write("good.j2", b"x");
    for (flags, part) in [
        (&["-o", "tabel=a"][..], "expected a format among table,"),
        (&["-o", "json=-", "-f", "table"], "expected one at most for stdout"),
        (&["-o", "json=a", "-o", "csv=a"], "found `a` twice"),
        (&["-f", "asff"], "hint: give it with --aws-account"),
        (&["-f", "asff", "--aws-account", "123456789012"], "hint: give it with --aws-region or AWS_REGION"),
        (
            &["-f", "asff", "--aws-account", "1", "--aws-region", "eu-central-1"],
            "an AWS account of 12 digits",
        ),
        (&["-f", "github-snapshot"], "hint: give it with --github-sha or GITHUB_SHA"),
        (&["-f", "template"], "hint: give it with --template FILE"),
        (
            &["-f", "json", "--template", "good.j2"],
            "expected `--format template` or `--output template=FILE`",
        ),
        (&["--template", "bad.j2"], "cannot write with template `bad.j2`: line 2: syntax error"),
        (&["--template", "missing.j2"], "cannot read template `missing.j2`"),
    ] {
        // Neither image nor database is there: nobody gets so far.
        let run = stage.run(&[&["scan", "oci-dir:nowhere", "--db", "nowhere"], flags].concat());
        assert_eq!(run.status, 2, "{flags:?} {run:?}");
        assert!(run.stderr.contains(part), "{flags:?} {run:?}");
    }
}

#[test]
fn formats_that_know_a_job_take_it_from_flags_or_its_variables() {
    let stage = stage("job");
    let run = scan(&stage, &["--format", "github-snapshot"]);
    let snapshot: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(snapshot["sha"], "0123456789abcdef0123456789abcdef01234567");
    assert_eq!(snapshot["job"]["correlator"], "build");
    assert_eq!(snapshot["job"]["html_url"], "https://github.example/team/app/actions/runs/42");
    let run = scan(
        &stage,
        &["--format", "github-snapshot", "--github-job", "image", "--github-ref", "refs/tags/v1"],
    );
    let snapshot: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&snapshot["job"]["correlator"], &snapshot["ref"]), (&"image".into(), &"refs/tags/v1".into()));
    let arn = "arn:aws:codebuild:eu-west-1:210987654321:build/app:1";
    let variables =
        [("CODEBUILD_BUILD_ARN", arn), ("AWS_REGION", "eu-west-1"), ("SOURCE_DATE_EPOCH", "1700000000")];
    let run = stage.run_with(&["scan", "oci-dir:layout", "--db", "plimsoll.db", "-f", "asff"], &variables);
    let findings: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(findings["Findings"][0]["AwsAccountId"], "210987654321");
}

#[test]
fn a_bill_of_materials_can_be_spdx() {
    let stage = stage("spdx");
    let run = stage.run_with(&["sbom", "oci-dir:layout", "--format", "spdx"], JOB);
    assert_eq!(run.status, 0, "{run:?}");
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(document["spdxVersion"], "SPDX-2.3");
    assert_eq!(document["creationInfo"]["created"], "2023-11-14T22:13:20Z");
}

/// The templates of the page about them.
fn documented() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/templates.md");
    let text = fs::read_to_string(page).unwrap();
    text.split("```jinja\n").skip(1).map(|part| part.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_templates_of_the_documents_work() {
    let stage = stage("templates");
    let [slack, list] = &documented()[..] else { panic!("expected two templates") };
    stage.write("slack.json.j2", slack.as_bytes());
    stage.write("list.txt.j2", list.as_bytes());
    assert_eq!(scan(&stage, &["--fail-on", "high", "-f", "json", "-o", "app.json"]).status, 1);
    let run = stage.run(&["convert", "app.json", "--template", "slack.json.j2"]);
    assert_eq!(run.status, 0, "{run:?}");
    let message: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(message["text"], "*oci-dir:layout* failed: 1 critical, 0 high");
    assert_eq!(
        message["blocks"][1]["elements"][0]["text"],
        "CVE-2020-14343 in PyYAML: fail on HIGH or worse"
    );
    let run = scan(&stage, &["--template", "list.txt.j2"]);
    assert_eq!((run.status, run.stdout.as_str()), (0, "CVE-2020-14343 PyYAML 5.3 -> 5.4\n"), "{run:?}");
}

#[test]
fn a_template_includes_what_lies_in_its_folder_and_nothing_else() {
    let stage = stage("includes");
    fs::create_dir_all(stage.folder.join("t/parts")).unwrap();
    stage.write("secret.txt", b"secret");
    stage.write("t/parts/head.txt", b"of {{ ArtifactName }} at {{ CreatedAt }}");
    stage.write("t/good.txt", b"report {% include 'parts/head.txt' %}");
    stage.write("t/bad.txt", b"{% include '../secret.txt' %}");
    stage.write("t/fails.txt", b"\n{{ 1 / 0 }}");
    std::os::unix::fs::symlink("../secret.txt", stage.folder.join("t/link.txt")).unwrap();
    stage.write("t/linked.txt", b"{% include 'link.txt' %}");
    let run = scan(&stage, &["--template", "t/good.txt"]);
    assert_eq!(run.stdout, "report of oci-dir:layout at 2023-11-14T22:13:20Z", "{run:?}");
    for name in ["t/bad.txt", "t/linked.txt"] {
        let run = scan(&stage, &["--template", name]);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{run:?}");
        assert!(run.stderr.contains("template not found"), "{run:?}");
    }
    let run = scan(&stage, &["-o", "template=out.txt", "--template", "t/fails.txt", "-o", "csv=out.csv"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("template `t/fails.txt`: line 2: invalid operation"), "{run:?}");
    assert!(read(&stage, "out.csv").contains("CVE-2020-14343"));
}
