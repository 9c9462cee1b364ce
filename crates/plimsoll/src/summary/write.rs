//! Counts for people, programs and shells.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{Counts, Summary, Verdict, WORDS};
use crate::exit::printable;

const NEVER: &str = "a string takes every text";

/// The name of a report: what was scanned, or where it was read.
fn name(summary: &Summary) -> &str {
    if summary.artifact.is_empty() { &summary.source } else { &summary.artifact }
}

fn verdict(verdict: Option<Verdict>) -> &'static str {
    verdict.map_or("", Verdict::as_str)
}

/// Numbers in the order of the columns: total, words, fixable, exploited.
fn numbers(counts: &Counts) -> Vec<u64> {
    let mut numbers = vec![counts.total()];
    numbers.extend(counts.by_word);
    numbers.extend([counts.fixable, counts.exploited]);
    numbers
}

fn columns() -> Vec<&'static str> {
    let mut columns = vec!["TOTAL"];
    columns.extend(WORDS.iter().map(|word| word.as_str()));
    columns.extend(["FIXABLE", "EXPLOITED"]);
    columns
}

/// One line of text, whatever it holds.
fn line(text: &str) -> String {
    printable(text).replace('\n', " ")
}

/// Heads of the numbers in a table, in the order of [`numbers`]: words of so many columns must be short.
const HEADS: [&str; 8] = ["TOTAL", "UNKN", "LOW", "MED", "HIGH", "CRIT", "FIXABLE", "EXPLOITED"];
/// Characters of a line. A name that leaves no room for its numbers has a line of its own above them, as `df` does it.
const LINE_CHARS: usize = 80;

/// A line of a table: a name, the gate's word, and numbers or their heads.
struct Row {
    name: String,
    verdict: &'static str,
    cells: Vec<String>,
}

pub(super) fn table(summaries: &[Summary], total: &Counts, by_target: bool) -> String {
    let row = |name: String, verdict: &'static str, counts: &Counts| Row {
        name,
        verdict,
        cells: numbers(counts).iter().map(u64::to_string).collect(),
    };
    let mut rows = vec![Row {
        name: "REPORT".to_owned(),
        verdict: "VERDICT",
        cells: HEADS.iter().map(|head| (*head).to_owned()).collect(),
    }];
    for summary in summaries {
        rows.push(row(line(name(summary)), verdict(summary.verdict), &summary.counts));
        if by_target {
            rows.extend(
                summary.targets.iter().map(|(name, counts)| row(format!("  {}", line(name)), "", counts)),
            );
        }
    }
    if summaries.len() > 1 {
        rows.push(row(format!("{} reports", summaries.len()), verdict(worst(summaries)), total));
    }
    let verdicts = rows.iter().map(|row| row.verdict.len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADS.len())
        .map(|place| rows.iter().map(|row| row.cells[place].len()).max().unwrap_or(0))
        .collect();
    // Two spaces before the verdict and the first number, one before each further number.
    let beside = 2 + verdicts + 1 + widths.iter().map(|width| width + 1).sum::<usize>();
    let room = LINE_CHARS.saturating_sub(beside);
    let length = |row: &Row| row.name.chars().count();
    let wide = rows.iter().map(length).filter(|length| *length <= room).max().unwrap_or(0);
    let mut text = String::new();
    for row in &rows {
        if length(row) > room {
            write!(text, "{}\n{:wide$}", row.name, "").expect(NEVER);
        } else {
            write!(text, "{:wide$}", row.name).expect(NEVER);
        }
        write!(text, "  {:verdicts$} ", row.verdict).expect(NEVER);
        for (cell, width) in row.cells.iter().zip(&widths) {
            write!(text, " {cell:>width$}").expect(NEVER);
        }
        text.push('\n');
    }
    text
}

fn worst(summaries: &[Summary]) -> Option<Verdict> {
    summaries.iter().filter_map(|summary| summary.verdict).max()
}

fn counts(counts: &Counts) -> Value {
    let words: Map<String, Value> = WORDS
        .iter()
        .zip(counts.by_word)
        .map(|(word, count)| (word.as_str().to_owned(), count.into()))
        .collect();
    json!({"Total": counts.total(), "Severities": words, "Fixable": counts.fixable, "Exploited": counts.exploited})
}

pub(super) fn json(summaries: &[Summary], total: &Counts) -> String {
    let reports: Vec<Value> = summaries
        .iter()
        .map(|summary| {
            let targets: Vec<Value> = summary
                .targets
                .iter()
                .map(|(name, found)| json!({"Target": name, "Counts": counts(found)}))
                .collect();
            json!({
                "Report": summary.source,
                "ArtifactName": summary.artifact,
                "Verdict": summary.verdict.map(Verdict::as_str),
                "Counts": counts(&summary.counts),
                "Targets": targets,
            })
        })
        .collect();
    let document = json!({"Reports": reports, "Counts": counts(total), "Verdict": worst(summaries).map(Verdict::as_str)});
    let mut text = serde_json::to_string_pretty(&document).expect("a value is written to a string");
    text.push('\n');
    text
}

/// A field: in quotes where it has to be, and never a formula.
fn field(text: &str) -> String {
    let text = line(text);
    let text =
        if text.trim_start().starts_with(['=', '+', '-', '@', '|', '%']) { format!("'{text}") } else { text };
    if text.contains(['"', ',', ';']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

pub(super) fn csv(summaries: &[Summary], by_target: bool) -> String {
    let mut text = String::from("report,artifact,target,verdict");
    for column in columns() {
        write!(text, ",{}", column.to_ascii_lowercase()).expect(NEVER);
    }
    text.push('\n');
    let mut row = |summary: &Summary, target: &str, verdict: &str, counts: &Counts| {
        write!(text, "{},{},{},{verdict}", field(&summary.source), field(&summary.artifact), field(target))
            .expect(NEVER);
        for number in numbers(counts) {
            write!(text, ",{number}").expect(NEVER);
        }
        text.push('\n');
    };
    for summary in summaries {
        row(summary, "", verdict(summary.verdict), &summary.counts);
        if by_target {
            summary.targets.iter().for_each(|(name, counts)| row(summary, name, "", counts));
        }
    }
    text
}

/// Digits and our own words alone, so that `eval` does nothing else.
pub(super) fn shell(summaries: &[Summary], total: &Counts) -> String {
    let mut text = String::new();
    for (column, number) in columns().iter().zip(numbers(total)) {
        writeln!(text, "PLIMSOLL_{column}={number}").expect(NEVER);
    }
    writeln!(text, "PLIMSOLL_REPORTS={}", summaries.len()).expect(NEVER);
    writeln!(text, "PLIMSOLL_VERDICT={}", verdict(worst(summaries))).expect(NEVER);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summaries() -> Vec<Summary> {
        let counts = Counts { by_word: [0, 1, 2, 3, 4], fixable: 5, exploited: 1 };
        let one = Summary {
            source: "a.json".to_owned(),
            artifact: "app:1\x1b[31m".to_owned(),
            verdict: Some(Verdict::Failed),
            targets: vec![("=cmd, x".to_owned(), counts)],
            counts,
        };
        vec![one, Summary { source: "b.json".to_owned(), ..Summary::default() }]
    }

    fn total() -> Counts {
        let mut total = Counts::default();
        for summary in summaries() {
            total.add(&summary.counts);
        }
        total
    }

    #[test]
    fn tables_line_up() {
        assert_eq!(
            table(&summaries(), &total(), true),
            "\
REPORT      VERDICT  TOTAL UNKN LOW MED HIGH CRIT FIXABLE EXPLOITED
app:1\u{fffd}[31m  failed      10    0   1   2    3    4       5         1
  =cmd, x               10    0   1   2    3    4       5         1
b.json                   0    0   0   0    0    0       0         0
2 reports   failed      10    0   1   2    3    4       5         1
"
        );
    }

    #[test]
    fn lines_are_eighty_characters_long_at_most() {
        let mut summaries = summaries();
        summaries[0].artifact = "registry.example/app:1.2".to_owned();
        summaries[0].verdict = Some(Verdict::Undecided);
        summaries[1].artifact = "registry.example/team/an-application:2026-11-22".to_owned();
        summaries[1]
            .targets
            .push(("usr/lib/python3/dist-packages/x.dist-info".to_owned(), Counts::default()));
        let mut counts = total();
        counts.by_word[3] = 1_234_567;
        let text = table(&summaries, &counts, true);
        assert_eq!(
            text,
            "\
REPORT     VERDICT      TOTAL UNKN LOW MED    HIGH CRIT FIXABLE EXPLOITED
registry.example/app:1.2
           undecided       10    0   1   2       3    4       5         1
  =cmd, x                  10    0   1   2       3    4       5         1
registry.example/team/an-application:2026-11-22
                            0    0   0   0       0    0       0         0
  usr/lib/python3/dist-packages/x.dist-info
                            0    0   0   0       0    0       0         0
2 reports  undecided  1234574    0   1   2 1234567    4       5         1
"
        );
        assert!(text.lines().all(|line| line.chars().count() <= LINE_CHARS));
    }

    #[test]
    fn programs_read_the_same() {
        assert_eq!(
            csv(&summaries(), true),
            "\
report,artifact,target,verdict,total,unknown,low,medium,high,critical,fixable,exploited
a.json,app:1\u{fffd}[31m,,failed,10,0,1,2,3,4,5,1
a.json,app:1\u{fffd}[31m,\"'=cmd, x\",,10,0,1,2,3,4,5,1
b.json,,,,0,0,0,0,0,0,0,0
"
        );
        assert_eq!(
            shell(&summaries(), &total()),
            "\
PLIMSOLL_TOTAL=10
PLIMSOLL_UNKNOWN=0
PLIMSOLL_LOW=1
PLIMSOLL_MEDIUM=2
PLIMSOLL_HIGH=3
PLIMSOLL_CRITICAL=4
PLIMSOLL_FIXABLE=5
PLIMSOLL_EXPLOITED=1
PLIMSOLL_REPORTS=2
PLIMSOLL_VERDICT=failed
"
        );
        let document: Value = serde_json::from_str(&json(&summaries(), &total())).unwrap();
        assert_eq!(document["Counts"]["Severities"]["CRITICAL"], 4);
        assert_eq!(document["Reports"][0]["Targets"][0]["Counts"]["Total"], 10);
        assert_eq!(document["Reports"][1]["Verdict"], Value::Null);
    }
}
