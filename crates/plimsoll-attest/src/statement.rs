//! What an envelope says: in-toto statements, which bind a predicate to digests.
//!
//! Source: in-toto attestation framework, `spec/v1/statement.md`, `spec/v1/resource_descriptor.md`, `spec/v1/envelope.md`;
//! of version 0.1, `spec/v0.1.0/README.md`, "Statement".

use std::collections::BTreeMap;

use plimsoll_model::Digest;
use serde::{Deserialize, Serialize};

use crate::{Envelope, Error, key::clip};

/// The payload type of an envelope that holds a statement.
pub const STATEMENT_PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The type of a statement, as it is written.
const TYPE: &str = "https://in-toto.io/Statement/v1";
/// The types that are read.
const TYPES: [&str; 2] = [TYPE, "https://in-toto.io/Statement/v0.1"];
/// The most subjects of a statement.
const MAX_SUBJECTS: usize = 1_000;

/// Of what a statement speaks, and what kind of thing it says. The predicate itself is read by whoever knows its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it speaks of.
    pub subjects: Vec<StatementSubject>,
    /// The predicate's type: `https://cosign.sigstore.dev/attestation/vuln/v1`.
    pub predicate_type: String,
}

/// Something that a statement speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementSubject {
    /// Its name, `registry.example/app`. A reader does not rely on it: what it is says the digest.
    #[serde(default)]
    pub name: String,
    /// Its digests, by algorithm: `sha256` to 64 hex digits.
    #[serde(default)]
    pub digest: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(rename = "_type")]
    kind: &'a str,
    subject: &'a [StatementSubject],
    predicate_type: &'a str,
    predicate: &'a serde_json::Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<StatementSubject>,
    predicate_type: String,
}

impl StatementSubject {
    /// A manifest.
    pub fn new(name: &str, digest: &Digest) -> Self {
        Self {
            name: name.to_owned(),
            digest: BTreeMap::from([(digest.algorithm().to_owned(), digest.hex().to_owned())]),
        }
    }

    /// The first of its digests, as `sha256:4f1a…`; `None` where it has none.
    pub fn first_digest(&self) -> Option<String> {
        self.digest.iter().next().map(|(algorithm, hex)| format!("{algorithm}:{hex}"))
    }
}

impl Statement {
    /// The bytes of a statement with this predicate: version 1, JSON without blanks. The same gives the same bytes.
    pub fn payload(&self, predicate: &serde_json::Value) -> Vec<u8> {
        let written =
            Written { kind: TYPE, subject: &self.subjects, predicate_type: &self.predicate_type, predicate };
        serde_json::to_vec(&written).expect("texts and JSON have a JSON form")
    }

    /// Reads the statement of an envelope. That it is signed is another question: see [`Envelope::signed_by`]. `subject`
    /// names it in errors.
    ///
    /// # Errors
    /// [`Error::Statement`] for an envelope of another kind, and for what is no statement.
    pub fn of(envelope: &Envelope, subject: &str) -> Result<Self, Error> {
        // Who signs bytes of another type has not signed a statement, whatever they look like.
        if envelope.payload_type != STATEMENT_PAYLOAD_TYPE {
            return Err(Error::Statement {
                subject: subject.to_owned(),
                expected: "an envelope of `application/vnd.in-toto+json`",
                found: format!("one of `{}`", clip(&envelope.payload_type)),
            });
        }
        Self::parse(&envelope.payload, subject)
    }

    /// Reads a statement. `subject` names it in errors.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub fn parse(bytes: &[u8], subject: &str) -> Result<Self, Error> {
        let bad = |expected: &'static str, found: String| Error::Statement {
            subject: subject.to_owned(),
            expected,
            found,
        };
        // A list would be read as the fields in their order.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(bad("a JSON object", "something else".to_owned()));
        }
        let read: Read = serde_json::from_slice(bytes)
            .map_err(|error| bad("`_type`, `subject` and `predicateType`", clip(&error.to_string())))?;
        if !TYPES.contains(&read.kind.as_str()) {
            return Err(bad("an in-toto statement of version 1 or 0.1", format!("`{}`", clip(&read.kind))));
        }
        match read.subject.len() {
            0 => return Err(bad("something that it speaks of", "an empty `subject`".to_owned())),
            1..=MAX_SUBJECTS => {}
            many => return Err(bad("at most 1,000 subjects", many.to_string())),
        }
        Ok(Self { subjects: read.subject, predicate_type: read.predicate_type })
    }

    /// Whether it speaks of the manifest of this digest.
    pub fn speaks_of(&self, digest: &Digest) -> bool {
        self.subjects
            .iter()
            .any(|subject| subject.digest.get(digest.algorithm()).is_some_and(|hex| hex == digest.hex()))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn digest(hex: &str) -> Digest {
        format!("sha256:{}", hex.repeat(32)).parse().unwrap()
    }

    fn statement() -> Statement {
        Statement {
            subjects: vec![StatementSubject::new("registry.example/app", &digest("4f"))],
            predicate_type: "https://example.com/p".to_owned(),
        }
    }

    #[test]
    fn a_statement_is_written_in_version_1_and_read_back() {
        let payload = statement().payload(&serde_json::json!({"a": 1}));
        expect![[r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"registry.example/app","digest":{"sha256":"4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f"}}],"predicateType":"https://example.com/p","predicate":{"a":1}}"#]]
            .assert_eq(std::str::from_utf8(&payload).unwrap());
        assert_eq!(Statement::parse(&payload, "a").unwrap(), statement());
        let older = String::from_utf8(payload).unwrap().replace("Statement/v1", "Statement/v0.1");
        assert_eq!(Statement::parse(older.as_bytes(), "a").unwrap(), statement());
    }

    #[test]
    fn it_speaks_of_its_digests_and_of_no_others() {
        let mut one = statement();
        assert!(one.speaks_of(&digest("4f")) && !one.speaks_of(&digest("5f")));
        one.subjects.push(StatementSubject::new("", &digest("5f")));
        assert!(one.speaks_of(&digest("5f")));
        // Of another algorithm the same digits are another digest.
        one.subjects = vec![StatementSubject {
            name: String::new(),
            digest: BTreeMap::from([("gitCommit".to_owned(), "4f".repeat(32))]),
        }];
        assert!(!one.speaks_of(&digest("4f")));
        assert_eq!(one.subjects[0].first_digest(), Some(format!("gitCommit:{}", "4f".repeat(32))));
    }

    #[test]
    fn what_is_no_statement_is_refused() {
        let good = String::from_utf8(statement().payload(&serde_json::json!({}))).unwrap();
        let subject = r#"{"digest":{}},"#.repeat(MAX_SUBJECTS);
        for bad in [
            String::new(),
            "{}".to_owned(),
            "<html></html>".to_owned(),
            format!("[{good}]"),
            good[..good.len() - 1].to_owned(),
            format!("{good}{good}"),
            good.replace("Statement/v1", "Statement/v2"),
            good.replace("Statement/v1", "Link/v1"),
            good.replace("\"predicateType\"", "\"predicateTypes\""),
            good.replace("\"predicateType\":", "\"predicateType\":\"x\",\"predicateType\":"),
            good.replace("\"sha256\":\"", "\"sha256\":[\""),
            good.replace("[{\"name\"", "[],\"x\":[{\"name\""),
            good.replace("\"subject\":[", &format!("\"subject\":[{subject}")),
            "[".repeat(100_000),
            format!("{{\"predicate\":{}", "[".repeat(100_000)),
        ] {
            let error = Statement::parse(bad.as_bytes(), "a").unwrap_err().to_string();
            assert!(error.starts_with("cannot read the statement `a`: expected "), "{error}");
        }
    }

    #[test]
    fn an_envelope_of_another_type_holds_no_statement() {
        let payload = statement().payload(&serde_json::json!({}));
        let mut envelope =
            Envelope { payload_type: STATEMENT_PAYLOAD_TYPE.to_owned(), payload, signatures: Vec::new() };
        assert_eq!(Statement::of(&envelope, "a").unwrap(), statement());
        envelope.payload_type = "application/json".to_owned();
        let error = Statement::of(&envelope, "a").unwrap_err().to_string();
        assert!(error.ends_with("found one of `application/json`"), "{error}");
    }
}
