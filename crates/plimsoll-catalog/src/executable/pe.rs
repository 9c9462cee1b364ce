//! PE, of 32 and 64 bits.

use plimsoll_archive::Window;

use super::{Format, Program, Section, Segment, name};
use crate::seam::ReadError;

/// Where the DOS header says at which offset the PE header stands.
const HEADER_OFFSET: usize = 0x3c;
const HEADER_BYTES: u64 = 24;
/// As much of the optional header as is used.
const OPTIONAL_HEADER_BYTES: u64 = 32;
const OPTIONAL_PE64: u64 = 0x20b;
const SECTION_ROW_BYTES: u64 = 40;
const SECTION_WRITE: u64 = 0x8000_0000;

/// `None` for DOS programs. Section names of more than eight bytes, which only debug information has, stay as the
/// references that stand in the table.
pub(super) fn read(bytes: Window<'_>) -> Result<Option<Program<'_>>, ReadError> {
    let mut program = Program::new(bytes, Format::Pe, false);
    let dos = program.read(0, 64, 64)?;
    let Some(start) = program.number(&dos, HEADER_OFFSET, 4) else { return Ok(None) };
    let header = program.read(start, HEADER_BYTES + OPTIONAL_HEADER_BYTES, 64)?;
    if !header.starts_with(b"PE\0\0") {
        return Ok(None);
    }
    let field = |at, width| program.number(&header, at, width).unwrap_or(0);
    let (count, optional_size) = (field(6, 2), field(20, 2));
    let base = if field(24, 2) == OPTIONAL_PE64 { field(48, 8) } else { field(52, 4) };
    let table = program.table("sections", start + HEADER_BYTES + optional_size, count, SECTION_ROW_BYTES)?;
    let (mut sections, mut segments) = (Vec::new(), Vec::new());
    for row in table.chunks_exact(40) {
        let field = |at| program.number(row, at, 4).unwrap_or(0);
        // In the file a section is padded to the file's alignment; in memory it is longer by what starts as zero.
        let size = if field(8) == 0 { field(16) } else { field(8).min(field(16)) };
        let (offset, writable) = (field(20), field(36) & SECTION_WRITE != 0);
        sections.push(Section { name: name(&row[..8]), offset, size, writable });
        segments.push(Segment { address: base.wrapping_add(field(12)), offset, size, writable });
    }
    program.sections = sections;
    program.segments = segments;
    Ok(Some(program))
}
