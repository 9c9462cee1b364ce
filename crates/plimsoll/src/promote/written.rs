//! What a promotion says of itself.

use std::fmt::Write as _;

use indicatif::DecimalBytes;
use plimsoll_model::Digest;
use plimsoll_oci::{Copied, Reference};
use plimsoll_store::Promotion;
use serde_json::{Value, json};

use super::Kept;
use crate::args::TextOrJson;
use crate::exit::{Exit, Failure, printable};
use crate::output;
use crate::passed::{PassRecord, Standing};

/// Of an image that went, or, without `copied`, would have gone. `kept` says where the promotion is written down.
pub(super) fn passed(
    promotion: &Promotion,
    copied: Option<&Copied>,
    kept: &Kept,
    format: TextOrJson,
) -> Result<(), Failure> {
    match format {
        TextOrJson::Json => {
            let mut value = serde_json::to_value(promotion).map_err(unwritten)?;
            value["promoted"] = copied.is_some().into();
            value["record"] = kept.record.clone().into();
            value["attestation"] = kept.attestation.clone().into();
            value["copied"] = copied.map(copied_json).into();
            json_out(&value)
        }
        TextOrJson::Text => {
            let mut out = String::new();
            let verb = if copied.is_some() { "promoted" } else { "would promote" };
            let _ = writeln!(out, "{verb} {}", promotion.source);
            let _ = writeln!(out, "  to      {}", promotion.destination);
            let _ = writeln!(out, "  digest  {}", promotion.digest);
            if promotion.digest != promotion.source_digest {
                let _ = writeln!(out, "  of      {}", promotion.source_digest);
            }
            let passed = &promotion.passed;
            let _ = writeln!(out, "  passed  on {}: {}", passed.scanned_at, passed.rules.join("; "));
            let _ = writeln!(out, "  says    {}", passed.said_by);
            if let Some(copied) = copied {
                let _ = writeln!(out, "  copied  {}", words(copied));
                if !promotion.replaced.is_empty() {
                    let _ = writeln!(out, "  before  {}", promotion.replaced);
                }
                for left in &copied.left {
                    let _ = writeln!(out, "  left    {}: {}", left.what, left.reason);
                }
                if let Some(attestation) = &kept.attestation {
                    let _ = writeln!(out, "  signed  {attestation}");
                }
                let record = match &kept.record {
                    Some(record) => record,
                    None if kept.failures.is_empty() => "nowhere: name a store with --store",
                    None => "could not be written",
                };
                let _ = writeln!(out, "  record  {record}");
            }
            output::write(None, printable(&out).as_bytes())
        }
    }
}

/// Of an image that stays where it is.
pub(super) fn refused(
    source: &Reference,
    judged: &Digest,
    standing: &Standing,
    format: TextOrJson,
) -> Result<(), Failure> {
    let (reason, details): (String, Vec<String>) = match standing {
        Standing::Failed(record) | Standing::Passed(record) => (
            format!("the gate said `{}` on {}: {}", record.verdict, record.when, record.rules.join("; ")),
            vec![record.from.clone()],
        ),
        Standing::Unknown { looked_at } => {
            ("nobody whose word counts says that it passed".to_owned(), looked_at.clone())
        }
    };
    match format {
        TextOrJson::Json => json_out(&json!({
            "promoted": false,
            "source": source.to_string(),
            "digest": judged,
            "reason": reason,
            "looked_at": details,
            "verdict": verdict(standing).map(|record| &record.verdict),
        })),
        TextOrJson::Text => {
            let mut out = String::new();
            let _ = writeln!(out, "not promoted: {source}");
            let _ = writeln!(out, "  digest  {judged}");
            let _ = writeln!(out, "  why     {reason}");
            for detail in &details {
                let _ = writeln!(out, "          {detail}");
            }
            output::write(None, printable(&out).as_bytes())
        }
    }
}

fn verdict(standing: &Standing) -> Option<&PassRecord> {
    match standing {
        Standing::Passed(record) | Standing::Failed(record) => Some(record),
        Standing::Unknown { .. } => None,
    }
}

fn words(copied: &Copied) -> String {
    let mut parts = vec![format!(
        "{} manifest{}, {} blob{} ({})",
        copied.manifests_written,
        if copied.manifests_written == 1 { "" } else { "s" },
        copied.blobs_sent,
        if copied.blobs_sent == 1 { "" } else { "s" },
        DecimalBytes(copied.bytes_sent)
    )];
    for (number, what) in
        [(copied.blobs_mounted, "mounted"), (copied.blobs_present, "there"), (copied.referrers, "attached")]
    {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    parts.join(", ")
}

fn copied_json(copied: &Copied) -> Value {
    json!({
        "manifests_written": copied.manifests_written,
        "blobs_sent": copied.blobs_sent,
        "bytes_sent": copied.bytes_sent,
        "blobs_mounted": copied.blobs_mounted,
        "blobs_present": copied.blobs_present,
        "referrers": copied.referrers,
        "left": copied.left.iter().map(|left| json!({"what": left.what, "reason": left.reason})).collect::<Vec<_>>(),
    })
}

fn json_out(value: &Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(unwritten)?;
    output::write(None, format!("{text}\n").as_bytes())
}

fn unwritten(error: serde_json::Error) -> Failure {
    Failure::new(Exit::CouldNotScan, error)
}
