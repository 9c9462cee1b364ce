//! What is known under an ID: the advisories that bear or name it, scores of a CVE, its entry in the KEV catalogue, how
//! probable its exploitation is.
//!
//! IDs are sorted and share their fronts, so they are kept in groups: the first ID of a group is whole, each of the
//! others says how many bytes it has in common with the one before it. The section is the number of groups (u32), the
//! place of each behind these numbers (u32), and the groups. A lookup searches the first IDs, then one group. That
//! takes a third of the room of whole IDs with a hash table, and one look more.

use plimsoll_model::{Epss, KevEntry, Known, LookupError, Rating};

use crate::Error;
use crate::bytes::{MAX_RESERVE, Put as _, Reader, damaged};
use crate::entries::read_ratings;
use crate::record::{MAX_RECORD_BYTES, put_epss, put_kev, read_epss, read_kev};
use crate::strings::{Strings, StringsBuilder, u32_at};

pub(crate) const PART: &str = "ids";

/// Bits that say what is there, in this order.
const ADVISORIES: u8 = 1;
const TEXTS: u8 = 2;
const SCORES: u8 = 4;
const KEV: u8 = 8;
const EPSS: u8 = 16;
const ALL: u8 = 31;
/// Instead of all others: one advisory, whose number follows.
const ONE: u8 = 32;

/// IDs of a group.
const GROUP: u32 = 16;

/// What is known under one ID.
#[derive(Default)]
pub(crate) struct NewId<'a> {
    /// Numbers of advisories, ascending.
    pub(crate) advisories: &'a [u32],
    /// Numbers of documents that hold texts of advisories in other partitions, ascending.
    pub(crate) texts: &'a [u32],
    /// Scores, sorted.
    pub(crate) scores: &'a [Rating],
    pub(crate) kev: Option<&'a KevEntry>,
    pub(crate) epss: Option<Epss>,
}

impl NewId<'_> {
    /// Whether nothing is known under it.
    pub(crate) fn is_empty(&self) -> bool {
        self.advisories.is_empty()
            && self.texts.is_empty()
            && self.scores.is_empty()
            && self.kev.is_none()
            && self.epss.is_none()
    }
}

/// The section while it is built.
#[derive(Default)]
pub(crate) struct IdsBuilder {
    groups: Vec<u32>,
    bytes: Vec<u8>,
    last: String,
    count: u32,
    record: Vec<u8>,
}

impl IdsBuilder {
    /// Adds an ID that is greater than all before.
    pub(crate) fn add(
        &mut self,
        id: &str,
        known: &NewId<'_>,
        strings: &mut StringsBuilder,
    ) -> Result<(), Error> {
        let shared = if self.count.is_multiple_of(GROUP) {
            let found = self.bytes.len() as u64;
            let place = u32::try_from(found).map_err(|_| Error::TooMuch {
                what: "bytes of IDs",
                limit: u64::from(u32::MAX),
                found,
            })?;
            self.groups.push(place);
            0
        } else {
            self.last.bytes().zip(id.bytes()).take_while(|(one, two)| one == two).count()
        };
        self.count = self.count.wrapping_add(1);
        self.bytes.put_count(shared);
        let rest = &id.as_bytes()[shared..];
        self.bytes.put_count(rest.len());
        self.bytes.extend_from_slice(rest);
        id.clone_into(&mut self.last);
        if let NewId { advisories: [number], texts: [], scores: [], kev: None, epss: None } = known {
            self.bytes.push(ONE);
            self.bytes.put_varint(u64::from(*number));
            return Ok(());
        }
        self.record.clear();
        let marks = encode(known, strings, &mut self.record);
        self.bytes.push(marks);
        self.bytes.put_count(self.record.len());
        self.bytes.extend_from_slice(&self.record);
        Ok(())
    }

    /// The section.
    pub(crate) fn finish(self) -> Vec<u8> {
        let count = u32::try_from(self.groups.len()).expect("each has a place of 32 bits of its own");
        let mut out = Vec::with_capacity(4 + 4 * self.groups.len() + self.bytes.len());
        out.extend_from_slice(&count.to_le_bytes());
        self.groups.iter().for_each(|place| out.extend_from_slice(&place.to_le_bytes()));
        out.extend_from_slice(&self.bytes);
        out
    }
}

/// What is known under an ID, where there is anything.
pub(crate) fn find<'a>(section: &'a [u8], wanted: &str) -> Result<Option<IdRecord<'a>>, LookupError> {
    let wanted = wanted.as_bytes();
    let bad = || damaged(PART, "groups inside of it");
    let count = u32_at(section, 0).ok_or_else(bad)? as usize;
    let groups = count.checked_mul(4).and_then(|length| section.get(4..)?.split_at_checked(length));
    let (groups, bytes) = groups.ok_or_else(bad)?;
    let group = |number: usize| {
        let place = u32_at(groups, 4 * number).ok_or_else(bad)?;
        Reader::at(bytes, u64::from(place), PART)
    };
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low.midpoint(high);
        let mut reader = group(middle)?;
        if reader.varint()? != 0 {
            return Err(reader.damaged("a whole ID at the front of a group"));
        }
        if reader.sized()? <= wanted { low = middle + 1 } else { high = middle }
    }
    let Some(found) = low.checked_sub(1) else { return Ok(None) };
    let mut reader = group(found)?;
    // How many bytes of the ID before are those of the one that is looked for.
    let mut same = 0;
    for _ in 0..GROUP {
        if reader.is_empty() {
            break;
        }
        let shared = usize::try_from(reader.varint()?).map_err(|_| reader.damaged("a number of bytes"))?;
        let rest = reader.sized()?;
        let record = IdRecord::read(&mut reader)?;
        if shared < same {
            // This one leaves the common front earlier, and upwards.
            return Ok(None);
        }
        if shared == same {
            let left = wanted.get(same..).unwrap_or_default();
            if rest == left {
                return Ok(Some(record));
            }
            if rest > left {
                return Ok(None);
            }
            same += rest.iter().zip(left).take_while(|(one, two)| one == two).count();
        }
    }
    Ok(None)
}

/// The ID of that rank: `0` is the first in their order. It may have at most `room` bytes, which it takes from there: few
/// bytes can name a long ID over and over.
pub(crate) fn nth(section: &[u8], rank: u32, room: &mut usize) -> Result<String, LookupError> {
    let bad = || damaged(PART, &format!("an ID of rank {rank}"));
    let count = u32_at(section, 0).ok_or_else(bad)?;
    let group = rank / GROUP;
    if group >= count {
        return Err(bad());
    }
    let place = u32_at(section, 4 + 4 * group as usize).ok_or_else(bad)?;
    let bytes = section.get(4 + 4 * count as usize..).ok_or_else(bad)?;
    let mut reader = Reader::at(bytes, u64::from(place), PART)?;
    // What the IDs before it have, as slices: only its own bytes are copied, however long the others are.
    let mut parts: [(usize, &[u8]); GROUP as usize] = [(0, &[]); GROUP as usize];
    let mut length = 0;
    let parts = &mut parts[..=(rank % GROUP) as usize];
    let last = parts.len() - 1;
    for (place, part) in parts.iter_mut().enumerate() {
        let shared = usize::try_from(reader.varint()?).ok().filter(|shared| *shared <= length);
        let shared = shared.ok_or_else(|| reader.damaged("no more in common than there was"))?;
        let rest = reader.sized()?;
        *part = (shared, rest);
        length = shared + rest.len();
        if place < last {
            IdRecord::read(&mut reader)?;
        }
    }
    *room = room.checked_sub(length).ok_or_else(|| reader.damaged("IDs of at most 32 MiB"))?;
    let mut id = vec![0; length];
    let mut missing = length;
    for (shared, rest) in parts.iter().rev() {
        if let Some(own) = missing.checked_sub(*shared) {
            id[*shared..missing].copy_from_slice(&rest[..own]);
            missing = *shared;
        }
    }
    String::from_utf8(id).map_err(|_| reader.damaged("UTF-8 text"))
}

/// Writes what stands behind an ID, without the marks, which are given back.
fn encode(known: &NewId<'_>, strings: &mut StringsBuilder, out: &mut Vec<u8>) -> u8 {
    let mark = |bit: u8, there: bool| if there { bit } else { 0 };
    let marks = mark(ADVISORIES, !known.advisories.is_empty())
        | mark(TEXTS, !known.texts.is_empty())
        | mark(SCORES, !known.scores.is_empty())
        | mark(KEV, known.kev.is_some())
        | mark(EPSS, known.epss.is_some());
    for numbers in [known.advisories, known.texts] {
        if numbers.is_empty() {
            continue;
        }
        out.put_count(numbers.len());
        let mut before = 0;
        for &number in numbers {
            out.put_varint(u64::from(number - before));
            before = number;
        }
    }
    if !known.scores.is_empty() {
        out.put_count(known.scores.len());
        for rating in known.scores {
            out.put_rating(rating, |out, text| out.put_varint(u64::from(strings.number(text))));
        }
    }
    if let Some(kev) = known.kev {
        put_kev(kev, out);
    }
    if let Some(epss) = known.epss {
        put_epss(epss, out);
    }
    marks
}

/// What stands behind an ID.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdRecord<'a> {
    marks: u8,
    reader: Reader<'a>,
}

impl<'a> IdRecord<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, LookupError> {
        let marks = reader.byte()?;
        if marks == ONE {
            let record = Self { marks, reader: *reader };
            reader.varint()?;
            return Ok(record);
        }
        if marks & !ALL != 0 {
            return Err(reader.damaged("marks from 0 to 32"));
        }
        Ok(Self { marks, reader: Reader::new(reader.sized()?, PART) })
    }

    /// Numbers of documents that hold texts of advisories in other partitions.
    pub(crate) fn texts(mut self) -> Result<Vec<u32>, LookupError> {
        if self.marks == ONE || self.marks & TEXTS == 0 {
            return Ok(Vec::new());
        }
        if self.marks & ADVISORIES != 0 {
            self.numbers()?;
        }
        self.numbers()
    }

    /// All but the numbers of texts.
    pub(crate) fn known(mut self, id: &str, strings: Strings<'_>) -> Result<Known, LookupError> {
        let mut known = Known::default();
        if self.marks == ONE {
            known.advisories = vec![self.reader.number()?];
            return Ok(known);
        }
        if self.marks & ADVISORIES != 0 {
            known.advisories = self.numbers()?;
        }
        if self.marks & TEXTS != 0 {
            self.numbers()?;
        }
        if self.marks & SCORES != 0 {
            known.scores = read_ratings(&mut self.reader, strings, &mut { MAX_RECORD_BYTES })?;
        }
        if self.marks & KEV != 0 {
            known.kev = Some(read_kev(id, &mut self.reader)?);
        }
        if self.marks & EPSS != 0 {
            known.epss = Some(read_epss(&mut self.reader)?);
        }
        Ok(known)
    }

    fn numbers(&mut self) -> Result<Vec<u32>, LookupError> {
        let count = self.reader.count()?;
        let mut numbers = Vec::with_capacity(count.min(MAX_RESERVE));
        let mut before = 0_u32;
        for place in 0..count {
            let step = self.reader.number()?;
            // Each stands there once.
            let sum = before.checked_add(step).filter(|_| place == 0 || step > 0);
            before = sum.ok_or_else(|| self.reader.damaged("ascending numbers of at most 32 bits"))?;
            numbers.push(before);
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_id_is_found_and_no_other() {
        let mut ids: Vec<String> = (0..2000).map(|n| format!("CVE-2024-{n}")).collect();
        ids.extend(["C", "CV", "CVE-2024-1x", "DEBIAN-CVE-2024-1", "é", "éa"].map(str::to_owned));
        ids.sort();
        for count in [0, 1, 15, 16, 17, ids.len()] {
            let mut builder = IdsBuilder::default();
            for (number, id) in (0..).zip(&ids[..count]) {
                let known = NewId { advisories: &[number], ..NewId::default() };
                builder.add(id, &known, &mut StringsBuilder::default()).unwrap();
            }
            let section = builder.finish();
            for (number, id) in (0..).zip(&ids) {
                let found = find(&section, id)
                    .unwrap()
                    .map(|record| record.known("", Strings(&[])).unwrap().advisories);
                assert_eq!(found, (number < count).then(|| vec![u32::try_from(number).unwrap()]), "{id}");
            }
            for (rank, id) in (0..).zip(&ids[..count]) {
                assert_eq!(nth(&section, rank, &mut { usize::MAX }).unwrap(), *id);
            }
            assert!(nth(&section, u32::try_from(count).unwrap() + GROUP, &mut { usize::MAX }).is_err());
            for id in ["", "A", "CVE-2024-", "CVE-2024-19990", "CVE-2024-1y", "CVE-2025", "ê", "zzz"] {
                assert!(find(&section, id).unwrap().is_none(), "{id}");
            }
        }
    }

    #[test]
    fn an_id_takes_its_own_bytes_of_the_room_and_no_others() {
        let long = format!("B{}", "b".repeat(1 << 20));
        let ids = ["A-1", "A-2", &long[..1000], &long, "C", "CA"];
        let mut builder = IdsBuilder::default();
        for id in ids {
            builder.add(id, &NewId::default(), &mut StringsBuilder::default()).unwrap();
        }
        let section = builder.finish();
        for (rank, id) in (0..).zip(ids) {
            let mut room = id.len() + 7;
            assert_eq!(nth(&section, rank, &mut room).unwrap(), *id);
            assert_eq!(room, 7);
            assert!(nth(&section, rank, &mut { id.len() - 1 }).is_err(), "{rank}");
        }
    }

    #[test]
    fn a_document_that_is_named_twice_is_damage() {
        for (advisories, ok) in [(&[0, 1][..], true), (&[0, 0], false), (&[3, 3], false)] {
            let mut builder = IdsBuilder::default();
            let known = NewId { advisories, ..NewId::default() };
            builder.add("CVE-1", &known, &mut StringsBuilder::default()).unwrap();
            let section = builder.finish();
            let record = find(&section, "CVE-1").unwrap().unwrap();
            assert_eq!(record.known("CVE-1", Strings(&[])).is_ok(), ok, "{advisories:?}");
        }
    }

    #[test]
    fn damaged_groups_end_the_search() {
        let mut builder = IdsBuilder::default();
        for id in ["CVE-2024-1", "CVE-2024-2", "CVE-2024-3"] {
            let known = NewId { advisories: &[1, 2], ..NewId::default() };
            builder.add(id, &known, &mut StringsBuilder::default()).unwrap();
        }
        let section = builder.finish();
        for end in 0..section.len() {
            let _ = find(&section[..end], "CVE-2024-3");
            (0..4).for_each(|rank| drop(nth(&section[..end], rank, &mut { usize::MAX })));
        }
        for place in 0..section.len() {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut bytes = section.clone();
                bytes[place] = byte;
                (0..4).for_each(|rank| drop(nth(&bytes, rank, &mut { usize::MAX })));
                for id in ["CVE-2024-1", "CVE-2024-3", "CVE-2024-33", ""] {
                    let _ = find(&bytes, id).map(|found| found.map(|record| record.known("", Strings(&[]))));
                }
            }
        }
        assert!(find(&[], "a").is_err());
        assert!(find(&[0xff; 40], "a").is_err());
    }

    #[test]
    fn an_exploit_probability_costs_less_than_eight_bytes_beside_its_id() {
        let epss = Epss { probability: 100_000, percentile: 100_000 };
        let mut builder = IdsBuilder::default();
        let known = NewId { epss: Some(epss), ..NewId::default() };
        builder.add("CVE-2024-12345", &known, &mut StringsBuilder::default()).unwrap();
        let before = builder.bytes.len();
        builder.add("CVE-2024-12346", &known, &mut StringsBuilder::default()).unwrap();
        assert_eq!(builder.bytes.len() - before, 3 + 8);
        let section = builder.finish();
        let record = find(&section, "CVE-2024-12345").unwrap().unwrap();
        assert_eq!(record.known("", Strings(&[])).unwrap().epss, Some(epss));
        assert_eq!(record.known("", Strings(&[])).unwrap().advisories, [0; 0]);
        assert_eq!(record.known("", Strings(&[])).unwrap().kev, None);
    }
}
