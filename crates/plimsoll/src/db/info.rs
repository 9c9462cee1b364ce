//! `plimsoll db info` and `plimsoll db sources`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use plimsoll_db::{Generation, Manifest, Snapshot, SourceInfo};
use plimsoll_feed::{Feeds, size};
use plimsoll_model::Ecosystem;
use plimsoll_report::printable;

use super::json;
use crate::args::TextOrJson;
use crate::database::{damaged, spoken};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::updated::{Updated, updated};

/// Records that were left out and are listed one by one, in all.
const MAX_SHOWN_FAILURES: usize = 20;

pub(super) fn run(path: &Path, format: TextOrJson, environment: &Environment) -> Result<Exit, Failure> {
    let snapshot = super::open(path)?;
    let kept = match snapshot.generation() {
        Some(generation) => generation.store().generations().map_err(damaged)?,
        None => Vec::new(),
    };
    let text = match (snapshot.manifest(), format) {
        (Some(manifest), TextOrJson::Text) => {
            of_store(path, &snapshot, manifest, &kept, environment).into_bytes()
        }
        (Some(manifest), TextOrJson::Json) => {
            json::bytes(&json::of_store(&snapshot, manifest, &updated(path, None), &kept))?
        }
        (None, TextOrJson::Json) => {
            json::bytes(&json::of_file(&snapshot, &snapshot.info().map_err(damaged)?))?
        }
        (None, TextOrJson::Text) => format!(
            "database: {}\ndigest: {}\nsize: {} bytes\n{}",
            path.display(),
            snapshot.digest(),
            snapshot.size_bytes(),
            snapshot.info().map_err(damaged)?
        )
        .into_bytes(),
    };
    output::write(None, &text)?;
    Ok(Exit::Passed)
}

fn of_store(
    path: &Path,
    snapshot: &Snapshot,
    manifest: &Manifest,
    kept: &[Generation],
    environment: &Environment,
) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        text.push_str(printable(line.trim_end()).as_ref());
        text.push('\n');
    };
    line(format!("database: {}", path.display()));
    line(format!("digest: {}", snapshot.digest()));
    line(match updated(path, None) {
        Updated::At(time) => format!("updated: {}", when(&time, environment)),
        Updated::Never => "updated: never as a whole; it was built from files".to_owned(),
        Updated::Unknown(reason) => format!("updated: not known: {reason}"),
    });
    line(format!("newest advisory: {}", when(&manifest.newest_advisory, environment)));
    let carried = snapshot.info().map(|info| format!(", {} to carry", size(info.size_bytes)));
    line(format!(
        "{} in {}; {} on disk{}",
        counted(manifest.advisories, "advisory", "advisories"),
        counted(manifest.partitions.len() as u64, "partition", "partitions"),
        size(snapshot.size_bytes()),
        carried.unwrap_or_default()
    ));
    line(String::new());
    partitions(manifest, &mut line);
    line(String::new());
    sources(manifest, &mut line);
    if let Ok(feeds) = snapshot.generation().map_or(Ok(Feeds::default()), |kept| Feeds::open(kept.store())) {
        behind(&feeds, &mut line);
    }
    for generation in kept.iter().filter(|generation| *generation.digest() != snapshot.digest()) {
        line(format!("kept: {}", generation.digest()));
    }
    text
}

/// A line for each ecosystem, its releases taken together.
fn partitions(manifest: &Manifest, line: &mut impl FnMut(String)) {
    #[derive(Default)]
    struct Row<'a> {
        releases: Vec<&'a str>,
        packages: u64,
        ranges: u64,
        bytes: u64,
        newest: &'a str,
    }
    let mut rows: BTreeMap<&str, Row<'_>> = BTreeMap::new();
    for partition in &manifest.partitions {
        let (ecosystem, release) = partition.name.split_once(':').unwrap_or((&partition.name, ""));
        let row = rows.entry(ecosystem).or_default();
        if !release.is_empty() {
            row.releases.push(release);
        }
        row.packages += partition.packages;
        row.ranges += partition.ranges;
        row.bytes += partition.size_bytes;
        row.newest = row.newest.max(partition.newest_advisory.as_str());
    }
    line(format!(
        "{:<28} {:>9} {:>9} {:>9}  {:<10}",
        "partition", "packages", "ranges", "unpacked", "newest"
    ));
    for (ecosystem, mut row) in rows {
        row.releases.sort_by_cached_key(|release| release_order(release));
        let newest: String = row.newest.chars().take(10).collect();
        line(format!(
            "{ecosystem:<28} {:>9} {:>9} {:>9}  {newest:<10}",
            row.packages,
            row.ranges,
            size(row.bytes)
        ));
        for releases in wrapped(&row.releases, 74) {
            line(format!("    {releases}"));
        }
    }
}

/// What releases are sorted by: 8 before 10, 3.9 before 3.10.
fn release_order(release: &str) -> Vec<(u64, String)> {
    let parts = release.trim_start_matches('v').split(['.', ':', '-']);
    parts.map(|part| (part.parse().unwrap_or(u64::MAX), part.to_owned())).collect()
}

/// A line for each source, its scopes taken together, and what it had that is not here.
fn sources(manifest: &Manifest, line: &mut impl FnMut(String)) {
    #[derive(Default)]
    struct Row<'a> {
        records: u64,
        usable: u64,
        failed: u64,
        newest: &'a str,
        licence: &'a str,
    }
    let mut rows: BTreeMap<&str, Row<'_>> = BTreeMap::new();
    let mut left_out: BTreeMap<&str, u64> = BTreeMap::new();
    for source in &manifest.sources {
        let row = rows.entry(&source.source).or_default();
        let facts = facts_of(manifest, source);
        // A source that counts its records, as NVD's does, has its facts among them.
        row.records += if source.records == 0 { facts } else { source.records };
        row.usable += if source.usable == 0 { facts } else { source.usable };
        row.failed += source.failed;
        row.newest = row.newest.max(source.newest.as_str());
        row.licence = &source.licence;
        *left_out.entry("records that are withdrawn").or_default() += source.withdrawn;
        *left_out.entry("records without a package that can be looked up").or_default() += source.empty;
        for (what, count) in &source.skipped {
            *left_out.entry(what).or_default() += count;
        }
    }
    line(format!(
        "{:<18} {:>8} {:>8} {:>6}  {:<10}  licence",
        "source", "records", "usable", "failed", "newest"
    ));
    for (name, row) in rows {
        let newest: String = row.newest.chars().take(10).collect();
        let licence = cut(row.licence, 22);
        line(format!(
            "{name:<18} {:>8} {:>8} {:>6}  {newest:<10}  {licence}",
            row.records, row.usable, row.failed
        ));
    }
    left_out.retain(|_, count| *count > 0);
    for (what, count) in left_out {
        line(format!("left out: {count} {what}"));
    }
    let failures = manifest
        .sources
        .iter()
        .flat_map(|source| source.failures.iter().map(move |failure| (source.source.as_str(), failure)));
    for (source, failure) in failures.take(MAX_SHOWN_FAILURES) {
        line(format!("failed: {source}: `{}`: {}", failure.place, failure.reason));
    }
    let failed: u64 = manifest.sources.iter().map(|source| source.failed).sum();
    let more = failed.saturating_sub(MAX_SHOWN_FAILURES as u64);
    if more > 0 {
        line(format!("failed: {more} more"));
    }
}

fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// How many facts of flaws alone (KEV, EPSS) there are of a source's scope: they are no records of packages.
fn facts_of(manifest: &Manifest, source: &SourceInfo) -> u64 {
    let ecosystem = |name: &str| Ecosystem::from_name(name.split(':').next().unwrap_or_default());
    let of_flaws = manifest.partitions.iter().filter(|partition| ecosystem(&partition.name).is_none());
    let origins = of_flaws.flat_map(|partition| &partition.origins);
    let of_source = origins.filter(|origin| origin.source == source.source && origin.scope == source.scope);
    of_source.fold(0, |sum, origin| sum.saturating_add(origin.records))
}

/// A text of at most so many characters, with a mark where it was cut.
fn cut(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    text.chars().take(length.saturating_sub(1)).chain(['…']).collect()
}

/// The feeds that could not be brought up to date when that was last tried.
fn behind(feeds: &Feeds, line: &mut impl FnMut(String)) {
    for feed in feeds.feeds().filter(|feed| !feed.failure.is_empty()) {
        line(format!("behind: {} {}: as of {}: {}", feed.source, feed.scope, feed.checked_at, feed.failure));
    }
    for missed in feeds.missed() {
        line(format!("missing: {}: tried {}: {}", missed.source, missed.tried_at, missed.failure));
    }
}

/// `plimsoll db sources`: what is read, whose it is, under which licence.
pub(super) fn sources_text(width: usize) -> String {
    let mut text = String::new();
    for source in plimsoll_advisory::SOURCES {
        let about = source.about();
        let taken = if about.by_default { "" } else { ", not by default" };
        writeln!(text, "{}: {}{taken}", about.name, about.title).expect("a string takes every text");
        let licence = format!("licence: {}", about.licence);
        let width = width.clamp(40, 120) - 4;
        let lines = |words: &str| wrapped(&words.split_whitespace().collect::<Vec<_>>(), width);
        for line in [lines(about.brings), vec![about.home.to_owned()], lines(&licence)].concat() {
            writeln!(text, "    {line}").expect("a string takes every text");
        }
    }
    text
}

/// Words in lines of at most so many characters.
fn wrapped(words: &[&str], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push((*word).to_owned()),
        }
    }
    lines
}

/// A time, and how long ago that is.
fn when(time: &str, environment: &Environment) -> String {
    if time.is_empty() {
        return "unknown".to_owned();
    }
    match time.parse::<jiff::Timestamp>() {
        Ok(then) if then <= environment.now => {
            format!("{time}, {} ago", spoken(environment.now.as_second() - then.as_second()))
        }
        _ => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_stand_in_the_order_of_their_numbers() {
        let mut releases = ["10", "8", "v3.10", "12", "rolling", "v3.9"];
        releases.sort_by_cached_key(|release| release_order(release));
        assert_eq!(releases, ["v3.9", "v3.10", "8", "10", "12", "rolling"]);
    }

    #[test]
    fn a_text_that_is_cut_says_so() {
        for (text, expected) in
            [("CC0-1.0", "CC0-1.0"), ("MITX", "MITX"), ("free to use", "free to…"), ("äöüßéèêñ", "äöüßéèêñ")]
        {
            assert_eq!(cut(text, 8), expected);
        }
    }

    #[test]
    fn words_are_wrapped_and_none_is_lost() {
        assert_eq!(wrapped(&["one", "two", "three"], 7), ["one two", "three"]);
        assert_eq!(wrapped(&["much-longer-than-the-line"], 3), ["much-longer-than-the-line"]);
        assert!(wrapped(&[], 3).is_empty());
    }
}
