//! `plimsoll policy`: what is asked, what it would say of stored reports, and who decides.

mod support;

use support::{Stage, image};

const POLICY: &str = r#"
[policy]
[[policy.rules]]
name = "exploited"
when = "kev && fixable"
action = "fail"
reason = "known to be exploited"
after = "3d"
[[policy.rules]]
name = "nothing to be done"
when = "!fixable"
action = "ignore"
[[policy.rules]]
name = "rest"
when = "true"
action = "warn"
[[policy.rules]]
name = "too late"
when = "severity >= LOW"
action = "fail"

[[waivers]]
id = "CVE-2020-14343"
owner = "shop-team@example.org"
reason = "fix-pending"
expires = 2026-03-31
"#;

/// A stage with a stored report in `report.json`, judged without a policy.
fn stage(name: &str) -> Stage {
    let stage = Stage::new(name);
    image().write_oci_layout(&stage.folder.join("layout"), "1.2").expect("the stage takes files");
    let arguments = ["scan", "oci-dir:layout", "--db", "plimsoll.db", "-f", "json", "-o", "report.json"];
    assert_eq!(stage.run(&arguments).status, 0);
    stage.write("policy.toml", POLICY.as_bytes());
    stage
}

#[test]
fn check_lists_what_is_asked_and_what_is_wrong() {
    let stage = stage("policy-check");
    let run = stage.run(&["policy", "check", "--policy", "policy.toml", "--as-of", "2026-04-01"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    for line in [
        "  1. fail after 3 days: exploited (policy.toml:3)",
        "     when kev && fixable",
        "  2. ignore: nothing to be done (policy.toml:9)",
        "  CVE-2020-14343, ended on 2026-03-31, fix-pending, shop-team@example.org (policy.toml:22)",
        "  policy.toml:17: rule `too late` is never asked, one before it holds for everything",
    ] {
        assert!(run.stdout.lines().any(|found| found == line), "{line}\n{}", run.stdout);
    }
    stage.write("policy.toml", POLICY.replace("kev &&", "kve &&").as_bytes());
    let run = stage.run(&["policy", "check", "--policy", "policy.toml"]);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""));
    let expected = "line 5, column 9: rule `exploited`: expected a field, found `kve`\nhint: `kev` was meant";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}

#[test]
fn stored_reports_are_judged_anew() {
    let stage = stage("policy-test");
    let test = |more: &[&str]| {
        stage.run(&[&["policy", "test", "report.json", "--policy", "policy.toml"], more].concat())
    };
    let run = test(&["--as-of", "2026-03-01"]);
    assert_eq!((run.status, run.stderr.as_str()), (1, ""));
    assert!(
        run.stdout.starts_with("report.json: failed (was passed)\n  exploited: 1 failed\n"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("  suppressed: 2\n"), "{}", run.stdout);
    let late = test(&["--as-of", "2026-04-01"]);
    assert!(late.stdout.contains("  suppressed: 1\n"), "{}", late.stdout);
    assert!(late.stdout.contains("ended on 2026-03-31, and would excuse what was found"), "{}", late.stdout);

    let run = test(&["--as-of", "2026-03-01", "--format", "json"]);
    let told: serde_json::Value = serde_json::from_str(&run.stdout).expect("it is JSON");
    assert_eq!(told[0]["Verdict"], "failed");
    assert_eq!(told[0]["VerdictBefore"], "passed");
    assert_eq!(told[0]["Rules"][0], serde_json::json!({ "Name": "exploited", "Failed": 1, "Warned": 0 }));

    stage.write("broken.json", b"{\"SchemaVersion\": 2, \"Results\": [");
    let run = stage.run(&["policy", "test", "report.json", "broken.json", "--policy", "strict"]);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("`broken.json`"), "{}", run.stderr);
}

#[test]
fn what_a_scan_decides_a_stored_report_gives_again() {
    let stage = stage("policy-same");
    for policy in ["policy.toml", "strict", "production", "pragmatic"] {
        let more = ["--policy", policy, "--as-of", "2026-03-01"];
        let arguments = [
            &["scan", "oci-dir:layout", "--db", "plimsoll.db", "-f", "json", "-o", "judged.json"],
            &more[..],
        ];
        let scanned = stage.run(&arguments.concat());
        let again = |report: &str| stage.run(&[&["policy", "explain", report], &more[..]].concat());
        let (plain, judged) = (again("report.json"), again("judged.json"));
        assert_eq!(plain.stdout, judged.stdout, "{policy}");
        let tested = stage.run(&[&["policy", "test", "judged.json"], &more[..]].concat());
        assert_eq!(tested.status, scanned.status, "{policy}");
        assert!(!tested.stdout.contains("(was"), "{policy}: {}", tested.stdout);
    }
}

#[test]
fn each_finding_is_told_who_decides_it() {
    let stage = stage("policy-explain");
    let explain = |only: &[&str]| {
        let arguments =
            ["policy", "explain", "report.json", "--policy", "policy.toml", "--as-of", "2026-03-01"];
        let run = stage.run(&[&arguments, only].concat());
        assert_eq!((run.status, run.stderr.as_str()), (0, ""));
        run.stdout
    };
    let all = explain(&[]);
    for part in [
        "CVE-2021-3711 UNKNOWN libssl1.1 1.1.1k-1: failed\n  rule `exploited`; known to be exploited\n",
        "CVE-2020-14343 CRITICAL PyYAML 5.3: suppressed\n  waived by shop-team@example.org as fix-pending until 2026-03-31 (policy.toml:22)\n",
        "GHSA-acme MEDIUM @acme/old 1.0.0: suppressed\n  ignored by nothing to be done (policy.toml:9)\n",
        "CVE-2021-3712 UNKNOWN libssl1.1 1.1.1k-1: warned\n  rule `rest`\n",
    ] {
        assert!(all.contains(part), "{part}\n{all}");
    }
    assert!(explain(&["pyyaml"]).starts_with("pyyaml: no finding of that name in the report\n"));
    assert_eq!(explain(&["PyYAML"]).lines().count(), 3);
    assert_eq!(explain(&["ghsa-8q59-q68h-6hv4"]).lines().count(), 3);
}

#[test]
fn presets_and_fields_are_printed() {
    let stage = Stage::empty("policy-show");
    for preset in plimsoll_gate::PRESETS {
        assert_eq!(stage.run(&["policy", "show", preset.name]).stdout, preset.text);
    }
    let run = stage.run(&["policy", "show", "lenient"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("expected one of strict, production, pragmatic"), "{}", run.stderr);
    let fields = stage.run(&["policy", "fields"]).stdout;
    for field in plimsoll_gate::FIELDS {
        assert!(fields.lines().any(|line| line.starts_with(&format!("{}: ", field.name))), "{}", field.name);
    }
}

#[test]
fn what_another_scanners_report_does_not_say_is_told() {
    let stage = stage("policy-foreign");
    stage.write(
        "trivy.json",
        br#"{"SchemaVersion": 2, "ArtifactName": "a", "Results": [{"Target": "a", "Class": "lang-pkgs", "Type": "jar",
            "Vulnerabilities": [{"VulnerabilityID": "CVE-2021-44228", "PkgName": "g:a", "InstalledVersion": "1",
            "FixedVersion": "2", "Severity": "CRITICAL"}]}]}"#,
    );
    let run = stage.run(&["policy", "test", "--fail-on-kev", "trivy.json"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(
        run.stdout.contains("asks for `kev`, which is not known without a report of Plimsoll's"),
        "{run:?}"
    );
    let run = stage.run(&["policy", "test", "--fail-on-kev", "report.json"]);
    assert!(!run.stdout.contains("asks for `kev`"), "{run:?}");
}

#[test]
fn what_could_not_be_decided_is_explained_as_well() {
    let stage = stage("policy-unclear");
    stage.write(
        "advisories/unclear.json",
        br#"{"id": "GHSA-aaaa-bbbb-cccc", "aliases": ["CVE-2026-9"], "modified": "2026-01-01T00:00:00Z",
            "affected": [{"package": {"ecosystem": "npm", "name": "lodash"},
            "ranges": [{"type": "SEMVER", "events": [{"introduced": "x.y"}, {"fixed": "z"}]}]}]}"#,
    );
    let build = ["db", "build", "--from", "advisories", "--output", "plimsoll.db"];
    assert_eq!(stage.run(&build).status, 0);
    let scan = ["scan", "oci-dir:layout", "--db", "plimsoll.db", "-f", "json", "-o", "report.json"];
    assert_eq!(stage.run(&scan).status, 0);
    let policy = "[policy]\n[[policy.rules]]\nname = 'unclear'\nwhen = 'undetermined'\naction = 'fail'\n";
    stage.write("policy.toml", policy.as_bytes());
    let run = stage.run(&["policy", "test", "--policy", "policy.toml", "report.json"]);
    assert_eq!(run.status, 4, "{run:?}");
    assert!(run.stdout.contains("  unclear: 1 undetermined\n"), "{run:?}");
    let explain = |more: &[&str]| {
        stage.run(&[&["policy", "explain", "--policy", "policy.toml", "report.json"], more].concat()).stdout
    };
    let told = explain(&["CVE-2026-9"]);
    assert!(told.starts_with("CVE-2026-9 lodash 4.17.15: undetermined\n  rule `unclear`: fail; "), "{told}");
    let told = explain(&["ghsa-aaaa-bbbb-cccc", "-f", "json"]);
    assert!(told.contains("\"Outcome\": \"undetermined\""), "{told}");
    let told = explain(&["CVE-2026-8"]);
    assert!(told.starts_with("CVE-2026-8: no finding of that name in the report\n"), "{told}");
}
