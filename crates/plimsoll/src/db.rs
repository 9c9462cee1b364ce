//! `plimsoll db`.

use std::path::{Path, PathBuf};

use plimsoll_db::Builder;

use crate::args::{DbAction, DbArgs};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::Bars;
use crate::scan::{damaged, open_database};
use crate::settings::Settings;

/// Records that could not be read and are listed; the others are counted.
const MAX_SHOWN_FAILURES: usize = 20;

pub(crate) fn run(
    arguments: &DbArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
    quiet: bool,
) -> Result<Exit, Failure> {
    match &arguments.action {
        DbAction::Build { from, output } => build(from, output, bars, quiet),
        DbAction::Info { db } => {
            let database = open_database(db.as_deref(), settings, environment)?;
            let info = database.info().map_err(damaged)?;
            let text = format!(
                "database: {}\ndigest: {}\nsize: {} bytes\n{info}",
                database.path().display(),
                database.digest(),
                database.size_bytes()
            );
            output::write(None, text.as_bytes())?;
            Ok(Exit::Passed)
        }
        DbAction::Verify { db } => {
            let database = open_database(db.as_deref(), settings, environment)?;
            bars.say("verifying");
            database.verify().map_err(damaged)?;
            bars.finish();
            let text = format!(
                "{}: {}, every byte as it was written\n",
                database.path().display(),
                database.digest()
            );
            output::write(None, text.as_bytes())?;
            Ok(Exit::Passed)
        }
    }
}

fn build(from: &[PathBuf], output: &Path, bars: &Bars, quiet: bool) -> Result<Exit, Failure> {
    bars.say("reading advisories");
    let mut builder = Builder::new();
    // What cannot be read or written here is no fault of a database that exists.
    let cannot = |error: plimsoll_db::Error| Failure { exit: Exit::CouldNotScan, ..damaged(error) };
    let read = builder.read(from).map_err(cannot)?;
    let failures: Vec<String> = read
        .failures
        .iter()
        .take(MAX_SHOWN_FAILURES)
        .map(|failure| format!("warning: cannot read `{}`: {}", failure.place, failure.reason))
        .collect();
    let more = read.failed.saturating_sub(failures.len() as u64);
    let usable = read.usable;
    bars.say("writing the database");
    let report = builder.write(output).map_err(cannot)?;
    bars.finish();
    for line in &failures {
        eprintln!("{}", plimsoll_report::printable(line));
    }
    if more > 0 {
        eprintln!("warning: {more} more records could not be read");
    }
    if usable == 0 {
        eprintln!("warning: the sources hold no advisory that can be looked up; the database is empty");
    }
    if !quiet {
        output::write(None, format!("{report}").as_bytes())?;
    }
    Ok(Exit::Passed)
}
