//! What to do: the few actions that remove most, with lines to copy.

use std::fmt::Write as _;

use plimsoll_model::{FixAction, Scan, Upgrade};

use super::paint::Style;
use super::{Page, counted};
use crate::facts;
use crate::terminal::{printable, width};

/// Actions that are shown where the gate failed; the others are counted.
const MAX_ACTIONS: usize = 6;

/// Actions that are shown where it did not: then they are a hint, and no task.
const MAX_HINTS: usize = 3;

/// Lines of an action that are shown. Where it has more, the packages are named instead: half a command helps nobody.
const MAX_LINES: usize = 10;

/// Packages that are named then.
const MAX_UPGRADES: usize = 4;

/// Columns before the lines of an action.
const LINE_INDENT: usize = 6;

pub(super) fn write(scan: &Scan, page: &mut Page) {
    let advice = &scan.advice;
    if advice.actions.is_empty() && !advice.for_gate {
        return;
    }
    let unfixable = facts::unfixable(scan);
    let head = match (advice.actions.len(), advice.for_gate, unfixable.is_empty()) {
        (0, _, _) => "Fix advice: no upgrade helps".to_owned(),
        (number, true, true) => {
            let clear = if number == 1 { "clears" } else { "clear" };
            format!("Fix advice: {} {clear} the gate", counted(number, "action"))
        }
        (number, true, false) => {
            format!("Fix advice: {} for what fails the gate", counted(number, "action"))
        }
        (number, false, _) => format!("Fix advice: {}", counted(number, "action")),
    };
    page.line(Style::Bold, &head);
    let most = if advice.for_gate { MAX_ACTIONS } else { MAX_HINTS };
    for (number, action) in advice.actions.iter().take(most).enumerate() {
        one(number + 1, action, scan, page);
    }
    if advice.actions.len() > most {
        let more = counted(advice.actions.len() - most, "more action");
        page.paragraph(Style::Faint, 2, &format!("and {more} (all: --format markdown)"));
    }
    for line in unfixable {
        page.paragraph(Style::Warning, 2, &line);
    }
    page.gap();
}

fn one(number: usize, action: &FixAction, scan: &Scan, page: &mut Page) {
    let mut title = format!("{number}. {}", action.title);
    if !action.path.is_empty() && !action.title.contains(&action.path) {
        let _ = write!(title, ", in {}", action.path);
    }
    let removes = facts::removes(scan, action);
    if !removes.is_empty() {
        let _ = write!(title, " ({removes})");
    }
    page.hanging(Style::Plain, 2, 5, &printable(&title));
    let room = page.columns.saturating_sub(LINE_INDENT);
    let lines: Vec<_> = action.lines.iter().map(|line| printable(line)).collect();
    if lines.len() <= MAX_LINES && lines.iter().all(|line| width(line) <= room) {
        for line in lines {
            page.line(Style::Plain, &format!("{}{line}", " ".repeat(LINE_INDENT)));
        }
    } else {
        for upgrade in action.upgrades.iter().take(MAX_UPGRADES) {
            page.line(Style::Plain, &format!("{}{}", " ".repeat(LINE_INDENT), named(upgrade)));
        }
        let more = action.upgrades.len().saturating_sub(MAX_UPGRADES);
        let more = if more > 0 { format!("and {}, ", counted(more, "more package")) } else { String::new() };
        page.paragraph(Style::Faint, LINE_INDENT, &format!("{more}the lines: --format markdown"));
    }
    if !action.remark.is_empty() {
        page.hanging(Style::Faint, LINE_INDENT, LINE_INDENT, &printable(&action.remark));
    }
}

fn named(upgrade: &Upgrade) -> String {
    let Upgrade { name, from, to, .. } = upgrade;
    let text = if to.is_empty() { format!("{name} {from}") } else { format!("{name} {from} → {to}") };
    printable(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::{MIN_COLUMNS, TableOptions, write_table};
    use super::*;
    use crate::sample;

    fn section(scan: &Scan, width: usize) -> String {
        let mut out = Vec::new();
        let options = TableOptions { width, ..TableOptions::default() };
        write_table(scan, &options, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let Some((_, section)) = text.split_once("Fix advice") else { return String::new() };
        let (section, _) = section.split_once("Verdict:").unwrap();
        format!("Fix advice{section}")
    }

    #[expect(clippy::needless_pass_by_value, reason = "so that a snapshot stands where it is checked")]
    fn check(scan: &Scan, expected: Expect) {
        expected.assert_eq(&section(scan, 80));
    }

    #[test]
    fn actions_have_lines_to_copy() {
        check(
            &sample::judged(),
            expect![[r"
                Fix advice: 2 actions for what fails the gate
                  1. Upgrade 2 Debian packages (removes 3 findings, the worst CRITICAL)
                      apt-get update && apt-get install --only-upgrade libssl1.1 openssl
                  2. Upgrade 1 Java library, in app/service.jar (removes 1 finding, CRITICAL)
                      org.apache.logging.log4j:log4j-core:2.15.0
                      in the `pom.xml` that the archive is built from
                  no upgrade for 1 finding: no fixed version is known

            "]],
        );
    }

    #[test]
    fn without_a_failing_gate_it_is_a_hint() {
        let mut scan = sample::judged();
        scan.advice.for_gate = false;
        scan.advice.unfixable.clear();
        let action = scan.advice.actions[1].clone();
        scan.advice.actions.extend([action.clone(), action.clone(), action]);
        check(
            &scan,
            expect![[r"
                Fix advice: 5 actions
                  1. Upgrade 2 Debian packages (removes 3 findings, the worst CRITICAL)
                      apt-get update && apt-get install --only-upgrade libssl1.1 openssl
                  2. Upgrade 1 Java library, in app/service.jar (removes 1 finding, CRITICAL)
                      org.apache.logging.log4j:log4j-core:2.15.0
                      in the `pom.xml` that the archive is built from
                  3. Upgrade 1 Java library, in app/service.jar (removes 1 finding, CRITICAL)
                      org.apache.logging.log4j:log4j-core:2.15.0
                      in the `pom.xml` that the archive is built from
                  and 2 more actions (all: --format markdown)

            "]],
        );
        scan.advice = plimsoll_model::Advice::default();
        check(&scan, expect![""]);
        scan.advice.for_gate = true;
        scan.advice.unfixable = vec![5, 99];
        check(
            &scan,
            expect![[r"
            Fix advice: no upgrade helps
              no upgrade for 1 finding: no fixed version is known

        "]],
        );
    }

    #[test]
    fn what_is_too_long_to_copy_is_named() {
        let mut scan = sample::judged();
        scan.advice.actions.truncate(1);
        let action = &mut scan.advice.actions[0];
        action.lines = (0..=MAX_LINES).map(|number| format!("line {number} \\")).collect();
        let upgrade = action.upgrades[0].clone();
        action.upgrades.extend((0..5).map(|_| upgrade.clone()));
        action.upgrades[1].to.clear();
        check(
            &scan,
            expect![[r"
                Fix advice: 1 action for what fails the gate
                  1. Upgrade 2 Debian packages (removes 3 findings, the worst CRITICAL)
                      libssl1.1 1.1.1n-0+deb11u3 → 1.1.1n-0+deb11u4
                      openssl 1.1.1n-0+deb11u3
                      libssl1.1 1.1.1n-0+deb11u3 → 1.1.1n-0+deb11u4
                      libssl1.1 1.1.1n-0+deb11u3 → 1.1.1n-0+deb11u4
                      and 3 more packages, the lines: --format markdown
                  no upgrade for 1 finding: no fixed version is known

            "]],
        );
    }

    #[test]
    fn nothing_foreign_steers_and_no_index_panics() {
        let mut scan = sample::judged();
        let action = &mut scan.advice.actions[0];
        action.title = "\u{1b}[2Jclean\u{202e}".to_owned();
        action.lines = vec!["a\u{1b}[31m".to_owned()];
        action.remark = "\u{9b}".to_owned();
        action.upgrades[0].removes = vec![999];
        for width in [MIN_COLUMNS, 80, 200] {
            let text = section(&scan, width);
            assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{text:?}");
            assert!(text.lines().all(|line| crate::terminal::width(line) <= width), "{text}");
        }
    }
}
