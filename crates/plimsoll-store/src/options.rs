//! How a store is reached. The environment is read here and nowhere else in the crate.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Beginnings of the variables that stores know.
const PREFIXES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];
/// Others that matter.
const NAMES: [&str; 2] = ["HOME", "SERVICE_ACCOUNT"];

/// How objects are encrypted where they lie. S3 alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// As the bucket says.
    #[default]
    Bucket,
    /// With keys of S3: `AES256`.
    Aes256,
    /// With a key of AWS KMS: `aws:kms`, or `aws:kms:dsse`.
    Kms {
        /// Its ID or ARN; the account's own key for S3 where none is given.
        key: Option<String>,
        /// Twice, in two layers.
        is_double: bool,
    },
}

/// How a store is reached, and what new objects are given. [`Options::default`] knows no environment;
/// [`Options::from_env`] is what a command wants.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server, `http://localhost:9000`; Amazon's where none is named. Goes before the environment's.
    pub endpoint: Option<String>,
    /// The region, `eu-central-1`. Goes before the environment's.
    pub region: Option<String>,
    /// Whether the bucket stands in the host's name; by default where no endpoint is named.
    pub virtual_hosted: Option<bool>,
    /// The profile of `~/.aws/config`. Goes before `AWS_PROFILE`.
    pub profile: Option<String>,
    /// How new objects are encrypted.
    pub encryption: Encryption,
    /// Tags of new objects.
    pub tags: Vec<(String, String)>,
    /// Storage class of new objects, `STANDARD_IA`.
    pub storage_class: Option<String>,
    /// PEM files with certificates that are trusted besides the system's.
    pub ca_certificates: Vec<PathBuf>,
    /// How often a request is tried again.
    pub retries: usize,
    /// How long is tried at all.
    pub retry_timeout: Duration,
    /// How long one request may take, with its body.
    pub timeout: Duration,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// What the environment says.
    pub(crate) variables: Variables,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            endpoint: None,
            region: None,
            virtual_hosted: None,
            profile: None,
            encryption: Encryption::Bucket,
            tags: Vec::new(),
            storage_class: None,
            ca_certificates: Vec::new(),
            retries: 4,
            retry_timeout: Duration::from_mins(2),
            timeout: Duration::from_mins(5),
            connect_timeout: Duration::from_secs(10),
            variables: Variables::default(),
        }
    }
}

impl Options {
    /// What the environment says: the variables of AWS's tools (`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, `AWS_REGION`,
    /// `AWS_DEFAULT_REGION`, `AWS_PROFILE`, `AWS_CA_BUNDLE`, credentials …), of Google's and of Azure's.
    #[expect(clippy::disallowed_methods, reason = "this is how the environment comes in")]
    pub fn from_env() -> Self {
        Self::from_variables(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// As [`Options::from_env`], with the environment as pairs.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let variables = Variables(
            variables
                .into_iter()
                .filter(|(name, value)| {
                    let known = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
                    (known || NAMES.contains(&name.as_str())) && !value.is_empty()
                })
                .collect(),
        );
        let ca_certificates = variables.get("AWS_CA_BUNDLE").map(PathBuf::from).into_iter().collect();
        Self { ca_certificates, variables, ..Self::default() }
    }
}

/// Variables of the environment, some of which are secret: none is printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Variables(BTreeMap<String, String>);

impl Variables {
    /// The value of one, where it is there and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of the first that is there.
    pub(crate) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// Whether a switch is on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// Those that begin so.
    pub(crate) fn beginning<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        self.0
            .iter()
            .filter(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_kept_without_being_printed() {
        let pairs =
            [("AWS_SECRET_ACCESS_KEY", "hunter2"), ("AWS_REGION", ""), ("PATH", "/bin"), ("HOME", "/h")];
        let options = Options::from_variables(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(options.variables.get("AWS_SECRET_ACCESS_KEY"), Some("hunter2"));
        assert_eq!(options.variables.get("AWS_REGION"), None);
        assert_eq!(options.variables.get("PATH"), None);
        assert_eq!(options.variables.first(&["AWS_REGION", "HOME"]), Some("/h"));
        let printed = format!("{options:?}");
        assert!(!printed.contains("hunter2") && printed.contains("AWS_SECRET_ACCESS_KEY"), "{printed}");
    }
}
