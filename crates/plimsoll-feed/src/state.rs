//! What is known of feeds that were fetched: `feeds.json` of a store.
//!
//! It is a memory, not a truth: without it everything is fetched once more. An entry is trusted only while the database
//! still holds what was read then, which a fingerprint of the generation's manifest tells. So a database that was
//! imported, or put back to an older generation, is brought up to date, whatever the entity tags say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;

use plimsoll_advisory::{Feed, FeedKind};
use plimsoll_db::{Generation, Manifest, SourceInfo, Store};
use plimsoll_http::read_up_to;
use plimsoll_model::{Ecosystem, Namespace};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::part::{Validators, hex, replace};
use crate::{Error, size};

/// The most bytes of the file. An entry has some 600.
const MAX_STATE_BYTES: u64 = 64 << 20;
/// The form of the file.
const SCHEMA: u32 = 1;
/// Who read the feeds: another version may read more out of the same bytes.
const READER: &str = env!("CARGO_PKG_VERSION");

/// What is known of the feeds of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feeds {
    schema: u32,
    #[serde(rename = "feeds")]
    states: BTreeMap<String, FeedState>,
    #[serde(default)]
    indexes: BTreeMap<String, IndexState>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    missed: BTreeMap<String, Missed>,
}

/// A feed that could not be fetched, and of which nothing was read before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// Name of the source.
    pub source: String,
    /// The feed's path, as its source gives it.
    pub path: String,
    /// When it was last tried, RFC 3339 UTC.
    pub tried_at: String,
    /// Why it could not be fetched.
    pub failure: String,
}

/// One feed that was read into the database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedState {
    /// Name of the source.
    pub source: String,
    /// The feed's path, as its source gives it.
    pub path: String,
    /// What of the source it holds.
    pub scope: String,
    /// The address it came from.
    pub url: String,
    #[serde(flatten)]
    pub(crate) validators: Validators,
    /// Its bytes, as they were sent.
    pub size_bytes: u64,
    /// The records that were read out of it.
    pub records: u64,
    /// Their SHA-256, in hex.
    pub sha256: String,
    /// When it was read last, RFC 3339 UTC.
    pub fetched_at: String,
    /// When it was last found to be as it was, or read, RFC 3339 UTC.
    pub checked_at: String,
    /// Why it could not be brought up to date when that was last tried; empty where it could.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub failure: String,
    /// Who read it.
    pub(crate) reader: String,
    /// Fingerprint of what the database holds of it.
    pub(crate) content: String,
    /// Of an OSV ecosystem: which records are held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) listing: Option<ListingState>,
}

/// The listing of an OSV ecosystem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListingState {
    /// The listing's own address.
    pub(crate) url: String,
    #[serde(flatten)]
    pub(crate) validators: Validators,
    /// SHA-256 of the list of what is held, which lies in the store's `listings`.
    pub(crate) sha256: String,
    /// The newest change that is held, RFC 3339 UTC.
    pub(crate) modified_id: String,
    /// How often single records were fetched since the archive was.
    pub(crate) patches: u32,
}

/// An index that was followed. What it names depends on its bytes and their reader alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IndexState {
    source: String,
    path: String,
    pub(crate) url: String,
    #[serde(flatten)]
    pub(crate) validators: Validators,
    reader: String,
    names: Vec<Named>,
}

/// A feed that an index names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Named {
    path: String,
    scope: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_index: bool,
}

impl IndexState {
    pub(crate) fn new(feed: &Feed, url: String, validators: Validators, named: &[Feed]) -> Self {
        let name = |feed: &Feed| Named {
            path: feed.path.clone(),
            scope: feed.scope.clone(),
            is_index: feed.kind == FeedKind::Index,
        };
        Self {
            source: feed.source.to_owned(),
            path: feed.path.clone(),
            url,
            validators,
            reader: READER.to_owned(),
            names: named.iter().map(name).collect(),
        }
    }

    /// The feeds that it names.
    pub(crate) fn feeds(&self, source: &'static str) -> Vec<Feed> {
        let feed = |named: &Named| Feed {
            source,
            path: named.path.clone(),
            scope: named.scope.clone(),
            kind: if named.is_index { FeedKind::Index } else { FeedKind::File },
        };
        self.names.iter().map(feed).collect()
    }
}

/// What one update came to, for [`Feeds::write`].
#[derive(Default)]
pub(crate) struct Done {
    /// The feeds that were read whole: the generation holds what is said here.
    pub(crate) replaced: Vec<FeedState>,
    /// The feeds of which nothing or single records were read: that holds if the generation held the rest.
    pub(crate) carried: Vec<FeedState>,
    /// The indexes that were followed.
    pub(crate) indexes: Vec<IndexState>,
    /// Those that failed.
    pub(crate) failures: Vec<Missed>,
}

impl Done {
    pub(crate) fn is_empty(&self) -> bool {
        self.replaced.is_empty()
            && self.carried.is_empty()
            && self.indexes.is_empty()
            && self.failures.is_empty()
    }
}

impl Feeds {
    /// What is known. A file that is not there, or is damaged, says nothing.
    pub fn read(store: &Store) -> Self {
        Self::open(store).unwrap_or_default()
    }

    /// What is known; nothing where no feed was ever fetched.
    ///
    /// # Errors
    /// [`Error::State`] for a file that is there and cannot be read, or is of another version.
    pub fn open(store: &Store) -> Result<Self, Error> {
        let path = store.feeds_path();
        let bad = |found: String| Error::State { path: path.clone(), found };
        let read = File::open(&path).and_then(|file| read_up_to(file, MAX_STATE_BYTES + 1));
        let bytes = match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.map_err(|error| bad(error.to_string()))?,
        };
        if bytes.len() as u64 > MAX_STATE_BYTES {
            return Err(bad(format!("more than {}", size(MAX_STATE_BYTES))));
        }
        let feeds: Self =
            serde_json::from_slice(&bytes).map_err(|error| bad(format!("damaged JSON: {error}")))?;
        if feeds.schema != SCHEMA {
            return Err(bad(format!("that of another version, in form {}", feeds.schema)));
        }
        Ok(feeds)
    }

    /// All of them, sorted by source and path.
    pub fn feeds(&self) -> impl Iterator<Item = &FeedState> {
        self.states.values()
    }

    /// When what is said of these namespaces was last compared with its sources: the oldest time of the feeds that speak
    /// of them, or of flaws alone; of all feeds where `namespaces` is `None`. This is the age of a scan's advisories.
    /// `None` where nothing was ever fetched, as in a database that was imported.
    pub fn checked_at(&self, namespaces: Option<&[Namespace]>) -> Option<&str> {
        let feeds = self.states.values().filter(|feed| speaks_of(&feed.scope, namespaces));
        feeds.map(|feed| feed.checked_at.as_str()).min()
    }

    /// As [`Feeds::checked_at`], of a database that was taken over whole, and was compared at `carried` then: what it holds
    /// of a source is of that time, or of a later one if the same was found at the source itself. What is remembered of
    /// feeds whose records it does not hold says nothing.
    pub fn checked_at_since<'a>(
        &'a self,
        carried: &'a str,
        manifest: &Manifest,
        namespaces: Option<&[Namespace]>,
    ) -> &'a str {
        let of_source = |info: &SourceInfo| {
            let feeds = self.states.values();
            let feeds = feeds.filter(|feed| feed.source == info.source && feed.scope == info.scope);
            let held = feeds.filter(|feed| feed.is_held_by(manifest));
            held.map(|feed| feed.checked_at.as_str()).min().unwrap_or(carried).max(carried)
        };
        let sources = manifest.sources.iter().filter(|info| speaks_of(&info.scope, namespaces));
        sources.map(of_source).min().unwrap_or(carried)
    }

    /// The feeds that could not be fetched and of which nothing is held, sorted by source and path.
    pub fn missed(&self) -> impl Iterator<Item = &Missed> {
        self.missed.values()
    }

    /// How many records were read out of a source's scope.
    pub(crate) fn records(&self, source: &str, scope: &str) -> u64 {
        let of_scope = |feed: &&FeedState| feed.source == source && feed.scope == scope;
        self.states.values().filter(of_scope).map(|feed| feed.records).sum()
    }

    /// The lists of what is held that are named, see [`ListingState::sha256`].
    pub(crate) fn listings(&self) -> BTreeSet<&str> {
        self.states.values().filter_map(|state| Some(state.listing.as_ref()?.sha256.as_str())).collect()
    }

    /// What an index named when it was last read by this reader.
    pub(crate) fn index(&self, source: &str, path: &str) -> Option<&IndexState> {
        self.indexes
            .get(&key(source, path))
            .filter(|state| state.reader == READER && !state.validators.is_empty())
    }

    pub(crate) fn get(&self, source: &str, path: &str) -> Option<&FeedState> {
        self.states.get(&key(source, path))
    }

    /// The entry of a feed, if the database still holds what was read then.
    pub(crate) fn trusted(&self, source: &str, path: &str, manifest: &Manifest) -> Option<&FeedState> {
        self.get(source, path).filter(|state| state.is_trusted(manifest))
    }

    /// Writes down what an update did; `base` and `known` are what there was before it. What others wrote meanwhile stays.
    ///
    /// What was held before and is held still gets the fingerprint of the new generation. Where another process has
    /// published in between, that is seen by the generation before `now`: what it changed, or put back to something
    /// older, is trusted no more.
    pub(crate) fn write(
        store: &Store,
        base: Option<&Generation>,
        now: &Generation,
        done: Done,
        known: &Self,
    ) -> Result<(), Error> {
        let path = store.feeds_path();
        let mut feeds = Self::read(store);
        feeds.schema = SCHEMA;
        let before = match base {
            Some(base) if now.number() > base.number() + 1 => {
                store.generations()?.into_iter().find(|other| other.number() + 1 == now.number())
            }
            base => base.cloned(),
        };
        let is_held = |state: &FeedState| {
            let (Some(base), Some(before)) = (base, &before) else { return false };
            let of =
                |generation: &Generation| fingerprint(generation.manifest(), &state.source, &state.scope);
            known.trusted(&state.source, &state.path, base.manifest()).is_some() && of(base) == of(before)
        };
        let content = |state: &FeedState| fingerprint(now.manifest(), &state.source, &state.scope);
        for (key, state) in &mut feeds.states {
            // Only what nobody has written since this update began.
            if known.states.get(key) == Some(state) && is_held(state) {
                state.content = content(state);
            }
        }
        for missed in done.failures {
            let key = key(&missed.source, &missed.path);
            match feeds.states.get_mut(&key) {
                Some(state) => state.failure = missed.failure,
                None => {
                    feeds.missed.insert(key, missed);
                }
            }
        }
        let got = done.indexes.iter().map(|index| key(&index.source, &index.path));
        let got: BTreeSet<String> =
            got.chain(done.replaced.iter().chain(&done.carried).map(|s| key(&s.source, &s.path))).collect();
        feeds.missed.retain(|key, _| !got.contains(key));
        feeds.indexes.extend(done.indexes.into_iter().map(|state| (key(&state.source, &state.path), state)));
        // A file that is now found under another name takes the place of the one before.
        let all = || done.replaced.iter().chain(&done.carried);
        let scopes: BTreeSet<_> = all().map(|state| (state.source.clone(), state.scope.clone())).collect();
        feeds.states.retain(|_, state| !scopes.contains(&(state.source.clone(), state.scope.clone())));
        let replaced = done.replaced.iter().map(|state| (state, content(state)));
        let carried = done.carried.iter();
        let carried =
            carried.map(|state| (state, if is_held(state) { content(state) } else { String::new() }));
        for (state, content) in replaced.chain(carried) {
            let (failure, reader) = (String::new(), READER.to_owned());
            let state = FeedState { failure, reader, content, ..state.clone() };
            feeds.states.insert(key(&state.source, &state.path), state);
        }
        let bytes = serde_json::to_vec_pretty(&feeds).expect("texts and numbers are JSON");
        replace(&path, &bytes)
    }
}

impl FeedState {
    /// Whether a database holds what was read of this feed, and not something else of the same source.
    fn is_held_by(&self, manifest: &Manifest) -> bool {
        manifest.source(&self.source, &self.scope).is_some()
            && self.content == fingerprint(manifest, &self.source, &self.scope)
    }

    fn is_trusted(&self, manifest: &Manifest) -> bool {
        self.reader == READER && self.is_held_by(manifest)
    }
}

/// The ecosystem that a scope is of: `Debian`, `Amazon Linux:2/docker`, `Alpine:v3.20/main`.
pub(crate) fn ecosystem_of(scope: &str) -> Option<Ecosystem> {
    Ecosystem::from_name(scope.split([':', '/']).next().unwrap_or_default())
}

/// Whether what is said under a scope is of these namespaces, or of flaws alone.
fn speaks_of(scope: &str, namespaces: Option<&[Namespace]>) -> bool {
    namespaces.is_none_or(|wanted| match ecosystem_of(scope) {
        Some(ecosystem) => wanted.iter().any(|namespace| namespace.ecosystem == ecosystem),
        None => true,
    })
}

fn key(source: &str, path: &str) -> String {
    format!("{source} {path}")
}

/// What a database holds of a source's scope: the partitions with records of it, by name and digest, and what its
/// manifest says of the scope.
fn fingerprint(manifest: &Manifest, source: &str, scope: &str) -> String {
    let mut hasher = Sha256::new();
    for partition in &manifest.partitions {
        let holds = |origin: &plimsoll_db::Origin| {
            origin.source == source && (scope.is_empty() || origin.scope == scope)
        };
        if partition.origins.iter().any(holds) {
            hasher.update(format!("{}\n{}\n", partition.name, partition.digest));
        }
    }
    if let Some(info) = manifest.source(source, scope) {
        hasher.update(format!("{}\n{}\n{}\n", info.records, info.usable, info.newest));
    }
    hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feeds(entries: &[(&str, &str, &str)]) -> Feeds {
        let state = |(source, scope, checked_at): &(&str, &str, &str)| FeedState {
            source: (*source).to_owned(),
            scope: (*scope).to_owned(),
            checked_at: (*checked_at).to_owned(),
            ..FeedState::default()
        };
        let feeds = entries.iter().map(|entry| (key(entry.0, entry.1), state(entry))).collect();
        Feeds { schema: SCHEMA, states: feeds, ..Feeds::default() }
    }

    #[test]
    fn the_age_is_that_of_the_feeds_that_speak_of_the_namespaces() {
        let feeds = feeds(&[
            ("osv", "Debian", "2026-01-03"),
            ("osv", "PyPI", "2026-01-01"),
            ("alpine-secdb", "Alpine:v3.20/main", "2026-01-02"),
            ("kev", "", "2026-01-04"),
        ]);
        for (namespaces, expected) in [
            (None, "2026-01-01"),
            (Some(vec!["Debian:12"]), "2026-01-03"),
            (Some(vec!["Alpine:v3.19", "Debian:12"]), "2026-01-02"),
            (Some(vec!["npm"]), "2026-01-04"),
        ] {
            let parse = |text: &&str| Namespace::parse(text).unwrap();
            let namespaces: Option<Vec<_>> = namespaces.map(|texts| texts.iter().map(parse).collect());
            assert_eq!(feeds.checked_at(namespaces.as_deref()), Some(expected));
        }
        assert_eq!(Feeds::default().checked_at(None), None);
    }

    #[test]
    fn an_index_names_the_same_feeds_when_it_is_read_again() {
        let index = Feed { source: "s", path: "i".into(), scope: String::new(), kind: FeedKind::Index };
        let named = [
            Feed { source: "s", path: "a".into(), scope: "x".into(), kind: FeedKind::Index },
            Feed { source: "s", path: "b".into(), scope: "y".into(), kind: FeedKind::File },
        ];
        let validators = Validators { etag: "\"1\"".into(), last_modified: String::new() };
        let state = IndexState::new(&index, "http://x/i".into(), validators, &named);
        assert_eq!(state.feeds("s"), named);
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<IndexState>(&json).unwrap(), state);
    }
}
