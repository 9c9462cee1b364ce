//! One line a target: how many packages, how many findings of each severity.

use std::fmt::Write as _;

use plimsoll_model::{Scan, Severity, SeverityCounts};

use super::label::{short_target, target as title};
use super::paint::Style;
use super::{Page, counted};
use crate::targets::Target;
use crate::terminal::width;

/// The severities' columns, with their heads.
const HEADS: [(Severity, &str); 6] = [
    (Severity::Critical, "CRIT"),
    (Severity::High, "HIGH"),
    (Severity::Medium, "MED"),
    (Severity::Low, "LOW"),
    (Severity::Negligible, "NEGL"),
    (Severity::Unknown, "UNKN"),
];

/// Columns of one severity, with the blank before it.
const SEVERITY_COLUMNS: usize = 6;

/// Columns of the number of packages, with the blanks before it.
const PACKAGE_COLUMNS: usize = 10;

/// Least columns of the targets' names beside all severities; with less, only the two worst are shown.
const MIN_NAME_COLUMNS: usize = 16;

/// Targets listed one by one. Where there are more, those without findings are only counted, and so are the last of
/// those with findings.
const MAX_TARGETS: usize = 40;

pub(super) fn write(scan: &Scan, targets: &[Target], page: &mut Page) {
    let rows: Vec<(&Target, SeverityCounts)> = targets.iter().zip(counts_in(scan, targets)).collect();
    let all = rows.len() <= MAX_TARGETS;
    let listed: Vec<&(&Target, SeverityCounts)> =
        rows.iter().filter(|(_, counts)| all || counts.total() > 0).collect();
    let (shown, more) = listed.split_at(listed.len().min(MAX_TARGETS));

    let longest = shown.iter().map(|(target, _)| width(&title(scan, target))).max().unwrap_or(0);
    let every = PACKAGE_COLUMNS + SEVERITY_COLUMNS * HEADS.len();
    let (heads, room) = if page.columns >= every + MIN_NAME_COLUMNS {
        (&HEADS[..], page.columns - every)
    } else {
        (&HEADS[..2], page.columns.saturating_sub(PACKAGE_COLUMNS + SEVERITY_COLUMNS * 2))
    };
    let column = longest.max("Target".len()).min(room);

    let mut head = format!("{:<column$}{:>PACKAGE_COLUMNS$}", "Target", "Packages");
    for (_, word) in heads {
        let _ = write!(head, "{word:>SEVERITY_COLUMNS$}");
    }
    page.line(Style::Bold, &head);
    for (target, counts) in shown {
        let title = short_target(scan, target, column);
        let padding = " ".repeat(column.saturating_sub(width(&title)));
        let packages = target.packages.len();
        let _ = write!(page.text, "{title}{padding}{packages:>PACKAGE_COLUMNS$}");
        for &(severity, _) in heads {
            let (style, number) = match counts.of(severity) {
                0 => (Style::Faint, "-".to_owned()),
                number => (Style::Of(severity), number.to_string()),
            };
            page.text.push_str(&page.paint.with(style, &format!("{number:>SEVERITY_COLUMNS$}")));
        }
        page.text.push('\n');
    }
    notes(scan, &rows, listed.len(), more, page);
    page.gap();
}

fn notes(
    scan: &Scan,
    rows: &[(&Target, SeverityCounts)],
    listed: usize,
    more: &[&(&Target, SeverityCounts)],
    page: &mut Page,
) {
    if !more.is_empty() {
        let text = format!("and {} with findings", counted(more.len(), "more target"));
        page.paragraph(Style::Faint, 0, &text);
    }
    if listed < rows.len() {
        let text = format!("and {} without findings", counted(rows.len() - listed, "more target"));
        page.paragraph(Style::Faint, 0, &text);
    }
    let sum: usize = rows.iter().map(|(_, counts)| counts.total()).sum();
    if sum > scan.findings.len() {
        let text = "What stands in several targets counts in each of them here, and once below.";
        page.paragraph(Style::Faint, 0, text);
    }
}

/// The findings of each target by severity: those of any package in it, also where they are listed under another.
fn counts_in(scan: &Scan, targets: &[Target]) -> Vec<SeverityCounts> {
    let mut target_of = vec![None; scan.inventory.packages.len()];
    for (number, target) in targets.iter().enumerate() {
        for &package in &target.packages {
            if let Some(place) = target_of.get_mut(package) {
                *place = Some(number);
            }
        }
    }
    let mut counts = vec![SeverityCounts::default(); targets.len()];
    for finding in &scan.findings {
        let mut numbers: Vec<usize> = finding
            .packages
            .iter()
            .filter_map(|&package| target_of.get(package).copied().flatten())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            counts[number].add(finding.severity.severity);
        }
    }
    counts
}
