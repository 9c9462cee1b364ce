//! The build information that Go's linker leaves in a program: the toolchain's version, and the module list as text.
//!
//! Source: Go 1.26, `debug/buildinfo` (both layouts), `runtime/debug` (`ParseBuildInfo`).

use crate::executable::{Format, Program};
use crate::seam::ReadError;

const MAGIC: &[u8] = b"\xff Go buildinf:";
/// The header is aligned so, in bytes; Go's own reader relies on it.
const ALIGNMENT: usize = 16;
const HEADER_BYTES: u64 = 32;
/// Flags of the header's byte 15.
const FLAG_BIG_ENDIAN: u8 = 1;
const FLAG_INLINE: u8 = 2;

/// Bytes of data that are searched for the header where no section bears its name.
const MAX_SEARCH_BYTES: u64 = 64 << 20;
const SEARCH_CHUNK_BYTES: u64 = 1 << 20;

/// Longest version of a toolchain, in bytes.
const MAX_VERSION_BYTES: u64 = 1 << 10;
/// Longest module list, in bytes.
const MAX_MODULES_BYTES: u64 = 16 << 20;

/// 16 bytes that mark either end of the module list in memory, and are no part of it.
const SENTINEL_BYTES: usize = 16;

/// What the linker left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BuildInfo {
    /// `go1.21.3`, with what its maker appended.
    pub(super) toolchain: String,
    /// The module list; empty where the program was built without modules.
    pub(super) modules: String,
}

/// Whether the program is Go's, by sections that its linker alone makes.
pub(super) fn is_go(program: &Program<'_>) -> bool {
    [".gopclntab", "__gopclntab", ".note.go.buildid"].iter().any(|name| program.section(name).is_some())
}

/// `None` where the program holds none.
pub(super) fn find(program: &Program<'_>) -> Result<Option<BuildInfo>, ReadError> {
    let Some(offset) = header(program)? else { return Ok(None) };
    let header = program.read(offset, HEADER_BYTES, HEADER_BYTES)?;
    if header.len() < 32 {
        return Err(ReadError::malformed(
            "32 bytes of a Go build information header",
            header.len().to_string(),
        ));
    }
    let (pointer_bytes, flags) = (usize::from(header[14]), header[15]);
    let (toolchain, modules) = if flags & FLAG_INLINE != 0 {
        let (toolchain, next) = inline(program, offset + HEADER_BYTES, MAX_VERSION_BYTES)?;
        (toolchain, inline(program, next, MAX_MODULES_BYTES)?.0)
    } else {
        if !matches!(pointer_bytes, 4 | 8) {
            let expected = "pointers of 4 or 8 bytes in Go build information";
            return Err(ReadError::malformed(expected, pointer_bytes.to_string()));
        }
        let pointers = Pointers { program, width: pointer_bytes, big_endian: flags & FLAG_BIG_ENDIAN != 0 };
        let text = |at, limit| pointers.text(pointers.number(&header, at), limit);
        (text(16, MAX_VERSION_BYTES)?, text(16 + pointer_bytes, MAX_MODULES_BYTES)?)
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Some(BuildInfo { toolchain: text(&toolchain), modules: text(without_sentinels(&modules)) }))
}

/// Where the header stands in the file.
fn header(program: &Program<'_>) -> Result<Option<u64>, ReadError> {
    for name in [".go.buildinfo", "__go_buildinfo"] {
        if let Some(section) = program.section(name) {
            return search(program, section.offset, section.size);
        }
    }
    let writable: Vec<(u64, u64)> = match program.format {
        // PE has no section of its own for it: it stands in the data.
        Format::Pe => program.sections.iter().filter(|s| s.writable).map(|s| (s.offset, s.size)).collect(),
        // The section table may have been stripped; with one, the section would be there.
        Format::Elf if program.sections.is_empty() => {
            program.segments.iter().filter(|s| s.writable).map(|s| (s.offset, s.size)).collect()
        }
        Format::Elf | Format::MachO => return Ok(None),
    };
    let mut left = MAX_SEARCH_BYTES;
    for (offset, size) in writable {
        let size = size.min(left);
        left -= size;
        if let Some(found) = search(program, offset, size)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The first aligned magic; chunks overlap by less than one alignment, so none is missed at their ends.
fn search(program: &Program<'_>, offset: u64, size: u64) -> Result<Option<u64>, ReadError> {
    let size = size.min(MAX_SEARCH_BYTES);
    let mut done = 0;
    while done < size {
        let chunk =
            program.read(offset.saturating_add(done), size - done, SEARCH_CHUNK_BYTES + ALIGNMENT as u64)?;
        let aligned = |at: &usize| at.is_multiple_of(ALIGNMENT);
        if let Some(at) = memchr::memmem::find_iter(&chunk, MAGIC).find(aligned) {
            return Ok(Some(offset + done + at as u64));
        }
        if (chunk.len() as u64) < SEARCH_CHUNK_BYTES {
            break;
        }
        done += SEARCH_CHUNK_BYTES;
    }
    Ok(None)
}

/// A text behind its length as a varint, and where the next one starts.
fn inline(program: &Program<'_>, offset: u64, limit: u64) -> Result<(Vec<u8>, u64), ReadError> {
    let head = program.read(offset, 10, 10)?;
    let mut length = 0_u64;
    for (index, byte) in head.iter().enumerate() {
        length |= u64::from(byte & 0x7f).checked_shl(u32::try_from(7 * index).unwrap_or(64)).unwrap_or(0);
        if byte & 0x80 == 0 {
            let start = offset + index as u64 + 1;
            return Ok((text_at(program, start, length, limit)?, start + length));
        }
    }
    Err(ReadError::malformed("the length of a text in Go build information", "a cut or endless number"))
}

fn text_at(program: &Program<'_>, offset: u64, length: u64, limit: u64) -> Result<Vec<u8>, ReadError> {
    if length > limit {
        let expected = format!("at most {limit} bytes of text in Go build information");
        return Err(ReadError::malformed(expected, length.to_string()));
    }
    let text = program.read(offset, length, limit)?;
    if (text.len() as u64) < length {
        let expected = format!("{length} bytes of text in Go build information");
        return Err(ReadError::malformed(expected, format!("{}: the file ends there", text.len())));
    }
    Ok(text)
}

/// Go strings behind pointers, as before Go 1.18: pointers to a pointer and a length.
struct Pointers<'p, 'a> {
    program: &'p Program<'a>,
    width: usize,
    big_endian: bool,
}

impl Pointers<'_, '_> {
    fn number(&self, bytes: &[u8], at: usize) -> u64 {
        let Some(bytes) = bytes.get(at..at + self.width) else { return 0 };
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if self.big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
    }

    fn text(&self, address: u64, limit: u64) -> Result<Vec<u8>, ReadError> {
        if address == 0 {
            return Ok(Vec::new());
        }
        let outside = |address: u64| {
            let expected = "addresses inside the program in Go build information";
            ReadError::malformed(expected, format!("{address:#x}"))
        };
        let (offset, _) = self.program.offset_of(address).ok_or_else(|| outside(address))?;
        let string = self.program.read(offset, 2 * self.width as u64, 16)?;
        let (start, length) = (self.number(&string, 0), self.number(&string, self.width));
        if length == 0 {
            return Ok(Vec::new());
        }
        let (offset, rest) = self.program.offset_of(start).ok_or_else(|| outside(start))?;
        if length > rest {
            return Err(outside(start.saturating_add(length)));
        }
        text_at(self.program, offset, length, limit)
    }
}

fn without_sentinels(modules: &[u8]) -> &[u8] {
    match modules.len().checked_sub(SENTINEL_BYTES + 1) {
        Some(at) if at >= SENTINEL_BYTES && modules[at] == b'\n' => {
            &modules[SENTINEL_BYTES..modules.len() - SENTINEL_BYTES]
        }
        _ => &[],
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::executable::{programs, testing};

    /// The section as Go since 1.18 writes it.
    pub(in crate::go_binary) fn inline_section(toolchain: &str, modules: &str) -> Vec<u8> {
        let mut out = [MAGIC, &[8, FLAG_INLINE], &[0; 16]].concat();
        let sealed =
            if modules.is_empty() { String::new() } else { format!("{0}{modules}{0}", "S".repeat(16)) };
        for text in [toolchain, &sealed] {
            let mut length = text.len();
            while length >= 0x80 {
                out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
                length >>= 7;
            }
            out.push(u8::try_from(length).unwrap());
            out.extend(text.as_bytes());
        }
        out
    }

    /// The section as Go before 1.18 wrote it, for a place in the file; the texts stand behind the header.
    fn pointer_section(at: u64, width: usize, big_endian: bool, toolchain: &str, modules: &str) -> Vec<u8> {
        let sealed = format!("{0}{modules}{0}", "S".repeat(16));
        let mut out = [MAGIC, &[u8::try_from(width).unwrap(), u8::from(big_endian)]].concat();
        let mut push = |value: u64| {
            let bytes = value.to_be_bytes()[8 - width..].to_vec();
            if big_endian { out.extend(bytes) } else { out.extend(bytes.iter().rev()) }
        };
        let base = testing::ADDRESS + at;
        let (width, first) = (width as u64, 16 + 6 * width as u64);
        push(base + 16 + 2 * width);
        push(base + 16 + 4 * width);
        push(base + first);
        push(toolchain.len() as u64);
        push(base + first + toolchain.len() as u64);
        push(sealed.len() as u64);
        out.extend(toolchain.as_bytes());
        out.extend(sealed.as_bytes());
        out
    }

    fn found(bytes: &[u8]) -> Result<Option<(String, String)>, String> {
        let bytes = bytes.to_vec();
        let programs = programs(&bytes).map_err(|error| error.to_string())?;
        let info = find(&programs[0]).map_err(|error| error.to_string())?;
        Ok(info.map(|info| (info.toolchain, info.modules)))
    }

    fn pair(toolchain: &str, modules: &str) -> (String, String) {
        (toolchain.to_owned(), modules.to_owned())
    }

    const MODULES: &str = "path\tcommand\nmod\tm\tv1.0.0\t\n";

    #[test]
    fn the_inline_layout_is_read_in_each_format() {
        let section = inline_section("go1.21.3", MODULES);
        for name in [".go.buildinfo", "__go_buildinfo"] {
            for (_, bytes) in testing::each_format(&[(".text", false, b"code"), (name, true, &section)]) {
                assert_eq!(found(&bytes), Ok(Some(pair("go1.21.3", MODULES))));
            }
        }
        let long = MODULES.repeat(1000);
        let bytes = testing::elf(&[(".go.buildinfo", true, &inline_section("go1.21.3", &long))]);
        assert_eq!(found(&bytes), Ok(Some(pair("go1.21.3", &long))));
        let bytes = testing::elf(&[(".go.buildinfo", true, &inline_section("go1.21.3", ""))]);
        assert_eq!(found(&bytes), Ok(Some(pair("go1.21.3", ""))));
    }

    #[test]
    fn the_pointer_layout_is_read() {
        for (width, big_endian) in [(8, false), (8, true), (4, false), (4, true)] {
            let sections = [(".go.buildinfo", true, b"".as_slice())];
            let at = testing::offset_of(&sections, 0);
            let section = pointer_section(at, width, big_endian, "go1.16.5", MODULES);
            for (format, bytes) in testing::each_format(&[(".go.buildinfo", true, &section)]) {
                if format != "mach-o-universal" {
                    assert_eq!(
                        found(&bytes),
                        Ok(Some(pair("go1.16.5", MODULES))),
                        "{format} {width} {big_endian}"
                    );
                }
            }
        }
    }

    #[test]
    fn without_a_section_of_its_own_the_data_is_searched_where_there_may_be_one() {
        let mut data = vec![0xff; 3 << 20];
        data[17..17 + MAGIC.len()].copy_from_slice(MAGIC); // not aligned
        data.extend(inline_section("go1.20", MODULES));
        let sections = [(".data", true, data.as_slice())];
        assert_eq!(found(&testing::pe(&sections)), Ok(Some(pair("go1.20", MODULES))));
        assert_eq!(found(&testing::elf(&sections)), Ok(None));
        let mut stripped = testing::elf(&sections);
        stripped[40..48].fill(0); // the offset of the section table
        assert_eq!(found(&stripped), Ok(Some(pair("go1.20", MODULES))));
    }

    #[test]
    fn a_cut_or_changed_section_is_survived() {
        let section = inline_section("go1.21.3", MODULES);
        for length in 0..section.len() {
            let _ = found(&testing::elf(&[(".go.buildinfo", true, &section[..length])]));
        }
        for section in [section, pointer_section(0x400, 8, false, "go1.16", MODULES)] {
            for at in 0..section.len() {
                let mut bent = section.clone();
                bent[at] = 0xff;
                let _ = found(&testing::elf(&[(".go.buildinfo", true, &bent)]));
            }
        }
    }

    #[test]
    fn lengths_and_addresses_beyond_the_file_are_errors() {
        let huge = [MAGIC, &[8, FLAG_INLINE], &[0; 16], b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"].concat();
        assert!(
            found(&testing::elf(&[(".go.buildinfo", true, &huge)])).unwrap_err().contains("at most 1024")
        );
        let cut = [MAGIC, &[8, FLAG_INLINE], &[0; 16], b"\x80\x07go"].concat();
        let error = found(&testing::elf(&[(".go.buildinfo", true, &cut)])).unwrap_err();
        assert!(error.contains("896 bytes of text"), "{error}");
        let wild = [MAGIC, &[8, 0], &[9; 16]].concat();
        let error = found(&testing::elf(&[(".go.buildinfo", true, &wild)])).unwrap_err();
        assert!(error.contains("addresses inside the program"), "{error}");
    }
}
