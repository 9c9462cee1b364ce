//! `plimsoll vex check`.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use plimsoll_attest::VerifyingKey;
use plimsoll_model::{Finding, Scan};
use plimsoll_report::{printable, read_scan};
use plimsoll_vex::{Document, Judged, Statement, Subject, Use, judge};
use plimsoll_vex_source::{Source, find_files};

use super::failure;
use crate::exit::{Exit, Failure};
use crate::output;

/// Products of a statement that are named.
const MAX_NAMED_PRODUCTS: usize = 3;

/// Lists what documents say, and what became of it in a stored report. A document that cannot be read is told, and the
/// others are read all the same.
pub(super) fn run(files: &[PathBuf], keys: &[VerifyingKey], against: Option<&Path>) -> Result<Exit, Failure> {
    let scan = against.map(stored).transpose()?;
    let mut documents = Vec::new();
    let mut notices = Vec::new();
    let mut failed: Option<Failure> = None;
    for file in files {
        match find_files(&[Source::Path(file.clone())], keys) {
            Ok(found) => {
                documents.extend(found.documents.into_iter().map(|found| found.document));
                notices.extend(found.notices);
            }
            Err(error) => {
                if let Some(before) = failed.replace(failure(error)) {
                    eprintln!("{before}");
                }
            }
        }
    }
    // One for each statement, in their order.
    let uses = scan.as_ref().map(|scan| judged(&documents, scan).uses).unwrap_or_default();
    let mut uses = uses.iter();
    let mut lines = Vec::new();
    for document in &documents {
        lines.push(heading(document));
        for statement in &document.statements {
            lines.push(format!("  {}", in_words(statement)));
            lines.extend(uses.next().map(|used| format!("    {}", became(used))));
        }
        lines.extend(document.problems.iter().map(|problem| format!("  problem at {problem}")));
    }
    lines.extend(notices.iter().map(|notice| format!("{}: {}", notice.origin, notice.text)));
    let lines: Vec<_> = lines.iter().map(|line| printable(line)).collect();
    let end = if lines.is_empty() { "" } else { "\n" };
    output::write(None, format!("{}{end}", lines.join("\n")).as_bytes())?;
    failed.map_or(Ok(Exit::Passed), Err)
}

/// The scan of a stored report.
fn stored(path: &Path) -> Result<Scan, Failure> {
    let name = path.display().to_string();
    let mut file = File::open(path).map_err(|error| {
        Failure::new(Exit::Usage, anyhow!(error).context(format!("cannot read report `{name}`")))
    })?;
    Ok(read_scan(&mut file, &name).map_err(|error| Failure::new(Exit::Usage, error))?.scan)
}

/// Judged against all that was found, whoever suppressed it then.
fn judged(documents: &[Document], scan: &Scan) -> Judged {
    let suppressed = scan.suppressed.iter().map(|suppressed| &suppressed.finding);
    let findings: Vec<Finding> = scan.findings.iter().chain(suppressed).cloned().collect();
    judge(documents, &Subject::of(&scan.inventory), &scan.inventory.packages, &findings)
}

fn heading(document: &Document) -> String {
    let Document { name, format, id, author, timestamp, version, statements, .. } = document;
    let number = statements.len();
    let mut words = format!("{name}: {format}");
    for (before, text) in [("", id), ("version ", version), ("by ", author), ("of ", timestamp)] {
        if !text.is_empty() {
            words = format!("{words}, {before}{text}");
        }
    }
    format!("{words}, {number} statement{}", plural(number))
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

/// What became of a statement.
fn became(used: &Use) -> String {
    let findings = |number: usize| format!("{number} finding{}", plural(number));
    match (used.held, used.overruled, &used.nearest_miss) {
        (0, 0, Some(miss)) => format!("matches nothing: {miss}"),
        (0, 0, None) => "matches nothing".to_owned(),
        (held, 0, _) => format!("holds for {}", findings(held)),
        (0, overruled, _) => format!("matches {}, and another statement holds", findings(overruled)),
        (held, overruled, _) => {
            format!("holds for {}; for {} another statement does", findings(held), findings(overruled))
        }
    }
}

fn plural(number: usize) -> &'static str {
    if number == 1 { "" } else { "s" }
}
