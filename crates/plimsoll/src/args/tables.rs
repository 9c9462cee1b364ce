//! The arguments of what `plimsoll store` does with tables.

use clap::{Subcommand, ValueEnum};
use plimsoll_tables::Dialect;

use super::db::DbPath;
use super::store::{ObjectArgs, StorePath};

/// Whose SQL `store tables --ddl` speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DdlDialect(pub(crate) Dialect);

impl ValueEnum for DdlDialect {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [DdlDialect; 4] = [
            DdlDialect(Dialect::Athena),
            DdlDialect(Dialect::DuckDb),
            DdlDialect(Dialect::Spark),
            DdlDialect(Dialect::Trino),
        ];
        &ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.name()))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum TablesAction {
    /// Merge the small files of the store's tables into sorted ones.
    #[command(after_help = "\
May run at any time, also twice at once: nothing is lost and nothing is counted
twice by `plimsoll sql`. Other readers may see rows twice while it runs.

  plimsoll store compact --store s3://results
  plimsoll store compact --before 2026-11-01")]
    Compact {
        /// Only days before this one: `2026-11-01`.
        #[arg(long, value_name = "DAY")]
        before: Option<jiff::civil::Date>,
        #[command(flatten)]
        store: StorePath,
        #[command(flatten)]
        objects: ObjectArgs,
    },
    /// List the store's tables, or print the statements that make them known to other programs.
    #[command(after_help = "\
  plimsoll store tables
  plimsoll store tables --ddl athena --store s3://results
  plimsoll store tables --ddl duckdb | duckdb results.db")]
    Tables {
        /// Print `CREATE` statements in this dialect.
        #[arg(long, value_name = "DIALECT")]
        ddl: Option<DdlDialect>,
        #[command(flatten)]
        store: StorePath,
    },
    /// Write what the advisory database says into the table `advisories`, in place of what was there.
    #[command(after_help = "\
Without --namespace: of those that the store's packages are looked up in.

  plimsoll store advisories --store s3://results
  plimsoll store advisories --namespace Debian:12 --namespace npm")]
    Advisories {
        /// Of these alone, as the column `namespace` has them: `Debian:12`, `npm`.
        #[arg(long, value_name = "NAMESPACE", conflicts_with = "all")]
        namespace: Vec<String>,
        /// Of all that the database has: some millions of rows.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        db: DbPath,
        #[command(flatten)]
        store: StorePath,
        #[command(flatten)]
        objects: ObjectArgs,
    },
    /// Make the tables anew from the reports of the store, all but `advisories`.
    Reindex {
        #[command(flatten)]
        store: StorePath,
        #[command(flatten)]
        objects: ObjectArgs,
    },
}
