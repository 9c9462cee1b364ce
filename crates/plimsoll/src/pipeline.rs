//! `plimsoll pipeline`: buildspecs and CodePipeline templates on any machine.

mod build;
mod check;
mod plan;

use crate::args::{PipelineAction, PipelineArgs};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};

pub(crate) fn run(
    arguments: &PipelineArgs,
    environment: &Environment,
    is_quiet: bool,
) -> Result<Exit, Failure> {
    match &arguments.action {
        PipelineAction::Check(arguments) => check::run(arguments),
        PipelineAction::Run(arguments) => match &arguments.template {
            Some(template) => plan::run(template, arguments, is_quiet),
            None => build::run(arguments, environment),
        },
    }
}
