//! Chunks: blocks of a partition that stand one behind the other, put together until they are worth a request.
//!
//! A chunk is the frames of its blocks, each with its length in front: four bytes, least first. Where it ends decide the
//! blocks themselves, by their digests, so that one changed block changes one chunk, and a registry that has yesterday's
//! database has nearly all of today's. For the same reason a reader knows which chunks it need not fetch: it puts the
//! blocks it has together in the same way, and compares digests.

use std::ops::Range;

use plimsoll_db::MAX_FRAME_BYTES;

/// A chunk ends nowhere before it has this many bytes.
const MIN_BYTES: usize = 64 << 10;
/// Behind that it ends after this many bytes on average; 256 KiB in all.
const MEAN_BYTES: u64 = 192 << 10;
/// The most bytes of a chunk of several blocks.
pub(crate) const FULL_BYTES: usize = 1 << 20;
/// The most bytes of a chunk of one block.
pub(crate) const MAX_CHUNK_BYTES: usize = MAX_FRAME_BYTES + LENGTH_BYTES;
/// The bytes of a frame's length.
pub(crate) const LENGTH_BYTES: usize = 4;

/// Which blocks make up a chunk each, for blocks with these hashes (of their content) and lengths of their frames.
pub(crate) fn group(blocks: impl Iterator<Item = (u64, usize)>) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let (mut start, mut end, mut size) = (0, 0, 0);
    for (hash, length) in blocks {
        let length = length + LENGTH_BYTES;
        if end > start && size + length > FULL_BYTES {
            out.push(start..end);
            (start, size) = (end, 0);
        }
        end += 1;
        size += length;
        // The longer a block, the more probable is an end behind it, whatever size blocks have.
        let chance = (u64::MAX / MEAN_BYTES).saturating_mul(length as u64);
        if size >= MIN_BYTES && hash < chance {
            out.push(start..end);
            (start, size) = (end, 0);
        }
    }
    if end > start {
        out.push(start..end);
    }
    out
}

/// A hash of a block's content, from the hex digits of its digest.
pub(crate) fn hash(hex: &str) -> u64 {
    u64::from_str_radix(hex.get(..16).unwrap_or_default(), 16).expect("a digest has 64 hex digits or more")
}

/// The bytes of a chunk.
pub(crate) fn pack<'a>(frames: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for frame in frames {
        let length = u32::try_from(frame.len()).expect("a frame has some 65 MiB at most");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(frame);
    }
    out
}

/// The frames of a chunk of this many blocks.
///
/// # Errors
/// What was found instead.
pub(crate) fn unpack(bytes: &[u8], blocks: u64) -> Result<Vec<&[u8]>, String> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some((length, behind)) = rest.split_first_chunk::<LENGTH_BYTES>() {
        let length = u32::from_le_bytes(*length);
        let (frame, behind) = usize::try_from(length)
            .ok()
            .and_then(|length| behind.split_at_checked(length))
            .ok_or_else(|| format!("one of {length} bytes, with {} left", behind.len()))?;
        if out.len() as u64 == blocks {
            return Err("more".to_owned());
        }
        out.push(frame);
        rest = behind;
    }
    if !rest.is_empty() {
        return Err(format!("{} bytes behind the last of them", rest.len()));
    }
    if out.len() as u64 == blocks { Ok(out) } else { Err(out.len().to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look like chance, and are the same each time.
    fn blocks(count: usize, mut state: u64) -> Vec<(u64, usize)> {
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        (0..count).map(|_| (next(), 2_000 + usize::try_from(next() % 8_000).unwrap())).collect()
    }

    fn sizes(blocks: &[(u64, usize)]) -> Vec<usize> {
        let ranges = group(blocks.iter().copied());
        ranges.into_iter().map(|range| blocks[range].iter().map(|(_, length)| length + 4).sum()).collect()
    }

    #[test]
    fn chunks_cover_all_blocks_in_order_within_their_sizes() {
        let blocks = blocks(20_000, 7);
        let ranges = group(blocks.iter().copied());
        let mut next = 0;
        for range in &ranges {
            assert_eq!(range.start, next);
            next = range.end;
        }
        assert_eq!(next, blocks.len());
        let sizes = sizes(&blocks);
        let (last, others) = sizes.split_last().unwrap();
        assert!(others.iter().all(|size| (MIN_BYTES..=FULL_BYTES).contains(size)), "{sizes:?}");
        assert!(*last <= FULL_BYTES);
        let mean = others.iter().sum::<usize>() / others.len();
        assert!((200_000..320_000).contains(&mean), "{mean}");
    }

    #[test]
    fn one_changed_block_changes_one_chunk_or_two() {
        let before = blocks(5_000, 3);
        let chunk = |blocks: &[(u64, usize)]| -> std::collections::BTreeSet<Vec<(u64, usize)>> {
            group(blocks.iter().copied()).into_iter().map(|range| blocks[range].to_vec()).collect()
        };
        let old = chunk(&before);
        for at in (0..before.len()).step_by(97) {
            let mut changed = before.clone();
            changed[at] = (changed[at].0 ^ 0x5555, changed[at].1 + 1);
            let mut longer = before.clone();
            longer.insert(at, (u64::MAX / 3, 4_000));
            let mut shorter = before.clone();
            shorter.remove(at);
            for after in [changed, longer, shorter] {
                let new = chunk(&after).difference(&old).count();
                assert!(new <= 4, "{new} chunks are new");
            }
        }
    }

    #[test]
    fn a_block_may_be_longer_than_a_chunk_should_be() {
        assert_eq!(group([(u64::MAX, 3 << 20), (u64::MAX, 10)].into_iter()), [0..1, 1..2]);
        assert_eq!(group([(u64::MAX, 10), (u64::MAX, 3 << 20)].into_iter()), [0..1, 1..2]);
        assert_eq!(group(std::iter::empty()), Vec::<Range<usize>>::new());
        assert_eq!(group([(0, 10), (0, 10)].into_iter()), std::iter::once(0..2).collect::<Vec<_>>());
    }

    #[test]
    fn frames_are_told_apart() {
        let frames: [&[u8]; 3] = [b"one", b"", b"three"];
        let chunk = pack(frames.into_iter());
        assert_eq!(unpack(&chunk, 3).unwrap(), frames);
        assert_eq!(unpack(&[], 0).unwrap(), Vec::<&[u8]>::new());
        for (bytes, blocks, found) in [
            (&chunk[..], 2, "more"),
            (&chunk[..], 4, "3"),
            (&chunk[..chunk.len() - 1], 3, "one of 5 bytes, with 4 left"),
            (&chunk[..9], 2, "2 bytes behind the last of them"),
            (&[0xff; 8][..], 1, "one of 4294967295 bytes, with 4 left"),
            (b"<html>", 1, "one of 1836345404 bytes, with 2 left"),
            (&[0; 4_000][..], 10, "more"),
        ] {
            assert_eq!(unpack(bytes, blocks).unwrap_err(), found);
        }
    }

    #[test]
    fn a_hash_is_the_start_of_a_digest() {
        assert_eq!(hash(&format!("00000000000000ff{}", "ab".repeat(24))), 255);
    }
}
