//! What a person types to say where documents are.

use std::path::PathBuf;
use std::str::FromStr;

use crate::{Address, Error};

/// The prefix of a VEX repository's address.
const REPOSITORY: &str = "repo:";

/// Where documents are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file, or a folder whose `.json` files are read: `vex/app.json`, `vex/`.
    Path(PathBuf),
    /// What is attached to the image in its registry: `oci`.
    Attached,
    /// A VEX repository: `repo:https://vex.example`.
    Repository(Address),
}

impl FromStr for Source {
    type Err = Error;

    /// Looks at no disk: a file that is called `oci` is named `./oci`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let is_address = |text: &str| {
            let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
            lower.starts_with("https://") || lower.starts_with("http://")
        };
        match text.strip_prefix(REPOSITORY) {
            _ if text == "oci" => Ok(Self::Attached),
            Some(address) => address.parse().map(Self::Repository),
            None if is_address(text) => text.parse().map(Self::Repository),
            None if text.is_empty() || text == "repo" => Err(Error::Source {
                text: text.to_owned(),
                expected: "a file, a folder, `oci`, or `repo:` and the address of a VEX repository",
                found: if text.is_empty() { "nothing".to_owned() } else { "no address".to_owned() },
            }),
            None => Ok(Self::Path(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_by_their_text() {
        for text in ["repo:https://vex.example/", "https://vex.example", "HTTP://127.0.0.1:1/x"] {
            assert!(matches!(text.parse(), Ok(Source::Repository(_))), "{text}");
        }
        for text in ["./oci", "oci.json", "vex/", "repo", ""] {
            let source = text.parse::<Source>();
            assert!(matches!(source, Ok(Source::Path(_)) | Err(Error::Source { .. })), "{text}");
        }
        for text in ["", "repo", "repo:", "repo:vex.example", "repo:ftp://vex.example", "https://"] {
            assert!(text.parse::<Source>().is_err(), "{text}");
        }
    }
}
