//! What the errata of RPM distributions have in common, whatever format they are published in.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::{Affected, AffectedEvent, AffectedRange, EventKind, Namespace};

use crate::text::instant;

/// Longest ID that is accepted, in bytes.
const MAX_ID_BYTES: usize = 256;

/// Longest name or version of a package that is accepted, in bytes.
const MAX_WORD_BYTES: usize = 512;

/// Whether a text can be an advisory's ID: 1 to 256 bytes without blanks.
pub(crate) fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_ID_BYTES
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// Whether a text is the ID of a CVE: `CVE-2024-3094`.
///
/// Source: CVE record format, `cveId`: a year of four digits, and a number of four to nineteen.
pub(crate) fn is_cve(text: &str) -> bool {
    let digits = |part: &str, least: usize, most: usize| {
        (least..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    text.strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(year, number)| digits(year, 4, 4) && digits(number, 4, 19))
}

/// An instant as errata write it: what [`instant`] takes, and besides `2024-01-02 03:04:05` and `2024-01-02 03:04`, both
/// UTC. Empty for what is none.
pub(crate) fn moment(text: &str) -> String {
    let text = text.trim().trim_end_matches(" UTC");
    match text.split_once(' ') {
        Some((day, time)) if time.len() == 5 => instant(&format!("{day}T{time}:00Z")),
        Some((day, time)) => instant(&format!("{day}T{time}Z")),
        None => instant(text),
    }
}

/// A title without the advisory's own ID before a colon, in one line: `Amazon Linux 2 - ALAS2-2024-1: important …` gives
/// `important …`.
pub(crate) fn summary(title: &str, id: &str) -> String {
    let own = title.find(id).map(|start| &title[start + id.len()..]);
    let rest = own.and_then(|rest| rest.strip_prefix(':')).unwrap_or(title);
    rest.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `epoch:version-release` as RPM writes it, an epoch of 0 left out; `None` for what is no version.
pub(crate) fn evr(epoch: &str, version: &str, release: &str) -> Option<String> {
    let part = |text: &str| is_word(text) && !text.contains([':', '-']);
    let epoch = epoch.trim_start_matches('0');
    let is_number = epoch.len() <= 10 && epoch.bytes().all(|byte| byte.is_ascii_digit());
    match (is_number && part(version) && part(release), epoch) {
        (false, _) => None,
        (true, "") => Some(format!("{version}-{release}")),
        (true, epoch) => Some(format!("{epoch}:{version}-{release}")),
    }
}

/// [`evr`] of a text in one piece: `0:9.07-31.el7_6.3` gives `9.07-31.el7_6.3`. A version without a release is kept.
pub(crate) fn evr_of(text: &str) -> Option<String> {
    let (epoch, rest) = text.split_once(':').unwrap_or(("", text));
    match rest.split_once('-') {
        Some((version, release)) => evr(epoch, version, release),
        None => evr(epoch, rest, "0").map(|evr| evr.trim_end_matches("-0").to_owned()),
    }
}

/// Whether a text can be a name or version: without blanks, and not endless.
pub(crate) fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_WORD_BYTES
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// `[introduced, fixed)`; from the very first version where `introduced` is `0`.
pub(crate) fn range(introduced: &str, fixed: Option<&str>) -> AffectedRange {
    let mut events = vec![AffectedEvent { kind: EventKind::Introduced, version: introduced.to_owned() }];
    let fixed = fixed.map(|fixed| AffectedEvent { kind: EventKind::Fixed, version: fixed.to_owned() });
    events.extend(fixed);
    AffectedRange { events }
}

/// The packages that one erratum fixes, each once whatever the number of its architectures, in the order of their names.
#[derive(Default)]
pub(crate) struct Fixes {
    packages: BTreeMap<Key, BTreeSet<(String, String)>>,
}

/// What makes an entry of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// [`Affected::namespace`].
    pub(crate) namespace: Namespace,
    /// [`Affected::name`].
    pub(crate) name: String,
    /// [`Affected::module`].
    pub(crate) module: String,
    /// [`Affected::note`].
    pub(crate) note: String,
}

impl Fixes {
    /// Adds `[introduced, fixed)` of a package.
    pub(crate) fn add(&mut self, key: Key, introduced: &str, fixed: String) {
        self.packages.entry(key).or_default().insert((fixed, introduced.to_owned()));
    }

    /// The entries. A package whose architectures were built differently has a range for each build.
    pub(crate) fn into_affected(self) -> Vec<Affected> {
        let entry = |(key, builds): (Key, BTreeSet<(String, String)>)| {
            let ranges = builds.iter().map(|(fixed, introduced)| range(introduced, Some(fixed))).collect();
            Affected { ranges, module: key.module, note: key.note, ..Affected::new(key.namespace, key.name) }
        };
        self.packages.into_iter().map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_of_zero_is_not_written() {
        for (epoch, version, release, expected) in [
            ("0", "7.55.1", "9.amzn2.0.1", Some("7.55.1-9.amzn2.0.1")),
            ("", "7.55.1", "9.amzn2.0.1", Some("7.55.1-9.amzn2.0.1")),
            ("1", "3.0.8", "1.amzn2023.0.10", Some("1:3.0.8-1.amzn2023.0.10")),
            ("x", "1", "1", None),
            ("99999999999", "1", "1", None),
            ("0", "", "1", None),
            ("0", "1", "", None),
            ("0", "1 2", "1", None),
            ("0", "1-2", "1", None),
        ] {
            assert_eq!(evr(epoch, version, release).as_deref(), expected, "{epoch}:{version}-{release}");
        }
        for (text, expected) in [
            ("0:9.07-31.el7_6.3", Some("9.07-31.el7_6.3")),
            ("1:1.1.1k-9.el8_7", Some("1:1.1.1k-9.el8_7")),
            ("9.07-31", Some("9.07-31")),
            ("2:8.0", Some("2:8.0")),
            ("", None),
            ("0:", None),
            ("a:b-c", None),
        ] {
            assert_eq!(evr_of(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn moments_are_brought_to_one_form() {
        for (given, expected) in [
            ("2018-02-20 19:28:00", "2018-02-20T19:28:00Z"),
            ("2018-02-20 19:28", "2018-02-20T19:28:00Z"),
            ("2018-02-20 19:28:00 UTC", "2018-02-20T19:28:00Z"),
            ("2018-02-20", "2018-02-20T00:00:00Z"),
            ("2018-02-20T19:28:00Z", "2018-02-20T19:28:00Z"),
            ("Tuesday", ""),
            ("1519154880", ""),
            ("", ""),
        ] {
            assert_eq!(moment(given), expected, "{given}");
        }
    }

    #[test]
    fn a_cve_has_a_year_and_a_number() {
        for (text, is) in [
            ("CVE-2024-3094", true),
            ("CVE-2024-1234567", true),
            ("CVE-2024-309", false),
            ("CVE-24-3094", false),
            ("cve-2024-3094", false),
            ("CVE-2024-", false),
            ("", false),
        ] {
            assert_eq!(is_cve(text), is, "{text}");
        }
    }

    #[test]
    fn a_summary_does_not_repeat_the_id() {
        for (title, id, expected) in [
            ("Amazon Linux 2 - ALAS2-2024-1: important update", "ALAS2-2024-1", "important update"),
            ("\nELSA-2007-0057:  Moderate: bind  update\n", "ELSA-2007-0057", "Moderate: bind update"),
            ("ALAS-10: ALAS-1 is older", "ALAS-1", "ALAS-10: ALAS-1 is older"),
            ("Important: kernel update", "RLSA-2024:1", "Important: kernel update"),
            ("", "X", ""),
        ] {
            assert_eq!(summary(title, id), expected);
        }
    }
}
