//! `plimsoll db search`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use plimsoll_db::{FoundPackage, Snapshot};
use plimsoll_model::{
    Advisory, AdvisoryLookup as _, Affected, AffectedStatus, Candidate, Epss, EventKind, Inventory, KevEntry,
    LookupError, Namespace, Purl, Rating, RatingScale,
};
use plimsoll_report::{os_from_purl, package_from_purl, printable};

use super::json;
use crate::args::TextOrJson;
use crate::exit::{Exit, Failure};
use crate::output;

/// Characters of a text that are shown in a list.
const MAX_SHOWN_CHARS: usize = 72;
/// Names and packages of one advisory that are listed.
const MAX_SHOWN_NAMES: usize = 40;
/// Of more packages than these, ranges are not listed.
const MAX_PACKAGES_WITH_RANGES: usize = 5;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) text: String,
    /// Advisories of this ID or alias, at most as many as are asked for.
    pub(super) advisories: Vec<FoundAdvisory>,
    /// How many more there are.
    pub(super) more_advisories: usize,
    pub(super) kev: Option<KevEntry>,
    pub(super) epss: Option<Epss>,
    /// Severities of the CVE by itself.
    pub(super) scores: Vec<Rating>,
    /// Packages of this name, each with what is said of it, at most as many of both as are asked for.
    pub(super) packages: Vec<(FoundPackage, Vec<(Advisory, Affected)>)>,
    /// Whether there are more packages.
    pub(super) is_cut: bool,
}

/// An advisory, with the packages that it speaks of.
#[derive(Debug)]
pub(super) struct FoundAdvisory {
    pub(super) advisory: Advisory,
    pub(super) affected: Vec<Affected>,
}

pub(super) fn run(path: &Path, text: &str, limit: usize, format: TextOrJson) -> Result<Exit, Failure> {
    let snapshot = super::open(path)?;
    let found = look(&snapshot, text.trim(), limit).map_err(unreadable)?;
    let bytes = match format {
        TextOrJson::Text => text_of(&found, limit).into_bytes(),
        TextOrJson::Json => json::bytes(&json::search(&found))?,
    };
    output::write(None, &bytes)?;
    Ok(Exit::Passed)
}

fn look(snapshot: &Snapshot, text: &str, limit: usize) -> Result<Found, LookupError> {
    let result = plimsoll_db::search(snapshot, text, limit)?;
    let known = snapshot.known(&text.to_uppercase())?;
    let mut found = Found {
        text: text.to_owned(),
        kev: known.kev,
        epss: known.epss,
        scores: known.scores,
        is_cut: result.is_cut,
        ..Found::default()
    };
    // A document that stands in several partitions is one document.
    let mut known = BTreeSet::new();
    for number in result.advisories {
        let advisory = snapshot.document(number)?;
        if !known.insert((advisory.id.clone(), advisory.source.clone())) {
            continue;
        }
        if found.advisories.len() < limit {
            found.advisories.push(FoundAdvisory { advisory, affected: Vec::new() });
        } else {
            found.more_advisories += 1;
        }
    }
    add_affected(snapshot, &mut found.advisories)?;
    let purl = text.parse::<Purl>().ok();
    for package in result.packages {
        if purl.as_ref().is_some_and(|purl| !is_at_home(purl, &package.namespace)) {
            continue;
        }
        let candidates = snapshot.candidates(&package.namespace, &package.name)?;
        let said: Result<Vec<_>, LookupError> = candidates
            .into_iter()
            .take(limit)
            .map(|Candidate { advisory, affected }| Ok((snapshot.document(advisory)?, affected)))
            .collect();
        found.packages.push((package, said?));
    }
    Ok(found)
}

/// Adds what the advisories say of packages: a walk over all packages of the partitions that have them.
fn add_affected(snapshot: &Snapshot, advisories: &mut [FoundAdvisory]) -> Result<(), LookupError> {
    let mut places = BTreeMap::new();
    for (place, found) in advisories.iter().enumerate() {
        places.insert((found.advisory.id.clone(), found.advisory.source.clone()), place);
    }
    let ids: BTreeSet<String> = places.keys().map(|(id, _)| id.clone()).collect();
    for database in snapshot.databases() {
        let mut wanted = BTreeMap::new();
        for id in &ids {
            for number in database.known(id)?.advisories {
                let advisory = database.advisory(number)?;
                if let Some(&place) = places.get(&(advisory.id, advisory.source)) {
                    wanted.insert(number, place);
                }
            }
        }
        if wanted.is_empty() {
            continue;
        }
        let mut said = Ok(());
        database.each_package(|namespace, name, entries| {
            for entry in entries {
                let candidate = match entry {
                    Ok(entry) if !wanted.contains_key(&entry.advisory) => continue,
                    entry => entry.and_then(|entry| entry.to_candidate(namespace, name, None)),
                };
                match candidate {
                    Ok(candidate) => {
                        let place = wanted.get(&candidate.advisory);
                        if let Some(found) = place.and_then(|&place| advisories.get_mut(place)) {
                            found.affected.push(candidate.affected);
                        }
                    }
                    Err(error) => {
                        said = Err(error);
                        return false;
                    }
                }
            }
            true
        })?;
        said?;
    }
    Ok(())
}

/// Whether packages of a package URL are looked up in this namespace.
fn is_at_home(purl: &Purl, namespace: &Namespace) -> bool {
    let Some(package) = package_from_purl(purl, "purl") else { return true };
    if let Some(ecosystem) = package.kind.ecosystem() {
        return ecosystem == namespace.ecosystem;
    }
    // Packages of a distribution: in its release where the package URL says which, else in all its releases.
    let inventory = Inventory { os: os_from_purl(purl), packages: vec![package], ..Inventory::default() };
    let namespaces = plimsoll_match::needed(&inventory);
    if !namespaces.is_empty() {
        return namespaces.contains(namespace);
    }
    let bare = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    bare(namespace.ecosystem.name()).starts_with(&bare(&purl.namespace))
}

fn text_of(found: &Found, limit: usize) -> String {
    let mut out = String::new();
    let mut line = |line: String| {
        out.push_str(printable(line.trim_end()).as_ref());
        out.push('\n');
    };
    facts(found, &mut line);
    for advisory in &found.advisories {
        lines_of(advisory, &mut line);
    }
    if found.more_advisories > 0 {
        line(format!("{} more advisories: raise --limit", found.more_advisories));
    }
    let entries: usize = found.packages.iter().map(|(package, _)| package.entries).sum();
    let with_ranges =
        found.packages.len() == 1 || (found.packages.len() <= MAX_PACKAGES_WITH_RANGES && entries <= limit);
    for (package, said) in &found.packages {
        let noun = if package.entries == 1 { "advisory" } else { "advisories" };
        line(format!("{}: {}, {} {noun}", package.namespace, package.name, package.entries));
        if !with_ranges {
            continue;
        }
        for (advisory, affected) in said {
            line(format!("  {}: {}", advisory.id, ranges(affected)));
        }
        if package.entries > said.len() {
            line(format!("  {} more: raise --limit", package.entries - said.len()));
        }
    }
    if found.is_cut {
        line("and more packages: raise --limit".to_owned());
    }
    if found.advisories.is_empty() && found.packages.is_empty() {
        line(format!("no advisory names `{}`, as an ID or as a package", found.text));
    }
    out
}

/// What is known of the flaw by itself.
fn facts(found: &Found, line: &mut impl FnMut(String)) {
    if let Some(kev) = &found.kev {
        let ransomware = if kev.ransomware { ", also by ransomware" } else { "" };
        line(format!(
            "{}: known to be exploited{ransomware}, since {} in CISA's catalogue",
            kev.id, kev.date_added
        ));
    }
    if let Some(epss) = found.epss {
        let percent = |value: u32| format!("{}.{:03} %", value / 1000, value % 1000);
        line(format!(
            "{}: exploited within 30 days with a probability of {} (EPSS)",
            found.text.to_uppercase(),
            percent(epss.probability)
        ));
    }
    for rating in &found.scores {
        line(format!("{}: {} says {}", found.text.to_uppercase(), rating.source, scale(rating)));
    }
}

fn lines_of(found: &FoundAdvisory, line: &mut impl FnMut(String)) {
    let FoundAdvisory { advisory, affected } = found;
    line(format!(
        "{} (from {})",
        advisory.id,
        if advisory.source.is_empty() { "a file" } else { &advisory.source }
    ));
    if !advisory.summary.is_empty() {
        line(format!("  {}", short(&advisory.summary)));
    } else if !advisory.details.is_empty() {
        line(format!("  {}", short(&advisory.details)));
    }
    for (what, names) in
        [("also", &advisory.aliases), ("of", &advisory.upstream), ("near", &advisory.related)]
    {
        if !names.is_empty() {
            let more = names.len().saturating_sub(MAX_SHOWN_NAMES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let shown: Vec<&str> = names.iter().take(MAX_SHOWN_NAMES).map(String::as_str).collect();
            line(format!("  {what}: {}{more}", shown.join(" ")));
        }
    }
    if !advisory.modified.is_empty() {
        line(format!("  published {}, modified {}", day(advisory), advisory.modified));
    }
    for rating in &advisory.ratings {
        line(format!("  {} says {}", rating.source, scale(rating)));
    }
    for affected in affected.iter().take(MAX_SHOWN_NAMES) {
        line(format!("  {}/{}: {}", affected.namespace, affected.name, ranges(affected)));
    }
    let more = affected.len().saturating_sub(MAX_SHOWN_NAMES);
    if more > 0 {
        line(format!("  {more} more packages: `--format json` has all"));
    }
}

fn scale(rating: &Rating) -> String {
    match &rating.scale {
        RatingScale::Word(word) => word.to_string(),
        RatingScale::Cvss(vector) => vector.clone(),
        RatingScale::Score(tenths) => format!("{}.{}", tenths / 10, tenths % 10),
    }
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
    match affected.versions.as_slice() {
        [] => {}
        [one] => parts.push(format!("={one}")),
        more => parts.push(format!("{} listed versions", more.len())),
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

fn unreadable(error: LookupError) -> Failure {
    Failure::new(Exit::NoAdvisories, error).hint("get the database again: `plimsoll db update --force`")
}
