//! One request to a service: signed, sent, asked again where it has too much to do.
//!
//! Source: AWS JSON 1.1 protocol (Smithy, "AWS JSON 1.1 protocol"); AWS General Reference, "Service endpoints and quotas".

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Mutex;

use jiff::Timestamp;
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::{HttpRequest, HttpRequestBody};
use plimsoll_http::{Client, Method, Policy, Request, Secret, Url, read_up_to};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::credentials::Chain;
use crate::credentials::sts::text_of;
use crate::ecr::Login;
use crate::profile::Profiles;
use crate::{DEFAULT_REGION, Error, Options};

/// The largest answer that is read, in bytes: a thousand images with their tags.
const MAX_ANSWER_BYTES: u64 = 32 << 20;
/// The most characters of a service's message that are told.
const MAX_MESSAGE_CHARS: usize = 300;
/// Codes with which services ask for patience, with status 400 many of them.
///
/// Source: AWS SDKs and Tools Reference Guide, "Retry behavior".
const THROTTLED: [&str; 10] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "SlowDown",
];

/// A service, by its several names.
pub(crate) struct Service {
    /// In hosts: `api.ecr`.
    pub(crate) host: &'static str,
    /// In signatures: `ecr`.
    pub(crate) signed: &'static str,
    /// In variables: `AWS_ENDPOINT_URL_ECR`.
    pub(crate) variable: &'static str,
    /// Before actions: `AmazonEC2ContainerRegistry_V20150921`.
    pub(crate) target: &'static str,
}

/// What is asked of a service.
pub(crate) struct Ask<'a, B> {
    pub(crate) service: &'a Service,
    /// `GetParameters`.
    pub(crate) action: &'static str,
    /// What has to be allowed.
    pub(crate) permission: &'static str,
    /// For errors: ``read parameter `/a` ``.
    pub(crate) what: &'a str,
    /// None: the region that is set.
    pub(crate) region: Option<&'a str>,
    pub(crate) body: &'a B,
}

/// Services of AWS, asked with one set of credentials. One for a whole run, for several threads.
pub struct Aws {
    pub(crate) options: Options,
    profiles: Profiles,
    chain: Chain,
    http: Client,
    policy: Policy,
    /// Logins of ECR by region, until they end.
    pub(crate) logins: Mutex<BTreeMap<String, (Login, Timestamp)>>,
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aws").field("region", &self.region()).finish_non_exhaustive()
    }
}

impl Aws {
    /// One that has asked nobody yet. Profiles are read.
    ///
    /// # Errors
    /// [`Error::Credentials`] where the files of profiles cannot be read.
    pub fn new(options: &Options) -> Result<Self, Error> {
        let profiles = Profiles::read(&options.variables, options.profile.as_deref())?;
        let region = region_of(options, &profiles).unwrap_or(DEFAULT_REGION).to_owned();
        let http = plimsoll_http::Options {
            ca_certificates: options.ca_certificates.clone(),
            connect_timeout: options.connect_timeout,
            retries: options.retries,
            back_off: options.back_off,
            ..plimsoll_http::Options::from_env()
        };
        Ok(Self {
            chain: Chain::new(options, profiles.clone(), &region),
            profiles,
            http: Client::new(&http),
            policy: Policy::new(&http),
            options: options.clone(),
            logins: Mutex::default(),
        })
    }

    /// The region that is set: by an option, the environment, the profile.
    pub fn region(&self) -> Option<&str> {
        region_of(&self.options, &self.profiles)
    }

    /// Asks, and reads the answer.
    pub(crate) fn ask<B: Serialize, A: DeserializeOwned>(&self, ask: &Ask<'_, B>) -> Result<A, Error> {
        let region = ask
            .region
            .or_else(|| self.region())
            .ok_or_else(|| Error::NoRegion { action: ask.what.to_owned() })?;
        let address = self.address(ask.service, region)?;
        let body = serde_json::to_vec(ask.body).expect("requests of ours are JSON");
        let mut attempt = 0;
        loop {
            let (status, header, answer) = self.send(ask, &address, region, &body)?;
            if status == 200 {
                // An answer may hold a secret: where it is wrong may be told, what it is may not.
                return serde_json::from_slice(&answer).map_err(|error| Error::Answer {
                    action: ask.what.to_owned(),
                    address,
                    expected: "an answer of the service",
                    found: format!("other bytes at line {}, column {}", error.line(), error.column()),
                });
            }
            let (code, message) = refusal(header.as_deref(), &answer);
            if THROTTLED.contains(&code.as_str()) && attempt < self.policy.retries {
                std::thread::sleep(self.policy.wait(attempt));
                attempt += 1;
                continue;
            }
            let said = match (code.as_str(), message.as_str()) {
                ("", _) => format!("status {status}"),
                (code, "") => format!("`{code}`"),
                (code, message) => format!("`{code}`: {message}"),
            };
            let (action, permission) = (ask.what.to_owned(), ask.permission);
            return Err(Error::Refused { action, address, code, said, permission });
        }
    }

    /// Status, `x-amzn-errortype` and body of an answer.
    fn send<B>(
        &self,
        ask: &Ask<'_, B>,
        address: &str,
        region: &str,
        body: &[u8],
    ) -> Result<(u16, Option<String>, Vec<u8>), Error> {
        let wrong = |expected, found: String| Error::Answer {
            action: ask.what.to_owned(),
            address: address.to_owned(),
            expected,
            found,
        };
        let url = format!("{address}/");
        let credential = self.chain.current()?;
        let target = format!("{}.{}", ask.service.target, ask.action);
        let unsigned = http::Request::post(&url)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(HttpRequestBody::from(body.to_vec()))
            .map_err(|error| wrong("an address", error.to_string()))?;
        let mut request = signed(unsigned, &credential, ask.service.signed, region).bytes(body);
        // Nothing that is asked here changes anything.
        request.repeatable = true;
        let url = Url::parse(&url).map_err(|found| wrong("an address", found.to_owned()))?;
        let response = self.http.send(&url, &request).map_err(|source| Error::Unreachable {
            action: ask.what.to_owned(),
            address: address.to_owned(),
            source: Box::new(source),
        })?;
        let status = response.status;
        let code = response.header("x-amzn-errortype").map(str::to_owned);
        let body = read_up_to(response.body, MAX_ANSWER_BYTES + 1)
            .map_err(|error| wrong("a whole answer", error.to_string()))?;
        if body.len() as u64 > MAX_ANSWER_BYTES {
            return Err(wrong("an answer of at most 32 MiB", "more".to_owned()));
        }
        Ok((status, code, body))
    }

    /// The service's address, without a slash at its end.
    fn address(&self, service: &Service, region: &str) -> Result<String, Error> {
        if let Some(named) = self.profiles.endpoint(service.variable, &self.options.variables) {
            let is_address = Url::parse(named).is_ok() && !named.contains(['?', '#', '@']);
            return if is_address {
                Ok(named.trim_end_matches('/').to_owned())
            } else {
                let value = plimsoll_http::without_credentials(named);
                let expected = "an address as `https://ssm.example:9000`, without credentials";
                Err(Error::Setting { setting: "the endpoint", value, expected })
            };
        }
        if region.is_empty() || !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            let (setting, value) = ("the region", region.to_owned());
            return Err(Error::Setting { setting, value, expected: "one as `eu-central-1`" });
        }
        Ok(format!("https://{}.{region}.{}", service.host, suffix(region)))
    }
}

/// The region that is set.
fn region_of<'a>(options: &'a Options, profiles: &'a Profiles) -> Option<&'a str> {
    options
        .region
        .as_deref()
        .or_else(|| options.variables.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]))
        .or_else(|| profiles.setting("region"))
}

/// What hosts of a region end with.
pub(crate) fn suffix(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// A signed request as it is sent, without its body.
pub(crate) fn signed<'a>(
    mut request: HttpRequest,
    credential: &AwsCredential,
    service: &str,
    region: &str,
) -> Request<'a> {
    AwsAuthorizer::new(credential, service, region).authorize(&mut request, None);
    let method = if request.method() == http::Method::POST { Method::Post } else { Method::Get };
    let mut sent = Request::new(method);
    for (name, value) in request.headers() {
        let Ok(value) = value.to_str() else { continue };
        let known = ["content-type", "x-amz-target", "x-amz-date", "x-amz-content-sha256"];
        match name.as_str() {
            "authorization" => sent.authorization = Some(Secret::new(value)),
            "x-amz-security-token" => sent.secrets.push(("x-amz-security-token", Secret::new(value))),
            // The host is the address's own.
            name => {
                if let Some(name) = known.iter().find(|known| **known == name) {
                    sent.headers.push((name, Cow::Owned(value.to_owned())));
                }
            }
        }
    }
    sent
}

/// The code and the message of a refusal: `{"__type": "com.amazonaws.ssm#ParameterNotFound", "message": "…"}`. What stands
/// before a service may answer as S3 does: `<Error><Code>…</Code><Message>…</Message></Error>`.
fn refusal(header: Option<&str>, body: &[u8]) -> (String, String) {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |names: &[&str], element: &str| {
        let found = names.iter().find_map(|name| json.get(name)?.as_str()).map(str::to_owned);
        found.or_else(|| text_of(body, element)).unwrap_or_default()
    };
    let code = header.map_or_else(|| text(&["__type", "code", "Code"], "Code"), str::to_owned);
    let code = code.split(':').next().unwrap_or_default().rsplit('#').next().unwrap_or_default();
    let code = code.chars().filter(char::is_ascii_alphanumeric).take(MAX_MESSAGE_CHARS).collect();
    let message = text(&["message", "Message"], "Message");
    let message = message.chars().take(MAX_MESSAGE_CHARS).flat_map(char::escape_debug).collect();
    (code, message)
}

/// Reads a refusal, for fuzzing: what is told of it steers no terminal.
pub(crate) fn fuzz_refusal(bytes: &[u8]) {
    let (code, message) = refusal(std::str::from_utf8(bytes).ok(), bytes);
    assert!(!code.chars().chain(message.chars()).any(char::is_control), "{code} {message}");
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
