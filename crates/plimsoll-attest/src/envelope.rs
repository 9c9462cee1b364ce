//! Signed envelopes: a payload of some type, and signatures of both.
//!
//! Source: DSSE 1.0, `envelope.md` and `protocol.md`; Sigstore bundle, `sigstore_bundle.proto` (its `dsseEnvelope`).

use std::fmt;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

use crate::{Error, SigningKey, VerifyingKey, key::clip};

/// The most bytes of an envelope: base64 takes four for three.
pub const MAX_ENVELOPE_BYTES: usize = 44 << 20;
/// The most bytes of a payload that is signed: in base64 they fit.
const MAX_PAYLOAD_BYTES: usize = 32 << 20;
/// The media type of an envelope in JSON.
pub const ENVELOPE_MEDIA_TYPE: &str = "application/vnd.dsse.envelope.v1+json";
/// The most signatures of one envelope.
const MAX_ENVELOPE_SIGNATURES: usize = 64;
/// The most characters of one of them, in base64.
const MAX_SIGNATURE_CHARS: usize = 4 << 10;

/// A payload and its signatures. Nothing is verified by reading it.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What the payload is: `application/vnd.in-toto+json`.
    pub payload_type: String,
    /// The payload, decoded.
    pub payload: Vec<u8>,
    /// The signatures, decoded; of what kind only the key tells.
    pub signatures: Vec<Vec<u8>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outer {
    payload: Option<serde::de::IgnoredAny>,
    payload_type: Option<serde::de::IgnoredAny>,
    dsse_envelope: Option<Raw>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    payload: String,
    payload_type: String,
    signatures: Vec<RawSignature>,
}

#[derive(Deserialize)]
struct RawSignature {
    sig: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    payload_type: &'a str,
    payload: String,
    signatures: Vec<WrittenSignature>,
}

#[derive(Serialize)]
struct WrittenSignature {
    // Verifiers that name keys in another way pass by a signature that names its own; an empty name is everybody's.
    keyid: &'static str,
    sig: String,
}

impl Envelope {
    /// Reads an envelope, bare or in a Sigstore bundle; `None` for what is none. The certificates and log entries of a
    /// bundle are not looked at. `subject` names it in errors.
    ///
    /// # Errors
    /// [`Error::Envelope`] for an envelope that cannot be read.
    pub fn find(bytes: &[u8], subject: &str) -> Result<Option<Self>, Error> {
        let bad = |expected: &'static str, found: String| Error::Envelope {
            subject: subject.to_owned(),
            expected,
            found,
        };
        // A list would be read as the fields in their order.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Ok(None);
        }
        if bytes.len() > MAX_ENVELOPE_BYTES {
            return Err(bad("at most 44 MiB", format!("{} bytes", bytes.len())));
        }
        let shape = |error: serde_json::Error| {
            bad("`payload`, `payloadType` and `signatures` with `sig`", clip(&error.to_string()))
        };
        let raw = match serde_json::from_slice::<Outer>(bytes) {
            Ok(Outer { dsse_envelope: Some(raw), .. }) => raw,
            Ok(Outer { payload: Some(_), payload_type: Some(_), .. }) => {
                serde_json::from_slice(bytes).map_err(shape)?
            }
            Err(error) if error.is_data() => return Err(shape(error)),
            // Something else, or no JSON: whoever reads it as something else says so.
            Ok(_) | Err(_) => return Ok(None),
        };
        if raw.signatures.len() > MAX_ENVELOPE_SIGNATURES {
            return Err(bad("at most 64 signatures", raw.signatures.len().to_string()));
        }
        let signatures = raw.signatures.iter().map(|signature| {
            let text = signature.sig.trim();
            (text.len() <= MAX_SIGNATURE_CHARS)
                .then(|| decode(text))
                .flatten()
                .ok_or_else(|| bad("signatures in base64", "something else".to_owned()))
        });
        Ok(Some(Self {
            signatures: signatures.collect::<Result<_, _>>()?,
            payload: decode(&raw.payload)
                .ok_or_else(|| bad("a payload in base64", "something else".to_owned()))?,
            payload_type: raw.payload_type,
        }))
    }

    /// Signs a payload.
    ///
    /// # Errors
    /// [`Error::Random`]; [`Error::Envelope`] for a payload that is larger than readers take.
    pub fn sign(payload_type: &str, payload: Vec<u8>, key: &SigningKey) -> Result<Self, Error> {
        let payload_type = payload_type.to_owned();
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(Error::Envelope {
                subject: payload_type,
                expected: "a payload of at most 32 MiB",
                found: format!("{} bytes", payload.len()),
            });
        }
        let mut envelope = Self { payload_type, payload, signatures: Vec::new() };
        envelope.signatures.push(key.sign(&envelope.signed_bytes())?);
        Ok(envelope)
    }

    /// The envelope as it is stored: JSON without blanks, as the specification has its fields.
    pub fn to_json(&self) -> Vec<u8> {
        let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        let signatures = self.signatures.iter();
        let written = Written {
            payload_type: &self.payload_type,
            payload: base64(&self.payload),
            signatures: signatures.map(|bytes| WrittenSignature { keyid: "", sig: base64(bytes) }).collect(),
        };
        serde_json::to_vec(&written).expect("texts have a JSON form")
    }

    /// The key of these that has signed it, if one has.
    pub fn signed_by<'k>(&self, keys: &'k [VerifyingKey]) -> Option<&'k VerifyingKey> {
        let message = self.signed_bytes();
        keys.iter().find(|key| self.signatures.iter().any(|signature| key.verifies(&message, signature)))
    }

    /// What is signed: type and payload, each behind its length, so that neither can be taken for the other.
    ///
    /// Source: DSSE 1.0, "PAE".
    pub fn signed_bytes(&self) -> Vec<u8> {
        let (kind, payload) = (&self.payload_type, &self.payload);
        let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
        message.extend_from_slice(payload);
        message
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, length) = (&self.payload_type, self.payload.len());
        write!(f, "envelope of {length} bytes of `{kind}`, {} signatures", self.signatures.len())
    }
}

/// Decodes base64 of either alphabet, with or without padding: the specification has both.
fn decode(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    GeneralPurpose::new(&alphabet, config).decode(text).ok()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose;

    use super::*;
    use crate::PrivateKey;

    fn envelope(key: &PrivateKey, payload: &[u8]) -> String {
        let kind = "application/vnd.in-toto+json";
        let message =
            Envelope { payload_type: kind.to_owned(), payload: payload.to_vec(), signatures: Vec::new() }
                .signed_bytes();
        let base64 = |bytes: &[u8]| general_purpose::STANDARD.encode(bytes);
        format!(
            r#"{{"payload":"{}","payloadType":"{kind}","signatures":[{{"keyid":"","sig":"{}"}}]}}"#,
            base64(payload),
            base64(&key.sign(&message))
        )
    }

    #[test]
    fn the_signed_bytes_are_those_of_the_specification() {
        let envelope = Envelope {
            payload_type: "http://example.com/HelloWorld".to_owned(),
            payload: b"hello world".to_vec(),
            signatures: Vec::new(),
        };
        assert_eq!(envelope.signed_bytes(), b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn an_envelope_is_read_and_verified() {
        let (one, two) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let text = envelope(&one, b"{}");
        let keys = [VerifyingKey::from(two.public()), VerifyingKey::from(one.public())];
        for text in [text.clone(), format!(r#"{{"mediaType":"x","dsseEnvelope":{text}}}"#)] {
            let found = Envelope::find(text.as_bytes(), "a").unwrap().unwrap();
            assert_eq!(found.payload, b"{}");
            assert_eq!(found.signed_by(&keys), Some(&keys[1]));
            assert_eq!(found.signed_by(&keys[..1]), None);
            assert_eq!(found.signed_by(&[]), None);
            // Of another type, or another payload, nothing was signed.
            let other = Envelope { payload_type: "application/json".to_owned(), ..found.clone() };
            assert_eq!(other.signed_by(&keys), None);
            let other = Envelope { payload: b"{ }".to_vec(), ..found };
            assert_eq!(other.signed_by(&keys), None);
        }
        assert_eq!(decode("_-8"), decode("/+8="));
    }

    #[test]
    fn what_is_signed_is_read_back_and_verified() {
        let keys = [
            SigningKey::from(PrivateKey::generate().unwrap()),
            SigningKey::from_pem(crate::signing_key::tests::P256, "k", None).unwrap(),
        ];
        for key in &keys {
            let envelope = Envelope::sign("application/vnd.in-toto+json", b"{}".to_vec(), key).unwrap();
            let text = envelope.to_json();
            assert!(text.starts_with(br#"{"payloadType":"application/vnd.in-toto+json","payload":"e30=","#));
            let read = Envelope::find(&text, "a").unwrap().unwrap();
            assert_eq!(read, envelope);
            assert_eq!(read.signed_by(&[key.public()]), Some(&key.public()));
        }
        let large = vec![b' '; MAX_PAYLOAD_BYTES + 1];
        assert!(Envelope::sign("x", large, &keys[0]).unwrap_err().to_string().contains("at most 32 MiB"));
    }

    #[test]
    fn what_is_no_envelope_is_none_and_a_broken_one_an_error() {
        for text in ["", "[]", "{}", r#"{"payload":1}"#, r#"{"statements":[]}"#, "<html>", "{"] {
            assert!(Envelope::find(text.as_bytes(), "a").unwrap().is_none(), "{text}");
        }
        let signatures = vec![r#"{"sig":""}"#; MAX_ENVELOPE_SIGNATURES + 1].join(",");
        for text in [
            r#"{"payload":1,"payloadType":"x"}"#.to_owned(),
            r#"{"payload":"!","payloadType":"x","signatures":[]}"#.to_owned(),
            r#"{"payload":"","payloadType":"x","signatures":[{"sig":"!"}]}"#.to_owned(),
            r#"{"payload":"","payloadType":"x","signatures":[{}]}"#.to_owned(),
            r#"{"dsseEnvelope":[]}"#.to_owned(),
            format!(r#"{{"payload":"","payloadType":"x","signatures":[{signatures}]}}"#),
            format!(r#"{{"payload":"","payloadType":"x","signatures":[{{"sig":"{}"}}]}}"#, "A".repeat(5000)),
        ] {
            let error = Envelope::find(text.as_bytes(), "a").unwrap_err().to_string();
            assert!(error.starts_with("cannot read the signed envelope `a`: expected "), "{error}");
        }
    }
}
