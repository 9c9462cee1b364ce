//! `plimsoll registry`.

mod audit;

use clap::Subcommand;

use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::progress::Bars;
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(crate) struct RegistriesArgs {
    #[command(subcommand)]
    action: RegistryAction,
}

#[derive(Debug, Subcommand)]
enum RegistryAction {
    /// Name what is in production and did not pass through the pipeline.
    #[command(after_help = audit::EXAMPLES)]
    Audit(audit::AuditArgs),
}

pub(crate) fn run(
    arguments: &RegistriesArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Exit, Failure> {
    match &arguments.action {
        RegistryAction::Audit(arguments) => audit::run(arguments, settings, environment, bars),
    }
}
