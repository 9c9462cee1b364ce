//! `plimsoll sql`: from the command line to a result.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use datafusion::prelude::SessionContext;
use plimsoll_store::Location;

use crate::args::{Common, SqlArgs, TableArgs};
use crate::cluster::Cluster;
use crate::environment::Environment;
use crate::error::{Exit, Failure};
use crate::limits::{Limits, MIN_MEMORY_BYTES};
use crate::output::{Format, Place};
use crate::run::{Answer, Runner};
use crate::session::{Source, register, state};
use crate::settings;
use crate::shell;
use crate::statements::MAX_SQL_BYTES;

/// Runs it.
///
/// # Errors
/// What ends the program with another status than 0.
pub async fn run(args: &SqlArgs, common: &Common, environment: &Environment) -> Result<Exit, Failure> {
    let limits = limits(args)?;
    let place = args.result.output.clone().unwrap_or(Place::Stdout);
    let to_terminal = matches!(place, Place::Stdout) && environment.stdout_is_terminal;
    if args.result.format == Format::Parquet && to_terminal {
        let what = anyhow!("cannot write Parquet to a terminal: expected `--output FILE`");
        return Err(Failure::new(Exit::Usage, what));
    }
    let source = source(&args.tables, common, environment)?;
    let is_shell = args.sql.is_none() && args.file.is_none() && environment.is_interactive;
    let text = match (&args.sql, &args.file) {
        (Some(sql), _) => sql.clone(),
        (None, Some(file)) => read_file(file)?,
        (None, None) if is_shell => String::new(),
        (None, None) => read(&mut io::stdin().lock(), "stdin")?,
    };
    let (context, cluster) = context(&args.tables, &limits).await?;
    let warnings = register(&context, &source).await?;
    let runner = Runner {
        context,
        limits,
        allow_files: args.tables.allow_files,
        format: args.result.format,
        width: environment.width.filter(|_| matches!(place, Place::Stdout)),
    };
    let result = if is_shell {
        shell::run(runner, environment, &warnings).await
    } else {
        runner.run(&text, &place).await
    };
    warnings.tell(common.quiet);
    if let Some(cluster) = cluster {
        cluster.settle().await;
    }
    Ok(match result? {
        Answer::Cut => {
            if !common.quiet {
                eprintln!("note: there are more rows than `--max-rows`; the others were left out");
            }
            Exit::Cut
        }
        Answer::Whole | Answer::Unwanted => Exit::Answered,
    })
}

fn limits(args: &SqlArgs) -> Result<Limits, Failure> {
    let memory_bytes = args.limits.memory_limit.0;
    if memory_bytes < MIN_MEMORY_BYTES {
        let least = MIN_MEMORY_BYTES >> 20;
        let what =
            anyhow!("cannot use `--memory-limit`: expected {least} MiB or more, found {memory_bytes} B");
        return Err(Failure::new(Exit::Usage, what));
    }
    Ok(Limits {
        memory_bytes,
        spill_bytes: args.limits.spill_limit.0,
        spill_folder: args.limits.spill_dir.clone(),
        threads: args.limits.threads.map(usize::from),
        timeout: args.limits.timeout.map(|span| span.0),
        max_rows: args.result.max_rows,
    })
}

/// A session without tables, here or on a cluster.
async fn context(tables: &TableArgs, limits: &Limits) -> Result<(SessionContext, Option<Cluster>), Failure> {
    let state = state(limits)?;
    let Some(address) = &tables.cluster else {
        let context = SessionContext::new_with_state(state);
        return Ok((if tables.allow_files { context.enable_url_table() } else { context }, None));
    };
    if !tables.from.is_empty() || tables.db.is_some() || tables.allow_files {
        let what =
            anyhow!("cannot use `--cluster` with `--from`, `--db` or `--allow-files`: executors read stores");
        let hint = "`plimsoll store add` brings reports into a store, `plimsoll store advisories` a database";
        return Err(Failure::new(Exit::Usage, what).hint(hint));
    }
    let cluster = Cluster::connect(address.clone()).await?;
    let context = cluster.session(state).map_err(|error| Failure::new(Exit::Failed, error))?;
    Ok((context, Some(cluster)))
}

/// Where tables come from: reports, or the store that a flag, a variable or the settings name.
fn source(tables: &TableArgs, common: &Common, environment: &Environment) -> Result<Source, Failure> {
    let location = |text: &str| Location::parse(text).map_err(|error| Failure::new(Exit::Usage, error));
    if !tables.from.is_empty() {
        let locations: Result<Vec<Location>, Failure> =
            tables.from.iter().map(|text| location(text)).collect();
        return Ok(Source::Reports {
            locations: locations?,
            is_strict: tables.strict,
            database: tables.db.clone(),
        });
    }
    let store = match &tables.store {
        Some(store) => Some(store.clone()),
        None => settings::store(common.config.as_deref())?,
    };
    let location = match &store {
        Some(store) => location(store)?,
        None => Location::Folder(environment.store.clone()),
    };
    if let Location::Folder(folder) = &location
        && !folder.is_dir()
    {
        let what = anyhow!("cannot open store `{}`: expected a folder, found nothing", folder.display());
        return Err(Failure::new(Exit::Failed, what)
            .hint("`plimsoll scan --store FOLDER IMAGE` makes one; `--from PATH` asks JSON reports"));
    }
    Ok(Source::Store { location, database: tables.db.clone() })
}

fn read_file(file: &Path) -> Result<String, Failure> {
    if file == Path::new("-") {
        return read(&mut io::stdin().lock(), "stdin");
    }
    let name = file.display().to_string();
    let mut opened = File::open(file)
        .with_context(|| format!("cannot read `{name}`"))
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    read(&mut opened, &name)
}

fn read(input: &mut dyn io::Read, name: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let limit = MAX_SQL_BYTES as u64 + 1;
    let read = input.take(limit).read_to_string(&mut text);
    read.with_context(|| format!("cannot read SQL from `{name}`"))
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    Ok(text)
}
