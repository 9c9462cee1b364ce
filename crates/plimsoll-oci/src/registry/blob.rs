//! The bytes of a blob, as they come: verified, counted, and fetched on where they broke off.

use std::io::{self, Read};
use std::sync::Arc;

use plimsoll_http::{ConnectionFailure, Error as HttpError, Response, Url};
use plimsoll_model::Digest;

use super::client::Client;
use crate::verify::Hasher;
use crate::{Error, Progress};

/// After this many bytes in one go a connection that breaks counts as a first failure again.
const PROGRESS_BYTES: u64 = 1 << 20;
/// The most bytes that are passed over where a registry cannot begin in the middle.
const SKIP_BYTES: usize = 16 << 10;

/// The bytes of a blob. The end is only reported once their number and their digest were found right.
pub(crate) struct BlobReader<'a> {
    client: &'a Client,
    digest: Digest,
    size: u64,
    urls: Vec<String>,
    what: &'static str,
    body: Option<Box<dyn Read + Send>>,
    /// Bytes handed out.
    offset: u64,
    /// Bytes of the body at hand that were handed out before, by another one.
    to_skip: u64,
    /// Bytes that the connection at hand gave.
    of_connection: u64,
    failures: u32,
    hasher: Option<Hasher>,
    progress: Option<(Arc<dyn Progress>, usize)>,
    /// Whether the end was reached and found right.
    finished: bool,
    /// Whether an error was given: what follows is no end.
    failed: bool,
}

impl<'a> BlobReader<'a> {
    pub(crate) fn new(
        client: &'a Client,
        digest: Digest,
        size: u64,
        urls: Vec<String>,
        what: &'static str,
    ) -> Self {
        Self {
            client,
            hasher: Some(Hasher::like(&digest)),
            digest,
            size,
            urls,
            what,
            body: None,
            offset: 0,
            to_skip: 0,
            of_connection: 0,
            failures: 0,
            progress: None,
            finished: false,
            failed: false,
        }
    }

    /// Tells of the bytes as those of the layer `index`.
    pub(crate) fn with_progress(mut self, progress: Option<Arc<dyn Progress>>, index: usize) -> Self {
        self.progress = progress.map(|progress| (progress, index));
        self
    }

    fn open(&mut self) -> Result<Box<dyn Read + Send>, Error> {
        let mut response = self.client.blob(&self.digest, self.offset)?;
        if response.status == 404 {
            response = self.elsewhere()?;
        }
        self.of_connection = 0;
        let length = response.content_length();
        match response.status {
            206 => {
                if response.range_start() != Some(self.offset) {
                    return Err(
                        self.size_error(format!("a range that does not begin at byte {}", self.offset))
                    );
                }
                self.to_skip = 0;
            }
            // Begin again, and pass over what we have.
            200 => {
                if let Some(length) = length.filter(|&length| length != self.size) {
                    return Err(self.size_error(format!("{length} bytes announced")));
                }
                self.to_skip = self.offset;
            }
            _ => return Err(self.size_error(format!("{} bytes", self.offset))),
        }
        Ok(response.body)
    }

    /// A foreign layer may lie where its manifest says.
    fn elsewhere(&mut self) -> Result<Response, Error> {
        let mut failure = None;
        for text in &self.urls {
            let result = match Url::parse(text) {
                Ok(url) => self.client.foreign_blob(&url, self.offset),
                Err(found) => Err(Error::Content {
                    what: "manifest",
                    subject: self.digest.to_string(),
                    expected: "addresses of a foreign layer".to_owned(),
                    found: found.to_owned(),
                }),
            };
            match result {
                Ok(response) if response.status != 404 => return Ok(response),
                Ok(_) => {}
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| self.client.missing_blob(&self.digest)))
    }

    fn size_error(&self, found: String) -> Error {
        Error::Size { what: self.what, digest: self.digest.to_string(), expected: self.size, found }
    }

    /// One step: bytes, the end, or a reason to open anew.
    fn step(&mut self, buffer: &mut [u8]) -> Result<Step, Error> {
        let mut body = match self.body.take() {
            Some(body) => body,
            None => self.open()?,
        };
        let mut passed_over = [0_u8; SKIP_BYTES];
        while self.to_skip > 0 {
            let want = usize::try_from(self.to_skip).map_or(SKIP_BYTES, |skip| skip.min(SKIP_BYTES));
            match body.read(&mut passed_over[..want]) {
                Ok(0) => return Ok(Step::Broken(io::ErrorKind::UnexpectedEof.into())),
                Ok(length) => self.to_skip -= length as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Ok(Step::Broken(error)),
            }
        }
        match body.read(buffer) {
            Ok(0) if self.offset < self.size => Ok(Step::Broken(io::ErrorKind::UnexpectedEof.into())),
            Ok(0) => {
                let found = self.hasher.take().expect("the end is reached once").finish();
                if found != self.digest {
                    return Err(Error::Digest {
                        what: self.what,
                        expected: self.digest.to_string(),
                        found: found.to_string(),
                    });
                }
                Ok(Step::End)
            }
            Ok(length) => {
                let read = length as u64;
                if self.offset + read > self.size {
                    return Err(self.size_error("more".to_owned()));
                }
                self.offset += read;
                self.of_connection += read;
                self.hasher.as_mut().expect("the end was not reached").update(&buffer[..length]);
                if let Some((progress, index)) = &self.progress {
                    progress.layer_bytes(*index, read);
                }
                self.body = Some(body);
                Ok(Step::Bytes(length))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.body = Some(body);
                Ok(Step::Again)
            }
            Err(error) => Ok(Step::Broken(error)),
        }
    }
}

enum Step {
    Bytes(usize),
    End,
    Again,
    /// The connection; what was read stays.
    Broken(io::Error),
}

impl Read for BlobReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::other("the blob could not be read: its reader has failed before"));
        }
        if self.finished || buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.step(buffer) {
                Ok(Step::Bytes(length)) => return Ok(length),
                Ok(Step::Again) => {}
                Ok(Step::End) => {
                    self.finished = true;
                    return Ok(0);
                }
                Ok(Step::Broken(source)) => {
                    if self.of_connection >= PROGRESS_BYTES {
                        self.failures = 0;
                    }
                    let policy = self.client.http.policy();
                    if self.failures >= policy.retries {
                        self.failed = true;
                        let error = if source.kind() == io::ErrorKind::UnexpectedEof {
                            self.size_error(format!(
                                "{} bytes, after {} attempt{}",
                                self.offset,
                                self.failures + 1,
                                if self.failures == 0 { "" } else { "s" }
                            ))
                        } else {
                            HttpError::Connection {
                                subject: format!("{} {}", self.what, self.digest),
                                failure: ConnectionFailure::Transport,
                                source: Box::new(source),
                            }
                            .into()
                        };
                        return Err(error.into_io());
                    }
                    std::thread::sleep(policy.wait(self.failures));
                    self.failures += 1;
                }
                Err(error) => {
                    self.failed = true;
                    return Err(error.into_io());
                }
            }
        }
    }
}

/// The error of this crate that a reader failed with.
pub(crate) fn unwrap_io(error: io::Error, what: &'static str) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(source) => HttpError::Connection {
            subject: what.to_owned(),
            failure: ConnectionFailure::Transport,
            source: Box::new(source),
        }
        .into(),
    }
}
