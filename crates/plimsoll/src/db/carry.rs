//! `plimsoll db export | import | push | pull | keygen`.

use std::path::Path;

use anyhow::anyhow;
use plimsoll_artifact::{Packing, Received, Taking};
use plimsoll_attest::{PrivateKey, Trust, Verified, read_private_key, read_public_keys, write_key_pair};
use plimsoll_db::{Generation, Store};
use plimsoll_feed::size;
use plimsoll_oci::Reference;

use crate::args::{RegistryArgs, SigningKey, Trust as TrustArgs};
use crate::carried::Carried;
use crate::database::current;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::progress::{Bars, CarryBar};
use crate::settings::Settings;
use crate::target::reach_registry;
use crate::updated::{Updated, updated};

pub(super) fn export(
    path: &Path,
    file: &Path,
    key: &SigningKey,
    settings: &Settings,
    bars: &Bars,
) -> Result<Exit, Failure> {
    let (generation, created) = carriable(path, bars)?;
    let key = signing_key(key, settings, bars)?;
    bars.say(format!("writing {}", file.display()));
    let progress = CarryBar::new(bars);
    let packing = Packing { created: &created, key: key.as_ref(), progress: Some(&progress) };
    let exported = plimsoll_artifact::export(&generation, file, &packing).map_err(failure)?;
    finish(bars);
    let signed = if exported.signed { "signed" } else { "not signed" };
    say(&format!(
        "{}: {} in {}, {}, {signed}\n",
        file.display(),
        exported.database,
        chunks(exported.chunks),
        size(exported.size_bytes)
    ))
}

pub(super) fn import(
    path: &Path,
    file: &Path,
    trust: &TrustArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Exit, Failure> {
    let held = held(path, trust, environment);
    let trust = trusted(trust, settings, &file.display().to_string())?;
    let store = Store::at(path);
    bars.say(format!("reading {}", file.display()));
    let progress = CarryBar::new(bars);
    let taking =
        Taking { trust: &trust, wanted: None, not_before: held.as_deref(), progress: Some(&progress) };
    let received = plimsoll_artifact::import(file, &store, &taking).map_err(failure)?;
    taken(&store, &received, &file.display().to_string(), bars)
}

pub(super) fn push(
    path: &Path,
    reference: &str,
    key: &SigningKey,
    registry: &RegistryArgs,
    settings: &Settings,
    bars: &Bars,
) -> Result<Exit, Failure> {
    let target = read_reference(reference)?;
    let reach = reach_registry(registry, settings)?;
    let (generation, created) = carriable(path, bars)?;
    let key = signing_key(key, settings, bars)?;
    bars.say(format!("sending to {target}"));
    let progress = CarryBar::new(bars);
    let packing = Packing { created: &created, key: key.as_ref(), progress: Some(&progress) };
    let pushed = plimsoll_artifact::push(&generation, &target, &packing, &reach).map_err(failure)?;
    finish(bars);
    let signed = if pushed.signed { "signed" } else { "not signed" };
    say(&format!(
        "{target}: {}, {signed}\nartifact: {}\nsent: {}, {}; {} were there\n",
        pushed.database,
        pushed.digest,
        chunks(pushed.sent_chunks),
        size(pushed.sent_bytes),
        pushed.known_chunks
    ))
}

pub(super) fn pull(
    path: &Path,
    reference: &str,
    trust: &TrustArgs,
    registry: &RegistryArgs,
    settings: &Settings,
    environment: &Environment,
    bars: &Bars,
) -> Result<Exit, Failure> {
    let source = read_reference(reference)?;
    let held = held(path, trust, environment);
    let trust = trusted(trust, settings, reference)?;
    let reach = reach_registry(registry, settings)?;
    let store = Store::at(path);
    bars.say(format!("asking for {source}"));
    let progress = CarryBar::new(bars);
    let taking =
        Taking { trust: &trust, wanted: None, not_before: held.as_deref(), progress: Some(&progress) };
    let received = plimsoll_artifact::pull(&source, &store, &taking, &reach).map_err(failure)?;
    taken(&store, &received, reference, bars)
}

pub(super) fn keygen(file: &Path) -> Result<Exit, Failure> {
    let key = PrivateKey::generate().map_err(attest_failure)?;
    let public = write_key_pair(&key, file).map_err(attest_failure)?;
    say(&format!(
        "private key: {}\npublic key: {} ({})\n",
        file.display(),
        public.display(),
        key.public().id()
    ))
}

/// The current generation, and when it was last compared with its sources, or what is nearest to that.
fn carriable(path: &Path, bars: &Bars) -> Result<(Generation, String), Failure> {
    if path.is_file() {
        let what =
            format!("cannot carry `{}`: expected a folder of partitions, found one file", path.display());
        return Err(Failure::new(Exit::Usage, anyhow!(what)).hint(
            "build a folder with `plimsoll db build --from … --output FOLDER/`, or copy the file as it is",
        ));
    }
    let generation = current(&Store::at(path))?;
    let updated = updated(path, None);
    if let Updated::Unknown(reason) = &updated {
        bars.note(&format!("note: {reason}: the database is said to be of its newest advisory"));
    }
    let mut created = updated.time().to_owned();
    if created.is_empty() {
        created.clone_from(&generation.manifest().newest_advisory);
    }
    if created.is_empty() {
        "1970-01-01T00:00:00Z".clone_into(&mut created);
    }
    Ok((generation, created))
}

/// The moment that what is taken over must not be before: when what is here was last compared with its sources, or else
/// that of its newest advisory. `None` where there is nothing here, or any age is taken; nor does a moment count that has
/// not come yet, or a clock that once went wrong would keep out all that is published after.
fn held(path: &Path, arguments: &TrustArgs, environment: &Environment) -> Option<String> {
    if arguments.allow_older {
        return None;
    }
    let held = match updated(path, None) {
        Updated::At(time) => time,
        // What is damaged is best replaced: where its manifest can be read, that tells.
        Updated::Never | Updated::Unknown(_) => {
            Store::at(path).current().ok().flatten()?.manifest().newest_advisory.clone()
        }
    };
    held.parse::<jiff::Timestamp>().is_ok_and(|moment| moment <= environment.now).then_some(held)
}

fn taken(store: &Store, received: &Received, from: &str, bars: &Bars) -> Result<Exit, Failure> {
    let signed_by = match &received.verified {
        Verified::By { key, .. } => key.to_string(),
        Verified::NotAsked => String::new(),
    };
    let mut carried = Carried { created: received.created.clone(), from: from.to_owned(), signed_by };
    if received.unchanged {
        // The same was published before as well: it is as new as it was.
        let before = Carried::read(store).unwrap_or_default().created;
        let moment = |text: &str| text.parse::<jiff::Timestamp>().ok();
        if moment(&before) > moment(&carried.created) {
            carried.created = before;
        }
    }
    carried.write(store)?;
    finish(bars);
    let signed = match carried.signed_by.as_str() {
        "" => "signature not checked".to_owned(),
        key => format!("signed by {key}"),
    };
    let what = if received.unchanged { "was here already" } else { "is now the current generation" };
    let read = match (received.fetched_chunks, received.known_chunks) {
        (0, 0) => "nothing was read: all of it was here".to_owned(),
        (fetched, known) => {
            format!("read: {}, {}; {known} were here", chunks(fetched), size(received.fetched_bytes))
        }
    };
    say(&format!(
        "{}: {what}\n{signed}; last compared with its sources {}\n{read}\n",
        received.generation.digest(),
        carried.created
    ))
}

fn signing_key(
    arguments: &SigningKey,
    settings: &Settings,
    bars: &Bars,
) -> Result<Option<PrivateKey>, Failure> {
    let Some(path) = arguments.key.as_ref().or(settings.signing_key.as_ref()) else { return Ok(None) };
    let read = read_private_key(path).map_err(attest_failure)?;
    if let Some(warning) = read.warning {
        bars.note(&format!("warning: {warning}"));
    }
    Ok(Some(read.key))
}

/// Whom to believe. That nobody is asked must be said.
fn trusted(arguments: &TrustArgs, settings: &Settings, from: &str) -> Result<Trust, Failure> {
    if arguments.unsigned {
        return Ok(Trust::anyone());
    }
    let files = if arguments.public_key.is_empty() { &settings.public_key } else { &arguments.public_key };
    if files.is_empty() {
        let what =
            format!("cannot take over `{from}`: expected to know whose signature it must bear, found no key");
        return Err(Failure::new(Exit::Usage, anyhow!(what))
            .hint("name the publisher's key with `--public-key FILE`, or say `--unsigned`"));
    }
    let mut keys = Vec::new();
    for file in files {
        keys.extend(read_public_keys(file).map_err(attest_failure)?);
    }
    Ok(Trust::keys(keys))
}

fn read_reference(text: &str) -> Result<Reference, Failure> {
    let bare = text.strip_prefix("oci://").unwrap_or(text);
    bare.parse().map_err(|error: plimsoll_oci::Error| {
        let hint = error.hint();
        let failure = Failure::new(Exit::Usage, error);
        failure.hint(hint.unwrap_or("write it as in `oci://registry.example/security/plimsoll-db:latest`"))
    })
}

fn chunks(count: usize) -> String {
    format!("{count} chunk{}", if count == 1 { "" } else { "s" })
}

fn finish(bars: &Bars) {
    bars.finish().iter().for_each(|note| eprintln!("{note}"));
}

fn say(text: &str) -> Result<Exit, Failure> {
    output::write(None, text.as_bytes())?;
    Ok(Exit::Passed)
}

/// What cannot be carried leaves the database as it was: that one is no worse for it.
fn failure(error: plimsoll_artifact::Error) -> Failure {
    let hint = error.hint();
    let failure = Failure::new(Exit::CouldNotScan, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn attest_failure(error: plimsoll_attest::Error) -> Failure {
    let hint = error.hint();
    let failure = Failure::new(Exit::Usage, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
