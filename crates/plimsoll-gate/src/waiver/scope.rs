//! What a waiver covers.

use std::borrow::Cow;

use plimsoll_model::{Inventory, Package, PackageKind, Purl};

use crate::pattern::Pattern;
use crate::subject::{Flaw, Subject, fix_state};

/// What a waiver covers: everything that is named must hold, of each list one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The flaw, by its ID, an alias or an advisory.
    pub(crate) ids: Vec<String>,
    pub(crate) purls: Vec<PurlPattern>,
    pub(crate) images: Vec<Pattern>,
    pub(crate) paths: Vec<Pattern>,
    /// The package's name, as it is; of language packages with their namespace.
    pub(crate) name: Option<String>,
    /// Whether the artifact of a Java package is name enough, without its group.
    pub(crate) is_artifact_enough: bool,
    /// The name of the source package.
    pub(crate) source: Option<String>,
    pub(crate) version: Option<String>,
    /// Types of package URLs.
    pub(crate) kinds: Vec<String>,
    /// The ecosystem's name in OSV.
    pub(crate) ecosystem: Option<String>,
    /// Words of fix states.
    pub(crate) fix_states: Vec<&'static str>,
}

/// A package URL whose parts may be patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PurlPattern {
    purl: Purl,
    namespace: Pattern,
    name: Pattern,
    version: Option<Pattern>,
}

impl PurlPattern {
    /// Reads a pattern: `pkg:npm/%40babel/*`, `pkg:deb/debian/openssl@3.*?arch=amd64`.
    ///
    /// # Errors
    /// What was expected, in words.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let purl: Purl = text.parse().map_err(|error: plimsoll_model::InvalidPurl| error.to_string())?;
        let pattern =
            |text: &str| Pattern::new(text).ok_or_else(|| "expected a shorter package URL".to_owned());
        let kind = PackageKind::from_purl_type(&purl.kind);
        Ok(Self {
            namespace: pattern(&spelt(kind, &purl.namespace))?,
            name: pattern(&spelt(kind, &purl.name))?,
            version: if purl.version.is_empty() { None } else { Some(pattern(&purl.version)?) },
            purl,
        })
    }

    /// A part that is not named does not matter; the namespace of a language's package is a part of its name.
    fn matches(&self, found: &Purl, is_os: bool) -> bool {
        let kind = PackageKind::from_purl_type(&found.kind);
        let version = |pattern: &Pattern| {
            // The epoch of an RPM package is a qualifier, and often written as `rpm` writes it.
            let epoch = found.qualifiers.get("epoch");
            pattern.matches(&found.version)
                || epoch.is_some_and(|epoch| pattern.matches(&format!("{epoch}:{}", found.version)))
        };
        self.purl.kind == found.kind
            && ((is_os && self.purl.namespace.is_empty())
                || self.namespace.matches(&spelt(kind, &found.namespace)))
            && self.name.matches(&spelt(kind, &found.name))
            && self.version.as_ref().is_none_or(version)
            && self.purl.qualifiers.iter().all(|(key, value)| found.qualifiers.get(key) == Some(value))
            && (self.purl.subpath.is_empty() || self.purl.subpath == found.subpath)
    }
}

/// A part of a name as its ecosystem compares it: `PyYAML` is `pyyaml`. Red Hat is `rhel` in its `os-release`, and
/// `redhat` in package URLs.
fn spelt(kind: Option<PackageKind>, part: &str) -> Cow<'_, str> {
    match kind.map(|kind| (kind, kind.ecosystem())) {
        Some((PackageKind::Rpm, _)) if part == "redhat" => Cow::Borrowed("rhel"),
        Some((_, Some(ecosystem))) => ecosystem.normalize_name(part),
        _ => Cow::Borrowed(part),
    }
}

impl Scope {
    /// Whether it covers a flaw at this place of its package.
    pub(crate) fn covers(&self, subject: &Subject<'_>) -> bool {
        let inventory = subject.context.inventory;
        self.covers_flaw(&subject.flaw)
            && (self.images.is_empty() || inventory.is_some_and(|inventory| self.covers_image(inventory)))
            && (!self.asks_of_package()
                || subject.package().is_some_and(|package| self.covers_package(package, subject)))
    }

    fn covers_flaw(&self, flaw: &Flaw<'_>) -> bool {
        let is_named = |name: &String| self.ids.iter().any(|id| id.eq_ignore_ascii_case(name));
        let (named, state) = match flaw {
            Flaw::Found(finding) => {
                let mut all = std::iter::once(&finding.id).chain(&finding.aliases).chain(&finding.advisories);
                (all.any(is_named), Some(fix_state(&finding.fix)))
            }
            Flaw::Unclear(unclear) => (is_named(&unclear.id) || is_named(&unclear.advisory), None),
        };
        (self.ids.is_empty() || named)
            && (self.fix_states.is_empty() || state.is_some_and(|state| self.fix_states.contains(&state)))
    }

    fn covers_image(&self, inventory: &Inventory) -> bool {
        let artifact = &inventory.artifact;
        let names = [&artifact.name, &artifact.manifest_digest, &artifact.config_digest];
        self.images.iter().any(|pattern| {
            names
                .into_iter()
                .chain(&artifact.repo_tags)
                .chain(&artifact.repo_digests)
                .any(|name| !name.is_empty() && pattern.matches(name))
        })
    }

    fn asks_of_package(&self) -> bool {
        !(self.purls.is_empty()
            && self.paths.is_empty()
            && self.name.is_none()
            && self.source.is_none()
            && self.version.is_none()
            && self.kinds.is_empty()
            && self.ecosystem.is_none())
    }

    fn covers_package(&self, package: &Package, subject: &Subject<'_>) -> bool {
        let os = subject.context.inventory.and_then(|inventory| inventory.os.as_ref());
        let kind = package.kind;
        let purls = || {
            let found = package.purl(os);
            self.purls.iter().any(|pattern| pattern.matches(&found, kind.is_os()))
        };
        let paths = || {
            let inner = package.inner_path.as_deref().unwrap_or_default();
            self.paths.iter().any(|pattern| {
                pattern.matches(package.path.trim_start_matches('/'))
                    || (!inner.is_empty() && pattern.matches(&format!("{}/{inner}", package.path)))
            })
        };
        let ecosystem = |name: &String| match subject.flaw {
            Flaw::Found(finding) => finding.evidence.iter().any(|evidence| {
                evidence.namespace.split(':').next().is_some_and(|found| found.eq_ignore_ascii_case(name))
            }),
            Flaw::Unclear(_) => false,
        };
        (self.purls.is_empty() || purls())
            && (self.paths.is_empty() || paths())
            && self.name.as_ref().is_none_or(|name| self.is_named(package, name))
            && self.source.as_ref().is_none_or(|name| name == package.source_or_self().0)
            && self.version.as_ref().is_none_or(|version| *version == package.version)
            && (self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted == kind.purl_type()))
            && self.ecosystem.as_ref().is_none_or(ecosystem)
    }

    fn is_named(&self, package: &Package, name: &str) -> bool {
        let artifact = package.name.split_once(':').map(|(_, artifact)| artifact);
        package.name == name
            || (self.is_artifact_enough && package.kind == PackageKind::Maven && artifact == Some(name))
    }

    /// What it covers, in words.
    pub(crate) fn words(&self) -> String {
        let mut parts = Vec::new();
        if !self.ids.is_empty() {
            parts.push(self.ids.join(", "));
        }
        if !self.fix_states.is_empty() {
            parts.push(format!("every flaw in state {}", self.fix_states.join(", ")));
        }
        if parts.is_empty() {
            parts.push("every flaw".to_owned());
        }
        let purls: Vec<String> = self.purls.iter().map(|pattern| pattern.purl.to_string()).collect();
        let patterns = |patterns: &[Pattern]| {
            patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect::<Vec<_>>().join(", ")
        };
        let of: [(&str, String); 8] = [
            ("in", purls.join(", ")),
            ("in package", self.name.clone().unwrap_or_default()),
            ("in packages of", self.source.clone().unwrap_or_default()),
            ("in version", self.version.clone().unwrap_or_default()),
            ("in packages of type", self.kinds.join(", ")),
            ("in ecosystem", self.ecosystem.clone().unwrap_or_default()),
            ("at", patterns(&self.paths)),
            ("of image", patterns(&self.images)),
        ];
        for (word, value) in of {
            if !value.is_empty() {
                parts.push(format!("{word} {value}"));
            }
        }
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls_are_compared_as_their_ecosystem_compares_names() {
        for (pattern, found, expected) in [
            ("pkg:pypi/PyYAML@5.3.1", "pkg:pypi/pyyaml@5.3.1", true),
            ("pkg:pypi/zope.*", "pkg:pypi/zope-interface@5", true),
            ("pkg:nuget/newtonsoft.json", "pkg:nuget/Newtonsoft.Json@13.0.1", true),
            ("pkg:composer/Monolog/Monolog", "pkg:composer/monolog/monolog@2", true),
            ("pkg:npm/JSONStream", "pkg:npm/jsonstream@1.0.0", false),
            ("pkg:rpm/redhat/openssl@3.0.1-1.el9", "pkg:rpm/rhel/openssl@3.0.1-1.el9?epoch=1", true),
            ("pkg:rpm/rhel/openssl@1:3.0.*", "pkg:rpm/rhel/openssl@3.0.1-1.el9?epoch=1", true),
            ("pkg:rpm/rhel/openssl@2:3.0.*", "pkg:rpm/rhel/openssl@3.0.1-1.el9?epoch=1", false),
            ("pkg:rpm/rocky/openssl", "pkg:rpm/rhel/openssl@3.0.1-1.el9?epoch=1", false),
            ("pkg:deb/debian/bsdutils@1:2.36.1-8", "pkg:deb/debian/bsdutils@1:2.36.1-8?arch=amd64", true),
        ] {
            let pattern = PurlPattern::read(pattern).unwrap();
            let found: Purl = found.parse().unwrap();
            let is_os = PackageKind::from_purl_type(&found.kind).is_some_and(PackageKind::is_os);
            assert_eq!(pattern.matches(&found, is_os), expected, "{pattern:?} {found}");
        }
    }

    #[test]
    fn the_artifact_of_a_java_package_is_name_enough_where_it_is_in_the_file() {
        let package =
            Package::new(PackageKind::Maven, "org.apache.logging.log4j:log4j-core", "2.14.1", "jar");
        for (is_artifact_enough, name, expected) in [
            (true, "log4j-core", true),
            (true, "org.apache.logging.log4j:log4j-core", true),
            (true, "log4j", false),
            (false, "log4j-core", false),
        ] {
            let scope = Scope { is_artifact_enough, ..Scope::default() };
            assert_eq!(scope.is_named(&package, name), expected, "{name}");
        }
    }
}
