//! Attestations in Debian's registry, which has no list of referrers, judged by other people's libraries and by `openssl`.

use base64::Engine as _;
use plimsoll_real::{Access, Plimsoll, Registry, Run, Scratch, attest_judge, copy_as_docker, database_store};
use serde_json::Value;

struct Scene {
    folder: Scratch,
    registry: Registry,
    digest: String,
}

impl Scene {
    fn new() -> Self {
        let registry = Registry::empty(Access::Anyone);
        let url = format!("http://{}", registry.address());
        let digest = attest_judge(&["image", &url, "app", "1"]);
        let digest = digest.as_str().expect("our script prints a digest").to_owned();
        Self { folder: Scratch::new(), registry, digest }
    }

    fn file(&self, name: &str) -> String {
        self.folder.path(name).display().to_string()
    }

    fn name(&self) -> String {
        format!("{}/app:1", self.registry.address())
    }

    /// A pair of keys of ours.
    fn keys(&self) -> (String, String) {
        let file = self.file("ours.key");
        let made = Plimsoll::bare(&["db", "keygen", "--output", &file]).run();
        assert_eq!(made.status, Some(0), "{}", made.stderr);
        let public = format!("{file}.pub");
        (file, public)
    }

    fn attest(&self, key: &str) -> Run {
        let scan = Plimsoll::scan(&self.name(), &database_store().path).without_cache();
        scan.arguments(&["--fail-on", "high", "--attest", "--sign-key", key])
            .variable("SOURCE_DATE_EPOCH", "1760000000")
            .variable("COSIGN_PASSWORD", "keel-haul 7")
            .run()
    }

    fn verify(&self, public: &str) -> Run {
        Plimsoll::bare(&["verify", &self.name(), "--key", public]).run()
    }

    fn judged(&self, public: &str) -> Vec<Value> {
        let url = format!("http://{}", self.registry.address());
        let judged = attest_judge(&["judge", &url, "app", &self.digest, public]);
        judged.as_array().expect("our script prints a list").clone()
    }

    fn sign(&self, more: &[&str]) {
        let url = format!("http://{}", self.registry.address());
        attest_judge(&[&["sign", &url, "app", &self.digest], more].concat());
    }
}

fn good(run: &Run) {
    assert_eq!(run.status, Some(0), "`{}` failed:\n{}", run.call, run.stderr);
}

/// What is signed here, others verify and read; the fall-back tag and cosign's hold the same envelope.
#[test]
fn what_is_signed_here_others_verify() {
    let scene = Scene::new();
    let (secret, public) = scene.keys();
    for _ in 0..2 {
        good(&scene.attest(&secret));
    }
    let judged = scene.judged(&public);
    let kinds: Vec<&str> = judged.iter().filter_map(|one| one["kind"].as_str()).collect();
    assert_eq!(kinds, ["tag", "referrer"], "the same twice is there once");
    for one in &judged {
        assert_eq!(one["verified"], true);
        assert_eq!(one["payload_type"], "application/vnd.in-toto+json");
        assert_eq!(one["media_type"], "application/vnd.dsse.envelope.v1+json");
        let statement = &one["statement"];
        assert_eq!(statement["subject"][0]["digest"]["sha256"], scene.digest[7..]);
        assert_eq!(statement["predicateType"], "https://cosign.sigstore.dev/attestation/vuln/v1");
        assert_eq!(statement["predicate"]["metadata"]["scanFinishedOn"], "2025-10-09T08:53:20Z");
    }
    good(&scene.verify(&public));
    // A key of somebody else verifies none of it.
    let other = Scene::new();
    let (_, stranger) = other.keys();
    assert!(scene.judged(&stranger).iter().all(|one| one["verified"] == false));
    assert_eq!(scene.verify(&stranger).status, Some(1));
}

/// A key that cosign has encrypted signs what others verify.
#[test]
fn a_key_of_cosigns_form_signs() {
    let scene = Scene::new();
    let file = scene.file("cosign.key");
    attest_judge(&["cosign-key", &file, "keel-haul 7"]);
    good(&scene.attest(&file));
    let public = format!("{file}.pub");
    let judged = scene.judged(&public);
    assert_eq!(judged.len(), 2);
    assert!(judged.iter().all(|one| one["verified"] == true));
    good(&scene.verify(&public));
    attest_judge(&["cosign-key", &file, "another"]);
    let run = scene.attest(&file);
    assert_eq!(run.status, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("this password does not open"), "{}", run.stderr);
}

/// What others have signed and laid beside an image is verified here.
#[test]
fn what_others_sign_is_verified_here() {
    let now = "2025-10-09T08:53:20Z";
    for algorithm in
        [&["-algorithm", "ed25519"][..], &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]]
    {
        let scene = Scene::new();
        let (secret, public) = (scene.file("k.pem"), scene.file("k.pub"));
        openssl(&[&["genpkey", "-out", &secret], algorithm].concat());
        openssl(&["pkey", "-in", &secret, "-pubout", "-out", &public]);
        scene.sign(&[&secret, now, "passed"]);
        let run = scene.verify(&public);
        good(&run);
        let text = String::from_utf8_lossy(&run.stdout);
        assert!(text.contains("build   elsewhere elsewhere-1"), "{text}");
        scene.sign(&[&secret, now, "failed"]);
        assert_eq!(scene.verify(&public).status, Some(1));
        // Signed, and about another image.
        let other = format!("sha256:{}", "0".repeat(64));
        scene.sign(&[&secret, now, "passed", &other]);
        let run = scene.verify(&public);
        assert_eq!(run.status, Some(1));
        assert!(String::from_utf8_lossy(&run.stdout).contains("it speaks of `sha256:0000"), "{run:?}");
    }
}

/// What came past the pipeline is named; what skopeo has only written in another form is recognised.
#[test]
fn the_audit_tells_what_came_past_the_pipeline() {
    let scene = Scene::new();
    let (secret, public) = scene.keys();
    let production = Registry::empty(Access::Anyone);
    let (from, to) = (scene.name(), format!("{}/shop/app:1", production.address()));
    good(&scene.attest(&secret));
    good(&Plimsoll::bare(&["promote", &from, &to, "--key", &public]).run());
    let (staging, place) = (scene.registry.address().to_string(), production.address().to_string());
    let audit = || {
        let words = ["registry", "audit", "--staging", &staging, "--production", &place, "--key", &public];
        let run = Plimsoll::bare(&words).arguments(&["--format", "json"]).run();
        let read: Value = serde_json::from_slice(&run.stdout).expect("it writes JSON");
        let rows = read["images"].as_array().expect("a list").iter();
        let rows: Vec<String> =
            rows.map(|row| format!("{} {}", row["status"], row["tags"][0]).replace('"', "")).collect();
        (run.status, rows)
    };
    assert_eq!(audit(), (Some(0), vec!["passed 1".to_owned()]));
    copy_as_docker(&from, &format!("{}/shop/app:docker", production.address()));
    assert_eq!(audit(), (Some(0), vec!["same-content docker".to_owned(), "passed 1".to_owned()]));
    attest_judge(&["image", &format!("http://{place}"), "shop/app", "smuggled"]);
    let (status, rows) = audit();
    assert_eq!(status, Some(1));
    assert_eq!(rows[0], "bypassed smuggled");
}

/// `openssl` alone verifies an envelope that was written into a file.
#[test]
fn openssl_verifies_an_envelope() {
    let scene = Scene::new();
    let (secret, public) = scene.keys();
    let file = scene.file("att.json");
    let scan = Plimsoll::scan(&scene.name(), &database_store().path).without_cache();
    good(&scan.arguments(&["--fail-on", "high", "--attest-output", &file, "--sign-key", &secret]).run());
    #[expect(
        clippy::disallowed_methods,
        reason = "a small file that the program under test has just written"
    )]
    let envelope: Value =
        serde_json::from_slice(&std::fs::read(&file).expect("it was written")).expect("it is JSON");
    let decode = |text: &Value| {
        let text = text.as_str().expect("base64");
        base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
    };
    let (kind, payload) = (envelope["payloadType"].as_str().expect("a type"), decode(&envelope["payload"]));
    let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    message.extend(payload);
    let (signed, signature) = (scene.file("message"), scene.file("signature"));
    std::fs::write(&signed, message).expect("a file of ours");
    std::fs::write(&signature, decode(&envelope["signatures"][0]["sig"])).expect("a file of ours");
    openssl(&[
        "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", &public, "-in", &signed, "-sigfile", &signature,
    ]);
}

fn openssl(arguments: &[&str]) {
    let output =
        std::process::Command::new("openssl").args(arguments).output().expect("openssl is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
