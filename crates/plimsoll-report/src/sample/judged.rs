//! The sample once more, with everything that a policy, waivers, VEX and a baseline add.

use plimsoll_model::{
    Advice, BaseImage, Baseline, FixAction, Newness, Notice, NoticeKind, Outcome, Ruling, Scan, Severity,
    SeverityCounts, Suppressed, SuppressionKind, Upgrade,
};

use super::{Flaw, digest, finding, scan, word};

/// The same, judged by more than a level: with a policy, waivers, VEX, a baseline, a base image and advice.
#[expect(clippy::too_many_lines, reason = "one value, written out")]
pub(crate) fn judged() -> Scan {
    let mut scan = scan();
    scan.inventory.base =
        Some(BaseImage { name: "registry.example/debian:11".to_owned(), digest: digest('b'), layers: 1 });
    scan.inventory.packages[7].direct = Some(true);
    scan.inventory.packages[10].direct = Some(false);
    for (index, finding) in scan.findings.iter_mut().enumerate() {
        finding.new = Some(match index {
            5 => Newness::Added,
            1 => Newness::Learnt,
            _ => Newness::Known,
        });
    }
    scan.findings[0].fixed_since = "2022-05-15".to_owned();
    let suppressed =
        |kind, by: &str, reason: &str, remark: &str, until: Option<&str>, origin: &str| Suppressed {
            finding: finding(
                &scan.inventory,
                &Flaw {
                    id: "CVE-0000-1",
                    advisory: "CVE-0000-1",
                    packages: &[0],
                    severity: Severity::High,
                    source: word("debian"),
                    fixed: None,
                    title: "",
                },
            ),
            kind,
            by: by.to_owned(),
            reason: reason.to_owned(),
            remark: remark.to_owned(),
            until: until.map(str::to_owned),
            origin: origin.to_owned(),
        };
    let mut excused = vec![
        suppressed(
            SuppressionKind::Rule,
            "no fix to be had",
            "",
            "nobody can act on it",
            None,
            "plimsoll.toml:4",
        ),
        suppressed(
            SuppressionKind::Waiver,
            "shop-team@example.org",
            "compensating-control",
            "the program is not reachable from outside",
            Some("2026-03-31"),
            "plimsoll.toml:20",
        ),
        suppressed(
            SuppressionKind::Vex,
            "Example Security",
            "not_affected: vulnerable_code_not_in_execute_path",
            "",
            None,
            "vex/app.json: statements[0]",
        ),
    ];
    // The findings that are dropped are those that were there: the last three but one.
    for (place, index) in [(0, 2), (1, 4), (2, 8)] {
        excused[place].finding = scan.findings[index].clone();
    }
    for index in [8, 4, 2] {
        let finding = scan.findings.remove(index);
        scan.decision.rulings.remove(index);
        *match finding.severity.severity {
            Severity::Negligible => &mut scan.decision.counts.negligible,
            Severity::High => &mut scan.decision.counts.high,
            _ => &mut scan.decision.counts.medium,
        } -= 1;
    }
    scan.suppressed = excused;
    scan.decision.rules = ["exploited", "serious", "soon", "no fix to be had"].map(str::to_owned).to_vec();
    let ruling = |outcome, rule: &str, reason: &str, due: Option<&str>| Ruling {
        outcome,
        rule: rule.to_owned(),
        reason: reason.to_owned(),
        due: due.map(str::to_owned),
        notes: Vec::new(),
    };
    let serious = || ruling(Outcome::Failed, "serious", "CRITICAL, and a fix is there", None);
    scan.decision.rulings = vec![
        serious(),
        ruling(Outcome::Warned, "soon", "HIGH, and a fix is there", Some("2023-11-20")),
        serious(),
        ruling(Outcome::Failed, "exploited", "known to be exploited", None),
        Ruling {
            notes: vec!["rule `likely` hangs on what nobody has said".to_owned()],
            ..ruling(Outcome::Passed, "", "", None)
        },
        ruling(Outcome::Failed, "serious", "the package is itself the attack", None),
        ruling(Outcome::Warned, "soon", "HIGH, and a fix is there", None),
    ];
    scan.baseline = Some(Baseline {
        name: "registry.example/app:1.1".to_owned(),
        manifest_digest: digest('e'),
        database_digest: digest('c'),
        gone: SeverityCounts { high: 1, low: 2, ..SeverityCounts::default() },
    });
    scan.notices = [
        (NoticeKind::WaiverExpired, "plimsoll.toml:30", "the waiver for CVE-2020-8177 ended on 2023-10-31"),
        (NoticeKind::WaiverExpiring, "plimsoll.toml:20", "the waiver for CVE-2023-39325 ends on 2023-11-10"),
        (
            NoticeKind::VexUnused,
            "vex/app.json: statements[1]",
            "CVE-2024-0001: `pkg:npm/left-pad@1.0.0` is here, and has no finding `CVE-2024-0001`",
        ),
    ]
    .map(|(kind, origin, text)| Notice { kind, origin: origin.to_owned(), text: text.to_owned() })
    .to_vec();
    let upgrade = |name: &str, from: &str, to: &str, packages: &[usize], removes: &[usize]| Upgrade {
        name: name.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        packages: packages.to_vec(),
        removes: removes.to_vec(),
    };
    scan.advice = Advice {
        for_gate: true,
        actions: vec![
            FixAction {
                tool: "apt-get".to_owned(),
                title: "Upgrade 2 Debian packages".to_owned(),
                path: String::new(),
                lines: vec!["apt-get update && apt-get install --only-upgrade libssl1.1 openssl".to_owned()],
                upgrades: vec![
                    upgrade("libssl1.1", "1.1.1n-0+deb11u3", "1.1.1n-0+deb11u4", &[1], &[0, 1]),
                    upgrade("openssl", "1.1.1n-0+deb11u3", "1.1.1n-0+deb11u4", &[2], &[2]),
                ],
                remark: String::new(),
            },
            FixAction {
                tool: "maven".to_owned(),
                title: "Upgrade 1 Java library".to_owned(),
                path: "app/service.jar".to_owned(),
                lines: vec!["org.apache.logging.log4j:log4j-core:2.15.0".to_owned()],
                upgrades: vec![upgrade(
                    "org.apache.logging.log4j:log4j-core",
                    "2.14.1",
                    "2.15.0",
                    &[7],
                    &[3],
                )],
                remark: "in the `pom.xml` that the archive is built from".to_owned(),
            },
        ],
        unfixable: vec![5],
    };
    scan
}
