//! Which of the severities that were said counts.
//!
//! The order, first hit wins; within one step the higher CVSS version, then the worse value:
//!
//! 1. The distribution's own word, of the package before of the document. The word of a collected advisory is the
//!    word for each flaw it names.
//! 2. CVSS vectors of the records that matched, of the package before of the document; then their bare scores. Those
//!    of a collected advisory with several flaws are of none of them and are left out.
//! 3. The word of another database that matched: `ghsa`, `bitnami`.
//! 4. Vectors of the same flaw's other records, then of the table of scores for the CVE.
//! 5. The other records' scores, then their words; then the table's.
//!
//! `UNKNOWN` as a word is kept among the ratings and never counts.

use std::cmp::Reverse;

use plimsoll_cvss::{Band, CvssScore, CvssVersion};
use plimsoll_model::{Rating, RatingScale, Severity, SeverityChoice, SeveritySource};

/// A rating, and how near to the package it was given.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) rating: Rating,
    pub(crate) by: By,
}

/// Who said it, the nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum By {
    /// A record that matched, of this package.
    Package,
    /// A record that matched, of the flaw as a whole.
    Record,
    /// A collected advisory that matched.
    Collected,
    /// Another record of the same flaw.
    Alias,
    /// A table of scores.
    Table,
}

/// Chooses among `said`. `distribution`: whether the package is a distribution's.
pub(crate) fn choose(said: &[Said], distribution: bool) -> SeverityChoice {
    let matched = [By::Package, By::Record, By::Collected];
    let elsewhere = [By::Alias, By::Table];
    let first = |read: Read, sources: &[By]| sources.iter().find_map(|&by| read(said, by));
    let own_word = || distribution.then(|| first(word, &matched)).flatten();
    own_word()
        .or_else(|| first(vector, &matched))
        .or_else(|| first(score, &matched))
        .or_else(|| first(word, &matched))
        .or_else(|| first(vector, &elsewhere))
        .or_else(|| elsewhere.iter().find_map(|&by| score(said, by).or_else(|| word(said, by))))
        .unwrap_or(SeverityChoice { severity: Severity::Unknown, source: SeveritySource::Nobody })
}

/// Reads one scale of what was said by one of them.
type Read = fn(&[Said], By) -> Option<SeverityChoice>;

fn of(said: &[Said], by: By) -> impl Iterator<Item = &Rating> {
    said.iter().filter(move |said| said.by == by).map(|said| &said.rating)
}

fn word(said: &[Said], by: By) -> Option<SeverityChoice> {
    let words = of(said, by).filter_map(|rating| match rating.scale {
        RatingScale::Word(word) if word != Severity::Unknown => Some((word, &rating.source)),
        _ => None,
    });
    let (severity, source) = words.max_by_key(|&(word, source)| (word, Reverse(source)))?;
    Some(SeverityChoice { severity, source: SeveritySource::Word(source.clone()) })
}

fn vector(said: &[Said], by: By) -> Option<SeverityChoice> {
    let vectors = of(said, by).filter_map(|rating| match &rating.scale {
        RatingScale::Cvss(vector) => {
            plimsoll_cvss::score(vector).ok().map(|scored| (scored, &rating.source, vector))
        }
        _ => None,
    });
    let (scored, source, vector) = vectors.max_by_key(|&(scored, source, vector)| {
        (scored.version, scored.score, Reverse(source), Reverse(vector))
    })?;
    let score = scored.score.tenths();
    Some(SeverityChoice {
        severity: word_of(scored.band()),
        source: SeveritySource::Cvss { source: source.clone(), vector: vector.clone(), score },
    })
}

fn score(said: &[Said], by: By) -> Option<SeverityChoice> {
    let scores = of(said, by).filter_map(|rating| match rating.scale {
        RatingScale::Score(tenths) => Some((tenths, &rating.source)),
        _ => None,
    });
    let (score, source) = scores.max_by_key(|&(tenths, source)| (tenths, Reverse(source)))?;
    Some(SeverityChoice {
        severity: of_score(score),
        source: SeveritySource::Score { source: source.clone(), score },
    })
}

/// The word for a score of which only the tenths are known: that of the versions from 3.0 on.
fn of_score(tenths: u8) -> Severity {
    word_of(CvssScore::from_tenths(tenths).unwrap_or(CvssScore::MAX).band(CvssVersion::V3_1))
}

fn word_of(band: Band) -> Severity {
    match band {
        Band::None => Severity::Negligible,
        Band::Low => Severity::Low,
        Band::Medium => Severity::Medium,
        Band::High => Severity::High,
        Band::Critical => Severity::Critical,
    }
}
