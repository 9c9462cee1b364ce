//! `plimsoll summary`: the findings of stored reports, counted.
//!
//! A report is read once, as a stream, and nothing but counts is kept of it. What counts is an entry of `Vulnerabilities`,
//! with the word of its `Severity`: the numbers are those of `jq '.. | .Vulnerabilities[]?.Severity'`.

mod read;
mod write;

use anyhow::Context as _;
use plimsoll_model::Severity;
use plimsoll_select::{guess, unpacked};

use crate::args::{SummaryArgs, SummaryFormat};
use crate::exit::{Exit, Failure};
use crate::object::Object;
use crate::output;
use crate::settings::Settings;

/// Trivy's words, in its order.
pub(crate) const WORDS: [Severity; 5] =
    [Severity::Unknown, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

/// Findings, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// By [`WORDS`].
    by_word: [u64; WORDS.len()],
    /// With a version that fixes them.
    fixable: u64,
    /// Known to be exploited, as far as the report says it.
    exploited: u64,
}

impl Counts {
    fn total(&self) -> u64 {
        self.by_word.iter().sum()
    }

    fn add(&mut self, other: &Self) {
        for (sum, more) in self.by_word.iter_mut().zip(other.by_word) {
            *sum += more;
        }
        self.fixable += other.fixable;
        self.exploited += other.exploited;
    }

    /// Findings of this severity or worse.
    fn at_least(&self, severity: Severity) -> u64 {
        WORDS.iter().zip(self.by_word).filter(|(word, _)| **word >= severity).map(|(_, count)| count).sum()
    }
}

/// What the gate had said, in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Passed,
    Undecided,
    Failed,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Undecided => "undecided",
            Self::Failed => "failed",
        }
    }
}

/// A report, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Where it was read.
    source: String,
    /// What was scanned; empty where the report does not say.
    artifact: String,
    verdict: Option<Verdict>,
    /// Each with its name.
    targets: Vec<(String, Counts)>,
    counts: Counts,
}

pub(crate) fn run(arguments: &SummaryArgs, settings: &Settings) -> Result<Exit, Failure> {
    let mut summaries = Vec::new();
    for report in &arguments.reports {
        let object = Object::open(report, settings)?;
        let source = object.name.clone();
        let compression = guess(object.sample(), &source).compression;
        let reader = unpacked(object.reader(), compression)
            .with_context(|| format!("cannot read the report `{source}`"))
            .map_err(|error| Failure::new(Exit::CouldNotScan, error))?;
        summaries.push(read::read(reader, &source)?);
    }
    let mut total = Counts::default();
    for summary in &summaries {
        total.add(&summary.counts);
    }
    let text = match arguments.format {
        SummaryFormat::Table => write::table(&summaries, &total, arguments.by_target),
        SummaryFormat::Json => write::json(&summaries, &total),
        SummaryFormat::Csv => write::csv(&summaries, arguments.by_target),
        SummaryFormat::Shell => write::shell(&summaries, &total),
    };
    output::write(None, text.as_bytes())?;
    let failed = arguments.fail_on.is_some_and(|level| total.at_least(level.into()) > 0);
    Ok(if failed { Exit::GateFailed } else { Exit::Passed })
}
