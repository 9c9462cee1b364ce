//! What can go wrong with a report.

use std::io;

/// A report that cannot be written, or a bill of materials or a report that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The output took no more bytes.
    #[error("cannot write the {format} report")]
    Write {
        /// `table`, `JSON`, `CycloneDX`.
        format: &'static str,
        /// What the output said.
        source: io::Error,
    },
    /// The format needs something that was not given.
    #[error("cannot write the {format} report: expected {expected}, found none")]
    Missing {
        /// `SPDX`, `ASFF`.
        format: &'static str,
        /// What is needed: ``the instant of the scan, as in `2026-01-31T12:00:00Z` ``.
        expected: &'static str,
    },
    /// Something was given that the format does not take.
    #[error("cannot write the {format} report: expected {expected}, found `{found}`")]
    Invalid {
        /// `SPDX`, `ASFF`.
        format: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What was given, at most 200 characters of it.
        found: String,
    },
    /// The input gave no more bytes.
    #[error("cannot read {what} `{name}`")]
    Read {
        /// `SBOM` or `report`.
        what: &'static str,
        /// What the person typed.
        name: String,
        /// What the input said.
        source: io::Error,
    },
    /// Larger than [`crate::MAX_SBOM_BYTES`] or [`crate::MAX_REPORT_BYTES`].
    #[error("cannot read {what} `{name}`: expected at most {limit_bytes} bytes, found more")]
    TooLarge {
        /// `SBOM` or `report`.
        what: &'static str,
        /// What the person typed.
        name: String,
        /// The limit.
        limit_bytes: u64,
    },
    /// No JSON, or JSON in which a field has another shape than its format gives it.
    #[error("cannot read {what} `{name}`: expected {expected}")]
    Syntax {
        /// `SBOM` or `report`.
        what: &'static str,
        /// What the person typed.
        name: String,
        /// What was expected: `JSON`, `CycloneDX JSON`, `SPDX JSON`.
        expected: &'static str,
        /// Where, and what was found.
        source: serde_json::Error,
    },
    /// Another format, or another version of it.
    #[error("cannot read SBOM `{name}`: expected CycloneDX 1.x JSON or SPDX 2.x JSON, found {found}")]
    UnknownFormat {
        /// What the person typed.
        name: String,
        /// What it is instead.
        found: String,
    },
    /// No JSON report, or one of another version.
    #[error(
        "cannot read report `{name}`: expected a JSON report of Plimsoll or Trivy, `SchemaVersion` 2, found {found}"
    )]
    UnknownReport {
        /// What the person typed.
        name: String,
        /// What it is instead.
        found: String,
    },
    /// A report in which a field has another shape than the format gives it.
    #[error("cannot read report `{name}`: expected something else at `{place}`")]
    Shape {
        /// What the person typed.
        name: String,
        /// The field: `Results[2].Vulnerabilities[0].Severity`.
        place: String,
        /// What was expected, and what was found.
        source: serde_json::Error,
    },
    /// A report in which a value means nothing in its place.
    #[error("cannot read report `{name}`: expected {expected} at `{place}`, found {found}")]
    Meaning {
        /// What the person typed.
        name: String,
        /// The field: `Results[2].Packages[0].Plimsoll.Index`.
        place: String,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// A user's template that does not compile, or that fails on this scan.
    #[error("cannot write with template `{name}`: {}{reason}", line.map(|line| format!("line {line}: ")).unwrap_or_default())]
    Template {
        /// The template, or the one that it includes.
        name: String,
        /// Where in it, from 1.
        line: Option<usize>,
        /// What is wrong.
        reason: String,
    },
}
