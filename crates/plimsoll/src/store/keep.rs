//! A scan into the store: report, verdict, rows, inventory.

use std::path::PathBuf;

use bytes::Bytes;
use jiff::Timestamp;
use plimsoll_model::{Inventory, Scan};
use plimsoll_report::Writer;
use plimsoll_store::{Begun, Counts, Finished, Options, Record, Store, Subject, Verdict};
use plimsoll_tables::{ScanFacts, append, inventory_document};

use super::{failure, keep_locally, location, runtime};
use crate::args::ObjectArgs;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::settings::Settings;

/// The store that a scan goes to, opened before it begins.
#[derive(Debug)]
pub(crate) struct Keep {
    store: Store,
    temporary_folder: PathBuf,
}

/// One scan, as it is stored.
pub(super) struct Stored<'a> {
    pub(super) scan: &'a Scan,
    /// The report's bytes, as they are stored.
    pub(super) report: Bytes,
    pub(super) time: Timestamp,
    pub(super) writer: Writer,
    pub(super) version: &'a str,
}

impl Keep {
    /// The store that `--store`, `PLIMSOLL_STORE` or the settings name; `None` where nobody names one.
    pub(crate) fn plan(
        named: Option<&str>,
        arguments: &ObjectArgs,
        certificates: &[PathBuf],
        settings: &Settings,
        environment: &Environment,
    ) -> Result<Option<Self>, Failure> {
        if named.or(settings.store.as_deref()).is_none() {
            return Ok(None);
        }
        let location = location(named, settings, environment)?;
        let options: Options = super::options(arguments, certificates, settings)?;
        let store = Store::open_with(&location, &options).map_err(|error| failure(error, Exit::Usage))?;
        Ok(Some(Self { store, temporary_folder: environment.temporary_folder.clone() }))
    }

    /// Stores a scan. Where that fails its report is kept in the current folder.
    pub(crate) fn write(&self, scan: &Scan, now: Timestamp) -> Result<(), Failure> {
        let mut report = Vec::new();
        plimsoll_report::write_json(scan, &mut report)
            .map_err(|error| Failure::new(Exit::CouldNotScan, error))?;
        let report = Bytes::from(report);
        let version = env!("CARGO_PKG_VERSION");
        let stored = Stored { scan, report: report.clone(), time: now, writer: Writer::Plimsoll, version };
        let record = stored.record();
        let put = runtime()?.block_on(stored.put(&record, &self.store));
        put.map(|_| ())
            .inspect_err(|_| keep_locally(&record.verdict().report_key, &report, &self.temporary_folder))
    }
}

impl Stored<'_> {
    pub(super) fn record(&self) -> Record {
        let scan = self.scan;
        let inventory = inventory_document(&scan.inventory);
        let counts = &scan.decision.counts;
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let verdict = Verdict {
            database_digest: scan.database.digest.clone(),
            // Trivy judges nothing.
            verdict: match self.writer {
                Writer::Plimsoll => verdict_word(scan).to_owned(),
                Writer::Trivy => String::new(),
            },
            rules: scan.decision.rules.clone(),
            counts: Counts {
                critical: number(counts.critical),
                high: number(counts.high),
                medium: number(counts.medium),
                low: number(counts.low),
                negligible: number(counts.negligible),
                unknown: number(counts.unknown),
            },
            tool: tool(self.writer).to_owned(),
            tool_version: self.version.to_owned(),
            ..Verdict::default()
        };
        let subject = image_subject(&scan.inventory);
        Record::new(&subject, self.time, self.report.clone(), inventory.into(), verdict)
    }

    /// Report, rows, verdict, inventory: see [`plimsoll_store::Record`].
    pub(super) async fn put(&self, record: &Record, store: &Store) -> Result<Begun, Failure> {
        let unstored = |error| failure(error, Exit::NotStored);
        let begun = record.begin(store).await.map_err(unstored)?;
        if begun.needs_rows() {
            append(store, &self.facts(record), begun.needs_inventory).await.map_err(rows_failure)?;
        }
        if record.finish(store, begun).await.map_err(unstored)? == Finished::InventoryGone {
            append(store, &self.facts(record), true).await.map_err(rows_failure)?;
            record.put_inventory(store).await.map_err(unstored)?;
        }
        Ok(begun)
    }

    /// What its rows are made from.
    pub(super) fn facts<'r>(&'r self, record: &'r Record) -> ScanFacts<'r> {
        let verdict = record.verdict();
        // As keys have it, to the second.
        let scanned_at = self.time.as_second() * 1000;
        let mut facts =
            ScanFacts::new(self.scan, scanned_at, &verdict.scan_id, &verdict.report_key, self.version);
        facts.tool = tool(self.writer);
        facts.with_inventory_digest(verdict.inventory_digest.clone())
    }
}

/// Rows that could not be written.
pub(super) fn rows_failure(error: plimsoll_tables::Error) -> Failure {
    Failure::new(Exit::NotStored, error)
}

fn tool(writer: Writer) -> &'static str {
    match writer {
        Writer::Plimsoll => "plimsoll",
        Writer::Trivy => "trivy",
    }
}

/// What was decided, in a word.
pub(crate) fn verdict_word(scan: &Scan) -> &'static str {
    match scan.decision.verdict {
        plimsoll_model::Verdict::Passed => "passed",
        plimsoll_model::Verdict::Failed => "failed",
        plimsoll_model::Verdict::Undecided => "undecided",
    }
}

/// What keys of its results are made of.
pub(crate) fn image_subject(inventory: &Inventory) -> Subject {
    let artifact = &inventory.artifact;
    let document =
        || format!("sha256:{}", plimsoll_store::layout::hex_digest(&inventory_document(inventory)));
    let mut digests = [artifact.manifest_digest.as_str(), artifact.config_digest.as_str(), ""];
    let own;
    if digests.iter().all(|digest| digest.is_empty()) {
        own = document();
        digests[2] = &own;
    }
    let mut subject = Subject::of(&artifact.name, &artifact.repo_tags).with_digest(digests);
    subject.platform = artifact.platform.as_ref().map(ToString::to_string);
    subject
}
