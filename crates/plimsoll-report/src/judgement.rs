//! What the gate, waivers, VEX and a baseline said of findings, in words that several formats share.

use std::collections::BTreeMap;

use plimsoll_model::{
    Finding, Newness, Notice, NoticeKind, Outcome, Package, Ruling, Scan, Suppressed, SuppressionKind,
};
use plimsoll_vex::Justification;

use crate::facts;

/// A finding with what was said of it.
#[derive(Clone, Copy)]
pub(crate) struct Judged<'a> {
    pub(crate) finding: &'a Finding,
    /// What the gate said; `None` where it said nothing, or was not asked since the finding is suppressed.
    pub(crate) ruling: Option<&'a Ruling>,
    /// Who said that it does not count.
    pub(crate) suppressed: Option<&'a Suppressed>,
}

/// A finding that counts, by its index.
pub(crate) fn of_counted(scan: &Scan, index: usize) -> Option<Judged<'_>> {
    let finding = scan.findings.get(index)?;
    Some(Judged { finding, ruling: scan.decision.ruling(index), suppressed: None })
}

/// A finding that does not count, by its index.
pub(crate) fn of_suppressed(scan: &Scan, index: usize) -> Option<Judged<'_>> {
    let suppressed = scan.suppressed.get(index)?;
    Some(Judged { finding: &suppressed.finding, ruling: None, suppressed: Some(suppressed) })
}

/// The findings that count.
pub(crate) fn counted(scan: &Scan) -> impl Iterator<Item = Judged<'_>> {
    (0..scan.findings.len()).filter_map(|index| of_counted(scan, index))
}

/// The findings that do not count.
pub(crate) fn suppressed(scan: &Scan) -> impl Iterator<Item = Judged<'_>> {
    (0..scan.suppressed.len()).filter_map(|index| of_suppressed(scan, index))
}

impl<'a> Judged<'a> {
    /// What came of it; [`Outcome::Passed`] for one that does not count.
    pub(crate) fn outcome(&self) -> Outcome {
        self.ruling.map_or(Outcome::Passed, |ruling| ruling.outcome)
    }

    /// What came of it in one word: `failed`, `suppressed`.
    pub(crate) fn outcome_word(&self) -> &'static str {
        if self.suppressed.is_some() { "suppressed" } else { self.outcome().as_str() }
    }

    /// The rule that it failed.
    pub(crate) fn failed_rule(&self) -> Option<&'a str> {
        self.ruling.filter(|ruling| ruling.outcome == Outcome::Failed).map(|ruling| ruling.rule.as_str())
    }

    /// The day from which a rule holds whose window is still open.
    pub(crate) fn due(&self) -> Option<&'a str> {
        self.ruling?.due.as_deref()
    }

    /// `Fails the gate: serious (CRITICAL, and a fix is there)`, `Warning: soon, from 2023-11-20 on`, `Does not count:
    /// waived by …`. `None` where no rule held.
    pub(crate) fn words(&self) -> Option<String> {
        if let Some(suppressed) = self.suppressed {
            return Some(format!("Does not count: {}", suppressed.words()));
        }
        let ruling = self.ruling?;
        match ruling.outcome {
            Outcome::Failed => Some(format!("Fails the gate: {}", rule_words(ruling))),
            Outcome::Warned => Some(format!("Warning: {}", rule_words(ruling))),
            Outcome::Passed => None,
        }
    }

    /// What else is to be known of the ruling.
    pub(crate) fn notes(&self) -> &'a [String] {
        self.ruling.map_or(&[], |ruling| &ruling.notes)
    }
}

/// `soon (HIGH, and a fix is there), from 2023-11-20 on`.
pub(crate) fn rule_words(ruling: &Ruling) -> String {
    let mut words = ruling.rule.clone();
    if !ruling.reason.is_empty() {
        words = format!("{words} ({})", ruling.reason);
    }
    match &ruling.due {
        Some(due) => format!("{words}, from {due} on"),
        None => words,
    }
}

/// Whether a finding is new against the baseline: `the package was added`. `None` for one that is known, and without a
/// baseline.
pub(crate) fn new_words(finding: &Finding) -> Option<&'static str> {
    match finding.new? {
        Newness::Added => Some("the package was added"),
        Newness::Learnt => Some("the advisory came later"),
        Newness::Known => None,
    }
}

/// `2 new since registry.example/app:1.1 (1 in what was added, 1 by advisories that came later), 5 known, 3 gone`;
/// `None` without a baseline.
pub(crate) fn baseline_words(scan: &Scan) -> Option<String> {
    let baseline = scan.baseline.as_ref()?;
    let number = |newness| scan.findings.iter().filter(|finding| finding.new == Some(newness)).count();
    let (added, learnt) = (number(Newness::Added), number(Newness::Learnt));
    let mut why = Vec::new();
    if added > 0 {
        why.push(format!("{added} in what was added"));
    }
    if learnt > 0 {
        why.push(format!("{learnt} by advisories that came later"));
    }
    let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join(", ")) };
    let name = if baseline.name.is_empty() { "the baseline" } else { &baseline.name };
    let (known, gone) = (number(Newness::Known), baseline.gone.total());
    Some(format!("{} new since {name}{why}, {known} known, {gone} gone", added + learnt))
}

/// `3 (1 by rule, 1 waived, 1 by VEX)`; `None` where nothing is suppressed.
pub(crate) fn suppressed_number(scan: &Scan) -> Option<String> {
    let of = |kind| scan.suppressed.iter().filter(|suppressed| suppressed.kind == kind).count();
    let parts: Vec<String> = [
        (SuppressionKind::Rule, "by rule"),
        (SuppressionKind::Waiver, "waived"),
        (SuppressionKind::Vex, "by VEX"),
    ]
    .into_iter()
    .map(|(kind, words)| (of(kind), words))
    .filter(|(number, _)| *number > 0)
    .map(|(number, words)| format!("{number} {words}"))
    .collect();
    (!parts.is_empty()).then(|| format!("{} ({})", scan.suppressed.len(), parts.join(", ")))
}

/// `CVE-2023-39325 in golang.org/x/net v0.7.0: waived by …`.
pub(crate) fn suppressed_line(scan: &Scan, suppressed: &Suppressed) -> String {
    let finding = &suppressed.finding;
    let package = facts::packages(scan, finding).next();
    let package = package.map_or_else(
        || "?".to_owned(),
        |package| format!("{} {}", package.name, package.version).trim_end().to_owned(),
    );
    format!("{} in {package}: {}", finding.id, suppressed.words())
}

/// `2 (1 from 2023-11-20 on)`, `1`: the findings that rules warn of; `None` where none does.
pub(crate) fn warned_number<'a>(rulings: impl IntoIterator<Item = &'a Ruling>) -> Option<String> {
    let warned: Vec<&Ruling> =
        rulings.into_iter().filter(|ruling| ruling.outcome == Outcome::Warned).collect();
    let mut due: Vec<&str> = warned.iter().filter_map(|ruling| ruling.due.as_deref()).collect();
    due.sort_unstable();
    match (warned.len(), due.first()) {
        (0, _) => None,
        (number, None) => Some(number.to_string()),
        (number, Some(first)) if due.last() == Some(first) => {
            Some(format!("{number} ({} from {first} on)", due.len()))
        }
        (number, Some(first)) => Some(format!("{number} ({} from {first} on or later)", due.len())),
    }
}

/// `waiver-expired: the waiver for … ended on 2023-10-31 (plimsoll.toml:30)`.
pub(crate) fn notice_line(notice: &Notice) -> String {
    let Notice { kind, origin, text } = notice;
    let origin = if origin.is_empty() { String::new() } else { format!(" ({origin})") };
    format!("{}: {text}{origin}", kind.as_str())
}

/// Whether something does not work as it was meant to; else it may be well so.
pub(crate) fn is_warning(kind: NoticeKind) -> bool {
    !matches!(kind, NoticeKind::WaiverUnused | NoticeKind::VexUnused | NoticeKind::AsOf)
}

/// What a suppression says of the flaw itself, for formats that state that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does no harm here; with the VEX justification, where one is given.
    NotAffected(Option<Justification>),
    /// It was found by mistake.
    FalsePositive,
    /// It is fixed.
    Fixed,
    /// It is there, and somebody accepts that.
    Accepted,
    /// It is there, and something else keeps it from doing harm.
    Mitigated,
    /// It is there, and a fix is on its way.
    FixPending,
    /// It is there, and a rule does not count it.
    Ignored,
    /// Nothing that is known here.
    Unclear,
}

impl Standing {
    /// What it says, by its kind and the fixed word of its reason.
    pub(crate) fn of(suppressed: &Suppressed) -> Self {
        let (status, justification) =
            suppressed.reason.split_once(':').unwrap_or((suppressed.reason.as_str(), ""));
        match (suppressed.kind, status.trim()) {
            (SuppressionKind::Rule, _) => Self::Ignored,
            (SuppressionKind::Vex, "not_affected") => {
                Self::NotAffected(Justification::from_word(justification.trim()))
            }
            (SuppressionKind::Vex, "fixed") => Self::Fixed,
            (SuppressionKind::Vex, _) => Self::Unclear,
            (SuppressionKind::Waiver, "not-affected") => Self::NotAffected(None),
            (SuppressionKind::Waiver, "false-positive") => Self::FalsePositive,
            (SuppressionKind::Waiver, "compensating-control") => Self::Mitigated,
            (SuppressionKind::Waiver, "fix-pending") => Self::FixPending,
            // Ignore files of other scanners name no reason.
            (SuppressionKind::Waiver, _) => Self::Accepted,
        }
    }

    /// Whether the package is affected, though it does not count.
    pub(crate) fn is_affected(self) -> bool {
        match self {
            Self::Accepted | Self::Mitigated | Self::FixPending | Self::Ignored | Self::Unclear => true,
            Self::NotAffected(_) | Self::FalsePositive | Self::Fixed => false,
        }
    }
}

/// Which of the findings that share a key each one is, counted from 1, in the order of the inventory: by key and index
/// of the package. What else is listed, and whether a finding is suppressed, changes nothing in it.
pub(crate) struct Numbers(BTreeMap<String, Vec<usize>>);

impl Numbers {
    /// Numbers all places of all findings, those that do not count among them.
    pub(crate) fn of(scan: &Scan, key: impl Fn(&Finding, &Package) -> String) -> Self {
        Self::of_places(scan, usize::MAX, key)
    }

    /// The same of the first place of each finding alone.
    pub(crate) fn of_first(scan: &Scan, key: impl Fn(&Finding, &Package) -> String) -> Self {
        Self::of_places(scan, 1, key)
    }

    fn of_places(scan: &Scan, most: usize, key: impl Fn(&Finding, &Package) -> String) -> Self {
        let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for judged in counted(scan).chain(suppressed(scan)) {
            for &index in judged.finding.packages.iter().take(most) {
                if let Some(package) = scan.inventory.packages.get(index) {
                    places.entry(key(judged.finding, package)).or_default().push(index);
                }
            }
        }
        for places in places.values_mut() {
            places.sort_unstable();
        }
        Self(places)
    }

    /// The number of the finding with that key in that package. Asked again, it gives the next that is free.
    pub(crate) fn take(&mut self, key: &str, package: usize) -> usize {
        /// Stands for a place whose number is taken.
        const TAKEN: usize = usize::MAX;
        let Some(places) = self.0.get_mut(key) else { return 1 };
        let place = places.iter().position(|&place| place == package);
        if let Some(place) = place {
            places[place] = TAKEN;
        }
        place.map_or(1, |place| place + 1)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::sample;

    #[test]
    fn the_numbers_are_said_in_a_line() {
        let scan = sample::judged();
        let check = |words: Option<String>, expected: Expect| expected.assert_eq(&words.unwrap());
        check(
            baseline_words(&scan),
            expect![
                "2 new since registry.example/app:1.1 (1 in what was added, 1 by advisories that came later), 5 known, 3 gone"
            ],
        );
        check(suppressed_number(&scan), expect!["3 (1 by rule, 1 waived, 1 by VEX)"]);
        check(warned_number(&scan.decision.rulings), expect!["2 (1 from 2023-11-20 on)"]);
        let plain = sample::scan();
        assert_eq!(baseline_words(&plain), None);
        assert_eq!(suppressed_number(&plain), None);
        assert_eq!(warned_number(&plain.decision.rulings), None);
    }

    #[test]
    fn what_was_said_of_a_finding_is_a_sentence() {
        let scan = sample::judged();
        let words: Vec<String> =
            counted(&scan).chain(suppressed(&scan)).filter_map(|judged| judged.words()).collect();
        expect![[r"
            Fails the gate: serious (CRITICAL, and a fix is there)
            Warning: soon (HIGH, and a fix is there), from 2023-11-20 on
            Fails the gate: serious (CRITICAL, and a fix is there)
            Fails the gate: exploited (known to be exploited)
            Fails the gate: serious (the package is itself the attack)
            Warning: soon (HIGH, and a fix is there)
            Does not count: ignored by no fix to be had (plimsoll.toml:4): nobody can act on it
            Does not count: waived by shop-team@example.org as compensating-control until 2026-03-31 (plimsoll.toml:20): the program is not reachable from outside
            Does not count: settled by Example Security as not_affected: vulnerable_code_not_in_execute_path (vex/app.json: statements[0])"]]
        .assert_eq(&words.join("\n"));
    }

    #[test]
    fn a_suppression_says_how_the_flaw_stands() {
        let mut suppressed = sample::judged().suppressed.remove(0);
        for (kind, reason, standing) in [
            (SuppressionKind::Rule, "", Standing::Ignored),
            (SuppressionKind::Waiver, "accepted-risk", Standing::Accepted),
            (SuppressionKind::Waiver, "", Standing::Accepted),
            (SuppressionKind::Waiver, "false-positive", Standing::FalsePositive),
            (SuppressionKind::Waiver, "not-affected", Standing::NotAffected(None)),
            (SuppressionKind::Waiver, "compensating-control", Standing::Mitigated),
            (SuppressionKind::Waiver, "fix-pending", Standing::FixPending),
            (SuppressionKind::Vex, "fixed", Standing::Fixed),
            (SuppressionKind::Vex, "not_affected", Standing::NotAffected(None)),
            (SuppressionKind::Vex, "not_affected: because", Standing::NotAffected(None)),
            (
                SuppressionKind::Vex,
                "not_affected: component_not_present",
                Standing::NotAffected(Some(Justification::ComponentNotPresent)),
            ),
            (SuppressionKind::Vex, "", Standing::Unclear),
        ] {
            suppressed.kind = kind;
            reason.clone_into(&mut suppressed.reason);
            assert_eq!(Standing::of(&suppressed), standing, "{kind:?} {reason}");
        }
    }

    #[test]
    fn numbers_do_not_hang_on_what_counts() {
        let mut scan = sample::judged();
        // The same flaw twice under one key: one counts, the other does not.
        scan.findings[0].packages = vec![2];
        scan.suppressed[0].finding.packages = vec![1];
        let mut numbers = Numbers::of(&scan, |_, _| "key".to_owned());
        assert_eq!((numbers.take("key", 1), numbers.take("key", 0)), (1, 1));
        assert_eq!(numbers.take("key", 2), 3, "a warned one stands in package 1 too");
        assert_eq!(numbers.take("other", 2), 1);
    }
}
