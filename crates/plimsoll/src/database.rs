//! Which advisory database a call means, opened for what it needs.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use plimsoll_db::{Generation, Snapshot, Store};
use plimsoll_model::{DatabaseInfo, Digest, Namespace};

use crate::args::{Age, DatabaseArgs};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::progress::Bars;
use crate::settings::Settings;
use crate::update;
use crate::updated::{Updated, updated};

/// The database of the flag, the variable, the settings, or the default place.
pub(crate) fn path(flag: Option<&Path>, settings: &Settings, environment: &Environment) -> PathBuf {
    flag.map(Path::to_owned).or_else(|| settings.db.clone()).unwrap_or_else(|| environment.database.clone())
}

/// The folder of partitions that is meant; one file is an error, because there is nothing to keep in it.
pub(crate) fn store(
    flag: Option<&Path>,
    settings: &Settings,
    environment: &Environment,
) -> Result<Store, Failure> {
    let path = path(flag, settings, environment);
    if path.is_file() {
        let what =
            format!("cannot use `{}` here: expected a folder of partitions, found one file", path.display());
        return Err(Failure::new(Exit::Usage, anyhow!(what))
            .hint("name a folder, which `plimsoll db update` fills, or build one with `plimsoll db build --output FOLDER/`"));
    }
    Ok(Store::at(&path))
}

/// The current generation of a store.
pub(crate) fn current(store: &Store) -> Result<Generation, Failure> {
    store.current().map_err(damaged)?.ok_or_else(|| missing(store.path()))
}

/// That there is none.
pub(crate) fn missing(path: &Path) -> Failure {
    let what = format!("cannot open advisory database `{}`: expected one there, found none", path.display());
    Failure::new(Exit::NoAdvisories, anyhow!(what)).hint(HOW_TO_GET)
}

/// How a database is come by.
const HOW_TO_GET: &str = "fetch one with `plimsoll db update`, take over one with `plimsoll db import FILE` or `plimsoll db pull oci://…`, \
     or build one with `plimsoll db build --from FOLDER --output PATH`";

/// The database of a scan: found before the image is read, opened when it is known what is asked.
pub(crate) struct ScanDatabase<'a> {
    path: PathBuf,
    digest: Option<Digest>,
    offline: bool,
    ca_cert: &'a [PathBuf],
    settings: &'a Settings,
    environment: &'a Environment,
}

impl<'a> ScanDatabase<'a> {
    /// Finds it. A scan without advisories is no scan, so what can be said to be missing is said here, before an image
    /// is pulled.
    pub(crate) fn find(
        arguments: &DatabaseArgs,
        ca_cert: &'a [PathBuf],
        settings: &'a Settings,
        environment: &'a Environment,
    ) -> Result<Self, Failure> {
        let digest = match &arguments.db_digest {
            Some(text) => Some(read_digest(text)?),
            None => None,
        };
        let path = path(arguments.db.as_deref(), settings, environment);
        let offline = arguments.offline || settings.offline;
        let found = Self { path, digest, offline, ca_cert, settings, environment };
        if found.path.is_file() || found.digest.is_some() || (found.offline && !found.is_new()?) {
            // Of one file the header is checked, of a generation the manifest.
            plimsoll_db::open(&found.path, Some(&[]), found.digest.as_ref()).map_err(damaged)?;
        } else if found.offline || (found.path.exists() && !found.path.is_dir()) {
            return Err(missing(&found.path));
        }
        Ok(found)
    }

    /// Whether it is a folder without a generation, or nothing at all.
    fn is_new(&self) -> Result<bool, Failure> {
        Ok(!self.path.is_file() && Store::at(&self.path).current().map_err(damaged)?.is_none())
    }

    /// Opens what is asked of it. Ecosystems that a store lacks are fetched first, once, unless the network is not to be
    /// used; what cannot be fetched is a note, and a gap of the scan.
    pub(crate) fn open(
        &self,
        wanted: &[Namespace],
        bars: &Bars,
    ) -> Result<(Snapshot, DatabaseInfo), Failure> {
        let mut note = None;
        if !self.path.is_file() && self.digest.is_none() && !self.offline {
            let store = Store::at(&self.path);
            note = update::ensure(&store, wanted, self.ca_cert, self.settings, self.environment, bars)?;
        }
        if self.is_new()? {
            let mut failure = missing(&self.path);
            if let Some(note) = note {
                failure.error = anyhow!(note).context(failure.error.to_string());
            }
            return Err(failure);
        }
        if let Some(note) = note {
            bars.note(&format!("note: {note}"));
        }
        // All of it: a flaw's other names, its severity and its words may stand in another ecosystem's records. What was
        // wanted had to be there; a finding must not depend on what else an image holds.
        let snapshot = plimsoll_db::open(&self.path, None, self.digest.as_ref()).map_err(damaged)?;
        if let (Some(digest), true) = (&self.digest, self.path.is_dir()) {
            // A store that may not be written can be read all the same: then nobody prunes it either.
            Store::at(&self.path).pin(digest).ok();
        }
        let mut info = snapshot.database_info().map_err(damaged)?;
        // What is pinned says the same for ever, also of its age.
        if self.digest.is_none() {
            let updated = updated(&self.path, Some(wanted));
            if let Updated::Unknown(reason) = &updated {
                bars.note(&format!("note: it is not known when the database was last updated: {reason}"));
            }
            updated.time().clone_into(&mut info.updated);
        }
        Ok((snapshot, info))
    }
}

/// Refuses a database that is older than allowed.
pub(crate) fn check_age(
    info: &DatabaseInfo,
    max_age: Option<Age>,
    environment: &Environment,
) -> Result<(), Failure> {
    let Some(max_age) = max_age else { return Ok(()) };
    // What was built from files knows no time but that of its records.
    let (since, what) = match info.updated.as_str() {
        "" => (info.newest_advisory.as_str(), "its newest advisory is of"),
        updated => (updated, "it was last compared with its sources at"),
    };
    let age =
        since.parse::<jiff::Timestamp>().ok().map(|since| environment.now.as_second() - since.as_second());
    match age {
        Some(age) if age <= max_age.seconds => Ok(()),
        Some(age) => {
            let text = format!(
                "cannot use the advisory database: expected one of at most {}, found that {what} {since}, {} ago",
                spoken(max_age.seconds),
                spoken(age)
            );
            Err(Failure::new(Exit::NoAdvisories, anyhow!(text))
                .hint("run `plimsoll db update`, or `plimsoll db pull`"))
        }
        None => {
            let text =
                "cannot use the advisory database: expected to know how old it is, found no date in it";
            Err(Failure::new(Exit::NoAdvisories, anyhow!(text))
                .hint("run `plimsoll db update`, or leave out --max-age"))
        }
    }
}

/// A span in the unit that fits: `3 days`.
pub(crate) fn spoken(seconds: i64) -> String {
    let (count, unit) = match seconds {
        172_800.. => (seconds / 86_400, "day"),
        7_200.. => (seconds / 3600, "hour"),
        120.. => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// `sha256:…`, with or without the algorithm in front.
pub(crate) fn read_digest(text: &str) -> Result<Digest, Failure> {
    let whole = if text.contains(':') { text.to_owned() } else { format!("sha256:{text}") };
    whole.parse().map_err(|error: plimsoll_model::InvalidDigest| Failure::new(Exit::Usage, error))
}

/// The hint of a database that cannot be used.
pub(crate) fn damaged(error: plimsoll_db::Error) -> Failure {
    let hint = match error {
        plimsoll_db::Error::NoGeneration { .. } => {
            Some("`plimsoll db info` lists the generations that are kept")
        }
        _ => error.hint(),
    };
    let failure = Failure::new(Exit::NoAdvisories, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_spoken_in_a_unit_that_fits() {
        for (seconds, text) in [
            (1, "1 second"),
            (90, "90 seconds"),
            (3600, "60 minutes"),
            (90_000, "25 hours"),
            (864_000, "10 days"),
        ] {
            assert_eq!(spoken(seconds), text);
        }
    }

    #[test]
    fn ages_have_a_unit() {
        assert_eq!("5d".parse(), Ok(Age { seconds: 432_000 }));
        for text in ["", "5", "d", "-1d", "5 d", "1y", "99999999999d"] {
            assert!(text.parse::<Age>().is_err(), "{text}");
        }
    }
}
