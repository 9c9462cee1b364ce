//! A report's bytes to rows.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, SchemaRef};
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use plimsoll_report::read_scan;
use plimsoll_store::layout;
use plimsoll_tables::{Rows, ScanFacts, Table};

use super::files::ReportFile;

/// Makes the rows of one table of reports.
pub(super) struct Reader {
    rows: Rows,
    /// Where each column of the result comes from: the table's, by its place among those that are made, or the day.
    order: Vec<Option<usize>>,
    schema: SchemaRef,
    days: StringBuilder,
}

impl Reader {
    /// With these columns; the one behind the table's own is the day.
    pub(super) fn new(table: Table, columns: &[usize], schema: SchemaRef) -> Self {
        let own = table.columns().len();
        let made: Vec<usize> = columns.iter().copied().filter(|column| *column < own).collect();
        let mut next = 0..;
        let order = columns.iter().map(|column| if *column < own { next.next() } else { None }).collect();
        Self { rows: Rows::new(table, Some(&made)), order, schema, days: StringBuilder::new() }
    }

    pub(super) fn count(&self) -> usize {
        self.rows.count()
    }

    /// Adds the rows of a report; or says why it is none.
    pub(super) fn push(&mut self, file: &ReportFile, bytes: &[u8]) -> Result<(), String> {
        let read = if file.is_compressed() {
            read_scan(&mut MultiGzDecoder::new(bytes), &file.name)
        } else {
            read_scan(&mut &*bytes, &file.name)
        };
        let stored = read.map_err(|error| cause(&error))?;
        // What a store has named says when it was; of another file it is when it was written.
        let named = layout::scan_of(file.meta.location.filename().unwrap_or_default());
        let (time, scan_id) = if let Some((time, id)) = named {
            (time, id.to_owned())
        } else {
            let modified = file.meta.last_modified.timestamp_millis();
            let time = Timestamp::from_millisecond(modified).unwrap_or(Timestamp::UNIX_EPOCH);
            (time, layout::scan_id(time, &layout::hex_digest(bytes)))
        };
        let facts = ScanFacts::of_report(&stored, time.as_millisecond(), &scan_id, &file.name);
        let before = self.rows.count();
        self.rows.push(&facts);
        if self.order.contains(&None) {
            let day = facts.day();
            (before..self.rows.count()).for_each(|_| self.days.append_value(&day));
        }
        Ok(())
    }

    /// The rows since the last time.
    pub(super) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let batch = self.rows.finish();
        let days: ArrayRef = Arc::new(self.days.finish());
        let columns = self.order.iter().map(|column| match column {
            Some(column) => Arc::clone(batch.column(*column)),
            None => Arc::clone(&days),
        });
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns.collect(), &options)
    }
}

/// An error and what is below it, on one line.
fn cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(below) = source {
        let more = below.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = below.source();
    }
    text
}
