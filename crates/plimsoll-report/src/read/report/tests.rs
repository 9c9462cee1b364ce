use expect_test::expect;
use plimsoll_model::{Finding, Package, Verdict};
use serde_json::{Value, json};

use super::*;
use crate::{AwsAccount, FORMATS, GithubCommit, Report, sample};

pub(super) fn written(scan: &Scan) -> Vec<u8> {
    let mut out = Vec::new();
    crate::write_json(scan, &mut out).unwrap();
    out
}

pub(super) fn read(text: &[u8]) -> Result<StoredScan, Error> {
    read_scan(&mut &*text, "report.json")
}

/// The scan with its image's config as a report keeps it.
fn kept(scan: &Scan) -> Scan {
    let mut scan = scan.clone();
    let config = &mut scan.inventory.artifact.config;
    *config = serde_json::from_str(config)
        .map_or_else(|_| String::new(), |value: serde_json::Value| value.to_string());
    scan
}

#[test]
fn what_is_written_is_read() {
    let mut odd = sample::scan();
    odd.inventory.artifact.config = "{".to_owned();
    for scan in [sample::scan(), sample::judged(), Scan::default(), odd] {
        let stored = read(&written(&scan)).unwrap();
        assert_eq!(stored.writer, Writer::Plimsoll);
        assert_eq!(stored.version, crate::VERSION);
        assert_eq!(stored.scan, kept(&scan));
    }
}

/// The report of a scan, in every format.
fn everywhere(scan: &Scan) -> Vec<(&'static str, String)> {
    FORMATS
        .iter()
        .map(|format| {
            let mut out = Vec::new();
            let report = Report {
                created: Some("2023-11-08T12:00:00Z"),
                aws: Some(AwsAccount { account: "123456789012", region: "eu-central-1", product_arn: None }),
                github: Some(GithubCommit {
                    sha: "0123456789abcdef0123456789abcdef01234567",
                    reference: "refs/heads/main",
                    job_id: "42",
                    job_correlator: "build_image",
                    job_url: None,
                }),
                ..Report::new(scan)
            };
            (format.write)(&report, &mut out).unwrap();
            (format.name, String::from_utf8(out).unwrap())
        })
        .collect()
}

#[test]
fn every_format_is_the_same_from_what_was_read() {
    for scan in [sample::scan(), sample::judged()] {
        let stored = read(&written(&scan)).unwrap().scan;
        for ((name, before), (_, after)) in everywhere(&scan).into_iter().zip(everywhere(&stored)) {
            assert!(before == after, "{name}");
        }
    }
}

const TRIVY: &[u8] = include_bytes!("../../../testdata/report/trivy.json");

#[test]
fn trivys_report_gives_packages_and_findings() {
    let StoredScan { scan, writer, version } = read(TRIVY).unwrap();
    assert_eq!((writer, version.as_str()), (Writer::Trivy, "0.68.1"));
    assert_eq!(scan.inventory.os.as_ref().unwrap().version_id, "11.6");
    assert_eq!(scan.inventory.artifact.platform.as_ref().unwrap().to_string(), "linux/amd64");
    assert_eq!(scan.inventory.artifact.layers.len(), 2);
    let packages = scan.inventory.packages.iter().map(|package| {
        let (source, source_version) = package.source_or_self();
        let layer = package.introduced_in.as_ref().map_or("-".to_owned(), |layer| layer.index.to_string());
        let Package { kind, name, version, path, cataloger, direct, .. } = package;
        format!(
            "{kind} {name} {version} of {source} {source_version} in `{path}` {layer} {cataloger} {direct:?}"
        )
    });
    expect![[r#"
        [
            "deb bash 5.1-2+deb11u1 of bash 5.1-2+deb11u1 in `` - trivy-report None",
            "deb perl-base 5.32.1-4+deb11u2 of perl 1:5.32.1-4+deb11u2 in `` 0 trivy-report None",
            "golang stdlib v1.20.1 of stdlib v1.20.1 in `usr/bin/agent` - trivy-report None",
            "golang stdlib v1.20.1 of stdlib v1.20.1 in `usr/bin/app` 1 trivy-report Some(true)",
            "npm minimist 1.2.5 of minimist 1.2.5 in `srv/package-lock.json` - npm-lock None",
        ]
    "#]]
    .assert_debug_eq(&packages.collect::<Vec<_>>());
    let line = |finding: &Finding| {
        let Finding { id, packages, fix, severity, ratings, advisories, .. } = finding;
        format!("{id} {packages:?} {fix:?} {severity:?} {} {advisories:?}", ratings.len())
    };
    expect![[r#"
        [
            "CVE-2023-31484 [1] NotFixed SeverityChoice { severity: High, source: Word(\"nvd\") } 4 [\"CVE-2023-31484\"]",
            "CVE-2023-24540 [2, 3] Fixed(\"1.19.9, 1.20.4\") SeverityChoice { severity: Critical, source: Word(\"nvd\") } 0 [\"GO-2023-1752\"]",
            "CVE-2021-44906 [4] Fixed(\"1.2.6, 0.2.4\") SeverityChoice { severity: Critical, source: Nobody } 0 [\"CVE-2021-44906\"]",
        ]
    "#]].assert_debug_eq(&scan.findings.iter().map(line).collect::<Vec<_>>());
    expect![[r#"
        [
            (
                "CVE-2022-3715 [0] Fixed(\"5.1-2+deb11u2\") SeverityChoice { severity: Low, source: Nobody } 0 [\"CVE-2022-3715\"]",
                "waived (.trivyignore.yaml): not reachable",
            ),
        ]
    "#]].assert_debug_eq(
        &scan.suppressed.iter().map(|item| (line(&item.finding), item.words())).collect::<Vec<_>>(),
    );
    expect![[r#"
        [
            "expected packages of a type that is known, found `conan`: they are left out",
            "expected vulnerabilities, found 2 results of other kinds (secrets, settings, licences), which are left out",
        ]
    "#]].assert_debug_eq(&scan.match_gaps.iter().map(|gap| gap.reason.as_str()).collect::<Vec<_>>());
    assert_eq!(scan.decision.counts.total(), scan.findings.len());
    assert_eq!(scan.decision.verdict, Verdict::Passed);
}

#[test]
fn trivys_report_is_written_in_every_format_and_becomes_ours() {
    let scan = read(TRIVY).unwrap().scan;
    everywhere(&scan);
    assert_eq!(read(&written(&scan)).unwrap().scan, scan);
}

#[test]
fn a_report_without_a_list_of_packages_says_so() {
    let mut report: Value = serde_json::from_slice(TRIVY).unwrap();
    for result in report["Results"].as_array_mut().unwrap() {
        result.as_object_mut().unwrap().remove("Packages");
    }
    let scan = read(report.to_string().as_bytes()).unwrap().scan;
    assert!(scan.match_gaps[0].reason.contains("--list-all-pkgs"), "{:?}", scan.match_gaps);
    assert_eq!(scan.inventory.packages.len(), 5);
    assert_eq!(scan.findings.len(), 3);
}

#[test]
fn what_a_person_filtered_is_read_with_what_is_left() {
    let scan = sample::judged();
    let mut report: Value = serde_json::from_slice(&written(&scan)).unwrap();
    report["Results"][0]["Vulnerabilities"].as_array_mut().unwrap().remove(0);
    let read = read(report.to_string().as_bytes()).unwrap().scan;
    assert_eq!(read.findings, scan.findings[1..]);
    assert_eq!(read.decision.rulings, scan.decision.rulings[1..]);
    assert_eq!(read.advice.actions[0].upgrades[0].removes, [0]);
}

/// The error of the sample's report with one value changed, or taken away.
fn broken(pointer: &str, value: Option<Value>) -> String {
    let mut report: Value = serde_json::from_slice(&written(&sample::judged())).unwrap();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = report.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Object(fields), Some(value)) => drop(fields.insert(key.to_owned(), value)),
        (Value::Object(fields), None) => drop(fields.remove(key).unwrap()),
        (parent, Some(value)) => parent[key.parse::<usize>().unwrap()] = value,
        (parent, None) => panic!("{parent}"),
    }
    let error = read(report.to_string().as_bytes()).unwrap_err();
    let cause = std::error::Error::source(&error).map(|cause| format!("; {cause}")).unwrap_or_default();
    let cause = cause.split(" at line").next().unwrap_or_default();
    format!("{error}{cause}")
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let cases = [
        ("/SchemaVersion", Some(json!(1))),
        ("/SchemaVersion", None),
        ("/ArtifactType", Some(json!("boat"))),
        ("/Results", Some(json!({}))),
        ("/Results/0/Target", Some(json!(7))),
        ("/Results/0/Vulnerabilities/1/Plimsoll/Severity", Some(json!("TRAGIC"))),
        ("/Results/0/Vulnerabilities/1/Status", Some(json!("tragic"))),
        ("/Results/0/Vulnerabilities/1/Plimsoll/SeverityFrom/Kind", Some(json!("dice"))),
        ("/Results/0/Vulnerabilities/1/Plimsoll/Places/0/Index", Some(json!(99))),
        ("/Results/0/Vulnerabilities/1/Plimsoll/Places", Some(json!([]))),
        ("/Results/0/Vulnerabilities/1/Plimsoll/Ratings/0", Some(json!({"Source": "x"}))),
        ("/Results/0/Vulnerabilities/1/Plimsoll/Index", Some(json!(0))),
        ("/Results/0/Vulnerabilities/1/Plimsoll", None),
        ("/Results/0/Packages/2/Plimsoll/Index", Some(json!(-1))),
        ("/Results/0/Packages/2/Plimsoll/Index", Some(json!(1))),
        ("/Results/0/Packages/2/ID", Some(json!("openssl"))),
        ("/Results/0/Packages/2/Identifier/PURL", Some(json!("pkg:boat/x"))),
        ("/Results/0/ExperimentalModifiedFindings/0/Plimsoll/Kind", Some(json!("whim"))),
        ("/Results/0/ExperimentalModifiedFindings/0/Finding/Plimsoll/Places/0/Index", None),
        ("/Plimsoll/Undetermined/0/PkgIndex", Some(json!(99))),
        ("/Plimsoll/Notices/0/Kind", None),
        ("/Plimsoll/Verdict", Some(json!("sunk"))),
    ];
    let errors: Vec<String> = cases.into_iter().map(|(pointer, value)| broken(pointer, value)).collect();
    expect![[r#"
        [
            "cannot read report `report.json`: expected a JSON report of Plimsoll or Trivy, `SchemaVersion` 2, found `SchemaVersion` 1",
            "cannot read report `report.json`: expected a JSON report of Plimsoll or Trivy, `SchemaVersion` 2, found JSON without `SchemaVersion`",
            "cannot read report `report.json`: expected `container_image`, `filesystem`, `cyclonedx` or `spdx` at `ArtifactType`, found `boat`",
            "cannot read report `report.json`: expected something else at `Results`; invalid type: map, expected a list",
            "cannot read report `report.json`: expected something else at `Results[0].Target`; invalid type: integer `7`, expected a string",
            "cannot read report `report.json`: expected something else at `Results[0].Vulnerabilities[1].Plimsoll.Severity`; unknown variant `TRAGIC`, expected one of `UNKNOWN`, `NEGLIGIBLE`, `LOW`, `MEDIUM`, `HIGH`, `CRITICAL`",
            "cannot read report `report.json`: expected `fixed`, `affected` or another of Trivy's states at `Results[0].Vulnerabilities[1].Status`, found `tragic`",
            "cannot read report `report.json`: expected `word`, `cvss`, `score`, `malicious` or `nobody` at `Results[0].Vulnerabilities[1].Plimsoll.SeverityFrom.Kind`, found `dice`",
            "cannot read report `report.json`: expected a number of the report at `Results[0].Vulnerabilities[1].Plimsoll.Places[0].Index`, found `99`",
            "cannot read report `report.json`: expected at least one place at `Results[0].Vulnerabilities[1].Plimsoll.Places`, found none",
            "cannot read report `report.json`: expected one of `Severity`, `Vector` and `Score` at `Results[0].Vulnerabilities[1].Plimsoll.Ratings[0]`, found none",
            "cannot read report `report.json`: expected a number for each finding at `Results`, found `0 twice`",
            "cannot read report `report.json`: expected the object `Plimsoll`, as all of the report have it at `Results[0].Vulnerabilities[1].Plimsoll`, found none",
            "cannot read report `report.json`: expected something else at `Results[0].Packages[2].Plimsoll.Index`; invalid value: integer `-1`, expected u64",
            "cannot read report `report.json`: expected a number for each package at `Results`, found `1 twice`",
            "cannot read report `report.json`: expected the package's name, `@` and its version at `Results[0].Packages[2].ID`, found `openssl`",
            "cannot read report `report.json`: expected a package URL of a type that is known at `Results[0].Packages[2].Identifier.PURL`, found `pkg:boat/x`",
            "cannot read report `report.json`: expected something else at `Results[0].ExperimentalModifiedFindings[0].Plimsoll.Kind`; unknown variant `whim`, expected one of `rule`, `waiver`, `vex`",
            "cannot read report `report.json`: expected a number of the report at `Results[0].ExperimentalModifiedFindings[0].Finding.Plimsoll.Places[0].Index`, found none",
            "cannot read report `report.json`: expected a number of the report at `Plimsoll.Undetermined[0].PkgIndex`, found `99`",
            "cannot read report `report.json`: expected what it is about at `Plimsoll.Notices[0].Kind`, found none",
            "cannot read report `report.json`: expected something else at `Plimsoll.Verdict`; unknown variant `sunk`, expected one of `passed`, `failed`, `undecided`",
        ]
    "#]].assert_debug_eq(&errors);
}

#[test]
fn what_is_no_report_is_refused() {
    let cases: [&[u8]; 11] = [
        b"",
        b"<html>",
        b"[1]",
        b"\x89PNG\r\n",
        b"{",
        b"{}",
        b"{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\"}",
        b"{\"spdxVersion\":\"SPDX-2.3\"}",
        b"{\"predicateType\":\"https://example.org/x\"}",
        b"{\"SchemaVersion\":3}",
        b"{\"SchemaVersion\":2} x",
    ];
    let errors: Vec<String> = cases.iter().map(|text| read(text).unwrap_err().to_string()).collect();
    expect![[r#"
        [
            "cannot read report `report.json`: expected a JSON report of Plimsoll or Trivy, `SchemaVersion` 2, found an empty file",
            "cannot read report `report.json`: expected a JSON report of Plimsoll or Trivy, `SchemaVersion` 2, found XML",
            "cannot read report `report.json`: expected a JSON report of Plimsoll or Trivy, `SchemaVersion` 2, found a JSON list",
            "cannot read report `report.json`: expected a JSON report of Plimsoll or Trivy, `SchemaVersion` 2, found another text or a binary file",
            "cannot read report `report.json`: expected JSON",
            "cannot read report `report.json`: expected a JSON report of Plimsoll or Trivy, `SchemaVersion` 2, found JSON without `SchemaVersion`",
            "cannot read report `report.json`: expected a JSON report of Plimsoll or Trivy, `SchemaVersion` 2, found a CycloneDX document",
            "cannot read report `report.json`: expected a JSON report of Plimsoll or Trivy, `SchemaVersion` 2, found an SPDX document",
            "cannot read report `report.json`: expected a JSON report of Plimsoll or Trivy, `SchemaVersion` 2, found an attestation of `https://example.org/x`",
            "cannot read report `report.json`: expected a JSON report of Plimsoll or Trivy, `SchemaVersion` 2, found `SchemaVersion` 3",
            "cannot read report `report.json`: expected JSON",
        ]
    "#]].assert_debug_eq(&errors);
}

#[test]
fn a_report_that_is_cut_short_is_an_error() {
    let whole = written(&sample::judged());
    for length in (0..whole.len() - 2).step_by(97) {
        assert!(read(&whole[..length]).is_err(), "{length}");
    }
}

#[test]
fn nesting_without_end_is_an_error() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!(
            "{{\"SchemaVersion\":2,\"Metadata\":{{\"ImageConfig\":{}1{}}}}}",
            open.repeat(5000),
            close.repeat(5000)
        );
        assert!(read(deep.as_bytes()).is_err());
    }
}

#[test]
fn a_report_with_a_byte_order_mark_and_of_one_line_is_read() {
    let compact: Value = serde_json::from_slice(&written(&sample::scan())).unwrap();
    let text = format!("\u{feff}{compact}");
    assert_eq!(read(text.as_bytes()).unwrap().scan, kept(&sample::scan()));
}
