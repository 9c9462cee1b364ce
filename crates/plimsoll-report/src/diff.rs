//! Two scans side by side, in one file a format behind one seam, [`DiffFormat`], listed in [`DIFF_FORMATS`].

mod json;
mod markdown;
mod rows;
mod table;
#[cfg(test)]
mod tests;

use std::io::Write;

use plimsoll_diff::Difference;

use crate::{Error, TableOptions};

/// A format that a difference can be written in.
#[derive(Clone, Copy, Debug)]
pub struct DiffFormat {
    /// What a person types behind `--format`: `markdown`.
    pub name: &'static str,
    /// One line of help.
    pub summary: &'static str,
    /// How files of it end: `md`.
    pub extension: &'static str,
    /// Writes it.
    pub write: fn(&DiffReport<'_>, &mut dyn Write) -> Result<(), Error>,
}

/// All formats, those for people first.
pub const DIFF_FORMATS: &[DiffFormat] = &[
    DiffFormat { name: "table", summary: "for people", extension: "txt", write: table::write },
    DiffFormat {
        name: "json",
        summary: "for programs, with everything",
        extension: "json",
        write: json::write,
    },
    DiffFormat {
        name: "markdown",
        summary: "for a comment on a merge request, or a step summary",
        extension: "md",
        write: markdown::write,
    },
];

/// A difference, and what a writer needs besides.
#[derive(Clone, Copy, Debug)]
pub struct DiffReport<'a> {
    /// What is different.
    pub difference: &'a Difference<'a>,
    /// What the person called the older scan and the newer one.
    pub names: [&'a str; 2],
    /// Whether they list all packages that were found; other scanners' reports list only those with findings.
    pub complete: [bool; 2],
    /// How the table looks.
    pub table: TableOptions,
    /// The most entries of each list, for people.
    pub limit: usize,
}
