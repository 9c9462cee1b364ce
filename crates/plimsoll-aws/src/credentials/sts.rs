//! Roles that are assumed: AWS's Security Token Service.
//!
//! Source: AWS Security Token Service API Reference, `AssumeRole`, `AssumeRoleWithWebIdentity`.

use std::fmt::Write as _;

use jiff::Timestamp;
use object_store::aws::AwsCredential;
use object_store::client::HttpRequestBody;
use plimsoll_http::{Request, Secret, encode};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::{Error, Keys, Places, ask, container::token_of};
use crate::profile::expanded;
use crate::service::{signed, suffix};

/// What sessions are called where the profile does not say.
const SESSION_NAME: &str = "plimsoll";
/// The most characters of a refusal that are told.
const MAX_REFUSAL_CHARS: usize = 300;
/// Elements that are read of an answer.
const MAX_EVENTS: usize = 10_000;

/// A role of a profile.
pub(super) struct Role<'a> {
    pub(super) arn: &'a str,
    pub(super) session_name: Option<&'a str>,
    pub(super) external_id: Option<&'a str>,
    pub(super) seconds: Option<&'a str>,
}

impl Places {
    /// Assumes a role with keys of somebody who may.
    pub(super) fn assume(&self, role: &Role<'_>, keys: &AwsCredential, region: &str) -> Result<Keys, Error> {
        let name = role.session_name.unwrap_or(SESSION_NAME);
        let mut query = query("AssumeRole", role.arn, name);
        if let Some(id) = role.external_id {
            let _ = write!(query, "&ExternalId={}", encode(id));
        }
        if let Some(seconds) = role.seconds {
            let _ = write!(query, "&DurationSeconds={}", encode(seconds));
        }
        let service = self.service(region);
        let url = format!("{service}/?{query}");
        let wrong = |expected, found: String| Error::Service { address: service.clone(), expected, found };
        let unsigned = http::Request::get(&url)
            .body(HttpRequestBody::empty())
            .map_err(|error| wrong("an address", error.to_string()))?;
        let request = signed(unsigned, keys, "sts", region);
        answered(&service, ask(&self.outside, &url, &request)?)
    }

    /// Assumes a role with the token of a web identity, as EKS and CI services give one.
    pub(super) fn with_web_identity(
        &self,
        file: &str,
        role: &str,
        session_name: Option<&str>,
    ) -> Result<Keys, Error> {
        let file = expanded(file, &self.variables);
        let token = token_of(&file.to_string_lossy())?;
        let service = self.service(&self.region);
        let query = query("AssumeRoleWithWebIdentity", role, session_name.unwrap_or(SESSION_NAME));
        let form = Secret::new(format!("{query}&WebIdentityToken={}", encode(token.expose())));
        answered(&service, ask(&self.outside, &format!("{service}/"), &Request::form(form))?)
    }

    fn service(&self, region: &str) -> String {
        if let Some(named) = self.profiles.endpoint("STS", &self.variables) {
            return named.trim_end_matches('/').to_owned();
        }
        format!("https://sts.{region}.{}", suffix(region))
    }
}

fn query(action: &str, role: &str, session_name: &str) -> String {
    format!(
        "Action={action}&Version=2011-06-15&RoleArn={}&RoleSessionName={}",
        encode(role),
        encode(session_name)
    )
}

/// The keys of an answer, or why there are none.
fn answered(service: &str, (status, body): (u16, Vec<u8>)) -> Result<Keys, Error> {
    let wrong = |found: String| Error::Service { address: service.to_owned(), expected: "keys", found };
    let text = |name: &str| text_of(&body, name);
    if status != 200 {
        let refusal = match (text("Code"), text("Message")) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            _ => format!("status {status}"),
        };
        return Err(wrong(refusal.chars().take(MAX_REFUSAL_CHARS).collect()));
    }
    let (Some(id), Some(secret)) = (text("AccessKeyId"), text("SecretAccessKey")) else {
        return Err(wrong("an answer without".to_owned()));
    };
    let ends = text("Expiration").map(|text| text.parse::<Timestamp>());
    let ends = ends.transpose().map_err(|_| wrong("an `Expiration` that is no instant".to_owned()))?;
    Keys::new(&id, &secret, text("SessionToken").as_deref(), ends).map_err(wrong)
}

/// The text of the first element of this name, wherever it stands.
pub(crate) fn text_of(xml: &[u8], name: &str) -> Option<String> {
    let mut reader = Reader::from_reader(xml);
    let mut text: Option<String> = None;
    for _ in 0..MAX_EVENTS {
        match reader.read_event().ok()? {
            Event::Start(start) if start.local_name().as_ref() == name.as_bytes() => {
                text = Some(String::new());
            }
            Event::Text(part) => {
                if let Some(text) = &mut text {
                    text.push_str(&part.decode().ok()?);
                }
            }
            Event::End(_) if text.is_some() => return text.map(|text| text.trim().to_owned()),
            Event::Eof => return None,
            _ => {}
        }
    }
    None
}

/// Reads an answer, for fuzzing.
pub(super) fn fuzz_answer(bytes: &[u8]) {
    for status in [200, 403] {
        let _ = answered("https://sts.example", (status, bytes.to_vec())).map(|keys| keys.ends);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_gives_keys_or_says_why_not() {
        let answer = |status, body: &str| answered("https://sts.example", (status, body.as_bytes().to_vec()));
        let keys = answer(
            200,
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>
             <AccessKeyId>A</AccessKeyId><SecretAccessKey>s/+=</SecretAccessKey><SessionToken>T==</SessionToken>
             <Expiration>2026-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
        );
        let keys = keys.unwrap();
        assert_eq!(keys.credential.secret_key, "s/+=");
        assert_eq!(keys.credential.token.as_deref(), Some("T=="));
        for (status, body, part) in [
            (403, "<E><Error><Code>AccessDenied</Code><Message>no</Message></Error></E>", "AccessDenied: no"),
            (500, "<html>", "status 500"),
            (200, "", "an answer without"),
            (200, "<a><AccessKeyId>A", "an answer without"),
            (200, "{\"a\": 1}", "an answer without"),
        ] {
            let error = answer(status, body).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
