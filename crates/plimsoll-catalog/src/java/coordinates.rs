//! Group, artifact and version out of what an archive says.

use super::groups;
use super::manifest::Manifest;
use super::properties;

/// Characters of a coordinate; longer ones are no coordinates.
const MAX_CHARS: usize = 300;

/// What an artifact is published as. Group and version may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Coordinates {
    pub(super) group: String,
    pub(super) artifact: String,
    pub(super) version: String,
}

impl Coordinates {
    /// `group:artifact`, or the artifact alone.
    pub(super) fn name(&self) -> String {
        if self.group.is_empty() {
            self.artifact.clone()
        } else {
            format!("{}:{}", self.group, self.artifact)
        }
    }
}

/// Reads `pom.properties`.
pub(super) fn of_properties(bytes: &[u8]) -> Result<Coordinates, String> {
    let text = String::from_utf8_lossy(bytes);
    let field = |key: &str| match properties::value(&text, key) {
        Some(value) if value.is_empty() => Err(format!("expected `{key}`, found an empty value")),
        Some(value) if value.contains("${") || value.chars().count() > MAX_CHARS || value.contains(' ') => {
            Err(format!("expected a value of `{key}`, found `{}`", crate::seam::excerpt(value.as_bytes())))
        }
        Some(value) => Ok(value.into_owned()),
        None => Err(format!("expected `{key}`, found none")),
    };
    Ok(Coordinates { group: field("groupId")?, artifact: field("artifactId")?, version: field("version")? })
}

/// What the names of an archive's entries tell.
#[derive(Default)]
pub(super) struct Clues {
    /// Whether there is any code.
    pub(super) has_classes: bool,
    seen: Vec<bool>,
    /// Group and artifact of each `META-INF/maven/GROUP/ARTIFACT/pom.xml`.
    poms: Vec<(String, String)>,
}

/// Folders of `pom.xml` that are kept.
const MAX_POMS: usize = 1000;

impl Clues {
    pub(super) fn class(&mut self, path: &str) {
        self.has_classes = true;
        self.seen.resize(groups::ROWS, false);
        for row in groups::rows_of_class(path) {
            self.seen[row] = true;
        }
    }

    /// `GROUP/ARTIFACT/pom.xml`.
    pub(super) fn pom_folder(&mut self, path: &str) {
        let mut parts = path.split('/');
        if let (Some(group), Some(artifact), Some("pom.xml"), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
            && self.poms.len() < MAX_POMS
        {
            self.poms.push((group.to_owned(), artifact.to_owned()));
        }
    }
}

/// Whether the file's name is the artifact's, with or without something behind it, and with or without the group
/// before it, as Quarkus and sbt write it.
pub(super) fn is_named(stem: &str, group: &str, artifact: &str) -> bool {
    let of_artifact =
        |stem: &str| stem.strip_prefix(artifact).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    let behind_group = || stem.strip_prefix(group)?.strip_prefix('.');
    of_artifact(stem) || (!group.is_empty() && behind_group().is_some_and(of_artifact))
}

/// Artifact and version of `artifact-1.2.3`, without classifiers that builds append.
pub(super) fn of_file_name(stem: &str) -> (&str, Option<&str>) {
    let stem = without_classifiers(stem);
    let mut dashes = stem
        .match_indices('-')
        .map(|(dash, _)| dash)
        .filter(|&dash| dash > 0 && stem[dash + 1..].starts_with(|c: char| c.is_ascii_digit()));
    // The first dash behind which everything reads as a version, as `1.0-beta-2` does and `1.2-api-2.17` does not;
    // else the last one.
    let Some(first) = dashes.next() else { return (stem, None) };
    let dash = std::iter::once(first)
        .chain(dashes.clone())
        .find(|&dash| stem[dash + 1..].split('-').all(is_version_part))
        .or(dashes.next_back())
        .unwrap_or(first);
    (&stem[..dash], Some(&stem[dash + 1..]))
}

fn is_version_part(part: &str) -> bool {
    const QUALIFIERS: &[&str] = &[
        "alpha",
        "beta",
        "rc",
        "cr",
        "m",
        "b",
        "snapshot",
        "final",
        "release",
        "ga",
        "sp",
        "pre",
        "preview",
        "build",
        "milestone",
        "incubating",
        "jre",
        "android",
        "jdk",
        "java",
        "redhat",
        "jbossorg",
        "patch",
        "hotfix",
        "fix",
        "nightly",
        "dev",
        "v",
        "r",
        "p",
        "dfsg",
        "ds",
    ];
    let word = part.split(['.', '_']).next().unwrap_or("").trim_end_matches(|c: char| c.is_ascii_digit());
    part.starts_with(|c: char| c.is_ascii_digit())
        || QUALIFIERS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

fn without_classifiers(mut stem: &str) -> &str {
    const CLASSIFIERS: &[&str] = &[
        "linux",
        "windows",
        "osx",
        "x86_64",
        "x86_32",
        "aarch_64",
        "aarch64",
        "ppcle_64",
        "s390_64",
        "shaded",
        "all",
        "tests",
        "sources",
        "javadoc",
        "exec",
        "boot",
        "plain",
        "uber",
        "fat",
        "standalone",
        "dependencies",
        "with",
        "nohive",
    ];
    while let Some((rest, last)) = stem.rsplit_once('-') {
        // Only behind a version: an artifact may well be called `netty-all`.
        if !CLASSIFIERS.contains(&last) || !has_version(rest) {
            break;
        }
        stem = rest;
    }
    stem
}

fn has_version(stem: &str) -> bool {
    stem.split('-').skip(1).any(|part| part.starts_with(|c: char| c.is_ascii_digit()))
}

/// What an archive is by its place in a local repository, whose layout names all three coordinates:
/// `…/repository/org/example/a/1.0/a-1.0.jar` (Maven, Karaf's `system`), `…/files-2.1/org.example/a/1.0/SHA1/a-1.0.jar`
/// (Gradle). The file's name must agree.
///
/// Source: Maven Resolver documentation, "Repository layout"; Gradle user manual, "Dependency cache".
pub(super) fn of_repository(path: &str) -> Option<Coordinates> {
    const ROOTS: &[&str] = &["repository", "maven-repo", "system"];
    let parts: Vec<&str> = path.split('/').collect();
    let (file, folders) = parts.split_last()?;
    let agrees = |artifact: &str, version: &str| {
        let rest = file.strip_prefix(artifact).and_then(|rest| rest.strip_prefix('-')?.strip_prefix(version));
        !version.is_empty() && rest.is_some_and(|rest| rest.starts_with(['.', '-']))
    };
    let found = |group: String, artifact: &str, version: &str| {
        agrees(artifact, version).then(|| Coordinates {
            group,
            artifact: artifact.to_owned(),
            version: version.to_owned(),
        })
    };
    if let [.., "files-2.1", group, artifact, version, _] = folders {
        return found((*group).to_owned(), artifact, version);
    }
    let [above @ .., artifact, version] = folders else { return None };
    let root = above.iter().rposition(|folder| ROOTS.contains(folder))?;
    let group = above[root + 1..].join(".");
    if group.is_empty() { None } else { found(group, artifact, version) }
}

/// What an archive without its own `pom.properties` is. `None` where not even a version is known.
pub(super) fn of_clues(stem: &str, clues: &Clues, manifest: &Manifest) -> Option<Coordinates> {
    let (named, version) = of_file_name(stem);
    if let (Some(group), Some(artifact)) = (&manifest.group_id, &manifest.short_name) {
        let stated = manifest.plugin_version.as_ref().or(manifest.implementation_version.as_ref());
        // Jenkins writes `1.2 (private-…)` for builds from a working copy.
        let version = stated.map(|version| version.split(' ').next().unwrap_or(version)).or(version)?;
        return Some(Coordinates {
            group: group.clone(),
            artifact: artifact.clone(),
            version: version.to_owned(),
        });
    }
    let version = version.map(str::to_owned).or_else(|| {
        let stated = [&manifest.implementation_version, &manifest.bundle_version];
        stated.into_iter().flatten().find_map(|text| stated_version(text))
    });
    let pom = clues.poms.iter().filter(|(group, artifact)| is_named(stem, group, artifact));
    if let Some((group, artifact)) = pom.max_by_key(|(_, artifact)| artifact.len()) {
        // An artifact whose group is known is listed even without a version, which is then undetermined.
        let version = version.unwrap_or_default();
        return Some(Coordinates { group: group.clone(), artifact: artifact.clone(), version });
    }
    let version = version?;
    if let Some((group, artifact)) = groups::published_as(named, &clues.seen) {
        return Some(Coordinates { group: group.to_owned(), artifact: artifact.to_owned(), version });
    }
    let group = group_of_manifest(named, manifest).unwrap_or_default();
    Some(Coordinates { group, artifact: named.to_owned(), version })
}

/// A version as a manifest states it, without what stands behind a blank.
fn stated_version(text: &str) -> Option<String> {
    let word = text.split_whitespace().next()?;
    word.starts_with(|c: char| c.is_ascii_digit()).then(|| word.to_owned())
}

/// The group, where the manifest says it in one of the ways that Maven's plugins write it.
///
/// `Implementation-Vendor-Id` is the group by Maven Archiver's default. `Bundle-SymbolicName` is, by the bundle
/// plugin's default, group and artifact joined, without what the two share: that is undone only where it comes out
/// exactly.
///
/// A vendor's bare name is no group, though some builds set it.
///
/// Source: Maven Archiver 3.6, "Manifest"; Apache Felix maven-bundle-plugin 5.1, "Default behavior".
fn group_of_manifest(artifact: &str, manifest: &Manifest) -> Option<String> {
    const VENDORS: &[&str] = &["com.sun", "com.oracle", "org.apache", "com.ibm", "org.eclipse", "com.google"];
    if let Some(vendor) = manifest.implementation_vendor_id.as_deref()
        && is_group(vendor)
        && !VENDORS.contains(&vendor)
    {
        return Some(vendor.to_owned());
    }
    let symbolic = manifest.bundle_symbolic_name.as_deref()?;
    let joined = symbolic.strip_suffix(artifact).and_then(|rest| rest.strip_suffix('.'));
    let shared = || {
        // `org.apache.commons` and `commons-lang3` give `org.apache.commons.lang3`.
        let (start, rest) = artifact.split_once('-')?;
        let group = symbolic.strip_suffix(rest)?.strip_suffix('.')?;
        (group.strip_suffix(start)?.ends_with('.')).then_some(group)
    };
    joined.or_else(shared).filter(|group| is_group(group)).map(str::to_owned)
}

/// Whether a text could be a group: a domain turned round, as `org.example.part`.
fn is_group(text: &str) -> bool {
    let plain = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    text.contains('.') && text.len() <= MAX_CHARS && text.split('.').all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_split_where_its_version_starts() {
        for (stem, artifact, version) in [
            ("guava-31.1-jre", "guava", Some("31.1-jre")),
            ("log4j-1.2-api-2.17.1", "log4j-1.2-api", Some("2.17.1")),
            ("foo-1.0-beta-2", "foo", Some("1.0-beta-2")),
            ("foo-1.0-20230101.123456-1", "foo", Some("1.0-20230101.123456-1")),
            ("scala-library_2.13-1.0", "scala-library_2.13", Some("1.0")),
            ("spring-core-5.3.20", "spring-core", Some("5.3.20")),
            ("spring-core-5.3.20.RELEASE", "spring-core", Some("5.3.20.RELEASE")),
            ("app-0.0.1-SNAPSHOT", "app", Some("0.0.1-SNAPSHOT")),
            ("bcprov-jdk15on-1.70", "bcprov-jdk15on", Some("1.70")),
            ("netty-epoll-4.1.94.Final-linux-x86_64", "netty-epoll", Some("4.1.94.Final")),
            ("app-1.0-exec", "app", Some("1.0")),
            ("netty-all-4.1.0", "netty-all", Some("4.1.0")),
            ("netty-all", "netty-all", None),
            ("app", "app", None),
            ("jsr-305", "jsr", Some("305")),
            ("a-b", "a-b", None),
            ("-1", "-1", None),
            ("", "", None),
            ("a-", "a-", None),
        ] {
            assert_eq!(of_file_name(stem), (artifact, version), "{stem}");
        }
    }

    #[test]
    fn a_local_repository_names_all_three_coordinates() {
        for (path, expected) in [
            ("root/.m2/repository/oro/oro/2.0.8/oro-2.0.8.jar", Some("oro:oro 2.0.8")),
            ("m2/repository/org/example/a/1/a-1-jdk8.jar", Some("org.example:a 1")),
            ("opt/karaf/system/org/example/a/1/a-1.jar", Some("org.example:a 1")),
            ("caches/modules-2/files-2.1/org.example/a/1/0a1b/a-1.jar", Some("org.example:a 1")),
            ("root/.m2/repository/oro/oro/2.0.8/oro-2.0.9.jar", None),
            ("root/.m2/repository/a/1/a-1.jar", None),
            ("lib/org/example/a/1/a-1.jar", None),
            ("repository//a//a-.jar", None),
            ("a.jar", None),
            ("", None),
        ] {
            let found = of_repository(path).map(|found| format!("{} {}", found.name(), found.version));
            assert_eq!(found.as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn a_group_is_taken_from_a_manifest_only_where_it_comes_out_exactly() {
        let symbolic =
            |text: &str| Manifest { bundle_symbolic_name: Some(text.to_owned()), ..Manifest::default() };
        let vendor =
            |text: &str| Manifest { implementation_vendor_id: Some(text.to_owned()), ..Manifest::default() };
        for (artifact, manifest, group) in [
            (
                "jackson-core",
                symbolic("com.fasterxml.jackson.core.jackson-core"),
                Some("com.fasterxml.jackson.core"),
            ),
            ("commons-lang3", symbolic("org.apache.commons.lang3"), Some("org.apache.commons")),
            ("org.eclipse.osgi", symbolic("org.eclipse.osgi"), None),
            ("slf4j-api", symbolic("slf4j.api"), None),
            ("core", symbolic("My Company.core"), None),
            ("bcprov-jdk15on", symbolic("bcprov"), None),
            ("anything", vendor("org.example"), Some("org.example")),
            ("anything", vendor("Example Inc."), None),
            ("anything", vendor("example"), None),
            ("anything", vendor("com.sun"), None),
            ("anything", Manifest::default(), None),
        ] {
            assert_eq!(group_of_manifest(artifact, &manifest).as_deref(), group, "{artifact}");
        }
    }

    #[test]
    fn properties_need_all_three_coordinates() {
        let read = |text: &str| of_properties(text.as_bytes());
        let whole = read("#Generated\ngroupId=g\nartifactId=a\nversion=1\n").unwrap();
        assert_eq!((whole.name().as_str(), whole.version.as_str()), ("g:a", "1"));
        assert_eq!(read("groupId=g\nartifactId=a"), Err("expected `version`, found none".to_owned()));
        assert_eq!(read("groupId=\n"), Err("expected `groupId`, found an empty value".to_owned()));
        let error = read("groupId=g\nartifactId=a\nversion=${revision}").unwrap_err();
        assert_eq!(error, "expected a value of `version`, found `${revision}`");
    }
}
