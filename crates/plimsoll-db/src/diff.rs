//! What has changed between two generations, without reading what has not.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use plimsoll_advisory::Document;
use plimsoll_model::{Advisory, Affected, LookupError, Namespace};

use crate::record::{self, Key, Kind};
use crate::{Database, Error, Generation};

/// One record that is in one of two generations only, or says something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Name of the partition it stands in.
    pub partition: String,
    /// The advisory, or the CVE of a fact.
    pub id: String,
    /// Name of its source.
    pub source: String,
    /// What of the source.
    pub scope: String,
    /// What has changed of it.
    pub kind: ChangeKind,
    /// Packages of which something else is said now, each once, sorted: what is to be matched again. Empty for facts of
    /// a flaw, and where only texts have changed.
    pub packages: Vec<(Namespace, String)>,
    /// What it says now; what it said where it is gone.
    pub document: Document,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// These fields of it are others: `affected`, `summary`, `ratings`, …
    Changed(Vec<&'static str>),
}

/// What has changed from `old` to `new`, sorted by partition, ID, source and scope.
///
/// Partitions of one digest are not opened, and blocks that stand in both are not unpacked: of a day's changes in a large
/// database a few blocks are read.
pub fn diff(old: &Generation, new: &Generation) -> Result<Vec<Change>, Error> {
    let names: BTreeSet<&str> = [old, new]
        .iter()
        .flat_map(|generation| generation.manifest().partitions.iter().map(|info| &*info.name))
        .collect();
    let mut changes = Vec::new();
    for name in names {
        let digest =
            |generation: &Generation| generation.manifest().partition(name).map(|info| info.digest.clone());
        let (old_digest, new_digest) = (digest(old), digest(new));
        if old_digest == new_digest {
            continue;
        }
        let open = |generation: &Generation, digest: Option<_>| {
            digest.map(|_| generation.partition(name)).transpose()
        };
        diff_partition(name, open(old, old_digest)?.as_ref(), open(new, new_digest)?.as_ref(), &mut changes)?;
    }
    Ok(changes)
}

/// The fields that may stand in another partition.
const TEXTS: [&str; 3] = ["summary", "details", "references"];

/// A record's key without what it is sorted by besides.
type OwnedKey = (String, String, String, Kind, Vec<u8>);

fn diff_partition(
    name: &str,
    old: Option<&Database>,
    new: Option<&Database>,
    changes: &mut Vec<Change>,
) -> Result<(), Error> {
    let digests = |database: Option<&Database>| -> Result<HashSet<[u8; 32]>, Error> {
        let blocks = database.into_iter().flat_map(Database::stored_blocks);
        blocks.map(|block| Ok(block?.digest)).collect()
    };
    let (in_old, in_new) = (digests(old)?, digests(new)?);
    let mut before = records(old, &in_new)?;
    let after = records(new, &in_old)?;
    let mut found = Vec::new();
    for (key, body) in after {
        let was = before.remove(&key);
        if was.as_ref() != Some(&body) {
            found.push((key, was, Some(body)));
        }
    }
    found.extend(before.into_iter().map(|(key, body)| (key, Some(body), None)));
    found.sort_by(|one, two| one.0.cmp(&two.0));
    for ((id, source, scope, _, _), was, is) in found {
        let bad = |error: LookupError| Error::Block { partition: name.to_owned(), reason: error.reason };
        let decode = |body: Vec<u8>| {
            let elsewhere = record::has_texts_elsewhere(&body).map_err(bad)?;
            Ok::<_, Error>((record::decode(&body, &source).map_err(bad)?, elsewhere))
        };
        let (was, is) = (was.map(decode).transpose()?, is.map(decode).transpose()?);
        // Texts that are kept for several releases now, or no more, are the same texts.
        let texts_moved = was.as_ref().zip(is.as_ref()).is_some_and(|(was, is)| was.1 != is.1);
        let (was, is) = (was.map(|was| was.0), is.map(|is| is.0));
        let packages = packages(was.as_ref(), is.as_ref());
        let (kind, document) = match (was, is) {
            (None, Some(is)) => (ChangeKind::Added, is),
            (Some(was), None) => (ChangeKind::Removed, was),
            (Some(was), Some(is)) => {
                let mut fields = fields(&was, &is);
                fields.retain(|field| !(texts_moved && TEXTS.contains(field)));
                if fields.is_empty() {
                    continue;
                }
                (ChangeKind::Changed(fields), is)
            }
            (None, None) => continue,
        };
        changes.push(Change { partition: name.to_owned(), id, source, scope, kind, packages, document });
    }
    Ok(())
}

/// The records of blocks that are not among `others`.
fn records(
    database: Option<&Database>,
    others: &HashSet<[u8; 32]>,
) -> Result<BTreeMap<OwnedKey, Vec<u8>>, Error> {
    let mut records = BTreeMap::new();
    let Some(database) = database else { return Ok(records) };
    for block in database.stored_blocks() {
        let block = block?;
        if others.contains(&block.digest) {
            continue;
        }
        database.each_record(block.frame, |record| {
            let key = Key::read(record.body, record.source, record.scope)?;
            let owned = |text: &str| text.to_owned();
            let key = (owned(key.id), owned(key.source), owned(key.scope), key.kind, key.rest.to_vec());
            records.insert(key, record.body.to_vec());
            Ok(())
        })?;
    }
    Ok(records)
}

fn affected_of(document: Option<&Document>) -> &[Affected] {
    match document {
        Some(Document::Advisory(advisory)) => &advisory.affected,
        _ => &[],
    }
}

/// Packages of which something else is said. What is said of the advisory as a whole, but for its texts and dates, is
/// said of all of them.
fn packages(was: Option<&Document>, is: Option<&Document>) -> Vec<(Namespace, String)> {
    let all = match (was, is) {
        (Some(Document::Advisory(was)), Some(Document::Advisory(is))) => heads_differ(was, is),
        _ => true,
    };
    let (was, is) = (affected_of(was), affected_of(is));
    let gone = was.iter().filter(|affected| all || !is.contains(affected));
    let come = is.iter().filter(|affected| all || !was.contains(affected));
    let packages: BTreeSet<(Namespace, String)> =
        gone.chain(come).map(|affected| (affected.namespace.clone(), affected.name.clone())).collect();
    packages.into_iter().collect()
}

/// Whether something differs that a finding depends on, other than its packages.
fn heads_differ(was: &Advisory, is: &Advisory) -> bool {
    was.aliases != is.aliases
        || was.upstream != is.upstream
        || was.related != is.related
        || was.ratings != is.ratings
        || was.informational != is.informational
}

fn fields(was: &Document, is: &Document) -> Vec<&'static str> {
    let (Document::Advisory(was), Document::Advisory(is)) = (was, is) else { return vec!["value"] };
    [
        ("aliases", was.aliases != is.aliases),
        ("upstream", was.upstream != is.upstream),
        ("related", was.related != is.related),
        ("summary", was.summary != is.summary),
        ("details", was.details != is.details),
        ("published", was.published != is.published),
        ("modified", was.modified != is.modified),
        ("references", was.references != is.references),
        ("ratings", was.ratings != is.ratings),
        ("cwes", was.cwes != is.cwes),
        ("informational", was.informational != is.informational),
        ("affected", was.affected != is.affected),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}
