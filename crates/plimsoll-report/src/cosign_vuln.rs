//! The predicate of cosign's attestation of a scan, for `cosign attest --type vuln --predicate FILE`.
//!
//! The result is the JSON report.
//!
//! Source: sigstore cosign, "Vulnerability Scan Record Attestation Specification",
//! `https://cosign.sigstore.dev/attestation/vuln/v1`.

use std::io::Write;

use serde_json::json;

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

fn write(report: &Report<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let instant = report.instant(NAME)?;
    let database = &report.scan.database;
    let result = json_report::value(report.scan, report.tool_version)
        .map_err(|error| Error::Write { format: NAME, source: error.into() })?;
    let document = json!({
        "invocation": { "parameters": [], "uri": "", "event_id": "", "builder.id": "" },
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
    });
    write_document(NAME, &document, out)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

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
    fn without_an_instant_it_is_refused() {
        let error = write(&Report::new(&sample::scan()), &mut Vec::new()).unwrap_err().to_string();
        assert!(error.starts_with("cannot write the cosign vuln report: expected the instant"), "{error}");
    }
}
