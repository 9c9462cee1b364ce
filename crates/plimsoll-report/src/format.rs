//! The seam for report formats: what a writer gets, and the list of all writers.
//!
//! A new format is one file with a [`ReportFormat`], its tests at the foot, and one line in [`FORMATS`]. Help, the
//! documents and the tests that hold for every format walk the list.

use std::io::Write;

use plimsoll_model::Scan;

use crate::{
    Error, TableOptions, VERSION, asff, code_quality, cosign_vuln, csv, cyclonedx, github_snapshot, gitlab,
    html, json, junit, markdown, openvex, safe_json, sarif, spdx, table,
};

/// A format that a scan can be written in.
#[derive(Clone, Copy, Debug)]
pub struct ReportFormat {
    /// What a person types behind `--format`: `sarif`.
    pub name: &'static str,
    /// How files of it usually end, without the first dot: `sarif`, `cdx.json`.
    pub extension: &'static str,
    /// Its media type.
    pub media_type: &'static str,
    /// One line of help: what it is, and who reads it.
    pub summary: &'static str,
    /// Whether its specification wants the instant of the scan, [`Report::created`].
    pub needs_instant: bool,
    /// Whether it wants to know more than a scan and its instant: an account, or a commit.
    pub needs_context: bool,
    /// Whether it says anything of flaws; the others are bills of materials.
    pub shows_findings: bool,
    /// Writes the report.
    pub write: fn(&Report<'_>, &mut dyn Write) -> Result<(), Error>,
}

/// All formats, those for people first.
pub const FORMATS: &[ReportFormat] = &[
    table::FORMAT,
    json::FORMAT,
    html::FORMAT,
    markdown::FORMAT,
    sarif::FORMAT,
    junit::FORMAT,
    gitlab::FORMAT,
    code_quality::FORMAT,
    github_snapshot::FORMAT,
    cyclonedx::FORMAT,
    cyclonedx::VEX_FORMAT,
    spdx::FORMAT,
    openvex::FORMAT,
    csv::FORMAT,
    asff::FORMAT,
    cosign_vuln::FORMAT,
];

/// The format of that name, in any case.
pub fn format_named(name: &str) -> Option<&'static ReportFormat> {
    FORMATS.iter().find(|format| format.name.eq_ignore_ascii_case(name))
}

/// What [`Report::created`] has to be.
const INSTANT: &str = "the instant of the scan, RFC 3339 in UTC, as in `2026-01-31T12:00:00Z`";

/// A scan, and what a writer may need besides. Everything that is not in the scan is said here: no writer asks a clock,
/// a random number or the environment.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What was found and decided.
    pub scan: &'a Scan,
    /// How the table looks.
    pub table: TableOptions,
    /// The instant of the scan, RFC 3339 UTC without a fraction: `2026-01-31T12:00:00Z`. Formats that must have one
    /// fail without it; most others leave their place for it out, so that the same scan gives the same bytes.
    pub created: Option<&'a str>,
    /// The version of the tool that stands in the report.
    pub tool_version: &'a str,
    /// Who answers for the statements of a VEX document.
    pub author: &'a str,
    /// For AWS Security Hub, which must know whose finding it is.
    pub aws: Option<AwsAccount<'a>>,
    /// For GitHub's dependency graph, which must know the commit.
    pub github: Option<GithubCommit<'a>>,
}

/// The account that findings are imported into.
#[derive(Clone, Copy, Debug)]
pub struct AwsAccount<'a> {
    /// Twelve digits.
    pub account: &'a str,
    /// `eu-central-1`.
    pub region: &'a str,
    /// The product that finds; without one, the account's own default product.
    pub product_arn: Option<&'a str>,
}

/// The commit that an image was built from, and the job that built it.
#[derive(Clone, Copy, Debug)]
pub struct GithubCommit<'a> {
    /// 40 hex digits.
    pub sha: &'a str,
    /// `refs/heads/main`.
    pub reference: &'a str,
    /// The run's number or name.
    pub job_id: &'a str,
    /// Which job it is, the same from run to run: a later snapshot replaces the earlier one of its correlator.
    pub job_correlator: &'a str,
    /// The run's address.
    pub job_url: Option<&'a str>,
}

impl<'a> Report<'a> {
    /// A report of a scan with nothing else said.
    pub fn new(scan: &'a Scan) -> Self {
        Self {
            scan,
            table: TableOptions { width: 80, color: false, exit_status: None },
            created: None,
            tool_version: VERSION,
            author: "Plimsoll (automated scan)",
            aws: None,
            github: None,
        }
    }

    /// The instant of the scan, for a format that must have one.
    pub(crate) fn instant(&self, format: &'static str) -> Result<&'a str, Error> {
        self.optional_instant(format)?.ok_or(Error::Missing { format, expected: INSTANT })
    }

    /// The instant of the scan, for a format that has a place for one.
    pub(crate) fn optional_instant(&self, format: &'static str) -> Result<Option<&'a str>, Error> {
        self.created.map(|text| checked_instant(format, text)).transpose()
    }
}

/// The instant, if it is one.
pub(crate) fn checked_instant<'a>(format: &'static str, text: &'a str) -> Result<&'a str, Error> {
    if is_instant(text) { Ok(text) } else { Err(invalid(format, INSTANT, text)) }
}

/// [`Error::Invalid`], with the text cut to a length that can be shown.
pub(crate) fn invalid(format: &'static str, expected: &'static str, found: &str) -> Error {
    /// Characters of a text that are shown.
    const MAX_SHOWN_CHARS: usize = 200;
    Error::Invalid { format, expected, found: found.chars().take(MAX_SHOWN_CHARS).collect() }
}

/// Whether it is an instant as `2026-01-31T12:00:00Z`, with the fields in their bounds.
fn is_instant(text: &str) -> bool {
    let digits = |from: usize, to: usize| -> Option<u32> {
        let part = text.get(from..to)?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let mark = |at: usize, byte: u8| text.as_bytes().get(at) == Some(&byte);
    text.len() == 20
        && mark(4, b'-')
        && mark(7, b'-')
        && mark(10, b'T')
        && mark(13, b':')
        && mark(16, b':')
        && mark(19, b'Z')
        && digits(0, 4).is_some()
        && digits(5, 7).is_some_and(|month| (1..=12).contains(&month))
        && digits(8, 10).is_some_and(|day| (1..=31).contains(&day))
        && digits(11, 13).is_some_and(|hour| hour < 24)
        && digits(14, 16).is_some_and(|minute| minute < 60)
        && digits(17, 19).is_some_and(|second| second <= 60)
}

/// Writes a document as JSON with a line break at the end.
pub(crate) fn write_document(
    format: &'static str,
    document: &impl serde::Serialize,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let fail = |source| Error::Write { format, source };
    let mut out = std::io::BufWriter::new(out);
    safe_json::write(&mut out, document).map_err(|error| fail(error.into()))?;
    out.write_all(b"\n").and_then(|()| out.flush()).map_err(fail)
}

/// Writes a text.
pub(crate) fn write_text(format: &'static str, text: &str, out: &mut dyn Write) -> Result<(), Error> {
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|source| Error::Write { format, source })
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
