//! ELF, of 32 and 64 bits, in both byte orders.

use plimsoll_archive::Window;

use super::{Format, MAX_TABLE_BYTES, Program, Section, Segment, name};
use crate::seam::ReadError;

/// Where the fields of one class stand.
struct Layout {
    header: u64,
    word: usize,
    segment_offset: usize,
    section_offset: usize,
    counts: usize,
    segment: SegmentLayout,
    section: SectionLayout,
}

struct SegmentLayout {
    row: u64,
    flags: usize,
    offset: usize,
    address: usize,
    size: usize,
}

struct SectionLayout {
    row: u64,
    flags: usize,
    offset: usize,
    size: usize,
    link: usize,
}

const ELF64: Layout = Layout {
    header: 64,
    word: 8,
    segment_offset: 32,
    section_offset: 40,
    counts: 54,
    segment: SegmentLayout { row: 56, flags: 4, offset: 8, address: 16, size: 32 },
    section: SectionLayout { row: 64, flags: 8, offset: 24, size: 32, link: 40 },
};

const ELF32: Layout = Layout {
    header: 52,
    word: 4,
    segment_offset: 28,
    section_offset: 32,
    counts: 42,
    segment: SegmentLayout { row: 32, flags: 24, offset: 4, address: 8, size: 16 },
    section: SectionLayout { row: 40, flags: 8, offset: 16, size: 20, link: 24 },
};

const TYPE_PROGRAM: u64 = 2;
const TYPE_SHARED: u64 = 3;
const SEGMENT_LOAD: u64 = 1;
const SEGMENT_WRITE: u64 = 2;
const SECTION_NO_BITS: u64 = 8;
const SECTION_WRITE: u64 = 1;
/// Says that the first section's row holds the true value.
const EXTENDED_INDEX: u64 = 0xffff;

/// `None` for object files and core dumps.
pub(super) fn read(bytes: Window<'_>) -> Result<Option<Program<'_>>, ReadError> {
    let mut program = Program::new(bytes, Format::Elf, false);
    let ident = program.read(0, 16, 16)?;
    let layout = match ident.get(4) {
        Some(1) => &ELF32,
        Some(2) => &ELF64,
        other => return Err(ReadError::malformed("ELF class 1 or 2", format!("{other:?}"))),
    };
    program.big_endian = ident.get(5) == Some(&2);
    let header = program.table("the ELF header", 0, 1, layout.header)?;
    let field = |at, width| program.number(&header, at, width).unwrap_or(0);
    if !matches!(field(16, 2), TYPE_PROGRAM | TYPE_SHARED) {
        return Ok(None);
    }
    let count_at = |at| field(layout.counts + at, 2);
    let segments = segments(&program, layout, field(layout.segment_offset, layout.word), &count_at)?;
    let sections = sections(&program, layout, field(layout.section_offset, layout.word), &count_at)?;
    program.segments = segments;
    program.sections = sections;
    Ok(Some(program))
}

fn segments(
    program: &Program<'_>,
    layout: &Layout,
    offset: u64,
    count_at: &dyn Fn(usize) -> u64,
) -> Result<Vec<Segment>, ReadError> {
    let at = &layout.segment;
    let (row, count) = (count_at(0), count_at(2));
    if count == 0 || row < at.row {
        return Ok(Vec::new());
    }
    let table = program.table("segments", offset, count, row)?;
    let rows = table.chunks_exact(usize::try_from(row).expect("a row's size has 16 bits"));
    Ok(rows
        .filter_map(|row| {
            let field = |at, width| program.number(row, at, width);
            let load = field(0, 4)? == SEGMENT_LOAD;
            load.then_some(Segment {
                address: field(at.address, layout.word)?,
                offset: field(at.offset, layout.word)?,
                size: field(at.size, layout.word)?,
                writable: field(at.flags, 4)? & SEGMENT_WRITE != 0,
            })
        })
        .collect())
}

fn sections(
    program: &Program<'_>,
    layout: &Layout,
    offset: u64,
    count_at: &dyn Fn(usize) -> u64,
) -> Result<Vec<Section>, ReadError> {
    let at = &layout.section;
    let (row, mut count, mut names_index) = (count_at(4), count_at(6), count_at(8));
    if offset == 0 || row < at.row {
        return Ok(Vec::new());
    }
    let first = program.table("sections", offset, 1, row)?;
    let first = |at, width| program.number(&first, at, width).unwrap_or(0);
    if count == 0 {
        count = first(at.size, layout.word);
    }
    if names_index == EXTENDED_INDEX {
        names_index = first(at.link, 4);
    }
    let table = program.table("sections", offset, count, row)?;
    let rows: Vec<&[u8]> =
        table.chunks_exact(usize::try_from(row).expect("a row's size has 16 bits")).collect();
    let Some(names) = usize::try_from(names_index).ok().and_then(|index| rows.get(index)) else {
        return Ok(Vec::new());
    };
    let field = |row: &[u8], at, width| program.number(row, at, width);
    let (start, size) = (field(names, at.offset, layout.word), field(names, at.size, layout.word));
    let names = program.read(start.unwrap_or(0), size.unwrap_or(0), MAX_TABLE_BYTES)?;
    let in_file = rows.iter().filter(|row| field(row, 4, 4) != Some(SECTION_NO_BITS));
    Ok(in_file
        .filter_map(|row| {
            let start = usize::try_from(field(row, 0, 4)?).ok()?;
            Some(Section {
                // Names may overlap and be asked for again and again: the ones of interest are short.
                name: name(names.get(start..)?.get(..64).or_else(|| names.get(start..))?),
                offset: field(row, at.offset, layout.word)?,
                size: field(row, at.size, layout.word)?,
                writable: field(row, at.flags, 4)? & SECTION_WRITE != 0,
            })
        })
        .collect())
}
