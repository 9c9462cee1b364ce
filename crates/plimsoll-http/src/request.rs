//! What is asked.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;

use crate::Secret;

/// What is done at an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Read it.
    #[default]
    Get,
    /// Ask of it, without its body.
    Head,
    /// Give it something to work on.
    Post,
    /// Put something there.
    Put,
    /// Change it in part.
    Patch,
    /// Remove it.
    Delete,
}

impl Method {
    /// As it is sent: `GET`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What is sent with a request. All of it can be sent again.
#[derive(Clone, Debug, Default)]
pub enum Body<'a> {
    /// Nothing.
    #[default]
    Empty,
    /// A form with credentials, which never follows a redirect.
    Form(Secret),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// A file, from its first byte to its last. It is opened for each attempt, and must not change meanwhile.
    File(PathBuf),
    /// Bytes that come from elsewhere. They are asked for anew for each attempt.
    Stream(Stream<'a>),
}

/// Opens what is sent; see [`Stream`].
pub type Open<'a> = &'a (dyn Fn() -> io::Result<Box<dyn Read + Send + 'a>> + Sync);

/// Bytes that come from elsewhere, and are sent as they come.
#[derive(Clone, Copy)]
pub struct Stream<'a> {
    /// How many there are.
    pub length_bytes: u64,
    /// Begins to read them.
    pub open: Open<'a>,
}

impl fmt::Debug for Stream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("length_bytes", &self.length_bytes).finish_non_exhaustive()
    }
}

/// A request that can be made again.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// What is done.
    pub method: Method,
    /// Headers, under their names in lower case. None of them is secret.
    pub headers: Vec<(&'a str, Cow<'a, str>)>,
    /// `Authorization`, only for the origin that is asked first; in place of the address's own credentials.
    pub authorization: Option<Secret>,
    /// Other headers that are secret, under their names in lower case; only for the origin that is asked first.
    pub secrets: Vec<(&'a str, Secret)>,
    /// What is sent with it.
    pub body: Body<'a>,
    /// Whether it does no harm twice, so that it is made again after any failure that may pass. Otherwise it is made
    /// again only where the other side says that it did nothing: status 429 or 503.
    pub repeatable: bool,
}

impl Default for Request<'_> {
    fn default() -> Self {
        Self::new(Method::Get)
    }
}

impl<'a> Request<'a> {
    /// One without headers and body. It is repeatable unless the method is POST or PATCH (RFC 9110, 9.2.2).
    pub fn new(method: Method) -> Self {
        Self {
            method,
            headers: Vec::new(),
            authorization: None,
            secrets: Vec::new(),
            body: Body::Empty,
            repeatable: !matches!(method, Method::Post | Method::Patch),
        }
    }

    /// Reads.
    pub fn get() -> Self {
        Self::new(Method::Get)
    }

    /// Posts a form with credentials; asking twice for a token does no harm.
    pub fn form(form: Secret) -> Self {
        Self { body: Body::Form(form), repeatable: true, ..Self::new(Method::Post) }
    }

    /// With one more header; its name is in lower case.
    #[must_use]
    pub fn header(mut self, name: &'a str, value: impl Into<Cow<'a, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With `Authorization`, where there is one.
    #[must_use]
    pub fn authorization(mut self, value: Option<Secret>) -> Self {
        self.authorization = value;
        self
    }

    /// With one more header that is secret; its name is in lower case.
    #[must_use]
    pub fn secret(mut self, name: &'a str, value: Secret) -> Self {
        self.secrets.push((name, value));
        self
    }

    /// With these bytes as its body.
    #[must_use]
    pub fn bytes(mut self, bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        self.body = Body::Bytes(bytes.into());
        self
    }

    /// With a file as its body.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.body = Body::File(path.into());
        self
    }

    /// With bytes from elsewhere as its body.
    #[must_use]
    pub fn stream(mut self, stream: Stream<'a>) -> Self {
        self.body = Body::Stream(stream);
        self
    }

    /// Only from this byte on (RFC 9110, 14.2); from the first byte on there is nothing to ask.
    #[must_use]
    pub fn from_byte(self, offset: u64) -> Self {
        if offset == 0 { self } else { self.header("range", format!("bytes={offset}-")) }
    }
}
