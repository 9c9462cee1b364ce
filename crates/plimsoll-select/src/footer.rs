//! A look through a Parquet footer before it is read: how long its lists say they are, how deep its columns are nested.
//!
//! The reader behind it takes memory for what a list says of itself, and a level of the stack for each level of the
//! schema. So what is foreign is bounded here first.
//!
//! Source: Apache Thrift, "Thrift Compact protocol encoding"; parquet-format, `parquet.thrift`, `FileMetaData` and
//! `SchemaElement`.

/// Deepest nesting of thrift's structures; those of a footer are eight deep.
const MAX_LEVELS: usize = 24;
/// Deepest nesting of columns.
pub(crate) const MAX_COLUMN_DEPTH: usize = 64;
/// Most columns and groups of columns.
pub(crate) const MAX_SCHEMA_ELEMENTS: usize = 100_000;
/// The schema in `FileMetaData`, and the number of children in `SchemaElement`.
const SCHEMA: i16 = 2;
const CHILDREN: i16 = 5;

mod kind {
    pub(super) const STOP: u8 = 0;
    pub(super) const TRUE: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const BYTE: u8 = 3;
    pub(super) const I16: u8 = 4;
    pub(super) const I32: u8 = 5;
    pub(super) const I64: u8 = 6;
    pub(super) const DOUBLE: u8 = 7;
    pub(super) const BINARY: u8 = 8;
    pub(super) const LIST: u8 = 9;
    pub(super) const SET: u8 = 10;
    pub(super) const MAP: u8 = 11;
    pub(super) const STRUCT: u8 = 12;
}

type Looked<T> = Result<T, &'static str>;

/// Looks through a footer.
///
/// # Errors
///
/// What was expected.
pub(crate) fn check(footer: &[u8]) -> Looked<()> {
    let mut look = Look { bytes: footer, at: 0 };
    let mut schema = false;
    look.fields(MAX_LEVELS, &mut |look, field, kind| {
        if field != SCHEMA || kind != kind::LIST {
            return look.skip(kind, MAX_LEVELS);
        }
        schema = true;
        look.schema()
    })?;
    if schema { Ok(()) } else { Err("a list of columns in the footer") }
}

/// What the header of a page says, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Page {
    pub(crate) header: u64,
    pub(crate) unpacked: u64,
    /// After the header, with what is not compressed.
    pub(crate) packed: u64,
    /// In the second form of pages, the levels before the values, which are never compressed.
    pub(crate) plain: u64,
}

/// Reads the header of a page; `None` where it is none, which the reader behind it finds too.
///
/// Source: parquet-format, `parquet.thrift`, `PageHeader` and `DataPageHeaderV2`.
pub(crate) fn page(bytes: &[u8]) -> Option<Page> {
    let mut look = Look { bytes, at: 0 };
    let (mut unpacked, mut packed, mut plain) = (None, None, 0_i64);
    look.fields(MAX_LEVELS, &mut |look, field, kind| {
        match (field, kind) {
            (2, kind::I32) => unpacked = Some(look.number()?),
            (3, kind::I32) => packed = Some(look.number()?),
            (8, kind::STRUCT) => look.fields(MAX_LEVELS, &mut |look, field, kind| {
                if matches!((field, kind), (5 | 6, kind::I32)) {
                    plain = plain.saturating_add(look.number()?);
                    return Ok(());
                }
                look.skip(kind, MAX_LEVELS)
            })?,
            _ => look.skip(kind, MAX_LEVELS)?,
        }
        Ok(())
    })
    .ok()?;
    Some(Page {
        header: look.at as u64,
        unpacked: u64::try_from(unpacked?).ok()?,
        packed: u64::try_from(packed?).ok()?,
        plain: u64::try_from(plain).ok()?,
    })
}

struct Look<'f> {
    bytes: &'f [u8],
    at: usize,
}

impl Look<'_> {
    fn byte(&mut self) -> Looked<u8> {
        let byte = *self.bytes.get(self.at).ok_or("a footer that does not end in the middle")?;
        self.at += 1;
        Ok(byte)
    }

    fn varint(&mut self) -> Looked<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("numbers of at most ten bytes in the footer")
    }

    fn number(&mut self) -> Looked<i64> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    fn advance(&mut self, count: u64) -> Looked<()> {
        let left = self.bytes.len() - self.at;
        let count = usize::try_from(count).ok().filter(|count| *count <= left);
        self.at += count.ok_or("texts in the footer that end before it")?;
        Ok(())
    }

    /// Calls `visit` before the value of each field of a structure.
    fn fields(
        &mut self,
        levels: usize,
        visit: &mut dyn FnMut(&mut Self, i16, u8) -> Looked<()>,
    ) -> Looked<()> {
        if levels == 0 {
            return Err("fewer levels of nesting in the footer");
        }
        let mut last = 0_i16;
        loop {
            let head = self.byte()?;
            let kind = head & 0xf;
            if kind == kind::STOP {
                return Ok(());
            }
            let field = match head >> 4 {
                0 => i16::try_from(self.number()?)
                    .map_err(|_| "numbers of fields of two bytes in the footer")?,
                step => last.wrapping_add(i16::from(step)),
            };
            last = field;
            visit(self, field, kind)?;
        }
    }

    /// Kind and number of a list's elements, of which each takes a byte or more.
    fn list(&mut self) -> Looked<(u8, usize)> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        let left = self.bytes.len() - self.at;
        let count = usize::try_from(count).ok().filter(|count| *count <= left);
        Ok((head & 0xf, count.ok_or("lists in the footer that end before it")?))
    }

    fn skip(&mut self, kind: u8, levels: usize) -> Looked<()> {
        let Some(levels) = levels.checked_sub(1) else {
            return Err("fewer levels of nesting in the footer");
        };
        match kind {
            kind::TRUE | kind::FALSE => Ok(()),
            kind::BYTE => self.advance(1),
            kind::I16 | kind::I32 | kind::I64 => self.varint().map(|_| ()),
            kind::DOUBLE => self.advance(8),
            kind::BINARY => {
                let length = self.varint()?;
                self.advance(length)
            }
            kind::LIST | kind::SET => {
                let (kind, count) = self.list()?;
                for _ in 0..count {
                    // In a list a boolean takes a byte.
                    let kind = if matches!(kind, kind::TRUE | kind::FALSE) { kind::BYTE } else { kind };
                    self.skip(kind, levels)?;
                }
                Ok(())
            }
            kind::MAP => {
                let count = self.varint()?;
                if count == 0 {
                    return Ok(());
                }
                let kinds = self.byte()?;
                if count > self.bytes.len() as u64 {
                    return Err("maps in the footer that end before it");
                }
                for _ in 0..count {
                    self.skip(kinds >> 4, levels)?;
                    self.skip(kinds & 0xf, levels)?;
                }
                Ok(())
            }
            kind::STRUCT => self.fields(levels, &mut |look, _, kind| look.skip(kind, levels)),
            _ => Err("known kinds of values in the footer"),
        }
    }

    /// The columns and groups, each before those within it.
    fn schema(&mut self) -> Looked<()> {
        let (kind, count) = self.list()?;
        if kind != kind::STRUCT {
            return Err("a list of columns in the footer");
        }
        if count > MAX_SCHEMA_ELEMENTS {
            return Err("fewer columns");
        }
        // How many are still to come in each group that is open.
        let mut open: Vec<i64> = Vec::new();
        for _ in 0..count {
            let mut children = 0;
            self.fields(MAX_LEVELS, &mut |look, field, kind| {
                if field == CHILDREN && kind == kind::I32 {
                    children = look.number()?;
                    return Ok(());
                }
                look.skip(kind, MAX_LEVELS)
            })?;
            if children < 0 {
                return Err("numbers of columns from 0");
            }
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            if children > 0 {
                open.push(children);
            }
            while open.last() == Some(&0) {
                open.pop();
            }
            if open.len() > MAX_COLUMN_DEPTH {
                return Err("columns that are nested less deeply");
            }
        }
        if open.is_empty() { Ok(()) } else { Err("as many columns as their groups say") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A footer whose schema is these numbers of children.
    fn footer(children: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x15, 2, 0x19, 0xfc];
        let mut count = children.len();
        while count >= 0x80 {
            bytes.push(u8::try_from(count % 0x80).unwrap() | 0x80);
            count /= 0x80;
        }
        bytes.push(u8::try_from(count).unwrap());
        for number in children {
            // A name, and the number where it is one of a group.
            bytes.extend_from_slice(&[0x48, 1, b'x']);
            if *number > 0 {
                bytes.extend_from_slice(&[0x15, number << 1]);
            }
            bytes.push(0);
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn columns_are_bounded_in_number_and_depth() {
        assert_eq!(check(&footer(&[2, 0, 1, 0])), Ok(()));
        assert_eq!(check(&footer(&[2, 0])), Err("as many columns as their groups say"));
        let mut deep = vec![1; MAX_COLUMN_DEPTH];
        deep.push(0);
        assert_eq!(check(&footer(&deep)), Ok(()));
        deep.insert(0, 1);
        assert_eq!(check(&footer(&deep)), Err("columns that are nested less deeply"));
    }

    #[test]
    fn headers_of_pages_say_their_sizes() {
        // A data page of 300 bytes, 100 of them packed; then one of the second form with 3 and 4 bytes of levels.
        let first = [0x15, 0, 0x15, 0xd8, 4, 0x15, 0xc8, 1, 0x2c, 0x15, 2, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0];
        let page = Page { header: 19, unpacked: 300, packed: 100, plain: 0 };
        assert_eq!(super::page(&first), Some(page));
        let second = [
            0x15, 6, 0x15, 0xd8, 4, 0x15, 0xc8, 1, 0x5c, 0x15, 2, 0x15, 0, 0x15, 2, 0x15, 0, 0x15, 6, 0x15,
            8, 0, 0, 9,
        ];
        let page = Page { header: 23, plain: 7, ..page };
        assert_eq!(super::page(&second), Some(page));
        for length in 0..first.len() {
            assert_eq!(super::page(&first[..length]), None);
        }
        assert_eq!(super::page(&[0x15, 0, 0x15, 1, 0x15, 2, 0]), None, "fewer bytes than none");
        assert_eq!(super::page(&[0x1c; 1_000]), None);
    }

    #[test]
    fn lists_are_as_long_as_the_bytes_allow() {
        // A schema, and a list of row groups, of two thousand million each.
        for field in [0x29, 0x49] {
            let bytes = [field, 0xfc, 0xff, 0xff, 0xff, 0xff, 7, 0];
            assert_eq!(check(&bytes), Err("lists in the footer that end before it"));
        }
        assert!(check(&[]).is_err());
        assert!(check(&[0]).is_err());
        assert!(check(&[0x1c; 1_000]).is_err());
        let whole = footer(&[1, 0]);
        for length in 0..whole.len() {
            assert!(check(&whole[..length]).is_err(), "{length}");
        }
    }
}
