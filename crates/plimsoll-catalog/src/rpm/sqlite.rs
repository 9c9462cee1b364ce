//! Read-only `SQLite`: the rows of one table, as far as the rpm database needs it.
//!
//! Only table b-trees are read: no index, no free list, no journal. Every page is used at most once, whether as
//! b-tree page or as overflow page, which bounds time and memory by the file's size and makes cycles harmless.
//!
//! Source: sqlite.org, "Database File Format", sections 1.3 (header), 1.6 (b-tree pages), 2.1 (records),
//! 2.6 (schema table), 4 (write-ahead log).

use std::io;

use plimsoll_archive::ReadAt;

use crate::ReadError;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Bytes of the file's header, which takes the start of page 1.
const HEADER_BYTES: usize = 100;

/// Largest file that is read, in bytes.
const MAX_DATABASE_BYTES: u64 = 4 << 30;

/// Largest row that is read, in bytes: what rpm allows for one header, and room for the other columns.
const MAX_ROW_BYTES: u64 = (256 << 20) + 4096;

const TABLE_INTERIOR: u8 = 0x05;
const TABLE_LEAF: u8 = 0x0d;

/// Frame header of a write-ahead log, in bytes, and its own header before the first of them.
const WAL_FRAME_HEADER_BYTES: u64 = 24;
const WAL_HEADER_BYTES: usize = 32;

/// Number of a page, from 1.
type PageNumber = u32;

/// An open database.
pub(super) struct Database<'a> {
    bytes: &'a dyn ReadAt,
    page_size: usize,
    /// Bytes of a page without those reserved for extensions at its end.
    usable: usize,
    /// Pages in the file, the last perhaps cut short.
    pages: u32,
    /// Pages that the header counts, where it counts.
    declared_pages: u32,
    used: Vec<u64>,
}

/// What walking a table meets.
pub(super) enum Met {
    /// One row: its columns as a record, see [`column`].
    Row { row_id: i64, record: Vec<u8> },
    /// A page or a row that cannot be read: which, and why. The walk goes on behind it.
    Damage(String),
}

/// A column's value.
#[derive(Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Integer(i64),
    /// A number that nothing here asks for.
    Real,
    Bytes(&'a [u8]),
}

impl<'a> Database<'a> {
    /// Reads the header.
    pub(super) fn open(bytes: &'a dyn ReadAt) -> Result<Self, ReadError> {
        let size = bytes.size();
        if size > MAX_DATABASE_BYTES {
            return Err(ReadError::TooLarge { size, limit: MAX_DATABASE_BYTES });
        }
        let mut header = [0; HEADER_BYTES];
        let length = bytes.read_at(&mut header, 0).map_err(io_error)?;
        if length < HEADER_BYTES || &header[..16] != MAGIC {
            let found =
                if size == 0 { "an empty file".to_owned() } else { format!("{size} bytes of another kind") };
            return Err(ReadError::malformed("an SQLite 3 database", found));
        }
        let page_size = match u16_at(&header, 16) {
            Some(1) => 65_536,
            Some(size) => usize::from(size),
            None => 0,
        };
        if !(512..=65_536).contains(&page_size) || !page_size.is_power_of_two() {
            return Err(ReadError::malformed(
                "a page size from 512 to 65536, a power of two",
                page_size.to_string(),
            ));
        }
        let usable = page_size - usize::from(header[20]);
        if usable < 480 {
            return Err(ReadError::malformed("at least 480 usable bytes a page", usable.to_string()));
        }
        let encoding = u32_at(&header, 56).unwrap_or(0);
        if encoding > 1 {
            return Err(ReadError::malformed("text encoding 1 (UTF-8)", encoding.to_string()));
        }
        // The header's count is only kept by versions of SQLite that also wrote the second change counter.
        let counted = u32_at(&header, 24) == u32_at(&header, 92);
        let declared_pages = if counted { u32_at(&header, 28).unwrap_or(0) } else { 0 };
        let pages =
            u32::try_from(size.div_ceil(page_size as u64)).expect("4 GiB hold less than 2^32 pages of 512");
        let used = vec![0; pages as usize / 64 + 1];
        Ok(Self { bytes, page_size, usable, pages, declared_pages, used })
    }

    /// What the header says of the file's length, where that is not so.
    pub(super) fn missing_pages(&self) -> Option<String> {
        let whole = self.bytes.size() / self.page_size as u64;
        (u64::from(self.declared_pages) > whole).then(|| {
            format!("expected {} pages of {} bytes, found {whole}", self.declared_pages, self.page_size)
        })
    }

    /// The root page of a table. Damage of the schema is told to `damage`.
    pub(super) fn table_root(&mut self, table: &str, damage: &mut dyn FnMut(String)) -> Option<PageNumber> {
        let mut root = None;
        self.rows(1, &mut |met| match met {
            Met::Damage(reason) => damage(reason),
            Met::Row { record, .. } => {
                let is = |index, text: &str| column(&record, index) == Some(Value::Bytes(text.as_bytes()));
                if root.is_none()
                    && is(0, "table")
                    && is(1, table)
                    && let Some(Value::Integer(number)) = column(&record, 3)
                {
                    root = u32::try_from(number).ok();
                }
            }
        });
        root
    }

    /// Walks the rows of the table with that root page, in the order of their row IDs.
    pub(super) fn rows(&mut self, root: PageNumber, visit: &mut dyn FnMut(Met)) {
        let mut stack = vec![root];
        let mut page = vec![0; self.page_size];
        while let Some(number) = stack.pop() {
            if let Err(reason) = self.walk_page(number, &mut page, &mut stack, visit) {
                visit(Met::Damage(format!("page {number}: {reason}")));
            }
        }
    }

    fn walk_page(
        &mut self,
        number: PageNumber,
        page: &mut [u8],
        stack: &mut Vec<PageNumber>,
        visit: &mut dyn FnMut(Met),
    ) -> Result<(), String> {
        self.read_page(number, page)?;
        let page = &page[..self.usable];
        let header = if number == 1 { HEADER_BYTES } else { 0 };
        let cut = "expected a whole b-tree page, found its end";
        let kind = *page.get(header).ok_or(cut)?;
        let cells = usize::from(u16_at(page, header + 3).ok_or(cut)?);
        let pointers = header + if kind == TABLE_INTERIOR { 12 } else { 8 };
        let pointers = page
            .get(pointers..pointers + 2 * cells)
            .ok_or_else(|| format!("expected a b-tree page, found {cells} cells in {} bytes", self.usable));
        match kind {
            TABLE_LEAF => {
                // Cells that share bytes would make a small file give any number of rows.
                let mut free = self.usable;
                for pointer in pointers?.chunks_exact(2) {
                    let place = usize::from(u16::from_be_bytes([pointer[0], pointer[1]]));
                    match self.row(page, place, &mut free) {
                        Ok((row_id, record)) => visit(Met::Row { row_id, record }),
                        Err(reason) => {
                            visit(Met::Damage(format!("page {number}, cell at {place}: {reason}")));
                        }
                    }
                    if free == 0 {
                        return Err("expected cells beside each other, found them over each other".to_owned());
                    }
                }
                Ok(())
            }
            TABLE_INTERIOR => {
                // The stack gives the last child first; the right-most is the last of all.
                stack.push(u32_at(page, header + 8).ok_or(cut)?);
                for pointer in pointers?.chunks_exact(2).rev() {
                    let place = usize::from(u16::from_be_bytes([pointer[0], pointer[1]]));
                    match u32_at(page, place) {
                        Some(child) => stack.push(child),
                        None => visit(Met::Damage(format!("page {number}: cell {place} lies outside of it"))),
                    }
                }
                Ok(())
            }
            kind => Err(format!("expected a page of a table (5 or 13), found kind {kind}")),
        }
    }

    /// The cell of a leaf: payload length, row ID, payload, and where that does not fit its first overflow page.
    /// What it takes of the page goes off `free`.
    fn row(&mut self, page: &[u8], place: usize, free: &mut usize) -> Result<(i64, Vec<u8>), String> {
        let cut = "expected a whole cell, found the page's end";
        let cell = page.get(place..).ok_or(cut)?;
        let (length, size) = varint(cell).ok_or(cut)?;
        let cell = &cell[size..];
        let (row_id, size) = varint(cell).ok_or(cut)?;
        let cell = &cell[size..];
        let length = u64::try_from(length)
            .ok()
            .filter(|&length| length <= MAX_ROW_BYTES && length <= self.bytes.size())
            .and_then(|length| usize::try_from(length).ok())
            .ok_or_else(|| format!("expected a row that fits into the file, found {length} bytes"))?;
        let local = self.local_bytes(length);
        *free = free.saturating_sub(local + 2);
        let mut record = cell.get(..local).ok_or(cut)?.to_vec();
        if local < length {
            let mut next = u32_at(cell, local).ok_or(cut)?;
            let mut overflow = vec![0; self.page_size];
            while record.len() < length {
                self.read_page(next, &mut overflow)
                    .map_err(|reason| format!("overflow page {next}: {reason}"))?;
                let content = &overflow[4..self.usable];
                record.extend_from_slice(&content[..content.len().min(length - record.len())]);
                next = u32_at(&overflow, 0).expect("a page has at least 512 bytes");
            }
        }
        Ok((row_id, record))
    }

    /// How much of a payload lies in its leaf.
    ///
    /// Source: "Database File Format", 1.6, "table b-tree leaf cell".
    fn local_bytes(&self, length: usize) -> usize {
        let most = self.usable - 35;
        if length <= most {
            return length;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let local = least + (length - least) % (self.usable - 4);
        if local <= most { local } else { least }
    }

    fn read_page(&mut self, number: PageNumber, page: &mut [u8]) -> Result<(), String> {
        if number == 0 || number > self.pages {
            return Err(format!("expected one of the file's {} pages, found number {number}", self.pages));
        }
        let (word, bit) = (number as usize / 64, 1 << (number % 64));
        // The schema's pages are walked to find a table, and never again.
        if self.used[word] & bit != 0 {
            return Err("expected a page that nothing else uses, found it twice".to_owned());
        }
        self.used[word] |= bit;
        let offset = u64::from(number - 1) * self.page_size as u64;
        let length = self.bytes.read_at(page, offset).map_err(|error| error.to_string())?;
        if length < self.page_size {
            return Err(format!(
                "expected {} bytes, found {length} before the end of the file",
                self.page_size
            ));
        }
        Ok(())
    }
}

/// The value of a record's column, the first being 0. `None` where the record has no such column, or is damaged.
pub(super) fn column(record: &[u8], index: usize) -> Option<Value<'_>> {
    let (header_size, size) = varint(record)?;
    let header_size = usize::try_from(header_size).ok()?;
    let mut types = record.get(size..header_size)?;
    let mut place = header_size;
    for _ in 0..index {
        let (serial, size) = varint(types)?;
        types = &types[size..];
        place = place.checked_add(content_bytes(serial)?)?;
    }
    let (serial, _) = varint(types)?;
    let content = record.get(place..place.checked_add(content_bytes(serial)?)?)?;
    Some(match serial {
        0 => Value::Null,
        1..=6 => Value::Integer(integer(content)),
        7 => Value::Real,
        8 => Value::Integer(0),
        9 => Value::Integer(1),
        _ => Value::Bytes(content),
    })
}

/// Bytes of a value by its serial type.
fn content_bytes(serial: i64) -> Option<usize> {
    match serial {
        0 | 8 | 9 => Some(0),
        1..=4 => usize::try_from(serial).ok(),
        5 => Some(6),
        6 | 7 => Some(8),
        // Blobs are even, texts odd: (N-12)/2 and (N-13)/2.
        12.. => usize::try_from((serial - 12) / 2).ok(),
        _ => None,
    }
}

/// A signed big-endian number of up to eight bytes.
fn integer(content: &[u8]) -> i64 {
    let negative = content.first().is_some_and(|&byte| byte >= 0x80);
    content.iter().fold(if negative { -1 } else { 0 }, |value: i64, &byte| (value << 8) | i64::from(byte))
}

/// A variable-length number of up to nine bytes, and how many they were.
fn varint(bytes: &[u8]) -> Option<(i64, usize)> {
    let mut value: u64 = 0;
    for (index, &byte) in bytes.iter().take(8).enumerate() {
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value.cast_signed(), index + 1));
        }
    }
    let &last = bytes.get(8)?;
    Some((((value << 8) | u64::from(last)).cast_signed(), 9))
}

fn u16_at(bytes: &[u8], place: usize) -> Option<u16> {
    bytes.get(place..)?.first_chunk().map(|chunk| u16::from_be_bytes(*chunk))
}

fn u32_at(bytes: &[u8], place: usize) -> Option<u32> {
    bytes.get(place..)?.first_chunk().map(|chunk| u32::from_be_bytes(*chunk))
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function for `map_err`")]
fn io_error(error: io::Error) -> ReadError {
    ReadError::Io(error.to_string())
}

/// Number of pages that a write-ahead log holds, whether or not the database has them by now. A log that was reset
/// keeps its bytes under another salt, and holds none.
pub(super) fn logged_pages(log: &dyn ReadAt) -> Result<u64, ReadError> {
    if log.size() == 0 {
        return Ok(0);
    }
    let mut header = [0; WAL_HEADER_BYTES];
    let length = log.read_at(&mut header, 0).map_err(io_error)?;
    let page_size = u32_at(&header, 8).unwrap_or(0);
    // The last bit of the magic number says in which byte order the checksums are.
    let is_log =
        length == WAL_HEADER_BYTES && u32_at(&header, 0).map(|magic| magic & !1) == Some(0x377f_0682);
    if !is_log || page_size < 512 {
        return Err(ReadError::malformed(
            "a write-ahead log of SQLite",
            format!("{} bytes of another kind", log.size()),
        ));
    }
    let frame_bytes = WAL_FRAME_HEADER_BYTES + u64::from(page_size);
    let frames = (log.size() - WAL_HEADER_BYTES as u64) / frame_bytes;
    let mut frame = [0; 16];
    for index in 0..frames {
        let length =
            log.read_at(&mut frame, WAL_HEADER_BYTES as u64 + index * frame_bytes).map_err(io_error)?;
        if length < frame.len() || frame[8..16] != header[16..24] {
            return Ok(index);
        }
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGES_OF_512: &[u8] = include_bytes!("../../testdata/rpm/harbour-512.sqlite");

    /// The rows of table `Packages` as `row_id:record bytes`, and the damage.
    fn walk(bytes: &[u8]) -> (Vec<(i64, usize)>, Vec<String>) {
        let (mut rows, mut damage) = (Vec::new(), Vec::new());
        let bytes = bytes.to_vec();
        let mut database = match Database::open(&bytes) {
            Ok(database) => database,
            Err(error) => return (rows, vec![error.to_string()]),
        };
        damage.extend(database.missing_pages());
        let Some(root) = database.table_root("Packages", &mut |reason| damage.push(reason)) else {
            damage.push("no table".to_owned());
            return (rows, damage);
        };
        database.rows(root, &mut |met| match met {
            Met::Row { row_id, record } => rows.push((row_id, record.len())),
            Met::Damage(reason) => damage.push(reason),
        });
        (rows, damage)
    }

    fn changed(change: impl FnOnce(&mut Vec<u8>)) -> (Vec<(i64, usize)>, Vec<String>) {
        let mut bytes = PAGES_OF_512.to_vec();
        change(&mut bytes);
        walk(&bytes)
    }

    /// Root page of `Packages`.
    fn root() -> usize {
        let bytes = PAGES_OF_512.to_vec();
        let mut database = Database::open(&bytes).unwrap();
        database.table_root("Packages", &mut |reason| panic!("{reason}")).unwrap() as usize
    }

    #[test]
    fn rows_are_read_over_their_overflow_pages() {
        let (rows, damage) = walk(PAGES_OF_512);
        assert_eq!(damage, [""; 0]);
        assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
        assert!(rows.iter().all(|row| row.1 > 512), "{rows:?}");
    }

    #[test]
    fn every_cut_is_told_and_none_panics() {
        let whole = walk(PAGES_OF_512).0;
        for length in (0..PAGES_OF_512.len()).step_by(97).chain((0..PAGES_OF_512.len()).step_by(512)) {
            let (rows, damage) = walk(&PAGES_OF_512[..length]);
            assert!(!damage.is_empty(), "{length}");
            assert!(rows.iter().all(|row| whole.contains(row)), "{length}");
        }
    }

    #[test]
    fn no_changed_byte_panics() {
        // The header, the schema's first page and the table's root in full, the rest in samples.
        let root = root();
        let places =
            (0..512).chain((root - 1) * 512..root * 512).chain((512..PAGES_OF_512.len()).step_by(211));
        for place in places {
            for value in [0x00, 0x05, 0x7f, 0xff] {
                changed(|bytes| bytes[place] = value);
            }
        }
    }

    #[test]
    fn a_page_that_is_its_own_child_is_read_once() {
        let root = root();
        let (_, damage) = changed(|bytes| {
            let page = &mut bytes[(root - 1) * 512..root * 512];
            page[0] = TABLE_INTERIOR;
            page[8..12].copy_from_slice(&u32::try_from(root).unwrap().to_be_bytes());
        });
        assert!(damage.iter().any(|reason| reason.ends_with("found it twice")), "{damage:?}");
    }

    #[test]
    fn more_cells_than_a_page_holds_are_told() {
        let root = root();
        let (rows, damage) = changed(|bytes| bytes[(root - 1) * 512 + 3..][..2].fill(0xff));
        assert_eq!(
            rows.iter().map(|row| row.0).collect::<Vec<_>>(),
            [6],
            "the right-most child stands elsewhere"
        );
        assert_eq!(damage, [format!("page {root}: expected a b-tree page, found 65535 cells in 512 bytes")]);
    }

    #[test]
    fn cells_that_share_bytes_do_not_multiply() {
        // A leaf whose pointers all name one cell: 3 bytes of payload under row 1.
        let mut bytes = PAGES_OF_512.to_vec();
        let root = root();
        let page = &mut bytes[(root - 1) * 512..root * 512];
        page.fill(0);
        page[0] = TABLE_LEAF;
        page[4] = 240;
        for pointer in page[8..488].chunks_exact_mut(2) {
            pointer.copy_from_slice(&500_u16.to_be_bytes());
        }
        page[500..505].copy_from_slice(&[3, 1, 2, 0, 0]);
        let (rows, damage) = walk(&bytes);
        assert_eq!(rows.len(), 512_usize.div_ceil(5));
        assert_eq!(damage.len(), 1, "{damage:?}");
    }

    #[test]
    fn headers_that_are_none_are_refused() {
        let error = |change: fn(&mut Vec<u8>)| changed(change).1.join("\n");
        assert_eq!(error(Vec::clear), "expected an SQLite 3 database, found an empty file");
        assert_eq!(
            error(|bytes| bytes.truncate(99)),
            "expected an SQLite 3 database, found 99 bytes of another kind"
        );
        assert_eq!(
            error(|bytes| bytes[17] = 1),
            "expected a page size from 512 to 65536, a power of two, found 513"
        );
        assert_eq!(error(|bytes| bytes[20] = 255), "expected at least 480 usable bytes a page, found 257");
        assert_eq!(error(|bytes| bytes[59] = 2), "expected text encoding 1 (UTF-8), found 2");
    }

    #[test]
    fn varints_are_up_to_nine_bytes() {
        for (bytes, value) in [
            (&[0x00][..], Some((0, 1))),
            (&[0x81, 0x00], Some((128, 2))),
            (&[0xff; 9], Some((-1, 9))),
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], Some((1, 9))),
            (&[0x80; 8], None),
            (&[], None),
        ] {
            assert_eq!(varint(bytes), value, "{bytes:x?}");
        }
    }

    #[test]
    fn columns_of_a_record() {
        // Header of 7 bytes: null, 24-bit -2, constant 1, real, blob of 2, text of 1.
        let record = [7, 0, 3, 9, 7, 16, 15, 0xff, 0xff, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0xab, 0xcd, b'x'];
        let values: Vec<_> = (0..7).map(|index| column(&record, index)).collect();
        assert_eq!(
            values,
            [
                Some(Value::Null),
                Some(Value::Integer(-2)),
                Some(Value::Integer(1)),
                Some(Value::Real),
                Some(Value::Bytes(&[0xab, 0xcd])),
                Some(Value::Bytes(b"x")),
                None
            ]
        );
        for length in 0..record.len() {
            assert_eq!(column(&record[..length], 5), None, "{length}");
        }
        // A header size and serial types that are negative, or larger than memory.
        assert_eq!(column(&[0xff; 20], 0), None);
        assert_eq!(column(&[10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 0), None);
        assert_eq!(column(&[10, 0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 0), None);
    }

    #[test]
    fn a_log_counts_the_frames_of_its_salt() {
        let log = include_bytes!("../../testdata/rpm/harbour-512.sqlite-wal").to_vec();
        let count = |log: &[u8]| logged_pages(&log.to_vec());
        let frames = (log.len() as u64 - 32) / 536;
        assert_eq!(count(&log), Ok(frames));
        assert_eq!(count(&[]), Ok(0));
        assert_eq!(count(&log[..32]), Ok(0));
        let mut reset = log.clone();
        reset[16] ^= 0xff;
        assert_eq!(count(&reset), Ok(0));
        for length in 1..log.len().min(700) {
            let _ = count(&log[..length]);
        }
        assert!(count(&[0; 100]).is_err());
    }
}
