//! The findings of one target: each package once, its flaws below it, the worst first.

use std::fmt::Write as _;

use plimsoll_model::{Finding, FixState, Layer, Package, Scan, Severity};

use super::paint::Style;
use super::summary::{counts, title};
use super::{Page, total};
use crate::targets::Target;
use crate::terminal::{cut, printable, width, wrap};

/// Columns before a flaw's severity.
const INDENT: usize = 2;

/// Columns of the longest severity word, `NEGLIGIBLE`.
const SEVERITY_COLUMNS: usize = 10;

/// Widest column of identifiers: `GHSA-jfh8-c2jp-5v3q` has 19.
const MAX_ID_COLUMNS: usize = 20;

/// Widest column of fixed versions; a longer one pushes its title to the next line.
const MAX_FIX_COLUMNS: usize = 32;

/// Least columns that a title wants beside its flaw; below it takes a line of its own.
const MIN_TITLE_COLUMNS: usize = 36;

/// Lines that a title takes at most where it has lines of its own.
const MAX_TITLE_LINES: usize = 2;

/// Places of one package that are listed; the others are counted.
const MAX_PLACES: usize = 3;

/// Writes the section; adds the layers it mentions to `layers`.
pub(super) fn write(scan: &Scan, target: &Target, page: &mut Page, layers: &mut Vec<Layer>) {
    page.line(Style::Bold, &title(target));
    page.line(Style::Plain, &total(&counts(scan, target)));
    page.gap();

    let rows: Vec<&Finding> = target.findings.iter().filter_map(|&index| scan.findings.get(index)).collect();
    let columns = Columns::of(&rows, page.columns);
    for group in groups(scan, &rows) {
        package(scan, &group, page, layers);
        for finding in group {
            flaw(finding, &columns, page);
        }
        page.gap();
    }
}

/// The findings of each package, both in order of severity.
fn groups<'a>(scan: &Scan, rows: &[&'a Finding]) -> Vec<Vec<&'a Finding>> {
    let mut groups: Vec<(Option<&Package>, Vec<&Finding>)> = Vec::new();
    for &finding in rows {
        let package = first_package(scan, finding);
        let same = |other: Option<&Package>| match (package, other) {
            (Some(a), Some(b)) => (a.kind, &a.name, &a.version) == (b.kind, &b.name, &b.version),
            _ => false,
        };
        // Findings are sorted by package, so that the same package is the last group or none.
        match groups.last_mut() {
            Some((other, group)) if same(*other) => group.push(finding),
            _ => groups.push((package, vec![finding])),
        }
    }
    let mut groups: Vec<Vec<&Finding>> = groups.into_iter().map(|(_, group)| group).collect();
    for group in &mut groups {
        group.sort_by(|a, b| worse(a).cmp(&worse(b)).then_with(|| a.id.cmp(&b.id)));
    }
    groups.sort_by_key(|group| group.iter().map(|finding| worse(finding)).min());
    groups
}

/// Smaller for worse; exploited flaws before others of their severity.
fn worse(finding: &Finding) -> (std::cmp::Reverse<Severity>, bool) {
    (std::cmp::Reverse(finding.severity.severity), finding.kev.is_none())
}

fn first_package<'a>(scan: &'a Scan, finding: &Finding) -> Option<&'a Package> {
    finding.packages.first().and_then(|&index| scan.inventory.packages.get(index))
}

fn package(scan: &Scan, group: &[&Finding], page: &mut Page, layers: &mut Vec<Layer>) {
    let Some(finding) = group.first() else { return };
    let Some(package) = first_package(scan, finding) else {
        page.line(Style::Warning, "a package that is not in the inventory");
        return;
    };
    let mut note = String::new();
    if let Some(source) = package.source.as_ref().filter(|source| source.name != package.name) {
        note = format!(" (source {})", source.name);
    }
    let mut places: Vec<usize> = group.iter().flat_map(|finding| finding.packages.iter().copied()).collect();
    places.sort_unstable();
    places.dedup();
    let packages: Vec<&Package> =
        places.iter().filter_map(|&index| scan.inventory.packages.get(index)).collect();

    let name = printable(&package.name);
    let version = printable(&package.version);
    let note = printable(&note);
    let layer = if package.kind.is_os() { layer_note(package, layers) } else { String::new() };
    let text = format!("{name} {version}{note}{layer}");
    if width(&text) <= page.columns {
        let mut line = page.paint.with(Style::Bold, &format!("{name} {version}"));
        line.push_str(&page.paint.with(Style::Faint, &format!("{note}{layer}")));
        page.text.push_str(&line);
        page.text.push('\n');
    } else {
        page.paragraph(Style::Bold, 0, &text);
    }
    if !package.kind.is_os() {
        for package in packages.iter().take(MAX_PLACES) {
            let place = place(package);
            if !place.is_empty() {
                let layer = layer_note(package, layers);
                let room = page.columns.saturating_sub(INDENT + 3 + width(&layer));
                let text = format!("{}in {}{layer}", " ".repeat(INDENT), cut_front(&place, room));
                page.line(Style::Faint, &text);
            }
        }
        if packages.len() > MAX_PLACES {
            let more = packages.len() - MAX_PLACES;
            page.line(Style::Faint, &format!("  and {more} more places (see --format json)"));
        }
    }
}

/// Where a package is: `app/service.jar ▸ BOOT-INF/lib/a.jar`.
fn place(package: &Package) -> String {
    let text = match &package.inner_path {
        Some(inner) => format!("{} ▸ {inner}", package.path),
        None => package.path.clone(),
    };
    printable(&text).into_owned()
}

/// The end of a path tells more than its beginning.
fn cut_front(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let reversed: String = text.chars().rev().collect();
    cut(&reversed, columns).chars().rev().collect()
}

fn layer_note(package: &Package, layers: &mut Vec<Layer>) -> String {
    match package.introduced_in.as_ref().or(package.layer.as_ref()) {
        Some(layer) => {
            layers.push(layer.clone());
            format!(", layer {}", layer.index)
        }
        None => String::new(),
    }
}

/// Where the columns of a section stand.
struct Columns {
    id: usize,
    fix: usize,
    /// Columns left for a title in the same line; 0 where titles have lines of their own.
    title: usize,
}

impl Columns {
    fn of(rows: &[&Finding], page: usize) -> Self {
        let id = rows.iter().map(|finding| width(&printable(&finding.id))).max().unwrap_or(0);
        let id = id.min(MAX_ID_COLUMNS);
        let fix = rows.iter().map(|finding| width(&fix(finding))).filter(|&width| width <= MAX_FIX_COLUMNS);
        let fix = fix.max().unwrap_or(0);
        let before = INDENT + SEVERITY_COLUMNS + 2 + id + 2 + fix + 2;
        let title = page.saturating_sub(before);
        Self { id, fix, title: if title >= MIN_TITLE_COLUMNS { title } else { 0 } }
    }
}

/// `fixed in 1.26.5`, `no fix`, and what else is to be known at once.
fn fix(finding: &Finding) -> String {
    let mut text = match &finding.fix {
        FixState::Fixed(version) => format!("fixed in {}", printable(version)),
        FixState::NotFixed => "no fix".to_owned(),
    };
    if let Some(kind) = &finding.informational {
        let _ = write!(text, " ({})", printable(kind));
    }
    if finding.kev.is_some() {
        text.push_str("  KEV");
    }
    text
}

fn flaw(finding: &Finding, columns: &Columns, page: &mut Page) {
    let severity = finding.severity.severity;
    let id = printable(&finding.id);
    let fix = fix(finding);
    let title = printable(&finding.title);
    let text = format!("{:INDENT$}{severity:<SEVERITY_COLUMNS$}  {id}", "");
    let id_padding = " ".repeat(columns.id.saturating_sub(width(&id)));
    let beside = columns.title > 0 && width(&id) <= columns.id && width(&fix) <= columns.fix;

    if width(&text) + 2 + id_padding.len() + width(&fix) > page.columns {
        page.paragraph(Style::Of(severity), INDENT, &format!("{severity:<SEVERITY_COLUMNS$}  {id} {fix}"));
    } else {
        let mut line = " ".repeat(INDENT);
        line.push_str(&page.paint.with(Style::Of(severity), &format!("{severity:<SEVERITY_COLUMNS$}")));
        let _ = write!(line, "  {id}{id_padding}  ");
        match fix.strip_suffix("KEV") {
            Some(rest) => {
                line.push_str(rest);
                line.push_str(&page.paint.with(Style::Bad, "KEV"));
            }
            None => line.push_str(&fix),
        }
        if beside && !title.is_empty() {
            line.push_str(&" ".repeat(columns.fix.saturating_sub(width(&fix)) + 2));
            line.push_str(&page.paint.with(Style::Faint, &cut(&title, columns.title)));
        }
        page.text.push_str(line.trim_end());
        page.text.push('\n');
    }
    if !beside && !title.is_empty() {
        let indent = INDENT + SEVERITY_COLUMNS + 2;
        let columns = page.columns.saturating_sub(indent);
        let mut lines = wrap(&title, columns);
        if lines.len() > MAX_TITLE_LINES {
            lines.truncate(MAX_TITLE_LINES);
            let last = lines.pop().unwrap_or_default();
            lines.push(cut(&format!("{last} …"), columns).into_owned());
        }
        for line in lines {
            page.text.push_str(&" ".repeat(indent));
            page.text.push_str(&page.paint.with(Style::Faint, &line));
            page.text.push('\n');
        }
    }
}
