//! What `DataFusion` says of a query that it cannot run, as a person wants to read it: where, what, and what may help.

use std::fmt::Write as _;

use anyhow::anyhow;
use datafusion::common::{Column, DataFusionError, SchemaError};

use crate::error::{Exit, Failure};
use crate::reports::ReportsError;

/// Most characters of a line that are shown around a place.
const MAX_LINE_CHARS: usize = 200;

/// Ends of names that are meant as files.
const FILE_ENDS: [&str; 4] = [".parquet", ".csv", ".json", ".gz"];

/// A place in SQL, both from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    line: usize,
    column: usize,
    /// How many characters are meant.
    length: usize,
}

/// The failure that an error comes to. `sql` is the text that was run, `names` what may be meant by a table's name.
pub(crate) fn failure(error: &DataFusionError, sql: &str, names: &[&str]) -> Failure {
    let root = error.find_root();
    match root {
        DataFusionError::ResourcesExhausted(text) => return too_much(text),
        DataFusionError::ObjectStore(error) => {
            let failure = failed(root);
            return match **error {
                object_store::Error::NotFound { .. } => {
                    failure.hint("the tables may have been compacted meanwhile: ask again")
                }
                _ => failure,
            };
        }
        DataFusionError::IoError(_) | DataFusionError::ParquetError(_) => return failed(root),
        DataFusionError::External(source) => {
            if let Some(report) = source.downcast_ref::<ReportsError>() {
                return Failure::new(Exit::Failed, anyhow!("{report}"));
            }
            if let Some(error) = source.downcast_ref::<plimsoll_tables::Error>() {
                return below(error);
            }
            return failed(root);
        }
        DataFusionError::Internal(text) => {
            let what = anyhow!("cannot run the query: the engine failed: {}", first_line(text));
            return Failure::new(Exit::Failed, what);
        }
        _ => {}
    }
    let text = plain(error);
    let position = error
        .diagnostic()
        .and_then(|diagnostic| diagnostic.span)
        .and_then(|span| position_of(span.start.line, span.start.column, span.end.line, span.end.column))
        .or_else(|| said_in(&text))
        .or_else(|| missing_name(root, &text).and_then(|name| find(sql, &name)));
    let mut what = String::from("cannot run the query");
    if let Some(position) = position {
        let _ = write!(what, ", line {}, column {}", position.line, position.column);
    }
    what += ": ";
    what += &without_place(first_line(&text));
    if let Some(position) = position {
        what += &marked(sql, position);
    }
    let failure = Failure::new(Exit::Usage, anyhow!(what));
    match hint(root, &text, names) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Time that ran out.
pub(crate) fn too_slow(timeout: std::time::Duration) -> Failure {
    let what = anyhow!("cannot run the query: it was not done within {timeout:?}");
    Failure::new(Exit::Limit, what)
        .hint("ask for fewer days (`WHERE date >= …`) or columns, or give it more time with `--timeout`")
}

fn too_much(text: &str) -> Failure {
    let is_disk = text.contains("disk") || text.contains("temporary") || text.contains("Temporary");
    let (what, flag) = if is_disk { ("disk", "--spill-limit") } else { ("memory", "--memory-limit") };
    let error = anyhow!("cannot run the query: it needs more {what} than it may take: {}", first_line(text));
    Failure::new(Exit::Limit, error).hint(format!(
        "ask for fewer rows or columns, check that every join has a condition, or raise `{flag}`"
    ))
}

fn failed(error: &DataFusionError) -> Failure {
    let what = anyhow!("cannot read the tables: {}", first_line(&plain(error)));
    Failure::new(Exit::Failed, what)
}

/// An error of ours with what is below it.
fn below(error: &dyn std::error::Error) -> Failure {
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        texts.push(error.to_string());
        source = error.source();
    }
    let mut texts = texts.into_iter().rev();
    let innermost = anyhow!(texts.next().unwrap_or_default());
    Failure::new(Exit::Failed, texts.fold(innermost, anyhow::Error::context))
}

/// The innermost text, without the engine's own words in front.
fn plain(error: &DataFusionError) -> String {
    let root = error.find_root();
    let mut text = match error.diagnostic() {
        Some(diagnostic) => diagnostic.message.clone(),
        None => match missing_column(root) {
            Some((field, _)) => format!("there is no column `{}`", field.flat_name()),
            None => root.strip_backtrace(),
        },
    };
    for prefix in [
        "SQL error: ",
        "ParserError(\"",
        "TokenizerError(\"",
        "sql parser error: ",
        "Error during planning: ",
        "Schema error: ",
        "Execution error: ",
        "Arrow error: ",
        "Optimizer rule ",
        "This feature is not implemented: ",
    ] {
        if text.starts_with(prefix) {
            text.drain(..prefix.len());
        }
    }
    text.strip_suffix("\")").map(str::to_owned).unwrap_or(text)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text)
}

fn position_of(line: u64, column: u64, end_line: u64, end_column: u64) -> Option<Position> {
    let (line, column) = (usize::try_from(line).ok()?, usize::try_from(column).ok()?);
    let length = if end_line == u64::try_from(line).ok()? {
        usize::try_from(end_column).ok()?.saturating_sub(column)
    } else {
        1
    };
    (line > 0 && column > 0).then_some(Position { line, column, length: length.max(1) })
}

/// What a parser says at the end: ` at Line: 1, Column: 8`.
fn said_in(text: &str) -> Option<Position> {
    let (_, place) = text.rsplit_once(" at Line: ")?;
    let (line, column) = place.split_once(", Column: ")?;
    let digits = |text: &str| -> Option<usize> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text[..end].parse().ok()
    };
    let (line, column) = (digits(line)?, digits(column)?);
    (line > 0 && column > 0).then_some(Position { line, column, length: 1 })
}

fn without_place(text: &str) -> String {
    text.rsplit_once(" at Line: ").map_or(text, |(text, _)| text).to_owned()
}

/// A column that no table has, and those that there are.
fn missing_column(error: &DataFusionError) -> Option<(&Column, &[Column])> {
    let DataFusionError::SchemaError(error, _) = error else { return None };
    match error.as_ref() {
        SchemaError::FieldNotFound { field, valid_fields } => Some((field, valid_fields)),
        _ => None,
    }
}

/// The name that nothing has.
fn missing_name(root: &DataFusionError, text: &str) -> Option<String> {
    if let Some((field, _)) = missing_column(root) {
        return Some(field.name.clone());
    }
    let quoted = text.split('\'').nth(1)?;
    Some(quoted.rsplit('.').next().unwrap_or(quoted).to_owned())
}

/// Where a word stands first.
fn find(sql: &str, word: &str) -> Option<Position> {
    if word.is_empty() {
        return None;
    }
    let (text, word) = (sql.to_ascii_lowercase(), word.to_ascii_lowercase());
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let at = text
        .match_indices(&word)
        .map(|(at, _)| at)
        .find(|at| !text[..*at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word))?;
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Some(Position {
        line: before.matches('\n').count() + 1,
        column: text[line_start..at].chars().count() + 1,
        length: word.chars().count(),
    })
}

/// The line of a place, and a mark below it.
fn marked(sql: &str, position: Position) -> String {
    let Some(line) = sql.lines().nth(position.line - 1) else { return String::new() };
    let skipped = (position.column - 1).saturating_sub(MAX_LINE_CHARS / 2);
    let shown: String =
        line.chars().skip(skipped).take(MAX_LINE_CHARS).map(|c| if c == '\t' { ' ' } else { c }).collect();
    let indent = " ".repeat(position.column - 1 - skipped);
    let room = shown.chars().count().saturating_sub(position.column - 1 - skipped).max(1);
    format!("\n  {shown}\n  {indent}{}", "^".repeat(position.length.min(room)))
}

fn hint(root: &DataFusionError, text: &str, names: &[&str]) -> Option<String> {
    if let Some((field, others)) = missing_column(root) {
        let names: Vec<&str> = others.iter().map(Column::name).collect();
        return Some(nearest(&field.name, &names).map_or_else(
            || "`DESCRIBE table` lists columns; texts stand in single quotes".to_owned(),
            |near| format!("did you mean `{near}`?"),
        ));
    }
    if text.starts_with("table ") && text.contains("not found") {
        let whole = text.split('\'').nth(1)?;
        if whole.contains('/') || FILE_ENDS.iter().any(|end| whole.ends_with(end)) {
            return Some("`--from PATH` asks reports, `--allow-files` lets SQL read files".to_owned());
        }
        let name = missing_name(root, text)?;
        return Some(nearest(&name, names).map_or_else(
            || format!("there are {}", names.join(", ")),
            |near| format!("did you mean `{near}`?"),
        ));
    }
    // The engine has looked for near names itself.
    let text = root.strip_backtrace();
    let (_, near) = text.split_once("Did you mean '")?;
    let (near, _) = near.split_once('\'')?;
    Some(format!("did you mean `{near}`?"))
}

/// The name that is written most alike, if any is.
fn nearest<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let limit = name.chars().count().div_ceil(3);
    let far = names.iter().map(|other| (distance(name, other), *other));
    far.filter(|(far, _)| *far <= limit).min().map(|(_, other)| other)
}

/// How many letters must be put in, taken out or replaced, in any case of letters.
fn distance(one: &str, two: &str) -> usize {
    let two: Vec<char> = two.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=two.len()).collect();
    for (at, letter) in one.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, other) in two.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[two.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        let names = ["severity", "scan_id", "findings"];
        for (name, near) in [
            ("serverity", Some("severity")),
            ("SEVERITY", Some("severity")),
            ("scanid", Some("scan_id")),
            ("finding", Some("findings")),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, &names), near, "{name}");
        }
    }

    #[test]
    fn places_are_found_and_marked() {
        let sql = "SELECT a,\n  totals FROM t\nWHERE total = 1";
        assert_eq!(find(sql, "total"), Some(Position { line: 3, column: 7, length: 5 }));
        assert_eq!(find(sql, "x"), None);
        let marked = marked(sql, Position { line: 3, column: 7, length: 5 });
        assert_eq!(marked, "\n  WHERE total = 1\n        ^^^^^");
        assert_eq!(
            said_in("Expected: x at Line: 2, Column: 14"),
            Some(Position { line: 2, column: 14, length: 1 })
        );
        assert_eq!(said_in("nothing"), None);
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let sql = format!("{}x{}", "ä".repeat(5000), "b".repeat(5000));
        let marked = marked(&sql, Position { line: 1, column: 5001, length: 1 });
        assert!(marked.chars().count() < 2 * MAX_LINE_CHARS);
        let lines: Vec<&str> = marked.lines().collect();
        let at = lines[2].chars().position(|c| c == '^').unwrap();
        assert_eq!(lines[1].chars().nth(at), Some('x'));
    }
}
