//! Severities, in the words and numbers that the databases use.

use std::borrow::Cow;

use plimsoll_model::{Rating, RatingScale, Severity};

/// Prefixes of advisory IDs and the database that gives them out.
///
/// Source: OSV schema 1.7, `id`, table of prefixes; those of `AlmaLinux`, Rocky and Alpine by their own documents.
const DATABASES: &[(&str, &str)] = &[
    ("ALBA-", "almalinux"),
    ("ALEA-", "almalinux"),
    ("ALPINE-", "alpine"),
    ("ALSA-", "almalinux"),
    ("AZL-", "azurelinux"),
    ("BELL-", "bellsoft"),
    ("BIT-", "bitnami"),
    ("CGA-", "chainguard"),
    ("CVE-", "cve"),
    ("DEBIAN-", "debian"),
    ("DLA-", "debian"),
    ("DRUPAL-", "drupal"),
    ("DSA-", "debian"),
    ("DTSA-", "debian"),
    ("ECHO-", "echo"),
    ("EEF-", "eef"),
    ("GHSA-", "ghsa"),
    ("GO-", "govulndb"),
    ("GSD-", "gsd"),
    ("HSEC-", "haskell"),
    ("LSN-", "ubuntu"),
    ("MAL-", "ossf"),
    ("MGASA-", "mageia"),
    ("MINI-", "minimos"),
    ("OESA-", "openeuler"),
    ("OSV-", "oss-fuzz"),
    ("PHSA-", "photon"),
    ("PSF-", "psf"),
    ("PYSEC-", "pypa"),
    ("RHBA-", "redhat"),
    ("RHEA-", "redhat"),
    ("RHSA-", "redhat"),
    ("RLBA-", "rocky"),
    ("RLEA-", "rocky"),
    ("RLSA-", "rocky"),
    ("RSEC-", "rconsortium"),
    ("RUSTSEC-", "rustsec"),
    ("RXSA-", "rocky"),
    ("SUSE-", "suse"),
    ("UBUNTU-", "ubuntu"),
    ("USN-", "ubuntu"),
    ("openSUSE-", "suse"),
];

/// The database that gave an advisory its ID, in lower case: `GHSA-…` is `ghsa`'s. An unknown prefix is its own
/// database: `x_NSWG-ECO-12` gives `nswg`.
pub fn database_of(id: &str) -> Cow<'static, str> {
    if let Some((_, database)) = DATABASES.iter().find(|(prefix, _)| id.starts_with(prefix)) {
        return Cow::Borrowed(database);
    }
    let own = id.strip_prefix("x_").unwrap_or(id);
    let prefix = own.split('-').next().unwrap_or(own);
    Cow::Owned(prefix.to_ascii_lowercase())
}

/// Reads a severity, whatever scale it is in: a CVSS vector, a base score, or a word. `None` for what says nothing:
/// an empty text, `not yet assigned`, a score outside 0 to 10.
///
/// The declared type is not asked, because databases put words and scores where their type promises a vector.
pub(crate) fn scale(text: &str) -> Option<RatingScale> {
    let text = text.trim();
    let bare = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(text);
    if bare.starts_with("CVSS:") || bare.starts_with("AV:") {
        return Some(RatingScale::Cvss(bare.to_owned()));
    }
    if let Ok(score) = bare.parse::<f64>() {
        return tenths(score).map(RatingScale::Score);
    }
    // Debian marks urgencies that it inherited with one or two stars.
    match bare.trim_end_matches('*').parse() {
        Ok(Severity::Unknown) | Err(_) => None,
        Ok(severity) => Some(RatingScale::Word(severity)),
    }
}

/// A CVSS base score in tenths; `None` outside 0 to 10.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100 by the check before")]
pub(crate) fn tenths(score: f64) -> Option<u8> {
    (0.0..=10.0).contains(&score).then(|| (score * 10.0).round() as u8)
}

/// The word before the colon of an enterprise Linux erratum's title, as in `Important: kernel security update`.
pub(crate) fn title_word(database: &str, summary: &str) -> Option<Severity> {
    if !matches!(database, "almalinux" | "rocky" | "redhat") {
        return None;
    }
    match summary.split_once(':')?.0.trim() {
        "Critical" => Some(Severity::Critical),
        "Important" => Some(Severity::High),
        "Moderate" => Some(Severity::Medium),
        "Low" => Some(Severity::Low),
        _ => None,
    }
}

/// Ratings that are kept of one record, and of one package in it.
const MAX_RATINGS: usize = 64;

/// Adds a rating that is not there yet.
pub(crate) fn add(ratings: &mut Vec<Rating>, source: &str, scale: RatingScale) {
    let rating = Rating { source: source.to_owned(), scale };
    if ratings.len() < MAX_RATINGS && !ratings.contains(&rating) {
        ratings.push(rating);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_the_database_it_is_of() {
        for (id, database) in [
            ("GHSA-jfh8-c2jp-5v3q", "ghsa"),
            ("DSA-5343-1", "debian"),
            ("DEBIAN-CVE-2024-1", "debian"),
            ("UBUNTU-CVE-2024-1", "ubuntu"),
            ("ALSA-2022:1065", "almalinux"),
            ("RHSA-2022:1065", "redhat"),
            ("CVE-2021-44228", "cve"),
            ("openSUSE-SU-2024:1-1", "suse"),
            ("x_NSWG-ECO-12", "nswg"),
            ("NEWDB-2030-1", "newdb"),
            ("", ""),
        ] {
            assert_eq!(database_of(id), database, "{id}");
        }
    }

    #[test]
    fn scales_are_told_apart_by_what_is_written() {
        let word = |severity| Some(RatingScale::Word(severity));
        for (text, expected) in [
            ("CVSS:3.1/AV:N/AC:L", Some(RatingScale::Cvss("CVSS:3.1/AV:N/AC:L".into()))),
            ("(AV:N/AC:L/Au:N/C:P/I:P/A:P)", Some(RatingScale::Cvss("AV:N/AC:L/Au:N/C:P/I:P/A:P".into()))),
            ("9.8", Some(RatingScale::Score(98))),
            ("10", Some(RatingScale::Score(100))),
            ("0.29", Some(RatingScale::Score(3))),
            ("10.1", None),
            ("-1", None),
            ("NaN", None),
            ("MODERATE", word(Severity::Medium)),
            ("unimportant", word(Severity::Negligible)),
            ("medium**", word(Severity::Medium)),
            ("not yet assigned", None),
            ("end-of-life", None),
            ("untriaged", None),
            ("unknown", None),
            ("", None),
        ] {
            assert_eq!(scale(text), expected, "{text}");
        }
    }

    #[test]
    fn enterprise_errata_say_their_severity_in_the_title() {
        let title = "Important: kernel security update";
        assert_eq!(title_word("almalinux", title), Some(Severity::High));
        assert_eq!(title_word("ghsa", title), None);
        assert_eq!(title_word("almalinux", "container-tools: bug fix"), None);
        assert_eq!(title_word("almalinux", "authd bug fix update"), None);
    }
}
