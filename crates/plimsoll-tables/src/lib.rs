//! Results of scans as tables: their columns, and Parquet files of them.

mod column;
mod facts;
mod names;
mod rows;
mod schema;

pub use facts::{ScanFacts, day, document_digest, instant, inventory_document};
pub use names::Names;
pub use plimsoll_match::is_affected;
pub use rows::{Rows, rows};
pub use schema::{Column, Kind, PARTITION_COLUMN, SCHEMA_VERSION, Table};
