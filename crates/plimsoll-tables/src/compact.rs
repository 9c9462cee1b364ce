//! Small files into sorted ones.

use std::collections::HashSet;

use arrow_array::cast::AsArray as _;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use plimsoll_store::Store;

use crate::error::{Error, Result};
use crate::file::{Form, encode, read_file, sorted};
use crate::files::{COMPACTED, EXTENSION, Objects, partition_key};
use crate::log::{Entry, Partition, commit, finish, partitions, unique, withdraw};
use crate::schema::Table;

/// Bytes of rows that are sorted at once, and become one file. Sorting takes about three times as much memory.
const MAX_SORTED_BYTES: usize = 128 << 20;

/// Size up to which a compacted file is compacted again with others, in bytes.
const MAX_SMALL_BYTES: u64 = 8 << 20;

/// How long a compacted file without an entry is left alone, in milliseconds: its compaction may be under way.
const ORPHANED_AFTER_MS: i64 = 24 * 60 * 60 * 1000;

/// How often a change is tried anew when others change the partition.
pub(crate) const MAX_TRIES: u32 = 8;

/// Files that are fetched at once.
const FILES_AT_ONCE: usize = 16;

/// What is compacted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompactOptions {
    /// Only days before this one: `2026-11-22`.
    pub before: Option<String>,
    /// The present, in milliseconds of UTC: what a compaction left that was broken off a day ago is deleted.
    pub now: i64,
}

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Days that were changed.
    pub days: usize,
    /// Files that were replaced.
    pub replaced: usize,
    /// Files that were written.
    pub written: usize,
    /// Rows in these.
    pub rows: usize,
    /// Rows that were left out since another file had those of the same scan or inventory.
    pub duplicates: usize,
}

/// The column that says which scan or inventory a row is of, where rows of one are in a table once.
pub(crate) fn id_column(table: Table) -> &'static str {
    match table {
        Table::Images | Table::Layers | Table::Packages => "inventory_digest",
        Table::Findings | Table::Scans | Table::Waivers => "scan_id",
        Table::Advisories => "database_digest",
    }
}

/// Merges the small files of each day of a table into sorted ones, and deletes what earlier compactions left.
///
/// Safe beside appends and other compactions: see the crate's page on it. Memory: some 400 MiB, however large a day is; a
/// day of more than 128 MiB of rows becomes several files, each sorted.
///
/// # Errors
/// [`Error`]; nothing is lost then, and nothing is counted twice by [`crate::live_files`].
pub async fn compact(store: &Store, table: Table, options: &CompactOptions) -> Result<Compacted> {
    let mut compacted = Compacted::default();
    if table == Table::Advisories {
        return Ok(compacted);
    }
    for (day, partition) in partitions(store, table, None).await? {
        if options.before.as_ref().is_some_and(|before| day >= *before) {
            continue;
        }
        clean(store, table, &day, &partition, options.now).await?;
        let of_day = compact_day(store, table, &day, partition).await?;
        compacted.days += of_day.days;
        compacted.replaced += of_day.replaced;
        compacted.written += of_day.written;
        compacted.rows += of_day.rows;
        compacted.duplicates += of_day.duplicates;
    }
    Ok(compacted)
}

/// Deletes what was replaced and still lies there, and what nobody has named for a day.
async fn clean(store: &Store, table: Table, day: &str, partition: &Partition, now: i64) -> Result<()> {
    for (&number, entry) in &partition.open {
        finish(store, table, day, number, entry).await?;
    }
    for (name, meta) in &partition.orphans {
        if meta.last_modified.timestamp_millis() < now.saturating_sub(ORPHANED_AFTER_MS) {
            Objects(store).delete(&format!("{}/{name}", partition_key(table, day))).await?;
        }
    }
    Ok(())
}

async fn compact_day(store: &Store, table: Table, day: &str, mut partition: Partition) -> Result<Compacted> {
    let is_compacted = |name: &str| name.starts_with(COMPACTED);
    for _ in 0..MAX_TRIES {
        let is_small = |name: &str, size| !is_compacted(name) || size <= MAX_SMALL_BYTES;
        let inputs = partition.live.iter().filter(|(name, meta)| is_small(name, meta.size));
        let mut inputs: Vec<String> = inputs.map(|(name, _)| name.clone()).collect();
        // Of rows that two files have those that were compacted stay.
        inputs.sort_by_key(|name| (!is_compacted(name), name.clone()));
        if inputs.len() < 2 && inputs.iter().all(|name| is_compacted(name)) {
            return Ok(Compacted::default());
        }
        let mut change = Change::new(table, day, &inputs);
        let mut seen = HashSet::new();
        let mut merged = Merged::default();
        // IDs of a file count for the files behind it: a file itself has each scan once.
        let objects = Objects(store);
        let folder = partition_key(table, day);
        let fetch = |name: &String| {
            let key = format!("{folder}/{name}");
            async move { objects.get(&key).await.map(|bytes| (objects.address(&key), bytes)) }
        };
        let mut fetched = stream::iter(inputs.iter().map(fetch)).buffered(FILES_AT_ONCE);
        let mut gone = false;
        while let Some(file) = fetched.next().await {
            let (object, bytes) = match file {
                Ok(file) => file,
                Err(Error::Store(error)) if error.is_not_found() => {
                    gone = true;
                    break;
                }
                Err(error) => return Err(error),
            };
            let of_file = merged.add(table, &object, bytes, &seen)?;
            seen.extend(of_file);
            if merged.bytes >= MAX_SORTED_BYTES {
                change.write(store, &merged.take(table)?).await?;
            }
        }
        drop(fetched);
        if !gone {
            let rest = merged.take(table)?;
            if rest.num_rows() > 0 {
                change.write(store, &rest).await?;
            }
            if let Some(compacted) = change.publish(store, &mut partition, &inputs).await? {
                return Ok(Compacted { duplicates: merged.duplicates, ..compacted });
            }
        }
        // Somebody else has compacted some of these.
        withdraw(store, table, day, &change.entry).await?;
        partition = partitions(store, table, Some(day)).await?.remove(day).unwrap_or_default();
    }
    let object = Objects(store).address(&partition_key(table, day));
    Err(Error::Busy { action: "compact", object })
}

/// Rows that were read and are not written yet.
#[derive(Default)]
struct Merged {
    batches: Vec<RecordBatch>,
    bytes: usize,
    duplicates: usize,
}

impl Merged {
    /// Adds the rows of a file but those of IDs that were seen; gives the file's IDs.
    fn add(
        &mut self,
        table: Table,
        object: &str,
        bytes: Bytes,
        seen: &HashSet<String>,
    ) -> Result<HashSet<String>> {
        let mut ids: HashSet<String> = HashSet::new();
        for batch in read_file(table, object, bytes, None)? {
            let batch = batch?;
            let before = batch.num_rows();
            let batch = filtered(table, batch, |id| {
                if seen.contains(id) {
                    return false;
                }
                if !ids.contains(id) {
                    ids.insert(id.to_owned());
                }
                true
            })?;
            self.duplicates += before - batch.num_rows();
            self.bytes += batch.get_array_memory_size();
            self.batches.push(batch);
        }
        Ok(ids)
    }

    fn take(&mut self, table: Table) -> Result<RecordBatch> {
        self.bytes = 0;
        sorted(table, &std::mem::take(&mut self.batches))
    }
}

/// The rows whose ID is to be kept.
pub(crate) fn filtered(
    table: Table,
    batch: RecordBatch,
    mut keep: impl FnMut(&str) -> bool,
) -> Result<RecordBatch> {
    let column = batch.column_by_name(id_column(table)).expect("every table has its column of IDs");
    let ids = column.as_string::<i32>();
    let (mut last, mut last_kept) = (None, true);
    let kept: BooleanArray = ids
        .iter()
        .map(|id| {
            // Rows of one scan mostly follow each other.
            if last.is_none() || last != Some(id) {
                (last, last_kept) = (Some(id), keep(id.unwrap_or_default()));
            }
            Some(last_kept)
        })
        .collect();
    if kept.true_count() == batch.num_rows() {
        return Ok(batch);
    }
    filter_record_batch(&batch, &kept).map_err(|source| Error::Sort { table: table.name(), source })
}

/// A change of a partition that is being made.
pub(crate) struct Change<'c> {
    pub(crate) table: Table,
    pub(crate) day: &'c str,
    pub(crate) entry: Entry,
    pub(crate) rows: usize,
}

impl<'c> Change<'c> {
    /// One that replaces these files.
    pub(crate) fn new(table: Table, day: &'c str, inputs: &[String]) -> Self {
        let entry = Entry { change: unique(), outputs: Vec::new(), replaces: inputs.to_vec() };
        Self { table, day, entry, rows: 0 }
    }

    async fn write(&mut self, store: &Store, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows();
        let bytes = encode(self.table, Form::Sorted, batch)?;
        self.put(store, bytes).await
    }

    pub(crate) async fn put(&mut self, store: &Store, bytes: Bytes) -> Result<()> {
        let Entry { change, outputs, .. } = &mut self.entry;
        let name = format!("{COMPACTED}{change}-{:04}{EXTENSION}", outputs.len());
        Objects(store).put(&format!("{}/{name}", partition_key(self.table, self.day)), bytes).await?;
        outputs.push(name);
        Ok(())
    }

    /// Makes it count, if all that it replaces still does. Deletes then what it replaced.
    pub(crate) async fn publish(
        &self,
        store: &Store,
        partition: &mut Partition,
        inputs: &[String],
    ) -> Result<Option<Compacted>> {
        for _ in 0..MAX_TRIES {
            if !inputs.iter().all(|name| partition.live.contains_key(name)) {
                return Ok(None);
            }
            if let Some(number) = commit(store, self.table, self.day, partition.last, &self.entry).await? {
                finish(store, self.table, self.day, number, &self.entry).await?;
                let written = self.entry.outputs.len();
                let (replaced, rows) = (inputs.len(), self.rows);
                return Ok(Some(Compacted { days: 1, replaced, written, rows, duplicates: 0 }));
            }
            *partition =
                partitions(store, self.table, Some(self.day)).await?.remove(self.day).unwrap_or_default();
        }
        Ok(None)
    }
}

#[cfg(test)]
#[path = "compact/tests.rs"]
mod tests;
