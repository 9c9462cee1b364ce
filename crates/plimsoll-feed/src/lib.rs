//! Feeds of advisories, fetched over HTTP into the advisory database.
//!
//! [`update`] asks every feed of the chosen sources whether it has changed, fetches what has, and publishes one new
//! generation of a [`plimsoll_db::Store`]. A feed that fails keeps what was held of it, and the others go on. [`ensure`]
//! fetches only what a scan needs and the store lacks.
//!
//! What a feed was like is kept in `feeds.json` ([`Feeds`]), with its entity tag and date; a download that broke off is
//! gone on with; of an OSV ecosystem only the records that have changed are fetched, where that is less. Nothing waits
//! for a lock: two updates at once do the same work twice, at worst, and lose nothing.
//!
//! It reads no format of a source, which is `plimsoll-advisory`'s, and no clock: its caller says what time it is.
//!
//! ```no_run
//! use plimsoll_db::Store;
//! use plimsoll_feed::{UpdateOptions, update};
//! use plimsoll_model::Ecosystem;
//!
//! let mut options = UpdateOptions::new("2026-01-02T03:04:05Z");
//! options.ecosystems = Some(vec![Ecosystem::Debian, Ecosystem::PyPi]);
//! let report = update(&Store::at("/var/lib/plimsoll".as_ref()), &options)?;
//! print!("{report}");
//! # Ok::<(), plimsoll_feed::Error>(())
//! ```

mod address;
mod error;
mod facts;
mod fetch;
mod group;
mod listing;
mod options;
mod osv;
mod parallel;
mod part;
mod plan;
mod report;
mod state;
mod update;

pub use error::Error;
pub use facts::missing_facts;
pub use fetch::{MAX_FILE_BYTES, MAX_UPDATE_BYTES};
pub use options::{Progress, UpdateOptions};
pub use plan::MAX_FEEDS;
pub use report::{FeedReport, Outcome, UpdateReport, size};
pub use state::{FeedState, Feeds, Missed};
pub use update::{ensure, update};

/// Gives foreign bytes to every parser of this crate, for fuzzing: none may panic or take without end.
#[doc(hidden)]
pub fn fuzz_parsers(bytes: &[u8]) {
    if let Some(listing) = listing::Listing::parse(bytes) {
        let _ = listing::Listing::default().difference(&listing);
        let _ = listing::Listing::parse(&listing.to_bytes());
    }
    let _ = serde_json::from_slice::<Feeds>(bytes);
}
