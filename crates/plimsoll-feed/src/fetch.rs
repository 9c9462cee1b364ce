//! One file from one address: asked for only if it has changed, gone on with where it broke off, bounded.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use plimsoll_http::{Client, Request, Response, Scheme, Url, read_up_to};

use crate::error::Trouble;
use crate::part::{Part, Validators};
use crate::{Error, UpdateOptions, size};

/// The most bytes of one file, as it is sent.
pub const MAX_FILE_BYTES: u64 = 2 << 30;
/// The most bytes of all files of one update, as they are sent.
pub const MAX_UPDATE_BYTES: u64 = 32 << 30;
/// After this many bytes in one go a connection that breaks counts as a first failure again.
const PROGRESS_BYTES: u64 = 1 << 20;
/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 128 << 10;
/// Ends of paths whose files are compressed already.
const COMPRESSED: &[&str] = &[".zip", ".gz", ".tgz", ".bz2", ".xz", ".zst"];

/// Fetches files for one update.
pub(crate) struct Fetcher {
    client: Client,
    offline: bool,
    file_timeout: Duration,
    downloads: PathBuf,
    /// Bytes that were sent to us.
    received: AtomicU64,
}

/// What came of asking for a file.
pub(crate) enum Answer {
    /// It is as it was.
    Unchanged,
    /// It is here.
    File(Box<Part>),
}

/// What came of asking for something small.
pub(crate) enum Small {
    Unchanged,
    Bytes { bytes: Vec<u8>, validators: Validators },
}

impl Fetcher {
    pub(crate) fn new(options: &UpdateOptions, downloads: PathBuf) -> Self {
        Self {
            client: Client::new(&options.http),
            offline: options.offline,
            file_timeout: options.file_timeout,
            downloads,
            received: AtomicU64::new(0),
        }
    }

    /// Bytes of bodies that were sent to us so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// A small file, whole.
    pub(crate) fn small(
        &self,
        url: &Url,
        known: Option<&Validators>,
        max_bytes: u64,
    ) -> Result<Small, Trouble> {
        let deadline = Instant::now() + self.file_timeout;
        let policy = self.client.policy();
        let mut failures = 0;
        loop {
            let response = self.ask(url, known, Ask::Small)?;
            if response.status == 304 {
                return Ok(Small::Unchanged);
            }
            let validators = Validators::of(&response);
            let announced = response.content_length();
            if announced.is_some_and(|length| length > max_bytes) {
                return Err(too_long(url, max_bytes));
            }
            let read = read_up_to(Timed { body: response.body, deadline }, max_bytes + 1);
            let failure = match read {
                Ok(bytes) if bytes.len() as u64 > max_bytes => return Err(too_long(url, max_bytes)),
                Ok(bytes) => {
                    self.count(url, bytes.len() as u64)?;
                    let length = bytes.len() as u64;
                    match announced {
                        Some(announced) if announced != length => cut(url, length, announced),
                        _ => return Ok(Small::Bytes { bytes, validators }),
                    }
                }
                Err(error) => broken(url, &error),
            };
            if failures >= policy.retries || Instant::now() > deadline {
                return Err(failure);
            }
            std::thread::sleep(policy.wait(failures));
            failures += 1;
        }
    }

    /// A file of any size, into the downloads. What broke off for good is kept for the next time.
    pub(crate) fn file(
        &self,
        url: &Url,
        known: Option<&Validators>,
        progress: &(dyn Fn(u64, Option<u64>) + Sync),
    ) -> Result<Answer, Trouble> {
        if self.offline {
            return Err(Error::Offline { url: url.to_string() }.into());
        }
        let mut part = Part::open(&self.downloads, &url.expose())?;
        let deadline = Instant::now() + self.file_timeout;
        let policy = self.client.policy();
        let mut failures = 0;
        loop {
            let before = part.size;
            let (failure, may_pass) = match self.stream(url, known, &mut part, deadline, progress) {
                Ok(true) => return Ok(Answer::File(Box::new(part))),
                Ok(false) => return Ok(Answer::Unchanged),
                Err(Broken::Connection(trouble)) => (trouble, true),
                Err(Broken::Final(trouble)) => (trouble, false),
            };
            if part.size >= before.saturating_add(PROGRESS_BYTES) {
                failures = 0;
            }
            if !may_pass || failures >= policy.retries || Instant::now() > deadline {
                // On a disk that is full it would be in the way of all that comes behind it.
                if !failure.is_full_disk() {
                    part.keep();
                }
                return Err(failure);
            }
            std::thread::sleep(policy.wait(failures));
            failures += 1;
        }
    }

    /// One connection. Whether there is a file; it is whole then.
    fn stream(
        &self,
        url: &Url,
        known: Option<&Validators>,
        part: &mut Part,
        deadline: Instant,
        progress: &(dyn Fn(u64, Option<u64>) + Sync),
    ) -> Result<bool, Broken> {
        let resume = part.resumable().map(|tag| (part.size, tag.to_owned()));
        let mut response = self.ask(url, known, Ask::File(resume.as_ref())).map_err(Broken::Final)?;
        let is_other = |response: &Response| match &resume {
            // What is there is all, or of another version: nothing tells which.
            Some(_) if response.status == 416 => true,
            // Another place, or a part of another version: the two together would be of neither.
            Some((offset, tag)) if response.status == 206 => {
                let validators = Validators::of(response);
                response.range_start() != Some(*offset)
                    || !validators.is_empty() && validators.for_range() != Some(tag)
            }
            _ => false,
        };
        let begins_anew = is_other(&response);
        if begins_anew {
            part.begin(Validators::default()).map_err(|error| Broken::Final(error.into()))?;
            response = self.ask(url, known, Ask::File(None)).map_err(Broken::Final)?;
        }
        let mut offset = 0;
        match response.status {
            304 => return Ok(false),
            206 if resume.is_some() && !begins_anew => offset = part.size,
            206 => {
                return Err(Broken::Final(Trouble::Answer(format!(
                    "cannot read `{url}`: expected the range that was asked, found another"
                ))));
            }
            _ => {
                let validators = Validators::of(&response);
                part.begin(validators).map_err(|error| Broken::Final(error.into()))?;
            }
        }
        let total = response.content_length().map(|length| length.saturating_add(offset));
        if total.is_some_and(|total| total > MAX_FILE_BYTES) {
            return Err(Broken::Final(too_long(url, MAX_FILE_BYTES)));
        }
        progress(part.size, total);
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let length = match response.body.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Broken::Connection(broken(url, &error))),
            };
            self.count(url, length as u64).map_err(Broken::Final)?;
            if part.size + length as u64 > MAX_FILE_BYTES {
                return Err(Broken::Final(too_long(url, MAX_FILE_BYTES)));
            }
            part.append(&buffer[..length]).map_err(|error| Broken::Final(error.into()))?;
            progress(part.size, total);
            if Instant::now() > deadline {
                return Err(Broken::Final(too_slow(url)));
            }
        }
        match total {
            Some(total) if total != part.size => Err(Broken::Connection(cut(url, part.size, total))),
            _ => Ok(true),
        }
    }

    /// One request; the answer is 200, 206, 304 or 416, and no page for people.
    fn ask(&self, url: &Url, known: Option<&Validators>, ask: Ask<'_>) -> Result<Response, Trouble> {
        if self.offline {
            return Err(Error::Offline { url: url.to_string() }.into());
        }
        if url.scheme == Scheme::Http && !self.client.plain_allowed(url) {
            return Err(Trouble::Answer(format!(
                "cannot read `{url}`: expected an https address, or a host that is named with `--insecure-http`, found http"
            )));
        }
        let mut request = Request::get();
        let path = url.path.split('?').next().unwrap_or_default().to_ascii_lowercase();
        let (resume, packed) = match ask {
            Ask::Small => (None, false),
            Ask::File(resume) => (resume, true),
        };
        if packed && !COMPRESSED.iter().any(|end| path.ends_with(end)) {
            request = request.header("accept-encoding", "gzip");
        }
        if let Some(known) = known {
            if !known.etag.is_empty() {
                request = request.header("if-none-match", known.etag.as_str());
            }
            if !known.last_modified.is_empty() {
                request = request.header("if-modified-since", known.last_modified.as_str());
            }
        }
        if let Some((offset, tag)) = resume {
            request = request.from_byte(*offset).header("if-range", tag.as_str());
        }
        let mut response = self.client.send(url, &request)?;
        let is_conditional = known.is_some_and(|known| !known.is_empty());
        match response.status {
            200 | 206 => {}
            304 if is_conditional => return Ok(response),
            416 if resume.is_some() => return Ok(response),
            404 | 410 => return Err(Trouble::Missing { url: url.to_string() }),
            _ => {
                let answer = response.describe();
                return Err(Trouble::Answer(format!(
                    "cannot read `{url}`: expected the feed, found {answer}"
                )));
            }
        }
        if response.is_web_page() {
            return Err(Trouble::Answer(format!("cannot read `{url}`: expected data, found a web page")));
        }
        // Gzip is told by its first bytes when the file is read; others cannot be undone there.
        let coding = response.header("content-encoding").unwrap_or("identity").trim().to_ascii_lowercase();
        let is_read = matches!(coding.as_str(), "" | "identity")
            || (packed && matches!(coding.as_str(), "gzip" | "x-gzip"));
        if !is_read {
            let coding: String = coding.chars().take(40).flat_map(char::escape_debug).collect();
            return Err(Trouble::Answer(format!(
                "cannot read `{url}`: expected a file as it is or in gzip, found content coding `{coding}`"
            )));
        }
        Ok(response)
    }

    fn count(&self, url: &Url, bytes: u64) -> Result<(), Trouble> {
        let before = self.received.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > MAX_UPDATE_BYTES {
            return Err(Trouble::Answer(format!(
                "cannot read `{url}`: expected at most {} in one update, found more",
                size(MAX_UPDATE_BYTES)
            )));
        }
        Ok(())
    }
}

/// What a request is for.
#[derive(Clone, Copy)]
enum Ask<'a> {
    /// Something small, as it is.
    Small,
    /// A file, in gzip if that is smaller, from this byte of this version on.
    File(Option<&'a (u64, String)>),
}

/// How a connection ended that gave no file.
enum Broken {
    /// Another connection may go on.
    Connection(Trouble),
    /// None would.
    Final(Trouble),
}

/// A body that may not take for ever.
struct Timed {
    body: Box<dyn Read + Send>,
    deadline: Instant,
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() > self.deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.body.read(buffer)
    }
}

fn too_long(url: &Url, limit: u64) -> Trouble {
    Trouble::Answer(format!("cannot read `{url}`: expected at most {}, found more", size(limit)))
}

fn too_slow(url: &Url) -> Trouble {
    Trouble::Answer(format!("cannot read `{url}`: expected all of it within the time limit, found a part"))
}

fn cut(url: &Url, found: u64, expected: u64) -> Trouble {
    Trouble::Answer(format!("cannot read `{url}`: expected {expected} bytes, found {found}"))
}

fn broken(url: &Url, error: &io::Error) -> Trouble {
    Trouble::Answer(format!("cannot read `{url}`: the connection was broken off: {error}"))
}
