//! Explanations at 80 columns, of packages whose versions are hard to read.

#![expect(clippy::needless_raw_string_hashes, reason = "as expect-test writes its snapshots")]

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use plimsoll_match::{Options, explain};
use plimsoll_model::{
    Advisory, AdvisoryLookup, Affected, AffectedEvent, AffectedRange, Candidate, Epss, EventKind, KevEntry,
    Known, LookupError, Namespace, OsRelease, Package, PackageKind, Rating, SourcePackage, Texts,
};

use super::*;

/// Documents in memory.
#[derive(Default)]
struct Fake {
    advisories: Vec<Advisory>,
    scores: BTreeMap<String, Vec<Rating>>,
    kev: Option<KevEntry>,
    epss: Option<Epss>,
}

impl AdvisoryLookup for Fake {
    fn covers(&self, _: &Namespace) -> bool {
        !self.advisories.is_empty()
    }

    fn candidates(&self, namespace: &Namespace, name: &str) -> Result<Vec<Candidate>, LookupError> {
        let named = |affected: &&Affected| affected.namespace == *namespace && affected.name == name;
        let of_one = |(advisory, one): (u32, &Advisory)| -> Vec<Candidate> {
            let named = one.affected.iter().filter(named).cloned();
            named.map(|affected| Candidate { advisory, affected }).collect()
        };
        Ok((0..).zip(&self.advisories).flat_map(of_one).collect())
    }

    fn advisory(&self, number: u32) -> Result<Advisory, LookupError> {
        let advisory = self.advisories[number as usize].clone();
        Ok(Advisory {
            affected: Vec::new(),
            summary: String::new(),
            details: String::new(),
            references: Vec::new(),
            ..advisory
        })
    }

    fn texts(&self, number: u32) -> Result<Texts, LookupError> {
        let Advisory { summary, details, references, .. } = self.advisories[number as usize].clone();
        Ok(Texts { summary, details, references })
    }

    fn known(&self, id: &str) -> Result<Known, LookupError> {
        let named = |one: &Advisory| one.id == id || one.aliases.iter().any(|alias| alias == id);
        let named = (0..).zip(&self.advisories).filter(|(_, one)| named(one));
        Ok(Known {
            advisories: named.map(|(number, _)| number).collect(),
            scores: self.scores.get(id).cloned().unwrap_or_default(),
            kev: self.kev.clone(),
            epss: self.epss,
        })
    }
}

fn rating(source: &str, scale: RatingScale) -> Rating {
    Rating { source: source.to_owned(), scale }
}

/// `>=1 <2` as one range in one namespace.
fn affected(namespace: &str, name: &str, range: &str) -> Affected {
    let event = |text: &str| {
        let (kind, version) = if let Some(version) = text.strip_prefix(">=") {
            (EventKind::Introduced, version)
        } else if let Some(version) = text.strip_prefix("<=") {
            (EventKind::LastAffected, version)
        } else {
            (EventKind::Fixed, text.strip_prefix('<').unwrap())
        };
        AffectedEvent { kind, version: version.to_owned() }
    };
    Affected {
        ranges: vec![AffectedRange { events: range.split(' ').map(event).collect() }],
        ..Affected::new(Namespace::parse(namespace).unwrap(), name.to_owned())
    }
}

fn advisory(id: &str, source: &str, aliases: &[&str], affected: Vec<Affected>) -> Advisory {
    Advisory {
        id: id.to_owned(),
        source: source.to_owned(),
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
        affected,
        ..Advisory::default()
    }
}

fn debian(name: &str, version: &str, source: (&str, &str)) -> Inventory {
    let mut package = Package::new(PackageKind::Deb, name, version, "dpkg");
    package.source = Some(SourcePackage { name: source.0.to_owned(), version: source.1.to_owned() });
    let os = OsRelease { id: "debian".to_owned(), version_id: "12".to_owned(), ..OsRelease::default() };
    Inventory { os: Some(os), packages: vec![package], ..Inventory::default() }
}

fn language(kind: PackageKind, name: &str, version: &str) -> Inventory {
    Inventory { packages: vec![Package::new(kind, name, version, "test")], ..Inventory::default() }
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "a snapshot is written where it is called")]
fn check(inventory: &Inventory, database: &Fake, id: &str, expected: Expect) {
    let explained = explain(inventory, database, id, &Options::default()).unwrap();
    let text = write_explanation(&explained, inventory, 80);
    assert!(text.lines().all(|line| width(line) <= 80), "{text}");
    expected.assert_eq(&text);
    for columns in [0, 40, 60] {
        let narrow = write_explanation(&explained, inventory, columns);
        assert!(narrow.lines().all(|line| width(line) <= columns.max(40)), "{narrow}");
    }
}

#[test]
fn a_debian_package_with_an_epoch_and_a_binary_rebuild() {
    let inventory = debian("bind9-host", "1:9.18.24-1+b1", ("bind9", "1:9.18.24-1"));
    let vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H";
    let mut tracker = affected("Debian:12", "bind9", ">=0 <1:9.18.28-1~deb12u1");
    tracker.ratings = vec![rating("debian", RatingScale::Word(Severity::Medium))];
    let database = Fake {
        advisories: vec![
            advisory("DEBIAN-CVE-2024-1737", "debian-tracker", &["CVE-2024-1737"], vec![tracker]),
            advisory(
                "DSA-5734-1",
                "osv",
                &[],
                vec![
                    affected("Debian:12", "bind9", ">=0 <1:9.18.28-1~deb12u2"),
                    affected("Debian:11", "bind9", ">=0 <1:9.16.50-1~deb11u1"),
                ],
            ),
        ]
        .into_iter()
        .map(|mut one| {
            one.upstream = vec!["CVE-2024-1737".to_owned()];
            one.published =
                if one.id.starts_with("DSA-") { "2024-07-25T08:00:00Z" } else { "2024-07-23T15:15:00Z" }
                    .to_owned();
            one
        })
        .collect(),
        scores: BTreeMap::from([(
            "CVE-2024-1737".to_owned(),
            vec![rating("nvd", RatingScale::Cvss(vector.to_owned()))],
        )]),
        kev: Some(KevEntry {
            id: "CVE-2024-1737".to_owned(),
            date_added: "2024-08-01".to_owned(),
            due_date: "2024-08-22".to_owned(),
            ransomware: true,
            name: String::new(),
        }),
        epss: Some(Epss { probability: 43, percentile: 9_120 }),
    };
    check(
        &inventory,
        &database,
        "CVE-2024-1737",
        expect![[r#"
            CVE-2024-1737 in bind9-host 1:9.18.24-1+b1 (source bind9 1:9.18.24-1)

            DEBIAN-CVE-2024-1737 (debian-tracker) on `bind9` of Debian:12: affected, fixed
              in 1:9.18.28-1~deb12u1
              1:9.18.24-1 >= 0: yes
              1:9.18.24-1 < 1:9.18.28-1~deb12u1: yes
              => in the range

            DSA-5734-1 (osv) on `bind9` of Debian:12: affected, fixed in 1:9.18.28-1~deb12u2
              1:9.18.24-1 >= 0: yes
              1:9.18.24-1 < 1:9.18.28-1~deb12u2: yes
              => in the range

            Severity of CVE-2024-1737: MEDIUM
              * MEDIUM by debian (DEBIAN-CVE-2024-1737, of the package)
              - HIGH 7.5 by nvd (CVE-2024-1737, in a table):
                CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H
              decided by `distribution`, the first to say anything in the order of trust:
                distribution, ecosystem, cve, nvd, cisa-adp, ghsa, matched, any
            EPSS: 0.043 % within 30 days, at least as much as 9.120 % of all CVEs
            KEV: exploited, in CISA's catalogue since 2024-08-01, due 2024-08-22, used by
              ransomware
            Risk: 70.0 of 100
            Fix: in 1:9.18.28-1~deb12u2, since 2024-07-25

            affected
        "#]],
    );
    check(
        &inventory,
        &database,
        "CVE-1999-1",
        expect![[r#"
        CVE-1999-1 in bind9-host 1:9.18.24-1+b1 (source bind9 1:9.18.24-1)

        no advisory of this flaw names the package
        not affected, as far as the database knows
    "#]],
    );
}

#[test]
fn a_distributions_word_that_it_is_not_affected() {
    let inventory = debian("libx", "1.0-1", ("x", "1.0-1"));
    let mut tracker = affected("Debian:12", "x", ">=0");
    tracker.status = AffectedStatus::NotAffected;
    tracker.note = "vulnerable code not present".to_owned();
    let mut deferred = affected("Debian:12", "x", ">=0");
    deferred.status = AffectedStatus::FixDeferred;
    deferred.note = "Minor issue; can be fixed via point release".to_owned();
    let database = Fake {
        advisories: vec![
            advisory("DEBIAN-CVE-2024-1", "osv", &[], vec![affected("Debian:12", "x", ">=0 <1.0-2")]),
            advisory("DEBIAN-CVE-2024-1", "debian-tracker", &[], vec![tracker]),
            advisory("DEBIAN-CVE-2024-2", "debian-tracker", &[], vec![deferred]),
        ],
        ..Fake::default()
    };
    check(
        &inventory,
        &database,
        "CVE-2024-1",
        expect![[r#"
        CVE-2024-1 in libx 1.0-1 (source x 1.0-1)

        DEBIAN-CVE-2024-1 (osv) on `x` of Debian:12: affected, fixed in 1.0-2
          1.0-1 >= 0: yes
          1.0-1 < 1.0-2: yes
          => in the range

        DEBIAN-CVE-2024-1 (debian-tracker) on `x` of Debian:12: not affected, it says:
          vulnerable code not present
          not affected, "vulnerable code not present"
            1.0-1 >= 0: yes
            => in the range

        DEBIAN-CVE-2024-1 overrules DEBIAN-CVE-2024-1: not affected, vulnerable code
          not present

        not affected
    "#]],
    );
    check(
        &inventory,
        &database,
        "CVE-2024-2",
        expect![[r#"
        CVE-2024-2 in libx 1.0-1 (source x 1.0-1)

        DEBIAN-CVE-2024-2 (debian-tracker) on `x` of Debian:12: affected, no fix is
          named
          a fix is put off, "Minor issue; can be fixed via point release"
            1.0-1 >= 0: yes
            => in the range

        Severity of CVE-2024-2: UNKNOWN
          nobody has said
        Risk: 1.7 of 100
        Fix: a fix is put off

        affected
    "#]],
    );
}

#[test]
fn a_scoped_npm_package_and_a_list_of_versions() {
    let mut ghsa = advisory(
        "GHSA-67hx-6x53-jw92",
        "osv",
        &["CVE-2023-45133"],
        vec![
            affected("npm", "@babel/traverse", ">=0 <7.23.2"),
            affected("npm", "@babel/traverse", ">=8.0.0-alpha.0 <8.0.0-alpha.4"),
        ],
    );
    ghsa.ratings = vec![rating("ghsa", RatingScale::Word(Severity::Critical))];
    let mut listed = Affected::new(Namespace::parse("npm").unwrap(), "@babel/traverse".to_owned());
    listed.versions = vec!["7.20.0".to_owned(), "7.20.1".to_owned()];
    let malware = advisory("MAL-2024-1", "osv", &[], vec![listed]);
    let database = Fake { advisories: vec![ghsa, malware], ..Fake::default() };
    let inventory = language(PackageKind::Npm, "@babel/traverse", "7.20.0");
    check(
        &inventory,
        &database,
        "GHSA-67hx-6x53-jw92",
        expect![[r#"
        GHSA-67hx-6x53-jw92 in @babel/traverse 7.20.0

        GHSA-67hx-6x53-jw92 (osv) on `@babel/traverse` of npm: affected, fixed in 7.23.2
          7.20.0 >= 0: yes
          7.20.0 < 7.23.2: yes
          => in the range
          7.20.0 >= 8.0.0-alpha.0: no
          7.20.0 < 8.0.0-alpha.4: yes
          => not in the range

        Severity of CVE-2023-45133: CRITICAL
          * CRITICAL by ghsa (GHSA-67hx-6x53-jw92, of the flaw)
          decided by `ghsa`, the first to say anything in the order of trust:
            distribution, ecosystem, cve, nvd, cisa-adp, ghsa, matched, any
        Risk: 9.5 of 100
        Fix: in 7.23.2

        affected
    "#]],
    );
    check(
        &inventory,
        &database,
        "MAL-2024-1",
        expect![[r#"
        MAL-2024-1 in @babel/traverse 7.20.0

        MAL-2024-1 (osv) on `@babel/traverse` of npm: affected, no fix is named
          7.20.0 = 7.20.0: listed, holds it

        Severity of MAL-2024-1: CRITICAL
          a malicious package is critical, whatever else is said
        Risk: 100.0 of 100
        Fix: none is named

        affected
    "#]],
    );
}

#[test]
fn qualifiers_of_maven() {
    let database = Fake {
        advisories: vec![advisory(
            "GHSA-jfh8-c2jp-5v3q",
            "osv",
            &["CVE-2021-44228"],
            vec![affected("Maven", "g:a", ">=1.0-beta9 <=1.0-rc1"), affected("Maven", "g:a", ">=1.0 <1.1")],
        )],
        ..Fake::default()
    };
    let id = "CVE-2021-44228";
    check(
        &language(PackageKind::Maven, "g:a", "1.0-rc1"),
        &database,
        id,
        expect![[r#"
        CVE-2021-44228 in g:a 1.0-rc1

        GHSA-jfh8-c2jp-5v3q (osv) on `g:a` of Maven: affected, no fix is named
          1.0-rc1 >= 1.0-beta9: yes
          1.0-rc1 <= 1.0-rc1: yes
          => in the range
          1.0-rc1 >= 1.0: no
          1.0-rc1 < 1.1: yes
          => not in the range

        Severity of CVE-2021-44228: UNKNOWN
          nobody has said
        Risk: 1.7 of 100
        Fix: in 1.1

        affected
    "#]],
    );
    check(
        &language(PackageKind::Maven, "g:a", "1.1-SNAPSHOT"),
        &database,
        id,
        expect![[r#"
        CVE-2021-44228 in g:a 1.1-SNAPSHOT

        GHSA-jfh8-c2jp-5v3q (osv) on `g:a` of Maven: affected, fixed in 1.1
          1.1-SNAPSHOT >= 1.0-beta9: yes
          1.1-SNAPSHOT <= 1.0-rc1: no
          => not in the range
          1.1-SNAPSHOT >= 1.0: yes
          1.1-SNAPSHOT < 1.1: yes
          => in the range

        Severity of CVE-2021-44228: UNKNOWN
          nobody has said
        Risk: 1.7 of 100
        Fix: in 1.1

        affected
    "#]],
    );
}

#[test]
fn a_pseudo_version_of_go_and_bounds_that_cannot_be_read() {
    let database = Fake {
        advisories: vec![advisory(
            "GO-2022-0969",
            "osv",
            &["CVE-2022-27664"],
            vec![affected("Go", "golang.org/x/net", ">=0 <0.0.0-20220906165146-f3363e06e74c")],
        )],
        ..Fake::default()
    };
    let go = |version: &str| language(PackageKind::Golang, "golang.org/x/net", version);
    let id = "CVE-2022-27664";
    check(
        &go("v0.0.0-20220722155237-a158d28d115b"),
        &database,
        id,
        expect![[r#"
        CVE-2022-27664 in golang.org/x/net v0.0.0-20220722155237-a158d28d115b

        GO-2022-0969 (osv) on `golang.org/x/net` of Go: affected, fixed in
          0.0.0-20220906165146-f3363e06e74c
          v0.0.0-20220722155237-a158d28d115b >= 0: yes
          v0.0.0-20220722155237-a158d28d115b < 0.0.0-20220906165146-f3363e06e74c: yes
          => in the range

        Severity of CVE-2022-27664: UNKNOWN
          nobody has said
        Risk: 1.7 of 100
        Fix: in 0.0.0-20220906165146-f3363e06e74c

        affected
    "#]],
    );
    check(
        &go("v0.0.0-20220907135653-1e95f45603a7"),
        &database,
        id,
        expect![[r#"
        CVE-2022-27664 in golang.org/x/net v0.0.0-20220907135653-1e95f45603a7

        GO-2022-0969 (osv) on `golang.org/x/net` of Go: not affected, in none of its
          ranges
          v0.0.0-20220907135653-1e95f45603a7 >= 0: yes
          v0.0.0-20220907135653-1e95f45603a7 < 0.0.0-20220906165146-f3363e06e74c: no
          => not in the range

        not affected
    "#]],
    );
    check(
        &go("(devel)"),
        &database,
        id,
        expect![[r#"
        CVE-2022-27664 in golang.org/x/net (devel)

        GO-2022-0969 (osv) on `golang.org/x/net` of Go: cannot be said: cannot read
          version `(devel)` as go: expected a digit, found "(devel)"
          (devel) >= 0: yes
          (devel) < 0.0.0-20220906165146-f3363e06e74c: cannot read version `(devel)`
            as go: expected a digit, found "(devel)"
          => cannot be said: cannot read version `(devel)` as go: expected a digit,
            found "(devel)"

        GO-2022-0969: cannot read version `(devel)` as go: expected a digit, found
          "(devel)"
        undetermined
    "#]],
    );
    check(
        &go("v0.1.0"),
        &Fake::default(),
        id,
        expect![[r#"
        CVE-2022-27664 in golang.org/x/net v0.1.0

        gap: no advisories for `Go` in the database: 1 package was not judged

        undetermined: no advisories for it are in the database
    "#]],
    );
}

#[test]
fn hostile_names_steer_no_terminal() {
    let evil = "e\u{1b}[2Jvil\u{202e}";
    let mut entry = affected("npm", evil, &format!(">=0 <{evil}"));
    entry.note = evil.to_owned();
    entry.module = evil.to_owned();
    let database = Fake {
        advisories: vec![advisory(evil, evil, &[], vec![entry, affected("npm", evil, ">=0")])],
        ..Fake::default()
    };
    let inventory = language(PackageKind::Npm, evil, "1.0.0");
    let explained = explain(&inventory, &database, evil, &Options::default()).unwrap();
    let text = write_explanation(&explained, &inventory, 80).replace('\n', "");
    assert!(!text.contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
    assert!(text.ends_with("affected"), "{text}");
}
