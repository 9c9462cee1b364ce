//! A hash table from keys to offsets, in a form that is used as it lies in the file.
//!
//! Open addressing with linear probing. A slot is 0 where it is empty, else 24 bits of the key's hash above 40 bits
//! of the record's offset plus one. The key stands in the record, so a slot that matches by chance costs one look.
//!
//! Why no `fst`: its nodes are decoded with unchecked slices, so a damaged file could end the process, unless all of
//! it were checked at each start. Here every slot is checked when it is read, and a lookup takes one or two cache
//! misses instead of one a byte.

use plimsoll_model::LookupError;

use crate::Error;
use crate::strings::u64_at;

const OFFSET_BITS: u32 = 40;
/// Largest offset that a slot can hold: it is stored plus one.
const MAX_OFFSET: u64 = (1 << OFFSET_BITS) - 2;

/// The hash of a key: a number and a text. Part of the format: it may never change without [`crate::FORMAT`].
pub(crate) fn hash(number: u32, text: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| {
        let state = (state ^ word).wrapping_mul(FACTOR);
        state ^ (state >> 32)
    };
    let mut state = mix(text.len() as u64, u64::from(number) + 1);
    let (words, tail) = text.as_chunks::<8>();
    for word in words {
        state = mix(state, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..tail.len()].copy_from_slice(tail);
    state = mix(state, u64::from_le_bytes(last));
    state = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state ^ (state >> 32)
}

/// Builds the table of `(hash, offset)`, four fifths full.
pub(crate) fn build(keys: &[(u64, u64)]) -> Result<Vec<u8>, Error> {
    let slots = keys.len() + keys.len() / 4 + 1;
    let mut table = vec![0_u64; slots];
    for &(hash, offset) in keys {
        if offset > MAX_OFFSET {
            return Err(Error::TooMuch { what: "bytes of one section", limit: MAX_OFFSET, found: offset });
        }
        let mut place = first_slot(hash, slots);
        while table[place] != 0 {
            place = next_slot(place, slots);
        }
        table[place] = (hash >> OFFSET_BITS << OFFSET_BITS) | (offset + 1);
    }
    Ok(table.iter().flat_map(|slot| slot.to_le_bytes()).collect())
}

/// The low bits of the hash, which are not those of the slot, spread over as many slots as there are.
fn first_slot(hash: u64, slots: usize) -> usize {
    let low = u128::from(hash & ((1 << OFFSET_BITS) - 1));
    // Less than `slots`, so it fits.
    usize::try_from((low * slots as u128) >> OFFSET_BITS).unwrap_or_default()
}

fn next_slot(place: usize, slots: usize) -> usize {
    if place + 1 < slots { place + 1 } else { 0 }
}

/// The offsets that a key may stand at. `is_it` looks at one and says whether it does.
pub(crate) fn find<T>(
    table: &[u8],
    hash: u64,
    mut is_it: impl FnMut(u64) -> Result<Option<T>, LookupError>,
) -> Result<Option<T>, LookupError> {
    let slots = table.len() / 8;
    if slots == 0 || !table.len().is_multiple_of(8) {
        return Err(crate::bytes::damaged("index", "whole slots, one at least"));
    }
    let mut place = first_slot(hash, slots);
    // Bounded by the table, in case that none of its slots is empty.
    for _ in 0..slots {
        let slot = u64_at(table, 8 * place).unwrap_or_default();
        if slot == 0 {
            return Ok(None);
        }
        if slot >> OFFSET_BITS == hash >> OFFSET_BITS
            && let Some(found) = is_it((slot & (MAX_OFFSET + 1)).wrapping_sub(1))?
        {
            return Ok(Some(found));
        }
        place = next_slot(place, slots);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_part_of_the_format() {
        assert_eq!(hash(0, b""), 0xd6f5_0b55_0128_5c4c);
        assert_eq!(hash(3, b"openssl"), 0xcc08_05f5_d74c_6767);
        assert_eq!(hash(3, b"linux-headers"), 0xdb97_1939_5385_6c68);
    }

    #[test]
    fn each_key_is_found_and_no_other() {
        let names: Vec<String> = (0..5000).map(|n| format!("name-{n}")).collect();
        let keys: Vec<(u64, u64)> =
            names.iter().zip(0..).map(|(name, offset)| (hash(1, name.as_bytes()), offset)).collect();
        let table = build(&keys).unwrap();
        let look = |number: u32, name: &str| {
            find(&table, hash(number, name.as_bytes()), |offset| {
                Ok(names
                    .get(usize::try_from(offset).unwrap())
                    .filter(|n| *n == name && number == 1)
                    .map(|_| offset))
            })
        };
        for (name, offset) in names.iter().zip(0..) {
            assert_eq!(look(1, name), Ok(Some(offset)));
            assert_eq!(look(2, name), Ok(None));
        }
        assert_eq!(look(1, "name-5000"), Ok(None));
    }

    #[test]
    fn tables_that_are_damaged_end_the_search() {
        assert_eq!(find(&build(&[]).unwrap(), 7, |_| Ok(Some(()))), Ok(None));
        assert!(find(&[], 7, |_| Ok(Some(()))).is_err());
        assert!(find(&[0; 23], 7, |_| Ok(Some(()))).is_err());
        assert_eq!(find::<()>(&[0xff; 64], u64::MAX, |_| Ok(None)), Ok(None));
        assert!(build(&[(1, u64::MAX)]).is_err());
    }
}
