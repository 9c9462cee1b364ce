//! Texts that are said over and over, kept once: versions in lists, CVSS vectors, names of sources.

use std::collections::HashMap;

use plimsoll_model::LookupError;

use crate::Error;
use crate::bytes::damaged;

const PART: &str = "strings";
/// Bytes that the section can hold: offsets are 32 bits wide.
const MAX_BYTES: u64 = u32::MAX as u64;

/// The section while it is built. Numbers are given in the order in which texts are first seen.
#[derive(Default)]
pub(crate) struct StringsBuilder {
    numbers: HashMap<String, u32>,
    offsets: Vec<u32>,
    bytes: Vec<u8>,
    too_much: bool,
}

impl StringsBuilder {
    /// The number of a text.
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let (Ok(number), Ok(offset)) = (u32::try_from(self.offsets.len()), u32::try_from(self.bytes.len()))
        else {
            self.too_much = true;
            return 0;
        };
        self.offsets.push(offset);
        self.bytes.extend_from_slice(text.as_bytes());
        self.numbers.insert(text.to_owned(), number);
        number
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, Error> {
        let found = self.bytes.len() as u64;
        let end = u32::try_from(found).ok().filter(|_| !self.too_much);
        let count = u32::try_from(self.offsets.len()).ok();
        let (Some(end), Some(count)) = (end, count) else {
            return Err(Error::TooMuch { what: "bytes of repeated texts", limit: MAX_BYTES, found });
        };
        let mut out = Vec::with_capacity(self.bytes.len() + 4 * self.offsets.len() + 8);
        out.extend_from_slice(&count.to_le_bytes());
        for offset in self.offsets {
            out.extend_from_slice(&offset.to_le_bytes());
        }
        out.extend_from_slice(&end.to_le_bytes());
        out.extend_from_slice(&self.bytes);
        Ok(out)
    }
}

/// The section of an open file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strings<'a>(pub(crate) &'a [u8]);

impl<'a> Strings<'a> {
    pub(crate) fn get(self, number: u32) -> Result<&'a str, LookupError> {
        self.find(number).ok_or_else(|| damaged(PART, "the number of one of its texts"))
    }

    /// The same, of at most `room` bytes, which it takes from there: few bytes can name a long text over and over.
    pub(crate) fn get_within(self, number: u32, room: &mut usize) -> Result<&'a str, LookupError> {
        let text = self.get(number)?;
        let left = room.checked_sub(text.len());
        *room = left.ok_or_else(|| damaged(PART, "texts of at most 32 MiB of one record"))?;
        Ok(text)
    }

    fn find(self, number: u32) -> Option<&'a str> {
        let count = u32_at(self.0, 0)?;
        if number >= count {
            return None;
        }
        let place = 4 + 4 * number as usize;
        let texts = self.0.get(8 + 4 * count as usize..)?;
        let (start, end) = (u32_at(self.0, place)?, u32_at(self.0, place + 4)?);
        std::str::from_utf8(texts.get(start as usize..end as usize)?).ok()
    }
}

pub(crate) fn u32_at(bytes: &[u8], place: usize) -> Option<u32> {
    bytes.get(place..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

pub(crate) fn u64_at(bytes: &[u8], place: usize) -> Option<u64> {
    bytes.get(place..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once() {
        let mut builder = StringsBuilder::default();
        assert_eq!(["a", "", "é", "a"].map(|text| builder.number(text)), [0, 1, 2, 0]);
        let bytes = builder.finish().unwrap();
        let strings = Strings(&bytes);
        assert_eq!([0, 1, 2].map(|number| strings.get(number).unwrap()), ["a", "", "é"]);
        assert!(strings.get(3).is_err());
        for end in 0..bytes.len() {
            (0..4).for_each(|number| drop(Strings(&bytes[..end]).get(number)));
        }
        assert!(Strings(&[0xff; 64]).get(7).is_err());
    }
}
