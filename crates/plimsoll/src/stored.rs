//! Scans that were stored: JSON reports.

use std::fs::File;
use std::path::Path;

use anyhow::Context as _;
use plimsoll_model::Scan;

use crate::exit::{Exit, Failure};

/// Reads a JSON report of ours, or of Trivy.
pub(crate) fn read(path: &Path) -> Result<Scan, Failure> {
    let name = path.display().to_string();
    let failure = |error: anyhow::Error| Failure::new(Exit::Usage, error);
    let mut file =
        File::open(path).with_context(|| format!("cannot read the report `{name}`")).map_err(failure)?;
    let stored = plimsoll_report::read_scan(&mut file, &name).map_err(|error| failure(error.into()))?;
    Ok(stored.scan)
}
