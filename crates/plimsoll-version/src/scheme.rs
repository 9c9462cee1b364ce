//! The closed list of schemes and the parsed version.

use std::cmp::Ordering;
use std::fmt;

/// An order of versions. Several ecosystems may share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Alpine's `apk`: `1.2.3_rc1-r0`.
    Apk,
    /// Composer: `1.2.3.4-beta2`, `dev-main`.
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
    /// RPM: `epoch:version-release`, with `~` and `^`.
    Rpm,
    /// SemVer 2.0.0, as crates.io and Hex have it.
    SemVer,
}

/// A version that was read under one scheme.
#[derive(Clone, Debug)]
pub struct Version {
    scheme: Scheme,
    text: String,
}

impl Version {
    /// Reads `text` under `scheme`.
    ///
    /// # Errors
    /// [`InvalidVersion`] where the scheme gives the text no place in its order.
    pub fn parse(scheme: Scheme, text: &str) -> Result<Self, InvalidVersion> {
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
    pub fn cmp(&self, other: &Self) -> Ordering {
        assert_eq!(self.scheme, other.scheme, "versions of two schemes have no order");
        self.text.cmp(&other.text)
    }
}

/// A text that is no version under a scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidVersion {
    /// The scheme that was tried.
    pub scheme: Scheme,
    /// The text, as given.
    pub text: String,
    /// What was expected, and what was found: `expected a digit, found "x"`.
    pub reason: String,
}

impl fmt::Display for InvalidVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read version `{}` as {:?}: {}", self.text, self.scheme, self.reason)
    }
}

impl std::error::Error for InvalidVersion {}

/// Compares two texts under a scheme.
///
/// # Errors
/// [`InvalidVersion`] for the first of the two that does not parse.
pub fn compare(scheme: Scheme, left: &str, right: &str) -> Result<Ordering, InvalidVersion> {
    Ok(Version::parse(scheme, left)?.cmp(&Version::parse(scheme, right)?))
}
