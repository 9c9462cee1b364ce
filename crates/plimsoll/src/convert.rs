//! `plimsoll convert`: a stored report in another format.

use plimsoll_report::{StoredScan, Writer};

use crate::args::ConvertArgs;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::progress::Bars;
use crate::reports::Reports;
use crate::scan::ended;
use crate::settings::Settings;
use crate::stored;

pub(crate) fn run(
    arguments: &ConvertArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Exit, Failure> {
    let reports = Reports::plan(&arguments.report, &[], settings, environment)?;
    let StoredScan { scan, writer, version } = stored::read_whole(&arguments.file)?;
    // The tool of the report is the one that scanned; a report of Trivy's becomes one of ours.
    let version = Some(version.as_str()).filter(|version| writer == Writer::Plimsoll && !version.is_empty());
    reports.write(&scan, version, None, bars)?;
    ended(Exit::Passed, reports.upload(&scan, version, None, environment.now))
}
