//! Parts of package URLs.

use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use arrow_schema::DataType;
use plimsoll_model::Purl;

use super::Entry;
use super::texts::Texts;

const PURL: &[(&str, &str)] = &[("purl", "a package URL")];

pub(super) const TYPE: Entry = Entry {
    name: "purl_type",
    arguments: PURL,
    returns: DataType::Utf8,
    description: "The type of a package URL, `deb`, `npm`; null for what is none.",
    example: "SELECT purl_type(purl) AS type, count(*) FROM packages GROUP BY type",
    evaluate: |arguments, rows| part(arguments, rows, |purl| purl.kind),
};

pub(super) const NAMESPACE: Entry = Entry {
    name: "purl_namespace",
    arguments: PURL,
    returns: DataType::Utf8,
    description: "The namespace of a package URL, decoded: `debian`, `@babel`; null where there is none.",
    example: "SELECT purl_namespace('pkg:npm/%40babel/core@7.0.0')",
    evaluate: |arguments, rows| part(arguments, rows, |purl| purl.namespace),
};

pub(super) const NAME: Entry = Entry {
    name: "purl_name",
    arguments: PURL,
    returns: DataType::Utf8,
    description: "The name of a package URL, decoded, without its namespace.",
    example: "SELECT purl_name('pkg:deb/debian/openssl@3.0.11-1')",
    evaluate: |arguments, rows| part(arguments, rows, |purl| purl.name),
};

pub(super) const VERSION: Entry = Entry {
    name: "purl_version",
    arguments: PURL,
    returns: DataType::Utf8,
    description: "The version of a package URL, decoded; null where there is none.",
    example: "SELECT purl_version('pkg:deb/debian/openssl@1.1.1n-0%2Bdeb11u3')",
    evaluate: |arguments, rows| part(arguments, rows, |purl| purl.version),
};

/// A part of each; what is empty is null.
fn part(arguments: &[Texts<'_>], rows: usize, of: fn(Purl) -> String) -> ArrayRef {
    let purls = &arguments[0];
    let parts = (0..rows).map(|row| {
        let purl: Purl = purls.get(row)?.parse().ok()?;
        Some(of(purl)).filter(|part| !part.is_empty())
    });
    Arc::new(parts.collect::<StringArray>())
}
