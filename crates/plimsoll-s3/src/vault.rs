//! Buckets and objects as S3 means them, in a store as it is.
//!
//! A bucket is a folder of the store's place, an object lies in it under its [`Key`]'s path. What S3 keeps beside the bytes
//! lies under `.plimsoll/s3/`, out of sight: `meta/<bucket>/<path>.json`, `buckets/<bucket>.json`, `uploads/<bucket>/…`.

mod buckets;
mod content;
mod entries;
mod expected;
mod locks;
mod receive;

use std::collections::HashSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use futures::StreamExt as _;
use futures::stream;
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt as _};
use plimsoll_store::{Location, Store};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedRwLockReadGuard;

use crate::attributes::Attributes;
use crate::key::{Key, is_bucket_name};
use crate::refusal::{Refusal, is_missing};

pub(crate) use buckets::is_unfinished;
pub(crate) use content::{Body, Content};
pub(crate) use entries::Entry;
pub(crate) use expected::{Condition, Expected};
pub(crate) use locks::Locks;
pub(crate) use receive::{Pending, discard};

/// Where everything lies that is no object.
const HIDDEN: &str = ".plimsoll/s3";
/// Largest object that one request may bring, in bytes.
///
/// Source: Amazon S3 User Guide, "Uploading objects".
pub(crate) const MAX_PUT_BYTES: u64 = 5 << 30;
/// Largest of the store's own small objects, in bytes.
const MAX_RECORD_BYTES: u64 = 4 << 20;

/// An object that is there. While it is held nobody replaces it.
pub(crate) struct Found {
    path: Path,
    pub(crate) bytes: u64,
    pub(crate) modified: SystemTime,
    pub(crate) attributes: Attributes,
    _guard: OwnedRwLockReadGuard<()>,
}

/// Objects of a store.
pub(crate) struct Vault {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    /// Where the store is a folder.
    pub(crate) folder: Option<PathBuf>,
    create_buckets: bool,
    pub(crate) keys: Locks,
    pub(crate) uploads: Locks,
    /// Buckets that were seen.
    known: Mutex<HashSet<String>>,
}

impl Vault {
    pub(crate) fn new(store: &Store, create_buckets: bool) -> Vault {
        let folder = match store.location() {
            Location::Folder(folder) => Some(folder.clone()),
            Location::Bucket { .. } => None,
        };
        Vault {
            objects: Arc::clone(store.objects()),
            prefix: store.prefix().clone(),
            folder,
            create_buckets,
            keys: Locks::new(),
            uploads: Locks::new(),
            known: Mutex::default(),
        }
    }

    /// The path of something in the store's place, which is made of valid parts.
    pub(crate) fn path(&self, below: &str) -> Path {
        let below = below.trim_end_matches('/');
        let whole = match (self.prefix.as_ref(), below) {
            ("", below) => below.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, below) => format!("{prefix}/{below}"),
        };
        Path::parse(&whole).expect("keys are encoded into valid paths")
    }

    pub(crate) fn object_path(&self, bucket: &str, key: &Key) -> Path {
        self.path(&format!("{bucket}/{}", key.path()))
    }

    fn attributes_path(&self, bucket: &str, key: &Key) -> Path {
        self.path(&format!("{HIDDEN}/meta/{bucket}/{}.json", key.path()))
    }

    pub(crate) fn upload_path(&self, bucket: &str, below: &str) -> Path {
        self.path(&format!("{HIDDEN}/uploads/{bucket}/{below}"))
    }

    fn bucket_path(&self, bucket: &str) -> Path {
        self.path(&format!("{HIDDEN}/buckets/{bucket}.json"))
    }

    pub(crate) fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }

    /// `None` if there is none, or it cannot be understood.
    pub(crate) async fn read_record<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, Refusal> {
        let result = match self.objects.get(path).await {
            Err(error) if is_missing(&error) => return Ok(None),
            other => other?,
        };
        if result.meta.size > MAX_RECORD_BYTES {
            return Ok(None);
        }
        Ok(serde_json::from_slice(&result.bytes().await?).ok())
    }

    pub(crate) async fn write_record<T: Serialize>(&self, path: &Path, record: &T) -> Result<(), Refusal> {
        let text = serde_json::to_vec(record).map_err(Refusal::internal)?;
        self.objects.put(path, text.into()).await?;
        Ok(())
    }

    /// Removes what may be there, and the folders that it leaves empty.
    pub(crate) async fn remove(&self, path: &Path) -> Result<(), Refusal> {
        match self.objects.delete(path).await {
            Err(error) if is_missing(&error) => return Ok(()),
            other => other?,
        }
        if let Some(folder) = &self.folder {
            let depth = path.parts().count();
            for length in (2..depth).rev() {
                let parts: PathBuf = path.parts().take(length).map(|part| part.as_ref().to_owned()).collect();
                if tokio::fs::remove_dir(folder.join(parts)).await.is_err() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The object at a key, if its lock is held.
    async fn look(&self, bucket: &str, key: &Key) -> Result<Option<(ObjectMeta, Attributes)>, Refusal> {
        let Some(meta) = self.head(bucket, key).await? else { return Ok(None) };
        let attributes = self.attributes(bucket, key, &meta).await?;
        Ok(Some((meta, attributes)))
    }

    async fn head(&self, bucket: &str, key: &Key) -> Result<Option<ObjectMeta>, Refusal> {
        if let Some(meta) = self.meta(&self.object_path(bucket, key)).await? {
            return Ok(Some(meta));
        }
        let Some(plain) = key.plain() else { return Ok(None) };
        // A folder of that name, or a file where a folder should be, is no object.
        Ok(self.meta(&self.path(&format!("{bucket}/{plain}"))).await.ok().flatten())
    }

    /// What is known of bytes, or what can be said without knowing.
    pub(crate) async fn attributes(
        &self,
        bucket: &str,
        key: &Key,
        meta: &ObjectMeta,
    ) -> Result<Attributes, Refusal> {
        let attributes: Option<Attributes> = self.read_record(&self.attributes_path(bucket, key)).await?;
        Ok(attributes
            .filter(|attributes| attributes.are_of(meta))
            .unwrap_or_else(|| Attributes::unknown(meta)))
    }

    /// # Errors
    /// `NoSuchKey`, `NoSuchBucket`.
    pub(crate) async fn find(&self, bucket: &str, key: &Key) -> Result<Found, Refusal> {
        if !is_bucket_name(bucket) {
            return Err(Refusal::bad_bucket_name());
        }
        let guard = self.keys.read((bucket, key.text())).await;
        let Some((meta, attributes)) = self.look(bucket, key).await? else {
            self.require_bucket(bucket).await?;
            return Err(Refusal::no_such_key());
        };
        Ok(Found {
            path: meta.location,
            bytes: meta.size,
            modified: meta.last_modified.into(),
            attributes,
            _guard: guard,
        })
    }

    /// Opens an object's bytes, all of them or some that it has.
    pub(crate) async fn open(&self, found: &Found, range: Option<Range<u64>>) -> Result<Content, Refusal> {
        let range = range.unwrap_or(0..found.bytes);
        if range.is_empty() {
            return Ok(Content::Stream(stream::empty().boxed()));
        }
        let options = if range == (0..found.bytes) {
            GetOptions::default()
        } else {
            GetOptions { range: Some(range.clone().into()), ..GetOptions::default() }
        };
        let result = self.objects.get_opts(&found.path, options).await?;
        Ok(Content::of(result))
    }

    /// Opens an object to read from any place of it.
    pub(crate) async fn open_parts(&self, found: &Found) -> Result<Content, Refusal> {
        if self.folder.is_some() {
            return self.open(found, None).await;
        }
        Ok(Content::Parts(Arc::clone(&self.objects), found.path.clone(), found.bytes))
    }

    pub(crate) async fn check_condition(
        &self,
        bucket: &str,
        key: &Key,
        condition: &Condition,
    ) -> Result<(), Refusal> {
        if condition.is_none() {
            return Ok(());
        }
        match self.look(bucket, key).await? {
            Some(_) if condition.is_new => Err(Refusal::precondition()),
            Some((meta, attributes)) => {
                let other = |tag: &String| tag != "*" && *tag != attributes.e_tag;
                let differs = condition.matches.as_ref().is_some_and(other)
                    || condition.size.is_some_and(|bytes| bytes != meta.size);
                if differs { Err(Refusal::precondition()) } else { Ok(()) }
            }
            None if condition.matches.is_some() || condition.size.is_some() => Err(Refusal::no_such_key()),
            None => Ok(()),
        }
    }

    /// Puts an object, whole or not at all.
    ///
    /// # Errors
    /// `PreconditionFailed`, `NoSuchBucket`, and what [`Vault::receive`] and [`Expected::check`] find.
    pub(crate) async fn put(
        &self,
        bucket: &str,
        key: &Key,
        body: Body,
        expected: Expected,
        attributes: Attributes,
        condition: &Condition,
    ) -> Result<Attributes, Refusal> {
        self.require_bucket_to_write(bucket).await?;
        {
            // So that nobody sends gigabytes in vain; what counts is found out again below.
            let _guard = self.keys.read((bucket, key.text())).await;
            self.check_condition(bucket, key, condition).await?;
        }
        if expected.bytes.is_some_and(|bytes| bytes > MAX_PUT_BYTES) {
            return Err(Refusal::too_large());
        }
        let path = self.object_path(bucket, key);
        let (pending, mut sums) = self.receive(&path, body, &expected.algorithms(), MAX_PUT_BYTES).await?;
        if let Err(refusal) = expected.check(&mut sums) {
            discard(pending).await;
            return Err(refusal);
        }
        self.replace(bucket, key, pending, attributes.summed(&sums), condition).await
    }

    /// Makes received bytes the object at a key, with its attributes, if the condition holds.
    pub(crate) async fn replace(
        &self,
        bucket: &str,
        key: &Key,
        pending: Pending,
        attributes: Attributes,
        condition: &Condition,
    ) -> Result<Attributes, Refusal> {
        let _guard = self.keys.write((bucket, key.text())).await;
        if let Err(refusal) = self.check_condition(bucket, key, condition).await {
            discard(pending).await;
            return Err(refusal);
        }
        let path = self.object_path(bucket, key);
        self.commit(pending, &path, condition.is_new).await?;
        let meta = self.objects.head(&path).await?;
        let attributes = attributes.tied_to(&meta);
        self.write_record(&self.attributes_path(bucket, key), &attributes).await?;
        if let Some(plain) = key.plain() {
            // The object took the place of what somebody else had put there.
            let plain = self.path(&format!("{bucket}/{plain}"));
            if self.meta(&plain).await.is_ok_and(|meta| meta.is_some()) {
                self.remove(&plain).await?;
            }
        }
        Ok(attributes)
    }

    /// Changes what is kept beside an object's bytes.
    pub(crate) async fn change(
        &self,
        bucket: &str,
        key: &Key,
        condition: &Condition,
        change: impl FnOnce(&mut Attributes),
    ) -> Result<(Attributes, SystemTime), Refusal> {
        let _guard = self.keys.write((bucket, key.text())).await;
        let Some((meta, mut attributes)) = self.look(bucket, key).await? else {
            self.require_bucket(bucket).await?;
            return Err(Refusal::no_such_key());
        };
        self.check_condition(bucket, key, condition).await?;
        change(&mut attributes);
        self.write_record(&self.attributes_path(bucket, key), &attributes).await?;
        Ok((attributes, meta.last_modified.into()))
    }

    /// Removes an object; that there is none is no error.
    ///
    /// # Errors
    /// `NoSuchBucket`, `PreconditionFailed`.
    pub(crate) async fn delete(&self, bucket: &str, key: &Key, condition: &Condition) -> Result<(), Refusal> {
        self.require_bucket(bucket).await?;
        let _guard = self.keys.write((bucket, key.text())).await;
        self.check_condition(bucket, key, condition).await?;
        self.remove(&self.object_path(bucket, key)).await?;
        if let Some(plain) = key.plain() {
            let plain = self.path(&format!("{bucket}/{plain}"));
            if self.meta(&plain).await.is_ok_and(|meta| meta.is_some()) {
                self.remove(&plain).await?;
            }
        }
        self.remove(&self.attributes_path(bucket, key)).await
    }
}
