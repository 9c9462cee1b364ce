//! `plimsoll vex check`.

use std::path::PathBuf;

use plimsoll_attest::VerifyingKey;
use plimsoll_report::printable;
use plimsoll_vex::{Document, Statement};
use plimsoll_vex_source::{Found, Source, find_files};

use super::failure;
use crate::exit::{Exit, Failure};
use crate::output;

/// Products of a statement that are named.
const MAX_NAMED_PRODUCTS: usize = 3;

/// Lists what documents say. One that cannot be read is told, and the others are read all the same.
pub(super) fn run(files: &[PathBuf], keys: &[VerifyingKey]) -> Result<Exit, Failure> {
    let mut lines = Vec::new();
    let mut failed: Option<Failure> = None;
    for file in files {
        match find_files(&[Source::Path(file.clone())], keys) {
            Ok(found) => describe(&found, &mut lines),
            Err(error) => {
                if let Some(before) = failed.replace(failure(error)) {
                    eprintln!("{before}");
                }
            }
        }
    }
    let lines: Vec<_> = lines.iter().map(|line| printable(line)).collect();
    let end = if lines.is_empty() { "" } else { "\n" };
    output::write(None, format!("{}{end}", lines.join("\n")).as_bytes())?;
    failed.map_or(Ok(Exit::Passed), Err)
}

fn describe(found: &Found, lines: &mut Vec<String>) {
    for document in found.documents.iter().map(|found| &found.document) {
        lines.push(heading(document));
        lines.extend(document.statements.iter().map(|statement| format!("  {}", in_words(statement))));
        lines.extend(document.problems.iter().map(|problem| format!("  problem at {problem}")));
    }
    lines.extend(found.notices.iter().map(|notice| format!("{}: {}", notice.origin, notice.text)));
}

fn heading(document: &Document) -> String {
    let Document { name, format, id, author, timestamp, version, statements, .. } = document;
    let number = statements.len();
    let mut words = format!("{name}: {format}");
    for (before, text) in [("", id), ("version ", version), ("by ", author), ("of ", timestamp)]
        .iter()
        .filter(|(_, text)| !text.is_empty())
    {
        words = format!("{words}, {before}{text}");
    }
    format!("{words}, {number} statement{}", if number == 1 { "" } else { "s" })
}

fn in_words(statement: &Statement) -> String {
    let Statement { at, vulnerability, products, status, .. } = statement;
    let mut names: Vec<String> = products
        .iter()
        .take(MAX_NAMED_PRODUCTS)
        .map(|product| match product.subcomponents.as_slice() {
            [] => product.component.label().to_owned(),
            [part] => format!("{} in {}", part.label(), product.component.label()),
            [part, rest @ ..] => {
                format!("{} and {} more in {}", part.label(), rest.len(), product.component.label())
            }
        })
        .collect();
    if products.len() > MAX_NAMED_PRODUCTS {
        names.push(format!("{} more", products.len() - MAX_NAMED_PRODUCTS));
    }
    let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    let reason = status.reason();
    let reason = if reason.is_empty() { reason } else { format!(" ({reason})") };
    format!("{at}: {} {} on {names}{reason}", vulnerability.join(" "), status.word())
}
