//! Where the files of tables lie, and objects by their keys.

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use plimsoll_store::Store;

use crate::error::{Error, Result};
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

/// Objects of a store by their keys, with errors that name them.
#[derive(Clone, Copy)]
pub(crate) struct Objects<'a>(pub(crate) &'a Store);

impl Objects<'_> {
    pub(crate) fn address(&self, key: &str) -> String {
        format!("{}/{key}", self.0.location().to_string().trim_end_matches('/'))
    }

    fn failed(&self, action: &'static str, key: &str) -> impl FnOnce(object_store::Error) -> Error {
        let object = self.address(key);
        move |source| Error::Object { action, object, source }
    }

    /// The key of an object of the store; `None` for one outside of it.
    pub(crate) fn key(&self, path: &Path) -> Option<String> {
        let rest = path.prefix_match(self.0.prefix())?;
        Some(rest.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"))
    }

    /// All objects in a folder and below, in no order.
    pub(crate) async fn list(&self, key: &str) -> Result<Vec<ObjectMeta>> {
        let path = self.0.path(key);
        self.0.objects().list(Some(&path)).try_collect().await.map_err(self.failed("list", key))
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Bytes> {
        let failed = || self.failed("read", key);
        let found = self.0.objects().get(&self.0.path(key)).await.map_err(failed())?;
        found.bytes().await.map_err(failed())
    }

    pub(crate) async fn put(&self, key: &str, bytes: impl Into<PutPayload>) -> Result<()> {
        let put = self.0.objects().put(&self.0.path(key), bytes.into()).await;
        put.map(drop).map_err(self.failed("write", key))
    }

    /// Whether it was not there before, and was written.
    pub(crate) async fn create(&self, key: &str, bytes: impl Into<PutPayload>) -> Result<bool> {
        let options = PutOptions::from(PutMode::Create);
        match self.0.objects().put_opts(&self.0.path(key), bytes.into(), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(false)
            }
            Err(error) => Err(self.failed("write", key)(error)),
        }
    }

    /// Deletes what may be gone already.
    pub(crate) async fn delete(&self, key: &str) -> Result<()> {
        match self.0.objects().delete(&self.0.path(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("delete", key)(error)),
        }
    }
}
