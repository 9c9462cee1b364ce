//! A part of a scan, as filters show it.

use plimsoll_model::{Advice, Finding, Package, Scan};

/// What reports show of a scan: the packages and findings that are to be shown, with what was ruled of each. The verdict is that
/// of the whole; what was advised about the whole is left out.
pub(crate) fn narrowed(
    scan: &Scan,
    shows_package: &dyn Fn(&Package) -> bool,
    shows_finding: &dyn Fn(&Finding) -> bool,
) -> Scan {
    let mut view = scan.clone();
    // Where each package stands that is shown.
    let mut places: Vec<Option<usize>> = Vec::with_capacity(scan.inventory.packages.len());
    view.inventory.packages.clear();
    for package in &scan.inventory.packages {
        let is_shown = shows_package(package);
        places.push(is_shown.then_some(view.inventory.packages.len()));
        if is_shown {
            view.inventory.packages.push(package.clone());
        }
    }
    let place = |index: usize| places.get(index).copied().flatten();
    let shown = |finding: &mut Finding| {
        finding.packages = finding.packages.iter().filter_map(|&index| place(index)).collect();
        !finding.packages.is_empty() && shows_finding(finding)
    };
    let mut kept = Vec::with_capacity(view.findings.len());
    view.findings.retain_mut(|finding| {
        kept.push(shown(finding));
        kept.last() == Some(&true)
    });
    let mut kept = kept.into_iter();
    view.decision.rulings.retain(|_| kept.next().unwrap_or(true));
    view.decision.counts = plimsoll_gate::count(&view.findings);
    view.suppressed.retain_mut(|suppressed| shown(&mut suppressed.finding));
    view.undetermined.retain_mut(|one| place(one.package).map(|at| one.package = at).is_some());
    view.not_affected.retain_mut(|one| place(one.package).map(|at| one.package = at).is_some());
    view.advice = Advice::default();
    view
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{Outcome, PackageKind, Ruling, Severity, Undetermined};

    use super::*;

    #[test]
    fn what_is_shown_keeps_its_places_and_rulings() {
        let mut scan = Scan::default();
        for kind in [PackageKind::Deb, PackageKind::Npm, PackageKind::PyPi] {
            scan.inventory.packages.push(Package::new(kind, kind.purl_type(), "1", "test"));
        }
        for (id, packages, severity) in
            [("A", vec![0], Severity::High), ("B", vec![0, 2], Severity::High), ("C", vec![1], Severity::Low)]
        {
            let mut finding = Finding::new(id, packages);
            finding.severity.severity = severity;
            scan.findings.push(finding);
            let outcome = if id == "B" { Outcome::Failed } else { Outcome::Passed };
            scan.decision.rulings.push(Ruling { outcome, rule: id.to_owned(), ..Ruling::default() });
        }
        for package in [0, 2, 9] {
            let (id, advisory, reason) = ("U".to_owned(), String::new(), String::new());
            scan.undetermined.push(Undetermined { id, advisory, package, reason });
        }
        let view = narrowed(&scan, &|package| !package.kind.is_os(), &|finding| {
            finding.severity.severity == Severity::High
        });
        let packages: Vec<&str> =
            view.inventory.packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(packages, ["npm", "pypi"]);
        assert_eq!(view.findings.len(), 1);
        assert_eq!((view.findings[0].id.as_str(), view.findings[0].packages.as_slice()), ("B", &[1][..]));
        assert_eq!(view.decision.rulings.len(), 1);
        assert_eq!(view.decision.rulings[0].rule, "B");
        assert_eq!(view.decision.counts.high, 1);
        assert_eq!(view.undetermined.iter().map(|one| one.package).collect::<Vec<_>>(), [1]);
        assert_eq!(narrowed(&scan, &|_| true, &|_| true).findings, scan.findings);
    }
}
