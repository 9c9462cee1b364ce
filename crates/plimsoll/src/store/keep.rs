//! A scan into the store: report, verdict, rows, inventory.

use bytes::Bytes;
use jiff::Timestamp;
use plimsoll_model::{Inventory, Scan};
use plimsoll_report::Writer;
use plimsoll_store::{Counts, Error, Options, Record, Store, Subject, Verdict, Written};

use super::{failure, keep_locally, location, runtime};
use crate::args::ObjectArgs;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::settings::Settings;

/// The store that a scan goes to, opened before it begins.
#[derive(Debug)]
pub(crate) struct Keep {
    store: Store,
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
    /// The store that `--store`, PLIMSOLL_STORE or the settings name; `None` where nobody names one.
    pub(crate) fn plan(
        named: Option<&str>,
        arguments: &ObjectArgs,
        certificates: &[std::path::PathBuf],
        settings: &Settings,
        environment: &Environment,
    ) -> Result<Option<Self>, Failure> {
        if named.or(settings.store.as_deref()).is_none() {
            return Ok(None);
        }
        let location = location(named, settings, environment)?;
        let options: Options = super::options(arguments, certificates, settings)?;
        let store = Store::open_with(&location, &options).map_err(|error| failure(error, Exit::Usage))?;
        Ok(Some(Self { store }))
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
        put.map(|_| ()).map_err(|error| {
            keep_locally(&record.verdict().report_key, &report);
            failure(error, Exit::NotStored)
        })
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
            tool: match self.writer {
                Writer::Plimsoll => "plimsoll",
                Writer::Trivy => "trivy",
            }
            .to_owned(),
            tool_version: self.version.to_owned(),
            ..Verdict::default()
        };
        let subject = image_subject(&scan.inventory);
        Record::new(&subject, self.time, self.report.clone(), inventory.into(), verdict)
    }

    /// Report and verdict, then the rows, then the inventory: see [`plimsoll_store::Record`].
    pub(super) async fn put(&self, record: &Record, store: &Store) -> Result<Written, Error> {
        let written = record.put(store).await?;
        if written.needs_inventory {
            record.put_inventory(store).await?;
        }
        Ok(written)
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

/// The inventory as it is stored under its digest: JSON, without blanks.
fn inventory_document(inventory: &Inventory) -> Vec<u8> {
    serde_json::to_vec(inventory).expect("an inventory has text keys only, and is written to memory")
}
