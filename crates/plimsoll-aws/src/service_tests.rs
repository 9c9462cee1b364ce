use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::EcrRegistry;

/// A server that gives these answers, one for each request, and tells what it was asked: head and body.
fn server(answers: &[(u16, &str)]) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (asked, received) = mpsc::channel();
    let answers: Vec<(u16, String)> =
        answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
    std::thread::spawn(move || {
        for (status, body) in answers {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
            let lower = head.to_ascii_lowercase();
            let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            let mut sent = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
            reader.read_exact(&mut sent).unwrap();
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            let _ = asked.send(format!("{lower}{}", String::from_utf8_lossy(&sent)));
        }
    });
    (address, received)
}

/// One that asks this address alone, with keys of its own.
fn aws(address: &str, more: &[(&str, &str)]) -> Aws {
    let own = [
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("AWS_SESSION_TOKEN", "session"),
        ("AWS_ENDPOINT_URL", address),
        ("AWS_REGION", "eu-central-1"),
    ];
    let pairs = own.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let options = Options::from_variables(pairs);
    Aws::new(&Options { back_off: Duration::from_millis(1), retries: 2, ..options }).unwrap()
}

#[test]
fn parameters_are_asked_for_signed_and_come_under_the_names_they_were_asked_by() {
    let (address, asked) = server(&[
        (
            200,
            r#"{"Parameters": [
                {"Name": "/a", "Type": "SecureString", "Value": "one", "Version": 3, "Selector": ":3",
                 "ARN": "arn:aws:ssm:eu-central-1:123456789012:parameter/a"},
                {"Name": "/b", "Type": "String", "Value": "two", "Version": 1,
                 "ARN": "arn:aws:ssm:eu-central-1:123456789012:parameter/b"}],
               "InvalidParameters": ["/none"]}"#,
        ),
        (200, r#"{"Parameters": [{"Name": "/a", "Value": "old"}]}"#),
    ]);
    let arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/b";
    let values = aws(&address, &[]).parameters(&["/a:3", "/a:2", arn, "/none"]).unwrap();
    let found: Vec<_> =
        values.iter().map(|(name, value)| (name.as_str(), value.as_ref().map(Secret::expose))).collect();
    // `/a:3` comes behind `/a:2`, and so in a request of its own: the second.
    assert_eq!(found, [("/a:2", Some("one")), ("/a:3", Some("old")), ("/none", None), (arn, Some("two"))]);
    assert!(!format!("{values:?}").contains("two"));
    let request = asked.recv().unwrap();
    for part in [
        "post / http/1.1\r\n",
        "content-type: application/x-amz-json-1.1\r\n",
        "x-amz-target: amazonssm.getparameters\r\n",
        "credential=akid/",
        "/eu-central-1/ssm/aws4_request",
        "signedheaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amz-target,",
        "x-amz-security-token: session\r\n",
        r#"{"Names":["/a:2","/none","arn:aws:ssm:eu-central-1:123456789012:parameter/b"],"WithDecryption":true}"#,
    ] {
        assert!(request.contains(part), "{part}: {request}");
    }
    assert!(asked.recv().unwrap().contains(r#"{"Names":["/a:3"],"#));
}

#[test]
fn a_secret_is_text_in_the_version_that_is_meant() {
    // `dGhyZWU=` is `three`; `/w==` is no text.
    let (address, asked) = server(&[
        (200, r#"{"Name": "db", "SecretString": "{\"user\": \"shop\"}", "VersionId": "v"}"#),
        (200, r#"{"Name": "db", "SecretBinary": "dGhyZWU="}"#),
        (200, r#"{"Name": "db", "SecretBinary": "/w=="}"#),
        (400, r#"{"__type":"ResourceNotFoundException","Message":"Secrets Manager can't find it."}"#),
    ]);
    let aws = aws(
        &address,
        &[("AWS_ENDPOINT_URL_SECRETS_MANAGER", &address), ("AWS_ENDPOINT_URL", "http://127.0.0.1:1")],
    );
    assert_eq!(aws.secret("db", Some("AWSPREVIOUS"), None).unwrap().expose(), r#"{"user": "shop"}"#);
    assert_eq!(aws.secret("db", None, Some("v")).unwrap().expose(), "three");
    let error = aws.secret("db", None, None).unwrap_err();
    assert!(
        error.to_string().contains("expected a text, found other bytes") && !error.is_missing(),
        "{error}"
    );
    let error = aws.secret("db", None, None).unwrap_err();
    assert!(error.is_missing(), "{error}");
    let asked: Vec<String> = asked.iter().take(3).collect();
    assert!(asked[0].contains("x-amz-target: secretsmanager.getsecretvalue\r\n"), "{}", asked[0]);
    assert!(asked[0].ends_with(r#"{"SecretId":"db","VersionStage":"AWSPREVIOUS"}"#), "{}", asked[0]);
    assert!(asked[1].ends_with(r#"{"SecretId":"db","VersionId":"v"}"#), "{}", asked[1]);
    assert!(asked[2].ends_with(r#"{"SecretId":"db"}"#), "{}", asked[2]);
}

#[test]
fn a_login_is_kept_for_its_region_and_lists_are_read_to_their_end() {
    let (address, asked) = server(&[
        (
            200,
            r#"{"authorizationData":[{"authorizationToken":"QVdTOmh1bnRlcjI=","expiresAt":4102444800.5}]}"#,
        ),
        (200, r#"{"repositories":[{"repositoryName":"team/app","repositoryArn":"a"}],"nextToken":"more"}"#),
        (200, r#"{"repositories":[{"repositoryName":"base","repositoryUri":"u"}],"nextToken":""}"#),
        (
            200,
            r#"{"imageDetails":[{"imageDigest":"sha256:b","imageTags":["2","1"],"imagePushedAt":1.7e9,
                "imageSizeInBytes":7,"imageManifestMediaType":"m"},{"imageDigest":"sha256:a"}],"nextToken":null}"#,
        ),
        (200, r#"{"repositories":[],"nextToken":"more"}"#),
        (200, r#"{"repositories":[],"nextToken":"more"}"#),
        (400, r#"{"__type":"RepositoryNotFoundException","message":"none"}"#),
    ]);
    let registry = EcrRegistry::of_host("123456789012.dkr.ecr.eu-west-1.amazonaws.com").unwrap();
    let aws = aws(&address, &[]);
    let logins = [aws.ecr_login(&registry).unwrap(), aws.ecr_login(&registry).unwrap()];
    assert_eq!(logins[0], logins[1]);
    assert_eq!((logins[0].user.as_str(), logins[0].password.expose()), ("AWS", "hunter2"));
    let names: Vec<String> =
        aws.ecr_repositories(&registry).unwrap().into_iter().map(|repository| repository.name).collect();
    assert_eq!(names, ["base", "team/app"]);
    let images = aws.ecr_images(&registry, "team/app").unwrap();
    assert_eq!(images[0].digest, "sha256:a");
    assert!(images[0].tags.is_empty() && images[0].pushed.is_none());
    assert_eq!((images[1].tags.join(","), images[1].size_bytes), ("1,2".to_owned(), 7));
    assert_eq!(images[1].pushed.unwrap().to_string(), "2023-11-14T22:13:20Z");
    let error = aws.ecr_repositories(&registry).unwrap_err().to_string();
    assert!(error.contains("expected another page, found the same one again"), "{error}");
    assert!(aws.ecr_images(&registry, "none").unwrap_err().is_missing());
    let asked: Vec<String> = asked.iter().take(3).collect();
    // The region is the registry's, not the one that is set.
    assert!(asked[0].contains("/eu-west-1/ecr/aws4_request"), "{}", asked[0]);
    assert!(asked[1].ends_with(r#"{"registryId":"123456789012","maxResults":1000}"#), "{}", asked[1]);
    assert!(asked[2].ends_with(r#""maxResults":1000,"nextToken":"more"}"#), "{}", asked[2]);
}

#[test]
fn a_service_that_has_too_much_to_do_is_asked_again() {
    let throttled = (400, r#"{"__type":"com.amazonaws.ssm#ThrottlingException","message":"Rate exceeded"}"#);
    let good = (200, r#"{"Parameters": [{"Name": "a", "Value": "v"}]}"#);
    let (address, _asked) = server(&[throttled, throttled, good]);
    assert_eq!(aws(&address, &[]).parameters(&["a"]).unwrap()["a"].as_ref().unwrap().expose(), "v");
    let (address, _asked) = server(&[throttled, throttled, throttled]);
    let error = aws(&address, &[]).parameters(&["a"]).unwrap_err().to_string();
    assert!(error.contains("found `ThrottlingException`: Rate exceeded"), "{error}");
}

#[test]
fn what_a_service_says_is_told_and_a_value_is_not() {
    for (answer, part, hint) in [
        (
            (400, r#"{"__type":"AccessDeniedException","Message":"User is not authorized"}"#),
            "cannot read parameter `a` at `http://127.0.0.1:",
            Some("allow `ssm:GetParameters`"),
        ),
        (
            (400, r#"{"__type":"UnrecognizedClientException","message":"The security token is invalid"}"#),
            "expected an answer, found `UnrecognizedClientException`: The security token is invalid",
            Some("AWS_ACCESS_KEY_ID"),
        ),
        (
            (400, r#"{"__type":"ExpiredTokenException","message":"\u001b[31m"}"#),
            "\\u{1b}[31m",
            Some("new credentials"),
        ),
        ((403, "<html>no</html>"), "found status 403", None),
        (
            (403, "<E><Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error></E>"),
            "found `SignatureDoesNotMatch`: no",
            Some("AWS_SECRET_ACCESS_KEY"),
        ),
        ((200, "<html>hunter2</html>"), "found other bytes at line 1, column 1", None),
        ((200, r#"{"Parameters": "hunter2"}"#), "found other bytes at line 1", None),
        ((200, r#"{"Parameters": [{"Name": "a", "Value": 5}]}"#), "found other bytes at line 1", None),
        ((200, ""), "found other bytes", None),
    ] {
        let (address, _asked) = server(&[answer]);
        let error = aws(&address, &[]).parameters(&["a"]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(part) && !text.contains("hunter2"), "{text}");
        let found = error.hint();
        assert_eq!(found.is_some(), hint.is_some(), "{text}: {found:?}");
        assert!(hint.is_none_or(|hint| found.unwrap().contains(hint)), "{text}");
    }
}

#[test]
fn where_a_service_lies_follows_the_region() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let service = Service { host: "ssm", signed: "ssm", variable: "SSM", target: "AmazonSSM" };
    let address = |pairs: Vec<(String, String)>, region: &str| {
        let aws = Aws::new(&Options::from_variables(pairs)).unwrap();
        aws.address(&service, region).unwrap_or_else(|error| error.to_string())
    };
    assert_eq!(address(vec![], "eu-central-1"), "https://ssm.eu-central-1.amazonaws.com");
    assert_eq!(address(vec![], "cn-north-1"), "https://ssm.cn-north-1.amazonaws.com.cn");
    assert!(address(vec![], "evil.example/").contains("expected one as `eu-central-1`"));
    assert_eq!(address(vec![pair("AWS_ENDPOINT_URL", "http://all/")], "a"), "http://all");
    let own = vec![pair("AWS_ENDPOINT_URL", "http://all"), pair("AWS_ENDPOINT_URL_SSM", "http://own")];
    assert_eq!(address(own, "a"), "http://own");
    let wrong = address(vec![pair("AWS_ENDPOINT_URL", "https://u:hunter2@x")], "a");
    assert!(wrong.contains("without credentials") && !wrong.contains("hunter2"), "{wrong}");
    let nowhere = Aws::new(&Options::default()).unwrap().parameters(&["a"]).unwrap_err();
    assert_eq!(nowhere.to_string(), "cannot read parameter `a`: expected a region, found none");
    assert!(nowhere.hint().unwrap().contains("AWS_REGION"));
}
