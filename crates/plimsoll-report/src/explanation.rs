//! Why a flaw holds for a package, or does not, for people: each document, each comparison, whose severity counts.

use std::fmt::Write as _;

use plimsoll_match::{
    Comparison, EntryExplained, Explained, Explanation, Holds, Outcome, RangeExplained, RatingExplained,
    Speaks,
};
use plimsoll_model::{AffectedStatus, Finding, FixState, Inventory, RatingScale, Severity};

use crate::terminal::{printable, width, wrap};

/// Ranges of one entry that are shown; the others are counted.
const MAX_RANGES: usize = 8;

/// Narrowest and widest lines, in columns.
const COLUMNS: std::ops::RangeInclusive<usize> = 40..=200;

/// Columns before what is said of a document.
const INDENT: usize = 2;

/// Characters of the day that a moment starts with, `2024-07-25T00:00:00Z`.
const DAY_CHARS: usize = 10;

/// Writes an explanation in lines of at most `columns` columns, which are brought into 40 to 200. The last line is
/// `affected`, or begins with `not affected` or `undetermined`.
pub fn write_explanation(explained: &Explained, inventory: &Inventory, columns: usize) -> String {
    let mut page = Page { text: String::new(), columns: columns.clamp(*COLUMNS.start(), *COLUMNS.end()) };
    let named = |index: usize| {
        let package = inventory.packages.get(index);
        package.map_or_else(String::new, |package| format!("{} {}", package.name, package.version))
    };
    let [only] = &inventory.packages[..] else {
        page.line(0, &format!("{} in {} packages", explained.id, inventory.packages.len()));
        return rest(explained, &named, true, page);
    };
    let (source, source_version) = only.source_or_self();
    let mut head = format!("{} in {} {}", explained.id, only.name, only.version);
    if (source, source_version) != (only.name.as_str(), only.version.as_str()) {
        let _ = write!(head, " (source {source} {source_version})");
    }
    page.line(0, &head);
    rest(explained, &named, false, page)
}

/// All behind the first line; `named` names a package, `several` says that it must be named.
fn rest(explained: &Explained, named: &dyn Fn(usize) -> String, several: bool, mut page: Page) -> String {
    let mut above = None;
    for one in &explained.advisories {
        if several && above != Some(one.package) {
            page.gap();
            page.line(0, &format!("{}:", named(one.package)));
        }
        above = Some(one.package);
        page.gap();
        advisory(one, &mut page);
    }
    for not in &explained.not_affected {
        page.gap();
        let overruled = not.overruled.join(", ");
        let whose = if several { format!("{}: ", named(not.package)) } else { String::new() };
        let text = format!("{whose}{} overrules {overruled}: not affected, {}", not.advisory, not.reason);
        page.line(0, &text);
    }
    for (index, (finding, ratings)) in explained.findings.iter().enumerate() {
        page.gap();
        if several && let Some(&package) = finding.packages.first() {
            page.line(0, &format!("{}:", named(package)));
        }
        let step = explained.severity_steps.get(index).copied().flatten();
        weight(finding, ratings, step, &explained.severity_order, &mut page);
    }
    if !explained.gaps.is_empty() {
        page.gap();
        explained.gaps.iter().for_each(|gap| page.line(0, &format!("gap: {}", gap.reason)));
    }
    page.gap();
    for doubt in &explained.undetermined {
        page.line(0, &format!("{}: {}", doubt.advisory, doubt.reason));
    }
    let nobody = explained.advisories.is_empty();
    match explained.outcome {
        Outcome::Affected => page.line(0, "affected"),
        Outcome::NotAffected if nobody => {
            page.line(0, "no advisory of this flaw names the package");
            page.line(0, "not affected, as far as the database knows");
        }
        Outcome::NotAffected => page.line(0, "not affected"),
        Outcome::Undetermined if nobody => {
            page.line(0, "undetermined: no advisories for it are in the database");
        }
        Outcome::Undetermined => page.line(0, "undetermined"),
    }
    page.text
}

fn advisory(one: &Explanation, page: &mut Page) {
    let source = if one.source.is_empty() { String::new() } else { format!(" ({})", one.source) };
    let mut head = format!("{}{source} on `{}` of {}: ", one.advisory, one.name, one.namespace);
    match &one.holds {
        Holds::Yes { fixed: Some(fixed), .. } => {
            let _ = write!(head, "affected, fixed in {fixed}");
        }
        Holds::Yes { fixed: None, .. } => head.push_str("affected, no fix is named"),
        Holds::No { .. } => head.push_str("not affected, in none of its ranges"),
        Holds::NotAffected { reason } if reason.is_empty() => head.push_str("not affected, it says"),
        Holds::NotAffected { reason } => {
            let _ = write!(head, "not affected, it says: {reason}");
        }
        Holds::OtherModuleStream => head.push_str("speaks of another stream of the module"),
        Holds::Undetermined { reason } => {
            let _ = write!(head, "cannot be said: {reason}");
        }
    }
    page.line(0, &head);
    if !one.counts {
        page.line(INDENT, "does not count: the same document has answered above");
    }
    if !one.module.is_empty() {
        page.line(INDENT, &format!("the package is of the module {}", one.module));
    }
    for entry in &one.entries {
        self::entry(one, entry, page);
    }
}

fn entry(one: &Explanation, entry: &EntryExplained, page: &mut Page) {
    let mut about = Vec::new();
    if !entry.module.is_empty() {
        about.push(format!("module {}", entry.module));
    }
    match entry.status {
        AffectedStatus::Affected => {}
        status => about.push(status_words(status).to_owned()),
    }
    if !entry.note.is_empty() {
        about.push(format!("\"{}\"", entry.note));
    }
    match entry.speaks {
        Speaks::Yes => {}
        Speaks::OtherStream => about.push("of another stream: does not count".to_owned()),
        Speaks::LessSpecific => {
            about.push("of no stream: does not count beside the one of the package's stream".to_owned());
        }
    }
    let indent = if about.is_empty() {
        INDENT
    } else {
        page.line(INDENT, &about.join(", "));
        INDENT * 2
    };
    if entry.speaks != Speaks::Yes {
        return;
    }
    // Those that hold the version, or may, stand first where not all are shown.
    let mut ranges: Vec<&RangeExplained> = entry.ranges.iter().collect();
    if ranges.len() > MAX_RANGES {
        ranges.sort_by_key(|range| range.holds == Ok(false) || !range.counts);
    }
    for range in ranges.iter().take(MAX_RANGES) {
        self::range(&one.version, range, indent, page);
    }
    if ranges.len() > MAX_RANGES {
        page.line(indent, &format!("and {} more ranges", ranges.len() - MAX_RANGES));
    }
    match (&entry.listed_match, entry.listed) {
        (_, 0) => {}
        (Some(listed), _) => page.line(indent, &format!("{} = {listed}: listed, holds it", one.version)),
        (None, 1) => page.line(indent, "the one listed version is another"),
        (None, number) => page.line(indent, &format!("none of the {number} listed versions is it")),
    }
}

fn range(version: &str, range: &RangeExplained, indent: usize, page: &mut Page) {
    for Comparison { operator, bound, holds } in &range.comparisons {
        let answer = match holds {
            Ok(true) => "yes",
            Ok(false) => "no",
            Err(why) => why,
        };
        page.line(indent, &format!("{version} {operator} {bound}: {answer}"));
    }
    let verdict = match &range.holds {
        Ok(true) => "=> in the range".to_owned(),
        Ok(false) => "=> not in the range".to_owned(),
        Err(why) => format!("=> cannot be said: {why}"),
    };
    let counts = if range.counts { "" } else { ", does not count: another build of the fix decides" };
    page.line(indent, &format!("{verdict}{counts}"));
}

/// Severity, exploitation, risk and fix of a finding.
fn weight(finding: &Finding, ratings: &[RatingExplained], step: Option<&str>, order: &str, page: &mut Page) {
    page.line(0, &format!("Severity of {}: {}", finding.id, finding.severity.severity));
    if finding.malicious {
        page.line(INDENT, "a malicious package is critical, whatever else is said");
    }
    for one in ratings {
        let mark = if one.used { '*' } else { '-' };
        let word = one.severity.unwrap_or(Severity::Unknown);
        let score = one.score.map_or_else(String::new, |score| format!(" {}.{}", score / 10, score % 10));
        let vector = match &one.rating.scale {
            RatingScale::Cvss(vector) => format!(": {vector}"),
            RatingScale::Word(_) | RatingScale::Score(_) => String::new(),
        };
        let text =
            format!("{mark} {word}{score} by {} ({}, {}){vector}", one.rating.source, one.origin, one.near);
        page.hanging(INDENT, INDENT * 2, &text);
    }
    match step {
        Some(step) => {
            page.line(
                INDENT,
                &format!("decided by `{step}`, the first to say anything in the order of trust:"),
            );
            page.line(INDENT * 2, order);
        }
        None if finding.malicious => {}
        None => page.line(INDENT, "nobody has said"),
    }
    if let Some(epss) = finding.epss {
        page.line(
            0,
            &format!(
                "EPSS: {}.{:03} % within 30 days, at least as much as {}.{:03} % of all CVEs",
                epss.probability / 1000,
                epss.probability % 1000,
                epss.percentile / 1000,
                epss.percentile % 1000
            ),
        );
    }
    if let Some(entry) = &finding.kev {
        let mut text = format!("KEV: exploited, in CISA's catalogue since {}", entry.date_added);
        if !entry.due_date.is_empty() {
            let _ = write!(text, ", due {}", entry.due_date);
        }
        if entry.ransomware {
            text.push_str(", used by ransomware");
        }
        page.line(0, &text);
    }
    page.line(0, &format!("Risk: {}.{} of 100", finding.risk / 10, finding.risk % 10));
    page.line(0, &format!("Fix: {}", fix_words(finding)));
}

fn fix_words(finding: &Finding) -> String {
    match &finding.fix {
        FixState::Fixed(version) if finding.fixed_since.is_empty() => format!("in {version}"),
        FixState::Fixed(version) => {
            let since = &finding.fixed_since;
            format!("in {version}, since {}", since.get(..DAY_CHARS).unwrap_or(since))
        }
        FixState::NotFixed => "none is named".to_owned(),
        FixState::WillNotFix => status_words(AffectedStatus::WillNotFix).to_owned(),
        FixState::FixDeferred => status_words(AffectedStatus::FixDeferred).to_owned(),
        FixState::UnderInvestigation => status_words(AffectedStatus::UnderInvestigation).to_owned(),
        FixState::EndOfLife => status_words(AffectedStatus::EndOfLife).to_owned(),
    }
}

/// A status in words: `will not be fixed`.
pub fn status_words(status: AffectedStatus) -> &'static str {
    match status {
        AffectedStatus::Affected => "affected",
        AffectedStatus::WillNotFix => "will not be fixed",
        AffectedStatus::FixDeferred => "a fix is put off",
        AffectedStatus::UnderInvestigation => "not judged yet",
        AffectedStatus::EndOfLife => "the release gets no fixes any more",
        AffectedStatus::NotAffected => "not affected",
    }
}

struct Page {
    text: String,
    columns: usize,
}

impl Page {
    /// Text in as many lines as it takes, each behind `indent` blanks, the later ones behind two more.
    fn line(&mut self, indent: usize, text: &str) {
        self.hanging(indent, indent + INDENT, text);
    }

    fn hanging(&mut self, first: usize, later: usize, text: &str) {
        let text = printable(text);
        let fits = first + width(&text) <= self.columns;
        let room = self.columns.saturating_sub(if fits { first } else { first.max(later) });
        for (index, line) in wrap(&text, room).iter().enumerate() {
            self.text.push_str(&" ".repeat(if index == 0 { first } else { later }));
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    fn gap(&mut self) {
        self.text.push('\n');
    }
}

#[cfg(test)]
#[path = "explanation_tests.rs"]
mod tests;
