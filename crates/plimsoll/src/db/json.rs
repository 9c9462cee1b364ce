//! What `db info`, `db search` and `db diff` say, as JSON for programs. Keys are those of the report of a scan where that has
//! the same thing; `docs/database.md` lists them.

use std::collections::BTreeMap;

use plimsoll_db::{Change, ChangeKind, Generation, Info, Manifest, Snapshot};
use plimsoll_model::{Advisory, Affected, EventKind, Rating, RatingScale};
use serde_json::{Value, json};

use super::diff::Counts;
use super::search::{Found, FoundAdvisory};
use crate::exit::{Exit, Failure};
use crate::updated::Updated;

/// A value as it is printed, with a line end.
pub(super) fn bytes(value: &Value) -> Result<Vec<u8>, Failure> {
    let mut bytes =
        serde_json::to_vec_pretty(value).map_err(|error| Failure::new(Exit::CouldNotScan, error))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// `db info` of a folder.
pub(super) fn of_store(
    snapshot: &Snapshot,
    manifest: &Manifest,
    updated: &Updated,
    kept: &[Generation],
) -> Value {
    let partitions: Vec<Value> = manifest
        .partitions
        .iter()
        .map(|partition| {
            json!({
                "Name": partition.name,
                "Digest": partition.digest.to_string(),
                "SizeBytes": partition.size_bytes,
                "Records": partition.records,
                "Advisories": partition.advisories,
                "Packages": partition.packages,
                "Ranges": partition.ranges,
                "NewestAdvisory": partition.newest_advisory,
            })
        })
        .collect();
    let sources: Vec<Value> = manifest
        .sources
        .iter()
        .map(|source| {
            let failures: Vec<Value> = source
                .failures
                .iter()
                .map(|failure| json!({"Place": failure.place, "Reason": failure.reason}))
                .collect();
            json!({
                "Source": source.source,
                "Scope": source.scope,
                "Records": source.records,
                "Usable": source.usable,
                "Withdrawn": source.withdrawn,
                "Empty": source.empty,
                "Failed": source.failed,
                "Failures": failures,
                "LeftOut": source.skipped,
                "Newest": source.newest,
                "Licence": source.licence,
            })
        })
        .collect();
    let generations: Vec<String> = kept.iter().map(|generation| generation.digest().to_string()).collect();
    json!({
        "Digest": snapshot.digest().to_string(),
        "UpdatedAt": updated.time(),
        "UpdateProblem": match updated {
            Updated::Unknown(reason) => reason.as_str(),
            Updated::At(_) | Updated::Never => "",
        },
        "NewestAdvisory": manifest.newest_advisory,
        "Advisories": manifest.advisories,
        "SizeBytes": snapshot.size_bytes(),
        "Partitions": partitions,
        "Sources": sources,
        "Generations": generations,
    })
}

/// `db info` of one file.
pub(super) fn of_file(snapshot: &Snapshot, info: &Info) -> Value {
    let namespaces: Vec<Value> =
        info.namespaces.iter().map(|(name, packages)| json!({"Name": name, "Packages": packages})).collect();
    let sources: Vec<Value> = info
        .origins
        .iter()
        .map(|origin| json!({"Source": origin.source, "Scope": origin.scope, "Records": origin.records}))
        .collect();
    json!({
        "Digest": snapshot.digest().to_string(),
        "NewestAdvisory": info.newest_advisory,
        "Advisories": info.advisories,
        "SizeBytes": snapshot.size_bytes(),
        "Namespaces": namespaces,
        "Sources": sources,
        "LeftOut": info.left_out,
    })
}

/// `db search`.
pub(super) fn search(found: &Found) -> Value {
    let advisories: Vec<Value> = found
        .advisories
        .iter()
        .map(|FoundAdvisory { advisory, affected }| {
            let mut value = document(advisory);
            value["Affected"] = affected
                .iter()
                .map(|affected| {
                    let mut value = said(affected);
                    value["Namespace"] = affected.namespace.to_string().into();
                    value["Name"] = affected.name.as_str().into();
                    value
                })
                .collect();
            value
        })
        .collect();
    let packages: Vec<Value> = found
        .packages
        .iter()
        .map(|(package, entries)| {
            let entries: Vec<Value> = entries
                .iter()
                .map(|(advisory, affected)| {
                    let mut value = said(affected);
                    value["Advisory"] = advisory.id.as_str().into();
                    value["Source"] = advisory.source.as_str().into();
                    value
                })
                .collect();
            json!({
                "Namespace": package.namespace.to_string(),
                "Name": package.name,
                "Count": package.entries,
                "Entries": entries,
            })
        })
        .collect();
    let known_exploited = found.kev.as_ref().map(|kev| {
        json!({
            "Name": kev.name,
            "DateAdded": kev.date_added,
            "DueDate": kev.due_date,
            "Ransomware": kev.ransomware,
        })
    });
    let share = |value: u32| f64::from(value) / 100_000.0;
    let epss = found
        .epss
        .map(|epss| json!({"Probability": share(epss.probability), "Percentile": share(epss.percentile)}));
    json!({
        "Query": found.text,
        "Advisories": advisories,
        "MoreAdvisories": found.more_advisories,
        "KnownExploited": known_exploited,
        "EPSS": epss,
        "Ratings": ratings(&found.scores),
        "Packages": packages,
        "HasMorePackages": found.is_cut,
    })
}

fn document(advisory: &Advisory) -> Value {
    let references: Vec<Value> = advisory
        .references
        .iter()
        .map(|reference| json!({"Kind": reference.kind, "URL": reference.url}))
        .collect();
    json!({
        "ID": advisory.id,
        "Source": advisory.source,
        "Aliases": advisory.aliases,
        "Upstream": advisory.upstream,
        "Related": advisory.related,
        "Title": advisory.summary,
        "Description": advisory.details,
        "PublishedDate": advisory.published,
        "LastModifiedDate": advisory.modified,
        "References": references,
        "Ratings": ratings(&advisory.ratings),
        "CweIDs": advisory.cwes,
        "Informational": advisory.informational,
        "Malicious": advisory.is_malicious(),
    })
}

/// What is said of a package, without its name.
fn said(affected: &Affected) -> Value {
    let ranges: Vec<Value> = affected
        .ranges
        .iter()
        .map(|range| {
            range
                .events
                .iter()
                .map(|event| {
                    let key = match event.kind {
                        EventKind::Introduced => "Introduced",
                        EventKind::Fixed => "Fixed",
                        EventKind::LastAffected => "LastAffected",
                        EventKind::Limit => "Limit",
                    };
                    json!({ key: event.version })
                })
                .collect()
        })
        .collect();
    json!({
        "Status": affected.status,
        "Note": affected.note,
        "Module": affected.module,
        "Ranges": ranges,
        "Versions": affected.versions,
        "Ratings": ratings(&affected.ratings),
    })
}

fn ratings(ratings: &[Rating]) -> Vec<Value> {
    ratings
        .iter()
        .map(|rating| match &rating.scale {
            RatingScale::Word(word) => json!({"Source": rating.source, "Severity": word.to_string()}),
            RatingScale::Cvss(vector) => json!({"Source": rating.source, "Vector": vector}),
            RatingScale::Score(tenths) => {
                json!({"Source": rating.source, "Score": f64::from(*tenths) / 10.0})
            }
        })
        .collect()
}

/// `db diff`.
pub(super) fn diff(
    old: &Generation,
    new: &Generation,
    counts: &BTreeMap<&str, Counts>,
    shown: &[Change],
    all: usize,
) -> Value {
    let counts: Vec<Value> = counts
        .iter()
        .map(|(partition, counts)| {
            json!({
                "Partition": partition,
                "Added": counts.added,
                "Removed": counts.removed,
                "Changed": counts.changed,
            })
        })
        .collect();
    let changes: Vec<Value> = shown
        .iter()
        .map(|change| {
            let (kind, fields): (&str, &[&str]) = match &change.kind {
                ChangeKind::Added => ("added", &[]),
                ChangeKind::Removed => ("removed", &[]),
                ChangeKind::Changed(fields) => ("changed", fields),
            };
            let packages: Vec<Value> = change
                .packages
                .iter()
                .map(|(namespace, name)| json!({"Namespace": namespace.to_string(), "Name": name}))
                .collect();
            json!({
                "Kind": kind,
                "Partition": change.partition,
                "ID": change.id,
                "Source": change.source,
                "Scope": change.scope,
                "Fields": fields,
                "Packages": packages,
            })
        })
        .collect();
    json!({
        "From": old.digest().to_string(),
        "To": new.digest().to_string(),
        "Counts": counts,
        "Changes": changes,
        "MoreChanges": all - shown.len(),
    })
}
