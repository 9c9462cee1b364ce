//! What the command asks AWS: a server on loopback answers as its services do.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;

use support::amazon::Amazon;
use support::{Run, Stage};

const BUILDSPEC: &str = "\
version: 0.2
env:
  parameter-store:
    PASSWORD: /shop/password
    USER_NAME: /shop/user:2
  secrets-manager:
    TOKEN: registry:token
    HOST: registry:host
phases:
  build:
    commands:
      - test \"$PASSWORD-$USER_NAME-$TOKEN-$HOST\" = hunter2-shop-s3same-registry.example
      - echo \"the password is $PASSWORD\"
";

fn good(action: &str) -> (u16, String) {
    let (status, answer) = match action {
        "GetParameters" => (
            200,
            r#"{"Parameters": [{"Name": "/shop/password", "Value": "hunter2"}, {"Name": "/shop/user", "Value": "shop"}]}"#,
        ),
        "GetSecretValue" => {
            (200, r#"{"SecretString": "{\"token\": \"s3same\", \"host\": \"registry.example\"}"}"#)
        }
        _ => (400, r#"{"__type": "UnknownOperationException"}"#),
    };
    (status, answer.to_owned())
}

fn nothing(action: &str) -> (u16, String) {
    let (status, answer) = match action {
        "GetParameters" => {
            (200, r#"{"Parameters": [], "InvalidParameters": ["/shop/password", "/shop/user:2"]}"#)
        }
        _ => (400, r#"{"__type": "ResourceNotFoundException", "Message": "none"}"#),
    };
    (status, answer.to_owned())
}

fn forbidden(_: &str) -> (u16, String) {
    (400, r#"{"__type": "AccessDeniedException", "Message": "User is not authorized"}"#.to_owned())
}

fn build(stage: &Stage, address: &str, more: &[(&str, &str)]) -> Run {
    let variables = [
        ("PATH", "/usr/bin:/bin"),
        ("AWS_ENDPOINT_URL", address),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("HOME", "/nonexistent"),
    ];
    stage.run_with(&["pipeline", "run", "--source", "source"], &[&variables, more].concat())
}

const KNOWN: [(&str, &str); 3] =
    [("AWS_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "not-shown")];

fn stage(name: &str, buildspec: &str) -> Stage {
    let stage = Stage::empty(name);
    fs::create_dir_all(stage.folder.join("source")).unwrap();
    stage.write("source/buildspec.yml", buildspec.as_bytes());
    stage
}

#[test]
fn a_build_has_its_parameters_and_secrets_of_aws() {
    let stage = stage("aws-values", BUILDSPEC);
    let service = Amazon::start(good);
    let run = build(&stage, &service.address, &KNOWN);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("the password is ***"), "{run:?}");
    assert!(!run.stdout.contains("hunter2") && !run.stdout.contains("s3same"), "{run:?}");
    // Parameters come in one request, and a secret with two keys is read once.
    assert_eq!(
        service.asked(),
        [
            r#"GetParameters {"Names":["/shop/password","/shop/user:2"],"WithDecryption":true}"#,
            r#"GetSecretValue {"SecretId":"registry"}"#,
        ]
    );
}

#[test]
fn what_is_missing_is_told_at_once() {
    let stage = stage("aws-missing", BUILDSPEC);
    let service = Amazon::start(nothing);
    let run = build(&stage, &service.address, &KNOWN);
    assert_eq!(run.status, 1, "{run:?}");
    for part in [
        "variable `PASSWORD`: cannot read parameter `/shop/password`: expected it in Parameter Store in `eu-central-1`, \
         found none",
        "variable `USER_NAME`: cannot read parameter `/shop/user:2`",
        "variable `TOKEN`: cannot read secret `registry`: expected it in Secrets Manager in `eu-central-1`, found none",
    ] {
        assert!(run.stdout.contains(part), "{part}: {run:?}");
    }
}

#[test]
fn who_may_not_or_is_nobody_is_told_so() {
    let stage = stage("aws-refused", BUILDSPEC);
    let service = Amazon::start(forbidden);
    let run = build(&stage, &service.address, &KNOWN);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("found `AccessDeniedException`: User is not authorized"), "{run:?}");
    assert!(
        run.stdout.contains("allow `secretsmanager:GetSecretValue`") && !run.stdout.contains("not-shown"),
        "{run:?}"
    );

    let asked = service.asked().len();
    let run = build(&stage, &service.address, &KNOWN[..1]);
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains("cannot find credentials for AWS"), "{run:?}");
    assert!(run.stdout.contains("without AWS, give the values in a file with `--secrets`"), "{run:?}");
    let run = build(&stage, &service.address, &KNOWN[1..]);
    assert!(run.stdout.contains("expected a region, found none"), "{run:?}");
    assert_eq!(service.asked().len(), asked, "nobody was asked");
}

#[test]
fn nobody_is_asked_for_nothing_or_where_there_is_a_file() {
    let stage = stage("aws-unasked", "version: 0.2\nphases:\n  build:\n    commands:\n      - echo plain\n");
    let service = Amazon::start(forbidden);
    let run = build(&stage, &service.address, &KNOWN);
    assert_eq!(run.status, 0, "{run:?}");
    stage.write("source/buildspec.yml", BUILDSPEC.as_bytes());
    stage.write(
        "secrets.toml",
        b"[parameters]\n\"/shop/password\" = \"hunter2\"\n\"/shop/user:2\" = \"shop\"\n\n[secrets.registry]\n\
          token = \"s3same\"\nhost = \"registry.example\"\n",
    );
    let variables = [("PATH", "/usr/bin:/bin"), ("AWS_ENDPOINT_URL", service.address.as_str())];
    let words = ["pipeline", "run", "--source", "source", "--secrets", "secrets.toml"];
    let run = stage.run_with(&words, &[&variables[..], &KNOWN].concat());
    assert_eq!(run.status, 0, "{run:?}");
    assert!(service.asked().is_empty(), "{:?}", service.asked());
}
