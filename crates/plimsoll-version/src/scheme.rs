//! The closed list of schemes and the parsed version.

use std::cmp::Ordering;
use std::fmt;

use crate::alpm::Alpm;
use crate::apk::Apk;
use crate::composer::Composer;
use crate::cursor::Fault;
use crate::debian::Debian;
use crate::gem::Gem;
use crate::maven::Maven;
use crate::pep440::Pep440;
use crate::rpm::Rpm;
use crate::semver::{Letters, SemVer};
use crate::{go, npm, nuget};

/// Longest text that is taken for a version, in bytes. The longest that package registries are known to hold is
/// well below it.
pub const MAX_VERSION_BYTES: usize = 4096;

/// Longest text that an [`InvalidVersion`] repeats, in characters.
const MAX_REPEATED_CHARS: usize = 200;

/// An order of versions. Several ecosystems may share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Arch Linux's pacman: `epoch:version-release`. A release that one side lacks is not compared, as in RPM's.
    Alpm,
    /// Alpine's `apk`: `1.2.3_rc1-r0`.
    Apk,
    /// Composer: `1.2.3.4-beta2`, `1.x-dev`. A branch (`dev-main`) has no place in the order.
    Composer,
    /// Debian policy: `1:2.36-9+deb12u4`.
    Debian,
    /// RubyGems: `1.2.0.pre1`.
    Gem,
    /// Go modules: `v1.2.3`, pseudo-versions, `+incompatible`; a leading `v` or `go` may be missing.
    Go,
    /// Maven: `1.0-SNAPSHOT`, `2.0.RELEASE`.
    Maven,
    /// npm: SemVer 2.0.0 with a leading `v` or `=` tolerated.
    Npm,
    /// NuGet: SemVer 2.0.0 with an optional fourth number, letters compared without case.
    NuGet,
    /// Python, PEP 440: `1!2.0rc1.post2.dev3+local.7`.
    Pep440,
    /// RPM: `epoch:version-release`, with `~` and `^`. A release that one side lacks is not compared, so `1.0`
    /// equals both `1.0-1` and `1.0-2`: over versions that all have a release, or all have none, the order is total.
    Rpm,
    /// SemVer 2.0.0, as crates.io and Hex have it.
    SemVer,
}

impl Scheme {
    /// All of them, in the order of their names.
    pub const ALL: &[Self] = &[
        Self::Alpm,
        Self::Apk,
        Self::Composer,
        Self::Debian,
        Self::Gem,
        Self::Go,
        Self::Maven,
        Self::Npm,
        Self::NuGet,
        Self::Pep440,
        Self::Rpm,
        Self::SemVer,
    ];

    /// Its name in lower case: `apk`, `pep440`, `semver`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alpm => "alpm",
            Self::Apk => "apk",
            Self::Composer => "composer",
            Self::Debian => "debian",
            Self::Gem => "gem",
            Self::Go => "go",
            Self::Maven => "maven",
            Self::Npm => "npm",
            Self::NuGet => "nuget",
            Self::Pep440 => "pep440",
            Self::Rpm => "rpm",
            Self::SemVer => "semver",
        }
    }

    /// The scheme of that name, as [`Scheme::name`] writes it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|scheme| scheme.name() == name)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A version that was read under one scheme.
///
/// It keeps its text; the parsed form is a handful of slices of it, so taking it anew costs one walk over the
/// bytes and, except for Maven, no allocation. [`crate::affectedness`] takes it once for all bounds.
#[derive(Clone, Debug)]
pub struct Version {
    scheme: Scheme,
    text: String,
}

impl Version {
    /// Reads `text` under `scheme`.
    ///
    /// # Errors
    /// [`InvalidVersion`] where the scheme gives the text no place in its order. No scheme takes an empty text, or
    /// one longer than [`MAX_VERSION_BYTES`].
    pub fn parse(scheme: Scheme, text: &str) -> Result<Self, InvalidVersion> {
        Place::read(scheme, text)?;
        Ok(Self { scheme, text: text.to_owned() })
    }

    /// The scheme it was read under.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The place of `self` against `other` in the order of their scheme.
    ///
    /// # Panics
    /// If the schemes differ: versions of two schemes have no order.
    #[expect(clippy::should_implement_trait, reason = "`Ord` would promise an order across schemes")]
    pub fn cmp(&self, other: &Self) -> Ordering {
        assert_eq!(self.scheme, other.scheme, "versions of two schemes have no order");
        self.place().cmp(&other.place())
    }

    /// Its parsed form.
    pub(crate) fn place(&self) -> Place<'_> {
        Place::read(self.scheme, &self.text).expect("the text was read when the version was made")
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// A text that is no version under a scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidVersion {
    /// The scheme that was tried.
    pub scheme: Scheme,
    /// The text, as given, cut after 200 characters.
    pub text: String,
    /// What was expected, and what was found: `expected a digit, found "x"`.
    pub reason: String,
}

impl fmt::Display for InvalidVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read version `{}` as {}: {}", self.text, self.scheme, self.reason)
    }
}

impl std::error::Error for InvalidVersion {}

/// Compares two texts under a scheme.
///
/// # Errors
/// [`InvalidVersion`] for the first of the two that does not parse.
pub fn compare(scheme: Scheme, left: &str, right: &str) -> Result<Ordering, InvalidVersion> {
    Ok(Place::read(scheme, left)?.cmp(&Place::read(scheme, right)?))
}

/// A version's parsed form, borrowed from its text: what orders it.
#[derive(Clone, Debug)]
pub(crate) enum Place<'a> {
    Alpm(Alpm<'a>),
    Apk(Apk<'a>),
    Composer(Composer<'a>),
    Debian(Debian<'a>),
    Gem(Gem<'a>),
    Maven(Maven<'a>),
    NuGet(SemVer<'a>),
    Pep440(Pep440<'a>),
    Rpm(Rpm<'a>),
    SemVer(SemVer<'a>),
}

impl<'a> Place<'a> {
    pub(crate) fn read(scheme: Scheme, text: &'a str) -> Result<Self, InvalidVersion> {
        Self::of(scheme, text).map_err(|fault| InvalidVersion {
            scheme,
            text: text.chars().take(MAX_REPEATED_CHARS).collect(),
            reason: fault.to_string(),
        })
    }

    fn of(scheme: Scheme, text: &'a str) -> Result<Self, Fault<'a>> {
        if text.len() > MAX_VERSION_BYTES {
            return Err(Fault { expected: "a text of at most 4096 bytes", found: text.as_bytes() });
        }
        let trimmed = text.trim_ascii().as_bytes();
        if trimmed.is_empty() {
            return Err(Fault { expected: "a version", found: &[] });
        }
        match scheme {
            Scheme::Alpm => Alpm::read(trimmed).map(Self::Alpm),
            Scheme::Apk => Apk::read(trimmed).map(Self::Apk),
            Scheme::Composer => Composer::read(trimmed).map(Self::Composer),
            Scheme::Debian => Debian::read(trimmed).map(Self::Debian),
            Scheme::Gem => Gem::read(trimmed).map(Self::Gem),
            Scheme::Go => go::read(trimmed).map(Self::SemVer),
            Scheme::Maven => Ok(Self::Maven(Maven::read(trimmed))),
            Scheme::Npm => npm::read(trimmed).map(Self::SemVer),
            Scheme::NuGet => nuget::read(trimmed).map(Self::NuGet),
            Scheme::Pep440 => Pep440::read(trimmed).map(Self::Pep440),
            Scheme::Rpm => Rpm::read(trimmed).map(Self::Rpm),
            Scheme::SemVer => SemVer::read(trimmed).map(Self::SemVer),
        }
    }

    /// # Panics
    /// If the two were read under different schemes.
    pub(crate) fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Alpm(left), Self::Alpm(right)) => left.compare(right),
            (Self::Apk(left), Self::Apk(right)) => left.compare(right),
            (Self::Composer(left), Self::Composer(right)) => left.compare(right),
            (Self::Debian(left), Self::Debian(right)) => left.compare(right),
            (Self::Gem(left), Self::Gem(right)) => left.compare(right),
            (Self::Maven(left), Self::Maven(right)) => left.compare(right),
            (Self::NuGet(left), Self::NuGet(right)) => left.compare(right, Letters::Folded),
            (Self::Pep440(left), Self::Pep440(right)) => left.compare(right),
            (Self::Rpm(left), Self::Rpm(right)) => left.compare(right),
            (Self::SemVer(left), Self::SemVer(right)) => left.compare(right, Letters::Exact),
            _ => unreachable!("versions of two schemes have no order"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_scheme_takes_an_empty_or_an_endless_text() {
        let longest = format!("1.0.{}", "1".repeat(MAX_VERSION_BYTES - 4));
        let endless = format!("{longest}1");
        for &scheme in Scheme::ALL {
            for text in ["", " ", "\t\n", &endless] {
                let error = Version::parse(scheme, text).unwrap_err();
                assert!(error.to_string().len() < 400, "{error}");
            }
            assert!(Version::parse(scheme, &longest).is_ok(), "{scheme}");
        }
    }

    #[test]
    fn an_error_says_what_was_expected_and_found() {
        assert_eq!(
            Version::parse(Scheme::SemVer, "1.2.x").unwrap_err().to_string(),
            "cannot read version `1.2.x` as semver: expected a digit, found \"x\""
        );
    }

    #[test]
    fn names_lead_back_to_their_schemes() {
        for &scheme in Scheme::ALL {
            assert_eq!(Scheme::from_name(scheme.name()), Some(scheme));
        }
        assert_eq!(Scheme::from_name("conan"), None);
    }
}
