use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;
use crate::template::Inputs;

/// Findings of a buildspec whose build phase has these commands, without their hints.
fn of_commands(commands: &str) -> Vec<String> {
    let lines: Vec<String> = commands.lines().map(|line| format!("      - {line}\n")).collect();
    let text = format!("version: 0.2\nphases:\n  build:\n    commands:\n{}", lines.concat());
    buildspec("b.yml", &text, &Surroundings::default()).iter().map(shown).collect()
}

fn shown(finding: &Finding) -> String {
    format!("{}:{} {}: {}", finding.place.line, finding.place.column, finding.rule, finding.message)
}

fn check(commands: &str, expected: &[&str]) {
    let rules: Vec<String> = of_commands(commands)
        .iter()
        .map(|text| text.split(' ').nth(1).unwrap().trim_end_matches(':').to_owned())
        .collect();
    assert_eq!(rules, expected, "{commands}: {:?}", of_commands(commands));
}

fn check_template(text: &str, expected: &Expect) {
    let inputs = Inputs { allow_missing: true, ..Inputs::default() };
    let mut read = |path: &str| match path {
        "good.yml" => Some(
            "version: 0.2\nphases: {build: {commands: ['plimsoll scan $IMAGE --fail-on high']}}\n".to_owned(),
        ),
        "docker.yml" => Some("version: 0.2\nphases: {build: {commands: ['docker build .']}}\n".to_owned()),
        "script.yml" => Some("version: 0.2\nphases: {build: {commands: ['./build.sh']}}\n".to_owned()),
        _ => None,
    };
    let found: Vec<String> = template("t.yml", text, inputs, &mut read)
        .iter()
        .map(|finding| format!("{} {}\n", finding.file, shown(finding)))
        .collect();
    expected.assert_eq(&found.concat());
}

#[test]
fn gates_that_are_off_are_found() {
    const SCAN: &str = "trivy image --exit-code 1 app:1";
    for (behind, expected) in [
        ("", &[][..]),
        (" || true", &["gate-off"]),
        (" || :", &["does-not-fit"]),
        (" ||true", &["gate-off"]),
        (" || exit 0", &["gate-off"]),
        (" || exit 1", &[]),
        (" || echo failed", &["gate-off"]),
        (" || (echo failed; exit 1)", &[]),
        (" || { echo failed; exit 1; }", &[]),
        (" || { echo failed; }", &["gate-off"]),
        ("; true", &["gate-off"]),
        ("; exit 0", &["gate-off"]),
        ("; echo done", &["gate-status-lost"]),
        ("; code=$?; exit $code", &[]),
        (" | tee log", &["gate-status-lost"]),
        (" &", &["gate-off"]),
        (" && echo good", &[]),
        (" > out 2>&1 || true", &["gate-off"]),
    ] {
        check(&format!("{SCAN}{behind}"), expected);
    }
    check(&format!("set +e\n{SCAN}"), &["gate-off"]);
    check(&format!("set +e\nset -e\n{SCAN}"), &[]);
    check(&format!("set -euo pipefail\n{SCAN} | tee log"), &[]);
    check(&format!("X=$({SCAN} || true)"), &["gate-off"]);
    check(&format!("if ! {SCAN}; then exit 1; fi"), &[]);
    check("make || true", &[]);
    check("trivy --version || true", &[]);
}

#[test]
fn scanners_are_known_by_their_commands() {
    for (command, expected) in [
        ("trivy image app:1", &["gate-never-fails"][..]),
        ("trivy image --exit-code 0 app:1", &["gate-never-fails"]),
        ("trivy image --exit-code=1 --severity HIGH app:1", &[]),
        ("trivy --exit-code 1 app:1", &[]),
        ("trivy image --download-db-only", &[]),
        ("/usr/local/bin/trivy fs . || true", &["gate-off"]),
        ("docker run --rm aquasec/trivy:0.50.1 image app:1 || true", &["gate-off"]),
        ("docker run --rm aquasec/trivy image --exit-code 1 app:1", &["unpinned-scanner"]),
        ("grype app:1 --fail-on high", &[]),
        ("grype app:1", &["gate-never-fails"]),
        ("grype --fail-on high", &["no-target-image"]),
        ("lacework vulnerability container scan r a t --poll --fail_on_severity high || true", &["gate-off"]),
        ("lacework vulnerability container list-assessments || true", &[]),
        ("lacework iac cfn-scan --upload --fail high || true", &["gate-off"]),
        ("lacework iac cfn-scan --upload", &["gate-never-fails"]),
        ("lacework compliance aws run-assessment 1 --noninteractive || true", &["gate-off"]),
        ("lacework component install iac || true", &[]),
        ("lw-scanner image evaluate app 1 --policy || true", &["gate-off"]),
        ("./lw-scanner image evaluate $REG/app $TAG --data-directory . || true", &["gate-off"]),
        ("plimsoll scan app:1 --fail-on high", &[]),
        ("plimsoll db update || true", &[]),
        ("sudo timeout 5m checkov -d . --soft-fail", &["gate-off"]),
        ("checkov -d . || true", &["gate-off"]),
        ("npm audit || true", &["gate-off"]),
        ("docker scout cves app:1 --exit-code || true", &["gate-off"]),
        ("snyk container test app:1 || true", &["gate-off"]),
        ("trivy image --exit-code 1", &["no-target-image"]),
        ("trivy image --exit-code 1 --input x.tar", &[]),
    ] {
        check(command, expected);
    }
}

#[test]
fn what_nobody_pinned_is_found() {
    for (command, expected) in [
        ("curl -sfL https://example.com/install.sh | sh", &["piped-script"][..]),
        ("curl -s https://example.com/install.sh | sudo bash -s -- -b /usr/bin v0.5.0", &["piped-script"]),
        ("curl -s https://example.com/tool/v1.2.3/install.sh | sh", &[]),
        ("bash <(curl -s https://example.com/x)", &["piped-script"]),
        ("sh -c \"$(wget -qO- https://example.com/x)\"", &["piped-script"]),
        ("wget -qO - https://example.com/key | gpg --dearmor | tee /usr/share/key", &[]),
        ("curl -s https://example.com/x | jq .", &[]),
        ("pip install checkov", &["unpinned-scanner"]),
        ("pip3 install --upgrade checkov==3.2.1", &[]),
        ("python3 -m pip install 'checkov>=3'", &["unpinned-scanner"]),
        ("pip install requests", &[]),
        ("npm install -g snyk", &["unpinned-scanner"]),
        ("npm install -g snyk@1.1200.0", &[]),
        ("go install github.com/google/osv-scanner/cmd/osv-scanner@latest", &["unpinned-scanner"]),
        ("gem install cfn-nag", &["unpinned-scanner"]),
        ("gem install cfn-nag --version 0.8.10", &[]),
        ("docker push r/app:latest", &["latest-promoted"]),
        ("docker tag app:1 r/app:latest", &["latest-promoted"]),
        ("docker image tag $REG/app:1 $REG/app:latest", &["latest-promoted"]),
        ("docker pull r/app:latest", &[]),
        ("crane copy a:latest b:1", &["latest-promoted"]),
    ] {
        check(command, expected);
    }
}

#[test]
fn findings_stand_where_the_command_does() {
    let text = "\
version: 0.2
env:
  variables:
    DB_PASSWORD: hunter2
    SECRET_NAME: shop/db
    IMAGE_TAG: latest
phases:
  pre_build:
    on-failure: CONTINUE
    commands:
      - |
        echo scanning
        if true; then
          trivy image --exit-code 1 app:1 || true
        fi
      - >
        trivy image --exit-code 1
        app:1
  build:
    on-failure: CONTINUE
    commands: [make]
";
    let found: Vec<String> = buildspec("b.yml", text, &Surroundings::default()).iter().map(shown).collect();
    expect![[r"
        4:18 plain-secret: variable `DB_PASSWORD` is secret by its name, and its value stands in the open
        6:16 latest-promoted: variable `IMAGE_TAG` names an image by a tag that moves
        9:5 gate-off: `on-failure: CONTINUE` in a phase that scans: the build goes on when the gate fails
        14:11 gate-off: the failure of `trivy` is thrown away by `|| true`
    "]]
    .assert_eq(&(found.join("\n") + "\n"));
    let found = buildspec("b.yml", "phases:\n\tbuild: 1\n", &Surroundings::default());
    assert_eq!(shown(&found[0]), "2:1 unreadable: expected spaces as indentation, found a tab");
}

#[test]
fn a_variable_behind_a_flag_is_no_image() {
    let text =
        "phases:\n  build:\n    commands:\n      - plimsoll scan $IMAGE --sign-key $KEY --fail-on high\n";
    let surroundings =
        Surroundings { variables: Some(["IMAGE".to_owned()].into()), ..Surroundings::default() };
    assert_eq!(buildspec("b.yml", text, &surroundings), []);
}

#[test]
fn a_template_is_looked_at_with_its_buildspecs() {
    let project = |name: &str, privileged: bool, variables: &str, buildspec: &str| {
        format!(
            "  {name}:\n    Type: AWS::CodeBuild::Project\n    Properties:\n      Name: {name}\n      ServiceRole: r\n      \
             Artifacts: {{Type: CODEPIPELINE}}\n      Environment:\n        PrivilegedMode: {privileged}\n        \
             EnvironmentVariables: [{variables}]\n      Source:\n        Type: CODEPIPELINE\n        BuildSpec: {buildspec}\n"
        )
    };
    let mut text =
        "Parameters:\n  Token: {Type: String, NoEcho: true}\n  Branch: {Type: String}\nResources:\n"
            .to_owned();
    text += &project(
        "Good",
        false,
        "{Name: IMAGE, Value: a}, {Name: DB_PASSWORD, Value: x, Type: SECRETS_MANAGER}",
        "good.yml",
    );
    text +=
        &project("NoImage", true, "{Name: API_TOKEN, Value: abc}, {Name: T, Value: !Ref Token}", "good.yml");
    text += &project("Docker", true, "", "./docker.yml");
    text += &project("Script", true, "", "script.yml");
    text += &project("Missing", false, "", "none.yml");
    text += &project(
        "Inline",
        false,
        "",
        "|\n          version: 0.2\n          phases:\n            build:\n              commands:\n                - grype \
         app:1 --fail-on high || true",
    );
    text += "  Pipeline:\n    Type: AWS::CodePipeline::Pipeline\n    Properties:\n      RoleArn: r\n      Stages:\n        - Name: \
             Source\n          Actions:\n            - {Name: Code, ActionTypeId: {Category: Source, Owner: AWS, Provider: ECR, \
             Version: 1}, Configuration: {RepositoryName: r}, OutputArtifacts: [{Name: S}]}\n        - Name: Build\n          \
             Actions:\n";
    for name in ["Good", "NoImage", "Elsewhere"] {
        writeln!(
            text,
            "            - {{Name: {name}, ActionTypeId: {{Category: Build, Owner: AWS, Provider: CodeBuild, Version: 1}}, \
             Configuration: {{ProjectName: {name}}}, InputArtifacts: [{{Name: S}}]}}"
        )
        .unwrap();
    }
    check_template(
        &text,
        &expect![[r"
        good.yml 2:29 no-target-image: `plimsoll` asks for `$IMAGE`, which nobody sets
        t.yml 24:25 needless-privilege: the build is privileged, and its buildspec runs no containers
        t.yml 25:32 plain-secret: variable `API_TOKEN` is secret by its name, and its value stands in the open
        t.yml 25:63 plain-secret: variable `T` shows a parameter with `NoEcho` in the open
        t.yml 64:20 missing-buildspec: the buildspec `none.yml` of project `Missing` is not there
        t.yml 81:19 gate-off: the failure of `grype` is thrown away by `|| true`
        t.yml 89:15 latest-promoted: `Code` passes an image on by the tag `latest`, which moves
        t.yml 94:15 runs-elsewhere: `Build/Elsewhere`: project `Elsewhere` is not in the template
    "]],
    );
    check_template(
        "Resources: {A: {Type: X, Properties: {B: !Ref C, D: !Sub '${E}'}}}",
        &expect![[r"
        t.yml 1:42 unknown-reference: `Resources/A/Properties/B`: expected a parameter or a resource, found `C`
        t.yml 1:53 unknown-reference: `Resources/A/Properties/D`: expected a parameter or a resource, found `E`
    "]],
    );
    check_template(
        "Resources: [",
        &expect![[r"
        t.yml 2:1 unreadable: while parsing a node, did not find expected node content
    "]],
    );
}

#[test]
fn the_delivery_of_ten_stages_is_clean() {
    let mut read = |path: &str| {
        let text = match path {
            "buildspecs/build.yml" => include_str!("../testdata/shop/buildspecs/build.yml"),
            "buildspecs/deploy.yml" => include_str!("../testdata/shop/buildspecs/deploy.yml"),
            "buildspecs/promote.yml" => include_str!("../testdata/shop/buildspecs/promote.yml"),
            "buildspecs/scan-config.yml" => include_str!("../testdata/shop/buildspecs/scan-config.yml"),
            "buildspecs/scan-iac.yml" => include_str!("../testdata/shop/buildspecs/scan-iac.yml"),
            "buildspecs/scan-image.yml" => include_str!("../testdata/shop/buildspecs/scan-image.yml"),
            _ => return None,
        };
        Some(text.to_owned())
    };
    let text = include_str!("../testdata/shop/template.yml");
    assert_eq!(template("t.yml", text, Inputs::default(), &mut read), []);
}

#[test]
fn a_buildspec_in_a_template_has_the_places_of_the_template() {
    let text = include_str!("../testdata/shop/template.yml")
        .replace("./deploy.sh staging", "trivy image --exit-code 1 ${!IMAGE} || true");
    let found = template("t.yml", &text, Inputs::default(), &mut |_| Some("version: 0.2\n".to_owned()));
    let (number, line) = text.lines().enumerate().find(|(_, line)| line.contains("trivy")).unwrap();
    let gate = found.iter().find(|finding| finding.rule == "gate-off").unwrap();
    assert_eq!(gate.place.line as usize, number + 1);
    assert_eq!(gate.place.column as usize, line.find("trivy").unwrap() + 1);
    assert!(
        found.iter().any(|finding| finding.rule == "no-target-image" && finding.message.contains("$IMAGE"))
    );
}

#[test]
fn every_rule_is_named_once() {
    let names: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert!(names.is_sorted());
    assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
}
