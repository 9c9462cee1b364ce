//! Which records an OSV ecosystem has, and when each was changed.
//!
//! Source: OSV, "Data dumps": beside `<ecosystem>/all.zip` lies `modified_id.csv`, a row `<modified>,<id>` for each record,
//! newest first, and each record as `<id>.json`.

use std::collections::BTreeMap;

/// The most bytes of a listing. The longest, of npm, has some 20 MB.
pub(crate) const MAX_LISTING_BYTES: u64 = 256 << 20;
/// The most rows of a listing that are read.
const MAX_ROWS: usize = 4_000_000;
/// The most bytes of an ID.
const MAX_ID_BYTES: usize = 200;
/// The most bytes of a time, RFC 3339 with nanoseconds.
const MAX_TIME_BYTES: usize = 40;

/// The records of an ecosystem: ID to the time of its last change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) records: BTreeMap<String, String>,
    /// Rows that were refused: no time, or an ID that could be none.
    pub(crate) refused: u64,
}

/// What differs between what is held and what there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// New ones and changed ones, sorted.
    pub(crate) changed: Vec<String>,
    /// Those that are there no more, sorted.
    pub(crate) removed: Vec<String>,
}

impl Listing {
    /// Reads a listing. `None` for what is none: an empty text, or one of which fewer rows can be read than not, as of a
    /// page that somebody else has sent. To take it for a listing would remove all that is held.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut listing = Self::default();
        for line in bytes.split(|&byte| byte == b'\n').take(MAX_ROWS) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                continue;
            }
            match row(line) {
                // Newest first: the first row of an ID counts.
                Some((modified, id)) => {
                    listing.records.entry(id.to_owned()).or_insert_with(|| modified.to_owned());
                }
                None => listing.refused += 1,
            }
        }
        let readable = listing.records.len() as u64;
        (readable > 0 && listing.refused <= readable).then_some(listing)
    }

    /// As a file that [`Listing::parse`] reads again, sorted by ID.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (id, modified) in &self.records {
            out.extend_from_slice(modified.as_bytes());
            out.push(b',');
            out.extend_from_slice(id.as_bytes());
            out.push(b'\n');
        }
        out
    }

    /// The time of the newest change; empty where there is no record.
    pub(crate) fn newest(&self) -> &str {
        self.records.values().map(String::as_str).max().unwrap_or_default()
    }

    /// What has to be done to hold what `there` lists. A row that is older than what is held is of an older copy of the list,
    /// and changes nothing.
    pub(crate) fn difference(&self, there: &Self) -> Difference {
        let changed = there
            .records
            .iter()
            .filter(|(id, modified)| self.records.get(*id).is_none_or(|held| is_older(held, modified)))
            .map(|(id, _)| id.clone())
            .collect();
        let removed = self.records.keys().filter(|id| !there.records.contains_key(*id)).cloned().collect();
        Difference { changed, removed }
    }

    /// Lowers the time of a record to that of the copy that was read, where the copy is older than the row says, so
    /// that the next difference names it; notes one that has no row yet.
    pub(crate) fn read_copy(&mut self, id: &str, modified: &str) {
        if !is_id(id) || !is_time(modified) {
            return;
        }
        match self.records.get_mut(id) {
            Some(listed) if seconds(modified) < seconds(listed) => modified.clone_into(listed),
            Some(_) => {}
            None => {
                self.records.insert(id.to_owned(), modified.to_owned());
            }
        }
    }
}

fn row(line: &[u8]) -> Option<(&str, &str)> {
    let (modified, id) = std::str::from_utf8(line).ok()?.split_once(',')?;
    (is_time(modified) && is_id(id)).then_some((modified, id))
}

/// Whether an ID can be part of an address: graphic ASCII, without what divides paths and addresses, and not hidden.
pub(crate) fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= MAX_ID_BYTES
        && !id.starts_with('.')
        && id.bytes().all(|byte| byte.is_ascii_graphic() && !b"/\\?#%,\"'<>`{}|^".contains(&byte))
}

fn is_time(text: &str) -> bool {
    (20..=MAX_TIME_BYTES).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"-:.TZ+".contains(&byte))
        && text.bytes().take(4).all(|byte| byte.is_ascii_digit())
}

/// Whether a time is before the other, both RFC 3339 in UTC. They are written with and without fractions of a second.
pub(crate) fn is_older(one: &str, other: &str) -> bool {
    (seconds(one), fraction(one)) < (seconds(other), fraction(other))
}

/// `2024-01-02T03:04:05` of `2024-01-02T03:04:05.678Z`.
fn seconds(time: &str) -> &str {
    time.get(..19).unwrap_or(time)
}

fn fraction(time: &str) -> &str {
    let rest = time.get(19..).unwrap_or_default().trim_end_matches('Z').trim_end_matches("+00:00");
    rest.trim_end_matches('0').trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(rows: &[&str]) -> Listing {
        Listing::parse(rows.join("\n").as_bytes()).unwrap()
    }

    #[test]
    fn rows_are_read_and_written() {
        let read = listing(&["2024-02-01T00:00:00.123456Z,B-2", "2024-01-01T00:00:00Z,A-1\r", ""]);
        assert_eq!(read.newest(), "2024-02-01T00:00:00.123456Z");
        assert_eq!(read.to_bytes(), b"2024-01-01T00:00:00Z,A-1\n2024-02-01T00:00:00.123456Z,B-2\n");
        assert_eq!(Listing::parse(&read.to_bytes()), Some(read));
    }

    #[test]
    fn hostile_rows_are_refused_and_counted() {
        let long = format!("2024-01-01T00:00:00Z,{}", "A".repeat(10_000));
        let rows = [
            "2024-01-01T00:00:00Z,../x",
            "2024-01-01T00:00:00Z,a/b",
            "2024-01-01T00:00:00Z,.hidden",
            "2024-01-01T00:00:00Z,a\u{1}b",
            "2024-01-01T00:00:00Z,a%2fb",
            "2024-01-01T00:00:00Z,a?b",
            "2024-01-01T00:00:00Z,",
            "yesterday,A-2",
            &long,
            "2024-01-01T00:00:00Z,RHSA-2024:1234",
            "2024-01-01T00:00:00Z,B-1",
            "2024-01-01T00:00:00Z,B-2",
            "2024-01-01T00:00:00Z,B-3",
            "2024-01-01T00:00:00Z,B-4",
            "2024-01-01T00:00:00Z,B-5",
            "2024-01-01T00:00:00Z,B-6",
            "2024-01-01T00:00:00Z,B-7",
            "2024-01-01T00:00:00Z,B-8",
        ];
        let read = listing(&rows);
        assert_eq!((read.records.len(), read.refused), (9, 9));
        assert_eq!(Listing::parse(b"<html>\n<body>\n".repeat(20).as_slice()), None);
        for none in [&b""[..], b"<!doctype html><title>Sign in</title>", &[0xff; 10_000], b"yesterday,A-1\n"]
        {
            assert_eq!(Listing::parse(none), None);
        }
    }

    #[test]
    fn what_is_new_changed_and_gone_differs() {
        let held = listing(&[
            "2024-01-01T00:00:00Z,SAME",
            "2024-01-01T00:00:00.500Z,FRACTION",
            "2024-01-01T00:00:00Z,CHANGED",
            "2024-01-01T00:00:00Z,GONE",
        ]);
        let there = listing(&[
            "2024-01-03T00:00:00Z,NEW",
            "2024-01-02T00:00:00Z,CHANGED",
            "2024-01-01T00:00:00Z,SAME",
            "2024-01-01T00:00:00.5Z,FRACTION",
        ]);
        let difference = held.difference(&there);
        assert_eq!(difference.changed, ["CHANGED", "NEW"]);
        assert_eq!(difference.removed, ["GONE"]);
        assert_eq!(there.difference(&held).changed, ["GONE"]);
    }

    #[test]
    fn an_archive_older_than_its_listing_is_caught_up_with() {
        let there =
            listing(&["2024-01-02T00:00:00.7Z,A", "2024-01-01T00:00:00.2Z,B", "2024-01-01T00:00:00Z,C"]);
        let mut held = there.clone();
        held.read_copy("A", "2024-01-01T00:00:00Z");
        held.read_copy("B", "2024-01-01T00:00:00Z");
        held.read_copy("D", "2024-01-01T00:00:00Z");
        held.read_copy("../x", "2024-01-01T00:00:00Z");
        assert_eq!(held.difference(&there).changed, ["A"]);
        assert_eq!(held.difference(&there).removed, ["D"]);
    }
}
