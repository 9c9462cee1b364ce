//! Blobs written to a repository: a place is asked for, and the bytes are put there in one go.
//!
//! Source: OCI distribution-spec 1.1, "POST then PUT" and "Mounting a blob from another repository".

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use plimsoll_http::{
    ConnectionFailure, Error as HttpError, Method, Request, Response, Scheme, Stream, Url, encode,
};
use plimsoll_model::Digest;

use super::blob::BlobReader;
use super::client::Client;
use super::repository::Repository;
use super::through::Through;
use crate::Error;

/// The bytes of a blob that is written. They may be sent more than once.
#[derive(Clone, Copy, Debug)]
pub enum BlobContent<'a> {
    /// At hand.
    Bytes(&'a [u8]),
    /// A file, from its first byte to its last.
    File(&'a Path),
    /// The blob of that digest in another repository, sent as it is read. Its last bytes are sent when its digest was
    /// found right.
    Blob {
        /// Where it is read.
        from: &'a Repository,
        /// Its size in bytes.
        size_bytes: u64,
        /// Where it may lie besides, if it is a foreign layer.
        urls: &'a [String],
    },
}

/// Writes a blob, and begins anew where a connection broke: what a registry has of half a blob is not told the same by
/// all of them.
pub(crate) fn push_blob(client: &Client, digest: &Digest, content: BlobContent<'_>) -> Result<(), Error> {
    let policy = client.http.policy();
    let mut attempt = 0;
    loop {
        match upload(client, digest, content) {
            Err(error) if attempt < policy.retries && may_pass(&error) => {
                std::thread::sleep(policy.wait(attempt));
                attempt += 1;
                // It may have come whole, and only the answer was lost, or slow: a registry moves what is large.
                if exists(client, digest).unwrap_or(false) {
                    return Ok(());
                }
            }
            done => return done,
        }
    }
}

/// Whether the repository has a blob.
pub(crate) fn exists(client: &Client, digest: &Digest) -> Result<bool, Error> {
    let mut response = client.ask(&format!("blobs/{digest}"), Request::new(Method::Head))?;
    // What is sent elsewhere is there; that place may not answer such a question.
    if !client.is_own(&response.url) {
        return Ok(true);
    }
    match response.status {
        200 => Ok(true),
        404 => Ok(false),
        _ => Err(refused(client, &mut response, &what(digest), "status 200 or 404")),
    }
}

/// Asks for a blob of another repository of the registry.
pub(crate) fn mount_blob(client: &Client, digest: &Digest, from: &str) -> Result<bool, Error> {
    let place = format!("blobs/uploads/?mount={}&from={}", encode(digest.as_str()), encode(from));
    let mut response = client.ask(&place, start())?;
    match response.status {
        201 => Ok(true),
        // An upload was begun instead. It is left, as those are whose client went away.
        202 => Ok(false),
        _ => Err(refused(client, &mut response, &what(digest), "an answer with status 201 or 202")),
    }
}

/// Why the registry did not take something.
pub(crate) fn refused(client: &Client, response: &mut Response, what: &str, expected: &'static str) -> Error {
    let subject = repository(client);
    let what = what.to_owned();
    if response.is_web_page() {
        return Error::NotRegistry {
            subject: response.url.to_string(),
            expected: "an answer of a registry",
            found: response.media_type(),
        };
    }
    let answer = response.describe();
    match response.status {
        401 | 403 => Error::PushDenied { what, subject, answer, tried: client.tried() },
        status => Error::Push { what, subject, expected, answer, status },
    }
}

fn repository(client: &Client) -> String {
    format!("{}/{}", client.reference.registry(), client.reference.repository())
}

fn what(digest: &Digest) -> String {
    format!("blob {digest}")
}

/// Begins an upload; a second one that nobody ends does no harm.
fn start() -> Request<'static> {
    Request { repeatable: true, ..Request::new(Method::Post) }.bytes(Cow::Borrowed(&[][..]))
}

fn upload(client: &Client, digest: &Digest, content: BlobContent<'_>) -> Result<(), Error> {
    let mut response = client.ask("blobs/uploads/", start())?;
    if response.status != 202 || response.is_web_page() {
        return Err(refused(client, &mut response, &what(digest), "an answer with status 202"));
    }
    let place = place(client, &response, digest)?;
    let request = Request::new(Method::Put).header("content-type", "application/octet-stream");
    // Why the blob could not be read that is sent.
    let unread = Mutex::new(None);
    let open = || -> std::io::Result<Box<dyn Read + Send + '_>> {
        match content {
            BlobContent::Blob { from, size_bytes, urls } => {
                let reader =
                    BlobReader::new(from.client(), digest.clone(), size_bytes, urls.to_vec(), "blob");
                Ok(Box::new(Through::new(reader, &unread)))
            }
            BlobContent::Bytes(_) | BlobContent::File(_) => Ok(Box::new(std::io::empty())),
        }
    };
    let request = match content {
        BlobContent::Bytes(bytes) => request.bytes(bytes),
        BlobContent::File(path) => request.file(path),
        BlobContent::Blob { size_bytes, .. } => {
            request.stream(Stream { length_bytes: size_bytes, open: &open })
        }
    };
    // Not to the same place twice: it may hold half of the first.
    let request = Request { repeatable: false, ..request };
    let sent = if client.is_own(&place) {
        client.ask_path(&place.path, request)
    } else {
        client.http.send(&place, &request).map_err(Error::from)
    };
    if let Some(error) = unread.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(error);
    }
    let mut response = sent?;
    match response.status {
        200..=202 | 204 if !response.is_web_page() => Ok(()),
        _ => Err(refused(client, &mut response, &what(digest), "an answer with status 201")),
    }
}

/// Where the registry wants the blob, with the digest it will have.
fn place(client: &Client, response: &Response, digest: &Digest) -> Result<Url, Error> {
    let from = || response.url.to_string();
    let location = response.header("location").ok_or_else(|| HttpError::Redirect {
        from: from(),
        expected: "an address in `Location`",
        found: "none".to_owned(),
    })?;
    let mut place = response.url.join(location).map_err(|found| HttpError::Redirect {
        from: from(),
        expected: "an http address",
        found: found.to_owned(),
    })?;
    let downgraded = response.url.scheme == Scheme::Https || !client.http.plain_allowed(&place);
    if place.scheme == Scheme::Http && downgraded {
        return Err(HttpError::Redirect {
            from: from(),
            expected: "an https address",
            found: format!("`{place}`"),
        }
        .into());
    }
    let mark = if place.path.contains('?') { '&' } else { '?' };
    place.path = format!("{}{mark}digest={}", place.path, encode(digest.as_str()));
    Ok(place)
}

/// Whether another upload may go better.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::Http(HttpError::Connection { failure, .. }) => {
            matches!(failure, ConnectionFailure::Transport | ConnectionFailure::Timeout)
        }
        // The upload was forgotten, or half of it is there.
        Error::Push { status, .. } => matches!(status, 404 | 416 | 500 | 502 | 504),
        Error::Http(HttpError::Busy { .. }) => true,
        _ => false,
    }
}
