//! Affected ranges as OSV writes them.

use std::cmp::Ordering;

use crate::scheme::Place;
use crate::{InvalidVersion, Scheme, Version};

/// What an event says of the version it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// The flaw is there from this version on, inclusive. `0` stands before every version.
    Introduced,
    /// The flaw is gone from this version on, inclusive.
    Fixed,
    /// The last version with the flaw, inclusive.
    LastAffected,
    /// Versions from here on are outside what the range speaks of; `*` stands for no limit.
    Limit,
}

/// One event of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event<'a> {
    /// What it says.
    pub kind: EventKind,
    /// Of which version, as the advisory writes it.
    pub version: &'a str,
}

/// Whether a version is affected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Affectedness {
    /// It is.
    Affected {
        /// The version that ends the interval which holds it, if the advisory names one that is free of the flaw.
        fixed: Option<String>,
        /// The interval that holds it, as in `>=1.2.0, <1.2.5`, or `=1.2.3` from a list.
        range: String,
    },
    /// It is not.
    NotAffected,
    /// It cannot be said.
    Undetermined {
        /// Why: which version did not parse.
        reason: String,
    },
}

/// Decides whether `installed` is in one of `ranges`, or listed in `versions`.
///
/// Events may come in any order; of two that name one version, the later has the last word. A range whose events
/// do not all parse still decides where the others leave no doubt. A listed version that does not parse is met by
/// its text alone. Where several ranges hold the version, one that names a fix is preferred.
///
/// Costs one reading of each event's version and at most one comparison or two; nothing is allocated, Maven's
/// versions aside, until the answer is another than [`Affectedness::NotAffected`].
///
/// Source: OSV schema 1.7, "Evaluation".
pub fn affectedness(installed: &Version, ranges: &[&[Event<'_>]], versions: &[&str]) -> Affectedness {
    let scheme = installed.scheme();
    let place = installed.place();
    let mut affected = None;
    let mut undetermined = None;
    for events in ranges {
        match evaluate(scheme, &place, events) {
            Evaluation::Outside => {}
            Evaluation::Inside => {
                let (fixed, range) = describe(scheme, &place, events);
                let names_fix = fixed.is_some();
                if names_fix || affected.is_none() {
                    affected = Some(Affectedness::Affected { fixed, range });
                }
                if names_fix {
                    break;
                }
            }
            Evaluation::Unknown(error) => undetermined = undetermined.or(Some(error)),
        }
    }
    if let Some(affected) = affected {
        return affected;
    }
    let listed = versions.iter().find(|&&version| version == installed.as_str()).or_else(|| {
        versions
            .iter()
            .filter(|version| !surely_differ(version, installed.as_str()))
            .find(|version| Place::read(scheme, version).is_ok_and(|listed| place.cmp(&listed).is_eq()))
    });
    match (listed, undetermined) {
        (Some(version), _) => Affectedness::Affected { fixed: None, range: format!("={version}") },
        (None, Some(error)) => Affectedness::Undetermined { reason: error.to_string() },
        (None, None) => Affectedness::NotAffected,
    }
}

/// Whether two versions cannot be equal, whatever the scheme: both begin with numbers between dots, and one of these
/// differs. `1.2` and `1.10.0` do; of `1.2` and `1.2.0`, and of what has an epoch or begins with a letter, nothing is
/// said. Cheap: for lists of versions, of which hardly one is equal.
pub fn surely_differ(one: &str, two: &str) -> bool {
    let has_epoch = |text: &str| text.bytes().any(|byte| matches!(byte, b'!' | b':'));
    let (mut left, mut right) = (one.as_bytes(), two.as_bytes());
    loop {
        let (Some((number, behind)), Some((other, other_behind))) =
            (leading_number(left), leading_number(right))
        else {
            return false;
        };
        if number != other {
            return !has_epoch(one) && !has_epoch(two);
        }
        let (Some(behind), Some(other_behind)) = (behind.strip_prefix(b"."), other_behind.strip_prefix(b"."))
        else {
            return false;
        };
        (left, right) = (behind, other_behind);
    }
}

/// The digits at the front without leading zeros, and what follows.
fn leading_number(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, behind) = text.split_at(end);
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    (end > 0).then(|| (&digits[zeros..], behind))
}

/// As [`affectedness`], of a version that is still a text.
///
/// A text that `versions` lists is affected, whatever it means. One that neither is listed nor parses is
/// undetermined.
pub fn affectedness_of_text(
    scheme: Scheme,
    installed: &str,
    ranges: &[&[Event<'_>]],
    versions: &[&str],
) -> Affectedness {
    match Version::parse(scheme, installed) {
        Ok(version) => affectedness(&version, ranges, versions),
        Err(_) if versions.contains(&installed) => {
            Affectedness::Affected { fixed: None, range: format!("={installed}") }
        }
        Err(error) => Affectedness::Undetermined { reason: error.to_string() },
    }
}

/// What one range says.
enum Evaluation {
    Inside,
    Outside,
    Unknown(InvalidVersion),
}

/// Where an event stands.
enum Bound<'a> {
    /// Before every version.
    Zero,
    At(Place<'a>),
}

impl<'a> Bound<'a> {
    fn of(scheme: Scheme, event: &Event<'a>) -> Result<Self, InvalidVersion> {
        match event {
            Event { kind: EventKind::Introduced, version: "0" } => Ok(Self::Zero),
            Event { version, .. } => Place::read(scheme, version).map(Self::At),
        }
    }

    fn cmp_place(&self, place: &Place<'_>) -> Ordering {
        match self {
            Self::Zero => Ordering::Less,
            Self::At(bound) => bound.cmp(place),
        }
    }

    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Zero, Self::Zero) => Ordering::Equal,
            (Self::Zero, Self::At(_)) => Ordering::Less,
            (Self::At(bound), other) => other.cmp_place(bound).reverse(),
        }
    }

    /// Whether the event has taken place at `place`.
    fn has_passed(&self, kind: EventKind, place: &Place<'_>) -> bool {
        match kind {
            EventKind::LastAffected => self.cmp_place(place).is_lt(),
            _ => self.cmp_place(place).is_le(),
        }
    }
}

/// The specification walks the sorted events and keeps what the last one that has passed says. That one is found
/// here without sorting, which also holds where an order is no total one (RPM's without releases).
fn evaluate(scheme: Scheme, place: &Place<'_>, events: &[Event<'_>]) -> Evaluation {
    let mut last: Option<(Bound<'_>, bool)> = None;
    let (mut bad_introduced, mut bad_end, mut bad_limit) = (None, None, None);
    let (mut has_limit, mut in_limit) = (false, false);
    for event in events {
        let introduced = event.kind == EventKind::Introduced;
        if event.kind == EventKind::Limit {
            has_limit = true;
            if event.version == "*" {
                in_limit = true;
                continue;
            }
        }
        match (Bound::of(scheme, event), event.kind) {
            (Ok(bound), EventKind::Limit) => in_limit |= bound.cmp_place(place).is_gt(),
            (Ok(bound), kind) => {
                if bound.has_passed(kind, place)
                    && last.as_ref().is_none_or(|(last, _)| last.cmp(&bound).is_le())
                {
                    last = Some((bound, introduced));
                }
            }
            (Err(error), EventKind::Limit) => bad_limit = bad_limit.or(Some(error)),
            (Err(error), EventKind::Introduced) => bad_introduced = bad_introduced.or(Some(error)),
            (Err(error), EventKind::Fixed | EventKind::LastAffected) => bad_end = bad_end.or(Some(error)),
        }
    }
    if has_limit && !in_limit && bad_limit.is_none() {
        return Evaluation::Outside;
    }
    let open_limit = if has_limit && !in_limit { bad_limit } else { None };
    // What did not parse may have opened an interval here, or closed the one that holds the version.
    match (last.is_some_and(|(_, introduced)| introduced), bad_introduced, bad_end, open_limit) {
        (false, None, _, _) => Evaluation::Outside,
        (false, Some(error), _, _) | (true, _, Some(error), _) | (true, _, None, Some(error)) => {
            Evaluation::Unknown(error)
        }
        (true, _, None, None) => Evaluation::Inside,
    }
}

/// The fix and the text of the interval of `events` that holds `place`.
fn describe(scheme: Scheme, place: &Place<'_>, events: &[Event<'_>]) -> (Option<String>, String) {
    let bounds = || {
        events.iter().enumerate().filter(|(_, event)| event.version != "*").filter_map(|(at, event)| {
            Bound::of(scheme, event).ok().map(|bound| Mark { at, event: *event, bound })
        })
    };
    let passed = |mark: &Mark<'_>| mark.bound.has_passed(mark.event.kind, place);
    let is_end = |mark: &Mark<'_>| matches!(mark.event.kind, EventKind::Fixed | EventKind::LastAffected);
    let is_start = |mark: &Mark<'_>| mark.event.kind == EventKind::Introduced;

    let ended = highest(bounds().filter(|mark| is_end(mark) && passed(mark)));
    let start = lowest(bounds().filter(|mark| {
        is_start(mark) && passed(mark) && ended.as_ref().is_none_or(|ended| ended.cmp(mark).is_lt())
    }));
    let end = lowest(bounds().filter(|mark| is_end(mark) && !passed(mark)));
    let fixed = match &end {
        Some(mark) if mark.event.kind == EventKind::LastAffected => {
            // Some documents name the fix too; it is this interval's if none begins before it.
            let next = lowest(bounds().filter(|mark| is_start(mark) && !passed(mark)));
            lowest(bounds().filter(|mark| mark.event.kind == EventKind::Fixed && !passed(mark)))
                .filter(|fixed| next.as_ref().is_none_or(|next| fixed.cmp(next).is_lt()))
                .map(|fixed| fixed.event.version.to_owned())
        }
        Some(mark) => Some(mark.event.version.to_owned()),
        None => None,
    };
    let limit = || {
        let no_limit = events.iter().any(|event| event.kind == EventKind::Limit && event.version == "*");
        highest(bounds().filter(|mark| mark.event.kind == EventKind::Limit)).filter(|_| !no_limit)
    };

    let from = start.filter(|mark| !matches!(mark.bound, Bound::Zero)).map(|mark| mark.event.version);
    let to = end.or_else(limit).map(|mark| match mark.event.kind {
        EventKind::LastAffected => format!("<={}", mark.event.version),
        _ => format!("<{}", mark.event.version),
    });
    let range = match (from, to) {
        (None, None) => ">=0".to_owned(),
        (None, Some(to)) => to,
        (Some(from), None) => format!(">={from}"),
        (Some(from), Some(to)) => format!(">={from}, {to}"),
    };
    (fixed, range)
}

/// An event and where it stands, in the order of versions and of the document.
struct Mark<'a> {
    at: usize,
    event: Event<'a>,
    bound: Bound<'a>,
}

impl Mark<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bound.cmp(&other.bound).then(self.at.cmp(&other.at))
    }
}

fn lowest<'a>(marks: impl Iterator<Item = Mark<'a>>) -> Option<Mark<'a>> {
    marks.reduce(|low, mark| if mark.cmp(&low).is_lt() { mark } else { low })
}

fn highest<'a>(marks: impl Iterator<Item = Mark<'a>>) -> Option<Mark<'a>> {
    marks.reduce(|high, mark| if mark.cmp(&high).is_gt() { mark } else { high })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_surely_differ() {
        for (one, two, differ) in [
            ("1.2", "1.3", true),
            ("1.2", "1.10.0", true),
            ("10", "9-1", true),
            ("1.2", "1.2.0", false),
            ("1.02", "1.2", false),
            ("1:1.2", "2:1.2", false),
            ("1.2", "2!1.2", false),
            ("v1.2", "1.3", false),
            ("1.2a", "1.2b", false),
            ("", "1", false),
        ] {
            assert_eq!(surely_differ(one, two), differ, "{one} {two}");
            assert_eq!(surely_differ(two, one), differ, "{two} {one}");
        }
    }

    /// Events as in `introduced 0, fixed 1.2; introduced 2`, ranges parted by `;`, and listed versions behind `|`.
    fn answer(scheme: Scheme, installed: &str, text: &str) -> String {
        let (ranges, versions) = text.split_once('|').unwrap_or((text, ""));
        let ranges: Vec<Vec<Event<'_>>> = ranges
            .split(';')
            .map(|range| {
                range
                    .split(',')
                    .filter_map(|event| event.trim().split_once(' '))
                    .map(|(kind, version)| Event {
                        kind: match kind {
                            "introduced" => EventKind::Introduced,
                            "fixed" => EventKind::Fixed,
                            "last" => EventKind::LastAffected,
                            "limit" => EventKind::Limit,
                            _ => panic!("no event: {kind}"),
                        },
                        version,
                    })
                    .collect()
            })
            .collect();
        let ranges: Vec<&[Event<'_>]> = ranges.iter().map(Vec::as_slice).collect();
        let versions: Vec<&str> = versions.split_whitespace().collect();
        match affectedness_of_text(scheme, installed, &ranges, &versions) {
            Affectedness::Affected { fixed, range } => {
                format!("{range} -> {}", fixed.unwrap_or_else(|| "no fix".to_owned()))
            }
            Affectedness::NotAffected => "no".to_owned(),
            Affectedness::Undetermined { reason } => reason,
        }
    }

    fn check(cases: &[(&str, &str, &str)]) {
        for (installed, events, expected) in cases {
            assert_eq!(answer(Scheme::SemVer, installed, events), *expected, "{installed} in {events}");
        }
    }

    #[test]
    fn an_interval_holds_its_start_and_not_its_fix() {
        check(&[
            ("1.0.0", "introduced 1.0.0, fixed 1.2.0", ">=1.0.0, <1.2.0 -> 1.2.0"),
            ("1.1.9", "introduced 1.0.0, fixed 1.2.0", ">=1.0.0, <1.2.0 -> 1.2.0"),
            ("1.2.0", "introduced 1.0.0, fixed 1.2.0", "no"),
            ("1.0.0-rc.1", "introduced 1.0.0, fixed 1.2.0", "no"),
            ("1.2.0-rc.1", "introduced 1.0.0, fixed 1.2.0", ">=1.0.0, <1.2.0 -> 1.2.0"),
            ("0.0.0-0", "introduced 0, fixed 1.2.0", "<1.2.0 -> 1.2.0"),
            ("7.0.0", "introduced 0", ">=0 -> no fix"),
            ("7.0.0", "introduced 7.0.0", ">=7.0.0 -> no fix"),
        ]);
    }

    #[test]
    fn the_last_affected_version_is_affected() {
        check(&[
            ("1.2.0", "introduced 1.0.0, last 1.2.0", ">=1.0.0, <=1.2.0 -> no fix"),
            ("1.2.1-0", "introduced 1.0.0, last 1.2.0", "no"),
            ("1.1.0", "introduced 0, last 1.2.0, last 1.4.0", "<=1.2.0 -> no fix"),
            ("1.3.0", "introduced 0, last 1.2.0, last 1.4.0", "no"),
            ("1.1.0", "introduced 0, last 1.2.0, fixed 1.3.0", "<=1.2.0 -> 1.3.0"),
            ("1.1.0", "introduced 0, last 1.2.0, introduced 1.3.0, fixed 1.4.0", "<=1.2.0 -> no fix"),
            ("1.0.0", "introduced 1.0.0, last 1.0.0", ">=1.0.0, <=1.0.0 -> no fix"),
        ]);
    }

    #[test]
    fn a_range_may_have_several_intervals_in_any_order() {
        let range = "fixed 2.3.0, introduced 0, introduced 2.0.0, fixed 1.2.0";
        check(&[
            ("1.0.0", range, "<1.2.0 -> 1.2.0"),
            ("1.2.0", range, "no"),
            ("1.9.9", range, "no"),
            ("2.0.0", range, ">=2.0.0, <2.3.0 -> 2.3.0"),
            ("2.3.0", range, "no"),
            ("1.1.0", "introduced 1.0.0, introduced 1.2.0, fixed 1.5.0", ">=1.0.0, <1.5.0 -> 1.5.0"),
            ("1.3.0", "introduced 1.0.0, introduced 1.2.0, fixed 1.5.0", ">=1.0.0, <1.5.0 -> 1.5.0"),
            ("1.3.0", "introduced 1.0.0, fixed 1.6.0, fixed 1.5.0", ">=1.0.0, <1.5.0 -> 1.5.0"),
        ]);
    }

    #[test]
    fn of_two_events_of_one_version_the_later_has_the_last_word() {
        check(&[
            ("1.0.0", "introduced 1.0.0, fixed 1.0.0", "no"),
            ("1.0.0", "introduced 0, fixed 1.0.0, introduced 1.0.0, fixed 2.0.0", ">=1.0.0, <2.0.0 -> 2.0.0"),
        ]);
    }

    #[test]
    fn nothing_is_affected_where_nothing_is_introduced() {
        check(&[
            ("1.0.0", "", "no"),
            ("1.0.0", "fixed 2.0.0", "no"),
            ("1.0.0", "last 2.0.0", "no"),
            ("1.0.0", "limit 2.0.0", "no"),
            ("1.0.0", "introduced 3.0.0, fixed 2.0.0", "no"),
        ]);
    }

    #[test]
    fn a_limit_ends_what_a_range_speaks_of() {
        check(&[
            ("1.0.0", "introduced 0, limit 2.0.0", "<2.0.0 -> no fix"),
            ("2.0.0", "introduced 0, limit 2.0.0", "no"),
            ("2.0.0", "introduced 0, limit *", ">=0 -> no fix"),
            ("2.0.0", "introduced 0, limit 2.0.0, limit *", ">=0 -> no fix"),
            ("2.0.0", "introduced 0, limit 2.0.0, limit 3.0.0", "<3.0.0 -> no fix"),
            ("1.0.0", "introduced 0, fixed 1.5.0, limit 2.0.0", "<1.5.0 -> 1.5.0"),
        ]);
    }

    #[test]
    fn any_range_and_any_listed_version_count() {
        check(&[
            ("2.1.0", "introduced 0, fixed 1.0.0; introduced 2.0.0, fixed 2.2.0", ">=2.0.0, <2.2.0 -> 2.2.0"),
            ("2.1.0", "introduced 0; introduced 2.0.0, fixed 2.2.0", ">=2.0.0, <2.2.0 -> 2.2.0"),
            ("1.2.3", "|1.2.2 1.2.3", "=1.2.3 -> no fix"),
            ("1.2.3", "introduced 0, fixed 1.0.0|v1.2.3", "=v1.2.3 -> no fix"),
            ("1.2.3", "introduced 0, fixed 2.0.0|1.2.3", "<2.0.0 -> 2.0.0"),
            ("1.2.3", "|1.2.2 nonsense", "no"),
        ]);
    }

    #[test]
    fn what_does_not_parse_is_undetermined_unless_the_rest_decides() {
        let bad = "cannot read version `?` as semver: expected a digit, found \"?\"";
        check(&[
            ("1.0.0", "introduced 0, fixed ?", bad),
            ("1.0.0", "introduced ?, fixed 2.0.0", bad),
            ("1.0.0", "introduced 0, limit ?", bad),
            ("1.0.0", "introduced 3.0.0, fixed ?", "no"),
            ("1.0.0", "introduced 0, introduced ?", ">=0 -> no fix"),
            ("1.0.0", "introduced 0, limit ?, limit 2.0.0", "<2.0.0 -> no fix"),
            ("1.0.0", "introduced 0, fixed ?; introduced 0, fixed 2.0.0", "<2.0.0 -> 2.0.0"),
            ("1.0.0", "introduced 0, fixed ?|1.0.0", "=1.0.0 -> no fix"),
            ("1.0.0", "introduced 0, fixed ?; introduced 0, fixed 0.5.0", bad),
            ("?", "introduced 0", bad),
            ("?", "introduced 0, fixed 1.0.0|?", "=? -> no fix"),
        ]);
    }

    #[test]
    fn zero_stands_before_every_version_of_every_scheme() {
        for (scheme, version) in [
            (Scheme::Apk, "0_alpha"),
            (Scheme::Composer, "0.0-dev"),
            (Scheme::Debian, "0~~"),
            (Scheme::Gem, "0.a"),
            (Scheme::Go, "v0.0.0-0"),
            (Scheme::Maven, "alpha"),
            (Scheme::Npm, "0.0.0-0"),
            (Scheme::NuGet, "0-0"),
            (Scheme::Pep440, "0.dev0"),
            (Scheme::Rpm, "0~~"),
            (Scheme::SemVer, "0.0.0-0"),
        ] {
            assert_eq!(answer(scheme, version, "introduced 0, fixed 1"), "<1 -> 1", "{scheme}");
        }
    }

    #[test]
    fn a_bound_without_release_speaks_of_every_build_of_an_rpm() {
        for (installed, events, expected) in [
            ("1.2-3.el9", "introduced 0, last 1.2", "<=1.2 -> no fix"),
            ("1.2-3.el9", "introduced 0, fixed 1.2", "no"),
            ("1.2-3.el9", "introduced 0, fixed 0:1.2-4.el9", "<0:1.2-4.el9 -> 0:1.2-4.el9"),
        ] {
            assert_eq!(answer(Scheme::Rpm, installed, events), expected, "{installed} in {events}");
        }
    }
}
