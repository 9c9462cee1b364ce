//! Zip archives as artifacts: unpacked into a folder, and written from one.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use plimsoll_archive::{Zip, ZipError, ZipLimits, normalize};

use crate::error::Error;
use crate::tree;

/// Most bytes of one file of an archive: 2 GiB. It is held in memory.
const MAX_ENTRY_BYTES: u64 = 2 << 30;
/// Most bytes of all files of an archive: 64 GiB.
const MAX_TOTAL_BYTES: u64 = 64 << 30;
/// Most bytes and entries of an archive that is written, which has no Zip64 extensions.
const MAX_WRITTEN_BYTES: u64 = u32::MAX as u64;
const MAX_WRITTEN_ENTRIES: usize = u16::MAX as usize;
/// What a file's mode says of its kind.
const KIND: u16 = 0o170_000;
const LINK: u16 = 0o120_000;

/// Unpacks an archive into a new folder; answers what was left out, each in one line.
pub(crate) fn unpack(archive: &Path, folder: &Path) -> Result<Vec<String>, Error> {
    let wrong = |source: ZipError| Error::Zip { path: archive.to_owned(), source };
    let file = File::open(archive).map_err(Error::disk("read", archive))?;
    let limits = ZipLimits { total_bytes: MAX_TOTAL_BYTES, ..ZipLimits::default() };
    let mut zip = Zip::open(&file, limits).map_err(wrong)?;
    fs::create_dir_all(folder).map_err(Error::disk("make folder", folder))?;
    let mut left_out = Vec::new();
    let mut links = Vec::new();
    for index in 0..zip.entries().len() {
        let entry = &zip.entries()[index];
        let name = normalize(&entry.name).filter(|name| !name.contains('\0'));
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            left_out.push(format!("`{}` was left out: its name leads out", entry.name.replace('\0', "?")));
            continue;
        };
        let (is_folder, mode) = (entry.is_directory(), entry.unix_mode.unwrap_or(0));
        let path = folder.join(&name);
        let parent = if is_folder { path.as_path() } else { path.parent().unwrap_or(folder) };
        fs::create_dir_all(parent).map_err(Error::disk("make folder", parent))?;
        if is_folder {
            continue;
        }
        let bytes = zip.read(index, MAX_ENTRY_BYTES).map_err(wrong)?;
        if mode & KIND == LINK {
            // Links come last: nothing is written through one.
            links.push((name, path, bytes));
            continue;
        }
        fs::write(&path, &bytes).map_err(Error::disk("write", &path))?;
        if mode & 0o111 != 0 {
            let permissions = fs::Permissions::from_mode(0o755);
            fs::set_permissions(&path, permissions).map_err(Error::disk("write", &path))?;
        }
    }
    for (name, path, to) in links {
        let to = String::from_utf8_lossy(&to).into_owned();
        if to.contains('\0') || !tree::leads_inside(Path::new(&to), Path::new(&name)) || path.exists() {
            left_out.push(format!("`{name}` was left out: a link that leads out"));
            continue;
        }
        std::os::unix::fs::symlink(&to, &path).map_err(Error::disk("make link", &path))?;
    }
    Ok(left_out)
}

/// Writes the files of a folder as an archive, stored as they are; links are followed.
///
/// Source: PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
pub(crate) fn pack(folder: &Path, archive: &Path) -> Result<(), Error> {
    let files = tree::files(folder)?;
    if files.len() > MAX_WRITTEN_ENTRIES {
        let limit = MAX_WRITTEN_ENTRIES as u64;
        return Err(Error::Limit { path: folder.to_owned(), limit, unit: "files of a zip archive" });
    }
    let out = File::create(archive).map_err(Error::disk("write", archive))?;
    let mut out = io::BufWriter::new(out);
    let mut directory = Vec::new();
    let mut offset = 0_u64;
    let mut count = 0_u16;
    for (name, path) in &files {
        let Ok(metadata) = fs::metadata(path) else { continue };
        if !metadata.is_file() {
            continue;
        }
        let too_large = || Error::Limit {
            path: folder.to_owned(),
            limit: MAX_WRITTEN_BYTES,
            unit: "bytes of a zip archive",
        };
        if offset + metadata.len() > MAX_WRITTEN_BYTES {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(Error::disk("read", path))?;
        #[expect(clippy::disallowed_methods, reason = "behind `take`")]
        file.take(MAX_WRITTEN_BYTES).read_to_end(&mut bytes).map_err(Error::disk("read", path))?;
        let size = u32::try_from(bytes.len()).map_err(|_| too_large())?;
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        let name = &name.as_bytes()[..usize::from(length)];
        let mut common = Vec::new();
        // Version 2.0, names in UTF-8, stored, midnight of 1980-01-01.
        for number in [20_u16, 1 << 11, 0, 0, 0x21] {
            common.extend(number.to_le_bytes());
        }
        for number in [crc32(&bytes), size, size] {
            common.extend(number.to_le_bytes());
        }
        common.extend(length.to_le_bytes());
        common.extend(0_u16.to_le_bytes());
        let start = u32::try_from(offset).map_err(|_| too_large())?;
        let mode = 0o100_000 | metadata.permissions().mode() & 0o777;
        directory.extend(b"PK\x01\x02");
        directory.extend((3_u16 << 8 | 0x14).to_le_bytes());
        directory.extend(&common);
        directory.extend([0; 6]);
        directory.extend((mode << 16).to_le_bytes());
        directory.extend(start.to_le_bytes());
        directory.extend(name);
        let header = [b"PK\x03\x04", common.as_slice(), name].concat();
        out.write_all(&header).and_then(|()| out.write_all(&bytes)).map_err(Error::disk("write", archive))?;
        offset += (header.len() + bytes.len()) as u64;
        count += 1;
    }
    let mut end = Vec::from(b"PK\x05\x06\0\0\0\0");
    end.extend(count.to_le_bytes());
    end.extend(count.to_le_bytes());
    end.extend(u32::try_from(directory.len()).unwrap_or(u32::MAX).to_le_bytes());
    end.extend(u32::try_from(offset).unwrap_or(u32::MAX).to_le_bytes());
    end.extend([0; 2]);
    out.write_all(&directory)
        .and_then(|()| out.write_all(&end))
        .and_then(|()| out.flush())
        .map_err(Error::disk("write", archive))
}

/// CRC-32 as zip archives have it: polynomial 0xedb88320, reflected.
fn crc32(bytes: &[u8]) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|index| {
        let start = u32::try_from(index).expect("an index below 256");
        (0..8).fold(start, |value, _| if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 })
    });
    !bytes.iter().fold(!0, |crc: u32, byte| crc >> 8 ^ table[usize::from(crc.to_le_bytes()[0] ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_with_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        fs::create_dir_all(from.join("bin")).unwrap();
        fs::write(from.join("bin/run"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(from.join("bin/run"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(from.join("größe"), "x").unwrap();
        let archive = folder.path().join("a.zip");
        pack(&from, &archive).unwrap();
        let to = folder.path().join("to");
        assert!(unpack(&archive, &to).unwrap().is_empty());
        assert_eq!(tree::digest(&from).unwrap(), tree::digest(&to).unwrap());
        assert_eq!(fs::metadata(to.join("bin/run")).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn names_and_links_that_lead_out_are_left_out_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("a.zip");
        // One name is `../evil`, one entry a link to `../../etc`.
        let from = folder.path().join("from");
        fs::create_dir(&from).unwrap();
        fs::write(from.join("xx+evil"), "x").unwrap();
        fs::write(from.join("link"), "../../etc").unwrap();
        pack(&from, &archive).unwrap();
        #[expect(clippy::disallowed_methods, reason = "a small file of the test's own")]
        let mut bytes = fs::read(&archive).unwrap();
        let replace = |bytes: &mut Vec<u8>, from: &[u8], to: &[u8]| {
            while let Some(at) = bytes.windows(from.len()).position(|window| window == from) {
                bytes[at..at + to.len()].copy_from_slice(to);
            }
        };
        replace(&mut bytes, b"xx+evil", b"../evil");
        let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        bytes[directory + 40..directory + 42].copy_from_slice(&0o120_777_u16.to_le_bytes());
        fs::write(&archive, &bytes).unwrap();
        let left_out = unpack(&archive, &folder.path().join("to")).unwrap();
        assert_eq!(left_out.len(), 2, "{left_out:?}");
        assert!(!folder.path().join("evil").exists());
        fs::write(&archive, "no zip").unwrap();
        assert!(matches!(unpack(&archive, &folder.path().join("x")), Err(Error::Zip { .. })));
    }
}
