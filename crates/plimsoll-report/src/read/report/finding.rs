//! `Results[].Vulnerabilities[]` of our reports to findings.

use plimsoll_model::{
    Epss, Evidence, Finding, FixState, KevEntry, Rating, RatingScale, Reference, Ruling, SeverityChoice,
    SeveritySource,
};

use super::document::{
    JsonEpss, JsonEvidence, JsonRating, JsonRuling, KnownExploited, SeverityFrom, Vulnerability,
};
use super::fault::Fault;
use super::ours::Numbered;

/// The kind of a reference where the report says none.
pub(super) const UNKNOWN_REFERENCE: &str = "WEB";

/// The number of a finding, the finding, and what the gate said of it.
pub(super) fn finding(
    vulnerability: Vulnerability,
    packages: &Numbered,
) -> Result<(u64, Finding, Option<Ruling>), Fault> {
    let own = vulnerability
        .plimsoll
        .ok_or_else(|| Fault::missing("Plimsoll", "the object `Plimsoll`, as all of the report have it"))?;
    let index = own.index.ok_or_else(|| Fault::missing("Plimsoll.Index", "the finding's number"))?;
    let places = own.places.iter().enumerate().map(|(at, place)| {
        packages.named(place.index).map_err(|fault| fault.inside(format_args!("Plimsoll.Places[{at}].Index")))
    });
    let mut places = places.collect::<Result<Vec<usize>, Fault>>()?;
    if places.is_empty() {
        return Err(Fault::missing("Plimsoll.Places", "at least one place"));
    }
    places.sort_unstable();
    places.dedup();
    let mut kinds = own.reference_kinds.into_iter();
    let finding = Finding {
        id: vulnerability.id,
        aliases: own.aliases,
        advisories: own.advisories,
        packages: places,
        fix: fix(&vulnerability.status, vulnerability.fixed_version)?,
        fixed_since: own.fixed_since,
        severity: SeverityChoice { severity: own.severity, source: severity_source(own.severity_from)? },
        ratings: ratings(own.ratings)?,
        title: vulnerability.title,
        description: vulnerability.description,
        published: vulnerability.published_date,
        modified: vulnerability.last_modified_date,
        cwes: vulnerability.cwe_ids,
        references: vulnerability
            .references
            .into_iter()
            .map(|url| Reference { kind: kinds.next().unwrap_or_else(|| UNKNOWN_REFERENCE.to_owned()), url })
            .collect(),
        kev: own.known_exploited.map(kev),
        epss: own.epss.as_ref().map(epss),
        risk: risk(own.risk),
        malicious: own.malicious,
        informational: own.informational,
        evidence: own.evidence.into_iter().map(evidence).collect(),
        new: own.new,
    };
    Ok((index, finding, own.ruling.map(ruling)))
}

/// Whether a fix exists, from Trivy's word for it.
///
/// Source: trivy-db, the Go constants `Status…`.
pub(super) fn fix(status: &str, fixed_version: Option<String>) -> Result<FixState, Fault> {
    Ok(match status {
        "fixed" => FixState::Fixed(fixed_version.unwrap_or_default()),
        "affected" => FixState::NotFixed,
        "will_not_fix" => FixState::WillNotFix,
        "fix_deferred" => FixState::FixDeferred,
        "under_investigation" => FixState::UnderInvestigation,
        "end_of_life" => FixState::EndOfLife,
        other => return Err(Fault::at("Status", "`fixed`, `affected` or another of Trivy's states", other)),
    })
}

fn severity_source(from: SeverityFrom) -> Result<SeveritySource, Fault> {
    let SeverityFrom { kind, source, vector, score } = from;
    Ok(match kind.as_str() {
        "word" => SeveritySource::Word(source),
        "cvss" => SeveritySource::Cvss { source, vector, score: tenths(score) },
        "score" => SeveritySource::Score { source, score: tenths(score) },
        "malicious" => SeveritySource::Malicious,
        "nobody" => SeveritySource::Nobody,
        other => {
            let expected = "`word`, `cvss`, `score`, `malicious` or `nobody`";
            return Err(Fault::at("Plimsoll.SeverityFrom.Kind", expected, other));
        }
    })
}

fn ratings(ratings: Vec<JsonRating>) -> Result<Vec<Rating>, Fault> {
    let rating = |(at, rating): (usize, JsonRating)| {
        let scale = match rating {
            JsonRating { severity: Some(severity), .. } => RatingScale::Word(severity),
            JsonRating { vector: Some(vector), .. } => RatingScale::Cvss(vector),
            JsonRating { score: Some(score), .. } => RatingScale::Score(tenths(score)),
            _ => {
                let expected = "one of `Severity`, `Vector` and `Score`";
                return Err(Fault::missing(format_args!("Plimsoll.Ratings[{at}]"), expected));
            }
        };
        Ok(Rating { source: rating.source, scale })
    };
    ratings.into_iter().enumerate().map(rating).collect()
}

fn kev(entry: KnownExploited) -> KevEntry {
    let KnownExploited { id, name, date_added, due_date, ransomware } = entry;
    KevEntry { id, date_added, due_date, ransomware, name }
}

fn epss(epss: &JsonEpss) -> Epss {
    Epss {
        probability: hundred_thousandths(epss.probability),
        percentile: hundred_thousandths(epss.percentile),
    }
}

fn ruling(ruling: JsonRuling) -> Ruling {
    let JsonRuling { outcome, rule, reason, due, notes } = ruling;
    Ruling { outcome, rule, reason, due, notes }
}

fn evidence(evidence: JsonEvidence) -> Evidence {
    let JsonEvidence { advisory, source, namespace, name, version, range, fixed, note } = evidence;
    Evidence { advisory, source, namespace, name, version, range, fixed, note }
}

/// A score in tenths: 9.8 is 98.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts of floats keep to the bounds"
)]
pub(super) fn tenths(score: f64) -> u8 {
    (score * 10.0).round() as u8
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts of floats keep to the bounds"
)]
fn risk(risk: f64) -> u16 {
    (risk * 10.0).round() as u16
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts of floats keep to the bounds"
)]
fn hundred_thousandths(share: f64) -> u32 {
    (share * 100_000.0).round() as u32
}
