//! Buckets.

use s3s::{S3Request, S3Response, S3Result, dto};

use crate::fields::owner;
use crate::protocol::Operations;

/// Where everything is said to be.
const REGION: &str = "us-east-1";

impl Operations {
    pub(crate) async fn list_buckets(
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

    pub(crate) async fn create_bucket(
        &self,
        request: S3Request<dto::CreateBucketInput>,
    ) -> S3Result<S3Response<dto::CreateBucketOutput>> {
        let bucket = request.input.bucket;
        self.vault.create_bucket(&bucket).await?;
        Ok(S3Response::new(dto::CreateBucketOutput { location: Some(format!("/{bucket}")) }))
    }

    pub(crate) async fn delete_bucket(
        &self,
        request: S3Request<dto::DeleteBucketInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketOutput>> {
        self.vault.delete_bucket(&request.input.bucket).await?;
        Ok(S3Response::new(dto::DeleteBucketOutput::default()))
    }

    pub(crate) async fn head_bucket(
        &self,
        request: S3Request<dto::HeadBucketInput>,
    ) -> S3Result<S3Response<dto::HeadBucketOutput>> {
        self.vault.require_bucket(&request.input.bucket).await?;
        Ok(S3Response::new(dto::HeadBucketOutput {
            bucket_region: Some(REGION.to_owned()),
            ..dto::HeadBucketOutput::default()
        }))
    }

    pub(crate) async fn get_bucket_location(
        &self,
        request: S3Request<dto::GetBucketLocationInput>,
    ) -> S3Result<S3Response<dto::GetBucketLocationOutput>> {
        self.vault.require_bucket(&request.input.bucket).await?;
        Ok(S3Response::new(dto::GetBucketLocationOutput::default()))
    }

    pub(crate) async fn get_bucket_versioning(
        &self,
        request: S3Request<dto::GetBucketVersioningInput>,
    ) -> S3Result<S3Response<dto::GetBucketVersioningOutput>> {
        self.vault.require_bucket(&request.input.bucket).await?;
        Ok(S3Response::new(dto::GetBucketVersioningOutput::default()))
    }
}
