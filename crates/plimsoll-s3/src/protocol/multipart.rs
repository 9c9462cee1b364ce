//! Uploads in parts.

use std::sync::Arc;

use futures::FutureExt as _;
use s3s::{S3Error, S3Request, S3Response, S3Result, dto};

use crate::attributes::{Attributes, Headers, parse_tags};
use crate::digest::Algorithm;
use crate::fields::{algorithm, body, checksum_type, condition, e_tag, expected, http_date, without_chunks};
use crate::key::Key;
use crate::protocol::{Operations, url_encoded};
use crate::refusal::Refusal;
use crate::upload::{Completion, Wanted};

/// Joining that is larger than this, in bytes, is told to go on.
const QUICK_BYTES: u64 = 256 << 20;

impl Operations {
    pub(crate) async fn create_multipart_upload(
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

    pub(crate) async fn upload_part(
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
        let mut output = dto::UploadPartOutput { e_tag: Some(e_tag(&part.e_tag)), ..Default::default() };
        set_checksums!(output, &part);
        Ok(S3Response::new(output))
    }

    pub(crate) async fn complete_multipart_upload(
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

    pub(crate) async fn abort_multipart_upload(
        &self,
        request: S3Request<dto::AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::AbortMultipartUploadOutput>> {
        let input = request.input;
        self.vault.abort_upload(&input.bucket, &Key::new(&input.key)?, &input.upload_id).await?;
        Ok(S3Response::with_status(dto::AbortMultipartUploadOutput::default(), http::StatusCode::NO_CONTENT))
    }
}

pub(super) fn upload_type(composite: bool) -> dto::ChecksumType {
    dto::ChecksumType::from_static(if composite {
        dto::ChecksumType::COMPOSITE
    } else {
        dto::ChecksumType::FULL_OBJECT
    })
}

pub(super) fn part_number(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
