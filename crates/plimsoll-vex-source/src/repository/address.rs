//! Where a repository is.

use std::fmt;
use std::str::FromStr;

use plimsoll_http::{Scheme, Url, without_credentials};
use plimsoll_model::Digest;
use sha2::{Digest as _, Sha256};

use crate::Error;

/// Where the manifest lies below a host.
const WELL_KNOWN: &str = ".well-known/vex-repository.json";
/// The manifest's name.
const MANIFEST: &str = "vex-repository.json";
/// The host whose repositories have it in the root of their main branch.
const GITHUB: &str = "github.com";
/// Where files of such a branch are served.
const GITHUB_FILES: &str = "raw.githubusercontent.com";

/// The address of a repository, as a person gives it: `https://vex.example`, `https://github.com/acme/vex`, or that of a
/// manifest itself. Prints without credentials and query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    url: Url,
}

impl Address {
    /// The address of its manifest.
    ///
    /// Source: VEX Repository Specification 0.1, "File Location".
    pub(crate) fn manifest(&self) -> Url {
        let path = self.url.path.trim_end_matches('/');
        let mut parts = path.trim_start_matches('/').split('/');
        if self.url.host() == GITHUB
            && let (Some(owner), Some(name), None) = (parts.next(), parts.next(), parts.next())
            && !name.is_empty()
        {
            let name = name.strip_suffix(".git").unwrap_or(name);
            let path = format!("/{owner}/{name}/main/{MANIFEST}");
            return Url::of(Scheme::Https, GITHUB_FILES.to_owned(), path);
        }
        let is_file =
            path.rsplit('/').next().is_some_and(|name| name.to_ascii_lowercase().ends_with(".json"));
        let path = if is_file { path.to_owned() } else { format!("{path}/{WELL_KNOWN}") };
        Url::of(self.url.scheme, self.url.authority.clone(), path).with_credentials_of(&self.url)
    }

    /// The name of the folder that keeps it.
    pub(crate) fn key(&self) -> String {
        Digest::sha256(&Sha256::digest(self.manifest().expose()).into()).hex().to_owned()
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let url = Url::parse_with_credentials(text).map_err(|found| Error::Source {
            text: without_credentials(text).chars().take(300).collect(),
            expected: "the address of a VEX repository, as in `repo:https://vex.example`",
            found: found.to_owned(),
        })?;
        Ok(Self { url })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.to_string().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_lies_where_the_specification_has_it() {
        for (given, expected) in [
            ("https://vex.example", "https://vex.example/.well-known/vex-repository.json"),
            ("https://vex.example/a/", "https://vex.example/a/.well-known/vex-repository.json"),
            ("https://vex.example/a/my.json", "https://vex.example/a/my.json"),
            (
                "https://github.com/acme/vex",
                "https://raw.githubusercontent.com/acme/vex/main/vex-repository.json",
            ),
            (
                "https://github.com/acme/vex.git/",
                "https://raw.githubusercontent.com/acme/vex/main/vex-repository.json",
            ),
            ("https://user:pass@vex.example", "https://vex.example/.well-known/vex-repository.json"),
        ] {
            let address: Address = given.parse().unwrap();
            assert_eq!(address.manifest().expose(), expected, "{given}");
            assert!(!format!("{address} {address:?}").contains("pass"));
        }
        let error = "https://user:pass@/".parse::<Address>().unwrap_err().to_string();
        assert!(!error.contains("pass"), "{error}");
    }
}
