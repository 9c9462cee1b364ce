//! JSON reports to scans: ours, exactly as they were, and Trivy's, as far as they go.
//!
//! A report of ours is read by what stands under its `Plimsoll` keys; packages and findings are told apart by their
//! `Plimsoll.Index`. Reports that somebody has filtered are read too: numbers may be missing, only what is named must be
//! there. Not kept of a scan: spacing and order of keys in the image's config, and a config that is no JSON.
//!
//! Trivy lists packages only when it is asked to; without that they are those that its findings name, and a gap says so.

mod config;
mod document;
mod fault;
mod finding;
mod list;
mod ours;
mod place;
mod trivy;

use std::io::Read;

use plimsoll_model::Scan;
use serde::Deserialize;

use super::{Probe, not_json, read_bounded};
use crate::Error;
use crate::json::SCHEMA_VERSION;
use document::Document;
use fault::Fault;

/// Largest JSON report that is read, in bytes.
pub const MAX_REPORT_BYTES: u64 = 256 << 20;

/// Most layers of an image in a report: many times those of any image.
const MAX_LAYERS: usize = 4096;

/// A scan that was read from a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredScan {
    /// What was found and decided then.
    pub scan: Scan,
    /// Whose report it is.
    pub writer: Writer,
    /// The version of the tool that wrote it; empty where the report does not say.
    pub version: String,
}

/// Whose report was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// Ours: the scan is what was written.
    Plimsoll,
    /// Trivy's: no gate has judged it, and what Trivy does not say is empty.
    Trivy,
}

/// Reads a JSON report, as [`crate::write_json`] wrote it, or Trivy's of `SchemaVersion` 2. `name` is what the person
/// typed.
///
/// Memory: the document, its items (at most 1 GiB besides their texts), and the scan. JSON nested deeper than 128 is an
/// error.
///
/// # Errors
/// [`Error::Read`], [`Error::TooLarge`], [`Error::Syntax`], [`Error::UnknownReport`], [`Error::Shape`],
/// [`Error::Meaning`].
pub fn read_scan(input: &mut dyn Read, name: &str) -> Result<StoredScan, Error> {
    let text = read_bounded(input, "report", name, MAX_REPORT_BYTES)?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let unknown = |found| Error::UnknownReport { name: name.to_owned(), found };
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {}
        first => return Err(unknown(not_json(text, first.copied()))),
    }
    let probe: Probe = super::parse(text, "report", name, "JSON")?;
    let version = probe.schema_version.as_str();
    if version != SCHEMA_VERSION.to_string() {
        return Err(unknown(match version {
            "" => probe.found_instead_of_a_report(),
            version => format!("`SchemaVersion` {}", super::shortened(version)),
        }));
    }
    let document = parse(text, name)?;
    let meaning =
        |Fault { place, expected, found }| Error::Meaning { name: name.to_owned(), place, expected, found };
    let layers = document.metadata.layers.len().max(document.metadata.diff_ids.len());
    if layers > MAX_LAYERS {
        return Err(meaning(Fault::at("Metadata.Layers", "at most 4096 layers", layers)));
    }
    if document.plimsoll.is_some() { ours::scan(document) } else { trivy::scan(document) }.map_err(meaning)
}

fn parse(text: &[u8], name: &str) -> Result<Document, Error> {
    list::begin();
    let mut reader = serde_json::Deserializer::from_slice(text);
    Document::deserialize(&mut reader).and_then(|document| reader.end().map(|()| document)).map_err(
        |source| {
            let place = place::at(text, source.line(), source.column());
            let place = if place.is_empty() { "the document".to_owned() } else { place };
            Error::Shape { name: name.to_owned(), place, source }
        },
    )
}

#[cfg(test)]
mod laws;
#[cfg(test)]
#[path = "report/tests.rs"]
mod tests;
