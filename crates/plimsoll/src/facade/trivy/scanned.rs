//! Trivy's words to our scan, and the scan as Trivy's flags show it.

use std::path::Path;

use plimsoll_model::{Finding, Scan};
use serde_json::Value;

use super::super::decide;
use super::super::reach::login;
use super::super::words::{Given, usage};
use super::filter::Filter;
use super::place::{credential, insecure, target};
use super::{What, command, formats};
use crate::args::Action;
use crate::convert;
use crate::environment::{self, Environment};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::Bars;
use crate::run as run_own;
use crate::scan::{Guise, Writing, run_as};
use crate::settings::Settings;
use crate::view::narrowed;

/// The ignore file that is read unasked.
const IGNORE_FILE: &str = ".trivyignore";

/// A command that scans, or converts a scan. With `is_list`, JSON is a list of results alone, as Trivy wrote it before 0.20.
pub(super) fn scanned(
    given: &Given,
    what: What,
    subject: &str,
    is_list: bool,
    environment: &Environment,
    bars: &Bars,
) -> Result<u8, Failure> {
    let form = formats::form(given)?;
    let exit_code = exit_code(given)?;
    let root = (what == What::Folder).then_some(subject);
    let list = (is_list && form.format == "json").then(Vec::new);
    let mut view = View { filter: Filter::read(given, root)?, exit_code, shown: 0, list };
    scanners(given, what, bars)?;
    if let Some(note) = &form.note {
        bars.note(note);
    }
    if what == What::Convert {
        return converted(given, &form, subject, exit_code, &view.filter, environment, bars);
    }
    let is_bill = form.is_bill && what != What::Bill;
    let words = words_of(given, &form, is_bill, environment, bars)?;
    let mut command = command(words.iter().map(String::as_str))?;
    let settings = Settings::read(command.common.config.as_deref())?;
    let (place, reading) = match &mut command.action {
        Action::Scan(arguments) => {
            // An image is called as it was typed.
            arguments.artifact_name = (what == What::Image).then(|| subject.to_owned());
            if !given.has("ignorefile") && Path::new(IGNORE_FILE).is_file() {
                arguments.gate.trivyignore.push(IGNORE_FILE.into());
            }
            if let Some(file) = given.text("ignorefile") {
                if Path::new(file).exists() {
                    arguments.gate.trivyignore.push(file.into());
                } else {
                    bars.note(&format!("note: trivy: there is no ignore file `{file}`"));
                }
            }
            (&mut arguments.target.target, &mut arguments.target.reading)
        }
        Action::Sbom(arguments) => (&mut arguments.target.target, &mut arguments.target.reading),
        _ => unreachable!("the words of a scan or a bill were made above"),
    };
    reading.other.docker_host = given.text("docker-host").map(str::to_owned);
    reading.other.podman_host = given.text("podman-host").map(str::to_owned);
    if given.is_on("insecure") {
        insecure(subject, what, reading, bars);
    }
    if what == What::Image
        && given.text("input").is_none()
        && let Some((user, secret)) = credential(given)?
    {
        reading.other.login = Some(login(subject, user.as_deref(), &secret)?);
    }
    *place = target(given, what, subject, reading, &settings, bars)?;
    let Action::Scan(arguments) = &command.action else {
        return run_own(&command, environment, bars).map(|_| 0);
    };
    let ended = run_as(arguments, &settings, environment, bars, &mut view);
    if let Some(list) = &view.list
        && !list.is_empty()
    {
        output::write(given.text("output").map(Path::new), list)?;
    }
    let found = view.shown > 0 && exit_code != 0;
    match ended {
        Ok(_) if found => Ok(exit_code),
        Ok(_) => Ok(0),
        // What was found goes before what could not be stored of it.
        Err(failure) if failure.exit == Exit::NotStored && found => {
            eprintln!("{failure}");
            Ok(exit_code)
        }
        Err(failure) => Err(failure),
    }
}

fn exit_code(given: &Given) -> Result<u8, Failure> {
    let Some(text) = given.text("exit-code") else { return Ok(0) };
    text.parse().map_err(|_| {
        usage(format!("cannot read `--exit-code` of trivy: expected a number from 0 to 255, found `{text}`"))
    })
}

/// What is looked for. A scan for other things alone would pass unlooked.
fn scanners(given: &Given, what: What, bars: &Bars) -> Result<(), Failure> {
    const KNOWN: [&str; 7] = ["vuln", "secret", "misconfig", "config", "license", "rbac", "none"];
    let asked = given.list("scanners");
    if let Some(other) = asked.iter().find(|asked| !KNOWN.contains(&asked.as_str())) {
        let failure = usage(format!("cannot read `--scanners` of trivy: found `{other}`"));
        return Err(failure.hint(format!("known are {}", KNOWN.join(", "))));
    }
    if what == What::Convert || (asked.is_empty() && what == What::Bill) {
        return Ok(());
    }
    let others: Vec<&str> =
        asked.iter().map(String::as_str).filter(|&asked| asked != "vuln" && asked != "none").collect();
    if !asked.is_empty() && others.len() == asked.len() {
        let what = format!(
            "cannot look for `{}` as `--scanners` of trivy asks: expected `vuln` among them, found none",
            others.join(",")
        );
        return Err(usage(what).hint("Plimsoll looks for vulnerabilities, and for nothing else"));
    }
    if asked.is_empty() {
        bars.note("note: trivy: vulnerabilities are looked for, and no secrets; `--scanners vuln` says so");
    } else if !others.is_empty() {
        bars.note(&format!("note: trivy: not looked for: {}", others.join(", ")));
    }
    Ok(())
}

/// The words of our own command, but for its target.
fn words_of(
    given: &Given,
    form: &formats::Form,
    is_bill: bool,
    environment: &Environment,
    bars: &Bars,
) -> Result<Vec<String>, Failure> {
    let mut words: Vec<String> = vec!["plimsoll".to_owned()];
    let mut push = |parts: &[&str]| words.extend(parts.iter().map(|&part| part.to_owned()));
    push(&[if is_bill { "sbom" } else { "scan" }, "--format", form.format]);
    if let Some(output) = output(given) {
        push(&["--output", &output]);
    } else if !is_bill {
        push(&["--output", "-"]);
    }
    for (theirs, ours) in [("platform", "--platform"), ("cache-dir", "--cache-dir"), ("cacert", "--ca-cert")]
    {
        if let Some(value) = given.text(theirs) {
            push(&[ours, value]);
        }
    }
    if let Some(count) = given.text("parallel").filter(|count| *count != "0") {
        push(&["--threads", count]);
    }
    if !is_bill {
        // Other tools' ignore files are none of Trivy's.
        push(&["--no-ignore-files"]);
        if given.is_on("skip-db-update") {
            push(&["--offline"]);
        }
        for source in given.list("vex") {
            if source == "repo" {
                return Err(usage(
                    "cannot take `--vex repo` of trivy: which repositories is not known here".to_owned(),
                )
                .hint("`plimsoll scan --vex repo:URL` names one"));
            }
            push(&["--vex", source]);
        }
        if form.format == "asff" {
            let account = environment::variables().get("AWS_ACCOUNT_ID").cloned();
            if let Some(account) = account.filter(|_| environment.aws_account.is_none()) {
                push(&["--aws-account", &account]);
            }
        }
    } else if given.has("pkg-types") || given.has("skip-dirs") || given.has("skip-files") {
        bars.note("note: trivy: a bill of materials lists all packages");
    }
    // The target is put in its place when it is known where the image is.
    push(&["target"]);
    Ok(words)
}

/// Our own spelling of the output, in which `=` parts a format from a file.
fn output(given: &Given) -> Option<String> {
    let file = given.text("output")?;
    let is_plain = !file.contains('=') || file.contains('/');
    Some(if is_plain { file.to_owned() } else { format!("./{file}") })
}

/// `trivy convert`: a stored report, as it is filtered.
fn converted(
    given: &Given,
    form: &formats::Form,
    subject: &str,
    exit_code: u8,
    filter: &Filter,
    environment: &Environment,
    bars: &Bars,
) -> Result<u8, Failure> {
    if given.has("ignorefile") {
        bars.note("note: trivy: `--ignorefile` is without effect where a report is converted");
    }
    let output = output(given).unwrap_or_else(|| "-".to_owned());
    let words = ["plimsoll", "convert", "--format", form.format, "--output", &output, subject];
    let command = command(words)?;
    let settings = Settings::read(command.common.config.as_deref())?;
    let Action::Convert(arguments) = &command.action else {
        unreachable!("the words of a conversion were made above")
    };
    let converted = convert::run_filtered(arguments, &settings, environment, bars, &|finding| {
        filter.shows_finding(finding)
    })?;
    Ok(if converted.findings > 0 { exit_code } else { 0 })
}

/// The scan as Trivy's flags show it.
#[derive(Debug, Default)]
struct View {
    filter: Filter,
    /// The status where it shows a finding.
    exit_code: u8,
    /// How many findings the report shows.
    shown: usize,
    /// The report, where it is a list of results alone.
    list: Option<Vec<u8>>,
}

impl Guise for View {
    fn decide(&mut self, scan: &mut Scan) -> bool {
        if self.exit_code == 0 {
            return false;
        }
        let packages = &scan.inventory.packages;
        let shown: Vec<bool> = packages.iter().map(|package| self.filter.shows_package(package)).collect();
        let is_in_shown = |finding: &Finding| {
            finding.packages.iter().any(|&index| shown.get(index).copied().unwrap_or(true))
        };
        let rule = format!("trivy --exit-code {}{}", self.exit_code, self.filter.words());
        decide(scan, &rule, &|finding| self.filter.shows_finding(finding) && is_in_shown(finding));
        true
    }

    fn view(&mut self, scan: &Scan, bars: &Bars) -> Option<Scan> {
        let view = narrowed(scan, &|package| self.filter.shows_package(package), &|finding| {
            self.filter.shows_finding(finding)
        });
        self.shown = view.findings.len();
        if let Some(list) = &mut self.list {
            *list = results_alone(&view);
        }
        let hidden: Vec<String> = [
            ("findings", scan.findings.len() - view.findings.len()),
            ("packages", scan.inventory.packages.len() - view.inventory.packages.len()),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| format!("{what}: {count}"))
        .collect();
        if hidden.is_empty() {
            return None;
        }
        bars.note(&format!("note: trivy: left out by filters: {}", hidden.join(", ")));
        Some(view)
    }

    fn writing(&self) -> Writing {
        if self.list.is_some() { Writing::Done } else { Writing::WithoutStatus }
    }
}

/// The results of the JSON report, without what it says of the scan.
fn results_alone(scan: &Scan) -> Vec<u8> {
    let mut report = Vec::new();
    plimsoll_report::write_json(scan, &mut report).expect("memory takes every byte");
    let mut report: Value = serde_json::from_slice(&report).expect("it was written as JSON");
    let results = report.get_mut("Results").map_or_else(|| Value::Array(Vec::new()), Value::take);
    let mut text = serde_json::to_string_pretty(&results).expect("values of JSON can be written");
    text.push('\n');
    text.into_bytes()
}
