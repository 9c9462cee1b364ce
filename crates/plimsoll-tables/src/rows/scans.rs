//! Rows of `scans`.

use plimsoll_model::{Finding, Severity, Verdict};

use super::{Columns, is_alike, severity};
use crate::facts::{ScanFacts, instant};

pub(super) fn scans(facts: &ScanFacts<'_>, columns: &mut Columns) -> usize {
    let scan = facts.scan;
    let inventory = &scan.inventory;
    let counted = |holds: &dyn Fn(&Finding) -> bool| scan.findings.iter().filter(|f| holds(f)).count();
    let of = |wanted: Severity| counted(&|finding| severity(finding) == wanted);
    for (column, out) in columns {
        if is_alike(facts, column.name, out, 1) {
            continue;
        }
        match column.name {
            "database_digest" => out.repeat_filled(&scan.database.digest, 1),
            "database_updated_at" => out.instants(std::iter::once(instant(&scan.database.updated))),
            "tool" => out.repeat(facts.tool, 1),
            "tool_version" => out.repeat_filled(facts.tool_version, 1),
            "verdict" => out.repeat_filled(verdict(facts), 1),
            "packages" => out.count(inventory.packages.len()),
            "findings" => out.count(scan.findings.len()),
            "critical" => out.count(of(Severity::Critical)),
            "high" => out.count(of(Severity::High)),
            "medium" => out.count(of(Severity::Medium)),
            "low" => out.count(of(Severity::Low)),
            "negligible" => out.count(of(Severity::Negligible)),
            "unknown" => out.count(of(Severity::Unknown)),
            "fixable" => out.count(counted(&|finding| finding.fix.version().is_some())),
            "exploited" => out.count(counted(&|finding| finding.kev.is_some())),
            "suppressed" => out.count(scan.suppressed.len()),
            "undetermined" => out.count(scan.undetermined.len()),
            "gaps" => out.count(inventory.gaps.len() + scan.match_gaps.len()),
            "report_key" => out.repeat(facts.report_key, 1),
            _ => unreachable!("all columns of `scans` are here"),
        }
    }
    1
}

/// The gate's word; empty where no gate has judged.
fn verdict(facts: &ScanFacts<'_>) -> &'static str {
    match facts.scan.decision.verdict {
        _ if facts.tool == "trivy" => "",
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Undecided => "undecided",
    }
}
