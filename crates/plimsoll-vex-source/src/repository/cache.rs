//! Repositories as they are kept: one folder each, with a file that says what is there, and the archive under the digest of
//! its bytes. Both are written under another name and renamed, so that nobody reads half of one.
//!
//! Source: VEX Repository Specification 0.1, "Checking for Updates" and "Efficiency Strategies".

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use plimsoll_http::{Client, Request, Response, Scheme, Url, read_up_to};
use plimsoll_model::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::manifest::{Location, MAX_MANIFEST_BYTES, Manifest};
use super::{Address, cache_error};
use crate::{Error, Found, Looking};

/// The folder of all repositories in the cache.
const FOLDER: &str = "vex";
/// The file that says what is kept.
const STATE: &str = "state.json";
/// The most bytes of it.
const MAX_STATE_BYTES: u64 = 1 << 20;
/// The most bytes of an archive, as it is sent.
const MAX_ARCHIVE_BYTES: u64 = 2 << 30;
/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 128 << 10;

/// An archive that can be read.
pub(super) struct Held {
    pub(super) file: File,
    /// The folder in it that is the repository's root.
    pub(super) subfolder: String,
}

/// What is kept of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// When it was last asked, RFC 3339.
    checked: String,
    /// How long that is new.
    interval_seconds: u64,
    /// Where the archive came from, and the folder in it.
    location: String,
    subfolder: String,
    /// Its entity tag.
    etag: String,
    /// The digest of its bytes, which names its file; empty where there is none.
    archive: String,
}

/// The archive of a repository: the one that is kept, if it is new enough or nothing may be asked, else the one of today.
/// Where that cannot be fetched, the one that is kept is taken and a note made.
pub(super) fn fetch(address: &Address, looking: &Looking<'_>, found: &mut Found) -> Result<Held, Error> {
    let folder = folder_of(address, looking);
    let kept = folder.as_deref().and_then(|folder| Some((State::read(folder)?, folder)));
    let kept = kept.and_then(|(state, folder)| Some((state.open(folder)?, state)));
    match kept {
        Some((held, state)) if looking.offline || state.is_new(looking.now) => Ok(held),
        None if looking.offline => Err(Error::Offline { what: format!("VEX repository `{address}`") }),
        Some((held, state)) => match update(address, looking, folder.as_deref(), Some(&state)) {
            Ok(Some(newer)) => Ok(newer),
            Ok(None) => Ok(held),
            Err(error) => {
                let mut reason = error.to_string();
                if let Some(source) = std::error::Error::source(&error) {
                    reason = format!("{reason}: {source}");
                }
                let since = state.checked.get(..10).unwrap_or("an unknown day");
                found.notes.push(format!("note: {reason}; what is kept of it since {since} was taken"));
                Ok(held)
            }
        },
        None => update(address, looking, folder.as_deref(), None)?.ok_or_else(|| Error::Repository {
            url: address.to_string(),
            expected: "an archive".to_owned(),
            found: "the answer that it has not changed".to_owned(),
        }),
    }
}

/// Keeps no more that anything is there, unless nothing may be asked: then it is all there is.
pub(super) fn forget(address: &Address, looking: &Looking<'_>) {
    if let Some(folder) = folder_of(address, looking).filter(|_| !looking.offline) {
        // Where it cannot be removed, the same error is told once more.
        let _ = fs::remove_file(folder.join(STATE));
    }
}

fn folder_of(address: &Address, looking: &Looking<'_>) -> Option<PathBuf> {
    looking.cache_folder.map(|cache| cache.join(FOLDER).join(address.key()))
}

/// Asks the repository; `None` where what is kept is as it was.
fn update(
    address: &Address,
    looking: &Looking<'_>,
    folder: Option<&Path>,
    known: Option<&State>,
) -> Result<Option<Held>, Error> {
    let client = Client::new(&looking.reach.http);
    let url = address.manifest();
    let manifest = small(&client, &url)?;
    let manifest = Manifest::parse(&manifest, &url.to_string())?;
    let mut failure = None;
    for location in &manifest.locations {
        match archive(&client, &url, location, looking, folder, known) {
            Ok((state, file)) => {
                let state = State {
                    checked: looking.now.to_string(),
                    interval_seconds: manifest.interval.as_secs(),
                    ..state
                };
                if let Some(folder) = folder {
                    state.publish(folder, known)?;
                }
                return Ok(file.map(|file| Held { file, subfolder: state.subfolder }));
            }
            Err(error) => drop(failure.get_or_insert(error)),
        }
    }
    Err(failure.expect("a manifest names one location at least, or is refused"))
}

fn ask(client: &Client, url: &Url, tag: &str) -> Result<Response, Error> {
    if url.scheme == Scheme::Http && !client.plain_allowed(url) {
        return Err(Error::Repository {
            url: url.to_string(),
            expected: "an https address, or a host that may be asked without TLS (`--insecure-http`)"
                .to_owned(),
            found: "another one".to_owned(),
        });
    }
    let mut request = Request::get();
    if !tag.is_empty() {
        request = request.header("if-none-match", tag);
    }
    let failed = |source| Error::Host { url: url.to_string(), source };
    let mut response = client.send(url, &request).map_err(failed)?;
    if response.status == 304 && !tag.is_empty() {
        return Ok(response);
    }
    let bad = |expected: &str, found: String| Error::Repository {
        url: url.to_string(),
        expected: expected.to_owned(),
        found,
    };
    if response.status != 200 {
        return Err(bad("an answer with status 200", response.describe()));
    }
    if response.is_web_page() {
        return Err(bad("a file", "a web page".to_owned()));
    }
    Ok(response)
}

fn small(client: &Client, url: &Url) -> Result<Vec<u8>, Error> {
    let response = ask(client, url, "")?;
    let bytes = read_up_to(response.body, MAX_MANIFEST_BYTES + 1).map_err(|error| broken(url, &error))?;
    if bytes.len() as u64 > MAX_MANIFEST_BYTES {
        return Err(Error::TooMuch {
            place: url.to_string(),
            limit: MAX_MANIFEST_BYTES,
            unit: "bytes of a manifest",
        });
    }
    Ok(bytes)
}

/// Fetches the archive, if it has changed.
fn archive(
    client: &Client,
    manifest: &Url,
    location: &Location,
    looking: &Looking<'_>,
    folder: Option<&Path>,
    known: Option<&State>,
) -> Result<(State, Option<File>), Error> {
    let url = manifest.join(&location.url).map_err(|found| Error::Repository {
        url: manifest.to_string(),
        expected: "the address of an archive".to_owned(),
        found: found.to_owned(),
    })?;
    let url = url.with_credentials_of(manifest);
    // Without its query, which may hold a signature.
    let place = url.to_string();
    let known = known.filter(|state| state.location == place);
    let mut failures = 0;
    loop {
        let response = ask(client, &url, known.map_or("", |state| &state.etag))?;
        if let (304, Some(known)) = (response.status, known) {
            return Ok((State { subfolder: location.subfolder.clone(), ..known.clone() }, None));
        }
        let etag = response.header("etag").unwrap_or_default().to_owned();
        match Download::of(response.body, &url, folder, looking.temporary_folder) {
            Ok(download) => {
                let state = State {
                    location: place,
                    subfolder: location.subfolder.clone(),
                    etag,
                    archive: download.digest.hex().to_owned(),
                    ..State::default()
                };
                return Ok((state, Some(download.keep(folder)?)));
            }
            Err(Interrupted::For(error)) => return Err(error),
            // It broke off on the way, and may not do so again.
            Err(Interrupted::By(error)) if failures >= client.policy().retries => return Err(error),
            Err(Interrupted::By(_)) => {
                std::thread::sleep(client.policy().wait(failures));
                failures += 1;
            }
        }
    }
}

/// Why a download ended: for good, or by a connection that broke.
enum Interrupted {
    For(Error),
    By(Error),
}

/// A file that was fetched, under a name that nobody looks for. It is removed unless it is kept.
struct Download {
    path: PathBuf,
    file: File,
    digest: Digest,
}

impl Download {
    fn of(
        mut body: impl Read,
        url: &Url,
        folder: Option<&Path>,
        temporary_folder: &Path,
    ) -> Result<Self, Interrupted> {
        let folder = folder.unwrap_or(temporary_folder);
        let failed = |source| Interrupted::For(Error::Cache { path: folder.to_owned(), source });
        fs::create_dir_all(folder).map_err(failed)?;
        let (path, file) = new_file(folder).map_err(failed)?;
        let mut download = Self { path, file, digest: Digest::sha256(&[0; 32]) };
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut total: u64 = 0;
        loop {
            let length = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Interrupted::By(broken(url, &error))),
            };
            total += length as u64;
            if total > MAX_ARCHIVE_BYTES {
                let place = url.to_string();
                let limit = MAX_ARCHIVE_BYTES;
                return Err(Interrupted::For(Error::TooMuch { place, limit, unit: "bytes of an archive" }));
            }
            hasher.update(&buffer[..length]);
            download.file.write_all(&buffer[..length]).map_err(failed)?;
        }
        download.digest = Digest::sha256(&hasher.finalize().into());
        Ok(download)
    }

    /// Gives it its name in the folder; without one it stays a file without a name.
    fn keep(self, folder: Option<&Path>) -> Result<File, Error> {
        let file = self.file.try_clone().map_err(cache_error(&self.path))?;
        if let Some(folder) = folder {
            let path = archive_path(folder, self.digest.hex());
            fs::rename(&self.path, &path).map_err(cache_error(&path))?;
        }
        Ok(file)
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        // Where it was kept, nothing has this name any more.
        let _ = fs::remove_file(&self.path);
    }
}

/// A new file under a name that no other process has.
fn new_file(folder: &Path) -> io::Result<(PathBuf, File)> {
    let mut number = 0;
    loop {
        let path = folder.join(format!(".{}.{number}.tmp", std::process::id()));
        match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 100 => number += 1,
            result => return result.map(|file| (path, file)),
        }
    }
}

fn archive_path(folder: &Path, hex: &str) -> PathBuf {
    folder.join(format!("{hex}.archive"))
}

fn broken(url: &Url, error: &io::Error) -> Error {
    Error::Repository {
        url: url.to_string(),
        expected: "all of its bytes".to_owned(),
        found: format!("a connection that broke ({error})"),
    }
}

impl State {
    /// What is kept in a folder; `None` where nothing is that can be read.
    fn read(folder: &Path) -> Option<Self> {
        let file = File::open(folder.join(STATE)).ok()?;
        serde_json::from_slice(&read_up_to(file, MAX_STATE_BYTES).ok()?).ok()
    }

    /// The archive that it names; `None` where it is gone, or its name is none.
    fn open(&self, folder: &Path) -> Option<Held> {
        let digest: Digest = format!("sha256:{}", self.archive).parse().ok()?;
        let file = File::open(archive_path(folder, digest.hex())).ok()?;
        Some(Held { file, subfolder: self.subfolder.clone() })
    }

    /// Whether it need not be asked yet. A time to come is a clock that was wrong.
    fn is_new(&self, now: Timestamp) -> bool {
        let Ok(checked) = self.checked.parse::<Timestamp>() else { return false };
        let age = now.duration_since(checked);
        let interval = SignedDuration::from_secs(i64::try_from(self.interval_seconds).unwrap_or(0));
        !age.is_negative() && age < interval
    }

    /// Writes it down, and removes the archive of the one before.
    fn publish(&self, folder: &Path, before: Option<&Self>) -> Result<(), Error> {
        let failed = cache_error(folder);
        let (path, mut file) = new_file(folder).map_err(&failed)?;
        let bytes = serde_json::to_vec(self).expect("texts and numbers have a JSON form");
        let written = file.write_all(&bytes).and_then(|()| fs::rename(&path, folder.join(STATE)));
        if let Err(error) = written {
            // The failure that is told is the one before.
            let _ = fs::remove_file(&path);
            return Err(failed(error));
        }
        if let Some(old) = before.filter(|old| old.archive != self.archive) {
            // Who reads it has it open.
            let _ = fs::remove_file(archive_path(folder, &old.archive));
        }
        Ok(())
    }
}
