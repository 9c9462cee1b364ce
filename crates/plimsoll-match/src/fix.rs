//! The version to upgrade to.

use std::collections::BTreeSet;

use plimsoll_model::FixState;
use plimsoll_version::{Affectedness, Version};

use crate::hit::Hit;
use crate::judge::judge;

/// Fixed versions of one flaw that are weighed against each other.
const MAX_CANDIDATES: usize = 64;

/// Of the fixed versions that the matching records name, the lowest that every one of them clears; where none
/// clears all, the lowest of those that clear most.
///
/// A fix that is itself in an affected range of another record (or a later range of the same) hands on to the fix
/// of that range. A fix that needs a subscription the image does not show is no candidate.
pub(crate) fn best_fix(hits: &[&Hit]) -> FixState {
    let reachable = hits.iter().filter(|hit| hit.fix_is_reachable);
    let mut waiting: BTreeSet<String> = reachable.filter_map(|hit| hit.fixed.clone()).collect();
    let mut weighed: BTreeSet<String> = BTreeSet::new();
    let mut best: Option<(usize, Version)> = None;
    while let Some(candidate) = waiting.pop_first() {
        if weighed.len() == MAX_CANDIDATES {
            break;
        }
        let mut cleared = 0;
        for hit in hits {
            match judge(hit.namespace.ecosystem, &candidate, hit.module.as_deref(), &hit.entries) {
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
            let better = best.as_ref().is_none_or(|(most, lowest)| {
                cleared > *most || (cleared == *most && version.cmp(lowest).is_lt())
            });
            if better {
                best = Some((cleared, version));
            }
        }
        weighed.insert(candidate);
    }
    best.map_or(FixState::NotFixed, |(_, version)| FixState::Fixed(version.as_str().to_owned()))
}
