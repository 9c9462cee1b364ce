//! Parquet files: written as every reader knows them, and read again.

use std::sync::Arc;

use arrow_array::{RecordBatch, new_null_array};
use arrow_select::concat::concat_batches;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};

use crate::error::{Error, Result};
use crate::schema::Table;

/// Rows of a row group: what a query reads or leaves out by the least and greatest value of each column.
const ROWS_OF_GROUP: usize = 128 * 1024;

/// Rows of a page: what is left out within a row group.
const ROWS_OF_PAGE: usize = 8 * 1024;

/// Rows that are read at once.
const ROWS_AT_ONCE: usize = 8 * 1024;

/// Level of zstd for files that stay.
const LEVEL: i32 = 3;

/// Level of zstd for files of one scan, which are compacted later.
const LEVEL_OF_SMALL: i32 = 1;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Of a scan or a few: small, and soon replaced.
    Small,
    /// Sorted by [`sort_columns`], and read many times.
    Sorted,
}

/// The columns that a table's compacted files are sorted by: what questions name.
pub(crate) fn sort_columns(table: Table) -> &'static [&'static str] {
    match table {
        Table::Images => &["repository", "tag", "image_digest"],
        Table::Layers => &["diff_id", "image_digest"],
        // Not by namespace first: "which images hold log4j" names none, and one name is in few namespaces.
        Table::Packages => &["package_name", "namespace", "package_version", "image_digest"],
        Table::Findings => &["vulnerability_id", "package_name", "package_version", "image_digest"],
        Table::Scans => &["repository", "tag", "scanned_at"],
        Table::Advisories => &["namespace", "advisory_name", "advisory_id"],
        Table::Waivers => &["vulnerability_id", "package_name"],
    }
}

/// Encodes batches of all columns of a table.
pub(crate) struct Writer {
    table: Table,
    writer: ArrowWriter<Vec<u8>>,
}

impl Writer {
    pub(crate) fn new(table: Table, form: Form) -> Result<Self> {
        let failed = |source| Error::Encode { table: table.name(), source };
        let level = if form == Form::Small { LEVEL_OF_SMALL } else { LEVEL };
        let mut properties = WriterProperties::builder()
            // What Athena, Spark, Trino, DuckDB and pyarrow read without more: pages of version 1, zstd.
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(level).map_err(failed)?))
            .set_max_row_group_row_count(Some(ROWS_OF_GROUP))
            .set_data_page_row_count_limit(ROWS_OF_PAGE)
            .set_created_by(format!("plimsoll version {}", env!("CARGO_PKG_VERSION")));
        properties = match form {
            // The least and greatest of each column, and no index of pages: there is one page.
            Form::Small => {
                properties.set_statistics_enabled(EnabledStatistics::Chunk).set_offset_index_disabled(true)
            }
            Form::Sorted => {
                let all = table.columns();
                let index = |name: &&str| all.iter().position(|column| column.name == *name);
                let sorted =
                    sort_columns(table).iter().filter_map(index).filter_map(|at| i32::try_from(at).ok());
                let sorting = sorted.map(|column_idx| SortingColumn {
                    column_idx,
                    descending: false,
                    nulls_first: true,
                });
                properties
                    .set_statistics_enabled(EnabledStatistics::Page)
                    .set_sorting_columns(Some(sorting.collect()))
            }
        };
        let options = ArrowWriterOptions::new()
            .with_properties(properties.build())
            // Nothing is lost by it, and a small file is a third smaller.
            .with_skip_arrow_metadata(true);
        let writer =
            ArrowWriter::try_new_with_options(Vec::new(), table.schema(), options).map_err(failed)?;
        Ok(Self { table, writer })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let table = self.table.name();
        self.writer.write(batch).map_err(|source| Error::Encode { table, source })
    }

    /// Bytes so far, roughly.
    pub(crate) fn size_bytes(&self) -> usize {
        self.writer.bytes_written() + self.writer.in_progress_size()
    }

    pub(crate) fn finish(self) -> Result<Bytes> {
        let table = self.table.name();
        self.writer.into_inner().map(Bytes::from).map_err(|source| Error::Encode { table, source })
    }
}

/// Encodes one batch.
pub(crate) fn encode(table: Table, form: Form, batch: &RecordBatch) -> Result<Bytes> {
    let mut writer = Writer::new(table, form)?;
    writer.write(batch)?;
    writer.finish()
}

/// Reads a file of a table: these columns of it, or all, in the order of the table. Columns that a file of an older
/// release does not have are null; more columns are left out.
///
/// `object`: its whole address, for messages.
///
/// # Errors
/// [`Error::Damaged`], [`Error::Columns`].
pub fn read_file(
    table: Table,
    object: &str,
    bytes: Bytes,
    columns: Option<&[&str]>,
) -> Result<impl Iterator<Item = Result<RecordBatch>>> {
    let damaged = |source| Error::Damaged { object: object.to_owned(), table: table.name(), source };
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(damaged)?;
    let wanted = match columns {
        None => table.schema(),
        Some(names) => {
            let schema = table.schema();
            let fields: Vec<_> =
                names.iter().filter_map(|name| schema.field_with_name(name).ok().cloned()).collect();
            Arc::new(arrow_schema::Schema::new(fields))
        }
    };
    let there = Arc::clone(builder.schema());
    for field in wanted.fields() {
        let wrong = |found: String| Error::Columns {
            object: object.to_owned(),
            table: table.name(),
            expected: format!("a column `{}` of type {}", field.name(), field.data_type()),
            found,
        };
        match there.field_with_name(field.name()) {
            Ok(found) if found.data_type() != field.data_type() => {
                return Err(wrong(format!("type {}", found.data_type())));
            }
            Err(_) if !field.is_nullable() => return Err(wrong("none".to_owned())),
            _ => {}
        }
    }
    let roots: Vec<usize> = (0..there.fields().len())
        .filter(|&root| wanted.field_with_name(there.field(root).name()).is_ok())
        .collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let reader = builder.with_projection(mask).with_batch_size(ROWS_AT_ONCE).build().map_err(damaged)?;
    let object = object.to_owned();
    Ok(reader.map(move |batch| {
        let batch = batch.map_err(|error| Error::Damaged {
            object: object.clone(),
            table: table.name(),
            source: error.into(),
        })?;
        let columns = wanted.fields().iter().map(|field| match batch.column_by_name(field.name()) {
            Some(column) => Arc::clone(column),
            None => new_null_array(field.data_type(), batch.num_rows()),
        });
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&wanted), columns.collect(), &options).map_err(|error| {
            Error::Damaged { object: object.clone(), table: table.name(), source: error.into() }
        })
    }))
}

/// Sorts rows by [`sort_columns`]; nulls come first, and equal rows stay in no order of their own.
pub(crate) fn sorted(table: Table, batches: &[RecordBatch]) -> Result<RecordBatch> {
    let failed = |source| Error::Sort { table: table.name(), source };
    let batch = concat_batches(&table.schema(), batches).map_err(failed)?;
    let columns: Vec<arrow_ord::sort::SortColumn> = sort_columns(table)
        .iter()
        .filter_map(|name| batch.column_by_name(name))
        .map(|values| arrow_ord::sort::SortColumn { values: Arc::clone(values), options: None })
        .collect();
    let indices = arrow_ord::sort::lexsort_to_indices(&columns, None).map_err(failed)?;
    arrow_select::take::take_record_batch(&batch, &indices).map_err(failed)
}
