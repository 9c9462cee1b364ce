//! Why AWS gives no answer.

use crate::credentials;

/// Codes with which services say that the key is not known, or was signed with another secret.
const NOT_KNOWN: [&str; 4] = [
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
];
/// Codes with which services say that the keys have ended.
const ENDED: [&str; 3] = ["ExpiredTokenException", "ExpiredToken", "RequestExpired"];

/// Why AWS gives no answer. No text of it holds a value that was asked for. [`Error::hint`] says what may help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There are no credentials.
    #[error(transparent)]
    Credentials(#[from] credentials::Error),
    /// Nobody says in which region.
    #[error("cannot {action}: expected a region, found none")]
    NoRegion {
        /// What was tried: ``read parameter `/shop/password` ``.
        action: String,
    },
    /// A region or an address that cannot be used.
    #[error("cannot use {setting} `{value}`: expected {expected}")]
    Setting {
        /// Which one.
        setting: &'static str,
        /// What it says.
        value: String,
        /// What it may say.
        expected: &'static str,
    },
    /// The service cannot be reached, or asks for more patience than there is.
    #[error("cannot {action} at `{address}`")]
    Unreachable {
        /// What was tried.
        action: String,
        /// Where.
        address: String,
        /// Why not.
        source: Box<plimsoll_http::Error>,
    },
    /// The service says no.
    #[error("cannot {action} at `{address}`: expected an answer, found {said}")]
    Refused {
        /// What was tried.
        action: String,
        /// Where.
        address: String,
        /// Its name for that: `AccessDeniedException`; empty where it gave none.
        code: String,
        /// Its own words, or the status.
        said: String,
        /// What has to be allowed: `ssm:GetParameters`.
        permission: &'static str,
    },
    /// An answer that is none.
    #[error("cannot {action} at `{address}`: expected {expected}, found {found}")]
    Answer {
        /// What was tried.
        action: String,
        /// Where.
        address: String,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
}

impl Error {
    /// Whether the service says that there is no such thing.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { code, .. }
            if matches!(code.as_str(), "ResourceNotFoundException" | "ParameterNotFound" | "RepositoryNotFoundException"))
    }

    /// Why, for a text that says itself what was tried.
    pub fn reason(&self) -> String {
        match self {
            Self::Credentials(error) => error.to_string(),
            Self::NoRegion { .. } => "expected a region, found none".to_owned(),
            Self::Setting { setting, value, expected } => {
                format!("expected {setting} to be {expected}, found `{value}`")
            }
            Self::Unreachable { source, .. } => source.to_string(),
            Self::Refused { address, said, .. } => format!("expected an answer of `{address}`, found {said}"),
            Self::Answer { address, expected, found, .. } => {
                format!("expected {expected} of `{address}`, found {found}")
            }
        }
    }

    /// What a person may do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Credentials(error) => error.hint(),
            Self::NoRegion { .. } => {
                Some("set AWS_REGION, or `region` in a profile of `~/.aws/config`".to_owned())
            }
            Self::Unreachable { source, .. } => source.hint().map(str::to_owned),
            Self::Refused { code, permission, .. } => {
                let code = code.as_str();
                if code.starts_with("AccessDenied") || code == "UnauthorizedOperation" {
                    return Some(format!(
                        "these credentials may not do that: allow `{permission}`, and `kms:Decrypt` where a key of one's \
                         own encrypts; `aws sts get-caller-identity` says who they are"
                    ));
                }
                if NOT_KNOWN.contains(&code) {
                    return Some(
                        "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile; and this machine's clock"
                            .to_owned(),
                    );
                }
                ENDED.contains(&code).then(|| {
                    "get new credentials; those for a session end. Check this machine's clock".to_owned()
                })
            }
            Self::Setting { .. } | Self::Answer { .. } => None,
        }
    }
}
