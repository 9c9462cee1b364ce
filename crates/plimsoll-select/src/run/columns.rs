//! Columns of CSV: the header, and what the statement's names mean by it.

use std::borrow::Cow;

use super::worker::whole_text;
use crate::ast::{List, Name};
use crate::csv::Cutter;
use crate::error::{Code, Place, SelectError};
use crate::format::Header;
use crate::query::Query;
use crate::source::{Chunk, Chunks};

impl Query {
    /// Which column each of the statement's names is.
    pub(super) fn columns_of(&self, header: &[String], kind: Header) -> Result<Vec<usize>, SelectError> {
        let refused = |code, message| SelectError::new(code, "cannot run query", message);
        if let List::Items(_) = self.select.list
            && self.whole_record
        {
            let message = "expected columns of a CSV record, found the record as a value".to_owned();
            return Err(refused(Code::UnsupportedSyntax, message).hint("`SELECT *` gives whole records"));
        }
        if !self.select.from.steps.is_empty() {
            let message = "expected `FROM S3Object` for CSV, found a path".to_owned();
            return Err(refused(Code::InvalidKeyPath, message).hint("paths are for JSON"));
        }
        self.names.iter().map(|name| column_of(name, header, kind, &refused)).collect()
    }
}

fn column_of(
    name: &Name,
    header: &[String],
    kind: Header,
    refused: &dyn Fn(Code, String) -> SelectError,
) -> Result<usize, SelectError> {
    let mut fitting = header.iter().enumerate().filter(|(_, column)| name.fits(column));
    match (fitting.next(), fitting.next()) {
        (Some((place, _)), None) => return Ok(place),
        (Some((place, _)), Some(_)) if name.quoted => return Ok(place),
        (Some((_, one)), Some((_, two))) => {
            let message = format!("expected one column `{}`, found `{one}` and `{two}`", name.text);
            let hint = "put the name between double quotes, where case counts, or name the column by its number: `_1`";
            return Err(refused(Code::AmbiguousFieldName, message).hint(hint));
        }
        (None, _) => {}
    }
    if let Some(digits) =
        name.text.strip_prefix('_').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return match digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1)) {
            Some(place) => Ok(place),
            None => Err(refused(
                Code::InvalidColumnIndex,
                format!("expected a column from `_1`, found `{}`", name.text),
            )),
        };
    }
    let message = format!("expected a column of the object, found `{}`", name.text);
    Err(match kind {
        Header::Use => {
            let columns: Vec<&str> = header.iter().take(20).map(String::as_str).collect();
            let columns = format!("columns are {}", columns.join(", "));
            refused(Code::MissingHeaders, message).hint(name.hint(&columns))
        }
        Header::None | Header::Ignore => {
            let columns = "columns are called `_1`, `_2`, or by their header with FileHeaderInfo USE";
            refused(Code::MissingHeaders, message).hint(name.hint(columns))
        }
    })
}

/// The first chunk; where there is a header, the one that it is in, behind any number of comments.
pub(super) fn first_chunk(
    chunks: &mut Chunks<'_>,
    header: Header,
    cutter: &Cutter,
    passed: &mut u64,
) -> Result<Option<Chunk>, SelectError> {
    let mut spare = Vec::new();
    while let Some(chunk) = chunks.next(spare)? {
        let (text, no_text) = whole_text(&chunk.buffer[..chunk.length], chunk.offset, cutter);
        if header == Header::None || no_text.is_some() || first_record(text, cutter).is_some() {
            return Ok(Some(chunk));
        }
        *passed += chunk.length as u64;
        spare = chunk.buffer;
    }
    Ok(None)
}

/// Where the first record begins that is no comment, where it ends, and where the next one begins.
fn first_record(text: &str, cutter: &Cutter) -> Option<(usize, usize, usize)> {
    let mut from = if text.starts_with('\u{feff}') { 3 } else { 0 };
    while from < text.len() {
        let (end, next) = cutter.record_end(text.as_bytes(), from).unwrap_or((text.len(), text.len()));
        if end > from && !cutter.is_comment(&text.as_bytes()[from..end]) {
            return Some((from, end, next));
        }
        from = next;
    }
    None
}

/// The names in the first record, and where the second one begins.
pub(super) fn header(text: &str, cutter: &Cutter, columns: usize) -> Result<(Vec<String>, u64), SelectError> {
    let Some((from, end, next)) = first_record(text, cutter) else {
        return Ok((Vec::new(), text.len() as u64));
    };
    let mut fields = Vec::new();
    let place = Place::Input { offset: from as u64, record: 1 };
    cutter.split(&text[from..end], usize::MAX, &mut fields).map_err(|_| open_quote(cutter, place))?;
    if fields.len() > columns {
        return Err(too_many_columns(columns, fields.len()).at(place));
    }
    Ok((fields.into_iter().map(Cow::into_owned).collect(), next as u64))
}

pub(super) fn open_quote(cutter: &Cutter, place: Place) -> SelectError {
    let message = "expected a quote that ends the field, found the end of the record";
    let (code, hint) = if cutter.has_quoted_records() {
        (Code::CsvParsingError, "see whether the quote characters that the request names are the object's")
    } else {
        (Code::CsvUnescapedQuote, "where records may hold quoted delimiters, set AllowQuotedRecordDelimiter")
    };
    SelectError::new(code, "cannot read CSV", message).at(place).hint(hint)
}

pub(super) fn too_many_columns(limit: usize, found: usize) -> SelectError {
    let message = format!("expected at most {limit} columns, found {found}");
    SelectError::new(Code::OverMaxColumn, "cannot read CSV", message)
}
