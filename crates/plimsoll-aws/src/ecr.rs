//! Amazon's container registry: a login for registries, their repositories and images.
//!
//! Source: Amazon ECR API Reference, `GetAuthorizationToken`, `DescribeRepositories`, `DescribeImages`; Amazon ECR User
//! Guide, "Private registry authentication".

use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use plimsoll_http::Secret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::credentials::now;
use crate::service::{Ask, Service};
use crate::{Aws, Error};

/// Entries of one page.
const PAGE: u32 = 1000;
/// Pages of one list: a million entries.
const MAX_PAGES: usize = 1000;
/// Digits of an account.
const ACCOUNT_DIGITS: usize = 12;
/// A login is fetched anew so long before it ends.
const EARLY: SignedDuration = SignedDuration::from_mins(30);
/// How long a login is kept that does not say when it ends.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

const ECR: Service = Service {
    host: "api.ecr",
    signed: "ecr",
    variable: "ECR",
    target: "AmazonEC2ContainerRegistry_V20150921",
};

/// A private registry of ECR, as its host names it: `123456789012.dkr.ecr.eu-central-1.amazonaws.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcrRegistry {
    /// The account whose registry it is.
    pub account: String,
    /// Where it lies.
    pub region: String,
}

impl EcrRegistry {
    /// The registry of a host; `None` for a host that is none of Amazon's. `public.ecr.aws` is none of these: it lets
    /// everybody pull, and has no account's list.
    pub fn of_host(host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let ends = [".amazonaws.com", ".amazonaws.com.cn", ".on.aws", ".on.amazonwebservices.com.cn"];
        let rest = ends.iter().find_map(|end| host.strip_suffix(end))?;
        let (account, rest) = rest.split_once('.')?;
        // With addresses of both kinds (`on.aws`) hosts have one label less.
        let kinds = ["dkr.ecr.", "dkr.ecr-fips.", "dkr-ecr.", "dkr-ecr-fips."];
        let region = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
        let is_account = account.len() == ACCOUNT_DIGITS && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_region =
            !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (is_account && is_region).then(|| Self { account: account.to_owned(), region: region.to_owned() })
    }
}

/// What lets in: a name and a password, as Docker's `login` takes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// `AWS`.
    pub user: String,
    /// The token.
    pub password: Secret,
}

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EcrRepository {
    /// Its name in the registry: `team/app`.
    #[serde(rename = "repositoryName")]
    pub name: String,
    /// Its ARN.
    #[serde(default, rename = "repositoryArn")]
    pub arn: String,
}

/// An image, or what else lies in a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EcrImage {
    /// Digest of its manifest: `sha256:…`.
    pub digest: String,
    /// Its tags, sorted; none where it is reached by its digest alone.
    pub tags: Vec<String>,
    /// Media type of its manifest, where it is told.
    pub media_type: Option<String>,
    /// When it was pushed, where it is told.
    pub pushed: Option<Timestamp>,
    /// Its size as it is stored, in bytes; 0 where it is not told.
    pub size_bytes: u64,
}

#[derive(Serialize)]
struct GetAuthorizationToken {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tokens {
    #[serde(default)]
    authorization_data: Vec<Token>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    authorization_token: Option<String>,
    /// Seconds since 1970.
    expires_at: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    registry_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository_name: Option<&'a str>,
    max_results: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Deserialize)]
struct Listed<T> {
    #[serde(alias = "repositories", alias = "imageDetails", default = "Vec::new")]
    entries: Vec<T>,
    #[serde(default, rename = "nextToken")]
    next_token: Option<String>,
}

#[derive(Deserialize)]
struct ImageDetail {
    #[serde(rename = "imageDigest")]
    digest: String,
    #[serde(default, rename = "imageTags")]
    tags: Option<Vec<String>>,
    #[serde(default, rename = "imageManifestMediaType")]
    media_type: Option<String>,
    /// Seconds since 1970.
    #[serde(default, rename = "imagePushedAt")]
    pushed: Option<f64>,
    #[serde(default, rename = "imageSizeInBytes")]
    size_bytes: Option<u64>,
}

impl Aws {
    /// What lets into a registry. It holds for all registries of the region that these credentials may use, and is kept
    /// until it nearly ends.
    ///
    /// # Errors
    /// [`Error`].
    pub fn ecr_login(&self, registry: &EcrRegistry) -> Result<Login, Error> {
        // Held meanwhile: many readers at once ask for a token once.
        let mut logins = self.logins.lock().expect("no holder of this lock panics");
        let now = now();
        if let Some((login, until)) = logins.get(&registry.region)
            && *until > now
        {
            return Ok(login.clone());
        }
        let what = format!("get a token for ECR in `{}`", registry.region);
        let ask = Ask {
            service: &ECR,
            action: "GetAuthorizationToken",
            permission: "ecr:GetAuthorizationToken",
            what: &what,
            region: Some(&registry.region),
            body: &GetAuthorizationToken {},
        };
        let answer: Tokens = self.ask(&ask)?;
        let token = answer.authorization_data.into_iter().next();
        let ends = token.as_ref().and_then(|token| instant(token.expires_at?));
        let login =
            token.and_then(|token| login(&token.authorization_token?)).ok_or_else(|| Error::Answer {
                action: what.clone(),
                address: "ECR".to_owned(),
                expected: "a token of a user and a password",
                found: "none".to_owned(),
            })?;
        let until = ends.and_then(|ends| ends.checked_sub(EARLY).ok()).unwrap_or(now + KEPT);
        logins.insert(registry.region.clone(), (login.clone(), until));
        Ok(login)
    }

    /// All repositories of a registry, by name.
    ///
    /// # Errors
    /// [`Error`].
    pub fn ecr_repositories(&self, registry: &EcrRegistry) -> Result<Vec<EcrRepository>, Error> {
        let what = format!(
            "list the repositories of ECR's registry `{}` in `{}`",
            registry.account, registry.region
        );
        let list = List {
            action: "DescribeRepositories",
            permission: "ecr:DescribeRepositories",
            what: &what,
            registry,
            repository: None,
        };
        let mut found: Vec<EcrRepository> = self.all(&list)?;
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// All images of a repository, by digest, those without tags as well.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_missing`] where there is no such repository.
    pub fn ecr_images(&self, registry: &EcrRegistry, repository: &str) -> Result<Vec<EcrImage>, Error> {
        let what = format!("list the images of ECR's repository `{repository}` in `{}`", registry.region);
        let list = List {
            action: "DescribeImages",
            permission: "ecr:DescribeImages",
            what: &what,
            registry,
            repository: Some(repository),
        };
        let details: Vec<ImageDetail> = self.all(&list)?;
        let mut found: Vec<EcrImage> = details.into_iter().map(EcrImage::from).collect();
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// All pages of a list.
    fn all<T: DeserializeOwned>(&self, list: &List<'_>) -> Result<Vec<T>, Error> {
        let wrong = |expected, found: &str| Error::Answer {
            action: list.what.to_owned(),
            address: "ECR".to_owned(),
            expected,
            found: found.to_owned(),
        };
        let mut body = Page {
            registry_id: &list.registry.account,
            repository_name: list.repository,
            max_results: PAGE,
            next_token: None,
        };
        let mut entries = Vec::new();
        for _ in 0..MAX_PAGES {
            let page: Listed<T> = self.ask(&Ask {
                service: &ECR,
                action: list.action,
                permission: list.permission,
                what: list.what,
                region: Some(&list.registry.region),
                body: &body,
            })?;
            entries.extend(page.entries);
            match page.next_token.filter(|token| !token.is_empty()) {
                None => return Ok(entries),
                Some(next) if body.next_token.as_ref() == Some(&next) => {
                    return Err(wrong("another page", "the same one again"));
                }
                next => body.next_token = next,
            }
        }
        Err(wrong("at most 1000 pages", "more"))
    }
}

struct List<'a> {
    action: &'static str,
    permission: &'static str,
    what: &'a str,
    registry: &'a EcrRegistry,
    repository: Option<&'a str>,
}

impl From<ImageDetail> for EcrImage {
    fn from(detail: ImageDetail) -> Self {
        let mut tags = detail.tags.unwrap_or_default();
        tags.sort();
        tags.dedup();
        Self {
            digest: detail.digest,
            tags,
            media_type: detail.media_type,
            pushed: detail.pushed.and_then(instant),
            size_bytes: detail.size_bytes.unwrap_or(0),
        }
    }
}

/// User and password of a token: Base64 of both with a colon between.
fn login(token: &str) -> Option<Login> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(token.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    let is_sent = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    (is_sent(user) && is_sent(password))
        .then(|| Login { user: user.to_owned(), password: Secret::new(password) })
}

/// An instant from seconds since 1970 with a fraction.
fn instant(seconds: f64) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "what is too large for an instant is none")]
    Timestamp::from_millisecond((seconds * 1000.0) as i64).ok()
}

/// Reads answers, for fuzzing.
pub(crate) fn fuzz_answers(bytes: &[u8]) {
    if let Ok(tokens) = serde_json::from_slice::<Tokens>(bytes) {
        for token in tokens.authorization_data {
            let ends = token.expires_at.and_then(instant);
            let _ = ends.and_then(|ends| ends.checked_sub(EARLY).ok());
            let _ = token.authorization_token.and_then(|token| login(&token));
        }
    }
    let _ = serde_json::from_slice::<Listed<EcrRepository>>(bytes).map(|page| page.entries);
    if let Ok(page) = serde_json::from_slice::<Listed<ImageDetail>>(bytes) {
        let _ = page.entries.into_iter().map(EcrImage::from).max();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_amazon_alone_are_registries() {
        for (host, expected) in [
            ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", Some("eu-central-1")),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("123456789012.DKR.ecr.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", Some("us-east-1")),
            ("123456789012.dkr-ecr.us-east-1.on.aws", Some("us-east-1")),
            ("public.ecr.aws", None),
            ("12345678901.dkr.ecr.us-east-1.amazonaws.com", None),
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.example", None),
            ("123456789012.dkr.ecr.us-east-1.evil.amazonaws.com", None),
            ("123456789012.dkr.ecr.evil.example", None),
            ("123456789012.dkr.ecr..amazonaws.com", None),
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com:443", None),
            ("xdkr.ecr.us-east-1.amazonaws.com", None),
            ("", None),
        ] {
            let found = EcrRegistry::of_host(host).map(|registry| registry.region);
            assert_eq!(found.as_deref(), expected, "{host}");
        }
    }

    #[test]
    fn a_token_is_a_user_and_a_password() {
        // `AWS:hunter2`, `AWS`, `AWS:`, `AWS:a` with a line end.
        for (token, expected) in [
            ("QVdTOmh1bnRlcjI=", Some("hunter2")),
            ("QVdT", None),
            ("QVdTOg==", None),
            ("QVdTOmEK", None),
            ("<html>", None),
            ("", None),
        ] {
            let found = login(token);
            assert_eq!(found.as_ref().map(|login| login.password.expose()), expected, "{token}");
            assert!(!format!("{found:?}").contains("hunter2"));
        }
        assert_eq!(instant(1_700_000_000.5).unwrap().to_string(), "2023-11-14T22:13:20.5Z");
        for seconds in [f64::NAN, f64::INFINITY, 1e300] {
            // NaN is 0 as a whole number.
            assert!(instant(seconds).is_none_or(|instant| instant == Timestamp::UNIX_EPOCH), "{seconds}");
        }
    }
}
