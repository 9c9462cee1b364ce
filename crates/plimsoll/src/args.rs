//! The command line.

mod commit;
mod db;
mod facade;
mod pipeline;
mod select;
mod stages;
mod store;
mod tables;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use commit::{BuilderWord, HookArgs, InitArgs};
pub(crate) use db::{DatabaseArgs, DbAction, DbArgs, DbPath, RegistryArgs, SigningKey, Trust, UpdateArgs};
pub(crate) use facade::AsArgs;
pub(crate) use pipeline::{CheckArgs, CheckFormat, PipelineAction, PipelineArgs, RunArgs};
pub(crate) use select::{
    ByteRange, CompressionWord, HeaderWord, InputArgs, InputWord, OutputArgs, OutputWord, QuoteWord,
    SelectArgs, SummaryArgs, SummaryFormat,
};
pub(crate) use stages::{RetryWord, StageArgs};
pub(crate) use store::{ObjectArgs, Sse, StoreAction, StoreArgs, StorePath};
pub(crate) use tables::TablesAction;
pub(crate) use values::switch;
pub(crate) use values::{Age, AsOf, DiffFormat, Format, Level, SbomFormat, TextOrJson};

use crate::attest::AttestArgs;
use crate::handover::{HandedOver, Program};
use crate::promote::PromoteArgs;
use crate::registry::RegistryCommand;
use crate::verify::VerifyArgs;
use crate::vex::{VexArgs, VexSources};

/// Columns of the help: a terminal's, or a page's.
const HELP_WIDTH: usize = 80;

/// Scans container images and decides which may sail.
#[derive(Debug, Parser)]
#[command(
    name = "plimsoll",
    version,
    term_width = HELP_WIDTH,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(after_help = "\
Exit status:
  0  passed, or no gate was asked     4  undecided, which does not pass
  1  the gate failed                  5  advisories missing, damaged or too old
  2  usage or configuration           6  passed, but not stored or uploaded
  3  could not scan: image, registry, disk

Flags go before PLIMSOLL_* variables, and those before plimsoll.toml in the
current folder.")]
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
#[expect(clippy::large_enum_variant, reason = "there is one of it in a run")]
pub(crate) enum Action {
    /// Find packages and flaws of an image, and decide.
    Scan(ScanArgs),
    /// Write the bill of materials of an image.
    Sbom(SbomArgs),
    /// Write a stored JSON report, ours or Trivy's, in other formats; nothing is judged anew.
    #[command(after_help = "\
  plimsoll scan IMAGE --format json --output app.json
  plimsoll convert app.json --output sarif=app.sarif --output csv=app.csv")]
    Convert(ConvertArgs),
    /// Put two scans side by side: packages and findings gone, new, unchanged.
    Diff(DiffArgs),
    /// Fetch, build, check, ask and carry the advisory database.
    Db(DbArgs),
    /// Say why a flaw holds for a package, or does not.
    Explain(ExplainArgs),
    /// Check a policy, try it on stored reports, say which rule decided.
    Policy(PolicyArgs),
    /// Write and check VEX documents.
    Vex(VexArgs),
    /// Run pipelines, buildspecs and what commits ask for, and check them before.
    Pipeline(PipelineArgs),
    /// Say whether an image passed, by the signed attestations beside it.
    #[command(after_help = crate::verify::EXAMPLES)]
    Verify(VerifyArgs),
    /// List, scan and audit all that a registry holds.
    Registry(RegistryCommand),
    /// Copy an image that passed, by its digest, from one registry to another.
    #[command(after_help = crate::promote::EXAMPLES)]
    Promote(PromoteArgs),
    /// Keep results: add reports to a store, list, read and remove them.
    Store(StoreArgs),
    /// Ask one object, JSON, CSV or Parquet, in the SQL of Amazon S3 Select.
    #[command(after_help = "\
  plimsoll select report.json \\
    \"SELECT v.VulnerabilityID FROM S3Object[*].Results[*].Vulnerabilities[*] v
     WHERE v.Severity = 'CRITICAL'\"
  plimsoll select s3://bucket/rows.csv.gz \"SELECT COUNT(*) FROM S3Object\"")]
    Select(SelectArgs),
    /// Count the findings of stored reports by severity.
    #[command(after_help = "\
  plimsoll summary s3://bucket/app_results.json
  eval \"$(plimsoll summary report.json --format shell)\"
  echo \"$PLIMSOLL_CRITICAL critical\"")]
    Summary(SummaryArgs),
    /// Ask stored results in SQL.
    #[command(disable_help_flag = true, disable_version_flag = true)]
    Sql(HandedOver),
    /// Hand out queries of a cluster to its executors.
    #[command(disable_help_flag = true, disable_version_flag = true)]
    Scheduler(HandedOver),
    /// Run parts of queries for a scheduler.
    #[command(disable_help_flag = true, disable_version_flag = true)]
    Executor(HandedOver),
    /// Serve what is in a store.
    #[command(disable_help_flag = true, disable_version_flag = true)]
    Serve(HandedOver),
    /// List what can be read, cataloger by cataloger.
    Catalogers,
    /// Take the command line of `trivy`, `lacework` or `lw-scanner`.
    #[command(disable_help_flag = true, disable_version_flag = true)]
    As(AsArgs),
}

impl Action {
    /// The program that does it, where that is another.
    pub(crate) fn program(&self) -> Option<Program> {
        match self {
            Self::Sql(_) | Self::Scheduler(_) | Self::Executor(_) => Some(Program::Fleet),
            Self::Serve(_) => Some(Program::Daemon),
            _ => None,
        }
    }
}

/// What is read, and how it is reached.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// `registry.example/app:1.2`, `…@sha256:…`, `docker:REF`, `podman:REF`, `docker-archive:FILE`,
    /// `oci-archive:FILE`, `oci-dir:DIR`, `dir:DIR`, `sbom:FILE`, or a path that exists.
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
}

/// How it is reached and read.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReadingArgs {
    /// The platform to take of an image for several, as in `linux/arm64/v8`.
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", env = "PLIMSOLL_PLATFORM")]
    pub(crate) platform: Option<String>,
    /// Where results of layers are kept.
    #[arg(long, value_name = "DIR", env = "PLIMSOLL_CACHE_DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Read every layer anew and keep nothing.
    #[arg(long, env = "PLIMSOLL_NO_CACHE", value_parser = switch())]
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
    /// What other tools' command lines say besides.
    #[arg(skip)]
    pub(crate) other: crate::facade::OtherReach,
}

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// Fail, with exit status 5, where the database was last compared with its sources longer ago: `24h`, `5d`.
    #[arg(long, value_name = "AGE", env = "PLIMSOLL_MAX_AGE")]
    pub(crate) max_age: Option<Age>,
    /// Whose severity counts, the most trusted first: see `docs/severity.md`.
    #[arg(long, value_name = "SOURCE", env = "PLIMSOLL_SEVERITY_ORDER", value_delimiter = ',')]
    pub(crate) severity_order: Vec<String>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    /// Keep the result in this store as well: a folder, or `s3://BUCKET/PREFIX`, `gs://…`, `az://…`.
    #[arg(long, value_name = "STORE", env = "PLIMSOLL_STORE", help_heading = "Report")]
    pub(crate) store: Option<String>,
    #[command(flatten)]
    pub(crate) vex: VexSources,
    #[command(flatten)]
    pub(crate) gate: GateArgs,
    #[command(flatten)]
    pub(crate) baseline: BaselineArgs,
    #[command(flatten)]
    pub(crate) attest: AttestArgs,
    /// What the image is called in reports, instead of the target's own name: `app:1.2` for a file that was built.
    #[arg(long, value_name = "NAME", help_heading = "Report")]
    pub(crate) artifact_name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// A JSON report of `plimsoll scan`, or of Trivy; `-` reads stdin.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// What is written, and where.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct ReportArgs {
    /// How the result is written, where `--output` names no format.
    #[arg(long, short, value_name = "FORMAT", env = "PLIMSOLL_FORMAT", value_parser = Format::parser())]
    pub(crate) format: Option<Format>,
    /// Write the result into this file instead of stdout. With a format, as in `--output sarif=app.sarif`, once for each of
    /// several: then stdout gets what `--format` asks for, or nothing. `table=-` is the table on stdout. May be
    /// `s3://BUCKET/KEY`, `gs://…` or `az://…`, with placeholders: see `docs/results-store.md`.
    #[arg(long, short, value_name = "[FORMAT=]FILE", env = "PLIMSOLL_OUTPUT")]
    pub(crate) output: Vec<String>,
    /// The template of the format `template`, in the language of Jinja: see `docs/templates.md`.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_TEMPLATE")]
    pub(crate) template: Option<PathBuf>,
    /// Upload only where there is no object of this key yet.
    #[arg(long, env = "PLIMSOLL_IF_ABSENT", value_parser = switch())]
    pub(crate) if_absent: bool,
    #[command(flatten)]
    pub(crate) context: ContextArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
}

/// What single formats must know.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Reports for AWS Security Hub and GitHub")]
pub(crate) struct ContextArgs {
    /// The account that findings are imported into, 12 digits; in AWS `CodeBuild` the build's.
    #[arg(long, value_name = "ID", env = "PLIMSOLL_AWS_ACCOUNT")]
    pub(crate) aws_account: Option<String>,
    /// Its region; `AWS_REGION` or `AWS_DEFAULT_REGION` by default.
    #[arg(long, value_name = "REGION", env = "PLIMSOLL_AWS_REGION")]
    pub(crate) aws_region: Option<String>,
    /// The product that finds; the account's own default product where none is named.
    #[arg(long, value_name = "ARN", env = "PLIMSOLL_AWS_PRODUCT_ARN")]
    pub(crate) aws_product_arn: Option<String>,
    /// The commit that the image was built from, 40 hex digits; `GITHUB_SHA` by default.
    #[arg(long, value_name = "SHA")]
    pub(crate) github_sha: Option<String>,
    /// Its branch or tag, as `refs/heads/main`; `GITHUB_REF` by default.
    #[arg(long, value_name = "REF")]
    pub(crate) github_ref: Option<String>,
    /// The run of the job; `GITHUB_RUN_ID` by default.
    #[arg(long, value_name = "ID")]
    pub(crate) github_run: Option<String>,
    /// The job's name: a later snapshot replaces the earlier one of its name. `GITHUB_JOB` by default.
    #[arg(long, value_name = "NAME")]
    pub(crate) github_job: Option<String>,
    /// The run's page; made of GitHub's variables by default.
    #[arg(long, value_name = "URL")]
    pub(crate) github_run_url: Option<String>,
}

/// What decides.
#[derive(Debug, Args)]
#[command(next_help_heading = "Gate")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line, given or not")]
pub(crate) struct GateArgs {
    /// Fail, with exit status 1, on findings of this severity or worse.
    #[arg(long, value_name = "LEVEL", env = "PLIMSOLL_FAIL_ON")]
    pub(crate) fail_on: Option<Level>,
    /// Fail on what is known to be exploited, with a fix or without.
    #[arg(long, env = "PLIMSOLL_FAIL_ON_KEV", value_parser = switch())]
    pub(crate) fail_on_kev: bool,
    /// Fail on what the baseline does not have: what you added, and what the world learnt since.
    #[arg(long, env = "PLIMSOLL_FAIL_ON_NEW", value_parser = switch())]
    pub(crate) fail_on_new: bool,
    /// Drop findings without a fix, unless another flag or rule fails them first; they stay listed as suppressed.
    #[arg(long, env = "PLIMSOLL_IGNORE_UNFIXED", value_parser = switch())]
    pub(crate) ignore_unfixed: bool,
    /// Exit with status 4 where something could not be read or compared and nothing failed.
    #[arg(long, env = "PLIMSOLL_STRICT", value_parser = switch())]
    pub(crate) strict: bool,
    /// The policy: a file, or `strict`, `production` or `pragmatic`. Replaces `[policy]` of plimsoll.toml.
    #[arg(long, value_name = "FILE|PRESET", env = "PLIMSOLL_POLICY")]
    pub(crate) policy: Option<String>,
    /// Waivers, or another scanner's ignore file; besides those of plimsoll.toml, and of `.trivyignore`, `.grype.yaml`
    /// and `osv-scanner.toml` in the current folder.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_WAIVERS", value_delimiter = ',')]
    pub(crate) waivers: Vec<PathBuf>,
    /// Do not look for other scanners' ignore files.
    #[arg(long, env = "PLIMSOLL_NO_IGNORE_FILES", value_parser = switch())]
    pub(crate) no_ignore_files: bool,
    /// Ignore files of Trivy's under any name.
    #[arg(skip)]
    pub(crate) trivyignore: Vec<PathBuf>,
    /// Decide as of this day or instant: waivers end, windows and ages count from then. `2026-03-31` is its first instant, UTC.
    #[arg(long, value_name = "DAY", env = "PLIMSOLL_AS_OF")]
    pub(crate) as_of: Option<AsOf>,
}

/// What a scan is compared with.
#[derive(Debug, Args)]
#[command(next_help_heading = "Comparison")]
pub(crate) struct BaselineArgs {
    /// Tell what is new since an earlier scan: a report (`--format json`), an image to be scanned now, or `last`, the last
    /// scan of this image that passed (`last:NAME` for one that goes by another name each time).
    #[arg(long, value_name = "FILE|IMAGE|last", env = "PLIMSOLL_BASELINE")]
    pub(crate) baseline: Option<String>,
    /// The image that this one was built from, or a report of it: tells what is inherited. `auto` asks for the image that
    /// this one names as its base.
    #[arg(long, value_name = "IMAGE|FILE|auto", env = "PLIMSOLL_BASE")]
    pub(crate) base: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Each side is a report that `plimsoll scan --format json` or Trivy wrote, or
anything that can be scanned, which is scanned now.

  plimsoll diff before.json after.json
  plimsoll diff registry.example/app:1.1 registry.example/app:1.2")]
pub(crate) struct DiffArgs {
    /// The older side.
    #[arg(value_name = "A")]
    pub(crate) old: String,
    /// The newer side.
    #[arg(value_name = "B")]
    pub(crate) new: String,
    /// How the difference is written.
    #[arg(long, short, value_name = "FORMAT", default_value = "table", value_parser = DiffFormat::parser())]
    pub(crate) format: DiffFormat,
    /// Write the difference into this file instead of stdout; or to `s3://BUCKET/KEY`, as reports of a scan.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The most entries of each list, for people; the others are counted. As JSON all are written.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
    /// Exit with status 1 where B has findings that A has not.
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Whose severity counts, the most trusted first: see `docs/severity.md`.
    #[arg(long, value_name = "SOURCE", env = "PLIMSOLL_SEVERITY_ORDER", value_delimiter = ',')]
    pub(crate) severity_order: Vec<String>,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SbomArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// How the bill is written.
    #[arg(long, short, value_name = "FORMAT", default_value = "cyclonedx")]
    pub(crate) format: SbomFormat,
    /// Write the bill into this file instead of stdout; or to `s3://BUCKET/KEY`, as reports of a scan.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) objects: ObjectArgs,
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
    /// PEM file with certificates to trust besides the system's.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_CA_CERT", value_delimiter = ',')]
    pub(crate) ca_cert: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    pub(crate) action: PolicyAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyAction {
    /// Read policy and waivers as a scan would, and list what they ask.
    Check(GateArgs),
    /// Judge stored reports anew; exit with status 1 where one fails.
    #[command(after_help = "\
A report is the JSON of `plimsoll scan --format json`. What VEX statements had
settled in it stays settled; waivers and rules are those given now.

  plimsoll policy test --policy production reports/*.json
  plimsoll policy test --as-of 2026-03-31 report.json")]
    Test {
        #[command(flatten)]
        gate: GateArgs,
        /// Stored reports.
        #[arg(value_name = "REPORT", required = true)]
        reports: Vec<PathBuf>,
        /// How it is written.
        #[arg(long, short, value_name = "FORMAT", default_value = "text")]
        format: TextOrJson,
    },
    /// Say of each finding of a stored report which rule, waiver or VEX statement decides it.
    Explain {
        #[command(flatten)]
        gate: GateArgs,
        /// A stored report.
        #[arg(value_name = "REPORT")]
        report: PathBuf,
        /// Of these findings alone: IDs, aliases or names of packages.
        #[arg(value_name = "CVE|PACKAGE")]
        only: Vec<String>,
        /// How it is written.
        #[arg(long, short, value_name = "FORMAT", default_value = "text")]
        format: TextOrJson,
    },
    /// Print a preset, to be read or copied.
    Show {
        /// Its name.
        #[arg(value_name = "PRESET")]
        name: String,
    },
    /// List the fields that a condition may name.
    Fields,
}
