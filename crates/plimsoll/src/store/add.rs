//! `plimsoll store add`: reports that were written elsewhere.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use futures::StreamExt as _;
use jiff::Timestamp;
use plimsoll_http::read_up_to;
use plimsoll_report::MAX_REPORT_BYTES;
use plimsoll_store::{Location, Options, Store, layout};
use serde::Deserialize;

use super::keep::Stored;
use super::{failure, runtime};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::progress::Bars;

/// Folders within one another that are looked through.
const MAX_DEPTH: usize = 64;

pub(super) struct Add<'a> {
    pub(super) reports: &'a [String],
    pub(super) time: Option<Timestamp>,
    pub(super) jobs: usize,
    pub(super) options: &'a Options,
}

/// Where a report is.
enum Place {
    File(PathBuf),
    Object(Store, String),
}

/// What came of one.
enum Outcome {
    New,
    Known,
}

/// When Trivy says that it wrote a report.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "CreatedAt")]
    created_at: Option<String>,
}

impl Add<'_> {
    pub(super) fn run(&self, store: &Store, environment: &Environment, bars: &Bars) -> Result<Exit, Failure> {
        let runtime = runtime()?;
        bars.say("looking for reports");
        let places = runtime.block_on(self.places())?;
        let count = places.len();
        let (mut new, mut known, mut done) = (0_usize, 0_usize, 0_usize);
        let mut failures: Vec<Failure> = Vec::new();
        runtime.block_on(async {
            let mut results = futures::stream::iter(places)
                .map(|place| self.add(place, store, environment.now))
                .buffer_unordered(self.jobs);
            while let Some(result) = results.next().await {
                done += 1;
                bars.say(format!("{done} of {count} reports"));
                match result {
                    Ok(Outcome::New) => new += 1,
                    Ok(Outcome::Known) => known += 1,
                    Err(failure) => failures.push(failure),
                }
            }
        });
        bars.finish().iter().for_each(|note| eprintln!("{note}"));
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let there = if known == 0 { String::new() } else { format!(", {known} had been there") };
        println!("stored {new} report{} in {}{there}", plural(new), store.location());
        if failures.is_empty() {
            return Ok(Exit::Passed);
        }
        failures.sort_by_key(ToString::to_string);
        // The worst of them is how it ends: what could not be stored before what could not be read.
        let worst = failures.iter().position(|failure| failure.exit == Exit::NotStored).unwrap_or(0);
        let worst = failures.swap_remove(worst);
        failures.iter().for_each(|failure| eprintln!("{failure}"));
        Err(worst)
    }

    /// All reports that are named, each once.
    async fn places(&self) -> Result<Vec<Place>, Failure> {
        let mut places = Vec::new();
        let mut files = BTreeSet::new();
        for text in self.reports {
            if Location::is_address(text) {
                places.extend(self.objects(text).await?);
                continue;
            }
            let path = Path::new(text);
            let found = files_of(path, 0)
                .with_context(|| format!("cannot look for reports in `{text}`"))
                .map_err(|error| Failure::new(Exit::Usage, error))?;
            for file in found {
                if files.insert(file.canonicalize().unwrap_or_else(|_| file.clone())) {
                    places.push(Place::File(file));
                }
            }
        }
        if places.is_empty() {
            let error = anyhow!("cannot store reports: expected JSON files, found none");
            return Err(Failure::new(Exit::Usage, error));
        }
        Ok(places)
    }

    /// One object, or all below a prefix.
    async fn objects(&self, text: &str) -> Result<Vec<Place>, Failure> {
        let cannot = |error| failure(error, Exit::Usage);
        if let Some((location, key)) = Location::of_object(text).map_err(cannot)?
            && is_json(&key)
        {
            let bucket = Store::open_with(&location, self.options).map_err(cannot)?;
            return Ok(vec![Place::Object(bucket, key)]);
        }
        let location = Location::parse(text).map_err(cannot)?;
        let prefix = Store::open_with(&location, self.options).map_err(cannot)?;
        let listed = prefix.list("").await.map_err(cannot)?;
        // What another store has besides reports.
        let others = [layout::INVENTORIES, layout::VERDICTS, layout::TABLES];
        let is_other = |key: &str| key.split_once('/').is_some_and(|(folder, _)| others.contains(&folder));
        let keys = listed.into_iter().map(|meta| meta.key).filter(|key| is_json(key) && !is_other(key));
        Ok(keys.map(|key| Place::Object(prefix.clone(), key)).collect())
    }

    async fn add(&self, place: Place, store: &Store, now: Timestamp) -> Result<Outcome, Failure> {
        let (name, bytes, written) = match place {
            Place::File(path) => {
                let name = path.display().to_string();
                let read = tokio::task::spawn_blocking(move || read_file(&path)).await;
                let read = read.map_err(anyhow::Error::new).and_then(|read| read);
                let (bytes, written) = read
                    .with_context(|| format!("cannot read the report `{name}`"))
                    .map_err(|error| Failure::new(Exit::Usage, error))?;
                (name, Bytes::from(bytes), written)
            }
            Place::Object(from, key) => {
                let cannot = |error| failure(error, Exit::Usage);
                let meta = from.head(&key).await.map_err(cannot)?;
                let bytes = from.get(&key, MAX_REPORT_BYTES).await.map_err(cannot)?;
                // One that lies in a store bears its time.
                let time = key.rsplit('/').next().and_then(layout::scan_of).map(|(time, _)| time);
                (from.address(&key), bytes, Some(time.unwrap_or(meta.modified)))
            }
        };
        let report = bytes.clone();
        let read = tokio::task::spawn_blocking(move || {
            let head: Option<Head> = serde_json::from_slice(&bytes).ok();
            let stored = plimsoll_report::read_scan(&mut &bytes[..], &name);
            stored.map(|stored| (stored, head.and_then(|head| head.created_at?.parse::<Timestamp>().ok())))
        });
        let (stored, created) = read
            .await
            .map_err(anyhow::Error::new)
            .and_then(|read| read.map_err(anyhow::Error::new))
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        let time = self.time.or(created).or(written).unwrap_or(now);
        let one =
            Stored { scan: &stored.scan, report, time, writer: stored.writer, version: &stored.version };
        let record = one.record();
        match one.put(&record, store).await {
            Ok(written) if written.is_new => Ok(Outcome::New),
            Ok(_) => Ok(Outcome::Known),
            Err(error) => Err(failure(error, Exit::NotStored)),
        }
    }
}

fn is_json(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

/// The file itself, or the JSON files of a folder, sorted. Links to folders are not followed.
fn files_of(path: &Path, depth: usize) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        // That it is not there is told when it is read.
        return Ok(vec![path.to_owned()]);
    }
    if depth > MAX_DEPTH {
        return Err(anyhow!("expected at most {MAX_DEPTH} folders within one another, found more"));
    }
    let mut files = Vec::new();
    let mut entries: Vec<_> = std::fs::read_dir(path)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            files.extend(files_of(&path, depth + 1)?);
        } else if is_json(&entry.file_name().to_string_lossy()) {
            files.push(path);
        }
    }
    Ok(files)
}

/// The bytes of a file, and when it was written.
fn read_file(path: &Path) -> anyhow::Result<(Vec<u8>, Option<Timestamp>)> {
    let file = File::open(path)?;
    let written = file.metadata()?.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    let bytes = read_up_to(file, MAX_REPORT_BYTES + 1)?;
    if bytes.len() as u64 > MAX_REPORT_BYTES {
        return Err(anyhow!("expected at most {MAX_REPORT_BYTES} bytes, found more"));
    }
    Ok((bytes, written))
}
