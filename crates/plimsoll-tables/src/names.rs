//! Registry, repository and tag of what was scanned.

use plimsoll_model::{Artifact, ArtifactKind};

/// Where a reference without a registry is at home.
const DEFAULT_REGISTRY: &str = "docker.io";

/// The parts of a reference; empty where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Names<'a> {
    /// `registry.example:5000`.
    pub registry: &'a str,
    /// `team/app`, without `library/` of the default registry.
    pub repository: &'a str,
    /// `1.2`.
    pub tag: &'a str,
}

impl<'a> Names<'a> {
    /// Of what was scanned: as it was typed where that names a repository, else of the first name that the source knows
    /// it by. What is no image has none.
    pub fn of(artifact: &'a Artifact) -> Self {
        if artifact.kind != ArtifactKind::ContainerImage {
            return Self::default();
        }
        let known = artifact.repo_tags.iter().chain(&artifact.repo_digests);
        // An archive's file, or a folder's: what is inside it has a name.
        let is_path = artifact.name.starts_with(['/', '.', '~']) || artifact.name.contains(".tar");
        let typed = Some(&artifact.name).filter(|_| !is_path);
        typed.into_iter().chain(known).find_map(|name| Self::read(name)).unwrap_or_default()
    }

    /// Reads a reference: `registry.example:5000/team/app:1.2@sha256:…`. `None` for what is none.
    ///
    /// Source: the reference grammar of Docker's `distribution/reference`.
    pub fn read(reference: &'a str) -> Option<Self> {
        let reference = ["docker:", "podman:", "containerd:", "registry:", "docker-daemon:", "docker://"]
            .iter()
            .find_map(|scheme| reference.strip_prefix(scheme))
            .unwrap_or(reference);
        let name = reference.split('@').next().unwrap_or(reference);
        let (name, tag) = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (name, ""),
        };
        let (registry, repository) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
            _ => (DEFAULT_REGISTRY, name),
        };
        let (registry, repository) = match registry {
            "index.docker.io" | "registry-1.docker.io" | DEFAULT_REGISTRY => {
                (DEFAULT_REGISTRY, repository.strip_prefix("library/").unwrap_or(repository))
            }
            other => (other, repository),
        };
        let is_part = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        let is_name = repository.split('/').all(is_part) && (tag.is_empty() || is_part(tag));
        is_name.then_some(Self { registry, repository, tag })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_have_their_parts() {
        for (reference, expected) in [
            ("debian:12", "docker.io debian 12"),
            ("docker.io/library/debian", "docker.io debian "),
            ("team/app:1.2", "docker.io team/app 1.2"),
            ("registry.example:5000/team/app:1.2@sha256:aa", "registry.example:5000 team/app 1.2"),
            ("registry.example/team/app@sha256:aa", "registry.example team/app "),
            ("localhost/app", "localhost app "),
            ("docker:debian:12", "docker.io debian 12"),
            ("oci:folder", "docker.io oci folder"),
            ("", "none"),
            ("a//b", "none"),
            ("a b", "none"),
            ("a:b:c", "none"),
        ] {
            let names = Names::read(reference)
                .map_or("none".to_owned(), |n| format!("{} {} {}", n.registry, n.repository, n.tag));
            assert_eq!(names, expected, "{reference}");
        }
    }

    #[test]
    fn an_archive_is_named_by_what_is_in_it() {
        let mut artifact = Artifact { name: "/tmp/app.tar".to_owned(), ..Artifact::default() };
        assert_eq!(Names::of(&artifact), Names::default());
        artifact.repo_tags = vec!["registry.example/team/app:1.2".to_owned()];
        assert_eq!(Names::of(&artifact).repository, "team/app");
        artifact.kind = ArtifactKind::Sbom;
        assert_eq!(Names::of(&artifact), Names::default());
    }
}
