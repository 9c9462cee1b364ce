//! Secrets of Secrets Manager.
//!
//! Source: AWS Secrets Manager API Reference, `GetSecretValue`.

use base64::Engine as _;
use plimsoll_http::Secret;
use serde::{Deserialize, Serialize};

use crate::service::{Ask, Service};
use crate::{Aws, Error};

const SECRETS_MANAGER: Service = Service {
    host: "secretsmanager",
    signed: "secretsmanager",
    variable: "SECRETS_MANAGER",
    target: "secretsmanager",
};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValue<'a> {
    secret_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_stage: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretValue {
    #[serde(default)]
    secret_string: Option<String>,
    /// Base64.
    #[serde(default)]
    secret_binary: Option<String>,
}

impl Aws {
    /// The text of a secret, by its name or ARN: of the version with this stage, or of this version, or of the current one.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_missing`] where there is no such secret, or no such version. Bytes that are no text are an
    /// [`Error::Answer`].
    pub fn secret(&self, id: &str, stage: Option<&str>, version: Option<&str>) -> Result<Secret, Error> {
        let what = format!("read secret `{id}`");
        let body = GetSecretValue { secret_id: id, version_stage: stage, version_id: version };
        let ask = Ask {
            service: &SECRETS_MANAGER,
            action: "GetSecretValue",
            permission: "secretsmanager:GetSecretValue",
            what: &what,
            region: None,
            body: &body,
        };
        let answer: SecretValue = self.ask(&ask)?;
        text_of(answer).map(Secret::new).ok_or_else(|| Error::Answer {
            action: what.clone(),
            address: "Secrets Manager".to_owned(),
            expected: "a text",
            found: "other bytes, or none".to_owned(),
        })
    }
}

fn text_of(answer: SecretValue) -> Option<String> {
    let binary = |text: String| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim()).ok()?;
        String::from_utf8(bytes).ok()
    };
    answer.secret_string.or_else(|| answer.secret_binary.and_then(binary))
}

/// Reads an answer, for fuzzing.
pub(crate) fn fuzz_answer(bytes: &[u8]) {
    let _ = serde_json::from_slice(bytes).map(text_of);
}
