//! `plimsoll store add`: reports that were written elsewhere.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use futures::StreamExt as _;
use jiff::Timestamp;
use plimsoll_http::read_up_to;
use plimsoll_report::{MAX_REPORT_BYTES, StoredScan};
use plimsoll_store::{Begun, Finished, Location, Options, Record, Store, layout};
use plimsoll_tables::Appender;
use serde::Deserialize;

use super::keep::{Stored, rows_failure};
use super::{counted, failure, runtime};
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
    Object(Box<Store>, String),
}

/// Reports whose rows are written together, at most.
const MAX_BATCH: usize = 256;
/// Bytes of these, at most.
const MAX_BATCH_BYTES: usize = 64 << 20;

/// A report that was read.
struct Read {
    stored: StoredScan,
    report: Bytes,
    time: Timestamp,
}

/// Reports whose rows are written together: small files by the thousand would be slow to ask.
struct Batch<'a> {
    store: &'a Store,
    rows: Appender<'a>,
    records: Vec<(Record, Begun)>,
    /// Scans whose rows are held: the same report may be named twice.
    scans: HashSet<String>,
    /// Of these, how many were named again.
    again: usize,
    bytes: usize,
    /// Inventories that some report of this call brings.
    inventories: HashSet<String>,
}

/// How many were stored, and how many had been there.
#[derive(Clone, Copy, Default)]
struct Counts {
    new: usize,
    known: usize,
}

/// When Trivy says that it wrote a report.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "CreatedAt")]
    created_at: Option<String>,
}

impl Head {
    /// The instant, where it says one. Programs in Go write the year 1 for none.
    fn instant(&self) -> Option<Timestamp> {
        let instant = self.created_at.as_ref()?.parse::<Timestamp>().ok()?;
        (instant > Timestamp::UNIX_EPOCH).then_some(instant)
    }
}

impl Add<'_> {
    pub(super) fn run(&self, store: &Store, environment: &Environment, bars: &Bars) -> Result<Exit, Failure> {
        let runtime = runtime()?;
        bars.say("looking for reports");
        let places = runtime.block_on(self.places())?;
        let count = places.len();
        let (mut counts, mut done) = (Counts::default(), 0_usize);
        let mut failures: Vec<Failure> = Vec::new();
        runtime.block_on(async {
            let mut batch = Batch::new(store);
            let mut results = futures::stream::iter(places)
                .map(|place| self.read(place, environment.now))
                .buffer_unordered(self.jobs);
            while let Some(result) = results.next().await {
                done += 1;
                bars.say(format!("{done} of {count} reports"));
                let added = match result {
                    Ok(read) => batch.add(&read).await,
                    Err(failure) => Err(failure),
                };
                failures.extend(added.err());
                if batch.is_full() {
                    failures.extend(batch.write(self.jobs, &mut counts).await);
                }
            }
            failures.extend(batch.write(self.jobs, &mut counts).await);
        });
        let Counts { new, known } = counts;
        bars.finish().iter().for_each(|note| eprintln!("{note}"));
        let there = if known == 0 { String::new() } else { format!(", {known} had been there") };
        println!("stored {} in {}{there}", counted(new, "report"), store.location());
        if failures.is_empty() {
            return Ok(Exit::Passed);
        }
        failures.sort_by_key(ToString::to_string);
        // The worst of them is how it ends: what could not be stored before what could not be read.
        let worst = failures.iter().position(|failure| failure.exit == Exit::NotStored).unwrap_or(0);
        let worst = failures.swap_remove(worst);
        for failure in &failures {
            eprintln!("{failure}");
        }
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
            return Ok(vec![Place::Object(Box::new(bucket), key)]);
        }
        let location = Location::parse(text).map_err(cannot)?;
        let prefix = Store::open_with(&location, self.options).map_err(cannot)?;
        let listed = prefix.list("").await.map_err(cannot)?;
        // What another store has besides reports.
        let others = [layout::INVENTORIES, layout::VERDICTS, layout::TABLES];
        let is_other = |key: &str| key.split_once('/').is_some_and(|(folder, _)| others.contains(&folder));
        let keys = listed.into_iter().map(|meta| meta.key).filter(|key| is_json(key) && !is_other(key));
        Ok(keys.map(|key| Place::Object(Box::new(prefix.clone()), key)).collect())
    }

    async fn read(&self, place: Place, now: Timestamp) -> Result<Read, Failure> {
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
            stored.map(|stored| (stored, head.and_then(|head| head.instant())))
        });
        let (stored, created) = read
            .await
            .map_err(anyhow::Error::new)
            .and_then(|read| read.map_err(anyhow::Error::new))
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        let time = self.time.or(created).or(written).unwrap_or(now);
        Ok(Read { stored, report, time })
    }
}

impl<'a> Batch<'a> {
    fn new(store: &'a Store) -> Self {
        Self {
            store,
            rows: Appender::new(store),
            records: Vec::new(),
            scans: HashSet::new(),
            again: 0,
            bytes: 0,
            inventories: HashSet::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.records.len() >= MAX_BATCH || self.bytes >= MAX_BATCH_BYTES
    }

    /// Writes the report, and holds its rows.
    async fn add(&mut self, read: &Read) -> Result<(), Failure> {
        let Read { stored, report, time } = read;
        let (report, time, writer) = (report.clone(), *time, stored.writer);
        let one = Stored { scan: &stored.scan, report, time, writer, version: &stored.version };
        let record = one.record();
        if self.scans.contains(&record.verdict().scan_id) {
            self.again += 1;
            return Ok(());
        }
        let mut begun = record.begin(self.store).await.map_err(|error| failure(error, Exit::NotStored))?;
        // Of two with one inventory the first brings it.
        begun.needs_inventory =
            begun.needs_inventory && self.inventories.insert(record.verdict().inventory_digest.clone());
        if begun.needs_rows()
            && let Err(error) = self.rows.push(&one.facts(&record), begun.needs_inventory).await
        {
            // Another one brings it.
            self.inventories.remove(&record.verdict().inventory_digest);
            return Err(rows_failure(error));
        }
        self.bytes += record.size_bytes();
        self.scans.insert(record.verdict().scan_id.clone());
        self.records.push((record, begun));
        Ok(())
    }

    /// Writes the rows that are held, then verdicts and inventories.
    async fn write(&mut self, jobs: usize, counts: &mut Counts) -> Vec<Failure> {
        let records = std::mem::take(&mut self.records);
        let again = std::mem::take(&mut self.again);
        self.scans.clear();
        self.bytes = 0;
        if let Err(error) = self.rows.flush().await {
            // Without verdicts all of these are taken up again by the next call; and another one brings their inventories.
            for (record, _) in records.iter().filter(|(_, begun)| begun.needs_inventory) {
                self.inventories.remove(&record.verdict().inventory_digest);
            }
            return vec![rows_failure(error)];
        }
        counts.known += again;
        let store = self.store;
        // Those that bring an inventory before those that only need it.
        let (first, rest): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|(_, begun)| begun.needs_inventory);
        let mut failures = Vec::new();
        for records in [first, rest] {
            let mut finished = futures::stream::iter(records)
                .map(|(record, begun)| async move { (record.finish(store, begun).await, begun) })
                .buffer_unordered(jobs);
            while let Some((result, begun)) = finished.next().await {
                match result {
                    Ok(Finished::Whole) if begun.is_new => counts.new += 1,
                    Ok(Finished::Whole) => counts.known += 1,
                    Ok(Finished::InventoryGone) => {
                        let what = "cannot store a report: expected its inventory in the store, found none";
                        let failure = Failure::new(Exit::NotStored, anyhow!(what));
                        failures.push(failure.hint(
                            "call it again: what is missing is written then; another call, or `store prune`, was at work",
                        ));
                    }
                    Err(error) => failures.push(failure(error, Exit::NotStored)),
                }
            }
        }
        failures
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
