//! The command line.

use std::path::PathBuf;

use clap::builder::{BoolishValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use plimsoll_model::Severity;
use plimsoll_report::{DIFF_FORMATS, FORMATS, ReportFormat, format_named};

use crate::vex::{VexArgs, VexSources};

/// Columns of the help: a terminal's, or a page's.
const HELP_WIDTH: usize = 80;

/// What is said of taking over a database.
const HELP_OF_TRUST: &str = "\
Say whom to believe: --public-key FILE, or --unsigned. What cannot be taken over
leaves the database as it is.";

/// Reads a switch's variable: `1`, `true`, `yes`, `on`, and their contraries.
fn switch() -> BoolishValueParser {
    BoolishValueParser::new()
}

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
  0  passed, or no gate was asked     3  could not scan: image, registry, disk
  1  the gate failed                  4  undecided, which does not pass
  2  usage or configuration           5  advisories missing, damaged or too old

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
    #[command(flatten)]
    pub(crate) vex: VexSources,
    #[command(flatten)]
    pub(crate) gate: GateArgs,
    #[command(flatten)]
    pub(crate) baseline: BaselineArgs,
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
    /// several: then stdout gets what `--format` asks for, or nothing. `table=-` is the table on stdout.
    #[arg(long, short, value_name = "[FORMAT=]FILE", env = "PLIMSOLL_OUTPUT")]
    pub(crate) output: Vec<String>,
    /// The template of the format `template`, in the language of Jinja: see `docs/templates.md`.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_TEMPLATE")]
    pub(crate) template: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) context: ContextArgs,
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
    /// Decide as of this day or instant: waivers end, windows and ages count from then. `2026-03-31` is its first instant, UTC.
    #[arg(long, value_name = "DAY", env = "PLIMSOLL_AS_OF")]
    pub(crate) as_of: Option<AsOf>,
}

/// An instant: `2026-03-31`, or `2026-03-31T12:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AsOf(pub(crate) jiff::Timestamp);

impl std::str::FromStr for AsOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = || {
            let day: jiff::civil::Date = text.parse().ok()?;
            Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        };
        // A date's parser takes the date of a longer text; with a time, that counts.
        let instant = if text.len() > 10 { text.parse().ok() } else { day() };
        let expected = "expected a day as `2026-03-31` or an instant as `2026-03-31T12:00:00Z`";
        instant.map(Self).ok_or_else(|| format!("{expected}, found `{text}`"))
    }
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
    /// Write the difference into this file instead of stdout.
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

#[derive(Debug, Args)]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    pub(crate) action: DbAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbAction {
    /// Fetch what has changed at the sources since last time.
    #[command(after_help = "\
What the database has is brought up to date. It begins empty: an ecosystem comes
with the first scan that needs it, or is named.

  plimsoll db update --ecosystem Debian,PyPI
  plimsoll db update
  plimsoll db update --mirror osv=https://mirror.example/osv/")]
    Update(UpdateArgs),
    /// Build a database from files: OSV records, and the documents of every other source.
    Build {
        /// A folder, or a file: zip, tar, JSON, XML or CSV, compressed or not. `plimsoll db sources` lists what is read.
        #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
        from: Vec<PathBuf>,
        /// Where the database goes: one file, or a folder of partitions where it is a folder or ends in `/`.
        #[arg(long, short, value_name = "PATH")]
        output: PathBuf,
    },
    /// Say what a database holds: dates, sources, counts, sizes, what is missing.
    Info {
        /// How the answer is written.
        #[arg(long, short, value_name = "FORMAT", default_value = "text")]
        format: TextOrJson,
        #[command(flatten)]
        db: DbPath,
    },
    /// List the sources of advisories that are read, with homes and licences.
    Sources,
    /// Check every byte of a database.
    Verify {
        #[command(flatten)]
        db: DbPath,
    },
    /// Find advisories by CVE or other ID, by package URL, or by a package's name.
    Search {
        /// `CVE-2021-44228`, `pkg:pypi/flask`, `openssl`.
        #[arg(value_name = "TEXT")]
        text: String,
        /// The most that is listed.
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// How it is written.
        #[arg(long, short, value_name = "FORMAT", default_value = "text")]
        format: TextOrJson,
        #[command(flatten)]
        db: DbPath,
    },
    /// Say what changed from one generation to another.
    Diff {
        /// The older: `sha256:…` of a generation that is kept, or another database folder.
        #[arg(value_name = "OLD")]
        old: String,
        /// The newer; the current generation by default.
        #[arg(value_name = "NEW")]
        new: Option<String>,
        /// The most changes that are listed; by default 200 for people, and all as JSON.
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
        /// How it is written.
        #[arg(long, short, value_name = "FORMAT", default_value = "text")]
        format: TextOrJson,
        #[command(flatten)]
        db: DbPath,
    },
    /// Write the whole database into one file, for places without a network.
    Export {
        /// The file: an OCI archive.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        key: SigningKey,
        #[command(flatten)]
        db: DbPath,
    },
    /// Take over a database from a file that `db export` wrote.
    #[command(after_help = HELP_OF_TRUST)]
    Import {
        /// The file, as `plimsoll db export` wrote it.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        trust: Trust,
        #[command(flatten)]
        db: DbPath,
    },
    /// Send the database to a registry, as an artefact.
    Push {
        /// `oci://registry.example/security/plimsoll-db:latest`.
        #[arg(value_name = "REFERENCE")]
        reference: String,
        #[command(flatten)]
        key: SigningKey,
        #[command(flatten)]
        registry: RegistryArgs,
        #[command(flatten)]
        db: DbPath,
    },
    /// Take over a database from a registry; only what has changed is fetched.
    #[command(after_help = HELP_OF_TRUST)]
    Pull {
        /// `oci://registry.example/security/plimsoll-db:latest`, or `…@sha256:…`.
        #[arg(value_name = "REFERENCE")]
        reference: String,
        #[command(flatten)]
        trust: Trust,
        #[command(flatten)]
        registry: RegistryArgs,
        #[command(flatten)]
        db: DbPath,
    },
    /// Make a pair of keys for signing databases, Ed25519 as PEM.
    Keygen {
        /// Where the private key goes; the public one goes beside it, with `.pub` behind its name.
        #[arg(long, short, value_name = "FILE", default_value = "plimsoll.key")]
        output: PathBuf,
    },
}

/// The database of a `db` call.
#[derive(Debug, Args)]
pub(crate) struct DbPath {
    /// The database: a folder, `~/.local/share/plimsoll` by default. Commands that only read take one file of
    /// `db build` as well.
    #[arg(long = "db", value_name = "PATH", env = "PLIMSOLL_DB")]
    pub(crate) path: Option<PathBuf>,
}

/// The database of a scan.
#[derive(Debug, Args)]
pub(crate) struct DatabaseArgs {
    /// The advisory database: a folder, or a file that `plimsoll db build --output` wrote.
    #[arg(long, value_name = "PATH", env = "PLIMSOLL_DB")]
    pub(crate) db: Option<PathBuf>,
    /// Use the generation of this digest, and no other.
    #[arg(long, value_name = "sha256:…", env = "PLIMSOLL_DB_DIGEST")]
    pub(crate) db_digest: Option<String>,
    /// Use no network for advisories, whatever is missing.
    #[arg(long, env = "PLIMSOLL_OFFLINE", value_parser = switch())]
    pub(crate) offline: bool,
}

/// What is fetched, from where.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// Fetch advisories of these ecosystems, as in `Debian,PyPI`, instead of those that the database has.
    #[arg(long = "ecosystem", value_name = "NAME", value_delimiter = ',')]
    pub(crate) ecosystems: Vec<String>,
    /// Fetch advisories of all ecosystems there are.
    #[arg(long, conflicts_with = "ecosystems")]
    pub(crate) all: bool,
    /// Take these sources alone, instead of the default ones: `osv`, `kev`, … `plimsoll db sources` lists them.
    #[arg(long = "source", value_name = "NAME", env = "PLIMSOLL_SOURCES", value_delimiter = ',')]
    pub(crate) sources: Vec<String>,
    /// Take these sources besides the default ones.
    #[arg(long = "with-source", value_name = "NAME", value_delimiter = ',', conflicts_with = "sources")]
    pub(crate) with_sources: Vec<String>,
    /// Fetch a source from this address instead of its own; of several for one source the first that answers counts.
    #[arg(
        long = "mirror",
        value_name = "SOURCE=URL",
        env = "PLIMSOLL_MIRRORS",
        // An address may bear a password, and help prints what a variable holds.
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub(crate) mirrors: Vec<String>,
    /// Fetch everything anew, changed or not, and take feeds that have shrunk to less than half.
    #[arg(long)]
    pub(crate) force: bool,
    /// Feeds that are fetched at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) parallel: u16,
    /// How often a request is tried again.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) retries: u32,
    /// PEM file with certificates to trust besides the system's.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_CA_CERT", value_delimiter = ',')]
    pub(crate) ca_cert: Vec<PathBuf>,
    /// Fail instead of using the network.
    #[arg(long, env = "PLIMSOLL_OFFLINE", value_parser = switch())]
    pub(crate) offline: bool,
    #[command(flatten)]
    pub(crate) db: DbPath,
}

/// How a registry is reached.
#[derive(Debug, Args)]
pub(crate) struct RegistryArgs {
    /// Registry that may be reached without TLS: `host`, `host:port`, or `*`. Loopback always may.
    #[arg(long, value_name = "REGISTRY", env = "PLIMSOLL_INSECURE_HTTP", value_delimiter = ',')]
    pub(crate) insecure_http: Vec<String>,
    /// PEM file with certificates to trust besides the system's.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_CA_CERT", value_delimiter = ',')]
    pub(crate) ca_cert: Vec<PathBuf>,
}

/// What a database is signed with.
#[derive(Debug, Args)]
pub(crate) struct SigningKey {
    /// Sign with this private key, Ed25519 as PEM; `plimsoll db keygen` makes one.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_SIGNING_KEY")]
    pub(crate) key: Option<PathBuf>,
}

/// Whose signature a database must bear.
#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// Take over only what the owner of this public key has signed; of several keys any will do.
    #[arg(long, value_name = "FILE", env = "PLIMSOLL_PUBLIC_KEY", value_delimiter = ',')]
    pub(crate) public_key: Vec<PathBuf>,
    /// Check no signature.
    #[arg(long, conflicts_with = "public_key")]
    pub(crate) unsigned: bool,
    /// Take over a database though it is older than the one that is there.
    #[arg(long)]
    pub(crate) allow_older: bool,
}

/// A span of time: `90m`, `24h`, `5d`, `2w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Age {
    pub(crate) seconds: i64,
}

impl std::str::FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const UNITS: [(char, i64); 5] = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)];
        let read = || {
            let unit = UNITS.iter().find(|(letter, _)| text.ends_with(*letter))?;
            let number: u32 = text[..text.len() - 1].parse().ok()?;
            Some(Self { seconds: i64::from(number) * unit.1 })
        };
        read().ok_or_else(|| format!("expected a number and s, m, h, d or w, as in `24h`, found `{text}`"))
    }
}

impl TryFrom<String> for Age {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// How the result of a scan is written.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Format {
    /// One of [`FORMATS`].
    Known(&'static ReportFormat),
    /// The user's own template.
    Template,
}

impl Format {
    /// The name of [`Self::Template`].
    pub(crate) const TEMPLATE: &str = "template";

    /// What a person types.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Known(format) => format.name,
            Self::Template => Self::TEMPLATE,
        }
    }

    fn parser() -> impl TypedValueParser<Value = Self> {
        let known = FORMATS.iter().map(|format| PossibleValue::new(format.name).help(format.summary));
        let template =
            PossibleValue::new(Self::TEMPLATE).help("what `--template FILE` makes of the JSON report");
        PossibleValuesParser::new(known.chain([template])).try_map(Self::try_from)
    }
}

impl Default for Format {
    fn default() -> Self {
        Self::Known(&FORMATS[0])
    }
}

impl TryFrom<String> for Format {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.eq_ignore_ascii_case(Self::TEMPLATE) {
            return Ok(Self::Template);
        }
        format_named(&text).map(Self::Known).ok_or_else(|| {
            let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
            format!("expected a format among {}, {}, found `{text}`", names.join(", "), Self::TEMPLATE)
        })
    }
}

/// How a difference is written: one of [`DIFF_FORMATS`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiffFormat(pub(crate) &'static plimsoll_report::DiffFormat);

impl DiffFormat {
    fn parser() -> impl TypedValueParser<Value = Self> {
        let values = DIFF_FORMATS.iter().map(|format| PossibleValue::new(format.name).help(format.summary));
        PossibleValuesParser::new(values).map(|name| {
            let found = DIFF_FORMATS.iter().find(|format| format.name == name);
            Self(found.expect("the parser takes no other names"))
        })
    }
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextOrJson {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// How a bill of materials is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SbomFormat {
    /// CycloneDX 1.6, JSON.
    Cyclonedx,
    /// SPDX 2.3, JSON. Names the instant of the call, or `SOURCE_DATE_EPOCH`.
    Spdx,
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
