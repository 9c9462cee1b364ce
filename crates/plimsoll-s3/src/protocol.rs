//! S3 as the framework hands it over: each operation's input read, done by the [`Vault`], its output written. What knows the
//! framework is here, in [`crate::access`], [`crate::fields`], [`crate::question`], [`crate::reading`] and [`crate::server`].

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::{FutureExt as _, StreamExt as _};
use http::HeaderMap;
use s3s::dto::{self, StreamingBlob, Timestamp, TimestampFormat};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};
use tokio::sync::Semaphore;

use crate::attributes::{Attributes, Headers, check_tags, parse_tags};
use crate::digest::Algorithm;
use crate::fields::{
    algorithm, body, checksum_type, condition, e_tag, expected, http_date, owner, refuse_version,
    without_chunks,
};
use crate::key::Key;
use crate::list::{Item, MAX_ITEMS, Page, Question};
use crate::reading::{Preconditions, Sized, View, length, read_error, view};
use crate::refusal::Refusal;
use crate::select::Answer;
use crate::settings::Settings;
use crate::upload::{Completion, Wanted};
use crate::vault::{Condition, Expected, Found, MAX_PUT_BYTES, Vault};

/// Who everything belongs to.
pub(crate) const OWNER: &str = "plimsoll";
/// Where everything is said to be.
const REGION: &str = "us-east-1";
/// Joining that is larger than this, in bytes, is told to go on.
const QUICK_BYTES: u64 = 256 << 20;

impl From<Refusal> for S3Error {
    fn from(refusal: Refusal) -> S3Error {
        let code = S3ErrorCode::from_bytes(refusal.code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
        let mut error = S3Error::with_message(code, refusal.message);
        if let Ok(status) = http::StatusCode::from_u16(refusal.status) {
            error.set_status_code(status);
        }
        if let Some(source) = refusal.source {
            if refusal.status >= 500 {
                crate::server::tell(&*source);
            }
            error.set_source(source);
        }
        error
    }
}

/// S3 over a vault.
#[derive(Clone)]
pub(crate) struct Protocol {
    vault: Arc<Vault>,
    permits: Arc<Semaphore>,
    select_threads: usize,
    now: fn() -> SystemTime,
}

impl Protocol {
    pub(crate) fn new(vault: Vault, settings: &Settings) -> Protocol {
        Protocol {
            vault: Arc::new(vault),
            permits: Arc::new(Semaphore::new(settings.selects.max(1))),
            select_threads: settings.select_threads,
            now: settings.now,
        }
    }

    async fn source(
        &self,
        source: &dto::CopySource,
        preconditions: Preconditions<'_>,
    ) -> Result<(String, Key, Found), Refusal> {
        let dto::CopySource::Bucket { bucket, key, version_id } = source else {
            return Err(Refusal::new("NotImplemented", 501, "Access points are not implemented"));
        };
        refuse_version(version_id.as_deref().map(str::to_owned).as_ref())?;
        let key = Key::new(key)?;
        let found = self.vault.find(bucket, &key).await?;
        preconditions.check(&found, Refusal::precondition)?;
        Ok((bucket.to_string(), key, found))
    }

    async fn page(&self, bucket: &str, question: &Question) -> Result<Page, Refusal> {
        self.vault.require_bucket(bucket).await?;
        self.vault.list(bucket, question).await
    }
}

/// How many items are asked for.
fn max_items(asked: Option<i32>, name: &str) -> Result<usize, Refusal> {
    match asked.map(usize::try_from) {
        None => Ok(MAX_ITEMS),
        Some(Ok(asked)) => Ok(asked.min(MAX_ITEMS)),
        Some(Err(_)) => {
            Err(Refusal::argument(format!("Argument {name} must be an integer between 0 and 2147483647")))
        }
    }
}

/// Percent-encodes all but what stands for itself, and slashes.
fn url_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' | b'*' => {
                encoded.push(char::from(byte));
            }
            other => {
                encoded.push('%');
                encoded.push_str(&crate::digest::hex(&[other]).to_ascii_uppercase());
            }
        }
    }
    encoded
}

/// How names are written in a list.
fn names(encoding: Option<&dto::EncodingType>) -> Result<fn(&str) -> String, Refusal> {
    match encoding.map(dto::EncodingType::as_str) {
        None | Some("") => Ok(str::to_owned),
        Some("url") => Ok(url_encoded),
        Some(_) => Err(Refusal::argument("Invalid Encoding Method specified in Request")),
    }
}

fn listed(
    page: Page,
    name: fn(&str) -> String,
    with_owner: bool,
) -> (dto::ObjectList, dto::CommonPrefixList) {
    let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
    for item in page.items {
        match item {
            Item::Prefix(prefix) => prefixes.push(dto::CommonPrefix { prefix: Some(name(&prefix)) }),
            Item::Object { key, bytes, modified, attributes } => objects.push(dto::Object {
                checksum_algorithm: Some(
                    Algorithm::ALL
                        .into_iter()
                        .filter(|algorithm| attributes.checksum(*algorithm).is_some())
                        .map(|algorithm| dto::ChecksumAlgorithm::from_static(algorithm.name()))
                        .collect(),
                ),
                checksum_type: checksum_type(&attributes),
                e_tag: Some(e_tag(&attributes.e_tag)),
                key: Some(name(&key)),
                last_modified: Some(modified.into()),
                owner: with_owner.then(owner),
                size: length(bytes),
                storage_class: Some(dto::ObjectStorageClass::from_static(dto::ObjectStorageClass::STANDARD)),
                ..dto::Object::default()
            }),
        }
    }
    (objects, prefixes)
}

fn tags(tagging: dto::Tagging) -> Result<Vec<(String, String)>, Refusal> {
    let tags: Vec<(String, String)> = tagging
        .tag_set
        .into_iter()
        .map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()))
        .collect();
    check_tags(&tags)?;
    Ok(tags)
}

fn part_number(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

#[async_trait::async_trait]
impl S3 for Protocol {
    async fn list_buckets(
        &self,
        request: S3Request<dto::ListBucketsInput>,
    ) -> S3Result<S3Response<dto::ListBucketsOutput>> {
        let prefix = request.input.prefix.unwrap_or_default();
        let buckets = self.vault.buckets().await?;
        let buckets = buckets
            .into_iter()
            .filter(|bucket| bucket.name.starts_with(&prefix))
            .map(|bucket| dto::Bucket {
                creation_date: Some(bucket.created.into()),
                name: Some(bucket.name),
                ..dto::Bucket::default()
            })
            .collect();
        Ok(S3Response::new(dto::ListBucketsOutput {
            buckets: Some(buckets),
            owner: Some(owner()),
            ..dto::ListBucketsOutput::default()
        }))
    }

    async fn create_bucket(
        &self,
        request: S3Request<dto::CreateBucketInput>,
    ) -> S3Result<S3Response<dto::CreateBucketOutput>> {
        let bucket = request.input.bucket;
        self.vault.create_bucket(&bucket).await?;
        Ok(S3Response::new(dto::CreateBucketOutput { location: Some(format!("/{bucket}")) }))
    }

    async fn delete_bucket(
        &self,
        request: S3Request<dto::DeleteBucketInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketOutput>> {
        self.vault.delete_bucket(&request.input.bucket).await?;
        Ok(S3Response::new(dto::DeleteBucketOutput::default()))
    }

    async fn head_bucket(
        &self,
        request: S3Request<dto::HeadBucketInput>,
    ) -> S3Result<S3Response<dto::HeadBucketOutput>> {
        self.vault.require_bucket(&request.input.bucket).await?;
        Ok(S3Response::new(dto::HeadBucketOutput {
            bucket_region: Some(REGION.to_owned()),
            ..dto::HeadBucketOutput::default()
        }))
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<dto::GetBucketLocationInput>,
    ) -> S3Result<S3Response<dto::GetBucketLocationOutput>> {
        self.vault.require_bucket(&request.input.bucket).await?;
        Ok(S3Response::new(dto::GetBucketLocationOutput::default()))
    }

    async fn get_bucket_versioning(
        &self,
        request: S3Request<dto::GetBucketVersioningInput>,
    ) -> S3Result<S3Response<dto::GetBucketVersioningOutput>> {
        self.vault.require_bucket(&request.input.bucket).await?;
        Ok(S3Response::new(dto::GetBucketVersioningOutput::default()))
    }

    async fn list_objects(
        &self,
        request: S3Request<dto::ListObjectsInput>,
    ) -> S3Result<S3Response<dto::ListObjectsOutput>> {
        let input = request.input;
        let name = names(input.encoding_type.as_ref())?;
        let question = Question {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone().filter(|delimiter| !delimiter.is_empty()),
            after: input.marker.clone().unwrap_or_default(),
            max: max_items(input.max_keys, "max-keys")?,
        };
        let page = self.page(&input.bucket, &question).await?;
        let last = page.items.last().map(|item| name(item.name()));
        let is_truncated = page.is_truncated;
        let (objects, prefixes) = listed(page, name, true);
        Ok(S3Response::new(dto::ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(name(&question.prefix)),
            marker: Some(name(&question.after)),
            max_keys: i32::try_from(question.max).ok(),
            is_truncated: Some(is_truncated),
            contents: Some(objects),
            common_prefixes: Some(prefixes),
            next_marker: last.filter(|_| is_truncated && question.delimiter.is_some()),
            delimiter: question.delimiter.as_deref().map(name),
            encoding_type: input.encoding_type,
            ..dto::ListObjectsOutput::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<dto::ListObjectsV2Input>,
    ) -> S3Result<S3Response<dto::ListObjectsV2Output>> {
        let input = request.input;
        let name = names(input.encoding_type.as_ref())?;
        let after = match &input.continuation_token {
            None => input.start_after.clone().unwrap_or_default(),
            Some(token) => URL_SAFE_NO_PAD
                .decode(token)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .filter(|after| !after.is_empty())
                .ok_or_else(|| Refusal::argument("The continuation token provided is incorrect"))?,
        };
        let question = Question {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone().filter(|delimiter| !delimiter.is_empty()),
            after,
            max: max_items(input.max_keys, "max-keys")?,
        };
        let page = self.page(&input.bucket, &question).await?;
        let next =
            page.items.last().filter(|_| page.is_truncated).map(|item| URL_SAFE_NO_PAD.encode(item.name()));
        let (is_truncated, count) = (page.is_truncated, page.items.len());
        let (objects, prefixes) = listed(page, name, input.fetch_owner.unwrap_or(false));
        Ok(S3Response::new(dto::ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(name(&question.prefix)),
            max_keys: i32::try_from(question.max).ok(),
            key_count: i32::try_from(count).ok(),
            continuation_token: input.continuation_token,
            is_truncated: Some(is_truncated),
            next_continuation_token: next,
            contents: Some(objects),
            common_prefixes: Some(prefixes),
            delimiter: question.delimiter.as_deref().map(name),
            encoding_type: input.encoding_type,
            start_after: input.start_after.as_deref().map(name),
            ..dto::ListObjectsV2Output::default()
        }))
    }

    async fn put_object(
        &self,
        mut request: S3Request<dto::PutObjectInput>,
    ) -> S3Result<S3Response<dto::PutObjectOutput>> {
        let input = &mut request.input;
        refuse_unkept!(input,
            sse_customer_algorithm => "x-amz-server-side-encryption-customer-algorithm",
            object_lock_mode => "x-amz-object-lock-mode",
            object_lock_legal_hold_status => "x-amz-object-lock-legal-hold",
            write_offset_bytes => "x-amz-write-offset-bytes",
        );
        let key = Key::new(&input.key)?;
        let headers = headers!(input)?;
        let tags = input.tagging.as_deref().map(parse_tags).transpose()?.unwrap_or_default();
        let condition = condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let checksums = checksums!(input);
        let (blob, bytes, md5, named) = (
            input.body.take(),
            input.content_length,
            input.content_md5.take(),
            input.checksum_algorithm.take(),
        );
        let bucket = std::mem::take(&mut input.bucket);
        let expected = expected(&request, bytes, md5.as_deref(), checksums, named.as_ref())?;
        let attributes = self
            .vault
            .put(&bucket, &key, body(blob), expected, Attributes::new(headers, tags), &condition)
            .await?;
        let mut output = dto::PutObjectOutput { e_tag: Some(e_tag(&attributes.e_tag)), ..Default::default() };
        set_checksums!(output, &attributes);
        output.checksum_type = checksum_type(&attributes);
        Ok(S3Response::new(output))
    }

    async fn get_object(
        &self,
        request: S3Request<dto::GetObjectInput>,
    ) -> S3Result<S3Response<dto::GetObjectOutput>> {
        let input = request.input;
        refuse_version(input.version_id.as_ref())?;
        let found = self.vault.find(&input.bucket, &Key::new(&input.key)?).await?;
        let preconditions = Preconditions {
            matches: input.if_match.as_ref(),
            none_matches: input.if_none_match.as_ref(),
            modified_since: input.if_modified_since.as_ref(),
            unmodified_since: input.if_unmodified_since.as_ref(),
        };
        let view = preconditions
            .check(&found, Refusal::not_modified)
            .and_then(|()| view(&found, input.range, input.part_number))
            .map_err(|refusal| read_error(refusal, &found))?;
        let content = self.vault.open(&found, view.range.clone()).await?;
        let mut output = dto::GetObjectOutput::default();
        describe!(output, &found, &view, input);
        output.tag_count = i32::try_from(found.attributes.tags.len()).ok().filter(|count| *count > 0);
        drop(found);
        let bytes = output.content_length.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
        output.body = Some(StreamingBlob::new(Sized { body: Mutex::new(content.into_body()), left: bytes }));
        Ok(S3Response::new(output))
    }

    async fn head_object(
        &self,
        request: S3Request<dto::HeadObjectInput>,
    ) -> S3Result<S3Response<dto::HeadObjectOutput>> {
        let input = request.input;
        refuse_version(input.version_id.as_ref())?;
        let found = self.vault.find(&input.bucket, &Key::new(&input.key)?).await?;
        let preconditions = Preconditions {
            matches: input.if_match.as_ref(),
            none_matches: input.if_none_match.as_ref(),
            modified_since: input.if_modified_since.as_ref(),
            unmodified_since: input.if_unmodified_since.as_ref(),
        };
        let view = preconditions
            .check(&found, Refusal::not_modified)
            .and_then(|()| view(&found, input.range, input.part_number))
            .map_err(|refusal| read_error(refusal, &found))?;
        let mut output = dto::HeadObjectOutput::default();
        describe!(output, &found, &view, input);
        if let Some(kind) = input.response_content_type {
            output.content_type = Some(kind);
        }
        if let Some(disposition) = input.response_content_disposition {
            output.content_disposition = Some(disposition);
        }
        let mut headers = HeaderMap::new();
        if !found.attributes.tags.is_empty() {
            headers.insert("x-amz-tagging-count", found.attributes.tags.len().into());
        }
        Ok(S3Response::with_headers(output, headers))
    }

    async fn get_object_attributes(
        &self,
        request: S3Request<dto::GetObjectAttributesInput>,
    ) -> S3Result<S3Response<dto::GetObjectAttributesOutput>> {
        let input = request.input;
        refuse_version(input.version_id.as_ref())?;
        let found = self.vault.find(&input.bucket, &Key::new(&input.key)?).await?;
        let asks = |name: &str| {
            input
                .object_attributes
                .iter()
                .any(|asked| asked.as_str().split(',').any(|asked| asked.trim() == name))
        };
        let attributes = &found.attributes;
        let checksum = (asks("Checksum") && !attributes.checksums.is_empty()).then(|| {
            let mut checksum =
                dto::Checksum { checksum_type: checksum_type(attributes), ..Default::default() };
            set_checksums!(checksum, attributes);
            checksum
        });
        let object_parts =
            (asks("ObjectParts") && !attributes.parts.is_empty()).then(|| dto::GetObjectAttributesParts {
                total_parts_count: i32::try_from(attributes.parts.len()).ok(),
                ..Default::default()
            });
        Ok(S3Response::new(dto::GetObjectAttributesOutput {
            checksum,
            e_tag: asks("ETag").then(|| e_tag(&attributes.e_tag)),
            last_modified: Some(found.modified.into()),
            object_parts,
            object_size: length(found.bytes).filter(|_| asks("ObjectSize")),
            storage_class: asks("StorageClass")
                .then(|| dto::StorageClass::from_static(dto::StorageClass::STANDARD)),
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<dto::DeleteObjectInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectOutput>> {
        let input = request.input;
        refuse_version(input.version_id.as_ref())?;
        let condition = Condition {
            size: input.if_match_size.and_then(|bytes| u64::try_from(bytes).ok()),
            ..condition(input.if_match.as_ref(), None)?
        };
        self.vault.delete(&input.bucket, &Key::new(&input.key)?, &condition).await?;
        Ok(S3Response::with_status(dto::DeleteObjectOutput::default(), http::StatusCode::NO_CONTENT))
    }

    async fn delete_objects(
        &self,
        request: S3Request<dto::DeleteObjectsInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectsOutput>> {
        let input = request.input;
        self.vault.require_bucket(&input.bucket).await?;
        if input.delete.objects.is_empty() || input.delete.objects.len() > MAX_ITEMS {
            return Err(Refusal::new(
                "MalformedXML",
                400,
                "The XML you provided was not well-formed or did not validate against our published schema",
            )
            .into());
        }
        let is_quiet = input.delete.quiet.unwrap_or(false);
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in input.delete.objects {
            let done = async {
                refuse_version(object.version_id.as_ref())?;
                let condition = Condition {
                    matches: object.e_tag.as_ref().map(|tag| tag.value().to_owned()),
                    is_new: false,
                    size: object.size.and_then(|bytes| u64::try_from(bytes).ok()),
                };
                self.vault.delete(&input.bucket, &Key::new(&object.key)?, &condition).await
            };
            match done.await {
                Ok(()) if is_quiet => {}
                Ok(()) => deleted.push(dto::DeletedObject { key: Some(object.key), ..Default::default() }),
                Err(refusal) => errors.push(dto::Error {
                    code: Some(refusal.code.to_owned()),
                    key: Some(object.key),
                    message: Some(refusal.message),
                    version_id: object.version_id,
                }),
            }
        }
        Ok(S3Response::new(dto::DeleteObjectsOutput {
            deleted: Some(deleted),
            errors: Some(errors),
            ..Default::default()
        }))
    }

    async fn copy_object(
        &self,
        mut request: S3Request<dto::CopyObjectInput>,
    ) -> S3Result<S3Response<dto::CopyObjectOutput>> {
        let input = &mut request.input;
        refuse_unkept!(input,
            sse_customer_algorithm => "x-amz-server-side-encryption-customer-algorithm",
            copy_source_sse_customer_algorithm => "x-amz-copy-source-server-side-encryption-customer-algorithm",
            object_lock_mode => "x-amz-object-lock-mode",
            object_lock_legal_hold_status => "x-amz-object-lock-legal-hold",
        );
        let key = Key::new(&input.key)?;
        let preconditions = Preconditions {
            matches: input.copy_source_if_match.as_ref(),
            none_matches: input.copy_source_if_none_match.as_ref(),
            modified_since: input.copy_source_if_modified_since.as_ref(),
            unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
        };
        let (from_bucket, from_key, found) = self.source(&input.copy_source, preconditions).await?;
        let replaces = |directive: Option<&str>| match directive {
            None | Some("COPY") => Ok(false),
            Some("REPLACE") => Ok(true),
            Some(_) => Err(Refusal::argument("Unknown metadata directive.")),
        };
        let new_headers = replaces(input.metadata_directive.as_ref().map(dto::MetadataDirective::as_str))?;
        let new_tags = replaces(input.tagging_directive.as_ref().map(dto::TaggingDirective::as_str))?;
        let headers = if new_headers { headers!(input)? } else { found.attributes.headers.clone() };
        let tags = if new_tags {
            input.tagging.as_deref().map(parse_tags).transpose()?.unwrap_or_default()
        } else {
            found.attributes.tags.clone()
        };
        let named = algorithm(input.checksum_algorithm.as_ref())?;
        let bucket = std::mem::take(&mut input.bucket);
        let (attributes, modified) = if from_bucket == bucket && from_key == key {
            if !new_headers && !new_tags {
                return Err(Refusal::request(
                    "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
                )
                .into());
            }
            drop(found);
            let change = |attributes: &mut Attributes| {
                attributes.headers = headers;
                attributes.tags = tags;
            };
            self.vault.change(&bucket, &key, change).await?
        } else {
            if found.bytes > MAX_PUT_BYTES {
                return Err(Refusal::request(format!(
                    "The specified copy source is larger than the maximum allowable size for a copy source: {MAX_PUT_BYTES}"
                ))
                .into());
            }
            let content = self.vault.open(&found, None).await?;
            let mut wanted: Vec<Algorithm> = named.into_iter().collect();
            if wanted.is_empty() && !found.attributes.composite {
                wanted.extend(
                    Algorithm::ALL
                        .into_iter()
                        .filter(|algorithm| found.attributes.checksum(*algorithm).is_some()),
                );
            }
            let expected = Expected { bytes: Some(found.bytes), wanted, ..Expected::default() };
            drop(found);
            let attributes = Attributes::new(headers, tags);
            let condition = Condition::default();
            let attributes =
                self.vault.put(&bucket, &key, content.into_body(), expected, attributes, &condition).await?;
            let modified = self.vault.find(&bucket, &key).await?.modified;
            (attributes, modified)
        };
        let mut result = dto::CopyObjectResult {
            e_tag: Some(e_tag(&attributes.e_tag)),
            last_modified: Some(modified.into()),
            checksum_type: checksum_type(&attributes),
            ..Default::default()
        };
        set_checksums!(result, &attributes);
        Ok(S3Response::new(dto::CopyObjectOutput { copy_object_result: Some(result), ..Default::default() }))
    }

    async fn put_object_tagging(
        &self,
        request: S3Request<dto::PutObjectTaggingInput>,
    ) -> S3Result<S3Response<dto::PutObjectTaggingOutput>> {
        let input = request.input;
        refuse_version(input.version_id.as_ref())?;
        let tags = tags(input.tagging)?;
        self.vault.change(&input.bucket, &Key::new(&input.key)?, |attributes| attributes.tags = tags).await?;
        Ok(S3Response::new(dto::PutObjectTaggingOutput::default()))
    }

    async fn get_object_tagging(
        &self,
        request: S3Request<dto::GetObjectTaggingInput>,
    ) -> S3Result<S3Response<dto::GetObjectTaggingOutput>> {
        let input = request.input;
        refuse_version(input.version_id.as_ref())?;
        let found = self.vault.find(&input.bucket, &Key::new(&input.key)?).await?;
        let tag_set = found
            .attributes
            .tags
            .iter()
            .map(|(name, value)| dto::Tag { key: Some(name.clone()), value: Some(value.clone()) })
            .collect();
        Ok(S3Response::new(dto::GetObjectTaggingOutput { tag_set, version_id: None }))
    }

    async fn delete_object_tagging(
        &self,
        request: S3Request<dto::DeleteObjectTaggingInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectTaggingOutput>> {
        let input = request.input;
        refuse_version(input.version_id.as_ref())?;
        self.vault
            .change(&input.bucket, &Key::new(&input.key)?, |attributes| attributes.tags.clear())
            .await?;
        Ok(S3Response::with_status(dto::DeleteObjectTaggingOutput::default(), http::StatusCode::NO_CONTENT))
    }

    async fn create_multipart_upload(
        &self,
        mut request: S3Request<dto::CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::CreateMultipartUploadOutput>> {
        let input = &mut request.input;
        refuse_unkept!(input,
            sse_customer_algorithm => "x-amz-server-side-encryption-customer-algorithm",
            object_lock_mode => "x-amz-object-lock-mode",
            object_lock_legal_hold_status => "x-amz-object-lock-legal-hold",
        );
        let key = Key::new(&input.key)?;
        let headers = headers!(input)?;
        let tags = input.tagging.as_deref().map(parse_tags).transpose()?.unwrap_or_default();
        let algorithm = algorithm(input.checksum_algorithm.as_ref())?;
        let composite = match (input.checksum_type.as_ref().map(dto::ChecksumType::as_str), algorithm) {
            (Some(dto::ChecksumType::COMPOSITE), Some(Algorithm::Crc64Nvme)) => {
                return Err(Refusal::request(
                    "The COMPOSITE checksum type cannot be used with the crc64nvme checksum algorithm.",
                )
                .into());
            }
            (Some(dto::ChecksumType::FULL_OBJECT), Some(algorithm)) if !algorithm.can_be_of_whole() => {
                return Err(Refusal::request(format!(
                    "The FULL_OBJECT checksum type cannot be used with the {} checksum algorithm.",
                    algorithm.name().to_ascii_lowercase()
                ))
                .into());
            }
            (Some(dto::ChecksumType::COMPOSITE), Some(_)) => true,
            (Some(_), _) | (None, None) => false,
            (None, Some(algorithm)) => algorithm != Algorithm::Crc64Nvme,
        };
        let attributes = Attributes::new(headers, tags);
        let id = self.vault.begin_upload(&input.bucket, &key, attributes, algorithm, composite).await?;
        Ok(S3Response::new(dto::CreateMultipartUploadOutput {
            bucket: Some(std::mem::take(&mut input.bucket)),
            key: Some(std::mem::take(&mut input.key)),
            checksum_algorithm: input.checksum_algorithm.take(),
            checksum_type: algorithm.map(|_| upload_type(composite)),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    async fn upload_part(
        &self,
        mut request: S3Request<dto::UploadPartInput>,
    ) -> S3Result<S3Response<dto::UploadPartOutput>> {
        let input = &mut request.input;
        refuse_unkept!(input, sse_customer_algorithm => "x-amz-server-side-encryption-customer-algorithm");
        let key = Key::new(&input.key)?;
        let checksums = checksums!(input);
        let (blob, bytes, md5, named) = (
            input.body.take(),
            input.content_length,
            input.content_md5.take(),
            input.checksum_algorithm.take(),
        );
        let (bucket, id) = (std::mem::take(&mut input.bucket), std::mem::take(&mut input.upload_id));
        let number = part_number(input.part_number);
        let expected = expected(&request, bytes, md5.as_deref(), checksums, named.as_ref())?;
        let part = self.vault.put_part(&bucket, &key, &id, number, body(blob), expected).await?;
        let of = |algorithm: Algorithm| part.checksums.get(algorithm.name()).cloned();
        Ok(S3Response::new(dto::UploadPartOutput {
            checksum_crc32: of(Algorithm::Crc32),
            checksum_crc32c: of(Algorithm::Crc32c),
            checksum_crc64nvme: of(Algorithm::Crc64Nvme),
            checksum_sha1: of(Algorithm::Sha1),
            checksum_sha256: of(Algorithm::Sha256),
            e_tag: Some(e_tag(&part.e_tag)),
            ..Default::default()
        }))
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<dto::UploadPartCopyInput>,
    ) -> S3Result<S3Response<dto::UploadPartCopyOutput>> {
        let input = request.input;
        let key = Key::new(&input.key)?;
        let preconditions = Preconditions {
            matches: input.copy_source_if_match.as_ref(),
            none_matches: input.copy_source_if_none_match.as_ref(),
            modified_since: input.copy_source_if_modified_since.as_ref(),
            unmodified_since: input.copy_source_if_unmodified_since.as_ref(),
        };
        let (_, _, found) = self.source(&input.copy_source, preconditions).await?;
        let range = match input.copy_source_range.as_deref() {
            None => None,
            Some(text) => {
                let bad = || {
                    Refusal::argument(
                        "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
                    )
                };
                let (first, last) =
                    text.strip_prefix("bytes=").and_then(|text| text.split_once('-')).ok_or_else(bad)?;
                let first: u64 = first.parse().map_err(|_| bad())?;
                let last: u64 = last.parse().map_err(|_| bad())?;
                if first > last {
                    return Err(bad().into());
                }
                if last >= found.bytes {
                    return Err(Refusal::argument(format!(
                        "Range specified is not valid for source object of size: {}",
                        found.bytes
                    ))
                    .into());
                }
                Some(first..last + 1)
            }
        };
        let content = self.vault.open(&found, range).await?;
        drop(found);
        let part = self
            .vault
            .put_part(
                &input.bucket,
                &key,
                &input.upload_id,
                part_number(input.part_number),
                content.into_body(),
                Expected::default(),
            )
            .await?;
        let of = |algorithm: Algorithm| part.checksums.get(algorithm.name()).cloned();
        let result = dto::CopyPartResult {
            checksum_crc32: of(Algorithm::Crc32),
            checksum_crc32c: of(Algorithm::Crc32c),
            checksum_crc64nvme: of(Algorithm::Crc64Nvme),
            checksum_sha1: of(Algorithm::Sha1),
            checksum_sha256: of(Algorithm::Sha256),
            e_tag: Some(e_tag(&part.e_tag)),
            last_modified: Some((self.now)().into()),
        };
        Ok(S3Response::new(dto::UploadPartCopyOutput {
            copy_part_result: Some(result),
            ..Default::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        mut request: S3Request<dto::CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::CompleteMultipartUploadOutput>> {
        let input = &mut request.input;
        let key = Key::new(&input.key)?;
        let parts = input.multipart_upload.take().and_then(|upload| upload.parts).unwrap_or_default();
        let parts = parts
            .into_iter()
            .map(|mut part| Wanted {
                number: part.part_number.map_or(0, part_number),
                e_tag: part.e_tag.as_ref().map(|tag| tag.value().to_owned()).unwrap_or_default(),
                checksums: checksums!(part),
            })
            .collect();
        let completion = Completion {
            parts,
            condition: condition(input.if_match.as_ref(), input.if_none_match.as_ref())?,
            checksums: checksums!(input),
            bytes: input.mpu_object_size.and_then(|bytes| u64::try_from(bytes).ok()),
        };
        let (bucket, id) = (std::mem::take(&mut input.bucket), std::mem::take(&mut input.upload_id));
        // What can be refused at once is refused with a status.
        self.vault.upload(&bucket, &key, &id).await?;
        let found = self.vault.wanted_parts(&bucket, &id, &completion).await?;
        let bytes: u64 = found.iter().map(|part| part.bytes).sum();
        let vault = Arc::clone(&self.vault);
        let join = async move {
            let attributes = vault.complete_upload(&bucket, &key, &id, completion).await?;
            let mut output = dto::CompleteMultipartUploadOutput {
                location: Some(format!("/{bucket}/{}", url_encoded(key.text()))),
                bucket: Some(bucket),
                key: Some(key.text().to_owned()),
                e_tag: Some(e_tag(&attributes.e_tag)),
                ..Default::default()
            };
            set_checksums!(output, &attributes);
            output.checksum_type = checksum_type(&attributes);
            Ok::<_, Refusal>(output)
        };
        // In a task of its own: what was begun ends even if the client goes away.
        let join = tokio::spawn(join).map(|done| match done {
            Ok(done) => done.map_err(S3Error::from),
            Err(error) => Err(Refusal::internal(error).into()),
        });
        if bytes <= QUICK_BYTES {
            return Ok(S3Response::new(join.await?));
        }
        Ok(S3Response::new(dto::CompleteMultipartUploadOutput {
            future: Some(join.boxed()),
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<dto::AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::AbortMultipartUploadOutput>> {
        let input = request.input;
        self.vault.abort_upload(&input.bucket, &Key::new(&input.key)?, &input.upload_id).await?;
        Ok(S3Response::with_status(dto::AbortMultipartUploadOutput::default(), http::StatusCode::NO_CONTENT))
    }

    async fn list_parts(
        &self,
        request: S3Request<dto::ListPartsInput>,
    ) -> S3Result<S3Response<dto::ListPartsOutput>> {
        let input = request.input;
        let key = Key::new(&input.key)?;
        let max = max_items(input.max_parts, "max-parts")?;
        let after = part_number(input.part_number_marker.unwrap_or(0));
        let upload = self.vault.upload(&input.bucket, &key, &input.upload_id).await?;
        let mut parts = self.vault.parts(&input.bucket, &input.upload_id).await?;
        parts.retain(|part| part.number > after);
        let is_truncated = parts.len() > max;
        parts.truncate(max);
        let number = |number: u32| i32::try_from(number).ok();
        let listed = parts
            .iter()
            .map(|part| {
                let of = |algorithm: Algorithm| {
                    part.checksums
                        .get(algorithm.name())
                        .filter(|_| upload.algorithm() == Some(algorithm))
                        .cloned()
                };
                dto::Part {
                    checksum_crc32: of(Algorithm::Crc32),
                    checksum_crc32c: of(Algorithm::Crc32c),
                    checksum_crc64nvme: of(Algorithm::Crc64Nvme),
                    checksum_sha1: of(Algorithm::Sha1),
                    checksum_sha256: of(Algorithm::Sha256),
                    e_tag: Some(e_tag(&part.e_tag)),
                    last_modified: part.modified.map(Into::into),
                    part_number: number(part.number),
                    size: length(part.bytes),
                }
            })
            .collect();
        Ok(S3Response::new(dto::ListPartsOutput {
            bucket: Some(input.bucket),
            checksum_algorithm: upload
                .algorithm()
                .map(|algorithm| dto::ChecksumAlgorithm::from_static(algorithm.name())),
            checksum_type: upload.algorithm().map(|_| upload_type(upload.composite)),
            initiator: Some(dto::Initiator { display_name: None, id: Some(OWNER.to_owned()) }),
            is_truncated: Some(is_truncated),
            key: Some(input.key),
            max_parts: i32::try_from(max).ok(),
            next_part_number_marker: parts.last().and_then(|part| number(part.number)),
            owner: Some(owner()),
            part_number_marker: number(after),
            parts: Some(listed),
            storage_class: Some(dto::StorageClass::from_static(dto::StorageClass::STANDARD)),
            upload_id: Some(input.upload_id),
            ..Default::default()
        }))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<dto::ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<dto::ListMultipartUploadsOutput>> {
        let input = request.input;
        let name = names(input.encoding_type.as_ref())?;
        let max = max_items(input.max_uploads, "max-uploads")?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let delimiter = input.delimiter.clone().filter(|delimiter| !delimiter.is_empty());
        let key_marker = input.key_marker.clone().unwrap_or_default();
        let id_marker = input.upload_id_marker.clone().unwrap_or_default();
        self.vault.require_bucket(&input.bucket).await?;
        let (mut uploads, mut prefixes): (Vec<dto::MultipartUpload>, Vec<String>) = (Vec::new(), Vec::new());
        let (mut is_truncated, mut next) = (false, (String::new(), String::new()));
        for upload in self.vault.list_uploads(&input.bucket).await? {
            let is_behind = match upload.key.as_str().cmp(key_marker.as_str()) {
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Equal => !id_marker.is_empty() && upload.id > id_marker,
                std::cmp::Ordering::Greater => true,
            };
            if !upload.key.starts_with(&prefix) || !(is_behind || key_marker.is_empty()) {
                continue;
            }
            let rest = &upload.key[prefix.len()..];
            let common = delimiter.as_deref().and_then(|delimiter| {
                rest.find(delimiter)
                    .map(|place| upload.key[..prefix.len() + place + delimiter.len()].to_owned())
            });
            if common.is_some() && common == prefixes.last().cloned() {
                continue;
            }
            if uploads.len() + prefixes.len() == max {
                is_truncated = true;
                break;
            }
            next = (common.clone().unwrap_or_else(|| upload.key.clone()), upload.id.clone());
            match common {
                Some(common) => prefixes.push(common),
                None => uploads.push(dto::MultipartUpload {
                    checksum_algorithm: upload
                        .algorithm()
                        .map(|algorithm| dto::ChecksumAlgorithm::from_static(algorithm.name())),
                    initiated: upload.begun.map(Into::into),
                    initiator: Some(dto::Initiator { display_name: None, id: Some(OWNER.to_owned()) }),
                    key: Some(name(&upload.key)),
                    owner: Some(owner()),
                    storage_class: Some(dto::StorageClass::from_static(dto::StorageClass::STANDARD)),
                    upload_id: Some(upload.id),
                    ..Default::default()
                }),
            }
        }
        let common_prefixes =
            prefixes.iter().map(|prefix| dto::CommonPrefix { prefix: Some(name(prefix)) }).collect();
        Ok(S3Response::new(dto::ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            common_prefixes: Some(common_prefixes),
            delimiter: delimiter.as_deref().map(name),
            encoding_type: input.encoding_type,
            is_truncated: Some(is_truncated),
            key_marker: Some(name(&key_marker)),
            max_uploads: i32::try_from(max).ok(),
            next_key_marker: is_truncated.then(|| name(&next.0)),
            next_upload_id_marker: is_truncated.then_some(next.1),
            prefix: Some(name(&prefix)),
            upload_id_marker: Some(id_marker),
            uploads: Some(uploads),
            ..Default::default()
        }))
    }

    async fn select_object_content(
        &self,
        request: S3Request<dto::SelectObjectContentInput>,
    ) -> S3Result<S3Response<dto::SelectObjectContentOutput>> {
        let input = request.input;
        refuse_unkept!(input, sse_customer_algorithm => "x-amz-server-side-encryption-customer-algorithm");
        let found = self.vault.find(&input.bucket, &Key::new(&input.key)?).await?;
        let mut question = crate::question::read(&input.request, found.bytes)?;
        question.options.threads = self.select_threads;
        let now = (self.now)().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        question.options.now =
            i64::try_from(now.as_millis()).ok().and_then(plimsoll_select::Timestamp::from_unix_millis);
        // Of Parquet some places are read, and those alone.
        let content = match &question.options.input {
            Some(plimsoll_select::InputFormat::Parquet) => self.vault.open_parts(&found).await?,
            _ => self.vault.open(&found, None).await?,
        };
        drop(found);
        let answers = crate::select::answer(question, content, &self.permits).await?;
        let events = answers.map(|answer| answer.map(event).map_err(S3Error::from));
        let payload = dto::SelectObjectContentEventStream::new(events);
        Ok(S3Response::new(dto::SelectObjectContentOutput { payload: Some(payload) }))
    }
}

fn upload_type(composite: bool) -> dto::ChecksumType {
    dto::ChecksumType::from_static(if composite {
        dto::ChecksumType::COMPOSITE
    } else {
        dto::ChecksumType::FULL_OBJECT
    })
}

fn event(answer: Answer) -> dto::SelectObjectContentEvent {
    let count = |bytes: u64| i64::try_from(bytes).ok();
    match answer {
        Answer::Records(bytes) => {
            dto::SelectObjectContentEvent::Records(dto::RecordsEvent { payload: Some(bytes) })
        }
        Answer::Progress(stats) => dto::SelectObjectContentEvent::Progress(dto::ProgressEvent {
            details: Some(dto::Progress {
                bytes_processed: count(stats.bytes_processed),
                bytes_returned: count(stats.bytes_returned),
                bytes_scanned: count(stats.bytes_scanned),
            }),
        }),
        Answer::Stats(stats) => dto::SelectObjectContentEvent::Stats(dto::StatsEvent {
            details: Some(dto::Stats {
                bytes_processed: count(stats.bytes_processed),
                bytes_returned: count(stats.bytes_returned),
                bytes_scanned: count(stats.bytes_scanned),
            }),
        }),
        Answer::Cont => dto::SelectObjectContentEvent::Cont(dto::ContinuationEvent::default()),
        Answer::End => dto::SelectObjectContentEvent::End(dto::EndEvent::default()),
    }
}
