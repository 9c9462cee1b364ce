//! A blob on its way from one registry to another: what is not right is never sent whole.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use super::blob::unwrap_io;
use crate::Error;

/// Bytes that are held back until it is known that others follow, or that they are right.
const HELD_BYTES: usize = 64 << 10;

/// Gives the bytes of a verified reader one portion late: the last of them when the reader has found all of them right.
///
/// A reader that fails leaves its error where whoever sends the bytes finds it, for what comes of it there is a request
/// that broke off.
pub(crate) struct Through<'a, R> {
    inner: R,
    /// What is handed out.
    out: Vec<u8>,
    /// Where in it.
    at: usize,
    /// What was read last.
    held: Vec<u8>,
    ended: bool,
    failure: &'a Mutex<Option<Error>>,
}

impl<'a, R: Read> Through<'a, R> {
    pub(crate) fn new(inner: R, failure: &'a Mutex<Option<Error>>) -> Self {
        Self { inner, out: Vec::new(), at: 0, held: Vec::new(), ended: false, failure }
    }

    /// Reads the next portion behind the one that is held.
    fn turn(&mut self) -> io::Result<()> {
        std::mem::swap(&mut self.out, &mut self.held);
        self.at = 0;
        self.held.resize(HELD_BYTES, 0);
        let length = loop {
            match self.inner.read(&mut self.held) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        match length {
            Ok(length) => {
                self.held.truncate(length);
                self.ended = length == 0;
                Ok(())
            }
            Err(error) => {
                // What was held is not sent.
                self.out.clear();
                self.held.clear();
                let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
                *failure = Some(unwrap_io(error, "blob"));
                Err(io::Error::other("what is sent could not be read"))
            }
        }
    }
}

impl<R: Read> Read for Through<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.out.len() {
            if self.ended && self.held.is_empty() {
                return Ok(0);
            }
            self.turn()?;
        }
        let length = buffer.len().min(self.out.len() - self.at);
        buffer[..length].copy_from_slice(&self.out[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its portions, then fails or ends.
    struct Portions(Vec<Vec<u8>>, bool);

    impl Read for Portions {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return if self.1 { Ok(0) } else { Err(io::Error::other("wrong digest")) };
            }
            let portion = self.0.remove(0);
            buffer[..portion.len()].copy_from_slice(&portion);
            Ok(portion.len())
        }
    }

    fn read(portions: &[&[u8]], is_right: bool) -> (Vec<u8>, bool) {
        let failure = Mutex::new(None);
        let inner = Portions(portions.iter().map(|portion| portion.to_vec()).collect(), is_right);
        let mut through = Through::new(inner, &failure);
        let mut out = Vec::new();
        let mut buffer = [0; 3];
        loop {
            match through.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(length) => out.extend(&buffer[..length]),
            }
        }
        (out, failure.into_inner().unwrap().is_some())
    }

    #[test]
    fn the_last_bytes_wait_for_the_end() {
        assert_eq!(read(&[], true), (Vec::new(), false));
        assert_eq!(read(&[], false), (Vec::new(), true));
        assert_eq!(read(&[b"abcdefgh", b"i"], true), (b"abcdefghi".to_vec(), false));
        assert_eq!(read(&[b"abcdefgh", b"i"], false), (b"abcdefgh".to_vec(), true));
        assert_eq!(read(&[b"abcd"], false), (Vec::new(), true));
    }
}
