//! What is known of the versions that the advice names.

use std::collections::BTreeSet;

use plimsoll_model::{Finding, Inventory, Package, Scan, Severity};
use plimsoll_version::compare;

use crate::severity;
use crate::subject::Subject;

/// Says what is known of the packages of an inventory: its findings, judged as those that the advice is about.
/// `None` where nobody can be asked.
pub type Check<'a> = dyn Fn(&Inventory) -> Option<Vec<Finding>> + 'a;

/// How often a version may hand on to another.
const MAX_ROUNDS: usize = 8;

/// Flaws that are named of a version that does not go without.
const MAX_NAMED: usize = 3;

/// Asks what is known of each version of a language's package, and goes on to another where that one will not do.
///
/// Distributions' packages are not asked about: a release has one line of versions, and its last one is what is to be had.
pub(crate) fn settle(subjects: &mut [Subject], scan: &Scan, about: &[usize], check: &Check<'_>) {
    let Scan { inventory, findings, .. } = scan;
    let least_grave = about.iter().map(|&index| severity(&findings[index])).min();
    let Some(floor) = least_grave else { return };
    let mut open: Vec<usize> =
        (0..subjects.len()).filter(|&at| subjects[at].to.is_some() && !subjects[at].kind.is_os()).collect();
    for round in 0..MAX_ROUNDS {
        let (asked, trial) = trial(&open, subjects, inventory, findings);
        if asked.is_empty() {
            return;
        }
        let Some(found) = check(&trial) else { return };
        open.clear();
        for (place, &at) in asked.iter().enumerate() {
            let excused = excused(scan, &trial.packages[place]);
            let counts = |left: &&Finding| {
                left.packages.contains(&place) && (left.malicious || !is_of(left, &excused))
            };
            let left: Vec<&Finding> = found.iter().filter(counts).collect();
            let subject = &mut subjects[at];
            match next(subject, findings, &left, floor) {
                Some(next) if round + 1 < MAX_ROUNDS => {
                    subject.go_to(next, findings);
                    open.push(at);
                }
                _ => conclude(subject, findings, &left, floor),
            }
        }
    }
}

/// The packages of these subjects in the versions that they go to, and whose they are.
fn trial(
    open: &[usize],
    subjects: &[Subject],
    inventory: &Inventory,
    findings: &[Finding],
) -> (Vec<usize>, Inventory) {
    let mut asked = Vec::new();
    let mut trial = Inventory { os: inventory.os.clone(), ..Inventory::default() };
    for &at in open {
        let subject = &subjects[at];
        let packages = subject.findings.iter().flat_map(|&index| &findings[index].packages);
        let mut packages = packages.filter_map(|&index| inventory.packages.get(index));
        let package = packages
            .find(|package| package.kind == subject.kind && package.version == subject.from)
            .filter(|package| package.owner.is_none());
        if let (Some(package), Some(to)) = (package, &subject.to) {
            trial.packages.push(Package { version: to.clone(), ..package.clone() });
            asked.push(at);
        }
    }
    (asked, trial)
}

/// The names of the flaws that a rule, a waiver or a VEX statement suppresses in a package of this name.
fn excused<'a>(scan: &'a Scan, package: &Package) -> BTreeSet<&'a str> {
    let is_same = |index: &usize| {
        let other = scan.inventory.packages.get(*index);
        other.is_some_and(|other| other.kind == package.kind && other.name == package.name)
    };
    let suppressed = scan.suppressed.iter().map(|suppressed| &suppressed.finding);
    names(suppressed.filter(|finding| finding.packages.iter().any(is_same)))
}

/// The version above that clears more of what is left.
fn next(subject: &Subject, findings: &[Finding], left: &[&Finding], floor: Severity) -> Option<String> {
    let to = subject.to.as_deref()?;
    let known = names(subject.findings.iter().map(|&index| &findings[index]));
    let must = names(subject.must.iter().map(|&index| &findings[index]));
    let mut next: Option<&str> = None;
    for finding in left {
        let grave = severity(finding) >= floor && finding.informational.is_none();
        if !is_of(finding, &must) && (is_of(finding, &known) || !grave) {
            continue;
        }
        let Some(fix) = finding.fix.version() else { continue };
        if compare(subject.scheme(), fix, next.unwrap_or(to)).is_ok_and(std::cmp::Ordering::is_gt) {
            next = Some(fix);
        }
    }
    next.map(str::to_owned)
}

/// Takes back what is not cleared, and tells what else is known of the version.
fn conclude(subject: &mut Subject, findings: &[Finding], left: &[&Finding], floor: Severity) {
    let still = names(left.iter().copied());
    subject.cleared.retain(|&index| !is_of(&findings[index], &still));
    let to = subject.to.clone().unwrap_or_default();
    if left.iter().any(|finding| finding.malicious) {
        subject.cleared.clear();
        subject.to = None;
        return;
    }
    let known = names(subject.findings.iter().map(|&index| &findings[index]));
    let new: BTreeSet<&str> = left
        .iter()
        .filter(|finding| severity(finding) >= floor && !is_of(finding, &known))
        .map(|finding| finding.id.as_str())
        .collect();
    if !new.is_empty() {
        let more = if new.len() > MAX_NAMED {
            format!(" and {} more", new.len() - MAX_NAMED)
        } else {
            String::new()
        };
        let named: Vec<&str> = new.into_iter().take(MAX_NAMED).collect();
        let remark = format!("{} {to} has flaws of its own: {}{more}", subject.name, named.join(", "));
        subject.remarks.push(remark);
    }
}

fn names<'a>(findings: impl Iterator<Item = &'a Finding>) -> BTreeSet<&'a str> {
    findings
        .flat_map(|finding| finding.aliases.iter().map(String::as_str).chain([finding.id.as_str()]))
        .collect()
}

fn is_of(finding: &Finding, names: &BTreeSet<&str>) -> bool {
    names.contains(finding.id.as_str()) || finding.aliases.iter().any(|alias| names.contains(alias.as_str()))
}
