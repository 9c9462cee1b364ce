//! The variables of a build: whose value counts, and those that CodeBuild sets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::secrets::{SecretError, SecretReference, Secrets};
use crate::spec::Env;

/// Where the value of a variable comes from.
///
/// Source: AWS CodeBuild API Reference, `EnvironmentVariable`, `type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableSource {
    /// `PLAINTEXT`: this is the value.
    Plain(String),
    /// `PARAMETER_STORE`: the name of a parameter.
    ParameterStore(String),
    /// `SECRETS_MANAGER`: a reference to a secret.
    SecretsManager(String),
}

/// A variable of a project or of the start of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub source: VariableSource,
}

impl Variable {
    /// A variable with this value.
    pub fn plain(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), source: VariableSource::Plain(value.into()) }
    }
}

/// What a build says of itself in `CODEBUILD_…`. What is `None` is not set.
///
/// Source: AWS CodeBuild User Guide, *Environment variables in build environments*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name of the project.
    pub project: String,
    /// What tells this build from the project's others; `CODEBUILD_BUILD_ID` is `project:build`.
    pub build: String,
    /// `CODEBUILD_BUILD_NUMBER`.
    pub number: u64,
    /// `CODEBUILD_BUILD_IMAGE`.
    pub image: String,
    /// `CODEBUILD_INITIATOR`.
    pub initiator: String,
    /// `AWS_REGION` and `AWS_DEFAULT_REGION`.
    pub region: String,
    /// Account in ARNs.
    pub account: String,
    /// `CODEBUILD_KMS_KEY_ID`.
    pub kms_key: Option<String>,
    /// `CODEBUILD_LOG_PATH`; without one, the build.
    pub log_path: Option<String>,
    /// `CODEBUILD_RESOLVED_SOURCE_VERSION`.
    pub resolved_source_version: Option<String>,
    /// `CODEBUILD_SOURCE_VERSION`.
    pub source_version: Option<String>,
    /// `CODEBUILD_SOURCE_REPO_URL`.
    pub source_repo_url: Option<String>,
    /// `CODEBUILD_WEBHOOK_…`.
    pub webhook: Webhook,
    /// Sources beside the first.
    pub secondary_sources: Vec<SecondarySource>,
}

impl Default for Identity {
    /// A build on this machine.
    fn default() -> Self {
        Self {
            project: "local".to_owned(),
            build: "00000000-0000-0000-0000-000000000000".to_owned(),
            number: 1,
            image: "local".to_owned(),
            initiator: "plimsoll".to_owned(),
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            kms_key: None,
            log_path: None,
            resolved_source_version: None,
            source_version: None,
            source_repo_url: None,
            webhook: Webhook::default(),
            secondary_sources: Vec::new(),
        }
    }
}

/// The event that began a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Webhook {
    /// `CODEBUILD_WEBHOOK_ACTOR_ACCOUNT_ID`.
    pub actor_account_id: Option<String>,
    /// `CODEBUILD_WEBHOOK_BASE_REF`.
    pub base_ref: Option<String>,
    /// `CODEBUILD_WEBHOOK_EVENT`.
    pub event: Option<String>,
    /// `CODEBUILD_WEBHOOK_PREV_COMMIT`.
    pub previous_commit: Option<String>,
    /// `CODEBUILD_WEBHOOK_HEAD_REF`.
    pub head_ref: Option<String>,
    /// `CODEBUILD_WEBHOOK_TRIGGER`.
    pub trigger: Option<String>,
}

/// A source beside the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondarySource {
    /// What stands behind `CODEBUILD_SRC_DIR_`.
    pub identifier: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its version.
    pub version: Option<String>,
    /// Its repository.
    pub repo_url: Option<String>,
}

impl Identity {
    /// `project:build`.
    pub fn id(&self) -> String {
        format!("{}:{}", self.project, self.build)
    }

    /// What CodeBuild sets.
    pub(crate) fn variables(&self, workspace: &Path, start_time_ms: i64) -> BTreeMap<String, String> {
        let Self { region, account, .. } = self;
        let arn = format!("arn:aws:codebuild:{region}:{account}:build/{}", self.id());
        let log_path = self.log_path.clone().unwrap_or_else(|| self.build.clone());
        let kms_key = self.kms_key.clone();
        let kms_key = kms_key.unwrap_or_else(|| format!("arn:aws:kms:{region}:{account}:alias/aws/s3"));
        let mut set = BTreeMap::from([
            ("AWS_DEFAULT_REGION".to_owned(), region.clone()),
            ("AWS_REGION".to_owned(), region.clone()),
            ("CODEBUILD_BUILD_ARN".to_owned(), arn),
            ("CODEBUILD_BUILD_ID".to_owned(), self.id()),
            ("CODEBUILD_BUILD_IMAGE".to_owned(), self.image.clone()),
            ("CODEBUILD_BUILD_NUMBER".to_owned(), self.number.to_string()),
            ("CODEBUILD_BUILD_SUCCEEDING".to_owned(), "1".to_owned()),
            ("CODEBUILD_INITIATOR".to_owned(), self.initiator.clone()),
            ("CODEBUILD_KMS_KEY_ID".to_owned(), kms_key),
            ("CODEBUILD_LOG_PATH".to_owned(), log_path),
            ("CODEBUILD_SRC_DIR".to_owned(), workspace.display().to_string()),
            ("CODEBUILD_START_TIME".to_owned(), start_time_ms.to_string()),
        ]);
        let hook = &self.webhook;
        for (name, value) in [
            ("CODEBUILD_RESOLVED_SOURCE_VERSION", &self.resolved_source_version),
            ("CODEBUILD_SOURCE_VERSION", &self.source_version),
            ("CODEBUILD_SOURCE_REPO_URL", &self.source_repo_url),
            ("CODEBUILD_WEBHOOK_ACTOR_ACCOUNT_ID", &hook.actor_account_id),
            ("CODEBUILD_WEBHOOK_BASE_REF", &hook.base_ref),
            ("CODEBUILD_WEBHOOK_EVENT", &hook.event),
            ("CODEBUILD_WEBHOOK_PREV_COMMIT", &hook.previous_commit),
            ("CODEBUILD_WEBHOOK_HEAD_REF", &hook.head_ref),
            ("CODEBUILD_WEBHOOK_TRIGGER", &hook.trigger),
        ] {
            if let Some(value) = value {
                set.insert(name.to_owned(), value.clone());
            }
        }
        for source in &self.secondary_sources {
            let identifier = &source.identifier;
            set.insert(format!("CODEBUILD_SRC_DIR_{identifier}"), source.folder.display().to_string());
            let more = [("SOURCE_VERSION", &source.version), ("SOURCE_REPO_URL", &source.repo_url)];
            for (name, value) in more {
                if let Some(value) = value {
                    set.insert(format!("CODEBUILD_{name}_{identifier}"), value.clone());
                }
            }
        }
        set
    }
}

/// Variables with their values, and which of the values are secret.
#[derive(Default)]
pub(crate) struct Resolved {
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) secret_names: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

/// Whose value counts: that of the start of the build, then the project's, then the buildspec's. Values that do not
/// count are not fetched; parameters are fetched together.
///
/// # Errors
/// All [`Error::Secret`] of values that are not there, so that they can be set at once; at least one.
pub(crate) fn resolve(
    env: &Env,
    project: &[Variable],
    start: &[Variable],
    secrets: &dyn Secrets,
) -> Result<Resolved, Vec<Error>> {
    let mut resolved = Resolved::default();
    let mut sources: BTreeMap<&str, VariableSource> = BTreeMap::new();
    let mut of_spec = Vec::new();
    of_spec.extend(env.variables.iter().map(|(name, value)| (name, VariableSource::Plain(value.clone()))));
    of_spec.extend(
        env.parameter_store.iter().map(|(name, value)| (name, VariableSource::ParameterStore(value.clone()))),
    );
    of_spec.extend(
        env.secrets_manager.iter().map(|(name, value)| (name, VariableSource::SecretsManager(value.clone()))),
    );
    for (name, source) in of_spec {
        if sources.insert(name, source).is_some() {
            resolved
                .warnings
                .push(format!("variable `{name}` stands twice under `env`: the last one counts"));
        }
    }
    for variable in project.iter().chain(start) {
        if variable.name.starts_with("CODEBUILD_") {
            resolved.warnings.push(format!("variable `{}` is reserved: ignored", variable.name));
            continue;
        }
        sources.insert(&variable.name, variable.source.clone());
    }
    let parameter = |source: &VariableSource| match source {
        VariableSource::ParameterStore(parameter) => Some(parameter.clone()),
        _ => None,
    };
    let mut parameters: Vec<String> = sources.values().filter_map(parameter).collect();
    parameters.sort();
    parameters.dedup();
    let mut given = BTreeMap::new();
    if !parameters.is_empty() {
        let names: Vec<&str> = parameters.iter().map(String::as_str).collect();
        given.extend(parameters.iter().zip(secrets.parameters(&names)));
    }
    let mut errors = Vec::new();
    for (name, source) in sources {
        let value = match source {
            VariableSource::Plain(value) => Ok(value),
            VariableSource::ParameterStore(parameter) => {
                resolved.secret_names.push(name.to_owned());
                let given = given.get(&parameter).cloned().unwrap_or_else(|| secrets.parameter(&parameter));
                given.map(|value| value.reveal().to_owned())
            }
            VariableSource::SecretsManager(text) => {
                resolved.secret_names.push(name.to_owned());
                let read = SecretReference::parse(&text).and_then(|reference| {
                    let text = secrets.secret(&reference)?;
                    reference.pick(text)
                });
                read.map(|value| value.reveal().to_owned())
            }
        };
        match value {
            Ok(value) => {
                resolved.values.insert(name.to_owned(), value);
            }
            Err(source) => {
                let goes_on = matches!(source, SecretError::Missing { .. } | SecretError::Shape { .. });
                errors.push(Error::Secret { variable: name.to_owned(), source });
                if !goes_on {
                    // Whoever keeps one does not answer: the others would say the same again.
                    break;
                }
            }
        }
    }
    if errors.is_empty() { Ok(resolved) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::{LocalSecrets, NoSecrets};

    #[test]
    fn the_start_counts_before_the_project_before_the_buildspec() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let env = Env {
            variables: vec![pair("A", "spec"), pair("B", "spec"), pair("C", "spec")],
            parameter_store: vec![pair("B", "missing"), pair("D", "p")],
            ..Env::default()
        };
        let project = [Variable::plain("B", "project"), Variable::plain("C", "project")];
        let start = [Variable::plain("C", "start"), Variable::plain("CODEBUILD_X", "1")];
        let secrets = LocalSecrets::parse("[parameters]\np = \"v\"\n", "s").unwrap();
        let resolved = resolve(&env, &project, &start, &secrets).unwrap();
        let values: Vec<_> = resolved.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(values, ["A=spec", "B=project", "C=start", "D=v"]);
        assert_eq!(resolved.secret_names, ["D"]);
        assert_eq!(resolved.warnings.len(), 2);
        let errors = resolve(&env, &project, &start, &NoSecrets).err().unwrap();
        assert_eq!(errors[0].to_string(), "cannot give variable `D` its value");
        assert_eq!(errors.len(), 1);
    }

    #[test]
    fn parameters_are_fetched_together_and_what_is_missing_is_told_together() {
        use std::cell::RefCell;

        use crate::secrets::Secret;

        struct Counting(RefCell<Vec<String>>);
        impl Secrets for Counting {
            fn parameter(&self, name: &str) -> Result<Secret, SecretError> {
                let place = "a store".to_owned();
                match name {
                    "none" => Err(SecretError::Missing { kind: "parameter", name: name.to_owned(), place }),
                    _ => Ok(Secret::new(name)),
                }
            }
            fn parameters(&self, names: &[&str]) -> Vec<Result<Secret, SecretError>> {
                self.0.borrow_mut().push(names.join(" "));
                names.iter().map(|name| self.parameter(name)).collect()
            }
            fn secret(&self, reference: &SecretReference) -> Result<Secret, SecretError> {
                self.parameter(&reference.id)
            }
        }
        let env = |parameters: &[(&str, &str)], secrets: &[(&str, &str)]| {
            let pairs = |pairs: &[(&str, &str)]| {
                pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
            };
            Env { parameter_store: pairs(parameters), secrets_manager: pairs(secrets), ..Env::default() }
        };
        let secrets = Counting(RefCell::default());
        assert!(resolve(&env(&[], &[]), &[], &[], &secrets).is_ok());
        assert!(secrets.0.borrow().is_empty(), "nothing is asked for nothing");
        let three = env(&[("A", "p"), ("B", "q"), ("C", "p")], &[]);
        let resolved = resolve(&three, &[], &[], &secrets).unwrap_or_default();
        assert_eq!(resolved.values.values().map(String::as_str).collect::<Vec<_>>(), ["p", "q", "p"]);
        assert_eq!(*secrets.0.borrow(), ["p q"]);
        let missing = env(&[("A", "none"), ("B", "q")], &[("C", "none"), ("D", "")]);
        let errors = resolve(&missing, &[], &[], &secrets).err().unwrap();
        let variables: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let told = |name: &str| format!("cannot give variable `{name}` its value");
        assert_eq!(variables, [told("A"), told("C"), told("D")]);
    }

    #[test]
    fn what_codebuild_sets_is_set() {
        let identity = Identity {
            source_version: Some("main".to_owned()),
            secondary_sources: vec![SecondarySource {
                identifier: "Config".to_owned(),
                folder: "/c".into(),
                version: Some("v".to_owned()),
                repo_url: None,
            }],
            ..Identity::default()
        };
        let set = identity.variables(Path::new("/w"), 1000);
        assert_eq!(set["CODEBUILD_BUILD_ID"], "local:00000000-0000-0000-0000-000000000000");
        assert_eq!(set["CODEBUILD_SRC_DIR"], "/w");
        assert_eq!(set["CODEBUILD_SRC_DIR_Config"], "/c");
        assert_eq!(set["CODEBUILD_SOURCE_VERSION_Config"], "v");
        assert_eq!(set["CODEBUILD_START_TIME"], "1000");
        assert!(!set.contains_key("CODEBUILD_WEBHOOK_EVENT"));
    }
}
