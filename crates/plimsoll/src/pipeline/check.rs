//! `plimsoll pipeline check`: what is wrong with templates and buildspecs, before they run.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Component, Path};

use anyhow::anyhow;
use plimsoll_template::check::{Finding, Level, RULES, Surroundings, buildspec, template};
use plimsoll_template::document::{Limits, parse};
use plimsoll_template::template::{Inputs, Template};
use serde_json::{Value, json};

use crate::args::{CheckArgs, CheckFormat};
use crate::exit::{Exit, Failure, printable};
use crate::output;
use crate::texts::text_of;

pub(super) fn run(arguments: &CheckArgs) -> Result<Exit, Failure> {
    let mut findings = Vec::new();
    let mut unused: BTreeSet<&str> = arguments.parameter.iter().map(|(name, _)| name.as_str()).collect();
    for path in &arguments.files {
        findings.extend(check(path, arguments, &mut unused)?);
    }
    if let Some(name) = unused.first() {
        let what = anyhow!("cannot use the parameter `{name}`: expected one that a template declares");
        return Err(Failure::new(Exit::Usage, what));
    }
    let written = match arguments.format {
        CheckFormat::Text => text(&findings),
        CheckFormat::Json => {
            document(&json!({ "findings": findings.iter().map(object).collect::<Vec<_>>() }))
        }
        CheckFormat::Sarif => document(&sarif(&findings)),
    };
    output::write(arguments.output.as_deref(), written.as_bytes())?;
    let fails = |finding: &Finding| arguments.strict || finding.level == Level::Error;
    Ok(if findings.iter().any(fails) { Exit::GateFailed } else { Exit::Passed })
}

/// A template, or else a buildspec. Parameters go to the templates that declare them, and are unused no more.
fn check(path: &Path, arguments: &CheckArgs, unused: &mut BTreeSet<&str>) -> Result<Vec<Finding>, Failure> {
    let name = path.display().to_string();
    let text = text_of(path)?;
    let is_template = parse(&text, &Limits::default()).is_ok_and(|root| Template::is_one(&root));
    if !is_template {
        return Ok(buildspec(&name, &text, &Surroundings::default()));
    }
    let mut inputs = Inputs { allow_missing: true, ..Inputs::default() };
    // One that cannot be read says so below, and says nothing of parameters.
    match Template::read(&name, &text, &Limits::default()) {
        Ok(declared) => {
            for (name, value) in arguments.parameter.iter().filter(|(name, _)| declared.declares(name)) {
                unused.remove(name.as_str());
                inputs.parameters.insert(name.clone(), value.clone());
            }
        }
        Err(_) => unused.clear(),
    }
    Ok(template(&name, &text, inputs, &mut |inner| of_sources(&arguments.source, inner)))
}

/// A file of the sources by its path from their root on, and none outside of them.
fn of_sources(root: &Path, path: &str) -> Option<String> {
    let path = Path::new(path);
    let stays = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if stays { text_of(&root.join(path)).ok() } else { None }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    }
}

/// As compilers write: `buildspec.yml:14:9: error: …`, and what to do below.
fn text(findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        let Finding { rule, level, file, place, message, hint } = finding;
        let _ = writeln!(
            out,
            "{}:{}:{}: {}: {} [{rule}]",
            printable(file),
            place.line,
            place.column,
            word(*level),
            printable(message)
        );
        if let Some(hint) = hint {
            let _ = writeln!(out, "  hint: {}", printable(hint));
        }
    }
    let count = |level: Level| findings.iter().filter(|finding| finding.level == level).count();
    let counted = |level: Level| match count(level) {
        1 => format!("1 {}", word(level)),
        number => format!("{number} {}s", word(level)),
    };
    let _ = writeln!(out, "{}, {}, {}", counted(Level::Error), counted(Level::Warning), counted(Level::Note));
    out
}

fn object(finding: &Finding) -> Value {
    json!({
        "rule": finding.rule,
        "level": word(finding.level),
        "file": finding.file,
        "line": finding.place.line,
        "column": finding.place.column,
        "message": finding.message,
        "hint": finding.hint,
    })
}

/// Source: OASIS SARIF 2.1.0.
fn sarif(findings: &[Finding]) -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": { "text": rule.summary },
                "defaultConfiguration": { "level": word(rule.level) },
            })
        })
        .collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let mut message = finding.message.clone();
            if let Some(hint) = &finding.hint {
                let _ = write!(message, ". {hint}");
            }
            json!({
                "ruleId": finding.rule,
                "ruleIndex": RULES.iter().position(|rule| rule.id == finding.rule),
                "level": word(finding.level),
                "message": { "text": message },
                "locations": [{ "physicalLocation": {
                    "artifactLocation": { "uri": address(&finding.file) },
                    "region": { "startLine": finding.place.line, "startColumn": finding.place.column },
                } }],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "plimsoll pipeline check",
                "informationUri": "https://github.com/plimsoll-scan/plimsoll",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// A path as an address: what an address cannot have is escaped.
fn address(path: &str) -> String {
    let mut address = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            address.push(char::from(byte));
        } else {
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address
}

fn document(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("values of JSON can be written");
    text.push('\n');
    text
}
