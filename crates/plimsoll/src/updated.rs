//! When a database was last compared with its sources.

use std::fmt::Write as _;
use std::path::Path;

use plimsoll_db::Store;
use plimsoll_feed::Feeds;
use plimsoll_model::Namespace;

use crate::carried::Carried;

/// When that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Updated {
    /// Then, RFC 3339 UTC.
    At(String),
    /// Never: it was built from files.
    Never,
    /// That cannot be read, and why.
    Unknown(String),
}

impl Updated {
    /// The time; empty where there is none.
    pub(crate) fn time(&self) -> &str {
        match self {
            Self::At(time) => time,
            Self::Never | Self::Unknown(_) => "",
        }
    }
}

/// When what a scan of these namespaces asks was last compared with its sources: of its parts the one that was looked after
/// least; of the whole database where `wanted` is `None`.
pub(crate) fn updated(path: &Path, wanted: Option<&[Namespace]>) -> Updated {
    if path.is_file() {
        return Updated::Never;
    }
    let store = Store::at(path);
    let generation = match store.current() {
        Ok(Some(generation)) => generation,
        Ok(None) => return Updated::Never,
        Err(error) => return Updated::Unknown(in_one_line(&error)),
    };
    let feeds = match Feeds::open(&store) {
        Ok(feeds) => feeds,
        Err(error) => return Updated::Unknown(in_one_line(&error)),
    };
    // What was taken over whole is as old as its publisher said, until everything in it was fetched here.
    let carried = match Carried::read(&store) {
        Ok(carried) => carried.created,
        Err(reason) => return Updated::Unknown(reason),
    };
    let manifest = generation.manifest();
    if !carried.is_empty() {
        return Updated::At(feeds.checked_at_since(&carried, manifest, wanted).to_owned());
    }
    let is_fetched = |source: &plimsoll_db::SourceInfo| {
        feeds.feeds().any(|feed| feed.source == source.source && feed.scope == source.scope)
    };
    match feeds.checked_at(wanted) {
        Some(checked) if manifest.sources.iter().all(is_fetched) => Updated::At(checked.to_owned()),
        _ => Updated::Never,
    }
}

/// An error with its causes.
pub(crate) fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, ": {error}").expect("a string takes every text");
        cause = error.source();
    }
    text
}
