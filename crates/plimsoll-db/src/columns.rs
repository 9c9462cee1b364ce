//! Another order of a block's bytes, which packs better: like beside like.
//!
//! A block as it is read has record behind record. Here all IDs come first, then all dates, versions, links, words: zstd
//! then finds what repeats close by. It is a step of the packing alone: a block's digest is that of its records in
//! their own order, and what cannot be put in columns without loss is packed as it is.
//!
//! The form: a byte 0, which no block of records begins with, as it has at least one origin; then its columns in their
//! order, each with a varint length in front. Columns of texts stand in the same form apart from the rest, without the
//! byte; where all of them are empty, nothing stands there. Which value goes to which column follows from walking a
//! record, in [`walk`].

use plimsoll_model::{LookupError, Reference, Texts};

use crate::block::{MAX_BLOCK_BYTES, PART};
use crate::bytes::{Put as _, Reader, damaged};
use crate::record::{Kind, TEXTS_ELSEWHERE};

/// What a block in columns begins with.
pub(crate) const MARK: u8 = 0;

/// Columns there are: of each kind of value its numbers, and behind it the bytes of its texts.
const COLUMNS: usize = 2 * KINDS;
const KINDS: usize = 27;

// Kinds of values.
const ORIGINS: usize = 0;
const RECORD: usize = 1;
const PUBLISHED: usize = 2;
const ID: usize = 3;
const MODIFIED: usize = 4;
/// Aliases, upstream, related, weaknesses.
const LISTS: usize = 5;
const INFORMATIONAL: usize = 9;
const RATINGS: usize = 10;
const RATING_SOURCE: usize = 11;
const VECTOR: usize = 12;
const LINK_KIND: usize = 13;
const LINK: usize = 14;
const SUMMARY: usize = 15;
const DETAILS: usize = 16;
const PACKAGES: usize = 17;
const ECOSYSTEM: usize = 18;
const RELEASE: usize = 19;
const NAME: usize = 20;
const NOTE: usize = 21;
const MODULE: usize = 22;
const RANGES: usize = 23;
const EVENTS: usize = 24;
const VERSION: usize = 25;
const LISTED: usize = 26;

/// Whether values of that kind are texts, which stand apart. None of them may be like a value of another kind.
fn is_text(kind: usize) -> bool {
    matches!(kind, LINK_KIND | LINK | SUMMARY | DETAILS)
}

/// A block in columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) first: Vec<u8>,
    /// May be empty.
    pub(crate) texts: Vec<u8>,
}

/// How a text is written where it is likely to be another one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Like {
    /// No other.
    None,
    /// The front of the one before it in its column.
    Before,
    /// The record's ID behind its first dash, as Ubuntu's name a CVE.
    Id,
}

/// The values of records, taken from one form and put into the other.
trait Walk {
    fn byte(&mut self, kind: usize) -> Result<u8, LookupError>;
    fn number(&mut self, kind: usize) -> Result<u64, LookupError>;
    fn text(&mut self, kind: usize, like: Like) -> Result<(), LookupError>;
    /// All that is left of a record of a fact, in [`RECORD`].
    fn rest(&mut self) -> Result<(), LookupError>;
}

/// One record.
fn walk(out: &mut impl Walk) -> Result<(), LookupError> {
    let kind = Kind::of(out.byte(RECORD)?).ok_or_else(|| damaged(PART, "a kind of record from 0 to 4"))?;
    out.text(PUBLISHED, Like::Before)?;
    out.text(ID, Like::Before)?;
    if !kind.is_document() {
        return out.rest();
    }
    let mut texts_elsewhere = false;
    if kind == Kind::Advisory {
        texts_elsewhere = out.byte(RECORD)? == TEXTS_ELSEWHERE;
    }
    out.text(MODIFIED, Like::Before)?;
    if kind == Kind::Advisory {
        for list in 0..4 {
            for _ in 0..out.number(LISTS + list)? {
                out.text(LISTS + list, Like::Id)?;
            }
        }
        out.text(INFORMATIONAL, Like::None)?;
        ratings(out)?;
    }
    if !texts_elsewhere {
        for _ in 0..out.number(LINK_KIND)? {
            out.text(LINK_KIND, Like::None)?;
            out.text(LINK, Like::Before)?;
        }
        out.text(SUMMARY, Like::None)?;
        out.text(DETAILS, Like::None)?;
    }
    if kind == Kind::Texts {
        return Ok(());
    }
    for _ in 0..out.number(PACKAGES)? {
        out.text(ECOSYSTEM, Like::Before)?;
        out.text(RELEASE, Like::Before)?;
        out.text(NAME, Like::Before)?;
        out.byte(PACKAGES)?;
        out.text(NOTE, Like::None)?;
        out.text(MODULE, Like::None)?;
        for _ in 0..out.number(RANGES)? {
            for _ in 0..out.number(RANGES)? {
                out.byte(EVENTS)?;
                out.text(VERSION, Like::Before)?;
            }
        }
        for _ in 0..out.number(LISTED)? {
            out.text(LISTED, Like::Before)?;
        }
        ratings(out)?;
    }
    Ok(())
}

fn ratings(out: &mut impl Walk) -> Result<(), LookupError> {
    for _ in 0..out.number(RATINGS)? {
        out.text(RATING_SOURCE, Like::None)?;
        match out.byte(RATINGS)? {
            crate::bytes::TAG_CVSS => out.text(VECTOR, Like::None)?,
            crate::bytes::TAG_SCORE => drop(out.byte(RATINGS)?),
            _ => {}
        }
    }
    Ok(())
}

/// The texts that others are like.
struct Seen {
    before: Vec<Vec<u8>>,
}

impl Seen {
    fn new() -> Self {
        Self { before: vec![Vec::new(); KINDS] }
    }

    /// What stands in the ID of the record behind its first dash.
    fn id(&self) -> &[u8] {
        let id = &self.before[ID];
        id.iter().position(|&byte| byte == b'-').map_or(&[], |dash| &id[dash + 1..])
    }
}

/// From records to columns.
struct Shred<'a> {
    record: Reader<'a>,
    columns: Vec<Vec<u8>>,
    seen: Seen,
}

impl Walk for Shred<'_> {
    fn byte(&mut self, kind: usize) -> Result<u8, LookupError> {
        let byte = self.record.byte()?;
        self.columns[2 * kind].push(byte);
        Ok(byte)
    }

    fn number(&mut self, kind: usize) -> Result<u64, LookupError> {
        let number = self.record.varint()?;
        self.columns[2 * kind].put_varint(number);
        Ok(number)
    }

    fn text(&mut self, kind: usize, like: Like) -> Result<(), LookupError> {
        let text = self.record.sized()?;
        let mut rest = text;
        match like {
            Like::None => {}
            Like::Before => {
                let before = &mut self.seen.before[kind];
                let shared = before.iter().zip(text).take_while(|(one, two)| one == two).count();
                self.columns[2 * kind].put_count(shared);
                rest = &text[shared..];
                before.truncate(shared);
                before.extend_from_slice(rest);
            }
            Like::Id => {
                let is_id = text == self.seen.id();
                self.columns[2 * kind].push(u8::from(is_id));
                if is_id {
                    return Ok(());
                }
            }
        }
        self.columns[2 * kind].put_count(rest.len());
        self.columns[2 * kind + 1].extend_from_slice(rest);
        Ok(())
    }

    fn rest(&mut self) -> Result<(), LookupError> {
        let rest = self.record.rest();
        self.columns[2 * RECORD].put_count(rest.len());
        self.columns[2 * RECORD + 1].extend_from_slice(rest);
        self.record.take(rest.len() as u64).map(drop)
    }
}

/// From columns to one record.
struct Join<'a> {
    columns: Vec<Reader<'a>>,
    record: Vec<u8>,
    /// Bytes that the record may still have.
    room: usize,
    seen: Seen,
}

impl<'a> Join<'a> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), LookupError> {
        let left = self.room.checked_sub(bytes.len());
        self.room = left.ok_or_else(|| damaged(PART, "at most 64 MiB in columns"))?;
        self.record.extend_from_slice(bytes);
        Ok(())
    }

    fn count(&mut self, kind: usize) -> Result<usize, LookupError> {
        let column = &mut self.columns[2 * kind];
        usize::try_from(column.varint()?).map_err(|_| column.damaged("a number of bytes"))
    }

    /// The bytes of a text, whose length is the next number.
    fn taken(&mut self, kind: usize) -> Result<&'a [u8], LookupError> {
        let length = self.columns[2 * kind].varint()?;
        self.columns[2 * kind + 1].take(length)
    }
}

impl Walk for Join<'_> {
    fn byte(&mut self, kind: usize) -> Result<u8, LookupError> {
        let byte = self.columns[2 * kind].byte()?;
        self.put(&[byte])?;
        Ok(byte)
    }

    fn number(&mut self, kind: usize) -> Result<u64, LookupError> {
        let number = self.columns[2 * kind].varint()?;
        self.record.put_varint(number);
        self.put(&[])?;
        Ok(number)
    }

    fn text(&mut self, kind: usize, like: Like) -> Result<(), LookupError> {
        match like {
            Like::None => {
                let text = self.taken(kind)?;
                self.record.put_count(text.len());
                self.put(text)
            }
            Like::Before => {
                let shared = self.count(kind)?;
                let rest = self.taken(kind)?;
                let mut text = std::mem::take(&mut self.seen.before[kind]);
                if shared > text.len() || shared + rest.len() > MAX_BLOCK_BYTES {
                    return Err(damaged(PART, "no more in common than there was"));
                }
                text.truncate(shared);
                text.extend_from_slice(rest);
                self.record.put_count(text.len());
                self.put(&text)?;
                self.seen.before[kind] = text;
                Ok(())
            }
            Like::Id => match self.columns[2 * kind].byte()? {
                0 => {
                    let text = self.taken(kind)?;
                    self.record.put_count(text.len());
                    self.put(text)
                }
                1 => {
                    let text = self.seen.id().to_vec();
                    self.record.put_count(text.len());
                    self.put(&text)
                }
                _ => Err(damaged(PART, "a mark of 0 or 1")),
            },
        }
    }

    fn rest(&mut self) -> Result<(), LookupError> {
        let rest = self.taken(RECORD)?;
        self.put(rest)
    }
}

/// A block in columns, if it can be had back from them byte for byte.
pub(crate) fn shred(block: &[u8]) -> Option<Columns> {
    let columns = shredded(block).ok()?;
    let same = join(&columns.first, &columns.texts).is_ok_and(|joined| joined == block);
    same.then_some(columns)
}

fn shredded(block: &[u8]) -> Result<Columns, LookupError> {
    let mut reader = Reader::new(block, PART);
    let origins = reader.count()?;
    for _ in 0..origins {
        reader.sized()?;
        reader.sized()?;
    }
    let records = reader.count()?;
    let front = &block[..block.len() - reader.rest().len()];
    let mut shred =
        Shred { record: Reader::new(&[], PART), columns: vec![Vec::new(); COLUMNS], seen: Seen::new() };
    shred.columns[2 * ORIGINS + 1].extend_from_slice(front);
    for _ in 0..records {
        shred.columns[2 * ORIGINS].put_varint(reader.varint()?);
        shred.record = Reader::new(reader.sized()?, PART);
        walk(&mut shred)?;
        if !shred.record.is_empty() {
            return Err(shred.record.damaged("nothing behind a record"));
        }
    }
    let mut out = Columns { first: Vec::with_capacity(block.len() + 2 * COLUMNS), texts: Vec::new() };
    out.first.push(MARK);
    let numbered = || shred.columns.iter().enumerate().map(|(number, column)| (is_text(number / 2), column));
    let has_texts = numbered().any(|(is_text, column)| is_text && !column.is_empty());
    for (is_text, column) in numbered().filter(|(is_text, _)| has_texts || !is_text) {
        let out = if is_text { &mut out.texts } else { &mut out.first };
        out.put_count(column.len());
        out.extend_from_slice(column);
    }
    Ok(out)
}

/// The block of these columns, from anywhere.
pub(crate) fn join(first: &[u8], texts: &[u8]) -> Result<Vec<u8>, LookupError> {
    let length = first.len() + texts.len();
    let has_texts = !texts.is_empty();
    let (mut first, mut texts) = (Reader::new(first, PART), Reader::new(texts, PART));
    if first.byte()? != MARK {
        return Err(first.damaged("a block in columns"));
    }
    let mut split = Vec::with_capacity(COLUMNS);
    for number in 0..COLUMNS {
        let column = match is_text(number / 2) {
            true if has_texts => texts.sized()?,
            true => &[],
            false => first.sized()?,
        };
        split.push(Reader::new(column, PART));
    }
    if !first.is_empty() || !texts.is_empty() {
        return Err(first.damaged("nothing behind the columns"));
    }
    let front = split[2 * ORIGINS + 1].rest();
    let mut reader = Reader::new(front, PART);
    for _ in 0..reader.count()? {
        reader.sized()?;
        reader.sized()?;
    }
    let records = reader.varint()?;
    let mut block = Vec::with_capacity(2 * length);
    block.extend_from_slice(front);
    let mut join = Join {
        columns: split,
        record: Vec::new(),
        room: MAX_BLOCK_BYTES - front.len().min(MAX_BLOCK_BYTES),
        seen: Seen::new(),
    };
    for _ in 0..records {
        block.put_varint(join.columns[2 * ORIGINS].varint()?);
        join.record.clear();
        walk(&mut join)?;
        block.put_count(join.record.len());
        block.extend_from_slice(&join.record);
    }
    if join.columns.iter().enumerate().any(|(column, left)| column != 2 * ORIGINS + 1 && !left.is_empty()) {
        return Err(damaged(PART, "nothing that is left in columns"));
    }
    Ok(block)
}

/// The texts of one record, from the columns of texts alone, from anywhere: those before it are passed over.
pub(crate) fn texts(columns: &[u8], record: usize) -> Result<Texts, LookupError> {
    let mut reader = Reader::new(columns, PART);
    // In the order of their numbers.
    let mut column = || -> Result<TextColumn<'_>, LookupError> {
        let (numbers, bytes) = (reader.sized()?, reader.sized()?);
        Ok(TextColumn { numbers: Reader::new(numbers, PART), bytes: Reader::new(bytes, PART) })
    };
    let [mut kinds, mut links, mut summaries, mut details] = [column()?, column()?, column()?, column()?];
    // A link that is like the one before it has more bytes than it takes here.
    let mut room = MAX_BLOCK_BYTES;
    let mut link: Vec<u8> = Vec::new();
    for number in 0..=record {
        let is_wanted = number == record;
        let mut out = Texts::default();
        for _ in 0..kinds.numbers.varint()? {
            let kind = kinds.next()?;
            let shared = links.numbers.varint()?;
            let rest = links.next()?;
            let shared = usize::try_from(shared).ok().filter(|shared| *shared <= link.len());
            link.truncate(shared.ok_or_else(|| damaged(PART, "no more in common than there was"))?);
            link.extend_from_slice(rest);
            if is_wanted {
                let left = room.checked_sub(kind.len() + link.len());
                room = left.ok_or_else(|| damaged(PART, "links of at most 64 MiB"))?;
                out.references.push(Reference { kind: text(kind)?, url: text(&link)? });
            }
        }
        let (summary, details) = (summaries.next()?, details.next()?);
        if is_wanted {
            (out.summary, out.details) = (text(summary)?, text(details)?);
            return Ok(out);
        }
    }
    Err(damaged(PART, "as many records with texts"))
}

/// Numbers and bytes of a column of texts.
struct TextColumn<'a> {
    numbers: Reader<'a>,
    bytes: Reader<'a>,
}

impl<'a> TextColumn<'a> {
    fn next(&mut self) -> Result<&'a [u8], LookupError> {
        let length = self.numbers.varint()?;
        self.bytes.take(length)
    }
}

fn text(bytes: &[u8]) -> Result<String, LookupError> {
    let text = std::str::from_utf8(bytes).map_err(|_| damaged(PART, "UTF-8 text"))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{Advisory, Affected, Epss, Namespace, Rating, RatingScale, Reference};

    use super::*;
    use crate::record::{encode_advisory, encode_epss, encode_texts};

    fn block() -> Vec<u8> {
        let mut bodies = Vec::new();
        for number in 0..8 {
            let mut affected =
                Affected::new(Namespace::parse("Debian:12").unwrap(), format!("package-{}", number % 7));
            affected.versions = vec!["1.0".to_owned(), "1.1".to_owned()];
            let advisory = Advisory {
                id: format!("DEBIAN-CVE-2024-{number}"),
                published: format!("2024-01-{:02}T00:00:00Z", number + 1),
                upstream: vec![format!("CVE-2024-{number}"), "CVE-1999-1".to_owned()],
                ratings: vec![Rating { source: "s".to_owned(), scale: RatingScale::Score(70) }],
                references: vec![Reference {
                    kind: "WEB".to_owned(),
                    url: format!("https://e.example/{number}"),
                }],
                summary: "é".repeat(number),
                ..Advisory::default()
            };
            bodies.push(encode_advisory(&advisory, [affected].iter(), number % 2 == 0));
            bodies.push(encode_texts(&advisory));
            bodies.push(encode_epss(&advisory.id, Epss { probability: 1, percentile: 300 }));
        }
        let mut block = Vec::new();
        block.put_count(1);
        block.put_text("osv");
        block.put_text("Debian");
        block.put_count(bodies.len());
        for body in bodies {
            block.put_count(0);
            block.put_count(body.len());
            block.extend_from_slice(&body);
        }
        block
    }

    #[test]
    fn a_block_comes_back_from_its_columns() {
        let block = block();
        let Columns { first, texts } = shred(&block).unwrap();
        assert_eq!(first[0], MARK);
        assert!(first.len() + texts.len() < block.len());
        assert_eq!(join(&first, &texts).unwrap(), block);
    }

    #[test]
    fn texts_stand_apart_and_are_read_alone() {
        let Columns { first, texts: apart } = shred(&block()).unwrap();
        let find = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|found| found == text.as_bytes());
        assert!(find(&apart, "https://e.example/") && !find(&first, "https://e.example/"));
        assert!(find(&first, "package-") && !find(&apart, "package-"));
        // Of the records of one advisory in turn: its own texts stand elsewhere for an even number, its texts have them.
        let mut with_texts = Vec::new();
        for number in 0..8_usize {
            with_texts.extend(std::iter::repeat_n(number, 1 + number % 2));
        }
        for (record, number) in with_texts.iter().enumerate() {
            let found = texts(&apart, record).unwrap();
            assert_eq!(found.summary, "é".repeat(*number));
            assert_eq!(found.references[0].url, format!("https://e.example/{number}"));
            assert_eq!((found.references[0].kind.as_str(), found.references.len()), ("WEB", 1));
        }
        assert!(texts(&apart, with_texts.len()).is_err());
        assert!(texts(&[], 0).is_err());
        for end in 0..apart.len() {
            assert!(texts(&apart[..end], 0).is_err(), "{end}");
        }
        for place in 0..apart.len() {
            for byte in [0, 0x7f, 0xff] {
                let mut bytes = apart.clone();
                bytes[place] = byte;
                drop((texts(&bytes, 0), texts(&bytes, 11), join(&first, &bytes)));
            }
        }
    }

    #[test]
    fn links_that_are_all_like_the_first_are_bounded() {
        let mut numbers = [Vec::new(), Vec::new()];
        let long = 1 << 20;
        numbers[0].put_count(100);
        for link in 0..100 {
            numbers[0].put_count(0);
            numbers[1].put_count(if link == 0 { 0 } else { long });
            numbers[1].put_count(if link == 0 { long } else { 0 });
        }
        let mut columns = Vec::new();
        for column in [&numbers[0], &Vec::new(), &numbers[1], &vec![b'x'; long]] {
            columns.put_count(column.len());
            columns.extend_from_slice(column);
        }
        columns.extend([1, 0, 0, 1, 0, 0]);
        assert!(texts(&columns, 0).unwrap_err().reason.contains("links of at most 64 MiB"));
    }

    #[test]
    fn what_is_no_block_is_left_as_it_is() {
        let block = block();
        for end in 0..block.len() {
            assert!(shred(&block[..end]).is_none(), "{end}");
        }
        let mut longer = block.clone();
        longer.push(0);
        assert!(shred(&longer).is_none());
        // A number that is written longer than it needs would be lost.
        assert_eq!(block[0], 1);
        let long = [&[0x81, 0x00], &block[1..]].concat();
        assert!(shred(&long).is_none_or(|Columns { first, texts }| join(&first, &texts).unwrap() == long));
    }

    #[test]
    fn damaged_columns_are_refused_or_bounded() {
        let Columns { first, texts } = shred(&block()).unwrap();
        for end in 0..first.len() {
            assert!(join(&first[..end], &texts).is_err(), "{end}");
        }
        for end in 0..texts.len() {
            assert!(join(&first, &texts[..end]).is_err(), "{end}");
        }
        for place in 0..first.len() {
            for byte in [0, 0x7f, 0xff] {
                let mut bytes = first.clone();
                bytes[place] = byte;
                if let Ok(joined) = join(&bytes, &texts) {
                    assert!(joined.len() <= MAX_BLOCK_BYTES);
                }
            }
        }
    }
}
