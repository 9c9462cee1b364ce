//! Text in columns, within the width of a terminal.

/// Blanks between columns.
const GAP: usize = 2;
/// The least width that a column is narrowed to.
const MIN_WIDTH: usize = 12;

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// What stands above it.
    pub(super) head: &'static str,
    /// Whether its text is put to the right.
    pub(super) is_number: bool,
    /// Whether its text may go on in further lines.
    pub(super) wraps: bool,
}

/// A column of text that may go on in further lines.
pub(super) const fn text(head: &'static str) -> Column {
    Column { head, is_number: false, wraps: true }
}

/// A column of text in one line.
pub(super) const fn word(head: &'static str) -> Column {
    Column { head, is_number: false, wraps: false }
}

/// A column of numbers.
pub(super) const fn number(head: &'static str) -> Column {
    Column { head, is_number: true, wraps: false }
}

/// Rows beneath their heads. Columns that may be wrapped share what the others leave of `width`; nothing is cut.
pub(super) fn written(columns: &[Column], rows: &[Vec<String>], width: usize) -> String {
    let mut widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let cells = rows.iter().flat_map(|row| row[index].lines().map(length));
            cells.chain([column.head.len()]).max().unwrap_or(0)
        })
        .collect();
    let spare = GAP * columns.len().saturating_sub(1);
    // The widest gives way first.
    while widths.iter().sum::<usize>() + spare > width {
        let widest = (0..columns.len())
            .filter(|&index| columns[index].wraps && widths[index] > MIN_WIDTH.max(columns[index].head.len()))
            .max_by_key(|&index| widths[index]);
        let Some(widest) = widest else { break };
        widths[widest] -= 1;
    }
    let mut out = String::new();
    let heads: Vec<String> = columns.iter().map(|column| column.head.to_owned()).collect();
    for row in std::iter::once(&heads).chain(rows) {
        let cells: Vec<Vec<String>> =
            row.iter().zip(&widths).map(|(cell, &width)| wrapped(cell, width)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let mut text = String::new();
            for (index, column) in columns.iter().enumerate() {
                let cell = cells[index].get(line).map_or("", String::as_str);
                let blanks = " ".repeat(widths[index].saturating_sub(length(cell)));
                let gap = if index == 0 { "" } else { "  " };
                let padded =
                    if column.is_number { format!("{blanks}{cell}") } else { format!("{cell}{blanks}") };
                text.push_str(gap);
                text.push_str(&padded);
            }
            out.push_str(text.trim_end());
            out.push('\n');
        }
    }
    out
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Lines of at most `width` characters: broken behind a blank or `/`, `,`, `:`, `-`, or where nothing else helps anywhere.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for line in text.lines() {
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let mut rest: Vec<char> = line.chars().collect();
        while rest.len() > width {
            let breaks = |c: &char| matches!(c, ' ' | '/' | ',' | ':' | '-');
            // Behind what it is set in by there must be something, or it would never end.
            let start = rest.iter().take_while(|c| **c == ' ').count().min(width - 1);
            let end = rest[start..width].iter().rposition(breaks).map_or(width, |at| start + at + 1);
            let first: String = rest[..end].iter().collect();
            lines.push(first.trim_end().to_owned());
            let next = rest[end..].iter().skip_while(|c| **c == ' ').copied();
            // What goes on is set in, unless that leaves no room.
            let more = if width > indent.len() + 8 { format!("{indent}  ") } else { String::new() };
            rest = more.chars().chain(next).collect();
        }
        lines.push(rest.into_iter().collect());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_wide_goes_on_below() {
        let columns = [text("IMAGE"), number("N"), word("VERDICT")];
        let rows = vec![
            vec![
                "team/a-rather-long-name:1.2, latest, and-more".to_owned(),
                "12".to_owned(),
                "failed".to_owned(),
            ],
            vec!["b:1".to_owned(), "3".to_owned(), "passed".to_owned()],
        ];
        assert_eq!(
            written(&columns, &rows, 40),
            "\
IMAGE                         N  VERDICT
team/a-rather-long-name:     12  failed
  1.2, latest, and-more
b:1                           3  passed
"
        );
        assert_eq!(wrapped("abcdefghijkl", 5), ["abcde", "fghij", "kl"]);
        assert_eq!(wrapped("", 5), Vec::<String>::new());
        assert_eq!(wrapped("application/vnd", 12), ["application/", "  vnd"]);
        assert_eq!(wrapped("abcdefghijklmnopqrstuvwxyz", 12), ["abcdefghijkl", "  mnopqrstuv", "  wxyz"]);
        // However wide, whatever text: it ends, and nothing is lost.
        for text in ["     a b", "   ", "a  -  b/c:d,e", "          lots of blanks before"] {
            for width in 0..30 {
                let whole = |text: &str| text.replace(' ', "");
                assert_eq!(whole(&wrapped(text, width).concat()), whole(text), "{text} {width}");
            }
        }
    }
}
