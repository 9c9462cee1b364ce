//! The arguments of `plimsoll pipeline run --template`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::pipeline::pair;

/// How a template's pipeline is run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pipelines of templates")]
pub(crate) struct StageArgs {
    /// Which pipeline, where the template has several: its name or its logical ID.
    #[arg(long, value_name = "NAME", requires = "template")]
    pub(crate) pipeline: Option<String>,
    /// What stands here for an action's own: a folder, a git repository, an archive, an object or an image; or `run:COMMAND`.
    /// ACTION may be STAGE/ACTION. May be repeated.
    #[arg(long, value_name = "ACTION=PLACE", value_parser = pair, requires = "template")]
    pub(crate) map: Vec<(String, String)>,
    /// A variable of the pipeline, `#{variables.NAME}`. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, requires = "template")]
    pub(crate) variable: Vec<(String, String)>,
    /// What another stack exports, for `Fn::ImportValue`. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, requires = "template")]
    pub(crate) import: Vec<(String, String)>,
    /// Approve this action. May be repeated.
    #[arg(long, value_name = "STAGE/ACTION", requires = "template")]
    pub(crate) approve: Vec<String>,
    /// Approve whatever asks for approval.
    #[arg(long, requires = "template")]
    pub(crate) approve_all: bool,
    /// Reject this action. May be repeated.
    #[arg(long, value_name = "STAGE/ACTION", requires = "template")]
    pub(crate) reject: Vec<String>,
    /// Where executions are kept; below the state folder of the user by default.
    #[arg(long, value_name = "DIR", requires = "template")]
    pub(crate) work: Option<PathBuf>,
    /// Go on with an execution: the last one, or that whose ID begins so.
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "", requires = "template")]
    pub(crate) resume: Option<String>,
    /// Begin with this stage; what came before it is taken from the execution that is resumed.
    #[arg(long, value_name = "STAGE", requires = "template", conflicts_with = "only_stage")]
    pub(crate) from_stage: Option<String>,
    /// Run this stage alone.
    #[arg(long, value_name = "STAGE", requires = "template")]
    pub(crate) only_stage: Option<String>,
    /// Which actions of a failed stage run again.
    #[arg(long, value_name = "WHICH", value_enum, requires = "template")]
    pub(crate) retry: Option<RetryWord>,
    /// How many executions of the pipeline are kept, this one included.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) keep: u16,
}

/// Which actions of a failed stage run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RetryWord {
    /// Those that have not succeeded.
    Failed,
    /// All of them.
    All,
}
