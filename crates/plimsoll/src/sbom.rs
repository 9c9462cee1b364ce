//! `plimsoll sbom`.

use crate::args::{SbomArgs, SbomFormat};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::Bars;
use crate::settings::Settings;
use crate::target::inventory;

pub(crate) fn run(
    arguments: &SbomArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Exit, Failure> {
    let inventory = inventory(&arguments.target, settings, environment, bars)?;
    let mut bytes = Vec::new();
    match arguments.format {
        SbomFormat::Cyclonedx => plimsoll_report::write_cyclonedx(&inventory, &mut bytes),
        SbomFormat::Spdx => plimsoll_report::write_spdx(&inventory, &environment.instant(), &mut bytes),
    }
    .map_err(|error| Failure::new(Exit::CouldNotScan, error))?;
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    output::write(arguments.output.as_deref(), &bytes)?;
    Ok(Exit::Passed)
}
