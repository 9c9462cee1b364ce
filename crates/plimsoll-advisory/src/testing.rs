//! What the tests of sources have in common.

use plimsoll_model::Advisory;

use crate::error::InvalidRecord;
use crate::report::ReadReport;
use crate::seam::{Document, FeedFile, Sink, Source};

/// Reads one file of no known scope and gives its documents, one line each.
pub(crate) fn read(
    source: &dyn Source,
    path: &str,
    bytes: &[u8],
) -> Result<(Vec<String>, ReadReport), InvalidRecord> {
    let (documents, report) = documents(source, path, bytes)?;
    Ok((documents.iter().map(line).collect(), report))
}

/// Reads one file of no known scope.
pub(crate) fn documents(
    source: &dyn Source,
    path: &str,
    bytes: &[u8],
) -> Result<(Vec<Document>, ReadReport), InvalidRecord> {
    let mut report = ReadReport::default();
    let mut documents = Vec::new();
    let mut accept = |document| documents.push(document);
    let mut sink = Sink::new(source.about().name, &mut report, &mut accept);
    source.read(&FeedFile { path, scope: "", bytes }, &mut sink)?;
    Ok((documents, report))
}

/// The advisories of a file.
pub(crate) fn advisories(
    source: &dyn Source,
    path: &str,
    bytes: &[u8],
) -> Result<Vec<Advisory>, InvalidRecord> {
    Ok(documents(source, path, bytes)?
        .0
        .into_iter()
        .filter_map(|document| match document {
            Document::Advisory(advisory) => Some(*advisory),
            _ => None,
        })
        .collect())
}

/// A document in one line.
pub(crate) fn line(document: &Document) -> String {
    match document {
        Document::Advisory(advisory) => format!("{} {}", advisory.source, advisory.id),
        Document::Withdrawn { source, id, .. } => format!("{source} -{id}"),
        Document::Kev(entry) => format!("kev {}", entry.id),
        Document::Score(score) => format!("score {}", score.id),
        Document::Epss { id, epss } => format!("epss {id} {} {}", epss.probability, epss.percentile),
    }
}
