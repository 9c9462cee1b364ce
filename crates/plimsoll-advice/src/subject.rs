//! Packages that go to one version together, and the version that they go to.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::{Finding, Inventory, Package, PackageKind};
use plimsoll_version::{Scheme, Version, compare};

/// A language's package wherever it stands in this version; of a distribution, the packages of one source in one
/// version.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) kind: PackageKind,
    /// Its name; of a distribution the source package's.
    pub(crate) name: String,
    /// The version that advisories were compared with: of a distribution mostly the source package's.
    pub(crate) from: String,
    /// Indexes of the findings in it, sorted.
    pub(crate) findings: Vec<usize>,
    /// Those of them that must go and have a fix.
    pub(crate) must: Vec<usize>,
    /// Whether a finding that must go says that it is itself the attack.
    pub(crate) malicious: bool,
    /// The version to go to. `None` where there is nothing that must go, or none to go to.
    pub(crate) to: Option<String>,
    /// The findings that this removes.
    pub(crate) cleared: BTreeSet<usize>,
    /// What is to be known of the choice.
    pub(crate) remarks: Vec<String>,
}

impl Subject {
    /// The order of its versions.
    pub(crate) fn scheme(&self) -> Scheme {
        scheme(self.kind)
    }

    /// Goes to that version: what has its fix there, or below, is cleared.
    pub(crate) fn go_to(&mut self, to: String, findings: &[Finding]) {
        self.cleared = self
            .findings
            .iter()
            .copied()
            .filter(|&index| {
                let fix = findings[index].fix.version();
                fix.is_some_and(|fix| self.is_reached(fix, &to))
            })
            .collect();
        self.to = Some(to);
    }

    /// Whether a fix lies above what is installed, and not above `to`.
    fn is_reached(&self, fix: &str, to: &str) -> bool {
        let is_past = compare(self.scheme(), fix, &self.from).is_ok_and(Ordering::is_le);
        !is_past && (fix == to || compare(self.scheme(), fix, to).is_ok_and(Ordering::is_le))
    }
}

/// The order of a kind's versions.
pub(crate) fn scheme(kind: PackageKind) -> Scheme {
    match kind.ecosystem() {
        Some(ecosystem) => ecosystem.scheme(),
        None => match kind {
            PackageKind::Alpm => Scheme::Alpm,
            PackageKind::Apk => Scheme::Apk,
            PackageKind::Deb => Scheme::Debian,
            _ => Scheme::Rpm,
        },
    }
}

/// The version of a package that a finding's advisories were compared with.
pub(crate) fn compared<'a>(finding: &'a Finding, package: &'a Package) -> &'a str {
    if !package.kind.is_os() {
        return &package.version;
    }
    let fix = finding.fix.version();
    let evidence = finding.evidence.iter().find(|evidence| fix.is_some() && evidence.fixed.as_deref() == fix);
    let version = evidence.or(finding.evidence.first()).map_or("", |evidence| evidence.version.as_str());
    if version.is_empty() { &package.version } else { version }
}

/// The subjects of findings, sorted by kind, name and version, each with the version to go to. `about`: the findings
/// that must go, sorted.
pub(crate) fn subjects(inventory: &Inventory, findings: &[Finding], about: &[usize]) -> Vec<Subject> {
    let mut by_key: BTreeMap<(PackageKind, &str, &str), Vec<usize>> = BTreeMap::new();
    for (index, finding) in findings.iter().enumerate() {
        let packages = finding.packages.iter().filter_map(|&package| inventory.packages.get(package));
        let keys: BTreeSet<_> = packages
            .map(|package| {
                let name =
                    if package.kind.is_os() { package.source_or_self().0 } else { package.name.as_str() };
                (package.kind, name, compared(finding, package))
            })
            .collect();
        for key in keys {
            by_key.entry(key).or_default().push(index);
        }
    }
    let subject = |((kind, name, from), of_it): ((PackageKind, &str, &str), Vec<usize>)| {
        let is_about = |index: &usize| about.binary_search(index).is_ok();
        let must: Vec<usize> = of_it
            .iter()
            .copied()
            .filter(|index| is_about(index) && findings[*index].fix.version().is_some())
            .collect();
        let malicious = of_it.iter().any(|index| is_about(index) && findings[*index].malicious);
        let mut subject = Subject {
            kind,
            name: name.to_owned(),
            from: from.to_owned(),
            findings: of_it,
            must,
            malicious,
            to: None,
            cleared: BTreeSet::new(),
            remarks: Vec::new(),
        };
        if subject.malicious {
            subject.cleared = subject.findings.iter().copied().collect();
        } else {
            choose(&mut subject, findings);
        }
        subject
    };
    by_key.into_iter().map(subject).collect()
}

/// The highest fix of what must go. A fix that cannot be read is taken where there is no other, and else told.
fn choose(subject: &mut Subject, findings: &[Finding]) {
    let installed = Version::parse(subject.scheme(), &subject.from).ok();
    let mut highest: Option<Version> = None;
    let mut unreadable: BTreeSet<&str> = BTreeSet::new();
    for fix in subject.must.iter().filter_map(|&index| findings[index].fix.version()) {
        match Version::parse(subject.scheme(), fix) {
            Ok(fix) if installed.as_ref().is_some_and(|installed| fix.cmp(installed).is_le()) => {
                let remark = format!("{}: the fix `{fix}` is not above what is installed", subject.name);
                subject.remarks.push(remark);
            }
            Ok(fix) if highest.as_ref().is_none_or(|highest| fix.cmp(highest).is_gt()) => highest = Some(fix),
            Ok(_) => {}
            Err(_) => _ = unreadable.insert(fix),
        }
    }
    let to = match &highest {
        Some(highest) => Some(highest.as_str().to_owned()),
        None => unreadable.pop_first().map(str::to_owned),
    };
    for fix in unreadable {
        let remark = format!("{}: whether that clears what is fixed in `{fix}` cannot be told", subject.name);
        subject.remarks.push(remark);
    }
    if let Some(to) = to {
        subject.go_to(to, findings);
    }
}
