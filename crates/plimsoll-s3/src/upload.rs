//! Uploads in parts: put aside in the store, and joined.

use std::collections::BTreeMap;
use std::time::SystemTime;

use futures::StreamExt as _;
use futures::stream;
use md5::Digest as _;
use object_store::ObjectStoreExt as _;
use serde::{Deserialize, Serialize};

use crate::attributes::{Attributes, PartSize};
use crate::digest::{Algorithm, hex, parse_md5_hex};
use crate::key::Key;
use crate::refusal::{Refusal, is_missing};
use crate::vault::{Body, Condition, Content, Expected, MAX_PUT_BYTES, Vault, discard};

/// Smallest part but the last, in bytes.
///
/// Source: Amazon S3 User Guide, "Amazon S3 multipart upload limits".
pub(crate) const MIN_PART_BYTES: u64 = 5 << 20;
/// Most parts.
pub(crate) const MAX_PARTS: u32 = 10_000;
/// Largest object, in bytes.
pub(crate) const MAX_OBJECT_BYTES: u64 = 5 << 40;
/// Records that are read at once.
const READS_AT_ONCE: usize = 16;

/// An upload that is under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Upload {
    pub(crate) key: String,
    attributes: Attributes,
    /// [`Algorithm::name`], if one was asked for.
    algorithm: Option<String>,
    /// Whether the checksum is to be of the parts' checksums.
    pub(crate) composite: bool,
    #[serde(skip)]
    pub(crate) id: String,
    #[serde(skip)]
    pub(crate) begun: Option<SystemTime>,
}

impl Upload {
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm.as_deref().and_then(Algorithm::named)
    }
}

/// A part that is there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    #[serde(skip)]
    pub(crate) number: u32,
    /// Name of the object that holds its bytes.
    file: String,
    pub(crate) bytes: u64,
    /// MD5 in hexadecimal.
    pub(crate) e_tag: String,
    /// By [`Algorithm::name`], in base64.
    pub(crate) checksums: BTreeMap<String, String>,
    #[serde(skip)]
    pub(crate) modified: Option<SystemTime>,
}

impl Part {
    pub(crate) fn checksum(&self, algorithm: Algorithm) -> Option<&str> {
        self.checksums.get(algorithm.name()).map(String::as_str)
    }
}

/// A part that a request wants in the object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) number: u32,
    /// Without quotes.
    pub(crate) e_tag: String,
    pub(crate) checksums: Vec<(Algorithm, String)>,
}

/// What completing an upload asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Completion {
    pub(crate) parts: Vec<Wanted>,
    pub(crate) condition: Condition,
    /// Of the whole.
    pub(crate) checksums: Vec<(Algorithm, String)>,
    pub(crate) bytes: Option<u64>,
}

/// A name that nobody guesses.
pub(crate) fn random_name() -> Result<String, Refusal> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Refusal::internal)?;
    Ok(hex(&bytes))
}

fn part_record(id: &str, number: u32) -> String {
    format!("{id}/{number:05}.json")
}

impl Vault {
    /// Begins an upload, and gives its name.
    pub(crate) async fn begin_upload(
        &self,
        bucket: &str,
        key: &Key,
        attributes: Attributes,
        algorithm: Option<Algorithm>,
        composite: bool,
    ) -> Result<String, Refusal> {
        self.require_bucket_to_write(bucket).await?;
        let id = random_name()?;
        let upload = Upload {
            key: key.text().to_owned(),
            attributes,
            algorithm: algorithm.map(|algorithm| algorithm.name().to_owned()),
            composite,
            id: id.clone(),
            begun: None,
        };
        self.write_record(&self.upload_path(bucket, &format!("{id}/upload.json")), &upload).await?;
        Ok(id)
    }

    /// # Errors
    /// `NoSuchUpload`, also if it is of another key.
    pub(crate) async fn upload(&self, bucket: &str, key: &Key, id: &str) -> Result<Upload, Refusal> {
        if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Refusal::no_such_upload());
        }
        let path = self.upload_path(bucket, &format!("{id}/upload.json"));
        match self.read_record::<Upload>(&path).await? {
            Some(upload) if upload.key == key.text() => Ok(Upload { id: id.to_owned(), ..upload }),
            _ => {
                self.require_bucket(bucket).await?;
                Err(Refusal::no_such_upload())
            }
        }
    }

    pub(crate) async fn put_part(
        &self,
        bucket: &str,
        key: &Key,
        id: &str,
        number: u32,
        body: Body,
        mut expected: Expected,
    ) -> Result<Part, Refusal> {
        if !(1..=MAX_PARTS).contains(&number) {
            return Err(Refusal::argument("Part number must be an integer between 1 and 10000, inclusive"));
        }
        let upload = self.upload(bucket, key, id).await?;
        expected.wanted.extend(upload.algorithm());
        let file = format!("{number:05}-{}.part", random_name()?);
        let path = self.upload_path(bucket, &format!("{id}/{file}"));
        let (pending, mut sums) = self.receive(&path, body, &expected.algorithms(), MAX_PUT_BYTES).await?;
        if let Err(refusal) = expected.check(&mut sums) {
            discard(pending).await;
            return Err(refusal);
        }
        self.commit(pending, &path, false).await?;
        let checksums = sums
            .checksums
            .iter()
            .map(|(algorithm, text)| (algorithm.name().to_owned(), text.clone()))
            .collect();
        let part = Part { number, file, bytes: sums.bytes, e_tag: hex(&sums.md5), checksums, modified: None };
        let _guard = self.uploads.write(id).await;
        // It may have been completed or aborted meanwhile.
        if let Err(refusal) = self.upload(bucket, key, id).await {
            self.remove(&path).await?;
            return Err(refusal);
        }
        let record = self.upload_path(bucket, &part_record(id, number));
        let former: Option<Part> = self.read_record(&record).await?;
        self.write_record(&record, &part).await?;
        if let Some(former) = former {
            self.remove(&self.upload_path(bucket, &format!("{id}/{}", former.file))).await?;
        }
        Ok(part)
    }

    /// By number.
    pub(crate) async fn parts(&self, bucket: &str, id: &str) -> Result<Vec<Part>, Refusal> {
        let listed = self.objects().list_with_delimiter(Some(&self.upload_path(bucket, id))).await?;
        let records = listed.objects.into_iter().filter_map(|meta| {
            let number = meta.location.filename()?.strip_suffix(".json")?.parse::<u32>().ok()?;
            Some((number, meta))
        });
        let mut parts: Vec<Part> = stream::iter(records)
            .map(|(number, meta)| async move {
                let part = self.read_record::<Part>(&meta.location).await?;
                Ok(part.map(|part| Part { number, modified: Some(meta.last_modified.into()), ..part }))
            })
            .buffered(READS_AT_ONCE)
            .filter_map(|part: Result<Option<Part>, Refusal>| async move { part.transpose() })
            .collect::<Vec<_>>()
            .await
            .into_iter()
            .collect::<Result<_, _>>()?;
        parts.sort_by_key(|part| part.number);
        Ok(parts)
    }

    /// By key and name.
    pub(crate) async fn list_uploads(&self, bucket: &str) -> Result<Vec<Upload>, Refusal> {
        let listed = self.objects().list_with_delimiter(Some(&self.upload_path(bucket, ""))).await?;
        let mut uploads: Vec<Upload> = stream::iter(listed.common_prefixes)
            .map(|folder| async move {
                let id = folder.filename().unwrap_or_default().to_owned();
                let path = self.upload_path(bucket, &format!("{id}/upload.json"));
                let begun = match self.objects().head(&path).await {
                    Err(error) if is_missing(&error) => return Ok(None),
                    other => other?.last_modified.into(),
                };
                let upload = self.read_record::<Upload>(&path).await?;
                Ok(upload.map(|upload| Upload { id, begun: Some(begun), ..upload }))
            })
            .buffered(READS_AT_ONCE)
            .filter_map(|upload: Result<Option<Upload>, Refusal>| async move { upload.transpose() })
            .collect::<Vec<_>>()
            .await
            .into_iter()
            .collect::<Result<_, _>>()?;
        uploads.sort_by(|one, other| (&one.key, &one.id).cmp(&(&other.key, &other.id)));
        Ok(uploads)
    }

    pub(crate) async fn abort_upload(&self, bucket: &str, key: &Key, id: &str) -> Result<(), Refusal> {
        let _guard = self.uploads.write(id).await;
        self.upload(bucket, key, id).await?;
        self.remove_upload(bucket, id).await
    }

    async fn remove_upload(&self, bucket: &str, id: &str) -> Result<(), Refusal> {
        // First what makes it an upload.
        self.remove(&self.upload_path(bucket, &format!("{id}/upload.json"))).await?;
        let folder = self.upload_path(bucket, id);
        for meta in self.objects().list_with_delimiter(Some(&folder)).await?.objects {
            self.remove(&meta.location).await?;
        }
        // What a server that was killed had not yet made a part is in no list.
        if let Some(root) = &self.folder {
            match tokio::fs::remove_dir_all(root.join(folder.as_ref())).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Refusal::internal(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes the parts of uploads that are none any more: whoever removed them did not come to the end.
    pub(crate) async fn remove_lost_parts(&self) -> Result<(), Refusal> {
        let uploads = self.upload_path("", "");
        let buckets = match self.objects().list_with_delimiter(Some(&uploads)).await {
            Err(error) if is_missing(&error) => return Ok(()),
            other => other?.common_prefixes,
        };
        for bucket in buckets {
            for folder in self.objects().list_with_delimiter(Some(&bucket)).await?.common_prefixes {
                let (Some(bucket), Some(id)) = (bucket.filename(), folder.filename()) else { continue };
                match self.objects().head(&self.upload_path(bucket, &format!("{id}/upload.json"))).await {
                    Err(error) if is_missing(&error) => self.remove_upload(bucket, id).await?,
                    other => drop(other?),
                }
            }
        }
        Ok(())
    }

    /// Finds the parts that a completion wants.
    ///
    /// # Errors
    /// `MalformedXML`, `InvalidPartOrder`, `InvalidPart`, `EntityTooSmall`, `InvalidRequest`, `EntityTooLarge`.
    pub(crate) async fn wanted_parts(
        &self,
        bucket: &str,
        id: &str,
        completion: &Completion,
    ) -> Result<Vec<Part>, Refusal> {
        let wanted = &completion.parts;
        if wanted.is_empty() {
            return Err(Refusal::new(
                "MalformedXML",
                400,
                "The XML you provided was not well-formed or did not validate against our published schema",
            ));
        }
        if wanted.windows(2).any(|pair| pair[0].number >= pair[1].number) {
            return Err(Refusal::bad_part_order());
        }
        let mut there: BTreeMap<u32, Part> =
            self.parts(bucket, id).await?.into_iter().map(|part| (part.number, part)).collect();
        let mut parts = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let part = there.remove(&wanted.number).ok_or_else(Refusal::bad_part)?;
            let differs = |(algorithm, text): &(Algorithm, String)| {
                part.checksum(*algorithm).is_none_or(|found| found != text)
            };
            if part.e_tag != wanted.e_tag || wanted.checksums.iter().any(differs) {
                return Err(Refusal::bad_part());
            }
            parts.push(part);
        }
        let but_last = &parts[..parts.len() - 1];
        if but_last.iter().any(|part| part.bytes < MIN_PART_BYTES) {
            return Err(Refusal::part_too_small());
        }
        let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
        if bytes > MAX_OBJECT_BYTES {
            return Err(Refusal::too_large());
        }
        if let Some(expected) = completion.bytes.filter(|expected| *expected != bytes) {
            return Err(Refusal::request(format!(
                "The provided 'x-amz-mp-object-size' header value {expected} does not match what was computed: {bytes}"
            )));
        }
        Ok(parts)
    }

    /// Joins the parts into an object, and forgets the upload.
    pub(crate) async fn complete_upload(
        &self,
        bucket: &str,
        key: &Key,
        id: &str,
        completion: Completion,
    ) -> Result<Attributes, Refusal> {
        let _guard = self.uploads.write(id).await;
        let upload = self.upload(bucket, key, id).await?;
        let parts = self.wanted_parts(bucket, id, &completion).await?;
        // So that nothing is joined in vain; what counts is found out again when it takes its place.
        {
            let _guard = self.keys.read((bucket, key.text())).await;
            self.check_condition(bucket, key, &completion.condition).await?;
        }
        let algorithm = upload.algorithm();
        let whole = algorithm.filter(|algorithm| !upload.composite && algorithm.can_be_of_whole());
        let reckoned = whole.unwrap_or(Algorithm::Crc64Nvme);
        let kept = if upload.composite { algorithm } else { Some(reckoned) };
        if let Some((other, _)) = completion.checksums.iter().find(|(given, _)| Some(*given) != kept) {
            return Err(Refusal::request(format!(
                "The upload has no checksum {}: expected one of the algorithm that it was created with",
                other.name()
            )));
        }
        let path = self.object_path(bucket, key);
        let body = self.joined(bucket, id, &parts);
        let (pending, sums) = self.receive(&path, body, &[reckoned], MAX_OBJECT_BYTES).await?;

        let mut of_tags = md5::Md5::default();
        for part in &parts {
            of_tags.update(parse_md5_hex(&part.e_tag).ok_or_else(Refusal::bad_part)?);
        }
        let mut attributes = upload.attributes.summed(&sums);
        attributes.e_tag = format!("{}-{}", hex(&of_tags.finalize()), parts.len());
        attributes.parts =
            parts.iter().map(|part| PartSize { number: part.number, bytes: part.bytes }).collect();
        if let (Some(algorithm), true) = (algorithm, upload.composite) {
            let mut of_parts = Vec::new();
            for part in &parts {
                let text = part.checksum(algorithm).ok_or_else(Refusal::bad_part)?;
                of_parts.extend(algorithm.decode(text)?);
            }
            attributes.composite = true;
            attributes.checksums = BTreeMap::from([(
                algorithm.name().to_owned(),
                format!("{}-{}", algorithm.of(&of_parts), parts.len()),
            )]);
        }
        let differs = |(algorithm, text): &(Algorithm, String)| {
            let plain = |text: &str| text.split('-').next().unwrap_or_default().to_owned();
            attributes.checksum(*algorithm).is_some_and(|found| plain(found) != plain(text))
        };
        if completion.checksums.iter().any(differs) {
            discard(pending).await;
            return Err(Refusal::new(
                "BadDigest",
                400,
                "The checksum you specified did not match the calculated checksum.",
            ));
        }
        let attributes = self.replace(bucket, key, pending, attributes, &completion.condition).await?;
        self.remove_upload(bucket, id).await?;
        Ok(attributes)
    }

    /// The bytes of parts, one after the other.
    fn joined(&self, bucket: &str, id: &str, parts: &[Part]) -> Body {
        let paths: Vec<_> =
            parts.iter().map(|part| self.upload_path(bucket, &format!("{id}/{}", part.file))).collect();
        let objects = std::sync::Arc::clone(self.objects());
        stream::iter(paths)
            .then(move |path| {
                let objects = std::sync::Arc::clone(&objects);
                async move {
                    match objects.get(&path).await {
                        Ok(result) => Content::of(result).into_body(),
                        Err(error) => stream::iter([Err(Refusal::from(error))]).boxed(),
                    }
                }
            })
            .flatten()
            .boxed()
    }
}
