//! What was found, given away in the order of the object.

use std::cell::Cell;

use super::worker::Found;
use super::{Event, Sink, Stats};
use crate::aggregate::Gathered;
use crate::ast::List;
use crate::error::{Code, SelectError};
use crate::eval::{Scope, eval};
use crate::format::{Options, OutputFormat};
use crate::limits::{PROGRESS_BYTES, RECORDS_EVENT_BYTES};
use crate::output::Writer;
use crate::query::Query;
use crate::record::Record;

/// Gives events away.
pub(super) struct Emitter<'e, 's> {
    query: &'e Query,
    scanned: &'e Cell<u64>,
    sink: &'e mut Sink<'s>,
    pub(super) out: Vec<u8>,
    pub(super) gathered: Vec<Gathered>,
    /// Records that may still be given away.
    pub(super) left: Option<u64>,
    pub(super) records: u64,
    pub(super) processed: u64,
    returned: u64,
    told: u64,
}

impl<'e, 's> Emitter<'e, 's> {
    pub(super) fn new(query: &'e Query, scanned: &'e Cell<u64>, sink: &'e mut Sink<'s>) -> Emitter<'e, 's> {
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

    pub(super) fn is_full(&self) -> bool {
        self.left == Some(0)
    }

    pub(super) fn stats(&self) -> Stats {
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
    pub(super) fn take(&mut self, found: Found) -> Result<Vec<u8>, SelectError> {
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
        let writer = Writer::new(format, &self.query.columns, options.limits.document_bytes);
        let mut found = Found::default();
        writer.values(items.iter().map(|item| eval(&item.expr, &scope)), &mut found.out)?;
        self.left = None;
        self.take(found).map(|_| ())
    }

    /// What was found before an error is given away too.
    pub(super) fn end(
        mut self,
        done: Result<(), SelectError>,
        options: &Options,
    ) -> Result<Stats, SelectError> {
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
