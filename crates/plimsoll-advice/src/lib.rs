//! Findings and a verdict to fix advice: the smallest upgrades that clear the gate.
//!
//! [`advise`] takes what was found and what the gate said of it, and returns actions: which packages to bring to which
//! version, with the lines that do it in the tool of their ecosystem, and what each removes. Where nothing fails, it is
//! about every finding that has a fix. It is pure: it reads no file, no clock and no environment, and runs nothing.
//!
//! - The version to go to is the highest of the fixes of the findings that must go, by the ecosystem's order. What
//!   else that version clears goes with it.
//! - [`advise_checked`] asks what is known of that version itself before it names it: an advisory may speak of two lines of
//!   releases, and the fix of one flaw lie in the affected range of another.
//! - Names and versions come from images and are foreign. What does not fit a narrow alphabet is never put into a
//!   line; see `docs/fix-advice.md`.
//!
//! ```
//! use plimsoll_advice::advise;
//! use plimsoll_model::Scan;
//!
//! let advice = advise(&Scan::default());
//! assert!(advice.actions.is_empty());
//! ```

mod action;
mod block;
mod check;
mod distribution;
mod golang;
mod java;
mod javascript;
mod others;
mod place;
mod python;
mod safe;
mod subject;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use plimsoll_model::{Advice, Finding, FixAction, Scan, Severity};

pub use check::Check;

/// What to do about the findings that fail the gate; where none does, about all that have a fix. The scan's own advice
/// is not looked at.
pub fn advise(scan: &Scan) -> Advice {
    advise_checked(scan, &|_| None)
}

/// As [`advise`], and no version of a language's package is named before `check` was asked what is known of it.
///
/// A version that does not clear what it is named for, or has other flaws as grave as the least grave that the advice is
/// about, hands on to the fix of these. What it still does not clear is not said to go. What the scan suppresses does
/// not count there either.
pub fn advise_checked(scan: &Scan, check: &Check<'_>) -> Advice {
    let Scan { inventory, findings, decision, .. } = scan;
    let failed: Vec<usize> =
        decision.failures().map(|(index, _)| index).filter(|&index| index < findings.len()).collect();
    let for_gate = !failed.is_empty();
    let about = if for_gate {
        failed
    } else {
        (0..findings.len())
            .filter(|&index| findings[index].fix.version().is_some() || findings[index].malicious)
            .collect()
    };
    let mut subjects = subject::subjects(inventory, findings, &about);
    check::settle(&mut subjects, scan, &about, check);
    let mut actions = action::actions(inventory, findings, &about, &subjects);
    actions.extend(distribution::end_of_life(inventory, findings, for_gate.then_some(about.as_slice())));
    actions.sort_by(|a, b| {
        let place = |action: &FixAction| (action.tool.clone(), action.path.clone(), action.title.clone());
        b.0.cmp(&a.0).then_with(|| place(&a.1).cmp(&place(&b.1)))
    });
    let actions: Vec<_> = actions.into_iter().map(|(_, action)| action).collect();
    let upgrades = actions.iter().flat_map(|action| &action.upgrades);
    let removed: BTreeSet<usize> = upgrades.flat_map(|upgrade| upgrade.removes.iter().copied()).collect();
    let unfixable = about.into_iter().filter(|finding| !removed.contains(finding)).collect();
    Advice { for_gate, actions, unfixable }
}

/// The severity, a malicious package's being critical whatever was said.
pub(crate) fn severity(finding: &Finding) -> Severity {
    if finding.malicious { Severity::Critical } else { finding.severity.severity }
}
