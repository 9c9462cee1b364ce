//! Why an image could not be cataloged.

use std::io;
use std::path::PathBuf;

use plimsoll_archive::TarError;

/// Why an image, or a folder, could not be cataloged at all. Bad bytes inside it are no error but gaps.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source of the image failed: the registry, the socket, the disk.
    #[error("cannot read {what}")]
    Source {
        /// What was read: layer `sha256:…`, the image.
        what: String,
        /// The failure; it may hold an error of `plimsoll-oci`.
        #[source]
        source: io::Error,
    },
    /// A layer is not what the image's config says.
    #[error("cannot use layer {index} of the image: expected diff ID `{expected}`, found `{found}`")]
    DiffId {
        /// Its place, 0 is the base.
        index: usize,
        /// What the config says.
        expected: String,
        /// What the bytes have.
        found: String,
    },
    /// The stream ended without a layer that the image's config names.
    #[error(
        "cannot find layer `{diff_id}` in the image's stream: expected every layer of its config, found {found} others"
    )]
    MissingLayer {
        /// The layer.
        diff_id: String,
        /// Number of layers that were found.
        found: usize,
    },
    /// The layers hold more than is kept in memory.
    #[error(
        "cannot catalog the image: expected results of its layers of at most {limit_bytes} bytes together, found more"
    )]
    TooMuch {
        /// The bound, [`crate::Limits::image_result_bytes`].
        limit_bytes: u64,
    },
    /// A folder, or the place for large files, cannot be read or written.
    #[error("cannot {action} `{}`", path.display())]
    Disk {
        /// `read`, `write`.
        action: &'static str,
        /// The place.
        path: PathBuf,
        /// The failure.
        #[source]
        source: io::Error,
    },
}

/// Why the walk of a layer stopped before its end, where that is the fault of its bytes: text for a gap.
pub(crate) fn tar_reason(error: &TarError) -> String {
    match error {
        TarError::Io { offset, source } => {
            format!(
                "expected a layer that can be decompressed, found damage behind byte {offset}: {source}; the rest of the layer was not read"
            )
        }
        TarError::Truncated { .. } | TarError::Header { .. } => {
            format!("{error}; the rest of the layer was not read")
        }
    }
}
