//! What to do about findings.

use serde::{Deserialize, Serialize};

/// The smallest upgrades that clear the gate; where nothing fails, those that remove what can be removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// Whether it is about the findings that fail the gate; else it is about all that have a fix.
    pub for_gate: bool,
    /// What to do, the most telling first.
    pub actions: Vec<FixAction>,
    /// The findings it is about that no upgrade removes, as indexes into [`crate::Scan::findings`], sorted.
    pub unfixable: Vec<usize>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixAction {
    /// What does it: `apt-get`, `npm`, `pip`, `maven`; `rebuild` for a newer base image, `release` for a distribution
    /// release that has ended, `remove` for a package that is itself the attack.
    pub tool: String,
    /// The action in a line: `Upgrade 3 Debian packages`.
    pub title: String,
    /// The file or folder that has the packages, where one does: `app/package-lock.json`; empty for the whole image.
    pub path: String,
    /// Lines to run or to write, ready to be copied as one block: a line that ends in `\` goes on in the next. Empty
    /// where there is none to give.
    pub lines: Vec<String>,
    /// What is upgraded, sorted by name. Empty for a distribution release that has ended (`release`).
    pub upgrades: Vec<Upgrade>,
    /// What else is to be known: that a line goes into a file, that a major version changes; may be empty.
    pub remark: String,
}

/// A package that is brought to another version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// The package's name.
    pub name: String,
    /// The version that is there; of a distribution's package the one that advisories speak of, mostly the source
    /// package's.
    pub from: String,
    /// The lowest version that clears what the advice is about; empty where the package is to be removed.
    pub to: String,
    /// Indexes into the inventory's packages, sorted.
    pub packages: Vec<usize>,
    /// The findings that it removes, as indexes into [`crate::Scan::findings`], sorted: those the advice is about, and
    /// others that go with them. One that stands in several actions is gone when all of them are done.
    pub removes: Vec<usize>,
}
