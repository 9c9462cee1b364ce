//! JSON: an array of objects, or an object on each line. Every column stands in every object; null is written.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use datafusion::arrow::json::WriterBuilder;
use datafusion::arrow::json::writer::LineDelimited;

use super::Rows;

/// Objects on lines; in an array with brackets around and commas between.
pub(super) struct Json {
    is_array: bool,
    has_rows: bool,
}

impl Json {
    pub(super) fn array() -> Self {
        Self { is_array: true, has_rows: false }
    }

    pub(super) fn lines() -> Self {
        Self { is_array: false, has_rows: false }
    }
}

impl Rows for Json {
    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let mut lines = Vec::new();
        let builder = WriterBuilder::new()
            .with_explicit_nulls(true)
            .with_timestamp_tz_format("%Y-%m-%dT%H:%M:%S%.fZ".to_owned());
        let mut writer = builder.build::<_, LineDelimited>(&mut lines);
        writer.write(batch)?;
        writer.finish()?;
        if !self.is_array {
            out.extend(lines);
            return Ok(());
        }
        // Line ends within texts are escaped: every one stands behind an object.
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            out.extend(if self.has_rows { b",\n".as_slice() } else { b"[\n" });
            out.extend(line);
            self.has_rows = true;
        }
        Ok(())
    }

    fn end(self: Box<Self>, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        match (self.is_array, self.has_rows) {
            (true, true) => out.extend(b"\n]\n"),
            (true, false) => out.extend(b"[]\n"),
            (false, _) => {}
        }
        Ok(())
    }
}
