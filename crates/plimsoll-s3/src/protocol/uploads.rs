//! Uploads in parts that are under way, and their parts, listed.

use s3s::{S3Request, S3Response, S3Result, dto};

use crate::digest::Algorithm;
use crate::fields::{e_tag, owner};
use crate::key::Key;
use crate::protocol::listing::{max_items, names};
use crate::protocol::multipart::{part_number, upload_type};
use crate::protocol::{OWNER, Operations};
use crate::reading::length;

impl Operations {
    pub(crate) async fn list_parts(
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

    pub(crate) async fn list_multipart_uploads(
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
}
