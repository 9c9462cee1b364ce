//! What must hold of an object that is there, and of bytes that come.

use crate::digest::{Algorithm, Sums};
use crate::refusal::Refusal;

/// What must hold of what is there before it is replaced or removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    /// `If-Match`: the entity tag without quotes, or `*`.
    pub(crate) matches: Option<String>,
    /// `If-None-Match`: `*` alone.
    pub(crate) is_new: bool,
    /// `x-amz-if-match-size`, in bytes.
    pub(crate) size: Option<u64>,
}

impl Condition {
    pub(super) fn is_none(&self) -> bool {
        *self == Condition::default()
    }
}

/// Gives checksums that came behind a body, once it is read.
pub(crate) type Trailing = Box<dyn FnOnce() -> Vec<(Algorithm, String)> + Send + Sync>;

/// What the bytes of a request must be.
#[derive(Default)]
pub(crate) struct Expected {
    pub(crate) bytes: Option<u64>,
    pub(crate) md5: Option<[u8; 16]>,
    /// In hexadecimal, of `x-amz-content-sha256`, where nobody has checked it yet.
    pub(crate) content_sha256: Option<String>,
    pub(crate) checksums: Vec<(Algorithm, String)>,
    /// Checksums that are to be known without being expected.
    pub(crate) wanted: Vec<Algorithm>,
    /// Checksums that were said to come behind the bytes.
    pub(crate) announced: Vec<Algorithm>,
    /// Gives the checksums that came behind the bytes.
    pub(crate) trailing: Option<Trailing>,
}

impl Expected {
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        let mut algorithms: Vec<Algorithm> = self.checksums.iter().map(|(algorithm, _)| *algorithm).collect();
        algorithms.extend(&self.wanted);
        if self.content_sha256.is_some() {
            algorithms.push(Algorithm::Sha256);
        }
        if algorithms.is_empty() {
            algorithms.push(Algorithm::Crc64Nvme);
        }
        algorithms
    }

    /// Whether the bytes are what they must be.
    ///
    /// # Errors
    /// `IncompleteBody`, `BadDigest`, `MalformedTrailerError`, `XAmzContentSHA256Mismatch`.
    pub(crate) fn check(self, sums: &mut Sums) -> Result<(), Refusal> {
        if self.bytes.is_some_and(|bytes| bytes != sums.bytes) {
            return Err(Refusal::incomplete_body());
        }
        if self.md5.is_some_and(|md5| md5 != sums.md5) {
            return Err(Refusal::bad_digest());
        }
        let mut named: Vec<Algorithm> = self.wanted;
        let trailing = self.trailing.map(|trailing| trailing()).unwrap_or_default();
        let came = |announced: &Algorithm| trailing.iter().any(|(algorithm, _)| algorithm == announced);
        if !self.announced.iter().all(came)
            || !trailing.iter().all(|(algorithm, _)| self.announced.contains(algorithm))
        {
            return Err(Refusal::malformed_trailer());
        }
        for (algorithm, text) in self.checksums.iter().chain(&trailing) {
            named.push(*algorithm);
            let expected = algorithm.decode(text)?;
            let found = match sums.of(*algorithm) {
                Some(text) => algorithm.decode(text)?,
                None => continue,
            };
            if expected != found {
                return Err(Refusal::new(
                    "BadDigest",
                    400,
                    format!("The {} you specified did not match the calculated checksum.", algorithm.name()),
                ));
            }
        }
        if let Some(expected) = self.content_sha256 {
            let found = sums.of(Algorithm::Sha256).map(|text| Algorithm::Sha256.decode(text)).transpose()?;
            if found.is_none_or(|found| !crate::digest::hex(&found).eq_ignore_ascii_case(&expected)) {
                return Err(Refusal::other_content());
            }
            // Reckoned for the request alone.
            if !named.contains(&Algorithm::Sha256) && sums.checksums.len() > 1 {
                sums.checksums.retain(|(algorithm, _)| *algorithm != Algorithm::Sha256);
            }
        }
        Ok(())
    }
}
