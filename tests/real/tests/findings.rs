//! The findings of the image, by real advisories where `ADVISORIES` names them, else by the project's own.

use std::sync::OnceLock;

use plimsoll_real::{Plimsoll, database, findings, image};
use serde_json::Value;

/// Flaws that the image has: `Type`, CVE, package, installed version, fixed version. Each was read in the advisory
/// that the last field names, and compared by hand.
const AFFECTED: &[(&str, &str, &str, &str, &str, &str)] = &[
    ("debian", "CVE-2022-1271", "gzip", "1.10-4", "1.10-4+deb11u1", "DSA-5122-1"),
    ("python-pkg", "CVE-2021-33503", "urllib3", "1.26.4", "1.26.5", "PYSEC-2021-108"),
    ("python-pkg", "CVE-2023-32681", "requests", "2.25.1", "2.31.0", "PYSEC-2023-74"),
    ("python-pkg", "CVE-2020-28493", "Jinja2", "2.11.2", "2.11.3", "PYSEC-2021-66"),
    ("node-pkg", "CVE-2021-44906", "minimist", "1.2.0", "1.2.6", "GHSA-xvch-5gv4-984h"),
    ("jar", "CVE-2022-42889", "org.apache.commons:commons-text", "1.9", "1.10.0", "GHSA-599f-7c49-w659"),
];

/// More of them, where the real advisories are there.
const AFFECTED_BY_REAL: &[(&str, &str, &str, &str, &str, &str)] = &[
    ("debian", "CVE-2018-25032", "zlib1g", "1:1.2.11.dfsg-2", "1:1.2.11.dfsg-2+deb11u1", "DSA-5111-1"),
    ("debian", "CVE-2022-37434", "zlib1g", "1:1.2.11.dfsg-2", "1:1.2.11.dfsg-2+deb11u2", "DSA-5218-1"),
    ("node-pkg", "CVE-2020-8203", "lodash", "4.17.15", "4.17.19", "GHSA-p6mc-m468-83gw"),
    ("node-pkg", "CVE-2020-28168", "axios", "0.21.0", "0.21.1", "GHSA-4w2v-q235-vp99"),
    ("node-pkg", "CVE-2021-23369", "handlebars", "4.7.6", "4.7.7", "GHSA-f2jv-r9rf-7988"),
    (
        "jar",
        "CVE-2020-36518",
        "com.fasterxml.jackson.core:jackson-databind",
        "2.12.1",
        "2.12.6.1",
        "GHSA-57j2-w4cx-62h2",
    ),
    // In an archive inside an archive.
    ("jar", "CVE-2022-1471", "org.yaml:snakeyaml", "1.28", "2.0", "GHSA-mjmj-j48q-9wg2"),
    ("gobinary", "CVE-2024-45338", "golang.org/x/net", "v0.32.0", "0.33.0", "GO-2024-3333"),
    ("gobinary", "CVE-2025-22869", "golang.org/x/crypto", "v0.31.0", "0.35.0", "GO-2025-3487"),
    ("gobinary", "CVE-2025-21613", "github.com/go-git/go-git/v5", "v5.12.0", "5.13.0", "GO-2025-3368"),
];

/// Flaws near what the image has, that it has not: `Type`, CVE, package, and why not.
const NOT_AFFECTED: &[(&str, &str, &str, &str)] = &[
    ("python-pkg", "CVE-2021-28363", "urllib3", "1.26.4 is its fix"),
    ("python-pkg", "CVE-2019-10906", "Jinja2", "fixed in 2.10.1"),
    ("node-pkg", "CVE-2019-10744", "lodash", "fixed in 4.17.12"),
    ("node-pkg", "CVE-2019-20920", "handlebars", "fixed in 4.5.3"),
    ("jar", "CVE-2021-44228", "org.apache.logging.log4j:log4j-core", "2.17.1 is past it"),
    ("jar", "CVE-2021-45105", "org.apache.logging.log4j:log4j-core", "fixed in 2.17.0"),
    ("debian", "CVE-2022-1664", "dpkg", "the release has 1.20.13, fixed in 1.20.10"),
    (
        "debian",
        "CVE-2022-1271",
        "liblzma5",
        "put back were `gzip` and `zlib1g`, not this: `xz-utils` is as the fix left it",
    ),
];

fn report() -> &'static Value {
    static REPORT: OnceLock<Value> = OnceLock::new();
    REPORT.get_or_init(|| {
        let target = format!("oci-dir:{}", image().oci_dir().display());
        Plimsoll::scan(&target, &database().path).without_cache().json()
    })
}

#[test]
fn known_flaws_are_found_with_their_fix_and_their_advisory() {
    let report = report();
    let mut missed = Vec::new();
    let real = if database().real { AFFECTED_BY_REAL } else { &[] };
    for &(kind, cve, package, installed, fixed, advisory) in AFFECTED.iter().chain(real) {
        let found = report["Results"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|result| result["Type"] == kind)
            .flat_map(|result| result["Vulnerabilities"].as_array().into_iter().flatten())
            .find(|finding| {
                finding["VulnerabilityID"] == cve
                    && finding["PkgName"] == package
                    && finding["InstalledVersion"] == installed
            });
        let Some(found) = found else {
            missed.push(format!("{cve} of {package} {installed}: not found"));
            continue;
        };
        if found["FixedVersion"] != fixed {
            missed.push(format!(
                "{cve} of {package}: expected the fix {fixed}, found {}",
                found["FixedVersion"]
            ));
        }
        let advisories = found["Plimsoll"]["Advisories"].as_array().unwrap();
        if !advisories.iter().any(|found| found == advisory) {
            missed.push(format!("{cve} of {package}: expected advisory {advisory}, found {advisories:?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn what_is_fixed_is_not_found() {
    let report = report();
    for (kind, cve, package, because) in NOT_AFFECTED {
        let wrong =
            findings(report, kind).into_iter().find(|finding| finding.0 == *cve && finding.1 == *package);
        assert_eq!(wrong, None, "{because}");
    }
}

#[test]
fn what_the_distribution_installed_is_judged_by_the_distribution() {
    let report = report();
    // Debian's own urllib3 1.26.5 is older than PyPI's fix of many flaws; Debian mends it under that number.
    let wrong: Vec<_> =
        findings(report, "python-pkg").into_iter().filter(|finding| finding.2 == "1.26.5").collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn every_kind_of_package_has_findings() {
    if !database().real {
        println!("not checked: the project's own advisories do not name all kinds");
        return;
    }
    let report = report();
    for (kind, at_least) in
        [("debian", 3), ("python-pkg", 10), ("node-pkg", 20), ("jar", 4), ("gobinary", 50)]
    {
        let found = findings(report, kind).len();
        assert!(found >= at_least, "expected {at_least} findings of `{kind}` or more, found {found}");
    }
    // The toolchain's library, in programs of two versions of Go.
    for version in ["v1.19.8", "v1.23.4"] {
        let found = findings(report, "gobinary");
        assert!(found.iter().any(|finding| finding.1 == "stdlib" && finding.2 == version), "{version}");
    }
    assert_eq!(report["Plimsoll"]["Undetermined"], Value::Array(Vec::new()));
}

#[test]
fn a_gate_fails_on_what_is_found() {
    let target = format!("oci-dir:{}", image().oci_dir().display());
    let scan = || Plimsoll::scan(&target, &database().path).without_cache();
    assert_eq!(scan().variable("PLIMSOLL_FAIL_ON", "critical").run().status, Some(1));
    assert_eq!(scan().run().status, Some(0), "no gate was asked");
}
