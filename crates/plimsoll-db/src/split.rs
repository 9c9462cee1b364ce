//! Which partitions a document goes to, and which part of it.

use std::collections::BTreeMap;

use plimsoll_model::{Advisory, Affected, Ecosystem, Namespace};

use crate::record::{encode_advisory, encode_texts, has_texts};

/// Name of the partition of a file that holds everything.
pub const EVERYTHING: &str = "*";
/// Name of the partition of facts of flaws: known exploited ones, tables of scores, advisories without a package.
pub(crate) const FLAWS: &str = "cve";
/// Name of the partition of probabilities of exploitation.
pub(crate) const EPSS: &str = "epss";
/// Name of the partition of NVD's descriptions, and of the source they are from.
pub(crate) const NVD: &str = "nvd";

/// Whether advisories of an ecosystem speak of its releases, each of which is a partition. Those of the others are one
/// partition, whatever repository a namespace names.
fn has_releases(ecosystem: Ecosystem) -> bool {
    match ecosystem {
        Ecosystem::AlmaLinux
        | Ecosystem::Alpaquita
        | Ecosystem::Alpine
        | Ecosystem::AmazonLinux
        | Ecosystem::ArchLinux
        | Ecosystem::AzureLinux
        | Ecosystem::BellSoft
        | Ecosystem::Chainguard
        | Ecosystem::Debian
        | Ecosystem::Echo
        | Ecosystem::Mageia
        | Ecosystem::MinimOs
        | Ecosystem::OpenEuler
        | Ecosystem::OpenSuse
        | Ecosystem::OracleLinux
        | Ecosystem::PhotonOs
        | Ecosystem::RedHat
        | Ecosystem::RockyLinux
        | Ecosystem::Suse
        | Ecosystem::Ubuntu
        | Ecosystem::Wolfi => true,
        Ecosystem::Bitnami
        | Ecosystem::CratesIo
        | Ecosystem::Go
        | Ecosystem::Hex
        | Ecosystem::Maven
        | Ecosystem::Npm
        | Ecosystem::NuGet
        | Ecosystem::Packagist
        | Ecosystem::Pub
        | Ecosystem::PyPi
        | Ecosystem::RubyGems
        | Ecosystem::SwiftUrl => false,
    }
}

/// Name of the partition that what is said of a namespace stands in: `Debian:12`, `PyPI`.
pub(crate) fn partition_of(namespace: &Namespace) -> String {
    if has_releases(namespace.ecosystem) {
        namespace.to_string()
    } else {
        namespace.ecosystem.name().to_owned()
    }
}

/// Name of the partition that keeps texts for that one, where there may be one: `Debian` for `Debian:12`.
pub(crate) fn texts_partition_of(partition: &str) -> Option<&str> {
    partition.split_once(':').map(|(ecosystem, _)| ecosystem)
}

/// The ecosystem that a scope names, by itself or before a release: `PyPI`, `Alpine:v3.20/main`.
fn ecosystem_of_scope(scope: &str) -> Option<Ecosystem> {
    Ecosystem::from_name(scope.split(':').next().unwrap_or(scope))
}

/// The records that an advisory of this scope becomes, with their partitions, sorted by these.
///
/// Of the packages, those of the scope's ecosystem alone count where it names one: OSV repeats a record in the export
/// of each ecosystem it speaks of, and each is the one that keeps its own packages up to date.
pub(crate) fn split(advisory: &Advisory, scope: &str) -> Vec<(String, Vec<u8>)> {
    let only = ecosystem_of_scope(scope);
    let mut partitions: BTreeMap<String, Vec<&Affected>> = BTreeMap::new();
    let mut releases: BTreeMap<Ecosystem, usize> = BTreeMap::new();
    for affected in &advisory.affected {
        let ecosystem = affected.namespace.ecosystem;
        if only.is_some_and(|only| only != ecosystem) {
            continue;
        }
        let of_partition = partitions.entry(partition_of(&affected.namespace)).or_insert_with(|| {
            *releases.entry(ecosystem).or_default() += 1;
            Vec::new()
        });
        of_partition.push(affected);
    }
    if advisory.affected.is_empty() {
        let partition = if advisory.source == NVD { NVD } else { FLAWS };
        return vec![(partition.to_owned(), encode_advisory(advisory, [].iter(), false))];
    }
    let has_texts = has_texts(advisory);
    let shares_texts = |affected: &[&Affected]| {
        let ecosystem = affected[0].namespace.ecosystem;
        has_texts && releases.get(&ecosystem).is_some_and(|&count| count > 1)
    };
    let mut records = Vec::with_capacity(partitions.len() + 1);
    let mut texts = BTreeMap::new();
    for (partition, affected) in &partitions {
        let ecosystem = affected[0].namespace.ecosystem;
        let shares = shares_texts(affected);
        if shares && !partitions.contains_key(ecosystem.name()) {
            texts.entry(ecosystem.name()).or_insert_with(|| encode_texts(advisory));
        }
        let elsewhere = shares && partition != ecosystem.name();
        let body = encode_advisory(advisory, affected.iter().copied(), elsewhere);
        records.push((partition.clone(), body));
    }
    records.extend(texts.into_iter().map(|(partition, body)| (partition.to_owned(), body)));
    records.sort_by(|(one, _), (two, _)| one.cmp(two));
    records
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::decode_document;

    fn check(spaces: &[&str], scope: &str, expected: &[&str]) {
        let affected = |space: &&str| {
            Affected::new(Namespace::parse(space).expect("a known ecosystem"), "curl".to_owned())
        };
        let advisory = Advisory {
            id: "X-1".to_owned(),
            summary: "words".to_owned(),
            affected: spaces.iter().map(affected).collect(),
            ..Advisory::default()
        };
        let found: Vec<String> = split(&advisory, scope)
            .into_iter()
            .map(|(partition, body)| {
                let decoded = decode_document(&body, "s").unwrap();
                let texts = if decoded.advisory.summary.is_empty() { "no texts" } else { "texts" };
                let mut count = 0;
                crate::record::each_affected(decoded.behind, |_| {
                    count += 1;
                    Ok(())
                })
                .unwrap();
                format!("{partition}: {count}, {texts}")
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn an_advisory_goes_to_each_release_that_it_names() {
        check(&["PyPI"], "", &["PyPI: 1, texts"]);
        check(&["Debian:12"], "", &["Debian:12: 1, texts"]);
        check(
            &["Debian:12", "Debian:11", "Debian:12"],
            "",
            &["Debian: 0, texts", "Debian:11: 1, no texts", "Debian:12: 2, no texts"],
        );
        check(&["Debian", "Debian:11"], "", &["Debian: 1, texts", "Debian:11: 1, no texts"]);
        check(&["Ubuntu:Pro:14.04:LTS", "npm"], "", &["Ubuntu:Pro:14.04: 1, texts", "npm: 1, texts"]);
        check(&["Packagist", "Packagist:https://packages.drupal.org/8"], "", &["Packagist: 2, texts"]);
        check(&[], "2024", &["cve: 0, texts"]);
    }

    #[test]
    fn a_scope_takes_what_is_its_own() {
        check(&["PyPI", "npm"], "PyPI", &["PyPI: 1, texts"]);
        check(&["PyPI", "npm"], "2024", &["PyPI: 1, texts", "npm: 1, texts"]);
        check(&["Alpine:v3.20", "npm"], "Alpine:v3.20/main", &["Alpine:v3.20: 1, texts"]);
        check(&["npm"], "PyPI", &[]);
    }
}
