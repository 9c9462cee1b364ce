//! The whole result of a scan, as reports are written from it.

use serde::{Deserialize, Serialize};

use crate::{
    Advice, Decision, Finding, Gap, Inventory, NotAffected, Notice, SeverityCounts, Suppressed, Undetermined,
};

/// Everything one scan found and decided. A function of image, database and configuration: it holds no clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// What is in the image.
    pub inventory: Inventory,
    /// The findings that count, sorted by package (kind, name, version), worst severity first, then ID. Those that
    /// rules, waivers and VEX statements drop stand in `suppressed`.
    pub findings: Vec<Finding>,
    /// The findings that do not count, and who said so, in the order of findings.
    pub suppressed: Vec<Suppressed>,
    /// What could not be decided, sorted.
    pub undetermined: Vec<Undetermined>,
    /// Flaws that a distribution says do not affect its package, though advisories name it; sorted.
    pub not_affected: Vec<NotAffected>,
    /// Gaps of the matching, as a distribution release without advisories. Those of reading stand in the inventory.
    pub match_gaps: Vec<Gap>,
    /// The database that was asked.
    pub database: DatabaseInfo,
    /// What the gate said.
    pub decision: Decision,
    /// What the findings were compared with.
    pub baseline: Option<Baseline>,
    /// What a person should look at in the configuration, sorted.
    pub notices: Vec<Notice>,
    /// What to do about the findings.
    pub advice: Advice,
}

/// The earlier scan that findings were compared with; see [`crate::Newness`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// What the person called it: a file, an image, `last`.
    pub name: String,
    /// Digest of its image's manifest; empty where unknown.
    pub manifest_digest: String,
    /// Digest of the database that it was scanned with; empty where unknown.
    pub database_digest: String,
    /// Its findings that are here no more, by severity.
    pub gone: SeverityCounts,
}

/// Which advisory database was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseInfo {
    /// Digest of its content, `sha256:…`.
    pub digest: String,
    /// When it was last compared with its sources, RFC 3339 UTC; empty for one that was built from files.
    pub updated: String,
    /// Newest `modified` of its advisories, RFC 3339: how fresh the data is, whenever the file was built.
    pub newest_advisory: String,
    /// Number of advisories.
    pub advisories: u64,
}
