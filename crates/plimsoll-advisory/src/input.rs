//! Where advisories come from: folders, archives, single files, and what was fetched as a feed.
//!
//! A folder is searched for files that a source claims, plain or compressed, and for zips and tars, whose members are
//! files of their own. The indexes of OSV's bulk export (`ecosystems.txt`, `modified_id.csv`) and all else that nobody
//! claims is passed over and counted.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;

use crate::archive::{Choice, Doubles, MAX_ENTRIES, Made, Reading};
use crate::error::{Error, InvalidRecord};
use crate::parallel::{self, Batches};
use crate::report::{ReadReport, Readings};
use crate::seam::{Document, Feed, Source};
use crate::sources::SOURCES;
use crate::unpack::{Shape, Unpacked, bare, damaged, page};

/// How deep folders are searched.
const MAX_FOLDER_DEPTH: usize = 8;
/// Folders that hold no files of their own: those of version control.
const PASSED_OVER_FOLDERS: &[&str] = &[".git", ".hg", ".svn"];

/// Reads everything below `paths` and hands it to `accept`, on the calling thread, see [`read_by_source`].
///
/// # Errors
/// Those of [`read_by_source`].
pub fn read(paths: &[PathBuf], accept: &mut dyn FnMut(Document)) -> Result<ReadReport, Error> {
    Ok(read_by_source(paths, accept)?.total())
}

/// Reads everything below `paths` and hands it to `accept`, on the calling thread: the documents of one file in its
/// order, files in no particular order. Each file is read by the first of [`SOURCES`] that claims it.
///
/// The same record may be met several times, in several files. A record that cannot be read, and a file in a folder or
/// archive that is not what it claims to be, is listed in the report and the reading goes on.
///
/// # Errors
/// [`Error`] for a path that cannot be read, for a file given by its name that is of no source or damaged as a whole,
/// and beyond the limits: 2,000,000 files an archive or folder, 64 GiB in all.
pub fn read_by_source(paths: &[PathBuf], accept: &mut dyn FnMut(Document)) -> Result<Readings, Error> {
    let mut readings = Readings::default();
    let mut files = BTreeMap::new();
    for path in paths {
        find(path, &mut files, &mut readings.rest)?;
    }
    let files: Vec<(PathBuf, bool)> = files.into_iter().collect();
    let reading = Reading::new(Choice::Claims(SOURCES));
    let mut archives = Vec::new();

    let batches = Batches::new(files.len());
    let step = |(): &mut ()| {
        let Some(batch) = batches.take() else { return Ok(None) };
        let files = files[batch].iter();
        files.map(|(path, is_given)| file(&reading, path, *is_given)).collect::<Result<Vec<_>, _>>().map(Some)
    };
    parallel::run(batches.threads(), || Ok(()), step, &mut |found| match found {
        Found::File(made) => {
            readings.of(made.source).add_unsettled(&made.report);
            made.documents.into_iter().for_each(&mut *accept);
        }
        Found::Archive { path, is_given, shape } => archives.push((path, is_given, shape)),
    })?;

    archives.sort();
    for (path, is_given, shape) in archives {
        let mut doubles = Doubles::default();
        let mut deliver = |made| doubles.deliver(made, &mut readings, accept);
        let shown = path.display().to_string();
        let result = match shape {
            Shape::Tar => Unpacked::open(&path)
                .and_then(|tar| reading.read_tar(&path, &shown, tar.into_stream(), &mut deliver)),
            Shape::Zip | Shape::Plain => reading.read_zip(&path, &shown, is_given, &mut deliver),
        };
        match result {
            Err(error) if !is_given && error.is_of_content() => {
                readings.rest.fail(shown, error.with_causes());
            }
            result => result?,
        }
    }
    readings.settle();
    Ok(readings)
}

/// Reads one file that was fetched as `feed`, of whatever name: plain, compressed, or an archive whose members are read
/// on several threads. Hands what it holds to `accept`, on the calling thread. After an error, what was handed on before
/// is to be thrown away.
///
/// # Errors
/// [`Error::Feed`] where it is not whole, not of the source, a page for people, larger than the source allows, or where
/// it holds records and none can be read, or is an archive without any; [`Error::Unreadable`] where the disk fails.
pub fn read_feed(
    source: &dyn Source,
    feed: &Feed,
    file: &Path,
    accept: &mut dyn FnMut(Document),
) -> Result<ReadReport, Error> {
    let about = source.about();
    let reading = Reading::new(Choice::Feed { source, scope: &feed.scope });
    let mut readings = Readings::default();
    let mut doubles = Doubles::default();
    let mut deliver = |made| doubles.deliver(made, &mut readings, accept);
    let mut read = || -> Result<Shape, Error> {
        let unpacked = Unpacked::open(file)?;
        if let Some(found) = page(&unpacked.head) {
            return Err(Error::WrongContent { path: file.to_owned(), expected: "data", found });
        }
        let shape = unpacked.shape();
        if shape == Shape::Zip {
            return reading.read_zip(file, &feed.path, true, &mut deliver).map(|()| shape);
        }
        if shape == Shape::Tar {
            let stream = unpacked.into_stream();
            return reading.read_tar(file, bare(&feed.path), stream, &mut deliver).map(|()| shape);
        }
        let (bytes, _guard) = whole(&reading, file, unpacked, about.max_file_bytes)?;
        let made = reading.parse(source, bare(&feed.path), &bytes);
        deliver(made.map_err(|error| Error::wrong_content(file, error))?);
        Ok(shape)
    };
    let mut result = read();
    let report = readings.total();
    // A file of its own may hold nothing, as the table of a release without fixes. An archive may be of anything, and
    // where nothing can be read the format has changed: what was there before is better.
    let may_be_empty = report.failed == 0 && matches!(result, Ok(Shape::Plain));
    if result.is_ok() && !report.is_fruitful() && !may_be_empty {
        let found = match report.failures.first() {
            Some(failure) => {
                format!("{} that cannot be read, as `{}`: {}", report.failed, failure.place, failure.reason)
            }
            None => "none".to_owned(),
        };
        result = Err(Error::WrongContent { path: file.to_owned(), expected: "records", found });
    }
    match result {
        Ok(_) => Ok(report),
        Err(error) if error.is_of_content() => {
            Err(Error::Feed { name: about.name, feed: feed.path.clone(), source: Box::new(error) })
        }
        Err(error) => Err(error),
    }
}

/// Reads one file of a source that is in memory already, uncompressed: a single record that was fetched.
///
/// # Errors
/// [`InvalidRecord`] for what is not of the source's format, or larger than it allows. Nothing was handed on then.
pub fn read_bytes(
    source: &dyn Source,
    scope: &str,
    path: &str,
    bytes: &[u8],
    accept: &mut dyn FnMut(Document),
) -> Result<ReadReport, InvalidRecord> {
    let limit = source.about().max_file_bytes;
    if bytes.len() as u64 > limit {
        let found = format!("{} bytes, of {limit} that are allowed", bytes.len());
        return Err(InvalidRecord { expected: "a file of the source", found });
    }
    let reading = Reading::new(Choice::Feed { source, scope });
    let mut made = reading.parse(source, path, bytes)?;
    made.documents.into_iter().for_each(accept);
    made.report.settle();
    Ok(made.report)
}

/// The files below a path that was given, and whether it was one itself.
fn find(given: &Path, files: &mut BTreeMap<PathBuf, bool>, report: &mut ReadReport) -> Result<(), Error> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| Error::Unreadable { path, source }
    };
    // Canonical, so that a file that is given twice is read once.
    let path = fs::canonicalize(given).map_err(unreadable(given))?;
    if !fs::metadata(&path).map_err(unreadable(given))?.is_dir() {
        files.insert(path, true);
        return Ok(());
    }
    let mut folders = vec![(path, 1)];
    let mut count = 0;
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(unreadable(&folder))? {
            let entry = entry.map_err(unreadable(&folder))?;
            let path = entry.path();
            // Folders behind a link are not entered: they may lead in a circle.
            if entry.file_type().map_err(unreadable(&path))?.is_dir() {
                if PASSED_OVER_FOLDERS.iter().any(|name| entry.file_name() == *name) {
                    report.count_ignored("folder of version control", 1);
                } else if depth >= MAX_FOLDER_DEPTH {
                    report.count_ignored(&format!("folder below depth {MAX_FOLDER_DEPTH}"), 1);
                } else {
                    folders.push((path, depth + 1));
                }
                continue;
            }
            count += 1;
            if count > MAX_ENTRIES {
                return Err(Error::TooMuch { path: given.to_owned(), limit: MAX_ENTRIES, unit: "files" });
            }
            match fs::metadata(&path) {
                // A pipe would never end.
                Ok(metadata) if !metadata.is_file() => report.count_ignored("special file", 1),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    report.count_ignored("link that leads nowhere", 1);
                }
                Ok(_) | Err(_) => {
                    files.entry(path).or_insert(false);
                }
            }
        }
    }
    Ok(())
}

/// What a file in a folder turned out to be.
enum Found {
    File(Made),
    Archive { path: PathBuf, is_given: bool, shape: Shape },
}

/// Reads a file, unless it is an archive.
fn file(reading: &Reading<'_>, path: &Path, is_given: bool) -> Result<Found, Error> {
    let result = Unpacked::open(path).and_then(|unpacked| {
        let shape = shape(path, is_given, &unpacked);
        if shape != Shape::Plain {
            return Ok(Found::Archive { path: path.to_owned(), is_given, shape });
        }
        plain(reading, path, is_given, unpacked).map(Found::File)
    });
    match result {
        Err(error) if !is_given && error.is_of_content() => {
            Ok(Found::File(Made::failed(None, path.display().to_string(), error.with_causes())))
        }
        result => result,
    }
}

/// In a folder an archive is told by its name, since much else is a zip inside.
fn shape(path: &Path, is_given: bool, unpacked: &Unpacked) -> Shape {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let extension = bare(&name).rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "zip" => Shape::Zip,
        "tar" | "tgz" => unpacked.shape(),
        _ if is_given => unpacked.shape(),
        _ => Shape::Plain,
    }
}

fn plain(reading: &Reading<'_>, path: &Path, is_given: bool, unpacked: Unpacked) -> Result<Made, Error> {
    let shown = path.display().to_string();
    let Some(source) = reading.choose(bare(&shown), &unpacked.head) else {
        if is_given {
            return Err(Error::UnknownKind { path: path.to_owned() });
        }
        return Ok(Made::ignored(&shown, ""));
    };
    let (bytes, _guard) = whole(reading, path, unpacked, source.about().max_file_bytes)?;
    match reading.parse(source, bare(&shown), &bytes) {
        Ok(made) => Ok(made),
        Err(error) if is_given => Err(Error::wrong_content(path, error)),
        Err(error) => Ok(Made::failed(Some(source.about().name), shown, error.to_string())),
    }
}

/// All bytes of a file, and what keeps other large ones waiting meanwhile.
fn whole<'r>(
    reading: &'r Reading<'_>,
    path: &Path,
    unpacked: Unpacked,
    limit: u64,
) -> Result<(Vec<u8>, Option<MutexGuard<'r, ()>>), Error> {
    let Unpacked { head: mut bytes, mut rest, is_packed } = unpacked;
    let (is_whole, guard) = reading.read_rest(&mut rest, limit, &mut bytes).map_err(|source| {
        if is_packed {
            Error::wrong_content(path, damaged(&source))
        } else {
            Error::Unreadable { path: path.to_owned(), source }
        }
    })?;
    if !is_whole {
        return Err(Error::TooMuch { path: path.to_owned(), limit, unit: "bytes" });
    }
    reading.take(path, bytes.len() as u64)?;
    Ok((bytes, guard))
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
