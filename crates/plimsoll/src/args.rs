//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use plimsoll_model::Severity;

/// Scans container images and decides which may sail.
#[derive(Debug, Parser)]
#[command(
    name = "plimsoll",
    version,
    about,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(after_help = "\
Exit status:
  0  passed, or no gate was asked     3  could not scan: image, registry, disk
  1  the gate failed                  4  undecided, and --strict was asked
  2  usage or configuration           5  advisory data missing or damaged

Flags go before PLIMSOLL_* variables, and those before plimsoll.toml in the current folder.")]
pub(crate) struct Command {
    #[command(subcommand)]
    pub(crate) action: Action,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What every subcommand takes.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Print errors and the result only, no progress and no notes.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Read settings from this file instead of `plimsoll.toml` in the current folder.
    #[arg(long, global = true, value_name = "FILE", env = "PLIMSOLL_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Find packages and flaws of an image, and decide.
    Scan(ScanArgs),
    /// Write the bill of materials of an image.
    Sbom(SbomArgs),
    /// Build, check and describe the advisory database.
    Db(DbArgs),
    /// Say why a flaw holds for a package, or does not.
    Explain(ExplainArgs),
    /// List what can be read, cataloger by cataloger.
    Catalogers,
}

/// What is read, and how it is reached.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// `registry.example/app:1.2`, `…@sha256:…`, `docker:REF`, `podman:REF`, `docker-archive:FILE`,
    /// `oci-archive:FILE`, `oci-dir:DIR`, `dir:DIR`, `sbom:FILE`, or a path that exists.
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
    /// The platform to take of an image for several, as in `linux/arm64/v8`.
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", env = "PLIMSOLL_PLATFORM")]
    pub(crate) platform: Option<String>,
    /// Where results of layers are kept.
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_CACHE_DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Read every layer anew and keep nothing.
    #[arg(long, env = "PLIMSOLL_NO_CACHE")]
    pub(crate) no_cache: bool,
    /// Registry that may be reached without TLS: `host`, `host:port`, or `*`. Loopback always may.
    #[arg(long, value_name = "REGISTRY", env = "PLIMSOLL_INSECURE_HTTP", value_delimiter = ',')]
    pub(crate) insecure_http: Vec<String>,
    /// PEM file with certificates to trust besides the system's.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_CA_CERT", value_delimiter = ',')]
    pub(crate) ca_cert: Vec<PathBuf>,
    /// Layers that are read at once; the number of processors by default.
    #[arg(long, value_name = "N", env = "PLIMSOLL_THREADS", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// The advisory database: what `plimsoll db build --output` wrote.
    #[arg(long, value_name = "PATH", env = "PLIMSOLL_DB")]
    pub(crate) db: Option<PathBuf>,
    /// How the result is written.
    #[arg(long, short, value_name = "FORMAT", env = "PLIMSOLL_FORMAT")]
    pub(crate) format: Option<Format>,
    /// Write the result into this file instead of stdout.
    #[arg(long, short, value_name = "FILE", env = "PLIMSOLL_OUTPUT")]
    pub(crate) output: Option<PathBuf>,
    /// Fail, with exit status 1, on findings of this severity or worse.
    #[arg(long, value_name = "LEVEL", env = "PLIMSOLL_FAIL_ON")]
    pub(crate) fail_on: Option<Level>,
    /// Drop findings without a fix from report and gate; their number stays in the totals.
    #[arg(long, env = "PLIMSOLL_IGNORE_UNFIXED")]
    pub(crate) ignore_unfixed: bool,
    /// Exit with status 4 where something could not be read or compared and nothing failed.
    #[arg(long, env = "PLIMSOLL_STRICT")]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SbomArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// How the bill is written.
    #[arg(long, short, value_name = "FORMAT", default_value = "cyclonedx")]
    pub(crate) format: SbomFormat,
    /// Write the bill into this file instead of stdout.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The flaw: `CVE-2021-44228`, or any other name or advisory.
    #[arg(value_name = "CVE")]
    pub(crate) id: String,
    /// The package: `pkg:deb/debian/openssl@1.1.1n-0+deb11u3`.
    #[arg(value_name = "PURL")]
    pub(crate) purl: String,
    /// The distribution release of an OS package, where the package URL does not say it: `debian:11`.
    #[arg(long, value_name = "ID:VERSION")]
    pub(crate) distro: Option<String>,
    /// The advisory database.
    #[arg(long, value_name = "PATH", env = "PLIMSOLL_DB")]
    pub(crate) db: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    pub(crate) action: DbAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbAction {
    /// Build a database from OSV records, and what lies beside them.
    Build {
        /// A folder, a zip file or a JSON file of OSV records; a folder may hold `kev.json` and `cve-severity.csv`.
        #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
        from: Vec<PathBuf>,
        /// Where the database goes: a file, or a folder.
        #[arg(long, short, value_name = "PATH")]
        output: PathBuf,
    },
    /// Say what a database holds.
    Info {
        /// The database.
        #[arg(long, value_name = "PATH", env = "PLIMSOLL_DB")]
        db: Option<PathBuf>,
    },
    /// Check every byte of a database.
    Verify {
        /// The database.
        #[arg(long, value_name = "PATH", env = "PLIMSOLL_DB")]
        db: Option<PathBuf>,
    },
}

/// How the result of a scan is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs: a superset of Trivy's report, schema 2.
    Json,
    /// CycloneDX 1.6 JSON: the bill of materials.
    Cyclonedx,
}

/// How a bill of materials is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SbomFormat {
    /// CycloneDX 1.6, JSON.
    Cyclonedx,
}

/// The severities that a gate can be set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lowercase")]
pub(crate) enum Level {
    Critical,
    High,
    Medium,
    Low,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Critical => Self::Critical,
            Level::High => Self::High,
            Level::Medium => Self::Medium,
            Level::Low => Self::Low,
        }
    }
}
