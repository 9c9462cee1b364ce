//! Policies from TOML.

use std::ops::Range;

use toml::Spanned;

use super::expression::Expression;
use super::{Action, PRESETS, Policy, Preset, Rule};
use crate::input::{Entry, Input, InputError, inside_string, listed, nearest, place, quoted};

/// Most rules of one policy.
const MAX_RULES: usize = 1000;
/// Longest name or reason, in bytes.
const MAX_WORDS_BYTES: usize = 500;
/// Longest window, in days: ten years.
const MAX_AFTER_DAYS: u16 = 3660;

const POLICY_KEYS: &[&str] = &["preset", "rules", "strict"];
const RULE_KEYS: &[&str] = &["name", "when", "action", "reason", "after"];

/// Reads a policy. `alone`: the file holds nothing else but waivers.
pub(super) fn policy(origin: &str, text: &str, alone: bool) -> Result<Option<Policy>, InputError> {
    let input = Input { what: "policy", origin, text };
    let document = input.toml()?;
    if alone {
        input.known_keys(&document, "", &["policy", "waivers"])?;
    }
    let Some(value) = document.get("policy") else {
        return if alone {
            Err(input.error(0, "", "expected a table `[policy]`, found none"))
        } else {
            Ok(None)
        };
    };
    let at = value.span().start;
    let Some(table) = value.get_ref().as_table() else {
        let found = value.get_ref().type_str();
        return Err(input.error(at, "", format!("expected `[policy]` to be a table, found {found}")));
    };
    input.known_keys(table, "", POLICY_KEYS)?;
    let mut rules: Vec<Rule> = Vec::new();
    for entry in input.tables(table, "rules")? {
        let rule = rule(&input, entry, rules.len() + 1)?;
        if rules.len() == MAX_RULES {
            return Err(input.error(
                entry.offset,
                "",
                format!("expected at most {MAX_RULES} rules, found more"),
            ));
        }
        if rules.iter().any(|other| other.name == rule.name) {
            let reason = "expected another name, found one that an earlier rule has";
            return Err(input.error(entry.offset, &subject(&rule.name), reason));
        }
        rules.push(rule);
    }
    let mut strict = match table.get("strict") {
        None => false,
        Some(value) => value.get_ref().as_bool().ok_or_else(|| {
            let found = value.get_ref().type_str();
            input.error(
                value.span().start,
                "",
                format!("expected `strict` to be true or false, found {found}"),
            )
        })?,
    };
    let own = rules.len();
    if let Some((name, span)) = input.text_of(table, "", "preset")? {
        let Some(preset) = PRESETS.iter().find(|preset| preset.name == name) else {
            let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
            let reason = format!("expected preset {}, found `{}`", listed(&names), quoted(name));
            let hint = nearest(name, names.into_iter()).map(|near| format!("`{near}` was meant"));
            return Err(InputError { hint, ..input.error(span.start, "", reason) });
        };
        let preset = self::preset(preset)?;
        strict |= preset.strict;
        // A rule of the file stands for the preset's of the same name.
        for rule in preset.rules {
            if !rules.iter().any(|own| own.name == rule.name) {
                rules.push(rule);
            }
        }
    }
    if rules.is_empty() && !strict {
        return Err(input.error(at, "", "expected rules, a preset or `strict = true`, found none of them"));
    }
    Ok(Some(Policy { rules, own, strict }))
}

/// Reads a preset.
pub(super) fn preset(preset: &Preset) -> Result<Policy, InputError> {
    let origin = format!("preset {}", preset.name);
    let mut policy = policy(&origin, preset.text, true)?.unwrap_or_default();
    for rule in &mut policy.rules {
        rule.origin.clone_from(&origin);
        rule.condition_origin.clone_from(&origin);
    }
    policy.own = 0;
    Ok(policy)
}

fn rule(input: &Input<'_>, entry: Entry<'_, '_>, number: usize) -> Result<Rule, InputError> {
    let unnamed = format!("rule {number}");
    let (name, span) = input.required(entry, &unnamed, "name")?;
    let name = bounded(input, name.trim(), &span, &unnamed, "name")?;
    let subject = subject(&name);
    input.known_keys(entry.table, &subject, RULE_KEYS)?;
    let (word, span) = input.required(entry, &subject, "action")?;
    let Some(action) = Action::ALL.into_iter().find(|action| action.as_str() == word) else {
        let words = Action::ALL.map(Action::as_str);
        let reason = format!("expected action {}, found `{}`", listed(&words), quoted(word));
        let hint = nearest(word, words.into_iter()).map(|near| format!("`{near}` was meant"));
        return Err(InputError { hint, ..input.error(span.start, &subject, reason) });
    };
    let reason = match input.text_of(entry.table, &subject, "reason")? {
        Some((reason, span)) => bounded(input, reason.trim(), &span, &subject, "reason")?,
        None => String::new(),
    };
    let after_days = after(input, entry, &subject, action)?;
    let (when, span) = input.required(entry, &subject, "when")?;
    let condition = Expression::read(when).map_err(|fault| {
        let offset = inside_string(input.text, &span, fault.offset);
        InputError { hint: fault.hint, ..input.error(offset, &subject, fault.reason) }
    })?;
    let line = place(input.text, entry.offset).0;
    let (when_line, when_column) = place(input.text, inside_string(input.text, &span, 0));
    Ok(Rule {
        name,
        when: when.to_owned(),
        action,
        reason,
        after_days,
        origin: format!("{}:{line}", input.origin),
        condition_origin: format!("{}:{when_line}:{when_column}", input.origin),
        condition,
        is_ignore_unfixed: false,
    })
}

fn subject(name: &str) -> String {
    format!("rule `{}`", quoted(name))
}

fn bounded(
    input: &Input<'_>,
    text: &str,
    span: &Range<usize>,
    subject: &str,
    key: &str,
) -> Result<String, InputError> {
    if text.len() > MAX_WORDS_BYTES || text.chars().any(char::is_control) {
        let reason = format!(
            "expected `{key}` of at most {MAX_WORDS_BYTES} bytes on one line, without control characters"
        );
        return Err(input.error(span.start, subject, reason));
    }
    Ok(text.to_owned())
}

/// The window: `14d`, `2w`.
fn after(input: &Input<'_>, entry: Entry<'_, '_>, subject: &str, action: Action) -> Result<u16, InputError> {
    let Some(value) = entry.table.get("after") else { return Ok(0) };
    let at = Spanned::span(value).start;
    if action == Action::Ignore {
        return Err(input.error(at, subject, "expected `after` with `fail` or `warn` only, found `ignore`"));
    }
    let text = value.get_ref().as_str().unwrap_or_default();
    let days = match text.strip_suffix('d') {
        Some(days) => days.parse::<u16>().ok(),
        None => text.strip_suffix('w').and_then(|weeks| weeks.parse::<u16>().ok()?.checked_mul(7)),
    };
    match days {
        Some(days @ 1..=MAX_AFTER_DAYS) if !text.starts_with('+') => Ok(days),
        _ => {
            let found = if text.is_empty() { value.get_ref().type_str() } else { text };
            let reason = format!(
                "expected `after` in days or weeks, as \"14d\" or \"2w\", at most {MAX_AFTER_DAYS} days, found `{}`",
                quoted(found)
            );
            Err(input.error(at, subject, reason))
        }
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
