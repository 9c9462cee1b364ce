//! Where the files of tables lie, and objects by their keys.

use bytes::Bytes;
use object_store::ObjectMeta;
use object_store::path::Path;
use plimsoll_store::{Put, Store};

use crate::error::Result;
use crate::facts::compact_time;
use crate::schema::{PARTITION_COLUMN, SCHEMA_VERSION, Table};

/// What the names of compacted files begin with.
pub(crate) const COMPACTED: &str = "compact-";

/// What names of files of tables end with.
pub(crate) const EXTENSION: &str = ".parquet";

/// The folder of all tables: `tables/v1`.
pub fn tables_key() -> String {
    format!("tables/v{SCHEMA_VERSION}")
}

/// The folder of a table: `tables/v1/findings`.
pub fn table_key(table: Table) -> String {
    format!("{}/{}", tables_key(), table.name())
}

/// The folder of one day: `tables/v1/findings/date=2026-11-22`.
pub(crate) fn partition_key(table: Table, day: &str) -> String {
    format!("{}/{PARTITION_COLUMN}={day}", table_key(table))
}

/// The file that a scan's rows stand in: `tables/v1/findings/date=2026-11-22/20261122T164404Z-0123….parquet`.
pub fn file_key(table: Table, day: &str, scanned_at: i64, id: &str) -> String {
    format!("{}/{}-{id}{EXTENSION}", partition_key(table, day), compact_time(scanned_at))
}

/// The log of one day's compactions: `tables/v1/_compactions/findings/date=2026-11-22`.
pub(crate) fn log_key(table: Table) -> String {
    format!("{}/_compactions/{}", tables_key(), table.name())
}

/// Largest file of a table that is read, in bytes. Ours are far below; memory holds a few of them.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// Objects of a store by their keys.
#[derive(Clone, Copy)]
pub(crate) struct Objects<'a>(pub(crate) &'a Store);

impl Objects<'_> {
    pub(crate) fn address(self, key: &str) -> String {
        self.0.address(key)
    }

    /// The key of an object of the store; `None` for one outside of it.
    pub(crate) fn key(self, path: &Path) -> Option<String> {
        let rest = path.prefix_match(self.0.prefix())?;
        Some(rest.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"))
    }

    /// All objects in a folder and below, in no order.
    pub(crate) async fn list(self, key: &str) -> Result<Vec<ObjectMeta>> {
        Ok(self.0.list_objects(key).await?)
    }

    pub(crate) async fn get(self, key: &str) -> Result<Bytes> {
        Ok(self.0.get(key, MAX_FILE_BYTES).await?)
    }

    pub(crate) async fn put(self, key: &str, bytes: impl Into<Bytes>) -> Result<()> {
        Ok(self.0.put(key, bytes, Put::Overwrite).await?)
    }

    /// Whether it was not there before, and was written.
    pub(crate) async fn create(self, key: &str, bytes: impl Into<Bytes>) -> Result<bool> {
        match self.0.put(key, bytes, Put::IfAbsent).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes what may be gone already.
    pub(crate) async fn delete(self, key: &str) -> Result<()> {
        Ok(self.0.delete(key).await?)
    }
}
