//! Where a store is: a folder or an address.

use std::fmt;
use std::path::PathBuf;

use object_store::path::Path;
use url::Url;

use crate::Error;

/// What may be given.
const EXPECTED: &str = "a folder, or s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX";
/// Schemes of buckets.
const SCHEMES: [&str; 4] = ["s3", "gs", "az", "memory"];

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
        let unusable = |found: String| unusable(text, found);
        if text.is_empty() {
            return Err(unusable("nothing".to_owned()));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            nearly_an_address(text)?;
            return Ok(Self::Folder(PathBuf::from(text)));
        };
        if scheme == "file" {
            if !rest.starts_with('/') {
                return Err(unusable("no whole path behind `file://`".to_owned()));
            }
            return Ok(Self::Folder(PathBuf::from(rest)));
        }
        let (bucket, prefix) = in_bucket(text)?;
        let prefix =
            Path::parse(prefix.trim_end_matches('/')).map_err(|error| unusable(error.to_string()))?;
        Ok(Self::Bucket { bucket, prefix })
    }

    /// Reads the address of one object, `s3://bucket/some/key.json`: its bucket, and its key, which may be empty or end
    /// with `/`. `None` for what is no address of a bucket.
    ///
    /// # Errors
    /// [`Error::Location`] where the bucket is missing or no name of one, and for `s3:bucket`.
    pub fn of_object(text: &str) -> Result<Option<(Self, String)>, Error> {
        match text.split_once("://") {
            Some((scheme, _)) if SCHEMES.contains(&scheme) => {
                let (bucket, key) = in_bucket(text)?;
                Ok(Some((Self::Bucket { bucket, prefix: Path::default() }, key.to_owned())))
            }
            _ => nearly_an_address(text).map(|()| None),
        }
    }

    /// Whether a text is the address of something in a bucket.
    pub fn is_address(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| SCHEMES.contains(&scheme))
    }

    /// The address of a key in it.
    pub fn address(&self, key: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(key).display().to_string(),
            Self::Bucket { bucket, prefix } => {
                let bucket = bucket.as_str().trim_end_matches('/');
                if prefix.as_ref().is_empty() {
                    format!("{bucket}/{key}")
                } else {
                    format!("{bucket}/{prefix}/{key}")
                }
            }
        }
    }
}

/// Refuses `s3:bucket` and `s3:/bucket`: nobody means a folder of that name.
fn nearly_an_address(text: &str) -> Result<(), Error> {
    match text.split_once(':') {
        Some((scheme, _)) if SCHEMES.contains(&scheme) => {
            Err(unusable(text, format!("`{scheme}:` without `//`")))
        }
        _ => Ok(()),
    }
}

fn unusable(location: &str, found: String) -> Error {
    Error::Location { location: location.to_owned(), expected: EXPECTED, found }
}

/// The bucket of an address, and what stands behind it.
fn in_bucket(text: &str) -> Result<(Url, &str), Error> {
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    if !SCHEMES.contains(&scheme) {
        return Err(unusable(text, format!("the scheme `{scheme}`")));
    }
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() && scheme != "memory" {
        return Err(unusable(text, "no bucket".to_owned()));
    }
    // A name of a bucket is one of a host, or nearly: no user, no port, no query.
    if let Some(c) = bucket.chars().find(|&c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.' | '_')) {
        return Err(unusable(text, format!("`{c}` in the bucket's name")));
    }
    let bucket =
        Url::parse(&format!("{scheme}://{bucket}")).map_err(|error| unusable(text, error.to_string()))?;
    Ok((bucket, key))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_objects_are_read_and_printed() {
        for (text, printed, address) in [
            ("results", "results", "results/a/b"),
            ("file:///var/results", "/var/results", "/var/results/a/b"),
            ("s3://bucket", "s3://bucket/", "s3://bucket/a/b"),
            ("s3://bucket/team/x/", "s3://bucket/team/x", "s3://bucket/team/x/a/b"),
            ("gs://b.example", "gs://b.example/", "gs://b.example/a/b"),
        ] {
            let location = Location::parse(text).unwrap();
            assert_eq!(
                (location.to_string(), location.address("a/b")),
                (printed.to_owned(), address.to_owned())
            );
        }
        for (text, part) in [
            ("", "found nothing"),
            ("s3://", "found no bucket"),
            ("s3:///key", "found no bucket"),
            ("ftp://host/x", "found the scheme `ftp`"),
            ("s3:bucket/x", "found `s3:` without `//`"),
            ("gs:/bucket/x", "found `gs:` without `//`"),
            ("file://var/results", "found no whole path"),
            ("s3://user:secret@bucket/x", "found `:` in the bucket's name"),
            ("s3://bucket/a/../b", "found"),
        ] {
            let error = Location::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let (location, key) = Location::of_object("s3://bucket/a/{tag}.json").unwrap().unwrap();
        assert_eq!((location.to_string(), key.as_str()), ("s3://bucket/".to_owned(), "a/{tag}.json"));
        assert!(Location::of_object("a/b.json").unwrap().is_none());
        assert!(Location::of_object("https://a/b").unwrap().is_none());
        assert!(Location::of_object("s3://").is_err());
        assert!(Location::of_object("s3:bucket/a.json").is_err());
        assert!(Location::of_object("./s3:bucket/a.json").unwrap().is_none());
    }
}
