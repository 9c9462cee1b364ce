//! A finding as a row of the table.

use plimsoll_model::{Finding, Outcome, Package, Scan, Severity};
use serde::Serialize;

use super::details::{self, Details};
use crate::explanation::status_words;
use crate::facts;
use crate::json::primary_url;

/// Most places that are listed; the others are counted.
pub(super) const MAX_PLACES: usize = 50;

/// Most characters of a name, a version or a title.
pub(super) const MAX_SHORT_CHARS: usize = 300;

/// One finding.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    // What filters and sorting ask.
    severity: &'static str,
    fix: &'static str,
    exploited: &'static str,
    new: &'static str,
    kind: &'static str,
    outcome: &'static str,
    from: String,
    layers: String,
    rule: &'a str,
    risk_tenths: u16,
    epss_parts: u32,
    search: String,

    id: String,
    url: String,
    malicious: bool,
    informational: Option<&'a str>,
    score: String,
    package: String,
    package_kind: &'static str,
    version: String,
    fixed: String,
    has_fix: bool,
    epss: String,
    risk: String,
    place: String,
    layer: String,
    more_places: usize,
    due: &'a str,
    title: String,
    details: Details<'a>,
}

/// The row of one finding.
pub(super) fn row<'a>(scan: &'a Scan, index: usize, finding: &'a Finding) -> Row<'a> {
    let packages: Vec<&Package> = facts::packages(scan, finding).collect();
    let first = packages.first();
    let (name, version) = first.map_or(("?", ""), |package| (&package.name, &package.version));
    let ruling = scan.decision.ruling(index);
    let outcome = ruling.map_or(Outcome::Passed, |ruling| ruling.outcome);
    let place = first.map_or_else(String::new, |package| facts::place(package));
    Row {
        severity: severity_class(facts::severity(finding)),
        fix: if finding.fix.version().is_some() { "yes" } else { "no" },
        exploited: if finding.kev.is_some() { "yes" } else { "no" },
        new: finding.new.map_or("", plimsoll_model::Newness::as_str),
        kind: first.map_or("", |package| package.kind.purl_type()),
        outcome: outcome.as_str(),
        from: distinct(packages.iter().filter_map(|package| origin(scan, package).map(str::to_owned))),
        layers: distinct(packages.iter().filter_map(|package| layer_index(package).map(|at| at.to_string()))),
        rule: ruling.map_or("", |ruling| &ruling.rule),
        risk_tenths: finding.risk,
        epss_parts: finding.epss.map_or(0, |epss| epss.probability),
        search: search_words(finding, &packages),

        id: short(&finding.id),
        url: primary_url(&finding.id),
        malicious: finding.malicious,
        informational: finding.informational.as_deref(),
        score: facts::score_tenths(finding).map_or_else(String::new, tenths),
        package: short(name),
        package_kind: first.map_or("", |package| package.kind.purl_type()),
        version: short(version),
        fixed: short(&fix_cell(finding)),
        has_fix: finding.fix.version().is_some() && !finding.malicious,
        epss: finding.epss.map_or_else(String::new, |epss| percent(epss.probability)),
        risk: tenths(finding.risk),
        place: short(&place),
        layer: first.map_or_else(String::new, |package| layer_words(scan, package)),
        more_places: packages.len().saturating_sub(1),
        due: ruling.and_then(|ruling| ruling.due.as_deref()).unwrap_or(""),
        title: short(&facts::title(finding, name)),
        details: details::of(scan, index, finding, &packages),
    }
}

/// The order of the table: what fails first, then the worst, then the most pressing.
pub(super) fn order(scan: &Scan) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scan.findings.len()).collect();
    order.sort_by_key(|&index| {
        let finding = &scan.findings[index];
        let outcome = scan.decision.ruling(index).map_or(Outcome::Passed, |ruling| ruling.outcome);
        let rank = match outcome {
            Outcome::Failed => 0,
            Outcome::Warned => 1,
            Outcome::Passed => 2,
        };
        (rank, std::cmp::Reverse((facts::severity(finding), finding.risk)), index)
    });
    order
}

/// What the search looks through besides what is seen of the row: other names, places, the source package.
fn search_words(finding: &Finding, packages: &[&Package]) -> String {
    let mut words: Vec<String> = finding.aliases.iter().chain(&finding.advisories).cloned().collect();
    words.extend(
        packages.iter().filter_map(|package| package.source.as_ref()).map(|source| source.name.clone()),
    );
    words.extend(packages.iter().skip(1).take(MAX_PLACES).map(|package| facts::place(package)));
    words.sort();
    words.dedup();
    words.retain(|word| *word != finding.id);
    words.iter().map(|word| short(word)).collect::<Vec<_>>().join(" ")
}

/// The fixed version, or in words why there is none.
fn fix_cell(finding: &Finding) -> String {
    use plimsoll_model::{AffectedStatus, FixState};
    match &finding.fix {
        _ if finding.malicious => "remove it".to_owned(),
        FixState::Fixed(version) => version.clone(),
        FixState::NotFixed => "no fix".to_owned(),
        FixState::WillNotFix => status_words(AffectedStatus::WillNotFix).to_owned(),
        FixState::FixDeferred => status_words(AffectedStatus::FixDeferred).to_owned(),
        FixState::UnderInvestigation => status_words(AffectedStatus::UnderInvestigation).to_owned(),
        FixState::EndOfLife => "end of life".to_owned(),
    }
}

/// The layer that first had the package, counted from 0.
pub(super) fn layer_index(package: &Package) -> Option<usize> {
    package.introduced_in.as_ref().or(package.layer.as_ref()).map(|layer| layer.index)
}

/// `base` or `own`; `None` where the base image or the layer is not known.
pub(super) fn origin(scan: &Scan, package: &Package) -> Option<&'static str> {
    scan.inventory.is_inherited(package).map(|inherited| if inherited { "base" } else { "own" })
}

/// `layer 3`, `layer 1, base image`.
pub(super) fn layer_words(scan: &Scan, package: &Package) -> String {
    let Some(index) = layer_index(package) else { return String::new() };
    let origin = match origin(scan, package) {
        Some("base") => ", base image",
        Some(_) => ", added",
        None => "",
    };
    format!("layer {}{origin}", index.saturating_add(1))
}

/// The words, each once, with a blank between.
fn distinct(words: impl Iterator<Item = String>) -> String {
    let mut words: Vec<String> = words.collect();
    words.sort();
    words.dedup();
    words.join(" ")
}

/// The severity in lower case, as filters and style have it.
pub(super) fn severity_class(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
        Severity::Negligible => "negligible",
        Severity::Unknown => "unknown",
    }
}

/// A name of bounded length.
pub(super) fn short(text: &str) -> String {
    facts::at_most(text, MAX_SHORT_CHARS)
}

/// `98` as `9.8`.
pub(super) fn tenths(tenths: impl Into<u32>) -> String {
    let tenths = tenths.into();
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Hundred-thousandths as a percentage for people: `97.6 %`, `0.04 %`.
pub(super) fn percent(parts: u32) -> String {
    match parts {
        0 => "0 %".to_owned(),
        1..10 => "< 0.01 %".to_owned(),
        10..1_000 => format!("0.{:02} %", parts / 10),
        // The last digit is cut, not rounded: 99.99 % is not 100 %.
        _ => format!("{}.{} %", parts / 1_000, parts % 1_000 / 100),
    }
}

/// The day of an instant.
pub(super) fn day(instant: &str) -> &str {
    instant.get(..10).filter(|_| instant.as_bytes().get(10) == Some(&b'T')).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_short() {
        for (parts, text) in [
            (0, "0 %"),
            (9, "< 0.01 %"),
            (43, "0.04 %"),
            (999, "0.99 %"),
            (6_512, "6.5 %"),
            (99_990, "99.9 %"),
            (100_000, "100.0 %"),
        ] {
            assert_eq!(percent(parts), text);
        }
    }

    #[test]
    fn an_instant_is_shown_as_its_day() {
        for (text, shown) in [
            ("2023-11-08T12:00:00Z", "2023-11-08"),
            ("2023-11-08", "2023-11-08"),
            ("yesterday", "yesterday"),
            ("größe Texte", "größe Texte"),
            ("", ""),
        ] {
            assert_eq!(day(text), shown);
        }
    }
}
