//! Reading an object: conditions, ranges, parts, and what is said of it.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http::HeaderMap;
use s3s::S3Error;
use s3s::dto::{self, ETagCondition, Timestamp, TimestampFormat};
use s3s::stream::{ByteStream, RemainingLength};

use crate::fields::e_tag;
use crate::refusal::Refusal;
use crate::vault::{Body, Found};

/// Seconds alone, as HTTP has times.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(crate) fn timestamp_seconds(time: &Timestamp) -> u64 {
    let mut text = Vec::new();
    let written = time.format(TimestampFormat::EpochSeconds, &mut text);
    let text = String::from_utf8(text).ok().filter(|_| written.is_ok());
    text.and_then(|text| text.split('.').next()?.parse().ok()).unwrap_or(0)
}

/// What a reader wants to hold of an object.
#[derive(Clone, Copy, Default)]
pub(crate) struct Preconditions<'c> {
    pub(crate) matches: Option<&'c ETagCondition>,
    pub(crate) none_matches: Option<&'c ETagCondition>,
    pub(crate) modified_since: Option<&'c Timestamp>,
    pub(crate) unmodified_since: Option<&'c Timestamp>,
}

impl Preconditions<'_> {
    /// In the order of RFC 9110, 13.2.2. `unmodified` is what is said where the object is as it was.
    pub(crate) fn check(self, found: &Found, unmodified: fn() -> Refusal) -> Result<(), Refusal> {
        let fits = |condition: &ETagCondition| {
            condition.as_etag().is_none_or(|tag| tag.value() == found.attributes.e_tag)
        };
        let modified = seconds(found.modified);
        match (self.matches, self.unmodified_since) {
            (Some(condition), _) if !fits(condition) => return Err(Refusal::precondition()),
            (None, Some(time)) if modified > timestamp_seconds(time) => return Err(Refusal::precondition()),
            _ => {}
        }
        match (self.none_matches, self.modified_since) {
            (Some(condition), _) if fits(condition) => Err(unmodified()),
            (None, Some(time)) if modified <= timestamp_seconds(time) => Err(unmodified()),
            _ => Ok(()),
        }
    }
}

/// What of an object is asked for.
pub(crate) struct View {
    pub(crate) range: Option<Range<u64>>,
    pub(crate) parts: Option<i32>,
}

pub(crate) fn view(found: &Found, range: Option<dto::Range>, part: Option<i32>) -> Result<View, Refusal> {
    let bytes = found.bytes;
    if range.is_some() && part.is_some() {
        return Err(Refusal::request("Cannot specify both Range header and partNumber query parameter"));
    }
    if let Some(range) = range {
        let (first, end) = match range {
            dto::Range::Int { first, last } => {
                (first, last.map_or(bytes, |last| bytes.min(last.saturating_add(1))))
            }
            dto::Range::Suffix { length } => (bytes - length.min(bytes), bytes),
        };
        if first >= end {
            return Err(Refusal::bad_range());
        }
        return Ok(View { range: Some(first..end), parts: None });
    }
    let Some(part) = part else { return Ok(View { range: None, parts: None }) };
    let parts = &found.attributes.parts;
    let mut at = 0;
    if parts.is_empty() && part == 1 {
        return Ok(View { range: (bytes > 0).then_some(0..bytes), parts: None });
    }
    for (number, size) in parts.iter().enumerate() {
        if usize::try_from(part).is_ok_and(|part| part == number + 1) {
            let count = i32::try_from(parts.len()).ok();
            return Ok(View { range: (size.bytes > 0).then_some(at..at + size.bytes), parts: count });
        }
        at += size.bytes;
    }
    Err(Refusal::new("InvalidPartNumber", 416, "The requested partnumber is not satisfiable"))
}

pub(crate) fn length(bytes: u64) -> Option<i64> {
    i64::try_from(bytes).ok()
}

/// What a reader is shown of an object that is there: the fields of a request that GET and HEAD share.
macro_rules! viewed {
    ($found:expr, $input:expr) => {{
        let found: &Found = $found;
        let preconditions = Preconditions {
            matches: $input.if_match.as_ref(),
            none_matches: $input.if_none_match.as_ref(),
            modified_since: $input.if_modified_since.as_ref(),
            unmodified_since: $input.if_unmodified_since.as_ref(),
        };
        preconditions
            .check(found, Refusal::not_modified)
            .and_then(|()| view(found, $input.range, $input.part_number))
            .map_err(|refusal| read_error(refusal, found))
    }};
}

/// The fields that answers to GET and HEAD share.
macro_rules! describe {
    ($output:expr, $found:expr, $view:expr, $input:expr) => {{
        let (output, found, view): (&mut _, &Found, &View) = (&mut $output, $found, $view);
        let attributes = &found.attributes;
        let headers = &attributes.headers;
        output.accept_ranges = Some("bytes".to_owned());
        output.content_length =
            length(view.range.as_ref().map_or(found.bytes, |range| range.end - range.start));
        output.content_range = view
            .range
            .as_ref()
            .map(|range| format!("bytes {}-{}/{}", range.start, range.end - 1, found.bytes));
        output.content_type =
            Some(headers.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned()));
        output.cache_control.clone_from(&headers.cache_control);
        output.content_disposition.clone_from(&headers.content_disposition);
        output.content_encoding.clone_from(&headers.content_encoding);
        output.content_language.clone_from(&headers.content_language);
        output.expires = headers
            .expires
            .as_deref()
            .and_then(|text| Timestamp::parse(TimestampFormat::HttpDate, text).ok());
        output.metadata = (!headers.metadata.is_empty())
            .then(|| headers.metadata.iter().map(|(name, value)| (name.clone(), value.clone())).collect());
        output.e_tag = Some(e_tag(&attributes.e_tag));
        output.last_modified = Some(found.modified.into());
        output.parts_count = view.parts;
        let asks =
            $input.checksum_mode.as_ref().is_some_and(|mode| mode.as_str().eq_ignore_ascii_case("enabled"));
        if asks && view.range.as_ref().is_none_or(|range| *range == (0..found.bytes)) {
            set_checksums!(output, attributes);
            output.checksum_type = checksum_type(attributes);
        }
    }};
}

/// A refusal to a reader bears the entity tag where the object is as it was.
pub(crate) fn read_error(refusal: Refusal, found: &Found) -> S3Error {
    let is_unmodified = refusal.status == 304;
    let out_of_range = refusal.status == 416;
    let mut error = S3Error::from(refusal);
    let mut headers = HeaderMap::new();
    if is_unmodified && let Ok(value) = e_tag(&found.attributes.e_tag).to_http_header() {
        headers.insert(http::header::ETAG, value);
    }
    if out_of_range && let Ok(value) = format!("bytes */{}", found.bytes).parse() {
        headers.insert(http::header::CONTENT_RANGE, value);
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/xml"));
    }
    if !headers.is_empty() {
        error.set_headers(headers);
    }
    error
}

/// Bytes of a known length, which the framework wants to be sharable between threads, though one polls them at a time.
pub(crate) struct Sized {
    pub(crate) body: Mutex<Body>,
    pub(crate) left: usize,
}

impl Stream for Sized {
    type Item = Result<Bytes, s3s::StdError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.body.get_mut().expect("nobody panics while holding it").poll_next_unpin(context);
        if let Poll::Ready(Some(Ok(bytes))) = &next {
            self.left = self.left.saturating_sub(bytes.len());
        }
        next.map(|next| next.map(|bytes| bytes.map_err(Into::into)))
    }
}

impl ByteStream for Sized {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::new_exact(self.left)
    }
}
