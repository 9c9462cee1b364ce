//! A statement run over a stream.
//!
//! JSON lines and CSV are cut into chunks of whole records, and Parquet into batches of rows, which workers take; their
//! results come back in the order of the chunks. A JSON document is read by the caller's thread alone.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use crate::access::{Blocks, RandomAccess, Sequential, record_from};
use crate::aggregate::Gathered;
use crate::ast::{List, Name};
use crate::csv::Cutter;
use crate::document::{Document, Halt, Hold};
use crate::error::{Code, Place, SelectError};
use crate::eval::{Scope, eval, truth};
use crate::format::{CsvInput, Header, InputFormat, Options, OutputFormat};
use crate::json::{Flaw, skip_space, skip_value, write_string};
use crate::limits::{CHUNK_BYTES, MAX_THREADS, PROGRESS_BYTES, RECORDS_EVENT_BYTES};
use crate::output::Writer;
use crate::parquet::{Rows, Table};
use crate::query::Query;
use crate::record::{Record, Span, Yield, find_fields, walk};
use crate::row::{Row, TooLong, is_nested, write_document};
use crate::source::{Chunk, Chunks, Counted, decompressed, too_long, unread};

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Bytes that were read of the object as it is stored.
    pub bytes_scanned: u64,
    /// Bytes that were read of it after decompression.
    pub bytes_processed: u64,
    /// Bytes of records that were given away.
    pub bytes_returned: u64,
}

/// What a run gives away, in the order of Amazon's event stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event<'e> {
    /// Records, at most [`RECORDS_EVENT_BYTES`]; a record may begin in one event and end in a later one.
    Records(&'e [u8]),
    /// Each [`PROGRESS_BYTES`] of the object.
    Progress(Stats),
    /// Once, after all records.
    Stats(Stats),
    /// Last, if all went well.
    End,
}

/// Takes events. An error ends the run with [`Code::ConnectionClosedByRequester`].
pub type Sink<'s> = dyn FnMut(Event<'_>) -> io::Result<()> + 's;

impl Query {
    /// Runs the statement over an object, from its first byte.
    ///
    /// Memory is bounded by [`crate::Limits`]: some chunks of 1 MiB for each worker, one record, and of a JSON document the
    /// one value that is asked for.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong in the order of the object: what can be read before is given away before.
    pub fn run(
        &self,
        input: &mut dyn Read,
        options: &Options,
        sink: &mut Sink<'_>,
    ) -> Result<Stats, SelectError> {
        options.check()?;
        if options.input == Some(InputFormat::Parquet) {
            return self.run_parquet(held(input, options)?, options, sink);
        }
        let scanned = Cell::new(0);
        let mut input = decompressed(Counted { inner: input, bytes: &scanned }, options.compression)?;
        let mut emitter = Emitter::new(self, &scanned, sink);
        let done = match &options.input {
            None | Some(InputFormat::JsonDocument) => self.run_document(&mut *input, options, &mut emitter),
            Some(InputFormat::JsonLines) => self.run_lines(&mut *input, options, &mut emitter),
            Some(InputFormat::Csv(csv)) => self.run_csv(&mut *input, csv, options, &mut emitter),
            Some(InputFormat::Parquet) => Ok(()),
        };
        emitter.end(done, options)
    }

    /// The same for an object that is read from any place in it: of Parquet, only what the statement needs is read, and of
    /// lines and CSV, only the range.
    ///
    /// # Errors
    ///
    /// As [`Query::run`].
    pub fn run_at(
        &self,
        object: &Arc<dyn RandomAccess>,
        options: &Options,
        sink: &mut Sink<'_>,
    ) -> Result<Stats, SelectError> {
        options.check()?;
        if options.input == Some(InputFormat::Parquet) {
            return self.run_parquet(Arc::clone(object), options, sink);
        }
        let delimiter = match &options.input {
            Some(InputFormat::JsonLines) => Some(b'\n'),
            Some(InputFormat::Csv(csv)) => match csv.record_delimiter.as_bytes() {
                [byte] => Some(*byte),
                _ => None,
            },
            _ => None,
        };
        if let (Some(range), Some(delimiter)) = (options.range, delimiter)
            && range.start > CHUNK_BYTES as u64
        {
            return self.run_range(&**object, (range.start, delimiter), options, sink);
        }
        self.run(&mut Sequential::new(&**object), options, sink)
    }

    fn run_parquet(
        &self,
        object: Arc<dyn RandomAccess>,
        options: &Options,
        sink: &mut Sink<'_>,
    ) -> Result<Stats, SelectError> {
        let blocks = Arc::new(Blocks::new(object));
        let scanned = Cell::new(0);
        let mut emitter = Emitter::new(self, &scanned, sink);
        let done = Table::open(&blocks, self, options).and_then(|mut table| {
            scanned.set(blocks.scanned_bytes());
            let names = table.names.clone();
            let worker = Worker::new(self, options, &names, table.places.clone());
            let documents = table.documents;
            let next = |_: &mut Vec<Vec<u8>>| {
                let rows = table.next();
                scanned.set(blocks.scanned_bytes());
                rows
            };
            run_jobs(next, |rows| worker.rows(&rows, &names, documents), options.threads, &mut emitter)
        });
        emitter.end(done, options)
    }

    fn run_document(
        &self,
        input: &mut dyn Read,
        options: &Options,
        emitter: &mut Emitter<'_, '_>,
    ) -> Result<(), SelectError> {
        if emitter.is_full() {
            return Ok(());
        }
        let worker = Worker::new(self, options, &[], Vec::new());
        let mut found = Found::new(self);
        let mut spans = Vec::new();
        let mut document = Document::new(input, options.compression, options.limits, self.hold());
        let mut read = 0;
        let walked = document.walk(&self.select.from.steps, &mut |text, offset| {
            let record = match text {
                None => Record::Missing,
                Some(text) => {
                    let fields = worker.find_fields(text, 0, &mut spans);
                    fields.map_err(|flaw| no_json(flaw, text))??;
                    Record::Json { text, names: &self.names, fields: &spans }
                }
            };
            worker.take(record, &mut found)?;
            let enough = emitter.left.is_some_and(|left| found.ends.len() as u64 >= left);
            if enough || found.out.len() >= CHUNK_BYTES || offset - read >= CHUNK_BYTES as u64 {
                read = offset;
                emitter.processed = offset;
                emitter.take(std::mem::replace(&mut found, Found::new(self)))?;
                if emitter.is_full() {
                    return Err(Halt::Enough);
                }
            }
            Ok(())
        });
        emitter.processed = document.position();
        emitter.take(found)?;
        walked
    }

    /// What a document's records are kept of.
    fn hold(&self) -> Hold<'_> {
        // `_1` may be the record itself.
        if self.whole_record || self.names.iter().any(|name| name.text == "_1") {
            Hold::Whole
        } else if self.names.is_empty() {
            Hold::Nothing
        } else {
            Hold::Fields(&self.names)
        }
    }

    fn run_lines(
        &self,
        input: &mut dyn Read,
        options: &Options,
        emitter: &mut Emitter<'_, '_>,
    ) -> Result<(), SelectError> {
        let cutter = Cutter::lines();
        let chunks = Chunks::new(input, options.compression, &cutter, options.limits.record_bytes);
        run_chunks(&self.lines_worker(&cutter, options), chunks, None, options.threads, emitter)
    }

    fn lines_worker<'q>(&'q self, cutter: &'q Cutter, options: &'q Options) -> Worker<'q> {
        Worker { lines: true, cutter: Some(cutter), ..Worker::new(self, options, &[], Vec::new()) }
    }

    fn run_csv(
        &self,
        input: &mut dyn Read,
        csv: &CsvInput,
        options: &Options,
        emitter: &mut Emitter<'_, '_>,
    ) -> Result<(), SelectError> {
        let cutter = Cutter::new(csv);
        let mut chunks = Chunks::new(input, options.compression, &cutter, options.limits.record_bytes);
        let first = chunks.next(Vec::new())?;
        let worker = self.csv_worker(first.as_ref(), csv, &cutter, options)?;
        run_chunks(&worker, chunks, first, options.threads, emitter)
    }

    /// Knows the columns, by the header in the object's first chunk.
    fn csv_worker<'q>(
        &'q self,
        first: Option<&Chunk>,
        csv: &CsvInput,
        cutter: &'q Cutter,
        options: &'q Options,
    ) -> Result<Worker<'q>, SelectError> {
        let (header, begin) = match (first, csv.header) {
            (Some(chunk), Header::Use | Header::Ignore) => {
                let (text, no_text) = whole_text(chunk, cutter);
                match (header(text, cutter, options.limits.columns)?, no_text) {
                    ((_, begin), Some(byte)) if begin >= text.len() as u64 => return Err(byte.refused(1)),
                    (header, _) => header,
                }
            }
            _ => (Vec::new(), 0),
        };
        let header = if csv.header == Header::Use { header } else { Vec::new() };
        let columns = if first.is_some() { self.columns_of(&header, csv.header)? } else { Vec::new() };
        let mut worker = Worker::new(self, options, &header, columns);
        worker.cutter = Some(cutter);
        worker.first = worker.first.max(begin);
        Ok(worker)
    }

    /// Lines or CSV from the first record of a range on, without what lies before but for a header.
    fn run_range(
        &self,
        object: &dyn RandomAccess,
        (start, delimiter): (u64, u8),
        options: &Options,
        sink: &mut Sink<'_>,
    ) -> Result<Stats, SelectError> {
        let scanned = Cell::new(0);
        let mut emitter = Emitter::new(self, &scanned, sink);
        let limit = options.limits.record_bytes;
        let none = options.compression;
        let run = |emitter: &mut Emitter<'_, '_>| {
            let cutter = match &options.input {
                Some(InputFormat::Csv(csv)) => Cutter::new(csv),
                _ => Cutter::lines(),
            };
            let worker = match &options.input {
                Some(InputFormat::Csv(csv)) if csv.header != Header::None => {
                    let mut near = Sequential::new(object);
                    let mut near = Counted { inner: &mut near, bytes: &scanned };
                    let first = Chunks::new(&mut near, none, &cutter, limit).next(Vec::new())?;
                    self.csv_worker(first.as_ref(), csv, &cutter, options)?
                }
                // Without a header all that counts is that there is something.
                Some(InputFormat::Csv(csv)) => {
                    let something = Chunk { buffer: Vec::new(), length: 0, offset: 0 };
                    self.csv_worker(Some(&something), csv, &cutter, options)?
                }
                _ => self.lines_worker(&cutter, options),
            };
            let offset = record_from(object, start, delimiter).map_err(|error| unread(error, none))?;
            let mut far = Sequential::at(object, offset);
            let mut far = Counted { inner: &mut far, bytes: &scanned };
            let chunks = Chunks::new(&mut far, none, &cutter, limit).beginning_at(offset);
            run_chunks(&worker, chunks, None, options.threads, emitter)
        };
        let done = run(&mut emitter);
        emitter.end(done, options)
    }

    /// Which column each of the statement's names is.
    fn columns_of(&self, header: &[String], kind: Header) -> Result<Vec<usize>, SelectError> {
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
            refused(Code::MissingHeaders, message).hint(format!("columns are {}", columns.join(", ")))
        }
        Header::None | Header::Ignore => refused(Code::MissingHeaders, message)
            .hint("columns are called `_1`, `_2`, or by their header with FileHeaderInfo USE"),
    })
}

/// A stream as a whole, for what cannot be read as one.
fn held(input: &mut dyn Read, options: &Options) -> Result<Arc<dyn RandomAccess>, SelectError> {
    let limit = options.limits.document_bytes;
    let mut bytes = Vec::new();
    io::copy(&mut input.take(limit as u64 + 1), &mut bytes)
        .map_err(|error| unread(error, options.compression))?;
    if bytes.len() > limit {
        let message = format!("expected at most {limit} bytes of Parquet in a stream, found more");
        return Err(SelectError::new(Code::OverMaxRecordSize, "cannot hold object", message)
            .hint("give the object as a file or by its address, and not as a stream"));
    }
    Ok(Arc::new(bytes))
}

/// The names in the first record, and where the second one begins.
fn header(text: &str, cutter: &Cutter, columns: usize) -> Result<(Vec<String>, u64), SelectError> {
    let mut from = if text.starts_with('\u{feff}') { 3 } else { 0 };
    while from < text.len() {
        let (end, next) = cutter.record_end(text.as_bytes(), from).unwrap_or((text.len(), text.len()));
        let record = &text[from..end];
        if !record.is_empty() && !cutter.is_comment(record.as_bytes()) {
            let mut fields = Vec::new();
            let place = Place::Input { offset: from as u64, record: 1 };
            cutter.split(record, usize::MAX, &mut fields).map_err(|_| open_quote(cutter, place))?;
            if fields.len() > columns {
                return Err(too_many_columns(columns, fields.len()).at(place));
            }
            return Ok((fields.into_iter().map(Cow::into_owned).collect(), next as u64));
        }
        from = next;
    }
    Ok((Vec::new(), text.len() as u64))
}

fn open_quote(cutter: &Cutter, place: Place) -> SelectError {
    let message = "expected a quote that ends the field, found the end of the record";
    let (code, hint) = if cutter.has_quoted_records() {
        (Code::CsvParsingError, "see whether the quote characters that the request names are the object's")
    } else {
        (Code::CsvUnescapedQuote, "where records may hold quoted delimiters, set AllowQuotedRecordDelimiter")
    };
    SelectError::new(code, "cannot read CSV", message).at(place).hint(hint)
}

fn too_many_columns(limit: usize, found: usize) -> SelectError {
    let message = format!("expected at most {limit} columns, found {found}");
    SelectError::new(Code::OverMaxColumn, "cannot read CSV", message)
}

fn no_json(flaw: Flaw, text: &str) -> SelectError {
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
struct NoText {
    byte: u8,
    offset: u64,
}

impl NoText {
    fn refused(&self, record: u64) -> SelectError {
        let message = format!("expected UTF-8, found byte {:#04x}", self.byte);
        SelectError::new(Code::InvalidTextEncoding, "cannot read object", message)
            .at(Place::Input { offset: self.offset, record })
    }
}

/// The records of a chunk that are text, up to the first one that is none.
fn whole_text<'c>(chunk: &'c Chunk, cutter: &Cutter) -> (&'c str, Option<NoText>) {
    let bytes = &chunk.buffer[..chunk.length];
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => return (text, None),
        Err(error) => error.valid_up_to(),
    };
    let no_text = NoText { byte: bytes[valid], offset: chunk.offset + valid as u64 };
    let whole = cutter.last_end(&bytes[..valid]).unwrap_or(0);
    (std::str::from_utf8(&bytes[..whole]).unwrap_or_default(), Some(no_text))
}

/// What was found in some records.
#[derive(Debug, Default)]
struct Found {
    out: Vec<u8>,
    /// Where each record of `out` ends, if there is a limit.
    ends: Vec<usize>,
    gathered: Vec<Gathered>,
    /// Records that were read.
    records: u64,
    processed: u64,
    error: Option<SelectError>,
    /// To be used again.
    buffer: Vec<u8>,
}

impl Found {
    fn new(query: &Query) -> Found {
        let gathered = query.aggregates.iter().map(|(aggregate, _)| Gathered::new(*aggregate)).collect();
        Found { gathered, ..Found::default() }
    }
}

/// What all workers share.
struct Worker<'q> {
    query: &'q Query,
    options: &'q Options,
    writer: Writer<'q>,
    cutter: Option<&'q Cutter>,
    /// Whether records are JSON; else CSV.
    lines: bool,
    /// Columns of the statement's names.
    columns: Vec<usize>,
    /// Columns that must be cut.
    most: usize,
    /// Records that begin between these bytes count.
    first: u64,
    last: u64,
}

impl<'q> Worker<'q> {
    fn new(query: &'q Query, options: &'q Options, header: &[String], columns: Vec<usize>) -> Worker<'q> {
        let names = if query.columns.is_empty() { header } else { &query.columns };
        let all = matches!(query.select.list, List::All { .. });
        let most =
            if all { usize::MAX } else { columns.iter().max().map_or(1, |column| column.saturating_add(1)) };
        let (first, last) = options.range.map_or((0, u64::MAX), |range| (range.start, range.end));
        let writer = Writer::new(&options.output, names);
        Worker { query, options, writer, cutter: None, lines: false, columns, most, first, last }
    }

    /// Checks the value at `at` and finds the fields that are asked for; says where it ends.
    fn find_fields(
        &self,
        text: &str,
        at: usize,
        spans: &mut Vec<Span>,
    ) -> Result<Result<usize, SelectError>, Flaw> {
        if self.query.names.is_empty() {
            return Ok(Ok(skip_value(text.as_bytes(), at, self.options.limits.depth)?));
        }
        find_fields(text, at, self.options.limits.depth, &self.query.names, spans)
    }

    /// Selects a record or not.
    fn take(&self, record: Record<'_>, found: &mut Found) -> Result<(), SelectError> {
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

    fn work(&self, chunk: Chunk) -> Found {
        let mut found = Found::new(self.query);
        let cutter = self.cutter.expect("chunks are made by a cutter");
        let (text, no_text) = whole_text(&chunk, cutter);
        let done = self.records(text, cutter, chunk.offset, &mut found).and_then(|()| match no_text {
            // The record it is in begins where the text ends.
            Some(byte) if (self.first..=self.last).contains(&(chunk.offset + text.len() as u64)) => {
                Err(byte.refused(found.records + 1))
            }
            _ => Ok(()),
        });
        found.error = done.err();
        found.processed = chunk.length as u64;
        found.buffer = chunk.buffer;
        found
    }

    /// All records of a chunk.
    fn records(
        &self,
        text: &str,
        cutter: &Cutter,
        offset: u64,
        found: &mut Found,
    ) -> Result<(), SelectError> {
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
        }
        Ok(())
    }

    /// Rows of columns with these names; as documents, or by their fields alone.
    fn rows(&self, rows: &Rows, names: &[String], documents: bool) -> Found {
        let mut found = Found::new(self.query);
        let mut texts = vec![String::new(); if documents { 1 } else { rows.columns.len() }];
        let mut spans = Vec::new();
        for number in 0..rows.count {
            found.records += 1;
            let before = found.out.len();
            let done = if documents {
                self.document_row(rows, number, names, &mut texts[0], &mut spans, &mut found)
            } else {
                self.row(rows, number, &mut texts, &mut found)
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
        }
        found.processed = rows.processed;
        found
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

/// What goes wrong in a line.
enum Trouble {
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

fn run_chunks(
    worker: &Worker<'_>,
    mut chunks: Chunks<'_>,
    first: Option<Chunk>,
    threads: usize,
    emitter: &mut Emitter<'_, '_>,
) -> Result<(), SelectError> {
    let mut first = first;
    let next = |spare: &mut Vec<Vec<u8>>| -> Result<Option<Chunk>, SelectError> {
        loop {
            let chunk = match first.take() {
                Some(chunk) => Some(chunk),
                None => chunks.next(spare.pop().unwrap_or_default())?,
            };
            match chunk {
                Some(chunk) if chunk.offset > worker.last => return Ok(None),
                // Wholly before the range.
                Some(chunk) if chunk.offset + chunk.length as u64 <= worker.first => spare.push(chunk.buffer),
                chunk => return Ok(chunk),
            }
        }
    };
    run_jobs(next, |chunk| worker.work(chunk), threads, emitter)
}

/// Has `work` done by workers, while the caller's thread makes the jobs with `next`, which is given buffers to use again,
/// and takes the results in the order of the jobs.
fn run_jobs<J: Send>(
    mut next: impl FnMut(&mut Vec<Vec<u8>>) -> Result<Option<J>, SelectError>,
    work: impl Fn(J) -> Found + Sync,
    threads: usize,
    emitter: &mut Emitter<'_, '_>,
) -> Result<(), SelectError> {
    let mut spare: Vec<Vec<u8>> = Vec::new();
    let keep = |spare: &mut Vec<Vec<u8>>, buffer: Vec<u8>| {
        if !buffer.is_empty() {
            spare.push(buffer);
        }
    };
    if threads <= 1 {
        while !emitter.is_full() {
            let Some(job) = next(&mut spare)? else { break };
            let buffer = emitter.take(work(job))?;
            keep(&mut spare, buffer);
        }
        return Ok(());
    }
    let threads = threads.min(MAX_THREADS);
    let work = &work;
    std::thread::scope(|scope| {
        let (jobs, queue) = channel::<(J, Sender<Found>)>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            scope.spawn(move || {
                while let Some((job, results)) = take_job(&queue) {
                    // Nobody waits any more where the run has ended.
                    let _ = results.send(work(job));
                }
            });
        }
        let mut waiting: VecDeque<Receiver<Found>> = VecDeque::new();
        let mut read = Ok(());
        while !emitter.is_full() {
            if waiting.len() < threads * 2 && read.is_ok() {
                match next(&mut spare) {
                    Ok(Some(job)) => {
                        let (results, receiver) = channel();
                        waiting.push_back(receiver);
                        jobs.send((job, results)).expect("workers wait for jobs as long as this end is open");
                        continue;
                    }
                    Ok(None) if waiting.is_empty() => break,
                    Ok(None) => {}
                    Err(error) => read = Err(error),
                }
            }
            let Some(receiver) = waiting.pop_front() else { break };
            let found = receiver.recv().expect("a worker answers every job");
            let buffer = emitter.take(found)?;
            keep(&mut spare, buffer);
        }
        read
    })
}

fn take_job<J>(queue: &Mutex<Receiver<J>>) -> Option<J> {
    queue.lock().ok()?.recv().ok()
}

/// Gives events away.
struct Emitter<'e, 's> {
    query: &'e Query,
    scanned: &'e Cell<u64>,
    sink: &'e mut Sink<'s>,
    out: Vec<u8>,
    gathered: Vec<Gathered>,
    /// Records that may still be given away.
    left: Option<u64>,
    records: u64,
    processed: u64,
    returned: u64,
    told: u64,
}

impl<'e, 's> Emitter<'e, 's> {
    fn new(query: &'e Query, scanned: &'e Cell<u64>, sink: &'e mut Sink<'s>) -> Emitter<'e, 's> {
        let gathered = Found::new(query).gathered;
        let left = query.select.limit.filter(|_| !query.is_aggregate());
        Emitter {
            query,
            scanned,
            sink,
            out: Vec::new(),
            gathered,
            left,
            records: 0,
            processed: 0,
            returned: 0,
            told: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.left == Some(0)
    }

    fn stats(&self) -> Stats {
        Stats {
            bytes_scanned: self.scanned.get(),
            bytes_processed: self.processed,
            bytes_returned: self.returned,
        }
    }

    fn send(sink: &mut Sink<'_>, event: Event<'_>) -> Result<(), SelectError> {
        sink(event).map_err(|error| {
            let message = "the receiver of the records went away";
            SelectError::new(Code::ConnectionClosedByRequester, "cannot give away records", message)
                .caused_by(error)
        })
    }

    /// Takes what was found next in the order of the object, and gives the buffer back.
    fn take(&mut self, found: Found) -> Result<Vec<u8>, SelectError> {
        let mut out = found.out.as_slice();
        if let Some(left) = &mut self.left {
            let taken = found.ends.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= taken as u64;
            out = &out[..taken.checked_sub(1).map_or(0, |last| found.ends[last])];
        }
        while !out.is_empty() {
            let room = RECORDS_EVENT_BYTES - self.out.len();
            let (now, later) = out.split_at(room.min(out.len()));
            self.out.extend_from_slice(now);
            out = later;
            if self.out.len() == RECORDS_EVENT_BYTES {
                self.flush()?;
            }
        }
        for (gathered, later) in self.gathered.iter_mut().zip(found.gathered) {
            gathered.merge(later)?;
        }
        // After enough records nothing can go wrong any more.
        if let Some(error) = found.error.filter(|_| self.left != Some(0)) {
            return Err(error.moved(0, self.records));
        }
        self.records += found.records;
        self.processed += found.processed;
        if self.processed - self.told >= PROGRESS_BYTES {
            self.told = self.processed;
            self.flush()?;
            let stats = self.stats();
            Emitter::send(self.sink, Event::Progress(stats))?;
        }
        Ok(found.buffer)
    }

    fn flush(&mut self) -> Result<(), SelectError> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.returned += self.out.len() as u64;
        Emitter::send(self.sink, Event::Records(&self.out))?;
        self.out.clear();
        Ok(())
    }

    /// The one record of a statement of aggregates.
    fn aggregates(&mut self, options: &Options) -> Result<(), SelectError> {
        let List::Items(items) = &self.query.select.list else { return Ok(()) };
        if !self.query.is_aggregate() || self.query.select.limit == Some(0) {
            return Ok(());
        }
        let gathered = std::mem::take(&mut self.gathered);
        let results = gathered.into_iter().map(Gathered::finish).collect::<Result<Vec<_>, _>>()?;
        let scope = Scope { record: Record::Missing, now: options.now, aggregates: &results };
        let format: &OutputFormat = &options.output;
        let writer = Writer::new(format, &self.query.columns);
        let mut found = Found::default();
        writer.values(items.iter().map(|item| eval(&item.expr, &scope)), &mut found.out)?;
        self.left = None;
        self.take(found).map(|_| ())
    }

    /// What was found before an error is given away too.
    fn end(mut self, done: Result<(), SelectError>, options: &Options) -> Result<Stats, SelectError> {
        if let Err(error) = done.and_then(|()| self.aggregates(options)) {
            self.flush()?;
            return Err(error);
        }
        self.flush()?;
        let stats = self.stats();
        Emitter::send(self.sink, Event::Stats(stats))?;
        Emitter::send(self.sink, Event::End)?;
        Ok(stats)
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
