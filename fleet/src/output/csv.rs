//! CSV: RFC 4180, with the apostrophe that keeps spreadsheets from taking texts for formulas.
//!
//! Source: RFC 4180; OWASP, "CSV Injection".

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, DataType, SchemaRef};
use datafusion::arrow::util::display::ArrayFormatter;
use plimsoll_report::printable;

use super::{Rows, text_options};

/// What a formula begins with.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '|', '%'];

/// Lines of CSV; null is an empty cell.
pub(super) struct Csv {
    header: Option<String>,
}

impl Csv {
    pub(super) fn new(schema: &SchemaRef) -> Self {
        let names: Vec<String> = schema.fields().iter().map(|field| cell(field.name(), true)).collect();
        Self { header: Some(names.join(",") + "\r\n") }
    }

    fn header(&mut self, out: &mut Vec<u8>) {
        out.extend(self.header.take().unwrap_or_default().as_bytes());
    }
}

impl Rows for Csv {
    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.header(out);
        let options = text_options("");
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let columns: Vec<ArrayFormatter<'_>> = columns.collect::<Result<_, _>>()?;
        let may_be_formula: Vec<bool> =
            batch.columns().iter().map(|column| !is_number(column.data_type())).collect();
        for row in 0..batch.num_rows() {
            for (at, column) in columns.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                let text = column.value(row).try_to_string()?;
                out.extend(cell(&text, may_be_formula[at]).as_bytes());
            }
            out.extend(b"\r\n");
        }
        Ok(())
    }

    fn end(mut self: Box<Self>, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.header(out);
        Ok(())
    }
}

/// Whether a minus is a number's sign.
fn is_number(kind: &DataType) -> bool {
    kind.is_numeric() || matches!(kind, DataType::Interval(_) | DataType::Duration(_))
}

/// A cell: in quotes where it has to be, and never a formula.
fn cell(text: &str, may_be_formula: bool) -> String {
    let mut text = printable(text).into_owned();
    if may_be_formula && text.trim_start().starts_with(FORMULA) {
        text.insert(0, '\'');
    }
    if text.contains(['"', ',', '\n', '\r', ';']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}
