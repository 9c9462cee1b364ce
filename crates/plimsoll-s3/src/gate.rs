//! What is looked at before a request is one of S3: who may ask at all, and how its body is read.
//!
//! With keys, signatures are checked behind this; here it is seen to that they cover what they must. Without keys nobody
//! has a secret to check, so a signature is taken off, whatever it is, and browsers are kept out: a page of some site must
//! not write into a store on the machine of who reads it.

use std::net::IpAddr;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request};

use crate::chunked::Chunked;
use crate::digest::{Algorithm, parse_content_md5};
use crate::intake::{Comparison, Intake, Mode, Trailers};
use crate::refusal::Refusal;
use crate::signed::{is_streaming, query_name, require_signed_headers, says_chunks, without_signature};
use crate::vault::{Expected, MAX_PUT_BYTES};

/// Largest signed chunk, in bytes: it is held until its signature is checked.
const MAX_SIGNED_CHUNK_BYTES: u64 = 16 << 20;
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
            let is_chunked = is_streaming(request.headers());
            if says_chunks(request.headers()) && !is_chunked {
                return Err(Refusal::request(
                    "The body is aws-chunked, but x-amz-content-sha256 is not one of STREAMING-",
                ));
            }
            let mode = if is_chunked {
                Mode::Watch(Chunked::new(MAX_SIGNED_CHUNK_BYTES))
            } else {
                compared(&request, false)?
            };
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
        let mode = compared(&request, true)?;
        let (mut parts, body) = request.into_parts();
        parts.headers.remove(AUTHORIZATION);
        parts.uri = without_signature(&parts.uri)?;
        let is_chunked = is_streaming(&parts.headers) || says_chunks(&parts.headers);
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
            mode
        };
        parts.extensions.insert(Unverified);
        Ok(Request::from_parts(parts, Intake::new(body, mode, self.idle)))
    }
}

/// How a body is read that is no object's: the framework gives it away as what it says, and its digests with it.
/// With `is_unverified` nobody has compared it with `x-amz-content-sha256`.
fn compared<B>(request: &Request<B>, is_unverified: bool) -> Result<Mode, Refusal> {
    let names = || request.uri().query().unwrap_or_default().split('&').map(query_name);
    let is_posted = request.method() == Method::POST;
    // Of these alone the checksums are of the body; those of a completion are of the object.
    let has_checksums = names().any(|name| (is_posted && name == "delete") || name == "tagging");
    if !is_posted && !has_checksums {
        return Ok(Mode::Pass);
    }
    let headers = request.headers();
    let of = |algorithm: Algorithm| Some((algorithm, header(headers, algorithm.header())?.to_owned()));
    let expected = Expected {
        md5: header(headers, "content-md5").map(parse_content_md5).transpose()?,
        content_sha256: header(headers, "x-amz-content-sha256")
            .filter(|value| is_unverified && value.len() == 64)
            .map(str::to_owned),
        checksums: Algorithm::ALL.into_iter().filter(|_| has_checksums).filter_map(of).collect(),
        ..Expected::default()
    };
    let says_something =
        expected.md5.is_some() || expected.content_sha256.is_some() || !expected.checksums.is_empty();
    Ok(if says_something { Mode::Compare(Box::new(Comparison::new(expected))) } else { Mode::Pass })
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
            "/box/a%20b?partNumber=1&X-Amz-Signatur%65=abc&X-Amz-Credential=x%2Fy&uploadId=7",
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
    }

    #[test]
    fn nothing_is_added_to_an_address_that_was_handed_out() {
        let scope = "X-Amz-Credential=AK%2F20261122%2Fr%2Fs3%2Faws4_request";
        let uri = format!("/a?{scope}&X-Amz-SignedHeaders=host&X-Amz-Expires=60&X-Amz-Signature=0");
        let host = ("host", "h");
        let copy = ("x-amz-copy-source", "/other/secret");
        assert!(admit(false, &uri, &[host]).is_ok());
        assert_eq!(admit(false, &uri, &[host, copy]).err(), Some("AccessDenied"));
        // Neither where its parts have their names in another spelling,
        let spelled = uri.replace("X-Amz-Signature", "X-Amz-Signatur%65").replace("Headers", "H%65aders");
        assert!(admit(false, &spelled, &[host]).is_ok());
        assert_eq!(admit(false, &spelled, &[host, copy]).err(), Some("AccessDenied"));
        // nor beside a header that says to cover it,
        let covers = "AWS4-HMAC-SHA256 Credential=AK/20261122/r/s3/aws4_request, SignedHeaders=host;x-amz-copy-source, Signature=0";
        let header = ("authorization", covers);
        assert_eq!(admit(false, &uri, &[host, copy, header]).err(), Some("InvalidArgument"));
        assert_eq!(admit(false, &spelled, &[host, copy, header]).err(), Some("InvalidArgument"));
        // nor twice.
        for double in ["&X-Amz-SignedHeaders=host%3Bx-amz-copy-source", "&X-Amz-Signed%48eaders=host"] {
            let found = admit(false, &format!("{uri}{double}"), &[host, copy]).err();
            assert_eq!(found, Some("AuthorizationHeaderMalformed"), "{double}");
        }
        for (uri, expected) in [
            (uri.replace("=60", "=604801"), "AuthorizationQueryParametersError"),
            (uri.replace("=60", "=soon"), "AuthorizationQueryParametersError"),
            (format!("{uri}&Signature=0"), "InvalidArgument"),
            (format!("{uri}&%zz"), "InvalidURI"),
            ("/a?AWSAccessKeyId=a&Expires=1&Signature=b&tagging&tagging".to_owned(), "InvalidArgument"),
        ] {
            assert_eq!(admit(false, &uri, &[host]).err(), Some(expected), "{uri}");
        }
        let chunks = ("content-encoding", "aws-chunked");
        assert_eq!(admit(false, &uri, &[host, chunks]).err(), Some("InvalidRequest"));
        let old = "/a?AWSAccessKeyId=a&Expires=1&Signature=b";
        assert!(admit(false, old, &[host]).is_ok());
        assert_eq!(admit(false, old, &[host, chunks]).err(), Some("NotImplemented"));
    }

    #[test]
    fn what_is_no_text_is_not_covered() {
        let request = Request::builder()
            .method("PUT")
            .uri("/box/a")
            .header("host", "h")
            .header("x-amz-copy-source", HeaderValue::from_bytes(b"/other/\xff").unwrap())
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AK/20261122/r/s3/aws4_request, SignedHeaders=host;x-amz-copy-source, Signature=0",
            );
        let found = gate(false).admit(request.body(()).unwrap()).err().map(|refusal| refusal.code);
        assert_eq!(found, Some("AccessDenied"));
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
