//! The sections of the file, from sorted records.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_advisory::ReadReport;
use plimsoll_model::{Advisory, Affected, Ecosystem, KevEntry, Namespace, Rating};

use crate::Error;
use crate::bytes::Put as _;
use crate::documents::DocumentsBuilder;
use crate::ids::{self, Known};
use crate::info::Info;
use crate::layout::Section;
use crate::strings::StringsBuilder;
use crate::{entries, index};

/// All sections, in the order of the file. `advisories` are sorted by ID.
pub(crate) fn sections(
    advisories: &[&Advisory],
    kev: &BTreeMap<String, KevEntry>,
    scores: &BTreeMap<String, Vec<Rating>>,
    read: &ReadReport,
) -> Result<([Vec<u8>; Section::ALL.len()], Info), Error> {
    let mut info = Info { tool_version: env!("CARGO_PKG_VERSION").to_owned(), ..Info::default() };
    let mut strings = StringsBuilder::default();
    let mut documents = DocumentsBuilder::default();
    for advisory in advisories {
        documents.add(advisory)?;
    }
    count_advisories(advisories, &mut info);
    let [namespaces, packages, package_index] = packages(advisories, &mut strings, &mut info)?;
    let (ids, id_index) = known_ids(advisories, kev, scores, &mut strings, &mut info)?;
    let (blocks, documents) = documents.finish()?;
    count_left_out(read, &mut info);
    info.advisories = advisories.len() as u64;
    info.kev_entries = kev.len() as u64;
    info.newest_kev = kev.values().map(|entry| &entry.date_added).max().cloned().unwrap_or_default();
    info.scored = scores.len() as u64;
    let meta = serde_json::to_vec(&info).expect("texts and numbers can be written as JSON");
    let strings = strings.finish()?;
    Ok(([meta, namespaces, strings, packages, package_index, blocks, documents, ids, id_index], info))
}

fn count_advisories(advisories: &[&Advisory], info: &mut Info) {
    let mut instants: BTreeMap<Option<Ecosystem>, Vec<&str>> = BTreeMap::new();
    for advisory in advisories {
        *info.databases.entry(plimsoll_advisory::database_of(&advisory.id).into_owned()).or_default() += 1;
        let ecosystems: BTreeSet<_> =
            advisory.affected.iter().map(|affected| affected.namespace.ecosystem).collect();
        for place in ecosystems.into_iter().map(Some).chain([None]) {
            instants.entry(place).or_default().push(&advisory.modified);
        }
    }
    for (ecosystem, instants) in instants {
        let count = instants.len() as u64;
        let newest = newest(instants);
        match ecosystem {
            None => info.newest_advisory = newest,
            Some(ecosystem) => {
                let ecosystem = info.ecosystems.entry(ecosystem.name().to_owned()).or_default();
                ecosystem.advisories = count;
                ecosystem.newest_advisory = newest;
            }
        }
    }
}

/// The newest instant, except that of every hundred records one, and nine at most, may be dated in the future by
/// mistake, as a few in the live export are: one of them must not make old data look fresh for years.
fn newest(mut instants: Vec<&str>) -> String {
    const MAX_MISTAKES: usize = 9;
    let passed_over = (instants.len() / 100).min(MAX_MISTAKES);
    // Without the `Z`, a fraction of a second is greater than none.
    instants.sort_unstable_by(|one, two| two.trim_end_matches('Z').cmp(one.trim_end_matches('Z')));
    instants.get(passed_over).copied().unwrap_or_default().to_owned()
}

fn count_left_out(read: &ReadReport, info: &mut Info) {
    for (what, count) in [
        ("records that are withdrawn", read.withdrawn),
        ("records without a package that can be looked up", read.empty),
        ("records and rows that cannot be read", read.failed),
    ] {
        if count > 0 {
            info.left_out.insert(what.to_owned(), count);
        }
    }
    info.left_out.extend(read.skipped.iter().map(|(skip, &count)| (skip.to_string(), count)));
}

/// The sections `namespaces`, `packages` and the index of packages.
fn packages(
    advisories: &[&Advisory],
    strings: &mut StringsBuilder,
    info: &mut Info,
) -> Result<[Vec<u8>; 3], Error> {
    let mut by_name: HashMap<(&Namespace, &str), Vec<(u32, &Affected)>> = HashMap::new();
    for (number, advisory) in (0_u32..).zip(advisories) {
        for affected in &advisory.affected {
            by_name.entry((&affected.namespace, &affected.name)).or_default().push((number, affected));
        }
    }
    let mut sorted: Vec<_> = by_name.into_iter().collect();
    sorted.sort_unstable_by(|((one, one_name), _), ((two, two_name), _)| {
        let key = |namespace: &Namespace| namespace.ecosystem.name();
        (key(one), &one.release, one_name).cmp(&(key(two), &two.release, two_name))
    });

    let mut namespaces = Vec::new();
    let mut out = Vec::new();
    let mut keys = Vec::with_capacity(sorted.len());
    let mut current: Option<&Namespace> = None;
    let mut namespace_count = 0_u32;
    for ((namespace, name), affected) in sorted {
        if current != Some(namespace) {
            current = Some(namespace);
            namespace_count += 1;
            namespaces.put_text(namespace.ecosystem.name());
            namespaces.put_text(&namespace.release);
        }
        let mut encoded: Vec<Vec<u8>> = Vec::with_capacity(affected.len());
        let mut advisory_before = None;
        for (advisory, affected) in affected {
            let entry = entries::encode(advisory, affected, strings);
            // One record may name a package twice in the same words. Its entries stand one after the other.
            if advisory_before != Some(advisory)
                || !encoded.iter().rev().take(MAX_DOUBLES).any(|e| *e == entry)
            {
                encoded.push(entry);
            }
            advisory_before = Some(advisory);
        }
        keys.push((index::hash(namespace_count - 1, name.as_bytes()), out.len() as u64));
        out.put_varint(u64::from(namespace_count - 1));
        out.put_text(name);
        out.put_count(encoded.len());
        for entry in &encoded {
            out.put_count(entry.len());
            out.extend_from_slice(entry);
        }
        let count = encoded.len() as u64;
        info.packages += 1;
        info.entries += count;
        *info.namespaces.entry(namespace.to_string()).or_default() += 1;
        let ecosystem = info.ecosystems.entry(namespace.ecosystem.name().to_owned()).or_default();
        ecosystem.packages += 1;
        ecosystem.entries += count;
    }
    Ok([namespaces, out, index::build(&keys)?])
}

/// How many entries before one are searched for the same. A double that is missed costs a few bytes.
const MAX_DOUBLES: usize = 16;

/// The sections `ids` and its index.
fn known_ids(
    advisories: &[&Advisory],
    kev: &BTreeMap<String, KevEntry>,
    scores: &BTreeMap<String, Vec<Rating>>,
    strings: &mut StringsBuilder,
    info: &mut Info,
) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let mut known: HashMap<&str, Known<'_>> = HashMap::new();
    for (number, advisory) in (0_u32..).zip(advisories) {
        for id in names(advisory) {
            let numbers = &mut known.entry(id).or_default().advisories;
            if numbers.last() != Some(&number) {
                numbers.push(number);
            }
        }
    }
    let sorted_scores: BTreeMap<&str, Vec<Rating>> = scores
        .iter()
        .map(|(id, ratings)| {
            let mut ratings = ratings.clone();
            ratings.sort_by_cached_key(|rating| format!("{rating:?}"));
            (id.as_str(), ratings)
        })
        .collect();
    for (id, ratings) in &sorted_scores {
        known.entry(id).or_default().scores = ratings;
    }
    for (id, entry) in kev {
        known.entry(id).or_default().kev = Some(entry);
    }
    let mut sorted: Vec<_> = known.into_iter().collect();
    sorted.sort_unstable_by_key(|(id, _)| *id);
    let mut out = Vec::new();
    let mut keys = Vec::with_capacity(sorted.len());
    for (id, known) in &sorted {
        keys.push((index::hash(0, id.as_bytes()), out.len() as u64));
        ids::encode(id, known, strings, &mut out);
    }
    info.ids = sorted.len() as u64;
    Ok((out, index::build(&keys)?))
}

/// The names under which an advisory is found: its ID, its aliases, and the flaws it speaks of in a downstream's
/// name. Enterprise Linux errata name those in `related`, which elsewhere holds what is only near.
fn names(advisory: &Advisory) -> impl Iterator<Item = &str> {
    let database = plimsoll_advisory::database_of(&advisory.id);
    let related =
        if matches!(&*database, "almalinux" | "rocky" | "redhat") { &advisory.related[..] } else { &[] };
    let related = related.iter().filter(|id| id.starts_with("CVE-"));
    std::iter::once(&advisory.id)
        .chain(&advisory.aliases)
        .chain(&advisory.upstream)
        .chain(related)
        .map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_date_in_the_future_makes_nothing_fresh() {
        let mut instants = vec!["2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5Z", "2023-01-01T00:00:00Z"];
        assert_eq!(newest(instants.clone()), "2024-01-01T00:00:00.5Z");
        instants.extend(["2022-01-01T00:00:00Z"; 100]);
        instants.push("2099-01-01T00:00:00Z");
        assert_eq!(newest(instants), "2024-01-01T00:00:00.5Z");
        assert_eq!(newest(Vec::new()), "");
    }
}
