//! What goes in, what comes out, and what a run is told beside the statement.

use crate::error::{Code, SelectError};
use crate::limits::{Limits, MAX_DEPTH};
use crate::timestamp::Timestamp;

/// How the object is compressed as a whole.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// RFC 1952, with any number of members.
    Gzip,
    /// bzip2, with any number of streams.
    Bzip2,
    /// RFC 8878, with any number of frames; Amazon has it not.
    Zstd,
}

/// What the object is, once decompressed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum InputFormat {
    /// JSON values one after the other, with or without space between them; usually one.
    JsonDocument,
    /// JSON values that end at the end of a line.
    JsonLines,
    /// Records of fields.
    Csv(CsvInput),
    /// Apache Parquet, whose columns are the fields. Its footer stands at the end: what is no [`crate::RandomAccess`] is held in
    /// memory as a whole, up to [`Limits::document_bytes`].
    Parquet,
}

/// What the first record of CSV is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Header {
    /// A record like all others; columns are called `_1`, `_2`.
    #[default]
    None,
    /// The columns' names.
    Use,
    /// Names that are not used.
    Ignore,
}

/// How CSV is read; the defaults are Amazon's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CsvInput {
    /// What the first record is.
    pub header: Header,
    /// What ends a record, one character or more. If it is a line feed, a carriage return before it goes with it.
    pub record_delimiter: String,
    /// What stands between fields, one character or more.
    pub field_delimiter: String,
    /// An ASCII character around fields that hold delimiters; `None` if quotes mean nothing.
    pub quote: Option<u8>,
    /// An ASCII character that goes before a quote within quotes.
    pub quote_escape: u8,
    /// An ASCII character that makes a comment of a record that begins with it.
    pub comments: Option<u8>,
    /// Whether a record's delimiter may stand within quotes. Then records cannot be found from the middle of an object.
    pub allow_quoted_record_delimiter: bool,
}

impl Default for CsvInput {
    fn default() -> CsvInput {
        CsvInput {
            header: Header::None,
            record_delimiter: "\n".to_owned(),
            field_delimiter: ",".to_owned(),
            quote: Some(b'"'),
            quote_escape: b'"',
            comments: Some(b'#'),
            allow_quoted_record_delimiter: false,
        }
    }
}

/// How records are written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OutputFormat {
    /// Objects, without spaces. Numbers, and names in the order of the input, stay as they stand there.
    Json {
        /// What follows each record.
        record_delimiter: String,
    },
    /// Records of fields, without a header. Arrays and objects are JSON text in a field, where Amazon refuses them.
    Csv(CsvOutput),
}

impl Default for OutputFormat {
    fn default() -> OutputFormat {
        OutputFormat::Json { record_delimiter: "\n".to_owned() }
    }
}

/// How CSV is written; the defaults are Amazon's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CsvOutput {
    /// Whether every field stands between quotes, and not only one that must.
    pub quote_always: bool,
    /// What ends a record.
    pub record_delimiter: String,
    /// What stands between fields.
    pub field_delimiter: String,
    /// An ASCII character around fields.
    pub quote: u8,
    /// An ASCII character that goes before a quote within quotes.
    pub quote_escape: u8,
}

impl Default for CsvOutput {
    fn default() -> CsvOutput {
        CsvOutput {
            quote_always: false,
            record_delimiter: "\n".to_owned(),
            field_delimiter: ",".to_owned(),
            quote: b'"',
            quote_escape: b'"',
        }
    }
}

/// Which records are read: those that begin between two bytes, both included; of Parquet, which row groups.
///
/// The stream is given from its beginning all the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ScanRange {
    /// First byte, from 0.
    pub start: u64,
    /// Last byte.
    pub end: u64,
}

impl ScanRange {
    /// Of a request's `Start` and `End`, of which one may be missing: without `Start`, `End` counts bytes from the
    /// object's end.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidRequestParameter`] where both are missing, or the end lies before the start.
    ///
    /// Source: Amazon S3 API Reference, `ScanRange`.
    pub fn of_request(
        start: Option<u64>,
        end: Option<u64>,
        object_bytes: u64,
    ) -> Result<ScanRange, SelectError> {
        let last = object_bytes.saturating_sub(1);
        let range = match (start, end) {
            (Some(start), Some(end)) => ScanRange { start, end },
            (Some(start), None) => ScanRange { start, end: last.max(start) },
            (None, Some(bytes)) => ScanRange { start: object_bytes.saturating_sub(bytes), end: last },
            (None, None) => return Err(refused("expected a start or an end of the scan range, found none")),
        };
        if range.end < range.start {
            let ScanRange { start, end } = range;
            return Err(refused(format!("expected a scan range that ends after byte {start}, found {end}")));
        }
        Ok(range)
    }
}

/// What a run is told beside the statement.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How the object is compressed.
    pub compression: Compression,
    /// What the object is; `None` is [`InputFormat::JsonDocument`].
    pub input: Option<InputFormat>,
    /// How records are written.
    pub output: OutputFormat,
    /// Which records are read; `None` for all.
    pub range: Option<ScanRange>,
    /// What the run may cost.
    pub limits: Limits,
    /// Workers, 0 and 1 for none beside the caller's thread. The result is the same with any number of them.
    pub threads: usize,
    /// The time of the request, for `UTCNOW`.
    pub now: Option<Timestamp>,
}

fn refused(message: impl Into<String>) -> SelectError {
    SelectError::new(Code::InvalidRequestParameter, "cannot run query", message)
}

impl Options {
    /// Refuses what contradicts itself.
    pub(crate) fn check(&self) -> Result<(), SelectError> {
        if self.limits.depth > MAX_DEPTH {
            let found = self.limits.depth;
            return Err(refused(format!(
                "expected a limit of at most {MAX_DEPTH} levels of nesting, found {found}"
            )));
        }
        if let Some(InputFormat::Csv(csv)) = &self.input {
            let CsvInput { record_delimiter, field_delimiter, quote, .. } = csv;
            if record_delimiter.is_empty() || field_delimiter.is_empty() {
                return Err(refused(
                    "expected delimiters of fields and records in CSV input, found an empty one",
                ));
            }
            if record_delimiter.contains(field_delimiter.as_str())
                || field_delimiter.contains(record_delimiter.as_str())
            {
                return Err(refused(format!(
                    "expected different delimiters of fields and records in CSV input, found {field_delimiter:?} and {record_delimiter:?}"
                )));
            }
            let bytes = [*quote, quote.map(|_| csv.quote_escape), csv.comments];
            if let Some(byte) = bytes.into_iter().flatten().find(|byte| !byte.is_ascii()) {
                return Err(refused(format!(
                    "expected ASCII quotes and comments in CSV input, found byte {byte:#x}"
                )));
            }
            let delimiters = [record_delimiter.as_bytes(), field_delimiter.as_bytes()];
            if quote.is_some_and(|quote| delimiters.iter().any(|delimiter| delimiter.contains(&quote))) {
                return Err(refused("expected a quote that is no delimiter in CSV input, found one that is"));
            }
        }
        if let OutputFormat::Csv(csv) = &self.output {
            if !csv.quote.is_ascii() || !csv.quote_escape.is_ascii() {
                return Err(refused("expected ASCII quotes in CSV output, found another byte"));
            }
            if csv.field_delimiter.is_empty() {
                return Err(refused("expected a delimiter of fields in CSV output, found an empty one"));
            }
        }
        if self.input == Some(InputFormat::Parquet) && self.compression != Compression::None {
            return Err(refused("expected no compression of a whole Parquet object, found one")
                .hint("columns may be compressed within it"));
        }
        let Some(range) = self.range else { return Ok(()) };
        let why = match &self.input {
            _ if self.compression != Compression::None => "a compressed object",
            None | Some(InputFormat::JsonDocument) => "a JSON document",
            Some(InputFormat::Csv(csv)) if csv.allow_quoted_record_delimiter => {
                "CSV whose records may hold quoted delimiters"
            }
            Some(_) if range.end < range.start => {
                return Err(refused("expected a scan range that ends after its start"));
            }
            Some(_) => return Ok(()),
        };
        let message = format!("expected no scan range for {why}, found one");
        Err(SelectError::new(Code::UnsupportedScanRangeInput, "cannot run query", message)
            .hint("ranges are for Parquet, and for CSV and JSON lines without compression"))
    }
}
