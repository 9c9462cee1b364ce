//! Files that are being downloaded: what is there already, of which version, and by whom it is written.
//!
//! A download of an address goes to `<hash of the address>.part`, with `<hash>.json` beside it that says which version
//! it is a part of. The process that writes it holds it with an advisory lock that nobody waits for: another one that
//! downloads the same at the same time writes to a file of its own. A process that dies lets go of its lock, and the next
//! one goes on where it ended.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use plimsoll_http::read_up_to;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Error;

/// The most bytes of the note beside a part.
const MAX_NOTE_BYTES: u64 = 64 << 10;
/// How often a part is opened anew that another process removed meanwhile.
const MAX_OPENINGS: usize = 3;
/// How long a part is kept that nobody goes on from, as of a feed that is wanted no more.
const MAX_PART_AGE: Duration = Duration::from_hours(7 * 24);
/// Bytes that are hashed at a time.
const CHUNK_BYTES: usize = 128 << 10;

/// Tells files of one process apart.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// What a server says of a version of a file (RFC 9110, 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Validators {
    /// `ETag`; empty where there is none.
    #[serde(default)]
    pub(crate) etag: String,
    /// `Last-Modified`; empty where there is none.
    #[serde(default)]
    pub(crate) last_modified: String,
}

impl Validators {
    pub(crate) fn of(response: &plimsoll_http::Response) -> Self {
        let header = |name: &str| response.header(name).unwrap_or_default().to_owned();
        Self { etag: header("etag"), last_modified: header("last-modified") }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.etag.is_empty() && self.last_modified.is_empty()
    }

    /// What goes into `If-Range`: a strong entity tag, else the date; `None` where neither tells versions apart.
    pub(crate) fn for_range(&self) -> Option<&str> {
        if !self.etag.is_empty() && !self.etag.starts_with("W/") {
            return Some(&self.etag);
        }
        (self.etag.is_empty() && !self.last_modified.is_empty()).then_some(self.last_modified.as_str())
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Note {
    url: String,
    #[serde(flatten)]
    validators: Validators,
}

/// A file that is being downloaded, or has been. It is removed when it is dropped, unless it is kept for later.
pub(crate) struct Part {
    path: PathBuf,
    file: File,
    note: PathBuf,
    url: String,
    validators: Validators,
    /// Bytes that are there.
    pub(crate) size: u64,
    hasher: Sha256,
    keep: bool,
}

impl Part {
    /// Opens the part of an address, with what is there of it.
    pub(crate) fn open(folder: &Path, url: &str) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::file(folder))?;
        let hash = hex(&Sha256::digest(url));
        let hash = &hash[..32];
        let mut path = folder.join(format!("{hash}.part"));
        let mut held = None;
        for _ in 0..MAX_OPENINGS {
            // One of another user's is as good as one that is held.
            let Ok(file) = open(&path) else { break };
            if file.try_lock().is_err() {
                break;
            }
            if is_at(&file, &path) {
                held = Some(file);
                break;
            }
        }
        let file = if let Some(file) = held {
            file
        } else {
            // Another process writes it, or owns it. This one goes its own way, and leaves nothing to go on from.
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            path = folder.join(format!("{hash}.{}-{number}.own", std::process::id()));
            let file = open(&path).map_err(Error::file(&path))?;
            // Without a lock it is swept by the next update; that is no harm.
            let _ = file.try_lock();
            file
        };
        let note = path.with_extension("json");
        let mut part = Self {
            file,
            note,
            url: url.to_owned(),
            validators: Validators::default(),
            size: 0,
            hasher: Sha256::new(),
            keep: false,
            path,
        };
        part.take_up().map_err(Error::file(&part.path))?;
        Ok(part)
    }

    /// Reads what is there, if it can be gone on from.
    fn take_up(&mut self) -> io::Result<()> {
        let note: Note = File::open(&self.note)
            .and_then(|file| read_up_to(file, MAX_NOTE_BYTES))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        if note.url != self.url || note.validators.for_range().is_none() {
            return self.restart();
        }
        self.validators = note.validators;
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let length = match self.file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.hasher.update(&buffer[..length]);
            self.size += length as u64;
        }
    }

    /// What goes into `If-Range`, where there is something to go on from.
    pub(crate) fn resumable(&self) -> Option<&str> {
        self.validators.for_range().filter(|_| self.size > 0)
    }

    /// Throws away what is there.
    fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.size = 0;
        self.hasher = Sha256::new();
        Ok(())
    }

    /// Begins with the first byte of this version.
    pub(crate) fn begin(&mut self, validators: Validators) -> Result<(), Error> {
        self.restart().map_err(Error::file(&self.path))?;
        self.validators = validators;
        let note = Note { url: self.url.clone(), validators: self.validators.clone() };
        let bytes = serde_json::to_vec(&note).expect("two texts and an address are JSON");
        fs::write(&self.note, bytes).map_err(Error::file(&self.note))
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::file(&self.path))?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Leaves what is there for the next attempt, now or in another run.
    pub(crate) fn keep(mut self) {
        self.keep = true;
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn validators(&self) -> &Validators {
        &self.validators
    }

    /// SHA-256 of what is there, in hex.
    pub(crate) fn sha256(&self) -> String {
        hex(&self.hasher.clone().finalize())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.keep || self.resumable().is_none() {
            // What cannot be removed now is swept later.
            let _ = fs::remove_file(&self.note);
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes what processes that died left and nobody can go on from, and parts that nobody has gone on from for
/// [`MAX_PART_AGE`] before `now`.
pub(crate) fn sweep(folder: &Path, now: SystemTime) {
    for path in files(folder) {
        let is_of = |wanted: &str| path.extension().is_some_and(|extension| extension == wanted);
        let is_left = is_of("own") || (is_of("part") && is_older_than(&path, MAX_PART_AGE, now));
        if is_left && File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(path.with_extension("json"));
            let _ = fs::remove_file(&path);
        }
    }
}

/// The files of a folder; none where it cannot be read.
pub(crate) fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| entry.ok().map(|entry| entry.path()))
}

/// Whether a file was last written longer ago than that. One whose age cannot be told was not.
pub(crate) fn is_older_than(path: &Path, age: Duration, now: SystemTime) -> bool {
    let modified = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| now.duration_since(modified).is_ok_and(|found| found > age))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Whether a file that was opened is still the one at its path: its last owner may have removed it.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(file), Ok(path)) => file.ino() == path.ino() && file.dev() == path.dev(),
        _ => false,
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// Writes a file under another name and renames it, so that readers see the old one or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|source| {
        let _ = fs::remove_file(&temporary);
        Error::File { path: path.to_owned(), source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("plimsoll-part-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    fn tag(text: &str) -> Validators {
        Validators { etag: text.to_owned(), last_modified: String::new() }
    }

    #[test]
    fn a_part_that_was_kept_is_gone_on_from() {
        let folder = folder("kept");
        let mut part = Part::open(&folder, "http://x/a").unwrap();
        assert_eq!(part.resumable(), None);
        part.begin(tag("\"1\"")).unwrap();
        part.append(b"abc").unwrap();
        part.keep();
        let part = Part::open(&folder, "http://x/a").unwrap();
        assert_eq!((part.size, part.resumable()), (3, Some("\"1\"")));
        assert_eq!(part.sha256(), hex(&Sha256::digest(b"abc")));
        drop(part);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_part_of_no_certain_version_is_not() {
        let folder = folder("weak");
        for validators in [tag("W/\"1\""), Validators::default()] {
            let mut part = Part::open(&folder, "http://x/a").unwrap();
            part.begin(validators).unwrap();
            part.append(b"abc").unwrap();
            part.keep();
            assert_eq!(Part::open(&folder, "http://x/a").unwrap().size, 0);
        }
        fs::create_dir_all(&folder).unwrap();
        let path = Part::open(&folder, "http://x/a").unwrap().path().to_owned();
        for note in ["", "{", "[]", r#"{"url":"http://x/b","etag":"\"1\""}"#] {
            fs::write(&path, b"abc").unwrap();
            fs::write(path.with_extension("json"), note).unwrap();
            assert_eq!(Part::open(&folder, "http://x/a").unwrap().size, 0, "{note}");
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn two_at_once_write_two_files() {
        let folder = folder("two");
        let mut first = Part::open(&folder, "http://x/a").unwrap();
        first.begin(tag("\"1\"")).unwrap();
        first.append(b"abc").unwrap();
        let second = Part::open(&folder, "http://x/a").unwrap();
        assert_ne!(first.path(), second.path());
        assert_eq!(second.size, 0);
        sweep(&folder, SystemTime::UNIX_EPOCH);
        assert!(second.path().exists());
        let left = second.path().to_owned();
        drop(second);
        fs::write(&left, b"of a process that died").unwrap();
        sweep(&folder, SystemTime::UNIX_EPOCH);
        assert!(!left.exists() && first.path().exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
