//! The server: connections, requests, and their end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::header::CONTENT_RANGE;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use plimsoll_store::Store;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::access::{Domains, Keys};
use crate::gate::{Gate, header};
use crate::protocol::Protocol;
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::steady::Steady;
use crate::upload::random_name;
use crate::vault::Vault;

/// Largest body that is read as XML, in bytes: a thousand keys of a kilobyte, each character escaped.
const MAX_XML_BYTES: usize = 8 << 20;
/// Most of a request's head, in bytes, headers and all.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// How long is waited before connections are taken again after the system refused one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why an endpoint cannot be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Without keys everybody may do everything, so only the machine itself may ask.
    #[error("cannot serve on `{0}` without keys: expected a loopback address, as 127.0.0.1, or keys")]
    OpenToAll(SocketAddr),
    /// The address cannot be taken.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

/// An S3 endpoint that listens.
pub struct Endpoint {
    listener: TcpListener,
    address: SocketAddr,
    service: S3Service,
    protocol: Protocol,
    gate: Arc<Gate>,
    settings: Settings,
}

impl Endpoint {
    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    /// [`Error::OpenToAll`] for another address than a loopback one where there are no keys; [`Error::Listen`].
    pub async fn bind(store: &Store, address: SocketAddr, settings: Settings) -> Result<Endpoint, Error> {
        let is_open = settings.credentials.is_empty();
        if is_open && !address.ip().is_loopback() {
            return Err(Error::OpenToAll(address));
        }
        let listener =
            TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })?;
        let address = listener.local_addr().map_err(|source| Error::Listen { address, source })?;
        let vault = Vault::new(store, settings.create_buckets);
        let protocol = Protocol::new(vault, &settings);
        let mut builder = S3ServiceBuilder::new(protocol.clone());
        let mut config = S3Config::default();
        config.xml_max_body_size = MAX_XML_BYTES;
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        builder.set_host(Domains(settings.domains.clone()));
        if !is_open {
            let keys = Keys(Arc::new(settings.credentials.clone()));
            builder.set_auth(keys.clone());
            builder.set_access(keys);
        }
        let gate = Arc::new(Gate { is_open, domains: settings.domains.clone(), idle: settings.idle });
        Ok(Endpoint { listener, address, service: builder.build(), protocol, gate, settings })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether everybody on the machine may ask.
    pub fn is_open(&self) -> bool {
        self.gate.is_open
    }

    /// Serves until it is told to stop; requests that have begun may end within [`Settings::grace`].
    ///
    /// Each request is told to `log` in one line, without secrets.
    pub async fn serve(self, stop: impl Future<Output = ()>, log: fn(&str)) {
        let protocol = self.protocol;
        tokio::spawn(async move {
            if let Err(refusal) = protocol.tidy().await {
                log(&format!("error: cannot remove what uploads have left: {}", told(&refusal)));
            }
        });
        let connections = Arc::new(Semaphore::new(self.settings.connections.max(1)));
        let graceful = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let permit = tokio::select! {
                permit = Arc::clone(&connections).acquire_owned() => permit,
                () = &mut stop => break,
            };
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut stop => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    log(&format!("cannot take a connection: {error}"));
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Answers are written whole; waiting for more to send helps nobody.
            let _ = stream.set_nodelay(true);
            let (service, gate) = (self.service.clone(), Arc::clone(&self.gate));
            let handle = service_fn(move |request: Request<Incoming>| {
                let (service, gate) = (service.clone(), Arc::clone(&gate));
                async move { Ok::<_, Infallible>(respond(&service, &gate, request, peer, log).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.settings.idle)
                .max_buf_size(MAX_HEAD_BYTES)
                .serve_connection(TokioIo::new(Steady::new(stream, self.settings.idle)), handle);
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                // A connection that breaks is the client's matter.
                let _ = connection.await;
                drop(permit);
            });
        }
        drop(self.listener);
        let _ = tokio::time::timeout(self.settings.grace, graceful.shutdown()).await;
    }
}

tokio::task_local! {
    /// Why the request that is answered cannot be, where that is no fault of it.
    static TROUBLE: Arc<Mutex<Option<String>>>;
}

/// Keeps for the log why a request cannot be answered; the client is not told.
pub(crate) fn tell(trouble: &(dyn std::error::Error + 'static)) {
    let text = told(trouble);
    // Outside of a request nobody waits for it.
    let _ = TROUBLE.try_with(|place| place.lock().expect("nobody panics while holding it").replace(text));
}

/// An error with its causes.
fn told(trouble: &(dyn std::error::Error + 'static)) -> String {
    let mut text = trouble.to_string();
    let mut cause = trouble.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Does something to its end, also if nobody waits for it any more.
///
/// # Errors
/// If it panics.
pub(crate) async fn to_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    match TROUBLE.try_with(Arc::clone) {
        Ok(place) => tokio::spawn(TROUBLE.scope(place, work)).await,
        Err(_) => tokio::spawn(work).await,
    }
}

async fn respond(
    service: &S3Service,
    gate: &Gate,
    request: Request<Incoming>,
    peer: SocketAddr,
    log: fn(&str),
) -> Response<s3s::Body> {
    let begun = Instant::now();
    let is_head = request.method() == http::Method::HEAD;
    let what = format!("{} {}", request.method(), shown(request.uri()));
    let bytes = header(request.headers(), "content-length").unwrap_or("-").to_owned();
    let id = random_name().unwrap_or_default().to_ascii_uppercase();
    let trouble: Arc<Mutex<Option<String>>> = Arc::default();
    let answer = async {
        match gate.admit(request) {
            Err(refusal) => refused(refusal),
            Ok(request) => {
                let verdict = request.body().verdict();
                let response = match service.call(request.map(s3s::Body::http_body)).await {
                    Ok(response) => response,
                    Err(error) => refused(Refusal::internal(s3s::StdError::from(error))),
                };
                let verdict = verdict.lock().expect("nobody panics while holding it").take();
                match verdict {
                    Some(refusal) if response.status() == http::StatusCode::INTERNAL_SERVER_ERROR => {
                        refused(refusal)
                    }
                    _ => response,
                }
            }
        }
    };
    let mut response = TROUBLE.scope(Arc::clone(&trouble), answer).await;
    if let Some(trouble) = trouble.lock().expect("nobody panics while holding it").take() {
        log(&format!("error: {id}: {trouble}"));
    }
    // The framework knows 206 for GET alone.
    if is_head && response.status() == http::StatusCode::OK && response.headers().contains_key(CONTENT_RANGE)
    {
        *response.status_mut() = http::StatusCode::PARTIAL_CONTENT;
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-amz-request-id", value);
    }
    response.headers_mut().insert(http::header::SERVER, HeaderValue::from_static("plimsoll"));
    log(&format!(
        "{} {what} {} {bytes} {} ms {id}",
        peer.ip(),
        response.status().as_u16(),
        begun.elapsed().as_millis()
    ));
    response
}

fn refused(refusal: Refusal) -> Response<s3s::Body> {
    s3s::S3Error::from(refusal).to_http_response().unwrap_or_else(|_| {
        let mut response = Response::new(s3s::Body::empty());
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

/// An address without what signs it.
fn shown(uri: &http::Uri) -> String {
    let rest: Vec<&str> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| {
            let name = crate::signed::query_name(pair).to_ascii_lowercase();
            !name.is_empty()
                && !name.starts_with("x-amz-")
                && !matches!(name.as_str(), "signature" | "awsaccesskeyid")
        })
        .collect();
    if rest.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), rest.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_shows_no_signature() {
        let uri = "/box/a%20b?X-Amz-Signature=abc&x-amz-security-token=t&list-type=2".parse().unwrap();
        assert_eq!(shown(&uri), "/box/a%20b?list-type=2");
        assert_eq!(shown(&"/box?Signature=a&AWSAccessKeyId=b".parse().unwrap()), "/box");
        assert_eq!(shown(&"/box?X-Amz-Credential=a".parse().unwrap()), "/box");
        assert_eq!(shown(&"/box?%58-amz-signature=a&%53ignature=b".parse().unwrap()), "/box");
    }
}
