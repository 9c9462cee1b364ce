//! `plimsoll registry`: all that a registry holds, listed, scanned and audited.

mod args;
mod audit;
mod columns;
mod list;
mod order;
mod row;
mod sweep;
mod table;
mod walk;

pub(crate) use args::RegistryCommand;

use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::progress::Bars;
use crate::settings::Settings;
use args::RegistryAction;

pub(crate) fn run(
    arguments: &RegistryCommand,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Exit, Failure> {
    match &arguments.action {
        RegistryAction::List(arguments) => list::run(arguments, settings, environment, bars),
        RegistryAction::Scan(arguments) => sweep::run(arguments, settings, environment, bars),
        RegistryAction::Audit(arguments) => audit::run(arguments, settings, environment, bars),
    }
}
