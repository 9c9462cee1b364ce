//! Pipelines whose sources git or a bucket keeps.

use std::path::{Path, PathBuf};
use std::process::Command;

use plimsoll_real::{Endpoint, Plimsoll, Run, Scratch};

/// A message that is no command, and must never become one.
const MESSAGE: &str = "shop: $(touch ran); `touch ran`";

const TEMPLATE: &str = r##"
Resources:
  Tell:
    Type: AWS::CodeBuild::Project
    Properties:
      Name: tell
      ServiceRole: role
      Artifacts: {Type: CODEPIPELINE}
      Environment: {Type: LINUX_CONTAINER, ComputeType: BUILD_GENERAL1_SMALL, Image: image}
      Source:
        Type: CODEPIPELINE
        BuildSpec: |
          version: 0.2
          phases:
            build:
              commands:
                - echo "message <$MESSAGE> of $BRANCH"
                - echo "commit $COMMIT, resolved $CODEBUILD_RESOLVED_SOURCE_VERSION"
                - echo "file $(cat file), $(test -e .git && echo repository || echo files)"
                - test ! -e ran
  Shop:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      Name: shop
      PipelineType: V2
      RoleArn: role
      ArtifactStore: {Type: S3, Location: artifacts}
      Stages:
        - Name: Source
          Actions:
            - Name: Code
              ActionTypeId: {Category: Source, Owner: AWS, Provider: CodeCommit, Version: '1'}
              Configuration: {RepositoryName: shop, BranchName: main, OutputArtifactFormat: FORMAT}
              OutputArtifacts: [{Name: App}]
              Namespace: code
        - Name: Build
          Actions:
            - Name: Tell
              ActionTypeId: {Category: Build, Owner: AWS, Provider: CodeBuild, Version: '1'}
              Configuration:
                ProjectName: !Ref Tell
                EnvironmentVariables: '[{"name":"MESSAGE","value":"#{code.CommitMessage}"},
                  {"name":"COMMIT","value":"#{code.CommitId}"},{"name":"BRANCH","value":"#{code.BranchName}"}]'
              InputArtifacts: [{Name: App}]
"##;

/// Runs git in a folder, with nothing of the person's settings, and gives what it says.
fn git(folder: &Path, words: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]).args(words);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null").current_dir(folder);
    let output = command.output().unwrap_or_else(|error| panic!("cannot start git: {error}"));
    assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("git says texts").trim().to_owned()
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("cannot write `{}`: {error}", path.display()));
}

struct Repository {
    folder: Scratch,
}

impl Repository {
    /// Two branches of one commit each, and a bare clone beside it.
    fn new() -> Self {
        let folder = Scratch::new();
        let tree = folder.path("tree");
        std::fs::create_dir(&tree).expect("the folder is new");
        git(&tree, &["init", "--quiet", "--initial-branch", "main"]);
        for (branch, text) in [("main", "one"), ("feature", "two")] {
            if branch != "main" {
                git(&tree, &["checkout", "--quiet", "-b", branch]);
            }
            write(&tree.join("file"), text);
            git(&tree, &["add", "file"]);
            git(&tree, &["commit", "--quiet", "--message", MESSAGE]);
        }
        git(&tree, &["checkout", "--quiet", "main"]);
        git(&folder.path(""), &["clone", "--quiet", "--bare", "tree", "bare.git"]);
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    fn commit(&self, name: &str) -> String {
        git(&self.path("tree"), &["rev-parse", name])
    }

    fn run(&self, source: &str, format: &str) -> (Run, String) {
        let template = self.path("pipeline.yml");
        write(&template, &TEMPLATE.replace("FORMAT", format));
        let (template, work) = (template.display().to_string(), self.path("work").display().to_string());
        let words = ["pipeline", "run", "--template", &template, "--work", &work, "--source", source];
        let run = Plimsoll::bare(&words).run();
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        assert_eq!(run.status, Some(0), "{}: {}\n{said}", run.call, run.stderr);
        (run, said)
    }
}

#[test]
fn a_clone_is_of_the_branch_that_the_template_names() {
    let repository = Repository::new();
    let commit = repository.commit("main");
    for source in ["bare.git", "tree"] {
        let source = format!("git:{}", repository.path(source).display());
        let (_, said) = repository.run(&source, "CODE_ZIP");
        for line in [
            format!("message <{MESSAGE}> of main\n"),
            format!("commit {commit}, resolved {commit}\n"),
            "file one, files\n".to_owned(),
        ] {
            assert!(said.contains(&line), "{line}: {said}");
        }
    }
}

#[test]
fn another_branch_or_commit_may_be_named() {
    let repository = Repository::new();
    let commit = repository.commit("feature");
    let bare = repository.path("bare.git").display().to_string();
    for reference in ["feature", commit.as_str()] {
        let (_, said) = repository.run(&format!("{bare}#{reference}"), "CODE_ZIP");
        assert!(said.contains("file two, files\n") && said.contains(&format!("commit {commit}, ")), "{said}");
    }
}

#[test]
fn a_folder_is_taken_as_it_is_and_stays_as_it_is() {
    let repository = Repository::new();
    let (tree, commit) = (repository.path("tree"), repository.commit("main"));
    write(&tree.join("file"), "changed");
    let before = git(&tree, &["status", "--porcelain"]);
    let (_, said) = repository.run(&tree.display().to_string(), "CODE_ZIP");
    assert!(said.contains("file changed, files\n") && said.contains(&format!("commit {commit}, ")), "{said}");
    assert!(said.contains("changes that are in no commit"), "{said}");
    assert_eq!(git(&tree, &["status", "--porcelain"]), before);
}

#[test]
fn a_build_is_given_the_repository_where_the_template_wants_that() {
    let repository = Repository::new();
    for source in ["tree", "bare.git"] {
        let source = repository.path(source).display().to_string();
        let (_, said) = repository.run(&source, "CODEBUILD_CLONE_REF");
        assert!(said.contains("file one, repository\n"), "{said}");
    }
}

/// From a folder into a bucket, and from the bucket into a folder.
const COPY: &str = "
Resources:
  Copy:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      Name: copy
      RoleArn: role
      ArtifactStore: {Type: S3, Location: artifacts}
      Stages:
        - Name: Source
          Actions:
            - Name: Code
              ActionTypeId: {Category: Source, Owner: AWS, Provider: S3, Version: '1'}
              Configuration: {S3Bucket: sources, S3ObjectKey: shop.zip}
              OutputArtifacts: [{Name: App}]
        - Name: Deploy
          Actions:
            - Name: Publish
              ActionTypeId: {Category: Deploy, Owner: AWS, Provider: S3, Version: '1'}
              Configuration: {BucketName: site, Extract: 'EXTRACT', ObjectKey: KEY}
              InputArtifacts: [{Name: App}]
";

#[test]
fn artifacts_go_to_buckets_and_come_from_them() {
    let (endpoint, folder) = (Endpoint::start(true), Scratch::new());
    let path = |name: &str| folder.path(name).display().to_string();
    let copy = |source: &str, to: &str, extract: &str, key: &str| {
        let template = path("copy.yml");
        write(Path::new(&template), &COPY.replace("EXTRACT", extract).replace("KEY", key));
        let map = format!("Publish={to}");
        let words = [
            "pipeline",
            "run",
            "--template",
            &template,
            "--work",
            &path("work"),
            "--source",
            source,
            "--map",
            &map,
        ];
        let call = Plimsoll::bare(&words).variable("AWS_ENDPOINT_URL", endpoint.address());
        call.variable("AWS_ACCESS_KEY_ID", "ci").variable("AWS_SECRET_ACCESS_KEY", "ci-secret").bytes();
    };
    std::fs::create_dir_all(folder.path("code/sub")).expect("the folder is new");
    // More than is sent whole.
    let large = "0123456789abcdef".repeat(1 << 20);
    for (name, text) in [("code/one", "one"), ("code/sub/two", large.as_str())] {
        write(&folder.path(name), text);
    }
    copy(&path("code"), "s3://results/site", "false", "app.zip");
    copy("s3://results/site/app.zip", "s3://results/files", "true", "v1");
    copy("s3://results/files/v1/", &path("out"), "true", "v2");
    let same = Command::new("diff").args(["--recursive", &path("code"), &path("out/v2")]).status();
    assert!(same.expect("diff starts").success());
}
