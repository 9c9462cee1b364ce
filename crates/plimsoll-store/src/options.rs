//! How a store is reached. The environment is read here and nowhere else in the crate.

use std::path::PathBuf;
use std::time::Duration;

use plimsoll_aws::{Variables, process_variables};

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
    pub fn from_env() -> Self {
        Self::from_variables(process_variables())
    }

    /// As [`Options::from_env`], with the environment as pairs.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let variables = Variables::new(variables, |name| {
            PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name)
        });
        let ca_certificates = variables.get("AWS_CA_BUNDLE").map(PathBuf::from).into_iter().collect();
        Self { ca_certificates, variables, ..Self::default() }
    }

    /// Who asks AWS, and how.
    pub(crate) fn aws(&self) -> plimsoll_aws::Options {
        plimsoll_aws::Options {
            profile: self.profile.clone(),
            region: self.region.clone(),
            ca_certificates: self.ca_certificates.clone(),
            connect_timeout: self.connect_timeout,
            variables: self.variables.clone(),
            ..plimsoll_aws::Options::default()
        }
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
