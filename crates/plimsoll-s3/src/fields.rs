//! What the fields of a request say, and how those of an answer are filled.

use futures::StreamExt as _;
use s3s::S3Request;
use s3s::dto::{self, ETagCondition, StreamingBlob, Timestamp, TimestampFormat};

use crate::attributes::Attributes;
use crate::digest::{Algorithm, parse_content_md5};
use crate::gate::{Unverified, header};
use crate::intake::Trailers;
use crate::refusal::Refusal;
use crate::signed::{is_streaming, says_chunks};
use crate::vault::{Body, Condition, Expected};

/// What reading a body said. The framework's own errors have no names to tell them by but their text.
pub(crate) fn body_refusal(error: s3s::StdError) -> Refusal {
    match error.downcast::<Refusal>() {
        Ok(refusal) => *refusal,
        Err(error) => {
            let text = error.to_string();
            let has = |part: &str| text.contains(part);
            let refusal = if has("SignatureMismatch") {
                Refusal::new(
                    "SignatureDoesNotMatch",
                    403,
                    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
                )
            } else if has("Sha256Mismatch") {
                Refusal::other_content()
            } else if has("RequestTimeout") {
                Refusal::new("RequestTimeout", 400, "The request's body stood still for too long.")
            } else if has("FormatError") || has("TooLarge") || has("TooMany") || has("InvalidRequest") {
                Refusal::request("The body is not framed as aws-chunked")
            } else {
                Refusal::incomplete_body()
            };
            Refusal { source: Some(error), ..refusal }
        }
    }
}

pub(crate) fn body(blob: Option<StreamingBlob>) -> Body {
    match blob {
        Some(blob) => blob.map(|bytes| bytes.map_err(body_refusal)).boxed(),
        None => futures::stream::empty().boxed(),
    }
}

/// The checksums that an input has fields for.
macro_rules! checksums {
    ($input:expr) => {
        [
            (Algorithm::Crc32, $input.checksum_crc32.take()),
            (Algorithm::Crc32c, $input.checksum_crc32c.take()),
            (Algorithm::Crc64Nvme, $input.checksum_crc64nvme.take()),
            (Algorithm::Sha1, $input.checksum_sha1.take()),
            (Algorithm::Sha256, $input.checksum_sha256.take()),
        ]
        .into_iter()
        .filter_map(|(algorithm, text)| Some((algorithm, text?)))
        .collect::<Vec<_>>()
    };
}

/// Fills the fields that an output has for checksums.
macro_rules! set_checksums {
    ($output:expr, $attributes:expr) => {{
        let attributes = $attributes;
        let of = |algorithm| attributes.checksum(algorithm).map(str::to_owned);
        $output.checksum_crc32 = of(Algorithm::Crc32);
        $output.checksum_crc32c = of(Algorithm::Crc32c);
        $output.checksum_crc64nvme = of(Algorithm::Crc64Nvme);
        $output.checksum_sha1 = of(Algorithm::Sha1);
        $output.checksum_sha256 = of(Algorithm::Sha256);
    }};
}

pub(crate) fn checksum_type(attributes: &Attributes) -> Option<dto::ChecksumType> {
    let kind =
        if attributes.composite { dto::ChecksumType::COMPOSITE } else { dto::ChecksumType::FULL_OBJECT };
    (!attributes.checksums.is_empty()).then(|| dto::ChecksumType::from_static(kind))
}

pub(crate) fn e_tag(text: &str) -> dto::ETag {
    dto::ETag::Strong(text.to_owned())
}

pub(crate) fn owner() -> dto::Owner {
    dto::Owner { display_name: None, id: Some(crate::protocol::OWNER.to_owned()) }
}

pub(crate) fn algorithm(name: Option<&dto::ChecksumAlgorithm>) -> Result<Option<Algorithm>, Refusal> {
    let Some(name) = name else { return Ok(None) };
    match Algorithm::named(name.as_str()) {
        Some(algorithm) => Ok(Some(algorithm)),
        None => Err(Refusal::request("Checksum algorithm provided is unsupported.")),
    }
}

/// What a body must be, of what the headers say and what follows it.
pub(crate) fn expected<T>(
    request: &S3Request<T>,
    bytes: Option<i64>,
    content_md5: Option<&str>,
    checksums: Vec<(Algorithm, String)>,
    named: Option<&dto::ChecksumAlgorithm>,
) -> Result<Expected, Refusal> {
    if checksums.len() > 1 {
        return Err(Refusal::request(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        ));
    }
    for (algorithm, text) in &checksums {
        algorithm.decode(text)?;
    }
    let mut wanted: Vec<Algorithm> = algorithm(named)?.into_iter().collect();
    let announced = header(&request.headers, "x-amz-trailer").unwrap_or_default();
    let announced: Vec<Algorithm> =
        announced.split(',').filter_map(|name| Algorithm::of_header(name.trim())).collect();
    wanted.extend(&announced);
    let is_chunked = is_streaming(&request.headers) || says_chunks(&request.headers);
    let decoded = header(&request.headers, "x-amz-decoded-content-length").filter(|_| is_chunked);
    // Without a length nobody could tell a body that was cut off from a whole one.
    let bytes =
        bytes.and_then(|bytes| u64::try_from(bytes).ok()).or_else(|| decoded?.parse().ok()).ok_or_else(
            || Refusal::new("MissingContentLength", 411, "You must provide the Content-Length HTTP header."),
        )?;
    let unverified = request.extensions.get::<Unverified>().is_some();
    let content_sha256 = header(&request.headers, "x-amz-content-sha256")
        .filter(|value| unverified && value.len() == 64)
        .map(str::to_owned);
    let of_framework = request.trailing_headers.clone();
    let of_gate = request.extensions.get::<Trailers>().cloned();
    let trailing = move || -> Vec<(Algorithm, String)> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        if let Some(headers) = of_framework.and_then(|headers| headers.take()) {
            pairs.extend(headers.iter().filter_map(|(name, value)| {
                Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
            }));
        }
        if let Some(trailers) = of_gate {
            pairs.append(&mut trailers.0.lock().expect("nobody panics while holding it"));
        }
        pairs.into_iter().filter_map(|(name, value)| Some((Algorithm::of_header(&name)?, value))).collect()
    };
    Ok(Expected {
        bytes: Some(bytes),
        md5: content_md5.map(parse_content_md5).transpose()?,
        content_sha256,
        checksums,
        wanted,
        announced,
        trailing: Some(Box::new(trailing)),
    })
}

/// The headers of an input that are given back later.
macro_rules! headers {
    ($input:expr) => {{
        let headers = Headers {
            content_type: $input.content_type.take(),
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take().and_then(|text| without_chunks(&text)),
            content_language: $input.content_language.take(),
            expires: $input.expires.take().as_ref().and_then(http_date),
            metadata: $input.metadata.take().unwrap_or_default().into_iter().collect(),
        };
        headers.check().map(|()| headers)
    }};
}

/// `aws-chunked` is how the body came, and nothing that is kept.
pub(crate) fn without_chunks(encoding: &str) -> Option<String> {
    let rest: Vec<&str> = encoding
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty() && *part != "aws-chunked")
        .collect();
    (!rest.is_empty()).then(|| rest.join(","))
}

pub(crate) fn http_date(time: &Timestamp) -> Option<String> {
    let mut text = Vec::new();
    time.format(TimestampFormat::HttpDate, &mut text).ok()?;
    String::from_utf8(text).ok()
}

pub(crate) fn condition(
    matches: Option<&ETagCondition>,
    none_matches: Option<&ETagCondition>,
) -> Result<Condition, Refusal> {
    let is_new = match none_matches {
        None => false,
        Some(condition) if condition.is_any() => true,
        Some(_) => {
            return Err(Refusal::new(
                "NotImplemented",
                501,
                "A header you provided implies functionality that is not implemented: If-None-Match with another value than *",
            ));
        }
    };
    let matches = matches.map(|condition| match condition.as_etag() {
        Some(tag) => tag.value().to_owned(),
        None => "*".to_owned(),
    });
    Ok(Condition { matches, is_new, size: None })
}

/// Features of S3 that a store cannot keep its word on.
macro_rules! refuse_unkept {
    ($input:expr, $($field:ident => $header:literal),+ $(,)?) => {
        $(if $input.$field.is_some() {
            return Err(Refusal::new(
                "NotImplemented",
                501,
                concat!("A header you provided implies functionality that is not implemented: ", $header),
            )
            .into());
        })+
    };
}

pub(crate) fn refuse_version(version: Option<&String>) -> Result<(), Refusal> {
    match version.map(String::as_str) {
        None | Some("null") => Ok(()),
        Some(_) => Err(Refusal::argument("Invalid version id specified")),
    }
}
