//! For a comment on a merge request, or the step summary of a GitHub job.

use std::fmt::Write as _;
use std::io::Write;

use plimsoll_diff::PackageEntry;
use plimsoll_model::Severity;

use super::DiffReport;
use super::rows::{counts, doubts, lists, package_numbers, verdict, versions};
use crate::Error;
use crate::format::write_text;
use crate::json::primary_url;
use crate::markdown::{cell, more};

pub(super) fn write(report: &DiffReport<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let difference = report.difference;
    let mut text = format!("## Plimsoll: {} → {}\n\n", cell(report.names[0]), cell(report.names[1]));
    for (letter, scan) in [("A", difference.old), ("B", difference.new)] {
        let artifact = &scan.inventory.artifact;
        let mut facts = vec![cell(&artifact.name)];
        facts.extend(
            (!artifact.manifest_digest.is_empty())
                .then(|| format!("`{}`", short_digest(&artifact.manifest_digest))),
        );
        facts.extend(verdict(scan).map(|verdict| format!("the gate said **{verdict}**")));
        let _ = writeln!(text, "- **{letter}**: {}", facts.join(", "));
    }
    for doubt in doubts(report) {
        let _ = writeln!(text, "- ⚠️ {}", cell(&doubt));
    }
    let counts = counts(report);
    let shown: Vec<Severity> = Severity::WORST_FIRST
        .into_iter()
        .filter(|&severity| counts.iter().any(|(_, counts)| counts.of(severity) > 0))
        .collect();
    text.push_str("\n| Findings | All |");
    for severity in &shown {
        let _ = write!(text, " {severity} |");
    }
    text.push_str("\n| --- | ---: |");
    text.push_str(&" ---: |".repeat(shown.len()));
    text.push('\n');
    for (name, counts) in &counts {
        let _ = write!(text, "| {name} | {} |", counts.total());
        for &severity in &shown {
            let _ = write!(text, " {} |", counts.of(severity));
        }
        text.push('\n');
    }
    for list in lists(difference) {
        let _ = writeln!(text, "\n### {}: {}\n", list.title, list.findings());
        text.push_str("| Severity | Flaw | Package | |\n| --- | --- | --- | --- |\n");
        for row in list.rows.iter().take(report.limit) {
            let id = cell(&row.finding.id);
            let url = primary_url(&row.finding.id);
            let mut id = if url.is_empty() { id } else { format!("[{id}]({url})") };
            if !row.marks().is_empty() {
                let _ = write!(id, " **{}**", row.marks());
            }
            let _ = writeln!(
                text,
                "| {} | {id} | {} | {} |",
                row.severity,
                cell(&row.packages()),
                cell(&row.note)
            );
        }
        more(list.rows.len(), report.limit, &mut text);
    }
    packages(report, &mut text);
    write_text("Markdown", &text, out)
}

fn packages(report: &DiffReport<'_>, text: &mut String) {
    if report.complete != [true, true] {
        return;
    }
    let changes = &report.difference.packages;
    let _ = writeln!(text, "\n### Packages: {}\n", package_numbers(report.difference));
    let entry = |what: &'static str| {
        move |entry: &PackageEntry| {
            (what, format!("{} {}", entry.kind, entry.name), entry.versions.join(", "))
        }
    };
    let updated = changes
        .changed
        .iter()
        .map(|change| ("changed", format!("{} {}", change.kind, change.name), versions(change)));
    let rows: Vec<(&str, String, String)> = updated
        .chain(changes.added.iter().map(entry("added")))
        .chain(changes.gone.iter().map(entry("gone")))
        .collect();
    if rows.is_empty() {
        return;
    }
    text.push_str("| | Package | Version |\n| --- | --- | --- |\n");
    for (what, name, versions) in rows.iter().take(report.limit) {
        let _ = writeln!(text, "| {what} | {} | {} |", cell(name), cell(versions));
    }
    more(rows.len(), report.limit, text);
}

/// The first hex digits of a digest; a digest is given by readers that have checked it, or stands as it is written.
fn short_digest(digest: &str) -> String {
    let plain: String = digest.chars().filter(|c| c.is_ascii_alphanumeric() || *c == ':').take(19).collect();
    plain
}
