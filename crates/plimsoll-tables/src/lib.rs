//! Results of scans as tables: their columns, and Parquet files of them beside the reports.
//!
//! [`Rows`] makes rows of scans. [`append`] writes those of one scan, an [`Appender`] those of many. [`compact`] merges small
//! files into sorted ones. [`live_files`] says which files count.
//!
//! Files lie in `tables/v1/TABLE/date=DAY/`, as Hive partitions: what knows such folders reads them without us. How
//! compaction is safe beside others, and after a crash, stands in `log.rs`: no lock, one conditional write.
//!
//! Deliberately absent: SQL, and the clock.

mod advisories;
mod append;
mod column;
mod compact;
mod ddl;
mod error;
mod facts;
mod file;
mod files;
mod log;
mod reindex;
mod remove;
mod rows;
mod schema;
mod texts;

use object_store::ObjectMeta;

pub use advisories::{AdvisoriesWritten, advisory_rows, package_namespaces, write_advisories};
pub use append::{Appender, append};
pub use compact::{CompactOptions, Compacted, compact};
pub use ddl::{Dialect, ddl};
pub use error::{Error, Result};
pub use facts::{ScanFacts, day, document_digest, instant, inventory_document};
pub use file::read_file;
pub use files::{file_key, table_key, tables_key};
pub use log::live_files;
pub use plimsoll_match::is_affected;
pub use reindex::{Reindexed, reindex};
pub use remove::{Looked, remove_abandoned_inventories, remove_scans};
pub use rows::{Rows, rows};
pub use schema::{Column, Kind, PARTITION_COLUMN, SCHEMA_VERSION, Table};

/// A file of a table that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveFile {
    /// The value of the partition column: `2026-11-22`.
    pub date: String,
    /// Its name in the folder of the day.
    pub name: String,
    /// Its whole path in the bucket or folder, its size and its version.
    pub meta: ObjectMeta,
}
