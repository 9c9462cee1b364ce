//! What advisories say of one package, decoded one entry at a time.

use plimsoll_model::{
    Affected, AffectedEvent, AffectedRange, AffectedStatus, Candidate, EventKind, LookupError, Namespace,
    Rating,
};
use plimsoll_version::{Event, surely_differ};

use crate::bytes::{MAX_RESERVE, Put as _, Reader};
use crate::record::{MAX_RECORD_BYTES, event_kind, event_tag, read_status, status_tag};
use crate::strings::{Strings, StringsBuilder};

pub(crate) const PART: &str = "packages";

/// Set in an event's kind where its version is `0`, as nearly every `introduced` is.
const ZERO: u8 = 0x80;

/// Forms of an entry: one that says everything, and those of nearly all: from the first version on, without an end or
/// up to a version, which is what follows.
const FULL: u8 = 0;
const OPEN: u8 = 1;
const FIXED: u8 = 2;
/// As [`FIXED`], with the number of a string: many advisories of a package are fixed in one version of it.
const FIXED_SHARED: u8 = 3;

/// The form of an entry that has one range from the first version on and nothing else, and its fixed version.
#[expect(clippy::option_option, reason = "the outer one: it has no such form; the inner one: it has no fix")]
fn short(affected: &Affected) -> Option<Option<&str>> {
    let [AffectedRange { events }] = &affected.ranges[..] else { return None };
    let is_plain = affected.status == AffectedStatus::Affected
        && affected.versions.is_empty()
        && affected.ratings.is_empty()
        && affected.note.is_empty()
        && affected.module.is_empty();
    let (first, rest) = events.split_first()?;
    if !is_plain || first.kind != EventKind::Introduced || first.version != "0" {
        return None;
    }
    match rest {
        [] => Some(None),
        [AffectedEvent { kind: EventKind::Fixed, version }] => Some(Some(version)),
        _ => None,
    }
}

/// Writes one entry, without its length and without the number of its advisory, which stand in front of it.
pub(crate) fn encode(affected: &Affected, strings: &mut StringsBuilder, out: &mut Vec<u8>) {
    match short(affected) {
        Some(None) => return out.push(OPEN),
        Some(Some(version)) => {
            out.push(FIXED);
            return out.extend_from_slice(version.as_bytes());
        }
        None => out.push(FULL),
    }
    out.put_count(affected.ranges.len());
    for range in &affected.ranges {
        out.put_count(range.events.len());
        for event in &range.events {
            let kind = event_tag(event.kind);
            if event.version == "0" {
                out.push(kind | ZERO);
            } else {
                out.push(kind);
                out.put_text(&event.version);
            }
        }
    }
    out.put_count(affected.versions.len());
    for version in &affected.versions {
        out.put_varint(u64::from(strings.number(version)));
    }
    out.put_count(affected.ratings.len());
    for rating in &affected.ratings {
        out.put_rating(rating, |out, text| out.put_varint(u64::from(strings.number(text))));
    }
    // Most have nothing of these: they cost no byte.
    if affected.status != AffectedStatus::Affected || !affected.note.is_empty() || !affected.module.is_empty()
    {
        out.push(status_tag(affected.status));
        out.put_varint(u64::from(strings.number(&affected.note)));
        out.put_varint(u64::from(strings.number(&affected.module)));
    }
}

/// The fixed version of an entry that [`encode`] wrote, where that is all it says.
pub(crate) fn fixed_version(encoded: &[u8]) -> Option<&str> {
    let (&form, version) = encoded.split_first()?;
    std::str::from_utf8(version).ok().filter(|_| form == FIXED)
}

/// Writes an entry into its section: the step from the number of the advisory before, above two bits of its form, and what
/// the form has. `shared`: the number of its fixed version, where that is all it says and a string.
pub(crate) fn put(step: u32, encoded: &[u8], shared: Option<u32>, out: &mut Vec<u8>) {
    let (form, rest) = encoded.split_first().map_or((OPEN, &[][..]), |(form, rest)| (*form, rest));
    let mut head = |form: u8| out.put_varint(u64::from(step) << FORM_BITS | u64::from(form));
    match (form, shared) {
        (FIXED, Some(version)) => {
            head(FIXED_SHARED);
            out.put_varint(u64::from(version));
        }
        (OPEN, _) => head(OPEN),
        _ => {
            head(form);
            out.put_count(rest.len());
            out.extend_from_slice(rest);
        }
    }
}

/// Bits of a form in the section.
const FORM_BITS: u32 = 2;

/// The entries of one package. Each is decoded when it is asked for.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    reader: Reader<'a>,
    left: usize,
    /// Number of the advisory of the entry before: each entry has the step from there.
    advisory: u32,
    strings: Strings<'a>,
}

impl<'a> Entries<'a> {
    pub(crate) fn none(strings: Strings<'a>) -> Self {
        Self { reader: Reader::new(&[], PART), left: 0, advisory: 0, strings }
    }

    /// Those that follow in `reader`.
    pub(crate) fn read(mut reader: Reader<'a>, strings: Strings<'a>) -> Result<Self, LookupError> {
        let left = reader.count()?;
        Ok(Self { reader, left, advisory: 0, strings })
    }

    /// How many are left.
    pub fn count_left(&self) -> usize {
        self.left
    }

    /// What follows the entries that are left, which are passed over.
    pub(crate) fn behind(mut self) -> Result<Reader<'a>, LookupError> {
        for _ in 0..self.left {
            self.read_next()?;
        }
        Ok(self.reader)
    }

    #[inline]
    fn read_next(&mut self) -> Result<Entry<'a>, LookupError> {
        let head = self.reader.varint()?;
        let step = u32::try_from(head >> FORM_BITS).ok();
        let advisory = step.and_then(|step| self.advisory.checked_add(step));
        self.advisory = advisory.ok_or_else(|| self.reader.damaged("a number of at most 32 bits"))?;
        // Two bits.
        let form = u8::try_from(head & ((1 << FORM_BITS) - 1)).unwrap_or_default();
        let reader = match form {
            OPEN => Reader::new(&[], PART),
            FIXED_SHARED => {
                let from = self.reader;
                self.reader.number()?;
                from
            }
            _ => Reader::new(self.reader.sized()?, PART),
        };
        Ok(Entry { advisory: self.advisory, form, reader, strings: self.strings })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, LookupError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let entry = self.read_next();
        if entry.is_err() {
            self.left = 0;
        }
        Some(entry)
    }
}

/// What one advisory says of one package.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Number of the advisory, for [`plimsoll_model::AdvisoryLookup::advisory`].
    pub advisory: u32,
    form: u8,
    reader: Reader<'a>,
    strings: Strings<'a>,
}

impl<'a> Entry<'a> {
    /// The events of all ranges, in their order. Nothing is allocated.
    pub fn events(&self) -> Result<Events<'a>, LookupError> {
        let mut reader = self.reader;
        if let Some(short) = self.short()? {
            return Ok(Events { short, reader, range: 1, ranges_left: 0, left_in_range: 0 });
        }
        let ranges = reader.count()?;
        Ok(Events { short: [None, None], reader, range: 0, ranges_left: ranges, left_in_range: 0 })
    }

    /// The events of one in a short form, the last of them first.
    fn short(&self) -> Result<Option<[Option<Event<'a>>; 2]>, LookupError> {
        let first = Event { kind: EventKind::Introduced, version: "0" };
        match self.form {
            FULL => Ok(None),
            OPEN => Ok(Some([None, Some(first)])),
            FIXED => {
                let version = std::str::from_utf8(self.reader.rest());
                let version = version.map_err(|_| self.reader.damaged("UTF-8 text"))?;
                Ok(Some([Some(Event { kind: EventKind::Fixed, version }), Some(first)]))
            }
            FIXED_SHARED => {
                let mut reader = self.reader;
                let version = self.strings.get(reader.number()?)?;
                Ok(Some([Some(Event { kind: EventKind::Fixed, version }), Some(first)]))
            }
            _ => Err(self.reader.damaged("a form of an entry from 0 to 3")),
        }
    }

    /// All of it, owned. `namespace` and `name` are what it was found under. Of versions that are listed, those that
    /// surely differ from `version` are left out, where it is given.
    pub fn to_candidate(
        self,
        namespace: &Namespace,
        name: &str,
        version: Option<&str>,
    ) -> Result<Candidate, LookupError> {
        if let Some(short) = self.short()? {
            let owned =
                |event: Event<'_>| AffectedEvent { kind: event.kind, version: event.version.to_owned() };
            let events = short.into_iter().rev().flatten().map(owned).collect();
            let ranges = vec![AffectedRange { events }];
            let affected = Affected { ranges, ..Affected::new(namespace.clone(), name.to_owned()) };
            return Ok(Candidate { advisory: self.advisory, affected });
        }
        let mut reader = self.reader;
        let range_count = reader.count()?;
        let mut ranges = Vec::with_capacity(range_count.min(MAX_RESERVE));
        for _ in 0..range_count {
            let event_count = reader.count()?;
            let mut events = Vec::with_capacity(event_count.min(MAX_RESERVE));
            for _ in 0..event_count {
                let event = read_event(&mut reader)?;
                events.push(AffectedEvent { kind: event.kind, version: event.version.to_owned() });
            }
            ranges.push(AffectedRange { events });
        }
        let version_count = reader.count()?;
        let mut room = MAX_RECORD_BYTES;
        let mut versions = Vec::new();
        for _ in 0..version_count {
            let listed = self.strings.get_within(reader.number()?, &mut room)?;
            if version.is_none_or(|version| !surely_differ(listed, version)) {
                versions.push(listed.to_owned());
            }
        }
        let ratings = read_ratings(&mut reader, self.strings, &mut room)?;
        let mut affected =
            Affected { ranges, versions, ratings, ..Affected::new(namespace.clone(), name.to_owned()) };
        if !reader.is_empty() {
            affected.status = read_status(&mut reader)?;
            self.strings.get(reader.number()?)?.clone_into(&mut affected.note);
            self.strings.get(reader.number()?)?.clone_into(&mut affected.module);
        }
        Ok(Candidate { advisory: self.advisory, affected })
    }
}

/// Ratings whose texts are in the strings section, see [`Strings::get_within`].
pub(crate) fn read_ratings(
    reader: &mut Reader<'_>,
    strings: Strings<'_>,
    room: &mut usize,
) -> Result<Vec<Rating>, LookupError> {
    let count = reader.count()?;
    let mut ratings = Vec::with_capacity(count.min(MAX_RESERVE));
    for _ in 0..count {
        ratings.push(reader.rating(|reader| strings.get_within(reader.number()?, room))?);
    }
    Ok(ratings)
}

fn read_event<'a>(reader: &mut Reader<'a>) -> Result<Event<'a>, LookupError> {
    let tag = reader.byte()?;
    let kind = event_kind(tag & !ZERO).ok_or_else(|| reader.damaged("an event from 0 to 3"))?;
    let version = if tag & ZERO == 0 { reader.text()? } else { "0" };
    Ok(Event { kind, version })
}

/// An event and the range it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeEvent<'a> {
    /// Which range of the entry: 0, 1, …
    pub range: u32,
    /// The event.
    pub event: Event<'a>,
}

/// The events of one entry.
#[derive(Clone, Debug)]
pub struct Events<'a> {
    /// Those of an entry in a short form, the last of them first.
    short: [Option<Event<'a>>; 2],
    reader: Reader<'a>,
    range: u32,
    ranges_left: usize,
    left_in_range: usize,
}

impl<'a> Iterator for Events<'a> {
    type Item = Result<RangeEvent<'a>, LookupError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let [last, first] = &mut self.short;
        if let Some(event) = first.take().or_else(|| last.take()) {
            return Some(Ok(RangeEvent { range: 0, event }));
        }
        while self.left_in_range == 0 {
            self.ranges_left = self.ranges_left.checked_sub(1)?;
            self.range += 1;
            match self.reader.count() {
                Ok(count) => self.left_in_range = count,
                Err(error) => {
                    self.ranges_left = 0;
                    return Some(Err(error));
                }
            }
        }
        self.left_in_range -= 1;
        let event = read_event(&mut self.reader);
        if event.is_err() {
            (self.ranges_left, self.left_in_range) = (0, 0);
        }
        Some(event.map(|event| RangeEvent { range: self.range - 1, event }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bytes_that_name_a_long_version_over_and_over_are_damage() {
        let long = format!("1.{}", "x".repeat(1 << 20));
        let namespace = Namespace::parse("npm").unwrap();
        for (count, ok) in [(31, true), (32, false)] {
            let versions = vec![long.clone(); count];
            let affected = Affected { versions, ..Affected::new(namespace.clone(), "a".to_owned()) };
            let mut strings = StringsBuilder::default();
            let mut bytes = Vec::new();
            encode(&affected, &mut strings, &mut bytes);
            let strings = strings.finish().unwrap();
            let (form, rest) = bytes.split_first().unwrap();
            let reader = Reader::new(rest, PART);
            let entry = Entry { advisory: 0, form: *form, reader, strings: Strings(&strings) };
            // Those that are left out were looked at, too.
            for version in [None, Some("2.0")] {
                assert_eq!(entry.to_candidate(&namespace, "a", version).is_ok(), ok, "{count}");
            }
        }
    }
}
