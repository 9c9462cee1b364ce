//! One scan in a store: its report, its verdict, its inventory.
//!
//! *Order*, so that a crash, and a clean-up beside it, leave nothing wrong: the report ([`Record::begin`]); the rows of
//! tables, which are the caller's; the verdict and the inventory ([`Record::finish`]). So a verdict that is there with its
//! inventory says that all was written, and the same scan stored again completes what was broken off. And since the
//! inventory is looked for once more when the verdict that names it stands, a clean-up that removes it meanwhile either
//! finds the verdict and puts it back ([`crate::prune`]), or is found out here.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::layout::{hex_digest, inventory_key, report_key, scan_id, verdict_key};
use crate::{Error, Put, Store, Subject};

/// The version of [`Verdict`].
const SCHEMA_VERSION: u32 = 1;

/// Findings by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Counts {
    pub critical: u64,
    pub high: u64,
    pub medium: u64,
    pub low: u64,
    pub negligible: u64,
    pub unknown: u64,
}

/// What was decided in a scan, without its findings: the object under `verdicts/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Verdict {
    /// Of this document: 1.
    pub schema_version: u32,
    /// 32 hex digits.
    pub scan_id: String,
    /// When it was scanned, RFC 3339, UTC.
    pub scanned_at: String,
    /// As it was typed.
    pub reference: String,
    /// Its registry; empty for what is no image.
    pub registry: String,
    /// Its repository.
    pub repository: String,
    /// Its tag.
    pub tag: String,
    /// Its platform.
    pub platform: String,
    /// Digest of the manifest, else of the config, else of the inventory.
    pub image_digest: String,
    /// The report's key.
    pub report_key: String,
    /// SHA-256 of the report.
    pub report_digest: String,
    /// The inventory's key.
    pub inventory_key: String,
    /// SHA-256 of the inventory.
    pub inventory_digest: String,
    /// The advisory database that was asked.
    pub database_digest: String,
    /// `passed`, `failed`, `undecided`; empty where nothing was judged.
    pub verdict: String,
    /// What was asked of the gate.
    pub rules: Vec<String>,
    /// Findings that count.
    pub counts: Counts,
    /// `plimsoll` or `trivy`.
    pub tool: String,
    /// Its version.
    pub tool_version: String,
}

/// A scan, ready to be stored.
#[derive(Clone, Debug)]
pub struct Record {
    report: Bytes,
    inventory: Bytes,
    verdict: Verdict,
    verdict_key: String,
}

/// What a store had of a scan before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Whether the report was not there.
    pub is_new: bool,
    /// Whether the verdict was there: then the rows of the scan are.
    pub has_rows: bool,
    /// Whether the inventory was not there: rows of image, layers and packages are to be written with those of the scan.
    pub needs_inventory: bool,
}

impl Begun {
    /// Whether rows are to be written. A verdict whose inventory is not there says nothing of the rows of the inventory:
    /// it may have been removed with them while the scan was stored.
    pub fn needs_rows(&self) -> bool {
        !self.has_rows || self.needs_inventory
    }
}

/// What is left to do when a scan is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// Nothing.
    Whole,
    /// The inventory went while the scan was stored: write the rows of its image, layers and packages, then
    /// [`Record::put_inventory`].
    InventoryGone,
}

impl Record {
    /// A scan of `subject` at `time`, with its report and its inventory as they are stored. `verdict` says what was decided;
    /// names, digests and keys in it are set here.
    pub fn new(
        subject: &Subject,
        time: Timestamp,
        report: Bytes,
        inventory: Bytes,
        verdict: Verdict,
    ) -> Self {
        let (report_hex, inventory_hex) = (hex_digest(&report), hex_digest(&inventory));
        let id = scan_id(time, &report_hex);
        let some = |text: &Option<String>| text.clone().unwrap_or_default();
        let inventory_digest = format!("sha256:{inventory_hex}");
        let image_digest = subject.digest.clone().unwrap_or_else(|| inventory_digest.clone());
        let second = Timestamp::from_second(time.as_second()).unwrap_or(time);
        let verdict = Verdict {
            schema_version: SCHEMA_VERSION,
            scanned_at: second.to_string(),
            reference: subject.name.clone(),
            registry: some(&subject.registry),
            repository: some(&subject.repository),
            tag: some(&subject.tag),
            platform: some(&subject.platform),
            report_key: report_key(subject, time, &id),
            report_digest: format!("sha256:{report_hex}"),
            inventory_key: inventory_key(&inventory_hex),
            inventory_digest,
            scan_id: id,
            image_digest,
            ..verdict
        };
        let verdict_key = verdict_key(&verdict.image_digest, time, &verdict.scan_id);
        Self { report, inventory, verdict, verdict_key }
    }

    /// What is stored as its verdict, with all names and keys.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Writes the report, and looks what else is there. What is there already stays as it is.
    ///
    /// # Errors
    /// What the store says.
    pub async fn begin(&self, store: &Store) -> Result<Begun, Error> {
        let is_new = put_once(store, &self.verdict.report_key, &self.report).await?;
        let has_rows = !is_new && store.has(&self.verdict_key).await?;
        let needs_inventory = !store.has(&self.verdict.inventory_key).await?;
        Ok(Begun { is_new, has_rows, needs_inventory })
    }

    /// Writes the verdict and the inventory, when the rows are there.
    ///
    /// # Errors
    /// What the store says.
    pub async fn finish(&self, store: &Store, begun: Begun) -> Result<Finished, Error> {
        let verdict = serde_json::to_vec_pretty(&self.verdict).unwrap_or_default();
        put_once(store, &self.verdict_key, &Bytes::from(verdict)).await?;
        if begun.needs_inventory {
            self.put_inventory(store).await?;
        } else if !store.has(&self.verdict.inventory_key).await? {
            return Ok(Finished::InventoryGone);
        }
        Ok(Finished::Whole)
    }

    /// Bytes that it holds.
    pub fn size_bytes(&self) -> usize {
        self.report.len() + self.inventory.len()
    }

    /// Writes the inventory, when its rows are there.
    ///
    /// # Errors
    /// What the store says.
    pub async fn put_inventory(&self, store: &Store) -> Result<(), Error> {
        put_once(store, &self.verdict.inventory_key, &self.inventory).await.map(|_| ())
    }
}

/// Writes an object whose key says what is in it. Whether it was not there before.
async fn put_once(store: &Store, key: &str, bytes: &Bytes) -> Result<bool, Error> {
    match store.put(key, bytes.clone(), Put::IfAbsent).await {
        Ok(()) => Ok(true),
        Err(error) if error.is_conflict() => Ok(false),
        Err(error) => Err(error),
    }
}
