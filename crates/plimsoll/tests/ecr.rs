//! A registry of ECR: opened with its own token, listed by its own service. Ours stands behind a proxy in its place.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};

use plimsoll_testkit::image::ImageBuilder;
use plimsoll_testkit::registry::{Auth, Registry};
use serde_json::{Value, json};
use support::amazon::Amazon;
use support::{Run, Stage, image, push};

const HOST: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
/// `AWS:hunter2`.
const TOKEN: &str = "QVdTOmh1bnRlcjI=";
const CLEAN: &str = "//- layer\n//- file etc/os-release\nID=debian\nVERSION_ID=\"11\"\n";

/// A proxy that leads every host to one address.
fn proxy(to: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let to = to.clone();
            std::thread::spawn(move || forward(stream, &to));
        }
    });
    address
}

/// Passes on what comes behind `CONNECT`, or a request whose address is whole.
fn forward(mut client: TcpStream, to: &str) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let Ok(mut server) = TcpStream::connect(to) else { return };
    let head = String::from_utf8(head).unwrap();
    if head.starts_with("CONNECT ") {
        let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
    } else {
        let _ = server.write_all(head.replacen(&format!("http://{HOST}"), "", 1).as_bytes());
    }
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
}

struct Scene {
    stage: Stage,
    registry: Registry,
    proxy: String,
}

impl Scene {
    fn new(name: &str) -> Self {
        let stage = Stage::new(name);
        assert_eq!(stage.run(&["db", "keygen", "--output", "ours.key"]).status, 0);
        let registry = Registry::start();
        let proxy = proxy(registry.host());
        Self { stage, registry, proxy }
    }

    fn close(&self) {
        self.registry.require(Auth::Basic { user: "AWS".to_owned(), password: "hunter2".to_owned() });
    }

    fn run(&self, amazon: &Amazon, words: &[&str]) -> Run {
        let variables = [
            ("HTTP_PROXY", self.proxy.as_str()),
            ("http_proxy", &self.proxy),
            ("NO_PROXY", "127.0.0.1"),
            ("PLIMSOLL_INSECURE_HTTP", HOST),
            ("AWS_ENDPOINT_URL_ECR", &amazon.address),
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", "not-shown"),
        ];
        self.stage.run_with(words, &variables)
    }
}

fn token() -> (u16, String) {
    let data = json!({"authorizationToken": TOKEN, "expiresAt": 4_102_444_800.0});
    (200, json!({"authorizationData": [data]}).to_string())
}

#[test]
fn an_image_is_opened_with_a_token_that_is_not_shown() {
    let scene = Scene::new("ecr-token");
    push(&scene.registry, &image(), "team/app", "1");
    scene.close();
    let amazon = Amazon::start(|action| match action {
        "GetAuthorizationToken" => token(),
        _ => (400, json!({"__type": "AccessDeniedException", "message": "no"}).to_string()),
    });
    let target = format!("{HOST}/team/app:1");
    let run = scene.run(&amazon, &["sbom", &target, "--no-cache"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("libssl1.1"), "{run:?}");
    // One token for manifest, config and layers.
    assert_eq!(amazon.asked(), ["GetAuthorizationToken {}"]);
    assert!(!format!("{run:?}").contains("hunter2"), "{run:?}");

    // What Docker's files know goes before.
    let config = json!({"auths": {HOST: {"auth": TOKEN}}}).to_string();
    std::fs::create_dir_all(scene.stage.folder.join("home/.docker")).unwrap();
    scene.stage.write("home/.docker/config.json", config.as_bytes());
    assert_eq!(scene.run(&amazon, &["sbom", &target, "--no-cache"]).status, 0);
    assert_eq!(amazon.asked().len(), 1);
}

#[test]
fn who_gets_no_token_is_told_why() {
    let scene = Scene::new("ecr-refused");
    push(&scene.registry, &image(), "team/app", "1");
    scene.close();
    let amazon = Amazon::start(|_| {
        (400, json!({"__type": "AccessDeniedException", "message": "User is not authorized"}).to_string())
    });
    let run = scene.run(&amazon, &["sbom", &format!("{HOST}/team/app:1"), "--no-cache"]);
    assert_eq!(run.status, 3, "{run:?}");
    for part in ["GetAuthorizationToken", "AccessDeniedException", "allow `ecr:GetAuthorizationToken`"] {
        assert!(run.stderr.contains(part), "{part}: {run:?}");
    }
    assert!(!run.stderr.contains("not-shown"), "{run:?}");
}

#[test]
fn the_audit_sees_what_was_pushed_without_a_tag() {
    let scene = Scene::new("ecr-audit");
    let passed = ImageBuilder::from_text(CLEAN).build();
    let planted = ImageBuilder::from_text(&format!("{CLEAN}//- file srv/planted\nx\n")).build();
    push(&scene.registry, &passed, "plimsoll/production", "1");
    push(&scene.registry, &planted, "plimsoll/production", "planted");
    scene.close();
    let digest = |tag: &str| {
        let (_, bytes) = scene.registry.manifest("plimsoll/production", tag).unwrap();
        plimsoll_testkit::image::sha256(&bytes)
    };
    let (passed, planted) = (digest("1"), digest("planted"));
    scene.registry.remove_manifest("plimsoll/production", "planted");
    let amazon = Amazon::start(move |action| match action {
        "GetAuthorizationToken" => token(),
        "DescribeRepositories" => {
            let names = ["other", "plimsoll/production"].map(|name| json!({"repositoryName": name}));
            (200, json!({"repositories": names}).to_string())
        }
        "DescribeImages" => {
            let images =
                [json!({"imageDigest": passed, "imageTags": ["1"]}), json!({"imageDigest": planted})];
            (200, json!({"imageDetails": images}).to_string())
        }
        _ => (400, json!({"__type": "UnknownOperationException"}).to_string()),
    });
    let target = format!("{HOST}/plimsoll/production:1");
    let run = scene.run(
        &amazon,
        &[
            "scan",
            &target,
            "--db",
            "plimsoll.db",
            "--fail-on",
            "critical",
            "--attest",
            "--sign-key",
            "ours.key",
        ],
    );
    assert_eq!(run.status, 0, "{run:?}");
    let production = format!("{HOST}/plimsoll/production");
    let words =
        ["registry", "audit", "--production", &production, "--key", "ours.key.pub", "--format", "json"];
    let run = scene.run(&amazon, &words);
    assert_eq!(run.status, 1, "{run:?}");
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    let rows: Vec<String> = document["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {}", row["status"].as_str().unwrap(), row["tags"][0].as_str().unwrap()))
        .collect();
    assert_eq!(rows, [format!("bypassed {}", digest_of(&document, 0)), "passed 1".to_owned()]);
}

#[test]
fn a_registry_is_listed_by_its_own_service() {
    let scene = Scene::new("ecr-list");
    push(&scene.registry, &image(), "team/app", "1");
    scene.close();
    let (_, manifest) = scene.registry.manifest("team/app", "1").unwrap();
    let digest = plimsoll_testkit::image::sha256(&manifest);
    let amazon = Amazon::start(move |action| match action {
        "GetAuthorizationToken" => token(),
        "DescribeRepositories" => {
            (200, json!({"repositories": [{"repositoryName": "team/app"}]}).to_string())
        }
        _ => {
            let tagged = json!({"imageDigest": digest, "imageTags": ["1"], "imagePushedAt": 1_767_225_600.0});
            let untagged = json!({"imageDigest": format!("sha256:{}", "4f1a".repeat(16))});
            (200, json!({"imageDetails": [tagged, untagged]}).to_string())
        }
    });
    let run = scene.run(&amazon, &["registry", "list", HOST, "--format", "json"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.stdout.contains("2026-01-01T00:00:00Z") && run.stdout.contains("\"team/app\""), "{run:?}");
    // What has no tag is no row of a list.
    assert!(!run.stdout.contains("4f1a4f1a"), "{run:?}");
    assert!(scene.registry.requests().iter().all(|request| !request.path.contains("_catalog")));

    let amazon = Amazon::start(|_| {
        (400, json!({"__type": "AccessDeniedException", "message": "User is not authorized"}).to_string())
    });
    let run = scene.run(&amazon, &["registry", "list", HOST]);
    assert_eq!(run.status, 3, "{run:?}");
    assert!(run.stderr.contains("allow `ecr:DescribeRepositories`"), "{run:?}");
}

fn digest_of(document: &Value, row: usize) -> &str {
    document["images"][row]["digest"].as_str().unwrap()
}
