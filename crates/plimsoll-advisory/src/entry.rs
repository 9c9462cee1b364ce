//! What a distribution's tracker says of one package, in the terms of the model.

use plimsoll_model::{Affected, AffectedRange, AffectedStatus, Namespace, Reference};
use plimsoll_version::{Scheme, Version};

use crate::erratum::range;

/// Longest remark on a status, in bytes.
const MAX_NOTE_BYTES: usize = 200;

/// A package whose every version is in range: affected without a fix, not affected, or not judged, as `status` says.
pub(crate) fn all_versions(namespace: Namespace, name: &str, status: AffectedStatus) -> Affected {
    Affected { ranges: vec![range("0", None)], status, ..Affected::new(namespace, name.to_owned()) }
}

/// A package that is affected before `version`, end not included.
pub(crate) fn fixed_in(namespace: Namespace, name: &str, version: &str) -> Affected {
    Affected { ranges: vec![range("0", Some(version))], ..Affected::new(namespace, name.to_owned()) }
}

/// All that is said of one flaw in one package.
#[derive(Default)]
pub(crate) struct PackageFixes {
    /// Versions that a fix came with.
    pub(crate) versions: Vec<String>,
    /// Whether it is said to be affected, with no fix.
    pub(crate) open: bool,
    /// Whether it is said that it never was affected.
    pub(crate) never: bool,
}

impl PackageFixes {
    /// The package's entry: a fix counts more than a word on all versions, and "affected" more than "never".
    pub(crate) fn affected(&self, namespace: &Namespace, name: &str) -> Option<Affected> {
        if !self.versions.is_empty() {
            let ranges = ranges_to_last_fix(namespace.ecosystem.scheme(), &self.versions);
            return Some(Affected { ranges, ..Affected::new(namespace.clone(), name.to_owned()) });
        }
        let status = match (self.open, self.never) {
            (true, _) => AffectedStatus::Affected,
            (false, true) => AffectedStatus::NotAffected,
            (false, false) => return None,
        };
        Some(all_versions(namespace.clone(), name, status))
    }
}

/// Of several versions that one flaw was fixed in, the last: where a first fix did not hold, a package between the two
/// is still affected. Versions that do not parse are kept beside it, each a range of its own, which makes what they
/// decide about undetermined and not safe.
fn ranges_to_last_fix(scheme: Scheme, versions: &[impl AsRef<str>]) -> Vec<AffectedRange> {
    let mut last: Option<Version> = None;
    let mut unreadable: Vec<&str> = Vec::new();
    for version in versions.iter().map(AsRef::as_ref) {
        match Version::parse(scheme, version) {
            Ok(version) if last.as_ref().is_none_or(|last| version.cmp(last).is_gt()) => last = Some(version),
            Ok(_) => {}
            Err(_) if unreadable.contains(&version) => {}
            Err(_) => unreadable.push(version),
        }
    }
    last.iter().map(Version::as_str).chain(unreadable).map(|fix| range("0", Some(fix))).collect()
}

/// A remark on one line, without control characters, of at most [`MAX_NOTE_BYTES`].
pub(crate) fn note(text: &str) -> String {
    let mut out = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
        if out.len() > MAX_NOTE_BYTES {
            const MORE: &str = "…";
            out.truncate(out.floor_char_boundary(MAX_NOTE_BYTES - MORE.len()));
            out.push_str(MORE);
            break;
        }
    }
    out
}

/// A foreign text as a failure quotes it.
pub(crate) fn quoted(text: &str) -> String {
    const MAX_QUOTED_CHARS: usize = 60;
    let head: String = text.chars().take(MAX_QUOTED_CHARS).collect();
    format!("`{}`", head.escape_debug())
}

/// A link to the page of the advisory itself.
pub(crate) fn page(url: String) -> Reference {
    Reference { kind: "ADVISORY".to_owned(), url }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_fix_counts_whatever_the_order() {
        for (versions, expected) in [
            (&["1.2.10-r0", "1.2.9-r5"][..], &["1.2.10-r0"][..]),
            (&["1.2.9-r5", "1.2.10-r0", "1.2.10-r0"], &["1.2.10-r0"]),
            (&["next week", "1.0-r0", "next week"], &["1.0-r0", "next week"]),
            (&["next week"], &["next week"]),
            (&[], &[]),
        ] {
            let ranges = ranges_to_last_fix(Scheme::Apk, versions);
            let ends: Vec<&str> = ranges.iter().map(|range| range.events[1].version.as_str()).collect();
            assert_eq!(ends, expected, "{versions:?}");
        }
    }

    #[test]
    fn a_remark_is_one_short_line() {
        assert_eq!(note(" Minor\n\tissue\u{1b}[0m  "), "Minor issue [0m");
        assert_eq!(note(""), "");
        for long in ["word ".repeat(1000), "é".repeat(1000), format!("a{}", "é".repeat(1000))] {
            let note = note(&long);
            assert!(note.len() <= MAX_NOTE_BYTES && note.ends_with('…'), "{note}");
        }
        assert_eq!(note(&"x".repeat(MAX_NOTE_BYTES)).len(), MAX_NOTE_BYTES);
    }

    #[test]
    fn a_failure_quotes_a_little_and_nothing_that_steers() {
        assert_eq!(quoted("a\n"), r"`a\n`");
        assert_eq!(quoted(&"é".repeat(100)), format!("`{}`", "é".repeat(60)));
    }
}
