//! Scans that were stored: JSON reports, ours and Trivy's.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::Context as _;
use plimsoll_diff::Packages;
use plimsoll_model::Scan;
use plimsoll_oci::Target;
use plimsoll_report::{StoredScan, Writer};

use crate::exit::{Exit, Failure};
use crate::target::single_file;

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

/// A scan to compare with.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) scan: Scan,
    /// Which packages it lists.
    pub(crate) packages: Packages,
}

/// The report that `text` names; `None` where it names something that is to be scanned.
///
/// Every file is taken for a report that is not an archive, a bill of materials, or what a cataloger reads by its name. So
/// a damaged report is an error, and never an image of that name.
pub(crate) fn named(text: &str) -> Result<Option<Stored>, Failure> {
    let path = Path::new(text);
    if !path.is_file() || single_file(text).is_some() || text.parse::<Target>().is_ok() {
        return Ok(None);
    }
    let hint = "make one with `plimsoll scan IMAGE --format json --output FILE`";
    read_listed(path).map(Some).map_err(|failure| failure.hint(hint))
}

/// Reads a report to compare with.
pub(crate) fn read_listed(path: &Path) -> Result<Stored, Failure> {
    let stored = read_whole(path)?;
    let packages = match stored.writer {
        Writer::Plimsoll => Packages::All,
        Writer::Trivy => listed(&stored.scan),
    };
    Ok(Stored { scan: stored.scan, packages })
}

/// Which packages a report of Trivy's lists: without `--list-all-pkgs` those with findings, and no other.
fn listed(scan: &Scan) -> Packages {
    let suppressed = scan.suppressed.iter().map(|suppressed| &suppressed.finding);
    let with_findings: BTreeSet<usize> =
        scan.findings.iter().chain(suppressed).flat_map(|finding| finding.packages.iter().copied()).collect();
    if with_findings.len() < scan.inventory.packages.len() { Packages::All } else { Packages::WithFindings }
}
