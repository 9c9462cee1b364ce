//! `plimsoll convert`: a stored report in another format.

use plimsoll_model::Finding;
use plimsoll_report::{StoredScan, Writer};

use crate::args::ConvertArgs;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::progress::Bars;
use crate::reports::Reports;
use crate::scan::ended;
use crate::settings::Settings;
use crate::stored;
use crate::view::narrowed;

pub(crate) fn run(
    arguments: &ConvertArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Exit, Failure> {
    let converted = run_filtered(arguments, settings, environment, bars, &|_| true)?;
    Ok(converted.exit)
}

/// What came of a conversion.
pub(crate) struct Converted {
    pub(crate) exit: Exit,
    /// How many findings were written.
    pub(crate) findings: usize,
}

/// The same, of those findings alone that are to be shown.
pub(crate) fn run_filtered(
    arguments: &ConvertArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
    is_shown: &dyn Fn(&Finding) -> bool,
) -> Result<Converted, Failure> {
    let reports = Reports::plan(&arguments.report, &[], settings, environment)?;
    let StoredScan { mut scan, writer, version } = stored::read_whole(&arguments.file)?;
    if !scan.findings.iter().all(is_shown) {
        scan = narrowed(&scan, &|_| true, is_shown);
    }
    // The tool of the report is the one that scanned; a report of Trivy's becomes one of ours.
    let version = Some(version.as_str()).filter(|version| writer == Writer::Plimsoll && !version.is_empty());
    reports.write(&scan, version, None, bars)?;
    let exit = ended(Exit::Passed, reports.upload(&scan, version, None, environment.now))?;
    Ok(Converted { exit, findings: scan.findings.len() })
}
