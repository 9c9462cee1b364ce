//! The log of compactions: which files a partition's compacted files replace.
//!
//! Each change of a partition is one numbered object, written only where that number is free: of two that change it at
//! once one is first, and the other looks again. A compacted file counts when an entry names it, and a file that an entry
//! replaces counts no more. What was replaced is deleted after that, and then an empty object says that it is gone, so that
//! readers need not open the entry.
//!
//! ```text
//! tables/v1/_compactions/findings/date=2026-11-22/00000001.json           {"change": "1f…", "outputs": […], "replaces": […]}
//! tables/v1/_compactions/findings/date=2026-11-22/00000001-1f….done
//! ```

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::ObjectMeta;
use plimsoll_store::Store;
use serde::{Deserialize, Serialize};

use crate::advisories::group;
use crate::error::Result;
use crate::files::{COMPACTED, EXTENSION, Objects, log_key, partition_key, table_key};
use crate::schema::{PARTITION_COLUMN, Table};
use crate::{Error, LiveFile};

/// How often a listing is tried anew when the log has changed meanwhile.
const MAX_TRIES: u32 = 8;

/// What names of objects end with that say: these advisories are written to the end.
pub(crate) const COMPLETE: &str = ".complete";

/// Entries that are read at once.
const ENTRIES_AT_ONCE: usize = 16;

/// One change of a partition. Files are named without their folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// 32 hex digits, which are in the outputs' names.
    pub(crate) change: String,
    pub(crate) outputs: Vec<String>,
    pub(crate) replaces: Vec<String>,
}

/// A day of a table as the log and the listing have it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Partition {
    /// What counts, by name.
    pub(crate) live: BTreeMap<String, ObjectMeta>,
    /// What lies there and was replaced.
    pub(crate) replaced: BTreeSet<String>,
    /// Compacted files that no entry names: of a compaction that is under way, or was broken off.
    pub(crate) orphans: BTreeMap<String, ObjectMeta>,
    /// Number of the last entry; 0 for none.
    pub(crate) last: u32,
    /// Advisories that are written to the end: what the names of their files begin with.
    pub(crate) complete: BTreeSet<String>,
    /// Entries whose replaced files may still lie there.
    pub(crate) open: BTreeMap<u32, Entry>,
}

/// What lies in the log.
#[derive(Default, PartialEq, Eq)]
struct Listed {
    /// By day: numbers of entries.
    entries: BTreeMap<String, BTreeSet<u32>>,
    /// By day.
    complete: BTreeMap<String, BTreeSet<String>>,
    /// By day and number: the change of what is done.
    done: BTreeMap<(String, u32), String>,
}

/// The days of a table, all or one.
pub(crate) async fn partitions(
    store: &Store,
    table: Table,
    day: Option<&str>,
) -> Result<BTreeMap<String, Partition>> {
    let objects = Objects(store);
    let log = log_key(table);
    let (log_folder, folder) = match day {
        Some(day) => (format!("{log}/{PARTITION_COLUMN}={day}"), partition_key(table, day)),
        None => (log.clone(), table_key(table)),
    };
    let mut before = listed(objects, &log_folder, &log).await?;
    for _ in 0..MAX_TRIES {
        let files = objects.list(&folder).await?;
        let after = listed(objects, &log_folder, &log).await?;
        // What is done meanwhile changes nothing but what may be left out; what is new may have replaced what was listed.
        if before.entries == after.entries && before.complete == after.complete {
            return join(objects, table, files, before).await;
        }
        before = after;
    }
    Err(Error::Busy { action: "list", object: objects.address(&folder) })
}

async fn listed(objects: Objects<'_>, folder: &str, log: &str) -> Result<Listed> {
    let mut listed = Listed::default();
    for meta in objects.list(folder).await? {
        let key = objects.key(&meta.location).unwrap_or_default();
        let Some((day, name)) = day_and_name(&key, log) else { continue };
        if let Some(number) = name.strip_suffix(".json").and_then(number_of) {
            listed.entries.entry(day.to_owned()).or_default().insert(number);
        } else if let Some(group) = name.strip_suffix(COMPLETE) {
            listed.complete.entry(day.to_owned()).or_default().insert(group.to_owned());
        } else if let Some((number, change)) =
            name.strip_suffix(".done").and_then(|name| name.split_once('-'))
            && let Some(number) = number_of(number)
        {
            listed.done.insert((day.to_owned(), number), change.to_owned());
        }
    }
    Ok(listed)
}

/// The number of an entry as its name has it, `00000001`; what is written otherwise is nobody's.
fn number_of(digits: &str) -> Option<u32> {
    let number = digits.parse().ok()?;
    (digits == format!("{number:08}")).then_some(number)
}

/// Day and name of `FOLDER/date=2026-11-22/NAME`.
fn day_and_name<'k>(key: &'k str, folder: &str) -> Option<(&'k str, &'k str)> {
    let rest = key.strip_prefix(folder)?.strip_prefix('/')?;
    let (partition, name) = rest.split_once('/')?;
    let day = partition.strip_prefix(PARTITION_COLUMN)?.strip_prefix('=')?;
    (!name.contains('/')).then_some((day, name))
}

async fn join(
    objects: Objects<'_>,
    table: Table,
    files: Vec<ObjectMeta>,
    listed: Listed,
) -> Result<BTreeMap<String, Partition>> {
    let mut partitions: BTreeMap<String, Partition> = BTreeMap::new();
    let mut changes: HashSet<(String, String)> = HashSet::new();
    let mut open = Vec::new();
    for (day, numbers) in &listed.entries {
        partitions.entry(day.clone()).or_default().last = numbers.last().copied().unwrap_or(0);
        for &number in numbers {
            match listed.done.get(&(day.clone(), number)) {
                Some(change) => drop(changes.insert((day.clone(), change.clone()))),
                None => open.push((day.clone(), number)),
            }
        }
    }
    for (day, groups) in listed.complete {
        partitions.entry(day).or_default().complete = groups;
    }
    let read = |(day, number): (String, u32)| async move {
        let entry = entry(objects, table, &day, number).await?;
        Ok::<_, Error>((day, number, entry))
    };
    let read: Vec<_> = stream::iter(open).map(read).buffered(ENTRIES_AT_ONCE).try_collect().await?;
    for (day, number, entry) in read {
        changes.insert((day.clone(), entry.change.clone()));
        let partition = partitions.entry(day).or_default();
        partition.replaced.extend(entry.replaces.iter().cloned());
        partition.open.insert(number, entry);
    }
    for meta in files {
        let key = objects.key(&meta.location).unwrap_or_default();
        let Some((day, name)) = day_and_name(&key, &table_key(table)) else { continue };
        // As every reader of such folders does.
        if name.starts_with(['_', '.']) || !name.ends_with(EXTENSION) || meta.size == 0 {
            continue;
        }
        let partition = partitions.entry(day.to_owned()).or_default();
        if partition.replaced.contains(name) {
            continue;
        }
        let change = name.strip_prefix(COMPACTED).and_then(|rest| rest.get(..32));
        let is_live = change.is_none_or(|change| changes.contains(&(day.to_owned(), change.to_owned())));
        let into = if is_live { &mut partition.live } else { &mut partition.orphans };
        into.insert(name.to_owned(), meta);
    }
    Ok(partitions)
}

fn entry_key(table: Table, day: &str, number: u32) -> String {
    format!("{}/{PARTITION_COLUMN}={day}/{number:08}.json", log_key(table))
}

async fn entry(objects: Objects<'_>, table: Table, day: &str, number: u32) -> Result<Entry> {
    let key = entry_key(table, day, number);
    let bytes = objects.get(&key).await?;
    serde_json::from_slice(&bytes).map_err(|_| Error::Log {
        object: objects.address(&key),
        expected: "JSON with `change`, `outputs` and `replaces`",
    })
}

/// 32 hex digits that no other change has, not even one of the same files. So an output's name is never used twice, and who
/// deletes what was broken off deletes nothing that somebody else has made count meanwhile.
pub(crate) fn unique() -> String {
    // Seeds that the system gives, for nothing else than to be different.
    let word = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", word(), word())
}

/// Writes an entry behind the last one that is known. `None` where somebody was faster.
pub(crate) async fn commit(
    store: &Store,
    table: Table,
    day: &str,
    last: u32,
    entry: &Entry,
) -> Result<Option<u32>> {
    let number = last.saturating_add(1);
    let json = serde_json::to_vec(entry).expect("an entry is texts, and is written to memory");
    if Objects(store).create(&entry_key(table, day, number), json).await? {
        return Ok(Some(number));
    }
    // It may be our own: an answer was lost, and the request was made again.
    let there = self::entry(Objects(store), table, day, number).await?;
    Ok((there.change == entry.change).then_some(number))
}

/// Deletes the outputs of a change that does not count.
pub(crate) async fn withdraw(store: &Store, table: Table, day: &str, entry: &Entry) -> Result<()> {
    let now = partitions(store, table, Some(day)).await?.remove(day).unwrap_or_default();
    for name in entry.outputs.iter().filter(|name| now.orphans.contains_key(*name)) {
        Objects(store).delete(&format!("{}/{name}", partition_key(table, day))).await?;
    }
    Ok(())
}

/// Deletes what an entry replaced, and says so.
pub(crate) async fn finish(store: &Store, table: Table, day: &str, number: u32, entry: &Entry) -> Result<()> {
    let objects = Objects(store);
    let folder = partition_key(table, day);
    let delete = |name: &String| {
        let key = format!("{folder}/{name}");
        async move { objects.delete(&key).await }
    };
    stream::iter(entry.replaces.iter().map(delete)).buffered(ENTRIES_AT_ONCE).try_collect::<()>().await?;
    let done = format!("{}/{PARTITION_COLUMN}={day}/{number:08}-{}.done", log_key(table), entry.change);
    objects.put(&done, Vec::new()).await
}

/// The files of a table that count, by day and name. Files that a compaction has replaced and that still lie there are
/// left out, and so are compacted files that do not count yet. Of [`Table::Advisories`] only those of the newest database
/// count.
///
/// A file may be gone when it is read: a compaction has replaced it since. Then this is to be asked again.
///
/// # Errors
/// [`Error::Store`], [`Error::Log`], [`Error::Busy`].
pub async fn live_files(store: &Store, table: Table) -> Result<Vec<LiveFile>> {
    let mut partitions = partitions(store, table, None).await?;
    if table == Table::Advisories {
        // The folders' names are days, and the files' begin with a time.
        let newest = partitions.values().flat_map(|partition| &partition.complete).max().cloned();
        for partition in partitions.values_mut() {
            partition.live.retain(|name, _| newest.as_deref() == Some(group(name)));
        }
    }
    let files = partitions.into_iter().flat_map(|(day, partition)| {
        partition.live.into_iter().map(move |(name, meta)| LiveFile { date: day.clone(), name, meta })
    });
    Ok(files.collect())
}
