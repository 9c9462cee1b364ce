//! Buckets: folders of the store's place, and the marks of those that were made.

use std::collections::BTreeMap;
use std::time::SystemTime;

use futures::StreamExt as _;
use object_store::{ObjectMeta, ObjectStoreExt as _};

use crate::key::is_bucket_name;
use crate::refusal::{Refusal, is_missing};
use crate::vault::{Entry, HIDDEN, Vault};

/// Deepest that folders are looked into.
const MAX_FOLDERS: usize = 1024;

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) created: SystemTime,
}

impl Vault {
    async fn bucket_exists(&self, bucket: &str) -> Result<bool, Refusal> {
        if !is_bucket_name(bucket) {
            return Err(Refusal::bad_bucket_name());
        }
        if let Some(folder) = &self.folder {
            return Ok(tokio::fs::metadata(folder.join(bucket)).await.is_ok_and(|meta| meta.is_dir()));
        }
        match self.objects.head(&self.bucket_path(bucket)).await {
            Ok(_) => Ok(true),
            Err(error) if is_missing(&error) => {
                let mut list = self.objects.list(Some(&self.path(bucket)));
                Ok(list.next().await.transpose()?.is_some())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// # Errors
    /// `NoSuchBucket`.
    pub(crate) async fn require_bucket(&self, bucket: &str) -> Result<(), Refusal> {
        if self.bucket_exists(bucket).await? { Ok(()) } else { Err(Refusal::no_such_bucket()) }
    }

    /// Makes the bucket if it is not there, and that is allowed.
    pub(crate) async fn require_bucket_to_write(&self, bucket: &str) -> Result<(), Refusal> {
        let is_known =
            |vault: &Vault| vault.known.lock().expect("nobody panics while holding it").contains(bucket);
        if self.folder.is_none() && is_known(self) {
            return Ok(());
        }
        if !self.bucket_exists(bucket).await? {
            if !self.create_buckets {
                return Err(Refusal::no_such_bucket());
            }
            self.make_bucket(bucket).await?;
        }
        self.known.lock().expect("nobody panics while holding it").insert(bucket.to_owned());
        Ok(())
    }

    async fn make_bucket(&self, bucket: &str) -> Result<(), Refusal> {
        if let Some(folder) = &self.folder {
            tokio::fs::create_dir_all(folder.join(bucket)).await.map_err(Refusal::internal)?;
        }
        self.write_record(&self.bucket_path(bucket), &serde_json::json!({ "bucket": bucket })).await
    }

    /// # Errors
    /// `BucketAlreadyOwnedByYou`.
    pub(crate) async fn create_bucket(&self, bucket: &str) -> Result<(), Refusal> {
        if self.bucket_exists(bucket).await? {
            return Err(Refusal::bucket_exists());
        }
        self.make_bucket(bucket).await
    }

    /// # Errors
    /// `BucketNotEmpty`, `NoSuchBucket`.
    pub(crate) async fn delete_bucket(&self, bucket: &str) -> Result<(), Refusal> {
        self.require_bucket(bucket).await?;
        let first = self.list(bucket, &crate::list::Question { max: 1, ..Default::default() }).await?;
        if !first.items.is_empty() {
            return Err(Refusal::bucket_not_empty());
        }
        self.known.lock().expect("nobody panics while holding it").remove(bucket);
        let uploads: Vec<ObjectMeta> = self
            .objects
            .list(Some(&self.upload_path(bucket, "")))
            .filter_map(async |meta| meta.ok())
            .collect()
            .await;
        for meta in uploads {
            self.remove(&meta.location).await?;
        }
        if let Some(folder) = &self.folder {
            let folder = folder.join(bucket);
            let removed = tokio::task::spawn_blocking(move || remove_empty_folders(&folder, 0)).await;
            match removed.map_err(Refusal::internal)? {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => {
                    return Err(Refusal::bucket_not_empty());
                }
                Err(error) => return Err(Refusal::internal(error)),
            }
        }
        self.remove(&self.bucket_path(bucket)).await
    }

    /// By name.
    pub(crate) async fn buckets(&self) -> Result<Vec<Bucket>, Refusal> {
        let marks = self.objects.list_with_delimiter(Some(&self.path(&format!("{HIDDEN}/buckets")))).await?;
        let mut created: BTreeMap<String, SystemTime> = marks
            .objects
            .iter()
            .filter_map(|meta| {
                let name = meta.location.filename()?.strip_suffix(".json")?.to_owned();
                is_bucket_name(&name).then(|| (name, meta.last_modified.into()))
            })
            .collect();
        for entry in self.entries(&self.prefix).await? {
            let Entry::Folder(path) = entry else { continue };
            let Some(name) = path.filename().filter(|name| is_bucket_name(name)) else { continue };
            if created.contains_key(name) {
                continue;
            }
            let modified = match &self.folder {
                Some(folder) => {
                    tokio::fs::metadata(folder.join(name)).await.and_then(|meta| meta.modified()).ok()
                }
                None => None,
            };
            created.insert(name.to_owned(), modified.unwrap_or(SystemTime::UNIX_EPOCH));
        }
        Ok(created.into_iter().map(|(name, created)| Bucket { name, created }).collect())
    }
}

/// Whether a file is one that was not yet an object when its server was killed: `app.json#1`. No key is written so.
pub(crate) fn is_unfinished(name: &std::ffi::OsStr) -> bool {
    let number = name.to_str().and_then(|name| name.rsplit_once('#')).map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Removes a folder and the folders in it, if there are no files but unfinished ones.
fn remove_empty_folders(folder: &std::path::Path, depth: usize) -> std::io::Result<()> {
    if depth > MAX_FOLDERS {
        return Err(std::io::ErrorKind::DirectoryNotEmpty.into());
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            if is_unfinished(&entry.file_name()) {
                std::fs::remove_file(entry.path())?;
                continue;
            }
            return Err(std::io::ErrorKind::DirectoryNotEmpty.into());
        }
        remove_empty_folders(&entry.path(), depth + 1)?;
    }
    std::fs::remove_dir(folder)
}
