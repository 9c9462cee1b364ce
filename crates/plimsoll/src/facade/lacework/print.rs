//! What Lacework's command line prints of an assessment, for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use plimsoll_report::printable;

use super::rows::{ImageInfo, Row, SEVERITIES};

/// The most columns of a cell with a layer's instruction.
const MAX_LAYER_COLUMNS: usize = 50;

/// What of an assessment is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line, given or not")]
pub(in crate::facade) struct Shown {
    pub(in crate::facade) details: bool,
    pub(in crate::facade) packages: bool,
    pub(in crate::facade) fixable: bool,
    /// The rank that is shown, with all worse.
    pub(in crate::facade) severity: Option<usize>,
    /// Whether a page is written, which makes the hint needless.
    pub(in crate::facade) html: bool,
}

impl Shown {
    fn is_filter(&self) -> bool {
        self.fixable || self.severity.is_some()
    }

    /// Whether a row is shown.
    pub(in crate::facade) fn shows(&self, row: &Row) -> bool {
        let rank = row.rank();
        self.severity.is_none_or(|threshold| (1..=threshold).contains(&rank))
            && (!self.fixable || !row.fix_info.fixed_version.is_empty())
    }
}

/// The image and its counts, and below what the flags ask for.
pub(in crate::facade) fn assessment(image: &ImageInfo, rows: &[Row], shown: &Shown) -> String {
    let mut text = summary(image, rows);
    text.push('\n');
    if rows.is_empty() {
        text.push_str("Great news! This container image has no vulnerabilities...\n");
        return text;
    }
    let visible: Vec<&Row> = rows.iter().filter(|row| shown.shows(row)).collect();
    if visible.is_empty() {
        text.push_str(if shown.severity.is_some() {
            "There are no vulnerabilities found for this severity\n"
        } else {
            "Great news! This container image has no fixable vulnerabilities...\n"
        });
        return text;
    }
    if shown.packages {
        packages(&visible, rows, shown, &mut text);
    } else if shown.details || shown.is_filter() {
        details(&visible, rows, shown, &mut text);
        text.push_str("\nTry adding '--packages' to show a list of packages with CVE count.\n");
    } else if !shown.html {
        text.push_str(
            "Try adding '--details' to increase details shown about the vulnerability assessment.\n",
        );
    }
    text
}

/// Two boxes side by side.
fn summary(image: &ImageInfo, rows: &[Row]) -> String {
    let created = match jiff::Timestamp::from_millisecond(image.created_time) {
        Ok(time) if image.created_time != 0 => {
            jiff::Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
        }
        _ => String::new(),
    };
    let facts = [
        ("ID", image.id.clone()),
        ("Digest", image.digest.clone()),
        ("Registry", image.registry.clone()),
        ("Repository", image.repo.clone()),
        ("Size", size(image.size)),
        ("Created At", created),
        ("Tags", image.tags.join(",")),
    ];
    let left: Vec<String> =
        facts.iter().map(|(name, value)| format!("    {name:<10}  {}", printable(value))).collect();
    let mut right =
        vec!["  SEVERITY   COUNT   FIXABLE".to_owned(), "-----------+-------+----------".to_owned()];
    for severity in SEVERITIES {
        let of = rows.iter().filter(|row| row.severity == severity);
        let fixable = of.clone().filter(|row| row.is_fixable()).count();
        right.push(format!("  {severity:<9}{:>7}   {fixable:>7}", of.count()));
    }
    let width = left.iter().map(|line| line.chars().count()).max().unwrap_or(0).max(30) + 2;
    let head = format!("{:^width$} {:^32}", "CONTAINER IMAGE DETAILS", "VULNERABILITIES");
    let mut text = format!("{}\n", head.trim_end());
    let _ = writeln!(text, "{}+{}", "-".repeat(width), "-".repeat(32));
    for at in 0..left.len().max(right.len()) {
        let (left, right) =
            (left.get(at).map_or("", String::as_str), right.get(at).map_or("", String::as_str));
        let line = format!("{left:<width$} {right}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn details(visible: &[&Row], all: &[Row], shown: &Shown, text: &mut String) {
    // One line for each flaw and version; layers are counted where there are several.
    let mut lines: Vec<([&str; 5], BTreeSet<&str>, &str)> = Vec::new();
    for row in visible {
        let key = [
            row.vuln_id.as_str(),
            &row.severity,
            &row.feature_key.name,
            &row.feature_key.version,
            &row.fix_info.fixed_version,
        ];
        let layer = row.feature_props.introduced_in.as_str();
        match lines.iter_mut().find(|(known, _, _)| *known == key) {
            Some((_, layers, _)) => {
                layers.insert(layer);
            }
            None => lines.push((key, BTreeSet::from([layer]), &row.status)),
        }
    }
    let count = lines.len();
    let cells = lines
        .into_iter()
        .map(|(key, layers, status)| {
            let layer = match layers.len() {
                1 => layers.into_iter().next().unwrap_or_default().to_owned(),
                several => format!("introduced in {several} layers..."),
            };
            let layer =
                layer.split(['\t', '\n']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
            let mut cells: Vec<String> = key.map(str::to_owned).into();
            cells.extend([cut(&layer), status.to_owned()]);
            cells
        })
        .collect();
    let head =
        ["CVE ID", "SEVERITY", "PACKAGE", "CURRENT VERSION", "FIX VERSION", "INTRODUCED IN LAYER", "STATUS"];
    table(&head, cells, text);
    if shown.is_filter() {
        let of =
            distinct(all.iter().map(|row| (&row.vuln_id, &row.feature_key.name, &row.feature_key.version)));
        let _ = writeln!(text, "\n{count} of {of} vulnerabilities showing");
    }
}

fn packages(visible: &[&Row], all: &[Row], shown: &Shown, text: &mut String) {
    let mut counts: BTreeMap<(usize, &str, &str, &str, &str), BTreeSet<&str>> = BTreeMap::new();
    for row in visible {
        let key = (
            row.rank(),
            row.feature_key.name.as_str(),
            row.severity.as_str(),
            row.feature_key.version.as_str(),
            row.fix_info.fixed_version.as_str(),
        );
        counts.entry(key).or_default().insert(&row.vuln_id);
    }
    let count = distinct(counts.keys().map(|(_, name, _, version, _)| (*name, *version)));
    let cells = counts
        .into_iter()
        .map(|((_, name, severity, version, fix), flaws)| {
            [&flaws.len().to_string(), severity, name, version, fix].map(str::to_owned).into()
        })
        .collect();
    table(&["CVE COUNT", "SEVERITY", "PACKAGE", "CURRENT VERSION", "FIX VERSION"], cells, text);
    if shown.is_filter() {
        let of = distinct(all.iter().map(|row| (&row.feature_key.name, &row.feature_key.version)));
        let _ = writeln!(text, "\n{count} of {of} packages showing");
    }
}

fn distinct<T: Ord>(items: impl Iterator<Item = T>) -> usize {
    items.collect::<BTreeSet<T>>().len()
}

/// A table: a centred head, a rule, and rows.
pub(in crate::facade) fn table(head: &[&str], rows: Vec<Vec<String>>, text: &mut String) {
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|row| row.iter().map(|cell| printable(cell).into_owned()).collect()).collect();
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.chain([head[at].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let head: Vec<String> =
        head.iter().zip(&widths).map(|(word, width)| format!(" {word:^width$} ", width = *width)).collect();
    let _ = writeln!(text, "{}", head.join(" ").trim_end());
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
    let _ = writeln!(text, "{}", rule.join("+"));
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!(" {cell:<width$} ", width = *width))
            .collect();
        let _ = writeln!(text, "{}", cells.join(" ").trim_end());
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_LAYER_COLUMNS {
        return text.to_owned();
    }
    let head: String = text.chars().take(MAX_LAYER_COLUMNS - 3).collect();
    format!("{head}...")
}

/// `343.9 MB`, in steps of 1024.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Tenths of the unit, in whole numbers; what does not fit is more than any image has.
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10 * 1024 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, severity: &str, name: &str, fixed: &str, layer: &str) -> Row {
        let mut row = Row {
            vuln_id: id.to_owned(),
            severity: severity.to_owned(),
            status: "VULNERABLE".to_owned(),
            ..Row::default()
        };
        name.clone_into(&mut row.feature_key.name);
        "1".clone_into(&mut row.feature_key.version);
        fixed.clone_into(&mut row.fix_info.fixed_version);
        row.fix_info.fix_available = i64::from(!fixed.is_empty());
        layer.clone_into(&mut row.feature_props.introduced_in);
        row
    }

    fn image() -> ImageInfo {
        ImageInfo {
            id: "sha256:bb".to_owned(),
            digest: "sha256:aa".to_owned(),
            registry: "registry.example".to_owned(),
            repo: "team/app".to_owned(),
            size: 360_608_563,
            created_time: 1_605_140_985_874,
            tags: vec!["1.0".to_owned()],
            ..ImageInfo::default()
        }
    }

    #[test]
    fn the_image_and_its_counts_stand_side_by_side() {
        let rows = [
            row("CVE-1", "Critical", "openssl", "2", "RUN a"),
            row("CVE-1", "Critical", "openssl", "2", "RUN b"),
            row("CVE-2", "Low", "zlib", "", "RUN\t\ta"),
        ];
        let text = assessment(&image(), &rows, &Shown::default());
        assert_eq!(
            text,
            "       CONTAINER IMAGE DETAILS                 VULNERABILITIES
--------------------------------------+--------------------------------
    ID          sha256:bb                SEVERITY   COUNT   FIXABLE
    Digest      sha256:aa              -----------+-------+----------
    Registry    registry.example         Critical       2         2
    Repository  team/app                 High           0         0
    Size        343.9 MB                 Medium         0         0
    Created At  2020-11-12T00:29:45Z     Low            1         0
    Tags        1.0                      Info           0         0

Try adding '--details' to increase details shown about the vulnerability assessment.
"
        );
        let details = assessment(&image(), &rows, &Shown { details: true, ..Shown::default() });
        assert!(details.contains("introduced in 2 layers...") && details.contains("RUN a"), "{details}");
        let fixable = assessment(&image(), &rows, &Shown { fixable: true, ..Shown::default() });
        assert!(fixable.contains("1 of 2 vulnerabilities showing"), "{fixable}");
        let packages =
            assessment(&image(), &rows, &Shown { packages: true, severity: Some(1), ..Shown::default() });
        assert!(packages.contains("1 of 2 packages showing") && packages.contains("CVE COUNT"), "{packages}");
    }

    #[test]
    fn nothing_is_told_as_nothing() {
        assert!(assessment(&image(), &[], &Shown::default()).contains("Great news!"));
        let rows = [row("CVE-2", "Low", "zlib", "", "RUN a")];
        let high = assessment(&image(), &rows, &Shown { severity: Some(2), ..Shown::default() });
        assert!(high.contains("There are no vulnerabilities found for this severity"), "{high}");
        let fixable = assessment(&image(), &rows, &Shown { fixable: true, ..Shown::default() });
        assert!(fixable.contains("Great news!"), "{fixable}");
    }

    #[test]
    fn sizes_have_a_unit() {
        for (bytes, text) in [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KB"), (360_608_563, "343.9 MB")] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn what_would_steer_a_terminal_does_not_reach_it() {
        let rows = [row("CVE-\u{1b}[31m", "Low", "zlib", "", "RUN a")];
        let text = assessment(&image(), &rows, &Shown { details: true, ..Shown::default() });
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
