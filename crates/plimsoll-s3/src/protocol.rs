//! S3 as the framework hands it over: each operation's input read, done by the [`Vault`], its output written. What knows the
//! framework is here and below, in [`crate::access`], [`crate::fields`], [`crate::question`], [`crate::reading`] and
//! [`crate::server`].

mod buckets;
mod copying;
mod listing;
mod multipart;
mod objects;
mod selection;
mod uploads;

use std::sync::Arc;
use std::time::SystemTime;

use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, dto};
use tokio::sync::Semaphore;

use crate::refusal::Refusal;
use crate::server::to_end;
use crate::settings::Settings;
use crate::vault::Vault;

/// Who everything belongs to.
pub(crate) const OWNER: &str = "plimsoll";

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
pub(crate) struct Protocol(Arc<Operations>);

/// What S3's operations do; each is in the file of its subject.
struct Operations {
    vault: Arc<Vault>,
    permits: Arc<Semaphore>,
    select_threads: usize,
    now: fn() -> SystemTime,
}

impl Protocol {
    pub(crate) fn new(vault: Vault, settings: &Settings) -> Protocol {
        Protocol(Arc::new(Operations {
            vault: Arc::new(vault),
            permits: Arc::new(Semaphore::new(settings.selects.max(1))),
            select_threads: settings.select_threads,
            now: settings.now,
        }))
    }

    /// Removes what a server that was killed has left behind.
    pub(crate) async fn tidy(&self) -> Result<(), Refusal> {
        self.0.vault.remove_lost_parts().await
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

/// Every operation there is; the framework refuses all others.
///
/// What writes is done in a task of its own: what was begun ends, or is undone, even if the client goes away; else bytes
/// would be left without what is kept beside them.
macro_rules! operations {
    (
        reads { $($read:ident: $read_input:ident => $read_output:ident;)+ }
        writes { $($write:ident: $write_input:ident => $write_output:ident;)+ }
    ) => {
        #[async_trait::async_trait]
        impl S3 for Protocol {
            $(async fn $read(
                &self,
                request: S3Request<dto::$read_input>,
            ) -> S3Result<S3Response<dto::$read_output>> {
                self.0.$read(request).await
            })+
            $(async fn $write(
                &self,
                request: S3Request<dto::$write_input>,
            ) -> S3Result<S3Response<dto::$write_output>> {
                let operations = Arc::clone(&self.0);
                to_end(async move { operations.$write(request).await }).await.map_err(Refusal::internal)?
            })+
        }
    };
}

operations! {
    reads {
        list_buckets: ListBucketsInput => ListBucketsOutput;
        head_bucket: HeadBucketInput => HeadBucketOutput;
        get_bucket_location: GetBucketLocationInput => GetBucketLocationOutput;
        get_bucket_versioning: GetBucketVersioningInput => GetBucketVersioningOutput;
        list_objects: ListObjectsInput => ListObjectsOutput;
        list_objects_v2: ListObjectsV2Input => ListObjectsV2Output;
        get_object: GetObjectInput => GetObjectOutput;
        head_object: HeadObjectInput => HeadObjectOutput;
        get_object_attributes: GetObjectAttributesInput => GetObjectAttributesOutput;
        get_object_tagging: GetObjectTaggingInput => GetObjectTaggingOutput;
        list_parts: ListPartsInput => ListPartsOutput;
        list_multipart_uploads: ListMultipartUploadsInput => ListMultipartUploadsOutput;
        select_object_content: SelectObjectContentInput => SelectObjectContentOutput;
    }
    writes {
        create_bucket: CreateBucketInput => CreateBucketOutput;
        delete_bucket: DeleteBucketInput => DeleteBucketOutput;
        put_object: PutObjectInput => PutObjectOutput;
        delete_object: DeleteObjectInput => DeleteObjectOutput;
        delete_objects: DeleteObjectsInput => DeleteObjectsOutput;
        copy_object: CopyObjectInput => CopyObjectOutput;
        put_object_tagging: PutObjectTaggingInput => PutObjectTaggingOutput;
        delete_object_tagging: DeleteObjectTaggingInput => DeleteObjectTaggingOutput;
        create_multipart_upload: CreateMultipartUploadInput => CreateMultipartUploadOutput;
        upload_part: UploadPartInput => UploadPartOutput;
        upload_part_copy: UploadPartCopyInput => UploadPartCopyOutput;
        complete_multipart_upload: CompleteMultipartUploadInput => CompleteMultipartUploadOutput;
        abort_multipart_upload: AbortMultipartUploadInput => AbortMultipartUploadOutput;
    }
}
