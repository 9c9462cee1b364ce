//! Parquet: only the columns that a statement names are read, some rows at a time.
//!
//! The caller's thread reads and unpacks, workers evaluate. Of Amazon's rules these hold here too: an object is not
//! compressed as a whole, a row group is at most 512 MiB large, a record 1 MiB, a scan range takes the row groups that begin
//! in it. Beyond them columns may be compressed with zstd and LZ4, lists are read as a whole and not by their last
//! value, and paths of `FROM` lead into rows.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Once};

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Fields, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::CompressionCodec;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader as _, Length as _};

use crate::ast::{List, Step};
use crate::blocks::{Blocks, Shared, Unbounded};
use crate::error::{Code, Place, SelectError};
use crate::footer;
use crate::format::Options;
use crate::limits::{
    BATCH_BYTES, BATCH_ROWS, MAX_FOOTER_BYTES, MAX_LIST_VALUES, MAX_ROW_GROUP_BYTES, NESTED_BATCH_ROWS,
};
use crate::query::Query;
use crate::row::{is_known, is_nested};

const MAGIC: &[u8; 4] = b"PAR1";
/// Where the footer is encrypted.
const MAGIC_ENCRYPTED: &[u8; 4] = b"PARE";
/// The footer's length and the magic after it.
const TAIL_BYTES: usize = 8;

/// Rows that are evaluated together.
pub(crate) struct Rows {
    pub(crate) columns: Vec<ArrayRef>,
    /// Rows that were evaluated already.
    pub(crate) from: usize,
    pub(crate) count: usize,
    /// Where their row group begins in the object.
    pub(crate) offset: u64,
    /// Bytes of the object, unpacked, that count as processed with them.
    pub(crate) processed: u64,
}

/// What is read of an object.
pub(crate) struct Table {
    object: Shared,
    metadata: ArrowReaderMetadata,
    /// The columns that are read, by their place in the object.
    pub(crate) columns: Vec<usize>,
    /// Names of the columns that are read.
    pub(crate) names: Vec<String>,
    /// For each name of the statement, its place among the columns that are read.
    pub(crate) places: Vec<usize>,
    /// Whether rows must be made documents, for paths of `FROM` and where the row is asked for as a value.
    pub(crate) documents: bool,
    nested: bool,
    mask: ProjectionMask,
    /// Row groups that are still to be read.
    groups: std::vec::IntoIter<usize>,
    reader: Option<(ParquetRecordBatchReader, u64)>,
    /// Rows that were decoded and not given away.
    rest: Option<Rows>,
    processed: u64,
}

fn refused(code: Code, message: impl Into<String>) -> SelectError {
    SelectError::new(code, "cannot read Parquet", message)
}

fn damaged(message: impl Into<String>) -> SelectError {
    refused(Code::ParquetParsingError, message)
}

impl Table {
    /// Reads the footer, and finds the columns that the statement names.
    pub(crate) fn open(blocks: &Arc<Blocks>, query: &Query, options: &Options) -> Result<Table, SelectError> {
        let object = Shared(Arc::clone(blocks));
        check_footer(&object).map_err(|error| blamed(blocks, error))?;
        let metadata = guarded(blocks, || metadata(&object))?;
        let mut table = Table {
            object,
            columns: Vec::new(),
            names: Vec::new(),
            places: Vec::new(),
            documents: false,
            nested: false,
            mask: ProjectionMask::all(),
            groups: Vec::new().into_iter(),
            reader: None,
            rest: None,
            processed: 0,
            metadata,
        };
        table.choose(query, options)?;
        table.check_groups(options)?;
        Ok(table)
    }

    /// The columns that are read.
    fn choose(&mut self, query: &Query, options: &Options) -> Result<(), SelectError> {
        let schema = Arc::clone(self.metadata.schema());
        let fields = schema.fields();
        let limit = options.limits.columns;
        if fields.len() > limit {
            let message = format!("expected at most {limit} columns, found {}", fields.len());
            return Err(refused(Code::OverMaxColumn, message));
        }
        let steps = &query.select.from.steps;
        let all = matches!(query.select.list, List::All { .. });
        self.documents = !steps.is_empty() || (query.whole_record && !all);
        let mut chosen = Vec::new();
        match steps.first() {
            // Names below are looked for in the documents.
            Some(Step::Name(name)) => {
                chosen.extend((0..fields.len()).filter(|place| name.fits(fields[*place].name())));
            }
            Some(_) => {}
            None if self.documents => chosen.extend(0..fields.len()),
            None => {
                for name in &query.names {
                    let place = column(fields, name)?;
                    chosen.push(place);
                    self.places.push(place);
                }
                if all {
                    chosen.extend(0..fields.len());
                }
                chosen.sort_unstable();
                chosen.dedup();
                for place in &mut self.places {
                    *place = chosen.binary_search(place).unwrap_or(usize::MAX);
                }
            }
        }
        for place in &chosen {
            let field = &fields[*place];
            if !is_known(field.data_type()) {
                let message = format!(
                    "expected columns of known types, found `{}` in `{}`",
                    field.data_type(),
                    field.name()
                );
                return Err(refused(Code::InvalidDataType, message));
            }
            self.nested |= is_nested(field.data_type());
            self.names.push(field.name().clone());
        }
        self.mask = ProjectionMask::roots(self.metadata.parquet_schema(), chosen.iter().copied());
        self.columns = chosen;
        Ok(())
    }

    /// Finds the row groups that are read, and sees that what is said of them is within the object and the limits.
    fn check_groups(&mut self, options: &Options) -> Result<(), SelectError> {
        let metadata = Arc::clone(self.metadata.metadata());
        let mut groups = Vec::new();
        let mut unbounded = Vec::new();
        for (number, group) in metadata.row_groups().iter().enumerate() {
            let Some(first) = group_begin(group) else {
                // Without columns there are rows all the same, but no place where they begin.
                groups.push(number);
                continue;
            };
            let first = u64::try_from(first).map_err(|_| outside(number))?;
            let within = options.range.is_none_or(|range| (range.start..=range.end).contains(&first));
            if !within {
                continue;
            }
            if group.num_rows() < 0 {
                return Err(damaged(format!("expected rows in row group {number}, found fewer than none")));
            }
            let mut bytes = 0_u64;
            for chunk in self.chunks(group) {
                bytes = bytes.saturating_add(check_chunk(number, chunk, self.object.len())?);
                let codec = match chunk.compression_codec() {
                    CompressionCodec::GZIP => Unbounded::Gzip,
                    CompressionCodec::LZ4 => Unbounded::Lz4,
                    _ => continue,
                };
                let (from, length) = (begin(chunk), chunk.compressed_size());
                unbounded.push((from.cast_unsigned()..from.saturating_add(length).cast_unsigned(), codec));
            }
            if bytes > MAX_ROW_GROUP_BYTES {
                let message = format!(
                    "expected row groups of at most {MAX_ROW_GROUP_BYTES} bytes, found {bytes} in row group {number}"
                );
                return Err(refused(Code::OverMaxParquetBlockSize, message)
                    .hint("write the object with smaller row groups, or name fewer columns"));
            }
            groups.push(number);
        }
        self.object.0.watch(unbounded);
        self.groups = groups.into_iter();
        Ok(())
    }

    /// The column chunks of a row group that are read.
    fn chunks<'g>(&self, group: &'g RowGroupMetaData) -> impl Iterator<Item = &'g ColumnChunkMetaData> {
        let mask = self.mask.clone();
        group
            .columns()
            .iter()
            .enumerate()
            .filter(move |(leaf, _)| mask.leaf_included(*leaf))
            .map(|(_, chunk)| chunk)
    }

    /// The next rows; `None` after the last ones.
    pub(crate) fn next(&mut self) -> Result<Option<Rows>, SelectError> {
        loop {
            if let Some(rows) = self.rest.take() {
                let (now, later) = cut(rows);
                self.rest = later;
                return Ok(Some(now));
            }
            if let Some((mut reader, offset)) = self.reader.take() {
                let blocks = Arc::clone(&self.object.0);
                let next = guarded(&blocks, || reader.next().transpose().map_err(ParquetError::from))
                    .map_err(|error| error.at(Place::Input { offset, record: 1 }))?;
                if let Some(batch) = next {
                    self.reader = Some((reader, offset));
                    self.rest = Some(self.rows(&batch, offset));
                }
                continue;
            }
            let Some(number) = self.groups.next() else { return Ok(None) };
            self.begin(number)?;
        }
    }

    fn begin(&mut self, number: usize) -> Result<(), SelectError> {
        let metadata = Arc::clone(self.metadata.metadata());
        let group = metadata.row_group(number);
        let offset = group_begin(group).and_then(|begin| u64::try_from(begin).ok()).unwrap_or(0);
        let bytes: u64 =
            self.chunks(group).map(|chunk| u64::try_from(chunk.uncompressed_size()).unwrap_or(0)).sum();
        self.processed += bytes;
        let rows = u64::try_from(group.num_rows()).unwrap_or(0).max(1);
        let fitting = usize::try_from(BATCH_BYTES as u64 / (bytes / rows).max(1)).unwrap_or(1);
        let most = if self.nested { NESTED_BATCH_ROWS } else { BATCH_ROWS };
        let (object, mask, arrow) = (self.object.clone(), self.mask.clone(), self.metadata.clone());
        let reader = guarded(&self.object.0, || {
            ParquetRecordBatchReaderBuilder::new_with_metadata(object, arrow)
                .with_projection(mask)
                .with_row_groups(vec![number])
                .with_batch_size(fitting.clamp(1, most))
                .build()
        })?;
        self.reader = Some((reader, offset));
        Ok(())
    }

    fn rows(&mut self, batch: &RecordBatch, offset: u64) -> Rows {
        let count = batch.num_rows();
        let processed = std::mem::take(&mut self.processed);
        Rows { columns: batch.columns().to_vec(), from: 0, count, offset, processed }
    }
}

/// The column a name means: by its name, else by its number.
fn column(fields: &Fields, name: &crate::ast::Name) -> Result<usize, SelectError> {
    let refused = |code, message| SelectError::new(code, "cannot run query", message);
    let mut fitting = (0..fields.len()).filter(|place| name.fits(fields[*place].name()));
    match (fitting.next(), fitting.next()) {
        (Some(place), None) => return Ok(place),
        (Some(place), Some(_)) if name.quoted => return Ok(place),
        (Some(one), Some(two)) => {
            let message = format!(
                "expected one column `{}`, found `{}` and `{}`",
                name.text,
                fields[one].name(),
                fields[two].name()
            );
            return Err(refused(Code::AmbiguousFieldName, message)
                .hint("put the name between double quotes, where case counts"));
        }
        (None, _) => {}
    }
    let number = name.text.strip_prefix('_').and_then(|digits| digits.parse::<usize>().ok());
    if let Some(place) = number.and_then(|number| number.checked_sub(1)).filter(|place| *place < fields.len())
    {
        return Ok(place);
    }
    let columns: Vec<&str> = fields.iter().take(20).map(|field| field.name().as_str()).collect();
    let message = format!("expected a column of the object, found `{}`", name.text);
    Err(refused(Code::EvaluatorBindingDoesNotExist, message)
        .hint(name.hint(&format!("columns are {}", columns.join(", ")))))
}

thread_local! {
    /// Whether a panic on this thread is caught and made an error of.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Keeps the words of panics that are caught off standard error, where they would tell a user nothing.
static QUIET: Once = Once::new();

/// Runs what reads foreign bytes; where it panics, which it ought not, that is an error too.
fn guarded<T>(blocks: &Blocks, read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, SelectError> {
    QUIET.call_once(|| {
        let say = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                say(panic);
            }
        }));
    });
    IS_GUARDED.set(true);
    let done = catch_unwind(AssertUnwindSafe(read));
    IS_GUARDED.set(false);
    match done {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(blamed(blocks, error)),
        Err(_) => Err(blamed(blocks, ParquetError::General("what it says contradicts itself".to_owned()))),
    }
}

/// The disk's or the network's fault, or the object's.
fn blamed(blocks: &Blocks, error: ParquetError) -> SelectError {
    if let Some(failure) = blocks.take_failure() {
        return SelectError::new(Code::InternalError, "cannot read object", "reading failed")
            .caused_by(failure);
    }
    if let Some(refused) = blocks.take_refusal() {
        return refused;
    }
    match error {
        // What was found before it was given to the reader.
        ParquetError::External(error) => match error.downcast::<SelectError>() {
            Ok(error) => *error,
            Err(error) => damaged(format!("expected a whole Parquet object, found: {error}")),
        },
        error => damaged(format!("expected a whole Parquet object, found: {error}")),
    }
}

/// Sees that the object ends as Parquet does, and that its footer is within the limits.
fn check_footer(object: &Shared) -> Result<(), ParquetError> {
    let own = |error: SelectError| ParquetError::External(Box::new(error));
    let length = usize::try_from(object.len()).unwrap_or(usize::MAX);
    if length < MAGIC.len() + TAIL_BYTES {
        let message = format!("expected a Parquet object, found {length} bytes");
        return Err(own(
            damaged(message).hint("see whether the format that the request names is the object's")
        ));
    }
    let head = object.get_bytes(0, MAGIC.len())?;
    let tail = object.get_bytes((length - TAIL_BYTES) as u64, TAIL_BYTES)?;
    if &tail[4..] == MAGIC_ENCRYPTED {
        return Err(own(damaged("expected a footer that is not encrypted, found an encrypted one")));
    }
    if &tail[4..] != MAGIC || &head[..] != MAGIC {
        let (what, hint) = if &head[..] == MAGIC {
            ("`PAR1` at the end, found other bytes", "the object was cut short")
        } else {
            (
                "`PAR1` at the begin, found other bytes",
                "see whether the format that the request names is the object's",
            )
        };
        return Err(own(damaged(format!("expected {what}")).hint(hint)));
    }
    let footer_bytes = u32::from_le_bytes(tail[..4].try_into().expect("four bytes were taken")) as usize;
    let most = (length - MAGIC.len() - TAIL_BYTES).min(MAX_FOOTER_BYTES);
    if footer_bytes > most {
        return Err(own(damaged(format!("expected a footer of at most {most} bytes, found {footer_bytes}"))));
    }
    let footer = object.get_bytes((length - TAIL_BYTES - footer_bytes) as u64, footer_bytes)?;
    footer::check(&footer).map_err(|expected| own(damaged(format!("expected {expected}, found none"))))
}

/// The footer, with text as views of the pages it stands in: what is repeated a million times is held once.
fn metadata(object: &Shared) -> Result<ArrowReaderMetadata, ParquetError> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let metadata = ArrowReaderMetadata::load(object, options.clone())?;
    let fields: Fields = metadata.schema().fields().iter().map(|field| Arc::new(viewed(field))).collect();
    ArrowReaderMetadata::try_new(
        Arc::clone(metadata.metadata()),
        options.with_schema(Arc::new(Schema::new(fields))),
    )
}

/// Depth is bounded by the footer.
fn viewed(field: &Field) -> Field {
    let below = |item: &Arc<Field>| Arc::new(viewed(item));
    let kind = match field.data_type() {
        DataType::Utf8 => DataType::Utf8View,
        DataType::Binary => DataType::BinaryView,
        DataType::List(item) => DataType::List(below(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(below).collect()),
        DataType::Map(entries, sorted) => DataType::Map(below(entries), *sorted),
        _ => return field.clone(),
    };
    field.clone().with_data_type(kind)
}

/// Where the first column of a row group begins.
fn group_begin(group: &RowGroupMetaData) -> Option<i64> {
    group.columns().iter().map(begin).min()
}

fn begin(chunk: &ColumnChunkMetaData) -> i64 {
    chunk
        .dictionary_page_offset()
        .map_or(chunk.data_page_offset(), |offset| offset.min(chunk.data_page_offset()))
}

fn outside(group: usize) -> SelectError {
    damaged(format!("expected columns within the object, found others in row group {group}"))
}

/// Sees that a column chunk lies within the object; gives its bytes without compression.
fn check_chunk(group: usize, chunk: &ColumnChunkMetaData, length: u64) -> Result<u64, SelectError> {
    let from = u64::try_from(begin(chunk)).map_err(|_| outside(group))?;
    let bytes = u64::try_from(chunk.compressed_size()).map_err(|_| outside(group))?;
    let dictionary = chunk.dictionary_page_offset().unwrap_or(0);
    if from.checked_add(bytes).is_none_or(|end| end > length)
        || dictionary < 0
        || chunk.data_page_offset() < 0
    {
        return Err(outside(group));
    }
    match chunk.compression_codec() {
        CompressionCodec::UNCOMPRESSED
        | CompressionCodec::SNAPPY
        | CompressionCodec::GZIP
        | CompressionCodec::ZSTD
        | CompressionCodec::LZ4
        | CompressionCodec::LZ4_RAW => {}
        codec => {
            let message =
                format!("expected columns compressed with Snappy, gzip, zstd or LZ4, found {codec:?}");
            return Err(refused(Code::ParquetUnsupportedCompressionCodec, message));
        }
    }
    let values = chunk.num_values();
    if values < 0 || (chunk.column_descr().max_rep_level() > 0 && values > MAX_LIST_VALUES) {
        let message = format!(
            "expected at most {MAX_LIST_VALUES} values in a column of lists, found {values} in row group {group}"
        );
        return Err(refused(Code::OverMaxParquetBlockSize, message));
    }
    u64::try_from(chunk.uncompressed_size()).map_err(|_| outside(group))
}

/// As many rows as have no more text than a batch may; at least one.
fn cut(rows: Rows) -> (Rows, Option<Rows>) {
    let texts: Vec<&ArrayRef> = rows
        .columns
        .iter()
        .filter(|column| matches!(column.data_type(), DataType::Utf8View | DataType::BinaryView))
        .collect();
    let length = |column: &ArrayRef, row: usize| {
        // The lower four bytes of a view are its length.
        let view = match column.data_type() {
            DataType::Utf8View => column.as_string_view().views()[row],
            _ => column.as_binary_view().views()[row],
        };
        usize::try_from(view & u128::from(u32::MAX)).unwrap_or(usize::MAX)
    };
    let mut bytes = 0_usize;
    let mut count = 0;
    while count < rows.count {
        bytes += texts.iter().map(|column| length(column, count)).sum::<usize>();
        if bytes > 2 * BATCH_BYTES && count > 0 {
            break;
        }
        count += 1;
    }
    if count == rows.count {
        return (rows, None);
    }
    let slice =
        |from: usize, length: usize| rows.columns.iter().map(|column| column.slice(from, length)).collect();
    let (now, later) = (slice(0, count), slice(count, rows.count - count));
    let Rows { offset, processed, count: all, .. } = rows;
    (
        Rows { columns: now, from: 0, count, offset, processed },
        Some(Rows { columns: later, from: 0, count: all - count, offset, processed: 0 }),
    )
}

#[cfg(test)]
#[path = "parquet_tests.rs"]
mod tests;
