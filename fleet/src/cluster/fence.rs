//! What the machines of a cluster may open: the stores that they were told of, and only to read.
//!
//! A plan names files by address. Without a fence whoever reaches a scheduler could read any file of its machine.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::common::exec_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::object_store::ObjectStoreRegistry;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error as ObjectError, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result as ObjectResult,
};
use plimsoll_store::{Location, Store};
use url::Url;

use super::Error;

/// Stores that are kept open for plans to come.
const MAX_ASKED: usize = 64;

/// The stores that may be read, by the address that plans name them by.
pub(super) struct Fence {
    /// Buckets by scheme and name; `file://` for the folders of this machine.
    open: BTreeMap<String, Arc<Fenced>>,
    /// Stores that plans asked for, by address.
    asked: Mutex<BTreeMap<String, Store>>,
    /// For the error that says what there is.
    names: String,
}

impl Fence {
    /// Opens the stores. Several prefixes of one bucket are one fenced bucket.
    pub(super) fn new(stores: &[Location]) -> Result<Self, Error> {
        let mut fences: BTreeMap<String, (Arc<dyn ObjectStore>, Vec<Path>)> = BTreeMap::new();
        for location in stores {
            let cannot = |source: Box<dyn std::error::Error + Send + Sync>| Error::Service {
                action: format!("open the store `{location}`"),
                source,
            };
            let store = Store::open(location).map_err(|error| cannot(error.into()))?;
            match location {
                Location::Folder(folder) => {
                    let (_, prefixes) = fences
                        .entry("file://".to_owned())
                        .or_insert_with(|| (Arc::new(LocalFileSystem::new()), Vec::new()));
                    for folder in [std::path::absolute(folder), std::fs::canonicalize(folder)] {
                        let folder: PathBuf = folder.map_err(|error| cannot(error.into()))?;
                        prefixes
                            .push(Path::from_absolute_path(&folder).map_err(|error| cannot(error.into()))?);
                    }
                }
                Location::Bucket { bucket, prefix } => {
                    let (_, prefixes) = fences
                        .entry(key(bucket))
                        .or_insert_with(|| (Arc::clone(store.objects()), Vec::new()));
                    prefixes.push(prefix.clone());
                }
            }
        }
        let open = fences
            .into_iter()
            .map(|(key, (objects, prefixes))| (key, Arc::new(Fenced { objects, prefixes })))
            .collect();
        let names: Vec<String> = stores.iter().map(|location| format!("`{location}`")).collect();
        Ok(Self { open, asked: Mutex::default(), names: names.join(", ") })
    }

    /// Opens a store that a plan names, where it lies within the fence.
    pub(super) fn store(&self, location: &Location) -> Result<Store> {
        let (key, prefix) = match location {
            Location::Folder(folder) => {
                let path = Path::from_absolute_path(folder)
                    .map_err(|error| DataFusionError::External(Box::new(error)))?;
                ("file://".to_owned(), path)
            }
            Location::Bucket { bucket, prefix } => (key(bucket), prefix.clone()),
        };
        if !self.open.get(&key).is_some_and(|fenced| fenced.holds(&prefix)) {
            return exec_err!(
                "cannot open `{location}`: this part of the cluster reads {} alone",
                self.names
            );
        }
        let address = location.to_string();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = asked.get(&address) {
            return Ok(store.clone());
        }
        if asked.len() >= MAX_ASKED {
            asked.clear();
        }
        let store = Store::open(location).map_err(|error| DataFusionError::External(Box::new(error)))?;
        asked.insert(address, store.clone());
        Ok(store)
    }
}

/// Scheme and bucket of an address, `s3://results`.
fn key(url: &Url) -> String {
    format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default())
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fence({})", self.names)
    }
}

impl ObjectStoreRegistry for Fence {
    /// Refused: what may be read was said at the start.
    fn register_store(&self, _: &Url, _: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        let Some(store) = self.open.get(&key(url)) else {
            return exec_err!("cannot open `{url}`: this part of the cluster reads {} alone", self.names);
        };
        Ok(Arc::<Fenced>::clone(store))
    }
}

/// One bucket, of which some prefixes may be read and nothing written.
#[derive(Debug)]
struct Fenced {
    objects: Arc<dyn ObjectStore>,
    prefixes: Vec<Path>,
}

/// Why something is refused.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("a cluster does not write to stores")]
    Writing,
    #[error("it lies outside of the stores that this part of the cluster reads (`--store`)")]
    Outside,
}

/// An error that no retry heals.
fn refused(path: &Path, why: Refused) -> ObjectError {
    ObjectError::PermissionDenied { path: path.to_string(), source: Box::new(why) }
}

impl Fenced {
    fn check(&self, path: &Path) -> ObjectResult<()> {
        if self.holds(path) { Ok(()) } else { Err(refused(path, Refused::Outside)) }
    }

    fn holds(&self, path: &Path) -> bool {
        self.prefixes.iter().any(|prefix| path.prefix_matches(prefix))
    }

    fn check_prefix(&self, prefix: Option<&Path>) -> ObjectResult<()> {
        self.check(prefix.unwrap_or(&Path::default()))
    }
}

impl fmt::Display for Fenced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fenced({})", self.objects)
    }
}

#[async_trait]
impl ObjectStore for Fenced {
    async fn put_opts(&self, path: &Path, _: PutPayload, _: PutOptions) -> ObjectResult<PutResult> {
        Err(refused(path, Refused::Writing))
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        _: PutMultipartOptions,
    ) -> ObjectResult<Box<dyn MultipartUpload>> {
        Err(refused(path, Refused::Writing))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> ObjectResult<GetResult> {
        self.check(path)?;
        self.objects.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, ObjectResult<Path>>,
    ) -> BoxStream<'static, ObjectResult<Path>> {
        paths.map(|path| Err(refused(&path?, Refused::Writing))).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, ObjectResult<ObjectMeta>> {
        match self.check_prefix(prefix) {
            Ok(()) => self.objects.list(prefix),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> ObjectResult<ListResult> {
        self.check_prefix(prefix)?;
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, to: &Path, _: CopyOptions) -> ObjectResult<()> {
        Err(refused(to, Refused::Writing))
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt as _;
    use object_store::ObjectStoreExt as _;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("plimsoll-fence-{}-{name}", std::process::id()));
        std::fs::create_dir_all(folder.join("tables")).unwrap();
        std::fs::write(folder.join("tables/a"), "rows").unwrap();
        folder
    }

    #[tokio::test]
    async fn inside_is_read_outside_is_refused_and_nothing_is_written() {
        let inside = folder("inside");
        let outside = folder("outside");
        let fence = Fence::new(&[Location::Folder(inside.clone())]).unwrap();
        let store = fence.get_store(&Url::parse("file:///").unwrap()).unwrap();
        let at = |folder: &PathBuf, name: &str| Path::from_absolute_path(folder.join(name)).unwrap();

        let bytes = store.get(&at(&inside, "tables/a")).await.unwrap().bytes().await.unwrap();
        assert_eq!(&bytes[..], b"rows");
        let listed: Vec<ObjectMeta> = store.list(Some(&at(&inside, "tables"))).try_collect().await.unwrap();
        assert_eq!(listed.len(), 1);

        for error in [
            store.get(&at(&outside, "tables/a")).await.unwrap_err(),
            store.get(&Path::from("etc/passwd")).await.unwrap_err(),
            store.list(Some(&at(&outside, "tables"))).try_collect::<Vec<_>>().await.unwrap_err(),
            store.list(None).try_collect::<Vec<_>>().await.unwrap_err(),
            store.list_with_delimiter(None).await.unwrap_err(),
            store.put(&at(&inside, "b"), "rows".into()).await.unwrap_err(),
            store.delete(&at(&inside, "tables/a")).await.unwrap_err(),
            store.copy(&at(&inside, "tables/a"), &at(&inside, "b")).await.unwrap_err(),
        ] {
            assert!(matches!(error, ObjectError::PermissionDenied { .. }), "{error}");
        }
        // A folder whose name only begins as ours does is another one.
        let beside = PathBuf::from(format!("{}-beside", inside.display()));
        assert!(store.get(&at(&beside, "a")).await.is_err());

        let error = fence.get_store(&Url::parse("s3://other/x").unwrap()).unwrap_err().to_string();
        assert!(error.contains("alone"), "{error}");
        for folder in [inside, outside] {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }
}
