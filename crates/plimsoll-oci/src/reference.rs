//! Names of images, as people type them.

use std::fmt;
use std::str::FromStr;

use plimsoll_model::Digest;

use crate::Error;

/// The registry of a name that names none.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Where that registry's interface is served.
const DEFAULT_REGISTRY_HOST: &str = "registry-1.docker.io";
/// What a name without a slash lies under in the default registry.
const OFFICIAL_PREFIX: &str = "library/";
/// The most bytes that registry and repository have together.
const MAX_NAME_BYTES: usize = 255;
/// The most bytes of a tag.
const MAX_TAG_BYTES: usize = 128;

/// What a person typed to name an image in a registry: `registry.example/app:1.2`, `…@sha256:4f1a…`, `app`.
///
/// A name without a registry is one of Docker Hub's, and without a tag or digest its tag is `latest`, as the docker
/// command has it. Where both a tag and a digest are given, the digest decides.
///
/// Source: OCI distribution-spec 1.1, "Pulling manifests"; the grammar of `distribution/reference`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// A repository of a registry, as its list names it: without a tag, `team/app` of `registry.example:5000`.
    ///
    /// # Errors
    /// [`Error::Reference`] where either is none.
    pub fn of_repository(registry: &str, repository: &str) -> Result<Self, Error> {
        let parsed: Result<Self, &'static str> = (|| {
            if registry != DEFAULT_REGISTRY && !is_registry(registry) {
                return Err("a registry without a dot or a port");
            }
            check_registry(registry)?;
            // No tag, no digest, no other registry may hide in a repository's name.
            check_path(repository)?;
            let parsed = parse(&format!("{registry}/{repository}"))?;
            Ok(Self { tag: None, ..parsed })
        })();
        parsed.map_err(|found| Error::Reference {
            text: format!("{registry}/{repository}").chars().take(300).collect(),
            found,
        })
    }

    /// What stands for a registry where a repository is wanted that does not matter.
    pub(crate) fn registry_alone(registry: &str) -> Self {
        Self { registry: registry.to_owned(), repository: String::new(), tag: None, digest: None }
    }

    /// The same repository, at another tag.
    ///
    /// # Errors
    /// [`Error::Reference`] for a tag that is none.
    pub fn with_tag(&self, tag: &str) -> Result<Self, Error> {
        check_tag(tag).map_err(|found| Error::Reference {
            text: format!("{}/{}:{tag}", self.registry, self.repository).chars().take(300).collect(),
            found,
        })?;
        Ok(Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() })
    }

    /// The same repository and tag, at this digest.
    #[must_use]
    pub fn with_digest(&self, digest: &Digest) -> Self {
        Self { digest: Some(digest.clone()), ..self.clone() }
    }

    /// The registry's name, with its port: `registry.example:5000`, `docker.io`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Host and port that serve it: as [`Reference::registry`], save for Docker Hub.
    pub fn registry_host(&self) -> &str {
        if self.registry == DEFAULT_REGISTRY { DEFAULT_REGISTRY_HOST } else { &self.registry }
    }

    /// The repository, without the registry: `library/app`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, where one was given or assumed.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, where one was given.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What the registry is asked for: the digest, else the tag.
    pub fn wanted(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => "latest",
        }
    }

    /// The repository as the docker command prints it: without `docker.io/` and `docker.io/library/`.
    pub fn familiar_repository(&self) -> String {
        if self.registry == DEFAULT_REGISTRY {
            self.repository.strip_prefix(OFFICIAL_PREFIX).unwrap_or(&self.repository).to_owned()
        } else {
            format!("{}/{}", self.registry, self.repository)
        }
    }

    /// `repository:tag` as the docker command prints it; `None` for a bare digest.
    pub fn familiar_tag(&self) -> Option<String> {
        self.tag.as_ref().map(|tag| format!("{}:{tag}", self.familiar_repository()))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).map_err(|found| Error::Reference { text: text.chars().take(300).collect(), found })
    }
}

fn parse(text: &str) -> Result<Reference, &'static str> {
    if text.contains("://") {
        return Err("an address with a scheme");
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest.parse().map_err(|_| "a malformed digest")?)),
        None => (text, None),
    };
    // A colon behind the last slash parts the tag; one before it parts a port.
    let name_start = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[name_start..].find(':') {
        Some(colon) => (&rest[..name_start + colon], Some(&rest[name_start + colon + 1..])),
        None => (rest, None),
    };
    if let Some(tag) = tag {
        check_tag(tag)?;
    }
    let (registry, path) = match name.split_once('/') {
        Some((first, path)) if is_registry(first) => (first, path),
        _ => (DEFAULT_REGISTRY, name),
    };
    check_registry(registry)?;
    check_path(path)?;
    let registry = if registry == "index.docker.io" || registry == DEFAULT_REGISTRY_HOST {
        DEFAULT_REGISTRY
    } else {
        registry
    };
    let official = registry == DEFAULT_REGISTRY && !path.contains('/');
    let repository = if official { format!("{OFFICIAL_PREFIX}{path}") } else { path.to_owned() };
    if registry.len() + 1 + repository.len() > MAX_NAME_BYTES {
        return Err("a name of more than 255 bytes");
    }
    let tag = match (tag, &digest) {
        (Some(tag), _) => Some(tag.to_owned()),
        (None, None) => Some("latest".to_owned()),
        (None, Some(_)) => None,
    };
    Ok(Reference { registry: registry.to_ascii_lowercase(), repository, tag, digest })
}

/// Whether the part before the first slash is a registry and not a folder of Docker Hub.
fn is_registry(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn check_registry(registry: &str) -> Result<(), &'static str> {
    let (host, port) = if registry.starts_with('[') {
        let end = registry.find(']').ok_or("an address in brackets that are not closed")?;
        let address = &registry[1..end];
        address.parse::<std::net::Ipv6Addr>().map_err(|_| "a malformed IPv6 address")?;
        match registry[end + 1..].strip_prefix(':') {
            Some(port) => ("v6", Some(port)),
            None if registry.len() == end + 1 => ("v6", None),
            None => return Err("text behind an address in brackets"),
        }
    } else {
        match registry.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (registry, None),
        }
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err("a registry with a malformed port");
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.split('.').all(label) { Ok(()) } else { Err("a malformed registry name") }
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("no repository");
    }
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("a repository with upper-case letters");
    }
    if path.split('/').all(is_component) { Ok(()) } else { Err("a malformed repository") }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let bytes = text.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if !bytes.first().is_some_and(plain) || !bytes.last().is_some_and(plain) {
        return false;
    }
    text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

/// `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`
fn check_tag(tag: &str) -> Result<(), &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if tag.len() > MAX_TAG_BYTES {
        return Err("a tag of more than 128 bytes");
    }
    let well = tag.bytes().next().is_some_and(plain)
        && tag.bytes().all(|byte| plain(byte) || byte == b'.' || byte == b'-');
    if well { Ok(()) } else { Err("a malformed tag") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_as_docker_does() {
        let hex = "4f".repeat(32);
        for (text, whole, host, familiar) in [
            ("app", "docker.io/library/app:latest", "registry-1.docker.io", "app:latest"),
            ("org/app:1.2", "docker.io/org/app:1.2", "registry-1.docker.io", "org/app:1.2"),
            ("index.docker.io/app", "docker.io/library/app:latest", "registry-1.docker.io", "app:latest"),
            ("localhost/x", "localhost/x:latest", "localhost", "localhost/x:latest"),
            ("localhost:5000/x", "localhost:5000/x:latest", "localhost:5000", "localhost:5000/x:latest"),
            ("127.0.0.1:5000/x:y", "127.0.0.1:5000/x:y", "127.0.0.1:5000", "127.0.0.1:5000/x:y"),
            ("[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000", "[::1]:5000/x:latest"),
            ("r.example/a__b/c-d.e:V_1", "r.example/a__b/c-d.e:V_1", "r.example", "r.example/a__b/c-d.e:V_1"),
            (&format!("r.example/app@sha256:{hex}"), &format!("r.example/app@sha256:{hex}"), "r.example", ""),
            (
                &format!("r.example/app:1@sha256:{hex}"),
                &format!("r.example/app:1@sha256:{hex}"),
                "r.example",
                "r.example/app:1",
            ),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), whole, "{text}");
            assert_eq!(reference.registry_host(), host, "{text}");
            assert_eq!(reference.familiar_tag().unwrap_or_default(), familiar, "{text}");
            assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            ":",
            "@",
            "App",
            "app:",
            "app:a b",
            "app@sha256:12",
            "app@md5:00",
            "a//b",
            "/a",
            "a/",
            "r.example/",
            "r.example:99999/x",
            "r.example:x/y",
            "-r.example/x",
            "r..example/x",
            "[::1/x",
            "[zz]/x",
            "[::1]5/x",
            "a/../b",
            "a/b_",
            "a/b___c",
            "a/b..c",
            "https://r.example/x",
            "a\nb",
            "app?x",
            "ünïcode",
            &"a".repeat(300),
            &format!("app:{}", "t".repeat(129)),
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
    }
}
