//! Whether one record's entries hold for one version.

use std::borrow::Cow;

use plimsoll_model::{Affected, AffectedRange, Ecosystem};
use plimsoll_version::{Affectedness, Event, Scheme, Version, affectedness};

use crate::rpm;

/// Decides about `version` by the entries of *one* record for *one* name in *one* namespace; the scheme is that of
/// the ecosystem.
///
/// `module` is the RPM modularity label, where the package has one.
pub(crate) fn judge(
    ecosystem: Ecosystem,
    version: &str,
    module: Option<&str>,
    entries: &[Affected],
) -> Affectedness {
    let installed = comparable(ecosystem, version);
    if installed.is_empty() {
        return Affectedness::Undetermined { reason: "no version".to_owned() };
    }
    match Version::parse(ecosystem.scheme(), &installed) {
        Ok(parsed) if ecosystem.scheme() == Scheme::Rpm => {
            let modular = rpm::is_modular(version) || module.is_some_and(|label| !label.is_empty());
            let judge_as = |version: &Version| {
                let ranges = entries.iter().flat_map(|entry| &entry.ranges);
                let ranges = ranges.filter(|range| rpm::is_of_build(ecosystem, version.as_str(), range));
                within(version, rpm::deciding(version, modular, ranges).into_iter(), entries)
            };
            match (judge_as(&parsed), rpm::lowest_build(&installed)) {
                (Affectedness::NotAffected, Some(lowest))
                    if Version::parse(Scheme::Rpm, &lowest)
                        .is_ok_and(|lowest| judge_as(&lowest) != Affectedness::NotAffected) =>
                {
                    Affectedness::Undetermined { reason: format!("no release behind version `{installed}`") }
                }
                (judged, _) => judged,
            }
        }
        Ok(parsed) => within(&parsed, entries.iter().flat_map(|entry| &entry.ranges), entries),
        // What cannot be ordered can still be listed by its very text.
        Err(_) if entries.iter().any(|entry| entry.versions.iter().any(|listed| *listed == *installed)) => {
            Affectedness::Affected { fixed: None, range: format!("={installed}") }
        }
        Err(why) => Affectedness::Undetermined { reason: why.to_string() },
    }
}

/// The version as advisories write it. Bitnami's packages bear a revision of the packaging behind the version,
/// `1.25.3-4`, which its advisories leave out and `SemVer` would take for a pre-release.
pub(crate) fn comparable(ecosystem: Ecosystem, version: &str) -> Cow<'_, str> {
    if ecosystem == Ecosystem::Bitnami
        && let Some((upstream, revision)) = version.rsplit_once('-')
        && !revision.is_empty()
        && revision.bytes().all(|b| b.is_ascii_digit())
    {
        return Cow::Borrowed(upstream);
    }
    Cow::Borrowed(version)
}

fn within<'a>(
    installed: &Version,
    ranges: impl Iterator<Item = &'a AffectedRange>,
    entries: &[Affected],
) -> Affectedness {
    let ranges: Vec<Vec<Event<'_>>> = ranges
        .map(|range| {
            range.events.iter().map(|event| Event { kind: event.kind, version: &event.version }).collect()
        })
        .collect();
    let ranges: Vec<&[Event<'_>]> = ranges.iter().map(Vec::as_slice).collect();
    let versions: Vec<&str> = entries.iter().flat_map(|entry| &entry.versions).map(String::as_str).collect();
    affectedness(installed, &ranges, &versions)
}
