//! Profiles of AWS's tools: `~/.aws/config` and `~/.aws/credentials`.
//!
//! Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files", "File format".

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::credentials::Error;
use crate::options::Variables;

/// The largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// One profile, of both files: what the one for credentials says goes before.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Profile {
    /// Settings; nested ones (`s3 =` with indented lines) under `s3.addressing_style`.
    values: BTreeMap<String, String>,
}

impl Profile {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// The profiles of both files, and which of them is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profiles {
    by_name: BTreeMap<String, Profile>,
    sso_sessions: BTreeMap<String, Profile>,
    services: BTreeMap<String, Profile>,
    /// The profile that was asked for.
    pub(crate) current: String,
    /// Whether it was asked for by its name.
    pub(crate) is_asked: bool,
    /// The files, for errors.
    pub(crate) files: Vec<PathBuf>,
}

impl Profiles {
    /// Reads what the environment points to. Files that are not there say nothing.
    ///
    /// # Errors
    /// [`CredentialsError::File`](crate::CredentialsError::File) and its like, for files that are no profiles.
    pub fn read(variables: &Variables, asked: Option<&str>) -> Result<Self, Error> {
        let file = |variable: &str, name: &str| match variables.get(variable) {
            Some(path) => Some(expanded(path, variables)),
            None => variables.get("HOME").map(|home| Path::new(home).join(".aws").join(name)),
        };
        let asked = asked.or_else(|| variables.first(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]));
        let mut profiles = Self {
            current: asked.unwrap_or("default").to_owned(),
            is_asked: asked.is_some(),
            ..Self::default()
        };
        let files =
            [("AWS_CONFIG_FILE", "config", false), ("AWS_SHARED_CREDENTIALS_FILE", "credentials", true)];
        for (variable, name, is_credentials) in files {
            let Some(path) = file(variable, name) else { continue };
            profiles.add(&text_of(&path, variables.get(variable).is_some())?, &path, is_credentials)?;
            profiles.files.push(path);
        }
        Ok(profiles)
    }

    pub(crate) fn profile(&self, name: &str) -> Option<&Profile> {
        self.by_name.get(name)
    }

    /// A setting of the profile that was asked for.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.profile(&self.current)?.get(name)
    }

    /// The address of a service's server (`S3`, `STS`, `SECRETS_MANAGER`) that the environment names, for this service or for all, else
    /// the profile.
    ///
    /// Source: AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
    pub fn endpoint<'a>(&'a self, service: &str, variables: &'a Variables) -> Option<&'a str> {
        let is_on = |value: &str| value.eq_ignore_ascii_case("true");
        if variables.is_on("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
            || self.setting("ignore_configured_endpoint_urls").is_some_and(is_on)
        {
            return None;
        }
        let own = format!("{}.endpoint_url", service.to_ascii_lowercase());
        let services = self.setting("services").and_then(|name| self.services.get(name));
        variables
            .get(&format!("AWS_ENDPOINT_URL_{service}"))
            .or_else(|| variables.get("AWS_ENDPOINT_URL"))
            .or_else(|| services.and_then(|services| services.get(&own)))
            .or_else(|| self.setting(&own))
            .or_else(|| self.setting("endpoint_url"))
    }

    pub(crate) fn sso_session(&self, name: &str) -> Option<&Profile> {
        self.sso_sessions.get(name)
    }

    fn add(&mut self, text: &str, path: &Path, is_credentials: bool) -> Result<(), Error> {
        let mut section: Option<&mut Profile> = None;
        let mut parent = String::new();
        // As editors on Windows begin a file.
        let text = text.trim_start_matches('\u{feff}');
        for (number, line) in text.lines().enumerate() {
            let is_indented = line.starts_with([' ', '\t']);
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            let wrong = |expected| Error::Profile { path: path.to_owned(), line: number + 1, expected };
            if let Some(rest) = line.strip_prefix('[').filter(|_| !is_indented) {
                let name = rest.split_once(']').ok_or(wrong("`]` at the end of a section's name"))?.0.trim();
                parent.clear();
                let (kind, name) = match name.split_once([' ', '\t']) {
                    Some((kind, name)) if !is_credentials => (kind, name.trim().trim_matches(['"', '\''])),
                    _ => ("profile", name),
                };
                section = match kind {
                    "profile" => Some(self.by_name.entry(name.to_owned()).or_default()),
                    "sso-session" => Some(self.sso_sessions.entry(name.to_owned()).or_default()),
                    "services" => Some(self.services.entry(name.to_owned()).or_default()),
                    _ => None,
                };
                continue;
            }
            let (name, value) = line.split_once('=').ok_or(wrong("`NAME = VALUE`"))?;
            let (name, value) = (name.trim().to_ascii_lowercase(), without_comment(value.trim()));
            let Some(section) = &mut section else { continue };
            if is_indented && !parent.is_empty() {
                section.values.insert(format!("{parent}.{name}"), value.to_owned());
                continue;
            }
            parent.clear();
            if value.is_empty() {
                parent.clone_from(&name);
            }
            section.values.insert(name, value.to_owned());
        }
        Ok(())
    }
}

/// A value without the comment behind it; `#` and `;` begin one behind a blank only.
fn without_comment(value: &str) -> &str {
    let end = [" #", " ;", "\t#", "\t;"].iter().filter_map(|mark| value.find(mark)).min();
    end.map_or(value, |end| value[..end].trim_end())
}

/// A path whose `~/` is the home folder.
pub(crate) fn expanded(path: &str, variables: &Variables) -> PathBuf {
    match (path.strip_prefix("~/"), variables.get("HOME")) {
        (Some(rest), Some(home)) => Path::new(home).join(rest),
        _ => PathBuf::from(path),
    }
}

/// A file's text; empty where there is no file. Of the home folder, which may be somebody else's, also where there is none
/// that may be read: who gives keys otherwise needs none.
fn text_of(path: &Path, is_named: bool) -> Result<String, Error> {
    let cannot = |source| Error::File { path: path.to_owned(), source };
    let is_none = |kind| match kind {
        ErrorKind::NotFound => true,
        ErrorKind::PermissionDenied | ErrorKind::NotADirectory => !is_named,
        _ => false,
    };
    let file = match File::open(path) {
        Err(error) if is_none(error.kind()) => return Ok(String::new()),
        opened => opened.map_err(cannot)?,
    };
    let mut text = String::new();
    let read = file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(cannot)?;
    if read as u64 > MAX_FILE_BYTES {
        let what = format!("expected at most {MAX_FILE_BYTES} bytes, found more");
        return Err(cannot(std::io::Error::other(what)));
    }
    Ok(text)
}

/// Reads both kinds of files, for fuzzing.
pub(crate) fn fuzz_file(text: &str) {
    for is_credentials in [false, true] {
        let _ = Profiles::default().add(text, Path::new("fuzz"), is_credentials);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profiles(config: &str, credentials: &str) -> Result<Profiles, Error> {
        let mut profiles = Profiles { current: "work".to_owned(), ..Profiles::default() };
        profiles.add(config, Path::new("config"), false)?;
        profiles.add(credentials, Path::new("credentials"), true)?;
        Ok(profiles)
    }

    #[test]
    fn both_files_make_one_profile() {
        let config = "\
# of the team
[default]
region = us-east-1
[profile work]
region=eu-central-1 # near
services = local
endpoint_url = http://localhost:4566
s3 =
  addressing_style = path
  max_concurrent_requests = 2
output = json
[services local]
s3 =
  endpoint_url = http://localhost:9000
[sso-session team]
sso_region = eu-west-1
";
        let profiles =
            profiles(config, "[work]\naws_access_key_id = A;B\naws_secret_access_key=x=y\n").unwrap();
        for (name, expected) in [
            ("region", Some("eu-central-1")),
            ("s3.addressing_style", Some("path")),
            ("s3.max_concurrent_requests", Some("2")),
            ("output", Some("json")),
            ("aws_access_key_id", Some("A;B")),
            ("aws_secret_access_key", Some("x=y")),
            ("s3", None),
        ] {
            assert_eq!(profiles.setting(name), expected, "{name}");
        }
        let endpoint = |service, variables: &[(&str, &str)]| {
            let pairs = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
            profiles.endpoint(service, &crate::Options::from_variables(pairs).variables).map(str::to_owned)
        };
        let all = ("AWS_ENDPOINT_URL", "http://all");
        for (service, variables, expected) in [
            ("S3", &[][..], Some("http://localhost:9000")),
            ("STS", &[], Some("http://localhost:4566")),
            ("S3", &[all], Some("http://all")),
            ("STS", &[all, ("AWS_ENDPOINT_URL_STS", "http://sts")], Some("http://sts")),
            ("STS", &[all, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")], None),
        ] {
            assert_eq!(endpoint(service, variables).as_deref(), expected, "{service} {variables:?}");
        }
        assert_eq!(profiles.sso_session("team").unwrap().get("sso_region"), Some("eu-west-1"));
        assert!(!format!("{profiles:?}").contains("x=y"));
    }

    #[test]
    fn what_is_no_profile_is_told_with_its_line() {
        for (config, part) in [
            ("[profile a\n", "line 1: expected `]`"),
            ("[default]\n\nnothing\n", "line 3: expected `NAME = VALUE`"),
            ("<html>\n", "line 1"),
        ] {
            let error = profiles(config, "").unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(profiles("", "").unwrap().profile("work").is_none());
        let odd = profiles("\u{feff}[default]\nregion = a\n[profile 'my own']\nregion = b\n", "").unwrap();
        assert!(odd.profile("default").is_some() && odd.profile("my own").is_some());
    }
}
