//! `plimsoll scan`.

use std::cell::RefCell;

use plimsoll_db::Snapshot;
use plimsoll_model::{Advice, DatabaseInfo, Ecosystem, Gap, Inventory, OsRelease, Scan};

use crate::args::{GateArgs, ScanArgs};
use crate::attest::Attest;
use crate::base;
use crate::baseline::{Asked, Compared};
use crate::database::{ScanDatabase, check_age, damaged};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::gate::Gate;
use crate::progress::Bars;
use crate::reports::Reports;
use crate::settings::Settings;
use crate::store::Keep;
use crate::target::inventory;
use crate::vex::{Said, Seeking, Vex};

/// How many days a distribution's newest advisory may lie behind the newest of all before it is a gap.
const MAX_DAYS_BEHIND: i64 = 180;

/// What a caller changes in a scan on its way, as other tools' command lines do.
pub(crate) trait Guise {
    /// Of what was decided: a caller with a gate of its own says here what that decides, and whether it has one.
    fn decide(&mut self, _scan: &mut Scan) -> bool {
        false
    }

    /// Told of the whole: what of it reports show, where that is not all of it. What is kept is the whole.
    fn view(&mut self, _scan: &Scan, _bars: &Bars) -> Option<Scan> {
        None
    }

    /// Who writes the report.
    fn writing(&self) -> Writing {
        Writing::WithStatus
    }
}

/// Who writes a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    /// The scan, with the exit status that the verdict comes to.
    WithStatus,
    /// The scan, without: the caller ends with a status of its own.
    WithoutStatus,
    /// The caller has.
    Done,
}

impl Guise for () {}

pub(crate) fn run(
    arguments: &ScanArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Exit, Failure> {
    run_as(arguments, settings, environment, bars, &mut ())
}

/// Scans as another does.
pub(crate) fn run_as(
    arguments: &ScanArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
    guise: &mut dyn Guise,
) -> Result<Exit, Failure> {
    // Before the image is pulled: a scan without advisories is no scan, and a gate that cannot be read is none.
    let gate = Gate::read(&arguments.gate, settings, environment)?;
    let vex = Vex::read(&arguments.vex, settings)?;
    let reports = Reports::plan(&arguments.report, &arguments.target.reading.ca_cert, settings, environment)?;
    let keep = Keep::plan(
        arguments.store.as_deref(),
        &arguments.report.objects,
        &arguments.target.reading.ca_cert,
        settings,
        environment,
    )?;
    let attest = Attest::plan(arguments, &gate, settings, environment, bars)?;
    let mut asked = Asked::read(&arguments.baseline, &arguments.gate, settings)?;
    let database =
        ScanDatabase::find(&arguments.database, &arguments.target.reading.ca_cert, settings, environment)?;
    let options = plimsoll_match::Options {
        without_texts: !reports.show_findings(),
        ..match_options(&arguments.severity_order, settings)?
    };
    let mut inventory = inventory(&arguments.target, settings, environment, bars)?;
    if let Some(name) = &arguments.artifact_name {
        inventory.artifact.name.clone_from(name);
    }
    base::add(&mut inventory, &arguments.baseline, &arguments.target, settings, bars)?;
    asked.prepare(&arguments.target, &inventory, settings, environment, bars)?;
    let (snapshot, database) = database.open(&asked.needed(&inventory), bars)?;
    check_age(&database, arguments.max_age.or(settings.max_age), environment)?;
    bars.say("matching");
    let mut matches = evaluate(&inventory, &snapshot, &options)?;
    let compared = asked.compare(&mut matches.findings, &inventory, &database, |inventory| {
        evaluate(inventory, &snapshot, &options)
    })?;
    matches.gaps.extend(gaps_of(&inventory, &snapshot, &gate, &arguments.gate, settings)?);
    let seeking = Seeking { reading: &arguments.target.reading, offline: arguments.database.offline };
    let said = vex.judge(seeking, settings, environment, bars, &inventory, &mut matches.findings)?;
    let mut scan = decided(inventory, matches, said, compared, &gate, &snapshot, &database, &options)?;
    if guise.decide(&mut scan) {
        scan.advice = advice(&scan, &snapshot, &options)?;
    }
    let exit = Exit::of(scan.decision.verdict);
    let mut view = guise.view(&scan, bars);
    if let Some(view) = &mut view {
        view.advice = advice(view, &snapshot, &options)?;
    }
    let shown = view.as_ref().unwrap_or(&scan);
    let told = (guise.writing() == Writing::WithStatus).then_some(exit);
    if guise.writing() != Writing::Done {
        reports.write(shown, None, told, bars)?;
    }
    // What another day would have passed is no baseline for the next scan.
    if !gate.is_shifted {
        asked.keep(&scan)?;
    }
    let mut unsent = reports.upload(shown, None, told, environment.now);
    if let Some(Err(failure)) = keep.map(|keep| keep.write(&scan, environment.now)) {
        unsent.push(failure);
    }
    if let Some(Err(failure)) = attest.map(|attest| attest.write(&scan, bars)) {
        unsent.push(failure);
    }
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    ended(exit, unsent)
}

/// Gaps of the database, for this inventory and this gate.
pub(crate) fn gaps_of(
    inventory: &Inventory,
    snapshot: &Snapshot,
    gate: &Gate,
    arguments: &GateArgs,
    settings: &Settings,
) -> Result<Vec<Gap>, Failure> {
    let mut gaps = Vec::new();
    if let Some(os) = &inventory.os {
        gaps.extend(lagging(os, snapshot).map_err(damaged)?);
    }
    if gate.asks_for_kev() && snapshot.kev_entries().map_err(damaged)? == 0 {
        gaps.push(Gate::without_kev(arguments, settings)?);
    }
    Ok(gaps)
}

/// The whole result, when all is found: what the gate decides, and what to do about it.
#[expect(clippy::too_many_arguments, reason = "each is a part of the result, or decides about it")]
pub(crate) fn decided(
    inventory: Inventory,
    matches: plimsoll_match::Matches,
    mut said: Said,
    compared: Compared,
    gate: &Gate,
    snapshot: &Snapshot,
    database: &DatabaseInfo,
    options: &plimsoll_match::Options,
) -> Result<Scan, Failure> {
    let mut scan = Scan {
        inventory,
        findings: matches.findings,
        suppressed: std::mem::take(&mut said.suppressed),
        undetermined: matches.undetermined,
        not_affected: matches.not_affected,
        match_gaps: matches.gaps,
        database: database.clone(),
        baseline: compared.baseline,
        notices: [std::mem::take(&mut said.notices), compared.notices].concat(),
        ..Scan::default()
    };
    gate.judge(&mut scan)?;
    said.remark(&mut scan);
    scan.advice = advice(&scan, snapshot, options)?;
    Ok(scan)
}

/// How a scan ends whose report is not where it should be. A verdict that does not pass goes before: who must not sail is
/// told so, and why the report is missing is on stderr.
pub(crate) fn ended(exit: Exit, unsent: Vec<Failure>) -> Result<Exit, Failure> {
    let mut unsent = unsent.into_iter();
    let last = if exit == Exit::Passed { unsent.next_back() } else { None };
    unsent.for_each(|failure| eprintln!("{failure}"));
    last.map_or(Ok(exit), Err)
}

/// The findings of an inventory.
pub(crate) fn evaluate(
    inventory: &Inventory,
    snapshot: &Snapshot,
    options: &plimsoll_match::Options,
) -> Result<plimsoll_match::Matches, Failure> {
    plimsoll_match::evaluate(inventory, snapshot, options)
        .map_err(|error| Failure::new(Exit::NoAdvisories, error).hint("get the database again"))
}

/// What to do. The same database is asked what is known of the versions to go to; what fails there fails the scan.
fn advice(scan: &Scan, snapshot: &Snapshot, options: &plimsoll_match::Options) -> Result<Advice, Failure> {
    let options = plimsoll_match::Options { without_texts: true, ..options.clone() };
    let failed = RefCell::new(None);
    let known = |inventory: &Inventory| match evaluate(inventory, snapshot, &options) {
        Ok(known) => Some(known.findings),
        Err(failure) => {
            failed.replace(Some(failure));
            None
        }
    };
    let advice = plimsoll_advice::advise_checked(scan, &known);
    failed.into_inner().map_or(Ok(advice), Err)
}

/// What the matching is told: whose severity counts.
pub(crate) fn match_options(
    words: &[String],
    settings: &Settings,
) -> Result<plimsoll_match::Options, Failure> {
    let words = if words.is_empty() { &settings.severity_order } else { words };
    if words.is_empty() {
        return Ok(plimsoll_match::Options::default());
    }
    let severity_order =
        plimsoll_match::SeverityOrder::parse(words).map_err(|error| Failure::new(Exit::Usage, error))?;
    Ok(plimsoll_match::Options { severity_order, ..plimsoll_match::Options::default() })
}

/// A gap for a distribution whose advisories end long before the newest of the database: what was found since is not
/// known, however fresh the rest is. Languages may be quiet for long; a distribution is not.
fn lagging(os: &OsRelease, snapshot: &Snapshot) -> Result<Vec<Gap>, plimsoll_db::Error> {
    let mut ecosystems: Vec<Ecosystem> =
        plimsoll_match::namespaces(os).iter().map(|namespace| namespace.ecosystem).collect();
    ecosystems.dedup();
    let newest_of_all = snapshot.database_info()?.newest_advisory;
    let mut gaps = Vec::new();
    for ecosystem in ecosystems {
        let newest = snapshot.newest_advisory(ecosystem)?;
        let behind = days(&newest_of_all).zip(days(&newest)).map(|(all, own)| all - own);
        let day = |time: &str| time.chars().take(10).collect::<String>();
        if behind.is_some_and(|behind| behind > MAX_DAYS_BEHIND) {
            gaps.push(Gap {
                path: String::new(),
                place: String::new(),
                diff_id: None,
                reporter: "match".to_owned(),
                reason: format!(
                    "expected advisories of {ecosystem} as new as the rest of the database ({}), found none after {}",
                    day(&newest_of_all),
                    day(&newest)
                ),
            });
        }
    }
    Ok(gaps)
}

/// About how many days a time of RFC 3339 lies behind the year 0.
fn days(time: &str) -> Option<i64> {
    let mut parts = time.get(..10)?.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    Some(year * 365 + month * 30 + day)
}
