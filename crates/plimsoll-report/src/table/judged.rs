//! What does not count and who says so, notices about that, and what is warned of.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::{NoticeKind, Outcome, Ruling, Scan, Suppressed};

use super::paint::Style;
use super::{Page, counted};
use crate::judgement;
use crate::terminal::printable;

/// Reasons for which findings do not count that are listed; the others are counted.
const MAX_REASONS: usize = 10;

/// Flaws that are named of each.
const MAX_IDS: usize = 5;

/// Notices of one kind that are listed; the others are counted.
const MAX_NOTICES: usize = 10;

/// The flag whose findings have a line of their own.
const IGNORE_UNFIXED: &str = "--ignore-unfixed";

/// `Suppressed: 3 (1 by rule, 1 waived, 1 by VEX)`, and why.
pub(super) fn suppressed(scan: &Scan, page: &mut Page) {
    let told = scan.decision.ignored_unfixed.total() > 0;
    let mut reasons: BTreeMap<String, Vec<&Suppressed>> = BTreeMap::new();
    for suppressed in scan.suppressed.iter().filter(|one| !told || one.origin != IGNORE_UNFIXED) {
        reasons.entry(suppressed.words()).or_default().push(suppressed);
    }
    let Some(number) = judgement::suppressed_number(scan).filter(|_| !reasons.is_empty()) else { return };
    page.paragraph(Style::Plain, 0, &format!("Suppressed: {number}"));
    for (reason, all) in reasons.iter().take(MAX_REASONS) {
        let ids: BTreeSet<&str> = all.iter().map(|one| one.finding.id.as_str()).collect();
        let mut named = ids.iter().take(MAX_IDS).copied().collect::<Vec<_>>().join(", ");
        if ids.len() > MAX_IDS {
            named = format!("{named} and {} more", ids.len() - MAX_IDS);
        }
        page.paragraph(Style::Faint, 2, &printable(&format!("{named}: {reason}")));
    }
    if reasons.len() > MAX_REASONS {
        let more = counted(reasons.len() - MAX_REASONS, "more reason");
        page.paragraph(Style::Faint, 2, &format!("and {more} (all: --format json)"));
    }
}

/// What a person should look at in policy, waivers and VEX.
pub(super) fn notices(scan: &Scan, page: &mut Page) {
    if scan.notices.is_empty() {
        return;
    }
    let head = counted(scan.notices.len(), "thing");
    page.paragraph(Style::Warning, 0, &format!("Notices: {head} to look at in policy, waivers and VEX"));
    let mut kinds: BTreeMap<NoticeKind, usize> = BTreeMap::new();
    for notice in &scan.notices {
        let number = kinds.entry(notice.kind).or_default();
        *number += 1;
        if *number <= MAX_NOTICES {
            let style = if judgement::is_warning(notice.kind) { Style::Warning } else { Style::Plain };
            page.paragraph(style, 2, &printable(&judgement::notice_line(notice)));
        }
    }
    for (kind, number) in kinds.into_iter().filter(|(_, number)| *number > MAX_NOTICES) {
        let text = format!("and {} more of {} (all: --format json)", number - MAX_NOTICES, kind.as_str());
        page.paragraph(Style::Faint, 2, &text);
    }
    page.gap();
}

/// `warnings: 2 (1 from 2023-11-20 on)`, and by which rules.
pub(super) fn warnings(scan: &Scan, page: &mut Page) {
    let rulings = &scan.decision.rulings;
    let Some(number) = judgement::warned_number(rulings) else { return };
    page.paragraph(Style::Warning, 2, &printable(&format!("warnings: {number}")));
    let mut rules: BTreeMap<&str, Vec<&Ruling>> = BTreeMap::new();
    for ruling in rulings.iter().filter(|ruling| ruling.outcome == Outcome::Warned) {
        rules.entry(&ruling.rule).or_default().push(ruling);
    }
    for (rule, rulings) in rules {
        let number = judgement::warned_number(rulings.iter().copied()).unwrap_or_default();
        let reasons: BTreeSet<&str> =
            rulings.iter().map(|ruling| ruling.reason.as_str()).filter(|reason| !reason.is_empty()).collect();
        let mut text = format!("{rule}: {number}");
        if let [reason] = reasons.into_iter().collect::<Vec<_>>()[..] {
            text = format!("{text}: {reason}");
        }
        page.paragraph(Style::Plain, 4, &printable(&text));
    }
}
