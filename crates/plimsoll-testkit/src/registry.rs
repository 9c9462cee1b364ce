//! A registry on loopback, in memory, that can be told to misbehave.
//!
//! It serves what clients read: `/v2/`, manifests, blobs (with ranges), tags and the catalog, and a token server; and
//! takes what they push: blobs in one go, blobs of other repositories, manifests whose blobs are there. It reads one request a connection, answers, and closes.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::image::{BuiltImage, sha256};

/// The most bytes of a request's line or header.
const MAX_LINE_BYTES: u64 = 64 << 10;
/// The most bytes of a request's body.
const MAX_BODY_BYTES: u64 = 64 << 20;
/// How long a client may stay silent.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);
/// The realm that stands for the registry's own token server.
const TOKEN_PATH: &str = "/token";

/// Whom the registry lets in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Everybody.
    #[default]
    Open,
    /// A user with a password (HTTP Basic).
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// Who has a token of the registry's own token server.
    Bearer {
        /// Who gets a token; `None`: everybody.
        user: Option<(String, String)>,
        /// A refresh token that is changed for a token by POST.
        identity: Option<String>,
        /// For how many requests a token is good.
        uses: usize,
    },
}

/// What a request meets instead of its answer, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status, with these headers and an empty body.
    Status(u16, Vec<(String, String)>),
    /// The connection ends behind this many bytes of the body.
    CutAfter(usize),
    /// The connection ends before anything is sent.
    Drop,
    /// The body's first byte is another one.
    Corrupt,
    /// The body has this many bytes more, and the length says so.
    Longer(usize),
    /// The same, sent in chunks, so that no length says so.
    LongerInChunks(usize),
    /// A web page with status 200.
    WebPage,
    /// A redirect to this address.
    Redirect(String),
    /// Silence, before the answer begins.
    Slow(Duration),
}

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// The path, with its query.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The `Range` header.
    pub range: Option<String>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The body, where it is text.
    pub body: String,
    /// The body's length in bytes.
    pub body_bytes: usize,
}

/// A registry on loopback. It stops when it is dropped.
pub struct Registry {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    stopped: AtomicBool,
    address: SocketAddr,
}

#[derive(Default)]
struct State {
    /// By `repository@digest` and `repository:tag`.
    manifests: BTreeMap<String, (String, Vec<u8>)>,
    /// By `repository@digest`.
    blobs: BTreeMap<String, Vec<u8>>,
    /// Of files that are no registry's, by path: what redirects and foreign layers lead to.
    files: BTreeMap<String, Vec<u8>>,
    auth: Auth,
    /// Uses that the newest token is still good for.
    token_uses: usize,
    tokens: usize,
    ignore_range: bool,
    blobs_elsewhere: Option<String>,
    /// Uploads that were begun, and not ended.
    uploads: BTreeMap<String, String>,
    begun: usize,
    /// Whether the newest token allows to push.
    token_pushes: bool,
    read_only: bool,
    /// The digest that manifests are announced with, where it is not theirs.
    announced: Option<String>,
    /// What the next requests meet whose path contains the text.
    faults: VecDeque<(String, Fault)>,
    requests: Vec<Request>,
}

impl Registry {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// Where loopback cannot be listened on.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared { state: Mutex::default(), stopped: AtomicBool::new(false), address });
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

    /// `127.0.0.1:port`, as it stands in a reference.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Holds a blob; gives its digest.
    pub fn put_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        self.put_blob_as(repository, &digest, bytes);
        digest
    }

    /// Holds bytes under a digest that may not be theirs.
    pub fn put_blob_as(&self, repository: &str, digest: &str, bytes: &[u8]) {
        self.state().blobs.insert(format!("{repository}@{digest}"), bytes.to_vec());
    }

    /// Holds a manifest under its digest and, where one is given, a tag; gives its digest.
    pub fn put_manifest(&self, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        let held = (media_type.to_owned(), bytes.to_vec());
        let mut state = self.state();
        state.manifests.insert(format!("{repository}@{digest}"), held.clone());
        if !tag.is_empty() {
            state.manifests.insert(format!("{repository}:{tag}"), held);
        }
        digest
    }

    /// Holds an image with all its blobs; gives the digest of its manifest.
    pub fn put_image(&self, repository: &str, tag: &str, image: &BuiltImage) -> String {
        self.put_blob(repository, &image.config);
        for layer in &image.layers {
            self.put_blob(repository, &layer.blob);
        }
        self.put_manifest(repository, tag, "application/vnd.oci.image.manifest.v1+json", &image.manifest)
    }

    /// Holds a file outside of the registry's paths.
    pub fn put_file(&self, path: &str, bytes: &[u8]) {
        self.state().files.insert(path.to_owned(), bytes.to_vec());
    }

    /// Lets in these only.
    pub fn require(&self, auth: Auth) {
        self.state().auth = auth;
    }

    /// The next request whose path contains `part` meets this. Several wait for one request each.
    pub fn fail_next(&self, part: &str, fault: Fault) {
        self.state().faults.push_back((part.to_owned(), fault));
    }

    /// Answers from the first byte on, whatever range is asked.
    pub fn ignore_range(&self) {
        self.state().ignore_range = true;
    }

    /// Redirects every blob to another place: `http://127.0.0.1:port`, where it lies as the file `/DIGEST`.
    pub fn redirect_blobs(&self, place: &str) {
        self.state().blobs_elsewhere = Some(place.to_owned());
    }

    /// Gives tokens that do not allow to push, whatever is asked.
    pub fn read_only(&self) {
        self.state().read_only = true;
    }

    /// The bytes of a blob.
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        self.state().blobs.get(&format!("{repository}@{digest}")).cloned()
    }

    /// The media type and the bytes of a manifest, by its tag or digest.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<(String, Vec<u8>)> {
        let mark = if reference.contains(':') { '@' } else { ':' };
        self.state().manifests.get(&format!("{repository}{mark}{reference}")).cloned()
    }

    /// Removes a blob.
    pub fn remove_blob(&self, repository: &str, digest: &str) {
        self.state().blobs.remove(&format!("{repository}@{digest}"));
    }

    /// Announces manifests with this digest.
    pub fn announce(&self, digest: &str) {
        self.state().announced = Some(digest.to_owned());
    }

    /// The requests that came, in their order.
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // One more connection wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn new(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![header("Content-Type", media_type)], body: body.into() }
    }

    fn error(status: u16, code: &str) -> Self {
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"as the test wants it"}}]}}"#);
        Self::new(status, "application/json", body)
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push(header(name, value));
        self
    }
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn serve(shared: &Shared, stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(CLIENT_TIMEOUT))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (request, body) = read_request(&mut reader)?;
    let (answer, fault) = {
        let mut state = shared.state();
        state.requests.push(request.clone());
        let met = state.faults.iter().position(|(part, _)| request.path.contains(part.as_str()));
        let fault = met.and_then(|index| state.faults.remove(index)).map(|(_, fault)| fault);
        // What fails before the registry looks at the request does not use up a token.
        let early = matches!(fault, Some(Fault::Status(..) | Fault::Drop | Fault::WebPage));
        let answer = if early {
            Answer::new(200, "text/html", "")
        } else {
            state.answer(&request, body, shared.address)
        };
        (answer, fault)
    };
    send(stream, answer, fault, request.method == "HEAD")
}

fn read_request(reader: &mut impl BufRead) -> io::Result<(Request, Vec<u8>)> {
    let first = read_line(reader)?;
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !path.starts_with('/') {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        authorization: None,
        range: None,
        content_type: None,
        body: String::new(),
        body_bytes: 0,
    };
    let mut length = 0_u64;
    loop {
        let line = read_line(reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "authorization" => request.authorization = Some(value.to_owned()),
            "range" => request.range = Some(value.to_owned()),
            "content-type" => request.content_type = Some(value.to_owned()),
            "content-length" => length = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    let mut body =
        vec![0; usize::try_from(MAX_BODY_BYTES.min(length)).expect("64 MiB are a number of bytes")];
    reader.read_exact(&mut body)?;
    request.body_bytes = body.len();
    request.body = String::from_utf8(body.clone()).unwrap_or_default();
    Ok((request, body))
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

fn send(mut stream: TcpStream, mut answer: Answer, fault: Option<Fault>, head_only: bool) -> io::Result<()> {
    let mut cut = usize::MAX;
    let mut chunked = false;
    match fault {
        None => {}
        Some(Fault::Status(status, headers)) => answer = Answer { status, headers, body: Vec::new() },
        Some(Fault::CutAfter(length)) => cut = length,
        Some(Fault::Drop) => return Ok(()),
        Some(Fault::Corrupt) => answer.body.iter_mut().take(1).for_each(|byte| *byte ^= 0xff),
        Some(Fault::Longer(more)) => answer.body.resize(answer.body.len() + more, b'x'),
        Some(Fault::LongerInChunks(more)) => {
            answer.body.resize(answer.body.len() + more, b'x');
            chunked = true;
        }
        Some(Fault::WebPage) => answer = Answer::new(200, "text/html; charset=utf-8", "<html>log in</html>"),
        Some(Fault::Redirect(place)) => {
            answer = Answer::new(307, "text/html", "elsewhere").with("Location", &place);
        }
        Some(Fault::Slow(wait)) => std::thread::sleep(wait),
    }
    let mut head = format!("HTTP/1.1 {} Answer\r\nConnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    let body = if chunked {
        head.push_str("Transfer-Encoding: chunked\r\n\r\n");
        let size = format!("{:x}\r\n", answer.body.len());
        [size.as_bytes(), &answer.body, b"\r\n0\r\n\r\n"].concat()
    } else {
        head.extend(["Content-Length: ", &answer.body.len().to_string(), "\r\n\r\n"]);
        answer.body
    };
    stream.write_all(head.as_bytes())?;
    if !head_only {
        stream.write_all(&body[..body.len().min(cut)])?;
    }
    stream.flush()
}

impl State {
    fn answer(&mut self, request: &Request, body: Vec<u8>, address: SocketAddr) -> Answer {
        let path = request.path.split('?').next().unwrap_or_default();
        if path == TOKEN_PATH {
            return self.token(request);
        }
        if let Some(bytes) = self.files.get(path) {
            return self.bytes(bytes, request);
        }
        let Some(below) = path.strip_prefix("/v2/") else {
            return Answer::new(404, "text/plain", "no such page");
        };
        if let Some(refusal) = self.refuse(request, below, address) {
            return refusal;
        }
        if matches!(request.method.as_str(), "POST" | "PUT") {
            let query = request.path.split_once('?').map_or("", |(_, query)| query);
            return self.take(&request.method, below, query, request.content_type.as_deref(), body);
        }
        if below.is_empty() {
            return Answer::new(200, "application/json", "{}")
                .with("Docker-Distribution-Api-Version", "registry/2.0");
        }
        if below == "_catalog" {
            let mut names: Vec<&str> =
                self.manifests.keys().filter_map(|key| key.split(['@', ':']).next()).collect();
            names.dedup();
            return Answer::new(
                200,
                "application/json",
                format!(r#"{{"repositories":["{}"]}}"#, names.join("\",\"")),
            );
        }
        if let Some(name) = below.strip_suffix("/tags/list") {
            let tags: Vec<&str> =
                self.manifests.keys().filter_map(|key| key.strip_prefix(name)?.strip_prefix(':')).collect();
            let body = format!(r#"{{"name":"{name}","tags":["{}"]}}"#, tags.join("\",\""));
            return Answer::new(200, "application/json", body);
        }
        if let Some((name, reference)) = below.split_once("/manifests/") {
            let mark = if reference.contains(':') { '@' } else { ':' };
            return match self.manifests.get(&format!("{name}{mark}{reference}")) {
                Some((media_type, bytes)) => {
                    let digest = self.announced.clone().unwrap_or_else(|| sha256(bytes));
                    Answer::new(200, media_type, bytes.clone()).with("Docker-Content-Digest", &digest)
                }
                None => Answer::error(404, "MANIFEST_UNKNOWN"),
            };
        }
        if let Some((name, digest)) = below.split_once("/blobs/") {
            let Some(bytes) = self.blobs.get(&format!("{name}@{digest}")) else {
                return Answer::error(404, "BLOB_UNKNOWN");
            };
            if let Some(place) = &self.blobs_elsewhere {
                let place = format!("{place}/{digest}?signature=secret");
                return Answer::new(307, "text/html", "elsewhere").with("Location", &place);
            }
            return self.bytes(bytes, request);
        }
        Answer::error(404, "UNSUPPORTED")
    }

    /// Source: OCI distribution-spec 1.1, "Push".
    fn take(
        &mut self,
        method: &str,
        below: &str,
        query: &str,
        content_type: Option<&str>,
        body: Vec<u8>,
    ) -> Answer {
        let field = |name: &str| {
            let value = query.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
            value.map(|value| value.replace("%3A", ":").replace("%2F", "/"))
        };
        if let Some(name) = below.strip_suffix("/blobs/uploads/").filter(|_| method == "POST") {
            if let (Some(digest), Some(from)) = (field("mount"), field("from"))
                && let Some(bytes) = self.blobs.get(&format!("{from}@{digest}")).cloned()
            {
                self.blobs.insert(format!("{name}@{digest}"), bytes);
                return Answer::new(201, "application/json", "");
            }
            self.begun += 1;
            let upload = format!("/v2/{name}/blobs/uploads/{}", self.begun);
            self.uploads.insert(upload.clone(), name.to_owned());
            return Answer::new(202, "application/json", "")
                .with("Location", &format!("{upload}?_state=held"));
        }
        if let Some(name) = self.uploads.get(&format!("/v2/{below}")).cloned().filter(|_| method == "PUT") {
            let digest = sha256(&body);
            if field("digest").as_ref() != Some(&digest) || field("_state").as_deref() != Some("held") {
                return Answer::error(400, "DIGEST_INVALID");
            }
            self.uploads.remove(&format!("/v2/{below}"));
            self.blobs.insert(format!("{name}@{digest}"), body);
            return Answer::new(201, "application/json", "").with("Docker-Content-Digest", &digest);
        }
        if let Some((name, reference)) = below.split_once("/manifests/").filter(|_| method == "PUT") {
            let digest = sha256(&body);
            if reference.contains(':') && reference != digest {
                return Answer::error(400, "DIGEST_INVALID");
            }
            let Ok(json) = serde_json::from_slice::<serde_json::Value>(&body) else {
                return Answer::error(400, "MANIFEST_INVALID");
            };
            let layers = json["layers"].as_array().cloned().unwrap_or_default();
            let named = layers.iter().chain([&json["config"]]).filter_map(|blob| blob["digest"].as_str());
            for blob in named {
                if !self.blobs.contains_key(&format!("{name}@{blob}")) {
                    return Answer::error(400, "MANIFEST_BLOB_UNKNOWN");
                }
            }
            let held = (content_type.unwrap_or_default().to_owned(), body);
            self.manifests.insert(format!("{name}@{digest}"), held.clone());
            if !reference.contains(':') {
                self.manifests.insert(format!("{name}:{reference}"), held);
            }
            return Answer::new(201, "application/json", "").with("Docker-Content-Digest", &digest);
        }
        Answer::error(404, "BLOB_UPLOAD_UNKNOWN")
    }

    fn bytes(&self, bytes: &[u8], request: &Request) -> Answer {
        let start = request.range.as_ref().filter(|_| !self.ignore_range);
        let start =
            start.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
        match start {
            None => Answer::new(200, "application/octet-stream", bytes),
            Some(start) if start < bytes.len() => {
                let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
                Answer::new(206, "application/octet-stream", &bytes[start..]).with("Content-Range", &range)
            }
            Some(_) => Answer::error(416, "RANGE_INVALID"),
        }
    }

    fn refuse(&mut self, request: &Request, below: &str, address: SocketAddr) -> Option<Answer> {
        let given = request.authorization.as_deref().unwrap_or_default();
        match &self.auth {
            Auth::Open => None,
            Auth::Basic { user, password } => {
                let good = given == basic(user, password);
                (!good).then(|| {
                    Answer::error(401, "UNAUTHORIZED")
                        .with("WWW-Authenticate", "Basic realm=\"test, \\\"quoted\\\"\"")
                })
            }
            Auth::Bearer { .. } => {
                let pushes = matches!(request.method.as_str(), "POST" | "PUT");
                if given == format!("Bearer token-{}", self.tokens)
                    && self.tokens > 0
                    && self.token_uses > 0
                    && (!pushes || self.token_pushes)
                {
                    self.token_uses -= 1;
                    return None;
                }
                let name = below.split("/manifests/").next().and_then(|name| name.split("/blobs/").next());
                let challenge = format!(
                    r#"Bearer realm="http://{address}{TOKEN_PATH}",service="test",scope="repository:{}:{}""#,
                    name.unwrap_or_default(),
                    if pushes { "pull,push" } else { "pull" }
                );
                Some(Answer::error(401, "UNAUTHORIZED").with("WWW-Authenticate", &challenge))
            }
        }
    }

    fn token(&mut self, request: &Request) -> Answer {
        let Auth::Bearer { user, identity, uses } = &self.auth else {
            return Answer::error(404, "UNSUPPORTED");
        };
        let by_post = identity.as_ref().is_some_and(|identity| {
            request.method == "POST"
                && request.body.split('&').any(|field| field == "grant_type=refresh_token")
                && request.body.split('&').any(|field| field == format!("refresh_token={identity}"))
        });
        let by_user = match user {
            Some((user, password)) => {
                request.authorization.as_deref() == Some(basic(user, password).as_str())
            }
            None => identity.is_none(),
        };
        if !by_post && !by_user {
            return Answer::new(401, "application/json", r#"{"details":"incorrect username or password"}"#);
        }
        self.token_uses = *uses;
        let scopes = format!("{} {}", request.path, request.body);
        self.token_pushes =
            !self.read_only && (scopes.contains("pull%2Cpush") || scopes.contains("pull,push"));
        self.tokens += 1;
        let name = if by_post { "access_token" } else { "token" };
        Answer::new(
            200,
            "application/json",
            format!(r#"{{"{name}":"token-{}","expires_in":300}}"#, self.tokens),
        )
    }
}

/// The header of HTTP Basic.
fn basic(user: &str, password: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = "Basic ".to_owned();
    for group in format!("{user}:{password}").as_bytes().chunks(3) {
        let bytes = [group[0], group.get(1).copied().unwrap_or(0), group.get(2).copied().unwrap_or(0)];
        let bits = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        for (place, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let sextet = (bits >> shift) & 63;
            let sextet = usize::try_from(sextet).expect("six bits are a small number");
            out.push(if place <= group.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(registry: &Registry, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(registry.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\n{headers}\r\n").unwrap();
        let mut answer = String::new();
        stream.take(1 << 16).read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn it_serves_what_was_put() {
        let registry = Registry::start();
        let digest = registry.put_blob("app", b"0123456789");
        registry.put_manifest("app", "1", "text/x", b"{}");
        assert!(ask(&registry, &format!("/v2/app/blobs/{digest}"), "").ends_with("0123456789"));
        let part = ask(&registry, &format!("/v2/app/blobs/{digest}"), "Range: bytes=7-\r\n");
        assert!(part.starts_with("HTTP/1.1 206") && part.ends_with("789"), "{part}");
        assert!(ask(&registry, "/v2/app/manifests/1", "").ends_with("{}"));
        assert!(ask(&registry, "/v2/app/tags/list", "").ends_with(r#""tags":["1"]}"#));
        assert!(ask(&registry, "/v2/_catalog", "").ends_with(r#"["app"]}"#));
        assert!(ask(&registry, "/v2/app/manifests/2", "").contains("MANIFEST_UNKNOWN"));
        registry.fail_next("manifests", Fault::Status(503, vec![header("Retry-After", "1")]));
        assert!(ask(&registry, "/v2/app/manifests/1", "").contains("503"));
        assert!(ask(&registry, "/v2/app/manifests/1", "").contains("200"));
        assert_eq!(registry.requests().len(), 8);
    }

    #[test]
    fn basic_is_base64_of_the_pair() {
        assert_eq!(basic("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(basic("u", "p"), "Basic dTpw");
    }
}
