use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::{Finding, Package, PackageKind, Scan};
use plimsoll_store::Location;

use super::*;
use crate::remove::remove_of_day;
use crate::{
    Appender, Looked, ScanFacts, append, file_key, live_files, remove_abandoned_inventories, remove_scans,
};

/// 2023-11-14T22:13:20Z.
const AT: i64 = 1_700_000_000_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn store() -> Store {
    Store::open(&Location::parse("memory:///").unwrap()).unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn scan(number: usize) -> Scan {
    let mut scan = Scan::default();
    scan.inventory.artifact.name = format!("registry.example/app:{number}");
    scan.inventory.artifact.manifest_digest = format!("sha256:{number}");
    let package = |name: String| Package::new(PackageKind::Npm, name, "1.0.0", "npm");
    scan.inventory.packages = (0..3).map(|p| package(format!("package-{}", (p * 7 + number) % 5))).collect();
    scan.findings = (0..2).map(|f| Finding::new(format!("CVE-2023-{}", (f + number) % 4), vec![f])).collect();
    scan
}

fn id(number: usize) -> String {
    format!("{number:032x}")
}

async fn add(store: &Store, number: usize, at: i64) {
    let (scan, id) = (scan(number), id(number));
    append(store, &ScanFacts::new(&scan, at, &id, "reports/a.json", "1"), true).await.unwrap();
}

/// All rows of live files, as texts of some columns, sorted.
async fn read(store: &Store, table: Table) -> Vec<String> {
    let mut lines = Vec::new();
    for file in live_files(store, table).await.unwrap() {
        let bytes = store.objects().get(&file.meta.location).await.unwrap().bytes().await.unwrap();
        for batch in read_file(table, &file.name, bytes, None).unwrap() {
            let batch = batch.unwrap();
            let columns: Vec<_> = sort_columns(table)
                .iter()
                .chain([&id_column(table)])
                .filter_map(|name| batch.column_by_name(name)?.as_string_opt::<i32>())
                .collect();
            for row in 0..batch.num_rows() {
                let cells: Vec<&str> = columns.iter().map(|column| column.value(row)).collect();
                lines.push(cells.join(" "));
            }
        }
    }
    lines.sort();
    lines
}

use object_store::ObjectStoreExt as _;

use crate::file::sort_columns;

fn options() -> CompactOptions {
    CompactOptions { before: None, now: AT }
}

#[test]
fn compaction_changes_no_row_and_leaves_one_file_of_a_day() {
    block_on(async {
        let store = store();
        for number in 0..20 {
            add(&store, number, AT + i64::try_from(number % 2).unwrap() * DAY_MS).await;
        }
        for &table in Table::ALL {
            let before = read(&store, table).await;
            let files = live_files(&store, table).await.unwrap().len();
            let compacted = compact(&store, table, &options()).await.unwrap();
            assert_eq!(compacted.rows, before.len(), "{}", table.name());
            assert_eq!(compacted.replaced, files);
            assert_eq!(read(&store, table).await, before);
            let live = live_files(&store, table).await.unwrap();
            assert_eq!(live.len(), if before.is_empty() { 0 } else { 2 }, "{}", table.name());
            assert_eq!(compact(&store, table, &options()).await.unwrap(), Compacted::default());
        }
        // More of that day: the compacted file is compacted again.
        add(&store, 20, AT).await;
        let before = read(&store, Table::Packages).await;
        let compacted = compact(&store, Table::Packages, &options()).await.unwrap();
        assert_eq!((compacted.days, compacted.replaced, compacted.written), (1, 2, 1));
        assert_eq!(read(&store, Table::Packages).await, before);
        assert_eq!(before.len(), 63);
        let none = CompactOptions { before: Some("2023-11-14".to_owned()), now: AT };
        add(&store, 21, AT).await;
        assert_eq!(compact(&store, Table::Packages, &none).await.unwrap(), Compacted::default());
    });
}

#[test]
fn what_was_written_twice_is_counted_once_behind_compaction() {
    block_on(async {
        let store = store();
        for number in 0..4 {
            add(&store, number, AT).await;
        }
        compact(&store, Table::Findings, &options()).await.unwrap();
        let before = read(&store, Table::Findings).await;
        // The same scan again, under its own name and in a file of many.
        add(&store, 2, AT).await;
        let mut appender = Appender::new(&store);
        for number in [1, 3] {
            let (scan, id) = (scan(number), id(number));
            appender.push(&ScanFacts::new(&scan, AT, &id, "reports/a.json", "1"), true).await.unwrap();
        }
        appender.flush().await.unwrap();
        assert_eq!(read(&store, Table::Findings).await.len(), before.len() + 6);
        let compacted = compact(&store, Table::Findings, &options()).await.unwrap();
        assert_eq!(compacted.duplicates, 6);
        assert_eq!(read(&store, Table::Findings).await, before);
    });
}

#[test]
fn a_compaction_that_was_broken_off_loses_nothing_and_counts_nothing_twice() {
    block_on(async {
        let store = store();
        for number in 0..5 {
            add(&store, number, AT).await;
        }
        let before = read(&store, Table::Packages).await;
        let day = crate::day(AT);
        let names: Vec<String> =
            live_files(&store, Table::Packages).await.unwrap().into_iter().map(|file| file.name).collect();

        // After the output: nobody has named it.
        let mut change = Change::new(Table::Packages, &day, &names);
        change.write(&store, &rows_of(&store, &names).await).await.unwrap();
        assert_eq!(read(&store, Table::Packages).await, before);

        // After the entry: what it replaces still lies there.
        commit(&store, Table::Packages, &day, 0, &change.entry).await.unwrap().unwrap();
        assert_eq!(read(&store, Table::Packages).await, before);
        assert_eq!(live_files(&store, Table::Packages).await.unwrap().len(), 1);

        // Half of it deleted.
        let objects = Objects(&store);
        objects.delete(&format!("{}/{}", partition_key(Table::Packages, &day), names[0])).await.unwrap();
        assert_eq!(read(&store, Table::Packages).await, before);
        add(&store, 5, AT).await;
        compact(&store, Table::Packages, &options()).await.unwrap();
        assert_eq!(read(&store, Table::Packages).await.len(), before.len() + 3);
        assert_eq!(objects.list(&partition_key(Table::Packages, &day)).await.unwrap().len(), 1);

        // One that nobody names goes a day later.
        let stray = Change::new(Table::Packages, &day, &["x".to_owned()]);
        let key =
            format!("{}/compact-{}-0000.parquet", partition_key(Table::Packages, &day), stray.entry.change);
        objects.put(&key, b"no Parquet".to_vec()).await.unwrap();
        let wrote = objects.list(&partition_key(Table::Packages, &day)).await.unwrap();
        let written = wrote.iter().map(|meta| meta.last_modified.timestamp_millis()).max().unwrap();
        for (now, left) in [(written, 2), (written + 2 * DAY_MS, 1)] {
            compact(&store, Table::Packages, &CompactOptions { before: None, now }).await.unwrap();
            assert_eq!(objects.list(&partition_key(Table::Packages, &day)).await.unwrap().len(), left);
        }
    });
}

async fn rows_of(store: &Store, names: &[String]) -> RecordBatch {
    let mut merged = Merged::default();
    for name in names {
        let key = format!("{}/{name}", partition_key(Table::Packages, &crate::day(AT)));
        let bytes = Objects(store).get(&key).await.unwrap();
        merged.add(Table::Packages, name, bytes, &HashSet::new()).unwrap();
    }
    merged.take(Table::Packages).unwrap()
}

#[test]
fn of_two_compactors_one_is_first() {
    block_on(async {
        let store = store();
        for number in 0..6 {
            add(&store, number, AT).await;
        }
        let day = crate::day(AT);
        let before = read(&store, Table::Findings).await;
        // One has looked, and then another one compacts more.
        let seen = partitions(&store, Table::Findings, Some(&day)).await.unwrap().remove(&day).unwrap();
        add(&store, 6, AT).await;
        compact(&store, Table::Findings, &options()).await.unwrap();
        let after = read(&store, Table::Findings).await;
        assert_eq!(after.len(), before.len() + 2);
        assert_eq!(compact_day(&store, Table::Findings, &day, seen).await.unwrap(), Compacted::default());
        assert_eq!(read(&store, Table::Findings).await, after);

        // And all at once.
        for number in 7..12 {
            add(&store, number, AT).await;
        }
        let all = read(&store, Table::Findings).await;
        let options = options();
        let run = || compact(&store, Table::Findings, &options);
        let (one, two, three, ()) = tokio::join!(run(), run(), run(), add(&store, 12, AT));
        for result in [one, two, three] {
            result.unwrap();
        }
        assert_eq!(read(&store, Table::Findings).await.len(), all.len() + 2);
    });
}

#[test]
fn rows_of_scans_and_inventories_can_go() {
    block_on(async {
        let store = store();
        for number in 0..4 {
            add(&store, number, AT).await;
        }
        compact(&store, Table::Findings, &options()).await.unwrap();
        add(&store, 4, AT + DAY_MS).await;
        let gone = BTreeSet::from([id(1), id(4), id(99)]);
        let mut looked = Looked::default();
        assert_eq!(remove_scans(&store, &gone, &mut looked).await.unwrap(), 2 + 4);
        assert_eq!(remove_scans(&store, &gone, &mut looked).await.unwrap(), 0);
        // Made anew meanwhile, into a file that nobody has looked through.
        let (of_one, id_of_one) = (scan(1), id(1));
        let mut anew = Appender::new(&store);
        let facts = ScanFacts::new(&of_one, AT, &id_of_one, "reports/a.json", "1");
        anew.push(&facts, false).await.unwrap();
        anew.flush().await.unwrap();
        assert_eq!(remove_scans(&store, &gone, &mut looked).await.unwrap(), 1 + 2);
        let left = read(&store, Table::Findings).await;
        assert_eq!(left.len(), 6);
        assert!(left.iter().all(|line| !line.ends_with(&id(1))));
        assert_eq!(read(&store, Table::Scans).await.len(), 3);
        let digest = |number: usize| {
            let scan = scan(number);
            ScanFacts::new(&scan, AT, "", "", "").inventory_digest().to_owned()
        };
        // Of 1 there is an inventory, of 0, 2 and 3 there are scans.
        Objects(&store).put(&format!("inventories/sha256/{}.json", &digest(1)[7..]), "{}").await.unwrap();
        let listed = partitions(&store, Table::Packages, Some(&crate::day(AT + DAY_MS))).await.unwrap();
        assert_eq!(remove_abandoned_inventories(&store).await.unwrap(), 1 + 3);
        assert_eq!(remove_abandoned_inventories(&store).await.unwrap(), 0);
        let left = read(&store, Table::Packages).await;
        assert!(left.len() == 12 && left.iter().all(|line| !line.ends_with(&digest(4))), "{left:?}");
        // A scan that has found its inventory gone writes the rows anew, just after the day was looked at.
        let (of_four, id) = (scan(4), id(40));
        let facts = ScanFacts::new(&of_four, AT + DAY_MS, &id, "reports/b.json", "1");
        append(&store, &facts, true).await.unwrap();
        for (day, partition) in listed {
            let ids = BTreeSet::from([digest(4)]);
            let looked = &mut Looked::default();
            let removed = remove_of_day(&store, Table::Packages, &day, partition, &ids, looked).await;
            assert_eq!(removed.unwrap(), 0);
        }
        assert_eq!(read(&store, Table::Packages).await.len(), 15);
    });
}

#[test]
fn a_file_that_is_compacted_while_rows_are_removed_is_looked_for_again() {
    block_on(async {
        let store = store();
        for number in 0..4 {
            add(&store, number, AT).await;
        }
        let day = crate::day(AT);
        let seen = partitions(&store, Table::Scans, Some(&day)).await.unwrap().remove(&day).unwrap();
        compact(&store, Table::Scans, &options()).await.unwrap();
        let ids = BTreeSet::from([id(2)]);
        let removed =
            remove_of_day(&store, Table::Scans, &day, seen, &ids, &mut Looked::default()).await.unwrap();
        assert_eq!((removed, read(&store, Table::Scans).await.len()), (1, 3));
    });
}

#[test]
fn a_change_whose_answer_was_lost_counts_and_is_not_withdrawn() {
    block_on(async {
        let store = store();
        for number in 0..2 {
            add(&store, number, AT).await;
        }
        let (table, day) = (Table::Packages, crate::day(AT));
        let before = read(&store, table).await;
        let names: Vec<String> =
            live_files(&store, table).await.unwrap().into_iter().map(|file| file.name).collect();
        let mut change = Change::new(table, &day, &names);
        assert_ne!(change.entry.change, Change::new(table, &day, &names).entry.change);
        change.write(&store, &rows_of(&store, &names).await).await.unwrap();
        for _ in 0..2 {
            assert_eq!(commit(&store, table, &day, 0, &change.entry).await.unwrap(), Some(1));
        }
        withdraw(&store, table, &day, &change.entry).await.unwrap();
        assert_eq!(read(&store, table).await, before);
        let other = Change::new(table, &day, &names);
        assert_eq!(commit(&store, table, &day, 0, &other.entry).await.unwrap(), None);
    });
}

#[test]
fn foreign_and_damaged_files_are_named() {
    block_on(async {
        let at = |bytes: &[u8]| {
            let bytes = bytes.to_vec();
            async move {
                let store = store();
                add(&store, 1, AT).await;
                let key = file_key(Table::Scans, &crate::day(AT), AT, "ffff");
                Objects(&store).put(&key, bytes).await.unwrap();
                let error = compact(&store, Table::Scans, &options()).await.unwrap_err();
                assert_eq!(read_len(&store).await, 2);
                error.to_string()
            }
        };
        let name = "memory:/tables/v1/scans/date=2023-11-14/20231114T221320Z-ffff.parquet";
        let file = format!("cannot read `{name}` as a file of the table `scans`: expected ");
        assert_eq!(at(b"<html>").await, format!("{file}Parquet"));
        let of_scan = scan(1);
        let facts = ScanFacts::new(&of_scan, AT, "a", "b", "c");
        let layers = encode(Table::Images, Form::Small, &crate::rows(Table::Images, &facts, None)).unwrap();
        assert_eq!(at(&layers[..layers.len() / 2]).await, format!("{file}Parquet"));
        assert_eq!(at(&layers).await, format!("{file}a column `scan_id` of type Utf8, found none"));
    });
}

async fn read_len(store: &Store) -> usize {
    live_files(store, Table::Scans).await.unwrap().len()
}

#[test]
fn files_of_other_names_are_no_files_of_a_table() {
    block_on(async {
        let store = store();
        add(&store, 1, AT).await;
        let objects = Objects(&store);
        for name in
            ["date=2023-11-14/_SUCCESS", "date=2023-11-14/.a.parquet", "a.parquet", "date=2023-11-14/a.crc"]
        {
            objects.put(&format!("tables/v1/scans/{name}"), b"x".to_vec()).await.unwrap();
        }
        objects.put("tables/v1/scans_old/date=2023-11-14/a.parquet", b"x".to_vec()).await.unwrap();
        assert_eq!(read_len(&store).await, 1);
        objects
            .put("tables/v1/_compactions/scans/date=2023-11-14/00000001.json", b"{".to_vec())
            .await
            .unwrap();
        let error = live_files(&store, Table::Scans).await.unwrap_err();
        assert!(error.to_string().contains("_compactions/scans/date=2023-11-14/00000001.json"), "{error}");
    });
}

#[test]
fn many_rows_become_several_sorted_files() {
    block_on(async {
        let store = store();
        let mut by_day: BTreeMap<String, usize> = BTreeMap::new();
        let mut appender = Appender::new(&store);
        for number in 0..40 {
            let (scan, id) = (scan(number), id(number));
            let at = AT + i64::try_from(number % 3).unwrap() * DAY_MS;
            let facts = ScanFacts::new(&scan, at, &id, "reports/a.json", "1");
            *by_day.entry(facts.day()).or_default() += 3;
            appender.push(&facts, number % 2 == 0).await.unwrap();
        }
        appender.flush().await.unwrap();
        // Three days of images, packages, scans and findings.
        assert_eq!(appender.files(), 12);
        assert_eq!(read(&store, Table::Packages).await.len(), 60);
        assert_eq!(read(&store, Table::Findings).await.len(), 80);
        assert_eq!(by_day.len(), 3);
    });
}
