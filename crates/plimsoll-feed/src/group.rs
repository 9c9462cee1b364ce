//! Fetching what belongs together: the files of one scope of one source, each from the first address that gives it.

use std::sync::Arc;

use plimsoll_advisory::FeedKind;
use plimsoll_db::Store;
use plimsoll_http::Url;

use crate::error::Trouble;
use crate::fetch::{Answer, Fetcher};
use crate::osv::{self, Changes, Patch};
use crate::part::Part;
use crate::plan::{Group, Wanted};
use crate::state::FeedState;
use crate::{Error, UpdateOptions};

/// What came of fetching a group.
pub(crate) enum Fetched {
    Unchanged(Vec<FeedState>),
    Files(Vec<FetchedFile>),
    Records(Box<(Patch, FeedState)>),
    Failed(String),
}

/// One file of a group, and where it came from.
pub(crate) struct FetchedFile {
    pub(crate) part: Box<Part>,
    pub(crate) url: Url,
    pub(crate) base: usize,
    pub(crate) listing: Option<osv::Fetched>,
}

/// What came of fetching one feed.
pub(crate) enum One {
    Unchanged(FeedState),
    File(FetchedFile),
}

/// What the threads that fetch need of a run.
pub(crate) struct View<'a> {
    pub(crate) fetcher: Arc<Fetcher>,
    pub(crate) options: &'a UpdateOptions,
    pub(crate) store: &'a Store,
    /// By group and feed.
    pub(crate) trusted: Vec<Vec<Option<FeedState>>>,
}

impl View<'_> {
    pub(crate) fn group(
        &self,
        index: usize,
        group: &Group,
        notes: &mut Vec<String>,
    ) -> Result<Fetched, Error> {
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
    pub(crate) fn file(
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
