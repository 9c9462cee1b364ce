//! One line a target: how many packages, how many findings of each severity.

use std::fmt::Write as _;

use plimsoll_model::{Scan, Severity, SeverityCounts};

use super::paint::Style;
use super::{Page, counted};
use crate::targets::Target;
use crate::terminal::{cut, printable, width};

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

/// Targets listed one by one; what comes after is counted in one line.
const MAX_TARGETS: usize = 40;

pub(super) fn write(scan: &Scan, targets: &[Target], page: &mut Page) {
    let shown: Vec<&Target> = targets.iter().take(MAX_TARGETS).collect();
    let fixed = PACKAGE_COLUMNS + SEVERITY_COLUMNS * HEADS.len();
    let longest = shown.iter().map(|target| width(&title(target))).max().unwrap_or(0);
    let column = if page.columns >= fixed + 16 {
        longest.clamp(6, page.columns - fixed)
    } else {
        page.columns.saturating_sub(PACKAGE_COLUMNS + SEVERITY_COLUMNS * 2)
    };
    let heads = if page.columns >= fixed + 16 { &HEADS[..] } else { &HEADS[..2] };

    let mut head = format!("{:<column$}{:>PACKAGE_COLUMNS$}", "Target", "Packages");
    for (_, word) in heads {
        let _ = write!(head, "{word:>SEVERITY_COLUMNS$}");
    }
    page.line(Style::Bold, &head);
    for target in &shown {
        row(scan, target, column, heads, page);
    }
    if targets.len() > shown.len() {
        let more = &targets[shown.len()..];
        let findings: usize = more.iter().map(|target| target.findings.len()).sum();
        let text = format!(
            "and {} with {}, listed below where they have any (see --format json)",
            counted(more.len(), "more target"),
            counted(findings, "finding")
        );
        page.paragraph(Style::Faint, 0, &text);
    }
    page.gap();
}

fn row(scan: &Scan, target: &Target, column: usize, heads: &[(Severity, &str)], page: &mut Page) {
    let title = title(target);
    let title = cut(&title, column);
    let padding = " ".repeat(column.saturating_sub(width(&title)));
    let packages = target.packages.len();
    let mut line = format!("{title}{padding}{packages:>PACKAGE_COLUMNS$}");
    let counts = counts(scan, target);
    for &(severity, _) in heads {
        let number = counts.of(severity);
        if number == 0 {
            line.push_str(&page.paint.with(Style::Faint, &format!("{:>SEVERITY_COLUMNS$}", "-")));
        } else {
            line.push_str(&page.paint.with(Style::Of(severity), &format!("{number:>SEVERITY_COLUMNS$}")));
        }
    }
    page.text.push_str(&line);
    page.text.push('\n');
}

/// `usr/bin/app (gobinary)`; the distribution's name stands in the OS target already.
pub(super) fn title(target: &Target) -> String {
    let text = if target.is_os {
        target.name.clone()
    } else if target.name == target.label {
        format!("{} ({})", target.label, target.report_type)
    } else {
        format!("{}: {} ({})", target.label, target.name, target.report_type)
    };
    printable(&text).into_owned()
}

/// The findings of a target by severity.
pub(super) fn counts(scan: &Scan, target: &Target) -> SeverityCounts {
    let mut counts = SeverityCounts::default();
    for finding in target.findings.iter().filter_map(|&index| scan.findings.get(index)) {
        counts.add(finding.severity.severity);
    }
    counts
}
