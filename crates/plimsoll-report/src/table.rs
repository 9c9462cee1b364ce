//! The report for people.

mod findings;
mod footer;
mod paint;
mod summary;

use std::io::Write;

use plimsoll_model::{ArtifactKind, Scan, SeverityCounts, Verdict};

use crate::{Error, targets, terminal};
use paint::{Paint, Style};

/// The narrowest width that is laid out for, in columns.
const MIN_COLUMNS: usize = 40;

/// The widest, in columns: longer lines are hard to follow.
const MAX_COLUMNS: usize = 200;

/// How the table looks.
#[derive(Clone, Copy, Debug)]
pub struct TableOptions {
    /// Columns of the terminal; 80 where there is none. Brought into 40 to 200.
    pub width: usize,
    /// Whether to colour with ANSI sequences. The caller knows of terminals and `NO_COLOR`.
    pub color: bool,
    /// The status that the program will exit with, to be explained in the last line.
    pub exit_status: Option<u8>,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self { width: 80, color: false, exit_status: None }
    }
}

/// Writes the table: what was scanned, the findings by target and package, the worst first, what could not be
/// decided or read, and the verdict.
///
/// # Errors
/// [`Error::Write`] where the output takes no more.
pub fn write_table(scan: &Scan, options: &TableOptions, out: &mut dyn Write) -> Result<(), Error> {
    let mut page = Page {
        text: String::new(),
        columns: options.width.clamp(MIN_COLUMNS, MAX_COLUMNS),
        paint: Paint { color: options.color },
    };
    header(scan, &mut page);
    let targets = targets::of_scan(scan);
    if targets.len() > 1 {
        summary::write(scan, &targets, &mut page);
    }
    let mut layers = Vec::new();
    for target in targets.iter().filter(|target| !target.findings.is_empty()) {
        findings::write(scan, target, &mut page, &mut layers);
    }
    footer::write(scan, &mut layers, options.exit_status, &mut page);
    out.write_all(page.text.as_bytes()).map_err(|source| Error::Write { format: "table", source })
}

/// The text so far, and how to go on.
struct Page {
    text: String,
    columns: usize,
    paint: Paint,
}

impl Page {
    /// A line, cut where it is too long.
    fn line(&mut self, style: Style, text: &str) {
        let text = terminal::cut(text, self.columns);
        self.text.push_str(&self.paint.with(style, &text));
        self.text.push('\n');
    }

    /// Text in as many lines as it takes, each behind `indent` blanks; in a list the later ones behind two more.
    fn paragraph(&mut self, style: Style, indent: usize, text: &str) {
        let hanging = if indent == 0 { 0 } else { indent + 2 };
        for (index, line) in terminal::wrap(text, self.columns.saturating_sub(hanging)).iter().enumerate() {
            self.text.push_str(&" ".repeat(if index == 0 { indent } else { hanging }));
            self.text.push_str(&self.paint.with(style, line));
            self.text.push('\n');
        }
    }

    /// An empty line.
    fn gap(&mut self) {
        self.text.push('\n');
    }
}

fn header(scan: &Scan, page: &mut Page) {
    let artifact = &scan.inventory.artifact;
    page.paragraph(Style::Bold, 0, &terminal::printable(&artifact.name));
    let mut facts = Vec::new();
    match artifact.kind {
        ArtifactKind::ContainerImage => facts.extend(artifact.platform.as_ref().map(ToString::to_string)),
        ArtifactKind::Filesystem => facts.push("folder".to_owned()),
        ArtifactKind::Sbom => facts.push("bill of materials".to_owned()),
    }
    if let Some(os) = &scan.inventory.os {
        let name = if os.pretty_name.is_empty() {
            format!("{} {}", os.id, os.version_id)
        } else {
            os.pretty_name.clone()
        };
        facts.push(name.trim_end().to_owned());
    }
    facts.push(counted(scan.inventory.packages.len(), "package"));
    if !artifact.layers.is_empty() {
        facts.push(counted(artifact.layers.len(), "layer"));
    }
    page.paragraph(Style::Plain, 2, &terminal::printable(&facts.join(", ")));
    if !artifact.manifest_digest.is_empty() {
        page.paragraph(Style::Faint, 2, &terminal::printable(&artifact.manifest_digest));
    }
    let database = &scan.database;
    if database.digest.is_empty() {
        page.paragraph(Style::Warning, 2, "no advisory database was asked");
    } else {
        let newest = match database.newest_advisory.as_str() {
            "" => "without a date",
            newest => newest,
        };
        let text = format!(
            "{}, newest {newest}, database {}",
            counted(usize::try_from(database.advisories).unwrap_or(usize::MAX), "advisory"),
            short(&database.digest)
        );
        page.paragraph(Style::Faint, 2, &terminal::printable(&text));
    }
    if scan.inventory.packages.is_empty() {
        page.gap();
        let text =
            "warning: no package was found here, so nothing could be judged; that is not the same as clean";
        page.paragraph(Style::Warning, 0, text);
    }
    page.gap();
}

/// `Total: 3 (CRITICAL: 1, HIGH: 2)`, severities without findings left out.
fn total(counts: &SeverityCounts) -> String {
    let parts: Vec<String> = by_severity(counts).map(|(word, number)| format!("{word}: {number}")).collect();
    if parts.is_empty() {
        "Total: 0".to_owned()
    } else {
        format!("Total: {} ({})", counts.total(), parts.join(", "))
    }
}

fn by_severity(counts: &SeverityCounts) -> impl Iterator<Item = (&'static str, usize)> + '_ {
    plimsoll_model::Severity::WORST_FIRST
        .iter()
        .map(|&severity| (severity.as_str(), counts.of(severity)))
        .filter(|(_, number)| *number > 0)
}

/// `1 package`, `2 packages`, `3 advisories`.
fn counted(number: usize, word: &str) -> String {
    match (number, word.strip_suffix('y')) {
        (1, _) => format!("1 {word}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {word}s"),
    }
}

/// The first 12 hex digits of a digest, as people write them.
fn short(digest: &str) -> String {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    format!("sha256:{}", hex.chars().take(12).collect::<String>())
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "PASSED",
        Verdict::Failed => "FAILED",
        Verdict::Undecided => "UNDECIDED",
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{expect, expect_file};
    use plimsoll_model::{Decision, Inventory};

    use super::*;
    use crate::sample;

    fn table(scan: &Scan, width: usize, color: bool, exit_status: Option<u8>) -> String {
        let mut out = Vec::new();
        write_table(scan, &TableOptions { width, color, exit_status }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn golden_tables() {
        let scan = sample::scan();
        expect_file!["../testdata/golden/table-80.txt"].assert_eq(&table(&scan, 80, false, Some(1)));
        expect_file!["../testdata/golden/table-120.txt"].assert_eq(&table(&scan, 120, false, Some(1)));
        expect_file!["../testdata/golden/table-80-color.txt"].assert_eq(&table(&scan, 80, true, Some(1)));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_none_steers_it() {
        let scan = sample::scan();
        for width in [0, 40, 60, 80, 100, 120, 200, 1000] {
            for line in table(&scan, width, false, Some(1)).lines() {
                let limit = width.clamp(MIN_COLUMNS, MAX_COLUMNS);
                assert!(terminal::width(line) <= limit, "{width}: {line}");
                assert!(!line.contains(char::is_control), "{line:?}");
            }
        }
    }

    #[test]
    fn nothing_found_in_an_empty_image_is_a_warning() {
        let mut scan = sample::scan();
        scan.inventory = Inventory { artifact: scan.inventory.artifact, ..Inventory::default() };
        scan.findings.clear();
        scan.undetermined.clear();
        scan.match_gaps.clear();
        scan.decision = Decision::default();
        expect![[r"
            registry.example/app:1.2
              linux/amd64, 0 packages, 3 layers
              sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
              4211 advisories, newest 2023-11-07T03:41:00Z, database sha256:dddddddddddd

            warning: no package was found here, so nothing could be judged; that is not the
            same as clean

            Total: 0

            Verdict: PASSED (no rule was asked)
        "]]
        .assert_eq(&table(&scan, 80, false, None));
    }

    #[test]
    fn an_index_out_of_place_does_not_panic() {
        let mut scan = sample::scan();
        scan.findings[0].packages = vec![999];
        scan.findings[1].packages.clear();
        scan.undetermined[0].package = 999;
        scan.decision.failures[0].finding = 999;
        table(&scan, 80, false, None);
    }
}
