//! What of a record is left out on purpose.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A part of a record that was left out. Written as its text; what is read back is the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Skip {
    /// An `affected` entry of an ecosystem that is not in [`plimsoll_model::Ecosystem::ALL`].
    Ecosystem(String),
    /// An `affected` entry that names no package, as those of source repositories.
    NoPackage,
    /// An `affected` entry of a known package without any version or range that can be compared.
    NoVersions,
    /// A range of commits (type GIT).
    GitRange,
    /// A range of a type that the schema does not have.
    RangeType(String),
    /// An event that names no version, or nothing that is known.
    Event,
    /// A record of GitHub's that nobody there has reviewed.
    Unreviewed,
    /// What a source leaves out for a reason of its own, in the plural: `live patches`.
    Other(String),
}

/// The variants that say all they say with their name.
const PLAIN: &[Skip] = &[Skip::NoPackage, Skip::NoVersions, Skip::GitRange, Skip::Event, Skip::Unreviewed];

/// In the plural, behind a number.
impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ecosystem(name) => write!(f, "packages of ecosystem `{name}`, which is not known"),
            Self::NoPackage => f.write_str("entries that name no package"),
            Self::NoVersions => f.write_str("packages without a range or version that can be compared"),
            Self::GitRange => f.write_str("ranges of commits"),
            Self::RangeType(kind) => write!(f, "ranges of type `{kind}`, which is not known"),
            Self::Event => f.write_str("events without a version"),
            Self::Unreviewed => f.write_str("records that nobody has reviewed"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

impl From<Skip> for String {
    fn from(skip: Skip) -> Self {
        skip.to_string()
    }
}

impl From<String> for Skip {
    fn from(text: String) -> Self {
        const END: &str = "`, which is not known";
        let between = |start: &str| text.strip_prefix(start)?.strip_suffix(END).map(str::to_owned);
        if let Some(name) = between("packages of ecosystem `") {
            return Self::Ecosystem(name);
        }
        if let Some(kind) = between("ranges of type `") {
            return Self::RangeType(kind);
        }
        match PLAIN.iter().find(|skip| skip.to_string() == text) {
            Some(skip) => skip.clone(),
            None => Self::Other(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_undoes_writing() {
        let mut all = PLAIN.to_vec();
        all.extend([
            Skip::Ecosystem("Plan 9".into()),
            Skip::Ecosystem("`".into()),
            Skip::RangeType(String::new()),
            Skip::Other("live patches".into()),
            Skip::Other(String::new()),
        ]);
        for skip in all {
            assert_eq!(Skip::from(skip.to_string()), skip);
        }
    }
}
