use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;

use super::*;

/// A server that gives these answers, one for each request, and tells what it was asked.
fn server(answers: Vec<(u16, String)>) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (asked, received) = mpsc::channel();
    std::thread::spawn(move || {
        for (status, body) in answers {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            let _ = asked.send(head);
        }
    });
    (address, received)
}

/// A folder with `~/.aws/config` and `~/.aws/credentials`.
fn home(name: &str, config: &str, credentials: &str) -> PathBuf {
    let home = std::env::temp_dir().join(format!("plimsoll-credentials-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&home);
    std::fs::create_dir_all(home.join(".aws/sso/cache")).unwrap();
    std::fs::write(home.join(".aws/config"), config).unwrap();
    std::fs::write(home.join(".aws/credentials"), credentials).unwrap();
    home
}

fn keys(variables: &[(&str, &str)]) -> Result<Keys, Error> {
    // No machine's service is asked in tests.
    let off = [("AWS_EC2_METADATA_DISABLED", "true")];
    let has_machine = variables.iter().any(|(name, _)| name.starts_with("AWS_EC2"));
    let off = off.iter().filter(|_| !has_machine);
    let pairs = variables.iter().chain(off).map(|&(name, value)| (name.to_owned(), value.to_owned()));
    let options = Options::from_variables(pairs);
    let profiles = Profiles::read(&options.variables, None)?;
    Places {
        variables: options.variables,
        profiles,
        region: "eu-central-1".to_owned(),
        outside: Client::new(&plimsoll_http::Options { retries: 0, ..plimsoll_http::Options::default() }),
    }
    .keys()
}

fn id(variables: &[(&str, &str)]) -> Result<String, String> {
    keys(variables).map(|keys| keys.credential.key_id.clone()).map_err(|error| error.to_string())
}

const SERVICE_KEYS: &str = r#"{"AccessKeyId": "SERVICE", "SecretAccessKey": "s", "Token": "t",
    "Expiration": "2100-01-01T00:00:00Z", "Code": "Success"}"#;

#[test]
fn places_are_looked_at_in_their_order() {
    let config = "\
[profile work]
aws_access_key_id = WORK
aws_secret_access_key = s
[profile program]
credential_process = printf '{\"Version\": 1, \"AccessKeyId\": \"PROGRAM\", \"SecretAccessKey\": \"s\"}'
[profile half]
aws_access_key_id = HALF
[profile nothing]
region = eu-west-1
[profile mfa]
role_arn = arn:aws:iam::1:role/a
source_profile = work
mfa_serial = x
[profile a]
role_arn = arn:aws:iam::1:role/a
source_profile = b
[profile b]
role_arn = arn:aws:iam::1:role/b
source_profile = a
[profile alone]
role_arn = arn:aws:iam::1:role/b
";
    let home = home("order", config, "[default]\naws_access_key_id=DEFAULT\naws_secret_access_key=s\n");
    let home = home.to_str().unwrap();
    let (service, asked) = server(vec![(200, SERVICE_KEYS.to_owned())]);
    let full = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", service.as_str());
    let environment = [("AWS_ACCESS_KEY_ID", "ENV"), ("AWS_SECRET_ACCESS_KEY", "s")];
    assert_eq!(id(&[environment[0], environment[1], ("HOME", home), full]), Ok("ENV".to_owned()));
    assert_eq!(id(&[("HOME", home), full]), Ok("DEFAULT".to_owned()));
    assert_eq!(id(&[("HOME", home), ("AWS_PROFILE", "work")]), Ok("WORK".to_owned()));
    assert_eq!(id(&[("HOME", home), ("AWS_PROFILE", "program")]), Ok("PROGRAM".to_owned()));
    let token = ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer hunter2");
    assert_eq!(id(&[("HOME", home), ("AWS_PROFILE", "nothing"), full, token]), Ok("SERVICE".to_owned()));
    let asked = asked.recv().unwrap().to_ascii_lowercase();
    assert!(asked.contains("authorization: bearer hunter2"), "{asked}");
    for (variables, part) in [
        (&[("HOME", home), ("AWS_PROFILE", "nobody")][..], "cannot find the profile `nobody`"),
        (&[("HOME", home), ("AWS_PROFILE", "half")], "`aws_access_key_id` without `aws_secret_access_key`"),
        (&[("HOME", home), ("AWS_PROFILE", "mfa")], "whose code nobody is there to type"),
        (&[("HOME", home), ("AWS_PROFILE", "a")], "8 and more that lead to one another"),
        (&[("HOME", home), ("AWS_PROFILE", "alone")], "found `role_arn` alone"),
        (&[("HOME", home), environment[0]], "found the first alone"),
        (&[("HOME", "/plimsoll/none")], "found none"),
        (&[("AWS_ACCESS_KEY_ID", "A"), ("AWS_SECRET_ACCESS_KEY", "hunter2\r\nx: y")], "no usable secret key"),
        (
            &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://keys.example/a")],
            "expected `https`, loopback, or the services of ECS and EKS",
        ),
    ] {
        let error = id(variables).unwrap_err();
        assert!(error.contains(part) && !error.contains("hunter2"), "{variables:?}: {error}");
    }
    // Somebody else's home folder, or none, does not matter to whom the environment gives keys.
    let nowhere = [environment[0], environment[1], ("HOME", "/dev/null")];
    assert_eq!(id(&nowhere), Ok("ENV".to_owned()));
    let named = ("AWS_CONFIG_FILE", "/dev/null/config");
    assert!(
        id(&[environment[0], environment[1], named]).unwrap_err().contains("cannot read `/dev/null/config`")
    );
    std::fs::remove_dir_all(home).unwrap();
}

#[test]
fn a_role_is_assumed_with_the_keys_of_another_profile() {
    let answer =
        "<R xmlns=\"x\"><Credentials><AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
        <SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></R>";
    let (service, asked) = server(vec![(200, answer.to_owned()), (200, answer.to_owned())]);
    let config = "\
[profile base]
aws_access_key_id = BASE
aws_secret_access_key = s
[profile role]
role_arn = arn:aws:iam::123456789012:role/a b
source_profile = base
external_id = e
region = eu-west-1
";
    let home = home("role", config, "");
    std::fs::write(home.join("token"), "web.identity.token\n").unwrap();
    let text = home.to_str().unwrap();
    let sts = ("AWS_ENDPOINT_URL_STS", service.as_str());
    assert_eq!(id(&[("HOME", text), ("AWS_PROFILE", "role"), sts]), Ok("ROLE".to_owned()));
    let request = asked.recv().unwrap();
    for part in [
        "GET /?Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fa%20b&",
        "&ExternalId=e ",
        "Credential=BASE/",
        "/eu-west-1/sts/aws4_request",
    ] {
        assert!(request.contains(part), "{request}");
    }
    let token = home.join("token");
    let web = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/a"),
        ("HOME", text),
        sts,
    ];
    assert_eq!(id(&web), Ok("ROLE".to_owned()));
    let request = asked.recv().unwrap();
    assert!(request.starts_with("POST / ") && !request.contains("web.identity"), "{request}");
    std::fs::remove_dir_all(home).unwrap();
}

#[test]
fn a_login_gives_keys_while_it_lasts() {
    let answer = r#"{"roleCredentials": {"accessKeyId": "SSO", "secretAccessKey": "s", "sessionToken": "t",
        "expiration": 4102444800000}}"#;
    let (service, asked) = server(vec![(200, answer.to_owned()), (401, String::new())]);
    let config = "\
[profile work]
sso_session = team
sso_account_id = 123456789012
sso_role_name = Reader
[sso-session team]
sso_start_url = https://team.awsapps.com/start
sso_region = eu-west-1
[profile old]
sso_start_url = https://old.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 1
sso_role_name = r
";
    let home = home("sso", config, "");
    let text = home.to_str().unwrap();
    let variables = [("HOME", text), ("AWS_PROFILE", "work"), ("AWS_ENDPOINT_URL_SSO", service.as_str())];
    let error = id(&variables).unwrap_err();
    assert!(error.contains("nobody has logged in"), "{error}");
    // SHA-1 of `team`, as `printf team | sha1sum` says.
    let cache = home.join(".aws/sso/cache/d25187dc137f35c88bc80ec8c3ffbdb17b5eb873.json");
    std::fs::write(&cache, r#"{"accessToken": "hunter2", "expiresAt": "2000-01-01T00:00:00UTC"}"#).unwrap();
    assert!(id(&variables).unwrap_err().contains("it ended at 2000-01-01"));
    std::fs::write(&cache, r#"{"accessToken": "hunter2", "expiresAt": "2100-01-01T00:00:00Z"}"#).unwrap();
    assert_eq!(id(&variables), Ok("SSO".to_owned()));
    let request = asked.recv().unwrap();
    assert!(
        request.starts_with("GET /federation/credentials?account_id=123456789012&role_name=Reader "),
        "{request}"
    );
    assert!(request.to_ascii_lowercase().contains("x-amz-sso_bearer_token: hunter2"), "{request}");
    let error = id(&variables).unwrap_err();
    assert!(error.contains("the portal does not take it any more") && !error.contains("hunter2"), "{error}");
    std::fs::remove_dir_all(home).unwrap();
}

#[test]
fn a_machine_gives_keys_or_is_none() {
    let found = |answers: Vec<(u16, &str)>| {
        let answers = answers.into_iter().map(|(status, body)| (status, body.to_owned())).collect();
        let (service, _asked) = server(answers);
        id(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.as_str())])
    };
    assert_eq!(found(vec![(200, "T"), (200, "role\n"), (200, SERVICE_KEYS)]), Ok("SERVICE".to_owned()));
    for (answers, part) in [
        (vec![(404, "")], "(no answer from EC2's metadata service)"),
        (vec![(200, "T"), (404, "")], "(an instance of EC2 without a role)"),
        (vec![(200, "T"), (200, "<html>\u{1}")], "expected the name of a role"),
        (vec![(200, "T"), (200, "role"), (200, "{}")], "no such keys"),
        (vec![(200, "T"), (200, "role"), (500, "")], "cannot"),
    ] {
        let error = found(answers).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn keys_are_kept_until_they_nearly_end() {
    let soon = (now() + SignedDuration::from_mins(3)).to_string();
    let answer = |id: &str, ends: &str| {
        (
            200,
            format!(
                r#"{{"AccessKeyId": "{id}", "SecretAccessKey": "s", "Token": "t", "Expiration": "{ends}"}}"#
            ),
        )
    };
    let answers = vec![answer("ONE", &soon), answer("TWO", "2100-01-01T00:00:00Z")];
    let (service, _asked) = server(answers);
    let pairs = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", service.as_str())];
    let options =
        Options::from_variables(pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
    let chain = Chain::new(&options, Profiles::default(), "eu-west-1");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ids: Vec<String> =
        (0..3).map(|_| runtime.block_on(chain.get_credential()).unwrap().key_id.clone()).collect();
    assert_eq!(ids, ["ONE", "TWO", "TWO"]);
    assert_eq!(format!("{chain:?}"), "Chain { .. }");
}
