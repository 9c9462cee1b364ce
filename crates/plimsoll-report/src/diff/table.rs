//! For people at a terminal.

use std::fmt::Write as _;
use std::io::Write;

use plimsoll_diff::PackageEntry;
use plimsoll_model::{Scan, Severity, SeverityCounts};

use super::DiffReport;
use super::rows::{Row, counts, doubts, lists, package_numbers, verdict, versions};
use crate::Error;
use crate::table::paint::Style;
use crate::table::{Page, counted, short};
use crate::terminal::{cut, printable, width};

/// Least columns of the severity words.
const MIN_SEVERITY_COLUMNS: usize = 8;
/// Columns before what belongs to a row and stands below it.
const HANGING: usize = 12;
/// Columns of the names of numbers, and of one number.
const NAME_COLUMNS: usize = 10;
const NUMBER_COLUMNS: usize = 7;
/// The severities with their heads.
const HEADS: [(Severity, &str); 6] = [
    (Severity::Critical, "CRIT"),
    (Severity::High, "HIGH"),
    (Severity::Medium, "MED"),
    (Severity::Low, "LOW"),
    (Severity::Negligible, "NEGL"),
    (Severity::Unknown, "UNKN"),
];

pub(super) fn write(report: &DiffReport<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let mut page = Page::new(&report.table);
    let difference = report.difference;
    side("A", report.names[0], difference.old, &mut page);
    side("B", report.names[1], difference.new, &mut page);
    let layers = difference.layers;
    if layers.shared + layers.gone + layers.added > 0 {
        let text = format!("layers: {} shared, {} gone, {} added", layers.shared, layers.gone, layers.added);
        page.paragraph(Style::Plain, 0, &text);
    }
    for doubt in doubts(report) {
        page.paragraph(Style::Warning, 0, &format!("note: {doubt}"));
    }
    page.gap();
    numbers(report, &mut page);
    for list in lists(difference) {
        page.line(Style::Bold, &format!("{} ({})", list.title, counted(list.findings(), "finding")));
        let shown = &list.rows[..list.rows.len().min(report.limit)];
        let ids = shown.iter().map(|row| width(&printable(&row.finding.id))).max().unwrap_or(0);
        let words = shown.iter().map(|row| row.severity.as_str().len()).max().unwrap_or(0);
        let words = words.max(MIN_SEVERITY_COLUMNS);
        for row in shown {
            self::row(row, words, ids, &mut page);
        }
        let rest: SeverityCounts = rest(&list.rows[shown.len()..]);
        if rest.total() > 0 {
            page.paragraph(
                Style::Faint,
                2,
                &format!("and {} ({})", counted(rest.total(), "more finding"), by_severity(&rest)),
            );
        }
        page.gap();
    }
    packages(report, &mut page);
    out.write_all(page.text.as_bytes()).map_err(|source| Error::Write { format: "table", source })
}

fn side(letter: &str, name: &str, scan: &Scan, page: &mut Page) {
    let artifact = &scan.inventory.artifact;
    let typed = if artifact.name.is_empty() || name.ends_with(&artifact.name) {
        name.to_owned()
    } else {
        format!("{name}: {}", artifact.name)
    };
    page.hanging(Style::Bold, 0, 3, &printable(&format!("{letter}  {typed}")));
    let mut facts: Vec<String> = artifact.platform.iter().map(ToString::to_string).collect();
    facts.extend(scan.inventory.os.as_ref().map(crate::table::system));
    facts.push(counted(scan.inventory.packages.len(), "package"));
    facts.extend(verdict(scan).map(|verdict| format!("gate {verdict}")));
    page.hanging(Style::Plain, 3, 3, &printable(&facts.join(", ")));
    if !artifact.manifest_digest.is_empty() {
        page.hanging(Style::Faint, 3, 3, &printable(&artifact.manifest_digest));
    }
    let database = &scan.database;
    if !database.digest.is_empty() {
        let newest = database.newest_advisory.split('T').next().unwrap_or_default();
        let text = format!("database {}, newest advisory {newest}", short(&database.digest));
        page.hanging(Style::Faint, 3, 3, &printable(&text));
    }
}

fn numbers(report: &DiffReport<'_>, page: &mut Page) {
    // On a narrow page the two worst alone.
    let heads = if page.columns >= NAME_COLUMNS + NUMBER_COLUMNS * 7 { &HEADS[..] } else { &HEADS[..2] };
    let mut head = format!("{:<NAME_COLUMNS$}{:>NUMBER_COLUMNS$}", "Findings", "All");
    for (_, word) in heads {
        let _ = write!(head, "{word:>NUMBER_COLUMNS$}");
    }
    page.line(Style::Bold, &head);
    for (name, counts) in counts(report) {
        let _ = write!(page.text, "{name:<NAME_COLUMNS$}{:>NUMBER_COLUMNS$}", counts.total());
        for &(severity, _) in heads {
            let (style, text) = match counts.of(severity) {
                0 => (Style::Faint, "-".to_owned()),
                number => (Style::Of(severity), number.to_string()),
            };
            page.text.push_str(&page.paint.with(style, &format!("{text:>NUMBER_COLUMNS$}")));
        }
        page.text.push('\n');
    }
    page.gap();
}

fn row(row: &Row<'_>, words: usize, ids: usize, page: &mut Page) {
    let id = printable(&row.finding.id);
    let padding = " ".repeat(ids - width(&id));
    let marks = row.marks();
    let marks = if marks.is_empty() { String::new() } else { format!("  {marks}") };
    let what = format!("  {id}{padding}  {}", printable(&row.packages()));
    let note = printable(&row.note);
    let before = 2 + words;
    page.text.push_str("  ");
    page.text
        .push_str(&page.paint.with(Style::Of(row.severity), &format!("{:<words$}", row.severity.as_str())));
    if before + width(&what) + 2 + width(&note) + width(&marks) <= page.columns {
        page.text.push_str(&what);
        page.text.push_str("  ");
        page.text.push_str(&page.paint.with(Style::Faint, &note));
        page.text.push_str(&page.paint.with(Style::Bad, &marks));
        page.text.push('\n');
    } else {
        let room = page.columns.saturating_sub(before + width(&marks));
        page.text.push_str(&cut(&what, room));
        page.text.push_str(&page.paint.with(Style::Bad, &marks));
        page.text.push('\n');
        page.hanging(Style::Faint, HANGING, HANGING, &note);
    }
}

fn rest(rows: &[Row<'_>]) -> SeverityCounts {
    let mut counts = SeverityCounts::default();
    for row in rows {
        (0..row.findings).for_each(|_| counts.add(row.severity));
    }
    counts
}

fn by_severity(counts: &SeverityCounts) -> String {
    crate::table::by_severity(counts)
        .map(|(word, number)| format!("{word}: {number}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn packages(report: &DiffReport<'_>, page: &mut Page) {
    let difference = report.difference;
    if report.complete != [true, true] {
        return;
    }
    page.paragraph(Style::Bold, 0, &format!("Packages: {}", package_numbers(difference)));
    let changes = &difference.packages;
    let updated =
        changes.changed.iter().map(|change| (format!("{} {}", change.kind, change.name), versions(change)));
    let entry = |entry: &PackageEntry| (format!("{} {}", entry.kind, entry.name), entry.versions.join(", "));
    for (title, entries) in [
        ("changed", updated.collect::<Vec<_>>()),
        ("added", changes.added.iter().map(entry).collect()),
        ("gone", changes.gone.iter().map(entry).collect()),
    ] {
        if entries.is_empty() {
            continue;
        }
        page.line(Style::Plain, &format!("  {title}"));
        for (name, versions) in entries.iter().take(report.limit) {
            page.hanging(Style::Plain, 4, 8, &printable(&format!("{name}  {versions}")));
        }
        if entries.len() > report.limit {
            page.paragraph(
                Style::Faint,
                4,
                &format!("and {}", counted(entries.len() - report.limit, "more package")),
            );
        }
    }
}
