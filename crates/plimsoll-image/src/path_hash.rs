//! Paths as numbers: the fold asks of every path of an image whether another layer covers it, and three million paths
//! as text would not fit.

/// Hash of a path: FNV-1a, 64 bits, stable for ever since it is stored. With three million paths a layer, the chance
/// that one of ten thousand wanted files meets a wrong cover is about one in six hundred million.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PathHash(pub(crate) u64);

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

impl PathHash {
    /// Of a normalized path.
    pub(crate) fn of(path: &str) -> Self {
        Self(path.bytes().fold(OFFSET, step))
    }

    /// Of each folder above a path, from the root's child down, without the path itself.
    pub(crate) fn ancestors(path: &str) -> impl Iterator<Item = Self> + '_ {
        let mut hash = OFFSET;
        path.bytes().filter_map(move |byte| {
            let before = hash;
            hash = step(hash, byte);
            (byte == b'/').then_some(Self(before))
        })
    }
}

fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(PRIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancestors_are_the_folders_above() {
        let above: Vec<PathHash> = PathHash::ancestors("usr/lib/os-release").collect();
        assert_eq!(above, [PathHash::of("usr"), PathHash::of("usr/lib")]);
        assert_eq!(PathHash::ancestors("etc").count(), 0);
    }
}
