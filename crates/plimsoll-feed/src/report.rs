//! What an update came to.

use std::fmt;

use plimsoll_advisory::ReadReport;

/// What an update came to, feed by feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateReport {
    /// Digest of the database before, `sha256:…`; empty where there was none.
    pub before: String,
    /// Digest of the database now. The same as before where nothing has changed.
    pub after: String,
    /// The feeds, sorted by source and path.
    pub feeds: Vec<FeedReport>,
    /// Bytes that were received.
    pub received_bytes: u64,
}

/// One feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedReport {
    /// Name of its source.
    pub source: String,
    /// Its path below the source's address.
    pub path: String,
    /// What of the source it holds.
    pub scope: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What else is to be said: addresses that failed before another one did not, records that could not be fetched.
    pub notes: Vec<String>,
}

/// What became of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is as it was, and nothing was read.
    Unchanged,
    /// It was read whole, and replaces what was held of it.
    Fetched {
        /// Its bytes, as they were sent.
        bytes: u64,
        /// What reading it came to.
        report: Box<ReadReport>,
    },
    /// Single records of it were fetched.
    Patched {
        /// New and changed ones.
        changed: u64,
        /// Those that are there no more.
        removed: u64,
        /// Those that were refused, or could not be fetched and are tried again next time.
        failed: u64,
    },
    /// What was held of it before is held still.
    Failed {
        /// Why.
        reason: String,
    },
}

impl FeedReport {
    /// Its name for people: `osv Debian`, `kev`.
    pub fn name(&self) -> String {
        name(&self.source, &self.scope)
    }

    /// Whether it failed.
    pub fn is_failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed { .. })
    }
}

impl UpdateReport {
    /// The feeds that failed.
    pub fn failed(&self) -> impl Iterator<Item = &FeedReport> {
        self.feeds.iter().filter(|feed| feed.is_failed())
    }
}

pub(crate) fn name(source: &str, scope: &str) -> String {
    if scope.is_empty() { source.to_owned() } else { format!("{source} {scope}") }
}

/// One line for people, without the notes.
impl fmt::Display for FeedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name())?;
        match &self.outcome {
            Outcome::Unchanged => f.write_str("unchanged"),
            Outcome::Fetched { bytes, report } => {
                let entries = report.records + report.kev_entries + report.scores + report.epss;
                write!(f, "{entries} records in {bytes} bytes")?;
                if report.failed > 0 {
                    write!(f, ", {} failed", report.failed)?;
                }
                Ok(())
            }
            Outcome::Patched { changed, removed, failed } => {
                write!(f, "{changed} records changed, {removed} removed")?;
                if *failed > 0 {
                    write!(f, ", {failed} failed")?;
                }
                Ok(())
            }
            Outcome::Failed { reason } => write!(f, "failed: {reason}"),
        }
    }
}

/// A line for each feed that did something, and one that counts the others.
impl fmt::Display for UpdateReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unchanged = 0;
        for feed in &self.feeds {
            if feed.outcome == Outcome::Unchanged && feed.notes.is_empty() {
                unchanged += 1;
                continue;
            }
            writeln!(f, "{feed}")?;
            for note in &feed.notes {
                writeln!(f, "  {note}")?;
            }
        }
        writeln!(
            f,
            "{unchanged} of {} feeds unchanged; {} bytes received",
            self.feeds.len(),
            self.received_bytes
        )
    }
}
