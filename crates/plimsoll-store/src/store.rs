//! A store that is open.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;

use crate::{Error, Location};

/// Objects under one prefix of one bucket, or of one folder.
#[derive(Clone, Debug)]
pub struct Store {
    location: Location,
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Store {
    /// Opens the store at a place. A folder is made; a bucket is not asked for anything yet.
    ///
    /// # Errors
    /// [`Error::Object`] where the folder cannot be made, or credentials and settings make no sense.
    pub fn open(location: &Location) -> Result<Self, Error> {
        let cannot = |source| Error::Object { action: "open", object: location.to_string(), source };
        let (objects, prefix): (Arc<dyn ObjectStore>, Path) = match location {
            Location::Folder(folder) => {
                std::fs::create_dir_all(folder).map_err(|error| {
                    cannot(object_store::Error::Generic { store: "folder", source: Box::new(error) })
                })?;
                (Arc::new(LocalFileSystem::new_with_prefix(folder).map_err(cannot)?), Path::default())
            }
            Location::Bucket { bucket, prefix } => {
                let url = bucket.as_str();
                let objects: Arc<dyn ObjectStore> = match bucket.scheme() {
                    "gs" => {
                        Arc::new(GoogleCloudStorageBuilder::from_env().with_url(url).build().map_err(cannot)?)
                    }
                    "az" => {
                        Arc::new(MicrosoftAzureBuilder::from_env().with_url(url).build().map_err(cannot)?)
                    }
                    "memory" => Arc::new(InMemory::new()),
                    _ => Arc::new(AmazonS3Builder::from_env().with_url(url).build().map_err(cannot)?),
                };
                (objects, prefix.clone())
            }
        };
        Ok(Self { location: location.clone(), objects, prefix })
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// All objects of its bucket or folder; keys of the store begin with [`Store::prefix`].
    pub fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }

    /// What every key begins with; empty for a folder.
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The whole path of a key of the store: `reports/a.json` under its prefix.
    pub fn path(&self, key: &str) -> Path {
        self.prefix.parts().chain(Path::from(key).parts()).collect()
    }
}
