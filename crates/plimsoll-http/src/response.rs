//! What is answered.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use ureq::http::HeaderMap;

use crate::{Url, read_up_to};

/// The most bytes of an error's body that are looked at for its message.
const MAX_MESSAGE_BYTES: u64 = 16 << 10;
/// How long is waited for a message, but for its last bytes.
const MAX_MESSAGE_WAIT: Duration = Duration::from_secs(10);
/// The most characters of a message that are told.
const MAX_MESSAGE_CHARS: usize = 200;

/// An answer, of any status but that of a followed redirect.
pub struct Response {
    /// The status.
    pub status: u16,
    /// Where it came from, behind all redirects.
    pub url: Url,
    /// The body, as it comes. It ends with an error where it is cut short of its announced length.
    pub body: Box<dyn Read + Send>,
    pub(crate) headers: HeaderMap,
}

impl Response {
    /// The first header of that name that is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// All headers of that name that are text.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    /// The media type, lower case and without parameters; empty where none is given.
    pub fn media_type(&self) -> String {
        let whole = self.header("content-type").unwrap_or_default();
        whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Whether it is a page for people, as login portals give.
    pub fn is_web_page(&self) -> bool {
        matches!(self.media_type().as_str(), "text/html" | "application/xhtml+xml")
    }

    /// The announced length of the body, in bytes.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length").and_then(|text| text.trim().parse().ok())
    }

    /// The first byte of `Content-Range: bytes 10-99/100`.
    pub fn range_start(&self) -> Option<u64> {
        self.header("content-range").and_then(range_start)
    }

    /// Status and the other side's own message, for an error: `status 404`, and behind it `MANIFEST_UNKNOWN: manifest
    /// unknown`. Reads from the body.
    pub fn describe(&mut self) -> String {
        // A message that breaks off is none.
        let body = Brief { body: &mut self.body, start: Instant::now() };
        let body = read_up_to(body, MAX_MESSAGE_BYTES).unwrap_or_default();
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

/// A body that is not worth a long wait.
struct Brief<'a> {
    body: &'a mut dyn Read,
    start: Instant,
}

impl Read for Brief<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start.elapsed() > MAX_MESSAGE_WAIT {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.body.read(buffer)
    }
}

/// Source: RFC 9110, 14.4.
pub(crate) fn range_start(text: &str) -> Option<u64> {
    text.trim().strip_prefix("bytes")?.trim_start().split('-').next()?.parse().ok()
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

/// Foreign text, made short enough for an error and free of control characters.
fn clip(text: &str) -> String {
    text.chars().take(MAX_MESSAGE_CHARS).flat_map(char::escape_debug).collect()
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
    fn a_range_begins_at_its_first_number() {
        assert_eq!(range_start("bytes 10-99/100"), Some(10));
        assert_eq!(range_start("bytes 0-0/*"), Some(0));
        for bad in ["", "bytes", "bytes */100", "items 1-2/3", "bytes -1-2/3"] {
            assert_eq!(range_start(bad), None, "{bad}");
        }
    }
}
