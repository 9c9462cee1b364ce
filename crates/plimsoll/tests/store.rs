//! Results in stores and buckets.

#![expect(clippy::disallowed_methods, reason = "tests read the small files that they wrote")]
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/bucket.rs"]
mod bucket;
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use bucket::Bucket;
use serde_json::Value;
use support::{Run, Stage, image};

const TRIVY: &[u8] = br#"{"SchemaVersion": 2, "CreatedAt": "2025-01-02T03:04:05.678Z", "ArtifactName": "r.example/team/app:1",
    "ArtifactType": "container_image", "Metadata": {"OS": {"Family": "alpine", "Name": "3.18.4"}}, "Results": [
    {"Target": "app:1 (alpine 3.18.4)", "Class": "os-pkgs", "Type": "alpine", "Vulnerabilities": [
        {"VulnerabilityID": "CVE-2023-5363", "PkgName": "libssl3", "InstalledVersion": "3.1.3-r0", "FixedVersion": "3.1.4-r0",
         "Status": "fixed", "Severity": "HIGH"}]}]}"#;

/// Keys of nobody, for a bucket on loopback.
const KEYS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "hunter2"),
    ("AWS_REGION", "eu-central-1"),
];

fn stage(name: &str) -> Stage {
    let stage = Stage::new(name);
    image().write_oci_layout(&stage.folder.join("layout"), "1.2").unwrap();
    stage
}

fn scan(stage: &Stage, more: &[&str], variables: &[(&str, &str)]) -> Run {
    let arguments = ["scan", "oci-dir:layout", "--db", "plimsoll.db"];
    stage.run_with(&[&arguments, more].concat(), variables)
}

/// All files below a folder, sorted, without the folder's name.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn json(stage: &Stage, file: &str) -> Value {
    serde_json::from_slice(&fs::read(stage.folder.join(file)).unwrap()).unwrap()
}

#[test]
fn a_scan_is_kept_with_its_verdict_and_inventory() {
    let stage = stage("store-scan");
    let run =
        scan(&stage, &["--store", "results", "--fail-on", "critical", "--output", "json=report.json"], &[]);
    assert_eq!(run.status, 1, "{run:?}");
    let all: Vec<String> = files(&stage.folder.join("results"))
        .into_iter()
        .filter(|file| !file.starts_with("tables/"))
        .collect();
    assert_eq!(all.len(), 3, "{all:?}");
    let [inventory, report, verdict] = [&all[0], &all[1], &all[2]];
    assert!(inventory.starts_with("inventories/sha256/"), "{all:?}");
    assert!(report.starts_with("reports/_/oci-dir=3alayout/"), "{all:?}");
    let stored = fs::read(stage.folder.join("results").join(report)).unwrap();
    assert_eq!(stored, fs::read(stage.folder.join("report.json")).unwrap());
    let verdict = json(&stage, &format!("results/{verdict}"));
    assert_eq!(verdict["verdict"], "failed");
    assert_eq!(verdict["report_key"], report.as_str());
    assert_eq!(verdict["inventory_key"], inventory.as_str());
    assert_eq!(verdict["rules"][0], "fail on CRITICAL");

    // The same image again: another report, no other inventory. By the variable, and by the settings.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let run = scan(&stage, &["--quiet", "--format", "json"], &[("PLIMSOLL_STORE", "results")]);
    assert_eq!(run.status, 0, "{run:?}");
    stage.write("plimsoll.toml", b"store = \"results\"\n");
    let listed = stage.run(&["store", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    // Rows of the image came with the first scan alone, those of scans with each.
    let tables = files(&stage.folder.join("results/tables/v1"));
    let of = |table: &str| tables.iter().filter(|file| file.starts_with(&format!("{table}/date="))).count();
    assert_eq!((of("images"), of("packages"), of("scans"), of("findings")), (1, 1, 2, 2), "{tables:?}");
    let inventories = files(&stage.folder.join("results/inventories"));
    assert_eq!(inventories.len(), 1, "{inventories:?}");
    let key = listed[0]["key"].as_str().unwrap();
    assert_eq!(stage.run(&["store", "get", key]).stdout, run.stdout);
    assert_eq!(stage.run(&["store", "get", "oci-dir:layout"]).status, 3);
}

#[test]
fn a_report_is_uploaded_under_the_key_of_its_template() {
    let stage = stage("store-upload");
    let bucket = Bucket::start(200, "");
    let variables = [&KEYS[..], &[("AWS_ENDPOINT_URL_S3", &bucket.address)]].concat();
    let run = scan(
        &stage,
        &[
            "--output",
            "json=s3://results/{repository}/{tag}_results.{extension}",
            "--output",
            "sarif=s3://results/fixed/{format}/{verdict}.json",
            "--format",
            "table",
            "--s3-sse",
            "aws:kms",
            "--s3-sse-kms-key",
            "key-1",
            "--s3-tag",
            "team=web / co",
            "--s3-tag",
            "stage=test",
            "--if-absent",
        ],
        &variables,
    );
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("CVE-2021-3711"), "{run:?}");
    let asked = bucket.asked();
    let lines: Vec<&str> = asked.iter().map(|asked| asked.line.as_str()).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("PUT /results/layout/") && lines[0].ends_with("_results.json"), "{lines:?}");
    assert_eq!(lines[1], "PUT /results/fixed/sarif/passed.json");
    for asked in &asked {
        for (name, value) in [
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", "key-1"),
            ("x-amz-tagging", "team=web+%2F+co&stage=test"),
            ("if-none-match", "*"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(asked.header(name), Some(value), "{name}");
        }
        assert!(asked.header("authorization").unwrap().contains("AKIDEXAMPLE/"), "{asked:?}");
        assert!(!format!("{:?}", asked.headers).contains("hunter2"));
    }
    let report: Value = serde_json::from_slice(&asked[0].body).unwrap();
    // Several formats under one template, and a difference.
    let outputs = ["--output", "json=s3://results/", "--output", "sarif=s3://results/"];
    let run = scan(&stage, &outputs, &variables);
    assert_eq!(run.status, 0, "{run:?}");
    let ends: Vec<String> = bucket.asked()[2..].iter().map(|asked| asked.line.clone()).collect();
    assert!(ends[0].ends_with("_results.json") && ends[1].ends_with("_results.sarif"), "{ends:?}");
    stage.write("a.json", &asked[0].body);
    let diff = ["diff", "a.json", "a.json", "--format", "markdown", "--output"];
    let run = stage.run_with(&[&diff[..], &["s3://results/{name}.{extension}"]].concat(), &variables);
    assert_eq!((run.status, run.stdout.as_str()), (0, ""), "{run:?}");
    let run = stage.run_with(&[&diff[..], &["s3://results/", "--s3-tag", "a=b"]].concat(), &variables);
    assert_eq!((run.status, run.stdout.as_str()), (0, ""), "{run:?}");
    let sent = &bucket.asked()[4..];
    assert_eq!(sent[0].line, "PUT /results/layout.md");
    assert!(
        sent[1].line.starts_with("PUT /results/layout/") && sent[1].line.ends_with("_diff.md"),
        "{sent:?}"
    );
    assert_eq!(sent[1].header("x-amz-tagging"), Some("a=b"));
    let run = stage
        .run_with(&["sbom", "oci-dir:layout", "--output", "s3://results/{name}.{format}.json"], &variables);
    assert_eq!((run.status, run.stdout.as_str()), (0, ""), "{run:?}");
    assert_eq!(bucket.asked()[6].line, "PUT /results/layout.cyclonedx.json");
    assert_eq!(report["SchemaVersion"], 2);
    assert!(files(&stage.folder).iter().all(|file| !file.ends_with("_results.json")));
}

#[test]
fn what_cannot_be_uploaded_is_kept_and_told() {
    let stage = stage("store-refused");
    let refusals = [
        (404, "<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>", "make the bucket first"),
        (403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>", "may not do that there"),
        (
            403,
            "<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error>",
            "AWS_SECRET_ACCESS_KEY",
        ),
        (
            403,
            "<Error><Code>RequestTimeTooSkewed</Code><Message>no</Message></Error>",
            "set this machine's clock",
        ),
        (
            412,
            "<Error><Code>PreconditionFailed</Code><Message>no</Message></Error>",
            "another one was faster",
        ),
    ];
    for (number, (status, body, hint)) in refusals.into_iter().enumerate() {
        let bucket = Bucket::start(status, body);
        let variables = [&KEYS[..], &[("AWS_ENDPOINT_URL", &bucket.address)]].concat();
        let run =
            scan(&stage, &["--output", "json=s3://results/a/app_results.json", "--if-absent"], &variables);
        assert_eq!(run.status, 6, "{run:?}");
        assert!(run.stderr.contains("s3://results/a/app_results.json"), "{run:?}");
        assert!(run.stderr.contains(hint) && !run.stderr.contains("hunter2"), "{run:?}");
        let kept =
            if number == 0 { "app_results.json".to_owned() } else { format!("app_results.json.{number}") };
        assert!(run.stderr.contains(&format!("note: the report was kept in `./{kept}`")), "{run:?}");
        assert_eq!(json(&stage, &kept)["SchemaVersion"], 2);
    }
    // A gate that failed stays failed; both are told.
    let bucket = Bucket::start(403, "");
    let variables = [&KEYS[..], &[("AWS_ENDPOINT_URL", &bucket.address)]].concat();
    let run = scan(&stage, &["--output", "s3://results/b.txt", "--fail-on", "critical"], &variables);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(
        run.stderr.contains("the gate failed") && run.stderr.contains("cannot write `s3://results/b.txt`"),
        "{run:?}"
    );
    assert!(stage.folder.join("b.txt").is_file());
    // A key's part may be longer than a file's name.
    let long = format!("s3://results/{}.json", "a".repeat(300));
    let run = scan(&stage, &["--output", &long], &variables);
    assert_eq!(run.status, 6, "{run:?}");
    let kept = format!("{}.json", "a".repeat(235));
    assert!(stage.folder.join(kept).is_file(), "{run:?}");
    // A difference is kept as well.
    let diff = ["diff", "app_results.json", "app_results.json", "--output", "s3://results/d.txt"];
    let run = stage.run_with(&diff, &variables);
    assert_eq!((run.status, stage.folder.join("d.txt").is_file()), (6, true), "{run:?}");
}

#[test]
fn without_credentials_or_server_it_ends_soon() {
    let stage = stage("store-nobody");
    let started = std::time::Instant::now();
    let nobody = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")];
    let run = scan(&stage, &["--output", "json=s3://results/a.json"], &nobody);
    assert_eq!(run.status, 6, "{run:?}");
    assert!(
        run.stderr.contains("cannot find credentials for AWS") && run.stderr.contains("AWS_PROFILE"),
        "{run:?}"
    );
    let variables = [&KEYS[..], &[("AWS_ENDPOINT_URL", "http://127.0.0.1:9")]].concat();
    let run = scan(&stage, &["--store", "s3://results/x"], &variables);
    assert_eq!(run.status, 6, "{run:?}");
    assert!(run.stderr.contains("at http://127.0.0.1:9"), "{run:?}");
    assert!(run.stderr.contains("refused") && run.stderr.contains("AWS_ENDPOINT_URL"), "{run:?}");
    assert!(started.elapsed() < std::time::Duration::from_mins(1), "{:?}", started.elapsed());
    assert!(stage.folder.join("a.json").is_file());
}

#[test]
fn what_is_wrong_is_told_before_the_scan() {
    let stage = Stage::empty("store-usage");
    for (arguments, part) in [
        (&["--output", "s3://b/{image}.json"][..], "found `{image}`"),
        (&["--output", "json=s3://b/../x"], "found `..`"),
        (&["--output", "s3://"], "found no bucket"),
        (&["--store", "ftp://x"], "found the scheme `ftp`"),
        (&["--store", "s3:bucket/x"], "found `s3:` without `//`"),
        (&["--output", "json=s3:bucket/x.json"], "found `s3:` without `//`"),
        (&["--output", "json=s3://b/{tag}", "--output", "sarif=s3://b/{tag}"], "found `s3://b/{tag}` twice"),
        (&["--output", "s3://b/a", "--s3-tag", "a"], "expected `NAME=VALUE`, found `a`"),
        (&["--output", "s3://b/a", "--s3-tag", "a=b&c"], "found `&`"),
        (&["--output", "s3://b/a", "--s3-sse", "AES256", "--s3-sse-kms-key", "k"], "expected `aws:kms`"),
        (&["--output", "s3://b/a", "--s3-sse", "rot13"], "rot13"),
    ] {
        let run = stage.run(&[&["scan", "oci-dir:none"], arguments].concat());
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.stderr.contains(part), "{run:?}");
    }
    let run = stage.run(&["store", "list"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("expected a folder, found none"), "{run:?}");
    assert!(!stage.folder.join("home").exists());
}

#[test]
fn reports_are_added_listed_read_and_removed() {
    let stage = Stage::empty("store-add");
    fs::create_dir_all(stage.folder.join("old/deep")).unwrap();
    stage.write("old/a.json", TRIVY);
    let later = String::from_utf8(TRIVY.to_vec()).unwrap();
    stage.write("old/deep/b.json", later.replace("2025-01-02", "2025-02-03").as_bytes());
    stage.write(
        "old/deep/c.json",
        later.replace("2025-01-02", "2025-03-04").replace("app:1", "app:v2").as_bytes(),
    );
    stage.write("old/notes.txt", b"not a report");
    let store =
        |arguments: &[&str]| stage.run_with(&[&["store"], arguments].concat(), &[("PLIMSOLL_STORE", "s")]);
    let run = store(&["add", "old", "--jobs", "2"]);
    assert_eq!((run.status, run.stdout.as_str()), (0, "stored 3 reports in s\n"), "{run:?}");
    let run = store(&["add", "old/a.json", "old/deep"]);
    assert_eq!(run.stdout, "stored 0 reports in s, 3 had been there\n", "{run:?}");
    // One report that is named twice in a call is one scan, and a time before all times is none.
    let nobody = later.replace("2025-01-02T03:04:05.678Z", "0001-01-01T00:00:00Z");
    fs::create_dir_all(stage.folder.join("twice")).unwrap();
    stage.write("twice/a.json", nobody.as_bytes());
    stage.write("twice/b.json", nobody.as_bytes());
    let run = stage.run(&["store", "add", "twice", "--time", "2025-01-02T03:04:05Z", "--store", "t"]);
    assert_eq!(run.stdout, "stored 1 report in t, 1 had been there\n", "{run:?}");
    let rows = stage.run(&["store", "compact", "--store", "t"]);
    assert!(rows.stdout.contains("scans: 1 file of 1 day became 1 file, 1 row\n"), "{rows:?}");
    let run = stage.run(&["store", "add", "twice/a.json", "--store", "u"]);
    assert_eq!(run.status, 0, "{run:?}");
    let listed = stage.run(&["store", "list", "--store", "u"]);
    assert!(!listed.stdout.starts_with("0001"), "{listed:?}");
    stage.write("old/broken.json", b"{\"SchemaVersion\": 2, ");
    let run = store(&["add", "old"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("old/broken.json"), "{run:?}");

    let run = store(&["list", "team/*"]);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{run:?}");
    assert!(lines[0].starts_with(
        "2025-03-04T03:04:05Z  r.example/team/app:v2  reports/r.example/team/app/v2/20250304T030405Z-"
    ));
    assert_eq!(store(&["list", "other"]).stdout, "");
    let newest = store(&["get", "r.example/team/app:1", "--output", "newest.json"]);
    assert_eq!(newest.status, 0, "{newest:?}");
    assert_eq!(json(&stage, "newest.json")["CreatedAt"], "2025-02-03T03:04:05.678Z");
    let none = store(&["get", "r.example/team/app:9"]);
    assert!(none.status == 3 && none.stderr.contains("expected one, found none"), "{none:?}");
    assert_eq!(store(&["get", "reports/../../etc/passwd"]).status, 3);

    // All is fresh, so that nothing goes.
    let run = store(&["prune", "--keep-last", "0", "--remove-newest", "--json"]);
    let pruned: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((run.status, &pruned["reports"]), (0, &Value::from(0)), "{run:?}");
    let day = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_mins(29_000_000);
    for file in files(&stage.folder.join("s")) {
        fs::File::options()
            .write(true)
            .open(stage.folder.join("s").join(file))
            .unwrap()
            .set_modified(day)
            .unwrap();
    }
    let run = store(&["prune", "--older-than", "1d", "--dry-run"]);
    assert!(
        run.stdout
            .contains("r.example/team/app: 1 would go, 2 stay\n  reports/r.example/team/app/1/20250102T"),
        "{run:?}"
    );
    assert_eq!(store(&["list"]).stdout.lines().count(), 3);
    let run = store(&["prune", "--older-than", "1d", "--remove-newest", "--keep-tag", "v*"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("removed 2 reports, 2 verdicts and 1 inventory,"), "{run:?}");
    let left = store(&["list"]).stdout;
    assert!(left.lines().count() == 1 && left.contains("app:v2"), "{left}");
    assert_eq!(store(&["prune"]).status, 2);
}
