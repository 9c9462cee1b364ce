//! What the readers of policies and waivers share: an error with its place, and TOML whose values know theirs.

use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Longest file that is read, in bytes.
pub(crate) const MAX_FILE_BYTES: usize = 4 << 20;
/// Most characters of foreign text that an error repeats.
const MAX_QUOTED_CHARS: usize = 100;

/// A policy or a list of waivers that cannot be read: what, where, and what was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    /// `policy` or `waivers`.
    pub what: &'static str,
    /// The file's name, as the caller gave it.
    pub origin: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The entry that it is about, as in "rule `kev`"; empty where it is about the file.
    pub subject: String,
    /// What was expected, and what was found.
    pub reason: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, origin, line, column, subject, reason, .. } = self;
        write!(f, "cannot read {what} `{origin}`: line {line}, column {column}: ")?;
        if !subject.is_empty() {
            write!(f, "{subject}: ")?;
        }
        f.write_str(reason)
    }
}

impl std::error::Error for InputError {}

/// A file that is being read.
#[derive(Clone, Copy)]
pub(crate) struct Input<'t> {
    pub(crate) what: &'static str,
    pub(crate) origin: &'t str,
    pub(crate) text: &'t str,
}

impl<'t> Input<'t> {
    /// An error at this byte of the text.
    pub(crate) fn error(&self, offset: usize, subject: &str, reason: impl Into<String>) -> InputError {
        let (line, column) = place(self.text, offset);
        InputError {
            what: self.what,
            origin: self.origin.to_owned(),
            line,
            column,
            subject: subject.to_owned(),
            reason: reason.into(),
            hint: None,
        }
    }

    /// An error in this line.
    pub(crate) fn error_in_line(&self, line: usize, subject: &str, reason: impl Into<String>) -> InputError {
        InputError { line: counted(line), column: 1, ..self.error(0, subject, reason) }
    }

    /// Refuses what is too long to be meant.
    pub(crate) fn bounded(&self) -> Result<(), InputError> {
        if self.text.len() > MAX_FILE_BYTES {
            let found = self.text.len();
            return Err(self.error(
                0,
                "",
                format!("expected at most {MAX_FILE_BYTES} bytes, found {found} bytes"),
            ));
        }
        Ok(())
    }

    /// Reads a TOML document.
    pub(crate) fn toml(&self) -> Result<DeTable<'t>, InputError> {
        self.bounded()?;
        DeTable::parse(self.text).map(Spanned::into_inner).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            self.error(offset, "", one_line(error.message()))
        })
    }

    /// The tables of an array of tables; none where the key is not there.
    pub(crate) fn tables<'d>(
        &self,
        table: &'d DeTable<'t>,
        key: &str,
    ) -> Result<Vec<Entry<'d, 't>>, InputError> {
        let Some(value) = table.get(key) else { return Ok(Vec::new()) };
        let expected = || {
            let found = value.get_ref().type_str();
            self.error(
                value.span().start,
                "",
                format!("expected `{key}` to be `[[{key}]]` tables, found {found}"),
            )
        };
        let array = value.get_ref().as_array().ok_or_else(expected)?;
        array
            .iter()
            .map(|item| {
                let table = item.get_ref().as_table().ok_or_else(expected)?;
                Ok(Entry { table, offset: item.span().start })
            })
            .collect()
    }

    /// Refuses a key that is not known; one that is misspelt would else be passed over.
    pub(crate) fn known_keys(
        &self,
        table: &DeTable<'t>,
        subject: &str,
        known: &[&str],
    ) -> Result<(), InputError> {
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let reason = format!("unknown field `{}`, expected {}", quoted(name), listed(known));
                let error = self.error(key.span().start, subject, reason);
                let hint = nearest(name, known.iter().copied()).map(|near| format!("`{near}` was meant"));
                return Err(InputError { hint, ..error });
            }
        }
        Ok(())
    }

    /// A text; `None` where the key is not there.
    pub(crate) fn text_of<'d>(
        &self,
        table: &'d DeTable<'t>,
        subject: &str,
        key: &str,
    ) -> Result<Option<(&'d str, Range<usize>)>, InputError> {
        let Some(value) = table.get(key) else { return Ok(None) };
        if let Some(text) = value.get_ref().as_str() {
            return Ok(Some((text, value.span())));
        }
        let found = value.get_ref().type_str();
        Err(self.error(value.span().start, subject, format!("expected `{key}` to be a text, found {found}")))
    }

    /// A text that must be there and must not be blank.
    pub(crate) fn required<'d>(
        &self,
        entry: Entry<'d, 't>,
        subject: &str,
        key: &str,
    ) -> Result<(&'d str, Range<usize>), InputError> {
        match self.text_of(entry.table, subject, key)? {
            Some((text, _)) if !text.trim().is_empty() => {
                let span = entry.table.get(key).map_or(0..0, Spanned::span);
                Ok((text, span))
            }
            Some((_, span)) => {
                Err(self.error(span.start, subject, format!("expected `{key}`, found an empty text")))
            }
            None => Err(self.error(entry.offset, subject, format!("expected `{key}`, found none"))),
        }
    }

    /// A text or a list of texts under one of two keys, `id` and `ids`, each with its place.
    pub(crate) fn texts_of(
        &self,
        table: &DeTable<'t>,
        subject: &str,
        keys: &[&str],
    ) -> Result<Vec<(String, usize)>, InputError> {
        let mut texts = Vec::new();
        for key in keys {
            let Some(value) = table.get(*key) else { continue };
            let one = std::slice::from_ref(value);
            let items: Vec<&Spanned<DeValue<'_>>> = match value.get_ref().as_array() {
                // Of a list one must hold, and of an empty one none does; it is not as if nothing were named.
                Some(array) if array.is_empty() => {
                    let reason = format!("expected `{key}` to name something, found an empty list");
                    return Err(self.error(value.span().start, subject, reason));
                }
                Some(array) => array.iter().collect(),
                None => one.iter().collect(),
            };
            for item in items {
                match item.get_ref().as_str() {
                    Some(text) if !text.trim().is_empty() => {
                        texts.push((text.trim().to_owned(), item.span().start));
                    }
                    _ => {
                        let found = item.get_ref().type_str();
                        let reason =
                            format!("expected `{key}` to be a text that is not empty, found {found}");
                        return Err(self.error(item.span().start, subject, reason));
                    }
                }
            }
        }
        Ok(texts)
    }
}

/// One table of an array of tables.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'d, 't> {
    pub(crate) table: &'d DeTable<'t>,
    /// Where it begins, in bytes.
    pub(crate) offset: usize,
}

/// Line and column of a byte, both from 1; the column in characters.
pub(crate) fn place(text: &str, offset: usize) -> (u32, u32) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (counted(before.matches('\n').count() + 1), counted(before[line_start..].chars().count() + 1))
}

/// A number of lines or characters of a file, whose size is bounded.
fn counted(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Where the byte `inside` of a decoded TOML string stands in the file; `span` is the string with its quotes.
///
/// Source: TOML 1.1.0, "String": the four forms, their escapes, the newline that is trimmed behind `"""`.
pub(crate) fn inside_string(text: &str, span: &Range<usize>, inside: usize) -> usize {
    let Some(raw) = text.get(span.clone()) else { return span.start };
    let is_basic = raw.starts_with('"');
    let quotes = if raw.starts_with("\"\"\"") || raw.starts_with("'''") { 3 } else { 1 };
    let mut at = quotes;
    if quotes == 3 {
        let rest = &raw[at..];
        at += if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
    }
    let mut decoded = 0;
    while decoded < inside {
        let Some(next) = raw.get(at..).and_then(|rest| rest.chars().next()) else { break };
        if !(is_basic && next == '\\') {
            at += next.len_utf8();
            decoded += next.len_utf8();
            continue;
        }
        let Some(escape) = raw[at + 1..].chars().next() else { break };
        let digits = match escape {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ if escape.is_whitespace() => {
                let rest = &raw[at + 1..];
                at += 1 + rest.len() - rest.trim_start().len();
                continue;
            }
            _ => 0,
        };
        let value = raw
            .get(at + 2..at + 2 + digits)
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .and_then(char::from_u32);
        decoded += value.map_or(1, char::len_utf8);
        at += 1 + escape.len_utf8() + digits;
    }
    span.start + at.min(raw.len())
}

/// The name that is at most two changes away from what was written.
pub(crate) fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let written: Vec<char> = written.to_ascii_lowercase().chars().take(40).collect();
    names
        .map(|name| (distance(&written, &name.to_ascii_lowercase().chars().collect::<Vec<_>>()), name))
        .filter(|&(far, name)| far <= 2 && far < name.len())
        .min()
        .map(|(_, name)| name)
}

/// Edit distance, by rows.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let change = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

/// "`a`, `b` or `c`".
pub(crate) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// Foreign text for an error: short, and without control characters.
pub(crate) fn quoted(text: &str) -> String {
    text.chars().take(MAX_QUOTED_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn one_line(message: &str) -> String {
    quoted(message.lines().next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters() {
        let text = "a\nbé = 1\n";
        for (offset, found) in [(0, (1, 1)), (2, (2, 1)), (3, (2, 2)), (4, (2, 2)), (5, (2, 3)), (99, (3, 1))]
        {
            assert_eq!(place(text, offset), found, "{offset}");
        }
    }

    #[test]
    fn a_byte_of_a_string_is_found_in_the_file() {
        for (raw, inside, found) in [
            ("'abc'", 2, 3),
            ("\"abc\"", 0, 1),
            (r#""a\"bc""#, 2, 4),
            (r#""a\u00e9b""#, 3, 8),
            ("\"\"\"\nabc\"\"\"", 1, 5),
            ("'''abc'''", 3, 6),
            ("\"\"\"a\\\n   bc\"\"\"", 1, 4),
            ("\"\"\"a\\\n   bc\"\"\"", 2, 10),
            ("'abc'", 99, 5),
        ] {
            assert_eq!(inside_string(raw, &(0..raw.len()), inside), found, "{raw} {inside}");
        }
    }

    #[test]
    fn the_nearest_name_is_offered() {
        let names = ["severity", "epss", "fixable"];
        for (written, near) in [
            ("severty", Some("severity")),
            ("EPSS", Some("epss")),
            ("fixible", Some("fixable")),
            ("zzz", None),
        ] {
            assert_eq!(nearest(written, names.into_iter()), near);
        }
    }
}
