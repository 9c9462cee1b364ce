//! `plimsoll pipeline run --template`, with real shells.

#![expect(clippy::disallowed_methods, reason = "tests read the small files that they wrote")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use plimsoll_testkit::registry::Registry;
use serde_json::Value;
use support::{Run, Stage};

/// How long is waited for what another process does.
const PATIENCE: Duration = Duration::from_mins(1);

/// Four stages: two sources, two builds at once, an approval, two deployments.
const TEMPLATE: &str = "\
Parameters:
  Token: {Type: String, NoEcho: true}
Resources:
  Compile:
    Type: AWS::CodeBuild::Project
    Properties:
      Name: compile
      ServiceRole: role
      Artifacts: {Type: CODEPIPELINE}
      Environment:
        Type: LINUX_CONTAINER
        ComputeType: BUILD_GENERAL1_SMALL
        Image: aws/codebuild/standard:7.0
        EnvironmentVariables:
          - {Name: REGISTRY, Value: !Sub '${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com'}
          - {Name: TOKEN, Value: !Ref Token}
          - {Name: PASSWORD, Value: /shop/password, Type: PARAMETER_STORE}
      Source: {Type: CODEPIPELINE, BuildSpec: ci/compile.yml}
  Lint:
    Type: AWS::CodeBuild::Project
    Properties:
      Name: lint
      ServiceRole: role
      Artifacts: {Type: CODEPIPELINE}
      Environment: {Type: LINUX_CONTAINER, ComputeType: BUILD_GENERAL1_SMALL, Image: aws/codebuild/standard:7.0}
      Source:
        Type: CODEPIPELINE
        BuildSpec: |
          version: 0.2
          phases:
            build:
              commands:
                - echo linting
                - test ! -e \"$MARKS/lint-fails\"
  Shop:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      Name: shop
      PipelineType: V2
      RoleArn: role
      ArtifactStore: {Type: S3, Location: artifacts}
      Variables: [{Name: who, DefaultValue: nobody}]
      Stages:
        - Name: Source
          Actions:
            - Name: Code
              ActionTypeId: {Category: Source, Owner: AWS, Provider: CodeCommit, Version: '1'}
              Configuration: {RepositoryName: shop, BranchName: main}
              OutputArtifacts: [{Name: App}]
              Namespace: code
            - Name: Config
              ActionTypeId: {Category: Source, Owner: AWS, Provider: S3, Version: '1'}
              Configuration: {S3Bucket: config, S3ObjectKey: shop.zip}
              OutputArtifacts: [{Name: Conf}]
        - Name: Build
          Actions:
            - Name: Compile
              ActionTypeId: {Category: Build, Owner: AWS, Provider: CodeBuild, Version: '1'}
              Configuration:
                ProjectName: !Ref Compile
                PrimarySource: App
                EnvironmentVariables: '[{\"name\":\"WHO\",\"value\":\"#{variables.who} at #{code.BranchName}\"}]'
              InputArtifacts: [{Name: App}, {Name: Conf}]
              OutputArtifacts: [{Name: Built}]
              Namespace: built
            - Name: Lint
              ActionTypeId: {Category: Test, Owner: AWS, Provider: CodeBuild, Version: '1'}
              Configuration: {ProjectName: !Ref Lint}
              InputArtifacts: [{Name: App}]
        - Name: Review
          Actions:
            - Name: Approve
              ActionTypeId: {Category: Approval, Owner: AWS, Provider: Manual, Version: '1'}
              Configuration: {CustomData: 'release #{built.VERSION}', ExternalEntityLink: 'https://shop.example'}
        - Name: Deploy
          Actions:
            - Name: Roll
              ActionTypeId: {Category: Deploy, Owner: AWS, Provider: CloudFormation, Version: '1'}
              Configuration: {ActionMode: CREATE_UPDATE, StackName: 'shop-#{built.VERSION}'}
              InputArtifacts: [{Name: Built}]
              Namespace: rolled
            - Name: Publish
              ActionTypeId: {Category: Deploy, Owner: AWS, Provider: S3, Version: '1'}
              Configuration: {BucketName: site, Extract: 'true', ObjectKey: v}
              InputArtifacts: [{Name: Built}]
";

const COMPILE: &str = "\
version: 0.2
env:
  exported-variables: [VERSION]
phases:
  build:
    commands:
      - echo \"$WHO, $REGISTRY, $TOKEN, $PASSWORD, $CODEBUILD_INITIATOR\"
      - cat \"$CODEBUILD_SRC_DIR_Conf/settings\"
      - test ! -e \"$MARKS/hang\" || { touch \"$MARKS/hanging\"; sleep 600; }
      - export VERSION=1.$CODEBUILD_BUILD_NUMBER
      - rm ci/compile.yml && mkdir out && echo made > out/app
artifacts:
  base-directory: out
  files: ['**/*']
";

/// A pipeline with what it needs, in a folder of its own.
struct Shop {
    stage: Stage,
}

impl Shop {
    fn new(name: &str) -> Self {
        let stage = Stage::empty(name);
        let shop = Self { stage };
        shop.write("pipeline.yml", TEMPLATE);
        shop.write("code/ci/compile.yml", COMPILE);
        shop.write("code/.git/config", "never copied\n");
        shop.write("conf/settings", "colour = blue\n");
        shop.write("secrets.toml", "[parameters]\n\"/shop/password\" = \"hunter2-password\"\n");
        shop.write("marks/here", "");
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.stage.folder.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The words of a run with everything mapped, and more.
    fn words(more: &[&str]) -> Vec<String> {
        let words = [
            "pipeline",
            "run",
            "--template",
            "pipeline.yml",
            "--parameter",
            "Token=tok-no-echo-1",
            "--source",
            "code",
            "--map",
            "Config=conf",
            "--map",
            "Publish=site",
            "--map",
            "Deploy/Roll=run:echo rolling \"$PLIMSOLL_CONFIG_StackName\" with $(cat app)",
            "--secrets",
            "secrets.toml",
            "--work",
            "work",
            "--registry",
            "localhost:5000",
        ];
        words.iter().chain(more).map(|word| (*word).to_owned()).collect()
    }

    fn run(&self, more: &[&str]) -> Run {
        let words = Self::words(more);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.stage.run_with(
            &words,
            &[("PATH", "/usr/bin:/bin"), ("MARKS", &self.path("marks").display().to_string())],
        )
    }

    fn start(&self, more: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(Self::words(more))
            .current_dir(&self.stage.folder)
            .env_clear()
            .envs([("PATH", "/usr/bin:/bin"), ("CI", "true")])
            .env("HOME", self.path("home"))
            .env("MARKS", self.path("marks"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// The folder of the last execution.
    fn execution(&self) -> PathBuf {
        let entries = fs::read_dir(self.path("work/shop")).unwrap();
        let folders =
            entries.map(|entry| entry.unwrap().path()).filter(|path| path.join("state.json").is_file());
        folders.max().unwrap()
    }

    fn state(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.execution().join("state.json")).unwrap()).unwrap()
    }

    /// `Stage/Action status attempts` of all actions.
    fn standing(&self) -> Vec<String> {
        let state = self.state();
        let list = |value: &Value| value.as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut lines = Vec::new();
        for stage in list(&state["stages"]) {
            for action in list(&stage["actions"]) {
                let (name, status) = (text(&action["name"]), text(&action["status"]));
                lines.push(format!("{name} {status} {}", action["attempts"]));
            }
        }
        lines
    }

    fn wait_for(&self, name: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.path(name).exists() {
            assert!(Instant::now() < until, "waited for {name}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_pipeline_runs_from_its_sources_to_its_deployments() {
    let shop = Shop::new("stages-whole");
    let run =
        shop.run(&["--approve", "Review/Approve", "--variable", "who=somebody", "--result", "result.json"]);
    assert_eq!(run.status, 0, "{run:?}");
    // Two builds at once, line by line; variables, the registry, and a second source.
    let line = "Build/Compile | somebody at main, localhost:5000, ***, ***, codepipeline/shop\n";
    assert!(run.stdout.contains(line), "{run:?}");
    assert!(run.stdout.contains("Build/Compile | colour = blue\n"), "{run:?}");
    assert!(run.stdout.contains("Build/Lint | linting\n"), "{run:?}");
    assert!(run.stdout.contains("Deploy/Roll | rolling shop-1.1 with made\n"), "{run:?}");
    assert!(run.stdout.lines().rev().take(8).all(|line| line.chars().count() <= 80), "{run:?}");
    assert_eq!(shop.read("site/v/app"), "made\n");
    // Builds had copies.
    assert_eq!(shop.read("code/ci/compile.yml"), COMPILE);
    let execution = shop.execution();
    assert!(execution.join("artifacts/App/ci/compile.yml").is_file());
    assert!(!execution.join("artifacts/App/.git").exists());
    // Nobody reads what is not to be told.
    let state = fs::read_to_string(execution.join("state.json")).unwrap();
    let log = fs::read_to_string(execution.join("logs/Build/Compile.1.log")).unwrap();
    for text in [&run.stdout, &run.stderr, &state, &log, &shop.read("result.json")] {
        assert!(!text.contains("tok-no-echo-1") && !text.contains("hunter2-password"), "{text}");
    }
    let result: Value = serde_json::from_str(&shop.read("result.json")).unwrap();
    assert_eq!(result["status"], "Succeeded");
    assert_eq!(result["stages"][1]["actions"][0]["variables"]["VERSION"], "1.1");
    assert_eq!(fs::metadata(&execution).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn what_failed_runs_again_and_the_run_goes_on() {
    let shop = Shop::new("stages-retry");
    shop.write("marks/lint-fails", "");
    let run = shop.run(&["--approve-all"]);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("Build/Lint: failed after"), "{run:?}");
    assert!(run.stdout.contains("--resume "), "{run:?}");
    let expected = ["Code Succeeded 1", "Config Succeeded 1", "Compile Succeeded 1", "Lint Failed 1"];
    assert_eq!(shop.standing()[..4], expected);
    fs::remove_file(shop.path("marks/lint-fails")).unwrap();
    let run = shop.run(&["--approve-all", "--resume"]);
    assert_eq!(run.status, 0, "{run:?}");
    let expected = [
        "Code Succeeded 1",
        "Config Succeeded 1",
        "Compile Succeeded 1",
        "Lint Succeeded 2",
        "Approve Succeeded 1",
        "Roll Succeeded 1",
        "Publish Succeeded 1",
    ];
    assert_eq!(shop.standing(), expected);
    // From a stage on, and one stage alone: all of it runs again.
    let run = shop.run(&["--approve-all", "--only-stage", "Build", "--retry", "all"]);
    assert_eq!(run.status, 0, "{run:?}");
    let run = shop.run(&["--approve-all", "--from-stage", "Deploy"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(
        shop.standing()[2..],
        [
            "Compile Succeeded 2",
            "Lint Succeeded 3",
            "Approve Succeeded 1",
            "Roll Succeeded 2",
            "Publish Succeeded 2",
        ]
    );
    let run = shop.run(&["--resume", "none"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("one execution `none`"), "{run:?}");
    // What the template says now is told if it is not what it said.
    let run = shop.run(&["--approve-all", "--resume", "--parameter", "AWS::Region=eu-west-1"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stderr.contains("has changed since"), "{run:?}");
    assert!(!shop.run(&["--approve-all", "--resume"]).stderr.contains("has changed since"));
    shop.write("pipeline.yml", &format!("{TEMPLATE}# changed\n"));
    let run = shop.run(&["--approve-all", "--resume"]);
    assert!(run.stderr.contains("has changed since"), "{run:?}");
}

#[test]
fn a_run_waits_for_an_answer_that_nobody_gave() {
    let shop = Shop::new("stages-approval");
    let run = shop.run(&[]);
    assert_eq!(run.status, 4, "{run:?}");
    assert!(run.stdout.contains("waits for approval: release 1.1"), "{run:?}");
    assert!(run.stdout.contains("--approve Review/Approve"), "{run:?}");
    let run = shop.run(&["--resume", "--reject", "Review/Approve"]);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(!shop.path("site").exists());
    let run = shop.run(&["--resume", "--approve", "Review/Approve"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(shop.standing()[4], "Approve Succeeded 3");
    let run = shop.run(&["--approve", "Review/Nobody"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("the approvals are Review/Approve"), "{run:?}");
}

#[test]
fn all_that_stands_in_the_way_is_told_before_anything_runs() {
    let shop = Shop::new("stages-problems");
    fs::remove_file(shop.path("code/ci/compile.yml")).unwrap();
    let words = ["pipeline", "run", "--template", "pipeline.yml", "--parameter", "Token=t", "--work", "work"];
    let run = shop.stage.run(&[&words[..], &["--map", "Code=code", "--map", "Nothing=x"]].concat());
    assert_eq!(run.status, 2, "{run:?}");
    for part in [
        "--map Nothing: expected an action",
        "--map Source/Config=PLACE, a folder, a zip archive or an object",
        "Build/Compile: cannot find a buildspec in `",
        "--map Deploy/Publish=PLACE, a folder or s3://site",
        "Deploy/Roll: provider `CloudFormation` (Deploy) runs on AWS alone",
        "--map Deploy/Roll=run:COMMAND",
    ] {
        assert!(run.stderr.contains(part), "{part}: {run:?}");
    }
    assert!(!shop.path("work").exists());
    shop.write("code/ci/compile.yml", COMPILE);
    shop.write("secrets.toml", "[secrets]\n");
    let run = shop.run(&[]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(
        run.stderr.contains("Build/Compile: variable `PASSWORD`: cannot read parameter `/shop/password`"),
        "{run:?}"
    );
    let run = shop.run(&["--env", "PASSWORD=given", "--approve-all"]);
    assert_eq!(run.status, 0, "{run:?}");
    let run = shop.run(&["--variable", "what=x"]);
    assert_eq!(run.status, 2, "{run:?}");
    assert!(run.stderr.contains("the pipeline's variables are who"), "{run:?}");
}

#[test]
fn a_command_that_hangs_ends_with_the_run_and_the_run_goes_on_later() {
    let shop = Shop::new("stages-stop");
    shop.write("marks/hang", "");
    let mut child = shop.start(&["--approve-all"]);
    shop.wait_for("marks/hanging");
    let run = shop.run(&["--resume", "--approve-all"]);
    assert_eq!(run.status, 3, "{run:?}");
    assert!(run.stderr.contains("another process is running it"), "{run:?}");
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(shop.standing()[2], "Compile Stopped 1");
    fs::remove_file(shop.path("marks/hang")).unwrap();
    let run = shop.run(&["--resume", "--approve-all"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(shop.standing()[2], "Compile Succeeded 2");
}

#[test]
fn a_run_that_was_killed_goes_on_where_it_was() {
    let shop = Shop::new("stages-kill");
    shop.write("marks/hang", "");
    let mut child = shop.start(&["--approve-all"]);
    shop.wait_for("marks/hanging");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(shop.standing()[2], "Compile InProgress 1");
    assert_eq!(shop.read("code/ci/compile.yml"), COMPILE);
    fs::remove_file(shop.path("marks/hang")).unwrap();
    let run = shop.run(&["--resume", "--approve-all"]);
    assert_eq!(run.status, 0, "{run:?}");
    // The shell of the first attempt and its `sleep` are gone too.
    let ended = "the run before was cut off, and what it had left was ended: process ";
    assert_eq!(run.stdout.matches(ended).count(), 2, "{run:?}");
    assert_eq!(shop.standing()[0], "Code Succeeded 1");
    assert_eq!(shop.standing()[2], "Compile Succeeded 2");
}

#[test]
fn executions_are_kept_up_to_a_number() {
    let shop = Shop::new("stages-keep");
    for _ in 0..3 {
        let run = shop.run(&["--approve-all", "--keep", "2"]);
        assert_eq!(run.status, 0, "{run:?}");
    }
    let executions = fs::read_dir(shop.path("work/shop")).unwrap().count();
    assert_eq!(executions, 2);
    assert!(shop.state()["number"] == 3);
}

/// Providers of V2: commands, an image built and pushed, a scan with a threshold.
const IMAGES: &str = "\
Resources:
  Images:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      Name: images
      PipelineType: V2
      RoleArn: role
      ArtifactStore: {Type: S3, Location: artifacts}
      Stages:
        - Name: Source
          Actions:
            - Name: Code
              ActionTypeId: {Category: Source, Owner: AWS, Provider: S3, Version: '1'}
              Configuration: {S3Bucket: sources, S3ObjectKey: code.zip}
              OutputArtifacts: [{Name: App}]
            - Name: Base
              ActionTypeId: {Category: Source, Owner: AWS, Provider: ECR, Version: '1'}
              Configuration: {RepositoryName: shop, ImageTag: '1'}
              OutputArtifacts: [{Name: BaseImage}]
              Namespace: base
        - Name: Image
          Actions:
            - Name: Build
              ActionTypeId: {Category: Build, Owner: AWS, Provider: ECRBuildAndPublish, Version: '1'}
              Configuration: {ECRRepositoryName: shop, ImageTags: '1,latest'}
              InputArtifacts: [{Name: App}]
              Namespace: image
            - Name: Tell
              RunOrder: 2
              ActionTypeId: {Category: Compute, Owner: AWS, Provider: Commands, Version: '1'}
              Commands:
                - 'echo made #{image.ECRImageDigestId} of #{base.ImageURI}'
                - export SIZE=3
                - mkdir -p report && grep ImageURI \"$CODEBUILD_SRC_DIR_BaseImage/imageDetail.json\" > report/base
              Configuration: {PrimarySource: App}
              InputArtifacts: [{Name: App}, {Name: BaseImage}]
              OutputArtifacts: [{Name: Told, Files: ['report/**/*']}]
              OutputVariables: [SIZE]
              Namespace: told
        - Name: Scan
          Actions:
            - Name: Check
              ActionTypeId: {Category: Invoke, Owner: AWS, Provider: InspectorScan, Version: '1'}
              Configuration: {InspectorRunMode: ECRImageScan, ECRRepositoryName: shop, ImageTag: '1', CriticalThreshold: 'CRITICAL'}
              InputArtifacts: [{Name: App}]
              OutputArtifacts: [{Name: Report}]
              Namespace: scan
";

#[test]
fn images_are_built_pushed_and_scanned() {
    let stage = Stage::new("stages-images");
    let registry = Registry::start();
    let image = support::image();
    support::push(&registry, &image, "shop", "1");
    let write = |name: &str, text: &str| {
        let path = stage.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    write("code/Dockerfile", "FROM scratch\n");
    write("bin/docker", "#!/bin/sh\necho \"docker $*\"\n");
    let run = |critical: &str, more: &[&str]| {
        write("pipeline.yml", &IMAGES.replace("'CRITICAL'", &format!("'{critical}'")));
        let host = registry.host();
        let words = [
            "pipeline",
            "run",
            "--template",
            "pipeline.yml",
            "--source",
            "code",
            "--work",
            "work",
            "--registry",
            &host,
        ];
        let path = format!("{}:/usr/bin:/bin", stage.folder.join("bin").display());
        let database = stage.folder.join("plimsoll.db").display().to_string();
        stage.run_with(&[&words, more].concat(), &[("PATH", &path), ("PLIMSOLL_DB", &database)])
    };
    let failed = run("0", &[]);
    assert_eq!(failed.status, 1, "{failed:?}");
    let host = registry.host();
    let told = failed.stdout.replace(&host, "HOST");
    assert!(told.contains("docker build --tag HOST/shop:1 --tag HOST/shop:latest --file "), "{told}");
    assert!(told.contains("docker push HOST/shop:latest"), "{told}");
    let digest = image.digest();
    assert!(told.contains(&format!("made {digest} of HOST/shop@{digest}\n")), "{told}");
    assert!(told.contains("1 critical finding, more than `CriticalThreshold` 0"), "{told}");
    let passed = run("1", &["--resume", "--result", "result.json"]);
    assert_eq!(passed.status, 0, "{passed:?}");
    let result: Value =
        serde_json::from_str(&fs::read_to_string(stage.folder.join("result.json")).unwrap()).unwrap();
    let scan = &result["stages"][2]["actions"][0];
    assert_eq!(scan["variables"]["HighestScannedSeverity"], "critical");
    let folder = stage.folder.join("work/images").join(result["executionId"].as_str().unwrap());
    assert!(folder.join("artifacts/Report/report.json").is_file());
    assert!(folder.join("artifacts/Report/sbom.cdx.json").is_file());
    assert!(folder.join("artifacts/Told/report/base").is_file());
}

#[test]
fn what_a_variable_holds_never_runs_as_a_command() {
    let stage = Stage::empty("stages-injection");
    let template = IMAGES
        .split("        - Name: Image\n")
        .next()
        .unwrap()
        .split("            - Name: Base")
        .next()
        .unwrap();
    let template = format!(
        "{}        - Name: Tell
          Actions:
            - Name: Tell
              ActionTypeId: {{Category: Compute, Owner: AWS, Provider: Commands, Version: '1'}}
              Commands: ['echo #{{variables.message}}']
              InputArtifacts: [{{Name: App}}]
",
        template.replace("      Stages:", "      Variables: [{Name: message}]\n      Stages:")
    );
    stage.write("pipeline.yml", template.as_bytes());
    fs::create_dir(stage.folder.join("code")).unwrap();
    let run = |message: &str| {
        let variable = format!("message={message}");
        let words = [
            "pipeline",
            "run",
            "--template",
            "pipeline.yml",
            "--source",
            "code",
            "--work",
            "work",
            "--variable",
        ];
        stage.run_with(&[&words[..], &[&variable]].concat(), &[("PATH", "/usr/bin:/bin")])
    };
    let told = run("all is well");
    assert_eq!(told.status, 0, "{told:?}");
    assert!(told.stdout.contains("\nall is well\n"), "{told:?}");
    for message in ["$(touch ran)", "; touch ran", "`touch ran`", "x\ntouch ran"] {
        let refused = run(message);
        assert_eq!(refused.status, 1, "{refused:?}");
        assert!(refused.stdout.contains("a value that the shell would read"), "{refused:?}");
    }
    assert!(!stage.folder.join("ran").exists());
}
