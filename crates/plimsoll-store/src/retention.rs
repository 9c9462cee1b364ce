//! Which reports stay: by age and number for each repository.
//!
//! What is new goes untouched: whatever was written within the [`GRACE`] before, whatever its name says.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::layout::{INVENTORIES, REPORTS, ReportKey, VERDICTS, inventory_of, scan_of};
use crate::record::Verdict;
use crate::{Error, Meta, Put, Store};

/// What was written so recently is left alone, referenced or not: somebody may be at it.
pub const GRACE: SignedDuration = SignedDuration::from_hours(1);
/// The largest verdict that is read, in bytes.
const MAX_VERDICT_BYTES: u64 = 1 << 20;
/// The largest inventory that is held while it is removed, in bytes.
const MAX_INVENTORY_BYTES: u64 = 256 << 20;
/// Bytes of inventories that are held while they are removed, unless one alone has more.
const MAX_HELD_BYTES: u64 = 64 << 20;
/// Number of these.
const MAX_HELD: usize = 1000;
/// Verdicts that are read at once.
const MAX_AT_ONCE: usize = 16;

/// What stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The newest reports of each repository stay, so many.
    pub keep_last: Option<usize>,
    /// Reports stay until they are older.
    pub older_than: Option<SignedDuration>,
    /// Only these repositories are looked at (`registry.example/team/*`); all where there are none.
    pub repositories: Vec<String>,
    /// Reports of these tags stay for ever (`v*`).
    pub keep_tags: Vec<String>,
    /// Whether the newest report of a tag may go as well.
    pub may_remove_newest: bool,
}

/// What is to go, and what stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// By repository.
    pub groups: Vec<Group>,
    /// Reports that go: key and what it says.
    reports: Vec<(String, ReportKey)>,
}

/// A repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Registry and repository.
    pub repository: String,
    /// Reports that stay.
    pub kept: usize,
    /// Keys of reports that go, oldest first.
    pub removed: Vec<String>,
}

/// What went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// By repository.
    pub repositories: Vec<Group>,
    /// Reports that went.
    pub reports: usize,
    /// Verdicts that went.
    pub verdicts: usize,
    /// Inventories that went, since no verdict names them any more.
    pub inventories: usize,
    /// Bytes of all these.
    pub bytes: u64,
    /// IDs of the scans that went.
    #[serde(skip)]
    pub scan_ids: BTreeSet<String>,
}

impl Plan {
    /// What the rules say of these reports at this time. A report goes only where *every* limit that is given lets it go: with
    /// number and age it is among the older ones, and old. Without a limit nothing goes.
    pub fn of(reports: &[Meta], rules: &Rules, now: Timestamp) -> Self {
        let mut by_repository: BTreeMap<String, Vec<(&Meta, ReportKey)>> = BTreeMap::new();
        for meta in reports {
            // What is not of our making stays.
            let Some(key) = ReportKey::parse(&meta.key) else { continue };
            let image = key.image();
            let asked =
                rules.repositories.is_empty() || rules.repositories.iter().any(|pattern| key.is_of(pattern));
            if asked {
                by_repository.entry(image).or_default().push((meta, key));
            }
        }
        let mut plan = Self::default();
        for (repository, mut reports) in by_repository {
            // Newest first.
            reports.sort_by(|(a, x), (b, y)| (y.time, &b.key).cmp(&(x.time, &a.key)));
            let mut tags_seen = BTreeSet::new();
            let mut group = Group { repository, ..Group::default() };
            for (place, (meta, key)) in reports.into_iter().enumerate() {
                let is_newest = tags_seen.insert(key.tag.clone());
                let within_count = rules.keep_last.is_some_and(|count| place < count);
                let within_age = rules.older_than.is_some_and(|age| now.duration_since(key.time) <= age);
                let has_limit = rules.keep_last.is_some() || rules.older_than.is_some();
                let stays = !has_limit
                    || within_count
                    || within_age
                    || (is_newest && !rules.may_remove_newest)
                    || rules.keep_tags.iter().any(|glob| matches(glob, &key.tag))
                    || is_fresh(meta, now);
                if stays {
                    group.kept += 1;
                } else {
                    group.removed.push(meta.key.clone());
                    plan.reports.push((meta.key.clone(), key));
                }
            }
            group.removed.reverse();
            plan.groups.push(group);
        }
        plan
    }
}

fn is_fresh(meta: &Meta, now: Timestamp) -> bool {
    now.duration_since(meta.modified) <= GRACE
}

/// Removes reports by the rules, their verdicts, and the inventories that no verdict names any more. With `dry_run` says
/// what would go. Rows of tables are the caller's: those of [`Pruned::scan_ids`], and of inventories that went.
///
/// Reports go before their verdicts, so that what is broken off half-way is finished by the next call: a verdict whose
/// report is not there goes as well.
///
/// A scan that is being stored meanwhile loses nothing: its verdict stands before it looks for its inventory; so after
/// inventories were removed, verdicts are looked at again, and an inventory that has come to be named is put back.
///
/// # Errors
/// What the store says. What went before stays gone.
pub async fn prune(store: &Store, rules: &Rules, now: Timestamp, dry_run: bool) -> Result<Pruned, Error> {
    // Before the reports: a verdict is written behind its report, so that one whose report is not listed has none.
    let verdicts = store.list(VERDICTS).await?;
    let reports = store.list(REPORTS).await?;
    let plan = Plan::of(&reports, rules, now);
    let size: BTreeMap<&str, u64> = reports.iter().map(|meta| (meta.key.as_str(), meta.size_bytes)).collect();
    let going: BTreeSet<&str> = plan.reports.iter().map(|(key, _)| key.as_str()).collect();
    let mut pruned = Pruned {
        reports: going.len(),
        bytes: going.iter().filter_map(|key| size.get(key)).sum(),
        scan_ids: plan.reports.iter().map(|(_, key)| key.scan_id.clone()).collect(),
        repositories: plan.groups,
        ..Pruned::default()
    };
    let staying: BTreeSet<String> = reports
        .iter()
        .filter(|meta| !going.contains(meta.key.as_str()))
        .filter_map(|meta| Some(ReportKey::parse(&meta.key)?.scan_id))
        .collect();

    let (old, rest): (Vec<&Meta>, Vec<&Meta>) = verdicts.iter().partition(|meta| {
        // One that has no report any more, and is not of a scan that is being stored.
        scan_id_of(&meta.key).is_some_and(|id| !staying.contains(id)) && !is_fresh(meta, now)
    });
    pruned.verdicts = old.len();
    pruned.bytes += old.iter().map(|meta| meta.size_bytes).sum::<u64>();
    let named = inventories_named(store, rest.iter().map(|meta| meta.key.clone())).await?;
    let unnamed: Vec<Meta> = store
        .list(INVENTORIES)
        .await?
        .into_iter()
        .filter(|meta| {
            inventory_of(&meta.key).is_some() && !named.contains(&meta.key) && !is_fresh(meta, now)
        })
        .collect();
    pruned.inventories = unnamed.len();
    pruned.bytes += unnamed.iter().map(|meta| meta.size_bytes).sum::<u64>();
    if dry_run {
        return Ok(pruned);
    }

    store.delete_all(going.iter().map(|&key| key.to_owned())).await?;
    store.delete_all(old.iter().map(|meta| meta.key.clone())).await?;
    let known: BTreeSet<&str> = verdicts.iter().map(|meta| meta.key.as_str()).collect();
    for chunk in chunks(&unnamed) {
        // Held while they go, so that they can be put back.
        let mut held: Vec<(&Meta, Bytes)> = Vec::new();
        for meta in chunk {
            match store.get(&meta.key, MAX_INVENTORY_BYTES).await {
                Ok(bytes) => held.push((meta, bytes)),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        store.delete_all(held.iter().map(|(meta, _)| meta.key.clone())).await?;
        let new = new_verdicts(store, &known).await?;
        let named = inventories_named(store, new).await?;
        for (meta, bytes) in held.into_iter().filter(|(meta, _)| named.contains(&meta.key)) {
            match store.put(&meta.key, bytes, Put::IfAbsent).await {
                Ok(()) => {}
                // Whoever came to need it has put it back.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
            pruned.inventories -= 1;
            pruned.bytes -= meta.size_bytes;
        }
    }
    Ok(pruned)
}

/// Inventories that are removed together: as many as can be held. For each lot the verdicts are listed anew.
fn chunks(unnamed: &[Meta]) -> Vec<&[Meta]> {
    let mut chunks = Vec::new();
    let (mut start, mut held) = (0, 0);
    for (place, meta) in unnamed.iter().enumerate() {
        if place > start && (held + meta.size_bytes > MAX_HELD_BYTES || place - start >= MAX_HELD) {
            chunks.push(&unnamed[start..place]);
            (start, held) = (place, 0);
        }
        held += meta.size_bytes;
    }
    if start < unnamed.len() {
        chunks.push(&unnamed[start..]);
    }
    chunks
}

/// Verdicts that were not there before.
async fn new_verdicts(store: &Store, known: &BTreeSet<&str>) -> Result<Vec<String>, Error> {
    let all = store.list(VERDICTS).await?;
    Ok(all.into_iter().map(|meta| meta.key).filter(|key| !known.contains(key.as_str())).collect())
}

/// Keys of the inventories that verdicts name. A verdict that cannot be read keeps everything: it may name any of them.
async fn inventories_named(
    store: &Store,
    verdicts: impl IntoIterator<Item = String>,
) -> Result<BTreeSet<String>, Error> {
    use futures::{StreamExt as _, TryStreamExt as _};
    futures::stream::iter(verdicts)
        .map(|key| async move {
            let bytes = match store.get(&key, MAX_VERDICT_BYTES).await {
                Ok(bytes) => bytes,
                Err(error) if error.is_not_found() => return Ok(None),
                Err(error) => return Err(error),
            };
            let verdict: Verdict = serde_json::from_slice(&bytes).map_err(|error| Error::Setting {
                setting: "the verdict",
                value: store.address(&key),
                expected: if error.is_data() { "one as `plimsoll` writes it" } else { "JSON" },
            })?;
            Ok(Some(verdict.inventory_key))
        })
        .buffer_unordered(MAX_AT_ONCE)
        .try_filter_map(|key| std::future::ready(Ok(key)))
        .try_collect()
        .await
}

fn scan_id_of(key: &str) -> Option<&str> {
    scan_of(key.rsplit('/').next()?).map(|(_, id)| id)
}

/// Whether a name fits a pattern: `*` is any text, `/` too, `?` one character.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last `*` stands, and how much of the name it has taken.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match &mut star {
                Some((at, taken)) => {
                    *taken += 1;
                    p = *at + 1;
                    n = *taken;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
