//! The next generation of a store: changes applied to the current one, partition by partition.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;
use std::thread;

use crate::block::Frame;
use crate::derive::build;
use crate::dictionary::Dictionary;
use crate::generation::Generation;
use crate::info::Origin;
use crate::manifest::{Manifest, PartitionInfo, SourceInfo};
use crate::merge::{Merged, NewRecord, merge, sort};
use crate::update::{Changes, Dropped, Update};
use crate::{Database, Error, Store};

/// Partitions that are written at once; each takes memory.
const MAX_THREADS: usize = 4;

impl Store {
    /// The manifest of `base` with these changes. Partitions that change are written.
    pub(crate) fn apply(&self, base: Option<&Generation>, update: &Update) -> Result<Manifest, Error> {
        let empty = Manifest::default();
        let base = base.map_or(&empty, Generation::manifest);
        let mut added: BTreeMap<&str, Vec<NewRecord<'_>>> = BTreeMap::new();
        for changes in update.each() {
            changes.each_record(|partition, body| {
                let (source, scope) = (&*changes.source, &*changes.scope);
                added.entry(partition).or_default().push(NewRecord { source, scope, body });
            });
        }
        let mut partitions: BTreeMap<&str, PartitionInfo> = BTreeMap::new();
        for info in &base.partitions {
            if !added.contains_key(&*info.name) && !self.loses(info, update)? {
                partitions.insert(&info.name, info.clone());
            } else {
                added.entry(&info.name).or_default();
            }
        }
        let rebuilt = in_parallel(added.into_iter().collect(), |(name, mut records)| {
            sort(&mut records);
            self.rebuild(name, base.partition(name), update, &records).map(|info| (name, info))
        });
        for rebuilt in rebuilt {
            if let (name, Some(info)) = rebuilt? {
                partitions.insert(name, info);
            }
        }
        let partitions: Vec<PartitionInfo> = partitions.into_values().collect();
        let advisories = self.count_advisories(&partitions)?;
        let sources = sources(base, update);
        Ok(Manifest { advisories, partitions, sources, ..Manifest::default() }.finish())
    }

    /// Whether a partition to which nothing is added loses records.
    fn loses(&self, info: &PartitionInfo, update: &Update) -> Result<bool, Error> {
        if update.replaces_everything() {
            return Ok(true);
        }
        let mut patches: Vec<&Changes> = Vec::new();
        for changes in update.each() {
            let is_of = |origin: &Origin| {
                origin.source == changes.source
                    && (origin.scope == changes.scope || changes.replaces() && changes.scope.is_empty())
            };
            if info.origins.iter().any(is_of) {
                if changes.replaces() {
                    return Ok(true);
                }
                patches.push(changes);
            }
        }
        if patches.is_empty() {
            return Ok(false);
        }
        let database = self.open_partition(info)?;
        for id in patches.into_iter().flat_map(Changes::touched) {
            if database.knows(id).map_err(|error| Error::damaged(database.path(), error))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The partition with these changes; `None` where nothing is left of it.
    fn rebuild(
        &self,
        name: &str,
        info: Option<&PartitionInfo>,
        update: &Update,
        new: &[NewRecord<'_>],
    ) -> Result<Option<PartitionInfo>, Error> {
        let base = match info {
            // What is all replaced need not be whole.
            Some(info) => match self.open_partition(info) {
                Err(_) if keeps_nothing(info, update) => None,
                opened => Some(opened?),
            },
            None => None,
        };
        let Merged { dictionary, frames } = merge(base.as_ref(), update, new)?;
        if frames.is_empty() {
            return Ok(None);
        }
        if let (Some(info), Some(base)) = (info, &base)
            && is_same(base, &frames)
        {
            return Ok(Some(info.clone()));
        }
        self.finish(name, &dictionary, &frames).map(Some)
    }

    pub(crate) fn finish(
        &self,
        name: &str,
        dictionary: &Dictionary,
        frames: &[Frame<'_>],
    ) -> Result<PartitionInfo, Error> {
        let built = build(name, dictionary, frames, BTreeMap::new())?;
        let digest = self.write_partition(&built)?;
        Ok(PartitionInfo::new(name, digest, built.info))
    }

    /// Advisories over all partitions, each once. Of partitions that are missing nothing is counted.
    fn count_advisories(&self, partitions: &[PartitionInfo]) -> Result<u64, Error> {
        let mut seen = HashSet::new();
        for info in partitions {
            match self.open_partition(info) {
                Ok(database) => {
                    for identity in database.identities() {
                        seen.insert(identity.map_err(|error| Error::damaged(database.path(), error))?);
                    }
                }
                Err(Error::Partition { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(seen.len() as u64)
    }
}

/// Does the work on each item, on a few threads. What comes back is in no order.
fn in_parallel<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS).min(items.len());
    if threads <= 1 {
        return items.into_iter().map(work).collect();
    }
    let items = Mutex::new(items.into_iter());
    // A poisoned lock belongs to a panic of another thread, which is passed on below.
    let next = || items.lock().ok().and_then(|mut items| items.next());
    let work_on = || std::iter::from_fn(next).map(&work).collect::<Vec<R>>();
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work_on)).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Vec<R>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        running.into_iter().flat_map(join).collect()
    })
}

/// Whether all records of a partition give way.
fn keeps_nothing(info: &PartitionInfo, update: &Update) -> bool {
    let goes = |origin: &Origin| matches!(update.drops(&origin.source, &origin.scope), Dropped::All);
    info.origins.iter().all(goes)
}

/// Whether these are the blocks of that partition.
fn is_same(base: &Database, frames: &[Frame<'_>]) -> bool {
    let mut old = base.stored_blocks();
    let same =
        |frame: &Frame<'_>| old.next().is_some_and(|old| old.is_ok_and(|old| old.digest == frame.digest));
    frames.iter().all(same) && old.next().is_none()
}

/// The manifest's sources with these changes.
fn sources(base: &Manifest, update: &Update) -> Vec<SourceInfo> {
    let mut sources: BTreeMap<(&str, &str), SourceInfo> = BTreeMap::new();
    for info in &base.sources {
        let key = (&*info.source, &*info.scope);
        let whole = update
            .each()
            .any(|changes| changes.source == info.source && changes.scope.is_empty() && changes.replaces());
        if !whole && !update.replaces_everything() {
            sources.insert(key, info.clone());
        }
    }
    for changes in update.each() {
        let key = (&*changes.source, &*changes.scope);
        let known = sources.entry(key).or_insert_with(|| SourceInfo {
            source: changes.source.clone(),
            scope: changes.scope.clone(),
            ..SourceInfo::default()
        });
        let newest = changes.newest();
        let time = |text: &str| text.trim_end_matches('Z').to_owned();
        if changes.replaces() || time(&known.newest) < time(&newest) {
            known.newest = newest;
        }
        if changes.replaces() {
            known.usable = changes.usable();
        }
    }
    for report in update.reports() {
        let key = (&*report.source, &*report.scope);
        let newest = sources.get(&key).map(|known| known.newest.clone()).unwrap_or_default();
        sources.insert(key, SourceInfo { newest, ..report.clone() });
    }
    sources.into_values().collect()
}
