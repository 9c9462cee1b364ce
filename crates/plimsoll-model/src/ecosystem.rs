//! The ecosystems that advisories speak of, and their releases.

use std::borrow::Cow;
use std::fmt;

use plimsoll_version::Scheme;
use serde::{Deserialize, Serialize};

macro_rules! ecosystems {
    ($($(#[$doc:meta])* $variant:ident $text:literal $scheme:ident,)*) => {
        /// A world of package names, under the name the OSV schema gives it, or its own where the schema has none.
        ///
        /// Source: OSV schema 1.7, `affected[].package.ecosystem`, "Defined ecosystems".
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Ecosystem {
            $($(#[$doc])* #[doc = concat!("`", $text, "`.")] #[serde(rename = $text)] $variant,)*
        }

        impl Ecosystem {
            /// All of them, in the order of their names.
            pub const ALL: &[Ecosystem] = &[$(Ecosystem::$variant),*];

            /// OSV's name, as in `Azure Linux`.
            pub fn name(self) -> &'static str {
                match self { $(Ecosystem::$variant => $text),* }
            }

            /// The order of its versions.
            pub fn scheme(self) -> Scheme {
                match self { $(Ecosystem::$variant => Scheme::$scheme),* }
            }
        }
    };
}

ecosystems! {
    AlmaLinux "AlmaLinux" Rpm,
    Alpaquita "Alpaquita" Apk,
    Alpine "Alpine" Apk,
    AmazonLinux "Amazon Linux" Rpm,
    ArchLinux "Arch Linux" Alpm,
    AzureLinux "Azure Linux" Rpm,
    BellSoft "BellSoft Hardened Containers" Apk,
    Bitnami "Bitnami" SemVer,
    Chainguard "Chainguard" Apk,
    CratesIo "crates.io" SemVer,
    Debian "Debian" Debian,
    Echo "Echo" Debian,
    Go "Go" Go,
    Hex "Hex" SemVer,
    Mageia "Mageia" Rpm,
    Maven "Maven" Maven,
    MinimOs "MinimOS" Apk,
    Npm "npm" Npm,
    NuGet "NuGet" NuGet,
    OpenEuler "openEuler" Rpm,
    OpenSuse "openSUSE" Rpm,
    OracleLinux "Oracle Linux" Rpm,
    Packagist "Packagist" Composer,
    PhotonOs "Photon OS" Rpm,
    Pub "Pub" SemVer,
    PyPi "PyPI" Pep440,
    RedHat "Red Hat" Rpm,
    RockyLinux "Rocky Linux" Rpm,
    RubyGems "RubyGems" Gem,
    Suse "SUSE" Rpm,
    SwiftUrl "SwiftURL" SemVer,
    Ubuntu "Ubuntu" Debian,
    Wolfi "Wolfi" Apk,
}

impl Ecosystem {
    /// The ecosystem of that name, exactly as OSV writes it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|ecosystem| ecosystem.name() == name)
    }

    /// A package name in the one form under which the ecosystem's own tools look it up.
    ///
    /// PyPI: lower case, runs of `-`, `_` and `.` become one `-` (PEP 503). NuGet, Packagist: lower case (both
    /// registries ignore case). The others distinguish case and are returned as they are.
    pub fn normalize_name(self, name: &str) -> Cow<'_, str> {
        match self {
            Self::PyPi => {
                let mut out = String::with_capacity(name.len());
                for c in name.chars() {
                    if matches!(c, '-' | '_' | '.') {
                        if !out.ends_with('-') {
                            out.push('-');
                        }
                    } else {
                        out.extend(c.to_lowercase());
                    }
                }
                Cow::Owned(out)
            }
            Self::NuGet | Self::Packagist => Cow::Owned(name.to_lowercase()),
            _ => Cow::Owned(name.to_owned()),
        }
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An ecosystem and, where it has them, one of its releases: what a package name is looked up in.
///
/// Written as OSV does, without the marks that tell nothing apart: `Debian:11`, `Ubuntu:20.04` (the suffix
/// `:LTS` is dropped), `Ubuntu:Pro:14.04`, `Alpine:v3.11`, `Red Hat:8` (from `enterprise_linux:8::baseos`),
/// `PyPI`. A suffix that names another repository, as Packagist's and Maven's may, is no release and is kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Namespace {
    /// The ecosystem.
    pub ecosystem: Ecosystem,
    /// The release, in the form above; empty where the ecosystem has none.
    pub release: String,
}

impl Namespace {
    /// An ecosystem without a release.
    pub fn whole(ecosystem: Ecosystem) -> Self {
        Self { ecosystem, release: String::new() }
    }

    /// A release, given in any of the spellings OSV has for it.
    pub fn release(ecosystem: Ecosystem, release: &str) -> Self {
        Self { ecosystem, release: canonical_release(ecosystem, release) }
    }

    /// Reads OSV's `affected[].package.ecosystem`. `None` for an ecosystem that is not in [`Ecosystem::ALL`].
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None => Ecosystem::from_name(text).map(Self::whole),
            Some((name, release)) => {
                Ecosystem::from_name(name).map(|ecosystem| Self::release(ecosystem, release))
            }
        }
    }
}

fn canonical_release(ecosystem: Ecosystem, release: &str) -> String {
    match ecosystem {
        Ecosystem::Ubuntu => release.strip_suffix(":LTS").unwrap_or(release).to_owned(),
        Ecosystem::RedHat => {
            // Behind `::` stands the repository, which tells no builds apart; since 10 the main line has a minor number.
            let stream = release.split("::").next().unwrap_or(release);
            match stream.strip_prefix("enterprise_linux:") {
                Some(version) => version.split(['.', ':']).next().unwrap_or(version).to_owned(),
                None => stream.to_owned(),
            }
        }
        _ => release.to_owned(),
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.release.is_empty() {
            f.write_str(self.ecosystem.name())
        } else {
            write!(f, "{}:{}", self.ecosystem.name(), self.release)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_brought_to_one_spelling() {
        for (given, canonical) in [
            ("Debian:11", "Debian:11"),
            ("Ubuntu:20.04:LTS", "Ubuntu:20.04"),
            ("Ubuntu:Pro:14.04:LTS", "Ubuntu:Pro:14.04"),
            ("Red Hat:enterprise_linux:8::baseos", "Red Hat:8"),
            ("Red Hat:enterprise_linux:10.0", "Red Hat:10"),
            ("Red Hat:rhel_eus:8.4::baseos", "Red Hat:rhel_eus:8.4"),
            ("PyPI", "PyPI"),
            ("Packagist:https://packages.drupal.org/8", "Packagist:https://packages.drupal.org/8"),
        ] {
            assert_eq!(Namespace::parse(given).unwrap().to_string(), canonical);
        }
        assert_eq!(Namespace::parse("Plan 9"), None);
    }

    #[test]
    fn names_are_normalized_as_the_registry_does() {
        assert_eq!(Ecosystem::PyPi.normalize_name("Flask_SQL..Alchemy"), "flask-sql-alchemy");
        assert_eq!(Ecosystem::NuGet.normalize_name("Newtonsoft.Json"), "newtonsoft.json");
        assert_eq!(Ecosystem::Npm.normalize_name("JSONStream"), "JSONStream");
    }
}
