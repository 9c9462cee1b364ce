//! As much HTTP/1.1 as an engine's socket needs: one request, one answer, the connection closed.
//!
//! Source: RFC 9112, sections 2, 4, 6 and 7.1.

use std::io::{self, BufRead, BufReader, Read, Write};

/// The most bytes of a status line, a header, or a chunk's size.
const MAX_LINE_BYTES: u64 = 16 << 10;
/// The most headers of an answer, and the most trailers.
const MAX_HEADERS: usize = 200;
const BUFFER_BYTES: usize = 64 << 10;

/// An answer: its status, and its body as a reader.
pub(crate) struct Answer<S> {
    pub(crate) status: u16,
    pub(crate) body: Body<S>,
}

/// The bytes of an answer, told from its framing.
pub(crate) struct Body<S> {
    stream: BufReader<S>,
    framing: Framing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// Bytes that are left.
    Length(u64),
    /// Bytes that are left of the chunk at hand; `first` before the first one.
    Chunks {
        left: u64,
        first: bool,
    },
    /// To the end of the connection.
    Close,
    Done,
}

/// Asks for `path` and reads the answer's head.
pub(crate) fn get<S: Read + Write>(mut stream: S, path: &str) -> io::Result<Answer<S>> {
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: plimsoll\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )?;
    stream.flush()?;
    read_answer(stream)
}

pub(crate) fn read_answer<S: Read>(stream: S) -> io::Result<Answer<S>> {
    let mut stream = BufReader::with_capacity(BUFFER_BYTES, stream);
    loop {
        let line = line(&mut stream)?;
        let mut words = line.split(' ');
        let version = words.next().unwrap_or_default();
        let status = words.next().and_then(|text| text.parse::<u16>().ok());
        let (true, Some(status)) = (version.starts_with("HTTP/1."), status) else {
            return Err(bad("no HTTP status line"));
        };
        let framing = headers(&mut stream)?;
        // Interim answers are followed by the one that counts.
        if (100..200).contains(&status) {
            continue;
        }
        let framing = if matches!(status, 204 | 304) { Framing::Done } else { framing };
        return Ok(Answer { status, body: Body { stream, framing } });
    }
}

fn headers(stream: &mut impl BufRead) -> io::Result<Framing> {
    let mut framing = Framing::Close;
    for _ in 0..MAX_HEADERS {
        let line = line(stream)?;
        if line.is_empty() {
            return Ok(framing);
        }
        let (name, value) = line.split_once(':').ok_or_else(|| bad("a header without a colon"))?;
        match name.to_ascii_lowercase().as_str() {
            "transfer-encoding" => {
                if !value.trim().eq_ignore_ascii_case("chunked") {
                    return Err(bad("an unknown transfer encoding"));
                }
                framing = Framing::Chunks { left: 0, first: true };
            }
            // Chunks go before a length.
            "content-length" if framing == Framing::Close => {
                framing = Framing::Length(value.trim().parse().map_err(|_| bad("a malformed length"))?);
            }
            _ => {}
        }
    }
    Err(bad("more than 200 headers"))
}

/// A line without its end.
fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    stream.take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)?;
    if bytes.pop() != Some(b'\n') {
        return Err(if bytes.len() as u64 + 1 >= MAX_LINE_BYTES {
            bad("a line of more than 16 KiB")
        } else {
            io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended inside the answer's head")
        });
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    String::from_utf8(bytes).map_err(|_| bad("a line that is no text"))
}

fn bad(found: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("expected an HTTP answer, found {found}"))
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended inside the answer")
}

impl<S: Read> Read for Body<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if let Framing::Chunks { left: 0, first } = self.framing {
            self.next_chunk(first)?;
        }
        let left = match self.framing {
            Framing::Done | Framing::Length(0) => return Ok(0),
            Framing::Close => return self.stream.read(buffer),
            Framing::Length(left) | Framing::Chunks { left, .. } => left,
        };
        let want = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let length = self.stream.read(&mut buffer[..want])?;
        if length == 0 {
            return Err(cut());
        }
        let left = left - length as u64;
        self.framing = match self.framing {
            Framing::Chunks { .. } => Framing::Chunks { left, first: false },
            _ => Framing::Length(left),
        };
        Ok(length)
    }
}

impl<S: Read> Body<S> {
    fn next_chunk(&mut self, first: bool) -> io::Result<()> {
        if !first && !line(&mut self.stream)?.is_empty() {
            return Err(bad("bytes behind a chunk"));
        }
        let size = line(&mut self.stream)?;
        let digits = size.split(';').next().unwrap_or_default().trim();
        let well = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let left = u64::from_str_radix(digits, 16).ok().filter(|_| well);
        let left = left.ok_or_else(|| bad("a malformed chunk size"))?;
        if left > 0 {
            self.framing = Framing::Chunks { left, first: false };
            return Ok(());
        }
        for _ in 0..MAX_HEADERS {
            if line(&mut self.stream)?.is_empty() {
                self.framing = Framing::Done;
                return Ok(());
            }
        }
        Err(bad("more than 200 trailers"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(u16, String), String> {
        let mut answer = read_answer(text.as_bytes()).map_err(|error| error.to_string())?;
        let mut body = String::new();
        answer.body.read_to_string(&mut body).map_err(|error| error.to_string())?;
        Ok((answer.status, body))
    }

    #[test]
    fn bodies_of_each_framing() {
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", (200, "abc")),
            (
                "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: x\r\n\r\n",
                (404, "abcde"),
            ),
            ("HTTP/1.0 200 OK\r\n\r\nto the end", (200, "to the end")),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\nContent-Length: 0\n\n", (200, "")),
            ("HTTP/1.1 204 No Content\r\n\r\n", (204, "")),
        ] {
            assert_eq!(read(text).unwrap(), (expected.0, expected.1.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn cut_and_hostile_answers_are_errors() {
        for text in [
            "",
            "HTTP/1.1",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 xx OK\r\n\r\n",
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            &format!("HTTP/1.1 200 OK\r\n{}", "A: b\r\n".repeat(300)),
            &"x".repeat(100_000),
            &"HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000),
        ] {
            assert!(read(text).is_err(), "{:?}", &text[..text.len().min(80)]);
        }
    }
}
