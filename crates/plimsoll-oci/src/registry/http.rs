//! Requests: one connection pool for each way out, redirects, and trying again.

use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use ureq::http;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::proxy::{proxy, proxy_for};
use super::retry::{Policy, is_passing, retry_after};
use super::url::{Scheme, Url, is_loopback};
use crate::bounded::read_up_to;
use crate::error::ConnectionFailure;
use crate::manifest::clip;
use crate::{Error, Options, Secret};

/// The most redirects that are followed for one request.
const MAX_REDIRECTS: usize = 8;
/// The most bytes of an answer's headers.
const MAX_HEADER_BYTES: usize = 64 << 10;
/// The most bytes of an error's body that are looked at for its message.
const MAX_MESSAGE_BYTES: u64 = 16 << 10;
/// The most bytes of a file with certificates.
const MAX_CERTIFICATES_BYTES: u64 = 16 << 20;
/// What we call ourselves.
const USER_AGENT: &str = concat!("plimsoll/", env!("CARGO_PKG_VERSION"));

/// A request that can be made again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request<'a> {
    pub(crate) accept: Option<&'a str>,
    /// `Authorization`, only for the origin that is asked first.
    pub(crate) authorization: Option<Secret>,
    /// The first byte that is wanted, where it is not the first there is.
    pub(crate) from: u64,
    /// A form to be posted.
    pub(crate) form: Option<Secret>,
}

/// An answer, of any status but a redirect.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    /// Where it came from, behind all redirects.
    pub(crate) url: Url,
    pub(crate) body: Box<dyn Read + Send>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The media type, lower case and without parameters.
    pub(crate) fn media_type(&self) -> String {
        let whole = self.header("content-type").unwrap_or_default();
        whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    pub(crate) fn is_web_page(&self) -> bool {
        matches!(self.media_type().as_str(), "text/html" | "application/xhtml+xml")
    }

    /// Status and the registry's own message, for an error: `404 MANIFEST_UNKNOWN: manifest unknown`.
    pub(crate) fn describe(&mut self) -> String {
        // A message that breaks off is none.
        let body = read_up_to(&mut self.body, MAX_MESSAGE_BYTES).unwrap_or_default();
        let message = match serde_json::from_slice::<serde_json::Value>(&body) {
            Ok(json) => error_message(&json),
            Err(_) => None,
        };
        match message {
            Some(message) => format!("status {} `{}`", self.status, clip(&message)),
            None => format!("status {}", self.status),
        }
    }
}

/// Source: OCI distribution-spec 1.1, "Error Codes"; token servers say `details` or `message`.
fn error_message(json: &serde_json::Value) -> Option<String> {
    if let Some(first) = json.get("errors").and_then(|errors| errors.get(0)) {
        let field = |name: &str| first.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        return Some(format!("{}: {}", field("code"), field("message")));
    }
    ["details", "message", "error_description", "error"]
        .into_iter()
        .find_map(|name| json.get(name).and_then(serde_json::Value::as_str))
        .map(str::to_owned)
}

/// The ways out.
pub(crate) struct Http {
    options: Options,
    pub(crate) policy: Policy,
    /// For plain addresses, which need no certificates.
    plain: OnceLock<ureq::Agent>,
    tls: OnceLock<TlsConfig>,
    /// For encrypted addresses.
    encrypted: OnceLock<ureq::Agent>,
    /// Through the proxies, for plain and for encrypted addresses.
    proxied: Mutex<[Option<ureq::Agent>; 2]>,
}

impl Http {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            policy: Policy::new(options),
            options: options.clone(),
            plain: OnceLock::new(),
            tls: OnceLock::new(),
            encrypted: OnceLock::new(),
            proxied: Mutex::new([None, None]),
        }
    }

    /// Whether an address without TLS may be asked: loopback, or a host the user named.
    pub(crate) fn plain_allowed(&self, url: &Url) -> bool {
        is_loopback(url.host())
            || self.options.insecure_http.iter().any(|entry| {
                entry == "*"
                    || entry.eq_ignore_ascii_case(&url.authority)
                    || entry.eq_ignore_ascii_case(url.host())
            })
    }

    /// Asks, follows redirects, and asks again where that may help. The answer has any status, save those of
    /// redirects and, behind the last attempt, those that pass.
    pub(crate) fn send(&self, url: &Url, request: &Request<'_>) -> Result<Response, Error> {
        let mut attempt = 0;
        loop {
            let last = attempt >= self.policy.retries;
            let wait = match self.follow(url, request) {
                Ok(mut response) if is_passing(response.status) => {
                    let asked = response
                        .header("retry-after")
                        .and_then(|value| retry_after(value, response.header("date")));
                    let too_long = asked.is_some_and(|asked| asked > self.policy.longest_wait);
                    if last || too_long {
                        let mut answer = response.describe();
                        if let Some(asked) = asked {
                            answer = format!("{answer}, which asks to wait for {} s", asked.as_secs());
                        }
                        return Err(Error::Busy { subject: url.to_string(), answer, attempts: attempt + 1 });
                    }
                    asked.unwrap_or_else(|| self.policy.wait(attempt))
                }
                Ok(response) => return Ok(response),
                Err(error) if last || !may_pass(&error) => return Err(error),
                Err(_) => self.policy.wait(attempt),
            };
            std::thread::sleep(wait);
            attempt += 1;
        }
    }

    fn follow(&self, first: &Url, request: &Request<'_>) -> Result<Response, Error> {
        let mut url = first.clone();
        let refused = |from: &Url, expected: &'static str, found: String| Error::Redirect {
            from: from.to_string(),
            expected,
            found,
        };
        for _ in 0..=MAX_REDIRECTS {
            let response = self.once(&url, request, url.same_origin(first))?;
            if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            if request.form.is_some() {
                return Err(refused(&url, "an answer to posted credentials", "a redirect".to_owned()));
            }
            let location = response
                .header("location")
                .ok_or_else(|| refused(&url, "an address in `Location`", "none".to_owned()))?;
            let next =
                url.join(location).map_err(|found| refused(&url, "an http address", found.to_owned()))?;
            if url.scheme == Scheme::Https && next.scheme == Scheme::Http {
                return Err(refused(&url, "an https address", format!("`{next}`")));
            }
            url = next;
        }
        Err(refused(first, "at most 8 redirects", "more".to_owned()))
    }

    fn once(&self, url: &Url, request: &Request<'_>, with_credentials: bool) -> Result<Response, Error> {
        let agent = self.agent(url)?;
        let mut builder = http::Request::builder().uri(url.expose());
        if let Some(accept) = request.accept {
            builder = builder.header("accept", accept);
        }
        if let Some(authorization) = request.authorization.as_ref().filter(|_| with_credentials) {
            builder = builder.header("authorization", authorization.expose());
        }
        if request.from > 0 {
            builder = builder.header("range", format!("bytes={}-", request.from));
        }
        let sent = match &request.form {
            None => builder.body(()).map(|built| agent.run(built)),
            Some(form) => builder
                .method("POST")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.expose())
                .map(|built| agent.run(built)),
        };
        let response = sent
            .map_err(|error| connection(url, ureq::Error::from(error)))?
            .map_err(|error| connection(url, error))?;
        let (parts, body) = response.into_parts();
        Ok(Response {
            status: parts.status.as_u16(),
            headers: parts.headers,
            url: url.clone(),
            body: Box::new(body.into_reader()),
        })
    }

    fn agent(&self, url: &Url) -> Result<ureq::Agent, Error> {
        let Some((address, scheme)) = proxy_for(&self.options.proxy, url) else {
            return match url.scheme {
                Scheme::Http => Ok(self.plain.get_or_init(|| self.new_agent(None, None)).clone()),
                Scheme::Https => {
                    let tls = self.tls()?;
                    Ok(self.encrypted.get_or_init(|| self.new_agent(Some(tls), None)).clone())
                }
            };
        };
        let proxy = proxy(address, scheme)?;
        // A proxy may itself be reached through TLS.
        let tls = self.tls()?;
        let mut proxied = self.proxied.lock().expect("no holder of this lock panics");
        let slot = &mut proxied[usize::from(url.scheme == Scheme::Https)];
        Ok(slot.get_or_insert_with(|| self.new_agent(Some(tls), Some(proxy))).clone())
    }

    fn new_agent(&self, tls: Option<TlsConfig>, proxy: Option<ureq::Proxy>) -> ureq::Agent {
        let options = &self.options;
        let config = ureq::Agent::config_builder()
            .user_agent(USER_AGENT)
            .accept("*/*")
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(MAX_HEADER_BYTES)
            .timeout_connect(Some(options.connect_timeout))
            .timeout_per_read(Some(options.stall_timeout))
            .timeout_per_write(Some(options.stall_timeout))
            .proxy(proxy);
        match tls {
            Some(tls) => config.tls_config(tls).build().new_agent(),
            None => config.build().new_agent(),
        }
    }

    /// The certificates to trust are only read when one is needed: loopback needs none.
    fn tls(&self) -> Result<TlsConfig, Error> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(roots(&self.options)?)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        Ok(self.tls.get_or_init(|| tls).clone())
    }
}

/// The system's certificates and the user's own. Where there are neither, as in an image without a bundle, those that
/// Mozilla trusted when this program was built.
fn roots(options: &Options) -> Result<RootCerts, Error> {
    let named = options.system_certificates_file.is_some() || options.system_certificates_folder.is_some();
    let system = if named {
        rustls_native_certs::load_certs_from_paths(
            options.system_certificates_file.as_deref(),
            options.system_certificates_folder.as_deref(),
        )
    } else {
        rustls_native_certs::load_native_certs()
    };
    if named && system.certs.is_empty() {
        let place = options.system_certificates_file.as_ref().or(options.system_certificates_folder.as_ref());
        return Err(Error::Certificates {
            place: place.map(|place| place.display().to_string()).unwrap_or_default(),
            found: system.errors.first().map_or_else(|| "none".to_owned(), ToString::to_string),
        });
    }
    let mut certificates: Vec<Certificate<'static>> =
        system.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    for path in &options.ca_certificates {
        certificates.extend(own_certificates(path)?);
    }
    if certificates.is_empty() { Ok(RootCerts::WebPki) } else { Ok(RootCerts::new_with_certs(&certificates)) }
}

fn own_certificates(path: &Path) -> Result<Vec<Certificate<'static>>, Error> {
    let bad = |found: String| Error::Certificates { place: path.display().to_string(), found };
    let pem = std::fs::File::open(path)
        .and_then(|file| read_up_to(file, MAX_CERTIFICATES_BYTES))
        .map_err(|error| bad(error.to_string()))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(error) => Some(Err(bad(error.to_string()))),
        })
        .collect::<Result<_, _>>()?;
    if certificates.is_empty() { Err(bad("none".to_owned())) } else { Ok(certificates) }
}

/// Whether a failure may be gone when the request is made again.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::Connection { failure: ConnectionFailure::Timeout | ConnectionFailure::Transport, .. } => true,
        Error::Connection { failure: ConnectionFailure::Name, source, .. } => {
            source.to_string().contains("emporary")
        }
        _ => false,
    }
}

/// A failure below HTTP, put into words.
pub(crate) fn connection(url: &Url, error: ureq::Error) -> Error {
    let failure = match &error {
        ureq::Error::Timeout(_) => ConnectionFailure::Timeout,
        ureq::Error::HostNotFound => ConnectionFailure::Name,
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => ConnectionFailure::Tls,
        ureq::Error::ConnectProxyFailed(_) => ConnectionFailure::Proxy,
        ureq::Error::Io(source) => of_io(source),
        _ => ConnectionFailure::Transport,
    };
    // Other errors might quote the address with its query.
    let source: Box<dyn std::error::Error + Send + Sync> = match error {
        ureq::Error::Io(source) => Box::new(source),
        ureq::Error::BadUri(_) => "the address could not be read".into(),
        other => Box::new(other),
    };
    Error::Connection { subject: url.to_string(), failure, source }
}

fn of_io(error: &io::Error) -> ConnectionFailure {
    let inner = error.get_ref();
    if inner.is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>) {
        ConnectionFailure::Tls
    } else if error.to_string().contains("failed to lookup address") {
        ConnectionFailure::Name
    } else if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) {
        ConnectionFailure::Timeout
    } else {
        ConnectionFailure::Transport
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_registries_are_told() {
        for (json, expected) in [
            (
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
                Some("MANIFEST_UNKNOWN: manifest unknown"),
            ),
            (r#"{"details":"incorrect username or password"}"#, Some("incorrect username or password")),
            (r#"{"error":"denied"}"#, Some("denied")),
            (r#"{"errors":[]}"#, None),
            ("[]", None),
        ] {
            assert_eq!(error_message(&serde_json::from_str(json).unwrap()).as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn failures_below_http_are_told_apart() {
        let url = Url::parse("https://r.example/v2/?token=secret").unwrap();
        let no_name = "failed to lookup address information: Name or service not known";
        for (source, expected, passes) in [
            (io::Error::other(no_name), ConnectionFailure::Name, false),
            (
                io::Error::other(
                    "failed to lookup address information: Temporary failure in name resolution",
                ),
                ConnectionFailure::Name,
                true,
            ),
            (io::Error::other(rustls::Error::DecryptError), ConnectionFailure::Tls, false),
            (io::ErrorKind::TimedOut.into(), ConnectionFailure::Timeout, true),
            (io::ErrorKind::ConnectionReset.into(), ConnectionFailure::Transport, true),
        ] {
            let error = connection(&url, ureq::Error::Io(source));
            assert_eq!(may_pass(&error), passes, "{error:?}");
            assert!(!format!("{error:?} {error}").contains("secret"));
            let Error::Connection { failure, .. } = error else { panic!("{error}") };
            assert_eq!(failure, expected);
        }
    }

    #[test]
    fn certificates_that_cannot_be_read_are_named() {
        let options = Options { ca_certificates: vec!["/nowhere/ca.pem".into()], ..Options::default() };
        let error = Http::new(&options).tls().unwrap_err();
        assert!(error.to_string().starts_with("cannot read certificates from `/nowhere/ca.pem`"), "{error}");
        let options =
            Options { system_certificates_file: Some("/nowhere/bundle.pem".into()), ..Options::default() };
        assert!(Http::new(&options).tls().is_err());
        // Plain addresses need none.
        let loopback = Url::parse("http://127.0.0.1:1/").unwrap();
        assert!(Http::new(&options).agent(&loopback).is_ok());
    }
}
