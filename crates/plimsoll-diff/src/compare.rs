//! Two scans side by side.

use plimsoll_model::{Finding, Newness, Package, Scan, SeverityCounts, Suppressed};

use crate::mark::{newness, of_scan, severity};
use crate::packages::{self, PackageChanges};
use crate::side::{Again, Found, Side};

/// What is different from an older scan to a newer one.
#[derive(Clone, Debug)]
pub struct Difference<'a> {
    /// The older scan.
    pub old: &'a Scan,
    /// The newer scan.
    pub new: &'a Scan,
    /// What became of the packages.
    pub packages: PackageChanges,
    /// The findings of the newer scan that the older has not, in their order.
    pub added: Vec<FindingChange<'a>>,
    /// The findings of the older scan that the newer has not, or does not count, in their order.
    pub gone: Vec<GoneFinding<'a>>,
    /// The findings of both, as the newer has them.
    pub unchanged: Vec<FindingChange<'a>>,
    /// What became of the layers.
    pub layers: LayerChange,
}

/// A finding of the newer scan.
#[derive(Clone, Copy, Debug)]
pub struct FindingChange<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// The first package that it is in; `None` where the report names none.
    pub package: Option<&'a Package>,
    /// Whether the older scan has it.
    pub newness: Newness,
    /// The version that it was in, where that has been replaced by another with the same flaw.
    pub replaced: Option<&'a str>,
}

/// A finding of the older scan that counts no more.
#[derive(Clone, Copy, Debug)]
pub struct GoneFinding<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// The first package that it was in; `None` where the report names none.
    pub package: Option<&'a Package>,
    /// Why.
    pub why: Gone<'a>,
}

/// Why a finding counts no more.
#[derive(Clone, Copy, Debug)]
pub enum Gone<'a> {
    /// The package is not there any more.
    PackageGone,
    /// The version is not there any more, and others are.
    VersionGone,
    /// The package is there in the same version, and the advisories say otherwise.
    NoLongerKnown,
    /// It is still there, and does not count.
    Suppressed(&'a Suppressed),
}

impl Gone<'_> {
    /// The word: `package-gone`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PackageGone => "package-gone",
            Self::VersionGone => "version-gone",
            Self::NoLongerKnown => "no-longer-known",
            Self::Suppressed(_) => "suppressed",
        }
    }
}

/// What became of the layers, compared by diff ID from the base up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerChange {
    /// Layers that both begin with.
    pub shared: usize,
    /// The older image's other ones.
    pub gone: usize,
    /// The newer image's other ones.
    pub added: usize,
}

impl Difference<'_> {
    /// The new findings of one kind, by severity.
    pub fn counts(&self, newness: Newness) -> SeverityCounts {
        let all = self.added.iter().chain(&self.unchanged);
        counts(all.filter(|change| change.newness == newness).map(|change| change.finding))
    }

    /// The findings that are gone, by severity.
    pub fn gone_counts(&self) -> SeverityCounts {
        counts(self.gone.iter().map(|gone| gone.finding))
    }
}

fn counts<'a>(findings: impl Iterator<Item = &'a Finding>) -> SeverityCounts {
    let mut counts = SeverityCounts::default();
    findings.for_each(|finding| counts.add(severity(finding)));
    counts
}

/// Compares two scans. A finding is known to the older one as [`crate::mark`] says.
pub fn compare<'a>(old: &'a Scan, new: &'a Scan) -> Difference<'a> {
    let (before, now) = (of_scan(old), of_scan(new));
    let counting = Side::new(&new.inventory, new.findings.iter());
    let (mut added, mut unchanged) = (Vec::new(), Vec::new());
    for finding in &new.findings {
        let found = Found::of(finding, &new.inventory);
        let replaced = before.find(found, &now).and_then(|(was, again)| match again {
            Again::Replaced => was.package.map(|package| package.version.as_str()),
            Again::SameVersion => None,
        });
        let newness = newness(found, &before, &now);
        let change = FindingChange { finding, package: found.package, newness, replaced };
        if newness == Newness::Known { unchanged.push(change) } else { added.push(change) }
    }
    let mut gone = Vec::new();
    for finding in &old.findings {
        let found = Found::of(finding, &old.inventory);
        if counting.find(found, &before).is_none() {
            let why = why_gone(found, &before, &now, new);
            gone.push(GoneFinding { finding, package: found.package, why });
        }
    }
    Difference {
        old,
        new,
        packages: packages::changes(&before, &now, &old.inventory, &new.inventory),
        added,
        gone,
        unchanged,
        layers: layers(old, new),
    }
}

fn why_gone<'a>(found: Found<'_>, before: &Side<'_>, now: &Side<'a>, new: &'a Scan) -> Gone<'a> {
    let still = now.find(found, before).and_then(|(still, _)| {
        new.suppressed.iter().find(|suppressed| std::ptr::eq(&raw const suppressed.finding, still.finding))
    });
    if let Some(suppressed) = still {
        return Gone::Suppressed(suppressed);
    }
    match found.package {
        Some(package) if now.has_package(package, before) => Gone::NoLongerKnown,
        Some(package) if now.has_other_version(package, before) => Gone::VersionGone,
        _ => Gone::PackageGone,
    }
}

fn layers(old: &Scan, new: &Scan) -> LayerChange {
    let (old, new) = (&old.inventory.artifact.layers, &new.inventory.artifact.layers);
    let shared = old.iter().zip(new).take_while(|(old, new)| old.diff_id == new.diff_id).count();
    LayerChange { shared, gone: old.len() - shared, added: new.len() - shared }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::SuppressionKind;

    use super::*;
    use crate::testing::scan;

    fn shown(old: &Scan, new: &Scan) -> String {
        let difference = compare(old, new);
        let mut words: Vec<String> = Vec::new();
        for change in difference.added.iter().chain(&difference.unchanged) {
            let replaced = change.replaced.map(|version| format!(" from {version}")).unwrap_or_default();
            words.push(format!("{} {}{replaced}", change.finding.id, change.newness.as_str()));
        }
        words.extend(difference.gone.iter().map(|gone| format!("{} {}", gone.finding.id, gone.why.as_str())));
        words.join(", ")
    }

    #[test]
    fn every_finding_is_new_gone_or_stays_and_says_why() {
        for (old, new, expected) in [
            ("", "", ""),
            ("deb a 1: CVE-1", "deb a 1: CVE-1", "CVE-1 known"),
            ("deb a 1: CVE-1", "deb a 2: CVE-1", "CVE-1 known from 1"),
            ("deb a 1: CVE-1", "deb a 2: CVE-2", "CVE-2 added, CVE-1 version-gone"),
            ("deb a 1: CVE-1", "deb b 1: CVE-2", "CVE-2 added, CVE-1 package-gone"),
            ("deb a 1: CVE-1", "deb a 1: CVE-2", "CVE-2 learnt, CVE-1 no-longer-known"),
            ("os debian 12\ndeb a 1: CVE-1", "os alpine 3.20\napk a 1", "CVE-1 package-gone"),
        ] {
            assert_eq!(shown(&scan(old), &scan(new)), expected, "{old:?} to {new:?}");
        }
    }

    #[test]
    fn what_does_not_count_now_is_gone_and_what_did_not_count_before_is_known() {
        let mut waived = scan("deb a 1: CVE-1");
        let finding = waived.findings.remove(0);
        waived.suppressed.push(Suppressed {
            finding,
            kind: SuppressionKind::Waiver,
            by: "team".to_owned(),
            reason: String::new(),
            remark: String::new(),
            until: None,
            origin: String::new(),
        });
        let open = scan("deb a 1: CVE-1");
        assert_eq!(shown(&open, &waived), "CVE-1 suppressed");
        assert_eq!(shown(&waived, &open), "CVE-1 known");
        assert_eq!(shown(&waived, &waived), "");
    }

    #[test]
    fn what_one_way_is_added_is_gone_the_other_way() {
        let (old, new) =
            (scan("deb a 1: CVE-1 CVE-2\nnpm b 1: CVE-3"), scan("deb a 2: CVE-1\nnpm b 1: CVE-3 CVE-4"));
        let (forth, back) = (compare(&old, &new), compare(&new, &old));
        assert_eq!(forth.added.len(), back.gone.len());
        assert_eq!(forth.gone.len(), back.added.len());
        assert_eq!(forth.unchanged.len(), back.unchanged.len());
        assert_eq!(forth.counts(Newness::Learnt).high, 1);
        assert_eq!(forth.gone_counts().total(), 1);
    }

    #[test]
    fn layers_are_shared_from_the_base_up() {
        for (old, new, shared, gone, added) in
            [("abc", "abd", 2, 1, 1), ("abc", "xbc", 0, 3, 3), ("ab", "abc", 2, 0, 1), ("ab", "ab", 2, 0, 0)]
        {
            let (old, new) = (scan(&format!("layers {old}")), scan(&format!("layers {new}")));
            assert_eq!(compare(&old, &new).layers, LayerChange { shared, gone, added });
        }
    }
}
