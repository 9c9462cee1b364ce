//! Objects put, read, tagged and removed.

use std::sync::Mutex;

use http::HeaderMap;
use s3s::dto::{self, StreamingBlob, Timestamp, TimestampFormat};
use s3s::{S3Request, S3Response, S3Result};

use crate::attributes::{Attributes, Headers, check_tags, parse_tags};
use crate::digest::Algorithm;
use crate::fields::{
    body, checksum_type, condition, e_tag, expected, http_date, refuse_version, without_chunks,
};
use crate::key::Key;
use crate::list::MAX_ITEMS;
use crate::protocol::Operations;
use crate::reading::{Preconditions, Sized, View, length, read_error, view};
use crate::refusal::Refusal;
use crate::vault::{Condition, Found};

impl Operations {
    pub(crate) async fn put_object(
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

    pub(crate) async fn get_object(
        &self,
        request: S3Request<dto::GetObjectInput>,
    ) -> S3Result<S3Response<dto::GetObjectOutput>> {
        let input = request.input;
        refuse_version(input.version_id.as_ref())?;
        let found = self.vault.find(&input.bucket, &Key::new(&input.key)?).await?;
        let view = viewed!(&found, input)?;
        let content = self.vault.open(&found, view.range.clone()).await?;
        let mut output = dto::GetObjectOutput::default();
        describe!(output, &found, &view, input);
        output.tag_count = i32::try_from(found.attributes.tags.len()).ok().filter(|count| *count > 0);
        drop(found);
        let bytes = output.content_length.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
        output.body = Some(StreamingBlob::new(Sized { body: Mutex::new(content.into_body()), left: bytes }));
        Ok(S3Response::new(output))
    }

    pub(crate) async fn head_object(
        &self,
        request: S3Request<dto::HeadObjectInput>,
    ) -> S3Result<S3Response<dto::HeadObjectOutput>> {
        let input = request.input;
        refuse_version(input.version_id.as_ref())?;
        let found = self.vault.find(&input.bucket, &Key::new(&input.key)?).await?;
        let view = viewed!(&found, input)?;
        let mut output = dto::HeadObjectOutput::default();
        describe!(output, &found, &view, input);
        if let Some(kind) = input.response_content_type {
            output.content_type = Some(header_value(kind)?);
        }
        if let Some(disposition) = input.response_content_disposition {
            output.content_disposition = Some(header_value(disposition)?);
        }
        let mut headers = HeaderMap::new();
        if !found.attributes.tags.is_empty() {
            headers.insert("x-amz-tagging-count", found.attributes.tags.len().into());
        }
        Ok(S3Response::with_headers(output, headers))
    }

    pub(crate) async fn get_object_attributes(
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

    pub(crate) async fn delete_object(
        &self,
        request: S3Request<dto::DeleteObjectInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectOutput>> {
        let input = request.input;
        refuse_version(input.version_id.as_ref())?;
        refuse_unkept!(input, if_match_last_modified_time => "x-amz-if-match-last-modified-time");
        let condition = Condition {
            size: input.if_match_size.and_then(|bytes| u64::try_from(bytes).ok()),
            ..condition(input.if_match.as_ref(), None)?
        };
        self.vault.delete(&input.bucket, &Key::new(&input.key)?, &condition).await?;
        Ok(S3Response::with_status(dto::DeleteObjectOutput::default(), http::StatusCode::NO_CONTENT))
    }

    pub(crate) async fn delete_objects(
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
                if object.last_modified_time.is_some() {
                    return Err(Refusal::new(
                        "NotImplemented",
                        501,
                        "LastModifiedTime of objects to delete is not implemented",
                    ));
                }
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

    pub(crate) async fn put_object_tagging(
        &self,
        request: S3Request<dto::PutObjectTaggingInput>,
    ) -> S3Result<S3Response<dto::PutObjectTaggingOutput>> {
        let input = request.input;
        refuse_version(input.version_id.as_ref())?;
        let tags = tags(input.tagging)?;
        let any = Condition::default();
        self.vault
            .change(&input.bucket, &Key::new(&input.key)?, &any, |attributes| attributes.tags = tags)
            .await?;
        Ok(S3Response::new(dto::PutObjectTaggingOutput::default()))
    }

    pub(crate) async fn get_object_tagging(
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

    pub(crate) async fn delete_object_tagging(
        &self,
        request: S3Request<dto::DeleteObjectTaggingInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectTaggingOutput>> {
        let input = request.input;
        refuse_version(input.version_id.as_ref())?;
        self.vault
            .change(&input.bucket, &Key::new(&input.key)?, &Condition::default(), |attributes| {
                attributes.tags.clear();
            })
            .await?;
        Ok(S3Response::with_status(dto::DeleteObjectTaggingOutput::default(), http::StatusCode::NO_CONTENT))
    }
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

/// What an address asks a header of the answer to say.
fn header_value(text: String) -> Result<String, Refusal> {
    match http::HeaderValue::from_str(&text) {
        Ok(_) => Ok(text),
        Err(_) => {
            Err(Refusal::argument("The value of a response header contains characters that no header has."))
        }
    }
}
