//! Version ranges as CSAF and CycloneDX write them: `vers:deb/>=1.2|<2.0`.

use std::cmp::Ordering;

use plimsoll_version::{Scheme, compare};

/// Most constraints of a range.
const MAX_CONSTRAINTS: usize = 1_000;

/// Whether a version is in a range.
///
/// Constraints must be sorted by version, as the specification has it: out of order they could be read as a wider
/// range than was meant.
///
/// # Errors
/// Why it cannot be told.
///
/// Source: VERS specification, "Checking if a version is contained within a range"; package-url, `VERSION-RANGE-SPEC`.
pub(crate) fn contains(range: &str, version: &str) -> Result<bool, String> {
    let text =
        range.strip_prefix("vers:").ok_or_else(|| format!("`{range}` is no range of the form `vers:…`"))?;
    let (kind, list) =
        text.split_once('/').ok_or_else(|| format!("the range `{range}` has no `/` behind its type"))?;
    if list == "*" {
        return Ok(true);
    }
    let constraints: Vec<(Comparator, String)> =
        list.split('|').take(MAX_CONSTRAINTS + 1).map(constraint).collect::<Option<_>>().ok_or_else(
            || format!("the range `{range}` has a constraint that is no comparator and version"),
        )?;
    if constraints.len() > MAX_CONSTRAINTS {
        return Err(format!("a range has more than {MAX_CONSTRAINTS} constraints"));
    }
    if let Some((comparator, _)) = constraints.iter().find(|(comparator, bound)| {
        matches!(comparator, Comparator::Equal | Comparator::NotEqual) && bound == version
    }) {
        return Ok(*comparator == Comparator::Equal);
    }
    let Some(scheme) = scheme(kind) else {
        let is_list = constraints.iter().all(|(comparator, _)| *comparator == Comparator::Equal);
        return if is_list {
            Ok(false)
        } else {
            Err(format!("the order of versions of `vers:{kind}` is not known"))
        };
    };
    let order = |one: &str, two: &str| compare(scheme, one, two).map_err(|error| error.to_string());
    for pair in constraints.windows(2) {
        if order(&pair[0].1, &pair[1].1)? != Ordering::Less {
            return Err(format!("the range `{range}` is not sorted by version"));
        }
    }
    let mut is_inside = None;
    let mut is_open = false;
    for (comparator, bound) in &constraints {
        let place = order(version, bound)?;
        match comparator {
            Comparator::Equal if place == Ordering::Equal => return Ok(true),
            Comparator::NotEqual if place == Ordering::Equal => return Ok(false),
            Comparator::Equal | Comparator::NotEqual => {}
            Comparator::Greater | Comparator::GreaterOrEqual if is_open => {
                return Err(format!("the range `{range}` opens twice without an end"));
            }
            Comparator::Greater | Comparator::GreaterOrEqual => {
                is_open = true;
                if place == Ordering::Greater
                    || (place == Ordering::Equal && *comparator == Comparator::GreaterOrEqual)
                {
                    is_inside = None;
                } else {
                    // Below this interval: what was decided of those before it stays.
                    return Ok(is_inside == Some(true));
                }
            }
            Comparator::Less | Comparator::LessOrEqual => {
                is_open = false;
                let is_below = place == Ordering::Less
                    || (place == Ordering::Equal && *comparator == Comparator::LessOrEqual);
                if is_below {
                    is_inside = Some(true);
                    break;
                }
                is_inside = Some(false);
            }
        }
    }
    let only_exclusions = constraints.iter().all(|(comparator, _)| *comparator == Comparator::NotEqual);
    Ok(is_inside.unwrap_or(is_open || only_exclusions))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

fn constraint(text: &str) -> Option<(Comparator, String)> {
    let text = text.trim();
    let (comparator, version) = [
        ("!=", Comparator::NotEqual),
        ("<=", Comparator::LessOrEqual),
        (">=", Comparator::GreaterOrEqual),
        ("<", Comparator::Less),
        (">", Comparator::Greater),
        ("=", Comparator::Equal),
    ]
    .into_iter()
    .find_map(|(sign, comparator)| Some((comparator, text.strip_prefix(sign)?)))
    .unwrap_or((Comparator::Equal, text));
    let version = decoded(version.trim())?;
    let is_version = !version.is_empty() && !version.starts_with(['<', '>', '=', '!', '*']);
    is_version.then_some((comparator, version))
}

/// Versions in ranges are percent-encoded as those in package URLs.
fn decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    if text.contains(['@', '?', '#', '/']) {
        return None;
    }
    // A package URL of that version has the same escapes.
    let purl: plimsoll_model::Purl = format!("pkg:generic/a@{text}").parse().ok()?;
    Some(purl.version)
}

fn scheme(kind: &str) -> Option<Scheme> {
    Some(match kind {
        "alpm" | "arch" => Scheme::Alpm,
        "alpine" | "apk" => Scheme::Apk,
        "composer" => Scheme::Composer,
        "deb" | "debian" => Scheme::Debian,
        "gem" => Scheme::Gem,
        "golang" => Scheme::Go,
        "maven" => Scheme::Maven,
        "npm" => Scheme::Npm,
        "nuget" => Scheme::NuGet,
        "pypi" => Scheme::Pep440,
        "rpm" => Scheme::Rpm,
        "cargo" | "hex" | "pub" | "semver" | "swift" => Scheme::SemVer,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_ranges() {
        for (range, inside, outside) in [
            ("vers:deb/3.0.11-1", "3.0.11-1", "3.0.12-1"),
            ("vers:deb/>=1.0|<2.0", "1.5", "2.0"),
            ("vers:deb/>=1.0|<2.0", "1.0", "0.9"),
            ("vers:deb/>1.0|<=2.0", "2.0", "1.0"),
            ("vers:npm/<1.2.3", "1.2.2", "1.2.3"),
            ("vers:npm/>=1.2.3", "9.0.0", "1.2.2"),
            ("vers:npm/<1.0.0|>=2.0.0|<3.0.0", "0.9.0", "1.5.0"),
            ("vers:npm/<1.0.0|>=2.0.0|<3.0.0", "2.5.0", "3.0.0"),
            ("vers:npm/1.0.0|>=2.0.0|<3.0.0", "1.0.0", "1.0.1"),
            ("vers:npm/>=1.0.0|!=1.5.0|<2.0.0", "1.4.0", "1.5.0"),
            ("vers:npm/!=1.5.0", "1.4.0", "1.5.0"),
            ("vers:pypi/<=1.0", "1.0.0", "1.0.1"),
            ("vers:deb/<1.0%2Bdfsg-1", "1.0", "1.0+dfsg-1"),
            ("vers:generic/1|2", "2", "3"),
        ] {
            assert_eq!(contains(range, inside), Ok(true), "{range} {inside}");
            assert_eq!(contains(range, outside), Ok(false), "{range} {outside}");
        }
        assert_eq!(contains("vers:npm/*", "anything"), Ok(true));
    }

    #[test]
    fn what_cannot_be_told_is_no_answer() {
        for range in [
            "",
            "<2.0",
            "vers:",
            "vers:npm",
            "vers:npm/",
            "vers:npm/<",
            "vers:npm/<2.0.0|>=1.0.0",
            "vers:npm/>=1.0.0|>=2.0.0",
            "vers:npm/><1.0.0",
            "vers:npm/<%zz",
            "vers:generic/>=1|<2",
            "vers:npm/<no version",
        ] {
            assert!(contains(range, "1.5.0").is_err(), "{range}");
        }
    }
}
