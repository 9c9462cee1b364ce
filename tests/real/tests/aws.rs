//! Parameters, secrets and ECR of somebody else's AWS, which checks signatures.

use std::fs;

use plimsoll_aws::{Aws, EcrRegistry, Error, Options, Secret};
use plimsoll_real::{Amazon, Plimsoll, Scratch};
use serde_json::Value;

/// One with things in it that checks signatures, what they are called, and who may ask.
fn filled() -> (Amazon, Value, Vec<(String, String)>) {
    let amazon = Amazon::start();
    let made = amazon.call(&["fill"]);
    amazon.be_strict();
    let text = |name: &str| made[name].as_str().expect("our script prints it").to_owned();
    let variables = amazon.variables(&text("id"), &text("secret"));
    (amazon, made, variables)
}

fn asking(variables: &[(String, String)]) -> Aws {
    Aws::new(&Options::from_variables(variables.iter().cloned())).expect("no profile is read")
}

fn said(value: Option<&Secret>) -> Option<&str> {
    value.map(Secret::expose)
}

#[test]
fn parameters_are_read_by_name_version_label_and_arn() {
    let (_amazon, made, variables) = filled();
    let aws = asking(&variables);
    let arn = made["parameterArn"].as_str().unwrap();
    let names = ["/shop/password", "/shop/password:1", "/shop/password:former", "/many/03", "/none", arn];
    let values = aws.parameters(&names).unwrap();
    let found: Vec<_> = names.iter().map(|name| said(values[*name].as_ref())).collect();
    assert_eq!(
        found,
        [Some("hunter2"), Some("hunter1"), Some("hunter1"), Some("value 3"), None, Some("hunter2")]
    );
    // More than one request may ask for.
    let many: Vec<String> = (0..12).map(|number| format!("/many/{number:02}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let values = aws.parameters(&many).unwrap();
    assert!(values.values().all(Option::is_some) && values.len() == 12);
}

#[test]
fn secrets_are_read_in_the_version_that_is_meant() {
    let (_amazon, made, variables) = filled();
    let aws = asking(&variables);
    assert_eq!(aws.secret("plain", None, None).unwrap().expose(), "open sesame");
    let token = |stage: Option<&str>, version: Option<&str>, id: &str| {
        let text = aws.secret(id, stage, version).unwrap();
        let json: Value = serde_json::from_str(text.expose()).unwrap();
        json["token"].as_str().unwrap().to_owned()
    };
    let arn = made["secretArn"].as_str().unwrap();
    assert_eq!(token(None, None, "registry"), "s3same");
    assert_eq!(token(Some("AWSPREVIOUS"), None, "registry"), "former");
    assert_eq!(token(None, made["secretVersion"].as_str(), arn), "former");
    assert!(aws.secret("none", None, None).unwrap_err().is_missing());
    assert!(aws.secret("registry", Some("none"), None).unwrap_err().is_missing());
}

#[test]
fn a_registry_of_ecr_gives_a_login_its_repositories_and_images() {
    let (_amazon, made, variables) = filled();
    let aws = asking(&variables);
    let account = made["registry"].as_str().unwrap();
    let registry = EcrRegistry::of_host(&format!("{account}.dkr.ecr.eu-central-1.amazonaws.com")).unwrap();
    let login = aws.ecr_login(&registry).unwrap();
    assert_eq!(login.user, "AWS");
    assert!(!login.password.expose().is_empty());
    let repositories = aws.ecr_repositories(&registry).unwrap();
    let names: Vec<&str> = repositories.iter().map(|repository| repository.name.as_str()).collect();
    assert_eq!(names, ["empty", "team/app", "team/base"]);
    let images = aws.ecr_images(&registry, "team/app").unwrap();
    assert_eq!(images.len(), 2);
    for image in &images {
        let (tags, digest) = match image.tags.len() {
            1 => ("1.0", &made["digests"]["1.0"]),
            _ => ("1.1,latest", &made["digests"]["1.1"]),
        };
        assert_eq!((image.tags.join(",").as_str(), image.digest.as_str()), (tags, digest.as_str().unwrap()));
        assert!(image.pushed.is_some());
    }
    assert!(aws.ecr_images(&registry, "empty").unwrap().is_empty());
    assert!(aws.ecr_images(&registry, "none").unwrap_err().is_missing());
}

#[test]
fn a_wrong_key_is_told_and_not_shown() {
    let (amazon, made, _) = filled();
    let id = made["id"].as_str().unwrap();
    for (id, secret) in [(id, "walk-the-plank"), ("AKIANOBODY", "walk-the-plank")] {
        let error = asking(&amazon.variables(id, secret)).parameters(&["/shop/password"]).unwrap_err();
        let told = format!("{error} {:?}", error.hint());
        assert!(matches!(error, Error::Refused { .. }), "{told}");
        assert!(told.contains("AWS_ACCESS_KEY_ID") && !told.contains("walk-the-plank"), "{told}");
    }
}

#[test]
fn a_build_has_both_and_shows_neither() {
    let (_amazon, made, variables) = filled();
    let folder = Scratch::new();
    let buildspec = format!(
        "\
version: 0.2
env:
  parameter-store:
    PASSWORD: /shop/password
    FORMER: /shop/password:1
  secrets-manager:
    TOKEN: registry:token
    HOST: {}:host
    OLD_TOKEN: registry:token:AWSPREVIOUS
phases:
  build:
    commands:
      - test \"$PASSWORD $FORMER $TOKEN $HOST $OLD_TOKEN\" = 'hunter2 hunter1 s3same registry.example former'
      - echo \"it is $PASSWORD\"
",
        made["secretArn"].as_str().unwrap()
    );
    fs::write(folder.path("buildspec.yml"), buildspec).unwrap();
    let source = folder.path("");
    let mut call = Plimsoll::bare(&["pipeline", "run", "--source", source.to_str().unwrap()]);
    for (name, value) in &variables {
        call = call.variable(name, value);
    }
    let run = call.run();
    let stdout = String::from_utf8_lossy(&run.stdout);
    assert_eq!(run.status, Some(0), "{stdout}{}", run.stderr);
    assert!(stdout.contains("it is ***") && !stdout.contains("hunter2"), "{stdout}");
}
