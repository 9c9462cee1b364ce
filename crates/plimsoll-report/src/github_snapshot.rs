//! A snapshot for GitHub's dependency graph, to be posted to `/repos/OWNER/REPO/dependency-graph/snapshots`.
//!
//! It holds packages, not findings: GitHub matches them with its own advisories. The number of gaps stands in its
//! metadata.
//!
//! Source: GitHub REST API, "Create a snapshot of dependencies for a repository".

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

use crate::Error;
use crate::facts;
use crate::format::{GithubCommit, Report, ReportFormat, invalid, write_document};
use crate::targets;

/// The format's entry.
pub(crate) const FORMAT: ReportFormat = ReportFormat {
    name: "github-snapshot",
    extension: "snapshot.json",
    media_type: "application/json",
    summary: "packages for GitHub's dependency graph; needs commit, job and the instant of the scan",
    needs_instant: true,
    needs_context: true,
    shows_findings: false,
    write,
};

/// The format's name in errors.
const NAME: &str = "GitHub snapshot";

fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let scanned = report.instant(NAME)?;
    let commit = commit(report)?;
    let scan = report.scan;
    let mut job = json!({ "id": commit.job_id, "correlator": commit.job_correlator });
    if let Some(url) = commit.job_url {
        job["html_url"] = json!(url);
    }
    let document = json!({
        "version": 0,
        "sha": commit.sha,
        "ref": commit.reference,
        "job": job,
        "detector": {
            "name": "plimsoll",
            "version": report.tool_version,
            "url": "https://github.com/plimsoll-scan/plimsoll",
        },
        "scanned": scanned,
        // At most eight keys with scalar values.
        "metadata": {
            "plimsoll:artifact": scan.inventory.artifact.name,
            "plimsoll:manifest_digest": scan.inventory.artifact.manifest_digest,
            "plimsoll:gaps": facts::gaps(scan).count(),
        },
        "manifests": manifests(report),
    });
    write_document(NAME, &document, out)
}

fn commit<'a>(report: &Report<'a>) -> Result<GithubCommit<'a>, Error> {
    let expected = "the commit and the job that built the image";
    let commit = report.github.ok_or(Error::Missing { format: NAME, expected })?;
    if commit.sha.len() != 40 || !commit.sha.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(invalid(NAME, "a commit of 40 hex digits", commit.sha));
    }
    if !commit.reference.starts_with("refs/") {
        return Err(invalid(NAME, "a Git reference as `refs/heads/main`", commit.reference));
    }
    for (text, expected) in [(commit.job_id, "the job's ID"), (commit.job_correlator, "the job's correlator")]
    {
        if text.is_empty() {
            return Err(Error::Missing { format: NAME, expected });
        }
    }
    Ok(commit)
}

/// A manifest a target, a package URL once in each.
fn manifests(report: &Report<'_>) -> BTreeMap<String, Value> {
    let inventory = &report.scan.inventory;
    let mut manifests: BTreeMap<String, Value> = BTreeMap::new();
    for target in targets::of_scan(report.scan) {
        let mut resolved: BTreeMap<String, Value> = BTreeMap::new();
        for package in target.packages.iter().filter_map(|&index| inventory.packages.get(index)) {
            let purl = package.purl(inventory.os.as_ref()).to_string();
            let entry = resolved
                .entry(purl.clone())
                .or_insert_with(|| json!({ "package_url": purl, "scope": "runtime" }));
            // Named in one place is named.
            if let Some(direct) =
                package.direct.filter(|&direct| direct || entry.get("relationship").is_none())
            {
                entry["relationship"] = json!(facts::relationship(direct));
            }
        }
        let path = target.packages.first().and_then(|&index| inventory.packages.get(index));
        let mut manifest = json!({ "name": target.name, "resolved": resolved });
        // Of targets that are a file GitHub can show which one.
        if let Some(package) = path.filter(|package| !target.is_os && package.path == target.name) {
            manifest["file"] = json!({ "source_location": facts::uri_path(&package.path) });
        }
        manifests.insert(target.name, manifest);
    }
    manifests
}

#[cfg(test)]
mod tests {
    use expect_test::{expect, expect_file};

    use super::*;
    use crate::sample;

    const COMMIT: GithubCommit<'_> = GithubCommit {
        sha: "0123456789abcdef0123456789abcdef01234567",
        reference: "refs/heads/main",
        job_id: "42",
        job_correlator: "build_image",
        job_url: Some("https://github.example/runs/42"),
    };

    fn text(commit: Option<GithubCommit<'_>>) -> Result<String, Error> {
        let scan = sample::scan();
        let created = Some("2023-11-08T12:00:00Z");
        let mut out = Vec::new();
        let report = Report { created, github: commit, tool_version: "VERSION", ..Report::new(&scan) };
        write(&report, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn golden_report() {
        expect_file!["../testdata/golden/report.snapshot.json"].assert_eq(&text(Some(COMMIT)).unwrap());
    }

    #[test]
    fn what_the_application_names_itself_is_direct() {
        let mut scan = sample::scan();
        // The same module in two programs.
        scan.inventory.packages[4].direct = Some(true);
        scan.inventory.packages[5].direct = Some(false);
        scan.inventory.packages[8].direct = Some(false);
        let report = Report { github: Some(COMMIT), ..Report::new(&scan) };
        let manifests = manifests(&report);
        let resolved = manifests.values().flat_map(|manifest| manifest["resolved"].as_object().unwrap());
        let said: Vec<String> = resolved
            .filter_map(|(purl, entry)| Some(format!("{purl} {}", entry.get("relationship")?)))
            .collect();
        expect![[r#"
            [
                "pkg:npm/%40babel/traverse@7.20.0 \"indirect\"",
                "pkg:golang/golang.org/x/net@v0.7.0 \"direct\"",
                "pkg:golang/golang.org/x/net@v0.7.0 \"indirect\"",
            ]
        "#]]
        .assert_debug_eq(&said);
    }

    #[test]
    fn what_is_missing_or_wrong_is_told() {
        let check = |commit: Option<GithubCommit<'_>>, expected: expect_test::Expect| {
            expected.assert_eq(&text(commit).unwrap_err().to_string());
        };
        check(
            None,
            expect![
                "cannot write the GitHub snapshot report: expected the commit and the job that built the image, found none"
            ],
        );
        check(
            Some(GithubCommit { sha: "main", ..COMMIT }),
            expect![
                "cannot write the GitHub snapshot report: expected a commit of 40 hex digits, found `main`"
            ],
        );
        check(
            Some(GithubCommit { reference: "main", ..COMMIT }),
            expect![
                "cannot write the GitHub snapshot report: expected a Git reference as `refs/heads/main`, found `main`"
            ],
        );
        check(
            Some(GithubCommit { job_id: "", ..COMMIT }),
            expect!["cannot write the GitHub snapshot report: expected the job's ID, found none"],
        );
    }
}
