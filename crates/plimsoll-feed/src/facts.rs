//! Facts of flaws alone, KEV and EPSS, that a store lacks.

use plimsoll_advisory::{Feed, FeedKind};
use plimsoll_db::{SourceInfo, Store};

use crate::state::{Feeds, Missed};
use crate::{Error, UpdateOptions, plan};

/// How long facts that could not be fetched are not named again.
const WAIT_SECONDS: i64 = 3600;

/// The names of the sources of flaws alone that are chosen, are fetched by default (KEV, EPSS), and of which the store has
/// nothing: what [`crate::ensure`] would fetch besides ecosystems.
///
/// One that could not be fetched within the last hour is not named, so that a scan does not wait for it each time. Nothing
/// is named where no feed was ever fetched: what was built from files is as its builder made it. The network is not used.
///
/// # Errors
/// What was named and does not exist; a store that cannot be read.
pub fn missing_facts(store: &Store, options: &UpdateOptions) -> Result<Vec<&'static str>, Error> {
    let Some(base) = store.current()? else { return Ok(Vec::new()) };
    let known = Feeds::read(store);
    if known.feeds().next().is_none() {
        return Ok(Vec::new());
    }
    let is_missing = |feed: &Feed| {
        let of_source = |info: &SourceInfo| info.source == feed.source;
        let held = match feed.kind {
            FeedKind::Index => base.manifest().sources.iter().any(of_source),
            FeedKind::File | FeedKind::OsvEcosystem => {
                base.manifest().source(feed.source, &feed.scope).is_some()
            }
        };
        let is_same = |missed: &&Missed| missed.source == feed.source && missed.path == feed.path;
        !held && !known.missed().find(is_same).is_some_and(|missed| is_within_wait(missed, &options.now))
    };
    let sources = plan::sources(options)?.into_iter().map(|(source, _)| source);
    Ok(sources
        // Others are large, and nothing to wait for.
        .filter(|source| source.about().by_default && source.feeds(Some(&[])).iter().any(is_missing))
        .map(|source| source.about().name)
        .collect())
}

fn is_within_wait(missed: &Missed, now: &str) -> bool {
    let seconds = |time: &str| time.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second);
    match (seconds(&missed.tried_at), seconds(now)) {
        (Some(tried), Some(now)) => (0..WAIT_SECONDS).contains(&now.saturating_sub(tried)),
        _ => false,
    }
}
