//! `plimsoll store`, and what other commands do with stores and buckets.

mod add;
mod get;
mod keep;
mod list;
mod object;
mod prune;
mod tables;

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use plimsoll_store::{Encryption, Error, Location, Options, Store};
use tokio::runtime::Runtime;

use crate::args::{ObjectArgs, Sse, StoreAction, StoreArgs, StorePath};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::progress::Bars;
use crate::settings::Settings;

pub(crate) use keep::{Keep, image_subject, verdict_word};
pub(crate) use object::{ObjectPlace, Sending};

/// Tags that an object of S3 may have.
const MAX_TAGS: usize = 10;
/// Names that are tried for a file that nobody shall lose.
const MAX_NAMES: usize = 1000;
/// The most bytes of a key's last part that its name is made of: a file's has 255, and a number may stand behind.
const MAX_NAME_BYTES: usize = 240;

pub(crate) fn run(
    arguments: &StoreArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Exit, Failure> {
    match &arguments.action {
        StoreAction::Add { reports, time, jobs, store, objects } => {
            let options = options(objects, &store.ca_cert, settings)?;
            let store = open(store, &options, settings, environment)?;
            let add = add::Add {
                reports,
                time: time.map(|time| time.0),
                jobs: usize::from(*jobs),
                options: &options,
            };
            add.run(&store, environment, bars)
        }
        StoreAction::List { repository, json, store } => {
            list::run(&existing(store, settings, environment)?, repository.as_deref(), *json)
        }
        StoreAction::Get { key, output, store } => {
            get::run(&existing(store, settings, environment)?, key, output.as_deref())
        }
        StoreAction::Tables(action) => tables::run(action, settings, environment, bars),
        StoreAction::Prune { .. } => prune::run(&arguments.action, settings, environment),
    }
}

/// A number and what is counted: `1 file`, `2 files`.
fn counted(count: impl TryInto<u64> + Display + Copy, one: &str) -> String {
    let is_one = count.try_into().is_ok_and(|count| count == 1);
    match (is_one, one.strip_suffix('y')) {
        (true, _) => format!("{count} {one}"),
        (false, Some(stem)) if !one.ends_with("day") => format!("{count} {stem}ies"),
        (false, _) => format!("{count} {one}s"),
    }
}

/// Where asynchronous work runs, at the edge of a command that is not.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::new(
            Exit::CouldNotScan,
            anyhow::Error::new(error).context("cannot begin to work with the store"),
        )
    })
}

/// An error of a store, with its hint.
pub(crate) fn failure(error: Error, exit: Exit) -> Failure {
    let hint = error.hint();
    let failure = Failure::new(exit, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// How stores are reached, and what objects are given: flags, else settings; and the environment.
pub(crate) fn options(
    arguments: &ObjectArgs,
    certificates: &[PathBuf],
    settings: &Settings,
) -> Result<Options, Failure> {
    let usage = |what: String| Failure::new(Exit::Usage, anyhow!(what));
    let mut options = Options::from_env();
    options.ca_certificates.extend(settings.certificates(certificates)?);
    let key = arguments.s3_sse_kms_key.as_ref().or(settings.s3_sse_kms_key.as_ref()).cloned();
    options.encryption = match (arguments.s3_sse.or(settings.s3_sse), key) {
        (None, None) => Encryption::Bucket,
        (Some(Sse::Aes256), None) => Encryption::Aes256,
        (Some(Sse::Aes256), Some(_)) => {
            return Err(usage(
                "cannot encrypt objects: expected `aws:kms` for a key of AWS KMS, found `AES256`".to_owned(),
            ));
        }
        (Some(Sse::Kms) | None, key) => Encryption::Kms { key, is_double: false },
        (Some(Sse::KmsTwice), key) => Encryption::Kms { key, is_double: true },
    };
    let tags = if arguments.s3_tag.is_empty() { &settings.s3_tag } else { &arguments.s3_tag };
    if tags.len() > MAX_TAGS {
        return Err(usage(format!(
            "cannot tag objects: expected at most {MAX_TAGS} tags, found {}",
            tags.len()
        )));
    }
    for tag in tags {
        let (name, value) = tag
            .split_once('=')
            .filter(|(name, value)| {
                !name.is_empty() && name.chars().count() <= 128 && value.chars().count() <= 256
            })
            .ok_or_else(|| usage(format!("cannot tag objects: expected `NAME=VALUE`, found `{tag}`")))?;
        // Source: Amazon S3 User Guide, "Categorizing your objects using tags".
        if let Some(c) = tag.chars().find(|&c| !c.is_alphanumeric() && !" +-=._:/@".contains(c)) {
            let expected = "letters, digits, blanks and `+ - = . _ : / @`";
            return Err(usage(format!("cannot tag objects with `{tag}`: expected {expected}, found `{c}`")));
        }
        if options.tags.iter().any(|(known, _)| known == name) {
            return Err(usage(format!("cannot tag objects: expected each name once, found `{name}` twice")));
        }
        options.tags.push((name.to_owned(), value.to_owned()));
    }
    options.storage_class = arguments.s3_storage_class.clone().or_else(|| settings.s3_storage_class.clone());
    Ok(options)
}

/// The store that flags, variables or settings name; else the one in the data folder.
pub(crate) fn location(
    named: Option<&str>,
    settings: &Settings,
    environment: &Environment,
) -> Result<Location, Failure> {
    match named.or(settings.store.as_deref()) {
        Some(text) => Location::parse(text).map_err(|error| failure(error, Exit::Usage)),
        None => Ok(Location::Folder(environment.store.clone())),
    }
}

/// Opens it; a folder is made.
pub(crate) fn open(
    path: &StorePath,
    options: &Options,
    settings: &Settings,
    environment: &Environment,
) -> Result<Store, Failure> {
    let location = location(path.store.as_deref(), settings, environment)?;
    Store::open_with(&location, options).map_err(|error| failure(error, Exit::Usage))
}

/// Opens one that is there: to ask a folder that is not would be to make it.
pub(crate) fn existing(
    path: &StorePath,
    settings: &Settings,
    environment: &Environment,
) -> Result<Store, Failure> {
    let location = location(path.store.as_deref(), settings, environment)?;
    if let Location::Folder(folder) = &location
        && !folder.is_dir()
    {
        let what = format!("cannot open the store `{location}`: expected a folder, found none");
        return Err(Failure::new(Exit::Usage, anyhow!(what)).hint(
            "name it with `--store` or PLIMSOLL_STORE, or fill it with `plimsoll scan --store` or `plimsoll store add`",
        ));
    }
    let options = options(&ObjectArgs::default(), &path.ca_cert, settings)?;
    Store::open_with(&location, &options).map_err(|error| failure(error, Exit::Usage))
}

/// Keeps in the current folder what could not be sent away, under the name it was to have; what is there stays. Where the
/// folder takes nothing, in the one for temporary files. Says where, on stderr.
pub(crate) fn keep_locally(key: &str, bytes: &[u8], temporary_folder: &Path) {
    let name = key.rsplit('/').find(|part| !part.is_empty()).unwrap_or("report.json");
    // The end says of which format it is.
    let start = name.char_indices().map(|(at, _)| at).find(|at| name.len() - at <= MAX_NAME_BYTES);
    let name = &name[start.unwrap_or(0)..];
    let kept = kept_in(Path::new("."), name, bytes)
        .or_else(|error| kept_in(temporary_folder, name, bytes).map_err(|_| error));
    match kept {
        Ok(path) => eprintln!(
            "note: the report was kept in `{}`",
            crate::exit::printable(&path.display().to_string())
        ),
        Err(error) => eprintln!("error: cannot keep the report in the current folder\n  because: {error}"),
    }
}

/// Writes all of it into a new file, or leaves none.
fn kept_in(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut number = 0;
    let (path, mut file) = loop {
        let path = match number {
            0 => folder.join(name),
            _ => folder.join(format!("{name}.{number}")),
        };
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MAX_NAMES => number += 1,
            opened => break opened.map(|file| (path, file))?,
        }
    };
    if let Err(error) = file.write_all(bytes).and_then(|()| file.sync_all()) {
        // Best effort: what is reported is the failure before.
        let _ = std::fs::remove_file(&path);
        return Err(error);
    }
    Ok(path)
}
