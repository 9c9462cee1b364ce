//! What a result is of: the parts of an image's name that keys are made of.

/// The registry of names without one.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Where its images without a name before `/` lie; names leave it away, and so do tables and keys.
const DEFAULT_NAMESPACE: &str = "library/";
/// Prefixes of targets that name an image.
const OF_IMAGES: [&str; 2] = ["docker:", "podman:"];
/// Prefixes of targets that name a file or a folder.
const OF_FILES: [&str; 5] = ["docker-archive:", "oci-archive:", "oci-dir:", "dir:", "sbom:"];

/// What a result is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// As it was typed: `app:1.2`, `dir:/srv`.
    pub name: String,
    /// Its registry: `docker.io`, `registry.example:5000`. `None` for what is no image.
    pub registry: Option<String>,
    /// Its repository, without the registry, and without `library/` of the default one: `team/app`.
    pub repository: Option<String>,
    /// Its tag.
    pub tag: Option<String>,
    /// Digest of its manifest, else of its config, else of its inventory: `sha256:…`.
    pub digest: Option<String>,
    /// Its platform, `linux/amd64`.
    pub platform: Option<String>,
}

impl Subject {
    /// Of what was typed, and the names (`repository:tag`) that an archive or an engine knows it by. What is neither the
    /// name of an image nor has such names is taken by what was typed alone.
    ///
    /// Source: distribution/reference, "Grammar"; Docker's names of images without a registry.
    pub fn of(name: &str, repo_tags: &[String]) -> Self {
        let typed = OF_IMAGES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        let is_file =
            OF_FILES.iter().any(|prefix| typed.starts_with(prefix)) || typed.starts_with(['/', '.', '~']);
        let parsed = if is_file { None } else { image(typed) };
        let parsed = parsed.or_else(|| repo_tags.iter().find_map(|name| image(name)));
        let (registry, repository, tag) = match parsed {
            Some((registry, repository, tag)) => (Some(registry), Some(repository), tag),
            None => (None, None, None),
        };
        Self { name: name.to_owned(), registry, repository, tag, digest: None, platform: None }
    }

    /// With the digest of its manifest, else of its config, else of its inventory: the first that is not empty.
    #[must_use]
    pub fn with_digest(mut self, digests: [&str; 3]) -> Self {
        self.digest = digests.into_iter().find(|digest| !digest.is_empty()).map(str::to_owned);
        self
    }

    /// The last part of the repository, or of what was typed: `app`.
    pub fn short_name(&self) -> &str {
        let whole = self.repository.as_deref().unwrap_or(&self.name);
        whole.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default()
    }

    /// The digest's first twelve digits, without the algorithm.
    pub fn short_digest(&self) -> Option<&str> {
        let digest = self.digest.as_deref()?;
        let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
        hex.get(..12).or(Some(hex))
    }
}

/// Registry, repository and tag of a name.
fn image(name: &str) -> Option<(String, String, Option<String>)> {
    let (name, has_digest) = match name.split_once('@') {
        Some((name, _)) => (name, true),
        None => (name, false),
    };
    let (path, tag) = match name.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag.to_owned())),
        _ => (name, None),
    };
    let is_host = |first: &str| first.contains(['.', ':']) || first == "localhost";
    let (registry, repository) = match path.split_once('/') {
        Some((first, rest)) if is_host(first) => (first, rest.to_owned()),
        _ => (DEFAULT_REGISTRY, path.to_owned()),
    };
    let registry = if registry == "index.docker.io" { DEFAULT_REGISTRY } else { registry };
    let repository = match repository.strip_prefix(DEFAULT_NAMESPACE) {
        Some(rest) if registry == DEFAULT_REGISTRY => rest.to_owned(),
        _ => repository,
    };
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte))
    };
    if path.is_empty() || registry.is_empty() || !repository.split('/').all(is_part) {
        return None;
    }
    let tag = tag.or_else(|| (!has_digest).then(|| "latest".to_owned()));
    Some((registry.to_owned(), repository, tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        for (name, tags, expected) in [
            ("app", &[][..], "docker.io app latest"),
            ("team/app:1.2", &[], "docker.io team/app 1.2"),
            ("docker.io/alpine:3", &[], "docker.io alpine 3"),
            ("library/alpine:3", &[], "docker.io alpine 3"),
            ("registry.example:5000/a/b/c:1", &[], "registry.example:5000 a/b/c 1"),
            ("localhost/app", &[], "localhost app latest"),
            ("r.example/app@sha256:4f1a", &[], "r.example app -"),
            ("r.example/app:1@sha256:4f1a", &[], "r.example app 1"),
            ("docker:app:2", &[], "docker.io app 2"),
            ("docker-archive:app.tar", &["team/app:3"], "docker.io team/app 3"),
            ("docker-archive:app.tar", &[], "- - -"),
            ("dir:/srv/app", &[], "- - -"),
            ("./package-lock.json", &[], "- - -"),
            ("", &[], "- - -"),
            ("App:1", &[], "- - -"),
            ("a//b", &[], "- - -"),
        ] {
            let tags: Vec<String> = tags.iter().map(|&tag: &&str| tag.to_owned()).collect();
            let subject = Subject::of(name, &tags);
            let text = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
            let found =
                format!("{} {} {}", text(&subject.registry), text(&subject.repository), text(&subject.tag));
            assert_eq!(found, expected, "{name}");
        }
        let subject =
            Subject::of("r.example/team/app:1", &[]).with_digest(["", "sha256:0123456789abcdef", "x"]);
        assert_eq!((subject.short_name(), subject.short_digest()), ("app", Some("0123456789ab")));
        assert_eq!(Subject::of("dir:/srv/app/", &[]).short_name(), "app");
    }
}
