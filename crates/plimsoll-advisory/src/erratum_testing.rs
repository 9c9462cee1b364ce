//! What the tests of RPM distributions' sources have in common.

use std::fmt::Write;

use plimsoll_model::{Advisory, AffectedStatus, EventKind, RatingScale};

use crate::error::InvalidRecord;
use crate::report::ReadReport;
use crate::seam::{Document, FeedFile, Sink, Source};

/// Reads a file and gives the documents for people, and what was left out.
pub(crate) fn show(source: &dyn Source, scope: &str, path: &str, bytes: &[u8]) -> String {
    let mut text = String::new();
    match read(source, scope, path, bytes) {
        Ok((documents, report)) => {
            for document in &documents {
                match document {
                    Document::Advisory(advisory) => write_advisory(&mut text, advisory),
                    Document::Withdrawn { id, modified, .. } => writeln!(text, "nothing: {id} {modified}"),
                    other => writeln!(text, "{other:?}"),
                }
                .expect("a string takes it");
            }
            for (skip, count) in &report.skipped {
                writeln!(text, "left out: {count} {skip}").expect("a string takes it");
            }
            for failure in &report.failures {
                writeln!(text, "failed: {}: {}", failure.place, failure.reason).expect("a string takes it");
            }
        }
        Err(error) => writeln!(text, "error: {error}").expect("a string takes it"),
    }
    text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

/// Reads a file of that scope.
pub(crate) fn read(
    source: &dyn Source,
    scope: &str,
    path: &str,
    bytes: &[u8],
) -> Result<(Vec<Document>, ReadReport), InvalidRecord> {
    let mut report = ReadReport::default();
    let mut documents = Vec::new();
    let mut accept = |document| documents.push(document);
    let mut sink = Sink::new(source.about().name, &mut report, &mut accept);
    source.read(&FeedFile { path, scope, bytes }, &mut sink)?;
    Ok((documents, report))
}

fn write_advisory(text: &mut String, advisory: &Advisory) -> std::fmt::Result {
    let ratings = advisory.ratings.iter().map(|rating| match &rating.scale {
        RatingScale::Word(word) => format!("{}={word}", rating.source),
        RatingScale::Cvss(vector) => format!("{}={vector}", rating.source),
        RatingScale::Score(score) => format!("{}={score}", rating.source),
    });
    writeln!(text, "{} `{}` {}", advisory.id, advisory.summary, ratings.collect::<Vec<_>>().join(" "))?;
    writeln!(
        text,
        "  {} to {}, fixes {}",
        advisory.published,
        advisory.modified,
        advisory.upstream.join(" ")
    )?;
    if !advisory.details.is_empty() {
        writeln!(text, "  {:?}", advisory.details)?;
    }
    for reference in &advisory.references {
        writeln!(text, "  {} {}", reference.kind, reference.url)?;
    }
    for entry in &advisory.affected {
        write!(text, "  {} {}", entry.namespace, entry.name)?;
        for range in &entry.ranges {
            let event = |kind| {
                range.events.iter().find(|event| event.kind == kind).map(|event| event.version.as_str())
            };
            let fixed = event(EventKind::Fixed).unwrap_or("…");
            write!(text, " [{}, {fixed})", event(EventKind::Introduced).unwrap_or("?"))?;
        }
        if entry.status != AffectedStatus::Affected {
            write!(text, " {:?}", entry.status)?;
        }
        for (name, value) in [("module", &entry.module), ("note", &entry.note)] {
            if !value.is_empty() {
                write!(text, " {name} `{value}`")?;
            }
        }
        writeln!(text)?;
    }
    Ok(())
}
