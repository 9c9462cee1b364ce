//! Private keys as cosign encrypts them: scrypt makes a key of the password, `XSalsa20` and Poly1305 seal with it.
//!
//! Source: go-securesystemslib, `encrypted` (the JSON of `ENCRYPTED SIGSTORE PRIVATE KEY`); RFC 7914 (scrypt); `NaCl`,
//! "`crypto_secretbox`".

use base64::Engine as _;
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit as _;
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit as _, StreamCipher as _};
use serde::Deserialize;

use crate::key::wipe;

/// How it is told that there is no password.
pub(crate) const NO_PASSWORD: &str = "an encrypted key, and no password for it";

const DAMAGED: &str = "an encrypted key that is damaged";
const UNKNOWN: &str = "a key that is encrypted in another way than with scrypt and secretbox";
const COSTLY: &str = "an encrypted key whose scrypt takes more than 256 MiB";
const WRONG: &str = "an encrypted key that this password does not open";

/// The most bytes that scrypt may take: 128 N r. cosign's own are 64 MiB.
const MAX_SCRYPT_BYTES: u64 = 256 << 20;
/// The most of its passes, which take their time one behind the other.
const MAX_SCRYPT_PASSES: u32 = 16;
/// The most bytes of a sealed key.
const MAX_SEALED_BYTES: usize = 4 << 10;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

#[derive(Deserialize)]
struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// The bytes that were sealed with a password; else what was found instead.
pub(crate) fn open(json: &[u8], password: &str) -> Result<Vec<u8>, &'static str> {
    let sealed: Sealed = serde_json::from_slice(json).map_err(|_| DAMAGED)?;
    if sealed.kdf.name != "scrypt" || sealed.cipher.name != "nacl/secretbox" {
        return Err(UNKNOWN);
    }
    let base64 = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| DAMAGED);
    let (salt, nonce) = (base64(&sealed.kdf.salt)?, base64(&sealed.cipher.nonce)?);
    let ciphertext = base64(&sealed.ciphertext)?;
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| DAMAGED)?;
    if ciphertext.len() > MAX_SEALED_BYTES {
        return Err(DAMAGED);
    }
    let mut key = derive(password, &salt, &sealed.kdf.params)?;
    let opened = unseal(&key, &nonce, &ciphertext).ok_or(WRONG);
    wipe(&mut key);
    opened
}

fn derive(password: &str, salt: &[u8], params: &Params) -> Result<[u8; KEY_BYTES], &'static str> {
    let Params { n, r, p } = *params;
    if !n.is_power_of_two() || n < 2 || r == 0 || p == 0 {
        return Err(DAMAGED);
    }
    let bytes = n.checked_mul(u64::from(r)).and_then(|blocks| blocks.checked_mul(128));
    if p > MAX_SCRYPT_PASSES || bytes.is_none_or(|bytes| bytes > MAX_SCRYPT_BYTES) {
        return Err(COSTLY);
    }
    let log_n = u8::try_from(n.trailing_zeros()).expect("a number of 64 bits has at most 64 of them");
    let params = scrypt::Params::new(log_n, r, p).map_err(|_| DAMAGED)?;
    let mut key = [0; KEY_BYTES];
    scrypt::scrypt(password.as_bytes(), salt, &params, &mut key).map_err(|_| DAMAGED)?;
    Ok(key)
}

/// Opens a secret box: the tag, then what the stream behind its first 32 bytes hides.
fn unseal(key: &[u8; KEY_BYTES], nonce: &[u8; NONCE_BYTES], sealed: &[u8]) -> Option<Vec<u8>> {
    let (tag, hidden) = sealed.split_at_checked(TAG_BYTES)?;
    let mut stream = XSalsa20::new(&(*key).into(), &(*nonce).into());
    let mut once = [0; KEY_BYTES];
    stream.apply_keystream(&mut once);
    let found = Poly1305::new(&once.into()).compute_unpadded(hidden);
    wipe(&mut once);
    // A file of one's own is opened, by hand: how long the comparison takes tells nobody anything.
    if found.as_slice() != tag {
        return None;
    }
    let mut plain = hidden.to_vec();
    stream.apply_keystream(&mut plain);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SigningKey;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    /// Source: D. J. Bernstein, "Cryptography in `NaCl`", section 10, "Example of the sender's computation".
    #[test]
    fn a_published_box_is_opened() {
        let key = hex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389");
        let nonce = hex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37");
        let message = hex(
            "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705",
        );
        let sealed = hex(
            "f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5",
        );
        let (key, nonce) = (key.try_into().unwrap(), nonce.try_into().unwrap());
        assert_eq!(unseal(&key, &nonce, &sealed).unwrap(), message);
        let mut other = sealed.clone();
        other[40] ^= 1;
        assert_eq!(unseal(&key, &nonce, &other), None);
        assert_eq!(unseal(&key, &nonce, &sealed[..15]), None);
    }

    /// A key of these tests, sealed by `PyNaCl` and `hashlib.scrypt` with the password `pass`.
    const SEALED: &str = r#"{"kdf":{"name":"scrypt","params":{"N":1024,"r":8,"p":1},"salt":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},"cipher":{"name":"nacl/secretbox","nonce":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"},"ciphertext":"FZVwmzEkd8NQVStP6StYQ/qMj79M2FYcnEctGGiyW+FClSRXCRKTL5IqktEfbmlrJIHYdnOOKYigoFIRb04bKYZJHUs5aFKX7CzbkVlvlQxa01AKSDg2nNYb4kofU3n74uA8JhzRN/gUcDPBu/w1d3mQ9HdIHZKL9wjs8d52K8pkZptr1OoqFE1SNhJWHHIPDJAXurHEzIdsXQ=="}"#;

    #[test]
    fn a_key_is_opened_with_its_password_alone() {
        let pem = format!(
            "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n{}\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n",
            base64::engine::general_purpose::STANDARD.encode(SEALED)
        );
        let plain = SigningKey::from_pem(crate::signing_key::tests::P256, "k", None).unwrap();
        let opened = SigningKey::from_pem(&pem, "k", Some("pass")).unwrap();
        assert_eq!(opened.public(), plain.public());
        for (password, found) in [(None, NO_PASSWORD), (Some(""), WRONG), (Some("Pass"), WRONG)] {
            let error = SigningKey::from_pem(&pem, "k", password).unwrap_err();
            assert!(error.to_string().ends_with(found), "{error}");
            assert!(error.hint().is_some());
        }
        let older = pem.replace("SIGSTORE", "COSIGN");
        assert!(SigningKey::from_pem(&older, "k", Some("pass")).is_ok());
    }

    #[test]
    fn what_is_sealed_in_another_way_is_refused() {
        for (from, to, found) in [
            ("{", "[", DAMAGED),
            ("scrypt", "pbkdf2", UNKNOWN),
            ("nacl/secretbox", "aes", UNKNOWN),
            ("\"N\":1024", "\"N\":1023", DAMAGED),
            ("\"N\":1024", "\"N\":0", DAMAGED),
            ("\"N\":1024", "\"N\":9223372036854775808", COSTLY),
            ("\"N\":1024", "\"N\":1073741824", COSTLY),
            ("\"r\":8", "\"r\":4294967295", COSTLY),
            ("\"p\":1", "\"p\":1000000", COSTLY),
            ("\"p\":1", "\"p\":-1", DAMAGED),
            ("\"nonce\":\"", "\"nonce\":\"AAAA", DAMAGED),
            ("\"ciphertext\":\"", "\"ciphertext\":\"!", DAMAGED),
        ] {
            assert!(SEALED.contains(from), "{from}");
            let changed = SEALED.replacen(from, to, 1);
            assert_eq!(open(changed.as_bytes(), "pass").unwrap_err(), found, "{to}");
        }
    }
}
