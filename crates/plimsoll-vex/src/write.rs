//! OpenVEX, written.

use std::io;

use plimsoll_model::Purl;
use serde::Serialize as _;
use serde_json::ser::{Formatter, PrettyFormatter};
use serde_json::{Map, Serializer, Value, json};

use crate::document::{Component, Format, Statement, Status};
use crate::json::{is_unsafe, short};
use crate::{Error, image, read};

/// The `@context` of a document that is written anew.
const CONTEXT: &str = "https://openvex.dev/ns/v0.2.0";
/// The order of fields; others follow in the order of their names.
const ORDER: &[&str] = &[
    "@context",
    "@id",
    "author",
    "role",
    "vulnerability",
    "name",
    "description",
    "aliases",
    "products",
    "status",
    "status_notes",
    "justification",
    "impact_statement",
    "action_statement",
    "action_statement_timestamp",
    "timestamp",
    "last_updated",
    "version",
    "tooling",
    "identifiers",
    "hashes",
    "subcomponents",
    "statements",
];

/// What a document says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Its name, an IRI: `https://acme.example/vex/2025-1`.
    pub id: String,
    /// Who speaks.
    pub author: String,
    /// Now, RFC 3339.
    pub timestamp: String,
    /// What wrote it: `plimsoll 1.2.0`; empty for nothing.
    pub tooling: String,
}

/// Writes a new document, of version 1. A statement whose timestamp is empty takes the document's.
///
/// # Errors
/// [`Error::Statement`] for a header or a statement that would not be valid.
pub fn openvex(header: &Header, statements: &[Statement]) -> Result<String, Error> {
    for (value, expected) in [(&header.id, "an `@id` for the document"), (&header.author, "an author")] {
        if value.trim().is_empty() {
            return Err(refused("", expected, "none"));
        }
    }
    instant(&header.timestamp, "")?;
    if statements.is_empty() {
        return Err(refused("", "at least one statement", "none"));
    }
    let mut document = json!({
        "@context": CONTEXT,
        "@id": header.id,
        "author": header.author,
        "timestamp": header.timestamp,
        "version": 1,
        "statements": [],
    });
    if !header.tooling.is_empty() {
        document["tooling"] = Value::from(header.tooling.as_str());
    }
    push(&mut document, statements, &header.timestamp)?;
    Ok(print(&document))
}

/// Adds statements to an OpenVEX document of this form, under its name and author, and raises its version. Whatever else
/// is in it stays. `now`: RFC 3339, the document's `last_updated`, and the time of statements that have none.
///
/// # Errors
/// Those of [`read()`]; [`Error::Statement`] for another format, an envelope, or a statement that would not be valid.
pub fn append(bytes: &[u8], name: &str, statements: &[Statement], now: &str) -> Result<String, Error> {
    let known = read(bytes, name)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut document: Value =
        serde_json::from_slice(bytes).map_err(|source| Error::Syntax { name: name.to_owned(), source })?;
    let is_envelope = document.get("_type").and_then(Value::as_str).is_some_and(read::is_in_toto);
    if known.format != Format::OpenVex || is_envelope {
        let found = if is_envelope { "an in-toto statement".to_owned() } else { known.format.to_string() };
        return Err(refused("", "a bare OpenVEX document to add to", &found));
    }
    instant(now, "")?;
    let version: u64 = known.version.parse().unwrap_or(0);
    document["version"] = Value::from(version.saturating_add(1));
    document["last_updated"] = Value::from(now);
    push(&mut document, statements, now)?;
    Ok(print(&document))
}

fn push(document: &mut Value, statements: &[Statement], now: &str) -> Result<(), Error> {
    let list = document["statements"]
        .as_array_mut()
        .expect("a document that was read or made has a list of statements");
    for statement in statements {
        list.push(statement_value(statement, now)?);
    }
    Ok(())
}

fn statement_value(statement: &Statement, now: &str) -> Result<Value, Error> {
    let name = statement.vulnerability.first().map_or("", |name| name.trim());
    if name.is_empty() {
        return Err(refused("", "the name of a vulnerability", "none"));
    }
    if statement.products.is_empty() {
        return Err(refused(name, "at least one product", "none"));
    }
    let mut value = json!({ "vulnerability": { "name": name } });
    if statement.vulnerability.len() > 1 {
        value["vulnerability"]["aliases"] = Value::from(statement.vulnerability[1..].to_vec());
    }
    let mut products = Vec::new();
    for product in &statement.products {
        let mut thing = component(&product.component, name)?;
        if !product.subcomponents.is_empty() {
            let parts: Result<Vec<Value>, Error> =
                product.subcomponents.iter().map(|part| component(part, name)).collect();
            thing["subcomponents"] = Value::Array(parts?);
        }
        products.push(thing);
    }
    value["products"] = Value::Array(products);
    value["status"] = Value::from(statement.status.word());
    match &statement.status {
        Status::NotAffected { justification: None, impact } if impact.trim().is_empty() => {
            return Err(refused(
                name,
                "a justification or an impact statement beside `not_affected`",
                "none",
            ));
        }
        Status::NotAffected { justification, impact } => {
            if let Some(justification) = justification {
                value["justification"] = Value::from(justification.openvex());
            }
            if !impact.is_empty() {
                // The specification has both side by side, its schema one of the two.
                let field = if justification.is_some() { "status_notes" } else { "impact_statement" };
                value[field] = Value::from(impact.as_str());
            }
        }
        Status::Affected { action } if action.trim().is_empty() => {
            return Err(refused(name, "an action statement beside `affected`", "none"));
        }
        Status::Affected { action } => value["action_statement"] = Value::from(action.as_str()),
        Status::Fixed | Status::UnderInvestigation => {}
    }
    let timestamp = if statement.timestamp.is_empty() { now } else { &statement.timestamp };
    instant(timestamp, name)?;
    value["timestamp"] = Value::from(timestamp);
    Ok(value)
}

fn component(component: &Component, vulnerability: &str) -> Result<Value, Error> {
    if let Some(versions) = &component.versions {
        return Err(refused(
            vulnerability,
            "a version in the package URL",
            &format!("`{}` beside it", short(versions)),
        ));
    }
    let mut value = json!({});
    if let Some(wrong) = component.purls.iter().find(|purl| purl.parse::<Purl>().is_err()) {
        return Err(refused(vulnerability, "a package URL", &format!("`{}`", short(wrong))));
    }
    let image =
        || component.references.first().and_then(|name| image::purl(name)).map(|purl| purl.to_string());
    if let Some(purl) = component.purls.first().cloned().or_else(image) {
        value["@id"] = Value::from(purl.as_str());
        value["identifiers"] = json!({ "purl": purl });
    }
    let mut hashes = Map::new();
    for digest in &component.digests {
        if let Some((algorithm, hex)) = digest.split_once(':') {
            hashes.insert(algorithm.replacen("sha", "sha-", 1), Value::from(hex));
        }
    }
    if !hashes.is_empty() {
        value["hashes"] = Value::Object(hashes);
    }
    if value.as_object().is_some_and(Map::is_empty) {
        let found = format!("`{}`", short(component.label()));
        return Err(refused(
            vulnerability,
            "a product with a package URL, an image's name or a digest",
            &found,
        ));
    }
    Ok(value)
}

fn instant(text: &str, vulnerability: &str) -> Result<(), Error> {
    match text.parse::<jiff::Timestamp>() {
        Ok(_) => Ok(()),
        Err(_) => Err(refused(vulnerability, "an instant as RFC 3339 has it", &format!("`{}`", short(text)))),
    }
}

fn refused(vulnerability: &str, expected: &'static str, found: &str) -> Error {
    Error::Statement { vulnerability: short(vulnerability), expected, found: found.to_owned() }
}

/// Prints with an indentation of two blanks, fields in the order of the specification, and a line's end at the end.
fn print(document: &Value) -> String {
    let mut out = Vec::new();
    Ordered(document)
        .serialize(&mut Serializer::with_formatter(&mut out, Safe(PrettyFormatter::new())))
        .expect("a tree of JSON can be written to memory");
    out.push(b'\n');
    String::from_utf8(out).expect("JSON is written as UTF-8")
}

struct Ordered<'a>(&'a Value);

impl serde::Serialize for Ordered<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(list) => serializer.collect_seq(list.iter().map(Ordered)),
            Value::Object(fields) => {
                let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
                let rank = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
                fields.sort_by(|one, two| (rank(one.0), one.0).cmp(&(rank(two.0), two.0)));
                serializer.collect_map(fields.into_iter().map(|(name, value)| (name, Ordered(value))))
            }
            value => value.serialize(serializer),
        }
    }
}

/// Characters that would steer a terminal are written as `\u009b`: the same text to every reader of JSON.
struct Safe(PrettyFormatter<'static>);

impl Formatter for Safe {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unsafe(*c)) {
            out.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::document::{Justification, Product};

    fn statement(status: Status) -> Statement {
        let named = |purl: &str| Component { purls: vec![purl.to_owned()], ..Component::default() };
        Statement {
            at: String::new(),
            vulnerability: vec!["CVE-2021-44228".to_owned(), "GHSA-jfh8-c2jp-5v3q".to_owned()],
            products: vec![Product {
                component: Component {
                    digests: vec![format!("sha256:{}", "1".repeat(64))],
                    ..named("pkg:oci/app")
                },
                subcomponents: vec![named("pkg:npm/a@1.0.0")],
            }],
            status,
            timestamp: String::new(),
        }
    }

    fn not_affected() -> Status {
        Status::NotAffected { justification: Some(Justification::CodeNotPresent), impact: String::new() }
    }

    fn header() -> Header {
        Header {
            id: "https://acme.example/vex/1".to_owned(),
            author: "acme".to_owned(),
            timestamp: "2025-01-31T12:00:00Z".to_owned(),
            tooling: "plimsoll 0.1.0".to_owned(),
        }
    }

    #[test]
    fn a_new_document() {
        let text = openvex(&header(), &[statement(not_affected())]).unwrap();
        expect![[r#"
            {
              "@context": "https://openvex.dev/ns/v0.2.0",
              "@id": "https://acme.example/vex/1",
              "author": "acme",
              "timestamp": "2025-01-31T12:00:00Z",
              "version": 1,
              "tooling": "plimsoll 0.1.0",
              "statements": [
                {
                  "vulnerability": {
                    "name": "CVE-2021-44228",
                    "aliases": [
                      "GHSA-jfh8-c2jp-5v3q"
                    ]
                  },
                  "products": [
                    {
                      "@id": "pkg:oci/app",
                      "identifiers": {
                        "purl": "pkg:oci/app"
                      },
                      "hashes": {
                        "sha-256": "1111111111111111111111111111111111111111111111111111111111111111"
                      },
                      "subcomponents": [
                        {
                          "@id": "pkg:npm/a@1.0.0",
                          "identifiers": {
                            "purl": "pkg:npm/a@1.0.0"
                          }
                        }
                      ]
                    }
                  ],
                  "status": "not_affected",
                  "justification": "vulnerable_code_not_present",
                  "timestamp": "2025-01-31T12:00:00Z"
                }
              ]
            }
        "#]]
        .assert_eq(&text);
        let read = read(text.as_bytes(), "a").unwrap();
        assert_eq!(read.problems, []);
        assert_eq!(read.statements[0].products[0].subcomponents[0].purls, ["pkg:npm/a@1.0.0"]);
    }

    #[test]
    fn a_document_that_is_added_to_keeps_what_it_has() {
        let text = openvex(&header(), &[statement(Status::Fixed)]).unwrap();
        let text = text.replace(
            "\"author\": \"acme\"",
            "\"author\": \"acme\", \"role\": \"x\\u001b\\u202e\", \"x-own\": [1.50]",
        );
        let later = "2025-02-01T00:00:00Z";
        let text = append(text.as_bytes(), "a", &[statement(not_affected())], later).unwrap();
        let document = read(text.as_bytes(), "a").unwrap();
        assert_eq!(document.version, "2");
        assert_eq!(document.statements.len(), 2);
        assert_eq!(document.statements[1].timestamp, later);
        assert!(text.contains("\"x-own\": [\n    1.5\n  ]"), "{text}");
        assert!(text.contains("\"role\": \"x\\u001b\\u202e\""), "{text}");
        assert!(text.contains("\"last_updated\": \"2025-02-01T00:00:00Z\""), "{text}");
        // Written, read and written again, a document is as it was.
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(print(&value), text);
    }

    #[test]
    fn what_was_written_is_read_again() {
        for status in [
            not_affected(),
            Status::NotAffected {
                justification: Some(Justification::ComponentNotPresent),
                impact: "It is\nnot there: \u{1b}]0;x\u{7}".to_owned(),
            },
            Status::NotAffected { justification: None, impact: "=cmd()".to_owned() },
            Status::Affected { action: "Update.".to_owned() },
            Status::Fixed,
            Status::UnderInvestigation,
        ] {
            let mut given = statement(status);
            given.products.push(Product {
                component: Component {
                    references: vec!["registry.example:5000/team/app:1.2".to_owned()],
                    ..Component::default()
                },
                subcomponents: Vec::new(),
            });
            let text = openvex(&header(), std::slice::from_ref(&given)).unwrap();
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text}");
            let found = read(text.as_bytes(), "a").unwrap();
            assert_eq!(found.problems, []);
            let found = &found.statements[0];
            assert_eq!(
                (found.status.word(), &found.vulnerability),
                (given.status.word(), &given.vulnerability)
            );
            assert_eq!(found.products[0].subcomponents[0].purls, given.products[0].subcomponents[0].purls);
            let image = "pkg:oci/app?repository_url=registry.example:5000%2Fteam%2Fapp&tag=1.2";
            assert_eq!(found.products[1].component.purls, [image]);
            if let (Status::NotAffected { impact: one, .. }, Status::NotAffected { impact: two, .. }) =
                (&found.status, &given.status)
            {
                assert_eq!(one, two);
            }
        }
    }

    #[test]
    fn what_would_not_be_valid_is_not_written() {
        let refuse =
            |header: &Header, statement: Statement| openvex(header, &[statement]).unwrap_err().to_string();
        let mut found = vec![
            refuse(&Header { id: String::new(), ..header() }, statement(Status::Fixed)),
            refuse(&Header { timestamp: "now".to_owned(), ..header() }, statement(Status::Fixed)),
            refuse(&header(), Statement { vulnerability: Vec::new(), ..statement(Status::Fixed) }),
            refuse(&header(), Statement { products: Vec::new(), ..statement(Status::Fixed) }),
            refuse(&header(), statement(Status::Affected { action: " ".to_owned() })),
            refuse(&header(), statement(Status::NotAffected { justification: None, impact: String::new() })),
        ];
        let mut odd = statement(Status::Fixed);
        odd.products[0].component.purls = vec!["pkg:npm".to_owned()];
        found.push(refuse(&header(), odd));
        let mut odd = statement(Status::Fixed);
        odd.products[0].subcomponents = vec![Component::default()];
        found.push(refuse(&header(), odd));
        found.push(openvex(&header(), &[]).unwrap_err().to_string());
        found.push(append(b"{}", "a", &[], "now").unwrap_err().to_string());
        let cyclonedx = br#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#;
        found.push(append(cyclonedx, "a", &[], "now").unwrap_err().to_string());
        // The marks of both: what is read is the envelope's predicate, which is nothing to add to.
        let text = openvex(&header(), &[statement(Status::Fixed)]).unwrap();
        let envelope =
            format!(r#"{{"_type":"https://in-toto.io/Statement/v1","@context":"x","predicate":{text}}}"#);
        found.push(append(envelope.as_bytes(), "a", &[], "now").unwrap_err().to_string());
        expect![[r"
            cannot write VEX statement on ``: expected an `@id` for the document, found none
            cannot write VEX statement on ``: expected an instant as RFC 3339 has it, found `now`
            cannot write VEX statement on ``: expected the name of a vulnerability, found none
            cannot write VEX statement on `CVE-2021-44228`: expected at least one product, found none
            cannot write VEX statement on `CVE-2021-44228`: expected an action statement beside `affected`, found none
            cannot write VEX statement on `CVE-2021-44228`: expected a justification or an impact statement beside `not_affected`, found none
            cannot write VEX statement on `CVE-2021-44228`: expected a package URL, found `pkg:npm`
            cannot write VEX statement on `CVE-2021-44228`: expected a product with a package URL, an image's name or a digest, found ``
            cannot write VEX statement on ``: expected at least one statement, found none
            cannot read VEX document `a`: expected OpenVEX, CSAF 2.0 or CycloneDX (1.4 to 1.7) in JSON, found JSON without the marks of one
            cannot write VEX statement on ``: expected a bare OpenVEX document to add to, found CycloneDX
            cannot write VEX statement on ``: expected a bare OpenVEX document to add to, found an in-toto statement
        "]].assert_eq(&(found.join("\n") + "\n"));
    }
}
