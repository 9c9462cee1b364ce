//! What several formats say of a finding, said once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use plimsoll_model::{Finding, FixAction, FixState, Gap, Package, Scan, Severity, SeveritySource};
use sha2::{Digest as _, Sha256};

/// The rules that each finding failed, by its index.
pub(crate) fn failed_rules(scan: &Scan) -> BTreeMap<usize, Vec<&str>> {
    let mut rules: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (index, ruling) in scan.decision.failures() {
        rules.entry(index).or_default().push(ruling.rule.as_str());
    }
    rules
}

/// The packages of a finding, without indexes that are in no inventory.
pub(crate) fn packages<'a>(scan: &'a Scan, finding: &'a Finding) -> impl Iterator<Item = &'a Package> {
    finding.packages.iter().filter_map(|&index| scan.inventory.packages.get(index))
}

/// The file, and the path inside it: `app/service.jar/BOOT-INF/lib/a.jar`.
pub(crate) fn place(package: &Package) -> String {
    match &package.inner_path {
        Some(inner) => format!("{}/{inner}", package.path),
        None => package.path.clone(),
    }
}

/// All gaps: of reading, then of matching.
pub(crate) fn gaps(scan: &Scan) -> impl Iterator<Item = &Gap> {
    scan.inventory.gaps.iter().chain(&scan.match_gaps)
}

/// `var/lib/dpkg/status, lines 12-15: expected …, found … (dpkg)`.
pub(crate) fn gap_line(gap: &Gap) -> String {
    let mut text = gap.path.clone();
    if !gap.place.is_empty() {
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}{}", gap.place);
    }
    if !text.is_empty() {
        text.push_str(": ");
    }
    let _ = write!(text, "{} ({})", gap.reason, gap.reporter);
    text
}

/// What to do: `update openssl to 1.1.1n-0+deb11u4`, or why nothing can be done.
pub(crate) fn solution(finding: &Finding, package: &str) -> String {
    match &finding.fix {
        _ if finding.malicious => format!("remove {package}: it is itself the attack"),
        FixState::Fixed(version) => format!("update {package} to {version}"),
        FixState::NotFixed => "no fixed version is known".to_owned(),
        FixState::WillNotFix => "the distribution will not fix it".to_owned(),
        FixState::FixDeferred => "the distribution has put a fix off".to_owned(),
        FixState::UnderInvestigation => "the distribution has not judged it yet".to_owned(),
        FixState::EndOfLife => "the release gets no fixes any more: move to a supported one".to_owned(),
    }
}

/// What an action removes: `removes 3 findings, the worst CRITICAL`. Empty where it removes none.
pub(crate) fn removes(scan: &Scan, action: &FixAction) -> String {
    let removed: BTreeSet<usize> =
        action.upgrades.iter().flat_map(|upgrade| upgrade.removes.iter().copied()).collect();
    let removed: Vec<&Finding> = removed.iter().filter_map(|&index| scan.findings.get(index)).collect();
    match (removed.len(), removed.iter().map(|finding| severity(finding)).max()) {
        (1, Some(worst)) => format!("removes 1 finding, {worst}"),
        (number, Some(worst)) => format!("removes {number} findings, the worst {worst}"),
        (_, None) => String::new(),
    }
}

/// What the advice has no upgrade for, counted by reason: `2 findings: no fixed version is known`.
pub(crate) fn unfixable(scan: &Scan) -> Vec<String> {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in scan.advice.unfixable.iter().filter_map(|&index| scan.findings.get(index)) {
        let reason = match finding.fix {
            FixState::Fixed(_) => "the fix that is named does not clear it",
            FixState::NotFixed => "no fixed version is known",
            FixState::WillNotFix => "the distribution will not fix it",
            FixState::FixDeferred => "the distribution has put a fix off",
            FixState::UnderInvestigation => "the distribution has not judged it yet",
            FixState::EndOfLife => "the release gets no fixes any more",
        };
        *reasons.entry(reason).or_default() += 1;
    }
    let mut reasons: Vec<(&str, usize)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(reason, number)| (std::cmp::Reverse(*number), *reason));
    let line = |(reason, number)| {
        let word = if number == 1 { "finding" } else { "findings" };
        format!("no upgrade for {number} {word}: {reason}")
    };
    reasons.into_iter().map(line).collect()
}

/// The state of the fix in one word, as Trivy's reports have it.
pub(crate) fn fix_word(fix: &FixState) -> &'static str {
    match fix {
        FixState::Fixed(_) => "fixed",
        FixState::NotFixed => "affected",
        FixState::WillNotFix => "will_not_fix",
        FixState::FixDeferred => "fix_deferred",
        FixState::UnderInvestigation => "under_investigation",
        FixState::EndOfLife => "end_of_life",
    }
}

/// The title, or where nobody has one, what is known: `CVE-2007-6755 in libssl1.1`.
pub(crate) fn title(finding: &Finding, package: &str) -> String {
    if finding.title.is_empty() { format!("{} in {package}", finding.id) } else { finding.title.clone() }
}

/// Who gave the severity that counts; `None` where nobody did.
pub(crate) fn severity_source(finding: &Finding) -> Option<&str> {
    match &finding.severity.source {
        SeveritySource::Word(source)
        | SeveritySource::Cvss { source, .. }
        | SeveritySource::Score { source, .. } => Some(source),
        SeveritySource::Malicious | SeveritySource::Nobody => None,
    }
}

/// The CVSS base score behind the severity that counts, in tenths.
pub(crate) fn score_tenths(finding: &Finding) -> Option<u8> {
    match finding.severity.source {
        SeveritySource::Cvss { score, .. } | SeveritySource::Score { score, .. } => Some(score),
        SeveritySource::Word(_) | SeveritySource::Malicious | SeveritySource::Nobody => None,
    }
}

/// The severity, a malicious package's being critical whatever was said.
pub(crate) fn severity(finding: &Finding) -> Severity {
    if finding.malicious { Severity::Critical } else { finding.severity.severity }
}

/// The first `length` characters, with `…` for what is cut away.
pub(crate) fn at_most(text: &str, length: usize) -> String {
    if text.chars().nth(length).is_none() {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(length.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// SHA-256 of the parts, told apart, in hex.
pub(crate) fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a finding is known by from one run to the next: flaw, package and file, but not the version, so that an update
/// that does not help leaves it the same.
pub(crate) fn fingerprint(finding: &Finding, package: &Package) -> String {
    let inner = package.inner_path.as_deref().unwrap_or("");
    hash(&[&finding.id, package.kind.purl_type(), &package.name, &package.path, inner])
}

/// A UUID of version 8 (custom) from a hash in hex.
///
/// Source: RFC 9562, section 5.8.
pub(crate) fn uuid(hash: &str) -> String {
    let mut digits: Vec<char> = hash.chars().take(32).collect();
    digits.resize(32, '0');
    digits[12] = '8';
    let variant = digits[16].to_digit(16).unwrap_or(0) & 3 | 8;
    digits[16] = char::from_digit(variant, 16).unwrap_or('8');
    let part = |from: usize, to: usize| digits[from..to].iter().collect::<String>();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// The addresses of a finding's references that a browser may be sent to.
pub(crate) fn links(finding: &Finding) -> impl Iterator<Item = &str> {
    finding.references.iter().map(|reference| reference.url.as_str()).filter(|url| is_web_address(url))
}

/// Whether it is an `http` or `https` address of printable ASCII without quotes, brackets and blanks.
pub(crate) fn is_web_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && rest.bytes().all(|byte| {
                byte.is_ascii_graphic()
                    && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
            })
    })
}

/// A relative reference of RFC 3986 to a path: what is no unreserved character is written as `%20`.
pub(crate) fn uri_path(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !matches!(*segment, "" | "." | "..")) {
        if !uri.is_empty() {
            uri.push('/');
        }
        for byte in segment.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' | b'+' => {
                    uri.push(char::from(byte));
                }
                _ => {
                    let _ = write!(uri, "%{byte:02X}");
                }
            }
        }
    }
    uri
}

/// What a dependency is to the application, in the words that Trivy and GitHub share.
///
/// Source: Trivy, `fanal/types`, `Relationship`; GitHub REST API, "Dependency submission", `relationship`.
pub(crate) fn relationship(direct: bool) -> &'static str {
    if direct { "direct" } else { "indirect" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_references_that_lead_nowhere_else() {
        for (path, uri) in [
            ("usr/bin/app", "usr/bin/app"),
            ("/a//b/./../c", "a/b/c"),
            ("a b#c?d:e", "a%20b%23c%3Fd%3Ae"),
            ("srv/@babel/größe", "srv/@babel/gr%C3%B6%C3%9Fe"),
            ("\u{1b}[2J", "%1B%5B2J"),
            ("", ""),
        ] {
            assert_eq!(uri_path(path), uri);
        }
    }

    #[test]
    fn only_web_addresses_are_linked() {
        for (url, good) in [
            ("https://nvd.nist.gov/vuln/detail/CVE-2021-44228", true),
            ("http://a.example/?b=c&d", true),
            ("javascript:alert(1)", false),
            ("https://", false),
            ("https://a.example/\">", false),
            ("https://a.example/a b", false),
            ("", false),
        ] {
            assert_eq!(is_web_address(url), good, "{url}");
        }
    }

    #[test]
    fn texts_are_cut_by_characters() {
        assert_eq!(at_most("größe", 5), "größe");
        assert_eq!(at_most("größe", 4), "grö…");
        assert_eq!(at_most("", 0), "");
    }

    #[test]
    fn a_uuid_has_its_version_and_variant() {
        assert_eq!(uuid(&"f".repeat(64)), "ffffffff-ffff-8fff-bfff-ffffffffffff");
        assert_eq!(uuid(""), "00000000-0000-8000-8000-000000000000");
    }
}
