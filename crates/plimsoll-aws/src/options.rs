//! Who asks, and how AWS is reached. The environment is read here and nowhere else in the crate.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Beginning of the variables that matter here.
const PREFIX: &str = "AWS_";
/// Another that does: profiles lie below it.
const HOME: &str = "HOME";

/// Who asks, and how AWS is reached. [`Options::default`] knows no environment; [`Options::from_env`] is what a command
/// wants.
#[derive(Clone, Debug)]
pub struct Options {
    /// The profile of `~/.aws/config`. Goes before `AWS_PROFILE`.
    pub profile: Option<String>,
    /// The region, `eu-central-1`. Goes before the environment's.
    pub region: Option<String>,
    /// PEM files with certificates that are trusted besides the system's.
    pub ca_certificates: Vec<PathBuf>,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How often a request is made again where that may help.
    pub retries: u32,
    /// The first wait between two attempts; each further one is twice as long.
    pub back_off: Duration,
    /// What the environment says.
    pub variables: Variables,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            profile: None,
            region: None,
            ca_certificates: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            retries: 4,
            back_off: Duration::from_millis(500),
            variables: Variables::default(),
        }
    }
}

impl Options {
    /// What the environment says: the variables of AWS's tools (`AWS_REGION`, `AWS_DEFAULT_REGION`, `AWS_PROFILE`,
    /// `AWS_CA_BUNDLE`, `AWS_ENDPOINT_URL` and those of services, credentials …).
    pub fn from_env() -> Self {
        Self::from_variables(process_variables())
    }

    /// As [`Options::from_env`], with the environment as pairs.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let variables = Variables::new(variables, |name| name.starts_with(PREFIX) || name == HOME);
        let ca_certificates = variables.get("AWS_CA_BUNDLE").map(PathBuf::from).into_iter().collect();
        Self { ca_certificates, variables, ..Self::default() }
    }
}

/// The variables of the process that are text, for `from_env` of this crate and of the store's.
#[expect(clippy::disallowed_methods, reason = "this is how the environment comes in")]
pub fn process_variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Variables of the environment, some of which are secret: none is printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Those of them that are wanted and not empty.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>, wanted: impl Fn(&str) -> bool) -> Self {
        Self(pairs.into_iter().filter(|(name, value)| !value.is_empty() && wanted(name)).collect())
    }

    /// The value of one, where it is there and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of the first that is there.
    pub fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// Whether a switch is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// Those that begin so.
    pub fn beginning<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
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
