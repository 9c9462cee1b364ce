//! A web server on loopback, in memory, that serves files as publishers of advisories do, and can be told to misbehave.
//!
//! It knows entity tags, dates and ranges.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::image::sha256;
use crate::loopback::{Answer, Faults, Incoming, Loopback, find, header, start_of};

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
        find(&self.headers, name)
    }
}

/// A web server on loopback. It stops when it is dropped.
pub struct FileServer {
    state: Arc<Mutex<State>>,
    server: Loopback,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, File>,
    faults: Faults<WebFault>,
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
        let state = Arc::new(Mutex::default());
        let shared = Arc::clone(&state);
        Self { state, server: Loopback::start(move |request| serve(&shared, request)) }
    }

    /// `http://127.0.0.1:port/`.
    pub fn base(&self) -> String {
        format!("http://{}/", self.server.address())
    }

    /// Holds a file under a path without a slash before it, with an entity tag made of its bytes.
    pub fn put(&self, path: &str, bytes: &[u8]) {
        let tag = format!("\"{}\"", &sha256(bytes)[7..23]);
        self.put_with(path, bytes, &[("ETag", &tag)]);
    }

    /// Holds a file with these headers, and no entity tag of its own.
    pub fn put_with(&self, path: &str, bytes: &[u8], headers: &[(&str, &str)]) {
        let headers = headers.iter().map(|(name, value)| header(name, value)).collect();
        self.state().files.insert(format!("/{path}"), File { bytes: bytes.into(), headers });
    }

    /// Holds it no more.
    pub fn remove(&self, path: &str) {
        self.state().files.remove(&format!("/{path}"));
    }

    /// The next request whose path contains `part` meets this. Several wait for one request each.
    pub fn fail_next(&self, part: &str, fault: WebFault) {
        self.state().faults.add(part, fault);
    }

    /// The requests that came since they were last taken, in their order.
    pub fn take_requests(&self) -> Vec<WebRequest> {
        std::mem::take(&mut self.state().requests)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(state: &Mutex<State>, request: Incoming) -> Option<Answer> {
    let (fault, file) = {
        let mut state = lock(state);
        let fault = state.faults.meet(&request.path);
        let path = request.path.split('?').next().unwrap_or_default();
        (fault, state.files.get(path).cloned())
    };
    let served = |ranges| answer(&request, file.as_ref(), ranges);
    let answer = match fault {
        None => Some(served(true)),
        Some(WebFault::Status(status, headers)) => Some(Answer::new(status, headers, [])),
        Some(WebFault::CutAfter(length)) => Some(Answer { sent: Some(length), ..served(true) }),
        Some(WebFault::Stall(length, silence)) => {
            Some(Answer { sent: Some(length), silence, ..served(true) })
        }
        Some(WebFault::Drop) => None,
        Some(WebFault::WebPage) => {
            let headers = vec![header("Content-Type", "text/html; charset=utf-8")];
            Some(Answer::new(200, headers, *b"<!DOCTYPE html><html>log in</html>"))
        }
        Some(WebFault::Redirect(place)) => Some(Answer::new(302, vec![header("Location", &place)], [])),
        Some(WebFault::NoRange) => Some(served(false)),
        Some(WebFault::Slow(wait)) => {
            std::thread::sleep(wait);
            Some(served(true))
        }
    };
    let length = |answer: &Answer| answer.sent.unwrap_or(usize::MAX).min(answer.body.len());
    let Incoming { method, path, headers, body, .. } = request;
    lock(state).requests.push(WebRequest {
        sent_bytes: answer.as_ref().filter(|_| method != "HEAD").map_or(0, length),
        status: answer.as_ref().map_or(0, |answer| answer.status),
        method,
        path,
        headers,
        body,
    });
    answer
}

fn answer(request: &Incoming, file: Option<&File>, ranges: bool) -> Answer {
    let Some(file) = file else { return Answer::new(404, Vec::new(), *b"no such file") };
    let (tag, date) = (find(&file.headers, "etag"), find(&file.headers, "last-modified"));
    let unchanged = match request.header("if-none-match") {
        Some(asked) => tag.is_some_and(|tag| asked == tag),
        None => request.header("if-modified-since").is_some_and(|asked| date == Some(asked)),
    };
    if unchanged {
        return Answer::new(304, file.headers.clone(), []);
    }
    let holds = request.header("if-range").is_none_or(|asked| tag == Some(asked) || date == Some(asked));
    let range = request.header("range").filter(|_| ranges && holds);
    let mut headers = file.headers.clone();
    let length = file.bytes.len();
    match range.and_then(start_of) {
        None => Answer::new(200, headers, &*file.bytes),
        Some(start) if start < length => {
            headers.push(header("Content-Range", &format!("bytes {start}-{}/{length}", length - 1)));
            Answer::new(206, headers, &file.bytes[start..])
        }
        Some(_) => Answer::new(416, vec![header("Content-Range", &format!("bytes */{length}"))], []),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loopback;

    fn ask(server: &FileServer, path: &str, headers: &str) -> String {
        loopback::ask(server.server.address(), path, headers)
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
