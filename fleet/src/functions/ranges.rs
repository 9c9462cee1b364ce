//! Affected versions as one text (until the matcher reads them itself).

use plimsoll_model::Ecosystem;
use plimsoll_version::{Affectedness, Event, EventKind, affectedness_of_text};

/// Affected versions, read.
pub(super) struct Ranges {
    ecosystem: Ecosystem,
    ranges: Vec<Vec<(EventKind, String)>>,
    versions: Vec<String>,
}

impl Ranges {
    pub(super) fn parse(ecosystem: Ecosystem, text: &str) -> Result<Self, ()> {
        let mut read = Self { ecosystem, ranges: Vec::new(), versions: Vec::new() };
        for alternative in text.split('|') {
            let mut events = Vec::new();
            for item in alternative.split(',').map(str::trim) {
                let (kind, version) =
                    [(">=", EventKind::Introduced), ("<=", EventKind::LastAffected), ("<", EventKind::Fixed)]
                        .into_iter()
                        .find_map(|(sign, kind)| item.strip_prefix(sign).map(|version| (Some(kind), version)))
                        .or_else(|| item.strip_prefix('=').map(|version| (None, version)))
                        .ok_or(())?;
                match kind {
                    Some(kind) => events.push((kind, version.to_owned())),
                    None => read.versions.push(version.to_owned()),
                }
            }
            read.ranges.push(events);
        }
        Ok(read)
    }

    pub(super) fn affects(&self, version: &str) -> Option<bool> {
        let ranges: Vec<Vec<Event<'_>>> = self
            .ranges
            .iter()
            .map(|range| range.iter().map(|(kind, version)| Event { kind: *kind, version }).collect())
            .collect();
        let ranges: Vec<&[Event<'_>]> = ranges.iter().map(Vec::as_slice).collect();
        let versions: Vec<&str> = self.versions.iter().map(String::as_str).collect();
        match affectedness_of_text(self.ecosystem.scheme(), version, &ranges, &versions) {
            Affectedness::Affected { .. } => Some(true),
            Affectedness::NotAffected => Some(false),
            Affectedness::Undetermined { .. } => None,
        }
    }
}
