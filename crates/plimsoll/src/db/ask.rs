//! `plimsoll db search` and `plimsoll db diff`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use plimsoll_db::{Change, ChangeKind, Generation, Snapshot, Store};
use plimsoll_model::{Advisory, AdvisoryLookup as _, Affected, AffectedStatus, EventKind, RatingScale};
use plimsoll_report::printable;

use crate::database::{current, damaged, read_digest};
use crate::exit::{Exit, Failure};
use crate::output;

/// Characters of a text that are shown in a list.
const MAX_SHOWN_CHARS: usize = 72;
/// Packages of one advisory that are listed.
const MAX_SHOWN_PACKAGES: usize = 40;

pub(super) fn search(path: &Path, text: &str, limit: usize) -> Result<Exit, Failure> {
    let snapshot = plimsoll_db::open(path, None, None).map_err(damaged)?;
    let found = plimsoll_db::search(&snapshot, text, limit).map_err(unreadable)?;
    let mut out = String::new();
    let mut line = |line: String| {
        out.push_str(printable(line.trim_end()).as_ref());
        out.push('\n');
    };
    for &number in found.advisories.iter().take(limit) {
        advisory(&snapshot, number, &mut line)?;
    }
    let more = found.advisories.len().saturating_sub(limit);
    if more > 0 {
        line(format!("{more} more advisories: raise --limit"));
    }
    for package in &found.packages {
        let noun = if package.entries == 1 { "advisory" } else { "advisories" };
        line(format!("{}: {}, {} {noun}", package.namespace, package.name, package.entries));
    }
    if found.is_cut {
        line("and more packages: raise --limit".to_owned());
    }
    if let [package] = &found.packages[..] {
        let candidates = snapshot.candidates(&package.namespace, &package.name).map_err(unreadable)?;
        for candidate in candidates.iter().take(limit) {
            let advisory = snapshot.advisory(candidate.advisory).map_err(unreadable)?;
            line(format!("  {}: {}", advisory.id, ranges(&candidate.affected)));
        }
    }
    if found.advisories.is_empty() && found.packages.is_empty() {
        line(format!("nothing is known of `{text}`"));
    }
    output::write(None, out.as_bytes())?;
    Ok(Exit::Passed)
}

fn advisory(snapshot: &Snapshot, number: u32, line: &mut impl FnMut(String)) -> Result<(), Failure> {
    let found = snapshot.advisory(number).map_err(unreadable)?;
    line(format!("{} (from {})", found.id, if found.source.is_empty() { "a file" } else { &found.source }));
    if !found.summary.is_empty() {
        line(format!("  {}", short(&found.summary)));
    } else if !found.details.is_empty() {
        line(format!("  {}", short(&found.details)));
    }
    for (what, names) in [("also", &found.aliases), ("of", &found.upstream), ("near", &found.related)] {
        if !names.is_empty() {
            line(format!(
                "  {what}: {}",
                names.iter().take(MAX_SHOWN_PACKAGES).cloned().collect::<Vec<_>>().join(" ")
            ));
        }
    }
    if !found.modified.is_empty() {
        line(format!("  published {}, modified {}", day(&found), found.modified));
    }
    for rating in &found.ratings {
        let said = match &rating.scale {
            RatingScale::Word(word) => word.to_string(),
            RatingScale::Cvss(vector) => vector.clone(),
            RatingScale::Score(tenths) => format!("{}.{}", tenths / 10, tenths % 10),
        };
        line(format!("  {} says {said}", rating.source));
    }
    Ok(())
}

fn day(advisory: &Advisory) -> &str {
    if advisory.published.is_empty() {
        "on an unknown day"
    } else {
        advisory.published.get(..10).unwrap_or_default()
    }
}

/// Ranges and listed versions in one line: `>=0 <1.2-3; =4.5`.
fn ranges(affected: &Affected) -> String {
    let mut parts: Vec<String> = Vec::new();
    for range in &affected.ranges {
        let events: Vec<String> = range
            .events
            .iter()
            .map(|event| {
                let mark = match event.kind {
                    EventKind::Introduced => ">=",
                    EventKind::Fixed => "<",
                    EventKind::LastAffected => "<=",
                    EventKind::Limit => "limit ",
                };
                format!("{mark}{}", event.version)
            })
            .collect();
        parts.push(events.join(" "));
    }
    if !affected.versions.is_empty() {
        parts.push(format!("{} listed versions", affected.versions.len()));
    }
    let mut text = parts.join("; ");
    if affected.status != AffectedStatus::Affected {
        write!(text, " ({})", plimsoll_report::status_words(affected.status))
            .expect("a string takes every text");
    }
    text
}

fn short(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let mut short: String = line.chars().take(MAX_SHOWN_CHARS).collect();
    if line.chars().count() > MAX_SHOWN_CHARS {
        short.push('…');
    }
    short
}

pub(super) fn diff(path: &Path, old: &str, new: Option<&str>) -> Result<Exit, Failure> {
    let store = Store::at(path);
    let old = generation(&store, old)?;
    let new = match new {
        Some(new) => generation(&store, new)?,
        None => current(&store)?,
    };
    let changes = plimsoll_db::diff(&old, &new).map_err(damaged)?;
    let mut out = format!("from {}\nto   {}\n", old.digest(), new.digest());
    let mut counts: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for change in &changes {
        let place = match change.kind {
            ChangeKind::Added => 0,
            ChangeKind::Removed => 1,
            ChangeKind::Changed(_) => 2,
        };
        counts.entry(&change.partition).or_default()[place] += 1;
    }
    for (partition, [added, removed, changed]) in counts {
        writeln!(out, "{partition}: {added} added, {removed} removed, {changed} changed")
            .expect("a string takes it");
    }
    for change in &changes {
        out.push_str(&printable(&described(change)));
        out.push('\n');
    }
    if changes.is_empty() {
        out.push_str("nothing has changed\n");
    }
    output::write(None, out.as_bytes())?;
    Ok(Exit::Passed)
}

/// One line: `~ Debian:12 DSA-5343-1: affected (openssl)`.
fn described(change: &Change) -> String {
    let (mark, fields) = match &change.kind {
        ChangeKind::Added => ("+", String::new()),
        ChangeKind::Removed => ("-", String::new()),
        ChangeKind::Changed(fields) => ("~", format!(": {}", fields.join(", "))),
    };
    let mut packages: Vec<&str> =
        change.packages.iter().take(MAX_SHOWN_PACKAGES).map(|(_, name)| name.as_str()).collect();
    packages.dedup();
    let packages = if packages.is_empty() { String::new() } else { format!(" ({})", packages.join(", ")) };
    format!("{mark} {} {}{fields}{packages}", change.partition, change.id)
}

/// A generation by its digest, or the current one of another folder.
fn generation(store: &Store, text: &str) -> Result<Generation, Failure> {
    let folder = Path::new(text);
    if folder.is_dir() {
        return current(&Store::at(folder));
    }
    let digest = read_digest(text).map_err(|failure| {
        failure.hint(
            "name a generation by `sha256:…`, as `plimsoll db info` prints it, or another database folder",
        )
    })?;
    store.generation(&digest).map_err(damaged)?.ok_or_else(|| {
        let what = format!(
            "cannot find generation `{digest}`: expected it in `{}`, found it is not kept",
            store.path().display()
        );
        Failure::new(Exit::NoAdvisories, anyhow::anyhow!(what))
    })
}

fn unreadable(error: plimsoll_model::LookupError) -> Failure {
    Failure::new(Exit::NoAdvisories, error).hint("get the database again: `plimsoll db update --force`")
}
