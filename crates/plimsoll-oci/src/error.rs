//! Why an image could not be opened or read.

use std::io;
use std::path::PathBuf;

use plimsoll_archive::TarError;
use plimsoll_http::{ConnectionFailure, Error as Http};

/// Why an image could not be opened or read. [`Error::hint`] says what may help.
///
/// No text of it holds a secret: addresses are printed without their queries.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name of an image that is none.
    #[error(
        "cannot read image name `{text}`: expected `registry/repository:tag` or `…@sha256:…`, found {found}"
    )]
    Reference {
        /// What was given.
        text: String,
        /// What is wrong with it.
        found: &'static str,
    },
    /// A target that is neither a name nor a file that exists.
    #[error("cannot read target `{text}`: expected {expected}, found {found}")]
    Target {
        /// What was given.
        text: String,
        /// What it should have been.
        expected: &'static str,
        /// What it was.
        found: String,
    },
    /// A platform that is none.
    #[error("cannot read platform `{text}`: expected `os/architecture` or `os/architecture/variant`")]
    Platform {
        /// What was given.
        text: String,
    },
    /// Something that is not supported.
    #[error("cannot open `{target}`: {what} is not supported yet")]
    Unsupported {
        /// What was given.
        target: String,
        /// What it would need.
        what: &'static str,
    },
    /// The registry, or the engine, does not know the image.
    #[error("cannot find image `{reference}`: {answer}")]
    NotFound {
        /// The image.
        reference: String,
        /// What was answered, and by whom.
        answer: String,
    },
    /// The registry does not let us.
    #[error("cannot read `{subject}`: {answer}, asked {tried}")]
    Denied {
        /// Image or address.
        subject: String,
        /// What was answered: `401 …`.
        answer: String,
        /// What was tried: `anonymously`, `with the credentials from …`.
        tried: String,
    },
    /// The registry answered something else than it should.
    #[error("cannot read `{subject}`: expected an answer with status 200, found {answer}")]
    Status {
        /// Address, without its query.
        subject: String,
        /// Status and message.
        answer: String,
        /// The status.
        status: u16,
    },
    /// The registry does not tell what it holds.
    #[error("cannot list the repositories of `{registry}`: {answer}, asked {tried}")]
    NoCatalog {
        /// The registry.
        registry: String,
        /// What was answered: `status 404`.
        answer: String,
        /// What was tried: `anonymously`, `with the credentials from …`.
        tried: String,
    },
    /// A tag that leads to something else than it did.
    #[error("cannot use `{reference}`: expected it to lead to `{expected}` still, found `{found}`")]
    Moved {
        /// The tag.
        reference: String,
        /// The digest that was looked at.
        expected: String,
        /// The digest that it leads to now, or `nothing`.
        found: String,
    },
    /// The registry does not let us write.
    #[error("cannot push {what} to `{subject}`: {answer}, asked {tried}")]
    PushDenied {
        /// What was to be written, as in `blob sha256:4f1a…`.
        what: String,
        /// Registry and repository.
        subject: String,
        /// What was answered: `401 …`.
        answer: String,
        /// What was tried: `anonymously`, `with the credentials from …`.
        tried: String,
    },
    /// The registry does not take what is pushed.
    #[error("cannot push {what} to `{subject}`: expected {expected}, found {answer}")]
    Push {
        /// What was to be written, as in `blob sha256:4f1a…`.
        what: String,
        /// Registry and repository.
        subject: String,
        /// What should have been answered.
        expected: &'static str,
        /// What was.
        answer: String,
        /// The status.
        status: u16,
    },
    /// The request itself has no answer: no connection, no trusted certificate, a redirect that is not followed.
    #[error(transparent)]
    Http(#[from] plimsoll_http::Error),
    /// Something answered that is no registry.
    #[error("cannot read `{subject}`: expected {expected}, found `{found}`")]
    NotRegistry {
        /// Address or image.
        subject: String,
        /// What should have been there.
        expected: &'static str,
        /// The media type of the answer.
        found: String,
    },
    /// Bytes that are not what they should be: a manifest, a config, an index.
    #[error("cannot read {what} of `{subject}`: expected {expected}, found {found}")]
    Content {
        /// What was read, as in `manifest`.
        what: &'static str,
        /// Image, file or digest.
        subject: String,
        /// What should have been there.
        expected: String,
        /// What was there.
        found: String,
    },
    /// The image does not exist for the platform.
    #[error("cannot choose an image of `{reference}`: expected platform `{wanted}`, found {}", list(.available))]
    PlatformMissing {
        /// The image.
        reference: String,
        /// What was asked, or the default.
        wanted: String,
        /// What there is.
        available: Vec<String>,
    },
    /// Several images, and none or an unknown one was named.
    #[error("cannot choose an image of `{place}`: expected {}, found {}", name_or_one(wanted.as_deref()), list(.available))]
    Choice {
        /// File or folder.
        place: String,
        /// What was asked.
        wanted: Option<String>,
        /// What there is.
        available: Vec<String>,
    },
    /// Bytes with another digest than the one they were asked by.
    #[error("cannot use {what} `{expected}`: expected bytes with that digest, found `{found}`")]
    Digest {
        /// What was read, as in `layer`.
        what: &'static str,
        /// The digest that was asked.
        expected: String,
        /// The digest of what came.
        found: String,
    },
    /// More or fewer bytes than announced.
    #[error("cannot use {what} `{digest}`: expected {expected} bytes, found {found}")]
    Size {
        /// What was read, as in `layer`.
        what: &'static str,
        /// Its digest, or its name.
        digest: String,
        /// The size that was announced, in bytes.
        expected: u64,
        /// What came: `402 bytes`, `more`.
        found: String,
    },
    /// A file or folder that cannot be read.
    #[error("cannot read `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The failure.
        #[source]
        source: io::Error,
    },
    /// An archive that cannot be read.
    #[error("cannot read archive `{place}`")]
    Archive {
        /// Which.
        place: String,
        /// Where and why.
        #[source]
        source: TarError,
    },
    /// No engine listens where one is expected.
    #[error("cannot connect to {engine}: expected its socket at {}", list(.tried))]
    EngineMissing {
        /// `Docker` or `Podman`.
        engine: &'static str,
        /// The places that were tried.
        tried: Vec<String>,
        /// The last failure.
        #[source]
        source: Option<io::Error>,
    },
    /// The engine's answer is no answer.
    #[error("cannot read the answer of {engine} to `{request}`: expected {expected}, found {found}")]
    EngineAnswer {
        /// `Docker` or `Podman`.
        engine: &'static str,
        /// Method and path.
        request: String,
        /// What should have come.
        expected: &'static str,
        /// What came.
        found: String,
    },
}

impl Error {
    /// What may help, as a sentence without a stop; `None` where the error says all there is to say.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Denied { tried, .. } if tried.starts_with("anonymously") => {
                "log in with `docker login` or `podman login`, or point DOCKER_CONFIG or REGISTRY_AUTH_FILE to a file with credentials; some registries say this of images that do not exist"
            }
            Self::Denied { .. } => {
                "the credentials may have expired, or may not reach this repository; some registries say this of images that do not exist"
            }
            Self::NoCatalog { .. } => {
                "many registries, as Docker Hub and GHCR, list their repositories to nobody: name them with `--repository`"
            }
            Self::Moved { .. } => {
                "somebody has pushed meanwhile: look at the image that is there now, or name it by its digest"
            }
            Self::PushDenied { tried, .. } if tried.starts_with("anonymously") => {
                "log in with `docker login` or `podman login`, or point DOCKER_CONFIG or REGISTRY_AUTH_FILE to a file with credentials that may push"
            }
            Self::PushDenied { .. } => {
                "the credentials may be for reading only, or have expired; some registries want the repository to be created first"
            }
            Self::NotRegistry { .. } => {
                "the address may be that of a web page or a login portal; check the registry's name and the proxy"
            }
            Self::Http(Http::Busy { .. }) => "log in for higher limits, or try again later",
            Self::Http(Http::Connection { failure: ConnectionFailure::Name, .. }) => {
                "check the registry's name; behind a proxy, set HTTPS_PROXY"
            }
            Self::Http(Http::Connection { failure: ConnectionFailure::Tls, .. }) => {
                "give the authority's certificate with `--ca-cert FILE`, or set SSL_CERT_FILE; name a registry without TLS with `--insecure-http HOST`"
            }
            Self::Http(error) => return error.hint(),
            Self::PlatformMissing { .. } => "choose one with `--platform`",
            Self::Choice { .. } => "name one behind a colon, as in `docker-archive:FILE:app:1.2`",
            Self::EngineMissing { source: Some(error), .. }
                if error.kind() == io::ErrorKind::PermissionDenied =>
            {
                "run as a user who may use the socket, for Docker one of the group `docker`"
            }
            Self::EngineMissing { .. } => {
                "start the engine, or set DOCKER_HOST; without an engine, name the image as `registry:NAME`"
            }
            Self::Unsupported { .. } => {
                "export it as an archive (`ctr images export`) and scan that as `oci-archive:FILE`"
            }
            Self::Target { .. } => {
                "a name of an image can be written as `registry:NAME`, a path with `./` before it"
            }
            _ => return None,
        })
    }

    /// The error as an [`io::Error`], for readers.
    pub(crate) fn into_io(self) -> io::Error {
        let kind = match &self {
            Self::Digest { .. } | Self::Size { .. } | Self::Content { .. } => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, self)
    }
}

fn list(items: &[String]) -> String {
    match items {
        [] => "none".to_owned(),
        items => items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", "),
    }
}

fn name_or_one(wanted: Option<&str>) -> String {
    wanted.map_or_else(|| "only one".to_owned(), |name| format!("`{name}`"))
}
