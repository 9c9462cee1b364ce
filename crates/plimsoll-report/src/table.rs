//! The report for people.
//!
//! From the top: what was scanned and with which database, a line for each target, the findings by target and package,
//! then what sums them up: totals, what does not count, layers, what could not be decided or read, notices, and, last where
//! the eye is, the verdict.

mod advice;
mod findings;
mod flaw;
mod footer;
mod groups;
mod header;
mod judged;
pub(crate) mod label;
pub(crate) mod paint;
mod summary;
#[cfg(test)]
mod tests;
mod unclear;

pub(crate) use header::system;
use std::io::Write;

use plimsoll_model::{Scan, SeverityCounts};

use crate::format::ReportFormat;
use crate::{Error, targets, terminal};
use paint::{Paint, Style};

/// The narrowest width that is laid out for, in columns.
const MIN_COLUMNS: usize = 40;

/// The widest, in columns: longer lines are hard to follow.
const MAX_COLUMNS: usize = 200;

/// How the table looks.
#[derive(Clone, Copy, Debug)]
pub struct TableOptions {
    /// Columns of the terminal; 80 where there is none. Brought into 40 to 200.
    pub width: usize,
    /// Whether to colour with ANSI sequences. The caller knows of terminals and `NO_COLOR`.
    pub color: bool,
    /// The status that the program will exit with, to be explained in the last line.
    pub exit_status: Option<u8>,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self { width: 80, color: false, exit_status: None }
    }
}

/// The format's entry.
pub(crate) const FORMAT: ReportFormat = ReportFormat {
    name: "table",
    extension: "txt",
    media_type: "text/plain",
    summary: "table for people: findings by target and package, and the verdict",
    needs_instant: false,
    needs_context: false,
    shows_findings: true,
    write: |report, out| write_table(report.scan, &report.table, out),
};

/// Writes the table: what was scanned, the findings by target and package, the worst first, what could not be
/// decided or read, and the verdict.
///
/// A distribution's packages that were built from one source, have one version and the same flaws share a heading.
/// Findings are still counted package by package, and the section says so.
///
/// # Errors
/// [`Error::Write`] where the output takes no more.
pub fn write_table(scan: &Scan, options: &TableOptions, out: &mut dyn Write) -> Result<(), Error> {
    let mut page = Page::new(options);
    header::write(scan, &mut page);
    let targets = targets::of_scan(scan);
    if targets.len() > 1 {
        summary::write(scan, &targets, &mut page);
    }
    let mut layers = Vec::new();
    for target in targets.iter().filter(|target| !target.findings.is_empty()) {
        findings::write(scan, target, &mut page, &mut layers);
    }
    footer::write(scan, &mut layers, options.exit_status, &mut page);
    out.write_all(page.text.as_bytes()).map_err(|source| Error::Write { format: "table", source })
}

/// The text so far, and how to go on.
pub(crate) struct Page {
    pub(crate) text: String,
    pub(crate) columns: usize,
    pub(crate) paint: Paint,
}

impl Page {
    pub(crate) fn new(options: &TableOptions) -> Self {
        Self {
            text: String::new(),
            columns: options.width.clamp(MIN_COLUMNS, MAX_COLUMNS),
            paint: Paint { color: options.color },
        }
    }

    /// A line, cut where it is too long.
    pub(crate) fn line(&mut self, style: Style, text: &str) {
        let text = terminal::cut(text, self.columns);
        self.text.push_str(&self.paint.with(style, &text));
        self.text.push('\n');
    }

    /// Text in as many lines as it takes, each behind `indent` blanks; in a list the later ones behind two more.
    pub(crate) fn paragraph(&mut self, style: Style, indent: usize, text: &str) {
        let hanging = if indent == 0 { 0 } else { indent + 2 };
        self.hanging(style, indent, hanging, text);
    }

    /// Text in as many lines as it takes, the first behind `first` blanks, the later ones behind `later`.
    pub(crate) fn hanging(&mut self, style: Style, first: usize, later: usize, text: &str) {
        let fits = first + terminal::width(text) <= self.columns;
        let room = self.columns.saturating_sub(if fits { first } else { first.max(later) });
        for (index, line) in terminal::wrap(text, room).iter().enumerate() {
            self.text.push_str(&" ".repeat(if index == 0 { first } else { later }));
            self.text.push_str(&self.paint.with(style, line));
            self.text.push('\n');
        }
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) {
        self.text.push('\n');
    }
}

/// `Total: 3 (CRITICAL: 1, HIGH: 2)`, severities without findings left out.
fn total(counts: &SeverityCounts) -> String {
    let parts: Vec<String> = by_severity(counts).map(|(word, number)| format!("{word}: {number}")).collect();
    if parts.is_empty() {
        "Total: 0".to_owned()
    } else {
        format!("Total: {} ({})", counts.total(), parts.join(", "))
    }
}

pub(crate) fn by_severity(counts: &SeverityCounts) -> impl Iterator<Item = (&'static str, usize)> + '_ {
    plimsoll_model::Severity::WORST_FIRST
        .iter()
        .map(|&severity| (severity.as_str(), counts.of(severity)))
        .filter(|(_, number)| *number > 0)
}

/// `1 package`, `2 packages`, `3 advisories`.
pub(crate) fn counted(number: usize, word: &str) -> String {
    match (number, word.strip_suffix('y')) {
        (1, _) => format!("1 {word}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {word}s"),
    }
}

/// The first 12 hex digits of a digest with its algorithm, as people write them.
pub(crate) fn short(digest: &str) -> String {
    let (algorithm, hex) = digest.split_once(':').unwrap_or(("sha256", digest));
    format!("{algorithm}:{}", hex.chars().take(12).collect::<String>())
}
