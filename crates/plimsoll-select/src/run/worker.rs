//! What a worker finds in a chunk of records.

use std::borrow::Cow;

use super::columns::{open_quote, too_many_columns};
use crate::aggregate::Gathered;
use crate::ast::List;
use crate::csv::Cutter;
use crate::error::{Code, Place, SelectError};
use crate::eval::{Scope, eval, truth};
use crate::format::{InputFormat, Options};
use crate::json::{Flaw, skip_space, skip_value, write_string};
use crate::limits::RESULT_BYTES;
use crate::output::Writer;
use crate::parquet::Rows;
use crate::query::Query;
use crate::record::{Record, Span, Yield, find_fields, walk};
use crate::row::{Row, TooLong, is_nested, write_document};
use crate::source::{Chunk, too_long};

pub(super) fn no_json(flaw: Flaw, text: &str) -> SelectError {
    let found = text.as_bytes().get(flaw.offset).map_or_else(
        || "the end of the record".to_owned(),
        |byte| {
            if byte.is_ascii_graphic() {
                format!("`{}`", char::from(*byte))
            } else {
                format!("byte {byte:#04x}")
            }
        },
    );
    let message = format!("expected {}, found {found}", flaw.expected);
    SelectError::new(Code::JsonParsingError, "cannot read JSON", message)
}

/// A byte that is no text.
pub(super) struct NoText {
    byte: u8,
    offset: u64,
}

impl NoText {
    pub(super) fn refused(&self, record: u64) -> SelectError {
        let message = format!("expected UTF-8, found byte {:#04x}", self.byte);
        SelectError::new(Code::InvalidTextEncoding, "cannot read object", message)
            .at(Place::Input { offset: self.offset, record })
    }
}

/// The records that are text, up to the first one that is none; the bytes are whole records, from `offset` on.
pub(super) fn whole_text<'c>(bytes: &'c [u8], offset: u64, cutter: &Cutter) -> (&'c str, Option<NoText>) {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => return (text, None),
        Err(error) => error.valid_up_to(),
    };
    let no_text = NoText { byte: bytes[valid], offset: offset + valid as u64 };
    let whole = cutter.last_end(&bytes[..valid]).unwrap_or(0);
    (std::str::from_utf8(&bytes[..whole]).unwrap_or_default(), Some(no_text))
}

/// What was found in some records.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) out: Vec<u8>,
    /// Where each record of `out` ends, if there is a limit.
    pub(super) ends: Vec<usize>,
    pub(super) gathered: Vec<Gathered>,
    /// Records that were read.
    pub(super) records: u64,
    pub(super) processed: u64,
    pub(super) error: Option<SelectError>,
    /// To be used again.
    pub(super) buffer: Vec<u8>,
}

impl Found {
    pub(super) fn new(query: &Query) -> Found {
        let gathered = query.aggregates.iter().map(|(aggregate, _)| Gathered::new(*aggregate)).collect();
        Found { gathered, ..Found::default() }
    }
}

/// What all workers share.
pub(super) struct Worker<'q> {
    pub(super) query: &'q Query,
    pub(super) options: &'q Options,
    pub(super) writer: Writer<'q>,
    pub(super) cutter: Option<&'q Cutter>,
    /// Whether records are JSON; else CSV.
    pub(super) lines: bool,
    /// Columns of the statement's names.
    pub(super) columns: Vec<usize>,
    /// Columns that must be cut.
    pub(super) most: usize,
    /// Records that begin between these bytes count.
    pub(super) first: u64,
    pub(super) last: u64,
}

impl<'q> Worker<'q> {
    pub(super) fn new(
        query: &'q Query,
        options: &'q Options,
        header: &[String],
        columns: Vec<usize>,
    ) -> Worker<'q> {
        let names = if query.columns.is_empty() { header } else { &query.columns };
        let all = matches!(query.select.list, List::All { .. });
        let most =
            if all { usize::MAX } else { columns.iter().max().map_or(1, |column| column.saturating_add(1)) };
        let (first, last) = options.range.map_or((0, u64::MAX), |range| (range.start, range.end));
        let writer = Writer::new(&options.output, names, most_of_result(options));
        Worker { query, options, writer, cutter: None, lines: false, columns, most, first, last }
    }

    /// Checks the value at `at` and finds the fields that are asked for; says where it ends.
    pub(super) fn find_fields(
        &self,
        text: &str,
        at: usize,
        spans: &mut Vec<Span>,
    ) -> Result<Result<usize, SelectError>, Flaw> {
        if self.query.names.is_empty() {
            return Ok(Ok(skip_value(text.as_bytes(), at, self.options.limits.depth)?));
        }
        let end = find_fields(text, at, self.options.limits.depth, &self.query.names, spans)?;
        self.query.see(spans);
        Ok(end)
    }

    /// Selects a record or not.
    pub(super) fn take(&self, record: Record<'_>, found: &mut Found) -> Result<(), SelectError> {
        let query = self.query;
        let scope = Scope { record, now: self.options.now, aggregates: &[] };
        if let Some(filter) = &query.select.filter
            && truth(&eval(filter, &scope)?)? != Some(true)
        {
            return Ok(());
        }
        if query.is_aggregate() {
            for ((_, argument), gathered) in query.aggregates.iter().zip(&mut found.gathered) {
                match argument {
                    Some(argument) => gathered.add(&eval(argument, &scope)?)?,
                    None if matches!(record, Record::Missing) => {}
                    None => gathered.count_record(),
                }
            }
            return Ok(());
        }
        let before = found.out.len();
        let written = match &query.select.list {
            List::All { .. } => {
                self.writer.record(&record, &mut found.out);
                Ok(())
            }
            List::Items(items) => {
                self.writer.values(items.iter().map(|item| eval(&item.expr, &scope)), &mut found.out)
            }
        };
        if let Err(error) = written {
            found.out.truncate(before);
            return Err(error);
        }
        if query.select.limit.is_some() {
            found.ends.push(found.out.len());
        }
        Ok(())
    }

    /// What is in a chunk, and the chunk again where something is left in it.
    pub(super) fn work(&self, mut chunk: Chunk) -> (Found, Option<Chunk>) {
        let mut found = Found::new(self.query);
        let cutter = self.cutter.expect("chunks are made by a cutter");
        let bytes = &chunk.buffer[chunk.from..chunk.length];
        let done = self.text_records(bytes, chunk.offset + chunk.from as u64, cutter, &mut found);
        match done {
            Ok(Some(read)) => {
                found.processed = read as u64;
                chunk.from += read;
                return (found, Some(chunk));
            }
            Ok(None) => {}
            Err(error) => found.error = Some(error),
        }
        found.processed = (chunk.length - chunk.from) as u64;
        found.buffer = chunk.buffer;
        (found, None)
    }

    /// All records of a chunk, of which each that counts must be text; or how many bytes were read, where the records found
    /// are many and others follow.
    fn text_records(
        &self,
        bytes: &[u8],
        offset: u64,
        cutter: &Cutter,
        found: &mut Found,
    ) -> Result<Option<usize>, SelectError> {
        let mut read = 0;
        loop {
            let begin = offset + read as u64;
            let (text, no_text) = whole_text(&bytes[read..], begin, cutter);
            if let Some(part) = self.records(text, cutter, begin, found)? {
                return Ok(Some(read + part));
            }
            // The record it is in begins where the text ends.
            read += text.len();
            let begin = offset + read as u64;
            let Some(byte) = no_text else { return Ok(None) };
            if (self.first..=self.last).contains(&begin) {
                return Err(byte.refused(found.records + 1));
            }
            // It lies before the range or behind it. In front of a range all behind it is still to be read.
            match cutter.record_end(bytes, read) {
                Some((_, next)) if begin < self.first => read = next,
                _ => return Ok(None),
            }
        }
    }

    /// The records of a text, or how many bytes were read as in [`Worker::text_records`].
    fn records(
        &self,
        text: &str,
        cutter: &Cutter,
        offset: u64,
        found: &mut Found,
    ) -> Result<Option<usize>, SelectError> {
        let bytes = text.as_bytes();
        let mut from = if offset == 0 && text.starts_with('\u{feff}') { 3 } else { 0 };
        let mut spans = Vec::new();
        let mut fields = Vec::new();
        while from < bytes.len() {
            let begin = offset + from as u64;
            if begin > self.last {
                break;
            }
            let (end, next) = cutter.record_end(bytes, from).unwrap_or((bytes.len(), bytes.len()));
            if begin >= self.first {
                found.records += 1;
                let place = Place::Input { offset: begin, record: found.records };
                if end - from > self.options.limits.record_bytes {
                    return Err(too_long(self.options.limits.record_bytes, end - from, place));
                }
                let record = &text[from..end];
                if self.lines {
                    self.line(record, &mut spans, found).map_err(|trouble| match trouble {
                        Trouble::Flaw(flaw) => {
                            let offset = begin + flaw.offset as u64;
                            no_json(flaw, record).at(Place::Input { offset, record: found.records })
                        }
                        Trouble::Error(error) => error.at_least_at(place),
                    })?;
                } else {
                    self.csv(record, cutter, &mut fields, found, place)
                        .map_err(|error| error.at_least_at(place))?;
                }
                if self.query.select.limit.is_some_and(|limit| found.ends.len() as u64 >= limit) {
                    break;
                }
            }
            from = next;
            if found.out.len() >= RESULT_BYTES && from < bytes.len() {
                return Ok(Some(from));
            }
        }
        Ok(None)
    }

    /// Rows of columns with these names; as documents, or by their fields alone. Where the records found are many, the rows
    /// again, of which some are left.
    pub(super) fn rows(&self, mut rows: Rows, names: &[String], documents: bool) -> (Found, Option<Rows>) {
        let mut found = Found::new(self.query);
        found.processed = std::mem::take(&mut rows.processed);
        let mut texts = vec![String::new(); if documents { 1 } else { rows.columns.len() }];
        let mut spans = Vec::new();
        for number in rows.from..rows.count {
            found.records += 1;
            let before = found.out.len();
            let done = if documents {
                self.document_row(&rows, number, names, &mut texts[0], &mut spans, &mut found)
            } else {
                self.row(&rows, number, &mut texts, &mut found)
            };
            let longest = self.options.limits.record_bytes;
            let done = done.and_then(|()| {
                let written = found.out.len() - before;
                if written > longest { Err(too_long(longest, written, Place::Nowhere)) } else { Ok(()) }
            });
            if let Err(error) = done {
                found.out.truncate(before);
                let place = Place::Input { offset: rows.offset, record: found.records };
                found.error = Some(error.at_least_at(place));
                break;
            }
            if self.query.select.limit.is_some_and(|limit| found.ends.len() as u64 >= limit) {
                break;
            }
            if found.out.len() >= RESULT_BYTES && number + 1 < rows.count {
                rows.from = number + 1;
                return (found, Some(rows));
            }
        }
        (found, None)
    }

    fn row(
        &self,
        rows: &Rows,
        number: usize,
        texts: &mut [String],
        found: &mut Found,
    ) -> Result<(), SelectError> {
        for (column, text) in rows.columns.iter().zip(texts.iter_mut()) {
            if is_nested(column.data_type()) {
                self.write(text, |out, most| write_document(column.as_ref(), number, out, most))?;
            }
        }
        let row = Row { columns: &rows.columns, number, documents: texts, places: &self.columns };
        self.take(Record::Row(&row), found)
    }

    fn document_row(
        &self,
        rows: &Rows,
        number: usize,
        names: &[String],
        text: &mut String,
        spans: &mut Vec<Span>,
        found: &mut Found,
    ) -> Result<(), SelectError> {
        self.write(text, |out, most| {
            out.push(b'{');
            for (place, (column, name)) in rows.columns.iter().zip(names).enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                write_string(name, out);
                out.push(b':');
                write_document(column.as_ref(), number, out, most)?;
            }
            out.push(b'}');
            Ok(())
        })?;
        self.line(text, spans, found).map_err(|trouble| match trouble {
            Trouble::Flaw(flaw) => no_json(flaw, text),
            Trouble::Error(error) => error,
        })
    }

    /// Writes a text anew, up to the limit of a record.
    fn write(
        &self,
        text: &mut String,
        write: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), TooLong>,
    ) -> Result<(), SelectError> {
        let most = self.options.limits.record_bytes;
        let mut bytes = std::mem::take(text).into_bytes();
        bytes.clear();
        write(&mut bytes, most).map_err(|TooLong| too_long(most, bytes.len(), Place::Nowhere))?;
        *text = String::from_utf8(bytes).expect("documents are written of text");
        Ok(())
    }

    /// The values of a line, of which there is usually one.
    fn line(&self, line: &str, spans: &mut Vec<Span>, found: &mut Found) -> Result<(), Trouble> {
        let bytes = line.as_bytes();
        let steps = &self.query.select.from.steps;
        let names = &self.query.names;
        let mut at = skip_space(bytes, 0);
        while at < bytes.len() {
            let end;
            if steps.is_empty() {
                end = self.find_fields(line, at, spans)??;
                let record = Record::Json { text: &line[at..end], names, fields: &[] };
                if names.is_empty() {
                    self.take(record, found)?;
                } else {
                    // Fields were found by their place in the line.
                    for (from, to) in spans.iter_mut().flatten() {
                        *from -= at;
                        *to -= at;
                    }
                    self.take(Record::Json { text: &line[at..end], names, fields: spans }, found)?;
                }
            } else {
                end = skip_value(bytes, at, self.options.limits.depth)?;
                walk(&line[at..end], steps, true, &mut |yielded| match yielded {
                    Yield::Missing => self.take(Record::Missing, found),
                    Yield::Value(text) => {
                        self.find_fields(text, 0, spans).map_err(|flaw| no_json(flaw, text))??;
                        self.take(Record::Json { text, names, fields: spans }, found)
                    }
                })?;
            }
            at = skip_space(bytes, end);
        }
        Ok(())
    }

    fn csv<'t>(
        &self,
        record: &'t str,
        cutter: &Cutter,
        fields: &mut Vec<Cow<'t, str>>,
        found: &mut Found,
        place: Place,
    ) -> Result<(), SelectError> {
        if record.is_empty() || cutter.is_comment(record.as_bytes()) {
            return Ok(());
        }
        cutter.split(record, self.most, fields).map_err(|_| open_quote(cutter, place))?;
        if fields.len() > self.options.limits.columns {
            return Err(too_many_columns(self.options.limits.columns, fields.len()));
        }
        self.take(Record::Csv { fields, columns: &self.columns }, found)
    }
}

/// Longest record of a select list's values, in bytes: as long as what they are made of.
fn most_of_result(options: &Options) -> usize {
    match options.input {
        None | Some(InputFormat::JsonDocument) => options.limits.document_bytes,
        Some(_) => options.limits.record_bytes,
    }
}

/// What goes wrong in a line.
pub(super) enum Trouble {
    Flaw(Flaw),
    Error(SelectError),
}

impl From<Flaw> for Trouble {
    fn from(flaw: Flaw) -> Trouble {
        Trouble::Flaw(flaw)
    }
}

impl From<SelectError> for Trouble {
    fn from(error: SelectError) -> Trouble {
        Trouble::Error(error)
    }
}
