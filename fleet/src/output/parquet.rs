//! A Parquet file, in row groups as they fill.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;

use super::Rows;

/// Rows of a row group.
const ROW_GROUP_ROWS: usize = 1 << 17;

/// A file as it grows; what is finished is taken out after every batch.
pub(super) struct Parquet {
    writer: ArrowWriter<Shared>,
    bytes: Shared,
}

/// Bytes that the writer adds to and we take from.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn take(&self, out: &mut Vec<u8>) {
        out.append(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Parquet {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, ArrowError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .build();
        let bytes = Shared::default();
        let writer = ArrowWriter::try_new(bytes.clone(), Arc::clone(schema), Some(properties))?;
        Ok(Self { writer, bytes })
    }
}

impl Rows for Parquet {
    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.writer.write(batch)?;
        self.bytes.take(out);
        Ok(())
    }

    fn end(self: Box<Self>, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.writer.close()?;
        self.bytes.take(out);
        Ok(())
    }
}
