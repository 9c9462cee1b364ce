//! An update: feeds fetched on several threads, read one after the other, published as one generation.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use plimsoll_advisory::{Document, FeedKind, ReadReport, read_feed};
use plimsoll_db::{Generation, SourceInfo, Store, Update};
use plimsoll_model::{Ecosystem, Namespace};

use crate::error::with_causes;
use crate::fetch::Fetcher;
use crate::group::{Fetched, FetchedFile, One, View};
use crate::listing::{Listing, is_older};
use crate::osv::{self, Patch};
use crate::part::{Validators, sweep};
use crate::plan::{self, Group, Wanted, report, resolve};
use crate::state::{Done, FeedState, Feeds, ListingState, Missed, ecosystem_of};
use crate::{Error, FeedReport, Outcome, UpdateOptions, UpdateReport};

/// Bytes of feeds, unpacked, after which what was read is published before more is read. Bounds memory.
const MAX_BYTES_A_GENERATION: u64 = 512 << 20;
/// Fewer records than this may shrink as they like.
const SMALL_FEED: u64 = 100;

/// Brings a store up to date: each feed is asked whether it has changed, and fetched if so.
///
/// What a feed that fails held before stays. The generation there was stays whole, whatever happens, and is the current one
/// until the new one is published.
///
/// # Errors
/// [`Error::Nothing`] where every feed failed; what was named and does not exist; a store that cannot be written;
/// [`Error::Offline`].
pub fn update(store: &Store, options: &UpdateOptions) -> Result<UpdateReport, Error> {
    let mut wanted = Vec::new();
    for (source, bases) in plan::sources(options)? {
        for feed in source.feeds(options.ecosystems.as_deref()) {
            wanted.push(Wanted { source, bases: bases.clone(), feed, notes: Vec::new() });
        }
    }
    Run::new(store, options)?.run(wanted, false)
}

/// Fetches what a scan of these namespaces needs and the store has nothing of: the feeds of ecosystems that are missing,
/// and of flaws alone (KEV, EPSS) where there are none. What is there is not looked at, however old it is; where nothing
/// is missing, the network is not used.
///
/// # Errors
/// As of [`update`].
pub fn ensure(store: &Store, wanted: &[Namespace], options: &UpdateOptions) -> Result<UpdateReport, Error> {
    let run = Run::new(store, options)?;
    let ecosystems: BTreeSet<Ecosystem> = wanted.iter().map(|namespace| namespace.ecosystem).collect();
    let missing: Vec<Ecosystem> =
        ecosystems.into_iter().filter(|ecosystem| !run.covers(*ecosystem)).collect();
    let mut wanted = Vec::new();
    for (source, bases) in plan::sources(options)? {
        for feed in source.feeds(Some(&missing)) {
            if feed.kind == FeedKind::Index || !run.holds(feed.source, &feed.scope) {
                wanted.push(Wanted { source, bases: bases.clone(), feed, notes: Vec::new() });
            }
        }
    }
    run.run(wanted, true)
}

fn missed(report: &FeedReport, reason: &str, now: &str) -> Missed {
    Missed {
        source: report.source.clone(),
        path: report.path.clone(),
        tried_at: now.to_owned(),
        failure: reason.to_owned(),
    }
}

/// One update.
struct Run<'a> {
    store: &'a Store,
    options: &'a UpdateOptions,
    fetcher: Arc<Fetcher>,
    /// The generation it began with, or has published in between.
    base: Option<Generation>,
    known: Feeds,
    update: Update,
    /// What the feeds in `update` are to be known by.
    done: Done,
    /// Bytes that were read into `update`.
    read_bytes: u64,
}

impl<'a> Run<'a> {
    fn new(store: &'a Store, options: &'a UpdateOptions) -> Result<Self, Error> {
        Ok(Self {
            store,
            options,
            fetcher: Arc::new(Fetcher::new(options, store.downloads_path())),
            base: store.current()?,
            known: Feeds::read(store),
            update: Update::new(),
            done: Done::default(),
            read_bytes: 0,
        })
    }

    fn covers(&self, ecosystem: Ecosystem) -> bool {
        let whole = ecosystem.name();
        self.base.as_ref().is_some_and(|base| {
            base.manifest().partitions.iter().any(|partition| {
                let rest = partition.name.strip_prefix(whole);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            })
        })
    }

    fn holds(&self, source: &str, scope: &str) -> bool {
        self.base.as_ref().is_some_and(|base| base.manifest().source(source, scope).is_some())
    }

    /// The feed's state, if what was read of it is still in the database.
    fn trusted(&self, wanted: &Wanted) -> Option<&FeedState> {
        let base = self.base.as_ref().filter(|_| !self.options.force)?;
        self.known.trusted(wanted.feed.source, &wanted.feed.path, base.manifest())
    }

    fn run(mut self, wanted: Vec<Wanted>, only_missing: bool) -> Result<UpdateReport, Error> {
        let digest = |base: &Option<Generation>| base.as_ref().map(|base| base.digest().to_string());
        let mut result =
            UpdateReport { before: digest(&self.base).unwrap_or_default(), ..UpdateReport::default() };
        self.sweep();
        let threads = self.options.downloads.max(1);
        let mut groups =
            resolve(&self.fetcher, wanted, threads, &self.known, &mut self.done.indexes, &mut result.feeds)?;
        let failed = result.feeds.iter().filter_map(|feed| match &feed.outcome {
            Outcome::Failed { reason } => Some(missed(feed, reason, &self.options.now)),
            _ => None,
        });
        self.done.failures.extend(failed);
        if only_missing {
            groups.retain(|group| {
                group.feeds.first().is_some_and(|first| !self.holds(first.feed.source, &first.feed.scope))
            });
        }
        self.fetch_all(&groups, threads, &mut result.feeds)?;
        self.publish()?;
        result.after = digest(&self.base).unwrap_or_default();
        result.received_bytes = self.fetcher.received();
        result.feeds.sort_by(|one, two| (&one.source, &one.path).cmp(&(&two.source, &two.path)));
        if !result.feeds.is_empty() && result.feeds.iter().all(FeedReport::is_failed) {
            let failures = result.feeds.into_iter().map(|feed| {
                let name = feed.name();
                match feed.outcome {
                    Outcome::Failed { reason } => (name, reason),
                    _ => (name, String::new()),
                }
            });
            return Err(Error::Nothing { failures: failures.collect() });
        }
        Ok(result)
    }

    /// Removes what earlier updates left. Without a time it is not known what is old.
    fn sweep(&self) {
        if let Ok(now) = self.options.now.parse::<jiff::Timestamp>() {
            sweep(&self.store.downloads_path(), now.into());
            osv::sweep_held(self.store.path(), &self.known.listings(), now.into());
        }
    }

    /// How many records there are of a source's scope: as the database says, which may have been taken from elsewhere, and
    /// as was counted when it was read here.
    fn records(&self, source: &str, scope: &str) -> u64 {
        let Some(base) = &self.base else { return 0 };
        let Some(info) = base.manifest().source(source, scope) else { return 0 };
        // Facts of flaws are in one partition each; an advisory is in that of each release it speaks of.
        let flaws = base.manifest().partitions.iter().filter(|info| ecosystem_of(&info.name).is_none());
        let of_flaws =
            flaws.flat_map(|info| &info.origins).filter(|o| o.source == source && o.scope == scope);
        let of_flaws = of_flaws.fold(0_u64, |sum, origin| sum.saturating_add(origin.records));
        info.usable.max(of_flaws).max(self.known.records(source, scope))
    }

    /// What is wrong with a mirror's file whose newest record is older than the newest that is held. A source's own word
    /// counts, whatever it takes back; a mirror's only shows that it lags.
    fn is_older(&self, wanted: &Wanted, file: &FetchedFile, read: &[Document]) -> Option<String> {
        if self.options.force || wanted.bases.is_own(file.base) {
            return None;
        }
        let held = &self.base.as_ref()?.manifest().source(wanted.feed.source, &wanted.feed.scope)?.newest;
        // A record dated in the future by mistake must not keep all others out.
        if held.is_empty() || is_older(&self.options.now, held) {
            return None;
        }
        let listed = file.listing.iter().map(|fetched| fetched.listing.newest());
        let newest = read
            .iter()
            .map(moment_of)
            .chain(listed)
            .reduce(|one, two| if is_older(one, two) { two } else { one })?;
        is_older(newest, held).then(|| {
            format!("cannot use `{}`: expected records as new as those held, of {held}, found older ones, of {newest}", file.url)
        })
    }

    /// Fetches on several threads, and reads each group as it arrives. At most as many wait to be read as are fetched at
    /// once, so that the disk does not fill up.
    fn fetch_all(
        &mut self,
        groups: &[Group],
        threads: usize,
        reports: &mut Vec<FeedReport>,
    ) -> Result<(), Error> {
        let next = AtomicUsize::new(0);
        let (sender, receiver) = mpsc::sync_channel(threads);
        // What a thread asks of the run does not change while they fetch: a copy of what is known.
        let view = View {
            fetcher: Arc::clone(&self.fetcher),
            options: self.options,
            store: self.store,
            trusted: groups
                .iter()
                .map(|group| group.feeds.iter().map(|wanted| self.trusted(wanted).cloned()).collect())
                .collect(),
        };
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let sender = sender.clone();
                let (next, view) = (&next, &view);
                scope.spawn(move || {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(group) = groups.get(index) else { break };
                        let mut notes = Vec::new();
                        let fetched = view.group(index, group, &mut notes);
                        // The other side hangs up when it has met an error.
                        if sender.send((index, fetched, notes)).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            for (index, fetched, notes) in receiver {
                self.take(&view, &groups[index], fetched?, notes, reports)?;
            }
            Ok(())
        })
    }

    /// Reads a group into the update.
    fn take(
        &mut self,
        view: &View<'_>,
        group: &Group,
        fetched: Fetched,
        mut notes: Vec<String>,
        reports: &mut Vec<FeedReport>,
    ) -> Result<(), Error> {
        let outcomes = match fetched {
            Fetched::Unchanged(states) => {
                self.done.carried.extend(states);
                vec![Outcome::Unchanged; group.feeds.len()]
            }
            Fetched::Failed(reason) => vec![Outcome::Failed { reason }; group.feeds.len()],
            Fetched::Records(records) => vec![self.take_records(&group.feeds[0], *records, &mut notes)?],
            Fetched::Files(files) => match self.take_files(view, group, files, &mut notes)? {
                Ok(outcomes) => outcomes,
                Err(reason) => vec![Outcome::Failed { reason }; group.feeds.len()],
            },
        };
        for (number, (wanted, outcome)) in group.feeds.iter().zip(outcomes).enumerate() {
            let mut report = report(wanted, outcome);
            if let Outcome::Failed { reason } = &report.outcome {
                self.done.failures.push(missed(&report, reason, &self.options.now));
            }
            if number == 0 {
                report.notes.append(&mut notes);
            }
            if let Some(progress) = &self.options.progress {
                progress.finished(&report);
            }
            reports.push(report);
        }
        if self.read_bytes >= MAX_BYTES_A_GENERATION {
            self.publish()?;
        }
        Ok(())
    }

    fn take_records(
        &mut self,
        wanted: &Wanted,
        (mut patch, mut state): (Patch, FeedState),
        notes: &mut Vec<String>,
    ) -> Result<Outcome, Error> {
        notes.append(&mut patch.notes);
        let changes = self.update.patch(wanted.feed.source, &wanted.feed.scope);
        for document in patch.documents {
            changes.add(document);
        }
        for id in &patch.removed {
            changes.remove(id);
        }
        self.read_bytes += patch.report.bytes;
        patch.listing.sha256 = osv::write_held(self.store.path(), &patch.held)?;
        state.listing = Some(patch.listing);
        self.options.now.clone_into(&mut state.checked_at);
        self.options.now.clone_into(&mut state.fetched_at);
        self.done.carried.push(state);
        let removed = patch.removed.len() as u64;
        Ok(Outcome::Patched { changed: patch.changed, removed, failed: patch.failed })
    }

    /// Reads files; one that cannot be read is fetched from the next address. `Ok(Err(reason))` where there is none left.
    fn take_files(
        &mut self,
        view: &View<'_>,
        group: &Group,
        files: Vec<FetchedFile>,
        notes: &mut Vec<String>,
    ) -> Result<Result<Vec<Outcome>, String>, Error> {
        let mut documents = Vec::new();
        let mut total = ReadReport::default();
        let mut states = Vec::new();
        let mut outcomes = Vec::new();
        let mut listings = Vec::new();
        for (wanted, mut file) in group.feeds.iter().zip(files) {
            let (report, mut read) = loop {
                let mut read = Vec::new();
                let reason = match read_feed(wanted.source, &wanted.feed, file.part.path(), &mut |document| {
                    read.push(document);
                }) {
                    Ok(report) => {
                        match self.is_older(wanted, &file, &read).filter(|_| group.feeds.len() == 1) {
                            None => break (report, read),
                            Some(reason) => reason,
                        }
                    }
                    Err(error) => format!("{}, from `{}`", with_causes(&error), file.url),
                };
                let next = file.base + 1;
                // The bytes are of no use to anybody.
                drop(file.part);
                match view.file(wanted, None, next, notes)? {
                    Ok(One::File(other)) => {
                        notes.push(reason);
                        file = other;
                    }
                    Ok(One::Unchanged(_)) | Err(_) => return Ok(Err(reason)),
                }
            };
            let held =
                read.iter().filter(|document| !matches!(document, Document::Withdrawn { .. })).count() as u64;
            let listing = file.listing.map(|fetched| listing_of(fetched, &read));
            listings.push(listing);
            states.push(FeedState {
                source: wanted.feed.source.to_owned(),
                path: wanted.feed.path.clone(),
                scope: wanted.feed.scope.clone(),
                url: file.url.expose(),
                validators: file.part.validators().clone(),
                size_bytes: file.part.size,
                records: held,
                sha256: file.part.sha256(),
                fetched_at: self.options.now.clone(),
                checked_at: self.options.now.clone(),
                ..FeedState::default()
            });
            total.add(&report);
            outcomes.push(Outcome::Fetched { bytes: file.part.size, report: Box::new(report) });
            documents.append(&mut read);
        }
        let Some(first) = group.feeds.first() else { return Ok(Ok(outcomes)) };
        let (source, scope) = (first.feed.source, &first.feed.scope);
        let before = self.records(source, scope);
        let held: u64 = states.iter().map(|state| state.records).sum();
        if before >= SMALL_FEED && held < before / 2 && !self.options.force {
            return Ok(Err(format!(
                "cannot use `{}`: expected about as many records as before, {before}, found {held}",
                first.feed.path
            )));
        }
        for (state, listing) in states.iter_mut().zip(listings) {
            if let Some((held, mut listing)) = listing {
                listing.sha256 = osv::write_held(self.store.path(), &held)?;
                state.listing = Some(listing);
            }
        }
        let changes = self.update.replace(source, scope);
        for document in documents {
            changes.add(document);
        }
        self.update.report(SourceInfo::new(source, scope, first.source.about().licence, &total));
        self.read_bytes += total.bytes;
        self.done.replaced.extend(states);
        Ok(Ok(outcomes))
    }

    /// Publishes what was read so far, and writes down what is known of it.
    fn publish(&mut self) -> Result<(), Error> {
        let update = std::mem::take(&mut self.update);
        let done = std::mem::take(&mut self.done);
        self.read_bytes = 0;
        let now = if update.is_empty() { self.base.clone() } else { Some(self.store.publish(&update)?) };
        let Some(now) = now.filter(|_| !done.is_empty()) else { return Ok(()) };
        let read = || done.replaced.iter().chain(&done.carried);
        let listed = |state: &FeedState| state.listing.as_ref().map(|listing| listing.sha256.clone());
        let kept: BTreeSet<String> = read().filter_map(listed).collect();
        let replaced: Vec<String> = read()
            .filter_map(|state| self.known.get(&state.source, &state.path).and_then(listed))
            .filter(|hash| !kept.contains(hash))
            .collect();
        Feeds::write(self.store, self.base.as_ref(), &now, done, &self.known)?;
        self.known = Feeds::read(self.store);
        for hash in replaced {
            osv::remove_held(self.store.path(), &hash);
        }
        self.base = Some(now);
        Ok(())
    }
}

/// What is held behind an archive, and what is known of the list beside it.
fn listing_of(fetched: osv::Fetched, read: &[Document]) -> (Listing, ListingState) {
    let copies: Vec<(String, String)> = read
        .iter()
        .filter_map(osv::copy_of)
        .map(|(id, modified)| (id.to_owned(), modified.to_owned()))
        .collect();
    let mut state = fetched.state;
    let listed = fetched.listing;
    let held: Listing = osv::held_after_archive(listed.clone(), &copies);
    let rest = held.difference(&listed);
    if !rest.changed.is_empty() || !rest.removed.is_empty() {
        state.validators = Validators::default();
    }
    (held, state)
}

/// When a document was last changed; empty where it does not say.
fn moment_of(document: &Document) -> &str {
    match document {
        Document::Kev(entry) => &entry.date_added,
        other => osv::copy_of(other).map_or("", |(_, modified)| modified),
    }
}
