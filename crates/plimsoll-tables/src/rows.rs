//! Scans to rows, column by column.
//!
//! A column that nobody asks for is not computed. Rows of many scans go into one batch: nothing is allocated for each
//! row but what the columns themselves hold.

mod findings;
mod images;
mod packages;
mod scans;
mod waivers;

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};
use plimsoll_model::{Finding, RatingScale, Severity};

use crate::column::Builder;
use crate::facts::ScanFacts;
use crate::schema::{Column, Table};

/// CVSS vectors whose score is remembered.
const MAX_REMEMBERED_VECTORS: usize = 1 << 16;

/// Collects rows of one table.
#[derive(Debug)]
pub struct Rows {
    table: Table,
    schema: SchemaRef,
    columns: Vec<(&'static Column, Builder)>,
    count: usize,
    scores: Scores,
}

impl Rows {
    /// With these columns of the table, by their indexes and in that order; all where there is no projection.
    ///
    /// # Panics
    /// If an index is not one of [`Table::columns`].
    pub fn new(table: Table, projection: Option<&[usize]>) -> Self {
        let all = table.columns();
        let wanted: Vec<usize> = projection.map_or_else(|| (0..all.len()).collect(), <[usize]>::to_vec);
        let schema = table.schema();
        let fields: Vec<_> = wanted.iter().map(|&index| Arc::clone(&schema.fields()[index])).collect();
        let columns = wanted.iter().map(|&index| (&all[index], Builder::new(all[index].kind))).collect();
        Self { table, schema: Arc::new(Schema::new(fields)), columns, count: 0, scores: Scores::default() }
    }

    /// Adds the rows of a scan. [`Table::Advisories`] has none: see [`crate::advisory_rows`].
    pub fn push(&mut self, facts: &ScanFacts<'_>) {
        self.count += match self.table {
            Table::Images => images::images(facts, &mut self.columns),
            Table::Layers => images::layers(facts, &mut self.columns),
            Table::Packages => packages::packages(facts, &mut self.columns),
            Table::Findings => findings::findings(facts, &mut self.columns, &mut self.scores),
            Table::Scans => scans::scans(facts, &mut self.columns),
            Table::Waivers => waivers::waivers(facts, &mut self.columns),
            Table::Advisories => 0,
        };
    }

    /// Rows so far.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Bytes of their values so far, roughly.
    pub fn size_bytes(&self) -> usize {
        self.columns.iter().map(|(_, builder)| builder.size_bytes()).sum()
    }

    /// The schema of what [`Self::finish`] gives.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows since the last time, which are gone then.
    pub fn finish(&mut self) -> RecordBatch {
        let columns = self.columns.iter_mut().map(|(_, builder)| builder.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(std::mem::take(&mut self.count)));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options).expect(
            "each table fills all of its columns with the kinds and nulls that the schema names; tested",
        )
    }
}

/// The rows of one scan; see [`Rows`].
pub fn rows(table: Table, facts: &ScanFacts<'_>, projection: Option<&[usize]>) -> RecordBatch {
    let mut rows = Rows::new(table, projection);
    rows.push(facts);
    rows.finish()
}

/// The columns that are wanted, with what is in them so far.
type Columns = [(&'static Column, Builder)];

/// Fills a column that is the same in all rows of a scan, whichever table it is in. Whether it is one.
fn is_alike(facts: &ScanFacts<'_>, column: &str, out: &mut Builder, count: usize) -> bool {
    let inventory = &facts.scan.inventory;
    let (artifact, os, names) = (&inventory.artifact, inventory.os.as_ref(), facts.names());
    match column {
        "scan_id" => out.repeat(facts.scan_id, count),
        "scanned_at" | "first_seen_at" => out.instant(facts.scanned_at, count),
        "image_digest" => out.repeat(facts.image_digest(), count),
        "inventory_digest" => out.repeat(facts.inventory_digest(), count),
        "reference" => out.repeat(&artifact.name, count),
        "registry" => out.repeat_filled(&names.registry, count),
        "repository" => out.repeat_filled(&names.repository, count),
        "tag" => out.repeat_filled(&names.tag, count),
        "os" => out.repeat_filled(os.map_or("", |os| &os.id), count),
        "os_version" => out.repeat_filled(os.map_or("", |os| &os.version_id), count),
        "platform" => {
            let platform = artifact.platform.as_ref().map(ToString::to_string).unwrap_or_default();
            out.repeat_filled(&platform, count);
        }
        _ => return false,
    }
    true
}

/// The word of a severity, as tables have it.
pub(crate) fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
        Severity::Negligible => "negligible",
        Severity::Unknown => "unknown",
    }
}

/// The severity that counts: a package that is itself the attack is critical whatever was said.
fn severity(finding: &Finding) -> Severity {
    if finding.malicious { Severity::Critical } else { finding.severity.severity }
}

/// Base scores of vectors, each computed once.
#[derive(Debug, Default)]
pub(crate) struct Scores(HashMap<String, Option<u8>>);

impl Scores {
    /// The highest base score of ratings, in tenths, and its vector where it has one.
    pub(crate) fn highest<'r>(
        &mut self,
        ratings: impl IntoIterator<Item = &'r plimsoll_model::Rating>,
    ) -> Option<(u8, Option<&'r str>)> {
        let mut highest: Option<(u8, Option<&str>)> = None;
        for rating in ratings {
            let scored = match &rating.scale {
                RatingScale::Word(_) => None,
                RatingScale::Score(tenths) => Some((*tenths, None)),
                RatingScale::Cvss(vector) => self.of(vector).map(|tenths| (tenths, Some(vector.as_str()))),
            };
            // Of two that are equal the one with a vector says more.
            let rank = |scored: &(u8, Option<&str>)| (scored.0, scored.1.is_some());
            if scored.is_some_and(|scored| highest.is_none_or(|highest| rank(&scored) > rank(&highest))) {
                highest = scored;
            }
        }
        highest
    }

    fn of(&mut self, vector: &str) -> Option<u8> {
        if let Some(score) = self.0.get(vector) {
            return *score;
        }
        let score = plimsoll_cvss::score(vector).ok().map(|scored| scored.score.tenths());
        if self.0.len() < MAX_REMEMBERED_VECTORS && vector.len() < 256 {
            self.0.insert(vector.to_owned(), score);
        }
        score
    }
}

#[cfg(test)]
#[path = "rows/tests.rs"]
mod tests;
