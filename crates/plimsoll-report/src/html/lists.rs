//! What stands behind the findings: what does not count, what could not be decided or read, and what a person should look
//! at in the configuration.

use plimsoll_model::{Scan, SuppressionKind};
use serde::Serialize;

use super::finding::{severity_class, short};
use crate::facts;
use crate::json::primary_url;

/// A list, as a table.
#[derive(Serialize)]
pub(super) struct List {
    /// The place it is linked by.
    anchor: &'static str,
    title: &'static str,
    /// What it means that something stands here.
    intro: &'static str,
    heads: &'static [&'static str],
    rows: Vec<Vec<Cell>>,
}

/// A cell, of which all but the text may be empty.
#[derive(Default, Serialize)]
struct Cell {
    text: String,
    url: String,
    /// A severity, to be shown as one.
    severity: &'static str,
    /// A second line.
    more: String,
}

impl List {
    /// How many lines it has.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The place it is linked by.
    pub(super) fn anchor(&self) -> &'static str {
        self.anchor
    }
}

/// The lists that have a line.
pub(super) fn lists(scan: &Scan) -> Vec<List> {
    let mut lists = vec![notices(scan), gaps(scan), undetermined(scan), suppressed(scan), not_affected(scan)];
    lists.retain(|list| !list.rows.is_empty());
    lists
}

fn suppressed(scan: &Scan) -> List {
    let rows = scan.suppressed.iter().map(|one| {
        let package = facts::packages(scan, &one.finding).next();
        let (name, version) = package.map_or(("?", ""), |package| (&package.name, &package.version));
        let kind = match one.kind {
            SuppressionKind::Rule => "rule",
            SuppressionKind::Waiver => "waiver",
            SuppressionKind::Vex => "VEX",
        };
        vec![
            Cell { severity: severity_class(facts::severity(&one.finding)), ..Cell::default() },
            flaw(&one.finding.id),
            package_cell(name, version),
            Cell { text: kind.to_owned(), more: short(&one.by), ..Cell::default() },
            why(&one.reason, &one.remark),
            text(one.until.as_deref().unwrap_or("no end")),
            text(&one.origin),
        ]
    });
    List {
        anchor: "suppressed",
        title: "Suppressed",
        intro: "Found, and not counted, because somebody said so.",
        heads: &["Severity", "Flaw", "Package", "By", "Why", "Until", "Written in"],
        rows: rows.collect(),
    }
}

/// The fixed word with blanks for its underscores, and the remark; the remark alone where there is no word.
fn why(reason: &str, remark: &str) -> Cell {
    match reason {
        "" => text(remark),
        _ => Cell { text: short(reason).replace('_', " "), more: short(remark), ..Cell::default() },
    }
}

fn undetermined(scan: &Scan) -> List {
    let rows = scan.undetermined.iter().map(|one| {
        let package = scan.inventory.packages.get(one.package);
        let (name, version) = package.map_or(("?", ""), |package| (&package.name, &package.version));
        vec![flaw(&one.id), package_cell(name, version), text(&one.reason), text(&one.advisory)]
    });
    List {
        anchor: "undetermined",
        title: "Undetermined",
        intro: "Advisories that may hold and could not be decided. They are not cleared.",
        heads: &["Flaw", "Package", "Why", "Advisory"],
        rows: rows.collect(),
    }
}

fn not_affected(scan: &Scan) -> List {
    let rows = scan.not_affected.iter().map(|one| {
        let package = scan.inventory.packages.get(one.package);
        let (name, version) = package.map_or(("?", ""), |package| (&package.name, &package.version));
        vec![
            flaw(&one.id),
            package_cell(name, version),
            text(&one.reason),
            text(&one.advisory),
            text(&one.overruled.join(", ")),
        ]
    });
    List {
        anchor: "not-affected",
        title: "Not affected",
        intro: "Advisories name these packages, and the distribution says that its own are not affected.",
        heads: &["Flaw", "Package", "Reason", "Said by", "Overruled"],
        rows: rows.collect(),
    }
}

fn gaps(scan: &Scan) -> List {
    let rows = facts::gaps(scan).map(|gap| {
        let layer = gap.diff_id.as_ref().and_then(|diff_id| {
            scan.inventory.artifact.layers.iter().position(|layer| layer.diff_id == *diff_id)
        });
        let place = if gap.path.is_empty() { "the scan" } else { &gap.path };
        vec![
            Cell { text: short(place), more: short(&gap.place), ..Cell::default() },
            text(&gap.reason),
            text(&layer.map_or_else(String::new, |index| format!("layer {}", index.saturating_add(1)))),
            text(&gap.reporter),
        ]
    });
    List {
        anchor: "gaps",
        title: "Gaps",
        intro: "What could not be read or judged. Nothing is known of what is in it.",
        heads: &["Where", "Why", "Layer", "Met by"],
        rows: rows.collect(),
    }
}

fn notices(scan: &Scan) -> List {
    let rows = scan.notices.iter().map(|one| {
        let what = one.kind.as_str().replace('-', " ").replace("vex", "VEX");
        vec![text(&what), text(&one.text), text(&one.origin)]
    });
    List {
        anchor: "notices",
        title: "Notices",
        intro: "Worth a look in the policy, the waivers or the VEX documents. They decide nothing.",
        heads: &["What", "Notice", "Written in"],
        rows: rows.collect(),
    }
}

fn flaw(id: &str) -> Cell {
    Cell { text: short(id), url: primary_url(id), ..Cell::default() }
}

fn package_cell(name: &str, version: &str) -> Cell {
    Cell { text: short(name), more: short(version), ..Cell::default() }
}

fn text(text: &str) -> Cell {
    /// Most characters of a cell.
    const MAX_CELL_CHARS: usize = 1000;
    Cell { text: facts::at_most(text, MAX_CELL_CHARS), ..Cell::default() }
}
