//! OSV records, whoever publishes them.
//!
//! Source: OSV schema 1.7. Read tolerantly, as live exports need: unknown fields are passed over, events may stand in
//! any order, `modified` may be missing, the open fields may be of any shape.

use std::borrow::Cow;
use std::collections::HashSet;

use plimsoll_model::{
    Advisory, Affected, AffectedEvent, AffectedRange, AffectedStatus, EventKind, Namespace, Rating,
    RatingScale, Reference,
};
use serde::Deserialize;

use crate::error::InvalidRecord;
use crate::loose::{Loose, Specific};
use crate::osv_source::NAME;
use crate::rating;
use crate::skip::Skip;
use crate::text::instant;

/// Debian's urgency of a package whose release gets no fixes any more.
const END_OF_LIFE: &str = "end-of-life";

/// Longest ID that is accepted, in bytes.
const MAX_ID_BYTES: usize = 256;

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedRecord {
    /// What it came to.
    pub outcome: Outcome,
    /// The parts of it that were left out, in the order they were met.
    pub skipped: Vec<Skip>,
}

/// What a record came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An advisory that names at least one package.
    Advisory(Box<Advisory>),
    /// Taken back by its source. Kept as a mark, because an older copy of the record may not be withdrawn yet.
    Withdrawn {
        /// Its ID.
        id: String,
        /// Last changed, RFC 3339 UTC; empty where unknown.
        modified: String,
    },
    /// Nothing of it can be looked up: no package is left. An older copy of it counts no more than one withdrawn.
    Empty {
        /// Its ID.
        id: String,
        /// Last changed, RFC 3339 UTC; empty where unknown.
        modified: String,
    },
}

/// Reads one OSV record from its JSON.
///
/// # Errors
/// [`InvalidRecord`] for what is no JSON, no record, or has no usable `id`.
pub fn parse_record(bytes: &[u8]) -> Result<ParsedRecord, InvalidRecord> {
    let raw: RawRecord<'_> =
        serde_json::from_slice(bytes).map_err(|error| InvalidRecord::json("an OSV record", &error))?;
    let id = raw.id.unwrap_or_default().into_owned();
    if id.is_empty() || id.len() > MAX_ID_BYTES || id.chars().any(|c| c.is_control() || c.is_whitespace()) {
        let found = if id.is_empty() {
            "none".to_owned()
        } else {
            format!("`{}`", id.chars().take(60).collect::<String>().escape_debug())
        };
        return Err(InvalidRecord { expected: "an `id` of 1 to 256 bytes without blanks", found });
    }
    let modified = raw.modified.map(|text| instant(&text)).unwrap_or_default();
    if raw.withdrawn.is_some_and(|text| !text.is_empty()) {
        return Ok(ParsedRecord { outcome: Outcome::Withdrawn { id, modified }, skipped: Vec::new() });
    }

    let database = rating::database_of(&id);
    let summary = raw.summary.unwrap_or_default().into_owned();
    let mut specific = raw.database_specific.unwrap_or_default();
    let mut ratings = Vec::new();
    add_severities(&mut ratings, &database, raw.severity);
    add_specific(&mut ratings, &database, &mut specific);
    if let Some(severity) = rating::title_word(&database, &summary) {
        rating::add(&mut ratings, &database, RatingScale::Word(severity));
    }

    let mut skipped = Vec::new();
    let mut cwes: Vec<String> =
        std::mem::take(&mut specific.cwes).into_iter().flat_map(Loose::into_texts).collect();
    let mut informational = specific.informational.into_text();
    let mut affected: Vec<Affected> = Vec::new();
    for mut entry in raw.affected.unwrap_or_default() {
        for part in [&mut entry.database_specific, &mut entry.ecosystem_specific].into_iter().flatten() {
            cwes.extend(std::mem::take(&mut part.cwes).into_iter().flat_map(Loose::into_texts));
            informational = informational.or(std::mem::take(&mut part.informational).into_text());
        }
        affected.extend(read_affected(entry, &database, &ratings, &mut skipped));
    }
    if affected.is_empty() {
        return Ok(ParsedRecord { outcome: Outcome::Empty { id, modified }, skipped });
    }
    cwes.retain(|cwe| cwe.starts_with("CWE-"));
    cwes.sort_unstable();
    cwes.dedup();

    let related = texts(raw.related, &id);
    if informational.is_none() {
        informational = erratum_kind(&id, &related).map(str::to_owned);
    }
    let advisory = Advisory {
        source: NAME.to_owned(),
        aliases: texts(raw.aliases, &id),
        upstream: texts(raw.upstream, &id),
        related,
        summary,
        details: raw.details.unwrap_or_default().into_owned(),
        published: raw.published.map(|text| instant(&text)).unwrap_or_default(),
        modified,
        references: references(raw.references),
        ratings,
        cwes,
        informational,
        affected,
        id,
    };
    Ok(ParsedRecord { outcome: Outcome::Advisory(Box::new(advisory)), skipped })
}

/// What one record says of one package.
fn read_affected(
    entry: RawAffected<'_>,
    database: &str,
    of_record: &[Rating],
    skipped: &mut Vec<Skip>,
) -> Option<Affected> {
    let package = entry.package.unwrap_or_default();
    let (Some(ecosystem), Some(name)) = (package.ecosystem, package.name) else {
        skipped.push(Skip::NoPackage);
        return None;
    };
    if ecosystem.is_empty() || name.is_empty() {
        skipped.push(Skip::NoPackage);
        return None;
    }
    let Some(namespace) = Namespace::parse(&ecosystem) else {
        let bare = ecosystem.split(':').next().unwrap_or_default();
        skipped.push(Skip::Ecosystem(bare.chars().take(60).collect()));
        return None;
    };

    let mut ranges = Vec::new();
    for range in entry.ranges.unwrap_or_default() {
        match range.kind.as_deref() {
            Some("ECOSYSTEM" | "SEMVER") => {
                let events = events(range.events.unwrap_or_default(), skipped);
                if !events.is_empty() {
                    ranges.push(AffectedRange { events });
                }
            }
            Some("GIT") => skipped.push(Skip::GitRange),
            other => {
                skipped.push(Skip::RangeType(other.unwrap_or_default().chars().take(60).collect()));
            }
        }
    }
    let versions: Vec<String> = entry
        .versions
        .unwrap_or_default()
        .into_iter()
        .filter_map(Loose::into_text)
        .filter(|version| !version.is_empty())
        .collect();
    if ranges.is_empty() && versions.is_empty() {
        skipped.push(Skip::NoVersions);
        return None;
    }

    let mut ratings = Vec::new();
    let mut status = AffectedStatus::Affected;
    add_severities(&mut ratings, database, entry.severity);
    for mut part in [entry.database_specific, entry.ecosystem_specific].into_iter().flatten() {
        if part.words.iter().any(|word| matches!(word, Loose::Text(text) if text == END_OF_LIFE)) {
            status = AffectedStatus::EndOfLife;
        }
        add_specific(&mut ratings, database, &mut part);
    }
    ratings.retain(|rating| !of_record.contains(rating));
    let name = namespace.ecosystem.normalize_name(&name).into_owned();
    Some(Affected {
        namespace,
        name,
        ranges,
        versions,
        ratings,
        status,
        note: String::new(),
        module: String::new(),
    })
}

/// One event an object is what the schema asks; older documents put `introduced` and `fixed` into one.
fn events(raw: Vec<RawEvent>, skipped: &mut Vec<Skip>) -> Vec<AffectedEvent> {
    let mut events = Vec::with_capacity(raw.len());
    for event in raw {
        let before = events.len();
        for (kind, version) in [
            (EventKind::Introduced, event.introduced),
            (EventKind::Fixed, event.fixed),
            (EventKind::LastAffected, event.last_affected),
            (EventKind::Limit, event.limit),
        ] {
            let version = version.into_text().map(|version| version.trim().to_owned());
            if let Some(version) = version.filter(|version| !version.is_empty()) {
                events.push(AffectedEvent { kind, version });
            }
        }
        if events.len() == before {
            skipped.push(Skip::Event);
        }
    }
    events
}

fn add_severities(ratings: &mut Vec<Rating>, database: &str, severities: Option<Vec<RawSeverity>>) {
    for severity in severities.unwrap_or_default() {
        if let Some(scale) = severity.score.into_text().as_deref().and_then(rating::scale) {
            rating::add(ratings, database, scale);
        }
    }
}

/// A bare score does not tell its version once it is a rating, so of several that one block gives, that of the highest
/// version stays.
fn add_specific(ratings: &mut Vec<Rating>, database: &str, specific: &mut Specific) {
    for scale in specific.words.drain(..).filter_map(scale) {
        rating::add(ratings, database, scale);
    }
    let numbers = specific.cvss.drain(..).filter_map(|(version, value)| Some((version, scale(value)?)));
    let numbers: Vec<(u8, RatingScale)> = numbers.collect();
    let is_score = |scale: &RatingScale| matches!(scale, RatingScale::Score(_));
    let scores = numbers.iter().filter(|(_, scale)| is_score(scale));
    let highest = scores.map(|&(version, _)| version).max();
    for (version, scale) in numbers {
        if !is_score(&scale) || Some(version) == highest {
            rating::add(ratings, database, scale);
        }
    }
}

fn scale(value: Loose) -> Option<RatingScale> {
    value.into_text().as_deref().and_then(rating::scale)
}

/// An enterprise Linux erratum that fixes a bug or adds a feature is no flaw, unless it names a CVE.
fn erratum_kind(id: &str, related: &[String]) -> Option<&'static str> {
    let names_cve = || related.iter().any(|id| id.starts_with("CVE-"));
    match id.split('-').next()? {
        "ALBA" | "RLBA" | "RHBA" if !names_cve() => Some("bugfix"),
        "ALEA" | "RLEA" | "RHEA" if !names_cve() => Some("enhancement"),
        _ => None,
    }
}

/// Other names, each once, without the record's own.
fn texts(raw: Option<Vec<Cow<'_, str>>>, id: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    raw.unwrap_or_default()
        .into_iter()
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty() && text != id && seen.insert(text.clone()))
        .collect()
}

fn references(raw: Option<Vec<RawReference<'_>>>) -> Vec<Reference> {
    raw.unwrap_or_default()
        .into_iter()
        .filter_map(|reference| {
            let url = reference.url.filter(|url| !url.is_empty())?.into_owned();
            Some(Reference { kind: reference.kind.unwrap_or(Cow::Borrowed("WEB")).into_owned(), url })
        })
        .collect()
}

#[derive(Deserialize)]
struct RawRecord<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    modified: Option<Cow<'a, str>>,
    #[serde(borrow)]
    published: Option<Cow<'a, str>>,
    #[serde(borrow)]
    withdrawn: Option<Cow<'a, str>>,
    #[serde(borrow)]
    aliases: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    upstream: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    related: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    summary: Option<Cow<'a, str>>,
    #[serde(borrow)]
    details: Option<Cow<'a, str>>,
    severity: Option<Vec<RawSeverity>>,
    #[serde(borrow)]
    affected: Option<Vec<RawAffected<'a>>>,
    #[serde(borrow)]
    references: Option<Vec<RawReference<'a>>>,
    database_specific: Option<Specific>,
}

#[derive(Deserialize)]
struct RawSeverity {
    #[serde(default)]
    score: Loose,
}

#[derive(Deserialize)]
struct RawAffected<'a> {
    #[serde(borrow)]
    package: Option<RawPackage<'a>>,
    #[serde(borrow)]
    ranges: Option<Vec<RawRange<'a>>>,
    versions: Option<Vec<Loose>>,
    severity: Option<Vec<RawSeverity>>,
    database_specific: Option<Specific>,
    ecosystem_specific: Option<Specific>,
}

#[derive(Default, Deserialize)]
struct RawPackage<'a> {
    #[serde(borrow)]
    ecosystem: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct RawRange<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    events: Option<Vec<RawEvent>>,
}

#[derive(Deserialize)]
struct RawEvent {
    #[serde(default)]
    introduced: Loose,
    #[serde(default)]
    fixed: Loose,
    #[serde(default)]
    last_affected: Loose,
    #[serde(default)]
    limit: Loose,
}

#[derive(Deserialize)]
struct RawReference<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    url: Option<Cow<'a, str>>,
}

#[cfg(test)]
#[path = "osv_tests.rs"]
mod tests;
