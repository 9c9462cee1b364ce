//! `lw-scanner`: `image evaluate` of Lacework's inline scanner.
//!
//! The engine's image is scanned, and the registry's where the engine has none. Exit status: 0; with `--policy`, or a status
//! for violations, that status where the gate of Plimsoll fails; 1 where something went wrong.

mod evaluation;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use plimsoll_gate::Policy;
use plimsoll_model::{Scan, Severity, Verdict};

use super::lacework::rows::{Asked, context, rows};
use super::lacework::{print, write_page};
use super::reach::{Place, find};
use super::words::{Flag, Given, Grammar, Takes, nearest, usage};
use crate::args::{Action, Command, GateArgs};
use crate::environment::{self, Environment};
use crate::exit::Failure;
use crate::gate::input_failure;
use crate::output;
use crate::progress::Bars;
use crate::scan::{Guise, Writing, run_as};
use crate::settings::Settings;
use crate::view::narrowed;

use Takes::{List, Nothing, Text};

/// The policy where a gate is asked for and none is written.
const DEFAULT_POLICY: &str = "production";
/// Why nothing is lost by what says who asks.
const NO_PLATFORM: &str = "nothing is sent: the scan is made here";

pub(super) const GRAMMAR: Grammar = Grammar { tool: "lw-scanner", prefix: "", flags: FLAGS };

const FLAGS: &[Flag] = &[
    Flag::honoured("data-directory", Text, "where `evaluations/` is written; the home folder").short('d'),
    Flag::honoured("build-id", Text, "stands in the result"),
    Flag::honoured("build-plan", Text, "stands in the result"),
    Flag::honoured("tags", List, "stand in the result"),
    Flag::honoured("policy", Nothing, "the gate of Plimsoll decides: see below"),
    Flag::honoured("fail-on-violation-exit-code", Text, "the exit status where the gate fails"),
    Flag::honoured("critical-violation-exit-code", Text, "the same, by what failed worst"),
    Flag::honoured("high-violation-exit-code", Text, "the same, by what failed worst"),
    Flag::honoured("medium-violation-exit-code", Text, "the same, by what failed worst"),
    Flag::honoured("low-violation-exit-code", Text, "the same, by what failed worst"),
    Flag::honoured("info-violation-exit-code", Text, "the same, by what failed worst"),
    Flag::honoured("fixable", Nothing, "only what has a fix counts"),
    Flag::honoured("no-pull", Nothing, "the engine must have the image"),
    Flag::honoured("scan-library-packages", Nothing, "packages of languages are always read")
        .variable("LW_SCANNER_SCAN_LIBRARY_PACKAGES"),
    Flag::honoured("disable-library-package-scanning", Nothing, "packages of languages are left out"),
    Flag::honoured("html", Nothing, "a page is written into the current folder"),
    Flag::honoured("html-file", Text, "the page's name"),
    Flag::honoured("simple", Nothing, "counts alone").short('s'),
    Flag::honoured("pretty", Nothing, "a line for each flaw, as by default"),
    Flag::honoured("quiet", Nothing, "no progress and no notes").short('q'),
    Flag::honoured("verbose", Nothing, "`-v=false`: the result as JSON on stdout").short('v'),
    Flag::honoured("save", Nothing, "kept in the results store, where PLIMSOLL_STORE names one")
        .variable("LW_SCANNER_SAVE_RESULTS"),
    Flag::honoured("exceptions", Nothing, "waivers hold, and stand in the page"),
    Flag::honoured("help", Nothing, "what becomes of each flag").short('h'),
    Flag::honoured("version", Nothing, "Plimsoll's version"),
    Flag::without("account-name", Text, NO_PLATFORM).short('n').variable("LW_ACCOUNT_NAME"),
    Flag::without("access-token", Text, NO_PLATFORM).short('t').variable("LW_ACCESS_TOKEN"),
    Flag::without("ci-build", Nothing, "what calls is told by its variables"),
    Flag::without("log-directory", Text, "there is no log").short('l'),
    Flag::without("no-color", Nothing, "there is no colour").also(&["nocolor"]),
    Flag::without("debug", Nothing, "what went wrong is always told"),
];

pub(super) fn run(words: &[String], environment: &Environment) -> Result<u8, Failure> {
    let path = GRAMMAR.commands(words);
    let image = match path.as_slice() {
        ["image", "evaluate" | "scan", image @ ..] | ["evaluate", image @ ..] => {
            image.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>()
        }
        ["version", ..] => return version(),
        ["help", ..] => return help(),
        ["configure", ..] => {
            eprintln!("note: lw-scanner: nothing is configured: flags and variables are read at each call");
            return Ok(0);
        }
        [] => {
            let given = GRAMMAR.read(words, &environment::variables(), &[])?;
            return if given.is_on("version") { version() } else { help() };
        }
        [first, ..] => {
            let command = path.iter().take(2).copied().collect::<Vec<_>>().join(" ");
            let failure = usage(format!("cannot run `lw-scanner {command}`: it is not done here"));
            let near = nearest(first, ["image", "evaluate", "configure", "version"].into_iter());
            return Err(failure.hint(match near {
                Some(near) if near != *first => format!("the nearest is `{near}`"),
                _ => "`image evaluate REPOSITORY TAG` is what is taken".to_owned(),
            }));
        }
    };
    let given = GRAMMAR.read(words, &environment::variables(), &[])?;
    if given.is_on("help") {
        return help();
    }
    let bars = Bars::new(environment.progress, given.is_on("quiet"));
    if let Some(told) = given.told(GRAMMAR.tool) {
        bars.note(&told);
    }
    let status = evaluated(&given, &image, environment, &bars);
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    status
}

fn version() -> Result<u8, Failure> {
    let text = format!(
        "lw-scanner {} (Plimsoll, which takes the command line of lw-scanner)\n",
        env!("CARGO_PKG_VERSION")
    );
    output::write(None, text.as_bytes()).map(|()| 0)
}

fn help() -> Result<u8, Failure> {
    let text = format!(
        "plimsoll, which takes the command line of lw-scanner:\nimage evaluate REPOSITORY TAG\n\n{}",
        GRAMMAR.page()
    );
    output::write(None, text.as_bytes()).map(|()| 0)
}

/// Exit statuses of a gate that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Statuses {
    any: u8,
    /// By severity, the worst first.
    by_severity: [Option<u8>; 5],
}

impl Statuses {
    fn read(given: &Given) -> Result<Self, Failure> {
        let status = |name: &str| {
            let Some(text) = given.text(name) else { return Ok(None) };
            text.parse().map(Some).map_err(|_| {
                usage(format!(
                    "cannot read `--{name}` of lw-scanner: expected a number from 0 to 255, found `{text}`"
                ))
            })
        };
        let mut by_severity = [None; 5];
        for (place, word) in by_severity.iter_mut().zip(["critical", "high", "medium", "low", "info"]) {
            *place = status(&format!("{word}-violation-exit-code"))?;
        }
        Ok(Self { any: status("fail-on-violation-exit-code")?.unwrap_or(0), by_severity })
    }

    /// Whether a violation has a status that fails.
    fn asks(&self) -> bool {
        self.any != 0 || self.by_severity.iter().flatten().any(|status| *status != 0)
    }

    /// The status of a decision that did not pass.
    fn of(&self, scan: &Scan) -> u8 {
        let failed = scan.decision.failures().filter_map(|(index, _)| scan.findings.get(index));
        let worst = failed.map(|finding| finding.severity.severity).max();
        let place = worst.map(|severity| match severity {
            Severity::Critical => 0,
            Severity::High => 1,
            Severity::Medium => 2,
            Severity::Low => 3,
            Severity::Negligible | Severity::Unknown => 4,
        });
        place.and_then(|place: usize| self.by_severity[place]).unwrap_or(self.any)
    }
}

/// The scan as the flags show it.
#[derive(Default)]
struct View {
    fixable: bool,
    without_libraries: bool,
    scan: Option<Scan>,
}

impl Guise for View {
    fn view(&mut self, scan: &Scan, _bars: &Bars) -> Option<Scan> {
        self.scan =
            Some(narrowed(scan, &|package| package.kind.is_os() || !self.without_libraries, &|finding| {
                finding.fix.version().is_some() || !self.fixable
            }));
        None
    }

    fn writing(&self) -> Writing {
        Writing::Done
    }
}

fn evaluated(given: &Given, image: &[String], environment: &Environment, bars: &Bars) -> Result<u8, Failure> {
    let [repository, tag] = image else {
        return Err(usage(format!(
            "cannot run `lw-scanner image evaluate`: expected a repository and a tag, found {}",
            if image.is_empty() { "nothing".to_owned() } else { format!("`{}`", image.join(" ")) }
        )));
    };
    let statuses = Statuses::read(given)?;
    let is_gated = given.is_on("policy") || statuses.asks();
    let command = Command::try_parse_from(["plimsoll", "scan", "--format", "json", "--output", "-", "image"])
        .map_err(|error| usage(error.to_string().trim().to_owned()))?;
    let settings = Settings::read(command.common.config.as_deref())?;
    let Action::Scan(mut arguments) = command.action else {
        unreachable!("the words of a scan were made above")
    };
    if is_gated && !has_gate(&arguments.gate, &settings)? {
        arguments.gate.policy = Some(DEFAULT_POLICY.to_owned());
        bars.note(&format!(
            "note: lw-scanner: no policy is written: `{DEFAULT_POLICY}` decides, as `plimsoll policy show {DEFAULT_POLICY}` prints it"
        ));
    }
    let sign = if tag.starts_with("sha256:") { '@' } else { ':' };
    let name = format!("{repository}{sign}{tag}");
    let mut places = vec![Place::Docker, Place::Podman];
    if !given.is_on("no-pull") {
        places.push(Place::Registry);
    }
    arguments.target.target = find(&name, &places, &arguments.target.reading, &settings, bars)?;
    let mut view = View {
        fixable: given.is_on("fixable"),
        without_libraries: given.is_on("disable-library-package-scanning"),
        scan: None,
    };
    let ended = run_as(&arguments, &settings, environment, bars, &mut view);
    let Some(scan) = view.scan else {
        return ended.map(|_| 0);
    };
    // What is not shown does not count.
    let violated = is_gated
        && match scan.decision.verdict {
            Verdict::Passed => false,
            Verdict::Undecided => true,
            Verdict::Failed => scan.decision.failures().next().is_some(),
        };
    let written = write(given, &scan, repository, tag, environment, bars);
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    let status = if violated {
        let status = statuses.of(&scan);
        let kind = if status == 0 { "note" } else { "ERROR" };
        eprintln!("{kind}: {} (exit code: {status})", violation(&scan));
        status
    } else {
        0
    };
    // What could not be written or stored fails what else had passed.
    for result in [written, ended.map(|_| ())] {
        match result {
            Err(failure) if status != 0 => eprintln!("{failure}"),
            result => result?,
        }
    }
    Ok(status)
}

/// What was violated.
fn violation(scan: &Scan) -> String {
    let rules: BTreeSet<&str> = scan.decision.failures().map(|(_, ruling)| ruling.rule.as_str()).collect();
    if rules.is_empty() {
        return "undecided: not all could be read or compared".to_owned();
    }
    format!(
        "{} of {} findings violate {}",
        scan.decision.failures().count(),
        scan.findings.len(),
        rules.into_iter().collect::<Vec<_>>().join(", ")
    )
}

/// Whether flags, variables or settings ask a gate.
fn has_gate(gate: &GateArgs, settings: &Settings) -> Result<bool, Failure> {
    let of_file = Policy::from_settings(&settings.origin, &settings.text).map_err(input_failure)?;
    Ok(gate.policy.is_some()
        || gate.fail_on.or(settings.fail_on).is_some()
        || gate.fail_on_kev
        || settings.fail_on_kev
        || gate.fail_on_new
        || settings.fail_on_new
        || of_file.is_some())
}

/// The result's file, the page, and what is printed.
fn write(
    given: &Given,
    scan: &Scan,
    repository: &str,
    tag: &str,
    environment: &Environment,
    bars: &Bars,
) -> Result<(), Failure> {
    let instant = environment.instant();
    let (registry, name) = match repository.split_once('/') {
        Some((host, name)) if host.contains(['.', ':']) || host == "localhost" => (host, name),
        _ => ("", repository),
    };
    let asked = Asked { registry, repository: name, tag, instant: &instant };
    let mut image = context(scan, &asked).image_info;
    let rows = rows(scan, &asked);
    let document = evaluation::document(given, scan, &image, &rows, &instant);
    let text = format!("{document:#}\n");
    let home = environment::variables().get("HOME").map_or_else(PathBuf::new, PathBuf::from);
    let data = given.text("data-directory").map_or(home, PathBuf::from);
    let folder = data.join("evaluations").join(repository).join(tag);
    std::fs::create_dir_all(&folder).map_err(|error| {
        let what = format!("cannot make the folder `{}`", folder.display());
        Failure::new(crate::exit::Exit::CouldNotScan, anyhow::Error::new(error).context(what))
    })?;
    let file = folder.join(format!("evaluation_{}.json", evaluation::name(scan)));
    output::write(Some(&file), text.as_bytes())?;
    if given.is_on("html") || given.has("html-file") {
        let system = scan.inventory.os.as_ref().map_or("image", |os| os.id.as_str());
        let default = format!("{system}-{}.html", evaluation::digest(scan));
        let page = given.text("html-file").unwrap_or(&default);
        write_page(scan, Path::new(page), environment)?;
        bars.note(&format!("note: lw-scanner: the page is `{page}`"));
    }
    bars.note(&format!("note: lw-scanner: the result is `{}`", file.display()));
    if given.text("verbose") == Some("false") {
        return output::write(None, text.as_bytes());
    }
    // A bare digest has no manifest's name in an engine.
    if image.digest.is_empty() {
        "-".clone_into(&mut image.digest);
    }
    let shown = print::Shown { details: !given.is_on("simple"), html: true, ..print::Shown::default() };
    output::write(None, print::assessment(&image, &rows, &shown).as_bytes())
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{Finding, Outcome, Ruling};

    use super::*;

    #[test]
    fn statuses_are_those_of_what_failed_worst() {
        let mut scan = Scan::default();
        for severity in [Severity::Critical, Severity::Medium] {
            let mut finding = Finding::new("CVE-1", vec![0]);
            finding.severity.severity = severity;
            scan.findings.push(finding);
        }
        let ruling = |outcome| Ruling { outcome, ..Ruling::default() };
        scan.decision.rulings = vec![ruling(Outcome::Passed), ruling(Outcome::Failed)];
        let read = |line: &str| {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let given = GRAMMAR.read(&words, &std::collections::BTreeMap::new(), &[]).unwrap();
            Statuses::read(&given)
        };
        for (line, asks, status) in [
            ("", false, 0),
            ("--fail-on-violation-exit-code 0", false, 0),
            ("--fail-on-violation-exit-code 3", true, 3),
            ("--fail-on-violation-exit-code 3 --medium-violation-exit-code 4", true, 4),
            ("--critical-violation-exit-code 4", true, 0),
        ] {
            let statuses = read(line).unwrap();
            assert_eq!((statuses.asks(), statuses.of(&scan)), (asks, status), "{line}");
        }
        assert!(read("--fail-on-violation-exit-code x").is_err());
    }
}
