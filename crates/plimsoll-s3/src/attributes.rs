//! What S3 keeps of an object beside its bytes, in an object of its own out of sight.

use std::collections::BTreeMap;

use object_store::ObjectMeta;
use serde::{Deserialize, Serialize};

use crate::digest::{Algorithm, Sums, hex, md5_hex};
use crate::refusal::Refusal;

/// Most bytes of user metadata, names and values together.
///
/// Source: Amazon S3 User Guide, "Working with object metadata".
const MAX_METADATA_BYTES: usize = 2048;
/// Most tags of an object.
const MAX_TAGS: usize = 10;
/// Most characters of a tag's name.
const MAX_TAG_NAME: usize = 128;
/// Most characters of a tag's value.
const MAX_TAG_VALUE: usize = 256;

/// Headers that are given back as they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Headers {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cache_control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_language: Option<String>,
    /// As HTTP writes a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<String>,
    /// `x-amz-meta-…`, without the prefix.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Headers {
    /// # Errors
    /// `MetadataTooLarge`.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let bytes: usize = self.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MAX_METADATA_BYTES { Err(Refusal::metadata_too_large()) } else { Ok(()) }
    }
}

/// A part that a multipart upload left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartSize {
    pub(crate) number: u32,
    pub(crate) bytes: u64,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Attributes {
    /// Which bytes it is about: the entity tag that the store below gives them, and their length. If they have others,
    /// somebody else has put them there, and nothing here holds.
    pub(crate) data: String,
    pub(crate) bytes: u64,
    /// S3's entity tag, without quotes: MD5 in hexadecimal, and `-N` if it came in N parts.
    pub(crate) e_tag: String,
    pub(crate) headers: Headers,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<(String, String)>,
    /// By [`Algorithm::name`], in base64, with `-N` where they are of parts' checksums.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) checksums: BTreeMap<String, String>,
    /// Whether the checksums are of the parts' checksums.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) composite: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<PartSize>,
}

impl Attributes {
    pub(crate) fn new(headers: Headers, tags: Vec<(String, String)>) -> Attributes {
        Attributes { headers, tags, ..Attributes::default() }
    }

    /// Of bytes that came as a whole.
    pub(crate) fn summed(mut self, sums: &Sums) -> Attributes {
        self.e_tag = hex(&sums.md5);
        self.checksums = sums
            .checksums
            .iter()
            .map(|(algorithm, text)| (algorithm.name().to_owned(), text.clone()))
            .collect();
        self
    }

    pub(crate) fn checksum(&self, algorithm: Algorithm) -> Option<&str> {
        self.checksums.get(algorithm.name()).map(String::as_str)
    }

    /// Whether they are of these bytes.
    pub(crate) fn are_of(&self, meta: &ObjectMeta) -> bool {
        self.bytes == meta.size && self.data == identity(meta)
    }

    pub(crate) fn tied_to(mut self, meta: &ObjectMeta) -> Attributes {
        self.data = identity(meta);
        self.bytes = meta.size;
        self
    }

    /// Of bytes that somebody else put there: their MD5 is not known, and the entity tag looks as one that is none.
    pub(crate) fn unknown(meta: &ObjectMeta) -> Attributes {
        let e_tag = format!("{}-1", md5_hex(identity(meta).as_bytes()));
        Attributes { e_tag, ..Attributes::default() }.tied_to(meta)
    }
}

/// What tells bytes of a place from those that were there before.
fn identity(meta: &ObjectMeta) -> String {
    match &meta.e_tag {
        Some(e_tag) => e_tag.clone(),
        None => format!("{}-{}", meta.last_modified.timestamp_micros(), meta.size),
    }
}

/// Tags as `x-amz-tagging` has them: `team=a&stage=b%20c`.
///
/// # Errors
/// `InvalidArgument` or `InvalidTag`.
pub(crate) fn parse_tags(text: &str) -> Result<Vec<(String, String)>, Refusal> {
    let decode = |text: &str| {
        percent_decoded(&text.replace('+', " ")).ok_or_else(|| {
            Refusal::argument("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded.")
        })
    };
    let mut tags = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        tags.push((decode(name)?, decode(value)?));
    }
    check_tags(&tags)?;
    Ok(tags)
}

/// # Errors
/// `InvalidTag`, or `BadRequest` for too many.
pub(crate) fn check_tags(tags: &[(String, String)]) -> Result<(), Refusal> {
    if tags.len() > MAX_TAGS {
        return Err(Refusal::new("BadRequest", 400, "Object tags cannot be greater than 10"));
    }
    for (number, (name, value)) in tags.iter().enumerate() {
        if name.is_empty() || name.chars().count() > MAX_TAG_NAME {
            return Err(Refusal::new("InvalidTag", 400, "The TagKey you have provided is invalid"));
        }
        if value.chars().count() > MAX_TAG_VALUE {
            return Err(Refusal::new("InvalidTag", 400, "The TagValue you have provided is invalid"));
        }
        if tags[..number].iter().any(|(other, _)| other == name) {
            return Err(Refusal::new("InvalidTag", 400, "Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(())
}

/// `None` where a percent sign is not followed by two digits, or the bytes are no UTF-8.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = behind;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_and_checked() {
        let tags = |text| parse_tags(text).map_err(|refusal| refusal.code);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(tags("a=1&b+c=%C3%9F"), Ok(vec![pair("a", "1"), pair("b c", "ß")]));
        assert_eq!(tags(""), Ok(vec![]));
        assert_eq!(tags("a"), Ok(vec![pair("a", "")]));
        assert_eq!(tags("a=1&a=2"), Err("InvalidTag"));
        assert_eq!(tags("=1"), Err("InvalidTag"));
        assert_eq!(tags("a=%zz"), Err("InvalidArgument"));
        let many: Vec<String> = (0..11).map(|number| format!("k{number}=v")).collect();
        assert_eq!(tags(&many.join("&")), Err("BadRequest"));
    }

    #[test]
    fn attributes_hold_for_the_bytes_they_were_made_for() {
        let meta = |e_tag: &str, size| ObjectMeta {
            location: "a".into(),
            last_modified: std::time::SystemTime::UNIX_EPOCH.into(),
            size,
            e_tag: Some(e_tag.to_owned()),
            version: None,
        };
        let attributes = Attributes::default().tied_to(&meta("1", 2));
        assert!(attributes.are_of(&meta("1", 2)));
        assert!(!attributes.are_of(&meta("1", 3)));
        assert!(!attributes.are_of(&meta("2", 2)));
        assert!(Attributes::unknown(&meta("1", 2)).e_tag.ends_with("-1"));
    }
}
