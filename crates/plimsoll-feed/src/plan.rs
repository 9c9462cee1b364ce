//! Which feeds are to be fetched: chosen sources, and the files that their indexes name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plimsoll_advisory::{Feed, FeedKind, SOURCES, Source};

use crate::address::Bases;
use crate::error::Trouble;
use crate::fetch::{Fetcher, Small};
use crate::parallel::map;
use crate::state::{Feeds, IndexState};
use crate::{Error, FeedReport, Outcome, UpdateOptions};

/// The most feeds of one update.
pub const MAX_FEEDS: usize = 5000;
/// How deep indexes may name indexes.
const MAX_INDEX_DEPTH: usize = 4;
/// The most bytes of an index.
const MAX_INDEX_BYTES: u64 = 64 << 20;

/// A feed that is to be fetched.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) source: &'static dyn Source,
    pub(crate) bases: Arc<Bases>,
    pub(crate) feed: Feed,
    /// What was met on the way to it.
    pub(crate) notes: Vec<String>,
}

/// Feeds that hold one scope of one source together.
pub(crate) struct Group {
    pub(crate) feeds: Vec<Wanted>,
}

/// A source, and where it lies.
type Chosen = (&'static dyn Source, Arc<Bases>);

/// The sources that the options choose.
pub(crate) fn sources(options: &UpdateOptions) -> Result<Vec<Chosen>, Error> {
    let fetched = || SOURCES.iter().copied().filter(|source| !source.about().base.is_empty());
    let named = options.with.iter().chain(&options.without).chain(options.mirrors.keys());
    for name in named {
        if !fetched().any(|source| source.about().name == name) {
            let mut known: Vec<_> = fetched().map(|source| source.about().name).collect();
            known.sort_unstable();
            return Err(Error::UnknownSource { name: name.clone(), known: known.join(", ") });
        }
    }
    let has = |names: &[String], name: &str| names.iter().any(|other| other == name);
    fetched()
        .filter(|source| {
            let about = source.about();
            (about.by_default || has(&options.with, about.name)) && !has(&options.without, about.name)
        })
        .map(|source| Ok((source, Arc::new(Bases::of(source.about(), options)?))))
        .collect()
}

/// Replaces indexes by the files they name, and puts the files of one scope together. What cannot be followed is told in
/// `failed`.
///
/// Of an index that has not changed since it was last read, `known` says what it names; `read` takes what is known now.
pub(crate) fn resolve(
    fetcher: &Fetcher,
    wanted: Vec<Wanted>,
    threads: usize,
    known: &Feeds,
    read: &mut Vec<IndexState>,
    failed: &mut Vec<FeedReport>,
) -> Result<Vec<Group>, Error> {
    let mut files: BTreeMap<(&'static str, String), BTreeMap<String, Wanted>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut pending = wanted;
    for depth in 0..=MAX_INDEX_DEPTH {
        let mut indexes = Vec::new();
        for wanted in pending {
            let fail = |reason: String| report(&wanted, Outcome::Failed { reason });
            if !seen.insert((wanted.feed.source, wanted.feed.path.clone())) {
                continue;
            }
            if seen.len() > MAX_FEEDS {
                failed.push(fail(format!("expected at most {MAX_FEEDS} feeds in one update, found more")));
            } else if wanted.feed.kind != FeedKind::Index {
                let key = (wanted.feed.source, wanted.feed.scope.clone());
                files.entry(key).or_default().insert(wanted.feed.path.clone(), wanted);
            } else if depth == MAX_INDEX_DEPTH {
                failed.push(fail(format!(
                    "expected files below {MAX_INDEX_DEPTH} indexes, found another index"
                )));
            } else {
                indexes.push(wanted);
            }
        }
        if indexes.is_empty() {
            break;
        }
        let followed = map(&indexes, threads, |index| follow(fetcher, index, known));
        pending = Vec::new();
        for (index, followed) in indexes.iter().zip(followed) {
            match followed? {
                Ok((feeds, state)) => {
                    pending.extend(feeds);
                    read.push(state);
                }
                Err(reason) => failed.push(report(index, Outcome::Failed { reason })),
            }
        }
    }
    Ok(files.into_values().map(|feeds| Group { feeds: feeds.into_values().collect() }).collect())
}

/// What an index names, and what is known of it now.
type Followed = (Vec<Wanted>, IndexState);

/// The files that an index names; `Ok(Err(reason))` where no address gives one that can be read.
fn follow(fetcher: &Fetcher, index: &Wanted, known: &Feeds) -> Result<Result<Followed, String>, Error> {
    let mut notes = index.notes.clone();
    let mut last = String::new();
    for base in 0..index.bases.len() {
        match follow_from(fetcher, index, base, known) {
            Ok(state) => {
                let wanted = |(number, feed)| Wanted {
                    feed,
                    // Said once.
                    notes: if number == 0 { notes.clone() } else { Vec::new() },
                    ..index.clone()
                };
                let feeds = state.feeds(index.feed.source);
                return Ok(Ok((feeds.into_iter().enumerate().map(wanted).collect(), state)));
            }
            Err(Trouble::Fatal(error)) => return Err(error),
            Err(trouble) => {
                last = trouble.to_string();
                notes.push(last.clone());
            }
        }
    }
    Ok(Err(last))
}

fn follow_from(fetcher: &Fetcher, index: &Wanted, base: usize, known: &Feeds) -> Result<IndexState, Trouble> {
    let url = index.bases.address(base, &index.feed).map_err(Trouble::Answer)?;
    let same = known.index(index.feed.source, &index.feed.path).filter(|state| state.url == url.expose());
    let (bytes, validators) =
        match fetcher.small(&url, same.map(|state| &state.validators), MAX_INDEX_BYTES)? {
            Small::Bytes { bytes, validators } => (bytes, validators),
            Small::Unchanged => {
                return Ok(same.expect("only what is known can be unchanged").clone());
            }
        };
    let feeds = index.source.follow(&index.feed, &bytes);
    let feeds = feeds.map_err(|error| Trouble::Answer(format!("cannot read `{url}`: {error}")))?;
    if feeds.len() > MAX_FEEDS {
        let found = feeds.len();
        return Err(Trouble::Answer(format!(
            "cannot use `{url}`: expected at most {MAX_FEEDS} feeds, found {found}"
        )));
    }
    Ok(IndexState::new(&index.feed, url.expose(), validators, &feeds))
}

pub(crate) fn report(wanted: &Wanted, outcome: Outcome) -> FeedReport {
    FeedReport {
        source: wanted.feed.source.to_owned(),
        path: wanted.feed.path.clone(),
        scope: wanted.feed.scope.clone(),
        outcome,
        notes: wanted.notes.clone(),
    }
}
