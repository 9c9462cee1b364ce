//! Rows of `findings`.

use std::cell::OnceCell;

use plimsoll_match::Asking;
use plimsoll_model::{
    Ecosystem, Finding, FixState, Newness, OsRelease, Package, Ruling, Scan, SeveritySource, Suppressed,
};

use super::packages::layer;
use super::{Columns, Scores, is_alike, severity, severity_word};
use crate::facts::{ScanFacts, instant, place};

/// Hundred-thousandths in one.
const HUNDRED_THOUSAND: f64 = 100_000.0;

/// A finding, and what was said of it.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) finding: &'a Finding,
    pub(super) suppressed: Option<&'a Suppressed>,
    ruling: Option<&'a Ruling>,
    /// The first place.
    package: Option<&'a Package>,
}

impl<'a> Said<'a> {
    pub(super) fn name(&self) -> &'a str {
        self.package.map_or("", |package| &package.name)
    }

    pub(super) fn purl(&self, os: Option<&OsRelease>) -> String {
        self.package.map(|package| package.purl(os).to_string()).unwrap_or_default()
    }

    pub(super) fn version(&self) -> &'a str {
        self.package.map_or("", |package| &package.version)
    }
}

/// What does not count.
pub(super) fn suppressed(scan: &Scan) -> impl Iterator<Item = Said<'_>> {
    scan.suppressed.iter().map(|suppressed| Said {
        finding: &suppressed.finding,
        suppressed: Some(suppressed),
        ruling: None,
        package: first(scan, &suppressed.finding),
    })
}

fn first<'a>(scan: &'a Scan, finding: &Finding) -> Option<&'a Package> {
    finding.packages.first().and_then(|&index| scan.inventory.packages.get(index))
}

pub(super) fn findings(facts: &ScanFacts<'_>, columns: &mut Columns, scores: &mut Scores) -> usize {
    let scan = facts.scan;
    let open = scan.findings.iter().enumerate().map(|(index, finding)| Said {
        finding,
        suppressed: None,
        ruling: scan.decision.ruling(index),
        package: first(scan, finding),
    });
    let all: Vec<Said<'_>> = open.chain(suppressed(scan)).collect();
    let count = all.len();
    let os = scan.inventory.os.as_ref();
    let asking = Asking::new(&scan.inventory);
    let is_judged = facts.tool != "trivy";
    let highest: OnceCell<Vec<_>> = OnceCell::new();
    let mut best_of_all = || all.iter().map(|said| scores.highest(&said.finding.ratings)).collect();
    let each = || all.iter();
    for (column, out) in columns {
        if is_alike(facts, column.name, out, count) {
            continue;
        }
        match column.name {
            "vulnerability_id" => out.texts(each().map(|said| Some(&said.finding.id))),
            "aliases" => out.filled(each().map(|said| said.finding.aliases.join(", "))),
            "advisories" => out.filled(each().map(|said| said.finding.advisories.join(", "))),
            "severity" => out.texts(each().map(|said| Some(severity_word(severity(said.finding))))),
            "severity_source" => out.texts(each().map(|said| severity_source(said.finding))),
            "cvss_score" => {
                let highest: &Vec<_> = highest.get_or_init(&mut best_of_all);
                out.doubles(highest.iter().map(|best| best.map(|(tenths, _)| f64::from(tenths) / 10.0)));
            }
            "cvss_vector" => {
                let highest: &Vec<_> = highest.get_or_init(&mut best_of_all);
                out.texts(highest.iter().map(|best| best.and_then(|(_, vector)| vector)));
            }
            "epss" => out
                .doubles(each().map(|said| {
                    said.finding.epss.map(|epss| f64::from(epss.probability) / HUNDRED_THOUSAND)
                })),
            "epss_percentile" => out.doubles(
                each()
                    .map(|said| said.finding.epss.map(|epss| f64::from(epss.percentile) / HUNDRED_THOUSAND)),
            ),
            "is_exploited" => out.booleans(each().map(|said| Some(said.finding.kev.is_some()))),
            "exploited_since" => {
                out.filled(each().map(|said| said.finding.kev.as_ref().map_or("", |kev| &kev.date_added)));
            }
            "risk" => out.ints(each().map(|said| Some(usize::from(said.finding.risk)))),
            "is_malicious" => out.booleans(each().map(|said| Some(said.finding.malicious))),
            "package_type" => {
                out.texts(
                    each().map(|said| Some(said.package.map_or("", |package| package.kind.purl_type()))),
                );
            }
            "ecosystem" => {
                out.texts(each().map(|said| {
                    said.package.and_then(|package| asking.ecosystem(package)).map(Ecosystem::name)
                }));
            }
            "package_name" => out.texts(each().map(|said| Some(said.name()))),
            "package_version" => out.texts(each().map(|said| Some(said.version()))),
            "purl" => out.texts(each().map(|said| Some(said.purl(os)))),
            "path" => {
                out.texts(each().map(|said| Some(said.package.map(place).unwrap_or_default())));
            }
            "places" => out.ints(each().map(|said| Some(said.finding.packages.len()))),
            "layer_index" => {
                out.ints(each().map(|said| said.package.and_then(layer).map(|layer| layer.index)));
            }
            "diff_id" => {
                out.texts(each().map(|said| said.package.and_then(layer).map(|layer| &layer.diff_id)));
            }
            "is_direct" => out.booleans(each().map(|said| said.package.and_then(|package| package.direct))),
            "is_inherited" => {
                let inherited = |package| scan.inventory.is_inherited(package);
                out.booleans(each().map(|said| said.package.and_then(inherited)));
            }
            "fix_state" => out.texts(each().map(|said| Some(fix_word(&said.finding.fix)))),
            "fixed_version" => out.texts(each().map(|said| said.finding.fix.version())),
            "fixed_since" => out.filled(each().map(|said| &said.finding.fixed_since)),
            "title" => out.filled(each().map(|said| &said.finding.title)),
            "published_at" => out.instants(each().map(|said| instant(&said.finding.published))),
            "newness" => out.texts(each().map(|said| said.finding.new.map(Newness::as_str))),
            "status" => {
                out.texts(each().map(|said| Some(said.suppressed.map_or("open", |why| why.kind.as_str()))));
            }
            "outcome" => out.texts(each().map(|said| {
                // What is missing at the end of the rulings has passed.
                let outcome = said.ruling.map(|ruling| ruling.outcome).unwrap_or_default();
                (is_judged && said.suppressed.is_none()).then(|| outcome.as_str())
            })),
            "rule" => out.filled(each().map(|said| said.ruling.map_or("", |ruling| &ruling.rule))),
            "due" => out.texts(each().map(|said| {
                let until = said.suppressed.and_then(|why| why.until.as_ref());
                until.or_else(|| said.ruling.and_then(|ruling| ruling.due.as_ref()))
            })),
            _ => unreachable!("all columns of `findings` are here"),
        }
    }
    count
}

fn severity_source(finding: &Finding) -> Option<&str> {
    match &finding.severity.source {
        SeveritySource::Word(source)
        | SeveritySource::Cvss { source, .. }
        | SeveritySource::Score { source, .. } => Some(source),
        SeveritySource::Malicious | SeveritySource::Nobody => None,
    }
}

/// The word for the state of a fix.
pub(super) fn fix_word(fix: &FixState) -> &'static str {
    match fix {
        FixState::Fixed(_) => "fixed",
        FixState::NotFixed => "not_fixed",
        FixState::WillNotFix => "will_not_fix",
        FixState::FixDeferred => "fix_deferred",
        FixState::UnderInvestigation => "under_investigation",
        FixState::EndOfLife => "end_of_life",
    }
}
