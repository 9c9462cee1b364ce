//! The findings of one target: each package once, its flaws below it, the worst first.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plimsoll_model::{Layer, Package, PackageKind, Scan, SeverityCounts};

use super::flaw::{self, Columns};
use super::groups::{self, Group};
use super::label::{self, cut_front, place};
use super::paint::Style;
use super::{Page, counted, total};
use crate::judgement::{self, Judged};
use crate::targets::Target;
use crate::terminal::{printable, width};

/// Columns before the places of a package.
const INDENT: usize = 2;

/// Places of one package that are listed; the others are counted.
const MAX_PLACES: usize = 3;

/// Writes the section; adds the layers it mentions to `layers`.
pub(super) fn write(scan: &Scan, target: &Target, page: &mut Page, layers: &mut Vec<Layer>) {
    let findings: Vec<Judged<'_>> =
        target.findings.iter().filter_map(|&index| judgement::of_counted(scan, index)).collect();
    let groups = groups::of(scan, &findings);
    let rows: usize = groups.iter().map(|group| group.rows.len()).sum();

    page.paragraph(Style::Bold, 0, &label::target(scan, target));
    let mut counts = SeverityCounts::default();
    for judged in &findings {
        counts.add(judged.finding.severity.severity);
    }
    page.paragraph(Style::Plain, 0, &total(&counts));
    if rows < findings.len() {
        let text = format!("in {}: a row counts once for each package it stands under", counted(rows, "row"));
        page.paragraph(Style::Faint, 0, &text);
    }
    page.gap();

    let columns = Columns::of(&findings, page.columns);
    for group in &groups {
        match group.packages.first() {
            None => page.line(Style::Warning, "a package that is not in the inventory"),
            Some(package) if package.kind.is_os() => system_heading(package, group, page, layers),
            Some(package) => heading(package, group, page, layers),
        }
        flaw::write_all(&group.rows, &columns, page);
        page.gap();
    }
}

/// `libc-bin, libc6 2.31-13+deb11u2 (source glibc), layer 0`.
fn system_heading(first: &Package, group: &Group<'_>, page: &mut Page, layers: &mut Vec<Layer>) {
    let mut names: Vec<&str> = group.packages.iter().map(|package| package.name.as_str()).collect();
    names.dedup();
    let (source, source_version) = first.source_or_self();
    // Fixed versions are the source's: where these differ from the package's own, say of what they are. An RPM's
    // source is written without the epoch, which is no difference.
    let other_version = first.kind == PackageKind::Deb && source_version != first.version;
    let mut note = String::new();
    if other_version {
        note = format!(" (source {source} {source_version})");
    } else if names.iter().any(|name| *name != source) {
        note = format!(" (source {source})");
    }

    let mut in_layer: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for package in &group.packages {
        if let Some(layer) = layer_of(package) {
            layers.push(layer.clone());
            let names = in_layer.entry(layer.index).or_default();
            if names.last() != Some(&package.name.as_str()) {
                names.push(&package.name);
            }
        }
    }
    match in_layer.keys().collect::<Vec<_>>().as_slice() {
        [] => {}
        [layer] => {
            let _ = write!(note, ", layer {layer}");
        }
        layers if names.len() == 1 => {
            let layers: Vec<String> = layers.iter().map(ToString::to_string).collect();
            let _ = write!(note, ", layers {}", layers.join(", "));
        }
        _ => {}
    }
    title(&format!("{} {}", names.join(", "), first.version), &note, page);
    if in_layer.len() > 1 && names.len() > 1 {
        for (layer, names) in &in_layer {
            let text = format!("layer {layer}: {}", names.join(", "));
            page.paragraph(Style::Faint, INDENT, &printable(&text));
        }
    }
}

/// `lodash 4.17.15`, and below it where it is.
fn heading(package: &Package, group: &Group<'_>, page: &mut Page, layers: &mut Vec<Layer>) {
    title(&format!("{} {}", package.name, package.version), "", page);
    for package in group.packages.iter().take(MAX_PLACES) {
        let place = place(package);
        let layer = match layer_of(package) {
            Some(layer) => {
                layers.push(layer.clone());
                format!(", layer {}", layer.index)
            }
            None => String::new(),
        };
        if !place.is_empty() {
            let room = page.columns.saturating_sub(INDENT + 3 + width(&layer));
            let text = format!("{}in {}{layer}", " ".repeat(INDENT), cut_front(&place, room));
            page.line(Style::Faint, &text);
        }
    }
    if group.packages.len() > MAX_PLACES {
        let more = counted(group.packages.len() - MAX_PLACES, "more place");
        page.paragraph(Style::Faint, INDENT, &format!("and {more} (see --format json)"));
    }
}

fn title(name: &str, note: &str, page: &mut Page) {
    let (name, note) = (printable(name.trim_end()), printable(note));
    if width(&name) + width(&note) <= page.columns {
        page.text.push_str(&page.paint.with(Style::Bold, &name));
        page.text.push_str(&page.paint.with(Style::Faint, &note));
        page.text.push('\n');
    } else {
        page.hanging(Style::Bold, 0, INDENT * 2, &format!("{name}{note}"));
    }
}

/// The layer that a package came with: not the one that last wrote its file, a database of many packages.
fn layer_of(package: &Package) -> Option<&Layer> {
    package.introduced_in.as_ref().or(package.layer.as_ref())
}
