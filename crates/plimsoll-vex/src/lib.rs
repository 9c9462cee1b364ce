//! VEX: what somebody says of a flaw in a product. Documents are read, judged against findings, and written.
//!
//! [`read()`] takes OpenVEX, CSAF 2.0 and CycloneDX to one [`Document`]; [`judge`] says which [`Statement`] holds for
//! which finding, which contradict each other, and why the others hold for none; [`openvex`] writes statements, and
//! [`append`] adds them to a document. The rules of matching and precedence are those of [`judge`].
//!
//! It reads no file, no clock and no environment, checks no signature, and drops no finding: the gate does, and says so.
//!
//! ```
//! use plimsoll_model::{Package, PackageKind};
//!
//! let document = plimsoll_vex::read(
//!     br#"{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://acme.example/vex/1", "author": "acme",
//!         "timestamp": "2025-01-31T12:00:00Z", "version": 1, "statements": [{
//!             "vulnerability": {"name": "CVE-2021-44228"}, "products": [{"@id": "pkg:npm/app"}],
//!             "status": "not_affected", "justification": "vulnerable_code_not_present"}]}"#,
//!     "app.json",
//! )?;
//! let packages = [Package::new(PackageKind::Npm, "app", "1.0.0", "npm")];
//! let judged = plimsoll_vex::judge(&[document], &plimsoll_vex::Subject::default(), &packages, &[]);
//! let unused = judged.uses[0].nearest_miss.as_deref();
//! assert_eq!(unused, Some("`pkg:npm/app@1.0.0` is here, and has no finding `CVE-2021-44228`"));
//! # Ok::<(), plimsoll_vex::Error>(())
//! ```

mod compare;
mod csaf;
mod cyclonedx;
mod document;
mod error;
mod image;
mod json;
mod judge;
mod limits;
mod openvex;
mod precedence;
mod range;
mod read;
mod scene;
mod write;

pub use document::{Component, Document, Format, Justification, Problem, Product, Statement, Status};
pub use error::Error;
pub use image::Subject;
pub use judge::{Conflict, Judged, Ruling, StatementIndex, Use, judge};
pub use limits::{MAX_PRODUCTS, MAX_STATEMENTS};
pub use read::{MAX_DOCUMENT_BYTES, read};
pub use write::{Header, append, openvex};
