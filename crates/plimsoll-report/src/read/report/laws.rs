//! Reading undoes writing, whatever a scan holds.

use plimsoll_model::{
    Advice, BaseImage, Baseline, Decision, Epss, Evidence, Finding, FixAction, FixState, Gap, Inventory,
    KevEntry, Layer, Newness, NotAffected, Notice, NoticeKind, OsRelease, Outcome, Owner, Package,
    PackageKind, Platform, Rating, RatingScale, Reference, Ruling, Scan, Severity, SeverityChoice,
    SeverityCounts, SeveritySource, SourcePackage, Suppressed, SuppressionKind, Undetermined, Upgrade,
    Verdict,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::tests::{read, written};

/// Packages of a scan.
const MAX_PACKAGES: usize = 6;

/// Any text, and texts that look like parts of others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z@:/0-9.+~-]{0,12}",
        select(vec!["", "1:2-3", "0:1", "a@b", "-"]).prop_map(str::to_owned)
    ]
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..3)
}

fn severity() -> impl Strategy<Value = Severity> {
    select(Severity::WORST_FIRST.to_vec())
}

fn layer() -> impl Strategy<Value = Option<Layer>> {
    option::of((text(), any::<usize>()).prop_map(|(diff_id, index)| Layer { diff_id, index }))
}

prop_compose! {
    fn package()(
        kind in select(PackageKind::ALL.to_vec()),
        names in (text(), text(), text(), text()),
        optional in (option::of(text()), option::of(text()), option::of(text()), option::of(text())),
        source in option::of((text(), text())),
        licenses in texts(),
        direct in any::<Option<bool>>(),
        layers in (layer(), layer()),
        owner in option::of((select(PackageKind::ALL.to_vec()), text(), text())),
    ) -> Package {
        let (name, version, cataloger, path) = names;
        let (architecture, module, vendor, inner_path) = optional;
        Package {
            architecture,
            source: source.map(|(name, version)| SourcePackage { name, version }),
            licenses,
            module,
            vendor,
            direct,
            path,
            inner_path,
            layer: layers.0,
            introduced_in: layers.1,
            owner: owner.map(|(kind, name, version)| Owner { kind, name, version }),
            ..Package::new(kind, name, version, &cataloger)
        }
    }
}

fn fix() -> impl Strategy<Value = FixState> {
    prop_oneof![
        text().prop_map(FixState::Fixed),
        select(vec![
            FixState::NotFixed,
            FixState::WillNotFix,
            FixState::FixDeferred,
            FixState::UnderInvestigation,
            FixState::EndOfLife,
        ]),
    ]
}

fn source() -> impl Strategy<Value = SeveritySource> {
    prop_oneof![
        text().prop_map(SeveritySource::Word),
        (text(), text(), any::<u8>()).prop_map(|(source, vector, score)| SeveritySource::Cvss {
            source,
            vector,
            score
        }),
        (text(), any::<u8>()).prop_map(|(source, score)| SeveritySource::Score { source, score }),
        select(vec![SeveritySource::Malicious, SeveritySource::Nobody]),
    ]
}

fn rating() -> impl Strategy<Value = Rating> {
    let scale = prop_oneof![
        severity().prop_map(RatingScale::Word),
        text().prop_map(RatingScale::Cvss),
        any::<u8>().prop_map(RatingScale::Score),
    ];
    (text(), scale).prop_map(|(source, scale)| Rating { source, scale })
}

prop_compose! {
    fn evidence()(names in (text(), text(), text(), text()), more in (text(), text(), option::of(text()), text())) -> Evidence {
        let (advisory, source, namespace, name) = names;
        let (version, range, fixed, note) = more;
        Evidence { advisory, source, namespace, name, version, range, fixed, note }
    }
}

prop_compose! {
    fn finding()(
        id in text(),
        lists in (texts(), texts(), texts()),
        places in vec(any::<Index>(), 1..4),
        judged in (fix(), text(), severity(), source(), vec(rating(), 0..3)),
        said in (text(), text(), text(), text()),
        references in vec((text(), text()), 0..3),
        kev in option::of((text(), text(), text(), any::<bool>(), text())),
        epss in option::of((0..=100_000_u32, 0..=100_000_u32)),
        facts in (any::<u16>(), any::<bool>(), option::of(text())),
        evidence in vec(evidence(), 0..2),
        new in option::of(select(vec![Newness::Added, Newness::Learnt, Newness::Known])),
    ) -> (Vec<Index>, Finding) {
        let (aliases, advisories, cwes) = lists;
        let (fix, fixed_since, severity, source, ratings) = judged;
        let (title, description, published, modified) = said;
        let (risk, malicious, informational) = facts;
        let finding = Finding {
            id,
            aliases,
            advisories,
            packages: Vec::new(),
            fix,
            fixed_since,
            severity: SeverityChoice { severity, source },
            ratings,
            title,
            description,
            published,
            modified,
            cwes,
            references: references.into_iter().map(|(kind, url)| Reference { kind, url }).collect(),
            kev: kev.map(|(id, date_added, due_date, ransomware, name)| KevEntry { id, date_added, due_date, ransomware, name }),
            epss: epss.map(|(probability, percentile)| Epss { probability, percentile }),
            risk,
            malicious,
            informational,
            evidence,
            new,
        };
        (places, finding)
    }
}

prop_compose! {
    fn ruling()(
        outcome in select(vec![Outcome::Passed, Outcome::Warned, Outcome::Failed]),
        words in (text(), text(), option::of(text())),
        notes in texts(),
    ) -> Ruling {
        Ruling { outcome, rule: words.0, reason: words.1, due: words.2, notes }
    }
}

fn counts() -> impl Strategy<Value = SeverityCounts> {
    any::<[u8; 6]>().prop_map(|n| SeverityCounts {
        critical: n[0].into(),
        high: n[1].into(),
        medium: n[2].into(),
        low: n[3].into(),
        negligible: n[4].into(),
        unknown: n[5].into(),
    })
}

fn gap() -> impl Strategy<Value = Gap> {
    (text(), text(), option::of(text()), text(), text())
        .prop_map(|(path, place, diff_id, reporter, reason)| Gap { path, place, diff_id, reporter, reason })
}

fn placed((places, mut finding): (Vec<Index>, Finding), packages: usize) -> Finding {
    finding.packages = places.iter().map(|place| place.index(packages)).collect();
    finding.packages.sort_unstable();
    finding.packages.dedup();
    finding
}

fn indexes(list: &[Index], length: usize) -> Vec<usize> {
    if length == 0 { Vec::new() } else { list.iter().map(|index| index.index(length)).collect() }
}

prop_compose! {
    fn inventory()(
        packages in vec(package(), 1..MAX_PACKAGES),
        gaps in vec(gap(), 0..2),
        os in option::of((text(), text(), texts(), text(), text(), text())),
        base in option::of((text(), text(), any::<usize>())),
        platform in option::of(("[a-z]{0,5}", "[a-z0-9]{0,5}", "[a-z0-9/]{0,5}")),
        created in text(),
    ) -> Inventory {
        let mut inventory = Inventory {
            os: os.map(|(id, version_id, id_like, pretty_name, codename, path)| OsRelease { id, version_id, id_like, pretty_name, codename, path }),
            packages,
            gaps,
            base: base.map(|(name, digest, layers)| BaseImage { name, digest, layers }),
            ..Inventory::default()
        };
        inventory.artifact.created = created;
        inventory.artifact.platform = platform.map(|(os, architecture, variant)| Platform { os, architecture, variant });
        inventory
    }
}

prop_compose! {
    fn scan()(
        inventory in inventory(),
        findings in vec(finding(), 0..5),
        suppressed in vec((finding(), select(vec![SuppressionKind::Rule, SuppressionKind::Waiver, SuppressionKind::Vex]), (text(), text(), text(), option::of(text()), text())), 0..3),
        unclear in vec((text(), text(), any::<Index>(), text()), 0..2),
        cleared in vec((text(), text(), any::<Index>(), text(), texts()), 0..2),
        match_gaps in vec(gap(), 0..2),
        decided in (select(vec![Verdict::Passed, Verdict::Failed, Verdict::Undecided]), texts(), vec(ruling(), 0..5), counts(), counts()),
        baseline in option::of((text(), text(), text(), counts())),
        notices in vec((text(), text()), 0..2),
        advised in option::of((any::<bool>(), (text(), text(), text(), texts(), text()), (text(), text(), text()), vec(any::<Index>(), 0..3), vec(any::<Index>(), 0..3))),
    ) -> Scan {
        let packages = inventory.packages.len();
        let number = findings.len();
        let (verdict, rules, mut rulings, counts, ignored_unfixed) = decided;
        rulings.truncate(number);
        Scan {
            findings: findings.into_iter().map(|finding| placed(finding, packages)).collect(),
            suppressed: suppressed.into_iter().map(|(finding, kind, (by, reason, remark, until, origin))| Suppressed { finding: placed(finding, packages), kind, by, reason, remark, until, origin }).collect(),
            undetermined: unclear.into_iter().map(|(id, advisory, place, reason)| Undetermined { id, advisory, package: place.index(packages), reason }).collect(),
            not_affected: cleared.into_iter().map(|(id, advisory, place, reason, overruled)| NotAffected { id, advisory, package: place.index(packages), reason, overruled }).collect(),
            match_gaps,
            decision: Decision { verdict, rules, rulings, counts, ignored_unfixed },
            baseline: baseline.map(|(name, manifest_digest, database_digest, gone)| Baseline { name, manifest_digest, database_digest, gone }),
            notices: notices.into_iter().map(|(origin, text)| Notice { kind: NoticeKind::VexUnused, origin, text }).collect(),
            advice: advised.map(|(for_gate, (tool, title, path, lines, remark), (name, from, to), places, removes)| {
                let upgrade = Upgrade { name, from, to, packages: indexes(&places, packages), removes: indexes(&removes, number) };
                Advice { for_gate, actions: vec![FixAction { tool, title, path, lines, upgrades: vec![upgrade], remark }], unfixable: indexes(&places, number) }
            }).unwrap_or_default(),
            inventory,
            ..Scan::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_undoes_writing(scan in scan()) {
        prop_assert_eq!(read(&written(&scan)).unwrap().scan, scan);
    }
}
