//! From bytes to a document: bare, as an in-toto statement, or in a signed envelope.

use std::collections::BTreeMap;

use plimsoll_attest::{Envelope, VerifyingKey};
use plimsoll_vex::{Document, read};
use serde::Deserialize;

use crate::Error;

/// Which documents are taken.
pub(crate) struct Rules<'a> {
    /// Whose signatures are believed; without a key nothing is checked.
    pub(crate) keys: &'a [VerifyingKey],
    /// Whether, with a key, a document without a signature is refused.
    pub(crate) must_be_signed: bool,
    /// Digests of the image that an in-toto statement must speak of.
    pub(crate) image: Option<&'a [String]>,
}

/// What some bytes were.
#[derive(Debug)]
pub(crate) enum Opened {
    /// A document that is taken.
    Document {
        document: Box<Document>,
        /// Whether a key of ours has signed it.
        is_verified: bool,
        /// Whether it was in an envelope.
        is_enveloped: bool,
    },
    /// A statement of another kind: provenance, a bill of materials.
    Other(String),
    /// A document that is not taken, and why: what was expected, and found.
    Refused {
        expected: String,
        found: String,
        /// Whether it says of itself that it is one.
        is_sure: bool,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type", default)]
    kind: String,
    #[serde(default)]
    predicate_type: String,
    #[serde(default)]
    subject: Vec<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    digest: BTreeMap<String, String>,
}

/// Opens a document. `name` is what it is called.
pub(crate) fn open(bytes: &[u8], name: &str, rules: &Rules<'_>) -> Result<Opened, Error> {
    let envelope = Envelope::find(bytes, name)?;
    let bytes = envelope.as_ref().map_or(bytes, |envelope| &envelope.payload);
    // What is no statement is left to the reader of documents, which says what it is.
    let statement = serde_json::from_slice::<Statement>(bytes)
        .ok()
        .filter(|statement| statement.kind.starts_with("https://in-toto.io/"));
    if let Some(statement) = &statement
        && !is_vex_predicate(&statement.predicate_type)
    {
        return Ok(Opened::Other(statement.predicate_type.clone()));
    }
    let is_sure = statement.as_ref().is_some_and(|statement| is_vex(&statement.predicate_type));
    let refused = |expected, found| Ok(Opened::Refused { expected, found, is_sure });
    let is_verified = match signer(envelope.as_ref(), rules) {
        Ok(signer) => signer.is_some(),
        Err(found) => {
            let names: Vec<String> = rules.keys.iter().map(ToString::to_string).collect();
            return refused(format!("a signature by {}", names.join(" or ")), found.to_owned());
        }
    };
    if let (Some(image), Some(statement)) = (rules.image, &statement) {
        let digests: Vec<String> = statement
            .subject
            .iter()
            .flat_map(|subject| &subject.digest)
            .map(|(algorithm, hex)| format!("{algorithm}:{hex}"))
            .collect();
        if !digests.iter().any(|digest| image.contains(digest)) {
            let found = match digests.first() {
                Some(digest) => format!("one on `{}`", clip(digest)),
                None => "one on nothing".to_owned(),
            };
            return refused(format!("a statement on `{}`", image.join("` or `")), found);
        }
    }
    let document = Box::new(read(bytes, name)?);
    Ok(Opened::Document { document, is_verified, is_enveloped: envelope.is_some() })
}

/// The key that has signed an envelope, where one is asked for; else what there is instead.
fn signer<'k>(
    envelope: Option<&Envelope>,
    rules: &Rules<'k>,
) -> Result<Option<&'k VerifyingKey>, &'static str> {
    match envelope {
        _ if rules.keys.is_empty() => Ok(None),
        None if rules.must_be_signed => Err("no signature"),
        None => Ok(None),
        Some(envelope) if envelope.signatures.is_empty() => Err("no signature"),
        Some(envelope) => {
            envelope.signed_by(rules.keys).map(Some).ok_or("a signature by another key, or of other bytes")
        }
    }
}

/// Whether a predicate of an in-toto statement may be a document: `https://openvex.dev/ns/v0.2.0`,
/// `https://cyclonedx.org/bom`.
pub(crate) fn is_vex_predicate(kind: &str) -> bool {
    is_vex(kind) || kind.to_ascii_lowercase().contains("cyclonedx")
}

/// Whether a media type or a predicate's says that something is a document, for sure.
///
/// There is no one media type: `application/vnd.openvex+json` is what most write, `application/openvex+json`,
/// `application/vnd.cyclonedx.vex+json` and `application/csaf+json` are met as well.
pub(crate) fn is_vex(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    kind.contains("vex") || kind.contains("csaf")
}

/// Foreign text, made short enough for a message and free of control characters.
pub(crate) fn clip(text: &str) -> String {
    text.chars().take(200).flat_map(char::escape_debug).collect()
}
