//! A folder of partitions and generations. Nothing in it is ever changed in place, and nobody takes a lock.
//!
//! ```text
//! partitions/<hex of the content's digest>.<format>.plimsoll   immutable
//! generations/<20 digits>.json                                 a manifest each; the highest number is the current one
//! pins/<hex of a manifest's digest>                            keeps that generation from being pruned
//! feeds.json, downloads/                                       the state of fetching: not read here
//! ```
//!
//! A generation is published by a hard link under the next number, which fails where that number is taken. Then the
//! changes are applied to what is there now, and it is tried again: no update is lost, and none waits for another. A
//! process that is ended at any moment leaves temporary files at most.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plimsoll_model::Digest;

use crate::derive::Built;
use crate::file::{self, Temporary};
use crate::generation::Generation;
use crate::layout::FORMAT;
use crate::manifest::{MAX_MANIFEST_BYTES, Manifest, PartitionInfo};
use crate::update::Update;
use crate::{Database, Error};

pub(crate) const PARTITIONS: &str = "partitions";
pub(crate) const GENERATIONS: &str = "generations";
pub(crate) const PINS: &str = "pins";
const FEEDS: &str = "feeds.json";
const DOWNLOADS: &str = "downloads";
/// Digits of a generation's number in its file's name, so that names are in the order of numbers.
const NUMBER_DIGITS: usize = 20;
/// How often a publication is tried again because another one was faster.
const MAX_TRIES: u32 = 1000;
/// Generations that are listed at most; one a minute for a year is half of it.
const MAX_GENERATIONS: usize = 1_000_000;

/// A folder of partitions and generations.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
}

impl Store {
    /// The store in that folder. Nothing is read or made yet.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Whether a folder is one.
    pub fn is_store(path: &Path) -> bool {
        path.join(GENERATIONS).is_dir()
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where what is known of feeds is kept: `feeds.json`. Not read here.
    pub fn feeds_path(&self) -> PathBuf {
        self.path.join(FEEDS)
    }

    /// Where what is being fetched is kept: `downloads/`. Not read here.
    pub fn downloads_path(&self) -> PathBuf {
        self.path.join(DOWNLOADS)
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The file of the partition with that digest.
    pub(crate) fn partition_path(&self, digest: &Digest) -> PathBuf {
        self.folder(PARTITIONS).join(partition_file(digest))
    }

    /// Numbers and files of the generations, oldest first.
    pub(crate) fn numbers(&self) -> Result<Vec<(u64, PathBuf)>, Error> {
        let folder = self.folder(GENERATIONS);
        let failed = |source| Error::Open { path: folder.clone(), source };
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut numbers = Vec::new();
        for entry in entries.take(MAX_GENERATIONS) {
            let entry = entry.map_err(failed)?;
            if let Some(number) = entry.file_name().to_str().and_then(number_of) {
                numbers.push((number, entry.path()));
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The number of the current generation.
    fn number(&self) -> Result<Option<u64>, Error> {
        Ok(self.numbers()?.pop().map(|(number, _)| number))
    }

    fn read(&self, number: u64, path: &Path) -> Result<Generation, Error> {
        let failed = |source| Error::Open { path: path.to_owned(), source };
        let place = path.display().to_string();
        let bytes = file::read(path, MAX_MANIFEST_BYTES).map_err(failed)?.ok_or_else(|| Error::Manifest {
            place: place.clone(),
            expected: "at most 64 MiB".to_owned(),
            found: "more".to_owned(),
        })?;
        Ok(Generation::new(self.clone(), number, Manifest::parse(&bytes, &place)?, bytes))
    }

    /// The generation that counts; `None` where there is none yet.
    pub fn current(&self) -> Result<Option<Generation>, Error> {
        // One that was listed may have been pruned since, if there is a newer one.
        for _ in 0..MAX_TRIES {
            let numbers = self.numbers()?;
            let (mut damaged, mut pruned) = (None, false);
            for (number, path) in numbers.iter().rev() {
                match self.read(*number, path) {
                    Err(Error::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                        pruned = true;
                    }
                    // A disk may damage a file, which must not take those before it along.
                    Err(error @ Error::Manifest { .. }) => damaged = damaged.or(Some(error)),
                    generation => return generation.map(Some),
                }
            }
            if !pruned {
                return damaged.map_or(Ok(None), Err);
            }
        }
        Ok(None)
    }

    /// The newest generation with that digest.
    pub fn generation(&self, digest: &Digest) -> Result<Option<Generation>, Error> {
        for (number, path) in self.numbers()?.into_iter().rev() {
            match self.read(number, &path) {
                Ok(generation) if generation.digest() == digest => return Ok(Some(generation)),
                // Another generation that is damaged is not the one that was asked for.
                Ok(_) | Err(Error::Manifest { .. } | Error::Open { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// All generations, oldest first. Those whose manifest cannot be read are left out.
    pub fn generations(&self) -> Result<Vec<Generation>, Error> {
        let numbers = self.numbers()?;
        Ok(numbers.iter().filter_map(|(number, path)| self.read(*number, path).ok()).collect())
    }

    /// Publishes the next generation: the current one with these changes. Where they change nothing it is the current
    /// one again.
    ///
    /// Of several that publish at once each is applied to what the others have published.
    pub fn publish(&self, update: &Update) -> Result<Generation, Error> {
        for _ in 0..MAX_TRIES {
            let base = self.current()?;
            let manifest = match self.apply(base.as_ref(), update) {
                // Its files may have been pruned meanwhile, if there is a newer one by now.
                Err(Error::Partition { .. }) if self.number()? != base.as_ref().map(Generation::number) => {
                    continue;
                }
                manifest => manifest?,
            };
            if let Some(base) = base.as_ref().filter(|base| *base.manifest() == manifest) {
                return Ok(base.clone());
            }
            let bytes = manifest.to_bytes();
            if let Some(generation) = self.link(base.as_ref(), manifest, bytes)? {
                return Ok(generation);
            }
        }
        let source = io::Error::other("other processes publish generations faster than this one");
        Err(Error::Write { path: self.folder(GENERATIONS), source })
    }

    /// Publishes a manifest as it is as the next generation: one that was fetched. Its partitions must have been
    /// written with [`Self::partition_writer`]; where only part of them was wanted (`partial`), some may be missing.
    pub fn adopt(&self, manifest: &[u8], partial: bool) -> Result<Generation, Error> {
        let parsed = Manifest::parse(manifest, "of the database that was fetched")?;
        for info in &parsed.partitions {
            if partial && !self.has_partition(&info.digest) {
                continue;
            }
            self.open_partition(info)?;
        }
        for _ in 0..MAX_TRIES {
            let base = self.current()?;
            if let Some(base) = base.as_ref().filter(|base| base.manifest_bytes() == manifest) {
                return Ok(base.clone());
            }
            if let Some(generation) = self.link(base.as_ref(), parsed.clone(), manifest.to_vec())? {
                return Ok(generation);
            }
        }
        let source = io::Error::other("other processes publish generations faster than this one");
        Err(Error::Write { path: self.folder(GENERATIONS), source })
    }

    /// `None` where another generation has taken the number.
    fn link(
        &self,
        base: Option<&Generation>,
        manifest: Manifest,
        bytes: Vec<u8>,
    ) -> Result<Option<Generation>, Error> {
        let folder = self.folder(GENERATIONS);
        let mut number = base.map_or(0, Generation::number);
        loop {
            number = number.saturating_add(1);
            let name = format!("{number:0NUMBER_DIGITS$}.json");
            let linked = Temporary::write(&folder, &[&bytes]).and_then(|temporary| temporary.link(&name));
            match linked {
                Ok(true) => return Ok(Some(Generation::new(self.clone(), number, manifest, bytes))),
                // A number that a damaged manifest bears is passed over: nobody has published there.
                Ok(false)
                    if matches!(self.read(number, &folder.join(&name)), Err(Error::Manifest { .. })) => {}
                Ok(false) => return Ok(None),
                Err(source) => return Err(Error::Write { path: folder.join(name), source }),
            }
        }
    }

    /// Whether the file of a partition is there.
    pub fn has_partition(&self, digest: &Digest) -> bool {
        self.partition_path(digest).is_file()
    }

    /// Opens a partition and compares it with what the manifest says of it.
    pub(crate) fn open_partition(&self, info: &PartitionInfo) -> Result<Database, Error> {
        let path = self.partition_path(&info.digest);
        let other = |expected: String, found: String| Error::Partition {
            partition: info.name.clone(),
            path: path.clone(),
            expected,
            found,
        };
        let whole = || format!("a partition with digest `{}`", info.digest);
        let database = match Database::open_file(&path) {
            Ok(database) => database,
            Err(Error::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(other(whole(), "no such file".to_owned()));
            }
            Err(Error::NotADatabase { found, .. }) => return Err(other(whole(), found)),
            Err(Error::OtherFormat { found, .. }) => {
                return Err(other(format!("format {FORMAT}"), format!("format {found}")));
            }
            Err(Error::Damaged { reason, .. }) => return Err(other(whole(), format!("damage: {reason}"))),
            Err(error) => return Err(error),
        };
        if database.content_digest() != info.digest {
            return Err(other(whole(), format!("one with digest `{}`", database.content_digest())));
        }
        if database.name() != info.name {
            return Err(other(format!("partition `{}`", info.name), format!("`{}`", database.name())));
        }
        Ok(database)
    }

    /// Writes a partition's file, unless it is there and whole.
    pub(crate) fn write_partition(&self, built: &Built) -> Result<Digest, Error> {
        let digest = Digest::sha256(&built.content);
        let path = self.partition_path(&digest);
        // One that no generation names may be pruned before ours does, so it is written anew: then it is young.
        let folder = self.folder(PARTITIONS);
        let parts: Vec<&[u8]> =
            std::iter::once(&built.header).chain(&built.sections).map(Vec::as_slice).collect();
        Temporary::write(&folder, &parts)
            .and_then(|temporary| temporary.rename(&partition_file(&digest)))
            .map_err(|source| Error::Write { path, source })?;
        Ok(digest)
    }

    /// Checks every byte of the current generation's partitions.
    pub fn verify(&self) -> Result<(), Error> {
        let generation = self.current()?.ok_or_else(|| Error::Empty { path: self.path.clone() })?;
        for info in &generation.manifest().partitions {
            self.open_partition(info)?.verify()?;
        }
        Ok(())
    }
}

fn partition_file(digest: &Digest) -> String {
    format!("{}.{FORMAT}.plimsoll", digest.hex())
}

fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json").filter(|digits| digits.len() == NUMBER_DIGITS)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}
