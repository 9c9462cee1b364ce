//! Scans that were stored: JSON reports.

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::Context as _;
use plimsoll_model::Scan;
use plimsoll_report::StoredScan;

use crate::exit::{Exit, Failure};

/// Reads a JSON report of ours, or of Trivy; `-` is stdin.
pub(crate) fn read(path: &Path) -> Result<Scan, Failure> {
    read_whole(path).map(|stored| stored.scan)
}

/// The same, with what the report says of itself.
pub(crate) fn read_whole(path: &Path) -> Result<StoredScan, Failure> {
    let failure = |error: anyhow::Error| Failure::new(Exit::Usage, error);
    if path == Path::new("-") {
        return plimsoll_report::read_scan(&mut io::stdin().lock(), "stdin")
            .map_err(|error| failure(error.into()));
    }
    let name = path.display().to_string();
    let mut file =
        File::open(path).with_context(|| format!("cannot read the report `{name}`")).map_err(failure)?;
    plimsoll_report::read_scan(&mut file, &name).map_err(|error| failure(error.into()))
}
