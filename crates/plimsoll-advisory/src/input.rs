//! Where advisories come from: folders, zips, single files.
//!
//! A folder is searched for `*.zip` (each holding one `*.json` a record, as the OSV bulk export has them in
//! `<Ecosystem>/all.zip`), loose `*.json` records, `kev.json` or `known_exploited_vulnerabilities.json`, and
//! `cve-severity.csv`. The export's indexes (`ecosystems.txt`, `modified_id.csv`) and all else is passed over and
//! counted. A JSON file holds one record, a list of them, or the KEV catalogue.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use plimsoll_archive::{ReadAt, Zip, ZipError, ZipLimits};
use plimsoll_model::KevEntry;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::osv::{Outcome, Skip, parse_record};
use crate::report::ReadReport;
use crate::seam::Document;
use crate::text::read_bounded;
use crate::{parse_kev, parse_scores};

/// Longest record, in bytes of JSON.
const MAX_RECORD_BYTES: u64 = 16 * 1024 * 1024;
/// Longest single file, in bytes: a list of records, the KEV catalogue, a table.
const MAX_FILE_BYTES: u64 = 512 * 1024 * 1024;
/// Entries of one zip, and files below one folder.
const MAX_ENTRIES: u64 = 2_000_000;
/// Longest zip that is read as a whole before its entries are; of a longer one each entry is read from the file.
const MAX_ZIP_IN_MEMORY_BYTES: u64 = 512 * 1024 * 1024;
/// What one zip may cost. Uncompressed bytes are counted over all zips, see [`MAX_TOTAL_BYTES`].
const ZIP_LIMITS: ZipLimits = ZipLimits {
    entries: MAX_ENTRIES,
    directory_bytes: 512 * 1024 * 1024,
    name_bytes: 1024,
    total_bytes: MAX_TOTAL_BYTES,
};
/// Uncompressed bytes of everything that one reading takes.
const MAX_TOTAL_BYTES: u64 = 64 * 1024 * 1024 * 1024;
/// How deep folders are searched.
const MAX_FOLDER_DEPTH: usize = 8;
/// Threads that parse.
const MAX_THREADS: usize = 16;
/// Records that a thread takes at a time.
const BATCH: usize = 64;

/// Reads everything below `paths` and hands it to `accept`, in no particular order, on the calling thread.
///
/// The same record may be met several times, in several zips. A record that cannot be read is listed in the report
/// and the reading goes on.
///
/// # Errors
/// [`Error`] for a path that cannot be read, is no kind of source or damaged as a whole, and beyond the limits:
/// 16 MiB a record, 512 MiB a file, 2,000,000 entries a zip or folder, 64 GiB in all.
pub fn read(paths: &[PathBuf], accept: &mut dyn FnMut(Document)) -> Result<ReadReport, Error> {
    let mut report = ReadReport::default();
    let mut inputs = BTreeSet::new();
    for path in paths {
        find(path, &mut inputs, &mut report)?;
    }
    let budget = Budget { path: paths.first().cloned().unwrap_or_default(), used: AtomicU64::new(0) };

    let mut loose = Vec::new();
    for input in inputs {
        match input {
            Input::Zip(path) => read_zip(&path, &budget, &mut report, accept)?,
            Input::Table(path) => read_table(&path, &mut report, accept)?,
            Input::Json(path) => loose.push(path),
        }
    }
    let work = |buffer: &mut Vec<u8>, path: &PathBuf| read_json(path, &budget, buffer);
    parallel(&loose, || Ok(Vec::new()), work, &mut report, accept)?;
    report.bytes = budget.used.into_inner();
    report.settle();
    Ok(report)
}

/// A file to read, and as what. Ordered by kind and canonical path, so that the order of the arguments is nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Input {
    Zip(PathBuf),
    Json(PathBuf),
    Table(PathBuf),
}

fn find(given: &Path, inputs: &mut BTreeSet<Input>, report: &mut ReadReport) -> Result<(), Error> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| Error::Unreadable { path, source }
    };
    // Canonical, so that a file that is given twice is read once.
    let path = fs::canonicalize(given).map_err(unreadable(given))?;
    if !fs::metadata(&path).map_err(unreadable(given))?.is_dir() {
        let input = match extension(&path).as_str() {
            "zip" => Input::Zip(path),
            "json" => Input::Json(path),
            "csv" => Input::Table(path),
            _ => return Err(Error::UnknownKind { path: given.to_owned() }),
        };
        inputs.insert(input);
        return Ok(());
    }
    let mut folders = vec![(path, 1)];
    let mut files = 0;
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(unreadable(&folder))? {
            let entry = entry.map_err(unreadable(&folder))?;
            let path = entry.path();
            // Folders behind a link are not entered: they may lead in a circle.
            if entry.file_type().map_err(unreadable(&path))?.is_dir() {
                if depth >= MAX_FOLDER_DEPTH {
                    *report
                        .ignored_files
                        .entry(format!("folder below depth {MAX_FOLDER_DEPTH}"))
                        .or_default() += 1;
                } else {
                    folders.push((path, depth + 1));
                }
                continue;
            }
            files += 1;
            if files > MAX_ENTRIES {
                return Err(Error::TooMuch { path: given.to_owned(), limit: MAX_ENTRIES, unit: "files" });
            }
            let name = entry.file_name();
            match extension(&path).as_str() {
                "zip" => inputs.insert(Input::Zip(path)),
                "json" => inputs.insert(Input::Json(path)),
                "csv" if name == "cve-severity.csv" => inputs.insert(Input::Table(path)),
                other => {
                    *report.ignored_files.entry(format!("*.{other}")).or_default() += 1;
                    false
                }
            };
        }
    }
    Ok(())
}

fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

fn is_record_name(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

/// The records of a zip. Each thread has a reader of its own over the same bytes.
fn read_zip(
    path: &Path,
    budget: &Budget,
    report: &mut ReadReport,
    accept: &mut dyn FnMut(Document),
) -> Result<(), Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let mut file = fs::File::open(path).map_err(unreadable)?;
    let mut memory = Vec::new();
    // A read of many small pieces costs more than one of the whole.
    let is_small = file.metadata().map_err(unreadable)?.len() <= MAX_ZIP_IN_MEMORY_BYTES;
    let bytes: &dyn ReadAt =
        if is_small && read_bounded(&mut file, MAX_ZIP_IN_MEMORY_BYTES, &mut memory).map_err(unreadable)? {
            &memory
        } else {
            &file
        };
    let damaged = |source: ZipError| Error::DamagedZip { path: path.to_owned(), source: Box::new(source) };
    let zip = Zip::open(bytes, ZIP_LIMITS).map_err(damaged)?;
    let mut records = Vec::new();
    for (index, entry) in zip.entries().iter().enumerate() {
        if is_record_name(&entry.name) {
            records.push(index);
        } else if !entry.is_directory() {
            let kind = extension(Path::new(&entry.name));
            *report.ignored_files.entry(format!("*.{kind} in a zip")).or_default() += 1;
        }
    }
    let start = || Zip::open(bytes, ZIP_LIMITS).map_err(damaged);
    let work = |zip: &mut Zip<'_>, &index: &usize| {
        let entry = &zip.entries()[index];
        let place = format!("{}: {}", path.display(), entry.name);
        if entry.size > MAX_RECORD_BYTES {
            let reason = format!("expected at most {MAX_RECORD_BYTES} bytes, found {}", entry.size);
            return Ok(vec![Read::Failed { place, reason }]);
        }
        let bytes = zip.read(index, MAX_RECORD_BYTES).map_err(damaged)?;
        budget.take(bytes.len())?;
        Ok(vec![record(&bytes, || place)])
    };
    parallel(&records, start, work, report, accept)
}

fn read_table(path: &Path, report: &mut ReadReport, accept: &mut dyn FnMut(Document)) -> Result<(), Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let file = fs::File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.len() > MAX_FILE_BYTES {
        return Err(Error::TooMuch { path: path.to_owned(), limit: MAX_FILE_BYTES, unit: "bytes" });
    }
    let (scores, failures) = parse_scores(io::Read::take(file, MAX_FILE_BYTES)).map_err(|error| {
        Error::WrongContent { path: path.to_owned(), expected: error.expected, found: error.found }
    })?;
    report.scores += scores.len() as u64;
    for score in scores {
        accept(Document::Score(score));
    }
    for failure in failures {
        report.fail(path.display().to_string(), failure.to_string());
    }
    Ok(())
}

/// A loose file: a record, a list of records, or the KEV catalogue, told apart by what is in it.
fn read_json(path: &Path, budget: &Budget, buffer: &mut Vec<u8>) -> Result<Vec<Read>, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let mut file = fs::File::open(path).map_err(unreadable)?;
    if !read_bounded(&mut file, MAX_FILE_BYTES, buffer).map_err(unreadable)? {
        return Err(Error::TooMuch { path: path.to_owned(), limit: MAX_FILE_BYTES, unit: "bytes" });
    }
    budget.take(buffer.len())?;
    let place = path.display().to_string();
    let is_kev = path
        .file_name()
        .is_some_and(|name| name == "kev.json" || name == "known_exploited_vulnerabilities.json");
    if is_kev {
        return match parse_kev(buffer) {
            Ok((entries, failures)) => Ok(vec![Read::Kev {
                entries,
                failures: failures.into_iter().map(|failure| (place.clone(), failure.to_string())).collect(),
            }]),
            Err(error) => Err(Error::WrongContent {
                path: path.to_owned(),
                expected: error.expected,
                found: error.found,
            }),
        };
    }
    if buffer.trim_ascii_start().first() == Some(&b'[') {
        return match serde_json::from_slice::<Vec<&RawValue>>(buffer) {
            Ok(list) => Ok(list
                .into_iter()
                .enumerate()
                .map(|(index, item)| record(item.get().as_bytes(), || format!("{place}: item {index}")))
                .collect()),
            Err(error) => Err(Error::WrongContent {
                path: path.to_owned(),
                expected: "a list of OSV records",
                found: error.to_string(),
            }),
        };
    }
    Ok(vec![record(buffer, || place)])
}

fn record(bytes: &[u8], place: impl FnOnce() -> String) -> Read {
    if bytes.len() as u64 > MAX_RECORD_BYTES {
        let reason = format!("expected at most {MAX_RECORD_BYTES} bytes, found {}", bytes.len());
        return Read::Failed { place: place(), reason };
    }
    match parse_record(bytes) {
        Ok(parsed) => Read::Record { outcome: parsed.outcome, skipped: parsed.skipped },
        Err(error) => Read::Failed { place: place(), reason: error.to_string() },
    }
}

/// What a thread made of one entry.
enum Read {
    Record { outcome: Outcome, skipped: Vec<Skip> },
    Failed { place: String, reason: String },
    Kev { entries: Vec<KevEntry>, failures: Vec<(String, String)> },
}

impl Read {
    fn deliver(self, report: &mut ReadReport, accept: &mut dyn FnMut(Document)) {
        match self {
            Self::Record { outcome, skipped } => {
                report.records += 1;
                for skip in skipped {
                    *report.skipped.entry(skip).or_default() += 1;
                }
                match outcome {
                    Outcome::Advisory(advisory) => {
                        report.usable += 1;
                        accept(Document::Advisory(advisory));
                    }
                    Outcome::Withdrawn { id, modified } => {
                        report.withdrawn += 1;
                        accept(Document::Withdrawn { source: "osv".to_owned(), id, modified });
                    }
                    Outcome::Empty { id, modified } => {
                        report.empty += 1;
                        accept(Document::Withdrawn { source: "osv".to_owned(), id, modified });
                    }
                }
            }
            Self::Failed { place, reason } => {
                report.records += 1;
                report.fail(place, reason);
            }
            Self::Kev { entries, failures } => {
                report.kev_entries += entries.len() as u64;
                for entry in entries {
                    accept(Document::Kev(entry));
                }
                for (place, reason) in failures {
                    report.fail(place, reason);
                }
            }
        }
    }
}

/// The uncompressed bytes that one reading has taken.
struct Budget {
    path: PathBuf,
    used: AtomicU64,
}

impl Budget {
    fn take(&self, bytes: usize) -> Result<(), Error> {
        let used = self.used.fetch_add(bytes as u64, Ordering::Relaxed).saturating_add(bytes as u64);
        if used > MAX_TOTAL_BYTES {
            return Err(Error::TooMuch { path: self.path.clone(), limit: MAX_TOTAL_BYTES, unit: "bytes" });
        }
        Ok(())
    }
}

/// Does `work` for each task on several threads, each with a state that `start` makes, and delivers what it makes on
/// this one. The first error ends it.
fn parallel<T: Sync, S>(
    tasks: &[T],
    start: impl Fn() -> Result<S, Error> + Sync,
    work: impl Fn(&mut S, &T) -> Result<Vec<Read>, Error> + Sync,
    report: &mut ReadReport,
    accept: &mut dyn FnMut(Document),
) -> Result<(), Error> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let threads = threads.min(tasks.len().div_ceil(BATCH));
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let run_batches = |sender: &SyncSender<Result<Vec<Read>, Error>>| -> Result<(), Error> {
        let mut state = start()?;
        while !stop.load(Ordering::Relaxed) {
            let first = next.fetch_add(BATCH, Ordering::Relaxed).min(tasks.len());
            let batch = &tasks[first..tasks.len().min(first + BATCH)];
            if batch.is_empty() {
                break;
            }
            let mut made = Vec::with_capacity(batch.len());
            for task in batch {
                made.extend(work(&mut state, task)?);
            }
            if sender.send(Ok(made)).is_err() {
                break;
            }
        }
        Ok(())
    };
    let run = |sender: &SyncSender<Result<Vec<Read>, Error>>| {
        if let Err(error) = run_batches(sender) {
            // The receiver lives until every sender is gone.
            sender.send(Err(error)).ok();
        }
    };
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(4 * threads.max(1));
        for _ in 0..threads {
            let sender = sender.clone();
            let run = &run;
            scope.spawn(move || run(&sender));
        }
        drop(sender);
        let mut result = Ok(());
        for batch in receiver {
            match batch {
                Ok(reads) if result.is_ok() => {
                    for read in reads {
                        read.deliver(report, accept);
                    }
                }

                Ok(_) => {}
                Err(error) => {
                    stop.store(true, Ordering::Relaxed);
                    result = result.and(Err(error));
                }
            }
        }
        result
    })
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
