//! A store that is open.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, GetOptions, GetRange, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload, TagSet, UpdateVersion,
};
use tokio::task::JoinSet;

use crate::{Error, Location, Options, key, server};

/// From this size on an object is sent in parts, in bytes.
const MULTIPART_BYTES: usize = 64 << 20;
/// The size of a part, in bytes. Ten thousand are the most there may be.
const PART_BYTES: usize = 16 << 20;
/// Parts on the way at once.
const MAX_PARTS_AT_ONCE: usize = 4;
/// How often S3 is asked again that says: a conflicting operation is under way.
const MAX_UNSETTLED: u32 = 5;
/// How long is waited before the first of these; each time twice as long.
const UNSETTLED_PAUSE: Duration = Duration::from_millis(100);
/// Objects removed at once.
const MAX_DELETES_AT_ONCE: usize = 32;
/// The file that guards changes of a folder's objects.
const LOCK_FILE: &str = ".plimsoll-lock";
/// What all that we write is, unless it is a table.
const MEDIA_TYPES: [(&str, &str); 8] = [
    ("json", "application/json"),
    ("sarif", "application/sarif+json"),
    ("parquet", "application/vnd.apache.parquet"),
    ("csv", "text/csv; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("md", "text/markdown; charset=utf-8"),
    ("txt", "text/plain; charset=utf-8"),
    ("xml", "application/xml"),
];

/// When an object is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// Whatever is there.
    Overwrite,
    /// Only where there is none of this key.
    IfAbsent,
    /// Only in place of this version, by its entity tag.
    IfMatch(String),
}

/// What is known of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Its key in the store.
    pub key: String,
    /// Its size.
    pub size_bytes: u64,
    /// When it was written, as the store says.
    pub modified: Timestamp,
    /// Its entity tag, where the store gives one.
    pub e_tag: Option<String>,
}

/// Objects under one prefix of one bucket, or of one folder.
#[derive(Clone, Debug)]
pub struct Store {
    location: Location,
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
    /// The server, where it is not the usual one.
    endpoint: Option<String>,
    /// The folder, with all links followed.
    folder: Option<PathBuf>,
    tags: Vec<(String, String)>,
    storage_class: Option<String>,
}

impl Store {
    /// Opens the store at a place, as the environment says. See [`Store::open_with`].
    ///
    /// # Errors
    /// As [`Store::open_with`].
    pub fn open(location: &Location) -> Result<Self, Error> {
        Self::open_with(location, &Options::from_env())
    }

    /// Opens the store at a place. A folder is made; a bucket is not asked for anything yet.
    ///
    /// # Errors
    /// [`Error::Object`] where the folder cannot be made; [`Error::Setting`] and [`Error::Credentials`] where settings or
    /// profiles make no sense.
    pub fn open_with(location: &Location, options: &Options) -> Result<Self, Error> {
        let cannot = |source| Error::Object { action: "open", object: location.to_string(), source };
        let mut store = Self {
            location: location.clone(),
            objects: Arc::new(InMemory::new()),
            prefix: Path::default(),
            endpoint: None,
            folder: None,
            tags: options.tags.clone(),
            storage_class: options.storage_class.clone(),
        };
        match location {
            Location::Folder(folder) => {
                let made = std::fs::create_dir_all(folder).and_then(|()| folder.canonicalize());
                let folder = made.map_err(|error| cannot(generic(error)))?;
                store.objects = Arc::new(LocalFileSystem::new_with_prefix(&folder).map_err(cannot)?);
                store.folder = Some(folder);
            }
            Location::Bucket { bucket, prefix } => {
                let url = bucket.as_str();
                match bucket.scheme() {
                    "gs" => store.objects = server::google(url, options, &cannot)?,
                    "az" => store.objects = server::azure(url, options, &cannot)?,
                    "memory" => {}
                    _ => {
                        let name = bucket.host_str().unwrap_or_default();
                        let (objects, endpoint) = server::s3(name, options, &cannot)?;
                        store.objects = objects;
                        store.endpoint = endpoint;
                    }
                }
                store.prefix = prefix.clone();
            }
        }
        Ok(store)
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The address of the server, where it is not the usual one.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
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
        let key = Path::parse(key).unwrap_or_else(|_| Path::from(key));
        self.prefix.parts().chain(key.parts()).collect()
    }

    /// The address of a key, for people.
    pub fn address(&self, key: &str) -> String {
        self.location.address(key)
    }

    /// Writes an object, whole or not at all. What is large and may replace another is sent in parts.
    ///
    /// # Errors
    /// [`Error::Conflict`] where `put` asks for what is not so; [`Error::Key`]; what the store says.
    pub async fn put(&self, key: &str, bytes: impl Into<Bytes>, put: Put) -> Result<(), Error> {
        let bytes: Bytes = bytes.into();
        let path = self.checked(key)?;
        if put == Put::Overwrite && bytes.len() >= MULTIPART_BYTES {
            return self.put_parts(key, futures::stream::once(async { Ok(bytes) }).boxed()).await;
        }
        let mode = match &put {
            Put::Overwrite => PutMode::Overwrite,
            Put::IfAbsent => PutMode::Create,
            Put::IfMatch(tag) if self.folder.is_some() => return self.replace(key, bytes, tag).await,
            Put::IfMatch(tag) => PutMode::Update(UpdateVersion { e_tag: Some(tag.clone()), version: None }),
        };
        let options = PutOptions {
            mode,
            tags: self.tag_set(),
            attributes: self.attributes(key),
            ..PutOptions::default()
        };
        let payload = PutPayload::from(bytes);
        let mut pause = UNSETTLED_PAUSE;
        let mut written = self.objects.put_opts(&path, payload.clone(), options.clone()).await;
        for _ in 0..MAX_UNSETTLED {
            if !written.as_ref().is_err_and(|error| self.is_unsettled(error)) {
                break;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
            written = self.objects.put_opts(&path, payload.clone(), options.clone()).await;
        }
        match written {
            Ok(_) => Ok(()),
            Err(error) if self.is_unsettled(&error) && !self.has(key).await? => {
                Err(self.error("write", key, error))
            }
            Err(error) => Err(self.unwritten(key, &put, error)),
        }
    }

    /// Whether S3 says 409 to a condition: another write or removal of the key is under way, and whether there is such an
    /// object will be seen. That there is one it says with 412.
    ///
    /// Source: Amazon S3 User Guide, "Add preconditions to S3 operations with conditional requests".
    fn is_unsettled(&self, error: &object_store::Error) -> bool {
        self.is_s3()
            && matches!(error, object_store::Error::AlreadyExists { .. })
            && error.to_string().contains("status code: 409")
    }

    fn is_s3(&self) -> bool {
        matches!(&self.location, Location::Bucket { bucket, .. } if bucket.scheme() == "s3")
    }

    /// Writes an object of any size as it comes; memory holds a few parts of it. It is there when all of it is there.
    ///
    /// # Errors
    /// As [`Store::put`]; what the stream says.
    pub async fn put_stream(
        &self,
        key: &str,
        stream: BoxStream<'_, std::io::Result<Bytes>>,
    ) -> Result<(), Error> {
        self.checked(key)?;
        self.put_parts(key, stream).await
    }

    async fn put_parts(
        &self,
        key: &str,
        mut stream: BoxStream<'_, std::io::Result<Bytes>>,
    ) -> Result<(), Error> {
        let cannot = |error| self.error("write", key, error);
        let path = self.checked(key)?;
        let options = PutMultipartOptions {
            tags: self.tag_set(),
            attributes: self.attributes(key),
            ..PutMultipartOptions::default()
        };
        let mut upload = self.objects.put_multipart_opts(&path, options).await.map_err(cannot)?;
        let sent = match send_parts(upload.as_mut(), &mut stream).await {
            Ok(()) => upload.complete().await.map(|_| ()),
            Err(error) => Err(error),
        };
        if sent.is_err() {
            // Best effort: what is reported is the failure before.
            let _ = upload.abort().await;
        }
        sent.map_err(cannot)
    }

    /// Replaces a folder's object under a lock, since a rename knows no condition. Who overwrites without a condition does
    /// not ask for the lock.
    async fn replace(&self, key: &str, bytes: Bytes, tag: &str) -> Result<(), Error> {
        let put = Put::IfMatch(tag.to_owned());
        let cannot = |error: std::io::Error| self.error("write", key, generic(error));
        let folder = self.folder.clone().unwrap_or_default();
        let lock = tokio::task::spawn_blocking(move || {
            let file = File::create(folder.join(LOCK_FILE))?;
            file.lock()?;
            Ok::<File, std::io::Error>(file)
        });
        let lock = lock.await.map_err(std::io::Error::other).and_then(|lock| lock).map_err(cannot)?;
        let there = self.head(key).await;
        let written = match there {
            Ok(meta) if meta.e_tag.as_deref() == Some(tag) => {
                let payload = PutPayload::from(bytes);
                let path = self.checked(key)?;
                self.objects
                    .put(&path, payload)
                    .await
                    .map(|_| ())
                    .map_err(|error| self.error("write", key, error))
            }
            Ok(_) => Err(self.conflict(key, &put)),
            Err(error) if error.is_not_found() => Err(self.conflict(key, &put)),
            Err(error) => Err(error),
        };
        drop(lock);
        written
    }

    /// Reads an object of at most `limit_bytes`.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; what the store says.
    pub async fn get(&self, key: &str, limit_bytes: u64) -> Result<Bytes, Error> {
        let cannot = |error| self.error("read", key, error);
        let path = self.checked(key)?;
        let result = self.objects.get(&path).await.map_err(cannot)?;
        let size_bytes = result.meta.size;
        if size_bytes > limit_bytes {
            return Err(Error::TooLarge { object: self.address(key), limit_bytes, size_bytes });
        }
        result.bytes().await.map_err(cannot)
    }

    /// Reads part of an object: `[start, end)`, in bytes.
    ///
    /// # Errors
    /// What the store says.
    pub async fn get_range(&self, key: &str, range: std::ops::Range<u64>) -> Result<Bytes, Error> {
        let path = self.checked(key)?;
        self.objects.get_range(&path, range).await.map_err(|error| self.error("read", key, error))
    }

    /// Reads an object as it comes, from this byte on.
    ///
    /// # Errors
    /// What the store says.
    pub async fn get_stream(
        &self,
        key: &str,
        offset: u64,
    ) -> Result<BoxStream<'static, object_store::Result<Bytes>>, Error> {
        let path = self.checked(key)?;
        let range = (offset > 0).then_some(GetRange::Offset(offset));
        let options = GetOptions { range, ..GetOptions::default() };
        let result = self.objects.get_opts(&path, options).await;
        Ok(result.map_err(|error| self.error("read", key, error))?.into_stream())
    }

    /// What is known of an object.
    ///
    /// # Errors
    /// What the store says; [`Error::is_not_found`] where it is not there.
    pub async fn head(&self, key: &str) -> Result<Meta, Error> {
        let path = self.checked(key)?;
        let meta = self.objects.head(&path).await.map_err(|error| self.error("read", key, error))?;
        Ok(self.meta(meta))
    }

    /// Whether there is an object of this key.
    ///
    /// # Errors
    /// What the store says but that it is not there.
    pub async fn has(&self, key: &str) -> Result<bool, Error> {
        match self.head(key).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// All objects whose keys begin with these parts: `reports/registry.example`, or all for an empty one. Sorted by key.
    ///
    /// # Errors
    /// What the store says.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Meta>, Error> {
        let mut all: Vec<Meta> = self.list_stream(prefix)?.try_collect().await?;
        all.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(all)
    }

    /// The same, as they come.
    ///
    /// # Errors
    /// [`Error::Key`] for a prefix that none can have.
    pub fn list_stream(&self, prefix: &str) -> Result<BoxStream<'_, Result<Meta, Error>>, Error> {
        let prefix = prefix.trim_matches('/').to_owned();
        let path = if prefix.is_empty() { self.prefix.clone() } else { self.checked(&prefix)? };
        let listed = self.objects.list(Some(&path));
        let found = listed.map(move |meta| match meta {
            Ok(meta) => Ok(self.meta(meta)),
            Err(error) => Err(self.error("list", &prefix, error)),
        });
        // What a folder holds besides objects: our lock.
        Ok(found.try_filter(|meta| std::future::ready(meta.key != LOCK_FILE)).boxed())
    }

    /// The same, with their whole paths, in no order: for what asks [`Store::objects`] itself.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub async fn list_objects(&self, prefix: &str) -> Result<Vec<ObjectMeta>, Error> {
        let path = self.checked(prefix)?;
        self.objects.list(Some(&path)).try_collect().await.map_err(|error| self.error("list", prefix, error))
    }

    /// Removes an object; one that is not there is no error.
    ///
    /// # Errors
    /// What the store says.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        let path = self.checked(key)?;
        match self.objects.delete(&path).await {
            Err(error) => match self.error("remove", key, error) {
                error if error.is_not_found() => Ok(()),
                error => Err(error),
            },
            Ok(()) => Ok(()),
        }
    }

    /// Removes objects, several at once. All are tried; the first error is given.
    ///
    /// # Errors
    /// What the store says.
    pub async fn delete_all(&self, keys: impl IntoIterator<Item = String>) -> Result<(), Error> {
        let keys: BTreeSet<String> = keys.into_iter().collect();
        let results: Vec<Result<(), Error>> = futures::stream::iter(keys)
            .map(|key| async move { self.delete(&key).await })
            .buffer_unordered(MAX_DELETES_AT_ONCE)
            .collect()
            .await;
        results.into_iter().collect()
    }

    fn meta(&self, meta: ObjectMeta) -> Meta {
        let key = match meta.location.prefix_match(&self.prefix) {
            Some(parts) => parts.collect::<Path>().to_string(),
            None => meta.location.to_string(),
        };
        // `Path::collect` does not encode anew: parts are what they were.
        let modified =
            Timestamp::from_millisecond(meta.last_modified.timestamp_millis()).unwrap_or(Timestamp::MIN);
        Meta { key, size_bytes: meta.size, modified, e_tag: meta.e_tag }
    }

    /// The path of a key that may be used.
    fn checked(&self, key: &str) -> Result<Path, Error> {
        key::check(key, self.folder.is_some())?;
        if let Some(folder) = &self.folder {
            contained(folder, key)?;
        }
        Ok(self.path(key))
    }

    fn tag_set(&self) -> TagSet {
        let mut set = TagSet::default();
        // A folder has no tags.
        if self.folder.is_none() {
            for (name, value) in &self.tags {
                set.push(name, value);
            }
        }
        set
    }

    fn attributes(&self, key: &str) -> Attributes {
        let mut attributes = Attributes::new();
        // A folder has none either.
        if self.folder.is_some() {
            return attributes;
        }
        let extension = key.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, end)| end);
        let media = MEDIA_TYPES.iter().find(|(end, _)| extension == Some(end)).map(|(_, media)| *media);
        attributes.insert(Attribute::ContentType, media.unwrap_or("application/octet-stream").into());
        if let Some(class) = &self.storage_class {
            attributes.insert(Attribute::StorageClass, class.clone().into());
        }
        attributes
    }

    fn error(&self, action: &'static str, key: &str, error: object_store::Error) -> Error {
        Error::of(action, self.address(key), self.endpoint.as_deref(), error)
    }

    fn unwritten(&self, key: &str, put: &Put, error: object_store::Error) -> Error {
        match error {
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }
                if *put != Put::Overwrite =>
            {
                self.conflict(key, put)
            }
            other => self.error("write", key, other),
        }
    }

    fn conflict(&self, key: &str, put: &Put) -> Error {
        let (expected, found) = match put {
            Put::IfMatch(tag) => (format!("the version {tag}"), "another"),
            Put::IfAbsent | Put::Overwrite => ("no object of this key".to_owned(), "one"),
        };
        Error::Conflict { object: self.address(key), expected, found }
    }
}

/// Sends a stream in parts, some at once. When this ends no part is on the way any more, whether all were sent or not: one that
/// arrived behind the end of its upload would stay there, and be paid for.
async fn send_parts(
    upload: &mut dyn MultipartUpload,
    stream: &mut BoxStream<'_, std::io::Result<Bytes>>,
) -> object_store::Result<()> {
    let mut sending: JoinSet<object_store::Result<()>> = JoinSet::new();
    let mut sent = fill_parts(upload, stream, &mut sending).await;
    while let Some(part) = sending.join_next().await {
        sent = sent.and(part.map_err(object_store::Error::from).flatten());
    }
    sent
}

async fn fill_parts(
    upload: &mut dyn MultipartUpload,
    stream: &mut BoxStream<'_, std::io::Result<Bytes>>,
    sending: &mut JoinSet<object_store::Result<()>>,
) -> object_store::Result<()> {
    // All parts but the last are of one size, as some servers want them. Copied, since a small piece may be of a large buffer.
    let mut held: Vec<u8> = Vec::new();
    loop {
        let next = stream.try_next().await.map_err(generic)?;
        let is_last = next.is_none();
        let mut bytes = next.unwrap_or_default();
        loop {
            held.extend_from_slice(&bytes.split_to(bytes.len().min(PART_BYTES - held.len())));
            if held.is_empty() || (held.len() < PART_BYTES && !is_last) {
                break;
            }
            while sending.len() >= MAX_PARTS_AT_ONCE {
                let Some(part) = sending.join_next().await else { break };
                part.map_err(object_store::Error::from).flatten()?;
            }
            sending.spawn(upload.put_part(PutPayload::from(std::mem::take(&mut held))));
        }
        if is_last {
            return Ok(());
        }
    }
}

fn generic(error: std::io::Error) -> object_store::Error {
    object_store::Error::Generic { store: "folder", source: Box::new(error) }
}

/// Refuses a key that a link in the folder would lead out of it.
fn contained(folder: &FilePath, key: &str) -> Result<(), Error> {
    let mut path = folder.to_owned();
    for part in key.split('/') {
        path.push(part);
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => {
                let leads = path.canonicalize();
                if !leads.as_ref().is_ok_and(|leads| leads.starts_with(folder)) {
                    return Err(Error::Key {
                        key: key.to_owned(),
                        expected: "a file in the store's folder",
                        found: format!("the link `{}` that leads out of it", path.display()),
                    });
                }
            }
            Ok(_) => {}
            // Nothing lies below what is not there.
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
