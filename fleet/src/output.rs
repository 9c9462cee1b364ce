//! Results as bytes: table, CSV, JSON, lines of JSON, Parquet; and where the bytes go.

mod csv;
mod json;
mod parquet;
mod place;
mod plan;
mod table;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::FormatOptions;

pub(crate) use place::Destination;
pub use place::Place;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Columns, for people.
    Table,
    /// A header and a line for each row; a text that a spreadsheet would take for a formula has an apostrophe before it.
    Csv,
    /// One array of objects.
    Json,
    /// An object on each line.
    Ndjson,
    /// A Parquet file.
    Parquet,
}

/// Rows on their way out.
pub(crate) trait Rows: Send {
    /// Adds what a batch comes to.
    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError>;

    /// Adds what stands behind the last.
    fn end(self: Box<Self>, out: &mut Vec<u8>) -> Result<(), ArrowError>;
}

/// A writer of rows with these columns; `width` is the terminal's, where there is one.
pub(crate) fn rows(
    format: Format,
    schema: &SchemaRef,
    width: Option<usize>,
) -> Result<Box<dyn Rows>, ArrowError> {
    Ok(match format {
        Format::Table if plan::is_plan(schema) => Box::new(plan::Plan),
        Format::Table => Box::new(table::Table::new(schema, width)),
        Format::Csv => Box::new(csv::Csv::new(schema)),
        Format::Json => Box::new(json::Json::array()),
        Format::Ndjson => Box::new(json::Json::lines()),
        Format::Parquet => Box::new(parquet::Parquet::new(schema)?),
    })
}

/// How values are written as text; null as the given word.
fn text_options(null: &'static str) -> FormatOptions<'static> {
    FormatOptions::default()
        .with_display_error(true)
        .with_null(null)
        .with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.fZ"))
        .with_timestamp_format(Some("%Y-%m-%dT%H:%M:%S%.f"))
}

#[cfg(test)]
#[path = "output/tests.rs"]
mod tests;
