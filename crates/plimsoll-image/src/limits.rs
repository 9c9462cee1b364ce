//! How much of a foreign image is read.

/// Bounds on what one layer, or one folder, may cost. What a bound cuts off becomes a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries of one layer, inclusive. Real images have had 3 million.
    pub entries: u64,
    /// Uncompressed bytes of one layer, inclusive.
    pub layer_bytes: u64,
    /// How many times larger than its stored bytes a layer may become, once it is larger than
    /// [`Limits::ratio_from_bytes`]. Gzip reaches 1,032 with nothing but zeros; real layers stay under 50.
    pub ratio: u64,
    /// Uncompressed bytes from which the ratio is looked at.
    pub ratio_from_bytes: u64,
    /// Bytes of one wanted file, inclusive.
    pub file_bytes: u64,
    /// Bytes of one wanted file that are held in memory; a larger one is put aside in an unnamed file.
    pub memory_file_bytes: u64,
    /// Bytes of a path, and of a symbolic link's target, inclusive. Linux allows 4,096.
    pub path_bytes: usize,
    /// Symbolic links of one layer that are remembered, inclusive.
    pub symlinks: usize,
    /// Gaps of one layer that are listed one by one; beyond, their number is.
    pub gaps: usize,
    /// Bytes of memory, about, that the result of one layer may take: packages, paths, links. A package takes some 700.
    pub layer_result_bytes: u64,
    /// Bytes of memory, about, that the results of an image's layers may take together. Beyond, there is no inventory.
    pub image_result_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 10_000_000,
            layer_bytes: 256 << 30,
            ratio: 300,
            ratio_from_bytes: 1 << 30,
            file_bytes: 4 << 30,
            memory_file_bytes: 16 << 20,
            path_bytes: 4096,
            symlinks: 500_000,
            gaps: 1000,
            layer_result_bytes: 256 << 20,
            image_result_bytes: 768 << 20,
        }
    }
}
