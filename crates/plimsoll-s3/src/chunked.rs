//! Amazon's chunks within a body: `aws-chunked`, with and without signatures, with and without trailers.
//!
//! Source: Amazon S3 API Reference, "Signature calculations for the authorization header: transferring payload in multiple
//! chunks", and the same with trailing headers.

use bytes::{Buf as _, Bytes};

/// Longest line before a chunk, in bytes.
const MAX_LINE_BYTES: usize = 1024;
/// Most bytes of trailers.
const MAX_TRAILER_BYTES: usize = 16 << 10;

/// What is wrong with the chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("expected chunks as aws-chunked has them, found something else")]
    Framing,
    #[error("expected a chunk of at most {0} bytes, found a larger one")]
    TooLarge(u64),
    #[error("expected the last chunk, found the end of the body")]
    Incomplete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the line before a chunk.
    Size,
    /// In a chunk, of which this is left.
    Data(u64),
    /// In the line end behind a chunk.
    Behind,
    Trailers,
    Done,
}

/// Finds the chunks in a body that comes in pieces; holds nothing of it but the line it is in.
#[derive(Debug)]
pub(crate) struct Chunked {
    state: State,
    line: Vec<u8>,
    largest_chunk_bytes: u64,
    trailer_bytes: usize,
    pub(crate) trailers: Vec<(String, String)>,
}

impl Chunked {
    pub(crate) fn new(largest_chunk_bytes: u64) -> Chunked {
        Chunked {
            state: State::Size,
            line: Vec::new(),
            largest_chunk_bytes,
            trailer_bytes: 0,
            trailers: Vec::new(),
        }
    }

    /// Takes the next piece, and gives the chunks' bytes away.
    pub(crate) fn feed(&mut self, mut piece: Bytes, give: &mut dyn FnMut(Bytes)) -> Result<(), Malformed> {
        while !piece.is_empty() {
            match self.state {
                State::Data(left) => {
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
                    give(piece.split_to(length));
                    let left = left - length as u64;
                    self.state = if left == 0 { State::Behind } else { State::Data(left) };
                }
                State::Done => return Err(Malformed::Framing),
                State::Size | State::Behind | State::Trailers => {
                    let (length, ended) = match piece.iter().position(|byte| *byte == b'\n') {
                        Some(place) => (place + 1, true),
                        None => (piece.len(), false),
                    };
                    if self.line.len() + length > MAX_LINE_BYTES {
                        return Err(Malformed::Framing);
                    }
                    self.line.extend_from_slice(&piece[..length]);
                    piece.advance(length);
                    if ended {
                        self.line_ends()?;
                    }
                }
            }
        }
        Ok(())
    }

    fn line_ends(&mut self) -> Result<(), Malformed> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = std::str::from_utf8(line).map_err(|_| Malformed::Framing)?;
        self.state = match self.state {
            State::Size => {
                let size = line.split(';').next().unwrap_or_default();
                if size.is_empty() || size.len() > 16 || !size.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(Malformed::Framing);
                }
                let size = u64::from_str_radix(size, 16).map_err(|_| Malformed::Framing)?;
                if size > self.largest_chunk_bytes {
                    return Err(Malformed::TooLarge(self.largest_chunk_bytes));
                }
                if size == 0 { State::Trailers } else { State::Data(size) }
            }
            State::Behind if line.is_empty() => State::Size,
            State::Trailers if line.is_empty() => State::Done,
            State::Trailers => {
                self.trailer_bytes += line.len();
                let (name, value) = line.split_once(':').ok_or(Malformed::Framing)?;
                if self.trailer_bytes > MAX_TRAILER_BYTES {
                    return Err(Malformed::Framing);
                }
                self.trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
                State::Trailers
            }
            State::Behind | State::Data(_) | State::Done => return Err(Malformed::Framing),
        };
        Ok(())
    }

    /// Whether the body may end here. Some clients leave the last empty line out.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        match self.state {
            State::Done => Ok(()),
            State::Trailers if self.line.is_empty() => Ok(()),
            _ => Err(Malformed::Incomplete),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(body: &str, piece_bytes: usize) -> Result<(String, Vec<(String, String)>), Malformed> {
        let mut chunked = Chunked::new(1000);
        let mut out = Vec::new();
        for piece in body.as_bytes().chunks(piece_bytes) {
            chunked.feed(Bytes::copy_from_slice(piece), &mut |bytes| out.extend_from_slice(&bytes))?;
        }
        chunked.end()?;
        Ok((String::from_utf8(out).unwrap(), chunked.trailers))
    }

    #[test]
    fn chunks_are_found_whatever_pieces_they_come_in() {
        let signature = "0".repeat(64);
        for (body, expected, trailers) in [
            ("5\r\nhello\r\n0\r\n\r\n".to_owned(), "hello", 0),
            (
                "5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n".to_owned(),
                "hello world",
                1,
            ),
            (
                format!("5;chunk-signature={signature}\r\nhello\r\n0;chunk-signature={signature}\r\n\r\n"),
                "hello",
                0,
            ),
            ("0\r\n\r\n".to_owned(), "", 0),
            ("0\r\n".to_owned(), "", 0),
            ("2\r\n\r\n\r\n0\r\na:b\nc: d\n\n".to_owned(), "\r\n", 2),
        ] {
            for piece_bytes in [1, 2, 3, 7, 1000] {
                let (text, found) =
                    decode(&body, piece_bytes).unwrap_or_else(|error| panic!("{body:?}: {error}"));
                assert_eq!((text.as_str(), found.len()), (expected, trailers), "{body:?}");
            }
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for (body, expected) in [
            ("hello", Malformed::Incomplete),
            ("xyz\r\nhello", Malformed::Framing),
            ("5\r\nhelloo\r\n0\r\n\r\n", Malformed::Framing),
            ("5\r\nhel", Malformed::Incomplete),
            ("", Malformed::Incomplete),
            ("5\r\nhello\r\n", Malformed::Incomplete),
            ("ffffffff\r\n", Malformed::TooLarge(1000)),
            ("11111111111111111\r\n", Malformed::Framing),
            ("-1\r\n", Malformed::Framing),
            ("0\r\n\r\nmore", Malformed::Framing),
            ("0\r\nno trailer\r\n\r\n", Malformed::Framing),
            (&"0".repeat(2000), Malformed::Framing),
        ] {
            assert_eq!(decode(body, 4).unwrap_err(), expected, "{body:?}");
        }
    }
}
