//! One generation of a store.

use std::sync::Arc;

use plimsoll_model::{Digest, Namespace};

use crate::manifest::{Manifest, digest_of};
use crate::snapshot::Snapshot;
use crate::split::{EPSS, FLAWS, NVD, partition_of, texts_partition_of};
use crate::store::Store;
use crate::{Database, Error};

/// A manifest in a store, and with it a state of all advisories. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Generation {
    store: Store,
    number: u64,
    digest: Digest,
    manifest: Arc<Manifest>,
    bytes: Arc<[u8]>,
}

impl Generation {
    pub(crate) fn new(store: Store, number: u64, manifest: Manifest, bytes: Vec<u8>) -> Self {
        Self { store, number, digest: digest_of(&bytes), manifest: Arc::new(manifest), bytes: bytes.into() }
    }

    /// The store it is in.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Its number, from 1 on. Means nothing outside of its store.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// SHA-256 of the manifest's bytes: the digest of the database.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What it consists of.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The same, as it lies in the store.
    pub fn manifest_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Opens one partition.
    ///
    /// # Errors
    /// [`Error::Partition`] where the generation has none of that name, or where its file is missing or damaged.
    pub fn partition(&self, name: &str) -> Result<Database, Error> {
        let info = self.manifest.partition(name).ok_or_else(|| Error::Partition {
            partition: name.to_owned(),
            path: self.store.path().to_owned(),
            expected: "a partition of that name".to_owned(),
            found: "none in this generation".to_owned(),
        })?;
        self.store.open_partition(info)
    }

    /// Opens what is needed to look up packages in these namespaces: their partitions, those of their texts, and those
    /// of facts of flaws. Namespaces of which there is no partition are left out; [`Manifest::covers`] tells.
    pub fn open(&self, wanted: &[Namespace]) -> Result<Snapshot, Error> {
        let mut names: Vec<String> = Vec::new();
        let mut want = |name: &str| {
            if self.manifest.partition(name).is_some() && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        };
        let partitions: Vec<String> = wanted.iter().map(partition_of).collect();
        for name in &partitions {
            want(name);
        }
        // Behind the releases, so that what stands in both is found in the release.
        partitions.iter().filter_map(|name| texts_partition_of(name)).for_each(&mut want);
        [FLAWS, EPSS, NVD].into_iter().for_each(&mut want);
        self.open_named(&names)
    }

    /// Opens all partitions.
    pub fn open_all(&self) -> Result<Snapshot, Error> {
        let mut names: Vec<String> = self.manifest.partitions.iter().map(|info| info.name.clone()).collect();
        names.sort_by_key(|name| !name.contains(':'));
        self.open_named(&names)
    }

    fn open_named(&self, names: &[String]) -> Result<Snapshot, Error> {
        let databases = names.iter().map(|name| self.partition(name)).collect::<Result<Vec<_>, _>>()?;
        Snapshot::of_generation(self.clone(), databases)
    }
}
