//! What is known under an ID: the advisories that bear or name it, scores of a CVE, its entry in the KEV catalogue, how
//! probable its exploitation is.

use plimsoll_model::{Epss, KevEntry, LookupError, Rating};

use crate::bytes::{MAX_RESERVE, Put as _, Reader};
use crate::entries::read_ratings;
use crate::record::{put_epss, put_kev, read_epss, read_kev};
use crate::strings::{Strings, StringsBuilder};

pub(crate) const PART: &str = "ids";

/// Bits that say what is there, in this order.
const ADVISORIES: u8 = 1;
const TEXTS: u8 = 2;
const SCORES: u8 = 4;
const KEV: u8 = 8;
const EPSS: u8 = 16;
const ALL: u8 = 31;

/// What is known under one ID.
#[derive(Default)]
pub(crate) struct Known<'a> {
    /// Numbers of advisories, ascending.
    pub(crate) advisories: &'a [u32],
    /// Numbers of documents that hold texts of advisories in other partitions, ascending.
    pub(crate) texts: &'a [u32],
    /// Scores, sorted.
    pub(crate) scores: &'a [Rating],
    pub(crate) kev: Option<&'a KevEntry>,
    pub(crate) epss: Option<Epss>,
}

/// Writes one record.
pub(crate) fn encode(id: &str, known: &Known<'_>, strings: &mut StringsBuilder, out: &mut Vec<u8>) {
    out.put_text(id);
    let mark = |bit: u8, there: bool| if there { bit } else { 0 };
    out.push(
        mark(ADVISORIES, !known.advisories.is_empty())
            | mark(TEXTS, !known.texts.is_empty())
            | mark(SCORES, !known.scores.is_empty())
            | mark(KEV, known.kev.is_some())
            | mark(EPSS, known.epss.is_some()),
    );
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
}

/// One record, behind its ID.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdRecord<'a>(pub(crate) Reader<'a>);

impl<'a> IdRecord<'a> {
    pub(crate) fn advisories(self) -> Result<Vec<u32>, LookupError> {
        Ok(self.documents()?.0)
    }

    pub(crate) fn texts(self) -> Result<Vec<u32>, LookupError> {
        Ok(self.documents()?.1)
    }

    fn documents(mut self) -> Result<(Vec<u32>, Vec<u32>), LookupError> {
        let marks = self.marks()?;
        let advisories = if marks & ADVISORIES == 0 { Vec::new() } else { self.numbers()? };
        let texts = if marks & TEXTS == 0 { Vec::new() } else { self.numbers()? };
        Ok((advisories, texts))
    }

    fn marks(&mut self) -> Result<u8, LookupError> {
        let marks = self.0.byte()?;
        if marks & !ALL == 0 { Ok(marks) } else { Err(self.0.damaged("marks from 0 to 31")) }
    }

    fn numbers(&mut self) -> Result<Vec<u32>, LookupError> {
        let count = self.0.count()?;
        let mut numbers = Vec::with_capacity(count.min(MAX_RESERVE));
        let mut before = 0_u32;
        for _ in 0..count {
            let step = self.0.number()?;
            before = before.checked_add(step).ok_or_else(|| self.0.damaged("a number of at most 32 bits"))?;
            numbers.push(before);
        }
        Ok(numbers)
    }

    /// The marks, and the position behind the numbers of documents.
    fn facts(mut self) -> Result<(u8, Reader<'a>), LookupError> {
        let marks = self.marks()?;
        for _ in 0..(marks & (ADVISORIES | TEXTS)).count_ones() {
            for _ in 0..self.0.count()? {
                self.0.varint()?;
            }
        }
        Ok((marks, self.0))
    }

    pub(crate) fn scores(self, strings: Strings<'_>) -> Result<Vec<Rating>, LookupError> {
        let (marks, mut reader) = self.facts()?;
        if marks & SCORES == 0 { Ok(Vec::new()) } else { read_ratings(&mut reader, strings) }
    }

    pub(crate) fn kev(self, id: &str, strings: Strings<'_>) -> Result<Option<KevEntry>, LookupError> {
        let (marks, mut reader) = self.facts()?;
        if marks & KEV == 0 {
            return Ok(None);
        }
        if marks & SCORES != 0 {
            read_ratings(&mut reader, strings)?;
        }
        read_kev(id, &mut reader).map(Some)
    }

    pub(crate) fn epss(self, strings: Strings<'_>) -> Result<Option<Epss>, LookupError> {
        let (marks, mut reader) = self.facts()?;
        if marks & EPSS == 0 {
            return Ok(None);
        }
        if marks & SCORES != 0 {
            read_ratings(&mut reader, strings)?;
        }
        if marks & KEV != 0 {
            read_kev("", &mut reader)?;
        }
        read_epss(&mut reader).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exploit_probability_costs_less_than_eight_bytes_beside_its_id() {
        let epss = Epss { probability: 100_000, percentile: 100_000 };
        let mut out = Vec::new();
        let known = Known { epss: Some(epss), ..Known::default() };
        encode("CVE-2024-12345", &known, &mut StringsBuilder::default(), &mut out);
        assert_eq!(out.len() - "CVE-2024-12345".len() - 1, 7);
        let record = IdRecord(Reader::at(&out, 15, PART).unwrap());
        assert_eq!(record.epss(Strings(&[])).unwrap(), Some(epss));
        assert_eq!(record.advisories().unwrap(), [0; 0]);
        assert_eq!(record.kev("", Strings(&[])).unwrap(), None);
    }
}
