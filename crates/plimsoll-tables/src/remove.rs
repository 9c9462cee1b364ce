//! Rows that are to go.

use std::collections::{BTreeSet, HashSet};

use plimsoll_store::{Store, layout};

use crate::append::{OF_INVENTORIES, OF_SCANS};
use crate::compact::{Change, MAX_TRIES, filtered, id_column};
use crate::error::{Error, Result};
use crate::file::{Form, Writer, read_file};
use crate::files::{Objects, partition_key};
use crate::log::{Partition, live_files, partitions, withdraw};
use crate::schema::Table;
use crate::texts::texts;

/// The files that rows of inventories stand in at some moment: by table, day and name.
///
/// Taken before inventories are removed. A scan that finds its inventory gone writes the rows anew, into a file of its own,
/// which is none of these.
#[derive(Debug)]
pub struct InventoryFiles(HashSet<(Table, String, String)>);

impl InventoryFiles {
    /// Those of this moment.
    ///
    /// # Errors
    /// As [`crate::live_files`].
    pub async fn now(store: &Store) -> Result<Self> {
        let mut files = HashSet::new();
        for table in OF_INVENTORIES {
            let live = live_files(store, table).await?;
            files.extend(live.into_iter().map(|file| (table, file.date, file.name)));
        }
        Ok(Self(files))
    }

    fn has(&self, table: Table, day: &str, name: &str) -> bool {
        self.0.contains(&(table, day.to_owned(), name.to_owned()))
    }
}

/// Takes the rows of scans out of `scans`, `findings` and `waivers`. Gives their number.
///
/// Reads the column of IDs of every file of these tables, and writes those anew that hold other rows too.
///
/// # Errors
/// [`Error`]; what was removed until then stays removed.
pub async fn remove_scans(store: &Store, scan_ids: &BTreeSet<String>) -> Result<usize> {
    remove(store, &OF_SCANS, scan_ids, |_, _, _| true).await
}

/// Takes the rows of inventories, by their digests, out of these files of `images`, `layers` and `packages`. Gives their
/// number.
///
/// # Errors
/// As [`remove_scans`].
pub async fn remove_inventories(
    store: &Store,
    digests: &BTreeSet<String>,
    files: &InventoryFiles,
) -> Result<usize> {
    remove(store, &OF_INVENTORIES, digests, |table, day, name| files.has(table, day, name)).await
}

/// Digests (`sha256:…`) of inventories that have rows, and neither an object nor a scan any more: a clean-up was broken off
/// between the two. Only of files that were written before `written_before`, in milliseconds of UTC: the others may be of
/// scans that are being stored.
///
/// Reads a column of all files of `images` and `scans`, and lists the inventories.
///
/// # Errors
/// As [`crate::live_files`] and [`read_file`].
pub async fn abandoned_inventories(store: &Store, written_before: i64) -> Result<BTreeSet<String>> {
    let column = "inventory_digest";
    let is_old = |at: i64| at < written_before;
    let mut abandoned =
        texts(store, Table::Images, column, |file| is_old(file.meta.last_modified.timestamp_millis()))
            .await?;
    if abandoned.is_empty() {
        return Ok(abandoned);
    }
    for meta in store.list(layout::INVENTORIES).await? {
        if let Some(hex) = layout::inventory_of(&meta.key) {
            abandoned.remove(&format!("sha256:{hex}"));
        }
    }
    if !abandoned.is_empty() {
        let named = texts(store, Table::Scans, column, |_| true).await?;
        abandoned.retain(|digest| !named.contains(digest));
    }
    Ok(abandoned)
}

async fn remove(
    store: &Store,
    tables: &[Table],
    ids: &BTreeSet<String>,
    is_asked: impl Fn(Table, &str, &str) -> bool,
) -> Result<usize> {
    let mut removed = 0;
    for &table in tables.iter().filter(|_| !ids.is_empty()) {
        for (day, partition) in partitions(store, table, None).await? {
            removed +=
                remove_of_day(store, table, &day, partition, ids, |name| is_asked(table, &day, name)).await?;
        }
    }
    Ok(removed)
}

pub(crate) async fn remove_of_day(
    store: &Store,
    table: Table,
    day: &str,
    mut partition: Partition,
    ids: &BTreeSet<String>,
    is_asked: impl Fn(&str) -> bool,
) -> Result<usize> {
    for _ in 0..MAX_TRIES {
        let names: Vec<String> = partition.live.keys().filter(|name| is_asked(name)).cloned().collect();
        let mut change = Change::new(table, day, &[]);
        let taken = match take(store, &mut change, names, ids).await {
            // A compaction has replaced a file since.
            Err(Error::Store(error)) if error.is_not_found() => None,
            Err(error) => return Err(error),
            Ok(0) => return Ok(0),
            Ok(removed) => {
                let hit = change.entry.replaces.clone();
                change.publish(store, &mut partition, &hit).await?.map(|_| removed)
            }
        };
        if let Some(removed) = taken {
            return Ok(removed);
        }
        withdraw(store, table, day, &change.entry).await?;
        partition = partitions(store, table, Some(day)).await?.remove(day).unwrap_or_default();
    }
    let object = Objects(store).address(&partition_key(table, day));
    Err(Error::Busy { action: "remove rows of", object, times: MAX_TRIES })
}

/// Writes those files anew that have rows of these IDs, without them; gives the number of these rows.
async fn take(
    store: &Store,
    change: &mut Change<'_>,
    names: Vec<String>,
    ids: &BTreeSet<String>,
) -> Result<usize> {
    let objects = Objects(store);
    let table = change.table;
    let mut removed = 0;
    for name in names {
        let key = format!("{}/{name}", partition_key(table, change.day));
        let (object, bytes) = (objects.address(&key), objects.get(&key).await?);
        let mut met = 0;
        for batch in read_file(table, &object, bytes.clone(), Some(&[id_column(table)]))? {
            let batch = batch?;
            met += batch.num_rows() - filtered(table, batch, |id| !ids.contains(id))?.num_rows();
        }
        if met == 0 {
            continue;
        }
        removed += met;
        change.entry.replaces.push(name);
        let mut writer = Writer::new(table, Form::Sorted)?;
        let mut rows = 0;
        for batch in read_file(table, &object, bytes, None)? {
            let batch = filtered(table, batch?, |id| !ids.contains(id))?;
            rows += batch.num_rows();
            writer.write(&batch)?;
        }
        if rows > 0 {
            change.rows += rows;
            change.put(store, writer.finish()?).await?;
        }
    }
    Ok(removed)
}
