//! The distribution release of an image.

use serde::{Deserialize, Serialize};

/// What the image says its operating system is.
///
/// Source: freedesktop.org `os-release(5)`, or the family's own file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OsRelease {
    /// `ID`, lower case: `debian`, `alpine`, `almalinux`.
    pub id: String,
    /// `VERSION_ID`: `11`, `3.18.4`, `9.2`. Empty where there is none (Debian sid).
    pub version_id: String,
    /// `ID_LIKE`, split at blanks.
    pub id_like: Vec<String>,
    /// `PRETTY_NAME`, for people.
    pub pretty_name: String,
    /// `VERSION_CODENAME`: `bullseye`.
    pub codename: String,
    /// The file it was read from: `etc/os-release`.
    pub path: String,
}
