//! Results of scans as tables: their columns, and Parquet files of them.

mod schema;

pub use schema::{Column, Kind, PARTITION_COLUMN, SCHEMA_VERSION, Table};
