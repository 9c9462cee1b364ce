//! An OSV ecosystem that is held already: only what has changed of it is fetched.
//!
//! Beside `<ecosystem>/all.zip` lies the list of its records, `modified_id.csv`, and each record by itself. What is held
//! is listed in a file of the store, in the same form. Of the difference the records are fetched one by one, as long as
//! that is clearly less than the archive: twice their number times [`RECORD_COST_BYTES`] at most the archive's size, and
//! at most [`MAX_RECORDS`]. After [`MAX_PATCHES`] such updates the archive is fetched once more, so that no slip stays for
//! ever.
//!
//! A list may be cut, and a mirror may have no single records. So a record that the list lacks is gone only where its own
//! place says so as well; and one that is listed and not there is one that could not be fetched.
//!
//! The archive may be older than the list. What is held is therefore listed with the times that the records themselves
//! bear, where those are older. As long as it differs from the list, the list's tag is not kept: else the next update would
//! be told that nothing has changed.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use plimsoll_advisory::{Document, Feed, ReadReport, Source, read_bytes};
use plimsoll_http::{encode, read_up_to};
use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::address::Bases;
use crate::error::Trouble;
use crate::fetch::{Fetcher, Small};
use crate::listing::{Difference, Listing, MAX_LISTING_BYTES, is_older};
use crate::parallel::map;
use crate::part::{Validators, files, hex, is_older_than, replace};
use crate::state::{FeedState, ListingState};

/// What a record costs by itself: its bytes, some 4 KB, and a request.
const RECORD_COST_BYTES: u64 = 8 << 10;
/// The most records that are fetched one by one.
const MAX_RECORDS: usize = 5000;
/// The most updates record by record before the archive is fetched again.
const MAX_PATCHES: u32 = 200;
/// The most bytes of a record.
const MAX_RECORD_BYTES: u64 = 16 << 20;
/// Connections that fetch records.
const RECORD_CONNECTIONS: usize = 8;
/// A list that has fewer records than this may shrink as it likes.
const SMALL_LISTING: usize = 100;
/// How long a list is kept that no feed is known by. No update takes longer.
const MAX_STRAY_AGE: Duration = Duration::from_hours(48);
/// Failures of records that are told one by one.
const MAX_NOTES: usize = 5;

/// What has changed of an ecosystem.
pub(crate) enum Changes {
    /// Nothing; the list may be another version with the same content.
    None(ListingState),
    /// Single records.
    Records(Box<Patch>),
    /// Too much, or it cannot be told: the archive is to be fetched. `why` is empty where there is nothing to say.
    Archive { why: String },
}

/// Records that were fetched.
pub(crate) struct Patch {
    pub(crate) documents: Vec<Document>,
    pub(crate) removed: Vec<String>,
    pub(crate) changed: u64,
    pub(crate) failed: u64,
    pub(crate) report: ReadReport,
    pub(crate) notes: Vec<String>,
    pub(crate) held: Listing,
    pub(crate) listing: ListingState,
}

/// Where lists of what is held lie in a store.
pub(crate) fn listings(store: &Path) -> PathBuf {
    store.join("listings")
}

/// The list that was fetched beside an archive; `None` where there is none that can be read.
pub(crate) struct Fetched {
    pub(crate) listing: Listing,
    pub(crate) state: ListingState,
}

/// Fetches the list of an ecosystem whose archive is about to be fetched from that base. It is not needed, so a failure
/// only costs the next update.
pub(crate) fn listing(
    fetcher: &Fetcher,
    bases: &Bases,
    base: usize,
    feed: &Feed,
) -> Result<Option<Fetched>, Error> {
    let Ok(url) = bases.address(base, &beside(feed, "modified_id.csv")) else { return Ok(None) };
    match fetcher.small(&url, None, MAX_LISTING_BYTES) {
        Ok(Small::Bytes { bytes, validators }) => Ok(Listing::parse(&bytes).map(|listing| {
            let modified_id = listing.newest().to_owned();
            let state =
                ListingState { url: url.expose(), validators, modified_id, ..ListingState::default() };
            Fetched { listing, state }
        })),
        Ok(Small::Unchanged) | Err(Trouble::Answer(_) | Trouble::Missing { .. }) => Ok(None),
        Err(Trouble::Fatal(error)) => Err(error),
    }
}

/// Finds out what has changed since `state`, and fetches it.
pub(crate) fn changes(
    fetcher: &Fetcher,
    bases: &Bases,
    source: &dyn Source,
    feed: &Feed,
    state: &FeedState,
    store: &Path,
    progress: &(dyn Fn(u64, Option<u64>) + Sync),
) -> Result<Changes, Error> {
    let archive = |why: &str| Ok(Changes::Archive { why: why.to_owned() });
    let Some(known) = &state.listing else { return archive("") };
    let Some(held) = read_held(store, known) else { return archive("") };
    if known.patches >= MAX_PATCHES {
        return archive("");
    }
    let mut failure = String::new();
    for base in 0..bases.len() {
        let Ok(url) = bases.address(base, &beside(feed, "modified_id.csv")) else { continue };
        let same = (url.expose() == known.url).then_some(&known.validators);
        match fetcher.small(&url, same, MAX_LISTING_BYTES) {
            Ok(Small::Unchanged) => return Ok(Changes::None(known.clone())),
            Ok(Small::Bytes { bytes, validators }) => {
                let Some(there) = Listing::parse(&bytes) else {
                    failure = format!("cannot read `{url}`: expected rows of times and IDs, found others");
                    continue;
                };
                if !bases.is_own(base) && is_older(there.newest(), held.newest()) {
                    failure = format!(
                        "cannot use `{url}`: expected a list as new as the one before, found an older one"
                    );
                    continue;
                }
                let listing = ListingState { url: url.expose(), validators, ..known.clone() };
                let there = Fetched { listing: there, state: listing };
                let at = Place { fetcher, bases, base, source, feed };
                return difference(&at, state, &held, there, progress);
            }
            Err(Trouble::Fatal(error)) => return Err(error),
            Err(trouble) => failure = trouble.to_string(),
        }
    }
    archive(&failure)
}

/// Where records are fetched from.
struct Place<'a> {
    fetcher: &'a Fetcher,
    bases: &'a Bases,
    base: usize,
    source: &'a dyn Source,
    feed: &'a Feed,
}

fn difference(
    at: &Place<'_>,
    state: &FeedState,
    held: &Listing,
    mut there: Fetched,
    progress: &(dyn Fn(u64, Option<u64>) + Sync),
) -> Result<Changes, Error> {
    let archive = |why: String| Ok(Changes::Archive { why });
    if held.records.len() >= SMALL_LISTING && there.listing.records.len() < held.records.len() / 2 {
        return archive(format!(
            "the list of records has shrunk from {} to {}",
            held.records.len(),
            there.listing.records.len()
        ));
    }
    let Difference { changed, removed } = held.difference(&there.listing);
    if changed.is_empty() && removed.is_empty() {
        return Ok(Changes::None(there.state));
    }
    let requests = changed.len().saturating_add(removed.len());
    let cost = (requests as u64).saturating_mul(2 * RECORD_COST_BYTES);
    if requests > MAX_RECORDS || cost > state.size_bytes {
        return archive(String::new());
    }
    let gone = map(&removed, RECORD_CONNECTIONS, |id| is_gone(at, id));
    let done = AtomicU64::new(0);
    let fetched = map(&changed, RECORD_CONNECTIONS, |id| {
        let record = record(at, id);
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, Some(changed.len() as u64));
        record
    });
    there.listing.newest().clone_into(&mut there.state.modified_id);
    there.state.patches += 1;
    let mut patch = Patch {
        documents: Vec::new(),
        removed: Vec::new(),
        changed: 0,
        failed: there.listing.refused,
        report: ReadReport::default(),
        notes: Vec::new(),
        held: there.listing,
        listing: there.state,
    };
    if patch.failed > 0 {
        patch
            .notes
            .push(format!("{} rows of `modified_id.csv` were refused: no time, or no ID", patch.failed));
    }
    let mut lost = 0;
    for (id, gone) in removed.into_iter().zip(gone) {
        match gone {
            Ok(true) => patch.removed.push(id),
            Ok(false) => {
                return archive(format!("`{id}` is not in the list of records, and is there all the same"));
            }
            Err(Trouble::Fatal(error)) => return Err(error),
            Err(trouble) => {
                lost += 1;
                tell(&mut patch.notes, lost, trouble.to_string());
                patch.keep_as_held(held, &id);
            }
        }
    }
    for (id, record) in changed.iter().zip(fetched) {
        match record {
            Ok(Record::Read(mut documents, report)) => {
                patch.changed += 1;
                for document in &documents {
                    note_copy(&mut patch.held, document);
                }
                patch.documents.append(&mut documents);
                patch.report.add(&report);
            }
            // Its row stands for it, so that it is not asked for each time.
            Ok(Record::Invalid(reason)) => {
                patch.failed += 1;
                tell(&mut patch.notes, lost + patch.failed, reason);
            }
            Err(Trouble::Fatal(error)) => return Err(error),
            Err(trouble) => {
                lost += 1;
                tell(&mut patch.notes, lost, trouble.to_string());
                patch.keep_as_held(held, id);
            }
        }
    }
    if lost > 0 && lost == requests as u64 {
        let why = patch.notes.pop().unwrap_or_default();
        return archive(format!("none of {lost} changed records could be fetched: {why}"));
    }
    if lost > 0 {
        patch.listing.validators = Validators::default();
    }
    patch.failed += lost;
    Ok(Changes::Records(Box::new(patch)))
}

impl Patch {
    /// Of a record that could not be asked for, what is held is what was held before.
    fn keep_as_held(&mut self, held: &Listing, id: &str) {
        match held.records.get(id) {
            Some(before) => self.held.records.insert(id.to_owned(), before.clone()),
            None => self.held.records.remove(id),
        };
    }
}

enum Record {
    Read(Vec<Document>, ReadReport),
    Invalid(String),
}

/// Whether a record that is listed no more is not at its own place either.
fn is_gone(at: &Place<'_>, id: &str) -> Result<bool, Trouble> {
    let url = at.bases.address(at.base, &place_of(at, id)).map_err(Trouble::Answer)?;
    match at.fetcher.small(&url, None, MAX_RECORD_BYTES) {
        Ok(_) => Ok(false),
        Err(Trouble::Missing { .. }) => Ok(true),
        Err(trouble) => Err(trouble),
    }
}

fn place_of(at: &Place<'_>, id: &str) -> Feed {
    beside(at.feed, &format!("{}.json", encode(id)))
}

fn record(at: &Place<'_>, id: &str) -> Result<Record, Trouble> {
    let feed = place_of(at, id);
    let url = at.bases.address(at.base, &feed).map_err(Trouble::Answer)?;
    let bytes = match at.fetcher.small(&url, None, MAX_RECORD_BYTES) {
        Ok(Small::Bytes { bytes, .. }) => bytes,
        Ok(Small::Unchanged) => {
            return Err(Trouble::Answer(format!("cannot read `{url}`: expected a record, found none")));
        }
        Err(trouble) => return Err(trouble),
    };
    let mut documents = Vec::new();
    match read_bytes(at.source, &at.feed.scope, &feed.path, &bytes, &mut |document| documents.push(document))
    {
        Ok(report) if report.failed == 0 => Ok(Record::Read(documents, report)),
        Ok(report) => {
            let why = report.failures.first().map(|failure| failure.reason.clone()).unwrap_or_default();
            Ok(Record::Invalid(format!("cannot read `{url}`: {why}")))
        }
        Err(error) => Ok(Record::Invalid(format!("cannot read `{url}`: {error}"))),
    }
}

fn tell(notes: &mut Vec<String>, number: u64, note: String) {
    if number <= MAX_NOTES as u64 {
        notes.push(note);
    }
}

/// The list of what is held after an archive was read: `listed` is the list that was fetched beside it, `read` are the
/// IDs and times of its records.
pub(crate) fn held_after_archive(mut listed: Listing, read: &[(String, String)]) -> Listing {
    let seen: HashSet<&str> = read.iter().map(|(id, _)| id.as_str()).collect();
    let newest = read.iter().map(|(_, modified)| modified.as_str()).max().unwrap_or_default().to_owned();
    // A row without a record: newer than the archive, or a record that cannot be read. Only the first is asked for again.
    listed.records.retain(|id, modified| seen.contains(id.as_str()) || *modified < newest);
    for (id, modified) in read {
        listed.read_copy(id, modified);
    }
    listed
}

/// ID and time of a document, for [`held_after_archive`].
pub(crate) fn copy_of(document: &Document) -> Option<(&str, &str)> {
    match document {
        Document::Advisory(advisory) => Some((&advisory.id, &advisory.modified)),
        Document::Withdrawn { id, modified, .. } => Some((id, modified)),
        Document::Kev(_) | Document::Score(_) | Document::Epss { .. } => None,
    }
}

fn note_copy(held: &mut Listing, document: &Document) {
    if let Some((id, modified)) = copy_of(document) {
        held.read_copy(id, modified);
    }
}

/// Writes the list of what is held; gives its hash, under which it is read again.
pub(crate) fn write_held(store: &Path, held: &Listing) -> Result<String, Error> {
    let folder = listings(store);
    std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    let bytes = held.to_bytes();
    let hash = hex(&Sha256::digest(&bytes));
    replace(&folder.join(format!("{hash}.csv")), &bytes)?;
    Ok(hash)
}

/// Removes a list that nothing refers to any more.
pub(crate) fn remove_held(store: &Path, hash: &str) {
    if is_hash(hash) {
        // One that is left is no harm.
        let _ = std::fs::remove_file(listings(store).join(format!("{hash}.csv")));
    }
}

/// Removes lists that no feed is known by, and what writing them left: an update that failed has written them. Young ones
/// may be of an update that runs.
pub(crate) fn sweep_held(store: &Path, known: &BTreeSet<&str>, now: SystemTime) {
    for path in files(&listings(store)) {
        let is_known = path.file_stem().and_then(OsStr::to_str).is_some_and(|stem| known.contains(stem));
        if !is_known && is_older_than(&path, MAX_STRAY_AGE, now) {
            let _ = std::fs::remove_file(&path);
        }
    }
}

fn read_held(store: &Path, state: &ListingState) -> Option<Listing> {
    if !is_hash(&state.sha256) {
        return None;
    }
    let file = File::open(listings(store).join(format!("{}.csv", state.sha256))).ok()?;
    let bytes = read_up_to(file, MAX_LISTING_BYTES).ok()?;
    (hex(&Sha256::digest(&bytes)) == state.sha256).then(|| Listing::parse(&bytes)).flatten()
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The feed of a file beside an ecosystem's archive.
fn beside(feed: &Feed, name: &str) -> Feed {
    let folder = feed.path.rfind('/').map_or("", |end| &feed.path[..=end]);
    Feed { path: format!("{folder}{name}"), ..feed.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_archive_lacks_is_asked_for_or_known_to_be_unreadable() {
        let listed = Listing::parse(
            b"2024-01-09T00:00:00Z,NEWER\n2024-01-02T00:00:00Z,A\n2024-01-01T00:00:00Z,BROKEN\n",
        )
        .unwrap();
        let read = [("A".to_owned(), "2024-01-02T00:00:00Z".to_owned())];
        let held = held_after_archive(listed.clone(), &read);
        assert_eq!(held.difference(&listed).changed, ["NEWER"]);
        assert!(held.records.contains_key("BROKEN"));
    }
}
