//! What a row opens to: description, facts, why it matched, who rated it, where it is, links.

use std::fmt::Write as _;

use plimsoll_model::{Evidence, Finding, Package, RatingScale, Scan, SeveritySource};
use serde::Serialize;

use super::finding::{MAX_PLACES, day, layer_words, percent, short, tenths};
use super::prose::{self, Block};
use crate::facts;

/// Most references that are listed; the others are counted.
const MAX_REFERENCES: usize = 20;

/// What stands under one row.
#[derive(Serialize)]
pub(super) struct Details<'a> {
    description: Vec<Block>,
    facts: Vec<Fact>,
    cwes: Vec<Link>,
    evidence: Vec<Matched<'a>>,
    ratings: Vec<RatingLine>,
    places: Vec<Place>,
    places_left: usize,
    references: Vec<&'a str>,
    references_left: usize,
    reason: &'a str,
    notes: &'a [String],
}

/// A name and a value.
#[derive(Serialize)]
pub(super) struct Fact {
    /// What it is.
    pub(super) label: &'static str,
    /// The value.
    pub(super) value: String,
    /// Whether it is a digest or the like, which is set in a fixed width.
    pub(super) code: bool,
}

#[derive(Serialize)]
struct Link {
    text: String,
    url: String,
}

#[derive(Serialize)]
struct Matched<'a> {
    advisory: &'a str,
    source: &'a str,
    namespace: &'a str,
    name: &'a str,
    version: &'a str,
    range: &'a str,
    fixed: Option<&'a str>,
    note: &'a str,
}

#[derive(Serialize)]
struct RatingLine {
    source: String,
    scale: String,
    counts: bool,
}

#[derive(Serialize)]
struct Place {
    path: String,
    layer: String,
    about: String,
    purl: String,
}

/// The details of a finding in these packages.
pub(super) fn of<'a>(
    scan: &'a Scan,
    index: usize,
    finding: &'a Finding,
    packages: &[&Package],
) -> Details<'a> {
    let ruling = scan.decision.ruling(index);
    let links: Vec<&str> = facts::links(finding).collect();
    Details {
        description: prose::blocks(&finding.description),
        facts: detail_facts(finding, packages),
        cwes: finding.cwes.iter().map(|cwe| cwe_link(cwe)).collect(),
        evidence: finding.evidence.iter().map(matched).collect(),
        ratings: ratings(finding),
        places: packages.iter().take(MAX_PLACES).map(|package| place(scan, package)).collect(),
        places_left: packages.len().saturating_sub(MAX_PLACES),
        references_left: finding.references.len().saturating_sub(links.len().min(MAX_REFERENCES)),
        references: links.into_iter().take(MAX_REFERENCES).collect(),
        reason: ruling.map_or("", |ruling| &ruling.reason),
        notes: ruling.map_or(&[], |ruling| &ruling.notes),
    }
}

fn detail_facts(finding: &Finding, packages: &[&Package]) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |label, value: String| {
        if !value.is_empty() {
            facts.push(Fact { label, value, code: false });
        }
    };
    let name = packages.first().map_or("the package", |package| &package.name);
    add("What to do", short(&facts::solution(finding, name)));
    add("Fix published", day(&finding.fixed_since).to_owned());
    add("Severity from", severity_source(finding));
    if let Some(entry) = &finding.kev {
        let mut text = format!("in CISA's catalogue since {}", entry.date_added);
        if !entry.due_date.is_empty() {
            let _ = write!(text, ", to be dealt with by {}", entry.due_date);
        }
        if entry.ransomware {
            text.push_str(", used by ransomware");
        }
        if !entry.name.is_empty() {
            let _ = write!(text, ": {}", entry.name);
        }
        add("Known exploited", text);
    }
    if let Some(epss) = finding.epss {
        let text = format!(
            "{} within 30 days, at least as much as {} of all CVEs",
            percent(epss.probability),
            percent(epss.percentile)
        );
        add("EPSS", text);
    }
    add("Other names", finding.aliases.join(", "));
    let named = |advisory: &&String| **advisory != finding.id && !finding.aliases.contains(advisory);
    let others: Vec<&str> = finding.advisories.iter().filter(named).map(String::as_str).collect();
    add("Advisories", others.join(", "));
    add("Published", day(&finding.published).to_owned());
    add("Last changed", day(&finding.modified).to_owned());
    facts
}

fn severity_source(finding: &Finding) -> String {
    match &finding.severity.source {
        SeveritySource::Word(source) => format!("the word of {source}"),
        SeveritySource::Cvss { source, vector, score } => {
            format!("{source}, CVSS {} ({vector})", tenths(*score))
        }
        SeveritySource::Score { source, score } => format!("{source}, CVSS {}", tenths(*score)),
        SeveritySource::Malicious => "the package is itself the attack".to_owned(),
        SeveritySource::Nobody => "nobody has said".to_owned(),
    }
}

fn matched(evidence: &Evidence) -> Matched<'_> {
    Matched {
        advisory: &evidence.advisory,
        source: &evidence.source,
        namespace: &evidence.namespace,
        name: &evidence.name,
        version: &evidence.version,
        range: &evidence.range,
        fixed: evidence.fixed.as_deref(),
        note: &evidence.note,
    }
}

fn ratings(finding: &Finding) -> Vec<RatingLine> {
    let counts = |source: &str, scale: &RatingScale| match (&finding.severity.source, scale) {
        (SeveritySource::Word(counting), RatingScale::Word(word)) => {
            counting == source && *word == finding.severity.severity
        }
        (SeveritySource::Cvss { source: counting, vector: used, .. }, RatingScale::Cvss(vector)) => {
            counting == source && used == vector
        }
        (SeveritySource::Score { source: counting, score: used }, RatingScale::Score(score)) => {
            counting == source && used == score
        }
        _ => false,
    };
    let lines = finding.ratings.iter().map(|rating| RatingLine {
        source: rating.source.clone(),
        counts: counts(&rating.source, &rating.scale),
        scale: match &rating.scale {
            RatingScale::Word(severity) => severity.to_string(),
            RatingScale::Cvss(vector) => match plimsoll_cvss::score(vector) {
                Ok(scored) => format!("CVSS {} ({vector})", tenths(scored.score.tenths())),
                Err(_) => vector.clone(),
            },
            RatingScale::Score(score) => format!("CVSS {}", tenths(*score)),
        },
    });
    lines.collect()
}

fn place(scan: &Scan, package: &Package) -> Place {
    let mut about = Vec::new();
    match package.direct {
        Some(true) => about.push("the application asks for it".to_owned()),
        Some(false) => about.push("another package asks for it".to_owned()),
        None => {}
    }
    if let Some(owner) = &package.owner {
        about.push(
            format!("installed by {} {} {}", owner.kind, owner.name, owner.version).trim_end().to_owned(),
        );
    }
    let (source, version) = package.source_or_self();
    if package.source.is_some() {
        about.push(format!("built from {source} {version}"));
    }
    Place {
        path: at_most_long(&facts::place(package)),
        layer: layer_words(scan, package),
        about: about.join(", "),
        purl: at_most_long(&package.purl(scan.inventory.os.as_ref()).to_string()),
    }
}

/// `CWE-79` with its page.
fn cwe_link(cwe: &str) -> Link {
    let number = cwe
        .strip_prefix("CWE-")
        .filter(|rest| !rest.is_empty() && rest.len() <= 6 && rest.bytes().all(|byte| byte.is_ascii_digit()));
    let url = number
        .map_or_else(String::new, |number| format!("https://cwe.mitre.org/data/definitions/{number}.html"));
    Link { text: short(cwe), url }
}

fn at_most_long(text: &str) -> String {
    /// Most characters of a path.
    const MAX_LONG_CHARS: usize = 2000;
    facts::at_most(text, MAX_LONG_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weakness_is_linked_where_it_has_a_number() {
        for (cwe, url) in [
            ("CWE-79", "https://cwe.mitre.org/data/definitions/79.html"),
            ("CWE-", ""),
            ("CWE-7/../..", ""),
            ("NVD-CWE-noinfo", ""),
            ("javascript:alert(1)", ""),
        ] {
            assert_eq!(cwe_link(cwe).url, url);
        }
    }
}
