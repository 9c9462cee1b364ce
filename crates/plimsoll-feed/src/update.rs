//! An update: feeds fetched on several threads, read one after the other, published as one generation.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use plimsoll_advisory::{Document, FeedKind, ReadReport, read_feed};
use plimsoll_db::{Generation, SourceInfo, Store, Update};
use plimsoll_http::Url;
use plimsoll_model::{Ecosystem, Namespace};

use crate::error::{Trouble, with_causes};
use crate::fetch::{Answer, Fetcher};
use crate::listing::Listing;
use crate::osv::{self, Changes, Patch};
use crate::part::{Part, sweep};
use crate::plan::{self, Group, Wanted, report, resolve};
use crate::state::{Done, FeedState, Feeds, ListingState};
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

/// What came of fetching a group.
enum Fetched {
    Unchanged(Vec<FeedState>),
    Files(Vec<FetchedFile>),
    Records(Box<(Patch, FeedState)>),
    Failed(String),
}

/// One file of a group, and where it came from.
struct FetchedFile {
    part: Box<Part>,
    url: Url,
    base: usize,
    listing: Option<osv::Fetched>,
}

/// What came of fetching one feed.
enum One {
    Unchanged(FeedState),
    File(FetchedFile),
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
        sweep(&self.store.downloads_path());
        let threads = self.options.downloads.max(1);
        let mut groups =
            resolve(&self.fetcher, wanted, threads, &self.known, &mut self.done.indexes, &mut result.feeds)?;
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
                self.done.failures.push((report.source.clone(), report.path.clone(), reason.clone()));
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
        for (wanted, mut file) in group.feeds.iter().zip(files) {
            let (report, mut read) = loop {
                let mut read = Vec::new();
                match read_feed(wanted.source, &wanted.feed, file.part.path(), &mut |document| {
                    read.push(document);
                }) {
                    Ok(report) => break (report, read),
                    Err(error) => {
                        let reason = format!("{}, from `{}`", with_causes(&error), file.url);
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
                    }
                }
            };
            let held =
                read.iter().filter(|document| !matches!(document, Document::Withdrawn { .. })).count() as u64;
            let listing = match file.listing {
                Some(fetched) => Some(self.held(fetched, &read)?),
                None => None,
            };
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
                listing,
                ..FeedState::default()
            });
            total.add(&report);
            outcomes.push(Outcome::Fetched { bytes: file.part.size, report: Box::new(report) });
            documents.append(&mut read);
        }
        let Some(first) = group.feeds.first() else { return Ok(Ok(outcomes)) };
        let (source, scope) = (first.feed.source, &first.feed.scope);
        let before = if self.holds(source, scope) { self.known.records(source, scope) } else { 0 };
        let held: u64 = states.iter().map(|state| state.records).sum();
        if before >= SMALL_FEED && held < before / 2 && !self.options.force {
            return Ok(Err(format!(
                "cannot use `{}`: expected about as many records as before, {before}, found {held}",
                first.feed.path
            )));
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

    fn held(&self, fetched: osv::Fetched, read: &[Document]) -> Result<ListingState, Error> {
        let copies: Vec<(String, String)> = read
            .iter()
            .filter_map(osv::copy_of)
            .map(|(id, modified)| (id.to_owned(), modified.to_owned()))
            .collect();
        let held: Listing = osv::held_after_archive(fetched.listing, &copies);
        let mut state = fetched.state;
        state.sha256 = osv::write_held(self.store.path(), &held)?;
        Ok(state)
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

/// What the threads that fetch need of a run.
struct View<'a> {
    fetcher: Arc<Fetcher>,
    options: &'a UpdateOptions,
    store: &'a Store,
    /// By group and feed.
    trusted: Vec<Vec<Option<FeedState>>>,
}

impl View<'_> {
    fn group(&self, index: usize, group: &Group, notes: &mut Vec<String>) -> Result<Fetched, Error> {
        let trusted = &self.trusted[index];
        if let ([wanted], [Some(state)]) = (&group.feeds[..], &trusted[..])
            && wanted.feed.kind == FeedKind::OsvEcosystem
        {
            self.started(wanted);
            let progress = self.progress(wanted);
            match osv::changes(
                &self.fetcher,
                &wanted.bases,
                wanted.source,
                &wanted.feed,
                state,
                self.store.path(),
                &progress,
            )? {
                Changes::None(listing) => {
                    let mut state = self.checked(state);
                    state.listing = Some(listing);
                    return Ok(Fetched::Unchanged(vec![state]));
                }
                Changes::Records(patch) => return Ok(Fetched::Records(Box::new((*patch, state.clone())))),
                Changes::Archive { why } if why.is_empty() => {}
                Changes::Archive { why } => notes.push(format!("fetched whole: {why}")),
            }
        }
        let mut got = Vec::new();
        for (wanted, trusted) in group.feeds.iter().zip(trusted) {
            self.started(wanted);
            match self.file(wanted, trusted.as_ref(), 0, notes)? {
                Ok(one) => got.push(one),
                Err(reason) => return Ok(Fetched::Failed(reason)),
            }
        }
        if got.iter().all(|one| matches!(one, One::Unchanged(_))) {
            let states = got.into_iter().filter_map(|one| match one {
                One::Unchanged(state) => Some(state),
                One::File(_) => None,
            });
            return Ok(Fetched::Unchanged(states.collect()));
        }
        // What replaces a scope has to be whole: those that have not changed are fetched too.
        let mut files = Vec::new();
        for (wanted, one) in group.feeds.iter().zip(got) {
            match one {
                One::File(file) => files.push(file),
                One::Unchanged(_) => match self.file(wanted, None, 0, notes)? {
                    Ok(One::File(file)) => files.push(file),
                    Ok(One::Unchanged(_)) => return Ok(Fetched::Failed("cannot fetch it again".to_owned())),
                    Err(reason) => return Ok(Fetched::Failed(reason)),
                },
            }
        }
        Ok(Fetched::Files(files))
    }

    /// Fetches one file from the first address that gives it, beginning with that number. `Ok(Err(reason))` where none
    /// does.
    fn file(
        &self,
        wanted: &Wanted,
        trusted: Option<&FeedState>,
        first: usize,
        notes: &mut Vec<String>,
    ) -> Result<Result<One, String>, Error> {
        let mut last = "cannot fetch it: no address is left".to_owned();
        let progress = self.progress(wanted);
        for base in first..wanted.bases.len() {
            let url = match wanted.bases.address(base, &wanted.feed) {
                Ok(url) => url,
                Err(reason) => {
                    last = reason;
                    continue;
                }
            };
            let same = trusted.filter(|state| state.url == url.expose());
            // The list first: what changes while the archive is fetched is then in the archive, or asked for next time.
            let listing = match wanted.feed.kind {
                FeedKind::OsvEcosystem => osv::listing(&self.fetcher, &wanted.bases, base, &wanted.feed)?,
                FeedKind::File | FeedKind::Index => None,
            };
            match self.fetcher.file(&url, same.map(|state| &state.validators), &progress) {
                Ok(Answer::Unchanged) => {
                    let state = same.expect("only what is known can be unchanged");
                    return Ok(Ok(One::Unchanged(self.checked(state))));
                }
                Ok(Answer::File(part)) => {
                    // The same bytes under another tag.
                    if let Some(state) = trusted.filter(|state| state.sha256 == part.sha256()) {
                        let mut state = self.checked(state);
                        state.url = url.expose();
                        state.validators = part.validators().clone();
                        return Ok(Ok(One::Unchanged(state)));
                    }
                    return Ok(Ok(One::File(FetchedFile { part, url, base, listing })));
                }
                Err(Trouble::Fatal(error)) => return Err(error),
                Err(trouble) => {
                    last = trouble.to_string();
                    if base + 1 < wanted.bases.len() {
                        notes.push(last.clone());
                    }
                }
            }
        }
        Ok(Err(last))
    }

    fn checked(&self, state: &FeedState) -> FeedState {
        FeedState { checked_at: self.options.now.clone(), ..state.clone() }
    }

    fn started(&self, wanted: &Wanted) {
        if let Some(progress) = &self.options.progress {
            progress.started(&crate::report::name(wanted.feed.source, &wanted.feed.scope));
        }
    }

    fn progress(&self, wanted: &Wanted) -> impl Fn(u64, Option<u64>) + Sync {
        let name = crate::report::name(wanted.feed.source, &wanted.feed.scope);
        let progress = self.options.progress.clone();
        move |bytes, total| {
            if let Some(progress) = &progress {
                progress.received(&name, bytes, total);
            }
        }
    }
}
