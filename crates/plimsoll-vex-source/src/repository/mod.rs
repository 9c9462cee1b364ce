//! Documents of a VEX repository: one archive for many packages, with an index.
//!
//! Only the documents of packages that the inventory has, and of the image itself, are read. What such a repository
//! holds was not written for the image: a document in it that cannot be read is a notice, and no error.
//!
//! Source: VEX Repository Specification 0.1.

mod address;
mod archive;
mod cache;
mod index;
mod manifest;

pub use address::Address;

use std::collections::BTreeSet;
use std::path::Path;

use plimsoll_model::{Inventory, Purl};

use crate::open::{Failed, Opened, Rules, open};
use crate::{Error, Found, Looking, Place};
use archive::Archive;
use cache::Held;
use index::Index;

/// The most documents that are read of one repository.
const MAX_DOCUMENTS: usize = 10_000;

/// Reads what a repository has of an inventory's packages.
pub(crate) fn find(
    address: &Address,
    inventory: &Inventory,
    looking: &Looking<'_>,
    found: &mut Found,
) -> Result<(), Error> {
    let held = cache::fetch(address, looking, found)?;
    let read = read(address, inventory, held, found);
    if read.is_err() {
        // It would be found as it is until it is old.
        cache::forget(address, looking);
    }
    read
}

fn read(address: &Address, inventory: &Inventory, held: Held, found: &mut Found) -> Result<(), Error> {
    let name = address.to_string();
    let mut archive = Archive::new(held.file, &name)?;
    let index_path = manifest::inside(&held.subfolder, "index.json").ok_or_else(|| Error::Repository {
        url: name.clone(),
        expected: "a folder inside the archive".to_owned(),
        found: format!("`{}`", crate::open::clip(&held.subfolder)),
    })?;
    let mut bytes = Vec::new();
    archive.read(&BTreeSet::from([index_path]), &mut |_, content| bytes = content)?;
    let index = Index::parse(&bytes, &name)?;
    let wanted = Wanted::of(inventory);
    let mut paths = BTreeSet::new();
    for entry in index.entries.iter().filter(|entry| wanted.has(&entry.id)) {
        match manifest::inside(&held.subfolder, &entry.location) {
            Some(path) => drop(paths.insert(path)),
            None => found.notice(
                &name,
                format!(
                    "expected the document of `{}` inside its archive, found `{}`",
                    entry.id,
                    crate::open::clip(&entry.location)
                ),
            ),
        }
    }
    if paths.len() > MAX_DOCUMENTS {
        return Err(Error::TooMuch {
            place: name,
            limit: MAX_DOCUMENTS as u64,
            unit: "documents for one image",
        });
    }
    let mut documents = Vec::new();
    archive.read(&paths, &mut |path, content| documents.push((path.to_owned(), content)))?;
    documents.sort();
    for path in &paths {
        let origin = format!("{name}/{path}");
        let Ok(place) = documents.binary_search_by(|(known, _)| known.as_str().cmp(path)) else {
            found.notice(origin, "expected a document, as the repository's index says, found none");
            continue;
        };
        match open(&documents[place].1, &origin, &Rules { keys: &[], must_be_signed: false, image: None }) {
            Ok(Opened::Document { document, .. }) => found.take(*document, Place::Repository),
            Ok(Opened::Other(kind)) => {
                let kind = crate::open::clip(&kind);
                found.notice(origin, format!("is not taken: expected VEX, found a statement of `{kind}`"));
            }
            Ok(Opened::Refused { expected, found: what, .. }) => {
                found.notice(origin, format!("is not taken: expected {expected}, found {what}"));
            }
            Err(Failed { error, .. }) => found.notice(origin, format!("is not taken: {error}")),
        }
    }
    Ok(())
}

/// What documents are looked up for: packages without versions, and the image.
struct Wanted {
    packages: BTreeSet<(String, String, String)>,
    images: BTreeSet<String>,
}

impl Wanted {
    fn of(inventory: &Inventory) -> Self {
        let os = inventory.os.as_ref();
        let mut packages = BTreeSet::new();
        for package in &inventory.packages {
            let purl = package.purl(os);
            if let Some(source) = &package.source {
                packages.insert((purl.kind.clone(), purl.namespace.clone(), source.name.clone()));
            }
            packages.insert((purl.kind, purl.namespace, purl.name));
        }
        let artifact = &inventory.artifact;
        let last = |name: &String| {
            let name = name.split('@').next().unwrap_or_default();
            let name = name.rsplit('/').next().unwrap_or_default();
            name.split(':').next().unwrap_or_default().to_owned()
        };
        let images = artifact.repo_tags.iter().chain(&artifact.repo_digests).map(last).collect();
        Self { packages, images }
    }

    /// Whether a document under this URL may speak of something that is here; which does is judged by itself.
    fn has(&self, id: &Purl) -> bool {
        match id.kind.as_str() {
            "oci" | "docker" => self.images.contains(&id.name),
            _ => self.packages.contains(&(id.kind.clone(), id.namespace.clone(), id.name.clone())),
        }
    }
}

/// Gives foreign bytes to the parsers of this module, for fuzzing.
pub(crate) fn fuzz_parsers(bytes: &[u8]) {
    let _ = manifest::Manifest::parse(bytes, "fuzz");
    let _ = Index::parse(bytes, "fuzz");
}

/// Whether a folder can take a file; for the errors of the cache.
fn cache_error(path: &Path) -> impl Fn(std::io::Error) -> Error + '_ {
    |source| Error::Cache { path: path.to_owned(), source }
}
