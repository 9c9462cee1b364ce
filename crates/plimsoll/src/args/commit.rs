//! The arguments of `plimsoll pipeline run --commit`, `plimsoll pipeline init` and `plimsoll pipeline hook`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use super::values::Level;

/// Flags that mean something for other runs alone.
const NOT_OF_COMMITS: [&str; 8] =
    ["buildspec", "template", "env", "secrets", "artifacts", "cache", "require_runtimes", "result"];

/// What a commit asks for, and what becomes of it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Images that a commit asks for")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line, given or not")]
pub(crate) struct CommitArgs {
    /// Build (or take from a registry), scan and report the images that the message of this commit names as `::name:tag`.
    #[arg(long, value_name = "REV", conflicts_with_all = NOT_OF_COMMITS)]
    pub(crate) commit: Option<String>,
    /// The folder of the sources that holds `<name>/Dockerfile`.
    #[arg(long, value_name = "DIR", default_value = "docker", requires = "commit")]
    pub(crate) docker_dir: String,
    /// What builds; `auto` takes the first that is there and answers.
    #[arg(long, value_name = "PROGRAM", value_enum, default_value = "auto", requires = "commit")]
    pub(crate) builder: BuilderWord,
    /// Push what was built, and passed the gate, to `--registry`.
    #[arg(long, requires = "commit", requires = "registry")]
    pub(crate) push: bool,
    /// Sign what the gate said of images of `--registry`, and keep it beside them there.
    #[arg(long, requires = "commit", requires = "registry")]
    pub(crate) attest: bool,
    /// Sign with this private key: PEM, Ed25519 or ECDSA over P-256, or as cosign encrypts it.
    #[arg(long, value_name = "FILE", requires = "attest")]
    pub(crate) sign_key: Option<PathBuf>,
    /// Upload reports to this place as well: `s3://BUCKET/PREFIX` (or `gs://`, `az://`), or a folder.
    #[arg(long, value_name = "PLACE", requires = "commit")]
    pub(crate) upload: Option<String>,
    /// The advisory database: a folder or a file.
    #[arg(long, value_name = "PATH", requires = "commit")]
    pub(crate) db: Option<PathBuf>,
    /// Fail, with exit status 1, on findings of this severity or worse.
    #[arg(long, value_name = "LEVEL", requires = "commit")]
    pub(crate) fail_on: Option<Level>,
    /// Fail on what is known to be exploited.
    #[arg(long, requires = "commit")]
    pub(crate) fail_on_kev: bool,
    /// Drop findings without a fix.
    #[arg(long, requires = "commit")]
    pub(crate) ignore_unfixed: bool,
    /// Exit with status 4 where something could not be read or compared and nothing failed.
    #[arg(long, requires = "commit")]
    pub(crate) strict: bool,
    /// The policy: a file, or `strict`, `production` or `pragmatic`.
    #[arg(long, value_name = "FILE|PRESET", requires = "commit")]
    pub(crate) policy: Option<String>,
    /// Other flags of `plimsoll scan`, behind `--`.
    #[arg(last = true, value_name = "SCAN-FLAG", requires = "commit")]
    pub(crate) scan: Vec<String>,
}

/// What builds images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BuilderWord {
    Auto,
    Docker,
    Podman,
    Buildah,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line, given or not")]
pub(crate) struct InitArgs {
    /// Into this repository, or the one of the current folder: a `post-receive` hook, which runs what pushed commits ask for.
    #[arg(long, value_name = "REPOSITORY", num_args = 0..=1, default_missing_value = ".", group = "what")]
    pub(crate) hook: Option<PathBuf>,
    /// A workflow of GitHub Actions, and the action that it uses.
    #[arg(long, group = "what")]
    pub(crate) github: bool,
    /// A job of GitLab CI, to be included.
    #[arg(long, group = "what")]
    pub(crate) gitlab: bool,
    /// A `Jenkinsfile`.
    #[arg(long, group = "what")]
    pub(crate) jenkins: bool,
    /// A pipeline for AWS, as CloudFormation.
    #[arg(long, group = "what")]
    pub(crate) aws: bool,
    /// A `buildspec.yml` for AWS `CodeBuild`, or `plimsoll pipeline run` itself.
    #[arg(long, group = "what")]
    pub(crate) buildspec: bool,
    /// Where files go.
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    pub(crate) output: PathBuf,
    /// Replace files that are there and were changed, or are another's; a hook is kept under another name.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct HookArgs {
    /// The repository that was pushed to.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) repository: PathBuf,
}
