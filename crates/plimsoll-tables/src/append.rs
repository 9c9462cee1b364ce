//! Rows of scans into files.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use plimsoll_store::Store;
use sha2::{Digest as _, Sha256};

use crate::error::Result;
use crate::facts::{ScanFacts, hex};
use crate::file::{Form, encode};
use crate::files::{Objects, file_key, table_key};
use crate::rows::Rows;
use crate::schema::Table;

/// Bytes of rows that an [`Appender`] holds before it writes, over all tables and days.
const MAX_PENDING_BYTES: usize = 64 << 20;

/// Scans between two looks at how much is held.
const SCANS_BETWEEN_LOOKS: usize = 16;

/// Files that are written at once.
const FILES_AT_ONCE: usize = 8;

/// Tables whose rows are written with each scan.
pub(crate) const OF_SCANS: [Table; 3] = [Table::Scans, Table::Findings, Table::Waivers];

/// Tables whose rows are written with the first scan that has an inventory.
pub(crate) const OF_INVENTORIES: [Table; 3] = [Table::Images, Table::Layers, Table::Packages];

/// The tables that rows of a scan go to.
pub(crate) fn tables(is_new_inventory: bool) -> impl Iterator<Item = Table> {
    OF_INVENTORIES.into_iter().filter(move |_| is_new_inventory).chain(OF_SCANS)
}

/// Writes the rows of one scan, a small file for each table that has some. `is_new_inventory`: whether the store did not
/// have the inventory before; else its image, layers and packages are there already.
///
/// The files' names follow from time and ID of the scan: done again, it changes nothing.
///
/// # Errors
/// [`crate::Error::Store`] where a file cannot be written.
pub async fn append(store: &Store, facts: &ScanFacts<'_>, is_new_inventory: bool) -> Result<()> {
    let day = facts.day();
    let mut files = Vec::new();
    for table in tables(is_new_inventory) {
        let mut rows = Rows::new(table, None);
        rows.push(facts);
        if rows.count() > 0 {
            let key = file_key(table, &day, facts.scanned_at, facts.scan_id);
            files.push((key, encode(table, Form::Small, &rows.finish())?));
        }
    }
    write(store, files).await
}

/// Writes files, those of `scans` before the others: who sees rows of an inventory there sees the scan that needs them.
async fn write(store: &Store, files: Vec<(String, bytes::Bytes)>) -> Result<()> {
    let objects = Objects(store);
    let put = |(key, bytes): (String, bytes::Bytes)| async move { objects.put(&key, bytes).await };
    let scans = format!("{}/", table_key(Table::Scans));
    let (first, rest): (Vec<_>, Vec<_>) = files.into_iter().partition(|(key, _)| key.starts_with(&scans));
    for files in [first, rest] {
        stream::iter(files.into_iter().map(put)).buffer_unordered(FILES_AT_ONCE).try_collect::<()>().await?;
    }
    Ok(())
}

/// Writes the rows of many scans into few files: for backfill.
///
/// What was pushed is written when there is much of it, and by [`Self::flush`], which must be called at the end. Holds at
/// most some 64 MiB of rows.
pub struct Appender<'s> {
    store: &'s Store,
    pending: BTreeMap<(Table, String), Pending>,
    /// Files that could not be written when there was much of them: [`Self::flush`] tries again.
    unwritten: Vec<(String, bytes::Bytes)>,
    pushed: usize,
    files: usize,
}

/// Rows of one table and day.
struct Pending {
    rows: Rows,
    first_at: i64,
    ids: Sha256,
}

impl<'s> Appender<'s> {
    /// Into this store.
    pub fn new(store: &'s Store) -> Self {
        Self { store, pending: BTreeMap::new(), unwritten: Vec::new(), pushed: 0, files: 0 }
    }

    /// Adds the rows of a scan, as [`append`] would write them.
    ///
    /// # Errors
    /// [`crate::Error::Store`] where a file cannot be written; its rows are held until [`Self::flush`].
    pub async fn push(&mut self, facts: &ScanFacts<'_>, is_new_inventory: bool) -> Result<()> {
        let day = facts.day();
        for table in tables(is_new_inventory) {
            let pending = self.pending.entry((table, day.clone())).or_insert_with(|| Pending {
                rows: Rows::new(table, None),
                first_at: facts.scanned_at,
                ids: Sha256::new(),
            });
            pending.rows.push(facts);
            pending.first_at = pending.first_at.min(facts.scanned_at);
            pending.ids.update(facts.scan_id);
            pending.ids.update([0]);
        }
        self.pushed += 1;
        if self.pushed.is_multiple_of(SCANS_BETWEEN_LOOKS) {
            self.write_until(MAX_PENDING_BYTES).await?;
        }
        Ok(())
    }

    /// Writes what is held. Where this fails, rows since the last time it was called may be missing, and nothing is held
    /// any more.
    ///
    /// # Errors
    /// [`crate::Error::Store`] where a file cannot be written.
    pub async fn flush(&mut self) -> Result<()> {
        let written = self.write_until(0).await;
        self.unwritten.clear();
        self.pending.clear();
        written
    }

    /// Files that were written.
    pub fn files(&self) -> usize {
        self.files
    }

    /// Writes the largest, where more is held than `bytes`, until there is half as much; and the rows of `scans`, which come
    /// first.
    async fn write_until(&mut self, bytes: usize) -> Result<()> {
        let mut held: usize = self.pending.values().map(|pending| pending.rows.size_bytes()).sum();
        if held <= bytes && bytes > 0 {
            return Ok(());
        }
        let mut sizes: Vec<(usize, (Table, String))> =
            self.pending.iter().map(|(place, pending)| (pending.rows.size_bytes(), place.clone())).collect();
        sizes.sort_by(|a, b| b.cmp(a));
        let mut files = Vec::new();
        for (size, place) in sizes {
            if held <= bytes / 2 && bytes > 0 && place.0 != Table::Scans {
                continue;
            }
            held = held.saturating_sub(size);
            let Some(mut pending) = self.pending.remove(&place) else { continue };
            if pending.rows.count() == 0 {
                continue;
            }
            let (table, day) = place;
            let id = hex("", &pending.ids.finalize()[..16]);
            let encoded = encode(table, Form::Small, &pending.rows.finish())?;
            files.push((file_key(table, &day, pending.first_at, &id), encoded));
        }
        self.files += files.len();
        files.append(&mut self.unwritten);
        let written = write(self.store, files.clone()).await;
        if written.is_err() {
            self.unwritten = files;
        }
        written
    }
}
