use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;
use crate::document::Limits;
use crate::template::{Inputs, Template};

const SHOP: &str = include_str!("../testdata/shop/template.yml");

fn stack(text: &str) -> Stack {
    let inputs = Inputs { stack_name: "shop".to_owned(), ..Inputs::default() };
    Template::read("t.yml", text, &Limits::default()).unwrap().resolve(inputs).unwrap()
}

/// What is wrong with the only pipeline of a template, or its plan.
fn planned(text: &str) -> Result<Plan, Vec<TemplateError>> {
    let stack = stack(text);
    let pipeline = pipelines(&stack).map_err(|error| vec![error])?.remove(0);
    let projects = projects(&stack).map_err(|error| vec![error])?;
    Plan::new(&stack, pipeline, projects)
}

fn check(text: &str, expected: &Expect) {
    let found = match planned(text) {
        Ok(plan) => plan.draw(),
        Err(errors) => errors
            .iter()
            .map(|error| {
                let hint = error.hint.as_ref().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
                format!("{}: {}: {}{hint}\n", error.place, error.path, error.reason)
            })
            .collect::<Vec<_>>()
            .concat(),
    };
    expected.assert_eq(&found);
}

/// A pipeline V2 of these stages: `Stage: Name category provider [order] [a,b>c] [key=value …]`, one action a line.
fn pipeline_of(stages: &str) -> String {
    let mut text = "Resources:\n  P:\n    Type: AWS::CodePipeline::Pipeline\n    Properties:\n      Name: p\n      \
                    PipelineType: V2\n      RoleArn: r\n      ArtifactStore: {Type: S3, Location: b}\n      Stages:\n"
        .to_owned();
    let mut last = "";
    for line in stages.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (stage, rest) = line.split_once(": ").unwrap();
        if stage != last {
            writeln!(text, "        - Name: {stage}\n          Actions:").unwrap();
            last = stage;
        }
        let mut words = rest.split(' ');
        let [name, category, provider] = [words.next(), words.next(), words.next()].map(Option::unwrap);
        let owner = if provider == "Jenkins" { "Custom" } else { "AWS" };
        let mut entries = vec![
            format!("Name: {name}"),
            format!(
                "ActionTypeId: {{Category: {category}, Owner: {owner}, Provider: {provider}, Version: '1'}}"
            ),
        ];
        let mut settings = Vec::new();
        for word in words {
            let artifacts = |names: &str| {
                let names: Vec<String> = names
                    .split(',')
                    .filter(|name| !name.is_empty())
                    .map(|name| format!("{{Name: {name}}}"))
                    .collect();
                names.join(", ")
            };
            if let Some((key, value)) = word.split_once('=') {
                if key == "Namespace" || key == "Commands" || key == "RunOrder" {
                    entries.push(format!("{key}: {value}"));
                } else {
                    settings.push(format!("{key}: '{value}'"));
                }
            } else if let Some((inputs, outputs)) = word.split_once('>') {
                entries.push(format!("InputArtifacts: [{}]", artifacts(inputs)));
                entries.push(format!("OutputArtifacts: [{}]", artifacts(outputs)));
            }
        }
        entries.push(format!("Configuration: {{{}}}", settings.join(", ")));
        writeln!(text, "            - {{{}}}", entries.join(", ")).unwrap();
    }
    text
}

const SOURCE: &str = "Source: Code Source CodeCommit >Src RepositoryName=r BranchName=b Namespace=S\n";

#[test]
fn ten_stages_are_drawn() {
    check(
        SHOP,
        &expect![[r"
        shop-delivery (V2, queued)
          variable IMAGE_TAG = 1.0
        ├─ 1 Source
        │    1 ─ Code  CodeCommit shop@main
        │          → SourceOutput
        ├─ 2 ScanIaC
        │    1 ┬ ScanTemplate  CodeBuild shop-scaniac
        │      │   SourceOutput →
        │      └ ScanDockerfile  CodeBuild shop-scaniac
        │          SourceOutput →
        ├─ 3 BuildScanPush
        │    1 ─ Build  CodeBuild shop-build
        │          SourceOutput → BuildOutput
        │    2 ─ Scan  CodeBuild shop-scanimage
        │          SourceOutput, BuildOutput → ScanOutput
        ├─ 4 ScanStagingImage
        │    1 ─ Scan  CodeBuild shop-scanimage
        │          SourceOutput, BuildOutput →
        ├─ 5 DeployToStaging
        │    1 ─ Deploy  CodeBuild shop-deploystaging
        │          SourceOutput, BuildOutput →
        ├─ 6 ScanStagingConfig
        │    1 ─ Scan  CodeBuild shop-scanconfig
        │          SourceOutput →
        ├─ 7 ApprovalStage
        │    1 ─ Approve  Approval Manual
        ├─ 8 PromoteToProductionRepo
        │    1 ─ Promote  CodeBuild shop-promote
        │          SourceOutput, BuildOutput →
        ├─ 9 ScanProductionImage
        │    1 ─ Scan  CodeBuild shop-scanimage
        │          SourceOutput, BuildOutput →
        └─ 10 DeployToProduction
             1 ─ Deploy  CodeBuild shop-deployproduction
                   SourceOutput, BuildOutput →
    "]],
    );
}

#[test]
fn what_does_not_fit_together_is_told_all_at_once() {
    check(
        &pipeline_of(&format!(
            "{SOURCE}Build: One Compute Commands Srk>Out Commands=[make]
             Build: Two Compute Commands Src>Out Commands=[make]
             Build: Three Compute Commands Late> Commands=[make]
             Build: Four Source S3 >More S3Bucket=b S3ObjectKey=k
             Build: Last Compute Commands Src>Late RunOrder=2 Commands=[make]"
        )),
        &expect![[r"
            line 15, column 15: Resources/P/Properties/Stages/1/Actions/0: expected an artifact that an action makes, found `Srk`
              hint: `Src` was meant
            line 16, column 15: Resources/P/Properties/Stages/1/Actions/1: expected each artifact from one action, found `Out` from `One` and `Two`
            line 17, column 15: Resources/P/Properties/Stages/1/Actions/2: expected artifact `Late` from an action that runs before `Three`, found `Last`, which does not
            line 18, column 15: Resources/P/Properties/Stages/1/Actions/3: expected sources in the first stage only, found `Source` of `Four`
        "]],
    );
}

#[test]
fn variables_come_from_actions_that_ran_before() {
    check(
        &pipeline_of(&format!(
            "{SOURCE}Ask: A Approval Manual CustomData=#{{S.CommitId}}
             Ask: B Approval Manual CustomData=#{{S.Commit}}
             Ask: C Approval Manual CustomData=#{{T.X}}
             Ask: D Approval Manual CustomData=#{{variables.X}}
             Ask: E Approval Manual CustomData=#{{codepipeline.PipelineExecutionId}}
             Ask: F Approval Manual CustomData=#{{codepipeline.Id}}
             Ask: G Approval Manual CustomData=#{{odd}}
             Ask: H Compute Commands Src> Commands=['echo#{{L.x}}']
             Ask: I Compute Commands Src> RunOrder=2 Namespace=L Commands=[x]"
        )),
        &expect![[r"
            line 16, column 133: Resources/P/Properties/Stages/1/Actions/1: expected `AuthorDate`, `BranchName`, `CommitId`, `CommitMessage`, `CommitterDate` or `RepositoryName` of `Code`, found `#{S.Commit}`
            line 17, column 133: Resources/P/Properties/Stages/1/Actions/2: expected the namespace of an action, found `#{T.X}`
            line 18, column 133: Resources/P/Properties/Stages/1/Actions/3: expected a variable of the pipeline, found `#{variables.X}`
            line 20, column 133: Resources/P/Properties/Stages/1/Actions/5: expected `#{codepipeline.PipelineExecutionId}`, found `#{codepipeline.Id}`
            line 21, column 133: Resources/P/Properties/Stages/1/Actions/6: expected `#{namespace.name}`, found `#{odd}`
            line 22, column 169: Resources/P/Properties/Stages/1/Actions/7: expected a variable of an action that ran before, found `#{L.x}`
        "]],
    );
}

#[test]
fn what_runs_on_aws_alone_is_refused_by_name() {
    check(
        &pipeline_of(&format!(
            "{SOURCE}Build: Ci Build Jenkins Src>Out ProjectName=x
             Build: Scan Invoke InspectorScan Src> InspectorRunMode=SourceCodeScan
             Build: Image Build ECRBuildAndPublish Src> ECRRepositoryName=r ImageTags=1,2 RunOrder=2
             Deploy: Call Invoke Lambda Src> FunctionName=f
             Deploy: Copy Deploy S3 Src> BucketName=b Extract=true
             Deploy: Stack Deploy CloudFormation Src> ActionMode=CREATE_UPDATE StackName=a-name-that-is-rather-long"
        )),
        &expect![[r"
            p (V2, superseded)
            ├─ 1 Source
            │    1 ─ Code  CodeCommit r@b
            │          → Src
            ├─ 2 Build
            │    1 ┬ Ci  Build Jenkins  ✗ refused
            │      │   Src → Out
            │      └ Scan  InspectorScan SourceCodeScan
            │          Src →
            │    2 ─ Image  ECRBuildAndPublish r:1,2
            │          Src →
            └─ 3 Deploy
                 1 ┬ Call  Invoke Lambda  ✗ refused
                   │   Src →
                   ├ Copy  S3 b
                   │   Src →
                   └ Stack  Deploy CloudFormation  ✗ refused
                       Src →
            ✗ Build/Ci: provider `Jenkins` (Build) runs elsewhere
            ✗ Deploy/Call: provider `Lambda` (Invoke) runs on AWS alone
            ✗ Deploy/Stack: provider `CloudFormation` (Deploy) runs on AWS alone
        "]],
    );
}

#[test]
fn a_drawing_is_never_wider_than_a_terminal() {
    let long = "x".repeat(90);
    let artifacts: Vec<String> = (0..5).map(|number| format!("artifact-number-{number}")).collect();
    let text = pipeline_of(&format!(
        "{SOURCE}{long}: {long} Build Jenkins Src>{}
         {long}: Other Build Jenkins Src> ProjectName={long}",
        artifacts.join(",")
    ));
    let drawn = planned(&text).unwrap().draw();
    assert!(drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
    assert!(artifacts.iter().all(|artifact| drawn.contains(artifact)), "{drawn}");
}

#[test]
fn an_action_is_held_to_its_provider() {
    for (action, expected) in [
        (
            "A Build Codebuild Src>",
            "expected a provider that is known here, found `Codebuild` of `AWS` in category `Build`",
        ),
        (
            "A Deploy CodeBuild Src>",
            "expected a provider that is known here, found `CodeBuild` of `AWS` in category `Deploy`",
        ),
        ("A Build CodeBuild Src>", "expected `ProjectName` for provider `CodeBuild`, found none"),
        (
            "A Build CodeBuild > ProjectName=x",
            "expected 1 to 5 input artifacts for provider `CodeBuild`, found 0",
        ),
        ("A Approval Manual Src>", "expected 0 input artifacts for provider `Manual`, found 1"),
        ("A Approval Manual RunOrder=0", "expected a whole number from 1 to 999 as `RunOrder`, found `0`"),
        ("A Compute Commands Src>", "expected `Commands` for provider `Commands`, found none"),
        (
            "A/b Approval Manual",
            "expected at most 100 letters, digits, `.`, `@`, `-` and `_` as `Name`, found `A/b`",
        ),
        (
            "A Build CodeBuild Src,X> ProjectName=x PrimarySource=Y",
            "expected one of the input artifacts `Src` or `X` as `PrimarySource`, found `Y`",
        ),
        (
            "A Build CodeBuild Src> ProjectName=x EnvironmentVariables={}",
            "expected a list of variables in JSON, found a map",
        ),
    ] {
        let errors = planned(&pipeline_of(&format!("{SOURCE}B: {action}"))).unwrap_err();
        assert_eq!(errors[0].reason, expected, "{action}");
    }
    let v1 = pipeline_of(&format!("{SOURCE}B: A Compute Commands Src> Commands=[x]")).replace("V2", "V1");
    assert_eq!(
        planned(&v1).unwrap_err()[0].reason,
        "expected `PipelineType: V2` for provider `Commands`, found V1"
    );
}

#[test]
fn conditions_of_stages_are_refused_or_told() {
    let stage = "B: A Approval Manual\n";
    let text = pipeline_of(&format!("{SOURCE}{stage}"))
        + "          BeforeEntry: {Conditions: [{Result: FAIL, Rules: [{Name: w, RuleTypeId: {Category: Rule, Owner: AWS, \
           Provider: DeploymentWindow, Version: '1'}}]}]}\n          OnFailure: {Result: ROLLBACK}\n";
    let plan = planned(&text).unwrap();
    assert_eq!(
        plan.refusals[0].reason,
        "the condition before the stage, with rules `DeploymentWindow`, is judged on AWS alone"
    );
    assert_eq!(plan.notes[0].message, "on AWS, `ROLLBACK` follows when stage `B` fails; here the run ends");
}

#[test]
fn projects_are_read_whole() {
    let text = "\
Resources:
  P:
    Type: AWS::CodeBuild::Project
    Properties:
      Name: build
      ServiceRole: r
      Artifacts: {Type: S3, Location: out, Name: x.zip}
      SecondaryArtifacts: [{Type: S3, Location: out, ArtifactIdentifier: two}]
      Cache: {Type: LOCAL, Modes: [LOCAL_DOCKER_LAYER_CACHE]}
      TimeoutInMinutes: 30
      Environment:
        Type: LINUX_CONTAINER
        Image: aws/codebuild/standard:7.0
        ComputeType: BUILD_GENERAL1_SMALL
        PrivilegedMode: 'true'
        EnvironmentVariables:
          - {Name: A, Value: 1}
          - {Name: B, Value: /b, Type: PARAMETER_STORE}
          - {Name: C, Value: 'c:k', Type: SECRETS_MANAGER}
      Source: {Type: GITHUB, Location: 'https://git.example/a', BuildSpec: ci/build.yml}
      SecondarySources: [{Type: S3, Location: b/k, SourceIdentifier: more}]
      NewProperty: 1
";
    let project = projects(&stack(text)).unwrap().remove(0);
    assert_eq!(project.timeout_minutes, 30);
    assert!(project.environment.is_privileged);
    let kinds: Vec<VariableKind> =
        project.environment.variables.iter().map(|variable| variable.kind).collect();
    assert_eq!(kinds, [VariableKind::Plain, VariableKind::ParameterStore, VariableKind::SecretsManager]);
    assert!(
        matches!(&project.source.buildspec, Some(Buildspec::File(file)) if file.text() == Some("ci/build.yml"))
    );
    assert_eq!(project.secondary_sources[0].identifier.as_deref(), Some("more"));
    assert_eq!(project.secondary_artifacts[0].identifier.as_deref(), Some("two"));
    assert_eq!(project.cache.unwrap().modes, ["LOCAL_DOCKER_LAYER_CACHE"]);
    assert_eq!(project.notes[0].message, "the property `NewProperty` is not known here and has no effect");
    for (from, to, expected) in [
        (
            "TimeoutInMinutes: 30",
            "TimeoutInMinutes: 3",
            "expected a whole number from 5 to 2160 as `TimeoutInMinutes`, found `3`",
        ),
        (
            "Type: PARAMETER_STORE",
            "Type: SSM",
            "expected `PLAINTEXT`, `PARAMETER_STORE` or `SECRETS_MANAGER` as `Type`, found `SSM`",
        ),
        ("'true'", "maybe", "expected `true` or `false` as `PrivilegedMode`, found `maybe`"),
        (", SourceIdentifier: more", "", "expected `SourceIdentifier` of a secondary source, found none"),
        ("Source: {Type: GITHUB", "Sauce: {Type: GITHUB", "expected `Source`, found none"),
        ("BuildSpec: ci/build.yml", "BuildSpec: {version: 0.2}", "expected a text, found a map"),
    ] {
        assert_eq!(projects(&stack(&text.replace(from, to))).unwrap_err().reason, expected);
    }
}

#[test]
fn a_build_is_started_with_variables_of_its_action() {
    let plan = planned(SHOP).unwrap();
    let action = plan.action("BuildScanPush", "Build").unwrap();
    let shown: Vec<String> = action
        .environment
        .iter()
        .map(|variable| format!("{}={}", variable.name, variable.value.shown()))
        .collect();
    assert_eq!(shown, ["IMAGE_TAG=#{variables.IMAGE_TAG}", "COMMIT=#{SourceVariables.CommitId}"]);
    let project = plan.project(action).unwrap();
    assert_eq!(project.logical_id, "BuildProject");
    assert_eq!(action.primary_input(), Some("SourceOutput"));
    let deploy = plan.project(plan.action("DeployToStaging", "Deploy").unwrap()).unwrap();
    let Some(Buildspec::Inline(text)) = &deploy.source.buildspec else { panic!("it stands in the template") };
    assert!(text.text().unwrap().contains("deploying shop to ${TARGET:-staging}"));
}
