//! The findings of a scan against a baseline: known, added, or learnt since.

use plimsoll_model::{
    Baseline, DatabaseInfo, Finding, Inventory, Newness, Notice, Scan, Severity, SeverityCounts,
};

use crate::notices;
use crate::side::{Found, Side};

/// An earlier scan.
#[derive(Clone, Copy, Debug)]
pub struct Earlier<'a> {
    /// What the person called it: a file, an image, `last`.
    pub name: &'a str,
    /// The scan.
    pub scan: &'a Scan,
    /// Which packages it lists.
    pub packages: Packages,
}

/// Which packages a scan lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packages {
    /// All that were found.
    All,
    /// Those with findings, as other scanners' reports do.
    WithFindings,
}

/// What a comparison with a baseline gives, besides what stands in the findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marked {
    /// For [`Scan::baseline`].
    pub baseline: Baseline,
    /// What makes the comparison say less than it seems to, sorted.
    pub notices: Vec<Notice>,
}

/// Says of each finding whether the baseline has it: sets [`Finding::new`].
///
/// `findings` are all of a scan, also those that will not count; `inventory` is what they index.
///
/// - *Known*: the baseline has the flaw in this package in this version, whether it counted there or not. So it is where
///   this version has replaced another one that had the flaw: an update that does not help adds nothing.
/// - *Added*: else, where the baseline lacks the package or this version of it. Where the baseline lists only packages with
///   findings, a version that it does not list counts as added: nothing is let through for want of knowledge.
/// - *Learnt*: else. The package was there, and its advisory came later, changed, or was overruled before.
pub fn mark(
    findings: &mut [Finding],
    inventory: &Inventory,
    database: &DatabaseInfo,
    earlier: &Earlier<'_>,
) -> Marked {
    let old = of_scan(earlier.scan);
    let newness: Vec<Newness> = {
        let new = Side::new(inventory, findings.iter());
        findings.iter().map(|finding| newness(Found::of(finding, inventory), &old, &new)).collect()
    };
    for (finding, newness) in findings.iter_mut().zip(newness) {
        finding.new = Some(newness);
    }
    let new = Side::new(inventory, findings.iter());
    let mut gone = SeverityCounts::default();
    for finding in &earlier.scan.findings {
        if new.find(Found::of(finding, &earlier.scan.inventory), &old).is_none() {
            gone.add(severity(finding));
        }
    }
    let baseline = Baseline {
        name: earlier.name.to_owned(),
        manifest_digest: earlier.scan.inventory.artifact.manifest_digest.clone(),
        database_digest: earlier.scan.database.digest.clone(),
        gone,
    };
    Marked { baseline, notices: notices::of(inventory, database, earlier) }
}

/// A scan with all that it knows of, whether it counts there or not.
pub(crate) fn of_scan(scan: &Scan) -> Side<'_> {
    let suppressed = scan.suppressed.iter().map(|suppressed| &suppressed.finding);
    Side::new(&scan.inventory, scan.findings.iter().chain(suppressed))
}

/// Whether the older of two scans has a finding of the newer.
pub(crate) fn newness(found: Found<'_>, old: &Side<'_>, new: &Side<'_>) -> Newness {
    if old.find(found, new).is_some() {
        return Newness::Known;
    }
    match found.package {
        Some(package) if old.has_package(package, new) => Newness::Learnt,
        _ => Newness::Added,
    }
}

/// The severity, a malicious package's being critical whatever was said.
pub(crate) fn severity(finding: &Finding) -> Severity {
    if finding.malicious { Severity::Critical } else { finding.severity.severity }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{Suppressed, SuppressionKind};

    use super::*;
    use crate::testing::scan;

    /// Marks what the second text says against the first: `openssl known`.
    fn marked(old: &str, new: &str) -> (Vec<String>, usize) {
        let (old, mut new) = (scan(old), scan(new));
        let earlier = Earlier { name: "base.json", scan: &old, packages: Packages::All };
        let marked = mark(&mut new.findings, &new.inventory, &new.database, &earlier);
        let words = new.findings.iter().map(|finding| {
            let package = &new.inventory.packages[finding.packages[0]];
            format!("{} {} {}", finding.id, package.version, finding.new.unwrap().as_str())
        });
        (words.collect(), marked.baseline.gone.total())
    }

    #[test]
    fn a_finding_is_known_added_or_learnt() {
        for (what, old, new, expected, gone) in [
            ("nothing changed", "deb a 1: CVE-1", "deb a 1: CVE-1", "CVE-1 1 known", 0),
            ("the package is new", "deb b 1", "deb b 1\ndeb a 1: CVE-1", "CVE-1 1 added", 0),
            ("the advisory is new", "deb a 1", "deb a 1: CVE-1", "CVE-1 1 learnt", 0),
            ("fixed", "deb a 1: CVE-1", "deb a 2", "", 1),
            ("removed", "deb a 1: CVE-1", "deb b 1", "", 1),
            ("the version is new, and its flaw", "deb a 1: CVE-1", "deb a 2: CVE-2", "CVE-2 2 added", 1),
            ("an update that does not help", "deb a 1: CVE-1", "deb a 2: CVE-1", "CVE-1 2 known", 0),
            (
                "a second version beside the first",
                "npm a 1: CVE-1",
                "npm a 1: CVE-1\nnpm a 2: CVE-1",
                "CVE-1 1 known, CVE-1 2 added",
                0,
            ),
            (
                "a version that was there without the flaw",
                "npm a 1: CVE-1\nnpm a 2",
                "npm a 2: CVE-1",
                "CVE-1 2 learnt",
                1,
            ),
            ("another name of the flaw", "pypi a 1: GHSA-1", "pypi a 1: CVE-1=GHSA-1", "CVE-1 1 known", 0),
            (
                "two names in common",
                "pypi a 1: CVE-1=GHSA-1",
                "pypi a 1: PYSEC-1=GHSA-1",
                "PYSEC-1 1 known",
                0,
            ),
            ("named by its advisory before", "deb a 1: DSA-1", "deb a 1: CVE-1/DSA-1", "CVE-1 1 known", 0),
            (
                "an advisory of several flaws is no name of them",
                "deb a 1: CVE-1/DSA-1",
                "deb a 1: CVE-1/DSA-1 CVE-2/DSA-1",
                "CVE-1 1 known, CVE-2 1 learnt",
                0,
            ),
            (
                "a name as its ecosystem compares it",
                "pypi PyYAML 5: CVE-1",
                "pypi pyyaml 5: CVE-1",
                "CVE-1 5 known",
                0,
            ),
            ("another kind of package", "npm a 1: CVE-1", "pypi a 1: CVE-1", "CVE-1 1 added", 1),
            ("another place", "npm a 1 @x: CVE-1", "npm a 1 @y: CVE-1", "CVE-1 1 known", 0),
            (
                "another release",
                "os debian 11\ndeb a 1: CVE-1",
                "os debian 12\ndeb a 2: CVE-1",
                "CVE-1 2 known",
                0,
            ),
            (
                "another distribution",
                "os debian 12\ndeb a 1: CVE-1",
                "os ubuntu 24.04\ndeb a 1: CVE-1",
                "CVE-1 1 added",
                1,
            ),
            ("no distribution known", "deb a 1: CVE-1", "os debian 12\ndeb a 1: CVE-1", "CVE-1 1 known", 0),
            ("nothing before", "", "deb a 1: CVE-1", "CVE-1 1 added", 0),
            ("nothing now", "deb a 1: CVE-1", "", "", 1),
        ] {
            let (words, found_gone) = marked(old, new);
            assert_eq!((words.join(", ").as_str(), found_gone), (expected, gone), "{what}");
        }
    }

    #[test]
    fn what_did_not_count_before_is_known_all_the_same() {
        let mut old = scan("deb a 1: CVE-1");
        let finding = old.findings.remove(0);
        old.suppressed.push(Suppressed {
            finding,
            kind: SuppressionKind::Waiver,
            by: "team".to_owned(),
            reason: "fix-pending".to_owned(),
            remark: String::new(),
            until: None,
            origin: String::new(),
        });
        let mut new = scan("deb a 1: CVE-1");
        let earlier = Earlier { name: "last", scan: &old, packages: Packages::All };
        let marked = mark(&mut new.findings, &new.inventory, &new.database, &earlier);
        assert_eq!(new.findings[0].new, Some(Newness::Known));
        assert_eq!(marked.baseline.gone.total(), 0);
        assert_eq!(marked.baseline.name, "last");
    }

    #[test]
    fn a_finding_whose_package_is_not_listed_is_neither_lost_nor_matched() {
        let mut old = scan("deb a 1: CVE-1");
        old.findings[0].packages = vec![7];
        let mut new = scan("deb a 1: CVE-1");
        let earlier = Earlier { name: "x", scan: &old, packages: Packages::All };
        let marked = mark(&mut new.findings, &new.inventory, &new.database, &earlier);
        assert_eq!(new.findings[0].new, Some(Newness::Learnt));
        assert_eq!(marked.baseline.gone.total(), 1);
    }

    #[test]
    fn thousands_of_flaws_in_one_package_are_compared_in_no_time() {
        let flaws: Vec<String> = (0..20_000).map(|number| format!("CVE-{number}")).collect();
        let text = format!("deb linux 6: {}", flaws.join(" "));
        let (words, gone) = marked(&text, &text);
        assert_eq!((words.len(), gone), (20_000, 0));
        assert!(words.iter().all(|word| word.ends_with("known")));
    }
}
