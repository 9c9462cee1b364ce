//! What an advisory says besides its packages and its texts: names, dates, ratings. This is what findings are made of,
//! so it lies here as it is and not in a block that would have to be unpacked.
//!
//! The section is the number of documents (u32), the place of each 16th behind these numbers (u32), and the documents,
//! each with a varint length in front: flags (one byte), the number of its source among the strings, the rank of its ID
//! among the IDs, and for an advisory its two instants and the lists that its flags name. IDs are ranks, and texts
//! numbers of strings, so that a document takes some 25 bytes.

use std::ops::Range;

use jiff::Timestamp;
use plimsoll_model::{Advisory, LookupError, Rating};

use crate::Error;
use crate::bytes::{MAX_RESERVE, Put as _, Reader, damaged};
use crate::entries::read_ratings;
use crate::ids;
use crate::record::{self, MAX_RECORD_BYTES};
use crate::strings::{Strings, StringsBuilder, u32_at};

pub(crate) const PART: &str = "heads";

/// Documents of a group.
const GROUP: u32 = 16;

/// Texts alone, of an advisory whose packages stand in partitions of releases.
const TEXTS: u8 = 1;
/// Its texts stand in the partition of its bare ecosystem.
const TEXTS_ELSEWHERE: u8 = 2;
const ALIASES: u8 = 4;
const UPSTREAM: u8 = 8;
const RELATED: u8 = 16;
const CWES: u8 = 32;
const INFORMATIONAL: u8 = 64;
const RATINGS: u8 = 128;

/// How an instant is written: four bits of a byte that says it of both.
const NONE: u8 = 0;
const TEXT: u8 = 1;
/// Seconds since 1970, four bytes.
const SECONDS: u8 = 2;
/// The same, and microseconds as a varint.
const MICROSECONDS: u8 = 3;
/// As the one before it.
const SAME: u8 = 4;

/// One document while the section is built: IDs are numbers in the order in which they were met.
pub(crate) struct NewHead {
    flags: u8,
    source: u32,
    id: u32,
    instants: Vec<u8>,
    lists: [Vec<u32>; 3],
    rest: Vec<u8>,
}

impl NewHead {
    /// The head of texts alone.
    pub(crate) fn of_texts(source: &str, id: u32, strings: &mut StringsBuilder) -> Self {
        let source = strings.number(source);
        Self { flags: TEXTS, source, id, instants: Vec::new(), lists: Default::default(), rest: Vec::new() }
    }

    /// The head of an advisory. `number` gives the number of an ID.
    pub(crate) fn of(
        advisory: &Advisory,
        texts_elsewhere: bool,
        strings: &mut StringsBuilder,
        mut number: impl FnMut(&str) -> Result<u32, LookupError>,
    ) -> Result<Self, LookupError> {
        let mut flags = if texts_elsewhere { TEXTS_ELSEWHERE } else { 0 };
        let mut lists: [Vec<u32>; 3] = Default::default();
        for (list, (ids, flag)) in lists.iter_mut().zip([
            (&advisory.aliases, ALIASES),
            (&advisory.upstream, UPSTREAM),
            (&advisory.related, RELATED),
        ]) {
            *list = ids.iter().map(|id| number(id)).collect::<Result<_, _>>()?;
            flags |= if list.is_empty() { 0 } else { flag };
        }
        let mut instants = vec![0];
        let published = put_instant(&advisory.published, &mut instants);
        let modified = if advisory.modified == advisory.published {
            SAME
        } else {
            put_instant(&advisory.modified, &mut instants)
        };
        instants[0] = published << 4 | modified;
        let mut rest = Vec::new();
        if !advisory.cwes.is_empty() {
            flags |= CWES;
            rest.put_count(advisory.cwes.len());
            advisory.cwes.iter().for_each(|cwe| rest.put_varint(u64::from(strings.number(cwe))));
        }
        if let Some(kind) = &advisory.informational {
            flags |= INFORMATIONAL;
            rest.put_varint(u64::from(strings.number(kind)));
        }
        if !advisory.ratings.is_empty() {
            flags |= RATINGS;
            rest.put_count(advisory.ratings.len());
            for rating in &advisory.ratings {
                rest.put_rating(rating, |out, text| out.put_varint(u64::from(strings.number(text))));
            }
        }
        let source = strings.number(&advisory.source);
        Ok(Self { flags, source, id: number(&advisory.id)?, instants, lists, rest })
    }
}

/// The section. `ranks` has the rank of each number of an ID.
pub(crate) fn section(heads: &[NewHead], ranks: &[u32]) -> Result<Vec<u8>, Error> {
    let rank = |number: u32| u64::from(ranks[number as usize]);
    let (mut groups, mut bytes, mut head) = (Vec::new(), Vec::new(), Vec::new());
    for (place, new) in heads.iter().enumerate() {
        if place % GROUP as usize == 0 {
            let found = bytes.len() as u64;
            let limit = u64::from(u32::MAX);
            let what = "bytes of heads of advisories";
            groups.push(u32::try_from(found).map_err(|_| Error::TooMuch { what, limit, found })?);
        }
        head.clear();
        head.push(new.flags);
        head.put_varint(u64::from(new.source));
        head.put_varint(rank(new.id));
        head.extend_from_slice(&new.instants);
        for list in new.lists.iter().filter(|list| !list.is_empty()) {
            head.put_count(list.len());
            for id in list {
                head.put_varint(rank(*id));
            }
        }
        head.extend_from_slice(&new.rest);
        bytes.put_count(head.len());
        bytes.extend_from_slice(&head);
    }
    let count = u32::try_from(heads.len()).expect("documents have numbers of 32 bits");
    let mut out = Vec::with_capacity(4 + 4 * groups.len() + bytes.len());
    out.extend_from_slice(&count.to_le_bytes());
    for place in groups {
        out.extend_from_slice(&u32::to_le_bytes(place));
    }
    out.append(&mut bytes);
    Ok(out)
}

/// The section of an open file, with those that it needs to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heads<'a> {
    pub(crate) section: &'a [u8],
    pub(crate) ids: &'a [u8],
    pub(crate) strings: Strings<'a>,
}

/// One document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    heads: Heads<'a>,
    flags: u8,
    source: u32,
    id: u32,
    reader: Reader<'a>,
}

impl<'a> Heads<'a> {
    /// How many documents have a number.
    pub(crate) fn count(self) -> u32 {
        u32_at(self.section, 0).unwrap_or_default()
    }

    /// The document of that number.
    pub(crate) fn get(self, number: u32) -> Result<Head<'a>, LookupError> {
        let mut reader = self.group(number)?;
        for _ in 0..number % GROUP {
            reader.sized()?;
        }
        self.head(reader.sized()?)
    }

    /// The documents of these numbers, in their order.
    pub(crate) fn each(self, numbers: Range<u32>) -> impl Iterator<Item = Result<Head<'a>, LookupError>> {
        let before = numbers.start % GROUP;
        let mut reader = self.group(numbers.start).and_then(|mut reader| {
            (0..before).try_for_each(|_| reader.sized().map(drop))?;
            Ok(reader)
        });
        numbers.map(move |_| match &mut reader {
            Ok(reader) => self.head(reader.sized()?),
            Err(error) => Err(error.clone()),
        })
    }

    /// What begins with the group of that number.
    fn group(self, number: u32) -> Result<Reader<'a>, LookupError> {
        let bad = || damaged(PART, &format!("an advisory of number {number}"));
        let count = self.count();
        if number >= count {
            return Err(bad());
        }
        let groups = count.div_ceil(GROUP) as usize;
        let bytes = self.section.get(4 + 4 * groups..).ok_or_else(bad)?;
        let place = u32_at(self.section, 4 + 4 * (number / GROUP) as usize).ok_or_else(bad)?;
        Reader::at(bytes, u64::from(place), PART)
    }

    fn head(self, bytes: &'a [u8]) -> Result<Head<'a>, LookupError> {
        let mut reader = Reader::new(bytes, PART);
        let (flags, source, id) = (reader.byte()?, reader.number()?, reader.number()?);
        Ok(Head { heads: self, flags, source, id, reader })
    }
}

impl<'a> Head<'a> {
    /// Whether it is one of texts alone.
    pub(crate) fn is_texts(&self) -> bool {
        self.flags & TEXTS != 0
    }

    /// Whether its texts stand in the partition of its bare ecosystem.
    pub(crate) fn has_texts_elsewhere(&self) -> bool {
        self.flags & TEXTS_ELSEWHERE != 0
    }

    pub(crate) fn source(&self) -> Result<&'a str, LookupError> {
        self.heads.strings.get(self.source)
    }

    /// Its ID, of at most `room` bytes, see [`ids::nth`].
    pub(crate) fn id(&self, room: &mut usize) -> Result<String, LookupError> {
        ids::nth(self.heads.ids, self.id, room)
    }

    /// What tells it from other documents, see [`record::identity`]. What it is made of is taken from `room`.
    pub(crate) fn identity(&self, room: &mut usize) -> Result<u64, LookupError> {
        let source = self.heads.strings.get_within(self.source, room)?;
        Ok(record::identity(&self.id(room)?, source))
    }

    /// The advisory without its packages and texts.
    pub(crate) fn advisory(self) -> Result<Advisory, LookupError> {
        let Self { heads, flags, mut reader, .. } = self;
        // All of this stood in one record.
        let mut room = MAX_RECORD_BYTES;
        let mut advisory =
            Advisory { id: self.id(&mut room)?, source: self.source()?.to_owned(), ..Advisory::default() };
        if self.is_texts() {
            return Ok(advisory);
        }
        let forms = reader.byte()?;
        advisory.published = read_instant(forms >> 4, &mut reader)?;
        advisory.modified = match forms & 15 {
            SAME => advisory.published.clone(),
            form => read_instant(form, &mut reader)?,
        };
        for (list, flag) in [
            (&mut advisory.aliases, ALIASES),
            (&mut advisory.upstream, UPSTREAM),
            (&mut advisory.related, RELATED),
        ] {
            if flags & flag != 0 {
                *list = list_of(&mut reader, |reader| ids::nth(heads.ids, reader.number()?, &mut room))?;
            }
        }
        let mut string = |reader: &mut Reader<'a>| {
            heads.strings.get_within(reader.number()?, &mut room).map(str::to_owned)
        };
        if flags & CWES != 0 {
            advisory.cwes = list_of(&mut reader, &mut string)?;
        }
        if flags & INFORMATIONAL != 0 {
            advisory.informational = Some(string(&mut reader)?);
        }
        if flags & RATINGS != 0 {
            let ratings: Vec<Rating> = read_ratings(&mut reader, heads.strings, &mut room)?;
            advisory.ratings = ratings;
        }
        Ok(advisory)
    }
}

fn list_of<'a, T>(
    reader: &mut Reader<'a>,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<T, LookupError>,
) -> Result<Vec<T>, LookupError> {
    let count = reader.count()?;
    let mut list = Vec::with_capacity(count.min(MAX_RESERVE));
    for _ in 0..count {
        list.push(read(reader)?);
    }
    Ok(list)
}

/// Writes an instant of RFC 3339 as a number, where the very same text can be had back from it. Gives its form.
fn put_instant(text: &str, out: &mut Vec<u8>) -> u8 {
    if text.is_empty() {
        return NONE;
    }
    let instant = text.parse::<Timestamp>().ok().filter(|instant| instant.to_string() == text);
    let seconds = instant.and_then(|instant| u32::try_from(instant.as_second()).ok());
    match (seconds, instant.map_or(0, Timestamp::subsec_nanosecond)) {
        (Some(seconds), 0) => {
            out.extend_from_slice(&seconds.to_le_bytes());
            SECONDS
        }
        (Some(seconds), nanoseconds @ 1..) if nanoseconds % 1000 == 0 => {
            out.extend_from_slice(&seconds.to_le_bytes());
            out.put_varint(u64::from(nanoseconds.unsigned_abs() / 1000));
            MICROSECONDS
        }
        _ => {
            out.put_text(text);
            TEXT
        }
    }
}

fn read_instant(form: u8, reader: &mut Reader<'_>) -> Result<String, LookupError> {
    let mut seconds = || reader.take(4).map(|bytes| u32_at(bytes, 0).unwrap_or_default());
    let (seconds, microseconds) = match form {
        NONE => return Ok(String::new()),
        TEXT => return reader.text().map(str::to_owned),
        SECONDS => (seconds()?, 0),
        MICROSECONDS => (seconds()?, reader.number()?),
        _ => return Err(reader.damaged("a form of an instant from 0 to 4")),
    };
    let nanoseconds = i32::try_from(microseconds).ok().and_then(|micro| micro.checked_mul(1000));
    let instant = nanoseconds.and_then(|nanoseconds| Timestamp::new(i64::from(seconds), nanoseconds).ok());
    instant.map(|instant| instant.to_string()).ok_or_else(|| reader.damaged("microseconds of a second"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{IdsBuilder, NewId};

    #[test]
    fn few_bytes_that_name_long_texts_over_and_over_are_damage() {
        let long = "x".repeat(1 << 20);
        let (mut ids, mut strings) = (IdsBuilder::default(), StringsBuilder::default());
        ids.add(&long, &NewId::default(), &mut strings).unwrap();
        let source = strings.number(&long);
        let rest = |count: usize| {
            let mut rest = Vec::new();
            rest.put_count(count);
            (0..count).for_each(|_| rest.put_varint(u64::from(source)));
            rest
        };
        let (ids, strings) = (ids.finish(), strings.finish().unwrap());
        for (names, cwes, ok) in [(20, 11, true), (40, 1, false), (1, 40, false), (20, 12, false)] {
            let head = NewHead {
                flags: ALIASES | CWES,
                source,
                id: 0,
                instants: vec![NONE << 4 | NONE],
                lists: [vec![0; names], Vec::new(), Vec::new()],
                rest: rest(cwes),
            };
            let section = section(&[head], &[0]).unwrap();
            let heads = Heads { section: &section, ids: &ids, strings: Strings(&strings) };
            let head = heads.get(0).unwrap();
            assert_eq!(head.advisory().is_ok(), ok, "{names} {cwes}");
            assert!(head.identity(&mut { 2 << 20 }).is_ok() && head.identity(&mut { 1 << 20 }).is_err());
        }
    }

    #[test]
    fn documents_are_read_from_any_number_on() {
        let (mut ids, mut strings) = (IdsBuilder::default(), StringsBuilder::default());
        ids.add("A", &NewId::default(), &mut strings).unwrap();
        let mut new: Vec<NewHead> = (0..40).map(|_| NewHead::of_texts("s", 0, &mut strings)).collect();
        new.iter_mut().step_by(3).for_each(|head| head.flags = TEXTS_ELSEWHERE);
        let (section, ids, strings) = (section(&new, &[0]).unwrap(), ids.finish(), strings.finish().unwrap());
        let heads = Heads { section: &section, ids: &ids, strings: Strings(&strings) };
        for start in 0..40 {
            let each: Vec<u8> = heads.each(start..40).map(|head| head.unwrap().flags).collect();
            let one_by_one: Vec<u8> = (start..40).map(|number| heads.get(number).unwrap().flags).collect();
            assert_eq!(each, one_by_one, "{start}");
        }
        assert!(heads.each(40..41).all(|head| head.is_err()) && heads.each(0..41).last().unwrap().is_err());
    }

    #[test]
    fn instants_are_had_back_as_they_were() {
        for (text, bytes) in [
            ("", 0),
            ("2024-05-06T07:08:09Z", 4),
            ("2024-05-06T07:08:09.5Z", 7),
            ("2024-05-06T07:08:09.123456Z", 7),
            ("2024-05-06T07:08:09.123456789Z", 31),
            ("2024-05-06T07:08:09.500Z", 25),
            ("2024-05-06T07:08:09+00:00", 26),
            ("1969-05-06T07:08:09Z", 21),
            ("2200-05-06T07:08:09Z", 21),
            ("2024-05-06", 11),
            ("yesterday", 10),
        ] {
            let mut out = Vec::new();
            let form = put_instant(text, &mut out);
            assert_eq!(out.len(), bytes, "{text}");
            assert_eq!(read_instant(form, &mut Reader::new(&out, PART)).unwrap(), text);
            for end in 0..out.len() {
                assert!(read_instant(form, &mut Reader::new(&out[..end], PART)).is_err());
            }
        }
        for (form, bytes) in [
            (9, &[][..]),
            (SAME, &[]),
            (SECONDS, &[1, 2, 3]),
            (MICROSECONDS, &[0, 0, 0, 0, 0xff, 0xff, 0x7f]),
        ] {
            assert!(read_instant(form, &mut Reader::new(bytes, PART)).is_err());
        }
    }
}
