//! Rows that are to go.

use std::collections::{BTreeSet, HashSet};

use plimsoll_store::{Store, layout};

use crate::append::{OF_INVENTORIES, OF_SCANS};
use crate::compact::{Change, MAX_TRIES, filtered, id_column};
use crate::error::{Error, Result};
use crate::file::{Form, Writer, read_file};
use crate::files::{Objects, partition_key};
use crate::log::{Partition, partitions, withdraw};
use crate::schema::Table;
use crate::texts::texts;

/// The column that names an inventory, in every table but `advisories`.
const INVENTORY_COLUMN: &str = "inventory_digest";

/// Files that have none of the rows that are to go: by table, day and name. No file ever changes.
#[derive(Clone, Debug, Default)]
pub struct Looked(HashSet<(Table, String, String)>);

/// Takes the rows of scans out of `scans`, `findings` and `waivers`. Gives their number.
///
/// Reads the column of IDs of every file of these tables but those that were looked through for these scans before, and
/// writes those anew that hold other rows too.
///
/// # Errors
/// [`Error`]; what was removed until then stays removed.
pub async fn remove_scans(store: &Store, scan_ids: &BTreeSet<String>, looked: &mut Looked) -> Result<usize> {
    let mut removed = 0;
    for table in OF_SCANS.into_iter().filter(|_| !scan_ids.is_empty()) {
        for (day, partition) in partitions(store, table, None).await? {
            removed += remove_of_day(store, table, &day, partition, scan_ids, looked).await?;
        }
    }
    Ok(removed)
}

/// Takes the rows of inventories out of `images`, `layers` and `packages` that are not in the store any more and that no
/// scan's row names: of those that were removed just now, and before a clean-up that was broken off. Gives their number.
///
/// A scan that finds its inventory gone writes the rows anew. Its row in `scans` is written before these ([`crate::append()`]),
/// so that who sees these and looks there behind sees that they are needed.
///
/// Reads a column of all files of `images` and `scans`, and lists the inventories; of files with such rows as
/// [`remove_scans`].
///
/// # Errors
/// As [`remove_scans`].
pub async fn remove_abandoned_inventories(store: &Store) -> Result<usize> {
    let mut abandoned = texts(store, Table::Images, INVENTORY_COLUMN).await?;
    for meta in store.list(layout::INVENTORIES).await? {
        if let Some(hex) = layout::inventory_of(&meta.key) {
            abandoned.remove(&format!("sha256:{hex}"));
        }
    }
    if abandoned.is_empty() {
        return Ok(0);
    }
    let mut removed = 0;
    for table in OF_INVENTORIES {
        let listed = partitions(store, table, None).await?;
        let ids = unnamed(store, &abandoned).await?;
        for (day, partition) in listed.into_iter().filter(|_| !ids.is_empty()) {
            let looked = &mut Looked::default();
            removed += remove_of_day(store, table, &day, partition, &ids, looked).await?;
        }
    }
    Ok(removed)
}

/// Those of these inventories that no scan's row names.
async fn unnamed(store: &Store, digests: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let named = texts(store, Table::Scans, INVENTORY_COLUMN).await?;
    Ok(digests.difference(&named).cloned().collect())
}

/// `partition` was listed before it was decided which IDs are to go.
pub(crate) async fn remove_of_day(
    store: &Store,
    table: Table,
    day: &str,
    mut partition: Partition,
    ids: &BTreeSet<String>,
    looked: &mut Looked,
) -> Result<usize> {
    let mut ids = ids.clone();
    for _ in 0..MAX_TRIES {
        let names: Vec<String> = partition.live.keys().cloned().collect();
        let mut change = Change::new(table, day, &[]);
        let taken = match take(store, &mut change, names, &ids, looked).await {
            // A compaction has replaced a file since.
            Err(Error::Store(error)) if error.is_not_found() => None,
            Err(error) => return Err(error),
            Ok(0) => return Ok(0),
            Ok(removed) => {
                let hit = change.entry.replaces.clone();
                let published = change.publish(store, &mut partition, &hit).await?;
                if published.is_some() {
                    let outputs = change.entry.outputs.iter().cloned();
                    looked.0.extend(outputs.map(|name| (table, day.to_owned(), name)));
                }
                published.map(|_| removed)
            }
        };
        if let Some(removed) = taken {
            return Ok(removed);
        }
        withdraw(store, table, day, &change.entry).await?;
        partition = partitions(store, table, Some(day)).await?.remove(day).unwrap_or_default();
        if OF_INVENTORIES.contains(&table) {
            ids = unnamed(store, &ids).await?;
        }
    }
    let object = Objects(store).address(&partition_key(table, day));
    Err(Error::Busy { action: "remove rows of", object })
}

/// Writes those files anew that have rows of these IDs, without them; gives the number of these rows.
async fn take(
    store: &Store,
    change: &mut Change<'_>,
    names: Vec<String>,
    ids: &BTreeSet<String>,
    looked: &mut Looked,
) -> Result<usize> {
    let objects = Objects(store);
    let table = change.table;
    let mut removed = 0;
    for name in names {
        let file = (table, change.day.to_owned(), name);
        if looked.0.contains(&file) {
            continue;
        }
        let name = &file.2;
        let key = format!("{}/{name}", partition_key(table, change.day));
        let (object, bytes) = (objects.address(&key), objects.get(&key).await?);
        let mut met = 0;
        for batch in read_file(table, &object, bytes.clone(), Some(&[id_column(table)]))? {
            let batch = batch?;
            met += batch.num_rows() - filtered(table, batch, |id| !ids.contains(id))?.num_rows();
        }
        if met == 0 {
            looked.0.insert(file);
            continue;
        }
        removed += met;
        change.entry.replaces.push(name.clone());
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
