//! What an attestation of a scan says of the gate: verdict, policy, database, build.
//!
//! It stands where cosign's predicate of a scan has its places: `scanner.result` is the whole JSON report, whose own
//! object, `Plimsoll`, holds verdict, rules and digests; `invocation` says of which build it was.
//!
//! Source: sigstore cosign, "Vulnerability Scan Record Attestation Specification", and its `CosignVulnPredicate`, where
//! `scanner` is one object; in-toto attestation framework, "Parsing rules": what is unknown is ignored.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Error, Statement, key::clip};

/// The type of the predicate.
pub const VULN_PREDICATE_TYPE: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
/// The same, as the specification's own example has it.
const OLDER_PREDICATE_TYPE: &str = "cosign.sigstore.dev/attestation/vuln/v1";
/// The most rules of a record that are kept, and the most characters of each text.
const MAX_RULES: usize = 1_000;
const MAX_TEXT_CHARS: usize = 1_000;

/// What an attestation of a scan says of the gate. All texts are foreign, though signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanRecord {
    /// `passed`, `failed` or `undecided`.
    pub verdict: String,
    /// What was asked of the gate; empty where nothing was.
    pub rules: Vec<String>,
    /// The digest of the policy, `sha256:…`; may be empty.
    pub policy_digest: String,
    /// The digest of the advisory database, `sha256:…`; may be empty.
    pub database_digest: String,
    /// When the scan ended, RFC 3339.
    pub scanned_at: String,
    /// The build that scanned, as its service numbers it; may be empty.
    pub build: String,
    /// Where the build can be looked at; may be empty.
    pub build_url: String,
    /// The service that built; may be empty.
    pub builder: String,
    /// The version of the scanner.
    pub version: String,
    /// The platform that was scanned, `linux/amd64`; may be empty.
    pub platform: String,
    /// Findings that count, by severity, as `CRITICAL`.
    pub counts: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Outer {
    predicate: Predicate,
}

#[derive(Deserialize)]
struct Predicate {
    #[serde(default)]
    invocation: Invocation,
    scanner: Option<Scanner>,
    scanners: Option<Vec<Scanner>>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Invocation {
    uri: Option<String>,
    event_id: Option<String>,
    #[serde(rename = "builder.id")]
    builder: Option<String>,
}

#[derive(Deserialize)]
struct Scanner {
    #[serde(default)]
    version: String,
    #[serde(default)]
    db: Db,
    result: Option<ScanResult>,
}

#[derive(Default, Deserialize)]
struct Db {
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct ScanResult {
    #[serde(rename = "Plimsoll")]
    own: Option<Own>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Own {
    verdict: String,
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default)]
    policy_digest: String,
    #[serde(default)]
    counts: BTreeMap<String, u64>,
    #[serde(default)]
    platform: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    scan_finished_on: String,
}

impl ScanRecord {
    /// Whether a statement of this type may hold one.
    pub fn is_predicate(predicate_type: &str) -> bool {
        [VULN_PREDICATE_TYPE, OLDER_PREDICATE_TYPE].contains(&predicate_type)
    }

    /// Reads the record of a statement's bytes; `None` for a scan by another tool, which judges nothing. That it is signed,
    /// and of what it speaks, was asked before. `subject` names it in errors.
    ///
    /// # Errors
    /// [`Error::Statement`] for another predicate, and one that cannot be read.
    pub fn parse(payload: &[u8], subject: &str) -> Result<Option<Self>, Error> {
        let statement = Statement::parse(payload, subject)?;
        let bad = |expected: &'static str, found: String| Error::Statement {
            subject: subject.to_owned(),
            expected,
            found,
        };
        if !Self::is_predicate(&statement.predicate_type) {
            return Err(bad(
                "the predicate of a scan (`…/attestation/vuln/v1`)",
                format!("`{}`", clip(&statement.predicate_type)),
            ));
        }
        let Outer { predicate } = serde_json::from_slice(payload)
            .map_err(|error| bad("`invocation`, `scanner` and `metadata`", clip(&error.to_string())))?;
        let scanner = match (predicate.scanner, predicate.scanners) {
            (Some(scanner), None) => scanner,
            (None, Some(mut scanners)) if scanners.len() == 1 => {
                scanners.pop().expect("its length was asked")
            }
            (None, Some(scanners)) => return Err(bad("one scanner", scanners.len().to_string())),
            (Some(_), Some(_)) => return Err(bad("`scanner` or `scanners`", "both".to_owned())),
            (None, None) => return Err(bad("a `scanner`", "none".to_owned())),
        };
        let Some(own) = scanner.result.and_then(|result| result.own) else { return Ok(None) };
        if own.rules.len() > MAX_RULES {
            return Err(bad("at most 1,000 rules", own.rules.len().to_string()));
        }
        let text = |text: String| text.chars().take(MAX_TEXT_CHARS).collect::<String>();
        let Invocation { uri, event_id, builder } = predicate.invocation;
        Ok(Some(Self {
            verdict: text(own.verdict),
            rules: own.rules.into_iter().map(text).collect(),
            policy_digest: text(own.policy_digest),
            database_digest: text(scanner.db.version),
            scanned_at: text(predicate.metadata.scan_finished_on),
            build: text(event_id.unwrap_or_default()),
            build_url: text(uri.unwrap_or_default()),
            builder: text(builder.unwrap_or_default()),
            version: text(scanner.version),
            platform: text(own.platform),
            counts: own.counts,
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::StatementSubject;

    fn payload(predicate: &Value) -> Vec<u8> {
        let digest = format!("sha256:{}", "4f".repeat(32)).parse().unwrap();
        Statement {
            subjects: vec![StatementSubject::new("r.example/app", &digest)],
            predicate_type: VULN_PREDICATE_TYPE.to_owned(),
        }
        .payload(predicate)
    }

    fn scanner() -> Value {
        json!({
            "uri": "pkg:github/plimsoll-scan/plimsoll@1", "version": "1",
            "db": {"uri": "", "version": "sha256:dd", "lastUpdate": ""},
            "result": {"SchemaVersion": 2, "Results": [{"Vulnerabilities": [{}]}], "Plimsoll": {
                "Verdict": "failed", "Rules": ["fail on HIGH or worse"], "PolicyDigest": "sha256:aa",
                "Counts": {"HIGH": 2}, "Platform": "linux/amd64"}},
        })
    }

    fn predicate() -> Value {
        json!({
            "invocation": {"parameters": ["--fail-on=high"], "uri": "https://ci.example/7", "event_id": "7", "builder.id": "ci"},
            "scanner": scanner(),
            "metadata": {"scanStartedOn": "2026-01-01T00:00:00Z", "scanFinishedOn": "2026-01-01T00:00:01Z"},
        })
    }

    fn record() -> ScanRecord {
        ScanRecord {
            verdict: "failed".to_owned(),
            rules: vec!["fail on HIGH or worse".to_owned()],
            policy_digest: "sha256:aa".to_owned(),
            database_digest: "sha256:dd".to_owned(),
            scanned_at: "2026-01-01T00:00:01Z".to_owned(),
            build: "7".to_owned(),
            build_url: "https://ci.example/7".to_owned(),
            builder: "ci".to_owned(),
            version: "1".to_owned(),
            platform: "linux/amd64".to_owned(),
            counts: BTreeMap::from([("HIGH".to_owned(), 2)]),
        }
    }

    #[test]
    fn a_record_is_read_from_both_forms_of_the_predicate() {
        assert_eq!(ScanRecord::parse(&payload(&predicate()), "a").unwrap(), Some(record()));
        let mut listed = predicate();
        let fields = listed.as_object_mut().unwrap();
        let scanner = fields.remove("scanner").unwrap();
        fields.insert("scanners".to_owned(), json!([scanner]));
        assert_eq!(ScanRecord::parse(&payload(&listed), "a").unwrap(), Some(record()));
        let older = String::from_utf8(payload(&predicate())).unwrap().replace("https://cosign", "cosign");
        assert_eq!(ScanRecord::parse(older.as_bytes(), "a").unwrap(), Some(record()));
    }

    #[test]
    fn the_scan_of_another_tool_is_no_record() {
        let mut other = predicate();
        other["scanner"]["result"].as_object_mut().unwrap().remove("Plimsoll");
        assert_eq!(ScanRecord::parse(&payload(&other), "a").unwrap(), None);
        other["scanner"]["result"] = Value::Null;
        assert_eq!(ScanRecord::parse(&payload(&other), "a").unwrap(), None);
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let with = |pointer: &str, value: Value| {
            let mut changed = predicate();
            *changed.pointer_mut(pointer).unwrap() = value;
            payload(&changed)
        };
        let mut both = predicate();
        both["scanners"] = json!([scanner()]);
        let mut none = predicate();
        none.as_object_mut().unwrap().remove("scanner");
        let mut two = none.clone();
        two["scanners"] = json!([scanner(), scanner()]);
        let text = String::from_utf8(payload(&predicate())).unwrap();
        for bad in [
            Vec::new(),
            payload(&Value::Null),
            payload(&json!([])),
            payload(&both),
            payload(&none),
            payload(&two),
            with("/scanner", json!([scanner()])),
            with("/scanner/result/Plimsoll/Verdict", json!(true)),
            with("/scanner/result/Plimsoll/Rules", json!("x")),
            with("/scanner/result/Plimsoll/Rules", json!(vec!["x"; MAX_RULES + 1])),
            with("/scanner/result/Plimsoll/Counts", json!({"HIGH": -1})),
            text.replace("attestation/vuln/v1", "attestation/v1").into_bytes(),
            text.replace("\"Verdict\":", "\"Verdict\":\"passed\",\"Verdict\":").into_bytes(),
            text.replace("\"scanner\":", &format!("\"x\":{},\"scanner\":", "[".repeat(10_000))).into_bytes(),
        ] {
            let text = String::from_utf8_lossy(&bad).chars().take(200).collect::<String>();
            assert!(ScanRecord::parse(&bad, "a").is_err(), "{text}");
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let mut long = predicate();
        long["invocation"]["event_id"] = json!("ü".repeat(5_000));
        let read = ScanRecord::parse(&payload(&long), "a").unwrap().unwrap();
        assert_eq!(read.build.chars().count(), MAX_TEXT_CHARS);
    }
}
