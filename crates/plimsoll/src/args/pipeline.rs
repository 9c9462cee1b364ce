//! The arguments of `plimsoll pipeline`.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use super::commit::{CommitArgs, HookArgs, InitArgs};
use super::stages::StageArgs;
use super::values::Age;

#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct PipelineArgs {
    #[command(subcommand)]
    pub(crate) action: PipelineAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PipelineAction {
    /// Run a buildspec or a template's pipeline on this machine, as AWS CodeBuild and CodePipeline would, or build and scan the
    /// images that a commit asks for.
    #[command(after_help = "\
Examples:
  plimsoll pipeline run
  plimsoll pipeline run --buildspec ci/scan.yml --env IMAGE=app:1 \\
    --secrets secrets.toml --artifacts out
  plimsoll pipeline run --template pipeline.yml --dry-run
  plimsoll pipeline run --commit HEAD --fail-on high --upload s3://bucket/scans
  plimsoll pipeline run --template pipeline.yml --source . --map Deploy=run:./up.sh
  plimsoll pipeline run --template pipeline.yml --source . --resume

Exit status:
  0  it succeeded                     3  it could not be run, or was stopped
  1  it failed                        4  a pipeline waits for approval
  2  usage, or a file that is wrong")]
    Run(Box<RunArgs>),
    /// Find what is wrong with templates and buildspecs before they run.
    #[command(after_help = "\
Gates that never fail a build, scripts piped from the network into a shell,
secrets in the open, references to nothing, buildspecs that are not there.

  plimsoll pipeline check pipeline.yml
  plimsoll pipeline check buildspec.yml --format sarif --output check.sarif

Exit status: 0 nothing wrong, 1 an error was found (with --strict: anything),
2 usage.")]
    Check(CheckArgs),
    /// Write what runs Plimsoll elsewhere: a git hook, GitHub Actions, GitLab CI, Jenkins, AWS.
    #[command(after_help = "\
Examples:
  plimsoll pipeline init --hook /srv/git/shop.git
  plimsoll pipeline init --github --jenkins

Files that are there and differ are left alone; --force replaces them.")]
    Init(InitArgs),
    /// Run what pushed commits ask for; called by git's `post-receive` hook, which says on stdin what was pushed.
    Hook(HookArgs),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("asks").args(["template", "commit"]).multiple(true))]
pub(crate) struct RunArgs {
    /// The buildspec, from the source folder on; `buildspec.yml` where none is named.
    #[arg(long, value_name = "FILE")]
    pub(crate) buildspec: Option<PathBuf>,
    /// A CloudFormation template with a CodePipeline pipeline, which is run.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["buildspec", "artifacts", "reports", "cache"])]
    pub(crate) template: Option<PathBuf>,
    /// Show what would run, and run nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// A parameter of the template, or `AWS::AccountId`, `AWS::Region` or `AWS::StackName`. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, requires = "template")]
    pub(crate) parameter: Vec<(String, String)>,
    /// The folder that is built, by default the current one; commands run in it. Of a template, what stands for its first
    /// source: a folder or a git repository, of which builds are given copies.
    #[arg(long, value_name = "DIR")]
    pub(crate) source: Option<PathBuf>,
    /// Where images lie: `HOST[:PORT][/PREFIX]`. Of a template, what stands for ECR's registries wherever it names them; of a
    /// commit, where images lie that its message names without a registry, Docker Hub by default.
    #[arg(long, value_name = "REGISTRY", requires = "asks")]
    pub(crate) registry: Option<String>,
    /// A variable of the build, above those of the buildspec. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) env: Vec<(String, String)>,
    /// Parameters and secrets that the buildspec asks for, as TOML or JSON: tables `parameters` and `secrets`. Without it
    /// AWS is asked, if the buildspec asks for any.
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Option<PathBuf>,
    /// Put artifacts here: `primary`, and `secondary/NAME`.
    #[arg(long, value_name = "DIR")]
    pub(crate) artifacts: Option<PathBuf>,
    /// Put reports here.
    #[arg(long, value_name = "DIR")]
    pub(crate) reports: Option<PathBuf>,
    /// Keep what the buildspec caches here, from build to build.
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// How long the build may take. Of a template, its projects say so.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub(crate) timeout: Age,
    /// Fail where a runtime of `runtime-versions` is not there in that version; else it is only told.
    #[arg(long)]
    pub(crate) require_runtimes: bool,
    /// Write what came out, phase by phase, or stage by stage, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) result: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) commit: CommitArgs,
    #[command(flatten)]
    pub(crate) stages: StageArgs,
}

impl RunArgs {
    /// The folder that is built.
    pub(crate) fn folder(&self) -> &Path {
        self.source.as_deref().unwrap_or(Path::new("."))
    }
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// CloudFormation templates and buildspecs, YAML or JSON.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The root of the sources, where buildspecs of templates lie.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) source: PathBuf,
    /// A parameter of the templates. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) parameter: Vec<(String, String)>,
    /// How findings are written.
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    pub(crate) format: CheckFormat,
    /// Write them into this file instead of stdout.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Warnings and notes fail too.
    #[arg(long)]
    pub(crate) strict: bool,
}

/// How findings of a check are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people, as compilers do.
    Text,
    /// For programs.
    Json,
    /// SARIF 2.1.0.
    Sarif,
}

/// `NAME=VALUE`; the value may be empty.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}
