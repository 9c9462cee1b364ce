//! What a results store knows: assessments listed and shown.

use std::collections::BTreeMap;

use anyhow::anyhow;
use plimsoll_model::Scan;
use plimsoll_store::layout::{REPORTS, ReportKey, VERDICTS};
use plimsoll_store::{Error, Store, Verdict};
use serde_json::{Value, json};

use super::rows::{Asked, EvalCtx, Row, SEVERITIES, context, rows};
use crate::args::StorePath;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::store::{existing, failure, runtime};

/// The most bytes of a verdict.
const MAX_VERDICT_BYTES: u64 = 4 << 20;

/// A report in a store, read.
pub(super) struct Assessment {
    pub(super) image: EvalCtx,
    pub(super) rows: Vec<Row>,
    time: jiff::Timestamp,
}

/// Opens the store that variables or settings name. Without one there is nothing to list.
pub(super) fn open(
    command: &str,
    named: Option<&String>,
    settings: &Settings,
    environment: &Environment,
) -> Result<Store, Failure> {
    if named.or(settings.store.as_ref()).is_none() {
        let what = format!(
            "cannot run `lacework vulnerability container {command}`: expected a results store, found none"
        );
        return Err(Failure::new(Exit::Usage, anyhow!(what))
            .hint("set PLIMSOLL_STORE, or `store` in plimsoll.toml; scans fill it"));
    }
    existing(&StorePath { store: named.cloned(), ca_cert: Vec::new() }, settings, environment)
}

/// The newest assessment of an image, by its manifest's digest.
pub(super) fn assessment(store: &Store, digest: &str) -> Result<Assessment, Failure> {
    let runtime = runtime()?;
    let cannot = |error: Error| failure(error, Exit::CouldNotScan);
    let folder = format!("{VERDICTS}/{}/", digest.trim_start_matches("sha256:"));
    let listed = runtime.block_on(store.list(&folder)).map_err(cannot)?;
    // Keys begin with the time.
    let Some(newest) = listed.last() else {
        let what = format!("unable to find assessment information of image {digest}: no data found");
        return Err(Failure::new(Exit::CouldNotScan, anyhow!(what))
            .hint("images are stored under their manifests' digests"));
    };
    let bytes = runtime.block_on(store.get(&newest.key, MAX_VERDICT_BYTES)).map_err(cannot)?;
    let verdict: Verdict = serde_json::from_slice(&bytes).map_err(|error| {
        let what = format!("cannot read `{}`: expected a verdict", store.address(&newest.key));
        Failure::new(Exit::CouldNotScan, anyhow::Error::new(error).context(what))
    })?;
    let key = ReportKey::parse(&verdict.report_key);
    read(store, &verdict.report_key, key.as_ref())
}

/// The newest assessment of each image and tag.
pub(super) fn assessments(
    store: &Store,
    registries: &[String],
    repositories: &[String],
) -> Result<Vec<Assessment>, Failure> {
    let listed =
        runtime()?.block_on(store.list(REPORTS)).map_err(|error| failure(error, Exit::CouldNotScan))?;
    let mut newest: BTreeMap<(String, String, String), (ReportKey, String)> = BTreeMap::new();
    for meta in listed {
        let Some(key) = ReportKey::parse(&meta.key) else { continue };
        let is_asked = |names: &[String], name: &String| names.is_empty() || names.contains(name);
        if !is_asked(registries, &key.registry) || !is_asked(repositories, &key.repository) {
            continue;
        }
        let name = (key.registry.clone(), key.repository.clone(), key.tag.clone());
        if newest.get(&name).is_none_or(|(known, _)| known.time <= key.time) {
            newest.insert(name, (key, meta.key));
        }
    }
    newest.into_values().map(|(key, text)| read(store, &text, Some(&key))).collect()
}

fn read(store: &Store, text: &str, key: Option<&ReportKey>) -> Result<Assessment, Failure> {
    let limit = plimsoll_report::MAX_REPORT_BYTES;
    let bytes =
        runtime()?.block_on(store.get(text, limit)).map_err(|error| failure(error, Exit::CouldNotScan))?;
    let stored = plimsoll_report::read_scan(&mut bytes.as_ref(), &store.address(text))
        .map_err(|error| Failure::new(Exit::CouldNotScan, error))?;
    let scan: Scan = stored.scan;
    let time = key.map_or(jiff::Timestamp::UNIX_EPOCH, |key| key.time);
    let instant = time.to_string();
    let (registry, repository, tag) = match key {
        Some(key) => (key.registry.as_str(), key.repository.as_str(), key.tag.as_str()),
        None => ("", scan.inventory.artifact.name.as_str(), ""),
    };
    let asked = Asked { registry, repository, tag, instant: &instant };
    Ok(Assessment { image: context(&scan, &asked), rows: rows(&scan, &asked), time })
}

impl Assessment {
    pub(super) fn fixable(&self) -> usize {
        self.rows.iter().filter(|row| row.is_fixable()).count()
    }

    /// How many rows of each severity there are, the worst first.
    fn counts(&self) -> [usize; 5] {
        SEVERITIES.map(|severity| self.rows.iter().filter(|row| row.severity == severity).count())
    }

    /// As `list-assessments --json` has it.
    pub(super) fn json(&self) -> Value {
        let info = &self.image.image_info;
        let counts: serde_json::Map<String, Value> = SEVERITIES
            .iter()
            .zip(self.counts())
            .map(|(word, count)| ((*word).to_owned(), count.into()))
            .collect();
        json!({
            "active_containers": 0,
            "digest": info.digest,
            "fixable_count": self.fixable(),
            "image_id": info.id,
            "registry": info.registry,
            "repository": info.repo,
            "scan_status": info.status,
            "scan_time": self.time.to_string(),
            "vuln_count": counts,
        })
    }

    /// As a row of the table.
    pub(super) fn cells(&self) -> Vec<String> {
        let info = &self.image.image_info;
        let worst = SEVERITIES.iter().zip(self.counts()).find(|(_, count)| *count > 0);
        let flaws = match worst {
            Some((word, count)) => format!("{count} {word} {} Fixable", self.fixable()),
            None => "None!".to_owned(),
        };
        [&info.registry, &info.repo, &self.time.to_string(), &info.status, "0", &flaws, &info.digest]
            .map(str::to_owned)
            .into()
    }
}
