//! The loop that the servers on loopback share: one request a connection is read, answered, and the connection closed.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The most bytes of a request's line or header.
const MAX_LINE_BYTES: u64 = 64 << 10;
/// The most bytes of a request's body.
const MAX_BODY_BYTES: u64 = 64 << 20;
/// How long a client may stay silent.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

/// A server on loopback. It stops when it is dropped.
pub(crate) struct Loopback {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A request as it came.
pub(crate) struct Incoming {
    /// `GET`.
    pub(crate) method: String,
    /// The path, with its query.
    pub(crate) path: String,
    /// The headers, under their names in lower case, in their order.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// The server's own address.
    pub(crate) address: SocketAddr,
}

/// What is sent back.
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The headers, but for those that tell of the connection and the body's length.
    pub(crate) headers: Vec<(String, String)>,
    /// The body; its length is told even where less of it is sent.
    pub(crate) body: Vec<u8>,
    /// How much of the body is sent, in bytes, where it is not all of it.
    pub(crate) sent: Option<usize>,
    /// Whether it is sent in chunks, so that no length is told.
    pub(crate) in_chunks: bool,
    /// How long the connection stays open behind it.
    pub(crate) silence: Duration,
}

/// What the next requests meet instead of their answers, each once.
pub(crate) struct Faults<T>(VecDeque<(String, T)>);

impl Loopback {
    /// Starts one on a free port, which answers as the function does; `None` ends the connection.
    ///
    /// # Panics
    /// Where loopback cannot be listened on.
    pub(crate) fn start(answer: impl Fn(Incoming) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
        let address = listener.local_addr().expect("a bound listener has an address");
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let answer = Arc::new(answer);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let answer = Arc::clone(&answer);
                // A client that went away is no failure of the test.
                std::thread::spawn(move || drop(serve(stream, address, &*answer)));
            }
        });
        Self { address, stopped, thread: Some(thread) }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // One more connection wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Answer {
    /// With all of this body.
    pub(crate) fn new(status: u16, headers: Vec<(String, String)>, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers, body: body.into(), sent: None, in_chunks: false, silence: Duration::ZERO }
    }

    /// With one header more.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push(header(name, value));
        self
    }
}

impl Incoming {
    /// The first header of that name, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

/// The first header of that name, in whatever case.
pub(crate) fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The first byte that a `Range` header asks for, where it asks for all behind it: 7 of `bytes=7-`.
pub(crate) fn start_of(range: &str) -> Option<usize> {
    range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

/// A header.
pub(crate) fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

impl<T> Faults<T> {
    /// The next request whose path contains `part` meets this.
    pub(crate) fn add(&mut self, part: &str, fault: T) {
        self.0.push_back((part.to_owned(), fault));
    }

    /// What a request of that path meets.
    pub(crate) fn meet(&mut self, path: &str) -> Option<T> {
        let met = self.0.iter().position(|(part, _)| path.contains(part.as_str()))?;
        self.0.remove(met).map(|(_, fault)| fault)
    }
}

impl<T> Default for Faults<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

fn serve(
    mut stream: TcpStream,
    address: SocketAddr,
    answer: &impl Fn(Incoming) -> Option<Answer>,
) -> io::Result<()> {
    stream.set_read_timeout(Some(CLIENT_TIMEOUT))?;
    let request = read_request(&mut BufReader::new(stream.try_clone()?), address)?;
    let head_only = request.method == "HEAD";
    let Some(answer) = answer(request) else { return Ok(()) };
    send(&mut stream, &answer, head_only)?;
    std::thread::sleep(answer.silence);
    Ok(())
}

fn read_request(reader: &mut impl BufRead, address: SocketAddr) -> io::Result<Incoming> {
    let first = read_line(reader)?;
    let mut words = first.split(' ');
    let mut request = Incoming {
        method: words.next().unwrap_or_default().to_owned(),
        path: words.next().unwrap_or_default().to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        address,
    };
    if !request.path.starts_with('/') {
        return Err(io::ErrorKind::InvalidData.into());
    }
    loop {
        let line = read_line(reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let length = usize::try_from(MAX_BODY_BYTES.min(length)).expect("64 MiB are a number of bytes");
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body)?;
    Ok(request)
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

fn send(stream: &mut TcpStream, answer: &Answer, head_only: bool) -> io::Result<()> {
    let Answer { status, headers, body, .. } = answer;
    let mut head = format!("HTTP/1.1 {status} Answer\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    if answer.in_chunks {
        head.push_str("Transfer-Encoding: chunked\r\n");
    } else if *status != 304 {
        head.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    if !head_only {
        let sent = &body[..answer.sent.unwrap_or(body.len()).min(body.len())];
        if answer.in_chunks {
            write!(stream, "{:x}\r\n", sent.len())?;
            stream.write_all(sent)?;
            stream.write_all(b"\r\n0\r\n\r\n")?;
        } else {
            stream.write_all(sent)?;
        }
    }
    stream.flush()
}

/// What a client of a server reads that asks once for a path, with these headers before the blank line.
#[cfg(test)]
pub(crate) fn ask(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.take(1 << 16).read_to_string(&mut answer).unwrap();
    answer
}
