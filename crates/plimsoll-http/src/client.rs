//! Sending: one connection pool for each way out, redirects, and trying again.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::{Mutex, OnceLock};

use ureq::http;
use ureq::tls::TlsConfig;

use crate::certificates::{complaint, tls};
use crate::paced::Paced;
use crate::proxy::{proxy, proxy_for};
use crate::retry::{Policy, is_passing, retry_after};
use crate::{
    Body, ConnectionFailure, Error, Method, Options, Request, Response, Scheme, Secret, Url, is_loopback,
};

/// The most redirects that are followed for one request.
const MAX_REDIRECTS: usize = 8;
/// The most bytes of an answer's headers.
const MAX_HEADER_BYTES: usize = 64 << 10;
/// What we call ourselves.
const USER_AGENT: &str = concat!("plimsoll/", env!("CARGO_PKG_VERSION"));

/// The ways out. One for a whole run, for several threads: connections are kept.
pub struct Client {
    options: Options,
    policy: Policy,
    /// For plain addresses, which need no certificates.
    plain: OnceLock<ureq::Agent>,
    tls: OnceLock<TlsConfig>,
    /// For encrypted addresses.
    encrypted: OnceLock<ureq::Agent>,
    /// Through the proxies, for plain and for encrypted addresses.
    proxied: Mutex<[Option<ureq::Agent>; 2]>,
}

impl Client {
    /// One that has asked nobody yet. Certificates are read when the first encrypted address is asked.
    pub fn new(options: &Options) -> Self {
        Self {
            policy: Policy::new(options),
            options: options.clone(),
            plain: OnceLock::new(),
            tls: OnceLock::new(),
            encrypted: OnceLock::new(),
            proxied: Mutex::new([None, None]),
        }
    }

    /// How often and how patiently it tries again, for a caller that fetches on where a body broke off.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Whether an address without TLS may be asked: loopback, or a host the user named. [`Client::send`] leaves that to
    /// its caller.
    pub fn plain_allowed(&self, url: &Url) -> bool {
        is_loopback(url.host())
            || self.options.insecure_http.iter().any(|entry| {
                entry == "*"
                    || entry.eq_ignore_ascii_case(&url.authority)
                    || entry.eq_ignore_ascii_case(url.host())
            })
    }

    /// Asks, follows redirects, and asks again where that may help. The answer has any status, save those of
    /// redirects and, behind the last attempt, those that pass (408, 429, 500, 502, 503, 504). 304 is no redirect.
    /// Credentials, the request's own or else the address's, go to the origin of `url` alone.
    ///
    /// # Errors
    /// [`Error`]: no connection, no trust, a redirect that is not followed, or the last of those statuses.
    pub fn send(&self, url: &Url, request: &Request<'_>) -> Result<Response, Error> {
        let mut attempt = 0;
        loop {
            let last = attempt >= self.policy.retries;
            let wait = match self.follow(url, request) {
                Ok(mut response) if is_passing(response.status) => {
                    let asked = response
                        .header("retry-after")
                        .and_then(|value| retry_after(value, response.header("date")));
                    let too_long = asked.is_some_and(|asked| asked > self.policy.longest_wait);
                    let untouched = request.repeatable || matches!(response.status, 429 | 503);
                    if last || too_long || !untouched {
                        let mut answer = response.describe();
                        if let Some(asked) = asked {
                            answer = format!("{answer}, which asks to wait for {} s", asked.as_secs());
                        }
                        return Err(Error::Busy {
                            subject: url.to_string(),
                            answer,
                            attempts: attempt + 1,
                            status: response.status,
                        });
                    }
                    asked.unwrap_or_else(|| self.policy.wait(attempt))
                }
                Ok(response) => return Ok(response),
                Err(error) if last || !request.repeatable || !may_pass(&error) => return Err(error),
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
            let own = request.authorization.as_ref().or(first.authorization());
            let is_first = url.same_origin(first);
            let secrets = if is_first { &request.secrets[..] } else { &[] };
            let response = self.once(&url, request, own.filter(|_| is_first), secrets)?;
            if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            if matches!(request.body, Body::Form(_)) {
                return Err(refused(&url, "an answer to posted credentials", "a redirect".to_owned()));
            }
            // Of the others only 307 and 308 say that method and body stay as they are (RFC 9110, 15.4).
            if !matches!(request.method, Method::Get | Method::Head) && !matches!(response.status, 307 | 308)
            {
                let found = format!("a redirect with status {}", response.status);
                return Err(refused(&url, "an answer to what was sent", found));
            }
            let location = response
                .header("location")
                .ok_or_else(|| refused(&url, "an address in `Location`", "none".to_owned()))?;
            let next =
                url.join(location).map_err(|found| refused(&url, "an http address", found.to_owned()))?;
            if url.scheme == Scheme::Https && next.scheme == Scheme::Http {
                return Err(refused(&url, "an https address", format!("`{next}`")));
            }
            // Who let one host be asked without TLS did not mean every host that it names.
            if next.scheme == Scheme::Http && !next.same_origin(&url) && !self.plain_allowed(&next) {
                let expected =
                    "an https address, or a host that may be asked without TLS (`--insecure-http`)";
                return Err(refused(&url, expected, format!("`{next}`")));
            }
            url = next;
        }
        Err(refused(first, "at most 8 redirects", "more".to_owned()))
    }

    fn once(
        &self,
        url: &Url,
        request: &Request<'_>,
        authorization: Option<&Secret>,
        secrets: &[(&str, Secret)],
    ) -> Result<Response, Error> {
        let agent = self.agent(url)?;
        let mut builder = http::Request::builder().method(request.method.as_str()).uri(url.expose());
        let headers = request.headers.iter().map(|(name, value)| (*name, value.as_ref()));
        let secrets = secrets.iter().map(|(name, value)| (*name, value.expose()));
        for (name, value) in headers.chain(secrets) {
            // What a header may hold is told here, so that the error names it.
            if http::HeaderName::from_bytes(name.as_bytes()).is_err()
                || http::HeaderValue::from_str(value).is_err()
            {
                return Err(Error::Header { subject: url.to_string(), name: name.to_owned() });
            }
            builder = builder.header(name, value);
        }
        if let Some(authorization) = authorization {
            builder = builder.header("authorization", authorization.expose());
        }
        let sent = match &request.body {
            Body::Empty if matches!(request.method, Method::Post | Method::Put | Method::Patch) => {
                builder.body(&[][..]).map(|built| agent.run(built))
            }
            Body::Empty => builder.body(()).map(|built| agent.run(built)),
            Body::Form(form) => builder
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form.expose())
                .map(|built| agent.run(built)),
            Body::Bytes(bytes) => builder.body(bytes.as_ref()).map(|built| agent.run(built)),
            Body::File(path) => {
                let bad = |source| Error::File { path: path.clone(), source };
                let file = File::open(path).map_err(bad)?;
                let length = file.metadata().map_err(bad)?.len();
                builder
                    .header("content-length", length)
                    .body(ureq::SendBody::from_owned_reader(file.take(length)))
                    .map(|built| agent.run(built))
            }
            Body::Stream(stream) => {
                let opened = (stream.open)().map_err(|source| connection(url, ureq::Error::Io(source)))?;
                let mut opened = opened.take(stream.length_bytes);
                builder
                    .header("content-length", stream.length_bytes)
                    .body(ureq::SendBody::from_reader(&mut opened))
                    .map(|built| agent.run(built))
            }
        };
        let response = sent
            .map_err(|error| connection(url, ureq::Error::from(error)))?
            .map_err(|error| connection(url, error))?;
        let (parts, body) = response.into_parts();
        Ok(Response {
            status: parts.status.as_u16(),
            headers: parts.headers,
            url: url.clone(),
            body: Box::new(Paced::new(body.into_reader(), self.options.stall_timeout)),
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
            // All headers together: one byte of them a minute is no sign of life.
            .timeout_recv_response(Some(options.stall_timeout))
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
        let tls = tls(&self.options)?;
        Ok(self.tls.get_or_init(|| tls).clone())
    }
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
fn connection(url: &Url, error: ureq::Error) -> Error {
    let failure = match &error {
        ureq::Error::Timeout(_) => ConnectionFailure::Timeout,
        ureq::Error::HostNotFound => ConnectionFailure::Name,
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => ConnectionFailure::Tls,
        ureq::Error::ConnectProxyFailed(_) => ConnectionFailure::Proxy,
        ureq::Error::Io(source) => of_io(source),
        _ => ConnectionFailure::Transport,
    };
    let complaint = match &error {
        ureq::Error::Rustls(error) => complaint(error),
        ureq::Error::Io(source) => {
            source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).and_then(complaint)
        }
        _ => None,
    };
    // Other errors might quote the address with its query.
    let source: Box<dyn std::error::Error + Send + Sync> = match error {
        ureq::Error::Io(source) => Box::new(source),
        ureq::Error::BadUri(_) => "the address could not be read".into(),
        other => Box::new(other),
    };
    match complaint {
        Some(found) => {
            Error::Certificate { subject: url.to_string(), host: url.host().to_owned(), found, source }
        }
        None => Error::Connection { subject: url.to_string(), failure, source },
    }
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
    fn an_untrusted_certificate_names_its_host_and_why() {
        let url = Url::parse("https://r.example:8443/v2/?token=secret").unwrap();
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let error = connection(&url, ureq::Error::Io(io::Error::other(unknown)));
        assert_eq!(
            error.to_string(),
            "cannot read `https://r.example:8443/v2/`: expected a trusted certificate of `r.example`, found one of an unknown authority"
        );
        assert!(error.hint().unwrap().contains("--ca-cert"));
        assert!(!may_pass(&error));
    }

    #[test]
    fn plain_addresses_need_no_certificates() {
        let options = Options { ca_certificates: vec!["/nowhere/ca.pem".into()], ..Options::default() };
        let client = Client::new(&options);
        assert!(client.agent(&Url::parse("http://127.0.0.1:1/").unwrap()).is_ok());
        assert!(client.agent(&Url::parse("https://127.0.0.1:1/").unwrap()).is_err());
    }
}
