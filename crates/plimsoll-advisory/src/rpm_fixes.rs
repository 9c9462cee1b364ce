//! One range from several fixed builds of one RPM package.
//!
//! A vendor that maintains several minor releases side by side fixes a flaw once in each: curl in
//! `7.76.1-23.el9_2.4` and in `7.76.1-26.el9_3.2`. Below the lowest fix all is affected; from the highest on nothing
//! is. Between them a build is fixed if it is of the *line* of the lower fix, and affected if it is of the line of the
//! higher one. So the range has as many parts as there are lines, and each part but the first begins where the line
//! below it ends.

use std::cmp::Ordering;

use plimsoll_model::{AffectedEvent, AffectedRange, EventKind};
use plimsoll_version::{Scheme, Version, compare};

/// Whether RPM can order a version.
pub(crate) fn is_version(version: &str) -> bool {
    Version::parse(Scheme::Rpm, version).is_ok()
}

/// The range `[0, …)` without a fix.
pub(crate) fn unfixed() -> AffectedRange {
    AffectedRange { events: vec![event(EventKind::Introduced, "0")] }
}

/// The range of builds that do not hold Red Hat's fix, of the fixed builds in one stream of the product.
///
/// The line of a build is the minor release in its release tag, `el9_2` or, of a module, `el8.9.0`. Where it ends:
///
/// - the tag follows the build's own number (`23.el9_2.4`): at the next minor's tag, `23.el9_3`, as later builds of
///   the line count up behind the tag;
/// - more numbers stand between (`284.30.1.el9_2`, `957.1.3.el7`, the kernel): at the next number, `285`, as they
///   count up there, whether or not a minor is named;
/// - no minor is named (`26.el9`): nowhere. It is a build that all later ones come from.
///
/// Of two fixes in one line the lower counts: the vendor says of both that they hold the fix. `fixes` all satisfy
/// [`is_version`]; `None` where there are none.
pub(crate) fn by_minor_release<'a>(fixes: impl IntoIterator<Item = &'a String>) -> Option<AffectedRange> {
    by_line(fixes, |lower, higher| {
        let (Some(line), Some(other)) = (Line::of(lower), Line::of(higher)) else { return Next::Affected };
        if line.is_that_of(&other) || (line.minor.is_none() && !line.counts_before_tag) {
            return Next::Fixed;
        }
        line.end().map_or(Next::Affected, Next::AffectedFrom)
    })
}

/// The range of builds that do not hold a fix, where lines differ by their upstream version, as SUSE's do that keeps
/// two versions of a package in one product: of each version the lowest fixed build counts.
pub(crate) fn by_upstream_version<'a>(fixes: impl IntoIterator<Item = &'a String>) -> Option<AffectedRange> {
    by_line(fixes, |lower, higher| match (upstream(lower), upstream(higher)) {
        (lower, higher) if lower == higher => Next::Fixed,
        (_, higher) => Next::AffectedFrom(format!("{higher}-0")),
    })
}

/// What is between a fixed build and the next higher one.
enum Next {
    /// Nothing that is affected: the higher one is not needed.
    Fixed,
    /// Affected builds from this version on.
    AffectedFrom(String),
    /// Affected builds, and it cannot be said where they begin.
    Affected,
}

fn by_line<'a>(
    fixes: impl IntoIterator<Item = &'a String>,
    between: impl Fn(&str, &str) -> Next,
) -> Option<AffectedRange> {
    let mut fixes: Vec<&str> = fixes.into_iter().map(String::as_str).collect();
    fixes.sort_by(|a, b| order(a, b).then_with(|| a.cmp(b)));
    let mut fixes = fixes.into_iter();
    let mut line = fixes.next()?;
    let mut events = vec![event(EventKind::Introduced, "0"), event(EventKind::Fixed, line)];
    for fix in fixes {
        match between(line, fix) {
            Next::Fixed => continue,
            Next::AffectedFrom(start) if order(&start, fix).is_lt() && order(&start, line).is_gt() => {
                events.push(event(EventKind::Introduced, &start));
                events.push(event(EventKind::Fixed, fix));
            }
            // The lower line ends where the higher one is fixed.
            Next::AffectedFrom(start) if order(&start, line).is_gt() => {}
            Next::AffectedFrom(_) | Next::Affected => {
                events.pop();
                events.push(event(EventKind::Fixed, fix));
            }
        }
        line = fix;
    }
    Some(AffectedRange { events })
}

fn event(kind: EventKind, version: &str) -> AffectedEvent {
    AffectedEvent { kind, version: version.to_owned() }
}

fn order(left: &str, right: &str) -> Ordering {
    compare(Scheme::Rpm, left, right).unwrap_or(Ordering::Equal)
}

/// `1:1.10.1` of `1:1.10.1-2.el9`.
fn upstream(version: &str) -> &str {
    version.rsplit_once('-').map_or(version, |(upstream, _)| upstream)
}

/// The line that a build is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line<'a> {
    /// Epoch and version, with the hyphen behind: `7.76.1-`.
    upstream: &'a str,
    /// The number that the release begins with.
    own: u32,
    /// Whether more numbers stand before the tag.
    counts_before_tag: bool,
    /// The major release of the tag.
    major: u32,
    /// The minor release of the tag, and the release of the build up to it: `23.el9_`.
    minor: Option<(u32, &'a str)>,
}

impl<'a> Line<'a> {
    /// `None` for a release that does not begin with a number or bears no tag.
    fn of(version: &'a str) -> Option<Self> {
        const MODULE: &str = ".module+el";
        const PLAIN: &str = ".el";
        let (upstream, release) = version.split_at(version.rfind('-')? + 1);
        let (own, _) = number(release)?;
        let (before, tag, separator) = match release.split_once(MODULE) {
            Some((before, tag)) => (before, tag, '.'),
            None => release.split_once(PLAIN).map(|(before, tag)| (before, tag, '_'))?,
        };
        let (major, rest) = number(tag)?;
        let minor = rest.strip_prefix(separator).and_then(|rest| {
            let (minor, _) = number(rest)?;
            Some((minor, &release[..release.len() - rest.len()]))
        });
        let counts_before_tag = !before.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self { upstream, own, counts_before_tag, major, minor })
    }

    fn is_that_of(&self, other: &Self) -> bool {
        match (self.minor, other.minor) {
            (Some((minor, _)), Some((other_minor, _))) => (self.major, minor) == (other.major, other_minor),
            _ => (self.upstream, self.own) == (other.upstream, other.own),
        }
    }

    fn end(&self) -> Option<String> {
        match self.minor {
            Some((minor, before)) if !self.counts_before_tag => {
                Some(format!("{}{before}{}", self.upstream, minor.checked_add(1)?))
            }
            _ => Some(format!("{}{}", self.upstream, self.own.checked_add(1)?)),
        }
    }
}

/// The decimal number that a text begins with, and the rest.
fn number(text: &str) -> Option<(u32, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(range: Option<AffectedRange>) -> String {
        let events = range.expect("fixes").events;
        let words = events.iter().map(|event| match event.kind {
            EventKind::Introduced => format!(">={}", event.version),
            _ => format!("<{}", event.version),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn fixes(versions: &[&str]) -> Vec<String> {
        versions.iter().map(|&version| version.to_owned()).collect()
    }

    #[test]
    fn a_fix_in_one_minor_release_does_not_speak_of_the_builds_of_another() {
        for (versions, range) in [
            (&["7.76.1-26.el9_3.2"][..], ">=0 <7.76.1-26.el9_3.2"),
            (
                &["7.76.1-26.el9_3.2", "7.76.1-23.el9_2.4"],
                ">=0 <7.76.1-23.el9_2.4 >=7.76.1-23.el9_3 <7.76.1-26.el9_3.2",
            ),
            // The kernel counts in front of the tag.
            (
                &["5.14.0-284.30.1.el9_2", "5.14.0-362.8.1.el9_3"],
                ">=0 <5.14.0-284.30.1.el9_2 >=5.14.0-285 <5.14.0-362.8.1.el9_3",
            ),
            (
                &["3.10.0-862.20.2.el7", "3.10.0-862.25.3.el7", "3.10.0-957.1.3.el7"],
                ">=0 <3.10.0-862.20.2.el7 >=3.10.0-863 <3.10.0-957.1.3.el7",
            ),
            // Twice in one line: the first holds the fix.
            (&["1.2-3.el9_2.1", "1.2-3.el9_2.7"], ">=0 <1.2-3.el9_2.1"),
            (&["115.4.0-1.el9_2", "115.5.0-1.el9_2"], ">=0 <115.4.0-1.el9_2"),
            // The same source, built for both.
            (&["115.4.0-1.el9_2", "115.4.0-1.el9_3"], ">=0 <115.4.0-1.el9_2"),
            // A rebase between two minors.
            (&["3.0.1-43.el9_0.1", "3.0.7-6.el9_2"], ">=0 <3.0.1-43.el9_0.1 >=3.0.1-43.el9_1 <3.0.7-6.el9_2"),
            // From a build without a minor all later ones come.
            (&["7.29.0-51.el7", "7.29.0-46.el7_5.1", "7.29.0-54.el7_7.3"], {
                ">=0 <7.29.0-46.el7_5.1 >=7.29.0-46.el7_6 <7.29.0-51.el7"
            }),
            (
                &["1:18.19.1-1.module+el8.9.0+213+ab", "1:18.20.2-1.module+el8.10.0+217+cd"],
                ">=0 <1:18.19.1-1.module+el8.9.0+213+ab >=1:18.19.1-1.module+el8.10 <1:18.20.2-1.module+el8.10.0+217+cd",
            ),
            // No number to count up: what is lower than any is affected.
            (&["1-rc.el9_2", "1-rc.el9_3"], ">=0 <1-rc.el9_3"),
            (&["1-4294967295.1.el9_2", "2-1.el9_3"], ">=0 <2-1.el9_3"),
        ] {
            assert_eq!(written(by_minor_release(&fixes(versions))), range, "{versions:?}");
        }
        assert_eq!(by_minor_release(&[]), None);
    }

    #[test]
    fn builds_between_two_fixes_are_judged_by_their_line() {
        let curl = ["7.76.1-23.el9_2.4", "7.76.1-26.el9_3.2"];
        let kernel = ["5.14.0-284.30.1.el9_2", "5.14.0-362.8.1.el9_3"];
        for (of, installed, is_affected) in [
            (curl, "7.76.1-14.el9_0.9", true),
            (curl, "7.76.1-23.el9", true),
            (curl, "7.76.1-23.el9_2.3", true),
            (curl, "7.76.1-23.el9_2.4", false),
            (curl, "7.76.1-23.el9_2.10", false),
            (curl, "7.76.1-26.el9", true),
            (curl, "7.76.1-26.el9_3.1", true),
            (curl, "7.76.1-26.el9_3.2", false),
            (curl, "7.76.1-29.el9_4", false),
            (kernel, "5.14.0-284.11.1.el9_2", true),
            (kernel, "5.14.0-284.30.1.el9_2", false),
            (kernel, "5.14.0-284.103.1.el9_2", false),
            (kernel, "5.14.0-362.el9", true),
            (kernel, "5.14.0-362.8.1.el9_3", false),
            (kernel, "5.14.0-427.el9", false),
        ] {
            let range = by_minor_release(&fixes(&of)).expect("fixes");
            let events: Vec<_> = range
                .events
                .iter()
                .map(|e| plimsoll_version::Event { kind: e.kind, version: &e.version })
                .collect();
            let installed = Version::parse(Scheme::Rpm, installed).expect("a version");
            let judged = plimsoll_version::affectedness(&installed, &[&events], &[]);
            let found = matches!(judged, plimsoll_version::Affectedness::Affected { .. });
            assert_eq!(found, is_affected, "{}", installed.as_str());
        }
    }

    #[test]
    fn two_upstream_versions_in_one_product_have_a_fix_each() {
        for (versions, range) in [
            (&["2.11.1-6.40.1"][..], ">=0 <2.11.1-6.40.1"),
            (&["2.24.0-8.20.1", "2.11.1-6.40.1"], ">=0 <2.11.1-6.40.1 >=2.24.0-0 <2.24.0-8.20.1"),
            (&["1.0-2.1", "1.0-4.1", "1.0-3.1"], ">=0 <1.0-2.1"),
        ] {
            assert_eq!(written(by_upstream_version(&fixes(versions))), range, "{versions:?}");
        }
    }

    #[test]
    fn hostile_versions_make_some_range() {
        let odd = [
            "-",
            "1-",
            "-.el_",
            "1-.el9_",
            "1-9.el99999999999_2",
            "1-2.module+el8.",
            "é-é.elé_é",
            "~",
            "^1-1.el9_1",
        ];
        let range = by_minor_release(&fixes(&odd)).expect("a range");
        assert_eq!(range.events.first().map(|event| event.kind), Some(EventKind::Introduced));
        assert!(by_upstream_version(&fixes(&odd)).is_some());
    }
}
