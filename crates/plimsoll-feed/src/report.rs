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
                write!(f, "{} in {}", records(entries), size(*bytes))?;
                if report.failed > 0 {
                    write!(f, ", {} failed", report.failed)?;
                }
                Ok(())
            }
            Outcome::Patched { changed, removed, failed } => {
                write!(f, "{} changed, {removed} removed", records(*changed))?;
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
        let feeds = self.feeds.len();
        let plural = if feeds == 1 { "" } else { "s" };
        writeln!(f, "{unchanged} of {feeds} feed{plural} unchanged; {} received", size(self.received_bytes))
    }
}

fn records(count: u64) -> String {
    format!("{count} record{}", if count == 1 { "" } else { "s" })
}

/// Bytes in the unit that fits, for people, cut off behind one digit: `12.3 MB`.
pub fn size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        1_000_000_000.. => format!("{} GB", tenths(1_000_000_000)),
        1_000_000.. => format!("{} MB", tenths(1_000_000)),
        1000.. => format!("{} kB", tenths(1000)),
        _ => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(scope: &str, outcome: Outcome) -> FeedReport {
        FeedReport {
            source: "osv".to_owned(),
            path: String::new(),
            scope: scope.to_owned(),
            outcome,
            notes: Vec::new(),
        }
    }

    fn fetched(records: u64, failed: u64, bytes: u64) -> Outcome {
        Outcome::Fetched { bytes, report: Box::new(ReadReport { records, failed, ..ReadReport::default() }) }
    }

    #[test]
    fn sizes_have_a_unit() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1500, "1.5 kB"),
            (12_345_678, "12.3 MB"),
            (2 << 30, "2.1 GB"),
            (u64::MAX, "18446744073.7 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn numbers_are_for_people() {
        for (outcome, text) in [
            (fetched(1, 0, 950), "osv: 1 record in 950 B"),
            (fetched(41_234, 2, 1_449_000), "osv: 41234 records in 1.4 MB, 2 failed"),
            (
                Outcome::Patched { changed: 1, removed: 0, failed: 1 },
                "osv: 1 record changed, 0 removed, 1 failed",
            ),
            (Outcome::Patched { changed: 0, removed: 3, failed: 0 }, "osv: 0 records changed, 3 removed"),
        ] {
            assert_eq!(feed("", outcome).to_string(), text);
        }
        let one = UpdateReport {
            feeds: vec![feed("Debian", Outcome::Unchanged)],
            received_bytes: 12_345,
            ..UpdateReport::default()
        };
        assert_eq!(one.to_string(), "1 of 1 feed unchanged; 12.3 kB received\n");
    }
}
