//! What a database holds, in numbers.

use std::collections::BTreeMap;
use std::fmt;

use plimsoll_advisory::ReadReport;
use serde::{Deserialize, Serialize};

/// What a database holds. Stands in the file as JSON; holds no clock and no path, so that the same records give the
/// same bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// Version of the program that built it.
    pub tool_version: String,
    /// Newest `modified` of its advisories, RFC 3339 UTC; empty where none says it. One record in a hundred, and
    /// nine at most, are passed over, since some are dated in the future by mistake.
    pub newest_advisory: String,
    /// Records of all kinds.
    pub records: u64,
    /// Advisories.
    pub advisories: u64,
    /// Packages, each in one namespace.
    pub packages: u64,
    /// What advisories say of packages.
    pub entries: u64,
    /// Affected ranges.
    pub ranges: u64,
    /// IDs and aliases that can be asked for.
    pub ids: u64,
    /// Entries of the catalogue of known exploited vulnerabilities.
    pub kev_entries: u64,
    /// Newest day of that catalogue.
    pub newest_kev: String,
    /// CVEs with a score from a table.
    pub scored: u64,
    /// CVEs with a probability of exploitation.
    pub epss: u64,
    /// Blocks of records.
    pub blocks: u64,
    /// Bytes of these blocks, packed, and of their dictionary: what is to be fetched of it.
    pub size_bytes: u64,
    /// Bytes of these blocks, unpacked.
    pub unpacked_bytes: u64,
    /// Whose records it holds, sorted.
    pub origins: Vec<Origin>,
    /// Advisories by the database that gave them their ID: `debian`, `ghsa`, …
    pub databases: BTreeMap<String, u64>,
    /// By ecosystem.
    pub ecosystems: BTreeMap<String, EcosystemInfo>,
    /// By namespace, such as `Debian:11`: its packages.
    pub namespaces: BTreeMap<String, u64>,
    /// What the sources held that is not here, as `withdrawn` or `ranges of commits`.
    pub left_out: BTreeMap<String, u64>,
}

/// Records of one source and scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// Name of the source: `osv`.
    pub source: String,
    /// What of the source: `Debian`; empty where it is fetched as a whole, or was read from files.
    pub scope: String,
    /// How many records.
    pub records: u64,
}

/// What a database holds of one ecosystem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EcosystemInfo {
    /// Advisories that name a package of it.
    pub advisories: u64,
    /// Packages, each in one namespace.
    pub packages: u64,
    /// What advisories say of them.
    pub entries: u64,
    /// Newest `modified` of those advisories.
    pub newest_advisory: String,
}

/// Several lines for people.
impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "advisories: {} of {} packages in {} ecosystems, newest {}",
            self.advisories,
            self.packages,
            self.ecosystems.len(),
            if self.newest_advisory.is_empty() { "unknown" } else { &self.newest_advisory },
        )?;
        writeln!(f, "known exploited vulnerabilities: {}, newest {}", self.kev_entries, self.newest_kev)?;
        writeln!(f, "scored: {} CVEs", self.scored)?;
        if self.epss > 0 {
            writeln!(f, "with a probability of exploitation: {} CVEs", self.epss)?;
        }
        for (name, ecosystem) in &self.ecosystems {
            writeln!(
                f,
                "  {name}: {} advisories, {} packages, newest {}",
                ecosystem.advisories, ecosystem.packages, ecosystem.newest_advisory
            )?;
        }
        for (what, count) in &self.left_out {
            writeln!(f, "left out: {count} {what}")?;
        }
        Ok(())
    }
}

/// What a build came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildReport {
    /// What the file holds.
    pub info: Info,
    /// What the sources held; all zero where records were added one by one.
    pub read: ReadReport,
    /// Records that were met again with another `modified` or content, of which one was kept.
    pub replaced: u64,
    /// Size of the file, in bytes.
    pub size_bytes: u64,
    /// Digest of the database, `sha256:…`.
    pub digest: String,
}

/// Several lines for people, without the listed failures.
impl fmt::Display for BuildReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "digest: {}", self.digest)?;
        writeln!(f, "size: {} bytes", self.size_bytes)?;
        writeln!(f, "records: {} read, {} failed", self.read.records, self.read.failed)?;
        write!(f, "{}", self.info)?;
        for (kind, count) in &self.read.ignored_files {
            let files = if *count == 1 { "file" } else { "files" };
            writeln!(f, "ignored: {count} {files} `{kind}`")?;
        }
        Ok(())
    }
}
