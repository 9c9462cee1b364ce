//! Stands between the program and a registry, and cuts transfers of layers.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, spawn};

/// Bytes that are passed on at once.
const CHUNK_BYTES: usize = 16 << 10;
/// The largest head of a request, in bytes.
const MAX_HEAD_BYTES: u64 = 1 << 16;

/// A request that went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `/v2/team/app/blobs/sha256:…`.
    pub path: String,
    /// The value of its `Range`: `bytes=1048576-`.
    pub range: Option<String>,
}

impl Request {
    /// Whether it goes on where another was cut.
    pub fn resumes(&self) -> bool {
        self.range.as_deref().is_some_and(|range| range != "bytes=0-")
    }
}

/// The proxy; takes no more connections when dropped.
#[derive(Debug)]
pub struct CuttingProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    upstream: SocketAddr,
    /// Bytes of one answer with a layer until it is cut.
    after_bytes: u64,
    cuts_left: AtomicU32,
    on_cut: Box<dyn Fn() + Send + Sync>,
    requests: Mutex<Vec<Request>>,
    stop: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}

impl CuttingProxy {
    /// Passes on to `upstream`. The first `cuts` answers with a layer that are longer than `after_bytes` end there;
    /// `on_cut` is called just before.
    pub fn start(
        upstream: SocketAddr,
        cuts: u32,
        after_bytes: u64,
        on_cut: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            upstream,
            after_bytes,
            cuts_left: AtomicU32::new(cuts),
            on_cut: Box::new(on_cut),
            requests: Mutex::new(Vec::new()),
            stop: AtomicBool::new(false),
        });
        let thread = spawn({
            let shared = Arc::clone(&shared);
            move || {
                for client in listener.incoming() {
                    if shared.stop.load(Ordering::Relaxed) {
                        break;
                    }
                    if let Ok(client) = client {
                        let shared = Arc::clone(&shared);
                        // A connection that fails is what this is for.
                        spawn(move || drop(connection(&client, &shared)));
                    }
                }
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The cuts that were not needed.
    pub fn cuts_left(&self) -> u32 {
        self.shared.cuts_left.load(Ordering::Relaxed)
    }

    /// The requests for layers and configurations so far.
    pub fn blob_requests(&self) -> Vec<Request> {
        let requests = self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().filter(|request| request.path.contains("/blobs/")).cloned().collect()
    }
}

impl Drop for CuttingProxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// What the two directions of a connection know of the present request.
#[derive(Default)]
struct Present {
    is_blob: AtomicBool,
    passed_bytes: AtomicU64,
}

/// Requests one way, each with its head read; the answers go back in a thread of their own.
fn connection(client: &TcpStream, shared: &Arc<Shared>) -> std::io::Result<()> {
    let result = TcpStream::connect(shared.upstream).and_then(|upstream| {
        let present = Arc::new(Present::default());
        let answers = spawn({
            let (from, to) = (upstream.try_clone()?, client.try_clone()?);
            let (present, shared) = (Arc::clone(&present), Arc::clone(shared));
            move || drop(pass_answers(&from, &to, &present, &shared))
        });
        let passed = pass_requests(client, &upstream, &present, shared);
        drop(upstream.shutdown(Shutdown::Both));
        drop(answers.join());
        passed
    });
    drop(client.shutdown(Shutdown::Both));
    result
}

fn pass_requests(
    client: &TcpStream,
    mut upstream: &TcpStream,
    present: &Present,
    shared: &Shared,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(client);
    loop {
        let (mut head, mut request) = (String::new(), Request { path: String::new(), range: None });
        // Pulls have no bodies: head follows on head.
        while !head.ends_with("\r\n\r\n") {
            let start = head.len();
            if reader.by_ref().take(MAX_HEAD_BYTES).read_line(&mut head)? == 0 {
                return Ok(());
            }
            let line = head[start..].trim_end();
            if start == 0 {
                line.split(' ').nth(1).unwrap_or("").clone_into(&mut request.path);
            } else if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("range")
            {
                request.range = Some(value.trim().to_owned());
            }
        }
        present.is_blob.store(request.path.contains("/blobs/"), Ordering::SeqCst);
        present.passed_bytes.store(0, Ordering::SeqCst);
        shared.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        upstream.write_all(head.as_bytes())?;
    }
}

fn pass_answers(
    mut upstream: &TcpStream,
    mut client: &TcpStream,
    present: &Present,
    shared: &Shared,
) -> std::io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = upstream.read(&mut chunk)?;
        if length == 0 {
            return client.shutdown(Shutdown::Both);
        }
        let passed = present.passed_bytes.fetch_add(length as u64, Ordering::SeqCst) + length as u64;
        let one_less = |left: u32| left.checked_sub(1);
        if present.is_blob.load(Ordering::SeqCst)
            && passed > shared.after_bytes
            && shared.cuts_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
        {
            (shared.on_cut)();
            return client.shutdown(Shutdown::Both);
        }
        client.write_all(&chunk[..length])?;
    }
}
