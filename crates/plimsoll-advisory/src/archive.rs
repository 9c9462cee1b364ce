//! Many files in one: what zips and tars hold, each member a file of its own.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use plimsoll_archive::{EntryKind, ReadAt, TarError, TarItem, TarReader, Zip, ZipError, ZipLimits};

use crate::error::{Error, InvalidRecord};
use crate::parallel::{self, Batches};
use crate::report::{ReadReport, Readings};
use crate::seam::{Document, FeedFile, MAX_HEAD_BYTES, Sink, Source};
use crate::text::read_on;

/// Members of one archive, and files below one folder.
pub(crate) const MAX_ENTRIES: u64 = 2_000_000;
/// Uncompressed bytes of everything that one reading takes.
const MAX_TOTAL_BYTES: u64 = 64 * 1024 * 1024 * 1024;
/// Longest member of a zip, in bytes, whatever its source allows.
const MAX_MEMBER_BYTES: u64 = 512 * 1024 * 1024;
/// Files above this, in bytes, are read one at a time, so that threads do not fill the memory.
const LARGE_BYTES: u64 = 32 * 1024 * 1024;
/// Longest zip that is read as a whole before its members are; of a longer one each member is read from the file.
const MAX_ZIP_IN_MEMORY_BYTES: u64 = 512 * 1024 * 1024;
/// Members of a tar that a thread takes at a time, and bytes after which it takes no more.
const TAR_BATCH: usize = 64;
const TAR_BATCH_BYTES: usize = 8 * 1024 * 1024;
/// What one zip may cost. Uncompressed bytes are counted over all archives, see [`MAX_TOTAL_BYTES`].
const ZIP_LIMITS: ZipLimits = ZipLimits {
    entries: MAX_ENTRIES,
    directory_bytes: 512 * 1024 * 1024,
    name_bytes: 1024,
    total_bytes: MAX_TOTAL_BYTES,
};

/// Whose a file is.
pub(crate) enum Choice<'a> {
    /// The first source's that claims it.
    Claims(&'a [&'a dyn Source]),
    /// That source's, as of that scope. Members of archives have to be claimed nevertheless.
    Feed {
        /// The source.
        source: &'a dyn Source,
        /// [`crate::Feed::scope`].
        scope: &'a str,
    },
}

/// What one file came to.
pub(crate) struct Made {
    /// Whose it is; `None` for a file that nobody claims, or of which that is not known.
    pub(crate) source: Option<&'static str>,
    /// What was counted.
    pub(crate) report: ReadReport,
    /// What it holds.
    pub(crate) documents: Vec<Document>,
}

impl Made {
    /// A file that cannot be read.
    pub(crate) fn failed(source: Option<&'static str>, place: String, reason: String) -> Self {
        let mut report = ReadReport { records: 1, ..ReadReport::default() };
        report.fail(place, reason);
        Self { source, report, documents: Vec::new() }
    }

    /// A file that nobody claims.
    pub(crate) fn ignored(name: &str, place: &str) -> Self {
        let mut report = ReadReport::default();
        report.ignore(name, place);
        Self { source: None, report, documents: Vec::new() }
    }
}

/// One reading: whose the files are, and what it has taken.
pub(crate) struct Reading<'a> {
    choice: Choice<'a>,
    used_bytes: AtomicU64,
    large: Mutex<()>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(choice: Choice<'a>) -> Self {
        Self { choice, used_bytes: AtomicU64::new(0), large: Mutex::new(()) }
    }

    /// Counts bytes that were read.
    pub(crate) fn take(&self, path: &Path, bytes: u64) -> Result<(), Error> {
        let used = self.used_bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if used > MAX_TOTAL_BYTES {
            return Err(Error::TooMuch { path: path.to_owned(), limit: MAX_TOTAL_BYTES, unit: "bytes" });
        }
        Ok(())
    }

    /// Whose a file is.
    pub(crate) fn choose(&self, path: &str, bytes: &[u8]) -> Option<&'a dyn Source> {
        let head = &bytes[..bytes.len().min(MAX_HEAD_BYTES)];
        match &self.choice {
            Choice::Claims(sources) => sources.iter().copied().find(|source| source.claims(path, head)),
            Choice::Feed { source, .. } => source.claims(path, head).then_some(*source),
        }
    }

    /// Reads a file of a source.
    pub(crate) fn parse(&self, source: &dyn Source, path: &str, bytes: &[u8]) -> Result<Made, InvalidRecord> {
        let scope = match self.choice {
            Choice::Claims(_) => "",
            Choice::Feed { scope, .. } => scope,
        };
        let name = source.about().name;
        let mut report = ReadReport { bytes: bytes.len() as u64, ..ReadReport::default() };
        let mut documents = Vec::new();
        let mut accept = |document| documents.push(document);
        let mut sink = Sink::new(name, &mut report, &mut accept);
        source.read(&FeedFile { path, scope, bytes }, &mut sink)?;
        Ok(Made { source: Some(name), report, documents })
    }

    /// Reads the rest of a file behind its head; says whether that was all, with `limit` bytes at most. Waits where
    /// there is much and another large file is being read, until the guard that it gives then is dropped.
    pub(crate) fn read_rest(
        &self,
        rest: &mut dyn Read,
        limit: u64,
        bytes: &mut Vec<u8>,
    ) -> io::Result<(bool, Option<MutexGuard<'_, ()>>)> {
        if read_on(rest, limit.min(LARGE_BYTES), bytes)? {
            return Ok((true, None));
        }
        if limit <= LARGE_BYTES {
            return Ok((false, None));
        }
        let guard = self.one_at_a_time();
        Ok((read_on(rest, limit, bytes)?, Some(guard)))
    }

    fn one_at_a_time(&self) -> MutexGuard<'_, ()> {
        // It guards no data, so a thread that panicked with it has left nothing half done.
        self.large.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a member of an archive came to.
    fn member(&self, path: &str, bytes: &[u8], place: &str) -> Made {
        let Some(source) = self.choose(path, bytes) else { return Made::ignored(path, place) };
        let about = source.about();
        if bytes.len() as u64 > about.max_file_bytes {
            let reason = format!("expected at most {} bytes, found {}", about.max_file_bytes, bytes.len());
            return Made::failed(Some(about.name), path.to_owned(), reason);
        }
        self.parse(source, path, bytes)
            .unwrap_or_else(|error| Made::failed(Some(about.name), path.to_owned(), error.to_string()))
    }

    /// Reads what a zip holds. `shown` stands before the names of its members. A member that is damaged is an error
    /// where `is_strict`, else a failure.
    pub(crate) fn read_zip(
        &self,
        path: &Path,
        shown: &str,
        is_strict: bool,
        deliver: &mut dyn FnMut(Made),
    ) -> Result<(), Error> {
        const PLACE: &str = " in a zip";
        let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        let mut memory = Vec::new();
        // A read of many small pieces costs more than one of the whole.
        let is_small = file.metadata().map_err(unreadable)?.len() <= MAX_ZIP_IN_MEMORY_BYTES;
        let bytes: &dyn ReadAt =
            if is_small && read_on(&mut file, MAX_ZIP_IN_MEMORY_BYTES, &mut memory).map_err(unreadable)? {
                &memory
            } else {
                &file
            };
        let damaged =
            |source: ZipError| Error::DamagedZip { path: path.to_owned(), source: Box::new(source) };
        let entries = Zip::open(bytes, ZIP_LIMITS).map_err(damaged)?.entries().len();
        let batches = Batches::new(entries);
        let start = || Zip::open(bytes, ZIP_LIMITS).map_err(damaged);
        let step = |zip: &mut Zip<'_>| {
            let Some(batch) = batches.take() else { return Ok(None) };
            let mut made = Vec::with_capacity(batch.len());
            for index in batch {
                let entry = &zip.entries()[index];
                if entry.is_directory() {
                    continue;
                }
                let (size, name) = (entry.size, format!("{shown}/{}", entry.name));
                if size > MAX_MEMBER_BYTES {
                    let reason = format!("expected at most {MAX_MEMBER_BYTES} bytes, found {size}");
                    made.push(Made::failed(None, name, reason));
                    continue;
                }
                self.take(path, size)?;
                let _guard = (size > LARGE_BYTES).then(|| self.one_at_a_time());
                match zip.read(index, MAX_MEMBER_BYTES) {
                    Ok(bytes) => made.push(self.member(&name, &bytes, PLACE)),
                    Err(error) if is_strict => return Err(damaged(error)),
                    Err(error) => made.push(Made::failed(None, name, damaged(error).with_causes())),
                }
            }
            Ok(Some(made))
        };
        parallel::run(batches.threads(), start, step, deliver)
    }

    /// Reads what a tar holds, as it is decompressed.
    pub(crate) fn read_tar(
        &self,
        path: &Path,
        shown: &str,
        stream: Box<dyn BufRead + Send>,
        deliver: &mut dyn FnMut(Made),
    ) -> Result<(), Error> {
        let tar = Mutex::new(Tar { reader: TarReader::new(stream), entries: 0, counted: 0 });
        let step = |(): &mut ()| {
            let mut tar = tar.lock().unwrap_or_else(PoisonError::into_inner);
            let (mut made, mut members) = (Vec::new(), Vec::new());
            let mut size = 0;
            while members.len() < TAR_BATCH && made.len() < TAR_BATCH && size < TAR_BATCH_BYTES {
                match tar.next(self, path, shown)? {
                    None if made.is_empty() && members.is_empty() => return Ok(None),
                    None => break,
                    Some(Member::Made(one)) => made.push(one),
                    Some(Member::File { name, source, bytes }) => {
                        size += bytes.len();
                        members.push((name, source, bytes));
                    }
                }
            }
            // With a large file no other thread may read on.
            let guard = (size as u64 > LARGE_BYTES).then_some(tar);
            for (name, source, bytes) in members {
                made.push(self.parse(source, &name, &bytes).unwrap_or_else(|error| {
                    Made::failed(Some(source.about().name), name, error.to_string())
                }));
            }
            drop(guard);
            Ok(Some(made))
        };
        parallel::run(parallel::threads(), || Ok(()), step, deliver)
    }
}

/// A tar that several threads read in turns.
struct Tar {
    reader: TarReader<Box<dyn BufRead + Send>>,
    entries: u64,
    /// Bytes of the stream that [`Reading::take`] knows of.
    counted: u64,
}

enum Member<'a> {
    Made(Made),
    File { name: String, source: &'a dyn Source, bytes: Vec<u8> },
}

impl Tar {
    fn next<'a>(
        &mut self,
        reading: &Reading<'a>,
        path: &Path,
        shown: &str,
    ) -> Result<Option<Member<'a>>, Error> {
        const PLACE: &str = " in a tar";
        let damaged =
            |source: TarError| Error::DamagedTar { path: path.to_owned(), source: Box::new(source) };
        loop {
            let item = self.reader.next_entry().map_err(damaged)?;
            reading.take(path, self.reader.offset() - self.counted)?;
            self.counted = self.reader.offset();
            let Some(item) = item else { return Ok(None) };
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(Error::TooMuch { path: path.to_owned(), limit: MAX_ENTRIES, unit: "entries" });
            }
            let entry = match item {
                TarItem::Entry(entry) if entry.kind == EntryKind::File => entry,
                TarItem::Entry(_) => continue,
                TarItem::Escape(name) => return Ok(Some(Member::Made(Made::ignored(&name, PLACE)))),
            };
            let name = format!("{shown}/{}", entry.path);
            let mut bytes = Vec::new();
            let offset = self.reader.offset();
            let unread = |source| damaged(TarError::Io { offset, source });
            let mut head = (&mut self.reader).take(MAX_HEAD_BYTES as u64);
            read_on(&mut head, MAX_HEAD_BYTES as u64, &mut bytes).map_err(unread)?;
            let Some(source) = reading.choose(&name, &bytes) else {
                return Ok(Some(Member::Made(Made::ignored(&name, PLACE))));
            };
            let about = source.about();
            if !read_on(&mut self.reader, about.max_file_bytes, &mut bytes).map_err(unread)? {
                let reason = format!("expected at most {} bytes, found more", about.max_file_bytes);
                return Ok(Some(Member::Made(Made::failed(Some(about.name), name, reason))));
            }
            return Ok(Some(Member::File { name, source, bytes }));
        }
    }
}

/// Records of one archive under an ID that another of it has: the newest counts. Of equally old ones all are handed on,
/// so that the order of reading decides nothing.
#[derive(Default)]
pub(crate) struct Doubles {
    newest: HashMap<String, String>,
}

impl Doubles {
    /// Hands on what counts, and counts what does not.
    pub(crate) fn deliver(
        &mut self,
        mut made: Made,
        readings: &mut Readings,
        accept: &mut dyn FnMut(Document),
    ) {
        for document in made.documents {
            let (source, id, modified) = match &document {
                Document::Advisory(advisory) => (&advisory.source, &advisory.id, &advisory.modified),
                Document::Withdrawn { source, id, modified } => (source, id, modified),
                Document::Kev(_) | Document::Score(_) | Document::Epss { .. } => {
                    accept(document);
                    continue;
                }
            };
            // Without the `Z`, a fraction of a second is greater than none.
            let modified = modified.trim_end_matches('Z');
            match self.newest.get_mut(&format!("{source} {id}")) {
                None => {
                    self.newest.insert(format!("{source} {id}"), modified.to_owned());
                }
                Some(newest) => {
                    made.report.doubles += 1;
                    if modified < newest.as_str() {
                        continue;
                    }
                    modified.clone_into(newest);
                }
            }
            accept(document);
        }
        readings.of(made.source).add_unsettled(&made.report);
    }
}
