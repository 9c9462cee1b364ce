//! What is peculiar to RPM distributions: modules, rebuilt packages, and records that name several builds of one fix.
//!
//! A module of `AppStream` is built once for each context, so one record lists several fixed builds of one package
//! (`1.10.1-2.module_el8.10.0+4016+efd18bf8`, `…+3909+6e1c1eb7`), which all hold the fix though RPM orders them.
//! The rule, within one record and one package name:
//!
//! 1. A fix whose release bears `.module` speaks of modular builds alone, any other fix of the rest.
//! 2. Of the fixes with the installed upstream version (epoch and version, without release) the lowest counts.
//! 3. Where there is none, the package is affected if it is lower than any of the fixes.
//! 4. An entry that names a module stream (`nodejs:18`) speaks of packages of that stream alone. Where a record has
//!    one for the package's stream, its entries without a stream do not count: the more specific word is meant.
//! 5. A record without such an entry whose title names another stream of the installed module does not speak of it.
//! 6. That a package of a module is not affected must be said of its very stream; see [`may_deny`].
//!
//! Oracle builds some packages a second time under a mark in the release, `.ksplice` for fixes of a running program
//! and `_fips` for validated cryptography, with fixes of their own numbering. A fix with such a mark speaks of packages
//! with the same mark alone, any other fix of the rest.

use std::cmp::Ordering;

use plimsoll_model::{Affected, AffectedRange, Ecosystem, EventKind};
use plimsoll_version::{Scheme, Version, compare};

/// Whether a version was built as part of a module.
pub(crate) fn is_modular(version: &str) -> bool {
    version.contains(".module")
}

/// Marks of packages that Oracle builds a second time.
///
/// Source: releases of Oracle's errata, `2.28-151.0.1.ksplice2.el8`, `3.6.16-4.0.1.el8_fips`.
const ORACLE_MARKS: [&str; 2] = [".ksplice", "_fips"];

/// The entries of one record that speak of a package of this version and modularity label, by rule 4.
pub(crate) fn speaking(version: &str, label: Option<&str>, entries: Vec<Affected>) -> Vec<Affected> {
    let stream = label.and_then(stream);
    let names_it = |entry: &Affected| {
        !entry.module.is_empty() && stream.is_some_and(|stream| same_stream(&entry.module, stream))
    };
    if entries.iter().any(names_it) {
        return entries.into_iter().filter(names_it).collect();
    }
    // A modular build whose label is lost may be of any stream: then the fixes alone tell.
    let unknown = stream.is_none() && is_modular(version);
    entries.into_iter().filter(|entry| entry.module.is_empty() || unknown).collect()
}

/// Whether an entry may say that a package is not affected: for a package of a module only if it names its stream.
pub(crate) fn may_deny(entry: &Affected, version: &str, label: Option<&str>) -> bool {
    match label.and_then(stream) {
        Some(stream) => same_stream(&entry.module, stream),
        None => entry.module.is_empty() && !is_modular(version),
    }
}

/// The minor release in a build's tag: `el9_2` of `7.76.1-23.el9_2.4`, `el8.9` of `18.19.1-1.module+el8.9.0+21387+ab`.
/// `None` for a build that names none.
pub(crate) fn minor_release(version: &str) -> Option<&str> {
    let digits = |text: &str| text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (_, release) = version.rsplit_once('-')?;
    let (at, separator) = match release.find(".module+el") {
        Some(at) => (at + ".module+".len(), '.'),
        None => (release.find(".el")? + 1, '_'),
    };
    let tag = &release[at..];
    let major = digits(&tag[2..]);
    let minor = digits(tag[2 + major..].strip_prefix(separator)?);
    (major > 0 && minor > 0).then(|| &tag[..2 + major + 1 + minor])
}

/// Module and stream of a label: `nodejs:18` of `nodejs:18:8060020220523160029:ad008a3a`.
pub(crate) fn stream(label: &str) -> Option<(&str, &str)> {
    let mut parts = label.split(':');
    let (module, stream) = (parts.next()?, parts.next()?);
    (!module.is_empty() && !stream.is_empty()).then_some((module, stream))
}

fn same_stream(module: &str, installed: (&str, &str)) -> bool {
    stream(module) == Some(installed)
}

/// Whether a range speaks of builds with the marks that an installed version has; see [`ORACLE_MARKS`].
pub(crate) fn is_of_build(ecosystem: Ecosystem, version: &str, range: &AffectedRange) -> bool {
    let marks = |version: &str| ORACLE_MARKS.map(|mark| version.contains(mark));
    ecosystem != Ecosystem::OracleLinux || fix(range).is_none_or(|fix| marks(fix) == marks(version))
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
    let Some((module, stream)) = stream(label) else { return false };
    let named = streams_in(title).filter_map(|word| word.split_once(':'));
    let mut named = named.filter(|(name, _)| *name == module).map(|(_, named)| named).peekable();
    named.peek().is_some() && named.all(|named| named != stream)
}

/// What may be a module's stream in a title: words like `nodejs:20`.
pub(crate) fn streams_in(title: &str) -> impl Iterator<Item = &str> {
    let words = title.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')'));
    words.filter(|word| {
        word.split_once(':').is_some_and(|(name, named)| !name.is_empty() && !named.is_empty())
    })
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
    fn an_entry_of_a_stream_speaks_of_that_stream_alone() {
        let entries = |modules: &[&str]| -> Vec<Affected> {
            let entry = |module: &&str| Affected {
                module: (*module).to_owned(),
                ..Affected::new(plimsoll_model::Namespace::whole(Ecosystem::RedHat), "npm".to_owned())
            };
            modules.iter().map(entry).collect()
        };
        for (version, label, modules, kept) in [
            ("1-1.el8", None, &["", "nodejs:18"][..], &[""][..]),
            ("1-1.module+el8", Some("nodejs:18:80:ab"), &["", "nodejs:18", "nodejs:20"], &["nodejs:18"]),
            ("1-1.module+el8", Some("nodejs:18"), &["nodejs:18"], &["nodejs:18"]),
            ("1-1.module+el8", Some("nodejs:16:80:ab"), &["", "nodejs:18"], &[""]),
            ("1-1.module+el8", Some("nodejs:1"), &["nodejs:18"], &[]),
            ("1-1.module+el8", None, &["", "nodejs:18"], &["", "nodejs:18"]),
            ("1-1.module+el8", Some(""), &["nodejs:18"], &["nodejs:18"]),
        ] {
            let speaking = speaking(version, label, entries(modules));
            let found: Vec<&str> = speaking.iter().map(|entry| entry.module.as_str()).collect();
            assert_eq!(found, kept, "{version} {label:?}");
        }
        for (version, label, module, may) in [
            ("1-1.el8", None, "", true),
            ("1-1.el8", None, "nodejs:18", false),
            ("1-1.module+el8", Some("nodejs:18:80:ab"), "nodejs:18", true),
            ("1-1.module+el8", Some("nodejs:18:80:ab"), "", false),
            ("1-1.module+el8", None, "", false),
            ("1-1.module+el8", None, "nodejs:18", false),
        ] {
            assert_eq!(may_deny(&entries(&[module])[0], version, label), may, "{version} {label:?} {module}");
        }
    }

    #[test]
    fn oracles_marked_builds_have_fixes_of_their_own() {
        let range = |fix: &str| AffectedRange {
            events: vec![plimsoll_model::AffectedEvent { kind: EventKind::Fixed, version: fix.to_owned() }],
        };
        for (ecosystem, version, fix, same) in [
            (Ecosystem::OracleLinux, "2:2.28-151.el8", "2:2.28-151.0.1.el8", true),
            (Ecosystem::OracleLinux, "2:2.28-151.el8", "2:2.28-151.0.1.ksplice2.el8", false),
            (Ecosystem::OracleLinux, "2:2.28-151.ksplice1.el8", "2:2.28-151.0.1.ksplice2.el8", true),
            (Ecosystem::OracleLinux, "3.6.16-4.el8_fips", "3.6.16-4.0.1.el8", false),
            (Ecosystem::OracleLinux, "3.6.16-4.el8_fips", "3.6.16-4.0.1.el8_fips", true),
            (Ecosystem::OracleLinux, "1.1.1k-7.ksplice1.el8_fips", "1.1.1k-8.el8_fips", false),
            (Ecosystem::AlmaLinux, "1-1.el8", "1-1.ksplice1.el8", true),
        ] {
            assert_eq!(is_of_build(ecosystem, version, &range(fix)), same, "{version} {fix}");
        }
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
    fn a_tag_names_the_minor_release() {
        for (version, minor) in [
            ("7.76.1-23.el9_2.4", Some("el9_2")),
            ("5.14.0-284.30.1.el9_10", Some("el9_10")),
            ("1:18.19.1-1.module+el8.9.0+21387+21a5d1a4", Some("el8.9")),
            ("7.76.1-26.el9", None),
            ("7.76.1-26.el9_", None),
            ("1-1.el_2", None),
            ("1-1.el", None),
            ("1-1.module+el8", None),
            ("1.el9_2", None),
            ("1-1.élel9_2", None),
            ("", None),
        ] {
            assert_eq!(minor_release(version), minor, "{version}");
        }
    }

    #[test]
    fn a_missing_epoch_is_zero() {
        assert_eq!(upstream("1.10.1-2.el9"), upstream("0:1.10.1-3.el9"));
        assert_ne!(upstream("2:1.10.1-2.el9"), upstream("1.10.1-2.el9"));
    }
}
