//! The central directory: found from the end, Zip64 or not, and read into entries.

use std::borrow::Cow;

use super::{ZipEntry, ZipError, ZipLimits};
use crate::ReadAt;

const END_SIGNATURE: u32 = 0x0605_4b50;
const END_BYTES: u64 = 22;
/// The archive comment behind the end record is at most this long, in bytes.
const MAX_COMMENT_BYTES: u64 = 0xffff;
const ZIP64_LOCATOR_SIGNATURE: u32 = 0x0706_4b50;
const ZIP64_LOCATOR_BYTES: u64 = 20;
const ZIP64_END_SIGNATURE: u32 = 0x0606_4b50;
const ZIP64_END_BYTES: u64 = 56;
const ENTRY_SIGNATURE: u32 = 0x0201_4b50;
const ENTRY_BYTES: usize = 46;
const ZIP64_EXTRA: u16 = 1;

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

/// What the end records say, with the offset at which the records themselves begin.
struct End {
    entries: u64,
    size: u64,
    offset: u64,
    position: u64,
}

/// Reads all entries, in the order of the directory.
pub(super) fn read(bytes: &dyn ReadAt, limits: &ZipLimits) -> Result<Vec<ZipEntry>, ZipError> {
    let end = end(bytes)?;
    let limit = |unit, limit, found| {
        if found > limit { Err(ZipError::Limit { unit, limit, found }) } else { Ok(()) }
    };
    limit("entries", limits.entries, end.entries)?;
    limit("bytes in the central directory", limits.directory_bytes, end.size)?;
    let (start, base) = place(bytes, &end)?;
    let directory = bytes_at(bytes, start, end.size)?;

    let mut entries = Vec::new();
    let mut rest = directory.as_ref();
    while entries.len() as u64 != end.entries {
        let (entry, next) = entry(rest, base, limits)?;
        entries.push(entry);
        rest = next;
    }
    bound_ends(&mut entries, start);
    Ok(entries)
}

/// Finds the end record: the last place where one can stand with its comment inside the file.
fn end(bytes: &dyn ReadAt) -> Result<End, ZipError> {
    let size = bytes.size();
    let tail_size = size.min(END_BYTES + MAX_COMMENT_BYTES);
    let tail_start = size - tail_size;
    let tail = bytes_at(bytes, tail_start, tail_size)?;
    let found = tail.windows(4).enumerate().rev().find_map(|(at, window)| {
        let record = &tail[at..];
        let comment = usize::from(u16_at(record, 20)?);
        (window == END_SIGNATURE.to_le_bytes() && record.len() >= 22 + comment).then_some((at, record))
    });
    let Some((at, record)) = found else {
        let head = bytes_at(bytes, 0, size.min(4))?;
        let found =
            if head.starts_with(b"PK") { "none: it is cut short" } else { "none: it is no zip archive" };
        return Err(ZipError::malformed("an end record in the last 65557 bytes", found));
    };
    let short = |at| u16_at(record, at).map_or(0, u64::from);
    let long = |at| u32_at(record, at).map_or(0, u64::from);
    let position = tail_start + at as u64;
    let plain = End { entries: short(10), size: long(12), offset: long(16), position };
    let is_zip64 = plain.entries == 0xffff || plain.size == 0xffff_ffff || plain.offset == 0xffff_ffff;
    if is_zip64 && let Some(end) = zip64_end(bytes, position)? {
        return Ok(end);
    }
    if short(4) != 0 || short(6) != 0 {
        return Err(ZipError::malformed("an archive in one part", format!("part {} of several", short(4))));
    }
    Ok(plain)
}

/// The Zip64 end record, where a locator stands before the end record.
fn zip64_end(bytes: &dyn ReadAt, end_position: u64) -> Result<Option<End>, ZipError> {
    let Some(locator_position) = end_position.checked_sub(ZIP64_LOCATOR_BYTES) else { return Ok(None) };
    let locator = bytes_at(bytes, locator_position, ZIP64_LOCATOR_BYTES)?;
    if u32_at(&locator, 0) != Some(ZIP64_LOCATOR_SIGNATURE) {
        return Ok(None);
    }
    // The locator's offset counts from the archive's start, which is not the file's where bytes stand before it;
    // without an extensible data sector the record stands right before its locator.
    let announced = u64_at(&locator, 8).unwrap_or(u64::MAX);
    for position in [Some(announced), locator_position.checked_sub(ZIP64_END_BYTES)].into_iter().flatten() {
        if position.checked_add(ZIP64_END_BYTES).is_none_or(|end| end > locator_position) {
            continue;
        }
        let record = bytes_at(bytes, position, ZIP64_END_BYTES)?;
        if u32_at(&record, 0) == Some(ZIP64_END_SIGNATURE) {
            let field = |at| u64_at(&record, at).unwrap_or(u64::MAX);
            return Ok(Some(End { entries: field(32), size: field(40), offset: field(48), position }));
        }
    }
    Err(ZipError::malformed("a Zip64 end record where its locator says", "other bytes"))
}

/// Where the directory starts in the file, and how many bytes stand before the archive.
fn place(bytes: &dyn ReadAt, end: &End) -> Result<(u64, u64), ZipError> {
    let outside = || {
        let found = format!("{} bytes at {}", end.size, end.offset);
        ZipError::malformed("a central directory before the end record", found)
    };
    let is_directory = |start: u64| -> Result<bool, ZipError> {
        Ok(u32_at(&bytes_at(bytes, start, end.size.min(4))?, 0) == Some(ENTRY_SIGNATURE))
    };
    let before_end = end.position.checked_sub(end.size).ok_or_else(outside)?;
    if let Some(base) = before_end.checked_sub(end.offset)
        && (end.entries == 0 || is_directory(before_end)?)
    {
        return Ok((before_end, base));
    }
    // Something stands between the directory and its end record: then offsets count from the file's start.
    if end.offset.checked_add(end.size).is_some_and(|after| after <= end.position)
        && is_directory(end.offset)?
    {
        return Ok((end.offset, 0));
    }
    Err(outside())
}

fn entry<'a>(rest: &'a [u8], base: u64, limits: &ZipLimits) -> Result<(ZipEntry, &'a [u8]), ZipError> {
    let cut = || ZipError::malformed("as many directory entries as the end record says", "fewer");
    let header = rest.get(..ENTRY_BYTES).ok_or_else(cut)?;
    if u32_at(header, 0) != Some(ENTRY_SIGNATURE) {
        return Err(cut());
    }
    let short = |at| u16_at(header, at).unwrap_or(0);
    let long = |at| u32_at(header, at).unwrap_or(0);
    let (name_length, extra_length) = (usize::from(short(28)), usize::from(short(30)));
    if name_length as u64 > limits.name_bytes {
        let found = name_length as u64;
        return Err(ZipError::Limit { unit: "bytes in a name", limit: limits.name_bytes, found });
    }
    let name_end = ENTRY_BYTES + name_length;
    let extra_end = name_end + extra_length;
    let name = rest.get(ENTRY_BYTES..name_end).ok_or_else(cut)?;
    let extra = rest.get(name_end..extra_end).ok_or_else(cut)?;
    let next = rest.get(extra_end + usize::from(short(32))..).ok_or_else(cut)?;

    let mut sizes = [u64::from(long(24)), u64::from(long(20)), u64::from(long(42))];
    widen(&mut sizes, extra);
    let [size, compressed_size, offset] = sizes;
    let header_offset = base
        .checked_add(offset)
        .ok_or_else(|| ZipError::malformed("local headers inside the file", format!("one at {offset}")))?;
    let entry = ZipEntry {
        name: String::from_utf8_lossy(name).into_owned(),
        size,
        compressed_size,
        // The upper byte of "version made by" is the system, 3 for Unix, which keeps its mode in the upper half of the
        // external attributes.
        unix_mode: (short(4) >> 8 == 3).then_some(short(40)),
        method: short(10),
        flags: short(8),
        crc: long(16),
        header_offset,
        end_bound: 0,
    };
    Ok((entry, next))
}

/// Takes from the Zip64 extra field what the 32-bit fields had no room for, in the field's fixed order.
fn widen(sizes: &mut [u64; 3], mut extra: &[u8]) {
    while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let Some(mut data) = extra.get(4..4 + usize::from(length)) else { return };
        if id == ZIP64_EXTRA {
            for size in sizes.iter_mut().filter(|size| **size == 0xffff_ffff) {
                let Some(wide) = u64_at(data, 0) else { return };
                *size = wide;
                data = &data[8..];
            }
            return;
        }
        extra = &extra[4 + usize::from(length)..];
    }
}

/// Sets where each entry must have ended: at the next local header, the last ones at the directory.
fn bound_ends(entries: &mut [ZipEntry], directory_start: u64) {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(entries[index].header_offset));
    let mut bound = directory_start;
    let mut group_offset = u64::MAX;
    let mut group_bound = bound;
    for index in order {
        let offset = entries[index].header_offset;
        if offset != group_offset {
            // Two names for one header are no overlap: they share a bound.
            (group_offset, group_bound) = (offset, bound);
            bound = offset.min(directory_start);
        }
        entries[index].end_bound = group_bound;
    }
}

/// `size` bytes from `start` on, which the caller has found to lie inside limits.
fn bytes_at(bytes: &dyn ReadAt, start: u64, size: u64) -> Result<Cow<'_, [u8]>, ZipError> {
    let outside =
        || ZipError::malformed(format!("{size} bytes at {start}"), format!("{} bytes in all", bytes.size()));
    let end = start.checked_add(size).filter(|&end| end <= bytes.size()).ok_or_else(outside)?;
    let (first, last) = (usize::try_from(start), usize::try_from(end));
    if let (Some(slice), Ok(first), Ok(last)) = (bytes.as_slice(), first, last) {
        return slice.get(first..last).map(Cow::Borrowed).ok_or_else(outside);
    }
    let mut buffer = vec![0; usize::try_from(size).map_err(|_| outside())?];
    if bytes.read_at(&mut buffer, start)? < buffer.len() {
        return Err(outside());
    }
    Ok(Cow::Owned(buffer))
}
