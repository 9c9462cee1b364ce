//! The flaws that an advisory names, and the one name of a flaw.
//!
//! A record is of one of two sorts. Most speak of *one flaw* and list its names: `GHSA-…`, `PYSEC-…`,
//! `UBUNTU-CVE-…`, `CGA-…`. A *collected advisory* of a distribution (`DSA-…`, `ALSA-…`, `USN-…`) speaks of one
//! update that mends several flaws, each of which is a finding of its own.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use plimsoll_model::Advisory;

/// Names taken from one advisory; the largest collected ones name a few hundred.
const MAX_NAMES: usize = 4096;

/// Prefixes of collected advisories.
///
/// Source: OSV schema 1.7, "Currently defined database prefixes", and each database's own pages.
const COLLECTED: &[&str] = &[
    "ALAS",
    "ALBA-",
    "ALEA-",
    "ALSA-",
    "AVG-",
    "DLA-",
    "DSA-",
    "DTSA-",
    "ELBA-",
    "ELEA-",
    "ELSA-",
    "FEDORA-",
    "LSN-",
    "MGASA-",
    "OESA-",
    "PHSA-",
    "RHBA-",
    "RHEA-",
    "RHSA-",
    "RLBA-",
    "RLEA-",
    "RLSA-",
    "RXSA-",
    "SUSE-FU-",
    "SUSE-OU-",
    "SUSE-RU-",
    "SUSE-SU-",
    "USN-",
    "openSUSE-FU-",
    "openSUSE-OU-",
    "openSUSE-RU-",
    "openSUSE-SU-",
];

/// Collected advisories that mend bugs or add features: one that names no flaw is none.
const NOT_OF_SECURITY: &[&str] = &[
    "ALBA-",
    "ALEA-",
    "ELBA-",
    "ELEA-",
    "RHBA-",
    "RHEA-",
    "RLBA-",
    "RLEA-",
    "SUSE-FU-",
    "SUSE-OU-",
    "SUSE-RU-",
    "openSUSE-FU-",
    "openSUSE-OU-",
    "openSUSE-RU-",
];

/// Collected advisories that name the flaws they mend as `related`.
const RELATED_NAMES_FLAWS: &[&str] = &["ALBA-", "ALEA-", "ALSA-", "RLBA-", "RLEA-", "RLSA-", "RXSA-"];

/// Which name stands for a flaw that has no CVE, the best first.
const PREFERENCE: &[&str] = &["MAL-", "GHSA-", "GO-", "PYSEC-", "RUSTSEC-", "DRUPAL-", "BIT-", "TEMP-"];

/// The flaws of one advisory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaws {
    /// Each with all the names that the advisory gives it, at least one. Empty for an update that mends no flaw.
    pub(crate) names: Vec<BTreeSet<String>>,
    /// Whether the advisory speaks of one flaw by its sort, so that its words, vectors and text are of that flaw.
    pub(crate) single: bool,
}

/// Whether the advisory of that ID collects flaws.
pub(crate) fn is_collected(id: &str) -> bool {
    starts_with_any(id, COLLECTED)
}

/// Whether the advisory of that ID is published with the update that it speaks of. A group of Arch Linux's tracker is opened
/// when a flaw becomes known, and stays when the fix comes.
pub(crate) fn is_erratum(id: &str) -> bool {
    is_collected(id) && !id.starts_with("AVG-")
}

/// The flaws that an advisory names.
pub(crate) fn flaws(advisory: &Advisory) -> Flaws {
    let upstream = names_in(&advisory.upstream);
    let aliases = names_in(&advisory.aliases);
    let upstream_cves = upstream.iter().filter(|name| is_cve(name)).count();
    if !is_collected(&advisory.id) && upstream_cves <= 1 {
        let mut names: BTreeSet<String> = aliases.into_iter().chain(upstream).collect();
        let own = canonical(&advisory.id);
        // A downstream's document *about* the flaws upstream names is no name of them: `CGA-…`, `AZL-…`.
        if names.is_empty() || advisory.upstream.is_empty() || is_cve(&own) {
            names.insert(own);
        }
        return Flaws { names: vec![names], single: true };
    }
    let mut each: BTreeSet<String> = upstream.into_iter().filter(|name| !is_collected(name)).collect();
    if upstream_cves == 0 {
        each.extend(aliases.into_iter().filter(|name| is_cve(name)));
    }
    if starts_with_any(&advisory.id, RELATED_NAMES_FLAWS) && !each.iter().any(|name| is_cve(name)) {
        each.extend(names_in(&advisory.related).into_iter().filter(|name| is_cve(name)));
    }
    if each.is_empty() && !starts_with_any(&advisory.id, NOT_OF_SECURITY) {
        each.insert(advisory.id.clone());
    }
    let single = each.len() == 1;
    Flaws { names: each.into_iter().map(|name| BTreeSet::from([name])).collect(), single }
}

/// Whether a name is a CVE's.
pub(crate) fn is_cve(name: &str) -> bool {
    cve_number(name).is_some()
}

/// The CVE a database's own name is made of, `UBUNTU-CVE-2020-1967`; any other name as it is.
pub(crate) fn canonical(name: &str) -> String {
    let name = name.trim();
    match name.find("-CVE-") {
        Some(at) if is_cve(&name[at + 1..]) => name[at + 1..].to_owned(),
        _ => name.to_owned(),
    }
}

/// The name to know a flaw by: the CVE, the earliest where it has several, else by [`PREFERENCE`], else the first
/// in the order of the alphabet. `None` for no names.
pub(crate) fn best_name<'a>(names: impl IntoIterator<Item = &'a String>) -> Option<&'a String> {
    names.into_iter().min_by(|a, b| by_preference(a, b))
}

/// The order of CVEs by year and number, where `CVE-2020-9999` is before `CVE-2020-10000`.
fn by_preference(a: &str, b: &str) -> Ordering {
    let rank = |name: &str| PREFERENCE.iter().position(|prefix| name.starts_with(prefix));
    match (cve_number(a), cve_number(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => {
            let last = PREFERENCE.len();
            (rank(a).unwrap_or(last), a).cmp(&(rank(b).unwrap_or(last), b))
        }
    }
}

/// Year, and number as its length without leading zeros and its digits.
fn cve_number(name: &str) -> Option<(&str, usize, &str)> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (year, number) = name.strip_prefix("CVE-")?.split_once('-')?;
    (year.len() == 4 && digits(year) && digits(number)).then(|| {
        let number = number.trim_start_matches('0');
        (year, number.len(), number)
    })
}

fn names_in(list: &[String]) -> Vec<String> {
    let mut names: Vec<String> =
        list.iter().take(MAX_NAMES).map(|name| canonical(name)).filter(|name| !name.is_empty()).collect();
    names.sort();
    names.dedup();
    names
}

fn starts_with_any(id: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| id.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn check(id: &str, aliases: &str, upstream: &str, related: &str, expected: &str) {
        let advisory = Advisory {
            id: id.to_owned(),
            aliases: words(aliases),
            upstream: words(upstream),
            related: words(related),
            ..Advisory::default()
        };
        let found: Vec<String> = flaws(&advisory)
            .names
            .iter()
            .map(|names| names.iter().cloned().collect::<Vec<_>>().join("="))
            .collect();
        assert_eq!(found.join(" "), expected, "{id}");
    }

    #[test]
    fn a_record_of_one_flaw_lists_its_names() {
        check("GHSA-jfh8-c2jp-5v3q", "CVE-2021-44228", "", "", "CVE-2021-44228=GHSA-jfh8-c2jp-5v3q");
        check("PYSEC-2020-1", "", "", "", "PYSEC-2020-1");
        check("UBUNTU-CVE-2020-1967", "", "CVE-2020-1967", "", "CVE-2020-1967");
        check("UBUNTU-CVE-2020-1967", "", "", "", "CVE-2020-1967");
        check("BELL-CVE-2020-1967", "", "CVE-2020-1967", "CVE-2020-1", "CVE-2020-1967");
        check(
            "CGA-2222-3333-4444",
            "",
            "CVE-2024-1 GHSA-aaaa-bbbb-cccc",
            "",
            "CVE-2024-1=GHSA-aaaa-bbbb-cccc",
        );
        check("AZL-34538", "", "CVE-2024-26616", "", "CVE-2024-26616");
        check(
            "GO-2020-0005",
            "CVE-2020-15106 CVE-2020-15112",
            "",
            "",
            "CVE-2020-15106=CVE-2020-15112=GO-2020-0005",
        );
        check("DRUPAL-CONTRIB-2017-082", "", "", "", "DRUPAL-CONTRIB-2017-082");
    }

    #[test]
    fn a_collected_advisory_names_several_flaws() {
        check("DSA-5343-1", "", "CVE-2022-4304 CVE-2023-0286", "", "CVE-2022-4304 CVE-2023-0286");
        check("DSA-1-1", "", "", "CVE-2023-0286", "DSA-1-1");
        check("USN-1-1", "", "CVE-2020-1 UBUNTU-CVE-2020-1 CVE-2020-2", "", "CVE-2020-1 CVE-2020-2");
        check("ALSA-2025:1372", "", "", "CVE-2024-11218 CVE-2024-9", "CVE-2024-11218 CVE-2024-9");
        check("ALSA-2025:1372", "", "CVE-2024-1", "CVE-2024-2", "CVE-2024-1");
        check("RHSA-2025:1", "CVE-2024-1 CVE-2024-2", "", "", "CVE-2024-1 CVE-2024-2");
        check("SUSE-SU-2024:1-1", "", "CVE-2024-1 CVE-2024-2", "", "CVE-2024-1 CVE-2024-2");
        check("AZL-1", "", "CVE-2024-1 CVE-2024-2", "", "CVE-2024-1 CVE-2024-2");
    }

    #[test]
    fn an_update_without_a_flaw_is_none_unless_it_is_of_security() {
        check("ALBA-2021:4258", "", "", "", "");
        check("ALBA-2021:4258", "", "", "CVE-2021-1", "CVE-2021-1");
        check("SUSE-RU-2024:1-1", "", "", "", "");
        check("ALSA-2021:4258", "", "", "", "ALSA-2021:4258");
    }

    #[test]
    fn the_best_name_is_the_earliest_cve() {
        for (names, best) in [
            ("GHSA-a CVE-2020-10000 CVE-2020-9999", "CVE-2020-9999"),
            ("PYSEC-2020-1 GHSA-b GHSA-a", "GHSA-a"),
            ("x_OSVDB-1 RUSTSEC-2020-1", "RUSTSEC-2020-1"),
            ("CVE-20-1 GHSA-a", "GHSA-a"),
            ("b a", "a"),
        ] {
            assert_eq!(best_name(&words(names)).unwrap(), best);
        }
        assert_eq!(best_name(&[]), None);
    }
}
