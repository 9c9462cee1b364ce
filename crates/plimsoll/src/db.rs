//! `plimsoll db`.

mod carry;
mod diff;
mod info;
mod json;
mod search;

use std::path::{Path, PathBuf};

use plimsoll_advisory::ReadReport;
use plimsoll_db::{Builder, Snapshot, Store};

use crate::args::{DbAction, DbArgs};
use crate::database::{damaged, missing, path};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::Bars;
use crate::settings::Settings;
use crate::update;

/// Records that could not be read and are listed; the others are counted.
const MAX_SHOWN_FAILURES: usize = 20;

pub(crate) fn run(
    arguments: &DbArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
    quiet: bool,
) -> Result<Exit, Failure> {
    let path = |db: &crate::args::DbPath| path(db.path.as_deref(), settings, environment);
    match &arguments.action {
        DbAction::Update(arguments) => update::run(arguments, settings, environment, bars, quiet),
        DbAction::Build { from, output } => build(from, output, bars, quiet),
        DbAction::Info { format, db } => info::run(&path(db), *format, environment),
        DbAction::Sources => {
            output::write(None, info::sources_text(environment.width).as_bytes())?;
            Ok(Exit::Passed)
        }
        DbAction::Verify { db } => verify(&path(db), bars),
        DbAction::Search { text, limit, format, db } => search::run(&path(db), text, count(*limit), *format),
        DbAction::Diff { old, new, limit, format, db } => {
            diff::run(&path(db), old, new.as_deref(), limit.map(count), *format)
        }
        DbAction::Export { file, key, db } => carry::export(&path(db), file, key, settings, bars),
        DbAction::Import { file, trust, db } => {
            carry::import(&path(db), file, trust, settings, environment, bars)
        }
        DbAction::Push { reference, key, registry, db } => {
            carry::push(&path(db), reference, key, registry, settings, bars)
        }
        DbAction::Pull { reference, trust, registry, db } => {
            carry::pull(&path(db), reference, trust, registry, settings, environment, bars)
        }
        DbAction::Keygen { output } => carry::keygen(output),
    }
}

/// All of a database. That there is none yet is said as everywhere else.
pub(crate) fn open(path: &Path) -> Result<Snapshot, Failure> {
    if !path.is_file() && Store::at(path).current().map_err(damaged)?.is_none() {
        return Err(missing(path));
    }
    plimsoll_db::open(path, None, None).map_err(damaged)
}

/// A number of the command line.
fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn verify(path: &Path, bars: &Bars) -> Result<Exit, Failure> {
    bars.say("verifying");
    let snapshot = open(path)?;
    snapshot.verify().map_err(damaged)?;
    bars.finish();
    let text = format!("{}: {}, every byte as it was written\n", path.display(), snapshot.digest());
    output::write(None, text.as_bytes())?;
    Ok(Exit::Passed)
}

fn build(from: &[PathBuf], output: &Path, bars: &Bars, quiet: bool) -> Result<Exit, Failure> {
    bars.say("reading advisories");
    let mut builder = Builder::new();
    // What cannot be read or written here is no fault of a database that exists.
    let cannot = |error: plimsoll_db::Error| Failure { exit: Exit::CouldNotScan, ..damaged(error) };
    let read = builder.read(from).map_err(cannot)?;
    let warnings = warnings(read);
    let usable = read.usable;
    bars.say("writing the database");
    let report = builder.write(output).map_err(cannot)?;
    bars.finish();
    for line in &warnings {
        eprintln!("{line}");
    }
    if usable == 0 {
        eprintln!("warning: the sources hold no advisory that can be looked up; the database is empty");
    }
    if !quiet {
        output::write(None, format!("{report}").as_bytes())?;
    }
    Ok(Exit::Passed)
}

/// What could not be read: the first lines of it, and a count of the rest.
pub(crate) fn warnings(read: &ReadReport) -> Vec<String> {
    let mut lines: Vec<String> = read
        .failures
        .iter()
        .take(MAX_SHOWN_FAILURES)
        .map(|failure| format!("warning: cannot read `{}`: {}", failure.place, failure.reason))
        .map(|line| plimsoll_report::printable(&line).into_owned())
        .collect();
    let more = read.failed.saturating_sub(lines.len() as u64);
    if more > 0 {
        lines.push(format!("warning: {more} more records could not be read"));
    }
    lines
}
