//! Keys and signatures in both directions with the `openssl` command.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and read what they made"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use plimsoll_attest::{
    Claim, Envelope, PrivateKey, VerifyingKey, read_private_key, read_public_keys, read_verifying_keys,
    write_key_pair,
};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("plimsoll-openssl-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether there is an `openssl`; says where a test is passed over.
fn present() -> bool {
    let present = Command::new("openssl").arg("version").output().is_ok();
    if !present {
        eprintln!("passed over: there is no `openssl` command here");
    }
    present
}

fn openssl(folder: &Folder, arguments: &[&str]) -> (bool, String) {
    let output = Command::new("openssl").args(arguments).current_dir(&folder.0).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn claim() -> Claim {
    Claim::new("registry.example/db", format!("sha256:{}", "4f".repeat(32)).parse().unwrap())
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

fn decode(base64: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(base64).unwrap()
}

#[test]
fn openssl_verifies_what_is_signed_here() {
    if !present() {
        return;
    }
    let folder = Folder::new("ours");
    let key = PrivateKey::generate().unwrap();
    write_key_pair(&key, &folder.path("key")).unwrap();
    let signed = claim().sign(&key);
    write(&folder.path("claim"), &signed.payload);
    write(&folder.path("signature"), &decode(&signed.signature));
    let verify = [
        "pkeyutl",
        "-verify",
        "-rawin",
        "-pubin",
        "-inkey",
        "key.pub",
        "-in",
        "claim",
        "-sigfile",
        "signature",
    ];
    let (good, text) = openssl(&folder, &verify);
    assert!(good, "{text}");
    // Its private key is one for openssl too, and has this public half.
    let (good, text) = openssl(&folder, &["pkey", "-in", "key", "-pubout"]);
    assert!(good, "{text}");
    assert_eq!(text, key.public().to_pem());
    // The name of a key is the digest of its DER.
    openssl(&folder, &["pkey", "-pubin", "-in", "key.pub", "-pubout", "-outform", "DER", "-out", "der"]);
    let (_, text) = openssl(&folder, &["dgst", "-sha256", "-r", "der"]);
    assert!(text.starts_with(key.public().id().hex()), "{text}");
    write(&folder.path("claim"), &[signed.payload.as_slice(), b" "].concat());
    assert!(!openssl(&folder, &verify).0);
}

#[test]
fn what_openssl_signs_is_verified_here() {
    if !present() {
        return;
    }
    let folder = Folder::new("theirs");
    assert!(openssl(&folder, &["genpkey", "-algorithm", "ed25519", "-out", "key"]).0);
    assert!(openssl(&folder, &["pkey", "-in", "key", "-pubout", "-out", "public"]).0);
    let payload = claim().payload();
    write(&folder.path("claim"), &payload);
    let (good, text) = openssl(
        &folder,
        &["pkeyutl", "-sign", "-rawin", "-inkey", "key", "-in", "claim", "-out", "signature"],
    );
    assert!(good, "{text}");
    let signature = std::fs::read(folder.path("signature")).unwrap();
    let keys = read_public_keys(&folder.path("public")).unwrap();
    assert!(keys[0].verifies(&payload, &signature));
    assert!(!keys[0].verifies(b"other", &signature));
    let read = read_private_key(&folder.path("key")).unwrap();
    assert_eq!(read.key.public(), keys[0]);
    assert_eq!(read.key.sign(&payload).as_slice(), signature, "the signature is the only one there is");
    assert_eq!(read.key.to_pem().expose().as_bytes(), std::fs::read(folder.path("key")).unwrap());
}

#[test]
fn keys_of_other_kinds_are_named() {
    if !present() {
        return;
    }
    let folder = Folder::new("kinds");
    let encrypted =
        ["genpkey", "-algorithm", "ed25519", "-aes-256-cbc", "-pass", "pass:secret", "-out", "encrypted"];
    assert!(openssl(&folder, &encrypted).0);
    let error = read_private_key(&folder.path("encrypted")).unwrap_err();
    assert!(error.to_string().ends_with("found an encrypted key"), "{error}");
    for (name, arguments) in [
        ("rsa", vec!["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", "rsa"]),
        ("p256", vec!["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "p256"]),
        ("ed448", vec!["genpkey", "-algorithm", "ed448", "-out", "ed448"]),
        ("x25519", vec!["genpkey", "-algorithm", "x25519", "-out", "x25519"]),
    ] {
        assert!(openssl(&folder, &arguments).0, "{name}");
        let error = read_private_key(&folder.path(name)).unwrap_err();
        assert!(error.to_string().contains("of another algorithm"), "{error}");
        openssl(&folder, &["pkey", "-in", name, "-pubout", "-out", "public"]);
        assert!(read_public_keys(&folder.path("public")).is_err(), "{name}");
    }
}

#[test]
fn envelopes_that_openssl_signs_are_verified_here() {
    if !present() {
        return;
    }
    let folder = Folder::new("envelopes");
    let mut envelope = Envelope {
        payload_type: "application/vnd.in-toto+json".to_owned(),
        payload: b"{}".to_vec(),
        signatures: Vec::new(),
    };
    write(&folder.path("message"), &envelope.signed_bytes());
    let mut keys: Vec<VerifyingKey> = Vec::new();
    for (generate, sign) in [
        (
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"][..],
            &["dgst", "-sha256", "-sign", "key", "-out", "signature", "message"][..],
        ),
        (
            &["-algorithm", "ed25519"],
            &["pkeyutl", "-sign", "-rawin", "-inkey", "key", "-in", "message", "-out", "signature"],
        ),
    ] {
        assert!(openssl(&folder, &[&["genpkey", "-out", "key"], generate].concat()).0);
        assert!(openssl(&folder, &["pkey", "-in", "key", "-pubout", "-out", "public"]).0);
        let (good, text) = openssl(&folder, sign);
        assert!(good, "{text}");
        envelope.signatures = vec![std::fs::read(folder.path("signature")).unwrap()];
        let key = read_verifying_keys(&folder.path("public")).unwrap();
        assert_eq!(envelope.signed_by(&key), key.first());
        assert_eq!(envelope.signed_by(&keys), None);
        openssl(&folder, &["pkey", "-pubin", "-in", "public", "-pubout", "-outform", "DER", "-out", "der"]);
        let (_, text) = openssl(&folder, &["dgst", "-sha256", "-r", "der"]);
        assert!(text.starts_with(key[0].id().hex()), "{text}");
        keys.extend(key);
    }
    for arguments in [
        &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"][..],
        &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
    ] {
        assert!(openssl(&folder, &[&["genpkey", "-out", "key"], arguments].concat()).0);
        openssl(&folder, &["pkey", "-in", "key", "-pubout", "-out", "public"]);
        let error = read_verifying_keys(&folder.path("public")).unwrap_err();
        assert!(error.to_string().contains("of another algorithm"), "{error}");
    }
}
