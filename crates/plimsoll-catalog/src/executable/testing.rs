//! A linker for tests: programs of each format with given sections, which hold nothing else.

/// Where the file's first byte is mapped.
pub(crate) const ADDRESS: u64 = 0x40_0000;

/// Where the first section's bytes stand; the others follow at multiples of 16.
const DATA_OFFSET: usize = 0x400;

/// Name, whether it is writable, content.
pub(crate) type TestSection<'a> = (&'a str, bool, &'a [u8]);

/// The same sections in each format: `elf64`, `elf32-big-endian`, `pe32+`, `mach-o-64`.
pub(crate) fn each_format(sections: &[TestSection<'_>]) -> Vec<(&'static str, Vec<u8>)> {
    let universal = {
        let program = mach_o(sections);
        let mut out = b"\xca\xfe\xba\xbe\0\0\0\x01".to_vec();
        for value in [0x0100_0007, 3, 0x1000, u32::try_from(program.len()).unwrap(), 12] {
            out.extend(value.to_be_bytes());
        }
        out.resize(0x1000, 0);
        out.extend(program);
        out
    };
    vec![
        ("elf64", elf(sections)),
        ("elf32-big-endian", elf32_big_endian(sections)),
        ("pe32+", pe(sections)),
        ("mach-o-64", mach_o(sections)),
        ("mach-o-universal", universal),
    ]
}

/// Offsets of the sections, and the file from its first section on.
fn lay_out(sections: &[TestSection<'_>]) -> (Vec<usize>, Vec<u8>) {
    let mut out = vec![0; DATA_OFFSET];
    let offsets = sections
        .iter()
        .map(|(_, _, content)| {
            out.resize(out.len().next_multiple_of(16), 0);
            let offset = out.len();
            out.extend(*content);
            offset
        })
        .collect();
    (offsets, out)
}

/// Offset of the section at `index`, in every format.
pub(crate) fn offset_of(sections: &[TestSection<'_>], index: usize) -> u64 {
    lay_out(sections).0[index] as u64
}

struct Put<'a>(&'a mut [u8], bool);

impl Put<'_> {
    fn at(&mut self, offset: usize, width: usize, value: usize) {
        for (index, byte) in (value as u64).to_le_bytes().into_iter().take(width).enumerate() {
            let place = if self.1 { offset + width - 1 - index } else { offset + index };
            self.0[place] = byte;
        }
    }

    fn text(&mut self, offset: usize, text: &str) {
        self.0[offset..offset + text.len()].copy_from_slice(text.as_bytes());
    }
}

pub(crate) fn elf(sections: &[TestSection<'_>]) -> Vec<u8> {
    elf_of(sections, 8, false)
}

fn elf32_big_endian(sections: &[TestSection<'_>]) -> Vec<u8> {
    elf_of(sections, 4, true)
}

fn elf_of(sections: &[TestSection<'_>], word: usize, big_endian: bool) -> Vec<u8> {
    let is64 = word == 8;
    let (offsets, mut out) = lay_out(sections);
    let names_offset = out.len();
    let mut name_starts = Vec::new();
    out.push(0);
    for name in sections.iter().map(|section| section.0).chain([".shstrtab"]) {
        name_starts.push(out.len() - names_offset);
        out.extend(name.as_bytes());
        out.push(0);
    }
    let names_size = out.len() - names_offset;
    let table = out.len().next_multiple_of(16);
    let row = if is64 { 64 } else { 40 };
    let count = sections.len() + 2;
    out.resize(table + row * count, 0);
    let size = out.len();

    let mut put = Put(&mut out, big_endian);
    put.text(0, "\x7fELF");
    put.at(4, 1, if is64 { 2 } else { 1 });
    put.at(5, 1, if big_endian { 2 } else { 1 });
    put.at(6, 1, 1);
    put.at(16, 2, 2);
    let header = if is64 { 64 } else { 52 };
    put.at(if is64 { 32 } else { 28 }, word, header);
    put.at(if is64 { 40 } else { 32 }, word, table);
    let counts = if is64 { 54 } else { 42 };
    for (index, value) in [if is64 { 56 } else { 32 }, 1, row, count, count - 1].into_iter().enumerate() {
        put.at(counts + 2 * index, 2, value);
    }
    // One writable segment maps the whole file.
    put.at(header, 4, 1);
    put.at(header + if is64 { 4 } else { 24 }, 4, 6);
    put.at(header + if is64 { 16 } else { 8 }, word, usize::try_from(ADDRESS).unwrap());
    put.at(header + if is64 { 32 } else { 16 }, word, size);
    let rows = sections.iter().enumerate().map(|(i, section)| (offsets[i], section.2.len(), section.1));
    for (index, (offset, size, writable)) in rows.chain([(names_offset, names_size, false)]).enumerate() {
        let start = table + row * (index + 1);
        put.at(start, 4, name_starts[index]);
        put.at(start + 4, 4, 1);
        put.at(start + 8, word, usize::from(writable));
        put.at(start + if is64 { 24 } else { 16 }, word, offset);
        put.at(start + if is64 { 32 } else { 20 }, word, size);
    }
    out
}

pub(crate) fn pe(sections: &[TestSection<'_>]) -> Vec<u8> {
    let (offsets, mut out) = lay_out(sections);
    let mut put = Put(&mut out, false);
    put.text(0, "MZ");
    put.at(0x3c, 4, 0x80);
    put.text(0x80, "PE");
    put.at(0x86, 2, sections.len());
    put.at(0x94, 2, 0xf0);
    put.at(0x98, 2, 0x20b);
    put.at(0xb0, 8, usize::try_from(ADDRESS).unwrap());
    for (index, (name, writable, content)) in sections.iter().enumerate() {
        let start = 0x98 + 0xf0 + 40 * index;
        put.text(start, &name[..name.len().min(8)]);
        put.at(start + 8, 4, content.len());
        put.at(start + 12, 4, offsets[index]);
        put.at(start + 16, 4, content.len().next_multiple_of(16));
        put.at(start + 20, 4, offsets[index]);
        put.at(start + 36, 4, if *writable { 0xc000_0040 } else { 0x4000_0040 });
    }
    out
}

pub(crate) fn mach_o(sections: &[TestSection<'_>]) -> Vec<u8> {
    let (offsets, mut out) = lay_out(sections);
    let size = out.len();
    let mut put = Put(&mut out, false);
    let command = 72 + 80 * sections.len();
    put.at(0, 4, 0xfeed_facf);
    put.at(12, 4, 2);
    put.at(16, 4, 1);
    put.at(20, 4, command);
    put.at(32, 4, 0x19);
    put.at(36, 4, command);
    put.text(40, "__DATA");
    put.at(56, 8, usize::try_from(ADDRESS).unwrap());
    put.at(72, 8, 0);
    put.at(80, 8, size);
    put.at(88, 4, 7);
    put.at(92, 4, 3);
    put.at(96, 4, sections.len());
    for (index, (name, _, content)) in sections.iter().enumerate() {
        let start = 32 + 72 + 80 * index;
        put.text(start, &name[..name.len().min(16)]);
        put.text(start + 16, "__DATA");
        put.at(start + 32, 8, usize::try_from(ADDRESS).unwrap() + offsets[index]);
        put.at(start + 40, 8, content.len());
        put.at(start + 48, 4, offsets[index]);
    }
    out
}
