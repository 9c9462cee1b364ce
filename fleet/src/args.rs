//! The command line.

mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use values::{Bytes, Span};

use crate::cluster::{ExecutorArgs, SchedulerAddress, SchedulerArgs};
use crate::output::{Format, Place};

/// Columns of the help: a terminal's, or a page's.
const HELP_WIDTH: usize = 80;

/// SQL over a store of results.
#[derive(Debug, Parser)]
#[command(
    name = "plimsoll",
    version,
    term_width = HELP_WIDTH,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Command {
    /// What is to be done.
    #[command(subcommand)]
    pub action: Action,
    /// What every subcommand takes.
    #[command(flatten)]
    pub common: Common,
}

/// What every subcommand takes.
#[derive(Debug, Args)]
pub struct Common {
    /// Print errors and the result only, no notes.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Read settings from this file instead of `plimsoll.toml` in the current folder.
    #[arg(long, global = true, value_name = "FILE", env = "PLIMSOLL_CONFIG")]
    pub config: Option<PathBuf>,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one of it in a run")]
pub enum Action {
    /// Ask a store, or JSON reports, in SQL.
    #[command(after_help = "\
Tables: images, layers, packages, findings, scans, advisories, waivers; views:
latest_scans, latest_findings. `SHOW COLUMNS FROM findings` lists columns.

  plimsoll sql \"SELECT severity, count(*) FROM latest_findings GROUP BY severity\"
  plimsoll sql --from reports/ \"SELECT * FROM findings WHERE is_exploited\"
  plimsoll sql --store s3://results --format csv --file question.sql

Exit status:
  0  answered                        4  `--max-rows` cut the answer
  2  usage, or SQL that is wrong     6  the result could not be uploaded
  3  store, disk, network, cluster   7  a limit on memory, disk or time")]
    Sql(SqlArgs),
    /// Plan queries for a cluster and hand their tasks to executors.
    Scheduler(SchedulerArgs),
    /// Run tasks of a cluster's queries.
    Executor(ExecutorArgs),
}

/// A query: of what, how much, and where to.
#[derive(Debug, Args)]
pub struct SqlArgs {
    /// Statements, separated by `;`. Without any: a shell on a terminal, else stdin.
    #[arg(value_name = "SQL", conflicts_with = "file")]
    pub sql: Option<String>,
    /// Read statements from this file; `-` is stdin.
    #[arg(long, short, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Where tables come from.
    #[command(flatten)]
    pub tables: TableArgs,
    /// How the result is written, and where.
    #[command(flatten)]
    pub result: ResultArgs,
    /// What it may take.
    #[command(flatten)]
    pub limits: LimitArgs,
}

/// Where tables come from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Tables")]
pub struct TableArgs {
    /// The store: a folder, `s3://BUCKET/PREFIX`, `gs://…`, `az://…`.
    #[arg(long, value_name = "URL", env = "PLIMSOLL_STORE")]
    pub store: Option<String>,
    /// Ask JSON reports, ours or Trivy's, instead of a store: a file, a folder, or a prefix of a bucket. May be repeated.
    #[arg(long, value_name = "PATH|URL")]
    pub from: Vec<String>,
    /// Take the table `advisories` from this advisory database.
    #[arg(long, value_name = "PATH")]
    pub db: Option<PathBuf>,
    /// Fail, with exit status 3, where a file of `--from` is no report; else it is named and left out.
    #[arg(long)]
    pub strict: bool,
    /// Let SQL read any Parquet, CSV or JSON file of this machine: `SELECT * FROM 'a.parquet'`, `CREATE EXTERNAL TABLE`.
    #[arg(long)]
    pub allow_files: bool,
    /// Run queries on a cluster, whose scheduler is here: `df://HOST:PORT`.
    #[arg(long, value_name = "URL", env = "PLIMSOLL_CLUSTER")]
    pub cluster: Option<SchedulerAddress>,
}

/// How the result is written, and where.
#[derive(Debug, Args)]
#[command(next_help_heading = "Result")]
pub struct ResultArgs {
    /// How it is written.
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "table")]
    pub format: Format,
    /// Write it into this file or object instead of stdout: `FILE`, `s3://BUCKET/KEY`.
    #[arg(long, short, value_name = "FILE|URL")]
    pub output: Option<Place>,
    /// The most rows that are written; of more the others are left out, with exit status 4.
    #[arg(long, value_name = "N")]
    pub max_rows: Option<u64>,
}

/// What a query may take.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Memory for sorting, joining and grouping; what does not fit goes to disk, or is refused.
    #[arg(long, value_name = "SIZE", default_value = "1GiB", env = "PLIMSOLL_SQL_MEMORY")]
    pub memory_limit: Bytes,
    /// Disk that may be filled with what does not fit into memory; 0 fills none.
    #[arg(long, value_name = "SIZE", default_value = "16GiB", env = "PLIMSOLL_SQL_SPILL")]
    pub spill_limit: Bytes,
    /// Where; the system's temporary folder by default.
    #[arg(long, value_name = "DIR")]
    pub spill_dir: Option<PathBuf>,
    /// How long a statement may run: `30s`, `5m`, `1h`.
    #[arg(long, value_name = "TIME", env = "PLIMSOLL_SQL_TIMEOUT")]
    pub timeout: Option<Span>,
    /// Threads; as many as there are processors by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Command::command().debug_assert();
    }

    #[test]
    fn a_query_and_a_file_of_queries_exclude_each_other() {
        let parse = |words: &[&str]| Command::try_parse_from([&["plimsoll", "sql"], words].concat());
        assert!(parse(&["SELECT 1"]).is_ok());
        assert!(parse(&["--file", "a.sql"]).is_ok());
        assert!(parse(&["SELECT 1", "--file", "a.sql"]).is_err());
        assert!(parse(&["SELECT 1", "--from", "a", "--from", "b", "--format", "json"]).is_ok());
        assert!(parse(&["SELECT 1", "--format", "xml"]).is_err());
        assert!(parse(&["SELECT 1", "--memory-limit", "much"]).is_err());
        assert!(parse(&["SELECT 1", "--output", "s3://bucket/"]).is_err());
    }
}
