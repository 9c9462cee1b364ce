//! What a signature must cover, and how it is taken off.

use http::header::{AUTHORIZATION, CONTENT_ENCODING};
use http::{HeaderMap, Uri};

use crate::attributes::percent_decoded;
use crate::gate::header;
use crate::refusal::Refusal;

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
/// Longest that an address may be signed for, in seconds: a week.
///
/// Source: Amazon S3 API Reference, "Authenticating requests: using query parameters".
const MAX_EXPIRES_SECONDS: u64 = 604_800;

/// A part of a query as the framework reads it: names can be written in many ways, and mean the same.
fn decoded(text: &str) -> Option<String> {
    percent_decoded(&text.replace('+', " "))
}

fn pairs(uri: &Uri) -> impl Iterator<Item = &str> {
    uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty())
}

fn name_and_value(pair: &str) -> (&str, &str) {
    pair.split_once('=').unwrap_or((pair, ""))
}

/// The decoded name of a part of a query; as it is, if it cannot be decoded.
pub(crate) fn query_name(pair: &str) -> String {
    let (name, _) = name_and_value(pair);
    decoded(name).unwrap_or_else(|| name.to_owned())
}

/// The same address without what signs it.
pub(crate) fn without_signature(uri: &Uri) -> Result<Uri, Refusal> {
    if uri.query().is_none() {
        return Ok(uri.clone());
    }
    let named: Vec<(String, &str)> = pairs(uri).map(|pair| (query_name(pair), pair)).collect();
    let is_v2 = SIGNING_V2.iter().all(|signing| named.iter().any(|(name, _)| name == signing));
    let is_signing = |name: &str| {
        SIGNING.iter().any(|signing| name.eq_ignore_ascii_case(signing))
            || (is_v2 && SIGNING_V2.contains(&name))
    };
    let rest: Vec<&str> = named.iter().filter(|(name, _)| !is_signing(name)).map(|(_, pair)| *pair).collect();
    let address =
        if rest.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), rest.join("&")) };
    address.parse().map_err(|_| Refusal::new("InvalidURI", 400, "Couldn't parse the specified URI."))
}

/// There is one signature, and it covers the host and every header of Amazon's, or somebody could add one to a request that
/// was seen, or to an address that was handed out.
///
/// Source: AWS General Reference, "Create a signed AWS API request", canonical headers.
pub(crate) fn require_signed_headers(uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let query = decoded_query(uri)?;
    let has = |wanted: &str| query.iter().any(|(name, _)| name == wanted);
    let of_query = |wanted: &str| {
        let mut values = query.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value);
        values.next().filter(|_| values.next().is_none()).cloned()
    };
    let (is_v4, is_v2) = (has("X-Amz-Signature") || has("X-Amz-Algorithm"), has("Signature"));
    let authorizations = headers.get_all(AUTHORIZATION).iter().count();
    if authorizations + usize::from(is_v4) + usize::from(is_v2) > 1 {
        return Err(Refusal::argument(
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
        ));
    }
    let (signed, scope) = if authorizations == 1 {
        let authorization = header(headers, AUTHORIZATION.as_str()).ok_or_else(malformed)?;
        if !authorization.starts_with("AWS4-HMAC-SHA256") {
            return Err(Refusal::request(
                "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
            ));
        }
        let field = |name: &str| {
            authorization
                .split([',', ' '])
                .find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
                .map(str::to_owned)
        };
        (field("SignedHeaders"), field("Credential"))
    } else if is_v4 {
        let expires = of_query("X-Amz-Expires").and_then(|text| text.parse::<u64>().ok());
        if expires.is_none_or(|seconds| seconds > MAX_EXPIRES_SECONDS) {
            return Err(Refusal::new(
                "AuthorizationQueryParametersError",
                400,
                "X-Amz-Expires must be a number of seconds, and less than a week",
            ));
        }
        (of_query("X-Amz-SignedHeaders"), of_query("X-Amz-Credential"))
    } else if is_v2 {
        return check_v2(&query, headers);
    } else {
        return Ok(());
    };
    if !scope.ok_or_else(malformed)?.ends_with("/s3/aws4_request") {
        return Err(malformed());
    }
    let signed = signed.ok_or_else(malformed)?.to_ascii_lowercase();
    let signed: Vec<&str> = signed.split(';').collect();
    let needed = |name: &str| name == "host" || name.starts_with("x-amz-");
    // What is no text is left out of what is signed, whatever the list says.
    let is_covered = |name: &str| signed.contains(&name) && headers.get_all(name).iter().all(is_text);
    let missing: Vec<&str> = std::iter::once("host")
        .chain(headers.keys().map(http::HeaderName::as_str))
        .filter(|name| needed(name) && !is_covered(name))
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

fn is_text(value: &http::HeaderValue) -> bool {
    std::str::from_utf8(value.as_bytes()).is_ok()
}

fn malformed() -> Refusal {
    Refusal::new(
        "AuthorizationHeaderMalformed",
        400,
        "The authorization header that you provided is not valid.",
    )
}

fn decoded_query(uri: &Uri) -> Result<Vec<(String, String)>, Refusal> {
    pairs(uri)
        .map(|pair| {
            let (name, value) = name_and_value(pair);
            Some((decoded(name)?, decoded(value)?))
        })
        .collect::<Option<_>>()
        .ok_or_else(|| Refusal::new("InvalidURI", 400, "Couldn't parse the specified URI."))
}

/// Version 2 covers every header of Amazon's by itself; of the query it covers what stands there once. Its signature says
/// nothing of chunks, so there can be none.
fn check_v2(query: &[(String, String)], headers: &HeaderMap) -> Result<(), Refusal> {
    let is_twice = |(number, (name, _)): (usize, &(String, String))| {
        query[..number].iter().any(|(other, _)| other == name)
    };
    if query.iter().enumerate().any(is_twice) {
        return Err(Refusal::argument("A parameter of the query stands there twice"));
    }
    if is_streaming(headers) || says_chunks(headers) {
        return Err(Refusal::new(
            "NotImplemented",
            501,
            "Chunks under a signature of version 2 are not implemented",
        ));
    }
    Ok(())
}

/// Whether the body is said to be chunks, by the header that is signed.
pub(crate) fn is_streaming(headers: &HeaderMap) -> bool {
    header(headers, "x-amz-content-sha256").is_some_and(|value| value.starts_with("STREAMING-"))
}

/// Whether the body is said to be chunks, by its encoding.
pub(crate) fn says_chunks(headers: &HeaderMap) -> bool {
    header(headers, CONTENT_ENCODING.as_str())
        .is_some_and(|value| value.split(',').any(|coding| coding.trim() == "aws-chunked"))
}
