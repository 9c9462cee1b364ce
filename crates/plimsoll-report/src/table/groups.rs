//! Which findings stand under one heading.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use plimsoll_model::{Finding, Package, Scan, Severity};

use super::flaw;
use crate::judgement::Judged;

/// Packages with the same flaws, and these flaws.
pub(super) struct Group<'a> {
    /// One package, at every place it is at; or a distribution's packages of one source and version, sorted by name.
    /// Empty only where a finding names no package of the inventory.
    pub(super) packages: Vec<&'a Package>,
    /// Each flaw once, the worst first.
    pub(super) rows: Vec<Judged<'a>>,
}

/// What two distribution packages must share for one heading: the source and its version, their own version, and
/// all that a row shows.
type Shared<'a> = ((&'a str, &'a str), &'a str, Vec<Row<'a>>);

/// What a row shows of a finding.
type Row<'a> = (&'a str, Severity, String, &'a str);

/// The findings in groups, the group with the worst flaw first, then in the order of the packages.
pub(super) fn of<'a>(scan: &'a Scan, findings: &[Judged<'a>]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut headings: BTreeMap<Shared<'_>, usize> = BTreeMap::new();
    for group in of_one_package(scan, findings) {
        let Some(package) = group.packages.first().filter(|package| package.kind.is_os()) else {
            groups.push(group);
            continue;
        };
        let shared: Shared<'_> =
            (package.source_or_self(), &package.version, group.rows.iter().map(|row| shown(row)).collect());
        if let Some(&heading) = headings.get(&shared) {
            groups[heading].packages.extend(group.packages);
        } else {
            headings.insert(shared, groups.len());
            groups.push(group);
        }
    }
    groups.sort_by_key(|group| group.rows.first().map(|row| worse(row.finding)));
    groups
}

/// The findings of each package. They are sorted by package, so that the same package is the last group or none.
fn of_one_package<'a>(scan: &'a Scan, findings: &[Judged<'a>]) -> Vec<Group<'a>> {
    let mut groups: Vec<(Option<&Package>, Vec<Judged<'a>>)> = Vec::new();
    for &judged in findings {
        let package = judged.finding.packages.first().and_then(|&index| scan.inventory.packages.get(index));
        let same = |other: Option<&Package>| match (package, other) {
            (Some(a), Some(b)) => (a.kind, &a.name, &a.version) == (b.kind, &b.name, &b.version),
            _ => false,
        };
        match groups.last_mut() {
            Some((other, rows)) if same(*other) => rows.push(judged),
            _ => groups.push((package, vec![judged])),
        }
    }
    let group = |(_, mut rows): (_, Vec<Judged<'a>>)| {
        let mut places: Vec<usize> =
            rows.iter().flat_map(|row| row.finding.packages.iter().copied()).collect();
        places.sort_unstable();
        places.dedup();
        rows.sort_by(|a, b| {
            let (a, b) = (a.finding, b.finding);
            worse(a).cmp(&worse(b)).then_with(|| a.id.cmp(&b.id))
        });
        let packages = places.iter().filter_map(|&index| scan.inventory.packages.get(index)).collect();
        Group { packages, rows }
    };
    groups.into_iter().map(group).collect()
}

/// Smaller for worse: malicious packages first, then by severity, exploited flaws before others of it, then by risk.
pub(super) fn worse(finding: &Finding) -> (bool, Reverse<Severity>, bool, Reverse<u16>) {
    (!finding.malicious, Reverse(finding.severity.severity), finding.kev.is_none(), Reverse(finding.risk))
}

fn shown<'a>(row: &Judged<'a>) -> Row<'a> {
    let finding = row.finding;
    (&finding.id, finding.severity.severity, flaw::fix(row), &finding.title)
}
