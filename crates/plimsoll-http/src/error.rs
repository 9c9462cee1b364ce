//! Why a request has no answer.

use std::path::PathBuf;

/// Why a request has no answer. [`Error::hint`] says what may help.
///
/// No text of it holds a secret: addresses are printed without their queries.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The other side asks to wait for longer than is allowed, or again and again.
    #[error("cannot read `{subject}`: expected an answer, found {answer}, after {attempts} attempt{}", if *attempts == 1 { "" } else { "s" })]
    Busy {
        /// Address, without its query.
        subject: String,
        /// Status and message, and how long it asks to wait.
        answer: String,
        /// How often it was tried.
        attempts: u32,
        /// The last status.
        status: u16,
    },
    /// No connection, or it broke more often than it is tried again.
    #[error("cannot read `{subject}`: {failure}")]
    Connection {
        /// Address, without its query.
        subject: String,
        /// Which part failed.
        failure: ConnectionFailure,
        /// The failure.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The host shows a certificate that is not trusted.
    #[error("cannot read `{subject}`: expected a trusted certificate of `{host}`, found {found}")]
    Certificate {
        /// Address, without its query.
        subject: String,
        /// The host, without its port.
        host: String,
        /// What is wrong with it: `one of an unknown authority`.
        found: &'static str,
        /// The failure.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A redirect that is not followed.
    #[error("cannot follow the redirect from `{from}`: expected {expected}, found {found}")]
    Redirect {
        /// Address, without its query.
        from: String,
        /// What is followed.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// The certificates to trust cannot be read.
    #[error("cannot read certificates from `{place}`: expected PEM certificates, found {found}")]
    Certificates {
        /// Where.
        place: String,
        /// What was there.
        found: String,
    },
    /// A proxy's address is none.
    #[error("cannot use the proxy for {scheme} addresses: expected `http://host:port`, found another form")]
    Proxy {
        /// `http` or `https`.
        scheme: &'static str,
    },
    /// A header that cannot be sent.
    #[error("cannot ask `{subject}`: expected header `{name}` of printable characters, found others")]
    Header {
        /// Address, without its query.
        subject: String,
        /// The header.
        name: String,
    },
    /// A file that was to be sent cannot be read.
    #[error("cannot read `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The failure.
        #[source]
        source: std::io::Error,
    },
}

/// Which part of a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionFailure {
    /// The name has no address.
    #[error("its host name has no address")]
    Name,
    /// No encrypted connection.
    #[error("no trusted TLS connection")]
    Tls,
    /// Nothing came for longer than is waited.
    #[error("nothing came for longer than the time limit")]
    Timeout,
    /// The proxy did not connect us.
    #[error("the proxy did not connect")]
    Proxy,
    /// Refused, reset, broken off.
    #[error("no connection, or it was broken off")]
    Transport,
}

impl Error {
    /// What may help, as a sentence without a stop; `None` where the error says all there is to say.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Busy { .. } => Some("try again later"),
            Self::Certificate { .. } => {
                Some("give the authority's certificate with `--ca-cert FILE`, or set SSL_CERT_FILE")
            }
            Self::Connection { failure, .. } => match failure {
                ConnectionFailure::Tls => Some(
                    "give the authority's certificate with `--ca-cert FILE`, or set SSL_CERT_FILE; name a host without TLS with `--insecure-http HOST`",
                ),
                ConnectionFailure::Name => Some("check the host's name; behind a proxy, set HTTPS_PROXY"),
                ConnectionFailure::Proxy => Some("check HTTPS_PROXY, HTTP_PROXY and NO_PROXY"),
                ConnectionFailure::Timeout | ConnectionFailure::Transport => None,
            },
            Self::Redirect { .. }
            | Self::Certificates { .. }
            | Self::Proxy { .. }
            | Self::Header { .. }
            | Self::File { .. } => None,
        }
    }
}
