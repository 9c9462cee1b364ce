//! Bills of materials to inventories: CycloneDX 1.x and SPDX 2.x, JSON; and [JSON reports to scans](report).
//!
//! An SBOM gives the findings that the image gives only when more than name and version survive: the source package,
//! the epoch, the distribution release, the modularity label. Each producer has its own place for them; those of
//! Plimsoll, Trivy, Syft (and with it Docker's BuildKit) and Docker Scout are known here, with package URL qualifiers
//! as the last resort. A component that cannot be judged is a gap, counted and grouped.
//!
//! Not read: XML, tag-value, SPDX 3, the nested bills that a document links to.

mod collect;
mod cyclonedx;
mod lenient;
mod purl;
mod report;
mod source;
mod spdx;

use std::io::Read;

use plimsoll_model::Inventory;
use serde::Deserialize;

use crate::Error;
use lenient::{One, Text};

pub use purl::{os_from_purl, package_from_purl};
pub use report::{MAX_REPORT_BYTES, StoredScan, Writer, read_scan};

/// Largest SBOM that is read, in bytes.
pub const MAX_SBOM_BYTES: u64 = 256 << 20;

/// Reads a CycloneDX 1.x or SPDX 2.x document in JSON, bare or as the predicate of an in-toto statement (as BuildKit
/// attaches it). `name` is what the person typed.
///
/// Memory: the document and its packages, no tree of it. JSON nested deeper than 128 is an error.
///
/// # Errors
/// [`Error::Read`], [`Error::TooLarge`], [`Error::Syntax`], [`Error::UnknownFormat`].
pub fn read_sbom(input: &mut dyn Read, name: &str) -> Result<Inventory, Error> {
    let text = read_bounded(input, "SBOM", name, MAX_SBOM_BYTES)?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let probe: Probe = match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => parse(text, "SBOM", name, "JSON")?,
        first => return Err(unknown(name, not_json(text, first.copied()))),
    };
    if let Some(kind) = kind(&probe.bom_format, &probe.spec_version, &probe.spdx_version) {
        read_as(&kind, text, name, false)
    } else if let Some(kind) = probe.predicate.0.as_ref().and_then(Head::kind) {
        read_as(&kind, text, name, true)
    } else {
        Err(unknown(name, probe.found()))
    }
}

fn read_bounded(
    input: &mut dyn Read,
    what: &'static str,
    name: &str,
    limit_bytes: u64,
) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "behind `take`")]
    let read = input.take(limit_bytes + 1).read_to_end(&mut text);
    let read = read.map_err(|source| Error::Read { what, name: name.to_owned(), source })?;
    if u64::try_from(read).is_ok_and(|read| read <= limit_bytes) {
        Ok(text)
    } else {
        Err(Error::TooLarge { what, name: name.to_owned(), limit_bytes })
    }
}

/// The fields that tell formats apart, of an in-toto statement's predicate.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head {
    #[serde(rename = "bomFormat")]
    bom_format: Text,
    #[serde(rename = "specVersion")]
    spec_version: Text,
    #[serde(rename = "spdxVersion")]
    spdx_version: Text,
}

/// The same of a document. (Not `flatten`: that would keep a tree of all other fields.)
#[derive(Default, Deserialize)]
#[serde(default)]
struct Probe {
    #[serde(rename = "bomFormat")]
    bom_format: Text,
    #[serde(rename = "specVersion")]
    spec_version: Text,
    #[serde(rename = "spdxVersion")]
    spdx_version: Text,
    predicate: One<Head>,
    #[serde(rename = "payloadType")]
    payload_type: Text,
    #[serde(rename = "@context")]
    context: Text,
    #[serde(rename = "SchemaVersion")]
    schema_version: Text,
    #[serde(rename = "predicateType")]
    predicate_type: Text,
}

/// A format and its version.
enum Kind {
    CycloneDx(String),
    Spdx(String),
}

impl Head {
    fn kind(&self) -> Option<Kind> {
        kind(&self.bom_format, &self.spec_version, &self.spdx_version)
    }
}

fn kind(bom_format: &Text, spec_version: &Text, spdx_version: &Text) -> Option<Kind> {
    if bom_format.as_str() == "CycloneDX" {
        Some(Kind::CycloneDx(spec_version.as_str().to_owned()))
    } else if spdx_version.as_str().starts_with("SPDX-") {
        Some(Kind::Spdx(spdx_version.as_str().to_owned()))
    } else {
        None
    }
}

impl Probe {
    /// What a document without the `SchemaVersion` of a report is.
    fn found_instead_of_a_report(&self) -> String {
        match kind(&self.bom_format, &self.spec_version, &self.spdx_version) {
            Some(Kind::CycloneDx(_)) => "a CycloneDX document".to_owned(),
            Some(Kind::Spdx(_)) => "an SPDX document".to_owned(),
            None if !self.predicate_type.as_str().is_empty() => {
                format!("an attestation of `{}`", shortened(self.predicate_type.as_str()))
            }
            None => "JSON without `SchemaVersion`".to_owned(),
        }
    }

    fn found(&self) -> String {
        if !self.payload_type.as_str().is_empty() {
            "a DSSE envelope: give the statement that its payload holds".to_owned()
        } else if self.context.as_str().contains("spdx.org/rdf/3") {
            "SPDX 3".to_owned()
        } else if !self.schema_version.as_str().is_empty() {
            "a report of findings".to_owned()
        } else if !self.predicate_type.as_str().is_empty() {
            format!("an attestation of `{}`", shortened(self.predicate_type.as_str()))
        } else {
            "JSON without `bomFormat` and `spdxVersion`".to_owned()
        }
    }
}

fn read_as(kind: &Kind, text: &[u8], name: &str, wrapped: bool) -> Result<Inventory, Error> {
    match kind {
        Kind::CycloneDx(version) if version.starts_with("1.") => {
            let what = "CycloneDX JSON";
            let document = if wrapped {
                parse::<Statement<cyclonedx::Document>>(text, "SBOM", name, what)?.predicate.0
            } else {
                Some(parse(text, "SBOM", name, what)?)
            };
            Ok(cyclonedx::inventory(document.unwrap_or_default(), name))
        }
        Kind::Spdx(version) if version.starts_with("SPDX-2.") => {
            let what = "SPDX JSON";
            let document = if wrapped {
                parse::<Statement<spdx::Document>>(text, "SBOM", name, what)?.predicate.0
            } else {
                Some(parse(text, "SBOM", name, what)?)
            };
            Ok(spdx::inventory(document.unwrap_or_default(), name))
        }
        Kind::CycloneDx(version) => Err(unknown(name, format!("CycloneDX `{}`", shortened(version)))),
        Kind::Spdx(version) => Err(unknown(name, format!("`{}`", shortened(version)))),
    }
}

/// An in-toto statement: of its fields only the predicate matters here.
#[derive(Deserialize)]
struct Statement<T> {
    predicate: One<T>,
}

fn parse<'a, T: Deserialize<'a>>(
    text: &'a [u8],
    what: &'static str,
    name: &str,
    expected: &'static str,
) -> Result<T, Error> {
    lenient::begin();
    let syntax = |source| Error::Syntax { what, name: name.to_owned(), expected, source };
    serde_json::from_slice(text).map_err(syntax)
}

fn unknown(name: &str, found: String) -> Error {
    Error::UnknownFormat { name: name.to_owned(), found }
}

fn not_json(text: &[u8], first: Option<u8>) -> String {
    match first {
        None => "an empty file".to_owned(),
        Some(b'<') => "XML".to_owned(),
        Some(b'[') => "a JSON list".to_owned(),
        Some(_) if text.windows(12).take(4096).any(|window| window == b"SPDXVersion:") => {
            "SPDX tag-value".to_owned()
        }
        Some(_) => "another text or a binary file".to_owned(),
    }
}

/// Foreign text for a message.
fn shortened(text: &str) -> String {
    /// Characters of foreign text that a message holds.
    const MAX_CHARS: usize = 200;
    text.chars().take(MAX_CHARS).collect()
}

#[cfg(test)]
#[path = "read/tests.rs"]
mod tests;
