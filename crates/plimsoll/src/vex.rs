//! VEX: what is said of findings, taken into a scan; `plimsoll vex`.

mod add;
mod apply;
mod args;
mod check;

pub(crate) use apply::Said;
pub(crate) use args::{VexArgs, VexSources};

use std::path::{Path, PathBuf};

use plimsoll_attest::{VerifyingKey, read_verifying_keys};
use plimsoll_model::{Finding, Inventory};
use plimsoll_vex_source::{Error, Found, Looking, Source, find, find_files};

use crate::args::ReadingArgs;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::progress::Bars;
use crate::settings::Settings;
use crate::target::{cache_folder, reach};
use args::VexAction;

pub(crate) fn run(arguments: &VexArgs, environment: &Environment) -> Result<Exit, Failure> {
    match &arguments.action {
        VexAction::Add(arguments) => add::run(arguments, environment),
        VexAction::Check { files, keys, against } => check::run(files, &read_keys(keys)?, against.as_deref()),
    }
}

/// The documents of a scan: those of files, which are read before the image is, and where others are.
pub(crate) struct Vex {
    sources: Vec<Source>,
    keys: Vec<VerifyingKey>,
    found: Found,
}

/// How documents are reached that lie beside the image or in repositories.
#[derive(Clone, Copy)]
pub(crate) struct Seeking<'a> {
    pub(crate) reading: &'a ReadingArgs,
    /// Whether the network is not to be used.
    pub(crate) offline: bool,
}

impl Vex {
    /// Reads what flags, and else settings, name.
    pub(crate) fn read(arguments: &VexSources, settings: &Settings) -> Result<Self, Failure> {
        let texts = if arguments.vex.is_empty() { &settings.vex } else { &arguments.vex };
        let sources: Vec<Source> =
            texts.iter().map(|text| text.parse()).collect::<Result<_, _>>().map_err(failure)?;
        if sources.is_empty() && !arguments.vex_key.is_empty() {
            let what = "cannot check VEX documents with --vex-key: expected documents by --vex, found none";
            return Err(Failure::new(Exit::Usage, anyhow::anyhow!(what)));
        }
        let keys =
            read_keys(if arguments.vex_key.is_empty() { &settings.vex_key } else { &arguments.vex_key })?;
        let found = find_files(&sources, &keys).map_err(failure)?;
        Ok(Self { sources, keys, found })
    }

    /// Looks for the other documents, judges all of them, and takes what they settle out of the findings.
    pub(crate) fn judge(
        &self,
        seeking: Seeking<'_>,
        settings: &Settings,
        environment: &Environment,
        bars: &Bars,
        inventory: &Inventory,
        findings: &mut Vec<Finding>,
    ) -> Result<Said, Failure> {
        let mut found = self.found.clone();
        if self.sources.iter().any(|source| !matches!(source, Source::Path(_))) {
            bars.say("looking for VEX documents");
            let cache_folder = cache_folder(seeking.reading, settings, environment);
            let looking = Looking {
                keys: &self.keys,
                reach: &reach(seeking.reading, settings)?,
                cache_folder: cache_folder.as_deref(),
                temporary_folder: &environment.temporary_folder,
                now: environment.now,
                offline: seeking.offline || settings.offline,
            };
            find(&self.sources, inventory, &looking, &mut found).map_err(failure)?;
        }
        found.notes.iter().for_each(|note| bars.note(note));
        Ok(apply::apply(found, inventory, findings))
    }
}

/// A source of a settings file, whose paths are taken from its folder.
pub(crate) fn in_folder(source: &str, folder: &Path) -> String {
    match source.parse() {
        Ok(Source::Path(path)) => folder.join(path).to_string_lossy().into_owned(),
        // What is wrong with it is said when it is used.
        _ => source.to_owned(),
    }
}

fn read_keys(files: &[PathBuf]) -> Result<Vec<VerifyingKey>, Failure> {
    let mut keys = Vec::new();
    for file in files {
        keys.extend(read_verifying_keys(file).map_err(|error| {
            let hint = error.hint();
            with_hint(Failure::new(Exit::Usage, error), hint)
        })?);
    }
    Ok(keys)
}

fn failure(error: Error) -> Failure {
    let hint = error.hint();
    let exit = if error.is_usage() { Exit::Usage } else { Exit::CouldNotScan };
    with_hint(Failure::new(exit, error), hint)
}

fn with_hint(failure: Failure, hint: Option<&str>) -> Failure {
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
