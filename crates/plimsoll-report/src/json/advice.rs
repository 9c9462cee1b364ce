//! `Plimsoll.Advice`: what to do about the findings.

use plimsoll_model::{Advice, FixAction, Scan, Upgrade};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct JsonAdvice<'a> {
    /// Whether it is about the findings that fail the gate.
    for_gate: bool,
    actions: Vec<JsonAction<'a>>,
    /// The findings it is about that no upgrade removes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unfixable: Vec<JsonFinding<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JsonAction<'a> {
    tool: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    path: &'a str,
    lines: &'a [String],
    upgrades: Vec<JsonUpgrade<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    remark: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JsonUpgrade<'a> {
    name: &'a str,
    from: &'a str,
    to: &'a str,
    /// `Plimsoll.Index` of each package that it brings to another version.
    packages: Vec<usize>,
    removes: Vec<JsonFinding<'a>>,
}

/// A finding, by what a person knows it by and by its `Plimsoll.Index`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JsonFinding<'a> {
    #[serde(rename = "VulnerabilityID")]
    vulnerability_id: &'a str,
    pkg_name: &'a str,
    index: usize,
}

/// The advice of a scan; `None` where there is none.
pub(super) fn advice(scan: &Scan) -> Option<JsonAdvice<'_>> {
    let Advice { for_gate, actions, unfixable } = &scan.advice;
    (scan.advice != Advice::default()).then(|| JsonAdvice {
        for_gate: *for_gate,
        actions: actions.iter().map(|action| self::action(scan, action)).collect(),
        unfixable: findings(scan, unfixable),
    })
}

fn action<'a>(scan: &'a Scan, action: &'a FixAction) -> JsonAction<'a> {
    let FixAction { tool, title, path, lines, upgrades, remark } = action;
    let upgrades = upgrades.iter().map(|upgrade| self::upgrade(scan, upgrade)).collect();
    JsonAction { tool, title, path, lines, upgrades, remark }
}

fn upgrade<'a>(scan: &'a Scan, upgrade: &'a Upgrade) -> JsonUpgrade<'a> {
    let Upgrade { name, from, to, packages, removes } = upgrade;
    let there = |index: &usize| *index < scan.inventory.packages.len();
    let packages = packages.iter().copied().filter(there).collect();
    JsonUpgrade { name, from, to, packages, removes: findings(scan, removes) }
}

fn findings<'a>(scan: &'a Scan, indexes: &[usize]) -> Vec<JsonFinding<'a>> {
    indexes
        .iter()
        .filter_map(|&index| {
            let finding = scan.findings.get(index)?;
            let package = finding.packages.first().and_then(|&index| scan.inventory.packages.get(index))?;
            Some(JsonFinding { vulnerability_id: &finding.id, pkg_name: &package.name, index })
        })
        .collect()
}
