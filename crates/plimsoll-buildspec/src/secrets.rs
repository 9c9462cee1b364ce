//! Parameters and secrets: who gives them, and how a buildspec names them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;
use crate::files::read_text;

/// Largest file of [`LocalSecrets`], in bytes.
pub const MAX_SECRETS_BYTES: u64 = 1 << 20;
/// Parts of the ARN of a secret, which itself has colons: `arn:aws:secretsmanager:region:account:secret:name`.
const ARN_PARTS: usize = 7;

/// A value that no text of ours shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Why a parameter or a secret is not given. No text of it holds a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It is not there.
    #[error("cannot read {kind} `{name}`: expected it in {place}, found none")]
    Missing {
        /// `parameter` or `secret`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Where it was looked for.
        place: String,
    },
    /// Its text is not what was expected.
    #[error("cannot read {kind} `{name}`: expected {expected}")]
    Shape {
        /// `parameter` or `secret`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What was expected.
        expected: String,
    },
    /// Whoever keeps it does not answer as it should.
    #[error("cannot read {kind} `{name}`: {reason}")]
    Service {
        /// `parameter` or `secret`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What the service says.
        reason: String,
    },
}

impl SecretError {
    /// `parameter` or `secret`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing { kind, .. } | Self::Shape { kind, .. } | Self::Service { kind, .. } => kind,
        }
    }
}

/// How a buildspec names a secret: `secret-id:json-key:version-stage:version-id`, all but the first optional.
///
/// Source: AWS CodeBuild User Guide, *Build specification reference*, `env/secrets-manager`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretReference {
    /// Name or ARN.
    pub id: String,
    /// Which value of a secret that is a JSON object; none for the whole text.
    pub json_key: Option<String>,
    /// Staging label; none for `AWSCURRENT`, unless a version is given.
    pub version_stage: Option<String>,
    /// Version.
    pub version_id: Option<String>,
}

impl SecretReference {
    /// Reads a reference; an ARN keeps its colons.
    ///
    /// # Errors
    /// [`SecretError::Shape`] without a name, with too many parts, or with a stage and a version.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let wrong = |expected: &str| {
            let (kind, name, expected) = ("secret", text.to_owned(), expected.to_owned());
            Err(SecretError::Shape { kind, name, expected })
        };
        let parts: Vec<&str> = text.split(':').collect();
        let id_parts = if parts[0] == "arn" { ARN_PARTS } else { 1 };
        if parts.len() < id_parts || parts.len() > id_parts + 3 || parts[id_parts - 1].is_empty() {
            return wrong("`secret-id:json-key:version-stage:version-id`");
        }
        let part = |number: usize| {
            parts.get(id_parts + number).filter(|part| !part.is_empty()).map(|part| (*part).to_owned())
        };
        let reference = Self {
            id: parts[..id_parts].join(":"),
            json_key: part(0),
            version_stage: part(1),
            version_id: part(2),
        };
        if reference.version_stage.is_some() && reference.version_id.is_some() {
            return wrong("a stage or a version, not both");
        }
        Ok(reference)
    }

    /// Takes what is meant out of the whole text of the secret.
    ///
    /// # Errors
    /// [`SecretError::Shape`] if a key is named and the text is no JSON object that has it.
    pub fn pick(&self, text: Secret) -> Result<Secret, SecretError> {
        let Some(key) = &self.json_key else { return Ok(text) };
        let object: Option<BTreeMap<String, Value>> = serde_json::from_str(text.reveal()).ok();
        match object.as_ref().and_then(|object| object.get(key)) {
            Some(Value::String(value)) => Ok(Secret::new(value)),
            Some(value) => Ok(Secret::new(value.to_string())),
            None => {
                let expected = format!("a JSON object with the key `{key}`");
                Err(SecretError::Shape { kind: "secret", name: self.id.clone(), expected })
            }
        }
    }
}

/// Who gives parameters and secrets.
pub trait Secrets {
    /// The value of a parameter, decrypted.
    ///
    /// # Errors
    /// [`SecretError`] without any part of a value.
    fn parameter(&self, name: &str) -> Result<Secret, SecretError>;

    /// The values of several parameters in their order, for who can fetch them at once. A build asks for all it needs in
    /// one call, and not at all where it needs none.
    fn parameters(&self, names: &[&str]) -> Vec<Result<Secret, SecretError>> {
        names.iter().map(|name| self.parameter(name)).collect()
    }

    /// The whole text of a secret in the version that is meant; [`SecretReference::pick`] is the caller's.
    ///
    /// # Errors
    /// [`SecretError`] without any part of a value.
    fn secret(&self, reference: &SecretReference) -> Result<Secret, SecretError>;
}

/// Has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn parameter(&self, name: &str) -> Result<Secret, SecretError> {
        let place = "a file of secrets".to_owned();
        Err(SecretError::Missing { kind: "parameter", name: name.to_owned(), place })
    }

    fn secret(&self, reference: &SecretReference) -> Result<Secret, SecretError> {
        let place = "a file of secrets".to_owned();
        Err(SecretError::Missing { kind: "secret", name: reference.id.clone(), place })
    }
}

/// Parameters and secrets of a file, for machines without AWS.
///
/// TOML, or JSON of the same shape. A secret is a text, or a table, which stands for the JSON object of its keys;
/// versions other than the current one have the stage or the version behind an `@`.
///
/// ```toml
/// [parameters]
/// "/CodeBuild/dockerLoginPassword" = "…"
///
/// [secrets]
/// token = "…"
///
/// [secrets.database]
/// user = "shop"
/// password = "…"
///
/// [secrets."database@AWSPREVIOUS"]
/// password = "…"
/// ```
#[derive(Clone, Debug, Default)]
pub struct LocalSecrets {
    place: String,
    parameters: BTreeMap<String, Secret>,
    secrets: BTreeMap<String, Secret>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretsFile {
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    #[serde(default)]
    secrets: BTreeMap<String, Value>,
}

impl LocalSecrets {
    /// Reads a file; one whose text begins with `{` is JSON.
    ///
    /// # Errors
    /// [`Error::Disk`] and [`Error::File`]. No text of them repeats the file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = read_text(path, MAX_SECRETS_BYTES).map_err(Error::disk("read secrets", path))?;
        let Some(text) = text else {
            let expected = format!("text of at most {MAX_SECRETS_BYTES} bytes");
            return Err(Error::File { path: path.to_owned(), expected, found: "something else".to_owned() });
        };
        Self::parse(&text, &path.display().to_string()).map_err(|(expected, found)| Error::File {
            path: path.to_owned(),
            expected,
            found,
        })
    }

    /// Reads a text; `place` names it in errors. An error is what was expected and what was found, without values.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn parse(text: &str, place: &str) -> Result<Self, (String, String)> {
        let wrong = |line: Option<usize>| {
            let found =
                line.map_or("something else".to_owned(), |line| format!("something else in line {line}"));
            ("tables `parameters` and `secrets` of texts".to_owned(), found)
        };
        let file: SecretsFile = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| wrong(Some(error.line())))?
        } else {
            toml::from_str(text).map_err(|error: toml::de::Error| {
                wrong(error.span().map(|span| text[..span.start.min(text.len())].lines().count().max(1)))
            })?
        };
        let parameters = file.parameters.into_iter().map(|(name, value)| (name, Secret(value))).collect();
        let mut secrets = BTreeMap::new();
        for (name, value) in file.secrets {
            let text = match value {
                Value::String(text) => text,
                Value::Object(_) => value.to_string(),
                _ => {
                    return Err((
                        format!("secret `{name}` to be a text or a table"),
                        "something else".to_owned(),
                    ));
                }
            };
            secrets.insert(name, Secret(text));
        }
        Ok(Self { place: place.to_owned(), parameters, secrets })
    }
}

impl Secrets for LocalSecrets {
    fn parameter(&self, name: &str) -> Result<Secret, SecretError> {
        self.parameters.get(name).cloned().ok_or_else(|| {
            let place = format!("`{}`", self.place);
            SecretError::Missing { kind: "parameter", name: name.to_owned(), place }
        })
    }

    fn secret(&self, reference: &SecretReference) -> Result<Secret, SecretError> {
        let version = reference.version_stage.as_ref().or(reference.version_id.as_ref());
        let name = match version {
            Some(version) if version != "AWSCURRENT" => format!("{}@{version}", reference.id),
            _ => reference.id.clone(),
        };
        self.secrets.get(&name).cloned().ok_or_else(|| {
            let place = format!("`{}`", self.place);
            SecretError::Missing { kind: "secret", name, place }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[parameters]\n\"/a/b\" = \"one\"\n[secrets]\nplain = \"two\"\n[secrets.db]\nuser = \"shop\"\n\
                        port = 5432\n[secrets.\"db@AWSPREVIOUS\"]\nuser = \"old\"\n";

    fn secret(secrets: &LocalSecrets, text: &str) -> String {
        let read = SecretReference::parse(text)
            .and_then(|reference| secrets.secret(&reference).and_then(|secret| reference.pick(secret)));
        read.map_or_else(|error| error.to_string(), |secret| secret.reveal().to_owned())
    }

    #[test]
    fn references_name_key_stage_and_version() {
        let secrets = LocalSecrets::parse(FILE, "s.toml").unwrap();
        assert_eq!(secrets.parameter("/a/b").unwrap().reveal(), "one");
        for (text, expected) in [
            ("plain", "two"),
            ("db:user", "shop"),
            ("db:port", "5432"),
            ("db:user:AWSCURRENT", "shop"),
            ("db:user:AWSPREVIOUS", "old"),
            ("db:user::AWSPREVIOUS", "old"),
            ("db:pass", "cannot read secret `db`: expected a JSON object with the key `pass`"),
            ("plain:key", "cannot read secret `plain`: expected a JSON object with the key `key`"),
            ("none", "cannot read secret `none`: expected it in `s.toml`, found none"),
            ("db:user:a:b", "cannot read secret `db:user:a:b`: expected a stage or a version, not both"),
            ("", "cannot read secret ``: expected `secret-id:json-key:version-stage:version-id`"),
            (
                "a:b:c:d:e",
                "cannot read secret `a:b:c:d:e`: expected `secret-id:json-key:version-stage:version-id`",
            ),
        ] {
            assert_eq!(secret(&secrets, text), expected, "{text}");
        }
    }

    #[test]
    fn an_arn_keeps_its_colons() {
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-a1b2c3";
        let reference = SecretReference::parse(&format!("{arn}:user::v1")).unwrap();
        assert_eq!((reference.id.as_str(), reference.json_key.as_deref()), (arn, Some("user")));
        assert_eq!((reference.version_stage, reference.version_id.as_deref()), (None, Some("v1")));
        assert!(SecretReference::parse("arn:aws:secretsmanager").is_err());
    }

    #[test]
    fn json_is_read_and_errors_show_no_value() {
        let json = r#"{"parameters": {"p": "1"}, "secrets": {"s": {"k": "v"}}}"#;
        let secrets = LocalSecrets::parse(json, "s.json").unwrap();
        assert_eq!(secret(&secrets, "s:k"), "v");
        for text in [
            "[parameters]\np = hunter2\n",
            "{\"parameters\": \"hunter2\"}",
            "[other]\na = 1",
            "[secrets]\ns = 1",
        ] {
            let (expected, found) = LocalSecrets::parse(text, "s").unwrap_err();
            assert!(!format!("{expected}{found}").contains("hunter2"));
        }
        assert_eq!(format!("{:?} {}", Secret::new("x"), Secret::new("x")), "[redacted] [redacted]");
    }
}
