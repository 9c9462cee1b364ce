//! Tells at one look that a partition does not know an ID: a scan asks dozens of partitions for each name of a flaw, and
//! most know nothing of it.
//!
//! A Bloom filter whose bits for one key lie in one word of 64 bits, so that a look is one cache miss: twelve bits a key,
//! of which four are set. Some 3% of the unknown keys pass.
//!
//! Source: F. Putze, P. Sanders, J. Singler, "Cache-, Hash- and Space-Efficient Bloom Filters", 2007, section 3.

use crate::index;
use crate::strings::u64_at;

/// Bits of the filter for each key.
const BITS_PER_KEY: usize = 12;
/// Number of the hash function that IDs are hashed with; part of the format.
const HASH: u32 = 0x1d5;
/// Bits of the hash that choose the word; the others choose its bits.
const WORD_BITS: u32 = 40;

/// The hash of an ID, for [`may_have`].
pub(crate) fn hash(id: &str) -> u64 {
    index::hash(HASH, id.as_bytes())
}

/// The filter of these keys.
pub(crate) fn build(hashes: impl ExactSizeIterator<Item = u64>) -> Vec<u8> {
    let mut words = vec![0_u64; (hashes.len() * BITS_PER_KEY).div_ceil(64)];
    for hash in hashes {
        let place = place(hash, words.len());
        words[place] |= mask(hash);
    }
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Whether the key may be among those of the filter. No word at all: no key.
pub(crate) fn may_have(filter: &[u8], hash: u64) -> bool {
    let words = filter.len() / 8;
    let mask = mask(hash);
    words > 0 && u64_at(filter, 8 * place(hash, words)).is_some_and(|word| word & mask == mask)
}

fn place(hash: u64, words: usize) -> usize {
    let high = u128::from(hash >> (64 - WORD_BITS));
    // Less than `words`, so it fits.
    usize::try_from((high * words as u128) >> WORD_BITS).unwrap_or_default()
}

/// Four bits, from the 24 that do not choose the word.
fn mask(hash: u64) -> u64 {
    [0, 6, 12, 18].into_iter().fold(0, |mask, shift| mask | 1 << (hash >> shift & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_passes_and_little_else() {
        let hashes: Vec<u64> = (0..10_000).map(|n| hash(&format!("CVE-2024-{n}"))).collect();
        let filter = build(hashes.iter().copied());
        assert_eq!(filter.len(), 15_000);
        assert!(hashes.iter().all(|hash| may_have(&filter, *hash)));
        let passing = (0..10_000).filter(|n| may_have(&filter, hash(&format!("CVE-2023-{n}")))).count();
        assert!(passing < 600, "{passing}");
        assert!(!may_have(&build([].into_iter()), 7));
        assert!(!may_have(&[1, 2, 3], 7));
    }
}
