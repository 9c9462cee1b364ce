//! Charts: rows of a label, a bar in pieces and a number.
//!
//! A bar is an SVG that stretches to the room it has; labels and numbers stand beside it as text, so that a chart is a
//! table to who cannot see it.

use plimsoll_model::{Finding, Scan, Severity, SeverityCounts};
use serde::Serialize;

use super::finding::{severity_class, short};
use crate::facts;
use crate::table::label;
use crate::targets;

/// The width of the longest bar, in units of its SVG.
const FULL: usize = 1_000;

/// The width of the smallest piece that is not nothing.
const LEAST: usize = 6;

/// Most rows of a chart; the last of them collects the others.
const MAX_ROWS: usize = 16;

/// A chart.
#[derive(Serialize)]
pub(super) struct Chart {
    title: &'static str,
    /// What the labels are, as the head of their column.
    subject: &'static str,
    /// Whether its labels are words alone, which need little room.
    narrow: bool,
    rows: Vec<ChartRow>,
}

#[derive(Serialize)]
struct ChartRow {
    label: String,
    about: String,
    /// The filter that shows these findings, as it stands behind the `#`; empty where there is none.
    filter: String,
    total: usize,
    words: String,
    pieces: Vec<Piece>,
}

/// One piece of a bar.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Piece {
    class: &'static str,
    x: usize,
    width: usize,
}

/// How severities go with the probability of exploitation.
#[derive(Serialize)]
pub(super) struct Grid {
    heads: Vec<&'static str>,
    rows: Vec<GridRow>,
}

#[derive(Serialize)]
struct GridRow {
    severity: &'static str,
    cells: Vec<GridCell>,
}

#[derive(Serialize)]
struct GridCell {
    number: usize,
    /// How strongly it is shaded, 0 to 4.
    shade: usize,
}

/// All findings in one bar, by severity.
pub(super) fn ribbon(scan: &Scan) -> Vec<Piece> {
    pieces(&counts(scan.findings.iter()), scan.findings.len())
}

/// The charts of a scan; those that would say nothing are left out.
pub(super) fn charts(scan: &Scan) -> Vec<Chart> {
    if scan.findings.is_empty() {
        return Vec::new();
    }
    let mut charts = vec![by_fix(scan)];
    charts.extend(by_layer(scan));
    charts.push(by_target(scan));
    charts
}

/// For each severity, how many have a fix.
fn by_fix(scan: &Scan) -> Chart {
    let most = Severity::WORST_FIRST.iter().map(|&severity| scan.decision.counts.of(severity)).max();
    let mut rows = Vec::new();
    for severity in Severity::WORST_FIRST {
        let of = scan.findings.iter().filter(|finding| facts::severity(finding) == severity);
        let (mut fixed, mut unfixed) = (0_usize, 0_usize);
        for finding in of {
            *if finding.fix.version().is_some() { &mut fixed } else { &mut unfixed } += 1;
        }
        if fixed + unfixed == 0 {
            continue;
        }
        let most = most.unwrap_or(0).max(fixed + unfixed);
        let mut pieces = Vec::new();
        let first = piece(severity_class(severity), 0, fixed, most);
        let second = piece("unfixed", first.as_ref().map_or(0, |piece| piece.width), unfixed, most);
        pieces.extend(first);
        pieces.extend(second);
        rows.push(ChartRow {
            label: capital(severity_class(severity)),
            about: String::new(),
            filter: format!("severity={}", severity_class(severity)),
            total: fixed + unfixed,
            words: format!("{fixed} with a fix, {unfixed} without"),
            pieces,
        });
    }
    Chart { title: "What can be fixed", subject: "Severity", narrow: true, rows }
}

/// By the layer that brought the package; `None` where no layer is known.
fn by_layer(scan: &Scan) -> Option<Chart> {
    let layers = &scan.inventory.artifact.layers;
    let mut of_layer: Vec<SeverityCounts> = vec![SeverityCounts::default(); layers.len()];
    let mut any = false;
    for finding in &scan.findings {
        let package = facts::packages(scan, finding).next();
        let layer = package.and_then(|package| package.introduced_in.as_ref().or(package.layer.as_ref()));
        if let Some(counts) = layer.and_then(|layer| of_layer.get_mut(layer.index)) {
            counts.add(facts::severity(finding));
            any = true;
        }
    }
    let base = scan.inventory.base.as_ref().map(|base| base.layers);
    let rows = of_layer.iter().enumerate().filter(|(_, counts)| counts.total() > 0).map(|(index, counts)| {
        let made_by = label::made_by(&layers[index].created_by);
        let origin = match base {
            Some(layers) if index < layers => "base image: ",
            Some(_) => "added: ",
            None => "",
        };
        (
            format!("Layer {}", index.saturating_add(1)),
            format!("{origin}{}", facts::at_most(&made_by, 100)),
            format!("layer={index}"),
            *counts,
        )
    });
    any.then(|| Chart {
        title: "Which layer brings them",
        subject: "Layer",
        narrow: false,
        rows: bars(rows.collect()),
    })
}

/// By kind of package and by file, as the table's sections.
fn by_target(scan: &Scan) -> Chart {
    let rows =
        targets::of_scan(scan).into_iter().filter(|target| !target.findings.is_empty()).map(|target| {
            let counts = counts(target.findings.iter().filter_map(|&index| scan.findings.get(index)));
            let file =
                if target.is_os || target.name == target.label { String::new() } else { short(&target.name) };
            let label = match &scan.inventory.os {
                Some(os) if target.is_os => label::system(os),
                None if target.is_os => "Unknown distribution".to_owned(),
                _ => target.label.clone(),
            };
            (label, file, String::new(), counts)
        });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|(_, _, _, counts)| std::cmp::Reverse(counts.total()));
    Chart { title: "Which packages have them", subject: "Packages", narrow: false, rows: bars(rows) }
}

fn bars(mut rows: Vec<(String, String, String, SeverityCounts)>) -> Vec<ChartRow> {
    if rows.len() > MAX_ROWS {
        // The rows with most findings stay, in their order.
        let mut totals: Vec<usize> = rows.iter().map(|row| row.3.total()).collect();
        totals.sort_unstable_by(|a, b| b.cmp(a));
        let least = totals[MAX_ROWS - 2];
        let mut others = SeverityCounts::default();
        let (mut kept, mut dropped) = (0, 0);
        rows.retain(|row| {
            let keep = row.3.total() >= least && kept < MAX_ROWS - 1;
            if keep {
                kept += 1;
            } else {
                dropped += 1;
                others = sum(&others, &row.3);
            }
            keep
        });
        rows.push((format!("{dropped} others"), String::new(), String::new(), others));
    }
    let most = rows.iter().map(|row| row.3.total()).max().unwrap_or(0);
    let row = |(label, about, filter, counts): (String, String, String, SeverityCounts)| ChartRow {
        label,
        about,
        filter,
        total: counts.total(),
        words: words(&counts),
        pieces: pieces(&counts, most),
    };
    rows.into_iter().map(row).collect()
}

/// The grid of severities and EPSS; `None` where no finding has a probability.
pub(super) fn grid(scan: &Scan) -> Option<Grid> {
    /// The lower ends of the columns, in hundred-thousandths.
    const BANDS: [(u32, &str); 4] =
        [(10_000, "10 % or more"), (1_000, "1 to 10 %"), (100, "0.1 to 1 %"), (0, "less")];
    if scan.findings.iter().all(|finding| finding.epss.is_none()) {
        return None;
    }
    let mut heads: Vec<&'static str> = BANDS.iter().map(|(_, head)| *head).collect();
    heads.push("not rated");
    let mut rows = Vec::new();
    for severity in Severity::WORST_FIRST {
        let mut numbers = vec![0_usize; heads.len()];
        for finding in scan.findings.iter().filter(|finding| facts::severity(finding) == severity) {
            let column =
                finding.epss.and_then(|epss| BANDS.iter().position(|(from, _)| epss.probability >= *from));
            numbers[column.unwrap_or(BANDS.len())] += 1;
        }
        rows.push((severity_class(severity), numbers));
    }
    rows.retain(|(_, numbers)| numbers.iter().any(|number| *number > 0));
    let most = rows.iter().flat_map(|(_, numbers)| numbers).copied().max().unwrap_or(0);
    let cell = |number: usize| GridCell { number, shade: shade(number, most) };
    let row = |(severity, numbers): (&'static str, Vec<usize>)| GridRow {
        severity,
        cells: numbers.into_iter().map(cell).collect(),
    };
    Some(Grid { heads, rows: rows.into_iter().map(row).collect() })
}

/// 0 for nothing, else 1 to 4 by the number's length in digits beside that of the most.
fn shade(number: usize, most: usize) -> usize {
    if number == 0 {
        return 0;
    }
    let bits = |number: usize| number.checked_ilog2().unwrap_or(0) + 1;
    usize::try_from(1 + 3 * bits(number) / bits(most).max(1)).map_or(4, |shade| shade.min(4))
}

fn counts<'a>(findings: impl Iterator<Item = &'a Finding>) -> SeverityCounts {
    let mut counts = SeverityCounts::default();
    for finding in findings {
        counts.add(facts::severity(finding));
    }
    counts
}

fn sum(a: &SeverityCounts, b: &SeverityCounts) -> SeverityCounts {
    SeverityCounts {
        critical: a.critical + b.critical,
        high: a.high + b.high,
        medium: a.medium + b.medium,
        low: a.low + b.low,
        negligible: a.negligible + b.negligible,
        unknown: a.unknown + b.unknown,
    }
}

/// `2 critical, 1 high`.
pub(super) fn words(counts: &SeverityCounts) -> String {
    let words: Vec<String> = Severity::WORST_FIRST
        .into_iter()
        .filter(|&severity| counts.of(severity) > 0)
        .map(|severity| format!("{} {}", counts.of(severity), severity_class(severity)))
        .collect();
    words.join(", ")
}

/// A bar of all severities; `most` is the number that takes the whole width.
fn pieces(counts: &SeverityCounts, most: usize) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for severity in Severity::WORST_FIRST {
        let x = pieces.last().map_or(0, |piece| piece.x + piece.width);
        pieces.extend(piece(severity_class(severity), x, counts.of(severity), most));
    }
    pieces
}

fn piece(class: &'static str, x: usize, number: usize, most: usize) -> Option<Piece> {
    let width = number.saturating_mul(FULL).checked_div(most)?;
    (number > 0).then(|| Piece { class, x, width: width.max(LEAST) })
}

/// `Critical`.
pub(super) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(critical: usize, low: usize) -> SeverityCounts {
        SeverityCounts { critical, low, ..SeverityCounts::default() }
    }

    #[test]
    fn a_bar_shows_every_piece_and_none_of_nothing() {
        let widths = |counts, most| -> Vec<(usize, usize)> {
            pieces(&counts, most).iter().map(|piece| (piece.x, piece.width)).collect()
        };
        assert_eq!(widths(counts(1, 3), 4), [(0, 250), (250, 750)]);
        assert_eq!(widths(counts(0, 2), 4), [(0, 500)]);
        assert_eq!(widths(counts(1, 99_999), 100_000), [(0, LEAST), (LEAST, 999)]);
        assert_eq!(widths(counts(0, 0), 0), []);
    }

    #[test]
    fn a_long_chart_collects_the_small_rows() {
        let row = |number: usize| (format!("row {number}"), String::new(), String::new(), counts(0, number));
        let rows = bars((1..=40).map(row).collect());
        assert_eq!(rows.len(), MAX_ROWS);
        assert_eq!(rows[0].label, "row 26");
        assert_eq!(rows[MAX_ROWS - 1].label, "25 others");
        let total: usize = rows.iter().map(|row| row.total).sum();
        assert_eq!(total, (1..=40).sum::<usize>(), "nothing is lost");
    }

    #[test]
    fn numbers_are_shaded_by_their_size() {
        for (number, most, shaded) in [(0, 9, 0), (1, 1, 4), (1, 1_000, 1), (30, 1_000, 2), (1_000, 1_000, 4)]
        {
            assert_eq!(shade(number, most), shaded, "{number} of {most}");
        }
    }
}
