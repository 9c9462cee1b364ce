//! `plimsoll pipeline`.

#![expect(clippy::disallowed_methods, reason = "tests read the small files that they wrote")]

mod support;

use std::fs;

use serde_json::Value;
use support::{Run, Stage};

/// Where a build's commands lie.
const PATH: (&str, &str) = ("PATH", "/usr/bin:/bin");

/// A build that needs one shell, and says what it saw.
const BUILDSPEC: &str = "\
version: 0.2
env:
  variables:
    IMAGE: app:1
  exported-variables:
    - VERDICT
phases:
  pre_build:
    commands:
      - cd sub
      - export VERDICT=passed
  build:
    commands:
      - echo \"scanning $IMAGE in $(basename $PWD), $VERDICT\"
      - test \"$IMAGE\" != app:bad
  post_build:
    commands:
      - echo \"succeeding $CODEBUILD_BUILD_SUCCEEDING\"
artifacts:
  files:
    - '**/*.txt'
";

/// Writes a file below folders that need not be there.
fn write(stage: &Stage, name: &str, bytes: &[u8]) {
    let path = stage.folder.join(name);
    fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the stage can be written");
    stage.write(name, bytes);
}

fn read(stage: &Stage, name: &str) -> String {
    fs::read_to_string(stage.folder.join(name)).expect("a text that the command wrote")
}

fn build(stage: &Stage, arguments: &[&str]) -> Run {
    stage.run_with(&[&["pipeline", "run", "--source", "source"], arguments].concat(), &[PATH])
}

#[test]
fn a_build_runs_in_one_shell_and_says_how_it_ended() {
    let stage = Stage::empty("pipeline-build");
    write(&stage, "source/buildspec.yml", BUILDSPEC.as_bytes());
    write(&stage, "source/sub/notes.txt", b"kept\n");
    let run = build(&stage, &["--artifacts", "out", "--result", "result.json"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("scanning app:1 in sub, passed\n"), "{run:?}");
    assert!(run.stdout.contains("Phase complete: BUILD State: SUCCEEDED"), "{run:?}");
    assert!(run.stdout.contains("succeeding 1\n"), "{run:?}");
    assert_eq!(read(&stage, "out/primary/sub/notes.txt"), "kept\n");
    let result: Value = serde_json::from_str(&read(&stage, "result.json")).unwrap();
    assert_eq!(result["buildStatus"], "SUCCEEDED");
    assert_eq!(result["exportedEnvironmentVariables"][0]["value"], "passed");

    // What a call gives stands above the buildspec, and what fails fails the call; what comes after a build still runs.
    let run = build(&stage, &["--env", "IMAGE=app:bad"]);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("Phase complete: BUILD State: FAILED"), "{run:?}");
    assert!(run.stdout.contains("succeeding 0\n"), "{run:?}");

    let run = build(&stage, &["--dry-run"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("pre_build\n  cd sub\n") && !run.stdout.contains("scanning app"), "{run:?}");
}

#[test]
fn what_cannot_be_run_is_said_with_what_was_looked_for() {
    let stage = Stage::empty("pipeline-missing");
    let run = stage.run(&["pipeline", "run"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("`buildspec.yml`"), "{run:?}");
    write(&stage, "tabs.yml", b"version: 0.2\nphases:\n\tbuild: {}\n");
    let run = stage.run(&["pipeline", "run", "--buildspec", "tabs.yml"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("tabs.yml") && run.stderr.contains("line 3"), "{run:?}");
    let run = stage.run(&["pipeline", "run", "--template", "tabs.yml"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("tabs.yml") && run.stderr.contains("line 3"), "{run:?}");
}

const TEMPLATE: &str = "\
Parameters:
  Repository:
    Type: String
Resources:
  Scan:
    Type: AWS::CodeBuild::Project
    Properties:
      Name: scan
      ServiceRole: role
      Artifacts: { Type: CODEPIPELINE }
      Environment:
        Type: LINUX_CONTAINER
        ComputeType: BUILD_GENERAL1_SMALL
        Image: aws/codebuild/standard:7.0
      Source: { Type: CODEPIPELINE, BuildSpec: ci/scan.yml }
  Pipeline:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      RoleArn: role
      ArtifactStore: { Type: S3, Location: artifacts }
      Stages:
        - Name: Source
          Actions:
            - Name: Checkout
              ActionTypeId: { Category: Source, Owner: AWS, Provider: CodeCommit, Version: '1' }
              Configuration: { RepositoryName: !Ref Repository, BranchName: main }
              OutputArtifacts: [{ Name: code }]
        - Name: Scan
          Actions:
            - Name: ScanImage
              ActionTypeId: { Category: Build, Owner: AWS, Provider: CodeBuild, Version: '1' }
              Configuration: { ProjectName: !Ref Scan }
              InputArtifacts: [{ Name: code }]
";

#[test]
fn a_template_is_drawn_and_checked_with_its_buildspecs() {
    let stage = Stage::empty("pipeline-template");
    write(&stage, "pipeline.yml", TEMPLATE.as_bytes());
    let draw =
        ["pipeline", "run", "--template", "pipeline.yml", "--dry-run", "--parameter", "Repository=shop"];
    let run = stage.run(&draw);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("ScanImage") && run.stdout.contains("Checkout"), "{run:?}");
    assert!(run.stdout.lines().all(|line| line.chars().count() <= 80), "{run:?}");

    // The buildspec is not there.
    let run = stage.run(&["pipeline", "check", "pipeline.yml"]);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("[missing-buildspec]"), "{run:?}");

    let gate = b"version: 0.2\nphases:\n  build:\n    commands:\n      - plimsoll scan app:1 --fail-on high || true\n";
    write(&stage, "ci/scan.yml", gate);
    let run = stage.run(&["pipeline", "check", "pipeline.yml", "--format", "json"]);
    assert_eq!(run.status, 1, "{run:?}");
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(found["findings"][0]["rule"], "gate-off");
    assert_eq!(
        (&found["findings"][0]["file"], &found["findings"][0]["line"]),
        (&"ci/scan.yml".into(), &5.into())
    );

    let run =
        stage.run(&["pipeline", "check", "ci/scan.yml", "--format", "sarif", "--output", "check.sarif"]);
    assert_eq!(run.status, 1, "{run:?}");
    let sarif: Value = serde_json::from_str(&read(&stage, "check.sarif")).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!((&result["ruleId"], &result["level"]), (&"gate-off".into(), &"error".into()));
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 5);

    write(&stage, "ci/scan.yml", &gate[..gate.len() - " || true\n".len()]);
    let run = stage.run(&["pipeline", "check", "pipeline.yml"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("0 errors"), "{run:?}");

    // A parameter goes to the templates that declare it.
    write(&stage, "other.yml", b"Resources: {Bucket: {Type: 'AWS::S3::Bucket'}}\n");
    let run =
        stage.run(&["pipeline", "check", "other.yml", "pipeline.yml", "--parameter", "Repository=shop"]);
    assert_eq!(run.status, 0, "{run:?}");
    let run = stage.run(&["pipeline", "check", "other.yml", "--parameter", "Repository=shop"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("the parameter `Repository`"), "{run:?}");
}
