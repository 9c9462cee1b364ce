//! CVSS vectors of versions 2.0, 3.0, 3.1 and 4.0, and the base scores computed from them.
//!
//! A thin, total layer over the `cvss` crate. It gives the *base* score: threat, temporal and environmental
//! metrics must be well formed and are then left aside, since they speak of a moment or a place that is not known
//! here. It refuses what no specification defines, and says what it expected.
//!
//! ```
//! let scored = plimsoll_cvss::score("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H")?;
//! assert_eq!(scored.score.to_string(), "10.0");
//! assert_eq!(scored.band(), plimsoll_cvss::Band::Critical);
//! # Ok::<(), plimsoll_cvss::InvalidVector>(())
//! ```

mod score;
mod vector;

pub use score::{Band, CvssScore, CvssVersion, Scored};
pub use vector::{InvalidVector, MAX_VECTOR_BYTES, score};
