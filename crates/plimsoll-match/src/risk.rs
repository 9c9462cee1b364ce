//! How pressing a finding is, as one number.
//!
//! Risk is *threat* times *impact*, on a scale from 0.0 to 100.0, counted in tenths.
//!
//! - Impact, 0.0 to 10.0: the CVSS score of the severity that counts; where only a word counts, the middle of its band.
//!   Of a flaw that is known to be exploited, the upper end of the band: what attackers use is as bad as its word can be.
//! - Threat, 0 to 1: for a flaw that is known to be exploited 0.95, and 1 if ransomware uses it. For any other the EPSS
//!   probability, brought into the room between a floor by severity and 0.90: a flaw that nobody has scored is no flaw
//!   without a threat, and no guess outweighs what is known. So an exploited flaw is above every other of its severity.
//! - A malicious package is 100.0. A notice that is no flaw is 0.0.
//!
//! All in integers, so that the number is the same everywhere. `docs/severity.md` has a worked example.

use plimsoll_model::{Finding, Severity, SeveritySource};

/// The top of the scale, in tenths.
pub const MAX_RISK_TENTHS: u16 = 1000;

/// One, in the hundred-thousandths in which EPSS and threats are counted.
const ONE: u64 = 100_000;
/// Threat of a flaw that is known to be exploited.
const EXPLOITED: u64 = 95_000;
/// Highest threat of a flaw that is not known to be exploited.
const MAX_UNKNOWN: u64 = 90_000;

/// The risk of a finding in tenths, from 0 to [`MAX_RISK_TENTHS`]. Looks at its severity, EPSS, KEV entry, and whether it
/// is malicious or a notice.
pub fn risk(finding: &Finding) -> u16 {
    if finding.malicious {
        return MAX_RISK_TENTHS;
    }
    if finding.informational.is_some() {
        return 0;
    }
    let severity = finding.severity.severity;
    let (impact, threat) = if let Some(entry) = &finding.kev {
        (upper_end(severity), if entry.ransomware { ONE } else { EXPLOITED })
    } else {
        let floor = floor(severity);
        let probability = finding.epss.map_or(0, |epss| u64::from(epss.probability).min(ONE));
        (impact(finding), floor + (MAX_UNKNOWN - floor) * probability / ONE)
    };
    // Impact in tenths of 10, risk in tenths of 100: ten times the product, rounded to the nearest.
    let tenths = (impact * threat * 10 + ONE / 2) / ONE;
    u16::try_from(tenths).map_or(MAX_RISK_TENTHS, |tenths| tenths.min(MAX_RISK_TENTHS))
}

/// The score of the severity that counts; the middle of its band where it is a word.
fn impact(finding: &Finding) -> u64 {
    match &finding.severity.source {
        SeveritySource::Cvss { score, .. } | SeveritySource::Score { score, .. } => {
            u64::from(*score).min(100)
        }
        SeveritySource::Word(_) | SeveritySource::Malicious | SeveritySource::Nobody => {
            middle(finding.severity.severity)
        }
    }
}

/// The middle of a word's CVSS band, in tenths. A severity that nobody has said counts as a medium one.
fn middle(severity: Severity) -> u64 {
    match severity {
        Severity::Critical => 95,
        Severity::High => 80,
        Severity::Medium | Severity::Unknown => 55,
        Severity::Low => 20,
        Severity::Negligible => 5,
    }
}

/// Where the band above a word's own begins, in tenths.
fn upper_end(severity: Severity) -> u64 {
    match severity {
        Severity::Critical => 100,
        Severity::High => 90,
        Severity::Medium | Severity::Unknown => 70,
        Severity::Low => 40,
        Severity::Negligible => 10,
    }
}

/// Threat of a flaw of that severity of which nothing else is known.
fn floor(severity: Severity) -> u64 {
    match severity {
        Severity::Critical => 10_000,
        Severity::High => 6_000,
        Severity::Medium | Severity::Unknown => 3_000,
        Severity::Low => 1_000,
        Severity::Negligible => 0,
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{Epss, KevEntry, SeverityChoice};

    use super::*;

    /// `HIGH 75 epss=97565 kev ransomware malicious notice`: word, score in tenths, what else is known.
    fn finding(text: &str) -> Finding {
        let words: Vec<&str> = text.split(' ').collect();
        let score = words.iter().find_map(|word| word.parse().ok());
        let source = match score {
            Some(score) => SeveritySource::Score { source: "nvd".to_owned(), score },
            None => SeveritySource::Word("debian".to_owned()),
        };
        let epss = words.iter().find_map(|word| word.strip_prefix("epss=")?.parse().ok());
        let exploited = words.iter().any(|word| matches!(*word, "kev" | "ransomware"));
        Finding {
            severity: SeverityChoice { severity: words[0].parse().unwrap(), source },
            kev: exploited.then(|| KevEntry {
                id: "CVE-2021-44228".to_owned(),
                date_added: String::new(),
                due_date: String::new(),
                ransomware: words.contains(&"ransomware"),
                name: String::new(),
            }),
            epss: epss.map(|probability| Epss { probability, percentile: 0 }),
            malicious: words.contains(&"malicious"),
            informational: words.contains(&"notice").then(|| "unmaintained".to_owned()),
            ..Finding::new("CVE-2021-44228", vec![0])
        }
    }

    #[test]
    fn risk_is_threat_times_impact() {
        for (text, tenths) in [
            ("CRITICAL 100 ransomware", 1000),
            ("CRITICAL 98 kev", 950),
            ("CRITICAL kev epss=0", 950),
            ("CRITICAL 100 epss=100000", 900),
            ("CRITICAL 98 epss=97565", 863),
            ("CRITICAL 98", 98),
            ("CRITICAL", 95),
            ("HIGH 75 epss=50000", 360),
            ("HIGH 75 epss=43", 45),
            ("HIGH ransomware", 900),
            ("HIGH", 48),
            ("MEDIUM", 17),
            ("UNKNOWN", 17),
            ("UNKNOWN kev", 665),
            ("LOW epss=1000", 4),
            ("LOW", 2),
            ("NEGLIGIBLE", 0),
            ("NEGLIGIBLE 0 epss=100000", 0),
            ("HIGH epss=4294967295", 720),
            ("CRITICAL 255", 100),
            ("UNKNOWN malicious", 1000),
            ("CRITICAL kev notice", 0),
        ] {
            assert_eq!(risk(&finding(text)), tenths, "{text}");
        }
    }

    #[test]
    fn what_is_exploited_is_above_all_else_of_its_severity() {
        for (severity, highest) in
            [("CRITICAL", 100), ("HIGH", 89), ("MEDIUM", 69), ("LOW", 39), ("NEGLIGIBLE", 0), ("UNKNOWN", 55)]
        {
            let exploited = risk(&finding(&format!("{severity} kev epss=0")));
            let ransomware = risk(&finding(&format!("{severity} ransomware epss=0")));
            let other = risk(&finding(&format!("{severity} {highest} epss=100000")));
            assert!(
                other < exploited && exploited < ransomware,
                "{severity}: {other} {exploited} {ransomware}"
            );
        }
    }

    #[test]
    fn a_more_probable_flaw_is_never_less_pressing() {
        for severity in ["CRITICAL", "HIGH", "MEDIUM", "LOW"] {
            let risks: Vec<u16> = (0..=100)
                .map(|percent| risk(&finding(&format!("{severity} epss={}", percent * 1000))))
                .collect();
            assert!(risks.is_sorted(), "{severity}: {risks:?}");
        }
    }
}
