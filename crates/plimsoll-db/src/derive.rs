//! Everything in a partition's file that is not a block, from the blocks: packages, IDs, indexes, numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use plimsoll_model::{Advisory, Affected, Ecosystem, Epss, KevEntry, LookupError, Namespace, Rating};

use crate::Error;
use crate::block::{BlockReader, BlockRecord, Frame, unpack};
use crate::bytes::{Put as _, Reader, damaged};
use crate::dictionary::Dictionary;
use crate::heads::NewHead;
use crate::ids::{IdsBuilder, NewId};
use crate::info::{Info, Origin};
use crate::layout::{Section, content_digest, header};
use crate::record::{Head, Key, Kind, decode_document, each_affected, identity, read_epss, read_kev};
use crate::strings::StringsBuilder;
use crate::{block, documents, entries, filter, heads, index};

/// How many entries before one are searched for the same. A double that is missed costs a few bytes.
const MAX_DOUBLES: usize = 16;
/// Longest name of a partition, in bytes: an ecosystem and a release.
pub(crate) const MAX_NAME_BYTES: usize = 1024;

/// The parts of the file.
pub(crate) struct Built {
    pub(crate) content: [u8; 32],
    pub(crate) header: Vec<u8>,
    pub(crate) sections: [Vec<u8>; Section::ALL.len()],
    pub(crate) info: Info,
}

impl Built {
    pub(crate) fn size_bytes(&self) -> u64 {
        (self.header.len() + self.sections.iter().map(Vec::len).sum::<usize>()) as u64
    }

    /// The whole file.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        let mut file = self.header;
        self.sections.iter().for_each(|section| file.extend_from_slice(section));
        file
    }
}

/// The file of these blocks. `left_out` goes into its description alone.
pub(crate) fn build(
    name: &str,
    dictionary: &Dictionary,
    frames: &[Frame<'_>],
    left_out: BTreeMap<String, u64>,
) -> Result<Built, Error> {
    let bad = |error: LookupError| Error::Block { partition: name.to_owned(), reason: error.reason };
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Err(bad(damaged("name", "a name of 1 to 1024 bytes")));
    }
    let mut derived = Derived::default();
    let mut first = Vec::with_capacity(frames.len());
    let mut last_key = Vec::new();
    for frame in frames {
        first.push(derived.documents);
        let unpacked = match &frame.unpacked {
            Some(unpacked) => Arc::clone(unpacked),
            None => Arc::new(unpack(&frame.bytes, dictionary).map_err(bad)?),
        };
        let records = BlockReader::new(&unpacked).map_err(bad)?;
        if records.count_left() == 0 {
            return Err(bad(damaged(block::PART, "a block of at least one record")));
        }
        for record in records {
            let record = record.map_err(bad)?;
            let key = Key::read(record.body, record.source, record.scope).map_err(bad)?;
            if !last_key.is_empty() && !is_ascending(&last_key, &key).map_err(bad)? {
                return Err(bad(damaged(block::PART, "records in ascending order, each once")));
            }
            derived.record(&record, &key).map_err(bad)?;
            last_key.clear();
            put_key(&key, &mut last_key);
        }
    }
    let (blocks, documents) = documents::sections(frames, &first);
    let [namespaces, packages, package_index] = derived.packages()?;
    let ids = derived.known_ids()?;
    let heads = heads::section(&derived.heads, &ids.ranks)?;
    let Derived { strings, mut info, instants, origins, .. } = derived;
    env!("CARGO_PKG_VERSION").clone_into(&mut info.tool_version);
    info.left_out = left_out;
    count_instants(instants, &mut info);
    info.origins =
        origins.into_iter().map(|((source, scope), records)| Origin { source, scope, records }).collect();
    let packed_bytes = |frame: &Frame<'_>| frame.bytes.len() as u64;
    info.size_bytes = dictionary.section().len() as u64 + frames.iter().map(packed_bytes).sum::<u64>();
    info.unpacked_bytes = frames.iter().map(|frame| u64::from(frame.unpacked_bytes)).sum();
    info.blocks = frames.len() as u64;
    let meta = serde_json::to_vec(&info).expect("texts and numbers can be written as JSON");
    let strings = strings.finish()?;
    let sections = [
        name.as_bytes().to_vec(),
        meta,
        namespaces,
        strings,
        packages,
        package_index,
        dictionary.section().to_vec(),
        blocks,
        documents,
        heads,
        ids.section,
        filter::build(ids.known.into_iter()),
    ];
    let content = content_digest(name, frames.iter().map(|frame| frame.digest));
    Ok(Built { content, header: header(&content, &sections), sections, info })
}

/// A key with its source and scope, to be compared with the next.
fn put_key(key: &Key<'_>, out: &mut Vec<u8>) {
    out.push(key.kind as u8);
    for text in [key.published, key.id, key.source, key.scope] {
        out.put_text(text);
    }
    out.extend_from_slice(key.rest);
}

fn is_ascending(before: &[u8], key: &Key<'_>) -> Result<bool, LookupError> {
    let mut reader = Reader::new(before, block::PART);
    let head = Head::read(&mut reader)?;
    let (source, scope) = (reader.text()?, reader.text()?);
    let Head { kind, published, id } = head;
    Ok(Key { kind, published, id, source, scope, rest: reader.rest() } < *key)
}

/// What one advisory says of one package, on its way into the section.
struct PackageEntry {
    package: u32,
    advisory: u32,
    start: usize,
    length: u32,
}

/// The IDs in their order.
struct SortedIds {
    /// The section `ids`.
    section: Vec<u8>,
    /// The rank of each number of an ID.
    ranks: Vec<u32>,
    /// Hashes of those that something is known under.
    known: Vec<u64>,
}

/// What is gathered while the blocks are read.
#[derive(Default)]
struct Derived {
    info: Info,
    strings: StringsBuilder,
    /// Number of the next document.
    documents: u32,
    /// Of each document what tells it from others.
    identities: Vec<u64>,
    heads: Vec<NewHead>,
    origins: BTreeMap<(String, String), u64>,
    instants: BTreeMap<Option<Ecosystem>, Vec<String>>,
    namespaces: HashMap<Namespace, u32>,
    /// Namespace and name, to a number in the order they were met.
    package_numbers: HashMap<Box<[u8]>, u32>,
    entries: Vec<PackageEntry>,
    encoded: Vec<u8>,
    /// How often a fixed version is named that is all its entry says.
    fixed_versions: HashMap<Box<str>, u32>,
    id_numbers: HashMap<Box<str>, u32>,
    /// Number of an ID, number of a document, whether it is one of texts.
    known: Vec<(u32, bool, u32)>,
    scores: Vec<(u32, Rating)>,
    kev: HashMap<u32, KevEntry>,
    epss: HashMap<u32, Epss>,
}

fn too_much(what: &'static str) -> LookupError {
    damaged(block::PART, &format!("at most 4294967295 {what}"))
}

impl Derived {
    fn record(&mut self, record: &BlockRecord<'_>, key: &Key<'_>) -> Result<(), LookupError> {
        self.info.records += 1;
        let origin = (record.source.to_owned(), record.scope.to_owned());
        *self.origins.entry(origin).or_default() += 1;
        if key.kind.is_document() {
            return self.document(record, key);
        }
        let id = self.id_number(key.id)?;
        let mut reader = Reader::new(record.body, block::PART);
        Head::read(&mut reader)?;
        match key.kind {
            Kind::Kev => {
                let entry = read_kev(key.id, &mut reader)?;
                // Of several for one CVE the greatest by day, then by all else.
                let rank = |entry: &KevEntry| (entry.date_added.clone(), format!("{entry:?}"));
                if self.kev.get(&id).is_none_or(|known| rank(known) < rank(&entry)) {
                    self.kev.insert(id, entry);
                }
            }
            Kind::Score => self.scores.push((id, reader.rating(Reader::text)?)),
            Kind::Epss => {
                let epss = read_epss(&mut reader)?;
                let known = self.epss.entry(id).or_insert(epss);
                if (known.probability, known.percentile) < (epss.probability, epss.percentile) {
                    *known = epss;
                }
            }
            Kind::Advisory | Kind::Texts => {}
        }
        Ok(())
    }

    fn document(&mut self, record: &BlockRecord<'_>, key: &Key<'_>) -> Result<(), LookupError> {
        let number = self.documents;
        self.documents = number.checked_add(1).ok_or_else(|| too_much("advisories"))?;
        self.identities.push(identity(key.id, record.source));
        if key.kind == Kind::Texts {
            let id = self.id_number(key.id)?;
            self.known.push((id, true, number));
            self.heads.push(NewHead::of_texts(record.source, id, &mut self.strings));
            return Ok(());
        }
        let decoded = decode_document(record.body, record.source)?;
        let advisory = decoded.advisory;
        self.info.advisories += 1;
        *self.info.databases.entry(plimsoll_advisory::database_of(&advisory.id).into_owned()).or_default() +=
            1;
        let (strings, id_numbers) = (&mut self.strings, &mut self.id_numbers);
        let number_of = |id: &str| number_of(id_numbers, id);
        self.heads.push(NewHead::of(&advisory, decoded.texts_elsewhere, strings, number_of)?);
        for name in names(&advisory) {
            let id = self.id_number(name)?;
            if !self.known.iter().rev().take(1).any(|last| *last == (id, false, number)) {
                self.known.push((id, false, number));
            }
        }
        let mut ecosystems = BTreeSet::new();
        each_affected(decoded.behind, |affected| {
            ecosystems.insert(affected.namespace.ecosystem);
            self.affected(number, &affected)
        })?;
        for place in ecosystems.into_iter().map(Some).chain([None]) {
            self.instants.entry(place).or_default().push(advisory.modified.clone());
        }
        Ok(())
    }

    fn affected(&mut self, advisory: u32, affected: &Affected) -> Result<(), LookupError> {
        let namespace = if let Some(&number) = self.namespaces.get(&affected.namespace) {
            number
        } else {
            let number = u32::try_from(self.namespaces.len()).map_err(|_| too_much("namespaces"))?;
            self.namespaces.insert(affected.namespace.clone(), number);
            number
        };
        let mut key = namespace.to_le_bytes().to_vec();
        key.extend_from_slice(affected.name.as_bytes());
        let next = u32::try_from(self.package_numbers.len()).map_err(|_| too_much("packages"))?;
        let package = *self.package_numbers.entry(key.into()).or_insert(next);
        let start = self.encoded.len();
        entries::encode(affected, &mut self.strings, &mut self.encoded);
        if let Some(version) = entries::fixed_version(&self.encoded[start..]) {
            match self.fixed_versions.get_mut(version) {
                Some(times) => *times = times.saturating_add(1),
                None => drop(self.fixed_versions.insert(version.into(), 1)),
            }
        }
        let length = u32::try_from(self.encoded.len() - start).map_err(|_| too_much("bytes of an entry"))?;
        self.info.ranges += affected.ranges.len() as u64;
        self.entries.push(PackageEntry { package, advisory, start, length });
        Ok(())
    }

    fn id_number(&mut self, id: &str) -> Result<u32, LookupError> {
        number_of(&mut self.id_numbers, id)
    }

    /// The sections `namespaces`, `packages` and the index of packages.
    fn packages(&mut self) -> Result<[Vec<u8>; 3], Error> {
        let mut spaces: Vec<(Namespace, u32)> = std::mem::take(&mut self.namespaces).into_iter().collect();
        spaces.sort_unstable_by(|(one, _), (two, _)| {
            (one.ecosystem.name(), &one.release).cmp(&(two.ecosystem.name(), &two.release))
        });
        let mut namespaces = Vec::new();
        let mut ranks = vec![0_u32; spaces.len()];
        for (rank, (namespace, number)) in (0_u32..).zip(&spaces) {
            ranks[*number as usize] = rank;
            namespaces.put_text(namespace.ecosystem.name());
            namespaces.put_text(&namespace.release);
        }

        let mut packages: Vec<(u32, Box<[u8]>, u32)> = std::mem::take(&mut self.package_numbers)
            .into_iter()
            .map(|(key, number)| {
                let space = u32::from_le_bytes(*key.first_chunk().expect("it was made with four bytes"));
                (ranks[space as usize], key, number)
            })
            .collect();
        packages.sort_unstable_by(|one, two| (one.0, &one.1[4..]).cmp(&(two.0, &two.1[4..])));
        let mut place = vec![0_u32; packages.len()];
        for (rank, (_, _, number)) in (0_u32..).zip(&packages) {
            place[*number as usize] = rank;
        }
        // Stable: the entries of one package stay in the order of their advisories.
        self.entries.sort_by_key(|entry| place[entry.package as usize]);

        let mut out = Vec::new();
        let mut keys = Vec::with_capacity(packages.len());
        let mut left = &self.entries[..];
        for (space, key, number) in &packages {
            let name = &key[4..];
            let count = left.iter().take_while(|entry| entry.package == *number).count();
            let (of_package, behind) = left.split_at(count);
            left = behind;
            let mut kept: Vec<&PackageEntry> = Vec::with_capacity(count);
            for entry in of_package {
                let is_same = |other: &&PackageEntry| {
                    self.is_same_document(entry.advisory, other.advisory)
                        && self.encoded_entry(entry) == self.encoded_entry(other)
                };
                // One record may name a package twice in the same words, and so may one record of two scopes.
                if !kept.iter().rev().take(MAX_DOUBLES).any(is_same) {
                    kept.push(entry);
                }
            }
            keys.push((index::hash(*space, name), out.len() as u64));
            out.put_varint(u64::from(*space));
            out.put_count(name.len());
            out.extend_from_slice(name);
            out.put_count(kept.len());
            let mut before = 0;
            for entry in &kept {
                let step = entry.advisory - before;
                before = entry.advisory;
                let encoded = &self.encoded[entry.start..entry.start + entry.length as usize];
                let is_shared =
                    |version: &&str| self.fixed_versions.get(*version).is_some_and(|times| *times > 1);
                let shared = entries::fixed_version(encoded).filter(is_shared);
                let shared = shared.map(|version| self.strings.number(version));
                entries::put(step, encoded, shared, &mut out);
            }
            let count = kept.len() as u64;
            let (namespace, _) = &spaces[*space as usize];
            self.info.packages += 1;
            self.info.entries += count;
            *self.info.namespaces.entry(namespace.to_string()).or_default() += 1;
            let ecosystem = self.info.ecosystems.entry(namespace.ecosystem.name().to_owned()).or_default();
            ecosystem.packages += 1;
            ecosystem.entries += count;
        }
        self.entries = Vec::new();
        self.encoded = Vec::new();
        Ok([namespaces, out, index::build(&keys)?])
    }

    fn encoded_entry(&self, entry: &PackageEntry) -> &[u8] {
        &self.encoded[entry.start..entry.start + entry.length as usize]
    }

    fn is_same_document(&self, one: u32, two: u32) -> bool {
        let identity = |number: u32| self.identities.get(number as usize);
        one == two || identity(one) == identity(two)
    }

    /// The IDs, for their section and for those that name them.
    fn known_ids(&mut self) -> Result<SortedIds, Error> {
        let mut sorted: Vec<(Box<str>, u32)> = std::mem::take(&mut self.id_numbers).into_iter().collect();
        sorted.sort_unstable();
        let mut known = std::mem::take(&mut self.known);
        known.sort_unstable();
        known.dedup();
        let mut scores = std::mem::take(&mut self.scores);
        scores.sort_by_cached_key(|(id, rating)| (*id, format!("{rating:?}")));
        scores.dedup();
        let mut out = IdsBuilder::default();
        let mut ranks = vec![0; sorted.len()];
        let mut hashes = Vec::with_capacity(sorted.len());
        for (rank, (id, number)) in (0..).zip(&sorted) {
            ranks[*number as usize] = rank;
            let from = known.partition_point(|(id, _, _)| id < number);
            let of_id = known[from..].iter().take_while(|(id, _, _)| id == number);
            let (texts, advisories): (Vec<_>, Vec<_>) = of_id.partition(|(_, is_texts, _)| *is_texts);
            let numbers = |list: Vec<&(u32, bool, u32)>| -> Vec<u32> {
                list.into_iter().map(|(_, _, document)| *document).collect()
            };
            let from = scores.partition_point(|(id, _)| id < number);
            let of_id = scores[from..].iter().take_while(|(id, _)| id == number);
            let ratings: Vec<Rating> = of_id.map(|(_, rating)| rating.clone()).collect();
            self.info.scored += u64::from(!ratings.is_empty());
            let known = NewId {
                advisories: &numbers(advisories),
                texts: &numbers(texts),
                scores: &ratings,
                kev: self.kev.get(number),
                epss: self.epss.get(number).copied(),
            };
            // Some are only named by a document as being near.
            if !known.is_empty() {
                hashes.push(filter::hash(id));
            }
            out.add(id, &known, &mut self.strings)?;
        }
        self.info.ids = hashes.len() as u64;
        self.info.kev_entries = self.kev.len() as u64;
        self.info.newest_kev =
            self.kev.values().map(|entry| &entry.date_added).max().cloned().unwrap_or_default();
        self.info.epss = self.epss.len() as u64;
        Ok(SortedIds { section: out.finish(), ranks, known: hashes })
    }
}

fn number_of(numbers: &mut HashMap<Box<str>, u32>, id: &str) -> Result<u32, LookupError> {
    if let Some(&number) = numbers.get(id) {
        return Ok(number);
    }
    let number = u32::try_from(numbers.len()).map_err(|_| too_much("IDs"))?;
    numbers.insert(id.into(), number);
    Ok(number)
}

fn count_instants(instants: BTreeMap<Option<Ecosystem>, Vec<String>>, info: &mut Info) {
    for (ecosystem, instants) in instants {
        let count = instants.len() as u64;
        let newest = newest(instants.iter().map(String::as_str).collect());
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
pub(crate) fn newest(mut instants: Vec<&str>) -> String {
    const MAX_MISTAKES: usize = 9;
    let passed_over = (instants.len() / 100).min(MAX_MISTAKES);
    // Without the `Z`, a fraction of a second is greater than none.
    instants.sort_unstable_by(|one, two| two.trim_end_matches('Z').cmp(one.trim_end_matches('Z')));
    instants.get(passed_over).copied().unwrap_or_default().to_owned()
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
