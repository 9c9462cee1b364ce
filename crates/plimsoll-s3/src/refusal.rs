//! What a request is refused with: one of Amazon's codes, and words for a person.

/// Why a request was not done.
///
/// Source: Amazon S3 API Reference, Error Responses, "List of error codes".
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct Refusal {
    /// Amazon's code: `NoSuchKey`.
    pub(crate) code: &'static str,
    /// The HTTP status where the code alone does not tell it.
    pub(crate) status: u16,
    /// What was expected, what was found.
    pub(crate) message: String,
    /// What the log is told and the client is not.
    #[source]
    pub(crate) source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Makes a function for each code.
macro_rules! refusals {
    ($($(#[$doc:meta])* $function:ident = $code:literal $status:literal $message:literal;)+) => {
        impl Refusal {
            $($(#[$doc])* pub(crate) fn $function() -> Refusal {
                Refusal { code: $code, status: $status, message: $message.to_owned(), source: None }
            })+
        }
    };
}

refusals! {
    no_such_bucket = "NoSuchBucket" 404 "The specified bucket does not exist";
    no_such_key = "NoSuchKey" 404 "The specified key does not exist.";
    no_such_upload = "NoSuchUpload" 404
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
    bucket_exists = "BucketAlreadyOwnedByYou" 409
        "Your previous request to create the named bucket succeeded and you already own it.";
    bucket_not_empty = "BucketNotEmpty" 409 "The bucket you tried to delete is not empty";
    bad_bucket_name = "InvalidBucketName" 400 "The specified bucket is not valid.";
    key_too_long = "KeyTooLongError" 400 "Your key is too long";
    precondition = "PreconditionFailed" 412 "At least one of the pre-conditions you specified did not hold";
    not_modified = "NotModified" 304 "Not Modified";
    bad_range = "InvalidRange" 416 "The requested range is not satisfiable";
    bad_part = "InvalidPart" 400
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.";
    bad_part_order = "InvalidPartOrder" 400
        "The list of parts was not in ascending order. Parts must be ordered by part number.";
    part_too_small = "EntityTooSmall" 400
        "Your proposed upload is smaller than the minimum allowed size";
    too_large = "EntityTooLarge" 400 "Your proposed upload exceeds the maximum allowed size";
    bad_digest = "BadDigest" 400 "The Content-MD5 you specified did not match what we received.";
    invalid_digest = "InvalidDigest" 400 "The Content-MD5 you specified is not valid.";
    incomplete_body = "IncompleteBody" 400
        "You did not provide the number of bytes specified by the Content-Length HTTP header";
    other_content = "XAmzContentSHA256Mismatch" 400
        "The provided 'x-amz-content-sha256' header does not match what was computed.";
    malformed_trailer = "MalformedTrailerError" 400
        "The request contained trailing data that was not well-formed or did not conform to our published schema.";
    metadata_too_large = "MetadataTooLarge" 400
        "Your metadata headers exceed the maximum allowed metadata size";
    slow_down = "SlowDown" 503 "Please reduce your request rate.";
}

impl Refusal {
    /// With words of its own.
    pub(crate) fn new(code: &'static str, status: u16, message: impl Into<String>) -> Refusal {
        Refusal { code, status, message: message.into(), source: None }
    }

    /// Something in the request has a value it cannot have.
    pub(crate) fn argument(message: impl Into<String>) -> Refusal {
        Refusal::new("InvalidArgument", 400, message)
    }

    /// The request contradicts itself or is not understood.
    pub(crate) fn request(message: impl Into<String>) -> Refusal {
        Refusal::new("InvalidRequest", 400, message)
    }

    /// The caller may not.
    pub(crate) fn denied(message: impl Into<String>) -> Refusal {
        Refusal::new("AccessDenied", 403, message)
    }

    /// The store failed, which is no fault of the request; the client is not told how.
    pub(crate) fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Refusal {
        Refusal {
            code: "InternalError",
            status: 500,
            message: "We encountered an internal error. Please try again.".to_owned(),
            source: Some(source.into()),
        }
    }
}

impl From<object_store::Error> for Refusal {
    fn from(error: object_store::Error) -> Refusal {
        match error {
            object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. } => {
                Refusal::precondition()
            }
            error if is_missing(&error) => Refusal::no_such_key(),
            error if is_caused_by(&error, std::io::ErrorKind::InvalidFilename) => Refusal::key_too_long(),
            error => Refusal::internal(error),
        }
    }
}

/// Whether there is nothing at a path; also where one of its folders is a file.
pub(crate) fn is_missing(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. })
        || is_caused_by(error, std::io::ErrorKind::NotADirectory)
}

/// Whether the file system failed for this reason.
fn is_caused_by(error: &object_store::Error, kind: std::io::ErrorKind) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == kind) {
            return true;
        }
        cause = error.source();
    }
    false
}
