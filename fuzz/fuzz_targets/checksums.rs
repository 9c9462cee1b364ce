//! Makes headers out of what looks like some, or nearly all input would end at the first wrong checksum.

/// Gives each block of 512 bytes that bears a tar header's magic the checksum of its bytes.
pub fn repair(bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
}
