//! What could not be read.

use serde::{Deserialize, Serialize};

/// Something of an image that could not be read, parsed or compared. Gaps stand in every report.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    /// The file in the image, relative to its root, as in `var/lib/dpkg/status`; empty where the gap is not of
    /// one file.
    pub path: String,
    /// Where in the file, as in `lines 12-15` or `entry BOOT-INF/lib/a.jar`; empty for the whole of it.
    pub place: String,
    /// Diff ID of the layer, where it is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff_id: Option<String>,
    /// Who met it: a cataloger's name, `layers` or `match`.
    pub reporter: String,
    /// What was expected, and what was found.
    pub reason: String,
}
