//! The filters of the page's findings.

use std::collections::BTreeSet;

use plimsoll_model::{Newness, Outcome, Scan, Severity};
use serde::Serialize;

use super::chart::capital;
use super::finding::{self, severity_class};
use crate::facts;

/// The choices of the filters; a filter with fewer than two choices is left out.
#[derive(Serialize)]
pub(super) struct Filters<'a> {
    severities: Vec<Choice>,
    outcomes: Vec<Choice>,
    kinds: Vec<Choice>,
    news: Vec<Choice>,
    origins: Vec<Choice>,
    layers: Vec<Choice>,
    rules: Vec<&'a str>,
    exploited: bool,
    fixes: bool,
}

#[derive(Serialize)]
struct Choice {
    value: String,
    label: String,
}

/// The filters of a scan.
pub(super) fn filters(scan: &Scan) -> Filters<'_> {
    let severities = Severity::WORST_FIRST
        .into_iter()
        .filter(|&severity| scan.findings.iter().any(|finding| facts::severity(finding) == severity))
        .map(|severity| choice(severity_class(severity), &capital(severity_class(severity))));
    let outcomes: BTreeSet<&str> = (0..scan.findings.len())
        .map(|index| scan.decision.ruling(index).map_or(Outcome::Passed, |ruling| ruling.outcome).as_str())
        .collect();
    let news: BTreeSet<&str> =
        scan.findings.iter().filter_map(|finding| finding.new).map(Newness::as_str).collect();
    let packages = || scan.findings.iter().flat_map(|finding| facts::packages(scan, finding));
    let origins: BTreeSet<&str> = packages().filter_map(|package| finding::origin(scan, package)).collect();
    let first = |finding| facts::packages(scan, finding).next();
    let kinds: BTreeSet<&str> =
        scan.findings.iter().filter_map(first).map(|package| package.kind.purl_type()).collect();
    let layers: BTreeSet<usize> = packages().filter_map(finding::layer_index).collect();
    let rulings = scan.decision.rulings.iter().take(scan.findings.len());
    let rules: BTreeSet<&str> =
        rulings.map(|ruling| ruling.rule.as_str()).filter(|rule| !rule.is_empty()).collect();
    let fixed = scan.findings.iter().filter(|finding| finding.fix.version().is_some()).count();
    Filters {
        severities: severities.collect(),
        outcomes: named(
            &outcomes,
            &[("failed", "fails the gate"), ("warned", "warning"), ("passed", "passes")],
        ),
        news: named(&news, &[("added", "new: added"), ("learnt", "new: learnt"), ("known", "known")]),
        origins: named(&origins, &[("base", "from the base image"), ("own", "added to it")]),
        kinds: several(kinds.into_iter().map(|kind| choice(kind, kind))),
        layers: several(
            layers
                .into_iter()
                .map(|index| choice(&index.to_string(), &format!("layer {}", index.saturating_add(1)))),
        ),
        rules: if rules.len() < 2 { Vec::new() } else { rules.into_iter().collect() },
        exploited: scan.findings.iter().any(|finding| finding.kev.is_some()),
        fixes: fixed > 0 && fixed < scan.findings.len(),
    }
}

fn choice(value: &str, label: &str) -> Choice {
    Choice { value: value.to_owned(), label: label.to_owned() }
}

/// The choices of these that are there.
fn named(there: &BTreeSet<&str>, all: &[(&str, &str)]) -> Vec<Choice> {
    let there = all.iter().filter(|(value, _)| there.contains(value));
    several(there.map(|(value, label)| choice(value, label)))
}

/// One choice is none.
fn several(choices: impl Iterator<Item = Choice>) -> Vec<Choice> {
    let choices: Vec<Choice> = choices.collect();
    if choices.len() < 2 { Vec::new() } else { choices }
}
