//! What was scanned, and with what.

use std::fmt::Write as _;

use plimsoll_model::{Artifact, ArtifactKind, Finding, OsRelease, Scan};

use super::paint::Style;
use super::{Page, counted, short};
use crate::terminal::printable;

/// Malicious packages that are named; the others are counted.
const MAX_MALICIOUS: usize = 10;

pub(super) fn write(scan: &Scan, page: &mut Page) {
    let artifact = &scan.inventory.artifact;
    page.paragraph(Style::Bold, 0, &printable(&name(artifact)));
    let mut facts = Vec::new();
    match artifact.kind {
        ArtifactKind::ContainerImage => facts.extend(artifact.platform.as_ref().map(ToString::to_string)),
        ArtifactKind::Filesystem => facts.push("folder".to_owned()),
        ArtifactKind::Sbom => facts.push("bill of materials".to_owned()),
    }
    facts.extend(scan.inventory.os.as_ref().map(system));
    facts.push(counted(scan.inventory.packages.len(), "package"));
    if !artifact.layers.is_empty() {
        facts.push(counted(artifact.layers.len(), "layer"));
    }
    page.paragraph(Style::Plain, 2, &printable(&facts.join(", ")));
    // The digest stands in full, to be copied into `name@sha256:…`. With these labels it fits in 80 columns.
    if !artifact.manifest_digest.is_empty() {
        page.paragraph(Style::Faint, 2, &printable(&format!("digest {}", artifact.manifest_digest)));
    } else if !artifact.config_digest.is_empty() {
        page.paragraph(Style::Faint, 2, &printable(&format!("config {}", artifact.config_digest)));
    }
    let database = &scan.database;
    if database.digest.is_empty() {
        page.paragraph(Style::Warning, 2, "no advisory database was asked");
    } else {
        let mut text = format!(
            "database {}, {}",
            short(&database.digest),
            counted(usize::try_from(database.advisories).unwrap_or(usize::MAX), "advisory"),
        );
        match day(&database.newest_advisory) {
            "" => text.push_str(" without a date"),
            day => {
                let _ = write!(text, ", newest {day}");
            }
        }
        page.paragraph(Style::Faint, 2, &printable(&text));
    }
    if scan.inventory.packages.is_empty() {
        page.gap();
        let text =
            "warning: no package was found here, so nothing could be judged; that is not the same as clean";
        page.paragraph(Style::Warning, 0, text);
    }
    malicious(scan, page);
    page.gap();
}

/// Packages that are themselves an attack, before all else.
fn malicious(scan: &Scan, page: &mut Page) {
    let findings: Vec<&Finding> = scan.findings.iter().filter(|finding| finding.malicious).collect();
    if findings.is_empty() {
        return;
    }
    page.gap();
    for finding in findings.iter().take(MAX_MALICIOUS) {
        let package = finding.packages.first().and_then(|&index| scan.inventory.packages.get(index));
        let package = package.map_or_else(
            || "a package".to_owned(),
            |package| format!("{} {}", package.name, package.version).trim_end().to_owned(),
        );
        let text = format!("MALICIOUS: {package} is itself the attack ({})", finding.id);
        page.paragraph(Style::Bad, 0, &printable(&text));
    }
    if findings.len() > MAX_MALICIOUS {
        let more = counted(findings.len() - MAX_MALICIOUS, "more malicious package");
        page.paragraph(Style::Bad, 0, &format!("and {more}"));
    }
}

/// What was typed; for an archive or a layout with the name that the image has there.
fn name(artifact: &Artifact) -> String {
    let typed = &artifact.name;
    match artifact.repo_tags.as_slice() {
        [] => typed.clone(),
        tags if tags.iter().any(|tag| typed.ends_with(tag.as_str())) => typed.clone(),
        [tag] => format!("{typed} ({tag})"),
        [tag, more @ ..] => format!("{typed} ({tag} and {})", counted(more.len(), "more name")),
    }
}

/// The distribution in its own words.
pub(crate) fn system(os: &OsRelease) -> String {
    if os.pretty_name.is_empty() { super::label::system(os) } else { os.pretty_name.clone() }
}

/// The day of an RFC 3339 time; a text that is none as it is.
pub(super) fn day(time: &str) -> &str {
    time.split_once('T').map_or(time, |(day, _)| day)
}
