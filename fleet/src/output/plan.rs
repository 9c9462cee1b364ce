//! Plans, as `EXPLAIN` gives them: texts of many lines, one below the other.

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use datafusion::arrow::util::display::ArrayFormatter;
use plimsoll_report::printable;

use super::{Rows, text_options};

/// The columns of a plan.
const COLUMNS: [&str; 2] = ["plan_type", "plan"];

/// Whether rows are parts of a plan.
pub(super) fn is_plan(schema: &SchemaRef) -> bool {
    schema.fields().iter().map(|field| field.name().as_str()).eq(COLUMNS)
}

/// Parts of a plan.
pub(super) struct Plan;

impl Rows for Plan {
    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let options = text_options("");
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let columns: Vec<ArrayFormatter<'_>> = columns.collect::<Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            for column in &columns {
                for line in column.value(row).try_to_string()?.lines() {
                    out.extend(printable(line).trim_end().as_bytes());
                    out.push(b'\n');
                }
            }
        }
        Ok(())
    }

    fn end(self: Box<Self>, _: &mut Vec<u8>) -> Result<(), ArrowError> {
        Ok(())
    }
}
