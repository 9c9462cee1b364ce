//! The gate of `plimsoll scan`: policies, waivers, ignore files of other scanners, and the day that counts.

mod support;

use serde_json::Value;
use support::{Stage, image};

/// A stage with the image, and an advisory of it that is known to be exploited.
fn stage(name: &str) -> Stage {
    let stage = Stage::new(name);
    image().write_oci_layout(&stage.folder.join("layout"), "1.2").expect("the stage takes files");
    stage
}

#[track_caller]
fn scan(stage: &Stage, more: &[&str]) -> (i32, Value, String) {
    let arguments = [&["scan", "oci-dir:layout", "--db", "plimsoll.db", "--format", "json"], more].concat();
    let run = stage.run(&arguments);
    let report = if run.stdout.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&run.stdout).expect("the report is JSON")
    };
    (run.status, report, run.stderr)
}

const POLICY: &str = r#"
[policy]
[[policy.rules]]
name = "exploited-fixable"
when = "kev && fixable && (severity == UNKNOWN || severity >= HIGH)"
action = "fail"
reason = "an update is there"
"#;

const WAIVER: &str = r#"
[[waivers]]
id = "CVE-2021-3711"
purl = "pkg:deb/debian/libssl1.1"
owner = "shop-team@example.org"
reason = "fix-pending"
expires = 2026-03-31
"#;

#[test]
fn a_build_fails_passes_by_a_waiver_and_fails_again_the_day_after_it_ends() {
    let stage = stage("gate-waiver");
    stage.write("policy.toml", POLICY.as_bytes());
    let (status, report, _) = scan(&stage, &["--policy", "policy.toml", "--as-of", "2026-03-01"]);
    assert_eq!(status, 1);
    assert_eq!(report["Plimsoll"]["Verdict"], "failed");
    assert_eq!(report["Plimsoll"]["Failures"][0]["VulnerabilityID"], "CVE-2021-3711");
    assert_eq!(report["Plimsoll"]["Failures"][0]["Rule"], "exploited-fixable");

    stage.write("policy.toml", [POLICY, WAIVER].concat().as_bytes());
    for (day, expected) in
        [("2026-03-01", 0), ("2026-03-31T23:59:59Z", 0), ("2026-04-01", 1), ("2027-01-01", 1)]
    {
        let (status, report, _) = scan(&stage, &["--policy", "policy.toml", "--as-of", day]);
        assert_eq!(status, expected, "{day}");
        let verdict = if expected == 0 { "passed" } else { "failed" };
        assert_eq!(report["Plimsoll"]["Verdict"], verdict, "{day}");
    }
}

#[test]
fn the_settings_file_holds_policy_and_waivers_and_a_named_policy_takes_their_place() {
    let stage = stage("gate-settings");
    stage.write("plimsoll.toml", [POLICY, WAIVER].concat().as_bytes());
    assert_eq!(scan(&stage, &["--as-of", "2026-03-01"]).0, 0);
    assert_eq!(scan(&stage, &["--as-of", "2026-05-01"]).0, 1);
    // The waivers hold whatever policy is asked.
    assert_eq!(scan(&stage, &["--as-of", "2026-03-01", "--policy", "strict"]).0, 1);
    stage.write(
        "other.toml",
        b"[policy]\n[[policy.rules]]\nname = 'n'\nwhen = 'malicious'\naction = 'fail'\n",
    );
    assert_eq!(scan(&stage, &["--as-of", "2026-05-01", "--policy", "other.toml"]).0, 0);
}

#[test]
fn ignore_files_of_other_scanners_are_read_where_they_lie() {
    let stage = stage("gate-ignore");
    for (name, text) in [
        (".trivyignore", "CVE-2020-14343\n"),
        (".trivyignore.yaml", "vulnerabilities:\n  - id: CVE-2020-14343\n"),
        (".grype.yaml", "ignore:\n  - vulnerability: CVE-2020-14343\n"),
        ("osv-scanner.toml", "[[IgnoredVulns]]\nid = \"CVE-2020-14343\"\n"),
    ] {
        assert_eq!(scan(&stage, &["--fail-on", "critical"]).0, 1, "{name}");
        stage.write(name, text.as_bytes());
        assert_eq!(scan(&stage, &["--fail-on", "critical"]).0, 0, "{name}");
        assert_eq!(scan(&stage, &["--fail-on", "critical", "--no-ignore-files"]).0, 1, "{name}");
        std::fs::rename(stage.folder.join(name), stage.folder.join(format!("app{name}"))).unwrap();
        let named = format!("app{name}");
        assert_eq!(scan(&stage, &["--fail-on", "critical", "--waivers", &named]).0, 0, "{name}");
        std::fs::remove_file(stage.folder.join(named)).unwrap();
    }
}

#[test]
fn a_gate_that_cannot_be_read_is_an_error_before_the_scan() {
    let stage = stage("gate-broken");
    for (text, expected) in [
        (POLICY.replace("severity", "severty"), "line 5, column"),
        (POLICY.replace("[policy]", "[policy]\nstict = true"), "`stict`"),
        (WAIVER.replace("expires = 2026-03-31", ""), "expected `expires`"),
        (WAIVER.replace("fix-pending", "because"), "`because`"),
        (POLICY.replace("action = \"fail\"", "action = \"stop\""), "`stop`"),
        (POLICY.replace("HIGH", "'9'"), "line 5, column"),
    ] {
        stage.write("plimsoll.toml", text.as_bytes());
        let run = stage.run(&["scan", "oci-dir:nowhere", "--db", "plimsoll.db"]);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{text}");
        assert!(run.stderr.contains(expected), "{text}: {}", run.stderr);
    }
    stage.write("plimsoll.toml", b"");
    for arguments in [
        &["--policy", "nowhere.toml"][..],
        &["--waivers", "nowhere.toml"],
        &["--waivers", "plimsoll.db"],
        &["--as-of", "tomorrow"],
    ] {
        let arguments = [&["scan", "oci-dir:layout", "--db", "plimsoll.db"], arguments].concat();
        let run = stage.run(&arguments);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{arguments:?}");
    }
}

#[test]
fn a_settings_file_that_is_cut_off_or_leads_nowhere_opens_no_gate() {
    let stage = stage("gate-settings-cut");
    let padding = "# the same line again and again\n".repeat(150_000);
    stage.write("plimsoll.toml", [padding.as_str(), POLICY].concat().as_bytes());
    let (status, _, stderr) = scan(&stage, &[]);
    assert_eq!(status, 2, "{stderr}");
    assert!(stderr.contains("expected at most 4194304 bytes, found more"), "{stderr}");
    // A policy behind the first MiB is asked.
    stage.write("plimsoll.toml", [&padding[..2 << 20], "\n", POLICY].concat().as_bytes());
    assert_eq!(scan(&stage, &[]).0, 1);
    std::fs::remove_file(stage.folder.join("plimsoll.toml")).unwrap();
    std::os::unix::fs::symlink("nowhere.toml", stage.folder.join("plimsoll.toml")).unwrap();
    let (status, _, stderr) = scan(&stage, &[]);
    assert_eq!(status, 2, "{stderr}");
    assert!(stderr.contains("cannot read settings `plimsoll.toml`"), "{stderr}");
}

#[test]
fn without_the_catalogue_nothing_is_called_free_of_what_is_exploited() {
    let stage = stage("gate-no-kev");
    std::fs::remove_file(stage.folder.join("advisories/kev.json")).unwrap();
    let build = ["db", "build", "--from", "advisories", "--output", "plimsoll.db"];
    assert_eq!(stage.run(&build).status, 0);
    let (status, report, stderr) = scan(&stage, &["--fail-on-kev"]);
    assert_eq!((status, report), (5, Value::Null), "{stderr}");
    assert!(stderr.contains("expected the catalogue of known exploited vulnerabilities"), "{stderr}");
    // A policy that asks for it among others is answered, and the gap is told.
    stage.write("policy.toml", POLICY.as_bytes());
    let gaps = |report: &Value| {
        let gaps = report["Plimsoll"]["Gaps"].as_array().cloned().unwrap_or_default();
        gaps.iter().filter(|gap| gap["Reporter"] == "gate").count()
    };
    let (status, report, _) = scan(&stage, &["--policy", "policy.toml"]);
    assert_eq!((status, gaps(&report)), (0, 1));
    assert_eq!(scan(&stage, &["--policy", "policy.toml", "--strict"]).0, 4);
    let (status, report, _) = scan(&stage, &["--fail-on", "critical"]);
    assert_eq!((status, gaps(&report)), (1, 0));
}

#[test]
fn a_settings_file_that_is_named_for_a_policy_brings_its_waivers_once() {
    let stage = stage("gate-twice");
    stage.write("plimsoll.toml", [POLICY, WAIVER].concat().as_bytes());
    for more in [&["--policy", "plimsoll.toml"][..], &["--waivers", "plimsoll.toml"], &[]] {
        let (status, report, _) = scan(&stage, &[more, &["--as-of", "2026-03-30"]].concat());
        let notices = report["Plimsoll"]["Notices"].as_array().cloned().unwrap_or_default();
        let expiring = notices.iter().filter(|notice| notice["Kind"] == "waiver-expiring").count();
        assert_eq!((status, expiring), (0, 1), "{more:?}");
    }
}

#[test]
fn switches_are_variables_too() {
    let stage = stage("gate-variables");
    stage.write("policy.toml", POLICY.as_bytes());
    for (value, status) in
        [("1", 1), ("true", 1), ("yes", 1), ("0", 0), ("false", 0), ("off", 0), ("perhaps", 2)]
    {
        let arguments = ["scan", "oci-dir:layout", "--db", "plimsoll.db", "--quiet"];
        let run = stage.run_with(&arguments, &[("PLIMSOLL_FAIL_ON_KEV", value)]);
        assert_eq!(run.status, status, "{value}: {}", run.stderr);
    }
}
