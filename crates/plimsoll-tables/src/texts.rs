//! The different texts of one column.

use std::collections::BTreeSet;

use arrow_array::cast::AsArray as _;
use plimsoll_store::Store;

use crate::LiveFile;
use crate::compact::MAX_TRIES;
use crate::error::{Error, Result};
use crate::file::read_file;
use crate::files::{Objects, partition_key, table_key};
use crate::log::live_files;
use crate::schema::Table;

/// All texts of a column of a table, each once.
///
/// # Errors
/// As [`live_files`] and [`read_file`]; [`Error::Busy`] where files are compacted all the time.
pub(crate) async fn texts(store: &Store, table: Table, column: &str) -> Result<BTreeSet<String>> {
    for _ in 0..MAX_TRIES {
        let files = live_files(store, table).await?;
        match of_files(store, table, column, &files).await {
            // A compaction has replaced a file since.
            Err(Error::Store(error)) if error.is_not_found() => {}
            read => return read,
        }
    }
    let object = Objects(store).address(&table_key(table));
    Err(Error::Busy { action: "read", object })
}

async fn of_files(store: &Store, table: Table, column: &str, files: &[LiveFile]) -> Result<BTreeSet<String>> {
    let objects = Objects(store);
    let mut texts = BTreeSet::new();
    for file in files {
        let key = format!("{}/{}", partition_key(table, &file.date), file.name);
        let bytes = objects.get(&key).await?;
        for batch in read_file(table, &objects.address(&key), bytes, Some(&[column]))? {
            let batch = batch?;
            let mut last = None;
            for text in batch.column(0).as_string::<i32>().iter().flatten() {
                if last != Some(text) && !texts.contains(text) {
                    texts.insert(text.to_owned());
                }
                last = Some(text);
            }
        }
    }
    Ok(texts)
}
