//! What a generation consists of: partitions by digest, and what was read from each source.

use std::collections::BTreeMap;

use plimsoll_advisory::ReadReport;
use plimsoll_model::{Digest, Namespace};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::info::{Info, Origin};
use crate::split::partition_of;
use crate::{Database, Error};

/// Version of the manifest's form.
pub const MANIFEST_SCHEMA: u32 = 1;
/// Longest manifest that is read, in bytes.
pub const MAX_MANIFEST_BYTES: u64 = 64 * 1024 * 1024;
/// Most partitions of a generation. There are some 500 releases and ecosystems.
pub const MAX_PARTITIONS: usize = 20_000;
/// Failures of one source and scope that are kept.
pub const MAX_KEPT_FAILURES: usize = 50;
/// Longest place or reason of a failure that is kept, in bytes.
const MAX_FAILURE_TEXT_BYTES: usize = 500;

/// What a generation consists of. Its digest is the digest of the database.
///
/// Written as JSON without spaces, fields in this order, lists sorted: the same content gives the same bytes. It holds no
/// clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`MANIFEST_SCHEMA`].
    pub schema: u32,
    /// Advisories, each counted once, in however many partitions it stands.
    pub advisories: u64,
    /// The newest of its partitions' [`PartitionInfo::newest_advisory`].
    pub newest_advisory: String,
    /// Sorted by name.
    pub partitions: Vec<PartitionInfo>,
    /// Sorted by source and scope.
    pub sources: Vec<SourceInfo>,
    /// SHA-256 of this manifest's bytes with an empty seal, in hex: tells a damaged file.
    pub seal: String,
}

/// One partition of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionInfo {
    /// Its name: `Debian:12`, `PyPI`, `cve`.
    pub name: String,
    /// Digest of its content, see [`Database::content_digest`].
    pub digest: Digest,
    /// How many blocks it has.
    pub blocks: u64,
    /// Bytes of these, unpacked: how small they are packed depends on the generation that did it, and no digest may.
    pub size_bytes: u64,
    /// Records of all kinds.
    pub records: u64,
    /// Advisories.
    pub advisories: u64,
    /// Packages.
    pub packages: u64,
    /// Affected ranges.
    pub ranges: u64,
    /// Newest `modified` of its advisories, see [`Info::newest_advisory`].
    pub newest_advisory: String,
    /// Whose records it holds, sorted.
    pub origins: Vec<Origin>,
}

/// What was read of one source and scope when it was read last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceInfo {
    /// Name of the source.
    pub source: String,
    /// What of it; empty for the whole.
    pub scope: String,
    /// Records met.
    pub records: u64,
    /// Records that can be used.
    pub usable: u64,
    /// Records that the source has taken back.
    pub withdrawn: u64,
    /// Records of which nothing can be looked up.
    pub empty: u64,
    /// Records that could not be read.
    pub failed: u64,
    /// The first [`MAX_KEPT_FAILURES`] of those.
    pub failures: Vec<FailureInfo>,
    /// Parts of records that were left out, and how often.
    pub skipped: BTreeMap<String, u64>,
    /// Newest `modified` of its advisories, or the newest day of a catalogue. The store fills it in.
    pub newest: String,
    /// Licence of the data.
    pub licence: String,
}

/// A record that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailureInfo {
    /// The file, and what in it.
    pub place: String,
    /// What was expected, and what was found.
    pub reason: String,
}

/// What tells whether the rest can be read.
#[derive(Deserialize)]
struct Schema {
    schema: u32,
}

impl SourceInfo {
    /// What a reading of this source and scope came to.
    pub fn new(source: &str, scope: &str, licence: &str, report: &ReadReport) -> Self {
        let cut = |text: &str| {
            let end = text.floor_char_boundary(MAX_FAILURE_TEXT_BYTES);
            text[..end].to_owned()
        };
        let failures = report.failures.iter().take(MAX_KEPT_FAILURES);
        Self {
            source: source.to_owned(),
            scope: scope.to_owned(),
            records: report.records,
            usable: report.usable,
            withdrawn: report.withdrawn,
            empty: report.empty,
            failed: report.failed,
            failures: failures
                .map(|failure| FailureInfo { place: cut(&failure.place), reason: cut(&failure.reason) })
                .collect(),
            skipped: report.skipped.iter().map(|(skip, count)| (skip.to_string(), *count)).collect(),
            newest: String::new(),
            licence: licence.to_owned(),
        }
    }
}

impl PartitionInfo {
    /// What a manifest says of that partition.
    pub fn of(database: &Database) -> Result<Self, Error> {
        Ok(Self::new(database.name(), database.content_digest(), database.info()?))
    }

    pub(crate) fn new(name: &str, digest: Digest, info: Info) -> Self {
        Self {
            name: name.to_owned(),
            digest,
            blocks: info.blocks,
            size_bytes: info.unpacked_bytes,
            records: info.records,
            advisories: info.advisories,
            packages: info.packages,
            ranges: info.ranges,
            newest_advisory: info.newest_advisory,
            origins: info.origins,
        }
    }
}

impl Manifest {
    /// Reads a manifest and checks its form and seal. `place` names it in errors.
    pub fn parse(bytes: &[u8], place: &str) -> Result<Self, Error> {
        let bad = |expected: &str, found: String| Error::Manifest {
            place: place.to_owned(),
            expected: expected.to_owned(),
            found,
        };
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(bad("at most 64 MiB", format!("{} bytes", bytes.len())));
        }
        let json = |error: serde_json::Error| bad("a manifest in JSON", format!("what is none: {error}"));
        let Schema { schema } = serde_json::from_slice(bytes).map_err(json)?;
        if schema != MANIFEST_SCHEMA {
            return Err(bad(&format!("schema {MANIFEST_SCHEMA}"), format!("schema {schema}")));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(json)?;
        if manifest.seal != manifest.sealed() || manifest.to_bytes() != bytes {
            return Err(bad("the bytes that its seal was made of", "others".to_owned()));
        }
        let names = manifest.partitions.iter().map(|partition| &partition.name);
        if manifest.partitions.len() > MAX_PARTITIONS || !names.is_sorted_by(|one, two| one < two) {
            let found = format!("{}, or not so", manifest.partitions.len());
            return Err(bad("at most 20000 partitions, sorted, each once", found));
        }
        if let Some(other) = manifest.partitions.iter().find(|info| info.digest.algorithm() != "sha256") {
            return Err(bad("SHA-256 digests of partitions", format!("`{}`", other.digest)));
        }
        Ok(manifest)
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers can be written as JSON")
    }

    fn sealed(&self) -> String {
        let unsealed = Self { seal: String::new(), ..self.clone() };
        Digest::sha256(&Sha256::digest(unsealed.to_bytes()).into()).hex().to_owned()
    }

    /// Sorts it and seals it.
    pub(crate) fn finish(mut self) -> Self {
        self.schema = MANIFEST_SCHEMA;
        self.partitions.sort_by(|one, two| one.name.cmp(&two.name));
        self.sources.sort_by(|one, two| (&one.source, &one.scope).cmp(&(&two.source, &two.scope)));
        let time = |info: &PartitionInfo| info.newest_advisory.trim_end_matches('Z').to_owned();
        let newest = self.partitions.iter().max_by_key(|info| time(info));
        self.newest_advisory = newest.map(|info| info.newest_advisory.clone()).unwrap_or_default();
        self.seal = self.sealed();
        self
    }

    /// The partition of that name.
    pub fn partition(&self, name: &str) -> Option<&PartitionInfo> {
        let place = self.partitions.binary_search_by(|partition| (*partition.name).cmp(name)).ok()?;
        Some(&self.partitions[place])
    }

    /// What was read of that source and scope.
    pub fn source(&self, source: &str, scope: &str) -> Option<&SourceInfo> {
        self.sources.iter().find(|info| info.source == source && info.scope == scope)
    }

    /// Whether there is a partition of that namespace.
    pub fn covers(&self, namespace: &Namespace) -> bool {
        self.partition(&partition_of(namespace)).is_some()
    }

    /// Digest of its bytes: that of the database.
    pub fn digest(&self) -> Digest {
        digest_of(&self.to_bytes())
    }
}

pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    Digest::sha256(&Sha256::digest(bytes).into())
}
