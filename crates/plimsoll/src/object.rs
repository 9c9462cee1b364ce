//! Objects that a person names: files, stdin, keys of buckets, addresses.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use futures::StreamExt as _;
use plimsoll_select::{OpenFile, RandomAccess, SAMPLE_BYTES};
use plimsoll_store::{Location, Options, Store};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::store::failure;

/// Bytes that are asked of a bucket at a time where an object is not read in order.
const RANGE_BYTES: usize = 4 << 20;
/// Pieces of an object that are on the way while another one is read.
const PIECES_AHEAD: usize = 16;

/// An object that was opened.
pub(crate) struct Object {
    /// As it was named; `stdin` for `-`.
    pub(crate) name: String,
    sample: Vec<u8>,
    source: Source,
}

enum Source {
    File(Arc<OpenFile>),
    Stream(Box<dyn Read>),
    Bucket(Arc<InBucket>, Box<dyn Read>),
}

struct InBucket {
    runtime: Runtime,
    store: Store,
    key: String,
    length_bytes: u64,
}

impl Object {
    /// Opens what a person named, and reads the beginning of it.
    ///
    /// # Errors
    /// [`Exit::Usage`] where there is no such file, or the name makes no sense; [`Exit::CouldNotScan`] where network or disk fail.
    pub(crate) fn open(name: &str, settings: &Settings) -> Result<Self, Failure> {
        if Location::is_address(name) {
            return Self::in_bucket(name, settings);
        }
        if name.starts_with("https://") || name.starts_with("http://") {
            return Self::at_address(name, settings);
        }
        if name == "-" {
            return Self::stream("stdin".to_owned(), Box::new(io::stdin().lock()));
        }
        let usage = |error: io::Error| {
            Failure::new(Exit::Usage, anyhow::Error::new(error).context(format!("cannot read `{name}`")))
        };
        let file = File::open(Path::new(name)).map_err(usage)?;
        let metadata = file.metadata().map_err(usage)?;
        if metadata.is_dir() {
            return Err(Failure::new(
                Exit::Usage,
                anyhow!("cannot read `{name}`: expected a file, found a folder"),
            ));
        }
        // A pipe has no length.
        if !metadata.is_file() {
            return Self::stream(name.to_owned(), Box::new(file));
        }
        let file = OpenFile::new(file).map_err(usage)?;
        let length = usize::try_from(file.length_bytes()).unwrap_or(usize::MAX).min(SAMPLE_BYTES);
        let mut sample = vec![0; length];
        file.read_at(0, &mut sample).map_err(|error| unread(name, error))?;
        Ok(Self { name: name.to_owned(), sample, source: Source::File(Arc::new(file)) })
    }

    fn stream(name: String, reader: Box<dyn Read>) -> Result<Self, Failure> {
        let mut reader = reader;
        let sample = sample(&name, &mut reader)?;
        Ok(Self { name, sample, source: Source::Stream(reader) })
    }

    fn at_address(name: &str, settings: &Settings) -> Result<Self, Failure> {
        let usage = |found: String| {
            let what = format!("cannot read `{}`: {found}", plimsoll_http::without_credentials(name));
            Failure::new(Exit::Usage, anyhow!(what))
        };
        let url =
            plimsoll_http::Url::parse_with_credentials(name).map_err(|found| usage(found.to_owned()))?;
        let mut options = plimsoll_http::Options::from_env();
        options.ca_certificates.extend(settings.certificates(&[])?);
        options.insecure_http.extend(settings.insecure_http.iter().cloned());
        let client = plimsoll_http::Client::new(&options);
        if name.starts_with("http://") && !client.plain_allowed(&url) {
            let hint = "name the host in `insecure-http` of plimsoll.toml if it is to be asked without TLS";
            return Err(usage("expected an https address, found an http one".to_owned()).hint(hint));
        }
        let mut response = client
            .send(&url, &plimsoll_http::Request::get())
            .map_err(|error| Failure::new(Exit::CouldNotScan, error))?;
        if response.status != 200 {
            let what = format!("cannot read `{url}`: expected status 200, found {}", response.describe());
            return Err(Failure::new(Exit::CouldNotScan, anyhow!(what)));
        }
        Self::stream(url.to_string(), response.body)
    }

    fn in_bucket(name: &str, settings: &Settings) -> Result<Self, Failure> {
        let usage = |error| failure(error, Exit::Usage);
        let Some((location, key)) = Location::of_object(name).map_err(usage)? else {
            return Err(Failure::new(
                Exit::Usage,
                anyhow!("cannot read `{name}`: expected the address of a bucket"),
            ));
        };
        if key.is_empty() {
            return Err(Failure::new(
                Exit::Usage,
                anyhow!("cannot read `{name}`: expected a key, found a bucket"),
            ));
        }
        let mut options = Options::from_env();
        options.ca_certificates.extend(settings.certificates(&[])?);
        let store = Store::open_with(&location, &options).map_err(usage)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("cannot read from a bucket: no thread for it")
            .map_err(|error| Failure::new(Exit::CouldNotScan, error))?;
        let failed = |error: plimsoll_store::Error| {
            let exit = if error.is_not_found() { Exit::Usage } else { Exit::CouldNotScan };
            failure(error, exit)
        };
        let length_bytes = runtime.block_on(store.head(&key)).map_err(failed)?.size_bytes;
        let mut stream = runtime.block_on(store.get_stream(&key, 0)).map_err(failed)?;
        let (pieces, ahead) = mpsc::channel(PIECES_AHEAD);
        runtime.spawn(async move {
            while let Some(piece) = stream.next().await {
                // Nobody waits any more where the run has ended.
                if pieces.send(piece).await.is_err() {
                    break;
                }
            }
        });
        let mut reader: Box<dyn Read> =
            Box::new(Pieces { ahead, piece: Cursor::new(bytes::Bytes::new()), left: length_bytes });
        let sample = sample(name, &mut reader)?;
        let source = Source::Bucket(Arc::new(InBucket { runtime, store, key, length_bytes }), reader);
        Ok(Self { name: name.to_owned(), sample, source })
    }

    /// The first bytes.
    pub(crate) fn sample(&self) -> &[u8] {
        &self.sample
    }

    /// How long it is, as it is stored, where that is known before it was read.
    pub(crate) fn length_bytes(&self) -> Option<u64> {
        match &self.source {
            Source::File(file) => Some(file.length_bytes()),
            Source::Bucket(object, _) => Some(object.length_bytes),
            Source::Stream(_) => None,
        }
    }

    /// The object as one that is read anywhere, if it is one; a stream is none.
    pub(crate) fn random(self) -> Result<Arc<dyn RandomAccess>, Box<dyn Read>> {
        match self.source {
            Source::File(file) => Ok(file),
            Source::Bucket(object, _) => Ok(object),
            Source::Stream(reader) => Err(Box::new(Cursor::new(self.sample).chain(reader))),
        }
    }

    /// The object from its first byte on.
    pub(crate) fn reader(self) -> Box<dyn Read> {
        match self.source {
            Source::File(file) => Box::new(InOrder { file, at: 0 }),
            Source::Bucket(object, reader) => {
                Box::new(Kept { reader: Cursor::new(self.sample).chain(reader), _object: object })
            }
            Source::Stream(reader) => Box::new(Cursor::new(self.sample).chain(reader)),
        }
    }
}

fn unread(name: &str, error: io::Error) -> Failure {
    Failure::new(Exit::CouldNotScan, anyhow::Error::new(error).context(format!("cannot read `{name}`")))
}

fn sample(name: &str, reader: &mut dyn Read) -> Result<Vec<u8>, Failure> {
    let mut sample = Vec::new();
    io::copy(&mut reader.take(SAMPLE_BYTES as u64), &mut sample).map_err(|error| unread(name, error))?;
    Ok(sample)
}

/// A file from its first byte on.
struct InOrder {
    file: Arc<OpenFile>,
    at: u64,
}

impl Read for InOrder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.file.length_bytes().saturating_sub(self.at);
        let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.file.read_at(self.at, &mut buffer[..length])?;
        self.at += length as u64;
        Ok(length)
    }
}

/// A reader whose runtime, the object's, must live as long as it.
struct Kept<R> {
    reader: R,
    _object: Arc<InBucket>,
}

impl<R: Read> Read for Kept<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

/// Pieces of an object as they come.
struct Pieces {
    ahead: mpsc::Receiver<object_store::Result<bytes::Bytes>>,
    piece: Cursor<bytes::Bytes>,
    /// Bytes that are still to come.
    left: u64,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.piece.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                self.left = self.left.saturating_sub(length as u64);
                return Ok(length);
            }
            match self.ahead.blocking_recv() {
                Some(piece) => self.piece = Cursor::new(piece?),
                None if self.left > 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                None => return Ok(0),
            }
        }
    }
}

impl RandomAccess for InBucket {
    fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let range = offset..offset + buffer.len() as u64;
        let read = self.runtime.block_on(self.store.get_range(&self.key, range));
        let found = read.map_err(io::Error::other)?;
        if found.len() != buffer.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer.copy_from_slice(&found);
        Ok(())
    }

    fn block_bytes(&self) -> usize {
        RANGE_BYTES
    }
}
