//! `trivy`: images, folders and bills of materials, as pipelines call it.
//!
//! Exit status: 0, what `--exit-code` says where something is found, 1 where something went wrong. Filters leave out of the
//! report what they leave out there; what was left out is counted on stderr.

mod config;
mod filter;
mod flags;
mod formats;
mod place;
mod scanned;

use clap::Parser as _;

use self::flags::FLAGS;
use self::scanned::scanned;
use super::words::{Given, Grammar, nearest, usage};
use crate::args::Command;
use crate::environment::{self, Environment};
use crate::exit::Failure;
use crate::output;
use crate::progress::Bars;
use crate::run as run_own;

pub(super) const GRAMMAR: Grammar = Grammar { tool: "trivy", prefix: "TRIVY_", flags: FLAGS };

/// With this, Trivy before 0.20 wrote the JSON report that it writes today, and not a list of results alone.
const NEW_SCHEMA: &str = "TRIVY_NEW_JSON_SCHEMA";

/// Commands, with their other names.
const COMMANDS: &[(&str, What)] = &[
    ("image", What::Image),
    ("i", What::Image),
    // The client of a server that is not asked.
    ("client", What::Image),
    ("c", What::Image),
    ("filesystem", What::Folder),
    ("fs", What::Folder),
    ("rootfs", What::Folder),
    ("repository", What::Folder),
    ("repo", What::Folder),
    ("sbom", What::Bill),
    ("convert", What::Convert),
    ("clean", What::Clean),
    ("version", What::Version),
    ("help", What::Help),
];

/// Commands that are not here, and what to do instead.
const REFUSED: &[(&str, &str)] = &[
    ("config", "misconfigurations are not looked for"),
    ("conf", "misconfigurations are not looked for"),
    ("kubernetes", "scan its images: `plimsoll registry scan`, or one by one"),
    ("k8s", "scan its images: `plimsoll registry scan`, or one by one"),
    ("aws", "accounts are not looked at"),
    ("cloud", "nothing is sent anywhere"),
    ("vm", "mount it, and scan its root folder: `trivy rootfs DIR`"),
    ("server", "scans need no server"),
    ("s", "scans need no server"),
    ("plugin", "there are no plugins"),
    ("p", "there are no plugins"),
    ("module", "there are no modules"),
    ("registry", "credentials are those of Docker and podman: `docker login`"),
    ("login", "nothing is sent anywhere"),
    ("logout", "nothing is sent anywhere"),
    ("vex", "`plimsoll scan --vex repo:URL` reads a VEX repository"),
    ("referrer", "`plimsoll scan` has what stands for it"),
];

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Image,
    Folder,
    Bill,
    Convert,
    Clean,
    Version,
    Help,
}

pub(super) fn run(words: &[String], environment: &Environment) -> Result<u8, Failure> {
    // What is asked for is said first: a flag of a command that is not here is not what is wrong.
    if let Some((name, hint)) =
        GRAMMAR.commands(words).first().and_then(|word| REFUSED.iter().find(|(name, _)| name == word))
    {
        let failure = usage(format!("cannot run `trivy {name}`: it is not done here"));
        return Err(failure.hint(*hint));
    }
    let variables = environment::variables();
    // The configuration's name may stand in a flag or a variable.
    let named = GRAMMAR.read(words, &variables, &[])?;
    let is_known = |name: &str| FLAGS.iter().any(|flag| flag.name == name);
    let config = config::read(named.text("config"), &is_known)?;
    let mut given = GRAMMAR.read(words, &variables, &config.flags)?;
    let quiet = given.is_on("quiet");
    let bars = Bars::new(environment.progress && !given.is_on("no-progress"), quiet);
    if let Some(told) = given.told(GRAMMAR.tool) {
        bars.note(&told);
    }
    if !config.unknown.is_empty() {
        let keys = config.unknown.join(", ");
        bars.note(&format!("note: trivy: keys of the configuration without effect here: {keys}"));
    }
    let status = commanded(&mut given, environment, &bars);
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    status
}

fn commanded(given: &mut Given, environment: &Environment, bars: &Bars) -> Result<u8, Failure> {
    if given.is_on("version") {
        return version(given);
    }
    if given.is_on("help") {
        return help();
    }
    let first = given.words.first().cloned();
    let command = first.as_deref().and_then(|word| COMMANDS.iter().find(|(name, _)| *name == word));
    // Without a command it is the name of an image, as before 0.30; flags may stand before the command.
    let what = match command {
        Some((_, what)) => {
            given.words.remove(0);
            // `trivy client --remote URL image app:1`
            let is_again = *what == What::Image && given.words.len() > 1 && given.words[0] == "image";
            if is_again {
                given.words.remove(0);
            }
            *what
        }
        None => What::Image,
    };
    match what {
        What::Version => return version(given),
        What::Help => return help(),
        What::Clean => return cleaned(bars),
        What::Image | What::Folder | What::Bill | What::Convert => {}
    }
    if given.is_on("clear-cache") || given.is_on("reset") {
        return cleaned(bars);
    }
    if given.is_on("download-java-db-only") && given.words.is_empty() {
        bars.note("note: trivy: there is no database of Java archives: they say themselves what they are");
        return Ok(0);
    }
    if given.is_on("download-db-only") {
        return updated(given, environment, bars);
    }
    let subject = subject(given, what, command.is_some())?;
    // The line of old has the report of old, unless its variable asked for the newer one.
    let asks_for_newer = environment::variables().get(NEW_SCHEMA).is_some_and(|value| value == "true");
    let is_list = command.is_none() && !asks_for_newer;
    scanned(given, what, &subject, is_list, environment, bars)
}

/// What is scanned: the one word, or `--input`.
fn subject(given: &Given, what: What, is_command: bool) -> Result<String, Failure> {
    let input = given.text("input").filter(|_| what == What::Image);
    let words: Vec<&str> = input.into_iter().chain(given.words.iter().map(String::as_str)).collect();
    let expected = match what {
        What::Image => "one image",
        What::Folder => "one folder",
        _ => "one file",
    };
    match words.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Err(usage(format!("cannot run `trivy`: expected {expected}, found none"))
            .hint("`plimsoll as --list trivy` lists what is taken")),
        [first, ..] => {
            let failure =
                usage(format!("cannot run `trivy`: expected {expected}, found `{}`", words.join(" ")));
            let near = nearest(first, COMMANDS.iter().map(|(name, _)| *name).filter(|name| name.len() > 2));
            Err(match near {
                Some(near) if !is_command => failure.hint(format!("the nearest command is `{near}`")),
                _ => failure,
            })
        }
    }
}

fn version(given: &Given) -> Result<u8, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let text = match given.text("format") {
        Some("json") => format!("{{\"Version\":\"{version}\",\"Tool\":\"plimsoll\"}}\n"),
        _ => format!("Version: {version}\nPlimsoll, which takes the command line of trivy\n"),
    };
    output::write(None, text.as_bytes()).map(|()| 0)
}

fn help() -> Result<u8, Failure> {
    let text = format!(
        "plimsoll, which takes the command line of trivy: image, filesystem (fs), rootfs,\n\
         repository (repo) of a local folder, sbom, convert, clean, version\n\n{}",
        GRAMMAR.page()
    );
    output::write(None, text.as_bytes()).map(|()| 0)
}

#[expect(clippy::unnecessary_wraps, reason = "as the other commands, which may fail")]
fn cleaned(bars: &Bars) -> Result<u8, Failure> {
    bars.note(
        "note: trivy: nothing is removed: what is cached of a layer holds for ever, and `plimsoll db update` \
         keeps the database fresh",
    );
    Ok(0)
}

fn updated(given: &Given, environment: &Environment, bars: &Bars) -> Result<u8, Failure> {
    let mut words = vec!["plimsoll", "db", "update"];
    if given.is_on("quiet") {
        words.push("--quiet");
    }
    let certificates = given.text("cacert").map(str::to_owned);
    if let Some(file) = &certificates {
        words.extend(["--ca-cert", file]);
    }
    run_own(&command(words)?, environment, bars).map(|_| 0)
}

/// Our own command line, read.
fn command<'w>(words: impl IntoIterator<Item = &'w str>) -> Result<Command, Failure> {
    Command::try_parse_from(words).map_err(|error| {
        let text = error.to_string();
        // What is wrong is what a variable says: words are made here.
        usage(text.trim().strip_prefix("error: ").unwrap_or(text.trim()).to_owned())
    })
}
