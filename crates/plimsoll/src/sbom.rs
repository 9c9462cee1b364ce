//! `plimsoll sbom`.

use plimsoll_store::KeyFields;

use crate::args::{SbomArgs, SbomFormat};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::Bars;
use crate::settings::Settings;
use crate::store::{ObjectPlace, image_subject};
use crate::target::inventory;

pub(crate) fn run(
    arguments: &SbomArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Exit, Failure> {
    let certificates = &arguments.target.reading.ca_cert;
    let (output, objects) = (arguments.output.as_deref(), &arguments.objects);
    let place = ObjectPlace::of_output(output, "sbom", objects, certificates, settings, environment)?;
    let inventory = inventory(&arguments.target, settings, environment, bars)?;
    let mut bytes = Vec::new();
    match arguments.format {
        SbomFormat::Cyclonedx => plimsoll_report::write_cyclonedx(&inventory, &mut bytes),
        SbomFormat::Spdx => plimsoll_report::write_spdx(&inventory, &environment.instant(), &mut bytes),
    }
    .map_err(|error| Failure::new(Exit::CouldNotScan, error))?;
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    match place {
        None => output::write(output, &bytes)?,
        Some((place, sending)) => {
            let fields = KeyFields {
                subject: &image_subject(&inventory),
                time: environment.now,
                format: match arguments.format {
                    SbomFormat::Cyclonedx => "cyclonedx",
                    SbomFormat::Spdx => "spdx",
                },
                extension: "json",
                verdict: "",
            };
            place.send(&fields, bytes, &sending)?;
        }
    }
    Ok(Exit::Passed)
}
