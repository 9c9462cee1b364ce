//! `plimsoll db update`, and what a scan fetches because it is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use plimsoll_db::Store;
use plimsoll_feed::{Feeds, UpdateOptions, UpdateReport};
use plimsoll_model::{Ecosystem, Namespace};

use crate::args::UpdateArgs;
use crate::carried::Carried;
use crate::database::{damaged, store};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::{Bars, FeedBars};
use crate::settings::Settings;

/// Generations that are kept besides the current one, for scans that run, and for `db diff`.
const KEPT_GENERATIONS: usize = 3;
/// How old a file must be that nothing names before it is swept away: another update may be about to name it.
const SWEPT_AFTER: Duration = Duration::from_hours(24);
/// How often a scan tries again to fetch what it lacks.
const MAX_RETRIES_OF_A_SCAN: u32 = 1;
/// How long a scan waits for a connection to fetch what it lacks.
const CONNECT_TIMEOUT_OF_A_SCAN: Duration = Duration::from_secs(5);

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
                "cannot read --mirror `{mirror}`: expected SOURCE=URL as in `osv=https://mirror.example/osv/`"
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
        eprintln!("{}", plimsoll_report::printable(&format!("error: {feed}")));
        for note in &feed.notes {
            eprintln!("{}", plimsoll_report::printable(&format!("  {note}")));
        }
    }
    let what = format!(
        "cannot update {} of {} feeds: what the database held of {} stays",
        failed.len(),
        report.feeds.len(),
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

fn hint(feed: &plimsoll_feed::FeedReport) -> Option<&'static str> {
    of_certificates(&feed.to_string())
}

fn of_certificates(said: &str) -> Option<&'static str> {
    said.contains("certificate")
        .then_some("name the certificate of the authority that vouches for the server with `--ca-cert FILE`")
}

fn described(report: &UpdateReport) -> String {
    let digest = if report.after == report.before { "digest unchanged" } else { "digest" };
    let lines = report.to_string();
    let lines: Vec<_> = lines.lines().map(plimsoll_report::printable).collect();
    let digest = match report.after.as_str() {
        // Of an empty folder from which nothing was asked.
        "" => "no database yet".to_owned(),
        after => format!("{digest}: {after}"),
    };
    format!("{}\n{digest}\n", lines.join("\n"))
}

/// Fetches what a scan needs of ecosystems that the store lacks, and nothing else. Gives notes on what could not be
/// fetched: that fails no scan, it leaves a gap.
pub(crate) fn ensure(
    store: &Store,
    wanted: &[Namespace],
    ca_cert: &[PathBuf],
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Vec<String>, Failure> {
    let lacking = lacking(store, wanted)?;
    if lacking.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = lacking.iter().map(|ecosystem| ecosystem.name()).collect();
    bars.say(format!("fetching advisories of {}", names.join(", ")));
    let mut options = options(ca_cert, settings, environment, bars)?;
    // Somebody waits, and a gap says as much as a long wait.
    options.http.retries = MAX_RETRIES_OF_A_SCAN;
    options.http.connect_timeout = CONNECT_TIMEOUT_OF_A_SCAN;
    Ok(match plimsoll_feed::ensure(store, wanted, &options) {
        Ok(report) => report.failed().map(ToString::to_string).collect(),
        Err(error) => {
            let mut text = format!("cannot fetch advisories of {}: {error}", names.join(", "));
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                write!(text, "; {error}").expect("a string takes every text");
                cause = error.source();
            }
            vec![text]
        }
    })
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

/// When what a scan of these namespaces asks was last compared with its sources, RFC 3339 UTC: of its parts the one that
/// was looked after least; of the whole database where `wanted` is `None`. Empty where that is not known, as of a
/// database that was built from files.
pub(crate) fn updated(path: &Path, wanted: Option<&[Namespace]>) -> String {
    if path.is_file() {
        return String::new();
    }
    let store = Store::at(path);
    let Ok(Some(generation)) = store.current() else { return String::new() };
    let feeds = Feeds::read(&store);
    let is_held_by_feeds = |source: &plimsoll_db::SourceInfo| {
        feeds.feeds().any(|feed| feed.source == source.source && feed.scope == source.scope)
    };
    // What was taken over whole is as old as its publisher said, until everything in it was fetched here.
    let carried = Carried::read(&store).created;
    let all_fetched = generation.manifest().sources.iter().all(is_held_by_feeds);
    match feeds.checked_at(wanted) {
        Some(checked) if all_fetched => checked.to_owned(),
        Some(checked) if !carried.is_empty() => carried.min(checked.to_owned()),
        None if !carried.is_empty() => carried,
        _ => String::new(),
    }
}

/// What settings and surroundings say of fetching.
fn options(
    ca_cert: &[PathBuf],
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<UpdateOptions, Failure> {
    let mut options = UpdateOptions::new(environment.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    options.http = plimsoll_http::Options::from_env();
    options.http.ca_certificates.extend(settings.certificates(ca_cert)?);
    options.http.insecure_http.clone_from(&settings.insecure_http);
    options.offline = settings.offline;
    for (source, urls) in &settings.update.mirrors {
        urls.iter().try_for_each(|url| check_mirror(source, url))?;
        options.mirrors.insert(source.clone(), urls.clone());
    }
    if !settings.update.sources.is_empty() {
        only(&mut options, &settings.update.sources)?;
    }
    with(&mut options, &settings.update.with_sources)?;
    options.progress = Some(Arc::new(FeedBars::new(bars)));
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
        "cannot use mirror `{url}` of source `{source}`: expected an address that begins with http:// or https://"
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
