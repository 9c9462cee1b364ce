//! What a query may cost.

/// Longest statement, as Amazon has it, in bytes.
pub const MAX_STATEMENT_BYTES: usize = 256 * 1024;
/// Longest input record of CSV and JSON lines, as Amazon has it, in bytes.
pub const DEFAULT_RECORD_BYTES: usize = 1 << 20;
/// Largest part of a JSON document that is held as a whole because the statement asks for it, in bytes.
pub const DEFAULT_DOCUMENT_BYTES: usize = 256 << 20;
/// Most columns of a CSV record or a select list.
pub const DEFAULT_COLUMNS: usize = 16_384;
/// Deepest nesting of arrays and objects in JSON.
pub const DEFAULT_DEPTH: usize = 256;
/// Largest depth that [`Limits::depth`] may be, which a thread's stack has room for.
pub const MAX_DEPTH: usize = 1_024;
/// Deepest nesting of an expression.
pub const MAX_EXPRESSION_DEPTH: usize = 100;
/// Most bytes of one `Records` event, as Amazon cuts them.
pub const RECORDS_EVENT_BYTES: usize = 1 << 20;
/// Bytes that are read between two `Progress` events.
pub const PROGRESS_BYTES: u64 = 16 << 20;
/// Bytes of whole records that one worker is given at a time; tests have many chunks of little text.
pub(crate) const CHUNK_BYTES: usize = if cfg!(test) { 16 << 10 } else { 1 << 20 };
/// Longest pattern of `LIKE` that is searched character by character: the time is its length times the text's.
pub const MAX_LIKE_CHARACTERS: usize = 8_192;
/// Bytes of records after which a worker gives away what it found, since short records may yield long ones.
pub(crate) const RESULT_BYTES: usize = if cfg!(test) { 64 << 10 } else { 8 << 20 };
/// Most aggregates of a statement.
pub const MAX_AGGREGATES: usize = 1_000;
/// Longest text that `MIN` and `MAX` keep, in bytes.
pub const MAX_EXTREME_BYTES: usize = 16 << 10;
/// Most values that a path with wildcards yields within an expression.
pub const MAX_PATH_VALUES: usize = 1 << 20;
/// Largest row group of Parquet without its compression, of the columns that are read, as Amazon has it, in bytes.
pub const MAX_ROW_GROUP_BYTES: u64 = 512 << 20;
/// Longest page of Parquet without its compression, in bytes.
pub(crate) const MAX_PAGE_BYTES: u64 = MAX_ROW_GROUP_BYTES;
/// Pages that are no longer than this unfold to no more than the row groups they are in may hold, in bytes with gzip; others
/// are unpacked once before, without keeping what comes out.
pub(crate) const TRUSTED_GZIP_BYTES: u64 = if cfg!(test) { 256 } else { MAX_PAGE_BYTES / 1_032 };
/// The same with LZ4's older form, whose longer pages are refused.
pub(crate) const MAX_LZ4_BYTES: u64 = MAX_PAGE_BYTES / 255;
/// Longest footer of Parquet, in bytes; one of a hundred columns and a hundred row groups takes about one million.
pub const MAX_FOOTER_BYTES: usize = 32 << 20;
/// Most values in a column chunk of lists.
pub(crate) const MAX_LIST_VALUES: i64 = 1 << 26;
/// Most rows that are decoded at a time, and where lists or structures are among them.
pub(crate) const BATCH_ROWS: usize = 8_192;
pub(crate) const NESTED_BATCH_ROWS: usize = 256;
/// Bytes of rows that are decoded at a time, as far as the footer tells.
pub(crate) const BATCH_BYTES: usize = 4 << 20;
/// Most workers.
pub const MAX_THREADS: usize = 64;

/// Bounds of one run; the defaults are Amazon's where Amazon has any.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Longest record of CSV and JSON lines, in bytes of the decompressed object.
    pub record_bytes: usize,
    /// Largest value of a JSON document that is held as a whole, in bytes.
    ///
    /// Only a value that the statement asks for is held: `FROM S3Object[*].Results[*]` holds one result at a time.
    pub document_bytes: usize,
    /// Most columns of a record.
    pub columns: usize,
    /// Deepest nesting of arrays and objects in JSON, at most [`MAX_DEPTH`].
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            record_bytes: DEFAULT_RECORD_BYTES,
            document_bytes: DEFAULT_DOCUMENT_BYTES,
            columns: DEFAULT_COLUMNS,
            depth: DEFAULT_DEPTH,
        }
    }
}
