//! All tables anew, from the reports of a store.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures::{StreamExt as _, stream};
use plimsoll_report::{MAX_REPORT_BYTES, StoredScan, read_scan};
use plimsoll_store::{Meta, Store, layout};

use crate::append::tables;
use crate::compact::MAX_TRIES;
use crate::error::{Error, Result};
use crate::facts::ScanFacts;
use crate::file::{Form, encode, sorted};
use crate::files::{COMPACTED, EXTENSION, Objects, partition_key};
use crate::log::{Entry, Partition, commit, finish, partitions, unique, withdraw};
use crate::remove::{Looked, remove_scans};
use crate::rows::Rows;
use crate::schema::Table;

/// Bytes of rows that are held before they are written, over all tables and days.
const MAX_PENDING_BYTES: usize = 128 << 20;

/// Reports that are fetched at once.
const REPORTS_AT_ONCE: usize = 8;

/// What [`reindex`] did.
#[derive(Debug, Default)]
pub struct Reindexed {
    /// Reports whose rows are there now.
    pub reports: usize,
    /// Files that were written.
    pub files: usize,
    /// Files that were replaced.
    pub replaced: usize,
    /// Reports that cannot be read, of which there are no rows now.
    pub failed: Vec<Error>,
}

/// Makes all rows of scans and inventories anew from the reports of the store. Each day of each table changes at once; what
/// is appended meanwhile stays.
///
/// Memory: some 400 MiB, and the digests of all inventories.
///
/// # Errors
/// [`Error::Store`]; [`Error::Busy`] where others compact meanwhile: then those days are as they were, and the others are
/// made anew.
pub async fn reindex(store: &Store) -> Result<Reindexed> {
    let mut made = Made::new();
    let done = make(store, &mut made).await;
    // What does not count is in the way of other programs. Best effort: what is reported is the failure before.
    if done.is_err() {
        for ((table, day), outputs) in std::mem::take(&mut made.outputs) {
            let _ = withdraw(store, table, &day, &made.entry(outputs, Vec::new())).await;
        }
    }
    done
}

async fn make(store: &Store, made: &mut Made) -> Result<Reindexed> {
    // Before the reports: a scan's report is written before its rows, so that what is replaced here is made anew there.
    let mut before: BTreeMap<(Table, String), Partition> = BTreeMap::new();
    for table in tables(true) {
        let of_table = partitions(store, table, None).await?;
        before.extend(of_table.into_iter().map(|(day, partition)| ((table, day), partition)));
    }
    let mut reports: Vec<(i64, String, Meta)> = Vec::new();
    for meta in store.list(layout::REPORTS).await? {
        let name = meta.key.rsplit('/').next().unwrap_or_default();
        if let Some((time, id)) = layout::scan_of(name) {
            reports.push((time.as_millisecond(), id.to_owned(), meta));
        }
    }
    let ids: BTreeSet<String> = reports.iter().map(|(_, id, _)| id.clone()).collect();
    // An inventory's rows are those of its first scan.
    reports.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let mut reindexed = Reindexed::default();
    let mut inventories: HashSet<String> = HashSet::new();
    let mut fetched = stream::iter(reports)
        .map(|(time, id, meta)| async move {
            let read = read(store, &meta.key).await;
            (time, id, meta, read)
        })
        .buffered(REPORTS_AT_ONCE);
    while let Some((time, id, meta, read)) = fetched.next().await {
        let stored = match read {
            Ok(stored) => stored,
            // It was removed since.
            Err(Error::Store(error)) if error.is_not_found() => continue,
            Err(error @ Error::Report { .. }) => {
                reindexed.failed.push(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        let facts = ScanFacts::of_report(&stored, time, &id, &meta.key);
        let is_new = inventories.insert(facts.inventory_digest().to_owned());
        made.push(&facts, is_new);
        if made.size_bytes() > MAX_PENDING_BYTES {
            made.write(store).await?;
        }
        reindexed.reports += 1;
    }
    made.write(store).await?;
    let mut busy = None;
    let places: BTreeSet<(Table, String)> = before.keys().chain(made.outputs.keys()).cloned().collect();
    for (table, day) in places {
        let place = (table, day);
        let partition = before.remove(&place).unwrap_or_default();
        let outputs = made.outputs.get(&place).cloned().unwrap_or_default();
        let replaces: Vec<String> = partition.live.keys().cloned().collect();
        let (written, earlier) = (outputs.len(), replaces.len());
        if written == 0 && earlier == 0 {
            continue;
        }
        match publish(store, table, &place.1, partition, &made.entry(outputs, replaces)).await {
            Ok(()) => {
                made.outputs.remove(&place);
                reindexed.files += written;
                reindexed.replaced += earlier;
            }
            Err(error @ Error::Busy { .. }) => busy = Some(error),
            Err(error) => return Err(error),
        }
    }
    // Of what was removed meanwhile the rows may have gone before they were made anew.
    let mut gone = ids;
    for meta in store.list(layout::REPORTS).await? {
        if let Some((_, id)) = layout::scan_of(meta.key.rsplit('/').next().unwrap_or_default()) {
            gone.remove(id);
        }
    }
    remove_scans(store, &gone, &mut Looked::default()).await?;
    busy.map_or(Ok(reindexed), Err)
}

async fn read(store: &Store, key: &str) -> Result<StoredScan> {
    let bytes = store.get(key, MAX_REPORT_BYTES).await?;
    let object = store.address(key);
    read_scan(&mut &bytes[..], &object).map_err(|source| Error::Report { object, source })
}

/// Makes an entry count, if all that it replaces still does.
async fn publish(
    store: &Store,
    table: Table,
    day: &str,
    mut partition: Partition,
    entry: &Entry,
) -> Result<()> {
    for _ in 0..MAX_TRIES {
        if !entry.replaces.iter().all(|name| partition.live.contains_key(name)) {
            break;
        }
        if let Some(number) = commit(store, table, day, partition.last, entry).await? {
            return finish(store, table, day, number, entry).await;
        }
        partition = partitions(store, table, Some(day)).await?.remove(day).unwrap_or_default();
    }
    withdraw(store, table, day, entry).await?;
    Err(Error::Busy { action: "make anew", object: Objects(store).address(&partition_key(table, day)) })
}

/// Rows that are made.
struct Made {
    change: String,
    pending: BTreeMap<(Table, String), Rows>,
    outputs: BTreeMap<(Table, String), Vec<String>>,
}

impl Made {
    fn new() -> Self {
        Self { change: unique(), pending: BTreeMap::new(), outputs: BTreeMap::new() }
    }

    fn entry(&self, outputs: Vec<String>, replaces: Vec<String>) -> Entry {
        Entry { change: self.change.clone(), outputs, replaces }
    }

    fn push(&mut self, facts: &ScanFacts<'_>, is_new_inventory: bool) {
        for table in tables(is_new_inventory) {
            let rows = self.pending.entry((table, facts.day())).or_insert_with(|| Rows::new(table, None));
            rows.push(facts);
        }
    }

    fn size_bytes(&self) -> usize {
        self.pending.values().map(Rows::size_bytes).sum()
    }

    async fn write(&mut self, store: &Store) -> Result<()> {
        for ((table, day), mut rows) in std::mem::take(&mut self.pending) {
            if rows.count() == 0 {
                continue;
            }
            let bytes = encode(table, Form::Sorted, &sorted(table, &[rows.finish()])?)?;
            let outputs = self.outputs.entry((table, day.clone())).or_default();
            let name = format!("{COMPACTED}{}-{:04}{EXTENSION}", self.change, outputs.len());
            Objects(store).put(&format!("{}/{name}", partition_key(table, &day)), bytes).await?;
            outputs.push(name);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{Package, PackageKind, Scan};
    use plimsoll_store::Location;

    use super::*;
    use crate::{CompactOptions, append, compact, live_files, read_file};

    const AT: i64 = 1_700_000_000_000;

    fn scan(number: usize) -> Scan {
        let mut scan = Scan::default();
        scan.inventory.artifact.name = format!("registry.example/app:{number}");
        scan.inventory.packages = vec![Package::new(PackageKind::Npm, "a", "1.0.0", "npm")];
        scan
    }

    async fn rows_of(store: &Store, table: Table) -> usize {
        let mut rows = 0;
        for file in live_files(store, table).await.unwrap() {
            let key = Objects(store).key(&file.meta.location).unwrap();
            let bytes = Objects(store).get(&key).await.unwrap();
            for batch in read_file(table, &key, bytes, None).unwrap() {
                rows += batch.unwrap().num_rows();
            }
        }
        rows
    }

    #[test]
    fn tables_are_made_anew_from_reports() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = Store::open(&Location::parse("memory:///").unwrap()).unwrap();
            let id = |number: usize| format!("{number:032x}");
            for number in 0..5_usize {
                let at = AT + i64::try_from(number / 3).unwrap() * 86_400_000;
                let mut report = Vec::new();
                // Two scans of one thing are one inventory.
                let scan = scan(number % 4);
                plimsoll_report::write_json(&scan, &mut report).unwrap();
                let time = crate::facts::compact_time(at);
                let key = format!("reports/registry.example/app/{number}/{time}-{}.json", id(number));
                Objects(&store).put(&key, report).await.unwrap();
                if number < 3 {
                    let id = id(number);
                    let facts = ScanFacts::new(&scan, at, &id, &key, "1");
                    append(&store, &facts, true).await.unwrap();
                }
            }
            let options = CompactOptions { before: None, now: AT };
            compact(&store, Table::Scans, &options).await.unwrap();
            let bad = format!("reports/registry.example/app/9/20231114T221320Z-{}.json", id(9));
            Objects(&store).put(&bad, b"{}".to_vec()).await.unwrap();

            let done = reindex(&store).await.unwrap();
            assert_eq!((done.reports, done.failed.len()), (5, 1));
            assert!(done.failed[0].to_string().contains("reports/registry.example/app/9/"));
            assert_eq!(rows_of(&store, Table::Scans).await, 5);
            assert_eq!(rows_of(&store, Table::Packages).await, 4);
            assert_eq!(rows_of(&store, Table::Images).await, 4);
            let again = reindex(&store).await.unwrap();
            assert_eq!(again.replaced, done.files);
            assert_eq!(rows_of(&store, Table::Scans).await, 5);
        });
    }
}
