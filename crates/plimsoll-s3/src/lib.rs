//! An S3 endpoint over a store of results, with `SelectObjectContent`.
