//! `plimsoll db update`, and what a scan fetches because it is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use plimsoll_db::Store;
use plimsoll_feed::{FeedReport, Outcome, UpdateOptions, UpdateReport};
use plimsoll_http::without_credentials;
use plimsoll_model::{Ecosystem, Namespace};

use crate::args::UpdateArgs;
use crate::carried::Carried;
use crate::database::{damaged, store};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::{Bars, FeedBars};
use crate::settings::Settings;
use crate::updated::in_one_line;

/// Generations that are kept besides the current one, for scans that run, and for `db diff`.
const KEPT_GENERATIONS: usize = 3;
/// How old a file must be that nothing names before it is swept away: another update may be about to name it.
const SWEPT_AFTER: Duration = Duration::from_hours(24);
/// How often a scan tries again to fetch what it lacks.
const MAX_RETRIES_OF_A_SCAN: u32 = 1;
/// How long a scan waits for a connection to fetch what it lacks.
const CONNECT_TIMEOUT_OF_A_SCAN: Duration = Duration::from_secs(5);
/// How long a scan waits for facts of flaws alone: they decide nothing about what is found.
const TIMEOUT_OF_FACTS: Duration = Duration::from_secs(30);
/// Feeds that are named in a note.
const MAX_NAMED_FEEDS: usize = 5;

pub(crate) fn run(
    arguments: &UpdateArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
    quiet: bool,
) -> Result<Exit, Failure> {
    let store = store(arguments.db.path.as_deref(), settings, environment)?;
    let mut options = options(&arguments.ca_cert, settings, environment, bars)?;
    let ecosystems =
        if arguments.ecosystems.is_empty() { &settings.update.ecosystems } else { &arguments.ecosystems };
    options.ecosystems = match (arguments.all, ecosystems.as_slice()) {
        (true, _) => None,
        (false, []) => {
            let held = held(&store)?;
            if held.is_empty() {
                bars.note(
                    "note: no ecosystem is held yet: one comes with the first scan that needs it, or with \
                     `--ecosystem Debian,PyPI`, or all of them with `--all`",
                );
            }
            Some(held)
        }
        (false, names) => Some(names.iter().map(|name| ecosystem(name)).collect::<Result<_, _>>()?),
    };
    if !arguments.sources.is_empty() {
        only(&mut options, &arguments.sources)?;
    }
    with(&mut options, &arguments.with_sources)?;
    // What the command line says of a source goes before what the settings say of it.
    let mut mirrors: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mirror in &arguments.mirrors {
        let (source, url) = mirror.split_once('=').ok_or_else(|| {
            usage(format!(
                "cannot read --mirror `{}`: expected SOURCE=URL as in `osv=https://mirror.example/osv/`",
                without_credentials(mirror)
            ))
        })?;
        check_mirror(source, url)?;
        mirrors.entry(source.to_owned()).or_default().push(url.to_owned());
    }
    options.mirrors.extend(mirrors);
    options.force = arguments.force || is_damaged(&store, bars)?;
    options.downloads = usize::from(arguments.parallel);
    options.offline = arguments.offline || settings.offline;
    options.http.retries = arguments.retries;

    bars.say("asking the sources");
    let report = plimsoll_feed::update(&store, &options).map_err(feed_failure)?;
    // What nothing names is swept away; a folder that cannot be swept is as good a database as before.
    let swept = store.prune(KEPT_GENERATIONS, SWEPT_AFTER, SystemTime::from(environment.now));
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
    if let Err(error) = swept {
        eprintln!("note: {error}");
    }
    if !quiet {
        output::write(None, described(&report).as_bytes())?;
    }
    let failed: Vec<_> = report.failed().collect();
    if failed.is_empty() {
        return Ok(Exit::Passed);
    }
    for feed in &failed {
        let reason = match &feed.outcome {
            Outcome::Failed { reason } => reason.as_str(),
            _ => "failed",
        };
        eprintln!("{}", plimsoll_report::printable(&format!("error: {}: {reason}", feed.name())));
        for note in &feed.notes {
            eprintln!("{}", plimsoll_report::printable(&format!("  {note}")));
        }
    }
    let what = format!(
        "cannot update {} of {} feed{}: what the database held of {} stays",
        failed.len(),
        report.feeds.len(),
        if report.feeds.len() == 1 { "" } else { "s" },
        if failed.len() == 1 { "it" } else { "them" }
    );
    let failure = Failure::new(Exit::NoAdvisories, anyhow!(what));
    Err(match report.failed().find_map(hint) {
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}

/// Whether files of the current generation are gone, or were written by another version: then nothing of it counts as
/// unchanged.
fn is_damaged(store: &Store, bars: &Bars) -> Result<bool, Failure> {
    let Some(generation) = store.current().map_err(damaged)? else { return Ok(false) };
    match generation.open_all() {
        Ok(_) => Ok(false),
        Err(error) => {
            bars.note(&format!("note: {error}: everything is fetched anew"));
            Ok(true)
        }
    }
}

fn hint(feed: &FeedReport) -> Option<&'static str> {
    of_certificates(&feed.to_string())
}

fn of_certificates(said: &str) -> Option<&'static str> {
    said.contains("certificate")
        .then_some("name the certificate of the authority that vouches for the server with `--ca-cert FILE`")
}

fn described(report: &UpdateReport) -> String {
    let digest = if report.after == report.before { "digest unchanged" } else { "digest" };
    // What failed is an error, and told as such.
    let failed = |feed: &FeedReport| {
        iter::once(feed.to_string())
            .chain(feed.notes.iter().map(|note| format!("  {note}")))
            .collect::<Vec<_>>()
    };
    let failed: BTreeSet<String> = report.failed().flat_map(failed).collect();
    let lines = report.to_string();
    let lines: Vec<_> =
        lines.lines().filter(|line| !failed.contains(*line)).map(plimsoll_report::printable).collect();
    let digest = match report.after.as_str() {
        // Of an empty folder from which nothing was asked.
        "" => "no database yet".to_owned(),
        after => format!("{digest}: {after}"),
    };
    format!("{}\n{digest}\n", lines.join("\n"))
}

/// Fetches what a scan needs of ecosystems that the store lacks, and what is known of flaws alone (KEV, EPSS) where an
/// earlier update could not fetch that; nothing else. Gives a note of what could not be fetched: that fails no scan, and
/// what is missing of an ecosystem leaves a gap.
pub(crate) fn ensure(
    store: &Store,
    wanted: &[Namespace],
    ca_cert: &[PathBuf],
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Option<String>, Failure> {
    let lacking = lacking(store, wanted)?;
    let mut names: Vec<&str> = lacking.iter().map(|ecosystem| ecosystem.name()).collect();
    // What was taken over is as its publisher made it.
    if Carried::read(store).is_ok_and(|carried| carried.created.is_empty()) {
        let chosen = chosen(settings, environment)?;
        names.extend(plimsoll_feed::missing_facts(store, &chosen).map_err(feed_failure)?);
    }
    if names.is_empty() {
        return Ok(None);
    }
    let mut options = options(ca_cert, settings, environment, bars)?;
    if lacking.is_empty() {
        let facts: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        only(&mut options, &facts)?;
    }
    let names = names.join(", ");
    bars.say(format!("fetching {names}"));
    // Somebody waits, and a gap says as much as a long wait.
    options.http.retries = MAX_RETRIES_OF_A_SCAN;
    options.http.connect_timeout = CONNECT_TIMEOUT_OF_A_SCAN;
    if lacking.is_empty() {
        options.http.retries = 0;
        options.http.stall_timeout = CONNECT_TIMEOUT_OF_A_SCAN;
        options.file_timeout = TIMEOUT_OF_FACTS;
    }
    Ok(match plimsoll_feed::ensure(store, wanted, &options) {
        Ok(report) => {
            let failed = report.failed().map(|feed| match &feed.outcome {
                Outcome::Failed { reason } => (feed.name(), reason.clone()),
                _ => (feed.name(), String::new()),
            });
            not_fetched(&failed.collect::<Vec<_>>())
        }
        Err(plimsoll_feed::Error::Nothing { failures }) => not_fetched(&failures),
        Err(error) => Some(format!("cannot fetch {names}: {}", in_one_line(&error))),
    })
}

/// What could not be fetched, in one line: the feeds, and the first reason.
fn not_fetched(failures: &[(String, String)]) -> Option<String> {
    let (_, reason) = failures.first()?;
    let names: Vec<&str> = failures.iter().map(|(name, _)| name.as_str()).take(MAX_NAMED_FEEDS).collect();
    let more = match failures.len().saturating_sub(names.len()) {
        0 => String::new(),
        more => format!(" and {more} more feeds"),
    };
    Some(format!("cannot fetch {}{more}: {reason}", names.join(", ")))
}

/// The ecosystems of which a store has nothing, though no source was ever found to have nothing of them.
fn lacking(store: &Store, wanted: &[Namespace]) -> Result<Vec<Ecosystem>, Failure> {
    let generation = store.current().map_err(damaged)?;
    let of = |name: &str, ecosystem: Ecosystem| {
        name.strip_prefix(ecosystem.name()).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    };
    let has = |ecosystem: Ecosystem| {
        generation.as_ref().is_some_and(|generation| {
            let manifest = generation.manifest();
            manifest.partitions.iter().any(|partition| of(&partition.name, ecosystem))
                || manifest.sources.iter().any(|source| of(&source.scope, ecosystem))
        })
    };
    let ecosystems: BTreeSet<Ecosystem> = wanted.iter().map(|namespace| namespace.ecosystem).collect();
    Ok(ecosystems.into_iter().filter(|ecosystem| !has(*ecosystem)).collect())
}

/// What settings and surroundings say of fetching.
fn options(
    ca_cert: &[PathBuf],
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<UpdateOptions, Failure> {
    let mut options = chosen(settings, environment)?;
    options.http = plimsoll_http::Options::from_env();
    options.http.ca_certificates.extend(settings.certificates(ca_cert)?);
    options.http.insecure_http.clone_from(&settings.insecure_http);
    options.offline = settings.offline;
    for (source, urls) in &settings.update.mirrors {
        urls.iter().try_for_each(|url| check_mirror(source, url))?;
        options.mirrors.insert(source.clone(), urls.clone());
    }
    options.progress = Some(Arc::new(FeedBars::new(bars)));
    Ok(options)
}

/// The sources that settings choose.
fn chosen(settings: &Settings, environment: &Environment) -> Result<UpdateOptions, Failure> {
    let mut options = UpdateOptions::new(environment.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    if !settings.update.sources.is_empty() {
        only(&mut options, &settings.update.sources)?;
    }
    with(&mut options, &settings.update.with_sources)?;
    Ok(options)
}

/// These sources and no others.
fn only(options: &mut UpdateOptions, names: &[String]) -> Result<(), Failure> {
    names.iter().try_for_each(|name| known(name))?;
    options.with = names.to_vec();
    options.without = plimsoll_advisory::SOURCES
        .iter()
        .map(|source| source.about())
        // One without an address is a folder only, and never fetched.
        .filter(|about| !about.base.is_empty() && !names.iter().any(|name| name == about.name))
        .map(|about| about.name)
        .map(str::to_owned)
        .collect();
    Ok(())
}

/// These sources besides.
fn with(options: &mut UpdateOptions, names: &[String]) -> Result<(), Failure> {
    for name in names {
        known(name)?;
        options.without.retain(|without| without != name);
        options.with.push(name.clone());
    }
    Ok(())
}

fn check_mirror(source: &str, url: &str) -> Result<(), Failure> {
    known(source)?;
    let is_http = ["http://", "https://"]
        .iter()
        .any(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    if is_http {
        return Ok(());
    }
    Err(usage(format!(
        "cannot use mirror `{}` of source `{source}`: expected an address that begins with http:// or https://",
        without_credentials(url)
    )))
}

fn known(name: &str) -> Result<(), Failure> {
    if plimsoll_advisory::source(name).is_some() {
        return Ok(());
    }
    let all: Vec<&str> = plimsoll_advisory::SOURCES.iter().map(|source| source.about().name).collect();
    Err(usage(format!("cannot use source `{name}`: expected one of {}", all.join(", "))))
}

fn ecosystem(name: &str) -> Result<Ecosystem, Failure> {
    let same = |ecosystem: &&Ecosystem| ecosystem.name().eq_ignore_ascii_case(name);
    Ecosystem::ALL.iter().find(same).copied().ok_or_else(|| {
        let all: Vec<&str> = Ecosystem::ALL.iter().map(|ecosystem| ecosystem.name()).collect();
        usage(format!("cannot fetch ecosystem `{name}`: expected one of {}", all.join(", ")))
    })
}

/// The ecosystems that a store has.
fn held(store: &Store) -> Result<Vec<Ecosystem>, Failure> {
    let Some(generation) = store.current().map_err(damaged)? else { return Ok(Vec::new()) };
    let names = generation.manifest().partitions.iter().map(|partition| partition.name.split(':').next());
    let held: BTreeSet<Ecosystem> = names.flatten().filter_map(Ecosystem::from_name).collect();
    Ok(held.into_iter().collect())
}

fn usage(what: String) -> Failure {
    Failure::new(Exit::Usage, anyhow!(what))
}

fn feed_failure(error: plimsoll_feed::Error) -> Failure {
    let hint = of_certificates(&error.to_string()).or(error.hint());
    let failure = Failure::new(Exit::NoAdvisories, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
