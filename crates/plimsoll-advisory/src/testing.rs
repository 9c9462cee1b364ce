//! What the tests of sources share: a file's reading as values, as lines, and as text.

use std::fmt::Write as _;

use plimsoll_model::{Advisory, Affected, AffectedStatus, EventKind, Rating, RatingScale};

use crate::error::InvalidRecord;
use crate::report::ReadReport;
use crate::seam::{Document, FeedFile, Sink, Source};

/// What a source hands on of a file, and how the reading ends.
fn documents(
    source: &dyn Source,
    path: &str,
    scope: &str,
    bytes: &[u8],
) -> (Vec<Document>, ReadReport, Result<(), InvalidRecord>) {
    let mut report = ReadReport::default();
    let mut documents = Vec::new();
    let mut accept = |document| documents.push(document);
    let mut sink = Sink::new(source.about().name, &mut report, &mut accept);
    let result = source.read(&FeedFile { path, scope, bytes }, &mut sink);
    (documents, report, result)
}

/// Reads one file of no known scope and gives its documents, one line each.
pub(crate) fn read(
    source: &dyn Source,
    path: &str,
    bytes: &[u8],
) -> Result<(Vec<String>, ReadReport), InvalidRecord> {
    let (documents, report, result) = documents(source, path, "", bytes);
    result.map(|()| (documents.iter().map(line).collect(), report))
}

/// The advisories of a file.
pub(crate) fn advisories(
    source: &dyn Source,
    path: &str,
    bytes: &[u8],
) -> Result<Vec<Advisory>, InvalidRecord> {
    let (documents, _, result) = documents(source, path, "", bytes);
    let advisory = |document| match document {
        Document::Advisory(advisory) => Some(*advisory),
        _ => None,
    };
    result.map(|()| documents.into_iter().filter_map(advisory).collect())
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

/// What a source reads of a file, one line a thing: advisories with their packages, then what was left out.
pub(crate) fn read_to_text(source: &dyn Source, path: &str, scope: &str, bytes: &[u8]) -> String {
    let (documents, report, result) = documents(source, path, scope, bytes);
    let mut out = String::new();
    for document in &documents {
        match document {
            Document::Advisory(advisory) => {
                assert_eq!(advisory.source, source.about().name);
                add_advisory(&mut out, advisory);
            }
            other => writeln!(out, "{other:?}").unwrap(),
        }
    }
    for (skip, count) in &report.skipped {
        writeln!(out, "left out: {count} {skip}").unwrap();
    }
    for failure in &report.failures {
        writeln!(out, "failed: {}: {}", failure.place, failure.reason).unwrap();
    }
    if let Err(error) = result {
        writeln!(out, "error: {error}").unwrap();
    }
    out
}

fn add_advisory(out: &mut String, advisory: &Advisory) {
    write!(out, "{}", advisory.id).unwrap();
    for (key, values) in [
        ("aliases", &advisory.aliases),
        ("upstream", &advisory.upstream),
        ("related", &advisory.related),
        ("cwes", &advisory.cwes),
    ] {
        if !values.is_empty() {
            write!(out, " {key}={}", values.join(",")).unwrap();
        }
    }
    for (key, value) in [
        ("summary", &advisory.summary),
        ("details", &advisory.details),
        ("published", &advisory.published),
        ("modified", &advisory.modified),
    ] {
        if !value.is_empty() {
            write!(out, " {key}={value:?}").unwrap();
        }
    }
    if let Some(kind) = &advisory.informational {
        write!(out, " informational={kind}").unwrap();
    }
    add_ratings(out, &advisory.ratings);
    out.push('\n');
    for reference in &advisory.references {
        writeln!(out, "  {} {}", reference.kind, reference.url).unwrap();
    }
    for affected in &advisory.affected {
        add_affected(out, affected);
    }
}

fn add_affected(out: &mut String, affected: &Affected) {
    write!(out, "  {} {}", affected.namespace, affected.name).unwrap();
    for range in &affected.ranges {
        let events: Vec<String> = range
            .events
            .iter()
            .map(|event| match event.kind {
                EventKind::Introduced => format!(">={}", event.version),
                EventKind::Fixed => format!("<{}", event.version),
                EventKind::LastAffected => format!("<={}", event.version),
                EventKind::Limit => format!("limit {}", event.version),
            })
            .collect();
        write!(out, " [{}]", events.join(" ")).unwrap();
    }
    assert!(affected.versions.is_empty());
    if affected.status != AffectedStatus::Affected {
        write!(out, " {:?}", affected.status).unwrap();
    }
    if !affected.module.is_empty() {
        write!(out, " module={}", affected.module).unwrap();
    }
    if !affected.note.is_empty() {
        write!(out, " note={:?}", affected.note).unwrap();
    }
    add_ratings(out, &affected.ratings);
    out.push('\n');
}

fn add_ratings(out: &mut String, ratings: &[Rating]) {
    for rating in ratings {
        match &rating.scale {
            RatingScale::Word(word) => write!(out, " {}={word}", rating.source),
            RatingScale::Cvss(vector) => write!(out, " {}={vector}", rating.source),
            RatingScale::Score(tenths) => write!(out, " {}={}.{}", rating.source, tenths / 10, tenths % 10),
        }
        .unwrap();
    }
}

/// How many prefixes of a file are tried, evenly spread over one that is longer.
const MAX_PREFIXES: usize = 4_000;

/// That no prefix of a file, and none with one byte changed, makes a source panic, and that none of the things that come
/// instead of a file are taken for one.
pub(crate) fn survives(source: &dyn Source, path: &str, scope: &str, whole: &[u8]) {
    for length in (0..whole.len()).step_by(whole.len().div_ceil(MAX_PREFIXES).max(1)) {
        let text = read_to_text(source, path, scope, &whole[..length]);
        let is_whole = whole[length..].iter().all(u8::is_ascii_whitespace);
        assert!(is_whole || text.contains("error: "), "cut at {length}: {text}");
        let mut damaged = whole.to_vec();
        damaged[length] = b"\0\"{}[]:,9"[length % 9];
        read_to_text(source, path, scope, &damaged);
    }
    let deep = "[".repeat(100_000);
    let objects = r#"{"a":"#.repeat(100_000);
    for bytes in ["", "null", "3", "<!DOCTYPE html><html><body>login</body></html>", &deep, &objects] {
        let text = read_to_text(source, path, scope, bytes.as_bytes());
        assert!(text.starts_with("error: expected ") && text.len() < 300, "{text}");
        assert!(!source.claims("some/file.json", bytes.as_bytes()), "{}", &bytes[..bytes.len().min(40)]);
    }
    let head = &whole[..whole.len().min(crate::seam::MAX_HEAD_BYTES)];
    assert!(source.claims(path, head), "{path}");
}
