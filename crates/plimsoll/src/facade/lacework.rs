//! `lacework`: `vulnerability container` of Lacework's command line.
//!
//! Scanned is here, unless `LW_API_SERVER_URL` names a server that does. Exit status: 0, 9 where a `--fail_on_…` is met,
//! 1 where something went wrong. Other commands are refused by name, but for those that pipelines call on the way: to
//! configure and to install parts of a tool there is nothing, and a report of compliance is empty.

mod flags;
mod gate;
pub(super) mod print;
pub(super) mod rows;
mod scanned;
mod server;
mod stored;

use std::fmt::Write as _;

use self::flags::FLAGS;
use self::gate::{Gate, rank};
use self::print::{Shown, assessment, table};
use self::rows::{Asked, ImageInfo, Row};
use self::scanned::{by_server, here};
use super::words::{Given, Grammar, nearest, usage};
use crate::environment::{self, Environment};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::Bars;
use crate::settings::Settings;

pub(super) use self::scanned::write_page;

/// The variable that names a server.
const SERVER: &str = "LW_API_SERVER_URL";
/// The status of a gate that failed.
const GATE_FAILED: u8 = 9;
/// The status of a call without a command.
const NO_COMMAND: u8 = 127;

pub(super) const GRAMMAR: Grammar = Grammar { tool: "lacework", prefix: "", flags: FLAGS };

/// Commands of containers, with their other names.
const COMMANDS: &[(&str, What)] = &[
    ("scan", What::Scan),
    ("show-assessment", What::Show),
    ("show", What::Show),
    ("list-assessments", What::List),
    ("list", What::List),
    ("ls", What::List),
    ("list-registries", What::Registries),
    ("list-reg", What::Registries),
    ("registries", What::Registries),
];

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Scan,
    Show,
    List,
    Registries,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Show => "show-assessment",
            Self::List => "list-assessments",
            Self::Registries => "list-registries",
        }
    }
}

pub(super) fn run(words: &[String], environment: &Environment) -> Result<u8, Failure> {
    let path = GRAMMAR.commands(words);
    match path.as_slice() {
        ["vulnerability" | "vuln" | "vul", "container" | "ctr", ..] => {}
        ["version", ..] => return version(),
        ["help", ..] => return help(),
        [] => return without_command(words),
        [first, ..] => return elsewhere(first, &path, words),
    }
    let mut given = GRAMMAR.read(words, &environment::variables(), &[])?;
    if given.is_on("help") {
        return help();
    }
    given.words.drain(..2);
    let name = given.words.first().cloned().ok_or_else(|| {
        usage("cannot run `lacework vulnerability container`: expected a command, found none".to_owned())
            .hint("scan, show-assessment, list-assessments or list-registries")
    })?;
    let Some((_, what)) = COMMANDS.iter().find(|(known, _)| *known == name) else {
        let failure =
            usage(format!("cannot run `lacework vulnerability container {name}`: it is not done here"));
        return Err(match nearest(&name, COMMANDS.iter().map(|(known, _)| *known)) {
            Some(nearest) => failure.hint(format!("the nearest is `{nearest}`")),
            None => failure,
        });
    };
    given.words.remove(0);
    let bars = Bars::new(environment.progress && !given.is_on("noninteractive"), false);
    if let Some(told) = given.told(GRAMMAR.tool) {
        bars.note(&told);
    }
    let status = match what {
        What::Scan => scan(&given, environment, &bars),
        What::Show | What::List | What::Registries => from_store(*what, &given, environment),
    };
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    status
}

fn version() -> Result<u8, Failure> {
    let text = format!(
        "lacework v{} (Plimsoll, which takes the command line of lacework)\n",
        env!("CARGO_PKG_VERSION")
    );
    output::write(None, text.as_bytes()).map(|()| 0)
}

fn help() -> Result<u8, Failure> {
    let text = format!(
        "plimsoll, which takes the command line of lacework:\n\
         vulnerability container scan REGISTRY REPOSITORY TAG|DIGEST\n\
         vulnerability container show-assessment DIGEST\n\
         vulnerability container list-assessments | list-registries\n\n{}",
        GRAMMAR.page()
    );
    output::write(None, text.as_bytes()).map(|()| 0)
}

fn without_command(words: &[String]) -> Result<u8, Failure> {
    let given = GRAMMAR.read(words, &environment::variables(), &[])?;
    if given.is_on("version") {
        return version();
    }
    let is_asked = given.is_on("help");
    help().map(|status| if is_asked { status } else { NO_COMMAND })
}

/// What is not about containers. Nothing of it is pretended: what would find or decide something is refused; what only
/// makes ready has nothing to do, and says so.
fn elsewhere(first: &str, path: &[&str], words: &[String]) -> Result<u8, Failure> {
    let refused = |hint: &str| {
        // Behind a flag that is not known it is not known either what is a command and what a value.
        let before: Vec<&str> =
            words.iter().map(String::as_str).take_while(|word| !word.starts_with('-')).take(3).collect();
        let command = if before.is_empty() { first.to_owned() } else { before.join(" ") };
        Err(usage(format!("cannot run `lacework {command}`: it is not done here")).hint(hint.to_owned()))
    };
    match path {
        ["configure", ..] => {
            eprintln!("note: lacework: nothing is configured: flags and LW_ variables are read at each call");
            Ok(0)
        }
        ["component" | "components", "list", ..] => {
            let text = "Plimsoll has no components: `vulnerability container` is built in.\n";
            output::write(None, text.as_bytes()).map(|()| 0)
        }
        ["component" | "components", "install" | "update", ..] => {
            eprintln!("note: lacework: no component is installed: what it does is refused when it is called");
            Ok(0)
        }
        ["compliance" | "comp", _, "get-report", ..] => {
            eprintln!(
                "note: lacework: accounts are not looked at: the report of compliance is empty, and says nothing"
            );
            let is_json = words.iter().any(|word| word == "--json");
            let text = if is_json {
                "{\n  \"recommendations\": [],\n  \"summary\": []\n}\n"
            } else {
                "No compliance report: accounts are not looked at.\n"
            };
            output::write(None, text.as_bytes()).map(|()| 0)
        }
        ["vulnerability" | "vuln" | "vul", "host", ..] => {
            refused("scan the host's root folder: `plimsoll scan dir:/`")
        }
        ["vulnerability" | "vuln" | "vul"] => refused("`container` is what is taken"),
        ["iac", ..] => refused("templates and code are not looked at"),
        ["compliance" | "comp", ..] => refused("accounts are not looked at"),
        _ => {
            const TAKEN: [&str; 4] = ["vulnerability", "configure", "component", "version"];
            match nearest(first, TAKEN.into_iter()) {
                Some(nearest) if nearest != first => refused(&format!("the nearest is `{nearest}`")),
                _ => refused("`vulnerability container` is what is taken"),
            }
        }
    }
}

/// What is shown, by the flags.
fn shown(given: &Given) -> Result<Shown, Failure> {
    Ok(Shown {
        details: given.is_on("details"),
        packages: given.is_on("packages"),
        fixable: given.is_on("fixable"),
        severity: given.text("severity").map(rank).transpose()?,
        html: given.is_on("html") || given.has("html_file"),
    })
}

fn gate(given: &Given) -> Result<Gate, Failure> {
    Gate::new(given.text("fail_on_severity"), given.is_on("fail_on_fixable"))
}

fn scan(given: &Given, environment: &Environment, bars: &Bars) -> Result<u8, Failure> {
    let [registry, repository, tag] = given.words.as_slice() else {
        return Err(usage(format!("accepts 3 arg(s), received {}", given.words.len()))
            .hint("lacework vulnerability container scan REGISTRY REPOSITORY TAG|DIGEST"));
    };
    let (shown, gate) = (shown(given)?, gate(given)?);
    let instant = environment.instant();
    let tag = tag.strip_prefix('@').unwrap_or(tag);
    let asked = Asked { registry, repository, tag, instant: &instant };
    let server = environment::variables().get(SERVER).filter(|url| !url.is_empty()).cloned();
    match server {
        Some(url) => by_server(&url, given, &asked, &shown, &gate, environment, bars),
        None => here(given, &asked, &shown, &gate, environment, bars),
    }
}

/// Rows as JSON, or for people.
fn print(
    is_json: bool,
    image: &ImageInfo,
    rows: &[Row],
    shown: &Shown,
    text: &mut String,
) -> Result<(), Failure> {
    if is_json {
        let visible: Vec<&Row> = rows.iter().filter(|row| shown.shows(row)).collect();
        let written = if visible.is_empty() && !rows.is_empty() {
            "null".to_owned()
        } else {
            serde_json::to_string_pretty(&visible).map_err(|error| Failure::new(Exit::CouldNotScan, error))?
        };
        let _ = writeln!(text, "{written}");
    } else {
        text.push_str(&assessment(image, rows, shown));
    }
    output::write(None, text.as_bytes())
}

/// The gate's status; why it fails goes to stderr, as there.
fn decided(gate: &Gate, rows: &[Row]) -> u8 {
    match gate.failure(rows) {
        Some(why) => {
            eprintln!("\nERROR (FAIL-ON): {why} (exit code: {GATE_FAILED})");
            GATE_FAILED
        }
        None => 0,
    }
}

/// What a results store knows.
fn from_store(what: What, given: &Given, environment: &Environment) -> Result<u8, Failure> {
    let settings = Settings::read(None)?;
    let variables = environment::variables();
    let named = variables.get("PLIMSOLL_STORE").filter(|store| !store.is_empty());
    let store = stored::open(what.name(), named, &settings, environment)?;
    let is_json = given.is_on("json");
    let mut text = String::new();
    if what == What::Show {
        let [digest, flaws @ ..] = given.words.as_slice() else {
            return Err(usage("accepts 1 arg(s), received 0".to_owned())
                .hint("lacework vulnerability container show-assessment DIGEST"));
        };
        let (shown, gate) = (shown(given)?, gate(given)?);
        let mut found = stored::assessment(&store, digest)?;
        if let [flaw, ..] = flaws {
            found.rows.retain(|row| row.vuln_id == *flaw);
            if found.rows.is_empty() && !is_json {
                let text = format!("Unable to find results for '{flaw}'\n");
                return output::write(None, text.as_bytes()).map(|()| 0);
            }
        }
        print(is_json, &found.image.image_info, &found.rows, &shown, &mut text)?;
        return Ok(decided(&gate, &found.rows));
    }
    let mut found = stored::assessments(&store, given.list("registry"), given.list("repository"))?;
    if given.is_on("fixable") {
        found.retain(|assessment| assessment.fixable() > 0);
    }
    if what == What::Registries {
        let mut registries: Vec<String> =
            found.iter().map(|assessment| assessment.image.image_info.registry.clone()).collect();
        registries.sort();
        registries.dedup();
        if is_json && !registries.is_empty() {
            let _ = writeln!(text, "{:#}", serde_json::json!(registries));
        } else if !is_json {
            table(
                &["CONTAINER REGISTRIES"],
                registries.into_iter().map(|name| vec![name]).collect(),
                &mut text,
            );
        }
    } else if is_json {
        let all: Vec<_> = found.iter().map(stored::Assessment::json).collect();
        let value = if all.is_empty() { serde_json::Value::Null } else { all.into() };
        let _ = writeln!(text, "{value:#}");
    } else if found.is_empty() {
        text.push_str("There are no assessments of these registries and repositories in the store.\n");
    } else {
        let head = [
            "REGISTRY",
            "REPOSITORY",
            "LAST SCAN",
            "STATUS",
            "CONTAINERS",
            "VULNERABILITIES",
            "IMAGE DIGEST",
        ];
        table(&head, found.iter().map(stored::Assessment::cells).collect(), &mut text);
    }
    output::write(None, text.as_bytes()).map(|()| 0)
}
