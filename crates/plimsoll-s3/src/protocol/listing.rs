//! Objects listed, in both versions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::{S3Request, S3Response, S3Result, dto};

use crate::digest::Algorithm;
use crate::fields::{checksum_type, e_tag, owner};
use crate::list::{Item, MAX_ITEMS, Page, Question};
use crate::protocol::{Operations, url_encoded};
use crate::reading::length;
use crate::refusal::Refusal;

impl Operations {
    async fn page(&self, bucket: &str, question: &Question) -> Result<Page, Refusal> {
        self.vault.require_bucket(bucket).await?;
        self.vault.list(bucket, question).await
    }

    pub(crate) async fn list_objects(
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
        let last = page.last.as_deref().map(name);
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
            next_marker: last.filter(|_| question.delimiter.is_some()),
            delimiter: question.delimiter.as_deref().map(name),
            encoding_type: input.encoding_type,
            ..dto::ListObjectsOutput::default()
        }))
    }

    pub(crate) async fn list_objects_v2(
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
        let next = page.last.as_deref().map(|last| URL_SAFE_NO_PAD.encode(last));
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
}

/// How many items are asked for.
pub(super) fn max_items(asked: Option<i32>, name: &str) -> Result<usize, Refusal> {
    match asked.map(usize::try_from) {
        None => Ok(MAX_ITEMS),
        Some(Ok(asked)) => Ok(asked.min(MAX_ITEMS)),
        Some(Err(_)) => {
            Err(Refusal::argument(format!("Argument {name} must be an integer between 0 and 2147483647")))
        }
    }
}

/// How names are written in a list.
pub(super) fn names(encoding: Option<&dto::EncodingType>) -> Result<fn(&str) -> String, Refusal> {
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
