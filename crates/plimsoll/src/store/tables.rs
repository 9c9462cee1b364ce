//! `plimsoll store compact`, `tables`, `advisories` and `reindex`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::anyhow;
use plimsoll_store::{Location, Store};
use plimsoll_tables::{
    CompactOptions, Compacted, Dialect, Error, Table, compact, ddl, live_files, package_namespaces, reindex,
    table_key, write_advisories,
};

use super::{counted, existing, open, options, runtime};
use crate::args::{ObjectArgs, StorePath, TablesAction};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::Bars;
use crate::settings::Settings;

/// Reports that could not be read and are named; the others are counted.
const MAX_NAMED_REPORTS: usize = 20;

pub(super) fn run(
    action: &TablesAction,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Exit, Failure> {
    match action {
        TablesAction::Compact { before, store, objects } => {
            let store = writable(store, objects, settings, environment)?;
            let before = before.map(|day| day.to_string());
            let options = CompactOptions { before, now: environment.now.as_millisecond() };
            compact_all(&store, &options, bars)
        }
        TablesAction::Tables { ddl: None, store } => list(&existing(store, settings, environment)?),
        TablesAction::Tables { ddl: Some(dialect), store } => {
            statements(dialect.0, &existing(store, settings, environment)?)
        }
        TablesAction::Advisories { namespace, all, db, store, objects } => {
            let path = crate::database::path(db.path.as_deref(), settings, environment);
            let store = writable(store, objects, settings, environment)?;
            bars.say("reading advisories");
            let database = crate::db::open(&path)?;
            let work = async {
                let wanted: Option<BTreeSet<String>> = match (namespace.is_empty(), all) {
                    (false, _) => Some(namespace.iter().cloned().collect()),
                    (true, true) => None,
                    (true, false) => {
                        // Of a store without packages all are wanted.
                        Some(package_namespaces(&store).await?).filter(|namespaces| !namespaces.is_empty())
                    }
                };
                let now = environment.now.as_millisecond();
                let written = write_advisories(&store, &database, wanted.as_ref(), now).await?;
                Ok((wanted, written))
            };
            let (wanted, written) = runtime()?.block_on(work).map_err(cannot)?;
            let covered: BTreeSet<String> = plimsoll_match::places(database.namespaces())
                .iter()
                .map(|place| place[0].to_string())
                .collect();
            bars.finish().iter().for_each(|note| eprintln!("{note}"));
            for missing in wanted.iter().flatten().filter(|name| !covered.contains(*name)) {
                let name = plimsoll_report::printable(missing);
                eprintln!("warning: the database has no advisories for `{name}`");
            }
            let text = format!(
                "wrote {} of the database {} into {}; removed {}\n",
                counted(written.rows, "row"),
                database.digest(),
                counted(written.files, "file"),
                counted(written.deleted, "earlier file")
            );
            output::write(None, text.as_bytes())?;
            Ok(Exit::Passed)
        }
        TablesAction::Reindex { store, objects } => {
            let store = writable(store, objects, settings, environment)?;
            bars.say("reading reports");
            let done = runtime()?.block_on(reindex(&store)).map_err(cannot)?;
            bars.finish().iter().for_each(|note| eprintln!("{note}"));
            let text = format!(
                "made the rows of {} anew: {} in place of {}\n",
                counted(done.reports, "report"),
                counted(done.files, "file"),
                done.replaced
            );
            output::write(None, text.as_bytes())?;
            if done.failed.is_empty() {
                return Ok(Exit::Passed);
            }
            let count = done.failed.len();
            for error in done.failed.into_iter().take(MAX_NAMED_REPORTS) {
                eprintln!("{}", cannot(error));
            }
            let what = format!("cannot read {}: of these there are no rows now", counted(count, "report"));
            Err(Failure::new(Exit::CouldNotScan, anyhow!(what)))
        }
    }
}

fn writable(
    path: &StorePath,
    objects: &ObjectArgs,
    settings: &Settings,
    environment: &Environment,
) -> Result<Store, Failure> {
    // That it is there, before it is made.
    existing(path, settings, environment)?;
    open(path, &options(objects, &path.ca_cert, settings)?, settings, environment)
}

pub(super) fn cannot(error: Error) -> Failure {
    let exit = match &error {
        Error::Database { .. } => Exit::NoAdvisories,
        _ => Exit::CouldNotScan,
    };
    let hint = error.hint();
    let failure = Failure::new(exit, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn compact_all(store: &Store, options: &CompactOptions, bars: &Bars) -> Result<Exit, Failure> {
    let runtime = runtime()?;
    let mut text = String::new();
    for &table in Table::ALL.iter().filter(|table| **table != Table::Advisories) {
        bars.say(format!("compacting {}", table.name()));
        let done = runtime.block_on(compact(store, table, options)).map_err(cannot)?;
        let Compacted { days, replaced, written, rows, duplicates } = done;
        if days > 0 {
            let twice = match duplicates {
                0 => String::new(),
                1 => "; 1 row was there twice".to_owned(),
                _ => format!("; {duplicates} rows were there twice"),
            };
            let _ = writeln!(
                text,
                "{}: {} of {} became {}, {}{twice}",
                table.name(),
                counted(replaced, "file"),
                counted(days, "day"),
                counted(written, "file"),
                counted(rows, "row")
            );
        }
    }
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    if text.is_empty() {
        text.push_str("nothing to compact\n");
    }
    output::write(None, text.as_bytes())?;
    Ok(Exit::Passed)
}

/// Files, bytes and days of each table.
fn list(store: &Store) -> Result<Exit, Failure> {
    let runtime = runtime()?;
    let mut text = String::new();
    for &table in Table::ALL {
        let files = runtime.block_on(live_files(store, table)).map_err(cannot)?;
        let bytes: u64 = files.iter().map(|file| file.meta.size).sum();
        let days: BTreeSet<&str> = files.iter().map(|file| file.date.as_str()).collect();
        let span = match (days.first(), days.last()) {
            (Some(first), Some(last)) if first != last => format!(", {first} to {last}"),
            (Some(day), _) => format!(", {day}"),
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "{:<10}  {}, {}{span}",
            table.name(),
            counted(files.len(), "file"),
            counted(bytes, "byte")
        );
    }
    output::write(None, text.as_bytes())?;
    Ok(Exit::Passed)
}

fn statements(dialect: Dialect, store: &Store) -> Result<Exit, Failure> {
    let location = match store.location() {
        Location::Folder(_) if dialect == Dialect::Athena => {
            let what = format!(
                "cannot make statements for Athena: expected a store in S3, found the folder `{}`",
                store.location()
            );
            return Err(Failure::new(Exit::Usage, anyhow!(what))
                .hint("name the bucket with `--store s3://BUCKET/PREFIX`"));
        }
        Location::Folder(folder) => {
            std::path::absolute(folder).unwrap_or_else(|_| folder.clone()).display().to_string()
        }
        Location::Bucket { .. } => store.location().to_string(),
    };
    let runtime = runtime()?;
    let mut text = String::new();
    for &table in Table::ALL {
        if !text.is_empty() {
            text.push('\n');
        }
        // To all but Athena a table without a folder is an error.
        let has_none = dialect != Dialect::Athena
            && runtime.block_on(live_files(store, table)).map_err(cannot)?.is_empty();
        if has_none {
            let _ = writeln!(text, "-- `{}`: no file in `{}` yet", table.name(), table_key(table));
        } else {
            text.push_str(&ddl(dialect, table, &location));
        }
    }
    output::write(None, text.as_bytes())?;
    Ok(Exit::Passed)
}
