//! A web server on loopback, in memory, that serves files as publishers of advisories do, and can be told to misbehave.
//!
//! It knows entity tags, dates and ranges. It reads one request a connection, answers, and closes.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::image::sha256;

/// The most bytes of a request's line or header.
const MAX_LINE_BYTES: u64 = 64 << 10;
/// The most bytes of a request's body.
const MAX_BODY_BYTES: u64 = 64 << 20;
/// How long a client may stay silent.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a request meets instead of its answer, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebFault {
    /// This status, with these headers and an empty body.
    Status(u16, Vec<(String, String)>),
    /// The connection ends behind this many bytes of the body.
    CutAfter(usize),
    /// Silence for this long behind this many bytes of the body; then the connection ends.
    Stall(usize, Duration),
    /// The connection ends before anything is sent.
    Drop,
    /// A web page with status 200.
    WebPage,
    /// A redirect to this address.
    Redirect(String),
    /// The whole file, whatever range is asked.
    NoRange,
    /// Silence, before the answer begins.
    Slow(Duration),
}

/// A request that came, and what it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebRequest {
    /// `GET`.
    pub method: String,
    /// The path, with its query, as it was sent.
    pub path: String,
    /// The headers, under their names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The status of the answer.
    pub status: u16,
    /// How many bytes of a body were sent back.
    pub sent_bytes: usize,
}

impl WebRequest {
    /// The first header of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A web server on loopback. It stops when it is dropped.
pub struct FileServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    stopped: AtomicBool,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, File>,
    faults: VecDeque<(String, WebFault)>,
    requests: Vec<WebRequest>,
}

#[derive(Clone)]
struct File {
    bytes: Arc<[u8]>,
    headers: Vec<(String, String)>,
}

impl FileServer {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// Where loopback cannot be listened on.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared { state: Mutex::default(), stopped: AtomicBool::new(false) });
        let accepting = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.stopped.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let shared = Arc::clone(&accepting);
                // A client that went away is no failure of the test.
                std::thread::spawn(move || drop(serve(&shared, stream)));
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    /// `http://127.0.0.1:port/`.
    pub fn base(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Holds a file under a path without a slash before it, with an entity tag made of its bytes.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        let tag = format!("\"{}\"", &sha256(bytes)[7..23]);
        self.put_with(path, bytes, &[("ETag", &tag)]);
    }

    /// Holds a file with these headers, and no entity tag of its own.
    pub fn put_with(&self, path: &str, bytes: &[u8], headers: &[(&str, &str)]) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.state().files.insert(format!("/{path}"), File { bytes: bytes.into(), headers });
    }

    /// Holds it no more.
    pub fn remove(&self, path: &str) {
        self.state().files.remove(&format!("/{path}"));
    }

    /// The next request whose path contains `part` meets this. Several wait for one request each.
    pub fn fail_next(&self, part: &str, fault: WebFault) {
        self.state().faults.push_back((part.to_owned(), fault));
    }

    /// The requests that came since they were last taken, in their order.
    pub fn take_requests(&self) -> Vec<WebRequest> {
        std::mem::take(&mut self.state().requests)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // One more connection wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Status, headers, body.
type Answer = (u16, Vec<(String, String)>, Arc<[u8]>);

fn serve(shared: &Shared, mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(CLIENT_TIMEOUT))?;
    let mut request = read_request(&mut BufReader::new(stream.try_clone()?))?;
    let (fault, file) = {
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let met = state.faults.iter().position(|(part, _)| request.path.contains(part.as_str()));
        let fault = met.and_then(|index| state.faults.remove(index)).map(|(_, fault)| fault);
        let path = request.path.split('?').next().unwrap_or_default();
        (fault, state.files.get(path).cloned())
    };
    let mut cut = usize::MAX;
    let mut silence = Duration::ZERO;
    let mut ranges = true;
    let mut forced: Option<Answer> = None;
    match fault {
        None => {}
        Some(WebFault::Status(status, headers)) => forced = Some((status, headers, [].into())),
        Some(WebFault::CutAfter(length)) => cut = length,
        Some(WebFault::Stall(length, wait)) => (cut, silence) = (length, wait),
        Some(WebFault::Drop) => {
            cut = 0;
            forced = Some((0, Vec::new(), [].into()));
        }
        Some(WebFault::WebPage) => {
            let headers = vec![("Content-Type".to_owned(), "text/html; charset=utf-8".to_owned())];
            forced = Some((200, headers, b"<!DOCTYPE html><html>log in</html>"[..].into()));
        }
        Some(WebFault::Redirect(place)) => {
            forced = Some((302, vec![("Location".to_owned(), place)], [].into()));
        }
        Some(WebFault::NoRange) => ranges = false,
        Some(WebFault::Slow(wait)) => std::thread::sleep(wait),
    }
    let (status, headers, body) = forced.unwrap_or_else(|| answer(&request, file.as_ref(), ranges));
    let sent = if request.method == "HEAD" { 0 } else { body.len().min(cut) };
    request.status = status;
    request.sent_bytes = sent;
    shared.state.lock().unwrap_or_else(PoisonError::into_inner).requests.push(request);
    if status == 0 {
        return Ok(());
    }
    let mut head = format!("HTTP/1.1 {status} Answer\r\nConnection: close\r\n");
    for (name, value) in &headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    if status != 304 {
        head.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body[..sent])?;
    stream.flush()?;
    std::thread::sleep(silence);
    Ok(())
}

fn answer(request: &WebRequest, file: Option<&File>, ranges: bool) -> Answer {
    let Some(file) = file else { return (404, Vec::new(), b"no such file"[..].into()) };
    let own = |name: &str| {
        file.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    };
    let (tag, date) = (own("etag"), own("last-modified"));
    let unchanged = match request.header("if-none-match") {
        Some(asked) => tag.is_some_and(|tag| asked == tag),
        None => request.header("if-modified-since").is_some_and(|asked| date == Some(asked)),
    };
    if unchanged {
        return (304, file.headers.clone(), [].into());
    }
    let holds = request.header("if-range").is_none_or(|asked| tag == Some(asked) || date == Some(asked));
    let start = request
        .header("range")
        .filter(|_| ranges && holds)
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let mut headers = file.headers.clone();
    let length = file.bytes.len();
    match start {
        None => (200, headers, Arc::clone(&file.bytes)),
        Some(start) if start < length => {
            headers.push(("Content-Range".to_owned(), format!("bytes {start}-{}/{length}", length - 1)));
            (206, headers, file.bytes[start..].into())
        }
        Some(_) => (416, vec![("Content-Range".to_owned(), format!("bytes */{length}"))], [].into()),
    }
}

fn read_request(reader: &mut impl BufRead) -> io::Result<WebRequest> {
    let first = read_line(reader)?;
    let mut words = first.split(' ');
    let mut request = WebRequest {
        method: words.next().unwrap_or_default().to_owned(),
        path: words.next().unwrap_or_default().to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        status: 0,
        sent_bytes: 0,
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
    #[expect(clippy::disallowed_methods, reason = "behind `take`")]
    reader.take(MAX_BODY_BYTES.min(length)).read_to_end(&mut request.body)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(server: &FileServer, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(server.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\n{headers}\r\n").unwrap();
        let mut answer = String::new();
        stream.take(1 << 16).read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn it_serves_files_tags_dates_and_ranges() {
        let server = FileServer::start();
        server.put_with("a/b", b"0123456789", &[("ETag", "\"1\""), ("Last-Modified", "yesterday")]);
        assert!(ask(&server, "/a/b", "").ends_with("0123456789"));
        for (headers, status, end) in [
            ("If-None-Match: \"1\"\r\n", "304", "\r\n\r\n"),
            ("If-None-Match: \"2\"\r\n", "200", "0123456789"),
            ("If-Modified-Since: yesterday\r\n", "304", "\r\n\r\n"),
            ("Range: bytes=7-\r\n", "206", "789"),
            ("Range: bytes=7-\r\nIf-Range: \"1\"\r\n", "206", "789"),
            ("Range: bytes=7-\r\nIf-Range: \"2\"\r\n", "200", "0123456789"),
            ("Range: bytes=10-\r\n", "416", "\r\n\r\n"),
        ] {
            let answer = ask(&server, "/a/b", headers);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.ends_with(end), "{answer}");
        }
        server.fail_next("/a", WebFault::CutAfter(3));
        assert!(ask(&server, "/a/b", "").ends_with("\r\n\r\n012"));
        assert!(ask(&server, "/c", "").starts_with("HTTP/1.1 404"));
        let requests = server.take_requests();
        assert_eq!((requests.len(), requests[8].sent_bytes, requests[9].status), (10, 3, 404));
    }
}
