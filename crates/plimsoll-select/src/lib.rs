//! Amazon S3 Select's SQL: JSON, CSV and Parquet in, JSON and CSV out, no server and no network.
//!
//! [`Query::parse`] reads a statement, [`Query::run`] runs it over any [`std::io::Read`] and gives events away, as Amazon's
//! event stream has them; [`Query::run_at`] runs it over a [`RandomAccess`], of which Parquet needs a part only. What is
//! wrong has Amazon's [`Code`], a [`Place`] and words for a person.
//!
//! It writes no file, opens none, reads no clock (the time of `UTCNOW` is an option) and no environment. It knows one
//! table: joins, groups, order and subqueries are refused.
//!
//! # Where Amazon leaves a choice
//!
//! - A row that is no object is one whose only field `_1` it is: `SELECT *` of an array gives `{"_1":[…]}`.
//! - `COUNT(*)` does not count rows that are MISSING, as a path of `FROM` yields where it leads nowhere.
//! - A field of CSV is text, and a number or a time where it is compared with one or calculated with. A line that is too
//!   short has NULL in the columns it lacks.
//! - Of several members of one name the first one counts; names that differ in case alone are
//!   [`Code::AmbiguousFieldName`] unless they are quoted. A quoted name that an object lacks is MISSING.
//! - Values of different kinds are unequal, and comparing their order is MISSING; calculating with text is an error.
//! - Integers are of eight bytes and exact, decimals of 38 digits as Amazon documents them, with scales from -100 to 100
//!   where Amazon's are of 32 bits; what is beyond is a float.
//! - `[*]` in an expression makes a list: `'a' IN s.names[*]`.
//! - A column of Parquet is called by its name, or where no column has that name by its number, `_1`. One that the object
//!   lacks is [`Code::EvaluatorBindingDoesNotExist`]. Instants are in UTC; lists, structures and maps are documents.
//!
//! ```
//! use plimsoll_select::{Event, Options, Query};
//!
//! let report = br#"[{"Vulnerabilities": [{"ID": "CVE-2021-44228", "Score": 10.0}, {"ID": "CVE-2020-1", "Score": 3.1}]}]"#;
//! let query = Query::parse("SELECT v.ID FROM S3Object[*]._1[*].Vulnerabilities[*] v WHERE v.Score >= 9")?;
//! let mut out = Vec::new();
//! query.run(&mut report.as_slice(), &Options::default(), &mut |event| {
//!     if let Event::Records(bytes) = event {
//!         out.extend_from_slice(bytes);
//!     }
//!     Ok(())
//! })?;
//! assert_eq!(out, b"{\"ID\":\"CVE-2021-44228\"}\n");
//! # Ok::<(), plimsoll_select::SelectError>(())
//! ```

mod access;
mod aggregate;
mod ast;
mod blocks;
mod csv;
mod document;
mod error;
mod eval;
mod footer;
mod format;
mod function;
mod guess;
mod json;
mod keyword;
mod lexer;
mod like;
mod limits;
mod number;
mod output;
mod parquet;
mod parser;
mod pattern;
mod query;
mod record;
mod row;
mod run;
mod source;
mod timestamp;
mod value;

#[cfg(test)]
mod dialect_tests;
#[cfg(test)]
mod laws_tests;

pub use access::{OpenFile, RandomAccess};
pub use error::{Code, Place, SelectError};
pub use format::{Compression, CsvInput, CsvOutput, Header, InputFormat, Options, OutputFormat, ScanRange};
pub use guess::{Guess, SAMPLE_BYTES, guess};
pub use limits::{
    DEFAULT_COLUMNS, DEFAULT_DEPTH, DEFAULT_DOCUMENT_BYTES, DEFAULT_RECORD_BYTES, Limits, MAX_AGGREGATES,
    MAX_DEPTH, MAX_EXPRESSION_DEPTH, MAX_EXTREME_BYTES, MAX_FOOTER_BYTES, MAX_LIKE_CHARACTERS,
    MAX_PATH_VALUES, MAX_ROW_GROUP_BYTES, MAX_STATEMENT_BYTES, MAX_THREADS, PROGRESS_BYTES,
    RECORDS_EVENT_BYTES,
};
pub use query::Query;
pub use run::{Event, Sink, Stats};
pub use source::unpacked;
pub use timestamp::{NotATime, Timestamp};
