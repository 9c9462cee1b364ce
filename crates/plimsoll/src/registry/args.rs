//! The arguments of `plimsoll registry`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::audit;
use crate::args::{Age, DatabaseArgs, Format, GateArgs, ObjectArgs, ReadingArgs, RegistryArgs as ReachArgs};
use crate::vex::VexSources;

#[derive(Debug, Args)]
pub(crate) struct RegistryCommand {
    #[command(subcommand)]
    pub(crate) action: RegistryAction,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one of it in a run")]
pub(crate) enum RegistryAction {
    /// List the images of a registry: tags, digests, platforms, sizes.
    #[command(after_help = "\
Tags that lead to one digest stand in one row. Registries that list their
repositories to nobody, as Docker Hub, want them named.

  plimsoll registry list registry.example
  plimsoll registry list registry.example/team --exclude '*:pr-*' --newest 3
  plimsoll registry list docker.io --repository team/app")]
    List(ListArgs),
    /// Scan all images of a registry; one table, worst first, and one verdict.
    #[command(after_help = "\
An image that cannot be scanned is a row that says why, and stops no other. Exit
status 1 where an image failed the gate; 3 where none failed, but one could not
be scanned. See `docs/registry-sweeps.md`.

  plimsoll registry scan registry.example --fail-on critical --jobs 8
  plimsoll registry scan registry.example --newest 1 --store s3://results")]
    Scan(SweepArgs),
    /// Name what is in production and did not pass through the pipeline.
    #[command(after_help = audit::EXAMPLES)]
    Audit(audit::AuditArgs),
}

/// Which images.
#[derive(Clone, Debug, Args)]
pub(crate) struct Selection {
    /// The registry: `registry.example:5000`; with a folder behind it, as in `registry.example/team`, of the repositories in it alone.
    #[arg(value_name = "REGISTRY")]
    pub(crate) registry: String,
    /// Look at this repository, and do not ask the registry for its list.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) repository: Vec<String>,
    /// Of the images alone whose `repository:tag` fits: `team/*`, `*:v?.*`. Without a colon the repository alone is meant.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub(crate) include: Vec<String>,
    /// Without the images whose `repository:tag` fits.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub(crate) exclude: Vec<String>,
    /// The newest images of each repository alone, so many: by when they were pushed where the registry says so, else by when
    /// they were built.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) newest: Option<u32>,
    /// Images and lists that are asked for at once.
    #[arg(long, value_name = "N", env = "PLIMSOLL_JOBS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) jobs: u16,
    /// Whether all is looked at: tags that look like those of signatures, behind which an image may lie, and, where the
    /// registry lists it, what has no tag.
    #[arg(skip)]
    pub(crate) everything: bool,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableOrJson {
    /// For people.
    Table,
    /// For programs.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// How the list is written.
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: TableOrJson,
    /// Write it into this file instead of stdout.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// How the table is written.
    #[arg(long, short, value_name = "FORMAT", default_value = "table", help_heading = "Report")]
    pub(crate) format: TableOrJson,
    /// Write it into this file instead of stdout.
    #[arg(long, short, value_name = "FILE", help_heading = "Report")]
    pub(crate) output: Option<PathBuf>,
    /// Write a report of each image into this folder as well.
    #[arg(long, value_name = "DIR", help_heading = "Report")]
    pub(crate) output_dir: Option<PathBuf>,
    /// The format of those reports.
    #[arg(long, value_name = "FORMAT", default_value = "json", value_parser = Format::parser(), help_heading = "Report", requires = "output_dir")]
    pub(crate) report_format: Format,
    /// Keep the results in this store as well: a folder, or `s3://BUCKET/PREFIX`, `gs://…`, `az://…`.
    #[arg(long, value_name = "STORE", env = "PLIMSOLL_STORE", help_heading = "Report")]
    pub(crate) store: Option<String>,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// Fail, with exit status 5, where the database was last compared with its sources longer ago: `24h`, `5d`.
    #[arg(long, value_name = "AGE", env = "PLIMSOLL_MAX_AGE")]
    pub(crate) max_age: Option<Age>,
    /// Whose severity counts, the most trusted first: see `docs/severity.md`.
    #[arg(long, value_name = "SOURCE", env = "PLIMSOLL_SEVERITY_ORDER", value_delimiter = ',')]
    pub(crate) severity_order: Vec<String>,
    #[command(flatten)]
    pub(crate) vex: VexSources,
    #[command(flatten)]
    pub(crate) gate: GateArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
}
