//! Looking through a database for people: by ID, by package.

use plimsoll_model::{AdvisoryLookup as _, LookupError, Namespace, Purl};

use crate::Snapshot;

/// What was found for a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchResult {
    /// Numbers of advisories with this ID or alias, for [`plimsoll_model::AdvisoryLookup::advisory`].
    pub advisories: Vec<u32>,
    /// Packages with this name, else packages whose name holds the text.
    pub packages: Vec<FoundPackage>,
    /// Whether there are more packages than were asked for.
    pub is_cut: bool,
}

/// A package of which advisories speak.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoundPackage {
    /// Where the name is at home.
    pub namespace: Namespace,
    /// The name.
    pub name: String,
    /// How many advisories speak of it.
    pub entries: usize,
}

/// Looks for a text in what is open: as an ID, alias or CVE (`CVE-2021-44228`); as a namespace and a name
/// (`Debian:12/openssl`); as a package URL, of which the name counts; as a name, exactly, and where none is such, as a
/// part of names. At most `limit` packages.
///
/// Whole names cost a look-up in each namespace; parts of names a walk over all packages.
pub fn search(snapshot: &Snapshot, text: &str, limit: usize) -> Result<SearchResult, LookupError> {
    let text = text.trim();
    let mut result = SearchResult::default();
    if text.is_empty() {
        return Ok(result);
    }
    result.advisories = snapshot.known(text)?.advisories;
    if result.advisories.is_empty() {
        result.advisories = snapshot.known(&text.to_uppercase())?.advisories;
    }
    let purl = text.parse::<Purl>().ok();
    let name = match &purl {
        Some(purl) => name_of(purl),
        None => text.to_owned(),
    };
    for (namespace, name) in spellings(snapshot, &name) {
        let Some((_, entries)) = snapshot.entries(namespace, &name)? else { continue };
        let entries = entries.count_left();
        if entries > 0 {
            result.packages.push(FoundPackage { namespace: namespace.clone(), name, entries });
        }
    }
    if result.packages.is_empty() && result.advisories.is_empty() {
        let wanted = name.to_lowercase();
        for database in snapshot.databases() {
            let limit_in_one = limit.saturating_add(1);
            let mut found = 0;
            database.each_package(|namespace, name, entries| {
                if name.to_lowercase().contains(&wanted) {
                    found += 1;
                    let (namespace, name) = (namespace.clone(), name.to_owned());
                    let entries = entries.count_left();
                    result.packages.push(FoundPackage { namespace, name, entries });
                }
                found < limit_in_one
            })?;
        }
    }
    result.packages.sort_unstable();
    result.packages.dedup();
    result.is_cut = result.packages.len() > limit;
    result.packages.truncate(limit);
    Ok(result)
}

/// Each namespace in which the text may name a package, and the name there.
fn spellings<'a>(snapshot: &'a Snapshot, text: &str) -> Vec<(&'a Namespace, String)> {
    let mut spellings = Vec::new();
    for namespace in snapshot.namespaces() {
        let normalize = |name: &str| namespace.ecosystem.normalize_name(name).into_owned();
        let prefix = format!("{namespace}/");
        match text.strip_prefix(&prefix) {
            Some(name) => spellings.push((namespace, normalize(name))),
            None => spellings.push((namespace, normalize(text))),
        }
    }
    spellings
}

/// The name as advisories have it: with the namespace, in the way of its ecosystem.
fn name_of(purl: &Purl) -> String {
    match (&*purl.kind, &*purl.namespace) {
        (_, "") | ("deb" | "rpm" | "apk" | "alpm", _) => purl.name.clone(),
        ("maven", namespace) => format!("{namespace}:{}", purl.name),
        (_, namespace) => format!("{namespace}/{}", purl.name),
    }
}
