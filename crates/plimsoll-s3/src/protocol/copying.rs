//! Objects copied, whole or as parts of uploads.

use http::HeaderMap;
use http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use s3s::dto::{self, ETagCondition};
use s3s::{S3Request, S3Response, S3Result};

use crate::attributes::{Attributes, Headers, parse_tags};
use crate::digest::Algorithm;
use crate::fields::{algorithm, checksum_type, condition, e_tag, http_date, refuse_version, without_chunks};
use crate::key::Key;
use crate::protocol::Operations;
use crate::protocol::multipart::part_number;
use crate::reading::Preconditions;
use crate::refusal::Refusal;
use crate::vault::{Condition, Expected, Found, MAX_PUT_BYTES};

/// What a copy wants to hold of its source.
macro_rules! source_preconditions {
    ($input:expr) => {
        Preconditions {
            matches: $input.copy_source_if_match.as_ref(),
            none_matches: $input.copy_source_if_none_match.as_ref(),
            modified_since: $input.copy_source_if_modified_since.as_ref(),
            unmodified_since: $input.copy_source_if_unmodified_since.as_ref(),
        }
    };
}

/// What must hold of what a copy replaces; the framework has no fields for it.
///
/// Source: Amazon S3 API Reference, `CopyObject`, `If-Match` and `If-None-Match`.
fn of_target(headers: &HeaderMap) -> Result<Condition, Refusal> {
    let read = |name: HeaderName| {
        headers
            .get(&name)
            .map(|value| {
                ETagCondition::parse_http_header(value.as_bytes())
                    .map_err(|_| Refusal::argument(format!("The {name} header holds no entity tag.")))
            })
            .transpose()
    };
    condition(read(IF_MATCH)?.as_ref(), read(IF_NONE_MATCH)?.as_ref())
}

impl Operations {
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

    pub(crate) async fn copy_object(
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
        let preconditions = source_preconditions!(input);
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
        let condition = of_target(&request.headers)?;
        let input = &mut request.input;
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
                if new_headers {
                    attributes.headers = headers;
                }
                if new_tags {
                    attributes.tags = tags;
                }
            };
            self.vault.change(&bucket, &key, &condition, change).await?
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
            let attributes =
                self.vault.put(&bucket, &key, content.into_body(), expected, attributes, &condition).await?;
            let found = self.vault.find(&bucket, &key).await;
            (attributes, found.map_or_else(|_| (self.now)(), |found| found.modified))
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

    pub(crate) async fn upload_part_copy(
        &self,
        request: S3Request<dto::UploadPartCopyInput>,
    ) -> S3Result<S3Response<dto::UploadPartCopyOutput>> {
        let input = request.input;
        let key = Key::new(&input.key)?;
        let preconditions = source_preconditions!(input);
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
        let mut result = dto::CopyPartResult {
            e_tag: Some(e_tag(&part.e_tag)),
            last_modified: Some((self.now)().into()),
            ..Default::default()
        };
        set_checksums!(result, &part);
        Ok(S3Response::new(dto::UploadPartCopyOutput {
            copy_part_result: Some(result),
            ..Default::default()
        }))
    }
}
