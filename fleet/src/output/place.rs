//! Where results go: stdout, a file, an object.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use object_store::buffered::BufWriter;
use plimsoll_store::{Location, Store};
use tokio::io::AsyncWriteExt as _;

use crate::error::{Exit, Failure};

/// Most names that are tried for a file that is not finished.
const MAX_NAMES: usize = 100;

/// Where a person wants a result.
#[derive(Clone, Debug)]
pub enum Place {
    /// Stdout.
    Stdout,
    /// A file, under another name until it is whole.
    File(PathBuf),
    /// An object of a bucket: the bucket, and its key.
    Object(Location, String),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "-" {
            return Ok(Self::Stdout);
        }
        if !text.contains("://") || text.starts_with("file://") {
            return Ok(Self::File(PathBuf::from(text.strip_prefix("file://").unwrap_or(text))));
        }
        let (place, key) = text.rsplit_once('/').unwrap_or((text, ""));
        if key.is_empty() || place.ends_with(":/") {
            return Err(format!("expected an object, as `s3://BUCKET/KEY`, found `{text}`"));
        }
        let location = Location::parse(place).map_err(|error| error.to_string())?;
        Ok(Self::Object(location, key.to_owned()))
    }
}

/// A place that takes bytes.
pub(crate) enum Destination {
    Stdout { is_closed: bool },
    File { file: File, temporary: Option<PathBuf>, place: PathBuf },
    Object { writer: BufWriter, name: String },
}

impl Destination {
    /// Opens it; what stood there stays until [`Destination::finish`].
    pub(crate) fn open(place: &Place) -> Result<Self, Failure> {
        match place {
            Place::Stdout => Ok(Self::Stdout { is_closed: false }),
            Place::File(path) => Self::file(path).map_err(|error| cannot(path, error)),
            Place::Object(location, key) => {
                let store = Store::open(location).map_err(|error| Failure::new(Exit::NotStored, error))?;
                let writer = BufWriter::new(Arc::clone(store.objects()), store.path(key));
                Ok(Self::Object { writer, name: format!("{location}/{key}") })
            }
        }
    }

    fn file(path: &Path) -> io::Result<Self> {
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        // A device or a pipe is written to as it is: what stands there stays.
        if fs::metadata(&place).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
            let file = OpenOptions::new().append(true).open(&place)?;
            return Ok(Self::File { file, temporary: None, place });
        }
        let name = place.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_string_lossy().into_owned();
        let mut number = 0;
        loop {
            let temporary = place.with_file_name(format!(".{name}.{}.{number}.tmp", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MAX_NAMES => {
                    number += 1;
                }
                result => {
                    return result.map(|file| Self::File { file, temporary: Some(temporary), place });
                }
            }
        }
    }

    /// Takes bytes. `false` where nobody wants more, as `head` does.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<bool, Failure> {
        match self {
            Self::Stdout { is_closed } => {
                let mut stdout = io::stdout().lock();
                match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => *is_closed = true,
                    result => result.context("cannot write to stdout").map_err(failed)?,
                }
                Ok(!*is_closed)
            }
            Self::File { file, place, .. } => {
                file.write_all(bytes).map_err(|error| cannot(place, error)).map(|()| true)
            }
            Self::Object { writer, name } => {
                writer.write_all(bytes).await.map_err(|error| not_stored(name, error)).map(|()| true)
            }
        }
    }

    /// Puts the whole result in its place.
    pub(crate) async fn finish(mut self) -> Result<(), Failure> {
        match &mut self {
            Self::Stdout { .. } => Ok(()),
            Self::File { temporary, place, .. } => {
                let renamed = temporary.as_deref().map_or(Ok(()), |temporary| fs::rename(temporary, &place));
                let renamed = renamed.map_err(|error| cannot(place, error));
                if renamed.is_ok() {
                    *temporary = None;
                }
                renamed
            }
            Self::Object { writer, name } => writer.shutdown().await.map_err(|error| not_stored(name, error)),
        }
    }
}

/// What was given up leaves no file behind.
impl Drop for Destination {
    fn drop(&mut self) {
        if let Self::File { temporary: Some(temporary), .. } = self {
            // Best effort: the failure before is what is reported.
            let _ = fs::remove_file(temporary);
        }
    }
}

fn failed(error: anyhow::Error) -> Failure {
    Failure::new(Exit::Failed, error)
}

fn cannot(path: &Path, error: io::Error) -> Failure {
    failed(anyhow!(error).context(format!("cannot write the result to `{}`", path.display())))
}

fn not_stored(name: &str, error: io::Error) -> Failure {
    Failure::new(Exit::NotStored, anyhow!(error).context(format!("cannot upload the result to `{name}`")))
}
