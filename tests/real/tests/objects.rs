//! Reports into somebody else's S3: moto, looked at with boto3.

#![expect(clippy::disallowed_methods, reason = "tests read the files that they wrote")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;

use plimsoll_real::{Objects, Plimsoll, Run, Scratch};
use serde_json::{Value, json};

/// A report of Trivy's with so many findings, whose descriptions have so many characters.
fn report(findings: usize, description: usize) -> Vec<u8> {
    let findings: Vec<Value> = (0..findings)
        .map(|number| {
            json!({
                "VulnerabilityID": format!("CVE-2020-{}", 10_000 + number), "PkgName": "openssl",
                "InstalledVersion": "1.1.1k-1", "FixedVersion": "1.1.1n-0", "Status": "fixed", "Severity": "HIGH",
                "Title": "a title", "Description": format!("{number} ").repeat(description / 6 + 1),
            })
        })
        .collect();
    json!({
        "SchemaVersion": 2, "CreatedAt": "2025-01-02T03:04:05Z", "ArtifactName": "registry.example/team/app:1.2",
        "ArtifactType": "container_image", "Metadata": {"OS": {"Family": "debian", "Name": "11.1"}},
        "Results": [{"Target": "app", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": findings}],
    })
    .to_string()
    .into_bytes()
}

fn written(folder: &Scratch, name: &str, bytes: &[u8]) -> String {
    let path = folder.path(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn with_keys(call: Plimsoll, objects: &Objects) -> Plimsoll {
    call.variable("AWS_ENDPOINT_URL", objects.address())
        .variable("AWS_ACCESS_KEY_ID", &objects.keys.0)
        .variable("AWS_SECRET_ACCESS_KEY", &objects.keys.1)
}

fn good(run: &Run) {
    assert_eq!(run.status, Some(0), "`{}` failed:\n{}", run.call, run.stderr);
}

#[test]
fn a_report_lies_where_its_template_says_with_tags_and_encryption() {
    let (objects, folder) = (Objects::start(false), Scratch::new());
    let file = written(&folder, "report.json", &report(3, 10));
    let place = format!("json=s3://{}/{{repository}}/{{tag}}_results.json", Objects::BUCKET);
    let call = Plimsoll::bare(&["convert", &file, "--output", &place, "--s3-sse", "AES256"]).arguments(&[
        "--s3-tag",
        "team=web / co+1",
        "--s3-tag",
        "stage=test",
        "--s3-storage-class",
        "STANDARD_IA",
    ]);
    good(&with_keys(call, &objects).run());
    assert_eq!(objects.all(), ["team/app/1.2_results.json"]);
    let shown = objects.show("team/app/1.2_results.json");
    assert_eq!(shown["tags"], json!({"team": "web / co+1", "stage": "test"}));
    assert_eq!((&shown["sse"], &shown["class"]), (&json!("AES256"), &json!("STANDARD_IA")));
    assert_eq!(shown["type"], "application/json");

    let call = Plimsoll::bare(&["convert", &file, "--output", "sarif=s3://results/kms.sarif"])
        .arguments(&["--s3-sse-kms-key", "11111111-2222-3333-4444-555555555555"]);
    good(&with_keys(call, &objects).run());
    let shown = objects.show("kms.sarif");
    assert_eq!(
        (&shown["sse"], &shown["kms"]),
        (&json!("aws:kms"), &json!("11111111-2222-3333-4444-555555555555"))
    );
}

#[test]
fn what_is_large_goes_in_parts_and_arrives_whole() {
    let (objects, folder) = (Objects::start(false), Scratch::new());
    let file = written(&folder, "large.json", &report(8_000, 9_600));
    let local = folder.path("local.json");
    let place = format!("json={}", local.display());
    let call =
        Plimsoll::bare(&["convert", &file, "--output", &place, "--output", "json=s3://results/large.json"])
            .arguments(&["--s3-tag", "size=large"]);
    good(&with_keys(call, &objects).run());
    let bytes = fs::read(&local).unwrap();
    assert!(bytes.len() > 64 << 20, "{} bytes are too few to be sent in parts", bytes.len());
    let shown = objects.show("large.json");
    assert_eq!(shown["size"], bytes.len());
    // The tag of an object of parts names their number.
    assert!(shown["etag"].as_str().unwrap().contains('-'), "{shown}");
    assert_eq!(shown["tags"], json!({"size": "large"}));
}

#[test]
fn of_two_writers_the_second_is_told() {
    let (objects, folder) = (Objects::start(false), Scratch::new());
    let file = written(&folder, "report.json", &report(1, 10));
    let call = || {
        let call =
            Plimsoll::bare(&["convert", &file, "--output", "json=s3://results/one.json", "--if-absent"]);
        with_keys(call, &objects).run()
    };
    good(&call());
    let before = objects.show("one.json");
    let second = call();
    assert_eq!(second.status, Some(6), "{}", second.stderr);
    assert!(second.stderr.contains("expected no object of this key, found one"), "{}", second.stderr);
    assert!(second.stderr.contains("note: the report was kept in `./one.json`"), "{}", second.stderr);
    assert_eq!(objects.show("one.json"), before);
}

#[test]
fn signatures_are_right_and_wrong_keys_are_told() {
    let (objects, folder) = (Objects::start(true), Scratch::new());
    let file = written(&folder, "report.json", &report(1, 10));
    // Names that must be encoded in a request, and so in its signature.
    let key = "a b/ü+&=$@:,;!'()*~#%25/[x]";
    let place = format!("json=s3://results/{key}");
    let call = || Plimsoll::bare(&["convert", &file, "--output", &place]);
    good(&with_keys(call(), &objects).run());
    assert_eq!(objects.all(), [key]);
    for (id, secret, hint) in [
        (objects.keys.0.as_str(), "another", "AWS_SECRET_ACCESS_KEY"),
        ("AKIAIOSFODNN7EXAMPLE", "another", "AWS_ACCESS_KEY_ID"),
    ] {
        let run = with_keys(call(), &objects)
            .variable("AWS_ACCESS_KEY_ID", id)
            .variable("AWS_SECRET_ACCESS_KEY", secret)
            .run();
        assert_eq!(run.status, Some(6), "{}", run.stderr);
        assert!(
            run.stderr.contains(hint) && run.stderr.contains("note: the report was kept in"),
            "{}",
            run.stderr
        );
        assert!(!run.stderr.contains("another"), "{}", run.stderr);
    }
    let elsewhere = Plimsoll::bare(&["convert", &file, "--output", "json=s3://nobodys-bucket/x.json"]);
    let run = with_keys(elsewhere, &objects).run();
    assert_eq!(run.status, Some(6), "{}", run.stderr);
    assert!(
        run.stderr.contains("NoSuchBucket") && run.stderr.contains("make the bucket first"),
        "{}",
        run.stderr
    );
    let nowhere = with_keys(call(), &objects).variable("AWS_ENDPOINT_URL", "http://127.0.0.1:9").run();
    assert_eq!(nowhere.status, Some(6), "{}", nowhere.stderr);
    assert!(nowhere.stderr.contains("at http://127.0.0.1:9"), "{}", nowhere.stderr);
}

#[test]
fn keys_come_from_where_awss_tools_look() {
    let (objects, folder) = (Objects::start(true), Scratch::new());
    let file = written(&folder, "report.json", &report(1, 10));
    let (id, secret) = (&objects.keys.0, &objects.keys.1);
    let json_keys = json!({"Version": 1, "AccessKeyId": id, "SecretAccessKey": secret}).to_string();
    let answer = written(&folder, "keys.json", json_keys.as_bytes());
    let address = objects.address();
    let config = written(
        &folder,
        "config",
        format!(
            "[profile program]\ncredential_process = cat \"{answer}\"\nendpoint_url = {address}\nregion = us-east-1\n\
             [profile services]\nservices = local\n[services local]\ns3 =\n  endpoint_url = {address}\n"
        )
        .as_bytes(),
    );
    let credentials = written(
        &folder,
        "credentials",
        format!("[services]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n").as_bytes(),
    );
    let call =
        |name: &str| Plimsoll::bare(&["convert", &file, "--output", &format!("json=s3://results/{name}")]);
    for profile in ["program", "services"] {
        let call = call(profile)
            .variable("AWS_CONFIG_FILE", &config)
            .variable("AWS_SHARED_CREDENTIALS_FILE", &credentials)
            .variable("AWS_PROFILE", profile);
        good(&call.run());
    }
    let service = container(
        json!({"AccessKeyId": id, "SecretAccessKey": secret, "Token": "",
        "Expiration": "2100-01-01T00:00:00Z"})
        .to_string(),
    );
    let token = written(&folder, "token", b"Bearer abc\n");
    let by_service = call("container")
        .variable("AWS_ENDPOINT_URL_S3", &address)
        .variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", &service)
        .variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token);
    good(&by_service.run());
    assert_eq!(objects.all(), ["container", "program", "services"]);

    let nobody = call("nobody")
        .variable("AWS_ENDPOINT_URL", &address)
        .variable("AWS_EC2_METADATA_DISABLED", "true")
        .run();
    assert_eq!(nobody.status, Some(6), "{}", nobody.stderr);
    assert!(nobody.stderr.contains("cannot find credentials for AWS"), "{}", nobody.stderr);
}

#[test]
fn a_store_in_a_bucket_is_filled_read_and_pruned() {
    let (objects, folder) = (Objects::start(true), Scratch::new());
    let first = written(&folder, "first.json", &report(3, 10));
    // Two scans of the same packages: one inventory.
    let text = String::from_utf8(report(5, 10)).unwrap().replace("2025-01-02", "2025-02-03");
    let second = written(&folder, "second.json", text.as_bytes());
    objects.put("old/deep/second.json", Path::new(&second));
    let store = |words: &[&str]| {
        let call =
            Plimsoll::bare(&[&["store"], words].concat()).variable("PLIMSOLL_STORE", "s3://results/lake");
        with_keys(call, &objects).run()
    };
    let run = store(&["add", &first, "s3://results/old/"]);
    good(&run);
    assert_eq!(String::from_utf8_lossy(&run.stdout), "stored 2 reports in s3://results/lake\n");
    let run = store(&["add", &first]);
    assert_eq!(
        String::from_utf8_lossy(&run.stdout),
        "stored 0 reports in s3://results/lake, 1 had been there\n"
    );
    let keys = objects.all();
    let of = |folder: &str| keys.iter().filter(|key| key.starts_with(&format!("lake/{folder}/"))).count();
    assert_eq!(
        (of("reports/registry.example/team/app/1.2"), of("verdicts"), of("inventories")),
        (2, 2, 1),
        "{keys:?}"
    );
    assert!(of("tables/v1/findings") > 0, "{keys:?}");
    let run = store(&["get", "registry.example/team/app:1.2"]);
    assert_eq!(run.stdout, text.as_bytes());
    let run = store(&["prune", "--keep-last", "1", "--dry-run", "--json"]);
    good(&run);
    let pruned: Value = serde_json::from_slice(&run.stdout).unwrap();
    // What was stored just now stays.
    assert_eq!((&pruned["reports"], &pruned["dry_run"]), (&json!(0), &json!(true)));
}

/// A container's service that gives these keys to who bears the token.
fn container(keys: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/keys", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
            let known = head.to_ascii_lowercase().contains("authorization: bearer abc\r\n");
            let (status, body) = if known { ("200 OK", keys.as_str()) } else { ("401 Unauthorized", "") };
            let length = body.len();
            let mut stream = stream;
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    address
}
