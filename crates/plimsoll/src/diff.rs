//! `plimsoll diff`.

use plimsoll_model::{Inventory, Scan};
use plimsoll_report::{DiffReport, TableOptions};
use plimsoll_store::KeyFields;

use crate::args::DiffArgs;
use crate::database::ScanDatabase;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::Bars;
use crate::scan::{ended, evaluate, match_options};
use crate::settings::Settings;
use crate::store::{ObjectPlace, image_subject};
use crate::stored::{self, Stored};
use crate::target::{inventory_of, parse};

/// One of the two, before it is judged.
enum Side {
    Report(Box<Stored>),
    Target(Box<Inventory>),
}

pub(crate) fn run(
    arguments: &DiffArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Exit, Failure> {
    let names = [&arguments.old, &arguments.new];
    let (output, objects, certificates) =
        (arguments.output.as_deref(), &arguments.objects, &arguments.reading.ca_cert);
    let place = ObjectPlace::of_output(output, "diff", objects, certificates, settings, environment)?;
    // What is wrong with one is told before the other is pulled.
    let mut reports = Vec::new();
    for name in names {
        let report = stored::named(name)?;
        if report.is_none() {
            parse(name)?;
        }
        reports.push(report);
    }
    let database = if reports.iter().all(Option::is_some) {
        None
    } else {
        Some(ScanDatabase::find(&arguments.database, certificates, settings, environment)?)
    };
    let options = match_options(&arguments.severity_order, settings)?;
    let mut sides = Vec::new();
    for (name, report) in names.into_iter().zip(reports) {
        sides.push(match report {
            Some(report) => Side::Report(Box::new(report)),
            None => {
                Side::Target(Box::new(inventory_of(name, &arguments.reading, settings, environment, bars)?))
            }
        });
    }
    let mut needed = Vec::new();
    for side in &sides {
        if let Side::Target(inventory) = side {
            needed.extend(plimsoll_match::needed(inventory));
        }
    }
    let opened = database.map(|database| database.open(&needed, bars)).transpose()?;
    bars.say("comparing");
    let mut scans = Vec::new();
    for side in sides {
        scans.push(match (side, &opened) {
            (Side::Report(stored), _) => *stored,
            (Side::Target(inventory), Some((snapshot, info))) => {
                let mut matches = evaluate(&inventory, snapshot, &options)?;
                let findings = std::mem::take(&mut matches.findings);
                let decided = plimsoll_gate::decide(
                    &plimsoll_gate::Flags::default(),
                    findings,
                    &matches.undetermined,
                    inventory.gaps.iter().chain(&matches.gaps),
                );
                let scan = Scan {
                    inventory: *inventory,
                    findings: decided.findings,
                    undetermined: matches.undetermined,
                    not_affected: matches.not_affected,
                    match_gaps: matches.gaps,
                    database: info.clone(),
                    decision: decided.decision,
                    ..Scan::default()
                };
                Stored { scan, packages: plimsoll_diff::Packages::All }
            }
            (Side::Target(_), None) => unreachable!("a database is opened where something is to be scanned"),
        });
    }
    let [old, new] = scans.try_into().expect("there are two sides");
    let old: Stored = old;
    let difference = plimsoll_diff::compare(&old.scan, &new.scan);
    let is_new = !difference.added.is_empty();
    let report = DiffReport {
        difference: &difference,
        names: [&arguments.old, &arguments.new],
        complete: [old.packages, new.packages].map(|packages| packages == plimsoll_diff::Packages::All),
        table: TableOptions {
            width: if output.is_some() { 80 } else { environment.width },
            color: environment.color && output.is_none(),
            exit_status: None,
        },
        limit: arguments.limit,
    };
    let mut bytes = Vec::new();
    (arguments.format.0.write)(&report, &mut bytes)
        .map_err(|error| Failure::new(Exit::CouldNotScan, error))?;
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    let exit = if arguments.exit_code && is_new { Exit::GateFailed } else { Exit::Passed };
    let Some((place, sending)) = place else {
        return output::write(output, &bytes).map(|()| exit);
    };
    let fields = KeyFields {
        // Of what is newer: the older side is what it is compared with.
        subject: &image_subject(&new.scan.inventory),
        time: environment.now,
        format: arguments.format.0.name,
        extension: arguments.format.0.extension,
        verdict: "",
    };
    ended(exit, place.send(&fields, bytes, &sending).err().into_iter().collect())
}
