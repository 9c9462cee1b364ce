//! `plimsoll db diff`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use plimsoll_db::{Change, ChangeKind, Generation, Store};
use plimsoll_report::printable;

use super::json;
use crate::args::TextOrJson;
use crate::database::{current, damaged, read_digest};
use crate::exit::{Exit, Failure};
use crate::output;

/// Changes that people are shown where they say no number.
const DEFAULT_LIMIT: usize = 200;
/// Packages of one change that are listed.
const MAX_SHOWN_PACKAGES: usize = 40;

/// How many records of a partition were added, removed and changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) added: usize,
    pub(super) removed: usize,
    pub(super) changed: usize,
}

pub(super) fn run(
    path: &Path,
    old: &str,
    new: Option<&str>,
    limit: Option<usize>,
    format: TextOrJson,
) -> Result<Exit, Failure> {
    let store = Store::at(path);
    let old = generation(&store, old)?;
    let new = match new {
        Some(new) => generation(&store, new)?,
        None => current(&store)?,
    };
    let changes = plimsoll_db::diff(&old, &new).map_err(damaged)?;
    let counts = counts(&changes);
    let shown = match format {
        TextOrJson::Text => limit.unwrap_or(DEFAULT_LIMIT),
        TextOrJson::Json => limit.unwrap_or(usize::MAX),
    };
    let shown = changes.get(..shown).unwrap_or(&changes);
    let bytes = match format {
        TextOrJson::Text => {
            let mut out = format!("from {}\nto   {}\n", old.digest(), new.digest());
            text(&counts, shown, changes.len(), &mut out).expect("a string takes every text");
            out.into_bytes()
        }
        TextOrJson::Json => json::bytes(&json::diff(&old, &new, &counts, shown, changes.len()))?,
    };
    output::write(None, &bytes)?;
    Ok(Exit::Passed)
}

fn counts(changes: &[Change]) -> BTreeMap<&str, Counts> {
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    for change in changes {
        let counts = counts.entry(&change.partition).or_default();
        match change.kind {
            ChangeKind::Added => counts.added += 1,
            ChangeKind::Removed => counts.removed += 1,
            ChangeKind::Changed(_) => counts.changed += 1,
        }
    }
    counts
}

/// First how much has changed where, then what.
fn text(counts: &BTreeMap<&str, Counts>, shown: &[Change], all: usize, out: &mut String) -> std::fmt::Result {
    if all == 0 {
        return writeln!(out, "nothing has changed");
    }
    for (partition, Counts { added, removed, changed }) in counts {
        writeln!(out, "{}: {added} added, {removed} removed, {changed} changed", printable(partition))?;
    }
    writeln!(out)?;
    for change in shown {
        writeln!(out, "{}", printable(&described(change)))?;
    }
    match all - shown.len() {
        0 => Ok(()),
        more => writeln!(out, "{more} more: raise --limit, or take all with `--format json`"),
    }
}

/// One line: `~ Debian:12 DSA-5343-1: affected (openssl)`.
fn described(change: &Change) -> String {
    let (mark, fields) = match &change.kind {
        ChangeKind::Added => ("+", String::new()),
        ChangeKind::Removed => ("-", String::new()),
        ChangeKind::Changed(fields) => ("~", format!(": {}", fields.join(", "))),
    };
    let mut packages: Vec<&str> = change.packages.iter().map(|(_, name)| name.as_str()).collect();
    packages.dedup();
    let more = packages.len().saturating_sub(MAX_SHOWN_PACKAGES);
    packages.truncate(MAX_SHOWN_PACKAGES);
    let packages = match (packages.is_empty(), more) {
        (true, _) => String::new(),
        (false, 0) => format!(" ({})", packages.join(", ")),
        (false, more) => format!(" ({} and {more} more)", packages.join(", ")),
    };
    format!("{mark} {} {}{fields}{packages}", change.partition, change.id)
}

/// A generation by its digest, or the current one of another folder.
fn generation(store: &Store, text: &str) -> Result<Generation, Failure> {
    let folder = Path::new(text);
    if folder.is_dir() {
        return current(&Store::at(folder));
    }
    if folder.is_file() {
        let what = format!("cannot compare `{text}`: expected a folder of partitions, found one file");
        return Err(Failure::new(Exit::Usage, anyhow::anyhow!(what))
            .hint("build folders to compare, with `plimsoll db build --output FOLDER/`"));
    }
    let digest = read_digest(text).map_err(|failure| {
        failure.hint(
            "name a generation by `sha256:…`, as `plimsoll db info` prints it, or another database folder",
        )
    })?;
    store.generation(&digest).map_err(damaged)?.ok_or_else(|| {
        let kept = store.generations().unwrap_or_default();
        let kept: Vec<String> = kept.iter().map(|generation| generation.digest().to_string()).collect();
        let what = format!(
            "cannot find generation `{digest}`: expected it in `{}`, found it is not kept",
            store.path().display()
        );
        let failure = Failure::new(Exit::NoAdvisories, anyhow::anyhow!(what));
        match kept.as_slice() {
            [] => failure,
            kept => failure.hint(format!("kept are {}", kept.join(", "))),
        }
    })
}
