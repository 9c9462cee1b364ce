//! `plimsoll pipeline`: buildspecs and CodePipeline templates on any machine.

mod build;
mod check;
mod commit;
mod hook;
mod init;
mod outside;
mod plan;
mod stages;

use crate::args::{Common, PipelineAction, PipelineArgs};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::settings::Settings;

pub(crate) fn run(
    arguments: &PipelineArgs,
    settings: &Settings,
    environment: &Environment,
    common: &Common,
) -> Result<Exit, Failure> {
    match &arguments.action {
        PipelineAction::Check(arguments) => check::run(arguments),
        PipelineAction::Init(arguments) => init::run(arguments),
        PipelineAction::Hook(arguments) => hook::run(arguments, environment, common),
        PipelineAction::Run(arguments) => match (&arguments.template, &arguments.commit.commit) {
            (_, Some(revision)) => {
                let stop = build::stop()?;
                commit::Run { arguments, common, settings, environment, stop: &stop }.run(revision)
            }
            (Some(template), None) if arguments.dry_run => {
                plan::run(template, arguments, environment, common.quiet)
            }
            (Some(template), None) => stages::run(template, arguments, settings, environment, common.quiet),
            (None, None) => build::run(arguments, environment),
        },
    }
}
