//! The version to upgrade to.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use plimsoll_model::{Affected, AffectedStatus, Ecosystem, EventKind, FixState};
use plimsoll_version::{Affectedness, Scheme, Version, compare};

use crate::flaw::is_erratum;
use crate::hit::Hit;
use crate::judge::{comparable, judge};
use crate::rpm;

/// Fixed versions of one flaw that are weighed against each other.
const MAX_CANDIDATES: usize = 64;

/// Of the fixed versions that the matching records name, the lowest that every one of them clears; where none
/// clears all, the lowest of those that clear most.
///
/// A fix that is itself in an affected range of another record (or a later range of the same) hands on to the fix
/// of that range. Where that ends with a record that is not cleared, as where an old branch has no fix, the later
/// fixes that the records name for other branches are weighed too, if they clear more. A fix that needs a
/// subscription the image does not show is no candidate. Of Red Hat's fixes that clear as many, one of the installed
/// build's own minor release comes before the lower one of another, which its repositories do not have.
///
/// Where no fix is named, what the distribution says of that: see [`state`].
pub(crate) fn best_fix(hits: &[&Hit]) -> FixState {
    let reachable = hits.iter().filter(|hit| hit.fix_is_reachable);
    let mut waiting: BTreeSet<String> = reachable.filter_map(|hit| hit.fixed.clone()).collect();
    let minor = minor_release(hits[0].namespace.ecosystem, &hits[0].version);
    let is_of_minor =
        |version: &str| minor.is_some() && minor_release(hits[0].namespace.ecosystem, version) == minor;
    if minor.is_some() {
        let is_later = |fix: &str| {
            compare(Scheme::Rpm, &hits[0].version, fix).is_ok_and(|order| order == Ordering::Less)
        };
        let reachable = hits.iter().copied().filter(|hit| hit.fix_is_reachable);
        let named = reachable.flat_map(fixes).filter(|fix| is_of_minor(fix) && is_later(fix));
        waiting.extend(named.map(str::to_owned));
    }
    let mut weighed: BTreeSet<String> = BTreeSet::new();
    let mut best: Option<(usize, Version)> = None;
    while let Some(candidate) = waiting.pop_first() {
        if weighed.len() == MAX_CANDIDATES {
            break;
        }
        let mut cleared = 0;
        for hit in hits {
            match judge_by(hit, &candidate) {
                Affectedness::NotAffected => cleared += 1,
                Affectedness::Affected { fixed: Some(next), .. } if hit.fix_is_reachable => {
                    if next != candidate && !weighed.contains(&next) {
                        waiting.insert(next);
                    }
                }
                Affectedness::Affected { .. } | Affectedness::Undetermined { .. } => {}
            }
        }
        if let Ok(version) = Version::parse(hits[0].namespace.ecosystem.scheme(), &candidate) {
            let better = best.as_ref().is_none_or(|(most, other)| {
                let is_far = |version: &Version| !is_of_minor(version.as_str());
                let by_minor = || is_far(&version).cmp(&is_far(other));
                most.cmp(&cleared).then_with(by_minor).then_with(|| version.cmp(other)).is_lt()
            });
            if better {
                best = Some((cleared, version));
            }
        }
        weighed.insert(candidate);
    }
    let mut most = best.as_ref().map_or(0, |(cleared, _)| *cleared);
    if most < hits.len() {
        for version in later_fixes(hits).into_iter().take(MAX_CANDIDATES) {
            let cleared = hits
                .iter()
                .filter(|hit| judge_by(hit, version.as_str()) == Affectedness::NotAffected)
                .count();
            if cleared > most {
                most = cleared;
                best = Some((cleared, version));
            }
            if most == hits.len() {
                break;
            }
        }
    }
    best.map_or_else(|| state(hits), |(_, version)| FixState::Fixed(version.as_str().to_owned()))
}

/// What a distribution's documents say is to be expected where they name no fix: of the entries whose ranges hold the
/// version, the most final word. A release without fixes gets none whatever else was planned; a decision is more than
/// a delay, and a delay more than that nobody has looked yet.
fn state(hits: &[&Hit]) -> FixState {
    let finality = |state: &FixState| match state {
        FixState::EndOfLife => 4,
        FixState::WillNotFix => 3,
        FixState::FixDeferred => 2,
        FixState::UnderInvestigation => 1,
        FixState::NotFixed | FixState::Fixed(_) => 0,
    };
    hits.iter()
        .filter(|hit| crate::is_distribution(hit.namespace.ecosystem))
        .flat_map(|hit| hit.entries.iter().filter(|entry| holds(hit, entry)))
        .map(|entry| match entry.status {
            AffectedStatus::Affected | AffectedStatus::NotAffected => FixState::NotFixed,
            AffectedStatus::WillNotFix => FixState::WillNotFix,
            AffectedStatus::FixDeferred => FixState::FixDeferred,
            AffectedStatus::UnderInvestigation => FixState::UnderInvestigation,
            AffectedStatus::EndOfLife => FixState::EndOfLife,
        })
        .max_by_key(finality)
        .unwrap_or(FixState::NotFixed)
}

/// When the fix came, as its errata say: the earliest publication of those that name this very version. A record that
/// describes a flaw was there before its fix, or long after it, so its dates say nothing. Empty where no erratum has
/// a date.
pub(crate) fn fixed_since(fix: &FixState, hits: &[&Hit]) -> String {
    let FixState::Fixed(version) = fix else { return String::new() };
    let scheme = hits[0].namespace.ecosystem.scheme();
    // Sources write one version in several ways: with an epoch of 0, and without.
    let is_it = |named: &str| named == version || compare(scheme, named, version).is_ok_and(Ordering::is_eq);
    hits.iter()
        .filter(|hit| is_erratum(&hit.record.advisory.id) && hit.fix_is_reachable)
        .filter(|hit| hit.fixed.as_deref().is_some_and(is_it) || fixes(hit).any(is_it))
        .map(|hit| &hit.record.advisory.published)
        .filter(|published| !published.is_empty())
        .min()
        .cloned()
        .unwrap_or_default()
}

/// Whether this entry of a record, by itself, holds the version.
pub(crate) fn holds(hit: &Hit, entry: &Affected) -> bool {
    let judged =
        judge(hit.namespace.ecosystem, &hit.version, hit.module.as_deref(), std::slice::from_ref(entry));
    matches!(judged, Affectedness::Affected { .. })
}

/// Every fix above the installed version that the records name, of whatever branch, the lowest first. Records of RPM
/// packages name builds and no branches: each of their ranges has its fix.
fn later_fixes(hits: &[&Hit]) -> Vec<Version> {
    let mut fixes: Vec<Version> = Vec::new();
    for hit in hits.iter().filter(|hit| hit.fix_is_reachable) {
        let ecosystem = hit.namespace.ecosystem;
        if ecosystem.scheme() == Scheme::Rpm {
            continue;
        }
        let Ok(installed) = Version::parse(ecosystem.scheme(), &comparable(ecosystem, &hit.version)) else {
            continue;
        };
        fixes.extend(
            self::fixes(hit)
                .filter_map(|fix| Version::parse(ecosystem.scheme(), fix).ok())
                .filter(|fix| fix.cmp(&installed).is_gt()),
        );
    }
    fixes.sort_by(Version::cmp);
    fixes
}

/// Every fix that a record names.
fn fixes(hit: &Hit) -> impl Iterator<Item = &str> {
    let events = hit.entries.iter().flat_map(|entry| &entry.ranges).flat_map(|range| &range.events);
    events.filter(|event| event.kind == EventKind::Fixed).map(|event| event.version.as_str())
}

/// The minor release that a build of Red Hat's is of, `el9_2`. Others put no minor release into a version, or rebuild
/// Red Hat's under its name.
fn minor_release(ecosystem: Ecosystem, version: &str) -> Option<&str> {
    if ecosystem == Ecosystem::RedHat { rpm::minor_release(version) } else { None }
}

fn judge_by(hit: &Hit, version: &str) -> Affectedness {
    judge(hit.namespace.ecosystem, version, hit.module.as_deref(), &hit.entries)
}
