//! From bytes to a document: bare, as an in-toto statement, or in a signed envelope.

use std::collections::BTreeMap;

use plimsoll_attest::{Envelope, VerifyingKey};
use plimsoll_vex::{Document, read};
use serde::Deserialize;

use crate::Error;

/// How the type of an in-toto statement in an envelope begins.
///
/// Source: in-toto attestation framework 1.0, "Envelope": `application/vnd.in-toto+json`, or one of a predicate's own.
const STATEMENT_TYPE: &str = "application/vnd.in-toto";

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

/// Why something could not be opened.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: Error,
    /// Whether it says of itself that it is a document.
    pub(crate) is_sure: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, is_sure: false }
    }
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
pub(crate) fn open(bytes: &[u8], name: &str, rules: &Rules<'_>) -> Result<Opened, Failed> {
    let envelope = Envelope::find(bytes, name).map_err(Error::from)?;
    let bytes = envelope.as_ref().map_or(bytes, |envelope| &envelope.payload);
    let statement = statement(bytes, name)?;
    if let Some(statement) = &statement
        && !is_vex_predicate(&statement.predicate_type)
    {
        return Ok(Opened::Other(statement.predicate_type.clone()));
    }
    let is_sure = statement.as_ref().is_some_and(|statement| is_vex(&statement.predicate_type));
    let refused = |expected, found| Ok(Opened::Refused { expected, found, is_sure });
    // Who signs bytes of another type has not signed a statement, whatever they look like.
    if let (Some(envelope), Some(_)) = (&envelope, &statement)
        && !envelope.payload_type.starts_with(STATEMENT_TYPE)
    {
        let found = format!("one of `{}`", clip(&envelope.payload_type));
        return refused(format!("an envelope of `{STATEMENT_TYPE}+json`"), found);
    }
    let is_verified = match signer(envelope.as_ref(), rules) {
        Ok(signer) => signer.is_some(),
        Err(found) => {
            let names: Vec<String> = rules.keys.iter().map(ToString::to_string).collect();
            return refused(format!("a signature by {}", names.join(" or ")), found.to_owned());
        }
    };
    let about_image = || rules.image.map(|image| format!("a statement on `{}`", image.join("` or `")));
    // A signature that could be taken from beside another image says nothing of this one.
    if let (Some(expected), true, None) = (about_image(), is_verified, &statement) {
        return refused(expected, "a signed document that is bound to no image".to_owned());
    }
    if let (Some(image), Some(expected), Some(statement)) = (rules.image, about_image(), &statement) {
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
            return refused(expected, found);
        }
    }
    let document = Box::new(read(bytes, name).map_err(|error| Failed { error: error.into(), is_sure })?);
    Ok(Opened::Document { document, is_verified, is_enveloped: envelope.is_some() })
}

/// The in-toto statement that some bytes are. What is none is left to the reader of documents, which says what it is; what
/// could be one and has fields of other shapes, or twice, is refused, so that no other reader takes it for one.
fn statement(bytes: &[u8], name: &str) -> Result<Option<Statement>, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match serde_json::from_slice::<Statement>(bytes) {
        Ok(statement) => Ok(Some(statement).filter(|found| found.kind.starts_with("https://in-toto.io/"))),
        Err(source) if source.is_data() && bytes.trim_ascii_start().starts_with(b"{") => {
            Err(plimsoll_vex::Error::Syntax { name: name.to_owned(), source }.into())
        }
        Err(_) => Ok(None),
    }
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
