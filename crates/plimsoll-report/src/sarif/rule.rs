//! Rules: a flaw each, with what to know of it and what to do.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use plimsoll_model::{Finding, Scan, Severity};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::level;
use crate::facts;
use crate::json::primary_url;
use crate::judgement;
use crate::terminal::printable;

/// Longest short description in characters; GitHub shows 1,024.
const MAX_TITLE_CHARS: usize = 1000;

/// Links in a rule's help.
const MAX_LINKS: usize = 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    id: String,
    name: &'static str,
    short_description: Text,
    full_description: Text,
    #[serde(skip_serializing_if = "String::is_empty")]
    help_uri: String,
    help: Help,
    default_configuration: Level,
    properties: Map<String, Value>,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct Help {
    text: String,
    markdown: String,
}

#[derive(Serialize)]
struct Level {
    level: &'static str,
}

/// A rule a flaw, in the order of the IDs, with the worst severity that it has in any package.
pub(super) fn rules(scan: &Scan) -> (Vec<Rule>, HashMap<&str, usize>) {
    let mut by_id: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for judged in judgement::counted(scan).chain(judgement::suppressed(scan)) {
        by_id.entry(&judged.finding.id).or_default().push(judged.finding);
    }
    let rule_of = by_id.keys().enumerate().map(|(index, id)| (*id, index)).collect();
    (by_id.values().map(|findings| rule(scan, findings)).collect(), rule_of)
}

fn rule(scan: &Scan, findings: &[&Finding]) -> Rule {
    let worst = findings
        .iter()
        .max_by_key(|finding| (facts::severity(finding), facts::score_tenths(finding)))
        .expect("a rule is made of the findings of its flaw, of which there is one at least");
    let severity = facts::severity(worst);
    let package = facts::packages(scan, worst).next().map_or("a package", |package| &package.name);
    let title = printable(&facts::title(worst, package)).into_owned();
    let description = if worst.description.is_empty() { title.clone() } else { clean(&worst.description) };
    let mut properties = Map::new();
    if let Some(score) = security_severity(worst) {
        properties.insert("security-severity".to_owned(), json!(score));
    }
    properties.insert("precision".to_owned(), json!("very-high"));
    let mut tags = vec!["security", "vulnerability", severity.as_str()];
    if worst.malicious {
        tags.push("malicious");
    }
    if worst.kev.is_some() {
        tags.push("known-exploited");
    }
    properties.insert("tags".to_owned(), json!(tags));
    if !worst.cwes.is_empty() {
        properties.insert("cwe".to_owned(), json!(worst.cwes));
    }
    Rule {
        id: worst.id.clone(),
        name: "VulnerablePackage",
        short_description: Text { text: facts::at_most(&title, MAX_TITLE_CHARS) },
        full_description: Text { text: facts::at_most(&description, MAX_TITLE_CHARS) },
        help_uri: primary_url(&worst.id),
        help: help(scan, findings, worst, &title, &description),
        default_configuration: Level { level: level(severity) },
        properties,
    }
}

/// What to know and what to do, twice: plain and as Markdown.
fn help(scan: &Scan, findings: &[&Finding], worst: &Finding, title: &str, description: &str) -> Help {
    let severity = facts::severity(worst);
    let mut text = format!("{}: {title}\nSeverity: {severity}", printable(&worst.id));
    let mut markdown = format!(
        "**{}**: {}\n\n| | |\n| --- | --- |\n| Severity | {severity}{} |\n",
        escape(&worst.id),
        escape(title),
        facts::severity_source(worst).map_or_else(String::new, |source| format!(", by {}", escape(source))),
    );
    if !worst.aliases.is_empty() {
        let _ = write!(text, "\nAlso: {}", printable(&worst.aliases.join(", ")));
        let _ = writeln!(markdown, "| Also | {} |", escape(&worst.aliases.join(", ")));
    }
    if let Some(entry) = &worst.kev {
        let _ = write!(text, "\nKnown to be exploited since {}", printable(&entry.date_added));
        let _ = writeln!(markdown, "| Known to be exploited | since {} |", escape(&entry.date_added));
    }
    if let Some(epss) = worst.epss {
        let percent = f64::from(epss.probability) / 1000.0;
        let _ = write!(text, "\nEPSS: {percent:.2}%");
        let _ = writeln!(markdown, "| EPSS | {percent:.2}% |");
    }
    let mut solutions: Vec<String> = findings
        .iter()
        .filter_map(|finding| {
            let package = facts::packages(scan, finding).next()?;
            Some(facts::solution(finding, &package.name))
        })
        .collect();
    solutions.sort();
    solutions.dedup();
    for solution in &solutions {
        let _ = write!(text, "\nFix: {}", printable(solution));
        let _ = writeln!(markdown, "| Fix | {} |", escape(solution));
    }
    if description != title {
        let _ = write!(text, "\n\n{description}");
        let _ = write!(markdown, "\n{}\n", escape(description));
    }
    let links: Vec<&str> = facts::links(worst).take(MAX_LINKS).collect();
    if !links.is_empty() {
        let _ = write!(text, "\n\n{}", links.join("\n"));
        markdown.push('\n');
        for link in links {
            let _ = writeln!(markdown, "- <{link}>");
        }
    }
    Help { text, markdown }
}

/// The score from which GitHub makes its word: over 9.0 critical, from 7.0 high, from 4.0 medium, else low. It is the
/// score behind the severity that counts, or a number in the middle of the word's range. `None` where nobody has said.
pub(super) fn security_severity(finding: &Finding) -> Option<String> {
    let (word, (least, most)) = match facts::severity(finding) {
        Severity::Critical => ("9.5", (91, 100)),
        Severity::High => ("8.0", (70, 90)),
        Severity::Medium => ("5.5", (40, 69)),
        Severity::Low => ("2.0", (1, 39)),
        Severity::Negligible => ("0.1", (1, 1)),
        Severity::Unknown => return None,
    };
    match facts::score_tenths(finding).filter(|score| (least..=most).contains(score)) {
        Some(score) => Some(format!("{}.{}", score / 10, score % 10)),
        None => Some(word.to_owned()),
    }
}

/// A text of several lines without what steers a terminal.
fn clean(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

fn escape(text: &str) -> String {
    text.lines().map(crate::markdown::escape).collect::<Vec<_>>().join(" ")
}
