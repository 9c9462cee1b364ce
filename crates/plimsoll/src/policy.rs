//! `plimsoll policy`: what a policy asks, and what it would have said of scans that are stored.

use std::fmt::Write as _;
use std::path::Path;

use plimsoll_gate::{Action, FIELDS, PRESETS, Rule, Unclear, Waiver};
use plimsoll_model::{Finding, Notice, Outcome, Scan, Verdict};
use plimsoll_report::printable;
use serde_json::{Value, json};

use crate::args::{GateArgs, PolicyAction, PolicyArgs, TextOrJson};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::gate::{Gate, by_package};
use crate::output;
use crate::settings::Settings;
use crate::stored;

pub(crate) fn run(
    arguments: &PolicyArgs,
    settings: &Settings,
    environment: &Environment,
) -> Result<Exit, Failure> {
    let gate = |arguments: &GateArgs| Gate::read(arguments, settings, environment);
    let (text, exit) = match &arguments.action {
        PolicyAction::Check(arguments) => (check(&gate(arguments)?), Exit::Passed),
        PolicyAction::Test { gate: arguments, reports, format } => test(&gate(arguments)?, reports, *format)?,
        PolicyAction::Explain { gate: arguments, report, only, format } => {
            (explain(&gate(arguments)?, report, only, *format)?, Exit::Passed)
        }
        PolicyAction::Show { name } => (show(name)?, Exit::Passed),
        PolicyAction::Fields => (fields(), Exit::Passed),
    };
    output::write(None, text.as_bytes())?;
    Ok(exit)
}

/// Adds a line; a string takes every one.
macro_rules! line {
    ($text:expr, $($part:tt)*) => { writeln!($text, $($part)*).expect("a string takes every line") };
}

fn check(gate: &Gate) -> String {
    let mut text = String::new();
    let rules = gate.policy.rules();
    match rules.len() {
        0 => line!(text, "Rules: none, everything passes"),
        _ => line!(text, "Rules, in the order in which they are asked"),
    }
    for (number, rule) in rules.iter().enumerate() {
        line!(text, "{:3}. {}", number + 1, rule_words(rule));
        line!(text, "     when {}", printable(rule.when.trim()));
        if !rule.reason.is_empty() {
            line!(text, "     {}", printable(&rule.reason));
        }
    }
    if gate.policy.strict {
        line!(text, "Strict: undecided where something could not be read or compared");
    }
    line!(text, "Digest: {}", crate::attest::policy_digest(&gate.policy));
    let waivers = gate.waivers.list();
    if !waivers.is_empty() {
        line!(text, "\nWaivers");
    }
    for waiver in waivers {
        line!(text, "  {}", printable(&waiver_words(waiver, gate)));
    }
    // What is found out only with a scan, as whether a waiver is used, is not told here.
    let never = gate.policy.never_asked();
    let notes = gate.waivers.notes();
    if !(never.is_empty() && notes.is_empty()) {
        line!(text, "\nTo be looked at");
    }
    for rule in never {
        let origin = printable(&rule.origin);
        line!(text, "  {origin}: rule `{}` is never asked, one before it holds for everything", rule.name);
    }
    for note in notes {
        line!(text, "  {}", printable(note));
    }
    text
}

/// ``fail after 3 days: critical-fixable (plimsoll.toml:4)``.
fn rule_words(rule: &Rule) -> String {
    let after = match rule.after_days {
        0 => String::new(),
        1 => " after 1 day".to_owned(),
        days => format!(" after {days} days"),
    };
    let name = printable(&rule.name);
    format!("{}{after}: {name} ({})", rule.action.as_str(), printable(&rule.origin))
}

fn waiver_words(waiver: &Waiver, gate: &Gate) -> String {
    let mut words = vec![waiver.covers.clone()];
    words.push(match waiver.last_day() {
        Some(day) if waiver.is_expired(gate.now) => format!("ended on {day}"),
        Some(day) => format!("until {day}"),
        None => "without an end".to_owned(),
    });
    words.extend(waiver.reason.map(|reason| reason.as_str().to_owned()));
    words.extend(Some(waiver.owner.clone()).filter(|owner| !owner.is_empty()));
    format!("{} ({})", words.join(", "), waiver.origin)
}

fn test(gate: &Gate, reports: &[impl AsRef<Path>], format: TextOrJson) -> Result<(String, Exit), Failure> {
    let mut text = String::new();
    let mut all = Vec::new();
    let mut worst = Exit::Passed;
    for report in reports {
        let path = report.as_ref().display().to_string();
        let mut scan = stored::read(report.as_ref())?;
        let before = scan.decision.verdict;
        let unclear = gate.judge_anew(&mut scan)?;
        let verdict = scan.decision.verdict;
        let rules = by_rule(&scan);
        if format == TextOrJson::Json {
            let rules: Vec<Value> = rules
                .iter()
                .map(|(name, failed, warned)| json!({ "Name": name, "Failed": failed, "Warned": warned }))
                .collect();
            all.push(json!({
                "Report": path,
                "ArtifactName": scan.inventory.artifact.name,
                "Verdict": verdict,
                "VerdictBefore": before,
                "Rules": rules,
                "Suppressed": scan.suppressed.len(),
                "Notices": scan.notices.iter().map(notice_words).collect::<Vec<_>>(),
            }));
        } else {
            line!(text, "{}: {}{}", printable(&path), word(verdict), changed(before, verdict));
            for (name, failed, warned) in rules {
                let counts = [(failed, "failed"), (warned, "warned")].map(|(number, what)| {
                    if number == 0 { String::new() } else { format!(" {number} {what}") }
                });
                line!(text, "  {}:{}", printable(name), counts.concat());
            }
            for (name, number) in failed_unclear(gate, &unclear) {
                line!(text, "  {}: {number} undetermined", printable(name));
            }
            if !scan.suppressed.is_empty() {
                line!(text, "  suppressed: {}", scan.suppressed.len());
            }
            for notice in &scan.notices {
                line!(text, "  note: {}", printable(&notice_words(notice)));
            }
        }
        worst = match (worst, Exit::of(verdict)) {
            (Exit::GateFailed, _) | (_, Exit::GateFailed) => Exit::GateFailed,
            (Exit::Undecided, _) | (_, Exit::Undecided) => Exit::Undecided,
            _ => Exit::Passed,
        };
    }
    if format == TextOrJson::Json {
        text = format!("{:#}\n", Value::Array(all));
    }
    Ok((text, worst))
}

/// The rules by which findings failed or are warned of, in the policy's order, with the number of each.
fn by_rule(scan: &Scan) -> Vec<(&str, usize, usize)> {
    let count = |name: &str, outcome: Outcome| {
        scan.decision.rulings.iter().filter(|ruling| ruling.rule == name && ruling.outcome == outcome).count()
    };
    let counted = |name: &String| (count(name, Outcome::Failed), count(name, Outcome::Warned));
    let rules = scan.decision.rules.iter().map(|name| (name.as_str(), counted(name)));
    rules
        .filter(|(_, (failed, warned))| failed + warned > 0)
        .map(|(name, (failed, warned))| (name, failed, warned))
        .collect()
}

/// The rules that fail what could not be decided, in the policy's order, with the number of each.
fn failed_unclear<'a>(gate: &'a Gate, unclear: &[Unclear]) -> Vec<(&'a str, usize)> {
    let number = |name: &str| {
        let is_failed =
            |one: &&Unclear| matches!(one, Unclear::Ruled { rule, action: Action::Fail } if rule == name);
        unclear.iter().filter(is_failed).count()
    };
    let rules = gate.policy.rules().iter().map(|rule| (rule.name.as_str(), number(&rule.name)));
    rules.filter(|&(_, number)| number > 0).collect()
}

/// What is said of an advisory that could not be decided.
fn unclear_words(gate: &Gate, unclear: &Unclear) -> String {
    match unclear {
        Unclear::Open if gate.policy.strict => "no rule names it, and the policy is strict".to_owned(),
        Unclear::Open => "no rule names it".to_owned(),
        Unclear::Excused(origin) => format!("excused ({origin})"),
        Unclear::Ruled { rule, action } => format!("rule `{rule}`: {}", action.as_str()),
    }
}

fn explain(gate: &Gate, report: &Path, only: &[String], format: TextOrJson) -> Result<String, Failure> {
    let mut scan = stored::read(report)?;
    let unclear = gate.judge_anew(&mut scan)?;
    let mut rows: Vec<(&Finding, String, String)> = Vec::new();
    for (index, finding) in scan.findings.iter().enumerate() {
        let Some(ruling) = scan.decision.ruling(index) else { continue };
        let rule = match ruling.rule.as_str() {
            "" => "no rule holds".to_owned(),
            rule => format!("rule `{rule}`"),
        };
        let more =
            std::iter::once(&ruling.reason).chain(&ruling.notes).filter(|more| !more.is_empty()).cloned();
        let why = std::iter::once(rule).chain(more).collect::<Vec<_>>().join("; ");
        let due = ruling.due.as_ref().map(|due| format!(", fails from {due} on")).unwrap_or_default();
        rows.push((finding, format!("{}{due}", ruling.outcome.as_str()), why));
    }
    rows.extend(scan.suppressed.iter().map(|one| (&one.finding, "suppressed".to_owned(), one.words())));
    rows.sort_by(|(a, ..), (b, ..)| by_package(a, b));
    let name = |finding: &Finding| {
        let package = finding.packages.first().and_then(|&index| scan.inventory.packages.get(index));
        package.map(|package| (package.name.as_str(), package.version.as_str())).unwrap_or_default()
    };
    rows.retain(|(finding, ..)| {
        let is_meant = |text: &String| {
            let mut names = std::iter::once(&finding.id).chain(&finding.aliases);
            names.any(|name| name.eq_ignore_ascii_case(text)) || name(finding).0 == text
        };
        only.is_empty() || only.iter().any(is_meant)
    });
    let undetermined: Vec<_> = scan
        .undetermined
        .iter()
        .zip(&unclear)
        .map(|(one, unclear)| {
            let package = scan.inventory.packages.get(one.package);
            let (package, version) =
                package.map(|package| (package.name.as_str(), package.version.as_str())).unwrap_or_default();
            (one, package, version, format!("{}; {}", unclear_words(gate, unclear), one.reason))
        })
        .filter(|(one, package, ..)| {
            let is_meant = |text: &String| {
                [&one.id, &one.advisory].iter().any(|name| name.eq_ignore_ascii_case(text)) || package == text
            };
            only.is_empty() || only.iter().any(is_meant)
        })
        .collect();
    if format == TextOrJson::Json {
        let mut rows: Vec<Value> = rows
            .iter()
            .map(|(finding, outcome, why)| {
                let (package, version) = name(finding);
                json!({
                    "VulnerabilityID": finding.id, "PkgName": package, "InstalledVersion": version,
                    "Severity": finding.severity.severity.as_str(), "Outcome": outcome, "Why": why,
                })
            })
            .collect();
        rows.extend(undetermined.iter().map(|(one, package, version, why)| {
            json!({
                "VulnerabilityID": one.id, "PkgName": package, "InstalledVersion": version,
                "Severity": "UNKNOWN", "Outcome": "undetermined", "Why": why,
            })
        }));
        return Ok(format!("{:#}\n", Value::Array(rows)));
    }
    let mut text = String::new();
    for (finding, outcome, why) in &rows {
        let (package, version) = name(finding);
        let severity = finding.severity.severity.as_str();
        let head = format!("{} {severity} {package} {version}: {outcome}", finding.id);
        line!(text, "{}\n  {}", printable(&head), printable(why));
    }
    for (one, package, version, why) in &undetermined {
        let head = format!("{} {package} {version}: undetermined", one.id);
        line!(text, "{}\n  {}", printable(&head), printable(why));
    }
    if rows.is_empty() && undetermined.is_empty() && !only.is_empty() {
        line!(text, "{}: no finding of that name in the report", printable(&only.join(", ")));
    }
    line!(text, "{}: {}", printable(&scan.inventory.artifact.name), word(scan.decision.verdict));
    Ok(text)
}

fn show(name: &str) -> Result<String, Failure> {
    let found = PRESETS.iter().find(|preset| preset.name == name);
    found.map(|preset| preset.text.to_owned()).ok_or_else(|| {
        let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        let what = format!("cannot show preset `{name}`: expected one of {}", names.join(", "));
        Failure::new(Exit::Usage, anyhow::anyhow!(what))
    })
}

fn fields() -> String {
    let mut text = String::new();
    for field in FIELDS {
        let kind = field.kind.words().replace('`', "");
        line!(text, "{}: {kind}\n  {}", field.name, field.meaning.replace('`', ""));
        if !field.missing.is_empty() {
            line!(text, "  where nobody has said it: {}", field.missing.replace('`', ""));
        }
    }
    text
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Undecided => "undecided",
    }
}

fn changed(before: Verdict, now: Verdict) -> String {
    if before == now { String::new() } else { format!(" (was {})", word(before)) }
}

fn notice_words(notice: &Notice) -> String {
    match notice.origin.as_str() {
        "" => notice.text.clone(),
        origin => format!("{origin}: {}", notice.text),
    }
}
