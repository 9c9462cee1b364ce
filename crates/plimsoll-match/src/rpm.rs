//! What is peculiar to RPM distributions: modules, and records that name several builds of one fix.
//!
//! A module of `AppStream` is built once for each context, so one record lists several fixed builds of one package
//! (`1.10.1-2.module_el8.10.0+4016+efd18bf8`, `…+3909+6e1c1eb7`), which all hold the fix though RPM orders them.
//! The rule, within one record and one package name:
//!
//! 1. A fix whose release bears `.module` speaks of modular builds alone, any other fix of the rest.
//! 2. Of the fixes with the installed upstream version (epoch and version, without release) the lowest counts.
//! 3. Where there is none, the package is affected if it is lower than any of the fixes.
//! 4. A record whose title names another stream of the installed module (`nodejs:18`) does not speak of it.

use std::cmp::Ordering;

use plimsoll_model::{AffectedRange, EventKind};
use plimsoll_version::{Scheme, Version, compare};

/// Whether a version was built as part of a module.
pub(crate) fn is_modular(version: &str) -> bool {
    version.contains(".module")
}

/// The ranges of one record that decide about an installed version, by rules 1 to 3.
pub(crate) fn deciding<'a>(
    installed: &Version,
    modular: bool,
    ranges: impl Iterator<Item = &'a AffectedRange>,
) -> Vec<&'a AffectedRange> {
    let applying: Vec<&AffectedRange> =
        ranges.filter(|range| fix(range).is_none_or(|fix| is_modular(fix) == modular)).collect();
    let lowest = applying
        .iter()
        .copied()
        .filter(|range| fix(range).is_some_and(|fix| upstream(fix) == upstream(installed.as_str())))
        .reduce(|lowest, range| if lower(range, lowest) { range } else { lowest });
    let Some(lowest) = lowest else { return applying };
    applying.into_iter().filter(|range| fix(range).is_none() || std::ptr::eq(*range, lowest)).collect()
}

/// Whether a record's title names another stream of the module that a package is of: the label
/// `nodejs:18:8060020220523160029:ad008a3a` against `Important: nodejs:20 security update`.
pub(crate) fn names_another_stream(title: &str, label: &str) -> bool {
    let mut parts = label.split(':');
    let (Some(module), Some(stream)) = (parts.next(), parts.next()) else { return false };
    let streams = title
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')'))
        .filter_map(|word| word.split_once(':'))
        .filter(|(name, named)| *name == module && !named.is_empty())
        .map(|(_, named)| named);
    let mut named = streams.peekable();
    named.peek().is_some() && named.all(|named| named != stream)
}

/// The lowest build that a version without its release may be: `1:1.2-0` for `1:1.2`. `None` for one that has it.
pub(crate) fn lowest_build(version: &str) -> Option<String> {
    let bare = version.strip_suffix('-').unwrap_or(version);
    (!bare.contains('-')).then(|| format!("{bare}-0"))
}

fn fix(range: &AffectedRange) -> Option<&str> {
    let mut fixed = range.events.iter().filter(|event| event.kind == EventKind::Fixed);
    fixed.next_back().map(|event| event.version.as_str())
}

/// Epoch and version: `("0", "1.10.1")` of `1.10.1-2.el9`. RPM takes a missing epoch for 0.
fn upstream(version: &str) -> (&str, &str) {
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    (epoch, rest.split_once('-').map_or(rest, |(version, _)| version))
}

fn lower(range: &AffectedRange, than: &AffectedRange) -> bool {
    let (Some(fix), Some(other)) = (fix(range), fix(than)) else { return false };
    compare(Scheme::Rpm, fix, other).is_ok_and(|order| order == Ordering::Less)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_that_names_another_stream_speaks_of_another_module() {
        let label = "nodejs:18:8060020220523160029:ad008a3a";
        for (title, another) in [
            ("Important: nodejs:20 security update", true),
            ("Important: nodejs:18 security update", false),
            ("Moderate: nodejs security update", false),
            ("Moderate: virt:rhel, nodejs:16 and nodejs:18 security update", false),
            ("Important: postgresql:13 security update", false),
            ("", false),
        ] {
            assert_eq!(names_another_stream(title, label), another, "{title}");
        }
        assert!(!names_another_stream("Important: nodejs:20 security update", ""));
        assert!(!names_another_stream("Important: nodejs:20 security update", "nodejs"));
    }

    #[test]
    fn a_version_without_its_release_may_be_any_build() {
        for (version, lowest) in
            [("1.2", Some("1.2-0")), ("1:1.2", Some("1:1.2-0")), ("1.2-", Some("1.2-0")), ("1.2-3.el9", None)]
        {
            assert_eq!(lowest_build(version).as_deref(), lowest, "{version}");
        }
    }

    #[test]
    fn a_missing_epoch_is_zero() {
        assert_eq!(upstream("1.10.1-2.el9"), upstream("0:1.10.1-3.el9"));
        assert_ne!(upstream("2:1.10.1-2.el9"), upstream("1.10.1-2.el9"));
    }
}
