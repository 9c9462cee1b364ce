//! A body that may not trickle.
//!
//! A limit on silence alone is kept by a server that sends one byte a minute, and a download then takes years. So behind each
//! span of waiting as long as that limit there must be some bytes. Only the time that is spent waiting counts, not what the
//! reader does in between.

use std::io::{self, Read};
use std::time::{Duration, Instant};

/// The fewest bytes that must come while as long is waited as nothing may come: 8 KiB, with the default some 140 a second.
const MIN_BYTES: u64 = 8 << 10;

/// A body that ends with [`io::ErrorKind::TimedOut`] where it trickles.
pub(crate) struct Paced<R> {
    body: R,
    span: Duration,
    waited: Duration,
    bytes: u64,
}

impl<R> Paced<R> {
    /// One from which [`MIN_BYTES`] must come in each such span of waiting.
    pub(crate) fn new(body: R, span: Duration) -> Self {
        Self { body, span, waited: Duration::ZERO, bytes: 0 }
    }
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let start = Instant::now();
        let length = self.body.read(buffer)?;
        self.waited += start.elapsed();
        self.bytes += length as u64;
        if self.waited >= self.span {
            if length > 0 && self.bytes < MIN_BYTES {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the answer trickles"));
            }
            (self.waited, self.bytes) = (Duration::ZERO, 0);
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that come this slowly.
    struct Slow(usize, Duration);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            std::thread::sleep(self.1);
            let length = buffer.len().min(self.0);
            buffer[..length].fill(b'x');
            Ok(length)
        }
    }

    #[test]
    fn what_trickles_ends_and_what_flows_does_not() {
        let (pause, span) = (Duration::from_millis(2), Duration::from_millis(20));
        let mut buffer = vec![0; 64 << 10];
        let mut read = |bytes| {
            let mut body = Paced::new(Slow(bytes, pause), span);
            (0..100).find_map(|_| body.read(&mut buffer).err()).map(|error| error.kind())
        };
        assert_eq!(read(1), Some(io::ErrorKind::TimedOut));
        assert_eq!(read(64 << 10), None);
        // The end is the end, however long it took.
        assert_eq!(read(0), None);
    }

    #[test]
    fn only_waiting_counts() {
        let mut body = Paced::new(&b"abc"[..], Duration::from_millis(5));
        let mut buffer = [0; 1];
        for _ in 0..3 {
            assert_eq!(body.read(&mut buffer).ok(), Some(1));
            std::thread::sleep(Duration::from_millis(6));
        }
    }
}
