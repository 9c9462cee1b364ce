//! Taking away what no longer counts: old generations, partitions that none of the others names, temporary files.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use plimsoll_model::Digest;

use crate::file::{self, TEMPORARY};
use crate::manifest::{MAX_MANIFEST_BYTES, Manifest, digest_of};
use crate::store::{GENERATIONS, PARTITIONS, PINS};
use crate::{Error, Store};

/// What was taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Generations.
    pub generations: u64,
    /// Partitions that no generation names any more.
    pub partitions: u64,
    /// Files that processes left which were ended.
    pub temporary_files: u64,
    /// Bytes of all of them.
    pub size_bytes: u64,
}

impl Store {
    /// Keeps the generation with that digest from being pruned.
    pub fn pin(&self, digest: &Digest) -> Result<(), Error> {
        if self.generation(digest)?.is_none() {
            let found = format!("{} others", self.numbers()?.len());
            let (path, digest) = (self.path().to_owned(), digest.clone());
            return Err(Error::NoGeneration { path, digest, found });
        }
        let path = self.folder(PINS).join(digest.hex());
        file::write(&path, &[]).map_err(|source| Error::Write { path, source })
    }

    /// Takes that back. One that was not pinned is no error.
    pub fn unpin(&self, digest: &Digest) -> Result<(), Error> {
        let path = self.folder(PINS).join(digest.hex());
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Write { path, source }),
            _ => Ok(()),
        }
    }

    /// Whether the generation with that digest is kept from being pruned.
    pub fn is_pinned(&self, digest: &Digest) -> bool {
        self.folder(PINS).join(digest.hex()).is_file()
    }

    /// Takes away generations but the newest `keep` (one at least) and those that are pinned, partitions that none of
    /// the rest names, and temporary files; of all these only what is older than `min_age` at `now`.
    ///
    /// Whoever has a file open keeps it. `min_age` must be longer than an update takes to be published, since its
    /// partitions are written before the generation that names them.
    pub fn prune(&self, keep: usize, min_age: Duration, now: SystemTime) -> Result<Pruned, Error> {
        let mut pruned = Pruned::default();
        let numbers = self.numbers()?;
        let newest = numbers.len().saturating_sub(keep.max(1));
        let mut kept: HashSet<PathBuf> = HashSet::new();
        for (place, (_, path)) in numbers.iter().enumerate() {
            let age = Age { min_age, now };
            // One whose manifest cannot be read names nothing; the current one then stops the pruning.
            let manifest = match read_manifest(path) {
                Ok(Some(manifest)) => manifest,
                Ok(None) => continue,
                Err(_) if place < newest && age.is_over(path) => {
                    remove(path, &mut pruned.generations, &mut pruned.size_bytes)?;
                    continue;
                }
                Err(_) if place < newest => continue,
                Err(error) => return Err(error),
            };
            let (manifest, digest) = manifest;
            if place < newest && age.is_over(path) && !self.is_pinned(&digest) {
                remove(path, &mut pruned.generations, &mut pruned.size_bytes)?;
            } else {
                kept.extend(manifest.partitions.iter().map(|info| self.partition_path(&info.digest)));
            }
        }
        let age = Age { min_age, now };
        for path in files(&self.folder(PARTITIONS))? {
            if is_temporary(&path) || kept.contains(&path) || !age.is_over(&path) {
                continue;
            }
            remove(&path, &mut pruned.partitions, &mut pruned.size_bytes)?;
        }
        for folder in
            [self.path().to_owned(), self.folder(PARTITIONS), self.folder(GENERATIONS), self.folder(PINS)]
        {
            for path in files(&folder)? {
                if is_temporary(&path) && age.is_over(&path) {
                    remove(&path, &mut pruned.temporary_files, &mut pruned.size_bytes)?;
                }
            }
        }
        Ok(pruned)
    }
}

/// A manifest and its digest; `None` where the file is gone by now.
fn read_manifest(path: &Path) -> Result<Option<(Manifest, Digest)>, Error> {
    let place = path.display().to_string();
    match file::read(path, MAX_MANIFEST_BYTES) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Open { path: path.to_owned(), source }),
        Ok(bytes) => {
            let bytes = bytes.unwrap_or_default();
            Ok(Some((Manifest::parse(&bytes, &place)?, digest_of(&bytes))))
        }
    }
}

#[derive(Clone, Copy)]
struct Age {
    min_age: Duration,
    now: SystemTime,
}

impl Age {
    /// Whether a file is older than that. One whose age cannot be told is not, nor is one from the future.
    fn is_over(self, path: &Path) -> bool {
        let modified = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
        modified.is_ok_and(|modified| self.now.duration_since(modified).is_ok_and(|age| age >= self.min_age))
    }
}

fn is_temporary(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes()))
}

/// The files in a folder, none where that is missing.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Open { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            files.push(entry.path());
        }
    }
    Ok(files)
}

fn remove(path: &Path, count: &mut u64, size_bytes: &mut u64) -> Result<(), Error> {
    let size = fs::symlink_metadata(path).map_or(0, |metadata| metadata.len());
    match fs::remove_file(path) {
        // Another process prunes as well.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(Error::Write { path: path.to_owned(), source }),
        Ok(()) => {
            *count += 1;
            *size_bytes += size;
        }
    }
    Ok(())
}
