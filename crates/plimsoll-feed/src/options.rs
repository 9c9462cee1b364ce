//! What is fetched, and from where.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_model::Ecosystem;

use crate::FeedReport;

/// Told of an update as it goes. Called from several threads.
pub trait Progress: Send + Sync {
    /// A feed is asked for, under its name: `osv Debian`.
    fn started(&self, feed: &str);
    /// This many of its bytes have arrived, of `total` where that is known.
    fn received(&self, feed: &str, bytes: u64, total: Option<u64>);
    /// It is done, unchanged, or has failed.
    fn finished(&self, report: &FeedReport);
}

/// What is fetched, and from where.
#[derive(Clone)]
pub struct UpdateOptions {
    /// The ecosystems that are wanted; `None` for all that the sources have. Sources of flaws alone (KEV, EPSS) are
    /// fetched whatever is wanted.
    pub ecosystems: Option<Vec<Ecosystem>>,
    /// Names of sources that are fetched besides those that are by default.
    pub with: Vec<String>,
    /// Names of sources that are not fetched.
    pub without: Vec<String>,
    /// By a source's name, the addresses that stand in for its own, in the order they are tried: the first that gives
    /// the feed wins. Its own address is asked only if it is among them. A file that the source has at an address of
    /// another host is looked for below the mirror, under that host's name: `mirror/host/path`. One that asks for a name
    /// and a password bears them, percent-encoded: `https://user:pass@mirror.example/osv/`. They are sent to that origin
    /// alone, and written nowhere.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// How hosts are reached.
    pub http: plimsoll_http::Options,
    /// How many feeds are downloaded at once. At least one is.
    pub downloads: usize,
    /// Fetches and reads everything anew, whatever has not changed, and takes a feed that has shrunk to less than half.
    pub force: bool,
    /// Makes every access to the network an error.
    pub offline: bool,
    /// Now, RFC 3339 UTC: this crate reads no clock.
    pub now: String,
    /// How long one file may take in all.
    pub file_timeout: Duration,
    /// Told of what happens.
    pub progress: Option<Arc<dyn Progress>>,
}

impl UpdateOptions {
    /// Every ecosystem from every source that is fetched by default, at this time.
    pub fn new(now: impl Into<String>) -> Self {
        Self {
            ecosystems: None,
            with: Vec::new(),
            without: Vec::new(),
            mirrors: BTreeMap::new(),
            http: plimsoll_http::Options::default(),
            downloads: 4,
            force: false,
            offline: false,
            now: now.into(),
            file_timeout: Duration::from_hours(1),
            progress: None,
        }
    }
}
