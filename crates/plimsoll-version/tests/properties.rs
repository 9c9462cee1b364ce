//! Laws that hold for every scheme, and orders that other implementations agree with.

use std::cmp::Ordering;

use plimsoll_version::{
    Affectedness, Event, EventKind, Scheme, Version, affectedness, compare, surely_differ,
};
use proptest::prelude::*;
use proptest::sample::select;

/// Pieces that versions are made of, so that generated texts meet each other's special cases.
const PIECES: &[&str] = &[
    "0",
    "1",
    "2",
    "10",
    "01",
    "00",
    "007",
    "9",
    "99999999999999999999",
    "20200101",
    ".",
    ".",
    ".",
    ".0",
    ".1",
    "-",
    "-",
    "_",
    "+",
    "~",
    "^",
    ":",
    "!",
    "*",
    "x",
    "v",
    "=",
    "a",
    "b",
    "c",
    "m",
    "p",
    "r",
    "z",
    "A",
    "Z",
    "alpha",
    "beta",
    "pre",
    "rc",
    "RC",
    "dev",
    "post",
    "SNAPSHOT",
    "sp",
    "ga",
    "final",
    "patch",
    "stable",
    "git",
    "-r1",
    "-r0",
    "_rc1",
    "_p1",
    "-rc.1",
    ".Final",
    "+b1",
    "+build",
    "~rc1",
    "^git1",
    "~4f1a",
    "1:",
    "0:",
    "1!",
    ".dev1",
    ".post1",
    "-dev",
    ".x-dev",
    "go",
    "-0.20200101000000-abcdef",
    "é",
    " ",
];

fn scheme() -> impl Strategy<Value = Scheme> {
    select(Scheme::ALL)
}

/// A text that is a version of many schemes, of some, or of none.
fn text() -> impl Strategy<Value = String> {
    let like_a_version = (
        select(&["1", "1.0", "1.2.3", "v1.2.3", "0", "go1.21"][..]),
        prop::collection::vec(select(PIECES), 0..5),
    )
        .prop_map(|(start, pieces)| format!("{start}{}", pieces.concat()));
    let pieces = prop::collection::vec(select(PIECES), 0..8).prop_map(|pieces| pieces.concat());
    prop_oneof![6 => like_a_version, 3 => pieces, 1 => any::<String>()]
}

/// Whether the order is a total one over these. RPM's is, where all have a release or all have none. Arch's besides
/// where none ends in a separator: `1..a < 1.`, `1. < 1.0`, `1.0 < 1..a`. Maven's is not
/// where words and lists meet, in Maven itself: `1a0 < 1`, `1 < 1.x-dev`, `1.x-dev < 1a0`.
fn is_total(scheme: Scheme, versions: &[&Version]) -> bool {
    let has_release = |version: &Version| {
        version.as_str().trim_ascii().rsplit_once('-').is_some_and(|(_, release)| !release.is_empty())
    };
    let is_numeric = |version: &&Version| {
        version.as_str().bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
    };
    let has_hyphen = |version: &Version| version.as_str().contains('-');
    let ends_in_words = |version: &&Version| {
        let parts = version.as_str().trim_ascii().rsplit(['-', ':']);
        parts.take(2).all(|part| part.ends_with(|last: char| last.is_ascii_alphanumeric()))
    };
    match scheme {
        Scheme::Rpm => versions.windows(2).all(|pair| has_release(pair[0]) == has_release(pair[1])),
        Scheme::Alpm => {
            versions.windows(2).all(|pair| has_hyphen(pair[0]) == has_hyphen(pair[1]))
                && versions.iter().all(ends_in_words)
        }
        Scheme::Maven => versions.iter().all(is_numeric),
        _ => true,
    }
}

fn parse_all<const N: usize>(scheme: Scheme, texts: &[String; N]) -> Option<[Version; N]> {
    let versions: Result<Vec<_>, _> = texts.iter().map(|text| Version::parse(scheme, text)).collect();
    versions.ok()?.try_into().ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_never_panics_and_a_version_equals_itself(scheme in scheme(), text in text()) {
        if let Ok(version) = Version::parse(scheme, &text) {
            prop_assert_eq!(version.cmp(&version), Ordering::Equal);
            prop_assert_eq!(version.as_str(), text);
        }
    }

    #[test]
    fn turning_a_comparison_around_reverses_it(scheme in scheme(), left in text(), right in text()) {
        if let (Ok(there), Ok(back)) = (compare(scheme, &left, &right), compare(scheme, &right, &left)) {
            prop_assert_eq!(there, back.reverse());
        }
    }

    #[test]
    fn what_surely_differs_is_not_equal(scheme in scheme(), left in text(), right in text()) {
        if surely_differ(&left, &right) {
            prop_assert!(!compare(scheme, &left, &right).is_ok_and(Ordering::is_eq), "{} {}", left, right);
        }
    }

    #[test]
    fn order_is_transitive(scheme in scheme(), texts in prop::array::uniform3(text())) {
        if let Some(mut versions) = parse_all(scheme, &texts) && is_total(scheme, &versions.each_ref()) {
            versions.sort_by(Version::cmp);
            let [low, middle, high] = &versions;
            let expected = low.cmp(middle).then(middle.cmp(high));
            prop_assert_eq!(low.cmp(high), expected, "{} {} {}", low, middle, high);
        }
    }

    #[test]
    fn equal_versions_are_in_the_same_ranges(scheme in scheme(), texts in prop::array::uniform4(text())) {
        if let Some([left, right, start, end]) = parse_all(scheme, &texts)
            && left.cmp(&right).is_eq()
            && is_total(scheme, &[&left, &right, &start, &end])
        {
            let events = [
                Event { kind: EventKind::Introduced, version: start.as_str() },
                Event { kind: EventKind::Fixed, version: end.as_str() },
            ];
            prop_assert_eq!(affectedness(&left, &[&events], &[]), affectedness(&right, &[&events], &[]));
        }
    }

    #[test]
    fn a_range_is_what_its_bounds_compare_to(scheme in scheme(), texts in prop::array::uniform3(text())) {
        if let Some([installed, start, end]) = parse_all(scheme, &texts)
            && is_total(scheme, &[&installed, &start, &end])
            && start.as_str() != "0"
            && start.cmp(&end).is_le()
        {
            for (kind, inside) in [
                (EventKind::Fixed, installed.cmp(&end).is_lt()),
                (EventKind::LastAffected, installed.cmp(&end).is_le()),
            ] {
                let events = [
                    Event { kind: EventKind::Introduced, version: start.as_str() },
                    Event { kind, version: end.as_str() },
                ];
                let affected = matches!(affectedness(&installed, &[&events], &[]), Affectedness::Affected { .. });
                prop_assert_eq!(affected, inside && installed.cmp(&start).is_ge());
            }
        }
    }

    #[test]
    fn semver_agrees_with_the_crate(left in text(), right in text()) {
        if let (Ok(their_left), Ok(their_right)) = (semver::Version::parse(&left), semver::Version::parse(&right)) {
            prop_assert_eq!(compare(Scheme::SemVer, &left, &right).unwrap(), their_left.cmp_precedence(&their_right));
        }
    }

    #[test]
    fn pep440_agrees_with_the_crate(left in text(), right in text()) {
        use pep440_rs::Version as Theirs;
        let theirs = (left.parse::<Theirs>(), right.parse::<Theirs>());
        let ours = (Version::parse(Scheme::Pep440, &left), Version::parse(Scheme::Pep440, &right));
        if let ((Ok(their_left), Ok(their_right)), (Ok(left), Ok(right))) = (theirs, ours) {
            prop_assert_eq!(left.cmp(&right), their_left.cmp(&their_right), "{} {}", left, right);
        }
    }

    #[test]
    fn pep440_takes_what_the_crate_takes(text in text()) {
        if text.parse::<pep440_rs::Version>().is_ok() {
            prop_assert!(Version::parse(Scheme::Pep440, &text).is_ok());
        }
    }
}
