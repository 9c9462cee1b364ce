//! Which files are read: those that were named, and all JSON below folders and prefixes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use bytes::Bytes;
use datafusion::common::{DataFusionError, Result};
use futures::TryStreamExt as _;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use plimsoll_report::MAX_REPORT_BYTES;
use plimsoll_store::{Location, Store};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Exit, Failure};

/// Ends of names that are taken for reports below a folder.
const ENDS: [&str; 2] = [".json", ".json.gz"];

/// Folders that make a folder a store.
const STORE_FOLDERS: [&str; 3] = ["tables/v1", "inventories", "verdicts"];

/// A report from which on only one is read at a time, in bytes: what is made of it takes several times as much memory.
const LARGE_BYTES: u64 = 16 << 20;

/// What opening a file costs, in bytes that could be read meanwhile.
const OPENING_BYTES: u64 = 16 << 10;

/// Places that hold reports.
#[derive(Clone, Debug)]
pub(crate) struct Reports {
    roots: Vec<Root>,
    large: Arc<Semaphore>,
}

/// One of them.
#[derive(Clone, Debug)]
struct Root {
    store: Store,
    /// The one object that is meant; all of the store's otherwise.
    only: Option<String>,
}

/// A file that may be a report.
#[derive(Clone, Debug)]
pub(super) struct ReportFile {
    /// What a person calls it.
    pub(super) name: String,
    pub(super) meta: ObjectMeta,
    objects: Arc<dyn ObjectStore>,
    large: Arc<Semaphore>,
}

/// What a folder or prefix turned out to be.
pub(crate) enum Found {
    Store,
    Reports,
}

/// Looks at a place: a store is asked by its tables.
pub(crate) async fn look(location: &Location) -> Result<Found, Failure> {
    let is_store = match location {
        Location::Folder(folder) => folder.join(STORE_FOLDERS[0]).is_dir(),
        Location::Bucket { .. } => {
            let store = Store::open(location).map_err(|error| Failure::new(Exit::Failed, error))?;
            let tables = store.path(STORE_FOLDERS[0]);
            let listed = store.objects().list_with_delimiter(Some(&tables)).await;
            let listed = listed.map_err(|error| {
                Failure::new(Exit::Failed, anyhow!(error).context(format!("cannot list `{location}`")))
            })?;
            !listed.common_prefixes.is_empty()
        }
    };
    Ok(if is_store { Found::Store } else { Found::Reports })
}

impl Reports {
    /// Opens the places.
    ///
    /// # Errors
    /// Where one does not exist.
    pub(crate) fn open(locations: &[Location]) -> Result<Self, Failure> {
        let mut roots = Vec::new();
        for location in locations {
            roots.push(match location {
                Location::Folder(path) => Self::on_disk(path)?,
                Location::Bucket { bucket, prefix } => {
                    let is_file = ENDS.iter().any(|end| prefix.as_ref().ends_with(end));
                    let (prefix, only) = match prefix.as_ref().rsplit_once('/') {
                        _ if !is_file => (prefix.clone(), None),
                        Some((folder, name)) => (folder.into(), Some(name.to_owned())),
                        None => (object_store::path::Path::default(), Some(prefix.to_string())),
                    };
                    let location = Location::Bucket { bucket: bucket.clone(), prefix };
                    Root { store: open(&location)?, only }
                }
            });
        }
        Ok(Self { roots, large: Arc::new(Semaphore::new(1)) })
    }

    fn on_disk(path: &Path) -> Result<Root, Failure> {
        let missing = |error: std::io::Error| {
            let what = format!("cannot read reports `{}`", path.display());
            Failure::new(Exit::Failed, anyhow!(error).context(what))
        };
        let path = std::fs::canonicalize(path).map_err(missing)?;
        if path.is_dir() {
            // Of a store without tables the reports.
            let reports = path.join("reports");
            let is_store = reports.is_dir() && STORE_FOLDERS.iter().any(|name| path.join(name).is_dir());
            let folder = if is_store { reports } else { path };
            return Ok(Root { store: open(&Location::Folder(folder))?, only: None });
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(missing(std::io::ErrorKind::NotFound.into()));
        };
        let store = open(&Location::Folder(PathBuf::from(folder)))?;
        Ok(Root { store, only: Some(name.to_string_lossy().into_owned()) })
    }

    /// The files, by name. Hidden ones are left out.
    pub(super) async fn list(&self) -> Result<Vec<ReportFile>> {
        let mut files = Vec::new();
        for root in &self.roots {
            let cannot = |error| DataFusionError::ObjectStore(Box::new(error));
            let objects = root.store.objects();
            let metas: Vec<ObjectMeta> = if let Some(name) = &root.only {
                vec![objects.head(&root.store.path(name)).await.map_err(cannot)?]
            } else {
                let prefix = Some(root.store.prefix()).filter(|prefix| prefix.parts().next().is_some());
                let listed = objects.list(prefix).try_filter(|meta| {
                    let path = meta.location.as_ref();
                    let is_hidden = path.split('/').any(|part| part.starts_with('.'));
                    let is_report = ENDS.iter().any(|end| path.ends_with(end));
                    std::future::ready(is_report && !is_hidden)
                });
                listed.try_collect().await.map_err(cannot)?
            };
            files.extend(metas.into_iter().map(|meta| ReportFile {
                name: name(root.store.location(), &meta.location),
                meta,
                objects: Arc::clone(objects),
                large: Arc::clone(&self.large),
            }));
        }
        files.sort_by(|one, two| one.name.cmp(&two.name));
        files.dedup_by(|one, two| one.name == two.name);
        Ok(files)
    }
}

fn open(location: &Location) -> Result<Store, Failure> {
    Store::open(location).map_err(|error| Failure::new(Exit::Failed, error))
}

/// The whole address of an object.
fn name(location: &Location, path: &object_store::path::Path) -> String {
    match location {
        Location::Folder(folder) => folder.join(path.as_ref()).display().to_string(),
        Location::Bucket { bucket, .. } => format!("{}/{path}", bucket.as_str().trim_end_matches('/')),
    }
}

impl ReportFile {
    /// What reading it costs, compared with others.
    pub(super) fn weight(&self) -> u64 {
        self.meta.size + OPENING_BYTES
    }

    /// Whether it is compressed.
    pub(super) fn is_compressed(&self) -> bool {
        std::path::Path::new(&self.name).extension().is_some_and(|end| end == "gz")
    }

    /// Its bytes; or why not.
    pub(super) async fn fetch(&self) -> Result<Bytes, String> {
        if self.meta.size > MAX_REPORT_BYTES {
            return Err(format!("expected at most {MAX_REPORT_BYTES} bytes, found {}", self.meta.size));
        }
        let object = self.objects.get(&self.meta.location).await.map_err(|error| error.to_string())?;
        object.bytes().await.map_err(|error| error.to_string())
    }

    /// The right to read it, where it is large.
    pub(super) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        if self.meta.size < LARGE_BYTES && !self.is_compressed() {
            return None;
        }
        Arc::clone(&self.large).acquire_owned().await.ok()
    }
}
