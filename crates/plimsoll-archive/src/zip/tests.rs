use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::*;

/// Bytes that are read through [`ReadAt::read_at`] only, as those of a file are.
struct NotInMemory(Vec<u8>);

impl ReadAt for NotInMemory {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

/// A writer of small archives, honest unless a test bends a field.
#[derive(Default)]
struct Writer {
    out: Vec<u8>,
    directory: Vec<u8>,
    entries: u16,
    zip64: bool,
}

struct Fields<'a> {
    name: &'a str,
    method: u16,
    flags: u16,
    crc: u32,
    size: u32,
    data: Vec<u8>,
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

impl<'a> Fields<'a> {
    fn stored(name: &'a str, bytes: &[u8]) -> Self {
        let size = u32::try_from(bytes.len()).unwrap();
        Self { name, method: 0, flags: 0, crc: crc(bytes), size, data: bytes.to_vec() }
    }

    fn deflated(name: &'a str, bytes: &[u8]) -> Self {
        Self { method: 8, data: deflated(bytes), ..Self::stored(name, bytes) }
    }
}

impl Writer {
    fn add(mut self, fields: &Fields<'_>) -> Self {
        let offset = u32::try_from(self.out.len()).unwrap();
        self.out.extend(LOCAL_SIGNATURE.to_le_bytes());
        self.out.extend([0; 22]);
        self.out.extend(u16::try_from(fields.name.len()).unwrap().to_le_bytes());
        self.out.extend([0, 0]);
        self.out.extend(fields.name.as_bytes());
        self.out.extend(&fields.data);
        self.point_at(fields, offset)
    }

    fn point_at(mut self, fields: &Fields<'_>, offset: u32) -> Self {
        let compressed = u32::try_from(fields.data.len()).unwrap();
        let mut extra = Vec::new();
        let mut plain = [compressed, fields.size, offset];
        if self.zip64 {
            extra.extend([1, 0, 24, 0]);
            for value in [fields.size, compressed, offset] {
                extra.extend(u64::from(value).to_le_bytes());
            }
            plain = [u32::MAX; 3];
        }
        let d = &mut self.directory;
        d.extend(0x0201_4b50_u32.to_le_bytes());
        d.extend([20, 0, 20, 0]);
        d.extend(fields.flags.to_le_bytes());
        d.extend(fields.method.to_le_bytes());
        d.extend([0; 4]);
        d.extend(fields.crc.to_le_bytes());
        d.extend(plain[0].to_le_bytes());
        d.extend(plain[1].to_le_bytes());
        d.extend(u16::try_from(fields.name.len()).unwrap().to_le_bytes());
        d.extend(u16::try_from(extra.len()).unwrap().to_le_bytes());
        d.extend([0; 10]);
        d.extend(plain[2].to_le_bytes());
        d.extend(fields.name.as_bytes());
        d.extend(extra);
        self.entries += 1;
        self
    }

    fn finish(mut self, comment: &str) -> Vec<u8> {
        let offset = u32::try_from(self.out.len()).unwrap();
        let size = u32::try_from(self.directory.len()).unwrap();
        self.out.extend(self.directory);
        let mut plain = (self.entries, size, offset);
        if self.zip64 {
            let record = self.out.len() as u64;
            self.out.extend(0x0606_4b50_u32.to_le_bytes());
            self.out.extend(44_u64.to_le_bytes());
            self.out.extend([0; 12]);
            for value in [self.entries.into(), self.entries.into(), u64::from(size), u64::from(offset)] {
                self.out.extend(value.to_le_bytes());
            }
            self.out.extend(0x0706_4b50_u32.to_le_bytes());
            self.out.extend([0; 4]);
            self.out.extend(record.to_le_bytes());
            self.out.extend([1, 0, 0, 0]);
            plain = (u16::MAX, u32::MAX, u32::MAX);
        }
        self.out.extend(0x0605_4b50_u32.to_le_bytes());
        self.out.extend([0; 4]);
        self.out.extend(plain.0.to_le_bytes());
        self.out.extend(plain.0.to_le_bytes());
        self.out.extend(plain.1.to_le_bytes());
        self.out.extend(plain.2.to_le_bytes());
        self.out.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
        self.out.extend(comment.as_bytes());
        self.out
    }
}

const TEXT: &[u8] = b"plimsoll plimsoll plimsoll plimsoll";

fn two() -> Writer {
    Writer::default().add(&Fields::stored("a.txt", TEXT)).add(&Fields::deflated("d/b.txt", TEXT))
}

/// Everything that can be read, as `name=content`, and every error.
fn read_all(bytes: &dyn ReadAt) -> Result<Vec<String>, String> {
    let mut zip = Zip::open(bytes, ZipLimits::default()).map_err(|error| error.to_string())?;
    let names: Vec<String> = zip.entries().iter().map(|entry| entry.name.clone()).collect();
    Ok(names
        .iter()
        .enumerate()
        .map(|(index, name)| match zip.read(index, 1 << 20) {
            Ok(content) => format!("{name}={}", String::from_utf8_lossy(&content)),
            Err(error) => error.to_string(),
        })
        .collect())
}

/// What [`two`] holds.
fn whole() -> Vec<String> {
    let text = std::str::from_utf8(TEXT).unwrap();
    vec![format!("a.txt={text}"), format!("d/b.txt={text}")]
}

#[test]
fn stored_and_deflated_entries_are_read_from_memory_and_from_a_file() {
    for bytes in [two().finish(""), two().finish("a comment"), Writer { zip64: true, ..two() }.finish("")] {
        assert_eq!(read_all(&bytes), Ok(whole()));
        assert_eq!(read_all(&NotInMemory(bytes)), Ok(whole()));
    }
    let wide = Writer { zip64: true, ..Writer::default() };
    let wide = wide.add(&Fields::stored("a.txt", TEXT)).add(&Fields::deflated("d/b.txt", TEXT)).finish("");
    assert_eq!(read_all(&wide), Ok(whole()));
}

#[test]
fn bytes_before_the_archive_are_passed_over() {
    for zip64 in [false, true] {
        let script = b"#!/bin/sh\nexec java -jar \"$0\" \"$@\"\n".to_vec();
        let bytes = [script, Writer { zip64, ..two() }.finish("")].concat();
        assert_eq!(read_all(&bytes), Ok(whole()), "zip64: {zip64}");
    }
}

#[test]
fn an_empty_archive_has_no_entries() {
    assert_eq!(read_all(&Writer::default().finish("")), Ok(vec![]));
}

#[test]
fn a_stored_entry_is_a_window_into_the_archive() {
    let inner = two().finish("");
    let outer = Writer::default().add(&Fields::stored("in.jar", &inner)).add(&Fields::deflated("c", TEXT));
    let bytes = outer.finish("");
    let zip = Zip::open(&bytes, ZipLimits::default()).unwrap();
    assert_eq!(read_all(&zip.stored(0).unwrap().unwrap()), Ok(whole()));
    assert!(zip.stored(1).unwrap().is_none());
    let slow = NotInMemory(bytes.clone());
    let zip = Zip::open(&slow, ZipLimits::default()).unwrap();
    assert_eq!(read_all(&zip.stored(0).unwrap().unwrap()), Ok(whole()));
}

#[test]
fn a_cut_archive_is_an_error_and_never_a_panic() {
    let bytes = two().finish("");
    for length in 0..bytes.len() {
        assert!(read_all(&bytes[..length].to_vec()).is_err(), "{length} bytes");
    }
}

#[test]
fn any_changed_byte_is_survived() {
    for zip64 in [false, true] {
        let bytes = Writer { zip64, ..two() }.finish("c");
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bent = bytes.clone();
                bent[at] = value;
                let _ = read_all(&bent);
                let _ = read_all(&NotInMemory(bent));
            }
        }
    }
}

#[test]
fn a_damaged_entry_says_what_was_expected() {
    let text = Fields::deflated("b", TEXT);
    let cases: [(Fields<'_>, &str); 7] = [
        (Fields { crc: 7, ..Fields::stored("b", TEXT) }, "expected checksum 00000007"),
        (Fields { size: 5, ..Fields::stored("b", TEXT) }, "expected a stored entry of 5 bytes, found 35"),
        (Fields { size: 34, ..Fields::deflated("b", TEXT) }, "expected 34 uncompressed bytes"),
        (Fields { size: 36, ..Fields::deflated("b", TEXT) }, "expected 36 uncompressed bytes"),
        (Fields { size: 1 << 19, ..Fields::deflated("b", TEXT) }, "at most 1032 bytes out of each"),
        (Fields { method: 12, ..Fields::stored("b", TEXT) }, "expected compression method 0 or 8"),
        (Fields { flags: 1, ..text }, "expected an entry in the clear"),
    ];
    for (fields, message) in cases {
        let bytes = Writer::default().add(&fields).add(&Fields::stored("whole", b"w")).finish("");
        let read = read_all(&bytes).unwrap();
        assert!(read[0].contains(message), "{} lacks {message}", read[0]);
        assert_eq!(read[1], "whole=w");
    }
}

#[test]
fn overlapping_entries_are_refused() {
    let inner = Fields::stored("b", TEXT);
    let bytes = Writer::default().add(&inner).finish("");
    let hull = Fields::stored("a", &bytes[..31 + TEXT.len()]);
    let zip = Writer::default().add(&hull).point_at(&inner, 31).finish("");
    let read = read_all(&zip).unwrap();
    assert!(read[0].contains("entries overlap"), "{}", read[0]);
    assert!(read[1].starts_with("b=plimsoll"));
}

#[test]
fn limits_are_kept() {
    let open = |limits: ZipLimits| Zip::open(&two().finish(""), limits).map(|_| ()).unwrap_err().to_string();
    let usual = ZipLimits::default();
    assert!(open(ZipLimits { entries: 1, ..usual }).contains("at most 1 entries, found 2"));
    assert!(open(ZipLimits { name_bytes: 4, ..usual }).contains("at most 4 bytes in a name, found 5"));
    assert!(open(ZipLimits { directory_bytes: 9, ..usual }).contains("central directory"));

    let bytes = two().finish("");
    let mut zip = Zip::open(&bytes, ZipLimits { total_bytes: 60, ..usual }).unwrap();
    assert!(zip.read(0, 34).unwrap_err().to_string().contains("at most 34 bytes in an entry, found 35"));
    assert!(zip.read(0, 35).is_ok());
    assert!(zip.read(1, 35).unwrap_err().to_string().contains("at most 60 uncompressed bytes, found 70"));
}

#[test]
fn a_bomb_is_stopped_by_its_own_words_or_by_the_limit() {
    let bomb = Fields::deflated("bomb", &vec![0; 4 << 20]);
    let honest = Writer::default().add(&bomb).finish("");
    assert!(read_all(&honest).unwrap()[0].contains("at most 1048576 bytes in an entry, found 4194304"));
    let lying = Writer::default().add(&Fields { size: 100, ..bomb }).finish("");
    assert!(read_all(&lying).unwrap()[0].contains("expected 100 uncompressed bytes"));
}

#[test]
fn what_is_no_archive_is_refused() {
    for bytes in [b"".to_vec(), b"PK".to_vec(), vec![0; 100_000], b"PK\x05\x06".repeat(30)] {
        let _ = read_all(&bytes).map(|entries| assert!(entries.is_empty()));
    }
    assert!(read_all(&b"hello, world, this is no zip".to_vec()).unwrap_err().contains("no zip archive"));
}
