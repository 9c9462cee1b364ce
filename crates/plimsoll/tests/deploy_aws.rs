//! The buildspecs of `deploy/aws`, run as CodeBuild runs them, with programs that write down what they are called with.

#![expect(clippy::disallowed_methods, reason = "tests read the small files that they and the project wrote")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use plimsoll_testkit::image::{BuiltImage, ImageBuilder, sha256};
use plimsoll_testkit::registry::Registry;
use serde_json::Value;
use support::{Run, Stage, image, push};

const DIGEST: &str = "sha256:4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a";
/// Writes down the call; a scan ends as the file `verdict` says, and fails of what begins as the file `refused` says. What it
/// finds of the key that signs, it says.
const PLIMSOLL: &str = r#"#!/bin/sh
echo "plimsoll $*" >> "$HOME/calls"
case "$1" in
scan)
  if [ -f "$KEYS/signing.pem" ]; then
    echo "key $(stat -c %a "$KEYS/signing.pem") $(cat "$KEYS/signing.pem") ${SIGNING_KEY-gone}" >> "$HOME/calls"
  fi
  for word; do
    case "$word" in json=*) echo '{}' > "${word#json=}" ;; esac
  done
  case "$2" in "$(cat "$HOME/refused")"*) exit 1 ;; esac
  exit "$(cat "$HOME/verdict")" ;;
esac
"#;
const DOCKER: &str = r#"#!/bin/sh
echo "docker $*" >> "$HOME/calls"
case "$1" in
login) cat > /dev/null ;;
inspect) echo "registry.example/plimsoll/staging@sha256:4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a" ;;
esac
"#;
const AWS: &str = "#!/bin/sh\necho \"aws $*\" >> \"$HOME/calls\"\necho token\n";
/// Gives the program in an archive, and keeps that.
const CURL: &str = r#"#!/bin/sh
while [ "$1" != --output ]; do shift; done
tar --create --gzip --file "$2" --directory "$HOME/bin" plimsoll
cp "$2" "$HOME/archive"
"#;

/// Gives the same archive again.
const CURL_AGAIN: &str = r#"#!/bin/sh
while [ "$1" != --output ]; do shift; done
cp "$HOME/archive" "$2"
"#;

/// A home with these programs, and sources with our buildspecs.
fn stage(name: &str) -> Stage {
    let stage = Stage::empty(name);
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/aws/buildspecs");
    for folder in ["bin", "source/specs"] {
        fs::create_dir_all(stage.folder.join(folder)).unwrap();
    }
    for entry in fs::read_dir(own).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, stage.folder.join("source/specs").join(path.file_name().unwrap())).unwrap();
    }
    for (name, text) in [("plimsoll", PLIMSOLL), ("docker", DOCKER), ("aws", AWS), ("curl", CURL)] {
        let path = stage.folder.join("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    stage.write("verdict", b"0");
    stage.write("refused", b"nothing");
    stage
}

fn build(stage: &Stage, buildspec: &str, more: &[&str]) -> Run {
    let buildspec = format!("specs/{buildspec}");
    let mut words =
        vec!["pipeline", "run", "--source", "source", "--buildspec", &buildspec, "--result", "result.json"];
    let digest = format!("IMAGE_DIGEST={DIGEST}");
    for variable in [
        "PLIMSOLL_URL=",
        "PUBLIC_KEY=-----BEGIN PUBLIC KEY-----",
        "SIGNING_KEY=-----BEGIN PRIVATE KEY-----",
        "DATABASE=oci://registry.example/plimsoll/database:latest",
        "STAGING=registry.example/plimsoll/staging",
        "PRODUCTION=registry.example/plimsoll/production",
        "RESULTS=s3://results",
        "FAIL_ON=high",
        "MAX_AGE=3d",
        "CONTEXT=.",
        "TEMPLATES=a.yml b.yml",
        "CONTAINER=app",
        "ENVIRONMENT=staging",
        "IMAGE_TAG=1.2",
        &digest,
    ] {
        // What a stage before sets is there only behind it.
        if !(variable.starts_with("IMAGE_") && buildspec.contains("build-scan-push")) {
            words.extend(["--env", variable]);
        }
    }
    words.extend(more);
    let home = stage.folder.to_str().unwrap();
    let path = format!("{home}/bin:/usr/bin:/bin");
    let variables = [("PATH", path.as_str()), ("HOME", home), ("GITHUB_SHA", "0123456789abcdef0123")];
    let _ = fs::remove_file(stage.folder.join("calls"));
    stage.run_with(&words, &variables)
}

/// What the programs were called with; folders of a moment are `KEYS`.
fn calls(stage: &Stage) -> Vec<String> {
    let text = fs::read_to_string(stage.folder.join("calls")).unwrap_or_default();
    let plain = |line: &str| {
        let words = line.split(' ').map(|word| match word.rsplit_once('/') {
            Some((folder, file)) if folder.starts_with("/tmp/tmp.") => format!("KEYS/{file}"),
            _ => word.to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    };
    text.lines().map(plain).collect()
}

const PULL: &str =
    "plimsoll db pull oci://registry.example/plimsoll/database:latest --public-key KEYS/public.pem";

#[test]
fn an_image_is_pushed_if_it_passes() {
    let stage = stage("deploy-build");
    let run = build(&stage, "build-scan-push.yml", &[]);
    assert_eq!(run.status, 0, "{run:?}");
    let tag = "registry.example/plimsoll/staging:0123456789ab-1";
    let before = [
        "plimsoll --version".to_owned(),
        "docker login --username AWS --password-stdin registry.example".to_owned(),
        PULL.to_owned(),
        format!("docker build --pull --tag {tag} ."),
        format!(
            "plimsoll scan docker:{tag} --fail-on high --max-age 3d --output table=- --output json=scan.json"
        ),
    ];
    let after =
        [format!("docker push {tag}"), format!("docker inspect --format {{{{index .RepoDigests 0}}}} {tag}")];
    // Both ends of a pipe are called at once.
    let without_token = |stage: &Stage| -> Vec<String> {
        calls(stage).into_iter().filter(|call| call != "aws ecr get-login-password").collect()
    };
    assert_eq!(without_token(&stage), [&before[..], &after[..]].concat());
    let result: Value =
        serde_json::from_str(&fs::read_to_string(stage.folder.join("result.json")).unwrap()).unwrap();
    let exported: Vec<String> = result["exportedEnvironmentVariables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| {
            format!("{}={}", variable["name"].as_str().unwrap(), variable["value"].as_str().unwrap())
        })
        .collect();
    assert_eq!(exported, ["IMAGE_TAG=0123456789ab-1".to_owned(), format!("IMAGE_DIGEST={DIGEST}")]);

    // One that does not pass is not pushed, and the stage fails: gate, too old, could not scan.
    for status in ["1", "5", "3"] {
        stage.write("verdict", status.as_bytes());
        let run = build(&stage, "build-scan-push.yml", &[]);
        assert_eq!(run.status, 1, "{run:?}");
        assert_eq!(without_token(&stage), before, "{status}");
    }
}

#[test]
fn a_program_of_another_checksum_is_not_run() {
    let stage = stage("deploy-checksum");
    let sum = |sha256: &str| format!("PLIMSOLL_SHA256={sha256}");
    let address = "PLIMSOLL_URL=https://plimsoll.example/plimsoll";
    let wrong = sum(&"0".repeat(64));
    for buildspec in ["scan-iac.yml", "build-scan-push.yml", "scan-staging-image.yml", "promote.yml"] {
        let run = build(&stage, buildspec, &["--env", address, "--env", &wrong]);
        assert_eq!(run.status, 1, "{run:?}");
        assert!(run.stdout.contains("Phase complete: INSTALL State: FAILED"), "{run:?}");
        assert!(calls(&stage).is_empty(), "{:?}", calls(&stage));
        assert!(!stage.folder.join(".local/bin/plimsoll").exists());
    }
    // The right one is put in place, and goes before others. An archive's bytes hold a time: this one stays.
    fs::write(stage.folder.join("bin/curl"), CURL_AGAIN).unwrap();
    let output = std::process::Command::new("sha256sum").arg(stage.folder.join("archive")).output().unwrap();
    let right = sum(String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap());
    let run = build(&stage, "promote.yml", &["--env", address, "--env", &right]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(stage.folder.join(".local/bin/plimsoll").exists());
}

#[test]
fn the_program_carries_the_files() {
    let stage = Stage::empty("deploy-init");
    let run = stage.run(&["pipeline", "init", "--aws", "--output", "here"]);
    assert_eq!(run.status, 0, "{run:?}");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/aws");
    let mut files = 0;
    for folder in ["", "buildspecs"] {
        for entry in fs::read_dir(own.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let written =
                    stage.folder.join("here/deploy/aws").join(folder).join(path.file_name().unwrap());
                assert_eq!(fs::read(&path).unwrap(), fs::read(written).unwrap(), "{}", path.display());
                files += 1;
            }
        }
    }
    assert_eq!(run.stdout.matches("wrote ").count(), files);
}

#[test]
fn a_verdict_is_signed_with_a_key_that_is_gone_afterwards() {
    let stage = stage("deploy-sign");
    let run = build(&stage, "scan-staging-image.yml", &[]);
    assert_eq!(run.status, 0, "{run:?}");
    let image = format!("registry.example/plimsoll/staging@{DIGEST}");
    assert_eq!(
        calls(&stage),
        [
            "plimsoll --version".to_owned(),
            PULL.to_owned(),
            format!(
                "plimsoll scan {image} --fail-on high --max-age 3d --store s3://results --attest --sign-key \
                 KEYS/signing.pem"
            ),
            "key 600 -----BEGIN PRIVATE KEY----- gone".to_owned(),
            format!("plimsoll verify {image} --key KEYS/public.pem"),
        ]
    );
    let text = fs::read_to_string(stage.folder.join("source/imagedefinitions.json")).unwrap();
    let definitions: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(definitions, serde_json::json!([{"name": "app", "imageUri": image}]));
    // Whatever became of it, no key stays.
    stage.write("verdict", b"1");
    let run = build(&stage, "scan-staging-image.yml", &[]);
    assert_eq!(run.status, 1, "{run:?}");
    let calls = fs::read_to_string(stage.folder.join("calls")).unwrap();
    let key = calls.split_whitespace().find(|word| word.ends_with("/signing.pem")).unwrap();
    assert!(!Path::new(key).exists(), "{key}");
    assert!(!calls.contains("verify"), "{calls}");
}

#[test]
fn an_image_is_promoted_and_scanned_by_its_digest() {
    let stage = stage("deploy-promote");
    assert_eq!(build(&stage, "promote.yml", &[]).status, 0);
    let promoted = format!(
        "plimsoll promote registry.example/plimsoll/staging@{DIGEST} registry.example/plimsoll/production:1.2 --key \
         KEYS/public.pem"
    );
    assert_eq!(calls(&stage), ["plimsoll --version".to_owned(), promoted]);
    assert_eq!(build(&stage, "scan-production-image.yml", &[]).status, 0);
    let image = format!("registry.example/plimsoll/production@{DIGEST}");
    assert_eq!(
        calls(&stage)[2..],
        [
            format!("plimsoll verify {image} --key KEYS/public.pem"),
            format!("plimsoll scan {image} --fail-on high --max-age 3d --store s3://results"),
        ]
    );
    stage.write("verdict", b"1");
    assert_eq!(build(&stage, "scan-production-image.yml", &[]).status, 1);
    assert_eq!(build(&stage, "scan-iac.yml", &[]).status, 1);
    assert_eq!(
        calls(&stage)[2..],
        [
            "plimsoll pipeline check a.yml b.yml --strict",
            "plimsoll scan dir:. --fail-on high --max-age 3d --output table=- --output junit=scan-iac.xml",
        ]
    );
    let run = build(&stage, "deploy.yml", &[]);
    assert!(run.status == 0 && run.stdout.contains("nothing is deployed to staging"), "{run:?}");
}

/// Answers as the real one does of what our buildspecs ask; whether one of them is privileged is not asked here.
const JQ: &str = r#"#!/bin/sh
case "$1" in
--raw-output) sed -n 's/.*"image":"\([^"]*\)".*/\1/p' "$3" ;;
esac
"#;

/// The pipeline of the template, run here, with what stands for its sources and its registries.
fn pipeline(stage: &Stage, registry: &str, more: &[&str]) -> Run {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/aws/pipeline.yml");
    let mut words = vec!["pipeline", "run", "--template", template.to_str().unwrap()];
    words.extend(["--map", "Repository=source", "--registry", registry, "--secrets", "secrets.toml"]);
    words.extend(["--work", "work", "--result", "result.json"]);
    for parameter in [
        "KeyArn=arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d",
        "ConnectionArn=arn:aws:codeconnections:eu-central-1:123456789012:connection/0a1b2c3d",
        "Repository=team/shop",
        "PlimsollUrl=",
        "PlimsollSha256=",
        "FailOn=critical",
        "MaxAge=9999d",
    ] {
        words.extend(["--parameter", parameter]);
    }
    words.extend(more);
    let home = stage.folder.to_str().unwrap();
    let path = format!("{home}/bin:/usr/bin:/bin");
    let _ = fs::remove_file(stage.folder.join("calls"));
    stage.run_with(&words, &[("PATH", path.as_str()), ("HOME", home)])
}

/// Each stage that began, and how it stands.
fn stages(stage: &Stage) -> Vec<String> {
    let text = fs::read_to_string(stage.folder.join("result.json")).unwrap();
    let result: Value = serde_json::from_str(&text).unwrap();
    let all = result["stages"].as_array().unwrap().iter();
    all.map(|one| format!("{} {}", one["name"].as_str().unwrap(), one["status"].as_str().unwrap())).collect()
}

#[test]
fn the_whole_pipeline_runs_here_and_stops_at_a_gate() {
    let stage = stage("deploy-whole");
    fs::create_dir_all(stage.folder.join("source/deploy/aws")).unwrap();
    fs::rename(stage.folder.join("source/specs"), stage.folder.join("source/deploy/aws/buildspecs")).unwrap();
    let jq = stage.folder.join("bin/jq");
    fs::write(&jq, JQ).unwrap();
    fs::set_permissions(&jq, fs::Permissions::from_mode(0o755)).unwrap();
    stage.write(
        "secrets.toml",
        b"[parameters]\n\"/plimsoll/public-key\" = \"-----BEGIN PUBLIC KEY-----\"\n\n[secrets]\n\
          \"plimsoll/signing-key\" = \"-----BEGIN PRIVATE KEY-----\"\n",
    );
    // The gate of staging fails: nothing behind it begins.
    stage.write("refused", b"localhost:5000/plimsoll/staging@");
    let run = pipeline(&stage, "localhost:5000", &["--approve-all"]);
    assert_eq!(run.status, 1, "{run:?}");
    let begun = ["Source", "ScanIaC", "BuildScanPush"].map(|name| format!("{name} Succeeded"));
    let stopped = stages(&stage);
    assert_eq!(stopped[..3], begun);
    assert_eq!(stopped[3], "ScanStagingImage Failed");
    assert!(stopped[4..].iter().all(|one| one.ends_with(" NotStarted")), "{stopped:?}");
    let called = calls(&stage);
    assert!(!called.iter().any(|call| call.contains("verify") || call.contains("promote")), "{called:?}");

    // It passes, and waits for a person.
    stage.write("refused", b"nothing");
    let run = pipeline(&stage, "localhost:5000", &[]);
    assert_eq!(run.status, 4, "{run:?}");
    assert!(!calls(&stage).iter().any(|call| call.contains("promote")), "{run:?}");
    assert!(run.stdout.contains(&format!(", {DIGEST}, of commit ")), "{run:?}");

    let run = pipeline(&stage, "localhost:5000", &["--approve-all"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(stages(&stage).iter().all(|one| one.ends_with(" Succeeded")), "{:?}", stages(&stage));
    assert!(!run.stdout.contains("PRIVATE KEY"), "{run:?}");
    let called = calls(&stage);
    let place = |beginning: &str| {
        let found = called.iter().position(|call| call.starts_with(beginning));
        found.unwrap_or_else(|| panic!("`{beginning}` was not called: {called:?}"))
    };
    let order = [
        "plimsoll scan dir:.".to_owned(),
        "plimsoll scan docker:localhost:5000/plimsoll/staging:".to_owned(),
        "docker push localhost:5000/plimsoll/staging:".to_owned(),
        format!(
            "plimsoll scan localhost:5000/plimsoll/staging@{DIGEST} --fail-on critical --max-age 9999d --store"
        ),
        format!("plimsoll verify localhost:5000/plimsoll/staging@{DIGEST}"),
        format!(
            "plimsoll promote localhost:5000/plimsoll/staging@{DIGEST} localhost:5000/plimsoll/production:"
        ),
        format!("plimsoll verify localhost:5000/plimsoll/production@{DIGEST}"),
        format!("plimsoll scan localhost:5000/plimsoll/production@{DIGEST}"),
    ];
    let places: Vec<usize> = order.iter().map(|beginning| place(beginning)).collect();
    assert!(places.is_sorted(), "{places:?}: {called:?}");
    assert!(run.stdout.contains(&format!(
        "nothing is deployed to production, for no service is named. It would be localhost:5000/plimsoll/production@{DIGEST}"
    )), "{run:?}");
}

/// An image in which nothing is wrong.
const CLEAN: &str = "//- layer\n//- file etc/os-release\nID=debian\nVERSION_ID=\"11\"\n";

/// A text as TOML has it over several lines.
fn in_toml(text: &str) -> String {
    format!("\"\"\"\n{text}\"\"\"")
}

/// What stands here for Docker and S3 alone is not the real one: the image is in the registry already.
#[test]
fn the_program_itself_goes_through_all_stages_and_the_audit_catches_what_did_not() {
    let stage = stage("deploy-real");
    let own = env!("CARGO_BIN_EXE_plimsoll");
    stage.write_advisories();
    for words in [
        &["db", "build", "--from", "advisories", "--output", "db/"][..],
        &["db", "keygen", "--output", "ours.key"],
        &["pipeline", "init", "--aws", "--output", "source"],
    ] {
        let run = stage.run(words);
        assert_eq!(run.status, 0, "{run:?}");
    }
    let registry = Registry::start();
    let host = registry.host();
    // What a build makes: at first something with a critical flaw.
    let builds = |image: &BuiltImage| {
        let digest = sha256(&image.manifest);
        push(&registry, image, "plimsoll/staging", &format!("built-{}", &digest[7..19]));
        stage.write("digest", digest.as_bytes());
        digest
    };
    builds(&image());
    let database = format!("oci://{host}/plimsoll/database:latest");
    let run = stage.run(&["db", "push", &database, "--key", "ours.key", "--db", "db"]);
    assert_eq!(run.status, 0, "{run:?}");

    let text = |name: &str| in_toml(&fs::read_to_string(stage.folder.join(name)).unwrap());
    let secrets = format!(
        "[parameters]\n\"/plimsoll/public-key\" = {}\n\n[secrets]\n\"plimsoll/signing-key\" = {}\n",
        text("ours.key.pub"),
        text("ours.key")
    );
    stage.write("secrets.toml", secrets.as_bytes());
    let docker = "#!/bin/sh\ncase \"$1\" in\nlogin) cat > /dev/null ;;\n\
                  inspect) echo \"here@$(cat \"$HOME/digest\")\" ;;\nesac\n"
        .to_owned();
    let plimsoll = format!(
        "#!/bin/sh\nfor word; do\n  shift\n  case \"$word\" in\n  docker:*) word={host}/plimsoll/staging@$(cat \"$HOME/digest\") ;;\n  \
         s3://*) word=$HOME/results ;;\n  esac\n  set -- \"$@\" \"$word\"\ndone\nexec {own} \"$@\"\n"
    );
    for (name, text) in [("plimsoll", plimsoll), ("jq", JQ.to_owned()), ("docker", docker)] {
        let path = stage.folder.join("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let run = pipeline(&stage, &host, &["--approve-all"]);
    assert_eq!(run.status, 1, "{run:?}");
    assert_eq!(stages(&stage)[2..4], ["BuildScanPush Failed", "ScanStagingImage NotStarted"]);
    assert!(run.stdout.contains("CVE-2020-14343"), "{run:?}");

    // The fix passes, is approved, and arrives as it was.
    let digest = builds(&ImageBuilder::from_text(CLEAN).build());
    let run = pipeline(&stage, &host, &["--approve-all"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(stages(&stage).iter().all(|one| one.ends_with(" Succeeded")), "{:?}", stages(&stage));
    assert!(registry.manifest("plimsoll/production", &digest).is_some());
    let places = ["staging", "production"].map(|name| format!("{host}/plimsoll/{name}"));
    let audit = || {
        let words = ["registry", "audit", "--staging", &places[0], "--production", &places[1], "--key"];
        stage.run(&[&words, &["ours.key.pub"][..]].concat())
    };
    let run = audit();
    assert_eq!(run.status, 0, "{run:?}");

    // What is pushed behind the pipeline's back is caught.
    let planted = format!("{CLEAN}//- file srv/planted\nx\n");
    push(&registry, &ImageBuilder::from_text(&planted).build(), "plimsoll/production", "planted");
    let run = audit();
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("bypassed") && run.stdout.contains("planted"), "{run:?}");
}
