//! Buckets and objects as S3 means them, in a store as it is.
//!
//! A bucket is a folder of the store's place, an object lies in it under its [`Key`]'s path. What S3 keeps beside the bytes
//! lies under `.plimsoll/s3/`, out of sight: `meta/<bucket>/<path>.json`, `buckets/<bucket>.json`, `uploads/<bucket>/…`.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    GetOptions, GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions,
    PutPayload, WriteMultipart,
};
use plimsoll_store::{Location, Store};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::attributes::Attributes;
use crate::digest::{Algorithm, Digests, Sums};
use crate::key::{Key, is_bucket_name};
use crate::refusal::{Refusal, is_missing};

/// Where everything lies that is no object.
const HIDDEN: &str = ".plimsoll/s3";
/// Objects up to this many bytes are written at once, with the store's own conditions; larger ones in parts of this size.
const BUFFER_BYTES: usize = 8 << 20;
/// Parts of a large object that are under way to the store at once.
const PARTS_AT_ONCE: usize = 3;
/// Largest object that one request may bring, in bytes.
///
/// Source: Amazon S3 User Guide, "Uploading objects".
pub(crate) const MAX_PUT_BYTES: u64 = 5 << 30;
/// Largest of the store's own small objects, in bytes.
const MAX_RECORD_BYTES: u64 = 4 << 20;
/// Bytes of a file that are read at a time.
const READ_BYTES: usize = 512 << 10;
/// Locks that keys share.
const LOCKS: usize = 256;

/// An object's bytes on their way.
pub(crate) type Body = BoxStream<'static, Result<Bytes, Refusal>>;

/// Locks of keys, so that an object's bytes and attributes are seen together, and conditions hold until the write is done.
/// They hold in this process alone.
pub(crate) struct Locks {
    shards: Vec<Arc<RwLock<()>>>,
    state: RandomState,
}

impl Locks {
    fn new() -> Locks {
        Locks { shards: (0..LOCKS).map(|_| Arc::new(RwLock::new(()))).collect(), state: RandomState::new() }
    }

    fn shard(&self, name: impl Hash) -> Arc<RwLock<()>> {
        let number = usize::try_from(self.state.hash_one(name) % LOCKS as u64).expect("there are few locks");
        Arc::clone(&self.shards[number])
    }

    pub(crate) async fn read(&self, name: impl Hash) -> OwnedRwLockReadGuard<()> {
        self.shard(name).read_owned().await
    }

    pub(crate) async fn write(&self, name: impl Hash) -> OwnedRwLockWriteGuard<()> {
        self.shard(name).write_owned().await
    }
}

/// What must hold of what is there before it is replaced or removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    /// `If-Match`: the entity tag without quotes, or `*`.
    pub(crate) matches: Option<String>,
    /// `If-None-Match`: `*` alone.
    pub(crate) is_new: bool,
    /// `x-amz-if-match-size`, in bytes.
    pub(crate) size: Option<u64>,
}

impl Condition {
    fn is_none(&self) -> bool {
        *self == Condition::default()
    }
}

/// Gives checksums that came behind a body, once it is read.
pub(crate) type Trailing = Box<dyn FnOnce() -> Vec<(Algorithm, String)> + Send>;

/// What the bytes of a request must be.
#[derive(Default)]
pub(crate) struct Expected {
    pub(crate) bytes: Option<u64>,
    pub(crate) md5: Option<[u8; 16]>,
    /// In hexadecimal, of `x-amz-content-sha256`, where nobody has checked it yet.
    pub(crate) content_sha256: Option<String>,
    pub(crate) checksums: Vec<(Algorithm, String)>,
    /// Checksums that are to be known without being expected.
    pub(crate) wanted: Vec<Algorithm>,
    /// Gives the checksums that came behind the bytes.
    pub(crate) trailing: Option<Trailing>,
}

impl Expected {
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        let mut algorithms: Vec<Algorithm> = self.checksums.iter().map(|(algorithm, _)| *algorithm).collect();
        algorithms.extend(&self.wanted);
        if self.content_sha256.is_some() {
            algorithms.push(Algorithm::Sha256);
        }
        if algorithms.is_empty() {
            algorithms.push(Algorithm::Crc64Nvme);
        }
        algorithms
    }

    /// Whether the bytes are what they must be.
    ///
    /// # Errors
    /// `IncompleteBody`, `BadDigest`, `XAmzContentSHA256Mismatch`.
    pub(crate) fn check(self, sums: &mut Sums) -> Result<(), Refusal> {
        if self.bytes.is_some_and(|bytes| bytes != sums.bytes) {
            return Err(Refusal::incomplete_body());
        }
        if self.md5.is_some_and(|md5| md5 != sums.md5) {
            return Err(Refusal::bad_digest());
        }
        let mut named: Vec<Algorithm> = self.wanted;
        let trailing = self.trailing.map(|trailing| trailing()).unwrap_or_default();
        for (algorithm, text) in self.checksums.iter().chain(&trailing) {
            named.push(*algorithm);
            let expected = algorithm.decode(text)?;
            let found = match sums.of(*algorithm) {
                Some(text) => algorithm.decode(text)?,
                None => continue,
            };
            if expected != found {
                return Err(Refusal::new(
                    "BadDigest",
                    400,
                    format!("The {} you specified did not match the calculated checksum.", algorithm.name()),
                ));
            }
        }
        if let Some(expected) = self.content_sha256 {
            let found = sums.of(Algorithm::Sha256).map(|text| Algorithm::Sha256.decode(text)).transpose()?;
            if found.is_none_or(|found| !crate::digest::hex(&found).eq_ignore_ascii_case(&expected)) {
                return Err(Refusal::other_content());
            }
            // Reckoned for the request alone.
            if !named.contains(&Algorithm::Sha256) && sums.checksums.len() > 1 {
                sums.checksums.retain(|(algorithm, _)| *algorithm != Algorithm::Sha256);
            }
        }
        Ok(())
    }
}

/// An object that is there. While it is held nobody replaces it.
pub(crate) struct Found {
    path: Path,
    pub(crate) bytes: u64,
    pub(crate) modified: SystemTime,
    pub(crate) attributes: Attributes,
    _guard: OwnedRwLockReadGuard<()>,
}

/// Bytes of an object.
pub(crate) enum Content {
    /// A file, and what of it is asked for.
    File(std::fs::File, Range<u64>),
    Stream(BoxStream<'static, object_store::Result<Bytes>>),
    /// All of an object of the store, and its length, of which parts are read.
    Parts(Arc<dyn ObjectStore>, Path, u64),
}

impl Content {
    pub(crate) fn into_body(self) -> Body {
        match self {
            Content::Stream(stream) => stream.map(|bytes| bytes.map_err(Refusal::from)).boxed(),
            Content::File(file, range) => read_file(file, range),
            Content::Parts(objects, path, _) => stream::once(async move { objects.get(&path).await })
                .flat_map(|result| match result {
                    Ok(result) => result.into_stream(),
                    Err(error) => stream::iter([Err(error)]).boxed(),
                })
                .map(|bytes| bytes.map_err(Refusal::from))
                .boxed(),
        }
    }
}

/// Reads a file by pieces, off the threads that serve.
fn read_file(file: std::fs::File, range: Range<u64>) -> Body {
    use std::os::unix::fs::FileExt as _;

    let file = Arc::new(file);
    stream::try_unfold(range, move |range| {
        let file = Arc::clone(&file);
        async move {
            if range.is_empty() {
                return Ok(None);
            }
            let left = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
            let read = move || {
                let mut buffer = vec![0; left.min(READ_BYTES)];
                let length = file.read_at(&mut buffer, range.start)?;
                buffer.truncate(length);
                std::io::Result::Ok(buffer)
            };
            let buffer = tokio::task::spawn_blocking(read)
                .await
                .map_err(Refusal::internal)?
                .map_err(Refusal::internal)?;
            if buffer.is_empty() {
                return Err(Refusal::internal("a file became shorter while it was read"));
            }
            let next = range.start + buffer.len() as u64..range.end;
            Ok(Some((Bytes::from(buffer), next)))
        }
    })
    .boxed()
}

/// Bytes that were received, and are not yet an object.
pub(crate) enum Pending {
    Small(PutPayload),
    Large(WriteMultipart),
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) created: SystemTime,
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

    // Small objects of our own.

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

    // Buckets.

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
        let prefix = (!self.prefix.as_ref().is_empty()).then_some(&self.prefix);
        let marks = self.objects.list_with_delimiter(Some(&self.path(&format!("{HIDDEN}/buckets")))).await?;
        let mut created: std::collections::BTreeMap<String, SystemTime> = marks
            .objects
            .iter()
            .filter_map(|meta| {
                let name = meta.location.filename()?.strip_suffix(".json")?.to_owned();
                is_bucket_name(&name).then(|| (name, meta.last_modified.into()))
            })
            .collect();
        for path in self.objects.list_with_delimiter(prefix).await?.common_prefixes {
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

    // Objects.

    /// The object at a key, if its lock is held.
    async fn look(&self, bucket: &str, key: &Key) -> Result<Option<(ObjectMeta, Attributes)>, Refusal> {
        let Some(meta) = self.head(bucket, key).await? else { return Ok(None) };
        let attributes = self.attributes(bucket, key, &meta).await?;
        Ok(Some((meta, attributes)))
    }

    async fn head(&self, bucket: &str, key: &Key) -> Result<Option<ObjectMeta>, Refusal> {
        match self.objects.head(&self.object_path(bucket, key)).await {
            Ok(meta) => return Ok(Some(meta)),
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(error.into()),
        }
        let Some(plain) = key.plain() else { return Ok(None) };
        // A folder of that name, or a file where a folder should be, is no object.
        Ok(self.objects.head(&self.path(&format!("{bucket}/{plain}"))).await.ok())
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
        Ok(match result.payload {
            GetResultPayload::File(file, _) => Content::File(file, range),
            GetResultPayload::Stream(stream) => Content::Stream(stream),
        })
    }

    /// Opens an object to read from any place of it.
    pub(crate) async fn open_parts(&self, found: &Found) -> Result<Content, Refusal> {
        if self.folder.is_some() {
            return self.open(found, None).await;
        }
        Ok(Content::Parts(Arc::clone(&self.objects), found.path.clone(), found.bytes))
    }

    async fn check_condition(&self, bucket: &str, key: &Key, condition: &Condition) -> Result<(), Refusal> {
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

    /// Takes bytes in. What is dropped before it is committed leaves nothing.
    ///
    /// # Errors
    /// `EntityTooLarge`, and what the body says.
    pub(crate) async fn receive(
        &self,
        path: &Path,
        mut body: Body,
        algorithms: &[Algorithm],
        limit_bytes: u64,
    ) -> Result<(Pending, Sums), Refusal> {
        let mut digests = Digests::new(algorithms);
        let mut buffered: Vec<Bytes> = Vec::new();
        let mut large: Option<WriteMultipart> = None;
        let mut outcome = Ok(());
        while let Some(bytes) = body.next().await {
            let bytes = match bytes {
                Ok(bytes) => bytes,
                Err(refusal) => {
                    outcome = Err(refusal);
                    break;
                }
            };
            digests.update(&bytes);
            if digests.bytes() > limit_bytes {
                outcome = Err(Refusal::too_large());
                break;
            }
            match &mut large {
                Some(writer) => {
                    if let Err(error) = writer.wait_for_capacity(PARTS_AT_ONCE).await {
                        outcome = Err(error.into());
                        break;
                    }
                    writer.put(bytes);
                }
                None if digests.bytes() <= BUFFER_BYTES as u64 => buffered.push(bytes),
                None => {
                    let upload = self.objects.put_multipart(path).await?;
                    let mut writer = WriteMultipart::new_with_chunk_size(upload, BUFFER_BYTES);
                    for bytes in buffered.drain(..).chain([bytes]) {
                        writer.put(bytes);
                    }
                    large = Some(writer);
                }
            }
        }
        match (outcome, large) {
            (Ok(()), None) => Ok((Pending::Small(buffered.into_iter().collect()), digests.finish())),
            (Ok(()), Some(writer)) => Ok((Pending::Large(writer), digests.finish())),
            (Err(refusal), large) => {
                if let Some(writer) = large {
                    // What failed first is what is told.
                    let _ = writer.abort().await;
                }
                Err(refusal)
            }
        }
    }

    /// Makes bytes an object.
    pub(crate) async fn commit(&self, pending: Pending, path: &Path, is_new: bool) -> Result<(), Refusal> {
        match pending {
            Pending::Small(payload) => {
                let mode = if is_new { PutMode::Create } else { PutMode::Overwrite };
                self.objects.put_opts(path, payload, PutOptions { mode, ..PutOptions::default() }).await?;
            }
            Pending::Large(writer) => {
                writer.finish().await?;
            }
        }
        Ok(())
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
            if self.objects.head(&plain).await.is_ok() {
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
        change: impl FnOnce(&mut Attributes),
    ) -> Result<(Attributes, SystemTime), Refusal> {
        let _guard = self.keys.write((bucket, key.text())).await;
        let Some((meta, mut attributes)) = self.look(bucket, key).await? else {
            self.require_bucket(bucket).await?;
            return Err(Refusal::no_such_key());
        };
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
            if self.objects.head(&plain).await.is_ok() {
                self.remove(&plain).await?;
            }
        }
        self.remove(&self.attributes_path(bucket, key)).await
    }
}

/// Leaves nothing of bytes that are not wanted.
pub(crate) async fn discard(pending: Pending) {
    if let Pending::Large(writer) = pending {
        // There is an error to be told already.
        let _ = writer.abort().await;
    }
}

/// Deepest that folders are looked into.
const MAX_FOLDERS: usize = 1024;

/// Removes a folder and the folders in it, if there are no files.
fn remove_empty_folders(folder: &std::path::Path, depth: usize) -> std::io::Result<()> {
    if depth > MAX_FOLDERS {
        return Err(std::io::ErrorKind::DirectoryNotEmpty.into());
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            return Err(std::io::ErrorKind::DirectoryNotEmpty.into());
        }
        remove_empty_folders(&entry.path(), depth + 1)?;
    }
    std::fs::remove_dir(folder)
}
