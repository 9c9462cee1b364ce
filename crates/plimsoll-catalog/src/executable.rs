//! Programs: the sections and segments of ELF, PE and Mach-O files, as far as the catalogers of compiled languages
//! need them. Only headers and tables are read, each within a limit, so a program of any size costs little.
//!
//! Source: System V gABI 4.1, "Object Files"; Microsoft, "PE Format"; Apple, `mach-o/loader.h` and `mach-o/fat.h`.

mod elf;
mod mach_o;
mod pe;
#[cfg(test)]
pub(crate) mod testing;

use plimsoll_archive::{ReadAt, Window};

use crate::seam::{Entry, ReadError};

/// Smallest file that is looked at, in bytes: no linker writes less.
const MIN_PROGRAM_BYTES: u64 = 128;

/// Sections or segments that are read of one program.
const MAX_TABLE_ENTRIES: u64 = 10_000;

/// Largest table (sections, segments, section names, load commands) in bytes.
const MAX_TABLE_BYTES: u64 = 4 << 20;

/// A section, where it has bytes in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// Its name; Mach-O: without the segment's.
    pub(crate) name: String,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) writable: bool,
}

/// A part of the file that is mapped at an address. PE: a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) address: u64,
    pub(crate) offset: u64,
    /// Bytes in the file.
    pub(crate) size: u64,
    pub(crate) writable: bool,
}

/// What a program's container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Elf,
    Pe,
    MachO,
}

/// One program; a universal Mach-O file holds several.
pub(crate) struct Program<'a> {
    bytes: Window<'a>,
    pub(crate) format: Format,
    big_endian: bool,
    pub(crate) sections: Vec<Section>,
    pub(crate) segments: Vec<Segment>,
}

/// Whether a path and mode could be those of a program.
pub(crate) fn could_be_program(entry: &Entry<'_>) -> bool {
    if entry.size.is_some_and(|size| size < MIN_PROGRAM_BYTES) {
        return false;
    }
    match entry.executable {
        Some(executable) => executable,
        None => path_could_be_program(entry),
    }
}

/// Only the path is known. Whole folders without programs are left out, since every file that an OS package
/// installed is asked for.
fn path_could_be_program(entry: &Entry<'_>) -> bool {
    const NEVER: &[&str] = &[
        "usr/share/doc/",
        "usr/share/man/",
        "usr/share/zoneinfo/",
        "usr/share/locale/",
        "usr/include/",
        "etc/",
    ];
    const EXTENSIONS: &[&str] = &["exe", "so", "dll", "dylib", "bin", "node"];
    let name = entry.file_name();
    if name.is_empty() || NEVER.iter().any(|folder| entry.path.starts_with(folder)) {
        return false;
    }
    match name.rsplit_once('.') {
        None => true,
        // `python3.11`, `libssl.so.3`
        Some((_, extension)) => {
            extension.starts_with(|c: char| c.is_ascii_digit()) || EXTENSIONS.contains(&extension)
        }
    }
}

/// Whether a file with this head is a program in one of the formats.
pub(crate) fn is_program(head: &[u8]) -> bool {
    head.starts_with(b"\x7fELF") || head.starts_with(b"MZ") || mach_o::is_mach_o(head)
}

/// The programs in a file. None where it is a container of another sort, as an object file or a DOS program.
///
/// # Errors
/// [`ReadError::Malformed`] where a table does not lie in the file or is beyond the limits.
pub(crate) fn programs(bytes: &dyn ReadAt) -> Result<Vec<Program<'_>>, ReadError> {
    let whole = Window::new(bytes, 0, bytes.size());
    let mut magic = [0; 4];
    let length = whole.read_at(&mut magic, 0).map_err(|error| ReadError::Io(error.to_string()))?;
    if length < magic.len() {
        return Ok(Vec::new());
    }
    if magic == *b"\x7fELF" {
        Ok(elf::read(whole)?.into_iter().collect())
    } else if magic.starts_with(b"MZ") {
        Ok(pe::read(whole)?.into_iter().collect())
    } else {
        mach_o::read(bytes, whole)
    }
}

impl<'a> Program<'a> {
    fn new(bytes: Window<'a>, format: Format, big_endian: bool) -> Self {
        Self { bytes, format, big_endian, sections: Vec::new(), segments: Vec::new() }
    }

    /// The first section of that name.
    pub(crate) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// Up to `size` bytes from `offset` on, fewer where the file ends; never more than `limit`.
    pub(crate) fn read(&self, offset: u64, size: u64, limit: u64) -> Result<Vec<u8>, ReadError> {
        let size = size.min(limit).min(self.bytes.size().saturating_sub(offset));
        let mut buffer = vec![0; usize::try_from(size).unwrap_or(0)];
        let length =
            self.bytes.read_at(&mut buffer, offset).map_err(|error| ReadError::Io(error.to_string()))?;
        buffer.truncate(length);
        Ok(buffer)
    }

    /// Where the byte at this address stands in the file, and how many of its segment follow from there on.
    pub(crate) fn offset_of(&self, address: u64) -> Option<(u64, u64)> {
        self.segments.iter().find_map(|segment| {
            let inside = address.checked_sub(segment.address).filter(|&inside| inside < segment.size)?;
            Some((segment.offset.checked_add(inside)?, segment.size - inside))
        })
    }

    /// A number of 2, 4 or 8 bytes in the program's byte order.
    pub(crate) fn number(&self, bytes: &[u8], at: usize, width: usize) -> Option<u64> {
        number(bytes, at, width, self.big_endian)
    }

    /// A whole table of `count` rows; more rows, or rows outside the file, are an error.
    fn table(&self, what: &str, offset: u64, count: u64, row: u64) -> Result<Vec<u8>, ReadError> {
        let size =
            count.checked_mul(row).filter(|&size| size <= MAX_TABLE_BYTES && count <= MAX_TABLE_ENTRIES);
        let Some(size) = size else {
            let expected = format!("at most {MAX_TABLE_ENTRIES} rows in the table of {what}");
            return Err(ReadError::malformed(expected, format!("{count} of {row} bytes")));
        };
        let table = self.read(offset, size, MAX_TABLE_BYTES)?;
        if table.len() as u64 != size {
            let expected = format!("the table of {what} in the file, {size} bytes at {offset}");
            return Err(ReadError::malformed(expected, format!("{} bytes in all", self.bytes.size())));
        }
        Ok(table)
    }
}

/// A number of 2, 4 or 8 bytes.
fn number(bytes: &[u8], at: usize, width: usize, big_endian: bool) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(width)?)?;
    let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    Some(if big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) })
}

/// A name that a zero byte ends, or its field.
fn name(field: &[u8]) -> String {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_decides_and_the_path_where_the_mode_is_not_known() {
        let could = |path, size, executable| could_be_program(&Entry { path, size, executable });
        assert!(could("app/server", Some(5000), Some(true)));
        assert!(could("usr/share/doc/x", Some(5000), Some(true)));
        assert!(!could("app/server", Some(5000), Some(false)));
        assert!(!could("app/server", Some(20), Some(true)));
        for path in
            ["usr/bin/a", "usr/bin/python3.11", "usr/lib/x86_64-linux-gnu/libssl.so.3", "a.exe", "a.so"]
        {
            assert!(could(path, None, None), "{path}");
        }
        for path in
            ["", "usr/", "usr/share/doc/a/copyright", "usr/lib/a.py", "etc/passwd", "usr/share/a.conf"]
        {
            assert!(!could(path, None, None), "{path}");
        }
    }

    #[test]
    fn a_java_class_is_no_universal_program() {
        assert!(is_program(b"\xca\xfe\xba\xbe\0\0\0\x02"));
        assert!(!is_program(b"\xca\xfe\xba\xbe\0\0\0\x34"));
        for head in [b"\x7fELF\x02".as_slice(), b"MZ\x90", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xce"] {
            assert!(is_program(head));
        }
        for head in [b"".as_slice(), b"#!/bin/sh", b"PK\x03\x04", b"\x7fEL"] {
            assert!(!is_program(head));
        }
    }

    #[test]
    fn sections_and_segments_are_found_in_each_format() {
        for (format, bytes) in testing::each_format(&[("data", false, b"abc"), (".more", true, b"defg")]) {
            let programs = programs(&bytes).unwrap();
            assert_eq!(programs.len(), 1, "{format}");
            let program = &programs[0];
            let section = program.section(".more").unwrap_or_else(|| panic!("{format}"));
            assert_eq!(program.read(section.offset, section.size, 100).unwrap(), b"defg", "{format}");
            assert!(section.writable, "{format}");
            let (offset, rest) = program.offset_of(testing::ADDRESS + section.offset + 1).unwrap();
            assert_eq!((offset, rest >= 3), (section.offset + 1, true), "{format}");
            assert_eq!(program.offset_of(3), None, "{format}");
        }
    }

    #[test]
    fn a_cut_or_changed_program_is_survived() {
        for (_, bytes) in testing::each_format(&[("data", false, b"abc"), (".more", true, b"defg")]) {
            for length in 0..bytes.len() {
                let _ = programs(&bytes[..length].to_vec());
            }
            for at in 0..bytes.len() {
                for value in [0, 1, 0x80, 0xff] {
                    let mut bent = bytes.clone();
                    bent[at] = value;
                    let _ = programs(&bent);
                }
            }
        }
    }

    #[test]
    fn a_table_outside_the_file_is_an_error() {
        let mut elf = testing::each_format(&[("data", false, b"abc")]).remove(0).1;
        elf[40..48].copy_from_slice(&u64::MAX.to_le_bytes());
        let error = programs(&elf).err().unwrap().to_string();
        assert!(error.contains("the table of sections in the file"), "{error}");
    }
}
