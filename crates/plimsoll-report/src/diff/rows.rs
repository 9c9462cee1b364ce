//! What table and Markdown list: findings, the worst first, the packages of one source taken together.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use plimsoll_diff::{Difference, Direction, FindingChange, Gone, GoneFinding, PackageChange};
use plimsoll_model::{Finding, FixState, Newness, Package, Scan, Severity, SeverityCounts, Verdict};

use super::DiffReport;
use crate::facts;

/// Packages that are named in a row; the others are counted.
const MAX_PACKAGES: usize = 3;

/// A flaw in a package, or in the packages of one source.
pub(super) struct Row<'a> {
    pub(super) severity: Severity,
    pub(super) finding: &'a Finding,
    names: Vec<&'a str>,
    version: &'a str,
    /// Its fix, or why it is gone.
    pub(super) note: String,
    source: Option<(&'a str, &'a str)>,
    /// How many findings it stands for.
    pub(super) findings: usize,
}

impl Row<'_> {
    /// `libc-bin, libc6 2.31-13`.
    pub(super) fn packages(&self) -> String {
        if self.names.is_empty() {
            return "a package that is not listed".to_owned();
        }
        let mut text = self.names[..self.names.len().min(MAX_PACKAGES)].join(", ");
        if self.names.len() > MAX_PACKAGES {
            let _ = write!(text, " and {} more", self.names.len() - MAX_PACKAGES);
        }
        format!("{text} {}", self.version).trim_end().to_owned()
    }

    /// `CVE-2021-44228`, and what is to be known at once.
    pub(super) fn marks(&self) -> &'static str {
        match (self.finding.malicious, &self.finding.kev) {
            (true, _) => "MALICIOUS",
            (false, Some(_)) => "KEV",
            (false, None) => "",
        }
    }
}

/// A list with its heading.
pub(super) struct List<'a> {
    pub(super) title: &'static str,
    pub(super) rows: Vec<Row<'a>>,
}

impl List<'_> {
    pub(super) fn findings(&self) -> usize {
        self.rows.iter().map(|row| row.findings).sum()
    }
}

/// The lists of findings, those first that a person should look at.
pub(super) fn lists<'a>(difference: &Difference<'a>) -> Vec<List<'a>> {
    let new = |newness| {
        let changes = difference.added.iter().filter(move |change| change.newness == newness);
        rows(changes.map(|change| (change.finding, change.package, fix(change.finding))))
    };
    let gone = difference.gone.iter().map(|gone| (gone.finding, gone.package, why(gone, difference)));
    let replaced = difference.unchanged.iter().filter(|change| change.replaced.is_some());
    let replaced = replaced.map(|change| (change.finding, change.package, still(change)));
    [
        ("Added: the package or its version is new", new(Newness::Added)),
        ("Learnt: the package was there, the advisory was not", new(Newness::Learnt)),
        ("Gone", rows(gone)),
        ("Unchanged, though the version is another", rows(replaced)),
    ]
    .into_iter()
    .map(|(title, rows)| List { title, rows })
    .filter(|list| !list.rows.is_empty())
    .collect()
}

fn rows<'a>(findings: impl Iterator<Item = (&'a Finding, Option<&'a Package>, String)>) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = findings
        .map(|(finding, package, note)| Row {
            severity: facts::severity(finding),
            finding,
            names: package.map(|package| package.name.as_str()).into_iter().collect(),
            version: package.map_or("", |package| &package.version),
            note,
            source: package.filter(|package| package.kind.is_os()).map(Package::source_or_self),
            findings: 1,
        })
        .collect();
    rows.sort_by(|a, b| place(a).cmp(&place(b)));
    let mut folded: Vec<Row<'a>> = Vec::new();
    for row in rows {
        match folded.last_mut() {
            Some(last) if is_same(last, &row) => {
                last.findings += 1;
                last.names.extend(row.names);
            }
            _ => folded.push(row),
        }
    }
    folded
}

/// Where a row stands: the worst first, packages of one source beside one another.
fn place<'r>(row: &'r Row<'_>) -> impl Ord + 'r {
    let finding = row.finding;
    (
        (!finding.malicious, Reverse(row.severity), finding.kev.is_none(), Reverse(finding.risk)),
        (&finding.id, row.source, row.version, &row.note, &row.names),
    )
}

fn is_same(a: &Row<'_>, b: &Row<'_>) -> bool {
    a.source.is_some()
        && (&a.finding.id, a.source, a.version, &a.note, a.severity)
            == (&b.finding.id, b.source, b.version, &b.note, b.severity)
}

fn fix(finding: &Finding) -> String {
    match &finding.fix {
        _ if finding.malicious => "remove it".to_owned(),
        FixState::Fixed(version) => format!("fixed in {version}"),
        FixState::NotFixed => "no fix".to_owned(),
        FixState::WillNotFix => "will not be fixed".to_owned(),
        FixState::FixDeferred => "fix deferred".to_owned(),
        FixState::UnderInvestigation => "not judged yet".to_owned(),
        FixState::EndOfLife => "end of life".to_owned(),
    }
}

fn still(change: &FindingChange<'_>) -> String {
    let was = change.replaced.map(|version| format!("was {version}")).unwrap_or_default();
    format!("{was}, {}", fix(change.finding))
}

/// Why a finding is gone: `now 1.1.1n-0+deb11u4`.
pub(super) fn why(gone: &GoneFinding<'_>, difference: &Difference<'_>) -> String {
    match gone.why {
        Gone::PackageGone => "the package is gone".to_owned(),
        Gone::VersionGone => {
            let package = gone.package.map(|package| (package.kind, package.name.to_lowercase()));
            let change = difference
                .packages
                .changed
                .iter()
                .find(|change| Some((change.kind, change.name.to_lowercase())) == package);
            match change {
                Some(change) if !change.to.is_empty() => format!("now {}", change.to.join(", ")),
                _ => "the version is gone".to_owned(),
            }
        }
        Gone::NoLongerKnown => "no advisory says so any more".to_owned(),
        Gone::Suppressed(suppressed) => suppressed.words(),
    }
}

/// The numbers: what they are of, and by severity.
pub(super) fn counts(report: &DiffReport<'_>) -> [(&'static str, SeverityCounts); 6] {
    let difference = report.difference;
    [
        ("A", all(difference.old)),
        ("gone", difference.gone_counts()),
        ("unchanged", difference.counts(Newness::Known)),
        ("added", difference.counts(Newness::Added)),
        ("learnt", difference.counts(Newness::Learnt)),
        ("B", all(difference.new)),
    ]
}

fn all(scan: &Scan) -> SeverityCounts {
    let mut counts = SeverityCounts::default();
    scan.findings.iter().for_each(|finding| counts.add(facts::severity(finding)));
    counts
}

/// What the gate said of a side; `None` where it was not asked.
pub(super) fn verdict(scan: &Scan) -> Option<&'static str> {
    match scan.decision.verdict {
        Verdict::Passed if scan.decision.rules.is_empty() => None,
        Verdict::Passed => Some("passed"),
        Verdict::Failed => Some("failed"),
        Verdict::Undecided => Some("undecided"),
    }
}

/// What a comparison cannot say, or says less surely.
pub(super) fn doubts(report: &DiffReport<'_>) -> Vec<String> {
    let difference = report.difference;
    let mut doubts = Vec::new();
    for (side, complete) in ["A", "B"].into_iter().zip(report.complete) {
        if !complete {
            doubts.push(format!(
                "{side} lists only packages with findings: what became of the others cannot be told"
            ));
        }
    }
    for (side, scan, other, seems) in
        [("A", difference.old, difference.new, "new"), ("B", difference.new, difference.old, "gone")]
    {
        let unclear = unclear(scan).difference(&self::unclear(other)).count();
        if unclear > 0 {
            doubts.push(format!(
                "of {side} alone not all could be read or decided ({unclear} places): something may only seem {seems}"
            ));
        }
    }
    let newest = |scan: &Scan| scan.database.newest_advisory.clone();
    if !newest(difference.new).is_empty() && newest(difference.new) < newest(difference.old) {
        doubts.push("A knows newer advisories than B: something may only seem gone".to_owned());
    }
    doubts
}

/// What a scan could not read or decide.
fn unclear(scan: &Scan) -> BTreeSet<[&str; 4]> {
    let gaps =
        facts::gaps(scan).map(|gap| [&gap.path, &gap.place, &gap.reporter, &gap.reason].map(String::as_str));
    let undetermined = scan.undetermined.iter().map(|unclear| {
        let package = scan.inventory.packages.get(unclear.package);
        [unclear.id.as_str(), &unclear.advisory, package.map_or("", |package| &package.name), "undetermined"]
    });
    gaps.chain(undetermined).collect()
}

/// `3 added, 1 gone, 2 changed (1 up, 1 down), 120 unchanged`.
pub(super) fn package_numbers(difference: &Difference<'_>) -> String {
    let packages = &difference.packages;
    let towards =
        |direction: Direction| packages.changed.iter().filter(|change| change.direction == direction).count();
    let ways: Vec<String> = [("up", Direction::Up), ("down", Direction::Down), ("other", Direction::Other)]
        .into_iter()
        .map(|(word, direction)| (word, towards(direction)))
        .filter(|(_, number)| *number > 0)
        .map(|(word, number)| format!("{number} {word}"))
        .collect();
    let ways = if ways.is_empty() { String::new() } else { format!(" ({})", ways.join(", ")) };
    format!(
        "{} added, {} gone, {} changed{ways}, {} unchanged",
        packages.added.len(),
        packages.gone.len(),
        packages.changed.len(),
        packages.unchanged
    )
}

/// `1.0 → 1.1`, `1.0 gone`, `1.1 added`.
pub(super) fn versions(change: &PackageChange) -> String {
    match (change.from.is_empty(), change.to.is_empty()) {
        (false, false) => {
            let down = if change.direction == Direction::Down { " (down)" } else { "" };
            format!("{} → {}{down}", change.from.join(", "), change.to.join(", "))
        }
        (false, true) => format!("{} gone, others stay", change.from.join(", ")),
        (true, _) => format!("{} beside the others", change.to.join(", ")),
    }
}
