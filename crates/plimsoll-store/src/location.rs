//! Where a store is: a folder or an address.

use std::fmt;
use std::path::PathBuf;

use object_store::path::Path;
use url::Url;

use crate::Error;

/// What may be given.
const EXPECTED: &str = "a folder, or s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX";

/// A folder, or a prefix in a bucket: `results`, `s3://results/team`, `gs://…`, `az://…`, `memory:///` (tests).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder of this machine; made where it does not exist.
    Folder(PathBuf),
    /// A bucket by its address, `s3://results`, and the prefix in it, which may be empty.
    Bucket {
        /// Scheme and bucket alone.
        bucket: Url,
        /// What all keys begin with.
        prefix: Path,
    },
}

impl Location {
    /// Reads what a person typed. What has no scheme is a folder.
    ///
    /// # Errors
    /// [`Error::Location`] for a scheme that is not known, and where the bucket is missing.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let unusable =
            |found: String| Error::Location { location: text.to_owned(), expected: EXPECTED, found };
        if text.is_empty() {
            return Err(unusable("nothing".to_owned()));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::Folder(PathBuf::from(text)));
        };
        match scheme {
            "file" => Ok(Self::Folder(PathBuf::from(rest))),
            "s3" | "gs" | "az" | "memory" => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() && scheme != "memory" {
                    return Err(unusable("no bucket".to_owned()));
                }
                let bucket = Url::parse(&format!("{scheme}://{bucket}"))
                    .map_err(|error| unusable(error.to_string()))?;
                let prefix =
                    Path::parse(prefix.trim_end_matches('/')).map_err(|error| unusable(error.to_string()))?;
                Ok(Self::Bucket { bucket, prefix })
            }
            other => Err(unusable(format!("the scheme `{other}`"))),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Bucket { bucket, prefix } => {
                write!(f, "{}/{prefix}", bucket.as_str().trim_end_matches('/'))
            }
        }
    }
}
