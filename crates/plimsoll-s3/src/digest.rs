//! Digests of what goes through: MD5 for entity tags, and the checksums that S3 knows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Digest as _;

use crate::refusal::Refusal;

/// A checksum that S3 knows.
///
/// Source: Amazon S3 User Guide, "Checking object integrity".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub(crate) const ALL: [Algorithm; 5] =
        [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme, Algorithm::Sha1, Algorithm::Sha256];

    /// As `x-amz-checksum-algorithm` names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "CRC32",
            Algorithm::Crc32c => "CRC32C",
            Algorithm::Crc64Nvme => "CRC64NVME",
            Algorithm::Sha1 => "SHA1",
            Algorithm::Sha256 => "SHA256",
        }
    }

    /// The header, or trailer, that bears its value.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "x-amz-checksum-crc32",
            Algorithm::Crc32c => "x-amz-checksum-crc32c",
            Algorithm::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Algorithm::Sha1 => "x-amz-checksum-sha1",
            Algorithm::Sha256 => "x-amz-checksum-sha256",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    pub(crate) fn of_header(name: &str) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.header().eq_ignore_ascii_case(name))
    }

    /// Whether a checksum of the whole can be one of a multipart upload; else it is one of the parts' checksums.
    pub(crate) fn can_be_of_whole(self) -> bool {
        matches!(self, Algorithm::Crc32 | Algorithm::Crc32c | Algorithm::Crc64Nvme)
    }

    fn length_bytes(self) -> usize {
        match self {
            Algorithm::Crc32 | Algorithm::Crc32c => 4,
            Algorithm::Crc64Nvme => 8,
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
        }
    }

    fn hasher(self) -> Hasher {
        match self {
            Algorithm::Crc32 => Hasher::Crc(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32IsoHdlc)),
            Algorithm::Crc32c => Hasher::Crc(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi)),
            Algorithm::Crc64Nvme => Hasher::Crc(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme)),
            Algorithm::Sha1 => Hasher::Sha1(sha1::Sha1::default()),
            Algorithm::Sha256 => Hasher::Sha256(sha2::Sha256::default()),
        }
    }

    /// The checksum of some bytes, in base64.
    pub(crate) fn of(self, bytes: &[u8]) -> String {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        STANDARD.encode(hasher.finish(self))
    }

    /// The bytes of a checksum in base64.
    ///
    /// # Errors
    /// `InvalidRequest` if it is none of this algorithm.
    pub(crate) fn decode(self, text: &str) -> Result<Vec<u8>, Refusal> {
        STANDARD
            .decode(text)
            .ok()
            .filter(|bytes| bytes.len() == self.length_bytes())
            .ok_or_else(|| Refusal::request(format!("Value for {} header is invalid.", self.header())))
    }
}

enum Hasher {
    Crc(crc_fast::Digest),
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
}

impl Hasher {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Crc(hasher) => hasher.update(bytes),
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self, algorithm: Algorithm) -> Vec<u8> {
        match self {
            Hasher::Crc(hasher) => hasher.finalize().to_be_bytes()[8 - algorithm.length_bytes()..].to_vec(),
            Hasher::Sha1(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha256(hasher) => hasher.finalize().to_vec(),
        }
    }
}

/// Digests of a stream, all in one pass.
pub(crate) struct Digests {
    md5: md5::Md5,
    hashers: Vec<(Algorithm, Hasher)>,
    bytes: u64,
}

/// What a stream's digests are.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    pub(crate) md5: [u8; 16],
    /// In base64.
    pub(crate) checksums: Vec<(Algorithm, String)>,
    pub(crate) bytes: u64,
}

impl Digests {
    pub(crate) fn new(algorithms: &[Algorithm]) -> Digests {
        let mut algorithms = algorithms.to_vec();
        algorithms.sort_unstable();
        algorithms.dedup();
        let hashers = algorithms.into_iter().map(|algorithm| (algorithm, algorithm.hasher())).collect();
        Digests { md5: md5::Md5::default(), hashers, bytes: 0 }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.md5.update(bytes);
        for (_, hasher) in &mut self.hashers {
            hasher.update(bytes);
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn finish(self) -> Sums {
        let checksums = self
            .hashers
            .into_iter()
            .map(|(algorithm, hasher)| (algorithm, STANDARD.encode(hasher.finish(algorithm))))
            .collect();
        Sums { md5: self.md5.finalize().into(), checksums, bytes: self.bytes }
    }
}

impl Sums {
    pub(crate) fn of(&self, algorithm: Algorithm) -> Option<&str> {
        self.checksums.iter().find(|(other, _)| *other == algorithm).map(|(_, text)| text.as_str())
    }
}

/// MD5 of a few bytes, in hexadecimal.
pub(crate) fn md5_hex(bytes: &[u8]) -> String {
    hex(&md5::Md5::digest(bytes))
}

/// An MD5 as `Content-MD5` has it.
///
/// # Errors
/// `InvalidDigest` if it is none.
pub(crate) fn parse_content_md5(text: &str) -> Result<[u8; 16], Refusal> {
    STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| <[u8; 16]>::try_from(bytes).ok())
        .ok_or_else(Refusal::invalid_digest)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(HEX[usize::from(digit)]))
        .collect()
}

/// 16 bytes of hexadecimal.
pub(crate) fn parse_md5_hex(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    for (number, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[number * 2..number * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_of_the_algorithms() {
        // The check values of the CRC catalogue, RFC 1321, FIPS 180.
        for (algorithm, expected) in [
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Crc32c, "e3069283"),
            (Algorithm::Crc64Nvme, "ae8b14860a799888"),
            (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ] {
            let text = algorithm.of(b"123456789");
            assert_eq!(hex(&algorithm.decode(&text).unwrap()), expected, "{algorithm:?}");
            assert_eq!(Algorithm::named(algorithm.name()), Some(algorithm));
            assert_eq!(Algorithm::of_header(algorithm.header()), Some(algorithm));
        }
        assert_eq!(md5_hex(b"abc"), "900150983cd24fb0d6963f7d28e17f72");
    }

    #[test]
    fn one_pass_gives_all() {
        let mut digests = Digests::new(&[Algorithm::Sha1, Algorithm::Crc32, Algorithm::Sha1]);
        digests.update(b"1234");
        digests.update(b"56789");
        let sums = digests.finish();
        assert_eq!(sums.bytes, 9);
        assert_eq!(sums.checksums.len(), 2);
        assert_eq!(sums.of(Algorithm::Crc32), Some("y/Q5Jg=="));
        assert_eq!(parse_md5_hex(&hex(&sums.md5)), Some(sums.md5));
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        assert_eq!(parse_content_md5("bm8=").unwrap_err().code, "InvalidDigest");
        assert_eq!(Algorithm::Crc32.decode("AAAA").unwrap_err().code, "InvalidRequest");
        assert_eq!(parse_md5_hex("zz"), None);
    }
}
