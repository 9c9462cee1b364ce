//! The templates for AWS: judged by `cfn-lint`, made on moto, checked and drawn by the program, and their commands taken by it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use plimsoll_real::{Amazon, Plimsoll, lint_templates, project_file};
use serde_json::{Value, json};

const TEMPLATES: [&str; 3] = ["deploy/aws/storage.yml", "deploy/aws/pipeline.yml", "deploy/aws/watch.yml"];
const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d";
const CONNECTION: &str = "arn:aws:codeconnections:eu-central-1:123456789012:connection/0a1b2c3d";
/// A public key that belongs to nobody.
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
                          -----END PUBLIC KEY-----\n";

/// Actions for which AWS knows no resource but `*`.
///
/// Source: AWS Service Authorization Reference, "Actions, resources, and condition keys" of ECR and ECS.
const WITHOUT_RESOURCE: [&str; 4] = [
    "ecr:GetAuthorizationToken",
    "ecs:DescribeTaskDefinition",
    "ecs:RegisterTaskDefinition",
    "ecs:ListTasks",
];

fn files() -> Vec<PathBuf> {
    TEMPLATES.iter().map(|file| project_file(file)).collect()
}

#[expect(clippy::disallowed_methods, reason = "files of the project")]
fn text_of(file: &PathBuf) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("cannot read `{}`: {error}", file.display()))
}

/// Buildspecs, those in files and those that stand in the templates.
fn buildspecs() -> Vec<PathBuf> {
    let folder = fs::read_dir(project_file("deploy/aws/buildspecs")).expect("it is a folder of the project");
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.expect("it can be listed").path()).collect();
    files.sort();
    files
}

#[test]
fn nothing_is_wrong_with_the_templates() {
    let files = files();
    let paths: Vec<_> = files.iter().map(PathBuf::as_path).collect();
    lint_templates(&paths);
}

#[test]
fn the_program_finds_nothing_in_them_and_draws_the_pipeline() {
    let root = project_file("");
    let root = root.to_str().unwrap();
    let files = files();
    let mut words = vec!["pipeline", "check", "--strict", "--source", root];
    words.extend(files.iter().map(|file| file.to_str().unwrap()));
    let found = String::from_utf8(Plimsoll::bare(&words).bytes()).unwrap();
    assert_eq!(found, "0 errors, 0 warnings, 0 notes\n");

    let template = files[1].to_str().unwrap();
    let connection = format!("ConnectionArn={CONNECTION}");
    let key = format!("KeyArn={KEY}");
    let mut words = vec!["pipeline", "run", "--template", template, "--dry-run"];
    for parameter in [&connection, &key, "Repository=team/shop", "PlimsollUrl=", "PlimsollSha256="] {
        words.extend(["--parameter", parameter]);
    }
    let drawn = String::from_utf8(Plimsoll::bare(&words).bytes()).unwrap();
    let stages: Vec<&str> = drawn
        .lines()
        .filter_map(|line| line.strip_prefix("├─ ").or_else(|| line.strip_prefix("└─ ")))
        .collect();
    assert_eq!(
        stages,
        [
            "1 Source",
            "2 ScanIaC",
            "3 BuildScanPush",
            "4 ScanStagingImage",
            "5 DeployToStaging",
            "6 ScanStagingConfig",
            "7 ApprovalStage",
            "8 PromoteToProductionRepo",
            "9 ScanProductionImage",
            "10 DeployToProduction",
        ]
    );
    assert!(!drawn.contains('✗'), "{drawn}");
}

#[test]
fn the_stacks_are_made_and_allow_no_more_than_they_name() {
    let amazon = Amazon::start();
    let stack = |name: &str, number: usize, parameters: Value| {
        let file = files().swap_remove(number);
        amazon.call(&["stack", name, file.to_str().unwrap(), &parameters.to_string()])
    };
    let program = json!({"PlimsollUrl": "", "PlimsollSha256": ""});
    let with = |more: Value| {
        let mut parameters = program.clone();
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parameters
    };
    let storage = stack("storage", 0, json!({"PublicKey": PUBLIC_KEY}));
    assert_eq!(storage["status"], "CREATE_COMPLETE");
    let key = &storage["outputs"]["KeyArn"];
    let ecs = json!({
        "KeyArn": key, "ConnectionArn": CONNECTION, "Repository": "team/shop", "DeployWith": "ecs",
        "StagingCluster": "a", "StagingService": "b", "ProductionCluster": "c", "ProductionService": "d",
        "ApproverEmail": "team@shop.example",
    });
    let pipeline = stack("pipeline", 1, with(ecs));
    let watch = stack("watch", 2, with(json!({"KeyArn": key})));
    // What the server does not know, it leaves out: policies of buckets and topics, secrets, subscriptions, and CodeBuild's
    // and CodePipeline's own. All else is there.
    for (made, file, left_out) in [
        (&storage, 0, &["ArtifactsBucketPolicy", "ResultsBucketPolicy", "SigningKey"][..]),
        (
            &pipeline,
            1,
            &[
                "ApprovalMail",
                "BuildScanPush",
                "Deploy",
                "Pipeline",
                "Promote",
                "ScanIaC",
                "ScanProductionImage",
                "ScanStagingConfig",
                "ScanStagingImage",
            ],
        ),
        (&watch, 2, &["AlarmMail", "AlarmsPolicy", "Audit", "Rescan", "UpdateDatabase"]),
    ] {
        assert_eq!(made["status"], "CREATE_COMPLETE");
        let made: Vec<&str> = made["made"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let text = text_of(&files()[file]);
        let (_, resources) = text.split_once("\nResources:\n").unwrap();
        let (resources, _) = resources.split_once("\nOutputs:\n").unwrap();
        let mut missing: Vec<&str> = resources
            .lines()
            .filter(|line| line.starts_with("  ") && !line.starts_with("   ") && !line.starts_with("  #"))
            .map(|line| line.trim().trim_end_matches(':'))
            .filter(|name| !made.contains(name))
            .collect();
        missing.sort_unstable();
        assert_eq!(missing, left_out, "{}", TEMPLATES[file]);
    }
    check_policies(&amazon.call(&["policies"]));
}

/// No role may do everything of a service, and none something with everything where AWS knows what with.
#[expect(clippy::unwrap_used, reason = "tests")]
fn check_policies(policies: &Value) {
    let policies: BTreeMap<String, Value> = serde_json::from_value(policies.clone()).unwrap();
    let list = |value: &Value| match value {
        Value::String(text) => vec![text.clone()],
        value => value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect(),
    };
    let mut statements = 0;
    for (name, documents) in &policies {
        for statement in documents.as_array().unwrap().iter().flat_map(|document| {
            document["Statement"].as_array().expect("our policies have lists of statements")
        }) {
            assert_eq!(statement["Effect"], "Allow", "{name}");
            let actions = list(&statement["Action"]);
            assert!(actions.iter().all(|action| !action.contains('*')), "{name}: {actions:?}");
            if statement.get("Principal").is_some() {
                continue;
            }
            statements += 1;
            let resources = list(&statement["Resource"]);
            if resources.iter().any(|resource| resource == "*") {
                let known = |action: &String| WITHOUT_RESOURCE.contains(&action.as_str());
                assert!(actions.iter().all(known), "{name}: {actions:?} on everything");
            }
        }
    }
    assert!(statements > 30, "{statements} statements were found");
}

#[test]
fn every_command_of_the_buildspecs_is_one_of_the_programs() {
    let mut lines = Vec::new();
    for file in buildspecs().into_iter().chain(files()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        for line in text_of(&file).lines() {
            let command = line.trim().trim_start_matches("- ").trim();
            if let Some(words) = command.strip_prefix("plimsoll ") {
                lines.push((name.clone(), words.to_owned()));
            }
        }
    }
    assert!(lines.len() > 15, "{lines:?}");
    let mut unknown = Vec::new();
    for (file, line) in lines {
        let words = words_of(line.split(" || ").next().unwrap_or_default());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if words == ["--version"] {
            continue;
        }
        // Help is printed where all that stands before it was understood.
        let run = Plimsoll::bare(&words).arguments(&["--help"]).run();
        if run.status != Some(0) {
            unknown.push(format!("{file}: plimsoll {line}\n{}", run.stderr));
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

/// The words of a command, with something for each variable.
fn words_of(line: &str) -> Vec<String> {
    let values = [
        ("$KEYS", "/tmp/keys"),
        ("$STAGING_REPOSITORY", "plimsoll/staging"),
        ("$PRODUCTION_REPOSITORY", "plimsoll/production"),
        ("$STAGING", "registry.example/plimsoll/staging"),
        ("$PRODUCTION", "registry.example/plimsoll/production"),
        ("$REGISTRY", "registry.example"),
        ("$RUNNING", "registry.example/plimsoll/staging:1"),
        ("$IMAGE_DIGEST", "sha256:4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a4f1a"),
        ("$IMAGE_TAG", "1.2"),
        ("$DATABASE", "oci://registry.example/plimsoll/database:latest"),
        ("$RESULTS", "s3://results"),
        ("$FAIL_ON", "high"),
        ("$MAX_AGE", "3d"),
        ("$TEMPLATES", "pipeline.yml"),
        ("$ECOSYSTEMS", "Debian,PyPI"),
    ];
    let filled = values.iter().fold(line.to_owned(), |line, (name, value)| line.replace(name, value));
    assert!(!filled.contains('$'), "a variable without a value: {filled}");
    filled.split_whitespace().map(|word| word.trim_matches('"').to_owned()).collect()
}
