//! The arguments of `plimsoll store`, and those by which results go to buckets.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::tables::TablesAction;
use super::values::{Age, AsOf, TextOrJson, switch};

/// How objects are encrypted where they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
pub(crate) enum Sse {
    /// With keys of S3.
    #[value(name = "AES256", alias = "aes256")]
    #[serde(rename = "AES256", alias = "aes256")]
    Aes256,
    /// With a key of AWS KMS.
    #[value(name = "aws:kms")]
    #[serde(rename = "aws:kms")]
    Kms,
    /// With a key of AWS KMS, in two layers.
    #[value(name = "aws:kms:dsse")]
    #[serde(rename = "aws:kms:dsse")]
    KmsTwice,
}

/// What objects are given.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Objects in buckets")]
#[expect(clippy::struct_field_names, reason = "they are the flags' names")]
pub(crate) struct ObjectArgs {
    /// Encrypt objects in S3 so.
    #[arg(long, value_name = "KIND", env = "PLIMSOLL_S3_SSE")]
    pub(crate) s3_sse: Option<Sse>,
    /// The key of AWS KMS, its ID or ARN; means `--s3-sse aws:kms`.
    #[arg(long, value_name = "KEY", env = "PLIMSOLL_S3_SSE_KMS_KEY")]
    pub(crate) s3_sse_kms_key: Option<String>,
    /// A tag of objects in S3, as in `team=web`; ten at most.
    #[arg(long, value_name = "NAME=VALUE", env = "PLIMSOLL_S3_TAG", value_delimiter = ',')]
    pub(crate) s3_tag: Vec<String>,
    /// The storage class of objects in S3, as in `STANDARD_IA`.
    #[arg(long, value_name = "CLASS", env = "PLIMSOLL_S3_STORAGE_CLASS")]
    pub(crate) s3_storage_class: Option<String>,
}

/// Which store.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct StorePath {
    /// The store: a folder, or `s3://BUCKET/PREFIX`, `gs://…`, `az://…`; by default `plimsoll/store` in the data folder.
    #[arg(long, value_name = "STORE", env = "PLIMSOLL_STORE")]
    pub(crate) store: Option<String>,
    /// PEM file with certificates to trust besides the system's.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_CA_CERT", value_delimiter = ',')]
    pub(crate) ca_cert: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    #[command(subcommand)]
    pub(crate) action: StoreAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreAction {
    /// Store reports that were written elsewhere, ours or Trivy's.
    #[command(after_help = "\
When it was scanned is what the report says, else when its file was written.
What is stored already is not stored twice.

  plimsoll store add app_results.json reports/ --store s3://results
  plimsoll store add s3://old-results/2025/ --jobs 8")]
    Add {
        /// JSON reports, folders of them, or `s3://BUCKET/PREFIX`.
        #[arg(value_name = "REPORT", required = true)]
        reports: Vec<String>,
        /// When all of these were scanned, instead.
        #[arg(long, value_name = "INSTANT")]
        time: Option<AsOf>,
        /// Reports that are stored at once.
        #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
        jobs: u16,
        #[command(flatten)]
        store: StorePath,
        #[command(flatten)]
        objects: ObjectArgs,
    },
    /// List the reports of the store, newest first.
    List {
        /// Of this repository alone: `team/app`, `registry.example/team/*`.
        #[arg(value_name = "REPOSITORY")]
        repository: Option<String>,
        /// As JSON, for programs.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        store: StorePath,
    },
    /// Write an object of the store to stdout.
    Get {
        /// Its key, as `store list` prints it; or the name of an image, for its newest report.
        #[arg(value_name = "KEY|IMAGE")]
        key: String,
        /// Write it into this file instead.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        store: StorePath,
    },
    #[command(flatten)]
    Tables(TablesAction),
    /// Remove old reports, with their verdicts, rows and inventories that nothing names any more.
    #[command(after_help = "\
A report goes where every limit that is given lets it go: with both it is not
among the last N of its repository, and older than AGE. The newest report of
each tag stays, and so does all that was written within the last hour.

  plimsoll store prune --keep-last 30 --older-than 90d --keep-tag 'v*' --dry-run")]
    Prune {
        /// The newest reports of each repository stay, so many.
        #[arg(long, value_name = "N", required_unless_present = "older_than")]
        keep_last: Option<usize>,
        /// Reports stay until they are older: `90d`, `26w`.
        #[arg(long, value_name = "AGE")]
        older_than: Option<Age>,
        /// Look at these repositories alone: `registry.example/team/*`.
        #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
        repository: Vec<String>,
        /// Reports of these tags stay for ever: `v*`.
        #[arg(long, value_name = "PATTERN", env = "PLIMSOLL_KEEP_TAG", value_delimiter = ',')]
        keep_tag: Vec<String>,
        /// Let the newest report of a tag go as well.
        #[arg(long)]
        remove_newest: bool,
        /// Say what would go, and remove nothing.
        #[arg(long, env = "PLIMSOLL_DRY_RUN", value_parser = switch())]
        dry_run: bool,
        /// How it is written.
        #[arg(long, short, value_name = "FORMAT", default_value = "text")]
        format: TextOrJson,
        /// The same as `--format json`.
        #[arg(long, conflicts_with = "format")]
        json: bool,
        #[command(flatten)]
        store: StorePath,
    },
}
