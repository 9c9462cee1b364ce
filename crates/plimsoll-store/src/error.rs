//! What goes wrong with a store.

use std::error::Error as _;

use plimsoll_aws::CredentialsError;

/// The most characters of a server's message that are told.
const MAX_MESSAGE_CHARS: usize = 300;
/// Causes that are looked through.
const MAX_CAUSES: usize = 16;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A place that is none.
    #[error("cannot use `{location}` as a store: expected {expected}, found {found}")]
    Location {
        /// What was given.
        location: String,
        /// What may be given.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A setting that cannot be used.
    #[error("cannot use {setting} `{value}`: expected {expected}")]
    Setting {
        /// Which one.
        setting: &'static str,
        /// What it says.
        value: String,
        /// What it may say.
        expected: &'static str,
    },
    /// A key that no object may have.
    #[error("cannot use the key `{key}`: expected {expected}, found {found}")]
    Key {
        /// The key.
        key: String,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// There are no credentials.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// There is an object of this key, and there should be none; or it is another than was expected.
    #[error("cannot write `{object}`: expected {expected}, found {found}")]
    Conflict {
        /// The whole address.
        object: String,
        /// `no object of this key`, `the version …`.
        expected: String,
        /// What is there.
        found: &'static str,
    },
    /// An object that is larger than it may be.
    #[error("cannot read `{object}`: expected at most {limit_bytes} bytes, found {size_bytes}")]
    TooLarge {
        /// The whole address.
        object: String,
        /// The limit.
        limit_bytes: u64,
        /// Its size.
        size_bytes: u64,
    },
    /// A server said no, or nothing.
    #[error("cannot {action} `{object}`{at}: {said}")]
    Refused {
        /// What was tried: `read`, `write`, `list`.
        action: &'static str,
        /// On what: the whole address.
        object: String,
        /// ` at http://localhost:9000`, where the server is not the usual one.
        at: String,
        /// Why, sorted.
        reason: Reason,
        /// Why, in the server's words.
        said: String,
    },
    /// The object store failed.
    #[error("cannot {action} `{object}`")]
    Object {
        /// What was tried: `read`, `write`, `list`.
        action: &'static str,
        /// On what: the whole address.
        object: String,
        /// Why not.
        source: object_store::Error,
    },
}

/// Why a server refuses, as far as it matters for what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No object of this key.
    NoObject,
    /// No bucket of this name.
    NoBucket,
    /// Who asks is not known: a key that does not exist, or a signature made with another secret.
    NotKnown,
    /// Who asks is known, and may not.
    NotAllowed,
    /// Keys that have ended.
    Ended,
    /// The clock of one of the two is wrong.
    ClockSkew,
    /// The bucket lies elsewhere.
    WrongRegion,
    /// Nobody answers at the address.
    Unreachable,
    /// The server is not trusted: its certificate.
    NotTrusted,
    /// The server has too much to do, or failed.
    Busy,
    /// Something else.
    Other,
}

impl Error {
    /// What a person may do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Credentials(error) => return error.hint(),
            Self::Refused { reason, object, .. } if !object.starts_with("s3:") => match reason {
                Reason::NoBucket => "make the bucket first, or look at its name and account",
                Reason::NotKnown | Reason::NotAllowed | Reason::Ended => {
                    "look at the credentials of Google or Azure, and at what they may do there: see `docs/results-store.md`"
                }
                Reason::ClockSkew => "set this machine's clock",
                Reason::WrongRegion | Reason::Unreachable => {
                    "look at the bucket's name and account, and at proxies (HTTPS_PROXY, NO_PROXY)"
                }
                Reason::NotTrusted => "name the server's certificate authority with `--ca-cert`",
                Reason::Busy => "try again later",
                Reason::NoObject | Reason::Other => return None,
            },
            Self::Refused { reason, .. } => match reason {
                Reason::NoBucket => "make the bucket first, or look at its name, region and account",
                Reason::NotKnown => {
                    "look at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, at AWS_PROFILE, and whether they are for this server"
                }
                Reason::NotAllowed => {
                    "these credentials may not do that there: `s3:PutObject` writes, `s3:GetObject` reads, `s3:ListBucket` lists, \
                     `s3:PutObjectTagging` sets tags, `kms:GenerateDataKey` encrypts"
                }
                Reason::Ended => "get new credentials; those for a session end",
                Reason::ClockSkew => {
                    "set this machine's clock; 15 minutes are the most that a signature may be off"
                }
                Reason::WrongRegion => "say where the bucket lies with AWS_REGION",
                Reason::Unreachable => {
                    "look at AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, at the region, and at proxies (HTTPS_PROXY, NO_PROXY)"
                }
                Reason::NotTrusted => "name the server's certificate authority with AWS_CA_BUNDLE",
                Reason::Busy => "try again later",
                Reason::NoObject | Reason::Other => return None,
            },
            Self::Conflict { .. } => "another one was faster; nothing of it was replaced",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// Whether there is no such object. A bucket that is not there is another trouble.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Refused { reason, .. } => *reason == Reason::NoObject,
            Self::Object { source, .. } => matches!(source, object_store::Error::NotFound { .. }),
            _ => false,
        }
    }

    /// Whether the object was there already, or is another than was expected.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }

    /// What the object store says, in our words.
    pub(crate) fn of(
        action: &'static str,
        object: String,
        endpoint: Option<&str>,
        source: object_store::Error,
    ) -> Self {
        let mut cause = source.source();
        for _ in 0..MAX_CAUSES {
            let Some(error) = cause else { break };
            if error.is::<CredentialsError>() {
                return match credentials_of(source) {
                    Ok(error) => Self::Credentials(error),
                    Err(source) => Self::Object { action, object, source },
                };
            }
            cause = error.source();
        }
        let text = source.to_string();
        match reason(&source, &text) {
            Some((reason, said)) => {
                let at = endpoint.map(|endpoint| format!(" at {endpoint}")).unwrap_or_default();
                Self::Refused { action, object, at, reason, said }
            }
            None => Self::Object { action, object, source },
        }
    }
}

/// Our own error, out of the object store's.
fn credentials_of(error: object_store::Error) -> Result<CredentialsError, object_store::Error> {
    match error {
        object_store::Error::Generic { store, source } => match source.downcast::<CredentialsError>() {
            Ok(error) => Ok(*error),
            Err(source) => Err(object_store::Error::Generic { store, source }),
        },
        other => Err(other),
    }
}

/// What a server said, in short; `None` where no server was asked.
fn reason(error: &object_store::Error, text: &str) -> Option<(Reason, String)> {
    let status: Option<u16> = ["status code: ", "error response: "]
        .iter()
        .find_map(|mark| text.split_once(mark)?.1.get(..3)?.parse().ok());
    if let Some(code) = between(text, "<Code>", "</Code>") {
        let message = between(text, "<Message>", "</Message>").unwrap_or_default();
        let reason = match code {
            "NoSuchKey" | "BlobNotFound" => Reason::NoObject,
            "NoSuchBucket" | "ContainerNotFound" => Reason::NoBucket,
            "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "AuthorizationHeaderMalformed"
                if message.contains("region") =>
            {
                Reason::WrongRegion
            }
            "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "AuthenticationFailed" | "InvalidToken" => {
                Reason::NotKnown
            }
            "AccessDenied" | "AllAccessDisabled" | "AuthorizationPermissionMismatch" => Reason::NotAllowed,
            "ExpiredToken" | "TokenRefreshRequired" => Reason::Ended,
            "RequestTimeTooSkewed" => Reason::ClockSkew,
            "PermanentRedirect" | "TemporaryRedirect" | "IllegalLocationConstraintException" => {
                Reason::WrongRegion
            }
            "SlowDown"
            | "InternalError"
            | "ServiceUnavailable"
            | "ServerBusy"
            | "ConditionalRequestConflict"
            | "OperationAborted" => Reason::Busy,
            _ => Reason::Other,
        };
        let said = if message.is_empty() { code.to_owned() } else { format!("{code}: {message}") };
        return Some((reason, shortened(&said)));
    }
    if text.contains("Received redirect without LOCATION") {
        return Some((Reason::WrongRegion, "the bucket lies in another region".to_owned()));
    }
    if let Some(status) = status {
        let reason = match status {
            401 => Reason::NotKnown,
            403 => Reason::NotAllowed,
            404 => Reason::NoObject,
            429 | 500.. => Reason::Busy,
            _ => Reason::Other,
        };
        let said = match reason {
            Reason::NoObject => "found no such object".to_owned(),
            _ => format!("the server answered with status {status}"),
        };
        return Some((reason, said));
    }
    if matches!(error, object_store::Error::NotFound { .. }) {
        return Some((Reason::NoObject, "found no such object".to_owned()));
    }
    let deepest = deepest(error);
    if deepest.contains("certificate") || deepest.contains("UnknownIssuer") {
        return Some((Reason::NotTrusted, shortened(&deepest)));
    }
    let is_http = text.contains("error sending request") || text.contains("HTTP error");
    (is_http || text.contains("Connect")).then(|| (Reason::Unreachable, shortened(&deepest)))
}

/// The last cause, which says most: `connection refused`.
fn deepest(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    for _ in 0..MAX_CAUSES {
        let Some(error) = cause else { break };
        text = error.to_string();
        cause = error.source();
    }
    text
}

fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    Some(text.split_once(before)?.1.split_once(behind)?.0.trim())
}

fn shortened(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_MESSAGE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Error {
        let source = object_store::Error::Generic { store: "S3", source: text.to_owned().into() };
        Error::of("write", "s3://b/k".to_owned(), Some("http://localhost:9"), source)
    }

    #[test]
    fn what_a_server_says_is_sorted() {
        let status =
            "Error performing PUT http://localhost/b/k in 3ms - Server returned non-2xx status code:";
        for (text, reason, said) in [
            (
                format!(
                    "{status} 404 Not Found: <?xml?><Error><Code>NoSuchBucket</Code><Message>None</Message></Error>"
                ),
                Reason::NoBucket,
                "NoSuchBucket: None",
            ),
            (format!("{status} 404 Not Found: "), Reason::NoObject, "found no such object"),
            (
                format!("{status} 403 Forbidden: <Code>RequestTimeTooSkewed</Code>"),
                Reason::ClockSkew,
                "RequestTimeTooSkewed",
            ),
            (
                format!("{status} 403 Forbidden: <Code>SignatureDoesNotMatch</Code><Message>a\nb</Message>"),
                Reason::NotKnown,
                "SignatureDoesNotMatch: a b",
            ),
            (format!("{status} 403 Forbidden: "), Reason::NotAllowed, "the server answered with status 403"),
            (format!("{status} 503 Slow Down: <html>"), Reason::Busy, "the server answered with status 503"),
            (
                "HTTP error: error sending request".to_owned(),
                Reason::Unreachable,
                "HTTP error: error sending request",
            ),
        ] {
            let error = of(&text);
            let Error::Refused { reason: found, said: words, .. } = &error else { panic!("{error:?}") };
            assert_eq!((*found, words.as_str()), (reason, said), "{text}");
            assert!(
                error.to_string().starts_with("cannot write `s3://b/k` at http://localhost:9: "),
                "{error}"
            );
            assert_eq!(error.hint().is_none(), matches!(reason, Reason::NoObject), "{text}");
        }
        assert!(matches!(of("disk full"), Error::Object { .. }));
    }

    #[test]
    fn of_other_clouds_nothing_of_amazons_is_told() {
        for text in [
            "status code: 403",
            "status code: 401",
            "error sending request",
            "<Code>ContainerNotFound</Code>",
        ] {
            let source = object_store::Error::Generic { store: "Azure", source: text.to_owned().into() };
            let hint = Error::of("write", "az://c/k".to_owned(), None, source).hint().unwrap();
            assert!(!hint.contains("AWS") && !hint.contains("s3:"), "{hint}");
        }
    }

    #[test]
    fn missing_credentials_are_told_as_such() {
        let source = object_store::Error::Generic {
            store: "S3",
            source: Box::new(CredentialsError::None { looked: "nowhere".to_owned() }),
        };
        let error = Error::of("write", "s3://b/k".to_owned(), None, source);
        assert!(matches!(error, Error::Credentials(_)), "{error:?}");
        assert!(error.hint().unwrap().contains("AWS_PROFILE"));
    }
}
