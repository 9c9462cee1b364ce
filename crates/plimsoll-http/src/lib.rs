//! Requests over HTTP, for registries and for feeds of advisories.
//!
//! A [`Client`] sends a [`Request`] and gives a [`Response`] whose body is a stream. It follows redirects (never from
//! `https` to `http`, from `http` to another host without TLS only if that one may be asked so, never with credentials to
//! another origin), goes through the proxies that are set, trusts the
//! system's certificates and the user's own, and tries again where that may help, as long as the other side asks for.
//!
//! It knows no registry and no feed, keeps no cookies, caches nothing, decompresses nothing, and reads no clock. An
//! answer of any status is an answer; only what could not be asked, or passes on trying again and did not, is an
//! [`Error`].
//!
//! ```
//! use plimsoll_http::{Client, Options, Request, Url};
//!
//! let client = Client::new(&Options { retries: 0, ..Options::default() });
//! let nobody = Url::parse("http://127.0.0.1:1/all.zip").expect("an address");
//! let request = Request::get().header("if-none-match", "\"1\"");
//! let error = client.send(&nobody, &request).err().expect("nobody listens");
//! assert!(error.to_string().starts_with("cannot read `http://127.0.0.1:1/all.zip`"));
//! ```

mod bounded;
mod certificates;
mod client;
mod error;
mod options;
mod paced;
mod proxy;
mod request;
mod response;
mod retry;
mod secret;
mod url;

pub use bounded::read_up_to;
pub use client::Client;
pub use error::{ConnectionFailure, Error};
pub use options::{Options, ProxyOptions};
pub use request::{Body, Method, Open, Request, Stream};
pub use response::Response;
pub use retry::Policy;
pub use secret::Secret;
pub use url::{Scheme, Url, encode, is_loopback, without_credentials};

/// Gives foreign text to every parser of this crate, for fuzzing: none may panic or take without end.
#[doc(hidden)]
pub fn fuzz_parsers(text: &str) {
    let _ = retry::retry_after(text, Some(text));
    let _ = Url::parse(text).map(|base| base.join(text));
    let _ = Url::parse_with_credentials(text);
    let _ = without_credentials(text);
    response::range_start(text);
}
