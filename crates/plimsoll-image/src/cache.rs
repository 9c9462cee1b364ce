//! What a layer holds never changes: its result is kept under its diff ID.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use plimsoll_catalog::Cataloger;
use plimsoll_model::Digest;
use sha2::{Digest as _, Sha256};

use crate::layer::LayerCatalog;
use crate::limits::Limits;

/// First bytes of a cached result. The number is raised when the layout below, or the walk itself, changes.
const MAGIC: &[u8; 8] = b"PLMLYR02";
/// The largest cached result that is read back, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// A folder of layer results. Any number of scans use it at once: a result is written under another name and renamed,
/// and one that is damaged counts as missing.
///
/// Layout of a result: magic (8 bytes), SHA-256 of what follows (32), length of the first part (8, little-endian),
/// JSON compressed with zstd, then the hashes of paths compressed with zstd: number of covers (8), covers, folders
/// (8 bytes each).
#[derive(Clone, Debug)]
pub struct LayerCache {
    folder: PathBuf,
}

impl LayerCache {
    /// A cache in `folder`, which is made when the first result is kept.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The result for `key`, if there is a sound one.
    pub(crate) fn get(&self, key: &CacheKey) -> Option<LayerCatalog> {
        decode(&read_bounded(&self.path(key)).ok()?)
    }

    /// Keeps a result. A cache that cannot be written costs time, not correctness, so the caller may go on.
    pub(crate) fn put(&self, key: &CacheKey, catalog: &LayerCatalog) -> io::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let path = self.path(key);
        let folder = path.parent().expect("the path of a result has a folder");
        fs::create_dir_all(folder)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!(".{}-{number}.tmp", std::process::id()));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)
            .and_then(|mut file| file.write_all(&encode(catalog)?))
            .and_then(|()| fs::rename(&temporary, &path));
        if written.is_err() {
            // Best effort: what is reported is the failure before.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn path(&self, key: &CacheKey) -> PathBuf {
        self.folder.join("layers").join(&key.0[..2]).join(&key.0[2..])
    }
}

/// Under what a result is kept: the diff ID, and everything that could make the same bytes give another result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey(String);

impl CacheKey {
    pub(crate) fn new(diff_id: &str, catalogers: &[&dyn Cataloger], limits: &Limits) -> Self {
        let mut hash = Sha256::new();
        hash.update(MAGIC);
        hash.update(diff_id);
        for cataloger in catalogers {
            hash.update(format!("\0{}:{}", cataloger.name(), cataloger.revision()));
        }
        hash.update(format!("\0{limits:?}"));
        let digest: [u8; 32] = hash.finalize().into();
        Self(Digest::sha256(&digest).hex().to_owned())
    }

    /// The same layer, read for files that are wanted under another path.
    pub(crate) fn with_targets(&self, targets: &crate::layer::Wanted) -> Self {
        let mut pairs: Vec<_> = targets.iter().collect();
        pairs.sort();
        let mut hash = Sha256::new();
        hash.update(&self.0);
        for (target, paths) in pairs {
            hash.update(format!("\0{target}\0{}", paths.join("\0")));
        }
        let digest: [u8; 32] = hash.finalize().into();
        Self(Digest::sha256(&digest).hex().to_owned())
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > MAX_FILE_BYTES {
        return Err(io::Error::other("a cached result that is too large"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    #[expect(clippy::disallowed_methods, reason = "behind `take`")]
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn encode(catalog: &LayerCatalog) -> io::Result<Vec<u8>> {
    let json = zstd::encode_all(serde_json::to_vec(catalog)?.as_slice(), 1)?;
    let mut hashes = Vec::with_capacity(8 * (1 + catalog.covers.len() + catalog.folders.len()));
    hashes.extend((catalog.covers.len() as u64).to_le_bytes());
    for hash in catalog.covers.iter().chain(&catalog.folders) {
        hashes.extend(hash.to_le_bytes());
    }
    let hashes = zstd::encode_all(hashes.as_slice(), 1)?;
    let mut body = Vec::with_capacity(8 + json.len() + hashes.len());
    body.extend((json.len() as u64).to_le_bytes());
    body.extend(json);
    body.extend(hashes);
    let sum: [u8; 32] = Sha256::digest(&body).into();
    Ok([MAGIC.as_slice(), &sum, &body].concat())
}

fn decode(bytes: &[u8]) -> Option<LayerCatalog> {
    let (sum, body) = bytes.strip_prefix(MAGIC)?.split_at_checked(32)?;
    let found: [u8; 32] = Sha256::digest(body).into();
    if sum != found {
        return None;
    }
    // The checksum holds, so what follows is what this program wrote.
    let (length, rest) = body.split_first_chunk::<8>()?;
    let (json, hashes) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let mut catalog: LayerCatalog = serde_json::from_slice(&zstd::decode_all(json).ok()?).ok()?;
    let hashes = zstd::decode_all(hashes).ok()?;
    let (count, hashes) = hashes.split_first_chunk::<8>()?;
    let mut numbers = hashes.as_chunks::<8>().0.iter().map(|chunk| u64::from_le_bytes(*chunk));
    let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
    catalog.covers = numbers.by_ref().take(count).collect();
    catalog.folders = numbers.collect();
    Some(catalog)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> LayerCatalog {
        LayerCatalog {
            whiteouts: vec!["etc/gone".to_owned()],
            covers: vec![1, 2, u64::MAX],
            folders: vec![9],
            entries: 4,
            ..LayerCatalog::default()
        }
    }

    #[test]
    fn decode_undoes_encode() {
        assert_eq!(decode(&encode(&sample()).unwrap()), Some(sample()));
    }

    #[test]
    fn a_damaged_result_counts_as_missing() {
        let bytes = encode(&sample()).unwrap();
        for index in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[index] ^= 1;
            assert_eq!(decode(&damaged), None, "byte {index}");
            assert_eq!(decode(&bytes[..index]), None, "cut at {index}");
        }
    }
}
