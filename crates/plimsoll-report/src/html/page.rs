//! The values of the page, in the order in which they are read.

use std::collections::BTreeMap;

use plimsoll_model::{
    Artifact, ArtifactKind, Finding, LayerInfo, Newness, Outcome, Scan, Severity, SuppressionKind, Verdict,
};
use serde::Serialize;

use super::advice::{self, AdviceView};
use super::chart::{self, Chart, Grid, Piece, capital};
use super::details::Fact;
use super::filters::{self, Filters};
use super::finding::{self, Row, day, severity_class, short};
use super::lists::{self, List};
use crate::facts;
use crate::format::Report;
use crate::table::label;

/// More findings than this are many.
const MANY: usize = 200;

/// All that the template shows.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    name: String,
    tool_version: &'a str,
    verdict: VerdictView,
    warnings: Vec<String>,
    rules: Vec<Rule<'a>>,
    pointers: Vec<Pointer>,
    scanned: Vec<Fact>,
    database: Vec<Fact>,
    layers: Vec<Layer<'a>>,
    tiles: Vec<Tile>,
    tags: Vec<Tag>,
    ribbon: Vec<Piece>,
    ribbon_words: String,
    advice: Option<AdviceView<'a>>,
    charts: Vec<Chart>,
    grid: Option<Grid>,
    findings: Vec<Row<'a>>,
    total_words: String,
    /// Whether there are so many that a browser should lay out those alone that are seen.
    many: bool,
    filters: Filters<'a>,
    lists: Vec<List>,
}

#[derive(Serialize)]
struct VerdictView {
    class: &'static str,
    word: &'static str,
    sentence: String,
}

/// A rule and what it decided.
#[derive(Serialize)]
struct Rule<'a> {
    name: &'a str,
    failed: usize,
    warned: usize,
    ignored: usize,
    filter: String,
}

/// A list further down that a reader should know of.
#[derive(Serialize)]
struct Pointer {
    anchor: &'static str,
    words: String,
}

#[derive(Serialize)]
struct Tile {
    class: &'static str,
    label: String,
    number: usize,
    with_fix: usize,
}

/// A number over all severities that has a filter.
#[derive(Serialize)]
struct Tag {
    words: String,
    filter: &'static str,
}

#[derive(Serialize)]
struct Layer<'a> {
    number: usize,
    made_by: String,
    origin: &'static str,
    size: String,
    diff_id: &'a str,
}

/// The page of a report.
pub(super) fn of<'a>(report: &Report<'a>) -> Page<'a> {
    let scan = report.scan;
    let lists = lists::lists(scan);
    Page {
        name: name(&scan.inventory.artifact),
        tool_version: report.tool_version,
        verdict: verdict(scan),
        warnings: warnings(scan),
        rules: rules(scan),
        pointers: pointers(&lists),
        scanned: scanned(report),
        database: database(scan),
        layers: layers(scan),
        tiles: tiles(scan),
        tags: tags(scan),
        ribbon: chart::ribbon(scan),
        ribbon_words: chart::words(&scan.decision.counts),
        advice: advice::view(scan),
        charts: chart::charts(scan),
        grid: chart::grid(scan),
        findings: finding::order(scan)
            .into_iter()
            .map(|index| finding::row(scan, index, &scan.findings[index]))
            .collect(),
        many: scan.findings.len() > MANY,
        total_words: counted(scan.findings.len(), "finding"),
        filters: filters::filters(scan),
        lists,
    }
}

fn name(artifact: &Artifact) -> String {
    if artifact.name.is_empty() { "Scan without a name".to_owned() } else { short(&artifact.name) }
}

fn verdict(scan: &Scan) -> VerdictView {
    let of = |wanted: Outcome| {
        scan.decision
            .rulings
            .iter()
            .take(scan.findings.len())
            .filter(|ruling| ruling.outcome == wanted)
            .count()
    };
    let (failed, warned) = (of(Outcome::Failed), of(Outcome::Warned));
    let fails = match failed {
        1 => "1 finding fails the gate".to_owned(),
        _ => format!("{} fail the gate", counted(failed, "finding")),
    };
    let warns = match warned {
        0 => String::new(),
        1 => ", 1 is a warning".to_owned(),
        _ => format!(", {warned} are warnings"),
    };
    let (class, word, sentence) = match scan.decision.verdict {
        Verdict::Failed => ("failed", "Failed", format!("{fails}{warns}.")),
        Verdict::Passed if scan.decision.rules.is_empty() => {
            ("unasked", "Passed", "No rule was asked, so nothing could fail.".to_owned())
        }
        Verdict::Passed => ("passed", "Passed", format!("No finding fails the gate{warns}.")),
        Verdict::Undecided => {
            let unclear = facts::gaps(scan).count() + scan.undetermined.len();
            let what = match unclear {
                1 => "1 thing".to_owned(),
                _ => format!("{unclear} things"),
            };
            let text = format!(
                "Nothing failed{warns}, but {what} could not be read or decided, and the policy is strict about that."
            );
            ("undecided", "Undecided", text)
        }
    };
    VerdictView { class, word, sentence }
}

/// What must not be overlooked, whatever the verdict is.
fn warnings(scan: &Scan) -> Vec<String> {
    /// Most malicious packages that are named; the others are counted.
    const MAX_MALICIOUS: usize = 5;
    let mut warnings = Vec::new();
    let malicious: Vec<String> = scan
        .findings
        .iter()
        .filter(|finding| finding.malicious)
        .map(|finding| {
            let package = facts::packages(scan, finding).next();
            let name = package.map_or("a package", |package| &package.name);
            format!("Malicious: {} is itself the attack ({}).", short(name), short(&finding.id))
        })
        .collect();
    let more = malicious.len().saturating_sub(MAX_MALICIOUS);
    warnings.extend(malicious.into_iter().take(MAX_MALICIOUS));
    if more > 0 {
        warnings.push(format!("And {more} more malicious packages."));
    }
    if scan.inventory.packages.is_empty() {
        let text = "No package was found here, so nothing could be judged. That is not the same as clean.";
        warnings.push(text.to_owned());
    }
    if scan.database.digest.is_empty() {
        warnings.push("No advisory database was asked.".to_owned());
    }
    warnings
}

fn rules<'a>(scan: &'a Scan) -> Vec<Rule<'a>> {
    let mut decided: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for ruling in scan.decision.rulings.iter().take(scan.findings.len()) {
        let (failed, warned) = decided.entry(&ruling.rule).or_default();
        match ruling.outcome {
            Outcome::Failed => *failed += 1,
            Outcome::Warned => *warned += 1,
            Outcome::Passed => {}
        }
    }
    let mut ignored: BTreeMap<&str, usize> = BTreeMap::new();
    for one in scan.suppressed.iter().filter(|one| one.kind == SuppressionKind::Rule) {
        *ignored.entry(&one.by).or_default() += 1;
    }
    let rule = |name: &'a String| {
        let (failed, warned) = decided.get(name.as_str()).copied().unwrap_or_default();
        let any = failed + warned > 0;
        Rule {
            name: name.as_str(),
            failed,
            warned,
            ignored: ignored.get(name.as_str()).copied().unwrap_or(0),
            filter: if any { format!("rule={}", query_value(name)) } else { String::new() },
        }
    };
    scan.decision.rules.iter().map(rule).collect()
}

fn pointers(lists: &[List]) -> Vec<Pointer> {
    let words = |list: &List| match list.anchor() {
        "gaps" => counted(list.len(), "gap"),
        "undetermined" => format!("{} undetermined", list.len()),
        "notices" => counted(list.len(), "notice"),
        "suppressed" => format!("{} suppressed", list.len()),
        _ => format!("{} cleared by the distribution", list.len()),
    };
    lists.iter().map(|list| Pointer { anchor: list.anchor(), words: words(list) }).collect()
}

fn scanned(report: &Report<'_>) -> Vec<Fact> {
    let scan = report.scan;
    let artifact = &scan.inventory.artifact;
    let mut facts = Facts::default();
    facts.add(
        "Scanned",
        match artifact.kind {
            ArtifactKind::ContainerImage => "container image",
            ArtifactKind::Filesystem => "folder",
            ArtifactKind::Sbom => "bill of materials",
        },
    );
    facts.add("At", report.created.unwrap_or(""));
    let names: Vec<&str> =
        artifact.repo_tags.iter().filter(|tag| **tag != artifact.name).map(String::as_str).collect();
    facts.add("Also named", &names.join(", "));
    facts.code("Digest", &artifact.manifest_digest);
    if artifact.manifest_digest.is_empty() {
        facts.code("Config", &artifact.config_digest);
    }
    facts.add("Platform", &artifact.platform.as_ref().map_or_else(String::new, ToString::to_string));
    if let Some(os) = &scan.inventory.os {
        let system = label::system(os);
        facts.add("System", if os.pretty_name.is_empty() { &system } else { &os.pretty_name });
    }
    facts.add("Made", day(&artifact.created));
    facts.add("Packages", &grouped(scan.inventory.packages.len()));
    if !artifact.layers.is_empty() {
        let bytes = artifact.layers.iter().fold(0_u64, |sum, layer| sum.saturating_add(layer.size_bytes));
        let size = if bytes > 0 { format!(", {}", megabytes(bytes)) } else { String::new() };
        facts.add("Layers", &format!("{}{size}", artifact.layers.len()));
    }
    if let Some(base) = &scan.inventory.base {
        facts.add("Base image", &format!("{} ({})", base.name, counted(base.layers, "layer")));
        facts.code("Base digest", &base.digest);
    }
    if let Some(baseline) = &scan.baseline {
        let gone = match baseline.gone.total() {
            0 => String::new(),
            number => format!("; {number} of its findings are gone"),
        };
        facts.add("Compared with", &format!("{}{gone}", baseline.name));
    }
    facts.0
}

fn database(scan: &Scan) -> Vec<Fact> {
    let database = &scan.database;
    let mut facts = Facts::default();
    if !database.digest.is_empty() {
        facts.add("Advisories", &grouped(usize::try_from(database.advisories).unwrap_or(usize::MAX)));
        facts.add("Newest advisory", day(&database.newest_advisory));
        facts.add("Last updated", day(&database.updated));
        facts.code("Database", &database.digest);
    }
    facts.0
}

#[derive(Default)]
struct Facts(Vec<Fact>);

impl Facts {
    fn add(&mut self, label: &'static str, value: &str) {
        if !value.is_empty() {
            self.0.push(Fact { label, value: short(value), code: false });
        }
    }

    fn code(&mut self, label: &'static str, value: &str) {
        if !value.is_empty() {
            self.0.push(Fact { label, value: short(value), code: true });
        }
    }
}

fn layers<'a>(scan: &'a Scan) -> Vec<Layer<'a>> {
    let base = scan.inventory.base.as_ref().map(|base| base.layers);
    let layer = |(index, layer): (usize, &'a LayerInfo)| Layer {
        number: index.saturating_add(1),
        made_by: short(&label::made_by(&layer.created_by)),
        origin: match base {
            Some(layers) if index < layers => "base image",
            Some(_) => "added",
            None => "",
        },
        size: if layer.size_bytes > 0 { megabytes(layer.size_bytes) } else { String::new() },
        diff_id: &layer.diff_id,
    };
    scan.inventory.artifact.layers.iter().enumerate().map(layer).collect()
}

fn tiles(scan: &Scan) -> Vec<Tile> {
    let of = |severity: Severity| {
        let findings = || scan.findings.iter().filter(move |finding| facts::severity(finding) == severity);
        Tile {
            class: severity_class(severity),
            label: capital(severity_class(severity)),
            number: findings().count(),
            with_fix: findings().filter(|finding| finding.fix.version().is_some()).count(),
        }
    };
    // The first four always stand there, for a nought is news too.
    let mut tiles: Vec<Tile> = Severity::WORST_FIRST.into_iter().map(of).collect();
    let mut place = 0;
    tiles.retain(|tile| {
        place += 1;
        place <= 4 || tile.number > 0
    });
    tiles
}

fn tags(scan: &Scan) -> Vec<Tag> {
    let count =
        |wanted: &dyn Fn(&Finding) -> bool| scan.findings.iter().filter(|finding| wanted(finding)).count();
    let tags = [
        (count(&|finding| finding.kev.is_some()), "known to be exploited", "exploited=yes"),
        (count(&|finding| finding.fix.version().is_some()), "with a fix", "fix=yes"),
        (count(&|finding| finding.new == Some(Newness::Added)), "new, added by the image", "new=added"),
        (count(&|finding| finding.new == Some(Newness::Learnt)), "new, learnt since", "new=learnt"),
    ];
    let tags = tags.into_iter().filter(|(number, _, _)| *number > 0);
    tags.map(|(number, words, filter)| Tag { words: format!("{} {words}", grouped(number)), filter })
        .collect()
}

/// A value behind the `#` as the script reads it: what is no unreserved character is written as `%20`.
fn query_value(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}

/// `3,400`.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 finding`, `3,400 findings`.
pub(super) fn counted(number: usize, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {word}{plural}", grouped(number))
}

/// Bytes in MB of a million, with one digit behind the point.
fn megabytes(bytes: u64) -> String {
    let tenths = bytes.saturating_add(50_000) / 100_000;
    match tenths {
        0 => "less than 0.1 MB".to_owned(),
        _ => format!("{}.{} MB", tenths / 10, tenths % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_for_people() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(counted(1, "finding"), "1 finding");
        assert_eq!(counted(3_400, "finding"), "3,400 findings");
        assert_eq!(megabytes(1), "less than 0.1 MB");
        assert_eq!(megabytes(3_449_999), "3.4 MB");
    }

    #[test]
    fn a_rule_stands_in_an_address_as_it_is() {
        assert_eq!(query_value("fail on HIGH or worse"), "fail%20on%20HIGH%20or%20worse");
        assert_eq!(query_value("a&b=c,#\"<ü"), "a%26b%3Dc%2C%23%22%3C%C3%BC");
    }
}
