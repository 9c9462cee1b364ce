//! What to do, action by action.

use std::collections::BTreeSet;

use minijinja::Value;
use plimsoll_model::{FixAction, Outcome, Scan, SeverityCounts, Upgrade};
use serde::Serialize;

use super::finding::{severity_class, short};
use super::page::counted;
use super::{chart, escaped};
use crate::facts;

/// Most upgrades of an action that are listed, and most flaws that an upgrade names.
const MAX_UPGRADES: usize = 200;
const MAX_FLAWS: usize = 40;

/// Most findings without a way out that are listed.
const MAX_UNFIXABLE: usize = 40;

/// The section.
#[derive(Serialize)]
pub(super) struct AdviceView<'a> {
    intro: &'static str,
    actions: Vec<Action<'a>>,
    unfixable_words: String,
    unfixable: Vec<Flaw>,
    unfixable_left: usize,
}

#[derive(Serialize)]
struct Action<'a> {
    title: &'a str,
    path: &'a str,
    remark: &'a str,
    command: Value,
    effect: String,
    upgrade_words: String,
    upgrades: Vec<UpgradeView>,
    upgrades_left: usize,
}

#[derive(Serialize)]
struct UpgradeView {
    name: String,
    from: String,
    to: String,
    flaws: Vec<Flaw>,
    flaws_left: usize,
}

#[derive(Serialize)]
struct Flaw {
    id: String,
    package: String,
    severity: &'static str,
}

/// What the section says; `None` where there is nothing to say.
pub(super) fn view(scan: &Scan) -> Option<AdviceView<'_>> {
    let advice = &scan.advice;
    if advice.actions.is_empty() && advice.unfixable.is_empty() {
        return None;
    }
    let unfixable: Vec<Flaw> = advice.unfixable.iter().filter_map(|&index| flaw(scan, index)).collect();
    Some(AdviceView {
        intro: match (advice.for_gate, advice.actions.is_empty()) {
            (true, false) => "The smallest changes that clear the gate, the most telling first.",
            (true, true) => "No upgrade clears what fails the gate.",
            (false, false) => {
                "Nothing here is needed to pass. These changes remove what has a fix, the most telling first."
            }
            (false, true) => "No upgrade removes what was found.",
        },
        actions: advice.actions.iter().map(|one| action(scan, one)).collect(),
        unfixable_words: match (unfixable.len(), advice.for_gate) {
            (1, true) => "1 finding fails the gate and goes away by no upgrade".to_owned(),
            (number, true) => format!("{number} findings fail the gate and go away by no upgrade"),
            (1, false) => "1 finding goes away by no upgrade".to_owned(),
            (number, false) => format!("{number} findings go away by no upgrade"),
        },
        unfixable_left: unfixable.len().saturating_sub(MAX_UNFIXABLE),
        unfixable: unfixable.into_iter().take(MAX_UNFIXABLE).collect(),
    })
}

fn action<'a>(scan: &'a Scan, action: &'a FixAction) -> Action<'a> {
    Action {
        title: &action.title,
        path: &action.path,
        remark: &action.remark,
        command: block(&action.lines),
        effect: effect(scan, action),
        upgrade_words: counted(action.upgrades.len(), "package"),
        upgrades: action.upgrades.iter().take(MAX_UPGRADES).map(|one| upgrade(scan, one)).collect(),
        upgrades_left: action.upgrades.len().saturating_sub(MAX_UPGRADES),
    }
}

/// The lines as one block, each on its own: what is copied must be what is run.
fn block(lines: &[String]) -> Value {
    let lines: Vec<_> = lines.iter().map(|line| escaped(line)).collect();
    Value::from_safe_string(lines.join("\n"))
}

/// `Removes 3 findings (2 critical, 1 high), 2 of which fail the gate`.
fn effect(scan: &Scan, action: &FixAction) -> String {
    let removed: BTreeSet<usize> = action
        .upgrades
        .iter()
        .flat_map(|upgrade| upgrade.removes.iter().copied())
        .filter(|&index| index < scan.findings.len())
        .collect();
    let mut counts = SeverityCounts::default();
    for &index in &removed {
        counts.add(facts::severity(&scan.findings[index]));
    }
    if counts.total() == 0 {
        return String::new();
    }
    let failed = |index: &&usize| {
        scan.decision.ruling(**index).is_some_and(|ruling| ruling.outcome == Outcome::Failed)
    };
    let failing = removed.iter().filter(failed).count();
    let gate = match failing {
        0 => String::new(),
        _ if failing == removed.len() => {
            if failing == 1 {
                ", which fails the gate".to_owned()
            } else {
                ", all of which fail the gate".to_owned()
            }
        }
        1 => ", 1 of which fails the gate".to_owned(),
        _ => format!(", {failing} of which fail the gate"),
    };
    format!("Removes {} ({}){gate}", counted(counts.total(), "finding"), chart::words(&counts))
}

fn upgrade(scan: &Scan, upgrade: &Upgrade) -> UpgradeView {
    // A flaw in one package may stand there twice where the package stands at several places.
    let mut flaws: Vec<Flaw> = upgrade.removes.iter().filter_map(|&index| flaw(scan, index)).collect();
    flaws.dedup_by(|a, b| a.id == b.id);
    UpgradeView {
        name: short(&upgrade.name),
        from: short(&upgrade.from),
        to: short(&upgrade.to),
        flaws_left: flaws.len().saturating_sub(MAX_FLAWS),
        flaws: flaws.into_iter().take(MAX_FLAWS).collect(),
    }
}

fn flaw(scan: &Scan, index: usize) -> Option<Flaw> {
    let finding = scan.findings.get(index)?;
    let package = facts::packages(scan, finding).next();
    Some(Flaw {
        id: short(&finding.id),
        package: package
            .map_or_else(String::new, |package| short(&format!("{} {}", package.name, package.version))),
        severity: severity_class(facts::severity(finding)),
    })
}
