//! What is known under an ID: the advisories that bear or name it, scores of a CVE, its entry in the KEV catalogue.

use plimsoll_model::{KevEntry, LookupError, Rating};

use crate::bytes::{MAX_RESERVE, Put as _, Reader};
use crate::entries::read_ratings;
use crate::strings::{Strings, StringsBuilder};

pub(crate) const PART: &str = "ids";

/// What is known under one ID.
#[derive(Default)]
pub(crate) struct Known<'a> {
    /// Numbers of advisories, ascending.
    pub(crate) advisories: Vec<u32>,
    /// Scores, sorted.
    pub(crate) scores: &'a [Rating],
    pub(crate) kev: Option<&'a KevEntry>,
}

/// Writes one record.
pub(crate) fn encode(id: &str, known: &Known<'_>, strings: &mut StringsBuilder, out: &mut Vec<u8>) {
    out.put_text(id);
    out.put_count(known.advisories.len());
    let mut before = 0;
    for &number in &known.advisories {
        out.put_varint(u64::from(number - before));
        before = number;
    }
    out.put_count(known.scores.len());
    for rating in known.scores {
        out.put_rating(rating, |out, text| out.put_varint(u64::from(strings.number(text))));
    }
    match known.kev {
        None => out.push(0),
        Some(kev) => {
            out.push(if kev.ransomware { 2 } else { 1 });
            out.put_text(&kev.date_added);
            out.put_text(&kev.due_date);
            out.put_text(&kev.name);
        }
    }
}

/// One record, behind its ID.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdRecord<'a>(pub(crate) Reader<'a>);

impl IdRecord<'_> {
    pub(crate) fn advisories(mut self) -> Result<Vec<u32>, LookupError> {
        self.read_advisories()
    }

    fn read_advisories(&mut self) -> Result<Vec<u32>, LookupError> {
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

    fn skip_advisories(&mut self) -> Result<(), LookupError> {
        for _ in 0..self.0.count()? {
            self.0.varint()?;
        }
        Ok(())
    }

    pub(crate) fn scores(mut self, strings: Strings<'_>) -> Result<Vec<Rating>, LookupError> {
        self.skip_advisories()?;
        read_ratings(&mut self.0, strings)
    }

    pub(crate) fn kev(mut self, id: &str, strings: Strings<'_>) -> Result<Option<KevEntry>, LookupError> {
        self.skip_advisories()?;
        read_ratings(&mut self.0, strings)?;
        let ransomware = match self.0.byte()? {
            0 => return Ok(None),
            1 => false,
            2 => true,
            _ => return Err(self.0.damaged("a mark from 0 to 2")),
        };
        let mut text = || self.0.text().map(str::to_owned);
        let (date_added, due_date, name) = (text()?, text()?, text()?);
        Ok(Some(KevEntry { id: id.to_owned(), date_added, due_date, ransomware, name }))
    }
}
