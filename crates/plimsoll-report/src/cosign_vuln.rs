//! The predicate of cosign's attestation of a scan, for `cosign attest --type vuln --predicate FILE`.
//!
//! The result is the JSON report.
//!
//! Source: sigstore cosign, "Vulnerability Scan Record Attestation Specification",
//! `https://cosign.sigstore.dev/attestation/vuln/v1`.

use std::io::Write;

use serde_json::{Value, json};

use crate::format::{Report, ReportFormat, write_document};
use crate::{Error, json as json_report};

/// The format's entry.
pub(crate) const FORMAT: ReportFormat = ReportFormat {
    name: "cosign-vuln",
    extension: "cosign-vuln.json",
    media_type: "application/json",
    summary: "predicate for `cosign attest --type vuln`",
    needs_instant: true,
    needs_context: false,
    shows_findings: true,
    write,
};

/// The format's name in errors.
const NAME: &str = "cosign vuln";

/// Of which build a scan was, and how it was judged: what the predicate says besides the report.
#[derive(Clone, Copy, Debug, Default)]
pub struct VulnContext<'a> {
    /// The settings of the gate, as flags: `--fail-on=high`.
    pub parameters: &'a [String],
    /// Where the build can be looked at.
    pub build_url: &'a str,
    /// The build, as its service numbers it.
    pub build_id: &'a str,
    /// The service that built.
    pub builder: &'a str,
    /// The digest of the policy, which is said in the report's own object; empty where it is not to be said.
    pub policy_digest: &'a str,
}

/// The predicate. Its result is the whole report: what reads a scan from an attestation must not find none of its flaws.
///
/// # Errors
/// Without an instant.
pub fn cosign_vuln_predicate(report: &Report<'_>, context: &VulnContext<'_>) -> Result<Value, Error> {
    let instant = report.instant(NAME)?;
    let database = &report.scan.database;
    let mut result = json_report::value(report.scan, report.tool_version)
        .map_err(|error| Error::Write { format: NAME, source: error.into() })?;
    if !context.policy_digest.is_empty() {
        result["Plimsoll"]["PolicyDigest"] = context.policy_digest.into();
    }
    Ok(json!({
        "invocation": {
            "parameters": context.parameters,
            "uri": context.build_url,
            "event_id": context.build_id,
            "builder.id": context.builder,
        },
        "scanner": {
            "uri": format!("pkg:github/plimsoll-scan/plimsoll@{}", report.tool_version),
            "version": report.tool_version,
            "db": {
                "uri": "",
                "version": database.digest,
                "lastUpdate": if database.updated.is_empty() { &database.newest_advisory } else { &database.updated },
            },
            "result": result,
        },
        "metadata": { "scanStartedOn": instant, "scanFinishedOn": instant },
    }))
}

fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), Error> {
    write_document(NAME, &cosign_vuln_predicate(report, &VulnContext::default())?, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn it_holds_the_database_and_the_whole_report() {
        let scan = sample::scan();
        let mut out = Vec::new();
        let report = Report { created: Some("2023-11-08T12:00:00Z"), ..Report::new(&scan) };
        write(&report, &mut out).unwrap();
        let predicate: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(predicate["scanner"]["db"]["version"], scan.database.digest);
        assert_eq!(predicate["scanner"]["db"]["lastUpdate"], scan.database.updated);
        assert_eq!(predicate["scanner"]["result"]["ArtifactName"], "registry.example/app:1.2");
        assert_eq!(predicate["metadata"]["scanFinishedOn"], "2023-11-08T12:00:00Z");
        assert_eq!(predicate.as_object().unwrap().len(), 3);
    }

    #[test]
    fn it_says_of_which_build_and_by_which_policy() {
        let scan = sample::scan();
        let report = Report { created: Some("2023-11-08T12:00:00Z"), ..Report::new(&scan) };
        let parameters = ["--fail-on=high".to_owned()];
        let context = VulnContext {
            parameters: &parameters,
            build_id: "7",
            policy_digest: "sha256:aa",
            ..VulnContext::default()
        };
        let predicate = cosign_vuln_predicate(&report, &context).unwrap();
        assert_eq!(predicate["invocation"]["parameters"][0], "--fail-on=high");
        assert_eq!(predicate["invocation"]["event_id"], "7");
        assert_eq!(predicate["scanner"]["result"]["Plimsoll"]["PolicyDigest"], "sha256:aa");
        let without = cosign_vuln_predicate(&report, &VulnContext::default()).unwrap();
        assert_eq!(without["scanner"]["result"]["Plimsoll"]["PolicyDigest"], Value::Null);
    }

    #[test]
    fn without_an_instant_it_is_refused() {
        let error = write(&Report::new(&sample::scan()), &mut Vec::new()).unwrap_err().to_string();
        assert!(error.starts_with("cannot write the cosign vuln report: expected the instant"), "{error}");
    }
}
