//! What an advisory database says, as rows of `advisories`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::RecordBatch;
use plimsoll_db::Snapshot;
use plimsoll_match::{Statement, Statements, places};
use plimsoll_model::{AdvisoryLookup as _, AffectedStatus, LookupError, Namespace, RatingScale, Severity};
use plimsoll_store::Store;

use crate::column::Builder;
use crate::error::{Error, Result};
use crate::facts::{day, instant};
use crate::file::{Form, Writer};
use crate::files::{Objects, file_key, log_key, partition_key};
use crate::log::{COMPLETE, partitions};
use crate::rows::{Scores, severity_word};
use crate::schema::{PARTITION_COLUMN, Table};
use crate::texts::texts;

/// Rows of a batch, unless one package has more.
const ROWS_OF_BATCH: usize = 8 * 1024;

/// Bytes of a file, after which another one is begun.
const MAX_FILE_BYTES: usize = 64 << 20;

/// Flaws of which is remembered how they are exploited.
const MAX_REMEMBERED_FLAWS: usize = 1 << 18;

/// Characters of a summary that are kept.
const MAX_SUMMARY_CHARS: usize = 300;

/// Hundred-thousandths in one.
const HUNDRED_THOUSAND: f64 = 100_000.0;

/// A statement, and where it was asked for.
struct Row {
    namespace: Arc<str>,
    ecosystem: &'static str,
    name: Arc<str>,
    statement: Statement,
    is_exploited: bool,
    epss: Option<f64>,
    summary: Option<Arc<str>>,
}

/// Gives all rows of an open database, sorted by namespace and name, batch by batch. `wanted`: of these namespaces alone,
/// `Debian:12`, as `packages.namespace` has them.
///
/// Memory: a batch, the names of the packages, and the summaries of one namespace's advisories.
///
/// # Errors
/// [`Error::Database`], and what `take` fails with.
pub fn advisory_rows(
    database: &Snapshot,
    wanted: Option<&BTreeSet<String>>,
    take: &mut dyn FnMut(&RecordBatch) -> Result<()>,
) -> Result<()> {
    let damaged =
        |source: LookupError| Error::Database { path: database.path().display().to_string(), source };
    let all: Vec<Namespace> = database.namespaces().into_iter().cloned().collect();
    let mut places = places(&all);
    places.retain(|place| wanted.is_none_or(|wanted| wanted.contains(&place[0].to_string())));
    let asked: BTreeSet<&Namespace> = places.iter().flatten().collect();
    let mut names: HashMap<Namespace, Vec<String>> = HashMap::new();
    for partition in database.databases() {
        if !partition.namespaces().any(|namespace| asked.contains(namespace)) {
            continue;
        }
        let visit = |namespace: &Namespace, name: &str, _: plimsoll_db::Entries<'_>| {
            if asked.contains(namespace) {
                match names.get_mut(namespace) {
                    Some(names) => names.push(name.to_owned()),
                    None => drop(names.insert(namespace.clone(), vec![name.to_owned()])),
                }
            }
            true
        };
        partition.each_package(visit).map_err(damaged)?;
    }
    let mut making = Making::new(database);
    for place in &places {
        let of_place: BTreeSet<&String> =
            place.iter().filter_map(|namespace| names.get(namespace)).flatten().collect();
        making.place(place, &of_place, take).map_err(|failed| match failed {
            Failed::Database(source) => damaged(source),
            Failed::Taken(error) => error,
        })?;
    }
    making.give(take)
}

enum Failed {
    Database(LookupError),
    Taken(Error),
}

struct Making<'d> {
    database: &'d Snapshot,
    digest: String,
    statements: Statements<'d>,
    exploited: HashMap<String, (bool, Option<f64>)>,
    scores: Scores,
    rows: Vec<Row>,
}

impl<'d> Making<'d> {
    fn new(database: &'d Snapshot) -> Self {
        Self {
            database,
            digest: database.digest().to_string(),
            statements: Statements::new(database),
            exploited: HashMap::new(),
            scores: Scores::default(),
            rows: Vec::new(),
        }
    }

    fn place(
        &mut self,
        place: &[Namespace],
        names: &BTreeSet<&String>,
        take: &mut dyn FnMut(&RecordBatch) -> Result<()>,
    ) -> std::result::Result<(), Failed> {
        let summaries = self.summaries(place, names).map_err(Failed::Database)?;
        let namespace: Arc<str> = place[0].to_string().into();
        let ecosystem = place[0].ecosystem.name();
        for &name in names {
            let shared: Arc<str> = name.as_str().into();
            for statement in self.statements.of(place, name).map_err(Failed::Database)? {
                let (is_exploited, epss) =
                    self.exploited(&statement.vulnerability).map_err(Failed::Database)?;
                self.rows.push(Row {
                    namespace: Arc::clone(&namespace),
                    ecosystem,
                    name: Arc::clone(&shared),
                    summary: summaries.get(&statement.number).cloned(),
                    statement,
                    is_exploited,
                    epss,
                });
            }
            if self.rows.len() >= ROWS_OF_BATCH {
                self.give(take).map_err(Failed::Taken)?;
            }
        }
        Ok(())
    }

    /// One line of each advisory of a place. Texts lie packed by number: read in that order, each block is unpacked once.
    fn summaries(
        &self,
        place: &[Namespace],
        names: &BTreeSet<&String>,
    ) -> std::result::Result<HashMap<u32, Arc<str>>, LookupError> {
        let mut numbers = BTreeSet::new();
        for namespace in place {
            for name in names {
                let candidates = self.database.candidates(namespace, name)?;
                numbers.extend(candidates.into_iter().map(|candidate| candidate.advisory));
            }
        }
        let mut summaries = HashMap::with_capacity(numbers.len());
        for number in numbers {
            let texts = self.database.texts(number)?;
            let line = texts.summary.lines().next().unwrap_or_default();
            if !line.is_empty() {
                summaries.insert(number, line.chars().take(MAX_SUMMARY_CHARS).collect::<String>().into());
            }
        }
        Ok(summaries)
    }

    fn exploited(&mut self, flaw: &str) -> std::result::Result<(bool, Option<f64>), LookupError> {
        if let Some(known) = self.exploited.get(flaw) {
            return Ok(*known);
        }
        let known = self.database.known(flaw)?;
        let epss = known.epss.map(|epss| f64::from(epss.probability) / HUNDRED_THOUSAND);
        let exploited = (known.kev.is_some(), epss);
        if self.exploited.len() >= MAX_REMEMBERED_FLAWS {
            self.exploited.clear();
        }
        self.exploited.insert(flaw.to_owned(), exploited);
        Ok(exploited)
    }

    fn give(&mut self, take: &mut dyn FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        take(&self.batch(&rows))
    }

    fn batch(&mut self, rows: &[Row]) -> RecordBatch {
        let count = rows.len();
        let each = || rows.iter().map(|row| &row.statement);
        let mut columns = Vec::new();
        for column in Table::Advisories.columns() {
            let mut out = Builder::new(column.kind);
            match column.name {
                "database_digest" => out.repeat(&self.digest, count),
                "advisory_id" => out.texts(each().map(|statement| Some(&statement.id))),
                "vulnerability_id" => out.texts(each().map(|statement| Some(&statement.vulnerability))),
                "aliases" => out.filled(each().map(|statement| statement.aliases.join(", "))),
                "source" => out.texts(each().map(|statement| Some(&statement.source))),
                "namespace" => out.texts(rows.iter().map(|row| Some(&row.namespace))),
                "ecosystem" => out.texts(rows.iter().map(|row| Some(row.ecosystem))),
                "advisory_name" => out.texts(rows.iter().map(|row| Some(&row.name))),
                "ranges" => out.texts(each().map(|statement| Some(&statement.ranges))),
                "status" => out.texts(each().map(|statement| Some(status_word(statement.status)))),
                "fixed_version" => out.texts(each().map(|statement| statement.fixed.as_ref())),
                "severity" => out.texts(each().map(|statement| word(statement).map(severity_word))),
                "cvss_score" => {
                    let scores = &mut self.scores;
                    let highest = each().map(|statement| scores.highest(&statement.ratings));
                    out.doubles(highest.map(|best| best.map(|(tenths, _)| f64::from(tenths) / 10.0)));
                }
                "is_exploited" => out.booleans(rows.iter().map(|row| Some(row.is_exploited))),
                "epss" => out.doubles(rows.iter().map(|row| row.epss)),
                "published_at" => out.instants(each().map(|statement| instant(&statement.published))),
                "modified_at" => out.instants(each().map(|statement| instant(&statement.modified))),
                "summary" => out.texts(rows.iter().map(|row| row.summary.as_ref())),
                "published_in" => {
                    out.texts(each().map(|statement| Some(statement.published_in.to_string())));
                }
                _ => unreachable!("all columns of `advisories` are here"),
            }
            columns.push(out.finish());
        }
        RecordBatch::try_new(Table::Advisories.schema(), columns)
            .expect("all columns have the kinds and nulls that the schema names; tested")
    }
}

/// The advisory's own word, the package's before the document's.
fn word(statement: &Statement) -> Option<Severity> {
    statement.ratings.iter().find_map(|rating| match rating.scale {
        RatingScale::Word(word) => Some(word),
        RatingScale::Cvss(_) | RatingScale::Score(_) => None,
    })
}

fn status_word(status: AffectedStatus) -> &'static str {
    match status {
        AffectedStatus::Affected => "affected",
        AffectedStatus::WillNotFix => "will_not_fix",
        AffectedStatus::FixDeferred => "fix_deferred",
        AffectedStatus::UnderInvestigation => "under_investigation",
        AffectedStatus::EndOfLife => "end_of_life",
        AffectedStatus::NotAffected => "not_affected",
    }
}

/// The namespaces that the store's packages are looked up in: those whose advisories are worth having beside them.
///
/// Reads one column of all files of `packages`.
///
/// # Errors
/// As [`crate::live_files`] and [`crate::read_file`].
pub async fn package_namespaces(store: &Store) -> Result<BTreeSet<String>> {
    texts(store, Table::Packages, "namespace").await
}

/// What [`write_advisories`] wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AdvisoriesWritten {
    /// Rows.
    pub rows: usize,
    /// Files, each of some 64 MiB at most.
    pub files: usize,
    /// Files of earlier databases that were deleted.
    pub deleted: usize,
}

/// Writes all rows of an open database, and deletes those of earlier ones: only the newest database counts. `now` in
/// milliseconds of UTC.
///
/// They count when all of them are written; of a writing that was broken off nothing does, and the next one deletes it.
///
/// # Errors
/// As [`advisory_rows`], and [`Error::Store`].
pub async fn write_advisories(
    store: &Store,
    database: &Snapshot,
    wanted: Option<&BTreeSet<String>>,
    now: i64,
) -> Result<AdvisoriesWritten> {
    let objects = Objects(store);
    let table = Table::Advisories;
    let before = partitions(store, table, None).await?;
    let (today, digest) = (day(now), database.digest().to_string());
    let id = digest.trim_start_matches("sha256:").get(..32).unwrap_or_default().to_owned();
    let mut written = AdvisoriesWritten::default();
    let mut done: Vec<bytes::Bytes> = Vec::new();
    let mut writer = Writer::new(table, Form::Sorted)?;
    // Encoding does not wait, and files are small beside the database.
    advisory_rows(database, wanted, &mut |batch| {
        written.rows += batch.num_rows();
        writer.write(batch)?;
        if writer.size_bytes() >= MAX_FILE_BYTES {
            let full = std::mem::replace(&mut writer, Writer::new(table, Form::Sorted)?);
            done.push(full.finish()?);
        }
        Ok(())
    })?;
    done.push(writer.finish()?);
    let key = |number: usize| file_key(table, &today, now, &format!("{id}-{number:04}"));
    let mut names: BTreeSet<String> = BTreeSet::new();
    for (number, bytes) in done.into_iter().enumerate() {
        objects.put(&key(number), bytes).await?;
        names.extend(key(number).rsplit('/').next().map(str::to_owned));
        written.files += 1;
    }
    let group = names.first().map(|name| group(name)).unwrap_or_default().to_owned();
    let complete = format!("{}/{PARTITION_COLUMN}={today}/{group}{COMPLETE}", log_key(table));
    objects.put(&complete, Vec::new()).await?;
    for (day, partition) in before {
        let old: BTreeMap<_, _> = partition.live.into_iter().chain(partition.orphans).collect();
        for name in old.into_keys().filter(|name| day != today || !names.contains(name)) {
            objects.delete(&format!("{}/{name}", partition_key(table, &day))).await?;
            written.deleted += 1;
        }
        for name in partition.complete.iter().filter(|name| day != today || **name != group) {
            let key = format!("{}/{PARTITION_COLUMN}={day}/{name}{COMPLETE}", log_key(table));
            objects.delete(&key).await?;
        }
    }
    Ok(written)
}

/// What the files of one writing have in common: `20261122T164404Z-0123…` of `20261122T164404Z-0123…-0000.parquet`.
pub(crate) fn group(name: &str) -> &str {
    name.rsplit_once('-').map_or("", |(group, _)| group)
}
