//! Readers of stored bytes on disk.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use plimsoll_model::Digest;

use crate::verify::Hasher;
use crate::{Error, Progress};

/// A part of a file, read without a position of the file's own: many at once.
pub(crate) struct FileRange {
    file: Arc<File>,
    position: u64,
    end: u64,
}

impl FileRange {
    /// The `size` bytes from `offset` on.
    pub(crate) fn new(file: Arc<File>, offset: u64, size: u64) -> Self {
        Self { file, position: offset, end: offset.saturating_add(size) }
    }
}

impl Read for FileRange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX).min(buffer.len());
        if left == 0 {
            return Ok(0);
        }
        let length = self.file.read_at(&mut buffer[..left], self.position)?;
        if length == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file became shorter while it was read",
            ));
        }
        self.position += length as u64;
        Ok(length)
    }
}

/// Bytes whose number and digest are compared with what is known of them, before their end is reported.
pub(crate) struct Verified<R> {
    inner: R,
    digest: Option<(Digest, Hasher)>,
    size: u64,
    offset: u64,
    name: String,
    progress: Option<(Arc<dyn Progress>, usize)>,
    failed: bool,
}

impl<R: Read> Verified<R> {
    /// `name` stands for the bytes in errors where they have no digest.
    pub(crate) fn new(inner: R, digest: Option<Digest>, size: u64, name: &str) -> Self {
        let digest = digest.map(|digest| {
            let hasher = Hasher::like(&digest);
            (digest, hasher)
        });
        Self { inner, digest, size, offset: 0, name: name.to_owned(), progress: None, failed: false }
    }

    /// Tells of the bytes as those of the layer `index`.
    pub(crate) fn with_progress(mut self, progress: Option<Arc<dyn Progress>>, index: usize) -> Self {
        self.progress = progress.map(|progress| (progress, index));
        self
    }

    fn fail(&mut self, error: Error) -> io::Error {
        self.failed = true;
        error.into_io()
    }

    fn size_error(&self, found: String) -> Error {
        let digest = self.digest.as_ref().map_or_else(|| self.name.clone(), |(digest, _)| digest.to_string());
        Error::Size { what: "layer", digest, expected: self.size, found }
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed {
            return Err(io::Error::other("the layer could not be read: its reader has failed before"));
        }
        if buffer.is_empty() {
            return Ok(0);
        }
        let length = self.inner.read(buffer)?;
        if length == 0 {
            if self.offset != self.size {
                let error = self.size_error(format!("{} bytes", self.offset));
                return Err(self.fail(error));
            }
            if let Some((expected, hasher)) = &self.digest {
                let found = hasher.clone().finish();
                if found != *expected {
                    let expected = expected.to_string();
                    return Err(self.fail(Error::Digest {
                        what: "layer",
                        expected,
                        found: found.to_string(),
                    }));
                }
            }
            return Ok(0);
        }
        self.offset += length as u64;
        if self.offset > self.size {
            let error = self.size_error("more".to_owned());
            return Err(self.fail(error));
        }
        if let Some((_, hasher)) = &mut self.digest {
            hasher.update(&buffer[..length]);
        }
        if let Some((progress, index)) = &self.progress {
            progress.layer_bytes(*index, length as u64);
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::sha256;

    fn read(bytes: &[u8], digest: Option<Digest>, size: u64) -> Result<usize, String> {
        let mut reader = Verified::new(bytes, digest, size, "l/layer.tar");
        let result = plimsoll_http::read_up_to(&mut reader, 100)
            .map(|bytes| bytes.len())
            .map_err(|error| error.to_string());
        if result.is_err() {
            assert!(reader.read(&mut [0]).is_err(), "an error is not followed by an end");
        }
        result
    }

    #[test]
    fn the_end_is_only_reported_of_right_bytes() {
        assert_eq!(read(b"abc", Some(sha256(b"abc")), 3), Ok(3));
        assert_eq!(read(b"abc", None, 3), Ok(3));
        assert!(
            read(b"abd", Some(sha256(b"abc")), 3).unwrap_err().contains("expected bytes with that digest")
        );
        assert!(
            read(b"ab", Some(sha256(b"abc")), 3).unwrap_err().contains("expected 3 bytes, found 2 bytes")
        );
        assert!(read(b"abcd", None, 3).unwrap_err().contains("`l/layer.tar`: expected 3 bytes, found more"));
    }
}
