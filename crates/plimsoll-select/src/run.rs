//! A statement run over a stream.
//!
//! JSON lines and CSV are cut into chunks of whole records, and Parquet into batches of rows, which workers take; their
//! results come back in the order of the chunks. A JSON document is read by the caller's thread alone.

mod columns;
mod emitter;
mod jobs;
mod worker;

use std::cell::Cell;
use std::io::{self, Read};
use std::sync::Arc;

use columns::{first_chunk, header};
use emitter::Emitter;
use jobs::{run_chunks, run_jobs};
use worker::{Found, Worker, no_json, whole_text};

use crate::access::{RandomAccess, Sequential, record_from};
use crate::blocks::Blocks;
use crate::csv::Cutter;
use crate::document::{Document, Halt, Hold};
use crate::error::{Code, SelectError};
use crate::format::{CsvInput, Header, InputFormat, Options};
use crate::limits::CHUNK_BYTES;
use crate::parquet::Table;
use crate::query::Query;
use crate::record::Record;
use crate::source::{Chunk, Chunks, Counted, decompressed, unread};

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
    /// Records, at most [`crate::RECORDS_EVENT_BYTES`]; a record may begin in one event and end in a later one.
    Records(&'e [u8]),
    /// Each [`crate::PROGRESS_BYTES`] of the object.
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
            run_jobs(next, |rows| worker.rows(rows, &names, documents), options.threads, &mut emitter)
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
        let first = first_chunk(&mut chunks, csv.header, &cutter, &mut emitter.processed)?;
        let worker = self.csv_worker(first.as_ref(), csv, &cutter, options)?;
        run_chunks(&worker, chunks, first, options.threads, emitter)
    }

    /// Knows the columns, by the header in the object's first chunk that has a record.
    fn csv_worker<'q>(
        &'q self,
        first: Option<&Chunk>,
        csv: &CsvInput,
        cutter: &'q Cutter,
        options: &'q Options,
    ) -> Result<Worker<'q>, SelectError> {
        let (header, begin) = match (first, csv.header) {
            (Some(chunk), Header::Use | Header::Ignore) => {
                let (text, no_text) = whole_text(&chunk.buffer[..chunk.length], chunk.offset, cutter);
                let header = header(text, cutter, options.limits.columns)
                    .map_err(|error| error.moved(chunk.offset, 0))?;
                match (header, no_text) {
                    ((_, begin), Some(byte)) if begin >= text.len() as u64 => return Err(byte.refused(1)),
                    ((names, begin), _) => (names, chunk.offset + begin),
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
                    let mut chunks = Chunks::new(&mut near, none, &cutter, limit);
                    let first = first_chunk(&mut chunks, csv.header, &cutter, &mut 0)?;
                    self.csv_worker(first.as_ref(), csv, &cutter, options)?
                }
                // Without a header all that counts is that there is something.
                Some(InputFormat::Csv(csv)) => {
                    let something = Chunk { buffer: Vec::new(), length: 0, from: 0, offset: 0 };
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

#[cfg(test)]
mod tests;
