//! Why nothing could be updated, and why one file could not be fetched.

use std::io;
use std::path::{Path, PathBuf};

/// Why nothing could be updated. A feed that failed beside others that did not is no error, but told in the
/// [`crate::UpdateReport`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The network was needed, and is not to be used.
    #[error("cannot fetch `{url}`: expected leave to use the network, found `offline`")]
    Offline {
        /// The address.
        url: String,
    },
    /// A source that does not exist was named.
    #[error("cannot choose source `{name}`: expected one of {known}")]
    UnknownSource {
        /// What was named.
        name: String,
        /// The names there are, with commas.
        known: String,
    },
    /// A source's address that is none.
    #[error("cannot use address `{address}` of source `{name}`: expected an http address, found {found}")]
    Address {
        /// The source.
        name: String,
        /// What was given.
        address: String,
        /// What is wrong with it.
        found: &'static str,
    },
    /// No feed could be fetched.
    #[error("cannot update the advisory database: expected {}, found none{}", wanted(failures.len()), first(failures))]
    Nothing {
        /// Feed and reason, of each.
        failures: Vec<(String, String)>,
    },
    /// A file of the store that cannot be read or written.
    #[error("cannot write `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The failure.
        #[source]
        source: io::Error,
    },
    /// What is known of the feeds cannot be read.
    #[error("cannot read `{}`: expected what is known of the feeds, found {found}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What was there.
        found: String,
    },
    /// The database cannot be read or written.
    #[error(transparent)]
    Database(#[from] plimsoll_db::Error),
}

impl Error {
    /// What may help, as a sentence without a stop.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Offline { .. } => {
                Some("bring a database with `plimsoll db import FILE`, or leave `--offline` out")
            }
            Self::Nothing { .. } => {
                Some("check the network, the proxy (HTTPS_PROXY) and the mirrors; the database is as it was")
            }
            Self::Database(error) => error.hint(),
            Self::State { .. } => Some("run `plimsoll db update`, which writes it anew"),
            Self::UnknownSource { .. } | Self::Address { .. } | Self::File { .. } => None,
        }
    }

    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { path: path.to_owned(), source }
    }
}

/// What was to be had of so many feeds.
fn wanted(feeds: usize) -> String {
    if feeds == 1 { "its feed".to_owned() } else { format!("at least one of {feeds} feeds") }
}

fn first(failures: &[(String, String)]) -> String {
    failures.first().map(|(feed, reason)| format!("; `{feed}`: {reason}")).unwrap_or_default()
}

/// Why one file could not be had from one address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The network, or what was answered. Another address may do better.
    #[error("{0}")]
    Answer(String),
    /// There is no such file at that address.
    #[error("cannot read `{url}`: expected the feed, found status 404")]
    Missing { url: String },
    /// Nothing is to be fetched, or nothing can be written: no other address helps.
    #[error(transparent)]
    Fatal(#[from] Error),
}

impl Trouble {
    /// Whether there is no room left where it was to be written.
    pub(crate) fn is_full_disk(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::Fatal(Error::File { source, .. }) if matches!(source.kind(), StorageFull | QuotaExceeded))
    }
}

impl From<plimsoll_http::Error> for Trouble {
    fn from(error: plimsoll_http::Error) -> Self {
        Self::Answer(with_causes(&error))
    }
}

/// An error and its causes in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_trouble() {
        let trouble = |code| Trouble::Fatal(Error::file(Path::new("x"))(io::Error::from_raw_os_error(code)));
        // ENOSPC and EDQUOT; EACCES.
        assert!(trouble(28).is_full_disk() && trouble(122).is_full_disk());
        assert!(!trouble(13).is_full_disk() && !Trouble::Answer(String::new()).is_full_disk());
    }
}
