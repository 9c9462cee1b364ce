//! One repository of a registry: manifests and blobs, and being let in.
//!
//! Source: OCI distribution-spec 1.1, "Pull" and "Push"; Distribution, "Token Authentication Specification" and "`OAuth2` Token
//! Authentication".

use std::io::Read;
use std::sync::Mutex;

use base64::Engine as _;
use plimsoll_http::{
    ConnectionFailure, Error as HttpError, Request, Response, Scheme, Url, encode, is_loopback, read_up_to,
};
use plimsoll_model::Digest;
use serde::Deserialize;

use super::challenge::{self, Bearer, Challenge};
use crate::credentials::{self, Credential, Lookup};
use crate::manifest::{
    self, DOCKER_LIST, DOCKER_MANIFEST, Descriptor, MAX_MANIFEST_BYTES, OCI_INDEX, OCI_MANIFEST,
};
use crate::resolve::{Store, check_blob};
use crate::{Error, Options, Reference, Secret, verify};

/// How often one request may be answered by `401` before it is given up: without a token, with one that has expired,
/// with a new one.
const MAX_AUTHORIZATIONS: usize = 3;
/// The most bytes of a token server's answer.
const MAX_TOKEN_BYTES: u64 = 256 << 10;
/// What we call ourselves to token servers.
const CLIENT_ID: &str = "plimsoll";

/// One repository of a registry.
pub(crate) struct Client {
    pub(crate) http: plimsoll_http::Client,
    options: Options,
    pub(crate) reference: Reference,
    purpose: Purpose,
    state: Mutex<State>,
}

/// What a repository is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Pull,
    /// To write as well, which a token must allow.
    Push,
}

/// How to be let in, as far as it is known.
#[derive(Default)]
struct State {
    /// Whether the registry is asked without TLS; `None` before the first answer.
    plain: Option<bool>,
    /// The header to send.
    authorization: Option<Secret>,
    /// Counts the headers there have been, so that of several readers that meet an expired one, one renews it.
    generation: u64,
    /// Asked of files and helpers when the registry first wants them.
    lookup: Option<Lookup>,
    /// Whether the registry said that it asks nobody who he is.
    open: bool,
}

/// A manifest as the registry gave it.
pub(crate) struct FetchedManifest {
    pub(crate) bytes: Vec<u8>,
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}

impl Client {
    pub(crate) fn new(reference: &Reference, options: &Options, purpose: Purpose) -> Self {
        Self {
            http: plimsoll_http::Client::new(&options.http),
            options: options.clone(),
            reference: reference.clone(),
            purpose,
            state: Mutex::default(),
        }
    }

    /// The manifest under a tag or digest. Its digest is compared with what was asked, and with what the registry
    /// says it is.
    pub(crate) fn manifest(&self, wanted: &str) -> Result<FetchedManifest, Error> {
        self.manifest_of(wanted, &[OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST].join(", "))
    }

    /// As [`Client::manifest`], of the media types in `accept`.
    pub(crate) fn manifest_of(&self, wanted: &str, accept: &str) -> Result<FetchedManifest, Error> {
        let request = Request::get().header("accept", accept);
        let mut response = self.ask(&format!("manifests/{wanted}"), request)?;
        self.check_status(&mut response)?;
        let announced = response.header("docker-content-digest").and_then(|text| text.parse::<Digest>().ok());
        let media_type = response.media_type();
        let subject = self.reference.to_string();
        let url = response.url.clone();
        let bytes = read_bounded(response.body, MAX_MANIFEST_BYTES, "manifest", &subject, &url)?;
        let digest = match wanted.parse::<Digest>() {
            Ok(wanted) => {
                verify::check(&bytes, &wanted, "manifest")?;
                wanted
            }
            Err(_) => match announced {
                Some(announced) => {
                    verify::check(&bytes, &announced, "manifest")?;
                    announced
                }
                None => verify::sha256(&bytes),
            },
        };
        Ok(FetchedManifest { bytes, media_type, digest })
    }

    /// The answer to a request for a blob from byte `from` on; its status is 200, 206, 404 or 416.
    pub(crate) fn blob(&self, digest: &Digest, from: u64) -> Result<Response, Error> {
        let mut response = self.ask(&format!("blobs/{digest}"), Request::get().from_byte(from))?;
        if !matches!(response.status, 404 | 416) {
            self.check_status(&mut response)?;
        }
        Ok(response)
    }

    /// As [`Client::blob`], from another address and without credentials.
    pub(crate) fn foreign_blob(&self, url: &Url, from: u64) -> Result<Response, Error> {
        if url.scheme == Scheme::Http && !self.http.plain_allowed(url) {
            return Err(HttpError::Redirect {
                from: format!("a layer of {}", self.reference),
                expected: "an https address",
                found: format!("`{url}`"),
            }
            .into());
        }
        let mut response = self.http.send(url, &Request::get().from_byte(from))?;
        if !matches!(response.status, 404 | 416) {
            self.check_status(&mut response)?;
        }
        Ok(response)
    }

    /// The error for a layer that is nowhere.
    pub(crate) fn missing_blob(&self, digest: &Digest) -> Error {
        Error::NotFound {
            reference: format!("{}/{}@{digest}", self.reference.registry(), self.reference.repository()),
            answer: "the registry does not have this blob, which the manifest names".to_owned(),
        }
    }

    pub(crate) fn check_status(&self, response: &mut Response) -> Result<(), Error> {
        self.check_status_of(response, &self.reference.to_string())
    }

    /// As [`Client::check_status`], of something that is not named by the reference.
    pub(crate) fn check_status_of(&self, response: &mut Response, subject: &str) -> Result<(), Error> {
        let subject = || subject.to_owned();
        let json_or_bytes = !response.is_web_page();
        match response.status {
            200 | 206 if json_or_bytes => Ok(()),
            200 | 206 => Err(Error::NotRegistry {
                subject: response.url.to_string(),
                expected: "an answer of a registry",
                found: response.media_type(),
            }),
            404 if !json_or_bytes => Err(Error::NotRegistry {
                subject: response.url.to_string(),
                expected: "an answer of a registry",
                found: format!("status 404 and {}", response.media_type()),
            }),
            404 => Err(Error::NotFound {
                reference: subject(),
                answer: format!("the registry answered {}", response.describe()),
            }),
            401 | 403 => {
                Err(Error::Denied { subject: subject(), answer: response.describe(), tried: self.tried() })
            }
            status => {
                Err(Error::Status { subject: response.url.to_string(), answer: response.describe(), status })
            }
        }
    }

    /// Asks for something below the repository, and lets itself be let in.
    pub(crate) fn ask(&self, below: &str, request: Request<'_>) -> Result<Response, Error> {
        self.ask_path(&format!("/v2/{}/{below}", self.reference.repository()), request)
    }

    /// As [`Client::ask`], with the path from the registry's root, as its answers give it.
    pub(crate) fn ask_path(&self, path: &str, mut request: Request<'_>) -> Result<Response, Error> {
        let mut asked_again = false;
        let mut authorizations = 0;
        loop {
            let generation = {
                let state = self.state();
                request.authorization.clone_from(&state.authorization);
                state.generation
            };
            let mut response = self.send(path, &request)?;
            let own = self.is_own(&response.url);
            match response.status {
                401 if own && authorizations < MAX_AUTHORIZATIONS => {
                    authorizations += 1;
                    let challenges = challenges(&response);
                    self.authorize(generation, &challenges, &mut response)?;
                }
                // Some registries hide what they would show to a known user, and ask nobody who he is.
                403 | 404 if own && generation == 0 && !asked_again && self.may_hide() => {
                    asked_again = true;
                    let mut ping = self.send("/v2/", &Request::get())?;
                    if ping.status != 401 {
                        self.state().open = true;
                        return Ok(response);
                    }
                    let challenges = challenges(&ping);
                    self.authorize(generation, &challenges, &mut ping)?;
                }
                _ => return Ok(response),
            }
        }
    }

    /// Sends to the registry, over TLS or not.
    ///
    /// Loopback is asked without TLS first, and with it where that is not understood: it costs nothing there, and
    /// needs no certificates. Hosts the user named as insecure are asked without.
    fn send(&self, path: &str, request: &Request<'_>) -> Result<Response, Error> {
        let authority = self.reference.registry_host().to_owned();
        let address = |plain: bool| {
            let scheme = if plain { Scheme::Http } else { Scheme::Https };
            Url::of(scheme, authority.clone(), path.to_owned())
        };
        let known = self.state().plain;
        let plain = known.unwrap_or_else(|| self.http.plain_allowed(&address(true)));
        let url = address(plain);
        let result = self.http.send(&url, request);
        if known.is_some() {
            return Ok(result?);
        }
        let wants_tls = plain
            && is_loopback(url.host())
            && match &result {
                Ok(response) => {
                    response.status == 400 && response.header("docker-distribution-api-version").is_none()
                }
                Err(HttpError::Connection { failure: ConnectionFailure::Transport, .. }) => true,
                Err(_) => false,
            };
        if wants_tls {
            match self.http.send(&address(false), request) {
                Ok(response) => {
                    self.state().plain = Some(false);
                    return Ok(response);
                }
                // It does speak TLS: that says more than what it said in the plain.
                Err(error) if is_certificate_error(&error) => return Err(error.into()),
                Err(_) => {}
            }
        }
        if result.is_ok() {
            self.state().plain = Some(plain);
        }
        Ok(result?)
    }

    pub(crate) fn is_own(&self, url: &Url) -> bool {
        let text = format!("{}://{}/", url.scheme_text(), self.reference.registry_host());
        Url::parse(&text).is_ok_and(|own| own.same_origin(url))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// Whether we could say who we are, and the registry may want to know.
    fn may_hide(&self) -> bool {
        let mut state = self.state();
        !state.open && self.look_up(&mut state).found.is_some()
    }

    fn look_up<'a>(&self, state: &'a mut State) -> &'a Lookup {
        state.lookup.get_or_insert_with(|| credentials::lookup(&self.options, &self.reference))
    }

    /// What was tried to be let in, for an error.
    pub(crate) fn tried(&self) -> String {
        let state = self.state();
        let Some(lookup) = &state.lookup else { return "anonymously".to_owned() };
        match &lookup.found {
            Some((_, place)) => format!("with the credentials of {place}"),
            None if lookup.troubles.is_empty() => "anonymously, since no credentials were found".to_owned(),
            None => format!("anonymously, since {}", lookup.troubles.join(", ")),
        }
    }

    /// Makes the header for what the registry wants. `generation` is that of the header it refused.
    fn authorize(
        &self,
        generation: u64,
        challenges: &[Challenge],
        refused: &mut Response,
    ) -> Result<(), Error> {
        let mut state = self.state();
        if state.generation != generation {
            return Ok(());
        }
        let found = self.look_up(&mut state).found.clone();
        let bearer = challenges.iter().find_map(|challenge| match challenge {
            Challenge::Bearer(bearer) => Some(bearer),
            _ => None,
        });
        let header = if let Some(bearer) = bearer {
            // The lock is held: other readers wait for the one token.
            match self.token(bearer, found.as_ref().map(|(credential, _)| credential)) {
                Ok(token) => Ok(Secret::new(format!("Bearer {}", token.expose()))),
                Err(TokenFailure::Denied(answer)) => Err(answer),
                Err(TokenFailure::Other(error)) => return Err(*error),
            }
        } else if challenges.contains(&Challenge::Basic) {
            match &found {
                Some((Credential::Password { user, password }, _)) if state.authorization.is_none() => {
                    Ok(basic(user, password))
                }
                _ => Err(refused.describe()),
            }
        } else {
            let spoken = challenges.iter().find_map(|challenge| match challenge {
                Challenge::Other(scheme) => Some(scheme.as_str()),
                _ => None,
            });
            Err(match spoken {
                Some(scheme) => {
                    format!("{} with the unknown scheme `{}`", refused.describe(), manifest::clip(scheme))
                }
                None => refused.describe(),
            })
        };
        match header {
            Ok(header) => {
                state.authorization = Some(header);
                state.generation += 1;
                Ok(())
            }
            Err(answer) => {
                drop(state);
                Err(Error::Denied { subject: self.reference.to_string(), answer, tried: self.tried() })
            }
        }
    }

    /// Fetches a token. Its server may be another host than the registry, but only an encrypted one, unless the
    /// registry itself is not.
    fn token(&self, bearer: &Bearer, credential: Option<&Credential>) -> Result<Secret, TokenFailure> {
        if let Some(Credential::Access(token)) = credential {
            return Ok(token.clone());
        }
        let url = Url::parse(&bearer.realm).map_err(|found| {
            TokenFailure::from(Error::Content {
                what: "authentication challenge",
                subject: self.reference.registry().to_owned(),
                expected: "the address of a token server".to_owned(),
                found: found.to_owned(),
            })
        })?;
        if url.scheme == Scheme::Http && !self.http.plain_allowed(&url) {
            return Err(HttpError::Redirect {
                from: self.reference.registry().to_owned(),
                expected: "a token server with an https address",
                found: format!("`{url}`"),
            }
            .into());
        }
        let scope = scope(&bearer.scope, self.reference.repository(), self.purpose);
        let mut response = match credential {
            Some(Credential::Identity(token)) => {
                let form = format!(
                    "grant_type=refresh_token&service={}&client_id={CLIENT_ID}&scope={}&refresh_token={}",
                    encode(&bearer.service),
                    encode(&scope),
                    encode(token.expose())
                );
                self.http.send(&url, &Request::form(Secret::new(form)))?
            }
            credential => {
                let mut url = url;
                let mut query = String::new();
                if !bearer.service.is_empty() {
                    query = format!("service={}", encode(&bearer.service));
                }
                for scope in scope.split(' ').filter(|scope| !scope.is_empty()) {
                    query =
                        format!("{query}{}scope={}", if query.is_empty() { "" } else { "&" }, encode(scope));
                }
                let mut authorization = None;
                if let Some(Credential::Password { user, password }) = credential {
                    query = format!("{query}&account={}&client_id={CLIENT_ID}", encode(user));
                    authorization = Some(basic(user, password));
                }
                url.path = format!("{}{}{query}", url.path, if url.path.contains('?') { "&" } else { "?" });
                self.http.send(&url, &Request::get().authorization(authorization))?
            }
        };
        if matches!(response.status, 400 | 401 | 403) {
            let answer = response.describe();
            return Err(TokenFailure::Denied(format!(
                "the token server `{}` answered {answer}",
                response.url
            )));
        }
        self.check_status(&mut response)?;
        let subject = response.url.to_string();
        let from = response.url.clone();
        let bytes = read_bounded(response.body, MAX_TOKEN_BYTES, "token", &subject, &from)?;
        let answer: Option<TokenAnswer> = serde_json::from_slice(&bytes).ok();
        let token = answer.and_then(|answer| {
            answer
                .token
                .filter(|token| !token.is_empty())
                .or(answer.access_token)
                .filter(|token| !token.is_empty())
        });
        // A token goes into a header: it is printable, or it is none.
        let token = token.filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()));
        token.map(Secret::new).ok_or_else(|| {
            TokenFailure::from(Error::Content {
                what: "token",
                subject,
                expected: "JSON with `token` or `access_token`".to_owned(),
                found: "neither".to_owned(),
            })
        })
    }
}

/// Why there is no token.
enum TokenFailure {
    /// The token server refused; holds what it answered.
    Denied(String),
    Other(Box<Error>),
}

impl From<Error> for TokenFailure {
    fn from(error: Error) -> Self {
        Self::Other(Box::new(error))
    }
}

impl From<HttpError> for TokenFailure {
    fn from(error: HttpError) -> Self {
        Error::from(error).into()
    }
}

impl Store for Client {
    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        let fetched = Self::manifest(self, descriptor.digest.as_str())?;
        check_blob(&fetched.bytes, descriptor, "manifest")?;
        Ok(fetched.bytes)
    }

    fn blob(&self, descriptor: &Descriptor, max_bytes: u64, what: &'static str) -> Result<Vec<u8>, Error> {
        if descriptor.size > max_bytes {
            return Err(Error::Size {
                what,
                digest: descriptor.digest.to_string(),
                expected: max_bytes,
                found: format!("{} bytes, which is more than is read", descriptor.size),
            });
        }
        let mut reader =
            super::blob::BlobReader::new(self, descriptor.digest.clone(), descriptor.size, Vec::new(), what);
        let bytes =
            read_up_to(&mut reader, max_bytes + 1).map_err(|error| super::blob::unwrap_io(error, what))?;
        check_blob(&bytes, descriptor, what)?;
        Ok(bytes)
    }
}

/// What a token is to allow: what the registry wants, and for pushing that from the first token on, so that those who
/// read and those who write do not take turns in asking for another one.
fn scope(wanted: &str, repository: &str, purpose: Purpose) -> String {
    match purpose {
        Purpose::Pull if wanted.is_empty() => format!("repository:{repository}:pull"),
        Purpose::Pull => wanted.to_owned(),
        Purpose::Push => {
            let own = format!("repository:{repository}:");
            let mut scopes = vec![format!("{own}pull,push")];
            let others = wanted.split(' ').filter(|scope| !scope.is_empty() && !scope.starts_with(&own));
            scopes.extend(others.map(str::to_owned));
            scopes.join(" ")
        }
    }
}

fn challenges(response: &Response) -> Vec<Challenge> {
    response.headers("www-authenticate").flat_map(challenge::parse).collect()
}

/// Whether all is well but the trust.
fn is_certificate_error(error: &HttpError) -> bool {
    matches!(error, HttpError::Certificate { .. } | HttpError::Certificates { .. })
}

fn basic(user: &str, password: &Secret) -> Secret {
    let pair = format!("{user}:{}", password.expose());
    Secret::new(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
}

/// Reads a small answer whole.
pub(crate) fn read_bounded(
    body: impl Read,
    max_bytes: u64,
    what: &'static str,
    subject: &str,
    url: &Url,
) -> Result<Vec<u8>, Error> {
    let bytes = read_up_to(body, max_bytes + 1).map_err(|source| HttpError::Connection {
        subject: url.to_string(),
        failure: ConnectionFailure::Transport,
        source: Box::new(source),
    })?;
    if bytes.len() as u64 > max_bytes {
        return Err(Error::Content {
            what,
            subject: subject.to_owned(),
            expected: format!("at most {max_bytes} bytes"),
            found: "more".to_owned(),
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_for_pushing_allows_to_push_from_the_start() {
        for (wanted, purpose, expected) in [
            ("", Purpose::Pull, "repository:a/b:pull"),
            ("repository:a/b:pull", Purpose::Pull, "repository:a/b:pull"),
            ("", Purpose::Push, "repository:a/b:pull,push"),
            ("repository:a/b:pull", Purpose::Push, "repository:a/b:pull,push"),
            ("repository:a/b:pull,push", Purpose::Push, "repository:a/b:pull,push"),
            (
                "repository:x:pull repository:a/b:pull",
                Purpose::Push,
                "repository:a/b:pull,push repository:x:pull",
            ),
        ] {
            assert_eq!(scope(wanted, "a/b", purpose), expected, "{wanted}");
        }
    }
}
