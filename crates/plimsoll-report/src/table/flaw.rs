//! A flaw: its severity, its name, its fix, and what it is.

use std::fmt::Write as _;

use plimsoll_model::{Finding, FixState, Newness, Outcome};

use super::Page;
use super::paint::Style;
use crate::judgement::Judged;
use crate::terminal::{cut, printable, width, wrap};

/// Columns before a flaw's severity.
const INDENT: usize = 2;

/// Columns between two columns.
const SPACE: usize = 2;

/// Least columns of severities: `CRITICAL`.
const MIN_SEVERITY_COLUMNS: usize = 8;

/// Widest column of identifiers: `GHSA-jfh8-c2jp-5v3q` has 19.
const MAX_ID_COLUMNS: usize = 20;

/// Widest column of fixed versions; a longer one pushes its title to the next line.
const MAX_FIX_COLUMNS: usize = 32;

/// Columns that are enough for titles beside their flaws, though some take two lines. With less they stand beside them
/// only if all fit in one.
const TITLE_COLUMNS: usize = 48;

/// Lines that a title takes at most.
const MAX_TITLE_LINES: usize = 2;

/// Least probability of exploitation that is shown, in hundred-thousandths: a tenth.
const MIN_SHOWN_EPSS: u32 = 10_000;

/// Where the columns of a section stand.
pub(super) struct Columns {
    severity: usize,
    id: usize,
    fix: usize,
    /// Columns left for a title in the same line; 0 where titles have lines of their own.
    title: usize,
}

impl Columns {
    /// Columns in which these findings fit, on a page of that many.
    pub(super) fn of(findings: &[Judged<'_>], page: usize) -> Self {
        let widest = |width_of: &dyn Fn(&Judged<'_>) -> usize, limit: usize| {
            findings.iter().map(width_of).filter(|&width| width <= limit).max().unwrap_or(0)
        };
        let severity = widest(&|row| width(row.finding.severity.severity.as_str()), usize::MAX);
        let severity = severity.max(MIN_SEVERITY_COLUMNS);
        let id = widest(&|row| width(&printable(&row.finding.id)), MAX_ID_COLUMNS);
        let fix = widest(&|row| width(&fix(row)), MAX_FIX_COLUMNS);
        let title = widest(&|row| width(&printable(&row.finding.title)), usize::MAX);
        let room = page.saturating_sub(INDENT + severity + SPACE + id + SPACE + fix + SPACE);
        Self { severity, id, fix, title: if room >= TITLE_COLUMNS.min(title) { room } else { 0 } }
    }
}

/// Writes the rows of a package. A title that is the row's above is not said again.
pub(super) fn write_all(rows: &[Judged<'_>], columns: &Columns, page: &mut Page) {
    let mut above = "";
    for row in rows {
        let finding = row.finding;
        let title = match finding.title.as_str() {
            title if title == above => "",
            // Nothing would be read as "the same as above".
            "" => "(no title)",
            title => title,
        };
        above = &finding.title;
        write(row, title, columns, page);
    }
}

fn write(row: &Judged<'_>, title: &str, columns: &Columns, page: &mut Page) {
    let finding = row.finding;
    let severity = finding.severity.severity;
    let id = printable(&finding.id);
    let title = printable(title);
    let severity_columns = columns.severity;
    let id_columns = columns.id.max(width(&id));
    let before = INDENT + severity_columns + SPACE;
    // Where not all marks fit, what the gate and the baseline say takes a line of its own.
    let fits = before + id_columns + SPACE + width(&fix(row)) <= page.columns;
    let (beside, below): (Marks, Marks) = all_marks(row).partition(|(style, _)| fits || *style == Style::Bad);
    let fix = with_marks(what_fixes(finding), &beside);

    if before + id_columns + SPACE + width(&fix) > page.columns {
        page.paragraph(Style::Of(severity), INDENT, &format!("{severity:<severity_columns$} {id} {fix}"));
        marks_below(&below, before, page);
        return title_below(&title, before, page);
    }
    page.text.push_str(&" ".repeat(INDENT));
    page.text.push_str(&page.paint.with(Style::Of(severity), &format!("{severity:<severity_columns$}")));
    page.text.push_str(&" ".repeat(SPACE));
    page.text.push_str(&id);
    page.text.push_str(&" ".repeat(id_columns - width(&id) + SPACE));
    page.text.push_str(&what_fixes(finding));
    for (style, mark) in &beside {
        page.text.push_str(&" ".repeat(SPACE));
        page.text.push_str(&page.paint.with(*style, mark));
    }
    if below.is_empty() && columns.title > 0 && id_columns == columns.id && width(&fix) <= columns.fix {
        let left = before + columns.id + SPACE + columns.fix + SPACE;
        for (index, line) in title_lines(&title, columns.title).iter().enumerate() {
            if index == 0 {
                page.text.push_str(&" ".repeat(columns.fix - width(&fix) + SPACE));
            } else {
                page.text.push('\n');
                page.text.push_str(&" ".repeat(left));
            }
            page.text.push_str(&page.paint.with(Style::Faint, line));
        }
        page.text.push('\n');
    } else {
        page.text.push('\n');
        marks_below(&below, before, page);
        title_below(&title, before, page);
    }
}

/// Marks in a line, or, where they do not fit, in a line each.
fn marks_below(marks: &Marks, indent: usize, page: &mut Page) {
    let columns = indent + marks.iter().map(|(_, mark)| width(mark) + SPACE).sum::<usize>();
    if columns > page.columns + SPACE {
        return marks.iter().for_each(|(style, mark)| page.hanging(*style, indent, indent, mark));
    }
    for (index, (style, mark)) in marks.iter().enumerate() {
        page.text.push_str(&" ".repeat(if index == 0 { indent } else { SPACE }));
        page.text.push_str(&page.paint.with(*style, mark));
    }
    if !marks.is_empty() {
        page.text.push('\n');
    }
}

fn title_below(title: &str, indent: usize, page: &mut Page) {
    for line in title_lines(title, page.columns.saturating_sub(indent)) {
        page.text.push_str(&" ".repeat(indent));
        page.text.push_str(&page.paint.with(Style::Faint, &line));
        page.text.push('\n');
    }
}

fn title_lines(title: &str, columns: usize) -> Vec<String> {
    let mut lines = wrap(title, columns);
    if lines.len() > MAX_TITLE_LINES {
        lines.truncate(MAX_TITLE_LINES);
        let last = lines.pop().unwrap_or_default();
        // Cut one column short of itself, so that the mark always stands at its end.
        let end = cut(&last, columns.saturating_sub(2)).into_owned();
        lines.push(if end.ends_with('…') { end } else { format!("{end} …") });
    }
    lines
}

/// `fixed in 1.26.5`, `no fix`, and what else is to be known at once.
pub(super) fn fix(row: &Judged<'_>) -> String {
    with_marks(what_fixes(row.finding), &all_marks(row).collect())
}

fn with_marks(mut text: String, marks: &Marks) -> String {
    for (_, mark) in marks {
        text.push_str(&" ".repeat(SPACE));
        text.push_str(mark);
    }
    text
}

fn what_fixes(finding: &Finding) -> String {
    let mut text = match finding.fix.version() {
        Some(version) => format!("fixed in {}", printable(version)),
        None => no_fix(finding).to_owned(),
    };
    if let Some(kind) = &finding.informational {
        let _ = write!(text, " ({})", printable(kind));
    }
    text
}

/// Words behind a fix, and how they look.
type Marks = Vec<(Style, String)>;

/// What makes it pressing, whether it is new, and whether it is warned of.
fn all_marks(row: &Judged<'_>) -> impl Iterator<Item = (Style, String)> {
    let pressing = Some(marks(row.finding)).filter(|marks| !marks.is_empty());
    let new = match row.finding.new {
        Some(Newness::Added) => Some("NEW".to_owned()),
        Some(Newness::Learnt) => Some("NEWLY KNOWN".to_owned()),
        Some(Newness::Known) | None => None,
    };
    let warned = (row.outcome() == Outcome::Warned).then(|| match row.due() {
        Some(due) => format!("WARN, due {}", printable(due)),
        None => "WARN".to_owned(),
    });
    let marks = [(Style::Bad, pressing), (Style::Bold, new), (Style::Warning, warned)];
    marks.into_iter().filter_map(|(style, mark)| Some((style, mark?)))
}

/// What is to be expected where no version is fixed; empty where one is.
pub(super) fn no_fix(finding: &Finding) -> &'static str {
    match &finding.fix {
        FixState::Fixed(_) => "",
        _ if finding.malicious => "remove it",
        FixState::NotFixed => "no fix",
        FixState::WillNotFix => "will not fix",
        FixState::FixDeferred => "fix deferred",
        FixState::UnderInvestigation => "not judged yet",
        FixState::EndOfLife => "end of life",
    }
}

/// What makes a finding pressing: `MALICIOUS`, `KEV`, `EPSS 88%`.
pub(super) fn marks(finding: &Finding) -> String {
    if finding.malicious {
        return "MALICIOUS".to_owned();
    }
    if finding.kev.is_some() {
        return "KEV".to_owned();
    }
    match finding.epss.filter(|epss| epss.probability >= MIN_SHOWN_EPSS) {
        Some(epss) => format!("EPSS {}%", epss.probability / 1000),
        None => String::new(),
    }
}
