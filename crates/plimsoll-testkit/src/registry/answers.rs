//! What the registry says to requests, before a fault spoils it.
//!
//! Source: OCI distribution-spec 1.1; Docker's "Token Authentication Specification".

use std::net::SocketAddr;

use serde_json::Value;

use super::{Auth, INDEX, Referrers, Request, State};
use crate::image::sha256;
use crate::loopback::{Answer, header, start_of};

/// The realm that stands for the registry's own token server.
const TOKEN_PATH: &str = "/token";

/// An answer of a media type.
pub(super) fn typed(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Answer {
    Answer::new(status, vec![header("Content-Type", media_type)], body)
}

/// A redirect.
pub(super) fn elsewhere(place: &str) -> Answer {
    typed(307, "text/html", "elsewhere").with("Location", place)
}

fn error(status: u16, code: &str) -> Answer {
    let body = format!(r#"{{"errors":[{{"code":"{code}","message":"as the test wants it"}}]}}"#);
    typed(status, "application/json", body)
}

impl State {
    /// The answer to a request; `address` is the registry's own.
    pub(super) fn answer(&mut self, request: &Request, body: Vec<u8>, address: SocketAddr) -> Answer {
        let path = request.path.split('?').next().unwrap_or_default();
        if path == TOKEN_PATH {
            return self.token(request);
        }
        if let Some(bytes) = self.files.get(path) {
            return self.bytes(bytes, request);
        }
        let Some(below) = path.strip_prefix("/v2/") else {
            return typed(404, "text/plain", "no such page");
        };
        if let Some(refusal) = self.refuse(request, below, address) {
            return refusal;
        }
        if matches!(request.method.as_str(), "POST" | "PUT") {
            let query = request.path.split_once('?').map_or("", |(_, query)| query);
            return self.take(&request.method, below, query, request.content_type.as_deref(), body);
        }
        if below.is_empty() {
            return typed(200, "application/json", "{}")
                .with("Docker-Distribution-Api-Version", "registry/2.0");
        }
        if below == "_catalog" {
            if let Some(status) = self.lists.refused {
                return error(status, "UNSUPPORTED");
            }
            let mut names: Vec<&str> =
                self.manifests.keys().filter_map(|key| key.split(['@', ':']).next()).collect();
            names.dedup();
            return self.page_of_names(&names, "repositories", None, &request.path, address);
        }
        if let Some(name) = below.strip_suffix("/tags/list") {
            let tags: Vec<&str> =
                self.manifests.keys().filter_map(|key| key.strip_prefix(name)?.strip_prefix(':')).collect();
            return self.page_of_names(&tags, "tags", Some(name), &request.path, address);
        }
        if let Some((name, reference)) = below.split_once("/manifests/") {
            let mark = if reference.contains(':') { '@' } else { ':' };
            return match self.manifests.get(&format!("{name}{mark}{reference}")) {
                Some((media_type, bytes)) => {
                    let digest = self.announced.clone().unwrap_or_else(|| sha256(bytes));
                    typed(200, media_type, bytes.clone()).with("Docker-Content-Digest", &digest)
                }
                None => error(404, "MANIFEST_UNKNOWN"),
            };
        }
        if let Some((name, subject)) =
            below.split_once("/referrers/").filter(|_| self.referrers != Referrers::Unknown)
        {
            let path = path.to_owned();
            return self.page_of_referrers(name, subject, &path, &request.path);
        }
        if let Some((name, digest)) = below.split_once("/blobs/") {
            let Some(bytes) = self.blobs.get(&format!("{name}@{digest}")) else {
                return error(404, "BLOB_UNKNOWN");
            };
            if let Some(place) = &self.blobs_elsewhere {
                let place = format!("{place}/{digest}?signature=secret");
                return elsewhere(&place);
            }
            return self.bytes(bytes, request);
        }
        error(404, "UNSUPPORTED")
    }

    /// Descriptors of the manifests whose subject is this one.
    pub(super) fn referrers_of(&self, name: &str, subject: &str) -> Vec<Value> {
        let of_name = |key: &str| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('@'));
        let held = self.manifests.iter().filter(|(key, _)| of_name(key));
        held.filter_map(|(_, (media_type, bytes))| {
            let json: Value = serde_json::from_slice(bytes).ok()?;
            (json["subject"]["digest"] == subject).then(|| {
                serde_json::json!({
                    "mediaType": media_type, "digest": sha256(bytes), "size": bytes.len(),
                    "artifactType": json["artifactType"], "annotations": json["annotations"],
                })
            })
        })
        .collect()
    }

    /// Source: OCI distribution-spec 1.1, "Listing Tags".
    fn page_of_names(
        &self,
        all: &[&str],
        named: &str,
        repository: Option<&str>,
        asked: &str,
        address: SocketAddr,
    ) -> Answer {
        let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
        let field =
            |name: &str| query.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        let number = field("n").and_then(|number| number.parse::<usize>().ok());
        if self.lists.most > 0 && number.is_some_and(|number| number > self.lists.most) {
            return error(400, "PAGINATION_NUMBER_INVALID");
        }
        let last = field("last");
        let start = last.map_or(0, |last| all.iter().take_while(|name| **name <= last).count());
        let most = if self.lists.on_page == 0 { all.len() } else { self.lists.on_page };
        let page: Vec<&str> = all.iter().skip(start).take(most).copied().collect();
        let mut body = serde_json::json!({ named: page });
        if let Some(repository) = repository {
            body["name"] = repository.into();
        }
        let answer = typed(200, "application/json", body.to_string());
        let next = match (&self.lists.next, page.last()) {
            (Some(next), _) => next.clone(),
            (None, Some(last)) if start + page.len() < all.len() => {
                let origin =
                    if self.lists.absolute_links { format!("http://{address}") } else { String::new() };
                format!("{origin}{path}?last={last}&n={most}")
            }
            (None, _) => return answer,
        };
        answer.with("Link", &format!("<{next}>; rel=\"next\""))
    }

    /// Source: OCI distribution-spec 1.1, "Listing Referrers".
    fn page_of_referrers(&self, name: &str, subject: &str, path: &str, asked: &str) -> Answer {
        let all = self.referrers_of(name, subject);
        let start = asked.split_once("?last=").and_then(|(_, last)| last.parse().ok()).unwrap_or(0);
        let most = if let Referrers::Paged(most) = self.referrers { most } else { all.len() };
        let end = all.len().min(start + most);
        let answer = typed(200, INDEX, index(all.get(start..end).unwrap_or_default()));
        if end < all.len() {
            answer.with("Link", &format!("<{path}?last={end}>; rel=\"next\""))
        } else {
            answer
        }
    }

    /// Source: OCI distribution-spec 1.1, "Push".
    fn take(
        &mut self,
        method: &str,
        below: &str,
        query: &str,
        content_type: Option<&str>,
        body: Vec<u8>,
    ) -> Answer {
        let field = |name: &str| {
            let value = query.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
            value.map(|value| value.replace("%3A", ":").replace("%2F", "/"))
        };
        if let Some(name) = below.strip_suffix("/blobs/uploads/").filter(|_| method == "POST") {
            if let (Some(digest), Some(from)) = (field("mount"), field("from"))
                && !self.without_mounts
                && let Some(bytes) = self.blobs.get(&format!("{from}@{digest}")).cloned()
            {
                self.blobs.insert(format!("{name}@{digest}"), bytes);
                return typed(201, "application/json", "");
            }
            self.begun += 1;
            let upload = format!("/v2/{name}/blobs/uploads/{}", self.begun);
            self.uploads.insert(upload.clone(), name.to_owned());
            return typed(202, "application/json", "").with("Location", &format!("{upload}?_state=held"));
        }
        if let Some(name) = self.uploads.get(&format!("/v2/{below}")).cloned().filter(|_| method == "PUT") {
            let digest = sha256(&body);
            if field("digest").as_ref() != Some(&digest) || field("_state").as_deref() != Some("held") {
                return error(400, "DIGEST_INVALID");
            }
            self.uploads.remove(&format!("/v2/{below}"));
            self.blobs.insert(format!("{name}@{digest}"), body);
            return typed(201, "application/json", "").with("Docker-Content-Digest", &digest);
        }
        if let Some((name, reference)) = below.split_once("/manifests/").filter(|_| method == "PUT") {
            let digest = sha256(&body);
            if reference.contains(':') && reference != digest {
                return error(400, "DIGEST_INVALID");
            }
            let Ok(json) = serde_json::from_slice::<Value>(&body) else {
                return error(400, "MANIFEST_INVALID");
            };
            let layers = json["layers"].as_array().cloned().unwrap_or_default();
            // Foreign layers stay where their addresses say.
            let is_here = |blob: &&Value| blob["urls"].as_array().is_none_or(Vec::is_empty);
            let named = layers.iter().filter(is_here).chain([&json["config"]]);
            let named = named.filter_map(|blob| blob["digest"].as_str());
            for blob in named {
                if !self.blobs.contains_key(&format!("{name}@{blob}")) {
                    return error(400, "MANIFEST_BLOB_UNKNOWN");
                }
            }
            let held = (content_type.unwrap_or_default().to_owned(), body);
            self.manifests.insert(format!("{name}@{digest}"), held.clone());
            if !reference.contains(':') {
                self.manifests.insert(format!("{name}:{reference}"), held);
            }
            let answer = typed(201, "application/json", "").with("Docker-Content-Digest", &digest);
            return match json["subject"]["digest"].as_str() {
                Some(subject) if self.referrers != Referrers::Unknown => answer.with("OCI-Subject", subject),
                _ => answer,
            };
        }
        error(404, "BLOB_UPLOAD_UNKNOWN")
    }

    fn bytes(&self, bytes: &[u8], request: &Request) -> Answer {
        let range = request.range.as_deref().filter(|_| !self.ignore_range);
        match range.and_then(start_of) {
            None => typed(200, "application/octet-stream", bytes),
            Some(start) if start < bytes.len() => {
                let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
                typed(206, "application/octet-stream", &bytes[start..]).with("Content-Range", &range)
            }
            Some(_) => error(416, "RANGE_INVALID"),
        }
    }

    fn refuse(&mut self, request: &Request, below: &str, address: SocketAddr) -> Option<Answer> {
        let given = request.authorization.as_deref().unwrap_or_default();
        match &self.auth {
            Auth::Open => None,
            Auth::Basic { user, password } => {
                let good = given == basic(user, password);
                (!good).then(|| {
                    error(401, "UNAUTHORIZED")
                        .with("WWW-Authenticate", "Basic realm=\"test, \\\"quoted\\\"\"")
                })
            }
            Auth::Bearer { .. } => {
                let pushes = matches!(request.method.as_str(), "POST" | "PUT");
                if given == format!("Bearer token-{}", self.tokens)
                    && self.tokens > 0
                    && self.token_uses > 0
                    && (!pushes || self.token_pushes)
                {
                    self.token_uses -= 1;
                    return None;
                }
                let name = below.split("/manifests/").next().and_then(|name| name.split("/blobs/").next());
                let challenge = format!(
                    r#"Bearer realm="http://{address}{TOKEN_PATH}",service="test",scope="repository:{}:{}""#,
                    name.unwrap_or_default(),
                    if pushes { "pull,push" } else { "pull" }
                );
                Some(error(401, "UNAUTHORIZED").with("WWW-Authenticate", &challenge))
            }
        }
    }

    fn token(&mut self, request: &Request) -> Answer {
        let Auth::Bearer { user, identity, uses } = &self.auth else {
            return error(404, "UNSUPPORTED");
        };
        let by_post = identity.as_ref().is_some_and(|identity| {
            request.method == "POST"
                && request.body.split('&').any(|field| field == "grant_type=refresh_token")
                && request.body.split('&').any(|field| field == format!("refresh_token={identity}"))
        });
        let by_user = match user {
            Some((user, password)) => {
                request.authorization.as_deref() == Some(basic(user, password).as_str())
            }
            None => identity.is_none(),
        };
        if !by_post && !by_user {
            return typed(401, "application/json", r#"{"details":"incorrect username or password"}"#);
        }
        self.token_uses = *uses;
        let scopes = format!("{} {}", request.path, request.body);
        self.token_pushes =
            !self.read_only && (scopes.contains("pull%2Cpush") || scopes.contains("pull,push"));
        self.tokens += 1;
        let name = if by_post { "access_token" } else { "token" };
        typed(200, "application/json", format!(r#"{{"{name}":"token-{}","expires_in":300}}"#, self.tokens))
    }
}

/// An index of these descriptors.
pub(super) fn index(manifests: &[Value]) -> String {
    serde_json::json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).to_string()
}

/// The header of HTTP Basic.
fn basic(user: &str, password: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = "Basic ".to_owned();
    for group in format!("{user}:{password}").as_bytes().chunks(3) {
        let bytes = [group[0], group.get(1).copied().unwrap_or(0), group.get(2).copied().unwrap_or(0)];
        let bits = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        for (place, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let sextet = (bits >> shift) & 63;
            let sextet = usize::try_from(sextet).expect("six bits are a small number");
            out.push(if place <= group.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_is_base64_of_the_pair() {
        assert_eq!(basic("Aladdin", "open sesame"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(basic("u", "p"), "Basic dTpw");
    }
}
