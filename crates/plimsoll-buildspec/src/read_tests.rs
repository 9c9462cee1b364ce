use expect_test::{Expect, expect};

use super::*;

fn check(text: &str, expected: &Expect) {
    let shown = match Buildspec::parse(text) {
        Ok(spec) => {
            let warnings =
                spec.warnings.iter().map(|warning| format!("{}: {}\n", warning.place, warning.message));
            warnings.collect::<String>()
        }
        Err(error) => match error.hint() {
            Some(hint) => format!("{error}\nhint: {hint}\n"),
            None => format!("{error}\n"),
        },
    };
    expected.assert_eq(&shown);
}

const BUILD: &str = "phases:\n  build:\n    commands: [make]\n";

#[test]
fn everything_that_is_documented_is_read() {
    let text = "version: 0.2
run-as: builder
env:
  shell: bash
  variables:
    A: 1.10
    B: yes
    C:
  parameter-store:
    P: /p
  secrets-manager:
    S: id:key
  exported-variables:
    - A
  git-credential-helper: yes
proxy:
  upload-artifacts: no
  logs: yes
phases:
  install:
    run-as: root
    on-failure: CONTINUE
    runtime-versions:
      python: 3.10
    commands:
      - |
        one
        two
      - true
      - 7
    finally:
      - last
  pre_build: {commands: []}
  build:
    commands: [make]
  post_build:
reports:
  unit:
    files: '**/*'
    file-format: junitxml
artifacts:
  files: [a, b]
  name: n
  discard-paths: no
  base-directory: d
  exclude-paths: x
  enable-symlinks: yes
  s3-prefix: p
  secondary-artifacts:
    one:
      files: [c]
cache:
  key: k
  fallback-keys: [f]
  action: save
  paths: [p]
";
    let spec = Buildspec::parse(text).unwrap();
    assert_eq!(spec.warnings, []);
    assert_eq!((spec.version, spec.run_as.as_deref()), (Version::V0_2, Some("builder")));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(spec.env.variables, [pair("A", "1.10"), pair("B", "yes"), pair("C", "")]);
    assert_eq!(
        (spec.env.parameter_store, spec.env.secrets_manager),
        (vec![pair("P", "/p")], vec![pair("S", "id:key")])
    );
    assert_eq!((spec.env.shell, spec.env.git_credential_helper), (Shell::Bash, true));
    assert_eq!(spec.proxy, Proxy { upload_artifacts: false, logs: true });
    let install = &spec.phases.install;
    let commands: Vec<_> =
        install.commands.iter().map(|command| (command.text.as_str(), command.place.line)).collect();
    assert_eq!(commands[1..], [("true", 29), ("7", 30)]);
    assert_eq!(commands[0].0, "one\ntwo\n");
    assert_eq!((install.finally.len(), install.runtime_versions[0].version.as_str()), (1, "3.10"));
    assert!(matches!(install.on_failure, OnFailure::Continue));
    let artifacts = spec.artifacts.unwrap();
    let primary = artifacts.primary.unwrap();
    assert_eq!((primary.files.len(), primary.exclude_paths), (2, vec!["x".to_owned()]));
    assert!(primary.enable_symlinks && !primary.discard_paths);
    assert_eq!(artifacts.secondary[0].0, "one");
    let cache = spec.cache.unwrap();
    assert_eq!((cache.action, cache.key.as_deref()), (CacheAction::Save, Some("k")));
    assert_eq!(spec.reports[0].format.name(), "JUNITXML");
}

#[test]
fn version_0_1_has_names_of_its_own() {
    let text = format!("version: 0.1\nenvironment_variables:\n  plaintext:\n    A: b\n{BUILD}");
    let spec = Buildspec::parse(&text).unwrap();
    assert_eq!((spec.version, spec.env.variables.len()), (Version::V0_1, 1));
}

#[test]
fn unknown_keys_are_told_with_their_lines() {
    check(
        &format!(
            "version: 0.2\nsecondary-artifacts:\n  a: 1\nenv:\n  variable:\n    A: b\n  variables:\n    CODEBUILD_X: 1\n{BUILD}    command: [x]\n    commands2: 1\n"
        ),
        &expect![[r"
            line 2, column 1: unknown key `secondary-artifacts`: ignored
            line 5, column 3: unknown key `env/variable`: ignored
            line 8, column 5: variable `CODEBUILD_X`: names with `CODEBUILD_` are reserved: ignored
            line 12, column 5: unknown key `phases/build/command`: ignored
            line 13, column 5: unknown key `phases/build/commands2`: ignored
        "]],
    );
    check(
        "version: 0.2\nenvironment_variables: {}\nphases:\n  build:\n    runtime-versions: {python: 3}\n    commands:\n    -\nartifacts:\n  name: x\ncache: {fallback-keys: [a]}\n",
        &expect![[r"
            line 2, column 24: `environment_variables` is called `env` in version 0.2: ignored
            line 5, column 23: `runtime-versions` belongs to `install`, not `build`: ignored
            line 7, column 6: `phases/build/commands/0` is empty: ignored
            line 9, column 3: `artifacts` has no `files`, which CodeBuild wants: there is no primary artifact
            line 10, column 8: `fallback-keys` mean nothing without `key`: ignored
            line 10, column 8: `cache` has no `paths`: nothing is cached
        "]],
    );
}

#[test]
fn what_codebuild_refuses_is_refused_with_its_place() {
    for (text, expected) in [
        (
            "",
            expect![[r"
            cannot read buildspec: line 1, column 1: `version`: expected a version, found none
            hint: begin the file with `version: 0.2`
        "]],
        ),
        (
            "version: 0.3\n",
            expect![[r"
            cannot read buildspec: line 1, column 10: `version`: expected 0.1 or 0.2, found `0.3`
        "]],
        ),
        (
            "version: 0.2\n",
            expect![[r"
            cannot read buildspec: line 1, column 1: `phases`: expected phases, found none
        "]],
        ),
        (
            "version: 0.2\nphases:\n  prebuild:\n    commands: [a]\n",
            expect![[r"
            cannot read buildspec: line 3, column 3: `phases`: expected `install`, `pre_build`, `build` or `post_build`, found `phases/prebuild`
        "]],
        ),
        (
            "version: 0.2\nphases:\n  build:\n    commands: make\n",
            expect![[r"
            cannot read buildspec: line 4, column 15: `phases/build/commands`: expected a list of commands, found a text
        "]],
        ),
        (
            "version: 0.2\nphases:\n  build:\n    commands:\n      - echo tag: x\n",
            expect![[r"
            cannot read buildspec: line 5, column 9: `phases/build/commands/0`: expected a command, found a map
            hint: put a command that holds `: ` or begins with `{` or `[` in quotes
        "]],
        ),
        (
            "version: 0.2\nbatch:\n  build-list: []\nphases: {}\n",
            expect![[r"
            cannot read buildspec: line 2, column 1: `batch`: expected a build of one part, found a batch build
            hint: run the parts one by one, each with a buildspec of its own
        "]],
        ),
        (
            "version: 0.2\nenv: {shell: powershell.exe}\nphases: {}\n",
            expect![[r"
            cannot read buildspec: line 2, column 14: `env/shell`: expected a shell of POSIX's kind, found `powershell.exe`
            hint: `bash` and `/bin/sh` are CodeBuild's
        "]],
        ),
        (
            "version: 0.2\nphases: {build: {commands: [a], on-failure: STOP}}\n",
            expect![[r"
            cannot read buildspec: line 2, column 45: `phases/build/on-failure`: expected `ABORT`, `CONTINUE`, `RETRY`, `RETRY-count`, `RETRY-regex` or `RETRY-count-regex`, found `STOP`
        "]],
        ),
        (
            "version: 0.2\nphases: {}\nreports: {r: {files: [a], file-format: x}}\n",
            expect![[r"
            cannot read buildspec: line 3, column 40: `reports/r/file-format`: expected one of JUNITXML, CUCUMBERJSON, NUNITXML, NUNIT3XML, TESTNGXML, VISUALSTUDIOTRX, CLOVERXML, COBERTURAXML, JACOCOXML, SIMPLECOV, found `X`
        "]],
        ),
        (
            "version: 0.2\nphases: {}\nartifacts: {files: [a], discard-paths: maybe}\n",
            expect![[r"
            cannot read buildspec: line 3, column 40: `artifacts/discard-paths`: expected `yes` or `no`, found `maybe`
        "]],
        ),
        (
            "version: 0.2\nphases: {}\nartifacts: {secondary-artifacts: {../x: {files: [a]}}}\n",
            expect![[r"
            cannot read buildspec: line 3, column 35: `artifacts/secondary-artifacts/../x`: expected an identifier of letters, digits, `_` and `-`
        "]],
        ),
        (
            "version: 0.2\nenv: {variables: {A: [1]}}\nphases: {}\n",
            expect![[r"
            cannot read buildspec: line 2, column 22: `env/variables/A`: expected a text, found a list
        "]],
        ),
        (
            "version: 0.2\nphases: [a]\n",
            expect![[r"
            cannot read buildspec: line 2, column 9: `phases`: expected a map, found a list
        "]],
        ),
        (
            "<html>login</html>",
            expect![[r"
            cannot read buildspec: line 1, column 1: expected a map, found a text
        "]],
        ),
    ] {
        check(text, &expected);
    }
}

#[test]
fn hostile_texts_are_refused() {
    let mut bomb = "version: 0.2\na: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, last) in
        ["b", "c", "d", "e", "f", "g", "h", "i"].iter().zip(["a", "b", "c", "d", "e", "f", "g", "h"])
    {
        let nine = vec![format!("*{last}"); 9].join(", ");
        bomb = format!("{bomb}{name}: &{name} [{nine}]\n");
    }
    let deep: Vec<String> = (1..100).map(|n| format!("{}a:", " ".repeat(n))).collect();
    for text in [
        bomb,
        format!("version: 0.2\nphases: {}", "[".repeat(5000)),
        format!("version: 0.2\nphases:\n{}", deep.join("\n")),
        "version: 0.2\nphases:\n\tbuild:\n".to_owned(),
        "version: 0.2\nversion: 0.1\nphases: {}\n".to_owned(),
        format!("version: 0.2\nphases:\n  build:\n    commands:\n      - \"{}\"\n", "x".repeat(2 << 20)),
        "version: 0.2\nphases: {build: {commands: [\"a\\0b\"]}}\n".to_owned(),
        "version: 0.2\nenv: {variables: {\"A=B\": c}}\nphases: {}\n".to_owned(),
        "version: 0.2\nphases: {}\n---\nversion: 0.2\n".to_owned(),
        "version: 0.2\nphases: {}\ncache: {key: k, fallback-keys: [a, b, c, d, e, f]}\n".to_owned(),
    ] {
        let short: String = text.chars().take(60).collect();
        assert!(Buildspec::parse(&text).is_err(), "{short}");
    }
}
