//! Writing and reading of the primitives: varints and texts. Reading checks every bound.

use plimsoll_model::{LookupError, Rating, RatingScale, Severity};

/// Items that a list reserves room for before they were read: their number is foreign.
pub(crate) const MAX_RESERVE: usize = 64;
/// Tags of a severity scale; words have the numbers before.
pub(crate) const TAG_CVSS: u8 = 6;
pub(crate) const TAG_SCORE: u8 = 7;

/// Bytes that grow.
pub(crate) trait Put {
    fn put_varint(&mut self, number: u64);
    fn put_text(&mut self, text: &str);
    fn put_count(&mut self, count: usize) {
        self.put_varint(count as u64);
    }
    fn put_rating(&mut self, rating: &Rating, put_string: impl FnMut(&mut Self, &str));
}

impl Put for Vec<u8> {
    #[expect(clippy::cast_possible_truncation, reason = "seven bits at a time")]
    fn put_varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.push(number as u8);
    }

    fn put_text(&mut self, text: &str) {
        self.put_count(text.len());
        self.extend_from_slice(text.as_bytes());
    }

    /// A rating, its strings in the way of the section it stands in.
    fn put_rating(&mut self, rating: &Rating, mut put_string: impl FnMut(&mut Self, &str)) {
        put_string(self, &rating.source);
        match &rating.scale {
            RatingScale::Word(severity) => self.push(word_tag(*severity)),
            RatingScale::Cvss(vector) => {
                self.push(TAG_CVSS);
                put_string(self, vector);
            }
            RatingScale::Score(score) => {
                self.push(TAG_SCORE);
                self.push(*score);
            }
        }
    }
}

fn word_tag(severity: Severity) -> u8 {
    match severity {
        Severity::Unknown => 0,
        Severity::Negligible => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

/// A position in foreign bytes. Reading never panics and never allocates by a length that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    part: &'static str,
}

impl<'a> Reader<'a> {
    /// `part` names the bytes in errors.
    pub(crate) fn new(bytes: &'a [u8], part: &'static str) -> Self {
        Self { bytes, part }
    }

    /// The bytes from `offset` on.
    pub(crate) fn at(bytes: &'a [u8], offset: u64, part: &'static str) -> Result<Self, LookupError> {
        let bytes = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..));
        bytes.map(|bytes| Self { bytes, part }).ok_or_else(|| damaged(part, "an offset inside of it"))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    #[cold]
    pub(crate) fn damaged(&self, expected: &str) -> LookupError {
        damaged(self.part, expected)
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, LookupError> {
        let (&first, rest) = self.bytes.split_first().ok_or_else(|| self.damaged("one more byte"))?;
        self.bytes = rest;
        Ok(first)
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, LookupError> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut number = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.damaged("a number of at most 64 bits"))
    }

    pub(crate) fn number(&mut self) -> Result<u32, LookupError> {
        let number = self.varint()?;
        u32::try_from(number).map_err(|_| self.damaged("a number of at most 32 bits"))
    }

    #[inline]
    pub(crate) fn take(&mut self, length: u64) -> Result<&'a [u8], LookupError> {
        let split = usize::try_from(length).ok().and_then(|length| self.bytes.split_at_checked(length));
        let (taken, rest) = split.ok_or_else(|| self.damaged("a length inside of it"))?;
        self.bytes = rest;
        Ok(taken)
    }

    /// Bytes with their length in front.
    #[inline]
    pub(crate) fn sized(&mut self) -> Result<&'a [u8], LookupError> {
        let length = self.varint()?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, LookupError> {
        let bytes = self.sized()?;
        std::str::from_utf8(bytes).map_err(|_| self.damaged("UTF-8 text"))
    }

    /// How many things follow, each of which takes at least one byte: which bounds it by what is there.
    pub(crate) fn count(&mut self) -> Result<usize, LookupError> {
        let count = self.varint()?;
        match usize::try_from(count) {
            Ok(count) if count <= self.bytes.len() => Ok(count),
            _ => Err(self.damaged("no more items than bytes")),
        }
    }

    pub(crate) fn rating<'s>(
        &mut self,
        mut string: impl FnMut(&mut Self) -> Result<&'s str, LookupError>,
    ) -> Result<Rating, LookupError> {
        let source = string(self)?.to_owned();
        let scale = match self.byte()? {
            0 => RatingScale::Word(Severity::Unknown),
            1 => RatingScale::Word(Severity::Negligible),
            2 => RatingScale::Word(Severity::Low),
            3 => RatingScale::Word(Severity::Medium),
            4 => RatingScale::Word(Severity::High),
            5 => RatingScale::Word(Severity::Critical),
            TAG_CVSS => RatingScale::Cvss(string(self)?.to_owned()),
            TAG_SCORE => RatingScale::Score(self.byte()?),
            _ => return Err(self.damaged("a scale from 0 to 7")),
        };
        Ok(Rating { source, scale })
    }
}

#[cold]
pub(crate) fn damaged(part: &str, expected: &str) -> LookupError {
    LookupError { reason: format!("expected {expected} in section `{part}`, found damaged data") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_read() {
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        let mut bytes = Vec::new();
        for number in numbers {
            bytes.put_varint(number);
        }
        bytes.put_text("é");
        let mut reader = Reader::new(&bytes, "test");
        for number in numbers {
            assert_eq!(reader.varint(), Ok(number));
        }
        assert_eq!(reader.text(), Ok("é"));
        assert!(reader.is_empty());
        assert!(reader.byte().is_err());
    }

    #[test]
    fn lengths_are_not_believed() {
        let mut bytes = Vec::new();
        bytes.put_varint(u64::MAX);
        bytes.push(b'x');
        let reader = Reader::new(&bytes, "test");
        assert!(reader.clone().text().is_err());
        assert!(reader.clone().count().is_err());
        assert!(reader.clone().number().is_err());
        assert!(Reader::at(&bytes, 100, "test").is_err());
        assert!(Reader::new(&[0xff; 20], "test").varint().is_err());
        assert!(Reader::new(&[1, 0xff], "test").text().is_err());
    }
}
