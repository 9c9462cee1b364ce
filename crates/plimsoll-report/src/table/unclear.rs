//! What could not be decided, and what could not be read: grouped by reason, bounded, never silent.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use plimsoll_model::{Gap, Scan, Undetermined};

use super::label::{cut_front, place};
use super::paint::Style;
use super::{Page, counted};
use crate::terminal::printable;

/// Packages with undetermined advisories that are listed; the others are counted.
const MAX_PACKAGES: usize = 10;

/// Flaws that are named of each.
const MAX_IDS: usize = 5;

/// Groups of gaps that are listed; the others are counted.
const MAX_GAP_GROUPS: usize = 10;

/// Places that are named of each.
const MAX_GAP_PLACES: usize = 2;

/// Columns before the details of an entry.
const DETAIL_INDENT: usize = 4;

pub(super) fn write(scan: &Scan, page: &mut Page) {
    undetermined(scan, page);
    gaps(scan, page);
}

fn undetermined(scan: &Scan, page: &mut Page) {
    if scan.undetermined.is_empty() {
        return;
    }
    let head = counted(scan.undetermined.len(), "possible finding");
    page.paragraph(Style::Warning, 0, &format!("Undetermined: {head} could not be decided"));
    let mut groups: BTreeMap<(String, &str), Vec<&Undetermined>> = BTreeMap::new();
    for item in &scan.undetermined {
        let package = scan.inventory.packages.get(item.package);
        let package = package.map_or_else(
            || "a package that is not in the inventory".to_owned(),
            |package| format!("{} {}", package.name, package.version).trim_end().to_owned(),
        );
        groups.entry((package, &item.reason)).or_default().push(item);
    }
    let mut cut = false;
    for ((package, reason), items) in groups.iter().take(MAX_PACKAGES) {
        page.paragraph(Style::Plain, 2, &printable(&format!("{package}: {reason}")));
        let places: BTreeSet<String> = items
            .iter()
            .filter_map(|item| scan.inventory.packages.get(item.package))
            .filter(|package| !package.kind.is_os())
            .map(place)
            .filter(|place| !place.is_empty())
            .collect();
        if let Some(first) = places.first() {
            details(first, places.len() - 1, page);
            cut |= places.len() > 1;
        }
        let ids: BTreeSet<&str> = items.iter().map(|item| item.id.as_str()).collect();
        let mut text = ids.iter().take(MAX_IDS).copied().collect::<Vec<_>>().join(", ");
        if ids.len() > MAX_IDS {
            let _ = write!(text, " and {} more", ids.len() - MAX_IDS);
            cut = true;
        }
        page.hanging(Style::Plain, DETAIL_INDENT, DETAIL_INDENT, &printable(&text));
    }
    rest("package", groups.len().saturating_sub(MAX_PACKAGES), cut, page);
    page.gap();
}

/// Gaps of one kind: a reporter's, for one reason.
struct Kind<'a> {
    reporter: &'a str,
    reason: String,
    gaps: Vec<&'a Gap>,
}

fn gaps(scan: &Scan, page: &mut Page) {
    let gaps: Vec<&Gap> = scan.match_gaps.iter().chain(&scan.inventory.gaps).collect();
    if gaps.is_empty() {
        return;
    }
    let head = counted(gaps.len(), "thing");
    page.paragraph(Style::Warning, 0, &format!("Gaps: {head} that could not be read or judged"));
    let kinds = kinds(&gaps);
    let mut cut = false;
    for kind in kinds.iter().take(MAX_GAP_GROUPS) {
        let times = match kind.gaps.len() {
            1 => String::new(),
            number => format!(", {number} times"),
        };
        let text = format!("{}{times}: {}", kind.reporter, kind.reason);
        page.paragraph(Style::Plain, 2, &printable(&text));
        let places: BTreeSet<(&str, &str)> = kind
            .gaps
            .iter()
            .map(|gap| (gap.path.as_str(), gap.place.as_str()))
            .filter(|(path, _)| !path.is_empty())
            .collect();
        cut |= places.len() > MAX_GAP_PLACES;
        for (index, (path, part)) in places.iter().take(MAX_GAP_PLACES).enumerate() {
            let more = if index + 1 == MAX_GAP_PLACES { places.len() - MAX_GAP_PLACES } else { 0 };
            let text = if part.is_empty() { (*path).to_owned() } else { format!("{path}, {part}") };
            details(&printable(&text), more, page);
        }
    }
    rest("kind", kinds.len().saturating_sub(MAX_GAP_GROUPS), cut, page);
    page.gap();
}

/// The gaps by kind: those that are of no file first, since they speak of whole ecosystems, then the most frequent.
fn kinds<'a>(gaps: &[&'a Gap]) -> Vec<Kind<'a>> {
    let mut kinds: BTreeMap<(bool, &str, String), Vec<&Gap>> = BTreeMap::new();
    for &gap in gaps {
        let of_file = !gap.path.is_empty();
        let reason = if of_file { without_names(&gap.reason) } else { gap.reason.clone() };
        kinds.entry((of_file, &gap.reporter, reason)).or_default().push(gap);
    }
    let mut kinds: Vec<(bool, Kind<'_>)> = kinds
        .into_iter()
        .map(|((of_file, reporter, _), gaps)| {
            (of_file, Kind { reporter, reason: shared_reason(&gaps), gaps })
        })
        .collect();
    kinds.sort_by_key(|(of_file, kind)| (*of_file, Reverse(kind.gaps.len())));
    kinds.into_iter().map(|(_, kind)| kind).collect()
}

/// What stands in backticks in a reason, and what stands around it: parts by turns, the first one outside.
fn parts(reason: &str) -> Vec<&str> {
    reason.split('`').collect()
}

/// Whether that part is in backticks: the last is behind them, or has no closing one.
fn is_quoted(part: usize, parts: &[&str]) -> bool {
    part % 2 == 1 && part + 1 < parts.len()
}

/// The reason with `…` for all that stands in backticks, which may differ from one file to the next.
fn without_names(reason: &str) -> String {
    let all = parts(reason);
    let masked = |(part, text): (usize, &&str)| {
        if is_quoted(part, &all) { "…".to_owned() } else { (*text).to_owned() }
    };
    all.iter().enumerate().map(masked).collect::<Vec<_>>().join("`")
}

/// The reason of gaps whose reasons are equal [without names](without_names): with the names that all of them have.
fn shared_reason(gaps: &[&Gap]) -> String {
    let Some((first, others)) = gaps.split_first() else { return String::new() };
    let mut shared = parts(&first.reason);
    for other in others.iter().filter(|other| other.reason != first.reason) {
        let other = parts(&other.reason);
        for part in 0..shared.len() {
            if is_quoted(part, &shared) && other.get(part) != shared.get(part) {
                shared[part] = "…";
            }
        }
    }
    shared.join("`")
}

/// `in usr/bin/app`, and how many more.
fn details(place: &str, more: usize, page: &mut Page) {
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let room = page.columns.saturating_sub(DETAIL_INDENT + 3 + more.len());
    let text = format!("{}in {}{more}", " ".repeat(DETAIL_INDENT), cut_front(place, room));
    page.line(Style::Faint, &text);
}

fn rest(word: &str, more: usize, cut: bool, page: &mut Page) {
    if more > 0 {
        page.paragraph(
            Style::Faint,
            2,
            &format!("and {} (all: --format json)", counted(more, &format!("more {word}"))),
        );
    } else if cut {
        page.paragraph(Style::Faint, 2, "(all of them: --format json)");
    }
}
