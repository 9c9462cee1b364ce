//! Credentials for AWS, from where AWS's tools look for them, in their order: the environment, a web identity, the profile
//! (a role to assume, SSO, keys, a program that is asked), the container's service, the machine's.
//!
//! Written by hand: `object_store` knows neither profiles nor programs nor SSO, and waits half a minute for a machine's
//! service that is not there. `reqsign-aws-core` 3.2 knows neither roles of a profile nor SSO sessions, splits a program's
//! arguments at every blank, and goes on silently where the profile that was asked for does not exist.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Standardized credential providers".

mod container;
mod instance;
pub(crate) mod process;
mod sso;
pub(crate) mod sts;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use plimsoll_http::{Client, Secret, Url};
use serde::Deserialize;

use crate::options::{Options, Variables};
use crate::profile::{Profile, Profiles};

/// Profiles that may lead from one to the next by `source_profile`.
const MAX_PROFILES: usize = 8;
/// The largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 256 << 10;
/// Credentials are fetched anew so long before they end.
const EARLY: SignedDuration = SignedDuration::from_mins(5);

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody has any.
    #[error("cannot find credentials for AWS: looked at the environment, {looked}; found none")]
    None {
        /// Where else was looked.
        looked: String,
    },
    /// A profile that is not there.
    #[error("cannot find the profile `{profile}`: expected it in {files}, found none of that name")]
    NoProfile {
        /// Its name.
        profile: String,
        /// Where was looked.
        files: String,
    },
    /// A profile that cannot be used.
    #[error("cannot take credentials of the profile `{profile}`: expected {expected}, found {found}")]
    Unusable {
        /// Its name.
        profile: String,
        /// What it should have.
        expected: &'static str,
        /// What it has.
        found: String,
    },
    /// A file that cannot be read.
    #[error("cannot read `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file of profiles that is none.
    #[error("cannot read profiles `{}`, line {line}: expected {expected}", path.display())]
    Profile {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// A program that gives none.
    #[error("cannot take credentials of `{program}`: expected {expected}, found {found}")]
    Program {
        /// Its name, without arguments.
        program: String,
        /// What it should do.
        expected: &'static str,
        /// What it does.
        found: String,
    },
    /// A service that gives none.
    #[error("cannot take credentials of `{address}`: expected {expected}, found {found}")]
    Service {
        /// Its address.
        address: String,
        /// What it should answer.
        expected: &'static str,
        /// What it does.
        found: String,
    },
    /// A service that cannot be reached.
    #[error("cannot ask `{address}` for credentials")]
    Unreachable {
        /// Its address.
        address: String,
        /// Why not.
        source: plimsoll_http::Error,
    },
    /// The login has ended.
    #[error("cannot use the login of AWS SSO for `{session}`: {found}")]
    Login {
        /// The session, or the address of its portal.
        session: String,
        /// What was found.
        found: String,
    },
}

impl Error {
    /// What a person may do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::None { .. } => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with AWS_PROFILE; \
                 `aws sts get-caller-identity` says whom AWS's own tools take you for"
            }
            Self::NoProfile { .. } => "`aws configure list-profiles` names those that are there",
            Self::Login { .. } => "log in with `aws sso login`",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// Keys, and until when they hold.
#[derive(Clone)]
struct Keys {
    credential: Arc<AwsCredential>,
    ends: Option<Timestamp>,
}

impl Keys {
    /// Keys that can be sent: a line end in one would be a header of its own.
    fn new(id: &str, secret: &str, token: Option<&str>, ends: Option<Timestamp>) -> Result<Self, String> {
        let (id, secret) = (id.trim(), secret.trim());
        let token = token.map(str::trim).filter(|token| !token.is_empty());
        for (name, value) in [("key ID", Some(id)), ("secret key", Some(secret)), ("session token", token)] {
            let Some(value) = value else { continue };
            if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(format!("no usable {name}"));
            }
        }
        let credential = AwsCredential {
            key_id: id.to_owned(),
            secret_key: secret.to_owned(),
            token: token.map(str::to_owned),
        };
        Ok(Self { credential: Arc::new(credential), ends })
    }

    /// Whether they have ended at this instant.
    fn end_by(&self, time: Timestamp) -> bool {
        self.ends.is_some_and(|ends| ends <= time)
    }
}

/// Keys as services and programs give them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    access_key_id: Secretly,
    secret_access_key: Secretly,
    #[serde(default, alias = "SessionToken")]
    token: Option<Secretly>,
    #[serde(default)]
    expiration: Option<String>,
}

/// A secret in JSON.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Secretly(Secret);

impl From<String> for Secretly {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

impl Answer {
    fn parse(bytes: &[u8]) -> Result<Keys, String> {
        // What was answered may hold a key; where it is wrong may be told, what it is may not.
        let answer: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("no such keys at line {}, column {}", error.line(), error.column()))?;
        let ends = answer.expiration.filter(|text| !text.is_empty()).map(|text| text.parse::<Timestamp>());
        let ends = ends.transpose().map_err(|_| "an `Expiration` that is no instant".to_owned())?;
        let token = answer.token.as_ref().map(|token| token.0.expose());
        Keys::new(answer.access_key_id.0.expose(), answer.secret_access_key.0.expose(), token, ends)
    }
}

/// Gives credentials, and fetches them anew before they end. To a store it is an
/// [`object_store::CredentialProvider`].
#[derive(Clone)]
pub struct Chain {
    places: Arc<Places>,
    kept: Arc<Mutex<Option<Keys>>>,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain").finish_non_exhaustive()
    }
}

impl Chain {
    /// One that has looked nowhere yet. `region` is where roles are assumed.
    pub fn new(options: &Options, profiles: Profiles, region: &str) -> Self {
        let http = plimsoll_http::Options {
            ca_certificates: options.ca_certificates.clone(),
            connect_timeout: options.connect_timeout,
            retries: 2,
            ..plimsoll_http::Options::from_env()
        };
        let places = Places {
            variables: options.variables.clone(),
            profiles,
            region: region.to_owned(),
            outside: Client::new(&http),
        };
        Self { places: Arc::new(places), kept: Arc::default() }
    }

    /// The credentials that hold now. Waits for them where they have to be fetched.
    ///
    /// # Errors
    /// [`Error`]: why there are none.
    pub fn current(&self) -> Result<Arc<AwsCredential>, Error> {
        // Held meanwhile: many requests at once ask for keys once.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now();
        if let Some(keys) = kept.as_ref().filter(|keys| !keys.end_by(now + EARLY)) {
            return Ok(Arc::clone(&keys.credential));
        }
        match (self.places.keys(), kept.as_ref()) {
            (Ok(keys), _) => {
                let credential = Arc::clone(&keys.credential);
                *kept = Some(keys);
                Ok(credential)
            }
            // They hold for some minutes yet; perhaps the next attempt fares better.
            (Err(_), Some(keys)) if !keys.end_by(now) => Ok(Arc::clone(&keys.credential)),
            (Err(error), _) => Err(error),
        }
    }

    /// Those that are there already, where nobody has to wait.
    fn at_hand(&self) -> Option<Arc<AwsCredential>> {
        let kept = self.kept.try_lock().ok()?;
        let keys = kept.as_ref().filter(|keys| !keys.end_by(now() + EARLY))?;
        Some(Arc::clone(&keys.credential))
    }
}

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        if let Some(credential) = self.at_hand() {
            return Ok(credential);
        }
        let chain = self.clone();
        let fetched = tokio::task::spawn_blocking(move || chain.current()).await?;
        fetched.map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })
    }
}

/// The clock, against which keys end.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// Where is looked.
struct Places {
    variables: Variables,
    profiles: Profiles,
    region: String,
    /// For services outside: proxies and certificates as they are set. Those of the machine itself are asked without.
    outside: Client,
}

impl Places {
    /// The first credentials that there are. A place that should have some and fails ends the search: other credentials
    /// than those that were meant would be worse than none.
    fn keys(&self) -> Result<Keys, Error> {
        if let Some(keys) = self.of_environment()? {
            return Ok(keys);
        }
        let variable = |name: &str| self.variables.get(name);
        if let (Some(file), Some(role)) = (variable("AWS_WEB_IDENTITY_TOKEN_FILE"), variable("AWS_ROLE_ARN"))
        {
            return self.with_web_identity(file, role, variable("AWS_ROLE_SESSION_NAME"));
        }
        if let Some(keys) = self.of_profile(&self.profiles.current, 0)? {
            return Ok(keys);
        }
        if let Some(keys) = self.of_container()? {
            return Ok(keys);
        }
        let (keys, instance) = self.of_instance()?;
        keys.ok_or_else(|| Error::None {
            looked: format!("the profile `{}`, the container {instance}", self.profiles.current),
        })
    }

    fn of_environment(&self) -> Result<Option<Keys>, Error> {
        let id = self.variables.get("AWS_ACCESS_KEY_ID");
        let secret = self.variables.get("AWS_SECRET_ACCESS_KEY");
        let wrong = |found: String| Error::Unusable {
            profile: "the environment".to_owned(),
            expected: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            found,
        };
        match (id, secret) {
            (None, None) => Ok(None),
            (Some(id), Some(secret)) => {
                let token = self.variables.first(&["AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"]);
                Keys::new(id, secret, token, None).map(Some).map_err(wrong)
            }
            (Some(_), None) => Err(wrong("the first alone".to_owned())),
            (None, Some(_)) => Err(wrong("the second alone".to_owned())),
        }
    }

    /// What a profile says; `None` where it says nothing of credentials.
    fn of_profile(&self, name: &str, depth: usize) -> Result<Option<Keys>, Error> {
        let unusable =
            |expected, found: String| Error::Unusable { profile: name.to_owned(), expected, found };
        let Some(profile) = self.profiles.profile(name) else {
            if depth == 0 && !self.profiles.is_asked {
                return Ok(None);
            }
            let files: Vec<String> =
                self.profiles.files.iter().map(|file| format!("`{}`", file.display())).collect();
            let files = if files.is_empty() { "no file".to_owned() } else { files.join(" or ") };
            return Err(Error::NoProfile { profile: name.to_owned(), files });
        };
        if depth >= MAX_PROFILES {
            let found = format!("{MAX_PROFILES} and more that lead to one another");
            return Err(unusable("`source_profile` to lead to keys", found));
        }
        let session_name = profile.get("role_session_name");
        if let Some(role) = profile.get("role_arn") {
            if let Some(file) = profile.get("web_identity_token_file") {
                return self.with_web_identity(file, role, session_name).map(Some);
            }
            let keys = self.source_of(name, profile, depth)?;
            if profile.get("mfa_serial").is_some() {
                let found = "`mfa_serial`, whose code nobody is there to type".to_owned();
                return Err(unusable("a role that is assumed without asking", found));
            }
            let assumed = sts::Role {
                arn: role,
                session_name,
                external_id: profile.get("external_id"),
                seconds: profile.get("duration_seconds"),
            };
            let region = profile.get("region").unwrap_or(&self.region);
            return self.assume(&assumed, &keys.credential, region).map(Some);
        }
        if profile.get("sso_account_id").is_some() || profile.get("sso_session").is_some() {
            return self.of_login(name, profile).map(Some);
        }
        if let Some(keys) = static_keys(profile).map_err(|found| unusable("keys", found))? {
            return Ok(Some(keys));
        }
        match profile.get("credential_process") {
            Some(command) => process::keys(command).map(Some),
            None => Ok(None),
        }
    }

    /// The keys that a role is assumed with.
    fn source_of(&self, name: &str, profile: &Profile, depth: usize) -> Result<Keys, Error> {
        let unusable =
            |expected, found: String| Error::Unusable { profile: name.to_owned(), expected, found };
        let keys = match (profile.get("source_profile"), profile.get("credential_source")) {
            (Some(source), _) if source == name => {
                static_keys(profile).map_err(|found| unusable("keys", found))?
            }
            (Some(source), _) => self.of_profile(source, depth + 1)?,
            (None, Some("Environment")) => self.of_environment()?,
            (None, Some("EcsContainer")) => self.of_container()?,
            (None, Some("Ec2InstanceMetadata")) => self.of_instance()?.0,
            (None, Some(other)) => {
                let expected =
                    "a `credential_source` among `Environment`, `EcsContainer`, `Ec2InstanceMetadata`";
                return Err(unusable(expected, format!("`{other}`")));
            }
            (None, None) => {
                let found = "`role_arn` alone".to_owned();
                return Err(unusable("`source_profile` or `credential_source` beside `role_arn`", found));
            }
        };
        keys.ok_or_else(|| unusable("keys to assume its role with", "none".to_owned()))
    }
}

/// Keys that stand in the profile itself.
fn static_keys(profile: &Profile) -> Result<Option<Keys>, String> {
    match (profile.get("aws_access_key_id"), profile.get("aws_secret_access_key")) {
        (Some(id), Some(secret)) => Keys::new(id, secret, profile.get("aws_session_token"), None).map(Some),
        (None, None) => Ok(None),
        (Some(_), None) => Err("`aws_access_key_id` without `aws_secret_access_key`".to_owned()),
        (None, Some(_)) => Err("`aws_secret_access_key` without `aws_access_key_id`".to_owned()),
    }
}

/// Asks a service, and gives its status and answer.
fn ask(client: &Client, url: &str, request: &plimsoll_http::Request<'_>) -> Result<(u16, Vec<u8>), Error> {
    // Queries hold tokens.
    let address = url.split('?').next().unwrap_or_default().to_owned();
    let wrong = |expected, found: String| Error::Service { address: address.clone(), expected, found };
    let url = Url::parse(url).map_err(|found| wrong("an address", found.to_owned()))?;
    let response = client
        .send(&url, request)
        .map_err(|source| Error::Unreachable { address: address.clone(), source })?;
    let status = response.status;
    let body = plimsoll_http::read_up_to(response.body, MAX_ANSWER_BYTES)
        .map_err(|error| wrong("a whole answer", error.to_string()))?;
    Ok((status, body))
}

/// Reads answers with keys, for fuzzing.
pub(crate) fn fuzz_answers(bytes: &[u8]) {
    let _ = Answer::parse(bytes).map(|keys| keys.end_by(now() + EARLY));
    sts::fuzz_answer(bytes);
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
