//! What is looked at before a request is one of S3: who may ask at all, and how its body is read.
//!
//! With keys, signatures are checked behind this; here it is seen to that they cover what they must. Without keys nobody
//! has a secret to check, so a signature is taken off, whatever it is, and browsers are kept out: a page of some site must
//! not write into a store on the machine of who reads it.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body::{Body, Frame, SizeHint};

use crate::chunked::Chunked;
use crate::refusal::Refusal;
use crate::vault::MAX_PUT_BYTES;

/// Largest signed chunk, in bytes: it is held until its signature is checked.
const MAX_SIGNED_CHUNK_BYTES: u64 = 16 << 20;
/// Parts of a query that sign it.
const SIGNING: &[&str] = &[
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signedheaders",
    "x-amz-signature",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

/// The same of version 2.
const SIGNING_V2: &[&str] = &["AWSAccessKeyId", "Expires", "Signature"];

/// Checksums that came behind a body, once it is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trailers(pub(crate) Arc<Mutex<Vec<(String, String)>>>);

/// That nobody has compared the body with `x-amz-content-sha256`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unverified;

/// How requests are looked at.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    /// Whether there are no keys.
    pub(crate) is_open: bool,
    /// Names of this server, under which buckets are subdomains.
    pub(crate) domains: Vec<String>,
    /// Longest time that a body may stand still.
    pub(crate) idle: Duration,
}

impl Gate {
    /// # Errors
    /// With Amazon's code where it has one.
    pub(crate) fn admit<B>(&self, request: Request<B>) -> Result<Request<Intake<B>>, Refusal> {
        refuse_other_schemes(&request)?;
        if self.is_open {
            self.refuse_browsers(request.headers())?;
            self.admit_unsigned(request)
        } else {
            require_signed_headers(request.uri(), request.headers())?;
            let is_chunked = header(request.headers(), "x-amz-content-sha256")
                .is_some_and(|value| value.starts_with("STREAMING-"));
            let mode =
                if is_chunked { Mode::Watch(Chunked::new(MAX_SIGNED_CHUNK_BYTES)) } else { Mode::Pass };
            Ok(request.map(|body| Intake::new(body, mode, self.idle)))
        }
    }

    /// A page of another site can make a browser send requests here, also by a name of its own that leads here.
    fn refuse_browsers(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = header(headers, HOST.as_str()).unwrap_or_default();
        if !self.is_ours(host) {
            return Err(Refusal::denied(format!(
                "Without keys this server answers under names of its own machine alone, not `{}`",
                host.chars().take(100).collect::<String>()
            )));
        }
        let from_page =
            header(headers, "sec-fetch-site").is_some_and(|site| !matches!(site, "none" | "same-origin"));
        if headers.contains_key(ORIGIN) || from_page {
            return Err(Refusal::denied("Without keys this server does not answer pages of a browser"));
        }
        Ok(())
    }

    fn is_ours(&self, host: &str) -> bool {
        let name = host_name(host);
        if let Ok(address) = name.trim_matches(['[', ']']).parse::<IpAddr>() {
            return address.is_loopback();
        }
        ["localhost"]
            .into_iter()
            .chain(self.domains.iter().map(String::as_str))
            .any(|domain| name.eq_ignore_ascii_case(domain) || subdomain(name, domain).is_some())
    }

    fn admit_unsigned<B>(&self, request: Request<B>) -> Result<Request<Intake<B>>, Refusal> {
        let (mut parts, body) = request.into_parts();
        parts.headers.remove(AUTHORIZATION);
        parts.uri = without_signature(&parts.uri)?;
        let is_chunked = header(&parts.headers, "x-amz-content-sha256")
            .is_some_and(|value| value.starts_with("STREAMING-"))
            || header(&parts.headers, CONTENT_ENCODING.as_str())
                .is_some_and(|value| value.split(',').any(|coding| coding.trim() == "aws-chunked"));
        let mode = if is_chunked {
            let length = header(&parts.headers, "x-amz-decoded-content-length")
                .and_then(|text| text.parse::<u64>().ok())
                .ok_or_else(|| {
                    Refusal::new(
                        "MissingContentLength",
                        411,
                        "You must provide the x-amz-decoded-content-length header.",
                    )
                })?;
            parts.headers.remove(TRANSFER_ENCODING);
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            let trailers = Trailers::default();
            parts.extensions.insert(trailers.clone());
            Mode::Decode { chunked: Chunked::new(MAX_PUT_BYTES), length, trailers }
        } else {
            Mode::Pass
        };
        parts.extensions.insert(Unverified);
        Ok(Request::from_parts(parts, Intake::new(body, mode, self.idle)))
    }
}

pub(crate) fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A host without its port.
pub(crate) fn host_name(host: &str) -> &str {
    if host.starts_with('[') {
        return host.find(']').map_or(host, |end| &host[..=end]);
    }
    host.split(':').next().unwrap_or_default()
}

/// What stands before `.domain`.
pub(crate) fn subdomain<'n>(name: &'n str, domain: &str) -> Option<&'n str> {
    let length = name.len().checked_sub(domain.len() + 1)?;
    let (before, behind) = (name.get(..length)?, name.get(length..)?);
    let behind = behind.strip_prefix('.')?;
    (!before.is_empty() && behind.eq_ignore_ascii_case(domain)).then_some(before)
}

/// Version 2 of signatures is taken in presigned addresses alone, which tools still make; forms of browsers are not taken.
fn refuse_other_schemes<B>(request: &Request<B>) -> Result<(), Refusal> {
    if header(request.headers(), AUTHORIZATION.as_str()).is_some_and(|value| value.starts_with("AWS ")) {
        return Err(Refusal::request(
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        ));
    }
    let is_form = header(request.headers(), CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data"));
    if is_form && request.method() == Method::POST {
        return Err(Refusal::new("NotImplemented", 501, "Uploads by a browser's form are not implemented"));
    }
    Ok(())
}

fn query_pairs(uri: &Uri) -> Vec<(&str, &str)> {
    uri.query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect()
}

/// The same address without what signs it.
fn without_signature(uri: &Uri) -> Result<Uri, Refusal> {
    let Some(query) = uri.query() else { return Ok(uri.clone()) };
    let pairs = query_pairs(uri);
    let is_v2 = SIGNING_V2.iter().all(|signing| pairs.iter().any(|(name, _)| name == signing));
    let is_signing = |pair: &str| {
        let name = pair.split('=').next().unwrap_or_default();
        SIGNING.iter().any(|signing| name.eq_ignore_ascii_case(signing))
            || (is_v2 && SIGNING_V2.contains(&name))
    };
    let rest: Vec<&str> = query.split('&').filter(|pair| !is_signing(pair)).collect();
    let address =
        if rest.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), rest.join("&")) };
    address.parse().map_err(|_| Refusal::new("InvalidURI", 400, "Couldn't parse the specified URI."))
}

/// A signature covers the host and every header of Amazon's, or somebody could add one to a request that was seen.
///
/// Source: AWS General Reference, "Create a signed AWS API request", canonical headers.
fn require_signed_headers(uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let pairs = query_pairs(uri);
    let of_query = |name: &str| {
        pairs
            .iter()
            .find(|(other, _)| *other == name)
            .and_then(|(_, value)| crate::attributes::percent_decoded(value))
    };
    let (signed, scope) = match header(headers, AUTHORIZATION.as_str()) {
        Some(authorization) => {
            let field = |name: &str| {
                authorization
                    .split([',', ' '])
                    .find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
                    .map(str::to_owned)
            };
            if !authorization.starts_with("AWS4-HMAC-SHA256") {
                return Err(Refusal::request(
                    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
                ));
            }
            (field("SignedHeaders"), field("Credential"))
        }
        None if pairs.iter().any(|(name, _)| *name == "X-Amz-Signature") => {
            (of_query("X-Amz-SignedHeaders"), of_query("X-Amz-Credential"))
        }
        None => return Ok(()),
    };
    let malformed = || {
        Refusal::new(
            "AuthorizationHeaderMalformed",
            400,
            "The authorization header that you provided is not valid.",
        )
    };
    if !scope.ok_or_else(malformed)?.ends_with("/s3/aws4_request") {
        return Err(malformed());
    }
    let signed = signed.ok_or_else(malformed)?.to_ascii_lowercase();
    let signed: Vec<&str> = signed.split(';').collect();
    let needed = |name: &str| name == "host" || name.starts_with("x-amz-");
    let missing: Vec<&str> = std::iter::once("host")
        .chain(headers.keys().map(http::HeaderName::as_str))
        .filter(|name| needed(name) && !signed.contains(name))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Refusal::denied(format!(
            "There were headers present in the request which were not signed: {}",
            missing.join(", ")
        )))
    }
}

/// What is done with a body.
enum Mode {
    Pass,
    /// Its chunks are watched, and passed on as they are.
    Watch(Chunked),
    /// Its chunks are taken out.
    Decode {
        chunked: Chunked,
        length: u64,
        trailers: Trailers,
    },
}

/// A request's body, which must not stand still.
pub(crate) struct Intake<B> {
    body: B,
    mode: Mode,
    ready: VecDeque<Bytes>,
    has_ended: bool,
    idle: Duration,
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<B> Intake<B> {
    fn new(body: B, mode: Mode, idle: Duration) -> Intake<B> {
        Intake { body, mode, ready: VecDeque::new(), has_ended: false, idle, timer: None }
    }
}

impl<B> Intake<B> {
    fn take(&mut self, bytes: Bytes) -> Result<(), Refusal> {
        let malformed = |error: crate::chunked::Malformed| Refusal::request(error.to_string());
        match &mut self.mode {
            Mode::Pass => self.ready.push_back(bytes),
            Mode::Watch(chunked) => {
                chunked.feed(bytes.clone(), &mut |_| {}).map_err(malformed)?;
                self.ready.push_back(bytes);
            }
            Mode::Decode { chunked, .. } => {
                let ready = &mut self.ready;
                chunked.feed(bytes, &mut |bytes| ready.push_back(bytes)).map_err(malformed)?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Refusal> {
        self.has_ended = true;
        if let Mode::Decode { chunked, trailers, .. } = &mut self.mode {
            chunked.end().map_err(|_| Refusal::incomplete_body())?;
            let found = std::mem::take(&mut chunked.trailers);
            *trailers.0.lock().expect("nobody panics while holding it") = found;
        }
        Ok(())
    }
}

impl<B> Body for Intake<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Refusal;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Refusal>>> {
        let this = &mut *self;
        loop {
            if let Some(bytes) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if this.has_ended {
                return Poll::Ready(None);
            }
            match Pin::new(&mut this.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    this.timer = None;
                    if let Ok(bytes) = frame.into_data()
                        && let Err(refusal) = this.take(bytes)
                    {
                        this.has_ended = true;
                        return Poll::Ready(Some(Err(refusal)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    this.has_ended = true;
                    let refusal = Refusal { source: Some(error.into()), ..Refusal::incomplete_body() };
                    return Poll::Ready(Some(Err(refusal)));
                }
                Poll::Ready(None) => {
                    if let Err(refusal) = this.end() {
                        return Poll::Ready(Some(Err(refusal)));
                    }
                }
                Poll::Pending => {
                    let idle = this.idle;
                    let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
                    if std::future::Future::poll(timer.as_mut(), context).is_pending() {
                        return Poll::Pending;
                    }
                    this.has_ended = true;
                    return Poll::Ready(Some(Err(Refusal::new(
                        "RequestTimeout",
                        400,
                        "Your socket connection to the server was not read from or written to within the timeout period.",
                    ))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.mode {
            Mode::Decode { .. } => self.has_ended && self.ready.is_empty(),
            _ => self.ready.is_empty() && (self.has_ended || self.body.is_end_stream()),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.mode {
            Mode::Decode { length, .. } if self.ready.is_empty() && !self.has_ended => {
                SizeHint::with_exact(*length)
            }
            Mode::Decode { .. } => SizeHint::default(),
            _ if self.ready.is_empty() => self.body.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(is_open: bool) -> Gate {
        Gate { is_open, domains: vec!["s3.example".to_owned()], idle: Duration::from_mins(1) }
    }

    fn admit(
        is_open: bool,
        uri: &str,
        headers: &[(&str, &str)],
    ) -> Result<Request<Intake<()>>, &'static str> {
        let mut request = Request::builder().method("PUT").uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        gate(is_open).admit(request.body(()).unwrap()).map_err(|refusal| refusal.code)
    }

    #[test]
    fn without_keys_a_machine_answers_to_its_own_names() {
        for host in [
            "localhost",
            "localhost:9000",
            "LOCALHOST:1",
            "127.0.0.1:9000",
            "127.8.9.1",
            "[::1]:9000",
            "box.localhost:9000",
            "s3.example",
            "box.s3.example:80",
        ] {
            assert!(admit(true, "/box/a", &[("host", host)]).is_ok(), "{host}");
        }
        for host in
            ["", "evil.example:9000", "localhost.evil.example", "10.0.0.1", "notlocalhost", "s3.example.evil"]
        {
            assert_eq!(admit(true, "/box/a", &[("host", host)]).err(), Some("AccessDenied"), "{host}");
        }
        for (name, value) in
            [("origin", "http://localhost:3000"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
        {
            let found = admit(true, "/box/a", &[("host", "localhost"), (name, value)]).err();
            assert_eq!(found, Some("AccessDenied"), "{name}");
        }
    }

    #[test]
    fn without_keys_signatures_are_taken_off() {
        let request = admit(
            true,
            "/box/a%20b?partNumber=1&X-Amz-Signature=abc&X-Amz-Credential=x%2Fy&uploadId=7",
            &[("host", "localhost"), ("authorization", "AWS4-HMAC-SHA256 Credential=any")],
        )
        .unwrap();
        assert_eq!(request.uri(), "/box/a%20b?partNumber=1&uploadId=7");
        let old = admit(true, "/box/a?AWSAccessKeyId=a&Signature=b%3D&Expires=1", &[("host", "localhost")])
            .unwrap();
        assert_eq!(old.uri(), "/box/a");
        assert!(!request.headers().contains_key(AUTHORIZATION));
    }

    #[test]
    fn a_signature_covers_the_host_and_every_header_of_amazons() {
        let signed = |headers: &str| {
            format!(
                "AWS4-HMAC-SHA256 Credential=AK/20261122/us-east-1/s3/aws4_request, SignedHeaders={headers}, Signature=0"
            )
        };
        let all = signed("host;x-amz-date");
        let few = signed("host");
        let no_host = signed("x-amz-date");
        let sts = all.replace("/s3/", "/sts/");
        for (authorization, expected) in [
            (all.as_str(), None),
            (&few, Some("AccessDenied")),
            (&no_host, Some("AccessDenied")),
            (&sts, Some("AuthorizationHeaderMalformed")),
            ("AWS4-HMAC-SHA256 nonsense", Some("AuthorizationHeaderMalformed")),
            ("AWS AK:sig", Some("InvalidRequest")),
            ("Bearer x", Some("InvalidRequest")),
        ] {
            let headers = [("host", "s3.example"), ("x-amz-date", "1"), ("authorization", authorization)];
            assert_eq!(admit(false, "/box/a", &headers).err(), expected, "{authorization}");
        }
        let uri = "/a?X-Amz-Credential=AK%2F20261122%2Fr%2Fs3%2Faws4_request&X-Amz-SignedHeaders=host&X-Amz-Signature=0";
        assert!(admit(false, uri, &[("host", "h")]).is_ok());
        let copy = [("host", "h"), ("x-amz-copy-source", "/other/secret")];
        assert_eq!(admit(false, uri, &copy).err(), Some("AccessDenied"));
    }

    #[test]
    fn subdomains_are_buckets() {
        assert_eq!(subdomain("box.s3.example", "S3.Example"), Some("box"));
        assert_eq!(subdomain("a.b.s3.example", "s3.example"), Some("a.b"));
        assert_eq!(subdomain("s3.example", "s3.example"), None);
        assert_eq!(subdomain("boxs3.example", "s3.example"), None);
        assert_eq!(host_name("[::1]:80"), "[::1]");
    }
}
