use plimsoll_model::{
    BaseImage, Epss, Evidence, FixState, Inventory, KevEntry, Layer, Newness, Owner, Package, PackageKind,
    Severity, SeverityChoice, SeveritySource, SourcePackage,
};

use super::*;
use crate::policy::{FIELDS, Flags};

const NOW: &str = "2026-03-01T12:00:00Z";

/// A finding about which everything is known, at two places.
fn finding() -> Finding {
    Finding {
        aliases: vec!["GHSA-1".to_owned()],
        advisories: vec!["DSA-1".to_owned()],
        fix: FixState::Fixed("3.0.2".to_owned()),
        fixed_since: "2026-02-25".to_owned(),
        severity: SeverityChoice {
            severity: Severity::High,
            source: SeveritySource::Cvss { source: "nvd".to_owned(), vector: String::new(), score: 75 },
        },
        published: "2026-02-19T12:00:00Z".to_owned(),
        cwes: vec!["CWE-79".to_owned()],
        kev: Some(KevEntry {
            id: "CVE-2026-1".to_owned(),
            date_added: "2026-02-20".to_owned(),
            due_date: "2026-03-13".to_owned(),
            ransomware: true,
            name: String::new(),
        }),
        epss: Some(Epss { probability: 25_000, percentile: 90_000 }),
        risk: 725,
        new: Some(Newness::Added),
        evidence: vec![Evidence {
            advisory: "DSA-1".to_owned(),
            source: "osv".to_owned(),
            namespace: "Debian:12".to_owned(),
            name: "openssl".to_owned(),
            version: "3.0.1".to_owned(),
            range: String::new(),
            fixed: None,
            note: String::new(),
        }],
        ..Finding::new("CVE-2026-1", vec![0, 1])
    }
}

/// A finding about which nothing is known but its name.
fn bare() -> Finding {
    Finding {
        aliases: Vec::new(),
        advisories: Vec::new(),
        packages: vec![2],
        fix: FixState::NotFixed,
        fixed_since: String::new(),
        severity: SeverityChoice { severity: Severity::Unknown, source: SeveritySource::Nobody },
        published: String::new(),
        cwes: Vec::new(),
        kev: None,
        epss: None,
        risk: 0,
        evidence: Vec::new(),
        new: None,
        ..finding()
    }
}

fn inventory() -> Inventory {
    let package = |path: &str, index: usize| Package {
        source: Some(SourcePackage { name: "openssl".to_owned(), version: "3.0.1".to_owned() }),
        licenses: vec!["Apache-2.0".to_owned()],
        direct: Some(true),
        path: path.to_owned(),
        introduced_in: Some(Layer { diff_id: "sha256:0".to_owned(), index }),
        ..Package::new(PackageKind::Deb, "libssl3", "3.0.1", "dpkg")
    };
    let other = Package::new(PackageKind::Npm, "left-pad", "", "npm");
    let mut inventory = Inventory {
        packages: vec![package("var/lib/dpkg/status", 0), package("opt/root/var/lib/dpkg/status", 3), other],
        base: Some(BaseImage { layers: 1, ..BaseImage::default() }),
        ..Inventory::default()
    };
    inventory.artifact.name = "registry.example/shop/web:1".to_owned();
    inventory
}

struct Case {
    policy: Policy,
    waivers: Waivers,
    now: &'static str,
}

impl Case {
    fn of(policy: &str) -> Self {
        let policy = Policy::from_file("p", policy).unwrap_or_else(|error| panic!("{policy}: {error}"));
        Self { policy, waivers: Waivers::default(), now: NOW }
    }

    fn judge(&self, findings: Vec<Finding>) -> Judged {
        let inventory = inventory();
        let now = self.now.parse().unwrap();
        let context = Context { now, inventory: Some(&inventory) };
        judge(&self.policy, &self.waivers, findings, &[], &[], &context).unwrap()
    }
}

/// What came of the only finding; `None` where it was dropped.
fn outcome(judged: &Judged) -> Option<Outcome> {
    assert_eq!(judged.decision.rulings.len(), judged.findings.len());
    assert_eq!(judged.findings.len() + judged.suppressed.len(), 1);
    judged.decision.rulings.first().map(|ruling| ruling.outcome)
}

fn rule(when: &str, action: &str, more: &str) -> String {
    format!("[[policy.rules]]\nname = '''{when}'''\nwhen = '''\n{when}'''\naction = \"{action}\"\n{more}\n")
}

fn fails(when: &str, findings: Vec<Finding>) -> bool {
    Case::of(&rule(when, "fail", "")).judge(findings).decision.verdict == Verdict::Failed
}

/// A condition that holds for [`finding`], and one that does not.
const DECIDING: &[(Field, &str, &str)] = &[
    (Field::Id, "id == 'CVE-2026-1'", "id == 'CVE-2026-2'"),
    (Field::Aliases, "'GHSA-1' in aliases", "'GHSA-2' in aliases"),
    (Field::Severity, "severity >= HIGH", "severity >= CRITICAL"),
    (Field::SeveritySource, "severity_source == 'nvd'", "severity_source == 'debian'"),
    (Field::Cvss, "cvss >= 7.5", "cvss > 7.5"),
    (Field::Epss, "epss >= 0.25", "epss < 0.25"),
    (Field::Kev, "kev", "!kev"),
    (Field::KevDue, "kev_due == '2026-03-13'", "kev_due < today"),
    (Field::Ransomware, "ransomware", "!ransomware"),
    (Field::Risk, "risk > 72 && risk < 73", "risk < 72"),
    (Field::Fixable, "fixable", "!fixable"),
    (Field::FixState, "fix_state == 'fixed'", "fix_state == 'will_not_fix'"),
    (Field::FixedVersion, "fixed_version == '3.0.2'", "fixed_version == '3.0.3'"),
    (Field::AgeDays, "age_days == 10", "age_days > 10"),
    (Field::FixAgeDays, "fix_age_days == 4", "fix_age_days > 4"),
    (Field::Today, "today == '2026-03-01'", "today > '2026-03-01'"),
    (Field::Cwes, "'CWE-79' in cwes", "cwes.size() == 0"),
    (Field::Malicious, "!malicious", "malicious"),
    (Field::Notice, "!notice", "notice"),
    (Field::EndOfLife, "!end_of_life", "end_of_life"),
    (Field::Undetermined, "!undetermined", "undetermined"),
    (Field::New, "new", "!new"),
    (Field::NewBecause, "new_because == 'added'", "new_because == 'learnt'"),
    (Field::Package, "package == 'libssl3'", "package == 'openssl'"),
    (Field::Version, "version == '3.0.1'", "version == '3.0.2'"),
    (Field::Ecosystem, "ecosystem == 'Debian'", "ecosystem == 'Debian:12'"),
    (Field::Kind, "kind == 'deb'", "kind == 'rpm'"),
    (Field::OsPackage, "os_package", "!os_package"),
    (Field::Application, "!application", "application"),
    (Field::OsOwned, "os_owned", "!os_owned"),
    (Field::Path, "path.like('opt/**')", "path == 'opt'"),
    (Field::Layer, "layer == 3", "layer == 1"),
    (Field::Inherited, "!inherited", "inherited && layer == 3"),
    (Field::Direct, "direct", "!direct"),
    (Field::Licence, "'Apache-2.0' in licence", "'MIT' in licence"),
];

#[test]
fn each_field_decides() {
    let named: Vec<Field> = DECIDING.iter().map(|(field, ..)| *field).collect();
    let all: Vec<Field> = FIELDS.iter().map(|info| info.field).collect();
    assert_eq!(named, all);
    for (_, holds, holds_not) in DECIDING {
        assert!(fails(holds, vec![finding()]), "{holds}");
        assert!(!fails(holds_not, vec![finding()]), "{holds_not}");
    }
}

#[test]
fn what_is_missing_decides_as_the_table_says() {
    for info in FIELDS {
        let name = info.name;
        let is_known = Case::of(&rule(&format!("known({name})"), "fail", ""));
        let found = is_known.judge(vec![bare()]).decision.verdict == Verdict::Failed;
        // The package and its kind are known, its version and the rest of it are not.
        let of_package = ["package", "kind", "os_package", "os_owned", "application"].contains(&name);
        let is_said = of_package || info.missing.is_empty() || info.missing == "an empty list";
        assert_eq!(found, is_said, "{name}");
    }
}

#[test]
fn the_first_rule_that_holds_decides() {
    let ignore = rule("package == 'libssl3'", "ignore", "reason = 'ours'");
    let warn = rule("severity >= HIGH", "warn", "");
    let fail = rule("kev", "fail", "");
    for (rules, outcome, verdict) in [
        ([&ignore, &warn, &fail], None, Verdict::Passed),
        ([&warn, &fail, &ignore], Some(Outcome::Warned), Verdict::Passed),
        ([&fail, &ignore, &warn], Some(Outcome::Failed), Verdict::Failed),
    ] {
        let judged = Case::of(&rules.map(String::as_str).concat()).judge(vec![finding()]);
        assert_eq!(self::outcome(&judged), outcome);
        assert_eq!(judged.decision.verdict, verdict);
        if outcome.is_none() {
            assert_eq!(judged.suppressed[0].words(), "ignored by package == 'libssl3' (p:1): ours");
        }
    }
    let judged = Case::of(&rule("epss > 0.9", "fail", "")).judge(vec![finding(), bare()]);
    assert_eq!(judged.decision.rulings[0].outcome, Outcome::Passed);
    assert!(judged.decision.rulings[0].notes.is_empty());
    assert_eq!(judged.decision.rulings[1].notes, ["rule `epss > 0.9` hangs on what nobody has said"]);
}

#[test]
fn a_rule_fails_for_any_place_and_ignores_for_all_only() {
    let judged =
        |when: &str, action: &str| outcome(&Case::of(&rule(when, action, "")).judge(vec![finding()]));
    assert_eq!(judged("path.like('opt/**')", "fail"), Some(Outcome::Failed));
    assert_eq!(judged("path.like('opt/**')", "warn"), Some(Outcome::Warned));
    assert_eq!(judged("path.like('opt/**')", "ignore"), Some(Outcome::Passed));
    assert_eq!(judged("path.like('**/status')", "ignore"), None);
    assert_eq!(judged("inherited", "ignore"), Some(Outcome::Passed));
}

#[test]
fn an_owned_file_of_a_language_is_the_distributions() {
    let mut inventory = inventory();
    let case = Case::of(&rule("os_owned && !os_package && !application", "fail", ""));
    inventory.packages[2].owner =
        Some(Owner { kind: PackageKind::Deb, name: "node-left-pad".to_owned(), version: String::new() });
    let context = Context { now: NOW.parse().unwrap(), inventory: Some(&inventory) };
    let judged = judge(&case.policy, &case.waivers, vec![bare()], &[], &[], &context).unwrap();
    assert_eq!(judged.decision.verdict, Verdict::Failed);
}

#[test]
fn a_window_counts_from_the_later_of_advisory_and_fix() {
    // Published on 19 February at noon, fixed on the 25th at midnight.
    let case = |now| Case { now, ..Case::of(&rule("kev", "fail", "after = '14d'")) };
    let without = || Finding { fixed_since: String::new(), ..finding() };
    for (now, with_fix, without_fix) in [
        ("2026-02-01T00:00:00Z", Some("2026-03-11"), Some("2026-03-05")),
        ("2026-03-05T11:59:59Z", Some("2026-03-11"), Some("2026-03-05")),
        ("2026-03-05T12:00:00Z", Some("2026-03-11"), None),
        ("2026-03-10T23:59:59Z", Some("2026-03-11"), None),
        ("2026-03-11T00:00:00Z", None, None),
    ] {
        for (finding, due) in [(finding(), with_fix), (without(), without_fix)] {
            let judged = case(now).judge(vec![finding]);
            // Before all of it there is nothing to wait for: the dates are ahead of the clock by more than the window.
            let ahead = now < "2026-02-02" && due.is_some();
            let due = if ahead { None } else { due };
            assert_eq!(judged.decision.rulings[0].due.as_deref(), due, "{now}");
            let failed = judged.decision.verdict == Verdict::Failed;
            assert_eq!(failed, due.is_none(), "{now}");
        }
    }
    let no_day = Finding { published: String::new(), ..without() };
    let judged = case(NOW).judge(vec![no_day]);
    assert_eq!(judged.decision.verdict, Verdict::Failed);
}

#[test]
fn while_a_window_is_open_later_rules_are_asked() {
    let text = rule("kev", "fail", "after = '30d'\nreason = 'exploited'");
    let judged = Case::of(&text).judge(vec![finding()]);
    let ruling = &judged.decision.rulings[0];
    assert_eq!((ruling.outcome, ruling.rule.as_str()), (Outcome::Warned, "kev"));
    assert_eq!(ruling.due.as_deref(), Some("2026-03-27"));
    let judged = Case::of(&format!("{text}{}", rule("severity >= HIGH", "fail", ""))).judge(vec![finding()]);
    assert_eq!(judged.decision.rulings[0].rule, "severity >= HIGH");
    let judged = Case::of(&format!("{text}{}", rule("severity >= HIGH", "warn", ""))).judge(vec![finding()]);
    assert_eq!(judged.decision.rulings[0].due.as_deref(), Some("2026-03-27"));
}

#[test]
fn no_rule_and_no_foreign_waiver_drops_a_malicious_package() {
    let malicious = Finding { malicious: true, ..bare() };
    let text = format!("{}{}", rule("true", "ignore", ""), rule("severity == CRITICAL", "fail", ""));
    let case = Case { waivers: Waivers::trivyignore("t", "CVE-2026-1").unwrap(), ..Case::of(&text) };
    let judged = case.judge(vec![malicious.clone()]);
    assert_eq!(judged.decision.verdict, Verdict::Failed);
    assert_eq!(judged.decision.rulings[0].notes, ["rule `true` cannot ignore a malicious package"]);
    for (reason, verdict) in [("accepted-risk", Verdict::Failed), ("false-positive", Verdict::Passed)] {
        let case = Case { waivers: waiver(reason, "2026-12-31"), ..Case::of(&text) };
        assert_eq!(case.judge(vec![malicious.clone()]).decision.verdict, verdict, "{reason}");
    }
}

/// Who excuses the only finding.
fn outcome_words(judged: &Judged) -> String {
    assert_eq!(outcome(judged), None);
    judged.suppressed[0].words()
}

fn waiver(reason: &str, expires: &str) -> Waivers {
    let text = format!(
        "[[waivers]]\nid = \"GHSA-1\"\nids = [\"CVE-2026-1\"]\nowner = \"a@example.org\"\nreason = \"{reason}\"\nexpires = {expires}\n"
    );
    Waivers::from_toml("w", &text, true).unwrap()
}

#[test]
fn a_build_passes_by_a_waiver_and_fails_when_its_last_day_is_over() {
    let policy = rule("kev && fixable", "fail", "");
    for (now, verdict, soon, expired) in [
        ("2026-03-01T00:00:00Z", Verdict::Passed, false, false),
        ("2026-03-17T23:59:59Z", Verdict::Passed, false, false),
        ("2026-03-18T00:00:00Z", Verdict::Passed, true, false),
        ("2026-03-31T23:59:59.999Z", Verdict::Passed, true, false),
        ("2026-04-01T00:00:00Z", Verdict::Failed, false, true),
    ] {
        let case = Case { waivers: waiver("fix-pending", "2026-03-31"), now, ..Case::of(&policy) };
        let judged = case.judge(vec![finding()]);
        assert_eq!(judged.decision.verdict, verdict, "{now}");
        let outcome = &judged.waivers;
        assert_eq!(outcome.used, if expired { vec![] } else { vec![0] }, "{now}");
        assert_eq!(outcome.expiring, if soon { vec![0] } else { vec![] }, "{now}");
        assert_eq!(outcome.expired, if expired { vec![0] } else { vec![] }, "{now}");
        assert_eq!(outcome.expired_and_missed, outcome.expired, "{now}");
        assert!(outcome.unused.is_empty());
        if !expired {
            assert_eq!(
                outcome_words(&judged),
                "waived by a@example.org as fix-pending until 2026-03-31 (w:1)"
            );
        }
        let notices: Vec<&str> = judged.notices.iter().map(|notice| notice.text.as_str()).collect();
        let expected: &[&str] = match (soon, expired) {
            (true, _) => &["the waiver for GHSA-1, CVE-2026-1 ends on 2026-03-31"],
            (_, true) => {
                &["the waiver for GHSA-1, CVE-2026-1 ended on 2026-03-31, and would excuse what was found"]
            }
            _ => &[],
        };
        assert_eq!(notices, expected, "{now}");
    }
}

#[test]
fn a_waiver_excuses_what_it_names_and_nothing_else() {
    let waived = |scope: &str| {
        let text = format!(
            "[[waivers]]\n{scope}\nowner = \"a\"\nreason = \"accepted-risk\"\nexpires = \"2026-12-31\"\n"
        );
        let waivers = Waivers::from_toml("w", &text, true).unwrap_or_else(|error| panic!("{scope}: {error}"));
        let judged = Case { waivers, ..Case::of(&rule("true", "fail", "")) }.judge(vec![finding()]);
        (judged.decision.verdict == Verdict::Passed, judged.waivers.unused.is_empty())
    };
    for (scope, excused, used) in [
        ("id = 'CVE-2026-1'", true, true),
        ("id = 'ghsa-1'", true, true),
        ("id = 'DSA-1'", true, true),
        ("id = 'CVE-2026-2'", false, false),
        ("purl = 'pkg:deb/libssl3'", true, true),
        ("purl = 'pkg:deb/libssl3@3.0.1'", true, true),
        ("purl = 'pkg:deb/libssl3@3.*'", true, true),
        ("purl = 'pkg:deb/libssl3@1.*'", false, false),
        ("purl = 'pkg:deb/lib*'", true, true),
        ("purl = 'pkg:deb/ubuntu/lib*'", false, false),
        ("purl = 'pkg:deb/libssl3?arch=arm64'", false, false),
        ("purl = 'pkg:rpm/libssl3'", false, false),
        ("id = 'CVE-2026-1'\npurl = 'pkg:deb/other'", false, false),
        ("id = 'CVE-2026-1'\nimage = 'registry.example/shop/*'", true, true),
        ("id = 'CVE-2026-1'\nimage = 'registry.example/*'", false, false),
        // One of its two places is not covered, so the finding stays.
        ("id = 'CVE-2026-1'\npath = '/opt/**'", false, true),
        ("id = 'CVE-2026-1'\npath = '**/status'", true, true),
        ("id = 'CVE-2026-1'\npaths = ['opt/**', 'var/**']", true, true),
    ] {
        assert_eq!(waived(scope), (excused, used), "{scope}");
    }
}

#[test]
fn foreign_files_excuse_as_they_do_where_they_come_from() {
    for (waivers, excused) in [
        (Waivers::trivyignore("f", "CVE-2026-1"), true),
        (Waivers::trivyignore("f", "CVE-2026-1 exp:2026-03-02"), true),
        (Waivers::trivyignore("f", "CVE-2026-1 exp:2026-03-01"), false),
        (
            Waivers::trivyignore_yaml("f", "vulnerabilities:\n - id: CVE-2026-1\n   paths: ['**/status']\n"),
            true,
        ),
        (Waivers::trivyignore_yaml("f", "vulnerabilities:\n - id: CVE-2026-1\n   paths: [opt/**]\n"), false),
        (
            Waivers::grype_yaml(
                "f",
                "ignore:\n - package: {name: libssl3, type: deb}\n   fix-state: fixed\n",
            ),
            true,
        ),
        (Waivers::grype_yaml("f", "ignore:\n - package: {upstream-name: openssl}\n"), true),
        (Waivers::grype_yaml("f", "ignore:\n - package: {name: openssl}\n"), false),
        (Waivers::grype_yaml("f", "ignore:\n - vulnerability: CVE-2026-1\n   fix-state: not-fixed\n"), false),
        (Waivers::osv_scanner_toml("f", "[[IgnoredVulns]]\nid = \"GHSA-1\"\n"), true),
        (
            Waivers::osv_scanner_toml(
                "f",
                "[[PackageOverrides]]\nname = \"libssl3\"\necosystem = \"Debian\"\nignore = true\n",
            ),
            true,
        ),
        (Waivers::osv_scanner_toml("f", "[[PackageOverrides]]\nname = \"libssl3\"\n"), false),
    ] {
        let waivers = waivers.unwrap();
        let words: Vec<&String> = waivers.list().iter().map(|waiver| &waiver.covers).collect();
        let case = Case { waivers: waivers.clone(), ..Case::of(&rule("true", "fail", "")) };
        let passed = case.judge(vec![finding()]).decision.verdict == Verdict::Passed;
        assert_eq!(passed, excused, "{words:?}");
    }
}

#[test]
fn what_could_not_be_decided_is_judged_by_rules_that_name_it() {
    let unclear = Undetermined {
        id: "CVE-2026-1".to_owned(),
        advisory: "GHSA-1".to_owned(),
        package: 2,
        reason: "no version".to_owned(),
    };
    for (text, verdict) in [
        (rule("true", "fail", ""), Verdict::Passed),
        (rule("undetermined", "fail", ""), Verdict::Undecided),
        (rule("undetermined && package == 'left-pad'", "fail", ""), Verdict::Undecided),
        (rule("undetermined && severity >= HIGH", "fail", ""), Verdict::Passed),
        (format!("[policy]\nstrict = true\n{}", rule("kev", "fail", "")), Verdict::Undecided),
        (format!("[policy]\nstrict = true\n{}", rule("undetermined", "warn", "")), Verdict::Undecided),
        (
            format!("[policy]\nstrict = true\n{}", rule("undetermined && kind == 'npm'", "ignore", "")),
            Verdict::Passed,
        ),
    ] {
        let case = Case::of(&text);
        let inventory = inventory();
        let context = Context { now: NOW.parse().unwrap(), inventory: Some(&inventory) };
        let judged =
            judge(&case.policy, &case.waivers, Vec::new(), std::slice::from_ref(&unclear), &[], &context)
                .unwrap();
        assert_eq!(judged.decision.verdict, verdict, "{text}");
    }
}

#[test]
fn what_may_be_malicious_and_could_not_be_decided_is_excused_as_a_false_positive_alone() {
    let inventory = inventory();
    let context = Context { now: NOW.parse().unwrap(), inventory: Some(&inventory) };
    let unclear = Undetermined {
        id: "MAL-2026-1".to_owned(),
        advisory: "MAL-2026-1".to_owned(),
        package: 2,
        reason: "no version".to_owned(),
    };
    let verdict = |policy: &str, waivers: &Waivers| {
        let policy = Policy::from_file("p", policy).unwrap();
        let undetermined = std::slice::from_ref(&unclear);
        judge(&policy, waivers, Vec::new(), undetermined, &[], &context).unwrap().decision.verdict
    };
    let strict = "[policy]\nstrict = true\n";
    for (reason, expected) in [("accepted-risk", Verdict::Undecided), ("false-positive", Verdict::Passed)] {
        let text = format!(
            "[[waivers]]\nid = 'MAL-2026-1'\nowner = 'a'\nreason = '{reason}'\nexpires = 2026-12-31\n"
        );
        assert_eq!(verdict(strict, &Waivers::from_toml("w", &text, true).unwrap()), expected, "{reason}");
    }
    let ignored = format!("{strict}{}", rule("undetermined", "ignore", ""));
    assert_eq!(verdict(&ignored, &Waivers::default()), Verdict::Undecided);
    let failed = rule("undetermined && malicious", "fail", "");
    assert_eq!(verdict(&failed, &Waivers::default()), Verdict::Undecided);
}

#[test]
fn a_waiver_excuses_what_could_not_be_decided() {
    let case = Case::of("[policy]\nstrict = true\n");
    let inventory = inventory();
    let unclear = |id: &str| Undetermined {
        id: id.to_owned(),
        advisory: "GHSA-9".to_owned(),
        package: 2,
        reason: "no version".to_owned(),
    };
    let context = Context { now: NOW.parse().unwrap(), inventory: Some(&inventory) };
    for (id, verdict) in [("CVE-2026-1", Verdict::Passed), ("CVE-2026-2", Verdict::Undecided)] {
        let waivers = waiver("not-affected", "2026-03-31");
        let judged = judge(&case.policy, &waivers, Vec::new(), &[unclear(id)], &[], &context).unwrap();
        assert_eq!(judged.decision.verdict, verdict);
        assert_eq!(judged.waivers.used.is_empty(), verdict == Verdict::Undecided);
    }
}

#[test]
fn a_rule_that_cannot_be_evaluated_is_an_error_and_no_verdict() {
    let case = Case::of(&rule("1e308 * 10 - 1e308 * 10 > risk", "fail", ""));
    let inventory = inventory();
    let context = Context { now: NOW.parse().unwrap(), inventory: Some(&inventory) };
    let error = judge(&case.policy, &case.waivers, vec![finding()], &[], &[], &context).unwrap_err();
    let told = error.to_string();
    assert!(
        told.starts_with("cannot evaluate rule `1e308 * 10 - 1e308 * 10 > risk` (p:4:1) for `CVE-2026-1`: "),
        "{told}"
    );
}

#[test]
fn flags_fail_on_what_is_exploited_and_what_is_new() {
    let decided = |flags: &Flags, finding: Finding| {
        let case = Case { policy: Policy::default().with_flags(flags), ..Case::of(&rule("kev", "fail", "")) };
        case.judge(vec![finding]).decision
    };
    let kev = Flags { fail_on_kev: true, ..Flags::default() };
    assert_eq!(decided(&kev, finding()).verdict, Verdict::Failed);
    assert_eq!(decided(&kev, bare()).verdict, Verdict::Passed);
    // What is exploited is asked before what cannot be fixed is dropped.
    let both = Flags { fail_on_kev: true, ignore_unfixed: true, ..Flags::default() };
    let unfixed = Finding { fix: FixState::NotFixed, ..finding() };
    assert_eq!(decided(&both, unfixed.clone()).verdict, Verdict::Failed);
    assert_eq!(decided(&both, Finding { kev: None, ..unfixed }).ignored_unfixed.high, 1);
    let new = Flags { fail_on_new: true, ..Flags::default() };
    assert_eq!(decided(&new, finding()).verdict, Verdict::Failed);
    assert_eq!(decided(&new, Finding { new: Some(Newness::Known), ..finding() }).verdict, Verdict::Passed);
    assert_eq!(decided(&new, Finding { new: None, ..finding() }).verdict, Verdict::Passed);
}

#[test]
fn a_rule_behind_one_that_always_holds_is_told() {
    let policy = |rules: &[String]| {
        let policy = Policy::from_file("p", &rules.concat()).unwrap();
        policy.never_asked().into_iter().map(|rule| rule.name.clone()).collect::<Vec<_>>()
    };
    let [all, kev, wait] =
        [rule("true", "warn", ""), rule("kev", "fail", ""), rule("(true)", "fail", "after = '1d'")];
    assert_eq!(policy(&[kev.clone(), all.clone()]), [""; 0]);
    assert_eq!(policy(&[all.clone(), kev.clone()]), ["kev"]);
    assert_eq!(policy(&[wait, kev.clone(), all]), [""; 0]);
    // What may not be ignored is asked further.
    assert_eq!(policy(&[rule("true", "ignore", ""), kev]), [""; 0]);
}

#[test]
fn presets_fail_on_what_can_be_fixed_and_matters() {
    let old = Finding { published: "2025-01-01T00:00:00Z".to_owned(), kev: None, ..finding() };
    let critical = Finding {
        severity: SeverityChoice {
            severity: Severity::Critical,
            source: SeveritySource::Word("debian".to_owned()),
        },
        ..old.clone()
    };
    let unfixed = Finding { fix: FixState::NotFixed, ..critical.clone() };
    let calm = Finding { epss: None, risk: 100, ..old.clone() };
    let fresh = Finding { published: "2026-02-27T00:00:00Z".to_owned(), ..critical.clone() };
    for (finding, strict, production, pragmatic) in [
        (finding(), true, true, true),
        (old, true, true, true),
        (critical, true, true, true),
        (unfixed, true, false, false),
        (calm, true, true, false),
        (fresh, true, false, false),
        (bare(), true, false, false),
    ] {
        for (name, failed) in [("strict", strict), ("production", production), ("pragmatic", pragmatic)] {
            let case = Case { policy: Policy::preset(name).unwrap(), ..Case::of(&rule("kev", "fail", "")) };
            let finding = Finding { fixed_since: String::new(), ..finding.clone() };
            let judged = case.judge(vec![finding]);
            assert_eq!(judged.decision.verdict == Verdict::Failed, failed, "{name}: {judged:?}");
        }
    }
}
