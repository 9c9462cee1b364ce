//! What stands here for what an action has on AWS: `--map ACTION=PLACE`.

use std::path::{Path, PathBuf};

use plimsoll_template::pipeline::{Action, Role};

/// What stands in the host of a private registry of ECR, between the account and the region.
const MIDDLE: &str = ".dkr.ecr.";
/// Beginnings of addresses that git takes.
const GIT_SCHEMES: [&str; 5] = ["https://", "http://", "ssh://", "git://", "file://"];

/// What stands for an action's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A folder: of sources, or one that is deployed to.
    Folder(PathBuf),
    /// A zip archive of sources.
    Zip(PathBuf),
    /// One file.
    File(PathBuf),
    /// A git repository, and the branch, tag or commit if another than the action's.
    Git {
        /// As git takes it.
        url: String,
        /// Behind `#`.
        reference: Option<String>,
    },
    /// An object, or a prefix with `/` at its end.
    Object(String),
    /// An image, or whatever else can be scanned.
    Image(String),
    /// A command of a shell.
    Command(String),
}

impl Place {
    /// Reads a place for an action.
    ///
    /// # Errors
    /// What was expected, and what was found.
    pub(crate) fn parse(text: &str, action: &Action) -> Result<Self, String> {
        if let Some(command) = text.strip_prefix("run:") {
            return match command.trim() {
                "" => Err("expected a command behind `run:`, found none".to_owned()),
                command => Ok(Self::Command(command.to_owned())),
            };
        }
        let is_address = text.contains("://") && !GIT_SCHEMES.iter().any(|scheme| text.starts_with(scheme));
        match action.provider.role {
            Role::Repository | Role::Object | Role::CopyToBucket if is_address => {
                Ok(Self::Object(text.to_owned()))
            }
            Role::Repository => repository(text),
            Role::Object => on_disk(text),
            Role::Image | Role::Scan => Ok(Self::Image(text.to_owned())),
            Role::CopyToBucket => Ok(Self::Folder(absolute(text))),
            _ => {
                Err(format!("expected `run:COMMAND` for provider `{}`, found `{text}`", action.provider_name))
            }
        }
    }
}

fn repository(text: &str) -> Result<Place, String> {
    let git = |text: &str| {
        let (url, reference) = match text.split_once('#') {
            Some((url, reference)) => (url, Some(reference.to_owned()).filter(|text| !text.is_empty())),
            None => (text, None),
        };
        // git takes what begins with a dash for an option.
        if url.is_empty()
            || url.starts_with('-')
            || reference.as_ref().is_some_and(|text| text.starts_with('-'))
        {
            return Err(format!("expected the address of a git repository, found `{text}`"));
        }
        let path = Path::new(url);
        let url = if path.exists() { absolute(url).display().to_string() } else { url.to_owned() };
        Ok(Place::Git { url, reference })
    };
    if let Some(url) = text.strip_prefix("git:").filter(|rest| !rest.starts_with("//")) {
        return git(url);
    }
    // `git@host:team/shop.git` is no path.
    let is_remote = text.split_once(':').is_some_and(|(host, _)| host.contains('@') && !host.contains('/'));
    if is_remote || GIT_SCHEMES.iter().any(|scheme| text.starts_with(scheme)) || text.starts_with("git://") {
        return git(text);
    }
    let path = Path::new(text.split_once('#').map_or(text, |(path, _)| path));
    let is_bare = path.join("HEAD").is_file() && path.join("objects").is_dir();
    if is_bare { git(text) } else { on_disk(text) }
}

fn on_disk(text: &str) -> Result<Place, String> {
    let path = absolute(text);
    if path.is_dir() {
        Ok(Place::Folder(path))
    } else if path.is_file() {
        let is_zip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip"));
        Ok(if is_zip { Place::Zip(path) } else { Place::File(path) })
    } else {
        Err(format!("expected a folder or a file, found nothing at `{text}`"))
    }
}

fn absolute(text: &str) -> PathBuf {
    std::path::absolute(text).unwrap_or_else(|_| PathBuf::from(text))
}

/// The text with the hosts of ECR's private registries replaced, `123456789012.dkr.ecr.eu-west-1.amazonaws.com`.
pub(crate) fn with_registry(text: &str, registry: Option<&str>) -> String {
    let Some(registry) = registry else { return text.to_owned() };
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(MIDDLE) {
        let (before, behind) = (&rest[..at], &rest[at + MIDDLE.len()..]);
        let digits = before.bytes().rev().take_while(u8::is_ascii_digit).count();
        let host = behind.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.')));
        let host = &behind[..host.unwrap_or(behind.len())];
        let is_host = digits == 12
            && host.split_once('.').is_some_and(|(region, suffix)| {
                !region.is_empty() && matches!(suffix, "amazonaws.com" | "amazonaws.com.cn")
            });
        if is_host {
            out.push_str(&before[..before.len() - digits]);
            out.push_str(registry);
            rest = &behind[host.len()..];
        } else {
            out.push_str(&rest[..at + MIDDLE.len()]);
            rest = behind;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_folders_archives_or_gits() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::create_dir_all(folder.path().join("bare.git/objects")).unwrap();
        std::fs::write(folder.path().join("bare.git/HEAD"), "ref").unwrap();
        std::fs::create_dir(folder.path().join("tree")).unwrap();
        std::fs::write(folder.path().join("a.ZIP"), "").unwrap();
        let git = |url: &str, reference: Option<&str>| Place::Git {
            url: url.to_owned(),
            reference: reference.map(str::to_owned),
        };
        for (text, expected) in [
            (at("tree"), Place::Folder(folder.path().join("tree"))),
            (at("a.ZIP"), Place::Zip(folder.path().join("a.ZIP"))),
            (at("bare.git"), git(&at("bare.git"), None)),
            (format!("git:{}#v1", at("tree")), git(&at("tree"), Some("v1"))),
            ("https://host/a.git".to_owned(), git("https://host/a.git", None)),
            ("git://host/a#b".to_owned(), git("git://host/a", Some("b"))),
            ("git@host:team/a.git".to_owned(), git("git@host:team/a.git", None)),
        ] {
            assert_eq!(repository(&text), Ok(expected), "{text}");
        }
        for text in ["git:-upload-pack=x", "git:", "git:host#--all", "no/such/folder"] {
            assert!(repository(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_of_ecr_are_replaced_and_nothing_else() {
        let to = Some("localhost:5000");
        for (text, expected) in [
            ("", ""),
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "localhost:5000"),
            ("x 000000000000.dkr.ecr.us-east-1.amazonaws.com/shop:1 y", "x localhost:5000/shop:1 y"),
            ("12.dkr.ecr.us-east-1.amazonaws.com", "12.dkr.ecr.us-east-1.amazonaws.com"),
            ("123456789012.dkr.ecr.x.example.com", "123456789012.dkr.ecr.x.example.com"),
            ("123456789012.dkr.ecr.", "123456789012.dkr.ecr."),
        ] {
            assert_eq!(with_registry(text, to), expected);
            assert_eq!(with_registry(text, None), text);
        }
    }
}
