//! Rocky Linux: `updateinfo.xml` of its repositories.
//!
//! OSV publishes the same errata, so this is read only where it is asked for: it is what a mirror of the distribution
//! has at hand. An erratum stands in each repository with that repository's packages; that of another than `BaseOS` bears
//! the repository behind its ID, `RLSA-2024:1234/AppStream`, so that neither takes the other's place.

use plimsoll_model::{Ecosystem, Namespace};

use crate::error::InvalidRecord;
use crate::repository::{self, REPOMD};
use crate::seam::{About, Feed, FeedFile, FeedKind, Sink, Source};
use crate::updateinfo::{self, Package, Publisher, Update};

/// The repositories of Rocky Linux.
pub(crate) struct Rocky;

static ABOUT: About = About {
    name: "rocky",
    title: "Rocky Linux repositories",
    home: "https://errata.rockylinux.org/",
    licence: "not stated; Rocky's records in OSV: BSD",
    base: "https://download.rockylinux.org/pub/rocky/",
    brings: "The errata that OSV has of Rocky Linux, as its repositories and their mirrors serve them.",
    ecosystems: &[Ecosystem::RockyLinux],
    by_default: false,
    max_file_bytes: 1 << 30,
};

/// Repositories with errata, by release; the first two of each must have some.
const REPOSITORIES: &[(&str, &[&str])] = &[
    ("8", &["BaseOS", "AppStream", "PowerTools"]),
    ("9", &["BaseOS", "AppStream", "CRB"]),
    ("10", &["BaseOS", "AppStream", "CRB"]),
];

impl Source for Rocky {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn feeds(&self, ecosystems: Option<&[Ecosystem]>) -> Vec<Feed> {
        if ecosystems.is_some_and(|wanted| !wanted.contains(&Ecosystem::RockyLinux)) {
            return Vec::new();
        }
        let feed = |release: &str, repository: &str| Feed {
            source: ABOUT.name,
            path: format!("{release}/{repository}/x86_64/os/{REPOMD}"),
            scope: format!("{}:{release}/{repository}", Ecosystem::RockyLinux),
            kind: FeedKind::Index,
        };
        REPOSITORIES
            .iter()
            .flat_map(|(release, repositories)| {
                repositories.iter().map(move |repository| feed(release, repository))
            })
            .collect()
    }

    fn claims(&self, path: &str, head: &[u8]) -> bool {
        updateinfo::claims(path, head, &["RLSA-", "RLBA-", "RLEA-", "RXSA-"])
    }

    fn read(&self, file: &FeedFile<'_>, sink: &mut Sink<'_>) -> Result<(), InvalidRecord> {
        let (release, name) = file.scope.split_once('/').unwrap_or((file.scope, ""));
        let namespace = Namespace::parse(release).filter(|namespace| !namespace.release.is_empty());
        updateinfo::read_as(&Repository { namespace, name }, file.path, file.bytes, sink)
    }

    fn follow(&self, index: &Feed, bytes: &[u8]) -> Result<Vec<Feed>, InvalidRecord> {
        match repository::updateinfo(index, bytes)? {
            Some(feed) => Ok(vec![feed]),
            None if index.scope.ends_with("/BaseOS") || index.scope.ends_with("/AppStream") => {
                Err(InvalidRecord {
                    expected: "a `repomd.xml` that names an `updateinfo`",
                    found: "none".to_owned(),
                })
            }
            None => Ok(Vec::new()),
        }
    }
}

/// How the updates of one file are understood.
struct Repository<'a> {
    /// Its release; `None` where only the builds tell.
    namespace: Option<Namespace>,
    /// `BaseOS`, `AppStream`; empty where only the collections of packages may tell.
    name: &'a str,
}

impl Publisher for Repository<'_> {
    fn name(&self) -> &'static str {
        ABOUT.name
    }

    fn namespace(&self, package: &Package) -> Option<Namespace> {
        self.namespace.clone().or_else(|| release_of(&package.release))
    }

    fn id(&self, update: &Update) -> String {
        let collection = update.collection.to_ascii_lowercase();
        let mut names = REPOSITORIES.iter().flat_map(|(_, names)| names.iter().copied());
        let name = match self.name {
            "" => names.find(|name| collection.contains(&name.to_ascii_lowercase())).unwrap_or_default(),
            name => name,
        };
        if matches!(name, "" | "BaseOS") { update.id.clone() } else { format!("{}/{name}", update.id) }
    }

    fn page(&self, update: &Update) -> Option<String> {
        Some(format!("{}{}", ABOUT.home, update.id))
    }
}

/// The release that a build is for: `4.el9_2` is Rocky Linux 9, `1.module+el8.9.0+1+a` is 8.
fn release_of(release: &str) -> Option<Namespace> {
    let (_, rest) = release.rsplit_once("el")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let major = &rest[..end];
    (1..=2).contains(&major.len()).then(|| Namespace::release(Ecosystem::RockyLinux, major))
}

#[cfg(test)]
#[path = "rocky_tests.rs"]
mod tests;
