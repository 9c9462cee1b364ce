//! A token server for a registry: checks a password, signs what may be pulled.
//!
//! Source: distribution, `docs/spec/auth/token.md` and `docs/spec/auth/jwt.md`; RFC 7515, 4.1.6 (`x5c`).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::registry::USER;
use crate::surroundings::Scratch;
use crate::tool::{read_text, run, run_with_input, tool};

/// End of the tokens' time, seconds since 1970: the first day of 2100. No test waits for one to end.
const EXPIRES: u64 = 4_102_444_800;
/// The largest request, in bytes.
const MAX_REQUEST_BYTES: u64 = 1 << 16;

/// A running token server; stopped when dropped.
#[derive(Debug)]
pub struct TokenServer {
    address: SocketAddr,
    keys: Arc<Keys>,
    scopes: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A key and the certificate that the registry trusts.
#[derive(Debug)]
struct Keys {
    folder: Scratch,
    /// DER in base64, as a token carries it.
    certificate: String,
}

impl TokenServer {
    /// The service that tokens are for.
    pub(crate) const SERVICE: &'static str = "quay";
    /// The name that it signs with.
    pub(crate) const ISSUER: &'static str = "harbour-master";

    /// Starts one that knows [`USER`].
    pub fn start() -> Self {
        let keys = Arc::new(Keys::make());
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
        let address = listener.local_addr().expect("it is bound");
        let (scopes, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::spawn({
            let (keys, scopes, stop) = (Arc::clone(&keys), Arc::clone(&scopes), Arc::clone(&stop));
            move || {
                for stream in listener.incoming() {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    // A client that goes away has nothing to be told.
                    drop(stream.and_then(|stream| answer(stream, &keys, &scopes)));
                }
            }
        });
        Self { address, keys, scopes, stop, thread: Some(thread) }
    }

    /// The scopes it was asked for, in order.
    pub fn scopes(&self) -> Vec<String> {
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn realm(&self) -> String {
        format!("http://{}/token", self.address)
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.keys.folder.path("certificate.pem")
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // It waits for a connection: here is one.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Keys {
    fn make() -> Self {
        let folder = Scratch::new();
        run(tool("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "3650",
                "-subj",
                "/CN=harbour-master",
            ])
            .arg("-keyout")
            .arg(folder.path("key.pem"))
            .arg("-out")
            .arg(folder.path("certificate.pem")));
        let certificate = read_text(&folder.path("certificate.pem"))
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        Self { folder, certificate }
    }

    /// A signed token that allows the scope `repository:NAME:ACTIONS`.
    fn token(&self, account: &str, scope: &str) -> String {
        let access = match scope.splitn(3, ':').collect::<Vec<_>>()[..] {
            [kind, name, actions] => json!([{
                "type": kind,
                "name": name,
                "actions": actions.split(',').filter(|&action| action == "pull").collect::<Vec<_>>(),
            }]),
            _ => json!([]),
        };
        let header = json!({"typ": "JWT", "alg": "RS256", "x5c": [self.certificate]});
        let claims = json!({
            "iss": TokenServer::ISSUER, "sub": account, "aud": TokenServer::SERVICE,
            "nbf": 0, "iat": 0, "exp": EXPIRES, "jti": "1", "access": access,
        });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut sign = tool("openssl");
        sign.args(["dgst", "-sha256", "-sign"]).arg(self.folder.path("key.pem"));
        let signature = run_with_input(&mut sign, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn answer(stream: TcpStream, keys: &Keys, scopes: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?.take(MAX_REQUEST_BYTES));
    let (mut first, mut authorization) = (String::new(), String::new());
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("authorization")
        {
            value.trim().clone_into(&mut authorization);
        }
    }
    let query = first.split(['?', ' ']).nth(2).unwrap_or("");
    let scope =
        query.split('&').find_map(|pair| pair.strip_prefix("scope=")).map(unescaped).unwrap_or_default();
    scopes.lock().unwrap_or_else(PoisonError::into_inner).push(scope.clone());
    let (user, password) = USER;
    let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let (status, body) = if authorization == expected {
        ("200 OK", json!({"token": keys.token(user, &scope), "expires_in": 300}))
    } else {
        ("401 Unauthorized", json!({"errors": [{"code": "UNAUTHORIZED", "message": "no such sailor"}]}))
    };
    let body = body.to_string();
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// A value of a query without its `%2F`.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                out.push(char::from(code));
                out.push_str(&part[2..]);
            }
            None => out.push_str(part),
        }
    }
    out
}
