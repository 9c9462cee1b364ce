//! Mach-O, of 32 and 64 bits, in both byte orders, alone or several in a universal file.

use plimsoll_archive::{ReadAt, Window};

use super::{Format, MAX_TABLE_BYTES, Program, Section, Segment, name, number};
use crate::seam::ReadError;

/// Programs in one universal file. A Java class file has the same magic, and there a version of 45 or more.
const MAX_UNIVERSAL: u64 = 20;

const COMMAND_SEGMENT_32: u64 = 1;
const COMMAND_SEGMENT_64: u64 = 0x19;
const PROTECTION_WRITE: u64 = 2;

/// Byte order and word size behind a magic number.
fn shape(magic: [u8; 4]) -> Option<(bool, usize)> {
    match magic {
        [0xce, 0xfa, 0xed, 0xfe] => Some((false, 4)),
        [0xcf, 0xfa, 0xed, 0xfe] => Some((false, 8)),
        [0xfe, 0xed, 0xfa, 0xce] => Some((true, 4)),
        [0xfe, 0xed, 0xfa, 0xcf] => Some((true, 8)),
        _ => None,
    }
}

/// The word size of a universal file's table.
fn universal(head: &[u8]) -> Option<usize> {
    let word = match head.first_chunk()? {
        [0xca, 0xfe, 0xba, 0xbe] => 4,
        [0xca, 0xfe, 0xba, 0xbf] => 8,
        _ => return None,
    };
    number(head, 4, 4, true).is_some_and(|count| count <= MAX_UNIVERSAL).then_some(word)
}

pub(super) fn is_mach_o(head: &[u8]) -> bool {
    head.first_chunk().is_some_and(|magic| shape(*magic).is_some()) || universal(head).is_some()
}

pub(super) fn read<'a>(bytes: &'a dyn ReadAt, whole: Window<'a>) -> Result<Vec<Program<'a>>, ReadError> {
    let file = Program::new(whole, Format::MachO, true);
    let head = file.read(0, 8, 8)?;
    let Some(word) = universal(&head) else {
        return Ok(one(whole)?.into_iter().collect());
    };
    let count = file.number(&head, 4, 4).unwrap_or(0);
    let row = if word == 4 { 20 } else { 32 };
    let table = file.table("programs", 8, count, row)?;
    let mut programs = Vec::new();
    for row in table.chunks_exact(usize::try_from(row).expect("20 or 32")) {
        let offset = file.number(row, 8, word).unwrap_or(0);
        let size = file.number(row, 8 + word, word).unwrap_or(0);
        programs.extend(one(Window::new(bytes, offset, size))?);
    }
    Ok(programs)
}

/// `None` where another magic stands, as of a static library.
fn one(bytes: Window<'_>) -> Result<Option<Program<'_>>, ReadError> {
    let mut program = Program::new(bytes, Format::MachO, false);
    let head = program.read(0, 28, 28)?;
    let Some((big_endian, word)) = head.first_chunk().and_then(|magic| shape(*magic)) else {
        return Ok(None);
    };
    program.big_endian = big_endian;
    let size = program.number(&head, 20, 4).unwrap_or(0);
    if size > MAX_TABLE_BYTES {
        let expected = format!("at most {MAX_TABLE_BYTES} bytes of load commands");
        return Err(ReadError::malformed(expected, size.to_string()));
    }
    let start = if word == 4 { 28 } else { 32 };
    let commands = program.table("load commands", start, 1, size)?;
    let (mut sections, mut segments) = (Vec::new(), Vec::new());
    let mut rest = commands.as_slice();
    while let (Some(kind), Some(size)) = (program.number(rest, 0, 4), program.number(rest, 4, 4)) {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let Some(command) = rest.get(..size).filter(|_| size >= 8) else {
            return Err(ReadError::malformed("load commands that fill their table", "one of another size"));
        };
        if kind == COMMAND_SEGMENT_32 || kind == COMMAND_SEGMENT_64 {
            let word = if kind == COMMAND_SEGMENT_32 { 4 } else { 8 };
            segment(&program, command, word, &mut sections, &mut segments);
        }
        rest = &rest[size..];
    }
    program.sections = sections;
    program.segments = segments;
    Ok(Some(program))
}

/// One segment with its sections, as far as they lie in their command.
fn segment(
    program: &Program<'_>,
    command: &[u8],
    word: usize,
    sections: &mut Vec<Section>,
    segments: &mut Vec<Segment>,
) {
    // Behind command, size and name: address, memory size, file offset, file size, then 32-bit fields.
    let wide = |index: usize| program.number(command, 24 + index * word, word).unwrap_or(0);
    let short = |index: usize| program.number(command, 24 + 4 * word + index * 4, 4).unwrap_or(0);
    let writable = short(1) & PROTECTION_WRITE != 0;
    segments.push(Segment { address: wide(0), offset: wide(2), size: wide(3), writable });
    let rows = command.get(24 + 4 * word + 16..).unwrap_or_default();
    let row_size = if word == 4 { 68 } else { 80 };
    let count = usize::try_from(short(2)).unwrap_or(usize::MAX);
    for row in rows.chunks_exact(row_size).take(count) {
        let size = program.number(row, 32 + word, word).unwrap_or(0);
        let offset = program.number(row, 32 + 2 * word, 4).unwrap_or(0);
        if offset != 0 {
            sections.push(Section { name: name(&row[..16]), offset, size, writable });
        }
    }
}
