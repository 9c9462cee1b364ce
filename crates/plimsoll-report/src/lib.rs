//! Report formats, one file each behind one seam, [`ReportFormat`], listed in [`FORMATS`]: a [`table`](write_table) for
//! people, a [JSON report](write_json) that is a superset of Trivy's, SARIF, JUnit, GitLab's and GitHub's, SBOMs, VEX and
//! more; a user's own [`Template`]; [why a flaw holds](write_explanation), for people; and the way back: [`read_sbom`], from
//! CycloneDX and SPDX to an inventory, and [`read_scan`], from the JSON report to the scan.
//!
//! Every writer is a function of its arguments: no clock, no random number, no environment. A report therefore has
//! the same bytes for the same image, database and configuration. Nothing is left out in silence: gaps and what could
//! not be decided stand in every format, and a table that shortens a list says by how much. Names and titles come
//! from images and advisories and are hostile: the table escapes what would steer a terminal.
//!
//! Deliberately absent: deciding anything (that is `plimsoll-gate`), and colours by themselves (the caller knows
//! whether there is a terminal).
//!
//! ```
//! use plimsoll_model::{Inventory, Package, PackageKind};
//! use plimsoll_report::{read_sbom, write_cyclonedx};
//!
//! let mut inventory = Inventory::default();
//! inventory.packages.push(Package::new(PackageKind::PyPi, "PyYAML", "5.3.1", "python"));
//! let mut document = Vec::new();
//! write_cyclonedx(&inventory, &mut document)?;
//! assert_eq!(read_sbom(&mut document.as_slice(), "app.cdx.json")?.packages, inventory.packages);
//! # Ok::<(), plimsoll_report::Error>(())
//! ```

#![allow(clippy::doc_markdown, reason = "CycloneDX, OpenVEX, GitHub and BuildKit are names, not code")]

mod asff;
mod code_quality;
mod cosign_vuln;
mod csv;
mod cyclonedx;
mod diff;
mod error;
mod explanation;
mod facts;
mod format;
mod github_snapshot;
mod gitlab;
mod html;
mod json;
mod judgement;
mod junit;
mod markdown;
mod openvex;
mod read;
mod safe_json;
#[cfg(test)]
mod sample;
mod sarif;
mod spdx;
mod table;
mod targets;
mod template;
mod terminal;
mod version_parts;
mod xml;

pub use cosign_vuln::{VulnContext, cosign_vuln_predicate};
pub use cyclonedx::write_cyclonedx;
pub use diff::{DIFF_FORMATS, DiffFormat, DiffReport};
pub use error::Error;
pub use explanation::{status_words, write_explanation};
pub use format::{AwsAccount, FORMATS, GithubCommit, Report, ReportFormat, format_named};
pub use json::write_json;
pub use read::{
    MAX_REPORT_BYTES, MAX_SBOM_BYTES, StoredScan, Writer, os_from_purl, package_from_purl, read_sbom,
    read_scan,
};
pub use spdx::write_spdx;
pub use table::{TableOptions, write_table};
pub use template::{MAX_TEMPLATE_BYTES, Template};
pub use terminal::printable;

/// This crate's version, which stands in reports as the tool's.
const VERSION: &str = env!("CARGO_PKG_VERSION");
