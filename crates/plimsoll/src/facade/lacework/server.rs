//! A scan by a server: a token, a request, its status, its rows.
//!
//! Source: Lacework's API, version 2: `access/tokens`, `Vulnerabilities/Containers/scan`, `…/search`.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use plimsoll_http::{Client, Method, Options, Request, Response, Secret, Url, read_up_to};
use serde::Deserialize;
use serde_json::json;

use super::rows::{Asked, Row};
use crate::exit::{Exit, Failure};

/// The most bytes of one answer.
const MAX_ANSWER_BYTES: u64 = 256 << 20;
/// The most pages of one search.
const MAX_PAGES: usize = 1000;
/// How long a token is asked for.
const TOKEN_SECONDS: u32 = 3600;
/// How long is waited for a scan in all.
const MAX_WAIT: Duration = Duration::from_hours(1);
/// The first wait between two looks at a scan's status; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait between two looks.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// How long back rows are looked for.
const SEARCHED: Duration = Duration::from_hours(24);

/// Who asks.
#[derive(Clone, Debug)]
pub(super) enum Credential {
    /// A key, to be changed for a token.
    Key { id: String, secret: Secret },
    /// A token.
    Token(Secret),
}

/// A server, and the token it gave.
pub(super) struct Server {
    client: Client,
    base: Url,
    token: Secret,
    /// The account within the account.
    subaccount: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    token: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer<T> {
    data: T,
    message: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "fields have the API's names")]
struct Status {
    request_id: String,
    status: String,
    eval_guid: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Page {
    data: Vec<Row>,
    paging: Option<Paging>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Paging {
    urls: Option<Urls>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Urls {
    next_page: Option<String>,
}

/// A scan that a server has taken on.
pub(super) struct Requested {
    pub(super) id: String,
    pub(super) status: String,
}

impl Server {
    /// Logs in.
    pub(super) fn open(
        base: &str,
        credential: Credential,
        subaccount: Option<&str>,
        options: &Options,
    ) -> Result<Self, Failure> {
        let base = Url::parse(base).map_err(|expected| {
            let what = format!("cannot read `LW_API_SERVER_URL`: expected {expected}, found another text");
            Failure::new(Exit::Usage, anyhow!(what)).hint("as in `https://plimsoll.example`")
        })?;
        let client = Client::new(options);
        if base.scheme_text() == "http" && !client.plain_allowed(&base) {
            let what =
                format!("cannot ask `{}`: expected https, or a host that may be asked without", base.host());
            return Err(Failure::new(Exit::Usage, anyhow!(what))
                .hint("`insecure-http` in plimsoll.toml names such hosts"));
        }
        let mut server =
            Self { client, base, token: Secret::new(""), subaccount: subaccount.map(str::to_owned) };
        server.token = match credential {
            Credential::Token(token) => token,
            Credential::Key { id, secret } => {
                let body = json!({ "keyId": id, "expiryTime": TOKEN_SECONDS });
                let request = posted(&body).secret("x-lw-uaks", secret);
                let token: Token = server.ask("/api/v2/access/tokens", request)?;
                Secret::new(token.token)
            }
        };
        Ok(server)
    }

    /// Asks for a scan.
    pub(super) fn request(&self, asked: &Asked<'_>) -> Result<Requested, Failure> {
        let body = json!({ "registry": asked.registry, "repository": asked.repository, "tag": asked.tag });
        let answer: Answer<Status> =
            self.ask("/api/v2/Vulnerabilities/Containers/scan", self.signed(posted(&body)))?;
        if answer.data.request_id.is_empty() {
            let what = format!("there is a problem with the vulnerability scan: {}", answer.message);
            return Err(failure(what));
        }
        Ok(Requested { id: answer.data.request_id, status: answer.data.status })
    }

    /// Waits until it is done, and gives its name. `wait` is a pause that was asked for; else it grows.
    pub(super) fn wait(&self, request_id: &str, wait: Option<Duration>) -> Result<String, Failure> {
        let path = format!("/api/v2/Vulnerabilities/Containers/scan/{}", plimsoll_http::encode(request_id));
        let mut waited = Duration::ZERO;
        let mut next = wait.unwrap_or(FIRST_WAIT);
        loop {
            let answer: Answer<Status> = self.ask(&path, self.signed(Request::get()))?;
            match answer.data.status.as_str() {
                "completed" if !answer.data.eval_guid.is_empty() => return Ok(answer.data.eval_guid),
                "completed" | "scanning" => {}
                other => {
                    let other = if other.is_empty() { "Unknown" } else { other };
                    return Err(failure(format!(
                        "unable to get status: '{other}' from vulnerability scan. {}",
                        answer.message
                    )));
                }
            }
            if waited >= MAX_WAIT {
                let what = format!(
                    "the vulnerability scan `{request_id}` is not done after {} minutes",
                    MAX_WAIT.as_secs() / 60
                );
                return Err(failure(what));
            }
            std::thread::sleep(next);
            waited += next;
            next = wait.unwrap_or_else(|| (next * 2).min(LONGEST_WAIT));
        }
    }

    /// All rows of an assessment. Of a clean image there is one at least, which is no flaw.
    pub(super) fn rows(
        &self,
        guid: &str,
        request_id: &str,
        asked: &Asked<'_>,
        now: jiff::Timestamp,
    ) -> Result<Vec<Row>, Failure> {
        let start =
            jiff::Timestamp::from_second(now.as_second() - SEARCHED.as_secs().cast_signed()).unwrap_or(now);
        let end =
            jiff::Timestamp::from_second(now.as_second() + MAX_WAIT.as_secs().cast_signed()).unwrap_or(now);
        let image = if asked.tag.starts_with("sha256:") {
            "evalCtx.image_info.digest"
        } else {
            "evalCtx.image_info.tags[0]"
        };
        let filters: Vec<_> = [
            ("evalCtx.image_info.registry", asked.registry),
            ("evalGuid", guid),
            ("evalCtx.image_info.repo", asked.repository),
            ("evalCtx.is_reeval", "false"),
            ("evalCtx.scan_request_props.reqId", request_id),
            (image, asked.tag),
        ]
        .into_iter()
        .map(|(field, value)| json!({ "expression": "eq", "field": field, "value": value }))
        .collect();
        let body = json!({
            "timeFilter": { "startTime": start.to_string(), "endTime": end.to_string() },
            "filters": filters,
        });
        let mut rows = Vec::new();
        let mut page: Page =
            self.ask("/api/v2/Vulnerabilities/Containers/search", self.signed(posted(&body)))?;
        for _ in 0..MAX_PAGES {
            rows.append(&mut page.data);
            let next = page.paging.take().and_then(|paging| paging.urls?.next_page);
            // Wherever it says the next page is, this server is asked.
            let Some(next) = next.filter(|next| !next.is_empty()) else { break };
            let path = next
                .split_once("://")
                .map_or(next.as_str(), |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
            page = self.ask(path, self.signed(Request::get()))?;
        }
        if rows.is_empty() {
            return Err(failure(format!(
                "unable to fetch assessment results from evaluation with id '{guid}'"
            )));
        }
        rows.retain(Row::is_vulnerable);
        Ok(rows)
    }

    fn signed<'r>(&'r self, request: Request<'r>) -> Request<'r> {
        let request = request.authorization(Some(self.token.clone()));
        match &self.subaccount {
            Some(subaccount) => request.header("account-name", subaccount.as_str()),
            None => request,
        }
    }

    /// Asks, and reads the answer; none is the empty one.
    fn ask<T: for<'d> Deserialize<'d>>(&self, path: &str, request: Request<'_>) -> Result<T, Failure> {
        let url = self.base.join(path).map_err(|expected| {
            failure(format!("cannot ask the server for `{path}`: expected {expected}, found another text"))
        })?;
        let request = request.header("accept", "application/json");
        let what = format!("cannot ask `[{}] {url}`", request.method.as_str());
        let cannot = |error: anyhow::Error| Failure::new(Exit::CouldNotScan, error.context(what.clone()));
        let mut response: Response =
            self.client.send(&url, &request).map_err(|error| cannot(error.into()))?;
        if !(200..300).contains(&response.status) {
            let found = response.describe();
            return Err(Failure::new(
                Exit::CouldNotScan,
                anyhow!("{what}: expected its answer, found {found}"),
            ));
        }
        let body = read_up_to(&mut response.body, MAX_ANSWER_BYTES).map_err(|error| cannot(error.into()))?;
        let body = if body.trim_ascii().is_empty() { &b"{}"[..] } else { &body };
        serde_json::from_slice(body).context("expected JSON of the API").map_err(cannot)
    }
}

fn posted<'r>(body: &serde_json::Value) -> Request<'r> {
    Request::new(Method::Post).header("content-type", "application/json").bytes(body.to_string().into_bytes())
}

fn failure(what: String) -> Failure {
    Failure::new(Exit::CouldNotScan, anyhow!(what))
}
