//! The files of a table that count.

use datafusion::common::{DataFusionError, Result};
use futures::TryStreamExt as _;
use object_store::{ObjectMeta, ObjectStore as _};
use plimsoll_store::Store;
use plimsoll_tables::{PARTITION_COLUMN, SCHEMA_VERSION, Table};

/// A Parquet file of a table.
#[derive(Clone, Debug)]
pub(crate) struct LiveFile {
    pub(crate) meta: ObjectMeta,
    /// Its day.
    pub(crate) date: String,
}

/// Lists them.
pub(crate) async fn live_files(store: &Store, table: Table) -> Result<Vec<LiveFile>> {
    let folder = store.path(&format!("tables/v{SCHEMA_VERSION}/{}", table.name()));
    let objects: Vec<ObjectMeta> = store
        .objects()
        .list(Some(&folder))
        .try_collect()
        .await
        .map_err(|error| DataFusionError::ObjectStore(Box::new(error)))?;
    let mut files: Vec<LiveFile> = objects
        .into_iter()
        .filter_map(|meta| {
            let mut parts = meta.location.parts().rev();
            let name = parts.next()?;
            let date = parts.next()?.as_ref().strip_prefix(PARTITION_COLUMN)?.strip_prefix('=')?.to_owned();
            name.as_ref().ends_with(".parquet").then_some(LiveFile { meta: meta.clone(), date })
        })
        .collect();
    files.sort_by(|one, two| one.meta.location.cmp(&two.meta.location));
    Ok(files)
}
