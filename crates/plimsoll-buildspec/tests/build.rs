//! Whole builds: phases, log, secrets, limits, artifacts.

mod support;

use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use expect_test::expect;
use plimsoll_buildspec::{Buildspec, FixedClock, NoSecrets, PhaseType, Request, Status, Variable, run};
use support::{build, build_with};

#[test]
fn the_log_is_codebuilds() {
    let spec = "version: 0.2\nphases:\n  install:\n    commands:\n      - echo one\n  build:\n    commands:\n      - echo two; \
                false\n    finally:\n      - echo $CODEBUILD_BUILD_SUCCEEDING\nartifacts:\n  files:\n    - '*.txt'\n    - none\n";
    let ran = build_with(spec, &[("a.txt", "a")], |_| {});
    let source = ran.folder.path().join("src").canonicalize().unwrap().display().to_string();
    expect![[r"
        [Container] Phase is DOWNLOAD_SOURCE
        [Container] CODEBUILD_SRC_DIR=/src
        [Container] YAML location is buildspec.yml
        [Container] Processing environment variables
        [Container] No runtime version selected in buildspec.
        [Container] Moving to directory /src
        [Container] Phases found in YAML: 2
        [Container]  INSTALL: 1 commands
        [Container]  BUILD: 2 commands
        [Container] Phase complete: DOWNLOAD_SOURCE State: SUCCEEDED
        [Container] Phase context status code:  Message: 
        [Container] Entering phase INSTALL
        [Container] Running command echo one
        one

        [Container] Phase complete: INSTALL State: SUCCEEDED
        [Container] Phase context status code:  Message: 
        [Container] Entering phase PRE_BUILD
        [Container] Phase complete: PRE_BUILD State: SUCCEEDED
        [Container] Phase context status code:  Message: 
        [Container] Entering phase BUILD
        [Container] Running command echo two; false
        two

        [Container] Command did not exit successfully echo two; false exit status 1
        [Container] Running command echo $CODEBUILD_BUILD_SUCCEEDING
        0

        [Container] Phase complete: BUILD State: FAILED
        [Container] Phase context status code: COMMAND_EXECUTION_ERROR Message: Error while executing command: echo two; false. Reason: exit status 1
        [Container] Entering phase POST_BUILD
        [Container] Phase complete: POST_BUILD State: SUCCEEDED
        [Container] Phase context status code:  Message: 
        [Container] Expanding base directory path: .
        [Container] Assembling file list
        [Container] Expanding .
        [Container] Expanding file paths for base directory .
        [Container] Assembling file list
        [Container] Expanding *.txt
        [Container] Expanding none
        [Container] Skipping invalid file path none
        [Container] Found 1 file(s)
        [Container] Phase complete: UPLOAD_ARTIFACTS State: SUCCEEDED
        [Container] Phase context status code:  Message: 
        [Container] Build complete: State: FAILED
    "]]
    .assert_eq(&ran.log.replace(&source, "/src"));
    assert_eq!(ran.result.build_status, Status::Failed);
}

fn four(phases: [&str; 4]) -> String {
    let names = ["install", "pre_build", "build", "post_build"];
    let mut spec = "version: 0.2\nphases:\n".to_owned();
    for (name, phase) in names.iter().zip(phases) {
        spec = format!("{spec}  {name}:\n    commands:\n      - echo {name}{phase}\n");
    }
    spec
}

#[test]
fn phases_follow_each_other_as_documented() {
    let head = "DOWNLOAD_SOURCE SUCCEEDED, ";
    for (phases, expected) in [
        (["; false", "", "", ""], "INSTALL FAILED"),
        (["", "; false", "", ""], "INSTALL SUCCEEDED, PRE_BUILD FAILED"),
        (
            ["", "", "; false", ""],
            "INSTALL SUCCEEDED, PRE_BUILD SUCCEEDED, BUILD FAILED, POST_BUILD SUCCEEDED, UPLOAD_ARTIFACTS SUCCEEDED",
        ),
        (
            ["", "", "", "; false"],
            "INSTALL SUCCEEDED, PRE_BUILD SUCCEEDED, BUILD SUCCEEDED, POST_BUILD FAILED, UPLOAD_ARTIFACTS SUCCEEDED",
        ),
        (
            ["", "", "; false\n    on-failure: ABORT", ""],
            "INSTALL SUCCEEDED, PRE_BUILD SUCCEEDED, BUILD FAILED",
        ),
        (
            ["", "; false\n    on-failure: CONTINUE", "", ""],
            "INSTALL SUCCEEDED, PRE_BUILD FAILED, BUILD SUCCEEDED, POST_BUILD SUCCEEDED, UPLOAD_ARTIFACTS SUCCEEDED",
        ),
    ] {
        let ran = build(&four(phases));
        assert_eq!(ran.phases(), format!("{head}{expected}"), "{phases:?}");
        assert_eq!(ran.result.build_status, Status::Failed);
    }
    let continued = four(["; false\n    on-failure: CONTINUE", "", "", ""]);
    let ran = build_with(&continued, &[], |request| request.forgive_continued = true);
    assert_eq!(ran.result.build_status, Status::Succeeded);
}

#[test]
fn finally_runs_whatever_happened_and_may_fail_a_phase() {
    let ran = build(
        "version: 0.2\nphases:\n  install:\n    commands:\n      - false\n      - echo never\n    finally:\n      - echo finally\n",
    );
    assert_eq!(ran.output(), ["finally"]);
    let ran = build(
        "version: 0.2\nphases:\n  install:\n    commands:\n      - echo a\n    finally:\n      - exit 9\n  build:\n    commands: [echo b]\n",
    );
    assert_eq!(ran.output(), ["a"]);
    assert!(ran.result.phase(PhaseType::Install).unwrap().contexts[0].message.ends_with("exit status 9"));
}

#[test]
fn a_phase_is_tried_again_as_often_as_is_said() {
    let retry = |how: &str| {
        format!(
            "version: 0.2\nphases:\n  build:\n    on-failure: {how}\n    commands:\n      - echo x >> tries\n      - \
             echo database gone; [ $(wc -l < tries) -ge 3 ]\n"
        )
    };
    for (how, tries, status) in [
        ("RETRY", 3, Status::Succeeded),
        ("RETRY-1", 2, Status::Failed),
        ("RETRY-0", 1, Status::Failed),
        ("RETRY-database g.ne", 3, Status::Succeeded),
        ("RETRY-5-exit status 1", 3, Status::Succeeded),
        ("RETRY-5-no such thing", 1, Status::Failed),
    ] {
        let ran = build(&retry(how));
        let lines =
            fs::File::open(ran.folder.path().join("src/tries")).and_then(std::io::read_to_string).unwrap();
        assert_eq!((lines.lines().count(), ran.result.build_status), (tries, status), "{how}: {}", ran.log);
        assert_eq!(ran.result.phase(PhaseType::Build).unwrap().retries as usize, tries - 1);
    }
}

#[test]
fn secrets_are_masked_wherever_they_are_said() {
    let spec = "version: 0.2\nenv:\n  parameter-store:\n    LOGIN: /login\n  secrets-manager:\n    DB: db:password\n    ALL: db\n  \
                exported-variables: [LOGIN, PLAIN, AWS_X, NOT_SET]\nphases:\n  build:\n    commands:\n      - PLAIN=\"p q\"\n      - echo $LOGIN \"<$DB>\"\n      - printf 'hunter2-'; \
                sleep 0.2; printf 'hunter2\\n'\n      - echo \"$ALL\"; echo hunter2-hunter2 >&2; exit 7 # correct horse\n";
    let ran = build(spec);
    assert_eq!(ran.output(), ["*** <***>", "***", "***", "***"], "{}", ran.log);
    let json = serde_json::to_string(&ran.result).unwrap();
    assert!(!ran.log.contains("hunter2-hunter2") && !ran.log.contains("correct horse"), "{}", ran.log);
    assert!(!json.contains("hunter2-hunter2") && !json.contains("correct horse"), "{json}");
    let exported = &ran.result.exported_environment_variables;
    assert_eq!(exported.len(), 1);
    assert_eq!((exported[0].name.as_str(), exported[0].value.as_str()), ("PLAIN", "p q"));
    let warnings = ran.result.warnings.join("\n");
    expect![[r"
        variable `LOGIN` is not exported: its value is secret
        variable `AWS_X` is not exported: its name begins with `AWS_`
        variable `NOT_SET` is not exported: it is not set"]]
    .assert_eq(&warnings);
}

#[test]
fn a_secret_that_is_not_there_fails_before_anything_runs() {
    let spec = "version: 0.2\nenv:\n  secrets-manager:\n    X: none\nphases:\n  build:\n    commands: [echo never]\n";
    let ran = build(spec);
    assert_eq!(ran.phases(), "DOWNLOAD_SOURCE FAILED");
    let context = &ran.result.phases[0].contexts[0];
    assert_eq!(context.status_code, "Secrets Manager Error");
    assert_eq!(
        context.message,
        "variable `X`: cannot read secret `none`: expected it in `secrets.toml`, found none"
    );
}

#[test]
fn variables_are_literal_and_the_start_counts_most() {
    let spec = "version: 0.2\nenv:\n  variables:\n    A: spec\n    B: spec\n    C: \"$PATH:/x $(date)\"\n    N: 0755\n    Y: yes\nphases:\n  build:\n    commands:\n      \
                - echo $A $B \"$C\" $N $Y\n      - echo $CODEBUILD_BUILD_ID $CODEBUILD_SRC_DIR $AWS_REGION $CODEBUILD_INITIATOR\n";
    let ran = build_with(spec, &[], |request| {
        request.project_variables = vec![Variable::plain("A", "project"), Variable::plain("B", "project")];
        request.start_variables = vec![Variable::plain("B", "start")];
    });
    assert_eq!(ran.output()[0], "project start $PATH:/x $(date) 0755 yes");
    let source = ran.folder.path().join("src").canonicalize().unwrap();
    let id = "local:00000000-0000-0000-0000-000000000000";
    assert_eq!(ran.output()[1], format!("{id} {} us-east-1 plimsoll", source.display()));
}

#[test]
fn a_build_that_takes_too_long_ends_with_nothing_after_it() {
    let spec = "version: 0.2\nphases:\n  build:\n    on-failure: CONTINUE\n    commands:\n      - sleep 321\n    finally:\n      - echo never\n  post_build:\n    commands: [echo never]\n";
    let ran = build_with(spec, &[], |request| {
        request.limits.build = Duration::from_millis(700);
        request.limits.grace = Duration::from_millis(100);
    });
    assert_eq!(ran.result.build_status, Status::TimedOut);
    assert!(ran.phases().ends_with("BUILD TIMED_OUT"), "{}", ran.phases());
    assert!(ran.output().is_empty());
    assert!(ran.log.contains("Phase context status code: BUILD_TIMED_OUT Message: Build has timed out."));
}

#[test]
fn a_build_may_be_stopped() {
    let spec = "version: 0.2\nphases:\n  build:\n    commands: [sleep 331]\n";
    let ran = build_with(spec, &[], |request| {
        request.limits.grace = Duration::from_millis(100);
        let stop = request.stop.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(500));
            stop.store(true, Ordering::Relaxed);
        });
    });
    assert_eq!(ran.result.build_status, Status::Stopped);
}

#[test]
fn endless_output_is_counted_and_cut() {
    let spec = "version: 0.2\nphases:\n  build:\n    commands:\n      - head -c 50000000 /dev/zero | tr '\\0' x\n      - echo end\n";
    let ran = build_with(spec, &[], |request| request.limits.shown_bytes = 1000);
    let command = &ran.result.phase(PhaseType::Build).unwrap().commands[0];
    assert_eq!((command.output_bytes, command.hidden_bytes), (50_000_000, 49_999_000));
    assert!(ran.log.len() < 5000);
    assert!(ran.log.contains("… 49999000 more bytes of output are not shown"));
    assert_eq!(ran.output().last(), Some(&"end"));
}

#[test]
fn artifacts_are_collected_as_documented() {
    let spec = "version: 0.2\nphases:\n  build:\n    commands:\n      - NAME=shop\n      - mkdir -p out/x && echo 1 > out/a && echo 2 > out/x/b && echo 3 > out/x/c.log\nartifacts:\n  \
                base-directory: $CODEBUILD_SRC_DIR/out\n  files: ['**/*']\n  exclude-paths: '**/*.log'\n  name: $NAME-$(echo 7)\n  s3-prefix: p\n  secondary-artifacts:\n    flat:\n      files: [out/**/*]\n      discard-paths: yes\n    \
                named:\n      files: [b]\n      base-directory: 'my-build*/x'\n";
    let ran = build_with(spec, &[("my-build1/x/b", "1")], |_| {});
    assert_eq!(
        ran.result.build_status,
        Status::Failed,
        "a pattern in the middle of a base directory means nothing"
    );
    let ran = build_with(&spec.replace("'my-build*/x'", "'my-build*'"), &[("my-build1/b", "1")], |_| {});
    assert_eq!(ran.result.build_status, Status::Succeeded, "{}", ran.log);
    let shown: Vec<String> = ran
        .result
        .artifacts
        .iter()
        .map(|artifact| {
            format!(
                "{:?} {:?} {:?} {}",
                artifact.identifier, artifact.name, artifact.files, artifact.size_bytes
            )
        })
        .collect();
    expect![[r#"
        None Some("shop-7") ["a", "x/b"] 4
        Some("flat") None ["a", "b", "c.log"] 6
        Some("named") None ["b"] 1"#]]
    .assert_eq(&shown.join("\n"));
    assert!(ran.exists("artifacts/primary/x/b") && ran.exists("artifacts/secondary/flat/c.log"));
}

#[test]
fn artifacts_that_are_not_there_fail_the_build_and_leave_nothing() {
    let spec = "version: 0.2\nphases:\n  build:\n    commands: [':']\nartifacts:\n  files: [none, src]\n";
    let ran = build_with(spec, &[("src/a", "1")], |_| {});
    assert!(ran.phases().ends_with("POST_BUILD SUCCEEDED, UPLOAD_ARTIFACTS FAILED"));
    assert_eq!(ran.result.phases.last().unwrap().contexts[0].message, "no matching artifact paths found");
    assert!(!ran.exists("artifacts/primary"));
    assert!(ran.log.contains("[WARN] src is a folder: write src/**/*"));
}

#[test]
fn reports_are_collected_and_never_fail_a_build() {
    let spec = "version: 0.2\nphases:\n  build:\n    commands: [':']\nreports:\n  arn:aws:codebuild:eu:1:report-group/unit:\n    files: ['**/*.xml']\n    base-directory: target\n  none:\n    files: [x]\n    file-format: cucumberjson\n    base-directory: nowhere\n";
    let ran = build_with(spec, &[("target/a/t.xml", "<a/>")], |_| {});
    assert_eq!(ran.result.build_status, Status::Succeeded);
    let reports = &ran.result.reports;
    assert_eq!((reports[0].files.as_slice(), reports[0].format), (&["a/t.xml".to_owned()][..], "JUNITXML"));
    assert!(ran.exists("reports/unit/a/t.xml"));
    assert_eq!((reports[1].files.len(), reports[1].format), (0, "CUCUMBERJSON"));
}

#[test]
fn runtimes_are_compared_and_told() {
    let spec = "version: 0.2\nphases:\n  install:\n    runtime-versions:\n      python: \"$WANTED\"\n      android: 29\n    commands: [':']\n";
    let ran =
        build_with(spec, &[], |request| request.start_variables = vec![Variable::plain("WANTED", "1.x")]);
    assert_eq!(ran.result.runtimes[0].wanted, "1.x");
    assert_eq!(ran.result.warnings.len(), 2, "{:?}", ran.result.warnings);
    assert_eq!(ran.result.build_status, Status::Succeeded);
    let ran = build_with(spec, &[], |request| {
        request.start_variables = vec![Variable::plain("WANTED", "1.x")];
        request.require_runtimes = true;
    });
    assert_eq!(ran.phases(), "DOWNLOAD_SOURCE FAILED");
}

#[test]
fn a_cache_is_restored_and_saved() {
    let folder = tempfile::tempdir().unwrap();
    let spec = "version: 0.2\nphases:\n  build:\n    commands:\n      - cat deps/a || echo cold\n      - cat ~/.m2/r/j || true\n      - mkdir -p deps ~/.m2/r; echo warm > deps/a; echo jar > ~/.m2/r/j\ncache:\n  key: k-$(codebuild-hash-files lock)\n  fallback-keys: [k-]\n  paths: [deps, '/root/.m2/**/*', /etc/hostname]\n";
    let cache = folder.path().join("cache");
    let first = build_with(spec, &[("lock", "1")], |request| request.cache = Some(cache.clone()));
    assert!(first.log.contains("cold") && first.log.contains("Cache: saved 2 file(s)"), "{}", first.log);
    assert!(first.log.contains("/etc/hostname is neither in the workspace nor in the home folder"));
    let second = build_with(spec, &[("lock", "1")], |request| request.cache = Some(cache.clone()));
    assert_eq!(second.output(), ["warm", "jar"], "{}", second.log);
    assert!(second.log.contains("saved before, not changed"));
    let third = build_with(spec, &[("lock", "2"), ("deps/a", "mine\n")], |request| {
        request.cache = Some(cache.clone());
    });
    assert_eq!(third.output(), ["mine", "jar"], "what is there is not changed: {}", third.log);
}

#[test]
fn a_workspace_or_a_user_that_is_not_there_is_an_error() {
    let spec =
        Buildspec::parse("version: 0.2\nrun-as: no-such-user\nphases:\n  build:\n    commands: [':']\n")
            .unwrap();
    let clock = FixedClock("2026-11-22T20:54:28Z".parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let request = Request::new(&spec, folder.path().join("none"), folder.path());
    let error = run(&request, &NoSecrets, &clock, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().ends_with("expected a folder"), "{error}");
    let request = Request::new(&spec, folder.path(), folder.path());
    let error = run(&request, &NoSecrets, &clock, &mut Vec::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot run commands as user `no-such-user`: expected a user of this machine, found none"
    );
}

#[test]
fn a_log_that_breaks_ends_the_build() {
    struct Broken(u32);
    impl std::io::Write for Broken {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += 1;
            if self.0 > 20 { Err(std::io::ErrorKind::BrokenPipe.into()) } else { Ok(bytes.len()) }
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let spec = Buildspec::parse(&four(["", "", "; touch built", "; touch posted"])).unwrap();
    let clock = FixedClock("2026-11-22T20:54:28Z".parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let workspace = folder.path().join("w");
    fs::create_dir(&workspace).unwrap();
    let mut request = Request::new(&spec, &workspace, folder.path());
    request.environment = support::environment(folder.path());
    let error = run(&request, &NoSecrets, &clock, &mut Broken(0)).unwrap_err();
    assert_eq!(error.to_string(), "cannot write the log of the build");
    assert!(!workspace.join("posted").exists());
}

#[test]
fn phases_run_as_their_users_where_we_may() {
    let name = |user: &str| {
        format!(
            "version: 0.2\nphases:\n  install:\n    run-as: {user}\n    commands:\n      - A=1; id -un; cd /\n  build:\n    commands:\n      - id -u; echo $A $PWD\n"
        )
    };
    if is_root() {
        let ran = build(&name("nobody"));
        assert_eq!(ran.output(), ["nobody", "0", "1 /"], "{}", ran.log);
    } else {
        let spec = Buildspec::parse(&name("root")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let clock = FixedClock("2026-11-22T20:54:28Z".parse().unwrap());
        let request = Request::new(&spec, folder.path(), folder.path());
        assert!(run(&request, &NoSecrets, &clock, &mut Vec::new()).is_err());
    }
}

#[test]
fn a_build_that_removes_its_workspace_ends_in_order() {
    let spec = "version: 0.2\nphases:\n  build:\n    commands:\n      - rm -rf \"$CODEBUILD_SRC_DIR\"; exit 0\n      - echo on\n      - \
                ls a.txt\nartifacts:\n  files: ['**/*']\n";
    let ran = build_with(spec, &[("a.txt", "a")], |_| {});
    assert!(ran.output().contains(&"on"), "{}", ran.log);
    assert!(ran.phases().ends_with("BUILD FAILED, POST_BUILD SUCCEEDED, UPLOAD_ARTIFACTS FAILED"));
    assert!(!ran.exists("artifacts/primary"));
}

#[test]
fn lines_may_end_as_on_windows_and_secrets_are_masked_in_traces() {
    let spec = "version: 0.2\r\nenv:\r\n  shell: bash\r\n  parameter-store:\r\n    LOGIN: /login\r\nphases:\r\n  build:\r\n    commands:\r\n      - |\r\n        set -x\r\n        \
                : $LOGIN\r\n      - set +x\r\n      - bash -c 'echo $LOGIN | fold -w 3 | tr -d \"\\n\"'\r\n";
    let ran = build(spec);
    assert_eq!(ran.result.build_status, Status::Succeeded, "{}", ran.log);
    assert!(ran.output().contains(&"++ : ***") && !ran.log.contains("hunter2"), "{}", ran.log);
}

#[test]
fn the_result_is_data() {
    let ran = build(
        "version: 0.2\nenv:\n  exported-variables: [A]\nphases:\n  build:\n    commands: ['A=1; false']\n",
    );
    let json = serde_json::to_value(&ran.result).unwrap();
    assert_eq!(json["buildStatus"], "FAILED");
    let build = &json["phases"][3];
    assert_eq!((build["phaseType"].as_str(), build["phaseStatus"].as_str()), (Some("BUILD"), Some("FAILED")));
    assert_eq!(build["contexts"][0]["statusCode"], "COMMAND_EXECUTION_ERROR");
    assert_eq!(
        (build["commands"][0]["exitStatus"].as_i64(), build["commands"][0]["line"].as_i64()),
        (Some(1), Some(6))
    );
    assert_eq!(json["exportedEnvironmentVariables"][0]["value"], "1");
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}
