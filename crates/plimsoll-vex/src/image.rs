//! The thing that was scanned, and names of images.

use plimsoll_model::{Digest, Inventory, OsRelease, Purl};

use crate::compare::{Closeness, Miss};

/// The registry of a name that names none.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Other names of that registry.
const DEFAULT_REGISTRY_ALIASES: &[&str] =
    &["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];
/// What a name without a slash lies under in the default registry.
const OFFICIAL_PREFIX: &str = "library/";

/// What was scanned, as statements may name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Digests that name the image: of its manifest, of an index that lists it, of its config. `sha256:…`.
    pub digests: Vec<String>,
    /// Names with a tag or a digest: `registry.example/app:1.2`.
    pub references: Vec<String>,
    /// Package URLs of the thing itself, where somebody said so: of the component that an SBOM describes.
    pub purls: Vec<Purl>,
    /// The architecture by Go's name, `amd64`; empty where unknown.
    pub architecture: String,
    /// The distribution release.
    pub os: Option<OsRelease>,
}

impl Subject {
    /// What an inventory says of itself. A folder or an SBOM may have none of the names; statements on packages
    /// hold for it all the same.
    pub fn of(inventory: &Inventory) -> Self {
        let artifact = &inventory.artifact;
        let named =
            artifact.repo_digests.iter().filter_map(|name| name.split_once('@')).map(|(_, digest)| digest);
        let mut digests: Vec<String> = [artifact.manifest_digest.as_str(), artifact.config_digest.as_str()]
            .into_iter()
            .chain(named)
            .filter(|digest| !digest.is_empty())
            .map(str::to_owned)
            .collect();
        digests.sort();
        digests.dedup();
        Self {
            digests,
            purls: Vec::new(),
            references: artifact.repo_tags.iter().chain(&artifact.repo_digests).cloned().collect(),
            architecture: artifact.platform.as_ref().map(|p| p.architecture.clone()).unwrap_or_default(),
            os: inventory.os.clone(),
        }
    }

    fn names(&self) -> impl Iterator<Item = Name<'_>> {
        self.references.iter().filter_map(|reference| parse(reference))
    }

    /// Whether one of the digests is this one.
    pub(crate) fn has_digest(&self, digest: &str) -> Result<(), Miss> {
        if self.digests.iter().any(|own| own == digest) {
            return Ok(());
        }
        Err(match self.digests.first() {
            Some(own) => Miss::new(Closeness::Kind, format!("the digest is `{digest}`, found `{own}`")),
            None => {
                Miss::new(Closeness::Nothing, format!("the digest is `{digest}`, what was scanned has none"))
            }
        })
    }

    /// Whether one of its own package URLs is this one, as far as this one goes.
    pub(crate) fn is_purl(&self, purl: &Purl) -> bool {
        self.purls.iter().any(|own| {
            own.kind == purl.kind
                && own.namespace == purl.namespace
                && own.name == purl.name
                && (purl.version.is_empty() || own.version == purl.version)
                && purl.qualifiers.iter().all(|(key, value)| own.qualifiers.get(key) == Some(value))
                && purl.subpath.is_empty()
        })
    }

    /// Whether it is known by that name. A name without tag and digest stands for all of its repository.
    pub(crate) fn has_reference(&self, reference: &str) -> Result<(), Miss> {
        let Some(wanted) = parse(reference) else {
            return Err(Miss::new(Closeness::Nothing, format!("`{reference}` is no name of an image")));
        };
        if let Some(digest) = wanted.digest {
            return self.has_digest(digest);
        }
        let mut miss = Miss::new(Closeness::Nothing, format!("the image is `{reference}`{}", self.found()));
        for name in self.names().filter(|name| name.registry == wanted.registry && name.path == wanted.path) {
            match (wanted.tag, name.tag) {
                (None, _) => return Ok(()),
                (Some(wanted), Some(tag)) if wanted == tag => return Ok(()),
                _ => miss.closeness = Closeness::Name,
            }
        }
        Err(miss)
    }

    /// Whether a `pkg:oci` or `pkg:docker` URL names it.
    ///
    /// A digest decides alone: the same bytes in another repository are the same image. Without one, name,
    /// `repository_url`, tag and architecture must be equal as far as the URL gives them.
    ///
    /// Source: package-url specification, types `oci` and `docker`.
    pub(crate) fn has_purl(&self, purl: &Purl) -> Result<(), Miss> {
        if purl.version.parse::<Digest>().is_ok() {
            return self.has_digest(&purl.version);
        }
        let url = purl.qualifiers.get("repository_url").map(|url| {
            let url = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            url.trim_end_matches('/')
        });
        let path = if purl.namespace.is_empty() {
            purl.name.clone()
        } else {
            format!("{}/{}", purl.namespace, purl.name)
        };
        let tag = purl.qualifiers.get("tag").map(String::as_str).or(Some(purl.version.as_str()));
        let tag = tag.filter(|tag| !tag.is_empty());
        let mut miss = Miss::new(Closeness::Nothing, format!("the image is `{purl}`{}", self.found()));
        for name in self.names() {
            let same_name = match url {
                // The registry with the repository, or without the last part of it, which is the name.
                Some(url) => name.is(url) || name.is(&format!("{url}/{path}")),
                None if purl.kind == "docker" => name.is(&path),
                None => name.path == path || name.path.ends_with(&format!("/{path}")),
            };
            if !same_name {
                continue;
            }
            // What stands for a version and is no digest is a tag as well, and no other than the qualifier's.
            let is_other = |tag: &str| !tag.is_empty() && Some(tag) != name.tag;
            if tag.is_some_and(is_other) || is_other(&purl.version) {
                miss.raise(Closeness::Name, || format!("the image is `{purl}`{}", self.found()));
                continue;
            }
            match purl.qualifiers.get("arch") {
                Some(arch) if !same_architecture(arch, &self.architecture) => miss
                    .raise(Closeness::Version, || {
                        format!("the architecture is `{arch}`, found `{}`", self.architecture)
                    }),
                _ => return Ok(()),
            }
        }
        Err(miss)
    }

    fn found(&self) -> String {
        match self.references.first().or(self.digests.first()) {
            Some(name) => format!(", found `{name}`"),
            None => ", and what was scanned has no name".to_owned(),
        }
    }
}

/// Go's name of an architecture, and the kernel's, which package managers have.
fn same_architecture(one: &str, two: &str) -> bool {
    let go = |name: &str| match name {
        "x86_64" => "amd64".to_owned(),
        "aarch64" => "arm64".to_owned(),
        name => name.to_ascii_lowercase(),
    };
    go(one) == go(two)
}

/// A name of an image, taken apart: `registry/path:tag@digest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    registry: &'a str,
    path: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl Name<'_> {
    /// Whether registry and path are those of the text.
    fn is(&self, text: &str) -> bool {
        parse(text).is_some_and(|name| name.registry == self.registry && name.path == self.path)
    }
}

/// The package URL of a name: `pkg:oci/app?repository_url=registry.example/team/app&tag=1.2`.
///
/// Source: package-url specification, type `oci`.
pub(crate) fn purl(reference: &str) -> Option<Purl> {
    let Name { registry, path, tag, digest } = parse(reference)?;
    let name = path.rsplit('/').next().unwrap_or(path);
    let purl = Purl::new("oci", "", name, digest.unwrap_or_default());
    Some(purl.with("repository_url", &format!("{registry}/{path}")).with("tag", tag.unwrap_or_default()))
}

/// Takes a name apart; `None` for what is none.
///
/// Source: the grammar of `distribution/reference`.
pub(crate) fn parse(text: &str) -> Option<Name<'_>> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    if digest.is_some_and(|digest| digest.parse::<Digest>().is_err()) {
        return None;
    }
    let (rest, tag) = match rest.rsplit_once(':') {
        Some((rest, tag)) if !tag.contains('/') => (rest, Some(tag)),
        _ => (rest, None),
    };
    let (registry, path) = match rest.split_once('/') {
        Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (first, path),
        _ => (DEFAULT_REGISTRY, rest),
    };
    let registry = if DEFAULT_REGISTRY_ALIASES.contains(&registry) { DEFAULT_REGISTRY } else { registry };
    let path = match path.strip_prefix(OFFICIAL_PREFIX) {
        Some(official) if registry == DEFAULT_REGISTRY => official,
        _ => path,
    };
    let in_path =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-' | b'/');
    let in_tag = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let is_name = !path.is_empty()
        && path.bytes().all(in_path)
        && path.split('/').all(|part| !part.is_empty())
        && tag.is_none_or(|tag| !tag.is_empty() && tag.bytes().all(in_tag));
    is_name.then_some(Name { registry, path, tag, digest })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
    const TWO: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

    fn subject() -> Subject {
        Subject {
            digests: vec![ONE.to_owned()],
            references: vec![
                "registry.example/team/app:1.2".to_owned(),
                format!("registry.example/team/app@{ONE}"),
                "nginx:1.27".to_owned(),
            ],
            purls: Vec::new(),
            architecture: "amd64".to_owned(),
            os: None,
        }
    }

    #[test]
    fn an_image_is_known_by_package_url() {
        for (purl, expected) in [
            (format!("pkg:oci/app@{ONE}"), true),
            // The digest decides, whatever repository it was published in.
            (format!("pkg:oci/other@{ONE}?repository_url=mirror.example/other"), true),
            (format!("pkg:oci/app@{TWO}"), false),
            ("pkg:oci/app".to_owned(), true),
            ("pkg:oci/ap".to_owned(), false),
            ("pkg:oci/app?repository_url=registry.example/team/app".to_owned(), true),
            ("pkg:oci/app?repository_url=registry.example/team".to_owned(), true),
            ("pkg:oci/app?repository_url=registry.example/other".to_owned(), false),
            ("pkg:oci/app?tag=1.2".to_owned(), true),
            ("pkg:oci/app?tag=1.3".to_owned(), false),
            ("pkg:oci/app@1.2".to_owned(), true),
            ("pkg:oci/app@1.2?tag=1.2".to_owned(), true),
            // A digest that is cut short is none, and the tag does not speak for it.
            ("pkg:oci/app@sha256:1111?tag=1.2".to_owned(), false),
            ("pkg:oci/app@1.3?tag=1.2".to_owned(), false),
            ("pkg:oci/app?arch=amd64".to_owned(), true),
            ("pkg:oci/app?arch=x86_64".to_owned(), true),
            ("pkg:oci/app?arch=arm64".to_owned(), false),
            ("pkg:oci/nginx?repository_url=index.docker.io/library/nginx".to_owned(), true),
            ("pkg:docker/library/nginx@1.27".to_owned(), true),
            ("pkg:docker/nginx@1.26".to_owned(), false),
            ("pkg:docker/team/app@1.2?repository_url=registry.example".to_owned(), true),
            ("pkg:docker/team/app@1.2".to_owned(), false),
        ] {
            let found = subject().has_purl(&purl.parse().unwrap());
            assert_eq!(found.is_ok(), expected, "{purl}: {found:?}");
        }
    }

    #[test]
    fn an_image_is_known_by_name() {
        for (name, expected) in [
            ("registry.example/team/app:1.2", true),
            ("registry.example/team/app", true),
            ("registry.example/team/app:1", false),
            ("docker.io/library/nginx:1.27", true),
            ("team/app", false),
        ] {
            assert_eq!(subject().has_reference(name).is_ok(), expected, "{name}");
            assert_eq!(subject().has_purl(&purl(name).unwrap()).is_ok(), expected, "{name}");
        }
        for text in ["", "A", "a//b", "a:", "https://a.example/b", "a b", "a@sha256:1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
